//! When rates have settled after the load has changed (draft, section 8.3).
//!
//! A rate is a sum over a window, and how far such sums are apart depends on the window: rates of DCQCN swing for ever.
//! So the question is asked of windows of several sizes, moved in steps of the smallest. In each window either all rates are within the share asked for
//! of what they settle at, or the window is outside. The smallest size of which at most one window in a hundred of the
//! steady time is outside answers the question: rates have settled in the first window from which on at most one in a
//! hundred is outside.
//!
//! Contract: a function of sums. Where rates never settle, there is no time but the share outside.

use crate::pattern::convergence::{Convergence, Target, WINDOWS};
use crate::units::{PICOS_PER_SECOND, Picos};

/// At most such a share of windows may be outside once rates have settled.
pub const STRAY: f64 = 0.01;

/// What was found of rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Settling {
    /// The mean rate of each over the steady time, bits of payload a second.
    pub steady_bps: Vec<f64>,
    /// By size of window, those of which the steady time has at least one.
    pub windows: Vec<Window>,
    /// The smallest of them that answers the question.
    pub headline: Option<usize>,
}

/// Of windows of one size, one of which begins with each of the smallest. Times are begins of windows, and count from the
/// change of load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The size.
    pub size: Picos,
    /// The first that was inside.
    pub first_inside: Option<Picos>,
    /// The last one that was outside.
    pub last_outside: Option<Picos>,
    /// Windows of the steady time, and how many of them were outside.
    pub steady: (u64, u64),
    /// The window from which on at most [`STRAY`] of all were outside, and the one before.
    pub settled: Option<(Picos, Picos)>,
}

impl Window {
    /// The share of the steady time's windows that were outside.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of windows")]
    pub fn outside(&self) -> f64 {
        self.steady.1 as f64 / self.steady.0.max(1) as f64
    }
}

/// Reads it from the bytes of each rate by windows of the smallest size, the first of which begins with the change.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sums of bytes to 16 digits")]
pub fn settling(asked: &Convergence, rates: &[Vec<u64>]) -> Settling {
    let steps = rates.first().map_or(0, Vec::len);
    let first_steady = asked.steady.saturating_sub(asked.at).0.div_ceil(asked.window.0);
    let first_steady = usize::try_from(first_steady).unwrap_or(steps).min(steps);
    // Bytes up to each step: a window's are a difference.
    let sums: Vec<Vec<u64>> = rates.iter().map(|one| up_to(one)).collect();
    let rate = |sums: &[u64], from: usize, to: usize| {
        let seconds = (to - from) as f64 * asked.window.0 as f64 / PICOS_PER_SECOND as f64;
        (sums[to] - sums[from]) as f64 * 8.0 / seconds
    };
    let steady_bps: Vec<f64> = if first_steady < steps {
        sums.iter().map(|sums| rate(sums, first_steady, steps)).collect()
    } else {
        vec![0.0; rates.len()]
    };
    let fair = steady_bps.iter().sum::<f64>() / steady_bps.len().max(1) as f64;
    let targets: Vec<f64> = match asked.target {
        Target::Steady => steady_bps.clone(),
        Target::Fair => vec![fair; steady_bps.len()],
    };
    let begin = |step: usize| Picos(asked.window.0 * step as u64);
    let window = |size: u64| {
        let parts = usize::try_from(size).unwrap_or(usize::MAX);
        let count = (steps + 1).saturating_sub(parts);
        let is_inside = |from: usize| {
            let within = |(sums, target): (&Vec<u64>, &f64)| {
                (rate(sums, from, from + parts) - target).abs() <= asked.within.0 * target
            };
            sums.iter().zip(&targets).all(within)
        };
        let inside: Vec<bool> = (0..count).map(is_inside).collect();
        let outside = |windows: &[bool]| windows.iter().filter(|inside| !**inside).count();
        let steady = inside.get(first_steady..).unwrap_or_default();
        // The first that is inside, and behind which few enough are not.
        let mut behind = outside(&inside);
        let mut settled = None;
        for (from, inside) in inside.iter().enumerate() {
            if *inside && behind as f64 <= STRAY * (count - from) as f64 {
                settled = Some((begin(from), begin(from.saturating_sub(1))));
                break;
            }
            behind -= usize::from(!inside);
        }
        Window {
            size: begin(parts),
            first_inside: inside.iter().position(|inside| *inside).map(begin),
            last_outside: inside.iter().rposition(|inside| !inside).map(begin),
            steady: (steady.len() as u64, outside(steady) as u64),
            settled,
        }
    };
    let windows = WINDOWS.into_iter().map(window);
    let windows: Vec<Window> = windows.filter(|window| window.steady.0 > 0).collect();
    // A rate that is nothing says nothing of how long it takes.
    let told = !targets.is_empty() && targets.iter().all(|target| *target > 0.0);
    let answers = |window: &Window| window.outside() <= STRAY && window.settled.is_some();
    let headline = windows.iter().position(answers).filter(|_| told);
    Settling {
        steady_bps,
        windows,
        headline,
    }
}

/// Sums of all before each, and of all.
fn up_to(bytes: &[u64]) -> Vec<u64> {
    let mut sum = 0;
    let mut sums = vec![0];
    sums.extend(bytes.iter().map(|bytes| {
        sum += bytes;
        sum
    }));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::convergence::RatesOf;
    use crate::units::Share;

    fn asked(target: Target) -> Convergence {
        Convergence {
            at: Picos::from_micros(10_000),
            steady: Picos::from_micros(210_000),
            until: Picos::from_micros(410_000),
            of: RatesOf::Entries,
            target,
            within: Share(0.05),
            window: Picos::from_micros(1_000),
        }
    }

    /// 400 windows of a rate that comes down in a line over the first 40, then stays.
    fn ramp() -> Vec<u64> {
        (0..400_u64)
            .map(|index| 1_000_000 + 25_000 * (40 - index.min(40)))
            .collect()
    }

    #[test]
    fn a_ramp_settles_when_it_is_within_the_share() {
        let found = settling(&asked(Target::Steady), &[ramp(), vec![500_000; 400]]);
        assert_eq!(found.steady_bps, [8e9, 4e9]);
        // 25,000 x (40 - k) <= 50,000 from k = 38 on.
        let window = found.windows[found.headline.unwrap()];
        assert_eq!(window.size, Picos::from_micros(1_000));
        assert_eq!(window.first_inside, Some(Picos::from_micros(38_000)));
        assert_eq!(window.last_outside, Some(Picos::from_micros(37_000)));
        assert_eq!(
            window.settled,
            Some((Picos::from_micros(38_000), Picos::from_micros(37_000)))
        );
        assert_eq!((window.steady, found.windows.len()), ((200, 0), 4));
        // Sums of fifty from k on are 25,000 x (1 + 2 + … + (40 - k)) too high: 50 x 50,000 of it are allowed.
        let first = (0..40_u64)
            .find(|k| (40 - k) * (41 - k) / 2 * 25_000 <= 50 * 50_000)
            .unwrap();
        assert_eq!(found.windows[3].first_inside, Some(Picos::from_micros(first * 1_000)));
        assert_eq!(found.windows[3].steady, (151, 0));
    }

    #[test]
    fn rates_that_swing_settle_only_in_windows_that_level_them() {
        let swing: Vec<u64> = (0..400)
            .map(|index| if index % 10 < 5 { 1_200_000 } else { 800_000 })
            .collect();
        let found = settling(&asked(Target::Steady), std::slice::from_ref(&swing));
        let window = found.windows[found.headline.unwrap()];
        assert_eq!(
            (window.size, window.settled),
            (Picos::from_micros(10_000), Some((Picos::ZERO, Picos::ZERO)))
        );
        assert_eq!((found.windows[0].outside(), found.windows[0].settled), (1.0, None));
        let wild: Vec<u64> = (0..400)
            .map(|index| if index % 300 < 150 { 2_000_000 } else { 1_000 })
            .collect();
        assert_eq!(settling(&asked(Target::Steady), &[wild]).headline, None);
    }

    #[test]
    fn one_in_a_hundred_may_stray() {
        let mut bytes = vec![1_000_000; 400];
        bytes[300] = 0;
        bytes[350] = 0;
        // 2 of 200 windows of the steady time.
        let found = settling(&asked(Target::Fair), &[bytes.clone(), vec![990_000; 400]]);
        assert_eq!(found.windows[0].steady, (200, 2));
        assert_eq!(found.headline, Some(0));
        assert_eq!(found.windows[0].last_outside, Some(Picos::from_micros(350_000)));
        assert_eq!(found.windows[0].settled.unwrap().0, Picos::ZERO);
        bytes[399] = 0;
        let found = settling(&asked(Target::Fair), &[bytes, vec![990_000; 400]]);
        assert_eq!(found.windows[0].steady.1, 3);
        // One of fifty is 2 % of their sum: windows of that size are all inside.
        assert_eq!(found.windows[found.headline.unwrap()].size, Picos::from_micros(50_000));
    }

    #[test]
    fn who_gets_less_than_a_fair_share_is_outside_of_it() {
        let rates = [vec![1_200_000; 400], vec![800_000; 400]];
        assert_eq!(settling(&asked(Target::Fair), &rates).headline, None);
        assert_eq!(settling(&asked(Target::Steady), &rates).headline, Some(0));
        assert_eq!(settling(&asked(Target::Steady), &[vec![0; 400]]).headline, None);
    }
}
