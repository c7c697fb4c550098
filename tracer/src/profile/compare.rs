//! Whether one profile permits what another does not: in the filter's view, which sees whole registers, and
//! in the kernel's, which cuts each argument to its C type.

use super::meaning::Meaning;
use super::set::ArgumentSet;
use crate::syscall::{self, Abi, Call, catalog};
use std::fmt;

/// A call that goes beyond.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excess {
    /// The call.
    pub call: Call,
    /// Arguments with which it does.
    pub witness: [u64; 6],
    /// False when the filter itself lets more through; true when it does so only once the kernel has cut
    /// the arguments to their C types.
    pub only_in_kernel_view: bool,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.witness;
        write!(
            f,
            "{}({a:#x}, {b:#x}, {c:#x}, {d:#x}, {e:#x}, {last:#x})",
            self.call
        )
    }
}

/// Every call with which `profile` goes beyond `base`, on every ABI that `profile` knows.
#[must_use]
pub fn beyond(base: &Meaning, profile: &Meaning) -> Vec<Excess> {
    let calls = profile.abis().iter().flat_map(|&abi| syscall::calls(abi));
    calls
        .filter_map(|call| excess(call, &base.permitted(call), &profile.permitted(call)))
        .collect()
}

fn excess(call: Call, base: &ArgumentSet, profile: &ArgumentSet) -> Option<Excess> {
    let found = |set: &ArgumentSet, only_in_kernel_view| {
        set.witness().map(|witness| Excess {
            call,
            witness,
            only_in_kernel_view,
        })
    };
    found(&profile.difference(base), false)
        .or_else(|| found(&profile.difference(&as_seen_by_kernel(call, base)), true))
}

/// The tuples that a set has once the kernel has cut each argument to its C type.
#[must_use]
pub fn as_seen_by_kernel(call: Call, set: &ArgumentSet) -> ArgumentSet {
    by_types(call, set, ArgumentSet::as_seen_by_kernel)
}

/// The tuples that are cut to values which the set has, spelt in one of the ways in which callers do that.
#[must_use]
pub fn as_spelt_by_callers(call: Call, set: &ArgumentSet) -> ArgumentSet {
    by_types(call, set, ArgumentSet::as_spelt_by_callers)
}

/// Does something for each argument of a call, with its width and whether it is signed.
fn by_types(
    call: Call,
    set: &ArgumentSet,
    of_argument: impl Fn(&ArgumentSet, u8, u8, bool) -> ArgumentSet,
) -> ArgumentSet {
    if set.is_all() || set.is_none() {
        return set.clone();
    }
    let types = catalog::prototype(call).unwrap_or_default().iter();
    let types = (0u8..).zip(types.map(|&(kind, _)| kind));
    types.fold(set.clone(), |set, (index, kind)| {
        let bits = if is_short_id(call, index) {
            16
        } else {
            kind.bits()
        };
        of_argument(&set, index, bits, kind.is_signed())
    })
}

/// Calls of 32-bit ABIs that take user and group ids of 16 bits: the positions of the ids.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/uid16.c>
static SHORT_IDS: &[(&str, &[u8])] = &[
    ("chown", &[1, 2]),
    ("fchown", &[1, 2]),
    ("lchown", &[1, 2]),
    ("setfsgid", &[0]),
    ("setfsuid", &[0]),
    ("setgid", &[0]),
    ("setregid", &[0, 1]),
    ("setresgid", &[0, 1, 2]),
    ("setresuid", &[0, 1, 2]),
    ("setreuid", &[0, 1]),
    ("setuid", &[0]),
];

fn is_short_id(call: Call, index: u8) -> bool {
    let mut calls = SHORT_IDS.iter();
    let known = calls.find(|(name, _)| call.name() == Some(name));
    matches!(call.abi, Abi::I386 | Abi::Arm)
        && known.is_some_and(|(_, positions)| positions.contains(&index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_cuts_each_argument_to_its_type() {
        let high = 1 << 32;
        let minus_one = u64::from(u32::MAX);
        let table = [
            // `int`: no upper half, and a negative value only if it is there in both ways.
            (Abi::X86_64, "socket", 0, 2, high | 2, true),
            (Abi::X86_64, "socket", 0, 2, u64::MAX << 32 | 2, true),
            (Abi::X86_64, "socket", 0, 2, 3, false),
            (Abi::X86_64, "socket", 0, minus_one, minus_one, false),
            // `unsigned int`.
            (Abi::X86_64, "personality", 0, minus_one, u64::MAX, true),
            // `umode_t`.
            (Abi::X86_64, "chmod", 1, 0o644, 0x1_0000 | 0o644, true),
            // `unsigned long`, and beyond the prototype.
            (Abi::X86_64, "clone", 0, 17, high | 17, false),
            (Abi::X86_64, "clone", 0, 17, 17, true),
            (Abi::X86_64, "chmod", 2, 17, high | 17, false),
            (Abi::I386, "setuid", 0, 7, 0x5_0007, true),
            (Abi::I386, "setuid32", 0, 7, 0x5_0007, false),
        ];
        for (abi, name, index, value, seen, expected) in table {
            let only = ArgumentSet::masked(index, u64::MAX, value);
            let mut arguments = [0; 6];
            arguments[usize::from(index)] = seen;
            let call = Call::named(abi, name).unwrap();
            let found = as_seen_by_kernel(call, &only).contains(&arguments);
            assert_eq!(found, expected, "{call}: {value:#x} {seen:#x}");
        }
    }
}
