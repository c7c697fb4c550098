//! Look-ups in the tables, by number and by name.

mod aarch64;
mod arm;
mod i386;
mod x32;
mod x86_64;

use super::Abi;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The table of an ABI, sorted by number.
pub(super) fn all(abi: Abi) -> &'static [(i32, &'static str)] {
    match abi {
        Abi::X86_64 => x86_64::TABLE,
        Abi::I386 => i386::TABLE,
        Abi::X32 => x32::TABLE,
        Abi::Aarch64 => aarch64::TABLE,
        Abi::Arm => arm::TABLE,
    }
}

pub(super) fn name(abi: Abi, number: i32) -> Option<&'static str> {
    let table = all(abi);
    let at = table
        .binary_search_by_key(&number, |&(number, _)| number)
        .ok()?;
    Some(table[at].1)
}

pub(super) fn number(abi: Abi, name: &str) -> Option<i32> {
    static NUMBERS: LazyLock<HashMap<(Abi, &'static str), i32>> = LazyLock::new(|| {
        let rows = |abi| {
            all(abi)
                .iter()
                .map(move |&(number, name)| ((abi, name), number))
        };
        Abi::ALL.into_iter().flat_map(rows).collect()
    });
    NUMBERS.get(&(abi, name)).copied()
}
