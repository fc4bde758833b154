//! One sample as reported.
//!
//! Contract: see the folder's; in virtual time everything but `process` follows from the inputs alone.
//!
//! Left out on purpose: the trend of many (`report::soak`).

use hdrhistogram::Histogram;

use super::{Inputs, per_second, wire_bits};
use crate::dpdk::PortStats;
use crate::engine::sample::Sampled;
use crate::measure::tally::EntryTally;
use crate::plan::{Plan, PortPlan};
use crate::report::model::{
    Clock, SAMPLES_SCHEMA, Sample, SampleHeader, SampledDriver, SampledLink, SampledName, SampledPort, SampledProcess,
    SampledRate, SampledReceived, SampledRequester, SampledTimes, SampledTraffic,
};
use crate::transport::reliable::Counts;
use crate::units::Picos;

/// The first line of a run's samples; `None` where it is not sampled.
#[must_use]
pub fn header(inputs: &Inputs<'_>, plan: &Plan, clock: Clock) -> Option<SampleHeader> {
    Some(SampleHeader {
        schema: SAMPLES_SCHEMA.to_owned(),
        name: inputs.pattern.name.clone(),
        pattern_sha256: inputs.pattern_source.1.clone(),
        seed: plan.seed,
        clock,
        interval_ps: plan.sample?.0,
        planned_duration_ps: plan.summary().length.map(|length| length.0),
        traffic: plan
            .entries
            .iter()
            .map(|entry| SampledName {
                name: entry.name.clone(),
                kind: entry.kind.to_owned(),
            })
            .collect(),
        ports: plan
            .ports
            .iter()
            .map(|port| SampledLink {
                name: port.name.clone(),
                speed_bps: port.speed.0,
            })
            .collect(),
    })
}

fn requester(counts: &Counts) -> SampledRequester {
    SampledRequester {
        resent_frames: counts.resent_packets,
        acknowledged_messages: counts.messages,
        naks: counts.naks + counts.rnr_naks + counts.errors,
        timeouts: counts.timeouts,
        cnps: counts.cnps,
        rate_cuts: counts.cuts,
    }
}

/// A sample, with what the machine says of it. `before`: samples and segments that came before this run.
#[must_use]
pub fn sample(plan: &Plan, sampled: &Sampled, before: (u64, u32), process: SampledProcess) -> Sample {
    let length = sampled.to.saturating_sub(sampled.from);
    let received = sampled.received.as_ref();
    Sample {
        index: before.0 + sampled.index,
        segment: before.1,
        from_ps: sampled.from.0,
        to_ps: sampled.to.0,
        whole: sampled.whole,
        last: sampled.last,
        traffic: plan
            .entries
            .iter()
            .zip(&sampled.sent)
            .enumerate()
            .map(|(index, (entry, sent))| {
                let listening = entry
                    .pairs
                    .iter()
                    .all(|pair| plan.ports[plan.arrival_port(*pair)].receive)
                    && !entry.is_to_peer();
                let tally = received.and_then(|tally| tally.entries.get(index));
                SampledTraffic {
                    name: entry.name.clone(),
                    sent_frames: sent.packets,
                    sent_payload_bytes: sent.payload_bytes,
                    sent_messages: sent.messages,
                    received: tally
                        .filter(|_| listening && !entry.pairs.is_empty())
                        .map(|tally| of_entry(tally, length)),
                    requester: entry
                        .transport
                        .rc()
                        .and_then(|_| sampled.requesters.get(index))
                        .map(requester),
                }
            })
            .collect(),
        ports: (plan.ports.iter().zip(&sampled.tx).enumerate())
            .map(|(index, (port, (frames, bytes)))| {
                let came = received.and_then(|tally| tally.ports.get(index));
                let came = came.filter(|_| port.receive);
                SampledPort {
                    name: port.name.clone(),
                    tx: rate(port, *frames, *bytes, length),
                    rx: came.map(|came| rate(port, came.frames, came.bytes, length)),
                    pfc_frames: came.map(|came| came.pfc_frames),
                    pause_frames: came.map(|came| came.pause_frames),
                    paused_ps: came.map(|came| came.paused.0),
                    driver: sampled.stats.get(index).copied().flatten().as_ref().map(driver),
                }
            })
            .collect(),
        buffers_in_use: sampled.buffers,
        process,
    }
}

fn of_entry(tally: &EntryTally, length: Picos) -> SampledReceived {
    let [_, ect1, ect0, ce] = tally.ecn;
    let capable = ect1 + ect0 + ce;
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = (capable > 0).then(|| 100.0 * ce as f64 / capable as f64);
    SampledReceived {
        frames: tally.packets,
        payload_bytes: tally.payload_bytes,
        goodput_bps: per_second(tally.payload_bytes.saturating_mul(8), length),
        messages: tally.messages,
        ce,
        ce_percent: share,
        duplicated: tally.duplicated,
        reordered: tally.reordered,
        icrc_errors: tally.icrc_errors,
        packet_latency: times(&tally.latency),
        message_latency: times(&tally.message_latency),
        round_time: times(&tally.group_completion),
    }
}

fn times(histogram: &Histogram<u64>) -> Option<SampledTimes> {
    (!histogram.is_empty()).then(|| SampledTimes {
        count: histogram.len(),
        p50_ps: histogram.value_at_quantile(0.5),
        p99_ps: histogram.value_at_quantile(0.99),
        max_ps: histogram.max(),
    })
}

fn rate(port: &PortPlan, frames: u64, bytes: u64, length: Picos) -> SampledRate {
    let bps = per_second(wire_bits(frames, bytes), length);
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = |bps: u64| 100.0 * bps as f64 / port.speed.0 as f64;
    SampledRate {
        frames,
        bytes,
        wire_rate_bps: bps,
        utilization_percent: bps.filter(|_| port.speed.0 > 0).map(share),
    }
}

fn driver(stats: &PortStats) -> SampledDriver {
    SampledDriver {
        imissed: stats.rx_missed,
        ierrors: stats.rx_errors,
        oerrors: stats.tx_errors,
        rx_nombuf: stats.rx_no_buffer,
    }
}
