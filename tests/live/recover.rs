//! Recorders that die: whatever they had begun is finished, or the target never started; and nothing is left.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Run};
use house_tests::{arguments, product as product_path, tests, witness};
use seccomp_tracer::recording::{Loss, Recording, WindowEnd, from_json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub(crate) const TESTS: [(&str, fn()); 9] = tests![
    a_killed_recorder_loses_no_call,
    a_killed_recorder_of_a_running_cgroup_is_finished_too,
    refusals_survive_as_well,
    without_a_bpf_file_system_the_last_checkpoint_is_left,
    kills_at_any_moment_lose_nothing,
    who_lives_is_left_alone_and_who_died_is_said,
    a_full_disk_puts_the_recording_aside,
    a_limit_on_files_leaves_it_to_be_finished,
    a_recording_that_nobody_reads_is_put_aside,
];

/// How often [`kills_at_any_moment_lose_nothing`] kills, if not a few times.
const KILLS: &str = "SECCOMP_TRACER_KILLS";

const PAUSE: Duration = Duration::from_millis(5);

/// Places of a recorder's own, with a bpf file system.
struct Site {
    place: Place,
    is_pinned: bool,
    /// Cgroups of recorders that were there before.
    before: Vec<PathBuf>,
}

impl Site {
    fn new() -> Self {
        Self {
            place: Place::new(product_path!()),
            is_pinned: true,
            before: crate::command::left_behind("seccomp-tracer-"),
        }
    }

    fn without_bpf() -> Self {
        Self {
            is_pinned: false,
            ..Self::new()
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    fn pins(&self) -> PathBuf {
        self.path(if self.is_pinned { "bpf/rec" } else { "pins" })
    }

    fn words(&self) -> Vec<OsString> {
        arguments![
            "record",
            "--state",
            self.path("records"),
            "--pin",
            self.pins()
        ]
        .to_vec()
    }

    fn output(&self) -> PathBuf {
        self.path("rec.json")
    }

    /// A recorder, with what it is to record.
    fn record(&self, rest: &[OsString]) -> Program {
        let output = arguments!["-o", self.output()];
        product().args(self.words()).args(output).args(rest)
    }

    fn recover(&self) -> Run {
        product().args(self.words()).args(["--recover"]).run()
    }

    /// What there is in a folder.
    fn list(&self, name: &Path) -> Vec<String> {
        let entries = fs::read_dir(name).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.collect()
    }

    /// Expects that nothing is left: no folder, no pins, no unfinished file, no cgroup.
    #[track_caller]
    fn is_clean(&self, pid: u32) {
        assert_eq!(self.list(&self.path("records")), [] as [String; 0]);
        assert_eq!(self.list(&self.pins()), [] as [String; 0]);
        let ours = format!("seccomp-tracer-{pid}-");
        let beside = self.list(&self.path(""));
        assert!(
            !beside.iter().any(|name| name.contains(&ours)),
            "{beside:?}"
        );
        let mut left = crate::command::left_behind(&format!("-{pid}-"));
        // Numbers of processes come again.
        left.retain(|cgroup| !self.before.contains(cgroup));
        assert_eq!(left, Vec::<PathBuf>::new());
    }
}

fn ticks(recording: &Recording) -> u64 {
    let counts = counts(recording);
    counts.get(&named("getppid")).copied().unwrap_or(0)
}

fn of_witness(mode: &str, number: &str) -> Vec<OsString> {
    arguments!["--", witness::PATH, mode, number].to_vec()
}

/// Waits until a file says something.
fn await_text(path: impl Fn() -> Option<PathBuf>, is_there: impl Fn(&str) -> bool) {
    let says = || {
        let text = path().and_then(|path| fs::read_to_string(path).ok());
        text.is_some_and(|text| is_there(&text))
    };
    while !says() {
        std::thread::sleep(PAUSE);
    }
}

fn a_killed_recorder_loses_no_call() {
    let site = Site::new();
    let mut running = site.record(&of_witness("ticks", "200")).start();
    running.await_stderr("recording ");
    while !running.has_started_children() {
        std::thread::sleep(PAUSE);
    }
    let pid = running.pid();
    running.signal(libc::SIGKILL);
    running.finish().dies_of(libc::SIGKILL);
    assert!(!site.output().exists());
    // It goes on to its end, and is watched all the time.
    let run = site.recover();
    run.exits(0)
        .stdout("")
        .stderr_has(&format!("wrote {}: ", site.output().display()));
    let recording = facts::read(site.output());
    assert_eq!(ticks(&recording), 200);
    assert_eq!(counts(&recording)[&named("execve")], 1);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    // With which rights it started is known only if there was time to write that down.
    site.is_clean(pid);
    site.recover()
        .exits(0)
        .stderr("no recorder was killed: there is nothing to recover\n");
}

fn a_killed_recorder_of_a_running_cgroup_is_finished_too() {
    let site = Site::new();
    let cgroup = Cgroup::new("killed");
    let target = cgroup.command(&[witness::PATH, "ticks", "1000000"]).start();
    cgroup.await_populated();
    let watched = arguments!["--cgroup", cgroup.path()];
    let mut running = site.record(&watched).start();
    running.await_stderr("recording ");
    running.signal(libc::SIGKILL);
    running.finish().dies_of(libc::SIGKILL);
    // Nobody who was not started by it is ended by whoever finishes it.
    let finish = product().args(site.words());
    let mut finish = finish.args(["--recover"]).start();
    finish.await_stderr("recording ");
    // It goes on, so there is something to see.
    std::thread::sleep(Duration::from_millis(100));
    finish.signal(libc::SIGINT);
    finish.finish().exits(0);
    let recording = facts::read(site.output());
    assert_eq!(recording.window.until, WindowEnd::Interrupted);
    assert!(ticks(&recording) > 0);
    target.signal(libc::SIGKILL);
    target.finish().dies_of(libc::SIGKILL);
}

fn refusals_survive_as_well() {
    let site = Site::new();
    let mut rest = arguments!["--denials"].to_vec();
    rest.extend(of_witness("ticks", "150"));
    let mut running = site.record(&rest).start();
    running.await_stderr("recording ");
    while !running.has_started_children() {
        std::thread::sleep(PAUSE);
    }
    running.signal(libc::SIGKILL);
    running.finish().dies_of(libc::SIGKILL);
    site.recover().exits(0);
    let recording = facts::read(site.output());
    assert_eq!(ticks(&recording), 150);
    let denials = recording.denials.expect("it looked");
    assert!(
        denials.seen.is_empty() && denials.losses.calls == 0,
        "{denials:?}"
    );
}

/// Nothing is counted then between the last checkpoint and the target's end, and the recording says so.
fn without_a_bpf_file_system_the_last_checkpoint_is_left() {
    let site = Site::without_bpf();
    let running = site.record(&of_witness("ticks", "400")).start();
    let checkpoint = || {
        let folder = fs::read_dir(site.path("records")).ok()?.flatten().next()?;
        Some(folder.path().join("checkpoint.json"))
    };
    let has_ticks = |text: &str| from_json(text).is_ok_and(|recording| ticks(&recording) > 0);
    await_text(checkpoint, has_ticks);
    let pid = running.pid();
    running.signal(libc::SIGKILL);
    running.finish().dies_of(libc::SIGKILL);
    let run = site.recover();
    run.exits(4).stderr_has("warning: `").stderr_has("1 lost");
    let recording = facts::read(site.output());
    assert!((1..400).contains(&ticks(&recording)));
    assert_eq!(recording.losses.get(Loss::Unwatched), 1);
    let generate = arguments!["generate", site.output(), "-o", "/dev/null"];
    product().args(generate).run().exits(4);
    // Its cgroup goes when it has ended.
    let ours = format!("-{pid}-");
    while !crate::command::left_behind(&ours).is_empty() {
        site.recover();
        std::thread::sleep(Duration::from_millis(50));
    }
    site.is_clean(pid);
}

/// Each leaves a recording with every call, or the target never started.
fn kills_at_any_moment_lose_nothing() {
    const TICKS: u64 = 20;
    let kills = std::env::var(KILLS).ok().and_then(|text| text.parse().ok());
    let kills: u32 = kills.unwrap_or(10);
    let site = Site::new();
    let started = site.path("started");
    let script = format!(
        "echo > {}; exec {} ticks {TICKS}",
        started.display(),
        witness::PATH
    );
    // Any numbers do, as long as they are others each time.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut random = now.expect("a time after 1970").subsec_nanos();
    let (mut finished, mut never, mut late) = (0, 0, 0);
    let words = arguments!["--", "sh", "-c", script];
    site.record(&words).run().exits(0);
    // The shell's own calls are among them.
    let undisturbed = counts(&facts::read(site.output()));
    assert!(undisturbed[&named("getppid")] >= TICKS);
    for kill in 0..kills {
        for path in [&started, &site.output()] {
            let _ = fs::remove_file(path);
        }
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut running = site.record(&words).start();
        let pid = running.pid();
        // Every third at any moment, the others when the target may have started.
        let delay = match kill % 3 {
            0 => Duration::from_micros(u64::from(random >> 12)),
            _ => {
                running.await_stderr("recording ");
                Duration::from_micros(u64::from(random >> 14))
            }
        };
        std::thread::sleep(delay);
        if running.has_ended() {
            late += 1;
        } else {
            running.signal(libc::SIGKILL);
        }
        let run = running.finish();
        let recovered = site.recover();
        recovered.exits(0);
        if started.exists() {
            let recording = facts::read(site.output());
            assert_eq!(
                counts(&recording),
                undisturbed,
                "after {delay:?}: {run}{recovered}"
            );
            assert!(recording.losses.is_complete(), "{:?}", recording.losses);
            finished += 1;
        } else {
            assert!(!site.output().exists(), "after {delay:?}: {run}{recovered}");
            never += 1;
        }
        site.is_clean(pid);
    }
    #[expect(
        clippy::print_stderr,
        reason = "how many came to what is worth knowing"
    )]
    {
        eprintln!(
            "{kills} kills: {finished} finished ({late} of them had ended), {never} never started"
        );
    }
}

fn who_lives_is_left_alone_and_who_died_is_said() {
    let site = Site::new();
    let other = site.path("other.json");
    let living = |number: &str| {
        let words = arguments!["-o", other, "--", witness::PATH, "ticks", number];
        product().args(site.words()).args(words)
    };
    let mut alive = living("300").start();
    alive.await_stderr("recording ");
    let mut killed = site.record(&of_witness("ticks", "100")).start();
    killed.await_stderr("recording ");
    while !killed.has_started_children() {
        std::thread::sleep(PAUSE);
    }
    killed.signal(libc::SIGKILL);
    killed.finish().dies_of(libc::SIGKILL);
    let third = arguments!["-o", "/dev/null", "--", "true"];
    let run = product().args(site.words()).args(third).run();
    run.exits(0)
        .stderr_has("note: a recorder of `")
        .stderr_has("` was killed; `seccomp-tracer record --recover` finishes the recording\n");
    site.recover().exits(0);
    assert_eq!(ticks(&facts::read(site.output())), 100);
    alive.finish().exits(0);
    assert_eq!(ticks(&facts::read(&other)), 300);
    assert_eq!(site.list(&site.path("records")), [] as [String; 0]);
}

/// The only file in the place for what could not be put where it belongs.
#[track_caller]
fn aside(site: &Site, run: &Run) -> PathBuf {
    let names = site.list(&site.path("records"));
    let [name] = &names[..] else {
        panic!("not one file: {names:?}: {run}");
    };
    assert!(name.ends_with(".json"), "{name}");
    site.path("records").join(name)
}

/// The command's own failure is not hidden behind ours.
fn a_full_disk_puts_the_recording_aside() {
    for (code, expected) in [("0", 125), ("7", 7)] {
        let site = Site::new();
        let full = site.path("full");
        fs::create_dir(&full).expect("a folder");
        let output = full.join("rec.json");
        let words = arguments!["-o", output, "--", witness::PATH, "exit", code];
        // Room for a file, and for nothing in it.
        let prepare = format!(
            "mount -t tmpfs -o size=8k,nr_inodes=9 none {0}; head -c 8192 /dev/zero > {0}/other || true",
            full.display()
        );
        let run = product()
            .args(site.words())
            .args(words)
            .after(&prepare)
            .run();
        let kept = aside(&site, &run);
        run.exits(expected)
            .stderr_has(&format!(
                "note: the recording is in `{}` instead\n",
                kept.display()
            ))
            .stderr_has(&format!("error: cannot write `{}`\n", output.display()))
            .stderr_has("cause: No space left on device (os error 28)\n");
        assert_eq!(counts(&facts::read(kept))[&named("execve")], 1);
    }
}

/// As with `ulimit -f`: not even aside.
fn a_limit_on_files_leaves_it_to_be_finished() {
    let site = Site::new();
    let mut words = site.words();
    words.extend(arguments![
        "-o",
        site.output(),
        "--",
        "sh",
        "-c",
        "ls / > /dev/null; exit 7"
    ]);
    let limited = Program::new("prlimit").args(["--fsize=4096", product_path!()]);
    let run = limited.args(words).run();
    run.exits(7)
        .stderr_has("cause: File too large (os error 27)\n")
        .stderr_has("note: `seccomp-tracer record --recover` finishes the recording, where there is room for it\n")
        .stderr_has("hint: files may not become that large: raise the limit");
    assert!(!site.output().exists());
    site.recover().exits(0);
    let recording = facts::read(site.output());
    assert_eq!(counts(&recording)[&named("execve")], 2);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    assert_eq!(site.list(&site.path("records")), [] as [String; 0]);
}

fn a_recording_that_nobody_reads_is_put_aside() {
    let site = Site::new();
    let words = arguments!["-o", "-", "--", witness::PATH, "exit", "0"];
    let run = product()
        .args(site.words())
        .args(words)
        .stdout_to("/dev/full")
        .run();
    run.exits(125)
        .stderr_has("error: cannot write to standard output\n");
    assert!(!facts::read(aside(&site, &run)).facts.is_empty());
}
