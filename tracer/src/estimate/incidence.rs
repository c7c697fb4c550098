//! In how many runs each behaviour appeared, and what follows from that.

use super::Bits;
use super::numeric::{binomial_bound, real};
use std::collections::{BTreeMap, BTreeSet};

/// How many behaviours appeared in how many runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidence {
    /// Runs, T.
    runs: usize,
    /// By number of runs k, how many behaviours appeared in exactly k: Q_k.
    frequencies: BTreeMap<usize, usize>,
    /// Runs that showed something that no other run did, d.
    with_own: usize,
}

impl Incidence {
    pub(super) fn of<'a>(runs: usize, appearances: impl IntoIterator<Item = &'a Bits>) -> Self {
        let mut frequencies = BTreeMap::new();
        let mut owners = BTreeSet::new();
        for bits in appearances {
            *frequencies.entry(bits.count()).or_default() += 1;
            owners.extend(bits.only());
        }
        Self {
            runs,
            frequencies,
            with_own: owners.len(),
        }
    }

    /// From counts: runs, how many behaviours appeared in how many of them, and how many runs showed
    /// something that no other did.
    #[must_use]
    pub fn new(runs: usize, frequencies: BTreeMap<usize, usize>, with_own: usize) -> Self {
        Self {
            runs,
            frequencies,
            with_own,
        }
    }

    /// How many runs there are.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// How many behaviours appeared in exactly that many runs.
    #[must_use]
    pub fn appeared_in(&self, runs: usize) -> usize {
        self.frequencies.get(&runs).copied().unwrap_or(0)
    }

    /// How many behaviours appeared.
    #[must_use]
    pub fn behaviours(&self) -> usize {
        self.frequencies.values().sum()
    }

    /// How many runs showed something that no other run did.
    #[must_use]
    pub fn with_own(&self) -> usize {
        self.with_own
    }

    /// The number of new behaviours to expect in the next run: Good and Turing's estimate for incidence,
    /// Q1/T, with the correction for small samples where it is defined.
    #[must_use]
    pub fn expected_new(&self) -> f64 {
        if self.runs == 0 {
            return 0.0;
        }
        let (once, twice, others) = self.rare();
        let correction = if twice > 0.0 {
            others * once / (others * once + 2.0 * twice)
        } else if once > 1.0 {
            others * (once - 1.0) / (others * (once - 1.0) + 2.0)
        } else {
            1.0
        };
        once / real(self.runs) * correction
    }

    /// The chance that the next run brings something new, as if rare behaviours did not depend on each
    /// other.
    #[must_use]
    pub fn chance_of_new(&self) -> f64 {
        1.0 - (-self.expected_new()).exp()
    }

    /// The share of runs that bring something new is at most this, with 95 % confidence: the exact binomial
    /// bound on the share of runs with something of their own. Never zero, however alike the runs are.
    #[must_use]
    pub fn share_at_most(&self) -> f64 {
        binomial_bound(self.with_own, self.runs)
    }

    /// The upper end of [`Self::expected_new`], with 95 % confidence: the bound on the share of runs that bring
    /// something, times what those that did brought on average, one thing at least. Never zero.
    #[must_use]
    pub fn expected_at_most(&self) -> f64 {
        let brought = real(self.appeared_in(1)) / real(self.with_own.max(1));
        let bound = self.share_at_most() * brought.max(1.0);
        bound.max(self.expected_new())
    }

    /// A lower bound on how many behaviours there are in all, seen or not (Chao2).
    #[must_use]
    pub fn at_least(&self) -> f64 {
        if self.runs == 0 {
            return 0.0;
        }
        let (once, twice, others) = self.rare();
        let unseen = if twice > 0.0 {
            once * once / (2.0 * twice)
        } else {
            once * (once - 1.0) / 2.0
        };
        real(self.behaviours()) + others / real(self.runs) * unseen
    }

    /// How many behaviours a sample of that many of these runs shows on average.
    #[must_use]
    pub fn shown_by(&self, sample: usize) -> f64 {
        let missed = |appeared: usize| -> f64 {
            // All `appeared` runs must be outside the sample.
            let chance = (0..appeared)
                .map(|at| real(self.runs.saturating_sub(sample + at)) / real(self.runs - at));
            chance.product()
        };
        let shown = |(&appeared, &behaviours): (&usize, &usize)| {
            real(behaviours) * (1.0 - missed(appeared))
        };
        self.frequencies.iter().map(shown).sum()
    }

    /// The curve of new behaviours: how many 1, 2, 5, 10, … of these runs show on average, up to all of them.
    #[must_use]
    pub fn curve(&self) -> Vec<(usize, f64)> {
        let decades = std::iter::successors(Some(1_usize), |decade| decade.checked_mul(10));
        let samples = decades.flat_map(|decade| [1, 2, 5].map(|step| decade.saturating_mul(step)));
        let below = samples.take_while(|&sample| sample < self.runs);
        let points = below.chain((self.runs > 0).then_some(self.runs));
        points
            .map(|sample| (sample, self.shown_by(sample)))
            .collect()
    }

    /// Q1, Q2 and T - 1.
    fn rare(&self) -> (f64, f64, f64) {
        let others = self.runs.saturating_sub(1);
        (
            real(self.appeared_in(1)),
            real(self.appeared_in(2)),
            real(others),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An incidence from what each run did, as bits of behaviours.
    fn incidence(runs: &[u32]) -> Incidence {
        let with = |behaviour: u32| -> Bits {
            let positions = (0..)
                .zip(runs)
                .filter(|(_, did)| *did >> behaviour & 1 == 1);
            positions.map(|(run, _)| run).collect()
        };
        let all: Vec<Bits> = (0..32).map(with).filter(|bits| bits.count() > 0).collect();
        Incidence::of(runs.len(), &all)
    }

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9
    }

    #[test]
    fn computed_by_hand() {
        // T = 4; behaviour 0 in all, 1 and 2 in two runs, 3, 4 and 5 in one; two runs have something of
        // their own.
        let one = incidence(&[0b00_1111, 0b00_0011, 0b11_0101, 0b00_0001]);
        assert_eq!((one.runs(), one.behaviours()), (4, 6));
        assert_eq!(
            (one.appeared_in(1), one.appeared_in(2), one.appeared_in(4)),
            (3, 2, 1)
        );
        assert_eq!(one.with_own(), 2);
        // A = 3 * 3 / (3 * 3 + 2 * 2) = 9 / 13; 3 / 4 * 9 / 13 = 27 / 52.
        assert!(near(one.expected_new(), 27.0 / 52.0));
        // 6 + 3 / 4 * 9 / 4.
        assert!(near(one.at_least(), 7.6875));
        assert!(near(one.chance_of_new(), 1.0 - (-27.0_f64 / 52.0).exp()));
    }

    #[test]
    fn without_pairs() {
        // T = 3, Q1 = 2, Q2 = 0: A = 2 / (2 + 2), and 2 / 3 / 2; at least 3 + 2 / 3.
        let two = incidence(&[0b001, 0b011, 0b101]);
        assert!(near(two.expected_new(), 1.0 / 3.0));
        assert!(near(two.at_least(), 3.0 + 2.0 / 3.0));
        // Q1 = 1 alone: no correction is defined, so none is made.
        let one = incidence(&[0b01, 0b11, 0b01]);
        assert!(near(one.expected_new(), 1.0 / 3.0));
        assert!(near(one.at_least(), 2.0));
        // Runs that are all alike expect nothing new, but the bound on their share stays above zero.
        let none = incidence(&[0b1; 29]);
        assert!(near(none.expected_new(), 0.0));
        assert!((none.share_at_most() - 0.0981).abs() < 1e-4);
        assert!(near(Incidence::default().expected_new(), 0.0));
        assert!(near(Incidence::default().at_least(), 0.0));
    }

    #[test]
    fn the_curve_has_round_points_and_ends_with_all_runs() {
        let points = |runs: usize| -> Vec<usize> {
            let curve = incidence(&vec![1; runs]).curve();
            curve.into_iter().map(|(sample, _)| sample).collect()
        };
        assert_eq!(points(0), [0; 0]);
        assert_eq!(points(1), [1]);
        assert_eq!(points(40), [1, 2, 5, 10, 20, 40]);
        assert_eq!(points(100), [1, 2, 5, 10, 20, 50, 100]);
    }

    proptest! {
        /// Against every sample of every size, counted.
        #[test]
        fn the_curve_is_the_average_over_all_samples(runs in prop::collection::vec(any::<u32>(), 1..8)) {
            let one = incidence(&runs);
            for size in 1..=runs.len() {
                let samples = (0_u32..1 << runs.len()).filter(|set| set.count_ones() as usize == size);
                let shown = samples.map(|set| {
                    let chosen = (0..).zip(&runs).filter(|(at, _)| set >> at & 1 == 1);
                    chosen.fold(0, |all, (_, did)| all | did).count_ones()
                });
                let shown: Vec<u32> = shown.collect();
                let average = f64::from(shown.iter().sum::<u32>()) / real(shown.len());
                prop_assert!((one.shown_by(size) - average).abs() < 1e-6);
            }
        }

        /// Leaving each run out in turn and asking whether it would have brought something.
        #[test]
        fn runs_with_their_own_are_those_that_would_be_missed(runs in prop::collection::vec(any::<u32>(), 2..8)) {
            let missed = (0..runs.len()).filter(|&left_out| {
                let others = runs.iter().enumerate().filter(|(at, _)| *at != left_out);
                let rest = others.fold(0, |all, (_, did)| all | did);
                runs[left_out] & !rest != 0
            });
            prop_assert_eq!(incidence(&runs).with_own(), missed.count());
        }

        #[test]
        fn bounds_are_bounds(runs in prop::collection::vec(any::<u32>(), 1..30)) {
            let one = incidence(&runs);
            prop_assert!(one.at_least() >= real(one.behaviours()) - 1e-9);
            prop_assert!(one.expected_new() <= real(one.appeared_in(1)) / real(runs.len()) + 1e-9);
            prop_assert!(one.share_at_most() >= real(one.with_own()) / real(runs.len()) - 1e-9);
            prop_assert!(one.share_at_most() <= 1.0);
        }
    }
}
