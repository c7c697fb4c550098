//! `docker compose`: every container from its first call, each service by itself.

use crate::concurrent::witness_image_with_shell;
use crate::product;
use house_tests::docker::CONFIG;
use house_tests::facts::{counts_where, named};
use house_tests::image::Image;
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::{self, Recording, TargetKind, WindowEnd, WindowStart};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 7] = tests![
    each_service_of_a_project_is_recorded_from_its_first_call,
    a_service_that_is_run_is_recorded_with_what_it_needs,
    a_project_that_is_started_again_is_recorded,
    what_is_executed_in_a_service_is_recorded,
    a_project_is_hardened_service_by_service,
    a_project_that_cannot_be_recorded_is_refused,
    a_project_may_come_by_standard_input_and_its_exit_code_is_passed_on,
];

/// A project in a folder of its own, taken down when this value goes away.
struct Project {
    folder: TempDir,
    image: Image,
}

impl Project {
    /// Three services: one makes a call that the other does not, one is of a profile.
    fn new() -> Self {
        let image = witness_image_with_shell();
        let folder = tempfile::Builder::new()
            .prefix("house-tests-compose")
            .tempdir()
            .expect("a temporary directory");
        let project = Self { folder, image };
        let service = |line: &str| {
            format!(
                "    image: {}\n    network_mode: none\n    command: [\"/bin/sh\", \"-c\", \"{line}\"]\n",
                project.image.name
            )
        };
        let text = format!(
            "services:\n  web:\n{}    environment: [\"MONEY=a$$b\"]\n    depends_on: [db]\n  db:\n{}  tool:\n{}    profiles: [extra]\n",
            service(&format!(
                "test \\\"$$MONEY\\\" = 'a$$b' && {} nested",
                witness::PATH
            )),
            service("touch /tmp/made; sleep 1"),
            service("cp /bin/busybox /tmp/copy"),
        );
        fs::write(project.path("compose.yaml"), text).expect("a file");
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The product in a folder below that of the project, as Compose finds it.
    fn product(&self, arguments: &[impl AsRef<OsStr>]) -> Run {
        let below = self.path("below");
        fs::create_dir_all(&below).expect("a directory");
        let product = product().env("DOCKER_CONFIG", CONFIG).in_directory(below);
        product.args(arguments).run()
    }

    fn compose(&self, words: &str) -> Run {
        let compose = Program::new("docker").env("DOCKER_CONFIG", CONFIG);
        let compose = compose.args(["compose"]).words(words);
        compose.in_directory(self.folder.path()).run()
    }

    /// The recordings that were written, by service.
    fn recordings(&self, folder: &str) -> Vec<(String, Vec<Recording>)> {
        let folder = fs::read_dir(self.path(folder)).expect("a folder");
        let mut all: Vec<_> = folder
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let text = fs::read_to_string(&path).expect("a file");
                let runs = recording::read(&text).expect("a recording");
                let name = path.file_stem().expect("a name").to_string_lossy();
                (name.into_owned(), runs.recordings())
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.compose("--profile * down --timeout 0 --remove-orphans");
    }
}

/// Complete, from its first call, of a container of Docker's under its default profile.
#[track_caller]
fn assert_whole(recording: &Recording, image: &str) {
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    assert_eq!(recording.target.kind, TargetKind::Container);
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert!(recording.clients().is_empty());
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.image.as_deref(), Some(image));
    assert!(recording.target.capabilities.is_some());
    let seen = counts_where(recording, true);
    assert!(seen.contains_key(&named("execve")), "{seen:?}");
    assert!(!seen.contains_key(&named("pivot_root")), "{seen:?}");
}

fn calls(recordings: &[Recording]) -> BTreeSet<&str> {
    let facts = recordings.iter().flat_map(|one| one.facts.keys());
    facts.filter_map(|key| key.call.name()).collect()
}

fn names(recordings: &[(String, Vec<Recording>)]) -> Vec<(&str, usize)> {
    let names = recordings.iter().map(|(name, all)| (&**name, all.len()));
    names.collect()
}

fn each_service_of_a_project_is_recorded_from_its_first_call() {
    let project = Project::new();
    let folder = project.path("up");
    let words = arguments![
        "record", "-o", folder, "--", "docker", "compose", "up", "--scale", "db=2"
    ];
    let run = project.product(&words);
    run.exits(0)
        .stderr_has("up/db.json: ")
        .stderr_has("up/web.json: ")
        .stderr_has("note: no container of service `tool` was started\n");
    let recordings = project.recordings("up");
    assert_eq!(names(&recordings), [("db", 2), ("web", 1)]);
    for (_, all) in &recordings {
        all.iter()
            .for_each(|one| assert_whole(one, &project.image.name));
    }
    let [(_, db), (_, web)] = &recordings[..] else {
        panic!("two services");
    };
    assert_eq!(counts_where(&web[0], true).get(&named("getegid")), Some(&3));
    assert_eq!(web[0].window.until, WindowEnd::Empty);
    assert!(!calls(db).contains("getegid") && calls(db).contains("clock_nanosleep"));

    // The user's own project is as it was: other containers, below no parent of ours.
    project.compose("up").exits(0);
    let generate = product().args(arguments!["generate", folder.join("web.json")]);
    generate.run().exits(0).stdout_has("\"getegid\"");
}

fn a_service_that_is_run_is_recorded_with_what_it_needs() {
    let project = Project::new();
    let folder = project.path("run");
    let file = project.path("compose.yaml");
    let words = arguments![
        "record",
        "-o",
        folder,
        "--",
        "timeout",
        "100",
        "docker",
        "compose",
        "-f",
        file,
        "run",
        "--rm",
        "-T",
        "web",
        "/bin/sh",
        "-c",
        "touch /tmp/other"
    ];
    project.product(&words).exits(0);
    let recordings = project.recordings("run");
    assert_eq!(names(&recordings), [("db", 1), ("web", 1)]);
    assert!(!calls(&recordings[1].1).contains("getegid"));
    assert!(calls(&recordings[1].1).contains("execve"));
    // Of a service that only a profile has, too.
    let folder = project.path("tool");
    let words = arguments![
        "record", "-q", "-o", folder, "--", "docker", "compose", "run", "-T", "tool"
    ];
    project.product(&words).exits(0).stderr("");
    assert_eq!(names(&project.recordings("tool")), [("tool", 1)]);
}

fn a_project_that_is_started_again_is_recorded() {
    let project = Project::new();
    project.compose("up").exits(0);
    let folder = project.path("start");
    let words = arguments![
        "record", "-o", folder, "--", "docker", "compose", "start", "web"
    ];
    project.product(&words).exits(0);
    let recordings = project.recordings("start");
    assert_eq!(names(&recordings), [("web", 1)]);
    assert_whole(&recordings[0].1[0], &project.image.name);
    assert_eq!(
        counts_where(&recordings[0].1[0], true).get(&named("getegid")),
        Some(&3)
    );
}

fn what_is_executed_in_a_service_is_recorded() {
    let project = Project::new();
    let text = fs::read_to_string(project.path("compose.yaml")).expect("a file");
    fs::write(
        project.path("compose.yaml"),
        text.replace("sleep 1", "sleep 100"),
    )
    .expect("a file");
    project.compose("up --detach db").exits(0);
    let path = project.path("exec.json");
    let words = arguments![
        "record",
        "-o",
        path,
        "--",
        "docker",
        "compose",
        "exec",
        "-T",
        "db",
        witness::PATH,
        "nested"
    ];
    project.product(&words).exits(0);
    let recording = house_tests::facts::read(&path);
    assert_eq!(recording.window.from, WindowStart::Attach);
    assert_eq!(recording.window.until, WindowEnd::Command);
    assert_eq!(
        counts_where(&recording, true).get(&named("getegid")),
        Some(&3)
    );
    assert!(recording.clients().is_empty());
}

fn a_project_is_hardened_service_by_service() {
    let project = Project::new();
    let folder = project.path("hard");
    let words = arguments!["harden", "-o", folder, "--", "docker", "compose", "up"];
    let run = project.product(&words);
    run.exits(0)
        .stderr_has(": nothing is missing\n")
        .stderr_has("service `web`:\nprofile: ")
        .stderr_has("apply all: docker compose -f ");
    let profile = |name: &str| {
        let path = folder.join(format!("{name}.json"));
        fs::read_to_string(path).expect("a profile")
    };
    assert!(profile("web").contains("\"getegid\""));
    assert!(!profile("db").contains("\"getegid\""));

    // Applied, it works, and it is in force.
    let with = format!(
        "-f compose.yaml -f {} up",
        folder.join("compose.seccomp.yaml").display()
    );
    project.compose(&with).exits(0);
    let state = |service: &str| {
        let id = project.compose(&format!("ps --all --quiet {service}"));
        let format = "--format={{.State.ExitCode}} {{.HostConfig.SecurityOpt}}";
        let id = id.stdout_text().trim().to_owned();
        let inspect = Program::new("docker").args(["inspect", format, &id]);
        inspect.run().exits(0).stdout_text()
    };
    for service in ["web", "db"] {
        let state = state(service);
        assert!(state.starts_with("0 [seccomp={"), "{state}");
    }
    let exec = "run -T db /bin/busybox chroot / true";
    let refused = with.replace("up", exec);
    assert_ne!(project.compose(&refused).code(), 0);
}

fn a_project_that_cannot_be_recorded_is_refused() {
    let project = Project::new();
    let path = project.path("compose.yaml");
    let text = fs::read_to_string(&path).expect("a file");
    let refused = |text: String, words: &[&str], code: i32, expected: &str| {
        fs::write(&path, text).expect("a file");
        let folder = project.path("refused");
        let words = words.iter().map(|&word| word.into());
        let words = words.chain(arguments!["-o", folder, "--", "docker", "compose", "up"]);
        let run = project.product(&words.collect::<Vec<_>>());
        run.exits(code).stderr_has(expected);
        assert!(!Path::new(&folder).exists(), "{run}");
    };
    let service = format!("    image: {}\n", project.image.name);
    let runtime = text.replacen(&service, &format!("{service}    runtime: runsc\n"), 1);
    refused(
        runtime,
        &["record"],
        3,
        "runs under `runsc`, which has a kernel of its own",
    );
    refused(
        "services: [".to_owned(),
        &["record"],
        3,
        "error: Compose refused\n",
    );
}

fn a_project_may_come_by_standard_input_and_its_exit_code_is_passed_on() {
    let project = Project::new();
    let file = project.path("compose.yaml");
    let text = fs::read_to_string(&file).expect("a file");
    let text = text.replace("nested", "nested; exit 7");
    let input = project.path("input.yaml");
    fs::write(&input, text).expect("a file");
    let folder = project.path("input");
    let script = "\"$PRODUCT\" record -o \"$FOLDER\" -- \\
        docker compose -f - up --exit-code-from web < \"$INPUT\"";
    let run = Program::new("sh").args(["-c", script]);
    let run = run.env("PRODUCT", house_tests::product!());
    let run = run.env("FOLDER", &folder).env("INPUT", &input);
    let run = run.env("DOCKER_CONFIG", CONFIG);
    run.in_directory(project.folder.path()).run().exits(7);
    let recordings = project.recordings("input");
    assert_eq!(names(&recordings), [("db", 1), ("web", 1)]);
    assert!(calls(&recordings[1].1).contains("getegid"));
}
