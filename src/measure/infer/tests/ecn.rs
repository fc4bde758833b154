//! Thresholds planted in the model are read back.

use super::super::ecn::{MarkAt, Marking, Verdict};
use super::super::queue;
use super::super::{Configured, Evidence};
use super::model::*;
use crate::measure::pause::PauseLog;
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
        sent: &[],
        flow_packets: &[],
        configured: &Configured::default(),
        end: Picos(1 << 50),
    };
    let port = queue::ports(&evidence).next().unwrap();
    let frames = &port.queues[0].frames;
    assert_eq!(port.queues[0].uncertainty, Some(0));
    for (frame, truth) in frames.iter().zip(&passed) {
        assert_eq!(
            (frame.found, frame.left),
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
        assert!(fit.is_step(), "{fit:?}");
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
