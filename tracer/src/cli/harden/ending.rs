//! What is written in the end: the profile, and what was recorded.

use super::Arguments;
use super::evidence::Evidence;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate;
use crate::cli::offer::Offered;
use crate::cli::output::{self, Sink};
use crate::profile::write;
use crate::recording::{self, Recording, Runs};
use crate::report::{escape, text};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a run that lacked nothing.
    Clean,
    /// Without one.
    Unclean,
    /// By the user, with this signal.
    Interrupted(u8),
}

/// Where everything goes.
pub(super) struct Ending<'a> {
    arguments: &'a Arguments,
    profile: Sink,
    recording: Option<Sink>,
}

impl<'a> Ending<'a> {
    /// Opens what is written to, so that a bad path fails in the first second.
    pub(super) fn open(arguments: &'a Arguments) -> Result<Self, Failure> {
        let keep = arguments.keep.as_deref();
        Ok(Self {
            arguments,
            profile: Sink::open(Some(&arguments.file()))?,
            recording: keep.map(|path| Sink::open(Some(path))).transpose()?,
        })
    }

    /// Writes everything, and says what it is.
    pub(super) fn write(self, evidence: &Evidence, end: End) -> Result<Exit, Failure> {
        let Self {
            arguments,
            profile,
            recording,
        } = self;
        if recording.is_some() || matches!(end, End::Interrupted(_)) {
            keep(arguments, recording, &evidence.recorded()?)?;
        }
        let (outcome, options) = evidence.make()?;
        profile.write(&write::oci(&outcome.profile))?;
        if arguments.explain {
            for line in text::reasons(&outcome) {
                output::say(&line);
            }
        }
        let offered = Offered::of(evidence.runs(), &options);
        if !arguments.quiet {
            generate::summarise(&outcome, &options, evidence.base());
            offered.say(&outcome.profile, &arguments.file(), &arguments.apply);
        }
        if let End::Interrupted(_) = end {
            output::say(
                "interrupted: the profile is what is known so far; nothing was proved of it",
            );
        }
        offered.print(&outcome.profile, &arguments.file(), &arguments.apply)?;
        Ok(match end {
            End::Clean => Exit::Done,
            End::Unclean => Exit::Gate,
            End::Interrupted(signal) => by_signal(signal),
        })
    }

    /// Writes a recording of which no profile can be made, and says so.
    pub(super) fn recording_only(self, recording: &Recording, signal: u8) -> Result<Exit, Failure> {
        if recording.facts.is_empty() {
            output::say("interrupted: nothing was recorded, so nothing was written");
            return Ok(by_signal(signal));
        }
        let runs = Runs::from(recording.clone());
        keep(self.arguments, self.recording, &runs)?;
        output::say(
            "interrupted: calls are missing from the recording, so no profile was made of it",
        );
        Ok(by_signal(signal))
    }
}

/// The exit code of a command that a signal ended, as shells have it.
pub(super) fn by_signal(signal: u8) -> Exit {
    Exit::Command(128_u8.saturating_add(signal))
}

fn keep(arguments: &Arguments, sink: Option<Sink>, runs: &Runs) -> Result<(), Failure> {
    let path = match &arguments.keep {
        Some(path) => path.clone(),
        None => beside(&arguments.file()),
    };
    let sink = match sink {
        Some(sink) => sink,
        None => Sink::open(Some(&path))?,
    };
    sink.write_with(|out| recording::write(runs, out))?;
    if !arguments.quiet {
        output::say(&format!("wrote {}: what was recorded", escape::path(&path)));
    }
    Ok(())
}

/// `profile.rec.json` for `profile.json`.
fn beside(profile: &Path) -> PathBuf {
    let is_file = profile != Path::new("-") && (profile.is_file() || !profile.exists());
    let profile = if is_file {
        profile
    } else {
        Path::new("profile.json")
    };
    let mut name: OsString = profile.file_stem().unwrap_or_default().to_owned();
    name.push(".rec.json");
    profile.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_kept_beside_its_profile() {
        let table = [
            ("/nowhere/web.json", "/nowhere/web.rec.json"),
            ("/nowhere/web", "/nowhere/web.rec.json"),
            ("-", "profile.rec.json"),
            ("/dev/null", "profile.rec.json"),
        ];
        for (profile, expected) in table {
            assert_eq!(beside(Path::new(profile)), Path::new(expected), "{profile}");
        }
    }

    #[test]
    fn signals_become_exit_codes_as_in_a_shell() {
        assert_eq!(by_signal(2), Exit::Command(130));
        assert_eq!(by_signal(15), Exit::Command(143));
    }
}
