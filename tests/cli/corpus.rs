//! A corpus of profiles in the kinds in which people write them, each with the causes that it must show: every one
//! once, and nothing else above `info`.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::tests;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    every_cause_is_found_once_and_nothing_else,
    a_folder_is_audited_whole_and_in_every_form,
    one_of_several_profiles_is_chosen_by_its_name,
    the_base_passes_against_itself_with_its_own_gap,
];

/// The most findings that somebody reads.
const FINDINGS_MAX: usize = 10;

/// Each file with its findings above `info`, as `severity rule line: names…`.
const CORPUS: &[(&str, &[&str])] = &[
    ("asking-nobody.json", &["high cannot-start 41:"]),
    ("conditional.json", &["low misread-dialect 42:"]),
    ("config-map.yaml", &["high beyond-base 46: mount"]),
    ("config.json", &["high beyond-base 46: syslog"]),
    (
        "deny-list-typo.json",
        &[
            "high weak-default 2: _sysctl acct add_key afs_syscall +70",
            "medium unknown-name 11: setdomainnam",
        ],
    ),
    (
        "deny-list.json",
        &["high weak-default 2: _sysctl acct add_key afs_syscall +70"],
    ),
    (
        "description.json",
        &["low ignored-text 40:", "low ignored-text 41:"],
    ),
    (
        "errno-on-allow.json",
        &["low cannot-start 2:", "medium ignored-text 42:"],
    ),
    ("errno-too-large.json", &["high refused-profile 40:"]),
    (
        "exception-by-default.json",
        &["low redundant-rule 52: setpriority"],
    ),
    (
        "exception-in-vain.json",
        &["medium unreachable-rule 44: setpriority"],
    ),
    (
        "families-by-range.json",
        &["medium truncation-bypass 28: socket"],
    ),
    (
        "keyrings.json",
        &["high beyond-base 40: add_key keyctl request_key"],
    ),
    (
        "logged-by-default.json",
        &["high weak-default 2: _sysctl acct add_key afs_syscall +70"],
    ),
    ("mistyped-names.json", &["high mistyped-key 40:"]),
    (
        "mistyped-rules.json",
        &["high mistyped-key 4: capget capset chdir close +24"],
    ),
    (
        "mounts-and-keyrings.json",
        &[
            "high beyond-base 40: mount umount2",
            "high beyond-base 44: keyctl",
            "high beyond-base 48: acct",
        ],
    ),
    (
        "mounts.json",
        &["high beyond-base 40: mount sethostname setns umount2 +1"],
    ),
    (
        "names-of-nobody.json",
        &["low unknown-name 40: frobnicate_all twiddle_everything"],
    ),
    (
        "names-only.json",
        &["high cannot-start 2: capget capset chdir close +16"],
    ),
    ("near-name.json", &["medium unknown-name 40: pread"]),
    (
        "never-exits.json",
        &["high missing-essential 2: exit exit_group rt_sigreturn"],
    ),
    ("old-form.json", &["low ignored-text 7:"]),
    ("operator.yaml", &["high beyond-base 136: quotactl"]),
    (
        "range-of-two.json",
        &["medium repeated-argument 48: getitimer"],
    ),
    (
        "rings.json",
        &["high io-uring-bypass 40: io_uring_enter io_uring_register io_uring_setup"],
    ),
    ("said-twice.json", &[]),
    ("stray-value.json", &["low ignored-text 47:"]),
    (
        "thirty-two-bits.json",
        &["low multiplexed-call 4: socketcall"],
    ),
    ("threads-refused.json", &["high enosys-needed 35: clone3"]),
    (
        "two-answers.json",
        &["high refused-profile 40: setpriority"],
    ),
    ("two-hosts.json", &[]),
    ("vsock.json", &["high beyond-base 40: socket"]),
    ("web-server.json", &[]),
];

fn audit(words: &[&str]) -> Run {
    product()
        .args(["audit"])
        .args(words)
        .in_directory(data("profiles"))
        .run()
}

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn findings(report: &Value) -> &Vec<Value> {
    report["findings"].as_array().expect("findings")
}

/// The most names that are told of a finding.
const NAMES_MAX: usize = 4;

fn told(report: &Value) -> BTreeSet<String> {
    let findings = findings(report)
        .iter()
        .filter(|one| one["severity"] != "info");
    let told = findings.map(|one| {
        let names = one["names"].as_array().into_iter().flatten();
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        let more = match names.len().saturating_sub(NAMES_MAX) {
            0 => String::new(),
            more => format!(" +{more}"),
        };
        let shown: Vec<&str> = names.into_iter().take(NAMES_MAX).collect();
        let line = &one["place"]["line"];
        let text = format!(
            "{} {} {line}: {}{more}",
            one["severity"],
            one["rule"],
            shown.join(" ")
        );
        text.replace('"', "").trim_end().to_owned()
    });
    let all: Vec<String> = told.collect();
    let set: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "a cause that is told twice: {all:?}");
    set
}

fn every_cause_is_found_once_and_nothing_else() {
    let mut wrong = Vec::new();
    for (file, expected) in CORPUS {
        let run = audit(&[file, "--format", "json"]);
        let report = json(&run);
        let told = told(&report);
        let wanted: BTreeSet<String> = expected.iter().map(|&one| one.to_owned()).collect();
        if told != wanted {
            wrong.push(format!("{file}: {told:?}"));
        }
        let count = findings(&report).len();
        assert!(count <= FINDINGS_MAX, "{file}: {count}");
        // What is high fails the default gate, and what is not does not.
        let is_high = expected.iter().any(|one| one.starts_with("high"));
        assert_eq!(run.code(), i32::from(is_high), "{file}: {run}");
        assert_eq!(
            report["verdict"],
            if is_high { "fail" } else { "pass" },
            "{file}"
        );
    }
    assert_eq!(wrong, [""; 0]);
    // Every file of the folder is in the table.
    let files = fs::read_dir(data("profiles")).expect("a folder");
    assert_eq!(files.count(), CORPUS.len());
    assert!(CORPUS.len() >= 30);
}

fn a_folder_is_audited_whole_and_in_every_form() {
    let run = audit(&[".", "--format", "json"]);
    run.exits(1);
    let report = json(&run);
    let audits = report["audits"].as_array().expect("audits");
    assert_eq!(audits.len(), CORPUS.len());
    for audit in audits {
        let file = audit["subject"]["profile"].as_str().expect("a file");
        let known = CORPUS.iter().find(|(name, _)| file == format!("./{name}"));
        let (_, expected) = known.expect("a known file");
        assert_eq!(told(audit).len(), expected.len(), "{file}");
        // Places name the file.
        let mut places = findings(audit)
            .iter()
            .filter_map(|one| one["place"]["file"].as_str());
        assert!(places.all(|place| place == file), "{file}");
    }
    let sarif = json(audit(&[".", "--format", "sarif"]).exits(1));
    let runs = sarif["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    let results = runs[0]["results"].as_array().expect("results");
    let uri = |one: &Value| {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].to_string()
    };
    let files: BTreeSet<String> = results.iter().map(uri).collect();
    assert!(files.len() > 20, "{files:?}");
    let junit = audit(&[".", "--format", "junit"]);
    let suites = junit.exits(1).stdout_text().matches("<testsuite ").count();
    assert_eq!(suites, CORPUS.len());
    audit(&["web-server.json", "two-hosts.json"]).exits(0);
    audit(&["web-server.json", "mounts.json", "--format", "github"])
        .exits(1)
        .stdout_has("::error file=mounts.json,");
}

fn one_of_several_profiles_is_chosen_by_its_name() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let of = |name: &str, call: &str| {
        format!(
            "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata: {{name: {name}}}\n\
             spec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls: [{{names: [{call}], action: SCMP_ACT_ALLOW}}]\n"
        )
    };
    let text = [of("reader", "read"), of("mounter", "mount")].join("---\n");
    fs::write(folder.path().join("two.yaml"), text).expect("a file");
    fs::write(
        folder.path().join("notes.yaml"),
        "kind: Pod\napiVersion: v1\n",
    )
    .expect("a file");
    let run = |words: &str| product().in_directory(folder.path()).words(words).run();
    let fail = "--fail-on beyond-base";
    run(&format!("audit two.yaml {fail}"))
        .exits(1)
        .stdout_has("`two.yaml`, `reader`,");
    run(&format!("audit two.yaml --name reader {fail}")).exits(0);
    run(&format!("audit two.yaml --name mounter {fail}")).exits(1);
    run("audit two.yaml --name nobody")
        .exits(2)
        .stderr_has("no profile `nobody`");
    run(&format!("audit . {fail}"))
        .exits(1)
        .stderr_has("note: `./notes.yaml` is left out: neither a profile nor a manifest");
    run("diff two.yaml two.yaml")
        .exits(2)
        .stderr_has("2 profiles in one file: `reader`, `mounter`");
}

fn the_base_passes_against_itself_with_its_own_gap() {
    let docker = concat!(env!("CARGO_MANIFEST_DIR"), "/../profiles/docker.json");
    let run = product().args(["audit", docker, "--format", "json"]).run();
    let report = json(run.exits(0));
    assert_eq!(report["verdict"], "pass");
    let told = told(&report);
    let rules: Vec<&str> = told
        .iter()
        .filter_map(|one| one.split(' ').nth(1))
        .collect();
    assert!(rules.contains(&"truncation-bypass"), "{told:?}");
    assert!(!told.iter().any(|one| one.starts_with("high")), "{told:?}");
}
