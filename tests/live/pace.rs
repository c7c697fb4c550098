//! What a program does only where it has to wait, a recording need not show.

use crate::product;
use house_tests::{arguments, tests};

pub(crate) const TESTS: [(&str, fn()); 1] = tests![a_shell_that_did_not_have_to_wait_may_have_to];

/// Where its child has ended, `wait` returns; where it has not, a shell sleeps until a signal comes. Without
/// the call for that it would try for ever.
fn a_shell_that_did_not_have_to_wait_may_have_to() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (recording, profile) = (directory.path().join("r"), directory.path().join("p"));
    let script = ["sh", "-c", "true & sleep 0.5; wait; echo waited"];
    let record = product().args(arguments!["record", "--output", recording, "--"]);
    record.args(script).run().exits(0).stdout("waited\n");
    product()
        .args(arguments!["generate", recording, "--output", profile])
        .run()
        .exits(0);
    let script = ["sh", "-c", "sleep 0.5 & wait; echo waited"];
    let run = product()
        .args(arguments!["run", "--profile", profile, "--"])
        .args(script);
    run.run().exits(0).stdout("waited\n");
}
