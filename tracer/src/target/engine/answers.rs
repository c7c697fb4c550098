//! What an engine says about a container and about itself, read from its JSON.
//!
//! Pure. Members that are missing, null or new do no harm; what the rest stands on is checked.

use super::error::EngineError;
use super::kernels::has_own_kernel;
use crate::recording::{Container, SeccompState};
use crate::target::engine_run::{CgroupDriver, EngineKind, EngineRun};
use crate::target::process::SeccompMode;
use rustix::process::Pid;
use serde::Deserialize;
use serde::de::Error as _;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// A container as its engine describes it. Strings are hostile, but for the id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// 64 hexadecimal digits; what the runtime calls it where only that could be asked, and hostile then.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// As the user named it.
    pub image: Option<String>,
    /// Digest of the image's configuration.
    pub image_id: Option<String>,
    /// The engine's word: `running`, `exited`, …
    pub status: String,
    /// The first process, if it runs.
    pub(super) first: Option<Pid>,
    /// The runtime by the engine's name for it, or by its path.
    pub runtime: Option<String>,
    /// `--init`, if the engine says so.
    pub has_init: Option<bool>,
    /// `--user`, or the image's own.
    pub user: Option<String>,
    /// `--security-opt`, in order.
    pub security_options: Vec<String>,
    /// `--privileged`.
    pub is_privileged: bool,
    /// `--cap-add`.
    pub added_capabilities: Vec<String>,
    /// `--cap-drop`.
    pub dropped_capabilities: Vec<String>,
    /// `--pid`.
    pub pid_mode: Option<String>,
    /// `--label`, and the image's own.
    pub labels: BTreeMap<String, String>,
    /// `--cgroup-parent`, empty without; `None` where the engine has not said.
    pub cgroup_parent: Option<String>,
    /// Whether the engine starts it again when it ends, by its `--restart`.
    pub restarts: bool,
    /// Whether the runtime was told to install a filter, where its own state was read.
    pub runtime_filter: Option<bool>,
    /// Whether it was told to set no_new_privs, where its configuration was read.
    pub runtime_no_new_privs: Option<bool>,
}

/// An engine as it describes itself. Strings are hostile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Version of the engine; empty where only a runtime could be asked.
    pub version: String,
    /// How it makes cgroups, if by a way that we know.
    pub cgroup_driver: Option<CgroupDriver>,
    /// The runtime of containers that name none.
    pub default_runtime: Option<String>,
    /// Versions of its parts by name, the runtime among them.
    pub parts: BTreeMap<String, String>,
    /// `name=seccomp,profile=…` of its security options: `default`, `builtin`, `unconfined`, or a path.
    /// `None` if it was built without seccomp.
    pub seccomp_profile: Option<String>,
    /// Release of the kernel that it runs on.
    pub kernel: Option<String>,
    /// Paths or types of its runtimes, by their names.
    pub runtimes: BTreeMap<String, String>,
    /// Whether it runs without root's rights.
    pub is_rootless: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectObject {
    id: String,
    #[serde(default)]
    name: String,
    image: Option<String>,
    state: StateObject,
    config: Option<ConfigObject>,
    host_config: Option<HostConfigObject>,
    /// Podman's, where the other one says `oci` whatever it is.
    #[serde(rename = "OCIRuntime")]
    oci_runtime: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateObject {
    #[serde(default)]
    status: String,
    #[serde(default)]
    running: bool,
    #[serde(default)]
    pid: i32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigObject {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    user: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfigObject {
    runtime: Option<String>,
    security_opt: Option<Vec<String>>,
    #[serde(default)]
    privileged: bool,
    cap_add: Option<Vec<String>>,
    cap_drop: Option<Vec<String>>,
    pid_mode: Option<String>,
    init: Option<bool>,
    cgroup_parent: Option<String>,
    restart_policy: Option<PolicyObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyObject {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionObject {
    server: ServerObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServerObject {
    version: String,
    components: Option<Vec<PartObject>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartObject {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InfoObject {
    cgroup_driver: Option<String>,
    default_runtime: Option<String>,
    security_options: Option<Vec<String>>,
    kernel_version: Option<String>,
    runtimes: Option<BTreeMap<String, RuntimeObject>>,
}

/// Docker's own runtimes have a path, containerd's a type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeObject {
    path: Option<String>,
    runtime_type: Option<String>,
}

/// Reads the answer about a container.
pub(crate) fn inspected(json: &[u8]) -> Result<Inspected, serde_json::Error> {
    // Podman puts it into a list, or not, depending on its version.
    let object = if json.trim_ascii_start().starts_with(b"[") {
        let [object] = serde_json::from_slice::<[InspectObject; 1]>(json)?;
        object
    } else {
        serde_json::from_slice(json)?
    };
    if !is_id(&object.id) {
        return Err(serde_json::Error::custom("`Id` is no container id"));
    }
    let host = object.host_config.unwrap_or_default();
    let config = object.config.unwrap_or_default();
    let first = Some(object.state.pid).filter(|&pid| object.state.running && pid > 0);
    Ok(Inspected {
        id: object.id,
        name: object.name.trim_start_matches('/').to_owned(),
        image: said(config.image),
        image_id: said(object.image),
        status: object.state.status,
        first: first.and_then(Pid::from_raw),
        runtime: said(object.oci_runtime.or(host.runtime)),
        has_init: host.init,
        user: said(config.user),
        security_options: host.security_opt.unwrap_or_default(),
        is_privileged: host.privileged,
        added_capabilities: host.cap_add.unwrap_or_default(),
        dropped_capabilities: host.cap_drop.unwrap_or_default(),
        pid_mode: said(host.pid_mode),
        labels: config.labels.unwrap_or_default(),
        cgroup_parent: host.cgroup_parent,
        restarts: host
            .restart_policy
            .is_some_and(|policy| !["", "no"].contains(&policy.name.as_str())),
        runtime_filter: None,
        runtime_no_new_privs: None,
    })
}

/// Reads the answers of `docker version` and `docker info`.
pub(crate) fn about(version: &[u8], info: &[u8]) -> Result<About, serde_json::Error> {
    let version: VersionObject = serde_json::from_slice(version)?;
    let info: InfoObject = serde_json::from_slice(info)?;
    let server = version.server;
    let parts = server.components.unwrap_or_default().into_iter();
    let options = info.security_options.unwrap_or_default();
    Ok(About {
        version: server.version,
        cgroup_driver: info.cgroup_driver.as_deref().and_then(CgroupDriver::named),
        default_runtime: info.default_runtime,
        parts: parts.map(|part| (part.name, part.version)).collect(),
        seccomp_profile: options.iter().find_map(|option| seccomp_profile(option)),
        kernel: said(info.kernel_version),
        runtimes: info
            .runtimes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, runtime)| {
                Some((name, said(runtime.path).or(runtime.runtime_type)?))
            })
            .collect(),
        is_rootless: options.iter().any(|option| option == "name=rootless"),
    })
}

/// The profile in `name=seccomp,profile=…`. Old engines leave the profile out.
fn seccomp_profile(option: &str) -> Option<String> {
    let rest = option.strip_prefix("name=seccomp")?;
    let profile = rest.strip_prefix(",profile=").unwrap_or("default");
    Some(profile.to_owned())
}

/// Podman leaves what does not apply empty.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Whether the text is a full container id.
pub(super) fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(is_digit)
}

impl About {
    /// The runtime of containers that name none, with its version if that is known.
    #[must_use]
    pub fn runtime(&self) -> Option<(&str, Option<&str>)> {
        let name = plain_runtime(self.default_runtime.as_deref()?);
        Some((name, self.parts.get(name).map(String::as_str)))
    }

    /// What a recording says about a container that was gone before the engine could be asked about it. The
    /// runtime stays open: the user may have chosen another than the default.
    #[must_use]
    pub fn container_of_run(&self, run: &EngineRun, id: String) -> Container {
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        Container {
            id,
            name: run.name().as_ref().map(text),
            image: run.image.as_ref().map(text),
            engine: Some(run.kind.name().to_owned()),
            engine_version: said(Some(self.version.clone())),
            init: run.init,
            user: run.user.as_ref().map(text),
            ..Container::default()
        }
    }
}

/// The container's id from the name of the cgroup that an engine makes for it: `ID`, `docker-ID.scope`,
/// `libpod-ID`, or `libpod-ID.scope`. Podman's `libpod-conmon-ID` is that of a helper.
#[must_use]
pub fn id_in_cgroup_name(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let prefixes = ["docker-", "libpod-", "cri-containerd-", "crio-"];
    let id = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    Some(id.unwrap_or(name)).filter(|id| is_id(id))
}

impl Inspected {
    /// The container's first process, to be watched.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotRunning`], or [`EngineError::OwnKernel`] if watching would see nothing.
    pub fn first_process(&self) -> Result<Pid, EngineError> {
        if let Some(runtime) = self.own_kernel() {
            return Err(EngineError::OwnKernel {
                name: self.name.clone(),
                runtime: runtime.to_owned(),
            });
        }
        self.first.ok_or_else(|| EngineError::NotRunning {
            name: self.name.clone(),
            status: self.status.clone(),
        })
    }

    /// The runtime, if it gives containers a kernel of their own.
    fn own_kernel(&self) -> Option<&str> {
        let runtime = self.runtime.as_deref()?;
        has_own_kernel(runtime).then_some(runtime)
    }

    /// What a recording says about the container.
    #[must_use]
    pub fn container(&self, kind: EngineKind, about: Option<&About>) -> Container {
        let default = about.and_then(|about| about.default_runtime.as_deref());
        let runtime = self.runtime.as_deref().or(default).map(plain_runtime);
        let version = about
            .zip(runtime)
            .and_then(|(about, runtime)| about.parts.get(runtime));
        Container {
            id: self.id.clone(),
            name: Some(self.name.clone()).filter(|name| !name.is_empty()),
            image: self.image.clone(),
            image_id: self.image_id.clone(),
            engine: Some(kind.name().to_owned()),
            engine_version: said(about.map(|about| about.version.clone())),
            runtime: runtime.map(str::to_owned),
            runtime_version: version.cloned(),
            init: self.has_init,
            user: self.user.clone(),
        }
    }

    /// Whether the runtime set no_new_privs before it started the container, as far as its first process as it
    /// is now and the engine's configuration tell. Nobody can take it back, so a process without it never had
    /// it; one that has it may have set it itself, and then only the configuration knows.
    #[must_use]
    pub fn no_new_privs(&self, now: Option<bool>) -> Option<bool> {
        if now == Some(false) {
            return now;
        }
        // Of several options the engine takes the last one. Old clients write a colon.
        let given = self.security_options.iter().rev().find_map(|option| {
            let rest = option.strip_prefix("no-new-privileges")?;
            Some(rest.trim_start_matches(['=', ':']))
        });
        match given {
            Some("" | "true" | "1") => Some(true),
            Some(_) => Some(false),
            None => self.runtime_no_new_privs,
        }
    }

    /// Which profile the container runs under. The kernel's word on whether there is a filter at all, if it
    /// could be asked, is stronger than what was configured.
    #[must_use]
    pub fn seccomp(&self, about: Option<&About>, mode: Option<SeccompMode>) -> SeccompState {
        let configured = self.configured(about);
        match (mode, configured) {
            (Some(SeccompMode::Disabled), _) => SeccompState::Unconfined,
            (Some(_), SeccompState::Unconfined) => SeccompState::Filtered,
            _ => configured,
        }
    }

    /// Whether the container had its filter when it started, by how it is configured. Of a filter that its
    /// first process has now, nobody knows who installed it; one that it lacks it never had.
    #[must_use]
    pub fn filtered_at_start(
        &self,
        about: Option<&About>,
        mode: Option<SeccompMode>,
    ) -> Option<bool> {
        if mode == Some(SeccompMode::Disabled) {
            return Some(false);
        }
        self.runtime_filter.or(match self.configured(about) {
            SeccompState::Unconfined => Some(false),
            SeccompState::EngineDefault | SeccompState::Custom => Some(true),
            SeccompState::Filtered => None,
        })
    }

    /// The first process as a number, if it runs.
    #[must_use]
    pub fn first_pid(&self) -> Option<u32> {
        let first = self.first?.as_raw_nonzero().get();
        u32::try_from(first).ok()
    }

    fn configured(&self, about: Option<&About>) -> SeccompState {
        match self.runtime_filter {
            Some(true) => return SeccompState::Filtered,
            Some(false) => return SeccompState::Unconfined,
            None => {}
        }
        // Of several options the engine takes the last one. Old clients write a colon.
        let given = self.security_options.iter().rev().find_map(|option| {
            let rest = option.strip_prefix("seccomp")?;
            rest.strip_prefix(['=', ':'])
        });
        match given {
            Some("unconfined") => SeccompState::Unconfined,
            // Whether a profile holds then depends on the engine's version.
            Some(_) if self.is_privileged => SeccompState::Filtered,
            Some("builtin") => SeccompState::EngineDefault,
            Some(_) => SeccompState::Custom,
            None if self.is_privileged => SeccompState::Unconfined,
            None => match about.map(|about| about.seccomp_profile.as_deref()) {
                None => SeccompState::Filtered,
                Some(None | Some("unconfined")) => SeccompState::Unconfined,
                Some(Some("default" | "builtin")) => SeccompState::EngineDefault,
                Some(Some(_)) => SeccompState::Custom,
            },
        }
    }
}

/// The runtime's own name behind the name of containerd's shim for it, or its path.
pub(super) fn plain_runtime(name: &str) -> &str {
    match name.rsplit('/').next().unwrap_or(name) {
        "io.containerd.runc.v2" | "io.containerd.runc.v1" | "io.containerd.runtime.v1.linux" => {
            "runc"
        }
        name => name,
    }
}

#[cfg(test)]
mod tests;
