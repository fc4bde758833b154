//! Messages that packets come to.
//!
//! Contract: each message is told once, when its last packet in turn has come.
//!
//! Left out on purpose: what a packet is (`recorder`), and groups of messages (`group`).

use super::{Completion, Recorder};
use crate::measure::flow::Completed;
use crate::measure::group::{Group, Outer};
use crate::units::Picos;

impl Recorder {
    /// Packets of a flow whose packets are taken in any order: those whose turn has come make messages.
    #[cold]
    pub(super) fn delivered(&mut self, entry_index: usize, flow_number: u32) {
        let Some(delivered) = self.answering.as_mut().map(|answering| answering.take_delivered()) else {
            return;
        };
        for one in &delivered {
            let flow = &mut self.flows[flow_number as usize];
            let message = |number| flow.message(number, one.seq, one.place, one.departure, one.arrival);
            if let Some(done) = one.number.and_then(message) {
                flow.messages = flow.messages.saturating_add(1);
                self.message(entry_index, flow_number, &done);
            }
        }
        if let Some(answering) = &mut self.answering {
            answering.spare(delivered);
        }
    }

    /// A QP's message was received whole: where messages are cut over QPs, that is a part of one.
    pub(super) fn message(&mut self, entry_index: usize, flow_number: u32, done: &Completed) {
        let facts = &self.facts[entry_index];
        let (pair, qp) = facts.place_of(flow_number);
        let group = |number: u32| facts.work.group(pair, facts.deal, qp, number);
        let outer = group(done.number).map(|(key, expected)| Outer {
            key,
            expected,
            follows: done.number > 0 && group(done.number - 1).is_some_and(|(before, _)| before == key),
        });
        self.entries[entry_index].message(Group {
            key: u64::from(done.number) << 32 | u64::from(pair),
            expected: u64::from(facts.deal.parts()),
            done: 1,
            departure: done.departure.unwrap_or(Picos::MAX),
            // The first QP begins each message that is cut.
            untimed: done.departure.is_none() && !(facts.deal.split && qp > 0),
            arrival: done.arrival,
            signal: done.signal,
            outer,
        });
        if facts.closed_loop {
            let entry = self.flows[flow_number as usize].entry;
            self.completions.push(Completion {
                entry,
                pair,
                qp,
                number: done.number,
            });
        }
    }
}
