//! A decoded frame as the JSON object `fields` of `squall decode`.
//!
//! Contract: names and formats are those of `tests/golden/golden.jsonl`. Values of 64 bits are
//! hexadecimal strings, since JSON's numbers are doubles to many readers; flags are 0 or 1. What
//! the golden vectors have no name for is there only when it is not the usual value, so that a
//! RoCEv2 frame has exactly their keys.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Decoded, ExtensionHeader, Icrc, Ip, MacControl};
use crate::wire::{
    Malformed, aeth, arp, atomicacketh, atomiceth, bth, deth, ethernet, feth, icmpv6, ieth, ptp, rdeth, reth, udp,
    vlan, xrceth,
};

impl Serialize for Decoded {
    /// The `fields` object: only what was read.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(header) = &self.ethernet {
            let known = self.ip.is_some() || self.mac_control.is_some();
            map.serialize_entry("eth", &Ethernet::new(header, &self.vlan, known))?;
        }
        match &self.mac_control {
            Some(MacControl::Pfc(repr)) => map.serialize_entry(
                "macctrl",
                &MacControlFields {
                    opcode: crate::wire::pfc::OPCODE,
                    class_enable: Some(repr.class_enable),
                    quanta: &repr.quanta,
                },
            )?,
            Some(MacControl::Pause(repr)) => map.serialize_entry(
                "macctrl",
                &MacControlFields {
                    opcode: crate::wire::pause::OPCODE,
                    class_enable: None,
                    quanta: &[repr.quanta],
                },
            )?,
            Some(MacControl::Other(opcode)) => map.serialize_entry(
                "macctrl",
                &MacControlFields {
                    opcode: *opcode,
                    class_enable: None,
                    quanta: &[],
                },
            )?,
            None => {}
        }
        if let Some(repr) = &self.arp {
            map.serialize_entry("arp", &Arp::new(repr))?;
        }
        if let Some(repr) = &self.ptp {
            map.serialize_entry("ptp", &Ptp::new(repr))?;
        }
        if let Some(ip) = &self.ip {
            ip_entry(&mut map, ip, &self.extension_headers)?;
        }
        if let Some(repr) = &self.neighbour {
            map.serialize_entry("icmpv6", &Neighbour::new(repr))?;
        }
        if let Some(repr) = &self.udp {
            let verified = self.icrc.is_some() && !self.has(Malformed::UdpChecksum);
            map.serialize_entry("udp", &Udp::new(repr, verified))?;
        }
        if let Some(repr) = &self.bth {
            map.serialize_entry("bth", &Bth::new(repr))?;
        }
        let extensions = &self.extensions;
        if let Some(repr) = &extensions.rdeth {
            map.serialize_entry("rdeth", &Rdeth::new(repr))?;
        }
        if let Some(repr) = &extensions.xrceth {
            map.serialize_entry("xrceth", &XrcEth::new(repr))?;
        }
        if let Some(repr) = &extensions.feth {
            map.serialize_entry("feth", &Feth::new(repr))?;
        }
        if let Some(repr) = &extensions.deth {
            map.serialize_entry("deth", &Deth::new(repr))?;
        }
        if let Some(repr) = &extensions.reth {
            map.serialize_entry("reth", &Reth::new(repr))?;
        }
        if let Some(repr) = &extensions.aeth {
            map.serialize_entry("aeth", &Aeth::new(repr))?;
        }
        if let Some(repr) = &extensions.atomiceth {
            map.serialize_entry("atomiceth", &AtomicEth::new(repr))?;
        }
        if let Some(atomicacketh::Repr { original }) = extensions.atomicacketh {
            map.serialize_entry("atomicacketh", &AtomicAckEth { orig: hex64(original) })?;
        }
        if let Some(repr) = &extensions.immdt {
            map.serialize_entry("immdt", &repr.immediate)?;
        }
        if let Some(ieth::Repr { rkey }) = extensions.ieth {
            map.serialize_entry("ieth", &Ieth { rkey })?;
        }
        if let Some(len) = self.payload_len {
            map.serialize_entry("payload", &Payload { len })?;
        }
        if let Some(Icrc { wire, computed }) = self.icrc {
            map.serialize_entry("icrc_wire", &format!("{:08x}", wire.swap_bytes()))?;
            map.serialize_entry("icrc_value", &format!("0x{wire:08x}"))?;
            map.serialize_entry("icrc_ok", &(wire == computed))?;
            if wire != computed {
                map.serialize_entry("icrc_expected_wire", &format!("{:08x}", computed.swap_bytes()))?;
            }
        }
        map.end()
    }
}

/// The network header under its name.
pub(super) fn ip_entry<M: SerializeMap>(map: &mut M, ip: &Ip, headers: &[ExtensionHeader]) -> Result<(), M::Error> {
    match ip {
        Ip::V4(repr, checksum) => map.serialize_entry("ip", &Ipv4::new(repr, *checksum, headers)),
        Ip::V6(repr) => map.serialize_entry("ip", &Ipv6::new(repr, headers)),
    }
}

fn hex64(value: u64) -> String {
    format!("0x{value:016x}")
}

fn is_zero(value: &u16) -> bool {
    *value == 0
}

#[derive(Serialize)]
pub(super) struct Ethernet {
    dst: String,
    src: String,
    vlan: Vec<Vlan>,
    /// Of a frame that is neither IP nor MAC control.
    #[serde(skip_serializing_if = "Option::is_none")]
    ethertype: Option<u16>,
}

#[derive(Serialize)]
struct Vlan {
    tpid: u16,
    pcp: u8,
    dei: u8,
    vid: u16,
}

impl Ethernet {
    /// `known` says that the rest tells what the frame carries.
    pub(super) fn new(header: &ethernet::Repr, tags: &[vlan::Repr], known: bool) -> Ethernet {
        let ethertype = tags.last().map_or(header.ethertype, |tag| tag.ethertype);
        Ethernet {
            dst: header.dst.to_string(),
            src: header.src.to_string(),
            vlan: tags.iter().map(Vlan::new).collect(),
            ethertype: (!known).then_some(ethertype),
        }
    }
}

impl Vlan {
    fn new(tag: &vlan::Repr) -> Vlan {
        Vlan {
            tpid: tag.tpid,
            pcp: tag.pcp,
            dei: tag.dei.into(),
            vid: tag.vid,
        }
    }
}

#[derive(Serialize)]
struct MacControlFields<'a> {
    opcode: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_enable: Option<u16>,
    #[serde(skip_serializing_if = "<[u16]>::is_empty")]
    quanta: &'a [u16],
}

#[derive(Serialize)]
struct Arp {
    operation: u16,
    sender_mac: String,
    sender_ip: String,
    target_mac: String,
    target_ip: String,
}

impl Arp {
    fn new(repr: &arp::Repr) -> Arp {
        Arp {
            operation: repr.operation,
            sender_mac: repr.sender_mac.to_string(),
            sender_ip: repr.sender_ip.to_string(),
            target_mac: repr.target_mac.to_string(),
            target_ip: repr.target_ip.to_string(),
        }
    }
}

#[derive(Serialize)]
struct Ptp {
    message_type: u8,
    version: u8,
    message_len: u16,
    domain: u8,
    flags: u16,
    correction: String,
    clock: String,
    port: u16,
    sequence: u16,
    log_interval: i8,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_nanoseconds: Option<u32>,
}

impl Ptp {
    fn new(repr: &ptp::Repr) -> Ptp {
        let origin = (repr.message_type == ptp::SYNC).then_some(repr.origin);
        Ptp {
            message_type: repr.message_type,
            version: repr.version,
            message_len: repr.message_len,
            domain: repr.domain,
            flags: repr.flags,
            correction: format!("0x{:016x}", repr.correction),
            clock: format!("0x{:016x}", u64::from_be_bytes(repr.clock)),
            port: repr.port,
            sequence: repr.sequence,
            log_interval: repr.log_interval,
            origin_seconds: origin.map(|(seconds, _)| seconds),
            origin_nanoseconds: origin.map(|(_, nanoseconds)| nanoseconds),
        }
    }
}

#[derive(Serialize)]
struct Neighbour {
    router: u8,
    solicited: u8,
    #[serde(rename = "override")]
    overrides: u8,
    target: String,
    target_mac: String,
}

impl Neighbour {
    fn new(repr: &icmpv6::Repr) -> Neighbour {
        Neighbour {
            router: repr.router.into(),
            solicited: repr.solicited.into(),
            overrides: repr.overrides.into(),
            target: repr.target.to_string(),
            target_mac: repr.mac.to_string(),
        }
    }
}

/// Only when not UDP.
fn other_protocol(protocol: u8) -> Option<u8> {
    (protocol != udp::PROTOCOL).then_some(protocol)
}

#[derive(Serialize)]
struct Ipv4 {
    version: u8,
    src: String,
    dst: String,
    dscp: u8,
    ecn: u8,
    ttl: u8,
    id: u16,
    df: u8,
    #[serde(skip_serializing_if = "is_zero")]
    mf: u16,
    #[serde(skip_serializing_if = "is_zero")]
    reserved_flag: u16,
    #[serde(skip_serializing_if = "is_zero")]
    fragment_offset: u16,
    total_len: u16,
    checksum: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    options: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extension_headers: Vec<ExtensionFields>,
}

impl Ipv4 {
    fn new(repr: &crate::wire::ipv4::Repr, checksum: u16, headers: &[ExtensionHeader]) -> Ipv4 {
        Ipv4 {
            version: 4,
            src: repr.src.to_string(),
            dst: repr.dst.to_string(),
            dscp: repr.dscp,
            ecn: repr.ecn,
            ttl: repr.ttl,
            id: repr.id,
            df: repr.dont_fragment.into(),
            mf: repr.more_fragments.into(),
            reserved_flag: repr.reserved_flag.into(),
            fragment_offset: repr.fragment_offset,
            total_len: repr.total_len,
            checksum,
            options: repr
                .options
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            protocol: other_protocol(repr.protocol),
            extension_headers: headers.iter().map(ExtensionFields::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct Ipv6 {
    version: u8,
    src: String,
    dst: String,
    dscp: u8,
    ecn: u8,
    flow_label: u32,
    hop_limit: u8,
    payload_len: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_header: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extension_headers: Vec<ExtensionFields>,
}

impl Ipv6 {
    fn new(repr: &crate::wire::ipv6::Repr, headers: &[ExtensionHeader]) -> Ipv6 {
        Ipv6 {
            version: 6,
            src: repr.src.to_string(),
            dst: repr.dst.to_string(),
            dscp: repr.dscp,
            ecn: repr.ecn,
            flow_label: repr.flow_label,
            hop_limit: repr.hop_limit,
            payload_len: repr.payload_len,
            next_header: other_protocol(repr.next_header),
            extension_headers: headers.iter().map(ExtensionFields::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct ExtensionFields {
    protocol: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments_left: Option<u8>,
}

impl ExtensionFields {
    fn new(header: &ExtensionHeader) -> ExtensionFields {
        ExtensionFields {
            protocol: header.protocol,
            routing_type: header.routing.map(|(kind, _)| kind),
            segments_left: header.routing.map(|(_, left)| left),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Udp {
    sport: u16,
    dport: u16,
    checksum: u16,
    /// The golden vectors' word for a checksum that is there and right.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_mode: Option<&'static str>,
    length: u16,
}

impl Udp {
    /// `verified` says that the checksum was found right.
    pub(super) fn new(repr: &udp::Repr, verified: bool) -> Udp {
        Udp {
            sport: repr.src_port,
            dport: repr.dst_port,
            checksum: repr.checksum,
            checksum_mode: (repr.checksum != 0 && verified).then_some("compute"),
            length: repr.length,
        }
    }
}

#[derive(Serialize)]
struct Bth {
    opcode: u8,
    /// `null` for an opcode that squall does not know.
    opcode_name: Option<&'static str>,
    se: u8,
    migreq: u8,
    padcnt: u8,
    tver: u8,
    pkey: u16,
    fecn: u8,
    becn: u8,
    resv6: u8,
    destqp: u32,
    ackreq: u8,
    resv7: u8,
    psn: u32,
}

impl Bth {
    fn new(repr: &bth::Repr) -> Bth {
        Bth {
            opcode: repr.opcode_value,
            opcode_name: repr.opcode().map(crate::wire::Opcode::name),
            se: repr.solicited.into(),
            migreq: repr.migreq.into(),
            padcnt: repr.pad_count,
            tver: repr.tver,
            pkey: repr.pkey,
            fecn: repr.fecn.into(),
            becn: repr.becn.into(),
            resv6: repr.resv6,
            destqp: repr.dest_qp,
            ackreq: repr.ackreq.into(),
            resv7: repr.resv7,
            psn: repr.psn,
        }
    }
}

#[derive(Serialize)]
struct Deth {
    qkey: u32,
    srcqp: u32,
    #[serde(skip_serializing_if = "is_zero")]
    resv8: u16,
}

impl Deth {
    fn new(repr: &deth::Repr) -> Deth {
        Deth {
            qkey: repr.qkey,
            srcqp: repr.src_qp,
            resv8: repr.reserved.into(),
        }
    }
}

#[derive(Serialize)]
struct Rdeth {
    eecontext: u32,
    #[serde(skip_serializing_if = "is_zero")]
    resv8: u16,
}

impl Rdeth {
    fn new(repr: &rdeth::Repr) -> Rdeth {
        Rdeth {
            eecontext: repr.ee_context,
            resv8: repr.reserved.into(),
        }
    }
}

#[derive(Serialize)]
struct XrcEth {
    xrcsrq: u32,
    #[serde(skip_serializing_if = "is_zero")]
    resv8: u16,
}

impl XrcEth {
    fn new(repr: &xrceth::Repr) -> XrcEth {
        XrcEth {
            xrcsrq: repr.srq,
            resv8: repr.reserved.into(),
        }
    }
}

#[derive(Serialize)]
struct Feth {
    sel: u8,
    plt: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    resv26: Option<u32>,
}

impl Feth {
    fn new(repr: &feth::Repr) -> Feth {
        Feth {
            sel: repr.selectivity,
            plt: repr.placement,
            resv26: (repr.reserved != 0).then_some(repr.reserved),
        }
    }
}

#[derive(Serialize)]
struct Reth {
    va: String,
    rkey: u32,
    dmalen: u32,
}

impl Reth {
    fn new(repr: &reth::Repr) -> Reth {
        Reth {
            va: hex64(repr.va),
            rkey: repr.rkey,
            dmalen: repr.dma_len,
        }
    }
}

#[derive(Serialize)]
struct Aeth {
    syndrome: u8,
    msn: u32,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rnr_timer_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nak_code: Option<u8>,
}

impl Aeth {
    fn new(repr: &aeth::Repr) -> Aeth {
        let meaning = repr.meaning();
        let mut fields = Aeth {
            syndrome: repr.syndrome,
            msn: repr.msn,
            kind: meaning.name(),
            credit_code: None,
            rnr_timer_code: None,
            nak_code: None,
        };
        match meaning {
            aeth::Meaning::Ack { credit_code } => fields.credit_code = Some(credit_code),
            aeth::Meaning::RnrNak { timer_code } => fields.rnr_timer_code = Some(timer_code),
            aeth::Meaning::Nak(code) => fields.nak_code = Some(code as u8),
            aeth::Meaning::Reserved => {}
        }
        fields
    }
}

#[derive(Serialize)]
struct AtomicEth {
    va: String,
    rkey: u32,
    swap_add: String,
    compare: String,
}

impl AtomicEth {
    fn new(repr: &atomiceth::Repr) -> AtomicEth {
        AtomicEth {
            va: hex64(repr.va),
            rkey: repr.rkey,
            swap_add: hex64(repr.swap_add),
            compare: hex64(repr.compare),
        }
    }
}

#[derive(Serialize)]
struct AtomicAckEth {
    orig: String,
}

#[derive(Serialize)]
struct Ieth {
    rkey: u32,
}

#[derive(Serialize)]
struct Payload {
    len: usize,
}
