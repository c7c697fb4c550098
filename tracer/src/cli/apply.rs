//! `--apply`: how a profile that was written is put to use.

use super::failure::Failure;
use crate::report::apply::Applier;
use std::path::Path;

/// For whom.
#[derive(clap::Args)]
pub(super) struct ApplyArguments {
    /// Print on standard output how the profile is put to use there; several are separated by commas.
    #[arg(long, value_name = "WHERE", value_enum, value_delimiter = ',')]
    apply: Vec<Name>,
}

/// Something that applies profiles, by the name that the user gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// `docker run`.
    Docker,
    /// `podman run`.
    Podman,
    /// A Compose file.
    Compose,
    /// A pod's `securityContext`.
    Kubernetes,
    /// `nerdctl` and `ctr`.
    Containerd,
    /// A unit.
    Systemd,
    /// `seccomp-tracer run`.
    Run,
}

impl Name {
    /// Whether it starts no containers.
    fn is_of_host(&self) -> bool {
        match self {
            Self::Systemd | Self::Run => true,
            Self::Docker | Self::Podman | Self::Compose | Self::Kubernetes | Self::Containerd => {
                false
            }
        }
    }
}

impl From<Name> for Applier {
    fn from(name: Name) -> Self {
        match name {
            Name::Docker => Self::Docker,
            Name::Podman => Self::Podman,
            Name::Compose => Self::Compose,
            Name::Kubernetes => Self::Kubernetes,
            Name::Containerd => Self::Containerd,
            Name::Systemd => Self::Systemd,
            Name::Run => Self::Run,
        }
    }
}

/// There is nothing to point to.
#[derive(Debug, thiserror::Error)]
#[error("`--apply` needs a profile that is kept in a file")]
struct NoFile;

impl ApplyArguments {
    /// Whether what is asked for is possible, before any work is done.
    pub(super) fn check(&self, path: &Path) -> Result<(), Failure> {
        if self.apply.is_empty() || path != Path::new("-") {
            return Ok(());
        }
        Err(Failure::invalid(NoFile).hint("say with -o where the profile goes"))
    }

    /// Whether it is for those only who start no containers.
    pub(super) fn is_for_host(&self) -> bool {
        !self.apply.is_empty() && self.apply.iter().all(Name::is_of_host)
    }

    /// Whether somebody is among them who starts containers.
    pub(super) fn is_for_containers(&self) -> bool {
        !self.apply.iter().all(Name::is_of_host)
    }

    /// Whom it is for.
    pub(super) fn appliers(&self) -> impl Iterator<Item = Applier> {
        self.apply.iter().map(|&name| name.into())
    }
}
