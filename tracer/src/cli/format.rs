//! How a report is written, and the exit code that goes with it.

use super::exit::Exit;
use crate::audit::Verdict;
use std::path::PathBuf;

/// Where a report goes, and in what form.
#[derive(clap::Args)]
pub(super) struct ReportArguments {
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Where the report goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(super) output: PathBuf,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Text, 100 columns wide.
    Text,
    /// JSON, with a `schemaVersion`.
    Json,
}

/// The exit code of a gate.
pub(super) fn gate(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Pass => Exit::Done,
        Verdict::Fail => Exit::Gate,
        Verdict::Unclear => Exit::Incomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_cannot_answer_does_not_pass() {
        assert_eq!(gate(Verdict::Pass), Exit::Done);
        assert_eq!(gate(Verdict::Fail), Exit::Gate);
        assert_eq!(gate(Verdict::Unclear), Exit::Incomplete);
    }
}
