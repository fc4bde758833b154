//! How evenly frames leave: the gaps between one sender's frames, and its rate against its plan.
//!
//! Contract: times are arguments. A gap is from one departure of a sender to its next; frames that
//! leave at one time have gaps of zero. The rate is compared over the same frames: the time that the
//! plan has from a sender's first frame to its last, against the time that it took while its port was free to send:
//! what PFC held back is no error of the pace.
//!
//! Left out on purpose: percentiles and shares (`report`), and what a departure time rests on.

use super::record::Times;
use crate::units::Picos;

/// One sender's departures.
#[derive(Debug, Clone, Copy, Default)]
pub struct SenderGaps {
    /// First and last departure as planned, and as they were; `None` before the first.
    span: Option<Span>,
    /// Frames that left at the time of the last one.
    together: u64,
    /// For how long its class had been held in all when the last one left.
    held: Picos,
    /// What being held has cost it and was not made up for since.
    owed: Picos,
}

/// For how long each class of a port was held in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Holds {
    /// Classes that are held: bit n = priority n.
    held: u8,
    /// Since when each of them is.
    since: [Picos; 8],
    /// For how long each was, before.
    before: [Picos; 8],
}

impl Holds {
    /// From `now` on these classes are held.
    #[inline]
    pub fn see(&mut self, classes: u8, now: Picos) {
        if classes != self.held {
            self.change(classes, now);
        }
    }

    #[cold]
    fn change(&mut self, classes: u8, now: Picos) {
        for class in 0..8 {
            let bit = 1 << class;
            if self.held & bit != 0 && classes & bit == 0 {
                let lasted = now.saturating_sub(self.since[class]);
                self.before[class] = self.before[class].saturating_add(lasted);
            } else if self.held & bit == 0 && classes & bit != 0 {
                self.since[class] = now;
            }
        }
        self.held = classes;
    }

    /// For how long the class of this bit was held until `now`, in all; none: zero.
    #[inline]
    #[must_use]
    pub fn until(&self, bit: u8, now: Picos) -> Picos {
        let class = bit.trailing_zeros() as usize;
        let Some(before) = self.before.get(class) else {
            return Picos::ZERO;
        };
        if self.held & bit == 0 {
            return *before;
        }
        before.saturating_add(now.saturating_sub(self.since[class]))
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    planned: (Picos, Picos),
    left: (Picos, Picos),
}

/// The gaps of an entry's senders.
#[derive(Debug, Clone, Default)]
pub struct GapRecord {
    /// From one departure of a sender to its next.
    pub gaps: Times,
    /// Time from first to last frame as planned, of all senders.
    pub planned: Picos,
    /// The same as it was.
    pub took: Picos,
    /// How much of that PFC held senders for what was due.
    pub held: Picos,
    /// The most frames of one sender that left at one time.
    pub together: u64,
}

impl SenderGaps {
    /// A frame that was `planned` for then, by the plan as it was in the beginning, leaves at `at`, when its class has
    /// been `held` for so long in all.
    #[inline]
    pub fn left(&mut self, planned: Picos, at: Picos, held: Picos, record: &mut GapRecord) {
        let held_since = held.saturating_sub(std::mem::replace(&mut self.held, held));
        if let Some(span) = &mut self.span {
            let gap = at.saturating_sub(span.left.1).0;
            record.gaps.see(gap);
            if held_since > Picos::ZERO || self.owed > Picos::ZERO {
                let wanted = planned.saturating_sub(span.planned.1).0;
                // Of what it is later by, no more is the pause's than it lasted; what it is earlier by makes up for it.
                let cost = gap.saturating_sub(wanted).min(held_since.0);
                let made_up = wanted.saturating_sub(gap);
                self.owed = Picos((self.owed.0 + cost).saturating_sub(made_up));
            }
            (span.planned.1, span.left.1) = (planned, at);
            self.together = if gap == 0 { self.together + 1 } else { 1 };
        } else {
            self.span = Some(Span {
                planned: (planned, planned),
                left: (at, at),
            });
            self.together = 1;
        }
        record.together = record.together.max(self.together);
    }

    /// Adds its spans to the record of its entry: once, at the end.
    pub fn finish(&self, record: &mut GapRecord) {
        if let Some(Span { planned, left }) = self.span {
            record.planned = record.planned.saturating_add(planned.1.saturating_sub(planned.0));
            record.took = record.took.saturating_add(left.1.saturating_sub(left.0));
            record.held = record.held.saturating_add(self.owed);
        }
    }
}

impl GapRecord {
    /// Takes in what another queue has recorded.
    pub fn merge(&mut self, other: &GapRecord) {
        self.gaps.merge(&other.gaps);
        self.planned = self.planned.saturating_add(other.planned);
        self.took = self.took.saturating_add(other.took);
        self.held = self.held.saturating_add(other.held);
        self.together = self.together.max(other.together);
    }

    /// By how much the rate differs from the one planned, as a share of it, while senders were free to send; `None`
    /// with fewer than two frames of a sender.
    #[must_use]
    pub fn rate_error(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of times")]
        let ratio = |a: Picos, b: Picos| a.0 as f64 / b.0 as f64;
        let free = self.took.saturating_sub(self.held);
        (self.planned > Picos::ZERO && free > Picos::ZERO).then(|| ratio(self.planned, free) - 1.0)
    }

    /// The mean gap as planned, ps.
    #[must_use]
    pub fn planned_gap(&self) -> Option<f64> {
        let count = self.gaps.count();
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        (count > 0).then(|| self.planned.0 as f64 / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(frames: &[(u64, u64)]) -> GapRecord {
        let (mut sender, mut record) = (SenderGaps::default(), GapRecord::default());
        for (planned, at) in frames {
            sender.left(Picos(*planned), Picos(*at), Picos::ZERO, &mut record);
        }
        sender.finish(&mut record);
        record
    }

    #[test]
    fn gaps_and_rate_of_a_sender() {
        // Planned every 100; the third is late, and leaves with the fourth.
        let record = record(&[(0, 5), (100, 105), (200, 330), (300, 330), (400, 409)]);
        assert_eq!(
            (record.gaps.least, record.gaps.greatest, record.gaps.sum),
            (0, 225, 404)
        );
        assert_eq!((record.gaps.count(), record.together), (4, 2));
        assert_eq!(record.planned_gap(), Some(100.0));
        // 400 planned, 404 taken.
        let error = record.rate_error().unwrap();
        assert!((error + 4.0 / 404.0).abs() < 1e-12, "{error}");
    }

    /// Planned every 100 ps. `frames`: when each leaves; `pauses`: from when to when its class 3 is held.
    fn paused(frames: &[u64], pauses: &[(u64, u64)]) -> GapRecord {
        let (mut sender, mut record, mut holds) = (SenderGaps::default(), GapRecord::default(), Holds::default());
        let events = pauses.iter().flat_map(|(from, to)| [(*from, 1 << 3), (*to, 0)]);
        let mut events = events.peekable();
        for (planned, at) in (0..).step_by(100).zip(frames) {
            while let Some((time, classes)) = events.next_if(|(time, _)| time <= at) {
                holds.see(classes, Picos(time));
            }
            sender.left(Picos(planned), Picos(*at), holds.until(1 << 3, Picos(*at)), &mut record);
        }
        sender.finish(&mut record);
        record
    }

    #[test]
    fn time_in_which_pfc_held_the_port_is_no_error_of_the_pace() {
        // Held from 150 to 5,150, the schedule moves by what that cost the frame due at 200.
        let found = paused(&[0, 100, 5_150, 5_250, 5_350], &[(150, 5_150)]);
        assert_eq!(
            (found.held, found.took, found.rate_error()),
            (Picos(4_950), Picos(5_350), Some(0.0))
        );
        // What it makes up for is not counted as held: it is on its plan in the end, and was never wrong.
        let found = paused(&[0, 100, 350, 360, 400], &[(150, 350)]);
        assert_eq!((found.held, found.rate_error()), (Picos::ZERO, Some(0.0)));
        // Of being late for another reason, a pause that fell into a gap excuses as much as it lasted.
        let found = paused(&[0, 400, 500], &[(150, 160)]);
        assert_eq!((found.held, found.rate_error()), (Picos(10), Some(200.0 / 490.0 - 1.0)));
        // A pause in which nothing was due costs nothing.
        let found = paused(&[0, 100, 200], &[(110, 190)]);
        assert_eq!((found.held, found.rate_error()), (Picos::ZERO, Some(0.0)));
    }

    #[test]
    fn senders_are_compared_each_with_itself() {
        // The second begins long after the first has ended: no gap between the two.
        let mut sum = record(&[(0, 0), (100, 100)]);
        sum.merge(&record(&[(9_000, 9_000), (9_100, 9_100), (9_200, 9_200)]));
        assert_eq!(
            (sum.gaps.count(), sum.gaps.greatest, sum.rate_error()),
            (3, 100, Some(0.0))
        );
    }

    #[test]
    fn a_single_frame_has_neither_gap_nor_rate() {
        let record = record(&[(7, 9)]);
        assert_eq!(
            (record.rate_error(), record.planned_gap(), record.together),
            (None, None, 1)
        );
    }
}
