//! `audit --container`: what a running container shows.

use super::failure::Failure;
use super::plan::{no_cgroup, no_engine, no_process};
use super::progress::Display;
use super::watching::{self, LimitArguments, TargetArguments};
use crate::audit::{Live, Refusals};
use crate::probe::Looking;
use crate::profile::proof::Installed;
use crate::profile::release::Release;
use crate::profile::{Meaning, Runtime};
use crate::recording::Denials;
use crate::syscall::Abi;
use crate::syscall::capability::Capabilities;
use crate::target::cgroup::{CgroupError, Hierarchy};
use crate::target::engine::{Engine, Inspected};
use crate::target::engine_run::EngineKind;
use crate::target::filters::{FilterError, Held};
use crate::target::process::{self, Facts, SeccompMode};
use rustix::process::Pid;
use std::time::Duration;

/// Which container.
#[derive(clap::Args)]
pub(super) struct LiveArguments {
    /// A running container, by name or id: the filters that its first process really has are compared with the
    /// profile. The process stops for a moment, and a call that it waits in may end with EINTR. Capabilities,
    /// kernel, engine and runtime are the container's unless said otherwise.
    #[arg(long, value_name = "NAME|ID")]
    container: Option<String>,
    /// Watch the container for this time as well, like 90s or 1h30m, and say what is refused.
    #[arg(long, value_name = "DURATION", requires = "container", value_parser = watching::duration_parser())]
    watch: Option<Duration>,
}

/// A container that runs.
pub(super) struct Container {
    name: String,
    engine: Engine,
    release: Option<Release>,
    engine_version: Option<String>,
    inspected: Inspected,
    hierarchy: Hierarchy,
    facts: Facts,
    watch: Option<Duration>,
}

impl LiveArguments {
    /// Finds the container, if one is asked for.
    pub(super) fn find(&self, meant: Option<EngineKind>) -> Result<Option<Container>, Failure> {
        let Some(name) = &self.container else {
            return Ok(None);
        };
        let hierarchy = Hierarchy::detect().map_err(no_cgroup)?;
        let (engine, inspected) = Engine::find(name, meant).map_err(no_engine)?;
        let pid = inspected.first_process().map_err(no_engine)?;
        let facts = process::facts(pid).map_err(no_process)?;
        let about = engine.about().ok();
        let container = inspected.container(engine.kind(), about.as_ref());
        Ok(Some(Container {
            name: name.clone(),
            release: container.runtime.as_deref().and_then(|name| {
                let runtime = Runtime::named(name)?;
                let version = container.runtime_version.clone();
                Some(Release { runtime, version })
            }),
            engine_version: about
                .map(|about| about.version)
                .filter(|text| !text.is_empty()),
            engine,
            inspected,
            hierarchy,
            facts,
            watch: self.watch,
        }))
    }
}

impl Container {
    /// The engine that it belongs to.
    pub(super) fn engine(&self) -> EngineKind {
        self.engine.kind()
    }

    /// The release of the engine, if it said so.
    pub(super) fn engine_version(&self) -> Option<&str> {
        self.engine_version.as_deref()
    }

    /// The runtime that started it, if it is one that we know.
    pub(super) fn runtime(&self) -> Option<Runtime> {
        self.release.as_ref().map(Release::reads_as)
    }

    /// The same with its version.
    pub(super) fn release(&self) -> Option<Release> {
        self.release.clone()
    }

    /// Whether its first process has no_new_privs.
    pub(super) fn no_new_privs(&self) -> bool {
        self.facts.no_new_privs == Some(true)
    }

    /// The capabilities that it may have.
    pub(super) fn capabilities(&self) -> Option<&Capabilities> {
        self.facts.capabilities.as_ref()
    }

    /// What it shows, against what the profile means and against the base.
    pub(super) fn examine(
        &self,
        profile: &Meaning,
        base: &Meaning,
        native: Abi,
    ) -> Result<Live, Failure> {
        let programs = self.filters(self.facts.pid)?;
        let installed = Installed::decode(&programs).map_err(Failure::environment)?;
        let deviations = installed.deviations(profile, native);
        let denials = self.watch.map(|time| self.watch(time)).transpose()?;
        Ok(Live {
            target: format!("{} of {}", self.name, self.engine.kind().name()),
            filters: installed.lengths(),
            deviations: deviations.map_err(Failure::environment)?,
            refusals: denials.map(|denials| Refusals::of(&denials, profile, base)),
        })
    }

    fn filters(&self, pid: Pid) -> Result<Vec<Vec<u8>>, Failure> {
        let held = Held::take(pid).map_err(no_filter)?;
        // Who stands still cannot be replaced by another with its number.
        match self.hierarchy.of_container(pid, &self.inspected.id) {
            // Whoever calls a runtime names the cgroup as he likes.
            Err(CgroupError::NotOfContainer { .. }) if self.engine.is_runtime() => {}
            found => drop(found.map_err(no_cgroup)?),
        }
        // The kernel does not tell a task without a filter from one that it knows nothing of.
        if process::facts(pid).map_err(no_process)?.seccomp == Some(SeccompMode::Disabled) {
            return Ok(Vec::new());
        }
        held.filters().map_err(no_filter)
    }

    /// What is refused in this time, or until the user has seen enough.
    fn watch(&self, time: Duration) -> Result<Denials, Failure> {
        let mut listening = watching::listen()?;
        let target =
            TargetArguments::of_container(self.inspected.id.clone(), Some(self.engine.kind()));
        let plan = watching::plan(&target)?;
        let mut display = Display::watching(&self.name, false);
        let limits = LimitArguments::lasting(time);
        let watched = watching::hold(
            plan,
            &mut listening,
            Looking::AtDenials,
            &limits,
            &mut display,
        )?;
        Ok(watched.recording.denials.unwrap_or_default())
    }
}

fn no_filter(error: FilterError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}
