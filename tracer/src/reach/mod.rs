//! Which system calls the code of a workload can make, told from its ELF files without running them.
//!
//! A hint, and never more: it shows what a recording may have missed, so that one knows what to exercise. It is
//! neither exact nor complete. Code is taken to be reached if a call, a jump, an address in code or a pointer
//! in data that is reached leads to it; a program's own code is taken to be reached whole. What is loaded by
//! name at run time and numbers that cannot be told are counted, not guessed.
//!
//! Pure: bytes in, values out. It refuses to know where files lie, and whatever their bytes are, it neither
//! fails badly nor takes more time or memory than a multiple of their size.

mod elf;
mod flow;
mod mark;
mod module;
mod sites;
mod sweep;
mod values;

#[cfg(test)]
mod tests;

pub use elf::{ElfError, FILE_MAX_BYTES};
pub use module::{Module, Role};

use crate::syscall::Call;
use std::collections::{BTreeMap, BTreeSet};

/// What the code of some files can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The calls, with the places that make them.
    pub calls: BTreeMap<Call, BTreeSet<Site>>,
    /// Places that make calls whose number cannot be told.
    pub unresolved: BTreeSet<Site>,
    /// Files that load others by name while they run.
    pub loading: BTreeSet<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The file, as it was called. Hostile.
    pub file: String,
    /// The function that the place is in, or its address. Hostile.
    pub function: String,
}

/// What the code of these files can do, together.
#[must_use]
pub fn reach(modules: &[Module]) -> Reach {
    let marked = mark::mark(modules);
    sites::sites(modules, &marked)
}
