//! The Internet checksum (RFC 1071): IPv4 headers, UDP, ICMPv6.
//!
//! Contract: sums any bytes; an odd last byte counts as if a zero followed it.

use std::net::IpAddr;

/// A running one's complement sum, not yet folded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum(u64);

impl Sum {
    /// Adds bytes. Only the last piece added may have an odd length.
    #[must_use]
    pub fn add_bytes(mut self, bytes: &[u8]) -> Sum {
        let (pairs, last) = bytes.as_chunks::<2>();
        for pair in pairs {
            self.0 += u64::from(u16::from_be_bytes(*pair));
        }
        if let [byte] = last {
            self.0 += u64::from(*byte) << 8;
        }
        self
    }

    /// Adds one 16-bit word.
    #[must_use]
    pub fn add_word(mut self, word: u16) -> Sum {
        self.0 += u64::from(word);
        self
    }

    /// Adds the pseudo header of an upper layer's packet of `length` bytes (RFC 768; RFC 8200
    /// section 8.1). Addresses of different versions do not occur; they would count as they are.
    #[must_use]
    pub fn add_pseudo_header(self, source: IpAddr, destination: IpAddr, protocol: u8, length: u16) -> Sum {
        self.add_address(source)
            .add_address(destination)
            .add_word(u16::from(protocol))
            .add_word(length)
    }

    fn add_address(self, address: IpAddr) -> Sum {
        match address {
            IpAddr::V4(address) => self.add_bytes(&address.octets()),
            IpAddr::V6(address) => self.add_bytes(&address.octets()),
        }
    }

    /// The checksum: the complement of the folded sum. 0 over bytes that hold their own right
    /// checksum.
    #[must_use]
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        // The loop ends at 16 bits.
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_1071_section_3_example() {
        let sum = Sum::default().add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn odd_length_counts_a_zero_behind() {
        assert_eq!(
            Sum::default().add_bytes(&[0x12, 0x34, 0x56]).finish(),
            Sum::default().add_bytes(&[0x12, 0x34, 0x56, 0x00]).finish()
        );
    }
}
