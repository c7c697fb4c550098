//! From a conditional profile to the flat one for a host, a kernel and a set of capabilities, as dockerd
//! does it.

use super::model::{Profile, Rule};
use super::source::{Filter, KernelVersion, Source, SourceRule};
use crate::syscall::Abi;
use crate::syscall::capability::Capabilities;

/// What a conditional profile depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Native ABI of the host.
    pub host: Abi,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// The container's bounding set.
    pub capabilities: Capabilities,
}

impl Source {
    /// The flat profile for these circumstances. Nothing is merged, sorted or made unique.
    #[must_use]
    pub fn resolve(&self, circumstances: &Circumstances) -> Profile {
        let rules = self.kept(circumstances).map(|(_, rule)| rule);
        let names = self.architectures(circumstances.host);
        let known = |name: &&String| Abi::from_oci_name(name).is_some();
        Profile {
            default_action: self.default_action,
            abis: names
                .iter()
                .filter_map(|name| Abi::from_oci_name(name))
                .collect(),
            other_architectures: names.iter().filter(|name| !known(name)).cloned().collect(),
            flags: self.flags.clone(),
            listener_path: self.listener_path.clone(),
            listener_metadata: self.listener_metadata.clone(),
            rules: rules.map(flat).collect(),
        }
    }

    /// The rules that apply in these circumstances, each with its index in the profile, in order: those that
    /// [`Source::resolve`] takes.
    pub fn kept(
        &self,
        circumstances: &Circumstances,
    ) -> impl Iterator<Item = (usize, &SourceRule)> {
        let rules = self.rules.iter().enumerate();
        rules.filter(|(_, rule)| applies(rule, circumstances))
    }

    /// The first entry of `archMap` for the host decides.
    pub(super) fn architectures(&self, host: Abi) -> Vec<String> {
        let entry = self
            .arch_map
            .iter()
            .find(|(name, _)| name == host.oci_name());
        match entry {
            Some((name, others)) => std::iter::once(name).chain(others).cloned().collect(),
            None => self.architectures.clone(),
        }
    }
}

fn flat(rule: &SourceRule) -> Rule {
    let SourceRule {
        names,
        action,
        conditions,
        ..
    } = rule.clone();
    Rule {
        names,
        action,
        conditions,
    }
}

/// Excludes drop a rule if any part holds, includes if any part does not.
pub(super) fn applies(rule: &SourceRule, circumstances: &Circumstances) -> bool {
    let excluded = parts(&rule.excludes, circumstances, Quantifier::Any);
    let included = parts(&rule.includes, circumstances, Quantifier::All);
    !excluded.into_iter().flatten().any(|holds| holds)
        && included.into_iter().flatten().all(|holds| holds)
}

#[derive(Clone, Copy, PartialEq)]
enum Quantifier {
    Any,
    All,
}

/// Whether architectures, capabilities and kernel hold; `None` where the filter says nothing.
fn parts(
    filter: &Filter,
    circumstances: &Circumstances,
    capabilities: Quantifier,
) -> [Option<bool>; 3] {
    let Circumstances {
        host,
        kernel,
        capabilities: granted,
    } = circumstances;
    let mut wanted = filter.capabilities.iter();
    let granted = |name: &String| granted.contains(name);
    let holds = if capabilities == Quantifier::Any {
        wanted.any(granted)
    } else {
        wanted.all(granted)
    };
    [
        (!filter.architectures.is_empty()).then(|| {
            filter
                .architectures
                .iter()
                .any(|name| name == docker_name(*host))
        }),
        (!filter.capabilities.is_empty()).then_some(holds),
        filter.kernel.map(|oldest| *kernel >= oldest),
    ]
}

/// What dockerd calls its host in `arches`.
fn docker_name(host: Abi) -> &'static str {
    match host {
        Abi::X86_64 => "amd64",
        Abi::I386 => "x86",
        Abi::Aarch64 => "arm64",
        Abi::Arm => "arm",
        // No host is ever called that; the name in Docker's default is without effect.
        Abi::X32 => "",
    }
}
