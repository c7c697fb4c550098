//! `start` and `restart` of containers that exist: the cgroups that they will be in are known before they are made.

use super::Engine;
use super::answers::{About, Inspected};
use super::place::cgroup_paths;
use super::prepare::PrepareError;
use crate::target::cgroup::{Cgroup, CgroupError, Hierarchy};
use crate::target::engine_run::{CgroupDriver, EngineKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Containers that are about to be started.
#[derive(Debug)]
pub struct PreparedStart {
    /// What the engine says about itself.
    pub about: About,
    /// The cgroup below which they will be, with others.
    pub parent: Cgroup,
    /// What the engine says about each, by the name of its cgroup.
    pub containers: BTreeMap<String, Inspected>,
}

impl PreparedStart {
    /// Asks the engine.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if they cannot be recorded from their first call, or not together.
    pub fn new(
        hierarchy: &Hierarchy,
        engine: &Engine,
        names: &[String],
    ) -> Result<Self, PrepareError> {
        let about = engine.about()?;
        if about.is_rootless {
            return Err(PrepareError::Rootless);
        }
        let driver = about.cgroup_driver.ok_or(PrepareError::Driver)?;
        let mut containers = BTreeMap::new();
        let mut parent: Option<PathBuf> = None;
        for name in names {
            let inspected = engine.inspect(name)?;
            about.shares_kernel(inspected.runtime.as_deref(), &inspected.name)?;
            let place = place(engine.kind(), driver, &inspected);
            let (directory, child) =
                place.ok_or_else(|| PrepareError::Place(inspected.name.clone()))?;
            if parent.get_or_insert_with(|| directory.clone()) != &directory {
                return Err(PrepareError::Apart);
            }
            containers.insert(child, inspected);
        }
        let directory = parent.ok_or(PrepareError::Driver)?;
        Ok(Self {
            about,
            parent: made(hierarchy, &directory)?,
            containers,
        })
    }
}

/// The cgroup, which the engine would make itself and leave behind.
fn made(hierarchy: &Hierarchy, directory: &Path) -> Result<Cgroup, CgroupError> {
    let path = hierarchy.point().join(directory);
    std::fs::create_dir_all(&path).map_err(|source| CgroupError::Create { path, source })?;
    hierarchy.named(&Path::new("/").join(directory))
}

/// Below which cgroup an engine will make that of a container, and how it will call it.
fn place(
    kind: EngineKind,
    driver: CgroupDriver,
    inspected: &Inspected,
) -> Option<(PathBuf, String)> {
    let is_scope = |path: &Path| path.extension().is_some_and(|it| it == "scope");
    let mut paths = cgroup_paths(kind, inspected).into_iter();
    let path = paths.find(|path| is_scope(path) == (driver == CgroupDriver::Systemd))?;
    let directory = path.parent()?.strip_prefix("/").ok()?.to_owned();
    let child = path.file_name()?.to_str()?.to_owned();
    (directory != Path::new("")).then_some((directory, child))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_of_a_container_is_known_before_it_is_made() {
        use CgroupDriver::{Cgroupfs, Systemd};
        use EngineKind::{Docker, Podman, Runc};
        let told = |kind, driver, parent: Option<&str>| {
            let inspected = Inspected {
                id: "0a".into(),
                cgroup_parent: parent.map(str::to_owned),
                ..Inspected::default()
            };
            let place = place(kind, driver, &inspected);
            place.map(|(directory, child)| directory.join(child).display().to_string())
        };
        for (kind, driver, parent, expected) in [
            (Docker, Cgroupfs, Some(""), Some("docker/0a")),
            (Docker, Cgroupfs, None, None),
            (Docker, Cgroupfs, Some("/a/b/"), Some("a/b/0a")),
            (Docker, Cgroupfs, Some("/a/../b"), None),
            (
                Docker,
                Systemd,
                Some(""),
                Some("system.slice/docker-0a.scope"),
            ),
            (
                Docker,
                Systemd,
                Some("a-b.slice"),
                Some("a.slice/a-b.slice/docker-0a.scope"),
            ),
            (Docker, Systemd, Some("a"), None),
            (Podman, Cgroupfs, Some(""), Some("libpod_parent/libpod-0a")),
            (
                Podman,
                Systemd,
                Some(""),
                Some("machine.slice/libpod-0a.scope"),
            ),
            (Runc, Cgroupfs, None, None),
        ] {
            assert_eq!(
                told(kind, driver, parent).as_deref(),
                expected,
                "{kind:?} {parent:?}"
            );
        }
    }
}
