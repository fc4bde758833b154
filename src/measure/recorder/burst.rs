//! Packets that are what was expected, a run of them at a time.
//!
//! Contract: [`Recorder::burst`] leaves what [`Recorder::frame`] leaves of the same frames, to the bit. A packet that
//! continues its QP and its message is noted in its flow; what its entry, its pair and its port count of it is added up for
//! a run of packets that are alike, and written down when the run ends. Every other frame ends a run and goes to
//! `Recorder::frame`.
//!
//! Left out on purpose: reliable connections, peers, and packets with CE.

use super::{Ends, Recorder};
use crate::measure::trace::{Kind, Observation};
use crate::neighbour::Heard;
use crate::units::Picos;
use crate::wire::icrc;
use crate::wire::packet::Plain;

/// What packets of one run have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alike {
    entry: u16,
    ecn: u8,
    pair: u32,
    frame_len: u32,
    payload_len: u32,
}

/// A run of packets, and what they add up to.
#[derive(Debug, Clone, Copy)]
struct Run {
    alike: Alike,
    packets: u64,
    icrc_checked: u64,
    time_travel: u64,
    first_arrival: Picos,
    last_arrival: Picos,
    first_departure: Picos,
    /// The pair's latest arrival, those before the run included.
    pair_arrival: Picos,
}

impl Recorder {
    /// Records frames that came to `port`, each with its arrival; `hear` is told what frames say about neighbours.
    #[inline]
    pub fn burst<'a>(
        &mut self,
        port: usize,
        frames: impl Iterator<Item = (&'a [u8], Picos)>,
        mut hear: impl FnMut(Picos, Heard<'a>),
    ) {
        let mut run: Option<Run> = None;
        for (bytes, arrival) in frames {
            if self.expected(port, bytes, arrival, &mut run) {
                continue;
            }
            self.end_run(port, &mut run);
            if let Some(heard) = self.frame(port, bytes, arrival) {
                hear(arrival, heard);
            }
        }
        self.end_run(port, &mut run);
    }

    /// Takes a packet that continues its QP and its message; `false` where it is anything else, and nothing is noted then.
    #[inline(always)]
    fn expected(&mut self, port: usize, bytes: &[u8], arrival: Picos, run: &mut Option<Run>) -> bool {
        let Some(packet) = Plain::of(bytes, self.magic) else {
            return false;
        };
        let Some(flow_number) = self.flow_of(packet.dest_qp()) else {
            return false;
        };
        let Some(flow) = self.flows.get_mut(flow_number as usize) else {
            return false;
        };
        let stamp = &packet.stamp;
        let ecn = packet.ecn();
        let alike = Alike {
            entry: flow.entry,
            ecn,
            pair: flow.pair,
            #[expect(clippy::cast_possible_truncation, reason = "an IP packet and its Ethernet header")]
            frame_len: bytes.len().min(u32::MAX as usize) as u32,
            #[expect(clippy::cast_possible_truncation, reason = "less than an IP packet")]
            payload_len: packet.payload_len() as u32,
        };
        let is_expected = usize::from(flow.port) == port
            && ecn != 3
            && flow.expected() == stamp.seq
            && flow.is_under_way(stamp.number)
            && self
                .facts
                .get(usize::from(flow.entry))
                .is_some_and(|facts| facts.ends == Ends::Ours)
            && !self
                .answering
                .as_ref()
                .is_some_and(|all| all.has(usize::from(flow.entry)));
        if !is_expected {
            return false;
        }
        if self.icrc_is_due() && !self.routine.unwrap_or(icrc::is_right)(packet.l3()) {
            return false;
        }
        let checked = self.icrc_turn();
        let is_same = run.as_ref().is_some_and(|run| run.alike == alike);
        if !is_same {
            self.end_run(port, run);
            let Some(pair) = self.pairs.get(alike.pair as usize) else {
                return false;
            };
            *run = Some(Run {
                alike,
                packets: 0,
                icrc_checked: 0,
                time_travel: 0,
                first_arrival: Picos::MAX,
                last_arrival: Picos::ZERO,
                first_departure: Picos::MAX,
                pair_arrival: pair.last_arrival,
            });
        }
        let Some(run) = run else { return false };
        self.note(flow_number, &packet, alike, arrival);
        run.packets += 1;
        run.icrc_checked += u64::from(checked);
        run.time_travel += u64::from(arrival < stamp.departure);
        if run.pair_arrival > Picos::ZERO {
            self.gap(port, alike, run.pair_arrival, arrival);
        }
        run.pair_arrival = run.pair_arrival.max(arrival);
        run.first_arrival = run.first_arrival.min(arrival);
        run.last_arrival = run.last_arrival.max(arrival);
        run.first_departure = run.first_departure.min(stamp.departure);
        true
    }

    /// Notes a packet in its flow, its delay, and what is seen of single frames.
    #[inline(always)]
    fn note(&mut self, flow_number: u32, packet: &Plain<'_>, alike: Alike, arrival: Picos) {
        let stamp = &packet.stamp;
        let class = self.classes.of_data(packet.dest_qp(), packet.dscp());
        let Some(flow) = self.flows.get_mut(flow_number as usize) else {
            return;
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "low bits of a sequence number; lengths in range"
        )]
        self.trace.push(Observation {
            departure: stamp.departure,
            arrival,
            flow: flow_number,
            seq: stamp.seq as u32,
            port: flow.port,
            len: alike.frame_len.min(u32::from(u16::MAX)) as u16,
            class,
            ecn: alike.ecn,
            kind: Kind::First,
        });
        flow.continues(stamp.number, u64::from(alike.payload_len), arrival);
        if let Some(rates) = &mut self.rates {
            rates.see(alike.pair, arrival, u64::from(alike.payload_len));
        }
        let delay = arrival.saturating_sub(stamp.departure).0;
        if let Some(entry) = self.entries.get_mut(usize::from(alike.entry)) {
            entry.latency.see(delay);
        }
        if let Some(latency) = self.flow_latency.get_mut(flow_number as usize) {
            latency.see(delay);
        }
    }

    /// Notes the time without an arrival of a pair, whose latest one was `before`.
    #[inline(always)]
    fn gap(&mut self, port: usize, alike: Alike, before: Picos, arrival: Picos) {
        let gap = arrival.saturating_sub(before);
        if self.stamped.get(port) == Some(&true)
            && let Some(entry) = self.entries.get_mut(usize::from(alike.entry))
        {
            entry.arrival_gaps.see(gap.0);
        }
        if gap > Picos::ZERO
            && let Some(pair) = self.pairs.get_mut(alike.pair as usize)
            && gap > pair.longest_gap
        {
            (pair.longest_gap, pair.gap_began) = (gap, before);
        }
    }

    /// Writes down what a run adds up to.
    #[inline]
    fn end_run(&mut self, port: usize, run: &mut Option<Run>) {
        let Some(run) = run.take() else { return };
        let Alike {
            entry,
            ecn,
            pair,
            frame_len,
            payload_len,
        } = run.alike;
        let frame_bytes = run.packets * u64::from(frame_len);
        let payload_bytes = run.packets * u64::from(payload_len);
        if let Some(record) = self.ports.get_mut(port) {
            record.frames += run.packets;
            record.bytes += frame_bytes;
        }
        if let Some(entry) = self.entries.get_mut(usize::from(entry)) {
            entry.packets += run.packets;
            entry.payload_bytes += payload_bytes;
            entry.frame_bytes += frame_bytes;
            entry.icrc_checked += run.icrc_checked;
            entry.time_travel += run.time_travel;
            entry.ecn[usize::from(ecn & 3)] += run.packets;
            entry.first_arrival = entry.first_arrival.min(run.first_arrival);
            entry.last_arrival = entry.last_arrival.max(run.last_arrival);
            entry.first_departure = entry.first_departure.min(run.first_departure);
        }
        if let Some(pair) = self.pairs.get_mut(pair as usize) {
            pair.payload_bytes += payload_bytes;
            pair.first_arrival = pair.first_arrival.min(run.first_arrival);
            pair.last_arrival = run.pair_arrival;
            pair.first_departure = pair.first_departure.min(run.first_departure);
        }
    }
}
