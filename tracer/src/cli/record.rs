//! `record`: a target in, a recording out.

use super::clients;
use super::daemon::{self, DaemonArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::folder::{self, Folder};
use super::output::{self, Sink};
use super::progress::Display;
use super::remarks;
use super::watching::{self, LimitArguments, Parts, TargetArguments, Watched};
use crate::probe::Looking;
use crate::recording::{self, Recording};
use crate::report::escape;
use crate::session::Listening;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Watch a target and write down every system call that it makes.
///
/// Without `--for` or `--until-idle` it ends with the target, or with Ctrl-C.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    recorder: DaemonArguments,
    /// Write down as well what a seccomp filter refuses.
    #[arg(long)]
    denials: bool,
    /// Where the recording goes; `-` is standard output. Of `docker compose up`, and where else there are several
    /// containers, a folder with a recording for each service [default: recording.json, or recordings]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let runs_command = arguments.target.is_command();
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
    let mut listening = watching::listen()?;
    if let Some(socket) = &arguments.recorder.daemon {
        let Arguments { target, limits, .. } = arguments;
        let display = |label: &str| Display::recording(label, arguments.quiet);
        let sink = Sink::open(Some(&arguments.file()))?;
        let watched = daemon::record(socket, target, &mut listening, limits, display)?;
        return finish(sink, &watched, &mut listening, arguments);
    }
    let looking = if arguments.denials {
        Looking::AtBoth
    } else {
        Looking::AtCalls
    };
    let plan = watching::plan(&arguments.target)?;
    let mut display = Display::recording(&plan.label, arguments.quiet);
    let limits = &arguments.limits;
    if plan.is_several() {
        let folder = (!plan.is_one()).then(|| Folder::open(&arguments.folder()));
        let folder = folder.transpose()?;
        let services = plan.services();
        let parts = watching::hold_each(plan, &mut listening, looking, limits, &mut display)?;
        return finish_each(folder.as_ref(), services, parts, arguments);
    }
    let sink = Sink::open(Some(&arguments.file()))?;
    let watched = watching::hold(plan, &mut listening, looking, limits, &mut display)?;
    finish(sink, &watched, &mut listening, arguments)
}

impl Arguments {
    /// Where a recording goes.
    fn file(&self) -> PathBuf {
        let default = || "recording.json".into();
        self.output.clone().unwrap_or_else(default)
    }

    /// Where several go.
    fn folder(&self) -> PathBuf {
        let default = || "recordings".into();
        self.output.clone().unwrap_or_else(default)
    }
}

/// Writes a recording for each target.
fn finish_each(
    folder: Option<&Folder>,
    mut missing: BTreeSet<String>,
    parts: Parts,
    arguments: &Arguments,
) -> Result<Exit, Failure> {
    let Parts {
        parts,
        nameless,
        status,
        is_interrupted: _,
    } = parts;
    let is_empty = parts.is_empty();
    let mut complete = nameless == 0 && !is_empty;
    for (name, recordings) in folder::by_name(parts) {
        let path = match folder {
            Some(folder) => folder.keep(&name, &recordings)?,
            None => folder::keep_at(arguments.file(), &name, &recordings)?,
        };
        missing.remove(&name);
        complete &= recordings
            .iter()
            .all(|recording| recording.losses.is_complete());
        if !arguments.quiet {
            recordings
                .iter()
                .for_each(|recording| summarise(recording, &path));
        }
    }
    let say = |line: String| {
        if !arguments.quiet {
            output::say(&line);
        }
    };
    if is_empty {
        say("warning: no container was started, so there is no recording".to_owned());
    }
    if nameless > 0 {
        say(format!(
            "warning: {nameless} containers were gone before anybody could say whose they were; they are in no recording"
        ));
    }
    for name in missing {
        say(format!(
            "note: no container of service `{}` was started",
            escape::text(&name)
        ));
    }
    Ok(match status {
        Some(status) if complete || !status.success() => Exit::Command(watching::code(status)),
        _ => Exit::Incomplete,
    })
}

fn finish(
    sink: Sink,
    watched: &Watched,
    listening: &mut Listening,
    arguments: &Arguments,
) -> Result<Exit, Failure> {
    let Watched { recording, status } = watched;
    let text = recording::to_json(recording);
    let written = listening.unless_asked(move || sink.write(&text));
    match written.map_err(watching::no_session)? {
        Ok(written) => written?,
        Err(which) => {
            return Err(watching::given_up(arguments.file(), which));
        }
    }
    if !arguments.quiet {
        summarise(recording, &arguments.file());
    }
    Ok(exit(recording, *status))
}

fn summarise(recording: &Recording, path: &Path) {
    let path = escape::path(path);
    let calls: BTreeSet<_> = recording.facts.keys().map(|key| key.call).collect();
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
    for warning in clients::warnings(&recording.clients()) {
        output::say(&format!("warning: {warning}"));
    }
    if path != "-" {
        output::say(&format!(
            "next: seccomp-tracer generate {path} -o profile.json"
        ));
    }
}

/// A command's own exit code; else whether the recording is complete.
fn exit(recording: &Recording, status: Option<ExitStatus>) -> Exit {
    match status {
        Some(status) => Exit::Command(watching::code(status)),
        None if recording.losses.is_complete() => Exit::Done,
        None => Exit::Incomplete,
    }
}
