//! Each form against examples, and what it refuses to say.

use super::*;
use crate::profile::{Action, Condition, Operator, Profile, Rule};
use crate::syscall::Abi;
use ::seccompiler::TargetArch;

/// A profile for x86_64 with rules written short: `name action [condition]…`.
fn short(default_action: Action, rules: &[(&str, Action, &[Condition])]) -> Profile {
    Profile {
        default_action,
        abis: [Abi::X86_64].into(),
        other_architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules: rules
            .iter()
            .map(|(names, action, conditions)| Rule {
                names: names.split(' ').map(str::to_owned).collect(),
                action: *action,
                conditions: conditions.to_vec(),
            })
            .collect(),
    }
}

const EPERM: Action = Action::Errno(1);
const ENOSYS: Action = Action::Errno(38);

const fn equals(index: u8, value: u64) -> Condition {
    Condition {
        index,
        operator: Operator::Eq,
        value,
        value_two: 0,
    }
}

#[test]
fn a_unit_allows_what_the_profile_allows_and_nothing_of_systemds_own() {
    let profile = short(
        EPERM,
        &[
            ("read write", Action::Allow, &[]),
            ("clone3", ENOSYS, &[]),
            ("ptrace", Action::KillProcess, &[]),
            ("keyctl", Action::Errno(512), &[]),
            ("bpf", EPERM, &[]),
        ],
    );
    assert_eq!(
        systemd(&profile, Abi::X86_64).unwrap(),
        "[Service]
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@default
SystemCallFilter=~@default
SystemCallFilter=read write
SystemCallFilter=~clone3:ENOSYS keyctl:512 ptrace:kill
"
    );
    let deny = short(
        Action::Allow,
        &[("bpf", EPERM, &[]), ("reboot", Action::KillProcess, &[])],
    );
    assert_eq!(
        systemd(&deny, Abi::Aarch64).unwrap(),
        "[Service]\nSystemCallArchitectures=native x86-64\nSystemCallFilter=~bpf:EPERM reboot:kill\n"
    );
    let kill = short(Action::KillProcess, &[]);
    assert_eq!(
        systemd(&kill, Abi::X86_64).unwrap(),
        "[Service]\nSystemCallArchitectures=native\nSystemCallErrorNumber=kill\n\
         SystemCallFilter=@default\nSystemCallFilter=~@default\n"
    );
    let names: Vec<String> = (0..40).map(|number| format!("call_{number:02}")).collect();
    let long = short(EPERM, &[(&names.join(" "), Action::Allow, &[])]);
    let text = systemd(&long, Abi::X86_64).unwrap();
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    assert!(names.iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn what_a_form_cannot_express_is_named() {
    let masked = Condition {
        index: 0,
        operator: Operator::MaskedEq,
        value: 0x7E02_0000,
        value_two: 0,
    };
    let generated = short(
        EPERM,
        &[
            ("read", Action::Allow, &[]),
            ("clone", Action::Allow, &[masked]),
            ("clone3", ENOSYS, &[]),
        ],
    );
    let refusal = |result: Result<String, Inexpressible>| result.unwrap_err().to_string();
    assert_eq!(
        refusal(systemd(&generated, Abi::X86_64)),
        "systemd cannot express `clone`: the condition argument 0 & 0x7e020000 == 0x0"
    );
    assert_eq!(
        refusal(names(&generated)),
        "a list of names cannot express `clone`: the condition argument 0 & 0x7e020000 == 0x0; \
         `clone3`: SCMP_ACT_ERRNO(38)"
    );
    assert_eq!(
        refusal(seccompiler(&generated, Abi::X86_64)),
        "seccompiler cannot express `clone3`: SCMP_ACT_ERRNO(38)"
    );
    let mut spaced = short(EPERM, &[]);
    spaced.rules.push(Rule {
        names: vec!["a\nb".to_owned(), "%n".to_owned()],
        action: Action::Allow,
        conditions: Vec::new(),
    });
    assert_eq!(
        refusal(systemd(&spaced, Abi::X86_64)),
        "systemd cannot express the name `%n`; the name `a\nb`"
    );
    let mut more = short(ENOSYS, &[("socket read", Action::Allow, &[])]);
    more.abis.insert(Abi::I386);
    more.flags = Some(vec!["SECCOMP_FILTER_FLAG_LOG".to_owned()]);
    more.listener_path = Some("/run/s".to_owned());
    assert_eq!(
        refusal(systemd(&more, Abi::X86_64)),
        "systemd cannot express the flag SECCOMP_FILTER_FLAG_LOG; the listener; `socket` on SCMP_ARCH_X86"
    );
    assert_eq!(
        refusal(spo(&more, "x")),
        "a SeccompProfile cannot express the default action SCMP_ACT_ERRNO(38); the listener"
    );
    assert_eq!(
        refusal(seccompiler(&more, Abi::X86_64)),
        "seccompiler cannot express the flag SECCOMP_FILTER_FLAG_LOG; the listener; the architecture SCMP_ARCH_X86"
    );
    let large = short(
        EPERM,
        &[("ioctl fcntl", Action::Allow, &[equals(1, 1 << 63)])],
    );
    assert_eq!(
        refusal(spo(&large, "x")),
        "a SeccompProfile cannot express `ioctl, fcntl`: the condition argument 1 == 0x8000000000000000"
    );
    let odd = short(
        Action::KillThread,
        &[
            ("a", Action::Notify, &[]),
            ("b", Action::Log, &[]),
            ("c", Action::Trap, &[]),
        ],
    );
    assert_eq!(
        refusal(systemd(&odd, Abi::X86_64)),
        "systemd cannot express the default action SCMP_ACT_KILL_THREAD; `a`: SCMP_ACT_NOTIFY; \
         `b`: SCMP_ACT_LOG; `c`: SCMP_ACT_TRAP"
    );
}

#[test]
fn names_are_those_that_are_always_permitted() {
    // A rule without conditions wins over those with some; one that repeats the default is none.
    let profile = short(
        EPERM,
        &[
            ("write read", Action::Allow, &[]),
            ("read", Action::Allow, &[equals(0, 1)]),
            ("bpf", EPERM, &[equals(0, 1)]),
        ],
    );
    assert_eq!(names(&profile).unwrap(), "read\nwrite\n");
}

#[test]
fn seccompiler_takes_what_is_written_for_it() {
    let profile = short(
        EPERM,
        &[
            ("read", Action::Allow, &[]),
            ("socketcall nosuchcall", Action::Allow, &[]),
            ("socket", Action::Allow, &[equals(0, 1), equals(1, 2)]),
            // One argument twice: either.
            ("ioctl", Action::Allow, &[equals(1, 5), equals(1, u64::MAX)]),
            (
                "clone",
                Action::Allow,
                &[Condition {
                    index: 0,
                    operator: Operator::MaskedEq,
                    value: 6,
                    value_two: 2,
                }],
            ),
        ],
    );
    let text = seccompiler(&profile, Abi::X86_64).unwrap();
    let compiled = ::seccompiler::compile_from_json(text.as_bytes(), TargetArch::x86_64).unwrap();
    assert!(compiled["main"].len() > 20, "{compiled:?}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let arg = |index: u8, op: serde_json::Value, val: u64| serde_json::json!({"index": index, "type": "qword", "op": op, "val": val});
    assert_eq!(
        value,
        serde_json::json!({"main": {
            "mismatch_action": {"errno": 1},
            "match_action": "allow",
            "filter": [
                {"syscall": "clone", "args": [arg(0, serde_json::json!({"masked_eq": 6}), 2)]},
                {"syscall": "ioctl", "args": [arg(1, "eq".into(), 5)]},
                {"syscall": "ioctl", "args": [arg(1, "eq".into(), u64::MAX)]},
                {"syscall": "read"},
                {"syscall": "socket", "args": [arg(0, "eq".into(), 1), arg(1, "eq".into(), 2)]},
            ]
        }})
    );
}

/// Both readers take what is written for them, and no name that their table lacks is written.
#[test]
fn firecrackers_words_are_its_own_and_lacking_names_are_refused() {
    let profile = short(
        EPERM,
        &[
            ("read", Action::Allow, &[]),
            ("ioctl", Action::Allow, &[equals(1, 5)]),
        ],
    );
    let text = firecracker(&profile, Abi::X86_64).unwrap();
    let filters: serde_json::Value = serde_json::from_str(&text).unwrap();
    let threads: Vec<&String> = filters.as_object().unwrap().keys().collect();
    assert_eq!(threads, ["api", "vcpu", "vmm"]);
    assert_eq!(
        filters["vmm"]["default_action"],
        serde_json::json!({"errno": 1})
    );
    // Its words for the same, as its own reader has them.
    let same = text
        .replace("default_action", "mismatch_action")
        .replace("filter_action", "match_action");
    let compiled = ::seccompiler::compile_from_json(same.as_bytes(), TargetArch::x86_64).unwrap();
    assert_eq!(compiled.len(), 3);
    assert_eq!(crate::profile::read::profiles(&text).unwrap().len(), 3);
    // Read again it means the same.
    let again = crate::profile::read::profile_named(&text, Some("vmm")).unwrap();
    assert_eq!(again.default_action, EPERM);
    for call in crate::syscall::calls(Abi::X86_64) {
        let name = call.name().unwrap();
        let one = short(EPERM, &[(name, Action::Allow, &[])]);
        let direct = format!(
            r#"{{"main": {{"mismatch_action": "trap", "match_action": "allow", "filter": [{{"syscall": "{name}"}}]}}}}"#
        );
        let takes = ::seccompiler::compile_from_json(direct.as_bytes(), TargetArch::x86_64).is_ok();
        assert_eq!(seccompiler(&one, Abi::X86_64).is_ok(), takes, "{name}");
    }
    let open = short(Action::Allow, &[("mount", EPERM, &[])]);
    assert_eq!(
        seccompiler(&open, Abi::X86_64).unwrap_err().to_string(),
        "seccompiler cannot express that x32 calls are not let through"
    );
}

#[test]
fn objects_have_names_that_a_cluster_takes() {
    for good in ["a", "web-1", "a.b", "0"] {
        assert_eq!(resource_name(good), Ok(good));
    }
    for bad in ["", "A", "-a", "a-", "a..b", "a_b", "a b", &"a".repeat(254)] {
        assert_eq!(resource_name(bad), Err(NotAName(bad.to_owned())));
    }
}
