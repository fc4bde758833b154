//! Thresholds read from outside are those that were planted: ECN by overload and by probe over the
//! draft's 8.1, slopes planted at random, a switch that ignores its configuration, and PFC's XOFF,
//! XON and pause time.
//!
//! The witnesses are the planted values and the fabric's own counters; nothing expected here comes
//! from squall's inference.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use squall::report::model::{AnomalyKind, Estimate, Marking, MarkingVerdict, PauseDirection, Queue, Results};
use virtual_kit::Bench;

/// RDMA WRITE First and Only over IPv4 with 4,096 bytes and immediate data: the longest frame here.
const FRAME: f64 = 4174.0;

fn queue(results: &Results) -> &Queue {
    let queues = &results.inferred.queues;
    queues
        .iter()
        .find(|queue| queue.ecn.is_some())
        .unwrap_or_else(|| panic!("{queues:#?}"))
}

/// Whether the planted value is what was read, to within `tolerance`, or inside the interval.
fn is_read(read: Option<Estimate>, planted: f64, tolerance: f64) -> bool {
    let Some(read) = read else { return false };
    let inside = read.low <= planted && read.high.is_none_or(|high| planted <= high);
    inside || (read.value - planted).abs() <= tolerance
}

fn seen(marking: &Marking) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?}: {}",
        marking.kmin_bytes, marking.kmax_bytes, marking.pmax, marking.onset, marking.at, marking.explanation
    )
}

#[test]
fn a_step_is_read_to_one_frame_in_every_cell_of_8_1() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for senders in [2, 4, 8, 16, 32] {
            for planted in [100_000u64, 500_000, 1_000_000, 5_000_000] {
                let mut set = vec![
                    format!("testbed.fabric.switch.ecn.kmin={planted}"),
                    "traffic.incast.repeats=1".to_owned(),
                ];
                set.extend(["alone", "incast", "probe"].map(|entry| format!("traffic.{entry}.senders={senders}")));
                let set: Vec<&str> = set.iter().map(String::as_str).collect();
                let (results, _) = bench.run("ecn-incast", "switch", &set);
                let cell = format!("{senders} senders, {planted} bytes");
                let queue = queue(&results);
                let overload = queue.ecn.as_ref().unwrap();
                let probe = &queue.probe.as_ref().unwrap().marking;
                for (method, marking) in [("overload", overload), ("probe", probe)] {
                    let text = format!("{cell}, {method}: {}", seen(marking));
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    let planted = planted as f64;
                    // A depth of exactly the threshold is not marked: the first marked frame is the next.
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    let onset = marking.onset.and_then(|onset| onset.depth_bytes).unwrap_or_default() as f64;
                    // The probe fills 5.8 MB; the overload sees as much as XOFF at 3 MB for each sender lets in.
                    assert!(onset > planted && onset <= planted + FRAME, "{text}");
                    assert_ne!(marking.step, Some(false), "{text}");
                    assert!(is_read(marking.kmin_bytes, planted, FRAME), "{text}");
                    assert!(is_read(marking.kmax_bytes, planted, FRAME), "{text}");
                    assert_eq!(marking.verdict, MarkingVerdict::Follows, "{text}");
                }
                assert_eq!(queue.methods_agree, Some(true), "{cell}: {:?}", queue.methods);
            }
        }
    });
}

/// SplitMix64, so that the planted values do not come from squall's own random numbers.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn slopes_planted_at_random_are_read() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let mut state = 20_261_121;
        let (mut wrong, mut readings) = (Vec::new(), 0);
        for round in 0..10 {
            let kmin = 100_000 + random(&mut state) % 1_000_000;
            let kmax = kmin + 300_000 + random(&mut state) % 1_500_000;
            let pmax = 10 + random(&mut state) % 81;
            let at = ["enqueue", "dequeue"][round % 2];
            let planted = format!("testbed.fabric.switch.ecn={{kmin: {kmin}, kmax: {kmax}, pmax: {pmax}%, at: {at}}}");
            let seed = format!("seed={round}");
            let set = [
                &*planted,
                "traffic.incast.repeats=12",
                "traffic.probe.repeats=20",
                &*seed,
            ];
            let (results, _) = bench.run("ecn-incast", "switch", &set);
            let queue = queue(&results);
            let probe = &queue.probe.as_ref().unwrap().marking;
            for (method, marking) in [("overload", queue.ecn.as_ref().unwrap()), ("probe", probe)] {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let values = [
                    (marking.kmin_bytes, kmin as f64),
                    (marking.kmax_bytes, kmax as f64),
                    (marking.pmax, pmax as f64 / 100.0),
                ];
                for (read, planted) in values {
                    readings += 1;
                    if !is_read(read, planted, 0.03 * planted) {
                        wrong.push(format!(
                            "{kmin} {kmax} {pmax}% {at}, {method}: {planted} is not {read:?}"
                        ));
                    }
                }
                assert_eq!(
                    format!("{:?}", marking.at.unwrap()).to_lowercase(),
                    at,
                    "{}",
                    seen(marking)
                );
                assert_eq!(marking.verdict, MarkingVerdict::Follows, "{}", seen(marking));
            }
        }
        // Intervals of 95 %: of 60 readings 3 may lie outside, and more than 8 with a chance below 1 %.
        assert!(wrong.len() <= 8, "of {readings}: {wrong:#?}");
    });
}

#[test]
fn a_switch_that_ignores_its_configuration_is_named() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (fault, verdict) in [
            ("{kmin: 1MB, kmax: 1MB}", MarkingVerdict::DoesNotFollow),
            ("none", MarkingVerdict::MarksNothing),
        ] {
            let planted = format!("testbed.fabric.faults=[{{at: switch0, ecn_ignored: {fault}}}]");
            let (results, fabric) = bench.run("ecn-incast", "switch", &[&planted, "traffic.incast.repeats=1"]);
            let queue = queue(&results);
            let marking = queue.ecn.as_ref().unwrap();
            assert_eq!(marking.verdict, verdict, "{}", seen(marking));
            assert_eq!(queue.probe.as_ref().unwrap().marking.verdict, verdict);
            assert_eq!(virtual_kit::marked(&fabric) == 0, fault == "none");
            let named = (results.anomalies.iter()).any(|anomaly| anomaly.kind == AnomalyKind::EcnMismatch);
            assert!(named, "{:#?}", results.anomalies);
        }
    });
}

#[test]
fn xoff_xon_and_pause_time_are_those_of_the_switch() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // Propagation in ns, and what is in flight over one round trip at 400 Gb/s.
        for (xoff, xon, propagation) in [
            (3_000_000u64, 2_900_000u64, 50u64),
            (100_000, 60_000, 50),
            (1_000_000, 500_000, 500),
            (250_000, 240_000, 2_000),
        ] {
            let pfc = format!("testbed.fabric.switch.pfc={{classes: 3, xoff: {xoff}, xon: {xon}, headroom: 400KB}}");
            let far = format!("testbed.fabric.propagation={propagation}ns");
            let (results, fabric) = bench.balanced("ecn-incast", "switch", &[&pfc, &far, "traffic.probe.frames=40"]);
            let text = format!("{xoff}/{xon} at {propagation} ns");
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let [xoff, xon, in_flight] = [xoff, xon, 2 * propagation * 50].map(|value| value as f64);
            let received: Vec<_> = (results.inferred.pfc.iter())
                .filter(|one| one.direction == PauseDirection::Received)
                .collect();
            assert_eq!(received.len(), 4, "{text}: every sender is paused");
            for pausing in received {
                let host = results.ports.iter().position(|port| port.name == pausing.port).unwrap();
                let own = fabric.hosts[host]
                    .classes
                    .iter()
                    .find(|class| class.class == 3)
                    .unwrap();
                assert_eq!(pausing.xoff_frames, own.xoff_received, "{text}");
                assert_eq!(pausing.xon_frames, own.xon_received, "{text}");
                assert_eq!(pausing.paused_ps, own.pause_received_ps, "{text}: to the picosecond");
                for (read, planted) in [(&pausing.xoff, xoff), (&pausing.xon, xon)] {
                    let read = read.as_ref().unwrap_or_else(|| panic!("{text}: {pausing:#?}"));
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    let median = read.p50_bytes as f64;
                    assert!(
                        (median - planted).abs() <= FRAME + in_flight,
                        "{text}: {planted} is read as {read:#?}"
                    );
                }
            }
        }
    });
}
