//! What an engine or runtime refuses is refused, with its place.

use super::{is_refused, marked, refusal, with, with_condition};
use crate::profile::read::profile;
use crate::profile::{Action, KernelVersion};

#[test]
fn what_an_engine_or_runtime_refuses_in_a_rule_is_refused_with_its_place() {
    let table = [
        ("§null", "syscalls[0]: expected an object, found null"),
        ("§[]", "syscalls[0]: expected an object, found a list"),
        (
            r#"{"name": §"a", "names": ["b"], "action": "SCMP_ACT_ALLOW"}"#,
            "syscalls[0]: `name` and `names` must not be there together",
        ),
        (
            r#"{"names": ["a"], "action": §"SCMP_ACT_FOO"}"#,
            "syscalls[0].action: unknown action `SCMP_ACT_FOO`",
        ),
        (r#"§{"names": ["a"]}"#, "syscalls[0]: `action` is missing"),
        (
            r#"{"names": ["a", §null], "action": "SCMP_ACT_ALLOW"}"#,
            "syscalls[0].names[1]: expected a string, found null",
        ),
        (
            r#"{"names": §"a", "action": "SCMP_ACT_ALLOW"}"#,
            "syscalls[0].names: expected a list, found a string",
        ),
        (
            r#"{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errno": §"ENOPE"}"#,
            "syscalls[0].errno: unknown errno `ENOPE`",
        ),
        (
            r#"{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errnoRet": §4294967296}"#,
            "syscalls[0].errnoRet: `4294967296` is not an integer from 0 to 4294967295",
        ),
        (
            r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": §"4.8.0"}}"#,
            "syscalls[0].includes.minKernel: unknown kernel version `4.8.0`",
        ),
        (
            r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["A"], §"caps": {}}}"#,
            "syscalls[0].excludes: `caps` is there twice, and engines mix the two",
        ),
        (
            r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [], §"ARGS": [{}]}"#,
            "syscalls[0]: `ARGS` is there twice, and engines mix the two",
        ),
    ];
    for (rule, expected) in table {
        is_refused(&with(rule), expected);
    }
}

#[test]
fn what_an_engine_or_runtime_refuses_in_a_condition_is_refused() {
    let table = [
        (
            r#"{"index": §6, "value": 0, "op": "SCMP_CMP_EQ"}"#,
            "args[0].index: unknown argument index `6`",
        ),
        (
            r#"{"index": 0, "value": 0, "op": §"EQ"}"#,
            "args[0].op: unknown operator `EQ`",
        ),
        (
            r#"§{"value": 0, "op": "SCMP_CMP_EQ"}"#,
            "args[0]: `index` is missing",
        ),
        (
            r#"§{"index": 0, "op": "SCMP_CMP_EQ"}"#,
            "args[0]: `value` is missing",
        ),
        (r#"§{"index": 0, "value": 0}"#, "args[0]: `op` is missing"),
        ("§null", "args[0]: expected an object, found null"),
    ];
    for (condition, expected) in table {
        is_refused(
            &with_condition(condition),
            &format!("syscalls[0].{expected}"),
        );
    }
    for number in [
        "1.0",
        "1e3",
        "-1",
        "-0",
        "18446744073709551616",
        "\"1\"",
        "true",
    ] {
        let text = format!(r#"{{"index": 0, "value": §{number}, "op": "SCMP_CMP_EQ"}}"#);
        let (text, place) = marked(&with_condition(&text));
        let place = format!("{place}syscalls[0].args[0].value: ");
        let error = refusal(&text);
        assert!(error.starts_with(&place), "{error}");
    }
}

#[test]
fn what_an_engine_or_runtime_refuses_in_a_profile_is_refused() {
    let with = |rest: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", {rest}}}"#);
    let table = [
        (
            "§{}".to_owned(),
            "the profile is empty: engines would run the container without any filter",
        ),
        (
            r#"§{"syscalls": []}"#.to_owned(),
            "the profile is empty: engines would run the container without any filter",
        ),
        (
            "§null".to_owned(),
            "the profile is empty: engines would run the container without any filter",
        ),
        (
            r#"§{"syscalls": [{"action": "SCMP_ACT_ALLOW"}]}"#.to_owned(),
            "`defaultAction` is missing",
        ),
        ("§[]".to_owned(), "expected an object, found a list"),
        (
            r#"{"defaultAction": §"SCMP_ACT_NOTIFY"}"#.to_owned(),
            "defaultAction: `SCMP_ACT_NOTIFY` cannot be the default action",
        ),
        (
            with(
                r#""architectures": §["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]"#,
            ),
            "`architectures` and `archMap` must not be there together",
        ),
        (
            with(r#""architectures": [§"SCMP_ARCH_BOGUS"]"#),
            "architectures[0]: unknown architecture `SCMP_ARCH_BOGUS`",
        ),
        (
            with(r#""architectures": [§"SCMP_ARCH_NATIVE"]"#),
            "architectures[0]: unknown architecture `SCMP_ARCH_NATIVE`",
        ),
        (
            with(
                r#""archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": [§"x"]}]"#,
            ),
            "archMap[0].subArchitectures[0]: unknown architecture `x`",
        ),
        (
            with(r#""flags": [§"SECCOMP_FILTER_FLAG_BOGUS"]"#),
            "flags[0]: unknown flag `SECCOMP_FILTER_FLAG_BOGUS`",
        ),
        (
            with(r#""listenerMetadata": §"x""#),
            "`listenerMetadata` without `listenerPath`",
        ),
    ];
    for (text, expected) in table {
        is_refused(&text, expected);
    }
}

#[test]
fn kernel_versions_are_two_small_numbers() {
    let read = |version: &str| {
        profile(&with(&format!(
            r#"{{"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {{"minKernel": {version}}}}}"#
        )))
        .ok()
        .map(|source| source.rules[0].includes.kernel)
    };
    let version = |major, minor| Some(Some(KernelVersion { major, minor }));
    let table = [
        (r#""4.8""#, version(4, 8)),
        (r#""0.1""#, version(0, 1)),
        (r#""255.255""#, version(255, 255)),
        (r#""""#, version(0, 0)),
        ("null", Some(None)),
        (r#""4""#, None),
        (r#""4.8.0""#, None),
        (r#""0.0""#, None),
        (r#""300.1""#, None),
        (r#"" 4.8""#, None),
        (r#""+4.8""#, None),
        (r#""4.""#, None),
        ("4.8", None),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn actions_and_errnos_are_understood() {
    let default = |rest: &str| profile(&format!(r#"{{{rest}}}"#)).unwrap().default_action;
    let table = [
        (r#""defaultAction": "SCMP_ACT_ERRNO""#, Action::Errno(1)),
        (
            r#""defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": null"#,
            Action::Errno(1),
        ),
        (
            r#""defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 0"#,
            Action::Errno(0),
        ),
        (
            r#""defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS", "defaultErrnoRet": 1"#,
            Action::Errno(38),
        ),
        (
            r#""defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EHWPOISON""#,
            Action::Errno(133),
        ),
        (
            r#""defaultAction": "SCMP_ACT_TRACE", "defaultErrnoRet": 7"#,
            Action::Trace(7),
        ),
        (r#""defaultAction": "SCMP_ACT_KILL""#, Action::KillThread),
        (
            r#""defaultAction": "SCMP_ACT_KILL_PROCESS""#,
            Action::KillProcess,
        ),
        (r#""defaultAction": "SCMP_ACT_TRAP""#, Action::Trap),
        (r#""defaultAction": "SCMP_ACT_LOG""#, Action::Log),
        (r#""defaultAction": "SCMP_ACT_ALLOW""#, Action::Allow),
    ];
    for (text, expected) in table {
        assert_eq!(default(text), expected, "{text}");
    }
}
