//! What stands in the way of watching a cgroup, and what to do about it.

use crate::report::escape;
use std::io;
use std::path::PathBuf;

/// Why there is no cgroup to watch.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A file of `/proc` or of the hierarchy cannot be read.
    #[error("cannot read `{}`", escape::path(.path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the hierarchy cannot be written.
    #[error("cannot write `{}`", escape::path(.path))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A cgroup cannot be made.
    #[error("cannot create cgroup `{}`", escape::path(.path))]
    Create {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing is mounted that could be used.
    #[error("no cgroup v2 hierarchy is mounted")]
    NotMounted {
        /// Whether the old hierarchies are.
        old: bool,
    },
    /// Only a part of the hierarchy is mounted, or we are inside a cgroup namespace.
    #[error("the cgroup v2 mount at `{}` does not show the whole hierarchy", escape::path(.point))]
    Partial {
        /// The mount point.
        point: PathBuf,
    },
    /// No such process.
    #[error("no process with pid {0}")]
    NoProcess(i32),
    /// The process is in no cgroup of the v2 hierarchy that we can see.
    #[error("process {pid} is in no cgroup v2 that is visible here")]
    Invisible {
        /// The process.
        pid: i32,
    },
    /// The cgroup was removed while the process was still listed in it.
    #[error("cgroup `{}` is already removed", escape::path(.path))]
    Removed {
        /// Its path below the root.
        path: PathBuf,
    },
    /// The path is none of a cgroup.
    #[error("no cgroup v2 at `{}`", escape::path(.path))]
    NotFound {
        /// As given.
        path: PathBuf,
    },
    /// The path is one of an old hierarchy.
    #[error("`{}` is a cgroup of an old (v1) hierarchy", escape::path(.path))]
    Old {
        /// As given.
        path: PathBuf,
        /// Where the v2 hierarchy is mounted.
        point: PathBuf,
    },
    /// The root cgroup.
    #[error("{what} the root cgroup, which holds every process of the host")]
    Root {
        /// What led there, with a verb.
        what: String,
    },
    /// The process that the engine names is in no cgroup of that container.
    #[error("process {pid} is not in a cgroup of container `{}`", escape::text(.container))]
    NotOfContainer {
        /// The process.
        pid: i32,
        /// The container's id.
        container: String,
    },
}

impl CgroupError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Create { .. } | Self::Write { .. } => {
                "creating cgroups needs root and a writable cgroup v2 mount; \
                 `seccomp-tracer doctor` shows what is there"
                    .into()
            }
            Self::NotMounted { old: true } => {
                "this host uses the old cgroup hierarchies only; beside them the new one can be mounted: \
                 `mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified`, \
                 then restart the container engine"
                    .into()
            }
            Self::NotMounted { old: false } => {
                "mount it: `mount -t cgroup2 cgroup2 /sys/fs/cgroup`".into()
            }
            Self::Partial { .. } => {
                "record from the host's own cgroup namespace: on the host itself, or in a container with \
                 `--cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup`"
                    .into()
            }
            Self::Invisible { .. } => {
                "it belongs to a part of the hierarchy that is not visible from here; record on the host"
                    .into()
            }
            Self::Old { point, .. } => format!(
                "give the path below `{}`; `/proc/PID/cgroup` shows it after `0::`",
                escape::path(point)
            ),
            Self::Root { .. } => {
                "start the program in a cgroup of its own with `seccomp-tracer record -- CMD`, or name \
                 a cgroup below the root"
                    .into()
            }
            Self::NotOfContainer { .. } => {
                "is the engine on another machine, or are we in another pid namespace? record where the \
                 container runs"
                    .into()
            }
            Self::NotFound { .. } => "`systemd-cgls` or `find` below the cgroup mount lists them".into(),
            Self::Read { .. } | Self::NoProcess(_) | Self::Removed { .. } => return None,
        })
    }
}
