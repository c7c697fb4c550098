//! Asks engines about containers, in a thread of its own: engines are slow, and recording must not wait.

use crate::recording::{Container, SeccompState};
use crate::target::engine::{About, Engine};
use crate::target::engine_run::EngineKind;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Containers that wait to be asked about. One that finds no place stays without a name.
const WAITING_MAX: usize = 1024;

/// Somebody who can be asked.
pub(super) struct Inspector {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
}

/// About which container.
struct Question {
    run_id: String,
    container_id: String,
    kind: EngineKind,
}

/// What the engine said.
pub(super) struct Answer {
    pub(super) run_id: String,
    /// `None` if it does not know the container, or cannot be asked.
    pub(super) known: Option<Known>,
}

/// What is known of a container.
pub(super) struct Known {
    pub(super) container: Container,
    pub(super) seccomp: SeccompState,
    pub(super) labels: BTreeMap<String, String>,
}

impl Inspector {
    pub(super) fn start() -> Self {
        let (questions, asked) = sync_channel::<Question>(WAITING_MAX);
        let (tell, answers) = sync_channel(WAITING_MAX);
        thread::spawn(move || {
            let mut engines = BTreeMap::new();
            for question in asked {
                let Question {
                    run_id,
                    container_id,
                    kind,
                } = question;
                let (engine, about) = engines
                    .entry(kind.name())
                    .or_insert_with(|| (Engine::of_kind(kind), None));
                let known = ask(engine, about, &container_id);
                if tell.send(Answer { run_id, known }).is_err() {
                    break;
                }
            }
        });
        Self { questions, answers }
    }

    /// Asks. The answer comes some time.
    pub(super) fn ask(&self, run_id: &str, container_id: &str, kind: EngineKind) {
        let question = Question {
            run_id: run_id.to_owned(),
            container_id: container_id.to_owned(),
            kind,
        };
        if self.questions.try_send(question).is_err() {
            log::warn!("too many new containers at once; what the engine says of one is not known");
        }
    }

    /// The next answer that has come.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

fn ask(engine: &Engine, about: &mut Option<About>, container_id: &str) -> Option<Known> {
    let inspected = engine.inspect(container_id);
    let inspected = inspected.inspect_err(|error| log::debug!("{error}")).ok()?;
    if about.is_none() {
        *about = engine.about().ok();
    }
    Some(Known {
        container: inspected.container(engine.kind(), about.as_ref()),
        seccomp: inspected.seccomp(about.as_ref(), None),
        labels: inspected.labels,
    })
}

/// The engine that made a cgroup of that name, by how it names them.
pub(super) fn engine_of(cgroup: &str) -> EngineKind {
    if cgroup.starts_with("libpod-") {
        EngineKind::Podman
    } else {
        EngineKind::Docker
    }
}
