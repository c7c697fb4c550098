//! Classic BPF as seccomp uses it: what the kernel's checker takes, and a machine that runs it.
//!
//! Only the instructions that libseccomp and the runtimes emit are understood; a program with any other is
//! refused, never guessed at. It knows numbers, not profiles.

use crate::profile::Action;

/// The most instructions that the kernel takes.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf_common.h#L54>
pub const INSTRUCTIONS_MAX: usize = 4096;

/// Bytes of an instruction, `struct sock_filter`.
const INSTRUCTION_BYTES: usize = 8;

/// Words of what a program sees, `struct seccomp_data`: number, architecture, two of the instruction
/// pointer, and two for each argument.
const WORDS: u32 = 16;

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// No instruction, half an instruction, or too many.
    #[error("{0} bytes are no filter program")]
    Length(usize),
    /// An instruction that the kernel refuses, or that no known compiler emits.
    #[error("instruction {at} of the filter program ({code:#06x} {value:#x}) is not understood")]
    Instruction {
        /// Its place, from 0.
        at: usize,
        /// Its opcode.
        code: u16,
        /// Its constant.
        value: u32,
    },
    /// A jump that leads outside, or an end that returns nothing.
    #[error("instruction {at} of the filter program leads outside it")]
    Outside {
        /// Its place, from 0.
        at: usize,
    },
}

/// How a branch compares the accumulator with its constant; unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// An instruction. Jumps have been turned into places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Puts a word of the data into the accumulator.
    Load(u8),
    /// Clears the accumulator's bits that are not in this.
    And(u32),
    /// Goes on elsewhere.
    Jump(usize),
    /// Goes on at the first place if the test holds, else at the second.
    Branch(Test, u32, usize, usize),
    /// Ends with a `SECCOMP_RET_*` value.
    Return(u32),
}

/// A checked program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(Vec<Instruction>);

impl Code {
    /// Reads a program as `seccomp_export_bpf` writes it, and checks it as the kernel does: every load is
    /// aligned and inside, every jump goes forward and stays inside, and the end returns.
    /// <https://github.com/torvalds/linux/blob/v6.12/kernel/seccomp.c#L277>
    ///
    /// # Errors
    ///
    /// [`CodeError`] if it is not such a program.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodeError> {
        let (instructions, rest) = bytes.as_chunks::<INSTRUCTION_BYTES>();
        let length = instructions.len();
        if !rest.is_empty() || length == 0 || length > INSTRUCTIONS_MAX {
            return Err(CodeError::Length(bytes.len()));
        }
        let each = instructions.iter().enumerate();
        let instructions = each
            .map(|(at, bytes)| instruction(at, length, bytes))
            .collect::<Result<Vec<_>, _>>()?;
        match instructions.last() {
            Some(Instruction::Return(_)) => Ok(Self(instructions)),
            _ => Err(CodeError::Outside { at: length - 1 }),
        }
    }

    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.0
    }

    /// How many instructions it has.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// What it answers to a call.
    #[must_use]
    pub fn answer(&self, data: &Data) -> Action {
        self.run(data).0
    }

    /// How many instructions run until it answers to a call.
    #[must_use]
    pub fn executed(&self, data: &Data) -> usize {
        self.run(data).1
    }

    fn run(&self, data: &Data) -> (Action, usize) {
        let mut accumulator = 0;
        let mut at = 0;
        let mut executed = 0;
        loop {
            executed += 1;
            // Every jump has been checked, and goes forward.
            match self.0[at] {
                Instruction::Load(word) => accumulator = data.word(word),
                Instruction::And(mask) => accumulator &= mask,
                Instruction::Jump(to) => {
                    at = to;
                    continue;
                }
                Instruction::Branch(test, value, yes, no) => {
                    at = if test.holds(accumulator, value) {
                        yes
                    } else {
                        no
                    };
                    continue;
                }
                Instruction::Return(value) => {
                    return (Action::from_return_value(value), executed);
                }
            }
            at += 1;
        }
    }
}

impl Test {
    pub(super) const fn holds(self, accumulator: u32, value: u32) -> bool {
        match self {
            Self::Equal => accumulator == value,
            Self::Greater => accumulator > value,
            Self::GreaterOrEqual => accumulator >= value,
            Self::AnyBit => accumulator & value != 0,
        }
    }
}

/// What a program sees of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// `AUDIT_ARCH_*`.
    pub architecture: u32,
    /// The number register.
    pub number: u32,
    /// The argument registers.
    pub arguments: [u64; 6],
}

impl Data {
    /// A word of `struct seccomp_data`; the instruction pointer is zero. Little endian, as all our ABIs are.
    fn word(&self, word: u8) -> u32 {
        match word {
            0 => self.number,
            1 => self.architecture,
            2 | 3 => 0,
            _ => {
                let register = self.arguments[usize::from(word - 4) / 2];
                let [low, high] = [register & 0xFFFF_FFFF, register >> 32];
                u32::try_from(if word.is_multiple_of(2) { low } else { high }).unwrap_or(u32::MAX)
            }
        }
    }
}

fn instruction(
    at: usize,
    length: usize,
    bytes: &[u8; INSTRUCTION_BYTES],
) -> Result<Instruction, CodeError> {
    let code = u16::from_ne_bytes([bytes[0], bytes[1]]);
    let [.., a, b, c, d] = *bytes;
    let value = u32::from_ne_bytes([a, b, c, d]);
    let unknown = || CodeError::Instruction { at, code, value };
    let place = |offset: usize| {
        let place = at.checked_add(1).and_then(|next| next.checked_add(offset));
        let inside = place.filter(|&place| place < length);
        inside.ok_or(CodeError::Outside { at })
    };
    let branch = |test| {
        let (yes, no) = (place(usize::from(bytes[2]))?, place(usize::from(bytes[3]))?);
        Ok(Instruction::Branch(test, value, yes, no))
    };
    // Names as in <linux/bpf_common.h>: class, then mode or operation, then source.
    match code {
        // LD | W | ABS
        0x20 if value.is_multiple_of(4) && value / 4 < WORDS => {
            let word = u8::try_from(value / 4).map_err(|_| unknown())?;
            Ok(Instruction::Load(word))
        }
        // ALU | AND | K
        0x54 => Ok(Instruction::And(value)),
        // JMP | JA, JEQ, JGT, JGE, JSET, with K
        0x05 => {
            let offset = usize::try_from(value).map_err(|_| unknown())?;
            Ok(Instruction::Jump(place(offset)?))
        }
        0x15 => branch(Test::Equal),
        0x25 => branch(Test::Greater),
        0x35 => branch(Test::GreaterOrEqual),
        0x45 => branch(Test::AnyBit),
        // RET | K
        0x06 => Ok(Instruction::Return(value)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Opcode, jump if true, jump if false, constant.
    pub(in super::super) type Raw = (u16, u8, u8, u32);

    pub(in super::super) fn bytes(instructions: &[Raw]) -> Vec<u8> {
        let bytes = |&(code, yes, no, value): &Raw| {
            let [a, b] = code.to_ne_bytes();
            let [c, d, e, f] = value.to_ne_bytes();
            [a, b, yes, no, c, d, e, f]
        };
        instructions.iter().flat_map(bytes).collect()
    }

    const ALLOW: u32 = 0x7FFF_0000;
    const RETURN: Raw = (0x06, 0, 0, ALLOW);

    #[test]
    fn what_the_kernel_would_refuse_is_refused() {
        let instruction = |at, code, value| CodeError::Instruction { at, code, value };
        let table: &[(&[Raw], CodeError)] = &[
            (&[], CodeError::Length(0)),
            (&[RETURN; INSTRUCTIONS_MAX + 1], CodeError::Length(32776)),
            // No return at the end.
            (&[RETURN, (0x20, 0, 0, 0)], CodeError::Outside { at: 1 }),
            // Unaligned, and beyond the data.
            (&[(0x20, 0, 0, 2), RETURN], instruction(0, 0x20, 2)),
            (&[(0x20, 0, 0, 64), RETURN], instruction(0, 0x20, 64)),
            // Jumps outside.
            (&[(0x15, 1, 0, 0), RETURN], CodeError::Outside { at: 0 }),
            (&[(0x15, 0, 1, 0), RETURN], CodeError::Outside { at: 0 }),
            (
                &[(0x05, 0, 0, u32::MAX), RETURN],
                CodeError::Outside { at: 0 },
            ),
            // A division, and a return of the accumulator.
            (&[(0x34, 0, 0, 0), RETURN], instruction(0, 0x34, 0)),
            (&[(0x16, 0, 0, 0)], instruction(0, 0x16, 0)),
        ];
        for (program, error) in table {
            assert_eq!(Code::decode(&bytes(program)), Err(error.clone()));
        }
        assert_eq!(Code::decode(&[6]), Err(CodeError::Length(1)));
    }

    #[test]
    fn the_machine_runs_every_instruction() {
        // Allows number 7 with bit 4 or a low nibble above 2 in the upper word of the second argument.
        let program = [
            (0x20, 0, 0, 0),
            (0x15, 1, 0, 7),
            (0x05, 0, 0, 5),
            (0x20, 0, 0, 28),
            (0x45, 2, 0, 16),
            (0x54, 0, 0, 15),
            (0x25, 0, 1, 2),
            RETURN,
            (0x06, 0, 0, 0x0005_0001),
        ];
        let code = Code::decode(&bytes(&program)).unwrap();
        assert_eq!(code.length(), 9);
        let answer = |number, second| {
            code.answer(&Data {
                architecture: 0,
                number,
                arguments: [0, second, 0, 0, 0, 0],
            })
        };
        let table = [
            (8, 16 << 32, Action::Errno(1)),
            (7, 16 << 32, Action::Allow),
            (7, 16, Action::Errno(1)),
            (7, 3 << 32, Action::Allow),
            (7, 2 << 32, Action::Errno(1)),
        ];
        for (number, second, expected) in table {
            assert_eq!(answer(number, second), expected, "{number} {second:#x}");
        }
    }
}
