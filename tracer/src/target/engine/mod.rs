//! Container engines, asked through their own clients, so that contexts, `DOCKER_HOST` and TLS are as the user
//! has set them up. Podman speaks as Docker does, nearly.
//!
//! The engine is taken at its word only where nothing follows from a lie: process ids are checked against
//! the container's id in the process's cgroup by [`super::cgroup::Hierarchy::of_container`].

pub(crate) mod answers;
pub(crate) mod compose;
mod error;
mod find;
mod kernels;
pub(crate) mod listed;
mod place;
pub(crate) mod podman;
mod prepare;
mod runtimes;
mod sandboxes;
pub(crate) mod socket;
mod started;

pub use answers::{About, Inspected, id_in_cgroup_name};
pub use compose::{
    ComposeError, PreparedProject, Project, Service, containers as compose_containers,
    files as compose_files, service as compose_service,
};
pub use error::{EngineError, Said};
pub use kernels::{has_own_kernel, is_kernel};
pub use place::cgroup_paths;
pub use prepare::{PrepareError, Prepared};
pub use socket::{EngineEvent, Socket};
pub use started::PreparedStart;

use super::engine_run::{EngineKind, EngineRun};
use super::runtime;
use super::tool::{self, Answer, Bounds};
use crate::syscall::nearest;
use error::Subject;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// The most that one answer may be long. The profile of a container is part of its description, and a
/// long one is some 100 kB.
const ANSWER_MAX_BYTES: u64 = 4 << 20;

/// How long the engine may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many similar names are named.
const SIMILAR_MAX: usize = 3;

/// An engine, as it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    kind: EngineKind,
    way: Way,
    program: OsString,
    flags: Vec<OsString>,
}

/// By what an engine is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By its own client.
    Client,
    /// By the runtime that it calls, which knows the containers only.
    Runtime,
}

impl Engine {
    /// The engine that a client of that kind reaches.
    #[must_use]
    pub fn of_kind(kind: EngineKind) -> Self {
        Self {
            kind,
            way: Way::Client,
            program: kind.name().into(),
            flags: Vec::new(),
        }
    }

    /// The engine that a user's `run` reaches: the same program, with the same flags before the verb, behind the same
    /// commands.
    #[must_use]
    pub fn of_run(run: &EngineRun) -> Self {
        Self::of_client(run.kind, &run.client)
    }

    /// The engine that a client with these words before its verb reaches.
    #[must_use]
    pub fn of_client(kind: EngineKind, client: &[OsString]) -> Self {
        let (program, flags) = client.split_first().unzip();
        Self {
            kind,
            way: Way::Client,
            program: program.map_or_else(|| kind.name().into(), OsString::clone),
            flags: flags.unwrap_or_default().to_vec(),
        }
    }

    /// Whose containers it has.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        self.kind
    }

    /// Whether only the runtime could be asked. It tells where a container's processes are, but does not name
    /// its cgroup after it.
    #[must_use]
    pub fn is_runtime(&self) -> bool {
        self.way == Way::Runtime
    }

    /// Describes a container, whatever its state.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if the engine cannot be asked, or does not know exactly one such container.
    pub fn inspect(&self, name_or_id: &str) -> Result<Inspected, EngineError> {
        // After `--` a name cannot be taken for a flag.
        let answer = self.ask(&[
            "inspect",
            "--type",
            "container",
            "--format",
            "{{json .}}",
            "--",
            name_or_id,
        ])?;
        if !answer.status.success() {
            let error = error::classify(&answer.talk, Subject::Container(name_or_id));
            return Err(match error {
                EngineError::NotFound { name, .. } => {
                    let similar = self.similar(&name);
                    EngineError::NotFound { name, similar }
                }
                error => error,
            });
        }
        answers::inspected(&answer.stdout).map_err(|source| EngineError::BadAnswer {
            subject: "a container",
            source,
        })
    }

    /// Describes the engine itself.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if the engine cannot be asked.
    pub fn about(&self) -> Result<About, EngineError> {
        let bad = |source| EngineError::BadAnswer {
            subject: "itself",
            source,
        };
        if self.way == Way::Runtime {
            return Ok(About {
                default_runtime: Some(self.program.to_string_lossy().into_owned()),
                parts: runtime::version(&self.program).into_iter().collect(),
                ..About::default()
            });
        }
        if self.kind == EngineKind::Podman {
            let info = self.ask_engine(&["info", "--format", "json"])?;
            return podman::about(&info.stdout).map_err(bad);
        }
        let version = self.ask_engine(&["version", "--format", "{{json .}}"])?;
        let info = self.ask_engine(&["info", "--format", "{{json .}}"])?;
        answers::about(&version.stdout, &info.stdout).map_err(bad)
    }

    /// Where the engine listens, like `unix:///var/run/docker.sock`, after contexts and environment have had
    /// their say. `None` if the client does not tell, or is itself the engine.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        if self.kind == EngineKind::Podman || self.way == Way::Runtime {
            return None;
        }
        let format = "{{.Endpoints.docker.Host}}";
        let answer = self.ask(&["context", "inspect", "--format", format]).ok()?;
        let text = String::from_utf8(answer.stdout).ok()?;
        let is_answer = answer.status.success() && !text.trim().is_empty();
        is_answer.then(|| text.trim().to_owned())
    }

    /// The same, and why it cannot be told.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if the client is not there, or does not answer.
    pub fn asked_endpoint(&self) -> Result<Option<String>, EngineError> {
        let format = "{{.Endpoints.docker.Host}}";
        let answer = self.ask_engine(&["context", "inspect", "--format", format])?;
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn ask_engine(&self, arguments: &[&str]) -> Result<Answer, EngineError> {
        let answer = self.ask(arguments)?;
        if answer.status.success() {
            Ok(answer)
        } else {
            Err(error::classify(&answer.talk, Subject::Engine))
        }
    }

    fn ask(&self, arguments: &[&str]) -> Result<Answer, EngineError> {
        let flags = self.flags.iter().cloned();
        let arguments: Vec<OsString> = flags.chain(arguments.iter().map(OsString::from)).collect();
        let bounds = Bounds {
            bytes: ANSWER_MAX_BYTES,
            time: PATIENCE,
        };
        Ok(tool::ask(OsStr::new(&self.program), &arguments, bounds)?)
    }

    /// Names of running containers, the most similar first. No answer is as good as none: it is for a hint.
    fn similar(&self, name: &str) -> Vec<String> {
        let answer = self.ask(&["ps", "--format", "{{.Names}}"]);
        let text = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned());
        nearest::nearest(name, text.unwrap_or_default().lines(), SIMILAR_MAX)
    }
}
