//! The arguments by which a gate is told what fails it and what is accepted.

use super::failure::Failure;
use super::output;
use crate::audit::findings::Finding;
use crate::audit::gate::{Gate, Judgement, NoThreshold, Threshold, judge};
use crate::audit::ignore::{self, IgnoreError};
use crate::report::escape;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// What fails, and what is accepted.
#[derive(clap::Args)]
pub(super) struct GateArguments {
    /// What fails the gate: info, low, medium or high for findings at least so severe, or a rule; several are
    /// separated by commas. never fails nothing [default: high,would-deny,installed-filter,refused-call].
    #[arg(long, value_name = "SEVERITY|RULE", value_delimiter = ',')]
    fail_on: Vec<String>,
    /// Findings that are accepted, as TOML: entries `[[ignore]]` with `rule`, `reason`, and if wanted `call`
    /// and `expires`, the last day on which the entry holds.
    #[arg(long, value_name = "FILE")]
    ignore_file: Option<PathBuf>,
}

/// A word after --fail-on that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is no severity and no rule", escape::text(.0))]
struct UnknownThreshold(String);

/// A file that is no ignore file.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}`", escape::path(.path))]
struct NoIgnoreFile {
    path: PathBuf,
    source: IgnoreError,
}

impl GateArguments {
    /// Where the ignore file is.
    pub(super) fn ignore_file(&self) -> Option<&Path> {
        self.ignore_file.as_deref()
    }

    /// Reads what there is to read; what comes back judges findings as of today.
    pub(super) fn read(&self) -> Result<impl Fn(Vec<Finding>) -> Judgement + use<>, Failure> {
        let thresholds = self.fail_on.iter().map(|word| threshold(word));
        let gate = Gate::new(thresholds.collect::<Result<_, _>>()?);
        let ignores = match &self.ignore_file {
            Some(path) => read(path)?,
            None => Vec::new(),
        };
        Ok(move |findings| judge(findings, &gate, &ignores, today()))
    }
}

fn threshold(word: &str) -> Result<Threshold, Failure> {
    word.parse().map_err(|NoThreshold { similar }| {
        let failure = Failure::invalid(UnknownThreshold(word.to_owned()));
        match similar.first() {
            Some(similar) => failure.hint(format!("perhaps `{similar}` is meant")),
            None => failure,
        }
    })
}

fn read(path: &Path) -> Result<Vec<ignore::Entry>, Failure> {
    let text = output::read(path)?;
    ignore::read(&text).map_err(|source| {
        let similar = match &source {
            IgnoreError::UnknownRule { similar, .. } => similar.first().copied(),
            _ => None,
        };
        let path = path.to_owned();
        let failure = Failure::invalid(NoIgnoreFile { path, source });
        match similar {
            Some(similar) => failure.hint(format!("perhaps `{similar}` is meant")),
            None => failure,
        }
    })
}

/// The day on which entries are in force or over; one for all the world, so that a gate says the same in
/// every place.
fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}
