//! What a port had not taken when a run ended, and what each of it was.

use super::TxUnit;
use crate::engine::batch::Batch;
use crate::plan::segment::CONTROL_FRAME_LEN;
use crate::plan::{EntryPlan, Plan};
use crate::transport::lane::Sent;
use crate::wire::{Frame, Opcode, Packet};

/// A frame that was made and that the port did not take.
#[derive(Debug, Clone, Copy)]
pub struct Unsent {
    /// Its entry.
    pub entry: usize,
    /// Its flow within the entry; `None` for a MAC control frame.
    pub flow: Option<u32>,
    /// What it would have counted as, but for messages.
    pub what: Sent,
    /// It ends a message of its QP, or the QP's part of one.
    pub is_last: bool,
}

impl<B: Batch> TxUnit<B> {
    /// Gives up the frames that the port has not taken and says what they were.
    pub fn give_up(&mut self, plan: &Plan) -> Vec<Unsent> {
        let mut unsent = Vec::new();
        for index in 0..self.batch.pending() {
            let frame = self.batch.frame(index);
            let found = match Frame::parse(frame.bytes) {
                Ok(Frame::Roce(packet)) => of_packet(plan, &packet),
                Ok(Frame::MacControl(_)) => self
                    .crafter
                    .control_entry(frame.bytes)
                    .map(|entry| of_control(plan, entry)),
                Ok(Frame::Other) | Err(_) => None,
            };
            unsent.extend(found);
        }
        for one in &unsent {
            self.stats.bytes -= match one.flow {
                Some(_) => one.what.frame_bytes,
                None => u64::from(CONTROL_FRAME_LEN),
            };
            if one.flow.is_none() {
                self.count_control(plan, one.entry, |count| *count -= 1);
            }
        }
        self.batch.discard_pending();
        unsent
    }
}

fn of_packet(plan: &Plan, packet: &Packet<'_>) -> Option<Unsent> {
    let qpn = packet.dest_qp();
    // What asks for data carries none.
    if packet.opcode() == Opcode::RcRdmaReadRequest {
        return None;
    }
    let of = |entry: &EntryPlan| qpn.wrapping_sub(entry.first_qpn);
    let index = plan.entries.iter().position(|entry| of(entry) < entry.flows())?;
    let entry = &plan.entries[index];
    let position = packet.opcode().position();
    let payload = packet.payload().len();
    let payload_len = u32::try_from(payload).unwrap_or(u32::MAX);
    let what = Sent {
        packets: 1,
        payload_bytes: payload as u64,
        frame_bytes: u64::from(entry.frame.frame_len(entry.verb, position, payload_len)),
        ..Sent::default()
    };
    Some(Unsent {
        entry: index,
        flow: Some(of(entry)),
        what,
        is_last: position.is_last(),
    })
}

fn of_control(plan: &Plan, entry: usize) -> Unsent {
    let what = if plan.entries[entry].pairs.is_empty() {
        Sent {
            packets: 1,
            frame_bytes: u64::from(CONTROL_FRAME_LEN),
            ..Sent::default()
        }
    } else {
        Sent {
            control: 1,
            ..Sent::default()
        }
    };
    Unsent {
        entry,
        flow: None,
        what,
        is_last: false,
    }
}
