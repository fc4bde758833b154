//! Frames from plan: headers emitted once, templates made of them, and each packet patched.
//!
//! Contract: the same [`Crafter`] serves ports, captures and `bench`: there is one way from a plan
//! to bytes. [`Crafter::write`] allocates nothing once a frame's shape was seen; all shapes of a
//! plan are made beforehand.
//!
//! Left out on purpose: ports and time.

use std::collections::BTreeSet;

use crate::engine::burst::Burst;
use crate::engine::reads;
use crate::pattern::Entropy;
use crate::plan::feed::{Rounds, Work, XOFF, XON};
use crate::plan::segment::{Position, packets};
use crate::plan::{EntryPlan, Pair, Plan};
use crate::transport::flow::TxFlow;
use crate::transport::lane::Due;
use crate::transport::responder::UNLIMITED;
use crate::transport::schedule::Schedule;
use crate::units::Picos;
use crate::wire::ethernet::Address;
use crate::wire::template::{Buffer, Layout, MessageFields, PacketFields, PortChange, Route, Shape, forget_header};
use crate::wire::{bth, ethernet, icrc, immdt, ip, pause, pfc, reth, udp, vlan};

/// No shape of that length yet.
const ABSENT: u16 = u16::MAX;

/// The shapes of one entry.
struct EntryShapes {
    shapes: Vec<Shape>,
    /// Index into `shapes` by position (First, Middle, Last, Only) and payload length.
    by_len: [Vec<u16>; 4],
    /// Index of the Middle shape, there being one length of it.
    middle: usize,
    /// A pair of these senders: what a shape takes of it is the same for all that send from one port.
    pair: Option<Pair>,
}

/// Makes the frames of one schedule.
pub struct Crafter {
    entries: Vec<EntryShapes>,
    /// Routes of each lane's pairs.
    routes: Vec<Vec<Route>>,
    /// MAC control frames of each entry, with their quanta.
    control: Vec<Vec<(u16, Vec<u8>)>>,
    port_change: PortChange,
    clean: Vec<u8>,
}

/// Headers of a frame of `entry` from `pair`, up to its payload, and their layout. What varies
/// from packet to packet is zero.
fn headers(plan: &Plan, entry: &EntryPlan, pair: Pair, position: Position, payload_len: u32) -> (Vec<u8>, Layout) {
    let options = &entry.frame;
    let reth = entry.verb.is_write() && position.is_first();
    // An AETH stands where immediate data would.
    let immediate = entry.verb.has_immediate() && position.is_last() || entry.verb.has_aeth(position);
    let layout = Layout::new(options.vlan.len(), options.ipv6, reth, immediate);
    let mut out = vec![0; layout.payload];
    let padded = (payload_len as usize).next_multiple_of(4);
    let ip_len = ip::len(plan.workers[pair.dst as usize].address(options.ipv6));
    let udp_len = layout.payload - layout.l3 - ip_len + padded + icrc::LEN;
    let network = Network {
        dscp: options.dscp,
        pcp: None,
        ecn: options.ecn.bits(),
        source_port: 0,
        udp_len,
    };
    let bth_at = network.emit(plan, entry, pair, &mut out);
    bth::Repr {
        opcode_value: entry.verb.opcode(position),
        solicited: false,
        migreq: options.migreq,
        pad_count: u8::try_from(padded - payload_len as usize).unwrap_or(0),
        tver: 0,
        pkey: options.pkey,
        fecn: false,
        becn: false,
        resv6: 0,
        dest_qp: 0,
        ackreq: false,
        resv7: 0,
        psn: 0,
    }
    .emit(&mut out[bth_at..]);
    if let Some(at) = layout.reth {
        reth::Repr {
            va: 0,
            rkey: options.rkey,
            dma_len: 0,
        }
        .emit(&mut out[at..]);
    }
    if let Some(at) = layout.immdt {
        immdt::Repr { immediate: 0 }.emit(&mut out[at..]);
    }
    (out, layout)
}

/// What a frame's headers below the BTH hold beside its workers' addresses.
pub(super) struct Network {
    /// DSCP.
    pub dscp: u8,
    /// Priority in the outermost VLAN tag, where it has one; `None`: the entry's.
    pub pcp: Option<u8>,
    /// ECN codepoint.
    pub ecn: u8,
    /// UDP source port.
    pub source_port: u16,
    /// Length of the UDP datagram, its header included.
    pub udp_len: usize,
}

/// Writes the ICRC of a frame of `entry` whose headers are in `out`, its last byte being the one before `end`; returns its length.
pub(super) fn seal(entry: &EntryPlan, out: &mut [u8], end: usize) -> usize {
    let l3 = ethernet::LEN + entry.frame.vlan.len() * vlan::LEN;
    // The bytes are those just emitted, so there is always an ICRC.
    let check = icrc::icrc(&out[l3..end]).unwrap_or_default();
    out[end..end + icrc::LEN].copy_from_slice(&check.to_le_bytes());
    end + icrc::LEN
}

impl Network {
    /// Writes Ethernet, VLAN, IP and UDP headers of `entry` from the one worker of `pair` to the other into `out` and returns where the BTH begins.
    pub fn emit(&self, plan: &Plan, entry: &EntryPlan, pair: Pair, out: &mut [u8]) -> usize {
        let (src, dst) = (&plan.workers[pair.src as usize], &plan.workers[pair.dst as usize]);
        let options = &entry.frame;
        let ethertype = if options.ipv6 {
            ethernet::TYPE_IPV6
        } else {
            ethernet::TYPE_IPV4
        };
        let (to, mut tags) = (plan.destination_mac(entry, pair), plan.tags(entry, src.port));
        if let (Some(pcp), Some(outermost)) = (self.pcp, tags.first_mut()) {
            outermost.pcp = pcp;
        }
        let l3 = vlan::emit_link(Address(to), Address(src.mac), &tags, ethertype, out);
        // A frame is at most a PMTU and its headers: every length fits 16 bits.
        let udp_len = u16::try_from(self.udp_len).unwrap_or(u16::MAX);
        let fields = ip::Fields {
            dscp: self.dscp,
            ecn: self.ecn,
            ttl: options.ttl,
            protocol: udp::PROTOCOL,
            payload_len: udp_len,
        };
        let (from, to) = (src.address(options.ipv6), dst.address(options.ipv6));
        // Both are of the entry's version.
        let ip_len = fields.emit(from, to, &mut out[l3..]).unwrap_or(0);
        let udp_at = l3 + ip_len;
        // RoCEv2 sends UDP checksum 0 (IBTA Annex A17.9.2).
        udp::Repr {
            src_port: self.source_port,
            dst_port: udp::PORT_ROCEV2,
            length: udp_len,
            checksum: 0,
        }
        .emit(&mut out[udp_at..]);
        udp_at + udp::LEN
    }
}

fn shape(plan: &Plan, entry: &EntryPlan, pair: Pair, position: Position, payload_len: u32) -> Shape {
    let (bytes, layout) = headers(plan, entry, pair, position, payload_len);
    // The bytes are those just emitted, so there is always an ICRC.
    Shape::new(&bytes, layout, payload_len as usize, plan.magic, |l3| {
        icrc::icrc(l3).unwrap_or_default()
    })
}

/// Lengths of all messages that QPs of these lanes of an entry may send.
fn message_lengths(entry: &EntryPlan, lanes: &[u32]) -> BTreeSet<u32> {
    let whole = match &entry.work {
        Work::Continuous { sizes, .. } => BTreeSet::from([sizes.message, sizes.last]),
        Work::Rounds(rounds) => BTreeSet::from([rounds.sizes.message, rounds.sizes.last]),
        Work::Dispatch(dispatch) => (0..dispatch.matrices.len() as u64)
            .flat_map(|d| lanes.iter().flat_map(move |rank| dispatch.messages_of(d, *rank)))
            .map(|(_, _, len)| len)
            .collect(),
        Work::Control { .. } => BTreeSet::new(),
    };
    let parts = whole.into_iter().flat_map(|len| entry.deal().lengths(u64::from(len)));
    let lens = parts.filter(|(count, _)| *count > 0).map(|(_, len)| u32::try_from(len));
    // No part is longer than its message.
    lens.flatten().collect()
}

impl EntryShapes {
    /// Shapes of what `lanes` of the entry send; none where there are none.
    fn new(plan: &Plan, entry: &EntryPlan, lanes: &[u32]) -> EntryShapes {
        let pmtu = entry.frame.pmtu;
        let sending = lanes.iter().map(|lane| &entry.lanes[*lane as usize]);
        let first = sending.filter(|lane| lane.pairs > 0).map(|lane| lane.first_pair).next();
        let mut own = EntryShapes {
            shapes: Vec::new(),
            by_len: std::array::from_fn(|_| vec![ABSENT; if lanes.is_empty() { 0 } else { pmtu as usize + 1 }]),
            middle: 0,
            pair: first.map(|pair| entry.pairs[pair as usize]),
        };
        if lanes.is_empty() {
            return own;
        }
        for len in message_lengths(entry, lanes) {
            let n = packets(u64::from(len), pmtu);
            if n == 1 {
                own.index(plan, entry, Position::Only, len);
                continue;
            }
            own.index(plan, entry, Position::First, pmtu);
            own.middle = own.index(plan, entry, Position::Middle, pmtu);
            own.index(plan, entry, Position::Last, (len - 1) % pmtu + 1);
        }
        own
    }

    /// Index of a shape, made if it was not there.
    #[inline]
    fn index(&mut self, plan: &Plan, entry: &EntryPlan, position: Position, payload_len: u32) -> usize {
        let known = self.by_len[position as usize][payload_len as usize];
        if known == ABSENT {
            self.add(plan, entry, position, payload_len)
        } else {
            usize::from(known)
        }
    }

    #[cold]
    fn add(&mut self, plan: &Plan, entry: &EntryPlan, position: Position, payload_len: u32) -> usize {
        let pair = self.pair.unwrap_or(entry.pairs[0]);
        self.shapes.push(shape(plan, entry, pair, position, payload_len));
        let index = self.shapes.len() - 1;
        // At most four positions times a PMTU of 4096: 16 bits are enough.
        self.by_len[position as usize][payload_len as usize] = u16::try_from(index).unwrap_or(ABSENT);
        index
    }
}

/// The PFC or PAUSE frames of an entry, each with its quanta.
fn control_frames(plan: &Plan, entry: &EntryPlan) -> Vec<(u16, Vec<u8>)> {
    let (pause, classes, each): (bool, u8, &[u16]) = match &entry.work {
        Work::Control {
            pause, classes, quanta, ..
        } => (*pause, *classes, std::slice::from_ref(quanta)),
        Work::Rounds(Rounds { hold: Some(hold), .. }) => (false, 1 << hold.class, &[XOFF, XON]),
        _ => return Vec::new(),
    };
    let Some(lane) = entry.lanes.iter().find(|lane| lane.pairs == 0) else {
        return Vec::new();
    };
    let src = plan.workers[lane.worker as usize].mac;
    each.iter()
        .map(|quanta| (*quanta, control_frame(src, pause, classes, *quanta)))
        .collect()
}

/// A PFC or PAUSE frame, 60 bytes.
fn control_frame(src: [u8; 6], pause: bool, classes: u8, quanta: u16) -> Vec<u8> {
    let mut frame = vec![0; crate::plan::segment::CONTROL_FRAME_LEN as usize];
    vlan::emit_link(
        pfc::DESTINATION,
        Address(src),
        &[],
        ethernet::TYPE_MAC_CONTROL,
        &mut frame,
    );
    if pause {
        pause::Repr { quanta }.emit(&mut frame[ethernet::LEN..]);
    } else {
        let quanta = std::array::from_fn(|class| if classes >> class & 1 == 1 { quanta } else { 0 });
        pfc::Repr {
            class_enable: u16::from(classes),
            quanta,
        }
        .emit(&mut frame[ethernet::LEN..]);
    }
    frame
}

impl Crafter {
    /// A crafter for the frames of `schedule`, whose flows it prepares. `clean` is what buffers
    /// are filled with: `wire::template::filler` of their length.
    #[must_use]
    pub fn new(plan: &Plan, schedule: &mut Schedule, clean: Vec<u8>) -> Crafter {
        let mut routes = Vec::new();
        let lanes = schedule.lanes();
        let own = |entry: usize| -> Vec<u32> {
            let of_entry = lanes.iter().filter(|lane| lane.entry == entry);
            of_entry.map(|lane| lane.index).collect()
        };
        let shapes = (0..)
            .zip(&plan.entries)
            .map(|(index, entry)| EntryShapes::new(plan, entry, &own(index)))
            .collect();
        for lane in schedule.lanes_mut() {
            let entry = &plan.entries[lane.entry];
            let planned = &entry.lanes[lane.index as usize];
            let pairs = &entry.pairs[planned.first_pair as usize..][..planned.pairs as usize];
            let of_lane: Vec<Route> = pairs
                .iter()
                .map(|pair| {
                    let (bytes, layout) = headers(plan, entry, *pair, Position::Middle, 0);
                    Route::new(&bytes, layout)
                })
                .collect();
            for flow in lane.flows_mut() {
                flow.register = of_lane[flow.pair as usize].register(0, flow.qpn);
            }
            routes.push(of_lane);
        }
        Crafter {
            entries: shapes,
            routes,
            control: plan.entries.iter().map(|entry| control_frames(plan, entry)).collect(),
            port_change: PortChange::new(),
            clean,
        }
    }

    /// Writes the packet that `schedule` said is due on `lane`, departing at `departure`, into
    /// `frame` with its `mark` (see [`Shape::write`]) and returns its length.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "one call a packet, made in two places")]
    pub fn write(
        &mut self,
        plan: &Plan,
        schedule: &mut Schedule,
        lane: usize,
        due: &Due,
        departure: Picos,
        frame: &mut [u8],
        mark: &mut u64,
    ) -> usize {
        let entry_index = schedule.lanes()[lane].entry;
        let entry = &plan.entries[entry_index];
        if schedule.lanes()[lane].asks() {
            let first_pair = schedule.lanes()[lane].first_pair;
            *mark = forget_header(*mark);
            return reads::write_request(plan, entry, first_pair, schedule.flow_mut(lane, due), due, frame);
        }
        let flow = schedule.flow_mut(lane, due);
        let shapes = &mut self.entries[entry_index];
        let index = match due.position {
            Position::Middle if !entry.verb.is_read() => shapes.middle,
            // A peer asks for whatever length it likes.
            position => shapes.index(plan, entry, position, due.payload_len),
        };
        let shape = &mut shapes.shapes[index];
        let route = &self.routes[lane][flow.pair as usize];
        let message = MessageFields {
            number: flow.number,
            word: word(entry, flow),
            va: flow.va,
            dma_len: flow.message_len,
        };
        let base = base(shape, &self.port_change, entry, flow, &message, due);
        let packet = PacketFields {
            qpn: flow.qpn,
            source_port: flow.source_port,
            seq: due.seq,
            ack_req: due.ack_req,
            departure,
        };
        let clean = &self.clean;
        shape.write(
            route,
            &message,
            &packet,
            base,
            Buffer {
                bytes: frame,
                mark,
                clean,
            },
        )
    }

    /// What writes the Middle packets of `lane` that leave at `departure`; `None` when they have to go through
    /// [`Crafter::write`].
    #[inline]
    pub fn burst(&mut self, plan: &Plan, entry: usize, lane: usize, departure: Picos) -> Option<Burst<'_>> {
        let shapes = &mut self.entries[entry];
        Some(Burst {
            middles: shapes.shapes.get_mut(shapes.middle)?.middles(departure, &self.clean)?,
            routes: &self.routes[lane],
            port_change: &self.port_change,
            pmtu: plan.entries[entry].frame.pmtu,
        })
    }

    /// Writes the control frame of `entry` with these quanta into `frame`, whose `mark` forgets its
    /// header, and returns its length.
    pub fn write_control(&self, entry: usize, quanta: u16, frame: &mut [u8], mark: &mut u64) -> usize {
        let own = self.control.get(entry).into_iter().flatten();
        let Some((_, bytes)) = own.into_iter().find(|(each, _)| *each == quanta) else {
            return 0;
        };
        frame[..bytes.len()].copy_from_slice(bytes);
        *mark = forget_header(*mark);
        bytes.len()
    }

    /// The entry whose control frame `frame` begins with; the first of several that send the same.
    #[must_use]
    pub fn control_entry(&self, frame: &[u8]) -> Option<usize> {
        let is_its = |own: &Vec<(u16, Vec<u8>)>| own.iter().any(|(_, own)| frame.starts_with(own));
        self.control.iter().position(is_its)
    }
}

/// The word behind a packet's BTH and RETH: immediate data, or of a READ response what its responder has completed.
fn word(entry: &EntryPlan, flow: &TxFlow) -> u32 {
    if entry.verb.is_read() {
        u32::from(UNLIMITED.syndrome()) << 24 | flow.msn & 0x00ff_ffff
    } else {
        flow.number
    }
}

/// The ICRC of a packet but for AckReq and departure; that of the next Middle packet is left with the flow.
#[inline]
fn base(
    shape: &Shape,
    port_change: &PortChange,
    entry: &EntryPlan,
    flow: &mut TxFlow,
    message: &MessageFields,
    due: &Due,
) -> u32 {
    let compute = |flow: &TxFlow| {
        shape.base(
            flow.register ^ port_change.between(0, flow.source_port),
            message,
            due.seq,
        )
    };
    if due.position != Position::Middle {
        return compute(flow);
    }
    let base = if flow.has_base && entry.frame.entropy != Entropy::PerPacket {
        flow.middle_base
    } else {
        compute(flow)
    };
    flow.middle_base = base ^ shape.step(due.seq);
    flow.has_base = true;
    base
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::transport::schedule::{Clocking, Next};
    use crate::units::BitRate;
    use crate::wire::template::{BUFFER_SLACK, OTHER_ROOM, filler, overwrite};

    /// The frames of a plan's first port, made in few buffers.
    pub struct Frames {
        pub schedule: Schedule,
        pub crafter: Crafter,
        pub buffers: Vec<(Vec<u8>, u64)>,
        pub made: Vec<Vec<u8>>,
    }

    impl Frames {
        pub fn new(plan: &Plan) -> Frames {
            let clean = filler(plan.max_frame_len() + BUFFER_SLACK);
            let clocking = Clocking::Real;
            let mut schedule = Schedule::new(plan, 0, clocking);
            let crafter = Crafter::new(plan, &mut schedule, clean.clone());
            Frames {
                schedule,
                crafter,
                buffers: vec![(clean, 0); 5],
                made: Vec::new(),
            }
        }

        /// The next frame by the general way; whether there was one.
        pub fn one(&mut self, plan: &Plan, now: Picos) -> bool {
            let turn = self.made.len() % self.buffers.len();
            let (buffer, mark) = &mut self.buffers[turn];
            let Next::Packet { lane, due, .. } = self.schedule.next(plan, now) else {
                return false;
            };
            let len = self
                .crafter
                .write(plan, &mut self.schedule, lane, &due, now, buffer, mark);
            self.made.push(buffer[..len].to_vec());
            true
        }
    }

    /// What no template made, long or short, leaves no trace in the frames that follow in its buffer.
    #[test]
    fn other_frames_in_a_buffer_leave_no_trace() {
        let text = "traffic:\n- {kind: transfer, from: 0, to: 1, message: 900B, count: 60, qps: 3, rate: max}\n\
                    frame: {pmtu: 256, dscp: 3}\n";
        let pattern = crate::pattern::parse("test", text, &[]).unwrap();
        let plan =
            crate::plan::build(&pattern, &crate::plan::tests::testbed(2), &[BitRate(10_000_000_000); 2]).unwrap();
        let (mut plain, mut mixed) = (Frames::new(&plan), Frames::new(&plan));
        for round in 0..10_000usize {
            let now = Picos(round as u64 * 1_234_567_891);
            let turn = mixed.made.len() % mixed.buffers.len();
            let (bytes, mark) = &mut mixed.buffers[turn];
            let clean = &mixed.crafter.clean;
            // Nothing, within the header, to its end, beyond it, and as long as may be.
            let len = [0, 60, 128, 129, OTHER_ROOM][round % 7 % 5];
            if len > 0 {
                overwrite(Buffer { bytes, mark, clean }, &vec![0x55; len]);
                assert_eq!(bytes[..len], vec![0x55; len]);
            }
            if !plain.one(&plan, now) || !mixed.one(&plan, now) {
                break;
            }
        }
        assert_eq!(plain.made.len(), 60 * 4);
        assert_eq!(plain.made, mixed.made);
    }
}
