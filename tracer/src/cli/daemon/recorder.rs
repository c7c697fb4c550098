//! `record --daemon`: the daemon records, for a user who may have no other rights.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::plan::Plan;
use crate::cli::progress::Display;
use crate::cli::watching::{LimitArguments, TargetArguments, Watched};
use crate::daemon::{self, ClientError, Followed, follow};
use crate::recording::{self, Recording, Target};
use crate::session::{Listening, Observer};
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
    watched(followed.map_err(no_answer)?, of_plan(plan))
}

/// Has the target recorded, or accompanies what is recorded of it already, and looks at it time and again.
pub(crate) fn accompany<O: Observer>(
    socket: &std::path::Path,
    plan: Plan,
    listening: &mut Listening,
    limits: &LimitArguments,
    observer: &mut O,
    look: &mut dyn FnMut(Recording, &mut O),
) -> Result<Watched, Failure> {
    for warning in &plan.warnings {
        output::say(&format!("warning: {warning}"));
    }
    let cgroup = plan.target.cgroup.clone().unwrap_or_default();
    let target = of_plan(plan);
    let mut broken = None;
    let mut look = |text: &str, observer: &mut O| match recording::from_json(text) {
        Ok(recording) => look(known(recording, target.clone()), observer),
        Err(error) => drop(broken.get_or_insert(error)),
    };
    let followed = daemon::accompany(
        listening,
        socket,
        &cgroup,
        limits.limits(),
        observer,
        &mut look,
    );
    output::clear_line();
    if let Some(error) = broken {
        return Err(Failure::environment(BadRecording(error)));
    }
    watched(followed.map_err(no_answer)?, target)
}

/// What is known of a target, with how its engine starts it.
fn of_plan(plan: Plan) -> Target {
    Target {
        filtered_at_start: plan.target.filtered_at_start.or(plan.configured.filter),
        ..plan.target
    }
}

fn watched(followed: Followed, target: Target) -> Result<Watched, Failure> {
    let Followed { text, end } = followed;
    let recording = recording::from_json(&text);
    let mut recording = recording.map_err(|error| Failure::environment(BadRecording(error)))?;
    recording.window.until = end;
    Ok(Watched {
        recording: known(recording, target),
        status: None,
        folder: None,
        interrupted_by: None,
    })
}

/// Who was asked for a container knows more of it than who was told of a cgroup.
fn known(recording: Recording, target: Target) -> Recording {
    let own = recording.target;
    Recording {
        target: Target {
            capabilities: own.capabilities.or(target.capabilities),
            no_new_privs: own.no_new_privs.or(target.no_new_privs),
            seccomp: own.seccomp.or(target.seccomp),
            container: own.container.or(target.container),
            filtered_at_start: own.filtered_at_start.or(target.filtered_at_start),
            ..target
        },
        ..recording
    }
}

/// What a daemon that does not do what it should says to the user.
pub(crate) fn no_answer(error: ClientError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}
