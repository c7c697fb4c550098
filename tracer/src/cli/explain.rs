//! `explain`: what a word of a report means.

use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments};
use super::output::Sink;
use crate::audit::Base;
use crate::audit::explain::{self, Unexplained};
use crate::report::{escape, json, text};

/// Say what a rule of the audit, a system call or a CVE is about: what it is, why it matters, who decides over
/// it, and what can be done.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if the word means something; 2 if it does not.")]
pub(super) struct Arguments {
    /// The id of a rule, the name of a call, or a CVE.
    word: String,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// A word that means nothing here.
#[derive(Debug, thiserror::Error)]
#[error("cannot explain `{}`", escape::text(.word))]
struct NotExplained {
    word: String,
    source: Unexplained,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.report.output))?;
    let resolved = arguments.base.resolve(&[], base::native(&[])?)?;
    let base = resolved
        .conditions
        .map(|(source, circumstances)| Base::new(source, circumstances));
    let called = arguments.base.base.as_str();
    let explanation = explain::explain(&arguments.word, base.as_ref().map(|base| (called, base)));
    let explanation = explanation.map_err(|source| {
        let hint = source
            .similar
            .first()
            .map(|one| format!("perhaps `{one}` is meant"));
        let word = arguments.word.clone();
        let failure = Failure::invalid(NotExplained { word, source });
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    sink.write(&match arguments.report.format {
        Format::Text => text::explanation(&explanation),
        Format::Json => json::explanation(&explanation),
    })?;
    Ok(Exit::Done)
}
