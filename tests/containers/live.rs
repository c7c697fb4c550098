//! `audit --container`: what the kernel says of a running container's filters, against files.

use crate::product;
use house_tests::docker::{Container, Docker};
use house_tests::image::{Image, Rootfs};
use house_tests::run::Run;
use house_tests::{arguments, tests, witness};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    the_profile_that_was_given_is_the_filter,
    another_file_is_told_by_what_differs,
    of_several_filters_the_strictest_counts,
    a_container_without_a_filter_is_told_so,
    what_is_refused_meanwhile_is_told,
];

/// Files of a test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// A file with that profile.
    fn profile(&self, name: &str, profile: &Value) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, profile.to_string()).expect("a file");
        path
    }
}

/// A profile that refuses these calls and permits the rest.
fn refusing(names: &[&str]) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": 2}],
    })
}

fn image(name: &str) -> Image {
    let applets = ["sh", "sleep", "mount", "true"];
    let rootfs = Rootfs::default().busybox(&applets);
    rootfs.static_program(witness::PATH, "witness").import(name)
}

/// A container that sleeps.
fn sleeper(name: &str, docker: impl FnOnce(Docker) -> Docker) -> (Image, Container) {
    let image = image(name);
    let sleep = Docker::run(&image.name, &["sleep", "1000"]);
    let container = Container::start(name, docker(sleep));
    (image, container)
}

fn audit(profile: &Path, container: &Container, flags: &[&str]) -> Run {
    let audit = product().args(["audit", "--base", "none", "--format", "json"]);
    let audit = audit.args(["--container", &container.name]);
    audit.args(flags).args(arguments![profile]).run()
}

/// What an audit says of a container.
fn live(run: &Run) -> Value {
    let report: Value = serde_json::from_str(&run.stdout_text()).expect("JSON");
    report["live"].clone()
}

/// Each deviation, as call, what the profile says, and what is done.
fn deviations(live: &Value) -> Vec<String> {
    let each = live["deviations"].as_array().expect("a list").iter();
    let answer = |action: &Value| match &action["errno"] {
        Value::Null => action["action"].as_str().expect("a name").to_owned(),
        errno => format!("errno {errno}"),
    };
    each.map(|one| {
        let (abi, name) = (&one["call"]["abi"], &one["call"]["name"]);
        let (profile, installed) = (answer(&one["profile"]), answer(&one["installed"]));
        let [abi, name] = [abi, name].map(|text| text.as_str().unwrap_or_default());
        format!("{abi} {name}: {profile}, {installed}")
    })
    .collect()
}

/// The container goes on as if nothing had been.
fn the_profile_that_was_given_is_the_filter() {
    let files = Files::new();
    let profile = files.profile("given.json", &refusing(&["mount", "keyctl"]));
    let (_image, container) = sleeper("given", |docker| docker.under(&profile));
    for _ in 0..3 {
        let run = audit(
            &profile,
            &container,
            &["--fail-on", "installed-filter,installed-answer"],
        );
        run.exits(0);
        let live = live(&run);
        assert_eq!(live["container"], format!("{} of docker", container.name));
        assert_eq!(live["filters"].as_array().map(Vec::len), Some(1));
        assert_eq!(deviations(&live), [""; 0]);
    }
    let state = container.inspect("{{.State.Status}}");
    assert_eq!(state.as_deref(), Some("running"));
    container.exec(&["true"]).exits(0);
}

fn another_file_is_told_by_what_differs() {
    let files = Files::new();
    let given = files.profile("given.json", &refusing(&["mount", "keyctl"]));
    let other = files.profile("other.json", &refusing(&["mount", "swapon"]));
    let (_image, container) = sleeper("other", |docker| docker.under(&given));
    let run = audit(&other, &container, &[]);
    run.exits(1);
    let expected = [
        "x86_64 swapon: errno 2, SCMP_ACT_ALLOW",
        "x86_64 keyctl: SCMP_ACT_ALLOW, errno 2",
        "i386 swapon: errno 2, SCMP_ACT_ALLOW",
        "i386 keyctl: SCMP_ACT_ALLOW, errno 2",
    ];
    assert_eq!(deviations(&live(&run)), expected, "{run}");
}

/// The program in the container installs one of its own, which answers EPERM where the container's says ENOENT:
/// the newer one's errno is what programs get, and what we say they get.
fn of_several_filters_the_strictest_counts() {
    let files = Files::new();
    let profile = files.profile("given.json", &refusing(&["mount", "getpgrp"]));
    let image = image("several");
    let restless = Docker::run(&image.name, &["/witness", "restless", "1000000"]);
    let container = Container::start("several", restless.under(&profile));
    let run = audit(&profile, &container, &["--watch", "500ms"]);
    run.exits(1);
    let live = live(&run);
    assert_eq!(live["filters"].as_array().map(Vec::len), Some(2), "{run}");
    assert_eq!(deviations(&live), ["x86_64 getpgrp: errno 2, errno 1"]);
    let refused = live["refusals"]["calls"].as_array().expect("a list");
    let refused: Vec<_> = refused
        .iter()
        .map(|one| (&one["call"]["name"], &one["answer"]))
        .collect();
    assert_eq!(refused, [(&json!("getpgrp"), &json!("EPERM"))], "{run}");
}

fn a_container_without_a_filter_is_told_so() {
    let files = Files::new();
    let profile = files.profile("given.json", &refusing(&["mount"]));
    let (_image, container) = sleeper("unfiltered", Docker::unconfined);
    let run = audit(&profile, &container, &[]);
    run.exits(1);
    assert_eq!(live(&run)["filters"], json!([]));
    assert!(
        run.stdout_text()
            .contains("the container has no filter at all"),
        "{run}"
    );
}

fn what_is_refused_meanwhile_is_told() {
    let files = Files::new();
    let profile = files.profile("given.json", &refusing(&["mount"]));
    let image = image("meanwhile");
    let script = "while :; do mount -t tmpfs none /tmp 2> /dev/null; sleep 0.1; done";
    let looping = Docker::run(&image.name, &["/bin/sh", "-c", script]);
    let container = Container::start("meanwhile", looping.under(&profile));
    let run = audit(&profile, &container, &["--watch", "1s"]);
    run.exits(1);
    let refusals = &live(&run)["refusals"];
    assert_eq!(refusals["lost"], 0, "{run}");
    let calls = refusals["calls"].as_array().expect("a list");
    for call in calls {
        assert_eq!(call["call"]["name"], "mount", "{run}");
        assert_eq!(call["answer"], "ENOENT", "{run}");
        // There is no base, and that permits everything.
        assert_eq!(call["permittedBy"], "base", "{run}");
    }
    assert!(!calls.is_empty(), "{run}");
    // Accepted, it fails nothing.
    audit(
        &profile,
        &container,
        &["--watch", "1s", "--fail-on", "installed-filter"],
    )
    .exits(0);
}
