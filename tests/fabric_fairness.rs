//! Shares of a link and of a buffer: deficit round robin, max-min fairness, dynamic thresholds.

mod fabric_kit;

use std::collections::BTreeMap;

use fabric_kit::{Said, Senders, fabric, mac, number};
use squall::fabric::{Event, Fabric};
use squall::units::Picos;

#[test]
fn dwrr_gives_bytes_by_weight() {
    // Four backlogged classes with frames of different sizes.
    let yaml = "{switch: {ecn: none, pfc: none, scheduler: dwrr, weights: [1, 2, 5, 1, 1, 1, 1, 8]}}";
    let lens = [(0, 4170), (1, 1082), (2, 314), (7, 2106)];
    let mut fabric = fabric(yaml, 5, 1);
    let mut senders = Senders::new(5);
    for (from, (class, len)) in lens.into_iter().enumerate() {
        for number in 0..8_000_000 / u32::try_from(len).unwrap() {
            let said = Said {
                class,
                number,
                ..Said::new(from, 4, len)
            };
            senders.push(0, &said);
        }
    }
    // All queues are backlogged from 2 us on; with 8 MB each (160 us alone) and shares of 8/16 at
    // most, none runs empty before 320 us.
    let trace = senders.run(&mut fabric, 300_000_000);
    let mut bytes = BTreeMap::new();
    for (_, _, frame) in trace.received.iter().filter(|(at, ..)| *at > 2_000_000) {
        *bytes.entry(frame.0[15] >> 5).or_insert(0_u64) += frame.0.len() as u64;
    }
    let total: u64 = bytes.values().sum();
    for (class, weight) in [(0, 1), (1, 2), (2, 5), (7, 8)] {
        // Shreedhar and Varghese: what a flow gets is its share but for one quantum and one frame
        // on either side of the interval.
        let (share, bound) = (total * weight / 16, 2 * (4500 * weight + 4170));
        let got = bytes[&class];
        assert!(
            got.abs_diff(share) < bound,
            "class {class}: {got} of {total}, expected {share} ± {bound}"
        );
        assert!(bound * 20 < share, "the bound says something");
    }
}

#[test]
fn strict_priority_starves() {
    let mut fabric = fabric("{switch: {ecn: none, pfc: none}}", 3, 1);
    let mut senders = Senders::new(3);
    for number in 0..1000 {
        for (from, class) in [(0, 6), (1, 1)] {
            senders.push(
                0,
                &Said {
                    class,
                    number,
                    ..Said::new(from, 2, 1226)
                },
            );
        }
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    // Both come in together; the low one has the server for its first frame at most once.
    let low = |(_, _, frame): &&(u64, usize, fabric_kit::Bytes)| frame.0[15] >> 5 == 1;
    assert!(trace.received[..1000].iter().filter(low).count() <= 1);
    assert_eq!(trace.received.len(), 2000);
}

/// Max-min fair rates by filling up: all flows rise together until a link is full, whose flows then
/// stay (Bertsekas and Gallager, Data Networks, 6.5.2).
fn water_filling(capacity: &BTreeMap<&str, f64>, flows: &[Vec<&str>]) -> Vec<f64> {
    let mut rates = vec![None; flows.len()];
    while rates.iter().any(Option::is_none) {
        let room = |link: &str| {
            let users = |fixed: bool| {
                let rates = &rates;
                let on_it = flows.iter().zip(rates).filter(move |(flow, _)| flow.contains(&link));
                on_it.filter(move |(_, rate)| rate.is_some() == fixed)
            };
            let taken: f64 = users(true).filter_map(|(_, rate)| *rate).sum();
            let count = users(false).count();
            (count > 0).then(|| (capacity[link] - taken) / count as f64)
        };
        let (tightest, level) = capacity
            .keys()
            .filter_map(|link| Some((*link, room(link)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("flows use links");
        for (flow, rate) in flows.iter().zip(&mut rates) {
            if flow.contains(&tightest) && rate.is_none() {
                *rate = Some(level);
            }
        }
    }
    rates.into_iter().map(|rate| rate.expect("all are fixed")).collect()
}

/// Bytes per second that each of `flows` (from, to) gets, each in a class of its own, when every
/// host always has frames of all its flows and takes them in turn.
fn greedy(yaml: &str, hosts: usize, flows: &[(usize, usize)], span: u64) -> Vec<f64> {
    let mut fabric: Fabric<_> = fabric(yaml, hosts, 3);
    let mut turn = vec![0; hosts];
    let mut bytes = vec![0_u64; flows.len()];
    for host in 0..hosts {
        fabric.wake(host, Picos(0));
    }
    while let Some(event) = fabric.next(Picos(2 * span)) {
        match event {
            Event::Idle(host) => {
                let own: Vec<usize> = (0..flows.len()).filter(|flow| flows[*flow].0 == host).collect();
                for _ in 0..own.len() {
                    let flow = own[turn[host] % own.len()];
                    turn[host] += 1;
                    if fabric.paused(host) & (1 << flow) == 0 {
                        let said = Said {
                            class: u8::try_from(flow).expect("a class"),
                            number: u32::try_from(flow).expect("small"),
                            ..Said::new(host, flows[flow].1, 4170)
                        };
                        fabric.send(host, said.frame());
                        break;
                    }
                }
            }
            // The first half lets the queues fill.
            Event::Received { frame, .. } if fabric.now().0 > span => {
                bytes[number(&frame) as usize] += frame.0.len() as u64;
            }
            _ => {}
        }
    }
    assert_eq!(fabric.counters().lost.total(), 0, "pauses keep everything");
    bytes
        .into_iter()
        .map(|bytes| bytes as f64 / span as f64 * 1e12)
        .collect()
}

/// Round robin at every hop with a class and back-pressure for each flow is max-min fair (Hahne,
/// IEEE JSAC 9(7), 1991).
#[test]
fn paused_round_robin_is_max_min_fair() {
    let pfc = "switch: {ecn: none, scheduler: dwrr, pfc: {classes: 0-7, xoff: 60KB, headroom: 100KB}}";
    // Line rate in bytes of frames: 4170 of every 4194.
    let line = |gbps: f64| gbps / 8.0 * 1e9 * 4170.0 / 4194.0;
    // Leaf 0: hosts 0 to 2; leaf 1: hosts 3 to 5; one uplink of 600 Gb/s.
    let yaml = format!("{{topology: leaf-spine, leaves: 2, spines: 1, uplink_speed: 600Gbps, {pfc}}}");
    let flows = [(0, 3), (1, 3), (2, 4), (2, 5), (0, 1), (5, 4)];
    let mut capacity = BTreeMap::new();
    let names = ["0", "1", "2", "3", "4", "5"];
    let (up, down) = (
        ["up0", "up1", "up2", "up3", "up4", "up5"],
        ["down0", "down1", "down2", "down3", "down4", "down5"],
    );
    for host in 0..names.len() {
        capacity.insert(up[host], line(400.0));
        capacity.insert(down[host], line(400.0));
    }
    capacity.insert("uplink", line(600.0));
    let paths: Vec<Vec<&str>> = flows
        .iter()
        .map(|&(from, to)| {
            let crosses = (from < 3) != (to < 3);
            let uplink = crosses.then_some("uplink");
            [up[from], down[to]].into_iter().chain(uplink).collect()
        })
        .collect();
    let fair = water_filling(&capacity, &paths);
    let got = greedy(&yaml, 6, &flows, 2_000_000_000);
    for ((flow, fair), got) in flows.iter().zip(&fair).zip(&got) {
        assert!(
            (got / fair - 1.0).abs() < 0.02,
            "{flow:?}: {got:.3e}, fair {fair:.3e}\n{fair:?}"
        );
    }
}

/// Choudhury and Hahne (IEEE/ACM ToN 6(2), 1998): n overloaded queues each settle at
/// alpha B / (1 + n alpha).
#[test]
fn overloaded_queues_settle_at_the_dynamic_threshold() {
    for (alpha, queues) in [(1.0, 1), (1.0, 3), (0.5, 2), (8.0, 2)] {
        let yaml = format!("{{switch: {{buffer: 2MB, alpha: {alpha}, ecn: none, pfc: none}}}}");
        // Two senders for each queue, which leads to a host of its own.
        let hosts = 3 * queues;
        let mut fabric = fabric(&yaml, hosts, 1);
        let mut senders = Senders::new(hosts);
        for number in 0..2500 {
            for from in 0..2 * queues {
                senders.push(
                    0,
                    &Said {
                        number,
                        ..Said::new(from, 2 * queues + from / 2, 4170)
                    },
                );
            }
        }
        senders.run(&mut fabric, 150_000_000);
        let level = alpha * 2e6 / (1.0 + queues as f64 * alpha);
        let counters = fabric.counters();
        for port in &counters.switches[0].ports[2 * queues..] {
            let class = &port.classes[0];
            let last = class.depth.as_ref().and_then(|depth| depth.max_bytes.last().copied());
            let last = last.expect("a queue") as f64;
            // The threshold moves as frames come and go: by a frame of each queue.
            let slack = 4170.0 * (1.0 + alpha) * queues as f64;
            assert!(
                (last - level).abs() < slack,
                "alpha {alpha}, {queues} queues: {last}, expected {level}"
            );
            assert!(class.lost.threshold > 0 && class.lost.total() == class.lost.threshold);
        }
    }
}

#[test]
fn a_full_buffer_is_named() {
    // With a threshold far above it, the buffer is what gives out.
    let mut fabric = fabric("{switch: {buffer: 100KB, alpha: 1024, ecn: none, pfc: none}}", 3, 1);
    let mut senders = Senders::new(3);
    for number in 0..200 {
        for from in 0..2 {
            senders.push(
                0,
                &Said {
                    number,
                    ..Said::new(from, 2, 4170)
                },
            );
        }
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    let counters = fabric.counters();
    // 23 frames fit into 100 000 bytes.
    assert_eq!(counters.switches[0].max_shared_bytes, 23 * 4170);
    assert_eq!(counters.lost.total(), counters.lost.buffer + counters.lost.threshold);
    assert!(counters.lost.buffer > 0);
    assert_eq!(trace.received.len() as u64 + counters.lost.total(), 400);
}

#[test]
fn a_frame_for_nobody_is_lost() {
    let mut fabric = fabric("{}", 2, 1);
    let mut senders = Senders::new(2);
    let mut unknown = Said::new(0, 1, 100).frame();
    unknown.0[5] = 77;
    senders.queues[0].push_back((0, unknown));
    // To itself: it would leave where it came in.
    let mut own = Said::new(0, 1, 100).frame();
    own.0[..6].copy_from_slice(&mac(0));
    senders.queues[0].push_back((0, own));
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received, []);
    assert_eq!(fabric.counters().lost.no_route, 2);
}
