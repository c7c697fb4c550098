//! System calls: ABIs, numbers, names, and which of their arguments are scalars worth tracking.
//!
//! Pure data and look-ups from our own tables. This module refuses to know about profiles, recordings and
//! the libseccomp that happens to be installed: on stable distributions that one lacks years of calls.

mod abi;
mod elsewhere;
mod table;

pub mod capability;
pub mod catalog;
pub(crate) mod nearest;

pub use abi::{Abi, UnknownAbi};

use std::fmt;

/// Bit 30 of the number register, by which x86 kernels tell x32 calls from x86_64 ones.
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/uapi/asm/unistd.h#L16>
pub const X32_BIT: u32 = 0x4000_0000;

/// One system call: a number and the ABI that gives it its meaning.
///
/// Ordered by ABI, then number. A call need not have a name: programs may pass any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The ABI through which the call was made.
    pub abi: Abi,
    /// The number in that ABI's table. For x32 without bit 30. May be negative or beyond the table.
    pub number: i32,
}

impl Call {
    /// The call of that number, named or not.
    #[must_use]
    pub const fn new(abi: Abi, number: i32) -> Self {
        Self { abi, number }
    }

    /// The call of that name, if this ABI has it.
    #[must_use]
    pub fn named(abi: Abi, name: &str) -> Option<Self> {
        table::number(abi, name).map(|number| Self { abi, number })
    }

    /// The profile name (libseccomp's), or `None` for a number that the table does not have.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        table::name(self.abi, self.number)
    }

    /// The name, or `syscall_N` for a number without one.
    #[must_use]
    pub fn label(self) -> String {
        self.name()
            .map_or_else(|| format!("syscall_{}", self.number), ToOwned::to_owned)
    }

    /// The number as a seccomp filter sees it in `seccomp_data.nr`: x32 calls carry bit 30.
    #[must_use]
    pub fn filter_number(self) -> u32 {
        let number = self.number.cast_unsigned();
        if self.abi == Abi::X32 {
            number | X32_BIT
        } else {
            number
        }
    }
}

/// `socket` for the ABI that everybody means, `i386:socketcall` for the others.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.abi != Abi::X86_64 {
            write!(f, "{}:", self.abi)?;
        }
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "syscall_{}", self.number),
        }
    }
}

/// The ABI of an `AUDIT_ARCH_*` value; x86_64 for the one that it shares with x32.
#[must_use]
pub fn abi_of(architecture: u32) -> Option<Abi> {
    Abi::ALL
        .into_iter()
        .find(|abi| abi.audit_arch() == architecture)
}

/// Whether any ABI we know has a call of this name.
#[must_use]
pub fn is_known_name(name: &str) -> bool {
    Abi::ALL
        .into_iter()
        .any(|abi| table::number(abi, name).is_some())
}

/// Whether a call of this name exists on an ABI that we have no table for.
#[must_use]
pub fn is_known_elsewhere(name: &str) -> bool {
    elsewhere::NAMES.binary_search(&name).is_ok()
}

/// Names of calls that were probably meant by one that nobody has, the nearest first; few.
#[must_use]
pub fn similar_names(wanted: &str) -> Vec<&'static str> {
    let ours = Abi::ALL.into_iter().flat_map(calls).filter_map(Call::name);
    nearest::similar(wanted, ours.chain(elsewhere::NAMES.iter().copied()))
}

/// Every named call of an ABI, by number.
pub fn calls(abi: Abi) -> impl Iterator<Item = Call> {
    table::all(abi)
        .iter()
        .map(move |&(number, _)| Call { abi, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_what_its_abi_says() {
        let label = |abi, number| Call::new(abi, number).to_string();
        assert_eq!(label(Abi::X86_64, 64), "semget");
        assert_eq!(label(Abi::I386, 64), "i386:getppid");
        assert_eq!(label(Abi::X32, 520), "x32:execve");
        assert_eq!(label(Abi::X86_64, 100_000), "syscall_100000");
        assert_eq!(label(Abi::X86_64, -1), "syscall_-1");
    }

    #[test]
    fn names_and_numbers_are_inverse_on_every_abi() {
        for abi in Abi::ALL {
            let all: Vec<Call> = calls(abi).collect();
            assert!(all.len() > 300, "{abi} has only {} calls", all.len());
            for call in all {
                assert_eq!(Call::named(abi, call.name().unwrap()), Some(call));
            }
        }
    }

    #[test]
    fn names_of_other_abis_are_known_and_mistakes_are_not() {
        assert!(elsewhere::NAMES.is_sorted());
        assert!(!elsewhere::NAMES.iter().any(|name| is_known_name(name)));
        assert!(is_known_elsewhere("riscv_flush_icache"));
        assert!(!is_known_elsewhere("read") && !is_known_elsewhere("opeen"));
        assert_eq!(similar_names("opeen"), ["open"]);
        assert_eq!(similar_names("swapcontxt"), ["swapcontext"]);
    }

    #[test]
    fn the_filter_sees_bit_30_of_x32_numbers() {
        assert_eq!(Call::new(Abi::X32, 0).filter_number(), 0x4000_0000);
        assert_eq!(Call::new(Abi::X86_64, -1).filter_number(), u32::MAX);
    }
}
