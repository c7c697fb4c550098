//! `record -- docker run …` and `podman run`: a cgroup to watch, and the command line that puts the container below it.

use super::Engine;
use super::error::EngineError;
use crate::report::escape;
use crate::target::cgroup::{CgroupError, Hierarchy};
use crate::target::engine_run::{BadParent, CgroupDriver, EngineRun};
use crate::target::own_cgroup::{Note, OwnCgroup, fresh_name};
use std::ffi::OsString;

/// Why such a command cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The engine cannot be asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The user's own parent stands in the way.
    #[error(transparent)]
    Parent(#[from] BadParent),
    /// The cgroup cannot be made.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The engine makes cgroups in a way that we do not know, or none.
    #[error("the container engine makes cgroups in an unknown way")]
    Driver,
    /// The engine has no right to put a container into a cgroup of ours.
    #[error(
        "the container engine runs without root's rights, and puts no container where it is watched"
    )]
    Rootless,
    /// Where the engine will make the cgroup of a container cannot be told.
    #[error("where container `{}` will run cannot be told", escape::text(.0))]
    Place(String),
    /// Containers lie below several parents.
    #[error("the containers are not below the same cgroup")]
    Apart,
}

impl PrepareError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Parent(error) => error.hint(),
            Self::Cgroup(error) => error.hint(),
            Self::Rootless => Some(
                "start the container by itself; then its user records it with `seccomp-tracer record --daemon \
                 --container NAME`, once root has started `seccomp-tracer daemon --allow UID`"
                    .into(),
            ),
            Self::Place(_) => Some("start it, and record it with --container".into()),
            Self::Apart => Some("record them one by one".into()),
            Self::Driver => Some(
                "`docker info` or `podman info` must name the cgroup driver or manager `cgroupfs` or `systemd`; \
                 rootless engines need delegated cgroups"
                    .into(),
            ),
        }
    }
}

/// A container that is ready to be watched: every cgroup directly below `parent` is a container of it.
#[derive(Debug)]
pub struct Prepared {
    /// The engine.
    pub engine: Engine,
    /// What the engine says about itself.
    pub about: super::About,
    /// The cgroup below which the container will be.
    pub parent: OwnCgroup,
    /// What to start instead of the user's command line.
    pub command: Vec<OsString>,
}

impl Prepared {
    /// Asks the engine and makes the parent cgroup.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if that is not possible. Nothing is left behind.
    pub fn new(
        hierarchy: &Hierarchy,
        run: &EngineRun,
        note: Note<'_>,
    ) -> Result<Self, PrepareError> {
        let engine = Engine::of_run(run);
        let about = engine.about()?;
        about.shares_kernel(run.runtime().as_deref(), &run.label())?;
        if about.is_rootless {
            return Err(PrepareError::Rootless);
        }
        let driver: CgroupDriver = about.cgroup_driver.ok_or(PrepareError::Driver)?;
        let parent = run.parent(driver, &fresh_name())?;
        let command = run.with_parent(&parent);
        let parent = OwnCgroup::create_at(hierarchy, &parent.directory, note)?;
        Ok(Self {
            engine,
            about,
            parent,
            command,
        })
    }
}
