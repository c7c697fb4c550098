//! `audit --image-root`: what is said about code, and about what is none.

use crate::product;
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_small_image_is_described,
    files_that_are_no_code_say_why,
    images_without_a_known_program,
    a_hint_has_no_findings,
];

/// A library that makes five calls, as a file.
const SMALL: &[u8] = include_bytes!("../fuzz/corpus/elf/small.so");

/// An image with one file.
fn image(path: &str, text: impl AsRef<[u8]>) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join(path);
    fs::create_dir_all(file.parent().expect("inside")).expect("a directory");
    fs::write(file, text).expect("a file");
    directory
}

fn audit(root: &Path, flags: &[&str]) -> Run {
    let audit = product().args(arguments!["audit", "--image-root", root]);
    audit.args(flags).run()
}

fn a_small_image_is_described() {
    let image = image("opt/small", SMALL);
    let run = audit(image.path(), &["--program", "opt/small"]);
    run.exits(0).stderr("").stdout(
        "hint: 4 calls can be made, and there is no recording

To exercise next: code makes it, no recording shows it; what known exploits need comes first
  sched_yield    +0x2a9 in `opt/small`
  getpid         own in `opt/small`
  umask          +0x2a1 in `opt/small`
  getppid        own in `opt/small`

Looked at
  files         `opt/small`
  calls         4 calls can be made, 0 of them were recorded
  limits        that code is there does not mean that it runs; nothing is allowed because of it
",
    );
    // A script is run by its interpreter.
    fs::write(image.path().join("run"), "#! /opt/small -x\n").expect("a file");
    let script = audit(image.path(), &["--program", "/run"]).stdout_text();
    assert_eq!(
        script,
        run.stdout_text().replace("`opt/small`", "`/opt/small`")
    );
}

fn files_that_are_no_code_say_why() {
    let mut arm = SMALL.to_vec();
    arm[18] = 183;
    let mut half = SMALL.to_vec();
    half[4] = 1;
    let table: [(&[u8], &str); 6] = [
        (b"text", "it is no ELF file"),
        (b"", "it is no ELF file"),
        (&SMALL[..100], "it is damaged"),
        (
            &arm,
            "it is for aarch64, and only code for x86-64 can be read",
        ),
        (
            &half,
            "it is for a machine of 32 bits, and only code for x86-64 can be read",
        ),
        (b"#!/missing\n", "No such file or directory (os error 2)"),
    ];
    let error = "error: no code for x86-64 was found: ";
    for (bytes, why) in table {
        let image = image("p", bytes);
        let path = if bytes.starts_with(b"#!") {
            "/missing"
        } else {
            "/p"
        };
        let run = audit(image.path(), &["--program", "/p"]);
        run.exits(2).stderr(&format!("{error}`{path}`: {why}\n"));
    }
    let scripts = image("p", "#!/p\n");
    let run = audit(scripts.path(), &["--program", "/p"]);
    run.exits(2).stderr(&format!("{error}only scripts\n"));
    let pipe = scripts.path().join("pipe");
    Program::new("mkfifo").args([&pipe]).run().exits(0);
    let run = audit(scripts.path(), &["--program", "pipe"]);
    run.exits(2)
        .stderr(&format!("{error}`pipe`: it is no regular file\n"));
}

fn images_without_a_known_program() {
    let image = image("bin/small", SMALL);
    audit(image.path(), &[]).exits(2).stderr(
        "error: no program of the image is known\n\n\
         hint: say with --program what the container starts, or give a recording of it\n",
    );
    let missing = image.path().join("missing");
    let run = audit(&missing, &["--program", "/p"]);
    let said = format!("error: cannot open `{}` as a root\n", missing.display());
    run.exits(2).stderr_has(&said);
}

fn a_hint_has_no_findings() {
    let image = image("small", SMALL);
    let run = audit(image.path(), &["--program", "/small", "--format", "sarif"]);
    run.exits(2).stderr(
        "error: this form is for findings about a profile, and there is none\n\n\
         hint: choose --format text or json\n",
    );
}
