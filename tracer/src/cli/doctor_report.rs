//! What `doctor` found, as text and as JSON.

use crate::report::layout::{self, Align};
use crate::target::requirements::{Check, Verdict};
use serde::Serialize;

/// The version of the JSON document.
pub(super) const SCHEMA_VERSION: u64 = 1;

/// Whether recording is possible according to the checks.
#[must_use]
pub(super) fn can_record(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.verdict != Verdict::Failure)
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Failure => "failure",
    }
}

/// For people: a verdict, then one line for each check, each objection with its hint.
#[must_use]
pub(super) fn text(checks: &[Check]) -> String {
    let objections = |verdict| {
        checks
            .iter()
            .filter(|check| check.verdict == verdict)
            .count()
    };
    let failures = layout::count(objections(Verdict::Failure), "failure");
    let warnings = layout::count(objections(Verdict::Warning), "warning");
    let possible = if can_record(checks) {
        "possible"
    } else {
        "impossible"
    };
    let mut rows = Vec::new();
    for check in checks {
        let row = [word(check.verdict), check.id, &check.detail];
        rows.push(row.map(str::to_owned).into());
        if let Some(hint) = &check.hint {
            rows.push(vec![String::new(), String::new(), format!("hint: {hint}")]);
        }
    }
    let table = layout::table(2, &[Align::Left, Align::Left, Align::Left], &rows);
    format!("recording is {possible}: {failures}, {warnings}\n\n{table}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u64,
    can_record: bool,
    checks: Vec<CheckObject<'a>>,
}

#[derive(Serialize)]
struct CheckObject<'a> {
    id: &'a str,
    verdict: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// For programs.
#[must_use]
pub(super) fn json(checks: &[Check]) -> String {
    let objects = checks.iter().map(|check| CheckObject {
        id: check.id,
        verdict: word(check.verdict),
        detail: &check.detail,
        hint: check.hint.as_deref(),
    });
    let document = Document {
        schema_version: SCHEMA_VERSION,
        can_record: can_record(checks),
        checks: objects.collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("strings only");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &'static str, verdict: Verdict, detail: &str, hint: Option<&str>) -> Check {
        Check {
            id,
            verdict,
            detail: detail.into(),
            hint: hint.map(str::to_owned),
        }
    }

    fn sample() -> Vec<Check> {
        vec![
            check("architecture", Verdict::Ok, "x86_64", None),
            check(
                "btf",
                Verdict::Failure,
                "no types",
                Some("boot another kernel"),
            ),
            check("docker", Verdict::Warning, "not installed", Some("needed")),
        ]
    }

    #[test]
    fn people_read_a_verdict_and_what_to_do() {
        assert_eq!(
            text(&sample()),
            "recording is impossible: 1 failure, 1 warning\n\n\
             \x20 ok       architecture  x86_64\n\
             \x20 failure  btf           no types\n\
             \x20                        hint: boot another kernel\n\
             \x20 warning  docker        not installed\n\
             \x20                        hint: needed\n"
        );
        let good = &sample()[..1];
        assert!(text(good).starts_with("recording is possible: 0 failures, 0 warnings\n"));
    }

    #[test]
    fn programs_read_the_same() {
        let expected = serde_json::json!({
            "schemaVersion": 1,
            "canRecord": false,
            "checks": [
                {"id": "architecture", "verdict": "ok", "detail": "x86_64"},
                {"id": "btf", "verdict": "failure", "detail": "no types",
                 "hint": "boot another kernel"},
                {"id": "docker", "verdict": "warning", "detail": "not installed", "hint": "needed"},
            ]
        });
        let document: serde_json::Value = serde_json::from_str(&json(&sample())).unwrap();
        assert_eq!(document, expected);
    }
}
