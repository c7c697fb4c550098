//! What can go wrong with an engine, read from what its client says.
//!
//! The clients have no error codes, only sentences. Those here are of Docker 20.10 to 29 and Podman 4 and 5;
//! one that is not known is passed on as it is.

use crate::report::escape;
use crate::target::engine_run::EngineKind;
use crate::target::tool::ToolError;

/// Why an engine did not help.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The client could not be run.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// No engine answers.
    #[error("cannot reach the container engine")]
    Unreachable(#[source] Said),
    /// The engine is there but not for us.
    #[error("not allowed to talk to the container engine")]
    Denied(#[source] Said),
    /// No such container.
    #[error("no container `{}`", escape::text(.name))]
    NotFound {
        /// As the user named it.
        name: String,
        /// Running containers with the most similar names. Hostile.
        similar: Vec<String>,
    },
    /// Several containers are called so, or have ids that begin like that.
    #[error("several containers are called `{}`, or have an id that begins so", escape::text(.name))]
    Ambiguous {
        /// As the user gave it.
        name: String,
        /// Which, if that is known. Hostile.
        candidates: Vec<String>,
    },
    /// There, but no process of it.
    #[error("container `{}` is not running", escape::text(.name))]
    NotRunning {
        /// Its name.
        name: String,
        /// The engine's word for its state. Hostile.
        status: String,
    },
    /// The runtime gives the container a kernel of its own, so that its calls never reach ours.
    #[error(
        "container `{}` runs under `{}`, which has a kernel of its own",
        escape::text(.name),
        escape::text(.runtime)
    )]
    OwnKernel {
        /// Its name.
        name: String,
        /// The runtime. Hostile.
        runtime: String,
    },
    /// The engine is on another machine, if only a virtual one.
    #[error("the container engine runs on another kernel, `{}`", escape::text(.kernel))]
    OtherKernel {
        /// Its release. Hostile.
        kernel: String,
    },
    /// The engine refused for another reason.
    #[error("the container engine refused")]
    Refused(#[source] Said),
    /// Engines that know one container each by that name.
    #[error("several engines have a container `{}`: {}", escape::text(.name), names(.kinds))]
    SeveralEngines {
        /// As the user named it.
        name: String,
        /// The engines.
        kinds: Vec<EngineKind>,
    },
    /// The engine answered something that is no answer.
    #[error("the container engine's description of {subject} is not understood")]
    BadAnswer {
        /// What was asked about.
        subject: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

/// What another program said. Hostile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Said(pub String);

impl EngineError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Tool(ToolError::NotInstalled { .. }) => {
                "install the engine's client, or record without an engine: `--pid`, `--cgroup` or `-- CMD`"
                    .into()
            }
            Self::Unreachable(_) => {
                "is it running? `systemctl start docker` starts it; `DOCKER_HOST` or `docker context use` \
                 choose another"
                    .into()
            }
            Self::Denied(_) => "run as root, or join the group `docker`".into(),
            Self::NotFound { similar, .. } if similar.is_empty() => {
                "`docker ps`, `podman ps` and `runc list` list the running containers".into()
            }
            Self::NotFound { similar, .. } => {
                format!("running containers with the most similar names: {}", quoted(similar))
            }
            Self::Ambiguous { candidates, .. } if !candidates.is_empty() => {
                format!("give more of the name: {}", quoted(candidates))
            }
            Self::Ambiguous { .. } => "give more of the id, or the name; `ps` of the engine lists both".into(),
            Self::SeveralEngines { kinds, .. } => {
                let kind = kinds.first().map_or("docker", |kind| kind.name());
                format!("say which one is meant, as in `--engine {kind}`")
            }
            Self::NotRunning { name, status } => format!(
                "its state is `{}`; to record it from its first call, start it with \
                 `seccomp-tracer record -- docker run …`, else `docker start {}` first",
                escape::text(status),
                escape::text(name)
            ),
            Self::OwnKernel { .. } => {
                "its calls are that kernel's, and a profile would not hold for them; record the same image under \
                 `--runtime runc`"
                    .into()
            }
            Self::OtherKernel { .. } => {
                "record where the engine runs; what this kernel sees is none of its containers' calls".into()
            }
            Self::Tool(_) | Self::Refused(_) | Self::BadAnswer { .. } => return None,
        })
    }
}

/// Hostile names, in quotes.
fn quoted(names: &[String]) -> String {
    let names = names.iter().map(|name| format!("`{}`", escape::text(name)));
    names.collect::<Vec<_>>().join(", ")
}

/// `docker, podman`
fn names(kinds: &[EngineKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

/// What a question was about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Engine,
    Container(&'a str),
}

/// Sorts what the client said.
pub(super) fn classify(talk: &str, subject: Subject<'_>) -> EngineError {
    let has = |part: &str| talk.contains(part);
    let said = || Said(talk.lines().next_back().unwrap_or_default().to_owned());
    // The longer text of a refused connection contains parts of the others.
    if has("permission denied while trying to connect") {
        return EngineError::Denied(said());
    }
    if has("Cannot connect to the Docker daemon")
        || has("failed to connect to the docker API")
        || has("error during connect")
        || has("connection refused")
        || has("no such host")
    {
        return EngineError::Unreachable(said());
    }
    if let Subject::Container(name) = subject {
        let name = name.to_owned();
        if has("Multiple IDs found") || has("more than one result for container") {
            let candidates = Vec::new();
            return EngineError::Ambiguous { name, candidates };
        }
        // Docker's two, then Podman's two, then Docker's about an empty name.
        let not_found = [
            "No such container",
            "No such object",
            "no such container",
            "no container with name or ID",
            "value is empty",
        ];
        if not_found.into_iter().any(has) {
            let similar = Vec::new();
            return EngineError::NotFound { name, similar };
        }
    }
    EngineError::Refused(said())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_is_sorted() {
        let container = Subject::Container("x");
        for (talk, subject, expected) in [
            (
                "Error response from daemon: No such container: x",
                container,
                "no container `x`",
            ),
            ("Error: No such container: x", container, "no container `x`"),
            ("Error: No such object: x", container, "no container `x`"),
            (
                "invalid container name or ID: value is empty",
                container,
                "no container `x`",
            ),
            (
                "Error response from daemon: Multiple IDs found with provided prefix: x",
                container,
                "several containers are called `x`, or have an id that begins so",
            ),
            (
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. \
                 Is the docker daemon running?",
                Subject::Engine,
                "cannot reach the container engine",
            ),
            (
                "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path \
                 is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: \
                 no such file or directory",
                container,
                "cannot reach the container engine",
            ),
            (
                "error during connect: Get \"http://h:1/_ping\": dial tcp: lookup h: no such host",
                Subject::Engine,
                "cannot reach the container engine",
            ),
            (
                "permission denied while trying to connect to the Docker daemon socket at \
                 unix:///d.sock: Get \"http://d.sock/v1.50/x\": dial unix /d.sock: connect: \
                 permission denied",
                container,
                "not allowed to talk to the container engine",
            ),
            (
                "Error response from daemon: No such container: x",
                Subject::Engine,
                "the container engine refused",
            ),
            ("", container, "the container engine refused"),
            (
                "Error: inspecting object: no such container x",
                container,
                "no container `x`",
            ),
            (
                "Error: no container with name or ID \"x\" found: no such container",
                container,
                "no container `x`",
            ),
            (
                "Error: inspecting object: more than one result for container name or ID prefix x",
                container,
                "several containers are called `x`, or have an id that begins so",
            ),
        ] {
            assert_eq!(classify(talk, subject).to_string(), expected, "{talk}");
        }
    }

    #[test]
    fn names_from_outside_are_escaped_in_hints() {
        let error = EngineError::NotFound {
            name: "\u{1b}x".into(),
            similar: vec!["a\u{7}".into(), "b".into()],
        };
        assert_eq!(error.to_string(), "no container `\\u{1b}x`");
        assert_eq!(
            error.hint().as_deref(),
            Some("running containers with the most similar names: `a\\u{7}`, `b`")
        );
    }
}
