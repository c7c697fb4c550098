//! What is known of registers and of the stack at one point of a function, and what an instruction does to it.

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use std::collections::BTreeMap;

/// The most values that a register is followed through.
const VALUES_MAX: usize = 8;

/// The most places on the stack that are followed.
const STACK_MAX: usize = 48;

/// How far from a function's beginning the stack is followed, in bytes.
const STACK_REACH: i64 = 1 << 16;

const RAX: usize = 0;
const RSP: usize = 4;
const RBP: usize = 5;

/// What the System V ABI lets a function change: rax, rcx, rdx, rsi, rdi, r8 to r11.
const CHANGED_BY_CALLS: [usize; 9] = [RAX, 1, 2, 6, 7, 8, 9, 10, 11];

/// What the kernel changes: rax, rcx, r11.
const CHANGED_BY_THE_KERNEL: [usize; 3] = [RAX, 1, 11];

/// Where a caller puts a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Given {
    /// In a register, by its number.
    Register(usize),
    /// On the stack, so many bytes above where the return address is.
    Stack(i64),
}

/// What a register or a place on the stack holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// One of these.
    One(Vec<u64>),
    /// What the caller put there.
    Given(Given),
    /// An address on the stack, relative to where the return address is.
    Stack(i64),
    /// Anything.
    Unknown,
}

impl Value {
    fn constant(value: u64) -> Self {
        Self::One(vec![value])
    }

    /// What is known when it is either of the two.
    fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (same, other) if same == other => same.clone(),
            (Self::One(some), Self::One(others)) => {
                let mut all = [&some[..], others].concat();
                all.sort_unstable();
                all.dedup();
                if all.len() > VALUES_MAX {
                    Self::Unknown
                } else {
                    Self::One(all)
                }
            }
            _ => Self::Unknown,
        }
    }

    /// With a number added.
    fn plus(&self, number: i64) -> Self {
        match self {
            Self::One(values) => {
                let added = values.iter().map(|value| value.wrapping_add_signed(number));
                Self::One(added.collect())
            }
            Self::Stack(offset) => Self::Stack(offset.saturating_add(number)),
            _ if number == 0 => self.clone(),
            _ => Self::Unknown,
        }
    }

    /// Cut to its lower half, as by a write to half a register. Who passes a number passes a small one.
    fn halved(self) -> Self {
        match self {
            Self::One(values) => Self::One(
                values
                    .into_iter()
                    .map(|value| value & 0xFFFF_FFFF)
                    .collect(),
            ),
            Self::Stack(_) => Self::Unknown,
            other => other,
        }
    }
}

/// What is known at one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    registers: [Value; 16],
    /// What was written to the stack, by offset.
    stack: BTreeMap<i64, Value>,
}

impl State {
    /// Where a function begins.
    pub(super) fn at_entry() -> Self {
        let mut registers = std::array::from_fn(|at| Value::Given(Given::Register(at)));
        registers[RSP] = Value::Stack(0);
        Self {
            registers,
            stack: BTreeMap::new(),
        }
    }

    /// Somewhere that nothing is known of.
    pub(super) fn anywhere() -> Self {
        Self {
            registers: std::array::from_fn(|_| Value::Unknown),
            stack: BTreeMap::new(),
        }
    }

    /// Takes in another way to the same point; says whether that changed anything.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let mut joined = self.clone();
        for (one, other) in joined.registers.iter_mut().zip(&other.registers) {
            *one = one.or(other);
        }
        let offsets = self.stack.keys().chain(other.stack.keys());
        joined.stack = offsets
            .map(|&offset| (offset, self.on_stack(offset).or(&other.on_stack(offset))))
            .collect();
        let changed = joined != *self;
        *self = joined;
        changed
    }

    /// What a system call's number is.
    pub(super) fn number(&self) -> &Value {
        &self.registers[RAX]
    }

    /// What a function that is called or jumped to here is given.
    pub(super) fn given(&self, given: Given, by_call: bool) -> Value {
        match given {
            Given::Register(at) => self.registers[at].clone(),
            Given::Stack(above) => match self.registers[RSP] {
                // The return address is not there yet if this is a call.
                Value::Stack(top) => {
                    let own = if by_call { 8 } else { 0 };
                    self.on_stack(top.saturating_add(above - own))
                }
                _ => Value::Unknown,
            },
        }
    }

    fn on_stack(&self, offset: i64) -> Value {
        match self.stack.get(&offset) {
            Some(value) => value.clone(),
            // Above the return address is what the caller gave.
            None if (8..STACK_REACH).contains(&offset) => Value::Given(Given::Stack(offset)),
            None => Value::Unknown,
        }
    }

    fn put(&mut self, offset: i64, value: Value) {
        let is_near = offset.abs() < STACK_REACH;
        if is_near && (self.stack.len() < STACK_MAX || self.stack.contains_key(&offset)) {
            self.stack.insert(offset, value);
        }
    }

    fn forget(&mut self, registers: &[usize]) {
        for &at in registers {
            self.registers[at] = Value::Unknown;
        }
    }

    /// What the instruction leaves.
    pub(super) fn step(&mut self, instruction: &Instruction, info: &mut InstructionInfoFactory) {
        let done = match instruction.mnemonic() {
            Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsxd => self.copies(instruction),
            Mnemonic::Lea => self.address(instruction),
            Mnemonic::Xor | Mnemonic::Sub if is_itself(instruction) => {
                self.set(instruction.op0_register(), Value::constant(0))
            }
            Mnemonic::Add => self.adds(instruction, 1),
            Mnemonic::Sub => self.adds(instruction, -1),
            Mnemonic::Push => self.pushes(instruction),
            Mnemonic::Pop => self.pops(instruction),
            Mnemonic::Leave => self.leaves(),
            Mnemonic::Syscall | Mnemonic::Int => {
                self.forget(&CHANGED_BY_THE_KERNEL);
                true
            }
            Mnemonic::Call => {
                self.forget(&CHANGED_BY_CALLS);
                true
            }
            Mnemonic::Cmove | Mnemonic::Cmovne => self.may_copy(instruction),
            _ => false,
        };
        if !done {
            self.anything(instruction, info);
        }
    }

    /// Forgets whatever the instruction writes.
    fn anything(&mut self, instruction: &Instruction, info: &mut InstructionInfoFactory) {
        let written = |access| {
            matches!(
                access,
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            )
        };
        for used in info.info(instruction).used_registers() {
            if written(used.access())
                && let Some(at) = general(used.register())
            {
                self.registers[at] = Value::Unknown;
            }
        }
        let target = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Memory;
        if target && let Some(offset) = self.offset(instruction) {
            self.put(offset, Value::Unknown);
        }
    }

    /// A move of a whole register or its lower half, or of a number into the lowest byte.
    fn copies(&mut self, instruction: &Instruction) -> bool {
        if let Some(done) = self.puts_byte(instruction) {
            return done;
        }
        let Some(value) = self.source(instruction) else {
            return false;
        };
        if instruction.op0_kind() == OpKind::Memory {
            let Some(offset) = self.offset(instruction) else {
                // Elsewhere; it is assumed that nobody else writes to our stack.
                return instruction.memory_base() != Register::RSP;
            };
            self.put(offset, value);
            return true;
        }
        self.set(instruction.op0_register(), value)
    }

    fn puts_byte(&mut self, instruction: &Instruction) -> Option<bool> {
        const HIGH: [Register; 4] = [Register::AH, Register::BH, Register::CH, Register::DH];
        let register = instruction.op0_register();
        if instruction.mnemonic() != Mnemonic::Mov || !register.is_gpr8() {
            return None;
        }
        let byte = instruction
            .try_immediate(1)
            .ok()
            .map(|number| number & 0xFF);
        let at = general(register).filter(|_| !HIGH.contains(&register));
        let (Some(byte), Some(at)) = (byte, at) else {
            return Some(false);
        };
        let Value::One(values) = &self.registers[at] else {
            return Some(false);
        };
        let with = values.iter().map(|value| value & !0xFF | byte);
        self.registers[at] = Value::One(with.collect());
        Some(true)
    }

    fn may_copy(&mut self, instruction: &Instruction) -> bool {
        let target = general(instruction.op0_register());
        let (Some(value), Some(at)) = (self.source(instruction), target) else {
            return false;
        };
        let either = self.registers[at].or(&value);
        self.set(instruction.op0_register(), either)
    }

    /// What the second operand holds, if it is a whole register, its lower half, a place on the stack, or a
    /// number.
    fn source(&self, instruction: &Instruction) -> Option<Value> {
        match instruction.op1_kind() {
            OpKind::Register => {
                let register = instruction.op1_register();
                let value = self.registers[general(register)?].clone();
                match register.size() {
                    8 => Some(value),
                    4 => Some(value.halved()),
                    _ => None,
                }
            }
            OpKind::Memory => {
                let offset = self.offset(instruction)?;
                let value = self.on_stack(offset);
                match instruction.memory_size().size() {
                    8 => Some(value),
                    4 => Some(value.halved()),
                    _ => None,
                }
            }
            _ => instruction.try_immediate(1).ok().map(Value::constant),
        }
    }

    fn address(&mut self, instruction: &Instruction) -> bool {
        let has_index = instruction.memory_index() != Register::None;
        let Some(base) = general(instruction.memory_base()).filter(|_| !has_index) else {
            return false;
        };
        let displacement = instruction.memory_displacement64().cast_signed();
        let value = self.registers[base].plus(displacement);
        self.set(instruction.op0_register(), value)
    }

    fn adds(&mut self, instruction: &Instruction, sign: i64) -> bool {
        if instruction.op0_kind() != OpKind::Register {
            return false;
        }
        let number = instruction.try_immediate(1).ok();
        let (Some(number), Some(at)) = (number, general(instruction.op0_register())) else {
            return false;
        };
        let value = self.registers[at].plus(number.cast_signed().wrapping_mul(sign));
        self.set(instruction.op0_register(), value)
    }

    fn pushes(&mut self, instruction: &Instruction) -> bool {
        let value = match instruction.op0_kind() {
            OpKind::Register => {
                let at = general(instruction.op0_register());
                at.map_or(Value::Unknown, |at| self.registers[at].clone())
            }
            OpKind::Memory => self
                .offset(instruction)
                .map_or(Value::Unknown, |offset| self.on_stack(offset)),
            _ => instruction
                .try_immediate(0)
                .map_or(Value::Unknown, Value::constant),
        };
        self.registers[RSP] = self.registers[RSP].plus(-8);
        if let Value::Stack(top) = self.registers[RSP] {
            self.put(top, value);
        }
        true
    }

    fn pops(&mut self, instruction: &Instruction) -> bool {
        let value = match self.registers[RSP] {
            Value::Stack(top) => self.on_stack(top),
            _ => Value::Unknown,
        };
        self.registers[RSP] = self.registers[RSP].plus(8);
        instruction.op0_kind() == OpKind::Register && self.set(instruction.op0_register(), value)
    }

    fn leaves(&mut self) -> bool {
        let value = match self.registers[RBP] {
            Value::Stack(frame) => self.on_stack(frame),
            _ => Value::Unknown,
        };
        self.registers[RSP] = self.registers[RBP].plus(8);
        self.registers[RBP] = value;
        true
    }

    /// Where on the stack the memory operand is, if it is there and known.
    fn offset(&self, instruction: &Instruction) -> Option<i64> {
        let base = general(instruction.memory_base())?;
        if instruction.memory_index() != Register::None {
            return None;
        }
        let displacement = instruction.memory_displacement64().cast_signed();
        match self.registers[base].plus(displacement) {
            Value::Stack(offset) => Some(offset),
            _ => None,
        }
    }

    /// Sets a register, whole or its lower half; says whether it could.
    fn set(&mut self, register: Register, value: Value) -> bool {
        let Some(at) = general(register) else {
            return false;
        };
        match register.size() {
            8 => self.registers[at] = value,
            4 => self.registers[at] = value.halved(),
            _ => return false,
        }
        true
    }
}

fn is_itself(instruction: &Instruction) -> bool {
    let are_registers = [instruction.op0_kind(), instruction.op1_kind()] == [OpKind::Register; 2];
    are_registers && instruction.op0_register() == instruction.op1_register()
}

/// The number of the general register that this is, or is a part of.
fn general(register: Register) -> Option<usize> {
    let full = register.full_register();
    (register.is_gpr() && full.is_gpr64()).then(|| full.number())
}
