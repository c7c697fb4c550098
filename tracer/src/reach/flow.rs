//! What is known before each instruction of a function, whichever way led there.

use super::module::is_filler;
use super::values::State;
use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic};
use std::collections::BTreeMap;

/// The largest function that is followed, in instructions. Code that makes system calls is small.
const INSTRUCTIONS_MAX: usize = 1 << 14;

/// How often one piece of code may be looked at again, on average.
const ROUNDS_MAX: usize = 64;

/// A function as pieces that are run through from their first instruction to their last.
struct Pieces<'a> {
    instructions: &'a [Instruction],
    /// The first instruction of each.
    firsts: Vec<usize>,
    by_address: BTreeMap<u64, usize>,
}

/// Calls `visit` with each instruction of the function and what is known before it; `false` if the function is
/// too tangled to know anything.
pub(super) fn visit(
    instructions: &[Instruction],
    visit: &mut dyn FnMut(&Instruction, &State),
) -> bool {
    if instructions.len() > INSTRUCTIONS_MAX {
        return false;
    }
    let pieces = Pieces::of(instructions);
    let Some(states) = pieces.solve() else {
        return false;
    };
    let mut info = InstructionInfoFactory::new();
    for (piece, state) in states.into_iter().enumerate() {
        let mut state = state.unwrap_or_else(State::anywhere);
        for instruction in pieces.instructions_of(piece) {
            visit(instruction, &state);
            state.step(instruction, &mut info);
        }
    }
    true
}

impl<'a> Pieces<'a> {
    fn of(instructions: &'a [Instruction]) -> Self {
        let at = |address| {
            instructions
                .binary_search_by_key(&address, Instruction::ip)
                .ok()
        };
        let mut firsts = vec![0];
        for (index, instruction) in instructions.iter().enumerate() {
            if let Some(target) = jump(instruction) {
                firsts.extend(at(target));
            }
            if !matches!(
                instruction.flow_control(),
                FlowControl::Next | FlowControl::Call
            ) {
                firsts.push(index + 1);
            }
        }
        firsts.retain(|&first| first < instructions.len());
        firsts.sort_unstable();
        firsts.dedup();
        let addresses = firsts.iter().enumerate();
        let by_address = addresses.map(|(piece, &first)| (instructions[first].ip(), piece));
        Self {
            by_address: by_address.collect(),
            instructions,
            firsts,
        }
    }

    fn instructions_of(&self, piece: usize) -> &'a [Instruction] {
        let end = self.firsts.get(piece + 1).copied();
        &self.instructions[self.firsts[piece]..end.unwrap_or(self.instructions.len())]
    }

    /// What is known at the beginning of each piece; nothing if it takes too long.
    fn solve(&self) -> Option<Vec<Option<State>>> {
        let mut states: Vec<Option<State>> = vec![None; self.firsts.len()];
        let mut left = self.firsts.len().saturating_mul(ROUNDS_MAX);
        let mut info = InstructionInfoFactory::new();
        for begin in 0..self.firsts.len() {
            if states[begin].is_some() || self.is_filler(begin) {
                continue;
            }
            // Only the first piece is where callers come in; others may be reached from anywhere.
            states[begin] = Some(if begin == 0 {
                State::at_entry()
            } else {
                State::anywhere()
            });
            let mut waiting = vec![begin];
            while let Some(piece) = waiting.pop() {
                left = left.checked_sub(1)?;
                let Some(mut state) = states[piece].clone() else {
                    continue;
                };
                for instruction in self.instructions_of(piece) {
                    state.step(instruction, &mut info);
                }
                for next in self.behind(piece) {
                    let changed = match &mut states[next] {
                        Some(known) => known.join(&state),
                        none => {
                            *none = Some(state.clone());
                            true
                        }
                    };
                    if changed {
                        waiting.push(next);
                    }
                }
            }
        }
        Some(states)
    }

    fn is_filler(&self, piece: usize) -> bool {
        piece > 0 && self.instructions_of(piece).iter().all(is_filler)
    }

    /// The pieces that may come after this one.
    fn behind(&self, piece: usize) -> impl Iterator<Item = usize> {
        let last = self.instructions_of(piece).last();
        let jump = last.and_then(jump);
        let jump = jump.and_then(|target| self.by_address.get(&target).copied());
        let next = last.filter(|last| goes_on(last)).map(|_| piece + 1);
        let next = next.filter(|&next| next < self.firsts.len());
        jump.into_iter().chain(next)
    }
}

/// Where a jump leads; calls come back.
fn jump(instruction: &Instruction) -> Option<u64> {
    let flow = instruction.flow_control();
    let jumps = matches!(
        flow,
        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
    );
    jumps.then(|| instruction.near_branch_target())
}

fn goes_on(instruction: &Instruction) -> bool {
    matches!(
        instruction.flow_control(),
        FlowControl::Next
            | FlowControl::ConditionalBranch
            | FlowControl::Call
            | FlowControl::IndirectCall
            | FlowControl::Interrupt
    ) && instruction.mnemonic() != Mnemonic::Int3
}
