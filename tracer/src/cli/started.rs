//! Who the container is that a recorded `docker run` started, for a recording that is finished after its recorder
//! was killed: that took what it knew with it.

use crate::recording::{Target, TargetKind};
use crate::session::Configured;
use crate::target::cgroup::Cgroup;
use crate::target::engine::{About, Engine, Inspected, id_in_cgroup_name};
use crate::target::engine_run::{self, EngineRun, Recognised};
use std::ffi::OsString;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often it is looked for the container.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks the engine, as long as there is a container or may come one.
pub(super) struct Asking {
    run: EngineRun,
    stop: Sender<()>,
    thread: JoinHandle<Said>,
}

/// What the engine says, of itself and of the container.
#[derive(Default)]
struct Said {
    about: Option<About>,
    id: Option<String>,
    inspected: Option<Inspected>,
}

impl Asking {
    /// Begins, if the target is a container that was started by a command line and of which no more is known. It comes
    /// below that cgroup.
    pub(super) fn begin(target: &Target, parent: Option<Cgroup>) -> Option<Self> {
        if target.kind != TargetKind::Container || target.container.is_some() {
            return None;
        }
        let words: Vec<OsString> = target.command.iter().map(OsString::from).collect();
        let Recognised::Run(run) = engine_run::recognise(&words) else {
            return None;
        };
        let engine = Engine::of_run(&run);
        let (stop, stopped) = channel();
        let ask = move || {
            let mut said = Said {
                about: engine.about().ok(),
                ..Said::default()
            };
            if let Some(parent) = parent {
                said.look(&engine, &parent, &stopped);
            }
            said
        };
        let thread = thread::Builder::new().spawn(ask).ok()?;
        Some(Self { run, stop, thread })
    }

    /// Takes in what the engine said by now, and else what the command line does.
    pub(super) fn end(self, target: &mut Target) -> Configured {
        let Self { run, stop, thread } = self;
        drop(stop);
        let Said {
            about,
            id,
            inspected,
        } = thread.join().unwrap_or_default();
        let Some(inspected) = inspected else {
            let about = about.unwrap_or_default();
            target.container = Some(about.container_of_run(&run, id.unwrap_or_default()));
            return Configured::default();
        };
        let about = about.as_ref();
        target.seccomp = Some(inspected.seccomp(about, None));
        target.container = Some(inspected.container(run.kind, about));
        Configured {
            filter: inspected.filtered_at_start(about, None),
            first: inspected.first_pid(),
        }
    }
}

impl Said {
    /// Looks for the container until the engine has described it, or nobody waits any more.
    fn look(&mut self, engine: &Engine, parent: &Cgroup, stopped: &Receiver<()>) {
        loop {
            let names = parent.children().into_iter().map(|child| child.name());
            let mut ids = names.filter_map(|name| id_in_cgroup_name(&name).map(str::to_owned));
            self.id = ids.next_back().or(self.id.take());
            self.inspected = self.id.as_ref().and_then(|id| engine.inspect(id).ok());
            let waits = stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout);
            if self.inspected.is_some() || !waits {
                return;
            }
        }
    }
}
