//! `doctor`: what this machine lacks for recording, and what to do about it.

use super::doctor_report as doctor;
use super::doctor_trial as trial;
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments};
use super::output::Sink;
use crate::target::requirements::{self, Engines, Roots, Surroundings};

/// Look whether this machine can record, and say what to do where it cannot.
///
/// Exit code 3 says that recording is impossible.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    report: ReportArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.report.output))?;
    let mut checks = requirements::checks(&Surroundings::look(&Roots::default()));
    if doctor::can_record(&checks) {
        // Not by the kernel's version: what it can do is found out by trying.
        checks.push(trial::check());
    }
    checks.extend(requirements::engines(&Engines::look()));
    let text = match arguments.report.format {
        Format::Text => doctor::text(&checks),
        Format::Json => doctor::json(&checks),
    };
    sink.write(&text)?;
    Ok(if doctor::can_record(&checks) {
        Exit::Done
    } else {
        Exit::Environment
    })
}
