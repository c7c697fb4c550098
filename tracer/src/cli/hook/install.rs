//! `hook install`: the file by which engines find the hook.

use super::{HookArguments, ProfileArguments};
use crate::cli::base;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Sink};
use crate::report::escape;
use crate::target::oci_hook::{ANNOTATION, Config, Unwritable};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where engines look without being told.
const DIRECTORY: &str = "/etc/containers/oci/hooks.d";

/// Our file there.
const FILE: &str = "seccomp-tracer.json";

/// The file of the hook whose annotation we read.
const OTHER: &str = "oci-seccomp-bpf-hook.json";

/// Install the hook: write the file by which Podman and CRI-O find this program.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where engines look for hooks; it is made if it is not there.
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    dir: PathBuf,
    #[command(flatten)]
    hook: HookArguments,
}

/// Something that a hook that is called from anywhere cannot do without.
#[derive(Debug, thiserror::Error)]
enum NotInstalled {
    #[error("cannot make the directory `{}`", escape::path(.path))]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot find `{}`", escape::path(.path))]
    Path { path: PathBuf, source: io::Error },
    #[error("cannot find out where this program lies")]
    Program(#[source] io::Error),
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = config(arguments)?.to_json().map_err(Failure::invalid)?;
    fs::create_dir_all(&arguments.dir).map_err(|source| {
        let path = arguments.dir.clone();
        Failure::invalid(NotInstalled::Directory { path, source })
    })?;
    let path = arguments.dir.join(FILE);
    Sink::open(Some(&path))?.write(&config)?;
    output::say(&format!("wrote {}", escape::path(&path)));
    if arguments.dir.join(OTHER).exists() {
        output::say(&format!(
            "warning: {OTHER} is there as well, and containers with the annotation would be traced twice; \
             remove one of them"
        ));
    }
    let dir = match arguments.dir.as_path() {
        default if default == Path::new(DIRECTORY) => String::new(),
        other => format!("--hooks-dir {} ", escape::path(other)),
    };
    output::say(&format!(
        "next: podman {dir}run --annotation {ANNOTATION}=of:/tmp/profile.json …"
    ));
    Ok(Exit::Done)
}

/// The hook with every path as it is from everywhere.
fn config(arguments: &Arguments) -> Result<Config, Failure> {
    let program = std::env::current_exe()
        .map_err(|source| Failure::environment(NotInstalled::Program(source)))?;
    let HookArguments { fail_open, profile } = &arguments.hook;
    let profile = ProfileArguments {
        base: base(&profile.base)?,
        how: profile.how,
        recordings: profile.recordings.as_deref().map(absolute).transpose()?,
        within: profile.within.as_deref().map(absolute).transpose()?,
        allow_incomplete: profile.allow_incomplete,
        client: profile.client,
    };
    let mut words = vec!["seccomp-tracer".into(), "hook".into(), "run".into()];
    words.extend(fail_open.then(|| "--fail-open".into()));
    words.extend(profile.words());
    Ok(Config {
        program,
        arguments: words,
    })
}

/// A base by name, or a file, which is a profile now.
fn base(name: &str) -> Result<String, Failure> {
    if base::NAMES.contains(&name) {
        return Ok(name.to_owned());
    }
    let path = absolute(Path::new(name))?;
    base::read_profile(&path)?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::invalid(Unwritable(path)))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|source| {
        let path = path.to_owned();
        Failure::invalid(NotInstalled::Path { path, source })
    })
}
