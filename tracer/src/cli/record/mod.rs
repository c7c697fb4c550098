//! `record`: a target in, a recording out.

mod plan;
mod remarks;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use super::progress::Display;
use crate::probe::{Probe, ProbeError, Watch};
use crate::recording::{self, Host, Recording, WindowStart};
use crate::report::escape;
use crate::session::{self, Context, Ended, Limits, Listening, SessionError};
use crate::target::engine_run::EngineKind;
use crate::target::requirements;
use clap::builder::TypedValueParser;
use plan::Plan;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc;
use std::time::Duration;

/// Watch a target and write down every system call that it makes.
///
/// Without `--for` or `--until-idle` it ends with the target, or with Ctrl-C.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["container", "pid", "cgroup", "command"])))]
pub(super) struct Arguments {
    /// A running container, by name or id.
    #[arg(long, value_name = "NAME|ID")]
    container: Option<String>,
    /// Engine that the container belongs to [default: the one that knows it].
    #[arg(long, value_name = "NAME", requires = "container", value_parser = engine_parser())]
    engine: Option<EngineKind>,
    /// A running process, with all others in its cgroup.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// A cgroup, below the cgroup v2 mount.
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
    /// End after this time, like 90s or 1h30m; a command is ended then.
    #[arg(long = "for", value_name = "DURATION", value_parser = clap::builder::StringValueParser::new().try_map(|text| duration(&text)))]
    for_: Option<Duration>,
    /// End after this time without anything new.
    #[arg(long, value_name = "DURATION", value_parser = clap::builder::StringValueParser::new().try_map(|text| duration(&text)))]
    until_idle: Option<Duration>,
    /// Where the recording goes; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "recording.json")]
    output: PathBuf,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    /// Use the raw tracepoint even where the kernel has the typed one.
    #[arg(long, hide = true)]
    raw_tracepoint: bool,
    /// A command, watched from its start to the end of all its children; `docker run …` and `podman run …`
    /// watch the container.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// The engines by name.
fn engine_parser() -> impl TypedValueParser<Value = EngineKind> {
    clap::builder::PossibleValuesParser::new(EngineKind::ALL.map(EngineKind::name))
        .try_map(|name| EngineKind::of_program(name.as_ref()).ok_or(NoEngine))
}

/// A name that no engine has.
#[derive(Debug, thiserror::Error)]
#[error("not an engine")]
struct NoEngine;

/// A time that is none.
#[derive(Debug, thiserror::Error)]
#[error("not a positive duration, like 90s or 1h30m")]
struct NoDuration;

fn duration(text: &str) -> Result<Duration, NoDuration> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| NoDuration)?;
    Duration::try_from(span)
        .ok()
        .filter(|span| !span.is_zero())
        .ok_or(NoDuration)
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let runs_command = !arguments.command.is_empty();
    // A caller of a command must be able to tell our failures from the command's.
    record(arguments).map_err(|failure| match failure.exit {
        Exit::Invalid | Exit::Incomplete if runs_command => Failure {
            exit: Exit::Ours,
            ..failure
        },
        _ => failure,
    })
}

fn record(arguments: &Arguments) -> Result<Exit, Failure> {
    // Before anything is made that a signal would leave behind.
    let listening = Listening::start().map_err(no_session)?;
    let sink = Sink::open(Some(&arguments.output))?;
    requirements::met().map_err(unmet)?;
    let mut plan = Plan::of(arguments)?;
    for warning in &plan.warnings {
        output::say(&format!("warning: {warning}"));
    }
    let watch = Watch {
        scope: plan.scope,
        start: plan.start,
        raw_tracepoint: arguments.raw_tracepoint,
    };
    let clock = Clock::now();
    let mut probe = Probe::attach(&watch).map_err(no_probe)?;
    log::debug!("attached to {}", probe.attachment());
    let (scopes, found) = mpsc::channel();
    let mut display = Display::new(&plan.label, arguments.quiet, scopes);
    if !arguments.quiet {
        output::say(&format!("recording {}", escape::text(&plan.label)));
    }
    let details = plan.details(found);
    let limits = Limits {
        duration: arguments.for_,
        idle: arguments.until_idle,
    };
    let command = plan.command.take();
    let watched = session::watch(
        listening,
        &mut probe,
        command,
        &plan.place,
        plan.stop,
        limits,
        &mut display,
    );
    output::clear_line();
    drop(display);
    let ended = watched.map_err(no_session)?;
    let losses = probe.losses().map_err(no_probe)?;
    if let Some(thread) = details {
        plan.learn(thread.join().ok().flatten());
    }
    let recording = session::recording(&ended, losses, context(&plan, &clock)?);
    sink.write(&recording::to_json(&recording))?;
    if !arguments.quiet {
        summarise(&recording, arguments);
    }
    Ok(exit(&recording, &ended))
}

/// When the session started, on both clocks.
struct Clock {
    monotonic_ns: u64,
    wall_ns: i128,
}

impl Clock {
    fn now() -> Self {
        let monotonic = clock_gettime(ClockId::Monotonic);
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let monotonic_ns = nanoseconds(monotonic.tv_sec, monotonic.tv_nsec);
        Self {
            monotonic_ns: u64::try_from(monotonic_ns).unwrap_or(0),
            wall_ns: jiff::Timestamp::now().as_nanosecond(),
        }
    }
}

fn context(plan: &Plan, clock: &Clock) -> Result<Context, Failure> {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let run_id = output::read(std::path::Path::new("/proc/sys/kernel/random/uuid"))?;
    Ok(Context {
        run_id: run_id.trim().to_owned(),
        host: Host {
            kernel: text(uname.release()),
            architecture: text(uname.machine()),
        },
        target: plan.target.clone(),
        monotonic_ns: clock.monotonic_ns,
        wall_ns: clock.wall_ns,
        from: if plan.from_start {
            WindowStart::Exec
        } else {
            WindowStart::Attach
        },
    })
}

fn unmet(unmet: requirements::Unmet) -> Failure {
    let hint = unmet.hint();
    Failure::environment(unmet).hint_if(hint)
}

fn no_probe(error: ProbeError) -> Failure {
    let hint = match &error {
        ProbeError::NoBtf(_) | ProbeError::Btf(_) | ProbeError::KernelBtf(_) => {
            "recording needs a kernel with CONFIG_DEBUG_INFO_BTF=y; run `seccomp-tracer doctor`"
        }
        _ => {
            "recording needs CAP_BPF and CAP_PERFMON; run `seccomp-tracer doctor` to see what is missing"
        }
    };
    Failure::environment(error).hint(hint)
}

fn no_session(error: SessionError) -> Failure {
    match error {
        SessionError::Probe(error) => no_probe(error),
        SessionError::Spawn(error) if error.source.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, error)
        }
        SessionError::Spawn(error) => Failure::new(Exit::NotExecutable, error),
        error => Failure::new(Exit::Ours, error),
    }
}

fn summarise(recording: &Recording, arguments: &Arguments) {
    let path = escape::path(&arguments.output);
    let calls: std::collections::BTreeSet<_> = recording.facts.keys().map(|key| key.call).collect();
    let seconds = recording.window.duration_ms / 1000;
    let missing = recording.losses.missing();
    output::say(&format!(
        "wrote {path}: {} calls, made {} times in {seconds}s, {missing} lost",
        calls.len(),
        recording.total_count(),
    ));
    for remark in remarks::remarks(recording) {
        output::say(&format!("warning: {remark}"));
    }
    if path != "-" {
        output::say(&format!(
            "next: seccomp-tracer generate {path} -o profile.json"
        ));
    }
}

/// A command's own exit code; else whether the recording is complete.
fn exit(recording: &Recording, ended: &Ended) -> Exit {
    match ended.status {
        Some(status) => Exit::Command(code(status)),
        None if recording.losses.is_complete() => Exit::Done,
        None => Exit::Incomplete,
    }
}

/// As a shell has it: 128+N for signal N.
fn code(status: ExitStatus) -> u8 {
    const SIGNALLED: i32 = 128;
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
