//! Middle packets of unpaced lanes, many at a time.
//!
//! Contract: what [`Lane::take`] would do, without what a Middle packet cannot need.

use super::Lane;
use crate::plan::EntryPlan;
use crate::plan::segment::Position;
use crate::transport::flow::TxFlow;
use crate::units::Picos;

/// Turns of QPs that [`Lane::take_middles`] looks ahead.
pub const TURNS: usize = 64;

impl Lane {
    /// Takes at most `most` Middle packets that leave now, at most [`TURNS`]. `write` is given the QPs and the order of their
    /// turns, and says how many packets it has taken ([`TxFlow::advance`]): each that is a Middle one
    /// ([`TxFlow::is_in_the_middle`]), until one is not. Returns how many.
    ///
    /// For unpaced lanes: this is [`Lane::take`] without what a Middle packet cannot need.
    #[inline]
    pub fn take_middles(
        &mut self,
        entry: &EntryPlan,
        at: Picos,
        most: usize,
        write: impl FnOnce(&mut [TxFlow], &[u32]) -> usize,
    ) -> usize {
        let may_release = self.next_release <= at && !self.held_back;
        if !self.plain || may_release || self.ring.is_empty() {
            return 0;
        }
        let mut order = [0; TURNS];
        let order = self.turns(&mut order[..most.min(TURNS)]);
        let taken = write(&mut self.flows, order).min(order.len());
        self.ring.rotate_left(taken % self.ring.len());
        let count = taken as u64;
        let pmtu = entry.frame.pmtu;
        self.sent.packets += count;
        self.sent.payload_bytes += count * u64::from(pmtu);
        let frame_len = u64::from(self.overhead[Position::Middle as usize] + pmtu);
        self.sent.frame_bytes += count * frame_len;
        if taken > 0 {
            self.sent.last_bytes = frame_len;
        }
        self.pacer.restart(at);
        taken
    }

    /// Fills `order` with the QPs whose turns come next, over and over if they are fewer; there is one at least.
    #[inline]
    fn turns<'a>(&self, order: &'a mut [u32]) -> &'a [u32] {
        let mut filled = 0;
        let (front, back) = self.ring.as_slices();
        for part in [front, back] {
            let count = part.len().min(order.len() - filled);
            order[filled..filled + count].copy_from_slice(&part[..count]);
            filled += count;
        }
        // As long as there is room, `filled` is a number of whole rounds.
        while filled < order.len() {
            let count = filled.min(order.len() - filled);
            order.copy_within(..count, filled);
            filled += count;
        }
        order
    }
}
