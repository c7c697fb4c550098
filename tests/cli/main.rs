//! The command line from outside: exit codes and messages of everything that can go wrong for a user.

mod apply;
mod closeness;
mod convert;
mod corpus;
mod explain;
mod files;
mod gate;
mod help;
mod hint;
mod hook;
mod runs;
mod surroundings;
mod workloads;

use house_tests::run::Program;
use house_tests::suite::{Needs, Suite};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    Suite::from_command_line()
        .tests(Needs::Nothing, help::TESTS)
        .tests(Needs::Nothing, convert::TESTS)
        .tests(Needs::Nothing, closeness::TESTS)
        .tests(Needs::Nothing, files::TESTS)
        .tests(Needs::Nothing, apply::TESTS)
        .tests(Needs::Nothing, gate::TESTS)
        .tests(Needs::Nothing, corpus::TESTS)
        .tests(Needs::Nothing, explain::TESTS)
        .tests(Needs::Nothing, runs::TESTS)
        .tests(Needs::Nothing, workloads::TESTS)
        .tests(Needs::Nothing, hook::TESTS)
        .tests(Needs::Nothing, hint::TESTS)
        .tests(Needs::Root, files::TESTS_AS_ROOT)
        .tests(Needs::Root, surroundings::TESTS)
        .tests(Needs::Recording, surroundings::TESTS_WHERE_RECORDING_WORKS)
        .run()
}

/// The product.
fn product() -> Program {
    Program::product(house_tests::product!())
}

/// A stored file.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}
