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

/// How often a recording is looked at while it is made.
const LOOK: Duration = Duration::from_secs(1);

/// How long a daemon that went away may take to come back.
const RETURN: Duration = Duration::from_secs(30);

/// What came of it.
pub struct Followed {
    /// The recording file.
    pub text: String,
    /// What ended it.
    pub end: WindowEnd,
}

/// What is done with a run in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// It was begun for us, and ends with us.
    Stop,
    /// Somebody else has it recorded.
    Leave,
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
    let mut following = Following::begin(socket, cgroup, After::Stop)?;
    observer.begins();
    following.go_on(listening, limits, &mut |_, target, elapsed| {
        observer.progress(&progress(target, elapsed));
        Ok(())
    })
}

/// The same, and tells the recording as it stands time and again. What was recorded before goes on afterwards.
///
/// # Errors
///
/// [`ClientError`] if the daemon refuses or goes away for long.
pub fn accompany<O: Observer>(
    listening: &mut Listening,
    socket: &Path,
    cgroup: &str,
    limits: Limits,
    observer: &mut O,
    look: &mut dyn FnMut(&str, &mut O),
) -> Result<Followed, ClientError> {
    let mut following = Following::begin(socket, cgroup, After::Leave)?;
    observer.begins();
    let mut looked: Option<Instant> = None;
    following.go_on(listening, limits, &mut |following, target, elapsed| {
        observer.progress(&progress(target, elapsed));
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            looked = Some(Instant::now());
            let run = target.run.clone();
            if let Answer::Recording { text, .. } = following.ask(&Request::Snapshot { run })? {
                look(&text, observer);
            }
        }
        Ok(())
    })
}

struct Following<'a> {
    client: Client,
    socket: &'a Path,
    run: String,
    after: After,
}

/// Told how a run stands.
type Told<'a> = dyn FnMut(&mut Following<'_>, &Target, Duration) -> Result<(), ClientError> + 'a;

impl<'a> Following<'a> {
    /// Has a cgroup recorded. If it is recorded already, it may be left so in the end.
    fn begin(socket: &'a Path, cgroup: &str, after: After) -> Result<Self, ClientError> {
        let mut client = Client::connect(socket)?;
        let known = match client.ask(&Request::List)? {
            Answer::Targets(targets) => targets,
            _ => return Err(ClientError::Unfitting),
        };
        let cgroup = cgroup.to_owned();
        let started = match client.ask(&Request::Start { cgroup })? {
            Answer::Started(target) => target,
            _ => return Err(ClientError::Unfitting),
        };
        let was_there = known.iter().any(|target| target.run == started.run);
        Ok(Self {
            client,
            socket,
            run: started.run,
            after: if was_there { after } else { After::Stop },
        })
    }

    /// Waits for the end, and gives what was recorded.
    fn go_on(
        &mut self,
        listening: &mut Listening,
        limits: Limits,
        told: &mut Told<'_>,
    ) -> Result<Followed, ClientError> {
        let Listening { runtime, signals } = listening;
        let run = self.run.clone();
        let end = runtime.block_on(async {
            let since = Instant::now();
            let mut tick = interval(TICK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = signals.next() => return Ok(WindowEnd::Interrupted),
                    _ = tick.tick() => signals.show(),
                }
                let Some(target) = self.look(&run)? else {
                    return Ok(WindowEnd::Empty);
                };
                told(self, &target, since.elapsed())?;
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
        let request = match (end, self.after) {
            (WindowEnd::Empty, _) | (_, After::Leave) => Request::Snapshot { run },
            (_, After::Stop) => Request::Stop { run },
        };
        match self.ask(&request)? {
            Answer::Recording { text, .. } => Ok(Followed { text, end }),
            _ => Err(ClientError::Unfitting),
        }
    }

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
