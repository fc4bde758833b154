//! Losses and silences planted in the model are reported in kind and number.

use super::super::loss::Loss;
use super::super::{Configured, Evidence, Facts, Inferred, infer, runs};
use super::model::*;
use crate::measure::pause::{PauseLog, ReceivedPause};
use crate::measure::trace::{Kind, Observation, Trace};
use crate::units::Picos;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn read(senders: usize, trace: &Trace, received: &PauseLog, flow_packets: &[u64]) -> Inferred {
    let plan = plan(senders);
    infer(&Evidence {
        plan: &plan,
        trace,
        received,
        ports: &[],
        sent: &[],
        flow_packets,
        configured: &Configured::default(),
        places: &[],
        end: Picos(1 << 50),
    })
}

/// Passes frames, of which those that `lost` names, by sender and number, never enter the queue.
fn lossy(senders: usize, frames: usize, lost: impl Fn(usize, u32, u64) -> bool) -> (Trace, Vec<u64>) {
    let len = 4170;
    let mut sent = burst(senders, frames, len, 0);
    // Half of line rate together: nothing queues.
    for one in &mut sent {
        one.departure = one.departure * 2 * senders as u64 + one.sender as u64 * 2 * on_link(len);
    }
    let mut number = vec![0u32; senders];
    let mut numbered: Vec<(Sent, u32)> = Vec::new();
    for one in &sent {
        numbered.push((*one, number[one.sender]));
        number[one.sender] += 1;
    }
    let kept: Vec<(Sent, u32)> = numbered
        .into_iter()
        .filter(|(one, n)| !lost(one.sender, *n, one.departure))
        .collect();
    let passed = pass(
        &kept.iter().map(|(one, _)| *one).collect::<Vec<_>>(),
        &vec![700_000; senders],
        None,
        1,
    );
    let mut trace = Trace::default();
    for one in crate::measure::infer::tests::model::trace(&passed, u16::try_from(senders).unwrap()).observations() {
        let mut one = *one;
        let sender = one.flow as usize;
        let mut of_sender = kept.iter().filter(|(kept, _)| kept.sender == sender);
        one.seq = of_sender.find(|(kept, _)| kept.departure == one.departure.0).unwrap().1;
        trace.push(one);
    }
    (trace, vec![frames as u64; senders])
}

fn loss(inferred: &Inferred) -> &Loss {
    inferred.queues[0].loss.as_ref().unwrap()
}

#[test]
fn nothing_is_lost_where_nothing_is() {
    let (trace, sent) = lossy(3, 300, |_, _, _| false);
    assert!(read(3, &trace, &PauseLog::default(), &sent).queues[0].loss.is_none());
}

#[test]
fn scattered_losses_are_counted_and_are_no_outage() {
    let (trace, sent) = lossy(3, 600, |_, number, _| number % 100 == 99);
    let inferred = read(3, &trace, &PauseLog::default(), &sent);
    let found = loss(&inferred);
    // Number 599 is the last of each flow: only the count of those sent tells.
    assert_eq!((found.lost, found.runs, found.longest), (18, 18, 1));
    assert_eq!(found.lengths, [18]);
    assert_eq!((found.outage_count, found.outage_lost), (0, 0));
    // The first is sender 0's 100th.
    assert_eq!(found.first, (0, 99));
    assert_eq!(found.onset, Picos(99 * 6 * on_link(4170)));
    assert_eq!(found.depth, Some(0));
    let unknown = read(3, &trace, &PauseLog::default(), &[]);
    assert_eq!(loss(&unknown).lost, 15);
}

#[test]
fn random_losses_are_no_outage_even_when_frequent() {
    let mut draws = Pcg64::seed_from_u64(3);
    let table: Vec<bool> = (0..3 * 800).map(|_| draws.random_bool(0.2)).collect();
    let (trace, sent) = lossy(3, 800, |sender, number, _| table[sender * 800 + number as usize]);
    let inferred = read(3, &trace, &PauseLog::default(), &sent);
    let found = loss(&inferred);
    assert_eq!(found.lost, table.iter().filter(|lost| **lost).count() as u64);
    assert_eq!(found.outage_count, 0, "{:?}", found.outages);
}

#[test]
fn a_dead_link_is_an_outage() {
    // Sender 1's link is dead from 50 us to 90 us; the others go on.
    let dead = |sender: usize, _, departure: u64| sender == 1 && (50_000_000..90_000_000).contains(&departure);
    let (trace, sent) = lossy(3, 300, dead);
    let inferred = read(3, &trace, &PauseLog::default(), &sent);
    let found = loss(&inferred);
    let each = 6 * on_link(4170);
    let missing = (0..300u64).filter(|n| dead(1, 0, n * each + 2 * on_link(4170))).count() as u64;
    assert_eq!(
        (found.lost, found.outage_lost, found.outage_count),
        (missing, missing, 1)
    );
    let outage = found.outages[0];
    assert_eq!(outage.flow, 1);
    let began = outage.began.0;
    assert!((50_000_000..50_000_000 + each).contains(&began), "{began}");
    assert_eq!(outage.gap, Some(Picos((missing + 1) * each)));
    let restored = outage.restored.unwrap().0;
    assert!((90_000_000..91_700_000 + each).contains(&restored), "{restored}");
    assert_eq!(found.convergence, Some(Picos(restored - began)));
}

#[test]
fn a_receivers_dead_link_cuts_all_off() {
    let (trace, sent) = lossy(3, 300, |_, _, departure| (50_000_000..90_000_000).contains(&departure));
    let inferred = read(3, &trace, &PauseLog::default(), &sent);
    assert_eq!(loss(&inferred).outage_count, 3);
    assert_eq!(loss(&inferred).outage_lost, loss(&inferred).lost);
    // It never comes back.
    let (trace, sent) = lossy(3, 300, |_, _, departure| departure > 50_000_000);
    let inferred = read(3, &trace, &PauseLog::default(), &sent);
    assert_eq!(loss(&inferred).convergence, None);
    assert_eq!(loss(&inferred).outage_lost, loss(&inferred).lost);
}

#[test]
fn a_full_queue_drops_without_an_outage_and_says_how_much_it_took() {
    // Tail drop, written out: 8 senders at line rate into a queue of 400 KB.
    let (senders, len, limit) = (8usize, 4170u16, 400_000u64);
    let mut trace = Trace::default();
    let mut seq = vec![0u32; senders];
    let mut ends: std::collections::VecDeque<u64> = std::collections::VecDeque::new();
    let (mut lost, mut first, mut free) = (0u64, None, 0u64);
    for one in burst(senders, 1000, len, 0) {
        let enters = one.departure + on_link(len) + 700_000;
        while ends.front().is_some_and(|end| *end <= enters) {
            ends.pop_front();
        }
        let depth = ends.len() as u64 * u64::from(len);
        let number = seq[one.sender];
        seq[one.sender] += 1;
        if depth + u64::from(len) > limit {
            lost += 1;
            first = first.or(Some((one.departure, depth)));
            continue;
        }
        free = free.max(enters) + on_link(len);
        ends.push_back(free);
        trace.push(Observation {
            departure: Picos(one.departure),
            arrival: Picos(free + 50_000),
            flow: u32::try_from(one.sender).unwrap(),
            seq: number,
            port: 8,
            len,
            class: 3,
            ecn: 2,
            kind: Kind::First,
        });
    }
    let inferred = read(senders, &trace, &PauseLog::default(), &[1000; 8]);
    let found = loss(&inferred);
    assert_eq!(found.lost, lost);
    assert_eq!(found.outage_count, 0, "{:?}", found.outages);
    let (departure, depth) = first.unwrap();
    let frame = u64::from(len);
    assert!(found.onset.0.abs_diff(departure) <= on_link(len), "{found:?}");
    assert!(found.depth.unwrap().abs_diff(depth) <= 2 * frame, "{depth}: {found:?}");
    assert!(
        found.depths.unwrap().iter().all(|at| at.abs_diff(depth) <= 8 * frame),
        "{found:?}"
    );
    // What came before the first drop: all eight at line rate since the beginning.
    let came = departure / on_link(len) * 8 * frame;
    assert!(found.absorbed.unwrap().abs_diff(came) <= 9 * frame, "{came}: {found:?}");
}

#[test]
fn the_longest_silence_is_found_and_so_is_the_recovery() {
    let mut passed = pass(&burst(4, 500, 4170, 0), &[700_000; 4], None, 1);
    // From the 300th frame on everything comes 25 us later: the egress stood still.
    for one in passed.iter_mut().skip(300) {
        one.arrival += 25_000_000;
    }
    let inferred = read(4, &trace(&passed, 4), &PauseLog::default(), &[500; 4]);
    let stall = inferred.queues[0].stall.unwrap();
    assert_eq!(stall.length, Picos(25_000_000 + on_link(4170)));
    assert_eq!(stall.began, Picos(passed[299].arrival));
    // 2,000 frames came in a fourth of the time that they need: it was empty when the last had left, which is
    // 1,700 frames' time from when the 301st began to.
    let whole = Picos(1_700 * on_link(4170));
    let recovery = stall.recovery.unwrap();
    assert!(recovery.low <= whole && whole <= recovery.high, "{recovery:?}");
    assert_eq!(recovery.value, whole);
    // What comes through it a long time after is none of it.
    let late = passed.last().unwrap().arrival + 7_000_000_000;
    let mut more = passed.clone();
    more.extend(burst(4, 10, 4170, late).into_iter().zip(0..).map(|(sent, n)| Passed {
        sent,
        arrival: late + 800_000 + n * on_link(4170),
        ..passed[0]
    }));
    let inferred = read(4, &trace(&more, 4), &PauseLog::default(), &[510; 4]);
    assert_eq!(inferred.queues[0].stall.unwrap().recovery.unwrap().value, whole);
    // Frames that never came may stand in it still.
    let inferred = read(4, &trace(&passed, 4), &PauseLog::default(), &[500, 500, 500, 501]);
    assert_eq!(inferred.queues[0].stall.unwrap().recovery, None);
}

#[test]
fn what_a_victim_waits_is_told_from_what_it_waits_anyway() {
    let (mut sent, len) = (Vec::new(), 4170u16);
    for n in 0..400u64 {
        sent.push(Sent {
            departure: n * 500_000,
            sender: 0,
            len,
        });
    }
    let mut passed = pass(&sent, &[700_000; 2], None, 1);
    // While port 1 is paused, from 50 to 100 us, frames of port 0 wait 3 us more.
    let unloaded = passed[0].arrival - passed[0].sent.departure;
    for one in &mut passed {
        let on_the_way = one.sent.departure <= 100_000_000 && one.sent.departure + unloaded >= 50_000_000;
        one.arrival += if on_the_way { 3_000_000 } else { 0 };
    }
    let mut log = PauseLog::default();
    for (time, quanta) in [(50_000_000, 0xffff), (100_000_000, 0)] {
        log.push(ReceivedPause {
            port: 1,
            classes: 8,
            time: Picos(time),
            quanta: [quanta; 8],
        });
    }
    let inferred = read(2, &trace(&passed, 2), &log, &[400, 0]);
    let victim = inferred.victims[0].unwrap();
    assert_eq!(
        (victim.during.mean, victim.during.p99, victim.during.max),
        (Picos(3_000_000), Picos(3_000_000), Picos(3_000_000))
    );
    assert_eq!((victim.calm.mean, victim.calm.max), (Picos(0), Picos(0)));
    assert_eq!(victim.during.frames + victim.calm.frames, 400);
    // Frames that left from 48.xx to 100 us, every half.
    assert!((100..112).contains(&victim.during.frames), "{}", victim.during.frames);
    assert_eq!(
        victim.held,
        Some(Picos(50_000_000)),
        "port 1 is a sender of the entry, too"
    );
    let calm = read(2, &trace(&passed, 2), &PauseLog::default(), &[]);
    assert_eq!(calm.victims, [None]);
}

/// What of a message was lost at its end left before the rest that follows, and what was lost at the beginning of the next one after it.
#[test]
fn a_rest_between_messages_is_no_part_of_a_run() {
    const PACE: u64 = 100_000;
    const REST: u64 = 200_000_000;
    let text = "name: t\nseed: 1\ntraffic:\n  - {name: in, kind: incast, senders: 2, message: 40960, repeats: 2, interval: 200us, frame: {pmtu: 4096, \
                first_psn: 0}}\n";
    let pattern = crate::pattern::parse("test", text, &[]).unwrap();
    let plan = crate::plan::build(&pattern, &crate::plan::tests::testbed(3), &[SPEED; 3]).unwrap();
    let facts = Facts::of(&plan);
    // Two messages of ten frames; the second begins when the rest is over.
    let left = |seq: u32| 1_000_000 + u64::from(seq) * PACE + if seq >= 10 { REST } else { 0 };
    let fifth = (left(12) - left(7)) / 5;
    for (lost, began, ended) in [
        (7..10, left(7), left(9)),
        (10..14, left(10), left(13)),
        (4..6, left(4), left(5)),
        // Of a run on both sides of a boundary nothing tells where the rest is.
        (8..12, left(7) + fifth, left(12) - fifth),
        // Nothing came of the first message: its round began with the entry, as another flow says.
        (0..10, left(0), left(9)),
    ] {
        let mut trace = Trace::default();
        for (flow, seq) in (0..20).flat_map(|seq| [(0u32, seq), (1, seq)]) {
            if flow == 1 || !lost.contains(&seq) {
                trace.push(Observation {
                    departure: Picos(left(seq)),
                    arrival: Picos(left(seq) + 2_000_000),
                    flow,
                    seq,
                    port: 2,
                    len: 4170,
                    class: 0,
                    ecn: 0,
                    kind: Kind::First,
                });
            }
        }
        let runs = runs::of(
            &Evidence {
                plan: &plan,
                trace: &trace,
                received: &PauseLog::default(),
                ports: &[],
                sent: &[],
                flow_packets: &[20, 20],
                configured: &Configured::default(),
                places: &[],
                end: Picos(1 << 50),
            },
            &facts,
        );
        assert_eq!(runs.len(), 1, "{lost:?}");
        let (from, to) = runs[0].inner();
        assert_eq!(
            (from.unsigned_abs(), to.unsigned_abs()),
            (began, ended),
            "{lost:?}: {runs:?}"
        );
    }
}
