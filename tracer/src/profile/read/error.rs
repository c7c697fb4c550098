//! Why a text is not a profile, and where.

use super::foreign::Foreign;
use super::node::{Node, Place};
use crate::profile::position::Position;
use std::fmt;

/// Why a text is not a profile, or one that an engine or runtime would refuse. What it quotes comes from the
/// file: hostile, to be escaped before it is shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ReadError {
    /// Where it stands; `None` for what is wrong with the text as a whole.
    pub position: Option<Position>,
    /// The keys that lead there, like `syscalls[3].action`; empty if there are none.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(formatter, "{position}: ")?;
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        self.problem.fmt(formatter)
    }
}

/// What is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// Not YAML, or more of YAML than a profile needs.
    #[error("not YAML that a profile can be written in: {0}")]
    Yaml(String),
    /// More text than any profile has.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// More values than any profile has.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are too many.
        limit: usize,
    },
    /// Rules whose conditions cut the arguments into too many pieces.
    #[error("the rules for `{0}` tell more values apart than can be compared")]
    Tangled(String),
    /// Several profiles in one text.
    #[error("{} profiles in one file: {}", .0.len(), listed(.0))]
    Several(Vec<String>),
    /// Several values where a file has one.
    #[error("{0} profiles in one file; split it")]
    Values(usize),
    /// No profile of that name.
    #[error("no profile `{0}` in it")]
    NotInside(String),
    /// A container that is described has no filter.
    #[error("the container runs without any filter: there is no profile in it")]
    Unconfined,
    /// A container that is described has its engine's default.
    #[error("the container has its engine's own profile, which is not in the file")]
    EngineDefault,
    /// A profile that is in another file.
    #[error("it names the file `{0}`, which is not read: paths inside an input are never followed")]
    Path(String),
    /// Something else than a profile.
    #[error("{0}")]
    Foreign(Foreign),
    /// What a profile cannot say in the same way.
    #[error("cannot be said exactly: {0}")]
    Inexact(&'static str),
    /// An engine would run the container unconfined with it.
    #[error("the profile is empty: engines would run the container without any filter")]
    Empty,
    /// A value of the wrong type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A number that is no plain integer in its range.
    #[error("`{found}` is not an integer from 0 to {largest}")]
    Number {
        /// What it is.
        found: String,
        /// The largest that it may be.
        largest: u64,
    },
    /// A key that must be there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A string that must say something.
    #[error("must not be empty")]
    EmptyText,
    /// Two keys that exclude each other.
    #[error("`{one}` and `{other}` must not be there together")]
    Contradiction {
        /// A key.
        one: &'static str,
        /// Another key.
        other: &'static str,
    },
    /// A key that needs another.
    #[error("`{key}` without `{needs}`")]
    Without {
        /// The key.
        key: &'static str,
        /// The one that is missing.
        needs: &'static str,
    },
    /// A key that is there twice, so that engines make something of both that nobody wrote.
    #[error("`{0}` is there twice, and engines mix the two")]
    Repeated(String),
    /// A word or number that no runtime takes.
    #[error("unknown {what} `{found}`")]
    Unknown {
        /// What it should be.
        what: &'static str,
        /// What it is.
        found: String,
    },
    /// An action that runtimes refuse there.
    #[error("`{0}` cannot be the default action")]
    DefaultAction(&'static str),
    /// Neither form.
    #[error("neither a profile nor a manifest of kind SeccompProfile")]
    NoManifest,
    /// A profile that is only a part.
    #[error("it adds to the profile `{0}`, which is not in this file")]
    BaseProfile(String),
}

/// The most names that an error quotes.
const NAMES_MAX: usize = 8;

/// Names, not too many.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

impl ReadError {
    /// What to do about it, if that is not said by itself.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match &self.problem {
            Problem::Foreign(foreign) => Some(foreign.hint()),
            Problem::Path(_) => Some("give that file instead"),
            Problem::Several(_) | Problem::NotInside(_) => Some("choose one with `--name NAME`"),
            Problem::EngineDefault => Some(
                "`--base docker` and `--base podman` are such profiles; give the file that is used",
            ),
            _ => None,
        }
    }
}

/// The most characters of a file that an error quotes.
const QUOTED_MAX: usize = 60;

/// What an error quotes of a text.
pub(in crate::profile) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}

/// Something wrong at a place.
pub(super) fn wrong(position: Position, place: &Place<'_>, problem: Problem) -> ReadError {
    ReadError {
        position: Some(position),
        path: place.to_string(),
        problem,
    }
}

/// Something wrong with the text as a whole.
pub(super) const fn wrong_text(problem: Problem) -> ReadError {
    ReadError {
        position: None,
        path: String::new(),
        problem,
    }
}

/// A value of the wrong type.
pub(super) fn mistyped(node: &Node<'_>, place: &Place<'_>, expected: &'static str) -> ReadError {
    let found = node.kind();
    wrong(node.position, place, Problem::Type { expected, found })
}

/// A word that nobody knows.
pub(super) fn unknown(
    position: Position,
    place: &Place<'_>,
    what: &'static str,
    found: &str,
) -> ReadError {
    let found = quoted(found);
    wrong(position, place, Problem::Unknown { what, found })
}
