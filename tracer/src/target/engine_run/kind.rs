//! Which engines there are, and how they make cgroups.

use super::flags::{self, Flags};
use std::ffi::OsStr;
use std::path::Path;

/// Whose containers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EngineKind {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd without Docker above it: Kubernetes, nerdctl, `ctr`.
    Containerd,
    /// CRI-O.
    CriO,
    /// runc by itself.
    Runc,
    /// crun by itself.
    Crun,
}

impl EngineKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Docker,
        Self::Podman,
        Self::Containerd,
        Self::CriO,
        Self::Runc,
        Self::Crun,
    ];

    /// Those that are asked through a client of theirs, in the order in which they are; its name is theirs.
    /// The others' containers are found through the runtime.
    pub const CLIENTS: [Self; 2] = [Self::Docker, Self::Podman];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Runc => "runc",
            Self::Crun => "crun",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind whose client that program is.
    #[must_use]
    pub fn of_program(program: &OsStr) -> Option<Self> {
        let name = Path::new(program).file_name()?;
        Self::CLIENTS.into_iter().find(|kind| name == kind.name())
    }

    /// The client's own flags that need no value; Docker's command line is what the others take after.
    pub(super) const fn client_switches(self) -> &'static Flags {
        match self {
            Self::Podman => &flags::PODMAN_SWITCHES,
            _ => &flags::DOCKER_SWITCHES,
        }
    }

    /// The flags of `run` that need no value.
    pub(super) const fn run_switches(self) -> &'static Flags {
        match self {
            Self::Podman => &flags::PODMAN_RUN_SWITCHES,
            _ => &flags::DOCKER_RUN_SWITCHES,
        }
    }
}

/// How an engine makes cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupDriver {
    /// By itself: a parent is a path.
    Cgroupfs,
    /// Through systemd: a parent is a slice.
    Systemd,
}

impl CgroupDriver {
    /// The driver of that name, as engines call it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "cgroupfs" => Some(Self::Cgroupfs),
            "systemd" => Some(Self::Systemd),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cgroupfs => "cgroupfs",
            Self::Systemd => "systemd",
        }
    }
}
