//! Findings as annotations of GitHub's workflows: one line each.
//!
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>. What is ignored, what
//! is only good to know, and exploits that hardly any profile stops are left out: annotations are few.

use super::escape;
use super::findings::{is_common_exploit, sentence};
use crate::audit::Assessment;
use crate::audit::findings::PlaceFile;
use crate::audit::gate::Judged;
use crate::audit::rules::Severity;

/// The findings as annotations. The files are named as the user named them.
#[must_use]
pub fn audit(assessment: &Assessment, ignore_file: Option<&str>) -> String {
    let profile = &assessment.audit.subject.profile;
    let mut lines = String::new();
    for judged in &assessment.judgement.findings {
        let place = judged.finding.place.map(|place| place.file);
        let file = match place {
            Some(PlaceFile::Ignores) => ignore_file.unwrap_or_default(),
            Some(PlaceFile::Profile) | None => profile,
        };
        lines.push_str(&annotation(judged, file).unwrap_or_default());
    }
    lines
}

fn annotation(judged: &Judged, file: &str) -> Option<String> {
    let finding = &judged.finding;
    let kind = match finding.severity {
        _ if judged.ignored.is_some() || is_common_exploit(finding) => return None,
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "notice",
        Severity::Info => return None,
    };
    let file = file.trim_start_matches("./");
    let start = finding.place.map(|place| place.position);
    let (line, column) = start.map_or((1, 1), |at| (at.line, at.column));
    let rule = finding.rule().id();
    Some(format!(
        "::{kind} file={},line={line},col={column},title={}::{}\n",
        property(file),
        property(rule),
        data(&sentence(finding))
    ))
}

/// The text of an annotation.
fn data(text: &str) -> String {
    let text = escape::text(text).replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of an annotation, which may not have what ends one.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn annotations_are_as_written_down() {
        let text = audit(&samples::assessment(), Some("ci/accepted.toml"));
        assert_eq!(text, include_str!("golden/audit.github"));
    }

    #[test]
    fn nothing_from_a_file_ends_an_annotation_or_begins_another() {
        assert_eq!(
            data("50% of\r\n::error::x"),
            "50%25 of\\u{d}\\u{a}::error::x"
        );
        assert_eq!(property("a,b:c%"), "a%2Cb%3Ac%25");
        let mut assessment = samples::assessment();
        assessment.audit.subject.profile = "x\n::error file=y::z".to_owned();
        let text = audit(&assessment, None);
        assert!(
            text.lines().all(|line| line.matches("::").count() >= 2),
            "{text}"
        );
        assert!(!text.contains("\n::error file=y"), "{text}");
    }
}
