//! The receiving half of reliable connections: what responders make of request packets, what they answer, and what replies say
//! to requesters.
//!
//! Contract: as of the recorder. Answers and replies are typed events that a driver takes ([`Answering::take_answers`],
//! [`Answering::take_replies`]); nothing here writes a frame.
//!
//! Left out on purpose: ports, and the state machines themselves (`transport`).

mod counts;
mod reads;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::measure::EntryRecord;
use crate::measure::flow::{Place as Position, RxFlow, WINDOW};
use crate::pattern::transport::{Rc, Scope};
use crate::plan::deal::Deal;
use crate::plan::{EntryPlan, Plan};
use crate::transport::ahead::{Ahead, ROOM};
use crate::transport::assembly::{Assembly, Part, Wanted};
use crate::transport::reliable::{Reply, Told};
use crate::transport::responder::{self, Answer, Notifier, Request, Responder, Verdict};
use crate::units::Picos;
use crate::wire::Packet;
use crate::wire::opcode::Operation;

pub use counts::Answered;

/// A frame that a responder owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToSend {
    /// Entry.
    pub entry: u16,
    /// Pair within the entry.
    pub pair: u32,
    /// QP within the pair.
    pub qp: u32,
    /// The ACK, NAK or RNR NAK; `None`: a CNP.
    pub answer: Option<Answer>,
    /// Arrival of the packet that it answers at once; `None` of what has waited for its time, and of CNPs.
    pub since: Option<Picos>,
}

/// Transmissions of a QP among which a copy is told.
const RECENT: usize = 4;

/// A packet that came to its flow's receiver.
pub struct Arrived<'a> {
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// Bytes of its frame without FCS.
    pub len: u64,
    /// Its flow, over all entries.
    pub flow: u32,
    /// Its sequence number.
    pub seq: u64,
    /// Its message takes a receive work request.
    pub receives: bool,
    /// Number of its message, where it is known.
    pub number: Option<u32>,
    /// Its departure, where it bears a stamp.
    pub departure: Option<Picos>,
    /// Its arrival.
    pub arrival: Picos,
}

/// A packet whose turn has come, of a QP whose packets are taken in any order.
#[derive(Debug, Clone, Copy)]
pub struct Delivered {
    /// Its sequence number.
    pub seq: u64,
    /// Number of its message, where it is known.
    pub number: Option<u32>,
    /// Where in the message it stands.
    pub place: Position,
    /// Its departure, where it bears a stamp.
    pub departure: Option<Picos>,
    /// Its arrival.
    pub arrival: Picos,
}

// What a recorder can tell from its duplicate is all that may be ahead.
const _: () = assert!(ROOM <= WINDOW);

/// One entry's place in all of them.
struct Place {
    rc: Rc,
    first_flow: u32,
    deal: Deal,
    /// What is wanted of a peer's messages, where one sends them.
    wanted: Option<Wanted>,
    /// What may be asked for, where messages are READs.
    reads: Option<reads::Region>,
}

impl Place {
    /// Pair and QP of a flow of the entry.
    fn of(&self, flow: u32) -> (u32, u32) {
        self.deal.place_of(flow.saturating_sub(self.first_flow))
    }

    /// What the responder of a flow of the entry owes.
    fn owes(&self, entry: u16, flow: u32, answer: Option<Answer>) -> ToSend {
        let (pair, qp) = self.of(flow);
        ToSend {
            entry,
            pair,
            qp,
            answer,
            since: None,
        }
    }
}

/// All responders of a core, and what is to be told.
pub struct Answering {
    /// By entry; `None` of those whose QPs are open.
    places: Vec<Option<Place>>,
    responders: Vec<Responder>,
    /// Peers' messages under way, by flow; none where no peer sends.
    assemblies: Vec<Assembly>,
    /// Departures and low bits of the sequence numbers of the transmissions that came last, by flow: frames of a burst leave at
    /// once, but no packet twice.
    recent: Vec<[(Picos, u32); RECENT]>,
    /// What waits for missing packets, by flow; `None` of those whose packets are taken in order, and no entry where all are.
    aheads: Vec<Option<Ahead<(Request, Delivered)>>>,
    delivered: Vec<Delivered>,
    /// By flow; none where no messages are READs.
    ends: Vec<reads::Ends>,
    notifiers: Vec<Notifier>,
    /// Index of a pair's notifier, for scopes wider than a QP; by number over all entries.
    notifier_of: Vec<u32>,
    /// The port of a pair's sender, at which replies to it arrive; by number over all entries.
    reply_port: Vec<usize>,
    /// The port of a pair's receiver.
    data_port: Vec<usize>,
    /// Acknowledgements that are owed at a time: QPs, with their entries.
    delayed: BinaryHeap<Reverse<(Picos, u16, u32)>>,
    /// CNPs that are owed at the end of an interval: times, entries, QPs, notifiers.
    ends_of_intervals: BinaryHeap<Reverse<(Picos, u16, u32, u32)>>,
    answers: Vec<ToSend>,
    replies: Vec<Told>,
    /// By entry.
    pub counts: Vec<Answered>,
}

impl Answering {
    /// For the reliable connections of `plan`; `None` where it has none.
    #[must_use]
    pub fn new(plan: &Plan) -> Option<Answering> {
        if plan.entries.iter().all(|entry| entry.transport.rc().is_none()) {
            return None;
        }
        let flows = plan.flows();
        let mut notifier_of = Vec::new();
        let (mut reply_port, mut data_port) = (Vec::new(), Vec::new());
        let mut places = Vec::new();
        let mut shared: BTreeMap<(Scope, u32, u32), u32> = BTreeMap::new();
        let mut next = flows;
        for entry in &plan.entries {
            let rc = entry.transport.rc();
            places.push(rc.map(|rc| Place {
                rc: rc.clone(),
                first_flow: entry.first_flow,
                deal: entry.deal(),
                wanted: sends(entry).then_some(Wanted {
                    pmtu: entry.frame.pmtu,
                    rkey: entry.frame.rkey,
                }),
                reads: entry.verb.is_read().then_some(reads::Region {
                    pmtu: entry.frame.pmtu,
                    rkey: entry.frame.rkey,
                }),
            }));
            let scope = rc.and_then(|rc| rc.cnp).map_or(Scope::Qp, |cnp| cnp.scope);
            for pair in &entry.pairs {
                reply_port.push(plan.workers[pair.src as usize].port);
                data_port.push(plan.arrival_port(*pair));
                let port = u32::try_from(plan.arrival_port(*pair)).unwrap_or(u32::MAX);
                let key = match scope {
                    // QPs have their own, in the order of flows.
                    Scope::Qp => None,
                    Scope::Address => Some((scope, pair.dst, pair.src)),
                    Scope::Port => Some((scope, port, 0)),
                };
                notifier_of.push(key.map_or(u32::MAX, |key| {
                    *shared.entry(key).or_insert_with(|| {
                        next += 1;
                        next - 1
                    })
                }));
            }
        }
        Some(Answering {
            places,
            responders: vec![Responder::default(); flows as usize],
            assemblies: if plan.entries.iter().any(sends) {
                vec![Assembly::default(); flows as usize]
            } else {
                Vec::new()
            },
            aheads: aheads(plan),
            delivered: Vec::new(),
            ends: reads::ends(plan),
            recent: vec![[(Picos::MAX, 0); RECENT]; flows as usize],
            notifiers: vec![Notifier::default(); next as usize],
            notifier_of,
            reply_port,
            data_port,
            delayed: BinaryHeap::new(),
            ends_of_intervals: BinaryHeap::new(),
            answers: Vec::new(),
            replies: Vec::new(),
            counts: vec![Answered::default(); plan.entries.len()],
        })
    }

    /// Whether the QPs of `entry` are reliable connections.
    #[inline]
    #[must_use]
    pub fn has(&self, entry: usize) -> bool {
        self.places.get(entry).is_some_and(Option::is_some)
    }

    /// Whether the packets of this flow are taken in whatever order they come.
    #[inline]
    #[must_use]
    pub fn is_in_any_order(&self, flow: u32) -> bool {
        self.aheads.get(flow as usize).is_some_and(Option::is_some)
    }

    /// Packets of such flows whose turn has come since the last call. Give the memory back: [`Answering::spare`].
    pub fn take_delivered(&mut self) -> Vec<Delivered> {
        std::mem::take(&mut self.delivered)
    }

    /// Memory for what is delivered next.
    pub fn spare(&mut self, mut delivered: Vec<Delivered>) {
        delivered.clear();
        self.delivered = delivered;
    }

    /// Whether a responder takes a packet that came to its flow; the flow's and the entry's records have what it does not take.
    pub fn takes(&mut self, arrived: &Arrived<'_>, flow: &mut RxFlow, entry: &mut EntryRecord) -> bool {
        let packet = arrived.packet;
        let position = packet.opcode().position();
        let index = usize::from(flow.entry);
        if self.reads(index) {
            let copy = self.is_copy(index, arrived);
            let verdict = self.on_response(index, arrived, flow.expected(), flow.pair);
            self.account(index, arrived, (verdict, copy), flow, entry);
            return verdict == Verdict::Taken;
        }
        let wanted = self.places.get(index).and_then(|place| place.as_ref()?.wanted);
        let part = wanted.map(|wanted| (wanted, part(packet)));
        let assembly = self.assemblies.get(arrived.flow as usize);
        let request = Request {
            seq: arrived.seq,
            first: position.is_first(),
            last: position.is_last(),
            ack_req: packet.ackreq(),
            receives: match &part {
                Some((_, part)) => !part.writes || packet.immdt().is_some(),
                None => arrived.receives,
            },
            fault: part.and_then(|(wanted, part)| assembly?.fault(&wanted, &part)),
        };
        let copy = self.is_copy(index, arrived);
        let of = (index, arrived.flow, flow.pair);
        let delivered = Delivered {
            seq: arrived.seq,
            number: arrived.number,
            place: Position {
                first: request.first,
                last: request.last,
            },
            departure: arrived.departure,
            arrival: arrived.arrival,
        };
        let verdict = self.on_request(of, flow.expected(), (&request, delivered), packet.ecn() & 3 == 3);
        if let (Verdict::Taken, Some((_, part)), Some(assembly)) =
            (verdict, &part, self.assemblies.get_mut(arrived.flow as usize))
        {
            assembly.take(part);
        }
        self.account(index, arrived, (verdict, copy), flow, entry);
        verdict == Verdict::Taken
    }

    /// Counts what is not taken, and each transmission once.
    fn account(
        &mut self,
        index: usize,
        arrived: &Arrived<'_>,
        came: (Verdict, bool),
        flow: &mut RxFlow,
        entry: &mut EntryRecord,
    ) {
        let ecn = arrived.packet.ecn() & 3;
        let (seen, bytes) = (&mut entry.ecn[usize::from(ecn)], &mut self.counts[index].dropped_bytes);
        match came {
            (Verdict::Taken, true) => {
                // Its original, which was not taken, was counted. Frames off the wire may say what they like.
                flow.duplicated = flow.duplicated.saturating_sub(1);
                (*seen, *bytes) = (seen.saturating_sub(1), bytes.saturating_sub(arrived.len));
            }
            (Verdict::Taken, false) | (_, true) => {}
            (_, false) => {
                flow.dropped(ecn == 3);
                *bytes += arrived.len;
                *seen += 1;
            }
        }
    }

    /// Whether this transmission has come before, among the last [`RECENT`] of its flow.
    fn is_copy(&mut self, entry: usize, arrived: &Arrived<'_>) -> bool {
        let (Some(recent), Some(departure)) = (self.recent.get_mut(arrived.flow as usize), arrived.departure) else {
            return false;
        };
        #[expect(clippy::cast_possible_truncation, reason = "low bits of a sequence number")]
        let transmission = (departure, arrived.seq as u32);
        if recent.contains(&transmission) {
            self.counts[entry].copies += 1;
            return true;
        }
        recent.rotate_right(1);
        recent[0] = transmission;
        false
    }

    /// A request packet of `flow` came, `expected` being the next one's sequence number, marked CE or not.
    fn on_request(
        &mut self,
        (entry, flow, pair): (usize, u32, u32),
        expected: u64,
        (request, with): (&Request, Delivered),
        marked: bool,
    ) -> Verdict {
        let now = with.arrival;
        let Some(Some(place)) = self.places.get(entry) else {
            return Verdict::Invalid;
        };
        let (Some(responder), Some(counts)) = (self.responders.get_mut(flow as usize), self.counts.get_mut(entry))
        else {
            return Verdict::Invalid;
        };
        let number = u16::try_from(entry).unwrap_or(u16::MAX);
        let owed = responder.owes();
        let (verdict, answer) = match self.aheads.get_mut(flow as usize) {
            Some(Some(ahead)) => {
                let delivered = &mut self.delivered;
                responder.on_request_in_any_order(&place.rc, ahead, (request, with), |one| delivered.push(one))
            }
            _ => responder.on_request(&place.rc, expected, request),
        };
        if let Some(answer) = answer {
            counts.count(answer.meaning);
            self.answers.push(ToSend {
                since: Some(now),
                ..place.owes(number, flow, Some(answer))
            });
        } else if !owed && responder.owes() {
            self.delayed
                .push(Reverse((now.saturating_add(place.rc.ack_delay), number, flow)));
        }
        match verdict {
            Verdict::Taken => {}
            Verdict::Duplicate => counts.duplicates += 1,
            Verdict::OutOfSequence => counts.out_of_sequence += 1,
            Verdict::NotReady => counts.not_ready += 1,
            Verdict::Invalid => counts.invalid += 1,
        }
        if marked {
            self.on_mark((entry, flow, pair), now);
        }
        verdict
    }

    /// A packet of `flow` marked CE came at `now`.
    fn on_mark(&mut self, (entry, flow, pair): (usize, u32, u32), now: Picos) {
        let Some(Some(place)) = self.places.get(entry) else {
            return;
        };
        let Some(cnp) = &place.rc.cnp else { return };
        let number = u16::try_from(entry).unwrap_or(u16::MAX);
        let shared = self.notifier_of.get(pair as usize).copied().unwrap_or(u32::MAX);
        let notifier = if shared == u32::MAX { flow } else { shared };
        let told = self
            .notifiers
            .get_mut(notifier as usize)
            .map(|own| own.on_mark(cnp, now));
        match told {
            Some(responder::Told::Now) => {
                self.counts[entry].cnps += 1;
                self.answers.push(place.owes(number, flow, None));
            }
            Some(responder::Told::At(time)) => self.ends_of_intervals.push(Reverse((time, number, flow, notifier))),
            Some(responder::Told::Nothing) | None => {}
        }
    }

    /// A reply for `flow`, whose entry and pair over all entries are known, came to `port`: whether it belongs there.
    pub fn on_reply(&mut self, (entry, flow, pair): (usize, u32, u32), port: usize, reply: Reply) -> bool {
        let Some(Some(place)) = self.places.get(entry) else {
            return false;
        };
        // Refusals of READs go to whoever asked: the receiver.
        let ports = if place.reads.is_some() && !reply.is_for_holder() {
            &self.data_port
        } else {
            &self.reply_port
        };
        if ports.get(pair as usize) != Some(&port) {
            return false;
        }
        self.replies.push(place.tells(entry, flow, reply));
        true
    }

    /// When an acknowledgement or a CNP is owed that waits; [`Picos::MAX`]: none does.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Picos {
        let acknowledged = self.delayed.peek().map_or(Picos::MAX, |Reverse((time, ..))| *time);
        let notified = self
            .ends_of_intervals
            .peek()
            .map_or(Picos::MAX, |Reverse((time, ..))| *time);
        acknowledged.min(notified)
    }

    /// Acknowledgements and CNPs whose time has come by `now` are answers; `expected` says a flow's next sequence number.
    pub fn on_deadline(&mut self, now: Picos, expected: impl Fn(u32) -> u64) {
        while let Some(Reverse((time, entry, flow, notifier))) = self.ends_of_intervals.peek().copied()
            && time <= now
        {
            self.ends_of_intervals.pop();
            let place = self.places.get(usize::from(entry)).and_then(Option::as_ref);
            if let (Some(place), Some(notifier)) = (place, self.notifiers.get_mut(notifier as usize))
                && let Some(cnp) = &place.rc.cnp
                && notifier.on_end(cnp, time, now)
            {
                self.counts[usize::from(entry)].cnps += 1;
                self.answers.push(place.owes(entry, flow, None));
            }
        }
        while let Some(Reverse((time, entry, flow))) = self.delayed.peek().copied()
            && time <= now
        {
            self.delayed.pop();
            let place = self.places.get(usize::from(entry)).and_then(Option::as_ref);
            let (Some(place), Some(responder)) = (place, self.responders.get_mut(flow as usize)) else {
                continue;
            };
            if responder.owes() {
                let next = match self.aheads.get(flow as usize) {
                    Some(Some(ahead)) => ahead.next(),
                    _ => expected(flow),
                };
                let answer = responder.acknowledge(next);
                self.counts[usize::from(entry)].count(answer.meaning);
                self.answers.push(place.owes(entry, flow, Some(answer)));
            }
        }
    }

    /// Answers owed since the last call.
    pub fn take_answers(&mut self) -> std::vec::Drain<'_, ToSend> {
        self.answers.drain(..)
    }

    /// Replies heard since the last call.
    pub fn take_replies(&mut self) -> std::vec::Drain<'_, Told> {
        self.replies.drain(..)
    }

    /// Adds what another core has counted.
    pub fn merge(&mut self, other: &Answering) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.add(theirs);
        }
    }
}

/// Whether a peer sends messages of its own.
fn sends(entry: &EntryPlan) -> bool {
    entry.is_requested_by_peer() && !entry.verb.is_read()
}

/// What waits for missing packets of each flow of a plan; nothing where all are taken in order.
fn aheads(plan: &Plan) -> Vec<Option<Ahead<(Request, Delivered)>>> {
    // READ responses are taken in order.
    let in_any_order =
        |entry: &EntryPlan| !entry.verb.is_read() && entry.transport.rc().is_some_and(|rc| rc.out_of_order);
    if !plan.entries.iter().any(in_any_order) {
        return Vec::new();
    }
    let mut aheads = Vec::with_capacity(plan.flows() as usize);
    for entry in &plan.entries {
        let own = |index: u32| in_any_order(entry).then(|| Ahead::new(u64::from(entry.first_psn(index))));
        aheads.extend((0..entry.flows()).map(own));
    }
    aheads
}

/// What of a peer's packet counts for its message.
fn part(packet: &Packet<'_>) -> Part {
    let opcode = packet.opcode();
    Part {
        position: opcode.position(),
        writes: opcode.operation() == Operation::Write,
        len: u32::try_from(packet.payload().len()).unwrap_or(u32::MAX),
        region: packet.reth().map(|reth| (reth.rkey, reth.dma_len)),
    }
}
