//! Argument values as far as they are known.

use std::collections::BTreeMap;

/// What is known about the arguments of one call that was made: some positions, with their values. Nothing
/// known is a value too.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Values(BTreeMap<u8, u64>);

impl Values {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// The known positions with their values, in order of position.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u8, u64)> {
        self.0.iter().map(|(&index, &value)| (index, value))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a position, if it is known.
    #[must_use]
    pub fn at(&self, index: u8) -> Option<u64> {
        self.0.get(&index).copied()
    }
}

impl FromIterator<(u8, u64)> for Values {
    fn from_iter<I: IntoIterator<Item = (u8, u64)>>(known: I) -> Self {
        Self(known.into_iter().collect())
    }
}
