//! A VLAN tag (IEEE 802.1Q clause 9): customer, service or stacked.
//!
//! ```text
//! |  TPID 16 (stands in the place of the EtherType)  |
//! | PCP 3 | DEI 1 | VID 12 |  EtherType or next TPID 16 |
//! ```
//!
//! A tag's own four bytes begin after the TPID; which TPID led to it is part of the value. VID 0
//! is a priority tag. Tags lie outside the ICRC.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::bytes::be16;
use super::{Malformed, ethernet};

/// Bytes that one tag adds to a frame.
pub const LEN: usize = 4;
/// Where the EtherType of what follows begins, counted from behind the TPID.
pub const ETHERTYPE_AT: usize = 2;

/// TPID of a customer tag (802.1Q).
pub const TPID_CUSTOMER: u16 = 0x8100;
/// TPID of a service tag (802.1ad).
pub const TPID_SERVICE: u16 = 0x88a8;
/// TPID of stacked tags before 802.1ad, still met.
pub const TPID_STACKED: u16 = 0x9100;

/// Whether this EtherType announces a tag.
#[must_use]
pub const fn is_tpid(ethertype: u16) -> bool {
    matches!(ethertype, TPID_CUSTOMER | TPID_SERVICE | TPID_STACKED)
}

/// One tag of a stack: what it says, and not what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tag {
    /// `tpid`: 0x8100 (default), 0x88A8 or 0x9100.
    pub tpid: u16,
    /// `vid`: 0…4094; 0 is a priority tag.
    pub vid: u16,
    /// `pcp`: 0…7.
    pub pcp: u8,
    /// `dei`.
    pub dei: bool,
}

/// The tags of a frame, outermost first: two at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stack {
    tags: [Tag; Stack::MOST],
    count: usize,
}

impl Stack {
    /// Tags at most.
    pub const MOST: usize = 2;

    /// These tags; `None` when there are too many.
    #[must_use]
    pub fn new(tags: &[Tag]) -> Option<Stack> {
        let mut stack = Stack::default();
        stack.tags.get_mut(..tags.len())?.copy_from_slice(tags);
        stack.count = tags.len();
        Some(stack)
    }

    /// The same with one more inside; `None` when that is too many.
    #[must_use]
    pub fn with(mut self, tag: Tag) -> Option<Stack> {
        *self.tags.get_mut(self.count)? = tag;
        self.count += 1;
        Some(self)
    }

    /// VLAN of the innermost tag that names one.
    #[must_use]
    pub fn vid(&self) -> Option<u16> {
        self.iter().rev().map(|tag| tag.vid).find(|vid| *vid != 0)
    }
}

impl Deref for Stack {
    type Target = [Tag];

    fn deref(&self) -> &[Tag] {
        &self.tags[..self.count]
    }
}

impl DerefMut for Stack {
    fn deref_mut(&mut self) -> &mut [Tag] {
        &mut self.tags[..self.count]
    }
}

/// Writes an Ethernet header with its tags, outermost first, and returns its length.
///
/// # Panics
/// On a buffer that is shorter.
pub fn emit_link(
    dst: ethernet::Address,
    src: ethernet::Address,
    tags: &[Tag],
    ethertype: u16,
    out: &mut [u8],
) -> usize {
    let following = |tag: usize| tags.get(tag).map_or(ethertype, |tag| tag.tpid);
    ethernet::Repr {
        dst,
        src,
        ethertype: following(0),
    }
    .emit(out);
    for (index, tag) in tags.iter().enumerate() {
        let header = Repr {
            tpid: tag.tpid,
            pcp: tag.pcp,
            dei: tag.dei,
            vid: tag.vid,
            ethertype: following(index + 1),
        };
        header.emit(&mut out[ethernet::LEN + index * LEN..]);
    }
    ethernet::LEN + tags.len() * LEN
}

/// A VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repr {
    /// The TPID that announces this tag; written by the header before.
    pub tpid: u16,
    /// Priority Code Point, 0 to 7.
    pub pcp: u8,
    /// Drop Eligible Indicator.
    pub dei: bool,
    /// VLAN identifier, 0 to 4095.
    pub vid: u16,
    /// What follows: an EtherType or the next tag's TPID.
    pub ethertype: u16,
}

impl Repr {
    /// Reads the tag's control information and the type behind it; `tpid` stood before them.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below [`LEN`] bytes.
    pub fn parse(tpid: u16, bytes: &[u8]) -> Result<Repr, Malformed> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        let tci = be16(bytes, 0);
        Ok(Repr {
            tpid,
            pcp: bytes[0] >> 5,
            dei: tci & 0x1000 != 0,
            vid: tci & 0x0fff,
            ethertype: be16(bytes, 2),
        })
    }

    /// The tag control information.
    #[must_use]
    pub fn tci(&self) -> u16 {
        (u16::from(self.pcp & 7) << 13) | (u16::from(self.dei) << 12) | (self.vid & 0x0fff)
    }

    /// Writes the control information and the type behind it to the first [`LEN`] bytes. The TPID
    /// goes into the `ethertype` of the header before.
    pub fn emit(&self, buf: &mut [u8]) {
        let buf = &mut buf[..LEN];
        buf[0..2].copy_from_slice(&self.tci().to_be_bytes());
        buf[ETHERTYPE_AT..LEN].copy_from_slice(&self.ethertype.to_be_bytes());
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.tpid {
            TPID_CUSTOMER => "vlan",
            TPID_SERVICE => "svlan",
            _ => "qinq",
        };
        write!(f, "{name} {} p {}", self.vid, self.pcp)?;
        if self.dei { f.write_str(" DEI") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // PCP 5, DEI 1, VID 4094, then IPv6: IEEE 802.1Q figure 9-1.
    const BYTES: [u8; LEN] = [0xbf, 0xfe, 0x86, 0xdd];
    const REPR: Repr = Repr {
        tpid: TPID_SERVICE,
        pcp: 5,
        dei: true,
        vid: 4094,
        ethertype: 0x86dd,
    };

    #[test]
    fn parses_and_emits() {
        assert_eq!(Repr::parse(TPID_SERVICE, &BYTES), Ok(REPR));
        let mut buf = [0xa5; LEN];
        REPR.emit(&mut buf);
        assert_eq!(buf, BYTES);
    }

    #[test]
    fn short_is_truncated() {
        assert_eq!(Repr::parse(TPID_CUSTOMER, &BYTES[..3]), Err(Malformed::Truncated));
    }

    #[test]
    fn displays() {
        assert_eq!(REPR.to_string(), "svlan 4094 p 5 DEI");
    }
}
