//! The receive loop's reader against the golden vectors, which an independent implementation made.

mod common;

use common::{Case, cases, number};
use serde_json::Value;
use squall::wire::{Frame, Malformed, Packet};

fn flag(value: &Value) -> bool {
    number(value) != 0
}

#[test]
fn valid_frames_read_as_their_fields() {
    let mut roce = 0;
    for Case { name, value, frame } in cases("golden.jsonl") {
        if value["valid"] != true {
            continue;
        }
        let fields = &value["fields"];
        let packet = match Frame::parse(&frame) {
            Ok(Frame::Roce(packet)) => packet,
            Ok(Frame::MacControl(body)) => {
                assert_eq!(body[..2], [0x01, 0x01], "{name}");
                assert!(fields.get("macctrl").is_some(), "{name}");
                continue;
            }
            other => panic!("{name}: {other:?}"),
        };
        roce += 1;
        check_packet(&name, fields, &packet);
        assert!(packet.verify_icrc(), "{name}");
    }
    assert_eq!(roce, 63);
}

fn check_packet(name: &str, fields: &Value, packet: &Packet<'_>) {
    let (ip, bth) = (&fields["ip"], &fields["bth"]);
    let vlan = fields["eth"]["vlan"].as_array().expect("vlan");
    assert_eq!(usize::from(packet.vlan_tags()), vlan.len(), "{name}");
    assert_eq!(
        packet.pcp().map(u64::from),
        vlan.first().map(|tag| number(&tag["pcp"])),
        "{name}"
    );
    assert_eq!(
        packet.vid().map(u64::from),
        vlan.first().map(|tag| number(&tag["vid"])),
        "{name}"
    );
    assert_eq!(packet.is_ipv6(), number(&ip["version"]) == 6, "{name}");
    assert_eq!(packet.source().to_string(), ip["src"].as_str().expect("src"), "{name}");
    assert_eq!(
        packet.destination().to_string(),
        ip["dst"].as_str().expect("dst"),
        "{name}"
    );
    assert_eq!(u64::from(packet.dscp()), number(&ip["dscp"]), "{name}");
    assert_eq!(u64::from(packet.ecn()), number(&ip["ecn"]), "{name}");
    let ttl = ip.get("ttl").or_else(|| ip.get("hop_limit")).expect("ttl");
    assert_eq!(u64::from(packet.ttl()), number(ttl), "{name}");
    assert_eq!(
        u64::from(packet.source_port()),
        number(&fields["udp"]["sport"]),
        "{name}"
    );
    assert_eq!(u64::from(packet.opcode().value()), number(&bth["opcode"]), "{name}");
    assert_eq!(packet.opcode().name(), bth["opcode_name"], "{name}");
    assert_eq!(u64::from(packet.dest_qp()), number(&bth["destqp"]), "{name}");
    assert_eq!(u64::from(packet.psn()), number(&bth["psn"]), "{name}");
    assert_eq!(packet.ackreq(), flag(&bth["ackreq"]), "{name}");
    assert_eq!(packet.fecn(), flag(&bth["fecn"]), "{name}");
    assert_eq!(packet.becn(), flag(&bth["becn"]), "{name}");
    assert_eq!(u64::from(packet.pad_count()), number(&bth["padcnt"]), "{name}");
    let reth = packet
        .reth()
        .map(|reth| (format!("0x{:016x}", reth.va), reth.rkey, reth.dma_len));
    let expected = fields.get("reth").map(|reth| {
        let number = |key| u32::try_from(number(&reth[key])).expect("32 bits");
        (
            reth["va"].as_str().expect("va").to_owned(),
            number("rkey"),
            number("dmalen"),
        )
    });
    assert_eq!(reth, expected, "{name}");
    let immediate = packet.immdt().map(|immdt| u64::from(immdt.immediate));
    assert_eq!(immediate, fields.get("immdt").map(number), "{name}");
    let aeth = packet
        .aeth()
        .map(|aeth| (u64::from(aeth.syndrome), u64::from(aeth.msn)));
    let expected = fields
        .get("aeth")
        .map(|aeth| (number(&aeth["syndrome"]), number(&aeth["msn"])));
    assert_eq!(aeth, expected, "{name}");
    let deth = packet.deth().map(|deth| (u64::from(deth.qkey), u64::from(deth.src_qp)));
    let expected = fields
        .get("deth")
        .map(|deth| (number(&deth["qkey"]), number(&deth["srcqp"])));
    assert_eq!(deth, expected, "{name}");
    let payload = &fields["payload"];
    assert_eq!(packet.payload().len() as u64, number(&payload["len"]), "{name}");
    if let Some(first) = packet.payload().first() {
        let start = payload.get("start").or_else(|| payload.get("byte")).expect("start");
        assert_eq!(u64::from(*first), number(start), "{name}");
    }
    assert_eq!(
        format!("0x{:08x}", packet.icrc_on_wire()),
        fields["icrc_value"],
        "{name}"
    );
}

#[test]
fn malformed_frames_are_refused_for_their_reason() {
    let mut seen = 0;
    for Case { name, value, frame } in cases("golden.jsonl") {
        let Some(error) = value["error"].as_str() else {
            continue;
        };
        seen += 1;
        match (Frame::parse(&frame), error) {
            // Not this reader's to verify; the ICRC masks the IPv4 checksum.
            (Ok(Frame::Roce(packet)), "ipv4_checksum") => assert!(packet.verify_icrc(), "{name}"),
            (Ok(Frame::Roce(packet)), "icrc") => assert!(!packet.verify_icrc(), "{name}"),
            (Err(malformed), _) => assert_eq!(malformed.name(), error, "{name}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(seen, 9);
}

#[test]
fn captured_frames_of_hardware_verify() {
    for Case { name, frame, .. } in cases("anchors.jsonl") {
        match Frame::parse(&frame) {
            Ok(Frame::Roce(packet)) => assert!(packet.verify_icrc(), "{name}"),
            // RoCE v1 is no IP packet.
            Ok(Frame::Other) => assert!(name.starts_with("rocev1"), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn every_cut_of_a_frame_is_told_apart() {
    for Case { name, frame, .. } in cases("golden.jsonl") {
        let Ok(Frame::Roce(whole)) = Frame::parse(&frame) else {
            continue;
        };
        let l3_end = whole.icrc_region().len() + 4 + 14 + 4 * usize::from(whole.vlan_tags());
        for len in 0..l3_end {
            match Frame::parse(&frame[..len]) {
                Ok(Frame::Other) => assert!(len < 14 + 4 + 40 + 8, "{name} cut to {len}"),
                Err(Malformed::IpLength) => {}
                other => panic!("{name} cut to {len}: {other:?}"),
            }
        }
    }
}
