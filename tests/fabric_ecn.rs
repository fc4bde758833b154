//! Marking: its curve over depth, at enqueue and at dequeue; ECMP: each flow on one path.

mod fabric_kit;

use std::collections::BTreeMap;

use fabric_kit::{Said, Senders, Trace, fabric, number, pfc, sender};

const LEN: usize = 1226;

/// A switch that holds `frames` frames of host 0 for host 1, then lets them go.
fn filled(ecn: &str, frames: u32, seed: u64) -> Trace {
    let yaml = format!("{{propagation: 0, switch: {{latency: 0, pfc: none, ecn: {ecn}}}}}");
    let mut fabric = fabric(&yaml, 2, seed);
    let mut senders = Senders::new(2);
    // 0xFFFF quanta are 83.9 us; the frames take 25 ns each.
    senders.queues[1].push_back((0, pfc(&[(3, 0xffff)])));
    for number in 0..frames {
        senders.push(
            0,
            &Said {
                number,
                ..Said::new(0, 1, LEN)
            },
        );
    }
    senders.run(&mut fabric, u64::MAX)
}

fn marked(trace: &Trace) -> Vec<bool> {
    trace
        .received
        .iter()
        .map(|(_, _, frame)| frame.0[15] & 3 == 3)
        .collect()
}

#[test]
fn a_step_is_exact_at_both_ends_of_the_queue() {
    // 100 frames; the k-th (from 0) finds k before it and leaves 99 - k behind it. 49 040 bytes are
    // 40 frames: 40 are not above it, 41 are.
    let enqueue = marked(&filled("{kmin: 49040}", 100, 1));
    let dequeue = marked(&filled("{kmin: 49040, at: dequeue}", 100, 1));
    for k in 0..100 {
        assert_eq!((enqueue[k], dequeue[k]), (k > 40, 99 - k > 40), "frame {k}");
    }
}

#[test]
fn the_slope_is_a_line_to_pmax_and_then_all() {
    // Kmin 20 frames, Kmax 80, Pmax 40 %: in 400 runs each depth is seen 400 times.
    let ecn = format!("{{kmin: {}, kmax: {}, pmax: 40%}}", 20 * LEN, 80 * LEN);
    let mut counts = vec![0_u32; 100];
    for seed in 0..400 {
        for (count, marked) in counts.iter_mut().zip(marked(&filled(&ecn, 100, seed))) {
            *count += u32::from(marked);
        }
    }
    let mut chi_squared = 0.0;
    for (depth, count) in counts.into_iter().enumerate() {
        let p = match depth {
            0..=20 => 0.0,
            21..=80 => 0.4 * (depth as f64 - 20.0) / 60.0,
            _ => 1.0,
        };
        if p == 0.0 || p == 1.0 {
            assert_eq!(f64::from(count), 400.0 * p, "depth {depth}");
        } else {
            chi_squared += (f64::from(count) - 400.0 * p).powi(2) / (400.0 * p * (1.0 - p));
        }
    }
    // Sixty independent binomials: mean 60, sigma sqrt(120) = 11. Four of them on either side.
    assert!((chi_squared - 60.0).abs() < 44.0, "{chi_squared}");
}

#[test]
fn only_ecn_capable_frames_of_its_classes_are_marked() {
    let run = |ecn: &str, codepoint: u8, class: u8| {
        let mut fabric = fabric(&format!("{{switch: {{pfc: none, ecn: {ecn}}}}}"), 3, 1);
        let mut senders = Senders::new(3);
        for number in 0..50 {
            for from in 0..2 {
                senders.push(
                    0,
                    &Said {
                        number,
                        class,
                        ecn: codepoint,
                        ..Said::new(from, 2, LEN)
                    },
                );
            }
        }
        let trace = senders.run(&mut fabric, u64::MAX);
        let counted = fabric.counters().switches[0].ports[2].classes[0].marked_frames;
        (marked(&trace).into_iter().filter(|marked| *marked).count(), counted)
    };
    let (ect0, ect1) = (run("{kmin: 20KB}", 2, 3), run("{kmin: 20KB}", 1, 3));
    assert!(ect0.0 > 20 && ect0.0 as u64 == ect0.1);
    assert_eq!(ect0, ect1);
    assert_eq!(run("{kmin: 20KB}", 0, 3), (0, 0));
    // CE from the start: nothing to mark.
    assert_eq!(run("{kmin: 20KB}", 3, 3), (100, 0));
    assert_eq!(run("{kmin: 20KB, classes: 4-5}", 2, 3), (0, 0));
    assert_eq!(run("{kmin: 20KB, classes: 4-5}", 2, 4), ect0);
    assert_eq!(run("none", 2, 3), (0, 0));
}

/// 256 flows, four frames each, from every host of leaf 0 to every host of leaf 1.
fn spread(yaml: &str, hosts: usize, seed: u64) -> (Trace, squall::fabric::Counters) {
    let mut fabric = fabric(yaml, hosts, seed);
    let mut senders = Senders::new(hosts);
    for number in 0..4 {
        for flow in 0..256 {
            let from = usize::from(flow) % (hosts / 2);
            let said = Said {
                number,
                port: 0xc000 + flow,
                ..Said::new(from, hosts / 2 + from, LEN)
            };
            senders.push(0, &said);
        }
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    (trace, fabric.counters())
}

#[test]
fn each_flow_stays_on_one_path_and_all_uplinks_are_used() {
    let yaml = "{topology: leaf-spine, leaves: 2, spines: 4, switch: {ecn: none}}";
    let mut share = vec![0; 4];
    for seed in 0..20 {
        let (trace, counters) = spread(yaml, 16, seed);
        assert_eq!(trace.received.len(), 1024);
        let uplinks = |leaf: usize| counters.switches[leaf].ports[8..].iter();
        let flows: Vec<u64> = uplinks(0).map(|port| port.flows.expect("an uplink")).collect();
        // A flow on two paths would be counted on both.
        assert_eq!(flows.iter().sum::<u64>(), 256);
        for (share, (port, flows)) in share.iter_mut().zip(uplinks(0).zip(&flows)) {
            assert_eq!(port.classes[0].sent_frames, 4 * flows);
            *share += flows;
        }
        assert!(uplinks(1).all(|port| port.flows == Some(0)), "nothing goes back");
        // And each is in order.
        let mut last: BTreeMap<(usize, u16), u32> = BTreeMap::new();
        for (_, _, frame) in &trace.received {
            let port = u16::from_be_bytes([frame.0[34], frame.0[35]]);
            let before = last.insert((sender(frame), port), number(frame));
            assert!(before.is_none_or(|before| before < number(frame)));
        }
    }
    // 5120 choices of four: chi-squared with 3 degrees of freedom, 99.9 % below 16.3.
    let chi_squared: f64 = share.iter().map(|&got| (got as f64 - 1280.0).powi(2) / 1280.0).sum();
    assert!(chi_squared < 16.3, "{share:?}");
}

#[test]
fn choices_of_two_tiers_do_not_depend_on_each_other() {
    // Two pods; each spine has two of the four cores. Were the hashes the same, each spine would use
    // one of its cores only.
    let yaml = "{topology: clos, pods: 2, leaves: 1, spines: 2, cores: 4, switch: {ecn: none}}";
    let (trace, counters) = spread(yaml, 16, 1);
    assert_eq!(trace.received.len(), 1024);
    for spine in &counters.switches[2..4] {
        let to_cores: Vec<u64> = spine.ports[1..]
            .iter()
            .map(|port| port.flows.expect("a link"))
            .collect();
        assert!(to_cores.iter().all(|flows| *flows > 32), "{to_cores:?}");
        let expected: Vec<&str> = if spine.name == "spine0" {
            vec!["core0", "core2"]
        } else {
            vec!["core1", "core3"]
        };
        assert_eq!(
            spine.ports[1..].iter().map(|port| port.to.as_str()).collect::<Vec<_>>(),
            expected
        );
    }
    let received = |name: &str| {
        let switch = counters
            .switches
            .iter()
            .find(|switch| switch.name == name)
            .expect("there");
        switch
            .ports
            .iter()
            .flat_map(|port| &port.classes)
            .map(|class| class.received_frames)
            .sum::<u64>()
    };
    assert_eq!(
        ["core0", "core1", "core2", "core3"].map(received).iter().sum::<u64>(),
        1024
    );
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let yaml = "{topology: leaf-spine, leaves: 2, spines: 2, switch: {ecn: {kmin: 5KB, kmax: 100KB, pmax: 50%}},
        faults: [{at: leaf0, drop: {probability: 2%}}, {at: host1, corrupt: {probability: 5%}}]}";
    let run = |seed| {
        let (trace, counters) = spread(yaml, 8, seed);
        (trace, serde_json::to_string(&counters).expect("plain numbers"))
    };
    assert_eq!(run(1), run(1));
    let (one, other) = (run(1), run(2));
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
}
