//! Properties of the wire formats over random values and random bytes.

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use squall::wire::decode::{AckreqRule, Ip, Link, decode};
use squall::wire::ethernet::Address;
use squall::wire::opcode::MAX_EXTENSIONS_LEN;
use squall::wire::{
    Frame, Malformed, Opcode, aeth, arp, atomicacketh, atomiceth, bth, cnp, deth, ethernet, icmpv6, icrc, ieth, immdt,
    ipv4, ipv6, pause, pfc, reth, udp, vlan,
};

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 6]>().prop_map(Address)
}

fn bits24() -> impl Strategy<Value = u32> {
    0..1_u32 << 24
}

fn any_ipv4() -> impl Strategy<Value = ipv4::Repr> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..0x2000_u16);
    let options = prop::collection::vec(any::<[u8; 4]>(), 0..=10);
    let rest = (any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>(), any::<u8>());
    (rest, flags, any::<[Ipv4Addr; 2]>(), options).prop_map(|(rest, flags, addresses, options)| ipv4::Repr {
        dscp: rest.0 >> 2,
        ecn: rest.0 & 3,
        total_len: rest.1,
        id: rest.2,
        reserved_flag: flags.0,
        dont_fragment: flags.1,
        more_fragments: flags.2,
        fragment_offset: flags.3,
        ttl: rest.3,
        protocol: rest.4,
        src: addresses[0],
        dst: addresses[1],
        options: ipv4::Options::new(&options.concat()).expect("at most ten words"),
    })
}

fn any_ipv6() -> impl Strategy<Value = ipv6::Repr> {
    let rest = (any::<u8>(), 0..1_u32 << 20, any::<u16>(), any::<u8>(), any::<u8>());
    (rest, any::<[Ipv6Addr; 2]>()).prop_map(|(rest, addresses)| ipv6::Repr {
        dscp: rest.0 >> 2,
        ecn: rest.0 & 3,
        flow_label: rest.1,
        payload_len: rest.2,
        next_header: rest.3,
        hop_limit: rest.4,
        src: addresses[0],
        dst: addresses[1],
    })
}

fn any_bth() -> impl Strategy<Value = bth::Repr> {
    any::<[u8; bth::LEN]>().prop_map(|bytes| bth::Repr::from_bytes(&bytes))
}

/// What `parse` reads back from what `emit` wrote into bytes of 0xa5.
macro_rules! round_trip {
    ($module:ident, $repr:expr) => {{
        let mut buf = [0xa5; $module::LEN];
        $repr.emit(&mut buf);
        prop_assert_eq!($module::Repr::parse(&buf), Ok($repr));
    }};
}

/// What `emit` writes from what `parse` read is what was there: no bit is forgotten.
macro_rules! bytes_round_trip {
    ($module:ident, $bytes:expr) => {{
        let bytes: &[u8; $module::LEN] = $bytes.first_chunk().expect("enough bytes");
        let mut buf = [0xa5; $module::LEN];
        $module::Repr::parse(bytes).expect("a header").emit(&mut buf);
        prop_assert_eq!(&buf, bytes);
    }};
}

proptest! {
    #[test]
    fn headers_without_derived_fields_keep_every_bit(bytes in any::<[u8; 32]>()) {
        bytes_round_trip!(ethernet, bytes);
        bytes_round_trip!(udp, bytes);
        bytes_round_trip!(bth, bytes);
        bytes_round_trip!(reth, bytes);
        bytes_round_trip!(aeth, bytes);
        bytes_round_trip!(deth, bytes);
        bytes_round_trip!(ieth, bytes);
        bytes_round_trip!(immdt, bytes);
        bytes_round_trip!(atomiceth, bytes);
        bytes_round_trip!(atomicacketh, bytes);
        let tag: &[u8; vlan::LEN] = bytes.first_chunk().expect("enough bytes");
        let mut buf = [0xa5; vlan::LEN];
        vlan::Repr::parse(vlan::TPID_SERVICE, tag).expect("a tag").emit(&mut buf);
        prop_assert_eq!(&buf, tag);
    }

    #[test]
    fn ipv4_round_trips_and_sums_to_zero(repr in any_ipv4()) {
        let mut buf = [0xa5; ipv4::MAX_LEN];
        repr.emit(&mut buf);
        prop_assert_eq!(ipv4::Repr::parse(&buf), Ok(repr));
        prop_assert!(ipv4::checksum_ok(&buf[..repr.header_len()]));
        prop_assert!(buf[repr.header_len()..].iter().all(|byte| *byte == 0xa5), "wrote too much");
    }

    #[test]
    fn ipv6_round_trips(repr in any_ipv6()) {
        round_trip!(ipv6, repr);
    }

    #[test]
    fn mac_control_round_trips(class_enable in any::<u16>(), quanta in any::<[u16; 8]>()) {
        round_trip!(pfc, pfc::Repr { class_enable, quanta });
        round_trip!(pause, pause::Repr { quanta: quanta[0] });
    }

    #[test]
    fn cnp_round_trips(dest_qp in bits24(), pkey in any::<u16>(), migreq in any::<bool>()) {
        round_trip!(cnp, cnp::Repr { dest_qp, pkey, migreq });
    }

    #[test]
    fn announcements_round_trip(mac in address(), v4 in any::<Ipv4Addr>(), v6 in any::<Ipv6Addr>(), op in any::<u16>()) {
        round_trip!(arp, arp::Repr { operation: op, ..arp::Repr::announcement(mac, v4) });
        let repr = icmpv6::Repr::announcement(mac, v6);
        let mut buf = [0xa5; icmpv6::LEN];
        repr.emit(v6, icmpv6::ALL_NODES, &mut buf);
        prop_assert_eq!(icmpv6::Repr::parse(&buf), Ok(repr));
        prop_assert!(icmpv6::checksum_ok(v6, icmpv6::ALL_NODES, &buf));
    }
}

/// A packet of any opcode with whatever in its headers, built by the emitters.
#[derive(Debug, Clone)]
struct Spec {
    tags: Vec<vlan::Repr>,
    ip: Ip,
    src_port: u16,
    udp_checksum: bool,
    opcode: Opcode,
    bth: bth::Repr,
    extension_bytes: Vec<u8>,
    payload: Vec<u8>,
}

fn spec() -> impl Strategy<Value = Spec> {
    let tag = (
        prop::sample::select(&[0x8100_u16, 0x88a8, 0x9100][..]),
        0..8_u8,
        any::<bool>(),
        0..4096_u16,
    );
    let ip = prop_oneof![any_ipv4().prop_map(|repr| Ip::V4(repr, 0)), any_ipv6().prop_map(Ip::V6)];
    let opcode = prop::sample::select(&Opcode::ALL[..]);
    (
        prop::collection::vec(tag, 0..3),
        ip,
        any::<(u16, bool)>(),
        (opcode, any_bth()),
        prop::collection::vec(any::<u8>(), MAX_EXTENSIONS_LEN),
        prop::collection::vec(any::<u8>(), 0..300),
    )
        .prop_map(|(tags, ip, udp, (opcode, bth), extension_bytes, payload)| Spec {
            tags: tags
                .into_iter()
                .map(|(tpid, pcp, dei, vid)| vlan::Repr {
                    tpid,
                    pcp,
                    dei,
                    vid,
                    ethertype: 0,
                })
                .collect(),
            ip,
            src_port: udp.0,
            udp_checksum: udp.1,
            opcode,
            bth,
            extension_bytes,
            payload,
        })
}

impl Spec {
    fn build(&self) -> Vec<u8> {
        let extensions = &self.extension_bytes[..self.opcode.extensions_len()];
        let pad = (4 - self.payload.len() % 4) % 4;
        let datagram_len = udp::LEN + bth::LEN + extensions.len() + self.payload.len() + pad + icrc::LEN;
        let length = u16::try_from(datagram_len).expect("short");
        let (network, header) = match self.ip {
            Ip::V4(repr, _) => {
                let repr = ipv4::Repr {
                    total_len: length + u16::try_from(repr.header_len()).expect("at most 60"),
                    more_fragments: false,
                    fragment_offset: 0,
                    protocol: udp::PROTOCOL,
                    ..repr
                };
                let mut buf = vec![0xa5; repr.header_len()];
                repr.emit(&mut buf);
                (ethernet::TYPE_IPV4, buf)
            }
            Ip::V6(repr) => {
                let repr = ipv6::Repr {
                    payload_len: length,
                    next_header: udp::PROTOCOL,
                    ..repr
                };
                let mut buf = vec![0xa5; ipv6::LEN];
                repr.emit(&mut buf);
                (ethernet::TYPE_IPV6, buf)
            }
        };
        let mut frame = vec![0xa5; ethernet::LEN];
        let mut types: Vec<u16> = self.tags.iter().map(|tag| tag.tpid).collect();
        types.push(network);
        ethernet::Repr {
            dst: Address([2, 0, 0, 0, 0, 2]),
            src: Address([2, 0, 0, 0, 0, 1]),
            ethertype: types[0],
        }
        .emit(&mut frame);
        for (tag, ethertype) in self.tags.iter().zip(&types[1..]) {
            let mut buf = [0xa5; vlan::LEN];
            vlan::Repr {
                ethertype: *ethertype,
                ..*tag
            }
            .emit(&mut buf);
            frame.extend(buf);
        }
        let l3 = frame.len();
        frame.extend(&header);
        let l4 = frame.len();
        let mut datagram = udp::Repr {
            src_port: self.src_port,
            dst_port: udp::PORT_ROCEV2,
            length,
            checksum: 0,
        };
        frame.resize(l4 + udp::LEN + bth::LEN, 0xa5);
        datagram.emit(&mut frame[l4..]);
        bth::Repr {
            opcode_value: self.opcode.value(),
            pad_count: u8::try_from(pad).expect("below 4"),
            tver: 0,
            ..self.bth
        }
        .emit(&mut frame[l4 + udp::LEN..]);
        frame.extend(extensions);
        frame.extend(&self.payload);
        frame.resize(frame.len() + pad, 0);
        let value = icrc::icrc(&frame[l3..]).expect("a packet");
        frame.extend(value.to_le_bytes());
        if self.udp_checksum {
            let (source, destination) = (self.ip.source(), self.ip.destination());
            datagram.checksum = udp::checksum(source, destination, length, &frame[l4..]);
            datagram.emit(&mut frame[l4..]);
        }
        frame
    }
}

/// Reasons that a random but well-formed packet may give.
const OF_MEANING: [Malformed; 6] = [
    Malformed::CnpFormat,
    Malformed::AethSyndrome,
    Malformed::Ackreq,
    Malformed::PayloadSize,
    Malformed::DmaLength,
    // A First or Middle packet with pad bytes.
    Malformed::PadCount,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn built_packets_read_back(spec in spec()) {
        let frame = spec.build();
        let decoded = decode(Link::Ethernet, &frame, frame.len(), AckreqRule::Any);
        for fault in &decoded.faults {
            prop_assert!(OF_MEANING.contains(&fault.kind), "{fault}");
        }
        let Ok(Frame::Roce(packet)) = Frame::parse(&frame) else {
            return Err(TestCaseError::fail("not taken for RoCEv2"));
        };
        prop_assert!(packet.verify_icrc());
        prop_assert_eq!(packet.opcode(), spec.opcode);
        prop_assert_eq!(packet.payload(), &spec.payload[..]);
        prop_assert_eq!(packet.pcp(), spec.tags.first().map(|tag| tag.pcp));
        prop_assert_eq!(usize::from(packet.vlan_tags()), spec.tags.len());
        prop_assert_eq!(packet.source(), spec.ip.source());
        prop_assert_eq!(packet.destination(), spec.ip.destination());
        prop_assert_eq!(Some(packet.bth()), decoded.bth);
        prop_assert_eq!(packet.reth(), decoded.extensions.reth);
        prop_assert_eq!(packet.immdt(), decoded.extensions.immdt);
        prop_assert_eq!(packet.aeth(), decoded.extensions.aeth);
        prop_assert_eq!(packet.deth(), decoded.extensions.deth);
        prop_assert_eq!(Some(packet.payload().len()), decoded.payload_len);
    }

    /// Both readers agree on any frame, however broken, and neither panics.
    #[test]
    fn readers_agree_on_changed_packets(
        spec in spec(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut frame = spec.build();
        for (index, value) in changes {
            // The headers more often than the payload.
            let reach = frame.len().min(90);
            frame[index.index(reach)] = value;
        }
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len()));
        }
        agree(&frame)?;
    }

    #[test]
    fn readers_agree_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), ethertype in 0..6_usize) {
        let mut frame = bytes;
        let types: [u16; 6] = [0x0800, 0x86dd, 0x8100, 0x8808, 0x0806, 0x0000];
        if let Some(field) = frame.get_mut(12..14) {
            field.copy_from_slice(&types[ethertype].to_be_bytes());
        }
        agree(&frame)?;
        for link in [Link::RawIp, Link::LinuxCooked, Link::LinuxCooked2] {
            let decoded = decode(link, &frame, frame.len() + 1, AckreqRule::Last);
            let _ = (decoded.to_string(), format!("{decoded:#}"));
        }
    }

    /// A CRC finds every single wrong bit, but for those that are masked.
    #[test]
    fn any_flipped_bit_is_found_unless_masked(spec in spec(), bit in any::<prop::sample::Index>()) {
        let frame = spec.build();
        let l3 = 14 + 4 * spec.tags.len();
        let region = &frame[l3..frame.len() - 4];
        let bit = bit.index(region.len() * 8);
        let at = bit / 8;
        let mut changed = region.to_vec();
        changed[at] ^= 0x80 >> (bit % 8);
        let header_len = match spec.ip {
            Ip::V4(repr, _) => repr.header_len(),
            Ip::V6(_) => ipv6::LEN,
        };
        // RULES.md, "ICRC": the list of what is set to ones.
        let in_ip = match spec.ip {
            Ip::V4(..) => [1, 8, 10, 11].contains(&at),
            Ip::V6(_) => [1, 2, 3, 7].contains(&at) || at == 0 && bit % 8 >= 4,
        };
        let masked = in_ip || [6, 7, 12].map(|offset| header_len + offset).contains(&at);
        // Bits that say where the headers end lead to another packet, not to another value.
        let structural = at == 0 && !in_ip;
        prop_assume!(!structural);
        prop_assert_eq!(icrc::icrc(&changed) == icrc::icrc(region), masked, "byte {}", at);
    }

    #[test]
    fn parsers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = ethernet::Repr::parse(&bytes);
        let _ = vlan::Repr::parse(vlan::TPID_CUSTOMER, &bytes);
        let _ = arp::Repr::parse(&bytes);
        let _ = ipv4::Repr::parse(&bytes);
        let _ = ipv6::Repr::parse(&bytes);
        let _ = icmpv6::Repr::parse(&bytes);
        let _ = udp::Repr::parse(&bytes);
        let _ = bth::Repr::parse(&bytes);
        let _ = reth::Repr::parse(&bytes);
        let _ = aeth::Repr::parse(&bytes).map(|repr| repr.to_string());
        let _ = deth::Repr::parse(&bytes);
        let _ = ieth::Repr::parse(&bytes);
        let _ = immdt::Repr::parse(&bytes);
        let _ = atomiceth::Repr::parse(&bytes);
        let _ = atomicacketh::Repr::parse(&bytes);
        let _ = cnp::Repr::parse(&bytes);
        let _ = pfc::Repr::parse(&bytes).map(|repr| repr.to_string());
        let _ = pause::Repr::parse(&bytes);
        let _ = icrc::icrc(&bytes);
        let _ = udp::checksum(IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0, &bytes);
    }
}

/// Found by fuzzing: an IPv6 fragment header that promises UDP, and nothing behind it.
#[test]
fn a_fragment_that_ends_before_its_udp_header() {
    let header = "02000000000202000000000186dd660012b700552c00000a40ffff000000";
    let mut frame = common::from_hex(header);
    frame.resize(14 + ipv6::LEN, 0xbd);
    frame.extend([0x11, 0x80, 0x00, 0xff, 0x4f, 0x5a, 0xc8]);
    agree(&frame).expect("agreement");
    let whole = decode(Link::Ethernet, &frame, frame.len(), AckreqRule::Any);
    assert_eq!(whole.error(), Some(Malformed::Truncated));
    let cut = decode(Link::Ethernet, &frame, frame.len() + 1, AckreqRule::Any);
    assert_eq!(cut.error(), Some(Malformed::CaptureTruncated));
}

/// What the receive loop's reader refuses, `decode` refuses for the same reason, and what it
/// takes, `decode` reads alike.
fn agree(frame: &[u8]) -> Result<(), TestCaseError> {
    let decoded = decode(Link::Ethernet, frame, frame.len(), AckreqRule::Any);
    let _ = (decoded.to_string(), format!("{decoded:#}"));
    match Frame::parse(frame) {
        Err(reason) => prop_assert!(decoded.has(reason), "{reason}, decode says {:?}", decoded.faults),
        Ok(Frame::Roce(packet)) => {
            prop_assert!(decoded.is_roce());
            prop_assert_eq!(Some(packet.bth()), decoded.bth);
            prop_assert_eq!(Some(packet.payload().len()), decoded.payload_len);
            prop_assert_eq!(packet.verify_icrc(), !decoded.has(Malformed::Icrc));
            let structural = [
                Malformed::Truncated,
                Malformed::IpFragment,
                Malformed::IpLength,
                Malformed::UdpLength,
                Malformed::Tver,
                Malformed::Opcode,
            ];
            for kind in structural {
                prop_assert!(!decoded.has(kind), "decode alone says {kind}");
            }
        }
        Ok(Frame::MacControl(_)) => prop_assert!(decoded.mac_control.is_some() || decoded.has(Malformed::PfcFormat)),
        Ok(Frame::Other) => {
            // Encapsulations and extension headers are for `decode` alone.
            let inside = !decoded.outer.is_empty() || !decoded.extension_headers.is_empty();
            let headers_cut = [None, Some(Malformed::Truncated), Some(Malformed::Unread)].contains(&decoded.error());
            prop_assert!(inside || headers_cut, "{:?}", decoded.faults);
        }
    }
    Ok(())
}
