//! The end of an entry's connections that is a peer's, not squall's.
//!
//! Contract: plain values, by flow of the entry. A peer is at one side of all pairs of an entry.
//!
//! Left out on purpose: how entries come by QPs of a peer (`build`).

use crate::pattern::Start;
use crate::plan::{EntryPlan, Plan};
use crate::testbed::PeerQp;
use crate::units::Picos;

/// What an entry knows of the peer at its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerEnd {
    /// The peer sends the requests: squall is the responder. Else the peer is.
    pub requests: bool,
    /// Its QPs, by flow of the entry.
    pub qps: Box<[PeerQp]>,
    /// Messages that it is to send or to ask for; `None`: as many as it likes.
    pub messages: Option<u64>,
}

impl Plan {
    /// Whether at `now` a peer has time left to request what it is to request; `completed`: messages of an entry that came, or
    /// left where they were READs.
    pub fn awaits_peers(&self, now: Picos, completed: impl Fn(usize) -> u64) -> bool {
        self.entries.iter().enumerate().any(|(index, entry)| {
            let Some(peer) = entry.peer.as_ref().filter(|peer| peer.requests) else {
                return false;
            };
            let start = match entry.start {
                Start::At(time) => time,
                Start::After { .. } => Picos::ZERO,
            };
            let own = entry.duration.map(|duration| start.saturating_add(duration));
            let until = own.into_iter().chain(self.duration).min().unwrap_or(Picos::ZERO);
            now < until && peer.messages.is_none_or(|messages| completed(index) < messages)
        })
    }
}

impl EntryPlan {
    /// Whether a peer sends its requests.
    #[inline]
    #[must_use]
    pub fn is_requested_by_peer(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.requests)
    }

    /// Whether a peer sends its data: as the requester, or as the responder to READs.
    #[inline]
    #[must_use]
    pub fn is_from_peer(&self) -> bool {
        self.peer
            .as_ref()
            .is_some_and(|peer| peer.requests != self.verb.is_read())
    }

    /// Whether a peer receives its data.
    #[inline]
    #[must_use]
    pub fn is_to_peer(&self) -> bool {
        self.peer.is_some() && !self.is_from_peer()
    }

    fn qp(&self, index: u32, requests: bool) -> Option<&PeerQp> {
        let peer = self.peer.as_ref().filter(|peer| peer.requests == requests)?;
        peer.qps.get(index as usize)
    }

    /// The QPN to which requests of its `index`-th flow are addressed.
    #[must_use]
    pub fn request_qpn(&self, index: u32) -> u32 {
        self.qp(index, false).map_or(self.first_qpn + index, |qp| qp.qpn)
    }

    /// The QPN to which what answers them is addressed: both ends have the same number, unless one is a peer.
    #[must_use]
    pub fn answer_qpn(&self, index: u32) -> u32 {
        self.qp(index, true).map_or(self.first_qpn + index, |qp| qp.qpn)
    }

    /// PSN of the first packet of its `index`-th flow.
    #[must_use]
    pub fn first_psn(&self, index: u32) -> u32 {
        self.qp(index, true).map_or(self.frame.first_psn.value(), |qp| qp.psn)
    }
}
