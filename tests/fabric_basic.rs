//! The fabric's rules one by one, against times and counts written out by hand.

mod fabric_kit;

use fabric_kit::{Said, Senders, fabric, pfc};

/// 1226 bytes are 1250 on the wire: 25 ns at 400 Gb/s.
const LEN: usize = 1226;
const WIRE: u64 = 25_000;

#[test]
fn one_frame_takes_wire_time_propagation_and_latency() {
    let mut fabric = fabric("{propagation: 50ns, switch: {latency: 600ns}}", 2, 1);
    let mut senders = Senders::new(2);
    senders.push(1000, &Said::new(0, 1, LEN));
    let trace = senders.run(&mut fabric, u64::MAX);
    // Link, switch, link.
    let arrival = 1000 + (WIRE + 50_000) + 600_000 + (WIRE + 50_000);
    assert_eq!(trace.sent, [(1000, 0, 0)]);
    assert_eq!(trace.received, [(arrival, 1, Said::new(0, 1, LEN).frame())]);
    assert_eq!(fabric.in_flight(), 0);
}

#[test]
fn a_step_marks_every_frame_above_it() {
    // Two senders at once fill the queue by one frame each two frame times.
    let mut fabric = fabric("{switch: {ecn: {kmin: 50KB}, pfc: none}}", 3, 1);
    let mut senders = Senders::new(3);
    for number in 0..100 {
        for from in 0..2 {
            senders.push(
                0,
                &Said {
                    number,
                    ..Said::new(from, 2, LEN)
                },
            );
        }
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received.len(), 200);
    // Pairs join at the same time, once in 25 ns, in which one frame leaves: the k-th pair (from 0)
    // finds k frames before it, the last of which is being sent, and k + 1.
    for (index, (_, _, frame)) in trace.received.iter().enumerate() {
        let (pair, second) = (index / 2, index % 2);
        let depth = (pair + second) * LEN;
        let marked = frame.0[15] & 3 == 3;
        assert_eq!(marked, depth > 50_000, "frame {index} found {depth} bytes");
    }
    let marked = fabric.counters().switches[0].ports[2].classes[0].marked_frames;
    assert_eq!(
        marked,
        u64::try_from((0..200).filter(|i| (i / 2 + i % 2) * LEN > 50_000).count()).unwrap()
    );
}

#[test]
fn xoff_and_xon_come_at_their_thresholds() {
    let yaml = "{propagation: 0, switch: {latency: 0, ecn: none, pfc: {xoff: 20KB, xon: 10KB, headroom: 50KB}}}";
    let mut fabric = fabric(yaml, 3, 1);
    let mut senders = Senders::new(3);
    for number in 0..200 {
        for from in 0..2 {
            senders.push(
                0,
                &Said {
                    number,
                    ..Said::new(from, 2, LEN)
                },
            );
        }
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received.len(), 400, "nothing is lost");
    assert_eq!(fabric.counters().lost.total(), 0);
    // Host 0's k-th frame joins at 25 k ns. Of each port one of two leaves: after the 32nd frame
    // (16 left, one each 50 ns) there are more than 20 000 bytes, and not before.
    let first = trace.pauses.iter().find(|pause| pause.1 == 0).expect("a pause");
    assert_eq!((first.2, first.3), (1 << 3, 1 << 3));
    let resumed = trace
        .pauses
        .iter()
        .find(|pause| pause.1 == 0 && pause.3 == 0)
        .expect("a resume");
    assert!(resumed.0 > first.0);
}

#[test]
fn a_host_stops_the_switch() {
    let mut fabric = fabric("{propagation: 0, switch: {latency: 0}}", 2, 1);
    let mut senders = Senders::new(2);
    // 1000 quanta of 512 bits at 400 Gb/s: 1.28 us, from 84 bytes (1.68 ns) on.
    senders.queues[1].push_back((0, pfc(&[(3, 1000)])));
    senders.push(0, &Said::new(0, 1, LEN));
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received[0].0, 1_680 + 1_280_000 + WIRE);
}
