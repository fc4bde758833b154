//! Another clock, related to the run's by readings of both.
//!
//! Contract: a [`Relation`] is fed with [`Reading`]s, which are the only time it knows, and gives
//! [`Line`]s, by which a stamp of the other clock becomes a time of the run's. Offset and rate follow
//! the readings. Each reading is also the test of what was told before it: a clock that is not where
//! its line says, by more than the stated uncertainty, was set or has changed its rate; then the
//! relation is lost for good, and says how. Nothing is known between two readings but what both ends
//! bear witness to: a clock that is set twice and is right again by the next reading is not noticed.
//!
//! Left out on purpose: reading clocks (`engine::stamps`).

use std::collections::VecDeque;

/// Picoseconds since the run's zero; negative before it.
pub type Time = i64;

/// The other clock showed `ticks` at some time from `before` to `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The run's clock just before.
    pub before: Time,
    /// What the other clock showed.
    pub ticks: u64,
    /// The run's clock just after.
    pub after: Time,
}

impl Reading {
    fn middle(&self) -> Time {
        self.before + (self.after - self.before) / 2
    }

    /// How far from the middle it may have been.
    fn half_width(&self) -> u64 {
        (self.after - self.before).unsigned_abs().div_ceil(2)
    }
}

/// How a clock counts and stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Ticks of the clock in one unit of a stamp: 1000 for stamps in microseconds of a clock that is
    /// read in nanoseconds.
    pub ticks_per_unit: u64,
    /// Picoseconds in a tick, where that is known beforehand.
    pub tick: Option<u64>,
}

impl Scale {
    /// Stamps in ticks of a clock of unknown rate.
    pub const DEVICE: Scale = Scale {
        ticks_per_unit: 1,
        tick: None,
    };

    /// Stamps in microseconds of a clock that is read in nanoseconds.
    pub const KERNEL_MICROS: Scale = Scale {
        ticks_per_unit: 1000,
        tick: Some(1000),
    };
}

/// From stamps to times of the run, near the reading that it starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    scale: Scale,
    ticks: u64,
    time: Time,
    /// Picoseconds in a tick, times 2^32.
    rate: u64,
    /// ± at the reading, stamps' resolution included, ps.
    uncertainty: u64,
    /// What each second away from the reading adds to it, ps.
    per_second: u64,
}

/// Stamps further than this from a line's reading are not believed: 5 s.
const REACH: u64 = 5_000_000_000_000;

const PICOS_PER_SECOND: u128 = 1_000_000_000_000;

impl Line {
    /// The time of a stamp, the middle of its unit; `None` of one that is seconds away from the reading.
    #[inline]
    #[must_use]
    pub fn time_of(&self, stamp: u64) -> Option<Time> {
        let unit = self.scale.ticks_per_unit;
        self.time_at(stamp.wrapping_mul(unit).wrapping_add(unit / 2))
    }

    #[inline]
    fn time_at(&self, ticks: u64) -> Option<Time> {
        let ahead = i128::from(ticks.wrapping_sub(self.ticks).cast_signed());
        let picos = (ahead * i128::from(self.rate)) >> 32;
        if picos.unsigned_abs() > u128::from(REACH) {
            return None;
        }
        self.time.checked_add(i64::try_from(picos).ok()?)
    }

    /// How far the clock is ahead of the line at a reading, however far that is, ps.
    fn ahead_by(&self, reading: &Reading) -> i64 {
        let ticks = i128::from(reading.ticks.wrapping_sub(self.ticks).cast_signed());
        let shown = (ticks * i128::from(self.rate)) >> 32;
        let passed = i128::from(reading.middle()) - i128::from(self.time);
        let by = (shown - passed).clamp(i128::from(i64::MIN + 1), i128::from(i64::MAX));
        i64::try_from(by).unwrap_or(i64::MAX)
    }

    /// How far a time that was told by this line may be off, at `time`, ps.
    #[must_use]
    pub fn uncertainty_at(&self, time: Time) -> u64 {
        let away = u128::from(time.abs_diff(self.time));
        let more = away * u128::from(self.per_second) / PICOS_PER_SECOND;
        self.uncertainty.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    }
}

/// From times of the run to the other clock's ticks: a [`Line`] the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inverse {
    ticks: u64,
    time: Time,
    /// Ticks in a picosecond, times 2^64.
    rate: u128,
}

impl Line {
    /// The same line the other way round.
    #[must_use]
    pub fn inverse(&self) -> Inverse {
        Inverse {
            ticks: self.ticks,
            time: self.time,
            rate: (1_u128 << 96) / u128::from(self.rate.max(1)),
        }
    }
}

impl Inverse {
    /// What the other clock shows at `time`.
    #[inline]
    #[must_use]
    pub fn ticks_at(&self, time: Time) -> u64 {
        let away = u128::from(time.abs_diff(self.time).min(REACH));
        // Half a tick more rounds to the nearest. REACH has 43 bits, and a tick of 1 ps a rate of 65.
        let ticks = (away.saturating_mul(self.rate) + (1 << 63)) >> 64;
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
        if time >= self.time {
            self.ticks.wrapping_add(ticks)
        } else {
            self.ticks.wrapping_sub(ticks)
        }
    }
}

/// What is known of another clock at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Readings that were used.
    pub readings: u64,
    /// Picoseconds in a tick, by the last line.
    pub tick_ps: f64,
    /// Its rate against what it should be, where that is known, in millionths: positive for a clock
    /// that is fast.
    pub drift_ppm: Option<f64>,
    /// How far the times told by it may be off, ps: the most of the run.
    pub uncertainty: u64,
}

/// How a relation was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// At the reading at this time.
    pub at: Time,
    /// It was so far from where it should have been, ps: positive when it was ahead.
    pub by: i64,
    /// It could have been off by so much, ps.
    pub allowed: u64,
}

/// Readings that a line goes by.
const WINDOW: usize = 64;

/// By how much a good clock may change its rate between two readings, in millionths.
const RATE_CHANGE_PPM: u64 = 1;

/// A clock of unknown rate is believed after readings so far apart: 5 ms.
const BASELINE: u64 = 5_000_000_000;

/// Relates one clock to the run's.
#[derive(Debug, Clone)]
pub struct Relation {
    scale: Scale,
    readings: VecDeque<Reading>,
    line: Option<Line>,
    lost: Option<Lost>,
    used: u64,
    worst: u64,
}

impl Relation {
    /// A clock of which nothing is known yet.
    #[must_use]
    pub fn new(scale: Scale) -> Relation {
        Relation {
            scale,
            readings: VecDeque::with_capacity(WINDOW),
            line: None,
            lost: None,
            used: 0,
            worst: 0,
        }
    }

    /// By what stamps become times now; `None` before two readings, and when it was lost.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        self.line.filter(|_| self.lost.is_none())
    }

    /// How it was lost, if it was.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// What is known of the clock; `None` when it was never related.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let line = self.line?;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let tick_ps = line.rate as f64 / 4_294_967_296.0;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let drift_ppm = self.scale.tick.map(|tick| (tick as f64 / tick_ps - 1.0) * 1e6);
        Some(Summary {
            readings: self.used,
            tick_ps,
            drift_ppm,
            uncertainty: self.worst,
        })
    }

    /// Takes a reading in: it tests the line so far, and makes a new one.
    pub fn read(&mut self, reading: Reading) {
        if self.lost.is_some() || reading.after < reading.before {
            return;
        }
        if let Some(newest) = self.readings.back()
            && reading.before <= newest.after
        {
            return;
        }
        if let Some(line) = self.line {
            let middle = reading.middle();
            // The time at which the line expects what the clock shows. Later than now: it is ahead.
            let expected = line.time_at(reading.ticks);
            let stated = line.uncertainty_at(middle);
            let allowed = stated.saturating_add(reading.half_width());
            let by = expected.map_or_else(|| line.ahead_by(&reading), |expected| expected.saturating_sub(middle));
            if by.unsigned_abs() > allowed {
                self.lost = Some(Lost {
                    at: middle,
                    by,
                    allowed,
                });
                return;
            }
            // A step too small to be told from the readings' own width is in every time since.
            self.worst = self.worst.max(allowed.saturating_add(by.unsigned_abs()));
        }
        if self.readings.len() == WINDOW {
            self.readings.pop_front();
        }
        self.readings.push_back(reading);
        self.used += 1;
        self.draw();
    }

    /// The line of the newest reading, with the rate since the oldest.
    fn draw(&mut self) {
        let (Some(oldest), Some(newest)) = (self.readings.front(), self.readings.back()) else {
            return;
        };
        let span = newest.middle().abs_diff(oldest.middle());
        let ticks = newest.ticks.wrapping_sub(oldest.ticks);
        if span < BASELINE {
            return;
        }
        // A clock that stands still or runs backwards is none: its line would reach nowhere.
        if ticks == 0 || ticks.cast_signed() < 0 {
            self.lost = Some(Lost {
                at: newest.middle(),
                by: i64::MIN,
                allowed: 0,
            });
            return;
        }
        let rate = (u128::from(span) << 32) / u128::from(ticks);
        let tick = u64::try_from((rate >> 32) + 1).unwrap_or(u64::MAX);
        // Both clocks truncate: half a tick each, and a stamp half its unit.
        let unit = tick.saturating_mul(self.scale.ticks_per_unit);
        let ends = oldest.half_width() + newest.half_width() + tick;
        let of_rate = u128::from(ends) * PICOS_PER_SECOND / u128::from(span);
        let per_second = of_rate + u128::from(RATE_CHANGE_PPM) * PICOS_PER_SECOND / 1_000_000;
        self.line = Some(Line {
            scale: self.scale,
            ticks: newest.ticks,
            time: newest.middle(),
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
            uncertainty: newest.half_width() + tick.div_ceil(2) + unit.div_ceil(2),
            per_second: u64::try_from(per_second).unwrap_or(u64::MAX),
        });
    }
}

#[cfg(test)]
mod tests;
