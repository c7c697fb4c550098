//! The daemon: many scopes at once, each with its own facts.

use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::{counts, named, tuples};
use house_tests::run::Running;
use house_tests::witness::{self, Ticking, Witness};
use house_tests::{product, tests};
use seccomp_tracer::recording::{Recording, TargetKind, WindowEnd, WindowStart};
use std::collections::BTreeMap;
use std::io::PipeReader;
use std::process::{Child, Command};
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    children_are_recorded_each_by_itself,
    what_runs_already_is_recorded_from_then_on,
    fifty_at_once_are_complete_and_none_is_mixed_up,
    a_thousand_at_once_have_room_and_no_more,
    slots_are_used_again,
    those_that_live_for_milliseconds_keep_their_path,
];

/// The recording of each target, which must be complete.
pub(crate) fn by_name(recordings: Vec<(String, Recording)>) -> BTreeMap<String, Recording> {
    let many = recordings.len();
    for (name, recording) in &recordings {
        let losses = &recording.losses;
        assert!(losses.is_complete(), "{name}: {losses:?}");
    }
    let by_name: BTreeMap<_, _> = recordings.into_iter().collect();
    assert_eq!(by_name.len(), many, "one recording for each target");
    by_name
}

fn finish(running: Vec<Running>) {
    for running in running {
        running.finish().exits(0);
    }
}

fn children_are_recorded_each_by_itself() {
    let place = Place::new(product!());
    let parent = Cgroup::new("parent");
    let daemon = place.start(&["--below", &parent.relative(), "--from", "exec"]);
    let witnesses: Vec<Witness> = witness::all();
    let children: Vec<Cgroup> = (0..witnesses.len())
        .map(|number| parent.child(&format!("w{number}")))
        .collect();
    let running = children.iter().zip(&witnesses);
    let running = running.map(|(child, witness)| child.command(&witness.command).start());
    finish(running.collect());
    let recordings = by_name(place.await_end());
    assert_eq!(recordings.len(), witnesses.len());
    for ((number, witness), child) in witnesses.iter().enumerate().zip(&children) {
        let recording = &recordings[&format!("w{number}")];
        assert_eq!(counts(recording), witness.calls, "{:?}", witness.command);
        assert_eq!(recording.window.from, WindowStart::Exec);
        assert_eq!(recording.window.until, WindowEnd::Empty);
        assert_eq!(recording.target.kind, TargetKind::Cgroup);
        assert_eq!(recording.target.cgroup, Some(child.relative()));
        assert!(recording.facts.values().all(|facts| facts.first.is_some()));
    }
    daemon.end(libc::SIGTERM).exits(0);
}

/// A child that is there before its parent is watched, and a cgroup that is given by name.
fn what_runs_already_is_recorded_from_then_on() {
    let place = Place::new(product!());
    let parent = Cgroup::new("parent");
    let (child, given) = (parent.child("child"), Cgroup::new("given"));
    let ticking = Ticking::new();
    let start = |cgroup: &Cgroup| cgroup.command(&ticking.command()).start();
    let running = vec![start(&child), start(&given)];
    for cgroup in [&child, &given] {
        cgroup.await_populated();
    }
    let flags = ["--below", &parent.relative(), "--cgroup", &given.relative()];
    let daemon = place.start(&[&flags[..], &["--no-pin"]].concat());
    let ticks = || {
        place
            .targets()
            .into_iter()
            .filter(|target| target.calls > 0)
    };
    while ticks().count() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    ticking.end();
    finish(running);
    let recordings = by_name(place.await_end());
    let given_name = given.relative()[1..].to_owned();
    assert_eq!(
        recordings.keys().collect::<Vec<_>>(),
        ["child", &given_name]
    );
    for recording in recordings.values() {
        assert_eq!(recording.window.from, WindowStart::Attach);
        let calls = counts(recording);
        let ticks = calls[&named("getppid")];
        assert!(ticks > 0);
        assert_eq!(calls[&named("exit_group")], 1);
    }
    daemon.end(libc::SIGINT).exits(0);
}

fn fifty_at_once_are_complete_and_none_is_mixed_up() {
    let place = Place::new(product!());
    let parent = Cgroup::new("fifty");
    let _daemon = place.start(&["--below", &parent.relative(), "--from", "exec"]);
    let all = witness::all();
    let witnesses: Vec<&Witness> = all.iter().cycle().take(50).collect();
    let children: Vec<Cgroup> = (0..50)
        .map(|number| parent.child(&format!("c{number}")))
        .collect();
    let running = children.iter().zip(&witnesses);
    let running = running.map(|(child, witness)| child.command(&witness.command).start());
    finish(running.collect());
    let recordings = by_name(place.await_end());
    assert_eq!(recordings.len(), 50);
    for (number, witness) in witnesses.iter().enumerate() {
        let recording = &recordings[&format!("c{number}")];
        assert_eq!(counts(recording), witness.calls, "{:?}", witness.command);
    }
}

/// Each does something that few others do. One more is refused, out loud, and takes nothing from the others.
fn a_thousand_at_once_have_room_and_no_more() {
    const MANY: usize = 1000;
    let place = Place::new(product!());
    let parent = Cgroup::new("thousand");
    let _daemon = place.start(&["--below", &parent.relative(), "--from", "exec"]);
    let children: Vec<Cgroup> = (0..=MANY)
        .map(|number| parent.child(&format!("c{number}")))
        .collect();
    let (wait, go) = std::io::pipe().expect("a pipe");
    let start = |number: usize| own_requests(&children[number], number, &wait);
    let mut running: Vec<Child> = (0..MANY).map(start).collect();
    while place.targets().len() < MANY {
        std::thread::sleep(Duration::from_millis(50));
    }
    running.push(start(MANY));
    children[MANY].await_populated();
    let refused = place.start_recording(&children[MANY]);
    assert_eq!(
        refused.expect_err("a refusal"),
        "the daemon refuses: 1000 targets are recorded already, and no more at once"
    );
    drop(go);
    for mut child in running {
        assert!(child.wait().expect("a child").success());
    }
    let recordings = by_name(place.await_end());
    assert_eq!(recordings.len(), MANY);
    for (name, recording) in recordings {
        let number: u64 = name[1..].parse().expect("a number");
        let (requests, exact) = tuples(&recording, named("ioctl")).expect("tracked");
        let own: Vec<u64> = requests.keys().map(|values| values[0]).collect();
        assert_eq!(own, (0..=number % 100).collect::<Vec<_>>(), "{name}");
        assert!(exact, "{name}");
    }
}

/// A program that makes as many requests as its number says, and then waits for the end of a pipe.
fn own_requests(cgroup: &Cgroup, number: usize, wait: &PipeReader) -> Child {
    const SCRIPT: &str =
        "echo 0 > \"$0/cgroup.procs\" && exec sh -c '\"$0\" ioctls $1; read line; exit 0' \"$@\"";
    let requests = (number % 100 + 1).to_string();
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT]).arg(cgroup.path());
    command.args([witness::PATH, &requests]);
    command.stdin(wait.try_clone().expect("a descriptor"));
    command.spawn().expect("a shell")
}

/// What is there for one is there for the next, and nothing of the one before.
fn slots_are_used_again() {
    let place = Place::new(product!());
    let parent = Cgroup::new("again");
    let flags = [
        "--below",
        &parent.relative(),
        "--from",
        "exec",
        "--max",
        "2",
    ];
    let _daemon = place.start(&flags);
    let mut expected = BTreeMap::new();
    for (number, witness) in witness::all().into_iter().enumerate() {
        let child = parent.child(&format!("c{number}"));
        child.command(&witness.command).run().exits(0);
        let recordings = place.await_end();
        expected.insert(format!("c{number}"), witness.calls);
        let found = by_name(recordings);
        let found: BTreeMap<_, _> = found
            .into_iter()
            .map(|(name, recording)| (name, counts(&recording)))
            .collect();
        assert_eq!(found, expected);
    }
}

/// Nobody could look for the name of a cgroup that is gone before its first call was heard of.
fn those_that_live_for_milliseconds_keep_their_path() {
    const MANY: usize = 1500;
    let place = Place::new(product!());
    let parent = Cgroup::new("short");
    let _daemon = place.start(&["--below", &parent.relative(), "--from", "exec"]);
    let live = |number: usize| {
        let child = parent.child(&format!("c{number}"));
        child.command(&["true"]).run().exits(0);
        // There is room for so many at once, however slow the daemon is.
        while number.is_multiple_of(100) && place.targets().len() > 500 {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    (0..MANY).for_each(live);
    let recordings = by_name(place.await_end());
    assert_eq!(recordings.len(), MANY);
    for (name, recording) in recordings {
        let path = format!("{}/{name}", parent.relative());
        assert_eq!(recording.target.cgroup, Some(path));
        assert_eq!(recording.target.kind, TargetKind::Cgroup);
    }
}
