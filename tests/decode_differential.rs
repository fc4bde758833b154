//! Thousands of golden frames with random damage, judged by `squall decode` and by
//! `check_pcap.py`, an independent implementation: they must name the same faults.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use common::{cases, golden, json_lines, squall};
use rand::{Rng, RngExt, SeedableRng};
use serde_json::Value;
use squall::capture::CaptureWriter;
use squall::units::Picos;

const FRAMES: usize = 6_000;

/// Reasons of single frames. The checker also has reasons of flows; and what it says of payload
/// and message lengths is mixed from both, so these two are left to the manifest's captures.
const COMPARED: [&str; 15] = [
    "truncated",
    "ip_length",
    "ip_fragment",
    "ipv4_checksum",
    "udp_length",
    "udp_checksum",
    "trailing_bytes",
    "tver",
    "opcode",
    "pad_count",
    "icrc",
    "aeth_syndrome",
    "cnp_format",
    "pfc_format",
    "ackreq",
];

/// A golden frame, changed in up to three places, cut, lengthened, or left as it is. Headers are
/// hit more often than payloads, and bits more often than bytes.
fn damage(rng: &mut impl Rng, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for _ in 0..rng.random_range(0..=3) {
        let reach = if rng.random_bool(0.9) {
            frame.len().min(80)
        } else {
            frame.len()
        };
        let at = rng.random_range(12..reach);
        if rng.random_bool(0.7) {
            frame[at] ^= 1 << rng.random_range(0..8);
        } else {
            frame[at] = rng.random();
        }
    }
    match rng.random_range(0..10) {
        0 => frame.truncate(rng.random_range(14..frame.len())),
        1 => frame.resize(frame.len() + rng.random_range(1..70), 0),
        _ => {}
    }
    frame
}

#[test]
fn decode_and_check_pcap_name_the_same_faults() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("damaged.pcap");
    let mut writer = CaptureWriter::create(&path).expect("a file");
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(2);
    let cases = cases("golden.jsonl");
    for index in 0..FRAMES {
        let case = &cases[rng.random_range(0..cases.len())];
        let frame = damage(&mut rng, &case.frame);
        let departure = Picos::from_nanos(u64::try_from(index).expect("small"));
        writer.write(departure, &frame).expect("written");
    }
    writer.finish().expect("written");
    let path = path.to_str().expect("UTF-8");

    let output = Command::new("python3")
        .arg(golden("check_pcap.py"))
        .args([path, "--max-examples", "1000000", "--max-flows", "0"])
        .output();
    let output = output.expect("python3 runs");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut theirs: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for example in report["examples"].as_array().expect("examples") {
        let kind = example["kind"].as_str().expect("kind");
        if COMPARED.contains(&kind) {
            theirs
                .entry(example["frame"].as_u64().expect("number") - 1)
                .or_default()
                .insert(kind);
        }
    }

    let lines = json_lines(&squall(&["decode", "--json", path]));
    assert_eq!(lines.len(), FRAMES);
    let mut compared = 0;
    let mut kinds_seen: BTreeSet<&str> = BTreeSet::new();
    for (index, line) in (0_u64..).zip(&lines) {
        let fields = &line["fields"];
        let ours: BTreeSet<&str> = line["faults"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|fault| fault["error"].as_str().expect("error"))
            .filter(|kind| COMPARED.contains(kind))
            .collect();
        let expected = theirs.remove(&index).unwrap_or_default();
        // A frame that ends before its port number is no RoCEv2 frame to the checker.
        let is_roce = fields["udp"]["dport"] == 4791;
        if !is_roce && fields.get("macctrl").is_none() && ours.iter().all(|kind| *kind == "truncated") {
            assert!(expected.is_empty(), "frame {}: {expected:?} of {line}", index + 1);
            continue;
        }
        // RD, XRC, FLUSH and ATOMIC WRITE, which the checker does not know.
        let name = fields["bth"]["opcode_name"].as_str().unwrap_or_default();
        let is_known_here_alone = ["RD_", "XRC_", "RC_FLUSH", "RC_ATOMIC_WRITE"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_known_here_alone && expected.contains("opcode") {
            continue;
        }
        assert_eq!(ours, expected, "frame {}: {line}", index + 1);
        compared += 1;
        kinds_seen.extend(ours);
    }
    assert!(theirs.is_empty(), "{theirs:?}");
    assert!(
        compared > FRAMES / 2,
        "only {compared} frames were still RoCEv2 or MAC control"
    );
    assert_eq!(kinds_seen.len(), COMPARED.len(), "not met: {kinds_seen:?}");
}
