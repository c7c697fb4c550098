//! Containers that no engine with a client of its own knows: runc's, and containerd's.

use crate::product;
use crate::recorder::Recorder;
use house_tests::facts::{counts_where, named, set};
use house_tests::image::Rootfs;
use house_tests::run::{Program, Run, Running};
use house_tests::tests;
use seccomp_tracer::recording::{Recording, SeccompState, TargetKind, WindowEnd, WindowStart};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::id;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    a_container_of_runcs_is_found_by_its_id_or_what_an_engine_calls_it,
    a_container_of_containerds_is_found_without_docker,
    a_unit_is_watched_by_its_name,
];

const BUSY: &str = "while ls / > /dev/null; do sleep 0.05; done";

/// The same, seen from outside.
const TICKING: &str = "while ls / > /ticks; do sleep 0.05; done";

/// Waits until a container that ticks has done from now on at least once everything that it does.
fn await_ticks(rootfs: &Rootfs) {
    // The shell opens the file in each round, and what it executes writes to it.
    const CHANGES: u32 = 6;
    let file = rootfs.directory().join("ticks");
    let stamp = || fs::metadata(&file).and_then(|file| file.modified()).ok();
    let start = Instant::now();
    for _ in 0..CHANGES {
        let before = stamp();
        while stamp() == before {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing ticks");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A container of runc's, ended and forgotten when this value goes away.
struct Bundle {
    name: String,
    _directory: TempDir,
}

impl Bundle {
    fn start(name: String, rootfs: &Rootfs, annotations: &Value) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let spec = ["spec", "--bundle"].map(str::to_owned);
        let path = directory.path().to_string_lossy().into_owned();
        runc(spec.into_iter().chain([path.clone()])).exits(0);
        let file = directory.path().join("config.json");
        let text = fs::read(&file).expect("a specification");
        let mut config: Value = serde_json::from_slice(&text).expect("JSON");
        config["root"] = json!({"path": rootfs.directory(), "readonly": false});
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/bin/sh", "-c", TICKING]);
        config["process"]["rlimits"] = json!([]);
        config["process"]["user"] = json!({"uid": 0, "gid": 34});
        config["annotations"] = annotations.clone();
        fs::write(&file, config.to_string()).expect("a file");
        let run = ["run", "--detach", "--bundle", &path, &name].map(str::to_owned);
        runc(run).exits(0);
        Self {
            name,
            _directory: directory,
        }
    }

    fn kill(&self) {
        runc(["kill", &self.name, "KILL"].map(str::to_owned)).exits(0);
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        runc(["delete", "--force", &self.name].map(str::to_owned));
    }
}

fn runc(arguments: impl IntoIterator<Item = String>) -> Run {
    // What is started in the background keeps the pipe.
    let arguments: Vec<String> = arguments.into_iter().collect();
    let line = format!("runc {} < /dev/null > /dev/null 2>&1", arguments.join(" "));
    Program::new("sh").args(["-c", &line]).run()
}

fn busybox() -> Rootfs {
    Rootfs::default().busybox(&["sh", "ls", "sleep"])
}

#[track_caller]
fn assert_busy(recording: &Recording, engine: &str, id: &str) {
    assert_eq!(recording.window.from, WindowStart::Attach);
    assert_eq!(recording.target.kind, TargetKind::Container);
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.engine.as_deref(), Some(engine));
    assert_eq!(container.id, id);
    assert_eq!(container.runtime.as_deref(), Some("runc"));
    assert!(container.runtime_version.is_some(), "{container:?}");
    let seen = set(&counts_where(recording, recording.has_filter()));
    for call in ["execve", "getdents64"] {
        assert!(seen.contains(&named(call)), "{seen:?}");
    }
}

trait HasFilter {
    fn has_filter(&self) -> bool;
}

impl HasFilter for Recording {
    fn has_filter(&self) -> bool {
        self.target.seccomp != Some(SeccompState::Unconfined)
    }
}

fn a_container_of_runcs_is_found_by_its_id_or_what_an_engine_calls_it() {
    let rootfs = busybox();
    let name = format!("house-runc-{}", id());
    let annotations = json!({
        "io.kubernetes.cri.container-name": "web",
        "io.kubernetes.cri.sandbox-name": name,
        "io.kubernetes.cri.sandbox-namespace": "house",
    });
    let bundle = Bundle::start(name.clone(), &rootfs, &annotations);
    let recorder = Recorder::attach(&name, &[]);
    await_ticks(&rootfs);
    bundle.kill();
    let recorded = recorder.finish();
    recorded
        .run
        .exits(0)
        .stderr_has(&format!("recording {name} of runc\n"));
    assert_eq!(recorded.recording.window.until, WindowEnd::Empty);
    assert_busy(&recorded.recording, "runc", &name);
    // As its bundle says: `runc spec` sets it.
    let target = &recorded.recording.target;
    assert_eq!(target.no_new_privs, Some(true));
    let container = target.container.as_ref().expect("a container");
    assert_eq!(container.user.as_deref(), Some("0:34"));
    drop(bundle);

    // As a pod's container, and a second one of the same name.
    let bundle = Bundle::start(name.clone(), &rootfs, &annotations);
    let full = format!("house/{name}/web");
    let recorded = Recorder::attach(&full, &["--for", "300ms", "--engine", "runc"]).finish();
    assert_busy(&recorded.recording, "runc", &name);
    let other = format!("{name}-2");
    let _other = Bundle::start(
        other.clone(),
        &rootfs,
        &json!({"io.kubernetes.cri.container-name": "web", "io.kubernetes.cri.sandbox-name": other}),
    );
    let record = |name: &str| {
        product()
            .args(["record", "-o", "/dev/null", "--container", name])
            .run()
    };
    record("web")
        .exits(3)
        .stderr_has("error: several containers are called `web`, or have an id that begins so\n")
        .stderr_has(&full)
        .stderr_has(&format!("{other}/web of runc"));
    record(&format!("{name}/wep"))
        .exits(3)
        .stderr_has(&format!("`{full}`"));
    bundle.kill();
}

/// A containerd of our own.
struct Containerd {
    daemon: Running,
    directory: TempDir,
}

impl Containerd {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n[grpc]\naddress = {:?}\n",
            path("root"),
            path("state"),
            path("socket")
        );
        fs::write(path("config.toml"), config).expect("a file");
        let arguments = [
            "--config".into(),
            path("config.toml"),
            "--log-level".into(),
            "error".into(),
        ];
        let daemon = Program::new("containerd").args(arguments).start();
        let this = Self { daemon, directory };
        while this.ctr(&["version"]).code() != 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        this
    }

    fn ctr(&self, arguments: &[&str]) -> Run {
        let socket = self.directory.path().join("socket");
        let client = Program::new("ctr").args(["--address".as_ref(), socket.as_os_str()]);
        client.args(["--namespace", "house"]).args(arguments).run()
    }
}

fn a_container_of_containerds_is_found_without_docker() {
    let rootfs = busybox();
    let containerd = Containerd::start();
    let name = format!("house-ctr-{}", id());
    let root = rootfs.directory().to_string_lossy().into_owned();
    let run = [
        "run",
        "--detach",
        "--seccomp",
        "--rootfs",
        &root,
        &name,
        "/bin/sh",
        "-c",
        TICKING,
    ];
    containerd.ctr(&run).exits(0);
    let recorder = Recorder::attach(&name, &[]);
    await_ticks(&rootfs);
    containerd
        .ctr(&["tasks", "kill", "--signal", "KILL", &name])
        .exits(0);
    let recorded = recorder.finish();
    let said = format!("recording {name} of containerd\n");
    recorded.run.exits(0).stderr_has(&said);
    assert_busy(&recorded.recording, "containerd", &name);
    assert_eq!(
        recorded.recording.target.seccomp,
        Some(SeccompState::Filtered)
    );
    // What containerd wrote into the container's bundle; its own client sets no_new_privs.
    let target = &recorded.recording.target;
    assert_eq!(target.no_new_privs, Some(true));
    let container = target.container.as_ref().expect("a container");
    assert_eq!(container.user, None);
    while containerd.ctr(&["tasks", "delete", &name]).code() != 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    containerd.ctr(&["containers", "delete", &name]).exits(0);
    containerd.daemon.signal(libc::SIGTERM);
    let _ = containerd.daemon.finish();
    let _ = fs::remove_dir(Path::new("/run/containerd/runc/house"));
}

/// Where systemd does not run, a cgroup that is called as it would call it.
fn a_unit_is_watched_by_its_name() {
    let unit = format!("house-{}-unit.service", id());
    let cgroup = house_tests::cgroup::Cgroup::new("unit.service");
    let sleeper = Program::new("sh").args(["-c", BUSY]).start();
    cgroup.add(sleeper.pid());
    let record = |unit: &str| {
        let record = product().args(["record", "-o", "/dev/null", "--for", "300ms"]);
        record.args(["--unit", unit]).run()
    };
    let name = unit.trim_end_matches(".service");
    record(name)
        .exits(0)
        .stderr_has(&format!("recording {name}\n"));
    record("house-there-is-none")
        .exits(3)
        .stderr_has("error: no unit `house-there-is-none.service`\n");
    record("../x")
        .exits(2)
        .stderr_has("error: `../x` is no name of a unit\n");
    cgroup.kill();
    let _ = sleeper.finish();
}
