//! The arguments by which verbs take the base profile, and how it is resolved.

use super::failure::Failure;
use super::output;
use super::start::is_container;
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
    /// Capabilities of the container, separated by commas: names with or without CAP_, ALL, NONE, docker
    /// for Docker's default 14, or recorded for what the recorded target had [default: what recorded
    /// containers had, else docker].
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
    /// Capabilities that any recorded target had.
    pub(super) recorded: Capabilities,
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
    profile_named(path, text, None)
}

/// The profile of that name in a text; without a name the only one.
pub(super) fn profile_named(
    path: &Path,
    text: &str,
    name: Option<&str>,
) -> Result<Source, Failure> {
    read::profile_named(text, name).map_err(|source| {
        let hint = source.hint();
        let path = path.to_owned();
        Failure::invalid(NoProfile { path, source }).hint_if(hint.map(str::to_owned))
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

    /// The same for a target of which these capabilities are known.
    pub(super) fn of_target(&self, capabilities: Option<&Capabilities>) -> Self {
        let kernel = rustix::system::uname();
        let kernel = kernel.release().to_string_lossy();
        Self {
            base: self.base.clone(),
            circumstances: self.circumstances.or_of(capabilities, &kernel),
        }
    }

    /// The base for these recordings.
    pub(super) fn resolve(&self, runs: &[Run], native: Abi) -> Result<Resolved, Failure> {
        let (circumstances, mut notes) = self.circumstances.of(runs, native)?;
        notes.extend(below(runs));
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
        let recorded = runs.iter().flat_map(|run| &run.target.capabilities);
        Ok(Resolved {
            recorded: recorded.flatten().cloned().collect(),
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
            let mut recorded = || had(runs.iter(), notes);
            return parse_capabilities(list, &mut recorded);
        }
        // What a process of the host had says nothing of a container.
        let containers: Vec<&Run> = runs.iter().filter(|run| is_container(run)).collect();
        if containers.is_empty() {
            return Ok(capability::docker_default());
        }
        Ok(had(containers.into_iter(), notes))
    }
}

/// What is to be said of containers below a cgroup that was recorded.
fn below(runs: &[Run]) -> Option<String> {
    let all = runs.iter().filter_map(|run| run.target.below);
    let unknown = all.fold(0_u32, |sum, below| sum.saturating_add(below.unknown));
    (unknown > 0).then(|| {
        format!(
            "of {unknown} containers below a recorded cgroup it is not known whether they start under a filter; \
             everything in them counts, also what runtimes did for them"
        )
    })
}

/// What all of these runs had, so that none is permitted more than the base gives it.
fn had<'a>(runs: impl Iterator<Item = &'a Run>, notes: &mut Vec<String>) -> Capabilities {
    let known: BTreeSet<&Capabilities> = runs
        .filter_map(|run| run.target.capabilities.as_ref())
        .collect();
    let mut known = known.into_iter();
    let Some(first) = known.next() else {
        notes.push(
            "the target's capabilities are unknown; Docker's default 14 are assumed".to_owned(),
        );
        return capability::docker_default();
    };
    let (mut least, mut most) = (first.clone(), first.clone());
    for other in known {
        least = &least & other;
        most.extend(other.iter().cloned());
    }
    if least != most {
        let not_all: Vec<String> = (&most - &least).into_iter().collect();
        notes.push(format!(
            "the recordings were made with different capabilities; the base is resolved for those that all \
             had, without {}; `--caps` says otherwise",
            escape::text(&not_all.join(", "))
        ));
    }
    least
}

fn parse_capabilities(
    list: &str,
    recorded: &mut dyn FnMut() -> Capabilities,
) -> Result<Capabilities, Failure> {
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
            "recorded" => capabilities.extend(recorded()),
            _ => {
                let name = capability::canonical(word);
                let unknown = || Failure::invalid(BaseError::Capability(word.to_owned()));
                capabilities.insert(name.ok_or_else(unknown)?.to_owned());
            }
        }
    }
    Ok(capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing;
    use crate::recording::{Runs, TargetKind};

    fn run(kind: TargetKind, capabilities: Option<&[&str]>) -> Run {
        let mut run = Runs::from(testing::recording("r", vec![])).runs()[0].clone();
        run.target.kind = kind;
        run.target.container = None;
        run.target.capabilities = capabilities.map(set);
        run
    }

    fn set(names: &[&str]) -> Capabilities {
        names.iter().map(|name| format!("CAP_{name}")).collect()
    }

    #[test]
    fn only_what_containers_had_is_granted_unasked() {
        use TargetKind::{Command, Container};
        let docker = capability::docker_default();
        let root = || run(Command, Some(&["SYS_ADMIN", "KILL"]));
        let small = || run(Container, Some(&["CHOWN", "KILL"]));
        let other = || run(Container, Some(&["KILL", "SYS_TIME"]));
        let unknown = || run(Container, None);
        let table = [
            (None, vec![root()], docker.clone(), 0),
            (None, vec![small(), root()], set(&["CHOWN", "KILL"]), 0),
            (None, vec![small(), other()], set(&["KILL"]), 1),
            (None, vec![unknown()], docker.clone(), 1),
            (None, vec![unknown(), small()], set(&["CHOWN", "KILL"]), 0),
            (None, vec![], docker, 0),
            (
                Some("recorded"),
                vec![root()],
                set(&["SYS_ADMIN", "KILL"]),
                0,
            ),
            (
                Some("recorded,sys_boot"),
                vec![small(), root()],
                set(&["KILL", "SYS_BOOT"]),
                1,
            ),
            (Some("none"), vec![root()], set(&[]), 0),
        ];
        for (caps, runs, expected, notes) in table {
            let arguments = CircumstanceArguments {
                caps: caps.map(str::to_owned),
                kernel: None,
            };
            let found = arguments.of(&runs, Abi::X86_64);
            let (circumstances, said) = found.unwrap_or_else(|failure| panic!("{}", failure.error));
            let found = (circumstances.capabilities, said.len());
            assert_eq!(found, (expected, notes), "{caps:?} {said:?}");
        }
    }
}
