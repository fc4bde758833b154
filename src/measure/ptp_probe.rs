//! One-way delays of PTP probes: stamps of two clocks, and how far those are apart.
//!
//! Contract: pure; run times are arguments, in picoseconds of the run's clock. Two stamps give a delay only
//! with the difference of the two clocks. That is taken from readings of both next to each other, each of
//! which says between which bounds the difference was at its time ([`Bound`]), and from the probes
//! themselves, none of which can arrive before it left. [`relate`] looks at the straight lines (an offset
//! and a drift) that keep within all bounds. Of their drifts it takes the one by which the quickest probes
//! took the same all the time (the skew of Moon, Skelly and Towsley, "Estimation and removal of clock skew
//! from network delay measurements", INFOCOM 1999), and of its offsets the one in the middle. How far the
//! outermost lines are from that one is the uncertainty. Clocks of which no line is true, because one was
//! set or changed its rate, are refused.
//!
//! The bounds of many readings together are far narrower than those of one, and all delays share the
//! error of one line: where the quickest way through the network stays as quick as it is, their
//! differences are as good as the stamps.
//!
//! Left out on purpose: sending probes and reading stamps (`engine::ptp_probe`).

/// Two clocks drift apart by less than this, in millionths: oscillators of Ethernet are good to 100
/// (IEEE 802.3), those of software clocks are not held to it.
const MOST_DRIFT_PPM: f64 = 500.0;

/// A clock's reading: it showed `nanos` at some time from `before` to `after` of the run's clock, ps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The run's clock just before.
    pub before: u64,
    /// What the clock showed, ns.
    pub nanos: u64,
    /// The run's clock just after.
    pub after: u64,
}

/// At a time of the run, the receiving clock was ahead of the sending one by `low` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// Run time, ps.
    pub at: u64,
    /// At least, ns.
    pub low: f64,
    /// At most, ns.
    pub high: f64,
}

/// One probe that was stamped at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// Departure by the run's clock, ps: for the drift only, and so within a millisecond or so.
    pub at: u64,
    /// That time may be off by so much, ps.
    pub half: u64,
    /// Departure by the sending NIC, ns.
    pub sent: u64,
    /// Arrival by the receiving NIC, ns.
    pub received: u64,
}

impl Stamped {
    /// Arrival less departure, of two clocks: the delay and what the clocks are apart, ns. Clocks may
    /// show anything: the difference wraps as they do.
    fn apart(&self) -> i64 {
        self.received.wrapping_sub(self.sent).cast_signed()
    }
}

impl Bound {
    /// What a reading of each clock tells; `base` ns, near the difference, are left out of it.
    #[must_use]
    pub fn of(sending: &Reading, receiving: &Reading, base: i64) -> Bound {
        let difference = receiving
            .nanos
            .wrapping_sub(sending.nanos)
            .cast_signed()
            .wrapping_sub(base);
        // How much later the receiving clock was read than the sending one, at least and at most.
        let least = nanos(receiving.before, sending.after);
        let most = nanos(receiving.after, sending.before);
        // Either clock may have run faster than the run's meanwhile, and both show whole nanoseconds.
        let slack = 1.0 + least.abs().max(most.abs()) * MOST_DRIFT_PPM / 1e6;
        #[expect(clippy::cast_precision_loss, reason = "a difference near zero, in ns")]
        let difference = difference as f64;
        Bound {
            at: receiving.before.midpoint(receiving.after),
            low: difference - most - slack,
            high: difference - least + slack,
        }
    }
}

/// `later` − `earlier`, ps to ns.
fn nanos(later: u64, earlier: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "times of readings next to each other")]
    let apart = later.wrapping_sub(earlier).cast_signed() as f64;
    apart / 1000.0
}

/// How far two clocks are apart over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Related {
    base: i64,
    first: u64,
    span: f64,
    /// At the first bound and at the last, ns beyond the base.
    ends: (f64, f64),
    /// How far the delays may be off, all of them alike, ns.
    pub uncertainty: f64,
}

impl Related {
    /// Two stamps of one clock: nothing is between them.
    pub const SAME_CLOCK: Related = Related {
        base: 0,
        first: 0,
        span: 1.0,
        ends: (0.0, 0.0),
        uncertainty: 1.0,
    };

    /// How fast the receiving clock gains on the sending one, in millionths.
    #[must_use]
    pub fn drift_ppm(&self) -> f64 {
        (self.ends.1 - self.ends.0) / self.span * 1e6
    }

    /// What a probe took, ps, off by at most the uncertainty.
    #[must_use]
    pub fn delay(&self, probe: &Stamped) -> u64 {
        let along = nanos(probe.at, self.first) / self.span;
        let offset = self.ends.0 + (self.ends.1 - self.ends.0) * along;
        #[expect(
            clippy::cast_precision_loss,
            reason = "the delay and a remainder of the offset, in ns"
        )]
        let apart = probe.apart().wrapping_sub(self.base) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "none is below zero but by rounding, and none above is near the limit"
        )]
        let picos = ((apart - offset).max(0.0) * 1000.0).round() as u64;
        picos
    }
}

/// Why two clocks are not related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unrelated {
    /// Too little to go by.
    #[error("the two clocks were read together fewer than twice")]
    TooFew,
    /// The readings contradict each other.
    #[error(
        "no constant drift below {MOST_DRIFT_PPM} ppm explains what the two clocks showed: one of them was set or changed its rate during \
         the run"
    )]
    NoLine,
}

/// Relates the clocks of a sending and a receiving NIC by what both showed ([`Reading`]s next to each
/// other) and by the probes, which arrive after they left.
///
/// # Errors
/// [`Unrelated`]: delays across these clocks are not known.
pub fn relate(readings: &[(Reading, Reading)], probes: &[Stamped]) -> Result<Related, Unrelated> {
    let ([(sending, receiving), ..], true) = (readings, readings.len() >= 2) else {
        return Err(Unrelated::TooFew);
    };
    let base = receiving.nanos.wrapping_sub(sending.nanos).cast_signed();
    let mut bounds: Vec<Bound> = readings.iter().map(|(a, b)| Bound::of(a, b, base)).collect();
    bounds.extend(probes.iter().map(|probe| {
        #[expect(clippy::cast_precision_loss, reason = "a difference near zero, in ns")]
        let high = probe.apart().wrapping_sub(base) as f64 + 1.0 + nanos(probe.half, 0) * MOST_DRIFT_PPM / 1e6;
        Bound {
            at: probe.at,
            low: f64::NEG_INFINITY,
            high,
        }
    }));
    let first = bounds.iter().map(|bound| bound.at).min().unwrap_or(0);
    let last = bounds.iter().map(|bound| bound.at).max().unwrap_or(0);
    let span = nanos(last, first);
    if span <= 0.0 {
        return Err(Unrelated::TooFew);
    }
    let lines = Lines { bounds: &bounds, first };
    let (least, most) = lines.slopes().ok_or(Unrelated::NoLine)?;
    let slope = lines.skew(least, most, probes, base);
    let begin = lines.at_first(slope);
    let end = begin + slope * span;
    // The flattest of the lines begins highest and ends lowest, the steepest the other way round: the
    // difference at the first bound falls as the slope rises.
    let (high, low) = (lines.at_first(least), lines.at_first(most));
    // Of a probe whose departure is not placed to the moment, the line may say what it was at another.
    let unplaced = probes.iter().map(|probe| nanos(probe.half, 0)).fold(0.0, f64::max);
    let uncertainty = [
        (begin, low),
        (begin, high),
        (end, low + most * span),
        (end, high + least * span),
    ];
    let uncertainty = uncertainty
        .iter()
        .map(|(ours, edge)| (ours - edge).abs())
        .fold(0.0, f64::max);
    Ok(Related {
        base,
        first,
        span,
        ends: (begin, end),
        uncertainty: uncertainty + 1.0 + unplaced * slope.abs(),
    })
}

/// The straight lines within bounds.
struct Lines<'a> {
    bounds: &'a [Bound],
    first: u64,
}

impl Lines<'_> {
    /// Between which values at the first bound's time a line of this slope (ns per ns) keeps within all
    /// bounds: (at least, at most); crossed over when none does.
    fn range(&self, slope: f64) -> (f64, f64) {
        let mut range = (f64::NEG_INFINITY, f64::INFINITY);
        for bound in self.bounds {
            let rise = slope * nanos(bound.at, self.first);
            range.0 = range.0.max(bound.low - rise);
            range.1 = range.1.min(bound.high - rise);
        }
        range
    }

    fn room(&self, slope: f64) -> f64 {
        let (low, high) = self.range(slope);
        high - low
    }

    fn at_first(&self, slope: f64) -> f64 {
        let (low, high) = self.range(slope);
        low.midpoint(high)
    }

    /// The least and the greatest slope of a line within all bounds. The room that a slope leaves is a
    /// concave function of it: up to the slope that leaves most it grows, and then shrinks.
    fn slopes(&self) -> Option<(f64, f64)> {
        let (mut low, mut high) = (-MOST_DRIFT_PPM / 1e6, MOST_DRIFT_PPM / 1e6);
        for _ in 0..STEPS {
            let third = (high - low) / 3.0;
            let (left, right) = (low + third, high - third);
            if self.room(left) < self.room(right) {
                low = left;
            } else {
                high = right;
            }
        }
        let best = low.midpoint(high);
        if self.room(best) < 0.0 {
            return None;
        }
        Some((
            self.edge(best, -MOST_DRIFT_PPM / 1e6),
            self.edge(best, MOST_DRIFT_PPM / 1e6),
        ))
    }

    /// Of the slopes from `least` to `most`, that of the line below all probes which is closest to them: the
    /// one that is highest in their middle. How high a slope's line can be there is concave.
    fn skew(&self, least: f64, most: f64, probes: &[Stamped], base: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "differences near zero, in ns")]
        let points: Vec<(f64, f64)> = probes
            .iter()
            .map(|probe| (nanos(probe.at, self.first), probe.apart().wrapping_sub(base) as f64))
            .collect();
        if points.is_empty() {
            return least.midpoint(most);
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of probes")]
        let middle = points.iter().map(|(at, _)| at).sum::<f64>() / points.len() as f64;
        let height = |slope: f64| {
            let below = points.iter().map(|(at, apart)| apart - slope * (at - middle));
            below.fold(f64::INFINITY, f64::min)
        };
        let (mut low, mut high) = (least, most);
        for _ in 0..STEPS {
            let third = (high - low) / 3.0;
            let (left, right) = (low + third, high - third);
            if height(left) < height(right) {
                low = left;
            } else {
                high = right;
            }
        }
        low.midpoint(high)
    }

    /// The last slope on the way from one that is possible to one that may not be.
    fn edge(&self, mut inside: f64, mut outside: f64) -> f64 {
        if self.room(outside) >= 0.0 {
            return outside;
        }
        for _ in 0..STEPS {
            let middle = inside.midpoint(outside);
            if self.room(middle) >= 0.0 {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    }
}

/// Rounds that narrow a range of slopes, each by a third at least: 10⁻³ to less than 10⁻¹⁵, a nanosecond
/// in ten days.
const STEPS: u32 = 80;

#[cfg(test)]
mod tests;
