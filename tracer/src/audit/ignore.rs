//! The ignore file: which findings somebody has accepted, why, and until when.
//!
//! It is read strictly, because a mistake in it hides something: unknown keys, unknown rules and entries
//! without a reason are refused. It refuses to know what day it is.

use super::findings::Matter;
use super::rules::{self, RuleId};
use crate::profile::Position;
use jiff::civil::Date;
use serde::Deserialize;
use std::ops::Range;

/// The largest ignore file that is read.
const SIZE_MAX_BYTES: usize = 1 << 20;

/// The most entries that are read.
const ENTRIES_MAX: usize = 10_000;

/// What somebody has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Findings of this rule.
    pub rule: RuleId,
    /// And only those that are about this call and no other: its name, or with its ABI as in
    /// `i386:socketcall`. Hostile.
    pub call: Option<String>,
    /// Why. Hostile.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// Where it stands.
    pub position: Position,
}

/// Why a text is not an ignore file.
#[derive(Debug, thiserror::Error)]
pub enum IgnoreError {
    /// Not TOML, or not of the right shape.
    #[error("{position}: {message}")]
    Toml {
        /// Where.
        position: Position,
        /// What the reader says.
        message: String,
    },
    /// A rule that there is not.
    #[error("{position}: unknown rule `{id}`")]
    UnknownRule {
        /// Where.
        position: Position,
        /// The rule.
        id: String,
        /// What was perhaps meant.
        similar: Vec<&'static str>,
    },
    /// What an entry does not say, or says wrongly.
    #[error("{position}: {problem}")]
    Entry {
        /// Where.
        position: Position,
        /// What is wrong.
        problem: &'static str,
    },
    /// Too large to be meant.
    #[error("more than {ENTRIES_MAX} entries, or {SIZE_MAX_BYTES} bytes")]
    TooLarge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    ignore: Vec<toml::Spanned<Object>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    rule: toml::Spanned<String>,
    call: Option<String>,
    reason: String,
    expires: Option<toml::Spanned<toml::Value>>,
}

/// Reads an ignore file.
///
/// # Errors
///
/// [`IgnoreError`] if anything in it is not understood.
pub fn read(text: &str) -> Result<Vec<Entry>, IgnoreError> {
    if text.len() > SIZE_MAX_BYTES {
        return Err(IgnoreError::TooLarge);
    }
    let document: Document = toml::from_str(text).map_err(|error| IgnoreError::Toml {
        position: position(text, error.span().unwrap_or_default()),
        message: error.message().to_owned(),
    })?;
    if document.ignore.len() > ENTRIES_MAX {
        return Err(IgnoreError::TooLarge);
    }
    let entries = document.ignore.into_iter();
    entries.map(|object| entry(text, object)).collect()
}

fn entry(text: &str, object: toml::Spanned<Object>) -> Result<Entry, IgnoreError> {
    let at = position(text, object.span());
    let object = object.into_inner();
    let rule_position = position(text, object.rule.span());
    let problem = |position, problem| IgnoreError::Entry { position, problem };
    let Some(rule) = rules::find(object.rule.get_ref()) else {
        return Err(IgnoreError::UnknownRule {
            position: rule_position,
            similar: rules::similar_ids(object.rule.get_ref()),
            id: object.rule.into_inner(),
        });
    };
    if matches!(rule.rule, RuleId::ExpiredIgnore | RuleId::UnusedIgnore) {
        let what = "findings about this file cannot be ignored by it";
        return Err(problem(rule_position, what));
    }
    if object.reason.trim().is_empty() {
        return Err(problem(at, "`reason` is empty"));
    }
    if object.call.as_ref().is_some_and(String::is_empty) {
        return Err(problem(at, "`call` is empty"));
    }
    let expires = object.expires.map(|value| {
        let place = position(text, value.span());
        date(value.get_ref()).ok_or_else(|| problem(place, "`expires` is no date like 2030-12-31"))
    });
    Ok(Entry {
        rule: rule.rule,
        call: object.call,
        reason: object.reason.trim().to_owned(),
        expires: expires.transpose()?,
        position: at,
    })
}

/// A date, with or without quotes; no time of day.
fn date(value: &toml::Value) -> Option<Date> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(date) => date.to_string(),
        _ => return None,
    };
    let is_plain = text.len() == "2030-12-31".len();
    text.parse().ok().filter(|_| is_plain)
}

/// Where something begins, from its place in bytes.
fn position(text: &str, span: Range<usize>) -> Position {
    let before = text.get(..span.start).unwrap_or(text);
    let (line, column) = match before.rsplit_once('\n') {
        Some((lines, last)) => (lines.matches('\n').count() + 2, last.chars().count() + 1),
        None => (1, before.chars().count() + 1),
    };
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: number(line),
        column: number(column),
    }
}

impl Entry {
    /// Whether it is over on that day.
    #[must_use]
    pub fn is_over(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }

    /// Whether a finding, or a part of one, is what it is about.
    #[must_use]
    pub fn is_about(&self, matter: &Matter) -> bool {
        let call = |wanted: &String| {
            let names = matter.names();
            let with_abi = matter
                .call()
                .is_some_and(|call| call.to_string() == *wanted);
            with_abi || (names.len() == 1 && names.contains(wanted))
        };
        matter.rule() == self.rule && self.call.as_ref().is_none_or(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn an_entry_says_what_why_and_until_when() {
        let text = "\
# What we accept.
[[ignore]]
rule = \"beyond-base\"
call = \"bpf\"
reason = \" the agent loads its own programs \"
expires = 2030-12-31

[[ignore]]
rule = \"unused-call\"
reason = \"recordings are short\"
expires = \"2031-01-01\"
";
        let entry = |rule, call: Option<&str>, reason: &str, expires: &str, line| Entry {
            rule,
            call: call.map(ToOwned::to_owned),
            reason: reason.to_owned(),
            expires: Some(expires.parse().unwrap()),
            position: Position { line, column: 1 },
        };
        let bpf = "the agent loads its own programs";
        let short = "recordings are short";
        assert_eq!(
            read(text).unwrap(),
            [
                entry(RuleId::BeyondBase, Some("bpf"), bpf, "2030-12-31", 2),
                entry(RuleId::UnusedCall, None, short, "2031-01-01", 8),
            ]
        );
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("# nothing\n").unwrap(), []);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        let entry = |lines: &str| format!("[[ignore]]\n{lines}\n");
        let table = [
            (
                entry("rule = \"beyond-bsae\"\nreason = \"x\""),
                "line 2 column 8: unknown rule `beyond-bsae`",
            ),
            (
                entry("rule = \"beyond-base\"\nreason = \"  \""),
                "line 1 column 1: `reason` is empty",
            ),
            (
                entry("rule = \"beyond-base\"\nreason = \"x\"\ncall = \"\""),
                "line 1 column 1: `call` is empty",
            ),
            (
                entry("rule = \"beyond-base\"\nreason = \"x\"\nexpires = \"soon\""),
                "line 4 column 11: `expires` is no date like 2030-12-31",
            ),
            (
                entry("rule = \"beyond-base\"\nreason = \"x\"\nexpires = 2030-01-01T00:00:00Z"),
                "line 4 column 11: `expires` is no date like 2030-12-31",
            ),
            (
                entry("rule = \"beyond-base\"\nreason = \"x\"\nexpires = 3"),
                "line 4 column 11: `expires` is no date like 2030-12-31",
            ),
            (
                entry("rule = \"unused-ignore\"\nreason = \"x\""),
                "line 2 column 8: findings about this file cannot be ignored by it",
            ),
            (
                entry("rule = \"beyond-base\""),
                "line 1 column 1: missing field `reason`",
            ),
            (
                entry("rule = \"beyond-base\"\nreason = \"x\"\nresaon = \"x\""),
                "line 4 column 1: unknown field `resaon`, expected one of `rule`, `call`, `reason`, \
                 `expires`",
            ),
            (
                entry("rule = \"beyond-base\"\nrule = \"beyond-base\"\nreason = \"x\""),
                "line 3 column 1: duplicate key",
            ),
            (
                "[[ignored]]\n".to_owned(),
                "line 1 column 3: unknown field `ignored`, expected `ignore`",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(problem(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_large_to_be_meant_is_refused() {
        let many = "[[ignore]]\nrule=\"undecided\"\nreason=\"x\"\n".repeat(ENTRIES_MAX + 1);
        assert!(matches!(read(&many), Err(IgnoreError::TooLarge)));
        let large = "#".repeat(SIZE_MAX_BYTES + 1);
        assert!(matches!(read(&large), Err(IgnoreError::TooLarge)));
        // Deep nesting is an error, not a crash.
        let deep = format!("ignore = {}", "[".repeat(100_000));
        assert!(matches!(read(&deep), Err(IgnoreError::Toml { .. })));
    }

    #[test]
    fn the_last_day_counts() {
        let entry =
            &read("[[ignore]]\nrule=\"undecided\"\nreason=\"x\"\nexpires=2030-06-15").unwrap()[0];
        let on = |day: &str| entry.is_over(day.parse().unwrap());
        assert_eq!(
            [on("2030-06-14"), on("2030-06-15"), on("2030-06-16")],
            [false, false, true]
        );
    }
}
