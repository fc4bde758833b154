//! An IP header of either version, for whoever has addresses and not a version.
//!
//! Contract: both addresses are of one version; what squall leaves alone is 0: identification, options, flow label. IPv4
//! headers say "do not fragment".

use std::net::IpAddr;

use super::{ipv4, ipv6};

/// What a header holds beside its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// DSCP.
    pub dscp: u8,
    /// ECN codepoint.
    pub ecn: u8,
    /// TTL, or hop limit.
    pub ttl: u8,
    /// What follows the header: protocol, or next header.
    pub protocol: u8,
    /// Bytes that follow the header.
    pub payload_len: u16,
}

/// Bytes of the header of a packet to `to`.
#[must_use]
pub const fn len(to: IpAddr) -> usize {
    if to.is_ipv4() { ipv4::LEN } else { ipv6::LEN }
}

impl Fields {
    /// Writes the header to the beginning of `out` and returns its length; `None` for addresses of two versions, or for a payload
    /// that no IPv4 packet holds.
    #[must_use]
    pub fn emit(&self, from: IpAddr, to: IpAddr, out: &mut [u8]) -> Option<usize> {
        match (from, to) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4::Repr {
                dscp: self.dscp,
                ecn: self.ecn,
                total_len: u16::try_from(ipv4::LEN).ok()?.checked_add(self.payload_len)?,
                id: 0,
                reserved_flag: false,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                ttl: self.ttl,
                protocol: self.protocol,
                src,
                dst,
                options: ipv4::Options::NONE,
            }
            .emit(out),
            (IpAddr::V6(src), IpAddr::V6(dst)) => ipv6::Repr {
                dscp: self.dscp,
                ecn: self.ecn,
                flow_label: 0,
                payload_len: self.payload_len,
                next_header: self.protocol,
                hop_limit: self.ttl,
                src,
                dst,
            }
            .emit(out),
            _ => return None,
        }
        Some(len(to))
    }
}
