//! The arguments by which verbs take the base profile, and how it is resolved.

use super::failure::Failure;
use super::output;
use crate::profile::{Circumstances, KernelVersion, Profile, Source, base, read};
use crate::recording::Run;
use crate::report::escape;
use crate::syscall::Abi;
use crate::syscall::capability::{self, Capabilities};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which base, for whom.
#[derive(Clone, clap::Args)]
pub(super) struct BaseArguments {
    /// The profile that must not be exceeded: docker, podman, none, or a file.
    #[arg(long, value_name = "BASE", default_value = "docker")]
    pub(super) base: String,
    #[command(flatten)]
    pub(super) circumstances: CircumstanceArguments,
}

/// The bases that have a name; others are files.
pub(super) const NAMES: [&str; 3] = ["docker", "podman", "none"];

/// For whom a profile with conditions is resolved.
#[derive(Clone, Default, clap::Args)]
pub(super) struct CircumstanceArguments {
    /// Capabilities of the container, separated by commas: names with or without CAP_, ALL, NONE, or
    /// docker for Docker's default 14 [default: the recording's, else docker].
    #[arg(long, value_name = "LIST")]
    caps: Option<String>,
    /// Kernel that the container will run on [default: the recording's, else 6.1].
    #[arg(long, value_name = "VERSION")]
    kernel: Option<String>,
}

/// A base, ready for use.
pub(super) struct Resolved {
    /// How to call it.
    pub(super) name: String,
    /// Flat; `None` when there is no bound.
    pub(super) profile: Option<Profile>,
    /// Where it came from.
    pub(super) conditions: Option<(Source, Circumstances)>,
    /// What it was resolved for; there without a base too.
    pub(super) circumstances: Circumstances,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// What is wrong with these arguments, or with how the recordings fit together.
#[derive(Debug, thiserror::Error)]
pub(super) enum BaseError {
    #[error("unknown capability `{}`", escape::text(.0))]
    Capability(String),
    #[error("unknown kernel version `{}`", escape::text(.0))]
    Kernel(String),
    #[error("the recordings were made with different capabilities")]
    CapabilitiesDiffer,
    #[error("recordings of architecture `{}` cannot be used yet", escape::text(.0))]
    Architecture(String),
}

/// A file that is no profile.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}`", escape::path(.path))]
pub(super) struct NoProfile {
    path: PathBuf,
    source: read::ReadError,
}

/// Reads a profile.
pub(super) fn read_profile(path: &Path) -> Result<Source, Failure> {
    profile_of(
        path,
        &output::read_at_most(path, read::SIZE_MAX_BYTES as u64)?,
    )
}

/// Reads a profile from a regular file that somebody else named.
pub(super) fn read_foreign_profile(path: &Path) -> Result<Source, Failure> {
    profile_of(
        path,
        &output::read_file_at_most(path, read::SIZE_MAX_BYTES as u64)?,
    )
}

fn profile_of(path: &Path, text: &str) -> Result<Source, Failure> {
    read::profile(text).map_err(|source| {
        Failure::invalid(NoProfile {
            path: path.to_owned(),
            source,
        })
    })
}

/// The native ABI of the machine of these runs, which is one for all of them; x86_64 when there is none.
pub(super) fn native(runs: &[Run]) -> Result<Abi, Failure> {
    match runs.first().map(|run| run.host.architecture.as_str()) {
        None | Some("x86_64") => Ok(Abi::X86_64),
        Some(name) => Err(Failure::invalid(BaseError::Architecture(name.to_owned()))),
    }
}

impl BaseArguments {
    /// A base for the circumstances that the recordings have.
    pub(super) fn recorded(base: String) -> Self {
        let circumstances = CircumstanceArguments::default();
        Self {
            base,
            circumstances,
        }
    }

    /// The base for these recordings.
    pub(super) fn resolve(&self, runs: &[Run], native: Abi) -> Result<Resolved, Failure> {
        let (circumstances, notes) = self.circumstances.of(runs, native)?;
        let (name, source) = match self.base.as_str() {
            "none" => ("none".to_owned(), None),
            "docker" => ("Docker's default".to_owned(), Some(base::docker().clone())),
            "podman" => ("Podman's default".to_owned(), Some(base::podman().clone())),
            file => (
                format!("`{}`", escape::text(file)),
                Some(read_profile(Path::new(file))?),
            ),
        };
        let profile = source.as_ref().map(|source| source.resolve(&circumstances));
        let conditions = source.map(|source| (source, circumstances.clone()));
        Ok(Resolved {
            name,
            profile,
            conditions,
            circumstances,
            notes,
        })
    }
}

impl CircumstanceArguments {
    /// What was asked for, else what the recordings say; and what the user should know about it.
    pub(super) fn of(
        &self,
        runs: &[Run],
        native: Abi,
    ) -> Result<(Circumstances, Vec<String>), Failure> {
        let mut notes = Vec::new();
        let circumstances = Circumstances {
            host: native,
            kernel: self.kernel_version(runs)?,
            capabilities: self.capabilities(runs, &mut notes)?,
        };
        Ok((circumstances, notes))
    }

    /// The same, with what is known of a target that runs in the place of what was not asked for.
    pub(super) fn or_of(&self, capabilities: Option<&Capabilities>, kernel: &str) -> Self {
        let list = |capabilities: &Capabilities| match capabilities.is_empty() {
            true => "none".to_owned(),
            false => capabilities.iter().cloned().collect::<Vec<_>>().join(","),
        };
        Self {
            caps: self.caps.clone().or_else(|| capabilities.map(list)),
            kernel: self.kernel.clone().or_else(|| Some(kernel.to_owned())),
        }
    }

    fn kernel_version(&self, runs: &[Run]) -> Result<KernelVersion, Failure> {
        if let Some(text) = &self.kernel {
            return KernelVersion::from_release(text)
                .ok_or_else(|| Failure::invalid(BaseError::Kernel(text.clone())));
        }
        // The oldest kernel permits the least.
        let versions = runs
            .iter()
            .filter_map(|one| KernelVersion::from_release(&one.host.kernel));
        Ok(versions
            .min()
            .unwrap_or(KernelVersion { major: 6, minor: 1 }))
    }

    fn capabilities(&self, runs: &[Run], notes: &mut Vec<String>) -> Result<Capabilities, Failure> {
        if let Some(list) = &self.caps {
            return parse_capabilities(list);
        }
        let known: BTreeSet<_> = runs
            .iter()
            .filter_map(|run| run.target.capabilities.as_ref())
            .collect();
        let mut known = known.into_iter();
        match (known.next(), known.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => {
                if !runs.is_empty() {
                    let note =
                        "the target's capabilities are unknown; Docker's default 14 are assumed";
                    notes.push(note.to_owned());
                }
                Ok(capability::docker_default())
            }
            (Some(_), Some(_)) => Err(Failure::invalid(BaseError::CapabilitiesDiffer)
                .hint("say with --caps which capabilities the container will have")),
        }
    }
}

fn parse_capabilities(list: &str) -> Result<Capabilities, Failure> {
    let mut capabilities = Capabilities::new();
    for word in list
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        match word.to_ascii_lowercase().as_str() {
            "all" => capabilities.extend(capability::all()),
            "none" => {}
            "docker" => capabilities.extend(capability::docker_default()),
            _ => {
                let name = capability::canonical(word);
                let unknown = || Failure::invalid(BaseError::Capability(word.to_owned()));
                capabilities.insert(name.ok_or_else(unknown)?.to_owned());
            }
        }
    }
    Ok(capabilities)
}
