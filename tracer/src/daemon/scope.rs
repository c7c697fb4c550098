//! One scope of the daemon: what it is called, what is known of it, and whether it has ended.

use super::passport::Passport;
use super::protocol;
use crate::probe::Snapshot;
use crate::recording::{
    Arguments, CallFacts, FactKey, Host, Loss, Losses, Recording, Target, WindowEnd,
};
use crate::session::{
    Configured, Context, Ledger, Seen, add_counts, recording_of, rfc3339, snapshot_of,
};
use crate::target::cgroup::Cgroup;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// How long engines may take until it is of no use any more to know who something was.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How long a first recording may wait for its name.
const NAME_MAX: Duration = Duration::from_secs(20);

/// A scope that is being recorded.
pub(super) struct Scope {
    pub(super) passport: Passport,
    pub(super) ledger: Ledger,
    /// What is known of the target beside its cgroup.
    pub(super) target: Target,
    /// Since when engines are asked about it, until they have answered.
    pub(super) asked: Option<Instant>,
    /// What its engine says of how it starts.
    pub(super) configured: Configured,
    /// `cgroup.events`, open since there was a cgroup; `None` if it was gone before.
    events: Option<File>,
    /// Whether there has been anybody in it.
    was_populated: bool,
    /// What it did in earlier lives.
    past: Option<Past>,
    /// How many calls had been made when it was last written, if it was.
    written: Option<u64>,
    /// Calls and tuples when they were last read.
    size: (usize, usize),
}

/// Earlier lives of a container.
struct Past {
    snapshot: Snapshot,
    losses: Losses,
}

/// The clocks at one moment, and the machine.
pub(super) struct Now {
    pub(super) monotonic_ns: u64,
    pub(super) wall_ns: i128,
    pub(super) host: Host,
    /// Of all scopes together.
    pub(super) losses: Losses,
    /// Of each scope, by slot.
    pub(super) own: BTreeMap<u32, Own>,
}

/// What the kernel side says of one scope beside its counts.
pub(super) struct Own {
    pub(super) losses: Losses,
    /// The clients of engines that were executed.
    pub(super) clients: Vec<&'static str>,
}

impl Scope {
    /// A scope whose window starts now.
    pub(super) fn new(passport: Passport, cgroup: Option<&Cgroup>) -> Self {
        let ledger = Ledger::new(passport.start_ns);
        Self::with(passport, ledger, Target::default(), cgroup)
    }

    /// A scope that another daemon began, with the last recording that it wrote.
    pub(super) fn resumed(
        passport: Passport,
        last: Option<Recording>,
        cgroup: Option<&Cgroup>,
    ) -> Self {
        let Some(last) = last else {
            return Self::new(passport, cgroup);
        };
        let mut ledger =
            Ledger::resumed(passport.start_ns, last.window.last_new_fact_ms, &last.facts);
        ledger.resume_left(last.losses.left_by());
        Self::with(passport, ledger, last.target, cgroup)
    }

    fn with(passport: Passport, ledger: Ledger, target: Target, cgroup: Option<&Cgroup>) -> Self {
        let target = Target {
            kind: passport.kind,
            cgroup: passport.cgroup.clone(),
            ..target
        };
        let events = cgroup.and_then(|cgroup| File::open(cgroup.path.join("cgroup.events")).ok());
        Self {
            passport,
            ledger,
            target,
            asked: None,
            configured: Configured::default(),
            events,
            was_populated: false,
            past: None,
            written: None,
            size: (0, 0),
        }
    }

    /// It is another life of a container: its recording goes on with what the lives before gave.
    pub(super) fn go_on(&mut self, passport: Passport, past: Option<Recording>) {
        let start_ns = passport.start_ns;
        let earlier = past.as_ref().map_or_else(
            || Ledger::new(start_ns),
            |past| {
                let last_new_ms = past.window.last_new_fact_ms;
                let mut earlier = Ledger::resumed(start_ns, last_new_ms, &past.facts);
                earlier.resume_left(past.losses.left_by());
                earlier
            },
        );
        self.ledger.join(earlier);
        self.passport = passport;
        // If there is a file, it does not say this yet.
        self.written = past.as_ref().map(|_| 0);
        self.live_on(past);
    }

    /// Adds what earlier lives gave, if they did anything.
    pub(super) fn live_on(&mut self, past: Option<Recording>) {
        self.ledger.begin();
        let Some(past) = past else {
            return;
        };
        let target = &mut self.target;
        target.capabilities = target.capabilities.take().or(past.target.capabilities);
        target.no_new_privs = target.no_new_privs.or(past.target.no_new_privs);
        target.clients.extend(past.target.clients);
        self.past = Some(Past {
            snapshot: snapshot_of(&past.facts),
            losses: past.losses,
        });
    }

    /// Whether it has lived before.
    pub(super) fn has_past(&self) -> bool {
        self.past.is_some()
    }

    /// The counts of all lives together.
    fn all<'a>(&self, snapshot: &'a Snapshot) -> Cow<'a, Snapshot> {
        let Some(past) = &self.past else {
            return Cow::Borrowed(snapshot);
        };
        let mut all = past.snapshot.clone();
        add_counts(&mut all, snapshot);
        Cow::Owned(all)
    }

    /// Whether nobody is left in it. One that nobody has entered yet has not ended.
    pub(super) fn has_ended(&mut self) -> bool {
        let Some(events) = &self.events else {
            return true;
        };
        let mut text = [0; 64];
        match events.read_at(&mut text, 0) {
            // The cgroup was removed, which needs nobody in it.
            Err(_) => true,
            Ok(len) => {
                let is_populated = text[..len]
                    .split(|&byte| byte == b'\n')
                    .any(|line| line == b"populated 1");
                self.was_populated |= is_populated;
                self.was_populated && !is_populated
            }
        }
    }

    /// Whether an engine may still say who it was.
    pub(super) fn is_asked_about(&self) -> bool {
        self.asked.is_some_and(|since| since.elapsed() < ANSWER_MAX)
    }

    /// Whether it is worth waiting for its name before it is written for the first time.
    pub(super) fn is_to_be_named(&self) -> bool {
        let is_new = self.asked.is_some_and(|since| since.elapsed() < NAME_MAX);
        is_new && !self.is_written()
    }

    /// Somebody was seen in it.
    pub(super) fn note_activity(&mut self) {
        self.was_populated = true;
    }

    /// Notes counts. Says whether anything changed since the recording was last written.
    pub(super) fn note_counts(&mut self, now_ns: u64, snapshot: &Snapshot) -> bool {
        self.was_populated |= !snapshot.is_empty();
        let snapshot = &*self.all(snapshot);
        self.ledger.note_counts(now_ns, snapshot);
        let tuples = snapshot.values().map(|call| call.tuples.len()).sum();
        self.size = (snapshot.len(), tuples);
        let total = Some(total(snapshot));
        !snapshot.is_empty() && self.written != total
    }

    /// The recording was written as it was with these counts.
    pub(super) fn note_written(&mut self, snapshot: &Snapshot) {
        self.written = Some(total(&self.all(snapshot)));
    }

    /// Whether there is a recording.
    pub(super) fn is_written(&self) -> bool {
        self.written.is_some()
    }

    /// The recording as it stands.
    pub(super) fn recording(&self, snapshot: &Snapshot, now: &Now, end: WindowEnd) -> Recording {
        let passport = &self.passport;
        let is_container = self.target.container.is_some();
        let snapshot = &*self.all(snapshot);
        let seen = Seen {
            ledger: &self.ledger,
            snapshot,
            end_ns: now.monotonic_ns,
            end,
        };
        let context = Context {
            run_id: passport.run_id.clone(),
            host: now.host.clone(),
            target: self.target.clone(),
            configured: self.configured,
            monotonic_ns: now.monotonic_ns,
            wall_ns: now.wall_ns,
            from: passport.from,
            lives: is_container.then_some(passport.lives),
        };
        let mut recording = recording_of(seen, Losses::default(), context);
        recording.window.start = self.since(now);
        let own = now.own.get(&passport.slot);
        let clients = own.into_iter().flat_map(|own| &own.clients);
        let clients = clients.map(|&name| name.to_owned());
        recording.target.clients.extend(clients);
        let losses = self.losses(now, unseen(&recording.facts));
        recording.losses = losses.with_left_by(self.ledger.left().clone());
        recording
    }

    /// When the window started.
    fn since(&self, now: &Now) -> String {
        let ago = now.monotonic_ns.saturating_sub(self.ledger.start_ns());
        rfc3339(now.wall_ns - i128::from(ago))
    }

    /// What this scope may have lost. What others lost is theirs.
    fn losses(&self, now: &Now, unseen: u64) -> Losses {
        let mut losses = Losses::default();
        let own = now.own.get(&self.passport.slot);
        for (loss, count) in own.map_or(&now.losses, |own| &own.losses).iter() {
            let before = self.passport.lost_before.get(loss);
            losses.set(loss, count.saturating_sub(before));
        }
        losses.set(Loss::ScopesFull, self.passport.missed);
        if let Some(past) = &self.past {
            for (loss, count) in past.losses.iter() {
                losses.set(loss, losses.get(loss).saturating_add(count));
            }
        }
        losses.set(Loss::Sighting, unseen);
        losses
    }

    /// How it stands, for a list.
    pub(super) fn summary(&self, now: &Now) -> protocol::Target {
        let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
        let (calls, tuples) = self.ledger.size();
        let idle_ns = now.monotonic_ns.saturating_sub(self.ledger.last_new_ns());
        let container = self.target.container.as_ref();
        protocol::Target {
            run: self.passport.run_id.clone(),
            name: self.name().to_owned(),
            cgroup: self.passport.cgroup.clone(),
            image: container.and_then(|container| container.image.clone()),
            since: self.since(now),
            calls: count(calls.max(self.size.0)),
            tuples: count(tuples.max(self.size.1)),
            idle_ms: idle_ns / 1_000_000,
            missing: self.losses(now, 0).missing(),
        }
    }

    /// What the target is called: by its engine, else by its cgroup.
    fn name(&self) -> &str {
        let container = self.target.container.as_ref();
        container
            .and_then(|container| container.name.as_deref())
            .unwrap_or(&self.passport.name)
    }
}

/// How many sightings are missing: of calls and of tuples.
fn unseen(facts: &BTreeMap<FactKey, CallFacts>) -> u64 {
    let unseen = |facts: &CallFacts| {
        let tuples = match &facts.arguments {
            Arguments::Untracked => 0,
            Arguments::Exact(tuples) | Arguments::Unbounded(tuples) => {
                let unseen = tuples.seen.values().filter(|tuple| tuple.first.is_none());
                unseen.count() as u64
            }
        };
        tuples + u64::from(facts.first.is_none())
    };
    facts.values().map(unseen).sum()
}

fn total(snapshot: &Snapshot) -> u64 {
    let counts = snapshot.values().map(|call| call.count);
    counts.fold(0, u64::saturating_add)
}
