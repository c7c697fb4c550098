//! Whether a container starts with a profile: what the runtime that installs the filter refuses, and what it
//! has to do under the filter before the program's exec.

use super::findings::{Engine, as_read_by};
use crate::profile::release::Release;
use crate::profile::starts::{self, Need, Phase};
use crate::profile::{
    Action, ArgumentSet, Circumstances, Meaning, Profile, RemarkKind, Runtime, Source, words,
};
use crate::syscall::{Abi, Call, catalog};
use std::collections::BTreeSet;

/// Who is to start containers with the profile, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starting {
    /// Any of these; empty for a process of the host, which no runtime starts.
    pub releases: Vec<Release>,
    /// Whether these were asked for: then each must start it, otherwise one suffices.
    pub asked: bool,
    /// Whether the runtime sets no_new_privs, so that the filter goes in last.
    pub no_new_privs: bool,
}

impl Starting {
    /// Nobody.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            releases: Vec::new(),
            asked: false,
            no_new_privs: false,
        }
    }

    /// Whoever an engine has start containers; without an engine, the runtimes that matter.
    #[must_use]
    pub fn by(engine: Option<Engine>, asked: Option<Release>, no_new_privs: bool) -> Self {
        let is_asked = asked.is_some();
        let releases = match (asked, engine) {
            (Some(release), _) => vec![release],
            (None, Some(Engine::Docker | Engine::OldDocker | Engine::Containerd)) => {
                vec![Release::any(Runtime::Runc)]
            }
            (None, Some(Engine::Podman | Engine::Crio) | None) => {
                starts::KNOWN.map(Release::any).to_vec()
            }
        };
        Self {
            releases,
            asked: is_asked,
            no_new_privs,
        }
    }
}

/// A runtime that starts no container with the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoStart {
    /// Which.
    pub release: Release,
    /// Why, in the order in which it gets there; never empty.
    pub obstacles: Vec<Obstacle>,
}

/// What keeps a container from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The runtime refuses what is written: why.
    Refused(String),
    /// These calls are refused under the filter.
    Calls {
        /// When they are made.
        phase: Phase,
        /// Each with what it gets.
        calls: Vec<(Call, Action)>,
    },
}

impl NoStart {
    /// Whether the runtime refuses what is written.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let mut obstacles = self.obstacles.iter();
        obstacles.any(|obstacle| matches!(obstacle, Obstacle::Refused(_)))
    }
}

impl Obstacle {
    /// The calls that it is about.
    pub fn calls(&self) -> impl Iterator<Item = Call> {
        let calls: &[(Call, Action)] = match self {
            Self::Refused(_) => &[],
            Self::Calls { calls, .. } => calls,
        };
        calls.iter().map(|(call, _)| *call)
    }
}

/// The runtimes that start no container with the profile, as an engine hands it over.
#[must_use]
pub fn not_starting(
    source: &Source,
    circumstances: &Circumstances,
    engine: Option<Engine>,
    starting: &Starting,
) -> Vec<NoStart> {
    if starting.releases.is_empty() {
        return Vec::new();
    }
    let handed = engine.map_or_else(|| source.clone(), |engine| as_read_by(engine, source));
    let profile = handed.resolve(circumstances);
    let releases = starting.releases.iter();
    let found = releases.map(|release| NoStart {
        release: release.clone(),
        obstacles: obstacles(&handed, &profile, circumstances.host, release, starting),
    });
    found.filter(|one| !one.obstacles.is_empty()).collect()
}

fn obstacles(
    source: &Source,
    profile: &Profile,
    native: Abi,
    release: &Release,
    starting: &Starting,
) -> Vec<Obstacle> {
    let mut obstacles = refused(source, profile, release);
    let names = starts::names();
    let meaning = Meaning::of_calls(profile, native, Some(release.reads_as()), &names);
    // Whoever asks somebody who is there gets an answer that nobody knows.
    let listens = profile.listener_path.is_some();
    let is_answered = |action: Action| listens && action == Action::Notify;
    let needs: Vec<&Need> = starts::needs(release, starting.no_new_privs).collect();
    for phase in [Phase::Late, Phase::Early] {
        let here = needs.iter().filter(|need| need.phase == phase);
        let calls: BTreeSet<Call> = here.clone().flat_map(|need| named(need, native)).collect();
        let missing = calls.into_iter().filter_map(|call| {
            let needs = here.clone().filter(|need| {
                need.names
                    .iter()
                    .any(|name| Some(name.as_str()) == call.name())
            });
            let actions = needs.filter_map(|need| refusal(&meaning, call, need));
            let mut actions = actions.filter(|action| !is_answered(*action));
            actions.next().map(|action| (call, action))
        });
        let calls: Vec<(Call, Action)> = missing.collect();
        if !calls.is_empty() {
            obstacles.push(Obstacle::Calls { phase, calls });
        }
    }
    obstacles
}

fn named(need: &Need, native: Abi) -> impl Iterator<Item = Call> {
    let names = need.names.iter();
    names.filter_map(move |name| Call::named(native, name))
}

/// What a needed call gets, if that ends the start.
fn refusal(meaning: &Meaning, call: Call, need: &Need) -> Option<Action> {
    let permitted = meaning.permitted(call);
    let refused = needed(call, need).into_iter().find_map(|values| {
        let passing = permitted.intersection(&values);
        let refused = passing
            .is_none()
            .then(|| values.difference(&permitted).witness());
        refused.flatten()
    });
    let action = meaning.action(call, &refused?);
    let kills = match action {
        Action::KillProcess | Action::KillThread | Action::Trap => true,
        Action::Errno(_) | Action::Trace(_) | Action::Notify | Action::Log | Action::Allow => false,
    };
    (kills || !need.killed).then_some(action)
}

/// The sets of which each must be met: one for each value that is needed.
fn needed(call: Call, need: &Need) -> Vec<ArgumentSet> {
    let mut sets = Vec::new();
    for argument in catalog::of(call) {
        let texts = need.arguments.get(argument.name).into_iter().flatten();
        let values = texts.filter_map(|text| catalog::value(call, argument.index, text));
        // Callers leave the upper half of the register zero.
        sets.extend(values.map(|value| ArgumentSet::masked(argument.index, u64::MAX, value)));
    }
    if sets.is_empty() {
        sets.push(ArgumentSet::all());
    }
    sets
}

/// The first versions of runc that take flags.
const FLAGS_SINCE: [&str; 1] = ["1.2.0"];

/// Architectures that runc does not know.
const UNKNOWN_TO_RUNC: [&str; 5] = [
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
];

/// What the runtime refuses before it makes a filter.
fn refused(source: &Source, profile: &Profile, release: &Release) -> Vec<Obstacle> {
    let is = |runtime: Runtime| release.runtime == runtime;
    let has = |kind: &dyn Fn(&RemarkKind) -> bool| {
        source
            .origin
            .remarks
            .iter()
            .any(|remark| kind(&remark.kind))
    };
    let asks = || {
        let rules = profile.rules.iter();
        rules.filter(|rule| rule.action == Action::Notify && rule.action != profile.default_action)
    };
    let on_write = || asks().any(|rule| rule.names.iter().any(|name| name == "write"));
    let flags = profile.flags.as_deref().unwrap_or_default();
    let unknown = || {
        let mut others = profile.other_architectures.iter();
        others.find(|name| UNKNOWN_TO_RUNC.contains(&name.as_str()))
    };
    let mut reasons = Vec::new();
    if is(Runtime::Runc) || is(Runtime::OldRunc) {
        if release.is_before(&FLAGS_SINCE) && !flags.is_empty() {
            reasons.push("it takes no flags before 1.2.0".to_owned());
        }
        if let Some(name) = unknown() {
            reasons.push(format!("it does not know {name}"));
        }
        if asks().next().is_some() && profile.listener_path.is_none() {
            reasons.push("SCMP_ACT_NOTIFY needs a `listenerPath`".to_owned());
        }
        let waits = flags.iter().any(|flag| flag == words::WAIT_KILLABLE_RECV);
        if waits && asks().next().is_none() {
            reasons.push(format!(
                "the kernel does not take {} without a listener",
                words::WAIT_KILLABLE_RECV
            ));
        }
        if has(&|kind| matches!(kind, RemarkKind::EmptyName)) {
            reasons.push("it takes no empty name".to_owned());
        }
    }
    if !is(Runtime::Crun) && on_write() {
        reasons.push("it does not ask a listener about `write`".to_owned());
    }
    if is(Runtime::Crun) && has(&|kind| matches!(kind, RemarkKind::ErrnoUnused { .. })) {
        reasons.push("it takes no errno for an action that has none".to_owned());
    }
    reasons.into_iter().map(Obstacle::Refused).collect()
}
