//! How closely `generate` follows a recording: the levels of argument rules, the places where a profile must
//! hold, and how both are explained.

use crate::{data, product};
use house_tests::run::Run;
use house_tests::tests;
use serde_json::{Value, json};

pub(crate) const TESTS: [(&str, fn()); 10] = tests![
    argument_rules_follow_the_level,
    what_is_written_at_any_level_and_place_can_be_read,
    calls_follow_the_place,
    explanations_name_values,
    explanations_follow_the_place,
    ways_around_argument_rules_are_named,
    more_than_was_seen_is_named,
    bases_that_cannot_be_written_down,
    levels_that_there_are_not,
    help_says_what_levels_and_places_are,
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

fn what_is_written_at_any_level_and_place_can_be_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Values of `socket` that nobody knows, so that it is permitted as the base permits it, with its ranges.
    let facts = json!([fact("x86_64", 41, &[], &[])]);
    let recorded = directory.path().join("recording.json");
    std::fs::write(&recorded, recording("one", &facts)).expect("a file");
    let profile = directory.path().join("profile.json");
    // Without values, it is not known whether they would be denied; but the profile is read.
    for level in ["none", "base", "stable", "all"] {
        for place in ["exact", "kernel", "libc"] {
            product()
                .args(["generate", "--args", level, "--portability", place, "-o"])
                .args([&profile, &recorded])
                .run()
                .exits(0);
            product()
                .args([
                    "check".as_ref(),
                    profile.as_os_str(),
                    "--recording".as_ref(),
                ])
                .args([&recorded])
                .run()
                .exits(4);
        }
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

fn explanations_follow_the_place() {
    for (place, expected) in [
        (
            "exact",
            "not allowed by what `generate` makes of these recordings",
        ),
        (
            "kernel",
            "allowed by `generate`: answered without a call by the vDSO",
        ),
    ] {
        let words = ["explain", "clock_gettime", "--portability", place];
        let run = product()
            .args(words)
            .args(["--recording".into(), data("small.rec.json")])
            .run();
        run.exits(0).stdout_has(expected);
    }
}

/// The stored recording with these facts in place of its own, as the run of that name.
fn recording(name: &str, facts: &Value) -> String {
    let text = std::fs::read_to_string(data("small.rec.json")).expect("a stored recording");
    let mut recording: Value = serde_json::from_str(&text).expect("JSON");
    recording["runId"] = name.into();
    recording["facts"] = facts.clone();
    recording.to_string()
}

fn fact(abi: &str, number: u32, indexes: &[u8], values: &[u64]) -> Value {
    let mut fact = json!({"abi": abi, "number": number, "filtered": true, "count": 1, "lastMs": 3});
    if !indexes.is_empty() {
        let seen = json!([{"values": values, "count": 1}]);
        fact["arguments"] = json!({"indexes": indexes, "unbounded": false, "seen": seen});
    }
    fact
}

/// A 32-bit program that makes its sockets by `socketcall` hides their families.
fn ways_around_argument_rules_are_named() {
    let facts = json!([
        fact("x86_64", 41, &[0, 1, 2], &[2, 1, 6]),
        fact("i386", 102, &[0], &[1]),
    ]);
    let run = product()
        .args(["generate", "-"])
        .stdin(recording("one", &facts))
        .run();
    run.exits(0).stderr_has(
        "note: 32-bit programs can go around the argument rules of socket by socketcall, which hides \
         arguments from filters",
    );
}

/// Of the closest rules for these, libseccomp up to 2.6.1 makes a filter that lets more through.
fn more_than_was_seen_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let seen: [(&[u8], &[u64]); 3] = [
        (&[0, 1], &[0, 5]),
        (&[0, 1, 2], &[4, 3, 2]),
        (&[0, 1, 2], &[0, 1, 1]),
    ];
    for (name, (indexes, values)) in ["a", "b", "c"].iter().zip(seen) {
        let facts = json!([
            // Without it, nobody needs `socketcall`, which is then shut and misread by nobody.
            fact("i386", 102, &[0], &[5]),
            fact("x86_64", 41, indexes, values),
        ]);
        let file = directory.path().join(format!("{name}.json"));
        std::fs::write(file, recording(name, &facts)).expect("a file");
    }
    let run = product()
        .args([
            "generate",
            "--base",
            "none",
            "--portability",
            "exact",
            "--explain",
        ])
        .args([directory.path()])
        .run();
    run.exits(0)
        .stderr_has(
            "note: socket is permitted with more values than were seen, as libseccomp makes another filter of \
             closer rules: i386:socketcall(0x1, 0x3, 0x1, 0x0, 0x0, 0x0) would get ",
        )
        .stderr_has("libseccomp makes another filter of closer rules\n")
        .stderr_has("only with AF_UNSPEC, SOCK_STREAM | AF_UNSPEC, SOCK_SEQPACKET | AF_IPX, SOCK_RAW  (observed)\n");
}

fn bases_that_cannot_be_written_down() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = directory.path().join("base.json");
    let rules: Vec<Value> = (1..60u64)
        .map(|step| {
            let below = json!({"index": 1, "op": "SCMP_CMP_LT", "value": step * 77});
            let above = json!({"index": 2, "op": "SCMP_CMP_GE", "value": step * 1001});
            json!({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": [below, above]})
        })
        .collect();
    let text = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}).to_string();
    std::fs::write(&base, text).expect("a file");
    let run = product()
        .args(["generate", "-", "--base"])
        .args([&base])
        .stdin(recording("one", &json!([fact("x86_64", 165, &[], &[])])))
        .run();
    run.exits(2)
        .stderr_has(
            "error: what the base permits of `mount` takes more rules than a filter can hold",
        )
        .stderr_has("hint: write the base's rules for it with fewer ranges");
    assert_eq!(run.stdout_text(), "");
}

fn levels_that_there_are_not() {
    let run = generate(&["--args", "some"]);
    run.exits(2)
        .stderr_has("invalid value 'some' for '--args <LEVEL>'")
        .stderr_has("[possible values: none, base, stable, all]");
    let run = generate(&["--portability", "everywhere"]);
    run.exits(2)
        .stderr_has("invalid value 'everywhere' for '--portability <WHERE>'")
        .stderr_has("[possible values: exact, kernel, libc]");
}

fn help_says_what_levels_and_places_are() {
    let run = product().args(["generate", "--help"]).run();
    run.exits(0);
    let said = run.stdout_text();
    let mut rest = said.as_str();
    for part in [
        "--args <LEVEL>",
        "- none:",
        "- base:",
        "- stable:",
        "- all:",
        "[default: stable]",
        "--portability <WHERE>",
        "- exact:",
        "- kernel:",
        "- libc:",
        "[default: kernel]",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part}: {said}"));
        rest = &rest[at + part.len()..];
    }
}
