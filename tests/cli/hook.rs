//! `hook`: what is said to whoever asks a hook for something that it cannot do.

use crate::product;
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 8] = tests![
    states_that_are_none,
    annotations_that_ask_for_nothing,
    inputs_that_cannot_be_added_to,
    outputs_that_cannot_be_written,
    the_bundle_is_asked_where_the_state_says_nothing,
    a_hook_that_fails_open_complains_and_lets_go,
    paths_may_be_kept_within_a_directory,
    an_installed_hook_is_found_from_everywhere,
];

fn hook(flags: &[&str], state: impl Into<Vec<u8>>) -> Run {
    let program = product().args(["hook", "run"]).args(flags);
    program.stdin(state).run()
}

/// A state with this annotation.
fn asking(annotation: &str) -> String {
    let annotations = format!(r#"{{"io.containers.trace-syscall": "{annotation}"}}"#);
    format!(r#"{{"id": "c1", "pid": 2147483647, "annotations": {annotations}}}"#)
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn states_that_are_none() {
    let form = "it is not in the form of the OCI runtime specification: ";
    let deep = format!(r#"{{"id": "c1", "annotations": {}"#, "[".repeat(100_000));
    let endless = format!(r#"{{"id": "{}"#, "x".repeat(5 << 20));
    let table = [
        (
            "",
            "there is none; a container runtime gives it on standard input".to_owned(),
        ),
        (
            "of:/x.json",
            format!("{form}expected value at line 1 column 1"),
        ),
        (
            r#"{"id": "c1"}"#,
            "`pid` is 0, which is no process".to_owned(),
        ),
        (
            r#"{"id": "c1", "pid": "1"}"#,
            format!("{form}invalid type: string \"1\", expected i32 at line 1 column 23"),
        ),
        (
            &deep,
            format!("{form}invalid type: sequence, expected a map at line 1 column 29"),
        ),
        (&endless, "it has more than 4194304 bytes".to_owned()),
    ];
    for (state, cause) in table {
        let expected = format!("error: cannot use the container's state: {cause}\n");
        hook(&[], state).exits(2).stdout("").stderr(&expected);
    }
}

fn annotations_that_ask_for_nothing() {
    let none = hook(
        &[],
        r#"{"id": "c\u001b1", "pid": 1, "annotations": {"of": "/x"}}"#,
    );
    none.exits(2)
        .stderr("error: container `c\\u{1b}1` has no annotation `io.containers.trace-syscall`\n");
    let hint = "the form is `of:/profile.json`, or `of:/profile.json;if:/input.json`\n";
    for (annotation, cause) in [
        ("of:x.json", "`x.json` in `of:` is not an absolute path"),
        ("of:/x;if:y", "`y` in `if:` is not an absolute path"),
        (
            "if:/x.json",
            "`of:` is missing, which says where the profile goes",
        ),
        ("/x.json", "`/x.json` begins with neither `of:` nor `if:`"),
    ] {
        let said = "error: invalid annotation `io.containers.trace-syscall`";
        let expected = format!("{said}: {cause}; {hint}");
        hook(&[], asking(annotation)).exits(2).stderr(&expected);
    }
}

fn inputs_that_cannot_be_added_to() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("bad.json"), "{}").expect("a file");
    let refused = |name: &str, said: &str| {
        let run = hook(&[], asking(&format!("of:/x.json;if:{}", path(name))));
        run.exits(2).stderr_has(said);
    };
    let missing = format!("error: cannot read `{}`: ", path("missing.json"));
    refused("missing.json", &missing);
    let bad = format!("error: cannot use `{}`: ", path("bad.json"));
    refused("bad.json", &bad);
    let folder = format!("error: `{}` is no regular file\n", path("."));
    refused(".", &folder);
    // A regular file by its looks, which root waits for.
    let run = hook(&[], asking("of:/x.json;if:/proc/kmsg"));
    run.exits(2)
        .stderr("error: `/proc/kmsg` is no regular file\n");
}

/// Where the profile cannot go is said while the container can still be kept from starting, and nobody waits.
fn outputs_that_cannot_be_written() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name).display().to_string();
    Program::new("mkfifo").args([path("pipe")]).run().exits(0);
    let no_file = |path: &str| format!("error: `{path}` is no regular file\n");
    let cannot = |path: &str, why: &str| format!("error: cannot write `{path}`: {why}\n");
    let table = [
        (
            path("pipe"),
            format!("error: nobody reads from the pipe `{}`; ", path("pipe")),
        ),
        ("/dev/null".to_owned(), no_file("/dev/null")),
        (path("."), cannot(&path("."), "is a directory")),
        (
            path("missing/x"),
            cannot(&path("missing/x"), "No such file or directory (os error 2)"),
        ),
        (
            "/proc/self/environ".to_owned(),
            "error: cannot write `/proc/self/environ`: ".to_owned(),
        ),
    ];
    for (output, said) in table {
        let state = asking(&format!("of:{output}"));
        let run = hook(&[], &*state);
        run.exits(2).stdout("").stderr_has(&said);
        let open = hook(&["--fail-open"], &*state);
        open.exits(0).stdout("").stderr_has(&said);
    }
    // The same for recordings that are kept.
    let kept = format!("--recordings={}", path("missing"));
    let state = asking(&format!("of:{}", path("x")));
    let said = format!("error: cannot write `{}`: ", path("missing/c1.json"));
    hook(&[&kept], state).exits(2).stderr_has(&said);
    let left = fs::read_dir(directory.path()).expect("a directory").count();
    assert_eq!(left, 1, "only the pipe");
}

fn the_bundle_is_asked_where_the_state_says_nothing() {
    let bundle = directory();
    let state = format!(
        r#"{{"id": "c1", "pid": 1, "bundle": "{}"}}"#,
        bundle.path().display()
    );
    let config = bundle.path().join("config.json");
    let path = config.display();
    hook(&[], &*state)
        .exits(2)
        .stderr_has(&format!("error: cannot use `{path}`: "));
    fs::write(&config, r#"{"annotations": 1}"#).expect("a file");
    hook(&[], &*state)
        .exits(2)
        .stderr_has(&format!("error: cannot use `{path}`: "));
    fs::write(&config, "{}").expect("a file");
    hook(&[], &*state)
        .exits(2)
        .stderr_has("error: container `c1` has no annotation");
    let text = r#"{"annotations": {"io.containers.trace-syscall": "of:x"}}"#;
    fs::write(&config, text).expect("a file");
    hook(&[], &*state)
        .exits(2)
        .stderr_has("`: `x` in `of:` is not an absolute path; ");
}

fn a_hook_that_fails_open_complains_and_lets_go() {
    let run = hook(&["--fail-open"], asking("of:x.json"));
    run.exits(0)
        .stdout("")
        .stderr_has("error: invalid annotation `io.containers.trace-syscall`: ");
    // The recorder itself: there is no such process, or nobody may record.
    let directory = directory();
    let output = format!("of:{}", directory.path().join("x.json").display());
    let state = asking(&output);
    hook(&[], &*state)
        .exits(3)
        .stderr_has("error: the recorder gave up: ");
    hook(&["--fail-open"], &*state)
        .exits(0)
        .stderr_has("error: the recorder gave up: ");
    let left = fs::read_dir(directory.path()).expect("a directory").count();
    assert_eq!(left, 0);
}

/// Annotations may come from people who must not say where root reads and writes.
fn paths_may_be_kept_within_a_directory() {
    let (inside, outside) = (directory(), directory());
    let (inside, outside) = (inside.path(), outside.path());
    fs::create_dir(inside.join("below")).expect("a directory");
    symlink(outside, inside.join("out")).expect("a link");
    fs::write(outside.join("y"), "").expect("a file");
    symlink(outside.join("y"), inside.join("file")).expect("a link");
    for folder in [inside, outside] {
        let profile = r#"{"defaultAction": "SCMP_ACT_ERRNO"}"#;
        fs::write(folder.join("input"), profile).expect("a file");
    }
    let within = format!("--within={}", inside.display());
    let refused = |annotation: &str, path: &Path| {
        let run = hook(&[&within], asking(annotation));
        let said = format!(
            "error: `{}` is not below `{}`\n",
            path.display(),
            inside.display()
        );
        run.exits(2).stderr(&said);
    };
    let up = inside.join("..").join("x");
    for path in [
        &outside.join("x"),
        &inside.join("out/x"),
        &inside.join("file"),
        &inside.join("missing/x"),
        &up,
    ] {
        refused(&format!("of:{}", path.display()), path);
    }
    let of = format!("of:{}", inside.join("x").display());
    let input = outside.join("input");
    refused(&format!("{of};if:{}", input.display()), &input);
    let link = inside.join("out/input");
    refused(&format!("{of};if:{}", link.display()), &link);
    // What is admitted comes as far as the recorder, which finds no such process.
    let input = inside.join("below/../input");
    for annotation in [&*of, &format!("{of};if:{}", input.display())] {
        let run = hook(&[&within], asking(annotation));
        run.exits(3).stderr_has("error: the recorder gave up: ");
    }
}

/// The words of the hook in the installed file.
fn installed(directory: &Path) -> Vec<String> {
    let text = fs::read_to_string(directory.join("seccomp-tracer.json")).expect("a hook");
    let hook: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(hook["version"], "1.0.0");
    assert_eq!(hook["stages"], serde_json::json!(["prestart"]));
    let program = hook["hook"]["path"].as_str().expect("a path");
    assert!(Path::new(program).is_absolute() && Path::new(program).is_file());
    let words = hook["hook"]["args"].as_array().expect("words").iter();
    let words = words.map(|word| word.as_str().expect("a word").to_owned());
    words.collect()
}

fn an_installed_hook_is_found_from_everywhere() {
    let directory = directory();
    let root = directory.path().canonicalize().expect("a directory");
    let install = |flags: &[&str]| {
        let program = product().in_directory(&root);
        let words = arguments!["hook", "install", "--dir", "new/hooks"];
        program.args(words).args(flags).run()
    };
    let run = install(&[]);
    run.exits(0).stdout("").stderr(
        "wrote new/hooks/seccomp-tracer.json\n\
         next: podman --hooks-dir new/hooks run --annotation \
         io.containers.trace-syscall=of:/tmp/profile.json …\n",
    );
    let words = ["seccomp-tracer", "hook", "run"];
    let plain = [&words[..], &["--base=podman"]].concat();
    assert_eq!(installed(&root.join("new/hooks")), plain);

    // Paths are those of whoever installs it.
    let base = r#"{"defaultAction": "SCMP_ACT_ERRNO"}"#;
    fs::write(root.join("base.json"), base).expect("a file");
    fs::create_dir(root.join("kept")).expect("a directory");
    fs::write(root.join("new/hooks/oci-seccomp-bpf-hook.json"), "{}").expect("a file");
    let flags = "--base base.json --recordings kept --within . --allow-incomplete --fail-open";
    let flags: Vec<&str> = flags.split(' ').collect();
    install(&flags)
        .exits(0)
        .stderr_has("warning: oci-seccomp-bpf-hook.json is there as well");
    let base = format!("--base={}", root.join("base.json").display());
    let kept = format!("--recordings={}", root.join("kept").display());
    let within = format!("--within={}", root.display());
    let options = ["--fail-open", &base, &kept, &within, "--allow-incomplete"];
    let full = [&words[..], &options].concat();
    assert_eq!(installed(&root.join("new/hooks")), full);

    // What is not there is not installed.
    for (flags, said) in [
        (["--base", "missing"], "error: cannot find `missing`\n"),
        (["--base", "kept"], "error: cannot read `"),
        (
            ["--recordings", "missing"],
            "error: cannot find `missing`\n",
        ),
    ] {
        install(&flags).exits(2).stderr_has(said);
        assert_eq!(installed(&root.join("new/hooks")), full);
    }
}
