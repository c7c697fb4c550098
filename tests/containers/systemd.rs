//! Where systemd makes the cgroups, in one hierarchy: in the virtual machine of `cargo xtask vm`.

use crate::podman::{self, Podman};
use crate::product;
use crate::recorder::Recorder;
use house_tests::docker::Docker;
use house_tests::facts::{counts_where, named, set};
use house_tests::image::Rootfs;
use house_tests::run::{Program, Run, Running};
use house_tests::tests;
use house_tests::{facts, product as product_path};
use seccomp_tracer::recording::{Recording, SeccompState, WindowEnd, WindowStart};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 8] = tests![
    one_hierarchy_is_what_there_is,
    a_podman_run_with_crun_is_recorded_and_lives_with_its_profile,
    a_container_of_podmans_with_crun_is_found_by_its_name,
    a_docker_run_is_recorded_below_a_slice,
    a_unit_of_systemds_is_watched_by_its_name,
    who_is_given_a_session_has_left,
    what_is_made_a_unit_is_said_to_be_elsewhere,
    the_daemon_is_a_service_and_goes_on_after_its_death,
];

const PODMAN: Podman = Podman("--cgroup-manager=systemd --runtime=crun");

#[track_caller]
fn assert_runtime(recording: &Recording, expected: &str) {
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.runtime.as_deref(), Some(expected));
}

fn one_hierarchy_is_what_there_is() {
    let doctor = product().args(["doctor"]).run();
    doctor.exits(0).stdout_has("v2, at `/sys/fs/cgroup`");
}

fn a_podman_run_with_crun_is_recorded_and_lives_with_its_profile() {
    let recording = podman::is_recorded_and_lives_with_its_profile(PODMAN);
    assert_runtime(&recording, "crun");
}

fn a_container_of_podmans_with_crun_is_found_by_its_name() {
    let recording = podman::is_found_by_its_name(PODMAN);
    assert_runtime(&recording, "crun");
    let cgroup = recording.target.cgroup.as_deref().expect("a cgroup");
    let name = cgroup.strip_prefix("/machine.slice/libpod-");
    let id = name.and_then(|name| name.strip_suffix(".scope"));
    assert_eq!(id.map(str::len), Some(64), "{cgroup}");
}

/// An engine that leaves the cgroups to systemd.
struct Engine(Running);

impl Engine {
    fn start() -> Self {
        let settings = "--exec-opt native.cgroupdriver=systemd --storage-driver=vfs --bridge=none \
                        --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
                        --data-root /run/house-docker";
        let daemon = Program::new("dockerd").words(settings).start();
        let answers = || Program::new("docker").args(["version"]).run().code() == 0;
        while !answers() {
            std::thread::sleep(Duration::from_millis(200));
        }
        Self(daemon)
    }

    fn stop(self) {
        self.0.signal(libc::SIGTERM);
        let _ = self.0.finish();
    }
}

fn a_docker_run_is_recorded_below_a_slice() {
    let engine = Engine::start();
    let image = Rootfs::default().busybox(&["sh", "ls"]).import("sliced");
    let run = Docker::run(&image.name, &["/bin/sh", "-c", "ls / > /dev/null"]);
    let recorded = Recorder::docker(&run).finish();
    recorded.run.exits(0);
    let recording = &recorded.recording;
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert_eq!(recording.target.seccomp, Some(SeccompState::EngineDefault));
    assert_runtime(recording, "runc");
    let seen = set(&counts_where(recording, true));
    for call in ["execve", "getdents64", "exit_group"] {
        assert!(seen.contains(&named(call)), "{seen:?}");
    }
    drop(image);
    engine.stop();
}

fn a_unit_of_systemds_is_watched_by_its_name() {
    let name = "house-busy";
    let busy = "while ls / > /dev/null; do sleep 0.1; done";
    let run = ["--unit", name, "/bin/sh", "-c", busy];
    Program::new("systemd-run").args(run).run().exits(0);
    let recorder = Recorder::start(&["--unit", name, "--for", "2s"]);
    let recorded = recorder.finish();
    recorded.run.exits(0).stderr_has("recording house-busy\n");
    let recording = &recorded.recording;
    let cgroup = recording.target.cgroup.as_deref();
    assert_eq!(cgroup, Some("/system.slice/house-busy.service"));
    let seen = set(&counts_where(recording, false));
    assert!(seen.contains(&named("getdents64")), "{seen:?}");

    let stop = Program::new("systemctl").args(["stop", name]).run();
    stop.exits(0);
    let of_unit = |unit: &str| {
        let record = product().args(["record", "-o", "/dev/null", "--unit", unit]);
        record.run()
    };
    of_unit("house-bussy")
        .exits(3)
        .stderr_has("error: no unit `house-bussy.service`\n");
    of_unit("systemd-udevd").exits(3).stderr_has("error: ");
}

/// Records a command that is to end well.
fn record(command: &[&str]) -> (Run, Recording) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = folder.path().join("recording.json");
    let record = product().args(["record".as_ref(), "-o".as_ref(), output.as_os_str()]);
    let run = record.args(["--"]).args(command).run();
    run.exits(0);
    let recording = facts::read(&output);
    (run, recording)
}

/// `su` opens a session, and whoever keeps the list of sessions has it moved into a cgroup of its own.
fn who_is_given_a_session_has_left() {
    let start = ["start", "dbus", "systemd-logind"];
    Program::new("systemctl").args(start).run().exits(0);
    let (run, recording) = record(&["su", "-s", "/bin/sh", "-c", "ls / > /dev/null", "nobody"]);
    run.stderr_has("and what was done outside is not in the recording");
    let left_by: Vec<&String> = recording.losses.left_by().keys().collect();
    assert_eq!(left_by, ["su"]);
    assert!(!recording.losses.is_complete());
}

/// It is born of the first process, and never was inside: the client is what there is to see.
fn what_is_made_a_unit_is_said_to_be_elsewhere() {
    let (run, recording) = record(&["sh", "-c", "systemd-run --quiet --wait ls; true"]);
    run.stderr_has("warning: `systemd-run` was executed");
    assert!(recording.target.clients.contains("systemd-run"));
}

/// The unit as it is installed, with the rights that it leaves.
fn the_daemon_is_a_service_and_goes_on_after_its_death() {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles");
    let unit = "/etc/systemd/system/seccomp-tracer.service";
    fs::copy(profiles.join("daemon.service"), unit).expect("a unit");
    symlink(product_path!(), "/usr/bin/seccomp-tracer").expect("a program");
    let flags = "SECCOMP_TRACER_DAEMON=--below /system.slice --from exec --interval 1s\n";
    fs::write("/etc/default/seccomp-tracer", flags).expect("settings");
    systemctl("daemon-reload");
    systemctl("start seccomp-tracer");
    let busy = "while ls / > /dev/null; do sleep 0.2; done";
    let run = ["--unit=house-served", "/bin/sh", "-c", busy];
    Program::new("systemd-run").args(run).run().exits(0);
    await_listed("house-served");
    systemctl("kill --signal=KILL seccomp-tracer");
    await_listed("house-served");
    systemctl("stop house-served");
    let recording = await_recording("house-served");
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    let seen = set(&counts_where(&recording, false));
    for call in ["execve", "getdents64", "wait4"] {
        assert!(seen.contains(&named(call)), "{call}: {seen:?}");
    }
    systemctl("stop seccomp-tracer");
    product().args(["daemon", "--release"]).run().exits(0);
}

#[track_caller]
fn systemctl(line: &str) {
    let run = Program::new("systemctl").words(line).run();
    if run.code() != 0 {
        let status = Program::new("systemctl")
            .words("status seccomp-tracer")
            .run();
        panic!("{run}: {status}");
    }
}

/// Waits until the daemon answers, and has a target of that name.
fn await_listed(name: &str) {
    let list = || product().args(["ps", "--format", "json"]).run();
    while !list().stdout_text().contains(name) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for the last recording of a unit.
fn await_recording(unit: &str) -> Recording {
    loop {
        let files = fs::read_dir("/var/lib/seccomp-tracer/recordings");
        let files = files.into_iter().flatten().flatten();
        let paths = files.map(|file| file.path());
        let is_recording = |path: &PathBuf| path.extension().is_some_and(|it| it == "json");
        let recordings = paths.filter(is_recording).map(|path| facts::read(&path));
        let of_unit = |recording: &Recording| {
            let cgroup = recording.target.cgroup.as_deref().unwrap_or_default();
            cgroup.contains(unit) && recording.window.until == WindowEnd::Empty
        };
        if let Some(recording) = recordings.into_iter().find(of_unit) {
            return recording;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
