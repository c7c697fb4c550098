//! Whether a profile may be shipped as an OCI artifact, from which Kubernetes' runtimes are to take it:
//! plain OCI form, no listener, and of bounded size.
//! <https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/6061-oci-seccomp-profiles>

use super::model::Action;
use super::position::Position;
use super::source::{Filter, Source};
use super::words;
use std::collections::BTreeMap;
use std::fmt;

/// The largest artifact.
pub const SIZE_MAX_BYTES: usize = 1 << 20;

/// The most entries that may name one call.
pub const ENTRIES_MAX: usize = 128;

/// The largest errno that the kernel hands out.
pub const ERRNO_MAX: u16 = 4095;

/// Something that a runtime refuses in an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, if the profile was read from a file.
    pub position: Option<Position>,
    /// What.
    pub limit: Limit,
}

/// What a runtime refuses. Names come from the profile: hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The text is too large.
    Size {
        /// How large it is.
        bytes: usize,
    },
    /// Architectures by host, which plain OCI does not have.
    ArchMap,
    /// A rule with conditions on host, capabilities or kernel, which plain OCI does not have.
    Conditional,
    /// A rule or default that asks a listener.
    Notify,
    /// The listener's socket or data.
    Listener,
    /// A flag that is only for listeners.
    WaitKillable,
    /// An errno that the kernel would cut.
    Errno(u16),
    /// A call that too many entries name.
    Entries {
        /// The call.
        name: String,
        /// In how many.
        count: usize,
    },
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { bytes } => {
                write!(formatter, "{bytes} bytes, more than {SIZE_MAX_BYTES}")
            }
            Self::ArchMap => formatter.write_str("`archMap` is no part of the plain form"),
            Self::Conditional => {
                formatter.write_str("`includes` and `excludes` are no part of the plain form")
            }
            Self::Notify => formatter.write_str("`SCMP_ACT_NOTIFY` is not taken"),
            Self::Listener => formatter.write_str("a listener is not taken"),
            Self::WaitKillable => write!(formatter, "`{}` is not taken", words::WAIT_KILLABLE_RECV),
            Self::Errno(errno) => write!(formatter, "errno {errno}, more than {ERRNO_MAX}"),
            Self::Entries { name, count } => {
                write!(
                    formatter,
                    "`{name}` is in {count} entries, more than {ENTRIES_MAX}"
                )
            }
        }
    }
}

/// Everything for which a runtime would refuse the profile as an artifact, in the profile's order. The size is
/// that of its text.
#[must_use]
pub fn violations(source: &Source, bytes: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    let positions = &source.origin.positions;
    let mut add = |position, limit| found.push(Violation { position, limit });
    if bytes > SIZE_MAX_BYTES {
        add(positions.profile, Limit::Size { bytes });
    }
    if let Some(limit) = of_action(source.default_action) {
        add(positions.default_action, limit);
    }
    if !source.arch_map.is_empty() {
        add(positions.arch_map, Limit::ArchMap);
    }
    let mut flags = source.flags.iter().flatten();
    if flags.any(|flag| flag == words::WAIT_KILLABLE_RECV) {
        add(positions.flags, Limit::WaitKillable);
    }
    if source.listener_path.is_some() || source.listener_metadata.is_some() {
        add(positions.listener_path, Limit::Listener);
    }
    let nothing = Filter::default();
    let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in &source.rules {
        let positions = &rule.positions;
        if let Some(limit) = of_action(rule.action) {
            add(positions.action, limit);
        }
        if rule.includes != nothing || rule.excludes != nothing {
            add(
                positions.includes.or(positions.excludes),
                Limit::Conditional,
            );
        }
        for (index, name) in rule.names.iter().enumerate() {
            let count = entries.entry(name).or_default();
            *count += 1;
            // Said once, where it becomes too many.
            if *count == ENTRIES_MAX + 1 {
                let (name, count) = (name.clone(), entries_of(source, name));
                add(rule.name_position(index), Limit::Entries { name, count });
            }
        }
    }
    found
}

fn of_action(action: Action) -> Option<Limit> {
    match action {
        Action::Notify => Some(Limit::Notify),
        Action::Errno(errno) if errno > ERRNO_MAX => Some(Limit::Errno(errno)),
        _ => None,
    }
}

fn entries_of(source: &Source, name: &str) -> usize {
    let names = source.rules.iter().flat_map(|rule| &rule.names);
    names.filter(|found| *found == name).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{base, read};

    fn found(text: &str) -> Vec<String> {
        let source = read::profile(text).unwrap();
        let found = violations(&source, text.len()).into_iter();
        found
            .map(|violation| match violation.position {
                Some(position) => format!("{position}: {}", violation.limit),
                None => violation.limit.to_string(),
            })
            .collect()
    }

    #[test]
    fn each_limit_is_said_with_its_place() {
        let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000,
 "archMap": [{"architecture": "SCMP_ARCH_X86_64"}],
 "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"], "listenerPath": "/run/s",
 "syscalls": [{"names": ["a"], "action": "SCMP_ACT_NOTIFY", "includes": {"caps": ["CAP_BPF"]}}]}"#;
        assert_eq!(
            found(text),
            [
                "line 1 column 19: errno 5000, more than 4095",
                "line 2 column 13: `archMap` is no part of the plain form",
                "line 3 column 11: `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` is not taken",
                "line 3 column 71: a listener is not taken",
                "line 4 column 42: `SCMP_ACT_NOTIFY` is not taken",
                "line 4 column 73: `includes` and `excludes` are no part of the plain form",
            ]
        );
    }

    #[test]
    fn a_call_may_be_in_so_many_entries() {
        let text = |count: usize| {
            let rule = r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW"}"#;
            let rules = vec![rule; count].join(",\n");
            format!("{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n{rules}]}}")
        };
        assert_eq!(found(&text(128)), [""; 0]);
        assert_eq!(
            found(&text(130)),
            ["line 130 column 12: `a` is in 130 entries, more than 128"]
        );
    }

    #[test]
    fn a_text_may_be_so_large() {
        let size = |bytes| {
            let found = violations(base::podman(), bytes);
            found
                .iter()
                .any(|one| matches!(one.limit, Limit::Size { .. }))
        };
        assert!(!size(SIZE_MAX_BYTES) && size(SIZE_MAX_BYTES + 1));
    }
}
