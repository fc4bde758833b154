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

fn data(file: &str) -> String {
    format!("{}/tests/data/captures/{file}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_wrong_icrc_is_found_inside_vxlan_and_erspan() {
    let output = squall(&["decode", "--json", "--strict", &data("only-tunnelled-bad.pcap")]);
    assert_eq!(output.status.code(), Some(1));
    let lines = json_lines(&output);
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["outer"][0]["tunnel"]["kind"]).collect();
    assert_eq!(kinds, ["vxlan", "erspan"]);
    assert!(lines.iter().all(|line| line["error"] == "icrc"), "{lines:?}");
}

#[test]
fn times_before_the_first_frames_are_negative() {
    let output = squall(&["decode", &data("out-of-order-times.pcap")]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let times: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(times, ["0.000000000", "-0.500000000", "1.000000000"]);
}

/// The frames of a pcap file of microseconds and little-endian words.
fn frames_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (&bytes[24..], Vec::new());
    while !rest.is_empty() {
        let len = usize::try_from(u32::from_le_bytes(rest[8..12].try_into().expect("4"))).expect("short");
        frames.push(rest[16..16 + len].to_vec());
        rest = &rest[16 + len..];
    }
    frames
}

#[test]
fn a_declared_fcs_is_verified_and_one_that_is_not_can_be_said() {
    let file = data("fcs-declared.pcap");
    let output = squall(&["decode", "--json", "--strict", &file]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = json_lines(&output);
    assert_eq!(lines.len(), 2);
    let bytes = fs::read(&file).expect("a file");
    for (line, frame) in lines.iter().zip(frames_of(&bytes)) {
        assert_eq!(line["fcs"]["ok"], true, "{line}");
        assert_eq!(line["frame_len"], frame.len() - 4);
        let hex: String = frame[frame.len() - 4..]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(line["fcs"]["wire"], hex);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let written = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let read = |args: &[&str], path: &str| {
        let output = squall(&[&["decode", "--json", "--strict"], args, &[path]].concat());
        (output.status.code(), json_lines(&output))
    };

    // The last byte of the first frame's FCS.
    let mut wrong = bytes.clone();
    wrong[24 + 16 + 142 - 1] ^= 1;
    let (status, lines) = read(&[], &written("wrong.pcap", &wrong));
    assert_eq!(
        (status, &lines[0]["error"], &lines[1]["error"]),
        (Some(1), &"fcs".into(), &Value::Null)
    );

    // The same file without the declaration: four bytes too many, which are what they are.
    let mut silent = bytes.clone();
    silent[20..24].copy_from_slice(&[1, 0, 0, 0]);
    let silent = written("silent.pcap", &silent);
    let (status, lines) = read(&[], &silent);
    assert_eq!((status, &lines[0]["error"]), (Some(1), &"trailing_bytes".into()));
    let detail = lines[0]["faults"][0]["detail"].as_str().expect("text");
    assert!(detail.contains("the last 4 are the FCS"), "{detail}");
    assert_eq!(read(&["--fcs", "4"], &silent).0, Some(0));
    assert_eq!(read(&["--fcs", "0"], &file).0, Some(1));
    assert_eq!(read(&["--fcs", "auto"], &file).0, Some(0));

    // Cut by one byte each: there is no FCS to verify, and nothing else is missing.
    let mut cut = bytes[..24].to_vec();
    for frame in frames_of(&bytes) {
        let (captured, len) = (
            u32::try_from(frame.len() - 1).expect("short"),
            u32::try_from(frame.len()).expect("short"),
        );
        cut.extend([0; 8]);
        cut.extend(captured.to_le_bytes());
        cut.extend(len.to_le_bytes());
        cut.extend(&frame[..frame.len() - 1]);
    }
    let (status, lines) = read(&[], &written("cut.pcap", &cut));
    assert_eq!((status, lines[0].get("fcs")), (Some(0), None), "{lines:?}");
}

/// pcapng declares it for an interface in bytes or in bits, and for a frame in its flags.
#[test]
fn pcapng_declares_an_fcs_too() {
    let frames = frames_of(&fs::read(data("fcs-declared.pcap")).expect("a file"));
    let folder = tempfile::tempdir().expect("a folder");
    for (name, big, if_fcslen, flags, status) in [
        ("bytes", false, Some(4_u8), None, 0),
        ("bits", true, Some(32), None, 0),
        ("flags", false, None, Some(4_u32 << 5), 0),
        ("flags-big", true, None, Some((4 << 5) | 1), 0),
        ("flags-over-interface", false, Some(2), Some(4 << 5), 0),
        ("flags-that-say-nothing", false, Some(4), Some(1), 0),
        ("nothing", false, None, None, 1),
        ("wrong", false, Some(2), None, 1),
        ("nonsense", false, Some(7), None, 2),
    ] {
        let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let block = |kind: u32, body: &[u8]| {
            let len = word(u32::try_from(12 + body.len()).expect("short"));
            [&word(kind)[..], &len, body, &len].concat()
        };
        let option = |code: u16, value: &[u8]| {
            let mut bytes = [
                &half(code)[..],
                &half(u16::try_from(value.len()).expect("short")),
                value,
            ]
            .concat();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let end = [0_u8; 4];
        let mut file = block(
            0x0a0d_0d0a,
            &[&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat(),
        );
        let mut interface = [&half(1)[..], &half(0), &word(0), &option(2, b"eth0")].concat();
        interface.extend(if_fcslen.map(|len| option(13, &[len])).unwrap_or_default());
        interface.extend(end);
        file.extend(block(1, &interface));
        for frame in &frames {
            let len = word(u32::try_from(frame.len()).expect("short"));
            let mut packet = [&word(0)[..], &word(0), &word(7), &len, &len, frame].concat();
            packet.resize(packet.len().next_multiple_of(4), 0);
            packet.extend(flags.map(|flags| option(2, &word(flags))).unwrap_or_default());
            packet.extend(end);
            file.extend(block(6, &packet));
        }
        let path = folder.path().join(name);
        fs::write(&path, &file).expect("a file");
        let output = squall(&["decode", "--json", "--strict", path.to_str().expect("UTF-8")]);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        if status == 0 {
            assert!(
                json_lines(&output).iter().all(|line| line["fcs"]["ok"] == true),
                "{name}"
            );
        }
    }
}

/// An opcode as the captures' list calls it.
fn listed_name(opcode: u64, name: Option<&str>) -> String {
    let name = match (opcode, name) {
        (0x20..=0x3f, _) | (_, None) => return format!("0x{opcode:02x}"),
        (_, Some(name)) => name.strip_prefix("RC_").unwrap_or(name),
    };
    match name {
        "ACKNOWLEDGE" => return "ACK".to_owned(),
        "ATOMIC_ACKNOWLEDGE" => return "ATOMIC_ACK".to_owned(),
        "COMPARE_SWAP" => return "CMP_SWAP".to_owned(),
        _ => {}
    }
    [
        ("RDMA_", ""),
        ("READ_REQUEST", "READ_REQ"),
        ("READ_RESPONSE", "READ_RESP"),
        ("_WITH_IMMEDIATE", "_IMM"),
        ("_WITH_INVALIDATE", "_INV"),
    ]
    .iter()
    .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// What soft-RoCE and its connection manager sent, by a list that another program made.
#[test]
fn captures_of_soft_roce_are_read_as_they_were_listed() {
    let Some(folder) = skip::needs_shared("rxe/captures") else {
        return;
    };
    let list = fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a list");
    let mut files = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, frames, _, opcodes, notes, ..] = columns.as_slice() else {
            panic!("{line}");
        };
        files += 1;
        let path = folder.join(name);
        let path = path.to_str().expect("UTF-8");
        let output = squall(&["decode", "--json", "--ackreq", "any", path]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        let lines = json_lines(&output);
        assert_eq!(format!("{} frames", lines.len()), *frames, "{name}");
        let mut counted: BTreeMap<String, u64> = BTreeMap::new();
        for line in &lines {
            let bth = &line["fields"]["bth"];
            let opcode = bth["opcode"].as_u64().expect("an opcode");
            *counted
                .entry(listed_name(opcode, bth["opcode_name"].as_str()))
                .or_default() += 1;
        }
        let listed: BTreeMap<String, u64> = opcodes
            .split_whitespace()
            .map(|one| {
                let (opcode, count) = one.split_once(':').expect("name and count");
                (opcode.to_owned(), count.parse().expect("a number"))
            })
            .collect();
        assert_eq!(counted, listed, "{name}");
        let errors = |kind: &str| lines.iter().any(|line| line["error"] == kind);
        assert_eq!(errors("icrc"), notes.contains("bad ICRC"), "{name}");
        // Hand-made requests (req-, resp-) are wrong on purpose; all others are right, frame by frame.
        if !name.starts_with("req-") && !name.starts_with("resp-") && !notes.contains("bad ICRC") {
            let wrong: Vec<&Value> = lines.iter().filter(|line| line["valid"] == false).collect();
            assert!(wrong.is_empty(), "{name}: {wrong:?}");
        }
    }
    assert_eq!(files, 121);
}

/// Linux's connection manager asks for acknowledgements over UD: a fault, unless that is allowed.
#[test]
fn the_connection_managers_acknowledgement_requests_can_be_allowed() {
    let Some(file) = skip::needs_shared("rxe/captures/cm-rping.pcap") else {
        return;
    };
    let file = file.to_str().expect("UTF-8");
    let ackreq = |rule: &str| {
        let lines = json_lines(&squall(&["decode", "--json", "--ackreq", rule, file]));
        let of_manager = lines
            .iter()
            .filter(|line| line["error"] == "ackreq" && line["fields"]["bth"]["destqp"] == 1);
        of_manager.count()
    };
    assert_eq!((ackreq("last"), ackreq("any")), (5, 0));
}
