//! What a filter program costs a call: how many instructions run, and whether the kernel runs it at all.
//!
//! When a filter is installed, Linux from 5.11 works out for every number whether the program permits it
//! without looking at anything else than number and architecture, and never runs the program for it again.
//! <https://github.com/torvalds/linux/blob/v6.12/kernel/seccomp.c>, `seccomp_is_const_allow`. What follows is
//! the same rule; it knows programs, not profiles.

use super::code::{Code, Instruction};
use crate::profile::Action;
use crate::syscall::{Abi, Call};
use std::collections::BTreeMap;

/// How many instructions run, at least and at most. Arguments decide which; every way through the program
/// counts, also one that no arguments lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steps {
    /// On the shortest way.
    pub least: usize,
    /// On the longest.
    pub most: usize,
}

/// What a call costs where a filter is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What it takes to run the program.
    pub steps: Steps,
    /// Whether the kernel need not run it.
    pub cached: bool,
}

/// What is in the accumulator; `None` depends on an argument.
type Accumulator = Option<u32>;

/// Where a way through the program is.
type Place = (usize, Accumulator);

impl Code {
    /// What it costs a call.
    #[must_use]
    pub fn cost(&self, call: Call) -> Cost {
        let mut ways = Ways::new(self, call.abi.audit_arch(), call.filter_number());
        let mut ends = None;
        while let Some((place, steps)) = ways.open.pop_first() {
            if let Some(action) = ways.advance(place, steps) {
                let (known, permits) = ends.unwrap_or((steps, true));
                ends = Some((known.or(steps), permits && action == Action::Allow));
            }
        }
        let (steps, permits) = ends.expect("every way through a checked program ends");
        Cost {
            steps,
            // The kernel's table goes by number and has no room for x32's, which have a high bit.
            cached: permits && !ways.looked_elsewhere && call.abi != Abi::X32,
        }
    }

    /// How many instructions are on its longest way, whatever the call.
    #[must_use]
    pub fn depth(&self) -> usize {
        let instructions = self.instructions();
        let mut depths = vec![1; instructions.len()];
        // Jumps go forward, so what comes later is known.
        for (at, instruction) in instructions.iter().enumerate().rev() {
            depths[at] += match *instruction {
                Instruction::Load(_) | Instruction::And(_) => depths[at + 1],
                Instruction::Jump(to) => depths[to],
                Instruction::Branch(_, _, yes, no) => depths[yes].max(depths[no]),
                Instruction::Return(_) => 0,
            };
        }
        depths[0]
    }
}

impl Steps {
    /// One way or the other.
    fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    /// One instruction more.
    const fn next(self) -> Self {
        Self {
            least: self.least + 1,
            most: self.most + 1,
        }
    }
}

/// The ways through a program on which a call of one number can be.
struct Ways<'a> {
    code: &'a Code,
    architecture: u32,
    number: u32,
    /// Where ways go on, with what has run up to and with the instruction there. Jumps go forward, so the
    /// first of them is complete.
    open: BTreeMap<Place, Steps>,
    /// Whether a way looks at anything but number and architecture.
    looked_elsewhere: bool,
}

impl<'a> Ways<'a> {
    fn new(code: &'a Code, architecture: u32, number: u32) -> Self {
        let first = Steps { least: 1, most: 1 };
        Self {
            code,
            architecture,
            number,
            open: BTreeMap::from([((0, Some(0)), first)]),
            looked_elsewhere: false,
        }
    }

    /// Goes on from a place; gives what is answered where a way ends.
    fn advance(&mut self, (at, accumulator): Place, steps: Steps) -> Option<Action> {
        let next = steps.next();
        match self.code.instructions()[at] {
            Instruction::Load(word) => {
                let loaded = self.load(word);
                self.reach((at + 1, loaded), next);
            }
            Instruction::And(mask) => self.reach((at + 1, accumulator.map(|it| it & mask)), next),
            Instruction::Jump(to) => self.reach((to, accumulator), next),
            Instruction::Branch(test, value, yes, no) => {
                let holds = accumulator.map(|known| test.holds(known, value));
                if holds != Some(false) {
                    self.reach((yes, accumulator), next);
                }
                if holds != Some(true) {
                    self.reach((no, accumulator), next);
                }
            }
            Instruction::Return(value) => return Some(Action::from_return_value(value)),
        }
        None
    }

    fn load(&mut self, word: u8) -> Accumulator {
        match word {
            0 => Some(self.number),
            1 => Some(self.architecture),
            _ => {
                self.looked_elsewhere = true;
                None
            }
        }
    }

    fn reach(&mut self, place: Place, steps: Steps) {
        self.open
            .entry(place)
            .and_modify(|known| *known = known.or(steps))
            .or_insert(steps);
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::Data;
    use super::super::code::tests::bytes;
    use super::*;
    use crate::profile::compiled::{Layout, Program};
    use crate::profile::{Circumstances, KernelVersion, base};
    use crate::syscall::capability;

    const ALLOW: u32 = 0x7FFF_0000;
    const LOG: u32 = 0x7FFC_0000;
    const X86_64: u32 = 0xC000_003E;

    fn call(number: i32) -> Call {
        Call::new(Abi::X86_64, number)
    }

    #[test]
    fn every_way_counts_and_arguments_are_not_cached() {
        // For x86_64 alone: 1 is permitted, 2 if its first argument has a bit, 3 is logged.
        let program = [
            (0x20, 0, 0, 4),
            (0x15, 0, 9, X86_64),
            (0x20, 0, 0, 0),
            (0x15, 6, 0, 1),
            (0x15, 0, 3, 2),
            (0x20, 0, 0, 16),
            (0x54, 0, 0, 0xFF),
            (0x45, 2, 3, 16),
            (0x15, 0, 2, 3),
            (0x06, 0, 0, LOG),
            (0x06, 0, 0, ALLOW),
            (0x06, 0, 0, 0),
        ];
        let code = Code::decode(&bytes(&program)).unwrap();
        assert_eq!(code.depth(), 9);
        let steps = |least, most| Steps { least, most };
        let table = [
            (call(1), steps(5, 5), true),
            (call(2), steps(9, 9), false),
            (call(3), steps(7, 7), false),
            (call(4), steps(7, 7), false),
            (Call::new(Abi::X32, 1), steps(7, 7), false),
            (Call::new(Abi::I386, 1), steps(3, 3), false),
        ];
        for (call, steps, cached) in table {
            assert_eq!(code.cost(call), Cost { steps, cached }, "{call}");
        }
    }

    #[test]
    fn x32_is_never_cached() {
        let code = Code::decode(&bytes(&[(0x06, 0, 0, ALLOW)])).unwrap();
        assert!(code.cost(call(0)).cached);
        assert!(!code.cost(Call::new(Abi::X32, 0)).cached);
        assert_eq!(code.depth(), 1);
    }

    /// The machine counts what the ways say, and a tree is shallow where a list is deep.
    #[test]
    fn dockers_default_is_counted_right() {
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        let profile = base::docker().resolve(&circumstances);
        let mut program = Program::compile(&profile, Abi::X86_64).unwrap();
        let codes = Layout::ALL.map(|layout| program.code(layout).unwrap());
        for code in &codes {
            for number in 0..460 {
                let Cost { steps, cached } = code.cost(call(number));
                let data = Data {
                    architecture: X86_64,
                    number: number.cast_unsigned(),
                    arguments: [7; 6],
                };
                let executed = code.executed(&data);
                assert!((steps.least..=steps.most).contains(&executed), "{number}");
                assert!(steps.most <= code.depth(), "{number}");
                assert!(!cached || steps.least == steps.most, "{number}");
                assert!(!cached || code.answer(&data) == Action::Allow, "{number}");
            }
            let cached = |name| code.cost(Call::named(Abi::X86_64, name).unwrap()).cached;
            assert!(cached("read") && cached("futex") && cached("openat"));
            assert!(!cached("socket") && !cached("personality") && !cached("mount"));
        }
        let [list, tree] = codes.map(|code| code.depth());
        assert!(tree * 4 < list, "{tree} of {list}");
    }
}
