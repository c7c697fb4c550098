//! `record`: a target in, a recording out.

use super::clients;
use super::daemon::{self, DaemonArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::folder::{self, Outlet};
use super::keeping::{self, KeepArguments, Talk};
use super::output::{self, Sink};
use super::progress::Display;
use super::recover;
use super::remarks;
use super::watching::{self, LimitArguments, Parts, TargetArguments, Watched};
use crate::probe::Looking;
use crate::recording::{self, Recording, SeccompState, Void};
use crate::recovery::Folder;
use crate::report::escape;
use crate::session::Listening;
use crate::target::engine_run;
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
    #[command(flatten)]
    keep: KeepArguments,
    /// Finish what recorders that were killed had begun: what still runs is watched to its end, and each recording goes
    /// where it was to go.
    #[arg(long, group = "watched", conflicts_with_all = ["output", "denials", "daemon", "raw_tracepoint"])]
    recover: bool,
    /// Where the recording goes; `-` is standard output. Of `docker compose up`, and where else there are several
    /// containers, a folder with a recording for each service [default: recording.json, or recordings]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.recover {
        return recover::run(&arguments.keep, &arguments.limits, arguments.quiet);
    }
    let runs_command = arguments.target.is_command();
    // A caller of a command must be able to tell our failures from the command's.
    record(arguments).map_err(|failure| match failure.exit {
        Exit::Invalid if runs_command => Failure {
            exit: Exit::Ours,
            ..failure
        },
        _ => failure,
    })
}

fn record(arguments: &Arguments) -> Result<Exit, Failure> {
    // Before anything is made that a signal would leave behind.
    let mut listening = watching::listen()?;
    let talk = match arguments.quiet {
        true => Talk::OfNothing,
        false => Talk::OfTheDead,
    };
    let folder = keeping::folder(&arguments.keep.places(), talk);
    let is_several = engine_run::recognise(&arguments.target.command).is_several();
    // A bad path fails in the first second; a folder is made when there is something to be put into it.
    let is_file = !is_several || arguments.recorder.daemon.is_some();
    let sink = is_file.then(|| sink(folder.as_ref(), &arguments.file()));
    let sink = sink.transpose()?;
    let sink = match (&arguments.recorder.daemon, sink) {
        (Some(socket), Some(sink)) => {
            let Arguments { target, limits, .. } = arguments;
            let display = |label: &str| Display::recording(label, arguments.quiet);
            let watched = daemon::record(socket, target, &mut listening, limits, display)?;
            let watched = Watched { folder, ..watched };
            return finish(sink, watched, &mut listening, arguments);
        }
        (_, sink) => sink,
    };
    let looking = if arguments.denials {
        Looking::AtBoth
    } else {
        Looking::AtCalls
    };
    let mut plan = watching::plan_in(folder, &arguments.target)?;
    plan.survive();
    let mut display = Display::recording(&plan.label, arguments.quiet);
    let limits = &arguments.limits;
    let outlet = match sink {
        Some(sink) if !plan.is_several() => {
            let watched = watching::hold(plan, &mut listening, looking, limits, &mut display)?;
            return finish(sink, watched, &mut listening, arguments);
        }
        Some(sink) => Outlet::File(arguments.file(), sink),
        None => Outlet::folder(&arguments.folder())?,
    };
    let services = plan.services();
    let parts = watching::hold_each(plan, &mut listening, looking, limits, &mut display)?;
    finish_each(outlet, services, parts, &mut listening, arguments)
}

/// Where a recording goes, noted for whoever comes after our sudden death.
fn sink(folder: Option<&Folder>, path: &Path) -> Result<Sink, Failure> {
    if let Some(Err(error)) = folder.map(|folder| folder.note_output(path)) {
        log::debug!("cannot note the output: {error}");
    }
    Sink::open_as(Some(path), folder.map_or("seccomp-tracer", Folder::name))
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
    outlet: Outlet,
    mut missing: BTreeSet<String>,
    parts: Parts,
    listening: &mut Listening,
    arguments: &Arguments,
) -> Result<Exit, Failure> {
    let Parts {
        parts,
        nameless,
        status,
        interrupted_by: _,
    } = parts;
    let is_empty = parts.is_empty();
    let mut complete = nameless == 0 && !is_empty;
    let named = folder::by_name(parts);
    let path = outlet.path().to_owned();
    let written = listening.unless_asked(move || outlet.write(named));
    let written = match written.map_err(watching::no_session)? {
        Ok(written) => written.map_err(|failure| keep_code(failure, status))?,
        Err(which) => return Err(keep_code(watching::given_up(path, which), status)),
    };
    for (name, path, recordings) in written {
        missing.remove(&name);
        for recording in recordings {
            let is_blank = recording.void().is_some_and(Void::is_blank);
            complete &= recording.losses.is_complete() && !is_blank;
            if !arguments.quiet {
                summarise(&recording, &path, arguments);
            }
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
    watched: Watched,
    listening: &mut Listening,
    arguments: &Arguments,
) -> Result<Exit, Failure> {
    let Watched {
        recording,
        status,
        folder,
        ..
    } = watched;
    let text = recording::to_json(&recording);
    // From here on it is as good as there, however we end.
    let is_kept = folder
        .as_ref()
        .is_some_and(|folder| folder.write_finished(&text).is_ok());
    let written = listening.unless_asked(move || sink.write(&text));
    let failure = match written.map_err(watching::no_session)? {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(which) => Some(watching::given_up(arguments.file(), which)),
    };
    if let Some(failure) = failure {
        if let Some(folder) = folder {
            put_aside(folder, is_kept);
        }
        return Err(keep_code(failure, status));
    }
    drop(folder);
    if !arguments.quiet {
        summarise(&recording, &arguments.file(), arguments);
    }
    Ok(exit(&recording, status))
}

/// Says where a recording is that cannot be where it belongs.
fn put_aside(folder: Folder, is_kept: bool) {
    match is_kept.then(|| folder.put_aside()) {
        Some(Ok(path)) => output::say(&format!(
            "note: the recording is in `{}` instead",
            escape::path(&path)
        )),
        _ => {
            folder.leave();
            output::say(
                "note: `seccomp-tracer record --recover` finishes the recording, where there is room for it",
            );
        }
    }
}

/// A command's failure is not hidden behind ours.
fn keep_code(failure: Failure, status: Option<ExitStatus>) -> Failure {
    match status.map(watching::code) {
        None | Some(0) => failure,
        Some(code) => Failure {
            exit: Exit::Command(code),
            ..failure
        },
    }
}

fn summarise(recording: &Recording, path: &Path, arguments: &Arguments) {
    let path = escape::path(path);
    let calls: BTreeSet<_> = recording.facts.keys().map(|key| key.call).collect();
    let seconds = recording.window.duration_ms / 1000;
    let missing = recording.losses.missing();
    output::say(&format!(
        "wrote {path}: {} calls, made {} times in {seconds}s, {missing} lost",
        calls.len(),
        recording.total_count(),
    ));
    if let Some(remark) = remarks::left(recording) {
        output::say(&format!("warning: {remark}"));
    }
    for remark in remarks::remarks(recording) {
        output::say(&format!("warning: {remark}"));
    }
    for warning in clients::warnings(&recording.clients()) {
        output::say(&format!("warning: {warning}"));
    }
    if arguments.denials && recording.target.seccomp == Some(SeccompState::Custom) {
        output::say(&format!(
            "hint: what a profile that complains has logged is recorded: seccomp-tracer check PROFILE --recording {path}"
        ));
    }
    if path != "-" && recording.void().is_none() {
        output::say(&format!(
            "next: seccomp-tracer generate {path} -o profile.json"
        ));
    }
}

/// A command's own exit code, unless that is 0 and there is nothing of it; else whether the recording is complete.
fn exit(recording: &Recording, status: Option<ExitStatus>) -> Exit {
    let is_blank = recording.void().is_some_and(Void::is_blank);
    match status.map(watching::code) {
        Some(0) | None if is_blank => Exit::Incomplete,
        Some(code) => Exit::Command(code),
        None if recording.losses.is_complete() => Exit::Done,
        None => Exit::Incomplete,
    }
}
