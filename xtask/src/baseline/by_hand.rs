//! Containers by a runtime itself, without an engine: what an engine would write down for it, and what calls it.

use super::{Mode, image};
use crate::command;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What Docker gives a container.
const CAPABILITIES: &[&str] = &[
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// The name of the container.
const NAME: &str = "seccomp-tracer-baseline";

/// Words of the runtime, bundle, name.
const START: &str = r#"
mount -t cgroup2 none /sys/fs/cgroup || exit
exec $0 run --bundle "$1" "$2"
"#;

/// The same with a command that is executed so many times while the container waits.
const EXECUTE: &str = r#"
mount -t cgroup2 none /sys/fs/cgroup || exit
$0 run --bundle "$1" "$2" &
tries=0
until $0 state "$2" 2>/dev/null | grep -q '"running"'; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "the container does not start" >&2; exit 1; }
  sleep 0.1
done
status=0
for _ in $(seq "$3"); do $0 exec "$2" "$4" || status=1; done
$0 kill "$2" KILL
wait
exit $status
"#;

/// What starts a container with the program that ends.
pub(super) fn start(
    runtime: &str,
    folder: &Path,
    mode: &Mode,
    profile: &str,
) -> Result<Vec<String>> {
    let bundle = bundle(folder, mode, profile, image::END)?;
    Ok(words(runtime, START, &bundle, &[]))
}

/// What starts a container with the program that waits, and executes a command in it.
pub(super) fn execute(
    runtime: &str,
    folder: &Path,
    mode: &Mode,
    profile: &str,
    times: u32,
) -> Result<Vec<String>> {
    let bundle = bundle(folder, mode, profile, image::PAUSE)?;
    Ok(words(
        runtime,
        EXECUTE,
        &bundle,
        &[&times.to_string(), image::END],
    ))
}

fn words(runtime: &str, script: &str, bundle: &Path, more: &[&str]) -> Vec<String> {
    // crun wants to be told that it has no cgroups of its own.
    let runtime = match runtime {
        "crun" => "crun --cgroup-manager=disabled",
        other => other,
    };
    let bundle = bundle.display().to_string();
    let fixed = [
        "unshare", "--mount", "sh", "-c", script, runtime, &bundle, NAME,
    ];
    fixed.iter().chain(more).map(ToString::to_string).collect()
}

/// What an engine writes down for a container in this mode.
fn bundle(folder: &Path, mode: &Mode, profile: &str, program: &str) -> Result<PathBuf> {
    let bundle = folder.join("bundle");
    let text = fs::read_to_string(profile).with_context(|| format!("cannot read `{profile}`"))?;
    let seccomp: Value = serde_json::from_str(&text).context("the profile is no JSON")?;
    let id = if mode.is_user() { 1000 } else { 0 };
    let namespaces = ["pid", "network", "ipc", "uts", "mount"].map(|kind| json!({"type": kind}));
    let config = json!({
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": id, "gid": id},
            "args": [program],
            "env": ["PATH=/"],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": if mode.is_user() { &[][..] } else { CAPABILITIES },
                "permitted": if mode.is_user() { &[][..] } else { CAPABILITIES },
            },
            "noNewPrivileges": mode.is_late(),
        },
        "root": {"path": folder.join(image::ROOTFS), "readonly": true},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        ],
        "linux": {"namespaces": namespaces, "seccomp": seccomp},
    });
    let file = bundle.join("config.json");
    fs::create_dir_all(&bundle)
        .and_then(|()| fs::write(&file, config.to_string()))
        .with_context(|| format!("cannot write `{}`", file.display()))?;
    Ok(bundle)
}

/// Makes the recording of a plain command one of a container in this mode, as far as profiles are concerned.
pub(super) fn as_in_container(file: &Path, mode: &Mode) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let mut recording: Value = serde_json::from_str(&text).context("the recording is no JSON")?;
    let target = &mut recording["runs"][0]["target"];
    target["noNewPrivs"] = json!(mode.is_late());
    target["capabilities"] = json!(CAPABILITIES);
    fs::write(file, recording.to_string())
        .with_context(|| format!("cannot write `{}`", file.display()))
}

/// The version that a runtime says it has: `1.8.1` of `crun version 1.8.1`.
pub(super) fn version(runtime: &str) -> Result<String> {
    let said = command::read(Command::new(runtime).arg("--version"))?;
    let first = said.lines().next().unwrap_or_default();
    let version = first.rsplit(' ').next().unwrap_or_default().to_owned();
    ensure!(
        version.starts_with(|c: char| c.is_ascii_digit()),
        "no version: {first}"
    );
    Ok(version)
}
