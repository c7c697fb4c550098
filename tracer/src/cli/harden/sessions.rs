//! Runs of the command, one after the other: as it is, under the base, and under one profile after the other.

use super::Arguments;
use super::command::Command;
use super::{HardenError, Held};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::progress::Display;
use crate::cli::watching::{self, LimitArguments, TargetArguments};
use crate::probe::Looking;
use crate::profile::{Profile, write};
use crate::recording::SeccompState;
use crate::session::Listening;
use std::path::PathBuf;

/// Under what the command runs.
#[derive(Clone, Copy)]
pub(super) enum Under<'a> {
    /// As it is.
    Nothing,
    /// The base, to see what it does there.
    Base(&'a Profile),
    /// A profile, to see what that refuses.
    Profile(&'a Profile),
}

/// Runs of the command, one after the other.
pub(super) struct Sessions<'a> {
    pub(super) limits: &'a LimitArguments,
    pub(super) quiet: bool,
    /// Listens already while the run before it goes on, so that no signal is lost between them.
    pub(super) next: Listening,
    /// Where the profile of a run is kept.
    pub(super) workshop: tempfile::TempDir,
}

impl<'a> Sessions<'a> {
    pub(super) fn new(arguments: &'a Arguments) -> Result<Self, Failure> {
        let workshop = |error| Failure::environment(HardenError::Workshop(error));
        Ok(Self {
            limits: &arguments.limits,
            quiet: arguments.quiet,
            next: Listening::start().map_err(watching::no_session)?,
            workshop: tempfile::tempdir().map_err(workshop)?,
        })
    }

    /// Runs the command, and records what it does and is refused; under a profile only what it is refused.
    pub(super) fn hold(&mut self, command: &Command, under: Under<'_>) -> Result<Held, Failure> {
        let next = Listening::start().map_err(watching::no_session)?;
        let mut listening = std::mem::replace(&mut self.next, next);
        let words = match under {
            Under::Nothing => command.plain(),
            Under::Base(profile) | Under::Profile(profile) => {
                command.under(&self.keep(profile)?)?
            }
        };
        let mut plan = watching::plan(&TargetArguments::of_command(words))?;
        plan.label = command.label();
        let (looking, mut display) = match under {
            Under::Nothing | Under::Base(_) => {
                (Looking::AtBoth, Display::recording(&plan.label, self.quiet))
            }
            Under::Profile(_) => (
                Looking::AtDenials,
                Display::watching(&plan.label, self.quiet),
            ),
        };
        let mut watched = watching::hold(plan, &mut listening, looking, self.limits, &mut display)?;
        if let Under::Base(_) = under {
            // What our own loader does before it is not the command's.
            watched.recording.target.seccomp = Some(SeccompState::Custom);
            watched.recording.target.filtered_at_start = Some(true);
        }
        Ok(watched)
    }

    fn keep(&self, profile: &Profile) -> Result<PathBuf, Failure> {
        let path = self.workshop.path().join("profile.json");
        let written = std::fs::write(&path, write::oci(profile));
        written.map_err(|error| Failure::environment(HardenError::Workshop(error)))?;
        Ok(path)
    }

    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            output::say(text);
        }
    }
}
