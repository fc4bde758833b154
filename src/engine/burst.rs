//! Middle packets, a burst at a time.
//!
//! Contract: [`Burst::write`] makes the frames that [`Crafter::write`](crate::engine::craft::Crafter::write) makes of the
//! same packets, and leaves QPs as [`Lane::take`](crate::transport::lane::Lane::take) does: either may go on where the
//! other has stopped. What is the same for a burst is looked up once.
//!
//! Left out on purpose: packets that are First, Last or Only, and whose turn it is.

use crate::transport::flow::TxFlow;
use crate::wire::template::{MessageFields, MiddleFields, Middles, PortChange, Route};

/// Writes the Middle packets of one lane that leave at one time.
pub struct Burst<'a> {
    pub(super) middles: Middles<'a>,
    /// Of the lane's pairs.
    pub(super) routes: &'a [Route],
    pub(super) port_change: &'a PortChange,
    /// Payload bytes of each.
    pub(super) pmtu: u32,
}

impl Burst<'_> {
    /// Bytes of each frame without FCS.
    #[inline(always)]
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.middles.frame_len()
    }

    /// Writes the next packets of `flows`, whose turns come in the given `order`, into `buffers`, each with its mark (see
    /// [`Shape::write`](crate::wire::template::Shape::write)): until a packet is no Middle one, turns have come to an end, or
    /// buffers have. Returns how many.
    // A function of its own: its loop needs all registers.
    #[inline(never)]
    pub fn write<'f>(
        &self,
        flows: &mut [TxFlow],
        order: &[u32],
        buffers: impl Iterator<Item = (&'f mut [u8], &'f mut u64)>,
    ) -> usize {
        let (middles, routes, pmtu) = (self.middles, self.routes, self.pmtu);
        let mut written = 0;
        for (index, (bytes, mark)) in order.iter().zip(buffers) {
            let Some(flow) = flows.get_mut(*index as usize) else {
                break;
            };
            if !flow.is_in_the_middle(pmtu) {
                break;
            }
            if !flow.has_base {
                self.begin(flow);
            }
            let Some(route) = routes.get(flow.pair as usize) else {
                break;
            };
            let packet = MiddleFields {
                source_port: flow.source_port,
                qpn: flow.qpn,
                number: flow.number,
                seq: flow.seq,
                base: flow.middle_base,
            };
            flow.middle_base = middles.write(route, &packet, bytes, mark);
            flow.advance(pmtu);
            written += 1;
        }
        written
    }

    /// Works out what goes from one packet of a message to the next.
    #[cold]
    #[inline(never)]
    fn begin(&self, flow: &mut TxFlow) {
        let message = MessageFields {
            number: flow.number,
            word: flow.number,
            va: flow.va,
            dma_len: flow.message_len,
        };
        let register = flow.register ^ self.port_change.between(0, flow.source_port);
        flow.middle_base = self.middles.shape().base(register, &message, flow.seq);
        flow.has_base = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::engine::craft::tests::Frames;
    use crate::plan::Plan;
    use crate::units::{BitRate, Picos};

    /// Frames until a streak ends, at most `most` and as many as there are buffers; how many.
    fn streak(frames: &mut Frames, plan: &Plan, now: Picos, most: usize) -> usize {
        let Some(lane) = frames.schedule.streak(now) else {
            return 0;
        };
        let entry = frames.schedule.lanes()[lane].entry;
        let Some(burst) = frames.crafter.burst(plan, entry, lane, now) else {
            return 0;
        };
        let len = burst.frame_len();
        // Every buffer once: each frame is copied before its buffer serves again.
        let most = most.min(frames.buffers.len());
        let first = frames.made.len() % frames.buffers.len();
        frames.buffers.rotate_left(first);
        let buffers = &mut frames.buffers;
        let taken = frames.schedule.take_middles(plan, lane, now, most, |flows, order| {
            let buffers = buffers.iter_mut().map(|(bytes, mark)| (&mut bytes[..], mark));
            burst.write(flows, order, buffers)
        });
        let made = frames.buffers[..taken].iter().map(|(bytes, _)| bytes[..len].to_vec());
        frames.made.extend(made);
        frames.buffers.rotate_right(first);
        taken
    }

    /// ICRC bit by bit, with the masked fields written out again.
    fn icrc_by_bits(frame: &[u8], tags: usize) -> [u8; 4] {
        let mut l3 = frame[14 + 4 * tags..frame.len() - 4].to_vec();
        let ip_len = if l3[0] >> 4 == 4 {
            [1, 8, 10, 11].iter().for_each(|at| l3[*at] = 0xff);
            20
        } else {
            l3[0] |= 0x0f;
            [1, 2, 3, 7].iter().for_each(|at| l3[*at] = 0xff);
            40
        };
        [6, 7, 12].iter().for_each(|at| l3[ip_len + at] = 0xff);
        let mut register = u32::MAX;
        for byte in [0xff; 8].into_iter().chain(l3) {
            register ^= u32::from(byte);
            for _ in 0..8 {
                register = (register >> 1) ^ (0xedb8_8320 & (register & 1).wrapping_neg());
            }
        }
        (!register).to_le_bytes()
    }

    prop_compose! {
        /// A pattern whose first port sends as fast as it can, and its VLAN tags.
        fn pattern()(
            pmtu in prop::sample::select(&[256u32, 512, 1024, 2048, 4096][..]),
            message in 1u32..60_000,
            count in 1u32..12,
            qps in prop_oneof![Just(1u32), 2u32..6, 60u32..70],
            pairs in prop_oneof![Just(1u32), 2u32..4],
            verb in prop::sample::select(&["put", "put-with-signal", "send", "send-with-immediate"][..]),
            split in prop::sample::select(&["none", "qps"][..]),
            first_psn in prop_oneof![Just(0u32), 0xff_ff00u32..=0xff_ffff, 0u32..0xff_ffff],
            ack_req in prop::sample::select(&["last", "never", "all", "{every: 3}"][..]),
            port in prop::sample::select(&["per-qp", "per-message", "per-packet", "{fixed: 49999}"][..]),
            ip in prop::sample::select(&[4u32, 6][..]),
            tags in 0usize..3,
            seed in any::<u32>(),
        ) -> (String, usize) {
            // The last part of a message that is cut may have no byte left, which a SEND cannot carry.
            let split = if verb == "send" { "none" } else { split };
            let vlan = ["", ", vlan: 9", ", vlan: [{vid: 7, tpid: 0x88a8}, {vid: 9, pcp: 3}]"][tags];
            let text = format!(
                "seed: {seed}\ntraffic:\n- {{kind: alltoall, ranks: {}, experts: {}, top_k: 1, hidden: {}, precision: 1, \
                 batch: 1, mode: low-latency, padded_tokens: 1, iterations: {count}, verb: {verb}, qps: {qps}, \
                 split: {split}, rate: max}}\n\
                 frame: {{pmtu: {pmtu}, first_psn: {first_psn}, ack_req: {ack_req}, source_port: {port}, ip: {ip}{vlan}}}\n",
                pairs + 1, pairs + 1, message,
            );
            (text, tags)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the plan and however bursts fall, both ways make the same frames and leave the same counts, and
        /// every frame's ICRC is right.
        #[test]
        fn a_burst_is_what_its_packets_are(
            (text, tags) in pattern(),
            bursts in prop::collection::vec((0usize..9, 1usize..90), 1..40),
        ) {
            let pattern = crate::pattern::parse("test", &text, &[]).unwrap();
            let testbed = crate::plan::tests::testbed(4);
            let plan = crate::plan::build(&pattern, &testbed, &[BitRate(10_000_000_000); 4]).unwrap();
            let (mut long, mut mixed) = (Frames::new(&plan), Frames::new(&plan));
            mixed.buffers.extend(std::iter::repeat_n((mixed.buffers[0].0.clone(), 0), 60));
            for (turn, (singles, most)) in (1..400u64).zip(bursts.iter().copied().cycle()) {
                let now = Picos(turn * 1_234_567_891);
                for _ in 0..singles {
                    mixed.one(&plan, now);
                }
                streak(&mut mixed, &plan, now, most);
                while long.made.len() < mixed.made.len() {
                    prop_assert!(long.one(&plan, now));
                }
                prop_assert_eq!(&long.made, &mixed.made);
                for frame in long.made.drain(..) {
                    prop_assert_eq!(&frame[frame.len() - 4..], icrc_by_bits(&frame, tags));
                }
                mixed.made.clear();
            }
            prop_assert_eq!(long.schedule.sent(), mixed.schedule.sent());
        }
    }

    /// Nearly all frames of long messages go the short way: were it not so, nothing above would be tested.
    #[test]
    fn middle_packets_go_in_bursts() {
        let text = "traffic:\n- {kind: transfer, from: 0, to: 1, message: 20000B, count: 40, qps: 3, rate: max}\n\
                    frame: {pmtu: 1024, first_psn: 0xfffff0, dscp: 3, vlan: [{vid: 9, pcp: 3}]}\n";
        let pattern = crate::pattern::parse("test", text, &[]).unwrap();
        let testbed = crate::plan::tests::testbed(2);
        let plan = crate::plan::build(&pattern, &testbed, &[BitRate(10_000_000_000); 2]).unwrap();
        let mut frames = Frames::new(&plan);
        let (mut now, mut streaks) = (Picos(1), 0);
        while frames.one(&plan, now) {
            streaks += streak(&mut frames, &plan, now, 64);
            now = Picos(now.0 + 1_000);
        }
        assert_eq!(frames.made.len(), 40 * 20);
        assert!(streaks > 500, "{streaks} frames went the short way");
    }
}
