//! Many times, and what is asked of them.
//!
//! Contract: a time is counted in the bucket that `hdrhistogram` has for it, in a few instructions; whatever is asked is
//! answered by a [`Histogram`] of the same counts.
//!
//! Left out on purpose: what the times are of.

use hdrhistogram::Histogram;

/// Longest time that histograms tell apart from longer ones: 100 s.
const LONGEST: u64 = 100_000_000_000_000;

/// Significant digits of times.
const DIGITS: u8 = 3;

/// The same, of very many things.
const COARSE: u8 = 2;

/// A histogram of picoseconds with 3 significant digits, up to 100 s.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    // Bounds are constants that the library accepts: low ≥ 1, high ≥ 2·low, 3 digits.
    Histogram::new_with_bounds(1, LONGEST, DIGITS).unwrap_or_else(|_| unreachable!("constant bounds"))
}

/// A histogram of picoseconds with 2 significant digits, which grows as it must.
#[must_use]
pub fn coarse_histogram() -> Histogram<u64> {
    growing(COARSE)
}

fn growing(digits: u8) -> Histogram<u64> {
    // As above.
    Histogram::new(digits).unwrap_or_else(|_| unreachable!("constant digits"))
}

/// Counts by bucket, laid out as in a [`Histogram`] whose lowest value is 1.
///
/// Of a value's bits from the highest on so many count as decide 2 or 3 digits: 2^(half + 1) values stand alone, and then
/// each doubling has 2^half buckets.
#[derive(Clone)]
struct Buckets {
    counts: Vec<u64>,
    /// Binary logarithm of the buckets in a doubling.
    half: u32,
    /// Values above it count as it; [`u64::MAX`] where there is room for all.
    longest: u64,
}

/// Those that are not empty.
impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let full = (0..).zip(&self.counts).filter(|(_, count)| **count > 0);
        f.debug_map()
            .entries(full.map(|(index, count)| (self.value(index), count)))
            .finish()
    }
}

impl Buckets {
    /// Of so many digits, with room for what comes.
    fn growing(digits: u8) -> Buckets {
        Buckets {
            counts: Vec::new(),
            // 2^(half + 1) is the first power of two from 2·10^digits on.
            half: if digits == DIGITS { 10 } else { 7 },
            longest: u64::MAX,
        }
    }

    /// Up to [`LONGEST`], with all the memory at once.
    fn settled() -> Buckets {
        let mut buckets = Buckets {
            longest: LONGEST,
            ..Buckets::growing(DIGITS)
        };
        buckets.make_room(LONGEST);
        buckets
    }

    #[inline(always)]
    fn index(&self, value: u64) -> usize {
        let doublings = 63 - self.half - (value | ((2 << self.half) - 1)).leading_zeros();
        #[expect(clippy::cast_possible_truncation, reason = "below 2^17")]
        let index = ((u64::from(doublings) << self.half) + (value >> doublings)) as usize;
        index
    }

    /// The least value of a bucket.
    fn value(&self, index: usize) -> u64 {
        let index = index as u64;
        let doublings = (index >> self.half).saturating_sub(1);
        (index - (doublings << self.half)) << doublings
    }

    #[inline(always)]
    fn count(&mut self, value: u64, times: u64) {
        let index = self.index(value);
        match self.counts.get_mut(index) {
            Some(count) => *count += times,
            None => self.count_beyond(value, times),
        }
    }

    #[cold]
    #[inline(never)]
    fn count_beyond(&mut self, value: u64, times: u64) {
        let value = value.min(self.longest);
        self.make_room(value);
        let index = self.index(value);
        self.counts[index] += times;
    }

    /// Room for this value and for what else its doubling holds.
    fn make_room(&mut self, value: u64) {
        let doubling = 1 << self.half;
        let want = (self.index(value) + 1).next_multiple_of(doubling);
        self.counts.resize(want.max(self.counts.len()), 0);
    }

    fn add(&mut self, other: &Buckets) {
        for (index, count) in (0..).zip(&other.counts) {
            if *count > 0 {
                self.count(other.value(index), *count);
            }
        }
    }

    fn histogram(&self) -> Histogram<u64> {
        let mut all = if self.longest == LONGEST {
            histogram()
        } else {
            growing(if self.half == 10 { DIGITS } else { COARSE })
        };
        for (index, count) in (0..).zip(&self.counts) {
            if *count > 0 {
                // There is room: it grows, or has the same bounds.
                let _ = all.record_n(self.value(index), *count);
            }
        }
        all
    }
}

/// Many times, with what a histogram would round.
///
/// Contract: percentiles are the upper ends of buckets, at most 0.1 % too high (1 % of [`Times::coarse`] ones), and
/// never beyond the extremes, so that equal times give that time.
#[derive(Debug, Clone)]
pub struct Times {
    /// All of them, ps; without memory before the first one, as most of many thousands never see any.
    buckets: Buckets,
    /// The least, which the buckets would round.
    pub least: u64,
    /// The greatest.
    pub greatest: u64,
    /// Their sum.
    pub sum: u128,
}

impl Default for Times {
    fn default() -> Times {
        Times::of(Buckets::growing(DIGITS))
    }
}

impl Times {
    fn of(buckets: Buckets) -> Times {
        Times {
            buckets,
            least: u64::MAX,
            greatest: 0,
            sum: 0,
        }
    }

    /// With two digits, where there are so many of them that memory counts.
    #[must_use]
    pub fn coarse() -> Times {
        Times::of(Buckets::growing(COARSE))
    }

    /// Up to 100 s, with all the memory that they will ever need: longer ones count as 100 s.
    #[must_use]
    pub fn settled() -> Times {
        Times::of(Buckets::settled())
    }

    /// One more.
    #[inline]
    pub fn see(&mut self, time: u64) {
        self.buckets.count(time, 1);
        self.least = self.least.min(time);
        self.greatest = self.greatest.max(time);
        self.sum += u128::from(time);
    }

    /// Takes in what another core has seen.
    pub fn merge(&mut self, other: &Times) {
        self.buckets.add(&other.buckets);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.sum += other.sum;
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.counts.iter().sum()
    }

    /// The time that the share `quantile` of them do not exceed; 0 of none. Of several, ask [`Times::quantiles`].
    #[must_use]
    pub fn at(&self, quantile: f64) -> u64 {
        self.quantiles()(quantile)
    }

    /// Tells the time that a share of them do not exceed; 0 of none.
    pub fn quantiles(&self) -> impl Fn(f64) -> u64 {
        let all = self.histogram();
        let (least, greatest) = (self.least.min(self.greatest), self.greatest);
        move |quantile| all.value_at_quantile(quantile).clamp(least, greatest)
    }

    /// A histogram of them as they are now.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        self.buckets.histogram()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of every size.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(
            (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift),
            1..200,
        )
    }

    proptest! {
        /// Counts stand in the buckets in which the library has them, whatever is beyond bounds.
        #[test]
        fn buckets_are_those_of_the_library(values in values(), more in values()) {
            let kinds = [
                (Times::settled(), histogram()),
                (Times::coarse(), coarse_histogram()),
                (Times::default(), growing(DIGITS)),
            ];
            for (times, mut library) in kinds {
                let (mut times, mut other) = (times.clone(), times);
                for value in &values {
                    times.see(*value);
                }
                for value in &more {
                    other.see(*value);
                }
                times.merge(&other);
                for value in values.iter().chain(&more) {
                    if library.record(*value).is_err() {
                        library.saturating_record(*value);
                    }
                }
                prop_assert!(times.histogram() == library, "{} digits", library.sigfig());
                prop_assert_eq!(times.count(), library.len());
                prop_assert_eq!(times.least, values.iter().chain(&more).copied().min().unwrap());
            }
        }
    }
}
