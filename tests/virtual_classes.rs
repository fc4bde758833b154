//! In which class the network has a frame: what is planted by a testbed's maps and a pattern's
//! `priority` is the class that the fabric's switches queue, mark and pause, that its senders obey, and
//! that squall reads.
//!
//! The witnesses are the fabric's own counters for each class and the planted values.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use squall::fabric::Counters;
use squall::report::model::{Estimate, Results};
use virtual_kit::Bench;

/// A queue of 5 MB, twice, as the shipped `ecn-probe` fills it.
const PROBE: &str = "frame: {dscp: 3, ecn: ect0}
traffic:
  - {name: probe, kind: ecn-probe, senders: 4, frames: 1200, repeats: 2}
";

/// Two to one: with an XOFF of 300 KB the switch pauses both senders over and over.
const INCAST: &str = "frame: {dscp: 3}
traffic:
  - {name: i, kind: incast, senders: 2, message: 4MB, rate: 100%}
";

/// A switch with two lossless classes, which marks at 300 KB.
const SWITCH: &str = "fabric:
  switch:
    ecn: {kmin: 300KB}
    pfc: {classes: 3-4, xoff: 300KB, xon: 290KB}
";

/// Frames that the fabric carried, and PFC frames that its switches sent, by class.
fn carried(fabric: &Counters) -> ([u64; 8], [u64; 8]) {
    let (mut frames, mut pauses) = ([0; 8], [0; 8]);
    for class in fabric
        .switches
        .iter()
        .flat_map(|switch| &switch.ports)
        .flat_map(|port| &port.classes)
    {
        frames[usize::from(class.class)] += class.sent_frames;
        pauses[usize::from(class.class)] += class.xoff_sent;
    }
    (frames, pauses)
}

/// The only class in which something was counted.
#[track_caller]
fn only(of: [u64; 8]) -> u8 {
    let used: Vec<u8> = (0..8).filter(|class| of[usize::from(*class)] > 0).collect();
    assert_eq!(used.len(), 1, "{of:?}");
    used[0]
}

fn class_of_entry(results: &Results) -> u64 {
    results.traffic[0].parameters["class"].as_u64().unwrap()
}

fn holds(read: Option<Estimate>, truth: f64) -> bool {
    read.is_some_and(|read| read.low <= truth && read.high.is_none_or(|high| truth <= high))
}

/// A pattern's frame keys, a testbed's keys, and the class of IEEE 802.1Q that these frames then have.
const CELLS: [(&str, &str, u8); 9] = [
    ("traffic.0.frame.dscp=3", "dscp_to_priority: sonic", 3),
    ("traffic.0.frame.dscp=4", "dscp_to_priority: sonic", 4),
    ("traffic.0.frame.dscp=26", "dscp_to_priority: standard", 3),
    ("traffic.0.frame.dscp=46", "dscp_to_priority: {46: 4}", 4),
    (
        "traffic.0.frame={dscp: 50, ip: 6}",
        "dscp_to_priority: {default: 0, 48-55: 3}",
        3,
    ),
    (
        "traffic.0.frame={dscp: 26, vlan: [{vid: 9, pcp: 4}]}",
        "dscp_to_priority: sonic",
        4,
    ),
    (
        "traffic.0.frame={dscp: 26, vlan: [{vid: 9, pcp: 1}]}",
        "pcp_to_priority: {1: 3}",
        3,
    ),
    (
        "traffic.0.frame={dscp: 4, vlan: [{vid: 9, pcp: 3}]}",
        "dscp_to_priority: sonic\ntrust: dscp",
        4,
    ),
    // Whatever the maps say.
    ("traffic.0.priority=3", "dscp_to_priority: {default: 0}", 3),
];

fn testbed(keys: &str) -> String {
    format!("{SWITCH}{keys}\n")
}

#[test]
fn the_probe_holds_the_class_that_the_switch_has_its_frames_in() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (frame, keys, class) in CELLS {
            // Each sender's quarter of the queue stays below the switch's XOFF.
            let pfc = "testbed.fabric.switch.pfc={classes: 3-4, xoff: 3MB}";
            let (results, fabric) = bench.balanced(PROBE, &testbed(keys), &[frame, pfc]);
            let cell = format!("{frame} with {keys}");
            let (frames, _) = carried(&fabric);
            assert_eq!((only(frames), frames[usize::from(class)]), (class, 2400), "{cell}");
            assert_eq!(class_of_entry(&results), u64::from(class), "{cell}");
            // The port that holds it names this class and no other.
            let held = results.ports[4].pfc.sent_per_class;
            assert_eq!(only(held), class, "{cell}");
            let queue = &results.inferred.queues[0];
            assert_eq!((queue.port.as_str(), queue.class), ("host4", class), "{cell}");
            let marking = &queue.probe.as_ref().unwrap().marking;
            assert!(holds(marking.kmin_bytes, 300_000.0), "{cell}: {:?}", marking.kmin_bytes);
        }
    });
}

#[test]
fn senders_obey_the_class_that_the_switch_pauses() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (frame, keys, class) in CELLS {
            let (results, fabric) = bench.balanced(INCAST, &testbed(keys), &[frame]);
            let cell = format!("{frame} with {keys}");
            let (frames, pauses) = carried(&fabric);
            assert_eq!((only(frames), only(pauses)), (class, class), "{cell}");
            // Nothing is lost in a lossless class: the NICs did what they were told.
            assert_eq!(results.traffic[0].packets.lost, Some(0), "{cell}");
            for port in &results.ports[..2] {
                assert_eq!(only(port.pfc.received_per_class.unwrap()), class, "{cell}");
                assert_eq!(only(port.pfc.paused_ps_per_class.unwrap()), class, "{cell}");
            }
            let pausing: Vec<u8> = results.inferred.pfc.iter().map(|read| read.class).collect();
            assert!(
                !pausing.is_empty() && pausing.iter().all(|read| *read == class),
                "{cell}: {pausing:?}"
            );
        }
    });
}

/// SONiC's default has DSCP 26 in class 1, which it does not pause: what overflows is lost.
#[test]
fn dscp_26_is_lossy_to_sonics_default() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let bed = testbed("dscp_to_priority: sonic");
        let small = "testbed.fabric.switch.buffer=3MB";
        let (results, fabric) = bench.balanced(INCAST, &bed, &["frame.dscp=26", small]);
        let (frames, pauses) = carried(&fabric);
        assert_eq!((only(frames), pauses), (1, [0; 8]));
        assert_eq!(class_of_entry(&results), 1);
        assert!(results.traffic[0].packets.lost > Some(0));
    });
}

/// `priority` is of its entry alone: the other entry's frames, of the same DSCP, go by the map.
#[test]
fn a_priority_is_of_its_own_entry() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let two = "traffic:
  - {name: a, kind: transfer, message: 1MB, count: 1, priority: 6}
  - {name: b, kind: transfer, message: 1MB, count: 2}
";
        let (results, fabric) = bench.balanced(two, &testbed("dscp_to_priority: {26: 2}"), &[]);
        let (frames, _) = carried(&fabric);
        // 1 MB in packets of 4,096 bytes is 245 of them.
        assert_eq!(frames, [0, 0, 490, 0, 0, 0, 245, 0]);
        let classes: Vec<u64> = results
            .traffic
            .iter()
            .map(|entry| entry.parameters["class"].as_u64().unwrap())
            .collect();
        assert_eq!(classes, [6, 2]);
    });
}

/// Bounds on one port, one class and several of them, against the fabric's own count of PFC frames.
#[test]
fn bounds_hold_for_the_ports_and_classes_that_they_name() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let (_, fabric) = bench.run(INCAST, &testbed("dscp_to_priority: sonic"), &[]);
        // XOFF and XON that the switch sent to each host.
        let told = |host: usize| {
            let classes = &fabric.switches[0].ports[host].classes;
            let class = classes.iter().find(|class| class.class == 3).unwrap();
            class.xoff_sent + class.xon_sent
        };
        let (first, second) = (told(0), told(1));
        assert!(first > 0 && second > 0);
        let lines = [
            format!("ports/host0/3: PFC_frame_count == {first}"),
            format!("ports/host1/3: PFC_frame_count == {second}"),
            format!("ports/host0: PFC_frame_count == {first}"),
            "ports/host0/0: PFC_frame_count == 0".to_owned(),
            format!("ports/host0/3 + ports/host1/3: PFC_frame_count == {}", first + second),
            format!("ports/*/3: PFC_frame_count == {}", first + second),
            format!("ports: PFC_frame_count == {}", first + second),
            "queues/host2/3: ECN_Kmin < 310 KB".to_owned(),
            "queues/*/3: ECN_Kmin > 0".to_owned(),
            "traffic/i: lost == 0".to_owned(),
        ];
        let quoted: Vec<String> = lines.iter().map(|line| format!("  - \"{line}\"\n")).collect();
        let pattern = format!("{INCAST}expect:\n{}", quoted.concat());
        let (results, _) = bench.run(&pattern, &testbed("dscp_to_priority: sonic"), &[]);
        let unmet: Vec<String> = results.unmet().map(ToString::to_string).collect();
        assert_eq!((results.expectations.len(), unmet), (lines.len(), Vec::new()));
        // By the standard map the frames are in class 0, and what is said of class 3 does not hold.
        let refused = |line: &str, keys: &str| {
            let pattern = format!("{INCAST}expect: \"{line}\"\n");
            match bench.try_run(&pattern, &testbed(keys), &[]) {
                Err(error) => error.to_string(),
                Ok(measured) => measured.results.unmet().map(ToString::to_string).collect(),
            }
        };
        let mut refused = refused;
        let unmet = refused("ports/host0/3: PFC_frame_count > 0", "dscp_to_priority: standard");
        assert!(unmet.contains("of ports/host0/3 is 0 frames"), "{unmet}");
        for (line, near) in [
            ("ports/hots0/3: PFC_frame_count > 0", "did you mean `ports/host0/3`"),
            ("queues/host2/0: ECN_Kmin > 0", "did you mean `queues/host2/3`"),
            ("queues/host0/3: ECN_Kmin > 0", "did you mean `queues/host2/3`"),
        ] {
            let error = refused(line, "dscp_to_priority: sonic");
            assert!(error.contains(near), "{line}: {error}");
        }
    });
}

/// Two entries of two senders share a receiver's link of 400 Gb/s: while they contend, what they get is
/// the whole of it, and each gets what its share of the frames is. Alone, each would get all.
#[test]
fn rates_while_traffic_contends_are_the_shares_of_the_link() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let two = |rate: &str| {
            format!(
                "traffic:
  - {{name: long, kind: transfer, from: 0, to: 2, message: 1MB, count: 20, rate: {rate}}}
  - {{name: short, kind: transfer, from: 1, to: 2, message: 1MB, count: 4, rate: {rate}, start: 100us}}
  - {{name: later, kind: transfer, from: 3, to: 4, message: 1MB, count: 4}}
"
            )
        };
        let contended = |results: &Results, entry: usize| results.traffic[entry].contended;
        let (results, _) = bench.run(&two("100%"), "fabric: {switch: {ecn: none}}\n", &[]);
        let [long, short] = [0, 1].map(|entry| contended(&results, entry).unwrap());
        // The link's own rate: a frame more or less in each span, and no figure without its interval.
        let (sum, slack) = (long.wire_bps.value + short.wire_bps.value, 4e11 * 0.02);
        assert!((sum - 4e11).abs() < slack, "{long:?} {short:?}");
        for one in [long, short] {
            assert!((one.wire_bps.value - 2e11).abs() < slack, "{one:?}");
            assert!(
                one.wire_bps.low <= 2e11 && one.wire_bps.high.unwrap() >= 2e11 - slack,
                "{one:?}"
            );
        }
        // Nobody else sends to its port.
        assert_eq!(contended(&results, 2), None);
        // Below the link's rate nobody waits: each gets what it asks for.
        let (results, _) = bench.run(&two("40%"), "fabric: {switch: {ecn: none}}\n", &[]);
        for entry in [0, 1] {
            let one = contended(&results, entry).unwrap();
            assert!(
                one.wire_bps.low <= 1.6e11 && one.wire_bps.high.unwrap() >= 1.6e11,
                "{one:?}"
            );
        }
        let line = format!("{}expect: \"long: contended_rate >= 150 Gbps\"\n", two("40%"));
        let (results, _) = bench.run(&line, "fabric: {switch: {ecn: none}}\n", &[]);
        assert_eq!(results.unmet().count(), 0, "{:?}", results.expectations);
    });
}

/// A bound on one port, with the shipped switch: two senders of 16 MB pass its XOFF of 3 MB each.
#[test]
fn a_bound_on_one_port_is_met_where_the_switch_pauses_it() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let case = "traffic:
  - {name: i, kind: incast, senders: 2, message: 16MB, rate: 100%, frame: {dscp: 26}}
expect: \"ports/host0: PFC_frame_count > 0\"
";
        let (results, _) = bench.run(case, "switch", &[]);
        assert_eq!((results.expectations.len(), results.unmet().count()), (1, 0));
        assert_eq!(results.expectations[0].place.as_deref(), Some("ports/host0"));
        let (results, _) = bench.run(case, "switch", &["testbed.fabric.switch.pfc=none"]);
        assert_eq!(results.unmet().count(), 1);
    });
}
