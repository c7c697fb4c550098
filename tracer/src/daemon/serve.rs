//! The loop that waits: for first sightings, for clients, for the clock, for the end.
//!
//! Clients are hostile: each has so much time and so many bytes, and there are only so many of them. They talk
//! in tasks of their own and reach the daemon through a queue, so that none can hold up what is recorded.

use super::answers::Reply;
use super::clients::Clients;
use super::core::{Daemon, Generate, Generated};
use super::error::DaemonError;
use super::listener::{self, Scrape};
use super::notify;
use super::protocol::{
    self, Answer, REQUEST_MAX_BYTES, Refusal, RefusalKind, Request, answer_line,
};
use crate::session::{Listening, Signals};
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often it is looked at what has ended.
const TICK: Duration = Duration::from_secs(1);

/// Requests that wait; further clients wait with theirs.
const REQUESTS_MAX: usize = 16;

/// What a client has to say something, or to hear it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request on its way to the daemon, and the way back.
struct Asked {
    user: u32,
    request: Request,
    answer: oneshot::Sender<Answer>,
}

/// Where the daemon can be reached.
pub struct Places {
    /// The socket for clients.
    pub socket: PathBuf,
    /// For metrics and health, if anywhere.
    pub metrics: Option<SocketAddr>,
}

/// Serves until a signal asks for the end. `ready` is called when clients can come.
///
/// # Errors
///
/// [`DaemonError`] if the socket cannot be made or the kernel side cannot be read.
pub fn serve(
    listening: Listening,
    daemon: &mut Daemon,
    places: &Places,
    generate: Generate,
    ready: impl FnOnce(&Daemon),
) -> Result<(), DaemonError> {
    let Listening { runtime, signals } = listening;
    runtime.block_on(async {
        let socket = Socket::bind(&places.socket, daemon.policy().is_open())?;
        let (scrapes, scraped) = mpsc::channel(REQUESTS_MAX);
        if let Some(address) = places.metrics {
            let listening = listener::listen(address, scrapes).await;
            listening.map_err(|source| DaemonError::Listen { address, source })?;
        }
        ready(daemon);
        tell(notify::ready());
        wait(
            daemon,
            &socket.listener,
            signals,
            scraped,
            Arc::new(generate),
        )
        .await?;
        tell(notify::stopping());
        daemon.close()
    })
}

async fn wait(
    daemon: &mut Daemon,
    listener: &UnixListener,
    mut signals: Signals,
    mut scraped: mpsc::Receiver<Scrape>,
    generate: Arc<Generate>,
) -> Result<(), DaemonError> {
    let fd = daemon.events_fd().map_err(DaemonError::Wait)?;
    // SAFETY: an owned descriptor, moved in: it stays open, and the same, until `events` is dropped.
    let events = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    let events = events.map_err(|error| DaemonError::Wait(error.into()))?;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let clients = Clients::default();
    let (ask, mut asked) = mpsc::channel(REQUESTS_MAX);
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            ready = events.readable() => {
                ready.map_err(DaemonError::Wait)?.clear_ready();
                let drained = daemon.drain();
                survive(daemon, drained)?;
            }
            _ = tick.tick() => {
                let done = daemon.tick();
                survive(daemon, done)?;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => admit(daemon, stream, &clients, &ask),
                // Out of descriptors, most likely, which passes.
                Err(error) => {
                    log::warn!("cannot accept a client: {error}");
                    tokio::time::sleep(TICK).await;
                }
            },
            Some(scrape) = scraped.recv() => {
                let metrics = daemon.metrics().map(|metrics| metrics.to_text());
                // Who asked may have gone.
                drop(metrics.map(|text| scrape.send(text)));
            }
            Some(asked) = asked.recv() => answer(daemon, asked, &generate),
        }
    }
}

/// Files that cannot be written are said; what they would say stays in the kernel side until they can. Without
/// the kernel side there is nothing to go on with.
fn survive(daemon: &mut Daemon, result: Result<(), DaemonError>) -> Result<(), DaemonError> {
    match result {
        Err(error @ DaemonError::Files { .. }) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(ToString::to_string).unwrap_or_default();
            log::warn!("{error}: {cause}");
            daemon.tally.unwritten += 1;
            Ok(())
        }
        result => result,
    }
}

/// A service manager that does not hear us may end us; that is not ours to decide.
fn tell(told: io::Result<()>) {
    if let Err(error) = told {
        log::warn!("cannot tell the service manager: {error}");
    }
}

/// Lets a client in, if the policy does and there is room.
fn admit(daemon: &Daemon, stream: UnixStream, clients: &Clients, ask: &mpsc::Sender<Asked>) {
    let Ok(peer) = stream.peer_cred() else {
        return;
    };
    let user = peer.uid();
    let admitted = match daemon.policy().admits(user) {
        true => clients.admit(user).map_err(|most| {
            let message = format!("{most} clients of user {user} are here already");
            Refusal::new(RefusalKind::Full, message)
        }),
        false => {
            let message = format!("user {user} may not record");
            Err(Refusal::new(RefusalKind::Denied, message))
        }
    };
    match admitted {
        Ok(permit) => {
            let ask = ask.clone();
            tokio::spawn(async move {
                // A client that goes away or is too slow has had its chance.
                let _ = converse(stream, user, &ask).await;
                drop(permit);
            });
        }
        // It fits into the socket's buffer, or whoever does not read it does not want to know.
        Err(refusal) => {
            drop(stream.try_write(answer_line(&Answer::Error(refusal)).as_bytes()));
        }
    }
}

/// Answers one client's requests in turn.
async fn converse(mut stream: UnixStream, user: u32, ask: &mpsc::Sender<Asked>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(line) = timeout(PATIENCE, next_line(&mut stream, &mut buffer)).await?? {
        let answer = match line.map(|line| protocol::read_request(&line)) {
            Some(Ok(request)) => hand_over(user, request, ask).await,
            Some(Err(refusal)) => Answer::Error(refusal),
            None => {
                let message = format!("a request has at most {REQUEST_MAX_BYTES} bytes");
                Answer::Error(Refusal::new(RefusalKind::Invalid, message))
            }
        };
        let is_lost = buffer.len() > REQUEST_MAX_BYTES;
        let line = answer_line(&answer);
        timeout(PATIENCE, stream.write_all(line.as_bytes())).await??;
        if is_lost {
            // Where the next request begins, nobody knows.
            break;
        }
    }
    Ok(())
}

/// The next line: `None` at the end, and within it `None` if it is too long.
async fn next_line(
    stream: &mut UnixStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Option<Vec<u8>>>> {
    loop {
        if let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
            let rest = buffer.split_off(end + 1);
            let line = std::mem::replace(buffer, rest);
            return Ok(Some(Some(line)));
        }
        if buffer.len() > REQUEST_MAX_BYTES {
            return Ok(Some(None));
        }
        let room = (REQUEST_MAX_BYTES + 1 - buffer.len()) as u64;
        if (&mut *stream).take(room).read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

async fn hand_over(user: u32, request: Request, ask: &mpsc::Sender<Asked>) -> Answer {
    let (answer, answered) = oneshot::channel();
    let asked = Asked {
        user,
        request,
        answer,
    };
    let gone = || Answer::Error(Refusal::new(RefusalKind::Failed, "the daemon is ending"));
    match ask.send(asked).await {
        Ok(()) => answered.await.unwrap_or_else(|_| gone()),
        Err(_) => gone(),
    }
}

/// Answers a request. A client that has gone does not hear it.
fn answer(daemon: &mut Daemon, asked: Asked, generate: &Arc<Generate>) {
    let Asked {
        user,
        request,
        answer,
    } = asked;
    match daemon.answer(user, request) {
        Reply::Now(reply) => drop(answer.send(reply)),
        Reply::Profile(recording) => {
            let generate = Arc::clone(generate);
            tokio::task::spawn_blocking(move || {
                let made = generate(&recording);
                let refusal = |why| Answer::Error(Refusal::new(RefusalKind::Failed, why));
                let profile = |Generated { text, presumes }| Answer::Profile { text, presumes };
                drop(answer.send(made.map_or_else(refusal, profile)));
            });
        }
    }
}

/// The socket, gone when dropped.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes it, over one that nobody listens at any more.
    fn bind(path: &Path, is_open: bool) -> Result<Self, DaemonError> {
        let problem = DaemonError::files(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(&problem)?;
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(DaemonError::InUse(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(&problem)?;
            }
            // Not there; or whatever it is, binding says what is wrong with it.
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(&problem)?;
        let socket = Self {
            listener,
            path: path.to_owned(),
        };
        // Whom the policy admits is asked at each connection.
        let mode = if is_open { 0o666 } else { 0o600 };
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(problem)?;
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
