//! Rules of single frames at their edges: golden frames, changed in one place and given a right
//! ICRC again.

mod common;

use std::fs;

use common::{cases, golden, squall};
use serde_json::{Value, json};
use squall::wire::decode::{AckreqRule, Decoded, Link, MacControl, decode};
use squall::wire::{Malformed, aeth, arp, ethernet, icmpv6, icrc, ipv4, ipv6, pause, udp};

/// A golden frame by its name.
fn frame(name: &str) -> Vec<u8> {
    let case = cases("golden.jsonl").into_iter().find(|case| case.name == name);
    case.unwrap_or_else(|| panic!("no golden frame {name}")).frame
}

const L3: usize = ethernet::LEN;
const BTH: usize = L3 + 20 + udp::LEN;
const EXTENSION: usize = BTH + 12;

/// An untagged IPv4 frame's ICRC, made right again.
fn fix(mut frame: Vec<u8>) -> Vec<u8> {
    let end = L3 + usize::from(u16::from_be_bytes([frame[L3 + 2], frame[L3 + 3]]));
    let value = icrc::icrc(&frame[L3..end - 4]).expect("a packet");
    frame[end - 4..end].copy_from_slice(&value.to_le_bytes());
    frame
}

fn read(frame: &[u8]) -> Decoded {
    decode(Link::Ethernet, frame, frame.len(), AckreqRule::Last)
}

fn faults(frame: &[u8]) -> Vec<Malformed> {
    read(frame).faults.iter().map(|fault| fault.kind).collect()
}

#[test]
fn padding_reaches_to_the_shortest_frame_and_no_further() {
    // 58 bytes; each tag may make the shortest frame four bytes longer.
    let mut plain = frame("v4_send_only_0B_ethpad60");
    assert_eq!((plain.len(), faults(&plain)), (60, vec![]));
    plain.push(0);
    assert_eq!(faults(&plain), [Malformed::TrailingBytes]);
    plain.truncate(60);
    plain.splice(12..12, [0x81, 0x00, 0x60, 0x64]);
    assert_eq!((plain.len(), faults(&plain)), (64, vec![]));
    plain.push(0);
    assert_eq!(faults(&plain), [Malformed::TrailingBytes]);
}

#[test]
fn messages_are_at_most_two_gibibytes() {
    let mut request = frame("v4_read_request_1MiB");
    let dma_len = EXTENSION + 12..EXTENSION + 16;
    request[dma_len.clone()].copy_from_slice(&(1_u32 << 31).to_be_bytes());
    assert_eq!(faults(&fix(request.clone())), []);
    request[dma_len].copy_from_slice(&((1_u32 << 31) + 1).to_be_bytes());
    assert_eq!(faults(&fix(request)), [Malformed::DmaLength]);
}

#[test]
fn a_cnp_has_no_solicited_event_and_no_pad() {
    let cnp = frame("v4_cnp");
    assert_eq!(faults(&cnp), []);
    for (at, bits) in [
        (BTH + 1, 0x80),
        (BTH + 8, 0x80),
        (BTH + 11, 1),
        (BTH + 4, 0x40),
        (EXTENSION, 1),
    ] {
        let mut changed = cnp.clone();
        changed[at] ^= bits;
        assert_eq!(faults(&fix(changed)), [Malformed::CnpFormat], "byte {at}");
    }
    // MigReq: captured frames have it clear, both are legal.
    let mut migrated = cnp;
    migrated[BTH + 1] ^= 0x40;
    assert_eq!(faults(&fix(migrated)), []);
}

#[test]
fn acknowledgements_carry_no_payload_and_ask_for_nothing() {
    let ack = frame("v4_ack_credit10");
    let mut asking = ack.clone();
    asking[BTH + 8] |= 0x80;
    assert_eq!(faults(&fix(asking)), [Malformed::Ackreq]);
    // Four bytes more, with every length made right.
    let mut longer = ack;
    longer.splice(EXTENSION + 4..EXTENSION + 4, [0; 4]);
    longer[L3 + 3] += 4;
    longer[L3 + 25] += 4;
    longer[L3 + 11] -= 4;
    assert_eq!(faults(&fix(longer)), [Malformed::PayloadSize]);
}

#[test]
fn requests_of_the_last_packet_are_the_requesters_choice_on_demand() {
    let mut last = frame("v4_write_last_4096");
    last[BTH + 8] &= 0x7f;
    let last = fix(last);
    assert_eq!(faults(&last), [Malformed::Ackreq]);
    let decoded = decode(Link::Ethernet, &last, last.len(), AckreqRule::Any);
    assert_eq!(decoded.error(), None);
}

#[test]
fn pfc_is_untagged_whole_and_goes_to_its_address() {
    let pfc = frame("pfc_p3p4");
    assert_eq!(faults(&pfc), []);
    let mut tagged = pfc.clone();
    tagged.splice(12..12, [0x81, 0x00, 0x60, 0x64]);
    assert_eq!(faults(&tagged), [Malformed::PfcFormat]);
    assert_eq!(faults(&pfc[..59]), [Malformed::PfcFormat]);
    assert_eq!(faults(&pfc[..17]), [Malformed::PfcFormat]);
    // Cut by the capture, not by the sender.
    assert_eq!(decode(Link::Ethernet, &pfc[..40], 60, AckreqRule::Last).error(), None);
    let mut upper = pfc;
    upper[16] = 0x80;
    assert_eq!(faults(&upper), [Malformed::PfcFormat, Malformed::PfcEnableVector]);
}

#[test]
fn pause_and_other_mac_control_frames_are_told_apart() {
    let mut frame = frame("pfc_p3_max");
    pause::Repr { quanta: 512 }.emit(&mut frame[14..]);
    let decoded = read(&frame);
    assert_eq!(
        decoded.mac_control,
        Some(MacControl::Pause(pause::Repr { quanta: 512 }))
    );
    assert_eq!(
        serde_json::to_value(&decoded).expect("JSON")["macctrl"],
        json!({"opcode": 1, "quanta": [512]})
    );
    frame[14..16].copy_from_slice(&[0x00, 0x02]);
    assert_eq!(read(&frame).mac_control, Some(MacControl::Other(2)));
    assert_eq!(faults(&frame), []);
}

#[test]
fn ptp_syncs_are_read() {
    // A Sync that linuxptp sends over layer 2, its fields set out by IEEE 1588-2008 clauses 13.3 and 13.6.
    let frame = [
        0x01, 0x1b, 0x19, 0x00, 0x00, 0x00, 0x00, 0x1b, 0x21, 0x0a, 0x0b, 0x0c, 0x88, 0xf7, // link
        0x00, 0x02, 0x00, 0x2c, 0x18, 0x00, 0x02, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80,
        0x00, // correction
        0x00, 0x00, 0x00, 0x00, 0x00, 0x1b, 0x21, 0xff, 0xfe, 0x0a, 0x0b, 0x0c, 0x00, 0x02, 0x01, 0x00, // number
        0x00, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00,
    ];
    let decoded = read(&frame);
    assert_eq!(
        serde_json::to_value(&decoded).expect("JSON")["ptp"],
        json!({
            "message_type": 0, "version": 2, "message_len": 44, "domain": 24, "flags": 0x0200,
            "correction": "0xffffffffffff8000", "clock": "0x001b21fffe0a0b0c", "port": 2, "sequence": 256,
            "log_interval": -3, "origin_seconds": 5, "origin_nanoseconds": 7,
        })
    );
    assert!(
        decoded
            .to_string()
            .contains("PTP Sync domain 24 clock 001b21fffe0a0b0c.2 seq 256"),
        "{decoded}"
    );
    assert_eq!(faults(&frame), []);
    for len in 14..frame.len() - 2 {
        assert_eq!(read(&frame[..len]).ptp, None, "{len} bytes");
    }
}

#[test]
fn announcements_are_read() {
    let mac = ethernet::Address([2, 0, 0, 0, 0, 1]);
    let mut bytes = vec![0xa5; 14 + arp::LEN];
    ethernet::Repr {
        dst: ethernet::Address::BROADCAST,
        src: mac,
        ethertype: ethernet::TYPE_ARP,
    }
    .emit(&mut bytes);
    arp::Repr::announcement(mac, [198, 18, 0, 1].into()).emit(&mut bytes[14..]);
    let decoded = read(&bytes);
    assert!(decoded.to_string().contains("ARP announcement 198.18.0.1"), "{decoded}");
    assert_eq!(
        serde_json::to_value(&decoded).expect("JSON")["arp"]["sender_ip"],
        "198.18.0.1"
    );

    let mut bytes = vec![0xa5; 14 + ipv6::LEN + icmpv6::LEN];
    ethernet::Repr {
        dst: icmpv6::ALL_NODES_MAC,
        src: mac,
        ethertype: ethernet::TYPE_IPV6,
    }
    .emit(&mut bytes);
    let worker = "2001:2::1".parse().expect("address");
    ipv6::Repr {
        dscp: 0,
        ecn: 0,
        flow_label: 0,
        payload_len: 32,
        next_header: icmpv6::NEXT_HEADER,
        hop_limit: icmpv6::HOP_LIMIT,
        src: worker,
        dst: icmpv6::ALL_NODES,
    }
    .emit(&mut bytes[14..]);
    icmpv6::Repr::announcement(mac, worker).emit(worker, icmpv6::ALL_NODES, &mut bytes[54..]);
    let decoded = read(&bytes);
    assert_eq!(decoded.error(), None);
    assert_eq!(
        serde_json::to_value(&decoded).expect("JSON")["icmpv6"]["target"],
        "2001:2::1"
    );
}

#[test]
fn other_links_lead_to_the_same_packet() {
    let ethernet = frame("v6_write_last_imm_3B");
    let fields = |decoded: &Decoded| {
        let mut fields = serde_json::to_value(decoded).expect("JSON");
        fields.as_object_mut().expect("object").remove("eth");
        fields
    };
    let expected = fields(&read(&ethernet));
    let packet = &ethernet[14..];
    let cooked = [&[0; 14][..], &[0x86, 0xdd], packet].concat();
    let cooked2 = [&[0x86, 0xdd][..], &[0; 18], packet].concat();
    for (link, bytes) in [
        (Link::RawIp, packet),
        (Link::LinuxCooked, &cooked[..]),
        (Link::LinuxCooked2, &cooked2[..]),
    ] {
        let decoded = decode(link, bytes, bytes.len(), AckreqRule::Last);
        assert_eq!(decoded.error(), None, "{link:?}");
        assert_eq!(fields(&decoded), expected, "{link:?}");
    }
}

#[test]
fn a_snap_length_is_the_captures_doing() {
    let whole = frame("v4_write_first_4096");
    let decoded = decode(Link::Ethernet, &whole[..128], whole.len(), AckreqRule::Last);
    let kinds: Vec<Malformed> = decoded.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [Malformed::CaptureTruncated]);
    assert_eq!(decoded.payload_len, Some(4096), "the headers still say so");
    assert_eq!(decoded.icrc, None);
    for len in 0..whole.len() {
        let decoded = decode(Link::Ethernet, &whole[..len], whole.len(), AckreqRule::Last);
        assert_eq!(decoded.error(), Some(Malformed::CaptureTruncated), "cut to {len}");
    }
}

#[test]
fn a_computed_udp_checksum_is_never_zero() {
    // 17 + 0xffee = 0xffff, whose complement is 0: RFC 768 sends all ones instead.
    let nowhere = [0, 0, 0, 0].into();
    assert_eq!(udp::checksum(nowhere, nowhere, 0, &[0xff, 0xee]), 0xffff);
}

/// The numbers behind `label` in the vectors' RULES.md, up to the end of the line.
fn rules_after(label: &str) -> String {
    let text = fs::read_to_string(golden("RULES.md")).expect("RULES.md");
    let at = text.find(label).unwrap_or_else(|| panic!("no {label:?}")) + label.len();
    text[at..].lines().next().expect("a line").to_owned()
}

#[test]
fn syndrome_tables_are_those_of_the_rules() {
    let credits = rules_after("Credit code -> credits: ");
    let credits: Vec<u16> = credits.split(' ').map_while(|word| word.parse().ok()).collect();
    assert_eq!(credits.len(), 31);
    for (code, credits) in (0..).zip(credits) {
        assert_eq!(aeth::credits(code), Some(credits), "code {code}");
    }
    assert_eq!(aeth::credits(31), None);

    let delays = rules_after("RNR code -> ms: ");
    let mut code = 0;
    for word in delays
        .trim_end_matches('.')
        .split([' ', ','])
        .filter(|word| !word.is_empty())
    {
        // "1=.01" names its code, ".64(12)" too, all others follow the one before.
        let value = word.split('=').next_back().expect("one part");
        let value: f64 = value.split('(').next().expect("one part").parse().expect("a number");
        let microseconds = f64::from(aeth::rnr_delay_us(code));
        assert!(
            (microseconds - value * 1000.0).abs() < 0.5,
            "code {code}: {microseconds}, {word}"
        );
        code += 1;
    }
    assert_eq!(code, 32);
}

#[test]
fn what_is_no_rocev2_is_read_as_far_as_it_goes() {
    let captured = cases("anchors.jsonl");
    let v1 = captured
        .iter()
        .find(|case| case.name == "rocev1_rc_ack")
        .expect("an anchor");
    let decoded = read(&v1.frame);
    assert_eq!(decoded.error(), None);
    assert_eq!(
        serde_json::to_value(&decoded).expect("JSON")["eth"]["ethertype"],
        u64::from(ethernet::TYPE_ROCE_V1)
    );
    for case in &captured {
        assert_eq!(faults(&case.frame), [], "{}", case.name);
    }
}

#[test]
fn json_names_all_faults_of_a_frame() {
    let mut frame = frame("v4_write_only_imm_64B");
    frame[BTH + 1] |= 1;
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let output = squall(&["decode", "--json", "--hex", &hex]);
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line");
    assert_eq!(line["error"], "icrc");
    let kinds: Vec<&Value> = line["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| &fault["error"])
        .collect();
    assert_eq!(kinds, ["icrc", "tver"]);
    assert!(
        line["faults"][1]["detail"]
            .as_str()
            .is_some_and(|text| text.contains("version 1"))
    );
}

/// Services and operations that are not RoCEv2's usual ones, each with its headers written out.
#[test]
fn rd_xrc_flush_and_atomic_write_are_read() {
    let golden = frame("v4_write_only_imm_64B");
    let cases: [(u8, &str, &str, usize, Value); 5] = [
        (
            0xaa,
            "XRC_RDMA_WRITE_ONLY",
            "0000beef 0000000000001000 0000126e 00000008",
            8,
            json!({"xrceth": {"xrcsrq": 0xbeef}, "reth": {"va": "0x0000000000001000", "rkey": 4718, "dmalen": 8}}),
        ),
        (
            0x44,
            "RD_SEND_ONLY",
            "00001234 11111111 00000005",
            4,
            json!({"rdeth": {"eecontext": 0x1234}, "deth": {"qkey": 0x1111_1111, "srcqp": 5}}),
        ),
        (
            0x1c,
            "RC_FLUSH",
            "00000012 0000000000001000 0000126e 00000040",
            0,
            json!({"feth": {"sel": 1, "plt": 2}, "reth": {"va": "0x0000000000001000", "rkey": 4718, "dmalen": 64}}),
        ),
        (
            0x1d,
            "RC_ATOMIC_WRITE",
            "0000000000001000 0000126e 00000008",
            8,
            json!({"reth": {"va": "0x0000000000001000", "rkey": 4718, "dmalen": 8}}),
        ),
        (0xb1, "XRC_ACKNOWLEDGE", "1f000001", 0, json!({"aeth": {"msn": 1}})),
    ];
    for (opcode, name, headers, payload, expected) in cases {
        let build = |payload: usize| {
            let mut bytes = golden[..BTH + 12].to_vec();
            bytes[BTH] = opcode;
            bytes[BTH + 1] &= 0x40;
            bytes.extend(common::from_hex(&headers.replace(' ', "")));
            bytes.resize(bytes.len() + payload, 0x41);
            let total = u16::try_from(bytes.len() - 14 + 4).expect("short");
            bytes[16..18].copy_from_slice(&total.to_be_bytes());
            bytes[38..40].copy_from_slice(&(total - 20).to_be_bytes());
            let repr = ipv4::Repr::parse(&bytes[14..]).expect("a header");
            repr.emit(&mut bytes[14..34]);
            let value = icrc::icrc(&bytes[14..]).expect("a packet");
            bytes.extend(value.to_le_bytes());
            bytes
        };
        let decoded = decode(Link::Ethernet, &build(payload), build(payload).len(), AckreqRule::Any);
        let kinds: Vec<Malformed> = decoded.faults.iter().map(|fault| fault.kind).collect();
        // An acknowledgement may not ask for one; the golden frame's bit stands.
        let wanted: &[Malformed] = if opcode == 0xb1 { &[Malformed::Ackreq] } else { &[] };
        assert_eq!(kinds, wanted, "{name}: {decoded}");
        let fields = serde_json::to_value(&decoded).expect("JSON");
        assert_eq!(fields["bth"]["opcode_name"], name);
        for (key, value) in expected.as_object().expect("an object") {
            for (field, value) in value.as_object().expect("an object") {
                assert_eq!(&fields[key][field], value, "{name}: {key}.{field}");
            }
        }
        if matches!(opcode, 0x1c | 0x1d) {
            let more = build(payload + 4);
            let decoded = decode(Link::Ethernet, &more, more.len(), AckreqRule::Any);
            assert!(decoded.has(Malformed::PayloadSize), "{name}: {decoded}");
        }
    }
}
