//! PFC and PAUSE frames: a log of them, and for how long they paused what.
//!
//! Contract: a pause lasts from the arrival of a frame with a time above zero until one with zero
//! arrives or the time has passed; a further frame renews it (IEEE 802.1Q clause 36.1.3.2, IEEE
//! 802.3 annex 31B.3.3). One unit of time is 512 bit times of the port. The log is bounded, the
//! times are not.
//!
//! Left out on purpose: what a pause was for (`infer`).

use crate::units::{BitRate, Picos};

/// Frames that a log keeps.
pub const PAUSES: usize = 1 << 16;

/// A PFC frame that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedPause {
    /// The port to which it came: that one is asked to pause.
    pub port: u16,
    /// Classes that it names: bit n = priority n.
    pub classes: u8,
    /// Arrival.
    pub time: Picos,
    /// Pause times, priority 0 first, in units of 512 bit times.
    pub quanta: [u16; 8],
}

/// What a PFC or PAUSE frame asks of the port to which it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseOrder {
    /// The port: index in the plan.
    pub port: usize,
    /// Arrival.
    pub arrival: Picos,
    /// Classes that it names, all of them for PAUSE: bit n = priority n.
    pub classes: u8,
    /// For how long each of them is to pause; zero resumes it.
    pub times: [Picos; 8],
}

/// A PFC frame that we sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentPause {
    /// The port that sent it: what is behind it is asked to pause.
    pub port: usize,
    /// Departure.
    pub time: Picos,
    /// Classes that it names: bit n = priority n.
    pub classes: u8,
    /// Pause time of each of them, in units of 512 bit times.
    pub quanta: u16,
}

/// How long a pause time lasts on a link of this speed.
#[must_use]
pub fn pause_time(quanta: u16, speed: BitRate) -> Picos {
    speed.time_of(u64::from(quanta) * 512)
}

/// How often and for how long one class of one port was paused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PauseMeter {
    /// Frames that paused it, or kept it paused.
    pub xoff: u64,
    /// Frames that resumed it.
    pub xon: u64,
    /// Pauses: uninterrupted ones count once.
    pub pauses: u64,
    /// Pauses that ended because their time had passed, and of which a later frame tells.
    expired: u64,
    /// All finished pauses.
    total: Picos,
    longest: Picos,
    /// The pause under way, or the last.
    since: Picos,
    until: Picos,
    under_way: bool,
}

impl PauseMeter {
    /// Takes a frame into account that came at `now` and asks for `time`.
    pub fn see(&mut self, now: Picos, time: Picos) {
        if self.under_way && now >= self.until {
            self.expired += 1;
            self.close(self.until);
        }
        if time == Picos::ZERO {
            self.xon += 1;
            if self.under_way {
                self.close(now);
            }
            return;
        }
        self.xoff += 1;
        if !self.under_way {
            self.under_way = true;
            self.pauses += 1;
            self.since = now;
        }
        self.until = now.saturating_add(time);
    }

    fn close(&mut self, at: Picos) {
        let lasted = at.saturating_sub(self.since);
        self.total = self.total.saturating_add(lasted);
        self.longest = self.longest.max(lasted);
        self.under_way = false;
    }

    /// The pause under way, cut at `end`.
    fn open(&self, end: Picos) -> Picos {
        if self.under_way {
            self.until.min(end).saturating_sub(self.since)
        } else {
            Picos::ZERO
        }
    }

    /// Pauses that ended before `end` because their time had passed, and not by a frame.
    #[must_use]
    pub fn expired(&self, end: Picos) -> u64 {
        self.expired + u64::from(self.under_way && self.until <= end)
    }

    /// For how long it was paused before `end`.
    #[must_use]
    pub fn total(&self, end: Picos) -> Picos {
        self.total.saturating_add(self.open(end))
    }

    /// Its longest uninterrupted pause before `end`.
    #[must_use]
    pub fn longest(&self, end: Picos) -> Picos {
        self.longest.max(self.open(end))
    }

    /// Takes in what another core has counted. One core sees all of a port's MAC control frames, or
    /// the sum is only as good as each part.
    pub fn merge(&mut self, other: &PauseMeter) {
        self.xoff += other.xoff;
        self.xon += other.xon;
        self.pauses += other.pauses;
        self.expired += other.expired;
        self.total = self.total.saturating_add(other.total);
        self.longest = self.longest.max(other.longest);
        if other.under_way && (!self.under_way || other.until > self.until) {
            (self.since, self.until, self.under_way) = (other.since, other.until, true);
        }
    }
}

/// The first PFC frames that came.
#[derive(Debug, Clone, Default)]
pub struct PauseLog {
    kept: Vec<ReceivedPause>,
    beyond: u64,
}

impl PauseLog {
    /// Takes a frame in, if there is room.
    pub fn push(&mut self, pause: ReceivedPause) {
        if self.kept.len() < PAUSES {
            self.kept.push(pause);
        } else {
            self.beyond += 1;
        }
    }

    /// What was kept, in the order in which it came.
    #[must_use]
    pub fn pauses(&self) -> &[ReceivedPause] {
        &self.kept
    }

    /// Frames that found no room.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Takes in what another core has kept.
    pub fn merge(&mut self, other: PauseLog) {
        self.beyond += other.beyond;
        for pause in other.kept {
            self.push(pause);
        }
        self.kept.sort_by_key(|pause| pause.time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Picos = Picos(100);

    fn meter(frames: &[(u64, u64)]) -> PauseMeter {
        let mut meter = PauseMeter::default();
        for (now, time) in frames {
            meter.see(Picos(*now), Picos(*time));
        }
        meter
    }

    #[test]
    fn a_pause_ends_by_a_frame_or_by_itself_and_is_renewed() {
        // IEEE 802.1Q 36.1.3.2: XOFF at 0, renewed at 60, ended at 130; XOFF at 200 runs out at 300.
        let meter = meter(&[(0, TIME.0), (60, TIME.0), (130, 0), (200, TIME.0), (500, 0)]);
        assert_eq!(meter.total(Picos(1000)), Picos(130 + 100));
        assert_eq!((meter.xoff, meter.xon, meter.pauses), (3, 2, 2));
        assert_eq!(meter.expired(Picos(1000)), 1);
        assert_eq!(meter.longest(Picos(1000)), Picos(130));
    }

    #[test]
    fn a_pause_under_way_counts_to_the_end_of_the_run() {
        let meter = meter(&[(10, TIME.0)]);
        assert_eq!(meter.total(Picos(50)), Picos(40));
        assert_eq!(meter.total(Picos(500)), TIME);
        assert_eq!((meter.expired(Picos(50)), meter.expired(Picos(110))), (0, 1));
        assert_eq!(meter.total(Picos(5)), Picos(0));
    }

    #[test]
    fn time_that_runs_backwards_does_no_harm() {
        let meter = meter(&[(1000, TIME.0), (10, 0), (u64::MAX, u64::MAX), (3, 7)]);
        assert!(meter.total(Picos::MAX) <= Picos::MAX);
    }

    #[test]
    fn quanta_are_512_bit_times() {
        // IEEE 802.3 annex 31B.2: 65535 × 512 bit times at 100 Gb/s are 335.5392 us.
        assert_eq!(pause_time(0xffff, BitRate(100_000_000_000)), Picos(335_539_200));
    }
}
