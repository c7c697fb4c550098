//! A file of a workload as far as it matters here: code in units, data with the pointers in it, and names.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// What part a file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is started: everything in it can be reached.
    Program,
    /// It starts programs: its entry can be reached.
    Loader,
    /// Programs are linked to it: what they name in it can be reached.
    Library,
    /// It is loaded by name: all that it exports can be reached.
    Plugin,
}

/// A file with code for x86-64.
#[derive(Debug)]
pub struct Module {
    /// How the file is called.
    pub name: String,
    /// The part that it plays.
    pub role: Role,
    /// Names of the libraries that it is linked to. Hostile.
    pub needed: Vec<String>,
    /// Its own name as a library. Hostile.
    pub soname: Option<String>,
    /// Where it wants its libraries to be looked for. Hostile.
    pub search: Vec<String>,
    /// The loader that it wants. Hostile.
    pub interpreter: Option<String>,
    pub(super) bytes: Vec<u8>,
    pub(super) entry: u64,
    /// In order of address, without overlaps.
    pub(super) sections: Vec<Section>,
    pub(super) exports: BTreeMap<String, Vec<u64>>,
    /// Names of functions by address, with their sizes.
    pub(super) functions: BTreeMap<u64, (u64, String)>,
    /// What the loader writes into data.
    pub(super) slots: BTreeMap<u64, Slot>,
    /// What the loader calls.
    pub(super) initial: Vec<u64>,
    /// Where units of code begin, ascending.
    pub(super) starts: Vec<u64>,
    /// Addresses in data that code speaks of, ascending.
    pub(super) marks: Vec<u64>,
}

/// A part of the file that is in memory when it runs.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) address: u64,
    pub(super) range: Range<usize>,
    pub(super) is_code: bool,
    /// Pointers that stand each for themselves.
    pub(super) is_got: bool,
}

/// A pointer in data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// To whatever has that name.
    Symbol(String),
    /// To an address in the same file.
    Address(u64),
}

impl Section {
    pub(super) fn end(&self) -> u64 {
        self.address.saturating_add(self.range.len() as u64)
    }
}

impl Module {
    pub(super) fn section(&self, address: u64) -> Option<&Section> {
        let after = self.sections.partition_point(|one| one.address <= address);
        let section = self.sections.get(after.checked_sub(1)?)?;
        (address < section.end()).then_some(section)
    }

    pub(super) fn is_code(&self, address: u64) -> bool {
        self.section(address).is_some_and(|one| one.is_code)
    }

    /// The bytes from an address to the end of its section.
    pub(super) fn bytes_from(&self, address: u64) -> &[u8] {
        let Some(section) = self.section(address) else {
            return &[];
        };
        let bytes = &self.bytes[section.range.clone()];
        let skipped = usize::try_from(address - section.address).unwrap_or(usize::MAX);
        bytes.get(skipped..).unwrap_or_default()
    }

    /// Where the unit of code begins that an address is in.
    pub(super) fn unit(&self, address: u64) -> Option<u64> {
        let section = self.section(address).filter(|one| one.is_code)?;
        let after = self.starts.partition_point(|&start| start <= address);
        let start = after.checked_sub(1).map(|at| self.starts[at]);
        Some(start.unwrap_or(section.address).max(section.address))
    }

    /// The length of the unit that begins there.
    pub(super) fn unit_length(&self, start: u64) -> usize {
        let available = self.bytes_from(start).len();
        let after = self.starts.partition_point(|&one| one <= start);
        let next = self.starts.get(after).map(|next| next - start);
        next.and_then(|length| usize::try_from(length).ok())
            .map_or(available, |length| length.min(available))
    }

    /// The instructions of the unit that begins there.
    pub(super) fn instructions(&self, start: u64) -> impl Iterator<Item = Instruction> + '_ {
        let bytes = &self.bytes_from(start)[..self.unit_length(start)];
        decode(bytes, start)
    }

    /// How people call the place.
    pub(super) fn label(&self, address: u64) -> String {
        let known = self.functions.range(..=address).next_back();
        let known = known.filter(|(start, (size, _))| address - **start < (*size).max(1));
        known.map_or_else(|| format!("+{address:#x}"), |(_, (_, name))| name.clone())
    }
}

/// The instructions in some bytes, one after the other; what is none is passed over.
pub(super) fn decode(bytes: &[u8], address: u64) -> impl Iterator<Item = Instruction> + '_ {
    let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
    std::iter::from_fn(move || decoder.can_decode().then(|| decoder.decode()))
}

/// Filling between functions and before the beginnings of loops, which nobody runs into from before.
pub(super) fn is_filler(instruction: &Instruction) -> bool {
    let exchanges_nothing = instruction.code() == Code::Xchg_rm16_r16
        && instruction.op0_register() == Register::AX
        && instruction.op1_register() == Register::AX;
    exchanges_nothing || matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
}

/// Where a call or jump leads that says so itself.
pub(super) fn target(instruction: &Instruction) -> Option<u64> {
    let is_near = matches!(
        instruction.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    is_near.then(|| instruction.near_branch_target())
}

/// Whether the instruction behind is reached. Calls at the end of a function are those that do not return.
pub(super) fn goes_on(instruction: &Instruction) -> bool {
    let flow = instruction.flow_control();
    let is_system_call = instruction.mnemonic() == Mnemonic::Syscall;
    (matches!(flow, FlowControl::Next | FlowControl::ConditionalBranch) || is_system_call)
        && instruction.mnemonic() != Mnemonic::Hlt
}
