//! `audit --image-root` and `audit --pid`: what code can do that no recording shows.

use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use crate::audit::Recorded;
use crate::audit::hint;
use crate::profile::Meaning;
use crate::reach::{self, Role};
use crate::recording::Runs;
use crate::report::{escape, json, text};
use crate::target::process::{self, ProcessError};
use crate::target::root::Root;
use crate::target::workload::{self, Finder, Workload};
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Whose code is looked at.
#[derive(clap::Args)]
pub(super) struct WorkloadArguments {
    /// Instead of judging a profile, look at the code of an image, unpacked into this directory, and list the
    /// calls that it can make and no recording shows. A hint at what to exercise; nothing is allowed for it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["profiles", "container"])]
    image_root: Option<PathBuf>,
    /// The same with the code that is mapped into a running process.
    #[arg(long, value_name = "PID", conflicts_with_all = ["profiles", "container", "image_root"], value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// A program of the image, by its path there; several may be given [default: those that the recordings
    /// name].
    #[arg(
        long,
        value_name = "PATH",
        requires = "image_root",
        conflicts_with = "pid"
    )]
    program: Vec<PathBuf>,
}

impl WorkloadArguments {
    /// Whether code is to be looked at, instead of a profile.
    pub(super) const fn is_asked_for(&self) -> bool {
        self.image_root.is_some() || self.pid.is_some()
    }
}

/// Why there is no code to look at.
#[derive(Debug, thiserror::Error)]
enum NoCode {
    #[error("cannot open `{}` as a root", escape::path(.path))]
    Root { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("no program of the image is known")]
    NoProgram,
    #[error("no code for x86-64 was found: {0}")]
    Nothing(String),
}

/// How a hint is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl WorkloadArguments {
    /// Finds and reads the files.
    fn files(&self, runs: &Runs) -> Result<Workload, Failure> {
        let workload = match (self.pid.and_then(Pid::from_raw), &self.image_root) {
            (Some(pid), _) => of_process(pid)?,
            (None, root) => self.of_image(root.as_deref().unwrap_or(Path::new("/")), runs)?,
        };
        if workload.modules.is_empty() {
            let why = workload.skipped.iter().map(|(name, why)| {
                let name = escape::text(name);
                format!("`{name}`: {why}")
            });
            let mut why = why.collect::<Vec<_>>().join("; ");
            if why.is_empty() {
                why.push_str("only scripts");
            }
            return Err(Failure::invalid(NoCode::Nothing(why)));
        }
        Ok(workload)
    }

    fn of_image(&self, path: &Path, runs: &Runs) -> Result<Workload, Failure> {
        let root = open(path)?;
        let mut programs = self.program.clone();
        if programs.is_empty() {
            // Threads have names of their own, which are no programs.
            let found = names(runs).into_iter();
            programs.extend(found.filter_map(|name| workload::command(&root, name)));
        }
        if programs.is_empty() {
            return Err(Failure::invalid(NoCode::NoProgram)
                .hint("say with --program what the container starts, or give a recording of it"));
        }
        let mut finder = Finder::new(&root);
        for program in programs {
            finder.want(&program, Role::Program);
        }
        Ok(finder.finish())
    }
}

fn open(path: &Path) -> Result<Root, Failure> {
    Root::open(path).map_err(|source| {
        let path = path.to_owned();
        Failure::invalid(NoCode::Root { path, source })
    })
}

/// The process's program and whatever else is mapped to be executed: what it is linked to, and what it has
/// loaded by name until now.
fn of_process(pid: Pid) -> Result<Workload, Failure> {
    let code = process::code(pid).map_err(|error| {
        let hint = error.hint();
        Failure::environment(NoCode::from(error)).hint_if(hint)
    })?;
    let root = open(&PathBuf::from(format!(
        "/proc/{}/root",
        pid.as_raw_nonzero()
    )))?;
    let mut finder = Finder::new(&root);
    if let Some(program) = &code.program {
        finder.want(program, Role::Program);
    }
    for file in &code.mapped {
        finder.want(file, Role::Plugin);
    }
    Ok(finder.finish())
}

/// The names of the programs that made calls that count.
fn names(runs: &Runs) -> BTreeSet<&str> {
    let counting = runs.counting();
    let all = runs.facts().flat_map(|(key, facts)| {
        let counting = &counting;
        let all = facts.appearances.iter();
        all.filter(move |one| counting.counts(key, one.run))
    });
    all.filter_map(|one| one.first)
        .map(|first| runs.program(first))
        .collect()
}

pub(super) fn run(
    arguments: &WorkloadArguments,
    recorded: &Recorded,
    base: &BaseArguments,
    form: Form,
    sink: Sink,
) -> Result<Exit, Failure> {
    let runs = &recorded.runs;
    let native = base::native(runs.runs())?;
    let resolved = base.resolve(runs.runs(), native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    let workload = arguments.files(runs)?;
    let reach = reach::reach(&workload.modules);
    let files = workload.modules.into_iter().map(|module| module.name);
    let profile = resolved.profile.as_ref();
    let base = profile.map(|profile| Meaning::of(profile, native));
    let hint = hint::hint(
        files.collect(),
        workload.skipped,
        reach,
        runs,
        base.as_ref(),
    );
    sink.write(&match form {
        Form::Text => text::hint(&hint),
        Form::Json => json::hint(&hint),
    })?;
    Ok(Exit::Done)
}
