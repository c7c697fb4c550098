use super::*;
use crate::profile::{Action, Condition, Filter, KernelVersion, Operator, Position};

/// A profile with one rule.
fn with(rule: &str) -> String {
    format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rule}]}}"#)
}

/// A profile with one rule with one condition.
fn with_condition(condition: &str) -> String {
    with(&format!(
        r#"{{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [{condition}]}}"#
    ))
}

/// Takes the mark out of a text and says where it was.
fn marked(text: &str) -> (String, String) {
    let Some(offset) = text.find('§') else {
        return (text.to_owned(), String::new());
    };
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (
        text.replacen('§', "", 1),
        format!("line {line} column {column}: "),
    )
}

/// The mark stands where the error is.
#[track_caller]
fn is_refused(text: &str, expected: &str) {
    let (text, place) = marked(text);
    assert_eq!(refusal(&text), format!("{place}{expected}"));
}

#[track_caller]
fn refusal(text: &str) -> String {
    match profile(text) {
        Ok(source) => panic!("{text}: {source:?}"),
        Err(error) => error.to_string(),
    }
}

/// The marks stand where the remarks are.
#[track_caller]
fn has_remarks(text: &str, expected: &str) {
    let (mut text, mut shown) = (text.to_owned(), Vec::new());
    for remark in expected.split(" / ").filter(|remark| !remark.is_empty()) {
        let (rest, place) = marked(&text);
        shown.push(format!("{place}{remark}"));
        text = rest;
    }
    assert_eq!(remarks(&text), shown, "{text}");
}

#[track_caller]
fn remarks(text: &str) -> Vec<String> {
    let source = profile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let remarks = source.origin.remarks.iter();
    remarks.map(ToString::to_string).collect()
}

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
            r#"{"names": ["a", §""], "action": "SCMP_ACT_ALLOW"}"#,
            "syscalls[0].names[1]: must not be empty",
        ),
        (
            r#"{"names": ["a", §null], "action": "SCMP_ACT_ALLOW"}"#,
            "syscalls[0].names[1]: expected a string, found null",
        ),
        (
            r#"{"names": §"a", "action": "SCMP_ACT_ALLOW"}"#,
            "syscalls[0].names: expected a list, found a string",
        ),
        (
            r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "errnoRet": §5}"#,
            "syscalls[0]: `errnoRet` with `SCMP_ACT_ALLOW`, which takes no errno",
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
            r#"{"index": 0, "value": 0, "valueTwo": §1, "op": "SCMP_CMP_EQ"}"#,
            "args[0].valueTwo: `valueTwo` with `SCMP_CMP_EQ`, which does not look at it",
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
            r#"{"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": §1}"#.to_owned(),
            "`defaultErrnoRet` with `SCMP_ACT_KILL_THREAD`, which takes no errno",
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
fn every_part_knows_where_it_stands() {
    let text = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "archMap": [
    { "architecture": "SCMP_ARCH_X86_64", "subArchitectures": null }
  ],
  "flags": [],
  "listenerPath": "/run/s",
  "syscalls": [
    {
      "names": [ "read",
        "write" ],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        { "index": 5, "value": 18446744073709551615, "op": "SCMP_CMP_NE" },
        { "index": 0, "value": 3, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ" } ],
      "comment": "é",  "includes": { "caps": ["CAP_BPF"] },
      "excludes": { "arches": ["amd64"] }
    }
  ]
}"#;
    let source = profile(text).unwrap();
    let at = |line, column| Position { line, column };
    let positions = &source.origin.positions;
    assert_eq!(positions.profile, Some(at(1, 1)));
    assert_eq!(positions.default_action, Some(at(2, 20)));
    assert_eq!(positions.arch_map, Some(at(3, 14)));
    assert_eq!(positions.architectures, None);
    assert_eq!(positions.flags, Some(at(6, 12)));
    assert_eq!(positions.listener_path, Some(at(7, 19)));
    assert_eq!(positions.rules, Some(at(8, 15)));
    let rule = &source.rules[0];
    assert_eq!(rule.positions.rule, Some(at(9, 5)));
    assert_eq!(rule.positions.names, [at(10, 18), at(11, 9)]);
    assert_eq!(rule.positions.action, Some(at(12, 17)));
    assert_eq!(rule.positions.conditions, [at(14, 9), at(15, 9)]);
    // Columns count characters, not bytes.
    assert_eq!(rule.positions.includes, Some(at(16, 36)));
    assert_eq!(rule.positions.excludes, Some(at(17, 19)));
    assert_eq!(rule.name_position(1), Some(at(11, 9)));
    assert_eq!(rule.condition_position(7), Some(at(9, 5)));
    assert_eq!(
        rule.conditions,
        [
            Condition {
                index: 5,
                operator: Operator::Ne,
                value: u64::MAX,
                value_two: 0
            },
            Condition {
                index: 0,
                operator: Operator::MaskedEq,
                value: 3,
                value_two: 2
            }
        ]
    );
    assert_eq!(rule.comment.as_deref(), Some("é"));
    assert_eq!(
        rule.includes,
        Filter {
            capabilities: vec!["CAP_BPF".to_owned()],
            ..Filter::default()
        }
    );
    assert_eq!(source.arch_map, [("SCMP_ARCH_X86_64".to_owned(), vec![])]);
    assert_eq!(source.flags, Some(vec![]));
    assert_eq!(source.origin.remarks, []);
}

#[test]
fn what_engines_ignore_or_mix_up_is_remarked_on() {
    let rule = |rest: &str| {
        with(&format!(
            r#"{{"names": ["a"], "action": "SCMP_ACT_ERRNO"{rest}}}"#
        ))
    };
    let top = |rest: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO"{rest}}}"#);
    let table = [
        (top(r#", §"x": 1"#), "engines ignore the key `x`"),
        (
            top(r#", §§"DefaultACTION": "SCMP_ACT_KILL""#),
            "`DefaultACTION` is taken for `defaultAction` by engines that are written in Go, and ignored by others / `defaultAction` is there twice; the last one counts",
        ),
        (
            top(", §\"\u{17F}y\u{17F}calls\": []"),
            "`\u{17F}y\u{17F}calls` is taken for `syscalls` by engines that are written in Go, and ignored by others",
        ),
        (
            rule(r#", "errno": §"ENOSYS", "errnoRet": 5"#),
            "syscalls[0].errno: `errno` is read by Podman and CRI-O; other engines take the errno 5",
        ),
        (rule(r#", "errno": "5", "errnoRet": 5"#), ""),
        (
            rule(r#", "errnoRet": §65537"#),
            "syscalls[0].errnoRet: runtimes keep 16 bits of the errno 65537: 1",
        ),
        (
            rule(
                r#", "includes": {"caps": [§"sys_admin"], "arches": [§"x86_64"], "minKernel": §""}"#,
            ),
            "syscalls[0].includes.caps[0]: no engine ever has `sys_admin`, so this never holds / syscalls[0].includes.arches[0]: no engine ever has `x86_64`, so this never holds / syscalls[0].includes.minKernel: an empty `minKernel` holds on every kernel",
        ),
        (
            with(r#"{"name": §"a", "action": "SCMP_ACT_ALLOW"}"#),
            "syscalls[0].name: `name` is read by Docker and Podman; other engines want `names`",
        ),
        (
            with(r#"§{"action": "SCMP_ACT_ALLOW"}"#),
            "syscalls[0]: the rule names no call, so it does nothing",
        ),
        (
            with(r#"{"names": ["write"], "action": §§"SCMP_ACT_NOTIFY"}"#),
            "syscalls[0]: there is no `listenerPath`, without which runc refuses the rule / syscalls[0]: runc and youki refuse to ask a listener about `write`",
        ),
        (
            top(r#", "flags": §["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]"#),
            "flags: the kernel refuses SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV without a listener",
        ),
        (
            top(r#", "archMap": [{"architecture": §"amd64"}]"#),
            "archMap[0].architecture: no engine ever has `amd64`, so this never holds",
        ),
    ];
    for (text, expected) in table {
        has_remarks(&text, expected);
    }
    let condition = r#"{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}"#;
    let seven = [condition; 7].join(",");
    let text = with_condition(&seven).replace(r#""args": ["#, r#""args": §["#);
    has_remarks(
        &text,
        "syscalls[0].args: crun looks at the first six conditions of a rule only",
    );
    let many: String = (0..1005)
        .map(|number| format!(r#", "x{number}": 1"#))
        .collect();
    let all = remarks(&top(&many));
    assert_eq!(all.len(), 1001);
    assert!(
        all[1000].ends_with(": there are 5 more remarks"),
        "{}",
        all[1000]
    );
}

/// What runc 1.1 and crun 1.8 do with one change to a valid profile. Where both refuse, so do we; where they
/// differ or something is ignored, we refuse or say so.
#[test]
fn runtimes_and_the_reader_agree_on_what_is_accepted() {
    let top =
        |rest: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO"{rest}, "syscalls": []}}"#);
    let rule = |names: &str, action: &str, rest: &str| {
        with(&format!(
            r#"{{"names": {names}, "action": "{action}"{rest}}}"#
        ))
    };
    let allow = |names: &str, rest: &str| rule(names, "SCMP_ACT_ALLOW", rest);
    let eq = |index: u8| format!(r#"{{"index": {index}, "value": 1, "op": "SCMP_CMP_EQ"}}"#);
    let (yes, remark, no) = ("accepted", "remarked on", "refused");
    let table = [
        ("flags absent", top(""), yes),
        ("flags empty", top(r#", "flags": []"#), yes),
        (
            "flag log",
            top(r#", "flags": ["SECCOMP_FILTER_FLAG_LOG"]"#),
            yes,
        ),
        (
            "flag unknown",
            top(r#", "flags": ["SECCOMP_FILTER_FLAG_BOGUS"]"#),
            no,
        ),
        (
            "architecture unknown",
            top(r#", "architectures": ["SCMP_ARCH_BOGUS"]"#),
            no,
        ),
        (
            "architecture foreign",
            top(r#", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]"#),
            yes,
        ),
        // The audit remarks on names that no ABI has.
        ("name unknown", allow(r#"["nosuchcall"]"#, ""), yes),
        ("name of digits", allow(r#"["165"]"#, ""), yes),
        ("name empty", allow(r#"[""]"#, ""), no),
        ("no names", allow("[]", ""), remark),
        (
            "no conditions",
            allow(r#"["read"]"#, r#", "args": []"#),
            yes,
        ),
        (
            "errno on allow",
            allow(r#"["read"]"#, r#", "errnoRet": 5"#),
            no,
        ),
        (
            "errno on kill by default",
            r#"{"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}"#.to_owned(),
            no,
        ),
        (
            "action unknown",
            rule(r#"["read"]"#, "SCMP_ACT_NOPE", ""),
            no,
        ),
        (
            "operator unknown",
            with_condition(r#"{"index": 0, "value": 1, "op": "SCMP_CMP_XX"}"#),
            no,
        ),
        ("index 6", with_condition(&eq(6)), no),
        // The audit remarks on it: runtimes read it as either.
        (
            "index twice",
            with_condition(&[eq(0), eq(0)].join(",")),
            yes,
        ),
        (
            "no default action",
            r#"{"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#.to_owned(),
            no,
        ),
        ("empty", "{}".to_owned(), no),
        (
            "default errno 38",
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38}"#.to_owned(),
            yes,
        ),
        (
            "default errno 327718",
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 327718}"#.to_owned(),
            remark,
        ),
    ];
    for (case, text, expected) in table {
        let found = match profile(&text) {
            Err(_) => no,
            Ok(source) if source.origin.remarks.is_empty() => yes,
            Ok(_) => remark,
        };
        assert_eq!(found, expected, "{case}");
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

#[test]
fn texts_that_are_no_json_are_refused_where_they_go_wrong() {
    let table = [
        ("", "line 1 column 1: not JSON: no value"),
        (
            "{",
            "line 1 column 1: not JSON: EOF while parsing an object",
        ),
        (
            "{\n\n  \"a\": 1,\n}",
            "line 4 column 1: not JSON: key must be a string",
        ),
        ("{\"é\": tru}", "line 1 column 10: not JSON: expected ident"),
        ("{} x", "line 1 column 4: not JSON: expected value"),
        ("{}{}", "2 profiles in one file; split it"),
        (
            "{'a': 1}",
            "line 1 column 2: not JSON: key must be a string",
        ),
        ("{/**/}", "line 1 column 2: not JSON: key must be a string"),
        ("{\"a\": 01}", "line 1 column 8: not JSON: invalid number"),
        (
            "{\"a\": 0x1}",
            "line 1 column 8: not JSON: expected `,` or `}`",
        ),
        (
            "{\"a\": \"\0\"}",
            "line 1 column 7: not JSON: control character (\\u0000-\\u001F) found while parsing a string",
        ),
        (
            "{\"a\": \"\\ud800\"}",
            "line 1 column 8: not JSON: Invalid unicode escape sequence. 'd800 (unpaired high surrogate)' is not a valid UTF8 character",
        ),
        (
            "hello",
            "neither JSON nor a manifest of kind SeccompProfile",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn deep_large_and_truncated_texts_are_refused() {
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
        let error = refusal(&opening.repeat(1_000_000 / opening.len()));
        assert!(error.contains("EOF") || error.contains("nest"), "{error}");
    }
    let deep = format!(r#"{{"x": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(refusal(&deep).contains("nest"), "{}", refusal(&deep));
    let wide = format!("[{}0]", "0,".repeat(1_000_001));
    assert_eq!(refusal(&wide), "more than 1000000 values");
    let long = " ".repeat(SIZE_MAX_BYTES + 1);
    assert_eq!(refusal(&long), "larger than 16777216 bytes");
    let rules = vec![r#"{"names":["a"],"action":"SCMP_ACT_ALLOW"}"#; 20_001].join(",");
    assert!(refusal(&with(&rules)).ends_with("more than 20000 rules"));
    // Nothing shorter than the whole is a profile, and no cut makes the reader fall over.
    let text = include_str!("../../../../profiles/docker.json");
    let ends = (0..text.trim_end().len()).step_by(53);
    for end in ends.filter(|&end| text.is_char_boundary(end)) {
        assert!(profile(&text[..end]).is_err(), "{end}");
    }
}

/// A manifest with that spec.
fn manifest(spec: &str) -> String {
    let head = "apiVersion: security-profiles-operator.x-k8s.io/v1\nkind: SeccompProfile\n";
    format!("{head}metadata:\n  name: x\nspec:\n{spec}")
}

#[test]
fn the_operators_manifests_are_read() {
    let text = manifest(
        "  defaultAction: SCMP_ACT_ERRNO
  architectures: [SCMP_ARCH_NATIVE, SCMP_ARCH_X86]
  flags: [SECCOMP_FILTER_FLAG_LOG]
  syscalls:
  - action: SCMP_ACT_ALLOW
    names:
    - read
    - 'write'
  - action: SCMP_ACT_ERRNO
    errnoRet: 38
    names: [personality]
    args:
    - {index: 0, value: 0xffffffff, op: SCMP_CMP_EQ}
",
    );
    let source = profile(&text).unwrap();
    let at = |line, column| Position { line, column };
    assert_eq!(source.default_action, Action::Errno(1));
    assert_eq!(source.architectures, ["SCMP_ARCH_X86"]);
    assert_eq!(
        source.flags,
        Some(vec!["SECCOMP_FILTER_FLAG_LOG".to_owned()])
    );
    assert_eq!(source.rules[0].names, ["read", "write"]);
    assert_eq!(source.rules[0].positions.names, [at(12, 7), at(13, 7)]);
    assert_eq!(source.rules[1].action, Action::Errno(38));
    assert_eq!(source.rules[1].conditions[0].value, 0xFFFF_FFFF);
    assert_eq!(source.rules[1].positions.conditions, [at(18, 7)]);
    assert_eq!(source.origin.remarks, []);
    // The older version, as JSON, beside another document.
    let json = r#"{"apiVersion": "security-profiles-operator.x-k8s.io/v1beta1", "kind": "SeccompProfile",
        "spec": {"defaultAction": "SCMP_ACT_LOG"}}"#;
    assert_eq!(profile(json).unwrap().default_action, Action::Log);
    let two = format!("kind: AppArmorProfile\n---\n{text}");
    assert_eq!(
        remarks(&two),
        ["line 1 column 1: a document of kind `AppArmorProfile` is left out"]
    );
    assert_eq!(profile(&two).unwrap().rules.len(), 2);
}

#[test]
fn manifests_that_the_api_server_refuses_are_refused() {
    let spec = |rest: &str| manifest(&format!("  defaultAction: SCMP_ACT_ERRNO\n{rest}"));
    let rule = |rest: &str| {
        spec(&format!(
            "  syscalls:\n  - action: SCMP_ACT_ALLOW\n    names: [read]\n{rest}"
        ))
    };
    let two = spec("") + "---\n" + &spec("");
    let table = [
        (
            manifest("  state: Enabled\n"),
            "line 6 column 3: spec: the profile is empty: engines would run the container without any filter",
        ),
        (
            spec("").replace("/v1\n", "/v7\n"),
            "line 1 column 13: apiVersion: unknown version of the operator `security-profiles-operator.x-k8s.io/v7`",
        ),
        (
            spec("").replace("apiVersion", "apiversion"),
            "line 1 column 1: `apiVersion` is missing",
        ),
        (
            spec("").replace("spec", "Spec"),
            "line 1 column 1: `spec` is missing",
        ),
        (
            spec("").replace("SeccompProfile", "Pod"),
            "neither JSON nor a manifest of kind SeccompProfile",
        ),
        (
            spec("  baseProfileName: oci://x\n"),
            "line 7 column 20: spec.baseProfileName: it adds to the profile `oci://x`, which is not in this file",
        ),
        (
            rule("    args: [{index: 0, value: 9223372036854775808, op: SCMP_CMP_EQ}]\n"),
            "line 10 column 30: spec.syscalls[0].args[0].value: `9223372036854775808` is not an integer from 0 to 9223372036854775807",
        ),
        (
            rule("").replace("[read]", "[read, read]"),
            "line 9 column 19: spec.syscalls[0].names[1]: `read` is there twice, and engines mix the two",
        ),
        (
            rule("").replace("[read]", "[]"),
            "line 8 column 5: spec.syscalls[0]: `names` is missing",
        ),
        (
            rule("").replace("SCMP_ACT_ALLOW", "&a SCMP_ACT_ALLOW") + "    errnoRet: *a\n",
            "line 10 column 15: not YAML that a profile can be written in: aliases are not taken",
        ),
        (two, "2 profiles in one file; split it"),
    ];
    for (text, expected) in table {
        assert_eq!(refusal(&text), expected, "{text}");
    }
    assert_eq!(
        remarks(&spec("  state: Disabled\n  defaultErrnoRet: 38\n")),
        [
            "line 7 column 10: spec.state: the profile is disabled, so it is not installed",
            "line 8 column 3: spec: engines ignore the key `defaultErrnoRet`",
        ]
    );
}

#[test]
fn an_alias_bomb_is_refused_at_its_first_alias() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..64 {
        let before = level - 1;
        text += &format!("a{level}: &a{level} [*a{before}, *a{before}]\n");
    }
    assert!(
        refusal(&text).contains("line 2 column 10: "),
        "{}",
        refusal(&text)
    );
}

#[test]
fn what_inspektor_gadget_prints_is_read() {
    let json = r#"{
    "defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [
        {"names": ["read", "syscall_1f4", "unknown_syscall_500", "syscall_x"], "action": "SCMP_ACT_ALLOW"}
    ]
}
"#;
    let text = format!("// my-container\n{json}");
    let source = profile(&text).unwrap();
    assert_eq!(source.rules[0].names, ["read", "syscall_x"]);
    let at = |line, column| Position { line, column };
    assert_eq!(source.rules[0].positions.names, [at(6, 20), at(6, 66)]);
    assert_eq!(
        remarks(&text),
        [
            "line 6 column 28: syscalls[0].names[1]: `syscall_1f4` is a number without a name; it is left out",
            "line 6 column 43: syscalls[0].names[2]: `unknown_syscall_500` is a number without a name; it is left out",
        ]
    );
    let two = format!("{text}// other\n{json}");
    assert_eq!(refusal(&two), "2 profiles in one file; split it");
}

#[test]
fn our_own_profiles_need_no_remarks() {
    for text in [
        include_str!("../../../../profiles/docker.json"),
        include_str!("../../../../profiles/podman.json"),
    ] {
        assert_eq!(remarks(text), [""; 0]);
    }
}
