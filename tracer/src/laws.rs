//! What the audit says of profiles that the minimizer makes, as a law over generated recordings and every
//! combination of options.
//!
//! Here, because neither of the two knows the other.

use crate::audit::findings::{self, Examined, Finding};
use crate::audit::rules::Severity;
use crate::audit::{self, Base, Recorded, Subject, exploits};
use crate::minimize::laws::{facts, for_every_combination};
use crate::minimize::testing::{Fact, options, recording, runs};
use crate::minimize::{Options, Portability, Precision, proven};
use crate::profile::{
    Circumstances, KernelVersion, Meaning, Profile, Runtime, base as bases, read, write,
};
use crate::syscall::{Abi, Call, capability};
use proptest::prelude::*;

/// Findings that would be our own mistakes: no recording and no option excuses them.
const OWN_GOALS: &[&str] = &[
    "enosys-needed",
    "ignored-",
    "missing-",
    "shadowed-",
    "redundant-",
    "unknown-name",
    "repeated-argument",
    "unreachable-rule",
    "refused-profile",
    "misread-dialect",
];

fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

/// Everything that the audit says of a profile which was made and written.
fn audited(made: &Profile, base: Option<&Base>, runtime: Option<Runtime>) -> Vec<Finding> {
    let circumstances = circumstances();
    let source = read::profile(&write::oci(made)).unwrap();
    let profile = source.resolve(&circumstances);
    let subject = Subject {
        profile: "p".to_owned(),
        base: None,
        native: circumstances.host,
        kernel: "6.1".to_owned(),
        capabilities: circumstances.capabilities.clone(),
        default_action: profile.default_action,
        runtime,
    };
    let audit = audit::audit(subject, &profile, base, &Recorded::default());
    let meaning = Meaning::under(&profile, circumstances.host, runtime);
    let docker = Meaning::of(&bases::docker().resolve(&circumstances), circumstances.host);
    let exposure = exploits::exposure(&meaning, &docker, &circumstances);
    let examined = Examined {
        source: &source,
        circumstances: &circumstances,
        profile: &profile,
        meaning: &meaning,
        engine: None,
        runtime,
        exposure: &exposure,
    };
    findings::findings(&examined, &audit)
}

/// What nobody has to ask for, for a container of Docker's.
fn is_default(options: &Options) -> bool {
    let docker = bases::docker().resolve(&circumstances());
    options.base == Some(docker)
        && options.precision == Precision::default()
        && options.portability == Portability::default()
}

/// A 32-bit program that was seen to make the call behind which all others hide must be let, so that what is
/// said of the others does not bind it.
fn is_by_32_bit_multiplexer(finding: &Finding, made: &Profile) -> bool {
    let by = finding.matter.call().and_then(Call::name);
    let permits = |name| {
        let mut rules = made.rules.iter().filter(|rule| rule.action.permits());
        rules.any(|rule| rule.names.iter().any(|known| known == name))
    };
    finding.rule().id() == "multiplexed-call" && by.is_some_and(permits)
}

/// Nothing that would be our own mistake; and for the defaults nothing above `info`.
fn is_clean(options: &Options, facts: Vec<Fact>) -> Result<(), TestCaseError> {
    let made = proven(&runs([&recording(facts)]), options)
        .map_err(|error| TestCaseError::fail(error.to_string()))?
        .profile;
    let default = is_default(options);
    let base = Base::new(bases::docker().clone(), circumstances());
    for runtime in [None, Some(Runtime::Runc), Some(Runtime::Crun)] {
        for finding in audited(&made, default.then_some(&base), runtime) {
            let id = finding.rule().id();
            let own = OWN_GOALS.iter().any(|start| id.starts_with(start));
            prop_assert!(!own, "{:?} {:?}", runtime, finding);
            let is_info = finding.severity == Severity::Info;
            let excused = is_info || is_by_32_bit_multiplexer(&finding, &made);
            prop_assert!(!default || excused, "{:?} {:?}", runtime, finding);
        }
    }
    Ok(())
}

#[test]
fn our_audit_has_nothing_to_say_against_our_profiles() {
    for_every_combination(&facts(), |options, _, facts| is_clean(options, facts));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn our_audit_has_nothing_above_info_for_the_defaults(facts in facts()) {
        let options = options(Some(bases::docker().resolve(&circumstances())));
        prop_assert!(is_default(&options));
        is_clean(&options, facts)?;
    }
}
