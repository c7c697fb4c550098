//! What a filter program answers to a call, as exact sets of arguments.
//!
//! Number and architecture are known, so only what depends on arguments branches. States are followed in
//! the order of their places; jumps go forward, so when a state's turn comes everything that leads to it
//! has been added up, and each is followed once. Nothing is sampled.

use super::budget::Budget;
use super::code::{Code, Instruction, Test};
use crate::profile::{Action, ArgumentSet};
use std::collections::BTreeMap;

/// Why a program cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// It looks at the instruction pointer, which no profile can speak of.
    #[error("the filter program looks at the instruction pointer")]
    InstructionPointer,
    /// It cuts the values of arguments into more pieces than can be told apart here.
    #[error("the filter program cuts the values of arguments into too many pieces")]
    Entangled,
}

/// What is in the accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Accumulator {
    Known(u32),
    /// These bits of half an argument.
    Half {
        argument: u8,
        is_high: bool,
        mask: u32,
    },
}

/// Sets of arguments by what is answered; disjoint, and together everything.
pub(super) type Answers = BTreeMap<Action, ArgumentSet>;

/// What is answered to a call of that number.
pub(super) fn answers(
    code: &Code,
    architecture: u32,
    number: u32,
    budget: &mut Budget,
) -> Result<Answers, FlowError> {
    let mut flow = Flow {
        code,
        budget,
        architecture,
        number,
        open: BTreeMap::new(),
        answers: Answers::new(),
    };
    flow.follow(0, Accumulator::Known(0), ArgumentSet::all())?;
    while let Some(((at, accumulator), set)) = flow.open.pop_first() {
        flow.split(at, accumulator, &set)?;
    }
    Ok(flow.answers)
}

struct Flow<'a> {
    code: &'a Code,
    budget: &'a mut Budget,
    architecture: u32,
    number: u32,
    /// What waits at branches that depend on an argument.
    open: BTreeMap<(usize, Accumulator), ArgumentSet>,
    answers: Answers,
}

impl Flow<'_> {
    /// Goes on from a place until an argument decides.
    fn follow(
        &mut self,
        mut at: usize,
        mut accumulator: Accumulator,
        set: ArgumentSet,
    ) -> Result<(), FlowError> {
        if set.is_none() {
            return Ok(());
        }
        loop {
            match (self.code.instructions()[at], accumulator) {
                (Instruction::Load(word), _) => {
                    accumulator = self.load(word)?;
                    at += 1;
                }
                (Instruction::And(mask), _) => {
                    accumulator = accumulator.and(mask);
                    at += 1;
                }
                (Instruction::Jump(to), _) => at = to,
                (Instruction::Branch(test, value, yes, no), Accumulator::Known(known)) => {
                    at = if test.holds(known, value) { yes } else { no };
                }
                (Instruction::Branch(..), Accumulator::Half { .. }) => {
                    add(&mut self.open, (at, accumulator), set, self.budget)?;
                    return Ok(());
                }
                (Instruction::Return(value), _) => {
                    let action = Action::from_return_value(value);
                    add(&mut self.answers, action, set, self.budget)?;
                    return Ok(());
                }
            }
        }
    }

    /// Goes on both ways from a branch that depends on an argument.
    fn split(
        &mut self,
        at: usize,
        accumulator: Accumulator,
        set: &ArgumentSet,
    ) -> Result<(), FlowError> {
        let Instruction::Branch(test, value, yes, no) = self.code.instructions()[at] else {
            return self.follow(at, accumulator, set.clone());
        };
        let holding = accumulator.holding(test, value);
        let both = self.budget.intersection(set, &holding)?;
        self.follow(yes, accumulator, both)?;
        let rest = self.budget.intersection(set, &holding.complement())?;
        self.follow(no, accumulator, rest)
    }

    fn load(&self, word: u8) -> Result<Accumulator, FlowError> {
        match word {
            0 => Ok(Accumulator::Known(self.number)),
            1 => Ok(Accumulator::Known(self.architecture)),
            2 | 3 => Err(FlowError::InstructionPointer),
            _ => Ok(Accumulator::Half {
                argument: (word - 4) / 2,
                is_high: word % 2 == 1,
                mask: u32::MAX,
            }),
        }
    }
}

impl Accumulator {
    fn and(self, bits: u32) -> Self {
        match self {
            Self::Known(known) => Self::Known(known & bits),
            Self::Half {
                argument,
                is_high,
                mask,
            } => Self::Half {
                argument,
                is_high,
                mask: mask & bits,
            },
        }
    }

    /// The arguments for which a test of the accumulator holds.
    fn holding(self, test: Test, value: u32) -> ArgumentSet {
        let Self::Half {
            argument,
            is_high,
            mask,
        } = self
        else {
            unreachable!("only what depends on an argument waits at a branch");
        };
        let shift = if is_high { 32 } else { 0 };
        let wide = |half: u32| u64::from(half) << shift;
        let (bits, mask) = (shift..shift + 32, wide(mask));
        match test {
            Test::Equal if wide(value) & !mask != 0 => ArgumentSet::none(),
            Test::Equal => ArgumentSet::masked(argument, mask, wide(value)),
            Test::AnyBit => ArgumentSet::masked(argument, mask & wide(value), 0).complement(),
            Test::GreaterOrEqual => {
                ArgumentSet::below(argument, bits, mask, wide(value)).complement()
            }
            Test::Greater => match value.checked_add(1) {
                None => ArgumentSet::none(),
                Some(next) => ArgumentSet::below(argument, bits, mask, wide(next)).complement(),
            },
        }
    }
}

/// Adds to the set at a key.
pub(super) fn add<K: Ord>(
    sets: &mut BTreeMap<K, ArgumentSet>,
    key: K,
    set: ArgumentSet,
    budget: &mut Budget,
) -> Result<(), FlowError> {
    let set = match sets.get(&key) {
        Some(known) => budget.union(known, &set)?,
        None => set,
    };
    sets.insert(key, set);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::code::Data;
    use super::super::code::tests::{Raw, bytes};
    use super::*;
    use proptest::prelude::*;

    /// An instruction with room for `left` more behind it.
    fn instruction(left: u8) -> impl Strategy<Value = Raw> {
        let load = prop::sample::select(vec![0u32, 4, 16, 20, 24, 28]);
        let value = prop_oneof![0..5u32, Just(u32::MAX), Just(0x4000_0003)];
        prop_oneof![
            2 => load.prop_map(|word| (0x20, 0, 0, word)),
            1 => value.clone().prop_map(|mask| (0x54, 0, 0, mask)),
            1 => (0..=u32::from(left)).prop_map(|to| (0x05, 0, 0, to)),
            5 => (prop::sample::select(vec![0x15u16, 0x25, 0x35, 0x45]), 0..=left, 0..=left, value)
                .prop_map(|(code, yes, no, value)| (code, yes, no, value)),
            1 => (0..3u32).prop_map(|errno| (0x06, 0, 0, 0x0005_0000 | errno)),
        ]
    }

    fn program() -> impl Strategy<Value = Vec<Raw>> {
        let each: Vec<_> = (0..16u8)
            .rev()
            .map(|left| instruction(left).boxed())
            .collect();
        each.prop_map(|mut program| {
            program.push((0x06, 0, 0, 0x7FFF_0000));
            program
        })
    }

    fn register() -> impl Strategy<Value = u64> {
        let half = || prop_oneof![0..6u64, Just(u64::from(u32::MAX))];
        (half(), half()).prop_map(|(high, low)| high << 32 | low)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Whatever the program, what the machine answers is what the sets say.
        #[test]
        fn the_sets_are_what_the_machine_does(
            program in program(), number in 0..5u32, first in register(), second in register(),
        ) {
            let code = Code::decode(&bytes(&program)).unwrap();
            let data = Data { architecture: 0x4000_0003, number, arguments: [first, second, 0, 0, 0, 0] };
            let answers = answers(&code, data.architecture, number, &mut Budget::unbounded()).unwrap();
            let mut all = ArgumentSet::none();
            for (action, set) in &answers {
                prop_assert!(all.intersection(set).is_none());
                all = all.union(set);
                prop_assert_eq!(set.contains(&data.arguments), code.answer(&data) == *action);
            }
            prop_assert!(all.is_all());
        }
    }

    #[test]
    fn the_instruction_pointer_is_refused() {
        let code = Code::decode(&bytes(&[(0x20, 0, 0, 8), (0x06, 0, 0, 0)])).unwrap();
        let answers = answers(&code, 0, 0, &mut Budget::unbounded());
        assert_eq!(answers, Err(FlowError::InstructionPointer));
    }
}
