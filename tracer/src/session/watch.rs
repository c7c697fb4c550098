//! The loop that waits: for first sightings, for the command, for the clock, for the user.

use super::child::{Spawn, SpawnError};
use super::clock::now_ns;
use super::counts::{everything, note_clients, slots};
use super::ledger::{Ledger, Made, News, Rights};
use super::ledgers::Ledgers;
use super::listening::{Listening, Signals};
use super::programs::Programs;
use super::value::{Seen, denials_of};
use crate::probe::{Event, ProbeError, Refused, Side, Snapshot, What};
use crate::recording::{DenialLosses, Denials, Losses, Refusal, WindowEnd};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the scope is asked whether it is empty.
const TICK: Duration = Duration::from_millis(50);

/// Ticks between two readings of the counts.
const TICKS_PER_READING: u32 = 20;

/// What a command gets to end itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// What is watched, as far as the loop has to know.
pub trait Target {
    /// Whether any process is left in the scope, or may come.
    fn is_populated(&self) -> bool;

    /// Whether a scope that was found is the target's.
    fn is_own(&self, cgroup_id: u64) -> bool {
        let _ = cgroup_id;
        true
    }

    /// Whether it runs before it is watched.
    fn is_running(&self) -> bool {
        false
    }

    /// Whether each scope that is found is a target of its own.
    fn is_apart(&self) -> bool {
        false
    }

    /// Asks what is left in the scope to end, if it is ours to end.
    fn signal(&self, which: Signal);

    /// Ends what is left in the scope, if it is ours to end.
    fn kill(&self);

    /// The names of the files that processes of the scope execute, and the processes' own: of this process, or of all
    /// that there are.
    fn programs(&self, of: Option<u32>) -> Vec<String>;
}

/// Told what goes on.
pub trait Observer {
    /// Watching has begun: from here on nothing is missed.
    fn begins(&mut self);

    /// About once a second.
    fn progress(&mut self, progress: &Progress);

    /// A scope was found among the children of the watched cgroup.
    fn scope_found(&mut self, cgroup_id: u64);

    /// What is to be kept for whoever comes after our sudden death.
    fn keeps(&self) -> Keeps {
        Keeps::Nothing
    }

    /// Keeps what is known by now.
    fn keep(&mut self, _seen: Seen<'_>, _losses: Losses, _denials: Denials) {}

    /// It ends: what was counted is read for the last time after this.
    fn ends(&mut self) {}

    /// A call was refused, for the first time with this answer and these arguments.
    fn refused(&mut self, refusal: &Refusal);

    /// A call was made, for the first time, or for the first time with these arguments; by a target that started
    /// with these rights, if that was seen. Some may be missing here that are in the counts.
    fn made(&mut self, made: &Made, rights: Option<Rights>);
}

/// What is kept while it is recorded, once a second if there is anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing.
    Nothing,
    /// Who did what first: the kernel side keeps the rest.
    Sightings,
    /// Everything.
    Counts,
}

/// Where a recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Distinct calls.
    pub calls: usize,
    /// Distinct argument tuples.
    pub tuples: usize,
    /// Distinct calls that were refused.
    pub refused: usize,
    /// Milliseconds since the window's start.
    pub elapsed_ms: u64,
    /// Milliseconds since the last new fact.
    pub idle_ms: u64,
    /// Facts that may be missing.
    pub missing: u64,
}

/// What ends a recording beside the target's own end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// After this time.
    pub duration: Option<Duration>,
    /// After this time without a new fact.
    pub idle: Option<Duration>,
}

/// When the target's own end ends the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// When the scope is empty and the command, if there is one, has ended. Limits end the command first.
    WhenEmpty,
    /// As above, and limits leave the target alone.
    WhenEmptyOrLimit,
    /// When the command has ended, whoever is left in the scope.
    WithCommand,
}

/// What there is of one target at the end.
pub struct Ended {
    /// What is known.
    pub ledger: Ledger,
    /// The last counts of all its scopes together.
    pub snapshot: Snapshot,
    /// What was refused in all its scopes together.
    pub refused: Refused,
    /// What could not be kept of that.
    pub denial_losses: DenialLosses,
    /// `CLOCK_MONOTONIC`.
    pub end_ns: u64,
    /// What ended it.
    pub end: WindowEnd,
}

/// How a session ended.
pub struct Over {
    /// For each target by itself: one, unless each scope is one.
    pub ended: Vec<Ended>,
    /// What ended it.
    pub end: WindowEnd,
    /// How the command ended, if there was one.
    pub status: Option<ExitStatus>,
    /// The signal by which the user wanted it to end, if there was one.
    pub asked: Option<Signal>,
}

/// Why a session could not be held.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The command could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The kernel side could not be read.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The operating system refused something that the loop stands on.
    #[error("cannot wait for events")]
    Wait(#[source] io::Error),
}

/// Watches until the end and reads everything. Signals that came since `listening` began count.
///
/// # Errors
///
/// [`SessionError`] if the command cannot be started or the kernel side cannot be read.
pub fn watch(
    listening: &mut Listening,
    probe: &mut dyn Side,
    command: Option<Spawn>,
    target: &dyn Target,
    stop: Stop,
    limits: Limits,
    observer: &mut dyn Observer,
) -> Result<Over, SessionError> {
    let Listening { runtime, signals } = listening;
    runtime.block_on(async {
        observer.begins();
        let child = command.map(Spawn::start).transpose()?;
        let mut session = Session {
            ledgers: Ledgers::new(now_ns(), target.is_apart()),
            child,
            status: None,
            ending: None,
            asked: None,
            started: Instant::now(),
            stop,
            limits,
            programs: Programs::default(),
            foreign: BTreeSet::new(),
            kept: Kept::default(),
        };
        if let Some(ledger) = session.ledgers.only_mut().filter(|_| target.is_running()) {
            ledger.begin();
        }
        session.run(signals, probe, target, observer).await
    })
}

/// The same for a target that another user space began to watch, with what it knew.
///
/// # Errors
///
/// [`SessionError`] if the kernel side cannot be read.
pub fn resume(
    listening: &mut Listening,
    left: &mut dyn Side,
    ledger: Ledger,
    target: &dyn Target,
    limits: Limits,
    observer: &mut dyn Observer,
) -> Result<Over, SessionError> {
    let Listening { runtime, signals } = listening;
    runtime.block_on(async {
        observer.begins();
        let session = Session {
            ledgers: Ledgers::resumed(now_ns(), ledger),
            child: None,
            status: None,
            ending: None,
            asked: None,
            started: Instant::now(),
            // What another started is not ours to end.
            stop: Stop::WhenEmptyOrLimit,
            limits,
            programs: Programs::default(),
            foreign: BTreeSet::new(),
            kept: Kept::default(),
        };
        session.run(signals, left, target, observer).await
    })
}

/// What was known when it was last kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kept {
    rights: bool,
    size: (usize, usize),
    denials: usize,
    calls: u64,
}

struct Session {
    ledgers: Ledgers,
    child: Option<Child>,
    status: Option<ExitStatus>,
    /// Why and since when the target is being ended.
    ending: Option<(WindowEnd, Instant)>,
    /// The signal by which the user wanted it.
    asked: Option<Signal>,
    started: Instant,
    stop: Stop,
    limits: Limits,
    programs: Programs,
    /// Slots of scopes that are not the target's.
    foreign: BTreeSet<u32>,
    kept: Kept,
}

impl Session {
    async fn run(
        mut self,
        signals: &mut Signals,
        probe: &mut dyn Side,
        target: &dyn Target,
        observer: &mut dyn Observer,
    ) -> Result<Over, SessionError> {
        let fd = probe
            .events_fd()
            .try_clone_to_owned()
            .map_err(SessionError::Wait)?;
        // SAFETY: an owned descriptor, moved in: it stays open, and the same, until `events` is dropped.
        let events = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
        let events = events.map_err(|error| SessionError::Wait(error.into()))?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0;
        let end = loop {
            tokio::select! {
                ready = events.readable() => {
                    ready.map_err(SessionError::Wait)?.clear_ready();
                    self.drain(probe, target, observer);
                }
                (which, asks) = signals.next_of_all() => match asks {
                    true => self.interrupted(which, target),
                    false => self.pass(which),
                },
                status = wait(self.child.as_mut()), if self.status.is_none() => {
                    self.status = Some(status.map_err(SessionError::Wait)?);
                    if self.ending.is_some() {
                        target.signal(Signal::TERM);
                    }
                }
                _ = tick.tick() => {
                    signals.show();
                    ticks += 1;
                    if ticks % TICKS_PER_READING == 0 {
                        self.read(probe, target, observer)?;
                        self.keep(probe, target, observer)?;
                    } else if !self.kept.rights && self.ledgers.have_rights() {
                        self.keep(probe, target, observer)?;
                    }
                    if let Some(ledger) = self.ledgers.only_mut() {
                        self.programs.look_around(target, ledger);
                    }
                    self.check_limits(target);
                }
            }
            if let Some(end) = self.end(target) {
                break end;
            }
        };
        drop(events);
        self.finish(probe, target, observer, end)
    }

    /// Takes in all first sightings that wait.
    fn drain(&mut self, probe: &mut dyn Side, target: &dyn Target, observer: &mut dyn Observer) {
        while let Some(event) = probe.next_event() {
            if self.is_foreign(&event, probe, target) {
                continue;
            }
            let ledger = self.ledgers.of(event.slot);
            self.programs.look_at(&event.origin, target, ledger);
            let found = ledger.cgroup_ids().len();
            match ledger.enter(event) {
                Some(News::Refused(refusal)) => observer.refused(&refusal),
                Some(News::Made(made)) => observer.made(&made, ledger.rights()),
                None => {}
            }
            if let Some(&id) = ledger.cgroup_ids().get(found) {
                observer.scope_found(id);
            }
        }
        probe.flush_messages();
    }

    /// Whether an event is of a scope that is not the target's. Such a scope is dismissed.
    fn is_foreign(&mut self, event: &Event, probe: &mut dyn Side, target: &dyn Target) -> bool {
        let What::Scope { cgroup_id } = event.what else {
            return self.foreign.contains(&event.slot);
        };
        if target.is_own(cgroup_id) {
            self.foreign.remove(&event.slot);
            return false;
        }
        self.foreign.insert(event.slot);
        if let Err(error) = probe.dismiss(cgroup_id, event.slot) {
            log::warn!("{error}");
        }
        true
    }

    /// Reads the counts and tells how it stands.
    fn read(
        &mut self,
        probe: &mut dyn Side,
        target: &dyn Target,
        observer: &mut dyn Observer,
    ) -> Result<(), SessionError> {
        self.drain(probe, target, observer);
        note_clients(probe, &mut self.ledgers, target)?;
        let now = now_ns();
        for slot in slots(probe, &self.ledgers, target)? {
            let counts = probe.call_counts(slot)?;
            self.ledgers.of(slot).note_counts(now, &counts);
        }
        let sizes: Vec<_> = self.ledgers.iter().map(Ledger::size).collect();
        let start_ns = self.ledgers.iter().map(Ledger::start_ns).min();
        let milliseconds_since = |time_ns: u64| now.saturating_sub(time_ns) / 1_000_000;
        observer.progress(&Progress {
            calls: sizes.iter().map(|(calls, _)| calls).sum(),
            tuples: sizes.iter().map(|(_, tuples)| tuples).sum(),
            refused: self.ledgers.iter().map(Ledger::denials_len).sum(),
            elapsed_ms: milliseconds_since(start_ns.unwrap_or(now)),
            idle_ms: milliseconds_since(self.ledgers.last_new_ns()),
            // They share counters, so their sum would count twice.
            missing: probe.losses()?.missing().max(probe.denial_losses()?.calls),
        });
        Ok(())
    }

    /// Keeps what is known, if there is anything new.
    fn keep(
        &mut self,
        probe: &mut dyn Side,
        target: &dyn Target,
        observer: &mut dyn Observer,
    ) -> Result<(), SessionError> {
        let keeps = observer.keeps();
        // Of several targets nothing is kept: it could not be told whose it was.
        let Some(ledger) = self.ledgers.only() else {
            return Ok(());
        };
        let known = Kept {
            rights: ledger.rights().is_some(),
            size: ledger.size(),
            denials: ledger.denials_len(),
            calls: match keeps {
                Keeps::Nothing => return Ok(()),
                Keeps::Sightings => 0,
                Keeps::Counts => ledger.calls(),
            },
        };
        if known == self.kept {
            return Ok(());
        }
        let (snapshot, refused) = everything(probe, &mut self.ledgers, target)?
            .pop_first()
            .map(|(_, counts)| counts)
            .unwrap_or_default();
        let Some(ledger) = self.ledgers.only() else {
            return Ok(());
        };
        let seen = Seen {
            ledger,
            snapshot: &snapshot,
            end_ns: now_ns(),
            end: WindowEnd::Interrupted,
        };
        let denials = denials_of(ledger, &refused, probe.denial_losses()?);
        observer.keep(seen, probe.losses()?, denials);
        self.kept = known;
        Ok(())
    }

    /// The user wants it to end. Once is a wish, twice an order.
    fn interrupted(&mut self, which: Signal, target: &dyn Target) {
        if self.ending.is_some() {
            target.kill();
            return;
        }
        self.asked = Some(which);
        self.begin_end(WindowEnd::Interrupted);
        // At a terminal, Ctrl-C reaches the command without us, as long as there is one.
        let reached = [Signal::INT, Signal::QUIT].contains(&which)
            && self.command().is_some()
            && rustix::termios::isatty(io::stdin());
        if !reached {
            self.signal(which, target);
        }
    }

    /// Passes a signal on that is meant for the command: whoever knows us knows its process id only through us.
    fn pass(&self, which: Signal) {
        if let Some(id) = self.command() {
            let _ = kill_process(id, which);
        }
    }

    fn check_limits(&mut self, target: &dyn Target) {
        if let Some((_, since)) = self.ending {
            if since.elapsed() >= GRACE {
                target.kill();
            }
            return;
        }
        // What has not started yet is not idle: an engine may first have to fetch an image.
        let started = self.ledgers.have_rights();
        let waits = self.child.is_some() && !started && self.stop != Stop::WithCommand;
        let idle = Duration::from_nanos(now_ns().saturating_sub(self.ledgers.last_new_ns()));
        let end = if self
            .limits
            .duration
            .is_some_and(|limit| self.started.elapsed() >= limit)
        {
            WindowEnd::Duration
        } else if self
            .limits
            .idle
            .is_some_and(|limit| !waits && idle >= limit)
        {
            WindowEnd::Idle
        } else {
            return;
        };
        self.begin_end(end);
        self.signal(Signal::TERM, target);
    }

    fn begin_end(&mut self, end: WindowEnd) {
        self.ending = Some((end, Instant::now()));
    }

    /// Asks the command to end, which is who knows how to end what it started; when it has gone, what is
    /// left of that.
    fn signal(&self, which: Signal, target: &dyn Target) {
        match self.command() {
            Some(id) => drop(kill_process(id, which)),
            None => target.signal(which),
        }
    }

    /// The command while it has not been waited for, so that the id is still its own.
    fn command(&self) -> Option<Pid> {
        let id = self.child.as_ref().and_then(Child::id);
        id.and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
    }

    /// What ended the session, if anything did.
    fn end(&self, target: &dyn Target) -> Option<WindowEnd> {
        let ending = self.ending.map(|(end, _)| end);
        if self.stop == Stop::WhenEmptyOrLimit && ending.is_some() {
            return ending;
        }
        let child_is_gone = self.child.is_none() || self.status.is_some();
        if self.stop == Stop::WithCommand {
            return child_is_gone.then(|| ending.unwrap_or(WindowEnd::Command));
        }
        let is_over = child_is_gone && !target.is_populated();
        is_over.then(|| ending.unwrap_or(WindowEnd::Empty))
    }

    /// Detaches first, so that the counts that are read are the last.
    fn finish(
        mut self,
        probe: &mut dyn Side,
        target: &dyn Target,
        observer: &mut dyn Observer,
        end: WindowEnd,
    ) -> Result<Over, SessionError> {
        let end_ns = now_ns();
        observer.ends();
        probe.detach()?;
        self.drain(probe, target, observer);
        note_clients(probe, &mut self.ledgers, target)?;
        let mut counts = everything(probe, &mut self.ledgers, target)?;
        let denial_losses = probe.denial_losses()?;
        let Self {
            ledgers,
            status,
            asked,
            ..
        } = self;
        let ended = ledgers.each().map(|(place, ledger)| {
            let (snapshot, refused) = counts.remove(&place).unwrap_or_default();
            Ended {
                ledger,
                snapshot,
                refused,
                denial_losses,
                end_ns,
                end,
            }
        });
        Ok(Over {
            ended: ended.collect(),
            end,
            status,
            asked,
        })
    }
}

/// Waits for the child; forever if there is none.
async fn wait(child: Option<&mut Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}
