//! What the verbs that watch a target have in common: which target, for how long, and the session itself.

use super::exit::Exit;
use super::failure::Failure;
use super::keeping::{self, Keeping, Talk};
use super::lives::Lives;
use super::output;
use super::plan::Plan;
use crate::daemon::Apart;
use crate::probe::{Before, Looking, Probe, ProbeError, Watch};
use crate::recording::{Denials, Host, Loss, Losses, Recording, Refusal, WindowEnd, WindowStart};
use crate::recovery::{Folder, Places};
use crate::session::{
    self, Context, Keeps, Limits, Listening, Observer, Progress, Rights, Seen, SessionError,
};
use crate::target::engine_run::EngineKind;
use crate::target::own_cgroup::Made;
use crate::target::requirements;
use clap::builder::TypedValueParser;
use rustix::process::Signal;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

/// What is watched.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("watched").required(true).args(["container", "unit", "pid", "cgroup", "command"])))]
pub(super) struct TargetArguments {
    /// A running container, by name or id; of Kubernetes also by POD/NAME or NAMESPACE/POD/NAME.
    #[arg(long, value_name = "NAME|ID")]
    pub(super) container: Option<String>,
    /// Engine that the container belongs to [default: the one that knows it].
    #[arg(long, value_name = "NAME", requires = "container", value_parser = engine_parser())]
    pub(super) engine: Option<EngineKind>,
    /// A running unit of systemd, like nginx.service.
    #[arg(long, value_name = "UNIT")]
    pub(super) unit: Option<String>,
    /// A running process, with all others in its cgroup.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) pid: Option<i32>,
    /// A cgroup, below the cgroup v2 mount.
    #[arg(long, value_name = "PATH")]
    pub(super) cgroup: Option<PathBuf>,
    /// A command, watched from its start to the end of all its children; `docker run …` and `podman run …`
    /// watch the container.
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

impl TargetArguments {
    /// Whether a command is to be started.
    pub(super) fn is_command(&self) -> bool {
        !self.command.is_empty()
    }

    /// A container as the target.
    pub(super) fn of_container(id: String, engine: Option<EngineKind>) -> Self {
        Self {
            container: Some(id),
            engine,
            ..Self::of_command(Vec::new())
        }
    }

    /// A command as the target.
    pub(super) fn of_command(command: Vec<OsString>) -> Self {
        Self {
            container: None,
            engine: None,
            unit: None,
            pid: None,
            cgroup: None,
            command,
        }
    }
}

/// For how long, and how.
#[derive(Default, clap::Args)]
pub(super) struct LimitArguments {
    /// End after this time, like 90s or 1h30m; a command is ended then.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration_parser())]
    for_: Option<Duration>,
    /// End after this time without anything new.
    #[arg(long, value_name = "DURATION", value_parser = duration_parser())]
    until_idle: Option<Duration>,
    /// Use the raw tracepoint even where the kernel has the typed one.
    #[arg(long, hide = true)]
    raw_tracepoint: bool,
}

impl LimitArguments {
    /// So long and no longer.
    pub(super) fn lasting(time: Duration) -> Self {
        Self {
            for_: Some(time),
            until_idle: None,
            raw_tracepoint: false,
        }
    }

    /// What ends a recording beside the target's own end.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            duration: self.for_,
            idle: self.until_idle,
        }
    }
}

/// The engines by name.
fn engine_parser() -> impl TypedValueParser<Value = EngineKind> {
    clap::builder::PossibleValuesParser::new(EngineKind::ALL.map(EngineKind::name))
        .try_map(|name| EngineKind::named(&name).ok_or(NoEngine))
}

/// A name that no engine has.
#[derive(Debug, thiserror::Error)]
#[error("not an engine")]
struct NoEngine;

/// A time that is none.
#[derive(Debug, thiserror::Error)]
#[error("not a positive duration, like 90s or 1h30m")]
struct NoDuration;

/// Times as people write them.
pub(super) fn duration_parser() -> impl TypedValueParser<Value = Duration> {
    clap::builder::StringValueParser::new().try_map(|text| duration(&text))
}

fn duration(text: &str) -> Result<Duration, NoDuration> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| NoDuration)?;
    Duration::try_from(span)
        .ok()
        .filter(|span| !span.is_zero())
        .ok_or(NoDuration)
}

/// What a session gave.
pub(super) struct Watched {
    /// What was seen; without facts if only refused calls were looked for.
    pub(super) recording: Recording,
    /// How the command ended, if there was one.
    pub(super) status: Option<ExitStatus>,
    /// Where what is not yet where it belongs can be found.
    pub(super) folder: Option<Folder>,
    /// The signal by which the user ended it, if that is how it ended.
    pub(super) interrupted_by: Option<u8>,
}

impl Watched {
    /// The command's exit code, as a shell has it; 0 without a command.
    pub(super) fn code(&self) -> u8 {
        self.status.map_or(0, code)
    }
}

/// Listens for signals from here on, and is never deaf to them.
pub(super) fn listen() -> Result<Listening, Failure> {
    let listening = Listening::start().and_then(Listening::never_deaf);
    listening.map_err(no_session)
}

/// Somebody did not take what was written.
#[derive(Debug, thiserror::Error)]
#[error("interrupted while `{}` was written", crate::report::escape::path(.0))]
struct GivenUp(PathBuf);

/// A product that nobody took until a signal came.
pub(super) fn given_up(path: PathBuf, which: Signal) -> Failure {
    let code = u8::try_from(SIGNALLED + which.as_raw()).unwrap_or(u8::MAX);
    Failure::new(Exit::Command(code), GivenUp(path))
}

/// Whether watching is possible here.
pub(super) fn possible() -> Result<(), Failure> {
    requirements::met().map_err(unmet)
}

/// Looks whether watching is possible, then decides what to watch.
pub(super) fn plan(target: &TargetArguments) -> Result<Plan, Failure> {
    // What is not made leaves nothing behind.
    let folder = target
        .is_command()
        .then(|| keeping::folder(&Places::default(), Talk::OfNothing));
    plan_in(folder.flatten(), target)
}

/// The same, with what is made noted there.
pub(super) fn plan_in(
    mut folder: Option<Folder>,
    target: &TargetArguments,
) -> Result<Plan, Failure> {
    possible()?;
    let mut note = |made: Made<'_>| {
        if let Some(Err(error)) = folder.as_mut().map(|folder| folder.note_cgroup(made)) {
            log::debug!("cannot note a cgroup: {error}");
        }
    };
    let mut plan = Plan::noting(target, &mut note)?;
    plan.folder = folder;
    for warning in &plan.warnings {
        output::say(&format!("warning: {warning}"));
    }
    Ok(plan)
}

/// Watches to the end.
pub(super) fn hold(
    mut plan: Plan,
    listening: &mut Listening,
    looking: Looking,
    limits: &LimitArguments,
    observer: &mut dyn Observer,
) -> Result<Watched, Failure> {
    let watch = Watch {
        scope: plan.scope,
        start: plan.start,
        what: looking,
        raw_tracepoint: limits.raw_tracepoint,
    };
    let clock = Clock::now();
    let before = Before::look();
    let mut probe = Probe::load(&watch).map_err(no_probe)?;
    probe
        .list(&watch.scope, &plan.strangers())
        .and_then(|()| probe.start_with(|| plan.place.members()))
        .map_err(no_probe)?;
    if let (Some(lives), Some(paths)) = (plan.place.lives(), probe.take_paths()) {
        lives.know(paths);
    }
    plan.keep(limits.for_.is_some());
    let hook = probe.attachment().to_string();
    log::debug!("attached by {}", probe.attachment());
    let (scopes, found) = mpsc::channel();
    let details = plan.details(found);
    let command = plan.command.take();
    let limits = limits.limits();
    let context = context(&plan, &clock, None, hook)?;
    let folder = plan.folder.take();
    let mut keeping = Keeping::begin(&plan, folder.as_ref(), &context, looking, &before);
    if let Some(kept) = keeping.as_mut().and_then(Keeping::pins) {
        probe.keep(kept);
    }
    let mut forward = Forward {
        observer,
        scopes,
        keeping,
        apart: match looking {
            Looking::AtCalls | Looking::AtBoth => plan.apart(),
            Looking::AtDenials => None,
        },
    };
    let ended = session::watch(
        listening,
        &mut probe,
        command,
        &plan.place,
        plan.stop,
        limits,
        &mut forward,
    );
    output::clear_line();
    let apart = forward.apart.take();
    // Who waits for containers need wait no longer.
    drop(forward);
    let mut ended = ended.map_err(no_session)?;
    if let Some(told) = apart.and_then(Apart::end) {
        told.leave_own(&mut ended.snapshot);
        plan.take(told.below);
    }
    let mut losses = probe.losses().map_err(no_probe)?;
    let lives = plan.place.lives();
    losses.set(Loss::MissedLife, lives.map_or(0, Lives::missed));
    let found = u32::try_from(ended.ledger.cgroup_ids().len()).unwrap_or(u32::MAX);
    let lives = lives.map(|_| found.saturating_add(1));
    if let Some(thread) = details {
        plan.learn(thread.join().ok().flatten());
    }
    let context = Context {
        target: plan.target.clone(),
        configured: plan.configured,
        lives,
        ..context
    };
    let denials = (looking != Looking::AtCalls).then(|| session::denials(&ended));
    let mut recording = session::recording(&ended, losses, denials, context);
    // Who was ended says nothing by his code.
    let ended_itself = recording.window.until == WindowEnd::Empty;
    recording.target.exit_code = ended.status.filter(|_| ended_itself).map(code);
    Ok(Watched {
        recording,
        status: ended.status,
        folder,
        interrupted_by: ended
            .asked
            .and_then(|signal| u8::try_from(signal.as_raw()).ok()),
    })
}

/// Passes everything on, and ids of scopes that are found to whoever asks the engine about them.
struct Forward<'a> {
    observer: &'a mut dyn Observer,
    scopes: Sender<u64>,
    keeping: Option<Keeping<'a>>,
    apart: Option<Apart>,
}

impl Observer for Forward<'_> {
    fn begins(&mut self) {
        self.observer.begins();
    }

    fn ends(&mut self) {
        if let Some(apart) = &mut self.apart {
            apart.read();
        }
        self.observer.ends();
    }

    fn progress(&mut self, progress: &Progress) {
        self.observer.progress(progress);
    }

    fn scope_found(&mut self, cgroup_id: u64) {
        // Nobody listening means that nobody wants to know.
        let _ = self.scopes.send(cgroup_id);
        self.observer.scope_found(cgroup_id);
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.observer.refused(refusal);
    }

    fn made(&mut self, made: &session::Made, rights: Option<Rights>) {
        self.observer.made(made, rights);
    }

    fn keeps(&self) -> Keeps {
        let keeping = self.keeping.as_ref();
        keeping.map_or(Keeps::Nothing, Keeping::keeps)
    }

    fn keep(&mut self, seen: Seen<'_>, losses: Losses, denials: Denials) {
        if let Some(keeping) = &mut self.keeping {
            keeping.keep(seen, losses, denials);
        }
    }
}

/// When the session started, on both clocks.
struct Clock {
    monotonic_ns: u64,
    wall_ns: i128,
}

impl Clock {
    fn now() -> Self {
        Self {
            monotonic_ns: session::now_ns(),
            wall_ns: jiff::Timestamp::now().as_nanosecond(),
        }
    }
}

fn context(
    plan: &Plan,
    clock: &Clock,
    lives: Option<u32>,
    hook: String,
) -> Result<Context, Failure> {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let run_id = output::read(std::path::Path::new("/proc/sys/kernel/random/uuid"))?;
    Ok(Context {
        run_id: run_id.trim().to_owned(),
        host: Host {
            kernel: text(uname.release()),
            architecture: text(uname.machine()),
            hook: Some(hook),
        },
        target: plan.target.clone(),
        configured: plan.configured,
        monotonic_ns: clock.monotonic_ns,
        wall_ns: clock.wall_ns,
        from: if plan.from_start {
            WindowStart::Exec
        } else {
            WindowStart::Attach
        },
        lives,
    })
}

pub(super) fn unmet(unmet: requirements::Unmet) -> Failure {
    let hint = unmet.hint();
    Failure::environment(unmet).hint_if(hint)
}

pub(super) fn no_probe(error: ProbeError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    Failure::environment(error).hint_if(hint)
}

pub(super) fn no_session(error: SessionError) -> Failure {
    match error {
        SessionError::Probe(error) => no_probe(error),
        SessionError::Spawn(error) if error.source.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, error)
        }
        SessionError::Spawn(error) => Failure::new(Exit::NotExecutable, error),
        error => Failure::new(Exit::Ours, error),
    }
}

/// What a shell adds to the number of a signal.
const SIGNALLED: i32 = 128;

/// As a shell has it: 128+N for signal N.
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("1h30m").unwrap(), Duration::from_secs(5400));
        for bad in ["", "0s", "-1s", "soon", "10"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
