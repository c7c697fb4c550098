//! Containers whose every call is known: exactly those are recorded, whoever else starts one.

use crate::recorder::{Recorded, Recorder};
use house_tests::docker::{Container, Docker};
use house_tests::facts::{counts, differences};
use house_tests::image::{Image, Rootfs};
use house_tests::load::Load;
use house_tests::tests;
use house_tests::witness::{self, Witness};
use std::collections::BTreeSet;

pub(crate) const TESTS: [(&str, fn()); 2] = tests![
    a_container_is_recorded_call_by_call,
    ten_at_a_time_are_not_mixed_up,
];

/// The witnesses, at the paths that they have here.
fn witness_rootfs() -> Rootfs {
    Rootfs::default()
        .static_program(witness::PATH, witness::PATH)
        .static_program(witness::PATH_32, witness::PATH_32)
}

/// An image with the witnesses alone in it.
pub(crate) fn witness_image() -> Image {
    witness_rootfs().import("witness")
}

/// An image with the witnesses and a shell.
pub(crate) fn witness_image_with_shell() -> Image {
    let applets = ["sh", "cp", "sleep", "test", "touch", "true"];
    witness_rootfs().busybox(&applets).import("witness-shell")
}

/// A witness in a container. Without a filter there is nothing of the runtime that has to be recorded.
fn unconfined(image: &Image, witness: &Witness) -> Docker {
    let command: Vec<&str> = witness.command.iter().map(String::as_str).collect();
    Docker::run(&image.name, &command).unconfined()
}

#[track_caller]
fn assert_same(witness: &Witness, recorded: &Recorded) {
    recorded.run.exits(0);
    let seen = counts(&recorded.recording);
    let differences = differences(("expected", &witness.calls), ("recorded", &seen));
    let what = witness.command.join(" ");
    assert!(differences.is_empty(), "{what}: {differences:#?}");
}

/// From the exec to the end, and neither the engine nor the runtime, whose threads are still there when its
/// leader makes that exec.
fn a_container_is_recorded_call_by_call() {
    let image = witness_image();
    let _load = Load::on_every_core();
    for witness in [
        witness::static_program(),
        witness::exec(),
        witness::threads(),
        witness::program_32(),
    ] {
        let recorder = Recorder::docker(&unconfined(&image, &witness));
        assert_same(&witness, &recorder.finish());
    }
}

fn ten_at_a_time_are_not_mixed_up() {
    let image = witness_image();
    let start = |number: u64| {
        let container = Container::expected(&format!("short-{number}"));
        let witness = witness::ioctls(10 * number);
        let docker = unconfined(&image, &witness).with(&["--name", &container.name]);
        (container, witness, Recorder::docker(&docker))
    };
    let started: Vec<_> = (1..=10).map(start).collect();
    let mut ids = BTreeSet::new();
    for (container, witness, recorder) in started {
        let recorded = recorder.finish();
        assert_same(&witness, &recorded);
        let target = &recorded.recording.target;
        assert!(target.command.contains(&container.name));
        // Whether the engine still knew its name when it was asked is chance; whose it is, is not.
        let known = target.container.as_ref().expect("a container");
        ids.insert(known.id.clone());
        assert!(
            known
                .name
                .as_ref()
                .is_none_or(|name| *name == container.name)
        );
    }
    assert_eq!(ids.len(), 10);
}
