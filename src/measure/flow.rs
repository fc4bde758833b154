//! Receiving state of one QP: what was seen, and the messages under way. With the 64 bytes of its
//! sending state it is at most 256 bytes.
//!
//! Contract: plain state machines; the caller has checked that the frame belongs to the flow.
//!
//! Left out on purpose: time and ports other than as arguments.

use crate::units::Picos;

/// How far behind the newest sequence number a packet can still be told from its duplicate.
pub const WINDOW: u64 = 256;

/// A sequence number further ahead than this is taken for damage, not for loss.
pub const LARGEST_JUMP: u64 = 1 << 24;

/// What a sequence number says of its packet (RFC 4737 section 3: reordered when smaller than the
/// next expected).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The newest so far.
    New,
    /// Late, and not seen before.
    Reordered,
    /// Seen before.
    Duplicate,
    /// Older than the window: late, or a late duplicate.
    TooOld,
    /// No flow could have sent it.
    Impossible,
}

/// A message under way.
#[derive(Debug, Clone, Copy)]
struct Message {
    number: u32,
    received: u32,
    first_seq: u64,
    last_seq: u64,
    departure: Picos,
    /// Latest arrival of any of its packets.
    arrival: Picos,
    /// Arrival of its last packet.
    signal: Picos,
}

const UNKNOWN: u64 = u64::MAX;

impl Message {
    const NONE: Message = Message {
        number: u32::MAX,
        received: 0,
        first_seq: UNKNOWN,
        last_seq: UNKNOWN,
        departure: Picos::MAX,
        arrival: Picos::ZERO,
        signal: Picos::ZERO,
    };
}

/// A message received whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completed {
    /// Its number.
    pub number: u32,
    /// Departure of its first packet; `None` when that carried no stamp.
    pub departure: Option<Picos>,
    /// Arrival of its last packet: the completion signal.
    pub signal: Picos,
    /// Arrival of whichever packet came last.
    pub arrival: Picos,
}

/// Where in a message a packet stands, by its opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// First or Only.
    pub first: bool,
    /// Last or Only.
    pub last: bool,
}

/// Messages of one flow that may be under way at once: a sprayed flow may mix neighbours.
const UNDER_WAY: usize = 2;

/// Receiving state of one QP.
#[derive(Debug, Clone)]
pub struct RxFlow {
    /// Next expected sequence number.
    next: u64,
    /// Bit `seq mod WINDOW` of the last [`WINDOW`] sequence numbers.
    window: [u64; 4],
    /// Packets received, each once.
    pub packets: u64,
    /// Payload bytes of them.
    pub bytes: u64,
    /// Packets received again, or dropped by a responder.
    pub duplicated: u32,
    /// Packets received late.
    pub reordered: u32,
    /// Packets with CE.
    pub ce: u32,
    /// Index of its pair over all entries.
    pub pair: u32,
    /// Index of its entry.
    pub entry: u16,
    /// The port on which its frames are expected.
    pub port: u16,
    /// Messages received whole.
    pub messages: u32,
    /// Earliest arrival.
    pub first_arrival: Picos,
    /// Latest arrival.
    pub last_arrival: Picos,
    under_way: [Message; UNDER_WAY],
}

impl RxFlow {
    /// A flow whose first packet has sequence number `first`.
    #[must_use]
    pub fn new(first: u64, pair: u32, entry: u16, port: u16) -> RxFlow {
        RxFlow {
            next: first,
            window: [0; 4],
            packets: 0,
            bytes: 0,
            duplicated: 0,
            reordered: 0,
            ce: 0,
            pair,
            entry,
            port,
            messages: 0,
            first_arrival: Picos::MAX,
            last_arrival: Picos::ZERO,
            under_way: [Message::NONE; UNDER_WAY],
        }
    }

    /// A packet came that a responder did not take.
    #[inline]
    pub fn dropped(&mut self, marked: bool) {
        self.duplicated = self.duplicated.saturating_add(1);
        self.ce = self.ce.saturating_add(u32::from(marked));
    }

    /// Adds what another core has counted. Order cannot be told across cores: RSS keeps a flow on
    /// one, unless its source port changes.
    pub fn merge(&mut self, other: &RxFlow) {
        self.next = self.next.max(other.next);
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.duplicated = self.duplicated.saturating_add(other.duplicated);
        self.reordered = self.reordered.saturating_add(other.reordered);
        self.ce = self.ce.saturating_add(other.ce);
        self.messages = self.messages.saturating_add(other.messages);
        self.first_arrival = self.first_arrival.min(other.first_arrival);
        self.last_arrival = self.last_arrival.max(other.last_arrival);
    }

    /// The sequence number that follows the newest seen.
    #[inline]
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.next
    }

    /// The sequence number that a bare PSN most likely stands for: the one nearest to what is
    /// expected.
    #[must_use]
    pub fn unwrap_psn(&self, psn: u32) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the low 24 bits are wanted")]
        let ahead = psn.wrapping_sub(self.next as u32) & 0x00ff_ffff;
        let distance = i64::from(ahead) - if ahead >= 1 << 23 { 1 << 24 } else { 0 };
        self.next.saturating_add_signed(distance)
    }

    /// Takes note of `seq`; `first` is the flow's first.
    #[inline]
    pub fn see(&mut self, seq: u64, first: u64) -> Seen {
        let bit = |seq: u64| (usize::try_from(seq / 64 % 4).unwrap_or(0), 1u64 << (seq % 64));
        if seq >= self.next {
            let skipped = seq - self.next;
            if skipped > LARGEST_JUMP {
                return Seen::Impossible;
            }
            if skipped >= WINDOW {
                self.window = [0; 4];
            } else {
                for missing in self.next..seq {
                    let (word, mask) = bit(missing);
                    self.window[word] &= !mask;
                }
            }
            let (word, mask) = bit(seq);
            self.window[word] |= mask;
            self.next = seq + 1;
            return Seen::New;
        }
        if seq < first {
            return Seen::Impossible;
        }
        if self.next - seq > WINDOW {
            return Seen::TooOld;
        }
        let (word, mask) = bit(seq);
        if self.window[word] & mask != 0 {
            return Seen::Duplicate;
        }
        self.window[word] |= mask;
        Seen::Reordered
    }

    /// Whether message `number` has begun here, and its last packet has not come.
    #[inline(always)]
    #[must_use]
    pub fn is_under_way(&self, number: u32) -> bool {
        let slot = &self.under_way[number as usize % UNDER_WAY];
        slot.number == number && slot.received != 0 && slot.last_seq == UNKNOWN
    }

    /// Takes a Middle packet into account that is the expected one, of a message that [is under way](RxFlow::is_under_way):
    /// what [`RxFlow::see`] and [`RxFlow::message`] would do, and the sums.
    #[inline(always)]
    pub fn continues(&mut self, number: u32, payload: u64, arrival: Picos) {
        let seq = self.next;
        let word = (seq / 64 % 4) as usize;
        self.window[word] |= 1 << (seq % 64);
        self.next = seq + 1;
        self.packets += 1;
        self.bytes += payload;
        self.first_arrival = self.first_arrival.min(arrival);
        self.last_arrival = arrival;
        let slot = &mut self.under_way[number as usize % UNDER_WAY];
        slot.received += 1;
        slot.arrival = slot.arrival.max(arrival);
    }

    /// Takes a packet of message `number` into account, and says when that completes the message. `departure` is none of one
    /// without a stamp.
    #[inline]
    pub fn message(
        &mut self,
        number: u32,
        seq: u64,
        place: Place,
        departure: Option<Picos>,
        arrival: Picos,
    ) -> Option<Completed> {
        if place.first && place.last {
            return Some(Completed {
                number,
                departure,
                signal: arrival,
                arrival,
            });
        }
        let slot = &mut self.under_way[number as usize % UNDER_WAY];
        if slot.number != number || slot.received == 0 {
            *slot = Message {
                number,
                ..Message::NONE
            };
        }
        slot.received += 1;
        slot.arrival = slot.arrival.max(arrival);
        if place.first {
            slot.first_seq = seq;
            slot.departure = departure.unwrap_or(Picos::MAX);
        }
        if place.last {
            slot.last_seq = seq;
            slot.signal = arrival;
        }
        if slot.first_seq == UNKNOWN || slot.last_seq == UNKNOWN || slot.last_seq < slot.first_seq {
            return None;
        }
        if u64::from(slot.received) != slot.last_seq - slot.first_seq + 1 {
            return None;
        }
        let done = *slot;
        *slot = Message::NONE;
        Some(Completed {
            number: done.number,
            departure: (done.departure != Picos::MAX).then_some(done.departure),
            signal: done.signal,
            arrival: done.arrival,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(first: u64) -> RxFlow {
        RxFlow::new(first, 0, 0, 0)
    }

    #[test]
    fn state_fits_the_promised_size() {
        let both = size_of::<RxFlow>() + size_of::<crate::transport::flow::TxFlow>();
        assert!(both <= 256, "{both}");
    }

    #[test]
    fn order_loss_and_duplicates_are_told_apart() {
        let mut f = flow(10);
        let seen: Vec<Seen> = [10, 11, 14, 12, 12, 14, 13, 15, 9].map(|seq| f.see(seq, 10)).to_vec();
        use Seen::{Duplicate, Impossible, New, Reordered};
        assert_eq!(
            seen,
            [
                New, New, New, Reordered, Duplicate, Duplicate, Reordered, New, Impossible
            ]
        );
        assert_eq!(f.see(15 + 300, 10), New);
        assert_eq!(f.see(16, 10), Seen::TooOld);
        assert_eq!(f.see(200, 10), Reordered);
        assert_eq!(f.see(200, 10), Duplicate);
        assert_eq!(f.see(1 << 40, 10), Impossible);
        assert_eq!(f.see(316, 10), New);
    }

    #[test]
    fn every_gap_length_is_remembered_as_missing() {
        for gap in 1..600 {
            let mut f = flow(0);
            for seq in 0..300 {
                f.see(seq, 0);
            }
            assert_eq!(f.see(300 + gap, 0), Seen::New);
            assert_eq!(
                f.see(300 + gap - 1, 0),
                if gap >= 1 { Seen::Reordered } else { Seen::Duplicate }
            );
            assert_eq!(f.see(300 + gap, 0), Seen::Duplicate);
        }
    }

    #[test]
    fn a_bare_psn_is_unwrapped_next_to_the_expected_one() {
        let mut f = flow(0x00ff_fffe);
        assert_eq!(f.unwrap_psn(0x00ff_fffe), 0x00ff_fffe);
        f.see(0x00ff_fffe, 0x00ff_fffe);
        assert_eq!(f.unwrap_psn(0), 0x0100_0000);
        assert_eq!(f.unwrap_psn(0x00ff_fffe), 0x00ff_fffe);
    }

    #[test]
    fn a_message_completes_when_all_its_packets_are_there_in_any_order() {
        let first = Place {
            first: true,
            last: false,
        };
        let middle = Place {
            first: false,
            last: false,
        };
        let last = Place {
            first: false,
            last: true,
        };
        let mut f = flow(0);
        let at = Picos::from_micros;
        assert_eq!(f.message(7, 3, last, Some(at(3)), at(10)), None);
        assert_eq!(f.message(7, 1, first, Some(at(1)), at(11)), None);
        let done = f.message(7, 2, middle, Some(at(2)), at(12)).unwrap();
        assert_eq!(
            done,
            Completed {
                number: 7,
                departure: Some(at(1)),
                signal: at(10),
                arrival: at(12)
            }
        );
        // The last packet too short for a stamp.
        assert_eq!(f.message(8, 4, first, Some(at(20)), at(21)), None);
        assert_eq!(f.message(8, 5, last, None, at(22)).map(|done| done.number), Some(8));
        // A lost first packet: never complete.
        assert_eq!(f.message(9, 7, middle, Some(at(30)), at(31)), None);
        assert_eq!(f.message(9, 8, last, Some(at(30)), at(31)), None);
    }
}
