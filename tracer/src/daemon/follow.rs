//! A recording that the daemon makes, followed from outside until it ends.

use super::client::{Client, ClientError};
use super::protocol::{Answer, Request, Target};
use crate::recording::WindowEnd;
use crate::session::{Limits, Listening, Observer, Progress};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// How often the daemon is asked how it stands.
const TICK: Duration = Duration::from_millis(500);

/// How long a daemon that went away may take to come back.
const RETURN: Duration = Duration::from_secs(30);

/// What came of it.
pub struct Followed {
    /// The recording file.
    pub text: String,
    /// What ended it.
    pub end: WindowEnd,
}

/// Has a cgroup recorded until its end, a limit, or a signal that came since `listening` began.
///
/// # Errors
///
/// [`ClientError`] if the daemon refuses or goes away for long.
pub fn follow(
    listening: &mut Listening,
    socket: &Path,
    cgroup: &str,
    limits: Limits,
    observer: &mut dyn Observer,
) -> Result<Followed, ClientError> {
    let Listening { runtime, signals } = listening;
    let mut following = Following {
        client: Client::connect(socket)?,
        socket,
    };
    let cgroup = cgroup.to_owned();
    let started = match following.client.ask(&Request::Start { cgroup })? {
        Answer::Started(target) => target,
        _ => return Err(ClientError::Unfitting),
    };
    let run = started.run;
    observer.begins();
    let end = runtime.block_on(async {
        let since = Instant::now();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = signals.next() => return Ok(WindowEnd::Interrupted),
                _ = tick.tick() => signals.show(),
            }
            let Some(target) = following.look(&run)? else {
                return Ok(WindowEnd::Empty);
            };
            observer.progress(&progress(&target, since.elapsed()));
            let idle = Duration::from_millis(target.idle_ms);
            if limits
                .duration
                .is_some_and(|limit| since.elapsed() >= limit)
            {
                return Ok(WindowEnd::Duration);
            }
            if limits.idle.is_some_and(|limit| idle >= limit) {
                return Ok(WindowEnd::Idle);
            }
        }
    })?;
    let request = match end {
        WindowEnd::Empty => Request::Snapshot { run },
        _ => Request::Stop { run },
    };
    match following.ask(&request)? {
        Answer::Recording { text, .. } => Ok(Followed { text, end }),
        _ => Err(ClientError::Unfitting),
    }
}

struct Following<'a> {
    client: Client,
    socket: &'a Path,
}

impl Following<'_> {
    /// How a run stands; `None` if it has ended.
    fn look(&mut self, run: &str) -> Result<Option<Target>, ClientError> {
        match self.ask(&Request::List)? {
            Answer::Targets(targets) => Ok(targets.into_iter().find(|target| target.run == run)),
            _ => Err(ClientError::Unfitting),
        }
    }

    /// Asks; a daemon that was started again is the same to us.
    fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let asked = Instant::now();
        loop {
            let error = match self.client.ask(request) {
                Err(error @ ClientError::Gone { .. }) => error,
                answer => return answer,
            };
            if asked.elapsed() >= RETURN {
                return Err(error);
            }
            match Client::connect(self.socket) {
                Ok(client) => self.client = client,
                Err(_) => std::thread::sleep(TICK),
            }
        }
    }
}

fn progress(target: &Target, elapsed: Duration) -> Progress {
    let count = |many: u64| usize::try_from(many).unwrap_or(usize::MAX);
    Progress {
        calls: count(target.calls),
        tuples: count(target.tuples),
        refused: 0,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        idle_ms: target.idle_ms,
        missing: target.missing,
    }
}
