//! What links carried: wire bits that arrived by a time, and rates of them.
//!
//! Contract: pure sums of what the trace holds; times in ps.
//!
//! Left out on purpose: whether a rate is too low (`drain`), and what stood still (`standstill`).

use super::Evidence;
use crate::units::{BitRate, WIRE_OVERHEAD};

/// A link that carries this share of its nominal rate is busy.
pub(super) const BUSY: f64 = 0.9;

/// Wire bits that arrived by a time.
#[derive(Debug, Default)]
pub(super) struct Running {
    times: Vec<i64>,
    bits: Vec<u64>,
}

impl Running {
    pub(super) fn of(mut events: Vec<(i64, u64)>) -> Running {
        events.sort_unstable();
        let mut running = Running::default();
        let mut sum = 0;
        for (time, bits) in events {
            sum += bits;
            running.times.push(time);
            running.bits.push(sum);
        }
        running
    }

    /// Bits that arrived after `from` and not after `to`: of all, and of all but the first, with the time from that one to the last.
    pub(super) fn between(&self, from: i64, to: i64) -> (u64, u64, i64) {
        let first = self.times.partition_point(|one| *one <= from);
        let end = self.times.partition_point(|one| *one <= to);
        let until = |at: usize| at.checked_sub(1).map_or(0, |at| self.bits[at]);
        if end <= first {
            return (0, 0, 0);
        }
        let all = until(end) - until(first);
        (
            all,
            until(end) - until(first + 1),
            self.times[end - 1] - self.times[first],
        )
    }
}

/// Bit/s of so many bits in so many ps.
#[expect(clippy::cast_precision_loss, reason = "rates and times")]
pub(super) fn rate(bits: u64, time: i64) -> f64 {
    bits as f64 * 1e12 / time.max(1) as f64
}

/// Bits on the wire of a frame of `len` bytes.
pub(super) fn bits(len: u16) -> u64 {
    (u64::from(len) + WIRE_OVERHEAD) * 8
}

/// The line rate of a port.
pub(super) fn speed(evidence: &Evidence<'_>, port: u16) -> BitRate {
    evidence
        .plan
        .ports
        .get(usize::from(port))
        .map_or(BitRate(1), |port| port.speed)
}
