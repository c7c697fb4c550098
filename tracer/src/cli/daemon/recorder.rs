//! `record --daemon`: the daemon records, for a user who may have no other rights.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::plan::Plan;
use crate::cli::progress::Display;
use crate::cli::watching::{LimitArguments, TargetArguments, Watched};
use crate::daemon::{self, ClientError, Followed, follow};
use crate::recording::{self, Target};
use crate::session::Listening;
use std::path::PathBuf;

/// Who records.
#[derive(clap::Args)]
pub(crate) struct DaemonArguments {
    /// Let the daemon record, which needs no rights of one's own but those that it grants; with its socket, if it is
    /// not the usual one. The target must be running.
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, require_equals = true, default_missing_value = daemon::SOCKET, conflicts_with_all = ["command", "denials", "raw_tracepoint"])]
    pub(crate) daemon: Option<PathBuf>,
}

/// The daemon's answer does not hold.
#[derive(Debug, thiserror::Error)]
#[error("the daemon's recording cannot be read")]
struct BadRecording(#[source] recording::FileError);

/// Has the target recorded.
pub(crate) fn record(
    socket: &std::path::Path,
    target: &TargetArguments,
    listening: &mut Listening,
    limits: &LimitArguments,
    display: impl FnOnce(&str) -> Display,
) -> Result<Watched, Failure> {
    let plan = Plan::of(target)?;
    for warning in &plan.warnings {
        output::say(&format!("warning: {warning}"));
    }
    let cgroup = plan.target.cgroup.clone().unwrap_or_default();
    let mut display = display(&plan.label);
    let followed = follow(listening, socket, &cgroup, limits.limits(), &mut display);
    output::clear_line();
    let Followed { text, end } = followed.map_err(no_answer)?;
    let mut recording =
        recording::from_json(&text).map_err(|error| Failure::environment(BadRecording(error)))?;
    recording.window.until = end;
    // Who was asked for a container knows more of it than who was told of a cgroup.
    recording.target = Target {
        capabilities: recording.target.capabilities.or(plan.target.capabilities),
        no_new_privs: recording.target.no_new_privs.or(plan.target.no_new_privs),
        seccomp: recording.target.seccomp.or(plan.target.seccomp),
        container: recording.target.container.or(plan.target.container),
        filtered_at_start: (recording.target.filtered_at_start).or(plan.configured.filter),
        ..plan.target
    };
    Ok(Watched {
        recording,
        status: None,
        folder: None,
    })
}

/// What a daemon that does not do what it should says to the user.
pub(crate) fn no_answer(error: ClientError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}
