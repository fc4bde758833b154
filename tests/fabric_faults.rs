//! Planted faults strike in exact number, and a frame is never unaccounted for.

mod fabric_kit;

use fabric_kit::{Said, Senders, Trace, fabric, number};
use squall::fabric::Counters;

const LEN: usize = 1226;
const WIRE: u64 = 25_000;

/// `count` frames from host 0 to host 1 as fast as they go.
fn stream(yaml: &str, hosts: usize, count: u32) -> (Trace, Counters) {
    let mut fabric = fabric(yaml, hosts, 1);
    let mut senders = Senders::new(hosts);
    for number in 0..count {
        let said = Said {
            number,
            ..Said::new(0, hosts - 1, LEN)
        };
        senders.push(0, &said);
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    let counters = fabric.counters();
    let accounted = counters.frames_received + counters.lost.total() + counters.frames_inside;
    assert_eq!(counters.frames_sent + counters.frames_duplicated, accounted);
    assert_eq!(counters.frames_sent, trace.sent.len() as u64);
    assert_eq!(counters.frames_received, trace.received.len() as u64);
    (trace, counters)
}

fn numbers(trace: &Trace) -> Vec<u32> {
    trace.received.iter().map(|(_, _, frame)| number(frame)).collect()
}

#[test]
fn no_fault_none_struck() {
    let (trace, counters) = stream("{}", 2, 1000);
    assert_eq!(numbers(&trace), (0..1000).collect::<Vec<_>>());
    assert_eq!(counters.lost.total(), 0);
    assert_eq!(counters.faults, []);
}

#[test]
fn every_nth_is_dropped_on_a_link_and_in_a_switch() {
    for at in ["host0", "switch0", "switch0-host1"] {
        let yaml = format!("{{faults: [{{at: {at}, drop: {{every: 7}}}}]}}");
        let (trace, counters) = stream(&yaml, 2, 1000);
        let kept: Vec<u32> = (0..1000).filter(|number| (number + 1) % 7 != 0).collect();
        assert_eq!(numbers(&trace), kept, "{at}");
        assert_eq!((counters.lost.planted, counters.faults[0].frames), (142, 142), "{at}");
    }
}

#[test]
fn dropped_at_random_within_four_sigma() {
    let (trace, counters) = stream("{faults: [{at: host0, drop: {probability: 5%}}]}", 2, 20_000);
    // Binomial(20 000, 0.05): mean 1000, sigma 30.8.
    let lost = 20_000 - trace.received.len();
    assert!(lost.abs_diff(1000) < 124, "{lost}");
    assert_eq!(u64::try_from(lost).unwrap(), counters.faults[0].frames);
}

#[test]
fn a_duplicate_follows_its_frame() {
    let (trace, counters) = stream("{faults: [{at: host0, duplicate: {every: 10}}]}", 2, 100);
    let mut expected = Vec::new();
    for number in 0..100 {
        expected.push(number);
        if number % 10 == 9 {
            expected.push(number);
        }
    }
    assert_eq!(numbers(&trace), expected);
    assert_eq!((counters.frames_duplicated, counters.faults[0].frames), (10, 10));
}

#[test]
fn a_held_frame_is_overtaken_by_as_many_as_said() {
    let (trace, counters) = stream("{faults: [{at: switch0, reorder: {every: 10, by: 3}}]}", 2, 100);
    let mut expected: Vec<u32> = Vec::new();
    for ten in 0..10 {
        // The tenth of each comes three late; the last has nothing behind it.
        let late = if ten == 0 { None } else { Some(10 * ten - 1) };
        for number in 10 * ten..10 * ten + 9 {
            expected.push(number);
            if number % 10 == 2 {
                expected.extend(late);
            }
        }
    }
    expected.push(99);
    assert_eq!(numbers(&trace), expected);
    assert_eq!(counters.faults[0].frames, 10);
    // The last one was let go 1 ms after it came in, which was a frame time after 98 did; that one
    // waited as long for 89, which had come in late before it.
    let (last, before) = (&trace.received[99], &trace.received[98]);
    assert_eq!((last.0 + WIRE) - before.0, 1_000_000_000 + WIRE);
}

#[test]
fn frames_of_other_flows_do_not_count_as_overtaking() {
    let mut fabric = fabric("{faults: [{at: switch0, reorder: {every: 3, by: 1}}]}", 3, 1);
    let mut senders = Senders::new(3);
    // In the order of arrival: 0, 1 | 2 is held | 3 4 5 of another flow, of which 5 is held too | 6.
    for (index, from) in [0, 0, 0, 1, 1, 1, 0].into_iter().enumerate() {
        let number = u32::try_from(index).unwrap();
        let at = u64::from(number) * 100_000;
        senders.push(
            at,
            &Said {
                number,
                ..Said::new(from, 2, LEN)
            },
        );
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(numbers(&trace), [0, 1, 3, 4, 6, 2, 5]);
}

#[test]
fn one_bit_is_flipped_behind_the_bth() {
    let (trace, counters) = stream("{faults: [{at: host0, corrupt: {every: 4}}]}", 2, 400);
    let mut flipped = 0;
    let mut places = std::collections::BTreeSet::new();
    for (number, (_, _, frame)) in (0..).zip(&trace.received) {
        let said = Said {
            number,
            ..Said::new(0, 1, LEN)
        };
        let whole = said.frame();
        let differing = frame.0.iter().zip(&whole.0).enumerate();
        let bits: u32 = differing.clone().map(|(_, (a, b))| (a ^ b).count_ones()).sum();
        // Ethernet 14, IPv4 20, UDP 8, BTH 12.
        places.extend(differing.filter(|(_, (a, b))| a != b).map(|(at, _)| at));
        assert_eq!(bits, u32::from(number % 4 == 3), "frame {number}");
        flipped += u64::from(bits);
    }
    assert!(places.len() > 50 && places.first() >= Some(&54) && places.last() < Some(&LEN));
    assert_eq!((flipped, counters.faults[0].frames), (100, 100));
}

#[test]
fn faults_at_one_place_act_in_order() {
    // Duplicated first, then every second dropped: of 1 1' the copy, of 2 2' the copy.
    let yaml = "{faults: [{at: host0, duplicate: {every: 1}}, {at: host0, drop: {every: 2}}]}";
    let (trace, counters) = stream(yaml, 2, 50);
    assert_eq!(numbers(&trace), (0..50).collect::<Vec<_>>());
    assert_eq!((counters.faults[0].frames, counters.faults[1].frames), (50, 50));
}

#[test]
fn a_dead_link_loses_what_is_on_it() {
    // Frames leave at 0, 25, 50, … ns, and are on the link for 25 + 50 ns. Down from 1000 to 2000:
    // lost are those that leave from 925 on (still there at 1000) to before 2000.
    let yaml = "{propagation: 50ns, faults: [{at: host0, link_down: {from: 1us, to: 2us}}]}";
    let (trace, counters) = stream(yaml, 2, 200);
    let kept: Vec<u32> = (0..200)
        .filter(|number| !(925..2000).contains(&(number * 25)))
        .collect();
    assert_eq!(numbers(&trace), kept);
    assert_eq!(counters.lost.link_down, 43);
    assert_eq!(counters.faults[0].frames, 43);
}

#[test]
fn a_link_at_half_speed_takes_twice_as_long() {
    // 1226 + 24 bytes take 25 ns at 400 Gbps and 50 ns at 200: frames queue for the slow link, and leave by its time.
    let yaml =
        "{topology: leaf-spine, leaves: 2, spines: 1, propagation: 0, faults: [{at: leaf0-spine0, speed: 200Gbps}]}";
    let (trace, counters) = stream(yaml, 2, 100);
    let arrivals: Vec<u64> = trace.received.iter().map(|(at, ..)| *at).collect();
    assert_eq!(arrivals.len(), 100);
    assert!(
        arrivals.windows(2).all(|pair| pair[1] - pair[0] == 2 * WIRE),
        "{arrivals:?}"
    );
    let speeds = |switch: usize| -> Vec<u64> {
        let ports = &counters.switches[switch].ports;
        ports.iter().map(|port| port.speed_bps / 1_000_000_000).collect()
    };
    // Both ends of that link; leaf1, and the spine's link to it, are as they were.
    assert_eq!(
        (speeds(0), speeds(1), speeds(2)),
        (vec![400, 200], vec![400, 400], vec![200, 400])
    );
}

#[test]
fn routing_takes_a_dead_uplink_out_and_back() {
    let yaml = |detect: &str| {
        format!(
            "{{topology: leaf-spine, leaves: 2, spines: 1, propagation: 0, switch: {{latency: 0}}, faults: [
               {{at: leaf0-spine0, link_down: {{from: 1us, to: 2us{detect}}}}}]}}"
        )
    };
    // One spine: without it there is no way.
    let (_, counters) = stream(&yaml(""), 2, 200);
    let (fast, lost) = (counters.lost.no_route, counters.lost.link_down);
    assert!(fast > 30 && lost <= 2, "{fast} {lost}");
    // Undetected, all are lost on the link instead.
    let (_, counters) = stream(&yaml(", detect: 1ms"), 2, 200);
    let (slow, slow_lost) = (counters.lost.no_route, counters.lost.link_down);
    assert_eq!((slow, slow_lost), (0, fast + lost));
}

#[test]
fn a_second_uplink_takes_over() {
    let yaml = "{topology: leaf-spine, leaves: 2, spines: 2, faults: [
        {at: leaf0-spine0, link_down: {from: 1us}}, {at: leaf1-spine0, link_down: {from: 1ps, to: 2ps}}]}";
    for seed in 0..8 {
        let mut fabric = fabric(yaml, 2, seed);
        let mut senders = Senders::new(2);
        for number in 0..400 {
            let said = Said {
                number,
                port: 49_152 + u16::try_from(number % 16).unwrap(),
                ..Said::new(0, 1, LEN)
            };
            senders.push(0, &said);
        }
        let trace = senders.run(&mut fabric, u64::MAX);
        let counters = fabric.counters();
        // What was in the pipeline of spine0 goes down to leaf1 still.
        assert!(counters.lost.link_down <= 4, "{:?}", counters.lost);
        assert_eq!(counters.lost.total(), counters.lost.link_down);
        let late = trace.received.iter().filter(|(at, ..)| *at > 4_000_000).count();
        assert!(late > 200);
        let uplink = |index: usize| counters.switches[0].ports[index].flows;
        assert_eq!(uplink(2), Some(16), "all flows go by spine1 in the end");
    }
}

#[test]
fn a_stuck_pause_holds_the_other_end_and_is_refreshed() {
    // host1 pauses the switch from 1 us to 500 us: 0xFFFF quanta are 83.9 us, said again each 41.9.
    let yaml = "{propagation: 0, faults: [{at: host1, stuck_pause: {class: 3, from: 1us, to: 500us}}]}";
    let (trace, counters) = stream(yaml, 2, 100);
    assert_eq!(numbers(&trace), (0..100).collect::<Vec<_>>());
    let port = &counters.switches[0].ports[1].classes[0];
    // From the first XOFF's arrival (84 bytes, 1.68 ns) to the XON's, which no data frame delays.
    assert_eq!(port.pause_received_ps, 499_000_000);
    // At 1 us and then every 41.94 us up to 500 us: 1 + floor(499 / 41.9424) = 12.
    assert_eq!((port.xoff_received, port.xon_received), (12, 1));
    let nic = &counters.hosts[1].classes[0];
    assert_eq!((nic.xoff_sent, nic.xon_sent, nic.pause_sent_ps), (12, 1, 499_000_000));
    // Named the other way round, the switch pauses the host, who sees the frames.
    let yaml = "{propagation: 0, faults: [{at: switch0-host0, stuck_pause: {class: 3, from: 1us, to: 500us}}]}";
    let (trace, counters) = stream(yaml, 2, 100);
    assert_eq!(trace.pauses.len(), 13);
    assert_eq!(trace.pauses[0], (1_001_680, 0, 8, 8));
    assert_eq!(trace.pauses[12], (500_001_680, 0, 8, 0));
    assert_eq!(counters.hosts[0].classes[0].pause_received_ps, 499_000_000);
    // Sent before the pause: 0, 25, …, 1000 ns.
    assert_eq!(trace.sent.iter().filter(|(at, ..)| *at < 2_000_000).count(), 41);
}

#[test]
fn a_switch_may_ignore_its_marking() {
    let marked = |faults: &str| {
        let mut fabric = fabric(
            &format!("{{switch: {{ecn: {{kmin: 20KB}}, pfc: none}}, faults: [{faults}]}}"),
            3,
            1,
        );
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
        senders.run(&mut fabric, u64::MAX);
        fabric.counters().switches[0].ports[2].classes[0].marked_frames
    };
    // The i-th frame (pair i / 2) finds (i / 2 + i % 2) frames.
    let above = |bytes: usize| u64::try_from((0..200).filter(|i| (i / 2 + i % 2) * LEN > bytes).count()).unwrap();
    assert_eq!(marked(""), above(20_000));
    assert_eq!(marked("{at: switch0, ecn_ignored: none}"), 0);
    assert_eq!(marked("{at: switch0, ecn_ignored: {kmin: 80KB}}"), above(80_000));
}

#[test]
fn a_class_without_pfc_in_one_switch_is_lost_there_at_a_full_buffer() {
    // Three senders to one receiver: twice what leaves in a frame's time stays. The fabric's PFC keeps it lossless.
    let run = |fault: &str| {
        let yaml = format!("{{switch: {{buffer: 1MB, pfc: {{xoff: 50KB, headroom: 100KB}}}}, faults: [{fault}]}}");
        let mut fabric = fabric(&yaml, 4, 1);
        let mut senders = Senders::new(4);
        for number in 0..1000 {
            for from in 0..3 {
                senders.push(
                    0,
                    &Said {
                        number,
                        ..Said::new(from, 3, LEN)
                    },
                );
            }
        }
        senders.run(&mut fabric, u64::MAX);
        let counters = fabric.counters();
        let xoff = counters.switches[0].ports.iter().map(|port| port.classes[0].xoff_sent);
        (counters.lost, xoff.sum::<u64>(), counters.switches[0].max_shared_bytes)
    };
    let (lost, xoff, _) = run("");
    assert!(lost.total() == 0 && xoff > 0, "{lost:?} {xoff}");
    let (lost, xoff, used) = run("{at: switch0, pfc_ignored: 3}");
    assert!(
        lost.threshold + lost.buffer > 100 && lost.total() == lost.threshold + lost.buffer,
        "{lost:?}"
    );
    // No headroom is kept for it: with alpha 8 a frame joins while the queue with it is at most eight times what is free of the whole buffer.
    assert_eq!(xoff, 0);
    let (buffer, len) = (1_000_000, u64::try_from(LEN).unwrap());
    assert!(
        ((8 * buffer - len) / 9..=(8 * buffer + 8 * len) / 9).contains(&used),
        "{used}"
    );
    // Of a class that it does not carry this way nothing changes.
    let (lost, xoff, _) = run("{at: switch0, pfc_ignored: [0-2, 4-7]}");
    assert!(lost.total() == 0 && xoff > 0, "{lost:?} {xoff}");
}
