//! The one list of what can be wrong with a single frame.
//!
//! Contract: names are those of the golden vectors and of `check_pcap.py`, so that a count in a
//! report, an `error` of `squall decode --json` and a line of the checker mean the same.

use std::fmt;

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[repr(u8)]
pub enum Malformed {
    /// The frame ends before a header that it must have.
    Truncated,
    /// The capture kept less of the frame than the wire carried.
    CaptureTruncated,
    /// The IP length goes beyond the frame.
    IpLength,
    /// A fragment: RoCEv2 packets are never fragmented (IBTA Annex A17.3.1).
    IpFragment,
    /// The IPv4 header checksum is wrong (RFC 791 section 3.1).
    Ipv4Checksum,
    /// The UDP length is not what the IP length leaves for it.
    UdpLength,
    /// The UDP checksum is neither 0 nor right (RFC 768).
    UdpChecksum,
    /// Bytes after the IP packet that are not Ethernet padding.
    TrailingBytes,
    /// The BTH's transport header version is not 0.
    Tver,
    /// The BTH's opcode is not one of [`super::Opcode`].
    Opcode,
    /// The BTH's pad count does not fit the length.
    PadCount,
    /// The invariant CRC is wrong.
    Icrc,
    /// The AETH's syndrome is reserved.
    AethSyndrome,
    /// Not what a Congestion Notification Packet must look like (IBTA Annex A17.9.3).
    CnpFormat,
    /// Not what a PFC or PAUSE frame must look like (IEEE 802.1Q clause 36, IEEE 802.3 annex 31B).
    PfcFormat,
    /// A PFC frame's class enable vector has upper bits. Always beside [`Malformed::PfcFormat`].
    PfcEnableVector,
    /// AckReq is set where it must not be, or clear on the last packet of a request.
    Ackreq,
    /// The payload's length is impossible for the opcode.
    PayloadSize,
    /// The RETH's DMA length contradicts the packet.
    DmaLength,
    /// The frame check sequence is wrong (IEEE 802.3 clause 3.2.9).
    Fcs,
    /// It may carry a RoCEv2 packet, which was not read.
    Unread,
}

impl Malformed {
    /// Every kind, in the order of their indices.
    pub const ALL: [Malformed; 21] = [
        Malformed::Truncated,
        Malformed::CaptureTruncated,
        Malformed::IpLength,
        Malformed::IpFragment,
        Malformed::Ipv4Checksum,
        Malformed::UdpLength,
        Malformed::UdpChecksum,
        Malformed::TrailingBytes,
        Malformed::Tver,
        Malformed::Opcode,
        Malformed::PadCount,
        Malformed::Icrc,
        Malformed::AethSyndrome,
        Malformed::CnpFormat,
        Malformed::PfcFormat,
        Malformed::PfcEnableVector,
        Malformed::Ackreq,
        Malformed::PayloadSize,
        Malformed::DmaLength,
        Malformed::Fcs,
        Malformed::Unread,
    ];

    /// Position in [`Malformed::ALL`], for arrays of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether nobody can say what the frame holds, or whether it is right: not read, cut or in pieces.
    #[must_use]
    pub const fn is_unread(self) -> bool {
        matches!(
            self,
            Malformed::Unread | Malformed::CaptureTruncated | Malformed::IpFragment
        )
    }

    /// The name in JSON and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Malformed::Truncated => "truncated",
            Malformed::CaptureTruncated => "capture_truncated",
            Malformed::IpLength => "ip_length",
            Malformed::IpFragment => "ip_fragment",
            Malformed::Ipv4Checksum => "ipv4_checksum",
            Malformed::UdpLength => "udp_length",
            Malformed::UdpChecksum => "udp_checksum",
            Malformed::TrailingBytes => "trailing_bytes",
            Malformed::Tver => "tver",
            Malformed::Opcode => "opcode",
            Malformed::PadCount => "pad_count",
            Malformed::Icrc => "icrc",
            Malformed::AethSyndrome => "aeth_syndrome",
            Malformed::CnpFormat => "cnp_format",
            Malformed::PfcFormat => "pfc_format",
            Malformed::PfcEnableVector => "pfc_enable_vector",
            Malformed::Ackreq => "ackreq",
            Malformed::PayloadSize => "payload_size",
            Malformed::DmaLength => "dma_length",
            Malformed::Fcs => "fcs",
            Malformed::Unread => "unread",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_list() {
        for (index, kind) in Malformed::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index, "{kind}");
        }
    }
}
