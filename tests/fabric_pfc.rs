//! Pauses: how much headroom makes a class lossless, and what is said when.

mod fabric_kit;

use fabric_kit::{Said, Senders, fabric, pfc};
use proptest::prelude::*;

/// Wire time of so many bytes of frame, 24 more on the wire (IEEE 802.3 clause 4.4.2).
fn wire(gbps: u64, len: u64) -> u64 {
    (len + 24) * 8000 / gbps
}

/// A sender at full rate against a receiver that takes nothing, and a frame in the other direction
/// that delays the XOFF as long as `phase` lets it.
#[derive(Debug, Clone, Copy)]
struct Link {
    gbps: u64,
    propagation: u64,
    latency: u64,
    len: u64,
    reverse: u64,
    xoff: u64,
    /// Offset of the reverse frames.
    phase: u64,
}

impl Link {
    /// Frames lost with so much headroom, and the most that was held.
    fn run(&self, headroom: u64) -> (u64, u64) {
        let yaml = format!(
            "{{speed: {}Gbps, propagation: {}ps, switch: {{latency: {}ps, ecn: none, pfc: {{xoff: {}, headroom: {headroom}}}}}}}",
            self.gbps, self.propagation, self.latency, self.xoff
        );
        let mut fabric = fabric(&yaml, 3, 1);
        let mut senders = Senders::new(3);
        // Host 2 takes nothing for 2 ms. 0xFFFF quanta are 41.9 us at 800 Gb/s.
        for refresh in 0..100 {
            senders.queues[2].push_back((refresh * 20_000_000, pfc(&[(3, 0xffff)])));
        }
        let frames = (self.xoff + headroom) / self.len + 50;
        for number in 0..u32::try_from(frames).expect("few") {
            let len = usize::try_from(self.len).expect("short");
            senders.push(
                10_000_000,
                &Said {
                    number,
                    ..Said::new(0, 2, len)
                },
            );
        }
        // Host 1 keeps the switch's port to host 0 busy, in another class.
        let reverse = usize::try_from(self.reverse).expect("short");
        let until = 10_000_000 + frames * wire(self.gbps, self.len);
        for number in 0..u32::try_from(until / wire(self.gbps, self.reverse)).expect("few") + 100 {
            let at = self.phase + u64::from(number) * wire(self.gbps, self.reverse);
            senders.push(
                at,
                &Said {
                    class: 1,
                    number,
                    ..Said::new(1, 0, reverse)
                },
            );
        }
        let trace = senders.run(&mut fabric, 2_000_000_000);
        assert_eq!(trace.received.iter().filter(|(_, host, _)| *host == 2).count(), 0);
        let counters = fabric.counters();
        let port = &counters.switches[0].ports[0];
        let class = port.classes.iter().find(|class| class.class == 3).expect("class 3");
        assert_eq!(counters.lost.total(), class.lost.headroom);
        (class.lost.headroom, class.max_ingress_bytes)
    }

    /// Bytes above XOFF that arrive in the end, from IEEE 802.1Qbb's chain of delays.
    fn needed(&self) -> u64 {
        let (frame, pause) = (wire(self.gbps, self.len), wire(self.gbps, 60));
        let reverse = wire(self.gbps, self.reverse);
        // The k-th frame (from 0) leaves at 10 us + k w and joins w + P + S later. XOFF is exceeded by
        // the first for which (k + 1) L is above it.
        let first = self.xoff / self.len;
        let join = |k: u64| 10_000_000 + k * frame + frame + self.propagation + self.latency;
        let exceeded = join(first);
        // The reverse frames follow each other without a gap: the first that leaves the switch not
        // before `exceeded` would, but the XOFF goes before it.
        let reverse_start = self.phase + reverse + self.propagation + self.latency;
        let sent = match exceeded.checked_sub(reverse_start) {
            Some(since) => exceeded + (reverse - since % reverse) % reverse,
            None => exceeded,
        };
        let obeyed = sent + pause + self.propagation;
        // Frames that leave before that arrive.
        let leave = |k: u64| 10_000_000 + k * frame;
        let frames = (first..).take_while(|&k| leave(k) < obeyed).count() as u64;
        (first + frames) * self.len - self.xoff
    }

    /// Whether XOFF is exceeded at the moment when a reverse frame ends.
    fn ties(&self) -> bool {
        let frames = self.xoff / self.len + 1;
        let exceeded = 10_000_000 + frames * wire(self.gbps, self.len) + self.propagation + self.latency;
        let reverse = wire(self.gbps, self.reverse);
        (exceeded - self.phase - self.propagation - self.latency).is_multiple_of(reverse)
    }

    /// The bound that docs/FABRIC.md states.
    fn bound(&self) -> u64 {
        let on_the_way = (2 * self.propagation + self.latency) * self.gbps / 8000;
        on_the_way + (self.reverse + 24) + (60 + 24) + (self.len + 24) + self.len
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// IEEE 802.1Qbb: with the headroom that its delays ask for nothing is lost, with a byte less a
    /// frame is.
    #[test]
    fn headroom_is_enough_exactly_when_it_covers_the_delays(
        gbps in prop::sample::select(vec![25_u64, 100, 400, 800]),
        propagation in 0_u64..3_000_000,
        latency in 0_u64..1_500_000,
        len in 60_u64..4194,
        reverse in 60_u64..4194,
        xoff in 4_000_u64..200_000,
        phase in 0_u64..500_000,
    ) {
        let link = Link { gbps, propagation, latency, len, reverse, xoff, phase };
        // Of frames that come in and leave at the very same moment the order would decide.
        prop_assume!(!link.ties());
        let needed = link.needed();
        prop_assert!(needed <= link.bound(), "{needed} above the bound {}", link.bound());
        prop_assert_eq!(link.run(needed), (0, xoff + needed));
        let (lost, _) = link.run(needed - 1);
        prop_assert!(lost >= 1);
    }
}

#[test]
fn the_bound_is_nearly_reached() {
    // The worst phase of the reverse frames and of XOFF within a frame comes within a hundredth.
    let base = Link {
        gbps: 400,
        propagation: 500_000,
        latency: 600_000,
        len: 4170,
        reverse: 4170,
        xoff: 100_000,
        phase: 0,
    };
    let worst = (0..84)
        .flat_map(|phase| (0..40).map(move |xoff| (phase * 1000, 99_000 + 107 * xoff)))
        .map(|(phase, xoff)| Link { phase, xoff, ..base }.needed())
        .max();
    let worst = worst.expect("some");
    assert!(
        worst <= base.bound() && worst * 100 > base.bound() * 97,
        "{worst} of {}",
        base.bound()
    );
}

#[test]
fn pauses_are_said_again_and_end_by_themselves() {
    // Host 1 pauses class 3 with 1000 quanta (1.28 us at 400 Gb/s) at 0 and 1 us: held from 1.68 ns
    // on until 1 us + 1.68 ns + 1.28 us.
    let mut fabric = fabric("{propagation: 0, switch: {latency: 0}}", 2, 1);
    let mut senders = Senders::new(2);
    senders.queues[1].push_back((0, pfc(&[(3, 1000)])));
    senders.queues[1].push_back((1_000_000, pfc(&[(3, 1000)])));
    senders.push(0, &Said::new(0, 1, 1226));
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received[0].0, 1_001_680 + 1_280_000 + 25_000);
    let class = &fabric.counters().switches[0].ports[1].classes[0];
    assert_eq!(
        (class.xoff_received, class.xon_received, class.pause_received_ps),
        (2, 0, 2_280_000)
    );
}

#[test]
fn a_pause_holds_its_class_only_and_from_the_next_frame_on() {
    let mut fabric = fabric("{propagation: 0, switch: {latency: 0}}", 2, 1);
    let mut senders = Senders::new(2);
    // It takes effect at 30 ns + 1.68 ns, when the switch sends the first frame (25 to 50 ns).
    senders.queues[1].push_back((30_000, pfc(&[(3, 1000)])));
    for (number, class) in [(0, 3), (1, 3), (2, 4), (3, 3)] {
        senders.push(
            0,
            &Said {
                class,
                number,
                ..Said::new(0, 1, 1226)
            },
        );
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    let seen: Vec<(u64, u32)> = trace
        .received
        .iter()
        .map(|(at, _, frame)| (*at, fabric_kit::number(frame)))
        .collect();
    let end = 31_680 + 1_280_000;
    assert_eq!(seen, [(50_000, 0), (100_000, 2), (end + 25_000, 1), (end + 50_000, 3)]);
}

#[test]
fn resumed_by_zero_quanta_at_once() {
    let mut fabric = fabric("{propagation: 0, switch: {latency: 0}}", 2, 1);
    let mut senders = Senders::new(2);
    senders.queues[1].push_back((0, pfc(&[(3, 0xffff)])));
    senders.queues[1].push_back((500_000, pfc(&[(3, 0)])));
    senders.push(0, &Said::new(0, 1, 1226));
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received[0].0, 501_680 + 25_000);
    let class = &fabric.counters().switches[0].ports[1].classes[0];
    assert_eq!(class.pause_received_ps, 500_000);
}

#[test]
fn a_switch_says_xoff_and_xon_at_the_byte() {
    // Without propagation and latency frame k of host 0 joins at 25 (k + 1) ns. The receiver holds
    // all until 10.00168 us, then takes one in 25 ns.
    let mut fabric = fabric(
        "{propagation: 0, switch: {latency: 0, ecn: none, pfc: {xoff: 12260, xon: 6130}}}",
        2,
        1,
    );
    let mut senders = Senders::new(2);
    senders.queues[1].push_back((0, pfc(&[(3, 0xffff)])));
    senders.queues[1].push_back((10_000_000, pfc(&[(3, 0)])));
    for number in 0..40 {
        senders.push(
            100_000,
            &Said {
                number,
                ..Said::new(0, 1, 1226)
            },
        );
    }
    let trace = senders.run(&mut fabric, 10_400_000);
    // 10 frames are 12 260 bytes; the eleventh exceeds XOFF when it joins. XON at 6130 bytes: 5 frames.
    // What was held: 11, and one that had begun to leave when the XOFF came.
    let xoff = 100_000 + 11 * 25_000;
    let xon = 10_001_680 + (12 - 5) * 25_000;
    assert_eq!(trace.pauses, [(xoff + 1_680, 0, 8, 8), (xon + 1_680, 0, 8, 0)]);
}

#[test]
fn a_full_shared_buffer_pauses_lossless_classes_below_xoff() {
    // Shared: 700 KB less 5 x 60 KB. Four senders against a receiver that takes nothing; XOFF is far.
    let yaml = "{switch: {buffer: 700KB, ecn: none, pfc: {xoff: 300KB, headroom: 60KB}}, propagation: 0}";
    let mut fabric = fabric(yaml, 5, 1);
    let mut senders = Senders::new(5);
    for refresh in 0..200 {
        senders.queues[4].push_back((refresh * 50_000_000, pfc(&[(3, 0xffff)])));
    }
    for from in 0..4 {
        for number in 0..200 {
            senders.push(
                0,
                &Said {
                    number,
                    ..Said::new(from, 4, 1226)
                },
            );
        }
    }
    senders.run(&mut fabric, 9_000_000_000);
    let counters = fabric.counters();
    let switch = &counters.switches[0];
    assert_eq!((counters.lost.total(), switch.max_shared_bytes), (0, 400_000));
    for port in &switch.ports[..4] {
        assert!(port.classes[0].max_ingress_bytes < 160_000 && port.classes[0].xoff_sent > 0);
    }
}

#[test]
fn other_mac_control_frames_are_counted_and_go_nowhere() {
    let mut fabric = fabric("{}", 2, 1);
    let mut senders = Senders::new(2);
    let mut pause = pfc(&[]);
    pause.0[15] = 0x01; // PAUSE (IEEE 802.3 annex 31B): opcode 0x0001.
    pause.0[14] = 0x00;
    senders.queues[0].push_back((0, pause));
    let mut short = pfc(&[(3, 1)]);
    short.0.truncate(20);
    senders.queues[0].push_back((0, short));
    let trace = senders.run(&mut fabric, u64::MAX);
    assert!(trace.received.is_empty() && fabric.in_flight() == 0);
    let counters = fabric.counters();
    assert_eq!(counters.switches[0].ports[0].control_ignored, 2);
    assert_eq!((counters.frames_sent, counters.lost.total()), (0, 0));
}
