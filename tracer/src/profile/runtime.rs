//! What each container runtime makes of a profile before libseccomp compiles it.
//!
//! runc is described as of 1.0.0 and later, crun as of 1.8, youki as of its sources of April 2026. It knows
//! how they read rules; what libseccomp then does is the meaning's business.

use super::meaning::is_multiplexed;
use super::model::{Action, Condition, Operator, Profile};
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A container runtime that takes OCI profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// runc, which Docker, containerd and most others use.
    Runc,
    /// crun, Podman's.
    Crun,
    /// youki.
    Youki,
}

impl Runtime {
    /// Every runtime, in order.
    pub const ALL: [Self; 3] = [Self::Runc, Self::Crun, Self::Youki];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
        }
    }

    /// The runtime of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|runtime| runtime.name() == name)
    }

    /// runc answers ENOSYS to numbers above the highest that the profile names on an ABI, whatever its rules
    /// do with that call, before the filter is asked; by ABI, that number as the filter sees it. It does not
    /// when the default lets calls through, and on an ABI on which nothing above 0 is named.
    /// <https://github.com/opencontainers/runc/blob/v1.2.0/libcontainer/seccomp/patchbpf/enosys_linux.go#L288>
    pub(super) fn newest(self, profile: &Profile, abis: &BTreeSet<Abi>) -> BTreeMap<Abi, u32> {
        let open = matches!(
            profile.default_action,
            Action::Allow | Action::Log | Action::Trace(_)
        );
        if self != Self::Runc || open {
            return BTreeMap::new();
        }
        let names = || profile.rules.iter().flat_map(|rule| &rule.names);
        let newest = |abi: Abi| {
            let names = names().filter(|name| !is_multiplexed(abi, name));
            let calls = names.filter_map(|name| Call::named(abi, name));
            let newest = calls.map(Call::filter_number).max()?;
            (newest > 0).then_some((abi, newest))
        };
        abis.iter().filter_map(|&abi| newest(abi)).collect()
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The most conditions of a rule that crun looks at; what comes after them is dropped.
const CRUN_CONDITIONS_MAX: usize = 6;

/// The condition lists that a rule comes to: one, or, if an index is used twice, one for each condition,
/// because that is what every runtime makes of it.
pub(super) fn alternatives(
    conditions: &[Condition],
    runtime: Option<Runtime>,
) -> Vec<Vec<Condition>> {
    let mut conditions = conditions.to_vec();
    match runtime {
        Some(Runtime::Crun) => conditions.truncate(CRUN_CONDITIONS_MAX),
        Some(Runtime::Youki) => conditions.iter_mut().for_each(swap_operands),
        Some(Runtime::Runc) | None => {}
    }
    let indexes: BTreeSet<u8> = conditions.iter().map(|condition| condition.index).collect();
    if indexes.len() == conditions.len() {
        return vec![conditions];
    }
    conditions
        .into_iter()
        .map(|condition| vec![condition])
        .collect()
}

/// youki passes the datum of a masked comparison as its mask, and the mask as its datum.
fn swap_operands(condition: &mut Condition) {
    if condition.operator == Operator::MaskedEq {
        std::mem::swap(&mut condition.value, &mut condition.value_two);
    }
}
