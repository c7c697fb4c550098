//! A generated profile as an addition to one that is there already: what was written before stays as it is,
//! and what it does not speak of is added.
//!
//! The rules are oci-seccomp-bpf-hook's for its input file, but for `archMap`, which that hook leaves beside
//! `architectures`, so that no engine takes the result.

use super::model::{Action, Profile};
use super::position::RulePositions;
use super::source::{Filter, Source, SourceRule};
use crate::syscall::Abi;
use std::collections::BTreeSet;

/// What is refused is refused with this where the profile that is there does not say otherwise: EPERM.
const REFUSAL: Action = Action::Errno(1);

/// `input` with what `generated` has beyond it.
///
/// A call that the input names anywhere is the input's business, whatever its action and conditions are. All
/// that is not spoken of is refused.
#[must_use]
pub fn extended(input: &Source, generated: &Profile, host: Abi) -> Source {
    let default_action = [input.default_action, generated.default_action]
        .into_iter()
        .find(|action| matches!(action, Action::Errno(_)))
        .unwrap_or(REFUSAL);
    let mut architectures = input.architectures(host);
    for abi in &generated.abis {
        let name = abi.oci_name();
        if !architectures.iter().any(|known| known == name) {
            architectures.push(name.to_owned());
        }
    }
    let spoken_of: BTreeSet<&str> = input
        .rules
        .iter()
        .flat_map(|rule| rule.names.iter().map(String::as_str))
        .collect();
    let new = generated.rules.iter().filter_map(|rule| {
        let names = rule.names.iter();
        let names = names.filter(|name| !spoken_of.contains(name.as_str()));
        let names: Vec<String> = names.cloned().collect();
        // Runtimes skip what says no more than the default.
        let says_something = !names.is_empty() && rule.action != default_action;
        says_something.then(|| SourceRule {
            names,
            action: rule.action,
            conditions: rule.conditions.clone(),
            comment: None,
            includes: Filter::default(),
            excludes: Filter::default(),
            positions: RulePositions::default(),
        })
    });
    Source {
        default_action,
        architectures,
        arch_map: Vec::new(),
        rules: input.rules.iter().cloned().chain(new).collect(),
        ..input.clone()
    }
    .without_origin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Circumstances, KernelVersion, Meaning, base, read, write};
    use crate::syscall::capability;

    const GENERATED: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
        {"names": ["getpid", "mount", "read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
        {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}"#;

    fn circumstances() -> Circumstances {
        Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        }
    }

    fn generated() -> Profile {
        read::profile(GENERATED).unwrap().resolve(&circumstances())
    }

    #[track_caller]
    fn assert_gives(input: &str, expected: &str) {
        let input = read::profile(input).unwrap();
        let joined = extended(&input, &generated(), Abi::X86_64);
        let expected = read::profile(expected).unwrap().without_origin();
        assert_eq!(joined, expected);
        // The same once more adds nothing.
        assert_eq!(extended(&joined, &generated(), Abi::X86_64), joined);
    }

    #[test]
    fn what_the_input_names_stays_the_inputs_business() {
        assert_gives(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"],
                "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": [
                {"names": ["mount"], "action": "SCMP_ACT_KILL", "comment": "never"},
                {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_NET_RAW"]}}]}"#,
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
                "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": [
                {"names": ["mount"], "action": "SCMP_ACT_KILL", "comment": "never"},
                {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_NET_RAW"]}},
                {"names": ["getpid", "read"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}"#,
        );
    }

    #[test]
    fn what_nobody_speaks_of_is_refused() {
        // With the errno of the input if it refuses, else with that of the generated profile.
        for (default, errno) in [
            (r#""SCMP_ACT_ALLOW""#, 38),
            (r#""SCMP_ACT_KILL""#, 38),
            (r#""SCMP_ACT_ERRNO", "defaultErrnoRet": 13"#, 13),
        ] {
            let input = format!(r#"{{"defaultAction": {default}, "syscalls": []}}"#);
            let input = read::profile(&input).unwrap();
            let joined = extended(&input, &generated(), Abi::X86_64);
            assert_eq!(joined.default_action, Action::Errno(errno), "{default}");
        }
    }

    #[test]
    fn the_engines_defaults_can_be_added_to_and_engines_take_the_result() {
        for default in [base::docker(), base::podman()] {
            let joined = extended(default, &generated(), Abi::X86_64);
            let written = write::docker(&joined).unwrap();
            assert_eq!(read::profile(&written).unwrap().without_origin(), joined);
            // All that is named there stays as it was.
            let circumstances = circumstances();
            let before = Meaning::of(&default.resolve(&circumstances), Abi::X86_64);
            let after = Meaning::of(&joined.resolve(&circumstances), Abi::X86_64);
            for call in crate::syscall::calls(Abi::X86_64) {
                let (before, after) = (before.permitted(call), after.permitted(call));
                assert_eq!(before, after, "{call}");
            }
        }
    }
}
