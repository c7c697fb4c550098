//! `watch` with real containers: what an untouched one is answered is no failure, and a profile is tried on one that
//! runs without it.

use crate::product;
use crate::workloads::{nginx_rootfs, python};
use house_tests::arguments;
use house_tests::docker::{Container, Docker};
use house_tests::image::Rootfs;
use house_tests::tests;
use std::fs;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    an_untouched_container_that_starts_threads_passes,
    a_profile_that_complains_enforces_nothing_but_the_base,
    a_profile_is_tried_on_a_server_that_runs_without_it,
];

/// glibc asks for `clone3` first, and the default says that there is none.
fn an_untouched_container_that_starts_threads_passes() {
    let workload = python();
    let watch = || product().args(["watch", "-q"]);
    let run = watch()
        .args(["--"])
        .args(workload.docker().command_line())
        .run();
    run.exits(0)
        .stdout_has("answered with ENOSYS, by design: clone3: `python3.11` (pid ")
        .stdout_has("pass: nothing was refused but what Docker's default answers by design\n");
    // One that is meant stays one, beside it.
    let script = "import threading, socket\n\
                  threading.Thread(target=int).start()\n\
                  try: socket.sethostname('other')\n\
                  except OSError: pass\n";
    let line = Docker::run(&workload.image.name, &["/usr/bin/python3.11", "-c", script]);
    let run = watch()
        .args(["--format", "json", "--"])
        .args(line.command_line())
        .run();
    run.exits(1)
        .stdout_has(r#""name":"sethostname","answer":"errno","errno":1,"#);
    run.stdout_has(r#""refused":1,"byDesign":1"#);
}

/// What was not recorded works and is logged, if the base permits it; what the base refuses stays refused.
fn a_profile_that_complains_enforces_nothing_but_the_base() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| folder.path().join(name);
    let image = Rootfs::default()
        .busybox(&["sh", "mkdir", "mount", "true"])
        .import("complain");
    let docker = |script: &str| Docker::run(&image.name, &["/bin/sh", "-c", script]);
    let tests = docker("true").command_line();
    let record = product()
        .args(["record", "-q", "-o"])
        .args([path("tests.json")]);
    record.args(["--"]).args(tests).run().exits(0);
    let generate = |flags: &[&str], output: &str| {
        let generate = product().args(["generate"]).args([path("tests.json")]);
        let generate = generate.args(flags).args(["-o"]).args([path(output)]);
        let run = generate.run();
        run.exits(0);
        run
    };
    generate(&[], "profile.json");
    generate(&["--complain"], "complain.json")
        .stderr_has("complains: nothing of this is enforced: what else Docker's default permits is let through and logged");
    let script = "mkdir /made && echo made; mount -t tmpfs none /made 2> /dev/null || echo refused";
    let staging = docker(script);
    // The real one would not have let it.
    let enforced = staging.clone().under(&path("profile.json")).go();
    assert!(!enforced.stdout_text().contains("made"), "{enforced}");
    let watch = |profile: &str, docker: Docker| {
        let watch = product()
            .args(["watch", "-q", "--profile"])
            .args([path(profile)]);
        watch.args(["--"]).args(docker.command_line()).run()
    };
    let complaining = staging.clone().under(&path("complain.json"));
    let run = watch("complain.json", complaining);
    run.exits(1)
        .stderr_has("made\nrefused\n")
        .stdout_has("would be logged: mkdir: `mkdir` (pid ");
    let text = run.stdout_text();
    assert!(!text.contains("logged: mount"), "never made: {run}");
    // Without it, the same is foreseen of the real one.
    let run = watch("profile.json", staging);
    run.exits(1)
        .stdout_has("would be refused with EPERM: mkdir: `mkdir` (pid ");
}

/// Nothing is enforced: the server answers what the profile would refuse, and that is said by name.
fn a_profile_is_tried_on_a_server_that_runs_without_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| folder.path().join(name);
    let image = nginx_rootfs().import("shadow");
    let serve = "nginx -c /etc/nginx.conf; while :; do sleep 1; done";
    let docker = Docker::run(&image.name, &["/bin/sh", "-c", serve]);
    let container = Container::start("shadow", docker);
    let get = |path: &str| {
        let url = format!("http://127.0.0.1:8080/{path}");
        container.await_success(&["wget", "-q", "-O", "/dev/null", &url]);
    };
    get("");
    let profile = path("profile.json");
    let names = ["read", "write", "epoll_wait", "accept4", "nanosleep"];
    let rule = serde_json::json!({"names": names, "action": "SCMP_ACT_ALLOW"});
    let text = serde_json::json!({"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [rule]});
    fs::write(&profile, text.to_string()).expect("a file");
    let watch = product().args(["watch", "--for", "60s", "--profile"]);
    let watch = watch.args(arguments![profile, "-o", path("staging.json")]);
    let mut watch = watch.args(["--container", &container.name]).start();
    watch.await_stderr("recording ");
    get("");
    watch.await_stdout("would be refused with EPERM: recvfrom: `nginx` (pid ");
    watch.signal(libc::SIGINT);
    let run = watch.finish();
    run.exits(1);
    let check = product().args(["check"]).args([&profile]);
    let check = check
        .args(arguments!["--recording", path("staging.json")])
        .run();
    check.exits(1);
    assert!(
        run.stdout_text().ends_with(&check.stdout_text()),
        "{run}\n{check}"
    );
}
