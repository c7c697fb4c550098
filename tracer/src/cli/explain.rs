//! `explain`: what a word of a report means.

use super::audit::name;
use super::base::{self, BaseArguments, Resolved};
use super::closeness::ClosenessArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments};
use super::generate;
use super::output::Sink;
use super::recordings::{self, Incomplete};
use super::start::StartArguments;
use crate::audit::Base;
use crate::audit::explain::{self, Explanation, Unexplained};
use crate::audit::history::{self, History};
use crate::minimize::{self, Reason};
use crate::profile::Meaning;
use crate::recording::Runs;
use crate::report::{escape, json, text};
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Say what a rule of the audit, a system call or a CVE is about: what it is, why it matters, who decides over
/// it, and what can be done. Of a call, recordings tell who made it, when, how often, in how many runs and with
/// which values, and why it is allowed or left out.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if the word means something; 2 if it does not.")]
pub(super) struct Arguments {
    /// The id of a rule, the name of a call, or a CVE.
    word: String,
    #[arg(long = "recording", value_name = "REC", help = recordings::HELP)]
    recordings: Vec<PathBuf>,
    /// A profile, to see what it does with what was recorded.
    #[arg(long, value_name = "FILE", requires = "recordings")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    closeness: ClosenessArguments,
    #[command(flatten)]
    start: StartArguments,
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

/// Recordings with a word that is no call.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is no system call, so recordings do not show it", escape::text(.0))]
struct NoCall(String);

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.report.output))?;
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    let runs = recorded.runs.runs();
    let native = base::native(runs)?;
    let resolved = arguments.base.resolve(runs, native)?;
    let history = match arguments.recordings.is_empty() {
        true => None,
        false => Some(history(arguments, &recorded.runs, &resolved, native)?),
    };
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
    if history.is_some() && !matches!(explanation, Explanation::Call(_)) {
        return Err(Failure::invalid(NoCall(arguments.word.clone())));
    }
    sink.write(&match arguments.report.format {
        Format::Text => {
            let profile = arguments.profile.as_deref().map(name);
            let history = history.map(|one| text::history(&one, profile.as_deref()));
            let parts = [Some(text::explanation(&explanation)), history];
            parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
        }
        Format::Json => json::explanation(&explanation, history.as_ref()),
    })?;
    Ok(Exit::Done)
}

/// What was recorded of the call, and what becomes of it.
fn history(
    arguments: &Arguments,
    runs: &Runs,
    resolved: &Resolved,
    native: Abi,
) -> Result<History, Failure> {
    let meaning = match &arguments.profile {
        Some(path) => {
            let profile = base::read_profile(path)?.resolve(&resolved.circumstances);
            Some(Meaning::of(&profile, native))
        }
        None => None,
    };
    let Arguments {
        closeness, start, ..
    } = arguments;
    let options = generate::options(runs.runs(), resolved, native, closeness, start);
    let outcome = minimize::minimize(runs, &options);
    let named = |call: &Call| call.name() == Some(arguments.word.as_str());
    let reasons = outcome.reasons.iter().filter(|(call, _)| named(call));
    let reasons: BTreeSet<&Reason> = reasons.flat_map(|(_, reasons)| reasons).collect();
    let reasons = reasons.into_iter().map(ToString::to_string).collect();
    let word = &arguments.word;
    Ok(history::history(word, runs, meaning.as_ref(), reasons))
}
