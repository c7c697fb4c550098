//! Findings as SARIF 2.1.0, for code scanning.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. Every result has a place, because
//! code scanning shows no others: where none is known, it is the beginning of the profile.

use super::findings::{fingerprints, sentence};
use super::uri;
use crate::audit::Assessment;
use crate::audit::findings::PlaceFile;
use crate::audit::gate::Judged;
use crate::audit::rules::{self, Rule, Severity};
use serde::Serialize;
use std::collections::BTreeMap;

/// The findings of all profiles as a SARIF log with one run. The files are named as the user named them.
#[must_use]
pub fn audit(assessments: &[Assessment], ignore_file: Option<&str>, version: &str) -> String {
    let ignores = uri::of_path(ignore_file.unwrap_or_default());
    let files: Vec<String> = assessments
        .iter()
        .map(|one| uri::of_path(&one.audit.subject.profile))
        .collect();
    let results = assessments.iter().zip(&files).flat_map(|(one, profile)| {
        let findings = &one.judgement.findings;
        let results = findings.iter().zip(fingerprints(findings));
        results.map(|(judged, fingerprint)| {
            let place = judged.finding.place.map(|place| place.file);
            let uri = match place {
                Some(PlaceFile::Ignores) => &ignores,
                Some(PlaceFile::Profile) | None => profile,
            };
            result(judged, uri, fingerprint)
        })
    });
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "seccomp-tracer",
                    semantic_version: version,
                    rules: rules::all().iter().map(descriptor).collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            results: results.collect(),
        }],
    };
    super::json::text(&log)
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    column_kind: &'static str,
    results: Vec<ResultObject<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'a str,
    rules: Vec<Descriptor>,
}

/// What a rule is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: String,
    short_description: Text<String>,
    full_description: Text<String>,
    help: Text<String>,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    tags: [&'static str; 2],
    /// A number from 0 to 10, as text, by which GitHub sorts.
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
}

#[derive(Serialize)]
struct Text<T> {
    text: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text<String>,
    locations: [Location<'a>; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression<'a>>,
    properties: ResultProperties,
}

#[derive(Serialize)]
struct ResultProperties {
    severity: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Suppression<'a> {
    kind: &'static str,
    justification: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation<'a> {
    artifact_location: ArtifactLocation<'a>,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation<'a> {
    uri: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
}

/// The call that a result is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

fn descriptor(rule: &Rule) -> Descriptor {
    Descriptor {
        id: rule.id,
        name: pascal(rule.id),
        short_description: Text {
            text: format!("{}.", rule.title),
        },
        full_description: Text {
            text: format!("{} {}", rule.what, rule.why),
        },
        help: Text {
            text: [rule.why, rule.remedy, rule.gate]
                .join(" ")
                .trim_end()
                .to_owned(),
        },
        default_configuration: Configuration {
            level: level(rule.severity),
        },
        properties: Properties {
            tags: ["security", "seccomp"],
            security_severity: match rule.severity {
                Severity::High => "8.0",
                Severity::Medium => "5.0",
                Severity::Low => "2.0",
                Severity::Info => "0.0",
            },
        },
    }
}

/// `BeyondBase` for `beyond-base`.
fn pascal(id: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    id.split('-').map(word).collect()
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn result<'a>(judged: &'a Judged, uri: &'a str, fingerprint: String) -> ResultObject<'a> {
    let finding = &judged.finding;
    let rule = finding.rule();
    let start = finding.place.map(|place| place.position);
    let (start_line, start_column) = start.map_or((1, 1), |at| (at.line, at.column));
    ResultObject {
        rule_id: rule.id(),
        rule_index: rules::all()
            .iter()
            .take_while(|one| one.rule != rule)
            .count(),
        level: level(finding.severity),
        message: Text {
            text: format!("{}.", sentence(finding)),
        },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri },
                region: Region {
                    start_line,
                    start_column,
                },
            },
            logical_locations: finding
                .matter
                .call()
                .map(|call| LogicalLocation {
                    fully_qualified_name: call.to_string(),
                    kind: "function",
                })
                .into_iter()
                .collect(),
        }],
        partial_fingerprints: [("finding/v1", fingerprint)].into(),
        suppressions: judged
            .ignored
            .as_deref()
            .map(|justification| Suppression {
                kind: "external",
                justification,
            })
            .into_iter()
            .collect(),
        properties: ResultProperties {
            severity: finding.severity.name(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use serde_json::Value;

    fn log() -> Value {
        let text = audit(&[samples::assessment()], Some("ci/accepted.toml"), "1.2.3");
        serde_json::from_str(&text).unwrap()
    }

    fn strings(value: &Value) -> &str {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{value} is no text"))
    }

    /// What the schema of SARIF 2.1.0 asks of the properties that we write.
    #[test]
    fn the_log_keeps_to_the_schema() {
        let log = log();
        assert_eq!(log["version"], "2.1.0");
        let runs = log["runs"].as_array().unwrap();
        let driver = &runs[0]["tool"]["driver"];
        assert!(!strings(&driver["name"]).is_empty());
        let kinds = ["utf16CodeUnits", "unicodeCodePoints"];
        assert!(kinds.contains(&strings(&runs[0]["columnKind"])));
        let levels = ["none", "note", "warning", "error"];
        let rules = driver["rules"].as_array().unwrap();
        let mut ids = std::collections::BTreeSet::new();
        for rule in rules {
            assert!(ids.insert(strings(&rule["id"])), "rules are unique");
            for part in ["shortDescription", "fullDescription", "help"] {
                assert!(!strings(&rule[part]["text"]).is_empty());
            }
            assert!(levels.contains(&strings(&rule["defaultConfiguration"]["level"])));
            let severity: f64 = strings(&rule["properties"]["security-severity"])
                .parse()
                .unwrap();
            assert!((0.0..=10.0).contains(&severity));
            let tags = rule["properties"]["tags"].as_array().unwrap();
            assert!(tags.len() <= 10 && tags[0] != tags[1], "tags are unique");
        }
        for result in runs[0]["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(levels.contains(&strings(&result["level"])));
            assert!(!strings(&result["message"]["text"]).is_empty());
            let locations = result["locations"].as_array().unwrap();
            for location in locations {
                let physical = &location["physicalLocation"];
                let uri = strings(&physical["artifactLocation"]["uri"]);
                assert!(
                    uri.chars()
                        .all(|c| c.is_ascii_graphic() && !"<>\"{}|\\^`#?".contains(c))
                );
                assert!(physical["region"]["startLine"].as_u64().unwrap() >= 1);
                assert!(physical["region"]["startColumn"].as_u64().unwrap() >= 1);
                for logical in location["logicalLocations"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    assert!(!strings(&logical["fullyQualifiedName"]).is_empty());
                }
            }
            for (_, fingerprint) in result["partialFingerprints"].as_object().unwrap() {
                assert_eq!(strings(fingerprint).len(), 16);
            }
            for suppression in result["suppressions"].as_array().into_iter().flatten() {
                assert!(["inSource", "external"].contains(&strings(&suppression["kind"])));
            }
        }
    }

    #[test]
    fn fingerprints_are_unique_and_do_not_know_lines() {
        let fingerprints = |log: &Value| -> Vec<String> {
            let results = log["runs"][0]["results"].as_array().unwrap();
            let of =
                |result: &Value| strings(&result["partialFingerprints"]["finding/v1"]).to_owned();
            results.iter().map(of).collect()
        };
        let all = fingerprints(&log());
        let unique: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
        let mut moved = samples::assessment();
        for judged in &mut moved.judgement.findings {
            if let Some(place) = &mut judged.finding.place {
                place.position.line += 7;
            }
        }
        let moved = audit(&[moved], None, "9.9.9");
        assert_eq!(fingerprints(&serde_json::from_str(&moved).unwrap()), all);
    }

    #[test]
    fn a_log_is_as_written_down() {
        let text = audit(&[samples::assessment()], Some("ci/accepted.toml"), "1.2.3");
        assert_eq!(text, include_str!("golden/audit.sarif"));
    }
}
