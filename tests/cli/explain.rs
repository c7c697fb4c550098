//! `explain`: every word that a report uses, and words that mean nothing.

use crate::product;
use house_tests::run::Run;
use house_tests::tests;
use serde_json::Value;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    every_rule_of_a_report_is_explained,
    calls_and_cves_are_explained,
    words_that_mean_nothing,
];

fn explain(words: &str) -> Run {
    product().words("explain").words(words).run()
}

/// SARIF names all rules that there are.
fn every_rule_of_a_report_is_explained() {
    let profile = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}"#;
    let run = product().words("audit - --format sarif --fail-on never");
    let run = run.stdin(profile).run();
    let report: Value = serde_json::from_slice(&run.exits(0).stdout).expect("a report");
    let rules = report["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .expect("rules");
    assert!(rules.len() > 20, "{}", rules.len());
    for rule in rules {
        let id = rule["id"].as_str().expect("an id");
        let run = explain(id);
        let text = run.exits(0).stderr("").stdout_text();
        for part in [id, "\n  severity ", "\n  what ", "\n  why ", "\n  remedy "] {
            assert!(text.contains(part), "{part}: {run}");
        }
        // Whatever is explained can be gated on.
        let gate = product()
            .args(["audit", "-", "--fail-on", id])
            .stdin(profile)
            .run();
        assert!(gate.stderr.is_empty(), "{gate}");
    }
}

fn calls_and_cves_are_explained() {
    let bpf = explain("bpf");
    bpf.exits(0)
        .stdout_has("bpf: a system call\n")
        .stdout_has("x86_64 321")
        .stdout_has("`docker` refuses it (EPERM) on x86_64, i386, x32\n")
        .stdout_has("gated by      CAP_BPF or CAP_SYS_ADMIN\n");
    explain("bpf --caps docker,bpf")
        .exits(0)
        .stdout_has("`docker` allows it on x86_64");
    let alone = explain("bpf --base none --format json");
    let document: Value = serde_json::from_slice(&alone.exits(0).stdout).expect("a document");
    assert_eq!(document["schemaVersion"], 1);
    assert_eq!(document["call"]["numbers"]["x86_64"], 321);
    assert_eq!(document["call"]["base"], Value::Null);
    explain("CVE-2026-31431")
        .exits(0)
        .stdout_has("socket(AF_ALG) with page references\n");
}

fn words_that_mean_nothing() {
    explain("opeen").exits(2).stdout("").stderr(
        "error: cannot explain `opeen`\n  cause: no rule, call or known CVE has this name\n\
         \nhint: perhaps `open` is meant\n",
    );
    let run = product().args(["explain", "\u{1b}[2J\n"]).run();
    run.exits(2)
        .stdout("")
        .stderr_has("error: cannot explain `\\u{1b}[2J\\u{a}`\n");
    explain("").exits(2).stdout("");
}
