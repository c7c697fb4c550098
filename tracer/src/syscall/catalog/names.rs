//! Names of values, which are not the same on every ABI.

use crate::syscall::Abi;

/// Names by value.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::syscall) struct Names {
    /// Those that all ABIs share, in order of value.
    pub(super) common: &'static [(u64, &'static str)],
    /// Those that one ABI has for itself, in order of value.
    pub(super) own: &'static [(Abi, &'static [(u64, &'static str)])],
}

impl Names {
    /// Names that are the same everywhere.
    pub(super) const fn everywhere(common: &'static [(u64, &'static str)]) -> Self {
        Self { common, own: &[] }
    }

    /// The name of a value.
    pub(super) fn of(&self, abi: Abi, value: u64) -> Option<&'static str> {
        self.all(abi)
            .find(|&(known, _)| known == value)
            .map(|(_, name)| name)
    }

    /// The value of a name.
    pub(super) fn value(&self, abi: Abi, name: &str) -> Option<u64> {
        self.all(abi)
            .find(|&(_, known)| known == name)
            .map(|(value, _)| value)
    }

    /// A value as bits with names, and what is left of it.
    pub(super) fn split(&self, abi: Abi, value: u64) -> (Vec<&'static str>, u64) {
        let mut bits: Vec<(u64, &'static str)> = self
            .all(abi)
            .filter(|&(bits, _)| bits != 0 && bits & value == bits)
            .collect();
        // `O_SYNC` contains `O_DSYNC`: the name that says more comes first and takes its bits away.
        bits.sort_by_key(|&(bits, _)| (std::cmp::Reverse(bits.count_ones()), bits));
        let mut left = value;
        let mut found = Vec::new();
        for (bits, name) in bits {
            if bits & left == bits {
                left &= !bits;
                found.push((bits, name));
            }
        }
        found.sort_unstable();
        (found.into_iter().map(|(_, name)| name).collect(), left)
    }

    fn all(&self, abi: Abi) -> impl Iterator<Item = (u64, &'static str)> {
        let own = self.own.iter().filter(move |(known, _)| *known == abi);
        own.flat_map(|(_, rows)| rows.iter())
            .chain(self.common)
            .copied()
    }
}
