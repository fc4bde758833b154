//! One core's analysis of the frames it receives.
//!
//! Contract: see the folder's. [`Recorder::frame`] is the hot path: the destination QPN indexes the
//! flow table, no frame asks for memory of its own, and no field is believed before it is in range.
//!
//! Left out on purpose: bursts and clocks. The arrival time is an argument.

mod burst;
mod icrc;
mod message;
mod told;

use std::collections::BTreeMap;

use crate::measure::answering::{Answering, Arrived};
use crate::measure::asked::Asked;
use crate::measure::flow::{Place, RxFlow, Seen};
use crate::measure::pause::{PauseLog, PauseOrder, ReceivedPause, pause_time};
use crate::measure::rates::Rates;
use crate::measure::record::{EntryRecord, FirstMark, Outage, PairRecord, PortRecord, Times};
use crate::measure::trace::{Kind, Observation, Trace};
use crate::neighbour::Heard;
use crate::pattern::IcrcCheck;
use crate::plan::deal::Deal;
use crate::plan::feed::Work;
use crate::plan::{EntryPlan, Plan};
use crate::transport::reliable::Reply;
use crate::units::{BitRate, Picos, Psn};
use crate::wire::class::Classes;
use crate::wire::stamp::{self, Magic, Stamp};
use crate::wire::{Frame, Opcode, Packet, pause, pfc};

/// A message of a closed loop was received whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// Entry.
    pub entry: u16,
    /// Pair within the entry.
    pub pair: u32,
    /// QP within the pair.
    pub qp: u32,
    /// Message number.
    pub number: u32,
}

/// A contiguous range of destination QPNs.
#[derive(Debug, Clone, Copy)]
struct QpnRange {
    first: u32,
    count: u32,
    flow: u32,
}

/// What the recorder needs of an entry.
struct EntryFacts {
    first_psn: u64,
    first_flow: u32,
    deal: Deal,
    pmtu: u32,
    work: Work,
    closed_loop: bool,
    /// Its messages take receive work requests.
    receives: bool,
    /// Its messages are READs.
    reads: bool,
    /// Whether one of its ends is a peer.
    ends: Ends,
}

/// Whose the ends of an entry's connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Ours,
    /// A peer sends: its packets bear no stamps.
    FromPeer,
    /// A peer receives: only answers come back.
    ToPeer,
}

impl EntryFacts {
    /// Pair and QP within the entry.
    fn place_of(&self, flow: u32) -> (u32, u32) {
        self.deal.place_of(flow.saturating_sub(self.first_flow))
    }

    /// Number of the message that the packet `seq` of a flow belongs to.
    #[cold]
    fn number_of(&self, flow: u32, seq: u64) -> Option<u32> {
        let (pair, qp) = self.place_of(flow);
        let packet = seq.checked_sub(self.first_psn)?;
        let number = self.work.number_of(pair, self.deal, qp, self.pmtu, packet)?;
        #[expect(clippy::cast_possible_truncation, reason = "message numbers count modulo 2^32")]
        let number = number as u32;
        Some(number)
    }
}

/// One core's records.
pub struct Recorder {
    flows: Vec<RxFlow>,
    qpns: Vec<QpnRange>,
    /// Those are in ascending order, and none meets another.
    in_order: bool,
    facts: Vec<EntryFacts>,
    entries: Vec<EntryRecord>,
    pairs: Vec<PairRecord>,
    ports: Vec<PortRecord>,
    /// Line rate of each port: pause times count in its bit times.
    speeds: Vec<BitRate>,
    /// In which class the network has which frames.
    classes: Classes,
    trace: Trace,
    pauses: PauseLog,
    /// Frames with a wrong ICRC, by flow.
    corrupted: BTreeMap<u32, u64>,
    /// Frames that came to a port which is not their receiver's, by the receiver's port and this one.
    strays: BTreeMap<(u16, usize), u64>,
    /// Requests for workers' link-layer addresses.
    asked: Asked,
    /// Ports whose sending obeys what arrives.
    obeying: Vec<bool>,
    orders: Vec<PauseOrder>,
    /// Ports of which every frame has an arrival of its own.
    stamped: Vec<bool>,
    /// What stamps of this run begin with.
    magic: Magic,
    icrc: IcrcCheck,
    until_icrc: u32,
    /// Says whether an ICRC is right, faster than the packet itself; see [`Recorder::verify_by`].
    routine: Option<fn(&[u8]) -> bool>,
    completions: Vec<Completion>,
    /// The responders of reliable connections; `None` where all QPs are open.
    answering: Option<Box<Answering>>,
    /// Payload of pairs by windows, where the pattern asks for rates.
    rates: Option<Rates>,
    /// One-way delay of each flow, ps; empty when there are many flows.
    flow_latency: Vec<Times>,
    one_of_several: bool,
}

/// Plans of at most so many flows have the delay of each in a histogram of its own.
const FLOWS_WITH_LATENCY: u32 = 1024;

impl Recorder {
    /// A recorder for everything that `plan` may bring back.
    #[must_use]
    pub fn new(plan: &Plan, icrc: IcrcCheck) -> Recorder {
        Recorder::with_trace(plan, icrc, Trace::default())
    }

    /// The same, which keeps what it sees of single frames in `trace`: one that has served before
    /// spares the machine from finding that memory again.
    #[must_use]
    pub fn with_trace(plan: &Plan, icrc: IcrcCheck, mut trace: Trace) -> Recorder {
        trace.clear();
        let mut flows = Vec::with_capacity(plan.flows() as usize);
        let mut pair_number = 0;
        for (index, entry) in (0u16..).zip(&plan.entries) {
            for pair in &entry.pairs {
                let port = u16::try_from(plan.arrival_port(*pair)).unwrap_or(u16::MAX);
                for _ in 0..entry.qps {
                    let own = u32::try_from(flows.len()).unwrap_or(u32::MAX) - entry.first_flow;
                    let first = u64::from(entry.first_psn(own));
                    // What a peer says of PSNs before its first is no sequence number below zero.
                    let first = first
                        + if entry.is_requested_by_peer() {
                            u64::from(Psn::MODULUS)
                        } else {
                            0
                        };
                    flows.push(RxFlow::new(first, pair_number, index, port));
                }
                pair_number += 1;
            }
        }
        let range = |entry: &EntryPlan| QpnRange {
            first: entry.first_qpn,
            count: entry.flows(),
            flow: entry.first_flow,
        };
        let qpns: Vec<QpnRange> = plan.entries.iter().map(range).collect();
        let apart = |two: &[QpnRange]| {
            two[0]
                .first
                .checked_add(two[0].count)
                .is_some_and(|end| end <= two[1].first)
        };
        Recorder {
            flows,
            in_order: qpns.windows(2).all(apart),
            qpns,
            facts: plan
                .entries
                .iter()
                .map(|entry| EntryFacts {
                    first_psn: if entry.is_requested_by_peer() {
                        0
                    } else {
                        u64::from(entry.frame.first_psn.value())
                    },
                    first_flow: entry.first_flow,
                    deal: entry.deal(),
                    pmtu: entry.frame.pmtu,
                    work: entry.work.clone(),
                    // A reliable connection completes by acknowledgement.
                    closed_loop: entry.work.is_closed_loop() && entry.transport.rc().is_none(),
                    receives: entry.verb.takes_receive(),
                    reads: entry.verb.is_read(),
                    ends: match &entry.peer {
                        None => Ends::Ours,
                        Some(_) if entry.is_from_peer() => Ends::FromPeer,
                        Some(_) => Ends::ToPeer,
                    },
                })
                .collect(),
            entries: vec![EntryRecord::default(); plan.entries.len()],
            pairs: vec![PairRecord::default(); pair_number as usize],
            ports: vec![PortRecord::default(); plan.ports.len()],
            speeds: plan.ports.iter().map(|port| port.speed).collect(),
            classes: plan.classes.clone(),
            trace,
            pauses: PauseLog::default(),
            corrupted: BTreeMap::new(),
            strays: BTreeMap::new(),
            asked: Asked::new(plan),
            obeying: vec![false; plan.ports.len()],
            orders: Vec::new(),
            stamped: vec![false; plan.ports.len()],
            magic: plan.magic,
            icrc,
            until_icrc: 0,
            routine: None,
            completions: Vec::new(),
            answering: Answering::new(plan).map(Box::new),
            rates: Rates::new(plan),
            flow_latency: if plan.flows() <= FLOWS_WITH_LATENCY {
                vec![Times::coarse(); plan.flows() as usize]
            } else {
                Vec::new()
            },
            one_of_several: false,
        }
    }

    /// From now on, what PFC and PAUSE frames ask of `port` is told by [`Recorder::take_orders`].
    pub fn obey(&mut self, port: usize) {
        if let Some(obeying) = self.obeying.get_mut(port) {
            *obeying = true;
        }
    }

    /// Every frame of `port` has an arrival of its own, and not its burst's: gaps between them are kept.
    pub fn keep_gaps(&mut self, port: usize) {
        if let Some(stamped) = self.stamped.get_mut(port) {
            *stamped = true;
        }
    }

    /// What was asked of ports that obey, since the last call.
    #[inline]
    pub fn take_orders(&mut self) -> std::vec::Drain<'_, PauseOrder> {
        self.orders.drain(..)
    }

    fn order(&mut self, port: usize, arrival: Picos, classes: u8, times: [Picos; 8]) {
        if self.obeying[port] && classes != 0 {
            self.orders.push(PauseOrder {
                port,
                arrival,
                classes,
                times,
            });
        }
    }

    /// Records a frame that came to `port` at `arrival`. What it says about neighbours is given back, for whoever
    /// answers.
    #[inline]
    pub fn frame<'a>(&mut self, port: usize, bytes: &'a [u8], arrival: Picos) -> Option<Heard<'a>> {
        let record = self.ports.get_mut(port)?;
        record.frames += 1;
        record.bytes += bytes.len() as u64;
        match Frame::parse(bytes) {
            Ok(Frame::Roce(packet)) => self.packet(port, bytes.len(), &packet, arrival),
            Ok(Frame::MacControl(control)) => self.mac_control(port, control, arrival),
            Ok(Frame::Other) => return self.other(port, bytes),
            Err(_) => self.ports[port].malformed += 1,
        }
        None
    }

    #[cold]
    fn other<'a>(&mut self, port: usize, bytes: &'a [u8]) -> Option<Heard<'a>> {
        self.ports[port].other += 1;
        let heard = Heard::parse(bytes)?;
        self.asked.see(&heard);
        Some(heard)
    }

    #[cold]
    fn mac_control(&mut self, port: usize, body: &[u8], arrival: Picos) {
        let (record, speed) = (&mut self.ports[port], self.speeds[port]);
        if let Ok(pfc) = pfc::Repr::parse(body) {
            record.pfc_frames += 1;
            for (class, quanta) in pfc.quanta.iter().enumerate() {
                if pfc.class_enable >> class & 1 == 1 {
                    record.pfc[class] += 1;
                    record.paused[class].see(arrival, pause_time(*quanta, speed));
                }
            }
            // IEEE 802.3 annex 31D: the upper octet is reserved.
            let [_, classes] = pfc.class_enable.to_be_bytes();
            self.pauses.push(ReceivedPause {
                port: u16::try_from(port).unwrap_or(u16::MAX),
                classes,
                time: arrival,
                quanta: pfc.quanta,
            });
            self.order(
                port,
                arrival,
                classes,
                pfc.quanta.map(|quanta| pause_time(quanta, speed)),
            );
        } else if let Ok(pause) = pause::Repr::parse(body) {
            record.pause_frames += 1;
            let time = pause_time(pause.quanta, speed);
            record.halted.see(arrival, time);
            self.order(port, arrival, 0xff, [time; 8]);
        } else {
            record.other += 1;
        }
    }

    #[inline]
    fn flow_of(&self, qpn: u32) -> Option<u32> {
        if self.in_order {
            let at = self.qpns.partition_point(|range| range.first <= qpn).checked_sub(1)?;
            let range = self.qpns.get(at)?;
            let index = qpn - range.first;
            return (index < range.count).then_some(range.flow + index);
        }
        self.qpns
            .iter()
            .map(|range| (qpn.wrapping_sub(range.first), range))
            .find(|(index, range)| *index < range.count)
            .map(|(index, range)| range.flow + index)
    }

    /// Whether a packet with this opcode carries what a plan sends to a flow: SEND and WRITE over RC, or a READ's responses.
    #[inline]
    fn carries(&self, flow: u32, opcode: Opcode) -> bool {
        let entry = usize::from(self.flows[flow as usize].entry);
        match opcode.value() {
            0x00..=0x0b => !self.facts[entry].reads,
            0x0d..=0x10 => self.facts[entry].reads,
            _ => false,
        }
    }

    /// A packet that carries none of a plan's messages: an answer to one, or a stranger's.
    #[cold]
    fn reply(&mut self, port: usize, packet: &Packet<'_>) {
        let reply = match packet.opcode() {
            Opcode::Cnp => {
                self.ports[port].cnp += 1;
                Some(Reply::Cnp)
            }
            Opcode::RcAcknowledge => packet.aeth().map(|aeth| Reply::Acknowledge {
                meaning: aeth.meaning(),
                psn: packet.psn(),
            }),
            _ => None,
        };
        let flow = self.flow_of(packet.dest_qp());
        let record = &mut self.ports[port];
        match (reply, flow, &mut self.answering) {
            (Some(_), Some(_), Some(_)) if !packet.verify_icrc() => record.bad_answers += 1,
            (None, Some(flow), Some(answering)) if packet.opcode() == Opcode::RcRdmaReadRequest => {
                let of = &self.flows[flow as usize];
                let facts = &self.facts[usize::from(of.entry)];
                if !packet.verify_icrc() {
                    record.bad_answers += 1;
                } else if let Some(asked) = packet.reth()
                    && answering.on_read(
                        (usize::from(of.entry), flow, of.pair),
                        port,
                        (packet.psn(), asked),
                        // A peer asks for whatever it likes.
                        |seq| (facts.ends == Ends::Ours).then(|| facts.number_of(flow, seq))?,
                    )
                {
                    record.read_requests += 1;
                } else {
                    record.unknown += 1;
                }
            }
            (Some(reply), Some(flow), Some(answering)) => {
                let of = &self.flows[flow as usize];
                if answering.on_reply((usize::from(of.entry), flow, of.pair), port, reply) {
                    record.answers += 1;
                } else {
                    record.unknown += 1;
                }
            }
            _ => record.unknown += u64::from(packet.opcode() != Opcode::Cnp),
        }
    }

    /// A frame of which no more is known than that it arrived.
    #[cold]
    fn ballast(&mut self, port: usize, frame_len: usize, packet: &Packet<'_>, arrival: Picos) {
        self.trace.push(Observation {
            departure: Picos::MAX,
            arrival,
            flow: Observation::NO_FLOW,
            seq: 0,
            port: u16::try_from(port).unwrap_or(u16::MAX),
            len: u16::try_from(frame_len).unwrap_or(u16::MAX),
            class: self.classes.of_packet(packet),
            ecn: packet.ecn(),
            kind: Kind::Ballast,
        });
    }

    /// A frame of which no more is believed than whose it was.
    #[cold]
    fn damaged(&mut self, port: usize, frame_len: usize, packet: &Packet<'_>, arrival: Picos, (flow, seq): (u32, u64)) {
        *self.corrupted.entry(flow).or_default() += 1;
        #[expect(clippy::cast_possible_truncation, reason = "low bits of a sequence number")]
        self.trace.push(Observation {
            departure: Picos::MAX,
            arrival,
            flow,
            seq: seq as u32,
            port: u16::try_from(port).unwrap_or(u16::MAX),
            len: u16::try_from(frame_len).unwrap_or(u16::MAX),
            class: self.classes.of_packet(packet),
            ecn: packet.ecn(),
            kind: Kind::Corrupted,
        });
    }

    #[inline]
    fn packet(&mut self, port: usize, frame_len: usize, packet: &Packet<'_>, arrival: Picos) {
        let flow_number = match self.flow_of(packet.dest_qp()) {
            Some(flow_number) if self.carries(flow_number, packet.opcode()) => flow_number,
            _ => {
                self.reply(port, packet);
                return self.ballast(port, frame_len, packet, arrival);
            }
        };
        let ends = self.facts[usize::from(self.flows[flow_number as usize].entry)].ends;
        if ends == Ends::ToPeer {
            self.ports[port].unknown += 1;
            return self.ballast(port, frame_len, packet, arrival);
        }
        let from_peer = ends == Ends::FromPeer;
        let verify = self.icrc_turn() || from_peer;
        let payload = packet.payload();
        let stamp = Stamp::parse(payload, self.magic).filter(|_| !from_peer);
        // What is long enough for a stamp has one. Without ours it is somebody else's, or broken.
        let is_foreign = stamp.is_none() && payload.len() >= stamp::LEN && !from_peer;
        if is_foreign && packet.verify_icrc() {
            self.ports[port].strangers += 1;
            return self.ballast(port, frame_len, packet, arrival);
        }
        let flow = &mut self.flows[flow_number as usize];
        let entry_index = usize::from(flow.entry);
        let entry = &mut self.entries[entry_index];
        if usize::from(flow.port) != port {
            entry.misdelivered += 1;
            self.ports[port].misdelivered += 1;
            *self.strays.entry((flow.port, port)).or_default() += 1;
            return self.ballast(port, frame_len, packet, arrival);
        }
        if verify || is_foreign {
            entry.icrc_checked += 1;
            if is_foreign || !icrc::is_right(self.routine, packet) {
                entry.icrc_errors += 1;
                let seq = flow.unwrap_psn(packet.psn());
                return self.damaged(port, frame_len, packet, arrival, (flow_number, seq));
            }
        }
        let seq = match &stamp {
            // The PSN is the stamp's low 24 bits: a frame in which they differ is not one of ours.
            Some(stamp) if stamp.seq & 0x00ff_ffff == u64::from(packet.psn()) => stamp.seq,
            Some(_) => {
                entry.malformed += 1;
                return self.ballast(port, frame_len, packet, arrival);
            }
            None => flow.unwrap_psn(packet.psn()),
        };
        let facts = &self.facts[entry_index];
        let expected = flow.expected();
        // A frame too short for a stamp has its message's number all the same.
        let number = match &stamp {
            Some(stamp) => Some(stamp.number),
            // A peer's QPs have messages of whatever length, one after the other.
            None if from_peer && !facts.reads => {
                let (_, qp) = facts.place_of(flow_number);
                Some(flow.messages.wrapping_mul(facts.deal.qps).wrapping_add(qp))
            }
            None => facts.number_of(flow_number, seq),
        };
        if let Some(answering) = &mut self.answering
            && answering.has(entry_index)
        {
            let arrived = Arrived {
                packet,
                len: frame_len as u64,
                flow: flow_number,
                seq,
                receives: facts.receives,
                number,
                departure: stamp.map(|stamp| stamp.departure),
                arrival,
            };
            if !answering.takes(&arrived, flow, entry) {
                return self.ballast(port, frame_len, packet, arrival);
            }
        }
        let seen = flow.see(seq, facts.first_psn);
        let departure = stamp.map(|stamp| stamp.departure);
        let ecn = packet.ecn() & 3;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "low bits of a sequence number; ports and lengths in range"
        )]
        self.trace.push(Observation {
            departure: departure.unwrap_or(Picos::MAX),
            arrival,
            flow: flow_number,
            seq: seq as u32,
            port: flow.port,
            len: frame_len.min(usize::from(u16::MAX)) as u16,
            class: self.classes.of_packet(packet),
            ecn,
            kind: match seen {
                Seen::New | Seen::Reordered => Kind::First,
                Seen::Duplicate | Seen::TooOld => Kind::Copy,
                Seen::Impossible => Kind::Ballast,
            },
        });
        match seen {
            Seen::New => {}
            Seen::Reordered => {
                entry.reordered += 1;
                flow.reordered = flow.reordered.saturating_add(1);
            }
            Seen::Duplicate => {
                entry.duplicated += 1;
                flow.duplicated = flow.duplicated.saturating_add(1);
                return;
            }
            Seen::TooOld => {
                entry.too_old += 1;
                return;
            }
            Seen::Impossible => {
                entry.malformed += 1;
                return;
            }
        }
        let ecn = usize::from(ecn);
        let since_last = arrival.saturating_sub(flow.last_arrival);
        let skipped = seq.saturating_sub(expected);
        flow.packets += 1;
        flow.bytes += payload.len() as u64;
        flow.ce = flow.ce.saturating_add(u32::from(ecn == 3));
        flow.first_arrival = flow.first_arrival.min(arrival);
        flow.last_arrival = arrival;
        entry.packets += 1;
        entry.payload_bytes += payload.len() as u64;
        entry.frame_bytes += frame_len as u64;
        entry.ecn[ecn] += 1;
        if ecn == 3 && entry.first_mark.is_none() {
            entry.first_mark = Some(FirstMark {
                arrival,
                departure,
                frame: entry.packets,
                flow: flow_number,
                seq,
            });
        }
        entry.first_arrival = entry.first_arrival.min(arrival);
        entry.last_arrival = entry.last_arrival.max(arrival);
        let pair = &mut self.pairs[flow.pair as usize];
        if pair.last_arrival > Picos::ZERO {
            let gap = arrival.saturating_sub(pair.last_arrival);
            if self.stamped[port] {
                entry.arrival_gaps.see(gap.0);
            }
            if gap > pair.longest_gap {
                (pair.longest_gap, pair.gap_began) = (gap, pair.last_arrival);
            }
        }
        if skipped > 0 && since_last > pair.outage.length {
            pair.outage = Outage {
                length: since_last,
                ended: arrival,
                flow: flow_number,
                missing: skipped,
            };
        }
        pair.payload_bytes += payload.len() as u64;
        if let Some(rates) = &mut self.rates {
            rates.see(flow.pair, arrival, payload.len() as u64);
        }
        pair.first_arrival = pair.first_arrival.min(arrival);
        pair.last_arrival = pair.last_arrival.max(arrival);
        match &stamp {
            Some(stamp) => {
                entry.time_travel += u64::from(arrival < stamp.departure);
                entry.first_departure = entry.first_departure.min(stamp.departure);
                let delay = arrival.saturating_sub(stamp.departure).0;
                entry.latency.see(delay);
                pair.first_departure = pair.first_departure.min(stamp.departure);
                if let Some(latency) = self.flow_latency.get_mut(flow_number as usize) {
                    latency.see(delay);
                }
            }
            None => entry.unstamped += 1,
        }
        let position = packet.opcode().position();
        let reads = self.facts[entry_index].reads;
        let begun = reads && number.is_some_and(|number| flow.is_under_way(number));
        let place = Place {
            // What is asked for again begins within its message.
            first: (reads || position.is_first()) && !begun,
            last: position.is_last(),
        };
        if self
            .answering
            .as_ref()
            .is_some_and(|answering| answering.is_in_any_order(flow_number))
        {
            return self.delivered(entry_index, flow_number);
        }
        let done = number.and_then(|number| flow.message(number, seq, place, departure, arrival));
        if let Some(done) = done {
            flow.messages = flow.messages.saturating_add(1);
            self.message(entry_index, flow_number, &done);
        }
    }

    /// The responders of reliable connections; `None` where all QPs are open.
    #[inline]
    pub fn answering(&mut self) -> Option<&mut Answering> {
        self.answering.as_deref_mut()
    }

    /// Acknowledgements whose time has come by `now` are owed.
    pub fn on_deadline(&mut self, now: Picos) {
        if let Some(answering) = &mut self.answering {
            let flows = &self.flows;
            answering.on_deadline(now, |flow| flows[flow as usize].expected());
        }
    }

    /// Messages of closed loops that were received whole since the last call.
    pub fn take_completions(&mut self) -> std::vec::Drain<'_, Completion> {
        self.completions.drain(..)
    }
}
