//! Which of the engines has a container.

use super::Engine;
use super::answers::Inspected;
use super::error::EngineError;
use super::runtimes::{self, Known};
use crate::syscall::nearest;
use crate::target::ToolError;
use crate::target::engine_run::EngineKind;

/// What the engines answered about one name.
type Answers = Vec<(Engine, Result<Inspected, EngineError>)>;

impl Engine {
    /// Asks the engines for a container, whatever its state: the one that is meant, or all that there are.
    /// Clients are asked first; the runtimes if none of them knows it.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if no engine, or more than one, knows exactly one such container.
    pub fn find(
        name_or_id: &str,
        meant: Option<EngineKind>,
    ) -> Result<(Self, Inspected), EngineError> {
        let clients = EngineKind::CLIENTS.into_iter();
        let clients = clients.filter(|kind| meant.is_none_or(|meant| meant == *kind));
        let answers = clients.map(Self::of_kind).map(|engine| {
            let answer = engine.inspect(name_or_id);
            (engine, answer)
        });
        match decide(name_or_id, answers.collect()) {
            Err(error) if is_open(&error) => {
                with_runtimes(name_or_id, error, runtimes::find(name_or_id, meant))
            }
            decided => decided,
        }
    }
}

impl Engine {
    /// Asks the runtimes alone.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] if none of them, or more than one, knows such a container.
    pub fn find_by_runtime(id: &str) -> Result<(Self, Inspected), EngineError> {
        match runtimes::find(id, None) {
            Known::One(found) => Ok(*found),
            Known::Elsewhere(error) => Err(error),
            Known::Several(_) | Known::None(_) => Err(EngineError::NotFound {
                name: id.to_owned(),
                similar: Vec::new(),
            }),
        }
    }
}

/// Whether somebody else may still know the container.
fn is_open(error: &EngineError) -> bool {
    !matches!(
        error,
        EngineError::SeveralEngines { .. } | EngineError::Ambiguous { .. }
    )
}

/// What the runtimes know, after what the clients said.
fn with_runtimes(
    name: &str,
    error: EngineError,
    known: Known,
) -> Result<(Engine, Inspected), EngineError> {
    let name = name.to_owned();
    match known {
        Known::One(found) => Ok(*found),
        Known::Several(candidates) => Err(EngineError::Ambiguous { name, candidates }),
        Known::Elsewhere(error) => Err(error),
        Known::None(similar) if similar.is_empty() => Err(error),
        Known::None(similar) => {
            let absent = EngineError::NotFound {
                name: name.clone(),
                similar,
            };
            Err(more_telling(&name, error, absent))
        }
    }
}

/// The one engine that knows the container; else what says most about why none does.
fn decide(name: &str, answers: Answers) -> Result<(Engine, Inspected), EngineError> {
    let (found, errors): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, answer)| answer.is_ok());
    let kinds: Vec<EngineKind> = found.iter().map(|(engine, _)| engine.kind()).collect();
    if kinds.len() > 1 {
        let name = name.to_owned();
        return Err(EngineError::SeveralEngines { name, kinds });
    }
    if let Some((engine, Ok(inspected))) = found.into_iter().next() {
        return Ok((engine, inspected));
    }
    let errors = errors.into_iter().filter_map(|(_, answer)| answer.err());
    let merged = errors.reduce(|one, other| more_telling(name, one, other));
    Err(merged.unwrap_or_else(|| EngineError::NotFound {
        name: name.to_owned(),
        similar: Vec::new(),
    }))
}

/// Of two errors the one that says more: an engine that answered knows more than one that could not be
/// reached, and that more than one that is not there. Names of both are for one hint.
fn more_telling(name: &str, one: EngineError, other: EngineError) -> EngineError {
    let weight = |error: &EngineError| match error {
        EngineError::Tool(ToolError::NotInstalled { .. }) => 0,
        EngineError::NotFound { .. } => 2,
        EngineError::Tool(_) | EngineError::Unreachable(_) | EngineError::Denied(_) => 1,
        _ => 3,
    };
    match (one, other) {
        (EngineError::NotFound { similar: ours, .. }, EngineError::NotFound { similar, .. }) => {
            let names = ours.iter().chain(&similar).map(String::as_str);
            EngineError::NotFound {
                name: name.to_owned(),
                similar: nearest::nearest(name, names, super::SIMILAR_MAX),
            }
        }
        (one, other) if weight(&other) > weight(&one) => other,
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Said;
    use super::*;

    fn told(answers: [Result<Inspected, EngineError>; 2]) -> Result<EngineKind, String> {
        let engines = EngineKind::CLIENTS.map(Engine::of_kind);
        let answers = engines.into_iter().zip(answers).collect();
        let decided = decide("web", answers).map(|(engine, _)| engine.kind());
        decided.map_err(|error| {
            let hint = error.hint().unwrap_or_default();
            format!("{error}; {hint}")
        })
    }

    #[test]
    fn the_engine_that_knows_it_is_found_and_else_the_most_telling_error() {
        let here = || Ok(Inspected::default());
        let absent = |similar: &[&str]| {
            Err(EngineError::NotFound {
                name: "web".into(),
                similar: similar.iter().map(|&name| name.to_owned()).collect(),
            })
        };
        let missing = || {
            let program = "docker".to_owned();
            Err(EngineError::Tool(ToolError::NotInstalled { program }))
        };
        let silent = || Err(EngineError::Unreachable(Said("no".into())));
        assert_eq!(told([here(), absent(&[])]), Ok(EngineKind::Docker));
        assert_eq!(told([silent(), here()]), Ok(EngineKind::Podman));
        for (answers, expected) in [
            (
                [here(), here()],
                "several engines have a container `web`: docker, podman; say which one is meant, as in \
                 `--engine docker`",
            ),
            (
                [absent(&["web1", "db"]), absent(&["wbe", "my-web"])],
                "no container `web`; running containers with the most similar names: `web1`, `my-web`, `db`",
            ),
            (
                [silent(), absent(&[])],
                "no container `web`; `docker ps`, `podman ps` and `runc list` list the running containers",
            ),
            (
                [missing(), silent()],
                "cannot reach the container engine; is it running? `systemctl start docker` starts it; \
                 `DOCKER_HOST` or `docker context use` choose another",
            ),
            (
                [missing(), missing()],
                "`docker` is not installed; install the engine's client, or record without an engine: \
                 `--pid`, `--cgroup` or `-- CMD`",
            ),
        ] {
            assert_eq!(told(answers).unwrap_err(), expected);
        }
    }
}
