//! `hook run`: from a container's state to a recorder that is attached, before the container's program starts.

use super::journal::{self, Severity};
use super::{HookArguments, ProfileArguments, option, recorder};
use crate::cli::base;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Sink};
use crate::report::escape;
use crate::target::oci_hook::{ANNOTATION, Annotation, AnnotationError, Bundle, State, StateError};
use crate::target::{process, runtime};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// What a recorder gets to attach itself. It takes a fraction of a second.
const READY_MAX: Duration = Duration::from_secs(10);

/// What a recorder says when it is attached.
pub(super) const READY: &str = "ready";

/// How much of a recorder's last words is passed on.
const TALK_MAX_BYTES: u64 = 16 << 10;

/// Run as a hook: read a container's state on standard input, and return when the container is recorded.
///
/// Container runtimes run this. The recording goes on until nobody is left in the container.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    hook: HookArguments,
}

/// Why a container is not recorded.
#[derive(Debug, thiserror::Error)]
enum NotStarted {
    #[error("cannot use the container's state")]
    State(#[source] StateError),
    #[error("cannot use `{}`", escape::path(.path))]
    Bundle { path: PathBuf, source: StateError },
    #[error("invalid annotation `{ANNOTATION}`")]
    Annotation(#[source] AnnotationError),
    #[error("container `{}` has no annotation `{ANNOTATION}`", escape::text(.0))]
    NotAsked(String),
    #[error("cannot start the recorder")]
    Recorder(#[source] io::Error),
    #[error("the recorder gave up: {0}")]
    GaveUp(String),
    #[error("the files of the annotation do not answer within {} s", READY_MAX.as_secs())]
    NoAnswer,
    #[error("the recorder was not ready after {} s", READY_MAX.as_secs())]
    Late,
}

/// A failure with all that there is to say about it in one line: of several, engines show the last.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OneLine(String);

impl OneLine {
    fn of(failure: Failure) -> Failure {
        let hint = failure.hint.as_ref();
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        let line = format!("{}{hint}", journal::causes(&failure));
        Failure::new(failure.exit, Self(escape::text(&line)))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let HookArguments { fail_open, profile } = &arguments.hook;
    match start(profile) {
        Ok(started) => {
            journal::log(Severity::Info, &started);
            Ok(Exit::Done)
        }
        Err(failure) => {
            journal::log_failure(&failure);
            let failure = OneLine::of(failure);
            if !fail_open {
                return Err(failure);
            }
            output::failure(&failure);
            Ok(Exit::Done)
        }
    }
}

/// Says what was started.
fn start(profile: &ProfileArguments) -> Result<String, Failure> {
    let state = State::read(io::stdin().lock());
    let state = state.map_err(|error| Failure::invalid(NotStarted::State(error)))?;
    let bundle = state.bundle.as_deref().map(bundle);
    let filter = match &bundle {
        Some(Ok(bundle)) => Some(bundle.has_filter),
        // Whether that matters is seen when the annotation is looked for.
        Some(Err(_)) | None => None,
    };
    let annotation = annotation(&state, bundle)?;
    for path in annotation.input.iter().chain([&annotation.output]) {
        profile.admit(path)?;
    }
    look(&state, &annotation, profile)?;
    attach(start_recorder(&state, &annotation, filter, profile)?)?;
    let output = annotation.output.display();
    Ok(format!("recording container {}, for {output}", state.id))
}

/// Looks whether everything can be read and written, now, while the container can still be kept from starting. A file
/// system need not answer at all.
fn look(state: &State, annotation: &Annotation, profile: &ProfileArguments) -> Result<(), Failure> {
    let (input, mut outputs) = (annotation.input.clone(), vec![annotation.output.clone()]);
    if let Some(directory) = &profile.recordings {
        outputs.push(recorder::kept(directory, &state.id)?);
    }
    let (sender, receiver) = channel();
    let look = move || {
        let input = input.map_or(Ok(()), |input| base::read_foreign_profile(&input).map(drop));
        // What is opened and not written leaves nothing behind.
        let open = |output: &PathBuf| Sink::open_file(output).map(drop);
        let looked = input.and_then(|()| outputs.iter().try_for_each(open));
        // Nobody waits any more if it took too long.
        let _ = sender.send(looked);
    };
    let thread = thread::Builder::new().spawn(look);
    thread.map_err(|error| Failure::environment(NotStarted::Recorder(error)))?;
    let late = |_| Err(Failure::environment(NotStarted::NoAnswer));
    receiver.recv_timeout(READY_MAX).unwrap_or_else(late)
}

/// What the container asks for. Not every runtime has annotations in the state.
fn annotation(
    state: &State,
    bundle: Option<Result<Bundle, Failure>>,
) -> Result<Annotation, Failure> {
    let not_asked = || Failure::invalid(NotStarted::NotAsked(state.id.clone()));
    let text = match (&state.annotation, bundle) {
        (Some(text), _) => text.clone(),
        (None, Some(bundle)) => bundle?.annotation.ok_or_else(not_asked)?,
        (None, None) => return Err(not_asked()),
    };
    Annotation::parse(&text).map_err(|error| {
        Failure::invalid(NotStarted::Annotation(error))
            .hint("the form is `of:/profile.json`, or `of:/profile.json;if:/input.json`")
    })
}

fn bundle(directory: &Path) -> Result<Bundle, Failure> {
    let path = directory.join("config.json");
    let found = File::open(&path)
        .map_err(StateError::Read)
        .and_then(Bundle::read);
    found.map_err(|source| Failure::invalid(NotStarted::Bundle { path, source }))
}

/// Starts the recorder, with nothing of ours but two pipes: runtimes wait until theirs are closed.
fn start_recorder(
    state: &State,
    annotation: &Annotation,
    filter: Option<bool>,
    profile: &ProfileArguments,
) -> Result<Child, Failure> {
    let cannot = |error| Failure::environment(NotStarted::Recorder(error));
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.args(["hook", "record"]);
    command.arg(option("--id", &state.id));
    command.arg(option("--pid", state.pid.as_raw_nonzero().to_string()));
    command.arg(option("--output", &annotation.output));
    if let Some(input) = &annotation.input {
        command.arg(option("--input", input));
    }
    if let Some(filter) = filter {
        command.arg(option("--filter", filter.to_string()));
    }
    if let Some(runtime) = runtime() {
        command.arg(option("--runtime", runtime));
    }
    // The runtime's directory is the container's, which must be free to go before we do.
    let command = command.args(profile.words()).current_dir("/");
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().map_err(cannot)
}

/// The runtime that runs us, if it is one that we know.
fn runtime() -> Option<&'static str> {
    let parent = process::facts(rustix::process::getppid()?).ok()?;
    let file = parent.executable.as_deref().and_then(Path::file_name);
    let is = |name: &&str| file == Some(name.as_ref()) || parent.program == **name;
    runtime::KNOWN.into_iter().find(is)
}

/// Waits until the recorder is attached.
fn attach(mut recorder: Child) -> Result<(), Failure> {
    let (sender, receiver) = channel();
    let stdout = recorder.stdout.take();
    let listen = move || {
        let mut line = String::new();
        let said = stdout.map(|pipe| BufReader::new(pipe).read_line(&mut line));
        // Nobody waits any more if it took too long.
        let _ = sender.send((said.is_some_and(|said| said.is_ok()), line));
    };
    if let Err(error) = thread::Builder::new().spawn(listen) {
        let _ = recorder.kill();
        let _ = recorder.wait();
        return Err(Failure::environment(NotStarted::Recorder(error)));
    }
    match receiver.recv_timeout(READY_MAX) {
        Ok((true, line)) if line.trim_end() == READY => Ok(()),
        Ok(_) => Err(last_words(recorder)),
        Err(_) => {
            // It may have ended meanwhile.
            let _ = recorder.kill();
            let _ = recorder.wait();
            Err(Failure::environment(NotStarted::Late))
        }
    }
}

/// What a recorder that ends says about it, in one line.
fn last_words(mut recorder: Child) -> Failure {
    let mut talk = Vec::new();
    if let Some(stderr) = recorder.stderr.take() {
        let _ = stderr.take(TALK_MAX_BYTES).read_to_end(&mut talk);
    }
    let _ = recorder.kill();
    let _ = recorder.wait();
    let talk = String::from_utf8_lossy(&talk);
    let lines = talk.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    Failure::environment(NotStarted::GaveUp(lines.join("; ")))
}
