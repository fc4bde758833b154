//! Each planted fault is reported in kind and exact number, and a run without one reports none.
//!
//! The witness is the fabric's own counter of what it did, and arithmetic on what was asked for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use squall::fabric::Counters;
use squall::report::model::{AnomalyKind, LossCause, Results, Traffic};
use squall::{pattern, testbed};
use virtual_kit::{Bench, lost_to, marked};

/// One frame a message, 1,005 of them on each of two flows: the fault on host0's link is only the
/// first one's. The last is not the tenth of ten.
const TWO: &str = "frame: {dscp: 26}
traffic:
- {name: struck, kind: transfer, from: 0, to: 2, message: 4KiB, count: 1005, rate: 40%}
- {name: spared, kind: transfer, from: 1, to: 2, message: 4KiB, count: 1005, rate: 40%}
";

/// How often a frame of the struck flow meets with a fault, and how many do; chance says no number.
const OFTEN: [(&str, Option<u64>); 3] = [
    ("every: 10", Some(100)),
    ("every: 1", Some(1005)),
    ("probability: 3%", None),
];

fn with(faults: &str) -> String {
    format!("fabric:\n  faults: [{faults}]\n")
}

fn struck(fabric: &Counters, index: usize) -> u64 {
    fabric.faults[index].frames
}

fn kinds(results: &Results) -> Vec<(&str, AnomalyKind)> {
    let all = results.anomalies.iter();
    all.map(|anomaly| (anomaly.place.as_str(), anomaly.kind)).collect()
}

/// The anomaly of this kind, which must say `number`.
#[track_caller]
fn says(results: &Results, kind: AnomalyKind, number: u64) {
    let found: Vec<&str> = results
        .anomalies
        .iter()
        .filter(|anomaly| anomaly.kind == kind)
        .map(|anomaly| anomaly.text.as_str())
        .collect();
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let number = number.to_string();
    assert!(
        found.len() == 1 && words(found[0]).contains(&number),
        "{number} {kind}: {:#?}",
        results.anomalies
    );
}

/// Nothing is wrong with an entry.
#[track_caller]
fn unharmed(entry: &Traffic) {
    let packets = &entry.packets;
    assert_eq!(packets.received, Some(packets.sent), "{packets:?}");
    let others = [
        packets.lost,
        packets.duplicated,
        packets.reordered,
        packets.icrc_errors,
        packets.malformed,
        packets.too_late,
    ];
    assert_eq!(others, [Some(0); 6], "{packets:?}");
    assert_eq!(entry.messages.incomplete, Some(0));
}

#[test]
fn drops() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (often, expected) in OFTEN {
            let testbed = with(&format!("{{at: host0, drop: {{{often}}}}}"));
            let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
            let dropped = struck(&fabric, 0);
            assert_eq!(dropped, expected.unwrap_or(dropped));
            // Binomial(1005, 3 %): mean 30, sigma 5.4.
            assert!(expected.is_some() || dropped.abs_diff(30) < 22, "{dropped}");
            let entry = &results.traffic[0];
            assert_eq!(lost_to(entry, LossCause::LostInDut), dropped);
            assert_eq!(entry.packets.received, Some(1005 - dropped));
            assert_eq!(entry.messages.incomplete, Some(dropped));
            unharmed(&results.traffic[1]);
            // A path of which nothing ever comes is a dead one, as far as anyone can tell.
            let kind = if dropped == 1005 {
                AnomalyKind::LinkDisruption
            } else {
                AnomalyKind::Loss
            };
            says(&results, kind, dropped);
            // Of all that may drop frames of this flow only: the other one cleared the switch and the receiver.
            assert_eq!(kinds(&results), [("ports/host0", kind)]);
        }
    });
}

#[test]
fn duplicates() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (often, expected) in OFTEN {
            let testbed = with(&format!("{{at: host0, duplicate: {{{often}}}}}"));
            let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
            let copies = struck(&fabric, 0);
            assert_eq!((copies, fabric.frames_duplicated), (expected.unwrap_or(copies), copies));
            assert!(copies > 0);
            let packets = &results.traffic[0].packets;
            assert_eq!((packets.received, packets.duplicated), (Some(1005), Some(copies)));
            unharmed(&results.traffic[1]);
            says(&results, AnomalyKind::Duplicated, copies);
            assert_eq!(kinds(&results), [("ports/host0", AnomalyKind::Duplicated)]);
        }
    });
}

#[test]
fn reordering() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // As many as a receiver's memory of a flow: one more would be another matter.
        for (every, by, expected) in [(10, 1, 100), (10, 3, 100), (1000, 5, 1), (300, 255, 3)] {
            let testbed = with(&format!("{{at: host0, reorder: {{every: {every}, by: {by}}}}}"));
            let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
            let packets = &results.traffic[0].packets;
            assert_eq!((struck(&fabric, 0), packets.reordered), (expected, Some(expected)));
            assert_eq!((packets.received, packets.too_late), (Some(1005), Some(0)));
            unharmed(&results.traffic[1]);
            says(&results, AnomalyKind::Reordered, expected);
            assert_eq!(results.anomalies.len(), 1, "{:#?}", results.anomalies);
        }
        // Each second frame, which the next one overtakes; the last one has nothing behind it.
        let testbed = with("{at: host0, reorder: {every: 2}}");
        let (results, _) = bench.balanced(TWO, &testbed, &[]);
        assert_eq!(results.traffic[0].packets.reordered, Some(502));
        // What comes behind 256 others or more cannot be told from a copy.
        for (by, late) in [(255, 0), (256, 2), (300, 2)] {
            let testbed = with(&format!("{{at: host0, reorder: {{every: 350, by: {by}}}}}"));
            let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
            assert_eq!((struck(&fabric, 0), fabric.lost.total()), (2, 0));
            let entry = &results.traffic[0];
            assert_eq!(entry.packets.too_late, Some(late), "{by}");
            assert_eq!(entry.packets.reordered, Some(2 - late), "{by}");
            assert_eq!(lost_to(entry, LossCause::TooLate), late);
            assert_eq!(entry.packets.received, Some(1005 - late));
            // Late all the same: their sequence numbers had not come before.
            says(&results, AnomalyKind::Reordered, 2);
            unharmed(&results.traffic[1]);
        }
    });
}

#[test]
fn corruption() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (often, expected) in OFTEN {
            for frame in ["{dscp: 26}", "{dscp: 26, ip: 6, vlan: [{vid: 5}, {vid: 7, pcp: 3}]}"] {
                let pattern = TWO.replace("{dscp: 26}", frame);
                let testbed = with(&format!("{{at: host0, corrupt: {{{often}}}}}"));
                let (results, fabric) = bench.balanced(&pattern, &testbed, &[]);
                let bad = struck(&fabric, 0);
                assert!(bad == expected.unwrap_or(bad) && bad > 0);
                let entry = &results.traffic[0];
                assert_eq!(entry.packets.icrc_errors, Some(bad));
                assert_eq!(lost_to(entry, LossCause::BadIcrc), bad);
                assert_eq!(entry.packets.received, Some(1005 - bad));
                unharmed(&results.traffic[1]);
                says(&results, AnomalyKind::Corrupted, bad);
            }
        }
        // Payload is written once for all frames: what is harmed must be a copy.
        let testbed = with("{at: host0, corrupt: {every: 1}}");
        bench.balanced(TWO, &testbed, &[]);
        let (results, _) = bench.balanced(TWO, "switch", &[]);
        results.traffic.iter().for_each(unharmed);
    });
}

#[test]
fn all_of_them_at_once_each_in_its_number() {
    alone(Namespace::Ours, || {
        // In this order, each counts what the one before it let pass; on host0's link only.
        let testbed = with(
            "{at: host0, drop: {every: 5}}, {at: host0, corrupt: {every: 4}}, {at: host0, duplicate: {every: 3}}, \
             {at: switch0, drop: {probability: 0.5%}}, {at: host1, reorder: {every: 50, by: 2}}",
        );
        let mut bench = Bench::new();
        let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
        let [dropped, bad, copies, lost, held] = [0, 1, 2, 3, 4].map(|index| struck(&fabric, index));
        // 1005 - 201 = 804 pass the first, and the second; a copy of a bad frame is bad.
        assert_eq!((dropped, bad, copies, held), (201, 201, 268, 20));
        let packets = &results.traffic[0].packets;
        let errors = packets.icrc_errors.unwrap();
        let delivered = packets.received.unwrap() + packets.duplicated.unwrap() + errors;
        assert_eq!(
            1005 - dropped + copies,
            delivered + (lost - results.traffic[1].packets.lost.unwrap())
        );
        // Every third of those of which every fourth is bad: 67 bad copies, some lost in the switch.
        assert!(errors <= bad + 67 && errors + lost >= bad + 67, "{errors}");
        let spared = &results.traffic[1].packets;
        assert!(spared.reordered.unwrap().abs_diff(held) <= lost && spared.icrc_errors == Some(0));
    });
}

#[test]
fn a_switch_that_ignores_its_marking() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let incast = "frame: {dscp: 26}
traffic:
- {name: alone, kind: incast, senders: 4, message: 4KiB, stagger: 5us, interval: 100us, repeats: 2}
- {name: incast, kind: incast, senders: 4, message: 1MB, after: alone, delay: 50us}
";
        for (fault, expected) in [
            ("", None),
            ("{at: switch0, ecn_ignored: none}", Some(0)),
            ("{at: switch0, ecn_ignored: {kmin: 2MB}}", None),
        ] {
            let (results, fabric) = bench.balanced(incast, &with(fault), &[]);
            // The ledger has CE frames equal to the fabric's marks; here, that a verdict follows.
            let marks = marked(&fabric);
            assert_eq!(marks, expected.unwrap_or(marks), "{fault}");
            assert!(expected.is_some() || marks > 100);
            let mismatch = kinds(&results)
                .iter()
                .any(|(_, kind)| *kind == AnomalyKind::EcnMismatch);
            assert_eq!(mismatch, !fault.is_empty(), "{fault}: {:#?}", results.anomalies);
        }
    });
}

#[test]
fn a_link_that_dies() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // A frame of 4,174 bytes takes 4,198 on the wire: at 40 % of 400 Gb/s one each 209.9 ns; the link is down for 50 us, from bit to bit.
        let testbed = with("{at: host0, link_down: {from: 100us, to: 150us}}");
        let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
        let lost = struck(&fabric, 0);
        assert_eq!((lost, fabric.lost.link_down, fabric.lost.total()), (lost, lost, lost));
        // A frame is lost that is on the link at any time of those 50 us: 84 ns of bits and 50 ns of way more.
        let expected = (50_000.0 + 84.0 + 50.0) / 209.9;
        #[expect(clippy::cast_precision_loss, reason = "some hundred")]
        let exact = (lost as f64 - expected).abs() <= 1.0;
        assert!(exact, "{lost} {expected}");
        let entry = &results.traffic[0];
        assert_eq!(lost_to(entry, LossCause::LostInDut), lost);
        let outage = entry.outage.unwrap();
        assert_eq!(outage.frames, lost);
        // From one frame's arrival to another's, so many frame times later.
        assert!(outage.length_ps.abs_diff((lost + 1) * 209_900) < 1_000, "{outage:?}");
        unharmed(&results.traffic[1]);
        says(&results, AnomalyKind::LinkDisruption, lost);
        // And for good.
        let testbed = with("{at: host0, link_down: {from: 100us}}");
        let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
        assert_eq!(results.traffic[0].packets.lost, Some(fabric.lost.link_down));
        assert!(fabric.lost.link_down > 400);
        unharmed(&results.traffic[1]);
        // An uplink of four, unnoticed for a while: frames are lost until the switches know.
        let (results, fabric) = bench.balanced("link-failure", "link-failure", &[]);
        let lost = fabric.lost.link_down;
        assert!(lost > 0 && fabric.lost.total() == lost, "{:?}", fabric.lost);
        assert_eq!(results.traffic[0].packets.lost, Some(lost));
        let queues = &results.inferred.queues;
        let told: u64 = queues
            .iter()
            .filter_map(|queue| Some(queue.loss.as_ref()?.outage_frames))
            .sum();
        assert_eq!(told, lost);
        says(&results, AnomalyKind::LinkDisruption, lost);
        let place = &results
            .anomalies
            .iter()
            .find(|one| one.kind == AnomalyKind::LinkDisruption)
            .unwrap()
            .place;
        // It is an uplink of the leaf that sends; which, nobody sees.
        assert_eq!(place, "links/leaf0-spines");
    });
}

/// What stands for ever is told from what is lost here and there: only the former cuts a pair off.
#[test]
fn only_what_lasts_to_the_end_is_cut_off() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (fault, cut_off) in [
            ("{at: host2, drop: {probability: 0.1%}}", 0),
            ("{at: host2, drop: {probability: 30%}}", 0),
            ("{at: host2, link_down: {from: 50us, to: 80us, detect: 1s}}", 0),
            ("{at: host2, stuck_pause: {class: 3, from: 50us}}", 1),
        ] {
            let (results, _) = bench.run(TWO, &with(fault), &[]);
            for entry in &results.traffic {
                assert!(entry.packets.lost.unwrap() > 0, "{fault}");
                assert_eq!(entry.cut_off_pairs, Some(cut_off), "{fault}: {:?}", entry.packets);
            }
        }
    });
}

#[test]
fn a_pause_that_is_stuck() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // The switch pauses host0 without need: it is host0 that sees it.
        let testbed = with("{at: switch0-host0, stuck_pause: {class: 3, from: 50us, to: 150us}}");
        let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
        let nic = &fabric.hosts[0].classes[0];
        let pfc = &results.ports[0].pfc;
        assert_eq!((nic.class, nic.xoff_received + nic.xon_received), (3, 4));
        assert_eq!(pfc.received_per_class, Some([0, 0, 0, 4, 0, 0, 0, 0]));
        // A PFC frame of 84 bytes is no longer on its way than the next.
        assert_eq!(pfc.paused_ps_per_class.unwrap()[3], nic.pause_received_ps);
        assert!(
            nic.pause_received_ps.abs_diff(100_000_000) < 100_000,
            "{}",
            nic.pause_received_ps
        );
        assert_eq!(kinds(&results), [("ports/host0", AnomalyKind::StuckPause)]);
        results.traffic.iter().for_each(unharmed);
        // A receiver that pauses the switch: nothing arrives meanwhile, nothing is lost.
        let testbed = with("{at: host2, stuck_pause: {class: 3, from: 50us, to: 150us}}");
        let (results, fabric) = bench.balanced(TWO, &testbed, &[]);
        assert_eq!(fabric.switches[0].ports[2].classes[0].xoff_received, 3);
        assert!(
            kinds(&results).iter().any(|(_, kind)| *kind == AnomalyKind::Silence),
            "{:#?}",
            results.anomalies
        );
        results.traffic.iter().for_each(unharmed);
        // Another class is none of its business.
        let testbed = with("{at: host2, stuck_pause: {class: 4, from: 50us, to: 150us}}");
        let (results, _) = bench.balanced(TWO, &testbed, &[]);
        assert_eq!(kinds(&results), []);
    });
}

#[test]
fn without_a_fault_nothing_is_reported() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (testbed, _) in testbed::SHIPPED {
            let fabric = testbed::load(testbed, &[]).unwrap().testbed.fabric;
            if fabric.is_none_or(|fabric| !fabric.faults.is_empty()) {
                continue;
            }
            for (name, _) in pattern::SHIPPED {
                let (results, fabric) = bench.run(name, testbed, &[]);
                for anomaly in &results.anomalies {
                    eprintln!(
                        "{name} {testbed} {:?}: {} {} {}",
                        fabric.lost.total(),
                        anomaly.place,
                        anomaly.kind,
                        anomaly.text
                    );
                }
            }
        }
    });
}
