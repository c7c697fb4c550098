//! The root of our own workload: busybox under all its names, and the script.

use crate::command::{self, find, root};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// The image's name.
pub(super) const NAME: &str = "seccomp-tracer-demo";

/// Where its files are.
pub(super) const ROOT: &str = "target/demo/rootfs";

/// The shell in it, from the workspace.
pub(super) const SHELL: &str = "target/demo/rootfs/bin/sh";

/// The script in it, from the workspace.
pub(super) const SCRIPT: &str = "target/demo/rootfs/workload.sh";

/// Lays the files out.
pub(super) fn unpack() -> Result<()> {
    let folder = root().join(ROOT);
    // What an earlier run left may be of another busybox.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{ROOT}`"))?;
    }
    fill(&folder).with_context(|| format!("cannot fill `{ROOT}`"))
}

fn fill(folder: &Path) -> Result<()> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(folder.join("tmp"))?;
    let busybox = find("busybox").context("`busybox` is not installed")?;
    let busybox_here = bin.join("busybox");
    fs::copy(&busybox, &busybox_here)?;
    for name in command::read(Command::new(&busybox).arg("--list"))?.lines() {
        if name != "busybox" {
            symlink("busybox", bin.join(name))?;
        }
    }
    fs::write(folder.join("workload.sh"), include_str!("workload.sh"))?;
    Ok(())
}

/// Hands the files to the engine: `tar -C ROOT -c . | docker import - NAME`.
pub(super) fn import(mut docker: Command) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["-C", ROOT, "-c", "."])
        .current_dir(root())
        .stdout(Stdio::piped());
    let mut tar = tar.spawn().context("cannot execute `tar`")?;
    let pipe = tar.stdout.take().context("`tar` has no output")?;
    let imported = command::run(docker.args(["import", "-", NAME]).stdin(pipe));
    let packed = tar.wait().context("cannot wait for `tar`")?;
    imported?;
    ensure!(packed.success(), "`tar` failed: {packed}");
    Ok(())
}
