//! Why the daemon cannot go on.

use crate::probe::{PinError, ProbeError};
use crate::report::escape;
use crate::target::cgroup::CgroupError;
use crate::target::requirements::MOUNT_BPF_FILES;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why the daemon cannot start, or go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The kernel side.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// What is pinned.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// A cgroup that was asked for.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// Files of its own.
    #[error("cannot use `{}`", escape::path(.path))]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon has them.
    #[error("another daemon uses `{}`", escape::path(.0))]
    InUse(PathBuf),
    /// A target that was asked for is not to be.
    #[error("cannot record `{}`: {why}", escape::text(.cgroup))]
    Refused {
        /// Its cgroup. Hostile.
        cgroup: String,
        /// Why.
        why: String,
    },
    /// What is pinned has room for another number of targets than was asked for.
    #[error("there is room for {pinned} targets in what is pinned, not for {wanted}")]
    Room {
        /// What there is.
        pinned: u32,
        /// What was asked for.
        wanted: u32,
    },
    /// The listener for metrics.
    #[error("cannot listen at `{address}`")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused something that the loop stands on.
    #[error("cannot wait for events")]
    Wait(#[source] io::Error),
}

impl DaemonError {
    /// For a file of the daemon's own.
    pub(super) fn files(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Files {
            path: path.to_owned(),
            source,
        }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Probe(ProbeError::Pin(error)) | Self::Pins(error) => return pin_hint(error),
            Self::Cgroup(error) => return error.hint(),
            Self::InUse(_) => "give each daemon its own with --state, --pin and --socket",
            Self::Probe(error) => error.hint()?,
            Self::Room { .. } => {
                "leave --max out to go on with what is pinned, or end that with `seccomp-tracer daemon --release`"
            }
            Self::Files { .. } | Self::Refused { .. } | Self::Listen { .. } | Self::Wait(_) => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}

fn pin_hint(error: &PinError) -> Option<String> {
    let hint = match error {
        PinError::NotBpf(_) => MOUNT_BPF_FILES,
        // Where there is no bpf file system, there is not even a folder to mount one at.
        PinError::Folder { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            MOUNT_BPF_FILES
        }
        PinError::InUse(_) => "give each daemon its own with --state, --pin and --socket",
        PinError::Foreign(_) => {
            "start the version that left it and stop what it records, or give it up with \
             `seccomp-tracer daemon --release`"
        }
        PinError::Folder { .. } | PinError::Refused { .. } => return None,
    };
    Some(hint.to_owned())
}
