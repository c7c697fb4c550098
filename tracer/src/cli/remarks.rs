//! What the user should know about a recording that was just made. Pure.

use crate::recording::{Loss, Recording, TargetKind, Void};
use crate::report::{escape, layout};

/// The remarks, most important first.
pub(super) fn remarks(recording: &Recording) -> Vec<&'static str> {
    let is_container = recording.target.kind == TargetKind::Container;
    let mut remarks = Vec::new();
    match recording.void() {
        Some(Void::NeverStarted) => {
            remarks.push("it never started, so the recording says nothing of it");
        }
        Some(Void::Empty) => {
            remarks.push("nothing was seen, so the recording says nothing of it");
        }
        Some(Void::Failed(_)) => remarks.push(
            "the command failed; `generate` takes the recording with --allow-incomplete only",
        ),
        None => {}
    }
    if !recording.losses.is_complete() {
        remarks
            .push("the recording is incomplete; `generate` takes it with --allow-incomplete only");
    }
    if is_container && !recording.counts_under_filter_only() && has_runtime(recording) {
        remarks.push(
            "something was executed in the container from outside; without a filter, what the runtime did \
             on its way in cannot be told from what the container did",
        );
    }
    if recording
        .target
        .below
        .is_some_and(|below| below.unknown > 0)
    {
        remarks.push(
            "of some containers below the cgroup it is not known whether they start under a filter; what their \
             runtimes did for them counts as theirs",
        );
    }
    let calls = recording.facts.keys().map(|key| key.call);
    if calls
        .into_iter()
        .any(|call| call.name() == Some("io_uring_setup"))
    {
        remarks
            .push("what it did through io_uring is not in the recording: no filter sees it either");
    }
    remarks
}

/// Who left, by name.
pub(super) fn left(recording: &Recording) -> Option<String> {
    const NAMES_MAX: usize = 3;
    let count = recording.losses.get(Loss::Left);
    if count == 0 {
        return None;
    }
    let names = recording.losses.left_by();
    let mut text: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|(name, _)| format!("`{}`", escape::text(name)))
        .collect();
    if names.len() > NAMES_MAX {
        text.push(format!("{} more", names.len() - NAMES_MAX));
    }
    let by = match text.is_empty() {
        true => String::new(),
        false => format!(" ({})", text.join(", ")),
    };
    let tasks = layout::count(usize::try_from(count).unwrap_or(usize::MAX), "task");
    Some(format!(
        "{tasks} left the target's cgroup{by}, and what was done outside is not in the recording"
    ))
}

/// Whether a runtime made more than the exec that starts the container. A hint, because a name can lie; only
/// a warning follows from it.
fn has_runtime(recording: &Recording) -> bool {
    let facts = recording.facts.iter();
    let others = facts.filter(|(key, _)| key.call.name() != Some("execve"));
    let mut programs = others.filter_map(|(_, facts)| Some(&facts.first.as_ref()?.program));
    programs.any(|program| program.starts_with("runc:["))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{recording, untracked};
    use crate::recording::{Below, CallFacts, WindowStart};
    use crate::syscall::capability;

    fn by(program: &str) -> CallFacts {
        let mut facts = untracked(1);
        facts.first.as_mut().unwrap().program = program.to_owned();
        facts
    }

    fn container(facts: Vec<(&str, bool, CallFacts)>) -> Recording {
        let mut recording = recording("1", facts);
        recording.target.kind = TargetKind::Container;
        recording.target.capabilities = Some(capability::docker_default());
        recording
    }

    #[test]
    fn an_ordinary_recording_needs_no_remark() {
        let exec = || ("execve", false, by("runc:[2:INIT]"));
        assert_eq!(
            remarks(&container(vec![exec(), ("read", false, by("sh"))])),
            [""; 0]
        );
        // Under a filter the runtime is told from the container.
        let visited = vec![
            ("read", true, by("sh")),
            ("keyctl", false, by("runc:[2:INIT]")),
        ];
        let mut visited = container(visited);
        visited.target.filtered_at_start = Some(true);
        assert_eq!(remarks(&visited), [""; 0]);
    }

    #[test]
    fn what_a_recording_does_not_show_is_said() {
        let first = |recording: &Recording| remarks(recording)[0].split(',').next().unwrap();
        let visited = container(vec![("keyctl", false, by("runc:[2:INIT]"))]);
        assert_eq!(
            first(&visited),
            "something was executed in the container from outside; without a filter"
        );
        let mut lossy = container(vec![("read", false, by("sh"))]);
        lossy.losses.set(Loss::MapError, 1);
        assert_eq!(
            first(&lossy),
            "the recording is incomplete; `generate` takes it with --allow-incomplete only"
        );
        let ring = container(vec![("io_uring_setup", false, by("sh"))]);
        assert_eq!(
            remarks(&ring),
            ["what it did through io_uring is not in the recording: no filter sees it either"]
        );
        let mut unborn = container(Vec::new());
        unborn.target.capabilities = None;
        assert_eq!(first(&unborn), "it never started");
        unborn.window.from = WindowStart::Attach;
        assert_eq!(first(&unborn), "nothing was seen");
        let mut parent = container(vec![("read", false, by("sh"))]);
        parent.target.below = Some(Below {
            confined: 1,
            ..Below::default()
        });
        assert_eq!(remarks(&parent), [""; 0]);
        parent.target.below = Some(Below {
            unknown: 1,
            ..Below::default()
        });
        assert_eq!(
            remarks(&parent),
            [
                "of some containers below the cgroup it is not known whether they start under a filter; what their \
                 runtimes did for them counts as theirs"
            ]
        );
        let mut failed = container(vec![("read", false, by("sh"))]);
        failed.target.exit_code = Some(3);
        assert_eq!(
            first(&failed),
            "the command failed; `generate` takes the recording with --allow-incomplete only"
        );
    }
}
