//! Containers without a filter that install one themselves: all that they did counts, from their first call on or from
//! when they were attached to, and they work under the profile. The oracle is the program, which fails where a call
//! of it is refused.

use crate::product;
use crate::recorder::{Recorded, Recorder};
use house_tests::docker::{Container, Docker};
use house_tests::facts::{counts, named};
use house_tests::image::{Image, Rootfs};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::SeccompState;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    a_container_that_boxes_itself_in_works_under_its_profile,
    a_container_that_boxed_a_child_in_before_it_was_attached_to_counts_whole,
    a_container_that_never_started_makes_no_profile,
];

fn image(name: &str) -> Image {
    let rootfs = Rootfs::default().static_program(witness::PATH, "bin/witness");
    rootfs.import(name)
}

fn works_under_its_profile(docker: &Docker, recorded: &Recorded) {
    let profile = recorded.beside("profile.json");
    let generate = product().args(arguments!["generate", recorded.path, "-o", profile]);
    generate.run().exits(0);
    docker.clone().under(&profile).go().exits(0);
    let check = product().args(arguments!["check", profile, "--recording", recorded.path]);
    check.run().exits(0).stdout_has("pass: ");
}

fn a_container_that_boxes_itself_in_works_under_its_profile() {
    let image = image("boxed");
    for mode in [&["boxed"][..], &["boxed-child", "2"]] {
        let docker = Docker::run(&image.name, &[&["/bin/witness"], mode].concat());
        let recorded = Recorder::docker(&docker.clone().unconfined()).finish();
        recorded.run.exits(0);
        let target = &recorded.recording.target;
        assert_eq!(target.filtered_at_start, Some(false));
        assert!(recorded.recording.facts.keys().any(|key| key.filtered));
        works_under_its_profile(&docker, &recorded);
        // Under Docker's filter the one of its own is only another.
        let recorded = Recorder::docker(&docker).finish();
        assert_eq!(recorded.recording.target.filtered_at_start, Some(true));
        works_under_its_profile(&docker, &recorded);
    }
}

fn a_container_that_boxed_a_child_in_before_it_was_attached_to_counts_whole() {
    let image = image("boxed-before");
    let docker = Docker::run(&image.name, &["/bin/witness", "boxed-child", "800"]);
    for (name, docker, filtered) in [
        ("boxed-open", docker.clone().unconfined(), false),
        ("boxed-confined", docker, true),
    ] {
        let container = Container::start(name, docker);
        let recorded = Recorder::attach(&container.name, &[]).finish();
        recorded.run.exits(0);
        let target = &recorded.recording.target;
        let expected = match filtered {
            true => SeccompState::EngineDefault,
            false => SeccompState::Unconfined,
        };
        assert_eq!(target.seccomp, Some(expected));
        assert_eq!(target.filtered_at_start, Some(filtered));
        assert_eq!(recorded.recording.counts_under_filter_only(), filtered);
        let made = counts(&recorded.recording);
        for name in ["getuid", "getppid", "sysinfo"] {
            assert!(made.contains_key(&named(name)), "{name}: {made:?}");
        }
    }
}

fn a_container_that_never_started_makes_no_profile() {
    let image = image("never");
    let docker = Docker::run(&image.name, &["/bin/nosuchprogram"]);
    let recorded = Recorder::docker(&docker).finish();
    recorded.run.exits(127).stderr_has("it never started");
    let profile = recorded.beside("profile.json");
    let generate = product().args(arguments!["generate", recorded.path, "-o", profile]);
    let run = generate.run();
    run.exits(4).stderr_has("it never started");
    let harden = product().args(arguments!["harden", "-o", profile, "--"]);
    let run = harden.args(docker.command_line()).run();
    run.exits(127)
        .stderr_has("error: nothing was proved: it never started\n");
    assert!(!profile.exists());
}
