//! Messages that complete together: rounds of an incast, bursts, dispatches, transfers of several
//! messages; and the parts of one message that is cut over QPs.
//!
//! Contract: a group is complete when as many messages completed as it has, whether their frames carry stamps or not; its time
//! runs from the first departure to the last arrival of any of them, and is known where a stamp tells which was the first. Of a recorder that sees all frames, at most
//! [`OPEN`] groups of an entry are under way: where senders draw further apart than that, the first
//! one is given up, and its messages are counted. One of several recorders keeps every group for the
//! merge.
//!
//! Left out on purpose: which messages form a group (the plan's).

use std::collections::BTreeMap;

use super::record::Times;
use crate::units::Picos;

/// Groups of an entry under way at once.
pub const OPEN: usize = 16_384;

/// A group under way: of messages, or of the parts of one message that is cut over QPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its key.
    pub key: u64,
    /// Messages, or parts, that it has.
    pub expected: u64,
    /// Those received whole.
    pub done: u64,
    /// First departure of those that had a stamp; [`Picos::MAX`]: of none.
    pub departure: Picos,
    /// One without a stamp may have left before that.
    pub untimed: bool,
    /// Last arrival.
    pub arrival: Picos,
    /// Last arrival of a last packet.
    pub signal: Picos,
    /// Of a message: the group that it is one of.
    pub outer: Option<Outer>,
}

/// The group of messages that a message is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outer {
    /// Its key.
    pub key: u64,
    /// Messages that it has.
    pub expected: u64,
    /// Another of its messages left before this one, on the same QP.
    pub follows: bool,
}

impl Group {
    fn add(&mut self, other: &Group) {
        self.done += other.done;
        self.departure = self.departure.min(other.departure);
        self.untimed |= other.untimed;
        self.arrival = self.arrival.max(other.arrival);
        self.signal = self.signal.max(other.signal);
    }

    fn is_complete(&self) -> bool {
        self.done >= self.expected
    }

    /// The message as one of its group.
    fn in_group(&self) -> Option<Group> {
        let outer = self.outer?;
        Some(Group {
            key: outer.key,
            expected: outer.expected,
            done: 1,
            untimed: self.untimed && !outer.follows,
            outer: None,
            ..*self
        })
    }

    /// When its first bit left, where that is known.
    fn begun(&self) -> Option<Picos> {
        (!self.untimed && self.departure != Picos::MAX).then_some(self.departure)
    }

    /// From the first departure to the last arrival; `None` when it cannot be told which was the first.
    #[must_use]
    pub fn duration(&self) -> Option<Picos> {
        self.begun().map(|begun| self.arrival.saturating_sub(begun))
    }
}

/// Messages and groups of them that were received whole, and the times of those whose first departure is known.
#[derive(Debug, Clone)]
pub struct CompletionRecord {
    /// Messages.
    pub messages: u64,
    /// First departure to arrival of the last packet, of each message, ps.
    pub message_latency: Times,
    /// First departure to arrival of the packet that came last, of each message, ps.
    pub message_completion: Times,
    /// Groups.
    pub groups: u64,
    /// First departure to last arrival of each group, ps.
    pub group_completion: Times,
}

impl Default for CompletionRecord {
    fn default() -> Self {
        CompletionRecord {
            messages: 0,
            message_latency: Times::settled(),
            message_completion: Times::settled(),
            groups: 0,
            group_completion: Times::settled(),
        }
    }
}

impl CompletionRecord {
    /// A message was received whole; `groups` has those that are under way.
    #[inline]
    pub fn message(&mut self, message: &Group, groups: &mut Groups) {
        self.messages += 1;
        if let Some(begun) = message.begun() {
            self.message_latency.see(message.signal.saturating_sub(begun).0);
            self.message_completion.see(message.arrival.saturating_sub(begun).0);
        }
        if let Some(group) = message.in_group().and_then(|part| groups.add(part)) {
            self.group(&group);
        }
    }

    fn group(&mut self, group: &Group) {
        self.groups += 1;
        if let Some(duration) = group.duration() {
            self.group_completion.see(duration.0);
        }
    }

    /// Messages without a time: the frame that left first has no stamp.
    #[must_use]
    pub fn untimed_messages(&self) -> u64 {
        self.messages.saturating_sub(self.message_latency.count())
    }

    /// Groups without a time: a frame without a stamp may have left first.
    #[must_use]
    pub fn untimed_groups(&self) -> u64 {
        self.groups.saturating_sub(self.group_completion.count())
    }

    /// Takes what another core has under way into `mine`, and counts what is complete now.
    pub fn bring_together(&mut self, mine: &mut Groups, mut theirs: Groups) {
        for message in mine.merge_parts(&mut theirs) {
            self.message(&message, mine);
        }
        for group in mine.merge(theirs) {
            self.group(&group);
        }
    }

    /// Adds what another core has counted.
    pub fn merge(&mut self, other: &CompletionRecord) {
        self.messages += other.messages;
        self.message_latency.merge(&other.message_latency);
        self.message_completion.merge(&other.message_completion);
        self.groups += other.groups;
        self.group_completion.merge(&other.group_completion);
    }
}

/// The groups of one entry.
#[derive(Debug, Clone)]
pub struct Groups {
    open: BTreeMap<u64, Group>,
    /// Messages of which some parts were received whole.
    parts: BTreeMap<u64, Group>,
    room: usize,
    given_up: u64,
}

impl Default for Groups {
    fn default() -> Self {
        Groups {
            open: BTreeMap::new(),
            parts: BTreeMap::new(),
            room: OPEN,
            given_up: 0,
        }
    }
}

impl Groups {
    /// Keeps every group, however many are under way: others may hold the rest of them.
    pub fn keep_all(&mut self) {
        self.room = usize::MAX;
    }

    /// Adds a completed message and returns the group when it was its last.
    pub fn add(&mut self, message: Group) -> Option<Group> {
        let group = self.open.entry(message.key).and_modify(|group| group.add(&message));
        let group = *group.or_insert(message);
        if group.is_complete() {
            self.open.remove(&group.key);
            return Some(group);
        }
        if self.open.len() > self.room
            && let Some((_, first)) = self.open.pop_first()
        {
            self.given_up += first.done;
        }
        None
    }

    /// Adds a part of a message and returns the message when it was its last.
    pub fn add_part(&mut self, part: Group) -> Option<Group> {
        let message = self.parts.entry(part.key).and_modify(|message| message.add(&part));
        let message = *message.or_insert(part);
        if message.is_complete() {
            self.parts.remove(&message.key);
            return Some(message);
        }
        // Those that lost a part are never complete: the oldest go.
        if self.parts.len() > self.room {
            self.parts.pop_first();
        }
        None
    }

    /// Takes the messages of which another core has seen parts out of `other`, and returns those that are complete now.
    fn merge_parts(&mut self, other: &mut Groups) -> Vec<Group> {
        let theirs = std::mem::take(&mut other.parts);
        theirs.into_values().filter_map(|part| self.add_part(part)).collect()
    }

    /// Gives its groups away and goes on with none.
    #[must_use]
    pub fn hand_over(&mut self) -> Groups {
        Groups {
            open: std::mem::take(&mut self.open),
            parts: std::mem::take(&mut self.parts),
            room: self.room,
            given_up: std::mem::take(&mut self.given_up),
        }
    }

    /// Gives the first groups up where more are under way than there is room for.
    pub fn trim(&mut self) {
        while self.parts.len() > self.room {
            self.parts.pop_first();
        }
        while self.open.len() > self.room
            && let Some((_, first)) = self.open.pop_first()
        {
            self.given_up += first.done;
        }
    }

    /// Takes in the unfinished groups of another core and returns those that are complete now.
    fn merge(&mut self, other: Groups) -> Vec<Group> {
        self.given_up += other.given_up;
        let mut complete = Vec::new();
        for (key, group) in other.open {
            let merged = self
                .open
                .entry(key)
                .and_modify(|mine| mine.add(&group))
                .or_insert(group);
            if merged.is_complete() {
                complete.push(*merged);
                self.open.remove(&key);
            }
        }
        complete
    }

    /// Groups of which some messages were received and others were not.
    #[must_use]
    pub fn incomplete(&self) -> usize {
        self.open.len()
    }

    /// Messages of groups that were given up.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: u64, departure: u64, arrival: u64) -> Group {
        Group {
            key,
            expected: 3,
            done: 1,
            departure: Picos(departure),
            untimed: false,
            arrival: Picos(arrival),
            signal: Picos(arrival),
            outer: None,
        }
    }

    #[test]
    fn a_group_runs_from_first_departure_to_last_arrival() {
        let mut groups = Groups::default();
        assert_eq!(groups.add(message(1, 10, 50)), None);
        assert_eq!(groups.add(message(1, 5, 40)), None);
        let done = groups.add(message(1, 7, 60)).unwrap();
        assert_eq!(done.duration(), Some(Picos(55)));
        assert_eq!(groups.incomplete(), 0);
    }

    #[test]
    fn groups_seen_by_two_cores_complete_in_the_merge() {
        let (mut a, mut b) = (Groups::default(), Groups::default());
        a.keep_all();
        b.keep_all();
        for key in 0..50_000 {
            a.add(message(key, 10, 50));
            a.add(message(key, 9, 30));
            if key != 77 {
                b.add(message(key, 11, 52));
            }
        }
        let complete = a.merge(b);
        assert_eq!(complete.len(), 49_999);
        assert!(complete.iter().all(|group| group.duration() == Some(Picos(43))));
        assert_eq!(a.incomplete(), 1);
    }

    /// Two messages of two parts make a group; each core sees one QP.
    #[test]
    fn parts_seen_by_two_cores_are_one_message_of_their_group() {
        let part = |number: u64, qp: u64, departure: Option<u64>| Group {
            key: number << 32,
            expected: 2,
            done: 1,
            departure: departure.map_or(Picos::MAX, Picos),
            untimed: departure.is_none() && qp == 0,
            arrival: Picos(100 + 10 * number + qp),
            signal: Picos(90 + 10 * number + qp),
            outer: Some(Outer {
                key: 7,
                expected: 2,
                follows: number > 0,
            }),
        };
        // The last part is empty, and so has no stamp: the first part tells when the message began.
        for (first, times) in [(Some(5), 1), (None, 0)] {
            let (mut a, mut b) = (Groups::default(), Groups::default());
            let mut record = CompletionRecord::default();
            for number in 0..2 {
                assert_eq!(a.add_part(part(number, 0, first)), None);
                assert_eq!(b.add_part(part(number, 1, None)), None);
            }
            record.bring_together(&mut a, b);
            assert_eq!((record.messages, record.groups, a.incomplete()), (2, 1, 0));
            assert_eq!(
                (record.untimed_messages(), record.untimed_groups()),
                (2 - 2 * times, 1 - times)
            );
            if times > 0 {
                assert_eq!(
                    (record.message_latency.least, record.message_latency.greatest),
                    (86, 96)
                );
                assert_eq!(record.group_completion.greatest, 106);
            }
        }
    }

    #[test]
    fn of_too_many_the_first_is_given_up_and_counted() {
        let mut groups = Groups::default();
        let many = OPEN as u64 + 10;
        for key in 0..many {
            groups.add(message(key, 10, 50));
            groups.add(message(key, 10, 50));
        }
        assert_eq!((groups.incomplete(), groups.given_up()), (OPEN, 20));
        // A straggler of one of those is the next to be given up.
        assert_eq!(groups.add(message(3, 10, 60)), None);
        assert_eq!((groups.incomplete(), groups.given_up()), (OPEN, 21));
        assert!(groups.add(message(many - 1, 10, 60)).is_some());
    }
}
