//! Packets of one QP that came while others before them were missing, for a responder that places them at once.
//!
//! Contract: what is put in comes out in the order of the sequence numbers, each once and none before its turn. Memory grows
//! with the widest gap, to [`ROOM`] places at most.
//!
//! Left out on purpose: what is kept of a packet.

use std::collections::VecDeque;

/// Packets that may be ahead of the one that is missing, itself included.
pub const ROOM: u64 = 256;

/// What waits for missing packets.
#[derive(Debug, Clone)]
pub struct Ahead<T> {
    next: u64,
    /// The place of `next` first.
    held: VecDeque<Option<T>>,
}

impl<T> Ahead<T> {
    /// For a QP whose first packet has sequence number `first`.
    #[must_use]
    pub fn new(first: u64) -> Ahead<T> {
        Ahead {
            next: first,
            held: VecDeque::new(),
        }
    }

    /// The oldest sequence number that is missing.
    #[inline]
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether there is a place for `seq`, which has not come yet.
    #[must_use]
    pub fn takes(&self, seq: u64) -> bool {
        (self.next..self.next + ROOM).contains(&seq) && !self.holds(seq)
    }

    /// Whether `seq` waits.
    #[must_use]
    pub fn holds(&self, seq: u64) -> bool {
        self.place(seq)
            .is_some_and(|place| self.held.get(place).is_some_and(Option::is_some))
    }

    fn place(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.next)?).ok()
    }

    /// `seq` has come; one that [`Ahead::takes`] refuses changes nothing.
    pub fn put(&mut self, seq: u64, what: T) {
        let Some(place) = self.place(seq).filter(|_| self.takes(seq)) else {
            return;
        };
        if self.held.len() <= place {
            self.held.resize_with(place + 1, || None);
        }
        self.held[place] = Some(what);
    }

    /// The next in order, if it has come.
    pub fn pop(&mut self) -> Option<T> {
        let what = self.held.front_mut()?.take()?;
        self.held.pop_front();
        self.next += 1;
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_any_order_goes_out_in_one() {
        let mut ahead = Ahead::new(10);
        let mut out = Vec::new();
        for seq in [12, 11, 12, 10, 9, 14, 13, 13, 16] {
            ahead.put(seq, seq);
            out.extend(std::iter::from_fn(|| ahead.pop()));
        }
        assert_eq!(out, [10, 11, 12, 13, 14]);
        assert_eq!((ahead.next(), ahead.holds(15), ahead.holds(16)), (15, false, true));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut ahead = Ahead::new(0);
        assert!(ahead.takes(0) && ahead.takes(ROOM - 1) && !ahead.takes(ROOM));
        ahead.put(ROOM, ());
        assert!(!ahead.holds(ROOM));
        ahead.put(0, ());
        assert_eq!(ahead.pop(), Some(()));
        assert!(ahead.takes(ROOM) && !ahead.takes(0));
    }
}
