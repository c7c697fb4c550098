//! The proof on profiles that are compiled right, and on those that are known not to be.

use super::*;
use crate::profile::{Circumstances, Condition, KernelVersion, Operator, Rule, base};
use crate::syscall::capability;
use Operator::{Eq, Ge, Gt, Le, Lt, MaskedEq, Ne};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

#[test]
fn the_default_profiles_are_compiled_right() {
    for source in [base::docker(), base::podman()] {
        let profile = source.resolve(&circumstances());
        let proof = prove(&profile, Abi::X86_64, None).unwrap();
        assert_eq!(proof.miscompiled, []);
    }
}

#[test]
fn dockers_default_exceeds_itself_only_in_the_kernels_view() {
    let profile = base::docker().resolve(&circumstances());
    let meaning = Meaning::of(&profile, Abi::X86_64);
    let proof = prove(&profile, Abi::X86_64, Some(&meaning)).unwrap();
    let shown: Vec<_> = proof.beyond.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["socket(0x100000026, 0x0, 0x0, 0x0, 0x0, 0x0)"]);
    assert!(proof.beyond[0].only_in_kernel_view);
}

/// A condition on an argument.
type Test = (u8, Operator, u64);

fn profile(abis: &[Abi], rules: &[(Action, Vec<Condition>)]) -> Profile {
    let rules = rules.iter().map(|(action, conditions)| Rule {
        names: vec!["socket".to_owned()],
        action: *action,
        conditions: conditions.clone(),
    });
    Profile {
        default_action: Action::Errno(1),
        abis: abis.iter().copied().collect(),
        other_architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules: rules.collect(),
    }
}

fn conditions(tests: &[Test]) -> Vec<Condition> {
    let each = tests.iter().map(|&(index, operator, value)| Condition {
        index,
        operator,
        value,
        value_two: 0,
    });
    each.collect()
}

/// Rules of one action of which libseccomp up to 2.6.1 makes something else, with calls and whether they
/// are meant to be allowed, and are.
#[test]
fn known_miscompilations_are_found() {
    type Case = (
        &'static [&'static [Test]],
        &'static [([u64; 2], bool, bool)],
    );
    const FIVE: u64 = 5 << 32;
    let table: [Case; 5] = [
        (
            &[&[(0, Ne, 0)], &[(1, Ne, 5), (0, Ne, 1)]],
            &[
                ([0, 5], false, true),
                ([0, 6], true, true),
                ([1, 5], true, true),
            ],
        ),
        (
            &[&[(0, Eq, 0)], &[(1, Ne, 5), (0, Ne, 1)]],
            &[
                ([0, 5], true, false),
                ([1, 5], false, false),
                ([2, 6], true, true),
            ],
        ),
        (
            &[&[(0, Lt, 2), (1, Gt, 2)], &[(0, Gt, 1)]],
            &[
                ([0, 2], false, true),
                ([1, 2], false, true),
                ([2, 0], true, true),
            ],
        ),
        (
            &[&[(0, Gt, 0x5_0000_0001)], &[(0, Le, 0)]],
            &[
                ([5, 0], false, true),
                ([0, 0], true, true),
                ([FIVE + 2, 0], true, true),
            ],
        ),
        (
            &[&[(0, Lt, 0x5_0000_0001)], &[(0, Ge, 0x1_0000_0005)]],
            &[([FIVE + 1, 0], true, false), ([3, 0], true, true)],
        ),
    ];
    let call = Call::named(Abi::X86_64, "socket").unwrap();
    for (rules, probes) in table {
        let rules: Vec<_> = rules
            .iter()
            .map(|tests| (Action::Allow, conditions(tests)))
            .collect();
        let profile = profile(&[], &rules);
        let meaning = Meaning::of(&profile, Abi::X86_64);
        let mut program = Program::compile(&profile, Abi::X86_64).unwrap();
        for layout in Layout::ALL {
            let code = program.code(layout).unwrap();
            for &([first, second], meant, compiled) in probes {
                let arguments = [first, second, 0, 0, 0, 0];
                let data = Data {
                    architecture: call.abi.audit_arch(),
                    number: call.filter_number(),
                    arguments,
                };
                assert_eq!(meaning.action(call, &arguments).permits(), meant);
                assert_eq!(code.answer(&data).permits(), compiled);
            }
        }
        let proof = prove(&profile, Abi::X86_64, None).unwrap();
        let [found] = &proof.miscompiled[..] else {
            panic!("{:?}", proof.miscompiled);
        };
        assert_eq!(found.call, call);
        assert_eq!(found.layouts, Layout::ALL);
        assert_eq!(meaning.action(call, &found.witness), found.meant);
        assert!(!proof.holds());
    }
}

/// With i386 beside it, even equality goes wrong where the two see different rules as one, and where parts
/// of their programs are taken for the same; the second only in the tree.
#[test]
fn a_second_abi_makes_the_compiler_err() {
    const HIGH: u64 = 1 << 32;
    type Case = (&'static [&'static [Test]], [u64; 6], &'static [Layout]);
    let table: [Case; 2] = [
        (
            &[
                &[(1, Eq, HIGH | 2)],
                &[(1, Eq, 2), (2, Eq, 2)],
                &[(1, Eq, 0)],
            ],
            [0, 2, 0, 0, 0, 0],
            &Layout::ALL,
        ),
        (
            &[
                &[(0, Eq, 2), (1, Eq, 5), (2, Eq, 1)],
                &[(1, Eq, 1)],
                &[(0, Eq, 2), (1, Eq, 0)],
            ],
            [2, 5, 0, 0, 0, 0],
            &[Layout::Tree],
        ),
    ];
    for (rules, witness, layouts) in table {
        let rules: Vec<_> = rules
            .iter()
            .map(|tests| (Action::Allow, conditions(tests)))
            .collect();
        let alone = prove(&profile(&[], &rules), Abi::X86_64, None).unwrap();
        assert_eq!(alone.miscompiled, []);
        let both = prove(&profile(&[Abi::I386], &rules), Abi::X86_64, None).unwrap();
        let expected = Miscompiled {
            call: Call::named(Abi::X86_64, "socket").unwrap(),
            witness,
            meant: Action::Errno(1),
            compiled: Action::Allow,
            layouts: layouts.to_vec(),
        };
        assert_eq!(both.miscompiled[0], expected);
    }
}

#[test]
fn a_filter_beyond_its_base_is_found_though_its_rules_are_not() {
    // By their words, the rules stay within the base.
    let base = [
        (Action::Allow, conditions(&[(0, Gt, 0x5_0000_0001)])),
        (Action::Allow, conditions(&[(0, Lt, 1)])),
    ];
    let base = Meaning::of(&profile(&[], &base), Abi::X86_64);
    let rules = [
        (Action::Allow, conditions(&[(0, Gt, 0x5_0000_0001)])),
        (Action::Allow, conditions(&[(0, Le, 0)])),
    ];
    let proof = prove(&profile(&[], &rules), Abi::X86_64, Some(&base)).unwrap();
    let beyond: Vec<_> = proof
        .beyond
        .iter()
        .map(|one| one.only_in_kernel_view)
        .collect();
    assert_eq!(beyond, [false]);
    assert!(proof.beyond[0].witness[0] <= 0x5_0000_0001);
}

#[test]
fn numbers_without_a_name_count_too() {
    let mut open = profile(&[], &[]);
    open.default_action = Action::Allow;
    let base = Meaning::of(&profile(&[], &[]), Abi::X86_64);
    let proof = prove(&open, Abi::X86_64, Some(&base)).unwrap();
    assert_eq!(proof.miscompiled, []);
    assert!(proof.beyond.iter().any(|one| one.call.name().is_none()));
}

fn value() -> impl Strategy<Value = u64> + Clone {
    let half = || prop_oneof![3 => 0..5u64, 1 => Just(0xFFFF_FFFFu64), 1 => Just(0x8000_0000)];
    (prop_oneof![2 => Just(0), 1 => half()], half()).prop_map(|(high, low)| high << 32 | low)
}

fn condition(
    index: impl Strategy<Value = u8>,
    operators: &'static [Operator],
    value: impl Strategy<Value = u64> + Clone,
) -> impl Strategy<Value = Condition> {
    let operator = prop::sample::select(operators);
    (index, operator, value.clone(), value).prop_map(|(index, operator, value, second)| Condition {
        index,
        operator,
        value,
        value_two: if operator == MaskedEq { second } else { 0 },
    })
}

/// At most one condition for each argument, by its position.
fn rule(
    longest: usize,
    condition: impl Strategy<Value = Condition>,
) -> impl Strategy<Value = Vec<Condition>> {
    prop::collection::vec(condition, 1..=longest).prop_map(|mut rule| {
        rule.sort();
        rule.dedup_by_key(|condition| condition.index);
        rule
    })
}

const EVERY: &[Operator] = &[Ne, Lt, Le, Eq, Ge, Gt, MaskedEq];

/// Rules of the shapes that libseccomp was never seen to compile wrong: one rule, and rules of one condition
/// with a constant below 2^32.
fn right_rules() -> impl Strategy<Value = Vec<(Action, Vec<Condition>)>> {
    let narrow = value().prop_map(|value| value & 0xFFFF_FFFF);
    let alone = rule(1, condition(0..3u8, EVERY, narrow));
    let allow = |rule| (Action::Allow, rule);
    prop_oneof![
        rule(3, condition(0..6u8, EVERY, value())).prop_map(move |rule| vec![allow(rule)]),
        prop::collection::vec(alone.prop_map(allow), 1..7),
    ]
}

proptest! {
    // What a compiler does wrong must not be found by chance, on somebody else's machine.
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(38), ..ProptestConfig::with_cases(48) })]

    #[test]
    fn what_libseccomp_compiles_right_is_proved(rules in right_rules(), more in any::<bool>()) {
        let abis: &[Abi] = if more { &[Abi::I386, Abi::X32] } else { &[] };
        let proof = prove(&profile(abis, &rules), Abi::X86_64, None).unwrap();
        prop_assert_eq!(proof.miscompiled, vec![]);
    }
}
