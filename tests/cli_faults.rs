//! The analyser against faults whose number is known: captures of a plan's own frames, with frames
//! dropped, repeated, swapped, damaged and marked, come in through a net_pcap port, and results.json
//! must have exactly what was planted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{Folder, assert_balanced, check_pcap, list, number, run, squall};

/// Frames of a pcap file that `squall craft` wrote (little-endian, nanoseconds), in order.
struct Capture {
    header: Vec<u8>,
    frames: Vec<Vec<u8>>,
}

impl Capture {
    fn read(folder: &Folder, name: &str) -> Capture {
        let bytes = std::fs::read(folder.path(name)).unwrap();
        let (header, mut rest) = bytes.split_at(24);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            frames.push(rest[16..16 + len].to_vec());
            rest = &rest[16 + len..];
        }
        Capture {
            header: header.to_vec(),
            frames,
        }
    }

    fn write(&self, folder: &Folder, name: &str) {
        let mut bytes = self.header.clone();
        for (time, frame) in (0u32..).zip(&self.frames) {
            let len = u32::try_from(frame.len()).unwrap();
            for field in [0, time, len, len] {
                bytes.extend(field.to_le_bytes());
            }
            bytes.extend(frame);
        }
        std::fs::write(folder.path(name), bytes).unwrap();
    }

    /// Frames of an untagged IPv4 flow, by destination QP number, in order of departure.
    fn flow(&self, qpn: u32) -> Vec<usize> {
        let is_its = |frame: &[u8]| frame[12..14] == [8, 0] && frame[47..50] == qpn.to_be_bytes()[1..];
        (0..self.frames.len())
            .filter(|index| is_its(&self.frames[*index]))
            .collect()
    }
}

/// Sets the ECN codepoint of an untagged IPv4 frame, as a switch does: RFC 3168, and the header
/// checksum (RFC 1624).
fn set_ecn(frame: &mut [u8], codepoint: u8) {
    frame[15] = frame[15] & 0xfc | codepoint;
    frame[24..26].fill(0);
    let mut sum: u32 = frame[14..34]
        .chunks(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[24..26].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
}

/// A run of `pattern` whose port receives what `edit` makes of the plan's frames; frames of the
/// entry's first flow are given by index, in order of departure.
fn with_faults(pattern: &str, settings: &[&str], edit: impl FnOnce(&mut Capture)) -> (Value, Value) {
    let folder = Folder::new();
    let pattern = folder.write("pattern.yaml", pattern);
    let mut more = Vec::new();
    for setting in settings {
        more.extend(["--set", setting]);
    }
    let plan = folder.text("plan.pcap");
    run(squall(&[&["craft", &pattern, "-w", &plan], &more[..]].concat())).expect(0);
    let mut capture = Capture::read(&folder, "plan.pcap");
    edit(&mut capture);
    capture.write(&folder, "edited.pcap");
    let device = format!(
        "net_pcap0,rx_pcap={},tx_pcap={}",
        folder.text("edited.pcap"),
        folder.text("sent.pcap")
    );
    let testbed = folder.write(
        "file.yaml",
        &format!(
            "isolated: true
eal: {{hugepages: none, telemetry: false}}
ports:
  - {{name: file, device: \"{device}\", speed: 1Gbps, loopback: true, announce: false}}
"
        ),
    );
    let results = folder.results(0, &[&[pattern.as_str(), "--testbed", &testbed], &more[..]].concat());
    assert_balanced(&results);
    let frames = capture.frames.len() as u64;
    assert_eq!(
        number(&results, "/ports/0/rx/frames"),
        frames,
        "every frame of the file came in"
    );
    assert_eq!(number(&results, "/ports/0/stats/ipackets"), frames);
    let witness = check_pcap(&folder.path("edited.pcap"), &["--allow-partial", "--allow-empty"]);
    (results, witness)
}

fn causes(entry: &Value) -> BTreeMap<&str, u64> {
    list(entry, "/packets/causes")
        .iter()
        .map(|loss| (loss["cause"].as_str().unwrap(), number(loss, "/frames")))
        .collect()
}

fn anomalies(results: &Value) -> Vec<&str> {
    list(results, "/anomalies")
        .iter()
        .map(|anomaly| anomaly["kind"].as_str().unwrap())
        .collect()
}

fn flow(entry: &Value, qpn: u32) -> &Value {
    list(entry, "/flows/listed")
        .iter()
        .find(|flow| flow["qpn"] == qpn)
        .unwrap()
}

/// Two flows of 60 messages of three packets (full, full, 1808 bytes).
const TWO_FLOWS: &str = "
traffic:
  - {name: put, kind: transfer, verb: put, pairs: 2, from: 0-1, to: 2-3, message: 10000, count: 60, rate: 400Mbps, frame: {first_qpn: 0x1000, first_psn: 0xffff80}}
";
const ONE: u32 = 0x1000;
const TWO: u32 = 0x1001;

#[test]
fn an_untouched_capture_has_no_fault() {
    let (results, witness) = with_faults(TWO_FLOWS, &[], |_| {});
    assert_eq!(witness["violation_total"], 0);
    let packets = &results["traffic"][0]["packets"];
    assert_eq!((&packets["sent"], &packets["received"]), (&json!(360), &json!(360)));
    assert_eq!(results["traffic"][0]["messages"]["completed"], 120);
    for none in ["lost", "duplicated", "reordered", "icrc_errors", "malformed"] {
        assert_eq!(packets[none], 0, "{none}");
    }
}

#[test]
fn dropped_frames_are_lost_where_they_were() {
    let (results, _) = with_faults(TWO_FLOWS, &[], |capture| {
        // A first, a middle, two last packets of one flow; across the PSN's wrap at packet 128. Of
        // the other flow the very first and the very last packet, which leave no gap behind them.
        let mut gone: Vec<usize> = [0, 4, 126, 127, 128, 131].map(|n| capture.flow(ONE)[n]).to_vec();
        gone.extend([0, 179].map(|n| capture.flow(TWO)[n]));
        gone.sort_unstable();
        for index in gone.into_iter().rev() {
            capture.frames.remove(index);
        }
    });
    let entry = &results["traffic"][0];
    let packets = &entry["packets"];
    assert_eq!((&packets["sent"], &packets["received"]), (&json!(360), &json!(352)));
    assert_eq!(
        (&packets["lost"], &packets["reordered"], &packets["duplicated"]),
        (&json!(8), &json!(0), &json!(0))
    );
    assert_eq!(causes(entry), BTreeMap::from([("lost-in-dut", 8)]));
    assert_eq!(
        (&flow(entry, ONE)["lost"], &flow(entry, TWO)["lost"]),
        (&json!(6), &json!(2))
    );
    assert_eq!(entry["flows"]["with_loss"], 2);
    // Messages 0, 1, 42 (126, 127, 128) and 43 (131) of the first flow; 0 and 59 of the other.
    assert_eq!(entry["messages"]["completed"], 120 - 4 - 2);
    assert_eq!(entry["messages"]["incomplete"], 6);
    // Full packets but for 128 (a last one: 42·3 + 2), 131 (43·3 + 2) and 179.
    assert_eq!(entry["payload_bytes"]["lost"], 5 * 4096 + 3 * 1808);
    assert!(anomalies(&results).contains(&"loss"));
    let ppm = list(&results, "/kpis")
        .iter()
        .find(|kpi| kpi["name"] == "Packet_drop_rate")
        .unwrap();
    assert!(
        (ppm["value"].as_f64().unwrap() - 1e6 * 8.0 / 360.0).abs() < 1e-6,
        "{ppm}"
    );
}

#[test]
fn repeated_frames_are_duplicates_and_never_reordered() {
    let (results, _) = with_faults(TWO_FLOWS, &[], |capture| {
        // One at once, one twice, one ten packets later.
        let of = capture.flow(ONE);
        let (now, twice, late) = (of[50], of[90], of[20]);
        let copy = |index: usize| capture.frames[index].clone();
        let (a, b, c) = (copy(now), copy(twice), copy(late));
        let later = of[30];
        capture.frames.splice(twice + 1..=twice, [b.clone(), b]);
        capture.frames.insert(now + 1, a);
        capture.frames.insert(later + 1, c);
    });
    let entry = &results["traffic"][0];
    let packets = &entry["packets"];
    assert_eq!((&packets["received"], &packets["lost"]), (&json!(360), &json!(0)));
    assert_eq!((&packets["duplicated"], &packets["reordered"]), (&json!(4), &json!(0)));
    assert_eq!(
        (&flow(entry, ONE)["duplicated"], &flow(entry, TWO)["duplicated"]),
        (&json!(4), &json!(0))
    );
    assert_eq!(entry["messages"]["completed"], 120);
    assert_eq!(number(&results, "/ports/0/rx/frames"), 364);
    assert!(anomalies(&results).contains(&"duplicated"));
}

#[test]
fn frames_behind_a_later_one_are_reordered() {
    let (results, _) = with_faults(TWO_FLOWS, &[], |capture| {
        let of = capture.flow(ONE);
        // Two neighbours change places: one is late. One frame goes back by three: it is late, the
        // three are not (RFC 4737 section 3). One goes forward by three: the three are late.
        capture.frames.swap(of[10], of[11]);
        for at in [20, 21, 22] {
            capture.frames.swap(of[at], of[at + 1]);
        }
        for at in [130, 129, 128] {
            capture.frames.swap(of[at], of[at + 1]);
        }
    });
    let entry = &results["traffic"][0];
    let packets = &entry["packets"];
    assert_eq!(
        (&packets["received"], &packets["lost"], &packets["duplicated"]),
        (&json!(360), &json!(0), &json!(0))
    );
    // 10 and 11: one. 20 behind 23: one. 131 before 128: 128, 129 and 130 are behind it, three.
    assert_eq!(packets["reordered"], 1 + 1 + 3);
    assert_eq!(flow(entry, ONE)["reordered"], 5);
    assert_eq!(entry["flows"]["with_reordering"], 1);
    // Neighbouring messages are told apart when they mix (packets 20 to 23 are of two of them).
    assert_eq!(entry["messages"]["completed"], 120);
}

#[test]
fn damage_is_found_by_the_icrc_and_counted_as_lost() {
    let flip = |capture: &mut Capture| {
        let of = capture.flow(TWO);
        // A payload bit, a bit of the ICRC itself, a bit of the PSN, a bit of the source address.
        for (n, byte, bit) in [(3, 2000, 1), (7, 4153, 0x80), (30, 53, 1)] {
            capture.frames[of[n]][byte] ^= bit;
        }
    };
    let (results, witness) = with_faults(TWO_FLOWS, &[], flip);
    assert_eq!(witness["violations"]["icrc"], 3, "{witness:#}");
    let entry = &results["traffic"][0];
    let packets = &entry["packets"];
    assert_eq!(
        (&packets["icrc_checked"], &packets["icrc_errors"]),
        (&json!(360), &json!(3))
    );
    assert_eq!(
        (&packets["received"], &packets["lost"], &packets["reordered"]),
        (&json!(357), &json!(3), &json!(0))
    );
    assert_eq!(causes(entry), BTreeMap::from([("bad-icrc", 3)]));
    assert!(anomalies(&results).contains(&"corrupted"));

    // Not asked for, not found: but then the report must not say that it was checked.
    let (results, _) = with_faults(TWO_FLOWS, &["icrc_check=none"], |capture| {
        let of = capture.flow(TWO);
        capture.frames[of[3]][2000] ^= 1;
    });
    let packets = &results["traffic"][0]["packets"];
    assert_eq!(
        (&packets["icrc_checked"], &packets["icrc_errors"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(packets["received"], 360);

    // One in four: 90 of 360.
    let (results, _) = with_faults(TWO_FLOWS, &["icrc_check=1/4"], |_| {});
    assert_eq!(results["traffic"][0]["packets"]["icrc_checked"], 90);
}

#[test]
fn marks_are_counted_and_impossible_ones_named() {
    let (results, witness) = with_faults(TWO_FLOWS, &[], |capture| {
        for n in [0, 1, 77, 128, 179] {
            let index = capture.flow(ONE)[n];
            set_ecn(&mut capture.frames[index], 3);
        }
        let index = capture.flow(TWO)[9];
        set_ecn(&mut capture.frames[index], 3);
    });
    assert_eq!(witness["violation_total"], 0, "marking breaks nothing: {witness:#}");
    let entry = &results["traffic"][0];
    let received = &entry["ecn"]["received"];
    assert_eq!(received, &json!({"not_ect": 0, "ect1": 0, "ect0": 354, "ce": 6}));
    assert_eq!(
        entry["ecn"]["sent"],
        json!({"not_ect": 0, "ect1": 0, "ect0": 360, "ce": 0})
    );
    assert_eq!(
        (&flow(entry, ONE)["ce"], &flow(entry, TWO)["ce"]),
        (&json!(5), &json!(1))
    );
    let rate = entry["ecn"]["marking_rate_percent"].as_f64().unwrap();
    assert!((rate - 100.0 * 6.0 / 360.0).abs() < 1e-9, "{rate}");
    assert_eq!(entry["packets"]["lost"], 0);
    assert!(!anomalies(&results).iter().any(|kind| kind.starts_with("ecn")));

    // Cleared, and turned into the other codepoint: RFC 3168 section 5 allows neither.
    let (results, _) = with_faults(TWO_FLOWS, &[], |capture| {
        for (n, codepoint) in [(1, 0), (2, 0), (3, 1)] {
            let index = capture.flow(ONE)[n];
            set_ecn(&mut capture.frames[index], codepoint);
        }
    });
    assert_eq!(
        results["traffic"][0]["ecn"]["received"],
        json!({"not_ect": 2, "ect1": 1, "ect0": 357, "ce": 0})
    );
    assert!(anomalies(&results).contains(&"ecn-bleached") && anomalies(&results).contains(&"ecn-forged"));
}

#[test]
fn frames_of_nobody_are_told_apart() {
    let (results, _) = with_faults(TWO_FLOWS, &[], |capture| {
        let model = capture.frames[0].clone();
        // A QP that no flow has; twice.
        let mut stranger = model.clone();
        stranger[47..50].copy_from_slice(&[0x77, 0, 1]);
        // A UDP length beyond the packet: it cannot be decoded.
        let mut broken = model.clone();
        broken[38] ^= 0x40;
        // ARP and LLDP.
        let mut arp = vec![0; 60];
        arp[..14].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6]);
        let mut lldp = arp.clone();
        lldp[12..14].copy_from_slice(&[0x88, 0xcc]);
        // A PFC frame of classes 1 and 7 (IEEE 802.1Qbb), a PAUSE frame (IEEE 802.3 Annex 31B).
        let mut pfc = vec![0; 60];
        pfc[..18].copy_from_slice(&[1, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 8, 1, 1, 0, 0x82]);
        let mut pause = vec![0; 60];
        pause[..18].copy_from_slice(&[1, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 8, 0, 1, 0, 9]);
        for (at, frame) in [
            (5, &stranger),
            (9, &arp),
            (30, &stranger),
            (31, &broken),
            (60, &lldp),
            (61, &pfc),
            (62, &pause),
        ] {
            capture.frames.insert(at, frame.clone());
        }
    });
    let port = &results["ports"][0];
    assert_eq!((&port["rx"]["unknown"], &port["rx"]["other"]), (&json!(2), &json!(2)));
    assert_eq!(port["rx"]["malformed"], 1);
    assert_eq!(port["pfc"]["received_per_class"], json!([0, 1, 0, 0, 0, 0, 0, 1]));
    assert_eq!(port["pfc"]["pause_received"], 1);
    assert_eq!(results["traffic"][0]["packets"]["received"], 360);
    assert_eq!(results["traffic"][0]["packets"]["lost"], 0);
    let found = anomalies(&results);
    assert!(
        found.contains(&"unknown-flow") && found.contains(&"malformed"),
        "{found:?}"
    );
}

/// Messages too short for a stamp: sequence numbers come from the PSN alone, across its wrap.
#[test]
fn short_messages_are_followed_by_their_psn() {
    let pattern = "
traffic:
  - {name: tiny, kind: transfer, verb: put-with-signal, message: 16, count: 200, rate: 10Mbps, frame: {first_qpn: 0x1000, first_psn: 0xffff9c}}
";
    let (results, _) = with_faults(pattern, &[], |capture| {
        // The PSN is 0 at frame 100. Lost: 40, 99, 100. Repeated: 120 and, three later, 98. Swapped: 150.
        let (again, old) = (capture.frames[120].clone(), capture.frames[98].clone());
        capture.frames.swap(150, 151);
        capture.frames.insert(121, again);
        capture.frames.insert(102, old);
        for index in [100, 99, 40] {
            capture.frames.remove(index);
        }
    });
    let entry = &results["traffic"][0];
    let packets = &entry["packets"];
    assert_eq!(
        (&packets["sent"], &packets["received"], &packets["lost"]),
        (&json!(200), &json!(197), &json!(3))
    );
    assert_eq!((&packets["duplicated"], &packets["reordered"]), (&json!(2), &json!(1)));
    assert_eq!(entry["messages"]["completed"], 197);
    assert!(entry["packet_latency"].is_null(), "no stamp, no delay: {entry:#}");
}

/// All at once, on IPv4 of several entries: what belongs to one entry does not show in the other.
#[test]
fn faults_stay_with_their_entry() {
    let pattern = format!(
        "{}  - {{name: other, kind: transfer, verb: put, from: 3, to: 0, message: 64KiB, count: 8, rate: 100Mbps, frame: {{first_qpn: 0x2000}}}}\n",
        TWO_FLOWS.trim_start()
    );
    let (results, _) = with_faults(&pattern, &[], |capture| {
        let of = capture.flow(0x2000);
        let marked = of[5];
        set_ecn(&mut capture.frames[marked], 3);
        capture.frames[of[6]][3000] ^= 4;
        capture.frames.swap(of[10], of[11]);
        let copy = capture.frames[of[20]].clone();
        capture.frames.insert(of[20], copy);
        capture.frames.remove(of[8]);
    });
    let (untouched, hit) = (&results["traffic"][0], &results["traffic"][1]);
    for none in ["lost", "duplicated", "reordered", "icrc_errors", "malformed"] {
        assert_eq!(untouched["packets"][none], 0, "{none}");
    }
    assert_eq!(untouched["ecn"]["received"]["ce"], 0);
    assert_eq!(hit["ecn"]["received"]["ce"], 1);
    assert_eq!(hit["packets"]["lost"], 2);
    assert_eq!(causes(hit), BTreeMap::from([("bad-icrc", 1), ("lost-in-dut", 1)]));
    assert_eq!(
        (&hit["packets"]["duplicated"], &hit["packets"]["reordered"]),
        (&json!(1), &json!(1))
    );
}
