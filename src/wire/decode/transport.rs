//! The part of [`super::decode`] from the IP length on: lengths, ICRC, BTH, extension headers, and
//! what the opcode demands of them.

use super::network::Network;
use super::{AckreqRule, Decoded, Icrc, Ip};
use crate::wire::opcode::{Operation, Position, Service};
use crate::wire::{
    Malformed, Opcode, aeth, atomicacketh, atomiceth, bth, cnp, deth, feth, icrc, ieth, immdt, rdeth, reth, udp, xrceth,
};

/// The path MTUs (IBTA Vol 1, 9.2 and table of MTU codes), in payload bytes.
const PMTUS: [usize; 5] = [256, 512, 1024, 2048, 4096];

/// The QP of management datagrams, connection management among them (IBTA Vol 1, 13.5.1).
const GSI_QP: u32 = 1;

/// Bytes that an ATOMIC WRITE carries (IBTA Annex A19.4).
const ATOMIC_WRITE_LEN: usize = 8;

/// Reads what follows the UDP header, whose destination is RoCEv2's port. `total_len` is what the
/// IP header says.
pub(super) fn read(
    decoded: &mut Decoded,
    network: &Network<'_>,
    ip: Ip,
    header_len: usize,
    total_len: usize,
    cut: bool,
    ackreq: AckreqRule,
) {
    let Some(udp) = decoded.udp else {
        return;
    };
    let at_hand = network.bytes;
    if cut {
        let detail = format!("only {} bytes were captured", decoded.frame_len);
        decoded.fault(Malformed::CaptureTruncated, detail);
    }
    let packet = at_hand.get(..total_len);
    match packet {
        None if cut => {}
        None => {
            let detail = format!("IP length {total_len}, only {} bytes in the frame", at_hand.len());
            decoded.fault(Malformed::IpLength, detail);
        }
        Some(packet) => {
            decoded.trailing_len = at_hand.len() - packet.len();
            if decoded.trailing_len > 0 && !network.padded {
                let detail = format!("{} bytes after the IP packet", decoded.trailing_len);
                decoded.fault(Malformed::TrailingBytes, detail);
            }
        }
    }
    let room = total_len.checked_sub(header_len);
    if Some(usize::from(udp.length)) != room {
        let detail = match room {
            Some(room) => format!("UDP length {}, the IP length leaves {room}", udp.length),
            None => format!("IP length {total_len} is below its own header's"),
        };
        decoded.fault(Malformed::UdpLength, detail);
    }
    // From the BTH to the end of the packet or of what is at hand.
    let end = total_len.min(at_hand.len());
    let datagram = at_hand.get(header_len + udp::LEN..end).unwrap_or_default();
    decoded.bth = bth::Repr::parse(datagram).ok();
    let expected_len = total_len.checked_sub(header_len + udp::LEN);
    let covered_len = expected_len.and_then(|len| len.checked_sub(icrc::LEN));
    let (Some(covered_len), Some(bth)) = (covered_len.filter(|len| *len >= bth::LEN), decoded.bth) else {
        let detail = format!("{} bytes of UDP payload, BTH and ICRC need 16", datagram.len());
        decoded.fault(Malformed::Truncated, detail);
        return;
    };
    if let Some(packet) = packet {
        checks(decoded, packet, ip, header_len, udp);
    }
    if bth.tver != 0 {
        decoded.fault(Malformed::Tver, format!("transport header version {}", bth.tver));
    }
    let Some(opcode) = bth.opcode() else {
        decoded.fault(
            Malformed::Opcode,
            format!("opcode 0x{:02x} is not known", bth.opcode_value),
        );
        return;
    };
    let Some(padded_len) = extensions(decoded, opcode, datagram, covered_len) else {
        let detail = format!(
            "{opcode} needs {} header bytes, {} are there",
            bth::LEN + opcode.extensions_len(),
            datagram.len().min(covered_len)
        );
        decoded.fault(Malformed::Truncated, detail);
        return;
    };
    let pad = usize::from(bth.pad_count);
    if !covered_len.is_multiple_of(4) {
        let detail = format!("BTH to pad is {covered_len} bytes, not a multiple of 4 (pad count {pad})");
        decoded.fault(Malformed::PadCount, detail);
    }
    let Some(payload_len) = padded_len.checked_sub(pad) else {
        let detail = format!("pad count {pad}, only {padded_len} bytes follow the headers");
        decoded.fault(Malformed::PadCount, detail);
        return;
    };
    decoded.payload_len = Some(payload_len);
    if opcode == Opcode::Cnp {
        congestion_notification(decoded, &bth, datagram, covered_len);
    } else {
        semantics(decoded, &bth, opcode, payload_len, ackreq);
    }
}

/// ICRC and UDP checksum of a packet that is whole.
fn checks(decoded: &mut Decoded, packet: &[u8], ip: Ip, header_len: usize, udp: udp::Repr) {
    if let Some((covered, wire)) = packet.split_last_chunk()
        && let Some(computed) = icrc_of(decoded, covered, header_len, u32::from_le_bytes(*wire))
    {
        let wire = u32::from_le_bytes(*wire);
        decoded.icrc = Some(Icrc { wire, computed });
        if wire != computed {
            let detail = format!(
                "on the wire {:08x}, computed {:08x} (byte order of the wire)",
                wire.swap_bytes(),
                computed.swap_bytes()
            );
            decoded.fault(Malformed::Icrc, detail);
        }
    }
    let datagram = packet.get(header_len..).unwrap_or_default();
    // The pseudo header has the last segment, which the IPv6 header does not show before it is there.
    let mut routed = decoded.extension_headers.iter().filter_map(|header| header.routing);
    if routed.any(|(_, left)| left != 0) {
        return;
    }
    if udp.checksum != 0 && !udp::checksum_ok(ip.source(), ip.destination(), udp.length, datagram) {
        let detail = format!("UDP checksum 0x{:04x} is wrong", udp.checksum);
        decoded.fault(Malformed::UdpChecksum, detail);
    }
}

/// The ICRC that the packet should have. Annex A17 has no word on headers between IP and UDP: the sender may
/// have counted them as they stand, or they were put in on the way; that which is on the wire is taken.
fn icrc_of(decoded: &Decoded, covered: &[u8], udp_at: usize, wire: u32) -> Option<u32> {
    if decoded.extension_headers.is_empty() {
        return icrc::of_packet(covered, udp_at);
    }
    let with = icrc::with_extension_headers(covered, udp_at)?;
    let without = icrc::without_extension_headers(covered, udp_at)?;
    Some(if wire == without { without } else { with })
}

/// Reads the opcode's extension headers; how many bytes the packet has behind them.
fn extensions(decoded: &mut Decoded, opcode: Opcode, datagram: &[u8], covered_len: usize) -> Option<usize> {
    use crate::wire::opcode::Extension;
    let mut at = bth::LEN;
    for extension in opcode.extensions() {
        let end = at + extension.len();
        if end > covered_len {
            return None;
        }
        let bytes = datagram.get(at..end)?;
        let found = &mut decoded.extensions;
        match extension {
            Extension::Deth => found.deth = deth::Repr::parse(bytes).ok(),
            Extension::Reth => found.reth = reth::Repr::parse(bytes).ok(),
            Extension::Aeth => found.aeth = aeth::Repr::parse(bytes).ok(),
            Extension::AtomicEth => found.atomiceth = atomiceth::Repr::parse(bytes).ok(),
            Extension::AtomicAckEth => found.atomicacketh = atomicacketh::Repr::parse(bytes).ok(),
            Extension::ImmDt => found.immdt = immdt::Repr::parse(bytes).ok(),
            Extension::Ieth => found.ieth = ieth::Repr::parse(bytes).ok(),
            Extension::Rdeth => found.rdeth = rdeth::Repr::parse(bytes).ok(),
            Extension::XrcEth => found.xrceth = xrceth::Repr::parse(bytes).ok(),
            Extension::Feth => found.feth = feth::Repr::parse(bytes).ok(),
        }
        at = end;
    }
    covered_len.checked_sub(at)
}

/// IBTA Annex A17.9.3.
fn congestion_notification(decoded: &mut Decoded, bth: &bth::Repr, datagram: &[u8], covered_len: usize) {
    let reserved_len = covered_len - bth::LEN;
    let reserved = datagram
        .get(bth::LEN..covered_len.min(datagram.len()))
        .unwrap_or_default();
    let kind = Malformed::CnpFormat;
    if reserved_len != cnp::RESERVED_LEN || bth.pad_count != 0 {
        decoded.fault(
            kind,
            format!("a CNP has 16 bytes behind the BTH, this one {reserved_len}"),
        );
    } else if reserved.iter().any(|byte| *byte != 0) {
        decoded.fault(kind, "the 16 bytes behind a CNP's BTH are not all 0");
    }
    if !bth.becn {
        decoded.fault(kind, "BECN is not set");
    }
    if bth.psn != 0 || bth.ackreq || bth.solicited {
        decoded.fault(kind, "PSN, AckReq and SE of a CNP must be 0");
    }
}

/// What the opcode demands of the header fields and of the payload's length.
fn semantics(decoded: &mut Decoded, bth: &bth::Repr, opcode: Opcode, payload_len: usize, ackreq: AckreqRule) {
    use Operation::{Acknowledge, Atomic, AtomicWrite, Flush, ReadRequest, ReadResponse, Resync, Send, Write};
    let operation = opcode.operation();
    let position = opcode.position();
    if matches!(operation, ReadRequest | Atomic | Acknowledge | Flush | Resync) && payload_len != 0 {
        let detail = format!("{opcode} carries {payload_len} payload bytes");
        decoded.fault(Malformed::PayloadSize, detail);
    }
    if operation == AtomicWrite && payload_len != ATOMIC_WRITE_LEN {
        let detail = format!("{opcode} carries {payload_len} payload bytes, not {ATOMIC_WRITE_LEN}");
        decoded.fault(Malformed::PayloadSize, detail);
    }
    if let Some(header) = decoded.extensions.aeth
        && header.meaning() == aeth::Meaning::Reserved
    {
        let detail = format!("syndrome 0x{:02x} is reserved", header.syndrome);
        decoded.fault(Malformed::AethSyndrome, detail);
    }
    // Only requests of reliable services are acknowledged (IBTA Vol 1, 9.7.3). Linux sets the bit in what its
    // connection manager sends.
    let reliable = matches!(opcode.service(), Service::Rc | Service::Rd | Service::Xrc);
    let never_acknowledged = !reliable || matches!(operation, ReadResponse | Acknowledge);
    let of_manager = opcode.service() == Service::Ud && bth.dest_qp == GSI_QP && ackreq == AckreqRule::Any;
    if never_acknowledged && bth.ackreq && !of_manager {
        decoded.fault(Malformed::Ackreq, format!("{opcode} must not set AckReq"));
    }
    let dma_len = decoded.extensions.reth.map(|reth| reth.dma_len);
    if let Some(dma_len) = dma_len
        && dma_len > reth::MAX_DMA_LEN
    {
        decoded.fault(Malformed::DmaLength, format!("RETH dmalen {dma_len} is above 2^31"));
    }
    sizes(decoded, bth, opcode, payload_len);
    if let (Write, Some(dma_len)) = (operation, dma_len) {
        message_length(decoded, opcode, payload_len, dma_len);
    }
    let is_last = matches!(position, Position::Last | Position::Only);
    if matches!(operation, Send | Write)
        && opcode.service() == Service::Rc
        && is_last
        && !bth.ackreq
        && ackreq == AckreqRule::Last
    {
        // Last of all: the specification leaves this to the requester.
        decoded.fault(Malformed::Ackreq, format!("{opcode} without AckReq"));
    }
}

/// Payload lengths by position (IBTA Vol 1, 9.4.1: First and Middle carry one PMTU).
fn sizes(decoded: &mut Decoded, bth: &bth::Repr, opcode: Opcode, payload_len: usize) {
    let largest = PMTUS[PMTUS.len() - 1];
    match opcode.position() {
        Position::First | Position::Middle => {
            if bth.pad_count != 0 {
                let detail = format!("{opcode} with pad count {}", bth.pad_count);
                decoded.fault(Malformed::PadCount, detail);
            }
            if !PMTUS.contains(&payload_len) {
                let detail = format!("{opcode} payload {payload_len} is not a path MTU");
                decoded.fault(Malformed::PayloadSize, detail);
            }
        }
        Position::Last | Position::Only => {
            if payload_len > largest {
                let detail = format!("{opcode} payload {payload_len}, the largest path MTU is {largest}");
                decoded.fault(Malformed::PayloadSize, detail);
            }
            if opcode.position() == Position::Last && payload_len == 0 {
                decoded.fault(Malformed::PayloadSize, format!("{opcode} with an empty payload"));
            }
        }
    }
}

/// A WRITE's DMA length is the message's: all of an Only packet, more than a First one.
fn message_length(decoded: &mut Decoded, opcode: Opcode, payload_len: usize, dma_len: u32) {
    let packet = u64::try_from(payload_len).unwrap_or(u64::MAX);
    let message = u64::from(dma_len);
    let (fits, detail) = match opcode.position() {
        Position::Only => (message == packet, "the whole message"),
        _ => (message > packet, "a part of the message"),
    };
    if !fits {
        let detail = format!("{opcode} says dmalen {dma_len}, its {payload_len} bytes are {detail}");
        decoded.fault(Malformed::DmaLength, detail);
    }
}
