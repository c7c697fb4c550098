//! The profiles whose filters are compared, all for the calls that are timed: Docker's default, what the
//! product makes of a recording of those calls, and the same names without their rules on arguments.

use crate::work::Work;
use crate::worker;
use anyhow::{Context, Result, ensure};
use seccomp_tracer::profile::{Circumstances, KernelVersion, Profile, base, read};
use seccomp_tracer::syscall::{Abi, capability};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A profile, resolved for this machine.
pub(crate) struct Named {
    /// What it is called.
    pub(crate) name: &'static str,
    /// It.
    pub(crate) profile: Profile,
}

/// What the others are compared with.
pub(crate) const DOCKER: &str = "Docker's default";
/// What `generate` makes.
pub(crate) const OURS: &str = "ours";
/// What a list of names is.
pub(crate) const NAMES: &str = "ours as a list of names";

/// All of them.
pub(crate) fn all(product: &str) -> Result<Vec<Named>> {
    let circumstances = Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion::from_release(&crate::machine::kernel())
            .context("a kernel without a version")?,
        capabilities: capability::docker_default(),
    };
    let ours = generated(product)?.resolve(&circumstances);
    let mut names = ours.clone();
    for rule in &mut names.rules {
        rule.conditions.clear();
    }
    let docker = base::docker().resolve(&circumstances);
    let named = |name, profile| Named { name, profile };
    Ok(vec![
        named(DOCKER, docker),
        named(NAMES, names),
        named(OURS, ours),
    ])
}

/// Records a worker that does all the work once, and generates a profile from that, with what runc needs.
fn generated(product: &str) -> Result<seccomp_tracer::profile::Source> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let [recording, profile] = ["recording", "profile"].map(|name| folder.path().join(name));
    let mut record = Command::new(product);
    record
        .args(["record", "-q", "-o"])
        .arg(&recording)
        .arg("--");
    record.args(worker::words());
    let mut recorded = record
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot record")?;
    let mut orders = recorded.stdin.take().context("a worker without input")?;
    for work in Work::FILTERED {
        writeln!(orders, "one {work} 1").context("a worker is gone")?;
    }
    drop(orders);
    let status = recorded.wait().context("cannot record")?;
    ensure!(status.success(), "recording failed: {status}");
    generate(product, &recording, &profile)?;
    let text = fs::read_to_string(&profile).context("no profile")?;
    read::profile(&text).context("not a profile")
}

fn generate(product: &str, recording: &Path, profile: &Path) -> Result<()> {
    let mut generate = Command::new(product);
    generate
        .arg("generate")
        .arg(recording)
        .arg("-o")
        .arg(profile);
    generate.args(["--caps", "docker", "--runtime", "runc"]);
    let output = generate.output().context("cannot generate")?;
    ensure!(
        output.status.success(),
        "generating failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
