//! RoCEv2 inside other headers: what squall opens is judged as a frame by itself is, and what it does not
//! open is never taken for valid.
//!
//! Witnesses: encapsulations written out by hand, byte by byte, around golden frames; tshark, which must
//! find the same PSN in them.

mod common;
mod skip;

use std::process::Command;

use common::{cases, json_lines, squall};
use squall::capture::CaptureWriter;
use squall::units::Picos;
use squall::wire::decode::{AckreqRule, Decoded, Link, decode, decode_with_fcs};
use squall::wire::{Malformed, icrc};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn ethernet(ethertype: u16, body: &[u8]) -> Vec<u8> {
    let addresses = [0x02, 0, 0, 0, 1, 2, 0x02, 0, 0, 0, 1, 1];
    join(&[&addresses, &ethertype.to_be_bytes(), body])
}

fn len16(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("short").to_be_bytes()
}

/// An IPv4 packet with this word of flags and fragment offset; the checksum as RFC 1071 has it.
fn ipv4_fragment(protocol: u8, fragment: u16, body: &[u8]) -> Vec<u8> {
    let mut header = join(&[
        &[0x45, 0],
        &len16(20 + body.len()),
        &[0x12, 0x34],
        &fragment.to_be_bytes(),
        &[64, protocol, 0, 0],
        &[192, 0, 2, 1, 192, 0, 2, 2],
    ]);
    let mut sum: u32 = header
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).expect("folded");
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    join(&[&header, body])
}

fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 0x4000, body)
}

fn ipv6(next_header: u8, body: &[u8]) -> Vec<u8> {
    let address = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    join(&[
        &[0x60, 0, 0, 0],
        &len16(body.len()),
        &[next_header, 64],
        &address(1),
        &address(2),
        body,
    ])
}

/// Without a checksum, which an encapsulation over IPv6 may leave out, too (RFC 6935).
fn udp(port: u16, body: &[u8]) -> Vec<u8> {
    join(&[&[0xc0, 1], &port.to_be_bytes(), &len16(8 + body.len()), &[0, 0], body])
}

fn golden(name: &str) -> Vec<u8> {
    let case = cases("golden.jsonl").into_iter().find(|case| case.name == name);
    case.expect(name).frame
}

/// A segment routing header (RFC 8754) with one segment that is the last one.
fn srh(next_header: u8) -> Vec<u8> {
    let segment = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    join(&[&[next_header, 2, 4, 0, 0, 0, 0, 0], &segment])
}

/// Every encapsulation that squall opens, around the same two packets: name, layers around, frame.
fn opened() -> Vec<(&'static str, usize, Vec<u8>)> {
    let frame = golden("v4_write_only_imm_64B");
    let (packet, packet6) = (frame[14..].to_vec(), golden("v6_write_only_4B")[14..].to_vec());
    let (v4, v6, f) = (packet.as_slice(), packet6.as_slice(), frame.as_slice());
    let vxlan = join(&[&[8, 0, 0, 0, 0, 0x10, 0, 0], f]);
    let label = |label: u32, bottom: bool| ((label << 12) | (u32::from(bottom) << 8) | 64).to_be_bytes();
    let mpls = join(&[&label(16, true), v4]);
    let over_ip = |protocol, body: &[u8]| ethernet(IPV4, &ipv4(protocol, body));
    let over_udp = |port, body: &[u8]| over_ip(17, &udp(port, body));
    let tagged = join(&[
        &[0, 5, 0x81, 0, 0, 6],
        &IPV4.to_be_bytes(),
        &ipv4(17, &udp(4789, &vxlan)),
    ]);
    vec![
        ("vxlan", 1, over_udp(4789, &vxlan)),
        ("vxlan over IPv6", 1, ethernet(IPV6, &ipv6(17, &udp(4789, &vxlan)))),
        ("vxlan behind two tags", 1, ethernet(0x88a8, &tagged)),
        ("vxlan on Linux's port", 1, over_udp(8472, &vxlan)),
        (
            "vxlan-gpe, IPv4",
            1,
            over_udp(4790, &join(&[&[0x0c, 0, 0, 1, 0, 0, 7, 0], v4])),
        ),
        (
            "vxlan-gpe, Ethernet",
            1,
            over_udp(4790, &join(&[&[0x0c, 0, 0, 3, 0, 0, 7, 0], f])),
        ),
        (
            "vxlan-gpe, NSH, IPv6",
            2,
            over_udp(
                4790,
                &join(&[&[0x0c, 0, 0, 4, 0, 0, 7, 0], &[0x0f, 0xc2, 2, 2, 0, 0, 1, 255], v6]),
            ),
        ),
        (
            "geneve",
            1,
            over_udp(6081, &join(&[&[0, 0, 0x65, 0x58, 0, 0, 9, 0], f])),
        ),
        (
            "geneve with options, IPv4",
            1,
            over_udp(
                6081,
                &join(&[&[2, 0, 8, 0, 0, 0, 9, 0], &[1, 2, 3, 1, 0xde, 0xad, 0xbe, 0xef], v4]),
            ),
        ),
        ("gre, IPv4", 1, over_ip(47, &join(&[&[0, 0, 8, 0], v4]))),
        (
            "gre over IPv6, IPv6",
            1,
            ethernet(IPV6, &ipv6(47, &join(&[&[0, 0, 0x86, 0xdd], v6]))),
        ),
        (
            "gre with checksum, key and sequence",
            1,
            over_ip(
                47,
                &join(&[&[0xb0, 0, 8, 0], &[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6], v4]),
            ),
        ),
        (
            "nvgre",
            1,
            over_ip(47, &join(&[&[0x20, 0, 0x65, 0x58, 0, 0x10, 0, 1], f])),
        ),
        ("gre in UDP", 1, over_udp(4754, &join(&[&[0, 0, 8, 0], v4]))),
        ("gre, MPLS", 2, over_ip(47, &join(&[&[0, 0, 0x88, 0x47], &mpls]))),
        ("erspan I", 1, over_ip(47, &join(&[&[0, 0, 0x88, 0xbe], f]))),
        (
            "erspan II",
            1,
            over_ip(
                47,
                &join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10, 0x64, 0, 1, 0, 0, 0, 0], f]),
            ),
        ),
        (
            "erspan II without a sequence number",
            1,
            over_ip(47, &join(&[&[0, 0, 0x88, 0xbe], &[0x10, 0x64, 0, 1, 0, 0, 0, 0], f])),
        ),
        (
            "erspan III",
            1,
            over_ip(
                47,
                &join(&[
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1],
                    &[0x20, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
                    f,
                ]),
            ),
        ),
        (
            "erspan III with a platform's header",
            1,
            over_ip(
                47,
                &join(&[
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1],
                    &[0x20, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
                    &[0x0c, 0, 0, 0, 0, 0, 0, 0],
                    f,
                ]),
            ),
        ),
        (
            "mirrored in GRE 0x8949",
            1,
            over_ip(47, &join(&[&[0, 0, 0x89, 0x49], f])),
        ),
        ("mpls", 1, ethernet(0x8847, &mpls)),
        (
            "mpls of three labels, IPv6",
            1,
            ethernet(
                0x8847,
                &join(&[&label(16, false), &label(17, false), &label(18, true), v6]),
            ),
        ),
        (
            "pseudowire with a control word",
            1,
            ethernet(0x8847, &join(&[&label(16, true), &[0; 4], f])),
        ),
        (
            "pseudowire without one",
            1,
            ethernet(0x8847, &join(&[&label(16, true), f])),
        ),
        ("mpls in UDP", 1, over_udp(6635, &mpls)),
        ("mpls in IP", 1, over_ip(137, &mpls)),
        ("4in4", 1, over_ip(4, v4)),
        ("6in4", 1, over_ip(41, v6)),
        ("4in6", 1, ethernet(IPV6, &ipv6(4, v4))),
        ("6in6", 1, ethernet(IPV6, &ipv6(41, v6))),
        ("srv6, IPv4", 1, ethernet(IPV6, &ipv6(43, &join(&[&srh(4), v4])))),
        ("srv6, IPv6", 1, ethernet(IPV6, &ipv6(43, &join(&[&srh(41), v6])))),
        ("srv6, Ethernet", 1, ethernet(IPV6, &ipv6(43, &join(&[&srh(143), f])))),
        (
            "6in6 behind hop-by-hop options",
            1,
            ethernet(IPV6, &ipv6(0, &join(&[&[41, 0, 1, 4, 0, 0, 0, 0], v6]))),
        ),
        ("etherip", 1, over_ip(97, &join(&[&[0x30, 0], f]))),
        (
            "pppoe",
            1,
            ethernet(0x8864, &join(&[&[0x11, 0, 0, 7], &len16(2 + v4.len()), &[0, 0x21], v4])),
        ),
        (
            "nsh",
            1,
            ethernet(0x894f, &join(&[&[0x0f, 0xc2, 2, 3, 0, 0, 1, 255], f])),
        ),
        (
            "gtp-u",
            1,
            over_udp(2152, &join(&[&[0x30, 0xff], &len16(v4.len()), &[0, 0, 0, 5], v4])),
        ),
        (
            "gtp-u with an extension header",
            1,
            over_udp(
                2152,
                &join(&[
                    &[0x34, 0xff],
                    &len16(8 + v4.len()),
                    &[0, 0, 0, 5, 0, 0, 0, 0x85, 1, 0, 9, 0],
                    v4,
                ]),
            ),
        ),
        ("pbb", 1, ethernet(0x88e7, &join(&[&[0, 0, 0x10, 0], f]))),
        (
            "three deep",
            3,
            ethernet(
                0x8847,
                &join(&[
                    &label(16, true),
                    &ipv4(47, &join(&[&[0, 0, 0x65, 0x58], &over_udp(4789, &vxlan)])),
                ]),
            ),
        ),
    ]
}

fn read(frame: &[u8]) -> Decoded {
    decode(Link::Ethernet, frame, frame.len(), AckreqRule::Last)
}

#[test]
fn what_is_inside_is_read_and_judged() {
    let psn = |name| read(&golden(name)).bth.map(|bth| bth.psn);
    let known = [psn("v4_write_only_imm_64B"), psn("v6_write_only_4B")];
    for (name, layers, frame) in opened() {
        let decoded = read(&frame);
        assert_eq!(decoded.faults, [], "{name}");
        assert_eq!(decoded.outer.len(), layers, "{name}: {decoded}");
        assert!(known.contains(&decoded.bth.map(|bth| bth.psn)), "{name}: {decoded}");
        assert!(decoded.icrc.is_some_and(|icrc| icrc.wire == icrc.computed), "{name}");
        let mut wrong = frame.clone();
        *wrong.last_mut().expect("bytes") ^= 1;
        assert_eq!(read(&wrong).error(), Some(Malformed::Icrc), "{name}");
        // A switch may pad what is shorter than a frame may be; these are longer.
        let trailing = join(&[&frame, &[0; 5]]);
        assert!(read(&trailing).has(Malformed::TrailingBytes), "{name}");
    }
}

#[test]
fn no_piece_of_an_encapsulated_frame_is_taken_for_valid() {
    for (name, _, frame) in opened() {
        for len in 0..frame.len() {
            let piece = &frame[..len];
            let cut = decode(Link::Ethernet, piece, frame.len(), AckreqRule::Last);
            assert!(
                cut.error().is_some_and(Malformed::is_unread),
                "{name}, {len} bytes captured: {:?}",
                cut.faults
            );
            assert!(read(piece).error().is_some(), "{name}, {len} bytes");
            let _ = (cut.to_string(), format!("{cut:#}"), serde_json::to_string(&cut.outer));
        }
    }
}

#[test]
fn the_outer_layers_are_told() {
    let of = |name: &str| {
        let found = opened().into_iter().find(|(other, ..)| *other == name).expect(name).2;
        let hex: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        json_lines(&squall(&["decode", "--json", "--hex", &hex])).remove(0)
    };
    let line = of("vxlan behind two tags");
    assert_eq!(line["valid"], true);
    assert_eq!(line["outer"][0]["tunnel"]["kind"], "vxlan");
    assert_eq!(line["outer"][0]["tunnel"]["vni"], 4096);
    assert_eq!(line["outer"][0]["eth"]["vlan"][1]["vid"], 6);
    assert_eq!(line["outer"][0]["ip"]["dst"], "192.0.2.2");
    assert_eq!(line["outer"][0]["udp"]["dport"], 4789);
    // The packet's own fields are where those of any other packet are.
    let golden = cases("golden.jsonl")
        .into_iter()
        .find(|case| case.name == "v4_write_only_imm_64B");
    let golden = golden.expect("a case").value;
    for field in ["eth", "ip", "udp", "bth", "reth", "immdt"] {
        assert_eq!(line["fields"][field], golden["fields"][field], "{field}");
    }
    let line = of("srv6, IPv4");
    let headers = &line["outer"][0]["ip"]["extension_headers"];
    assert_eq!(
        (&headers[0]["protocol"], &headers[0]["routing_type"]),
        (&43.into(), &4.into())
    );
    assert_eq!(line["outer"][0]["tunnel"]["kind"], "ip");
    let line = of("three deep");
    let kinds: Vec<_> = (0..3).map(|at| line["outer"][at]["tunnel"]["kind"].clone()).collect();
    assert_eq!(kinds, ["mpls", "gre", "vxlan"]);
}

/// Annex A17 does not say whether the ICRC counts headers between IPv6 and UDP.
#[test]
fn behind_extension_headers_the_icrc_is_the_senders_or_that_from_before_they_were_put_in() {
    let frame = golden("v6_write_only_4B");
    let (header, rest) = frame[14..].split_at(40);
    let options: [(u8, &[u8]); 3] = [
        (0, &[60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]),
        (43, &srh(17)),
        (
            51,
            &[17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ];
    for (first, headers) in options {
        let mut inserted = header.to_vec();
        inserted[4..6].copy_from_slice(&len16(headers.len() + rest.len()));
        inserted[6] = first;
        let inserted = join(&[&inserted, headers, rest]);
        let decoded = read(&ethernet(IPV6, &inserted));
        assert_eq!(decoded.faults, [], "{first}");
        assert_eq!(decoded.bth, read(&frame).bth);
        assert!(decoded.outer.is_empty() && !decoded.extension_headers.is_empty());

        // As a sender would count them: with ones for the traffic class, flow label, hop limit, UDP
        // checksum and the BTH's fifth byte, and eight of them before it all.
        let mut sent = inserted.clone();
        let end = sent.len() - 4;
        let udp_at = 40 + headers.len();
        let mut masked = sent[..end].to_vec();
        masked[0] |= 0x0f;
        for at in [1, 2, 3, 7, udp_at + 6, udp_at + 7, udp_at + 12] {
            masked[at] = 0xff;
        }
        let value = crc32fast::hash(&join(&[&[0xff; 8], &masked]));
        assert_ne!(Some(value), icrc::icrc(&frame[14..frame.len() - 4]));
        sent[end..].copy_from_slice(&value.to_le_bytes());
        assert_eq!(read(&ethernet(IPV6, &sent)).faults, [], "{first}");
        sent[end] ^= 1;
        assert_eq!(read(&ethernet(IPV6, &sent)).error(), Some(Malformed::Icrc), "{first}");
    }
}

#[test]
fn what_is_not_opened_is_not_valid() {
    let frame = golden("v4_write_only_imm_64B");
    let packet = &frame[14..];
    let over_ip = |protocol, body: &[u8]| ethernet(IPV4, &ipv4(protocol, body));
    let over_udp = |port, body: &[u8]| over_ip(17, &udp(port, body));
    let vxlan = join(&[&[8, 0, 0, 0, 0, 0x10, 0, 0], &frame]);
    let nested = (0..9).fold(packet.to_vec(), |body, _| ipv4(4, &body));
    let options: Vec<u8> = [0x3c, 0, 1, 4, 0, 0, 0, 0].repeat(17);
    let mut plain_vxlan = vxlan.clone();
    plain_vxlan[0] = 0;
    let tagged = |ethertype: u16| ethernet(0x8100, &join(&[&[0, 5], &ethertype.to_be_bytes(), &[0; 60]]));
    for (what, frame) in [
        ("MACsec", ethernet(0x88e5, &[0; 60])),
        ("MACsec behind a tag", tagged(0x88e5)),
        ("an EtherType of somebody's own", ethernet(0x1234, packet)),
        ("ESP", over_ip(50, &[1; 60])),
        ("ESP over IPv6", ethernet(IPV6, &ipv6(50, &[1; 60]))),
        ("ESP in UDP", over_udp(4500, &[1; 60])),
        ("WireGuard", over_udp(51820, &[4; 60])),
        ("L2TP", over_udp(1701, &[0; 60])),
        ("L2TPv3", over_ip(115, &[0; 60])),
        ("PPTP", over_ip(47, &join(&[&[0x30, 1, 0x88, 0x0b], packet]))),
        (
            "GRE of an unknown protocol",
            over_ip(47, &join(&[&[0, 0, 0x12, 0x34], packet])),
        ),
        ("VXLAN without a VNI", over_udp(4789, &plain_vxlan)),
        ("a later fragment", ethernet(IPV4, &ipv4_fragment(17, 0x0010, packet))),
        (
            "a later fragment of IP in IP",
            ethernet(IPV4, &ipv4_fragment(4, 0x0010, packet)),
        ),
        (
            "the first fragment of VXLAN",
            ethernet(IPV4, &ipv4_fragment(17, 0x2000, &udp(4789, &vxlan))),
        ),
        (
            "a later fragment over IPv6",
            ethernet(IPV6, &ipv6(44, &join(&[&[17, 0, 0, 0x10, 0, 0, 0, 1], packet]))),
        ),
        (
            "neither IP nor Ethernet in MPLS",
            ethernet(0x8847, &[0, 1, 1, 64, 0x90, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("deeper than any network", ethernet(IPV4, &nested)),
        ("no end of extension headers", ethernet(IPV6, &ipv6(60, &options))),
        ("no IP in IPv4's EtherType", ethernet(IPV4, &[0; 60])),
    ] {
        let decoded = read(&frame);
        assert_eq!(decoded.error(), Some(Malformed::Unread), "{what}: {decoded}");
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let output = squall(&["decode", "--strict", "--hex", &hex]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert!(
            said.contains("0 valid, 0 invalid, 1 not read or not whole"),
            "{what}: {said}"
        );
    }
}

#[test]
fn what_carries_no_packet_is_valid() {
    let over_ip = |protocol, body: &[u8]| ethernet(IPV4, &ipv4(protocol, body));
    for (what, frame) in [
        ("TCP", over_ip(6, &[0; 40])),
        (
            "a later fragment of TCP",
            ethernet(IPV4, &ipv4_fragment(6, 0x0010, &[0; 40])),
        ),
        ("ICMP", over_ip(1, &[8; 40])),
        ("OSPF", over_ip(89, &[0; 40])),
        ("DNS", over_ip(17, &udp(53, &[0; 40]))),
        ("a keepalive of ESP in UDP", over_ip(17, &udp(4500, &[0xff]))),
        (
            "TCP in VXLAN",
            over_ip(
                17,
                &udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &over_ip(6, &[0; 40])])),
            ),
        ),
        ("LLDP", ethernet(0x88cc, &[0; 60])),
        ("LACP", ethernet(0x8809, &[0; 60])),
        ("spanning tree", ethernet(0x0026, &[0x42; 60])),
        (
            "PPP LCP",
            ethernet(0x8864, &[0x11, 0, 0, 7, 0, 4, 0xc0, 0x21, 1, 1, 0, 4]),
        ),
    ] {
        assert_eq!(read(&frame).faults, [], "{what}");
    }
}

#[test]
fn outer_layers_are_judged_where_they_carry_rocev2() {
    let frame = golden("v4_write_only_imm_64B");
    let mut wrong = ethernet(IPV4, &ipv4(4, &frame[14..]));
    wrong[14 + 10] ^= 1;
    assert_eq!(read(&wrong).error(), Some(Malformed::Ipv4Checksum));
    let mut tcp = ethernet(IPV4, &ipv4(4, &ipv4(6, &[0; 40])));
    tcp[14 + 10] ^= 1;
    assert_eq!(read(&tcp).faults, []);
}

/// tshark finds the same PSN, in each that it can read.
#[test]
fn tshark_finds_the_same_packets() {
    if !skip::needs(&["tshark"]) {
        return;
    }
    // By a port or type of somebody's own, or where its guess at a pseudowire is another.
    const ONLY_OURS: [&str; 6] = [
        "pseudowire with a control word",
        "pseudowire without one",
        "vxlan on Linux's port",
        "erspan II without a sequence number",
        "mirrored in GRE 0x8949",
        "gre in UDP",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tunnels.pcap");
    let mut writer = CaptureWriter::create(&path).expect("a file");
    let all = opened();
    for (index, (.., frame)) in all.iter().enumerate() {
        let time = Picos::from_nanos(u64::try_from(index).expect("few"));
        writer.write(time, frame).expect("written");
    }
    writer.finish().expect("written");
    let path = path.to_str().expect("UTF-8");
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-E", "occurrence=l"])
        .args([
            "--disable-heuristic",
            "rpcrdma_infiniband",
            "--disable-heuristic",
            "eth_over_ib",
        ])
        .args(["-r", path, "-e", "infiniband.bth.psn", "-e", "frame.protocols"])
        .output()
        .expect("tshark runs");
    let theirs = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(theirs.lines().count(), all.len());
    let ours = json_lines(&squall(&["decode", "--json", "--strict", path]));
    let mut compared = 0;
    for ((name, ..), (line, decoded)) in all.iter().zip(theirs.lines().zip(&ours)) {
        assert_eq!(decoded["valid"], true, "{name}");
        if ONLY_OURS.contains(name) {
            continue;
        }
        let psn = line.split('\t').next().unwrap_or_default();
        assert_eq!(psn, decoded["fields"]["bth"]["psn"].to_string(), "{name}: {line}");
        compared += 1;
    }
    assert_eq!(compared, all.len() - ONLY_OURS.len());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(500))]

    /// Encapsulations with bytes changed, cut anywhere, one in another: no panic, a bounded depth, and
    /// everything can be printed.
    #[test]
    fn broken_encapsulations_are_read_without_a_panic(
        which in 0..42_usize,
        around in 0..42_usize,
        changes in proptest::collection::vec((0..140_usize, proptest::prelude::any::<u8>()), 0..6),
        cut in 0..400_usize,
        fcs_len in proptest::sample::select(&[0_usize, 2, 4, 30][..]),
    ) {
        let all = opened();
        let frame = &all[which % all.len()].2;
        // In the place of the packet that the other one carries.
        let outer = &all[around % all.len()].2;
        let mut bytes = join(&[&outer[..outer.len().min(60)], frame]);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let whole = bytes.len();
        bytes.truncate(cut);
        for link in [Link::Ethernet, Link::RawIp, Link::LinuxCooked, Link::LinuxCooked2] {
            for original in [bytes.len(), whole.max(bytes.len())] {
                let decoded = decode_with_fcs(link, &bytes, original, fcs_len, AckreqRule::Any);
                proptest::prop_assert!(decoded.outer.len() <= 8);
                let text = (decoded.to_string(), format!("{decoded:#}"));
                proptest::prop_assert!(!text.0.is_empty() && !text.1.is_empty());
                serde_json::to_string(&(&decoded, &decoded.outer)).expect("JSON");
            }
        }
    }
}
