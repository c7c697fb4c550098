//! The recording file: JSON, versioned, and hostile until it has been read.
//!
//! The shapes here are what is on disk; they are separate from the values in [`super`] so that the file
//! format changes only when somebody decides it. Reading bounds and checks everything.

use super::{
    Arguments, CallFacts, Container, FactKey, Host, Loss, Losses, Recording, SeccompState,
    Sighting, Target, TargetKind, TupleFacts, Tuples, Window, WindowEnd, WindowStart,
};
use crate::syscall::catalog::TRACKED_MAX;
use crate::syscall::{Abi, Call};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that this program writes, and the newest that it reads.
pub const SCHEMA_VERSION: u64 = 1;

/// Why a text is not a recording.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not JSON, cut off, or not of the right shape.
    #[error("not a recording")]
    Json(#[source] serde_json::Error),
    /// Written by a newer program.
    #[error(
        "schema version {found} is newer than {SCHEMA_VERSION}, the newest that this program reads"
    )]
    Newer {
        /// The file's `schemaVersion`.
        found: u64,
    },
    /// Right shape, impossible content.
    #[error("fact {index}: {problem}")]
    Fact {
        /// Position in `facts`, from 0.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A loss counter that this version does not have.
    #[error("unknown loss counter `{0}`")]
    UnknownLoss(String),
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "schemaVersion")]
    schema_version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    schema_version: u64,
    tool_version: String,
    run_id: String,
    host: HostObject,
    target: TargetObject,
    window: WindowObject,
    facts: Vec<FactObject>,
    losses: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HostObject {
    kernel: String,
    architecture: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TargetObject {
    kind: KindName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<ContainerObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_new_privs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seccomp: Option<SeccompName>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContainerObject {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_version: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WindowObject {
    start: String,
    duration_ms: u64,
    last_new_fact_ms: u64,
    from: StartName,
    until: EndName,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactObject {
    abi: String,
    number: i32,
    /// For people; reading takes the number's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    filtered: bool,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject>,
    last_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<ArgumentsObject>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SightingObject {
    at_ms: u64,
    pid: u32,
    program: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgumentsObject {
    indexes: Vec<u8>,
    unbounded: bool,
    seen: Vec<TupleObject>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TupleObject {
    values: Vec<u64>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject>,
}

/// An enumeration with one name on disk for each case.
macro_rules! names {
    ($name:ident for $value:ident { $($case:ident),+ }) => {
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        enum $name { $($case),+ }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                match value { $($value::$case => Self::$case),+ }
            }
        }

        impl From<$name> for $value {
            fn from(name: $name) -> Self {
                match name { $($name::$case => Self::$case),+ }
            }
        }
    };
}

names!(KindName for TargetKind { Command, Container, Process, Cgroup });
names!(SeccompName for SeccompState { Unconfined, EngineDefault, Custom, Filtered });
names!(StartName for WindowStart { Exec, Attach });
names!(EndName for WindowEnd { Empty, Duration, Idle, Interrupted });

/// Writes a recording. The same recording gives the same bytes.
#[must_use]
pub fn to_json(recording: &Recording) -> String {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        tool_version: recording.tool_version.clone(),
        run_id: recording.run_id.clone(),
        host: HostObject {
            kernel: recording.host.kernel.clone(),
            architecture: recording.host.architecture.clone(),
        },
        target: target_object(&recording.target),
        window: WindowObject {
            start: recording.window.start.clone(),
            duration_ms: recording.window.duration_ms,
            last_new_fact_ms: recording.window.last_new_fact_ms,
            from: recording.window.from.into(),
            until: recording.window.until.into(),
        },
        facts: recording
            .facts
            .iter()
            .map(|(&key, facts)| fact_object(key, facts))
            .collect(),
        losses: recording
            .losses
            .iter()
            .map(|(loss, n)| (loss.name().to_owned(), n))
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("strings and integers only");
    text.push('\n');
    text
}

/// Reads a recording.
///
/// # Errors
///
/// [`FileError`] if the text is not JSON, is cut off, comes from a newer version, or says something that
/// cannot be.
pub fn from_json(text: &str) -> Result<Recording, FileError> {
    let header: Header = serde_json::from_str(text).map_err(FileError::Json)?;
    if header.schema_version > SCHEMA_VERSION {
        return Err(FileError::Newer {
            found: header.schema_version,
        });
    }
    let document: Document = serde_json::from_str(text).map_err(FileError::Json)?;
    let mut facts = BTreeMap::new();
    for (index, object) in document.facts.into_iter().enumerate() {
        let problem = |problem: String| FileError::Fact { index, problem };
        let (key, value) = fact(object).map_err(problem)?;
        if facts.insert(key, value).is_some() {
            return Err(problem(format!("`{}` is there twice", key.call)));
        }
    }
    Ok(Recording {
        tool_version: document.tool_version,
        run_id: document.run_id,
        host: Host {
            kernel: document.host.kernel,
            architecture: document.host.architecture,
        },
        target: target(document.target),
        window: Window {
            start: document.window.start,
            duration_ms: document.window.duration_ms,
            last_new_fact_ms: document.window.last_new_fact_ms,
            from: document.window.from.into(),
            until: document.window.until.into(),
        },
        facts,
        losses: losses(document.losses)?,
    })
}

fn target_object(target: &Target) -> TargetObject {
    let container = |container: &Container| {
        let Container {
            id,
            name,
            image,
            image_id,
            engine,
            engine_version,
            runtime,
            runtime_version,
        } = container.clone();
        ContainerObject {
            id,
            name,
            image,
            image_id,
            engine,
            engine_version,
            runtime,
            runtime_version,
        }
    };
    TargetObject {
        kind: target.kind.into(),
        command: target.command.clone(),
        cgroup: target.cgroup.clone(),
        container: target.container.as_ref().map(container),
        capabilities: target
            .capabilities
            .as_ref()
            .map(|set| set.iter().cloned().collect()),
        no_new_privs: target.no_new_privs,
        seccomp: target.seccomp.map(Into::into),
    }
}

fn target(object: TargetObject) -> Target {
    let container = |object: ContainerObject| {
        let ContainerObject {
            id,
            name,
            image,
            image_id,
            engine,
            engine_version,
            runtime,
            runtime_version,
        } = object;
        Container {
            id,
            name,
            image,
            image_id,
            engine,
            engine_version,
            runtime,
            runtime_version,
        }
    };
    Target {
        kind: object.kind.into(),
        command: object.command,
        cgroup: object.cgroup,
        container: object.container.map(container),
        capabilities: object.capabilities.map(|names| names.into_iter().collect()),
        no_new_privs: object.no_new_privs,
        seccomp: object.seccomp.map(Into::into),
    }
}

fn fact_object(key: FactKey, facts: &CallFacts) -> FactObject {
    let arguments = |tuples: &Tuples, unbounded| ArgumentsObject {
        indexes: tuples.indexes.clone(),
        unbounded,
        seen: tuples
            .seen
            .iter()
            .map(|(values, facts)| tuple_object(values, facts))
            .collect(),
    };
    FactObject {
        abi: key.call.abi.name().to_owned(),
        number: key.call.number,
        name: key.call.name().map(ToOwned::to_owned),
        filtered: key.filtered,
        count: facts.count,
        first: facts.first.as_ref().map(sighting_object),
        last_ms: facts.last_ms,
        arguments: match &facts.arguments {
            Arguments::Untracked => None,
            Arguments::Exact(tuples) => Some(arguments(tuples, false)),
            Arguments::Unbounded(tuples) => Some(arguments(tuples, true)),
        },
    }
}

fn tuple_object(values: &[u64], facts: &TupleFacts) -> TupleObject {
    TupleObject {
        values: values.to_owned(),
        count: facts.count,
        first: facts.first.as_ref().map(sighting_object),
    }
}

fn sighting_object(sighting: &Sighting) -> SightingObject {
    let Sighting {
        at_ms,
        pid,
        program,
    } = sighting.clone();
    SightingObject {
        at_ms,
        pid,
        program,
    }
}

fn sighting(object: SightingObject) -> Sighting {
    let SightingObject {
        at_ms,
        pid,
        program,
    } = object;
    Sighting {
        at_ms,
        pid,
        program,
    }
}

fn fact(object: FactObject) -> Result<(FactKey, CallFacts), String> {
    let abi: Abi = object.abi.parse().map_err(|error| format!("{error}"))?;
    let call = Call::new(abi, object.number);
    if object.count == 0 {
        return Err(format!("`{call}` with a count of 0"));
    }
    let facts = CallFacts {
        count: object.count,
        first: object.first.map(sighting),
        last_ms: object.last_ms,
        arguments: match object.arguments {
            None => Arguments::Untracked,
            Some(arguments) => tuples(call, arguments)?,
        },
    };
    Ok((
        FactKey {
            call,
            filtered: object.filtered,
        },
        facts,
    ))
}

fn tuples(call: Call, object: ArgumentsObject) -> Result<Arguments, String> {
    let indexes = object.indexes;
    let well_formed = (1..=TRACKED_MAX).contains(&indexes.len())
        && indexes.is_sorted_by(|a, b| a < b)
        && indexes.iter().all(|&index| index < 6);
    if !well_formed {
        return Err(format!("`{call}` with argument indexes {indexes:?}"));
    }
    let mut seen = BTreeMap::new();
    for tuple in object.seen {
        if tuple.values.len() != indexes.len() {
            return Err(format!(
                "`{call}` with {} values for {} indexes",
                tuple.values.len(),
                indexes.len()
            ));
        }
        let facts = TupleFacts {
            count: tuple.count,
            first: tuple.first.map(sighting),
        };
        if seen.insert(tuple.values.clone(), facts).is_some() {
            return Err(format!("`{call}` with the values {:?} twice", tuple.values));
        }
    }
    let tuples = Tuples { indexes, seen };
    Ok(if object.unbounded {
        Arguments::Unbounded(tuples)
    } else {
        Arguments::Exact(tuples)
    })
}

fn losses(counters: BTreeMap<String, u64>) -> Result<Losses, FileError> {
    let mut losses = Losses::default();
    for (name, count) in counters {
        let Some(loss) = Loss::ALL.into_iter().find(|loss| loss.name() == name) else {
            return Err(FileError::UnknownLoss(name));
        };
        losses.set(loss, count);
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Recording {
        let first = Some(Sighting {
            at_ms: 3,
            pid: 42,
            program: "sh\u{1b}[31m".to_owned(),
        });
        let tuple = TupleFacts {
            count: 2,
            first: first.clone(),
        };
        let socket = CallFacts {
            count: 2,
            first: first.clone(),
            last_ms: 1000,
            arguments: Arguments::Exact(Tuples {
                indexes: vec![0, 1, 2],
                seen: [(vec![2, 1, 0], tuple)].into(),
            }),
        };
        let odd = CallFacts {
            count: 1,
            first: None,
            last_ms: 0,
            arguments: Arguments::Untracked,
        };
        let key = |abi, number, filtered| FactKey {
            call: Call::new(abi, number),
            filtered,
        };
        Recording {
            tool_version: "0.1.0".to_owned(),
            run_id: "r".to_owned(),
            host: Host {
                kernel: "6.1.0".to_owned(),
                architecture: "x86_64".to_owned(),
            },
            target: Target {
                command: vec!["sh".to_owned()],
                container: Some(Container {
                    id: "abc".to_owned(),
                    ..Container::default()
                }),
                capabilities: Some(["CAP_KILL".to_owned()].into()),
                no_new_privs: Some(false),
                seccomp: Some(SeccompState::EngineDefault),
                ..Target::default()
            },
            window: Window {
                start: "2026-01-01T00:00:00Z".to_owned(),
                duration_ms: 1200,
                last_new_fact_ms: 3,
                from: WindowStart::Exec,
                until: WindowEnd::Empty,
            },
            facts: [
                (key(Abi::X86_64, 41, true), socket),
                (key(Abi::X32, -1, false), odd),
            ]
            .into(),
            losses: Losses::default(),
        }
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let text = to_json(&sample());
        assert_eq!(from_json(&text).unwrap(), sample());
        assert!(
            text.contains(r#""name": "socket""#),
            "names are there for people:\n{text}"
        );
    }

    #[test]
    fn every_cut_is_refused() {
        let text = to_json(&sample());
        let text = text.trim_end();
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            assert!(from_json(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn impossible_content_is_refused_with_its_place() {
        let text = to_json(&sample());
        let refusal = |from: &str, to: &str| {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            from_json(&changed).unwrap_err().to_string()
        };
        assert_eq!(
            refusal(r#""schemaVersion": 1"#, r#""schemaVersion": 2"#),
            "schema version 2 is newer than 1, the newest that this program reads"
        );
        assert_eq!(
            refusal(r#""abi": "x86_64""#, r#""abi": "vax""#),
            "fact 0: unknown ABI `vax`"
        );
        assert_eq!(
            refusal(r#""mapError""#, r#""mapErro""#),
            "unknown loss counter `mapErro`"
        );
        assert_eq!(
            refusal(r#""count": 2"#, r#""count": 0"#),
            "fact 0: `socket` with a count of 0"
        );
        assert_eq!(refusal(r#""runId""#, r#""runID""#), "not a recording");
    }

    #[test]
    fn a_newer_file_is_refused_even_if_its_shape_changed() {
        let newer = r#"{"schemaVersion": 7, "whatever": []}"#;
        assert!(matches!(
            from_json(newer),
            Err(FileError::Newer { found: 7 })
        ));
    }
}
