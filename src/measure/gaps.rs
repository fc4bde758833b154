//! How evenly frames leave: the gaps between one sender's frames, and its rate against its plan.
//!
//! Contract: times are arguments. A gap is from one departure of a sender to its next; frames that
//! leave at one time have gaps of zero. The rate is compared over the same frames: the time that the
//! plan has from a sender's first frame to its last, against the time that it took.
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
    /// The most frames of one sender that left at one time.
    pub together: u64,
}

impl SenderGaps {
    /// A frame that was `planned` for then, by the plan as it was in the beginning, leaves at `at`.
    #[inline]
    pub fn left(&mut self, planned: Picos, at: Picos, record: &mut GapRecord) {
        if let Some(span) = &mut self.span {
            let gap = at.saturating_sub(span.left.1).0;
            record.gaps.see(gap);
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
        }
    }
}

impl GapRecord {
    /// Takes in what another queue has recorded.
    pub fn merge(&mut self, other: &GapRecord) {
        self.gaps.merge(&other.gaps);
        self.planned = self.planned.saturating_add(other.planned);
        self.took = self.took.saturating_add(other.took);
        self.together = self.together.max(other.together);
    }

    /// By how much the rate differs from the one planned, as a share of it; `None` with fewer than
    /// two frames of a sender.
    #[must_use]
    pub fn rate_error(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of times")]
        let ratio = |a: Picos, b: Picos| a.0 as f64 / b.0 as f64;
        (self.planned > Picos::ZERO && self.took > Picos::ZERO).then(|| ratio(self.planned, self.took) - 1.0)
    }

    /// The mean gap as planned, ps.
    #[must_use]
    pub fn planned_gap(&self) -> Option<f64> {
        let count = self.gaps.histogram.len();
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
            sender.left(Picos(*planned), Picos(*at), &mut record);
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
        assert_eq!((record.gaps.histogram.len(), record.together), (4, 2));
        assert_eq!(record.planned_gap(), Some(100.0));
        // 400 planned, 404 taken.
        let error = record.rate_error().unwrap();
        assert!((error + 4.0 / 404.0).abs() < 1e-12, "{error}");
    }

    #[test]
    fn senders_are_compared_each_with_itself() {
        // The second begins long after the first has ended: no gap between the two.
        let mut sum = record(&[(0, 0), (100, 100)]);
        sum.merge(&record(&[(9_000, 9_000), (9_100, 9_100), (9_200, 9_200)]));
        assert_eq!(
            (sum.gaps.histogram.len(), sum.gaps.greatest, sum.rate_error()),
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
