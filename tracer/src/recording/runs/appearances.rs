//! In which runs a fact appeared, and how, packed: fleets have millions of these.

use super::varint;

/// A fact in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// Position of the run.
    pub run: u32,
    /// How often it happened there.
    pub count: u64,
    /// Milliseconds from the run's start to the last time that its count was seen to change; known of calls,
    /// not of their argument values.
    pub last_ms: Option<u64>,
    /// Its first sighting there; `None` if that was lost.
    pub first: Option<First>,
}

/// A first sighting, its program by position in the table of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Milliseconds from the run's start.
    pub at_ms: u64,
    /// Process id in the host's pid namespace.
    pub pid: u32,
    /// Position of the program's name.
    pub program: u32,
}

/// Appearances of one fact, in order of run, at most one for each.
///
/// Each takes some ten bytes: the distance to the run before it and two flags in one number, then the rest,
/// every number in as many bytes as it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appearances {
    bytes: Vec<u8>,
    len: u32,
    /// One more than the last run.
    next: u32,
}

const HAS_LAST: u64 = 1;
const HAS_FIRST: u64 = 2;
const FLAG_BITS: u32 = 2;

impl Appearances {
    /// Adds one, of a run after every one that is there.
    pub(crate) fn push(&mut self, one: &Appearance) {
        debug_assert!(one.run >= self.next, "ascending");
        let distance = u64::from(one.run - self.next) << FLAG_BITS;
        let last = one.last_ms.map_or(0, |_| HAS_LAST);
        let first = one.first.map_or(0, |_| HAS_FIRST);
        varint::push(&mut self.bytes, distance | last | first);
        varint::push(&mut self.bytes, one.count);
        if let Some(last_ms) = one.last_ms {
            varint::push(&mut self.bytes, last_ms);
        }
        if let Some(first) = one.first {
            varint::push(&mut self.bytes, first.at_ms);
            varint::push(&mut self.bytes, u64::from(first.pid));
            varint::push(&mut self.bytes, u64::from(first.program));
        }
        self.len += 1;
        self.next = one.run + 1;
    }

    /// The appearances, in order of run.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            bytes: &self.bytes,
            next: 0,
        }
    }

    /// The runs in which it appeared, in order; the rest is skipped, not unpacked.
    #[must_use]
    pub fn runs(&self) -> RunNumbers<'_> {
        RunNumbers {
            bytes: &self.bytes,
            next: 0,
        }
    }

    /// In how many runs it appeared.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it appeared nowhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives back memory that is not needed.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

impl FromIterator<Appearance> for Appearances {
    fn from_iter<I: IntoIterator<Item = Appearance>>(all: I) -> Self {
        let mut appearances = Self::default();
        for one in all {
            appearances.push(&one);
        }
        appearances
    }
}

impl<'a> IntoIterator for &'a Appearances {
    type Item = Appearance;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Unpacks appearances.
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    next: u32,
}

impl Iterator for Iter<'_> {
    type Item = Appearance;

    fn next(&mut self) -> Option<Appearance> {
        let head = varint::take(&mut self.bytes)?;
        let run = self.next + narrow(head >> FLAG_BITS);
        self.next = run + 1;
        let mut number = || varint::take(&mut self.bytes).unwrap_or_default();
        let count = number();
        let last_ms = (head & HAS_LAST != 0).then(&mut number);
        let first = (head & HAS_FIRST != 0).then(|| First {
            at_ms: number(),
            pid: narrow(number()),
            program: narrow(number()),
        });
        Some(Appearance {
            run,
            count,
            last_ms,
            first,
        })
    }
}

/// The runs of appearances.
#[derive(Clone)]
pub struct RunNumbers<'a> {
    bytes: &'a [u8],
    next: u32,
}

impl Iterator for RunNumbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let head = varint::take(&mut self.bytes)?;
        let run = self.next + narrow(head >> FLAG_BITS);
        self.next = run + 1;
        let numbers =
            1 + usize::from(head & HAS_LAST != 0) + 3 * usize::from(head & HAS_FIRST != 0);
        varint::skip(&mut self.bytes, numbers);
        Some(run)
    }
}

/// A number that was packed from 32 bits.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn appearance() -> impl Strategy<Value = Appearance> {
        let first = (any::<u64>(), any::<u32>(), any::<u32>());
        let parts = (
            0..u32::MAX,
            any::<u64>(),
            any::<Option<u64>>(),
            prop::option::of(first),
        );
        parts.prop_map(|(run, count, last_ms, first)| Appearance {
            run,
            count,
            last_ms,
            first: first.map(|(at_ms, pid, program)| First {
                at_ms,
                pid,
                program,
            }),
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks(mut all in prop::collection::vec(appearance(), 0..20)) {
            all.sort_by_key(|one| one.run);
            all.dedup_by_key(|one| one.run);
            let packed: Appearances = all.iter().copied().collect();
            prop_assert_eq!(packed.len(), all.len());
            let runs: Vec<u32> = all.iter().map(|one| one.run).collect();
            prop_assert_eq!(packed.runs().collect::<Vec<_>>(), runs);
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), all);
        }
    }
}
