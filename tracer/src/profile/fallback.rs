//! What programs do elsewhere: where a call cannot be made, or another one is made instead.
//!
//! Our own file on it, and nothing of what is done with it.

use crate::syscall::{Abi, Call};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Values by the name of the argument, as the catalog writes them.
pub type NamedValues = BTreeMap<String, Vec<String>>;

/// Everything that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fallbacks {
    #[serde(rename = "comment")]
    _comment: String,
    /// What the same program does on another kernel or host.
    pub kernel: Vec<Fallback>,
    /// Values that stand in for others there.
    pub kernel_values: Vec<Twins>,
    /// Calls that the vDSO answers, mostly.
    pub vdso: Names,
    /// Calls of which another C library or architecture uses others.
    pub libc: Vec<Names>,
    /// Values that stand in for others there.
    pub libc_values: Vec<Twins>,
    /// What loaders and C libraries do before a program starts.
    pub startup: Names,
}

/// Calls, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Their names.
    pub names: Vec<String>,
    /// Why.
    pub reason: String,
}

/// What is done where something cannot be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fallback {
    /// Calls that cannot be made, each by itself.
    pub when: Vec<String>,
    /// Calls that are then made, the closest to it first.
    pub then: Vec<String>,
    /// Why.
    pub reason: String,
    /// Values that `then` needs.
    #[serde(default)]
    pub arguments: NamedValues,
    /// Who makes `when` without being asked to, and falls back only if it is answered with `ENOSYS`.
    pub unasked: Option<String>,
    /// Whoever makes `when` falls back.
    #[serde(default)]
    pub every_program: bool,
}

/// Values of one argument that stand in for others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twins {
    /// The calls.
    pub calls: Vec<String>,
    /// The name of the argument.
    pub argument: String,
    /// Values that were seen.
    pub when: Vec<String>,
    /// Values that stand in for them.
    pub then: Vec<String>,
    /// Why.
    pub reason: String,
}

static FALLBACKS: LazyLock<Fallbacks> = LazyLock::new(|| {
    let text = include_str!("../../../profiles/fallbacks.json");
    serde_json::from_str(text).expect("our own file; a test reads it")
});

/// Everything that is known.
#[must_use]
pub fn known() -> &'static Fallbacks {
    &FALLBACKS
}

impl Fallback {
    /// Whether this is what is done where the call of that name cannot be made.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.when.iter().any(|when| when == name)
    }

    /// What is done first of all instead on an ABI.
    #[must_use]
    pub fn instead(&self, abi: Abi) -> Option<(Call, &str)> {
        let mut then = self.then.iter();
        then.find_map(|name| Some((Call::named(abi, name)?, name.as_str())))
    }
}

/// Calls that libraries make by themselves and replace by others on `ENOSYS`, and only then: each with what is
/// then made, and who makes it.
pub fn unasked() -> impl Iterator<Item = (&'static str, &'static Fallback, &'static str)> {
    let all = known().kernel.iter();
    let unasked = all.filter_map(|one| Some((one, one.unasked.as_deref()?)));
    unasked.flat_map(|(one, who)| one.when.iter().map(move |when| (when.as_str(), one, who)))
}

/// Fails if one of the arguments is none of the calls', or a value has no such name.
#[cfg(test)]
pub(crate) fn check_values(names: &[String], arguments: &NamedValues) {
    use crate::syscall::catalog;
    let position = |name: &str, argument: &str| {
        let mut abis = Abi::ALL.into_iter();
        let call = abis.find_map(|abi| Call::named(abi, name))?;
        let mut known = catalog::of(call).iter();
        let argument = known.find(|known| known.name == argument)?;
        Some((call, argument.index))
    };
    for (argument, values) in arguments {
        let positions = names.iter().filter_map(|name| position(name, argument));
        let positions: Vec<_> = positions.collect();
        assert!(!positions.is_empty(), "{names:?} {argument}");
        for (call, index) in positions {
            for value in values {
                let known = catalog::value(call, index, value);
                assert!(known.is_some(), "{call} {value}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::is_known_name;

    #[test]
    fn our_own_file_names_real_calls() {
        let known = known();
        let kernel = known.kernel.iter();
        let fallbacks = kernel.flat_map(|one| one.when.iter().chain(&one.then));
        let twins = known.kernel_values.iter().chain(&known.libc_values);
        let siblings = known.libc.iter().chain([&known.vdso, &known.startup]);
        let names = fallbacks
            .chain(twins.flat_map(|twins| &twins.calls))
            .chain(siblings.flat_map(|one| &one.names));
        for name in names {
            assert!(is_known_name(name), "{name}");
        }
    }

    #[test]
    fn our_own_file_names_real_values() {
        let known = known();
        for twins in known.kernel_values.iter().chain(&known.libc_values) {
            for name in &twins.calls {
                let values = twins.when.iter().chain(&twins.then).cloned().collect();
                let arguments = [(twins.argument.clone(), values)].into();
                check_values(std::slice::from_ref(name), &arguments);
            }
        }
        for fallback in &known.kernel {
            check_values(&fallback.then, &fallback.arguments);
        }
    }

    #[test]
    fn everything_has_a_reason_and_a_fact_is_said_once() {
        let kernel = &known().kernel;
        let reasons = kernel
            .iter()
            .flat_map(|one| [Some(&one.reason), one.unasked.as_ref()]);
        for reason in reasons.flatten() {
            assert!(reason.len() > 4, "{reason}");
        }
        let mut pairs = std::collections::BTreeSet::new();
        for one in kernel.iter().filter(|one| one.arguments.is_empty()) {
            for (when, then) in one
                .when
                .iter()
                .flat_map(|when| one.then.iter().map(move |then| (when, then)))
            {
                assert!(pairs.insert((when, then)), "{when} {then}");
            }
        }
        let mut calls: Vec<_> = unasked().map(|(call, _, _)| call).collect();
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!((calls.len(), calls.contains(&"clone3")), (count, true));
    }
}
