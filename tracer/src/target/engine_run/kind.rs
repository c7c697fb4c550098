//! Which engines there are, and how they make cgroups.

use super::flags::{self, Flags};
use std::ffi::OsStr;
use std::path::Path;

/// Which client a command line calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EngineKind {
    /// `docker`.
    Docker,
    /// `podman`.
    Podman,
}

impl EngineKind {
    /// Every kind, in the order in which they are asked.
    pub const ALL: [Self; 2] = [Self::Docker, Self::Podman];

    /// The client's name, which is that of its program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// The kind whose client that program is.
    #[must_use]
    pub fn of_program(program: &OsStr) -> Option<Self> {
        let name = Path::new(program).file_name()?;
        Self::ALL.into_iter().find(|kind| name == kind.name())
    }

    /// The client's own flags that need no value.
    pub(super) const fn client_switches(self) -> &'static Flags {
        match self {
            Self::Docker => &flags::DOCKER_SWITCHES,
            Self::Podman => &flags::PODMAN_SWITCHES,
        }
    }

    /// The flags of `run` that need no value.
    pub(super) const fn run_switches(self) -> &'static Flags {
        match self {
            Self::Docker => &flags::DOCKER_RUN_SWITCHES,
            Self::Podman => &flags::PODMAN_RUN_SWITCHES,
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
