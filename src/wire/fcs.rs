//! The frame check sequence of Ethernet (IEEE 802.3 clause 3.2.9): CRC-32 over the frame from its
//! destination address on. On the wire the value is little-endian, as the ICRC is.

/// Bytes of the FCS.
pub const LEN: usize = 4;

/// The FCS of a frame; it stands on the wire as `of(frame).to_le_bytes()`.
#[must_use]
pub fn of(frame: &[u8]) -> u32 {
    crc32fast::hash(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that CRC-32/ISO-HDLC is published with.
    #[test]
    fn is_the_crc_of_the_catalogues() {
        assert_eq!(of(b"123456789"), 0xcbf4_3926);
    }
}
