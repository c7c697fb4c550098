//! `--apply`: how a profile that was written is put to use.

use super::failure::Failure;
use super::output;
use crate::profile::Profile;
use crate::report::apply::{self, Applier};
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

    /// Prints it; the path as others will find the file.
    pub(super) fn print(&self, path: &Path, profile: &Profile) -> Result<(), Failure> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let each = self.apply.iter();
        let texts = each.map(|&name| apply::apply(name.into(), &path, profile));
        output::print(&texts.collect::<Vec<_>>().join("\n"))
    }
}
