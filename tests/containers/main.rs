//! Containers under the real engine.

mod attach;
mod clients;
mod compose;
mod concurrent;
mod cycle;
mod daemon;
mod harden;
mod hook;
mod live;
mod lives;
mod options;
mod own_filter;
mod podman;
mod recorder;
mod recover;
mod rootless;
mod runtimes;
mod start;
mod systemd;
mod under_load;
mod verdicts;
mod watch;
mod workloads;

/// Shared with `cargo xtask workloads`, which measures more programs, and each more often.
#[path = "../bench/workloads/measure.rs"]
mod measure;
#[path = "../bench/workloads/programs.rs"]
mod programs;

use house_tests::run::Program;
use house_tests::suite::{Needs, Suite};
use std::process::ExitCode;

fn main() -> ExitCode {
    Suite::from_command_line()
        .one_at_a_time()
        .tests(Needs::Docker, cycle::TESTS)
        .tests(Needs::Docker, concurrent::TESTS)
        .tests(Needs::Docker, start::TESTS)
        .tests(Needs::Docker, attach::TESTS)
        .tests(Needs::Docker, clients::TESTS)
        .tests(Needs::Docker, daemon::TESTS)
        .tests(Needs::Compose, compose::TESTS)
        .tests(Needs::Podman, podman::TESTS)
        .tests(Needs::Docker, options::TESTS)
        .tests(Needs::Podman, options::PODMANS)
        .tests(Needs::Docker, harden::TESTS)
        .tests(Needs::Docker, watch::TESTS)
        .tests(Needs::Docker, runtimes::TESTS)
        .tests(Needs::Podman, rootless::TESTS)
        .tests(Needs::Podman, hook::TESTS)
        .tests(Needs::Docker, verdicts::TESTS)
        .tests(Needs::Docker, live::TESTS)
        .tests(Needs::Docker, own_filter::TESTS)
        .tests(Needs::Docker, lives::TESTS)
        .tests(Needs::Podman, lives::PODMAN)
        .tests(Needs::Docker, recover::TESTS)
        .tests(Needs::Docker, under_load::TESTS)
        .tests_for_machine(systemd::TESTS)
        .run()
}

/// The product.
fn product() -> Program {
    Program::product(house_tests::product!())
}
