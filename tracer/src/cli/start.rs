//! The arguments by which verbs take who starts what is confined, and how.

use super::apply::ApplyArguments;
use super::failure::Failure;
use crate::minimize::{self, RuntimeRelease, Start};
use crate::recording::{Run, TargetKind};
use clap::builder::PossibleValuesParser;
use std::collections::BTreeSet;

/// Who starts it, and how.
#[derive(Clone, Default, clap::Args)]
pub(super) struct StartArguments {
    /// Runtime that starts the container, or none for a process of the host: under systemd, or by `run`
    /// [default: the recording's; all that are known for recordings of host processes].
    #[arg(long, value_name = "NAME", value_parser = names())]
    runtime: Option<String>,
    #[command(flatten)]
    how: HowArguments,
}

/// How it is started.
#[derive(Clone, Copy, Default, clap::Args)]
pub(super) struct HowArguments {
    /// How the container may be started.
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    start: How,
}

/// How a container is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// As it was in the recordings; of recordings that differ, in each of these ways.
    #[default]
    Recorded,
    /// With and without no_new_privs, with and without an init (`--init`), by every runtime.
    Any,
}

/// A profile that is to be applied to what does not start under it.
#[derive(Debug, thiserror::Error)]
#[error("no container starts under a profile for a process of the host")]
struct NoContainer;

/// What stands for no runtime.
const NONE: &str = "none";

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(minimize::known_runtimes().chain([NONE]))
}

impl StartArguments {
    /// The same for what runs without a container: no runtime, unless one was asked for, or somebody who starts
    /// containers is to apply the profile.
    pub(super) fn of_program(mut self, apply: &ApplyArguments) -> Self {
        if !apply.is_for_containers() {
            self.runtime.get_or_insert_with(|| NONE.to_owned());
        }
        self
    }

    /// The same for recordings: of processes of the host no runtime, if the profile is only for those who start no
    /// containers, unless one was asked for.
    pub(super) fn of_runs(self, runs: &[Run], apply: &ApplyArguments) -> Self {
        match apply.is_for_host() && !runs.iter().any(is_container) {
            true => self.of_program(apply),
            false => self,
        }
    }

    /// Whether everybody can apply the profile who is asked to.
    pub(super) fn check(&self, apply: &ApplyArguments) -> Result<(), Failure> {
        match self.runtime.as_deref() == Some(NONE) && apply.is_for_containers() {
            true => Err(Failure::invalid(NoContainer).hint("leave out `--runtime none`")),
            false => Ok(()),
        }
    }

    /// The runtimes to make room for: those recorded, and where nobody knows, all.
    pub(super) fn runtimes(&self, runs: &[Run]) -> BTreeSet<RuntimeRelease> {
        match (self.runtime.as_deref(), self.how.start) {
            (Some(NONE), _) => BTreeSet::new(),
            (Some(name), _) => [any_release(name)].into(),
            (None, How::Any) => every_runtime().collect(),
            (None, How::Recorded) => recorded(runs),
        }
    }

    /// How the container is started.
    pub(super) fn start(&self, runs: &[Run]) -> Start {
        match (self.runtime.as_deref(), self.how.start) {
            // Nothing is presumed of what there is not.
            (Some(NONE), _) => Start::default(),
            (_, How::Recorded) => Start::recorded(runs),
            (_, How::Any) => Start::any(),
        }
    }
}

impl From<HowArguments> for StartArguments {
    fn from(how: HowArguments) -> Self {
        Self { runtime: None, how }
    }
}

impl HowArguments {
    /// The same as words of a command line.
    pub(super) fn words(self) -> Option<&'static str> {
        match self.start {
            How::Recorded => None,
            How::Any => Some("--start=any"),
        }
    }
}

/// Whether a run was a container's.
pub(super) fn is_container(run: &Run) -> bool {
    run.target.kind == TargetKind::Container || run.target.container.is_some()
}

fn recorded(runs: &[Run]) -> BTreeSet<RuntimeRelease> {
    let is_known = |name: &str| minimize::known_runtimes().any(|known| known == name);
    let mut all = BTreeSet::new();
    for run in runs {
        let named = run.target.container.as_ref().and_then(|container| {
            let name = container.runtime.clone().filter(|name| is_known(name))?;
            let version = container.runtime_version.clone();
            Some(RuntimeRelease { name, version })
        });
        match named {
            Some(release) => drop(all.insert(release)),
            None => all.extend(every_runtime()),
        }
    }
    all
}

fn every_runtime() -> impl Iterator<Item = RuntimeRelease> {
    minimize::known_runtimes().map(any_release)
}

fn any_release(name: &str) -> RuntimeRelease {
    RuntimeRelease {
        name: name.to_owned(),
        version: None,
    }
}
