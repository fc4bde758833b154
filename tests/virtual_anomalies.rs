//! Every fault that the fabric can be given has one name, one place and one number, alone and beside another; a run without
//! one has none.
//!
//! The witness is the fabric's own account of what it did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use std::fmt::Write as _;

use alone::{Namespace, alone};
use squall::fabric::Counters;
use squall::report::model::{Anomaly, AnomalyKind as Kind, Results};
use virtual_kit::Bench;

/// Everybody to everybody, so that spared paths say where struck ones were struck.
fn everybody(hosts: u32, count: u32, rate: &str, qps: u32) -> String {
    let mut text = "frame: {dscp: 26}\ntraffic:\n".to_owned();
    for from in 0..hosts {
        for to in (0..hosts).filter(|to| *to != from) {
            writeln!(
                text,
                "- {{name: t{from}to{to}, kind: transfer, from: {from}, to: {to}, message: 4KiB, count: {count}, rate: {rate}, qps: {qps}}}"
            )
            .unwrap();
        }
    }
    text
}

fn bed(faults: &[&str]) -> String {
    format!("fabric:\n  topology: switch\n  faults: [{}]\n", faults.join(", "))
}

/// Kind, place and number of each anomaly.
fn said(results: &Results) -> Vec<(Kind, &str, Option<u64>)> {
    let all = results.anomalies.iter();
    all.map(|one| (one.kind, one.place.as_str(), one.frames)).collect()
}

fn struck(fabric: &Counters, index: usize) -> u64 {
    fabric.faults[index].frames
}

/// A fault, and what it must be called.
const SINGLE: [(&str, Kind, &str); 9] = [
    ("{at: host0, drop: {every: 50}}", Kind::Loss, "ports/host0"),
    ("{at: host1, drop: {probability: 2%}}", Kind::Loss, "ports/host1"),
    ("{at: switch0, drop: {every: 53}}", Kind::Loss, "switches/switch0"),
    ("{at: host2, duplicate: {every: 37}}", Kind::Duplicated, "ports/host2"),
    (
        "{at: switch0, duplicate: {every: 37}}",
        Kind::Duplicated,
        "switches/switch0",
    ),
    ("{at: host1, corrupt: {every: 40}}", Kind::Corrupted, "ports/host1"),
    (
        "{at: switch0, corrupt: {probability: 2%}}",
        Kind::Corrupted,
        "switches/switch0",
    ),
    (
        "{at: host3, reorder: {every: 41, by: 3}}",
        Kind::Reordered,
        "ports/host3",
    ),
    (
        "{at: host0, link_down: {from: 50us, to: 80us}}",
        Kind::LinkDisruption,
        "ports/host0",
    ),
];

#[test]
fn each_fault_alone_has_its_kind_place_and_number() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let pattern = everybody(4, 300, "25%", 1);
        let (results, _) = bench.run(&pattern, &bed(&[]), &[]);
        assert_eq!(said(&results), []);
        for (fault, kind, place) in SINGLE {
            let (results, fabric) = bench.run(&pattern, &bed(&[fault]), &[]);
            let number = struck(&fabric, 0);
            assert!(number > 10, "{fault}");
            assert_eq!(
                said(&results),
                [(kind, place, Some(number))],
                "{fault}: {:#?}",
                results.anomalies
            );
            let whole = |one: &Anomaly| !one.text.is_empty() && !one.means.is_empty() && !one.next.is_empty();
            assert!(results.anomalies.iter().all(whole), "{:#?}", results.anomalies);
        }
    });
}

#[test]
fn two_faults_have_two_names_and_no_third() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let pattern = everybody(4, 300, "25%", 1);
        // Kinds that do not touch the same frames: what strikes a copy or a corrupted frame again is both.
        let pairs = [
            (0, 3, "drops and copies"),
            (1, 7, "drops and frames out of order"),
            (3, 5, "copies and flipped bits"),
            (5, 7, "flipped bits and frames out of order"),
            (1, 8, "drops and a dead link"),
        ];
        for (one, other, what) in pairs {
            let (first, second) = (SINGLE[one], SINGLE[other]);
            let (results, _) = bench.run(&pattern, &bed(&[first.0, second.0]), &[]);
            let mut kinds: Vec<(Kind, &str)> = said(&results).iter().map(|(kind, place, _)| (*kind, *place)).collect();
            let mut expected = vec![(first.1, first.2), (second.1, second.2)];
            kinds.sort_unstable();
            expected.sort_unstable();
            assert_eq!(kinds, expected, "{what}: {:#?}", results.anomalies);
        }
    });
}

#[test]
fn a_slow_link_is_named_and_so_is_its_port() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let pattern = everybody(4, 300, "25%", 1);
        for rate in ["100Gbps", "200Gbps"] {
            let fault = format!("{{at: host1, speed: {rate}}}");
            let (results, _) = bench.run(&pattern, &bed(&[&fault]), &[]);
            assert_eq!(
                said(&results),
                [(Kind::SlowLink, "ports/host1", None)],
                "{:#?}",
                results.anomalies
            );
            let number = rate.trim_end_matches("Gbps");
            assert!(
                results.anomalies[0].text.contains(&format!("{number}.0 Gbit/s")),
                "{rate}"
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

/// Four leaves of two hosts each, under two spines.
fn two_tiers(faults: &[&str]) -> String {
    format!(
        "fabric:\n  topology: leaf-spine\n  leaves: 4\n  spines: 2\n  hosts: auto\n  speed: 400Gbps\n  faults: [{}]\n",
        faults.join(", ")
    )
}

#[test]
fn behind_two_tiers_faults_have_their_kind_place_and_number() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let pattern = everybody(8, 200, "6%", 4);
        let (results, _) = bench.run(&pattern, &two_tiers(&[]), &[]);
        assert_eq!(said(&results), []);
        for (fault, kind, place) in [
            ("{at: spine0, drop: {every: 53}}", Kind::Loss, "switches/spines"),
            ("{at: leaf1, drop: {every: 53}}", Kind::Loss, "switches/leaf1"),
            ("{at: spine1, corrupt: {every: 40}}", Kind::Corrupted, "switches/spines"),
            (
                "{at: leaf2, duplicate: {every: 37}}",
                Kind::Duplicated,
                "switches/leaf2",
            ),
            (
                "{at: leaf0-spine1, link_down: {from: 50us, to: 100us, detect: 20us}}",
                Kind::LinkDisruption,
                "links/leaf0-spines",
            ),
        ] {
            let (results, fabric) = bench.run(&pattern, &two_tiers(&[fault]), &[]);
            // What a dead link costs is also what has no way left meanwhile.
            let number = struck(&fabric, 0) + fabric.lost.no_route;
            assert!(number > 10, "{fault}");
            assert_eq!(
                said(&results),
                [(kind, place, Some(number))],
                "{fault}: {:#?}",
                results.anomalies
            );
        }
    });
}
