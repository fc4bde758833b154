//! Stretches of time in which something was paused.
//!
//! Contract: spans are in order, do not touch and are not empty; times are picoseconds.

use crate::measure::pause::pause_time;
use crate::units::{BitRate, Picos};

/// Stretches of time, each with its first and its last picosecond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    spans: Vec<(i64, i64)>,
}

fn signed(time: Picos) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

impl Spans {
    /// The times paused by frames, each with its time and quanta, in any order.
    #[must_use]
    pub fn of_pauses(frames: impl Iterator<Item = (Picos, u16)>, speed: BitRate) -> Spans {
        let mut frames: Vec<(Picos, u16)> = frames.collect();
        frames.sort_by_key(|(time, _)| *time);
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for (time, quanta) in frames {
            let now = signed(time);
            let until = signed(time.saturating_add(pause_time(quanta, speed)));
            match spans.last_mut() {
                // It goes on, or ends, with this frame (IEEE 802.1Q 36.1.3.2).
                Some((_, end)) if *end >= now => *end = until,
                _ if quanta > 0 => spans.push((now, until)),
                _ => {}
            }
        }
        spans.retain(|(from, to)| to > from);
        Spans { spans }
    }

    /// The times in which any of several is.
    #[must_use]
    pub fn union<'a>(all: impl Iterator<Item = &'a Spans>) -> Spans {
        Spans::joined(all.flat_map(|one| one.spans.iter().copied()))
    }

    /// The times that any of these stretches holds, which may overlap.
    #[must_use]
    pub fn joined(all: impl Iterator<Item = (i64, i64)>) -> Spans {
        let mut every: Vec<(i64, i64)> = all.collect();
        every.sort_unstable();
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for (from, to) in every {
            match spans.last_mut() {
                Some((_, end)) if *end >= from => *end = (*end).max(to),
                _ => spans.push((from, to)),
            }
        }
        Spans { spans }
    }

    /// Whether any of the time from `from` to `to` is in it.
    #[must_use]
    pub fn overlap(&self, from: i64, to: i64) -> bool {
        let first = self.spans.partition_point(|(_, end)| *end < from);
        self.spans.get(first).is_some_and(|(start, _)| *start <= to)
    }

    /// Whether all of the time from `from` to `to` is in it, in one stretch.
    #[must_use]
    pub fn covers(&self, from: i64, to: i64) -> bool {
        let first = self.spans.partition_point(|(_, end)| *end < to);
        self.spans.get(first).is_some_and(|(start, _)| *start <= from)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Each with its beginning and end.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.spans.iter().copied()
    }

    /// The time in it from `from` to `to`.
    #[must_use]
    pub fn within(&self, from: i64, to: i64) -> Picos {
        let part = |(start, end): &(i64, i64)| ((*end).min(to) - (*start).max(from)).max(0);
        Picos(self.spans.iter().map(part).sum::<i64>().unsigned_abs())
    }

    /// All time in it before `end`.
    #[must_use]
    pub fn total(&self, end: i64) -> Picos {
        let sum: i64 = self.spans.iter().map(|(from, to)| ((*to).min(end) - from).max(0)).sum();
        Picos(sum.unsigned_abs())
    }

    /// The longest before `end`.
    #[must_use]
    pub fn longest(&self, end: i64) -> Picos {
        let longest = self.spans.iter().map(|(from, to)| ((*to).min(end) - from).max(0)).max();
        Picos(longest.unwrap_or(0).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 512 bit times at this rate are 512 ps.
    const SPEED: BitRate = BitRate(1_000_000_000_000);

    fn spans(frames: &[(u64, u16)]) -> Vec<(i64, i64)> {
        let frames = frames.iter().map(|(time, quanta)| (Picos(*time), *quanta));
        Spans::of_pauses(frames, SPEED).iter().collect()
    }

    #[test]
    fn pauses_are_renewed_ended_and_run_out() {
        assert_eq!(
            spans(&[(0, 1), (100, 1), (1000, 1), (1100, 0), (1200, 0)]),
            [(0, 612), (1000, 1100)]
        );
        assert_eq!(spans(&[(100, 1), (0, 1)]), [(0, 612)]);
        assert_eq!(spans(&[(5, 0)]), []);
        // A shorter renewal shortens.
        assert_eq!(spans(&[(0, 10), (100, 1)]), [(0, 612)]);
        assert_eq!(spans(&[(u64::MAX, 3)]), []);
    }

    #[test]
    fn overlap_and_sums() {
        let all = Spans::of_pauses([(Picos(0), 1), (Picos(1000), 1)].into_iter(), SPEED);
        assert!(all.overlap(-5, 0) && all.overlap(512, 600) && all.overlap(1200, 1201) && all.overlap(-9, 9999));
        assert!(!all.overlap(513, 999) && !all.overlap(1513, 9999));
        assert_eq!((all.total(1100), all.longest(1100)), (Picos(612), Picos(512)));
        assert!(all.covers(0, 512) && all.covers(1100, 1200) && !all.covers(0, 513) && !all.covers(600, 700));
        assert!(!all.covers(500, 1100) && !all.covers(1500, 1600));
        let other = Spans::of_pauses([(Picos(500), 1)].into_iter(), SPEED);
        let both: Vec<_> = Spans::union([&all, &other].into_iter()).iter().collect();
        assert_eq!(both, [(0, 1512)]);
    }
}
