//! Starting the command: in the watched cgroup, so that nothing it does is missed.

use rustix::io::FdFlags;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// A command to start.
#[derive(Debug)]
pub struct Spawn {
    /// The executable file, already found: the search in `PATH` must not show up as calls of the command.
    pub program: PathBuf,
    /// Its `argv[0]`.
    pub name: OsString,
    /// The other arguments.
    pub arguments: Vec<OsString>,
    /// `cgroup.procs` of the cgroup that it is to live in; `None` leaves it where we are.
    pub cgroup: Option<File>,
    /// Stays open in it as long as it lives, for others to see that it does.
    pub held: Option<OwnedFd>,
    /// Its standard output goes to our standard error, because our own is for something else.
    pub stdout_to_stderr: bool,
}

/// Why a command could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start `{program}`")]
pub struct SpawnError {
    /// The executable file.
    pub program: String,
    /// Why.
    pub source: io::Error,
}

impl Spawn {
    /// Starts it. The last thing before its exec is to enter the cgroup.
    pub(super) fn start(self) -> Result<tokio::process::Child, SpawnError> {
        let Self {
            program,
            name,
            arguments,
            cgroup,
            held,
            stdout_to_stderr,
        } = self;
        let mut command = Command::new(&program);
        command.arg0(name).args(arguments);
        if stdout_to_stderr {
            command.stdout(io::stderr());
        }
        if let Some(mut procs) = cgroup {
            let enter = move || procs.write_all(b"0");
            // SAFETY: one write(2) of a constant to a descriptor that is open since before the fork:
            // async-signal-safe.
            unsafe { command.pre_exec(enter) };
        }
        if let Some(held) = held {
            let hold =
                move || rustix::io::fcntl_setfd(&held, FdFlags::empty()).map_err(io::Error::from);
            // SAFETY: one fcntl(2) on a descriptor that is open since before the fork: async-signal-safe.
            unsafe { command.pre_exec(hold) };
        }
        tokio::process::Command::from(command)
            .spawn()
            .map_err(|source| {
                let program = crate::report::escape::path(&program);
                SpawnError { program, source }
            })
    }
}
