//! Reaction to PFC and PAUSE frames in software, for ports whose frames no MAC consumes.
//!
//! Contract: a class is held from the order on until its time has passed or an order with no time
//! comes; a further order renews it (IEEE 802.1Q clause 36.1.3.3, IEEE 802.3 annex 31B.3.3). Time is
//! an argument. The state of one port; each of its queues has a copy.
//!
//! Left out on purpose: what is sent meanwhile (`transport::schedule`), and accounts (`measure::pause`).

use crate::measure::PauseOrder;
use crate::units::Picos;

/// The classes that a port must not send.
#[derive(Debug, Clone, Copy, Default)]
pub struct PauseTimers {
    /// Held classes: bit n = priority n.
    held: u8,
    /// Until when, and since when without interruption, each of them is held.
    until: [Picos; 8],
    since: [Picos; 8],
    /// The first time at which one of them is free again.
    first: Picos,
}

impl PauseTimers {
    /// Takes an order that arrived.
    #[cold]
    pub fn obey(&mut self, order: &PauseOrder) {
        for (class, time) in order.times.iter().enumerate() {
            let bit = 1 << class;
            if order.classes & bit == 0 {
                continue;
            }
            if *time == Picos::ZERO {
                self.held &= !bit;
                continue;
            }
            if self.held & bit == 0 || order.arrival > self.until[class] {
                self.since[class] = order.arrival;
            }
            self.held |= bit;
            self.until[class] = order.arrival.saturating_add(*time);
        }
        self.look();
    }

    fn look(&mut self) {
        let held = self
            .until
            .iter()
            .enumerate()
            .filter(|(class, _)| self.held >> class & 1 == 1);
        self.first = held.map(|(_, until)| *until).min().unwrap_or(Picos::MAX);
    }

    /// The classes that are held at `now`: bit n = priority n.
    #[inline]
    pub fn held(&mut self, now: Picos) -> u8 {
        if self.held != 0 && now >= self.first {
            self.expire(now);
        }
        self.held
    }

    #[cold]
    fn expire(&mut self, now: Picos) {
        for (class, until) in self.until.iter().enumerate() {
            if now >= *until {
                self.held &= !(1 << class);
            }
        }
        self.look();
    }

    /// Since when the one of `classes` (bit n = priority n) that has been held longest is held without
    /// interruption.
    #[must_use]
    pub fn since(&self, classes: u8) -> Option<Picos> {
        let held = self
            .since
            .iter()
            .enumerate()
            .filter(|(class, _)| (self.held & classes) >> class & 1 == 1);
        held.map(|(_, since)| *since).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(arrival: u64, pauses: &[(usize, u64)]) -> PauseOrder {
        let mut order = PauseOrder {
            port: 0,
            arrival: Picos(arrival),
            classes: 0,
            times: [Picos::ZERO; 8],
        };
        for (class, time) in pauses {
            order.classes |= 1 << class;
            order.times[*class] = Picos(*time);
        }
        order
    }

    #[test]
    fn a_class_is_held_until_its_time_has_passed_or_it_is_resumed() {
        let mut timers = PauseTimers::default();
        assert_eq!(timers.held(Picos(5)), 0);
        timers.obey(&order(10, &[(3, 100), (5, 50)]));
        assert_eq!(timers.held(Picos(10)), 1 << 3 | 1 << 5);
        assert_eq!(timers.held(Picos(59)), 1 << 3 | 1 << 5);
        // IEEE 802.1Q 36.1.3.3: the pause of 5 has run out, that of 3 goes on.
        assert_eq!(timers.held(Picos(60)), 1 << 3);
        timers.obey(&order(70, &[(3, 0)]));
        assert_eq!((timers.held(Picos(70)), timers.since(0xff)), (0, None));
    }

    #[test]
    fn a_further_order_renews_and_other_classes_keep_theirs() {
        let mut timers = PauseTimers::default();
        timers.obey(&order(0, &[(3, 100)]));
        timers.obey(&order(80, &[(3, 100)]));
        assert_eq!(timers.held(Picos(179)), 1 << 3);
        assert_eq!(timers.since(0xff), Some(Picos(0)), "without interruption");
        // A class that is not named is not meant.
        timers.obey(&order(150, &[(0, 500)]));
        assert_eq!(timers.held(Picos(180)), 1);
        assert_eq!(timers.since(0xff), Some(Picos(150)));
        timers.obey(&order(160, &[(5, 500)]));
        assert_eq!(timers.since(1 << 5), Some(Picos(160)), "of a class that is asked for");
        timers.obey(&order(161, &[(5, 0)]));
        // It may also be shortened.
        timers.obey(&order(200, &[(0, 10)]));
        assert_eq!(timers.held(Picos(210)), 0);
        timers.obey(&order(300, &[(0, 10)]));
        assert_eq!(timers.since(0xff), Some(Picos(300)));
    }
}
