//! Software pacing: the mean rate is the one asked for, from 1 % to 90 % of a port's capacity, frames
//! leave evenly, and nothing leaves in a burst at the start.
//!
//! Witnesses: the driver's count of frames against the time that the pattern has; over veth tcpdump at
//! the other end, which stamps frames by the kernel's clock; over a capture file the stamps in the
//! frames. What is asserted is ratios of counts and of stamps.
//!
//! A loop that is kept from its core for long is late, and says so. These tests are of what it does
//! otherwise, so each has a few attempts, and real-time priority where that is to be had.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "ratios of counts"
)]

mod support;
mod turn;

use std::process::Command;

use serde_json::Value;
use support::skip::needs;
use support::veth::{self, Seen};
use support::{Folder, assert_balanced, list, number, run};
use turn::turn;

/// Attempts that a machine with other work to do has.
const ATTEMPTS: usize = 6;

/// Rates that hold to a thousandth.
const TOLERANCE: f64 = 0.001;

/// Tries until `attempt` succeeds; what the last one says otherwise fails the test.
#[track_caller]
fn patiently(what: &str, mut attempt: impl FnMut() -> Result<(), String>) {
    let mut last = String::new();
    for number in 1..=ATTEMPTS {
        match attempt() {
            Ok(()) => return,
            Err(why) => {
                eprintln!("{what}, attempt {number}: {why}");
                last = why;
            }
        }
    }
    panic!("{what}: {last}");
}

fn real(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{pointer} is no number in {value:#}"))
}

fn within(what: &str, found: f64, expected: f64, share: f64) -> Result<(), String> {
    let off = found / expected - 1.0;
    if off.abs() <= share {
        Ok(())
    } else {
        Err(format!("{what} is {found}, {:+.4} % off {expected}", 100.0 * off))
    }
}

/// One sender at `rate`, for 0.8 s: within that a real-time thread is not throttled.
fn pattern(folder: &Folder, rate: &str) -> String {
    let text = format!(
        "duration: 800ms
traffic:
  - {{name: t, kind: transfer, from: 0, to: 1, message: 1MiB, rate: {rate}}}
"
    );
    folder.write("pattern.yaml", &text)
}

/// `squall run`, with real-time priority where that is to be had.
fn squall(folder: &Folder, pattern: &str, testbed: &str) -> Value {
    let plain = [
        env!("CARGO_BIN_EXE_squall"),
        "run",
        pattern,
        "--testbed",
        testbed,
        "--quiet",
        "--out",
    ];
    let first = Command::new("chrt").args(["-f", "1", "true"]).output();
    let mut command = if first.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("chrt");
        command.args(["-f", "1"]).args(plain);
        command
    } else {
        let mut command = Command::new(plain[0]);
        command.args(&plain[1..]);
        command
    };
    command.arg(folder.text("out")).env("NO_COLOR", "1");
    run(command).expect(0);
    folder.results_of("out")
}

/// Gaps are as planned in the middle, reported from end to end, and never in a burst.
fn even(entry: &Value, most_together: u64) -> Result<(), String> {
    let pacing = &entry["pacing"];
    assert_eq!(number(pacing, "/gaps/count") + 1, number(entry, "/packets/sent"));
    assert_eq!(list(pacing, "/gaps/percentiles").len(), 101);
    within(
        "the rate, by squall itself,",
        1.0 + real(pacing, "/rate_error_percent") / 100.0,
        1.0,
        TOLERANCE,
    )?;
    let planned = real(pacing, "/planned_gap_ps");
    within("the mean gap", real(pacing, "/gaps/mean"), planned, TOLERANCE)?;
    within("the median gap", real(pacing, "/gaps/p50"), planned, 0.05)?;
    let together = number(pacing, "/most_together");
    if together > most_together {
        return Err(format!("{together} frames left together"));
    }
    if number(pacing, "/slips") > 0 {
        return Err("the plan has moved".to_owned());
    }
    Ok(())
}

#[test]
fn over_net_null_the_drivers_count_is_the_rate_times_the_time() {
    let _turn = turn();
    let folder = Folder::new();
    let testbed = folder.write(
        "testbed.yaml",
        "eal: {hugepages: none, telemetry: false}
ports:
  - {name: n, device: \"net_null0,no-rx=1\", speed: 40Gbps, workers: 2, receive: false}
",
    );
    for percent in [0.1_f64, 1.0, 10.0, 50.0, 90.0] {
        let pattern = pattern(&folder, &format!("{percent}%"));
        patiently(&format!("{percent} %"), || {
            let results = squall(&folder, &pattern, &testbed);
            assert_balanced(&results);
            assert_eq!(results["ports"][0]["tx"]["paced_by"], "software");
            let entry = &results["traffic"][0];
            // Frames of the whole messages that fit into 0.8 s; the mean over a message of 256 frames:
            // 4096 bytes of payload, 58 of headers and ICRC, 24 on the wire, and 20 for RETH and immediate.
            let each = 4096.0 + 58.0 + 24.0 + 20.0 / 256.0;
            let counted = number(&results, "/ports/0/stats/opackets");
            let messages = 0.8 * 40e9 * percent / 100.0 / (8.0 * 256.0 * each);
            // A message that has begun is finished.
            let due = 256 * messages.ceil() as u64;
            if counted.abs_diff(due) > 256 {
                return Err(format!("{counted} frames, due were {due}"));
            }
            // In 20 us, the longest turn of a loop: 8.4 us a frame at 1 %, and so on.
            let in_a_turn = (20e-6 * 1.25 * 40e9 * percent / 100.0 / (8.0 * each)).ceil() as u64;
            even(entry, in_a_turn + 1)
        });
    }
}

/// What tcpdump saw, in bits on the wire a second: all frames but the last, over the time from the
/// first to the last.
fn wire_rate(seen: &[Seen]) -> f64 {
    let (last, before) = seen.split_last().unwrap();
    let bits: u64 = before.iter().map(|frame| 8 * (frame.len + 24)).sum();
    bits as f64 / (last.time - before[0].time) as f64 * 1e9
}

#[test]
fn over_veth_the_kernels_stamps_have_the_rate() {
    let _turn = turn();
    let Some(folder) = veth::folder() else { return };
    // As fast as this machine's veth takes them while tcpdump looks on; three quarters of it is what
    // the port has: how much that is depends on what else the machine does, from one moment to the next.
    let seen_at = |rate: &str, speed: &str| {
        let pattern = pattern(&folder, rate);
        let keys = format!("speed: {speed}, workers: 2, receive: false");
        let testbed = veth::testbed(&folder, "{tx: 0, rx: 1}", &keys);
        let script = format!("$squall run '{pattern}' --testbed '{testbed}' --quiet --out out");
        veth::captured(
            &folder,
            "-i peer0",
            &format!("{script}\nip -s -j link show sq0 > link.json"),
        )
    };
    let capacity = || (wire_rate(&seen_at("max", "100Gbps")) * 0.75 / 1e6) as u64;
    let mut speed = capacity();
    for percent in [1, 10, 50, 90] {
        let mut again = false;
        patiently(&format!("{percent} %"), || {
            if std::mem::replace(&mut again, true) {
                speed = speed.min(capacity());
            }
            let seen = seen_at(&format!("{percent}%"), &format!("{speed}Mbps"));
            let results = folder.results_of("out");
            let entry = &results["traffic"][0];
            let sent = number(entry, "/packets/sent");
            assert_eq!(seen.len() as u64, sent, "tcpdump counts as squall does");
            let links: Value = serde_json::from_slice(&std::fs::read(folder.path("link.json")).unwrap()).unwrap();
            assert_eq!(
                number(&links, "/0/stats64/tx/packets"),
                sent,
                "and so does the interface"
            );
            let asked = speed as f64 * 1e6 * f64::from(percent) / 100.0;
            within("the rate, by the kernel's stamps,", wire_rate(&seen), asked, TOLERANCE)?;
            within("the rate asked for", real(entry, "/pacing/requested_bps"), asked, 1e-6)?;
            even(entry, 64)
        });
    }
}

/// The first frames of a run, by their own stamps in a capture file (net_pcap writes what is sent):
/// however late the loop begins, no two are closer than four fifths of the gap that was asked for, but
/// for the 20 us that may lie between two looks at the clock.
#[test]
fn nothing_leaves_in_a_burst_at_the_start() {
    let _turn = turn();
    if !needs(&["python3"]) {
        return;
    }
    let folder = Folder::new();
    let file = folder.text("sent.pcap");
    let testbed = folder.write(
        "testbed.yaml",
        &format!(
            "eal: {{hugepages: none, telemetry: false}}
ports:
  - {{name: n, device: \"net_pcap0,tx_pcap={file}\", speed: 1Gbps, workers: 2, receive: false, announce: false}}
"
        ),
    );
    let pattern = folder.write(
        "pattern.yaml",
        "duration: 40ms
traffic:
  - {name: t, kind: transfer, from: 0, to: 1, message: 64KiB, rate: 50%}
",
    );
    squall(&folder, &pattern, &testbed);
    let script = "
import struct, sys
data, at, times = open(sys.argv[1], 'rb').read(), 24, []
while at < len(data):
    length = struct.unpack_from('<I', data, at + 8)[0]
    frame = data[at + 16:at + 16 + length]
    # Behind a RETH of 16 bytes, an ImmDt of 4, or both.
    stamp = 54 + {0x06: 16, 0x0a: 16, 0x09: 4, 0x0b: 20}.get(frame[42], 0)
    times.append(struct.unpack_from('>Q', frame, stamp + 16)[0])
    at += 16 + length
print(' '.join(map(str, times)))
";
    let mut read = Command::new("python3");
    read.args(["-c", script, &file]);
    let said = run(read).expect(0).stdout;
    let times: Vec<u64> = said.split_whitespace().map(|time| time.parse().unwrap()).collect();
    assert!(times.len() > 100, "{}", times.len());
    // 4096 + 58 + 24 bytes at 500 Mb/s.
    let gap = 4178_u64 * 8 * 2_000;
    for from in 0..times.len() {
        for to in from + 1..times.len().min(from + 64) {
            let least = ((to - from) as u64 * gap * 4 / 5).saturating_sub(20_000_000);
            let found = times[to] - times[from];
            assert!(
                found >= least,
                "frames {from} to {to} left within {found} ps, {least} at least"
            );
        }
    }
}
