//! `harden`: from a command to a profile under which it was seen to work.

mod command;
mod compose;
mod ending;
mod evidence;
mod sessions;

use super::apply::ApplyArguments;
use super::base::{self, BaseArguments};
use super::clients::ClientArguments;
use super::closeness::ClosenessArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::recordings::{self, Incomplete};
use super::start::StartArguments;
use super::watching::{LimitArguments, Watched as Held};
use crate::profile::{Profile, Source};
use crate::recording::{Recording, Runs, Void};
use crate::report::escape;
use crate::syscall;
use command::{Command, Fit};
use ending::{End, Ending};
use evidence::{Beginning, Evidence};
use sessions::{Sessions, Under};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// Record a command, make its profile, and run it under that until nothing is missing.
///
/// The command, or the container of `docker run …` or `podman run …`, or the services of `docker compose up`, run once
/// as they are; once more under the base itself if something was let through that the base refuses, so that what is
/// done instead is seen; and then under the profile. What that refuses and the base permits is added, and the command
/// runs again. The last run must end as the first did, with nothing refused but what the base or a filter of the
/// command's own refuses too; exit code 1 says that this was not reached. The profile is written in both cases, and
/// when it is interrupted, then with what was recorded. A first run that fails proves nothing: its exit code is passed
/// on. The command runs several times, so it must bear that.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    closeness: ClosenessArguments,
    #[command(flatten)]
    start: StartArguments,
    #[command(flatten)]
    limits: LimitArguments,
    /// Permit this call although the base does not; may be given several times.
    #[arg(long, value_name = "CALL")]
    allow: Vec<String>,
    /// Begin with this profile: what it permits, and the base does, stays permitted, and what it refuses is added.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[arg(long = "recording", value_name = "REC", help = RECORDING_HELP)]
    recordings: Vec<PathBuf>,
    /// Keep what is recorded in this file [default: beside the profile, if interrupted].
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Run at most so many times under a profile.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    rounds: u32,
    /// Go on although the first run fails, as it does when all is well; each run must then fail in the same way.
    #[arg(long)]
    allow_incomplete: bool,
    /// Print the reason for every rule; of what was added, in which round it was refused.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    client: ClientArguments,
    #[command(flatten)]
    apply: ApplyArguments,
    /// Where the profile goes. Of a project of Compose, a folder with a profile for each service and the file that
    /// applies them [default: profile.json, or profiles]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    /// The command; of `docker run …` the container is hardened.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const RECORDING_HELP: &str = "Add what recordings show, as of tests or of a profile that only complains: files, \
directories of them and patterns";

/// The most rounds.
const ROUNDS_MAX: u32 = 100;

impl Arguments {
    /// Where a profile goes.
    fn file(&self) -> PathBuf {
        let default = || "profile.json".into();
        self.output.clone().unwrap_or_else(default)
    }

    /// Where several go.
    fn folder(&self) -> PathBuf {
        let default = || "profiles".into();
        self.output.clone().unwrap_or_else(default)
    }
}

/// Why nothing can be hardened.
#[derive(Debug, thiserror::Error)]
enum HardenError {
    #[error("unknown call `{}`", escape::text(.0))]
    UnknownCall(String),
    #[error("nothing was proved: {0}")]
    Nothing(Void),
    #[error("nothing was recorded")]
    NoContainer,
    #[error("{0} calls could not be recorded")]
    Incomplete(u64),
    #[error("{0} containers were gone before anybody could say whose they were")]
    Nameless(usize),
    #[error("cannot keep a profile for the runs under it")]
    Workshop(#[source] std::io::Error),
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    arguments.apply.check(&arguments.file())?;
    arguments.start.check(&arguments.apply)?;
    let asked = asked(&arguments.allow)?;
    let command = match Command::of(&arguments.command)? {
        Fit::One(command) => command,
        Fit::Project(project) => return compose::run(arguments, &project),
    };
    let from = arguments.from.as_deref().map(base::read_profile);
    let from = from.transpose()?;
    let before = before(&arguments.recordings)?;
    let mut sessions = Sessions::new(arguments)?;
    let ending = Ending::open(arguments)?;
    let first = sessions.hold(&command, Under::Nothing)?;
    if let Some(signal) = first.interrupted_by {
        if first.recording.facts.is_empty() || !first.recording.losses.is_complete() {
            return ending.recording_only(&first.recording, signal);
        }
    } else {
        usable(&first.recording, arguments.allow_incomplete)?;
        arguments.client.check(&first.recording.clients())?;
    }
    let beginning = Beginning {
        kept: from
            .map(|source| flat(&source, &first.recording, arguments))
            .transpose()?,
        first: &first.recording,
        before,
        asked: &asked,
    };
    // What is shown is shown under our own loader.
    let start = match &command {
        Command::Program(_) => arguments.start.clone().of_program(&arguments.apply),
        Command::Container(..) => arguments.start.clone(),
    };
    let mut evidence = Evidence::new(beginning, &arguments.base, arguments.closeness, start)?;
    let end = match first.interrupted_by {
        Some(signal) => End::Interrupted(signal),
        None => rounds(
            arguments,
            &command,
            &mut sessions,
            &mut evidence,
            first.code(),
        )?,
    };
    ending.write(&evidence, end)
}

/// Recordings of before.
fn before(names: &[PathBuf]) -> Result<Runs, Failure> {
    if names.is_empty() {
        return Ok(Runs::default());
    }
    Ok(recordings::read(names, Incomplete::Refuse)?.runs)
}

/// A profile of before for the circumstances that a recording has.
fn flat(source: &Source, recording: &Recording, arguments: &Arguments) -> Result<Profile, Failure> {
    let runs = Runs::from(recording.clone());
    let native = base::native(runs.runs())?;
    let resolved = arguments.base.resolve(runs.runs(), native)?;
    Ok(source.resolve(&resolved.circumstances))
}

/// Runs the command under the base, if that is called for, and then under one profile after the other.
fn rounds(
    arguments: &Arguments,
    command: &Command,
    sessions: &mut Sessions<'_>,
    evidence: &mut Evidence,
    expected: u8,
) -> Result<End, Failure> {
    if let Some(signal) = under_base(command, sessions, evidence, expected)? {
        return Ok(End::Interrupted(signal));
    }
    for line in evidence.beyond_kept()? {
        sessions.say(&line);
    }
    let mut last: Option<Profile> = None;
    for round in 1..=arguments.rounds {
        let (outcome, _) = evidence.make()?;
        let say = |text: &str| sessions.say(&format!("round {round}: {text}"));
        if last.as_ref() == Some(&outcome.profile) {
            say("no profile within the base permits what was refused");
            return Ok(End::Unclean);
        }
        let held = sessions.hold(command, Under::Profile(&outcome.profile))?;
        let lesson = evidence.learn(&held.recording, &outcome.profile);
        let say = |text: &str| sessions.say(&format!("round {round}: {text}"));
        for line in lesson.lines(evidence.base()) {
            say(&line);
        }
        if let Some(signal) = held.interrupted_by {
            return Ok(End::Interrupted(signal));
        }
        if lesson.is_empty() {
            let code = held.code();
            let wrong = match (code == expected, lesson.lost) {
                (true, 0) => {
                    say("nothing is missing");
                    return Ok(End::Clean);
                }
                (true, lost) => format!("{lost} refused calls could not be kept"),
                (false, _) => format!("it ended with exit code {code} instead of {expected}"),
            };
            say(&wrong);
            return Ok(End::Unclean);
        }
        last = Some(outcome.profile);
    }
    let rounds = arguments.rounds;
    sessions.say(&format!("something was missing in each of {rounds} rounds"));
    let more = rounds.saturating_mul(2).min(ROUNDS_MAX);
    sessions.say(&format!(
        "hint: `--from {} --rounds {more}` goes on from here",
        escape::path(&arguments.file())
    ));
    Ok(End::Unclean)
}

/// Runs the command under the base itself, if something is not known otherwise. Gives the signal that interrupted it.
fn under_base(
    command: &Command,
    sessions: &mut Sessions<'_>,
    evidence: &mut Evidence,
    expected: u8,
) -> Result<Option<u8>, Failure> {
    let calls = evidence.unobserved()?;
    let base = evidence.base();
    let Some(profile) = base.profile.clone().filter(|_| !calls.is_empty()) else {
        return Ok(None);
    };
    let name = base.name.clone();
    let names: Vec<_> = calls.iter().map(ToString::to_string).collect();
    sessions.say(&format!(
        "under {name}: once, to see what is done without {}",
        names.join(", ")
    ));
    let held = sessions.hold(command, Under::Base(&profile))?;
    evidence.observe(&held.recording);
    let code = held.code();
    if held.interrupted_by.is_none() && code != expected {
        sessions.say(&format!(
            "under {name}: it ended with exit code {code} instead of {expected}"
        ));
    }
    Ok(held.interrupted_by)
}

/// The calls that the user asks for.
fn asked(names: &[String]) -> Result<BTreeSet<String>, Failure> {
    match names.iter().find(|name| !syscall::is_known_name(name)) {
        Some(name) => Err(Failure::invalid(HardenError::UnknownCall(name.clone()))),
        None => Ok(names.iter().cloned().collect()),
    }
}

/// Whether a profile can be made of this. What is done by a command that fails is not what it does when all is well.
fn usable(recording: &Recording, may_fail: bool) -> Result<(), Failure> {
    let missing = recording.losses.missing();
    if missing > 0 {
        let error = HardenError::Incomplete(missing);
        return Err(Failure::new(Exit::Incomplete, error));
    }
    let Some(void) = recording.void() else {
        return Ok(());
    };
    let hint = match void {
        Void::Failed(_) if may_fail => return Ok(()),
        Void::Failed(code) => format!(
            "run it by itself to see what it says; `--allow-incomplete` if it ends with {code} when all is well"
        ),
        Void::NeverStarted | Void::Empty => {
            "run it by itself to see what it says; did the container start?".to_owned()
        }
    };
    // What the engine's client says of it, and else that there is no evidence.
    let code = recording.target.exit_code.filter(|code| *code != 0);
    let exit = code.map_or(Exit::Incomplete, Exit::Command);
    Err(Failure::new(exit, HardenError::Nothing(void)).hint(hint))
}
