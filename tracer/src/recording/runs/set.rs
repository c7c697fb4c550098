//! A set of runs, by their positions. Knows nothing of what the runs did.

/// Positions of runs, kept as ranges: what nearly every run did takes a few bytes, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSet(Vec<(u32, u32)>);

impl RunSet {
    /// Adds a run that comes after every one that is there; the last one again changes nothing.
    pub(crate) fn push(&mut self, run: u32) {
        match self.0.last_mut() {
            Some((_, last)) if *last == run => {}
            Some((_, last)) if last.checked_add(1) == Some(run) => *last = run,
            last => {
                debug_assert!(last.is_none_or(|(_, last)| *last < run), "ascending");
                self.0.push((run, run));
            }
        }
    }

    /// The set with these ranges, first and last of each, if they ascend without touching and stay below
    /// the bound.
    pub(crate) fn from_ranges(ranges: Vec<(u32, u32)>, bound: u32) -> Option<Self> {
        let ordered = ranges.iter().all(|(first, last)| first <= last)
            && ranges
                .windows(2)
                .all(|pair| u64::from(pair[0].1) + 1 < u64::from(pair[1].0));
        let bounded = ranges.last().is_none_or(|&(_, last)| last < bound);
        (ordered && bounded).then_some(Self(ranges))
    }

    /// The ranges, first and last of each, ascending.
    pub(crate) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|&(first, last)| first..=last)
    }

    /// Whether a run is in it.
    #[must_use]
    pub fn contains(&self, run: u32) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < run);
        self.0.get(at).is_some_and(|&(first, _)| first <= run)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let lengths = self
            .0
            .iter()
            .map(|(first, last)| (last - first) as usize + 1);
        lengths.sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<u32> for RunSet {
    fn from_iter<I: IntoIterator<Item = u32>>(runs: I) -> Self {
        let mut sorted: Vec<u32> = runs.into_iter().collect();
        sorted.sort_unstable();
        let mut set = Self::default();
        for run in sorted {
            set.push(run);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_ranges() {
        let set: RunSet = [5, 1, 2, 2, 3, 9, 8].into_iter().collect();
        assert_eq!(set.ranges(), [(1, 3), (5, 5), (8, 9)]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 2, 3, 5, 8, 9]);
        assert_eq!(set.len(), 6);
        let members: Vec<u32> = (0..11).filter(|&run| set.contains(run)).collect();
        assert_eq!(members, [1, 2, 3, 5, 8, 9]);
    }

    #[test]
    fn ranges_from_outside_are_checked() {
        let table: [(&[(u32, u32)], bool); 8] = [
            (&[], true),
            (&[(0, 0)], true),
            (&[(0, 3), (5, 9)], true),
            (&[(0, 10)], false),
            (&[(3, 2)], false),
            (&[(0, 3), (4, 5)], false),
            (&[(0, 3), (3, 5)], false),
            (&[(5, 6), (0, 1)], false),
        ];
        for (ranges, good) in table {
            let set = RunSet::from_ranges(ranges.to_vec(), 10);
            assert_eq!(set.is_some(), good, "{ranges:?}");
        }
        assert_eq!(RunSet::from_ranges(vec![(0, u32::MAX)], u32::MAX), None);
    }
}
