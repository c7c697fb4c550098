//! Commands that have containers work which are not the only one, or not new: `docker compose`, `start`, `exec`.

use super::{Place, Plan, Started, no_engine, scope, spawn};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::probe::Start;
use crate::recording::{Target, TargetKind};
use crate::report::escape;
use crate::session::Stop;
use crate::target::cgroup::Hierarchy;
use crate::target::engine::{
    ComposeError, Engine, Inspected, PreparedProject, PreparedStart, compose_containers,
    compose_service,
};
use crate::target::engine_run::{ComposeRun, ComposeVerb, EngineKind, ExecRun, StartRun};
use crate::target::namespace;
use crate::target::own_cgroup::Note;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

/// Containers that a project may start beside one for each service: replicas, and lives after the first. One more
/// is a counted loss.
const SPARE: u32 = 32;

/// How containers are called, each of which has a recording of its own.
enum Naming {
    /// By the service that each is of; one that cannot be told is of this one, if there is one.
    Service(Option<String>),
    /// By their own names; by the names of their cgroups.
    Own(BTreeMap<String, Inspected>),
}

/// Several targets at once.
pub(crate) struct Several {
    naming: Naming,
    /// The services that a project has.
    services: BTreeSet<String>,
    /// What the command needs while it runs.
    _workshop: Option<tempfile::TempDir>,
}

impl Several {
    /// What was known of a container before it was started.
    pub(super) fn known(&self, id: &str) -> Option<&Inspected> {
        match &self.naming {
            Naming::Own(known) => known.values().find(|known| known.id == id),
            Naming::Service(_) => None,
        }
    }
}

/// What cannot be recorded so.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("service `{}` names a seccomp profile of its own", escape::text(.0))]
    NamesProfile(String),
    #[error("no container runs of service `{}`", escape::text(.0))]
    NoContainer(String),
    #[error("several containers run of service `{}`", escape::text(.0))]
    SeveralContainers(String),
}

pub(crate) fn no_project(error: ComposeError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}

fn text(word: &OsString) -> String {
    word.to_string_lossy().into_owned()
}

fn target(words: &[OsString]) -> Target {
    Target {
        kind: TargetKind::Container,
        command: words.iter().map(text).collect(),
        ..Target::default()
    }
}

impl Plan {
    /// Whether there is a recording for each of several targets.
    pub(crate) fn is_several(&self) -> bool {
        self.several.is_some()
    }

    /// The services of a project.
    pub(crate) fn services(&self) -> BTreeSet<String> {
        let several = self.several.as_ref();
        several
            .map(|several| several.services.clone())
            .unwrap_or_default()
    }

    /// The name of the target that a container is; `None` if it is none that is meant, or cannot be told.
    pub(crate) fn name_of(&self, started: &Started) -> Option<String> {
        match &self.several.as_ref()?.naming {
            Naming::Service(fallback) => {
                let inspected = started.inspected.as_ref();
                let service = inspected.and_then(|inspected| compose_service(&inspected.labels));
                service.map(str::to_owned).or_else(|| fallback.clone())
            }
            Naming::Own(known) => {
                let found = known.values().find(|known| known.id == started.id)?;
                Some(found.name.clone())
            }
        }
    }

    /// Whether every container below the parent is meant.
    pub(crate) fn is_alone(&self) -> bool {
        let naming = self.several.as_ref().map(|several| &several.naming);
        !matches!(naming, Some(Naming::Own(_)))
    }

    /// A command of Compose; with services under these profiles, if their profiles are ours to choose.
    pub(crate) fn compose(
        hierarchy: &Hierarchy,
        run: &ComposeRun,
        words: &[OsString],
        profiles: Option<&BTreeMap<String, PathBuf>>,
        note: Note<'_>,
    ) -> Result<Self, Failure> {
        match &run.verb {
            ComposeVerb::Up => Self::project(hierarchy, run, words, profiles, None, note),
            ComposeVerb::Run(service) => {
                let service = Some(text(service));
                Self::project(hierarchy, run, words, profiles, service, note)
            }
            ComposeVerb::Start(services) => {
                let engine = Engine::of_client(EngineKind::Docker, &run.client);
                let found = compose_containers(run, services).map_err(no_project)?;
                let mut plan = Self::starting(hierarchy, &engine, &found, words)?;
                if let Some(several) = &mut plan.several {
                    several.naming =
                        match std::mem::replace(&mut several.naming, Naming::Service(None)) {
                            Naming::Own(known) => Naming::Own(by_service(known)),
                            naming => naming,
                        };
                }
                Ok(plan)
            }
            ComposeVerb::Exec { service, detached } => {
                let engine = Engine::of_client(EngineKind::Docker, &run.client);
                let found =
                    compose_containers(run, std::slice::from_ref(service)).map_err(no_project)?;
                let unfit = |unfit: fn(String) -> Unfit| Failure::environment(unfit(text(service)));
                match &found[..] {
                    [one] => Self::visit(hierarchy, &engine, one, words, *detached),
                    [] => Err(unfit(Unfit::NoContainer)),
                    _ => Err(unfit(Unfit::SeveralContainers)
                        .hint("`docker exec` of one of them can be recorded")),
                }
            }
        }
    }

    fn project(
        hierarchy: &Hierarchy,
        run: &ComposeRun,
        words: &[OsString],
        profiles: Option<&BTreeMap<String, PathBuf>>,
        fallback: Option<String>,
        note: Note<'_>,
    ) -> Result<Self, Failure> {
        let none = BTreeMap::new();
        let confined = profiles.unwrap_or(&none);
        let prepared = PreparedProject::new(hierarchy, run, confined, note).map_err(no_project)?;
        let PreparedProject {
            engine,
            about,
            parent,
            command,
            services,
            workshop,
        } = prepared;
        let own = services.iter().find(|(_, service)| service.names_profile);
        if let Some((name, _)) = own.filter(|_| profiles.is_some()) {
            let error = Failure::new(Exit::Invalid, Unfit::NamesProfile(name.clone()));
            return Err(error.hint("leave out its `security_opt: seccomp=…`"));
        }
        let moved = services
            .iter()
            .filter(|(_, service)| service.cgroup_parent.is_some());
        let moved: Vec<String> = moved
            .map(|(name, _)| {
                let name = escape::text(name);
                format!("`cgroup_parent` of service `{name}` does not hold while it is recorded")
            })
            .collect();
        let fallback = fallback.or_else(|| {
            let mut names = services.keys();
            names.next().filter(|_| names.next().is_none()).cloned()
        });
        let children = u32::try_from(services.len()).unwrap_or(u32::MAX);
        let namespaces = [namespace::own(), namespace::engine(&engine)];
        Ok(Self {
            start: Start::ContainerExec(namespaces.map(Option::unwrap_or_default)),
            from_start: true,
            stop: Stop::WhenEmpty,
            command: Some(spawn(&command)?),
            warnings: moved,
            engine: Some((engine, about)),
            several: Some(Several {
                naming: Naming::Service(fallback),
                services: services.into_keys().collect(),
                _workshop: Some(workshop),
            }),
            ..Self::in_place(
                "the project".to_owned(),
                target(words),
                scope(parent.cgroup(), children.saturating_add(SPARE)),
                Place::Each(parent),
            )
        })
    }

    /// `start` and `restart` of containers that are there.
    pub(crate) fn start_run(
        hierarchy: &Hierarchy,
        run: &StartRun,
        words: &[OsString],
    ) -> Result<Self, Failure> {
        let engine = Engine::of_client(run.kind, &run.client);
        let names: Vec<String> = run.containers.iter().map(text).collect();
        Self::starting(hierarchy, &engine, &names, words)
    }

    fn starting(
        hierarchy: &Hierarchy,
        engine: &Engine,
        names: &[String],
        words: &[OsString],
    ) -> Result<Self, Failure> {
        let prepared = PreparedStart::new(hierarchy, engine, names).map_err(super::not_prepared)?;
        let PreparedStart {
            about,
            parent,
            containers,
        } = prepared;
        // Others are there already, and every one of them takes a place.
        let others = parent.children().len();
        let children = u32::try_from(others + containers.len()).unwrap_or(u32::MAX);
        let label = match containers.len() {
            1 => containers.values().next().map(|one| one.name.clone()),
            _ => None,
        };
        let namespaces = [namespace::own(), namespace::engine(engine)];
        Ok(Self {
            start: Start::ContainerExec(namespaces.map(Option::unwrap_or_default)),
            from_start: true,
            stop: Stop::WhenEmptyOrLimit,
            command: Some(spawn(words)?),
            engine: Some((engine.clone(), about)),
            ..Self::in_place(
                label.unwrap_or_else(|| format!("{} containers", containers.len())),
                target(words),
                scope(&parent, children.saturating_add(SPARE)),
                Place::Named {
                    parent,
                    children: containers.keys().cloned().collect(),
                },
            )
        }
        .with(Several {
            naming: Naming::Own(containers),
            services: BTreeSet::new(),
            _workshop: None,
        }))
    }

    fn with(mut self, several: Several) -> Self {
        self.several = Some(several);
        self
    }

    /// `exec` in a container that runs.
    pub(crate) fn exec_run(
        hierarchy: &Hierarchy,
        run: &ExecRun,
        words: &[OsString],
    ) -> Result<Self, Failure> {
        let engine = Engine::of_client(run.kind, &run.client);
        Self::visit(
            hierarchy,
            &engine,
            &text(&run.container),
            words,
            run.detached,
        )
    }

    /// The container is recorded while the command runs, or while it runs itself if the command does not wait: what
    /// is executed in it cannot be told from what else it does, and needs the same profile.
    fn visit(
        hierarchy: &Hierarchy,
        engine: &Engine,
        name: &str,
        words: &[OsString],
        detached: bool,
    ) -> Result<Self, Failure> {
        let inspected = engine.inspect(name).map_err(no_engine)?;
        let mut plan = Self::inspected(hierarchy, name, engine, &inspected)?;
        plan.target.command = words.iter().map(text).collect();
        plan.command = Some(spawn(words)?);
        plan.stop = if detached {
            Stop::WhenEmptyOrLimit
        } else {
            Stop::WithCommand
        };
        Ok(plan)
    }
}

/// Containers of Compose, called by their services.
fn by_service(known: BTreeMap<String, Inspected>) -> BTreeMap<String, Inspected> {
    let named = known.into_iter().map(|(cgroup, mut inspected)| {
        if let Some(service) = compose_service(&inspected.labels) {
            inspected.name = service.to_owned();
        }
        (cgroup, inspected)
    });
    named.collect()
}
