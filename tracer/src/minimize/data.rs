//! Our own files on what profiles need beside what was seen: the runtimes, the fallbacks.
//!
//! Their shapes, and nothing of what is done with them.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Values by the name of the argument, as the catalog writes them.
pub(super) type NamedValues = BTreeMap<String, Vec<String>>;

/// Calls, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) names: Vec<String>,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runtimes {
    #[serde(rename = "comment")]
    _comment: String,
    pub(super) runtimes: Vec<Baseline>,
}

/// What one runtime makes under the filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) phase: Phase,
    pub(super) names: Vec<String>,
    /// How it was found.
    pub(super) how: String,
    /// First versions of the branches that do it; empty for every version.
    #[serde(default)]
    pub(super) since: Vec<String>,
    /// Not in every start.
    #[serde(default)]
    pub(super) chance: bool,
    #[serde(default)]
    pub(super) arguments: NamedValues,
}

/// When a runtime makes calls under the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before a container's exec, wherever the filter goes in.
    Late,
    /// Before a container's exec, if the filter goes in before capabilities are changed.
    Early,
    /// When a command is executed in a container.
    Exec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Fallbacks {
    #[serde(rename = "comment")]
    _comment: String,
    pub(super) kernel: Vec<Fallback>,
    pub(super) kernel_values: Vec<Twins>,
    pub(super) vdso: Names,
    pub(super) libc: Vec<Names>,
    pub(super) libc_values: Vec<Twins>,
    pub(super) startup: Names,
}

/// What is done where something cannot be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fallback {
    pub(super) when: Vec<String>,
    pub(super) then: Vec<String>,
    pub(super) reason: String,
    #[serde(default)]
    pub(super) arguments: NamedValues,
}

/// Values of one argument that stand in for others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Twins {
    pub(super) calls: Vec<String>,
    pub(super) argument: String,
    pub(super) when: Vec<String>,
    pub(super) then: Vec<String>,
    pub(super) reason: String,
}

/// One of our own files; a test reads each.
fn embedded<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::from_str(text).expect("our own file; a test reads it")
}

pub(super) static RUNTIMES: LazyLock<Runtimes> =
    LazyLock::new(|| embedded(include_str!("../../../profiles/runtimes.json")));
pub(super) static FALLBACKS: LazyLock<Fallbacks> =
    LazyLock::new(|| embedded(include_str!("../../../profiles/fallbacks.json")));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::floor;
    use crate::syscall::{Abi, Call, catalog, is_known_name};

    #[test]
    fn our_own_files_name_real_calls() {
        let floor = floor::all().iter().flat_map(|entry| &entry.names);
        let entries = RUNTIMES.runtimes.iter().flat_map(|known| &known.entries);
        let runtimes = entries.flat_map(|entry| &entry.names);
        let fallbacks = &FALLBACKS.kernel;
        let fallbacks = fallbacks
            .iter()
            .flat_map(|one| one.when.iter().chain(&one.then));
        let twins = FALLBACKS.kernel_values.iter().chain(&FALLBACKS.libc_values);
        let siblings = FALLBACKS
            .libc
            .iter()
            .chain([&FALLBACKS.vdso, &FALLBACKS.startup]);
        let names = floor
            .chain(runtimes)
            .chain(fallbacks)
            .chain(twins.flat_map(|twins| &twins.calls))
            .chain(siblings.flat_map(|one| &one.names));
        for name in names {
            assert!(is_known_name(name), "{name}");
        }
        let known: Vec<_> = RUNTIMES
            .runtimes
            .iter()
            .map(|runtime| runtime.name.as_str())
            .collect();
        assert_eq!(known, ["runc", "crun"]);
    }

    fn position(name: &str, argument: &str) -> Option<(Call, u8)> {
        let call = Abi::ALL
            .into_iter()
            .find_map(|abi| Call::named(abi, name))?;
        let argument = catalog::of(call)
            .iter()
            .find(|known| known.name == argument)?;
        Some((call, argument.index))
    }

    #[test]
    fn our_own_files_name_real_values() {
        for twins in FALLBACKS.kernel_values.iter().chain(&FALLBACKS.libc_values) {
            for name in &twins.calls {
                let (call, index) = position(name, &twins.argument).unwrap();
                for value in twins.when.iter().chain(&twins.then) {
                    assert!(
                        catalog::value(call, index, value).is_some(),
                        "{name} {value}"
                    );
                }
            }
        }
        let entries = RUNTIMES.runtimes.iter().flat_map(|known| &known.entries);
        let runtimes = entries.map(|entry| (&entry.names, &entry.arguments));
        let fallbacks = FALLBACKS
            .kernel
            .iter()
            .map(|one| (&one.then, &one.arguments));
        for (names, arguments) in runtimes.chain(fallbacks) {
            for (argument, values) in arguments {
                let positions: Vec<_> = names
                    .iter()
                    .filter_map(|name| position(name, argument))
                    .collect();
                assert!(!positions.is_empty(), "{names:?} {argument}");
                for (call, index) in positions {
                    for value in values {
                        assert!(
                            catalog::value(call, index, value).is_some(),
                            "{call} {value}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn everything_has_a_reason() {
        let reasons = FALLBACKS.kernel.iter().map(|one| &one.reason);
        let entries = RUNTIMES.runtimes.iter().flat_map(|known| &known.entries);
        let reasons = reasons.chain(entries.map(|entry| &entry.how));
        assert!(reasons.into_iter().all(|reason| reason.len() > 4));
    }
}
