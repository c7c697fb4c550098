//! `record`: a target in, a recording out.

use super::clients;
use super::daemon::{self, DaemonArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::keeping::{self, KeepArguments, Talk};
use super::output::{self, Sink};
use super::progress::Display;
use super::recover;
use super::remarks;
use super::watching::{self, LimitArguments, TargetArguments, Watched};
use crate::probe::Looking;
use crate::recording::{self, Recording, SeccompState, Void};
use crate::recovery::Folder;
use crate::report::escape;
use crate::session::Listening;
use std::path::PathBuf;
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
    /// Where the recording goes; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "recording.json")]
    output: PathBuf,
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
    let talk = match arguments.quiet {
        true => Talk::OfNothing,
        false => Talk::OfTheDead,
    };
    let folder = keeping::folder(&arguments.keep.places(), talk);
    if let Some(Err(error)) = folder
        .as_ref()
        .map(|folder| folder.note_output(&arguments.output))
    {
        log::debug!("cannot note the output: {error}");
    }
    let name = folder.as_ref().map_or("seccomp-tracer", Folder::name);
    let sink = Sink::open_as(Some(&arguments.output), name)?;
    if let Some(socket) = &arguments.recorder.daemon {
        let Arguments { target, limits, .. } = arguments;
        let display = |label: &str| Display::recording(label, arguments.quiet);
        let watched = daemon::record(socket, target, &mut listening, limits, display)?;
        return finish(
            sink,
            Watched { folder, ..watched },
            &mut listening,
            arguments,
        );
    }
    let looking = if arguments.denials {
        Looking::AtBoth
    } else {
        Looking::AtCalls
    };
    let mut plan = watching::plan_in(folder, &arguments.target)?;
    plan.survive();
    let mut display = Display::recording(&plan.label, arguments.quiet);
    let limits = &arguments.limits;
    let watched = watching::hold(plan, &mut listening, looking, limits, &mut display)?;
    finish(sink, watched, &mut listening, arguments)
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
        Err(which) => Some(watching::given_up(arguments.output.clone(), which)),
    };
    if let Some(failure) = failure {
        if let Some(folder) = folder {
            put_aside(folder, is_kept);
        }
        return Err(keep_code(failure, status));
    }
    drop(folder);
    if !arguments.quiet {
        summarise(&recording, arguments);
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
