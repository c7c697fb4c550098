//! What an engine silently ignores in a profile, or reads otherwise than it is written.

use super::position::Position;
use std::fmt;

/// A remark on a place in a file. It quotes the file: hostile, to be escaped before it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRemark {
    /// Where.
    pub position: Position,
    /// The keys that lead there, like `syscalls[3].args[0].index`; empty for the whole.
    pub path: String,
    /// What there is to remark.
    pub kind: RemarkKind,
}

impl fmt::Display for ReadRemark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            position,
            path,
            kind,
        } = self;
        let colon = if path.is_empty() { "" } else { ": " };
        write!(formatter, "{position}: {path}{colon}{kind}")
    }
}

/// What there is to remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// No engine knows the key.
    UnknownKey(String),
    /// No engine knows the key, but one that is nearly the same and not there.
    MistypedKey {
        /// As it is.
        found: String,
        /// As it was probably meant.
        meant: &'static str,
    },
    /// The key is there twice; the last one counts.
    RepeatedKey(&'static str),
    /// The key is not spelt as it should be. Engines that are written in Go take it nevertheless.
    MisspeltKey {
        /// As it is.
        found: String,
        /// As it should be.
        meant: &'static str,
    },
    /// The rule names its call in the old form.
    OldName,
    /// The rule names no call.
    NoNames,
    /// A capability, host or architecture that no engine has.
    NeverHolds(String),
    /// An empty `minKernel`, which holds on every kernel.
    EveryKernel,
    /// An errno of more than 16 bits.
    ErrnoCut {
        /// As it is.
        found: u64,
        /// What runtimes make of it.
        value: u16,
    },
    /// An errno by name.
    ErrnoName {
        /// The key.
        key: &'static str,
        /// What engines take that do not know the key.
        others: u16,
    },
    /// An errno for an action that has none.
    ErrnoUnused {
        /// The key.
        key: &'static str,
        /// The action.
        action: &'static str,
    },
    /// A second value that the operator does not look at.
    ValueTwoUnused(&'static str),
    /// A name of no letters.
    EmptyName,
    /// More conditions than a call has arguments.
    SeventhCondition,
    /// A rule that asks a listener that is not there.
    NoListener,
    /// A rule that asks a listener about `write`.
    NotifyOnWrite,
    /// A flag that only a filter with a listener may have.
    FlagNeedsListener,
    /// A name that a tool made up from a number.
    InventedName(String),
    /// A manifest that is switched off.
    Disabled,
    /// A document that is no profile.
    OtherDocument(String),
    /// There are this many more remarks.
    More(usize),
}

impl fmt::Display for RemarkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(key) => write!(formatter, "engines ignore the key `{key}`"),
            Self::MistypedKey { found, meant } => write!(
                formatter,
                "engines ignore the key `{found}`; `{meant}` is meant, and missing"
            ),
            Self::RepeatedKey(key) => {
                write!(formatter, "`{key}` is there twice; the last one counts")
            }
            Self::MisspeltKey { found, meant } => write!(
                formatter,
                "`{found}` is taken for `{meant}` by engines that are written in Go, and ignored by others"
            ),
            Self::OldName => formatter
                .write_str("`name` is read by Docker and Podman; other engines want `names`"),
            Self::NoNames => formatter.write_str("the rule names no call, so it does nothing"),
            Self::NeverHolds(word) => {
                write!(
                    formatter,
                    "no engine ever has `{word}`, so this never holds"
                )
            }
            Self::EveryKernel => formatter.write_str("an empty `minKernel` holds on every kernel"),
            Self::ErrnoCut { found, value } => {
                write!(
                    formatter,
                    "runtimes keep 16 bits of the errno {found}: {value}"
                )
            }
            Self::ErrnoName { key, others } => write!(
                formatter,
                "`{key}` is read by Podman and CRI-O; other engines take the errno {others}"
            ),
            Self::ErrnoUnused { key, action } => write!(
                formatter,
                "`{key}` with {action}, which takes no errno: runc ignores it, crun refuses the profile"
            ),
            Self::ValueTwoUnused(operator) => {
                write!(formatter, "{operator} does not look at `valueTwo`")
            }
            Self::EmptyName => {
                formatter.write_str("an empty name: runc refuses the profile, crun skips it")
            }
            Self::SeventhCondition => {
                formatter.write_str("crun looks at the first six conditions of a rule only")
            }
            Self::NoListener => formatter
                .write_str("there is no `listenerPath`, without which runc refuses the rule"),
            Self::NotifyOnWrite => {
                formatter.write_str("runc and youki refuse to ask a listener about `write`")
            }
            Self::FlagNeedsListener => formatter.write_str(
                "the kernel refuses SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV without a listener",
            ),
            Self::InventedName(name) => {
                write!(
                    formatter,
                    "`{name}` is a number without a name; it is left out"
                )
            }
            Self::Disabled => {
                formatter.write_str("the profile is disabled, so it is not installed")
            }
            Self::OtherDocument(kind) => {
                write!(formatter, "a document of kind `{kind}` is left out")
            }
            Self::More(count) => write!(formatter, "there are {count} more remarks"),
        }
    }
}
