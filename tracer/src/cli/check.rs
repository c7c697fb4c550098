//! `check`: would anything recorded be denied?

use super::audit::{name, read_named};
use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments, gate};
use super::output::{self, Sink};
use super::runtime::RuntimeArguments;
use crate::audit::{self, Base, RecordingSummary};
use crate::recording::Recording;
use crate::report::{json, text};
use std::path::PathBuf;

/// Say whether anything recorded would be denied by a profile, call by call and value by value.
///
/// The base only explains: what it denies too is said so, with the reason and the capability that would
/// unlock it.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if nothing recorded would be denied; 1 if something would; 4 if the recordings do not suffice to
say so.")]
pub(super) struct Arguments {
    /// The profile; `-` is standard input.
    profile: PathBuf,
    /// A recording; may be given several times.
    #[arg(long = "recording", value_name = "REC", required = true)]
    recordings: Vec<PathBuf>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    runtime: RuntimeArguments,
    #[command(flatten)]
    report: ReportArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.report.output))?;
    let recordings = read_named(&arguments.recordings)?;
    let alone: Vec<Recording> = recordings.iter().map(|(_, one)| one.clone()).collect();
    let native = base::native(&alone)?;
    let resolved = arguments.base.resolve(&alone, native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    let profile = base::read_profile(&arguments.profile)?.resolve(&resolved.circumstances);
    let base = resolved
        .conditions
        .map(|(source, circumstances)| Base::new(source, circumstances));
    let check = audit::check(
        &profile,
        native,
        arguments.runtime.runtime(),
        base.as_ref(),
        &recordings,
    );
    let profile = name(&arguments.profile);
    let summaries: Vec<RecordingSummary> = recordings
        .iter()
        .map(|(name, recording)| audit::summary(name, recording))
        .collect();
    sink.write(&match arguments.report.format {
        Format::Text => text::check(&profile, &summaries, &check),
        Format::Json => json::check(&profile, &summaries, &check),
    })?;
    Ok(gate(check.verdict()))
}
