//! Whether two means differ: Welch's t-test from what a summary holds, and Holm's correction over many tests.
//!
//! Left out on purpose: the least difference that matters, which is no matter of statistics (`judge`).

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::report::model::Interval;

/// What a summary says of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Trials behind it.
    pub trials: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (n − 1); 0 where all are alike.
    pub deviation: f64,
}

impl Sample {
    /// From a mean and its 95 % interval, by Student's t: the interval's half width is t(0.975, n − 1) · s / √n.
    /// What the readings themselves may be off counts like a spread: a difference within it is none.
    #[must_use]
    pub fn of_ci95(trials: u64, mean: f64, ci95: Option<Interval>) -> Sample {
        let spread = || {
            let interval = ci95.filter(|_| trials > 1)?;
            // Of an interval that is open above, twice its lower part.
            let high = if interval.high.is_finite() {
                interval.high
            } else {
                2.0 * mean - interval.low
            };
            let half = (high - interval.low) / 2.0;
            let t = student(float(trials) - 1.0)?.inverse_cdf(0.975);
            Some(half * float(trials).sqrt() / t)
        };
        Sample {
            trials,
            mean,
            deviation: spread().unwrap_or(0.0),
        }
    }
}

/// What the two samples say of the difference of their means, B − A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// Confidence interval of the difference.
    pub interval: Interval,
    /// Probability of a difference as great where there is none, two-sided.
    pub p: f64,
    /// Neither sample has any spread: this is no matter of chance, and `p` is 0 or 1.
    pub constant: bool,
}

#[expect(clippy::cast_precision_loss, reason = "a number of trials")]
fn float(count: u64) -> f64 {
    count as f64
}

fn student(degrees: f64) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, degrees).ok()
}

/// Welch's t-test (B. L. Welch, Biometrika 34, 1947): means of samples whose variances may differ. `None` where
/// one of them has fewer than two trials.
#[must_use]
pub fn welch(a: &Sample, b: &Sample, confidence: f64) -> Option<Welch> {
    if a.trials < 2 || b.trials < 2 {
        return None;
    }
    let difference = b.mean - a.mean;
    // Of their greater one, so that squares of tiny deviations are not lost.
    let scale = a.deviation.max(b.deviation);
    if scale <= 0.0 {
        return Some(Welch {
            interval: Interval {
                low: difference,
                high: difference,
            },
            p: if difference == 0.0 { 1.0 } else { 0.0 },
            constant: true,
        });
    }
    let share = |sample: &Sample| (sample.deviation / scale).powi(2) / float(sample.trials);
    let (of_a, of_b) = (share(a), share(b));
    let error = scale * (of_a + of_b).sqrt();
    // Welch and Satterthwaite.
    let degrees =
        (of_a + of_b).powi(2) / (of_a.powi(2) / (float(a.trials) - 1.0) + of_b.powi(2) / (float(b.trials) - 1.0));
    let student = student(degrees)?;
    let half = student.inverse_cdf(0.5 + confidence / 2.0) * error;
    Some(Welch {
        interval: Interval {
            low: difference - half,
            high: difference + half,
        },
        p: (2.0 * student.sf((difference / error).abs())).min(1.0),
        constant: false,
    })
}

/// Holm's step-down correction (S. Holm, Scand. J. Statist. 6, 1979): with it, the chance of even one false
/// finding among all tests is at most what each was allowed alone. In the order of `p`.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut adjusted = vec![1.0; p.len()];
    let mut greatest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        let left = float((p.len() - rank) as u64);
        greatest = greatest.max((left * p[index]).min(1.0));
        adjusted[index] = greatest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(trials: u64, mean: f64, deviation: f64) -> Sample {
        Sample {
            trials,
            mean,
            deviation,
        }
    }

    type Given = (u64, f64, f64);

    /// Two samples (trials, mean, deviation), p, and the ends of the 95 % interval of B − A, by SciPy 1.17.1:
    /// `scipy.stats.ttest_ind_from_stats(11.0, 1.5, 20, 10.0, 1.0, 20, equal_var=False).pvalue` and so on (mean,
    /// deviation and trials of B, then of A); the interval is B − A ± `scipy.stats.t.ppf(0.975, df) * sqrt(va + vb)`
    /// with va = 1.0**2 / 20, vb = 1.5**2 / 20, df = (va + vb)**2 / (va**2 / 19 + vb**2 / 19).
    const SCIPY: [(Given, Given, f64, f64, f64); 5] = [
        (
            (20, 10.0, 1.0),
            (20, 11.0, 1.5),
            0.018_367_651_419_026_368,
            0.179_957_683_117_329_74,
            1.820_042_316_882_670_3,
        ),
        (
            (3, 100.0, 2.0),
            (5, 103.0, 0.5),
            0.116_738_237_944_664_45,
            -1.734_354_417_436_624_6,
            7.734_354_417_436_624_6,
        ),
        (
            (20, 412.25, 3.5),
            (20, 511.5, 9.75),
            4.723_053_522_785_805_6e-24,
            94.467_275_908_639_59,
            104.032_724_091_360_41,
        ),
        (
            (2, 1.0, 0.1),
            (2, 1.2, 0.3),
            0.512_637_479_551_624_4,
            -1.676_959_639_289_031,
            2.076_959_639_289_031,
        ),
        (
            (20, 7.5, 0.0),
            (20, 7.6, 0.25),
            0.089_594_521_119_539_86,
            -0.017_003_601_604_980_267,
            0.217_003_601_604_979_57,
        ),
    ];

    #[test]
    fn welch_agrees_with_scipy() {
        for (a, b, p, low, high) in SCIPY {
            let found = welch(&sample(a.0, a.1, a.2), &sample(b.0, b.1, b.2), 0.95).unwrap();
            let close = |found: f64, wanted: f64| (found - wanted).abs() <= 1e-6 * wanted.abs().max(1e-12);
            assert!(close(found.p, p), "{a:?} {b:?}: {} instead of {p}", found.p);
            assert!(close(found.interval.low, low), "{:?} instead of {low}", found.interval);
            assert!(
                close(found.interval.high, high),
                "{:?} instead of {high}",
                found.interval
            );
            assert!(!found.constant);
            // The other way round, the other sign.
            let turned = welch(&sample(b.0, b.1, b.2), &sample(a.0, a.1, a.2), 0.95).unwrap();
            assert!(close(turned.p, p) && close(turned.interval.low, -high));
        }
    }

    #[test]
    fn samples_without_spread_differ_or_do_not() {
        let one = welch(&sample(2, 5.0, 0.0), &sample(3, 5.0, 0.0), 0.95).unwrap();
        assert!((one.p, one.constant) == (1.0, true));
        let other = welch(&sample(2, 5.0, 0.0), &sample(2, 5.5, 0.0), 0.95).unwrap();
        assert!((other.p, other.interval.low, other.interval.high) == (0.0, 0.5, 0.5));
        assert_eq!(welch(&sample(1, 5.0, 0.0), &sample(20, 5.5, 0.1), 0.95), None);
        // Squares that a double cannot hold.
        let tiny = welch(&sample(5, 0.0, 1e-200), &sample(5, 1e-200, 1e-200), 0.95).unwrap();
        assert!((0.1..0.2).contains(&tiny.p), "{tiny:?}");
    }

    #[test]
    fn deviations_come_back_from_intervals() {
        // Of 0, 1, 2 the deviation is 1; of 0 … 19 it is √35.
        for (trials, deviation) in [(3_u32, 1.0), (20, 35.0_f64.sqrt())] {
            let values: Vec<f64> = (0..trials).map(f64::from).collect();
            let (mean, ci95) = crate::report::stats::mean_ci95(&values).unwrap();
            let found = Sample::of_ci95(u64::from(trials), mean, ci95);
            assert!((found.deviation - deviation).abs() < 1e-9, "{found:?}");
        }
        assert!(Sample::of_ci95(1, 4.0, None).deviation == 0.0);
    }

    #[test]
    fn holm_of_a_worked_example() {
        // 4 · 0.01, 3 · 0.02 (and not below the one before), 2 · 0.03, 1 · 0.04 raised to that.
        let found = holm(&[0.04, 0.01, 0.03, 0.02]);
        for (found, wanted) in found.iter().zip([0.06, 0.04, 0.06, 0.06]) {
            assert!((found - wanted).abs() < 1e-12, "{found} instead of {wanted}");
        }
        assert_eq!(holm(&[0.6, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
