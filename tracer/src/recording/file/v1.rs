//! The first version of the file: one run, its facts as they are. Still read, no longer written.

use super::objects::{HostObject, LossesObject, TargetObject, WindowObject, losses};
use super::{FileError, check_indexes, parse_call};
use crate::recording::{Arguments, CallFacts, FactKey, Recording, Sighting, TupleFacts, Tuples};
use crate::syscall::Call;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "schemaVersion")]
    _schema_version: u64,
    tool_version: String,
    run_id: String,
    host: HostObject,
    target: TargetObject,
    window: WindowObject,
    facts: Vec<FactObject>,
    losses: LossesObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactObject {
    abi: String,
    number: i32,
    /// For people; reading takes the number's word.
    #[serde(rename = "name", default)]
    _name: Option<IgnoredAny>,
    filtered: bool,
    count: u64,
    first: Option<SightingObject>,
    last_ms: u64,
    arguments: Option<ArgumentsObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SightingObject {
    at_ms: u64,
    pid: u32,
    program: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgumentsObject {
    indexes: Vec<u8>,
    unbounded: bool,
    seen: Vec<TupleObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TupleObject {
    values: Vec<u64>,
    count: u64,
    first: Option<SightingObject>,
}

/// Reads a file of this version.
pub(super) fn read(text: &str) -> Result<Recording, FileError> {
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
        host: document.host.into(),
        target: document.target.into(),
        window: document.window.into(),
        facts,
        losses: losses(document.losses)?,
        denials: None,
    })
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
    let call = parse_call(&object.abi, object.number)?;
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
    check_indexes(call, &indexes)?;
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
