//! What is read from outside is what was planted in the reference fabric: thresholds to the frame,
//! pause times to the picosecond, faults in kind and number.
//!
//! Contract: an expectation is a line of the testbed or a counter of the fabric, never a figure of
//! the analyser's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::cast_precision_loss,
    reason = "bytes and times that are compared with some slack"
)]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use squall::fabric::Counters;
use squall::fabric::counters::PortCounters;
use squall::report::model::{
    AnomalyKind, Estimate, MarkAt, Marking, MarkingVerdict, PauseDirection, Pausing, Queue, Results, Statistic,
};
use virtual_kit::Bench;

/// Bytes of the longest frame that the patterns here send: 4096 of payload, the last with immediate.
const FRAME: f64 = 4190.0;

/// The queue to a receiver in class 3.
fn queue<'a>(results: &'a Results, port: &str) -> &'a Queue {
    let mut found = results
        .inferred
        .queues
        .iter()
        .filter(|one| one.port == port && one.class == 3);
    found.next().unwrap_or_else(|| panic!("no queue to {port}"))
}

fn kinds(results: &Results) -> Vec<AnomalyKind> {
    results.anomalies.iter().map(|anomaly| anomaly.kind).collect()
}

fn inside(estimate: &Estimate, slack: f64, truth: f64) -> bool {
    estimate.low - slack <= truth && estimate.high.is_none_or(|high| truth <= high + slack)
}

#[track_caller]
fn is_step(marking: &Marking, threshold: u64) {
    let (kmin, kmax) = (marking.kmin_bytes.unwrap(), marking.kmax_bytes.unwrap());
    let truth = threshold as f64;
    // Too few frames were below to exclude that some of them would be marked: a ramp from lower down.
    assert_ne!(marking.step, Some(false), "{marking:?}");
    assert!(
        (kmin.value - truth).abs() <= FRAME && kmin.value == kmax.value,
        "{threshold}: {kmin:?} {kmax:?}"
    );
    assert!(
        inside(&kmin, 0.0, truth) && inside(&kmax, 0.0, truth),
        "{threshold}: {kmin:?} {kmax:?}"
    );
    // Kmin is bounded above, and Kmax below, to the frame: no unmarked frame was deeper, no marked one shallower.
    assert!(kmin.high.unwrap() - truth <= 2.0 * FRAME, "{kmin:?}");
    assert!(truth - kmax.low <= 2.0 * FRAME, "{kmax:?}");
    let onset = marking.onset.unwrap();
    let first = onset.depth_bytes.unwrap() as f64;
    assert!(
        first > truth - FRAME && first <= truth + 32.0 * FRAME,
        "{threshold}: {onset:?}"
    );
    assert_eq!(marking.verdict, MarkingVerdict::Follows, "{}", marking.explanation);
    assert_eq!(marking.at, Some(MarkAt::Enqueue));
}

/// The draft's test 8.1: every cell of its sweep, by both methods.
#[test]
fn steps_are_read_to_the_frame_in_every_cell_of_test_8_1() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for senders in [2u64, 4, 8, 16, 32] {
            for threshold in [100_000u64, 500_000, 1_000_000, 5_000_000] {
                // Enough for the queue to pass the threshold: of n senders 1/n drains meanwhile.
                let message = (2 * threshold).max(400_000) * 2 / senders + 200_000;
                let frames = threshold / 4170 + 200;
                let bed = format!(
                    "fabric:\n  topology: switch\n  switch:\n    buffer: 64MB\n    ecn: {{kmin: {threshold}B, kmax: \
                     {threshold}B}}\n    pfc: {{classes: 3, xoff: 30MB, xon: 20MB, headroom: 200KB}}\n"
                );
                let text = format!(
                    "name: cell\nframe: {{ecn: ect0}}\ntraffic:\n  - {{name: alone, kind: incast, senders: {senders}, message: \
                     4KiB, stagger: 5us}}\n  - {{name: incast, kind: incast, senders: {senders}, message: {message}, after: \
                     alone, delay: 50us}}\n  - {{name: probe, kind: ecn-probe, senders: {senders}, frames: {frames}, after: \
                     incast, delay: 3ms}}\n"
                );
                let (results, fabric) = bench.balanced(&text, &bed, &[]);
                let queue = queue(&results, &format!("host{senders}"));
                is_step(queue.ecn.as_ref().unwrap(), threshold);
                // The deepest that a frame of the incast found, and itself, is the switch's own maximum,
                // unless the probe filled the queue deeper.
                let egress = &fabric.switches[0].ports[usize::try_from(senders).unwrap()];
                let deepest = queue.ecn.as_ref().unwrap().deepest_bytes as f64;
                let most = class3(egress).max_depth_bytes as f64;
                let filled = (frames * 4170) as f64;
                assert!(
                    (most - deepest.max(filled - FRAME)).abs() <= 2.0 * FRAME,
                    "{most} {deepest} {filled}"
                );
                let probe = queue.probe.as_ref().unwrap();
                is_step(&probe.marking, threshold);
                assert_eq!((probe.rounds, probe.late_rounds, probe.early_frames), (1, 0, 0));
                assert_eq!(queue.methods_agree, Some(true), "{:?}", queue.methods);
                assert_eq!(kinds(&results), [], "{:?}", results.anomalies);
            }
        }
    });
}

/// The same without lone frames: senders that begin at the same instant are told apart by order only.
#[test]
fn a_step_is_read_to_the_frame_from_an_incast_alone() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (senders, forwarding) in [(32, "store-and-forward"), (5, "cut-through"), (16, "cut-through")] {
            let bed = format!(
                "fabric:\n  topology: switch\n  switch:\n    buffer: 64MB\n    forwarding: {forwarding}\n    ecn: {{kmin: 700KB, \
                 kmax: 700KB}}\n    pfc: {{classes: 3, xoff: 30MB, xon: 20MB, headroom: 200KB}}\n"
            );
            let text = format!(
                "name: cell\nframe: {{ecn: ect0}}\ntraffic:\n  - {{name: incast, kind: incast, senders: {senders}, message: \
                 1MB, jitter: 300ns}}\n"
            );
            let (results, _) = bench.balanced(&text, &bed, &[]);
            let marking = queue(&results, &format!("host{senders}")).ecn.clone().unwrap();
            assert!(
                marking.uncertainty_bytes as f64 <= FRAME,
                "{}",
                marking.uncertainty_bytes
            );
            let kmin = marking.kmin_bytes.unwrap();
            let slack = FRAME + marking.uncertainty_bytes as f64;
            assert!(
                (kmin.value - 700_000.0).abs() <= slack,
                "{senders} {forwarding}: {kmin:?}"
            );
            assert_eq!(marking.verdict, MarkingVerdict::Follows, "{}", marking.explanation);
        }
    });
}

/// Kmin, Kmax and Pmax planted at random, at enqueue and at dequeue, with other traffic on the link.
#[test]
fn ramps_are_read_within_their_intervals() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let (mut readings, mut missed) = (0, Vec::new());
        for seed in 0..12u64 {
            let mut draws = Pcg64::seed_from_u64(seed);
            let kmin = draws.random_range(100_000..800_000u64);
            let kmax = kmin + draws.random_range(100_000..1_500_000u64);
            let pmax = draws.random_range(5..=100u64);
            let (at, word) = [(MarkAt::Enqueue, "enqueue"), (MarkAt::Dequeue, "dequeue")][(seed % 2) as usize];
            let scheduler = ["strict", "dwrr"][(seed / 2 % 2) as usize];
            let senders = draws.random_range(2..=9u64);
            let bed = format!(
                "fabric:\n  topology: switch\n  switch:\n    buffer: 100MB\n    scheduler: {scheduler}\n    ecn: {{kmin: {kmin}B, \
                 kmax: {kmax}B, pmax: {pmax}%, at: {word}, classes: 3}}\n    pfc: {{classes: 3, xoff: 30MB, xon: 20MB, \
                 headroom: 200KB}}\n"
            );
            let text = format!(
                "name: ramp\nseed: {seed}\ntraffic:\n  - {{name: incast, kind: incast, senders: {senders}, message: 4MB, \
                 repeats: 3, interval: 2ms, stagger: 100ns, frame: {{ecn: ect0}}}}\n  - {{name: other, kind: background, from: \
                 {other}, to: {senders}, load: 10%, duration: 6ms, frame: {{dscp: 46}}}}\n  - {{name: probe, kind: \
                 ecn-probe, senders: {senders}, frames: 1000, repeats: 8, after: incast, delay: 3ms, frame: {{ecn: ect0}}}}\n",
                other = senders + 1
            );
            let (results, _) = bench.balanced(&text, &bed, &[]);
            let queue = queue(&results, &format!("host{senders}"));
            let delays = queue.ecn.as_ref().unwrap();
            let probe = &queue.probe.as_ref().unwrap().marking;
            for (marking, method) in [(delays, "delays"), (probe, "probe")] {
                let context = format!("{method}: {kmin} {kmax} {pmax} % {word} {scheduler} {senders}: {marking:#?}");
                let slack = marking.uncertainty_bytes as f64;
                let share = marking.pmax.unwrap();
                for (read, truth, slack) in [
                    (marking.kmin_bytes.unwrap(), kmin as f64, slack),
                    (marking.kmax_bytes.unwrap(), kmax as f64, slack),
                    (share, pmax as f64 / 100.0, 0.0),
                ] {
                    readings += 1;
                    if (read.value - truth).abs() > 0.03 * truth && !inside(&read, slack, truth) {
                        missed.push(format!("{truth}: {read:?} {context}"));
                    }
                }
                assert_eq!(marking.at, Some(at), "{context}");
                assert_eq!(marking.verdict, MarkingVerdict::Follows, "{context}");
            }
            assert_eq!(queue.methods_agree, Some(true), "{:?}", queue.methods);
        }
        // An interval of 95 % may miss once in twenty.
        assert!(
            missed.len() * 20 <= readings,
            "{} of {readings}: {missed:#?}",
            missed.len()
        );
    });
}

/// Class 3 of a port.
fn class3(port: &PortCounters) -> &squall::fabric::counters::ClassCounters {
    port.classes.iter().find(|class| class.class == 3).unwrap()
}

fn pausing<'a>(results: &'a Results, port: &str) -> &'a Pausing {
    let received = |one: &&Pausing| one.port == port && one.direction == PauseDirection::Received && one.class == 3;
    results
        .inferred
        .pfc
        .iter()
        .find(received)
        .unwrap_or_else(|| panic!("{port} was not paused"))
}

/// XOFF, XON and pause times, for several rates, propagations and thresholds.
#[test]
fn pause_thresholds_and_times_are_those_of_the_switch() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let cases = [
            (2u64, 10_000u64, 5_000u64, 400u64, 50u64),
            (4, 100_000, 97_000, 400, 50),
            (8, 300_000, 100_000, 100, 500),
            (4, 1_000_000, 900_000, 800, 200),
            (16, 50_000, 50_000, 400, 1000),
        ];
        for (senders, xoff, xon, gbps, nanos) in cases {
            let bed = format!(
                "fabric:\n  topology: switch\n  speed: {gbps}Gbps\n  propagation: {nanos}ns\n  switch:\n    buffer: 100MB\n    \
                 pfc: {{classes: 3, xoff: {xoff}B, xon: {xon}B, headroom: 1MB}}\n"
            );
            let text = format!(
                "name: pfc\ntraffic:\n  - {{name: alone, kind: incast, senders: {senders}, message: 4KiB, stagger: 20us}}\n  - \
                 {{name: burst, kind: incast, senders: {senders}, message: 4MB, after: alone, delay: 400us}}\n"
            );
            let (results, fabric) = bench.balanced(&text, &bed, &[]);
            // One frame, and what the configured propagation lets be under way.
            let flying = (gbps * 1_000_000_000 / 8) as f64 * (2 * nanos) as f64 * 1e-9;
            for sender in 0..senders {
                let name = format!("host{sender}");
                let truth = class3(&fabric.hosts[usize::try_from(sender).unwrap()]);
                let read = pausing(&results, &name);
                assert_eq!(read.paused_ps, truth.pause_received_ps, "{name} of {senders}");
                assert_eq!(
                    (read.xoff_frames, read.xon_frames),
                    (truth.xoff_received, truth.xon_received)
                );
                for (threshold, planted) in [(read.xoff.unwrap(), xoff), (read.xon.unwrap(), xon)] {
                    let context = format!("{senders} {planted} {gbps} {nanos}: {threshold:?}");
                    let planted = planted as f64;
                    assert!((threshold.bytes.value - planted).abs() <= FRAME + flying, "{context}");
                    assert!(inside(&threshold.bytes, FRAME, planted), "{context}");
                }
            }
            assert_eq!(kinds(&results), [], "{:?}", results.anomalies);
        }
    });
}

/// One switch, four senders, and a fault.
fn faulty(bench: &mut Bench, fault: &str) -> (Results, Counters) {
    let bed = format!(
        "fabric:\n  topology: switch\n  switch:\n    buffer: 64MB\n    ecn: {{kmin: 300KB, kmax: 300KB}}\n    pfc: {{classes: 3, \
         xoff: 10MB, xon: 9MB, headroom: 200KB}}\n  faults: [{fault}]\n"
    );
    let text = "name: faults\nframe: {ecn: ect0}\ntraffic:\n  - {name: alone, kind: incast, senders: 4, message: 4KiB, stagger: \
                5us}\n  - {name: kv, kind: incast, senders: 4, message: 2MB, repeats: 3, interval: 400us, after: alone, delay: \
                50us}\n";
    bench.balanced(text, &bed, &[])
}

#[test]
fn each_fault_is_reported_in_kind_and_number_and_none_without() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let bench = &mut bench;

        let (sound, _) = faulty(bench, "");
        assert_eq!(kinds(&sound), [], "{:?}", sound.anomalies);
        assert!(queue(&sound, "host4").loss.is_none());

        // Every hundredth frame of the last link: no outage, whatever is lost.
        let (results, fabric) = faulty(bench, "{at: host4, drop: {every: 100}}");
        let loss = queue(&results, "host4").loss.clone().unwrap();
        assert_eq!(loss.frames, fabric.lost.planted);
        assert_eq!((loss.outages, loss.longest_run), (0, 1), "{loss:?}");
        assert!(!kinds(&results).contains(&AnomalyKind::LinkDisruption));

        // Copies, frames out of order, flipped bits: as many as were planted.
        let of = |results: &Results, figure: fn(&squall::report::model::Packets) -> Option<u64>| -> u64 {
            results.traffic.iter().filter_map(|entry| figure(&entry.packets)).sum()
        };
        let (results, fabric) = faulty(bench, "{at: host2, duplicate: {every: 50}}");
        assert_eq!(of(&results, |packets| packets.duplicated), fabric.frames_duplicated);
        assert!(fabric.frames_duplicated > 20 && kinds(&results).contains(&AnomalyKind::Duplicated));
        let (results, fabric) = faulty(bench, "{at: host2, reorder: {every: 100, by: 3}}");
        assert_eq!(of(&results, |packets| packets.reordered), fabric.faults[0].frames);
        assert!(fabric.faults[0].frames > 10);
        let (results, fabric) = faulty(bench, "{at: host2, corrupt: {every: 100}}");
        assert_eq!(of(&results, |packets| packets.icrc_errors), fabric.faults[0].frames);
        assert!(fabric.faults[0].frames > 10 && kinds(&results).contains(&AnomalyKind::Corrupted));

        // A link that is dead for 15 us in the second round.
        let (results, fabric) = faulty(bench, "{at: host1, link_down: {from: 480us, to: 495us}}");
        let loss = queue(&results, "host4").loss.clone().unwrap();
        assert_eq!(loss.frames, fabric.lost.link_down);
        assert_eq!(
            (loss.outages, loss.outage_frames),
            (1, fabric.lost.link_down),
            "{loss:?}"
        );
        let outage = loss.listed[0];
        let frame = 84_000;
        assert!(outage.began_ps.abs_diff(480_000_000) <= 2 * frame, "{outage:?}");
        // Frames that left until the link was back arrive behind the queue of that time.
        assert!(outage.restored_ps.unwrap() >= 495_000_000, "{outage:?}");
        assert!(kinds(&results).contains(&AnomalyKind::LinkDisruption));

        // The receiver's link: everything is cut off.
        let (results, fabric) = faulty(bench, "{at: host4, link_down: {from: 520us, to: 560us}}");
        let loss = queue(&results, "host4").loss.clone().unwrap();
        assert_eq!(
            (loss.frames, loss.outage_frames),
            (fabric.lost.link_down, fabric.lost.link_down),
            "{loss:?}"
        );
        assert_eq!(loss.outages, 4);

        // The receiver's NIC pauses without need: its queue stands still.
        let (results, _) = faulty(bench, "{at: host4, stuck_pause: {class: 3, from: 520us, to: 560us}}");
        let silence = queue(&results, "host4").silence.unwrap();
        assert!(silence.length_ps.abs_diff(40_000_000) <= 2 * frame, "{silence:?}");
        assert!(silence.began_ps.abs_diff(520_000_000) <= 5 * frame, "{silence:?}");
        assert!(kinds(&results).contains(&AnomalyKind::Silence));

        // The switch pauses a sender without need.
        let (results, fabric) = faulty(
            bench,
            "{at: switch0-host1, stuck_pause: {class: 3, from: 520us, to: 900us}}",
        );
        let read = pausing(&results, "host1");
        assert_eq!(read.paused_ps, class3(&fabric.hosts[1]).pause_received_ps);
        // What it had under way was gone a few microseconds later.
        assert!(read.unfounded_ps.unwrap() > 200_000_000, "{read:?}");
        assert!(
            kinds(&results).contains(&AnomalyKind::StuckPause),
            "{:?}",
            results.anomalies
        );

        // The switch marks by other thresholds, or not at all.
        for (fault, verdict) in [
            (
                "{at: switch0, ecn_ignored: {kmin: 600KB, kmax: 600KB, pmax: 100%}}",
                MarkingVerdict::DoesNotFollow,
            ),
            ("{at: switch0, ecn_ignored: none}", MarkingVerdict::MarksNothing),
        ] {
            let (results, _) = faulty(bench, fault);
            let marking = queue(&results, "host4").ecn.clone().unwrap();
            assert_eq!(marking.verdict, verdict, "{}", marking.explanation);
            assert_eq!(kinds(&results), [AnomalyKind::EcnMismatch]);
        }
    });
}

/// Behind several switches a queue is read only from frames that waited in it, and what waits
/// elsewhere is no fault.
#[test]
fn a_fabric_without_faults_gives_no_alarm() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for pattern in ["ecmp-collisions", "ecmp-entropy", "wide-ep"] {
            let (results, _) = bench.balanced(pattern, "leaf-spine", &[]);
            let wrong = [
                AnomalyKind::EcnMismatch,
                AnomalyKind::Silence,
                AnomalyKind::StuckPause,
                AnomalyKind::PauseStorm,
                AnomalyKind::LinkDisruption,
                AnomalyKind::EcnMethodsDisagree,
            ];
            let found: Vec<_> = results
                .anomalies
                .iter()
                .filter(|one| wrong.contains(&one.kind))
                .collect();
            assert!(found.is_empty(), "{pattern}: {found:?}");
            for one in &results.inferred.pfc {
                assert!(one.xoff.is_none(), "{pattern}: nobody sees whose bytes they are");
            }
        }
    });
}

/// A mark that another switch has made is not held against the last queue. What comes from that queue's
/// own leaf can only have been marked there: it tells its thresholds, and whether they are the right ones.
#[test]
fn a_mark_of_another_switch_is_not_this_ones() {
    const THRESHOLD: u64 = 100_000;
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // Everything comes over several switches, and queues stand on the uplinks and behind them.
        let mut said = 0;
        for seed in 1..=12 {
            let sets = [
                &format!("seed={seed}"),
                "duration=500us",
                "traffic.kv.pairs=32",
                "traffic.kv.message=1MB",
                "traffic.kv.qps=8",
                "traffic.kv.rate=100%",
                "traffic.kv.count=unlimited",
            ];
            let (results, _) = bench.balanced("concurrent-pairs", "leaf-spine", &sets);
            assert!(
                !kinds(&results).contains(&AnomalyKind::EcnMismatch),
                "{:?}",
                results.anomalies
            );
            for marking in results.inferred.queues.iter().filter_map(|one| one.ecn.as_ref()) {
                if marking.explanation.contains("several switches") {
                    said += 1;
                    assert_eq!(marking.verdict, MarkingVerdict::CannotTell);
                    assert_eq!((marking.kmin_bytes, marking.onset, marking.at), (None, None, None));
                }
            }
        }
        assert!(said > 0, "no queue had marks that were not its own");

        let mut run = |fault: &str| {
            let bed = format!(
                "fabric:\n  topology: leaf-spine\n  leaves: 3\n  spines: 1\n  hosts: 12\n  speed: 100Gbps\n  \
                 uplink_speed: 100Gbps\n  switch: {{buffer: 64MB, ecn: {{kmin: {THRESHOLD}B, kmax: {THRESHOLD}B}}}}\n{fault}"
            );
            // Workers 0 and 1 share their leaf's uplink, where a queue stands; worker 4 gets half of what
            // that carries, and all that another one sends.
            let text = "frame: {ecn: ect0}\ntraffic:\n  - {name: alone, kind: incast, senders: [0, 1, 6], receiver: 4, \
                 message: 4KiB, stagger: 5us}\n  - {name: far, kind: transfer, from: 0-1, to: 4-5, message: 4MB, count: 1, after: \
                 alone, delay: 50us}\n  - {name: joins, kind: transfer, from: 6, to: 4, message: 4MB, count: 1, after: alone, \
                 delay: 250us}\n";
            let (results, fabric) = bench.balanced(text, &bed, &[]);
            let classes = fabric.switches[0].ports.iter().flat_map(|port| &port.classes);
            let uplink = classes.map(|class| class.marked_frames).sum::<u64>();
            assert!(uplink > 100, "the first leaf marks: {uplink}");
            let marking = queue(&results, "host4").ecn.clone().unwrap();
            (marking, kinds(&results))
        };

        // A leaf does as it is told.
        let (marking, found) = run("");
        assert_eq!(marking.verdict, MarkingVerdict::Follows, "{}", marking.explanation);
        assert!(
            (marking.kmin_bytes.unwrap().value - THRESHOLD as f64).abs() <= FRAME,
            "{marking:?}"
        );
        assert!(!found.contains(&AnomalyKind::EcnMismatch), "{found:?}");

        // A leaf that does not do as it is told is still found out.
        for kmin in ["50KB", "300KB"] {
            let fault = format!("  faults: [{{at: leaf1, ecn_ignored: {{kmin: {kmin}, kmax: {kmin}, pmax: 100%}}}}]\n");
            let (marking, found) = run(&fault);
            assert_eq!(
                marking.verdict,
                MarkingVerdict::DoesNotFollow,
                "{}",
                marking.explanation
            );
            assert!(found.contains(&AnomalyKind::EcnMismatch), "{found:?}");
        }
    });
}

/// A victim that is paused waits at its sender: the first frame that is due in a pause, to its end.
#[test]
fn a_victim_waits_at_its_sender_as_long_as_it_is_paused() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let bed = "fabric:\n  faults: [{at: switch0-host0, stuck_pause: {class: 3, from: 50us, to: 150us}}]\n";
        let text = "name: victims\ntraffic:\n  \
                    - {name: burst, kind: burst, transfers: 2, from: 1-2, to: 3, message: 1MB, window: 1us, frame: {dscp: 26}}\n  \
                    - {name: same, kind: transfer, from: 0, to: 4, message: 4KiB, count: 1200, rate: 10%, frame: {dscp: 26}}\n  \
                    - {name: other, kind: transfer, from: 0, to: 5, message: 4KiB, count: 1200, rate: 10%, frame: {dscp: 10}}\n";
        let (results, fabric) = bench.balanced(text, bed, &[]);
        let delay = |entry: &str, statistic: Statistic| {
            let mine = |kpi: &&squall::report::model::Kpi| {
                kpi.name == "HOL_blocking_delay"
                    && kpi.statistic == statistic
                    && kpi.place == format!("traffic/{entry}")
            };
            results.kpis.iter().find(mine).unwrap().value.unwrap()
        };
        let paused = class3(&fabric.hosts[0]).pause_received_ps as f64 / 1e6;
        assert!((paused - 100.0).abs() < 0.1, "{paused}");
        // 4,174 bytes and 24 on the wire, at a tenth of 400 Gb/s.
        let gap = 4198.0 * 8.0 / 40e9 * 1e6;
        // The first one due after the XOFF waits longest. Lateness is kept to one part in a hundred.
        let longest = delay("same", Statistic::Max);
        assert!(
            longest > 0.99 * (paused - gap) && longest < 1.01 * (paused + gap),
            "{longest}"
        );
        // Then a lane makes up for 32 frames at most, back to back, and the rest of the plan moves: the first is
        // late by the pause, the next by 32 gaps, and each after it by a gap less a frame on the wire less.
        let mean = |frames: f64| {
            let late = frames * gap;
            (paused + late * late / (2.0 * 0.9 * gap) + late / 2.0) / 1200.0
        };
        let read = delay("same", Statistic::Mean);
        assert!(
            read > mean(31.0) && read < mean(33.0),
            "{read}: {} to {}",
            mean(31.0),
            mean(33.0)
        );
        // The other class waits for nothing but frames of its own port: the 32 that leave back to back then.
        let others = delay("other", Statistic::Max);
        assert!(others < 33.0 * gap / 10.0, "{others}");
        assert!(delay("other", Statistic::Mean) < 0.1);
    });
}
