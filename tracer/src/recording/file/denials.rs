//! What was refused, on disk: an optional part of a run, so that programs which do not know it refuse the
//! file instead of losing it.

use super::{check_indexes, parse_call};
use crate::recording::{
    Answer, DenialFacts, DenialKey, DenialLosses, Denials, Sighting, TupleFacts, Tuples,
};
use crate::syscall::Call;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DenialsObject {
    /// Ascending by ABI, number and answer.
    seen: Vec<DenialObject>,
    losses: LossesObject,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DenialObject {
    abi: String,
    number: i32,
    /// For people; reading takes the number's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    answer: AnswerObject,
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arguments: Option<ArgumentsObject>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum AnswerObject {
    Errno(u16),
    Signal,
    Killed,
    Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgumentsObject {
    indexes: Vec<u8>,
    seen: Vec<TupleObject>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TupleObject {
    values: Vec<u64>,
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject>,
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
struct LossesObject {
    calls: u64,
    arguments: u64,
    unjudged: u64,
}

impl From<&Denials> for DenialsObject {
    fn from(denials: &Denials) -> Self {
        let DenialLosses {
            calls,
            arguments,
            unjudged,
        } = denials.losses;
        let seen = denials.seen.iter();
        Self {
            seen: seen.map(|(&key, facts)| object(key, facts)).collect(),
            losses: LossesObject {
                calls,
                arguments,
                unjudged,
            },
        }
    }
}

fn object(key: DenialKey, facts: &DenialFacts) -> DenialObject {
    let arguments = facts.tuples.as_ref().map(|tuples| ArgumentsObject {
        indexes: tuples.indexes.clone(),
        seen: tuples
            .seen
            .iter()
            .map(|(values, facts)| TupleObject {
                values: values.clone(),
                count: facts.count,
                first: facts.first.as_ref().map(sighting_object),
            })
            .collect(),
    });
    DenialObject {
        abi: key.call.abi.name().to_owned(),
        number: key.call.number,
        name: key.call.name().map(ToOwned::to_owned),
        answer: match key.answer {
            Answer::Errno(errno) => AnswerObject::Errno(errno),
            Answer::Signal => AnswerObject::Signal,
            Answer::Killed => AnswerObject::Killed,
            Answer::Value => AnswerObject::Value,
        },
        count: facts.count,
        first: facts.first.as_ref().map(sighting_object),
        arguments,
    }
}

fn sighting_object(sighting: &Sighting) -> SightingObject {
    SightingObject {
        at_ms: sighting.at_ms,
        pid: sighting.pid,
        program: sighting.program.clone(),
    }
}

fn sighting(object: SightingObject) -> Sighting {
    Sighting {
        at_ms: object.at_ms,
        pid: object.pid,
        program: object.program,
    }
}

/// Reads what was refused. An error says what is wrong with which call.
pub(super) fn denials(object: DenialsObject) -> Result<Denials, String> {
    let mut seen: BTreeMap<DenialKey, DenialFacts> = BTreeMap::new();
    for object in object.seen {
        let (key, facts) = denial(object)?;
        if seen.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(format!("`{}` is there twice or out of order", key.call));
        }
        seen.insert(key, facts);
    }
    let LossesObject {
        calls,
        arguments,
        unjudged,
    } = object.losses;
    Ok(Denials {
        seen,
        losses: DenialLosses {
            calls,
            arguments,
            unjudged,
        },
    })
}

fn denial(object: DenialObject) -> Result<(DenialKey, DenialFacts), String> {
    const ERRNOS: std::ops::RangeInclusive<u16> = 1..=4095;
    let call = parse_call(&object.abi, object.number)?;
    if object.count == 0 {
        return Err(format!("`{call}` with a count of 0"));
    }
    let answer = match object.answer {
        AnswerObject::Errno(errno) if ERRNOS.contains(&errno) => Answer::Errno(errno),
        AnswerObject::Errno(errno) => return Err(format!("`{call}` with the errno {errno}")),
        AnswerObject::Signal => Answer::Signal,
        AnswerObject::Killed => Answer::Killed,
        AnswerObject::Value => Answer::Value,
    };
    let tuples = object
        .arguments
        .map(|arguments| tuples(call, arguments))
        .transpose()?;
    let facts = DenialFacts {
        count: object.count,
        first: object.first.map(sighting),
        tuples,
    };
    Ok((DenialKey { call, answer }, facts))
}

fn tuples(call: Call, object: ArgumentsObject) -> Result<Tuples, String> {
    let indexes = object.indexes;
    check_indexes(call, &indexes)?;
    let mut seen: BTreeMap<Vec<u64>, TupleFacts> = BTreeMap::new();
    for tuple in object.seen {
        let values = tuple.values;
        if values.len() != indexes.len() {
            let (values, indexes) = (values.len(), indexes.len());
            return Err(format!(
                "`{call}` with {values} values for {indexes} indexes"
            ));
        }
        let last = seen.last_key_value();
        if last.is_some_and(|(last, _)| *last >= values) {
            return Err(format!(
                "`{call}` with the values {values:?} twice or out of order"
            ));
        }
        let facts = TupleFacts {
            count: tuple.count,
            first: tuple.first.map(sighting),
        };
        seen.insert(values, facts);
    }
    Ok(Tuples { indexes, seen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::Abi;

    fn first(at_ms: u64) -> Option<Sighting> {
        Some(Sighting {
            at_ms,
            pid: 7,
            program: "nginx: worker".to_owned(),
        })
    }

    fn sample() -> Denials {
        let key = |name, answer| DenialKey {
            call: Call::named(Abi::X86_64, name).expect("a call"),
            answer,
        };
        let facts = |count, tuples| DenialFacts {
            count,
            first: first(3),
            tuples,
        };
        let tuples = Tuples {
            indexes: vec![0, 1, 2],
            seen: [(
                vec![38, 5, 0],
                TupleFacts {
                    count: 2,
                    first: first(9),
                },
            )]
            .into(),
        };
        let seen = [
            (key("socket", Answer::Errno(97)), facts(2, Some(tuples))),
            (key("mount", Answer::Errno(1)), facts(1, None)),
            (key("mount", Answer::Signal), facts(4, None)),
            (key("mount", Answer::Killed), facts(1, None)),
            (key("bpf", Answer::Value), facts(5, None)),
        ];
        Denials {
            seen: seen.into(),
            losses: DenialLosses {
                calls: 1,
                arguments: 2,
                unjudged: 3,
            },
        }
    }

    fn read(text: &str) -> Result<Denials, String> {
        let object = serde_json::from_str(text).map_err(|error| error.to_string())?;
        denials(object)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = serde_json::to_string(&DenialsObject::from(&sample())).expect("JSON");
        assert_eq!(read(&text), Ok(sample()));
        assert!(
            text.contains(r#""name":"mount","answer":{"errno":1},"count":1"#),
            "{text}"
        );
        assert!(text.contains(r#""answer":"signal""#), "{text}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let text = |seen: &str| {
            format!(r#"{{"seen":[{seen}],"losses":{{"calls":0,"arguments":0,"unjudged":0}}}}"#)
        };
        let one = |answer: &str, count: u64, rest: &str| {
            format!(r#"{{"abi":"x86_64","number":41,"answer":{answer},"count":{count}{rest}}}"#)
        };
        let twice = [one("\"signal\"", 1, ""), one("\"signal\"", 1, "")].join(",");
        for (seen, problem) in [
            (one(r#"{"errno":0}"#, 1, ""), "`socket` with the errno 0"),
            (
                one(r#"{"errno":4096}"#, 1, ""),
                "`socket` with the errno 4096",
            ),
            (one("\"signal\"", 0, ""), "`socket` with a count of 0"),
            (twice, "`socket` is there twice or out of order"),
            (
                one("\"signal\"", 1, r#","arguments":{"indexes":[],"seen":[]}"#),
                "`socket` with argument indexes []",
            ),
            (
                one(
                    "\"signal\"",
                    1,
                    r#","arguments":{"indexes":[0],"seen":[{"values":[],"count":1}]}"#,
                ),
                "`socket` with 0 values for 1 indexes",
            ),
        ] {
            assert_eq!(read(&text(&seen)), Err(problem.to_owned()));
        }
    }
}
