//! Workloads that come together, files that are no recordings, and runs that say nothing.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::tests;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    workloads_are_put_together_only_when_that_is_asked_for,
    runs_of_one_workload_may_differ,
    there_is_one_profile_for_each_group,
    what_is_no_recording_is_left_out_of_a_directory,
    runs_that_say_nothing_make_no_profile,
    runs_that_say_nothing_do_not_open_the_gate,
];

/// A folder of recordings, by name what is changed of a target.
fn folder(targets: &[(&str, Value)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let text = fs::read_to_string(data("small.rec.json")).expect("a stored recording");
    for (name, target) in targets {
        let mut recording: Value = serde_json::from_str(&text).expect("JSON");
        recording["runId"] = (*name).into();
        // What every base permits.
        let facts = recording["facts"].as_array_mut().expect("facts");
        facts.retain(|fact| fact["name"] != "socket");
        for (key, value) in target.as_object().expect("an object") {
            recording["target"][key] = value.clone();
        }
        let path = folder.path().join(format!("{name}.json"));
        fs::write(path, recording.to_string()).expect("a file");
    }
    folder
}

fn of_image(image: &str, name: &str) -> Value {
    json!({"container": {"id": name, "name": name, "image": image, "runtime": "runc"}})
}

fn run_in(folder: &TempDir, words: &str) -> Run {
    product().in_directory(folder.path()).words(words).run()
}

fn workloads_are_put_together_only_when_that_is_asked_for() {
    let nginx = ("nginx", of_image("nginx:1", "web"));
    let pause = ("pause", of_image("pause:3", "pod"));
    let folder = folder(&[nginx, pause]);
    run_in(&folder, "generate . -o p.out").exits(2).stdout("").stderr(
        "error: the recordings are of 2 workloads: `nginx`, `pause`\n\
         \nhint: `--by image -o DIR` (or container, command) writes a profile for each; `--union` makes one for all\n",
    );
    assert!(!folder.path().join("p.out").exists());
    // Merged before, they are still two.
    run_in(&folder, "merge . -o all.rec").exits(0);
    run_in(&folder, "generate all.rec").exits(2).stdout("");
    run_in(&folder, "generate all.rec --union -o p.out").exits(0);
}

fn runs_of_one_workload_may_differ() {
    let command =
        |words: [&str; 3]| json!({"kind": "command", "command": words, "container": null});
    let versions = folder(&[
        ("a", of_image("r:5000/web:1.2", "web-1")),
        ("b", of_image("r:5000/web:1.3", "web-2")),
    ]);
    let arguments = folder(&[
        ("a", command(["ls", "-l", "/a"])),
        ("b", command(["/bin/ls", "-R", "/b"])),
    ]);
    for folder in [versions, arguments] {
        run_in(&folder, "generate .").exits(0);
    }
}

fn there_is_one_profile_for_each_group() {
    let folder = folder(&[
        ("one", of_image("nginx:1", "web-1")),
        ("two", of_image("nginx:2", "web-2")),
        ("three", of_image("a/pause", "web-2")),
    ]);
    let made = |by: &str| {
        let run = run_in(&folder, &format!("generate . --by {by} -o {by}"));
        run.exits(0).stdout("");
        let entries = fs::read_dir(folder.path().join(by)).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let names = entries.map(|entry| name(entry).to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(made("image"), "a_pause.json nginx_1.json nginx_2.json");
    assert_eq!(made("container"), "web-1.json web-2.json");
    // Each is the one that its recordings give alone.
    let alone = run_in(&folder, "generate one.json").exits(0).stdout_text();
    let path = folder.path().join("image/nginx_1.json");
    assert_eq!(fs::read_to_string(path).expect("a profile"), alone);
    run_in(&folder, "generate . --by image")
        .exits(2)
        .stderr_has("needs a directory");
}

fn what_is_no_recording_is_left_out_of_a_directory() {
    let folder = folder(&[("one", json!({}))]);
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a file");
    };
    write("package.json", "{\"name\": \"web\"}");
    write("notes.json", "not even JSON");
    run_in(&folder, "generate .")
        .exits(0)
        .stderr_has("note: `./package.json` is no recording and is left out\n")
        .stderr_has("note: `./notes.json` is no recording and is left out\n");
    // Asked for by name, it is an error; and so is a recording that was cut off or is of a later version.
    run_in(&folder, "generate package.json").exits(2).stdout("");
    for broken in [
        "{\"schemaVersion\": 2, \"programs\": [",
        "{\"schemaVersion\": 3, \"facts\": []}",
    ] {
        write("broken.json", broken);
        run_in(&folder, "generate .")
            .exits(2)
            .stderr_has("broken.json");
    }
}

fn runs_that_say_nothing_make_no_profile() {
    let failed = json!({"exitCode": 3});
    let never = json!({"capabilities": null});
    for (target, why) in [
        (failed, "its command failed with exit code 3"),
        (never, "it never started"),
    ] {
        let folder = folder(&[("one", target)]);
        run_in(&folder, "merge one.json -o all.rec").exits(0);
        for name in ["one.json", "all.rec"] {
            run_in(&folder, &format!("generate {name} -o p.out"))
                .exits(4)
                .stdout("")
                .stderr_has(&format!(
                    "error: no run shows what the target does: {why}\n"
                ));
            assert!(!folder.path().join("p.out").exists());
            run_in(&folder, &format!("generate {name} --allow-incomplete")).exits(0);
        }
    }
}

fn runs_that_say_nothing_do_not_open_the_gate() {
    let real = ["a", "b", "c"].map(|name| (name, json!({})));
    let names: Vec<String> = (0..53).map(|number| format!("never-{number}")).collect();
    let never = names
        .iter()
        .map(|name| (name.as_str(), json!({"capabilities": null})));
    let folder = folder(&real.into_iter().chain(never).collect::<Vec<_>>());
    run_in(&folder, "generate . --max-expected-new 0.5")
        .exits(4)
        .stderr_has("note: 53 of 56 runs never started, did nothing or failed");
    run_in(&folder, "generate .")
        .exits(0)
        .stderr_has("how sure: none of 3 runs");
}
