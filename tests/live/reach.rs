//! What code can do, against what was seen to be done: real programs with their libraries.

use crate::{product, record_with};
use house_tests::image::Rootfs;
use house_tests::{arguments, tests};
use seccomp_tracer::recording::to_json;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    whatever_simple_programs_do_their_code_can_do,
    libraries_come_from_the_image_and_programs_from_the_recording,
    a_running_process_shows_what_it_has_loaded,
];

/// What is said about code, by key.
fn hint(arguments: impl IntoIterator<Item = OsString>) -> Value {
    let audit = arguments!["audit", "--base", "none", "--format", "json"];
    let run = product().args(audit).args(arguments).run();
    run.exits(0);
    serde_json::from_slice(&run.stdout).expect("JSON")
}

fn names(calls: &Value) -> BTreeSet<&str> {
    let calls = calls.as_array().expect("calls").iter();
    let names = calls.map(|one| one["name"].as_str().or(one["call"]["name"].as_str()));
    names.map(|name| name.expect("a name")).collect()
}

fn texts(values: &Value) -> Vec<&str> {
    let values = values.as_array().expect("texts").iter();
    values.map(|one| one.as_str().expect("a text")).collect()
}

/// Nothing that was recorded is missing: not even what the loader does is an exception, and the exec that starts
/// the program is in it because C libraries have one, too.
fn whatever_simple_programs_do_their_code_can_do() {
    let busy = "import threading, socket, tempfile, os\n\
                thread = threading.Thread(target=os.getpid)\n\
                thread.start(); thread.join()\n\
                server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()\n\
                file = tempfile.TemporaryFile(); file.write(b'x'); file.flush()";
    let table: [(&[&str], usize); 5] = [
        (&["/bin/true"], 80),
        (&["/bin/cat", "/etc/passwd"], 90),
        (&["/bin/ls", "-l", "/"], 120),
        (&["/usr/bin/sort", "/etc/passwd"], 120),
        (&["/usr/bin/python3", "-c", busy], 260),
    ];
    for (command, most) in table {
        let (run, recording) = record_with(&[], command);
        run.exits(0);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("rec.json");
        fs::write(&path, to_json(&recording.expect("a recording"))).expect("a file");
        let program = command[0];
        let hint = hint(arguments![
            "--image-root",
            "/",
            "--program",
            program,
            "--recording",
            path
        ]);
        assert_eq!(names(&hint["unexplained"]), [].into(), "{program}");
        assert_eq!(hint["skipped"], serde_json::json!({}), "{program}");
        let reachable = hint["reachable"].as_u64().expect("a number");
        // Not by taking everything for possible.
        assert!(reachable <= most as u64, "{program}: {reachable}");
        let sum =
            hint["recorded"].as_u64().expect("a number") + names(&hint["unseen"]).len() as u64;
        assert_eq!(sum, reachable, "{program}");
    }
}

fn libraries_come_from_the_image_and_programs_from_the_recording() {
    let (run, recording) = record_with(&[], &["/bin/ls", "/"]);
    run.exits(0);
    let rootfs = Rootfs::default().program("ls");
    let root = rootfs.directory();
    let path = root.join("rec.json");
    fs::write(&path, to_json(&recording.expect("a recording"))).expect("a file");
    let hint = hint(arguments!["--image-root", root, "--recording", path]);
    let files = texts(&hint["files"]);
    assert!(files[0].ends_with("/ls"), "{files:?}");
    assert!(
        files.iter().any(|file| file.contains("/libc.so")),
        "{files:?}"
    );
    for file in files {
        assert!(root.join(file.trim_start_matches('/')).exists(), "{file}");
    }
    assert_eq!(names(&hint["unexplained"]), [].into());
}

fn a_running_process_shows_what_it_has_loaded() {
    let waits = "import _ctypes, sys; print('ready', flush=True); sys.stdin.read()";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", waits])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    let mut line = String::new();
    let stdout = python.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    let hint = hint(arguments!["--pid", python.id().to_string()]);
    drop(python.stdin.take());
    python.wait().expect("python");

    let files = texts(&hint["files"]);
    let has = |part: &str| files.iter().any(|file| file.contains(part));
    assert!(
        has("/python3") && has("/libc.so") && has("/ld-linux"),
        "{files:?}"
    );
    // Loaded by name, and linked to something that python itself is not.
    assert!(has("/_ctypes.") && has("/libffi.so"), "{files:?}");
    let reachable = names(&hint["unseen"]);
    for name in ["read", "mmap", "memfd_create"] {
        assert!(reachable.contains(name), "{name}: {reachable:?}");
    }

    let gone = product().args(arguments!["audit", "--pid", python.id().to_string()]);
    let gone = gone.run();
    gone.exits(3)
        .stderr_has(&format!("error: no process with pid {}", python.id()));
}
