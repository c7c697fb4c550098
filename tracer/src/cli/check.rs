//! `check`: would anything recorded be denied?

use super::audit::name;
use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments, gate};
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use super::runtime::RuntimeArguments;
use crate::audit::{self, Base};
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
    #[arg(long = "recording", value_name = "REC", required = true, help = recordings::HELP)]
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
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    recordings::not_blank(&recorded.runs)?;
    let native = base::native(recorded.runs.runs())?;
    let resolved = arguments.base.resolve(recorded.runs.runs(), native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    let source = base::read_profile(&arguments.profile)?;
    let runtime = arguments.runtime.runtime(&[&source])?;
    let profile = source.resolve(&resolved.circumstances);
    let base = resolved
        .conditions
        .map(|(source, circumstances)| Base::new(source, circumstances));
    let check = audit::check(&profile, native, runtime, base.as_ref(), &recorded);
    let profile = name(&arguments.profile);
    let summaries = recorded.summaries();
    sink.write(&match arguments.report.format {
        Format::Text => text::check(&profile, &summaries, &check),
        Format::Json => json::check(&profile, &summaries, &check),
    })?;
    Ok(gate(check.verdict()))
}
