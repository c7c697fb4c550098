//! Containers without a filter that install one themselves: all that they did counts, from their first call on or from
//! when they were attached to, and they work under the profile. The oracle is the program, which fails where a call
//! of it is refused.

use crate::concurrent::witness_image_with_shell;
use crate::product;
use crate::recorder::{Recorded, Recorder};
use house_tests::cgroup::Cgroup;
use house_tests::docker::{Container, Docker};
use house_tests::facts::{counts, counts_where, named};
use house_tests::image::{Image, Rootfs};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::{Below, Recording, SeccompState};

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    a_container_that_boxes_itself_in_works_under_its_profile,
    a_container_that_boxed_a_child_in_before_it_was_attached_to_counts_whole,
    a_container_that_never_started_makes_no_profile,
    containers_below_a_cgroup_count_each_by_its_own_start,
    of_a_container_that_nobody_knows_everything_counts,
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

/// A cgroup, with a container in it that has no filter and only sleeps.
struct Parent {
    open: Container,
    image: Image,
    cgroup: Cgroup,
}

impl Parent {
    fn new(name: &str) -> Self {
        let cgroup = Cgroup::new(name);
        let image = witness_image_with_shell();
        let open = Self::docker(&cgroup, &image, &["sleep", "1000"]).unconfined();
        Self {
            open: Container::start(name, open),
            image,
            cgroup,
        }
    }

    fn docker(cgroup: &Cgroup, image: &Image, command: &[&str]) -> Docker {
        Docker::run(&image.name, command).with(&["--cgroup-parent", &cgroup.relative()])
    }

    /// Makes a container, under a filter, that is not told from its runtime by what it does: another calls as it does
    /// without one.
    fn work(&self) {
        let command = [witness::PATH, "static"];
        let confined = Self::docker(&self.cgroup, &self.image, &command);
        confined.go().exits(0);
        self.open.exec(&command).exits(0);
    }

    fn end(&self, recorder: Recorder) -> Recorded {
        self.open.order(&["kill"]);
        recorder.finish()
    }
}

/// Only a runtime that makes a container calls it.
fn has_set_up(recording: &Recording) -> bool {
    counts_where(recording, false).contains_key(&named("pivot_root"))
}

fn containers_below_a_cgroup_count_each_by_its_own_start() {
    let parent = Parent::new("below");
    let path = parent.cgroup.path();
    let mut recorder = Recorder::start(&arguments!["--cgroup", path]);
    recorder.running.await_stderr("recording ");
    parent.work();
    let recorded = parent.end(recorder);
    let recording = &recorded.recording;
    let expected = Below {
        confined: 1,
        unconfined: 1,
        unknown: 0,
    };
    assert_eq!(recording.target.below, Some(expected));
    // What the runtime did for the one under a filter is not counted; what both did without and with one is.
    assert!(
        !has_set_up(recording),
        "{:?}",
        counts_where(recording, false)
    );
    for filtered in [false, true] {
        let made = counts_where(recording, filtered);
        let made = ["getppid", "getuid"].map(|name| made.get(&named(name)).copied());
        assert!(made >= [Some(5), Some(7)], "{filtered}: {made:?}");
    }
    // The runtime that executed something in the one without has no boundary, so that all of it counts.
    assert!(counts_where(recording, false).contains_key(&named("execve")));
    assert!(!recording.counts_under_filter_only());
    let profile = recorded.beside("profile.json");
    let generate = product().args(arguments!["generate", recorded.path, "-o", profile]);
    generate.run().exits(0);
    let docker = Docker::run(&parent.image.name, &[witness::PATH, "static"]);
    docker.under(&profile).go().exits(0);
    // No pass as long as anything counts that is refused, and nothing else is held against it.
    let check = product().args(arguments!["check", profile, "--recording", recorded.path]);
    let denied = "would deny 1 recorded fact\n";
    check.run().exits(1).stdout_has(denied).stdout_has("keyctl");
}

fn of_a_container_that_nobody_knows_everything_counts() {
    let parent = Parent::new("unknown");
    let path = parent.cgroup.path();
    // Neither an engine nor a runtime can be asked.
    let deaf = product().env("DOCKER_HOST", "unix:///nonexistent");
    let deaf = deaf.env("PATH", "/nonexistent");
    let mut recorder = Recorder::of(deaf, &arguments!["--cgroup", path]);
    recorder.running.await_stderr("recording ");
    parent.work();
    let recorded = parent.end(recorder);
    let expected = Below {
        unknown: 2,
        ..Below::default()
    };
    assert_eq!(recorded.recording.target.below, Some(expected));
    assert!(has_set_up(&recorded.recording));
    let said = "it is not known whether they start under a filter";
    recorded.run.exits(0).stderr_has(said);
    let check = product().args(arguments!["generate", recorded.path, "-o", "/dev/null"]);
    check.run().exits(0).stderr_has(said);
}
