//! Reports for people: a verdict first, then sections with aligned columns.
//!
//! Whatever came from a file or another process is escaped here, at the last moment before it is shown.

mod audit;
mod check;
mod denials;
mod diff;
mod evidence;
mod explain;
mod exploits;
mod filter;
mod findings;
mod hint;
mod history;
mod live;
mod minimized;
mod shadow;
mod sureness;

pub use audit::audit;
pub use check::{added, check};
pub use denials::{denials, missing, refusal};
pub use diff::{profiles, profiles_summary, recordings, recordings_summary};
pub use explain::explanation;
pub use hint::hint;
pub use history::history;
pub use minimized::{bypasses, loosened, reasons, with_values};
pub use shadow::{foreseen, shadow};
pub use sureness::sureness_in_brief;

use super::escape;
use crate::audit::Verdict;

/// The word with which a report begins.
const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Unclear => "unclear",
        Verdict::Fail => "fail",
    }
}

/// A name from outside, in backticks.
fn quoted(hostile: &str) -> String {
    format!("`{}`", escape::text(hostile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Check;
    use crate::audit::diff::{ProfileDiff, RecordingDiff};
    use crate::recording::{DenialLosses, Denials};
    use crate::report::samples;

    #[test]
    fn an_audit_reads_as_it_should() {
        let golden = include_str!("../golden/audit.txt");
        assert_eq!(audit(&samples::assessment()), golden);
    }

    #[test]
    fn a_clean_audit_is_short() {
        let golden = include_str!("../golden/audit-clean.txt");
        assert_eq!(audit(&samples::clean_assessment()), golden);
    }

    #[test]
    fn a_check_reads_as_it_should() {
        let text = check("web.json", &samples::summaries(), &samples::check());
        assert_eq!(text, include_str!("../golden/check.txt"));
    }

    #[test]
    fn explanations_read_as_they_should() {
        let text: Vec<String> = samples::explanations()
            .iter()
            .map(|(_, meaning)| explanation(meaning))
            .collect();
        assert_eq!(text.join("\n"), include_str!("../golden/explain.txt"));
    }

    #[test]
    fn differences_read_as_they_should() {
        let text = profiles("a.json", "b.json", &samples::profile_diff());
        assert_eq!(text, include_str!("../golden/diff-profiles.txt"));
        let text = recordings("a.rec", "b.rec", &samples::recording_diff());
        assert_eq!(text, include_str!("../golden/diff-recordings.txt"));
        assert_eq!(
            profiles("a", "b", &ProfileDiff::default()),
            "same: `a` and `b` mean the same\n"
        );
        assert_eq!(
            recordings("a", "b", &RecordingDiff::default()),
            "same: `a` and `b` show the same calls and values\n"
        );
    }

    #[test]
    fn refused_calls_read_as_they_should() {
        let base = "Docker's default";
        let by_design = samples::denials_by_design();
        let text =
            refusal(&samples::refusal(), false) + &denials(&samples::denials(), &by_design, base);
        assert_eq!(text, include_str!("../golden/denials.txt"));
        let lost = DenialLosses {
            calls: 1,
            ..DenialLosses::default()
        };
        let nothing = |losses| Denials {
            seen: [].into(),
            losses,
        };
        assert_eq!(
            denials(&nothing(DenialLosses::default()), &[].into(), base),
            "pass: nothing was refused\n"
        );
        assert_eq!(
            denials(&nothing(lost), &[].into(), base),
            "unclear: nothing was seen to be refused\n  1 refused call could not be kept\n"
        );
    }

    /// What the evidence says, by what is in it.
    #[test]
    fn the_claim_follows_the_verdict() {
        let full = samples::check();
        let with = |denied: bool, undecided: bool, missing: u64| Check {
            denied: if denied {
                full.denied.clone()
            } else {
                full.denied[1..].to_vec()
            },
            logged: Vec::new(),
            undecided: if undecided {
                full.undecided.clone()
            } else {
                Vec::new()
            },
            missing,
        };
        let table = [
            (with(false, false, 0), "denies nothing that was recorded"),
            (with(true, true, 3), "would deny 1 recorded fact"),
            (
                with(false, true, 0),
                "denies nothing of what is known, but 2 recorded facts cannot be decided",
            ),
            (
                with(false, true, 3),
                "denies nothing of what is known, but 2 recorded facts cannot be decided and 3 facts \
                 were lost",
            ),
            (
                with(false, false, 3),
                "denies nothing of what is known, but 3 facts were lost",
            ),
        ];
        for (check, expected) in table {
            assert_eq!(evidence::claim(&check), expected);
        }
    }
}
