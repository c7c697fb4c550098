//! Surroundings that lack something: no root, no BTF, no cgroup v2, no engine.

use crate::product;
use house_tests::run::Program;
use house_tests::tests;
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub(crate) const TESTS: [(&str, fn()); 1] = tests![help_needs_no_rights];

/// A copy of the product that nobody can run, wherever it was built.
fn for_everybody() -> (tempfile::TempDir, Program) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("permissions");
    let copy = folder.join("product");
    fs::copy(house_tests::product!(), &copy).expect("a copy");
    let program = Program::product(&copy.to_string_lossy()).in_directory(folder);
    (directory, program)
}

fn help_needs_no_rights() {
    let expected = product().args(["generate", "--help"]).run();
    let (_directory, program) = for_everybody();
    let run = program.as_nobody().args(["generate", "--help"]).run();
    run.exits(0).stdout(&expected.stdout_text()).stderr("");
}
