//! What no container starts without: the calls of a runtime whose refusal ends the start.
//!
//! Our own file on it, and nothing of what is done with it. Of what a runtime does besides, and can do without,
//! the minimizer knows.

use super::fallback::NamedValues;
use super::release::Release;
use super::runtime::Runtime;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Calls that are needed at one time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    runtime: String,
    /// When they are made.
    pub phase: Phase,
    /// Their names.
    pub names: Vec<String>,
    /// How it was found.
    #[serde(rename = "how")]
    _how: String,
    /// First versions of the branches that make them; empty for every version.
    #[serde(default)]
    since: Vec<String>,
    /// A refusal is put up with; only a filter that kills ends the start.
    #[serde(default)]
    pub killed: bool,
    /// The values that are needed.
    #[serde(default)]
    pub arguments: NamedValues,
}

/// When a runtime makes calls under the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the program's exec, wherever the filter goes in.
    Late,
    /// Before the program's exec, if the filter goes in before capabilities and user are changed: without
    /// no_new_privs.
    Early,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "comment")]
    _comment: String,
    starts: Vec<Need>,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let text = include_str!("../../../profiles/starts.json");
    serde_json::from_str(text).expect("our own file; a test reads it")
});

/// What a release does not start a container without; with no_new_privs, only what is made late. Of a runtime
/// that nobody has looked at, nothing.
pub fn needs(release: &Release, no_new_privs: bool) -> impl Iterator<Item = &'static Need> {
    let of_runtime = |need: &&Need| need.runtime == release.runtime.name();
    let in_time = move |need: &&Need| need.phase == Phase::Late || !no_new_privs;
    let needs = DOCUMENT.starts.iter().filter(of_runtime).filter(in_time);
    needs.filter(|need| need.since.is_empty() || release.may_be_since(&need.since))
}

/// The names of all calls that any runtime needs.
#[must_use]
pub fn names() -> BTreeSet<&'static str> {
    let all = DOCUMENT.starts.iter().flat_map(|need| &need.names);
    all.map(String::as_str).collect()
}

/// The runtimes that something is known of.
pub const KNOWN: [Runtime; 2] = [Runtime::Runc, Runtime::Crun];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::fallback;
    use crate::syscall::is_known_name;

    #[test]
    fn our_own_file_is_about_real_calls_and_values() {
        for need in &DOCUMENT.starts {
            let known = KNOWN.iter().any(|one| one.name() == need.runtime);
            assert!(known, "{}", need.runtime);
            for name in &need.names {
                assert!(is_known_name(name), "{name}");
            }
            fallback::check_values(&need.names, &need.arguments);
        }
    }

    #[test]
    fn what_is_needed_depends_on_release_and_way() {
        let named = |release: &str, late: bool| -> BTreeSet<&str> {
            let release: Release = release.parse().unwrap();
            let needs = needs(&release, late);
            needs
                .flat_map(|need| &need.names)
                .map(String::as_str)
                .collect()
        };
        assert!(named("runc", false).contains("capset"));
        assert!(!named("runc", true).contains("capset"));
        assert!(named("runc", true).contains("statx"));
        assert!(!named("runc@1.1.5", true).contains("statx"));
        assert_eq!(named("crun@1.8.1", true), ["close", "execve"].into());
        assert!(named("youki", false).is_empty());
    }
}
