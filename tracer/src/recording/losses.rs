//! What a recording could not keep, by reason.

use std::collections::BTreeMap;

/// A way to lose something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// A call whose ABI could not be determined.
    UnknownAbi,
    /// A call with a number beyond the tables, when the map for such numbers was full.
    OddNumberMapFull,
    /// A call that a kernel map refused for another reason than being full.
    MapError,
    /// A call in a scope for which no slot was left.
    ScopesFull,
    /// A call during which the program could not run because it was already running on that CPU.
    Recursion,
    /// A task that left the scope and went on outside, or that could not be followed any more; what it did there is
    /// missing.
    Left,
    /// A first sighting that did not fit into the ring buffer. The fact itself was kept.
    Sighting,
    /// A life of the container that could not be followed, or not from its start.
    MissedLife,
    /// A time in which the target ran on after its recorder had died, and nobody counted. In files only if there was one.
    Unwatched,
}

impl Loss {
    /// Every way, in order.
    pub const ALL: [Self; 9] = [
        Self::UnknownAbi,
        Self::OddNumberMapFull,
        Self::MapError,
        Self::ScopesFull,
        Self::Recursion,
        Self::Left,
        Self::Sighting,
        Self::MissedLife,
        Self::Unwatched,
    ];

    /// The name in a recording file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownAbi => "unknownAbi",
            Self::OddNumberMapFull => "oddNumberMapFull",
            Self::MapError => "mapError",
            Self::ScopesFull => "scopesFull",
            Self::Recursion => "recursion",
            Self::Left => "left",
            Self::Sighting => "sighting",
            Self::MissedLife => "missedLife",
            Self::Unwatched => "unwatched",
        }
    }

    /// Whether a fact may be missing because of it. A lost sighting only loses provenance.
    #[must_use]
    pub const fn loses_facts(self) -> bool {
        !matches!(self, Self::Sighting)
    }
}

/// How often each loss happened. Every counter that the first files had is always present, in files too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Losses {
    counts: BTreeMap<Loss, u64>,
    left_by: BTreeMap<String, u64>,
}

impl Default for Losses {
    fn default() -> Self {
        let counted = Loss::ALL
            .into_iter()
            .filter(|&loss| loss != Loss::Unwatched);
        Self {
            counts: counted.map(|loss| (loss, 0)).collect(),
            left_by: BTreeMap::new(),
        }
    }
}

impl Losses {
    /// Sets one counter.
    pub fn set(&mut self, loss: Loss, count: u64) {
        if loss == Loss::Unwatched && count == 0 {
            self.counts.remove(&loss);
            return;
        }
        self.counts.insert(loss, count);
    }

    /// Reads one counter.
    #[must_use]
    pub fn get(&self, loss: Loss) -> u64 {
        self.counts.get(&loss).copied().unwrap_or(0)
    }

    /// Every counter, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u64)> {
        self.counts.iter().map(|(&loss, &count)| (loss, count))
    }

    /// Names of the threads that left, as far as they are known, and how often. Hostile.
    #[must_use]
    pub fn left_by(&self) -> &BTreeMap<String, u64> {
        &self.left_by
    }

    /// Says who left.
    #[must_use]
    pub fn with_left_by(mut self, names: BTreeMap<String, u64>) -> Self {
        self.left_by = names;
        self
    }

    /// How many facts may be missing. Zero means that the recording is complete.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let missing = self.iter().filter(|(loss, _)| loss.loses_facts());
        missing.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Whether nothing that the target did is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing() == 0
    }
}
