//! Messages that complete together: rounds of an incast, bursts, dispatches, transfers of several
//! messages.
//!
//! Contract: a group is complete when as many messages completed as it has; its time runs from the
//! first departure to the last arrival of any of them. A group that another pushes out of the
//! table incomplete is kept for the merge of several cores.
//!
//! Left out on purpose: which messages form a group (the plan's).

use crate::units::Picos;

/// Groups under way at once, before the oldest is set aside.
const SLOTS: usize = 1024;

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
    slots: Vec<Option<Group>>,
    set_aside: Vec<Group>,
}

impl Default for Groups {
    fn default() -> Self {
        Groups {
            slots: vec![None; SLOTS],
            set_aside: Vec::new(),
        }
    }
}

impl Groups {
    /// Adds a completed message and returns the group when it was its last.
    pub fn add(&mut self, message: Group) -> Option<Group> {
        let index = usize::try_from(crate::plan::mix(message.key) % SLOTS as u64).unwrap_or(0);
        let slot = &mut self.slots[index];
        let group = match slot {
            Some(group) if group.key == message.key => {
                group.add(&message);
                *group
            }
            _ => {
                self.set_aside.extend(slot.replace(message));
                message
            }
        };
        if group.is_complete() {
            *slot = None;
            return Some(group);
        }
        None
    }

    /// Takes in the unfinished groups of another core and returns those that are complete now.
    pub fn merge(&mut self, other: Groups) -> Vec<Group> {
        let mut open: Vec<Group> = std::mem::take(&mut self.slots)
            .into_iter()
            .chain(other.slots)
            .flatten()
            .chain(std::mem::take(&mut self.set_aside))
            .chain(other.set_aside)
            .collect();
        open.sort_by_key(|group| group.key);
        let mut merged: Vec<Group> = Vec::new();
        for group in open {
            match merged.last_mut() {
                Some(last) if last.key == group.key => last.add(&group),
                _ => merged.push(group),
            }
        }
        let (complete, open) = merged.into_iter().partition(Group::is_complete);
        self.slots = vec![None; SLOTS];
        self.set_aside = open;
        complete
    }

    /// Groups of which some messages were received and others were not.
    #[must_use]
    pub fn incomplete(&self) -> usize {
        self.slots.iter().flatten().count() + self.set_aside.len()
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
        for key in 0..5000 {
            a.add(message(key, 10, 50));
            a.add(message(key, 9, 30));
            if key != 77 {
                b.add(message(key, 11, 52));
            }
        }
        let complete = a.merge(b);
        assert_eq!(complete.len(), 4999);
        assert!(complete.iter().all(|group| group.duration() == Picos(43)));
        assert_eq!(a.incomplete(), 1);
    }
}
