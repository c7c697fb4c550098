//! Public tools that watch system calls, where they are installed: started from outside, as their users would.

use super::attachment::{Attachment, Nothing, Typed};
use super::plan::{OURS, recorder};
use super::rounds::{EMPTY, NOTHING, Row, Seat};
use super::work::Work;
use super::worker::{Task, Worker};
use anyhow::{Context, Result};
use seccomp_tracer::probe::Scope;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A tool takes up to two seconds to be attached, and says nothing that all of them say when it is.
const SETTLING: Duration = Duration::from_millis(2500);

/// A tool that does not end when asked to is ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// A tool, as an attachment.
pub(crate) struct Tool {
    words: Vec<String>,
    child: Option<Child>,
}

impl Attachment for Tool {
    fn start(&mut self) -> Result<()> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", self.words[0]))?;
        self.child = Some(child);
        std::thread::sleep(SETTLING);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let id = i32::try_from(child.id()).context("no process id")?;
        // SAFETY: our own child, not waited for yet.
        unsafe { libc::kill(id, libc::SIGINT) };
        let asked = Instant::now();
        while child.try_wait().context("a tool is gone")?.is_none() {
            if asked.elapsed() > PATIENCE {
                child.kill().context("a tool does not end")?;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// The rows of the tools that are installed, beside ours and those that all are measured against.
pub(crate) fn rows(scope: Scope, cgroup: &Path, target: &Worker) -> Result<Vec<Row>> {
    let tasks = [Work::Untracked, Work::Mix].map(|work| Task { work, pair: false });
    let seated = |seat| tasks.map(|task| (seat, task)).to_vec();
    let row = |name, attachment: Box<dyn Attachment>, cells| Row {
        name,
        attachment,
        cells,
    };
    let mut rows = vec![
        row(NOTHING[0], Box::new(Nothing), seated(Seat::Outside)),
        row(EMPTY[0], Box::new(Typed::empty()?), seated(Seat::Outside)),
        row(NOTHING[1], Box::new(Nothing), seated(Seat::Outside)),
        row(EMPTY[1], Box::new(Typed::empty()?), seated(Seat::Outside)),
        row(OURS, Box::new(recorder(scope, false)?), seated(Seat::Scope)),
    ];
    for (name, words) in tools(cgroup, target.id()) {
        if is_installed(&words[0]) {
            rows.push(row(
                name,
                Box::new(Tool { words, child: None }),
                seated(Seat::Scope),
            ));
        }
    }
    Ok(rows)
}

/// Those that are installed and watch the whole host, whatever runs.
pub(crate) fn of_the_host(cgroup: &Path) -> impl Iterator<Item = (&'static str, Tool)> {
    // The target does not matter to them.
    let tools = tools(cgroup, 0).into_iter();
    tools
        .filter(|(name, words)| name.ends_with(HOST) && is_installed(&words[0]))
        .map(|(name, words)| (name, Tool { words, child: None }))
}

/// How tools are named that watch everything.
const HOST: &str = "whole host";

/// The tools, with what makes each count the calls of the target.
fn tools(cgroup: &Path, target: u32) -> [(&'static str, Vec<String>); 6] {
    let words = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    let script = |filter: &str| {
        let script =
            format!("tracepoint:raw_syscalls:sys_enter {filter} {{ @[args->id] = count(); }}");
        vec!["bpftrace".to_owned(), "-e".to_owned(), script]
    };
    let cgroup = cgroup.display();
    [
        ("bpftrace, whole host", script("")),
        (
            "bpftrace, one cgroup",
            script(&format!("/cgroup == cgroupid(\"{cgroup}\")/")),
        ),
        ("syscount, whole host", words("syscount")),
        (
            "syscount, one cgroup",
            words(&format!("syscount -c {cgroup}")),
        ),
        (
            "perf trace -s",
            words(&format!("perf trace -s -p {target}")),
        ),
        (
            "strace -f -c",
            words(&format!("strace -f -c -o /dev/null -p {target}")),
        ),
    ]
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
