//! The operator's manifests, and what Inspektor Gadget prints.

use super::{refusal, remarks};
use crate::profile::read::profile;
use crate::profile::{Action, Position};

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
    let ignored = r#"{"kind": "x", "defaultAction": "SCMP_ACT_LOG"}"#;
    assert_eq!(profile(ignored).unwrap().default_action, Action::Log);
    let other = r#"{"kind": "Pod", "apiVersion": "v1", "defaultAction": "SCMP_ACT_LOG"}"#;
    let no = "neither a profile nor a manifest of kind SeccompProfile";
    assert_eq!(refusal(other), no);
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
            "neither a profile nor a manifest of kind SeccompProfile",
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
        (two, "2 profiles in one file: `x`, `x#2`"),
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
