//! Every fault that the fabric can be given has one name, one place and one number, alone and beside another; a run without
//! one has none.
//!
//! The witness is the fabric's own account of what it did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod anomaly_kit;
mod virtual_kit;

use std::fmt::Write as _;

use alone::{Namespace, alone};
use anomaly_kit::{Choices, Planted, everybody, keeps_back, of_pair, said, truth};
use squall::fabric::Counters;
use squall::report::model::{Anomaly, AnomalyKind as Kind, Results};
use virtual_kit::Bench;

/// A network, and traffic that passes every part of it.
struct Net {
    pattern: String,
    topology: &'static str,
    /// What can be wrong there, what it must be called, and where.
    faults: &'static [Planted],
}

const fn planted(fault: &'static str, kind: Kind, place: &'static str) -> Planted {
    Planted { fault, kind, place }
}

/// One switch. A fault between two hosts' links and the switch is told by the paths that it spares.
const ONE: &[Planted] = &[
    planted("{at: host0, drop: {every: 50}}", Kind::Loss, "ports/host0"),
    planted("{at: host1, drop: {probability: 2%}}", Kind::Loss, "ports/host1"),
    planted("{at: switch0, drop: {every: 53}}", Kind::Loss, "switches/switch0"),
    planted("{at: host2, duplicate: {every: 37}}", Kind::Duplicated, "ports/host2"),
    planted(
        "{at: switch0, duplicate: {probability: 3%}}",
        Kind::Duplicated,
        "switches/switch0",
    ),
    planted("{at: host1, corrupt: {every: 40}}", Kind::Corrupted, "ports/host1"),
    planted(
        "{at: switch0, corrupt: {probability: 2%}}",
        Kind::Corrupted,
        "switches/switch0",
    ),
    planted(
        "{at: host3, reorder: {every: 41, by: 3}}",
        Kind::Reordered,
        "ports/host3",
    ),
    planted(
        "{at: switch0, reorder: {every: 41, by: 2}}",
        Kind::Reordered,
        "switches/switch0",
    ),
    planted(
        "{at: host0, link_down: {from: 50us, to: 80us}}",
        Kind::LinkDisruption,
        "ports/host0",
    ),
    planted("{at: host1, speed: 100Gbps}", Kind::SlowLink, "ports/host1"),
    planted(
        "{at: host2, stuck_pause: {from: 30us, to: 70us}}",
        Kind::Silence,
        "queues/host2/3",
    ),
    planted(
        "{at: switch0-host3, stuck_pause: {from: 30us, to: 70us}}",
        Kind::StuckPause,
        "ports/host3",
    ),
];

/// Four leaves of two hosts each, under two spines. Spines look alike from outside, and so do the links from a leaf to them.
const TWO: &[Planted] = &[
    planted("{at: host3, drop: {every: 50}}", Kind::Loss, "ports/host3"),
    planted("{at: leaf1, drop: {every: 53}}", Kind::Loss, "switches/leaf1"),
    planted(
        "{at: leaf0-spine1, drop: {every: 29}}",
        Kind::Loss,
        "links/leaf0-spines",
    ),
    planted("{at: spine0, drop: {every: 53}}", Kind::Loss, "switches/spines"),
    planted(
        "{at: leaf2, duplicate: {every: 37}}",
        Kind::Duplicated,
        "switches/leaf2",
    ),
    planted(
        "{at: leaf3-spine0, duplicate: {every: 19}}",
        Kind::Duplicated,
        "links/leaf3-spines",
    ),
    planted("{at: spine1, corrupt: {every: 40}}", Kind::Corrupted, "switches/spines"),
    planted(
        "{at: leaf1-spine0, corrupt: {probability: 4%}}",
        Kind::Corrupted,
        "links/leaf1-spines",
    ),
    planted(
        "{at: host6, reorder: {every: 41, by: 2}}",
        Kind::Reordered,
        "ports/host6",
    ),
    planted(
        "{at: leaf2-spine1, reorder: {every: 17, by: 2}}",
        Kind::Reordered,
        "links/leaf2-spines",
    ),
    planted(
        "{at: leaf0-spine1, link_down: {from: 50us, to: 100us, detect: 20us}}",
        Kind::LinkDisruption,
        "links/leaf0-spines",
    ),
    planted(
        "{at: host5, link_down: {from: 50us, to: 100us}}",
        Kind::LinkDisruption,
        "ports/host5",
    ),
    planted("{at: host1, speed: 50Gbps}", Kind::SlowLink, "ports/host1"),
    planted(
        "{at: leaf3-spine1, speed: 40Gbps}",
        Kind::SlowLink,
        "links/leaf3-spines",
    ),
    planted(
        "{at: leaf2-spine0, stuck_pause: {from: 50us, to: 150us}}",
        Kind::Silence,
        "links/leaf2-spines",
    ),
    planted(
        "{at: spine0-leaf1, stuck_pause: {from: 50us, to: 150us}}",
        Kind::Silence,
        "links/leaf1-spines",
    ),
    planted(
        "{at: host4, stuck_pause: {from: 50us, to: 150us}}",
        Kind::Silence,
        "queues/host4/3",
    ),
    planted(
        "{at: leaf0-host0, stuck_pause: {from: 50us, to: 150us}}",
        Kind::StuckPause,
        "ports/host0",
    ),
];

fn nets() -> [Net; 2] {
    [
        Net {
            pattern: everybody(4, 300, "25%", 1),
            topology: "topology: switch",
            faults: ONE,
        },
        Net {
            pattern: everybody(8, 200, "6%", 4),
            topology: "topology: leaf-spine\n  leaves: 4\n  spines: 2",
            faults: TWO,
        },
    ]
}

impl Net {
    fn run(&self, bench: &mut Bench, faults: &[&str]) -> (Results, Counters) {
        let bed = format!("fabric:\n  {}\n  faults: [{}]\n", self.topology, faults.join(", "));
        bench.run(&self.pattern, &bed, &[])
    }
}

#[test]
fn each_fault_alone_has_its_kind_place_and_number() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let mut wrong = Vec::new();
        for net in nets() {
            let (results, _) = net.run(&mut bench, &[]);
            assert_eq!(said(&results), []);
            for fault in net.faults {
                let (results, fabric) = net.run(&mut bench, &[fault.fault]);
                let number = truth(&fabric, 0, fault);
                assert!(number.is_none_or(|number| number > 10), "{}", fault.fault);
                let said = said(&results);
                // A frame that no later one of its flow is there to overtake is late, and in order.
                let missed = if fault.kind == Kind::Reordered {
                    number.unwrap_or(0) / 20
                } else {
                    0
                };
                let is_number = |seen: Option<u64>| match (seen, number) {
                    (Some(seen), Some(number)) => (number - missed..=number).contains(&seen),
                    (seen, number) => seen == number,
                };
                let is_right =
                    |one: &(Kind, &str, Option<u64>)| one.0 == fault.kind && one.1 == fault.place && is_number(one.2);
                if said.len() != 1 || !said.iter().all(is_right) {
                    wrong.push(format!("{} ({number:?}): {:#?}", fault.fault, results.anomalies));
                }
                let whole = |one: &Anomaly| !one.text.is_empty() && !one.means.is_empty() && !one.next.is_empty();
                assert!(results.anomalies.iter().all(whole), "{:#?}", results.anomalies);
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn two_faults_have_two_names_and_no_third() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let mut wrong = Vec::new();
        for net in nets() {
            for (at, one) in net.faults.iter().enumerate() {
                for other in &net.faults[at + 1..] {
                    // Of two links that keep frames back at once nobody outside can tell which kept which (docs/FABRIC.md).
                    if keeps_back(one) && keeps_back(other) {
                        continue;
                    }
                    let (results, fabric) = net.run(&mut bench, &[one.fault, other.fault]);
                    if let Some(why) = of_pair([one, other], &results, &fabric) {
                        wrong.push(format!(
                            "{} and {}: {why}: {:?}",
                            one.fault,
                            other.fault,
                            said(&results)
                        ));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn a_slow_link_is_told_with_its_rate() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let [one, two] = nets();
        for (net, at, rate) in [
            (&one, "host1", "100"),
            (&one, "host1", "200"),
            (&two, "leaf0-spine0", "40"),
            (&two, "host2", "20"),
        ] {
            let (results, _) = net.run(&mut bench, &[&format!("{{at: {at}, speed: {rate}Gbps}}")]);
            let rate = format!("{rate}.0 Gbit/s");
            assert!(
                results.anomalies.len() == 1 && results.anomalies[0].text.contains(&rate),
                "{at} {rate}: {:#?}",
                results.anomalies
            );
        }
    });
}

/// One sender at line rate, whose receiver pauses it for a while.
fn paused(dscp: u32, classes: u32) -> String {
    format!(
        "duration: 600us\ntraffic:\n- {{name: d, kind: transfer, from: 0, to: 1, message: 1MiB, rate: 100%, frame: {{dscp: {dscp}}}}}\n- \
         {{name: s, kind: pfc, from: 1, classes: {classes}, quanta: 65535, interval: 40us, start: 100us, duration: 200us}}\n"
    )
}

#[test]
fn loss_for_want_of_headroom_or_behind_a_pause_is_no_dead_link() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let none = |results: &Results| {
            let losses = results.inferred.queues.iter().filter_map(|queue| queue.loss.as_ref());
            assert!(
                losses
                    .clone()
                    .all(|loss| loss.outages == 0 && loss.convergence_ps.is_none())
            );
        };
        for (headroom, propagation) in [("20KB", "2us"), ("10KB", "2us"), ("20KB", "3us")] {
            let set = [
                &format!("testbed.fabric.switch.pfc.headroom={headroom}"),
                "testbed.fabric.switch.pfc.xoff=1MB",
                &format!("testbed.fabric.propagation={propagation}"),
            ];
            let (results, fabric) = bench.run(&paused(26, 3), "switch", &set);
            assert!(fabric.lost.headroom > 10 && fabric.lost.total() == fabric.lost.headroom);
            let of: Vec<_> = said(&results)
                .into_iter()
                .filter(|(_, _, frames)| frames.is_some())
                .collect();
            assert!(
                matches!(of.as_slice(), [(Kind::HeadroomLoss, _, Some(frames))] if *frames == fabric.lost.headroom),
                "{headroom}: {:#?}",
                results.anomalies
            );
            none(&results);
        }
        for buffer in ["4MB", "2MB", "6MB"] {
            let set = [format!("testbed.fabric.switch.buffer={buffer}")];
            let (results, fabric) = bench.run(&paused(0, 0), "switch", &[&set[0]]);
            let lost = fabric.lost.threshold + fabric.lost.buffer;
            assert!(lost > 100 && fabric.lost.total() == lost, "{buffer}: {:?}", fabric.lost);
            let of: Vec<_> = said(&results)
                .into_iter()
                .filter(|(_, _, frames)| frames.is_some())
                .collect();
            assert_eq!(
                of,
                [(Kind::LossBehindPause, "queues/host1/0", Some(lost))],
                "{buffer}: {:#?}",
                results.anomalies
            );
            none(&results);
        }
    });
}

#[test]
fn a_full_queue_is_told_from_a_bad_link() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let incast = "frame: {dscp: 0}\ntraffic:\n- {name: in, kind: incast, senders: 4, message: 1MB, repeats: 2, interval: 200us}\n";
        let set = ["testbed.fabric.switch.buffer=2MB"];
        let (results, fabric) = bench.run(incast, "switch", &set);
        let lost = fabric.lost.threshold + fabric.lost.buffer;
        assert!(lost > 50 && fabric.lost.total() == lost, "{:?}", fabric.lost);
        assert_eq!(
            said(&results),
            [(Kind::TailDrop, "queues/host4/0", Some(lost))],
            "{:#?}",
            results.anomalies
        );
    });
}

#[test]
fn a_switch_that_does_not_pause_a_lossless_class_is_named_with_what_it_lost() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let incast = |dscp: u32| {
            format!(
                "frame: {{dscp: {dscp}}}\ntraffic:\n- {{name: in, kind: incast, senders: 4, message: 1MB, repeats: 2, interval: 200us}}\n"
            )
        };
        let ignored = "{at: switch0, pfc_ignored: 3}";
        let on = "{xoff: 100KB, headroom: 100KB}";
        for (dscp, fault, pfc, expected) in [
            (26, ignored, on, Some(Kind::PfcMismatch)),
            // What PFC does where it is on, what lacks it by configuration, and a class that is not lossless.
            (26, "", on, None),
            (26, "", "none", Some(Kind::TailDrop)),
            (0, ignored, on, Some(Kind::TailDrop)),
        ] {
            let bed = format!("fabric:\n  switch: {{buffer: 2MB, pfc: {pfc}}}\n  faults: [{fault}]\n");
            let (results, fabric) = bench.run(&incast(dscp), &bed, &[]);
            let lost = fabric.lost.total();
            assert_eq!(
                (lost > 50, fabric.lost.headroom),
                (expected.is_some(), 0),
                "{bed}: {:?}",
                fabric.lost
            );
            let place = format!("queues/host4/{}", if dscp == 0 { 0 } else { 3 });
            let expected: Vec<_> = expected
                .iter()
                .map(|kind| (*kind, place.as_str(), Some(lost)))
                .collect();
            assert_eq!(said(&results), expected, "{bed}: {:#?}", results.anomalies);
        }
    });
}

/// A leaf-spine that cannot carry what is sent.
fn overloaded(leaves: u32, spines: u32, uplink: &str, switch: &str) -> String {
    format!(
        "fabric:\n  topology: leaf-spine\n  leaves: {leaves}\n  spines: {spines}\n  uplink_speed: {uplink}\n  switch: {{{switch}}}\n"
    )
}

#[test]
fn an_overloaded_network_drops_at_full_queues_and_nothing_else_is_said() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (hosts, count, rate, bed, pmtu) in [
            (8, 300, "13%", overloaded(4, 2, "200Gbps", "buffer: 4MB"), 4096),
            (8, 300, "13%", overloaded(4, 2, "200Gbps", "buffer: 1MB"), 4096),
            (
                6,
                300,
                "13%",
                overloaded(3, 2, "200Gbps", "buffer: 4MB, alpha: 0.5"),
                4096,
            ),
            (8, 200, "13%", overloaded(4, 2, "200Gbps", "buffer: 4MB"), 1024),
            (
                6,
                300,
                "20%",
                overloaded(3, 4, "100Gbps", "buffer: 2254KB, alpha: 1"),
                4096,
            ),
        ] {
            let pattern = everybody(hosts, count, rate, 2).replace("dscp: 26", &format!("dscp: 0, pmtu: {pmtu}"));
            let (results, fabric) = bench.run(&pattern, &bed, &[]);
            let lost = fabric.lost.threshold + fabric.lost.buffer;
            assert!(lost > 50 && lost == fabric.lost.total(), "{bed}: {:?}", fabric.lost);
            let dropped = results.anomalies.iter().filter(|one| one.kind == Kind::TailDrop);
            let of: u64 = dropped.clone().filter_map(|one| one.frames).sum();
            assert_eq!(
                (of, dropped.count()),
                (lost, results.anomalies.len()),
                "{bed}: {:#?}",
                results.anomalies
            );
            let losses = results.inferred.queues.iter().filter_map(|queue| queue.loss.as_ref());
            assert_eq!(losses.map(|loss| loss.outages).sum::<u64>(), 0, "{bed}");
        }
    });
}

#[test]
fn what_lossless_networks_do_under_load_is_no_fault() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for bed in [
            overloaded(4, 2, "200Gbps", "buffer: 4MB"),
            overloaded(4, 1, "200Gbps", "buffer: 12MB, pfc: {xoff: 300KB}"),
            "fabric:\n  switch: {pfc: {xoff: 100KB}}\n".to_owned(),
        ] {
            let (results, fabric) = bench.run(&everybody(8, 300, "11%", 2), &bed, &[]);
            assert_eq!(fabric.lost.total(), 0, "{bed}");
            assert_eq!(said(&results), [], "{bed}: {:#?}", results.anomalies);
        }
    });
}

#[test]
fn a_switch_that_does_not_mark_is_named_where_its_queues_are_deep() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let transfers = |ways: &[(u32, u32)], rate: &str, qps: u32| {
            let mut text = "frame: {dscp: 26}\ntraffic:\n".to_owned();
            for (from, to) in ways {
                writeln!(
                    text,
                    "- {{name: a{from}t{to}, kind: transfer, from: {from}, to: {to}, message: 4MB, count: 2, rate: {rate}, qps: {qps}}}"
                )
                .unwrap();
            }
            text
        };
        let up = [(0, 2), (0, 4), (0, 6), (1, 2), (1, 4), (1, 6)];
        let leaves = "topology: leaf-spine\n  uplink_speed: 200Gbps\n  hosts: 8";
        for (topology, pattern, at, place) in [
            (
                "topology: switch",
                transfers(&[(1, 0), (2, 0), (3, 0)], "60%", 1),
                "switch0",
                "queues/host0/3",
            ),
            (
                leaves,
                transfers(&[(3, 2), (0, 2), (4, 2)], "60%", 1),
                "leaf1",
                "queues/host2/3",
            ),
            (leaves, transfers(&up, "30%", 4), "leaf0", "switches/leaf0"),
        ] {
            for ignored in ["", "none", "{kmin: 8MB}"] {
                let fault = format!("{{at: {at}, ecn_ignored: {ignored}}}");
                let faults = if ignored.is_empty() { "" } else { &fault };
                let bed = format!(
                    "fabric:\n  {topology}\n  switch: {{ecn: {{kmin: 100KB, kmax: 100KB}}}}\n  faults: [{faults}]\n"
                );
                let (results, _) = bench.run(&pattern, &bed, &[]);
                let named: Vec<_> = said(&results).iter().map(|(kind, place, _)| (*kind, *place)).collect();
                let expected = if ignored.is_empty() {
                    vec![]
                } else {
                    vec![(Kind::EcnMismatch, place)]
                };
                assert_eq!(named, expected, "{at} {ignored}: {:#?}", results.anomalies);
            }
        }
    });
}

#[test]
fn a_reading_behind_a_slow_link_does_not_say_that_nothing_was_marked() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let pattern = "frame: {dscp: 26}\ntraffic:\n- {name: in, kind: incast, senders: 3, message: 4MB, repeats: 1}\n";
        for topology in ["switch", "leaf-spine"] {
            let bed = format!(
                "fabric:\n  topology: {topology}\n  switch: {{ecn: {{kmin: 100KB, kmax: 100KB}}}}\n  faults: [{{at: host3, speed: 50Gbps}}]\n"
            );
            let (results, _) = bench.run(pattern, &bed, &[]);
            let marked: u64 = results
                .traffic
                .iter()
                .filter_map(|entry| entry.ecn.received)
                .map(|ecn| ecn.ce)
                .sum();
            assert!(marked > 1000, "{marked}");
            let queues = || results.inferred.queues.iter().filter_map(|queue| queue.ecn.as_ref());
            assert!(queues().count() > 0);
            for ecn in queues() {
                let why = ecn.why_not.as_deref().unwrap_or_default();
                assert!(why != "No frame was marked.", "{topology}: {ecn:#?}");
            }
        }
    });
}

#[test]
fn a_run_without_a_fault_names_what_happened_and_nothing_else() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let mut wrong = Vec::new();
        for number in 0..24 {
            let mut any = Choices(number);
            let (leaves, hosts) = any.of(&[(1, 4), (1, 6), (2, 4), (3, 6), (4, 8)]);
            let topology = if leaves == 1 {
                "topology: switch".to_owned()
            } else {
                let (spines, uplink) = (any.of(&[1, 2, 4]), any.of(&[100, 200, 400]));
                format!("topology: leaf-spine\n  leaves: {leaves}\n  spines: {spines}\n  uplink_speed: {uplink}Gbps")
            };
            let (buffer, alpha, xoff) = (
                any.of(&[3, 4, 8, 16]),
                any.of(&["0.5", "1", "8"]),
                any.of(&[100, 400, 2000]),
            );
            let ecn = any.of(&["none", "{kmin: 50KB, kmax: 200KB, pmax: 20%}", "{kmin: 400KB}"]);
            let bed = format!(
                "fabric:\n  {topology}\n  switch: {{buffer: {buffer}MB, alpha: {alpha}, ecn: {ecn}, pfc: {{xoff: {xoff}KB}}}}\n"
            );
            let load = any.of(&[30, 60, 80, 95]);
            let rate = format!("\"{}.{}%\"", load / (hosts - 1), load % (hosts - 1));
            let (dscp, pmtu) = (any.of(&[0, 26]), any.of(&[1024, 4096, 4096]));
            let pattern = everybody(hosts, any.of(&[60, 150, 300]), &rate, any.of(&[1, 2, 4]));
            let pattern = pattern.replace("dscp: 26", &format!("dscp: {dscp}, pmtu: {pmtu}"));
            let (results, fabric) = bench.run(&pattern, &bed, &[&format!("seed={number}")]);
            let sum = |kind: Kind| -> u64 {
                let of = results.anomalies.iter().filter(|one| one.kind == kind);
                of.filter_map(|one| one.frames).sum()
            };
            let known = |one: &Anomaly| matches!(one.kind, Kind::TailDrop | Kind::HeadroomLoss);
            let told = (sum(Kind::TailDrop), sum(Kind::HeadroomLoss));
            let truth = (fabric.lost.threshold + fabric.lost.buffer, fabric.lost.headroom);
            if told != truth || !results.anomalies.iter().all(known) {
                wrong.push(format!(
                    "{number}: {bed}{load} % of class {dscp}: {told:?} of {truth:?}: {:?}",
                    said(&results)
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
