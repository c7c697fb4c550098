//! What a profile presumes of whoever starts something under it, and how what was recorded was started.

use super::start::is_container;
use super::{Init, Options, Portability, RuntimeRelease};
use crate::recording::Run;
use crate::syscall::capability::{self, Capabilities};
use std::collections::BTreeSet;

/// What a profile presumes. What is started otherwise may not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presumes {
    /// The runtimes that the container is started by; empty for a process of the host, which none starts. A
    /// version is there where the profile is for that one only.
    pub runtimes: BTreeSet<RuntimeRelease>,
    /// Whether the runtime sets no_new_privs.
    pub no_new_privs: NoNewPrivs,
    /// Whether an init of the engine's is in it.
    pub init: PresumedInit,
    /// Whether no container was recorded.
    pub from_host: bool,
    /// How what was recorded was started.
    pub given: Given,
}

/// What is presumed of no_new_privs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoNewPrivs {
    /// That the runtime sets it; it does not start the container otherwise.
    Needed,
    /// Nothing.
    Either,
}

/// What is presumed of an init of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresumedInit {
    /// That there is none.
    Absent,
    /// Nothing: there may be one.
    Either,
    /// That there is none, unless there was one in the recordings, which do not say.
    Unknown,
}

/// What the containers were given that were recorded, as far as it was the same for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `docker`, `podman`, …: of all that there were.
    pub engines: BTreeSet<String>,
    /// Whether the runtime set no_new_privs for all.
    pub no_new_privs: Option<bool>,
    /// Whether all had an init of the engine's.
    pub init: Option<bool>,
    /// Their capabilities.
    pub capabilities: Option<Capabilities>,
    /// `USER[:GROUP]`. Hostile.
    pub user: Option<String>,
    /// The image. Hostile.
    pub image: Option<String>,
}

impl Presumes {
    /// What a profile presumes that is made of these runs with these options.
    #[must_use]
    pub fn of(runs: &[Run], options: &Options) -> Self {
        let containers: Vec<&Run> = runs.iter().filter(|run| is_container(run)).collect();
        let is_exact = options.portability == Portability::Exact && !options.start.any;
        let runtimes = options.runtimes.iter().map(|release| RuntimeRelease {
            name: release.name.clone(),
            version: release.version.clone().filter(|_| is_exact),
        });
        Self {
            runtimes: runtimes.collect(),
            no_new_privs: match options.start.late {
                true => NoNewPrivs::Needed,
                false => NoNewPrivs::Either,
            },
            init: init(&containers, options.start.init),
            from_host: containers.is_empty(),
            given: Given::of(&containers),
        }
    }

    /// Whether it is for a process of the host, which no runtime starts.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.runtimes.is_empty()
    }
}

/// A profile of runs with an init has its calls, and needs no init for that. A process of the host has none.
fn init(containers: &[&Run], needs: Init) -> PresumedInit {
    let known = |run: &&Run| run.target.container.as_ref().and_then(|one| one.init);
    match needs {
        Init::Any | Init::Recorded => PresumedInit::Either,
        Init::Absent if containers.iter().all(|run| known(run) == Some(false)) => {
            PresumedInit::Absent
        }
        Init::Absent => PresumedInit::Unknown,
    }
}

impl Given {
    fn of(containers: &[&Run]) -> Self {
        let container = |run: &Run| run.target.container.clone().unwrap_or_default();
        let engines = containers.iter().filter_map(|run| container(run).engine);
        let users = containers.iter().map(|run| container(run).user);
        // Names of others are nobody's capabilities.
        let known = |names: &Capabilities| -> Capabilities {
            let known = names.iter().filter_map(|name| capability::canonical(name));
            known.map(str::to_owned).collect()
        };
        let capabilities = containers
            .iter()
            .map(|run| run.target.capabilities.as_ref().map(known));
        Self {
            engines: engines.collect(),
            no_new_privs: same(containers.iter().map(|run| run.target.no_new_privs)),
            init: same(containers.iter().map(|run| container(run).init)),
            capabilities: same(capabilities),
            user: same(users),
            // One that was made of a folder has no name.
            image: same(containers.iter().map(|run| container(run).image))
                .filter(|image| !image.starts_with('/')),
        }
    }
}

/// What all say, if all say the same.
fn same<T: Eq>(mut all: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{options, recording};
    use super::super::{Options, RuntimeRelease, Start};
    use super::*;
    use crate::recording::{Container, Runs, TargetKind};

    /// A run of a container with these: no_new_privs, init, capabilities.
    fn container(no_new_privs: Option<bool>, init: Option<bool>, capabilities: &[&str]) -> Run {
        let mut run = Runs::from(recording(Vec::new())).runs()[0].clone();
        run.target.kind = TargetKind::Container;
        run.target.no_new_privs = no_new_privs;
        run.target.capabilities = Some(capabilities.iter().map(|&name| name.to_owned()).collect());
        run.target.container = Some(Container {
            engine: Some("docker".to_owned()),
            image: Some("web".to_owned()),
            init,
            ..Container::default()
        });
        run
    }

    fn host() -> Run {
        let mut run = container(Some(true), None, &["CAP_SYS_ADMIN"]);
        run.target.kind = TargetKind::Command;
        run.target.container = None;
        run
    }

    fn presumes(runs: &[Run], portability: Portability) -> Presumes {
        let runc = RuntimeRelease {
            name: "runc".to_owned(),
            version: Some("1.1.5".to_owned()),
        };
        let options = Options {
            runtimes: [runc].into(),
            start: Start::recorded(runs),
            portability,
            ..options(None)
        };
        Presumes::of(runs, &options)
    }

    #[test]
    fn runs_that_differ_presume_nothing_of_what_they_differ_in() {
        use NoNewPrivs::{Either, Needed};
        use PresumedInit as Init;
        let (yes, no) = (Some(true), Some(false));
        let table = [
            (vec![container(yes, no, &[])], Needed, Init::Absent),
            (vec![container(no, no, &[])], Either, Init::Absent),
            (vec![container(None, None, &[])], Either, Init::Unknown),
            (vec![container(yes, yes, &[])], Needed, Init::Either),
            (
                vec![container(yes, no, &[]), container(no, yes, &[])],
                Either,
                Init::Either,
            ),
            (
                vec![container(yes, no, &[]), container(None, None, &[])],
                Either,
                Init::Unknown,
            ),
            // no_new_privs of a process of the host is not the runtime's doing.
            (vec![host()], Either, Init::Absent),
            (vec![container(yes, no, &[]), host()], Either, Init::Absent),
        ];
        for (runs, no_new_privs, init) in table {
            let presumes = presumes(&runs, Portability::Kernel);
            let found = (presumes.no_new_privs, presumes.init);
            assert_eq!(found, (no_new_privs, init), "{runs:?}");
        }
    }

    #[test]
    fn what_all_were_given_is_known_and_nothing_else() {
        let one = container(Some(true), Some(true), &["CAP_CHOWN", "CAP_\nEvil"]);
        let other = container(Some(true), None, &["CAP_KILL"]);
        let given = |runs: &[Run]| presumes(runs, Portability::Kernel).given;
        let expected = Given {
            engines: ["docker".to_owned()].into(),
            no_new_privs: Some(true),
            init: Some(true),
            capabilities: Some(["CAP_CHOWN".to_owned()].into()),
            user: None,
            image: Some("web".to_owned()),
        };
        assert_eq!(given(std::slice::from_ref(&one)), expected);
        let both = Given {
            init: None,
            capabilities: None,
            ..expected
        };
        assert_eq!(given(&[one, other]), both);
        assert_eq!(given(&[host()]), Given::default());
    }

    /// Only an exact profile is for the version that was recorded.
    #[test]
    fn a_version_is_presumed_where_it_matters() {
        let runs = [container(None, None, &[])];
        for (portability, expected) in [
            (Portability::Exact, Some("1.1.5")),
            (Portability::Kernel, None),
        ] {
            let presumes = presumes(&runs, portability);
            let versions = presumes.runtimes.iter().map(|one| one.version.as_deref());
            assert_eq!(versions.collect::<Vec<_>>(), [expected]);
        }
    }
}
