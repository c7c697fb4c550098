//! Decision tables for what an audit says of small profiles and recordings.

use super::testing::{recording, tracked, unbounded, untracked};
use super::*;
use crate::profile::{KernelVersion, read};
use crate::recording::{Loss, Recording};
use crate::syscall::capability;
use std::collections::BTreeSet;

fn call(name: &str) -> Call {
    Call::named(Abi::X86_64, name).unwrap()
}

fn calls(names: &str) -> BTreeSet<Call> {
    names.split_whitespace().map(call).collect()
}

fn values(known: &[(u8, u64)]) -> Values {
    known.iter().copied().collect()
}

fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

/// The rules of a profile whose default is EPERM.
fn source(rules: &str) -> Source {
    read::profile(&format!(
        r#"{{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": [{rules}]}}"#
    ))
    .unwrap()
}

fn profile(rules: &str) -> Profile {
    source(rules).resolve(&circumstances())
}

fn allow(names: &str) -> String {
    let names: Vec<String> = names.split_whitespace().map(|n| format!("{n:?}")).collect();
    format!(
        r#"{{"names": [{}], "action": "SCMP_ACT_ALLOW"}}"#,
        names.join(",")
    )
}

fn allow_value(name: &str, index: u8, value: u64) -> String {
    format!(
        r#"{{"names": [{name:?}], "action": "SCMP_ACT_ALLOW",
            "args": [{{"index": {index}, "value": {value}, "op": "SCMP_CMP_EQ"}}]}}"#
    )
}

fn enosys(name: &str) -> String {
    format!(r#"{{"names": [{name:?}], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}}"#)
}

fn subject() -> Subject {
    Subject {
        profile: "p.json".to_owned(),
        part: None,
        base: Some("docker".to_owned()),
        native: Abi::X86_64,
        kernel: "6.1".to_owned(),
        capabilities: capability::docker_default(),
        default_action: Action::Errno(1),
        runtime: None,
    }
}

fn docker() -> Base {
    Base::new(base::docker().clone(), circumstances())
}

fn named(recordings: Vec<Recording>) -> Recorded {
    let named = recordings.into_iter().map(|one| (one.run_id.clone(), one));
    Recorded::of(named).unwrap()
}

#[test]
fn every_call_of_the_base_is_in_exactly_one_set() {
    let rules = [
        allow("read ptrace mount personality"),
        allow_value("socket", 0, 2),
        r#"{"names": ["clone"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}"#
            .to_owned(),
    ];
    let audit = audit(
        subject(),
        &profile(&rules.join(",")),
        Some(&docker()),
        &Recorded::default(),
    );
    let abis: Vec<(Abi, bool)> = audit.surfaces.iter().map(|s| (s.abi, s.listed)).collect();
    assert_eq!(
        abis,
        [(Abi::X86_64, true), (Abi::I386, false), (Abi::X32, false)]
    );
    let native = &audit.surfaces[0];
    assert_eq!(native.always, calls("read ptrace personality"));
    assert_eq!(native.conditional, calls("clone"));
    assert_eq!(native.narrowed, calls("socket"));
    // As many as upstream's, compiled by libseccomp.
    let in_base: Vec<usize> = audit.surfaces.iter().map(Surface::in_base).collect();
    assert_eq!(in_base, [309, 360, 305]);
    assert_eq!(native.left(), 5);
    // What is allowed beyond the base is not counted as left of it.
    let beyond: Vec<(Call, View, bool)> = audit
        .beyond
        .iter()
        .map(|one| (one.call, one.view, one.whole))
        .collect();
    assert_eq!(
        beyond,
        [
            (call("personality"), View::Filter, false),
            (call("mount"), View::Filter, true),
        ]
    );
    assert_eq!(audit.beyond[1].unlock, ["CAP_SYS_ADMIN"]);
}

#[test]
fn the_documented_calls_are_told_as_they_are() {
    let rules = [allow("ptrace"), allow_value("socket", 0, 2)].join(",");
    let audit = audit(
        subject(),
        &profile(&rules),
        Some(&docker()),
        &Recorded::default(),
    );
    assert_eq!(audit.documented.len(), 53);
    let told = |name: &str| {
        let one = audit
            .documented
            .iter()
            .find(|one| one.name == name)
            .unwrap();
        (one.presence.get(&Abi::X86_64).cloned(), one.base_degree)
    };
    let family = crate::profile::Condition {
        index: 0,
        operator: crate::profile::Operator::Eq,
        value: 2,
        value_two: 0,
    };
    let table = [
        ("ptrace", (Some(Presence::Allowed), Some(2))),
        (
            "socket",
            (
                Some(Presence::Conditional(When::AnyOf(vec![vec![family]]))),
                Some(1),
            ),
        ),
        ("bpf", (Some(Presence::Blocked(Action::Errno(1))), Some(0))),
        ("vm86", (None, Some(0))),
    ];
    for (name, expected) in table {
        assert_eq!(told(name), expected, "{name}");
    }
    let bpf = audit.documented.iter().find(|one| one.name == "bpf");
    assert_eq!(bpf.unwrap().unlock, ["CAP_BPF", "CAP_SYS_ADMIN"]);
    assert!(audit.documented.iter().all(|one| !one.reason.is_empty()));
}

#[test]
fn dockers_default_is_told_as_its_documentation_should_tell_it() {
    let resolved = base::docker().resolve(&circumstances());
    let audit = audit(subject(), &resolved, Some(&docker()), &Recorded::default());
    let names = |degree: u8| -> Vec<&str> {
        let here = audit.documented.iter().filter(|one| {
            let native = one.presence.get(&Abi::X86_64);
            native.is_some_and(|presence| presence.degree() == degree)
        });
        here.map(|one| one.name.as_str()).collect()
    };
    assert_eq!(names(1), ["clone", "personality", "socket"]);
    assert_eq!(
        names(2),
        [
            "clock_adjtime",
            "name_to_handle_at",
            "process_vm_readv",
            "process_vm_writev",
            "ptrace"
        ]
    );
    assert_eq!(names(0).len(), 40);
    let socket = audit.documented.iter().find(|one| one.name == "socket");
    let socket = socket.unwrap().presence[&Abi::X86_64].clone();
    let Presence::Conditional(When::NoneOf(excluded)) = socket else {
        panic!("{socket:?}");
    };
    assert_eq!(excluded.len(), 2, "{excluded:?}");
    // Nothing is dropped, and the one hole is its own.
    assert!(audit.surfaces.iter().all(|one| one.dropped.is_empty()));
    let beyond: Vec<(Call, View)> = audit
        .beyond
        .iter()
        .map(|one| (one.call, one.view))
        .collect();
    assert_eq!(beyond, [(call("socket"), View::Kernel)]);
}

#[test]
fn without_a_base_everything_is_the_measure() {
    let audit = audit(
        subject(),
        &profile(&allow("read bpf")),
        None,
        &Recorded::default(),
    );
    let [native] = &audit.surfaces[..] else {
        panic!("{:?}", audit.surfaces);
    };
    assert_eq!((native.left(), native.in_base()), (2, 386));
    assert!(audit.beyond.is_empty());
    assert!(audit.documented.iter().all(|one| one.unlock.is_empty()));
}

/// What is recorded, what the profile says, and what follows.
#[test]
fn whether_anything_recorded_would_be_denied() {
    use Verdict::{Fail, Pass, Unclear};
    let three: &[u8] = &[0, 1, 2];
    let inet: (&[u64], u64) = (&[2, 1, 0], 4);
    let table = [
        ("allowed", ("read", untracked(1)), allow("read"), Pass),
        ("not named", ("read", untracked(1)), allow("write"), Fail),
        (
            "allowed value",
            ("socket", tracked(three, &[inet])),
            allow_value("socket", 0, 2),
            Pass,
        ),
        (
            "another value",
            ("socket", tracked(three, &[inet, (&[10, 1, 0], 1)])),
            allow_value("socket", 0, 2),
            Fail,
        ),
        (
            "values not recorded",
            ("socket", untracked(3)),
            allow_value("socket", 0, 2),
            Unclear,
        ),
        (
            "an argument that is not tracked",
            ("mmap", tracked(&[2], &[(&[3], 9)])),
            allow_value("mmap", 3, 2),
            Unclear,
        ),
        (
            "too many values",
            ("ioctl", unbounded(&[1], &[(&[5], 1)])),
            allow_value("ioctl", 1, 5),
            Unclear,
        ),
        (
            "too many values, one of them denied",
            ("ioctl", unbounded(&[1], &[(&[6], 1)])),
            allow_value("ioctl", 1, 5),
            Fail,
        ),
        (
            "too many values, all allowed",
            ("ioctl", unbounded(&[1], &[(&[6], 1)])),
            allow("ioctl"),
            Pass,
        ),
        (
            "clone3 answered with ENOSYS",
            ("clone3", untracked(2)),
            [allow("clone"), enosys("clone3")].join(","),
            Pass,
        ),
        (
            "clone3 answered with ENOSYS, and no clone",
            ("clone3", untracked(2)),
            enosys("clone3"),
            Fail,
        ),
        (
            "clone3 answered with EPERM",
            ("clone3", untracked(2)),
            allow("clone"),
            Fail,
        ),
        (
            "another call answered with ENOSYS",
            ("statx", untracked(2)),
            [allow("newfstatat"), enosys("statx")].join(","),
            Fail,
        ),
    ];
    for (what, (name, facts), rules, expected) in table {
        let recording = recording("r", vec![(name, true, facts)]);
        let check = check(
            &profile(&rules),
            Abi::X86_64,
            None,
            None,
            &named(vec![recording]),
        );
        assert_eq!(check.verdict(), expected, "{what}: {check:?}");
    }
}

#[test]
fn lost_facts_leave_a_pass_unclear_and_a_failure_as_it_is() {
    let table = [
        (Loss::Recursion, "read", Verdict::Unclear),
        (Loss::Sighting, "read", Verdict::Pass),
        (Loss::Recursion, "write", Verdict::Fail),
    ];
    for (loss, name, expected) in table {
        let mut recording = recording("r", vec![(name, true, untracked(1))]);
        recording.losses.set(loss, 2);
        let check = check(
            &profile(&allow("read")),
            Abi::X86_64,
            None,
            None,
            &named(vec![recording]),
        );
        assert_eq!(check.verdict(), expected, "{loss:?}, {name}");
    }
}

#[test]
fn a_denial_says_what_how_often_who_and_what_the_base_thinks() {
    let mut odd = recording(
        "r",
        vec![
            ("bpf", true, tracked(&[0], &[(&[5], 2)])),
            ("socket", true, tracked(&[0], &[(&[2], 1), (&[40], 3)])),
            ("write", true, untracked(7)),
        ],
    );
    let nameless = Call::new(Abi::X86_64, 100_000);
    let key = crate::recording::FactKey {
        call: nameless,
        filtered: true,
    };
    odd.facts.insert(key, untracked(1));
    let rules = allow_value("socket", 0, 2);
    let audit = audit(
        subject(),
        &profile(&rules),
        Some(&docker()),
        &named(vec![odd]),
    );
    let denied = |call, values, count, standing, base| Denied {
        runs: 1,
        call,
        values,
        action: Action::Errno(1),
        count,
        program: Some("sh".to_owned()),
        standing,
        base,
    };
    let denies = |name: &str, unlock: &[&str]| BaseView::Denies {
        reason: blocked::reason(name).map(ToOwned::to_owned),
        unlock: unlock.iter().map(|&name| name.to_owned()).collect(),
    };
    let (any, breaks) = (Values::unknown, Standing::Breaks);
    assert_eq!(
        audit.evidence.unwrap().check.denied,
        [
            denied(call("write"), any(), 7, breaks, BaseView::Allows),
            denied(
                call("socket"),
                values(&[(0, 40)]),
                3,
                breaks,
                denies("socket", &[])
            ),
            denied(
                call("bpf"),
                any(),
                2,
                breaks,
                denies("bpf", &["CAP_BPF", "CAP_SYS_ADMIN"])
            ),
            denied(nameless, any(), 1, Standing::NoSuchCall, denies("", &[])),
        ]
    );
}

#[test]
fn what_was_used_and_what_was_not() {
    let recording = recording(
        "r",
        vec![
            ("read", true, untracked(9)),
            ("socket", true, tracked(&[0], &[(&[2], 4), (&[40], 1)])),
            ("bpf", true, untracked(1)),
            ("mount", false, untracked(1)),
        ],
    );
    let rules = [
        allow("read write"),
        allow_value("socket", 0, 2),
        allow_value("socket", 0, 10),
        allow_value("personality", 0, 0),
    ];
    let recordings = named(vec![recording]);
    let audit = audit(
        subject(),
        &profile(&rules.join(",")),
        Some(&docker()),
        &recordings,
    );
    let evidence = audit.evidence.unwrap();
    let coverage = Coverage {
        abis: vec![AbiCoverage {
            abi: Abi::X86_64,
            used: 2,
            allowed: 4,
        }],
        alternatives_used: 1,
        alternatives: 2,
    };
    assert_eq!(evidence.coverage, coverage);
    assert_eq!(evidence.unused, calls("write personality"));
    let used = [
        Used {
            runs: 1,
            call: call("read"),
            count: 9,
            values: vec![],
        },
        Used {
            runs: 1,
            call: call("socket"),
            count: 5,
            values: vec![(values(&[(0, 2)]), 4)],
        },
    ];
    assert_eq!(evidence.used, used);
    let unused: Vec<(Call, u64)> = evidence
        .unused_alternatives
        .iter()
        .map(|one| (one.call, one.conditions[0].value))
        .collect();
    assert_eq!(unused, [(call("socket"), 10)]);
}

#[test]
fn a_profile_is_told_when_its_filter_does_something_else() {
    let rules = r#"{"names": ["prctl"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_NE"}]},
        {"names": ["prctl"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 1, "value": 5, "op": "SCMP_CMP_NE"},
                     {"index": 0, "value": 1, "op": "SCMP_CMP_NE"}]}"#;
    let all = audit(
        subject(),
        &profile(rules),
        Some(&docker()),
        &Recorded::default(),
    );
    let found: Vec<_> = all
        .miscompiled
        .iter()
        .map(|one| (one.call, one.witness, one.meant, one.compiled))
        .collect();
    let witness = [0, 5, 0, 0, 0, 0];
    assert_eq!(
        found,
        [(call("prctl"), witness, Action::Errno(1), Action::Allow)]
    );
    // One condition, two actions.
    let rules = r#"{"names": ["prctl"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
        {"names": ["prctl"], "action": "SCMP_ACT_KILL",
            "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}"#;
    let all = audit(
        subject(),
        &profile(rules),
        Some(&docker()),
        &Recorded::default(),
    );
    let why = all.uncompiled.clone().unwrap();
    assert!(
        why.starts_with("libseccomp refuses the rule for `prctl`: "),
        "{why}"
    );
}

#[test]
fn a_runtime_reads_a_profile_in_its_way() {
    let rules = allow("read rseq");
    let mut subject = subject();
    let answer = |subject: &Subject| {
        let audit = audit(
            subject.clone(),
            &profile(&rules),
            Some(&docker()),
            &Recorded::default(),
        );
        let bpf = audit.documented.into_iter().find(|one| one.name == "bpf");
        bpf.unwrap().presence[&Abi::X86_64].clone()
    };
    assert_eq!(answer(&subject), Presence::Blocked(Action::Errno(1)));
    // `rseq` is 334: runc thinks that the profile was written before `io_uring_setup`, but not before `bpf`.
    subject.runtime = Some(Runtime::Runc);
    assert_eq!(answer(&subject), Presence::Blocked(Action::Errno(1)));
    let meaning = Meaning::under(&profile(&rules), Abi::X86_64, subject.runtime);
    let newer = meaning.action(call("io_uring_setup"), &[0; 6]);
    assert_eq!(newer, Action::Errno(38));
}
