//! Whether one profile permits what another does not: in the filter's view, which sees whole registers, and
//! in the kernel's, which cuts each argument to its C type.

use super::meaning::Meaning;
use super::set::ArgumentSet;
use crate::syscall::{self, Call, catalog};
use std::fmt;

/// A call that goes beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    if set.is_all() || set.is_none() {
        return set.clone();
    }
    let types = catalog::prototype(call).unwrap_or_default().iter();
    let widths = (0u8..).zip(types.map(|(kind, _)| kind.bits()));
    widths
        .filter(|&(_, bits)| bits < 64)
        .fold(set.clone(), |set, (index, bits)| {
            set.as_seen_by_kernel(index, bits)
        })
}
