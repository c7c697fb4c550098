//! From samples to figures: medians, quartiles, and whether the machine was quiet enough to believe them.
//! Knows nothing of what was measured.

/// The middle and the quartiles of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// A quarter of the values are below.
    pub lower: f64,
    /// Half of the values are below.
    pub median: f64,
    /// A quarter of the values are above.
    pub upper: f64,
}

impl Spread {
    /// Of these values; `None` if there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        // Quartiles of an even number of values lie between two of them.
        let at = |quarter: usize| {
            let (whole, rest) = (last * quarter / 4, last * quarter % 4);
            let upper = values[(whole + 1).min(last)];
            values[whole] + (upper - values[whole]) * [0.0, 0.25, 0.5, 0.75][rest]
        };
        Some(Self {
            lower: at(1),
            median: at(2),
            upper: at(3),
        })
    }

    /// From quartile to quartile.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.upper - self.lower
    }
}

/// What one round gave for one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Nanoseconds per call with nothing attached.
    pub nothing_ns: f64,
    /// With the empty program.
    pub empty_ns: f64,
    /// With what is measured.
    pub ns: f64,
}

impl Sample {
    /// Nanoseconds per call that it adds.
    #[must_use]
    pub fn added_ns(&self) -> f64 {
        self.ns - self.nothing_ns
    }

    /// That in units of what the empty program adds. Where the empty program seems to add nothing, the round
    /// was disturbed and says nothing.
    #[must_use]
    pub fn added_ratio(&self) -> f64 {
        let floor = self.empty_ns - self.nothing_ns;
        if floor > 0.0 {
            self.added_ns() / floor
        } else {
            f64::NAN
        }
    }

    /// All of the call's time in units of its time with the empty program.
    #[must_use]
    pub fn whole_ratio(&self) -> f64 {
        self.ns / self.empty_ns
    }
}

/// The figures of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Nanoseconds per call that are added.
    pub added_ns: Spread,
    /// In units of what the empty program adds.
    pub added_ratio: Spread,
    /// All of the call's time in units of its time with the empty program.
    pub whole_ratio: Spread,
}

impl Figures {
    /// Of these samples; `None` if none says anything.
    #[must_use]
    pub fn of(samples: &[Sample]) -> Option<Self> {
        Some(Self {
            added_ns: Spread::of(samples.iter().map(Sample::added_ns))?,
            added_ratio: Spread::of(samples.iter().map(Sample::added_ratio))?,
            whole_ratio: Spread::of(samples.iter().map(Sample::whole_ratio))?,
        })
    }
}

/// How far the empty program, measured against itself, may be from 1 in the middle.
const BIAS_MAX: f64 = 0.05;

/// How far its quartiles may be apart.
const WIDTH_MAX: f64 = 0.25;

/// Why the figures should not be believed, if so; `control` is the empty program measured against itself.
#[must_use]
pub fn noise(control: &Spread) -> Option<String> {
    let bias = (control.median - 1.0).abs();
    if bias > BIAS_MAX {
        return Some(format!(
            "the empty program against itself is {:.2} in the middle, not 1",
            control.median
        ));
    }
    (control.width() > WIDTH_MAX).then(|| {
        format!(
            "the empty program against itself has its quartiles at {:.2} and {:.2}",
            control.lower, control.upper
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(lower: f64, median: f64, upper: f64) -> Spread {
        Spread {
            lower,
            median,
            upper,
        }
    }

    #[test]
    fn quartiles_lie_on_or_between_values() {
        let table: [(&[f64], Option<Spread>); 5] = [
            (&[], None),
            (&[f64::NAN, f64::INFINITY], None),
            (&[7.0], Some(spread(7.0, 7.0, 7.0))),
            (&[4.0, 0.0, 2.0, 1.0, 3.0], Some(spread(1.0, 2.0, 3.0))),
            (&[0.0, 8.0, f64::NAN], Some(spread(2.0, 4.0, 6.0))),
        ];
        for (values, expected) in table {
            assert_eq!(Spread::of(values.iter().copied()), expected, "{values:?}");
        }
    }

    #[test]
    fn figures_are_in_units_of_the_empty_program() {
        let sample = |nothing_ns, empty_ns, ns| Sample {
            nothing_ns,
            empty_ns,
            ns,
        };
        // The middle round was disturbed: the empty program cost less than nothing.
        let samples = [
            sample(100.0, 180.0, 190.0),
            sample(180.0, 100.0, 200.0),
            sample(100.0, 180.0, 220.0),
        ];
        let figures = Figures::of(&samples).unwrap();
        assert_eq!(figures.added_ns, spread(55.0, 90.0, 105.0));
        assert_eq!(figures.added_ratio, spread(1.21875, 1.3125, 1.40625));
        assert_eq!(Figures::of(&samples[1..2]), None);
    }

    #[test]
    fn a_noisy_machine_is_told_by_its_control() {
        for (control, is_noisy) in [
            (spread(0.98, 1.0, 1.03), false),
            (spread(1.0, 1.06, 1.1), true),
            (spread(0.85, 1.0, 1.15), true),
        ] {
            assert_eq!(noise(&control).is_some(), is_noisy, "{control:?}");
        }
    }
}
