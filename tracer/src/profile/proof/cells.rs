//! Which call numbers a filter program can tell apart.
//!
//! A program compares the number with constants, so between two neighbouring constants all numbers fare
//! alike: the lowest number of each such cell stands for all of it.

use super::code::{Code, Instruction, Test};
use std::collections::BTreeSet;

/// Where the number is in `struct seccomp_data`.
const NUMBER: u8 = 0;

/// A program that does more with the number than compare it or test its high bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter program tests low bits of the number")]
pub struct NumberError;

/// The lowest number of every cell.
pub(super) fn numbers(code: &Code) -> Result<BTreeSet<u32>, NumberError> {
    let mut cells = BTreeSet::from([0]);
    let instructions = code.instructions();
    // Whether the number may be in the accumulator when a place is reached.
    let mut holds = vec![false; instructions.len()];
    let pass = |holds: &mut Vec<bool>, to: usize, held: bool| holds[to] |= held;
    for (at, instruction) in instructions.iter().enumerate() {
        let held = holds[at];
        match *instruction {
            Instruction::Load(word) => pass(&mut holds, at + 1, word == NUMBER),
            Instruction::And(_) if held => return Err(NumberError),
            Instruction::And(_) => {}
            Instruction::Jump(to) => pass(&mut holds, to, held),
            Instruction::Branch(test, value, yes, no) => {
                if held {
                    cells.extend(bounds(test, value)?);
                }
                pass(&mut holds, yes, held);
                pass(&mut holds, no, held);
            }
            Instruction::Return(_) => {}
        }
    }
    Ok(cells)
}

/// The lowest bit that a program may test. With bit 30 x32's calls are told from the others, and nobody has a use
/// for lower ones; so few high bits cut the numbers into few cells.
const BIT_MIN: u32 = 24;

/// Where the outcome of a test changes.
fn bounds(test: Test, value: u32) -> Result<Vec<u32>, NumberError> {
    let next = value.checked_add(1);
    let (first, second) = match test {
        Test::Equal => (Some(value), next),
        Test::Greater => (next, None),
        Test::GreaterOrEqual => (Some(value), None),
        Test::AnyBit => return multiples(value.trailing_zeros()),
    };
    Ok(first.into_iter().chain(second).collect())
}

/// The numbers at which a bit, or one above it, changes.
fn multiples(bit: u32) -> Result<Vec<u32>, NumberError> {
    match bit {
        // No bit is tested.
        u32::BITS => Ok(Vec::new()),
        BIT_MIN.. => Ok((0..1 << (u32::BITS - bit))
            .map(|part| part << bit)
            .collect()),
        _ => Err(NumberError),
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::tests::{Raw, bytes};
    use super::*;

    fn cells(program: &[Raw]) -> Result<BTreeSet<u32>, NumberError> {
        numbers(&Code::decode(&bytes(program)).unwrap())
    }

    #[test]
    fn numbers_are_cut_where_the_program_compares_them() {
        let program = [
            (0x20, 0, 0, 0),
            (0x15, 0, 1, 7),
            (0x06, 0, 0, 0),
            (0x35, 0, 3, 0x4000_0000),
            // From here on it is an argument.
            (0x20, 0, 0, 16),
            (0x15, 0, 0, 99),
            (0x54, 0, 0, 1),
            (0x06, 0, 0, 0),
        ];
        assert_eq!(cells(&program), Ok([0, 7, 8, 0x4000_0000].into()));
        let bits = |mask| cells(&[(0x20, 0, 0, 0), (0x45, 0, 0, mask), (0x06, 0, 0, 0)]);
        assert_eq!(bits(8), Err(NumberError));
        assert_eq!(bits(0x4000_0008), Err(NumberError));
        let halves = [0, 0x4000_0000, 0x8000_0000, 0xC000_0000];
        assert_eq!(bits(0x4000_0000), Ok(halves.into()));
        assert_eq!(bits(0xC000_0000), Ok(halves.into()));
        assert_eq!(bits(0), Ok([0].into()));
    }
}
