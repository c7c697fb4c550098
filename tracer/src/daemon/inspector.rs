//! Finds out whether a cgroup is a container's, and whose, in a thread of its own: engines are slow, and recording
//! must not wait.
//!
//! A container is who its engine says its process is: the cgroup of that process, by its inode, is the scope or below
//! it. The name of a cgroup only says whom to ask. Of one that has ended, the whole path has to be where the engine says
//! that it makes that container's cgroup; of one that was gone before the engine could describe it, where it is known to
//! make cgroups. Below its own, where a container may make some, the engine makes none.

use super::witness::{Told, Witness};
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

/// How long it takes until what happened has been told, usually. After that, runtimes are asked too.
const TELLING: Duration = Duration::from_millis(300);

/// How long it may take on a busy machine until what happened has been told, and until it is known where an engine
/// makes cgroups.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often is looked whether more is known.
const PAUSE: Duration = Duration::from_millis(20);

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

/// Answers until nobody asks any more. A question that cannot be answered yet holds up no other: what is not known of
/// one container may be learned with the next.
fn answer_all(mut engines: Engines, asked: &Receiver<Question>, tell: &SyncSender<Answer>) {
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    loop {
        let next = match waiting.is_empty() {
            true => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => asked.recv_timeout(PAUSE),
        };
        let is_over = next == Err(RecvTimeoutError::Disconnected);
        waiting.extend(next.ok().map(Waiting::new));
        for _ in 0..waiting.len() {
            let Some(mut one) = waiting.pop_front() else {
                break;
            };
            one.is_last |= is_over || one.since.elapsed() >= PATIENCE;
            match engines.answer(&mut one) {
                None if !one.is_last => waiting.push_back(one),
                said => {
                    let said = said.unwrap_or(Said::Nothing);
                    let run_id = one.question.run_id;
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

/// A question that waits for its answer.
struct Waiting {
    question: Question,
    since: Instant,
    /// Who has been asked: the engine itself, and the runtimes.
    is_engine_asked: bool,
    are_runtimes_asked: bool,
    /// Whether there is no time to wait for more.
    is_last: bool,
}

impl Waiting {
    fn new(question: Question) -> Self {
        Self {
            question,
            since: Instant::now(),
            is_engine_asked: false,
            are_runtimes_asked: false,
            is_last: false,
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
    /// What there is to say; `None` if more may be known soon: what Docker tells of the container, or whether it makes
    /// cgroups there.
    fn answer(&mut self, waiting: &mut Waiting) -> Option<Said> {
        let path = waiting.question.path.clone();
        let Some(id) = suspected(&path) else {
            return Some(Said::Nothing);
        };
        let (engine, inspected) = match path.to_string_lossy().contains("libpod-") {
            true => match by_client(EngineKind::Podman, id) {
                Some(found) => found,
                None => return Some(Said::Nothing),
            },
            false => self.describe(id, waiting)?,
        };
        let question = &waiting.question;
        let kind = engine.kind();
        match self.place(&question.path, question.cgroup_id, kind, &inspected) {
            Place::Here => {}
            // Of one that has just ended, the engine may still name a process whose number another has by now.
            Place::Elsewhere if waiting.since.elapsed() < TELLING => {
                waiting.is_engine_asked = false;
                return None;
            }
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

    /// What Docker or a runtime says of a container, by its full id; `None` if nobody has said anything yet.
    fn describe(&self, id: &str, waiting: &mut Waiting) -> Option<(Engine, Inspected)> {
        let Some(socket) = self.witness.socket() else {
            waiting.is_last = true;
            let found = by_client(EngineKind::Docker, id);
            return found.or_else(|| Engine::find_by_runtime(id).ok());
        };
        let docker = |inspected| (Engine::of_kind(EngineKind::Docker), inspected);
        let told = self.witness.told(id);
        // What it says now is better than what it said when the container was made. Once is enough, unless it was
        // too busy.
        if !waiting.is_engine_asked || waiting.is_last {
            match socket.inspect(id) {
                Ok(Some(found)) => return Some(docker(found)),
                Ok(None) => waiting.is_engine_asked = true,
                Err(error) => log::debug!("{error}"),
            }
        }
        match told {
            Some(Told::Described(found)) => return Some(docker(found)),
            Some(Told::Announced(found)) if waiting.is_last => return Some(docker(found)),
            Some(Told::Announced(_)) => return None,
            None => {}
        }
        if waiting.are_runtimes_asked || waiting.since.elapsed() < TELLING {
            return None;
        }
        waiting.are_runtimes_asked = true;
        Engine::find_by_runtime(id).ok()
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

/// What an engine's client says of a container, by its full id. Podman gives its cgroups names of its own.
fn by_client(kind: EngineKind, id: &str) -> Option<(Engine, Inspected)> {
    let engine = Engine::of_kind(kind);
    let inspected = engine.inspect(id);
    let inspected = inspected.inspect_err(|error| log::debug!("{error}")).ok()?;
    Some((engine, inspected))
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
