//! Where an engine makes a container's cgroup, by the engine's own word.
//!
//! Pure. It is for containers that are gone: of one that runs, its process says where it is.

use super::answers::Inspected;
use crate::target::engine_run::EngineKind;
use std::path::{Component, Path, PathBuf};

/// The paths below the root that the container's cgroup can have, one for each way to make cgroups. None, where the
/// engine has not said below what, and where it is not the engine that names cgroups.
#[must_use]
pub fn cgroup_paths(kind: EngineKind, inspected: &Inspected) -> Vec<PathBuf> {
    let (parent, slice, scope) = match kind {
        EngineKind::Docker => ("docker", "system.slice", "docker"),
        EngineKind::Podman => ("libpod_parent", "machine.slice", "libpod"),
        EngineKind::Containerd | EngineKind::CriO | EngineKind::Runc | EngineKind::Crun => {
            return Vec::new();
        }
    };
    let Some(given) = &inspected.cgroup_parent else {
        return Vec::new();
    };
    let id = &inspected.id;
    let name = match kind {
        EngineKind::Podman => format!("libpod-{id}"),
        _ => id.clone(),
    };
    let or = |default: &str| match given.as_str() {
        "" => default.to_owned(),
        given => given.to_owned(),
    };
    let plain = Path::new("/").join(or(parent)).join(name);
    let systemd = slice_path(&or(slice)).map(|path| path.join(format!("{scope}-{id}.scope")));
    let is_plain = |path: &PathBuf| {
        let mut parts = path.components();
        parts.all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
    };
    [plain]
        .into_iter()
        .chain(systemd)
        .filter(is_plain)
        .collect()
}

/// The directory of a slice: `a-b.slice` is in `a.slice`.
fn slice_path(slice: &str) -> Option<PathBuf> {
    let name = slice.rsplit('/').next()?.strip_suffix(".slice")?;
    let mut path = PathBuf::from("/");
    for (at, _) in name.match_indices('-').chain([(name.len(), "")]) {
        path.push(format!("{}.slice", name.get(..at)?));
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_is_where_the_engine_says() {
        let paths = |kind, parent: Option<&str>| {
            let inspected = Inspected {
                id: "ab".to_owned(),
                cgroup_parent: parent.map(str::to_owned),
                ..Inspected::default()
            };
            let paths = cgroup_paths(kind, &inspected).into_iter();
            let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
            paths.join(" ")
        };
        let docker = EngineKind::Docker;
        let table = [
            (docker, Some(""), "/docker/ab /system.slice/docker-ab.scope"),
            (docker, Some("/x/y"), "/x/y/ab"),
            (docker, Some("x"), "/x/ab"),
            (
                docker,
                Some("a-b.slice"),
                "/a-b.slice/ab /a.slice/a-b.slice/docker-ab.scope",
            ),
            (docker, Some("../x"), ""),
            (docker, None, ""),
            (
                EngineKind::Podman,
                Some(""),
                "/libpod_parent/libpod-ab /machine.slice/libpod-ab.scope",
            ),
            (EngineKind::Runc, Some(""), ""),
        ];
        for (kind, parent, expected) in table {
            assert_eq!(paths(kind, parent), expected, "{kind:?} {parent:?}");
        }
    }
}
