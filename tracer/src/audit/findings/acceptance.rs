//! What is said of profiles that runtimes refuse, or take for something else than is written.

use super::*;
use crate::audit::{self, Recorded, Subject};
use crate::profile::{KernelVersion, read};
use crate::syscall::{Abi, capability};

/// The ids of the rules of which something is found.
fn found_in(source: &Source) -> Vec<&'static str> {
    let circumstances = Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    };
    let profile = source.resolve(&circumstances);
    let subject = Subject {
        profile: "p".to_owned(),
        part: None,
        base: None,
        native: Abi::X86_64,
        kernel: "6.1".to_owned(),
        capabilities: circumstances.capabilities.clone(),
        default_action: profile.default_action,
        runtime: None,
    };
    let audit = audit::audit(subject, &profile, None, &Recorded::default());
    let meaning = Meaning::of(&profile, Abi::X86_64);
    let examined = Examined {
        source,
        circumstances: &circumstances,
        profile: &profile,
        meaning: &meaning,
        engine: None,
        runtime: None,
        exposure: &[],
        base: None,
        starting: &Starting::none(),
    };
    let findings = findings(&examined, &audit);
    findings.iter().map(|one| one.rule().id()).collect()
}

/// Profiles that are broken or odd, with what runc 1.1.5 and crun 1.8.1 did with them, and what we say: what
/// both refuse is refused, with a reason; what either takes for something else is told.
#[test]
fn what_runtimes_refuse_is_refused_and_what_they_read_otherwise_is_told() {
    let rule =
        |rule: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rule}]}}"#);
    let named = |name: &str, more: &str| {
        rule(&format!(
            r#"{{"names": ["{name}"], "action": "SCMP_ACT_ALLOW"{more}}}"#
        ))
    };
    let test = |index: u8, operator: &str, value: u8| {
        format!(r#"{{"index": {index}, "value": {value}, "op": "SCMP_CMP_{operator}"}}"#)
    };
    let tests = |tests: &[String]| named("socket", &format!(r#", "args": [{}]"#, tests.join(",")));
    let top = |keys: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", {keys}}}"#);
    let table = [
        (top(r#""flags": []"#), "ok", "ok", ""),
        (top(r#""flags": ["SECCOMP_FILTER_FLAG_LOG"]"#), "error", "ok", ""),
        (top(r#""flags": ["SECCOMP_FILTER_FLAG_TSYNC"]"#), "error", "ok", ""),
        (top(r#""flags": ["SECCOMP_FILTER_FLAG_X"]"#), "error", "error", "refused"),
        (top(r#""architectures": ["SCMP_ARCH_X"]"#), "error", "error", "refused"),
        (
            top(r#""architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_PPC64"]"#),
            "error",
            "error",
            "refused-profile",
        ),
        (
            top(r#""architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]"#),
            "ok",
            "ok",
            "",
        ),
        (named("nosuchcall", ""), "skipped", "skipped", "unknown-name"),
        (named("165", ""), "skipped", "skipped", "unknown-name"),
        (named("", ""), "error", "skipped", "ignored-text"),
        (
            rule(r#"{"names": [], "action": "SCMP_ACT_ALLOW"}"#),
            "ok",
            "ok",
            "ignored-text",
        ),
        (named("open", r#", "args": []"#), "ok", "ok", ""),
        (named("open", r#", "errnoRet": 5"#), "ignored", "error", "ignored-text"),
        (
            r#"{"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}"#.to_owned(),
            "ignored",
            "error",
            "ignored-text",
        ),
        (
            rule(r#"{"names": ["open"], "action": "SCMP_ACT_NOPE"}"#),
            "error",
            "error",
            "refused",
        ),
        (tests(&[test(0, "XX", 1)]), "error", "error", "refused"),
        (tests(&[test(6, "EQ", 1)]), "error", "error", "refused"),
        (
            rule(&["ALLOW", "KILL"].map(|action| {
                let test = test(0, "EQ", 1);
                format!(r#"{{"names": ["socket"], "action": "SCMP_ACT_{action}", "args": [{test}]}}"#)
            }).join(",")),
            "error",
            "error",
            "refused-profile",
        ),
        (
            tests(&[test(0, "EQ", 1), test(0, "EQ", 2)]),
            "or",
            "or",
            "repeated-argument",
        ),
        (r#"{"syscalls": []}"#.to_owned(), "error", "error", "refused"),
        ("{}".to_owned(), "no filter", "error", "refused"),
        (top(r#""defaultErrnoRet": 38"#), "ok", "ok", ""),
    ];
    for (text, runc, crun, expected) in table {
        let ids = match read::profile(&text) {
            Err(_) => vec!["refused"],
            Ok(source) => found_in(&source),
        };
        let found = ids.contains(&expected) || expected.is_empty();
        assert!(found, "{text}: {ids:?}");
        if (runc, crun) == ("error", "error") {
            assert!(expected.starts_with("refused"), "{text}");
        }
    }
}
