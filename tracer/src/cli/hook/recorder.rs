//! The recorder that a hook leaves behind: from a container that is about to start to the profile of what it
//! did, with nobody to talk to but the system's log.

use super::ProfileArguments;
use super::journal::{self, Severity};
use super::start::READY;
use crate::cli::base::{self, BaseArguments};
use crate::cli::closeness::ClosenessArguments;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate;
use crate::cli::output::Sink;
use crate::cli::plan::Plan;
use crate::cli::watching::{self, LimitArguments};
use crate::minimize::Presumes;
use crate::probe::Looking;
use crate::profile::{Source, extended, write};
use crate::recording::{self, Container, Recording, Refusal, Runs, Target, TargetKind, Void};
use crate::report::apply::presumed;
use crate::report::escape;
use crate::session::{Configured, Made, Observer, Progress, Rights};
use crate::target::cgroup::{Cgroup, Hierarchy};
use crate::target::{process, runtime};
use rustix::process::Pid;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Record a container for a hook.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The container.
    #[arg(long, value_name = "ID")]
    id: String,
    /// Its first process.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pid: i32,
    /// Where the profile goes.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The profile that it adds to.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Runtime that starts the container.
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Whether it is told to install a filter.
    #[arg(long, value_name = "BOOL")]
    filter: Option<bool>,
    #[command(flatten)]
    profile: ProfileArguments,
}

/// Why there is no recording, or no profile from it.
#[derive(Debug, thiserror::Error)]
enum NoProfile {
    #[error("cannot leave the runtime's session")]
    Session(#[source] rustix::io::Errno),
    #[error("the container shares its cgroup with {0} processes that are not its own")]
    Shared(usize),
    #[error("nobody waits for the recorder")]
    Alone(#[source] io::Error),
    #[error("the recording says nothing of the container: {0}")]
    Void(Void),
    #[error("the recording is incomplete: {0} calls could not be kept")]
    Incomplete(u64),
    #[error("`{}` cannot be the name of a file", escape::text(.0))]
    Name(String),
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    // A terminal, or whoever ends the runtime's processes together, must not end us.
    rustix::process::setsid().map_err(|error| Failure::environment(NoProfile::Session(error)))?;
    let input = arguments
        .input
        .as_deref()
        .map(base::read_foreign_profile)
        .transpose()?;
    let recording = record(arguments)?;
    // From here on the system's log is all that hears us.
    match finish(arguments, input, recording) {
        Ok(done) => {
            journal::log(Severity::Info, &done);
            Ok(Exit::Done)
        }
        Err(failure) => {
            journal::log_failure(&failure);
            Err(failure)
        }
    }
}

/// Watches until nobody is left in the container.
fn record(arguments: &Arguments) -> Result<Recording, Failure> {
    let mut listening = watching::listen()?;
    watching::possible()?;
    let configured = Configured {
        filter: arguments.filter,
        first: u32::try_from(arguments.pid).ok(),
    };
    let plan = Plan::made_container(
        arguments.id.clone(),
        target(arguments),
        configured,
        cgroup(arguments.pid)?,
    );
    let limits = LimitArguments::default();
    let mut waiting = Waiting { told: Ok(()) };
    let watched = watching::hold(
        plan,
        &mut listening,
        Looking::AtCalls,
        &limits,
        &mut waiting,
    )?;
    waiting
        .told
        .map_err(|error| Failure::environment(NoProfile::Alone(error)))?;
    Ok(watched.recording)
}

/// The container's own cgroup: its first process has not been anywhere else yet.
fn cgroup(pid: i32) -> Result<Cgroup, Failure> {
    let hierarchy = Hierarchy::detect().map_err(|error| {
        let hint = error.hint();
        Failure::environment(error).hint_if(hint)
    })?;
    let pid = Pid::from_raw(pid).expect("a positive number");
    let watched = process::watched(&hierarchy, pid).map_err(|error| {
        let hint = error.hint();
        Failure::environment(error).hint_if(hint)
    })?;
    match watched.strangers.len() {
        0 => Ok(watched.cgroup),
        many => Err(Failure::environment(NoProfile::Shared(many))
            .hint("let the engine make a cgroup for each container")),
    }
}

fn target(arguments: &Arguments) -> Target {
    let known = arguments.runtime.as_deref().and_then(runtime::ask);
    Target {
        kind: TargetKind::Container,
        container: Some(Container {
            id: arguments.id.clone(),
            runtime: arguments.runtime.clone(),
            runtime_version: known.map(|known| known.version),
            ..Container::default()
        }),
        ..Target::default()
    }
}

/// Makes the profile, and says so.
fn finish(
    arguments: &Arguments,
    input: Option<Source>,
    recording: Recording,
) -> Result<String, Failure> {
    let profile = &arguments.profile;
    if let Some(directory) = &profile.recordings {
        keep(directory, &arguments.id, &recording)?;
    }
    let missing = recording.losses.missing();
    if missing > 0 && !profile.allow_incomplete {
        return Err(Failure::new(
            Exit::Incomplete,
            NoProfile::Incomplete(missing),
        ));
    }
    let void = recording.void().filter(|void| void.is_blank());
    if let Some(void) = void.filter(|_| !profile.allow_incomplete) {
        return Err(Failure::new(Exit::Incomplete, NoProfile::Void(void)));
    }
    profile.client.check(&recording.clients())?;
    let (text, presumes) = profile_of(&recording.into(), profile, again(arguments, input))?;
    // Once more: links may have changed since the container started.
    profile.admit(&arguments.output)?;
    Sink::open_file(&arguments.output)?.write(&text)?;
    let output = arguments.output.display();
    Ok(format!(
        "container {} ended; wrote {output}, which presumes {presumes}",
        arguments.id
    ))
}

/// Keeps the recording.
fn keep(directory: &Path, id: &str, recording: &Recording) -> Result<(), Failure> {
    Sink::open_file(&kept(directory, id)?)?.write(&recording::to_json(recording))
}

/// Where a recording is kept.
pub(super) fn kept(directory: &Path, id: &str) -> Result<PathBuf, Failure> {
    let name = format!("{id}.json");
    if Path::new(&name).file_name() != Some(name.as_ref()) {
        return Err(Failure::invalid(NoProfile::Name(name)));
    }
    Ok(directory.join(name))
}

/// The input as it is now, for the container may have taken its time; as it was if it cannot be read any more.
fn again(arguments: &Arguments, input: Option<Source>) -> Option<Source> {
    let path = arguments.input.as_deref()?;
    let now = arguments.profile.admit(path);
    match now.and_then(|()| base::read_foreign_profile(path)) {
        Ok(now) => Some(now),
        Err(failure) => {
            let causes = journal::causes(&failure);
            let line = format!("{causes}; it is taken as it was when the container started");
            journal::log(Severity::Warning, &line);
            input
        }
    }
}

/// The profile as text, and what it presumes.
fn profile_of(
    runs: &Runs,
    arguments: &ProfileArguments,
    input: Option<Source>,
) -> Result<(String, String), Failure> {
    let native = base::native(runs.runs())?;
    let base = BaseArguments::recorded(arguments.base.clone());
    let resolved = base.resolve(runs.runs(), native)?;
    let closeness = ClosenessArguments::default();
    let start = arguments.how.into();
    let options = generate::options(runs.runs(), &resolved, native, &closeness, &start);
    let outcome = generate::make(runs, &options)?;
    let text = match input {
        None => write::oci(&outcome.profile),
        Some(input) => {
            let extended = extended(&input, &outcome.profile, native);
            write::docker(&extended).map_err(Failure::invalid)?
        }
    };
    Ok((text, presumed(&Presumes::of(runs.runs(), &options))))
}

/// The hook waits until the recorder is attached; nobody looks at how it goes on.
struct Waiting {
    told: io::Result<()>,
}

impl Observer for Waiting {
    fn begins(&mut self) {
        let mut stdout = io::stdout().lock();
        self.told = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
    }

    fn progress(&mut self, _: &Progress) {}

    fn scope_found(&mut self, _: u64) {}

    fn refused(&mut self, _: &Refusal) {}

    fn made(&mut self, _: &Made, _: Option<Rights>) {}
}
