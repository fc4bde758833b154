//! A held queue, filled and released: thresholds by place, without a clock.

use super::super::ecn::{MarkAt, Verdict};
use super::super::{Configured, Evidence, Inferred, infer};
use super::model::{Red, SPEED, on_link};
use crate::measure::pause::{PauseLog, SentPause};
use crate::measure::trace::{Kind, Observation, Trace};
use crate::plan::Plan;
use crate::testbed::EcnThresholds;
use crate::units::{Bytes, Picos, Share};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const LEN: u16 = 4174;
const SENDERS: usize = 4;
const ROUND: u64 = 2_000_000_000;
const RELEASE: u64 = 500_000_000;

fn plan(frames: u64, rounds: u64) -> Plan {
    let text = format!(
        "name: t\nseed: 1\ntraffic:\n  - {{name: p, kind: ecn-probe, senders: {SENDERS}, frames: {frames}, repeats: {rounds}, \
         frame: {{ecn: ect0}}}}\n"
    );
    let pattern = crate::pattern::parse("test", &text, &[]).unwrap();
    let testbed = crate::plan::tests::testbed(SENDERS + 1);
    crate::plan::build(&pattern, &testbed, &[SPEED; SENDERS + 1]).unwrap()
}

/// What a switch does in this model.
#[derive(Clone, Copy)]
struct Switch {
    red: Option<Red>,
    /// Frames of each round that slip out before it obeys.
    leaks: u64,
    /// Frames of each round that are sent after the release.
    late: u64,
}

/// Frames of one round in the order of the queue: frame n is sender n mod 4's.
fn run(frames: u64, rounds: u64, switch: Switch) -> (Trace, Vec<SentPause>) {
    let mut trace = Trace::default();
    let mut pauses = Vec::new();
    let mut seq = [0u32; SENDERS];
    let mut draws = Pcg64::seed_from_u64(5);
    let port = SENDERS;
    for round in 0..rounds {
        let start = round * ROUND;
        for (time, quanta) in [
            (0, 0xffff),
            (80_000_000, 0xffff),
            (160_000_000, 0xffff),
            (240_000_000, 0xffff),
            (320_000_000, 0xffff),
            (400_000_000, 0xffff),
            (480_000_000, 0xffff),
            (RELEASE, 0),
        ] {
            pauses.push(SentPause {
                port,
                time: Picos(start + time),
                classes: 8,
                quanta,
            });
        }
        for n in 0..frames {
            let sender = usize::try_from(n).unwrap() % SENDERS;
            let leaked = n < switch.leaks;
            let in_queue = frames - switch.leaks;
            let place = n.saturating_sub(switch.leaks);
            let (found, left) = (
                place * u64::from(LEN),
                in_queue.saturating_sub(place + 1) * u64::from(LEN),
            );
            let marked = switch.red.is_some_and(|red| {
                let depth = if red.at_dequeue { left } else { found };
                !leaked && red.marks(depth, draws.random())
            });
            let drained = start + RELEASE + 1_000_000 + place * on_link(LEN);
            trace.push(Observation {
                // Clocks that tell nothing: one second off, and never the same.
                departure: Picos(if n + switch.late >= frames {
                    start + RELEASE + 2_000_000
                } else {
                    start + draws.random_range(0..RELEASE)
                }),
                arrival: Picos(if leaked {
                    start + 21_000_000 + n * on_link(LEN)
                } else {
                    drained
                }),
                flow: u32::try_from(sender).unwrap(),
                seq: seq[sender],
                port: u16::try_from(port).unwrap(),
                len: LEN,
                class: 3,
                ecn: if marked { 3 } else { 2 },
                kind: Kind::First,
            });
            seq[sender] += 1;
        }
    }
    (trace, pauses)
}

fn read(frames: u64, rounds: u64, switch: Switch, told: Red) -> Inferred {
    let plan = plan(frames, rounds);
    let (trace, sent) = run(frames, rounds, switch);
    let configured = Configured {
        ecn: Some(EcnThresholds {
            kmin: Bytes(told.kmin),
            kmax: Bytes(told.kmax),
            pmax: Share(told.pmax),
        }),
        pfc: None,
        lossless: None,
        meter: None,
    };
    infer(&Evidence {
        plan: &plan,
        trace: &trace,
        received: &PauseLog::default(),
        ports: &[],
        sent: &sent,
        flow_packets: &[],
        configured: &configured,
        places: &[],
        end: Picos(rounds * ROUND),
    })
}

fn sound(red: Option<Red>) -> Switch {
    Switch { red, leaks: 0, late: 0 }
}

#[test]
fn a_step_is_read_by_place() {
    for (threshold, at_dequeue) in [(100_000, false), (1_000_000, false), (777_777, true)] {
        let red = Red {
            at_dequeue,
            ..Red::step(threshold)
        };
        let inferred = read(600, 5, sound(Some(red)), red);
        let queue = &inferred.queues[0];
        assert!(queue.ecn.is_none(), "frames of a probe are not read by the clock");
        let probed = queue.probe.as_ref().unwrap();
        assert_eq!((probed.rounds, probed.late, probed.early), (5, 0, 0));
        let fit = probed.marking.fit.unwrap();
        assert!(fit.step != Some(false));
        assert!((fit.kmin.low..=fit.kmin.high).contains(&(threshold as f64)), "{fit:?}");
        // No unmarked frame was deeper, no marked one shallower; what a ramp below would have marked is another matter.
        assert!(fit.kmin.high - fit.kmax.low <= 3.0 * f64::from(LEN), "{fit:?}");
        let at = if at_dequeue { MarkAt::Dequeue } else { MarkAt::Enqueue };
        assert_eq!(probed.marking.at, Some(at));
        assert_eq!(
            probed.marking.verdict,
            Verdict::Follows,
            "{}",
            probed.marking.explanation
        );
    }
}

#[test]
fn a_ramp_is_read_by_place() {
    for seed in 0..8u64 {
        let mut draws = Pcg64::seed_from_u64(seed);
        let kmin = draws.random_range(50_000..1_000_000u64);
        let kmax = kmin + draws.random_range(100_000..1_000_000u64);
        let red = Red {
            kmin,
            kmax,
            pmax: draws.random_range(0.1..1.0),
            at_dequeue: false,
        };
        let inferred = read(600, 20, sound(Some(red)), red);
        let fit = inferred.queues[0].probe.as_ref().unwrap().marking.fit.unwrap();
        for (read, truth) in [
            (fit.kmin, kmin as f64),
            (fit.kmax, kmax as f64),
            (fit.pmax.unwrap(), red.pmax),
        ] {
            let near = (read.value - truth).abs() <= 0.03 * truth;
            assert!(near || (read.low..=read.high).contains(&truth), "{red:?} {fit:?}");
        }
    }
}

#[test]
fn what_does_not_fit_a_held_queue_is_left_out() {
    let red = Red::step(500_000);
    // Two frames slip out before the switch obeys: places count from the third.
    let inferred = read(
        600,
        5,
        Switch {
            leaks: 2,
            ..sound(Some(red))
        },
        red,
    );
    let probed = inferred.queues[0].probe.as_ref().unwrap();
    assert_eq!((probed.rounds, probed.early), (5, 10));
    let fit = probed.marking.fit.unwrap();
    assert!((fit.kmin.low..=fit.kmin.high).contains(&500_000.0), "{fit:?}");
    // Frames that were sent after the release: the rounds say nothing.
    let inferred = read(
        600,
        5,
        Switch {
            late: 3,
            ..sound(Some(red))
        },
        red,
    );
    let probed = inferred.queues[0].probe.as_ref().unwrap();
    assert_eq!((probed.rounds, probed.late), (0, 5));
    assert!(probed.marking.fit.is_none() && probed.marking.why_not.as_ref().unwrap().contains("release"));
    // A switch that does not obey at all.
    let inferred = read(
        600,
        5,
        Switch {
            leaks: 600,
            ..sound(Some(red))
        },
        red,
    );
    let probed = inferred.queues[0].probe.as_ref().unwrap();
    assert_eq!((probed.rounds, probed.early), (0, 3000));
    assert!(probed.marking.why_not.as_ref().unwrap().contains("obey"));
    // One that marks nothing.
    let inferred = read(600, 5, sound(None), red);
    let probed = inferred.queues[0].probe.as_ref().unwrap();
    assert_eq!(probed.marking.verdict, Verdict::MarksNothing);
}
