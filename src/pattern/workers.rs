//! Which workers a pattern names.

use super::{Kind, Pattern};

impl Kind {
    /// Every worker that the entry names, in no particular order, perhaps repeatedly.
    pub fn workers(&self) -> impl Iterator<Item = u32> + '_ {
        let (some, more, one): (&[u32], &[u32], Option<u32>) = match self {
            Kind::Transfer(t) => (&t.from.0, &t.to.0, None),
            Kind::Incast(i) => (&i.senders.0, &[], Some(i.receiver)),
            Kind::Burst(b) => (&b.from.0, &b.to.0, None),
            Kind::AllToAll(a) => (&a.ranks.0, &[], None),
            Kind::Background(b) => (&b.from.0, &b.to.0, None),
            Kind::Pfc(p) => (&[], &[], Some(p.from)),
            Kind::EcnProbe(e) => (&e.senders.0, &[], Some(e.receiver)),
        };
        some.iter().chain(more).copied().chain(one)
    }
}

impl Pattern {
    /// How many workers a testbed must have: the highest number named, plus one.
    #[must_use]
    pub fn workers_needed(&self) -> u32 {
        let highest = self.traffic.iter().flat_map(|entry| entry.kind.workers()).max();
        highest.map_or(0, |highest| highest.saturating_add(1))
    }
}
