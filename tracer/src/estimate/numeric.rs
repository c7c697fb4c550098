//! The arithmetic under the estimates.

/// A count as a real number; beyond 2^53, which no count of runs reaches, the nearest one.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of runs and behaviours are far below 2^53"
)]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}

/// The largest share that is compatible, with 95 % confidence, with having met something in `met` of
/// `trials` independent trials (Clopper and Pearson, one-sided).
pub(super) fn binomial_bound(met: usize, trials: usize) -> f64 {
    const DOUBT: f64 = 0.05;
    if met >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    // Sixty halvings are more than a double can tell apart.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at_most(met, trials, middle) > DOUBT {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The chance of at most `met` hits in `trials` trials, each a hit with that chance.
fn at_most(met: usize, trials: usize, chance: f64) -> f64 {
    let (hit, miss) = (chance.ln(), (1.0 - chance).ln());
    // In logarithms, as the single terms underflow where there are thousands of trials.
    let mut term = real(trials) * miss;
    let mut sum = term.exp();
    for hits in 1..=met {
        term += (real(trials + 1 - hits) / real(hits)).ln() + hit - miss;
        sum += term.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_as_tabulated() {
        // Without a hit the bound is 1 - 0.05^(1/n); the others are from tables of the binomial distribution.
        let table = [
            (0, 29, 0.0981),
            (0, 59, 0.0495),
            (0, 299, 0.0100),
            (1, 10, 0.3942),
            (2, 20, 0.2826),
            (5, 10, 0.7776),
            (10, 10, 1.0),
        ];
        for (met, trials, expected) in table {
            let bound = binomial_bound(met, trials);
            assert!((bound - expected).abs() < 1e-4, "{met}/{trials}: {bound}");
        }
        let many = binomial_bound(4000, 10_000);
        assert!((0.40..0.41).contains(&many), "{many}");
    }
}
