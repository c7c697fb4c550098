//! `hook`: containers that ask for it by annotation are recorded by their engine's own doing.

mod install;
mod journal;
mod recorder;
mod start;

use super::clients::ClientArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::start::HowArguments;
use crate::report::escape;
use clap::Subcommand;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Record containers that ask for it by annotation: an OCI hook for Podman and CRI-O.
///
/// A container with the annotation `io.containers.trace-syscall=of:/profile.json` is recorded from its first
/// call to its end; then the profile is written to that file. With `;if:/input.json` behind it, the profile
/// adds to that one: calls that the input names stay as they are there.
#[derive(clap::Args)]
#[command(after_help = "\
To begin with: seccomp-tracer hook install
               podman run --annotation io.containers.trace-syscall=of:/tmp/profile.json …

The annotation is the one that oci-seccomp-bpf-hook reads. What goes wrong after the container was started is in
the system's log.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Install(install::Arguments),
    Run(start::Arguments),
    #[command(hide = true)]
    Record(recorder::Arguments),
}

/// What an installed hook is told once and for all.
#[derive(clap::Args)]
struct HookArguments {
    /// Let containers start when they cannot be recorded; else they do not.
    #[arg(long)]
    fail_open: bool,
    #[command(flatten)]
    profile: ProfileArguments,
}

/// How the profile is made.
#[derive(clap::Args)]
struct ProfileArguments {
    /// The profile that must not be exceeded, but for what the container's input file permits: podman (which
    /// is CRI-O's, too), docker, none, or a file.
    #[arg(long, value_name = "BASE", default_value = "podman")]
    base: String,
    #[command(flatten)]
    how: HowArguments,
    /// Keep each recording as well, as ID.json in this directory.
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    /// Refuse containers whose profile or input lies elsewhere than below this directory: annotations may come
    /// from people who must not say where root writes.
    #[arg(long, value_name = "DIR")]
    within: Option<PathBuf>,
    /// Write profiles from recordings in which calls are missing, too.
    #[arg(long)]
    allow_incomplete: bool,
    #[command(flatten)]
    client: ClientArguments,
}

impl ProfileArguments {
    /// The same as words of a command line.
    fn words(&self) -> Vec<OsString> {
        let mut words = vec![option("--base", &self.base)];
        words.extend(self.how.words().map(OsString::from));
        if let Some(directory) = &self.recordings {
            words.push(option("--recordings", directory));
        }
        if let Some(directory) = &self.within {
            words.push(option("--within", directory));
        }
        if self.allow_incomplete {
            words.push("--allow-incomplete".into());
        }
        if self.client.client {
            words.push("--client".into());
        }
        words
    }
}

/// A path that leads out of where all have to be.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not below `{}`", escape::path(.path), escape::path(.directory))]
struct Outside {
    path: PathBuf,
    directory: PathBuf,
}

impl ProfileArguments {
    /// Whether a path is where all have to be, whatever links and dots are on the way to it.
    fn admit(&self, path: &Path) -> Result<(), Failure> {
        let Some(directory) = &self.within else {
            return Ok(());
        };
        // A file that is not there yet lies where its directory does.
        let real = path.canonicalize().ok().or_else(|| {
            let parent = path.parent()?.canonicalize().ok()?;
            Some(parent.join(path.file_name()?))
        });
        let is_below = directory
            .canonicalize()
            .is_ok_and(|directory| real.is_some_and(|real| real.starts_with(directory)));
        if is_below {
            return Ok(());
        }
        Err(Failure::invalid(Outside {
            path: path.to_owned(),
            directory: directory.clone(),
        }))
    }
}

/// A flag with its value in one word, so that a value that looks like a flag is none.
fn option(name: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut word = OsString::from(name);
    word.push("=");
    word.push(value);
    word
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.what {
        What::Install(arguments) => install::run(arguments),
        What::Run(arguments) => start::run(arguments),
        What::Record(arguments) => recorder::run(arguments),
    }
}
