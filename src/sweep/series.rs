//! How a sampled run went: the samples of the first finished trial of each point, as lines of a chart.
//!
//! Contract: a sample stands at the middle of its interval; where a run was killed and gone on with, its
//! parts stand one after another. Of very many samples only so many are kept that a chart can show.
//!
//! Left out on purpose: trends (`report::soak`).

use std::path::Path;

use crate::expect::known;
use crate::report::model::{Sample, SampledTimes};
use crate::report::samples::{self, SamplesError};

/// Points of a line that a chart can show.
const MOST: usize = 1000;

/// What a sample's figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampled {
    /// Payload received per second, of each entry, GB/s.
    Goodput,
    /// P99 of message latency, of each entry, us.
    Latency,
    /// P99 of dispatches, us.
    Rounds,
    /// Share of frames with CE, of each entry, %.
    Ce,
    /// Wire rate received over line rate, of the busiest port, %.
    Utilization,
    /// PFC frames received, all ports together.
    Pfc,
    /// Packet buffers in use.
    Buffers,
}

impl Sampled {
    /// The words for them.
    pub const WORDS: &'static [(&'static str, Sampled)] = &[
        ("goodput", Sampled::Goodput),
        ("KV_xfer_latency.p99", Sampled::Latency),
        ("EP_alltoall_latency.p99", Sampled::Rounds),
        (known::ECN_MARKING_RATE.name, Sampled::Ce),
        (known::LINK_UTILIZATION.name, Sampled::Utilization),
        (known::PFC_FRAME_COUNT.name, Sampled::Pfc),
        ("buffers", Sampled::Buffers),
    ];

    /// Its title in charts, and its unit.
    #[must_use]
    pub fn shown(self) -> (&'static str, &'static str) {
        match self {
            Sampled::Goodput => (known::FABRIC_GOODPUT.name, "GB/s"),
            Sampled::Latency => ("KV_xfer_latency.p99", "us"),
            Sampled::Rounds => ("EP_alltoall_latency.p99", "us"),
            Sampled::Ce => (known::ECN_MARKING_RATE.name, "%"),
            Sampled::Utilization => ("Link_utilization of the busiest port", "%"),
            Sampled::Pfc => (known::PFC_FRAME_COUNT.name, "frames"),
            Sampled::Buffers => ("packet buffers in use", "1"),
        }
    }

    /// The values of a sample, by what they are of.
    fn values(self, sample: &Sample) -> Vec<(&str, f64)> {
        let of_entries = |pick: &dyn Fn(&crate::report::model::SampledReceived) -> Option<f64>| {
            let entries = sample.traffic.iter();
            let found = entries.filter_map(|entry| Some((entry.name.as_str(), pick(entry.received.as_ref()?)?)));
            found.collect()
        };
        let micros = |times: Option<SampledTimes>| times.map(|times| float(times.p99_ps) / 1e6);
        match self {
            Sampled::Goodput => of_entries(&|received| received.goodput_bps.map(|bps| float(bps) / 8e9)),
            // A dispatch's messages are no KV transfers.
            Sampled::Latency => of_entries(&|received| match received.round_time {
                None => micros(received.message_latency),
                Some(_) => None,
            }),
            Sampled::Rounds => of_entries(&|received| micros(received.round_time)),
            Sampled::Ce => of_entries(&|received| received.ce_percent),
            Sampled::Utilization => {
                let rates = sample
                    .ports
                    .iter()
                    .filter_map(|port| port.rx.as_ref()?.utilization_percent);
                rates.reduce(f64::max).map(|value| ("", value)).into_iter().collect()
            }
            Sampled::Pfc => {
                let frames: Option<u64> = sample
                    .ports
                    .iter()
                    .filter_map(|port| port.pfc_frames)
                    .reduce(|a, b| a + b);
                frames.map(|frames| ("", float(frames))).into_iter().collect()
            }
            Sampled::Buffers => vec![("", float(sample.buffers_in_use))],
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and times into a chart")]
fn float(value: u64) -> f64 {
    value as f64
}

/// A line: what it is of, and its points: time in picoseconds, value.
pub type Line = (String, Vec<(f64, f64)>);

/// The lines of one figure over the samples in `file`.
///
/// # Errors
/// A file that is no file of samples.
pub fn lines(file: &Path, figure: Sampled) -> Result<Vec<Line>, SamplesError> {
    let mut count = 0_usize;
    samples::each(file, |_, _| count += 1)?;
    let every = count.div_ceil(MOST).max(1);
    let mut lines: Vec<Line> = Vec::new();
    let (mut number, mut before, mut segment, mut end) = (0_usize, 0.0, 0, 0.0);
    samples::each(file, |_, sample| {
        if sample.segment != segment {
            (segment, before) = (sample.segment, before + end);
        }
        end = float(sample.to_ps);
        let keep = number % every == 0;
        number += 1;
        if !keep || !sample.whole {
            return;
        }
        let time = before + (float(sample.from_ps) + float(sample.to_ps)) / 2.0;
        for (name, value) in figure.values(&sample) {
            match lines.iter_mut().find(|(known, _)| known == name) {
                Some((_, points)) => points.push((time, value)),
                None => lines.push((name.to_owned(), vec![(time, value)])),
            }
        }
    })?;
    Ok(lines)
}
