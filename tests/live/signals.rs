//! Signals to the recorder: those that ask for an end bring one, whatever it is doing, and no other does.

use crate::product;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Running};
use house_tests::{arguments, product as product_path, tests, witness};
use seccomp_tracer::recording::from_json;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    who_waits_for_a_reader_of_the_recording_hears_signals,
    who_waits_for_a_reader_of_words_hears_signals,
    a_pipe_that_nobody_reads_is_refused,
    signals_that_ask_for_nothing_end_nothing,
    signals_that_are_for_the_command_reach_it,
];

const PAUSE: Duration = Duration::from_millis(5);

/// A pipe that takes no more, and never will.
struct Full {
    folder: tempfile::TempDir,
    ends: File,
}

impl Full {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("pipe");
        Program::new("mkfifo").args([&path]).run().exits(0);
        let mut options = File::options();
        let ends = options.read(true).write(true).open(&path).expect("a pipe");
        // SAFETY: a call without pointers, on a descriptor that is open.
        let set = unsafe { libc::fcntl(ends.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        assert_eq!(set, 0);
        for piece in [4096, 1] {
            while (&ends).write(&vec![0; piece]).is_ok() {}
        }
        Self { folder, ends }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pipe")
    }
}

/// Waits until a thread of that name is in that program.
fn await_thread(running: &mut Running, name: &str) {
    let tasks = format!("/proc/{}/task", running.pid());
    let is = |path: &Path| {
        fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    loop {
        let tasks = fs::read_dir(&tasks).into_iter().flatten().flatten();
        if tasks.map(|task| task.path()).any(|task| is(&task)) {
            return;
        }
        assert!(!running.has_ended(), "ended before it had a thread {name}");
        std::thread::sleep(PAUSE);
    }
}

fn who_waits_for_a_reader_of_the_recording_hears_signals() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let full = Full::new();
        let record = product().args(arguments!["record", "-q", "-o", full.path()]);
        let mut running = record.args(["--", witness::PATH, "static"]).start();
        await_thread(&mut running, "writer");
        running.signal(signal);
        running.finish().exits(128 + signal).stdout("");
    }
}

/// Nobody reads what it says, so it does not even come to its loop.
fn who_waits_for_a_reader_of_words_hears_signals() {
    let full = Full::new();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let script = format!(
        "exec {} record --state {} -o {} -- {} ticks 1000 2>{}",
        product_path!(),
        folder.path().join("state").display(),
        folder.path().join("rec.json").display(),
        witness::PATH,
        full.path().display()
    );
    let mut running = Program::new("sh").args(["-c", &script]).start();
    await_thread(&mut running, "signals");
    running.signal(libc::SIGTERM);
    let run = running.finish();
    assert_eq!(run.code(), 128 + libc::SIGTERM, "{run}");
    let mut taken = [0; 1];
    assert_eq!((&full.ends).read(&mut taken).expect("a byte"), 1);
}

fn a_pipe_that_nobody_reads_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let pipe = folder.path().join("pipe");
    Program::new("mkfifo").args([&pipe]).run().exits(0);
    let record = || {
        let record = product().args(arguments!["record", "-q", "-o", pipe]);
        record.args(["--", "sh", "-c", "echo ran"])
    };
    let said = format!("error: nobody reads from the pipe `{}`\n", pipe.display());
    record().run().exits(125).stdout("").stderr_has(&said);
    // With one who does it is as good as a file.
    let reader = Program::new("cat").args([&pipe]).start();
    record().run().exits(0).stdout("ran\n");
    let recording = from_json(&reader.finish().exits(0).stdout_text()).expect("a recording");
    assert_eq!(counts(&recording)[&named("execve")], 1);
}

fn signals_that_ask_for_nothing_end_nothing() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = folder.path().join("rec.json");
    let record = product().args(arguments!["record", "-o", output, "--", witness::PATH]);
    let mut running = record.words("ticks 100").start();
    running.await_stderr("recording ");
    for signal in [
        libc::SIGALRM,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGXFSZ,
        libc::SIGIO,
        libc::SIGPWR,
        libc::SIGSTKFLT,
        libc::SIGPIPE,
    ] {
        running.signal(signal);
    }
    running.finish().exits(0);
    assert_eq!(counts(&facts::read(&output))[&named("getppid")], 100);
}

fn signals_that_are_for_the_command_reach_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for signal in [libc::SIGUSR1, libc::SIGUSR2] {
        let output = folder.path().join("rec.json");
        let record = product().args(arguments!["record", "-o", output, "--", witness::PATH]);
        let mut running = record.words("ticks 3000").start();
        running.await_stderr("recording ");
        // It has said so before it starts the command.
        while !running.has_children() {
            std::thread::sleep(PAUSE);
        }
        running.signal(signal);
        running.finish().exits(128 + signal);
        assert!(!facts::read(&output).facts.is_empty());
    }
}
