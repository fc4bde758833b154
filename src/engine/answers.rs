//! Frames that answer: ACK, NAK, RNR NAK and CNP.
//!
//! Contract: a whole frame with a valid ICRC in a buffer of the caller's; nothing is allocated. An answer goes from the
//! receiver of a pair to its sender, whose QP has the number that its data is addressed to; one that refuses a READ goes from
//! the sender of its data to their receiver.
//!
//! Left out on purpose: when to answer (`transport::responder`), and ports.

use crate::engine::craft::{Network, seal};
use crate::measure::answering::ToSend;
use crate::pattern::Entropy;
use crate::plan::{Pair, Plan};
use crate::transport::flow::source_port;
use crate::wire::{Opcode, aeth, bth, cnp, ethernet, icrc, ipv6, udp, vlan};

/// Bytes of the longest answer: a CNP over IPv6 with two tags.
pub const LONGEST: usize = ethernet::LEN + 2 * vlan::LEN + ipv6::LEN + udp::LEN + cnp::LEN + icrc::LEN;

/// Writes the frame that is owed into `out` and returns its length; `None`: the plan has no such QP.
pub fn write(plan: &Plan, owed: &ToSend, out: &mut [u8; LONGEST]) -> Option<usize> {
    let entry = plan.entries.get(usize::from(owed.entry))?;
    let rc = entry.transport.rc()?;
    let pair = entry.pairs.get(owed.pair as usize)?;
    let index = owed.pair * entry.qps + owed.qp;
    let (way, qpn) = if refuses_read(plan, owed) {
        (*pair, entry.answer_qpn(index))
    } else {
        // CNPs go to whoever sends the data: of READs that is the responder.
        let qpn = if entry.verb.is_read() {
            entry.request_qpn(index)
        } else {
            entry.answer_qpn(index)
        };
        (pair.back(), qpn)
    };
    let options = &entry.frame;
    let (own_dscp, pcp, body) = match owed.answer {
        Some(_) => (rc.ack_dscp, rc.ack_pcp, bth::LEN + aeth::LEN),
        None => (rc.cnp.map(|cnp| cnp.dscp), rc.cnp.and_then(|cnp| cnp.pcp), cnp::LEN),
    };
    let network = Network {
        dscp: own_dscp.unwrap_or(options.dscp),
        pcp,
        // Marks on answers tell nobody anything.
        ecn: 0,
        source_port: source_port(Entropy::PerQp, plan.seed, entry.first_flow + index, index, 0),
        udp_len: udp::LEN + body + icrc::LEN,
    };
    let bth_at = network.emit(plan, entry, way, out);
    let packet = &mut out[bth_at..];
    if let Some(answer) = &owed.answer {
        let mut header = bth::Repr::new(Opcode::RcAcknowledge, qpn, answer.psn);
        header.pkey = options.pkey;
        header.migreq = options.migreq;
        header.emit(packet);
        aeth::Repr {
            syndrome: answer.meaning.syndrome(),
            msn: answer.msn,
        }
        .emit(&mut packet[bth::LEN..]);
    } else {
        cnp::Repr {
            dest_qp: qpn,
            pkey: options.pkey,
            migreq: false,
        }
        .emit(packet);
    }
    Some(seal(entry, out, bth_at + body))
}

/// Whether the frame refuses a READ: then it goes the way of the data that were asked for.
fn refuses_read(plan: &Plan, owed: &ToSend) -> bool {
    let entry = plan.entries.get(usize::from(owed.entry));
    owed.answer.is_some() && entry.is_some_and(|entry| entry.verb.is_read())
}

/// The port from which the frame that is owed for a QP of `pair` leaves.
#[must_use]
pub fn port(plan: &Plan, owed: &ToSend, pair: Pair) -> usize {
    if refuses_read(plan, owed) {
        plan.workers[pair.src as usize].port
    } else {
        plan.arrival_port(pair)
    }
}
