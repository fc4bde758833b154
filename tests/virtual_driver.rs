//! The order of a run in virtual time: entries after others, closed loops, durations, an early stop,
//! and memory that does not grow with the length of a run.
//!
//! Expected times are arithmetic on the rules of docs/FABRIC.md, done here by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod support;
mod virtual_kit;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alone::{Namespace, alone};
use squall::report::model::{AnomalyKind, LossCause, Results, Traffic};
use squall::trial::TrialError;
use support::{Folder, Running, number, squall, wait_for};
use virtual_kit::{Bench, ledger, lost_to};

/// Ethernet 14, IPv4 20, UDP 8, BTH 12, RETH 16, payload 4096, ICRC 4.
const WRITE_ONLY: u64 = 4170;

/// On the wire at 400 Gb/s, with 24 bytes of preamble, FCS and gap: 20 ps a byte.
const WIRE_TIME: u64 = (WRITE_ONLY + 24) * 20;

/// From a frame's departure to its arrival behind one switch: rules 1 and 4 of docs/FABRIC.md, with
/// 50 ns of propagation and 600 ns of latency.
const ONE_WAY: u64 = 2 * (WIRE_TIME + 50_000) + 600_000;

/// The departure of an entry's first frame, where it is sent with CE already.
fn first_departure(entry: &Traffic) -> u64 {
    entry.first_mark.unwrap().departure_ps.unwrap()
}

fn said(results: &Results, kind: AnomalyKind) -> Vec<&str> {
    let of = results.anomalies.iter().filter(|anomaly| anomaly.kind == kind);
    of.map(|anomaly| anomaly.text.as_str()).collect()
}

#[test]
fn entries_begin_after_others() {
    alone(Namespace::Ours, || {
        // Ten frames back to back from 1 us on; the next entry is sent by others.
        let pattern = "frame: {ecn: ce}
traffic:
- {name: first, kind: transfer, from: 0, to: 2, message: 4KiB, verb: put, count: 10, start: 1us}
- {name: second, kind: incast, senders: [1, 3], receiver: 2, message: 4KiB, verb: put, after: first, delay: 3us}
- {name: third, kind: transfer, from: 0, to: 1, message: 4KiB, verb: put, count: 1, after: second, delay: 1us}
- {name: fourth, kind: transfer, from: 3, to: 1, message: 4KiB, verb: put, count: 1, after: third}
";
        let (results, _) = Bench::new().balanced(pattern, "switch", &[]);
        let starts: Vec<u64> = results.traffic.iter().map(first_departure).collect();
        let second = 1_000_000 + 9 * WIRE_TIME + 3_000_000;
        let third = second + 1_000_000;
        // Without a delay, when the last frame has left.
        assert_eq!(starts, [1_000_000, second, third, third + WIRE_TIME]);
        assert_eq!(results.anomalies, []);
    });
}

#[test]
fn a_closed_loop_waits_for_what_it_sent() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (outstanding, count) in [(1, 100), (2, 100), (7, 70)] {
            let pattern = format!(
                "traffic:\n- {{kind: transfer, message: 4KiB, verb: put, count: {count}, outstanding: {outstanding}}}\n"
            );
            let (results, _) = bench.balanced(&pattern, "switch", &[]);
            // Rounds of that many frames back to back, the next as the first of them arrives.
            let rounds = count / outstanding;
            let length = rounds * ONE_WAY + (outstanding - 1) * WIRE_TIME;
            assert_eq!(results.run.measured_duration_ps, Some(length), "{outstanding}");
            let latency = results.traffic[0].message_latency.as_ref().unwrap();
            // Kept to three digits.
            let (least, most) = (ONE_WAY - ONE_WAY / 1000, ONE_WAY + ONE_WAY / 1000);
            assert!(latency.min > least && latency.max < most && latency.count == count);
            assert_eq!(results.anomalies, []);
        }
        // So many outstanding fill the link: 17 frames take longer than one takes to be through.
        const { assert!(17 * WIRE_TIME > ONE_WAY) };
        let pattern = "traffic:\n- {kind: transfer, message: 4KiB, verb: put, count: 1000, outstanding: 17}\n";
        let (results, _) = bench.balanced(pattern, "switch", &[]);
        assert_eq!(results.run.measured_duration_ps, Some(999 * WIRE_TIME + ONE_WAY));
    });
}

#[test]
fn a_closed_loop_goes_on_without_what_was_lost() {
    alone(Namespace::Ours, || {
        let pattern = "traffic:\n- {kind: transfer, message: 4KiB, verb: put, count: 40, outstanding: 1}\n";
        let testbed = "fabric:\n  faults: [{at: host0, drop: {every: 10}}]\n";
        let (results, _) = Bench::new().balanced(pattern, testbed, &[]);
        let entry = &results.traffic[0];
        assert_eq!((entry.packets.sent, lost_to(entry, LossCause::LostInDut)), (40, 4));
        let text = said(&results, AnomalyKind::Other);
        assert_eq!(text.len(), 1);
        // The tenth, twentieth and thirtieth are waited for; nobody waits for the fortieth.
        assert!(
            text[0].starts_with("3 messages were not received within 100 ms"),
            "{text:?}"
        );
        let waited = 3 * 100_000_000_000;
        let length = results.run.measured_duration_ps.unwrap();
        assert!((waited..waited + 40 * ONE_WAY).contains(&length), "{length}");
    });
}

#[test]
fn a_duration_ends_what_begins_and_finishes_what_has_begun() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // Messages of one frame leave at 0, 1, … 9 us; none begins at 10 us.
        let pattern = "duration: 10us\ntraffic:\n- {kind: transfer, message: 4KiB, rate: 1000000/s}\n";
        let (results, _) = bench.balanced(pattern, "switch", &[]);
        assert_eq!(results.traffic[0].packets.sent, 10);
        // Of 1 MiB, the first takes 21 us.
        let pattern = "traffic:\n- {kind: transfer, message: 1MiB, duration: 30us}\n";
        let (results, _) = bench.balanced(pattern, "switch", &[]);
        let entry = &results.traffic[0];
        assert_eq!((entry.messages.sent, entry.packets.sent), (2, 512));
        assert_eq!((entry.messages.completed, entry.packets.received), (Some(2), Some(512)));
        // A start moves the end with it.
        let pattern = "traffic:\n- {kind: transfer, message: 1MiB, duration: 30us, start: 1ms, frame: {ecn: ce}}\n";
        let (results, _) = bench.balanced(pattern, "switch", &[]);
        assert_eq!(results.traffic[0].packets.sent, 512);
        assert_eq!(first_departure(&results.traffic[0]), 1_000_000_000);
        assert_eq!(results.anomalies, []);
    });
}

const LONG: &str = "duration: 1h
traffic:
- {name: load, kind: background, from: 0-2, to: 3, load: 50%}
- {name: loop, kind: transfer, from: 1, to: 0, message: 20000, outstanding: 2}
- {name: pauses, kind: pfc, from: 3, classes: 3, quanta: 100, interval: 10us}
";

#[test]
fn a_stop_ends_a_run_with_all_accounted_for() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for after in [0, 50, 400] {
            let stop = AtomicBool::new(after == 0);
            let runs = AtomicBool::new(after == 0);
            let begun = Instant::now();
            let measured = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !runs.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(60) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    std::thread::sleep(Duration::from_millis(after));
                    stop.store(true, Ordering::Relaxed);
                });
                bench.run_watched(LONG, "switch", &[], &stop, || runs.store(true, Ordering::Relaxed))
            });
            if after == 0 {
                // Whoever stops a start has sent nothing.
                assert!(matches!(measured, Err(TrialError::Stopped)));
                continue;
            }
            let measured = measured.unwrap();
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
            let (results, fabric) = (measured.results, measured.fabric.unwrap());
            assert_eq!(results.run.interrupted_by.as_deref(), Some("stopped by the user"));
            assert_eq!(said(&results, AnomalyKind::Interrupted).len(), 1);
            ledger(&results, &fabric).unwrap();
            // What was on its way has come.
            assert_eq!((fabric.frames_inside, fabric.lost.total()), (0, 0));
            assert!(results.traffic.iter().all(|entry| entry.packets.sent > 1));
        }
    });
}

#[test]
fn an_interrupted_command_leaves_its_results() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new();
        let pattern = folder.write("long.yaml", LONG);
        let out = folder.text("out");
        let mut running = Running::start(squall(&["run", &pattern, "--testbed", "switch", "--out", &out]));
        // The folder is there before EAL starts, which takes a while.
        wait_for("its output folder", || {
            assert!(running.is_running(), "{:?}", running.said());
            folder.path("out").is_dir()
        });
        std::thread::sleep(Duration::from_millis(1500));
        running.signal(signal);
        let ended = running.wait().expect(1);
        assert!(ended.stderr.contains("ended early"), "{}", ended.stderr);
        let results = folder.results_of("out");
        assert_eq!(results["run"]["interrupted_by"], "stopped by the user");
        support::assert_balanced(&results);
        let fabric = std::fs::read_to_string(folder.path("out").join("fabric.json")).unwrap();
        let fabric: serde_json::Value = serde_json::from_str(&fabric).unwrap();
        let sent: u64 = (0..2)
            .map(|at| number(&results, &format!("/traffic/{at}/packets/sent")))
            .sum();
        assert_eq!(number(&fabric, "/frames_sent"), sent);
        assert!(sent > 100, "{sent}");
    }
}

#[test]
fn a_pause_without_end_ends_the_run_and_is_named() {
    alone(Namespace::Ours, || {
        let pattern = "frame: {dscp: 26}
traffic:
- {name: held, kind: transfer, from: 0, to: 1, message: 4KiB, count: 100, start: 10us}
- {name: free, kind: transfer, from: 2, to: 1, message: 4KiB, count: 100}
- {name: never, kind: transfer, from: 2, to: 1, message: 4KiB, count: 100, after: held}
";
        let testbed = "fabric:\n  faults: [{at: switch0-host0, stuck_pause: {class: 3}}]\n";
        let mut bench = Bench::new();
        let (results, fabric) = bench.balanced(pattern, testbed, &[]);
        let sent: Vec<u64> = results.traffic.iter().map(|entry| entry.packets.sent).collect();
        let unsent: Vec<u64> = results.traffic.iter().map(|entry| entry.packets.unsent).collect();
        assert_eq!((sent, unsent), (vec![0, 100, 0], vec![100, 0, 100]));
        let cause = results.run.interrupted_by.as_deref().unwrap();
        assert!(
            cause.contains("host0") && cause.contains("1 of them are paused"),
            "{cause}"
        );
        assert!(fabric.hosts[0].classes[0].pause_received_ps > 100_000_000_000);
    });
}

/// Entries at the same time, each with frames for a full switch: buffers are counted for all of them.
#[test]
fn two_incasts_may_fill_the_switch_together() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // 8 × 7 MB to each of two receivers, none lossless: 2 × 13,672 frames at once in a buffer of 30,000.
        let pattern = "frame: {dscp: 0}
traffic:
- {name: a, kind: incast, senders: 0-7, receiver: 16, message: 7MB}
- {name: b, kind: incast, senders: 8-15, receiver: 17, message: 7MB}
";
        let (results, fabric) = bench.balanced(pattern, "switch", &[]);
        assert!(fabric.switches[0].max_shared_bytes > 90_000_000);
        assert_eq!(results.traffic[0].packets.lost, Some(0));
        // On long links more is under way than any buffer holds: 1 ms at 400 Gb/s are 50 MB.
        let pattern = "traffic:\n- {kind: transfer, message: 1MB, count: 100}\n";
        let testbed = "fabric:\n  propagation: 1ms\n  switch: {buffer: 1MB}\n";
        let (_, fabric) = bench.balanced(pattern, testbed, &[]);
        assert_eq!(fabric.lost.total(), 0);
        // Each frame twice, in a queue of tens of thousands; and PFC frames for the senders meanwhile.
        let pattern = "frame: {dscp: 26}\ntraffic:\n- {kind: incast, senders: 8, message: 10MB}\n";
        let testbed = "fabric:\n  faults: [{at: host8, duplicate: {every: 1}}, {at: switch0, duplicate: {every: 1}}]\n";
        let (results, fabric) = bench.balanced(pattern, testbed, &[]);
        assert_eq!(
            results.traffic[0].packets.duplicated,
            Some(fabric.frames_duplicated - fabric.lost.total())
        );
    });
}

#[test]
fn as_many_hosts_as_a_fabric_can_have() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let pattern = "frame: {dscp: 26}\ntraffic:\n- {kind: incast, senders: 511, message: 64KiB}\n";
        let testbed = "fabric:\n  switch: {ecn: {kmin: 1MB}, pfc: {xoff: 30KB, headroom: 60KB}}\n";
        for _ in 0..2 {
            let (results, fabric) = bench.balanced(pattern, testbed, &[]);
            assert_eq!((fabric.hosts.len(), fabric.frames_received), (512, 511 * 16));
            // Each of the senders is paused, and most have nothing else to receive.
            let pauses = results.ports.iter().map(|port| port.pfc.received_per_class.unwrap()[3]);
            assert!(pauses.sum::<u64>() > 511, "{:?}", fabric.lost);
        }
    });
}

/// Resident memory and hugepages of this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |key: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    of("VmRSS:") + of("HugetlbPages:")
}

#[test]
fn memory_stays_flat_with_length() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let mut run = |rounds: u64| {
            let pattern = format!(
                "icrc_check: 1/64
traffic:
- {{name: load, kind: incast, senders: 4, message: 16KiB, repeats: {rounds}, gap: 1us, frame: {{dscp: 26}}}}
- {{name: loop, kind: transfer, from: 4, to: 0, message: 64KiB, outstanding: 2, count: {}}}
",
                rounds / 10
            );
            let testbed = "fabric:\n  switch: {buffer: 16MB, ecn: {kmin: 20KB}, pfc: {xoff: 8KB}}\n";
            let mut most = 0;
            let measured = bench.run_watched(&pattern, testbed, &[], &AtomicBool::new(false), || {
                most = most.max(memory());
            });
            let measured = measured.unwrap();
            let (results, fabric) = (measured.results, measured.fabric.unwrap());
            assert_eq!(results.traffic[0].packets.lost, Some(0));
            let pauses = results.ports.iter().map(|port| port.pfc.received_per_class.unwrap()[3]);
            (fabric.frames_sent, pauses.sum::<u64>(), most)
        };
        // What is kept of single frames is 2^20 of them, and 2^16 pauses: the first run fills both. It
        // is to be the second one that counts: the first has touched what lasts as long as the process.
        run(66_000);
        let (few, pauses, before) = run(66_000);
        assert!(few > 1 << 20 && pauses > 1 << 16, "{few} {pauses}");
        let (many, _, after) = run(330_000);
        assert!(
            many >= 5 * few && after < before + 512,
            "{few} and {many} frames: {before} KiB, then {after} KiB"
        );
    });
}

/// Paced frames leave and arrive at gaps that are exact: at a tenth, at half, at all of the line rate, and
/// at half of it each where two share a line that both want.
#[test]
fn gaps_are_those_that_were_asked_for() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (rate, every) in [("10%", 10), ("50%", 2), ("100%", 1)] {
            let pattern = format!(
                "traffic:\n- {{kind: transfer, from: 0, to: 1, message: 4KiB, verb: put, count: 100, rate: {rate}}}\n"
            );
            let (results, _) = bench.balanced(&pattern, "switch", &[]);
            let pacing = results.traffic[0].pacing.clone().unwrap();
            for gaps in [pacing.gaps.unwrap(), pacing.arrival_gaps.unwrap()] {
                assert_eq!(
                    (gaps.count, gaps.min, gaps.max),
                    (99, every * WIRE_TIME, every * WIRE_TIME)
                );
            }
            assert_eq!((pacing.rate_error_percent, pacing.most_together), (Some(0.0), Some(1)));
        }
        // Two that want the line of one NIC have it in turns: each is at half of its rate.
        let pattern = "traffic:
- {name: a, kind: transfer, from: 0, to: 1, message: 4KiB, verb: put, count: 200, rate: 100%}
- {name: b, kind: transfer, from: 0, to: 2, message: 4KiB, verb: put, count: 200, rate: 100%}
";
        let (results, _) = bench.balanced(pattern, "switch", &[]);
        for entry in &results.traffic {
            let pacing = entry.pacing.clone().unwrap();
            assert_eq!(pacing.gaps.unwrap().p50, 2 * WIRE_TIME);
            let error = pacing.rate_error_percent.unwrap();
            assert!((-51.0..-49.0).contains(&error), "{error}");
        }
    });
}

#[test]
fn a_short_last_frame_counts_at_its_own_length() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // Frames of First (RETH), Middle, Last (immediate) and Only, with 24 bytes on the wire.
        let (first, middle, last, only) = (4170u64 + 24, 4154 + 24, 62 + 904 + 24, 78 + 4 + 24);
        for (message, count, rate, bits, span_ps) in [
            // Two messages of 4096 and 904 bytes, one after another at half of line rate: 40 ps a byte.
            (5000, 2, "50%", (first + last + first) * 8, (first + last + first) * 40),
            // Three of a byte each: two of them begin before the last one.
            (1, 3, "50%", 2 * only * 8, 2 * only * 40),
            // Released every 100 us and sent at line rate; the last of them begins at 200 us.
            (
                9096,
                3,
                "10000/s",
                (3 * (first + middle) + 2 * last) * 8,
                200_000_000 + (first + middle) * 20,
            ),
        ] {
            let pattern = format!(
                "traffic:\n  - {{name: d, kind: transfer, from: 0, to: 1, message: {message}, count: {count}, rate: {rate}, verb: put-with-signal}}\n"
            );
            let (results, _) = bench.run(&pattern, "switch", &[]);
            let pacing = results.traffic[0].pacing.as_ref().unwrap();
            let truth = u64::try_from(u128::from(bits) * 1_000_000_000_000 / u128::from(span_ps)).unwrap();
            for (name, seen) in [("achieved", pacing.achieved_bps), ("requested", pacing.requested_bps)] {
                let off = seen.unwrap().abs_diff(truth);
                assert!(off <= truth / 1_000_000, "{name} of {message}: {seen:?} is not {truth}");
            }
        }
    });
}
