//! Messages that are cut over the QPs of their pair, from their release until they are done with.
//!
//! Contract: a message is sent when all of its parts are, and received when all of its parts are. The first QP of a pair
//! begins each message, and no other message is released before that QP has sent its part: so the departure of that part's first
//! packet is the message's, and the others' parts are begun in the order of messages.
//!
//! Left out on purpose: packets (see `lane`).

use std::collections::VecDeque;

use crate::units::Picos;

/// A message that is not done with.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Parts that were not sent whole.
    unsent: u32,
    /// Parts that a closed loop waits for.
    unreceived: u32,
    /// Until when it waits for them; known when all are sent.
    deadline: Picos,
}

impl Open {
    const fn is_done(&self) -> bool {
        self.unsent == 0 && self.unreceived == 0
    }
}

/// The messages of one pair, in the order of their release.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    /// Number of the first that is kept.
    first: u32,
    open: VecDeque<Open>,
}

impl Whole {
    /// A message is released: so many parts are to be sent, and received where a closed loop waits for that.
    pub fn release(&mut self, parts: u32, closed: bool) {
        self.open.push_back(Open {
            unsent: parts,
            unreceived: if closed { parts } else { 0 },
            deadline: Picos::MAX,
        });
    }

    /// The youngest message is not begun after all.
    pub fn withdraw(&mut self) {
        self.open.pop_back();
    }

    fn find(&mut self, number: u32) -> Option<&mut Open> {
        self.open.get_mut(number.wrapping_sub(self.first) as usize)
    }

    /// A part of message `number`, which counts the pair's messages, is sent whole: whether it was the last. A closed loop
    /// waits until `deadline` for what is not received by then.
    pub fn sent(&mut self, number: u32, deadline: Picos) -> bool {
        let Some(message) = self.find(number) else { return false };
        message.unsent = message.unsent.saturating_sub(1);
        let is_sent = message.unsent == 0;
        if is_sent {
            message.deadline = deadline;
        }
        self.tidy();
        is_sent
    }

    /// A part of message `number` was received whole: whether it was the last.
    pub fn received(&mut self, number: u32) -> bool {
        let Some(message) = self.find(number) else { return false };
        // Where that is none, it was given up.
        let was_open = message.unreceived > 0;
        message.unreceived = message.unreceived.saturating_sub(1);
        let is_received = was_open && message.unreceived == 0;
        self.tidy();
        is_received
    }

    /// Gives up messages whose deadline has passed, and says how many.
    pub fn expire(&mut self, now: Picos) -> u64 {
        let mut given_up = 0;
        for message in &mut self.open {
            if message.deadline > now {
                break;
            }
            if message.unreceived > 0 {
                message.unreceived = 0;
                given_up += 1;
            }
        }
        self.tidy();
        given_up
    }

    /// When the first message of those that are waited for is given up.
    #[must_use]
    pub fn deadline(&self) -> Picos {
        self.open.front().map_or(Picos::MAX, |message| message.deadline)
    }

    /// Messages that are not sent, or that a closed loop waits for.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.open.iter().filter(|message| !message.is_done()).count()
    }

    fn tidy(&mut self) {
        while self.open.front().is_some_and(Open::is_done) {
            self.open.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Picos = Picos::from_micros(7);

    #[test]
    fn a_message_is_sent_and_received_with_its_last_part() {
        let mut whole = Whole::default();
        whole.release(2, true);
        whole.release(2, true);
        assert!(!whole.sent(0, AT));
        // A part arrives before the other one is sent.
        assert!(!whole.received(0));
        assert!(whole.sent(0, AT));
        assert_eq!((whole.in_flight(), whole.deadline()), (2, AT));
        assert!(!whole.sent(1, AT) && whole.sent(1, AT));
        // The second is complete before the first.
        assert!(!whole.received(1) && whole.received(1));
        assert_eq!(whole.in_flight(), 1);
        assert!(whole.received(0));
        assert_eq!((whole.in_flight(), whole.deadline()), (0, Picos::MAX));
        // Its numbers go on, and a part that comes twice is none of another message.
        assert!(!whole.received(1));
        whole.release(1, false);
        assert!(whole.sent(2, AT));
        assert_eq!(whole.in_flight(), 0);
    }

    #[test]
    fn what_is_overdue_is_given_up_and_its_late_parts_are_nothing() {
        let mut whole = Whole::default();
        whole.release(2, true);
        whole.release(2, true);
        for number in [0, 0, 1] {
            whole.sent(number, AT);
        }
        assert!(!whole.received(0));
        assert_eq!(whole.expire(Picos(AT.0 - 1)), 0);
        assert_eq!(whole.expire(AT), 1);
        assert!(!whole.received(0));
        assert_eq!((whole.in_flight(), whole.deadline()), (1, Picos::MAX));
        whole.withdraw();
        assert_eq!(whole.in_flight(), 0);
    }
}
