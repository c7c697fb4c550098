//! `record`, running and done.

use crate::product;
use house_tests::docker::Docker;
use house_tests::facts;
use house_tests::run::{Program, Run, Running};
use seccomp_tracer::recording::{FactKey, Recording, Sighting};
use seccomp_tracer::syscall::Call;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use tempfile::TempDir;

/// A recording in the making.
pub(crate) struct Recorder {
    /// The program.
    pub(crate) running: Running,
    path: PathBuf,
    directory: TempDir,
}

impl Recorder {
    /// Starts `record` with these arguments.
    pub(crate) fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        Self::of(product(), arguments)
    }

    /// Starts `record` of that program, in surroundings of its own, with these arguments.
    pub(crate) fn of(program: Program, arguments: &[impl AsRef<OsStr>]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("recording.json");
        let running = program.args(["record", "--output"]).args([&path]);
        Self {
            running: running.args(arguments).start(),
            path,
            directory,
        }
    }

    /// Starts to record a container from its first call.
    pub(crate) fn docker(docker: &Docker) -> Self {
        let line = docker.command_line();
        let separator = ["--".to_owned()].into_iter();
        Self::start(&separator.chain(line).collect::<Vec<_>>())
    }

    /// Starts to record a container that runs, and waits until it is watched.
    pub(crate) fn attach(name: &str, flags: &[&str]) -> Self {
        let mut recorder = Self::start(&[&["--container", name], flags].concat());
        recorder.running.await_stderr("recording ");
        recorder
    }

    /// Waits for the end. Nothing may be lost.
    #[track_caller]
    pub(crate) fn finish(self) -> Recorded {
        let run = self.running.finish();
        assert!(self.path.exists(), "no recording: {run}");
        let recording = facts::read(&self.path);
        let losses = &recording.losses;
        assert!(losses.is_complete(), "{losses:?} in {run}");
        Recorded {
            run,
            recording,
            path: self.path,
            directory: self.directory,
        }
    }
}

/// A recording, its file, and the program that wrote it.
pub(crate) struct Recorded {
    /// What the program did.
    pub(crate) run: Run,
    /// What it saw.
    pub(crate) recording: Recording,
    /// The file.
    pub(crate) path: PathBuf,
    directory: TempDir,
}

impl Recorded {
    /// A file beside the recording; it goes when this value goes.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Who made a call first.
    pub(crate) fn first(&self, call: Call, filtered: bool) -> Option<&Sighting> {
        let facts = self.recording.facts.get(&FactKey { call, filtered })?;
        facts.first.as_ref()
    }

    /// The calls that a program of this name was the first to make.
    pub(crate) fn first_by(&self, program: &str) -> BTreeSet<Call> {
        let facts = self.recording.facts.iter();
        let by = facts.filter(|(_, facts)| {
            let first = facts.first.as_ref();
            first.is_some_and(|first| first.program == program)
        });
        by.map(|(key, _)| key.call).collect()
    }
}
