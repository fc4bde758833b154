//! ARP for IPv4 over Ethernet (RFC 826).
//!
//! ```text
//! | hardware 1 | protocol 0x0800 | 6 | 4 | operation 16 |
//! | sender MAC 48 | sender IPv4 32 | target MAC 48 | target IPv4 32 |
//! ```
//!
//! squall announces its workers' addresses with it, so that bridges learn where they are.

use std::fmt;
use std::net::Ipv4Addr;

use super::Malformed;
use super::bytes::{array, be16};
use super::ethernet::Address;

/// Bytes of the packet.
pub const LEN: usize = 28;
/// Operation: who has this address?
pub const REQUEST: u16 = 1;
/// Operation: I have.
pub const REPLY: u16 = 2;

/// Hardware type, protocol type and address lengths of IPv4 over Ethernet.
const ETHERNET_IPV4: [u8; 6] = [0x00, 0x01, 0x08, 0x00, 6, 4];

/// An ARP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// [`REQUEST`], [`REPLY`], or something rarer.
    pub operation: u16,
    /// Sender's MAC address.
    pub sender_mac: Address,
    /// Sender's IPv4 address.
    pub sender_ip: Ipv4Addr,
    /// Target's MAC address; zero in a request.
    pub target_mac: Address,
    /// Target's IPv4 address.
    pub target_ip: Ipv4Addr,
}

impl Repr {
    /// The announcement of an address (RFC 5227 section 3): a request for one's own, to be sent
    /// to [`Address::BROADCAST`].
    #[must_use]
    pub const fn announcement(mac: Address, ip: Ipv4Addr) -> Repr {
        Repr {
            operation: REQUEST,
            sender_mac: mac,
            sender_ip: ip,
            target_mac: Address([0; 6]),
            target_ip: ip,
        }
    }

    /// The answer to a request for `ip`, which is at `mac`.
    #[must_use]
    pub const fn reply_to(request: &Repr, mac: Address) -> Repr {
        Repr {
            operation: REPLY,
            sender_mac: mac,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        }
    }

    /// Reads the packet.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes, and when it is not IPv4 over Ethernet, whose
    /// packets have other lengths.
    pub fn parse(bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        if !bytes.starts_with(&ETHERNET_IPV4) {
            return Err(Malformed::Truncated);
        }
        Ok(Repr {
            operation: be16(bytes, 6),
            sender_mac: Address(array(bytes, 8)),
            sender_ip: Ipv4Addr::from(array::<4, LEN>(bytes, 14)),
            target_mac: Address(array(bytes, 18)),
            target_ip: Ipv4Addr::from(array::<4, LEN>(bytes, 24)),
        })
    }

    /// Writes the packet to the first [`LEN`] bytes.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..6].copy_from_slice(&ETHERNET_IPV4);
        buf[6..8].copy_from_slice(&self.operation.to_be_bytes());
        buf[8..14].copy_from_slice(&self.sender_mac.0);
        buf[14..18].copy_from_slice(&self.sender_ip.octets());
        buf[18..24].copy_from_slice(&self.target_mac.0);
        buf[24..28].copy_from_slice(&self.target_ip.octets());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            REQUEST if self.sender_ip == self.target_ip => {
                write!(f, "ARP announcement {} is at {}", self.sender_ip, self.sender_mac)
            }
            REQUEST => write!(f, "ARP who has {} tell {}", self.target_ip, self.sender_ip),
            REPLY => write!(f, "ARP {} is at {}", self.sender_ip, self.sender_mac),
            other => write!(f, "ARP operation {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Address = Address([0x02, 0, 0, 0, 0, 0x0a]);
    const IP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
    // RFC 826's layout by hand.
    const BYTES: [u8; LEN] = [
        0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0a, 198, 18, 0, 1, 0, 0, 0, 0,
        0, 0, 198, 18, 0, 1,
    ];

    #[test]
    fn parses_and_emits() {
        let repr = Repr::announcement(MAC, IP);
        assert_eq!(Repr::parse(&BYTES), Ok(repr));
        let mut buf = [0xa5; LEN];
        repr.emit(&mut buf);
        assert_eq!(buf, BYTES);
    }

    #[test]
    fn a_reply_turns_the_addresses_round() {
        let request = Repr {
            target_ip: Ipv4Addr::new(198, 18, 0, 2),
            ..Repr::announcement(MAC, IP)
        };
        let other = Address([0x02, 0, 0, 0, 0, 0x0b]);
        let reply = Repr::reply_to(&request, other);
        assert_eq!(reply.to_string(), "ARP 198.18.0.2 is at 02:00:00:00:00:0b");
        assert_eq!((reply.target_mac, reply.target_ip), (MAC, IP));
        assert_eq!(request.to_string(), "ARP who has 198.18.0.2 tell 198.18.0.1");
    }

    #[test]
    fn wrong_bytes_are_refused() {
        assert_eq!(Repr::parse(&BYTES[..27]), Err(Malformed::Truncated));
        let mut bytes = BYTES;
        bytes[2] = 0x86;
        assert_eq!(Repr::parse(&bytes), Err(Malformed::Truncated));
    }
}
