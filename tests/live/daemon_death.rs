//! The daemon dies, and nothing is lost; two cannot get into each other's way.

use crate::daemon::by_name;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::{counts, named};
use house_tests::witness::{self, Ticking};
use house_tests::{product, tests};
use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_hundred_sudden_deaths_lose_nothing,
    an_end_in_good_order_loses_nothing_either,
    two_daemons_keep_out_of_each_others_way,
    what_is_released_is_gone,
];

/// Numbers that look random and are the same each time (splitmix64).
struct Moments(u64);

impl Moments {
    /// A time below that.
    fn next(&mut self, below_ms: u64) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Duration::from_millis((mixed ^ mixed >> 31) % below_ms)
    }
}

/// One witness goes on all the time; in each round another lives, at any moment of the daemon's life, its death or
/// its absence; there is room for all of them, should none come to its end. Every other of those leaves nothing behind but what the kernel side kept.
fn a_hundred_sudden_deaths_lose_nothing() {
    let (rounds, ticks) = if crate::is_slow() {
        (6, 300)
    } else {
        (100, 1500)
    };
    let place = Place::new(product!());
    let parent = Cgroup::new("deaths");
    let flags = [
        "--below",
        &parent.relative(),
        "--from",
        "exec",
        "--max",
        "120",
    ];
    let mut daemon = Some(place.start(&flags));
    let long = parent.child("long");
    let ticking = long
        .command(&[witness::PATH, "ticks", &ticks.to_string()])
        .start();
    let mut moments = Moments(5);
    let mut lives = BTreeMap::new();
    let mut kept = Vec::new();
    for round in 0..rounds {
        let child = parent.child(&format!("r{round}"));
        let witness = witness::static_program();
        let running = daemon.take().unwrap_or_else(|| place.begin(&flags));
        let (birth, death) = (moments.next(120), moments.next(120));
        let live = || child.command(&witness.command).run().exits(0).code();
        if birth < death {
            thread::sleep(birth);
            live();
            thread::sleep(death - birth);
        } else {
            thread::sleep(death);
        }
        running.end(libc::SIGKILL).dies_of(libc::SIGKILL);
        if birth >= death {
            live();
        }
        lives.insert(format!("r{round}"), format!("cgroup_{}", child.id()));
        if round % 2 == 0 {
            kept.push(child);
        }
    }
    let last = place.start(&flags);
    ticking.finish().exits(0);
    let mut found = by_name(place.await_end());
    let long = counts(&found.remove("long").expect("the long one"));
    assert_eq!(long[&named("getppid")], ticks);
    assert_eq!((long[&named("execve")], long[&named("exit_group")]), (1, 1));
    for (name, nameless) in lives {
        // Whoever comes when the cgroup has gone cannot know what it was called.
        let recording = found.remove(&name).or_else(|| found.remove(&nameless));
        let recording = recording.unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(
            counts(&recording),
            witness::static_program().calls,
            "{name}"
        );
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(
        fs::read_dir(place.path("state/scopes"))
            .expect("a folder")
            .count(),
        0
    );
    last.end(libc::SIGTERM).exits(0);
}

fn an_end_in_good_order_loses_nothing_either() {
    let place = Place::new(product!());
    let parent = Cgroup::new("order");
    let flags = ["--below", &parent.relative(), "--from", "exec"];
    let child = parent.child("child");
    let first = place.start(&flags);
    let ticks = Ticking::new();
    let ticking = child.command(&ticks.command()).start();
    while place.targets().iter().all(|target| target.calls < 2) {
        thread::sleep(Duration::from_millis(10));
    }
    first
        .end(libc::SIGTERM)
        .exits(0)
        .stderr_has("\nrecording goes on; ");
    assert_eq!(place.recordings().len(), 1);
    let second = place.start(&flags);
    ticks.end();
    ticking.finish().exits(0);
    let recordings = by_name(place.await_end());
    let recording = &recordings["child"];
    let calls = counts(recording);
    // Each tick is two calls, and none is missing of either.
    let sleeps = calls[&named("nanosleep")];
    assert!(sleeps > 0);
    assert_eq!(calls[&named("getppid")], sleeps);
    // Who did what first is remembered as well.
    let key = |name| seccomp_tracer::recording::FactKey {
        call: named(name),
        filtered: false,
    };
    assert!(recording.facts[&key("getppid")].first.is_some());
    second.end(libc::SIGTERM).exits(0);
}

fn two_daemons_keep_out_of_each_others_way() {
    let place = Place::new(product!());
    let other = Place::new(product!());
    let first = place.start(&[]);
    let hint = "\nhint: give each daemon its own with --state, --pin and --socket\n";
    let same_state = place.command(&[]).run();
    let state = place.path("state");
    same_state
        .exits(3)
        .stderr_has(&format!(
            "error: another daemon uses `{}`\n",
            state.display()
        ))
        .stderr_has(hint);
    let pins = place.pins();
    let same_pins = house_tests::run::Program::product(product!())
        .args(["daemon", "--state"])
        .args([other.path("state")])
        .args(["--pin"])
        .args([&pins])
        .run();
    same_pins.exits(3).stderr_has(&format!(
        "error: another daemon uses `{}`\n",
        pins.display()
    ));
    place.release().exits(3).stderr_has(&format!(
        "error: another daemon uses `{}`\n",
        pins.display()
    ));
    assert_eq!(place.targets(), []);
    first.end(libc::SIGTERM).exits(0);
}

fn what_is_released_is_gone() {
    let place = Place::new(product!());
    let daemon = place.start(&[]);
    daemon.end(libc::SIGKILL).dies_of(libc::SIGKILL);
    assert!(place.pins().exists());
    place
        .release()
        .exits(0)
        .stderr("released: nothing is recorded any more\n");
    assert!(!place.pins().exists());
    place.release().exits(0).stderr("nothing was pinned\n");
    assert!(!place.pins().exists());
}
