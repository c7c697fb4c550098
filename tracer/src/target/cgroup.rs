//! Where the cgroup v2 hierarchy is, and which of its cgroups belongs to a process, a container or a path.
//!
//! The kernel side compares the id of a task's ancestor at a given level with the id of the watched cgroup.
//! Both numbers are as the kernel counts from the *real* root: a view that starts lower (a cgroup namespace,
//! a mounted part) has other levels, so such views are refused instead of counted wrongly.

mod error;

pub use error::CgroupError;

use super::mounts::{self, Mount, Version};
use crate::report::escape;
use rustix::process::Pid;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// The inode of the root of every cgroup hierarchy; no other cgroup has it.
/// <https://github.com/torvalds/linux/blob/v6.12/include/linux/kernfs.h>
const ROOT_ID: u64 = 1;

/// `CGROUP2_SUPER_MAGIC`.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h#L72>
const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// How the host uses cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only the v2 hierarchy.
    Pure,
    /// The v2 hierarchy beside old ones.
    Hybrid,
}

/// The cgroup v2 hierarchy, seen whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    mode: Mode,
    point: PathBuf,
    old_points: Vec<PathBuf>,
}

/// One cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Its directory.
    pub path: PathBuf,
    /// The same below the mount, starting with a slash, for people; invalid UTF-8 is replaced. Hostile.
    pub relative: String,
    /// What `bpf_get_current_cgroup_id` returns for a task in it: the inode of its directory.
    pub id: u64,
    /// How many cgroups are above it: 0 for the root.
    pub level: u32,
}

impl Hierarchy {
    /// Finds the hierarchy.
    ///
    /// # Errors
    ///
    /// [`CgroupError::NotMounted`] or [`CgroupError::Partial`] if it is not there as a whole,
    /// [`CgroupError::Read`] if the mounts cannot be read.
    pub fn detect() -> Result<Self, CgroupError> {
        Self::from_mountinfo(Path::new("/proc/self/mountinfo"), Self::is_whole)
    }

    /// The same for a given list of mounts and a way to tell whether a mount point shows the real root.
    pub(super) fn from_mountinfo(
        list: &Path,
        is_whole: impl Fn(&Path) -> bool,
    ) -> Result<Self, CgroupError> {
        let text = std::fs::read(list).map_err(|source| CgroupError::Read {
            path: list.to_owned(),
            source,
        })?;
        choose(mounts::cgroups(&text), is_whole)
    }

    /// Whether the mount point is that of a cgroup v2 hierarchy, at its real root.
    pub(super) fn is_whole(point: &Path) -> bool {
        let is_v2 = rustix::fs::statfs(point)
            .is_ok_and(|statfs| u64::try_from(statfs.f_type) == Ok(CGROUP2_MAGIC));
        is_v2 && point.metadata().is_ok_and(|root| root.ino() == ROOT_ID)
    }

    /// A directory tree that stands for a hierarchy.
    #[cfg(test)]
    pub(super) fn at(point: PathBuf, old_points: Vec<PathBuf>) -> Self {
        Self {
            mode: Mode::Hybrid,
            point,
            old_points,
        }
    }

    /// How the host uses cgroups.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where the hierarchy is mounted.
    #[must_use]
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Where old hierarchies are mounted.
    #[must_use]
    pub fn old_points(&self) -> &[PathBuf] {
        &self.old_points
    }

    /// The root cgroup.
    #[must_use]
    pub fn root(&self) -> Cgroup {
        Cgroup {
            path: self.point.clone(),
            relative: "/".into(),
            id: ROOT_ID,
            level: 0,
        }
    }

    /// The cgroup of a process, which may be the root.
    ///
    /// # Errors
    ///
    /// [`CgroupError`] if there is no such process, or its cgroup is not visible or already gone.
    pub fn of_process(&self, pid: Pid) -> Result<Cgroup, CgroupError> {
        let pid = pid.as_raw_nonzero().get();
        let list = PathBuf::from(format!("/proc/{pid}/cgroup"));
        let text = std::fs::read(&list).map_err(|source| {
            // ESRCH: the process ended between opening and reading.
            if source.kind() == io::ErrorKind::NotFound
                || source.raw_os_error() == Some(libc::ESRCH)
            {
                CgroupError::NoProcess(pid)
            } else {
                CgroupError::Read { path: list, source }
            }
        })?;
        let path = unified(&text).ok_or(CgroupError::Invisible { pid })?;
        self.below(path).map_err(|error| match error {
            CgroupError::NotFound { path } => match without_deleted_mark(&path) {
                Some(path) => CgroupError::Removed { path },
                None => CgroupError::Invisible { pid },
            },
            error => error,
        })
    }

    /// The cgroup of a container: the highest one above its process that carries the container's full id.
    /// A container may make cgroups below its own and move its first process there.
    ///
    /// # Errors
    ///
    /// [`CgroupError::NotOfContainer`] if no cgroup above the process carries the id, so that a process id
    /// from another machine or of a process that is gone is noticed; else as [`Self::of_process`].
    pub fn of_container(&self, pid: Pid, id: &str) -> Result<Cgroup, CgroupError> {
        let leaf = self.of_process(pid)?;
        if leaf.is_root() {
            return Err(CgroupError::Root {
                what: format!("container `{}` runs in", escape::text(id)),
            });
        }
        let relative = leaf.path.strip_prefix(&self.point).unwrap_or(&leaf.path);
        let path = up_to_id(relative, id).ok_or_else(|| CgroupError::NotOfContainer {
            pid: pid.as_raw_nonzero().get(),
            container: id.to_owned(),
        })?;
        self.below(&path)
    }

    /// The cgroup that a user names: by its directory, or by its path below the root.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Old`], [`CgroupError::NotFound`], or [`CgroupError::Root`].
    pub fn named(&self, path: &Path) -> Result<Cgroup, CgroupError> {
        let cgroup = self.lookup(path).map_err(|error| match error {
            CgroupError::NotFound { .. } if self.is_old(path) => CgroupError::Old {
                path: path.to_owned(),
                point: self.point.clone(),
            },
            CgroupError::NotFound { .. } => CgroupError::NotFound {
                path: path.to_owned(),
            },
            error => error,
        })?;
        if cgroup.is_root() {
            return Err(CgroupError::Root {
                what: format!("`{}` is", escape::path(path)),
            });
        }
        Ok(cgroup)
    }

    /// As a directory if it is one of ours, else as a path below the root.
    fn lookup(&self, path: &Path) -> Result<Cgroup, CgroupError> {
        if path.is_absolute()
            && let Ok(real) = path.canonicalize()
            && let Ok(relative) = real.strip_prefix(&self.point)
        {
            return self.below(relative);
        }
        let real = self.point.join(path.strip_prefix("/").unwrap_or(path));
        match real.canonicalize() {
            Ok(real) => self.below(real.strip_prefix(&self.point).unwrap_or(&real)),
            Err(_) => Err(CgroupError::NotFound { path: real }),
        }
    }

    fn is_old(&self, path: &Path) -> bool {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.old_points.iter().any(|point| real.starts_with(point))
    }

    /// The cgroup at a path below the root. A leading slash does not matter; `..` is refused, because it
    /// would be counted as a level.
    pub(super) fn below(&self, relative: &Path) -> Result<Cgroup, CgroupError> {
        let relative = relative.strip_prefix("/").unwrap_or(relative);
        let path = self.point.join(relative);
        let not_found = || CgroupError::NotFound {
            path: Path::new("/").join(relative),
        };
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !relative.components().all(is_plain) {
            return Err(not_found());
        }
        let read = |path: &Path| {
            path.metadata().map_err(|source| match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => not_found(),
                _ => CgroupError::Read {
                    path: path.to_owned(),
                    source,
                },
            })
        };
        let (root, metadata) = (read(&self.point)?, read(&path)?);
        if !metadata.is_dir() || metadata.dev() != root.dev() {
            return Err(not_found());
        }
        Ok(cgroup(path, relative, &metadata))
    }
}

impl Cgroup {
    /// Whether it is the root, which nobody wants to record.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.level == 0
    }

    /// The name of its directory; invalid UTF-8 is replaced. Hostile.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The cgroup whose directory lies directly in this one's.
    pub(super) fn child(&self, path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            path: path.to_owned(),
            relative: format!("{}/{name}", self.relative.trim_end_matches('/')),
            id: path.metadata()?.ino(),
            level: self.level.saturating_add(1),
        })
    }
}

fn cgroup(path: PathBuf, relative: &Path, metadata: &Metadata) -> Cgroup {
    Cgroup {
        path,
        relative: format!("/{}", relative.to_string_lossy()),
        id: metadata.ino(),
        level: u32::try_from(relative.components().count()).unwrap_or(u32::MAX),
    }
}

/// The first mount that shows the hierarchy from its real root, to a process in that namespace.
pub(crate) fn choose(
    mounts: Vec<Mount>,
    is_whole: impl Fn(&Path) -> bool,
) -> Result<Hierarchy, CgroupError> {
    let (new, old): (Vec<Mount>, Vec<Mount>) = mounts
        .into_iter()
        .partition(|mount| mount.version == Version::V2);
    let points = |mounts: Vec<Mount>| mounts.into_iter().map(|mount| mount.point).collect();
    let old_points: Vec<PathBuf> = points(old);
    let whole = new
        .iter()
        .find(|mount| mount.root == Path::new("/") && is_whole(&mount.point));
    match (whole, new.first()) {
        (Some(mount), _) => Ok(Hierarchy {
            mode: if old_points.is_empty() {
                Mode::Pure
            } else {
                Mode::Hybrid
            },
            point: mount.point.clone(),
            old_points,
        }),
        (None, Some(mount)) => Err(CgroupError::Partial {
            point: mount.point.clone(),
        }),
        (None, None) => Err(CgroupError::NotMounted {
            old: !old_points.is_empty(),
        }),
    }
}

/// The path in the v2 hierarchy from the text of `/proc/PID/cgroup`.
pub(crate) fn unified(text: &[u8]) -> Option<&Path> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let path = lines.find_map(|line| line.strip_prefix(b"0::"))?;
    Some(Path::new(OsStr::from_bytes(path)))
}

/// The path without the mark that the kernel puts behind a removed cgroup's path, if it carries it.
pub(crate) fn without_deleted_mark(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_bytes().strip_suffix(b" (deleted)")?;
    Some(OsStr::from_bytes(bytes).into())
}

/// The part of a path that ends with the first component that contains the id.
pub(crate) fn up_to_id(relative: &Path, id: &str) -> Option<PathBuf> {
    let mut upper = PathBuf::new();
    for part in relative {
        upper.push(part);
        let mut windows = part.as_bytes().windows(id.len().max(1));
        if windows.any(|window| window == id.as_bytes()) {
            return Some(upper);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn mount(version: Version, root: &str, point: &str) -> Mount {
        Mount {
            version,
            root: root.into(),
            point: point.into(),
        }
    }

    #[test]
    fn the_whole_hierarchy_is_chosen_wherever_it_is() {
        let v1 = || mount(Version::V1, "/", "/sys/fs/cgroup/pids");
        let v2 = |point: &str| mount(Version::V2, "/", point);
        let decide = |mounts: Vec<Mount>| {
            choose(mounts, |point| !point.ends_with("part"))
                .map(|found| (found.mode, found.point))
                .map_err(|error| error.to_string())
        };
        let found = |mode, point: &str| Ok((mode, PathBuf::from(point)));
        let table = [
            (
                vec![v2("/sys/fs/cgroup")],
                found(Mode::Pure, "/sys/fs/cgroup"),
            ),
            (
                vec![v1(), v2("/sys/fs/cgroup/unified")],
                found(Mode::Hybrid, "/sys/fs/cgroup/unified"),
            ),
            (
                vec![v2("/a/part"), v2("/mnt/c")],
                found(Mode::Pure, "/mnt/c"),
            ),
            (
                vec![mount(Version::V2, "/docker/x", "/mnt/c")],
                Err("the cgroup v2 mount at `/mnt/c` does not show the whole hierarchy".into()),
            ),
            (
                vec![mount(Version::V2, "/../..", "/sys/fs/cgroup")],
                Err(
                    "the cgroup v2 mount at `/sys/fs/cgroup` does not show the whole hierarchy"
                        .into(),
                ),
            ),
            (vec![v1()], Err("no cgroup v2 hierarchy is mounted".into())),
        ];
        for (mounts, expected) in table {
            assert_eq!(decide(mounts.clone()), expected, "{mounts:?}");
        }
        let hint = |old| CgroupError::NotMounted { old }.hint();
        assert_ne!(hint(true), hint(false));
    }

    #[test]
    fn the_unified_line_is_found_among_the_old_ones() {
        let path = |text: &str| unified(text.as_bytes()).map(|path| path.display().to_string());
        let hybrid = "9:name=systemd:/\n4:memory:/process\n0::/docker/ab\n";
        assert_eq!(path(hybrid).as_deref(), Some("/docker/ab"));
        assert_eq!(path("0::/a:b 0::c\n").as_deref(), Some("/a:b 0::c"));
        assert_eq!(path("10::/x\n9:pids:/\n"), None);
        assert_eq!(path(""), None);
    }

    #[test]
    fn a_container_is_watched_from_its_own_cgroup_down() {
        let id = "0123abcd";
        let case = |path: &str| up_to_id(Path::new(path), id).map(|p| p.display().to_string());
        for (path, scope) in [
            ("docker/0123abcd", Some("docker/0123abcd")),
            (
                "system.slice/docker-0123abcd.scope/init.scope",
                Some("system.slice/docker-0123abcd.scope"),
            ),
            ("docker/0123abcd/x/0123abcd", Some("docker/0123abcd")),
            ("docker/0123abc", None),
            ("", None),
        ] {
            assert_eq!(case(path).as_deref(), scope, "{path}");
        }
    }

    /// A directory tree that stands for a hierarchy, with an old one beside it.
    fn small_world() -> (tempfile::TempDir, Hierarchy) {
        let top = tempfile::tempdir().unwrap();
        let real = top.path().canonicalize().unwrap();
        fs::create_dir_all(real.join("unified/docker/ab/inner")).unwrap();
        fs::create_dir_all(real.join("pids/docker/ab")).unwrap();
        fs::write(real.join("unified/cgroup.procs"), "").unwrap();
        let hierarchy = Hierarchy::at(real.join("unified"), vec![real.join("pids")]);
        (top, hierarchy)
    }

    #[test]
    fn a_user_may_name_a_cgroup_by_directory_or_by_path() {
        let (_top, hierarchy) = small_world();
        let ab = hierarchy.point.join("docker/ab");
        let expected = Cgroup {
            path: ab.clone(),
            relative: "/docker/ab".into(),
            id: ab.metadata().unwrap().ino(),
            level: 2,
        };
        let by_mount = ab.join("inner/..");
        for name in [
            ab.as_path(),
            by_mount.as_path(),
            Path::new("/docker/ab"),
            Path::new("docker/ab/"),
        ] {
            assert_eq!(hierarchy.named(name).unwrap(), expected, "{name:?}");
        }
    }

    #[test]
    fn what_is_no_cgroup_below_the_root_is_refused() {
        let (_top, hierarchy) = small_world();
        let refusal = |path: &Path| hierarchy.named(path).unwrap_err().to_string();
        assert_eq!(
            refusal(Path::new("docker/cd")),
            "no cgroup v2 at `docker/cd`"
        );
        assert_eq!(
            refusal(Path::new("cgroup.procs")),
            "no cgroup v2 at `cgroup.procs`"
        );
        assert_eq!(refusal(Path::new("../pids")), "no cgroup v2 at `../pids`");
        assert_eq!(
            refusal(Path::new("/")),
            "`/` is the root cgroup, which holds every process of the host"
        );
        let root = hierarchy.point.clone();
        assert!(matches!(
            hierarchy.named(&root),
            Err(CgroupError::Root { .. })
        ));
        let old = hierarchy.old_points[0].join("docker/ab");
        assert!(matches!(
            hierarchy.named(&old),
            Err(CgroupError::Old { .. })
        ));
    }
}
