//! Help: it always works, and touches nothing.

use crate::product;
use house_tests::run::Program;
use house_tests::{arguments, tests};

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    every_verb_explains_itself,
    help_touches_nothing,
    without_a_verb_the_verbs_are_shown,
    words_that_mean_nothing_are_refused,
];

/// The verbs, all of them.
const VERBS: [&str; 17] = [
    "record",
    "watch",
    "merge",
    "generate",
    "audit",
    "check",
    "diff",
    "convert",
    "explain",
    "run",
    "harden",
    "hook",
    "daemon",
    "ps",
    "doctor",
    "completions",
    "man",
];

fn every_verb_explains_itself() {
    let general = product().args(["--help"]).run();
    let text = general.exits(0).stderr("").stdout_text();
    for verb in VERBS {
        assert!(text.contains(&format!("\n  {verb} ")), "{verb}: {general}");
        let run = product().args([verb, "--help"]).run();
        let text = run.exits(0).stderr("").stdout_text();
        let usage = format!("\nUsage: seccomp-tracer {verb}");
        assert!(text.contains(&usage), "{run}");
        // The first line says what the verb does.
        assert!(
            text.lines().next().is_some_and(|line| line.len() > 10),
            "{run}"
        );
    }
    let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    let mut listed: Vec<&str> = listed
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let mut known = VERBS.to_vec();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known, "every verb is tested here");
}

/// No file is made or changed, nothing is connected to, no kernel object is made.
fn help_touches_nothing() {
    let calls = "bpf,socket,connect,mkdir,mkdirat,creat,unlink,unlinkat,rename,renameat2,\
                 perf_event_open,fork,vfork,ptrace,mount,unshare";
    for verb in VERBS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let trace = directory.path().join("trace");
        let filter = format!("trace={calls}");
        let command = arguments![
            "-f",
            "-e",
            "signal=none",
            "-e",
            filter,
            "-o",
            trace,
            house_tests::product!(),
            verb,
            "--help"
        ];
        Program::new("strace").args(command).run().exits(0);
        let seen = std::fs::read_to_string(&trace).expect("a trace");
        let calls: Vec<&str> = seen.lines().filter(|line| !line.contains("+++")).collect();
        assert_eq!(calls, Vec::<&str>::new(), "{verb}");
    }
}

fn without_a_verb_the_verbs_are_shown() {
    let run = product().run();
    run.exits(2).stdout("").stderr_has("\nCommands:\n");
}

fn words_that_mean_nothing_are_refused() {
    for words in [
        "nonsense",
        "generate",
        "generate --nonsense x.json",
        "merge",
        "generate --max-expected-new many x.json",
        "explain bpf --profile x.json",
        "generate --runtime lxc x.json",
        "audit",
        "audit --format xml x.json",
        "audit --engine lxc x.json",
        "audit --image-root / x.json",
        "audit --pid 0",
        "audit --pid 1 --image-root /",
        "audit --program /bin/sh --pid 1",
        "explain",
        "check x.json",
        "diff a.json",
        "convert a.json",
        "convert --to xml a.json",
        "doctor --format xml",
        "completions klingon",
        "run -- true",
        "hook nonsense",
        "hook run --nonsense",
        "hook record",
        "record",
        "record --pid notanumber",
        "record --for soon -- true",
        "record --pid 1 --container x",
        "record --container x -- true",
        "watch",
        "watch --pid 1 -- true",
        "watch --format xml -- true",
        "harden",
        "harden --rounds 0 -- true",
        "harden --allow nonsense -- true",
        "harden -o - --apply docker -- true",
        "harden -- docker compose start",
        "harden -- docker start x",
        "watch -- docker compose up",
        "harden -- docker run --name kept x",
        "harden -- docker run --security-opt seccomp=unconfined x",
        "generate --apply lxc x.json",
        "generate --apply docker x.json",
        "generate --runtime none --apply docker -o p.json x.json",
        "generate --start nonsense x.json",
    ] {
        let run = product().words(words).run();
        run.exits(2).stdout("").stderr_has("error: ");
    }
}
