//! Containers under the real engine.

mod workloads;

use house_tests::suite::{Needs, Suite};
use house_tests::tests;
use std::process::ExitCode;

fn main() -> ExitCode {
    Suite::from_command_line()
        .one_at_a_time()
        .tests(Needs::Docker, tests![the_workloads_print_what_is_written])
        .run()
}

/// The output that the other tests compare with is that of the default profile.
fn the_workloads_print_what_is_written() {
    use workloads::{busybox, nginx, python, redis};
    for workload in [busybox(), python(), nginx(), redis()] {
        workload.docker().go().exits(0).stdout(workload.output);
    }
}
