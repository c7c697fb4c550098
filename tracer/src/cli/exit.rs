//! Exit codes, documented and tested.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done; for gates: nothing to object to.
    Done,
    /// The gate says no.
    Gate,
    /// Usage or invalid input.
    Invalid,
    /// A capability, kernel feature, engine or target is missing.
    Environment,
    /// The evidence is incomplete.
    Incomplete,
    /// `record -- CMD`, `run`: we failed before or beside the command.
    Ours,
    /// `record -- CMD`, `run`: the command cannot be executed.
    NotExecutable,
    /// `record -- CMD`, `run`: the command was not found.
    NotFound,
    /// `record -- CMD`, `run`: the command's own code, 128+N on a signal.
    Command(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Gate => 1,
            Exit::Invalid => 2,
            Exit::Environment => 3,
            Exit::Incomplete => 4,
            Exit::Ours => 125,
            Exit::NotExecutable => 126,
            Exit::NotFound => 127,
            Exit::Command(code) => code,
        })
    }
}
