//! How a container is started under a profile, as far as that decides which calls its start takes.

use crate::recording::{Run, TargetKind};

/// How a container is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Whether the runtime installs the filter last, because it sets no_new_privs for certain.
    pub late: bool,
    /// Whether an init of the engine's is in it.
    pub init: Init,
    /// Whether it may be started otherwise than it was in the recordings.
    pub any: bool,
}

/// Which calls of an init are made room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Init {
    /// None: there is no init, or nobody knows of it.
    #[default]
    Absent,
    /// Those that only some runs show; the others were recorded.
    Recorded,
    /// All, of every init that is known.
    Any,
}

impl Start {
    /// As the runs were started. Of runs that differ, each must start.
    #[must_use]
    pub fn recorded(runs: &[Run]) -> Self {
        let mut containers = runs.iter().filter(|run| is_container(run));
        let has_init = |run: &Run| run.target.container.as_ref().and_then(|one| one.init);
        let late = |run: &Run| is_container(run) && run.target.no_new_privs == Some(true);
        Self {
            late: !runs.is_empty() && runs.iter().all(late),
            init: match containers.any(|run| has_init(run) == Some(true)) {
                true => Init::Recorded,
                false => Init::Absent,
            },
            any: false,
        }
    }

    /// In any way: with no_new_privs and without, with an init and without.
    #[must_use]
    pub fn any() -> Self {
        Self {
            late: false,
            init: Init::Any,
            any: true,
        }
    }
}

/// Whether a run was a container's. Of others nobody knows how a runtime would have started them.
pub(super) fn is_container(run: &Run) -> bool {
    run.target.kind == TargetKind::Container || run.target.container.is_some()
}
