//! A long run told apart in intervals: when a sample is due, and what happened since the one before.
//!
//! Contract: a sample is the difference of two cumulative [`Total`]s, so that all samples of a run add up
//! to the run's own figures, and nothing is kept of a sample that was handed out. The last one of a run
//! is made of what the run itself reports.
//!
//! Left out on purpose: how a driver comes by a total, and the trend of many samples (`report`).

use crate::dpdk::PortStats;
use crate::measure::Tally;
use crate::pattern::MAX_SAMPLES;
use crate::plan::Plan;
use crate::transport::lane::Sent;
use crate::transport::reliable::Counts;
use crate::units::Picos;

/// Everything counted by one moment.
#[derive(Debug, Clone, Default)]
pub struct Total {
    /// The moment.
    pub at: Picos,
    /// What was sent, for each entry.
    pub sent: Vec<Sent>,
    /// What the requesters of reliable connections have done and heard, for each entry.
    pub requesters: Vec<Counts>,
    /// Frames that each port took, and their bytes without FCS.
    pub tx: Vec<(u64, u64)>,
    /// What came back; `None` where no port receives.
    pub received: Option<Tally>,
    /// Each driver's counters, where it has some that do not come from the loops.
    pub stats: Vec<Option<PortStats>>,
    /// Packet buffers that were not in their pools.
    pub buffers: u64,
    /// The longest time for which a core's loop stood still to tell all this; `None` where none did.
    pub pause: Option<Picos>,
}

/// What happened in one interval of a run.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// Its number, from 0.
    pub index: u64,
    /// It begins after this moment.
    pub from: Picos,
    /// It ends with this one.
    pub to: Picos,
    /// Whether it is a full interval of a run whose senders were not done.
    pub whole: bool,
    /// Whether it is the run's last.
    pub last: bool,
    /// What was sent, for each entry.
    pub sent: Vec<Sent>,
    /// What the requesters of reliable connections have done and heard, for each entry.
    pub requesters: Vec<Counts>,
    /// Frames that each port took, and their bytes without FCS.
    pub tx: Vec<(u64, u64)>,
    /// What came back.
    pub received: Option<Tally>,
    /// By how much each driver's counters went up.
    pub stats: Vec<Option<PortStats>>,
    /// Packet buffers that were not in their pools at its end.
    pub buffers: u64,
    /// The longest time for which a core's loop stood still at its end.
    pub pause: Option<Picos>,
}

/// What a driver tells while a run goes on.
#[derive(Debug)]
pub enum Told {
    /// What was done so far, a few times a second.
    Live(crate::engine::outcome::Live),
    /// A sample is over.
    Sample(Box<Sampled>),
}

/// When samples are due, and where the last one ended.
pub struct Sampler {
    interval: Picos,
    /// Until then messages begin: senders that are idle then are not done. When they were told to stop, if
    /// that was before.
    duration: Option<Picos>,
    due: Picos,
    index: u64,
    before: Total,
}

impl Sampler {
    /// The sampler of a plan that is to be sampled; `zero` is what stood there before the run.
    #[must_use]
    pub fn new(plan: &Plan, zero: Total) -> Option<Sampler> {
        let interval = plan.sample?;
        Some(Sampler {
            interval,
            duration: plan.duration,
            due: interval,
            index: 0,
            before: zero,
        })
    }

    /// The senders were told to stop at `now`: what comes after it is no load any more.
    pub fn stop(&mut self, now: Picos) {
        self.duration = Some(self.duration.map_or(now, |duration| duration.min(now)));
    }

    /// When the next sample is over. `active`: whether something is still sent or under way; without
    /// that, only what the plan's duration leaves is told apart.
    #[must_use]
    pub fn due(&self, active: bool) -> Picos {
        let more = self.index < MAX_SAMPLES && (active || self.within());
        if more { self.due } else { Picos::MAX }
    }

    /// Whether the next sample is over before the plan's duration is.
    fn within(&self) -> bool {
        self.duration.is_some_and(|duration| self.due <= duration)
    }

    /// What happened up to `now`. `sending`: whether there was still something to be sent.
    pub fn take(&mut self, now: Total, sending: bool) -> Box<Sampled> {
        // After the duration, messages that were begun are finished: that is no load any more.
        let whole = self.duration.map_or(sending, |duration| self.due <= duration);
        // A driver that was held up takes one long sample and not many empty ones.
        while self.due <= now.at {
            self.due = self.due.saturating_add(self.interval);
        }
        self.sampled(now, whole, false)
    }

    /// What happened from the last sample to the end of the run.
    pub fn finish(&mut self, now: Total) -> Box<Sampled> {
        // Senders may be done a little before the duration is over.
        let missing = self.due.saturating_sub(now.at);
        let whole = self.within() && missing.0 <= self.interval.0 / 100;
        self.sampled(now, whole, true)
    }

    fn sampled(&mut self, now: Total, whole: bool, last: bool) -> Box<Sampled> {
        let before = &self.before;
        let sampled = Sampled {
            index: self.index,
            from: before.at,
            to: now.at,
            whole,
            last,
            sent: now
                .sent
                .iter()
                .zip(&before.sent)
                .map(|(now, then)| now.since(then))
                .collect(),
            requesters: now
                .requesters
                .iter()
                .zip(&before.requesters)
                .map(|(now, then)| now.since(then))
                .collect(),
            tx: now
                .tx
                .iter()
                .zip(&before.tx)
                .map(|(now, then)| (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1)))
                .collect(),
            received: now
                .received
                .as_ref()
                .zip(before.received.as_ref())
                .map(|(now, then)| now.since(then)),
            stats: now
                .stats
                .iter()
                .zip(&before.stats)
                .map(|(now, then)| Some(now.as_ref()?.since(then.as_ref()?)))
                .collect(),
            buffers: now.buffers,
            pause: now.pause,
        };
        self.index += 1;
        self.before = now;
        Box::new(sampled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(duration: Option<u64>) -> Sampler {
        Sampler {
            interval: Picos(100),
            duration: duration.map(Picos),
            due: Picos(100),
            index: 0,
            before: Total::default(),
        }
    }

    fn at(time: u64) -> Total {
        Total {
            at: Picos(time),
            ..Total::default()
        }
    }

    /// Whatever was still on its way when the run was stopped is in a sample, and in none that is a whole
    /// one, whether the run had an end of its own or not.
    #[test]
    fn what_comes_after_a_stop_is_no_whole_sample() {
        for duration in [None, Some(1000)] {
            let mut sampler = sampler(duration);
            assert!(sampler.take(at(100), true).whole, "{duration:?}");
            sampler.stop(Picos(230));
            // Asked for before the stop, told after it.
            assert!(sampler.take(at(231), false).whole, "{duration:?}");
            assert!(!sampler.take(at(300), false).whole, "{duration:?}");
            assert_eq!(sampler.due(false), Picos::MAX, "nothing is left to be told apart");
            assert!(!sampler.finish(at(399)).whole, "{duration:?}");
        }
    }

    /// The last sample is whole if senders were done a hundredth of it before its end.
    #[test]
    fn the_end_of_a_run_is_a_whole_sample_when_it_is_almost_there() {
        for (end, whole) in [(200, true), (199, true), (198, false)] {
            let mut sampler = sampler(Some(200));
            assert!(sampler.take(at(100), true).whole);
            assert_eq!(sampler.finish(at(end)).whole, whole, "{end}");
        }
    }
}
