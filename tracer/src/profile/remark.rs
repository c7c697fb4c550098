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

/// What there is to remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// No engine knows the key.
    UnknownKey(String),
    /// The key is there twice; the last one counts.
    RepeatedKey(&'static str),
    /// The key is not spelt as it should be. Engines that are written in Go take it nevertheless.
    MisspeltKey {
        /// As it is.
        found: String,
        /// As it should be.
        meant: &'static str,
    },
}

impl fmt::Display for RemarkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(key) => write!(formatter, "engines ignore the key `{key}`"),
            Self::RepeatedKey(key) => {
                write!(formatter, "`{key}` is there twice; the last one counts")
            }
            Self::MisspeltKey { found, meant } => write!(
                formatter,
                "`{found}` is taken for `{meant}` by engines that are written in Go, and ignored by others"
            ),
        }
    }
}
