//! How closely `generate` follows a recording: the levels of argument rules, the places where a profile must
//! hold, and how both are explained.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::tests;
use serde_json::{Value, json};

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    argument_rules_follow_the_level,
    calls_follow_the_place,
    explanations_name_values,
    ways_around_argument_rules_are_named,
    levels_that_there_are_not,
];

fn generate(flags: &[&str]) -> Run {
    product()
        .args(["generate".into(), data("small.rec.json")])
        .args(flags)
        .run()
}

/// The conditions of the only rule for a call.
fn conditions(run: &Run, call: &str) -> Value {
    let profile: Value = serde_json::from_str(&run.stdout_text()).expect("a profile");
    let rules = profile["syscalls"].as_array().expect("rules");
    let named = |rule: &&Value| {
        rule["names"]
            .as_array()
            .is_some_and(|names| names.contains(&call.into()))
    };
    let rules: Vec<&Value> = rules.iter().filter(named).collect();
    assert_eq!(rules.len(), 1, "{rules:?}");
    rules[0]["args"].clone()
}

fn argument_rules_follow_the_level() {
    let masked = |index: u8, mask: u64, value: u64| json!({"index": index, "op": "SCMP_CMP_MASKED_EQ", "value": mask, "valueTwo": value});
    let int = u64::from(u32::MAX);
    let family = masked(0, int, 2);
    let table = [
        ("base", json!([family])),
        (
            "stable",
            json!([family, masked(1, 15, 1), masked(2, int, 6)]),
        ),
        ("all", json!([family, masked(1, 15, 1), masked(2, int, 6)])),
    ];
    for (level, expected) in table {
        let run = generate(&["--args", level, "--portability", "exact"]);
        run.exits(0).stderr_has(
            "left out: socket with AF_VSOCK, SOCK_STREAM, 0: Docker's default does not permit it",
        );
        assert_eq!(conditions(&run, "socket"), expected, "{level}");
    }
}

fn calls_follow_the_place() {
    for (place, calls) in [("exact", 17), ("kernel", 48), ("libc", 61)] {
        generate(&["--portability", place])
            .exits(0)
            .stderr_has(&format!("profile: {calls} x86_64 calls"));
    }
}

fn explanations_name_values() {
    let run = generate(&["--explain", "--base", "none"]);
    run.exits(0)
        .stderr_has("only with AF_INET, SOCK_STREAM, IPPROTO_TCP | AF_VSOCK, SOCK_STREAM, 0  (observed)\n")
        .stderr_has(
            "and with AF_INET6, SOCK_STREAM, IPPROTO_TCP  (with more values: names resolve to addresses of \
             either version of IP, as the network has it)\n",
        )
        .stderr_has("only with PR_SET_PDEATHSIG | PR_GET_PDEATHSIG")
        .stderr_has("clone3  refused with ENOSYS, so that programs fall back");
}

/// A 32-bit program that makes its sockets by `socketcall` hides their families.
fn ways_around_argument_rules_are_named() {
    let text = std::fs::read_to_string(data("small.rec.json")).expect("a stored recording");
    let mut recording: Value = serde_json::from_str(&text).expect("JSON");
    let facts = recording["facts"].as_array_mut().expect("facts");
    facts.push(json!({
        "abi": "i386",
        "number": 102,
        "filtered": true,
        "count": 1,
        "lastMs": 3,
        "arguments": {"indexes": [0], "unbounded": false, "seen": [{"values": [1], "count": 1}]},
    }));
    let run = product()
        .args(["generate", "-"])
        .stdin(recording.to_string())
        .run();
    run.exits(0).stderr_has(
        "note: 32-bit programs can go around the argument rules of socket by socketcall, which hides \
         arguments from filters",
    );
}

fn levels_that_there_are_not() {
    let run = generate(&["--args", "some"]);
    run.exits(2)
        .stderr_has("invalid value 'some' for '--args <LEVEL>'");
}
