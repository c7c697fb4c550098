//! The recording file: JSON, versioned, and hostile until it has been read.
//!
//! A file holds one run or many. The shapes here are what is on disk; they are separate from the values in
//! [`super`] so that the file format changes only when somebody decides it. Reading bounds and checks
//! everything.

mod columns;
mod denials;
mod objects;
mod v1;
mod v2;

use super::{Recording, Runs};
use crate::syscall::catalog::TRACKED_MAX;
use crate::syscall::{Abi, Call};
use serde::Deserialize;
use std::io;

/// The version that this program writes, and the newest that it reads.
pub const SCHEMA_VERSION: u64 = 2;

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
    /// Right shape, impossible content.
    #[error("denials: {0}")]
    Denials(String),
    /// A loss counter that this version does not have.
    #[error("unknown loss counter `{0}`")]
    UnknownLoss(String),
    /// No runs, one of them twice, or not in order.
    #[error("its runs are none, twice there, or out of order")]
    Runs,
    /// The table of programs is not in order, or has more than is used.
    #[error("its programs are out of order, or not all used")]
    Programs,
    /// Several runs where one is asked for.
    #[error("it holds {0} runs where one is expected")]
    Several(usize),
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "schemaVersion")]
    schema_version: u64,
}

/// Writes runs. The same runs give the same bytes.
///
/// # Errors
///
/// Those of `out`.
pub fn write(runs: &Runs, out: &mut impl io::Write) -> io::Result<()> {
    v2::write(runs, out)
}

/// Writes a recording, as a file of one run.
#[must_use]
pub fn to_json(recording: &Recording) -> String {
    let mut text = Vec::new();
    write(&recording.clone().into(), &mut text).expect("memory takes everything");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Reads a file of one run or many.
///
/// # Errors
///
/// [`FileError`] if the text is not JSON, is cut off, comes from a newer version, or says something that
/// cannot be.
pub fn read(text: &str) -> Result<Runs, FileError> {
    // A file is read once if it is of the newest version, as nearly all are; why it is not is found out
    // only then.
    let newest = match serde_json::from_str::<v2::Document<'_>>(text) {
        Ok(document) if document.schema_version == SCHEMA_VERSION => return v2::runs(document),
        Ok(_) => None,
        Err(error) => Some(error),
    };
    let header: Header = serde_json::from_str(text).map_err(FileError::Json)?;
    match (header.schema_version, newest) {
        (found, _) if found > SCHEMA_VERSION => Err(FileError::Newer { found }),
        (SCHEMA_VERSION, Some(error)) => Err(FileError::Json(error)),
        _ => v1::read(text).map(Runs::from),
    }
}

/// Reads a file of one run.
///
/// # Errors
///
/// As [`read`], and if there are several runs.
pub fn from_json(text: &str) -> Result<Recording, FileError> {
    let mut recordings = read(text)?.recordings();
    match recordings.pop() {
        Some(one) if recordings.is_empty() => Ok(one),
        _ => Err(FileError::Several(recordings.len() + 1)),
    }
}

fn parse_call(abi: &str, number: i32) -> Result<Call, String> {
    let abi: Abi = abi.parse().map_err(|error| format!("{error}"))?;
    Ok(Call::new(abi, number))
}

/// Whether these can be the tracked positions of a call.
fn check_indexes(call: Call, indexes: &[u8]) -> Result<(), String> {
    let well_formed = (1..=TRACKED_MAX).contains(&indexes.len())
        && indexes.is_sorted_by(|a, b| a < b)
        && indexes.iter().all(|&index| index < 6);
    if well_formed {
        Ok(())
    } else {
        Err(format!("`{call}` with argument indexes {indexes:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{
        Arguments, CallFacts, Container, FactKey, Host, Losses, SeccompState, Sighting, Target,
        TupleFacts, Tuples, Window, WindowEnd, WindowStart,
    };

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
                hook: None,
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
                lives: None,
            },
            facts: [
                (key(Abi::X86_64, 41, true), socket),
                (key(Abi::X32, -1, false), odd),
            ]
            .into(),
            losses: Losses::default(),
            denials: None,
        }
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let text = to_json(&sample());
        assert_eq!(from_json(&text).unwrap(), sample());
        // What is not known is not there.
        assert!(!text.contains("init") && !text.contains("user"), "{text}");
        let mut more = sample();
        if let Some(container) = &mut more.target.container {
            container.init = Some(false);
            container.user = Some("1000:1000".to_owned());
        }
        assert_eq!(from_json(&to_json(&more)).unwrap(), more);
        assert!(
            text.contains(r#""name":"socket""#),
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
        let socket = "`socket` with ";
        let table = [
            (
                r#""schemaVersion": 2"#,
                r#""schemaVersion": 3"#,
                "schema version 3 is newer than 2, the newest that this program reads".to_owned(),
            ),
            (
                r#""abi":"x86_64""#,
                r#""abi":"vax""#,
                "fact 0: unknown ABI `vax`".to_owned(),
            ),
            (
                r#""mapError""#,
                r#""mapErro""#,
                "unknown loss counter `mapErro`".to_owned(),
            ),
            (
                r#""count":[2]"#,
                r#""count":[0]"#,
                format!("fact 0: {socket}a count of 0"),
            ),
            (
                r#""count":[2]"#,
                r#""count":[2,2]"#,
                format!("fact 0: {socket}columns of different lengths"),
            ),
            (
                r#""runs":[[0,0]]"#,
                r#""runs":[[0,4294967295]]"#,
                format!("fact 0: {socket}runs that are not there"),
            ),
            (
                r#""runs":[[0,0]]"#,
                r#""runs":[]"#,
                format!("fact 0: {socket}runs that are not there"),
            ),
            (
                "[[3,42,0]]",
                "[[3,42,1]]",
                format!("fact 0: {socket}a program that is not there"),
            ),
            (
                r#""unbounded":[]"#,
                r#""unbounded":[[0,1]]"#,
                format!("fact 0: {socket}unbounded runs that did not track it"),
            ),
            (
                "[0,1,2]",
                "[0,2,1]",
                format!("fact 0: {socket}argument indexes [0, 2, 1]"),
            ),
            (
                r#""values":[2,1,0]"#,
                r#""values":[2,1]"#,
                format!("fact 0: {socket}2 values for 3 indexes"),
            ),
            (
                r#""programs": [""#,
                r#""programs": ["a",""#,
                "its programs are out of order, or not all used".to_owned(),
            ),
            (r#""id":"r""#, r#""ID":"r""#, "not a recording".to_owned()),
        ];
        for (from, to, expected) in table {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert_eq!(read(&changed).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_run_is_there_once() {
        let text = to_json(&sample());
        let line = text
            .lines()
            .find(|line| line.starts_with(r#"{"id""#))
            .unwrap();
        let twice = text.replacen(line, &format!("{line},\n{line}"), 1);
        assert!(matches!(read(&twice), Err(FileError::Runs)));
        let none = text.replacen(line, "", 1);
        assert!(matches!(read(&none), Err(FileError::Runs)));
    }

    #[test]
    fn several_runs_are_not_one_recording() {
        let other = Recording {
            run_id: "s".to_owned(),
            ..sample()
        };
        let both = Runs::merged([&sample().into(), &other.into()]).unwrap();
        let mut text = Vec::new();
        write(&both, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(read(&text).unwrap(), both);
        assert!(matches!(from_json(&text), Err(FileError::Several(2))));
    }

    #[test]
    fn the_first_version_is_still_read() {
        let text = include_str!("v1.json");
        assert_eq!(from_json(text).unwrap(), sample());
        let refusal = |from: &str, to: &str| {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            read(&changed).unwrap_err().to_string()
        };
        assert_eq!(
            refusal("x86_64\",\n      \"number", "vax\",\n      \"number"),
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
        assert_eq!(
            refusal(r#""number": 41"#, r#""number": 41, "color": 1"#),
            "not a recording"
        );
    }

    #[test]
    fn a_newer_file_is_refused_even_if_its_shape_changed() {
        let newer = r#"{"schemaVersion": 7, "whatever": []}"#;
        assert!(matches!(read(newer), Err(FileError::Newer { found: 7 })));
    }
}
