//! What goes wrong, as the user reads it: what failed, why, and what to do.

use super::exit::Exit;
use std::error::Error;

/// An error with an exit code and perhaps a hint.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    /// The failing thing; its causes are its sources.
    pub(super) error: Box<dyn Error + Send + Sync>,
    /// What the user can do.
    pub(super) hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub(super) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit,
            error: error.into(),
            hint: None,
        }
    }

    /// Adds what the user can do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same where there may be nothing to do.
    pub(super) fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// A failure of the input.
    pub(super) fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Invalid, error)
    }

    /// A failure of the surroundings.
    pub(super) fn environment(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Environment, error)
    }
}
