//! READs that a responder has been asked for and has not answered whole, of one QP.
//!
//! Contract: they are answered in the order of their PSNs, which is that in which a requester wants them. One that is asked for
//! again takes the place of what is left of it: a requester asks from the first byte that it misses. A READ that comes before
//! the one being answered goes first, and that one begins anew: its requester would drop what comes out of sequence.
//!
//! Source: IBTA Vol 1, 9.4.4 (READ), 9.7.5.1 (responses in the order of the requests; a duplicate READ is executed again).
//!
//! Left out on purpose: which request is expected (`responder`), and packets (`lane`).

use std::collections::VecDeque;

/// READs that may wait: a requester has at most 255 under way, and each may have been asked for again.
const ROOM: usize = 512;

/// A READ to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Sequence number of its first response.
    pub seq: u64,
    /// The sequence number after its last response.
    pub end: u64,
    /// Number of its message.
    pub number: u32,
    /// Messages that the responder had completed with it, or with the newest when it was asked for again.
    pub msn: u32,
    /// Where the data stand.
    pub va: u64,
    /// Bytes asked for.
    pub len: u32,
}

/// The READs of one QP.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    waiting: VecDeque<Read>,
    /// The first of them is being answered.
    begun: bool,
    /// The first sequence number that was never sent; 0 before anything was.
    high: u64,
}

impl Reads {
    /// A READ is asked for, for the first time or again; one for which there is no room is forgotten, and will be asked for again.
    pub fn ask(&mut self, read: Read) {
        if let Some(place) = self.waiting.iter().position(|other| other.end == read.end) {
            self.waiting.remove(place);
            self.begun &= place != 0;
        }
        if self.waiting.len() >= ROOM {
            return;
        }
        let place = self.waiting.partition_point(|other| other.seq <= read.seq);
        self.begun &= place != 0;
        self.waiting.insert(place, read);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The READ to begin with, if none is being answered.
    pub fn begin(&mut self) -> Option<Read> {
        if self.begun {
            return None;
        }
        self.begun = !self.waiting.is_empty();
        self.waiting.front().copied()
    }

    /// The response `seq` leaves, `last` being its READ's last one; whether it was sent before.
    pub fn sent(&mut self, seq: u64, last: bool) -> bool {
        if last {
            self.waiting.pop_front();
            self.begun = false;
        }
        let again = seq < self.high;
        self.high = self.high.max(seq + 1);
        again
    }

    /// The first sequence number that was never sent, `first` being that of the first response of all.
    #[must_use]
    pub fn high(&self, first: u64) -> u64 {
        self.high.max(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seq: u64, end: u64) -> Read {
        Read {
            seq,
            end,
            number: 0,
            msn: 0,
            va: 0,
            len: 0,
        }
    }

    /// Responses that leave until nothing is asked for any more, at most `most`, with whether they were sent before.
    fn answer(reads: &mut Reads, at: &mut Option<(u64, u64)>, most: usize) -> Vec<(u64, bool)> {
        let mut out = Vec::new();
        while out.len() < most && !reads.is_empty() {
            if let Some(next) = reads.begin() {
                *at = Some((next.seq, next.end));
            }
            let (seq, end) = at.unwrap();
            out.push((seq, reads.sent(seq, seq + 1 == end)));
            *at = Some((seq + 1, end));
        }
        out
    }

    #[test]
    fn reads_are_answered_in_order_and_each_once() {
        let (mut reads, mut at) = (Reads::default(), None);
        reads.ask(read(5, 7));
        reads.ask(read(7, 8));
        let answered = answer(&mut reads, &mut at, 9);
        assert_eq!(answered, [(5, false), (6, false), (7, false)]);
        assert!(reads.is_empty() && reads.begin().is_none());
        assert_eq!((reads.high(5), Reads::default().high(5)), (8, 5));
    }

    #[test]
    fn what_is_asked_again_takes_the_place_of_what_is_left() {
        let (mut reads, mut at) = (Reads::default(), None);
        reads.ask(read(0, 4));
        reads.ask(read(4, 6));
        answer(&mut reads, &mut at, 3);
        // The response 1 was lost: its requester goes back, and asks for all that follows again.
        reads.ask(read(1, 4));
        reads.ask(read(4, 6));
        let answered = answer(&mut reads, &mut at, 9);
        assert_eq!(answered, [(1, true), (2, true), (3, false), (4, false), (5, false)]);
    }

    #[test]
    fn an_older_one_goes_first_and_the_one_being_answered_begins_anew() {
        let (mut reads, mut at) = (Reads::default(), None);
        reads.ask(read(0, 2));
        answer(&mut reads, &mut at, 2);
        reads.ask(read(2, 5));
        answer(&mut reads, &mut at, 2);
        // A copy of the first request, made by the network.
        reads.ask(read(0, 2));
        let answered = answer(&mut reads, &mut at, 9);
        let sequence: Vec<u64> = answered.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(sequence, [0, 1, 2, 3, 4]);
        assert_eq!(answered.iter().filter(|(_, again)| !again).count(), 1);
    }
}
