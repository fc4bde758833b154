//! Statistics that a report needs: percentiles of a histogram, fairness, mean with confidence.
//! Each has its one place here.
//!
//! Left out on purpose: recording values (`measure`).

use hdrhistogram::Histogram;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::model::{Distribution, Interval, TimeSources};
use crate::measure::record::Times;

/// Values that were kept beside a histogram, because buckets round them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact {
    /// Least value.
    pub min: u64,
    /// Greatest value.
    pub max: u64,
    /// Sum of all values.
    pub sum: u128,
}

impl From<&Times> for Exact {
    fn from(times: &Times) -> Exact {
        Exact {
            min: times.least,
            max: times.greatest,
            sum: times.sum,
        }
    }
}

/// What times rest on, and how good that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// The clocks.
    pub source: TimeSources,
    /// How far a single value may be off; `None` where nobody knows.
    pub uncertainty_ps: Option<u64>,
    /// What the instrument tells apart at best, by its calibration; `None` without one.
    pub resolution_ps: Option<u64>,
}

impl From<TimeSources> for Basis {
    fn from(source: TimeSources) -> Basis {
        Basis {
            source,
            uncertainty_ps: None,
            resolution_ps: None,
        }
    }
}

/// The [`distribution`] of times whose least, greatest and sum are known.
#[must_use]
pub fn of_times(times: &Times, basis: impl Into<Basis>) -> Option<Distribution> {
    distribution(&times.histogram, Some(times.into()), basis)
}

/// The percentiles of a histogram of picoseconds, kept with 3 significant digits; `None` of an
/// empty one. A percentile is the upper end of its bucket (so never too low, and at most 0.1 %
/// too high), but never above the greatest value. With `exact`, `min`, `max` and `mean` carry no
/// rounding.
#[must_use]
pub fn distribution(histogram: &Histogram<u64>, exact: Option<Exact>, basis: impl Into<Basis>) -> Option<Distribution> {
    let basis: Basis = basis.into();
    let count = histogram.len();
    if count == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let (min, max, mean) = match exact {
        Some(exact) => (exact.min, exact.max, exact.sum as f64 / count as f64),
        None => (histogram.min(), histogram.max(), histogram.mean()),
    };
    let resolution = basis.uncertainty_ps.max(basis.resolution_ps);
    let at = |quantile: f64| histogram.value_at_quantile(quantile).clamp(min, max.max(min));
    Some(Distribution {
        unit: "ps".to_owned(),
        source: basis.source,
        uncertainty_ps: basis.uncertainty_ps,
        below_resolution: resolution.is_some_and(|resolution| at(0.5) < resolution),
        count,
        min,
        mean,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        p99_9: at(0.999),
        max,
        // The ends are the extremes themselves, not their buckets'.
        percentiles: std::iter::once(min)
            .chain((1..100).map(|percent| at(f64::from(percent) / 100.0)))
            .chain([max])
            .collect(),
    })
}

/// Jain fairness index (Σx)² / (n·Σx²): 1 when all are equal, 1/n when one has everything. `None`
/// when there is nothing to compare: no values, or only zeros.
#[must_use]
pub fn jain(values: &[f64]) -> Option<f64> {
    // Shares of the greatest: squares of bit rates must not lose digits or overflow.
    let greatest = values.iter().copied().fold(0.0, f64::max);
    if greatest <= 0.0 {
        return None;
    }
    let sum: f64 = values.iter().map(|x| x / greatest).sum();
    let squares: f64 = values.iter().map(|x| (x / greatest).powi(2)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of flows")]
    Some(sum * sum / (values.len() as f64 * squares))
}

/// Arithmetic mean of trials, and its 95 % confidence interval by Student's t with n − 1 degrees
/// of freedom. `None` without values; no interval for one.
#[must_use]
pub fn mean_ci95(trials: &[f64]) -> Option<(f64, Option<Interval>)> {
    if trials.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of trials")]
    let count = trials.len() as f64;
    // Around the first value: the mean of values that are equal but for rounding (sums of the same terms in
    // another order) is that value, with no spread.
    let first = trials.first().copied().unwrap_or(0.0);
    let rounding = 16.0 * f64::EPSILON * first.abs();
    let away = |x: &f64| Some(x - first).filter(|by| by.abs() > rounding).unwrap_or(0.0);
    let offset = trials.iter().map(away).sum::<f64>() / count;
    let mean = first + offset;
    if trials.len() == 1 {
        return Some((mean, None));
    }
    let variance = trials.iter().map(|x| (away(x) - offset).powi(2)).sum::<f64>() / (count - 1.0);
    let interval = StudentsT::new(0.0, 1.0, count - 1.0).ok().map(|t| {
        let half = t.inverse_cdf(0.975) * (variance / count).sqrt();
        Interval {
            low: mean - half,
            high: mean + half,
        }
    });
    Some((mean, interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::TimeSource;

    const TSC: TimeSources = TimeSources {
        tx: TimeSource::Software,
        rx: TimeSource::Software,
    };

    #[test]
    fn percentiles_are_within_a_thousandth_and_never_beyond_the_extremes() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for nanos in 1..=10_000_u64 {
            histogram.record(nanos * 1_000).unwrap();
        }
        let exact = Exact {
            min: 1_000,
            max: 10_000_000,
            sum: 1_000 * 10_000 * 10_001 / 2,
        };
        let found = distribution(&histogram, Some(exact), TSC).unwrap();
        assert_eq!((found.count, found.min, found.max), (10_000, 1_000, 10_000_000));
        assert!((found.mean - 5_000_500.0).abs() < 1e-6);
        for (value, truth) in [
            (found.p50, 5_000_000),
            (found.p95, 9_500_000),
            (found.p99, 9_900_000),
            (found.p99_9, 9_990_000),
        ] {
            assert!((truth..=truth + truth / 1000).contains(&value), "{value} for {truth}");
        }
        assert_eq!(found.percentiles.len(), 101);
        assert_eq!((found.percentiles[0], found.percentiles[100]), (1_000, 10_000_000));
        for (percent, value) in (1..100).zip(&found.percentiles[1..]) {
            let truth = percent * 100_000;
            // A quantile of 0.07 is a little more than 7 %: one value more.
            assert!(
                (truth..=truth + truth / 1000 + 1_000).contains(value),
                "{value} at {percent} %"
            );
        }
        let mut one = Histogram::<u64>::new(3).unwrap();
        one.record(1_234_567).unwrap();
        let exact = Exact {
            min: 1_234_567,
            max: 1_234_567,
            sum: 1_234_567,
        };
        let found = distribution(&one, Some(exact), TSC).unwrap();
        assert_eq!(
            (found.min, found.p50, found.p99_9, found.max),
            (1_234_567, 1_234_567, 1_234_567, 1_234_567)
        );
        assert_eq!(distribution(&Histogram::<u64>::new(3).unwrap(), None, TSC), None);
    }

    #[test]
    fn jain_of_known_shares() {
        assert_eq!(jain(&[5.0; 7]), Some(1.0));
        assert_eq!(jain(&[0.0, 0.0, 8.0, 0.0]), Some(0.25));
        // (1+2+3)² / (3·14) = 36/42.
        assert!((jain(&[1e11, 2e11, 3e11]).unwrap() - 36.0 / 42.0).abs() < 1e-15);
        assert_eq!(jain(&[]), None);
        assert_eq!(jain(&[0.0, 0.0]), None);
    }

    #[test]
    fn equal_trials_have_no_spread() {
        for value in [0.1, 98.415_133, 1e-9, 1e18] {
            let (mean, interval) = mean_ci95(&[value; 7]).unwrap();
            let interval = interval.unwrap();
            assert_eq!((mean, interval.low, interval.high), (value, value, value));
        }
        // The same terms, added in another order.
        let sums = [(0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3)];
        assert_ne!(sums[0], sums[1]);
        let (mean, interval) = mean_ci95(&sums).unwrap();
        assert_eq!((mean, interval.unwrap().low), (sums[0], sums[0]));
    }

    #[test]
    fn confidence_follows_the_printed_t_table() {
        // Two-sided 95 % points of Student's t: 12.706 (1 degree of freedom), 4.303 (2), 2.093 (19).
        for (count, t) in [(2, 12.706), (3, 4.303), (20, 2.093)] {
            let trials: Vec<f64> = (0..count).map(f64::from).collect();
            let n = f64::from(count);
            // Of 0 … n−1 the mean is (n−1)/2 and the sample variance n(n+1)/12.
            let half = t * (n * (n + 1.0) / 12.0 / n).sqrt();
            let (mean, interval) = mean_ci95(&trials).unwrap();
            let interval = interval.unwrap();
            assert!((mean - (n - 1.0) / 2.0).abs() < 1e-12);
            assert!(
                (interval.high - mean - half).abs() < 2e-4 * half,
                "{count}: {interval:?}"
            );
            assert!((mean - interval.low - half).abs() < 2e-4 * half);
        }
        assert_eq!(mean_ci95(&[4.0]), Some((4.0, None)));
        assert_eq!(mean_ci95(&[]), None);
    }
}
