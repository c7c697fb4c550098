//! What the daemon is, and what it does from time to time.
//!
//! It knows the kernel side, cgroups and its own files; it refuses to know of sockets, and waits for nothing
//! but the kernel.

use super::endings::Ended;
use super::error::DaemonError;
use super::filter::Filter;
use super::inspector::Inspector;
use super::keep::Keep;
use super::lives::Resting;
use super::metrics::{Metrics, Tally};
use super::parents::Parents;
use super::policy::Policy;
use super::scope::{Now, Own, Scope};
use super::store::Store;
use super::turned_away::TurnedAway;
use crate::probe::{ChildStart, Event, Fleet, Paths, Pins, Room, What};
use crate::recording::{Host, Recording, TargetKind, WindowEnd};
use crate::session::now_ns;
use crate::target::cgroup::{Cgroup, Hierarchy};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Makes a profile of a recording, or says why not.
pub type Generate = Box<dyn Fn(&Recording) -> Result<Generated, String> + Send + Sync>;

/// A profile.
pub struct Generated {
    /// What it says.
    pub text: String,
    /// What it presumes, for people.
    pub presumes: String,
}

/// What the daemon is to do.
pub struct Settings {
    /// Where its files are.
    pub state: PathBuf,
    /// Where the kernel side is pinned; `None` lets it die with the daemon.
    pub pins: Option<PathBuf>,
    /// How many scopes, and what is a container.
    pub room: Room,
    /// Whether it is meant to be so many: what is pinned may have room for others.
    pub is_room_meant: bool,
    /// Cgroups whose children are recorded, each by itself.
    pub parents: Vec<PathBuf>,
    /// From when on they are.
    pub child_start: ChildStart,
    /// Which of those are wanted.
    pub filter: Filter,
    /// Cgroups to record.
    pub cgroups: Vec<PathBuf>,
    /// Cgroups of containers to record, through all their lives.
    pub containers: Vec<PathBuf>,
    /// How often recordings are written.
    pub interval: Duration,
    /// What is kept of recordings that have ended.
    pub keep: Keep,
    /// Who may do what.
    pub policy: Policy,
}

/// The daemon.
pub struct Daemon {
    pub(super) store: Store,
    pub(super) fleet: Fleet,
    pub(super) hierarchy: Hierarchy,
    pub(super) parents: Parents,
    pub(super) scopes: BTreeMap<u32, Scope>,
    pub(super) ended: VecDeque<Ended>,
    /// Containers that may live again.
    pub(super) resting: Resting,
    pub(super) settings: Settings,
    pub(super) inspector: Inspector,
    /// The paths of cgroups that may be gone already, where the kernel lets us have them.
    pub(super) paths: Option<Paths>,
    /// Scopes that the filter does not want.
    pub(super) unwanted: BTreeSet<u32>,
    pub(super) last_written: Instant,
    /// Sightings of scopes that were not known, so they are lost.
    pub(super) strays: u64,
    pub(super) turned_away: TurnedAway,
    pub(super) tally: Tally,
    /// The lock on what is pinned.
    _pins: Option<Pins>,
}

impl Daemon {
    /// Takes its files and what is pinned for itself, and begins to record. What another daemon was recording
    /// goes on.
    ///
    /// # Errors
    ///
    /// [`DaemonError`] if another daemon has them, or the kernel refuses.
    pub fn start(settings: Settings) -> Result<Self, DaemonError> {
        let hierarchy = Hierarchy::detect()?;
        let named = |path: &PathBuf| hierarchy.named(path);
        let mut parents = Parents::new(settings.parents.clone());
        let mut cgroups = settings.cgroups.clone();
        for container in &settings.containers {
            if !parents.follow(container, &hierarchy) {
                log::warn!(
                    "should `{}` be started again, that is not followed",
                    crate::report::escape::path(container)
                );
                cgroups.push(container.clone());
            }
        }
        let cgroups: Vec<Cgroup> = cgroups.iter().map(named).collect::<Result<_, _>>()?;
        let store = Store::open(&settings.state)?;
        let pins = settings.pins.as_deref().map(Pins::open).transpose()?;
        let left = match &pins {
            Some(pins) => pins.are_there()?.then_some(pins),
            None => None,
        };
        let mut fleet = match left {
            Some(pins) => Fleet::pick_up(pins)?,
            None => Fleet::start(settings.room, pins.as_ref())?,
        };
        let (pinned, wanted) = (fleet.fill().scopes_max, settings.room.scopes);
        if settings.is_room_meant && pinned != wanted {
            return Err(DaemonError::Room { pinned, wanted });
        }
        let paths = fleet.take_paths();
        let is_resumed = left.is_some();
        let mut daemon = Self {
            store,
            fleet,
            hierarchy: hierarchy.clone(),
            parents,
            scopes: BTreeMap::new(),
            ended: VecDeque::new(),
            resting: Resting::default(),
            settings,
            inspector: Inspector::start(hierarchy.clone()),
            paths,
            unwanted: BTreeSet::new(),
            last_written: Instant::now(),
            strays: 0,
            turned_away: TurnedAway::default(),
            tally: Tally::default(),
            _pins: pins,
        };
        daemon.resting = Resting::of(daemon.store.resting()?);
        if is_resumed {
            daemon.resume(&cgroups)?;
        } else {
            daemon.store.forget()?;
        }
        let made = daemon.paths.as_ref().map(|paths| paths.since(0));
        let newest = made.unwrap_or_default().last().map_or(0, |&(id, _)| id);
        daemon.turned_away = TurnedAway::since(daemon.calls_turned_away()?, newest);
        daemon.look_at_parents()?;
        for path in daemon.parents.missing() {
            log::warn!(
                "no cgroup v2 at `{}` yet; what starts there before it is noticed is recorded from then on",
                crate::report::escape::path(path)
            );
        }
        for cgroup in cgroups {
            if let Err(refusal) = daemon.add(&cgroup) {
                return Err(DaemonError::Refused {
                    cgroup: cgroup.relative,
                    why: refusal.message,
                });
            }
        }
        Ok(daemon)
    }

    /// How many scopes are recorded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Who may do what.
    pub(super) fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// Becomes readable when there is a first sighting.
    pub(super) fn events_fd(&self) -> io::Result<OwnedFd> {
        self.fleet.events_fd().try_clone_to_owned()
    }

    /// Takes in all first sightings that wait.
    pub(super) fn drain(&mut self) -> Result<(), DaemonError> {
        let mut armed = BTreeSet::new();
        while let Some(event) = self.fleet.next_event() {
            self.enter(event, &mut armed)?;
        }
        self.fleet.flush_messages();
        // Then it began in a mount namespace of its own.
        let is_container_start = self.settings.child_start == ChildStart::ContainerExec;
        for slot in armed {
            if let Some(scope) = self.scopes.get_mut(&slot) {
                scope.passport.start_ns = scope.ledger.start_ns();
                if is_container_start {
                    scope.passport.kind = TargetKind::Container;
                    scope.target.kind = TargetKind::Container;
                }
                self.store.keep(&scope.passport)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, event: Event, armed: &mut BTreeSet<u32>) -> Result<(), DaemonError> {
        let slot = event.slot;
        if !self.scopes.contains_key(&slot) {
            // The list is right, whatever was first in the buffer.
            self.discover()?;
        }
        let Some(scope) = self.scopes.get_mut(&slot) else {
            // Of one that is dismissed some may still come.
            self.strays += u64::from(!self.parents.are_selective());
            return Ok(());
        };
        scope.note_activity();
        match event.what {
            What::Scope { .. } => return Ok(()),
            What::Armed { .. } => drop(armed.insert(slot)),
            What::Call(_) | What::Tuple(..) | What::Denied(..) | What::Left => {}
        }
        scope.ledger.enter(event);
        Ok(())
    }

    /// What has to be done from time to time.
    pub(super) fn tick(&mut self) -> Result<(), DaemonError> {
        self.look_at_parents()?;
        self.drain()?;
        self.take_in_details()?;
        let ended = self.scopes.iter_mut();
        let ended = ended.filter_map(|(&slot, scope)| {
            (scope.has_ended() && !scope.is_asked_about()).then_some(slot)
        });
        let ended: BTreeSet<u32> = ended.collect();
        if !ended.is_empty() {
            self.retire(&ended, WindowEnd::Empty)?;
        }
        self.look_at_the_turned_away()?;
        if self.last_written.elapsed() >= self.settings.interval {
            self.discover()?;
            self.forget_ignored()?;
            self.write_all()?;
            self.sweep()?;
        }
        Ok(())
    }

    /// Removes recordings that are not to be kept any longer.
    fn sweep(&mut self) -> Result<(), DaemonError> {
        let stems = self.scopes.values().map(|scope| &*scope.passport.stem);
        let stems: BTreeSet<&str> = stems.collect();
        let swept = self
            .store
            .sweep(&self.settings.keep, |stem| stems.contains(stem));
        self.tally.removed += swept?;
        Ok(())
    }

    /// How it is.
    pub(super) fn metrics(&self) -> Result<Metrics, DaemonError> {
        let now = self.now()?;
        let summaries = self.scopes.values().map(|scope| scope.summary(&now));
        let facts = summaries.fold((0, 0), |(calls, tuples), summary| {
            (calls + summary.calls, tuples + summary.tuples)
        });
        let newest = self.scopes.values().map(|scope| scope.ledger.last_new_ns());
        let newest = newest.max().map(|newest| {
            let ago = Duration::from_nanos(now.monotonic_ns.saturating_sub(newest));
            let wall = jiff::Timestamp::now().duration_since(jiff::Timestamp::UNIX_EPOCH);
            wall.as_secs_f64() - ago.as_secs_f64()
        });
        Ok(Metrics {
            targets: self.scopes.len(),
            facts,
            losses: now.losses,
            strays: self.strays,
            fill: self.fleet.fill(),
            last_new_fact_s: newest,
            tally: self.tally,
        })
    }

    pub(super) fn now(&self) -> Result<Now, DaemonError> {
        let uname = rustix::system::uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        Ok(Now {
            monotonic_ns: now_ns(),
            wall_ns: jiff::Timestamp::now().as_nanosecond(),
            host: Host {
                kernel: text(uname.release()),
                architecture: text(uname.machine()),
                hook: Some(self.fleet.attachment().to_string()),
            },
            losses: self.fleet.losses()?,
            own: self
                .scopes
                .keys()
                .map(|&slot| Ok((slot, self.own(slot)?)))
                .collect::<Result<_, DaemonError>>()?,
        })
    }

    fn own(&self, slot: u32) -> Result<Own, DaemonError> {
        Ok(Own {
            losses: self.fleet.losses_of(slot)?,
            clients: self.fleet.clients(slot)?,
        })
    }
}
