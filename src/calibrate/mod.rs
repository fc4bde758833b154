//! What the instrument adds of its own: a testbed is run port to port, and its error budget kept.
//!
//! Contract: everything is measured with the loops, ports and clocks of a run ([`Trial`]); a figure is
//! one of a run's own. Between the ports there is a cable, a loop or nothing: whatever else there is
//! becomes part of the budget.
//!
//! Left out on purpose: files and terminals (`cli`), and correcting results by the budget: it is quoted.

pub mod file;

use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use crate::pattern;
use crate::report::model::{
    Budget, CALIBRATION_SCHEMA, CalibratedLatency, CalibratedPacing, CalibratedRate, Calibration, Distribution,
    Results, Traffic,
};
use crate::report::provenance::rfc3339;
use crate::testbed::{self, WorkerCount};
use crate::trial::{Session, Trial, TrialError};
use crate::units::{BitRate, WIRE_OVERHEAD};
use crate::yaml::Source;

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A run could not be made.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// The testbed has no way from port to port.
    #[error("{0}")]
    NoWay(String),
    /// It was stopped.
    #[error("stopped before the calibration was whole; nothing is kept")]
    Stopped,
}

/// How it is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Payload sizes of frames.
    pub sizes: Vec<u32>,
    /// Length of a single measurement.
    pub seconds: f64,
}

/// Payload sizes where nobody says otherwise: the shortest that carries a stamp and an address, and PMTUs
/// (IBTA Vol 1, 9.7.1).
pub const SIZES: [u32; 4] = [64, 256, 1024, 4096];

/// Pairs of ports whose delay is measured at most.
const PAIRS: usize = 8;

/// Rates are searched to this: 1 %.
const PRECISION: f64 = 0.01;

/// A rate is held when so much of it is sent.
const HELD: f64 = 0.99;

/// Frames in a simulated measurement, which are dear: every frame is exact, and more say no more.
const SIMULATED: u64 = 5_000;

/// Measurements without a frame that arrives, before there is taken to be no way.
const TRIES: u32 = 3;

/// Frames a second when delays are measured.
const SLOW: f64 = 2_000.0;

/// Shares of the lossless rate, in percent, at which pacing is measured.
const SHARES: [u32; 4] = [1, 10, 50, 90];

/// One way from port to port: the numbers of a worker behind each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    from: u32,
    to: u32,
}

struct Bench<'a> {
    testbed: testbed::Loaded,
    name: &'a str,
    owned: &'a [String],
    session: Session,
    stop: &'a AtomicBool,
    seconds: f64,
    simulated: bool,
}

/// What one measurement came to.
struct Run {
    results: Results,
}

impl Run {
    fn entry(&self) -> Option<&Traffic> {
        self.results.traffic.first()
    }

    /// Whether every frame that was planned was sent and received, as fast as was asked for.
    fn is_lossless(&self) -> bool {
        self.entry().is_some_and(|entry| {
            let packets = &entry.packets;
            let whole = packets.unsent == 0 && packets.received == Some(packets.sent) && packets.sent > 0;
            whole && self.rates().is_some_and(|(asked, sent)| sent >= HELD * asked)
        })
    }

    /// Wire rates asked for and sent.
    fn rates(&self) -> Option<(f64, f64)> {
        let pacing = self.entry()?.pacing.as_ref()?;
        #[expect(clippy::cast_precision_loss, reason = "a ratio of rates")]
        let rates = (pacing.requested_bps? as f64, pacing.achieved_bps? as f64);
        Some(rates)
    }

    fn frame_bytes(&self) -> u64 {
        self.entry()
            .map_or(0, |entry| entry.frame_bytes.sent / entry.packets.sent.max(1))
    }
}

/// Calibrates `testbed`, which was named `name`. `tell` hears what is being done.
///
/// # Errors
/// See [`CalibrateError`].
pub fn calibrate(
    testbed: &testbed::Loaded,
    name: &str,
    owned: &[String],
    wanted: &Wanted,
    stop: &AtomicBool,
    mut tell: impl FnMut(&str),
) -> Result<Calibration, CalibrateError> {
    let started = SystemTime::now();
    let (placed, ways) = place(testbed)?;
    let mut bench = Bench {
        testbed: placed,
        name,
        owned,
        session: Session::new(),
        stop,
        seconds: wanted.seconds,
        simulated: testbed.testbed.fabric.is_some(),
    };
    let mut latency = Vec::new();
    let mut environment = None;
    let mut sizes = Vec::new();
    for size in &wanted.sizes {
        tell(&format!("delay of frames with {size} bytes of payload"));
        for way in ways.iter().take(PAIRS) {
            let run = match bench.delays(*way, *size) {
                // Longer frames than a port carries are not its fault.
                Err(CalibrateError::Trial(TrialError::Environment(why) | TrialError::Input(why)))
                    if !sizes.is_empty() =>
                {
                    tell(&format!("{size} bytes are left out: {why}"));
                    break;
                }
                other => other?,
            };
            latency.push(of_latency(&run, *size)?);
            environment.get_or_insert_with(|| run.results.environment.clone());
            if sizes.last() != Some(size) {
                sizes.push(*size);
            }
        }
    }
    let (Some(environment), Some(first)) = (environment, ways.first()) else {
        return Err(CalibrateError::NoWay("no size to calibrate with".to_owned()));
    };
    let mut lossless = Vec::new();
    for size in &sizes {
        tell(&format!("highest lossless rate with {size} bytes of payload"));
        lossless.push(bench.highest(*first, *size)?);
    }
    let mut pacing = Vec::new();
    // The size in the middle: neither the loops nor the link are all of it.
    let middle = lossless
        .get(lossless.len() / 2)
        .and_then(|rate| Some((rate.payload_bytes, rate.rate_bps?)));
    if let Some((size, highest)) = middle {
        for percent in SHARES {
            tell(&format!("pacing at {percent} % of that"));
            let rate = highest / 100 * u64::from(percent);
            let run = bench.run(*first, size, Rate::Wire(BitRate(rate.max(1))))?;
            pacing.extend(of_pacing(&run, size, percent));
        }
    }
    let measured_at = rfc3339(started);
    let testbed_sha256 = file::digest(testbed);
    Ok(Calibration {
        schema: CALIBRATION_SCHEMA.to_owned(),
        testbed: testbed.testbed.name.clone(),
        budget: budget(&measured_at, &testbed_sha256, &latency, &lossless, &pacing),
        testbed_sha256,
        measured_at,
        environment,
        latency,
        lossless,
        pacing,
    })
}

/// The testbed with one worker behind each port, two behind one that is looped, and the ways between
/// them: each port to itself, or to the next one that receives.
fn place(testbed: &testbed::Loaded) -> Result<(testbed::Loaded, Vec<Way>), CalibrateError> {
    let mut placed = testbed.clone();
    if placed.testbed.fabric.is_some() {
        return Ok((placed, vec![Way { from: 0, to: 1 }, Way { from: 1, to: 0 }]));
    }
    let mut first = Vec::new();
    let mut workers = 0;
    for port in &mut placed.testbed.ports {
        first.push(workers);
        let here = if port.loopback { 2 } else { 1 };
        port.workers = WorkerCount::Exactly(here);
        workers += here;
    }
    let ports = &placed.testbed.ports;
    let mut ways = Vec::new();
    for (index, (port, from)) in ports.iter().zip(&first).enumerate() {
        if port.loopback {
            if port.receive {
                ways.push(Way {
                    from: *from,
                    to: from + 1,
                });
            }
            continue;
        }
        let after = (1..ports.len()).map(|ahead| (index + ahead) % ports.len());
        let next = after
            .into_iter()
            .find(|other| ports[*other].receive && !ports[*other].loopback);
        ways.extend(next.map(|next| Way {
            from: *from,
            to: first[next],
        }));
    }
    if ways.is_empty() {
        return Err(CalibrateError::NoWay(format!(
            "testbed {}: no port receives what another sends; calibrate wants ports back to back, or one that is looped \
             (`loopback: true`)",
            testbed.testbed.name
        )));
    }
    Ok((placed, ways))
}

#[derive(Debug, Clone, Copy)]
enum Rate {
    /// Frames a second.
    PerSecond(f64),
    /// Bits a second on the wire.
    Wire(BitRate),
    /// A share of line rate.
    Share(f64),
}

impl Bench<'_> {
    fn run(&mut self, way: Way, size: u32, rate: Rate) -> Result<Run, CalibrateError> {
        let pattern = pattern::of(Source {
            name: "calibrate".to_owned(),
            text: text(way, size, rate, (!self.simulated).then_some(self.seconds)),
            overrides: Vec::new(),
            shipped: false,
        });
        let pattern = pattern.map_err(|errors| TrialError::Input(errors.to_string()))?;
        let trial = Trial {
            pattern: &pattern,
            pattern_name: "calibrate",
            testbed: &self.testbed,
            testbed_name: Some(self.name),
            owned_interfaces: self.owned,
            calibration: None,
            earlier: None,
        };
        let measured = trial
            .run(&mut self.session, self.stop, |_| {})
            .map_err(|error| match error {
                TrialError::Stopped => CalibrateError::Stopped,
                other => CalibrateError::Trial(other),
            })?;
        if measured.results.run.interrupted {
            return Err(match measured.results.run.interrupted_by {
                Some(cause) if !self.stop.load(std::sync::atomic::Ordering::Relaxed) => {
                    TrialError::Environment(cause).into()
                }
                _ => CalibrateError::Stopped,
            });
        }
        Ok(Run {
            results: measured.results,
        })
    }

    /// Single frames at a low rate. Where nothing came it is tried again: a core that is busy with
    /// something else for all of a short measurement says nothing of the way.
    fn delays(&mut self, way: Way, size: u32) -> Result<Run, CalibrateError> {
        let mut run = self.run(way, size, Rate::PerSecond(SLOW))?;
        for _ in 1..TRIES {
            if run.entry().is_some_and(|entry| entry.packet_latency.is_some()) {
                break;
            }
            run = self.run(way, size, Rate::PerSecond(SLOW))?;
        }
        Ok(run)
    }

    /// Halves the distance between a rate that was held without loss and one that was not.
    fn highest(&mut self, way: Way, size: u32) -> Result<CalibratedRate, CalibrateError> {
        let (mut held, mut too_high) = (0.0_f64, 1.0_f64);
        let mut best: Option<Run> = None;
        let mut refused = None;
        let mut share = 1.0;
        loop {
            let mut run = self.run(way, size, Rate::Share(share))?;
            if !self.simulated && !run.is_lossless() {
                // A scheduler's whim is not the instrument's limit; what happens twice is.
                run = self.run(way, size, Rate::Share(share))?;
            }
            if run.is_lossless() {
                held = share;
                best = Some(run);
            } else {
                refused = run.rates().map(|(asked, _)| asked);
                too_high = share;
            }
            if held >= 1.0 || too_high < 0.001 || too_high - held <= PRECISION * too_high {
                break;
            }
            // Down by the scale first: the rate may be far below line rate.
            share = if held == 0.0 {
                too_high / 4.0
            } else {
                (held + too_high) / 2.0
            };
        }
        let frame_bytes = best.as_ref().map_or(u64::from(size), Run::frame_bytes);
        let rate_bps = best.as_ref().and_then(Run::rates).map(|(asked, _)| whole(asked));
        Ok(CalibratedRate {
            payload_bytes: size,
            frame_bytes,
            rate_bps,
            frames_per_second: rate_bps.map(|rate| rate / (8 * (frame_bytes + WIRE_OVERHEAD))),
            too_high_bps: refused.map(whole),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are between 0 and 10^13"
)]
fn whole(rate: f64) -> u64 {
    rate.max(0.0) as u64
}

/// The pattern of one measurement: messages of one frame each, for so long, or [`SIMULATED`] of them.
fn text(way: Way, size: u32, rate: Rate, seconds: Option<f64>) -> String {
    let pmtu = [256, 512, 1024, 2048, 4096]
        .into_iter()
        .find(|pmtu| *pmtu >= size)
        .unwrap_or(4096);
    let rate = match rate {
        Rate::PerSecond(frames) => format!("{frames}/s"),
        Rate::Wire(rate) => format!("{}bps", rate.0),
        Rate::Share(share) => format!("{:.6}%", share * 100.0),
    };
    let (count, duration) = match seconds {
        Some(seconds) => (
            "unlimited".to_owned(),
            format!("duration: {}us\n", whole(seconds * 1e6).max(1000)),
        ),
        None => (SIMULATED.to_string(), String::new()),
    };
    format!(
        "{duration}frame: {{pmtu: {pmtu}}}\ntraffic:\n- {{name: frames, kind: transfer, from: {}, to: {}, message: {size}B, \
         count: {count}, rate: {rate}}}\n",
        way.from, way.to
    )
}

fn of_latency(run: &Run, size: u32) -> Result<CalibratedLatency, CalibrateError> {
    let lost = || CalibrateError::NoWay("nothing was measured".to_owned());
    let entry = run.entry().ok_or_else(lost)?;
    let port = |ports: &[String]| ports.first().cloned().unwrap_or_default();
    let (from, to) = (port(&entry.tx_ports), port(&entry.rx_ports));
    let Some(times) = &entry.packet_latency else {
        return Err(CalibrateError::NoWay(match &entry.times_refused {
            Some(why) => why.clone(),
            None => format!(
                "nothing that port {from} sent came to port {to}: calibrate wants ports back to back, or one that is looped \
                 (`loopback: true`)"
            ),
        }));
    };
    Ok(CalibratedLatency {
        from,
        to,
        payload_bytes: size,
        frame_bytes: run.frame_bytes(),
        frames: times.count,
        source: times.source,
        uncertainty_ps: times.uncertainty_ps,
        floor_ps: times.min,
        p50_ps: times.p50,
        p99_ps: times.p99,
        max_ps: times.max,
        jitter_ps: times.p99.saturating_sub(times.min),
    })
}

fn of_pacing(run: &Run, size: u32, percent: u32) -> Option<CalibratedPacing> {
    let (asked, sent) = run.rates()?;
    let pacing = run.entry()?.pacing.as_ref()?;
    let lateness = pacing.lateness.as_ref();
    let at = |of: fn(&Distribution) -> u64| lateness.map(of);
    Some(CalibratedPacing {
        percent,
        payload_bytes: size,
        requested_bps: whole(asked),
        achieved_bps: whole(sent),
        error_ppm: (pacing.rate_error_percent? * 1e5).round() / 10.0,
        lateness_p50_ps: at(|times| times.p50),
        lateness_p99_ps: at(|times| times.p99),
    })
}

fn budget(
    measured_at: &str,
    testbed_sha256: &str,
    latency: &[CalibratedLatency],
    lossless: &[CalibratedRate],
    pacing: &[CalibratedPacing],
) -> Budget {
    let jitter_ps = latency.iter().map(|one| one.jitter_ps).max().unwrap_or(0);
    // One that is not known is not known of all.
    let uncertainty_ps = latency
        .iter()
        .map(|one| one.uncertainty_ps)
        .collect::<Option<Vec<u64>>>();
    let uncertainty_ps = uncertainty_ps.and_then(|all| all.into_iter().max());
    Budget {
        measured_at: measured_at.to_owned(),
        testbed_sha256: testbed_sha256.to_owned(),
        floor_ps: latency.iter().map(|one| one.floor_ps).min().unwrap_or(0),
        jitter_ps,
        uncertainty_ps,
        resolution_ps: jitter_ps.max(uncertainty_ps.unwrap_or(0)),
        pacing_error_ppm: pacing.iter().map(|one| one.error_ppm.abs()).reduce(f64::max),
        lossless: lossless.to_vec(),
    }
}

#[cfg(test)]
mod tests;
