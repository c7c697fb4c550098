//! `--apply`: how a profile is put to use, on standard output; the profile goes to its file.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::{arguments, tests};
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 2] = tests![
    what_was_asked_for_is_printed_with_the_whole_path,
    without_a_file_there_is_nothing_to_point_to,
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
