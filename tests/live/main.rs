//! Witnesses on the real kernel: what is recorded is what was done, no more and no fewer.

mod arguments;
mod clients;
mod command;
mod crowd;
mod daemon;
mod daemon_crowd;
mod daemon_death;
mod daemon_limits;
mod daemon_socket;
mod denials;
mod harden;
mod leaving;
mod limits;
mod losses;
mod own_filter;
mod pace;
mod reach;
mod recover;
mod rights;
mod running;
mod shadow;
mod signals;
mod size;
mod storm;
mod surroundings;
mod ways;
mod witnesses;

use house_tests::facts;
use house_tests::run::{Program, Run};
use house_tests::suite::{Needs, Suite};
use seccomp_tracer::recording::Recording;
use std::ffi::OsStr;
use std::process::ExitCode;

fn main() -> ExitCode {
    Suite::from_command_line()
        .one_at_a_time()
        .tests(Needs::Nothing, witnesses::WITHOUT_THE_PRODUCT)
        .tests(Needs::Recording, witnesses::TESTS)
        .tests(Needs::Recording, arguments::TESTS)
        .tests(Needs::Recording, command::TESTS)
        .tests(Needs::Recording, clients::TESTS)
        .tests(Needs::Recording, crowd::TESTS)
        .tests(Needs::Recording, denials::TESTS)
        .tests(Needs::Recording, harden::TESTS)
        .tests(Needs::Recording, running::TESTS)
        .tests(Needs::Recording, shadow::TESTS)
        .tests(Needs::Recording, leaving::TESTS)
        .tests(Needs::Recording, losses::TESTS)
        .tests(Needs::Recording, own_filter::TESTS)
        .tests(Needs::Recording, pace::TESTS)
        .tests(Needs::Recording, reach::TESTS)
        .tests(Needs::Recording, recover::TESTS)
        .tests(Needs::Recording, rights::TESTS)
        .tests(Needs::Recording, signals::TESTS)
        .tests(Needs::Recording, limits::TESTS)
        .tests(Needs::Recording, surroundings::TESTS)
        .tests(Needs::Recording, storm::TESTS)
        .tests(Needs::Recording, size::TESTS)
        .tests(Needs::Recording, daemon::TESTS)
        .tests(Needs::Recording, daemon_socket::TESTS)
        .tests(Needs::Recording, daemon_death::TESTS)
        .tests(Needs::Recording, daemon_limits::TESTS)
        .tests(Needs::Recording, daemon_crowd::TESTS)
        .run()
}

/// Says something for whoever makes a table of it.
#[expect(clippy::print_stdout, reason = "the table's figures come from here")]
fn say(what: &str) {
    println!("\n@@SAYS {what}");
}

/// Whether the machine is so slow that a part has to stand for the whole.
fn is_slow() -> bool {
    std::env::var_os("SECCOMP_TRACER_SLOW_MACHINE").is_some()
}

/// The product.
fn product() -> Program {
    Program::product(house_tests::product!())
}

/// Records a command with these flags; the recording is read where there is one.
fn record_with(flags: &[&str], command: &[impl AsRef<OsStr>]) -> (Run, Option<Recording>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("recording.json");
    let run = product()
        .args(["record", "-o"])
        .args([&output])
        .args(flags)
        .args(["--"])
        .args(command)
        .run();
    let recording = output.exists().then(|| facts::read(&output));
    (run, recording)
}

/// Records a command that ends with 0; the recording must be complete.
#[track_caller]
fn record(command: &[impl AsRef<OsStr>]) -> Recording {
    let (run, recording) = record_with(&[], command);
    run.exits(0);
    let recording = recording.expect("a recording");
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    recording
}
