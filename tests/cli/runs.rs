//! Many runs: merging, taking directories and patterns, saying how sure one can be, and explaining a call.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::{arguments, tests};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 8] = tests![
    merging_knows_no_order_and_no_repetition,
    every_verb_takes_files_directories_and_patterns,
    names_that_stand_for_nothing_usable,
    what_does_not_belong_together_is_refused,
    losses_are_carried,
    how_sure_is_said_with_what_it_rests_on,
    a_gate_on_what_is_to_be_expected,
    a_call_is_explained_by_what_was_recorded,
];

/// Names and numbers of calls that only some runs make.
const RARE: [(&str, u32); 4] = [
    ("getpid", 39),
    ("uname", 63),
    ("getcwd", 79),
    ("sysinfo", 99),
];

/// A folder with a day's runs: `day/run-1.json` makes no rare call, `run-2.json` the first one, and so on.
fn day() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(folder.path().join("day")).expect("a directory");
    for number in 1..=4 {
        let rare = &RARE[..number - 1];
        write(
            folder.path(),
            &format!("day/run-{number}.json"),
            &recording(number, rare),
        );
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("a file");
}

/// A recording of `read`, of one value of `socket`, and of these calls.
fn recording(number: usize, rare: &[(&str, u32)]) -> String {
    let mut recording: Value = serde_json::from_str(
        &fs::read_to_string(data("small.rec.json")).expect("a stored recording"),
    )
    .expect("JSON");
    recording["runId"] = format!("run-{number}").into();
    recording["window"]["start"] = format!("2026-01-0{number}T00:00:00.000Z").into();
    let fact = |(name, call): &(&str, u32)| {
        serde_json::json!({"abi": "x86_64", "number": call, "name": name, "filtered": true, "count": number,
            "first": {"atMs": 3, "pid": 42, "program": "ev\u{1b}il"}, "lastMs": 60_000})
    };
    let always = [("read", 0)];
    let facts = recording["facts"].as_array_mut().expect("facts");
    facts.retain(|fact| fact["name"] == "socket");
    // Not the value that every base denies.
    let seen = facts[0]["arguments"]["seen"]
        .as_array_mut()
        .expect("values");
    seen.truncate(1);
    facts[0]["count"] = 1.into();
    facts.extend(always.iter().chain(rare).map(fact));
    recording.to_string()
}

fn run_in(folder: &TempDir, words: &str) -> Run {
    product().in_directory(folder.path()).words(words).run()
}

fn merging_knows_no_order_and_no_repetition() {
    let folder = day();
    let merged = |words: &str| {
        let run = run_in(&folder, &format!("merge {words}"));
        run.exits(0).stdout_text()
    };
    let expected = merged("day");
    for words in [
        "day/run-4.json day/run-2.json day/run-1.json day/run-3.json",
        "day/run-?.json",
        "day day day/run-3.json",
    ] {
        assert_eq!(merged(words), expected, "{words}");
    }
    write(
        folder.path(),
        "part.json",
        &merged("day/run-4.json day/run-2.json"),
    );
    write(
        folder.path(),
        "other.json",
        &merged("day/run-[123].json part.json"),
    );
    assert_eq!(merged("other.json part.json"), expected);
    assert_eq!(merged("part.json other.json other.json"), expected);
    let document: Value = serde_json::from_str(&expected).expect("a recording");
    assert_eq!(document["runs"].as_array().map(Vec::len), Some(4));
    // A result beside what it was made of is taken in again, and changes nothing.
    run_in(&folder, "merge day -o day/all.json")
        .exits(0)
        .stderr_has("wrote day/all.json: 4 runs, 5 calls, 0 lost\n")
        .stderr_has("next: seccomp-tracer generate day/all.json -o profile.json\n");
    assert_eq!(merged("day"), expected);
}

fn every_verb_takes_files_directories_and_patterns() {
    let folder = day();
    run_in(&folder, "merge day -o all.json").exits(0);
    let all = "day/run-1.json day/run-2.json day/run-3.json day/run-4.json";
    let expected = run_in(&folder, &format!("generate {all}"));
    let expected = expected.exits(0).stdout_text();
    for name in ["all.json", "day", "day/*.json", "all.json day"] {
        let run = run_in(&folder, &format!("generate {name}"));
        run.exits(0).stdout(&expected);
    }
    write(folder.path(), "profile.json", &expected);
    for name in ["all.json", "day", "day/run-*"] {
        let check = run_in(
            &folder,
            &format!("check profile.json --recording {name} --format json"),
        );
        let report: Value = serde_json::from_slice(&check.exits(0).stdout).expect("a report");
        assert_eq!(report["recordings"][0]["runs"], 4, "{check}");
        assert_eq!(report["recordings"][0]["name"], name, "{check}");
        let audit = run_in(
            &folder,
            &format!("audit profile.json --recording {name} --fail-on never --format json"),
        );
        let report: Value = serde_json::from_slice(&audit.exits(0).stdout).expect("a report");
        let used = report["evidence"]["used"].as_array().expect("used calls");
        let read = used.iter().find(|one| one["call"]["name"] == "read");
        let counts = read.map(|one| (one["count"].as_u64(), one["runs"].as_u64()));
        assert_eq!(counts, Some((Some(1 + 2 + 3 + 4), Some(4))), "{audit}");
        run_in(&folder, &format!("diff all.json {name}")).exits(0);
    }
    run_in(&folder, "diff day/run-1.json day").exits(1);
}

fn names_that_stand_for_nothing_usable() {
    let folder = day();
    fs::create_dir(folder.path().join("empty")).expect("a directory");
    run_in(&folder, "merge empty").exits(2).stdout("").stderr(
        "error: no recording in `empty`\n\nhint: recordings in a directory are its files that end in .json\n",
    );
    run_in(&folder, "merge no*")
        .exits(2)
        .stdout("")
        .stderr("error: no file is called `no*`, and none matches it\n");
    write(folder.path(), "day/run-3.json", "{");
    run_in(&folder, "merge day -o all.json")
        .exits(2)
        .stdout("")
        .stderr_has("error: cannot use `day/run-3.json`\n  cause: not a recording\n");
    assert!(!folder.path().join("all.json").exists());
}

fn what_does_not_belong_together_is_refused() {
    let folder = day();
    let changed = recording(2, &RARE[..3]);
    write(folder.path(), "changed.json", &changed);
    run_in(&folder, "merge day changed.json").exits(2).stdout("").stderr(
        "error: cannot use `changed.json` with the others\n  \
         cause: run `run-2` is there already, with other content\n\
         \nhint: an id names one run; find out which of the two files was changed, and leave it out\n",
    );
    let foreign =
        recording(9, &[]).replace(r#""architecture":"x86_64""#, r#""architecture":"aarch64""#);
    write(folder.path(), "foreign.json", &foreign);
    run_in(&folder, "merge day foreign.json")
        .exits(2)
        .stdout("")
        .stderr(
            "error: cannot use `foreign.json` with the others\n  \
         cause: runs on `x86_64` and on `aarch64` cannot be put together\n\
         \nhint: make a profile for each architecture\n",
        );
}

fn losses_are_carried() {
    let folder = day();
    let lossy = recording(5, &[]).replace(r#""mapError":0"#, r#""mapError":12"#);
    write(folder.path(), "lossy.json", &lossy);
    run_in(&folder, "merge day lossy.json -o all.json")
        .exits(0)
        .stderr_has(
            "5 runs, 5 calls, 12 lost\nhow sure: nothing can be said, as facts were lost\n",
        );
    run_in(&folder, "generate all.json")
        .exits(4)
        .stdout("")
        .stderr_has("error: `all.json` is incomplete: 12 calls could not be kept\n");
    run_in(&folder, "generate all.json --allow-incomplete").exits(0);
}

/// Runs 1 to 4 make 0 to 3 of the rare calls: one in one run, one in two, one in three. So T = 4, Q1 = 1,
/// Q2 = 1: (1 / 4) * (3 / (3 + 2)) = 0.15.
fn how_sure_is_said_with_what_it_rests_on() {
    let folder = day();
    run_in(&folder, "generate day -o profile.json").exits(0).stderr_has(
        "how sure: 0.15 new calls are to be expected in the next run, with 95 % confidence at most 0.75; 1 of 4 runs \
         did something that no other did (fewer than 10 runs, so the numbers are rough)\n  this holds for runs like these",
    );
    run_in(&folder, "generate day/run-1.json -o one.json").exits(0).stderr_has(
        "how sure: one run says nothing about the next; its last new fact came 0.0 s after its start, and \
         it was watched for 1.2 s\n",
    );
    let audit = "audit profile.json --recording day --fail-on never";
    run_in(&folder, audit)
        .exits(0)
        .stdout_has("\n  done by one run alone\n    `run-4`  getcwd\n")
        .stdout_has("  caution           fewer than 10 runs")
        .stdout_has("not about");
    let json = run_in(&folder, &format!("{audit} --format json"));
    let report: Value = serde_json::from_slice(&json.exits(0).stdout).expect("a report");
    let sure = &report["evidence"]["sureness"];
    assert_eq!(sure["calls"]["expectedNew"], 0.15, "{json}");
    assert_eq!(sure["calls"]["inOneRun"], 1);
    assert_eq!(sure["calls"]["runsWithOwn"], 1);
    assert_eq!(sure["cautions"], serde_json::json!({"fewRuns": 1}));
    assert_eq!(sure["own"][0]["runId"], "run-4");
}

fn a_gate_on_what_is_to_be_expected() {
    let folder = day();
    run_in(&folder, "generate day --max-expected-new 0.76").exits(0);
    run_in(&folder, "generate day --max-expected-new 0.15 -o p.json")
        .exits(4)
        .stdout("")
        .stderr_has(
            "error: up to 0.75 new calls or argument values are to be expected in the next run, with 95 % \
             confidence (estimate 0.15), more than 0.15\n\
             \nhint: record more runs, above all of what only one run did; `seccomp-tracer audit` lists that\n",
        );
    assert!(!folder.path().join("p.json").exists());
    run_in(&folder, "generate day/run-1.json --max-expected-new 5")
        .exits(4)
        .stdout("")
        .stderr_has("error: what to expect of the next run cannot be said\n");
    for bad in ["-1", "NaN", "inf", "few"] {
        let words = arguments!["generate", "day", format!("--max-expected-new={bad}")];
        let program = product().in_directory(folder.path());
        program.args(words).run().exits(2).stdout("");
    }
}

fn a_call_is_explained_by_what_was_recorded() {
    let folder = day();
    run_in(&folder, "generate day/run-1.json -o profile.json").exits(0);
    let words = "explain uname --recording day --profile profile.json";
    let run = run_in(&folder, words);
    run.exits(0)
        .stdout_has("uname: a system call\n")
        .stdout_has("  made          on x86_64, under a filter: 7 times in 2 of 4 runs\n")
        .stdout_has("  when          in the first 5 s and later (2 runs)\n")
        .stdout_has("  first by      `ev\\u{1b}il` (2 runs)\n")
        .stdout_has(
            "  first         0.003 s after the start of run `run-3` at 2026-01-03T00:00:00.000Z",
        )
        .stdout_has(
            "  last          60.000 s after the start of run `run-4` at 2026-01-04T00:00:00.000Z\n",
        )
        .stdout_has("  profile       `profile.json` denies it: EPERM on x86_64\n")
        .stdout_has("  why           allowed by `generate`: observed\n");
    assert!(!run.stdout.contains(&0x1b), "{run}");
    let json = run_in(&folder, &format!("{words} --format json"));
    let report: Value = serde_json::from_slice(&json.exits(0).stdout).expect("a document");
    let made = &report["recorded"]["made"][0];
    assert_eq!(
        (&made["count"], &made["runs"]),
        (&7.into(), &2.into()),
        "{json}"
    );
    assert_eq!(
        report["recorded"]["profile"]["x86_64"]["state"], "blocked",
        "{json}"
    );
    run_in(&folder, "explain bpf --recording day")
        .exits(0)
        .stdout_has("  made          never, in 4 runs\n")
        .stdout_has("  why           not allowed by what `generate` makes of these recordings\n");
    run_in(&folder, "explain beyond-base --recording day")
        .exits(2)
        .stdout("")
        .stderr_has("error: `beyond-base` is no system call, so recordings do not show it\n");
}
