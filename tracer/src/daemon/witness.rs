//! What Docker tells of its containers as they are made: of one that is gone within a second, nobody could ask later.

use crate::target::ToolError;
use crate::target::engine::{Engine, EngineError, EngineEvent, Inspected, Socket};
use crate::target::engine_run::EngineKind;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// Containers that are remembered; the oldest are forgotten first.
const REMEMBERED_MAX: usize = 4096;

/// How long an engine that does not answer is left alone, at first and at most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long the first attempt may hold up the daemon.
const FIRST_MAX: Duration = Duration::from_secs(5);

/// What is remembered, shared with the thread that listens.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Shared>);

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    socket: OnceLock<Socket>,
}

#[derive(Default)]
struct Seen {
    by_id: BTreeMap<String, Told>,
    order: VecDeque<String>,
}

/// What was told of a container.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// An event alone: who it is, and nothing of how it starts. More may come.
    Announced(Inspected),
    /// All that there is to say, or that will ever be said.
    Described(Inspected),
}

impl Witness {
    /// Begins to listen. When this returns, the engine is being listened to, if it is there and answers soon.
    pub(super) fn start() -> Self {
        let witness = Self::default();
        let listener = witness.clone();
        let (tried, trying) = sync_channel(1);
        thread::spawn(move || listener.listen(&tried));
        let _ = trying.recv_timeout(FIRST_MAX);
        witness
    }

    /// The engine's socket, once it was found.
    pub(super) fn socket(&self) -> Option<&Socket> {
        self.0.socket.get()
    }

    /// What was told of a container.
    pub(super) fn told(&self, id: &str) -> Option<Told> {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.by_id.get(id).cloned()
    }

    fn remember(&self, told: Told) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remember(told);
    }

    /// Listens for as long as the daemon lives: engines come and go.
    fn listen(&self, tried: &SyncSender<()>) {
        let (mut since_s, mut pause) = (now_s(), PAUSE);
        loop {
            match self.find() {
                // Nobody will tell anything.
                Err(EngineError::Tool(ToolError::NotInstalled { .. })) | Ok(None) => return,
                Err(error) => log::debug!("{error}"),
                Ok(Some(socket)) => match socket.events(since_s) {
                    Err(error) => log::debug!("no events of the engine: {error}"),
                    Ok(events) => {
                        pause = PAUSE;
                        let _ = tried.try_send(());
                        since_s = self.follow(socket, events).unwrap_or(since_s);
                    }
                },
            }
            let _ = tried.try_send(());
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The engine's socket; `None` if it is on another host.
    fn find(&self) -> Result<Option<&Socket>, EngineError> {
        if let Some(socket) = self.socket() {
            return Ok(Some(socket));
        }
        let endpoint = Engine::of_kind(EngineKind::Docker).asked_endpoint()?;
        let socket = endpoint.as_deref().and_then(Socket::of_endpoint);
        Ok(socket.map(|socket| self.0.socket.get_or_init(|| socket)))
    }

    /// Takes in events until the engine ends; gives the time of the last, in seconds since 1970. An engine keeps a
    /// container to itself while it starts it: who describes one does not hold up the news of others.
    fn follow(&self, socket: &Socket, events: impl Iterator<Item = EngineEvent>) -> Option<u64> {
        let (describe, described) = sync_channel::<EngineEvent>(REMEMBERED_MAX);
        thread::scope(|scope| {
            scope.spawn(move || {
                for event in described {
                    self.describe(socket, event);
                }
            });
            let mut last = None;
            for event in events {
                last = Some(event.time_ns / 1_000_000_000);
                if self.is_news(&event) {
                    self.remember(Told::Announced(of_event(&event)));
                    // What finds no place stays announced.
                    let _ = describe.try_send(event);
                }
            }
            drop(describe);
            last
        })
    }

    fn is_news(&self, event: &EngineEvent) -> bool {
        matches!(&*event.action, "create" | "start") && self.told(&event.id).is_none()
    }

    /// Looks at a container as soon as it is there, and before it has started.
    fn describe(&self, socket: &Socket, event: EngineEvent) {
        let described = socket.inspect(&event.id).ok().flatten();
        let inspected = described.unwrap_or_else(|| of_event(&event));
        self.remember(Told::Described(inspected));
    }
}

impl Told {
    fn id(&self) -> &str {
        match self {
            Self::Announced(inspected) | Self::Described(inspected) => &inspected.id,
        }
    }
}

impl Seen {
    fn remember(&mut self, told: Told) {
        let id = told.id().to_owned();
        if self.by_id.insert(id.clone(), told).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

/// What an event says by itself, of a container that was gone before it could be asked about.
fn of_event(event: &EngineEvent) -> Inspected {
    let mut inspected = Inspected::default();
    let mut labels = event.attributes.clone();
    inspected.id.clone_from(&event.id);
    inspected.name = labels.remove("name").unwrap_or_default();
    inspected.image = labels.remove("image");
    inspected.labels = labels;
    inspected
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_so_many_are_remembered() {
        let mut seen = Seen::default();
        let one = |number: usize| {
            let mut one = Inspected::default();
            one.id = number.to_string();
            one
        };
        for number in (0..REMEMBERED_MAX).chain([0, 1, REMEMBERED_MAX]) {
            seen.remember(Told::Announced(one(number)));
        }
        assert_eq!(seen.by_id.len(), REMEMBERED_MAX);
        assert_eq!(seen.order.len(), REMEMBERED_MAX);
        assert!(!seen.by_id.contains_key("0") && seen.by_id.contains_key("1"));
    }

    /// An engine that describes nothing until it has told of both containers.
    #[test]
    fn a_container_that_is_kept_busy_does_not_hold_up_the_news_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut engine = Some(UnixListener::bind(&path).unwrap());
        let socket = Socket::of_endpoint(&format!("unix://{}", path.display())).unwrap();
        let witness = Witness::default();
        let mut events = ["ab", "cd"].into_iter();
        let events = std::iter::from_fn(|| match events.next() {
            Some(id) => Some(EngineEvent {
                action: "start".to_owned(),
                id: id.to_owned(),
                time_ns: 7_000_000_000,
                attributes: [("name".to_owned(), id.to_owned())].into(),
            }),
            None => {
                for id in ["ab", "cd"] {
                    let told = witness.told(id);
                    assert!(matches!(told, Some(Told::Announced(told)) if told.name == id));
                }
                // Whoever waits for an answer gets none any more.
                engine.take();
                None
            }
        });
        assert_eq!(witness.follow(&socket, events), Some(7));
        for id in ["ab", "cd"] {
            assert!(matches!(witness.told(id), Some(Told::Described(_))));
        }
    }

    #[test]
    fn an_event_alone_gives_name_image_and_labels() {
        let attributes = [("name", "web"), ("image", "nginx"), ("app", "x")];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let inspected = of_event(&EngineEvent {
            action: "create".to_owned(),
            id: "ab".to_owned(),
            time_ns: 0,
            attributes: attributes.into(),
        });
        assert_eq!(
            (&*inspected.name, inspected.image.as_deref()),
            ("web", Some("nginx"))
        );
        assert_eq!(inspected.labels.len(), 1);
        assert_eq!(
            inspected.cgroup_parent, None,
            "where it is, an event does not say"
        );
    }
}
