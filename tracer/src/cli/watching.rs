//! What the verbs that watch a target have in common: which target, for how long, and the session itself.

use super::exit::Exit;
use super::failure::Failure;
use super::keeping::{self, Keeping, Talk};
use super::lives::Lives;
use super::output;
use super::plan::{Plan, Started};
use crate::daemon::Apart;
use crate::probe::{Before, Looking, Probe, ProbeError, Watch};
use crate::recording::{Denials, Host, Loss, Losses, Recording, Refusal, WindowEnd, WindowStart};
use crate::recovery::{Folder, Places};
use crate::report::escape;
use crate::session::{
    self, Context, Ended, Keeps, Limits, Listening, Observer, Over, Progress, Rights, Seen,
    SessionError,
};
use crate::target::engine_run::{self, EngineKind, Recognised};
use crate::target::own_cgroup::{Made, Note};
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
    /// A command, watched from its start to the end of all its children; `docker run …`, `podman run …`, and `start`
    /// and `exec` of both, watch the container, `docker compose up` each service.
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

/// A verb that is for one target at a time.
#[derive(Debug, thiserror::Error)]
#[error("the containers of this command cannot be watched together")]
struct Several;

/// Looks whether watching is possible, then decides what to watch, which is one target.
pub(super) fn plan_of_one(target: &TargetArguments) -> Result<Plan, Failure> {
    let recognised = engine_run::recognise(&target.command);
    if recognised.is_several() || matches!(recognised, Recognised::Start(_)) {
        return Err(Failure::invalid(Several)
            .hint("`record` takes such a command; name a container that runs with --container"));
    }
    plan(target)
}

/// Adds how a user without root's rights has the target recorded all the same.
fn through_daemon(failure: Failure, target: &TargetArguments) -> Failure {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return failure;
    }
    let quoted = |text: &str| escape::text(text);
    let which = if let Some(name) = &target.container {
        format!("--container {}", quoted(name))
    } else if let Some(name) = &target.unit {
        format!("--unit {}", quoted(name))
    } else if let Some(pid) = target.pid {
        format!("--pid {pid}")
    } else if let Some(path) = &target.cgroup {
        format!("--cgroup {}", escape::path(path))
    } else {
        // A daemon records what runs.
        "--container NAME".to_owned()
    };
    let first = failure.hint.clone();
    let first = first.map_or_else(String::new, |hint| format!("{hint}; "));
    failure.hint(format!(
        "{first}or let a daemon record it: root starts `seccomp-tracer daemon --allow {}` once, then `seccomp-tracer \
         record --daemon {which}` works",
        user.as_raw()
    ))
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
pub(super) fn plan_in(folder: Option<Folder>, target: &TargetArguments) -> Result<Plan, Failure> {
    possible().map_err(|failure| through_daemon(failure, target))?;
    let plan = noting(folder, |note| Plan::noting(target, note))?;
    for warning in &plan.warnings {
        output::say(&format!("warning: {warning}"));
    }
    Ok(plan)
}

/// Decides by this what to watch, and has noted in the folder what is made for it.
pub(super) fn noting(
    mut folder: Option<Folder>,
    decide: impl FnOnce(Note<'_>) -> Result<Plan, Failure>,
) -> Result<Plan, Failure> {
    let mut note = |made: Made<'_>| {
        if let Some(Err(error)) = folder.as_mut().map(|folder| folder.note_cgroup(made)) {
            log::debug!("cannot note a cgroup: {error}");
        }
    };
    let mut plan = decide(&mut note)?;
    plan.folder = folder;
    Ok(plan)
}

/// Watches one target to the end.
pub(super) fn hold(
    mut plan: Plan,
    listening: &mut Listening,
    looking: Looking,
    limits: &LimitArguments,
    observer: &mut dyn Observer,
) -> Result<Watched, Failure> {
    let held = session(&mut plan, listening, looking, limits, observer)?;
    plan.learn(held.started.first());
    let ended = held.over.ended.first().expect("one target");
    let mut recording = held.recording(ended, &plan);
    let status = held.over.status;
    // Who was ended says nothing by his code.
    let ended_itself = recording.window.until == WindowEnd::Empty;
    recording.target.exit_code = status.filter(|_| ended_itself).map(code);
    Ok(Watched {
        recording,
        status,
        interrupted_by: held.interrupted_by(),
        folder: held.folder,
    })
}

/// One of several targets.
pub(super) struct Part {
    /// What it is called; recordings of the same belong together.
    pub(super) name: String,
    /// What was seen.
    pub(super) recording: Recording,
}

/// What a session with several targets gave.
pub(super) struct Parts {
    /// The targets.
    pub(super) parts: Vec<Part>,
    /// How many could not be told from each other, and are not among them.
    pub(super) nameless: usize,
    /// How the command ended.
    pub(super) status: Option<ExitStatus>,
    /// The signal by which the user ended it, if that is how it ended.
    pub(super) interrupted_by: Option<u8>,
}

/// Watches several targets to the end.
pub(super) fn hold_each(
    mut plan: Plan,
    listening: &mut Listening,
    looking: Looking,
    limits: &LimitArguments,
    observer: &mut dyn Observer,
) -> Result<Parts, Failure> {
    let held = session(&mut plan, listening, looking, limits, observer)?;
    let mut parts = Parts {
        parts: Vec::new(),
        nameless: 0,
        status: held.over.status,
        interrupted_by: held.interrupted_by(),
    };
    for ended in &held.over.ended {
        let cgroup_id = ended.ledger.cgroup_ids().first();
        let started = held
            .started
            .iter()
            .find(|one| Some(&one.cgroup_id) == cgroup_id);
        let name = started.and_then(|started| plan.name_of(started));
        let Some(name) = name else {
            // Helpers of an engine do nothing that counts; strangers are nobody's business.
            let has_done = !ended.snapshot.is_empty() || !ended.refused.is_empty();
            parts.nameless += usize::from(has_done && plan.is_alone());
            continue;
        };
        plan.learn(started);
        let mut recording = held.recording(ended, &plan);
        recording.run_id = run_id()?;
        parts.parts.push(Part { name, recording });
    }
    Ok(parts)
}

/// A session that is over.
struct Held {
    over: Over,
    started: Vec<Started>,
    folder: Option<Folder>,
    losses: Losses,
    context: Context,
    looking: Looking,
}

impl Held {
    fn recording(&self, ended: &Ended, plan: &Plan) -> Recording {
        let denials = (self.looking != Looking::AtCalls).then(|| session::denials(ended));
        let found = u32::try_from(ended.ledger.cgroup_ids().len()).unwrap_or(u32::MAX);
        let context = Context {
            target: plan.target.clone(),
            configured: plan.configured,
            lives: plan.place.lives().map(|_| found.saturating_add(1)),
            ..self.context.clone()
        };
        session::recording(ended, self.losses.clone(), denials, context)
    }

    fn interrupted_by(&self) -> Option<u8> {
        let asked = self.over.asked?;
        u8::try_from(asked.as_raw()).ok()
    }
}

fn session(
    plan: &mut Plan,
    listening: &mut Listening,
    looking: Looking,
    limits: &LimitArguments,
    observer: &mut dyn Observer,
) -> Result<Held, Failure> {
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
    let context = context(plan, &clock, None, hook)?;
    let folder = plan.folder.take();
    let mut keeping = Keeping::begin(plan, folder.as_ref(), &context, looking, &before);
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
    let over = session::watch(
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
    let mut over = over.map_err(no_session)?;
    if let (Some(told), Some(ended)) = (apart.and_then(Apart::end), over.ended.first_mut()) {
        told.leave_own(&mut ended.snapshot);
        plan.take(told.below);
    }
    let mut losses = probe.losses().map_err(no_probe)?;
    let lives = plan.place.lives();
    losses.set(Loss::MissedLife, lives.map_or(0, Lives::missed));
    let started = details.map(|thread| thread.join().unwrap_or_default());
    Ok(Held {
        over,
        started: started.unwrap_or_default(),
        folder,
        losses,
        context,
        looking,
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
    Ok(Context {
        run_id: run_id()?,
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

fn run_id() -> Result<String, Failure> {
    let id = output::read(std::path::Path::new("/proc/sys/kernel/random/uuid"))?;
    Ok(id.trim().to_owned())
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
