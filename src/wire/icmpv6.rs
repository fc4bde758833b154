//! The ICMPv6 neighbour advertisement (RFC 4861 section 4.4) with the target link-layer address
//! option (section 4.6.1).
//!
//! ```text
//! | type 136 | code 0 | checksum 16 | R S O, reserved 29 | target address 128 |
//! | option type 2 | length 1 | link-layer address 48 |
//! ```
//!
//! squall sends unsolicited ones, so that bridges learn where its workers' IPv6 addresses are;
//! of others it tells whom a neighbour solicitation is for.

use std::fmt;
use std::net::Ipv6Addr;

use super::Malformed;
use super::bytes::array;
use super::checksum::Sum;
use super::ethernet::Address;

/// Bytes of the message.
pub const LEN: usize = 32;
/// Next header value of ICMPv6.
pub const NEXT_HEADER: u8 = 58;
/// The hop limit that a neighbour advertisement must have.
pub const HOP_LIMIT: u8 = 255;
/// Where unsolicited advertisements go: all nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The MAC address of [`ALL_NODES`] (RFC 2464 section 7).
pub const ALL_NODES_MAC: Address = Address([0x33, 0x33, 0, 0, 0, 1]);

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const TARGET_LINK_LAYER_ADDRESS: [u8; 2] = [2, 1];

/// A neighbour advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// R: the sender is a router.
    pub router: bool,
    /// S: the answer to a solicitation.
    pub solicited: bool,
    /// O: overrides what the receiver knew.
    pub overrides: bool,
    /// The address whose owner speaks.
    pub target: Ipv6Addr,
    /// Where it is.
    pub mac: Address,
}

impl Repr {
    /// The unsolicited advertisement of an address (RFC 4861 section 7.2.6), to be sent to
    /// [`ALL_NODES`].
    #[must_use]
    pub const fn announcement(mac: Address, target: Ipv6Addr) -> Repr {
        Repr {
            router: false,
            solicited: false,
            overrides: true,
            target,
            mac,
        }
    }

    /// Reads the message. The checksum is not judged ([`checksum_ok`]).
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes, and for any other message.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        if bytes[0] != NEIGHBOUR_ADVERTISEMENT || bytes[1] != 0 || bytes[24..26] != TARGET_LINK_LAYER_ADDRESS {
            return Err(Malformed::Truncated);
        }
        Ok(Repr {
            router: bytes[4] & 0x80 != 0,
            solicited: bytes[4] & 0x40 != 0,
            overrides: bytes[4] & 0x20 != 0,
            target: Ipv6Addr::from(array::<16, LEN>(bytes, 8)),
            mac: Address(array(bytes, 26)),
        })
    }

    /// Writes the message, its checksum included, to the first [`LEN`] bytes. The addresses are
    /// those of the IPv6 header.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..4].copy_from_slice(&[NEIGHBOUR_ADVERTISEMENT, 0, 0, 0]);
        let flags = (u8::from(self.router) << 7) | (u8::from(self.solicited) << 6) | (u8::from(self.overrides) << 5);
        buf[4..8].copy_from_slice(&[flags, 0, 0, 0]);
        buf[8..24].copy_from_slice(&self.target.octets());
        buf[24..26].copy_from_slice(&TARGET_LINK_LAYER_ADDRESS);
        buf[26..32].copy_from_slice(&self.mac.0);
        let checksum = sum(src, dst, buf);
        buf[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The address whose owner a neighbour solicitation (RFC 4861 section 4.3) asks for; `None`: `message` is another one, or cut
/// short.
#[must_use]
pub fn solicited(message: &[u8]) -> Option<Ipv6Addr> {
    let fixed: &[u8; 24] = message.first_chunk()?;
    (fixed[0] == NEIGHBOUR_SOLICITATION && fixed[1] == 0).then(|| Ipv6Addr::from(array::<16, 24>(fixed, 8)))
}

/// Whether a message's checksum is right (RFC 4443 section 2.3).
#[must_use]
pub fn checksum_ok(src: Ipv6Addr, dst: Ipv6Addr, message: &[u8]) -> bool {
    sum(src, dst, message) == 0
}

fn sum(src: Ipv6Addr, dst: Ipv6Addr, message: &[u8]) -> u16 {
    // Longer than any IPv6 payload: no such message has a right checksum.
    let length = u16::try_from(message.len()).unwrap_or(0);
    Sum::default()
        .add_pseudo_header(src.into(), dst.into(), NEXT_HEADER, length)
        .add_bytes(message)
        .finish()
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMPv6 neighbour advertisement {} is at {}", self.target, self.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4861's layout by hand; the checksum by the sum of RFC 1071, worked out with Python.
    const BYTES: [u8; LEN] = [
        136, 0, 0x14, 0x8e, 0x20, 0, 0, 0, 0x20, 0x01, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 2, 1, 0x02, 0,
        0, 0, 0, 0x0a,
    ];

    fn repr() -> Repr {
        Repr::announcement(Address([0x02, 0, 0, 0, 0, 0x0a]), "2001:2::1".parse().expect("address"))
    }

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(&BYTES), Ok(repr()));
        let mut buf = [0xa5; LEN];
        repr().emit(repr().target, ALL_NODES, &mut buf);
        assert_eq!(buf, BYTES);
        assert!(checksum_ok(repr().target, ALL_NODES, &BYTES));
        assert!(!checksum_ok(ALL_NODES, ALL_NODES, &BYTES));
        assert_eq!(
            repr().to_string(),
            "ICMPv6 neighbour advertisement 2001:2::1 is at 02:00:00:00:00:0a"
        );
    }

    #[test]
    fn wrong_bytes_are_refused() {
        assert_eq!(Repr::parse(&BYTES[..31]), Err(Malformed::Truncated));
        let mut bytes = BYTES;
        bytes[0] = 135;
        assert_eq!(Repr::parse(&bytes), Err(Malformed::Truncated));
    }
}
