//! Departures by the NIC: frames are handed over ahead of their time, with the time at which to leave.
//!
//! Contract: a departure of the run's clock becomes ticks of the NIC's by the latest line between the
//! two (`measure::clock`). While there is no line, frames are handed over at their time, without one
//! that the NIC could misread: 0 is past on every clock, and such a frame leaves at once.
//!
//! Left out on purpose: relating the clocks (`engine::stamps`).

use crate::measure::clock::{Inverse, Line, Time};
use crate::units::Picos;

/// How far ahead of their time frames are handed to a NIC: more than a loop is late as a rule, and
/// less than fills a transmit ring at 100 Gb/s.
pub const LEAD: Picos = Picos::from_micros(100);

/// How one queue hands frames over ahead of their time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ahead {
    line: Option<Inverse>,
    /// Frames that were handed over without a time, for want of a line.
    pub untimed: u64,
}

impl Ahead {
    /// The relation that turns departures into ticks from now on; `None`: the NIC does not pace.
    pub fn set_line(&mut self, line: Option<Line>) {
        self.line = line.map(|line| line.inverse());
    }

    /// Until when frames are handed over at `now`.
    #[inline]
    #[must_use]
    pub fn limit(&self, now: Picos) -> Picos {
        if self.line.is_some() { now + LEAD } else { now }
    }

    /// When a frame that is handed over at `now` leaves, its time being `at`, and what the NIC is told.
    #[inline]
    pub fn departure(&mut self, at: Picos, now: Picos) -> (Picos, u64) {
        let Some(line) = &self.line else {
            self.untimed += 1;
            return (now, 0);
        };
        (at, line.ticks_at(Time::try_from(at.0).unwrap_or(Time::MAX)))
    }
}
