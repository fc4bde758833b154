//! What the instrument adds of its own: the error budget of a testbed.

use serde::{Deserialize, Serialize};

use super::{Environment, TimeSources};

/// The schema of a calibration's file.
pub const CALIBRATION_SCHEMA: &str = "squall.calibration/1";

/// What `squall calibrate` has measured port to port on a testbed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// [`CALIBRATION_SCHEMA`].
    pub schema: String,
    /// The testbed's name.
    pub testbed: String,
    /// SHA-256 of the testbed it is of, overrides included, without its `calibration`.
    pub testbed_sha256: String,
    /// Wall-clock time of its beginning, RFC 3339 in UTC.
    pub measured_at: String,
    /// On what it was measured.
    pub environment: Environment,
    /// Delay of single frames at a low rate, for each pair of ports and each size.
    pub latency: Vec<CalibratedLatency>,
    /// Highest rate at which nothing was lost, of the first pair, for each size.
    pub lossless: Vec<CalibratedRate>,
    /// Rate asked for and rate sent, of the first pair, at shares of the lossless one.
    pub pacing: Vec<CalibratedPacing>,
    /// What follows from these.
    pub budget: Budget,
}

/// The error budget in short, as reports quote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Wall-clock time of the calibration, RFC 3339 in UTC.
    pub measured_at: String,
    /// SHA-256 of the testbed it is of.
    pub testbed_sha256: String,
    /// Least delay of any frame: no delay of this testbed can be told to be less.
    pub floor_ps: u64,
    /// Greatest distance from least to 99th percentile, over pairs and sizes.
    pub jitter_ps: u64,
    /// Greatest uncertainty of a single time, over pairs and sizes; none where nobody knows.
    pub uncertainty_ps: Option<u64>,
    /// What the instrument tells apart: the greater of `jitter_ps` and `uncertainty_ps`.
    pub resolution_ps: u64,
    /// Greatest difference of the rate sent from the rate asked for, in millionths of the latter.
    pub pacing_error_ppm: Option<f64>,
    /// Highest rate at which nothing was lost, for each size.
    pub lossless: Vec<CalibratedRate>,
}

/// Delay of single frames from one port to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratedLatency {
    /// Sending port.
    pub from: String,
    /// Receiving port.
    pub to: String,
    /// Payload of a frame.
    pub payload_bytes: u32,
    /// Bytes of a frame without FCS.
    pub frame_bytes: u64,
    /// Frames.
    pub frames: u64,
    /// What their times rest on.
    pub source: TimeSources,
    /// How far each may be off.
    pub uncertainty_ps: Option<u64>,
    /// Least delay.
    pub floor_ps: u64,
    /// Median.
    pub p50_ps: u64,
    /// 99th percentile.
    pub p99_ps: u64,
    /// Greatest.
    pub max_ps: u64,
    /// 99th percentile less the least.
    pub jitter_ps: u64,
}

/// Highest rate at which nothing was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratedRate {
    /// Payload of a frame.
    pub payload_bytes: u32,
    /// Bytes of a frame without FCS.
    pub frame_bytes: u64,
    /// Wire rate; none when frames were lost at every rate that was tried.
    pub rate_bps: Option<u64>,
    /// Frames a second at that rate.
    pub frames_per_second: Option<u64>,
    /// Least rate that was too high; none when line rate was not.
    pub too_high_bps: Option<u64>,
}

/// How exactly a rate was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratedPacing {
    /// Share of the highest lossless rate that was asked for, in percent.
    pub percent: u32,
    /// Payload of a frame.
    pub payload_bytes: u32,
    /// Wire rate asked for.
    pub requested_bps: u64,
    /// Wire rate sent.
    pub achieved_bps: u64,
    /// The difference, in millionths of the rate asked for.
    pub error_ppm: f64,
    /// Median of departure less planned departure.
    pub lateness_p50_ps: Option<u64>,
    /// 99th percentile.
    pub lateness_p99_ps: Option<u64>,
}
