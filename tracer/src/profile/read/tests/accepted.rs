//! What is read: where it stands, what there is to remark, and what runtimes think of it.

use super::{has_remarks, remarks, with, with_condition};
use crate::profile::read::profile;
use crate::profile::{Condition, Filter, Operator, Position};

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
            r#"{"defaultAction": "SCMP_ACT_ERRNO", §"sycalls": []}"#.to_owned(),
            "engines ignore the key `sycalls`; `syscalls` is meant, and missing",
        ),
        (
            with(r#"§{§"nmaes": ["a"], "action": "SCMP_ACT_ERRNO"}"#),
            "syscalls[0]: the rule names no call, so it does nothing / syscalls[0]: engines ignore the key `nmaes`; `names` is meant, and missing",
        ),
        (
            with(r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "errnoRet": §5}"#),
            "syscalls[0].errnoRet: `errnoRet` with SCMP_ACT_ALLOW, which takes no errno: runc ignores it, crun refuses the profile",
        ),
        (
            with(r#"{"names": ["a", §""], "action": "SCMP_ACT_ALLOW"}"#),
            "syscalls[0].names[1]: an empty name: runc refuses the profile, crun skips it",
        ),
        (
            rule(r#", "args": [{"index": 0, "value": 0, "valueTwo": §1, "op": "SCMP_CMP_EQ"}]"#),
            "syscalls[0].args[0].valueTwo: SCMP_CMP_EQ does not look at `valueTwo`",
        ),
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
        ("name empty", allow(r#"[""]"#, ""), remark),
        ("no names", allow("[]", ""), remark),
        (
            "no conditions",
            allow(r#"["read"]"#, r#", "args": []"#),
            yes,
        ),
        (
            "errno on allow",
            allow(r#"["read"]"#, r#", "errnoRet": 5"#),
            remark,
        ),
        (
            "errno on kill by default",
            r#"{"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}"#.to_owned(),
            remark,
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
fn our_own_profiles_need_no_remarks() {
    for text in [
        include_str!("../../../../../profiles/docker.json"),
        include_str!("../../../../../profiles/podman.json"),
    ] {
        assert_eq!(remarks(text), [""; 0]);
    }
}
