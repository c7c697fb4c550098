//! Finds out whether a cgroup is a container's, and whose, in a thread of its own: engines are slow, and recording
//! must not wait.
//!
//! A container is who its engine says its process is: the cgroup of that process, by its inode, is the scope or below
//! it. The name of a cgroup only says whom to ask. Of one that has ended, the whole path has to be where the engine says
//! that it makes that container's cgroup; of one that was gone before the engine could describe it, where it is known to
//! make cgroups. Below its own, where a container may make some, the engine makes none.

use super::witness::Witness;
use crate::recording::{Container, SeccompState};
use crate::session::Configured;
use crate::target::cgroup::Hierarchy;
use crate::target::engine::{
    About, Engine, EngineError, Inspected, cgroup_paths, id_in_cgroup_name,
};
use crate::target::engine_run::EngineKind;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Containers that wait to be asked about. One that finds no place stays without a name.
const WAITING_MAX: usize = 1024;

/// How long it takes until what happened has been told, usually and at most.
const TELLING: Duration = Duration::from_millis(300);
const TELLING_MAX: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// How long it may take until it is known where an engine makes cgroups, and how often that is looked at.
const LEARNING_MAX: Duration = Duration::from_secs(10);
const LEARNING: Duration = Duration::from_millis(200);

/// Somebody who can be asked.
pub(super) struct Inspector {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
}

/// Whose is this cgroup?
#[derive(PartialEq, Eq)]
pub(super) struct Question {
    pub(super) run_id: String,
    pub(super) cgroup_id: u64,
    /// Its path below the root.
    pub(super) path: PathBuf,
}

/// What there is to say to it.
pub(super) struct Answer {
    pub(super) run_id: String,
    pub(super) said: Said,
}

/// What engines say of a cgroup.
pub(super) enum Said {
    /// It is this container's.
    Container(Box<Known>),
    /// It is called like that container, which is elsewhere.
    Elsewhere,
    /// Nobody knows such a container, or can be asked.
    Nothing,
}

/// What is known of a container.
pub(super) struct Known {
    pub(super) container: Container,
    pub(super) seccomp: SeccompState,
    pub(super) configured: Configured,
    pub(super) no_new_privs: Option<bool>,
    pub(super) labels: BTreeMap<String, String>,
}

/// The container that a cgroup may be, by its name.
pub(super) fn suspected(path: &Path) -> Option<&str> {
    id_in_cgroup_name(path.file_name()?.to_str()?)
}

impl Inspector {
    pub(super) fn start(hierarchy: Hierarchy) -> Self {
        let witness = Witness::start();
        let (questions, asked) = sync_channel::<Question>(WAITING_MAX);
        let (tell, answers) = sync_channel(WAITING_MAX);
        thread::spawn(move || {
            let engines = Engines {
                witness,
                hierarchy,
                about: BTreeMap::new(),
                parents: ["/docker", "/system.slice"].map(PathBuf::from).into(),
            };
            answer_all(engines, &asked, &tell);
        });
        Self { questions, answers }
    }

    /// Asks. The answer comes some time; says whether it will.
    pub(super) fn ask(&self, question: Question) -> bool {
        let is_asked = self.questions.try_send(question).is_ok();
        if !is_asked {
            log::warn!("too many new containers at once; what the engine says of one is not known");
        }
        is_asked
    }

    /// The next answer that has come.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

/// Answers until nobody asks any more. Where an engine makes cgroups may be learned from the next container.
fn answer_all(mut engines: Engines, asked: &Receiver<Question>, tell: &SyncSender<Answer>) {
    let mut waiting: VecDeque<(Question, Instant)> = VecDeque::new();
    loop {
        let next = asked.recv_timeout(LEARNING);
        let is_over = next == Err(RecvTimeoutError::Disconnected);
        let now = Instant::now();
        waiting.extend(next.ok().map(|question| (question, now)));
        for _ in 0..waiting.len() {
            let Some((question, since)) = waiting.pop_front() else {
                break;
            };
            match engines.answer(&question) {
                None if since.elapsed() < LEARNING_MAX && !is_over => {
                    waiting.push_back((question, since));
                }
                said => {
                    let said = said.unwrap_or(Said::Nothing);
                    let run_id = question.run_id;
                    if tell.send(Answer { run_id, said }).is_err() {
                        return;
                    }
                }
            }
        }
        if is_over {
            return;
        }
    }
}

/// All who can be asked.
struct Engines {
    witness: Witness,
    hierarchy: Hierarchy,
    about: BTreeMap<&'static str, Option<About>>,
    /// Cgroups in which Docker is known to make those of containers.
    parents: BTreeSet<PathBuf>,
}

impl Engines {
    /// What there is to say; `None` if it is not known yet whether Docker makes cgroups there.
    fn answer(&mut self, question: &Question) -> Option<Said> {
        let Some(id) = suspected(&question.path) else {
            return Some(Said::Nothing);
        };
        let is_podman = question.path.to_string_lossy().contains("libpod-");
        let Some((engine, inspected)) = self.describe(id, is_podman) else {
            return Some(Said::Nothing);
        };
        let kind = engine.kind();
        match self.place(&question.path, question.cgroup_id, kind, &inspected) {
            Place::Here => {}
            Place::Elsewhere => return Some(Said::Elsewhere),
            Place::Unknown if inspected.cgroup_parent.is_some() => return Some(Said::Nothing),
            Place::Unknown if !self.is_parent_of(&question.path) => return None,
            Place::Unknown => {}
        }
        if kind == EngineKind::Docker {
            self.parents
                .extend(question.path.parent().map(Path::to_owned));
        }
        let about = self.about(&engine);
        Some(Said::Container(Box::new(Known {
            container: inspected.container(kind, about),
            seccomp: inspected.seccomp(about, None),
            configured: Configured {
                filter: inspected.filtered_at_start(about, None),
                first: inspected.first_pid(),
            },
            no_new_privs: inspected.no_new_privs(None),
            labels: inspected.labels,
        })))
    }

    /// Whether Docker is known to make cgroups beside this one.
    fn is_parent_of(&self, path: &Path) -> bool {
        path.parent()
            .is_some_and(|parent| self.parents.contains(parent))
    }

    /// What an engine says of a container, by its full id. Podman gives its cgroups names of its own.
    fn describe(&self, id: &str, is_podman: bool) -> Option<(Engine, Inspected)> {
        let by_client = |kind| {
            let engine = Engine::of_kind(kind);
            let inspected = engine.inspect(id);
            let inspected = inspected.inspect_err(|error| log::debug!("{error}")).ok()?;
            Some((engine, inspected))
        };
        if is_podman {
            return by_client(EngineKind::Podman);
        }
        if self.witness.socket().is_none() {
            let found = by_client(EngineKind::Docker);
            return found.or_else(|| Engine::find_by_runtime(id).ok());
        }
        let found = self.await_docker(id, TELLING);
        let found = found.or_else(|| Engine::find_by_runtime(id).ok());
        found.or_else(|| self.await_docker(id, TELLING_MAX))
    }

    /// What Docker says of a container, if it does within that time: of one that is gone it may not have told yet.
    fn await_docker(&self, id: &str, patience: Duration) -> Option<(Engine, Inspected)> {
        let deadline = Instant::now() + patience;
        let mut found = self.of_docker(id);
        while found.is_none() && Instant::now() < deadline {
            thread::sleep(PAUSE);
            found = self.witness.told(id);
        }
        Some((Engine::of_kind(EngineKind::Docker), found?))
    }

    /// What Docker says now, else what it said when the container was made.
    fn of_docker(&self, id: &str) -> Option<Inspected> {
        let now = self.witness.socket().and_then(|socket| {
            let inspected = socket.inspect(id);
            inspected.unwrap_or_else(|error| {
                log::debug!("{error}");
                None
            })
        });
        now.or_else(|| self.witness.told(id))
    }

    fn about(&mut self, engine: &Engine) -> Option<&About> {
        let kept = self.about.entry(engine.kind().name()).or_default();
        if kept.is_none() {
            *kept = engine.about().ok();
        }
        kept.as_ref()
    }

    /// Where the container is, seen from a cgroup.
    fn place(&self, path: &Path, id: u64, kind: EngineKind, inspected: &Inspected) -> Place {
        let process = inspected.first_process().and_then(|pid| {
            let cgroup = self.hierarchy.of_process(pid);
            cgroup.map_err(|_| EngineError::NotRunning {
                name: inspected.name.clone(),
                status: String::new(),
            })
        });
        let is_there = |path: &Path| path.metadata().is_ok_and(|found| found.ino() == id);
        let own = self
            .hierarchy
            .point()
            .join(path.strip_prefix("/").unwrap_or(path));
        match process {
            Ok(cgroup) if cgroup.path.ancestors().any(is_there) => return Place::Here,
            // It may be in its next life, in another cgroup than that of the last.
            Ok(_) if is_there(&own) => return Place::Elsewhere,
            Ok(_) | Err(_) => {}
        }
        match cgroup_paths(kind, inspected).iter().any(|one| one == path) {
            true => Place::Here,
            false => Place::Unknown,
        }
    }
}

/// Where a container is.
enum Place {
    /// In this cgroup.
    Here,
    /// In another one.
    Elsewhere,
    /// It is gone, and the engine does not make its cgroup here.
    Unknown,
}
