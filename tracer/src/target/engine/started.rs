//! `start` and `restart` of containers that exist: the cgroups that they will be in are known before they are made.

use super::Engine;
use super::answers::{About, Inspected};
use super::prepare::PrepareError;
use crate::target::cgroup::{Cgroup, CgroupError, Hierarchy};
use crate::target::engine_run::{CgroupDriver, EngineKind, slice_directory};
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
/// <https://github.com/moby/moby/blob/v27.0.0/daemon/oci_linux.go>,
/// <https://github.com/containers/podman/blob/v5.0.0/libpod/container_internal_linux.go>
fn place(
    kind: EngineKind,
    driver: CgroupDriver,
    inspected: &Inspected,
) -> Option<(PathBuf, String)> {
    let id = &inspected.id;
    let (prefix, directory, slice) = match kind {
        EngineKind::Docker => ("docker-", "docker", "system.slice"),
        EngineKind::Podman => ("libpod-", "libpod_parent", "machine.slice"),
        EngineKind::Containerd | EngineKind::CriO | EngineKind::Runc | EngineKind::Crun => {
            return None;
        }
    };
    let given = inspected.cgroup_parent.as_deref();
    let given = given.filter(|given| !given.is_empty());
    match driver {
        CgroupDriver::Cgroupfs => {
            let directory = given.unwrap_or(directory).trim_matches('/');
            let child = if kind == EngineKind::Docker {
                id.clone()
            } else {
                format!("{prefix}{id}")
            };
            let is_plain = !directory.is_empty()
                && !directory
                    .split('/')
                    .any(|part| matches!(part, "" | "." | ".."));
            is_plain.then(|| (directory.into(), child))
        }
        CgroupDriver::Systemd => {
            let directory = slice_directory(given.unwrap_or(slice))?;
            Some((directory, format!("{prefix}{id}.scope")))
        }
    }
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
            (Docker, Cgroupfs, None, Some("docker/0a")),
            (Docker, Cgroupfs, Some("/a/b/"), Some("a/b/0a")),
            (Docker, Cgroupfs, Some("/a/../b"), None),
            (Docker, Systemd, None, Some("system.slice/docker-0a.scope")),
            (
                Docker,
                Systemd,
                Some("a-b.slice"),
                Some("a.slice/a-b.slice/docker-0a.scope"),
            ),
            (Docker, Systemd, Some("a"), None),
            (Podman, Cgroupfs, None, Some("libpod_parent/libpod-0a")),
            (Podman, Systemd, None, Some("machine.slice/libpod-0a.scope")),
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
