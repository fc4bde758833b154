//! A plan's frames in departure order, without any port: captures, and tests.
//!
//! Contract: exact planned times; unpaced lanes go at line rate; a closed loop sees each message
//! received as it leaves. The frame handed out is complete and valid.
//!
//! Left out on purpose: writing it anywhere.

use crate::engine::craft::Crafter;
use crate::pattern::Start;
use crate::plan::Plan;
use crate::transport::schedule::{Clocking, Next, Schedule};
use crate::units::Picos;
use crate::wire::template::{BUFFER_SLACK, HEADER_ROOM, filler};

struct PortFrames {
    schedule: Schedule,
    crafter: Crafter,
    buffer: Vec<u8>,
    mark: u64,
    /// When its next frame leaves, as last asked.
    next: Option<Picos>,
}

/// The frames of all ports of a plan, merged by departure.
pub struct Unroll<'a> {
    plan: &'a Plan,
    ports: Vec<PortFrames>,
    /// For each entry: ports on which it is still sending, and its last departure.
    open: Vec<(usize, Picos)>,
}

/// One frame of [`Unroll`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrolled<'a> {
    /// Departure.
    pub at: Picos,
    /// Index of the sending port.
    pub port: usize,
    /// The frame without FCS.
    pub bytes: &'a [u8],
}

impl<'a> Unroll<'a> {
    /// All frames of `plan`.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Unroll<'a> {
        let room = plan.max_frame_len().max(HEADER_ROOM) + BUFFER_SLACK;
        let clean = filler(room);
        let mut open = vec![(0, Picos::ZERO); plan.entries.len()];
        for (port, _) in plan.ports.iter().enumerate() {
            for (entry, open) in plan.entries.iter().zip(&mut open) {
                open.0 += usize::from(
                    entry
                        .lanes
                        .iter()
                        .any(|lane| plan.workers[lane.worker as usize].port == port),
                );
            }
        }
        let ports = (0..plan.ports.len())
            .map(|port| {
                let mut schedule = Schedule::new(plan, port, Clocking::Exact);
                let crafter = Crafter::new(plan, &mut schedule, clean.clone());
                PortFrames {
                    schedule,
                    crafter,
                    buffer: clean.clone(),
                    mark: 0,
                    next: Some(Picos::ZERO),
                }
            })
            .collect();
        Unroll { plan, ports, open }
    }

    /// The next frame, or `None` after the last.
    #[expect(
        clippy::should_implement_trait,
        reason = "it lends its buffer, which Iterator cannot"
    )]
    pub fn next(&mut self) -> Option<Unrolled<'_>> {
        let (at, port, len) = self.advance()?;
        Some(Unrolled {
            at,
            port,
            bytes: &self.ports[port].buffer[..len],
        })
    }

    /// Writes the next frame into its port's buffer: departure, port, length.
    fn advance(&mut self) -> Option<(Picos, usize, usize)> {
        loop {
            let earliest = |ports: &[PortFrames], but: Option<usize>| {
                let waiting = ports.iter().enumerate().filter(|(index, _)| Some(*index) != but);
                waiting.filter_map(|(index, port)| Some((port.next?, index))).min()
            };
            let (time, index) = earliest(&self.ports, None)?;
            // It may send while no other port is earlier.
            let limit = earliest(&self.ports, Some(index)).map_or(Picos::MAX, |(other, _)| other.max(time));
            let port = &mut self.ports[index];
            let step = port.schedule.next(self.plan, limit);
            port.next = match step {
                Next::Packet { at, .. } | Next::Control { at, .. } => Some(at),
                Next::Wait(until) => (until != Picos::MAX).then_some(until),
                Next::Done => None,
            };
            if port.schedule.has_finished() {
                // This may give ports something to do again.
                let finished = port.schedule.take_finished();
                self.finish(&finished);
            }
            let port = &mut self.ports[index];
            match step {
                Next::Wait(_) | Next::Done => {}
                Next::Control { at, entry, quanta } => {
                    let len = port
                        .crafter
                        .write_control(entry, quanta, &mut port.buffer, &mut port.mark);
                    return Some((at, index, len));
                }
                Next::Packet { at, lane, due } => {
                    let (plan, schedule) = (self.plan, &mut port.schedule);
                    let len = port
                        .crafter
                        .write(plan, schedule, lane, &due, at, &mut port.buffer, &mut port.mark);
                    let entry = &plan.entries[schedule.lanes()[lane].entry];
                    if due.position.is_last() && entry.work.is_closed_loop() {
                        let number = schedule.flow_mut(lane, &due).number;
                        schedule.complete(lane, due.flow, number, at);
                    }
                    return Some((at, index, len));
                }
            }
        }
    }

    /// Starts what waited for entries that have sent all they had.
    fn finish(&mut self, finished: &[(usize, Picos)]) {
        for (entry, last) in finished {
            let open = &mut self.open[*entry];
            open.0 = open.0.saturating_sub(1);
            open.1 = open.1.max(*last);
            let (0, end) = *open else { continue };
            for (index, follower) in self.plan.entries.iter().enumerate() {
                let Start::After { entry: awaited, delay } = follower.start else {
                    continue;
                };
                if awaited == *entry {
                    let start = end.saturating_add(delay);
                    for port in &mut self.ports {
                        port.schedule.activate(self.plan, index, start);
                        port.next = Some(port.next.map_or(start, |next| next.min(start)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BitRate;
    use crate::wire::stamp::Stamp;
    use crate::wire::{Frame, icrc};
    use proptest::prelude::*;

    fn plan_of(text: &str) -> Plan {
        let pattern = crate::pattern::parse("test", text, &[]).unwrap();
        let testbed = crate::plan::tests::testbed(3);
        crate::plan::build(&pattern, &testbed, &[BitRate(100_000_000_000); 3]).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        /// Whatever frame a buffer held before, the next one is valid: its ICRC, computed over all
        /// of it, is the one that was composed of contributions.
        #[test]
        fn every_frame_has_the_icrc_of_its_bytes(
            size in prop_oneof![1u32..200, 250u32..9000],
            verb in prop_oneof![Just("put"), Just("put-with-signal"), Just("send"), Just("send-with-immediate")],
            pmtu in prop_oneof![Just(256), Just(1024), Just(4096)],
            ip in prop_oneof![Just(4), Just(6)],
            tags in 0usize..3,
            first_psn in prop_oneof![Just(0u32), Just(0x00ff_fffd)],
            entropy in prop_oneof![Just("per-qp"), Just("per-message"), Just("per-packet")],
            ack in prop_oneof![Just("last"), Just("all"), Just("never")],
        ) {
            let vlan = ["[]", "[{vid: 100, pcp: 3}]", "[{tpid: 0x88a8, vid: 5}, {vid: 7, pcp: 5}]"][tags];
            let text = format!(
                "traffic:\n- {{kind: transfer, message: {size}B, count: 5, verb: {verb}, qps: 2, to: 2}}\n\
                 - {{kind: transfer, message: 4096B, count: 6, from: 0, to: 1}}\n\
                 frame: {{ip: {ip}, pmtu: {pmtu}, vlan: {vlan}, first_psn: {first_psn}, source_port: {entropy}, ack_req: {ack}, dscp: 5, ecn: ect1, ttl: 3}}\n"
            );
            let plan = plan_of(&text);
            let mut unroll = Unroll::new(&plan);
            let mut n = 0u64;
            let mut last = Picos::ZERO;
            while let Some(frame) = unroll.next() {
                let Frame::Roce(packet) = Frame::parse(frame.bytes).unwrap() else { panic!("not RoCEv2") };
                prop_assert_eq!(icrc::icrc(packet.icrc_region()), Some(packet.icrc_on_wire()));
                prop_assert_eq!(usize::from(packet.vlan_tags()), tags);
                if let Some(stamp) = Stamp::parse(packet.payload(), plan.magic) {
                    prop_assert_eq!(stamp.departure, frame.at);
                    prop_assert_eq!(stamp.seq & 0xff_ffff, u64::from(packet.psn()));
                } else {
                    prop_assert!(packet.payload().len() < 24);
                }
                prop_assert!(frame.at >= last);
                last = frame.at;
                n += 1;
            }
            let planned: u64 = plan.summary().entries.iter().map(|entry| entry.packets).sum();
            prop_assert_eq!(n, planned);
        }
    }

    #[test]
    fn after_waits_for_the_last_frame_of_all_ports() {
        let plan = plan_of(
            "traffic:\n- {name: a, kind: incast, senders: 2, receiver: 2, message: 100KB}\n\
             - {name: b, kind: transfer, from: 0, to: 2, message: 4KiB, count: 1, after: a, delay: 3us}\n",
        );
        let mut unroll = Unroll::new(&plan);
        let mut times = Vec::new();
        while let Some(frame) = unroll.next() {
            times.push(frame.at);
        }
        let [.., before, b] = times[..] else {
            panic!("too few frames")
        };
        assert_eq!(b, before + Picos::from_micros(3));
        assert_eq!(times.len(), 2 * 25 + 1);
    }
}
