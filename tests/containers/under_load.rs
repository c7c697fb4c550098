//! Real programs that have more to do than when they were recorded: some of those that `cargo xtask workloads` measures.

use crate::measure::Place;
use crate::programs;
use house_tests::tests;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    python_has_more_to_do_than_when_it_was_recorded,
    ssh_has_more_to_do_than_when_it_was_recorded,
    nginx_has_more_to_do_than_when_it_was_recorded,
    redis_has_more_to_do_than_when_it_was_recorded,
];

/// How often each runs under its profile.
const RUNS: u32 = 3;

fn python_has_more_to_do_than_when_it_was_recorded() {
    bears_it("python");
}

fn ssh_has_more_to_do_than_when_it_was_recorded() {
    bears_it("ssh");
}

fn nginx_has_more_to_do_than_when_it_was_recorded() {
    bears_it("nginx");
}

fn redis_has_more_to_do_than_when_it_was_recorded() {
    bears_it("redis");
}

fn bears_it(name: &str) {
    let mut all = programs::ALL.iter();
    let program = all.find(|program| program.name == name);
    let program = program.expect("a program");
    let place = Place::new().expect("an image");
    let measured = place
        .measure(program, RUNS)
        .unwrap_or_else(|error| panic!("{error:#}"));
    assert!(measured.is_well(RUNS), "{}", measured.told(name, RUNS));
}
