//! How the daemon makes a profile: as `generate` does, of one recording.

use crate::cli::base::{self, BaseArguments};
use crate::cli::clients::ClientArguments;
use crate::cli::closeness::ClosenessArguments;
use crate::cli::failure::Failure;
use crate::cli::generate;
use crate::cli::recordings;
use crate::cli::start::StartArguments;
use crate::daemon::{Generate, Generated};
use crate::minimize::Presumes;
use crate::profile::write;
use crate::recording::{Recording, Runs};
use crate::report::apply::presumed;

/// A profile that does not exceed this base.
pub(super) fn with(
    base: BaseArguments,
    closeness: ClosenessArguments,
    start: StartArguments,
) -> Generate {
    Box::new(move |recording| {
        profile(recording, &base, &closeness, &start).map_err(|failure| message(&failure))
    })
}

fn profile(
    recording: &Recording,
    base: &BaseArguments,
    closeness: &ClosenessArguments,
    start: &StartArguments,
) -> Result<Generated, Failure> {
    if !recording.losses.is_complete() {
        return Err(Failure::invalid(format!(
            "the recording is incomplete: {} calls could not be kept",
            recording.losses.missing()
        )));
    }
    ClientArguments::default().check(&recording.clients())?;
    let runs = Runs::from(recording.clone());
    recordings::not_blank(&runs)?;
    let native = base::native(runs.runs())?;
    let resolved = base.resolve(runs.runs(), native)?;
    let options = generate::options(runs.runs(), &resolved, native, closeness, start);
    let outcome = generate::make(&runs, &options)?;
    Ok(Generated {
        text: write::oci(&outcome.profile),
        presumes: presumed(&Presumes::of(runs.runs(), &options)),
    })
}

/// The failure with its causes, in one line.
fn message(failure: &Failure) -> String {
    let mut message = failure.error.to_string();
    let mut cause = failure.error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}
