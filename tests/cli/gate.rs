//! `audit` as a gate: what fails it, what is accepted, and how CI systems are told.

use crate::{data, product};
use house_tests::run::{Program, Run};
use house_tests::tests;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 9] = tests![
    the_gate_fails_on_what_it_is_told,
    findings_that_are_accepted_do_not_count,
    an_entry_that_is_over_or_about_nothing_is_told,
    ignore_files_that_cannot_be_used,
    thresholds_that_mean_nothing,
    incomplete_recordings_leave_the_gate_without_an_answer,
    findings_have_the_lines_at_which_they_can_be_mended,
    hostile_names_stay_names,
    containers_that_cannot_be_looked_at,
];

/// A profile with two findings that fail the gate by default, and more that do not.
const PROFILE: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 1,
  "syscalls": [
    {
      "names": ["execve", "exit", "exit_group", "restart_syscall", "rt_sigreturn", "opeen"],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "names": [
        "bpf",
        "io_uring_setup"
      ],
      "action": "SCMP_ACT_ALLOW"
    }
  ]
}
"#;

/// The same without what fails the gate.
const MENDED: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 1,
  "syscalls": [
    {
      "names": ["execve", "exit", "exit_group", "restart_syscall", "rt_sigreturn", "opeen"],
      "action": "SCMP_ACT_ALLOW"
    }
  ]
}
"#;

/// A folder with a profile in it.
fn folder(profile: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("web.json"), profile).expect("a file");
    folder
}

/// `audit web.json` with an ignore file, if there is one.
fn audit(profile: &str, ignores: Option<&str>, words: &str) -> Run {
    let folder = folder(profile);
    let mut program = product()
        .in_directory(folder.path())
        .words("audit web.json --runtime none");
    if let Some(text) = ignores {
        fs::write(folder.path().join("accepted.toml"), text).expect("a file");
        program = program.words("--ignore-file accepted.toml");
    }
    program.words(words).run()
}

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

/// The findings of a JSON report, as `rule call`.
fn findings(run: &Run) -> Vec<String> {
    let report = json(run);
    let findings = report["findings"].as_array().expect("findings");
    let name = |finding: &Value| {
        let name = finding["names"][0].as_str().unwrap_or_default();
        let rule = finding["rule"].as_str().expect("a rule");
        format!("{rule} {name}").trim_end().to_owned()
    };
    findings.iter().map(name).collect()
}

fn the_gate_fails_on_what_it_is_told() {
    for (words, code) in [
        ("", 1),
        ("--fail-on high", 1),
        ("--fail-on beyond-base", 1),
        ("--fail-on would-deny,io-uring-bypass", 1),
        ("--fail-on would-deny --fail-on missing-essential", 0),
        ("--fail-on weak-default", 0),
        ("--fail-on never", 0),
        ("--base none", 1),
        ("--base none --fail-on high", 1),
    ] {
        audit(PROFILE, None, words).exits(code).stderr("");
    }
    for (words, code) in [
        ("", 0),
        ("--fail-on high", 0),
        ("--fail-on medium", 1),
        ("--fail-on unknown-name", 1),
    ] {
        audit(MENDED, None, words).exits(code).stderr("");
    }
    // The form of the report does not matter.
    for format in ["text", "json", "sarif", "github", "junit"] {
        let words = format!("--format {format}");
        audit(PROFILE, None, &words).exits(1).stderr("");
        audit(MENDED, None, &words).exits(0).stderr("");
    }
}

const ACCEPTED: &str = "
[[ignore]]
rule = \"beyond-base\"
call = \"bpf\"
reason = \"the agent loads its own programs\"
expires = 9999-12-31

[[ignore]]
rule = \"io-uring-bypass\"
call = \"io_uring_setup\"
reason = \"the database wants it\"
";

fn findings_that_are_accepted_do_not_count() {
    let run = audit(PROFILE, Some(ACCEPTED), "--format json");
    let report = json(run.exits(0));
    assert_eq!(report["verdict"], "pass");
    let accepted = report["findings"].as_array().expect("findings").iter();
    let accepted = accepted.filter_map(|finding| finding["ignored"].as_str());
    let accepted: Vec<&str> = accepted.collect();
    assert_eq!(
        accepted,
        ["the agent loads its own programs", "the database wants it"]
    );
    // What the entries are not about still counts.
    audit(PROFILE, Some(ACCEPTED), "--fail-on unknown-name").exits(1);
    let one = ACCEPTED.split("\n\n").next().expect("an entry");
    audit(PROFILE, Some(one), "").exits(1);
    let sarif = json(audit(PROFILE, Some(ACCEPTED), "--format sarif").exits(0));
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let suppressed = results
        .iter()
        .filter(|one| one["suppressions"][0]["kind"] == "external");
    assert_eq!(suppressed.count(), 2);
}

fn an_entry_that_is_over_or_about_nothing_is_told() {
    let over = ACCEPTED.replace("9999-12-31", "2000-01-01");
    let run = audit(PROFILE, Some(&over), "--format json");
    let told = findings(run.exits(1));
    assert!(told.contains(&"expired-ignore".to_owned()), "{told:?}");
    audit(PROFILE, Some(&over), "--fail-on expired-ignore").exits(1);

    let run = audit(MENDED, Some(ACCEPTED), "--format json");
    let told = findings(run.exits(0));
    let unused = told.iter().filter(|one| *one == "unused-ignore");
    assert_eq!(unused.count(), 2);
    audit(MENDED, Some(ACCEPTED), "--fail-on unused-ignore").exits(1);
    let run = audit(MENDED, Some(ACCEPTED), "--format github --fail-on never");
    let line = "::notice file=accepted.toml,line=2,col=1,title=unused-ignore::the entry for beyond-base \
                of `bpf` ignores nothing: the agent loads its own programs\n";
    run.exits(0).stdout_has(line);
}

fn ignore_files_that_cannot_be_used() {
    let cases = [
        ("ignore = 3", "line 1 column 10: "),
        (
            "[[ignore]]\nrule = \"beyond-base\"",
            "missing field `reason`",
        ),
        (
            "[[ignore]]\nrule = \"no\\u001b[2J\"\nreason = \"x\"",
            "unknown rule `no\\u{1b}[2J`",
        ),
        (
            "[[ignore]]\nrule = \"beyond-base\"\nreason = \"x\"\nexpires = \"never\"",
            "line 4 column 11: `expires` is no date like 2030-12-31",
        ),
        (
            "[[ignore]]\nrule = \"beyond-base\"\nreason = \"x\"\nline = 3",
            "unknown field `line`",
        ),
    ];
    for (text, expected) in cases {
        let run = audit(PROFILE, Some(text), "");
        run.exits(2).stdout("");
        run.stderr_has("error: cannot use `accepted.toml`\n  cause: ")
            .stderr_has(expected);
        assert!(!run.stderr.contains(&0x1b), "{run}");
    }
    let mistyped = "[[ignore]]\nrule = \"beyond-bsae\"\nreason = \"x\"";
    audit(PROFILE, Some(mistyped), "").exits(2).stderr(
        "error: cannot use `accepted.toml`\n  cause: line 2 column 8: unknown rule `beyond-bsae`\n\
         \nhint: perhaps `beyond-base` is meant\n",
    );
    audit(PROFILE, None, "--ignore-file missing.toml")
        .exits(2)
        .stdout("")
        .stderr(
            "error: cannot read `missing.toml`\n  cause: No such file or directory (os error 2)\n",
        );
}

fn thresholds_that_mean_nothing() {
    audit(PROFILE, None, "--fail-on beyond-bsae").exits(2).stdout("").stderr(
        "error: `beyond-bsae` is no severity and no rule\n\nhint: perhaps `beyond-base` is meant\n",
    );
    audit(PROFILE, None, "--fail-on critical")
        .exits(2)
        .stdout("")
        .stderr("error: `critical` is no severity and no rule\n");
    audit(PROFILE, None, "--engine lxc").exits(2).stdout("");
}

fn incomplete_recordings_leave_the_gate_without_an_answer() {
    let folder = folder(PROFILE);
    let small = fs::read_to_string(data("small.rec.json")).expect("a stored recording");
    let lossy = small.replacen(r#""mapError": 0"#, r#""mapError": 12"#, 1);
    assert_ne!(lossy, small);
    fs::write(folder.path().join("rec.json"), lossy).expect("a file");
    let audit = |words: &str| {
        let program = product().in_directory(folder.path());
        program
            .words("audit web.json --recording rec.json")
            .words(words)
            .run()
    };
    // What is denied for certain is a failure all the same.
    audit("--fail-on would-deny").exits(1);
    let accepted = "[[ignore]]\nrule = \"would-deny\"\nreason = \"not wanted\"\n";
    fs::write(folder.path().join("accepted.toml"), accepted).expect("a file");
    let ignored = "--ignore-file accepted.toml --fail-on";
    audit(&format!("{ignored} would-deny")).exits(4);
    audit(&format!("{ignored} lost-facts")).exits(1);
    audit(&format!("{ignored} weak-default")).exits(0);
    let run = audit(&format!("{ignored} would-deny --format junit"));
    run.exits(4)
        .stdout_has("<error type=\"medium\" message=\"the recordings lack 12 facts\">");
}

fn findings_have_the_lines_at_which_they_can_be_mended() {
    let sarif = json(audit(PROFILE, None, "--format sarif").exits(1));
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let places: Vec<String> = results
        .iter()
        .filter(|result| result["level"] != "note")
        .map(|result| {
            let physical = &result["locations"][0]["physicalLocation"];
            let (uri, region) = (&physical["artifactLocation"]["uri"], &physical["region"]);
            let place = format!("{}:{}:{}", uri, region["startLine"], region["startColumn"]);
            format!("{} {}", result["ruleId"], place).replace('"', "")
        })
        .collect();
    assert_eq!(
        places,
        [
            "beyond-base web.json:11:9",
            "io-uring-bypass web.json:12:9",
            "unknown-name web.json:6:84",
        ]
    );
    // The same bytes each time.
    let again = audit(PROFILE, None, "--format sarif");
    assert_eq!(json(&again), sarif);
}

/// Names that attack a terminal, XML, and the annotations of a workflow.
fn hostile_names_stay_names() {
    let name = "a,b:c%\n::error::x<&\">\u{1b}[2J.json";
    let evil = r#"\u001b[2J\n::error::y]]><z>&quot;"#;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let profile = PROFILE.replace("opeen", evil);
    fs::write(folder.path().join(name), profile).expect("a file");
    for format in ["text", "json", "sarif", "github", "junit"] {
        let program: Program = product().in_directory(folder.path());
        let run = program.args(["audit", name, "--format", format]).run();
        run.exits(1);
        assert!(!run.stdout.contains(&0x1b), "{run}");
        let text = run.stdout_text();
        match format {
            "json" | "sarif" => drop(json(&run)),
            "github" => {
                for line in text.lines() {
                    let kinds = ["error", "warning", "notice"]
                        .map(|kind| format!("::{kind} file=a%2Cb%3Ac%25"));
                    assert!(
                        kinds.iter().any(|kind| line.starts_with(kind.as_str())),
                        "{line}"
                    );
                }
            }
            _ => {}
        }
        assert!(!text.contains("\n::error::"), "{run}");
        assert!(format != "junit" || !text.contains("<z>"), "{run}");
    }
}

fn containers_that_cannot_be_looked_at() {
    let folder = folder(MENDED);
    let audit = |flags: &[&str]| {
        let audit = product().args(["audit", "web.json"]).args(flags);
        audit.in_directory(folder.path()).run()
    };
    audit(&["--watch", "5s"])
        .exits(2)
        .stderr_has("--container <NAME|ID>");
    audit(&["--container", "web", "--watch", "soon"])
        .exits(2)
        .stderr_has("not a positive duration");
}
