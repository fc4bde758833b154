//! The ICMP echo messages, for IPv4 (RFC 792) and IPv6 (RFC 4443 section 4).
//!
//! ```text
//! | type | code 0 | checksum 16 | identifier 16 | sequence number 16 | data … |
//! ```
//!
//! The types are 8 (request) and 0 (reply) over IPv4, 128 and 129 over IPv6, whose checksum covers a pseudo header.
//!
//! Left out on purpose: ICMP's other messages.

use std::net::IpAddr;

use super::bytes::be16;
use super::checksum::Sum;
use super::{Malformed, icmpv6};

/// Bytes before the data.
pub const LEN: usize = 8;
/// Protocol number of ICMP over IPv4; over IPv6 it is [`icmpv6::NEXT_HEADER`].
pub const PROTOCOL: u8 = 1;

/// An echo message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Whether it is the answer.
    pub reply: bool,
    /// Identifier.
    pub identifier: u16,
    /// Sequence number.
    pub sequence: u16,
    /// What the answer returns.
    pub data: &'a [u8],
}

fn kind(reply: bool, ipv6: bool) -> u8 {
    match (reply, ipv6) {
        (false, false) => 8,
        (true, false) => 0,
        (false, true) => 128,
        (true, true) => 129,
    }
}

fn sum(src: IpAddr, dst: IpAddr, message: &[u8]) -> u16 {
    match (src, dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => icmpv6::sum(src, dst, message),
        _ => Sum::default().add_bytes(message).finish(),
    }
}

impl<'a> Echo<'a> {
    /// Reads all of a message between these addresses, which say the version. Its checksum must be right.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes, for any other message and for a wrong checksum.
    pub fn parse(src: IpAddr, dst: IpAddr, message: &'a [u8]) -> Result<Echo<'a>, Malformed> {
        let (header, data) = message.split_first_chunk::<LEN>().ok_or(Malformed::Truncated)?;
        let reply = [false, true]
            .into_iter()
            .find(|reply| kind(*reply, dst.is_ipv6()) == header[0]);
        let reply = reply.filter(|_| header[1] == 0).ok_or(Malformed::Truncated)?;
        if sum(src, dst, message) != 0 {
            return Err(Malformed::Truncated);
        }
        Ok(Echo {
            reply,
            identifier: be16(header, 4),
            sequence: be16(header, 6),
            data,
        })
    }

    /// Bytes of the message.
    #[must_use]
    pub fn len(&self) -> usize {
        LEN + self.data.len()
    }

    /// Whether it has no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Writes the message, its checksum included, to the first [`Echo::len`] bytes.
    pub fn emit(&self, src: IpAddr, dst: IpAddr, buf: &mut [u8]) {
        let buf = &mut buf[..LEN + self.data.len()];
        buf[..4].copy_from_slice(&[kind(self.reply, dst.is_ipv6()), 0, 0, 0]);
        buf[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        buf[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        buf[LEN..].copy_from_slice(self.data);
        let checksum = sum(src, dst, buf);
        buf[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 792's layout by hand: 0x0800 + 0x1234 + 0x0007 + 0x6162 + 0x6300 = 0xde9d, complement 0x2162.
    const REQUEST: [u8; 11] = [8, 0, 0x21, 0x62, 0x12, 0x34, 0x00, 0x07, b'a', b'b', b'c'];

    #[test]
    fn parses_and_emits() {
        let (us, them) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let echo = Echo::parse(them, us, &REQUEST).expect("request");
        let expected = Echo {
            reply: false,
            identifier: 0x1234,
            sequence: 7,
            data: b"abc",
        };
        assert_eq!(echo, expected);
        let mut buf = [0xa5; REQUEST.len()];
        echo.emit(them, us, &mut buf);
        assert_eq!(buf, REQUEST);
        // The answer differs by its type, and so its checksum by 0x0800.
        Echo { reply: true, ..echo }.emit(us, them, &mut buf);
        assert_eq!(buf[..4], [0, 0, 0x29, 0x62]);
        assert!(Echo::parse(us, them, &buf).expect("reply").reply);
    }

    #[test]
    fn what_is_no_echo_or_broken_is_refused() {
        let (us, them) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for at in 0..REQUEST.len() {
            let mut bytes = REQUEST;
            bytes[at] ^= 1;
            assert!(Echo::parse(them, us, &bytes).is_err(), "{at}");
        }
        assert!(Echo::parse(them, us, &REQUEST[..7]).is_err());
        let v6 = [1; 16].into();
        assert!(Echo::parse(v6, v6, &REQUEST).is_err(), "type 8 means nothing over IPv6");
        let mut buf = [0; 11];
        Echo {
            reply: false,
            identifier: 1,
            sequence: 2,
            data: b"xyz",
        }
        .emit(v6, v6, &mut buf);
        assert_eq!(buf[0], 128);
        assert!(icmpv6::checksum_ok([1; 16].into(), [1; 16].into(), &buf));
    }
}
