//! A recorder that dies while an engine starts the container: its client goes on, and so does what is watched.

use crate::product;
use crate::recorder::Recorder;
use house_tests::daemon::Place;
use house_tests::docker::{Docker, container_name};
use house_tests::facts::{self, counts_where, named};
use house_tests::image::Rootfs;
use house_tests::{arguments, product as product_path, tests, witness};
use seccomp_tracer::recording::{Recording, SeccompState, TargetKind, WindowEnd};
use std::fs;
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 1] = tests![a_container_outlives_its_recorder];

fn own_ticks(recording: &Recording) -> u64 {
    let ticks = counts_where(recording, true)[&named("getppid")];
    assert!(ticks >= 150, "{ticks}");
    ticks
}

/// Whether the container is still to be made or runs already.
fn a_container_outlives_its_recorder() {
    let rootfs = Rootfs::default().static_program(witness::PATH, "witness");
    let image = rootfs.import("house-outlives");
    let name = container_name("outlives");
    let docker = Docker::run(&image.name, &["/witness", "ticks", "150"]).with(&["--name", &name]);
    let line = docker.command_line();
    // The runtime makes calls of its own under the filter.
    let undisturbed = own_ticks(&Recorder::docker(&docker).finish().recording);
    for delay_ms in [0, 100, 700] {
        let place = Place::new(product_path!());
        let (records, pins) = (place.path("records"), place.path("bpf/rec"));
        let words = arguments!["record", "--state", records, "--pin", pins];
        let output = place.path("rec.json");
        let record = product().args(&words).args(arguments!["-o", output, "--"]);
        let mut running = record.args(&line).start();
        running.await_stderr("recording ");
        while !running.has_started_children() {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(delay_ms));
        running.signal(libc::SIGKILL);
        // Its client has our end of the pipes, and ends with the container.
        let recovered = product().args(&words).args(["--recover"]).run();
        recovered.exits(0);
        let _ = running.finish();
        assert!(output.exists(), "after {delay_ms} ms: {recovered}");
        let recording = facts::read(&output);
        assert_eq!(own_ticks(&recording), undisturbed, "{recovered}");
        assert_eq!(recording.target.kind, TargetKind::Container);
        let container = recording.target.container.as_ref().expect("a container");
        assert_eq!(container.name.as_ref(), Some(&name), "after {delay_ms} ms");
        assert_eq!(container.image.as_ref(), Some(&image.name));
        assert_eq!(container.id.len(), 64, "after {delay_ms} ms");
        assert_eq!(recording.target.seccomp, Some(SeccompState::EngineDefault));
        assert_eq!(recording.window.until, WindowEnd::Empty);
        assert!(recording.losses.is_complete(), "{:?}", recording.losses);
        let left = fs::read_dir(&records).expect("a folder").count();
        assert_eq!(left, 0, "after {delay_ms} ms");
    }
}
