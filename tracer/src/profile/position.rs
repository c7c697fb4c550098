//! Where things stand in the file that a profile was read from.
//!
//! Positions are kept beside the values, not around them: most profiles are made, not read, and whoever
//! thinks about what a profile means does not care where it was written.

use std::fmt;

/// A place in a text. Both numbers count from 1; columns count Unicode characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The character in that line.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column } = self;
        write!(formatter, "line {line} column {column}")
    }
}

/// Where the parts of a [`super::Source`] stand: each time the value, not its key. Nothing is known of a
/// profile that was not read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePositions {
    /// The beginning of the profile itself.
    pub profile: Option<Position>,
    /// The default action.
    pub default_action: Option<Position>,
    /// `architectures`, the list.
    pub architectures: Option<Position>,
    /// `archMap`, the list.
    pub arch_map: Option<Position>,
    /// `flags`, the list.
    pub flags: Option<Position>,
    /// `listenerPath`.
    pub listener_path: Option<Position>,
    /// `syscalls`, the list.
    pub rules: Option<Position>,
}

/// Where the parts of a [`super::SourceRule`] stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePositions {
    /// The beginning of the rule.
    pub rule: Option<Position>,
    /// Its action.
    pub action: Option<Position>,
    /// Its names, in the order of `names`; empty when nothing is known.
    pub names: Vec<Position>,
    /// Its conditions, in the order of `conditions`; empty when nothing is known.
    pub conditions: Vec<Position>,
    /// Its `includes`.
    pub includes: Option<Position>,
    /// Its `excludes`.
    pub excludes: Option<Position>,
}
