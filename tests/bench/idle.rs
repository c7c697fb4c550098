//! What the daemon costs while nothing happens: with 1,000 containers that do nothing but wait.
//!
//! `cargo bench -p house-tests --bench idle [-- SECONDS]`

use anyhow::{Context, Result};
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use std::fs;
use std::io::{PipeReader, Write};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

const PRODUCT: &str = env!("CARGO_BIN_EXE_seccomp-tracer-dup");

/// Containers, as many as there is room for.
const MANY: usize = 1000;

/// How long it is watched, unless told otherwise: long enough for some writings.
const SECONDS: u64 = 180;

fn main() -> Result<()> {
    let seconds = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let watched = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let before = available_kib()?;
    let place = Place::new(PRODUCT);
    let parent = Cgroup::new("idle");
    let flags = ["--below", &parent.relative(), "--from", "exec"];
    let daemon = place.start(&flags);
    let kernel_kib = before.saturating_sub(available_kib()?);
    let children: Vec<Cgroup> = (0..MANY)
        .map(|number| parent.child(&format!("c{number}")))
        .collect();
    let (wait, go) = std::io::pipe()?;
    let mut waiting = Vec::new();
    for child in &children {
        waiting.push(start(child, &wait)?);
    }
    while place.targets().len() < MANY {
        thread::sleep(Duration::from_millis(200));
    }
    // The first writing has everything to write.
    thread::sleep(Duration::from_secs(70));
    let (start, ticks) = (Instant::now(), cpu_ticks(daemon.pid())?);
    thread::sleep(watched);
    let spent = cpu_ticks(daemon.pid())? - ticks;
    let share = number(spent) / ticks_per_second() / start.elapsed().as_secs_f64();
    let mut out = std::io::stdout();
    writeln!(out, "targets: {MANY}")?;
    writeln!(out, "cpu: {:.2} % of one", share * 100.0)?;
    let resident = number(status_kib(daemon.pid())?) / 1024.0;
    writeln!(out, "memory: {resident:.1} MiB resident")?;
    let kernel = number(kernel_kib) / 1024.0;
    writeln!(out, "kernel side: about {kernel:.0} MiB")?;
    drop(go);
    for mut child in waiting {
        child.wait()?;
    }
    Ok(())
}

/// A shell that waits for the end of a pipe.
fn start(cgroup: &Cgroup, wait: &PipeReader) -> Result<Child> {
    const SCRIPT: &str =
        "echo 0 > \"$0/cgroup.procs\" && exec sh -c 'ls / > /dev/null; read line; exit 0'";
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT]).arg(cgroup.path());
    Ok(command.stdin(wait.try_clone()?).spawn()?)
}

/// Time on a CPU, in user space and in the kernel.
fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("a name")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || -> Result<u64> { Ok(fields.next().context("a time")?.parse()?) };
    Ok(next()? + next()?)
}

fn ticks_per_second() -> f64 {
    // SAFETY: no pointers, no preconditions.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    number(ticks.unsigned_abs())
}

/// A number that is small enough to be exact.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn status_kib(pid: u32) -> Result<u64> {
    field(
        &fs::read_to_string(format!("/proc/{pid}/status"))?,
        "VmRSS:",
    )
}

fn available_kib() -> Result<u64> {
    field(&fs::read_to_string("/proc/meminfo")?, "MemAvailable:")
}

fn field(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("a number")?.parse()?)
}
