//! `squall decode` on whole captures: broken ones are refused for the manifest's reason, formats
//! agree with each other, damage is named, and tshark reads the same fields.

mod common;
mod skip;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use common::{golden, json_lines, squall};
use serde_json::Value;

/// Reasons that show only over several frames; `check_pcap.py` gives them for a whole flow.
const OF_SEVERAL_FRAMES: [&str; 4] = ["psn", "opcode_sequence", "message_incomplete", "no_rocev2_frames"];
/// Files whose fault has a single-frame reason's name and yet takes several frames to see: a
/// message's length against its packets' sum, a Middle of another (legal) path MTU.
const LEGAL_FRAME_BY_FRAME: [&str; 3] = [
    "bad_dmalen_plus1.pcap",
    "bad_middle_short.pcap",
    "bad_read_resp_too_long.pcap",
];

fn manifest() -> BTreeMap<String, Option<String>> {
    let text = fs::read_to_string(golden("pcaps/manifest.json")).expect("manifest");
    serde_json::from_str(&text).expect("JSON")
}

fn path(file: &str) -> String {
    golden(file).to_str().expect("UTF-8").to_owned()
}

#[test]
fn captures_are_judged_as_the_manifest_says() {
    let mut checked = 0;
    for (file, reason) in manifest() {
        let output = squall(&["decode", "--json", &path(&format!("pcaps/{file}"))]);
        let errors: Vec<Value> = json_lines(&output)
            .into_iter()
            .filter(|line| line["valid"] == false)
            .map(|line| line["error"].clone())
            .collect();
        match reason.as_deref() {
            Some("capture_file") => {
                assert_eq!(output.status.code(), Some(2), "{file}");
                assert_eq!(json_lines(&output).len(), 41, "{file}: the frames before the cut");
                let message = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(message.contains(&file) && message.contains("frame 42"), "{message}");
            }
            Some(reason) if !OF_SEVERAL_FRAMES.contains(&reason) && !LEGAL_FRAME_BY_FRAME.contains(&file.as_str()) => {
                checked += 1;
                assert!(!errors.is_empty(), "{file}: no frame was refused");
                assert!(
                    errors.iter().all(|error| error == reason),
                    "{file}: {errors:?}, not {reason}"
                );
                assert_eq!(output.status.code(), Some(0), "{file}: a broken frame is data");
            }
            _ => {
                assert!(errors.is_empty(), "{file}: {errors:?}");
                assert_eq!(output.status.code(), Some(0), "{file}");
            }
        }
    }
    assert_eq!(checked, 32);
}

#[test]
fn strict_turns_a_broken_frame_into_status_1() {
    let bad = path("pcaps/bad_icrc.pcap");
    let output = squall(&["decode", "--strict", &bad]);
    assert_eq!(output.status.code(), Some(1));
    let good = path("pcaps/good_mixed.pcap");
    assert_eq!(squall(&["decode", "--strict", &good]).status.code(), Some(0));
}

#[test]
fn acknowledgements_can_be_left_to_the_requester() {
    let file = path("pcaps/bad_ackreq_missing_last.pcap");
    assert_eq!(squall(&["decode", "--strict", &file]).status.code(), Some(1));
    assert_eq!(
        squall(&["decode", "--strict", "--ackreq", "any", &file]).status.code(),
        Some(0)
    );
    let uc = path("pcaps/bad_ackreq_on_uc.pcap");
    assert_eq!(
        squall(&["decode", "--strict", "--ackreq", "any", &uc]).status.code(),
        Some(1)
    );
}

#[test]
fn pcap_and_both_byte_orders_of_pcapng_give_the_same() {
    let lines = |file| squall(&["decode", "--json", &path(file)]).stdout;
    let pcap = lines("pcaps/good_mixed.pcap");
    assert!(!pcap.is_empty());
    assert_eq!(lines("pcaps/good_mixed.pcapng"), pcap);
    assert_eq!(lines("pcaps/good_mixed_be.pcapng"), pcap);
}

#[test]
fn standard_input_is_read_like_a_file() {
    let bytes = fs::read(golden("pcaps/good_mixed.pcapng")).expect("capture");
    let mut child = Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(["decode", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("squall starts");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().expect("squall ends");
    writer.join().expect("no panic").expect("all was read");
    assert!(output.status.success());
    assert_eq!(
        output.stdout,
        squall(&["decode", "--json", &path("pcaps/good_mixed.pcapng")]).stdout
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(["decode", "--json", &path("pcaps/good_fanin32.pcap")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("squall starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("squall ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_no_capture_is_named() {
    let message = |args: &[&str]| {
        let output = squall(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = message(&["decode", &path("pcaps/manifest.json")]);
    assert!(
        text.contains("manifest.json") && text.contains("pcap and pcapng"),
        "{text}"
    );
    let text = message(&["decode", "no-such-file.pcap"]);
    assert!(text.contains("no-such-file.pcap: cannot open"), "{text}");
    let text = message(&["decode", "--hex", "02 0g"]);
    assert!(text.contains("position 5"), "{text}");
}

#[test]
fn text_is_a_line_a_frame_and_a_summary() {
    let output = squall(&["decode", &path("pcaps/bad_icrc.pcap")]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(
        lines[0].contains("10.0.0.1.49152 > 10.0.0.2.4791: RC_RDMA_WRITE_FIRST"),
        "{text}"
    );
    assert!(lines[3].contains("!! icrc: on the wire"), "{text}");
    let summary = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(summary, "5 frames, 5 RoCEv2, 4 valid, 1 invalid: 1 icrc\n");
}

/// A field of tshark's, and the JSON pointer to ours. Of numbers the values count, not the base.
const TSHARK_FIELDS: [(&str, &str); 34] = [
    ("eth.dst", "/eth/dst"),
    ("eth.src", "/eth/src"),
    ("vlan.priority", "/eth/vlan/0/pcp"),
    ("vlan.id", "/eth/vlan/0/vid"),
    ("ip.src", "/ip/src"),
    ("ip.dsfield.dscp", "/ip/dscp"),
    ("ip.dsfield.ecn", "/ip/ecn"),
    ("ip.ttl", "/ip/ttl"),
    ("ip.id", "/ip/id"),
    ("ip.len", "/ip/total_len"),
    ("ip.checksum", "/ip/checksum"),
    ("ipv6.src", "/ip/src"),
    ("ipv6.tclass.dscp", "/ip/dscp"),
    ("ipv6.tclass.ecn", "/ip/ecn"),
    ("ipv6.flow", "/ip/flow_label"),
    ("ipv6.hlim", "/ip/hop_limit"),
    ("udp.srcport", "/udp/sport"),
    ("udp.length", "/udp/length"),
    ("udp.checksum", "/udp/checksum"),
    ("infiniband.bth.opcode", "/bth/opcode"),
    ("infiniband.bth.se", "/bth/se"),
    ("infiniband.bth.m", "/bth/migreq"),
    ("infiniband.bth.padcnt", "/bth/padcnt"),
    ("infiniband.bth.tver", "/bth/tver"),
    ("infiniband.bth.p_key", "/bth/pkey"),
    ("infiniband.bth.destqp", "/bth/destqp"),
    ("infiniband.bth.a", "/bth/ackreq"),
    ("infiniband.bth.psn", "/bth/psn"),
    ("infiniband.immdt", "/immdt"),
    ("infiniband.aeth.syndrome", "/aeth/syndrome"),
    ("infiniband.aeth.msn", "/aeth/msn"),
    ("infiniband.deth.srcqp", "/deth/srcqp"),
    ("infiniband.invariant.crc", "/icrc_wire"),
    ("macc.cbfc.enbv", "/macctrl/class_enable"),
];

/// A number in either base, or text as it is.
fn normal(text: &str) -> String {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    match text {
        "True" => "1".to_owned(),
        "False" => "0".to_owned(),
        _ => number.map_or_else(|| text.to_owned(), |number| number.to_string()),
    }
}

#[test]
fn tshark_reads_the_same_fields() {
    // vectors' RULES.md, "tshark 4.0.17": without these it takes payloads for other protocols.
    let mut command = Command::new("tshark");
    command.args([
        "-n",
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "udp.ignore_ipv6_zero_checksum:TRUE",
    ]);
    command.args([
        "--disable-heuristic",
        "rpcrdma_infiniband",
        "--disable-heuristic",
        "eth_over_ib",
    ]);
    command.args(["-T", "fields", "-E", "occurrence=f", "-r", &path("golden.pcap")]);
    for (field, _) in TSHARK_FIELDS {
        command.args(["-e", field]);
    }
    if !skip::needs(&["tshark"]) {
        return;
    }
    let output = command.output().expect("tshark runs");
    assert!(
        output.status.success(),
        "tshark: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs = String::from_utf8(output.stdout).expect("UTF-8");
    let ours = json_lines(&squall(&["decode", "--json", &path("golden.pcap")]));
    let mut compared = 0;
    assert_eq!(theirs.lines().count(), ours.len());
    for (index, (line, decoded)) in theirs.lines().zip(&ours).enumerate() {
        for ((field, pointer), value) in TSHARK_FIELDS.iter().zip(line.split('\t')) {
            // Where UDP and IP lengths differ, tshark looks for the ICRC at the end of the former.
            let elsewhere = decoded["error"] == "udp_length" && *field == "infiniband.invariant.crc";
            if value.is_empty() || elsewhere {
                continue;
            }
            let fields = &decoded["fields"];
            let Some(mine) = fields.pointer(pointer) else {
                // tshark reads fields of a packet that is too short to have them.
                assert_eq!(decoded["error"], "truncated", "frame {}: {field} is {value}", index + 1);
                continue;
            };
            let mine = mine.as_str().map_or_else(|| mine.to_string(), str::to_owned);
            let mine = if *field == "infiniband.invariant.crc" {
                format!("0x{mine}")
            } else {
                mine
            };
            // tshark prints these four bytes without their "0x".
            let value = if *field == "infiniband.immdt" {
                format!("0x{value}")
            } else {
                value.to_owned()
            };
            assert_eq!(normal(&mine), normal(&value), "frame {}: {field}", index + 1);
            compared += 1;
        }
    }
    assert!(compared > 1200, "only {compared} fields were compared");
}
