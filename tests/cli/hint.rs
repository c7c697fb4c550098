//! `audit --image-root`: what is said about code, and about what is none.

use crate::product;
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    a_small_image_is_described,
    libraries_are_found_as_loaders_find_them,
    files_that_are_no_code_say_why,
    images_without_a_known_program,
    a_hint_has_no_findings,
];

/// A library that makes five calls, as a file.
const SMALL: &[u8] = include_bytes!("../fuzz/corpus/elf/small.so");

/// A file that asks that library for a call, and wants it to be looked for in `$ORIGIN/../own`.
const LINKED: &[u8] = include_bytes!("../fuzz/corpus/elf/linked.so");

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

/// Files of an image, by path.
type Files<'a> = &'a [(&'a str, &'a [u8])];

fn libraries_are_found_as_loaders_find_them() {
    let mut arm = SMALL.to_vec();
    arm[18] = 183;
    // Where the library is, what else there is, and which file is taken.
    let table: [(&str, Files<'_>, Option<&str>); 7] = [
        ("opt/own", &[], Some("/opt/bin/../own")),
        ("usr/lib64", &[], Some("/usr/lib64")),
        (
            "srv/one",
            &[("etc/ld.so.conf.d/x.conf", b"# first\n/srv/none\n/srv/one\n")],
            Some("/srv/one"),
        ),
        (
            "srv/two",
            &[("etc/ld-musl-x86_64.path", b"/srv/none:/srv/two")],
            Some("/srv/two"),
        ),
        // What is for another machine is passed over.
        (
            "usr/lib",
            &[("opt/own/libsmall.so.1", &arm)],
            Some("/usr/lib"),
        ),
        ("opt/lib", &[], None),
        ("etc", &[("etc/ld.so.conf", b"etc\n../etc\n")], None),
    ];
    for (folder, others, taken) in table {
        let image = image("opt/bin/linked", LINKED);
        let library = format!("{folder}/libsmall.so.1");
        for (path, bytes) in [(&*library, SMALL)].iter().chain(others) {
            let path = image.path().join(path);
            fs::create_dir_all(path.parent().expect("inside")).expect("a directory");
            fs::write(path, bytes).expect("a file");
        }
        let flags = ["--program", "/opt/bin/linked", "--format", "json"];
        let run = audit(image.path(), &flags);
        run.exits(0);
        let hint: Value = serde_json::from_slice(&run.stdout).expect("JSON");
        let calls = hint["unseen"].as_array().expect("calls").iter();
        let calls: Vec<&Value> = calls.map(|one| &one["call"]["name"]).collect();
        match taken {
            Some(folder) => {
                let library = format!("{folder}/libsmall.so.1");
                assert_eq!(hint["files"], json!(["/opt/bin/linked", library]));
                assert_eq!(hint["skipped"], json!({}));
                // What begins with the library, and what is asked of it; nothing else that it could do.
                assert_eq!(calls, ["sched_yield", "uname"]);
            }
            None => {
                assert_eq!(hint["files"], json!(["/opt/bin/linked"]));
                assert_eq!(
                    hint["skipped"],
                    json!({"libsmall.so.1": "it is not where loaders look"})
                );
                assert_eq!(calls, [""; 0]);
            }
        }
    }
    // A library outside of the image is none of it.
    let outside = image("lib/libsmall.so.1", SMALL);
    let image = image("opt/bin/linked", LINKED);
    fs::create_dir(image.path().join("opt/own")).expect("a directory");
    let link = image.path().join("opt/own/libsmall.so.1");
    symlink(outside.path().join("lib/libsmall.so.1"), link).expect("a link");
    let run = audit(image.path(), &["--program", "/opt/bin/linked"]);
    run.exits(0)
        .stdout_has("`libsmall.so.1`: it is not where loaders look");
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
