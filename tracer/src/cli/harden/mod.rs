//! `harden`: from a command to a profile under which it was seen to work.

mod command;
mod compose;
mod evidence;

use super::apply::ApplyArguments;
use super::base::BaseArguments;
use super::clients::ClientArguments;
use super::closeness::ClosenessArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::generate;
use super::offer::Offered;
use super::output::{self, Sink};
use super::progress::Display;
use super::start::StartArguments;
use super::watching::{self, LimitArguments, TargetArguments, Watched};
use crate::probe::Looking;
use crate::profile::{Profile, write};
use crate::recording::Recording;
use crate::report::{escape, text};
use crate::session::Listening;
use crate::syscall;
use command::{Command, Fit};
use evidence::Evidence;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// Record a command, make its profile, and run it under that until nothing is missing.
///
/// The command, or the container of `docker run …` or `podman run …`, or the services of `docker compose up`, run once as it is, and then under the profile. What that
/// refuses and the base permits is added, and the command runs again. The last run must end as the first did,
/// with nothing refused but what the base refuses too; exit code 1 says that this was not reached. The profile is
/// written in both cases. The command runs several times, so it must bear that.
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
    /// Run at most so many times under a profile.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
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
    #[error("the command did nothing that could be recorded")]
    Nothing,
    #[error("{0} calls could not be recorded")]
    Incomplete(u64),
    #[error("{0} containers were gone before anybody could say whose they were")]
    Nameless(usize),
    #[error("cannot keep a profile for the runs under it")]
    Workshop(#[source] std::io::Error),
}

/// How the rounds ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a run that lacked nothing.
    Clean,
    /// Without one.
    Unclean,
    /// By the user.
    Interrupted,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let path = arguments.file();
    arguments.apply.check(&path)?;
    arguments.start.check(&arguments.apply)?;
    let asked = asked(&arguments.allow)?;
    let command = match Command::of(&arguments.command)? {
        Fit::One(command) => command,
        Fit::Project(project) => return compose::run(arguments, &project),
    };
    let mut sessions = Sessions::new(arguments)?;
    let sink = Sink::open(Some(&path))?;
    let first = sessions.hold(&command, None)?;
    if first.is_interrupted() {
        return Ok(watching::INTERRUPTED);
    }
    usable(&first.recording)?;
    arguments.client.check(&first.recording.clients())?;
    // What is shown is shown under our own loader.
    let start = match &command {
        Command::Program(_) => arguments.start.clone().of_program(&arguments.apply),
        Command::Container(..) => arguments.start.clone(),
    };
    let mut evidence = Evidence::new(
        &first.recording,
        &arguments.base,
        &asked,
        arguments.closeness,
        start,
    )?;
    let end = rounds(
        arguments,
        &command,
        &mut sessions,
        &mut evidence,
        first.code(),
    )?;
    if end == End::Interrupted {
        return Ok(watching::INTERRUPTED);
    }
    let (outcome, options) = evidence.make()?;
    sink.write(&write::oci(&outcome.profile))?;
    if arguments.explain {
        for line in text::reasons(&outcome) {
            output::say(&line);
        }
    }
    let offered = Offered::of(evidence.runs(), &options);
    if !arguments.quiet {
        generate::summarise(&outcome, &options, evidence.base());
        offered.say(&outcome.profile, &path, &arguments.apply);
    }
    offered.print(&outcome.profile, &path, &arguments.apply)?;
    Ok(match end {
        End::Clean => Exit::Done,
        End::Unclean | End::Interrupted => Exit::Gate,
    })
}

/// Runs the command under one profile after the other.
fn rounds(
    arguments: &Arguments,
    command: &Command,
    sessions: &mut Sessions<'_>,
    evidence: &mut Evidence,
    expected: u8,
) -> Result<End, Failure> {
    let mut last: Option<Profile> = None;
    for round in 1..=arguments.rounds {
        let (outcome, _) = evidence.make()?;
        let say = |text: &str| sessions.say(&format!("round {round}: {text}"));
        if last.as_ref() == Some(&outcome.profile) {
            say("no profile within the base permits what was refused");
            return Ok(End::Unclean);
        }
        let watched = sessions.hold(command, Some(&outcome.profile))?;
        if watched.is_interrupted() {
            return Ok(End::Interrupted);
        }
        let lesson = evidence.learn(&watched.recording);
        let say = |text: &str| sessions.say(&format!("round {round}: {text}"));
        for line in lesson.lines(evidence.base()) {
            say(&line);
        }
        if lesson.is_empty() {
            let code = watched.code();
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
    Ok(End::Unclean)
}

/// The calls that the user asks for.
fn asked(names: &[String]) -> Result<BTreeSet<String>, Failure> {
    match names.iter().find(|name| !syscall::is_known_name(name)) {
        Some(name) => Err(Failure::invalid(HardenError::UnknownCall(name.clone()))),
        None => Ok(names.iter().cloned().collect()),
    }
}

/// Whether a profile can be made of this.
fn usable(recording: &Recording) -> Result<(), Failure> {
    let missing = recording.losses.missing();
    if missing > 0 {
        let error = HardenError::Incomplete(missing);
        return Err(Failure::new(Exit::Incomplete, error));
    }
    if recording.facts.is_empty() {
        return Err(Failure::environment(HardenError::Nothing)
            .hint("run it by itself to see what it says; did the container start?"));
    }
    Ok(())
}

/// Runs of the command, one after the other.
struct Sessions<'a> {
    limits: &'a LimitArguments,
    quiet: bool,
    /// Listens already while the run before it goes on, so that no signal is lost between them.
    next: Listening,
    /// Where the profile of a run is kept.
    workshop: tempfile::TempDir,
}

impl<'a> Sessions<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self, Failure> {
        let workshop = |error| Failure::environment(HardenError::Workshop(error));
        Ok(Self {
            limits: &arguments.limits,
            quiet: arguments.quiet,
            next: Listening::start().map_err(watching::no_session)?,
            workshop: tempfile::tempdir().map_err(workshop)?,
        })
    }

    /// Runs the command as it is and records it, or under a profile and watches what that refuses.
    fn hold(&mut self, command: &Command, profile: Option<&Profile>) -> Result<Watched, Failure> {
        let next = Listening::start().map_err(watching::no_session)?;
        let mut listening = std::mem::replace(&mut self.next, next);
        let words = match profile {
            None => command.plain(),
            Some(profile) => command.under(&self.keep(profile)?)?,
        };
        let mut plan = watching::plan(&TargetArguments::of_command(words))?;
        plan.label = command.label();
        let (looking, mut display) = match profile {
            None => (
                Looking::AtCalls,
                Display::recording(&plan.label, self.quiet),
            ),
            Some(_) => (
                Looking::AtDenials,
                Display::watching(&plan.label, self.quiet),
            ),
        };
        watching::hold(plan, &mut listening, looking, self.limits, &mut display)
    }

    fn keep(&self, profile: &Profile) -> Result<PathBuf, Failure> {
        let path = self.workshop.path().join("profile.json");
        let written = std::fs::write(&path, write::oci(profile));
        written.map_err(|error| Failure::environment(HardenError::Workshop(error)))?;
        Ok(path)
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            output::say(text);
        }
    }
}
