//! Whether an engine takes a profile for something else than it says.

use super::{Examined, Finding, Matter, Misreading};
use crate::profile::{Filter, Meaning, Position, Source, SourceRule};
use crate::syscall::{self, Abi, Call};
use std::collections::BTreeSet;
use std::fmt;

/// An engine that gives a profile to a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// dockerd.
    Docker,
    /// Podman.
    Podman,
    /// containerd, also under nerdctl and Kubernetes.
    Containerd,
    /// CRI-O.
    Crio,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
            Self::Containerd => "containerd",
            Self::Crio => "CRI-O",
        })
    }
}

/// The engines whose reading differs from the profile's meaning.
pub(super) fn findings(examined: &Examined<'_>) -> Vec<Finding> {
    let source = examined.source;
    let remarks = source.origin.remarks.iter();
    let mut findings: Vec<Finding> = remarks
        .map(|remark| Finding::new(Matter::Ignored(remark.clone()), Some(remark.position)))
        .collect();
    let engines = match examined.engine {
        Some(engine) => vec![engine],
        // One of each way of reading.
        None => vec![Engine::Podman, Engine::Containerd],
    };
    for engine in engines {
        let Some(place) = first_ignored(source, engine) else {
            continue;
        };
        let misreading = misreading(examined, engine);
        findings.extend(misreading.map(|one| Finding::new(Matter::Misread(one), place)));
    }
    findings
}

/// How an engine takes the profile, if that is not what it says.
fn misreading(examined: &Examined<'_>, engine: Engine) -> Option<Misreading> {
    let read = as_read_by(engine, examined.source);
    let host = examined.circumstances.host;
    let meaning = Meaning::of(&read.resolve(examined.circumstances), host);
    let more = beyond(examined.meaning, &meaning);
    let less = beyond(&meaning, examined.meaning);
    let is_asked_for = examined.engine.is_some();
    (more.is_some() || less.is_some()).then_some(Misreading {
        engine,
        is_asked_for,
        more,
        less,
    })
}

/// How many calls `other` permits with arguments with which `one` does not, and an example.
fn beyond(one: &Meaning, other: &Meaning) -> Option<(usize, Call, [u64; 6])> {
    let abis: BTreeSet<Abi> = other.abis().clone();
    let calls = abis.into_iter().flat_map(syscall::calls);
    let mut found = calls.filter_map(|call| {
        let more = other.permitted(call).difference(&one.permitted(call));
        more.witness().map(|witness| (call, witness))
    });
    let (call, witness) = found.next()?;
    Some((1 + found.count(), call, witness))
}

/// The profile without what an engine ignores.
fn as_read_by(engine: Engine, source: &Source) -> Source {
    let mut read = source.clone();
    if engine == Engine::Containerd {
        read.arch_map.clear();
    }
    for rule in &mut read.rules {
        for filter in [&mut rule.includes, &mut rule.excludes] {
            match engine {
                Engine::Docker => {}
                Engine::Containerd => *filter = Filter::default(),
                Engine::Podman | Engine::Crio => filter.kernel = None,
            }
        }
    }
    read
}

/// The first thing that an engine ignores, if there is one: where it is, if that is known.
fn first_ignored(source: &Source, engine: Engine) -> Option<Option<Position>> {
    let ignores = |filter: &Filter| match engine {
        Engine::Docker => false,
        Engine::Containerd => *filter != Filter::default(),
        Engine::Podman | Engine::Crio => filter.kernel.is_some(),
    };
    let of_rule = |rule: &SourceRule| {
        let positions = &rule.positions;
        let includes = ignores(&rule.includes).then(|| positions.includes.or(positions.rule));
        let excludes = ignores(&rule.excludes).then(|| positions.excludes.or(positions.rule));
        includes.or(excludes)
    };
    let has_map = engine == Engine::Containerd && !source.arch_map.is_empty();
    let map = has_map.then_some(source.origin.positions.arch_map);
    source.rules.iter().find_map(of_rule).or(map)
}
