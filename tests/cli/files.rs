//! Files that cannot be read, are not what they should be, or cannot be written.

use crate::{data, product};
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 7] = tests![
    pipes_and_links_stay_what_they_are,
    recordings_that_cannot_be_used,
    incomplete_recordings_need_consent,
    bases_that_cannot_be_used,
    arguments_that_mean_nothing,
    output_that_cannot_be_written,
    products_go_to_stdout_or_to_a_file,
];

pub(crate) const TESTS_AS_ROOT: [(&str, fn()); 2] = tests![
    a_full_disk_leaves_no_half_file,
    a_file_of_somebody_else_stays_as_it_is,
];

/// Generates from a recording of that text, called `rec.json`.
fn generate(text: impl AsRef<[u8]>, flags: &[&str]) -> Run {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("rec.json"), text).expect("a file");
    let program = product().in_directory(directory.path());
    program.args(["generate", "rec.json"]).args(flags).run()
}

fn small() -> String {
    fs::read_to_string(data("small.rec.json")).expect("a stored recording")
}

/// The stored recording with a change.
#[track_caller]
fn changed(from: &str, to: &str) -> String {
    let text = small().replacen(from, to, 1);
    assert_ne!(text, small(), "{from}");
    text
}

fn recordings_that_cannot_be_used() {
    let small = small();
    let twice = changed(r#""number": 41"#, r#""number": 39"#);
    let not_a_recording = "error: cannot use `rec.json`\n  cause: not a recording\n";
    let cases: [(&[u8], String); 9] = [
        (
            b"",
            format!("{not_a_recording}  cause: EOF while parsing a value at line 1 column 0\n"),
        ),
        (
            b"{ nonsense",
            format!("{not_a_recording}  cause: key must be a string at line 1 column 3\n"),
        ),
        (
            &small.as_bytes()[..small.len() / 2],
            format!("{not_a_recording}  cause: EOF while parsing a string at line 41 column "),
        ),
        (
            b"{}",
            format!("{not_a_recording}  cause: missing field `schemaVersion` at line 1 column 2\n"),
        ),
        (
            br#"{"schemaVersion": 99}"#,
            "error: cannot use `rec.json`\n  cause: schema version 99 is newer than 2, the newest \
             that this program reads\n"
                .to_owned(),
        ),
        (
            twice.as_bytes(),
            "error: cannot use `rec.json`\n  cause: fact 1: `getpid` is there twice\n".to_owned(),
        ),
        (
            b"\xff\xfe",
            "error: cannot read `rec.json`\n  cause: ".to_owned(),
        ),
        (b"[1, 2, 3]", not_a_recording.to_owned()),
        (b"\"\\u001b[2J\"", not_a_recording.to_owned()),
    ];
    for (text, expected) in cases {
        let run = generate(text, &[]);
        run.exits(2).stdout("");
        assert!(
            run.stderr_text().starts_with(&expected),
            "expected {expected:?}: {run}"
        );
        assert!(!run.stderr.contains(&0x1b), "{run}");
    }
    product()
        .words("generate no/such/file")
        .run()
        .exits(2)
        .stdout("")
        .stderr(
            "error: cannot read `no/such/file`\n  cause: No such file or directory (os error 2)\n",
        );
    product()
        .words("generate /sys")
        .run()
        .exits(2)
        .stdout("")
        .stderr("error: no recording in `/sys`\n\nhint: recordings in a directory are its files that end in .json\n");
    // Names of files come from others, too.
    product()
        .args(["generate", "\u{1b}[2J"])
        .run()
        .exits(2)
        .stderr(
            "error: cannot read `\\u{1b}[2J`\n  cause: No such file or directory (os error 2)\n",
        );
}

fn incomplete_recordings_need_consent() {
    let lossy = changed(r#""mapError": 0"#, r#""mapError": 12"#);
    generate(&lossy, &[]).exits(4).stdout("").stderr(
        "error: `rec.json` is incomplete: 12 calls could not be kept\n\
         \nhint: record again, or accept what is there with --allow-incomplete\n",
    );
    let accepted = generate(&lossy, &["--allow-incomplete"]);
    accepted
        .exits(0)
        .stdout(&generate(small(), &[]).stdout_text());
    // A lost sighting is no lost fact.
    let who = changed(r#""sighting": 0"#, r#""sighting": 5"#);
    generate(who, &[]).exits(0);
}

fn bases_that_cannot_be_used() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let profile = |operator: &str| {
        format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{{"names": ["read"],
             "action": "SCMP_ACT_ALLOW", "args": [{{"index": 0, "value": 1, "op": "{operator}"}}]}}]}}"#
        )
    };
    let write =
        |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
    write("good.json", &profile("SCMP_CMP_EQ"));
    write("operator.json", &profile("SCMP_CMP_ABOUT"));
    write("broken.json", "{");
    let with = |base: &str| {
        let recording = data("small.rec.json");
        let command = arguments!["generate", recording, "--base", base];
        product().in_directory(directory.path()).args(command).run()
    };
    with("good.json").exits(0);
    with("operator.json")
        .exits(2)
        .stdout("")
        .stderr_has("error: cannot use `operator.json`\n")
        .stderr_has("SCMP_CMP_ABOUT");
    with("broken.json")
        .exits(2)
        .stdout("")
        .stderr_has("error: cannot use `broken.json`\n");
    with("missing.json").exits(2).stdout("").stderr(
        "error: cannot read `missing.json`\n  cause: No such file or directory (os error 2)\n",
    );
}

fn arguments_that_mean_nothing() {
    generate(small(), &["--caps", "CAP_NONSENSE"])
        .exits(2)
        .stdout("")
        .stderr("error: unknown capability `CAP_NONSENSE`\n");
    generate(small(), &["--kernel", "new"])
        .exits(2)
        .stdout("")
        .stderr("error: unknown kernel version `new`\n");
    let elsewhere = changed(r#""architecture": "x86_64""#, r#""architecture": "vax""#);
    generate(elsewhere, &[]).exits(2).stdout("");
}

fn generate_to(output: &Path) -> Program {
    product().args(arguments!["generate", data("small.rec.json"), "-o", output])
}

fn output_that_cannot_be_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let missing = directory.path().join("no/such/folder");
    let run = generate_to(&missing).run();
    run.exits(2).stdout("");
    let missing = missing.display();
    run.stderr(&format!(
        "error: cannot write `{missing}`\n  cause: No such file or directory (os error 2)\n"
    ));

    let run = generate_to(directory.path()).run();
    let path = directory.path().display();
    let expected = format!("error: cannot write `{path}`\n  cause: is a directory\n");
    run.exits(2).stdout("").stderr(&expected);

    product()
        .args(arguments!["generate", data("small.rec.json")])
        .stdout_to("/dev/full")
        .run()
        .exits(2)
        .stderr("error: cannot write to standard output\n  cause: No space left on device (os error 28)\n");
}

fn products_go_to_stdout_or_to_a_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("profile.json");
    let to_stdout = product()
        .args(arguments!["generate", data("small.rec.json")])
        .run();
    assert!(
        to_stdout.exits(0).stdout_text().ends_with("}\n"),
        "{to_stdout}"
    );
    generate_to(&output).run().exits(0).stdout("");
    assert_eq!(fs::read(&output).expect("a profile"), to_stdout.stdout);
    let mode = fs::metadata(&output)
        .expect("a profile")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    // Nothing but the product is there, and a second run replaces it.
    fs::write(&output, "old").expect("a file");
    generate_to(&output).run().exits(0);
    assert_eq!(fs::read(&output).expect("a profile"), to_stdout.stdout);
    assert_eq!(fs::read_dir(directory.path()).expect("a folder").count(), 1);
    // From standard input.
    product()
        .words("generate -")
        .stdin(small())
        .run()
        .exits(0)
        .stdout(&to_stdout.stdout_text());
}

/// What is no regular file is written into and stays what it is; a link stays a link.
fn pipes_and_links_stay_what_they_are() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let profile = product()
        .args(arguments!["generate", data("small.rec.json")])
        .run()
        .stdout;

    let pipe = folder.join("pipe");
    let made = Program::new("mkfifo").args([&pipe]).run();
    made.exits(0);
    // Both ends are open, so nobody waits for anybody.
    let mut ends = fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .expect("a pipe");
    generate_to(&pipe).run().exits(0);
    let kind = fs::symlink_metadata(&pipe).expect("a pipe").file_type();
    assert!(kind.is_fifo(), "{kind:?}");
    let mut read = vec![0; profile.len()];
    ends.read_exact(&mut read).expect("a pipe");
    assert_eq!(read, profile);

    // Nobody waits for a reader that does not come; and a disk is no file.
    drop(ends);
    generate_to(&pipe).run().exits(2).stdout("").stderr(&format!(
        "error: nobody reads from the pipe `{}`\n\nhint: start what reads from it first, or give a regular file\n",
        pipe.display()
    ));

    let (target, link) = (folder.join("target"), folder.join("link"));
    fs::write(&target, "old").expect("a file");
    std::os::unix::fs::symlink("target", &link).expect("a link");
    generate_to(&link).run().exits(0);
    let kind = fs::symlink_metadata(&link).expect("a link").file_type();
    assert!(kind.is_symlink(), "{kind:?}");
    assert_eq!(fs::read(&target).expect("a profile"), profile);
}

/// On a file system of one page, the product has no room: the old file stays, and nothing lies around.
fn a_full_disk_leaves_no_half_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path().display();
    let output = directory.path().join("profile.json");
    let expected = format!(
        "error: cannot write `{}`\n  cause: No space left on device (os error 28)\n",
        output.display()
    );
    let prepare = format!(
        "mount -t tmpfs -o size=8k none {folder}\nprintf old > {}\nhead -c 4096 /dev/zero > {folder}/full",
        output.display()
    );
    let run = generate_to(&output).after(&prepare).run();
    run.exits(2).stdout("").stderr(&expected);

    // The same, and then a look at what is left.
    let inner = generate_to(&output);
    let look = format!(
        "{prepare}\n\"$@\" 2> /dev/null || true\nset -- sh -c 'cat {folder}/profile.json; ls -A {folder}'"
    );
    inner
        .after(&look)
        .run()
        .exits(0)
        .stdout("oldfull\nprofile.json\n");
}

/// Without the right to write into the folder, the error says so and the file stays.
fn a_file_of_somebody_else_stays_as_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("permissions");
    let program = Program::copied_product(house_tests::product!(), folder);
    fs::copy(data("small.rec.json"), folder.join("rec.json")).expect("a copy");
    fs::write(folder.join("profile.json"), "old").expect("a file");
    let run = program
        .words("generate rec.json -o profile.json")
        .as_nobody()
        .run();
    run.exits(2)
        .stdout("")
        .stderr("error: cannot write `profile.json`\n  cause: Permission denied (os error 13)\n");
    assert_eq!(
        fs::read(folder.join("profile.json")).expect("a file"),
        b"old"
    );
}
