//! What the times of each port's frames rest on: the choice, and other clocks beside the run's.
//!
//! Contract: a testbed's wish that a port cannot fulfil is an error before anything is sent; `auto` is
//! the best that the port has. A clock other than the processor's is read several times a second while
//! the run lasts, and what its stamps come to is right within a stated uncertainty or is refused
//! (`measure::clock`).
//!
//! Left out on purpose: PTP probes, and what a refusal does to figures (`report`).

use hdrhistogram::Histogram;

use crate::dpdk::{Effective, Port, RxTimestamps, StampSource, Started, TscClock, kernel_nanos, tsc_ordered};
use crate::measure::clock::{Line, Reading, Relation, Scale, Summary, Time};
use crate::measure::record::coarse_histogram;
use crate::testbed::Timestamps;
use crate::units::Picos;

/// Reads another clock, in its own ticks; `None` when it does not answer.
pub type Reader = Box<dyn FnMut() -> Option<u64> + Send>;

/// What one port's times are to rest on.
pub struct Stamping {
    /// The choice. With [`StampSource::PtpProbe`] the frames' own times go by software.
    pub source: StampSource,
    /// The clock behind arrival stamps, where that is not the processor's.
    pub clock: Option<(Scale, Reader)>,
}

impl Stamping {
    /// What a started port's times are to rest on by its testbed, and the clock behind it.
    ///
    /// # Errors
    /// A wish that it cannot fulfil.
    pub fn of(wanted: Timestamps, name: &str, port: &Port<Started>) -> Result<Stamping, Refused> {
        let sources = port.info().map(|info| info.stamp_sources(&port.abilities()));
        // A port that does not describe itself has been refused long before.
        let sources = sources.unwrap_or_else(|_| vec![StampSource::Software]);
        let source = choose(wanted, name, &port.effective(), &sources)?;
        let clock: Option<(Scale, Reader)> = match source {
            StampSource::Nic => {
                let mut clock = port.device_clock();
                // Asked for by name it may be unreadable, and is not asked again and again.
                let readable = clock.is_readable();
                Some((Scale::DEVICE, Box::new(move || clock.ticks().filter(|_| readable))))
            }
            StampSource::Kernel => Some((Scale::KERNEL_MICROS, Box::new(|| Some(kernel_nanos())))),
            StampSource::PtpProbe | StampSource::Software => None,
        };
        Ok(Stamping { source, clock })
    }
}

/// Why a testbed's `timestamps` cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("port {port}: timestamps: {wanted}: {why}; it can do {can}, and `timestamps: auto` takes the best of it")]
pub struct Refused {
    /// The port.
    pub port: String,
    /// What was asked for.
    pub wanted: &'static str,
    /// Why not.
    pub why: &'static str,
    /// What there is.
    pub can: String,
}

/// Whether a port is to be started with arrival stamps of its own.
#[must_use]
pub const fn wants_stamps(wanted: Timestamps) -> bool {
    !matches!(wanted, Timestamps::Software | Timestamps::PtpProbe)
}

/// Chooses for a started port. `can` is what it has, best first.
///
/// # Errors
/// A wish that it cannot fulfil.
pub fn choose(
    wanted: Timestamps,
    port: &str,
    effective: &Effective,
    can: &[StampSource],
) -> Result<StampSource, Refused> {
    let (word, source, why) = match wanted {
        Timestamps::Auto => return Ok(can.first().copied().unwrap_or(StampSource::Software)),
        Timestamps::Software => return Ok(StampSource::Software),
        // Whether its clock can be read shows when it is: without, delays are refused.
        Timestamps::Nic if effective.rx_timestamps == RxTimestamps::DeviceClock => return Ok(StampSource::Nic),
        Timestamps::Nic => ("nic", StampSource::Nic, "its driver does not stamp every frame"),
        Timestamps::Kernel => (
            "kernel",
            StampSource::Kernel,
            "only net_pcap hands on the kernel's stamps",
        ),
        Timestamps::PtpProbe => (
            "ptp-probe",
            StampSource::PtpProbe,
            "its driver does not stamp PTP frames",
        ),
    };
    if can.contains(&source) {
        return Ok(source);
    }
    let names: Vec<&str> = can.iter().map(|source| source.name()).collect();
    Err(Refused {
        port: port.to_owned(),
        wanted: word,
        why,
        can: names.join(", "),
    })
}

/// Looks at one other clock while a run lasts.
pub struct Watch {
    /// Index of the port.
    pub port: usize,
    scale: Scale,
    reader: Reader,
    /// Readings before the run's clock was started, in cycles.
    early: Vec<(u64, u64, u64)>,
    relation: Relation,
}

/// Readings of which the tightest counts: an interrupt would spoil a single one.
const TRIES: usize = 8;

impl Watch {
    /// Begins to look.
    #[must_use]
    pub fn new(port: usize, scale: Scale, reader: Reader) -> Watch {
        let mut watch = Watch {
            port,
            scale,
            reader,
            early: Vec::new(),
            relation: Relation::new(scale),
        };
        watch.look_early();
        watch
    }

    /// The tightest of several readings: cycles before, ticks, cycles after.
    fn tightest(&mut self) -> Option<(u64, u64, u64)> {
        let mut best: Option<(u64, u64, u64)> = None;
        for _ in 0..TRIES {
            let before = tsc_ordered();
            let Some(ticks) = (self.reader)() else { continue };
            let after = tsc_ordered();
            let width = |reading: &(u64, u64, u64)| reading.2.wrapping_sub(reading.0);
            let this = (before, ticks, after);
            if best.as_ref().is_none_or(|best| width(&this) < width(best)) {
                best = Some(this);
            }
        }
        best
    }

    /// A reading before the run's clock is there.
    pub fn look_early(&mut self) {
        let reading = self.tightest();
        self.early.extend(reading);
    }

    /// A reading now, and the readings before. Returns the line that is new by it; `None` while there
    /// is none, and when the clock was lost.
    pub fn look(&mut self, clock: &TscClock) -> Option<Line> {
        let mut readings = std::mem::take(&mut self.early);
        readings.extend(self.tightest());
        for (before, ticks, after) in readings {
            self.relation.read(Reading {
                before: clock.signed(before),
                ticks,
                after: clock.signed(after),
            });
        }
        self.relation.line()
    }

    /// What has become of it.
    #[must_use]
    pub fn finish(self) -> Relation {
        self.relation
    }

    /// How its stamps count.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }
}

/// Arrival stamps of one receive queue, on their way to times of the run.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    line: Option<Line>,
    /// What was counted.
    pub counts: StampCounts,
}

/// What became of arrival stamps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StampCounts {
    /// Frames whose time is their stamp's.
    pub stamped: u64,
    /// Frames without a stamp, or with one that nothing can be made of.
    pub unstamped: u64,
    /// Stamps later than the burst that brought the frame.
    pub late: u64,
}

impl StampCounts {
    /// Takes in what another queue has counted.
    pub fn add(&mut self, other: &StampCounts) {
        self.stamped += other.stamped;
        self.unstamped += other.unstamped;
        self.late += other.late;
    }
}

impl Stamps {
    /// The relation that turns stamps into times from now on; `None`: they give none.
    pub fn set_line(&mut self, line: Option<Line>) {
        self.line = line;
    }

    /// The arrival of a frame that the burst at `burst` has brought, by its own stamp; `burst` itself
    /// where that says nothing.
    #[inline]
    pub fn arrival(&mut self, stamp: Option<u64>, burst: Picos) -> Picos {
        let Some((line, time)) = self
            .line
            .zip(stamp)
            .and_then(|(line, stamp)| Some((line, line.time_of(stamp)?)))
        else {
            self.counts.unstamped += 1;
            return burst;
        };
        let latest = Time::try_from(burst.0).unwrap_or(Time::MAX);
        if time > latest {
            // No frame is stamped after it was taken in: within the uncertainty it is this instant.
            self.counts.late += u64::from(time.abs_diff(latest) > line.uncertainty_at(time));
            self.counts.stamped += 1;
            return burst;
        }
        self.counts.stamped += 1;
        Picos(u64::try_from(time).unwrap_or(0))
    }
}

/// What a port's times rest on, and how far they may be off, after a run.
#[derive(Debug, Clone)]
pub struct PortTimes {
    /// What was chosen.
    pub source: StampSource,
    /// From the clock by which a burst's frames are stamped to the port's having taken them, ps.
    pub tx_spread: Histogram<u64>,
    /// From the look before that found no frame, or other frames, to the burst, ps.
    pub rx_spread: Histogram<u64>,
    /// The clock beside the processor's: behind arrival stamps, or that by which the NIC sends.
    pub clock: Option<PortClock>,
}

/// Another clock, after a run.
#[derive(Debug, Clone)]
pub struct PortClock {
    /// What is known of it; `None` when it was never related to the run's.
    pub summary: Option<Summary>,
    /// What became of the stamps.
    pub counts: StampCounts,
    /// Why no delay may rest on it.
    pub refused: Option<String>,
}

impl PortTimes {
    /// Of a port of which nothing was measured yet.
    #[must_use]
    pub fn new(source: StampSource) -> PortTimes {
        PortTimes {
            source,
            tx_spread: coarse_histogram(),
            rx_spread: coarse_histogram(),
            clock: None,
        }
    }

    /// The clock behind arrival stamps, where that is not the processor's.
    #[must_use]
    pub fn arrivals(&self) -> Option<&PortClock> {
        self.clock.as_ref().filter(|_| self.source.is_of_frames())
    }

    /// Why no delay may rest on this port's arrivals.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.arrivals()?.refused.as_deref()
    }
}

impl PortClock {
    /// The books of a clock.
    #[must_use]
    pub fn new(relation: &Relation, counts: StampCounts) -> PortClock {
        let (summary, lost) = (relation.summary(), relation.lost());
        let refused = match (lost, summary) {
            (Some(lost), _) if lost.by == i64::MIN => {
                Some("The clock behind the times stands still or runs backwards.".to_owned())
            }
            (Some(lost), _) => {
                let far = Picos(lost.by.unsigned_abs());
                let direction = if lost.by > 0 { "ahead of" } else { "behind" };
                Some(format!(
                    "The clock behind the times was {far} {direction} where its readings had it, {} into the run, when it could \
                     be off by {}: it was set, or its rate changed.",
                    Picos(u64::try_from(lost.at).unwrap_or(0)),
                    Picos(lost.allowed)
                ))
            }
            (None, None) => {
                Some("The clock behind the times cannot be read, so nobody knows what its stamps mean.".to_owned())
            }
            (None, Some(_)) if counts.late > 0 => Some(format!(
                "{} of {} stamps are later than the burst that brought their frame.",
                counts.late, counts.stamped
            )),
            (None, Some(_)) if counts.unstamped > 0 => Some(format!(
                "{} frames came without a stamp, or with one of another time, beside {} with one.",
                counts.unstamped, counts.stamped
            )),
            (None, Some(_)) => None,
        };
        PortClock {
            summary,
            counts,
            refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpdk::Departures;

    fn effective(rx_timestamps: RxTimestamps) -> Effective {
        Effective {
            tx_descriptors: 64,
            rx_descriptors: 64,
            mtu: None,
            rss: false,
            rx_timestamps,
            departures: Departures::Off,
            promiscuous: true,
            obeys_pfc: 0,
        }
    }

    #[test]
    fn a_port_is_what_it_can_be_or_an_error() {
        use StampSource::{Kernel, Nic, PtpProbe, Software};
        let of = |wanted, stamps, can: &[StampSource]| choose(wanted, "p", &effective(stamps), can);
        let none = RxTimestamps::None;
        assert_eq!(
            of(Timestamps::Auto, RxTimestamps::DeviceClock, &[Nic, PtpProbe, Software]),
            Ok(Nic)
        );
        // The clock behind the stamps cannot be read: auto knows better.
        assert_eq!(
            of(Timestamps::Auto, RxTimestamps::DeviceClock, &[Software]),
            Ok(Software)
        );
        assert_eq!(of(Timestamps::Nic, RxTimestamps::DeviceClock, &[Software]), Ok(Nic));
        assert_eq!(of(Timestamps::Auto, none, &[PtpProbe, Software]), Ok(PtpProbe));
        assert_eq!(
            of(Timestamps::Auto, RxTimestamps::KernelMicros, &[Kernel, Software]),
            Ok(Kernel)
        );
        assert_eq!(of(Timestamps::Software, none, &[Nic, Software]), Ok(Software));
        for wanted in [Timestamps::Nic, Timestamps::Kernel, Timestamps::PtpProbe] {
            let refused = of(wanted, none, &[Software]).unwrap_err();
            assert_eq!((refused.port.as_str(), refused.can.as_str()), ("p", "software"));
            assert!(Timestamps::WORDS.contains(&(refused.wanted, wanted)));
        }
    }

    /// A clock of 1 GHz that showed 5 s at the run's zero.
    fn related() -> Relation {
        let mut relation = Relation::new(Scale::DEVICE);
        for millis in 0..3 {
            relation.read(Reading {
                before: millis * 10_000_000_000,
                ticks: 5_000_000_000 + millis.unsigned_abs() * 10_000_000,
                after: millis * 10_000_000_000 + 100_000,
            });
        }
        relation
    }

    #[test]
    fn a_stamp_is_believed_as_far_as_it_can_be_true() {
        let mut stamps = Stamps::default();
        let burst = Picos::from_micros(40_000);
        // No line yet.
        assert_eq!(stamps.arrival(Some(5_030_000_000), burst), burst);
        stamps.set_line(related().line());
        let told = stamps.arrival(Some(5_030_000_000), burst);
        // 30 ms, to the middle of a reading of 100 ns.
        assert!(told.0.abs_diff(30_000_000_000) <= 100_000, "{told:?}");
        // Without a stamp, and with one that is from another day.
        assert_eq!(stamps.arrival(None, burst), burst);
        assert_eq!(stamps.arrival(Some(99_000_000_000), burst), burst);
        // From the future: by less than the uncertainty, and by more.
        assert_eq!(stamps.arrival(Some(5_040_000_060), burst), burst);
        assert_eq!(stamps.counts.late, 0);
        assert_eq!(stamps.arrival(Some(5_041_000_000), burst), burst);
        let expected = StampCounts {
            stamped: 3,
            unstamped: 3,
            late: 1,
        };
        assert_eq!(stamps.counts, expected);
    }

    #[test]
    fn whatever_is_wrong_with_a_clock_is_said() {
        let counts = |unstamped, late| StampCounts {
            stamped: 9,
            unstamped,
            late,
        };
        let of = |relation: &Relation, counts| PortClock::new(relation, counts).refused.unwrap_or_default();
        assert_eq!(of(&related(), counts(0, 0)), "");
        assert!(of(&related(), counts(2, 0)).starts_with("2 frames came without a stamp"));
        assert!(of(&related(), counts(2, 3)).starts_with("3 of 9 stamps are later"));
        let unknown = Relation::new(Scale::DEVICE);
        assert!(of(&unknown, counts(9, 0)).contains("cannot be read"));
        let mut lost = related();
        let reading = Reading {
            before: 30_000_000_000,
            ticks: 5_031_000_000,
            after: 30_000_100_000,
        };
        lost.read(reading);
        let why = of(&lost, counts(0, 0));
        assert!(
            why.contains("was 1 ms ahead of") || why.contains("us ahead of"),
            "{why}"
        );
        let mut still = Relation::new(Scale::DEVICE);
        for millis in [0, 10] {
            still.read(Reading {
                before: millis * 1_000_000_000,
                ticks: 7,
                after: millis * 1_000_000_000 + 1,
            });
        }
        assert!(of(&still, counts(0, 0)).contains("stands still"));
    }
}
