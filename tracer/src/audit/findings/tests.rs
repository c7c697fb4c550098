//! Decision tables for findings, and the laws that they keep.

mod causes;

use super::*;
use crate::audit::Recorded;
use crate::audit::evidence::{Question, evidence};
use crate::audit::exploits;
use crate::audit::testing::{recording, tracked, untracked};
use crate::audit::{self, Base};
use crate::profile::{KernelVersion, base, read};
use crate::syscall::{Abi, capability};
use proptest::prelude::*;
use std::sync::LazyLock;

fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

static DOCKER: LazyLock<Base> =
    LazyLock::new(|| Base::new(base::docker().clone(), circumstances()));

/// What is found in a profile, with Docker's default as base or with none, and with a recording or without.
fn examine(source: &Source, engine: Option<Engine>, with: &str) -> Vec<Finding> {
    let circumstances = circumstances();
    let profile = source.resolve(&circumstances);
    let meaning = Meaning::of(&profile, circumstances.host);
    let beyond = match with {
        "base" => audit::beyond(&meaning, &DOCKER),
        _ => Vec::new(),
    };
    let question = Question {
        profile: &profile,
        meaning: &meaning,
        base: None,
    };
    let facts = vec![
        ("read", true, untracked(1)),
        ("mount", true, untracked(2)),
        ("socket", true, tracked(&[0, 1, 2], &[(&[2, 1, 0], 1)])),
    ];
    let recorded = Recorded::of([("r".to_owned(), recording("r", facts))]).unwrap();
    let evidence = (with == "recording").then(|| evidence(&question, &recorded));
    let exposure = exploits::exposure(&meaning, &DOCKER.meaning, &circumstances);
    let examined = Examined {
        source,
        circumstances: &circumstances,
        profile: &profile,
        meaning: &meaning,
        engine,
        runtime: None,
        exposure: &exposure,
        base: (with == "base").then_some(&DOCKER.meaning),
        starting: &Starting::none(),
    };
    with_parts(&examined, &beyond, &[], evidence.as_ref(), None)
}

/// As `id severity line name…`, without what every small profile has.
fn told(findings: &[Finding], rules: &[&str]) -> Vec<String> {
    let wanted = findings
        .iter()
        .filter(|one| rules.contains(&one.rule().id()));
    wanted
        .map(|finding| {
            let line = finding.place.map_or(0, |place| place.position.line);
            let names: Vec<String> = finding.matter.names().into_iter().collect();
            let text = format!(
                "{} {} {line} {}",
                finding.rule().id(),
                finding.severity,
                names.join(" ")
            );
            text.trim_end().to_owned()
        })
        .collect()
}

/// A profile whose lines are its rules, from line 2 on; its default is EPERM.
fn source(rules: &[&str]) -> Source {
    let text = format!(
        "{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1, \"syscalls\": [\n{}\n]}}",
        rules.join(",\n")
    );
    read::profile(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn rule(names: &str, action: &str, more: &str) -> String {
    let names: Vec<String> = names.split(' ').map(|name| format!("{name:?}")).collect();
    let names = names.join(",");
    format!(r#"{{"names": [{names}], "action": "SCMP_ACT_{action}"{more}}}"#)
}

fn allow(names: &str) -> String {
    rule(names, "ALLOW", "")
}

fn equals(index: u8, value: u64) -> String {
    format!(r#"{{"index": {index}, "value": {value}, "op": "SCMP_CMP_EQ"}}"#)
}

fn args(conditions: &[String]) -> String {
    format!(r#", "args": [{}]"#, conditions.join(","))
}

const FLOOR: &str = "execve exit exit_group restart_syscall rt_sigreturn";

#[test]
fn what_is_permitted_and_should_not_be() {
    let uring = allow("io_uring_setup");
    let greater = rule(
        "socket",
        "ALLOW",
        r#", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]"#,
    );
    let low = rule(
        "personality",
        "ALLOW",
        r#", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_GE"}]"#,
    );
    let named = [
        "beyond-base",
        "truncation-bypass",
        "truncated-argument",
        "io-uring-bypass",
        "weak-default",
    ];
    let table: [(&[&str], &str, &[&str]); 5] = [
        (
            &[&uring],
            "base",
            &[
                "beyond-base high 2 io_uring_setup",
                "io-uring-bypass high 2 io_uring_setup",
            ],
        ),
        (
            &[&uring],
            "none",
            &["io-uring-bypass high 2 io_uring_setup"],
        ),
        (
            &["{\"names\": [], \"action\": \"SCMP_ACT_ALLOW\"}", &greater],
            "base",
            &["truncation-bypass medium 3 socket"],
        ),
        (&[&greater], "none", &["truncated-argument medium 2 socket"]),
        // Beyond the base in the filter's view, so nothing more is said of it.
        (&[&low], "base", &["beyond-base high 2 personality"]),
    ];
    for (rules, with, expected) in table {
        let found = examine(&source(rules), None, with);
        assert_eq!(told(&found, &named), expected, "{rules:?}");
    }
    for (action, severity) in [("ALLOW", "high"), ("LOG", "high"), ("NOTIFY", "medium")] {
        let text = format!(r#"{{"defaultAction": "SCMP_ACT_{action}", "listenerPath": "/l"}}"#);
        if let Ok(source) = read::profile(&text) {
            let found = examine(&source, None, "none");
            let expected = [format!("weak-default {severity} 1")];
            assert_eq!(told(&found, &["weak-default"]), expected, "{action}");
        }
    }
}

#[test]
fn a_multiplexer_reaches_what_is_refused_or_restricted() {
    let text = |rules: &str| {
        format!(
            "{{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\"architectures\": [\"SCMP_ARCH_X86_64\", \
             \"SCMP_ARCH_X86\"],\n\"syscalls\": [{rules}]}}"
        )
    };
    let found = |rules: &str| {
        let source = read::profile(&text(rules)).unwrap();
        let found = examine(&source, None, "none");
        let found = found.into_iter().find_map(|one| match one.matter {
            Matter::Multiplexed { call, names } => Some((call.to_string(), names)),
            _ => None,
        });
        found.map(|(call, names)| format!("{call}: {}", Vec::from_iter(names).join(" ")))
    };
    let inet = rule("socket", "ALLOW", &args(&[equals(0, 2)]));
    let closed = rule("socketcall", "ERRNO", r#", "errnoRet": 38"#);
    let table = [
        (inet.clone(), Some("i386:socketcall: socket")),
        (allow("socket"), None),
        (format!("{inet}, {closed}"), None),
        (
            allow("ipc"),
            Some(
                "i386:ipc: msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget",
            ),
        ),
        (allow("semop"), None),
    ];
    for (rules, expected) in table {
        assert_eq!(found(&rules).as_deref(), expected, "{rules}");
    }
}

#[test]
fn what_every_program_needs_is_missed() {
    let rules = ["missing-essential", "enosys-needed"];
    let found = |written: &[&str]| told(&examine(&source(written), None, "none"), &rules);
    assert_eq!(
        found(&[&allow("read")]),
        [
            "missing-essential high 1 exit",
            "missing-essential high 1 exit_group",
            "missing-essential high 1 rt_sigreturn",
            "missing-essential medium 1 restart_syscall",
            "missing-essential high 1 execve",
        ]
    );
    let floor = allow(FLOOR);
    assert_eq!(found(&[&floor]), [""; 0]);
    let enosys = rule("clone3 statx", "ERRNO", r#", "errnoRet": 38"#);
    let eperm = rule("clone3", "ERRNO", r#", "errnoRet": 13"#);
    assert_eq!(
        found(&[&floor, &allow("clone newfstatat"), &enosys]),
        [""; 0]
    );
    assert_eq!(
        found(&[&floor, &allow("clone newfstatat"), &eperm]),
        [
            "enosys-needed medium 1 statx",
            "enosys-needed high 4 clone3"
        ]
    );
}

#[test]
fn rules_that_do_not_do_what_they_seem_to() {
    let named = [
        "unknown-name",
        "repeated-argument",
        "unreachable-rule",
        "shadowed-rule",
        "redundant-rule",
        "duplicate-rule",
        "ignored-text",
    ];
    let below = r#"{"index": 0, "value": 0, "op": "SCMP_CMP_LT"}"#.to_owned();
    let (two, three) = (args(&[equals(0, 2)]), args(&[equals(0, 3)]));
    let table: [(&[String], &[&str]); 13] = [
        (&[allow("read write")], &[]),
        (
            &[allow("opeen swapcontext zzzzzzzz")],
            &["unknown-name medium 2 opeen", "unknown-name low 2 zzzzzzzz"],
        ),
        (
            &[rule(
                "socket",
                "ALLOW",
                &args(&[equals(0, 2), equals(0, 3)]),
            )],
            &["repeated-argument medium 2 socket"],
        ),
        (
            &[rule("kcmp acct", "ERRNO", "")],
            &["redundant-rule info 2 acct kcmp"],
        ),
        (
            &[rule("socket", "ERRNO", &two)],
            &["redundant-rule low 2 socket"],
        ),
        (
            &[allow("read"), rule("read", "KILL", "")],
            &["unreachable-rule medium 3 read"],
        ),
        (
            &[rule("socket", "ALLOW", &two), rule("socket", "KILL", "")],
            &["unreachable-rule medium 2 socket"],
        ),
        (
            &[
                rule("socket", "ALLOW", &two),
                rule("socket", "KILL", &args(&[equals(0, 2), equals(1, 1)])),
            ],
            &["unreachable-rule medium 3 socket"],
        ),
        (
            &[
                rule("socket", "ALLOW", &args(&[equals(0, 2)])),
                rule("socket", "KILL", &args(&[equals(1, 1)])),
            ],
            &["shadowed-rule low 2 socket"],
        ),
        (
            &[allow("read"), allow("read write")],
            &["duplicate-rule info 3 read"],
        ),
        (
            &[rule("socket", "ALLOW", &two), allow("socket")],
            &["duplicate-rule info 2 socket"],
        ),
        (
            &[
                rule("socket", "ALLOW", &two),
                rule("socket", "ALLOW", &three),
            ],
            &[],
        ),
        (
            &[rule("socket", "ALLOW", &args(&[below]))],
            &["unreachable-rule medium 2 socket"],
        ),
    ];
    for (rules, expected) in table {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let found = examine(&source(&rules), None, "none");
        assert_eq!(told(&found, &named), expected, "{rules:?}");
    }
    let unknown_key = r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "nmaes": []}"#;
    let found = examine(&source(&[unknown_key]), None, "none");
    assert_eq!(told(&found, &named), ["ignored-text low 2"]);
}

#[test]
fn an_engine_that_ignores_conditions_is_told_with_an_example() {
    let conditional =
        r#"{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}"#;
    let kernel =
        r#"{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.5"}}"#;
    let harmless =
        r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}"#;
    let misread = |rule: &str, engine| {
        let found = examine(&source(&[rule]), engine, "none");
        told(&found, &["misread-dialect"])
    };
    use Engine::{Containerd, Crio, Docker, Podman};
    let table = [
        (conditional, None, vec!["misread-dialect low 2"]),
        (
            conditional,
            Some(Containerd),
            vec!["misread-dialect high 2"],
        ),
        (conditional, Some(Docker), vec![]),
        (conditional, Some(Podman), vec![]),
        (kernel, Some(Podman), vec!["misread-dialect high 2"]),
        (kernel, Some(Crio), vec!["misread-dialect high 2"]),
        (kernel, None, vec!["misread-dialect low 2"; 2]),
        (harmless, None, vec![]),
    ];
    for (rule, engine, expected) in table {
        assert_eq!(misread(rule, engine), expected, "{rule} {engine:?}");
    }
    let found = examine(&source(&[conditional]), Some(Containerd), "none");
    let found = found.into_iter().find_map(|one| match one.matter {
        Matter::Misread(reading) => Some(reading),
        _ => None,
    });
    let bpf = Call::named(Abi::X86_64, "bpf").unwrap();
    assert_eq!(
        found,
        Some(Misreading {
            engine: Containerd,
            is_asked_for: true,
            more: Some((1, bpf, [0; 6])),
            less: None,
            dropped: vec![],
        })
    );
}

#[test]
fn recordings_and_exploits_become_findings() {
    let floor = allow(FLOOR);
    let rules = [
        allow("read write"),
        rule("socket", "ALLOW", &args(&[equals(0, 2)])),
        rule("socket", "ALLOW", &args(&[equals(0, 10)])),
    ];
    let rules: Vec<&str> = std::iter::once(floor.as_str())
        .chain(rules.iter().map(String::as_str))
        .collect();
    let found = examine(&source(&rules), None, "recording");
    let named = [
        "would-deny",
        "unused-value",
        "unused-call",
        "exploited-call",
    ];
    assert_eq!(
        told(&found, &named),
        [
            "exploited-call info 4 socket",
            "exploited-call info 4 socket",
            "would-deny high 1 mount",
            "unused-call info 0 execve exit exit_group restart_syscall rt_sigreturn write",
            "unused-value info 5 socket",
        ]
    );
    let bpf = examine(&source(&[&allow("bpf")]), None, "none");
    assert_eq!(
        told(&bpf, &["exploited-call"]),
        ["exploited-call high 2 bpf"]
    );
}

#[test]
fn the_bases_have_the_flaws_that_they_are_known_for() {
    let named = [
        "beyond-base",
        "truncation-bypass",
        "truncated-argument",
        "multiplexed-call",
        "io-uring-bypass",
        "weak-default",
        "unknown-name",
        "repeated-argument",
        "unreachable-rule",
        "shadowed-rule",
        "redundant-rule",
        "missing-essential",
        "enosys-needed",
    ];
    let found = examine(base::docker(), None, "base");
    let found: Vec<String> = told(&found, &named)
        .iter()
        .map(|one| {
            one.split(' ')
                .filter(|word| word.parse::<u32>().is_err())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        found,
        [
            "truncation-bypass medium socket",
            "multiplexed-call low socketcall"
        ]
    );
    // Podman's has `setns` among what is allowed and, later, among what is refused.
    let found = examine(base::podman(), None, "none");
    let unreachable = found
        .iter()
        .filter(|one| one.rule() == RuleId::UnreachableRule);
    let names: Vec<_> = unreachable.flat_map(|one| one.matter.names()).collect();
    assert_eq!(names, ["setns"]);
}

/// A rule of a small world: calls, actions and conditions that meet often.
fn small_rule() -> impl Strategy<Value = String> {
    let names = prop::sample::subsequence(vec!["socket", "read", "connect"], 1..3);
    let actions = prop::sample::select(vec!["ALLOW", "KILL", "TRAP"]);
    let operators = prop::sample::select(vec!["EQ", "NE", "LT", "GE"]);
    let condition = (operators, 0..2u64, 0..3u64).prop_map(|(operator, index, value)| {
        format!(r#"{{"index": {index}, "value": {value}, "op": "SCMP_CMP_{operator}"}}"#)
    });
    (names, actions, prop::collection::vec(condition, 0..3))
        .prop_map(|(names, action, conditions)| rule(&names.join(" "), action, &args(&conditions)))
}

/// What is told to have no effect can be taken out, and of what can be taken out it is told why.
fn have_no_effect(rules: &[&str]) -> Result<(), TestCaseError> {
    let mut source = source(rules);
    source.architectures = vec!["SCMP_ARCH_X86_64".to_owned(), "SCMP_ARCH_X86".to_owned()];
    let circumstances = circumstances();
    let meaning = |source: &Source| Meaning::of(&source.resolve(&circumstances), Abi::X86_64);
    let whole = meaning(&source);
    let profile = source.resolve(&circumstances);
    let examined = Examined {
        source: &source,
        circumstances: &circumstances,
        profile: &profile,
        meaning: &whole,
        engine: None,
        runtime: None,
        exposure: &[],
        base: None,
        starting: &Starting::none(),
    };
    let found = written::findings(&examined);
    let calls: Vec<Call> = ["socket", "read", "connect", "socketcall"]
        .into_iter()
        .flat_map(|name| [Abi::X86_64, Abi::I386].map(|abi| Call::named(abi, name)))
        .flatten()
        .collect();
    for (at, rule) in source.rules.iter().enumerate() {
        for index in 0..rule.names.len() {
            let mut without = source.clone();
            without.rules[at].names.remove(index);
            let less = meaning(&without);
            let is_same = calls
                .iter()
                .all(|&call| less.verdicts(call) == whole.verdicts(call));
            let place = rule.name_position(index);
            let here = found
                .iter()
                .filter(|one| one.place.map(|place| place.position) == place);
            let here: Vec<RuleId> = here.map(Finding::rule).collect();
            // A rule that never decides may still order others, by how libseccomp tests them.
            let idle = here.contains(&RuleId::DuplicateRule);
            prop_assert!(!idle || is_same, "{here:?} at {place:?} of {rules:?}");
            // Of two that say the same, the later one is told.
            let other = found.iter().any(|one| {
                one.rule() == RuleId::DuplicateRule
                    && one.matter.names().contains(&rule.names[index])
            });
            let is_told = !here.is_empty() || other;
            prop_assert!(!is_same || is_told, "nothing at {place:?} of {rules:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_said_to_have_no_effect_has_none(rules in prop::collection::vec(small_rule(), 1..5)) {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        have_no_effect(&rules)?;
    }
}

/// The first is needed once the two last are gone, which say the same.
#[test]
fn what_matters_by_itself_is_not_told_because_others_do_not() {
    let condition = |index: u8, operator: &str| {
        format!(r#"{{"index": {index}, "value": 0, "op": "SCMP_CMP_{operator}"}}"#)
    };
    let rules = [
        rule("connect", "TRAP", &args(&[condition(1, "GE")])),
        rule("connect", "KILL", &args(&[condition(0, "EQ")])),
        rule("connect", "TRAP", &args(&[])),
        rule("connect", "KILL", &args(&[])),
    ];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    have_no_effect(&rules).unwrap();
}
