//! Witnesses on the real kernel: what is recorded is what was done, no more and no fewer.

use house_tests::facts::differences;
use house_tests::suite::{Needs, Suite};
use house_tests::{strace, tests, witness};
use std::process::ExitCode;

fn main() -> ExitCode {
    Suite::from_command_line()
        .one_at_a_time()
        .tests(Needs::Nothing, tests![strace_sees_what_the_witnesses_do])
        .run()
}

/// The list of what the witnesses do, the witnesses themselves, and the reader of strace's output agree.
fn strace_sees_what_the_witnesses_do() {
    for witness in witness::all() {
        let seen = strace::watch(&witness.command);
        let differences = differences(("expected", &witness.calls), ("strace", &seen.counts));
        assert!(
            differences.is_empty(),
            "{:?}: {differences:#?}",
            witness.command
        );
    }
}
