//! The pace of one sender: when its next frame is due, and what becomes of time that was lost.
//!
//! Contract: the plan is a time for every frame, one interval after the one before. In real time a
//! sender that was held up keeps its plan and makes up for the loss by gaps of four fifths of those
//! planned, never by a burst: its mean rate is the one asked for, and its peak rate at most a quarter
//! above. Only what it is behind by more than [`MOST_BEHIND`] is given up, and counted.
//!
//! Left out on purpose: the port, which other senders use too (see `schedule`), and clocks.

use crate::units::{BitRate, Picos};

/// How far behind its plan a sender in real time may be and still make up for it.
pub const MOST_BEHIND: Picos = Picos::from_micros(100_000);

/// How many frames' worth of delay a sender makes up for at most where no clock runs beside, and
/// lanes share a port.
pub const CATCH_UP_FRAMES: u64 = 32;

/// Gaps of a sender that makes up for lost time, as a share of those planned: 4/5.
const HURRIED: (u64, u64) = (4, 5);

/// Where a sender is in its plan.
#[derive(Debug, Clone)]
pub struct Pacer {
    rate: Option<BitRate>,
    /// When the next frame is due by the plan.
    time: Picos,
    /// In real time: before this the next frame would come too soon after those that have left.
    soonest: Picos,
    real: bool,
    /// Frame length, interval and shortest interval last computed.
    interval: (u32, Picos, Picos),
    /// Delay that was given up: how often, and how much in sum.
    slips: (u64, Picos),
}

impl Pacer {
    /// A pacer that never lets a frame leave before [`Pacer::restart`]; without a `rate` it then lets
    /// every frame leave at once. `real`: a clock runs beside.
    #[must_use]
    pub fn new(rate: Option<BitRate>, real: bool) -> Pacer {
        Pacer {
            rate,
            time: Picos::MAX,
            soonest: Picos::ZERO,
            real,
            interval: (0, Picos::ZERO, Picos::ZERO),
            slips: (0, Picos::ZERO),
        }
    }

    /// Whether there is a rate to keep.
    #[inline]
    #[must_use]
    pub fn is_paced(&self) -> bool {
        self.rate.is_some()
    }

    /// When the next frame is due by the plan.
    #[inline]
    #[must_use]
    pub fn time(&self) -> Picos {
        self.time
    }

    /// When the next frame may leave: when it is due, or later.
    #[inline]
    #[must_use]
    pub fn next(&self) -> Picos {
        self.time.max(self.soonest)
    }

    /// How often delay was given up, and how much in sum: by so much the plan has moved.
    #[must_use]
    pub fn slips(&self) -> (u64, Picos) {
        self.slips
    }

    /// The next frame is due at `time`, whatever was.
    #[inline]
    pub fn restart(&mut self, time: Picos) {
        self.time = time;
    }

    /// The next frame is not due before `time`: there is nothing to send until then, and time without
    /// work is not time behind the plan.
    #[inline]
    pub fn not_before(&mut self, time: Picos) {
        self.time = self.time.max(time);
    }

    /// A frame of `frame_len` bytes without FCS leaves at `at`.
    #[inline]
    pub fn left(&mut self, at: Picos, frame_len: u32) {
        let Some(rate) = self.rate else {
            self.time = at;
            return;
        };
        if self.interval.0 != frame_len {
            let step = rate.wire_time(u64::from(frame_len));
            let (part, whole) = HURRIED;
            self.interval = (frame_len, step, Picos((step.0 / whole).saturating_mul(part)));
        }
        let (_, step, hurried) = self.interval;
        let most_behind = if self.real {
            self.soonest = at + hurried;
            MOST_BEHIND
        } else {
            Picos(step.0.saturating_mul(CATCH_UP_FRAMES))
        };
        let earliest = at.saturating_sub(most_behind);
        if earliest > self.time {
            self.slips.0 += 1;
            self.slips.1 = self.slips.1.saturating_add(earliest - self.time);
            self.time = earliest;
        }
        self.time = self.time + step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1,000 bytes on the wire take 1 us.
    const RATE: BitRate = BitRate(8_000_000_000);
    const FRAME: u32 = 1000 - 24;
    const STEP: u64 = 1_000_000;

    /// Departures of `count` frames from a loop that looks at the clock at `looks`, in order.
    fn departures(count: usize, looks: impl Iterator<Item = u64>) -> (Vec<u64>, Pacer) {
        let mut pacer = Pacer::new(Some(RATE), true);
        pacer.restart(Picos::ZERO);
        let mut left = Vec::new();
        for now in looks {
            while left.len() < count && pacer.next() <= Picos(now) {
                left.push(now);
                pacer.left(Picos(now), FRAME);
            }
            if left.len() == count {
                break;
            }
        }
        (left, pacer)
    }

    #[test]
    fn a_stall_is_made_up_for_by_shorter_gaps_and_never_by_a_burst() {
        // Every 100 ns, but for 5 ms from 10 ms on.
        let looks = (0..)
            .map(|n| n * 100_000)
            .filter(|now| !(10_000_000_000..15_000_000_000).contains(now));
        let (left, pacer) = departures(100_000, looks);
        let gaps: Vec<u64> = left.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= STEP * 4 / 5), "{:?}", gaps.iter().min());
        // 5 ms at a quarter more: made up for after 20 ms, and on time from then on.
        let (begun, ended) = (10_000, 10_000 + 25_100);
        assert!(gaps[begun + 1..begun + 20_000].iter().all(|gap| *gap == STEP * 4 / 5));
        assert!(gaps[ended..].iter().all(|gap| *gap == STEP));
        assert_eq!(left[99_999], 99_999 * STEP, "the plan has not moved");
        assert_eq!(pacer.slips(), (0, Picos::ZERO));
    }

    #[test]
    fn a_late_start_is_no_burst() {
        let (left, _) = departures(1000, (0..).map(|n| 3_000_000_000 + n * 50_000));
        assert!(left.windows(2).all(|pair| pair[1] - pair[0] >= STEP * 4 / 5));
    }

    #[test]
    fn what_is_too_far_behind_is_given_up_and_counted() {
        let stall = MOST_BEHIND.0 + 7_000_000_000;
        let looks = [0].into_iter().chain((0..).map(|n| stall + n * 100_000));
        let (left, pacer) = departures(2_000_000, looks);
        // The second frame was due after one step: the plan has moved by what is beyond the limit.
        let moved = stall - STEP - MOST_BEHIND.0;
        assert_eq!(pacer.slips(), (1, Picos(moved)));
        assert_eq!(left[1_999_999], 1_999_999 * STEP + moved);
    }

    proptest! {
        /// However a loop is held up, the rate over any stretch is at most a quarter above the one
        /// asked for, and nothing leaves before its time.
        #[test]
        fn the_peak_rate_is_bounded(stalls in proptest::collection::vec(1_u64..3_000_000, 1..400)) {
            let looks = stalls.iter().scan(0_u64, |now, step| { *now += step; Some(*now) });
            let (left, _) = departures(10_000, looks);
            for (n, at) in (0_u64..).zip(&left) {
                prop_assert!(*at >= n * STEP);
            }
            for pair in left.windows(2) {
                prop_assert!(pair[1] - pair[0] >= STEP * 4 / 5);
            }
        }
    }
}
