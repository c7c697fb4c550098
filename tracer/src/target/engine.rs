//! What Docker says about itself and its containers, asked through its own client.
//!
//! Answers are bounded and hostile until they have been read into values here.

use super::docker_run::CgroupDriver;
use crate::recording::{Container, SeccompState};
use crate::report::escape;
use rustix::net::sockopt::socket_peercred;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The most that an answer may have; a container's description is some 10 kB.
const ANSWER_MAX_BYTES: u64 = 4 << 20;

/// Where the engine listens unless told otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// Why the engine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no client.
    #[error("cannot run `docker`")]
    NoClient(#[source] io::Error),
    /// The engine cannot be reached.
    #[error("cannot reach the Docker engine: {}", escape::text(.0))]
    Unreachable(String),
    /// There is no such container.
    #[error("container `{}` not found", escape::text(.name))]
    NotFound {
        /// As asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It is there, but not running.
    #[error("container `{}` is not running", escape::text(.0))]
    NotRunning(String),
    /// The answer is not what it should be.
    #[error("the Docker engine's answer cannot be understood")]
    Answer(#[source] io::Error),
}

impl EngineError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoClient(_) => "install Docker, or put its client on PATH".to_owned(),
            Self::Unreachable(_) => {
                "start the engine, or say with DOCKER_HOST where it listens".to_owned()
            }
            Self::NotFound { known, .. } if known.is_empty() => {
                "no container is running".to_owned()
            }
            Self::NotFound { known, .. } => {
                let known: Vec<_> = known
                    .iter()
                    .take(5)
                    .map(|name| escape::text(name))
                    .collect();
                format!("running containers: {}", known.join(", "))
            }
            Self::NotRunning(_) => {
                "start it, or record its start with `record -- docker run …`".to_owned()
            }
            Self::Answer(_) => return None,
        })
    }
}

/// A container, as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// For the recording.
    pub container: Container,
    /// Its first process in the host's pid namespace; `None` when it does not run.
    pub pid: Option<i32>,
    /// Which profile is active.
    pub seccomp: SeccompState,
}

/// An engine, reached through its client with these flags.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// Like `--context prod`.
    pub flags: Vec<OsString>,
}

impl Engine {
    /// How it makes cgroups.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if it cannot be reached.
    pub fn cgroup_driver(&self) -> Result<CgroupDriver, EngineError> {
        let answer = self.ask(&["info", "--format", "{{json .CgroupDriver}}"])?;
        Ok(match answer.as_str() {
            Some("systemd") => CgroupDriver::Systemd,
            _ => CgroupDriver::Cgroupfs,
        })
    }

    /// What it says of a container.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if there is none of that name, or the engine cannot be reached.
    pub fn inspect(&self, name: &str) -> Result<Inspected, EngineError> {
        let question = ["container", "inspect", "--format", "{{json .}}", "--", name];
        let answer = self.ask(&question).map_err(|error| match error {
            EngineError::Unreachable(message) if message.contains("No such container") => {
                EngineError::NotFound {
                    name: name.to_owned(),
                    known: self.running(),
                }
            }
            other => other,
        })?;
        let mut inspected = read(&answer)
            .ok_or_else(|| EngineError::Answer(io::Error::from(io::ErrorKind::InvalidData)))?;
        self.add_versions(&mut inspected.container);
        Ok(inspected)
    }

    fn running(&self) -> Vec<String> {
        let names = self
            .output(&["ps", "--format", "{{.Names}}"])
            .unwrap_or_default();
        names.lines().map(ToOwned::to_owned).collect()
    }

    /// Versions are nice to have; without them the recording is no worse.
    fn add_versions(&self, container: &mut Container) {
        let Ok(server) = self.ask(&["version", "--format", "{{json .Server}}"]) else {
            return;
        };
        container.engine_version = server["Version"].as_str().map(ToOwned::to_owned);
        let components = server["Components"].as_array().into_iter().flatten();
        let runtime = container.runtime.as_deref();
        let version = components.filter(|component| component["Name"].as_str() == runtime);
        let mut versions = version.filter_map(|component| component["Version"].as_str());
        container.runtime_version = versions.next().map(ToOwned::to_owned);
    }

    fn ask(&self, question: &[&str]) -> Result<Value, EngineError> {
        let text = self.output(question)?;
        serde_json::from_str(text.trim()).map_err(|error| EngineError::Answer(error.into()))
    }

    fn output(&self, question: &[&str]) -> Result<String, EngineError> {
        let words = self
            .flags
            .iter()
            .map(OsString::as_os_str)
            .chain(question.iter().map(OsStr::new));
        let mut client = Command::new("docker");
        client
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut client = client.spawn().map_err(EngineError::NoClient)?;
        let answer = bounded(client.stdout.take())?;
        let complaint = bounded(client.stderr.take())?;
        let status = client.wait().map_err(EngineError::Answer)?;
        if status.success() {
            Ok(answer)
        } else {
            Err(EngineError::Unreachable(complaint.trim().to_owned()))
        }
    }

    /// The mount namespace (inode number) in which the engine lives; `None` if it cannot be found out.
    #[must_use]
    pub fn mount_namespace(&self) -> Option<u32> {
        let host = std::env::var_os("DOCKER_HOST").and_then(|host| host.into_string().ok());
        let path = host
            .as_deref()
            .and_then(|host| host.strip_prefix("unix://"))
            .unwrap_or(SOCKET);
        let stream = UnixStream::connect(path).ok()?;
        let peer = socket_peercred(&stream).ok()?;
        mount_namespace(&format!("/proc/{}/ns/mnt", peer.pid.as_raw_nonzero()))
    }
}

/// Our own mount namespace.
#[must_use]
pub fn own_mount_namespace() -> Option<u32> {
    mount_namespace("/proc/self/ns/mnt")
}

fn mount_namespace(path: &str) -> Option<u32> {
    let metadata = std::fs::metadata(PathBuf::from(path)).ok()?;
    u32::try_from(metadata.ino()).ok()
}

fn bounded(source: Option<impl Read>) -> Result<String, EngineError> {
    let mut bytes = Vec::new();
    if let Some(source) = source {
        source
            .take(ANSWER_MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(EngineError::Answer)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(answer: &Value) -> Option<Inspected> {
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
    };
    let pid = answer["State"]["Pid"]
        .as_i64()
        .and_then(|pid| i32::try_from(pid).ok());
    let host = &answer["HostConfig"];
    Some(Inspected {
        container: Container {
            id: text(&answer["Id"])?,
            name: text(&answer["Name"]).map(|name| name.trim_start_matches('/').to_owned()),
            image: text(&answer["Config"]["Image"]),
            image_id: text(&answer["Image"]),
            engine: Some("docker".to_owned()),
            engine_version: None,
            runtime: text(&host["Runtime"]),
            runtime_version: None,
        },
        pid: pid.filter(|&pid| pid > 0),
        seccomp: seccomp(host),
    })
}

/// As dockerd decides: the option names a profile, or the container is privileged, or it is the default.
fn seccomp(host: &Value) -> SeccompState {
    let options = host["SecurityOpt"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let mut profiles = options.filter_map(|option| {
        option
            .strip_prefix("seccomp=")
            .or(option.strip_prefix("seccomp:"))
    });
    match profiles.next_back() {
        Some("unconfined") => SeccompState::Unconfined,
        Some("builtin") => SeccompState::EngineDefault,
        Some(_) => SeccompState::Custom,
        None if host["Privileged"].as_bool() == Some(true) => SeccompState::Unconfined,
        None => SeccompState::EngineDefault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_becomes_a_container() {
        let answer = json!({
            "Id": "f00d", "Name": "/web", "Image": "sha256:1", "Config": {"Image": "nginx"},
            "State": {"Pid": 42}, "HostConfig": {"Runtime": "runc", "SecurityOpt": ["seccomp={}"]},
        });
        let inspected = read(&answer).unwrap();
        assert_eq!(inspected.container.name.as_deref(), Some("web"));
        assert_eq!(
            (inspected.pid, inspected.seccomp),
            (Some(42), SeccompState::Custom)
        );
        assert_eq!(read(&json!({"Name": 3})), None);
    }

    #[test]
    fn the_active_profile_is_what_dockerd_takes() {
        let table = [
            (json!({}), SeccompState::EngineDefault),
            (json!({"Privileged": true}), SeccompState::Unconfined),
            (
                json!({"SecurityOpt": ["seccomp=unconfined"]}),
                SeccompState::Unconfined,
            ),
            (
                json!({"SecurityOpt": ["seccomp:unconfined", "label=x"]}),
                SeccompState::Unconfined,
            ),
            (
                json!({"Privileged": true, "SecurityOpt": ["seccomp=builtin"]}),
                SeccompState::EngineDefault,
            ),
        ];
        for (host, expected) in table {
            assert_eq!(seccomp(&host), expected, "{host}");
        }
    }
}
