//! Which workers a pattern names.

use super::{Kind, Pattern};

/// What a worker does in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It only sends.
    Sends,
    /// It only receives.
    Receives,
    /// It does both, or neither.
    Both,
}

impl Kind {
    /// Every worker that the entry names, in no particular order, perhaps repeatedly.
    pub fn workers(&self) -> impl Iterator<Item = u32> + '_ {
        let pauses = if let Kind::Pfc(pfc) = self {
            Some(pfc.from)
        } else {
            None
        };
        self.senders().iter().chain(self.receivers()).copied().chain(pauses)
    }

    /// Workers that send its messages.
    #[must_use]
    pub fn senders(&self) -> &[u32] {
        match self {
            Kind::Transfer(t) => &t.from.0,
            Kind::Incast(i) => &i.senders.0,
            Kind::Burst(b) => &b.from.0,
            Kind::AllToAll(a) => &a.ranks.0,
            Kind::Background(b) => &b.from.0,
            Kind::Pfc(_) => &[],
            Kind::EcnProbe(e) => &e.senders.0,
        }
    }

    /// Workers that they are sent to.
    #[must_use]
    pub fn receivers(&self) -> &[u32] {
        match self {
            Kind::Transfer(t) => &t.to.0,
            Kind::Incast(i) => std::slice::from_ref(&i.receiver),
            Kind::Burst(b) => &b.to.0,
            Kind::AllToAll(a) => &a.ranks.0,
            Kind::Background(b) => &b.to.0,
            Kind::Pfc(_) => &[],
            Kind::EcnProbe(e) => std::slice::from_ref(&e.receiver),
        }
    }
}

impl Pattern {
    /// How many workers a testbed must have: the highest number named, plus one.
    #[must_use]
    pub fn workers_needed(&self) -> u32 {
        let highest = self.traffic.iter().flat_map(|entry| entry.kind.workers()).max();
        highest.map_or(0, |highest| highest.saturating_add(1))
    }

    /// What each worker does, by its number.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        let mut does = vec![(false, false); self.workers_needed() as usize];
        for kind in self.traffic.iter().map(|entry| &entry.kind) {
            for worker in kind.senders() {
                does[*worker as usize].0 = true;
            }
            for worker in kind.receivers() {
                does[*worker as usize].1 = true;
            }
        }
        let role = |does| match does {
            (true, false) => Role::Sends,
            (false, true) => Role::Receives,
            (true, true) | (false, false) => Role::Both,
        };
        does.into_iter().map(role).collect()
    }
}
