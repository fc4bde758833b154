//! Statistics that a report needs: percentiles of a histogram, fairness, mean with confidence.
//! Each has its one place here.
//!
//! Left out on purpose: recording values (`measure`).

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::model::{Distribution, Interval, TimeSources};
use crate::measure::record::Times;

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

/// What many times come to, in picoseconds; `None` of none. A percentile is the upper end of its bucket (so never too
/// low, and at most 0.1 % too high), but never beyond the extremes, which carry no rounding, and neither does the mean.
#[must_use]
pub fn of_times(times: &Times, basis: impl Into<Basis>) -> Option<Distribution> {
    let basis: Basis = basis.into();
    let count = times.count();
    if count == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let mean = times.sum as f64 / count as f64;
    let resolution = basis.uncertainty_ps.max(basis.resolution_ps);
    let at = times.quantiles();
    Some(Distribution {
        unit: "ps".to_owned(),
        source: basis.source,
        uncertainty_ps: basis.uncertainty_ps,
        below_resolution: resolution.is_some_and(|resolution| at(0.5) < resolution),
        count,
        min: times.least,
        mean,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        p99_9: at(0.999),
        max: times.greatest,
        // The ends are the extremes themselves, not their buckets'.
        percentiles: std::iter::once(times.least)
            .chain((1..100).map(|percent| at(f64::from(percent) / 100.0)))
            .chain([times.greatest])
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

/// A figure over trials, each with the interval of its own reading: the mean, and where the truth lies. Trials of
/// one configuration are read in the same way and may be off by the same, so the distance from the mean to an end is
/// that of Student's t **and** the mean distance of the readings' own ends: the truth is in the mean of intervals
/// that hold it. No end is beyond `range`. No interval of one trial whose reading has none.
#[must_use]
pub fn over_trials(trials: &[(f64, Option<Interval>)], range: Interval) -> Option<(f64, Option<Interval>)> {
    let values: Vec<f64> = trials.iter().map(|(value, _)| *value).collect();
    let (mean, by_chance) = mean_ci95(&values)?;
    #[expect(clippy::cast_precision_loss, reason = "a number of trials")]
    let count = trials.len() as f64;
    let own = |end: &dyn Fn(f64, Interval) -> f64| {
        let distances = trials
            .iter()
            .map(|(value, own)| own.map_or(0.0, |own| end(*value, own).max(0.0)));
        distances.sum::<f64>() / count
    };
    let is_read = trials.iter().any(|(_, own)| own.is_some());
    let interval = match by_chance {
        None if !is_read => return Some((mean, None)),
        found => found.unwrap_or(Interval::around(mean, 0.0)),
    };
    let interval = Interval {
        low: interval.low - own(&|value, own| value - own.low),
        high: interval.high + own(&|value, own| own.high - value),
    };
    Some((mean, Some(interval.within(range, mean))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::TimeSource;
    use crate::report::range;

    const TSC: TimeSources = TimeSources {
        tx: TimeSource::Software,
        rx: TimeSource::Software,
    };

    #[test]
    fn percentiles_are_within_a_thousandth_and_never_beyond_the_extremes() {
        let mut times = Times::default();
        for nanos in 1..=10_000_u64 {
            times.see(nanos * 1_000);
        }
        let found = of_times(&times, TSC).unwrap();
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
        assert_eq!(of_times(&Times::default(), TSC), None);
    }

    #[test]
    fn times_that_are_all_equal_are_told_exactly() {
        // 328,640 ps is the gap of 4,084 bytes on the wire at 100 Gb/s; two digits made 0.49 % more of it.
        for times in [Times::default(), Times::coarse(), Times::settled()] {
            let (mut times, mut other) = (times.clone(), times);
            (0..100).for_each(|_| times.see(328_640));
            (0..100).for_each(|_| other.see(328_640));
            times.merge(&other);
            let found = of_times(&times, TSC).unwrap();
            assert_eq!((found.count, found.min, found.max), (200, 328_640, 328_640));
            assert!(found.percentiles.iter().all(|value| *value == 328_640));
            assert_eq!((found.mean, found.p99_9), (328_640.0, 328_640));
        }
        // Longer than a histogram tells apart: the extremes are true all the same.
        let mut long = Times::settled();
        long.see(u64::MAX / 2);
        assert_eq!((long.at(0.5), long.greatest), (u64::MAX / 2, u64::MAX / 2));
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
    fn a_readings_own_interval_goes_with_that_over_trials() {
        let own = |low: f64, high: f64| Some(Interval { low, high });
        // A threshold of 100,000 that frames of 4,096 bytes bracket: three trials alike have no spread, and the truth
        // is where each of them says.
        let alike = [(97_995.0, own(97_995.0, 102_091.0)); 3];
        let (mean, interval) = over_trials(&alike, range::NOT_NEGATIVE).unwrap();
        assert_eq!((mean, interval), (97_995.0, own(97_995.0, 102_091.0)));
        // One trial: its own. None of its own: none.
        assert_eq!(
            over_trials(&alike[..1], range::ANY).unwrap().1,
            own(97_995.0, 102_091.0)
        );
        assert_eq!(over_trials(&[(4.0, None)], range::ANY), Some((4.0, None)));
        // 1 and 3: half width 12.706 · s/√2 with s = √2; a tenth below and two tenths above on average.
        let (mean, interval) = over_trials(&[(1.0, own(0.8, 1.4)), (3.0, None)], range::ANY).unwrap();
        let interval = interval.unwrap();
        assert_eq!(mean, 2.0);
        assert!((interval.low - (2.0 - 12.706 - 0.1)).abs() < 1e-3, "{interval:?}");
        assert!((interval.high - (2.0 + 12.706 + 0.2)).abs() < 1e-3, "{interval:?}");
        // What nothing bounds in one trial is not bounded by others.
        let open = [(5.0, own(4.0, f64::INFINITY)), (5.0, own(4.0, 6.0))];
        assert_eq!(over_trials(&open, range::ANY).unwrap().1, own(4.0, f64::INFINITY));
        // A fairness index of 0.9 and 1.0 is not 1.5, and a size not negative.
        let fair = over_trials(&[(0.9, None), (1.0, None)], range::SHARE)
            .unwrap()
            .1
            .unwrap();
        assert_eq!(fair.high, 1.0);
        assert!((fair.low - (0.95 - 12.706 * 0.05)).abs() < 1e-4, "{fair:?}");
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
