//! Random profiles: what the product says each filter does is what the filter does, and where the compiler
//! is wrong, the product says so.

use crate::{Condition, profile, text};
use house_tests::filter::Filter;
use house_tests::judge::{Host, Judge};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use seccomp_tracer::profile::proof::{self, Proof};
use seccomp_tracer::profile::{Action, ArgumentSet, Meaning};
use seccomp_tracer::syscall::{Abi, Call};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub(crate) const TESTS: [(&str, fn()); 3] = house_tests::tests![
    shapes_that_the_compiler_gets_right_are_proved_right,
    rules_with_several_actions_are_decided_by_the_order_of_the_tests,
    what_the_compiler_does_wrong_is_found,
];

/// Profiles of each kind.
const CASES: u32 = 300;

type Rules = Vec<(&'static str, u16, Vec<Condition>)>;

const EVERY: [&str; 7] = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
const ABIS: [&str; 2] = ["X86", "X32"];

fn half() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..6u64, 1 => Just(0xFFFF_FFFF), 1 => Just(0x8000_0000), 1 => 0..=0xFFFF_FFFFu64]
}

fn wide() -> BoxedStrategy<u64> {
    (prop_oneof![2 => Just(0), 1 => half()], half())
        .prop_map(|(high, low)| high << 32 | low)
        .boxed()
}

/// A condition on one of the first arguments.
fn condition(
    arguments: u8,
    operators: &'static [&'static str],
    value: BoxedStrategy<u64>,
) -> BoxedStrategy<Condition> {
    let operator = prop::sample::select(operators);
    (0..arguments, operator, value.clone(), value).boxed()
}

/// Masks by argument.
const MASKS: [u64; 6] = [0xFFFF_FFFF, 1, 6, u64::MAX, 7 << 31, 0xFFFF_FFFF];

/// A masked condition with the mask of its argument.
fn masked() -> BoxedStrategy<Condition> {
    let condition = condition(6, &["MASKED_EQ"], wide());
    condition
        .prop_map(|(index, operator, _, datum)| (index, operator, MASKS[usize::from(index)], datum))
        .boxed()
}

fn equal() -> BoxedStrategy<Condition> {
    condition(6, &["EQ"], half().boxed())
}

/// Conditions on different arguments.
fn rule(longest: usize, condition: BoxedStrategy<Condition>) -> BoxedStrategy<Vec<Condition>> {
    let conditions = prop::collection::vec(condition, 1..=longest);
    let apart = conditions.prop_map(|mut conditions| {
        conditions.sort_by_key(|one| one.0);
        conditions.dedup_by_key(|one| one.0);
        conditions
    });
    apart.boxed()
}

fn rules(rule: BoxedStrategy<Vec<Condition>>, most: usize) -> BoxedStrategy<Rules> {
    let allow = rule.prop_map(|conditions| ("ALLOW", 0, conditions));
    prop::collection::vec(allow, 1..=most).boxed()
}

/// The shapes that are compiled right, or nearly always: one rule; rules of one condition with constants below
/// 2^32; and rules of equality alone, with such constants or with one mask for each argument.
fn right() -> impl Strategy<Value = Rules> {
    prop_oneof![
        rules(rule(3, condition(6, &EVERY, wide())), 1),
        rules(rule(1, condition(3, &EVERY, half().boxed())), 6),
        rules(rule(6, masked()), 10),
        rules(rule(6, equal()), 10),
    ]
}

fn mixed() -> impl Strategy<Value = Rules> {
    let action = prop::sample::select(vec![("ALLOW", 0u16), ("ERRNO", 38), ("KILL_PROCESS", 0)]);
    let rule = prop_oneof![Just(masked()), Just(equal())]
        .prop_flat_map(|one| prop::collection::vec(rule(3, one), 2..6));
    (rule, prop::collection::vec(action, 6)).prop_map(|(rules, actions)| {
        let rules = rules.into_iter().zip(actions);
        rules
            .map(|(conditions, (action, errno))| (action, errno, conditions))
            .collect()
    })
}

/// All shapes, wrong ones and repeated rules among them.
fn any_shape() -> impl Strategy<Value = Rules> {
    let rules = rules(rule(2, condition(2, &EVERY, wide())), 4);
    (rules, prop::collection::vec(0..4usize, 0..3)).prop_map(|(mut rules, repeated)| {
        for at in repeated {
            rules.extend(rules.get(at).cloned());
        }
        rules
    })
}

/// Registers at, beside and 2^32 above every constant, in turn and together, and near the masks' bits.
fn registers(rules: &Rules) -> Vec<[u64; 6]> {
    let mut columns: [BTreeSet<u64>; 6] = Default::default();
    for &(index, _, value, value_two) in rules.iter().flat_map(|(_, _, conditions)| conditions) {
        for constant in [value, value_two, value & value_two, !value] {
            let near = [constant.wrapping_sub(1), constant, constant.wrapping_add(1)];
            let near = near.into_iter().flat_map(|one| {
                [
                    one,
                    one.wrapping_add(1 << 32),
                    one & 0xFFFF_FFFF,
                    one ^ 1 << 63,
                ]
            });
            columns[usize::from(index)].extend(near);
        }
    }
    let columns = columns.map(|column| column.into_iter().collect::<Vec<u64>>());
    // A walk that meets every value of a column with changing values of the others.
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let step = |walk: usize| {
        let mut registers = [0; 6];
        for (index, column) in columns.iter().enumerate() {
            if !column.is_empty() {
                let at = walk + walk / longest * (index * 7 + 3);
                registers[index] = column[at % column.len()];
            }
        }
        registers
    };
    (0..longest * 2).map(step).collect()
}

/// What the product and the tests' own machine say of a profile.
struct Compared {
    proof: Proof,
    disagreements: Vec<(Call, [u64; 6])>,
    calls: usize,
}

/// `None` if libseccomp refuses the profile.
fn compare(rules: &Rules) -> Option<Compared> {
    let text = text(("ERRNO", 1), &ABIS, "socket", rules);
    let profile = profile(&text);
    let proof = proof::prove(&profile, Abi::X86_64, None).ok()?;
    let capabilities = BTreeSet::new();
    let host = Host {
        kernel: (6, 1),
        capabilities: &capabilities,
    };
    let judge = Judge::of(&text, &host);
    let filters = [false, true].map(|tree| Filter::compiled(&judge, tree).expect("the same rules"));
    let meaning = Meaning::of(&profile, Abi::X86_64);
    let registers = registers(rules);
    let mut compared = Compared {
        proof,
        disagreements: Vec::new(),
        calls: 0,
    };
    let table = [
        (Abi::X86_64, "socket"),
        (Abi::I386, "socket"),
        (Abi::X32, "socket"),
        (Abi::I386, "socketcall"),
    ];
    for (abi, name) in table {
        let call = Call::named(abi, name).expect("a call");
        let verdicts = meaning.verdicts(call);
        for arguments in &registers {
            let ours = action(&verdicts, arguments).return_value();
            for filter in &filters {
                compared.calls += 1;
                if filter.answer(call, arguments) != ours {
                    compared.disagreements.push((call, *arguments));
                }
            }
        }
    }
    for wrong in &compared.proof.miscompiled {
        // Every witness is one.
        let answers = filters
            .each_ref()
            .map(|filter| filter.answer(wrong.call, &wrong.witness));
        assert!(
            answers.contains(&wrong.compiled.return_value()),
            "{text}: {wrong}"
        );
        assert_eq!(
            meaning.action(wrong.call, &wrong.witness),
            wrong.meant,
            "{text}: {wrong}"
        );
    }
    Some(compared)
}

fn action(verdicts: &[(ArgumentSet, Action)], arguments: &[u64; 6]) -> Action {
    let found = verdicts.iter().find(|(set, _)| set.contains(arguments));
    found.expect("verdicts are complete").1
}

/// What was seen of many profiles.
#[derive(Default)]
struct Tally {
    /// How many libseccomp took.
    taken: u32,
    /// How many of them it compiled to something else.
    wrong: u32,
}

/// Compares as many random profiles. The proof must see every disagreement; that what it sees is one, each
/// comparison checks. The sample is always the same, because the compiler is known to err now and then.
fn tally(rules: impl Strategy<Value = Rules>) -> Tally {
    let tally = RefCell::new(Tally::default());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(38),
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&rules, |rules| {
        let Some(compared) = compare(&rules) else {
            return Ok(());
        };
        assert!(compared.calls > 50, "{rules:?}");
        let is_wrong = !compared.proof.miscompiled.is_empty();
        assert!(is_wrong || compared.disagreements.is_empty(), "{rules:?}");
        let mut tally = tally.borrow_mut();
        tally.taken += 1;
        tally.wrong += u32::from(is_wrong);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    tally.into_inner()
}

fn shapes_that_the_compiler_gets_right_are_proved_right() {
    let Tally { taken, wrong } = tally(right());
    assert_eq!(taken, CASES);
    assert!(wrong <= CASES / 100, "{wrong} of {taken}");
}

fn rules_with_several_actions_are_decided_by_the_order_of_the_tests() {
    // Some have one condition list twice, with two actions, which libseccomp refuses.
    let Tally { taken, wrong } = tally(mixed());
    assert!(taken > CASES / 2, "{taken}");
    assert!(wrong <= CASES / 100, "{wrong} of {taken}");
}

fn what_the_compiler_does_wrong_is_found() {
    // Some are refused, and several in a hundred are wrong.
    let Tally { taken, wrong } = tally(any_shape());
    assert!(
        taken > CASES / 2 && wrong > CASES / 50,
        "{wrong} of {taken}"
    );
}
