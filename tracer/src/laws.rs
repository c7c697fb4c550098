//! What the audit says of profiles that the minimizer makes, as a law over generated recordings and every
//! combination of options.
//!
//! Here, because neither of the two knows the other.

use crate::audit::findings::{self, Examined, Finding};
use crate::audit::rules::Severity;
use crate::audit::starts::Starting;
use crate::audit::{self, Base, Recorded, Subject, exploits};
use crate::minimize::laws::{facts, for_every_combination};
use crate::minimize::testing::{Fact, options, recording, runs};
use crate::minimize::{Options, Portability, Precision, minimize, proven};
use crate::profile::fallback::NamedValues;
use crate::profile::{
    Circumstances, KernelVersion, Meaning, Profile, Runtime, base as bases, chance, read, write,
};
use crate::syscall::{Abi, Call, capability, catalog};
use proptest::prelude::*;
use std::collections::BTreeSet;

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
        part: None,
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
        base: base.map(Base::meaning),
        starting: &Starting::none(),
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

/// Facts of some calls, each with the values that are given for it.
fn facts_of<'a>(
    names: impl IntoIterator<Item = &'a String>,
    given: &NamedValues,
) -> Vec<(&'a str, [u64; 3])> {
    let with_values = |name: &'a String| {
        let call = Call::named(Abi::X86_64, name);
        let arguments = call.map_or(&[][..], catalog::of);
        let mut values = [0; 3];
        for (value, argument) in values.iter_mut().zip(arguments) {
            let texts = given.get(argument.name).into_iter().flatten();
            let known = texts.filter_map(|text| catalog::value(call?, argument.index, text));
            *value = known.fold(0, |all, one| all | one);
        }
        (name.as_str(), values)
    };
    names.into_iter().map(with_values).collect()
}

/// The ways of exploits that a profile of these facts leaves open.
fn open_ways(
    facts: &[(&'static str, [u64; 3])],
    base: Option<&Profile>,
    chance: bool,
) -> BTreeSet<&'static str> {
    let facts = facts.iter();
    let facts = facts.map(|&(name, values)| (Abi::X86_64, name, false, values));
    let options = Options {
        chance,
        ..options(base.cloned())
    };
    let made = minimize(&runs([&recording(facts.collect())]), &options);
    exploits::open_ways(&Meaning::of(&made.profile, Abi::X86_64), Abi::X86_64)
}

/// What comes by chance or gives no more power is no way of an exploit that was not one already, but for what
/// says why it must be one nevertheless.
#[test]
fn what_comes_by_chance_reopens_no_way() {
    let docker = bases::docker().resolve(&circumstances());
    let known = chance::known();
    let companions = known.chance.iter().chain(&known.equals);
    let mut despite = BTreeSet::new();
    for base in [Some(&docker), None] {
        for one in companions.clone() {
            for when in &one.when {
                let mut facts = facts_of([when].into_iter().chain(&one.with), &one.given);
                let before = open_ways(&facts, base, false);
                facts.extend(facts_of(&one.then, &one.arguments));
                let found = &open_ways(&facts, base, false) - &before;
                match &one.despite {
                    None => assert_eq!(found, BTreeSet::new(), "{when} {:?}", one.then),
                    Some(_) => despite.extend(found),
                }
            }
        }
        for one in &known.tuning {
            for when in &one.when {
                let facts = facts_of([when], &NamedValues::new());
                let found = &open_ways(&facts, base, true) - &open_ways(&facts, base, false);
                assert_eq!(found, BTreeSet::new(), "{when} {:?}", one.options);
            }
        }
    }
    let expected = [
        "advice on memory",
        "dropping pages",
        "epoll",
        "merging of equal pages",
        "requeue of futexes",
    ];
    assert_eq!(despite, expected.into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn our_audit_has_nothing_above_info_for_the_defaults(facts in facts()) {
        let options = options(Some(bases::docker().resolve(&circumstances())));
        prop_assert!(is_default(&options));
        is_clean(&options, facts)?;
    }
}
