//! The daemon with a real engine: each container by itself, and only those that are wanted.

use crate::concurrent::witness_image;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::docker::{Docker, container_name};
use house_tests::facts::{counts, named, tuples};
use house_tests::run::{Program, Running};
use house_tests::witness::{self, Witness};
use house_tests::{product, tests};
use seccomp_tracer::recording::{TargetKind, WindowEnd, WindowStart};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 2] = tests![
    fifty_containers_are_complete_and_none_is_mixed_up,
    only_what_is_wanted_is_kept,
];

/// A witness in a container below that cgroup.
fn start(parent: &Cgroup, image: &str, witness: &Witness, options: &[&str]) -> Running {
    let command: Vec<&str> = witness.command.iter().map(String::as_str).collect();
    let docker = Docker::run(image, &command).unconfined();
    let docker = docker.with(&["--cgroup-parent", &parent.relative()]);
    let line = docker.with(options).command_line();
    Program::new(&line[0]).args(&line[1..]).start()
}

fn fifty_containers_are_complete_and_none_is_mixed_up() {
    const MANY: u64 = 50;
    let image = witness_image();
    let place = Place::new(product!());
    let parent = Cgroup::new("fifty-containers");
    let _daemon = place.start(&["--below", &parent.relative()]);
    let witnesses = (1..=MANY).map(witness::ioctls);
    let running = witnesses.map(|witness| start(&parent, &image.name, &witness, &[]));
    let running: Vec<Running> = running.collect();
    for running in running {
        running.finish().exits(0);
    }
    let recordings = place.await_end();
    let (mut numbers, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (name, recording) in &recordings {
        let (requests, exact) = tuples(recording, named("ioctl")).expect("tracked");
        let number = requests.len() as u64;
        assert!(exact && recording.losses.is_complete(), "{name}");
        assert_eq!(counts(recording), witness::ioctls(number).calls, "{name}");
        assert_eq!(recording.window.from, WindowStart::Exec);
        assert_eq!(recording.window.until, WindowEnd::Empty);
        assert_eq!(recording.target.kind, TargetKind::Container);
        let container = recording.target.container.as_ref().expect("a container");
        ids.insert(container.id.clone());
        numbers.insert(number);
    }
    assert_eq!(numbers, (1..=MANY).collect());
    assert_eq!((ids.len(), recordings.len()), (50, 50));
}

fn only_what_is_wanted_is_kept() {
    let image = witness_image();
    let place = Place::new(product!());
    let parent = Cgroup::new("wanted");
    let flags = ["--below", &parent.relative(), "--label", "record=yes"];
    let _daemon = place.start(&flags);
    let (wanted, other) = (container_name("wanted"), container_name("other"));
    let witness = witness::ticks(400);
    let run = |name: &str, label: &str| {
        start(
            &parent,
            &image.name,
            &witness,
            &["--name", name, "--label", label],
        )
    };
    let running = [run(&wanted, "record=yes"), run(&other, "record=no")];
    let names = || -> Vec<String> {
        place
            .targets()
            .into_iter()
            .map(|target| target.name)
            .collect()
    };
    while names() != [&wanted[..]] {
        thread::sleep(Duration::from_millis(20));
    }
    for running in running {
        running.finish().exits(0);
    }
    let recordings = place.await_end();
    let [(name, recording)] = &recordings[..] else {
        panic!("{} recordings", recordings.len());
    };
    assert_eq!(*name, wanted);
    assert_eq!(counts(recording), witness.calls);
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.name.as_deref(), Some(&wanted[..]));
    assert_eq!(container.image.as_deref(), Some(&image.name[..]));
}
