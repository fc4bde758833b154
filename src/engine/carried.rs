//! A frame in the reference fabric: the very buffer that a port sent.
//!
//! Contract: what the fabric changes in a buffer, its sender must not take for its own work: the
//! buffer's mark is forgotten. A frame whose payload is to be harmed is copied first, because
//! payload is filled in once for all frames.
//!
//! Left out on purpose: when to change what (`fabric`).

use crate::dpdk::{RingFrame, TxPool};
use crate::fabric::Frame;
use crate::wire::ecn;
use crate::wire::template::{HEADER_ROOM, forget_header};

/// One frame under way.
pub struct Carried<'a> {
    frame: RingFrame,
    /// Where copies come from: never a pool that frames are sent from.
    copies: &'a TxPool,
}

impl<'a> Carried<'a> {
    /// A frame that a port has sent.
    #[must_use]
    pub fn new(frame: RingFrame, copies: &'a TxPool) -> Carried<'a> {
        Carried { frame, copies }
    }

    /// The buffer.
    #[must_use]
    pub fn into_inner(self) -> RingFrame {
        self.frame
    }
}

impl Frame for Carried<'_> {
    fn bytes(&self) -> &[u8] {
        self.frame.bytes()
    }

    fn mark_ce(&mut self) {
        let mark = self.frame.mark_mut();
        *mark = forget_header(*mark);
        ecn::mark_ce(self.frame.header_mut(HEADER_ROOM));
    }

    fn corrupt(self, bit: u64) -> Option<Self> {
        let mut copy = self.copy()?;
        let bytes = copy.frame.header_mut(usize::MAX);
        let at = usize::try_from(bit / 8).ok()?;
        *bytes.get_mut(at)? ^= 0x80 >> (bit % 8);
        Some(copy)
    }

    fn copy(&self) -> Option<Self> {
        Some(Carried {
            frame: self.frame.copy(self.copies)?,
            copies: self.copies,
        })
    }

    #[inline]
    fn prefetch(&self) {
        self.frame.prefetch();
    }
}
