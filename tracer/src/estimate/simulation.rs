//! The estimates against worlds whose truth is known. The seed is fixed: this passes always or never.

use super::numeric::real;
use super::{Bits, Incidence};

/// A small generator.
struct Random(u64);

impl Random {
    /// Uniform in 0..1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("32 bits");
        f64::from(bits) / 2_f64.powi(32)
    }
}

/// 83 behaviours: 45 that every run shows, the others with chances from a half down to a thousandth.
fn world() -> Vec<f64> {
    let rare = (0..38).map(|rank| 0.5 * 0.002_f64.powf(f64::from(rank) / 37.0));
    std::iter::repeat_n(1.0, 45).chain(rare).collect()
}

fn sample(world: &[f64], runs: u32, random: &mut Random) -> Incidence {
    let behaviours = world
        .iter()
        .map(|&chance| -> Bits { (0..runs).filter(|_| random.next() < chance).collect() });
    let seen: Vec<Bits> = behaviours.filter(|bits| bits.count() > 0).collect();
    Incidence::of(runs as usize, &seen)
}

#[test]
fn the_expected_number_of_new_behaviours_is_right_on_average() {
    const REPEATS: u32 = 400;
    let world = world();
    let mut random = Random(7);
    for runs in [3, 10, 50, 300] {
        let exponent = i32::try_from(runs).expect("small");
        let truth: f64 = world.iter().map(|p| p * (1.0 - p).powi(exponent)).sum();
        let samples: Vec<_> = (0..REPEATS)
            .map(|_| sample(&world, runs, &mut random))
            .collect();
        let mean = |value: &dyn Fn(&Incidence) -> f64| {
            samples.iter().map(value).sum::<f64>() / f64::from(REPEATS)
        };
        let expected = mean(&Incidence::expected_new);
        assert!(
            (expected / truth - 1.0).abs() < 0.12,
            "{runs}: {expected} for {truth}"
        );
        // The lower bound is one, up to noise, and better than what was seen.
        let (seen, bound) = (
            mean(&|one| real(one.behaviours())),
            mean(&Incidence::at_least),
        );
        assert!(
            seen < bound && bound < 84.0,
            "{runs}: {seen} < {bound} < 84"
        );
        // The share of runs that bring something, and the bound above it.
        let unseen = |p: &f64| 1.0 - p * (1.0 - p).powi(exponent);
        let share = 1.0 - world.iter().map(unseen).product::<f64>();
        let guess = mean(&Incidence::chance_of_new);
        assert!((guess - share).abs() < 0.1, "{runs}: {guess} for {share}");
        let below = samples.iter().filter(|one| one.share_at_most() < share);
        let below = real(below.count()) / f64::from(REPEATS);
        assert!(below < 0.15, "{runs}: the bound fails in {below}");
    }
}
