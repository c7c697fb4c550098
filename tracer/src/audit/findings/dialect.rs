//! Whether an engine takes a profile for something else than it says.

use super::{Examined, Finding, Matter, Misreading};
use crate::profile::{Action, Filter, Meaning, Position, Source, SourceRule};
use crate::syscall::{self, Abi, Call};
use std::collections::BTreeSet;
use std::fmt;

/// An engine that gives a profile to a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// dockerd.
    Docker,
    /// dockerd before 23.0.
    OldDocker,
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
            Self::OldDocker => "Docker before 23.0",
            Self::Podman => "Podman",
            Self::Containerd => "containerd",
            Self::Crio => "CRI-O",
        })
    }
}

/// `EPERM`, what a filter answers where nothing else is said.
const EPERM: u16 = 1;

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
    let dropped = dropped(examined.source, &read);
    (more.is_some() || less.is_some() || !dropped.is_empty()).then_some(Misreading {
        engine,
        is_asked_for,
        more,
        less,
        dropped,
    })
}

/// The keys of the profile that an engine ignores.
fn dropped(source: &Source, read: &Source) -> Vec<&'static str> {
    let keys = [
        (
            source.default_action != read.default_action,
            "defaultErrnoRet",
        ),
        (source.flags != read.flags, "flags"),
        (source.listener_path != read.listener_path, "listenerPath"),
        (
            source.listener_metadata != read.listener_metadata,
            "listenerMetadata",
        ),
    ];
    let keys = keys.into_iter().filter(|(is_dropped, _)| *is_dropped);
    keys.map(|(_, key)| key).collect()
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
pub(in crate::audit) fn as_read_by(engine: Engine, source: &Source) -> Source {
    let mut read = source.clone();
    if engine == Engine::Containerd {
        read.arch_map.clear();
    }
    if engine == Engine::OldDocker {
        if let Action::Errno(errno) = &mut read.default_action {
            *errno = EPERM;
        }
        read.flags = None;
        read.listener_path = None;
        read.listener_metadata = None;
    }
    for rule in &mut read.rules {
        for filter in [&mut rule.includes, &mut rule.excludes] {
            match engine {
                Engine::Docker | Engine::OldDocker => {}
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
        Engine::Docker | Engine::OldDocker => false,
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
    let positions = &source.origin.positions;
    let old = (engine == Engine::OldDocker)
        .then(|| dropped(source, &as_read_by(engine, source)))
        .filter(|keys| !keys.is_empty())
        .map(|keys| match keys.first() {
            Some(&"flags") => positions.flags,
            Some(&"listenerPath") => positions.listener_path,
            Some(_) | None => positions.default_action,
        });
    source.rules.iter().find_map(of_rule).or(map).or(old)
}
