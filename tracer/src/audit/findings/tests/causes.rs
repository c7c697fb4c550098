//! What is put together, and that nothing is lost by that.

use super::*;
use crate::profile::compiled::{Layout, Program};
use crate::profile::proof::{self, Data};

#[test]
fn findings_are_bounded() {
    let names: Vec<String> = (0..FINDINGS_MAX + 7).map(|n| format!("no{n:06}")).collect();
    let found = grouped(&source(&[&allow(&names.join(" "))]), "none");
    let [unknown] = &found
        .iter()
        .filter(|one| one.rule() == RuleId::UnknownName)
        .collect::<Vec<_>>()[..]
    else {
        panic!("{found:?}");
    };
    assert_eq!(unknown.also.len(), FINDINGS_MAX + 1);
    let last = &unknown.also[FINDINGS_MAX].matter;
    assert!(matches!(last, Matter::More { count: 6, .. }), "{last:?}");
}

/// What is found, cause by cause.
fn grouped(source: &Source, with: &str) -> Vec<Finding> {
    let circumstances = circumstances();
    let profile = source.resolve(&circumstances);
    let meaning = Meaning::of(&profile, circumstances.host);
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
    let found = examine(source, None, with);
    bounded(audit::findings::causes::by_cause(
        found,
        &Places::of(&examined),
    ))
}

/// As `id severity line: names…; rules of what follows`.
fn causes_told(found: &[Finding]) -> Vec<String> {
    let each = found.iter().filter(|one| one.severity > Severity::Info);
    each.map(|one| {
        let line = one.place.map_or(0, |place| place.position.line);
        let names = Vec::from_iter(one.names()).join(" ");
        let follows: BTreeSet<&str> = one
            .also
            .iter()
            .map(|member| member.matter.rule().id())
            .collect();
        let own = one.rule().id();
        let follows: Vec<&str> = follows.into_iter().filter(|id| *id != own).collect();
        format!(
            "{own} {} {line}: {names}; {}",
            one.severity,
            follows.join(" ")
        )
    })
    .collect()
}

#[test]
fn each_cause_is_found_once() {
    let floor = allow(FLOOR);
    let greater = rule(
        "socket",
        "ALLOW",
        r#", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]"#,
    );
    let table: [(&[&str], &[&str]); 7] = [
        // All that one capability gives is one cause, and what nobody is given another.
        (
            &[
                &floor,
                &allow("mount bpf"),
                &allow("setns"),
                &allow("keyctl add_key"),
            ],
            &[
                "beyond-base high 3: bpf mount setns; ",
                "beyond-base high 5: add_key keyctl; ",
            ],
        ),
        (
            &[&floor, &allow("io_uring_enter"), &allow("io_uring_setup")],
            &["io-uring-bypass high 4: io_uring_enter io_uring_setup; beyond-base"],
        ),
        (
            &[&floor, &greater],
            &["truncation-bypass medium 3: socket; "],
        ),
        (
            &[&floor, &allow("opeen"), &allow("zzzzzzzz yyyyyyyy")],
            &[
                "unknown-name low 4: yyyyyyyy zzzzzzzz; ",
                "unknown-name medium 3: opeen; ",
            ],
        ),
        (
            &[
                &floor,
                "{\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}",
                "{\"name\": \"write\", \"action\": \"SCMP_ACT_ALLOW\"}",
            ],
            &["ignored-text low 3: ; "],
        ),
        (
            &[
                &floor,
                "{\"nmaes\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}",
            ],
            &["mistyped-key high 3: ; ignored-text"],
        ),
        (
            &[&allow("read")],
            &["missing-essential high 1: execve exit exit_group restart_syscall rt_sigreturn; "],
        ),
    ];
    for (rules, expected) in table {
        let found = grouped(&source(rules), "base");
        let told = causes_told(&found);
        let told: BTreeSet<&str> = told.iter().map(String::as_str).collect();
        assert_eq!(told, expected.iter().copied().collect(), "{rules:?}");
    }
}

#[test]
fn what_a_default_lets_through_is_its_finding_and_nothing_is_lost_by_that() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mount", "bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#;
    let source = read::profile(text).unwrap();
    let single = examine(&source, None, "base");
    let found = grouped(&source, "base");
    let high: Vec<&Finding> = found
        .iter()
        .filter(|one| one.severity > Severity::Low)
        .collect();
    let [weak] = &high[..] else {
        panic!("{high:?}");
    };
    assert_eq!(weak.rule(), RuleId::WeakDefault);
    let calls = |matters: &mut dyn Iterator<Item = &Matter>| -> BTreeSet<Call> {
        let excess = matters.filter_map(|matter| match matter {
            Matter::Beyond(excess) => Some(excess.call),
            _ => None,
        });
        excess.collect()
    };
    let before = calls(&mut single.iter().map(|one| &one.matter));
    assert!(before.len() > 60);
    assert_eq!(calls(&mut found.iter().flat_map(Finding::matters)), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is said to go beyond the base passes the filter that libseccomp makes, and only what is said to be
    /// miscompiled answers otherwise than it was judged.
    #[test]
    fn judging_agrees_with_the_compiled_filter(rules in prop::collection::vec(small_rule(), 1..4)) {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let source = source(&rules);
        let profile = source.resolve(&circumstances());
        let Ok(proof) = proof::prove(&profile, Abi::X86_64, None) else {
            return Ok(());
        };
        let Ok(mut program) = Program::compile(&profile, Abi::X86_64) else {
            return Ok(());
        };
        let code = program.code(Layout::List).unwrap();
        let wrong: BTreeSet<Call> = proof.miscompiled.iter().map(|one| one.call).collect();
        for finding in examine(&source, None, "base") {
            let (Some(call), Some(arguments)) = (finding.matter.call(), finding.matter.witness()) else {
                continue;
            };
            let data = Data {
                architecture: call.abi.audit_arch(),
                number: call.filter_number(),
                arguments,
            };
            let answer = code.answer(&data);
            let passes = matches!(finding.matter, Matter::Beyond(_) | Matter::Truncated { .. });
            prop_assert!(!passes || answer.permits() || wrong.contains(&call), "{:?}: {:?}", finding, answer);
        }
    }
}
