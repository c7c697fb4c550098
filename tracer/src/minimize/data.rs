//! Our own file on what container runtimes need of a profile.
//!
//! Its shape, and nothing of what is done with it.

use crate::profile::fallback::NamedValues;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runtimes {
    #[serde(rename = "comment")]
    _comment: String,
    pub(super) runtimes: Vec<Baseline>,
    pub(super) inits: Vec<InitBaseline>,
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

/// What an init makes that an engine puts before a container's program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitBaseline {
    pub(super) name: String,
    pub(super) entries: Vec<InitEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitEntry {
    pub(super) names: Vec<String>,
    /// How it was found.
    pub(super) how: String,
    /// Not in every run.
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

pub(super) static RUNTIMES: LazyLock<Runtimes> = LazyLock::new(|| {
    let text = include_str!("../../../profiles/runtimes.json");
    serde_json::from_str(text).expect("our own file; a test reads it")
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::fallback;
    use crate::syscall::is_known_name;

    #[test]
    fn our_own_file_is_about_real_calls_and_values() {
        let known: Vec<_> = RUNTIMES
            .runtimes
            .iter()
            .map(|runtime| runtime.name.as_str())
            .collect();
        assert_eq!(known, ["runc", "crun"]);
        let runtimes = RUNTIMES.runtimes.iter().flat_map(|known| &known.entries);
        let runtimes = runtimes.map(|entry| (&entry.names, &entry.how, &entry.arguments));
        let inits = RUNTIMES.inits.iter().flat_map(|known| &known.entries);
        let inits = inits.map(|entry| (&entry.names, &entry.how, &entry.arguments));
        for (names, how, arguments) in runtimes.chain(inits) {
            for name in names {
                assert!(is_known_name(name), "{name}");
            }
            assert!(how.len() > 4, "{names:?}");
            fallback::check_values(names, arguments);
        }
    }
}
