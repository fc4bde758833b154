//! Frames that ask for data: RDMA READ requests.
//!
//! Contract: as of `craft`; a request goes from the receiver of a pair to the worker that holds its data.
//!
//! Left out on purpose: responses, which are an entry's packets (`craft`).

use crate::engine::craft::{Network, seal};
use crate::plan::{EntryPlan, Plan};
use crate::transport::flow::TxFlow;
use crate::transport::lane::Due;
use crate::units::psn_of;
use crate::wire::{Opcode, bth, icrc, reth, udp};

/// Writes the request that is due for `flow`, of a lane whose first pair is `first_pair`, into `out` and returns its length. It
/// asks for the last `due.payload_len` bytes of the flow's message.
pub(super) fn write_request(
    plan: &Plan,
    entry: &EntryPlan,
    first_pair: u32,
    flow: &TxFlow,
    due: &Due,
    out: &mut [u8],
) -> usize {
    let back = entry.pairs[(first_pair + flow.pair) as usize].back();
    let options = &entry.frame;
    let body = bth::LEN + reth::LEN;
    let network = Network {
        dscp: options.dscp,
        pcp: None,
        // Marks on requests tell nobody anything.
        ecn: 0,
        source_port: flow.source_port,
        udp_len: udp::LEN + body + icrc::LEN,
    };
    let bth_at = network.emit(plan, entry, back, out);
    let mut header = bth::Repr::new(Opcode::RcRdmaReadRequest, flow.qpn, psn_of(due.seq));
    header.pkey = options.pkey;
    header.migreq = options.migreq;
    header.ackreq = due.ack_req;
    header.emit(&mut out[bth_at..]);
    reth::Repr {
        va: flow.va.wrapping_add(u64::from(flow.message_len - due.payload_len)),
        rkey: options.rkey,
        dma_len: due.payload_len,
    }
    .emit(&mut out[bth_at + bth::LEN..]);
    seal(entry, out, bth_at + body)
}
