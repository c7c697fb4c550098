//! What a recording costs beside the calls: its start, its memory, its size.

use super::places::Place;
use super::plan::recorder;
use anyhow::{Context, Result, ensure};
use house_tests::figures::Spread;
use seccomp_tracer::probe::{Looking, Probe, Scope, Size, Start, Watch};
use seccomp_tracer::target::cgroup::Hierarchy;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The product.
pub(crate) const PRODUCT: &str = env!("CARGO_BIN_EXE_seccomp-tracer-dup");

/// The checked-in object.
const OBJECT: &[u8] = include_bytes!("../../tracer-ebpf/seccomp-tracer.bpf.o");

/// Repetitions.
const TIMES: u32 = 20;

/// All of it.
pub(crate) struct UserSide {
    /// From nothing to attached, one scope.
    pub(crate) attached_ms: Spread,
    /// The same with 1,000 scopes.
    pub(crate) attached_1000_ms: Spread,
    /// The product, asked for nothing but its version.
    pub(crate) cold_ms: Spread,
    /// A program that does nothing.
    pub(crate) true_ms: Spread,
    /// The same, recorded.
    pub(crate) record_true_ms: Spread,
    /// The most memory that this recording took.
    pub(crate) record_true_peak_kib: Spread,
    /// Bytes of the program.
    pub(crate) product_bytes: u64,
    /// Bytes of the object in it.
    pub(crate) object_bytes: usize,
    /// The kernel side on the BTF tracepoint.
    pub(crate) typed: Option<Size>,
    /// The kernel side on the raw tracepoint.
    pub(crate) raw: Option<Size>,
}

impl UserSide {
    /// Measures it.
    pub(crate) fn measure() -> Result<Self> {
        let hierarchy = Hierarchy::detect().context("no cgroup v2 hierarchy")?;
        let place = Place::new(&hierarchy)?;
        let scope = place.scope();
        let record = ["record", "-q", "-o", "/dev/null", "--", "/bin/true"];
        let recorded = repeat(|| run(PRODUCT, &record))?;
        Ok(Self {
            attached_ms: spread(repeat(|| attach_ms(scope))?)?,
            attached_1000_ms: spread(repeat(|| attach_ms(place.scope_of_children(1000)))?)?,
            cold_ms: spread(repeat(|| Ok(run(PRODUCT, &["--version"])?.0))?)?,
            true_ms: spread(repeat(|| Ok(run("/bin/true", &[])?.0))?)?,
            record_true_ms: spread(recorded.iter().map(|&(ms, _)| ms))?,
            record_true_peak_kib: spread(recorded.iter().map(|&(_, kib)| kib))?,
            product_bytes: std::fs::metadata(PRODUCT).context("no product")?.len(),
            object_bytes: OBJECT.len(),
            typed: recorder(scope, false)?.size(),
            raw: recorder(scope, true)?.size(),
        })
    }
}

fn repeat<T>(mut once: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    (0..TIMES).map(|_| once()).collect()
}

fn spread(values: impl IntoIterator<Item = f64>) -> Result<Spread> {
    Spread::of(values).context("nothing was measured")
}

fn attach_ms(scope: Scope) -> Result<f64> {
    let watch = Watch {
        scope,
        start: Start::FirstExec,
        what: Looking::AtCalls,
        raw_tracepoint: false,
    };
    let start = Instant::now();
    let probe = Probe::attach(&watch).context("cannot attach the recorder")?;
    let elapsed = start.elapsed();
    drop(probe);
    Ok(elapsed.as_secs_f64() * 1e3)
}

/// Runs a program to its end: milliseconds, and the most memory it had, in KiB.
fn run(program: &str, arguments: &[&str]) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let id = i32::try_from(child.id()).context("no process id")?;
    let mut status = 0;
    // SAFETY: integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: our own child, waited for only here, and two places of ours to write to.
    let waited = unsafe { libc::wait4(id, &raw mut status, 0, &raw mut usage) };
    let elapsed = start.elapsed();
    ensure!(waited == id && status == 0, "{program} failed: {status}");
    let peak = u32::try_from(usage.ru_maxrss).context("no memory")?;
    Ok((elapsed.as_secs_f64() * 1e3, f64::from(peak)))
}
