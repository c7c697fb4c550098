//! Findings as JUnit XML, as test reports of CI systems read it: what fails the gate is a failed test, what
//! leaves it without an answer is an error, what is ignored is skipped, and a rule without findings is a
//! test that passed.

use super::findings::{place, sentence};
use crate::audit::Assessment;
use crate::audit::gate::Judged;
use crate::audit::rules::{self, Rule};
use crate::audit::types_for_reports::Verdict;
use std::fmt::Write;

/// The findings as a document with one suite.
#[must_use]
pub fn audit(assessment: &Assessment) -> String {
    String::new()
}
