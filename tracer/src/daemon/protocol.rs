//! What clients and the daemon say to each other: one JSON object per line, with a version. Pure.
//!
//! A client asks, the daemon answers, in turn. What comes from a client is hostile: a line has a limit, and
//! whatever is not understood is answered with an error, never guessed at.

use serde::{Deserialize, Serialize};

/// The version that both sides must have.
pub const VERSION: u32 = 1;

/// The most bytes of a request.
pub const REQUEST_MAX_BYTES: usize = 16 << 10;

/// The most bytes of an answer: a recording, or a list of a thousand targets.
pub const ANSWER_MAX_BYTES: usize = 64 << 20;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// What is being recorded.
    List,
    /// What is not, because there was no room.
    TurnedAway,
    /// Record a cgroup from now on.
    Start {
        /// Its path below the mount of the v2 hierarchy.
        cgroup: String,
    },
    /// End a recording, and give it.
    Stop {
        /// The id of its run.
        run: String,
    },
    /// Give a recording as it stands, or as it ended.
    Snapshot {
        /// The id of its run.
        run: String,
    },
    /// Give the profile for what a recording shows.
    Generate {
        /// The id of its run.
        run: String,
    },
}

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// What is being recorded, oldest first.
    Targets(Vec<Target>),
    /// What was not recorded for lack of room, oldest first.
    TurnedAway(Vec<TurnedAway>),
    /// What is being recorded from now on, or was already.
    Started(Target),
    /// A recording.
    Recording {
        /// Whether it has ended.
        ended: bool,
        /// The recording file.
        text: String,
    },
    /// A profile.
    Profile {
        /// The profile.
        text: String,
        /// What it presumes of whoever starts something under it, for people.
        presumes: String,
    },
    /// It is not to be.
    Error(Refusal),
}

/// Something that is being recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The id of the run.
    pub run: String,
    /// What it is called.
    pub name: String,
    /// Path of the cgroup below the mount, if it was seen.
    pub cgroup: Option<String>,
    /// Image of the container, if it is one and the engine knows.
    pub image: Option<String>,
    /// When the window started, RFC 3339.
    pub since: String,
    /// Distinct calls.
    pub calls: u64,
    /// Distinct argument tuples.
    pub tuples: u64,
    /// Milliseconds since the last new fact.
    pub idle_ms: u64,
    /// Facts that may be missing.
    pub missing: u64,
}

/// Something for which there was no room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnedAway {
    /// Path of the cgroup below the mount.
    pub cgroup: String,
    /// When that was noticed, RFC 3339.
    pub since: String,
}

/// Why something is not to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Of which kind, for programs.
    pub kind: RefusalKind,
    /// What is wrong, for people. It may quote what is hostile.
    pub message: String,
}

/// Kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalKind {
    /// Another version of the protocol.
    Version,
    /// Not understood.
    Invalid,
    /// The policy does not let this client do this.
    Denied,
    /// There is no such target or recording.
    NotFound,
    /// No room for another one.
    Full,
    /// The daemon cannot do it.
    Failed,
}

impl Refusal {
    /// A refusal of that kind.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }
}

/// A request as a line.
#[must_use]
pub fn request_line(request: &Request) -> String {
    line("request", request)
}

/// An answer as a line.
#[must_use]
pub fn answer_line(answer: &Answer) -> String {
    line("answer", answer)
}

fn line(word: &str, body: &impl Serialize) -> String {
    let message = serde_json::json!({ "version": VERSION, word: body });
    format!("{message}\n")
}

/// Reads a request.
///
/// # Errors
///
/// The refusal to answer with.
pub fn read_request(line: &[u8]) -> Result<Request, Refusal> {
    read(line, "request")
}

/// Reads an answer.
///
/// # Errors
///
/// A refusal, if it is not understood.
pub fn read_answer(line: &[u8]) -> Result<Answer, Refusal> {
    read(line, "answer")
}

fn read<T: for<'a> Deserialize<'a>>(line: &[u8], word: &str) -> Result<T, Refusal> {
    let invalid = |error: serde_json::Error| Refusal::new(RefusalKind::Invalid, error.to_string());
    let mut message: serde_json::Map<_, _> = serde_json::from_slice(line).map_err(invalid)?;
    // Before anything else, so that another version is told from nonsense.
    match message
        .remove("version")
        .as_ref()
        .map(serde_json::Value::as_u64)
    {
        Some(Some(version)) if version == u64::from(VERSION) => {}
        Some(Some(version)) => {
            let message = format!("version {version} is not spoken here, only {VERSION}");
            return Err(Refusal::new(RefusalKind::Version, message));
        }
        _ => return Err(Refusal::new(RefusalKind::Invalid, "it has no `version`")),
    }
    let body = message.remove(word);
    if let Some(other) = message.keys().next() {
        let message = format!("unknown field `{other}`");
        return Err(Refusal::new(RefusalKind::Invalid, message));
    }
    let body =
        body.ok_or_else(|| Refusal::new(RefusalKind::Invalid, format!("it has no `{word}`")))?;
    serde_json::from_value(body).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(line: &str) -> (RefusalKind, String) {
        let refusal = read_request(line.as_bytes()).expect_err("a refusal");
        (refusal.kind, refusal.message)
    }

    #[test]
    fn requests_are_written_as_they_are_documented() {
        let run = || "r".to_owned();
        let table = [
            (Request::List, r#"{"request":"list","version":1}"#),
            (
                Request::TurnedAway,
                r#"{"request":"turnedAway","version":1}"#,
            ),
            (
                Request::Start {
                    cgroup: "/docker/ab".to_owned(),
                },
                r#"{"request":{"start":{"cgroup":"/docker/ab"}},"version":1}"#,
            ),
            (
                Request::Stop { run: run() },
                r#"{"request":{"stop":{"run":"r"}},"version":1}"#,
            ),
            (
                Request::Snapshot { run: run() },
                r#"{"request":{"snapshot":{"run":"r"}},"version":1}"#,
            ),
            (
                Request::Generate { run: run() },
                r#"{"request":{"generate":{"run":"r"}},"version":1}"#,
            ),
        ];
        for (request, line) in table {
            assert_eq!(request_line(&request), format!("{line}\n"));
            assert_eq!(read_request(line.as_bytes()), Ok(request));
        }
    }

    #[test]
    fn answers_come_back_as_they_were() {
        let target = Target {
            run: "r".to_owned(),
            name: "web\u{1b}[2J".to_owned(),
            cgroup: Some("/docker/ab".to_owned()),
            image: None,
            since: "2026-01-01T00:00:00.000Z".to_owned(),
            calls: 3,
            tuples: 4,
            idle_ms: 5,
            missing: 0,
        };
        let text = "{\n}\n".to_owned();
        for answer in [
            Answer::Targets(vec![target.clone()]),
            Answer::Started(target),
            Answer::TurnedAway(vec![TurnedAway {
                cgroup: "/a\n".to_owned(),
                since: "2026-01-01T00:00:00.000Z".to_owned(),
            }]),
            Answer::Recording { ended: true, text },
            Answer::Profile {
                text: "{}".to_owned(),
                presumes: "a container".to_owned(),
            },
            Answer::Error(Refusal::new(RefusalKind::Full, "no room")),
        ] {
            let line = answer_line(&answer);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(read_answer(line.as_bytes()), Ok(answer));
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        use RefusalKind::{Invalid, Version};
        let table = [
            (
                r#"{"version":2,"request":{"fly":{}}}"#,
                Version,
                "version 2 is not spoken here, only 1",
            ),
            (r#"{"request":"list"}"#, Invalid, "it has no `version`"),
            (
                r#"{"version":"1","request":"list"}"#,
                Invalid,
                "it has no `version`",
            ),
            (r#"{"version":1}"#, Invalid, "it has no `request`"),
            (
                r#"{"version":1,"request":"list","as":"root"}"#,
                Invalid,
                "unknown field `as`",
            ),
        ];
        for (line, kind, message) in table {
            assert_eq!(refused(line), (kind, message.to_owned()), "{line}");
        }
        for line in [
            "",
            "{",
            "[]",
            "7",
            "\u{0}",
            r#"{"version":1,"request":"fly"}"#,
            r#"{"version":1,"request":{"start":{}}}"#,
            r#"{"version":1,"request":{"stop":{"run":7}}}"#,
            r#"{"version":1,"request":{"stop":{"run":"r","all":true}}}"#,
            r#"{"version":1,"answer":"list"}"#,
        ] {
            assert_eq!(refused(line).0, Invalid, "{line}");
        }
        let deep = format!(r#"{{"version":1,"request":{}"#, "[".repeat(8000));
        assert_eq!(refused(&deep).0, Invalid);
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_request(&line);
            let _ = read_answer(&line);
        }

        #[test]
        fn any_text_survives(cgroup in any::<String>()) {
            let request = Request::Start { cgroup };
            prop_assert_eq!(read_request(request_line(&request).as_bytes()), Ok(request));
        }
    }
}
