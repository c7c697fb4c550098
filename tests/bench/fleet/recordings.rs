//! The recordings of a fleet's day, made from a fixed seed: some calls that every run makes, and a tail that fewer
//! and fewer do, as in real ones.

use seccomp_tracer::recording::{
    Arguments, CallFacts, FactKey, Host, Losses, Recording, Sighting, Target, TargetKind,
    TupleFacts, Tuples, Window, WindowEnd, WindowStart,
};
use seccomp_tracer::syscall::{self, Abi, Call, capability, catalog};
use std::collections::BTreeMap;

/// Facts of each run: calls, and values of their arguments.
const FACTS: usize = 400;

/// A small generator, so that the same number gives the same recordings everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small values often, large ones seldom.
    fn skewed(&mut self) -> u64 {
        let bits = self.below(20);
        self.below(1 << bits) + 1
    }
}

/// How many facts it has.
pub(super) fn size(recording: &Recording) -> usize {
    let sizes = recording
        .facts
        .values()
        .map(|facts| match &facts.arguments {
            Arguments::Untracked => 1,
            Arguments::Exact(tuples) | Arguments::Unbounded(tuples) => 1 + tuples.seen.len(),
        });
    sizes.sum()
}

/// What that run left.
pub(super) fn recording(run: u64) -> Recording {
    let mut random = Random(run);
    let mut facts = BTreeMap::new();
    let calls: Vec<Call> = syscall::calls(Abi::X86_64).collect();
    let mut left = FACTS;
    for (rank, &call) in calls.iter().enumerate() {
        // The first hundred calls always, the others ever more seldom.
        let seldom = 1 + (rank as u64).saturating_sub(100).pow(2);
        if left == 0 || random.below(seldom) > 0 {
            continue;
        }
        let (count, arguments) = arguments(call, &mut left, &mut random);
        let value = CallFacts {
            count,
            first: Some(sighting(&mut random)),
            last_ms: random.below(600_000),
            arguments,
        };
        let key = FactKey {
            call,
            filtered: true,
        };
        facts.insert(key, value);
        left = left.saturating_sub(1);
    }
    Recording {
        tool_version: "0.1.0".to_owned(),
        run_id: format!("{:016x}-{run:06}", random.next()),
        host: Host {
            kernel: "6.1.0-13-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
            hook: None,
        },
        target: Target {
            kind: TargetKind::Container,
            capabilities: Some(capability::docker_default()),
            ..Target::default()
        },
        window: Window {
            start: format!(
                "2026-01-01T{:02}:{:02}:{:02}.000Z",
                run / 3600 % 24,
                run / 60 % 60,
                run % 60
            ),
            duration_ms: 600_000,
            last_new_fact_ms: 500_000,
            from: WindowStart::Exec,
            until: WindowEnd::Empty,
            lives: None,
        },
        facts,
        losses: Losses::default(),
        denials: None,
    }
}

fn arguments(call: Call, left: &mut usize, random: &mut Random) -> (u64, Arguments) {
    let tracked = catalog::tracked(call.name().unwrap_or_default());
    if tracked.is_empty() {
        return (random.skewed(), Arguments::Untracked);
    }
    let mut seen = BTreeMap::new();
    for tuple in 0..24.min(*left as u64) {
        let value = tuple * 3 + u64::from(random.below(40) == 0);
        let values: Vec<u64> = tracked.iter().map(|_| value).collect();
        let first = Some(sighting(random));
        let count = random.skewed();
        seen.insert(values, TupleFacts { count, first });
    }
    *left = left.saturating_sub(seen.len());
    let count = seen.values().map(|facts| facts.count).sum::<u64>().max(1);
    let indexes = tracked.iter().map(|argument| argument.index).collect();
    (count, Arguments::Exact(Tuples { indexes, seen }))
}

fn sighting(random: &mut Random) -> Sighting {
    const PROGRAMS: [&str; 5] = ["nginx", "sh", "docker-entrypoi", "sed", "find"];
    Sighting {
        at_ms: random.skewed(),
        pid: 1000 + u32::try_from(random.below(30_000)).expect("small"),
        program: PROGRAMS[usize::try_from(random.below(5)).expect("small")].to_owned(),
    }
}
