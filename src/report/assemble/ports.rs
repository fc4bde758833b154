//! What a port has done, as reported.
//!
//! Contract: see the folder's.
//!
//! Left out on purpose: traffic entries.

use super::{rate_within, received, times, wire_bits};
use crate::dpdk::{PfcCounters, pfc_counters};
use crate::engine::inject::Origin;
use crate::engine::lab::{self, Reaction};
use crate::engine::outcome::{Outcome, PortOutcome};
use crate::measure::PortRecord;
use crate::plan::Plan;
use crate::plan::summary::Summary;
use crate::report::model::{
    Gateway, PacedBy, PfcReaction, PfcSource, Port, PortNeighbours, PortPfc, PortRx, PortStats, PortTx,
};
use crate::units::Picos;

pub(super) fn port(plan: &Plan, summary: &Summary, outcome: &Outcome, index: usize, port: &PortOutcome) -> Port {
    let planned = &plan.ports[index];
    let recorder = outcome.received.as_ref().filter(|_| planned.receive);
    let record = recorder.map(|recorder| recorder.ports()[index]);
    let sending = sending_time(plan, outcome, |lane_port| lane_port == index);
    let (frames, bytes) = port.accepted();
    let rx = record.unwrap_or_default();
    let arrivals = received(outcome).fold((Picos::MAX, Picos::ZERO), |(first, last), entry| {
        (first.min(entry.first_arrival), last.max(entry.last_arrival))
    });
    Port {
        name: planned.name.clone(),
        driver: port.info.driver.clone(),
        device: port.info.name.clone(),
        speed_bps: Some(planned.speed.0),
        workers: summary.ports[index].workers,
        timestamps: times::of_port(outcome, port),
        clock: times::clock(port),
        tx_spread: times::bursts(&port.times.tx_spread),
        rx_spread: times::bursts(&port.times.rx_spread),
        tx: PortTx {
            frames,
            bytes,
            unsent: port.unsent,
            offered_bps: Some(summary.ports[index].offered_tx),
            achieved_bps: rate_within((port.tx.frames, 1), wire_bits(port.tx.frames, port.tx.bytes), sending),
            paced_by: Some(match port.paced_by {
                lab::PacedBy::Software => PacedBy::Software,
                lab::PacedBy::Nic => PacedBy::Nic,
                lab::PacedBy::Fabric => PacedBy::Fabric,
            }),
            untimed: port.tx.untimed,
        },
        rx: PortRx {
            frames: rx.frames,
            bytes: rx.bytes,
            misdelivered: rx.misdelivered,
            unknown: rx.unknown,
            strangers: rx.strangers,
            malformed: rx.malformed,
            cnp: rx.cnp,
            answers: rx.answers,
            bad_answers: rx.bad_answers,
            read_requests: rx.read_requests,
            other: rx.other,
            achieved_bps: rate_within(
                (rx.frames, 1),
                wire_bits(rx.frames, rx.bytes),
                arrivals.1.saturating_sub(arrivals.0),
            )
            .filter(|_| !times::any_refused(outcome)),
        },
        neighbours: neighbours(plan, outcome, index, port),
        stats: port.stats.as_ref().map(|stats| PortStats {
            ipackets: stats.rx_packets,
            opackets: stats.tx_packets,
            ibytes: stats.rx_bytes,
            obytes: stats.tx_bytes,
            imissed: stats.rx_missed,
            ierrors: stats.rx_errors,
            oerrors: stats.tx_errors,
            rx_nombuf: stats.rx_no_buffer,
        }),
        xstats: port.xstats.iter().filter(|(_, value)| *value != 0).cloned().collect(),
        pfc: pfc(outcome, port, record),
    }
}

/// PFC and PAUSE frames of a port. Where its MAC consumes those that come, none seen is not none
/// received: then the driver's counters say how many, if it has them.
fn pfc(outcome: &Outcome, port: &PortOutcome, record: Option<PortRecord>) -> PortPfc {
    let seen = record.filter(|record| port.info.is_virtual() || record.pfc_frames + record.pause_frames > 0);
    let counters = pfc_counters(&port.info.driver, &port.xstats);
    let PfcCounters {
        received,
        sent,
        paused_us,
    } = counters;
    let picos = |micros: [u64; 8]| micros.map(|time| time.saturating_mul(1_000_000));
    PortPfc {
        sent_per_class: port.tx.pfc,
        pause_sent: port.tx.pause,
        received_per_class: seen.map(|record| record.pfc).or(received),
        pause_received: seen.map(|record| record.pause_frames),
        paused_ps_per_class: seen
            .filter(|_| port.times.refused().is_none())
            .map(|record| record.paused.map(|meter| meter.total(outcome.elapsed).0))
            .or(paused_us.map(picos)),
        received_source: seen.map(|_| PfcSource::Frames).or(received.map(|_| PfcSource::Xstats)),
        mac_sent_per_class: sent,
        reaction: Some(match port.reaction {
            Reaction::None => PfcReaction::None,
            Reaction::Software => PfcReaction::Software,
            Reaction::Nic(_) => PfcReaction::Nic,
            Reaction::Fabric => PfcReaction::Fabric,
        }),
    }
}

/// How long the entries that send through ports of which `mine` says yes were sending.
fn sending_time(plan: &Plan, outcome: &Outcome, mine: impl Fn(usize) -> bool) -> Picos {
    let spans = plan.entries.iter().enumerate().filter(|(_, entry)| {
        entry
            .lanes
            .iter()
            .any(|lane| mine(plan.workers[lane.worker as usize].port))
    });
    let (first, last) = spans.fold((Picos::MAX, Picos::ZERO), |(first, last), (index, _)| {
        let (start, end) = outcome.departures[index];
        if start > end {
            (first, last)
        } else {
            (first.min(start), last.max(end))
        }
    });
    last.saturating_sub(first)
}

/// What a port said to its neighbours, and what it knows of them.
fn neighbours(plan: &Plan, outcome: &Outcome, index: usize, port: &PortOutcome) -> PortNeighbours {
    let (said, beside) = (&port.answers, &port.tx.injected);
    let gateways = plan.ports[index].neighbours.iter().map(|known| Gateway {
        address: known.address.to_string(),
        vlan: known.tags.vid(),
        mac: known.mac.to_string(),
    });
    let asked = outcome.received.iter().flat_map(|recorder| recorder.asked().requests());
    let here = asked.filter(|(worker, _)| plan.workers[**worker as usize].port == index);
    PortNeighbours {
        gateways: gateways.collect(),
        announcements: beside.of(Origin::Announcement),
        asked: here.map(|(_, requests)| requests).sum(),
        arp_replies: said.arp,
        advertisements: said.discovery,
        echo_replies: said.echo,
        withheld: said.withheld + beside.refused[Origin::Neighbour as usize],
        too_long: said.too_long,
    }
}
