//! What Podman says about itself. Its containers cannot be named yet; they can be recorded by cgroup.

use super::tool::{self, Bounds, ToolError};
use serde::Deserialize;
use std::ffi::OsStr;
use std::time::Duration;

/// Podman looks at its whole storage before it answers.
const BOUNDS: Bounds = Bounds {
    bytes: 1 << 20,
    time: Duration::from_secs(20),
};

/// Podman as it describes itself. Strings are hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Podman {
    /// Its version.
    pub version: String,
    /// How it makes cgroups.
    pub cgroup_manager: Option<String>,
    /// The runtime's name and version.
    pub runtime: Option<(String, String)>,
}

#[derive(Deserialize)]
struct InfoObject {
    host: HostObject,
    version: VersionObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HostObject {
    cgroup_manager: Option<String>,
    oci_runtime: Option<RuntimeObject>,
}

#[derive(Deserialize)]
struct RuntimeObject {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionObject {
    version: String,
}

/// Why Podman does not describe itself.
#[derive(Debug, thiserror::Error)]
pub enum PodmanError {
    /// It could not be run.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// It refused. What it said is hostile.
    #[error("podman refused: {}", crate::report::escape::text(.0))]
    Refused(String),
    /// It answered something else.
    #[error("podman's description of itself is not understood")]
    BadAnswer(#[source] serde_json::Error),
}

/// Asks Podman.
///
/// # Errors
///
/// [`PodmanError`] if it is not installed or does not answer sensibly.
pub fn about() -> Result<Podman, PodmanError> {
    let arguments = ["info".into(), "--format".into(), "json".into()];
    let answer = tool::ask(OsStr::new("podman"), &arguments, BOUNDS)?;
    if !answer.status.success() {
        let last = answer.talk.lines().next_back().unwrap_or_default();
        return Err(PodmanError::Refused(last.to_owned()));
    }
    read(&answer.stdout).map_err(PodmanError::BadAnswer)
}

pub(crate) fn read(json: &[u8]) -> Result<Podman, serde_json::Error> {
    let info: InfoObject = serde_json::from_slice(json)?;
    // The runtime's answer to `--version`, several lines with the version in the first.
    let runtime = info.host.oci_runtime.map(|runtime| {
        let first = runtime.version.lines().next().unwrap_or_default();
        let version = first.rsplit(' ').next().unwrap_or_default().to_owned();
        (runtime.name, version)
    });
    Ok(Podman {
        version: info.version.version,
        cgroup_manager: info.host.cgroup_manager,
        runtime,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_is_read_as_it_describes_itself() {
        let json = r#"{"host": {"arch": "amd64", "cgroupManager": "systemd", "cgroupVersion": "v2",
            "ociRuntime": {"name": "crun", "package": "crun_1.8.1-1+deb12u1_amd64",
                "path": "/usr/bin/crun",
                "version": "crun version 1.8.1\ncommit: f8a096be\n+SYSTEMD +SECCOMP"}},
            "store": {}, "registries": {}, "version": {"APIVersion": "4.3.1", "Version": "4.3.1"}}"#;
        assert_eq!(
            read(json.as_bytes()).unwrap(),
            Podman {
                version: "4.3.1".into(),
                cgroup_manager: Some("systemd".into()),
                runtime: Some(("crun".into(), "1.8.1".into())),
            }
        );
        assert!(read(b"{}").is_err());
    }
}
