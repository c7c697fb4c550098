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

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    fifty_containers_are_complete_and_none_is_mixed_up,
    only_what_is_wanted_is_kept,
    quick_ones_have_their_name_and_image,
    a_container_is_who_its_engine_says_and_not_what_it_is_called,
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
        let container = recording.target.container.as_ref();
        let container = container.expect(name);
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

/// Gone before anybody could ask about them.
fn quick_ones_have_their_name_and_image() {
    const MANY: usize = 200;
    const AT_ONCE: usize = 8;
    let image = witness_image();
    let place = Place::new(product!());
    let parent = Cgroup::new("quick");
    let _daemon = place.start(&["--below", &parent.relative()]);
    let names: Vec<String> = (0..MANY)
        .map(|number| container_name(&format!("quick{number}")))
        .collect();
    for names in names.chunks(AT_ONCE) {
        let running = names.iter().map(|name| {
            let witness = witness::ioctls(1);
            start(&parent, &image.name, &witness, &["--name", name])
        });
        let running: Vec<Running> = running.collect();
        for running in running {
            running.finish().exits(0);
        }
    }
    let recordings = place.await_end();
    let found: BTreeSet<&str> = recordings.iter().map(|(name, _)| &**name).collect();
    let unnamed = names.iter().filter(|name| !found.contains(&***name));
    assert_eq!(unnamed.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(recordings.len(), MANY);
    for (name, recording) in &recordings {
        let container = recording.target.container.as_ref().expect("a container");
        assert_eq!(container.name.as_ref(), Some(name));
        assert_eq!(container.image.as_ref(), Some(&image.name));
        assert_eq!(recording.target.kind, TargetKind::Container);
    }
}

/// A cgroup with the name of a container's, made by somebody else.
fn a_container_is_who_its_engine_says_and_not_what_it_is_called() {
    let image = witness_image();
    let place = Place::new(product!());
    let (theirs, parent) = (Cgroup::new("theirs"), Cgroup::new("imitated"));
    let flags = ["--below", &theirs.relative(), "--below", &parent.relative()];
    let daemon = place.start(&[&flags[..], &["--from", "exec"]].concat());
    let name = container_name("imitated");
    let ticks = witness::ticks(400);
    let running = start(&theirs, &image.name, &ticks, &["--name", &name]);
    let child_of = |parent: &Cgroup| {
        let children = std::fs::read_dir(parent.path())
            .expect("a cgroup")
            .flatten();
        let mut children = children.filter(|entry| entry.path().is_dir());
        children
            .next()
            .map(|entry| entry.file_name().into_string().expect("text"))
    };
    let id = loop {
        match child_of(&theirs) {
            Some(id) if place.targets().iter().any(|target| target.name == name) => break id,
            _ => thread::sleep(Duration::from_millis(10)),
        }
    };
    let imitation = parent.child(&id);
    imitation
        .command(&[witness::PATH, "ticks", "50"])
        .run()
        .exits(0);
    running.finish().exits(0);
    let recordings = place.await_end();
    let of = |wanted: &str| {
        let mut found = recordings.iter().filter(|(name, _)| name == wanted);
        let (_, recording) = found.next().expect("a recording");
        (recording.target.kind, recording.target.container.is_some())
    };
    assert_eq!(recordings.len(), 2);
    assert_eq!(of(&name), (TargetKind::Container, true));
    assert_eq!(of(&id), (TargetKind::Cgroup, false));
    drop(daemon);
}
