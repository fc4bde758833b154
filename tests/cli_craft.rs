//! What `squall craft` writes, read by others: check_pcap.py has nothing against the whole plan of
//! any shipped pattern, and tshark reads the fields that `squall decode` does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;
use support::skip::needs;
use support::{Folder, assert_accepted, number, repository, run, squall};

/// Names of the shipped patterns.
fn shipped() -> Vec<String> {
    let files = std::fs::read_dir(repository().join("patterns")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 10, "{names:?}");
    names
}

/// Frames and messages of a pattern's whole plan, as `squall check` prints them, with the PFC frames
/// that hold a queue; `None` when it says that it does not know exactly.
fn planned(name: &str) -> Option<(u64, u64)> {
    let said = run(squall(&["check", name, "--testbed", "switch"])).expect(0).stdout;
    let held: u64 = said
        .lines()
        .filter_map(|line| {
            line.split_once(" PFC frames from port ")?
                .0
                .rsplit(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    let table = said.split("\n\n").find(|part| part.starts_with("Traffic\n")).unwrap();
    let mut sum = (held, 0);
    for row in table.lines().skip(2) {
        let cells: Vec<&str> = row.split_whitespace().collect();
        if cells[3].starts_with('~') {
            return None;
        }
        sum.0 += cells[4].parse::<u64>().unwrap();
        sum.1 += cells[3].parse::<u64>().unwrap();
    }
    Some(sum)
}

fn craft(pattern: &str, capture: &Path, more: &[&str]) {
    let mut command = squall(&["craft", pattern, "-w", capture.to_str().unwrap()]);
    command.args(more);
    run(command).expect(0);
}

/// Every frame of every shipped pattern, no message cut short. Big files: one after another on two
/// threads, each gone before the next.
#[test]
fn check_pcap_accepts_every_shipped_pattern_whole() {
    let names = Mutex::new(shipped());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(name) = names.lock().unwrap().pop() else { break };
                    let folder = Folder::new();
                    let capture = folder.path("whole.pcap");
                    craft(&name, &capture, &["--testbed", "switch"]);
                    // The patterns keep to the default: AckReq on the last packet and nowhere else.
                    let summary = assert_accepted(&capture, &["--ackreq", "exact", "--strict", "--max-flows", "1"]);
                    let frames = number(&summary, "/frames");
                    let roce = number(&summary, "/rocev2_frames");
                    let control = number(&summary, "/pfc_frames") + number(&summary, "/pause_frames");
                    assert_eq!(frames, roce + control, "{name}: {summary:#}");
                    assert_eq!(number(&summary, "/icrc_ok"), roce, "{name}");
                    assert!(roce >= 5_000, "{name} has {roce} frames only");
                    if let Some(promised) = planned(&name) {
                        // A PFC frame is no message.
                        assert_eq!((frames, number(&summary, "/messages")), promised, "{name}");
                    }
                }
            });
        }
    });
}

/// Patterns of one flow a kind with everything that a frame may have; small, with short last packets.
const VARIETY: &str = "
frame: {dscp: 46, ttl: 9, pkey: 0x8001, migreq: false, rkey: 0xdeadbeef, va: 0x123456789abcdef0}
traffic:
  - {kind: transfer, message: 601, count: 9, verb: put, rate: 1Gbps, frame: {pmtu: 256}}
  - {kind: transfer, message: 16385, count: 3, verb: put-with-signal, rate: 1Gbps, frame: {ack_req: all}}
  - {kind: transfer, message: 601, count: 9, verb: send, rate: 1Gbps, frame: {ip: 6, pmtu: 512}}
  - {kind: transfer, message: 3, count: 9, verb: send-with-immediate, rate: 1Gbps, frame: {vlan: {vid: 7, pcp: 3, dei: true}}}
  - {kind: transfer, message: 5000, count: 9, verb: put-with-signal, rate: 1Gbps, frame: {ip: 6, pmtu: 1024, vlan: [{vid: 100, tpid: 0x88A8}, {vid: 7, pcp: 5}], first_psn: 0xfffffa, ecn: ce}}
  - {kind: transfer, message: 1, count: 9, verb: put-with-signal, qps: 3, rate: 1Gbps, frame: {ecn: ect1, source_port: per-packet}}
  - {kind: incast, senders: 5, message: 2049, rate: 1Gbps, repeats: 3, frame: {pmtu: 2048, first_qpn: 0xfff000, source_port: {fixed: 49152}}}
  - {kind: alltoall, ranks: 3, experts: 6, top_k: 2, hidden: 333, batch: 16, qps: 2, rate: 1Gbps, frame: {ecn: not-ect}}
  - {kind: pfc, from: 1, classes: [0, 3, 4], quanta: 1000, interval: 50us, count: 5}
  - {kind: pfc, from: 1, frame_type: pause, quanta: 7, interval: 50us, count: 2}
  - {kind: ecn-probe, senders: 2, receiver: 3, frames: 21, message: 77, verb: send, hold: 3ms, rate: 1Gbps, repeats: 2, frame: {vlan: {vid: 7, pcp: 5}}}
";

/// A field of tshark's, and the same of `squall decode --json` in tshark's notation.
type Field = (&'static str, fn(&Value) -> Option<String>);

fn plain(value: Option<&Value>) -> Option<String> {
    Some(match value? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

fn hex(value: Option<&Value>, digits: usize) -> Option<String> {
    Some(format!("0x{:0digits$x}", value?.as_u64()?))
}

fn of_version(fields: &Value, version: u64, key: &str) -> Option<String> {
    let ip = fields.get("ip")?;
    (ip["version"] == version).then(|| plain(ip.get(key)))?
}

/// The innermost tag. tshark has fields of its own for an 802.1ad tag around it.
fn tag(fields: &Value, key: &str) -> Option<String> {
    plain(fields.pointer("/eth/vlan")?.as_array()?.last()?.get(key))
}

fn service_tag(fields: &Value, key: &str) -> Option<String> {
    let outer = fields.pointer("/eth/vlan/0")?;
    (outer["tpid"] == 0x88a8).then(|| plain(outer.get(key)))?
}

/// Of a PFC frame; a PAUSE frame has one, for which tshark has a field of another name.
fn quanta(fields: &Value, class: usize) -> Option<String> {
    fields.pointer("/macctrl/class_enable")?;
    plain(fields.pointer(&format!("/macctrl/quanta/{class}")))
}

const FIELDS: &[Field] = &[
    ("eth.dst", |f| plain(f.pointer("/eth/dst"))),
    ("eth.src", |f| plain(f.pointer("/eth/src"))),
    ("vlan.id", |f| tag(f, "vid")),
    ("vlan.priority", |f| tag(f, "pcp")),
    ("vlan.dei", |f| tag(f, "dei")),
    ("ieee8021ad.id", |f| service_tag(f, "vid")),
    ("ieee8021ad.priority", |f| service_tag(f, "pcp")),
    ("ip.src", |f| of_version(f, 4, "src")),
    ("ip.dst", |f| of_version(f, 4, "dst")),
    ("ip.dsfield.dscp", |f| of_version(f, 4, "dscp")),
    ("ip.dsfield.ecn", |f| of_version(f, 4, "ecn")),
    ("ip.ttl", |f| of_version(f, 4, "ttl")),
    ("ip.len", |f| of_version(f, 4, "total_len")),
    ("ipv6.src", |f| of_version(f, 6, "src")),
    ("ipv6.dst", |f| of_version(f, 6, "dst")),
    ("ipv6.tclass.dscp", |f| of_version(f, 6, "dscp")),
    ("ipv6.tclass.ecn", |f| of_version(f, 6, "ecn")),
    ("ipv6.hlim", |f| of_version(f, 6, "hop_limit")),
    ("ipv6.plen", |f| of_version(f, 6, "payload_len")),
    ("udp.srcport", |f| plain(f.pointer("/udp/sport"))),
    ("udp.dstport", |f| plain(f.pointer("/udp/dport"))),
    ("udp.length", |f| plain(f.pointer("/udp/length"))),
    ("infiniband.bth.opcode", |f| plain(f.pointer("/bth/opcode"))),
    ("infiniband.bth.se", |f| plain(f.pointer("/bth/se"))),
    ("infiniband.bth.m", |f| plain(f.pointer("/bth/migreq"))),
    ("infiniband.bth.padcnt", |f| plain(f.pointer("/bth/padcnt"))),
    ("infiniband.bth.tver", |f| plain(f.pointer("/bth/tver"))),
    ("infiniband.bth.p_key", |f| plain(f.pointer("/bth/pkey"))),
    ("infiniband.bth.destqp", |f| hex(f.pointer("/bth/destqp"), 6)),
    ("infiniband.bth.a", |f| plain(f.pointer("/bth/ackreq"))),
    ("infiniband.bth.psn", |f| plain(f.pointer("/bth/psn"))),
    ("infiniband.reth.va", |f| plain(f.pointer("/reth/va"))),
    ("infiniband.reth.r_key", |f| hex(f.pointer("/reth/rkey"), 8)),
    ("infiniband.reth.dmalen", |f| plain(f.pointer("/reth/dmalen"))),
    ("infiniband.immdt", |f| {
        Some(format!("{:08x}", f.pointer("/immdt")?.as_u64()?))
    }),
    // The four bytes as they stand on the wire: tshark reads them as a big-endian number.
    ("infiniband.invariant.crc", |f| {
        plain(f.get("icrc_wire")).map(|wire| format!("0x{wire}"))
    }),
    ("macc.opcode", |f| hex(f.pointer("/macctrl/opcode"), 4)),
    ("macc.cbfc.enbv", |f| hex(f.pointer("/macctrl/class_enable"), 4)),
    ("macc.cbfc.pause_time.c0", |f| quanta(f, 0)),
    ("macc.cbfc.pause_time.c3", |f| quanta(f, 3)),
    ("macc.cbfc.pause_time.c7", |f| quanta(f, 7)),
];

/// What tshark reads, a map of fields for each frame.
fn dissect(capture: &Path) -> Vec<BTreeMap<&'static str, String>> {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(capture);
    for preference in ["ip.check_checksum:TRUE", "udp.ignore_ipv6_zero_checksum:TRUE"] {
        command.args(["-o", preference]);
    }
    for heuristic in ["rpcrdma_infiniband", "eth_over_ib"] {
        command.args(["--disable-heuristic", heuristic]);
    }
    // First occurrence of each: tshark prints the immediate twice.
    command.args([
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-E",
        "occurrence=f",
        "-e",
        "_ws.expert.severity",
    ]);
    for (name, _) in FIELDS {
        command.args(["-e", name]);
    }
    let said = run(command).expect(0).stdout;
    said.lines()
        .map(|line| {
            let mut cells = line.split('|');
            assert_eq!(cells.next(), Some(""), "tshark complains: {line}");
            let named = FIELDS.iter().map(|(name, _)| *name).zip(cells.map(str::to_owned));
            named.filter(|(_, value)| !value.is_empty()).collect()
        })
        .collect()
}

/// The same fields as `squall decode` reads them.
fn decode(capture: &Path) -> Vec<BTreeMap<&'static str, String>> {
    let said = run(squall(&[
        "decode",
        "--json",
        "--strict",
        "--ackreq",
        "any",
        capture.to_str().unwrap(),
    ]))
    .expect(0)
    .stdout;
    said.lines()
        .map(|line| {
            let frame: Value = serde_json::from_str(line).unwrap();
            assert_eq!(frame["valid"], true, "{line}");
            let fields = &frame["fields"];
            FIELDS
                .iter()
                .filter_map(|(name, read)| Some((*name, read(fields)?)))
                .collect()
        })
        .collect()
}

fn assert_read_alike(capture: &Path) {
    let (theirs, ours) = (dissect(capture), decode(capture));
    assert_eq!(theirs.len(), ours.len());
    for (index, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        // Only what differs: a frame has two dozen fields.
        let differ = |name: &&&str| theirs.get(**name) != ours.get(**name);
        let names: Vec<&&str> = theirs.keys().chain(ours.keys()).filter(differ).collect();
        assert!(
            names.is_empty(),
            "{}: frame {}: {names:?}\ntshark {theirs:?}\nsquall {ours:?}",
            capture.display(),
            index + 1
        );
    }
}

#[test]
fn tshark_reads_the_fields_that_decode_reads() {
    if !needs(&["tshark"]) {
        return;
    }
    let folder = Folder::new();
    let pattern = folder.write("variety.yaml", VARIETY);
    let capture = folder.path("variety.pcap");
    craft(&pattern, &capture, &[]);
    let summary = assert_accepted(&capture, &["--ackreq", "last", "--strict"]);
    assert!(number(&summary, "/rocev2_frames") > 150, "{summary:#}");
    assert_eq!(
        (number(&summary, "/pfc_frames"), number(&summary, "/pause_frames")),
        // And the probe: at 400 Gb/s 65535 quanta last 83.9 us and are renewed four times in that, so 3 ms
        // take 144 XOFFs; with the XON, twice.
        (5 + 2 * 145, 2)
    );
    let opcodes = summary["opcodes"].as_object().unwrap();
    for opcode in [
        "RC_WRITE_FIRST",
        "RC_WRITE_MIDDLE",
        "RC_WRITE_LAST",
        "RC_WRITE_LAST_IMM",
        "RC_WRITE_ONLY_IMM",
        "RC_SEND_FIRST",
        "RC_SEND_LAST",
        "RC_SEND_ONLY_IMM",
    ] {
        assert!(opcodes.contains_key(opcode), "no {opcode} in {opcodes:?}");
    }
    assert_read_alike(&capture);
    for name in shipped() {
        let capture = folder.path(&format!("{name}.pcap"));
        craft(&name, &capture, &["--frames", "300"]);
        assert_read_alike(&capture);
    }
}

#[test]
fn a_seed_fixes_every_byte() {
    let folder = Folder::new();
    let bytes = |seed: &str, name: &str| {
        let capture = folder.path(name);
        craft("routing-modes", &capture, &["--frames", "4000", "--seed", seed]);
        std::fs::read(capture).unwrap()
    };
    let first = bytes("11", "first.pcap");
    assert!(first == bytes("11", "again.pcap"), "the same seed gave other bytes");
    assert!(first != bytes("12", "other.pcap"), "another seed gave the same bytes");
}

#[test]
fn departures_are_in_order_and_at_the_pace_asked_for() {
    let folder = Folder::new();
    let capture = folder.path("paced.pcap");
    // 1000 messages of one packet: 4170 bytes and 24 of preamble, FCS and gap, at 1 Gbit/s.
    let pattern = folder.write(
        "paced.yaml",
        "traffic:\n  - {kind: transfer, verb: put, message: 4096, count: 1000, rate: 1Gbps}\n",
    );
    craft(&pattern, &capture, &[]);
    let said = run(squall(&["decode", "--json", capture.to_str().unwrap()]))
        .expect(0)
        .stdout;
    let times: Vec<u64> = said
        .lines()
        .map(|line| number(&serde_json::from_str(line).unwrap(), "/time_ns"))
        .collect();
    assert_eq!(times.len(), 1000);
    assert!(times.is_sorted());
    for (index, time) in (0u64..).zip(&times) {
        let due = index * (4170 + 24) * 8;
        assert!(time.abs_diff(due) <= 1, "frame {index} leaves at {time} ns, not {due}");
    }
}

/// A WRITE of 0 bytes with immediate data is 0x0B with a RETH whose DMALen is 0 (RULES.md, opcodes and segmentation):
/// headers of 14 + 20 + 8 + 12 bytes, RETH 16, ImmDt 4 and ICRC 4, and no room for a stamp.
#[test]
fn a_signal_without_data_is_crafted_sent_and_received() {
    let folder = Folder::new();
    let capture = folder.path("signal.pcap");
    // The signals of a put follow it, as on a QP of its own.
    let pattern = folder.write(
        "signal.yaml",
        "traffic:\n  - {name: data, kind: transfer, from: 0, to: 1, verb: put, message: 8KiB, count: 10, rate: 1Gbps}\n  \
         - {name: signal, kind: transfer, from: 0, to: 1, message: 0, verb: put-with-signal, count: 10, rate: 1Gbps, after: data}\n",
    );
    craft(&pattern, &capture, &[]);
    let summary = assert_accepted(&capture, &["--ackreq", "exact", "--strict"]);
    assert_eq!(number(&summary, "/rocev2_frames"), 30);
    let said = run(squall(&["decode", "--json", "--strict", capture.to_str().unwrap()]));
    let frames: Vec<Value> = said
        .expect(0)
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let signals: Vec<&Value> = frames
        .iter()
        .filter(|frame| number(frame, "/fields/bth/opcode") == 0x0b)
        .collect();
    assert_eq!(signals.len(), 10);
    let first = number(signals[0], "/fields/bth/psn");
    for (psn, frame) in (first..).zip(signals) {
        assert_eq!(frame["valid"], true, "{frame}");
        assert_eq!(number(frame, "/frame_len"), 14 + 20 + 8 + 12 + 16 + 4 + 4);
        assert_eq!(number(frame, "/fields/reth/dmalen"), 0);
        assert_eq!(
            (
                number(frame, "/fields/payload/len"),
                number(frame, "/fields/bth/padcnt")
            ),
            (0, 0)
        );
        assert_eq!(
            (number(frame, "/fields/bth/psn"), number(frame, "/fields/bth/ackreq")),
            (psn, 1)
        );
    }
    let results = folder.results(0, &[&pattern]);
    let entry = |name: &str| {
        results["traffic"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["name"] == name)
            .unwrap()
    };
    let signal = entry("signal");
    for (pointer, count) in [
        ("/messages/planned", 10),
        ("/messages/sent", 10),
        ("/messages/completed", 10),
        ("/messages/incomplete", 0),
        ("/packets/sent", 10),
        ("/packets/received", 10),
        ("/packets/lost", 0),
        ("/payload_bytes/received", 0),
    ] {
        assert_eq!(number(signal, pointer), count, "{pointer}");
    }
    assert!(
        signal["packet_latency"].is_null() && signal["message_latency"].is_null(),
        "{signal}"
    );
    assert_eq!(
        results["anomalies"].as_array().map(Vec::len),
        Some(0),
        "{}",
        results["anomalies"]
    );
}
