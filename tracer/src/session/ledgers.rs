//! What is known of one target, or of each of several at once.

use super::ledger::Ledger;
use std::collections::BTreeMap;

/// A ledger for all scopes together, or one for each.
pub(super) struct Ledgers {
    now_ns: u64,
    is_apart: bool,
    by_place: BTreeMap<u32, Ledger>,
}

impl Ledgers {
    /// Ledgers for a window that starts now, as [`Ledger::new`].
    pub(super) fn new(now_ns: u64, is_apart: bool) -> Self {
        let mut ledgers = Self {
            now_ns,
            is_apart,
            by_place: BTreeMap::new(),
        };
        if !is_apart {
            ledgers.of(0);
        }
        ledgers
    }

    /// The ledger of the only target, with what was known of it before.
    pub(super) fn resumed(now_ns: u64, ledger: Ledger) -> Self {
        Self {
            now_ns,
            is_apart: false,
            by_place: BTreeMap::from([(0, ledger)]),
        }
    }

    pub(super) fn is_apart(&self) -> bool {
        self.is_apart
    }

    /// Whether it is known of any target with which rights it started.
    pub(super) fn have_rights(&self) -> bool {
        self.iter().any(|ledger| ledger.rights().is_some())
    }

    /// Where what is known of a scope is kept.
    pub(super) fn place(&self, slot: u32) -> u32 {
        if self.is_apart { slot } else { 0 }
    }

    /// The ledger of a scope.
    pub(super) fn of(&mut self, slot: u32) -> &mut Ledger {
        let place = self.place(slot);
        let now_ns = self.now_ns;
        self.by_place
            .entry(place)
            .or_insert_with(|| Ledger::new(now_ns))
    }

    /// The ledger of the only target; none of several, where nobody says whose it is.
    pub(super) fn only(&self) -> Option<&Ledger> {
        self.by_place.get(&0).filter(|_| !self.is_apart)
    }

    /// The same, to be written to.
    pub(super) fn only_mut(&mut self) -> Option<&mut Ledger> {
        let is_apart = self.is_apart;
        self.by_place.get_mut(&0).filter(|_| !is_apart)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Ledger> {
        self.by_place.values()
    }

    /// When the last new fact of any target was seen, `CLOCK_MONOTONIC`.
    pub(super) fn last_new_ns(&self) -> u64 {
        let last = self.iter().map(Ledger::last_new_ns).max();
        last.unwrap_or(self.now_ns)
    }

    /// Each ledger with its place.
    pub(super) fn each(self) -> impl Iterator<Item = (u32, Ledger)> {
        self.by_place.into_iter()
    }
}
