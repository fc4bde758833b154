//! A port whose clock is wrong: it runs 100 ppm fast, and may be set by a millisecond in the middle of a
//! run. Delays are right within the uncertainty that is reported, or there are none and the report says
//! why; they are never wrong.
//!
//! The test double stands at the far end of a port of rings. It stamps what it hands back with the
//! wrong clock, and notes by the right one when it did; that, and the departure in the frame, is the
//! truth that the report is compared with. squall's own loops, clock relation and report stand between.
//! Each case has a process of its own (`alone`). No hugepages, no NIC.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use squall::dpdk::{
    Eal, EalConfig, FarEnd, Hugepages, PoolConfig, Port, PortConfig, RingFrame, RxPool, StampSource, TscClock, TxPool,
    tsc,
};
use squall::engine::lab::{PacedBy, Reaction, Running};
use squall::engine::realtime;
use squall::engine::stamps::Stamping;
use squall::measure::clock::Scale;
use squall::pattern::{self, IcrcCheck};
use squall::plan;
use squall::report::assemble::{Inputs, assemble};
use squall::report::model::{AnomalyKind, Distribution, Results, TimeSource};
use squall::testbed;
use squall::units::{BitRate, Bytes};
use squall::wire::Frame;
use squall::wire::stamp::{Magic, Stamp};
use squall::wire::template::{BUFFER_SLACK, filler};

use alone::{Namespace, alone};
use turn::turn;

const PORT: &str = "net_ring_wrong";

const FRAMES: u64 = 1_500;

/// 1,500 frames of 1 KiB in about 0.7 s.
const PATTERN: &str =
    "traffic:\n- {name: probe, kind: transfer, from: 0, to: 1, message: 1KiB, count: 1500, rate: 20Mbps}\n";

/// 1 ms.
const MILLI: u64 = 1_000_000_000;

/// A clock that counts nanoseconds, 100 ppm too many of them.
struct Wrong {
    right: TscClock,
    /// From this cycle on it is ahead by 1 ms.
    stepped_at: AtomicU64,
}

impl Wrong {
    fn at(&self, cycles: u64) -> u64 {
        let step = if cycles >= self.stepped_at.load(Ordering::SeqCst) {
            MILLI
        } else {
            0
        };
        let picos = u128::from(self.right.at(cycles).0 + step) * 1_000_100 / 1_000_000;
        u64::try_from(picos / 1000).unwrap() + 77_000_000_000
    }
}

/// A frame's truth, in ps: its departure by the run's clock; when the double took it and when it
/// stamped it, by the double's own.
#[derive(Clone, Copy)]
struct Truth {
    departure: u64,
    taken: u64,
    stamped: u64,
}

/// Takes what was sent, keeps it for a while, and hands it back with the wrong clock's time.
fn far_end(mut end: FarEnd, clock: &Wrong, step_after: Option<u64>, stop: &AtomicBool) -> Vec<Truth> {
    let mut truths: Vec<Truth> = Vec::new();
    let mut held: VecDeque<(RingFrame, u64, Truth)> = VecDeque::new();
    let mut due = 0;
    while !stop.load(Ordering::Relaxed) || !held.is_empty() {
        if let Some(frame) = end.take() {
            let taken = clock.right.now().0;
            let departure = match Frame::parse(frame.bytes()) {
                Ok(Frame::Roce(packet)) => {
                    let magic = Magic::of(packet.payload()).unwrap();
                    Stamp::parse(packet.payload(), magic).unwrap().departure.0
                }
                other => panic!("{other:?}"),
            };
            // 20 us, and up to half a millisecond more, in the order in which they came.
            let number = truths.len() as u64 + held.len() as u64;
            due = (taken + 20_000_000 + number % 50 * 10_000_000).max(due);
            held.push_back((
                frame,
                due,
                Truth {
                    departure,
                    taken,
                    stamped: 0,
                },
            ));
        }
        if held.front().is_some_and(|(_, due, _)| clock.right.now().0 >= *due) {
            let (frame, _, truth) = held.pop_front().unwrap();
            if step_after == Some(truths.len() as u64) {
                clock.stepped_at.store(tsc(), Ordering::SeqCst);
            }
            let cycles = tsc();
            end.give(frame, clock.at(cycles)).unwrap();
            truths.push(Truth {
                stamped: clock.right.at(cycles).0,
                ..truth
            });
        }
        std::thread::yield_now();
    }
    truths
}

/// Runs the pattern against the double, whose clock stamps arrivals, and returns what is reported, and the
/// truth.
fn run(step_after: Option<u64>, readable: bool) -> (Results, Vec<Truth>) {
    run_with(step_after, readable, (StampSource::Nic, PacedBy::Software))
}

/// The same where the double's clock is for what `of` says.
fn run_with(step_after: Option<u64>, readable: bool, of: (StampSource, PacedBy)) -> (Results, Vec<Truth>) {
    let pattern = pattern::parse("wrong-clock", PATTERN, &[]).unwrap();
    // The device is the double's: EAL is not asked for it.
    // The loops share a core, so that the double has another one.
    let core = core_affinity::get_core_ids().unwrap()[0].id;
    let text = format!(
        "cores: {{tx: {core}, rx: {core}}}\nports:\n- {{name: looped, device: net_ring0, workers: 2, speed: 1Gbps}}\n"
    );
    let testbed = testbed::parse("wrong", &text, &[]).unwrap();
    let eal = Eal::init(&EalConfig {
        hugepages: Hugepages::None,
        memory: Bytes(128 << 20),
        telemetry: false,
        ..EalConfig::default()
    })
    .unwrap();
    let plan = plan::build(&pattern, &testbed, &[BitRate(1_000_000_000)]).unwrap();
    let clean = filler(plan.max_frame_len() + BUFFER_SLACK);
    let shape = |name: &str, data_room| PoolConfig {
        name: name.to_owned(),
        frames: 8191,
        data_room,
        numa_node: None,
    };
    let room = u16::try_from(clean.len().next_multiple_of(64)).unwrap();
    let tx_pool = TxPool::new(&eal, &shape("tx", room), &clean).unwrap();
    let rx_pool = RxPool::new(&eal, &shape("rx", 2048)).unwrap();
    let end = eal.ring_port(PORT, 1, 4096).unwrap().remove(0);
    let port = Port::open(&eal, PORT).unwrap();
    let info = port.info().unwrap();
    let port = port.start(&PortConfig::default(), Some(&rx_pool)).unwrap();

    let clock = Arc::new(Wrong {
        right: TscClock::start_now(&eal),
        stepped_at: AtomicU64::new(u64::MAX),
    });
    let read = Arc::clone(&clock);
    let running = Running {
        eal: eal.clone(),
        ports: vec![port],
        infos: vec![info],
        tx_pool,
        rx_pool,
        clean,
        reactions: vec![Reaction::None],
        paced_by: vec![of.1],
        probe_queues: vec![false],
        stampings: vec![Stamping {
            source: of.0,
            clock: Some((Scale::DEVICE, Box::new(move || readable.then(|| read.at(tsc()))))),
        }],
    };
    let done = AtomicBool::new(false);
    let (outcome, truths) = std::thread::scope(|scope| {
        let far = scope.spawn(|| far_end(end, &clock, step_after, &done));
        let outcome = realtime::run(
            &plan,
            &testbed,
            running,
            IcrcCheck::All,
            &AtomicBool::new(false),
            |_| {},
        );
        done.store(true, Ordering::Relaxed);
        (outcome.unwrap(), far.join().unwrap())
    });
    let inputs = Inputs {
        question: None,
        pattern: &pattern,
        pattern_source: ("wrong-clock", String::new()),
        testbed: &testbed,
        testbed_source: None,
        settings: &[],
        started: SystemTime::UNIX_EPOCH,
        took: Duration::from_secs(1),
        calibration: None,
    };
    (assemble(&inputs, &plan, &outcome), truths)
}

/// Counts do not need a clock: they are right whatever it does.
fn assert_counts(results: &Results, truths: &[Truth]) {
    let packets = &results.traffic[0].packets;
    assert_eq!((packets.sent, packets.received), (FRAMES, Some(FRAMES)), "{packets:?}");
    assert_eq!(truths.len() as u64, FRAMES);
    assert_eq!(results.ports[0].timestamps.rx, TimeSource::Nic);
}

#[test]
fn a_clock_that_is_fast_gives_the_right_delays() {
    alone(Namespace::Ours, || {
        let _turn = turn();
        let (results, truths) = run(None, true);
        assert_counts(&results, &truths);
        let entry = &results.traffic[0];
        assert_eq!(entry.times_refused, None);
        let reported: &Distribution = entry.packet_latency.as_ref().unwrap();
        assert_eq!(
            (reported.source.tx, reported.source.rx),
            (TimeSource::Software, TimeSource::Nic)
        );
        assert_eq!(reported.count, FRAMES);
        let clock = results.ports[0].clock.as_ref().unwrap();
        assert_eq!((clock.stamped, clock.unstamped, clock.late), (FRAMES, 0, 0));
        let uncertainty = clock.uncertainty_ps.unwrap();
        assert!(reported.uncertainty_ps.unwrap() >= uncertainty);
        // The double's zero is not the run's: a constant in all delays, which differences do not have.
        let mut delays: Vec<i64> = truths
            .iter()
            .map(|truth| truth.stamped.cast_signed() - truth.departure.cast_signed())
            .collect();
        delays.sort_unstable();
        let (least, most) = (delays[0], *delays.last().unwrap());
        let sum: i128 = delays.iter().map(|delay| i128::from(delay - least)).sum();
        let mean = sum as f64 / delays.len() as f64;
        // Each may be off by the uncertainty; buckets round by a thousandth.
        let tolerance = |value: u64| 2 * uncertainty + value / 500 + 2_000;
        let span = (most - least).unsigned_abs();
        let off = (reported.max - reported.min).abs_diff(span);
        assert!(off <= tolerance(reported.max), "span {span}, {reported:?}, {clock:?}");
        let found = reported.mean - reported.min as f64;
        assert!(
            (found - mean).abs() <= tolerance(reported.max) as f64,
            "mean {mean} above the least, {reported:?}"
        );
        // No frame was taken before it left: the constant is at most the least of these differences.
        let zero = truths
            .iter()
            .map(|truth| truth.taken.cast_signed() - truth.departure.cast_signed());
        let at_least = (least - zero.min().unwrap()).unsigned_abs();
        assert!(
            reported.min + tolerance(reported.min) >= at_least,
            "least {at_least}, {reported:?}"
        );
        // It is what it should be for: without following the clock, 100 ppm of a second are 100 us.
        assert!(uncertainty < 50_000_000, "{clock:?}");
    });
}

#[test]
fn a_clock_that_is_set_is_found_out_and_nothing_is_told_by_it() {
    alone(Namespace::Ours, || {
        let _turn = turn();
        let (results, truths) = run(Some(FRAMES / 2), true);
        assert_counts(&results, &truths);
        assert_refused(&results, "ahead of where its readings had it");
    });
}

#[test]
fn a_clock_that_cannot_be_read_is_related_to_nothing() {
    alone(Namespace::Ours, || {
        let _turn = turn();
        let (results, truths) = run(None, false);
        assert_counts(&results, &truths);
        assert_refused(&results, "cannot be read");
    });
}

#[test]
fn a_clock_to_send_by_is_in_the_uncertainty_of_delays() {
    alone(Namespace::Ours, || {
        let _turn = turn();
        let of = (StampSource::Software, PacedBy::Nic);
        let (results, _) = run_with(None, true, of);
        assert_eq!(results.traffic[0].times_refused, None);
        let (clock, reported) = (&results.ports[0].clock, &results.traffic[0].packet_latency);
        let uncertainty = clock.as_ref().unwrap().uncertainty_ps.unwrap();
        assert!(reported.as_ref().unwrap().uncertainty_ps.unwrap() >= uncertainty);
    });
}

#[test]
fn a_clock_to_send_by_that_is_set_is_found_out() {
    alone(Namespace::Ours, || {
        let _turn = turn();
        let (results, _) = run_with(Some(FRAMES / 2), true, (StampSource::Software, PacedBy::Nic));
        assert_refused(&results, "ahead of where its readings had it");
    });
}

/// Nothing that rests on an arrival, in the file or among the KPIs; and the reason, wherever one looks.
fn assert_refused(results: &Results, reason: &str) {
    let entry = &results.traffic[0];
    let why = entry.times_refused.as_ref().unwrap();
    assert!(why.starts_with("Port looped: ") && why.contains(reason), "{why}");
    assert_eq!(
        (&entry.packet_latency, &entry.message_latency, &entry.fct),
        (&None, &None, &None)
    );
    assert_eq!(
        (entry.active_ps, entry.goodput_bps, entry.rx_wire_rate_bps),
        (None, None, None)
    );
    assert_eq!((entry.longest_gap, entry.outage), (None, None));
    assert_eq!(results.run.measured_duration_ps, None);
    assert_eq!(results.ports[0].rx.achieved_bps, None);
    let listed = &entry.flows.listed;
    assert!(
        listed
            .iter()
            .all(|flow| flow.latency_p50_ps.is_none() && flow.goodput_bps.is_none())
    );
    let timed = results
        .kpis
        .iter()
        .filter(|kpi| kpi.name.starts_with("KV_xfer") || kpi.name == "Fabric_FCT");
    let values: Vec<Option<f64>> = timed.map(|kpi| kpi.value).collect();
    assert!(!values.is_empty() && values.iter().all(Option::is_none), "{values:?}");
    assert!(results.inferred.queues.is_empty());
    assert!(results.ports[0].clock.as_ref().unwrap().refused.is_some());
    let said = results
        .anomalies
        .iter()
        .find(|anomaly| anomaly.kind == AnomalyKind::Clock && anomaly.place == "ports/looped")
        .unwrap();
    assert!(said.text.contains(reason), "{said:?}");
}
