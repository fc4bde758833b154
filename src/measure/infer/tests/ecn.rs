//! Thresholds planted in the model are read back.

use super::super::ecn::{MarkAt, Marking, Verdict};
use super::super::facts::Facts;
use super::super::queue;
use super::super::{Configured, Estimate, Evidence};
use super::model::*;
use crate::measure::infer::waits::Waits;
use crate::measure::pause::{PauseLog, SentPause};
use crate::measure::trace::Trace;
use crate::units::Picos;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn marking(senders: usize, passed: &[Passed], configured: Option<Red>) -> Marking {
    let plan = plan(senders);
    let trace = trace(passed, u16::try_from(senders).unwrap());
    let inferred = read(&plan, &trace, &[], configured);
    assert_eq!(inferred.queues.len(), 1);
    inferred.queues[0].ecn.clone().unwrap()
}

#[test]
fn depths_are_those_of_the_model_for_mixed_sizes() {
    let mut draws = Pcg64::seed_from_u64(7);
    let mut sent: Vec<Sent> = (0..4000)
        .map(|_| Sent {
            departure: draws.random_range(0..40_000_000),
            sender: draws.random_range(0..4),
            len: [90, 1082, 4170, 4186][draws.random_range(0..4)],
        })
        .collect();
    // One link, one frame at a time.
    sent.sort_by_key(|one| (one.sender, one.departure));
    for at in 1..sent.len() {
        if sent[at].sender == sent[at - 1].sender {
            let earliest = sent[at - 1].departure + on_link(sent[at - 1].len);
            sent[at].departure = sent[at].departure.max(earliest);
        }
    }
    for sender in 0..4 {
        // Alone, in a short and a long frame.
        sent.push(Sent {
            departure: 900_000_000 + sender as u64 * 10_000_000,
            sender,
            len: 90,
        });
        sent.push(Sent {
            departure: 1_000_000_000 + sender as u64 * 10_000_000,
            sender,
            len: 4170,
        });
    }
    let passed = pass(&sent, &[700_000, 700_000, 900_000, 720_000], None, 1);
    assert!(passed.iter().map(|one| one.found).max().unwrap() > 100_000);
    let plan = plan(4);
    let trace = trace(&passed, 4);
    let evidence = Evidence {
        plan: &plan,
        trace: &trace,
        received: &PauseLog::default(),
        ports: &[],
        places: &[],
        sent: &[],
        flow_packets: &[],
        configured: &Configured::default(),
        end: Picos(1 << 50),
    };
    let port = queue::ports(&evidence, &Facts::of(&plan), &Waits::of(&evidence, &Facts::of(&plan))).remove(0);
    let frames = &port.queues[0].frames;
    assert_eq!(port.queues[0].uncertainty, Some(0));
    for (frame, truth) in frames.iter().zip(&passed) {
        assert_eq!(
            (frame.found(), frame.left()),
            (Some(truth.found), Some(truth.left)),
            "{truth:?}"
        );
    }
}

#[test]
fn a_step_is_read_to_the_frame() {
    for (senders, threshold) in [(2usize, 100_000u64), (4, 500_000), (8, 1_000_000), (32, 5_000_000)] {
        let red = Red::step(threshold);
        let sent = burst(senders, 4_000 / senders + 2_000, 4170, 0);
        let passed = pass(&sent, &vec![700_000; senders], Some(red), 1);
        let read = marking(senders, &passed, Some(red));
        let fit = read.fit.unwrap_or_else(|| panic!("{read:?}"));
        assert!(fit.step != Some(false), "{fit:?}");
        assert!(
            (fit.kmin.value - threshold as f64).abs() <= 4170.0,
            "{threshold}: {fit:?}"
        );
        let slack = read.uncertainty as f64;
        assert!(
            (fit.kmin.low - slack..=fit.kmin.high + slack).contains(&(threshold as f64)),
            "{fit:?}"
        );
        assert_eq!(read.verdict, Verdict::Follows, "{}", read.explanation);
        assert_eq!(read.at, Some(MarkAt::Enqueue));
    }
}

/// Senders that begin together, whose frames enter at the very moments at which others begin to leave: a switch may look before
/// or after that, and the truth is in the interval either way.
#[test]
fn what_enters_as_a_frame_begins_to_leave_may_come_before_or_after_it() {
    for (seed, (senders, kmin, kmax)) in (0u64..).zip([
        (16usize, 46_599, 46_599),
        (8, 200_000, 200_000),
        (12, 90_000, 300_000),
        (16, 519_377, 1_364_148),
        (4, 20_000, 60_000),
    ]) {
        let red = Red {
            kmin,
            kmax,
            pmax: 1.0,
            at_dequeue: true,
        };
        let sent = burst(senders, 3_000 / senders, 4170, 0);
        let mut passed = pass(&sent, &vec![700_000; senders], Some(red), seed);
        for ties_first in [false, true] {
            if ties_first {
                let before: Vec<bool> = passed.iter().map(|one| one.marked).collect();
                mark_with_ties(&mut passed, 700_000, red, seed);
                let after: Vec<bool> = passed.iter().map(|one| one.marked).collect();
                // Of a step at least, it makes a difference.
                assert!(kmin < kmax || before != after, "{senders} {red:?}");
            }
            let read = marking(senders, &passed, Some(red));
            let fit = read.fit.unwrap();
            let context = format!("{senders} {ties_first} {red:?}: {fit:?}");
            let holds = |read: Estimate, truth: u64| (read.low - 4170.0..=read.high + 4170.0).contains(&(truth as f64));
            assert!(holds(fit.kmin, kmin) && holds(fit.kmax, kmax), "{context}");
            assert_eq!(read.at, Some(MarkAt::Dequeue), "{context}");
            assert_ne!(read.verdict, Verdict::DoesNotFollow, "{context}");
        }
    }
}

/// Kmin, Kmax and Pmax planted at random, marking at enqueue and at dequeue: each is read within 3 %
/// or inside its interval. An interval may miss once in twenty; of 3 × 24 none does, as these are wide.
#[test]
fn a_ramp_planted_at_random_is_read_back() {
    for seed in 0..24u64 {
        let mut draws = Pcg64::seed_from_u64(seed);
        let kmin = draws.random_range(50_000..1_000_000u64);
        let kmax = kmin + draws.random_range(50_000..2_000_000u64);
        let pmax = if seed % 4 == 0 {
            1.0
        } else {
            draws.random_range(0.05..1.0)
        };
        let red = Red {
            kmin,
            kmax,
            pmax,
            at_dequeue: seed % 2 == 1,
        };
        let senders = [2, 4, 8][draws.random_range(0..3)];
        let rounds = (0..3).flat_map(|round| burst(senders, 960, 4170, round * 2_000_000_000));
        let sent: Vec<Sent> = rounds.collect();
        let passed = pass(&sent, &vec![700_000; senders], Some(red), seed);
        let read = marking(senders, &passed, Some(red));
        let fit = read.fit.unwrap();
        let holds = |read: Estimate, truth: f64| {
            (read.value - truth).abs() <= 0.03 * truth || (read.low..=read.high).contains(&truth)
        };
        let context = format!("{red:?} {fit:?}");
        assert!(holds(fit.kmin, kmin as f64), "Kmin: {context}");
        assert!(holds(fit.kmax, kmax as f64), "Kmax: {context}");
        assert!(holds(fit.pmax.unwrap(), pmax), "Pmax: {context}");
        let at = if red.at_dequeue {
            MarkAt::Dequeue
        } else {
            MarkAt::Enqueue
        };
        assert_eq!(read.at, Some(at), "{context}");
        assert_eq!(read.verdict, Verdict::Follows, "{}", read.explanation);
        // Intervals say something: none is wider than what it is of, but for steep or rare marking.
        assert!(fit.kmax.high - fit.kmax.low < 0.3 * fit.kmax.value, "{context}");
    }
}

#[test]
fn a_switch_that_does_not_as_it_is_told_is_named() {
    let told = Red::step(500_000);
    let sent = burst(8, 960, 4170, 0);
    let does = |red: Option<Red>| {
        let passed = pass(&sent, &[700_000; 8], red, 3);
        let read = marking(8, &passed, Some(told));
        (read.verdict, read.explanation)
    };
    assert_eq!(does(Some(told)).0, Verdict::Follows);
    assert_eq!(does(None).0, Verdict::MarksNothing);
    assert_eq!(does(Some(Red::step(1_000_000))).0, Verdict::DoesNotFollow);
    assert_eq!(does(Some(Red::step(480_000))).0, Verdict::DoesNotFollow);
    let ramp = Red {
        kmin: 100_000,
        kmax: 900_000,
        pmax: 0.2,
        at_dequeue: false,
    };
    let (verdict, text) = does(Some(ramp));
    assert_eq!(verdict, Verdict::DoesNotFollow, "{text}");
    assert!(text.contains("500000") && text.contains("Pmax"), "{text}");
    let all = pass(&sent, &[700_000; 8], None, 3);
    let all: Vec<Passed> = all.into_iter().map(|one| Passed { marked: true, ..one }).collect();
    assert_eq!(marking(8, &all, Some(told)).verdict, Verdict::MarksEverything);
    // Too shallow to tell.
    let shallow = pass(&burst(8, 10, 4170, 0), &[700_000; 8], Some(told), 3);
    let read = marking(8, &shallow, Some(told));
    assert_eq!(read.verdict, Verdict::CannotTell, "{}", read.explanation);
    assert!(read.deepest < 500_000 && read.fit.is_none() && read.why_not.is_some());
    // Nobody says what it should do.
    let passed = pass(&sent, &[700_000; 8], Some(told), 3);
    assert_eq!(marking(8, &passed, None).verdict, Verdict::CannotTell);
}

/// Ramps of few marks: each was read as a step where it ends, to a frame or to a few bytes. What the counts do not
/// exclude is inside, and a step is not called a ramp that is as configured.
#[test]
fn a_ramp_of_few_marks_is_no_step() {
    let ramps = [
        (101_485u64, 388_876u64, 0.01, 4usize, 500usize),
        (57_295, 77_808, 0.8, 8, 1_006),
        (5_000, 200_000, 0.01, 16, 250),
        (400_000, 1_600_000, 0.2, 4, 1_000),
        (30_000, 150_000, 0.02, 2, 600),
        (700_000, 2_900_000, 0.05, 8, 700),
    ];
    for (kmin, kmax, pmax, senders, frames) in ramps {
        for seed in 0..6 {
            let red = Red {
                kmin,
                kmax,
                pmax,
                at_dequeue: seed % 3 == 2,
            };
            let passed = pass(
                &burst(senders, frames, 4170, 0),
                &vec![700_000; senders],
                Some(red),
                seed,
            );
            let read = marking(senders, &passed, Some(red));
            let context = format!("{red:?} {:?}: {}", read.fit, read.explanation);
            let fit = read.fit.unwrap_or_else(|| panic!("{context}"));
            let frame = 4170.0;
            for (read, truth) in [(fit.kmin, kmin as f64), (fit.kmax, kmax as f64)] {
                assert!(read.low <= read.value && read.value <= read.high, "{context}");
                assert!(read.low - frame <= truth && truth <= read.high + frame, "{context}");
            }
            assert!(
                fit.pmax.is_none_or(|read| read.low <= pmax && pmax <= read.high),
                "{context}"
            );
            assert_ne!(fit.step, Some(true), "{context}");
            if fit.step.is_none() {
                // Fewer than 1,400 frames below: they do not exclude that one in a hundred would be marked.
                assert_eq!(read.verdict, Verdict::CannotTell, "{context}");
                assert!(fit.kmin.low < kmin as f64, "{context}");
            }
        }
    }
}

/// Of n frames below a step none is marked. A ramp of 1 % from the ground up would have marked n/200 of them:
/// e^-n/200 is below e^-6.9 from n = 1,382 on. So Kmin is open with fewer, and not with many more.
#[test]
fn kmin_of_a_step_is_open_until_the_counts_exclude_a_ramp() {
    for (rounds, open) in [(1u64, true), (30, false)] {
        let sent = (0..rounds).flat_map(|round| burst(4, 120, 4170, round * 1_000_000_000));
        let sent: Vec<Sent> = sent.collect();
        let red = Red::step(500_000);
        let passed = pass(&sent, &[700_000; 4], Some(red), 1);
        let below = passed.iter().filter(|one| one.found <= 500_000).count();
        assert_eq!(below < 1_000, open, "{below}");
        assert_eq!(below > 3_000, !open, "{below}");
        let read = marking(4, &passed, Some(red));
        let fit = read.fit.unwrap();
        assert_eq!(fit.kmin.low == 0.0, open, "{below}: {fit:?}");
        assert!(fit.kmin.low <= 500_000.0 && fit.kmin.high >= 500_000.0, "{fit:?}");
        assert_eq!(read.verdict, Verdict::Follows, "{}", read.explanation);
    }
}

/// What the queue never came to cannot be told, and the intervals say so.
#[test]
fn thresholds_beyond_the_deepest_frame_are_open() {
    let red = Red {
        kmin: 100_000,
        kmax: 2_000_000,
        pmax: 0.9,
        at_dequeue: false,
    };
    let sent: Vec<Sent> = (0..12)
        .flat_map(|round| burst(4, 40, 4170, round * 100_000_000))
        .collect();
    let passed = pass(&sent, &[700_000; 4], Some(red), 5);
    let read = marking(4, &passed, Some(red));
    assert!(read.deepest < 600_000, "{}", read.deepest);
    let fit = read.fit.unwrap();
    assert!(fit.kmin.low <= 100_000.0 && 100_000.0 <= fit.kmin.high, "{fit:?}");
    assert!(fit.kmax.high >= 2_000_000.0, "{fit:?}");
    assert!(fit.pmax.unwrap().high >= 0.9, "{fit:?}");
    // Kmax was never passed: whether it is the configured one nobody saw.
    assert_eq!(read.verdict, Verdict::CannotTell, "{}", read.explanation);
}

/// Frames that were marked elsewhere on their way do not move a threshold.
#[test]
fn a_few_stray_marks_decide_nothing() {
    let red = Red::step(400_000);
    let sent: Vec<Sent> = (0..4)
        .flat_map(|round| burst(4, 900, 4170, round * 2_000_000_000))
        .collect();
    let mut passed = pass(&sent, &[700_000; 4], Some(red), 5);
    for at in [3, 40, 5_000] {
        passed[at].marked = !passed[at].marked;
    }
    let fit = marking(4, &passed, Some(red)).fit.unwrap();
    assert!(
        fit.step != Some(false) && (fit.kmin.value - 400_000.0).abs() <= 4170.0,
        "{fit:?}"
    );
}

/// A trace that was full in the middle of a queue gives the same thresholds, also at dequeue.
#[test]
fn a_full_trace_is_read_as_far_as_it_goes() {
    let red = Red {
        at_dequeue: true,
        ..Red::step(400_000)
    };
    let mut sent = burst(4, 500, 4170, 0);
    sent.extend(burst(4, 1_500, 4170, 4_000_000_000));
    let passed = pass(&sent, &[700_000; 4], Some(red), 5);
    let plan = plan(4);
    let whole = trace(&passed, 4);
    let mut full = Trace::with_room_for(3_000);
    for one in whole.observations() {
        full.push(*one);
    }
    let inferred = read(&plan, &full, &[], Some(red));
    assert_eq!(
        (inferred.beyond, inferred.until),
        (5_000, Some(Picos(passed[3_000].arrival)))
    );
    let read = inferred.queues[0].ecn.clone().unwrap();
    let fit = read.fit.unwrap();
    assert_eq!(read.at, Some(MarkAt::Dequeue));
    assert!((fit.kmin.value - 400_000.0).abs() <= 4170.0, "{fit:?}");
}

/// Senders whose paths differ, all at the same instant: only the first frame of all is alone. Depths
/// are then right to the frame for paths of equal length, and the answer says how far they may be off.
#[test]
fn paths_that_were_never_alone_are_bounded_by_order() {
    let threshold = 1_000_000;
    for latencies in [[700_000u64; 32], std::array::from_fn(|n| 700_000 + 1_000 * n as u64)] {
        let passed = pass(&burst(32, 600, 4170, 0), &latencies, Some(Red::step(threshold)), 1);
        let read = marking(32, &passed, Some(Red::step(threshold)));
        assert!(read.uncertainty <= 2 * 4194, "{}", read.uncertainty);
        let fit = read.fit.unwrap();
        assert!(
            (fit.kmin.value - threshold as f64).abs() <= 4170.0 + read.uncertainty as f64,
            "{fit:?}"
        );
        assert_eq!(read.verdict, Verdict::Follows, "{}", read.explanation);
    }
}

#[test]
fn lies_and_damage_are_survived() {
    let plan = plan(4);
    let passed = pass(&burst(4, 200, 4170, 0), &[700_000; 4], Some(Red::step(100_000)), 1);
    let good = trace(&passed, 4);
    let mut draws = Pcg64::seed_from_u64(11);
    for damage in 0..200u64 {
        let mut bad = Trace::with_room_for(good.observations().len());
        for one in good.observations() {
            let mut one = *one;
            if draws.random_range(0..1 + damage % 7) == 0 {
                match draws.random_range(0..9) {
                    0 => one.departure = Picos(draws.random()),
                    1 => one.arrival = Picos(draws.random()),
                    2 => one.flow = draws.random(),
                    3 => one.seq = draws.random(),
                    4 => one.port = draws.random_range(0..7),
                    5 => one.len = draws.random(),
                    6 => one.class = draws.random(),
                    7 => one.departure = Picos(0),
                    _ => one.arrival = Picos(draws.random_range(0..1_000_000_000)),
                }
            }
            bad.push(one);
        }
        let sent = SentPause {
            port: 4,
            time: Picos(draws.random()),
            classes: 0xff,
            quanta: draws.random(),
        };
        let once = read(&plan, &bad, &[sent], Some(Red::step(100_000)));
        let twice = read(&plan, &bad, &[sent], Some(Red::step(100_000)));
        assert_eq!(format!("{once:?}"), format!("{twice:?}"));
    }
    let nothing = read(&plan, &Trace::with_room_for(0), &[], None);
    assert!(nothing.queues.is_empty() && nothing.pausing.is_empty());
}
