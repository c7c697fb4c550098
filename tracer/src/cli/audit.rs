//! `audit`: what a profile allows, against a base and against recordings.

use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments, gate};
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use crate::audit::{self, Base, Subject};
use crate::report::{json, text};
use std::path::{Path, PathBuf};

/// Say what a profile allows: how much of the base is left, what is beyond it, and what recordings show in
/// use, unused and denied.
///
/// Recorded calls count when the target had a seccomp filter; if it never had one, all of them do. Coverage is
/// the number of allowed calls that were recorded, divided by the number of allowed calls.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if nothing recorded would be denied and nothing is allowed beyond the base; 1 if something is;
4 if the recordings do not suffice to say so, because calls are missing from them or because the profile
tests argument values that they do not have.")]
pub(super) struct Arguments {
    /// The profile; `-` is standard input.
    profile: PathBuf,
    #[arg(long = "recording", value_name = "REC", help = recordings::HELP)]
    recordings: Vec<PathBuf>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    report: ReportArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.report.output))?;
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    let native = base::native(recorded.runs.runs())?;
    let resolved = arguments.base.resolve(recorded.runs.runs(), native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    let source = base::read_profile(&arguments.profile)?;
    let circumstances = &resolved.circumstances;
    let profile = source.resolve(circumstances);
    let kernel = circumstances.kernel;
    let subject = Subject {
        profile: name(&arguments.profile),
        base: resolved
            .profile
            .is_some()
            .then(|| arguments.base.base.clone()),
        native,
        kernel: format!("{}.{}", kernel.major, kernel.minor),
        capabilities: circumstances.capabilities.clone(),
        default_action: profile.default_action,
        remarks: audit::remarks(&source),
    };
    let base = resolved
        .conditions
        .map(|(source, circumstances)| Base::new(source, circumstances));
    let audit = audit::audit(subject, &profile, base.as_ref(), &recorded);
    sink.write(&match arguments.report.format {
        Format::Text => text::audit(&audit),
        Format::Json => json::audit(&audit),
    })?;
    Ok(gate(audit.verdict()))
}

/// How reports name a file.
pub(super) fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
