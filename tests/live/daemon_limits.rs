//! The daemon with no more rights than its unit leaves it.

use crate::daemon::by_name;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::counts;
use house_tests::run::Program;
use house_tests::witness::{self, Ticking};
use house_tests::{product, tests};

pub(crate) const TESTS: [(&str, fn()); 2] = tests![
    two_capabilities_are_enough_for_it,
    its_own_profile_is_enough_for_it,
];

/// Made by `cargo xtask own-profile`.
const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../profiles/daemon.json");

/// One is killed, the next goes on, and in between and after containers live.
fn two_lives(limited: impl Fn(Program) -> Program) {
    let place = Place::new(product!());
    let parent = Cgroup::new("limited");
    let flags = [
        "--below",
        &parent.relative(),
        "--from",
        "exec",
        "--interval",
        "1s",
    ];
    let start = || Place::await_start(limited(place.command(&flags)));
    let witness = witness::static_program();
    let live = |name: &str| {
        let child = parent.child(name);
        child.command(&witness.command).run().exits(0);
    };
    let first = start();
    live("first");
    first.end(libc::SIGKILL).dies_of(libc::SIGKILL);
    live("between");
    let second = start();
    live("second");
    let given = Cgroup::new("limited-given");
    let ticking = Ticking::new();
    let running = given.command(&ticking.command()).start();
    given.await_populated();
    place.start_recording(&given).expect("a start");
    ticking.end();
    running.finish().exits(0);
    let recordings = by_name(place.await_end());
    assert_eq!(recordings.len(), 4);
    let exact = recordings
        .values()
        .filter(|recording| counts(recording) == witness.calls);
    assert_eq!(exact.count(), 3);
    second.end(libc::SIGTERM).exits(0);
}

fn two_capabilities_are_enough_for_it() {
    two_lives(|daemon| daemon.as_root_with("+bpf,+perfmon"));
}

fn its_own_profile_is_enough_for_it() {
    two_lives(|daemon| daemon.confined(product!(), PROFILE));
}
