//! Work that begins and ends in the watched scope: compiling, and making processes.

use super::{Load, command};
use crate::places::Place;
use crate::worker;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

/// A command line that is run from start to end.
pub(super) struct Batch {
    name: &'static str,
    line: Vec<String>,
    /// Where a process puts itself into the scope.
    procs: PathBuf,
    _folder: tempfile::TempDir,
}

/// Files that are compiled, and functions in each.
const FILES: u32 = 8;
const FUNCTIONS: u32 = 60;

/// Processes that a shell makes.
const FORKS: u32 = 4000;

/// The C compiler on a few files, each with its own process of the compiler and of the assembler.
pub(super) fn compile(place: &Place) -> Result<Batch> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let mut script = format!("cd {}; cc -O1 -c", folder.path().display());
    for file in 0..FILES {
        let mut text =
            String::from("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n");
        for function in 0..FUNCTIONS {
            let _ = writeln!(
                text,
                "int f{file}_{function}(int a, char *b) {{ for (int i = 0; i < a; i++) \
                 b[i] ^= {function}; return printf(\"%s\", b) + strlen(b); }}"
            );
        }
        fs::write(folder.path().join(format!("{file}.c")), text).context("cannot write")?;
        let _ = write!(script, " {file}.c");
    }
    Ok(Batch::new("compiling C", &script, place, folder))
}

/// A shell that makes processes which do nothing.
pub(super) fn forks(place: &Place) -> Result<Batch> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let script = format!("i=0; while [ $i -lt {FORKS} ]; do (:); i=$((i+1)); done");
    Ok(Batch::new("making processes", &script, place, folder))
}

impl Batch {
    fn new(name: &'static str, script: &str, place: &Place, folder: tempfile::TempDir) -> Self {
        let line = ["sh", "-c", script].map(ToOwned::to_owned);
        Self {
            name,
            line: line.to_vec(),
            procs: place.path().join("cgroup.procs"),
            _folder: folder,
        }
    }
}

impl Load for Batch {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Runs per second.
    fn rate(&self) -> Result<f64> {
        let cpu = *worker::cpus().last().context("no CPU")?;
        let mut command = command(&self.line, cpu);
        let procs = self.procs.clone();
        // SAFETY: a file is written to, which is allowed between fork and exec of a program with one thread, and
        // harmless in ours, whose other threads hold no lock of the allocator while they wait.
        unsafe { command.pre_exec(move || fs::write(&procs, "0")) };
        let start = Instant::now();
        let status = command
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {}", self.name))?;
        let elapsed = start.elapsed();
        ensure!(status.success(), "{} failed: {status}", self.name);
        Ok(1.0 / elapsed.as_secs_f64())
    }
}
