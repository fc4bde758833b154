//! Messages cut over all QPs of their pair (`split: qps`): the frames that `squall craft` writes, read back, against parts that
//! are computed here from the rule's words; and what `squall run` counts of them, through a fabric that loses nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{Folder, assert_accepted, number, run, squall};

/// Lengths of the parts: the message over the QPs, rounded up, then up to a multiple of 128; as long as something is left.
fn parts(message: u64, qps: u64) -> Vec<u64> {
    let mut each = message / qps + u64::from(!message.is_multiple_of(qps));
    while !each.is_multiple_of(128) {
        each += 1;
    }
    let mut left = message;
    (0..qps)
        .map(|_| {
            let part = left.min(each);
            left -= part;
            part
        })
        .collect()
}

struct Frames(Vec<Value>);

impl Frames {
    fn of(folder: &Folder, pattern: &str, strict: &[&str]) -> Frames {
        let capture = folder.path("split.pcap");
        run(squall(&["craft", pattern, "-w", capture.to_str().unwrap()])).expect(0);
        assert_accepted(&capture, strict);
        let said = run(squall(&["decode", "--json", "--strict", capture.to_str().unwrap()])).expect(0);
        Frames(
            said.stdout
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        )
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Frames of each QP, in their order, by QPN.
    fn by_qp(&self) -> Vec<Vec<&Value>> {
        let mut qps: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
        for frame in &self.0 {
            qps.entry(number(frame, "/fields/bth/destqp")).or_default().push(frame);
        }
        qps.into_values().collect()
    }
}

fn hex(frame: &Value, pointer: &str) -> u64 {
    let value = frame.pointer(pointer).unwrap();
    match value.as_str() {
        Some(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap(),
        None => value.as_u64().unwrap(),
    }
}

/// The messages of one QP's frames, each with its virtual address (0 of a SEND), payload and whether it bears immediate data.
fn messages(frames: &[&Value], pmtu: u64) -> Vec<(u64, u64, bool)> {
    let mut found = Vec::new();
    let mut under_way: Option<(u64, u64, Option<u64>)> = None;
    for (psn, frame) in (number(frames[0], "/fields/bth/psn")..).zip(frames) {
        assert_eq!(number(frame, "/fields/bth/psn"), psn);
        let opcode = number(frame, "/fields/bth/opcode");
        let (first, last) = match opcode {
            0x00 | 0x06 => (true, false),
            0x01 | 0x07 => (false, false),
            0x02 | 0x03 | 0x08 | 0x09 => (false, true),
            0x04 | 0x05 | 0x0a | 0x0b => (true, true),
            _ => panic!("{frame}"),
        };
        let len = number(frame, "/fields/payload/len");
        assert_eq!(first, under_way.is_none(), "{frame}");
        if first {
            let write = opcode >= 6;
            let va = if write { hex(frame, "/fields/reth/va") } else { 0 };
            under_way = Some((va, 0, write.then(|| number(frame, "/fields/reth/dmalen"))));
        }
        let (va, so_far, dma_len) = under_way.unwrap();
        under_way = Some((va, so_far + len, dma_len));
        if last {
            assert!(dma_len.is_none_or(|dma_len| dma_len == so_far + len), "{frame}");
            let immediate = frame.pointer("/fields/immdt").is_some_and(|value| !value.is_null());
            found.push((va, so_far + len, immediate));
            under_way = None;
        } else {
            assert_eq!(len, pmtu, "{frame}");
        }
    }
    assert!(under_way.is_none(), "a message is not finished");
    found
}

/// Packets of all parts of a message.
fn packets(message: u64, qps: u64, pmtu: u64) -> u64 {
    parts(message, qps).iter().map(|len| len.div_ceil(pmtu).max(1)).sum()
}

fn check_counts(entry: &Value, want: &[(&str, u64)]) {
    for (pointer, count) in want {
        assert_eq!(number(entry, pointer), *count, "{pointer} of {entry}");
    }
}

/// Each of `pairs` pairs sends messages of these lengths, one after the other, cut over `qps`.
fn check(keys: &str, pairs: u64, qps: u64, lens: &[u64], pmtu: u64, immediate: bool) {
    let folder = Folder::new();
    let text = format!("traffic:\n  - {{name: kv, qps: {qps}, split: qps, {keys}}}\nframe: {{pmtu: {pmtu}}}\n");
    let pattern = folder.write("split.yaml", &text);
    let frames = Frames::of(&folder, &pattern, &["--ackreq", "exact", "--strict"]);
    let each: u64 = lens.iter().map(|len| packets(*len, qps, pmtu)).sum();
    assert_eq!(frames.count(), pairs * each, "{keys}");
    let by_qp = frames.by_qp();
    assert_eq!(by_qp.len() as u64, pairs * qps, "{keys}");
    let is_write = !keys.contains("send");
    let base = is_write.then(|| {
        let addresses = frames.0.iter().filter(|frame| frame["fields"]["reth"].is_object());
        addresses.map(|frame| hex(frame, "/fields/reth/va")).min().unwrap()
    });
    for (index, own) in (0..).zip(&by_qp) {
        let qp = usize::try_from(index % qps).unwrap();
        let mut begins = base.unwrap_or(0);
        let mut want = Vec::new();
        for len in lens {
            let parts = parts(*len, qps);
            let before: u64 = parts[..qp].iter().sum();
            want.push((if is_write { begins + before } else { 0 }, parts[qp], immediate));
            begins += len;
        }
        assert_eq!(messages(own, pmtu), want, "{keys}: QP {qp}");
    }
    let results = folder.results(0, &[&pattern]);
    let (entry, count) = (&results["traffic"][0], pairs * lens.len() as u64);
    let bytes = pairs * lens.iter().sum::<u64>();
    check_counts(
        entry,
        &[
            ("/messages/planned", count),
            ("/messages/sent", count),
            ("/messages/completed", count),
            ("/messages/incomplete", 0),
            ("/packets/planned", pairs * each),
            ("/packets/sent", pairs * each),
            ("/packets/received", pairs * each),
            ("/packets/lost", 0),
            ("/payload_bytes/received", bytes),
            ("/flows/count", pairs * qps),
        ],
    );
    for flow in entry["flows"]["listed"].as_array().unwrap() {
        check_counts(
            flow,
            &[
                ("/messages_sent", lens.len() as u64),
                ("/messages_completed", lens.len() as u64),
            ],
        );
    }
    // A message whose first part has no room for a stamp has no time.
    let timed = pairs * lens.iter().filter(|len| **len >= 24).count() as u64;
    check_counts(entry, &[("/messages/untimed", count - timed)]);
    let of_times = entry
        .pointer("/message_latency/count")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    assert_eq!(of_times, timed, "{keys}");
    assert_eq!(
        results["anomalies"].as_array().map(Vec::len),
        Some(0),
        "{}",
        results["anomalies"]
    );
}

#[test]
fn a_message_is_cut_over_all_qps_of_its_pair() {
    let pair = "kind: transfer, from: 0, to: 1";
    check(
        &format!("{pair}, message: 1MiB, count: 1, rate: 50%"),
        1,
        4,
        &[1 << 20],
        4096,
        true,
    );
    // Not divisible; shorter than 128 bytes a QP; shorter than a stamp; empty.
    for (message, qps) in [
        (100_000, 4),
        (300, 4),
        (1000, 8),
        (20, 3),
        (0, 2),
        (1_000_001, 7),
        (520, 4),
    ] {
        let keys = format!("{pair}, message: {message}, count: 3, rate: 50%");
        check(&keys, 1, qps, &[message; 3], 4096, true);
    }
    check(
        &format!("{pair}, verb: put, message: 70000, count: 5"),
        1,
        3,
        &[70_000; 5],
        1024,
        false,
    );
    check(
        &format!("{pair}, verb: send, message: 70000, count: 5"),
        1,
        3,
        &[70_000; 5],
        1024,
        false,
    );
    check(
        &format!("{pair}, verb: send-with-immediate, message: 300, count: 2"),
        1,
        4,
        &[300; 2],
        1024,
        true,
    );
    // As many QPs as one says; one of them is the message itself.
    check(
        &format!("{pair}, message: 5000, count: 4"),
        1,
        1,
        &[5000; 4],
        4096,
        true,
    );
    check(
        &format!("{pair}, message: 100KB, count: 2"),
        1,
        64,
        &[100_000; 2],
        4096,
        true,
    );
}

#[test]
fn pairs_closed_loops_and_transfers_that_end_in_a_short_message_are_cut_alike() {
    let three = "kind: transfer, pairs: 3";
    check(
        &format!("{three}, message: 50000, count: 6, rate: 30%"),
        3,
        4,
        &[50_000; 6],
        4096,
        true,
    );
    for outstanding in [1, 2, 5] {
        let keys = format!("{three}, message: 50001, count: 9, outstanding: {outstanding}, rate: 30%");
        check(&keys, 3, 4, &[50_001; 9], 4096, true);
        // Most of its QPs have nothing of a message.
        let keys = format!("{three}, message: 200, count: 9, outstanding: {outstanding}, rate: 30%");
        check(&keys, 3, 5, &[200; 9], 4096, true);
    }
    // 2 × 2 × 8 × 8 × 33 × 2 = 16,896 bytes: two messages of 7,000 and one of 2,896.
    let cache = "kv_cache: {layers: 2, kv_heads: 8, head_dim: 8, context: 33, precision: fp16}";
    let lens = [7000, 7000, 2896, 7000, 7000, 2896];
    check(
        &format!("{three}, {cache}, message: 7000, count: 2"),
        3,
        4,
        &lens,
        1024,
        true,
    );
    // 16,896 = 2 × 8,440 + 16: the last message has no stamp, and its transfer is complete all the same.
    let keys = format!("kind: transfer, from: 0, to: 1, {cache}, message: 8440, count: 2");
    check(&keys, 1, 4, &[8440, 8440, 16, 8440, 8440, 16], 1024, true);
}

/// Runs the pattern, which makes no anomaly, and returns its first entry's results.
fn entry_of(folder: &Folder, text: &str) -> Value {
    let pattern = folder.write("pattern.yaml", text);
    let results = folder.results(0, &[&pattern]);
    assert_eq!(
        results["anomalies"].as_array().map(Vec::len),
        Some(0),
        "{}",
        results["anomalies"]
    );
    results["traffic"][0].clone()
}

/// Rounds, bursts, dispatches and transfers of several messages are of whole messages.
#[test]
fn rounds_are_of_whole_messages() {
    let folder = Folder::new();
    let run_one = |text: &str| entry_of(&folder, text);
    for (message, untimed) in [(100_000, 0), (300, 0), (20, 4)] {
        let entry = run_one(&format!(
            "traffic:\n  - {{name: in, kind: incast, senders: 4, message: {message}, count: 3, repeats: 4, gap: 20us, qps: 4, \
             split: qps}}\n"
        ));
        check_counts(
            &entry,
            &[
                ("/messages/planned", 48),
                ("/messages/completed", 48),
                ("/rounds/planned", 4),
                ("/rounds/completed", 4),
                ("/rounds/payload_bytes", 48 * message),
                ("/rounds/untimed", untimed),
                ("/payload_bytes/received", 48 * message),
            ],
        );
        let timed = entry.pointer("/rounds/time/count").and_then(Value::as_u64).unwrap_or(0);
        assert_eq!(timed, 4 - untimed);
    }
    // Four ranks, each of which has something for each other one in every dispatch: 12 messages.
    for (qps, verb) in [(2, "put-with-signal"), (5, "put"), (3, "send")] {
        let entry = run_one(&format!(
            "traffic:\n  - {{name: ep, kind: alltoall, ranks: 4, experts: 16, top_k: 4, hidden: 1000, precision: bf16, batch: \
             200, layers: 3, iterations: 2, qps: {qps}, split: qps, verb: {verb}}}\n"
        ));
        check_counts(
            &entry,
            &[
                ("/messages/planned", 72),
                ("/messages/sent", 72),
                ("/messages/completed", 72),
                ("/message_latency/count", 72),
                ("/rounds/completed", 6),
                ("/rounds/time/count", 6),
                ("/flows/count", 12 * qps),
            ],
        );
        let sent = number(&entry, "/payload_bytes/sent");
        assert_eq!(number(&entry, "/payload_bytes/received"), sent);
    }
    let cache = "kv_cache: {layers: 2, kv_heads: 8, head_dim: 8, context: 33, precision: fp16}";
    let entry = run_one(&format!(
        "traffic:\n  - {{name: kv, kind: transfer, from: 0, to: 1, {cache}, message: 8440, count: 5, qps: 4, split: qps}}\n"
    ));
    // Its last message of 16 bytes, of which nobody knows when it left, left after the others.
    check_counts(
        &entry,
        &[("/messages/completed", 15), ("/messages/untimed", 5), ("/fct/count", 5)],
    );
}

/// What ends by time finishes the messages that it has begun, whole.
#[test]
fn what_ends_by_time_leaves_no_message_cut() {
    let folder = Folder::new();
    for (message, outstanding) in [
        ("20000", ""),
        ("300", ", outstanding: 3"),
        ("150000", ", outstanding: 2"),
    ] {
        let text = format!(
            "traffic:\n  - {{name: kv, kind: transfer, pairs: 2, message: {message}, qps: 4, split: qps, rate: 60%{outstanding}, \
             duration: 300us}}\n"
        );
        let pattern = folder.write("timed.yaml", &text);
        let results = folder.results(0, &[&pattern]);
        let entry = &results["traffic"][0];
        let sent = number(entry, "/messages/sent");
        let bytes = sent * message.parse::<u64>().unwrap();
        assert!(sent >= 10, "{entry}");
        check_counts(
            entry,
            &[("/messages/completed", sent), ("/payload_bytes/received", bytes)],
        );
        for pair in entry["flows"]["listed"].as_array().unwrap().chunks(4) {
            let each = number(&pair[0], "/messages_sent");
            pair.iter()
                .for_each(|flow| check_counts(flow, &[("/messages_sent", each)]));
        }
    }
}

/// A lost frame costs the message that it was of, once, and not one a QP.
#[test]
fn a_lost_part_is_a_lost_message() {
    let folder = Folder::new();
    let pattern = folder.write(
        "loss.yaml",
        "traffic:\n  - {name: kv, kind: transfer, from: 0, to: 1, message: 40000, count: 50, qps: 4, split: qps, rate: 50%}\n",
    );
    let faults = "testbed.fabric.faults=[{at: host0, drop: {every: 97}}]";
    let results = folder.results(0, &[&pattern, "--set", faults]);
    let entry = &results["traffic"][0];
    let lost = number(entry, "/packets/lost");
    let (completed, incomplete) = (
        number(entry, "/messages/completed"),
        number(entry, "/messages/incomplete"),
    );
    assert!(lost > 0 && incomplete > 0 && incomplete <= lost, "{entry}");
    assert_eq!(completed + incomplete, 50);
    let parts = entry["flows"]["listed"].as_array().unwrap().iter();
    let complete_parts: u64 = parts.map(|flow| number(flow, "/messages_completed")).sum();
    assert!(
        complete_parts > 4 * completed,
        "{complete_parts} parts of {completed} messages"
    );
}

#[test]
fn what_cannot_be_split_is_said() {
    let folder = Folder::new();
    for (keys, said) in [
        ("qps: 4, split: 3", "`split` is `3`"),
        ("qps: 4, split: qp", "did you mean `qps`"),
        ("qps: 4, split: [qps]", "`split` is"),
        ("split: qps", "say with `qps` how many"),
        ("qps: 4, split: qps, verb: send", "nothing for the last of 4 QPs"),
    ] {
        let text =
            format!("traffic:\n  - {{name: kv, kind: transfer, from: 0, to: 1, message: 300, count: 1, {keys}}}\n");
        let pattern = folder.write("wrong.yaml", &text);
        let wrong = run(squall(&["check", &pattern])).expect(2);
        assert!(wrong.stderr.contains(said), "{keys}: {}", wrong.stderr);
        assert!(wrong.stderr.contains("wrong.yaml:2:"), "{}", wrong.stderr);
    }
    let pattern = folder.write(
        "send.yaml",
        "traffic:\n  - {name: ep, kind: alltoall, ranks: 2, experts: 2, top_k: 1, hidden: 100, batch: 3, qps: 8, split: qps, \
         verb: send}\n",
    );
    let wrong = run(squall(&["check", &pattern])).expect(2);
    assert!(wrong.stderr.contains("left for the last of 8 QPs"), "{}", wrong.stderr);
}

/// Messages too short for a stamp complete their rounds, dispatches and transfers; only their times are not known.
#[test]
fn what_has_no_stamp_is_complete_all_the_same() {
    let folder = Folder::new();
    let run_one = |entry: &str| entry_of(&folder, &format!("traffic:\n  - {{name: s, {entry}}}\n"));
    for (message, qps) in [(0, 1), (8, 3), (23, 4)] {
        let rounds = run_one(&format!(
            "kind: incast, senders: 4, message: {message}, count: 3, repeats: 5, gap: 10us, qps: {qps}"
        ));
        check_counts(
            &rounds,
            &[
                ("/messages/completed", 60),
                ("/messages/untimed", 60),
                ("/rounds/completed", 5),
                ("/rounds/untimed", 5),
            ],
        );
        assert!(
            rounds["rounds"]["time"].is_null() && rounds["message_latency"].is_null(),
            "{rounds}"
        );
    }
    let bursts = run_one("kind: burst, transfers: 3, from: 0-2, to: 3, message: 4, bursts: 7, gap: 10us");
    check_counts(&bursts, &[("/rounds/completed", 7), ("/rounds/untimed", 7)]);
    // Tokens of 4 bytes: at most five of them on a QP fit below 24 bytes, and pairs of ranks differ in how many they have.
    let dispatches = run_one(
        "kind: alltoall, ranks: 4, experts: 16, top_k: 2, hidden: 4, precision: int8, batch: 8, layers: 9, iterations: 3, qps: 8",
    );
    check_counts(&dispatches, &[("/rounds/completed", 27), ("/rounds/untimed", 27)]);
    let sent = number(&dispatches, "/messages/sent");
    check_counts(&dispatches, &[("/messages/completed", sent)]);
    // 16,896 = 2 × 8,440 + 16: transfers whose last message has no stamp have their time from the others on its QP.
    let cache = "kv_cache: {layers: 2, kv_heads: 8, head_dim: 8, context: 33, precision: fp16}, message: 8440";
    for (qps, timed) in [(1, 5), (2, 5), (3, 0)] {
        let transfers = run_one(&format!(
            "kind: transfer, from: 0, to: 1, {cache}, count: 5, qps: {qps}"
        ));
        check_counts(&transfers, &[("/messages/completed", 15), ("/messages/untimed", 5)]);
        // With three QPs it has one of its own, and may have left first.
        let of_times = transfers.pointer("/fct/count").and_then(Value::as_u64).unwrap_or(0);
        assert_eq!(of_times, timed, "{qps} QPs");
    }
}
