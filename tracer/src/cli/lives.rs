//! A container that is recorded through all its lives: which cgroups are its own, and whether another life may come.
//!
//! The engine makes a new cgroup for each life, mostly at the same path. The kernel side takes every new cgroup beside the
//! first one for a scope, from its first call on; those that are not the container's are dismissed.

use crate::probe::Paths;
use crate::report::escape;
use crate::target::cgroup::{Cgroup, Hierarchy};
use crate::target::engine::{Engine, EngineError, Inspected};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked where the container is.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a container that has ended is waited for: an order to restart it ends it first.
const RETURN: Duration = Duration::from_secs(5);

/// The same where its engine is to start it again by itself.
const POLICY_RETURN: Duration = Duration::from_secs(15);

/// How long an engine may be out of reach.
const SILENCE: Duration = Duration::from_secs(30);

/// A container's lives.
pub(super) struct Lives {
    own: Cgroup,
    parent: Option<Cgroup>,
    paths: OnceLock<Paths>,
    state: Arc<State>,
}

/// What the keeper finds out.
#[derive(Default)]
struct State {
    is_over: AtomicBool,
    missed: AtomicU64,
    is_ending: AtomicBool,
}

/// Who asks the engine, for as long as the recording lasts.
struct Keeper {
    engine: Engine,
    hierarchy: Hierarchy,
    id: String,
    name: String,
    own: Cgroup,
    can_follow: bool,
    /// Whether the recording lasts its time, whether or not the container does.
    lasts: bool,
    state: Arc<State>,
}

impl Lives {
    /// The lives of a container that runs. What only a runtime knows, an engine above it starts again as another.
    pub(super) fn of(hierarchy: &Hierarchy, own: &Cgroup, is_of_runtime: bool) -> Self {
        let above = Path::new(&own.relative).parent();
        let above = above.filter(|_| !is_of_runtime);
        // Beside a cgroup that is directly below the root is the whole host.
        let parent = above.and_then(|path| hierarchy.named(path).ok());
        Self {
            own: own.clone(),
            parent,
            paths: OnceLock::new(),
            state: Arc::default(),
        }
    }

    /// Takes the paths of cgroups that may be gone already.
    pub(super) fn know(&self, paths: Paths) {
        // They are given once.
        let _ = self.paths.set(paths);
    }

    /// The cgroup that holds those of all lives, if it can be watched.
    pub(super) fn parent(&self) -> Option<&Cgroup> {
        self.parent.as_ref()
    }

    /// Begins to ask where the container is.
    pub(super) fn keep(
        &self,
        hierarchy: &Hierarchy,
        engine: &Engine,
        inspected: &Inspected,
        lasts: bool,
    ) {
        let keeper = Keeper {
            engine: engine.clone(),
            hierarchy: hierarchy.clone(),
            id: inspected.id.clone(),
            name: inspected.name.clone(),
            own: self.own.clone(),
            can_follow: self.parent.is_some(),
            lasts,
            state: Arc::clone(&self.state),
        };
        thread::spawn(move || keeper.keep());
    }

    /// Whether the container may still be there, or come again.
    pub(super) fn may_go_on(&self) -> bool {
        !self.state.is_over.load(Ordering::Acquire)
    }

    /// Whether a cgroup is one of its own: what is, or was, at the same path.
    pub(super) fn is_own(&self, cgroup_id: u64) -> bool {
        if cgroup_id == self.own.id {
            return true;
        }
        match self.own.path.metadata() {
            Ok(found) if found.ino() == cgroup_id => true,
            _ => {
                let made = self.paths.get().and_then(|paths| paths.of(cgroup_id));
                made.is_some_and(|path| path == Path::new(&self.own.relative))
            }
        }
    }

    /// Lives that are known and could not be followed.
    pub(super) fn missed(&self) -> u64 {
        self.state.missed.load(Ordering::Acquire)
    }
}

impl Drop for Lives {
    fn drop(&mut self) {
        self.state.is_ending.store(true, Ordering::Release);
    }
}

impl Keeper {
    fn keep(self) {
        let mut gone_since = None;
        let mut elsewhere = BTreeSet::new();
        while !self.state.is_ending.load(Ordering::Acquire) {
            // Whichever life it is: the path is the same.
            let is_here = self.own.is_populated().unwrap_or(false);
            if is_here && (self.can_follow || self.is_first()) {
                gone_since = None;
            } else {
                let since = *gone_since.get_or_insert_with(Instant::now);
                if self.is_over(since.elapsed(), &mut elsewhere) {
                    self.state.is_over.store(true, Ordering::Release);
                    return;
                }
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether the cgroup is still that of the first life.
    fn is_first(&self) -> bool {
        let found = self.own.path.metadata();
        found.is_ok_and(|found| found.ino() == self.own.id)
    }

    /// Asks the engine about a container that is not here.
    fn is_over(&self, gone_for: Duration, elsewhere: &mut BTreeSet<i32>) -> bool {
        let inspected = match self.ask() {
            Ok(inspected) => inspected,
            Err(EngineError::NotFound { .. }) => return true,
            Err(error) => {
                log::debug!("{error}");
                return gone_for >= SILENCE;
            }
        };
        if let Ok(pid) = inspected.first_process() {
            let cgroup = self.hierarchy.of_process(pid).ok();
            let is_here = cgroup.is_some_and(|cgroup| cgroup.path.starts_with(&self.own.path));
            let is_followed = is_here && self.can_follow;
            if !is_followed && elsewhere.insert(pid.as_raw_nonzero().get()) {
                self.miss("it was started again in a cgroup that is not watched");
            }
            return !is_followed && !self.lasts;
        }
        let patience = match inspected.restarts {
            true => POLICY_RETURN,
            false => RETURN,
        };
        match inspected.status.as_str() {
            // The engine waits until it starts it again.
            "restarting" => false,
            "removing" | "dead" => true,
            _ => !self.lasts && gone_for >= patience,
        }
    }

    /// A runtime knows containers that its engine starts again as others, with the same name.
    fn ask(&self) -> Result<Inspected, EngineError> {
        if !self.engine.is_runtime() {
            return self.engine.inspect(&self.id);
        }
        let kind = Some(self.engine.kind());
        let found = Engine::find(&self.name, kind).map(|(_, inspected)| inspected)?;
        if found.id != self.id && found.first_process().is_ok() {
            self.miss("its engine has made another container of it");
        }
        match found.id == self.id {
            true => Ok(found),
            false => Err(EngineError::NotFound {
                name: self.name.clone(),
                similar: Vec::new(),
            }),
        }
    }

    fn miss(&self, why: &str) {
        self.state.missed.fetch_add(1, Ordering::AcqRel);
        log::warn!("a life of `{}` is missing: {why}", escape::text(&self.name));
    }
}
