//! Merging is a union of sets of runs: laws over generated recordings.

use super::*;
use crate::recording::{
    Loss, SeccompState, TargetKind, WindowEnd, WindowStart, from_json, read, to_json, write,
};
use crate::syscall::{Abi, Call};
use proptest::prelude::*;

fn sighting() -> impl Strategy<Value = Option<Sighting>> {
    let program = prop::sample::select(vec!["sh", "nginx", "a\u{1b}[2J", ""]);
    let parts = (any::<u64>(), any::<u32>(), program);
    prop::option::of(parts.prop_map(|(at_ms, pid, program)| Sighting {
        at_ms,
        pid,
        program: program.to_owned(),
    }))
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![1..300u64, Just(u64::MAX)]
}

/// Positions differ from run to run, as they do when the catalog of arguments grows.
fn arguments() -> impl Strategy<Value = Arguments> {
    let tuples = (0..3usize).prop_flat_map(|which| {
        let indexes = [vec![0], vec![0, 1], vec![1, 2]][which].clone();
        let values = prop::collection::vec(0..3u64, indexes.len());
        let facts = (count(), sighting()).prop_map(|(count, first)| TupleFacts { count, first });
        let seen = prop::collection::btree_map(values, facts, 0..4);
        seen.prop_map(move |seen| Tuples {
            indexes: indexes.clone(),
            seen,
        })
    });
    prop_oneof![
        Just(Arguments::Untracked),
        tuples.clone().prop_map(Arguments::Exact),
        tuples.prop_map(Arguments::Unbounded),
    ]
}

fn facts() -> impl Strategy<Value = BTreeMap<FactKey, CallFacts>> {
    let abi = prop::sample::select(vec![Abi::X86_64, Abi::I386]);
    let key = (abi, -1..6i32, any::<bool>()).prop_map(|(abi, number, filtered)| FactKey {
        call: Call::new(abi, number),
        filtered,
    });
    let parts = (count(), sighting(), any::<u64>(), arguments());
    let facts = parts.prop_map(|(count, first, last_ms, arguments)| CallFacts {
        count,
        first,
        last_ms,
        arguments,
    });
    prop::collection::btree_map(key, facts, 0..8)
}

/// Everything that can be said of how a target started.
fn start() -> impl Strategy<Value = (Target, WindowStart)> {
    use SeccompState::{Custom, EngineDefault, Filtered, Unconfined};
    use TargetKind::{Cgroup, Command, Container, Process};
    let kind = prop::sample::select(vec![Command, Container, Process, Cgroup]);
    let seccomp = prop::sample::select(vec![Unconfined, EngineDefault, Custom, Filtered]);
    let from = prop::sample::select(vec![WindowStart::Exec, WindowStart::Attach]);
    let parts = (kind, prop::option::of(seccomp), any::<Option<bool>>(), from);
    parts.prop_map(|(kind, seccomp, filtered_at_start, from)| {
        let target = Target {
            kind,
            seccomp,
            filtered_at_start,
            ..Target::default()
        };
        (target, from)
    })
}

fn recording() -> impl Strategy<Value = Recording> {
    let parts = (0..1000u32, 0..4u8, any::<u64>(), facts(), start());
    parts.prop_map(|(id, day, lost, facts, (target, from))| {
        let mut losses = Losses::default();
        losses.set(Loss::MapError, lost);
        Recording {
            tool_version: "0.1.0".to_owned(),
            run_id: format!("run-{id}"),
            host: Host {
                kernel: format!("6.{day}"),
                architecture: "x86_64".to_owned(),
                hook: None,
            },
            target,
            window: Window {
                start: format!("2026-01-0{day}T00:00:00Z"),
                duration_ms: 5,
                last_new_fact_ms: 5,
                from,
                until: WindowEnd::Empty,
                lives: None,
            },
            facts,
            losses,
            denials: lost.is_multiple_of(2).then(Denials::default),
        }
    })
}

/// Recordings of different runs, in no order.
fn recordings() -> impl Strategy<Value = Vec<Recording>> {
    let all = prop::collection::vec(recording(), 1..8);
    all.prop_map(|mut all| {
        let mut ids = BTreeSet::new();
        all.retain(|one| ids.insert(one.run_id.clone()));
        all
    })
}

/// Each of these recordings, as a group of one run.
fn groups(all: &[Recording]) -> Vec<Runs> {
    all.iter().cloned().map(Runs::from).collect()
}

fn bytes(runs: &Runs) -> Vec<u8> {
    let mut text = Vec::new();
    write(runs, &mut text).unwrap();
    text
}

proptest! {
    #[test]
    fn a_recording_is_the_case_of_one_run(one in recording()) {
        prop_assert_eq!(Runs::from(one.clone()).recordings(), vec![one.clone()]);
        prop_assert_eq!(from_json(&to_json(&one)).unwrap(), one);
    }

    #[test]
    fn nothing_about_any_run_is_given_up(all in recordings()) {
        let merged = Runs::merged(&groups(&all)).unwrap();
        let mut sorted = all;
        sorted.sort_by_key(|one| (one.window.start.clone(), one.run_id.clone()));
        prop_assert_eq!(merged.recordings(), sorted);
    }

    #[test]
    fn neither_order_nor_grouping_nor_repetition_matters(
        all in recordings(),
        seed in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        again in any::<prop::sample::Index>(),
    ) {
        let groups = groups(&all);
        let expected = bytes(&Runs::merged(&groups).unwrap());
        // One by one, in another order, each onto the result so far.
        let mut turned = groups.clone();
        turned.rotate_left(seed.index(groups.len()));
        turned.reverse();
        let mut so_far = Runs::default();
        for group in &turned {
            so_far = Runs::merged([&so_far, group]).unwrap();
        }
        prop_assert_eq!(&bytes(&so_far), &expected);
        // In two parts that overlap.
        let (left, right) = turned.split_at(cut.index(turned.len()));
        let left = Runs::merged(left.iter().chain([&turned[again.index(turned.len())]])).unwrap();
        let right = Runs::merged(right).unwrap();
        prop_assert_eq!(&bytes(&Runs::merged([&left, &right]).unwrap()), &expected);
        prop_assert_eq!(&bytes(&Runs::merged([&right, &left, &left]).unwrap()), &expected);
        // With itself.
        prop_assert_eq!(&bytes(&Runs::merged([&so_far, &so_far]).unwrap()), &expected);
    }

    #[test]
    fn some_of_the_runs_are_what_they_are_alone(all in recordings(), mask in any::<u8>()) {
        let merged = Runs::merged(&groups(&all)).unwrap();
        let wanted = |run: u32| mask >> (run % 8) & 1 == 1;
        let alone = (0..).zip(merged.recordings()).filter(|(run, _)| wanted(*run));
        let alone: Vec<Runs> = alone.map(|(_, one)| one.into()).collect();
        prop_assert_eq!(merged.select(wanted), Runs::merged(&alone).unwrap());
    }

    #[test]
    fn many_runs_read_back_as_they_were(all in recordings()) {
        let merged = Runs::merged(&groups(&all)).unwrap();
        let text = String::from_utf8(bytes(&merged)).unwrap();
        let again = read(&text).unwrap();
        prop_assert_eq!(&again, &merged);
        prop_assert_eq!(bytes(&again), text.into_bytes());
    }

    #[test]
    fn two_runs_of_one_id_are_refused_whichever_comes_first(one in recording(), other in recording()) {
        let other = Recording { run_id: one.run_id.clone(), ..other };
        let (a, b) = (Runs::from(one), Runs::from(other));
        if a != b {
            let expected = MergeError::Conflict { id: a.runs[0].id.clone() };
            prop_assert_eq!(Runs::merged([&a, &b]).unwrap_err(), expected);
            prop_assert!(Runs::merged([&b, &a]).is_err());
        }
    }

    #[test]
    fn what_counts_of_a_run_does_not_depend_on_the_others(all in recordings()) {
        let merged = Runs::merged(&groups(&all)).unwrap();
        let counting = merged.counting();
        for (run, recording) in (0..).zip(merged.recordings()) {
            let under_filter = recording.counts_under_filter_only();
            prop_assert_eq!(counting.under_filter(run), under_filter);
            // Who started without a filter may have made any of it, and something always counts.
            let mut keys = recording.facts.keys();
            let counts = |key: &&FactKey| counting.counts(**key, run);
            if recording.target.filtered_at_start == Some(false) {
                prop_assert!(keys.all(|key| counts(&key)));
            } else {
                prop_assert_eq!(keys.any(|key| counts(&key)), !recording.facts.is_empty());
            }
            prop_assert!(recording.facts.keys().filter(|key| key.filtered).all(|key| counts(&key)));
        }
    }
}

#[test]
fn architectures_do_not_mix() {
    let of = |id: &str, architecture: &str| {
        let mut runs = Runs::default();
        runs.runs.push(Run {
            id: id.to_owned(),
            tool_version: String::new(),
            host: Host {
                kernel: String::new(),
                architecture: architecture.to_owned(),
                hook: None,
            },
            target: Target::default(),
            window: Window {
                start: String::new(),
                duration_ms: 0,
                last_new_fact_ms: 0,
                from: WindowStart::Exec,
                until: WindowEnd::Empty,
                lives: None,
            },
            losses: Losses::default(),
            denials: None,
        });
        runs
    };
    let refused = Runs::merged([&of("a", "x86_64"), &of("b", "aarch64")]).unwrap_err();
    let expected = MergeError::Architectures {
        one: "x86_64".to_owned(),
        other: "aarch64".to_owned(),
    };
    assert_eq!(refused, expected);
}
