//! One look at all code of a module: where units of code begin, and which addresses in data code speaks of.
//!
//! A unit is what lies between two beginnings. Where a beginning is not found, two functions are one unit, and
//! what the second does is taken for something that the first does as well: too much, never too little.

use super::module::{Module, Slot, decode, goes_on, is_filler, target};
use iced_x86::{FlowControl, Instruction, Mnemonic};

/// Finds beginnings and addresses.
pub(super) fn sweep(module: &mut Module) {
    let mut starts: Vec<u64> = module
        .functions
        .keys()
        .chain(module.exports.values().flatten())
        .chain([&module.entry])
        .copied()
        .collect();
    let pointed_to = module.slots.values().filter_map(|slot| match slot {
        Slot::Address(address) => Some(*address),
        Slot::Symbol(_) => None,
    });
    starts.extend(pointed_to);
    starts.append(&mut module.starts);
    let mut marks: Vec<u64> = starts.clone();
    for section in module.sections.iter().filter(|section| section.is_code) {
        starts.push(section.address);
        let bytes = &module.bytes[section.range.clone()];
        for instruction in decode(bytes, section.address) {
            if instruction.flow_control() == FlowControl::Call {
                starts.push(instruction.near_branch_target());
            } else if instruction.is_ip_rel_memory_operand() {
                let address = instruction.ip_rel_memory_address();
                marks.push(address);
                if instruction.mnemonic() == Mnemonic::Lea {
                    starts.push(address);
                }
            }
        }
    }
    marks.retain(|&address| module.section(address).is_some_and(|one| !one.is_code));
    module.marks = in_order(marks);
    starts.retain(|&address| module.is_code(address));
    module.starts = in_order(starts);
    let jumped_to = jumped_to(module);
    module.starts = in_order([std::mem::take(&mut module.starts), jumped_to].concat());
}

fn in_order(mut addresses: Vec<u64>) -> Vec<u64> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.shrink_to_fit();
    addresses
}

/// Functions that others end with a jump to, and nobody calls: what jumps lead to from other units, if nothing
/// runs into it from before.
fn jumped_to(module: &Module) -> Vec<u64> {
    let mut heads = Vec::new();
    let mut targets = Vec::new();
    for section in module.sections.iter().filter(|section| section.is_code) {
        let bytes = &module.bytes[section.range.clone()];
        let (mut before, mut filled) = (None, false);
        let mut unit = section.address..section.address;
        for instruction in decode(bytes, section.address) {
            let address = instruction.ip();
            if is_filler(&instruction) {
                filled = true;
                continue;
            }
            // A call that filling follows is one that does not return.
            let runs_in = before.is_some_and(|before| match goes_on(&before) {
                true => true,
                false => is_call(&before) && !filled,
            });
            if !runs_in {
                heads.push(address);
            }
            if !unit.contains(&address) {
                let start = module.unit(address).unwrap_or(address);
                unit = start..start.saturating_add(module.unit_length(start) as u64);
            }
            let target = target(&instruction).filter(|_| !is_call(&instruction));
            targets.extend(target.filter(|target| !unit.contains(target)));
            (before, filled) = (Some(instruction), false);
        }
    }
    targets.retain(|target| heads.binary_search(target).is_ok());
    targets
}

fn is_call(instruction: &Instruction) -> bool {
    let flow = instruction.flow_control();
    matches!(flow, FlowControl::Call | FlowControl::IndirectCall)
}
