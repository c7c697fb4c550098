//! What Podman says about itself, read from `podman info`.
//!
//! Pure. It has no daemon, so client and engine are one.

use super::answers::About;
use crate::target::engine_run::CgroupDriver;
use serde::Deserialize;

/// The profile that Podman takes when nobody has configured another.
/// <https://github.com/containers/common/blob/main/pkg/seccomp/seccomp.go>
const DEFAULT_PROFILE: &str = "/usr/share/containers/seccomp.json";

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
    security: Option<SecurityObject>,
    kernel: Option<String>,
}

#[derive(Deserialize)]
struct RuntimeObject {
    name: String,
    #[serde(default)]
    version: String,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecurityObject {
    #[serde(default)]
    rootless: bool,
    #[serde(default)]
    seccomp_enabled: bool,
    #[serde(default)]
    seccomp_profile_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionObject {
    version: String,
}

/// Reads the answer of `podman info`.
pub(crate) fn about(json: &[u8]) -> Result<About, serde_json::Error> {
    let info: InfoObject = serde_json::from_slice(json)?;
    let host = info.host;
    let path = host.oci_runtime.as_ref().and_then(|runtime| {
        let path = runtime.path.clone()?;
        Some((runtime.name.clone(), path))
    });
    let is_rootless = host
        .security
        .as_ref()
        .is_some_and(|security| security.rootless);
    // The runtime's answer to `--version`, several lines with the version in the first.
    let runtime = host.oci_runtime.map(|runtime| {
        let first = runtime.version.lines().next().unwrap_or_default();
        let version = first.rsplit(' ').next().unwrap_or_default().to_owned();
        (runtime.name, version)
    });
    let security = host.security.filter(|security| security.seccomp_enabled);
    Ok(About {
        version: info.version.version,
        cgroup_driver: host.cgroup_manager.as_deref().and_then(CgroupDriver::named),
        default_runtime: runtime.as_ref().map(|(name, _)| name.clone()),
        parts: runtime.into_iter().collect(),
        seccomp_profile: security.map(|security| match security.seccomp_profile_path.as_str() {
            "" | DEFAULT_PROFILE => "default".to_owned(),
            path => path.to_owned(),
        }),
        kernel: host.kernel,
        runtimes: path.into_iter().collect(),
        is_rootless,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_is_read_as_it_describes_itself() {
        let with = |security: &str| {
            let json = format!(
                r#"{{"host": {{"arch": "amd64", "cgroupManager": "systemd", "cgroupVersion": "v2",
                "ociRuntime": {{"name": "crun", "package": "crun_1.8.1-1+deb12u1_amd64",
                    "path": "/usr/bin/crun",
                    "version": "crun version 1.8.1\ncommit: f8a096be\n+SYSTEMD +SECCOMP"}}{security}}},
                "store": {{}}, "registries": {{}},
                "version": {{"APIVersion": "4.3.1", "Version": "4.3.1"}}}}"#
            );
            about(json.as_bytes()).unwrap()
        };
        let security = r#", "security": {"seccompEnabled": true,
            "seccompProfilePath": "/usr/share/containers/seccomp.json"}"#;
        let expected = About {
            version: "4.3.1".into(),
            cgroup_driver: Some(CgroupDriver::Systemd),
            default_runtime: Some("crun".into()),
            parts: [("crun".into(), "1.8.1".into())].into(),
            seccomp_profile: Some("default".into()),
            kernel: None,
            runtimes: [("crun".into(), "/usr/bin/crun".into())].into(),
            is_rootless: false,
        };
        assert_eq!(with(security), expected);
        let unknown = About {
            seccomp_profile: None,
            ..expected.clone()
        };
        assert_eq!(with(""), unknown);
        let own = security.replace("/usr/share/containers/seccomp.json", "/etc/own.json");
        let own_profile = Some("/etc/own.json".to_owned());
        assert_eq!(with(&own).seccomp_profile, own_profile);
        assert!(about(b"{}").is_err());
    }
}
