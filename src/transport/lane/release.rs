//! When a lane's messages may begin, and which of its QPs they wake.

use super::Lane;
use crate::plan::EntryPlan;
use crate::plan::feed::Work;
use crate::units::Picos;

impl Lane {
    /// When the next message may be released, or `None` when there is no more.
    pub(super) fn release_time(&self, entry: &EntryPlan) -> Option<Picos> {
        let time = match &entry.work {
            Work::Continuous {
                sizes, count, period, ..
            } => {
                if count.is_some_and(|count| self.released >= count.saturating_mul(sizes.per_transfer)) {
                    return None;
                }
                match period {
                    Some(period) => self.start.saturating_add(Picos(period.0.saturating_mul(self.released))),
                    None => self.start,
                }
            }
            Work::Rounds(rounds) => {
                let (round, offset) = match rounds.hold.filter(|_| self.control) {
                    Some(hold) => {
                        let (offset, _) = hold.frame(self.released % hold.frames());
                        (self.released / hold.frames(), offset)
                    }
                    None => {
                        let round = rounds.round_of(self.index, self.released);
                        (round, rounds.offset(round, self.index))
                    }
                };
                if round >= rounds.rounds {
                    return None;
                }
                self.start
                    .saturating_add(Picos(rounds.period.0.saturating_mul(round)))
                    .saturating_add(offset)
            }
            Work::Dispatch(dispatch) => {
                if dispatch.count.is_some_and(|count| self.released >= count) {
                    return None;
                }
                self.start.saturating_add(dispatch.start(self.released))
            }
            Work::Control { interval, count, .. } => {
                if count.is_some_and(|count| self.released >= count) {
                    return None;
                }
                self.start
                    .saturating_add(Picos(interval.0.saturating_mul(self.released)))
            }
        };
        (time < self.stop).then_some(time)
    }

    /// Whether a closed loop or a busy QP holds the next release back whatever the time.
    fn may_release(&self, entry: &EntryPlan) -> bool {
        if self.leading > 0 {
            return false;
        }
        let Work::Continuous {
            outstanding, period, ..
        } = &entry.work
        else {
            return true;
        };
        if let Some(most) = outstanding {
            let in_flight = match self.whole.first() {
                Some(whole) => whole.in_flight(),
                None => self.unfinished as usize + self.waiting.len(),
            };
            return in_flight < *most as usize;
        }
        self.deal.split || period.is_some() || self.unfinished < self.deal.qps
    }

    /// Releases every message that may begin by `now`.
    pub(super) fn release(&mut self, entry: &EntryPlan, now: Picos) {
        while self.next_release <= now {
            if !self.may_release(entry) {
                self.held_back = true;
                return;
            }
            // An entry without a time of its own between messages ends by the clock.
            if now >= self.stop {
                self.next_release = Picos::MAX;
                return;
            }
            if self.ring.is_empty() {
                self.pacer.not_before(self.next_release);
            }
            match &entry.work {
                Work::Dispatch(dispatch) => {
                    for (pair, qp, _) in dispatch.messages_of(self.released, self.index) {
                        self.wake(pair, qp);
                    }
                    self.released += 1;
                }
                Work::Rounds(_) | Work::Continuous { .. } => {
                    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a u32")]
                    let qp = (self.released % u64::from(self.deal.qps)) as u32;
                    self.wake(0, qp);
                    self.released += 1;
                }
                Work::Control { .. } => return,
            }
            self.next_release = self.release_time(entry).unwrap_or(Picos::MAX);
        }
    }

    /// A message of `pair` is released: QP `qp`'s, or, where messages are cut, a part for each QP.
    fn wake(&mut self, pair: u32, qp: u32) {
        self.unfinished += 1;
        let first = pair * self.deal.qps;
        let Some(whole) = self.whole.get_mut(pair as usize) else {
            return self.wake_qp(first + qp);
        };
        whole.release(self.deal.qps, self.closed);
        self.leading += u32::from(!self.flows[first as usize].active);
        (first..first + self.deal.qps).for_each(|flow| self.wake_qp(flow));
    }

    fn wake_qp(&mut self, flow_index: u32) {
        if self.reliable.is_some() {
            return self.wake_reliable(flow_index);
        }
        let flow = &mut self.flows[flow_index as usize];
        flow.pending += 1;
        if !flow.active {
            flow.active = true;
            self.ring.push_back(flow_index);
        }
    }
}
