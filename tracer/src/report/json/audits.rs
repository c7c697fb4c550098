//! The audits of one profile or of several, as one JSON document.

use super::audit::{AuditDocument, document};
use super::words::VerdictName;
use super::{SCHEMA_VERSION, text};
use crate::audit::{Assessment, Verdict};
use serde::Serialize;

/// The audits as JSON: of one profile a document, of several a list of such. The files are named as the user named
/// them.
#[must_use]
pub fn audits(assessments: &[Assessment], ignore_file: Option<&str>) -> String {
    match assessments {
        [one] => text(&document(one, ignore_file)),
        several => text(&AuditsDocument {
            schema_version: SCHEMA_VERSION,
            verdict: several
                .iter()
                .map(|one| one.judgement.verdict)
                .max()
                .unwrap_or(Verdict::Pass)
                .into(),
            audits: several
                .iter()
                .map(|one| document(one, ignore_file))
                .collect(),
        }),
    }
}

/// The document that `audit` writes for several profiles.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditsDocument<'a> {
    schema_version: u64,
    /// The worst of all.
    verdict: VerdictName,
    audits: Vec<AuditDocument<'a>>,
}
