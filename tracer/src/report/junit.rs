//! Findings as JUnit XML, as CI systems read test reports: what fails the gate is a failed test, what leaves
//! it without an answer is an error, what is ignored is skipped, and a rule without findings is a test that
//! passed.

use super::findings::{place, sentence};
use crate::audit::findings::Matter;
use crate::audit::gate::Judged;
use crate::audit::rules::{self, Rule};
use crate::audit::{Assessment, Verdict};
use std::fmt::Write;

/// The findings as a document with a suite for each profile.
#[must_use]
pub fn audit(assessments: &[Assessment]) -> String {
    let suites: Vec<Suite> = assessments.iter().map(suite).collect();
    let sum = |of: &dyn Fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let (tests, failures) = (sum(&|one| one.tests), sum(&|one| one.failures));
    let errors = sum(&|one| one.errors);
    let texts: String = suites.iter().map(|one| one.text.as_str()).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"seccomp-tracer audit\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n\
         {texts}</testsuites>\n"
    )
}

/// The tests of one profile.
struct Suite {
    tests: usize,
    failures: usize,
    errors: usize,
    text: String,
}

fn suite(assessment: &Assessment) -> Suite {
    let findings = &assessment.judgement.findings;
    let subject = &assessment.audit.subject;
    let part = subject.part.as_deref().map(|part| format!(": {part}"));
    let profile = xml(&format!("{}{}", subject.profile, part.unwrap_or_default()));
    let mut cases = String::new();
    let mut tests = 0;
    for rule in rules::all() {
        let mut of_rule = findings
            .iter()
            .filter(|one| one.finding.rule() == rule.rule)
            .peekable();
        if of_rule.peek().is_none() {
            tests += 1;
            let _ = writeln!(
                cases,
                "    <testcase classname=\"{profile}\" name=\"{}\"/>",
                rule.id
            );
        }
        for judged in of_rule {
            tests += 1;
            cases.push_str(&case(&profile, rule, judged));
        }
    }
    let number = |holds: &dyn Fn(&Judged) -> bool| findings.iter().filter(|one| holds(one)).count();
    let failures = number(&|one| one.verdict == Verdict::Fail);
    let errors = number(&|one| one.verdict == Verdict::Unclear);
    let skipped = number(&|one| one.ignored.is_some());
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    let text = format!(
        "  <testsuite name=\"{profile}\" {counts} skipped=\"{skipped}\">\n{cases}  </testsuite>\n"
    );
    Suite {
        tests,
        failures,
        errors,
        text,
    }
}

/// A finding as a test.
fn case(profile: &str, rule: &Rule, judged: &Judged) -> String {
    let finding = &judged.finding;
    let message = xml(&sentence(finding));
    let at = place(finding.place);
    let about =
        about(&finding.matter).map_or_else(String::new, |about| format!(" {}", xml(&about)));
    let head = format!(
        "<testcase classname=\"{profile}\" name=\"{}{about}\">",
        rule.id
    );
    let severity = finding.severity;
    let inside = match (&judged.ignored, judged.verdict) {
        (Some(reason), _) => format!("<skipped message=\"ignored: {}\"/>", xml(reason)),
        (None, Verdict::Pass) => {
            format!("<system-out>{severity} {at} {message}</system-out>")
        }
        (None, Verdict::Fail) => {
            format!("<failure type=\"{severity}\" message=\"{message}\">{at}</failure>")
        }
        (None, Verdict::Unclear) => {
            format!("<error type=\"{severity}\" message=\"{message}\">{at}</error>")
        }
    };
    format!("    {head}\n      {inside}\n    </testcase>\n")
}

/// What tells a finding from others of its rule, in one word.
fn about(matter: &Matter) -> Option<String> {
    if let Matter::Exploit(exposed) = matter {
        return Some(exposed.exploit.title.clone());
    }
    let mut names = matter.names().into_iter();
    names.next().filter(|_| names.next().is_none())
}

/// Text for content and attributes alike. What XML 1.0 cannot say at all, controls and some that are no
/// characters, is written as an escape.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in super::escape::text(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "{}", character.escape_unicode());
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use roxmltree::{Document, Node};

    fn elements<'a>(document: &'a Document<'_>, name: &str) -> Vec<Node<'a, 'a>> {
        let elements = document.descendants();
        elements.filter(|node| node.has_tag_name(name)).collect()
    }

    #[test]
    fn a_document_is_as_written_down() {
        let text = audit(&[samples::assessment()]);
        assert_eq!(text, include_str!("golden/audit.junit.xml"));
    }

    #[test]
    fn the_counts_are_those_of_the_cases() {
        let text = audit(&[samples::assessment()]);
        let document = Document::parse(&text).unwrap();
        let [suite] = elements(&document, "testsuite")[..] else {
            panic!("{text}");
        };
        for (attribute, name) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ] {
            let number = elements(&document, name).len();
            assert_eq!(
                suite.attribute(attribute),
                Some(number.to_string().as_str()),
                "{name}"
            );
            assert!(number > 0, "{name}");
        }
    }

    #[test]
    fn whatever_a_name_is_the_document_is_well_formed() {
        for name in [
            "a&b<c>\"d'e]]>f",
            "\u{0}\u{1}\u{1b}[2J\u{7f}\u{85}\n\t",
            "\u{fffe}\u{ffff}\u{feff}\u{202e}",
            "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;",
        ] {
            let mut assessment = samples::assessment();
            assessment.audit.subject.profile = name.to_owned();
            for judged in &mut assessment.judgement.findings {
                if let Some(reason) = &mut judged.ignored {
                    *reason = name.to_owned();
                }
            }
            let text = audit(&[assessment]);
            let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let suite = elements(&document, "testsuite")[0];
            let shown = super::super::escape::text(name);
            let shown = shown
                .replace('\u{fffe}', "\\u{fffe}")
                .replace('\u{ffff}', "\\u{ffff}");
            assert_eq!(suite.attribute("name"), Some(shown.as_str()));
        }
    }
}
