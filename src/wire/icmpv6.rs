//! The ICMPv6 neighbour solicitation (RFC 4861 section 4.3) and advertisement (section 4.4), each with the
//! link-layer address option that it may have (section 4.6.1).
//!
//! ```text
//! | type 135 | code 0 | checksum 16 | reserved 32        | target address 128 |
//! | type 136 | code 0 | checksum 16 | R S O, reserved 29 | target address 128 |
//! | option type 1 (source), 2 (target) | length 1 | link-layer address 48 |
//! ```

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
const SOURCE_LINK_LAYER_ADDRESS: [u8; 2] = [1, 1];
const TARGET_LINK_LAYER_ADDRESS: [u8; 2] = [2, 1];

/// Bytes of a message without its options.
const FIXED: usize = 24;

/// The solicited-node multicast address of `address` (RFC 4291 section 2.7.1).
#[must_use]
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The MAC address of an IPv6 multicast address (RFC 2464 section 7).
#[must_use]
pub fn multicast_mac(address: Ipv6Addr) -> Address {
    let [.., a, b, c, d] = address.octets();
    Address([0x33, 0x33, a, b, c, d])
}

/// The options of a message (RFC 4861 section 4.6), each whole; an error where one has no length or is cut short.
fn options(mut rest: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    std::iter::from_fn(move || {
        let length = usize::from(*rest.get(1).unwrap_or(&0)) * 8;
        if rest.is_empty() {
            return None;
        }
        let split = rest.split_at_checked(length).filter(|_| length > 0);
        let (option, behind) = split.unwrap_or((&[], &[]));
        rest = behind;
        Some(split.map(|_| option).ok_or(Malformed::Truncated))
    })
}

/// The link-layer address in an option of this type and length.
fn link_layer_address(option: &[u8], kind: [u8; 2]) -> Option<Address> {
    let mac = option.strip_prefix(&kind)?.first_chunk()?;
    Some(Address(*mac))
}

/// A neighbour solicitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solicitation {
    /// The address whose owner is to speak.
    pub target: Ipv6Addr,
    /// Where the sender is; none of whoever has no address yet.
    pub source_mac: Option<Address>,
}

impl Solicitation {
    /// Bytes of the message, with the option.
    pub const LEN: usize = LEN;

    /// Reads the message, all of it. The checksum is not judged ([`checksum_ok`]).
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when it or an option is cut short, and for any other message.
    pub fn parse(bytes: &[u8]) -> Result<Solicitation, Malformed> {
        let (fixed, options) = bytes.split_first_chunk::<FIXED>().ok_or(Malformed::Truncated)?;
        if fixed[0] != NEIGHBOUR_SOLICITATION || fixed[1] != 0 {
            return Err(Malformed::Truncated);
        }
        let mut source_mac = None;
        for option in self::options(options) {
            source_mac = source_mac.or(link_layer_address(option?, SOURCE_LINK_LAYER_ADDRESS));
        }
        Ok(Solicitation {
            target: Ipv6Addr::from(array::<16, FIXED>(fixed, 8)),
            source_mac,
        })
    }

    /// Writes the message with the option of `mac`, its checksum included, to the first [`Solicitation::LEN`] bytes. The
    /// addresses are those of the IPv6 header.
    pub fn emit(target: Ipv6Addr, mac: Address, src: Ipv6Addr, dst: Ipv6Addr, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..8].copy_from_slice(&[NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0]);
        buf[8..24].copy_from_slice(&target.octets());
        buf[24..26].copy_from_slice(&SOURCE_LINK_LAYER_ADDRESS);
        buf[26..32].copy_from_slice(&mac.0);
        let checksum = sum(src, dst, buf);
        buf[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

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

    /// Reads the message, up to its target link-layer address. The checksum is not judged ([`checksum_ok`]).
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when it is cut short or there is no such address, and for any other message.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let (fixed, options) = bytes.split_first_chunk::<FIXED>().ok_or(Malformed::Truncated)?;
        if fixed[0] != NEIGHBOUR_ADVERTISEMENT || fixed[1] != 0 {
            return Err(Malformed::Truncated);
        }
        let mut whole = self::options(options).map_while(Result::ok);
        let mac = whole.find_map(|option| link_layer_address(option, TARGET_LINK_LAYER_ADDRESS));
        Ok(Repr {
            router: fixed[4] & 0x80 != 0,
            solicited: fixed[4] & 0x40 != 0,
            overrides: fixed[4] & 0x20 != 0,
            target: Ipv6Addr::from(array::<16, FIXED>(fixed, 8)),
            mac: mac.ok_or(Malformed::Truncated)?,
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

/// Whether a message's checksum is right (RFC 4443 section 2.3).
#[must_use]
pub fn checksum_ok(src: Ipv6Addr, dst: Ipv6Addr, message: &[u8]) -> bool {
    sum(src, dst, message) == 0
}

pub(super) fn sum(src: Ipv6Addr, dst: Ipv6Addr, message: &[u8]) -> u16 {
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

    // RFC 4861 section 4.3 by hand; the checksum by the sum of RFC 1071 over pseudo header and message.
    #[test]
    fn solicitations_are_read_and_written() {
        let (us, them) = (
            "2001:2::1".parse().expect("address"),
            "2001:2::abcd:1234".parse().expect("address"),
        );
        let group = solicited_node(them);
        assert_eq!(group, "ff02::1:ffcd:1234".parse::<Ipv6Addr>().expect("address"));
        assert_eq!(multicast_mac(group), Address([0x33, 0x33, 0xff, 0xcd, 0x12, 0x34]));
        let mut buf = [0xa5; LEN];
        Solicitation::emit(them, Address([2, 0, 0, 0, 0, 10]), us, group, &mut buf);
        let mut by_hand = [0; LEN];
        by_hand[0] = 135;
        by_hand[8..24].copy_from_slice(&them.octets());
        by_hand[24..].copy_from_slice(&[1, 1, 2, 0, 0, 0, 0, 10]);
        assert!(checksum_ok(us, group, &buf) && !checksum_ok(us, them, &buf));
        assert_eq!((&buf[..2], &buf[4..]), (&by_hand[..2], &by_hand[4..]));
        let parsed = Solicitation::parse(&buf).expect("solicitation");
        assert_eq!(
            (parsed.target, parsed.source_mac),
            (them, Some(Address([2, 0, 0, 0, 0, 10])))
        );
        assert_eq!(Solicitation::parse(&buf[..24]).expect("no option").source_mac, None);
        // An option without length, one that is cut short, and one of an unknown kind before it.
        assert!(Solicitation::parse(&[&buf[..24], &[1, 0, 0, 0, 0, 0, 0, 0]].concat()).is_err());
        assert!(Solicitation::parse(&buf[..30]).is_err());
        let behind = [&buf[..24], &[14, 1, 1, 2, 3, 4, 5, 6], &buf[24..]].concat();
        assert_eq!(
            Solicitation::parse(&behind).expect("nonce").source_mac,
            parsed.source_mac
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
