//! Which calls a profile should permit, each with its reasons.

use super::{Evidence, Options};
use crate::profile::floor::{self, Floor};
use crate::syscall::{Abi, Call};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

/// Why a call is permitted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was seen.
    Observed,
    /// Every profile needs it.
    Floor(&'static str),
    /// This runtime makes it after it has installed the filter.
    Runtime(&'static str),
    /// What was seen turns into it elsewhere.
    Fallback {
        /// The call that was seen.
        of: &'static str,
        /// When it does.
        reason: &'static str,
    },
    /// Answered by the vDSO, mostly.
    Vdso(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed => f.write_str("observed"),
            Self::Floor(reason) => write!(f, "always needed: {reason}"),
            Self::Runtime(name) => write!(f, "needed by {name} between filter and exec"),
            Self::Fallback { of, reason } => write!(f, "fallback of {of}: {reason}"),
            Self::Vdso(reason) => f.write_str(reason),
        }
    }
}

#[derive(Deserialize)]
struct Runtimes {
    runtimes: Vec<Runtime>,
}

#[derive(Deserialize)]
struct Runtime {
    name: String,
    late: Vec<String>,
    early: Vec<String>,
}

#[derive(Deserialize)]
struct Fallbacks {
    fallbacks: Vec<Fallback>,
    vdso: Floor,
}

#[derive(Deserialize)]
struct Fallback {
    when: String,
    then: String,
    reason: String,
}

/// One of our own files; a test reads each.
fn embedded<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::from_str(text).expect("our own file; a test reads it")
}

static RUNTIMES: LazyLock<Runtimes> =
    LazyLock::new(|| embedded(include_str!("../../../profiles/runtimes.json")));
static FALLBACKS: LazyLock<Fallbacks> =
    LazyLock::new(|| embedded(include_str!("../../../profiles/fallbacks.json")));

/// The runtimes that there are baselines for.
pub fn known_runtimes() -> impl Iterator<Item = &'static str> {
    RUNTIMES
        .runtimes
        .iter()
        .map(|runtime| runtime.name.as_str())
}

type Wanted = BTreeMap<Call, BTreeSet<Reason>>;

/// The calls to permit if the base does.
pub(super) fn wanted(evidence: &Evidence, abis: &BTreeSet<Abi>, options: &Options) -> Wanted {
    let mut wanted = Wanted::new();
    let observed = evidence.calls().map(|(call, _)| call);
    for call in observed.filter(|call| call.name().is_some() && abis.contains(&call.abi)) {
        add(&mut wanted, call, Reason::Observed);
        if let Some(name) = call.name() {
            fallbacks(&mut wanted, call.abi, name);
        }
    }
    for &abi in abis {
        for entry in floor::all() {
            add_names(
                &mut wanted,
                abi,
                &entry.names,
                &Reason::Floor(&entry.reason),
            );
        }
        let vdso = &FALLBACKS.vdso;
        add_names(&mut wanted, abi, &vdso.names, &Reason::Vdso(&vdso.reason));
    }
    // Runtimes are native programs.
    for runtime in RUNTIMES
        .runtimes
        .iter()
        .filter(|known| options.runtimes.contains(&known.name))
    {
        let reason = Reason::Runtime(&runtime.name);
        add_names(&mut wanted, options.native, &runtime.late, &reason);
        if !options.late {
            add_names(&mut wanted, options.native, &runtime.early, &reason);
        }
    }
    wanted
}

fn fallbacks(wanted: &mut Wanted, abi: Abi, name: &str) {
    for fallback in FALLBACKS
        .fallbacks
        .iter()
        .filter(|fallback| fallback.when == name)
    {
        let reason = Reason::Fallback {
            of: &fallback.when,
            reason: &fallback.reason,
        };
        add_names(wanted, abi, std::slice::from_ref(&fallback.then), &reason);
    }
}

fn add_names(wanted: &mut Wanted, abi: Abi, names: &[String], reason: &Reason) {
    for call in names.iter().filter_map(|name| Call::named(abi, name)) {
        add(wanted, call, reason.clone());
    }
}

fn add(wanted: &mut Wanted, call: Call, reason: Reason) {
    wanted.entry(call).or_default().insert(reason);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::is_known_name;

    #[test]
    fn our_own_files_name_real_calls() {
        let floor = floor::all().iter().flat_map(|entry| &entry.names);
        let runtimes = RUNTIMES
            .runtimes
            .iter()
            .flat_map(|known| known.late.iter().chain(&known.early));
        let fallbacks = FALLBACKS
            .fallbacks
            .iter()
            .flat_map(|known| [&known.when, &known.then]);
        let names = floor
            .chain(runtimes)
            .chain(fallbacks)
            .chain(&FALLBACKS.vdso.names);
        for name in names {
            assert!(is_known_name(name), "{name}");
        }
        assert_eq!(known_runtimes().collect::<Vec<_>>(), ["runc", "crun"]);
    }
}
