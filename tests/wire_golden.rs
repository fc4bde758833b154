//! The golden vectors, made by an independent implementation: every frame decodes to its fields,
//! and is rebuilt from them byte for byte.

mod common;

use common::{Case, cases, golden, json_lines, number, squall};
use serde_json::{Value, json};
use squall::capture::CaptureReader;
use squall::wire::{
    aeth, atomicacketh, atomiceth, bth, deth, ethernet, icrc, ieth, immdt, ipv4, ipv6, pfc, reth, udp, vlan,
};

/// What `decode` prints as `fields` for a frame with these golden fields: the payload's length in
/// place of its pattern, and a verdict on the ICRC (design.md, "Commands").
fn expected_fields(case: &Case) -> Value {
    let mut fields = case.value["fields"].clone();
    let object = fields.as_object_mut().expect("fields");
    if let Some(payload) = object.get_mut("payload") {
        *payload = json!({ "len": payload["len"] });
    }
    if object.contains_key("icrc_wire") {
        object.insert("icrc_ok".to_owned(), (case.value["error"] != "icrc").into());
    }
    fields
}

#[test]
fn decode_prints_the_golden_fields() {
    let cases = cases("golden.jsonl");
    let mut args = vec!["decode", "--json"];
    for case in &cases {
        args.extend(["--hex", case.value["hex"].as_str().expect("hex")]);
    }
    let output = squall(&args);
    assert!(output.status.success(), "{output:?}");
    let lines = json_lines(&output);
    assert_eq!((lines.len(), cases.len()), (75, 75));
    for (index, (line, case)) in lines.iter().zip(&cases).enumerate() {
        let name = &case.name;
        assert_eq!(line["index"], index, "{name}");
        for key in ["valid", "error", "frame_len", "eth_padding"] {
            assert_eq!(line.get(key), case.value.get(key), "{name}: {key}");
        }
        let mut expected = expected_fields(case);
        if name == "bad_truncated_bth" {
            // Its fields are what was meant; the frame ends before they are whole.
            let object = expected.as_object_mut().expect("fields");
            object.retain(|key, _| ["eth", "ip", "udp"].contains(&key.as_str()));
        }
        assert_eq!(line["fields"], expected, "{name}");
    }
}

#[test]
fn one_frame_a_command_gives_the_same() {
    for case in cases("golden.jsonl").iter().step_by(10) {
        let output = squall(&["decode", "--json", "--hex", case.value["hex"].as_str().expect("hex")]);
        let lines = json_lines(&output);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["valid"], case.value["valid"], "{}", case.name);
    }
}

#[test]
fn golden_pcap_holds_the_same_frames() {
    let mut reader = CaptureReader::open(&golden("golden.pcap")).expect("a capture");
    for case in cases("golden.jsonl") {
        let record = reader.next_frame().expect("no damage").expect("as many frames");
        assert_eq!(record.bytes, case.frame, "{}", case.name);
        assert_eq!(
            (record.link, record.original_len),
            (1, case.frame.len()),
            "{}",
            case.name
        );
    }
    assert!(reader.next_frame().expect("no damage").is_none());
}

/// A frame under construction: emitters write into bytes of 0xa5, so that a byte which none of
/// them writes shows.
struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    fn header(&mut self, len: usize, emit: impl FnOnce(&mut [u8])) {
        let at = self.bytes.len();
        self.bytes.resize(at + len, 0xa5);
        emit(&mut self.bytes[at..]);
    }
}

fn int<T: TryFrom<u64>>(value: &Value) -> T {
    T::try_from(number(value)).unwrap_or_else(|_| panic!("{value} is too large"))
}

fn flag(value: &Value) -> bool {
    int::<u8>(value) == 1
}

fn hex64(value: &Value) -> u64 {
    let text = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("0x…");
    u64::from_str_radix(text, 16).expect("hexadecimal")
}

fn mac(value: &Value) -> ethernet::Address {
    let octets = value.as_str().expect("an address").split(':');
    let octets: Vec<u8> = octets
        .map(|octet| u8::from_str_radix(octet, 16).expect("an octet"))
        .collect();
    ethernet::Address(octets.try_into().expect("six octets"))
}

/// The frame that has these fields; nothing else of the case is read.
fn rebuild(fields: &Value) -> Vec<u8> {
    let mut builder = Builder { bytes: Vec::new() };
    let network = match (fields.get("macctrl"), &fields["ip"]["version"]) {
        (Some(_), _) => ethernet::TYPE_MAC_CONTROL,
        (None, version) if *version == 6 => ethernet::TYPE_IPV6,
        _ => ethernet::TYPE_IPV4,
    };
    let tags = fields["eth"]["vlan"].as_array().expect("vlan");
    let mut types: Vec<u16> = tags.iter().map(|tag| int(&tag["tpid"])).collect();
    types.push(network);
    let header = ethernet::Repr {
        dst: mac(&fields["eth"]["dst"]),
        src: mac(&fields["eth"]["src"]),
        ethertype: types[0],
    };
    builder.header(ethernet::LEN, |buf| header.emit(buf));
    for (tag, types) in tags.iter().zip(types.windows(2)) {
        let tag = vlan::Repr {
            tpid: types[0],
            pcp: int(&tag["pcp"]),
            dei: flag(&tag["dei"]),
            vid: int(&tag["vid"]),
            ethertype: types[1],
        };
        builder.header(vlan::LEN, |buf| tag.emit(buf));
    }
    if let Some(control) = fields.get("macctrl") {
        assert_eq!(int::<u16>(&control["opcode"]), pfc::OPCODE);
        let quanta: Vec<u16> = control["quanta"].as_array().expect("quanta").iter().map(int).collect();
        let repr = pfc::Repr {
            class_enable: int(&control["class_enable"]),
            quanta: quanta.try_into().expect("eight"),
        };
        builder.header(pfc::LEN, |buf| repr.emit(buf));
        return builder.bytes;
    }
    let l3 = builder.bytes.len();
    let l4 = ip_header(&mut builder, &fields["ip"]);
    udp_and_transport(&mut builder, fields, l3, l4);
    builder.bytes
}

/// Emits the IP header; where the UDP header begins.
fn ip_header(builder: &mut Builder, ip: &Value) -> usize {
    if ip["version"] == 6 {
        let repr = ipv6::Repr {
            dscp: int(&ip["dscp"]),
            ecn: int(&ip["ecn"]),
            flow_label: int(&ip["flow_label"]),
            payload_len: int(&ip["payload_len"]),
            next_header: udp::PROTOCOL,
            hop_limit: int(&ip["hop_limit"]),
            src: ip["src"].as_str().expect("src").parse().expect("IPv6"),
            dst: ip["dst"].as_str().expect("dst").parse().expect("IPv6"),
        };
        builder.header(ipv6::LEN, |buf| repr.emit(buf));
    } else {
        let repr = ipv4::Repr {
            dscp: int(&ip["dscp"]),
            ecn: int(&ip["ecn"]),
            total_len: int(&ip["total_len"]),
            id: int(&ip["id"]),
            reserved_flag: false,
            dont_fragment: flag(&ip["df"]),
            more_fragments: false,
            fragment_offset: 0,
            ttl: int(&ip["ttl"]),
            protocol: udp::PROTOCOL,
            src: ip["src"].as_str().expect("src").parse().expect("IPv4"),
            dst: ip["dst"].as_str().expect("dst").parse().expect("IPv4"),
            options: ipv4::Options::NONE,
        };
        builder.header(ipv4::LEN, |buf| repr.emit(buf));
    }
    builder.bytes.len()
}

fn udp_and_transport(builder: &mut Builder, fields: &Value, l3: usize, l4: usize) {
    let datagram = &fields["udp"];
    let mut header = udp::Repr {
        src_port: int(&datagram["sport"]),
        dst_port: int(&datagram["dport"]),
        length: int(&datagram["length"]),
        checksum: 0,
    };
    builder.header(udp::LEN, |buf| header.emit(buf));
    let bth = bth_of(&fields["bth"]);
    builder.header(bth::LEN, |buf| bth.emit(buf));
    extensions(builder, fields);
    let payload = &fields["payload"];
    for i in 0..number(&payload["len"]) {
        let byte = match payload["kind"].as_str() {
            Some("incr") => (number(&payload["start"]) + i) % 256,
            Some("fill") => number(&payload["byte"]),
            other => panic!("payload kind {other:?}"),
        };
        builder.bytes.push(u8::try_from(byte).expect("a byte"));
    }
    builder
        .bytes
        .resize(builder.bytes.len() + usize::from(bth.pad_count), 0);
    let icrc = icrc::icrc(&builder.bytes[l3..]).expect("an IP packet");
    builder.bytes.extend(icrc.to_le_bytes());
    if datagram["checksum_mode"] == "compute" {
        let address = |key: &str| fields["ip"][key].as_str().expect("address").parse().expect("address");
        header.checksum = udp::checksum(address("src"), address("dst"), header.length, &builder.bytes[l4..]);
        header.emit(&mut builder.bytes[l4..]);
    }
}

fn bth_of(fields: &Value) -> bth::Repr {
    bth::Repr {
        opcode_value: int(&fields["opcode"]),
        solicited: flag(&fields["se"]),
        migreq: flag(&fields["migreq"]),
        pad_count: int(&fields["padcnt"]),
        tver: int(&fields["tver"]),
        pkey: int(&fields["pkey"]),
        fecn: flag(&fields["fecn"]),
        becn: flag(&fields["becn"]),
        resv6: int(&fields["resv6"]),
        dest_qp: int(&fields["destqp"]),
        ackreq: flag(&fields["ackreq"]),
        resv7: int(&fields["resv7"]),
        psn: int(&fields["psn"]),
    }
}

/// Emits the extension headers in the order of the wire: no opcode has two in another order.
fn extensions(builder: &mut Builder, fields: &Value) {
    if let Some(deth) = fields.get("deth") {
        let repr = deth::Repr {
            qkey: int(&deth["qkey"]),
            reserved: 0,
            src_qp: int(&deth["srcqp"]),
        };
        builder.header(deth::LEN, |buf| repr.emit(buf));
    }
    if let Some(reth) = fields.get("reth") {
        let repr = reth::Repr {
            va: hex64(&reth["va"]),
            rkey: int(&reth["rkey"]),
            dma_len: int(&reth["dmalen"]),
        };
        builder.header(reth::LEN, |buf| repr.emit(buf));
    }
    if let Some(aeth) = fields.get("aeth") {
        let repr = aeth::Repr {
            syndrome: int(&aeth["syndrome"]),
            msn: int(&aeth["msn"]),
        };
        builder.header(aeth::LEN, |buf| repr.emit(buf));
    }
    if let Some(atomic) = fields.get("atomiceth") {
        let repr = atomiceth::Repr {
            va: hex64(&atomic["va"]),
            rkey: int(&atomic["rkey"]),
            swap_add: hex64(&atomic["swap_add"]),
            compare: hex64(&atomic["compare"]),
        };
        builder.header(atomiceth::LEN, |buf| repr.emit(buf));
    }
    if let Some(atomic) = fields.get("atomicacketh") {
        let repr = atomicacketh::Repr {
            original: hex64(&atomic["orig"]),
        };
        builder.header(atomicacketh::LEN, |buf| repr.emit(buf));
    }
    if let Some(immediate) = fields.get("immdt") {
        let repr = immdt::Repr {
            immediate: int(immediate),
        };
        builder.header(immdt::LEN, |buf| repr.emit(buf));
    }
    if let Some(ieth) = fields.get("ieth") {
        let repr = ieth::Repr {
            rkey: int(&ieth["rkey"]),
        };
        builder.header(ieth::LEN, |buf| repr.emit(buf));
    }
}

#[test]
fn every_valid_frame_is_rebuilt_from_its_fields() {
    let mut rebuilt = 0;
    for case in cases("golden.jsonl") {
        if case.value["valid"] != true {
            continue;
        }
        let mut frame = rebuild(&case.value["fields"]);
        // Padding belongs to the link, not to the fields.
        frame.resize(
            frame.len() + int::<usize>(case.value.get("eth_padding").unwrap_or(&json!(0))),
            0,
        );
        assert_eq!(frame, case.frame, "{}", case.name);
        rebuilt += 1;
    }
    assert_eq!(rebuilt, 66);
}

#[test]
fn members_of_an_icrc_group_share_their_icrc() {
    let group: Vec<_> = cases("golden.jsonl")
        .iter()
        .filter(|case| case.value["icrc_group"] == "inv_v4")
        .map(|case| icrc::icrc(&case.frame[14..case.frame.len() - 4]))
        .collect();
    assert_eq!(group.len(), 7);
    assert!(group.iter().all(|icrc| icrc.is_some() && *icrc == group[0]));
}
