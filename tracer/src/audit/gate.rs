//! The gate: which findings fail, once those that somebody has accepted are set aside.

use super::Assessment;
use super::findings::{Finding, Matter, Member};
use super::ignore::Entry;
use super::rules::{self, RuleId, Severity};
use super::types::Verdict;
use jiff::civil::Date;
use std::str::FromStr;

/// One thing at which a gate fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Nothing.
    Never,
    /// Findings that are at least so severe.
    Severity(Severity),
    /// Findings of this rule.
    Rule(RuleId),
}

/// A word that is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rule or severity")]
pub struct NoThreshold {
    /// What was perhaps meant.
    pub similar: Vec<&'static str>,
}

impl FromStr for Threshold {
    type Err = NoThreshold;

    fn from_str(word: &str) -> Result<Self, NoThreshold> {
        if word == "never" {
            return Ok(Self::Never);
        }
        if let Ok(severity) = word.parse() {
            return Ok(Self::Severity(severity));
        }
        let similar = || NoThreshold {
            similar: rules::similar_ids(word),
        };
        rules::find(word)
            .map(|rule| Self::Rule(rule.rule))
            .ok_or_else(similar)
    }
}

/// What fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate(Vec<Threshold>);

/// Everything that is to be mended before a profile is used, and what a running container shows.
impl Default for Gate {
    fn default() -> Self {
        let rules = [
            RuleId::WouldDeny,
            RuleId::InstalledFilter,
            RuleId::RefusedCall,
        ];
        let severe = [Threshold::Severity(Severity::High)];
        let rules = rules.map(Threshold::Rule).into_iter();
        Self(severe.into_iter().chain(rules).collect())
    }
}

impl Gate {
    /// A gate with these thresholds; the default one if there is none.
    #[must_use]
    pub fn new(thresholds: Vec<Threshold>) -> Self {
        if thresholds.is_empty() {
            Self::default()
        } else {
            Self(thresholds)
        }
    }

    /// What a finding makes of the verdict.
    fn verdict(&self, finding: &Finding) -> Verdict {
        let rule = finding.rule();
        if self.0.contains(&Threshold::Rule(rule)) {
            return Verdict::Fail;
        }
        let severe = |severity| {
            let at = |threshold: &Threshold| match threshold {
                Threshold::Severity(least) => severity >= *least,
                Threshold::Never | Threshold::Rule(_) => false,
            };
            self.0.iter().any(at)
        };
        match rule {
            // Doubt is no failure, but whoever asks whether anything would be denied has no answer.
            RuleId::Undecided | RuleId::LostFacts => {
                let asked = self.0.contains(&Threshold::Rule(RuleId::WouldDeny));
                let severity = RuleId::WouldDeny.rule().severity;
                if asked || severe(severity) {
                    Verdict::Unclear
                } else {
                    Verdict::Pass
                }
            }
            _ if severe(finding.severity) => Verdict::Fail,
            _ => Verdict::Pass,
        }
    }
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// What it makes of the verdict; nothing, if it is ignored.
    pub verdict: Verdict,
    /// Why it is ignored, if it is. Hostile.
    pub ignored: Option<String>,
}

/// The answer of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The worst that a finding makes of it.
    pub verdict: Verdict,
    /// Every finding, in order.
    pub findings: Vec<Judged>,
}

/// Judges findings on a day. Entries that are over or about nothing become findings themselves.
#[must_use]
pub fn judge(findings: Vec<Finding>, gate: &Gate, ignores: &[Entry], today: Date) -> Judgement {
    let in_force: Vec<&Entry> = ignores.iter().filter(|one| !one.is_over(today)).collect();
    let is_idle = |entry: &&Entry| {
        let about = |finding: &Finding| finding.matters().any(|matter| entry.is_about(matter));
        !findings.iter().any(about)
    };
    let idle: Vec<&Entry> = in_force.iter().copied().filter(is_idle).collect();
    let sifted = findings.into_iter().flat_map(|one| sift(one, &in_force));
    let mut judged: Vec<Judged> = sifted
        .map(|(finding, ignored)| judge_one(finding, gate, ignored))
        .collect();
    let over = ignores.iter().filter(|one| one.is_over(today));
    let over = over.map(|entry| (Matter::ExpiredIgnore(entry.clone()), entry.position));
    let idle = idle
        .into_iter()
        .map(|entry| (Matter::UnusedIgnore(entry.clone()), entry.position));
    let of_file = over.chain(idle);
    judged
        .extend(of_file.map(|(matter, position)| {
            judge_one(Finding::of_ignores(matter, position), gate, None)
        }));
    Judgement {
        verdict: judged
            .iter()
            .map(|one| one.verdict)
            .max()
            .unwrap_or(Verdict::Pass),
        findings: judged,
    }
}

/// Of profiles that were judged with one ignore file: an entry that ignores something in any of them is not idle,
/// and one that does not, and what is over, is told once.
pub fn told_once(assessments: &mut [Assessment]) {
    let idle = |one: &Assessment| {
        let findings = one.judgement.findings.iter();
        let entries = findings.filter_map(|judged| match &judged.finding.matter {
            Matter::UnusedIgnore(entry) => Some(entry.clone()),
            _ => None,
        });
        entries.collect::<Vec<Entry>>()
    };
    let all: Vec<Vec<Entry>> = assessments.iter().map(idle).collect();
    let is_idle = |entry: &Entry| all.iter().all(|one| one.contains(entry));
    for (index, assessment) in assessments.iter_mut().enumerate() {
        let judgement = &mut assessment.judgement;
        judgement
            .findings
            .retain(|judged| match &judged.finding.matter {
                Matter::UnusedIgnore(entry) => index == 0 && is_idle(entry),
                Matter::ExpiredIgnore(_) => index == 0,
                _ => true,
            });
        let verdicts = judgement.findings.iter().map(|one| one.verdict);
        judgement.verdict = verdicts.max().unwrap_or(Verdict::Pass);
    }
}

/// A finding, without what of it is accepted; and that, by the reason. Who accepts a cause accepts what follows
/// from it.
fn sift(finding: Finding, entries: &[&Entry]) -> Vec<(Finding, Option<String>)> {
    let rule = finding.rule();
    let of = |matter: &Matter| entries.iter().find(|entry| entry.is_about(matter));
    let whole = entries
        .iter()
        .find(|entry| entry.rule == rule && entry.call.is_none());
    if let Some(entry) = whole {
        let reason = entry.reason.clone();
        return vec![(finding, Some(reason))];
    }
    if !finding.matters().any(|matter| of(matter).is_some()) {
        return vec![(finding, None)];
    }
    let mut parts: Vec<(Option<String>, Vec<Member>)> = vec![(None, Vec::new())];
    let lead = of(&finding.matter).map(|entry| entry.reason.clone());
    for member in finding.into_members() {
        let reason = of(&member.matter).map(|entry| entry.reason.clone());
        // What follows from something else than itself follows from what the finding is led by.
        let follows = member.matter.rule() != rule;
        let reason = reason.or_else(|| lead.clone().filter(|_| follows));
        match parts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, members)) => members.push(member),
            None => parts.push((reason, vec![member])),
        }
    }
    let parts = parts.into_iter();
    let parts = parts.filter_map(|(reason, members)| Some((Finding::of(rule, members)?, reason)));
    parts.collect()
}

fn judge_one(finding: Finding, gate: &Gate, ignored: Option<String>) -> Judged {
    let verdict = if ignored.is_some() {
        Verdict::Pass
    } else {
        gate.verdict(&finding)
    };
    Judged {
        finding,
        verdict,
        ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ignore;
    use crate::profile::{Action, Position};
    use crate::syscall::{Abi, Call};

    fn io_uring() -> Finding {
        let call = Call::named(Abi::X86_64, "io_uring_setup").unwrap();
        Finding::new(Matter::IoUring(call), None)
    }

    fn lost() -> Finding {
        Finding::new(Matter::LostFacts(3), None)
    }

    fn weak() -> Finding {
        Finding::new(Matter::WeakDefault(Action::Notify), None)
    }

    fn gate(words: &str) -> Gate {
        Gate::new(
            words
                .split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect(),
        )
    }

    fn today() -> Date {
        "2030-06-15".parse().unwrap()
    }

    #[test]
    fn the_thresholds_decide() {
        use Verdict::{Fail, Pass, Unclear};
        let table = [
            ("", vec![], Pass),
            ("", vec![weak()], Pass),
            ("", vec![io_uring(), weak()], Fail),
            ("", vec![lost()], Unclear),
            ("high", vec![io_uring()], Fail),
            ("high", vec![weak()], Pass),
            ("medium", vec![weak()], Fail),
            ("high", vec![lost()], Unclear),
            ("io-uring-bypass", vec![lost(), weak()], Pass),
            ("io-uring-bypass", vec![lost(), io_uring()], Fail),
            ("lost-facts", vec![lost()], Fail),
            ("would-deny", vec![lost()], Unclear),
            ("weak-default high", vec![weak()], Fail),
            ("never", vec![io_uring(), lost()], Pass),
        ];
        for (words, findings, expected) in table {
            let judgement = judge(findings, &gate(words), &[], today());
            assert_eq!(judgement.verdict, expected, "{words}");
        }
        let similar = vec!["io-uring-bypass"];
        assert_eq!(
            "io-uring-bypas".parse::<Threshold>(),
            Err(NoThreshold { similar })
        );
    }

    #[test]
    fn what_is_accepted_does_not_count_and_what_is_over_or_idle_is_told() {
        let entry = |rule: &str, more: &str| {
            format!("[[ignore]]\nrule = \"{rule}\"\nreason = \"because\"\n{more}\n")
        };
        let verdict = |text: &str| {
            let ignores = ignore::read(text).unwrap();
            let findings = vec![io_uring(), weak()];
            let judgement = judge(findings, &gate("medium"), &ignores, today());
            let told = judgement.findings.iter();
            let told: Vec<(&str, bool)> = told
                .map(|one| (one.finding.rule().id(), one.ignored.is_some()))
                .collect();
            (
                judgement.verdict,
                told.iter()
                    .map(|one| format!("{one:?}"))
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        let uring = entry("io-uring-bypass", "call = \"io_uring_setup\"");
        let weak = entry("weak-default", "expires = 2030-06-15");
        let over = entry("weak-default", "expires = 2030-06-14");
        let other = entry("io-uring-bypass", "call = \"bpf\"");
        let table = [
            (
                "".to_owned(),
                Verdict::Fail,
                r#"("io-uring-bypass", false) ("weak-default", false)"#,
            ),
            (
                format!("{uring}{weak}"),
                Verdict::Pass,
                r#"("io-uring-bypass", true) ("weak-default", true)"#,
            ),
            (
                format!("{uring}{over}"),
                Verdict::Fail,
                r#"("io-uring-bypass", true) ("weak-default", false) ("expired-ignore", false)"#,
            ),
            (
                format!("{uring}{weak}{other}"),
                Verdict::Pass,
                r#"("io-uring-bypass", true) ("weak-default", true) ("unused-ignore", false)"#,
            ),
        ];
        for (text, expected, told) in table {
            assert_eq!(verdict(&text), (expected, told.to_owned()), "{text}");
        }
        let ignores = ignore::read(&other).unwrap();
        let judgement = judge(vec![], &gate("low"), &ignores, today());
        assert_eq!(judgement.verdict, Verdict::Fail);
        let place = judgement.findings[0].finding.place.unwrap();
        assert_eq!(place.position, Position { line: 1, column: 1 });
    }
}
