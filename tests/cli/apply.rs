//! `--apply`: how a profile is put to use, on standard output; the profile goes to its file.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::{arguments, tests};
use serde_json::Value;
use std::fs;
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    what_was_asked_for_is_printed_with_the_whole_path,
    without_a_file_there_is_nothing_to_point_to,
    the_values_of_variables_are_not_repeated,
];

fn generate(folder: &Path, flags: &[&str]) -> Run {
    let generate = product().in_directory(folder);
    let generate = generate.args(arguments!["generate", data("small.rec.json")]);
    generate.args(flags).run()
}

fn what_was_asked_for_is_printed_with_the_whole_path() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("web profile.json");
    let flags = ["-o", "web profile.json", "--apply", "docker,kubernetes"];
    let run = generate(folder.path(), &flags);
    let path = path.display();
    run.exits(0)
        .stdout(&format!(
            "docker run --security-opt seccomp='{path}' --cap-drop ALL --cap-add CHOWN --cap-add KILL …\n\n\
             # On every node: install -D -m 644 '{path}' '/var/lib/kubelet/seccomp/profiles/web profile.json'\n\
             securityContext:\n  seccompProfile:\n    type: Localhost\n    \
             localhostProfile: \"profiles/web profile.json\"\n  capabilities:\n    drop: [\"ALL\"]\n    \
             add: [\"CHOWN\", \"KILL\"]\n"
        ))
        .stderr_has("\npresumes: a container started by runc, ");
    // Nothing but what was asked for.
    assert!(!run.stderr_text().contains("apply: "), "{run}");
    let run = generate(folder.path(), &["-o", "web.json"]);
    run.exits(0)
        .stdout("")
        .stderr_has("\napply: docker run --security-opt seccomp=web.json --cap-drop ALL --cap-add CHOWN --cap-add KILL …\n");
}

fn without_a_file_there_is_nothing_to_point_to() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for flags in [
        &["--apply", "podman"][..],
        &["-o", "-", "--apply", "systemd"],
    ] {
        generate(folder.path(), flags).exits(2).stdout("").stderr(
            "error: `--apply` needs a profile that is kept in a file\n\n\
             hint: say with -o where the profile goes\n",
        );
    }
}

/// They may be secrets, and what is printed ends in logs.
fn the_values_of_variables_are_not_repeated() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let text = fs::read_to_string(data("small.rec.json")).expect("a stored recording");
    for engine in ["docker", "podman"] {
        let mut recording: Value = serde_json::from_str(&text).expect("JSON");
        let line = format!("{engine} run --rm -e PASSWORD=hush --env=TOKEN=hush -e MODE web serve");
        recording["target"]["command"] = line.split(' ').collect::<Vec<_>>().into();
        recording["target"]["container"]["engine"] = engine.into();
        let path = folder.path().join("rec.json");
        fs::write(&path, recording.to_string()).expect("a recording");
        let generate = |flags: &[&str]| {
            let generate = product().in_directory(folder.path());
            let generate = generate.args(["generate", "rec.json", "-o", "web.json"]);
            generate.args(flags).run()
        };
        const NOTE: &str = "\nnote: values of environment variables are not repeated; set PASSWORD, TOKEN where you run it\n";
        let line = |profile: &str| {
            format!(
                "{engine} run --security-opt seccomp={profile} --rm -e PASSWORD --env=TOKEN -e MODE web serve\n"
            )
        };
        let said = generate(&[]);
        let apply = format!("\napply: {}", line("web.json"));
        said.exits(0).stderr_has(&apply).stderr_has(NOTE);
        let printed = generate(&["--apply", engine]);
        let profile = folder.path().join("web.json").display().to_string();
        printed.exits(0).stdout(&line(&profile)).stderr_has(NOTE);
        for run in [said, printed] {
            let all = run.stderr_text() + &run.stdout_text();
            assert!(!all.contains("hush"), "{all}");
        }
    }
}
