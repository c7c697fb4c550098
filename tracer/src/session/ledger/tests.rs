use super::*;
use crate::probe::{CallCount, RefusedCount};
use crate::recording::Answer;
use crate::syscall::{Abi, Call};

fn key(number: i32) -> FactKey {
    FactKey {
        call: Call::new(Abi::X86_64, number),
        filtered: false,
    }
}

fn event(time_ms: u64, what: What) -> Event {
    let origin = Origin {
        time_ns: time_ms * 1_000_000,
        pid: 7,
        program: format!("p{time_ms}"),
    };
    Event {
        slot: 0,
        what,
        origin,
    }
}

#[test]
fn what_was_refused_is_told_at_once_and_kept_with_its_counts() {
    let socket = DenialKey {
        call: Call::new(Abi::X86_64, 41),
        answer: Answer::Errno(97),
    };
    let mount = DenialKey {
        call: Call::new(Abi::X86_64, 165),
        answer: Answer::Signal,
    };
    let mut ledger = Ledger::new(0);
    let first = |at_ms| Sighting {
        at_ms,
        pid: 7,
        program: format!("p{at_ms}"),
    };
    let told = ledger.enter(event(5, What::Denied(socket, vec![38, 5, 0])));
    let refusal = Refusal {
        key: socket,
        arguments: vec![(0, 38), (1, 5), (2, 0)],
        first: first(5),
    };
    assert_eq!(told, Some(News::Refused(refusal)));
    ledger.enter(event(9, What::Denied(socket, vec![40, 1, 0])));
    ledger.enter(event(12, What::Denied(mount, vec![])));
    let told = ledger.enter(event(13, What::Call(key(39))));
    let fact = |call, arguments, at_ms| {
        let first = first(at_ms);
        Some(News::Made(Made {
            key: key(call),
            arguments,
            first,
        }))
    };
    assert_eq!(told, fact(39, vec![], 13));
    // Another CPU's first is no news.
    assert_eq!(ledger.enter(event(13, What::Call(key(39)))), None);
    let told = ledger.enter(event(13, What::Tuple(key(41), [2, 1, 0])));
    assert_eq!(told, fact(41, vec![(0, 2), (1, 1), (2, 0)], 13));
    assert_eq!((ledger.denials_len(), ledger.last_new_ms()), (2, 13));

    let sockets = RefusedCount {
        count: 7,
        indexes: vec![0, 1, 2],
        tuples: [(vec![38, 5, 0], 4), (vec![40, 1, 0], 3)].into(),
    };
    let mounts = RefusedCount {
        count: 2,
        ..RefusedCount::default()
    };
    let tuple = |count, at_ms| TupleFacts {
        count,
        first: Some(first(at_ms)),
    };
    let tuples = Tuples {
        indexes: vec![0, 1, 2],
        seen: [(vec![38, 5, 0], tuple(4, 5)), (vec![40, 1, 0], tuple(3, 9))].into(),
    };
    let facts = |count, at_ms, tuples| DenialFacts {
        count,
        first: Some(first(at_ms)),
        tuples,
    };
    assert_eq!(
        ledger.denials(&[(socket, sockets), (mount, mounts)].into()),
        [
            (socket, facts(7, 5, Some(tuples))),
            (mount, facts(2, 12, None)),
        ]
        .into()
    );
}

#[test]
fn the_earliest_sighting_of_all_cpus_counts() {
    let mut ledger = Ledger::new(0);
    let armed = What::Armed {
        capabilities: 1,
        filtered: false,
        no_new_privs: true,
    };
    ledger.enter(event(10, armed));
    ledger.enter(event(30, What::Call(key(39))));
    ledger.enter(event(20, What::Call(key(39))));
    ledger.enter(event(25, What::Tuple(key(41), [2, 1, 0])));
    assert_eq!(ledger.size(), (1, 1));
    assert_eq!(ledger.last_new_ms(), 20);

    let getpid = CallCount {
        count: 5,
        ..CallCount::default()
    };
    let socket = CallCount {
        count: 1,
        indexes: vec![0, 1, 2],
        tuples: [(vec![2, 1, 0], 1)].into(),
        unbounded: false,
    };
    ledger.note_counts(40_000_000, &[(key(39), getpid.clone())].into());
    ledger.note_counts(50_000_000, &[(key(39), getpid.clone())].into());
    let facts = ledger.facts(60_000_000, &[(key(39), getpid), (key(41), socket)].into());
    let first = Sighting {
        at_ms: 10,
        pid: 7,
        program: "p20".to_owned(),
    };
    assert_eq!(
        facts[&key(39)],
        CallFacts {
            count: 5,
            first: Some(first),
            last_ms: 30,
            arguments: Arguments::Untracked
        }
    );
    let first = Some(Sighting {
        at_ms: 15,
        pid: 7,
        program: "p25".to_owned(),
    });
    let seen = [(vec![2, 1, 0], TupleFacts { count: 1, first })].into();
    assert_eq!(
        facts[&key(41)].arguments,
        Arguments::Exact(Tuples {
            indexes: vec![0, 1, 2],
            seen
        })
    );
    assert_eq!(
        facts[&key(41)].last_ms,
        50,
        "changed since the last reading: at the end"
    );
}

#[test]
fn lives_are_one_window() {
    let armed = || What::Armed {
        capabilities: 1,
        filtered: true,
        no_new_privs: false,
    };
    let mut first = Ledger::new(0);
    first.enter(event(10, armed()));
    first.enter(event(20, What::Call(key(39))));
    let counted = |count| CallCount {
        count,
        ..CallCount::default()
    };
    let facts = first.facts(30_000_000, &[(key(39), counted(5))].into());
    let earlier = Ledger::resumed(first.start_ns(), first.last_new_ms(), &facts);
    let mut second = Ledger::new(0);
    second.enter(event(1000, armed()));
    second.enter(event(1010, What::Call(key(39))));
    second.enter(event(1020, What::Call(key(40))));
    second.join(earlier);
    assert_eq!(
        (second.start_ns(), second.last_new_ms()),
        (10_000_000, 1010)
    );
    second.enter(event(2000, armed()));
    assert_eq!(second.start_ns(), 10_000_000);
    let both = [(key(39), counted(9)), (key(40), counted(1))].into();
    let facts = second.facts(3_000_000_000, &both);
    let at = |number| facts[&key(number)].first.as_ref().map(|first| first.at_ms);
    assert_eq!((at(39), at(40)), (Some(10), Some(1010)));
}

#[test]
fn a_window_goes_on_where_another_left_it() {
    let mut first = Ledger::new(5_000_000);
    first.enter(event(20, What::Call(key(39))));
    first.enter(event(25, What::Tuple(key(41), [2, 1, 0])));
    let counted = |count| CallCount {
        count,
        indexes: vec![0, 1, 2],
        tuples: [(vec![2, 1, 0], count)].into(),
        unbounded: false,
    };
    let getpid = CallCount {
        count: 5,
        ..CallCount::default()
    };
    let snapshot = |count| [(key(39), getpid.clone()), (key(41), counted(count))].into();
    first.note_counts(30_000_000, &snapshot(1));
    let before = first.facts(40_000_000, &snapshot(1));
    let mut second = Ledger::resumed(first.start_ns(), first.last_new_ms(), &before);
    assert_eq!(second.facts(50_000_000, &snapshot(1)), before);
    assert_eq!(second.last_new_ms(), first.last_new_ms());
    second.note_counts(60_000_000, &snapshot(2));
    let after = second.facts(70_000_000, &snapshot(2));
    assert_eq!(after[&key(39)], before[&key(39)]);
    assert_eq!((after[&key(41)].count, after[&key(41)].last_ms), (2, 55));
}
