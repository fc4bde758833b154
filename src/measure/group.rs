//! Messages that complete together: rounds of an incast, bursts, dispatches, transfers of several
//! messages.
//!
//! Contract: a group is complete when as many messages completed as it has; its time runs from the
//! first departure to the last arrival of any of them. Of a recorder that sees all frames, at most
//! [`OPEN`] groups of an entry are under way: where senders draw further apart than that, the first
//! one is given up, and its messages are counted. One of several recorders keeps every group for the
//! merge.
//!
//! Left out on purpose: which messages form a group (the plan's).

use std::collections::BTreeMap;

use crate::units::Picos;

/// Groups of an entry under way at once.
pub const OPEN: usize = 16_384;

/// A group under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its key.
    pub key: u64,
    /// Messages that it has.
    pub expected: u64,
    /// Messages received whole.
    pub done: u64,
    /// First departure.
    pub departure: Picos,
    /// Last arrival.
    pub arrival: Picos,
}

impl Group {
    fn add(&mut self, other: &Group) {
        self.done += other.done;
        self.departure = self.departure.min(other.departure);
        self.arrival = self.arrival.max(other.arrival);
    }

    fn is_complete(&self) -> bool {
        self.done >= self.expected
    }

    /// From the first departure to the last arrival.
    #[must_use]
    pub fn duration(&self) -> Picos {
        self.arrival.saturating_sub(self.departure)
    }
}

/// The groups of one entry.
#[derive(Debug, Clone)]
pub struct Groups {
    open: BTreeMap<u64, Group>,
    room: usize,
    given_up: u64,
}

impl Default for Groups {
    fn default() -> Self {
        Groups {
            open: BTreeMap::new(),
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

    /// Gives its groups away and goes on with none.
    #[must_use]
    pub fn hand_over(&mut self) -> Groups {
        Groups {
            open: std::mem::take(&mut self.open),
            room: self.room,
            given_up: std::mem::take(&mut self.given_up),
        }
    }

    /// Gives the first groups up where more are under way than there is room for.
    pub fn trim(&mut self) {
        while self.open.len() > self.room
            && let Some((_, first)) = self.open.pop_first()
        {
            self.given_up += first.done;
        }
    }

    /// Takes in the unfinished groups of another core and returns those that are complete now.
    pub fn merge(&mut self, other: Groups) -> Vec<Group> {
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
            arrival: Picos(arrival),
        }
    }

    #[test]
    fn a_group_runs_from_first_departure_to_last_arrival() {
        let mut groups = Groups::default();
        assert_eq!(groups.add(message(1, 10, 50)), None);
        assert_eq!(groups.add(message(1, 5, 40)), None);
        let done = groups.add(message(1, 7, 60)).unwrap();
        assert_eq!(done.duration(), Picos(55));
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
        assert!(complete.iter().all(|group| group.duration() == Picos(43)));
        assert_eq!(a.incomplete(), 1);
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
