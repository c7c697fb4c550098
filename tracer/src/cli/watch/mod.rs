//! `watch`: what a target's filter refuses, or what a profile would refuse of it, while it happens.

mod refusals;
mod shadow;

use super::base::BaseArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::format::Format;
use super::output;
use super::runtime::RuntimeArguments;
use super::watching::{self, LimitArguments, TargetArguments};
use crate::daemon;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Print every call that a target's seccomp filter refuses, or that a profile would refuse, while it happens.
///
/// One line for each call when it is first refused with that answer and those arguments, and all of them with
/// counts in the end. Exit code 1 says that something was refused; what the base itself answers by design, so that
/// libraries make another call, does not count. A command's own output goes to standard error.
///
/// With --profile nothing is enforced: the target runs as it is, and what the profile would have refused of it is
/// said, exactly as `check` says it of a recording. What the profile lets through and only logs is said, too, and
/// counts; so with the profile of `generate --complain`, in force or not, that is what the real one refuses. Exit
/// code 4 says that something could not be decided, or was lost.
///
/// An errno of the filter and one of a supervisor that the filter asked (user notification, or a tracer) cannot
/// be told apart: the kernel does the same for both. If a supervisor or tracer gives a value that is no error,
/// that is shown and counts as done. Before Linux 5.16 a call that ends its process looks as if it were trapped,
/// and one that ends its thread alone is not seen. Without --profile, calls that a filter lets through and only
/// logs are not refused. Of a target that already runs, the first return of each thread is not judged, because the
/// thread may have been in that call before watching began.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    limits: LimitArguments,
    /// Say what this profile would refuse or log of the target, which runs without it.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Keep what was recorded for that in this file, for `generate` and `check`.
    #[arg(short, long, value_name = "FILE", requires = "profile")]
    output: Option<PathBuf>,
    /// Let the daemon record for that, which needs no rights of one's own but those that it grants; with its socket,
    /// if it is not the usual one. The target must be running; what the daemon records already goes on.
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, require_equals = true, default_missing_value = daemon::SOCKET, requires = "profile", conflicts_with_all = ["command", "raw_tracepoint"])]
    daemon: Option<PathBuf>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    runtime: RuntimeArguments,
    /// Lines for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Say nothing but errors on standard error.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.profile {
        None => refusals::run(arguments),
        Some(profile) => shadow::run(arguments, profile),
    }
}

/// A command that failed may be why something was refused.
fn say_code(status: Option<ExitStatus>, quiet: bool) {
    if let Some(code) = status.map(watching::code)
        && code != 0
        && !quiet
    {
        output::say(&format!("note: the command ended with exit code {code}"));
    }
}
