//! Which packets have their ICRC verified, and by what.
//!
//! Contract: each packet of a plan takes one turn.
//!
//! Left out on purpose: what follows from a wrong one.

use super::Recorder;
use crate::pattern::IcrcCheck;
use crate::wire::Packet;

impl Recorder {
    /// From now on, ICRCs are verified by `routine`, if there is one. It is given an IPv4 packet without options or an IPv6 packet,
    /// from its header to its ICRC, and says whether that is right.
    pub fn verify_by(&mut self, routine: Option<fn(&[u8]) -> bool>) {
        self.routine = routine;
    }

    /// Whether it is this packet's turn to have its ICRC computed.
    #[inline]
    pub(super) fn icrc_turn(&mut self) -> bool {
        match self.icrc {
            IcrcCheck::All => true,
            IcrcCheck::None => false,
            IcrcCheck::OneIn(n) => {
                let turn = self.until_icrc == 0;
                self.until_icrc = if turn { n - 1 } else { self.until_icrc - 1 };
                turn
            }
        }
    }

    /// Whether the next packet's ICRC will be computed.
    #[inline(always)]
    pub(super) fn icrc_is_due(&self) -> bool {
        match self.icrc {
            IcrcCheck::All => true,
            IcrcCheck::None => false,
            IcrcCheck::OneIn(_) => self.until_icrc == 0,
        }
    }
}

/// Whether a packet's ICRC is right, by a faster routine where one serves its kind.
#[inline]
pub(super) fn is_right(routine: Option<fn(&[u8]) -> bool>, packet: &Packet<'_>) -> bool {
    match (routine, packet.l3()) {
        (Some(routine), Some(l3)) => routine(l3),
        _ => packet.verify_icrc(),
    }
}
