//! The filter that a process really has, read out of the kernel: what runc and the product's `run` install.

use crate::worker;
use anyhow::{Context, Result, bail, ensure};
use seccomp_tracer::profile::{Profile, write};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `run` installs for a profile.
pub(crate) fn by_run(product: &str, profile: &Profile) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let path = folder.path().join("profile.json");
    fs::write(&path, write::oci(profile)).context("cannot write a profile")?;
    let mut command = Command::new(product);
    command.arg("run").arg("--profile").arg(&path).arg("--");
    command.args(worker::words());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let child = Ended(child.context("cannot start the product")?);
    filter(i32::try_from(child.0.id())?)
}

/// What runc installs for a profile, and its version; `None` if there is no runc.
pub(crate) fn by_runc(profile: &Profile) -> Result<Option<(String, Vec<u8>)>> {
    let Ok(output) = Command::new("runc").arg("--version").output() else {
        return Ok(None);
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said
        .split_whitespace()
        .nth(2)
        .context("runc has no version")?;
    // Distributions add to it.
    let version = version.split('+').next().unwrap_or(version).to_owned();
    let bundle = tempfile::tempdir().context("no temporary folder")?;
    prepare(bundle.path(), profile)?;
    let name = format!("seccomp-tracer-bench-{}", std::process::id());
    let pid = bundle.path().join("pid");
    let mut command = Command::new("runc");
    command.arg("--root").arg(bundle.path().join("state"));
    command.arg("run").arg("--bundle").arg(bundle.path());
    command.arg("--pid-file").arg(&pid).arg(&name);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let child = Ended(child.context("cannot start runc")?);
    let bytes = filter(number_in(&pid)?)?;
    drop(child);
    Ok(Some((version, bytes)))
}

/// A bundle in which this very program runs.
fn prepare(bundle: &Path, profile: &Profile) -> Result<()> {
    let rootfs = bundle.join("rootfs");
    for folder in ["usr", "proc"] {
        fs::create_dir_all(rootfs.join(folder)).context("cannot make a folder")?;
    }
    for link in ["lib", "lib64"] {
        symlink(format!("usr/{link}"), rootfs.join(link)).context("cannot make a link")?;
    }
    let own = std::env::current_exe().context("no program")?;
    let mut words: Vec<PathBuf> = worker::words().map(Into::into).collect();
    words[0] = "/worker".into();
    let bind = |from: &Path, to: &str| json!({"destination": to, "source": from, "type": "bind", "options": ["bind", "ro"]});
    let seccomp: Value = serde_json::from_str(&write::oci(profile)).context("not JSON")?;
    let configuration = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0}, "cwd": "/", "args": words,
            // With it the filter comes last, and permits what is done after it.
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": false},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            bind(Path::new("/usr"), "/usr"),
            bind(&own, "/worker"),
        ],
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}], "seccomp": seccomp},
    });
    let text = configuration.to_string();
    fs::write(bundle.join("config.json"), text).context("cannot write a bundle")
}

/// The number in a file that somebody is about to write.
fn number_in(path: &Path) -> Result<i32> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Ok(number) = text.trim().parse() {
            return Ok(number);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("`{}` does not come", path.display())
}

/// The filter of a process, as soon as it has one and waits for orders.
fn filter(pid: i32) -> Result<Vec<u8>> {
    let begun = Instant::now();
    let status = format!("/proc/{pid}/status");
    loop {
        let status = fs::read_to_string(&status).context("a process with a filter ended")?;
        let has = |line: &str| status.lines().any(|it| it == line);
        if has("Seccomp:\t2") && has("State:\tS (sleeping)") {
            return read(pid);
        }
        ensure!(begun.elapsed() < PATIENCE, "process {pid} gets no filter");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Stops a process and reads the filter that it got last.
fn read(pid: i32) -> Result<Vec<u8>> {
    ptrace(libc::PTRACE_SEIZE, pid, 0, null_mut())?;
    ptrace(libc::PTRACE_INTERRUPT, pid, 0, null_mut())?;
    // SAFETY: nothing is written.
    let waited = unsafe { libc::waitpid(pid, null_mut(), libc::__WALL) };
    ensure!(waited == pid, "process {pid} does not stop");
    let length = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, null_mut())?;
    let mut bytes = vec![0_u8; usize::try_from(length)? * size_of::<libc::sock_filter>()];
    ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, bytes.as_mut_ptr())?;
    ptrace(libc::PTRACE_DETACH, pid, 0, null_mut())?;
    Ok(bytes)
}

/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/ptrace.h>
const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420C;

fn ptrace(request: libc::c_uint, pid: i32, address: usize, data: *mut u8) -> Result<i64> {
    // SAFETY: only the last of our requests writes, and then there is room for all of the filter.
    let answer = unsafe { libc::ptrace(request, pid, address, data) };
    let error = io::Error::last_os_error();
    if answer < 0 {
        return Err(error).with_context(|| format!("cannot trace process {pid}"));
    }
    Ok(answer)
}

/// A child that ends with the value: its input closes, on which a worker ends, and runc after it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
