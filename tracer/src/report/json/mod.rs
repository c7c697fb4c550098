//! Reports for programs: JSON documents, each with a `schemaVersion` and a stable order.
//!
//! The types here are the documentation of the documents; they are separate from the values so that a
//! document changes only when somebody decides it, which raises its version. Strings are not escaped beyond
//! what JSON asks for.

mod audit;
mod audits;
pub mod denials;
mod diff;
mod explain;
mod filter;
mod findings;
mod hint;
mod history;
mod live;
pub mod shadow;
mod sureness;
mod words;

pub use audit::check;
pub use audits::audits;
pub use diff::{profiles, recordings};
pub use explain::explanation;
pub use hint::hint;

use serde::Serialize;

/// The version of the documents written here.
pub const SCHEMA_VERSION: u64 = 1;

/// A document as text, with a line feed at its end.
pub(super) fn text(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("strings and integers only");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn documents_are_as_written_down() {
        let table = [
            (
                audits(&[samples::assessment()], Some("ci/accepted.toml")),
                include_str!("../golden/audit.json"),
            ),
            (
                audits(&[samples::clean_assessment()], None),
                include_str!("../golden/audit-clean.json"),
            ),
            (
                check("web.json", &samples::summaries(), &samples::check()),
                include_str!("../golden/check.json"),
            ),
            (
                profiles("a.json", "b.json", &samples::profile_diff()),
                include_str!("../golden/diff-profiles.json"),
            ),
            (
                denials::watching("web")
                    + &denials::refusal(&samples::refusal(), false)
                    + &denials::denials(&samples::denials(), &samples::denials_by_design()),
                include_str!("../golden/denials.jsonl"),
            ),
            (hint(&samples::hint()), include_str!("../golden/hint.json")),
            (
                recordings("a.rec", "b.rec", &samples::recording_diff()),
                include_str!("../golden/diff-recordings.json"),
            ),
        ];
        for (document, golden) in table {
            assert_eq!(document, golden);
        }
        let explained: Vec<String> = samples::explanations()
            .iter()
            .map(|(_, meaning)| explanation(meaning, None))
            .collect();
        assert_eq!(explained.concat(), include_str!("../golden/explain.json"));
        let (_, call) = samples::explanations().swap_remove(1);
        let recorded = explanation(&call, Some(&samples::history()));
        assert_eq!(recorded, include_str!("../golden/history.json"));
    }
}
