//! Worker processes: each sits in a cgroup, pinned to a CPU, and times what it is asked to.

use super::work::{self, Work};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// The first word of a worker's command line.
pub(crate) const WORD: &str = "worker";

/// Tells a worker in which file its filter is.
const FILTER: &str = "BENCH_FILTER";

/// What is to be timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task {
    /// The calls.
    pub(crate) work: Work,
    /// On two CPUs at once, rather than on one.
    pub(crate) pair: bool,
}

/// A worker process, seen from outside.
pub(crate) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts one in the cgroup of that directory.
    pub(crate) fn start(cgroup: &Path) -> Result<Self> {
        let worker = Self::start_under(None)?;
        let procs = cgroup.join("cgroup.procs");
        fs::write(&procs, worker.id().to_string())
            .with_context(|| format!("cannot write `{}`", procs.display()))?;
        Ok(worker)
    }

    /// Starts one where we are, under the filter in that file if there is one.
    pub(crate) fn start_under(filter: Option<&Path>) -> Result<Self> {
        let mut words = words();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        if let Some(filter) = filter {
            command.env(FILTER, filter);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a worker")?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().context("a worker without output")?;
        Ok(Self {
            child,
            orders,
            answers: BufReader::new(answers),
        })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Nanoseconds per call in the fastest of so many batches.
    pub(crate) fn time_ns(&mut self, task: Task, batches: u32) -> Result<f64> {
        let kind = if task.pair { "pair" } else { "one" };
        let order = format!("{kind} {} {batches}\n", task.work);
        let orders = self.orders.as_mut().context("a worker that was ended")?;
        orders
            .write_all(order.as_bytes())
            .context("a worker is gone")?;
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .context("a worker is gone")?;
        answer.trim().parse().context("a worker failed")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends when nothing more can come.
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// The worker itself: an answer per order, until there are no more.
pub(crate) fn run() -> Result<()> {
    let cpus = std::env::args().skip(2).map(|word| word.parse());
    let cpus = cpus
        .collect::<Result<Vec<usize>, _>>()
        .context("not a CPU")?;
    let own = *cpus.last().context("no CPU")?;
    ensure!(pin(own), "cannot be pinned to CPU {own}");
    hurry();
    if let Some(path) = std::env::var_os(FILTER) {
        install(&fs::read(path).context("no filter")?)?;
    }
    for order in std::io::stdin().lines() {
        let order = order.context("cannot read an order")?;
        let words: Vec<&str> = order.split(' ').collect();
        let [kind, work, batches] = words[..] else {
            bail!("not an order: {order}");
        };
        let work: Work = work.parse().map_err(anyhow::Error::msg)?;
        let batches = batches.parse().context("no number of batches")?;
        let time = match kind {
            "pair" => work::fastest_of_pair_ns(work, batches, [cpus[0], own]),
            _ => work::fastest_ns(work, batches),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{time}")
            .and_then(|()| out.flush())
            .context("nobody listens")?;
    }
    Ok(())
}

/// What starts one: its command line.
pub(crate) fn words() -> impl Iterator<Item = String> {
    let own = std::env::current_exe().unwrap_or_default();
    let cpus = cpus().into_iter().map(|cpu| cpu.to_string());
    [own.to_string_lossy().into_owned(), WORD.to_owned()]
        .into_iter()
        .chain(cpus)
}

/// Puts a filter on this process, for good.
fn install(bytes: &[u8]) -> Result<()> {
    let mut instructions: Vec<libc::sock_filter> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[a, b, jt, jf, c, d, e, f]| libc::sock_filter {
            code: u16::from_ne_bytes([a, b]),
            jt,
            jf,
            k: u32::from_ne_bytes([c, d, e, f]),
        })
        .collect();
    let program = libc::sock_fprog {
        len: u16::try_from(instructions.len()).context("a filter that is too long")?,
        filter: instructions.as_mut_ptr(),
    };
    // SAFETY: a program of that length, which the kernel copies.
    let done = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    let error = std::io::Error::last_os_error();
    ensure!(done == 0, "cannot install a filter: {error}");
    Ok(())
}

/// The CPUs that this program was given, before it pinned itself to one of them.
pub(crate) fn cpus() -> Vec<usize> {
    static CPUS: OnceLock<Vec<usize>> = OnceLock::new();
    CPUS.get_or_init(allowed).clone()
}

fn allowed() -> Vec<usize> {
    // SAFETY: a set of bits; zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is as large as we say.
    unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    let all = 0..usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: every index is below the size of the set.
    all.filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect()
}

/// Pins the calling thread to a CPU.
pub(crate) fn pin(cpu: usize) -> bool {
    // SAFETY: as in `cpus`.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the index came out of a set of this size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: as in `cpus`.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) == 0 }
}

/// Goes before all ordinary processes, where that is allowed: batches are short, and nobody else's turn should
/// fall into one.
fn hurry() {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: a valid parameter.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
}
