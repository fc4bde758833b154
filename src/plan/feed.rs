//! Which messages a lane sends and when each may begin.
//!
//! Contract: [`Work`] says how many messages an entry has, how long each is, when it may begin and which group it
//! belongs to; the same plan gives the same answers whoever asks. A message is named by its flow and its *number*:
//! the flow's own count for `transfer`, `incast` and `burst`, the dispatch for `alltoall`.
//!
//! Left out on purpose: packets. The lane (`lane.rs`) releases messages and cuts them up.

use std::sync::Arc;

use crate::pattern::{Arrival, Spread};
use crate::plan::deal::Deal;
use crate::plan::mix;
use crate::plan::routing::Routed;
use crate::plan::segment::packets;
use crate::units::Picos;

/// Sizes of the messages of one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of a message.
    pub message: u32,
    /// Messages of one transfer; 1 unless a KV cache is cut into several.
    pub per_transfer: u64,
    /// Bytes of a transfer's last message.
    pub last: u32,
}

impl Sizes {
    /// Bytes of the pair's `ordinal`-th message.
    #[must_use]
    pub fn of(&self, ordinal: u64) -> u32 {
        if self.per_transfer > 1 && ordinal % self.per_transfer == self.per_transfer - 1 {
            self.last
        } else {
            self.message
        }
    }

    /// Where the pair's `ordinal`-th message begins, when one follows the other in a buffer.
    #[must_use]
    pub fn place_of(&self, ordinal: u64) -> u64 {
        let (transfer, within) = (ordinal / self.per_transfer, ordinal % self.per_transfer);
        transfer
            .wrapping_mul(self.transfer_bytes())
            .wrapping_add(within.wrapping_mul(u64::from(self.message)))
    }

    /// Payload bytes of one whole transfer.
    #[must_use]
    pub fn transfer_bytes(&self) -> u64 {
        (self.per_transfer - 1) * u64::from(self.message)
            + u64::from(if self.per_transfer > 1 { self.last } else { self.message })
    }
}

/// The messages of one entry.
#[derive(Debug, Clone)]
pub enum Work {
    /// `transfer` and `background`: one message after another on each pair.
    Continuous {
        /// Sizes.
        sizes: Sizes,
        /// Messages of each pair; `None` is until the duration ends.
        count: Option<u64>,
        /// Messages of a pair sent and not yet received, at most.
        outstanding: Option<u32>,
        /// Time from one message's release to the next; `None`: each follows at once.
        period: Option<Picos>,
    },
    /// `incast`, `burst` and `ecn-probe`: every lane that has a pair sends its messages each round.
    Rounds(Rounds),
    /// `alltoall`.
    Dispatch(Dispatch),
    /// `pfc`: MAC control frames, no messages.
    Control {
        /// PAUSE instead of PFC.
        pause: bool,
        /// Bit n = priority n.
        classes: u8,
        /// Units of 512 bit times.
        quanta: u16,
        /// Time from frame to frame.
        interval: Picos,
        /// Number of frames.
        count: Option<u64>,
    },
}

/// Synchronised rounds.
#[derive(Debug, Clone)]
pub struct Rounds {
    /// Sizes.
    pub sizes: Sizes,
    /// Number of rounds.
    pub rounds: u64,
    /// Start to start.
    pub period: Picos,
    /// Messages of each lane in one round; the first [`Rounds::extra`] lanes send one more.
    pub per_round: u64,
    /// How many lanes send one message more.
    pub extra: u32,
    /// Number of lanes that send messages.
    pub lanes: u32,
    /// How lanes are spread within a round.
    pub offsets: Offsets,
    /// Seed of the random offsets.
    pub seed: u64,
    /// `ecn-probe`: one more lane, of the receiver's port, holds the queue while it fills.
    pub hold: Option<Hold>,
}

/// Quanta of the longest pause (IEEE 802.1Q 36.1.3.3: 16 bits).
pub const XOFF: u16 = u16::MAX;

/// Quanta of a frame that ends a pause.
pub const XON: u16 = 0;

/// PFC frames that hold a queue in every round: XOFF when it begins, renewed in time, and one XON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The traffic class that is held.
    pub class: u8,
    /// From the first XOFF to the first message.
    pub lead: Picos,
    /// From one XOFF to its renewal.
    pub renew: Picos,
    /// From the first XOFF to the XON.
    pub release: Picos,
}

impl Hold {
    /// PFC frames of a round, the XON among them.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.release.0.div_ceil(self.renew.0.max(1)) + 1
    }

    /// When a round's `n`-th PFC frame leaves, after the round's start, and its quanta.
    #[must_use]
    pub fn frame(&self, n: u64) -> (Picos, u16) {
        if n + 1 >= self.frames() {
            (self.release, XON)
        } else {
            (Picos(self.renew.0.saturating_mul(n)), XOFF)
        }
    }
}

/// When, after the round's start, a lane begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offsets {
    /// All at once.
    None,
    /// Lane i: i times this.
    Staggered(Picos),
    /// Uniform within this.
    Uniform(Picos),
    /// Poisson arrivals, this window for all lanes on average.
    Poisson(Picos),
}

impl From<Spread> for Offsets {
    fn from(spread: Spread) -> Offsets {
        match spread {
            Spread::Synchronised => Offsets::None,
            Spread::Staggered(step) => Offsets::Staggered(step),
            Spread::Jittered(window) => Offsets::Uniform(window),
        }
    }
}

impl From<Arrival> for Offsets {
    fn from(arrival: Arrival) -> Offsets {
        match arrival {
            Arrival::AtOnce => Offsets::None,
            Arrival::Uniform(window) => Offsets::Uniform(window),
            Arrival::Poisson(window) => Offsets::Poisson(window),
        }
    }
}

/// A uniform number in [0, 1) for the `n`-th draw of a seed.
#[expect(clippy::cast_precision_loss, reason = "53 bits are drawn")]
fn unit(seed: u64, n: u64) -> f64 {
    (mix(seed ^ mix(n)) >> 11) as f64 / (1u64 << 53) as f64
}

/// `share` of `whole`; `share` in [0, about 40].
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a random offset: rounding does not matter, the product is not negative"
)]
fn part(whole: Picos, share: f64) -> Picos {
    Picos((whole.0 as f64 * share) as u64)
}

impl Rounds {
    /// Messages of `lane` in one round.
    #[must_use]
    pub fn messages_of(&self, lane: u32) -> u64 {
        self.per_round + u64::from(lane < self.extra)
    }

    /// Messages of all lanes in one round.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.per_round * u64::from(self.lanes) + u64::from(self.extra)
    }

    /// The round that the `ordinal`-th message of `lane` belongs to.
    #[must_use]
    pub fn round_of(&self, lane: u32, ordinal: u64) -> u64 {
        ordinal / self.messages_of(lane).max(1)
    }

    /// When `lane` begins in `round`, after the round's start.
    #[must_use]
    pub fn offset(&self, round: u64, lane: u32) -> Picos {
        let lead = self.hold.map_or(Picos::ZERO, |hold| hold.lead);
        lead.saturating_add(self.spread(round, lane))
    }

    fn spread(&self, round: u64, lane: u32) -> Picos {
        let seed = mix(self.seed ^ mix(round));
        match self.offsets {
            Offsets::None => Picos::ZERO,
            Offsets::Staggered(step) => Picos(step.0.saturating_mul(u64::from(lane))),
            Offsets::Uniform(window) => part(window, unit(seed, u64::from(lane))),
            Offsets::Poisson(window) => {
                let gaps: f64 = (0..=u64::from(lane)).map(|i| -(1.0 - unit(seed, i)).ln()).sum();
                part(window, gaps / f64::from(self.lanes.max(1)))
            }
        }
    }

    /// The longest offset that is to be reckoned with (for planning a round's length).
    #[must_use]
    pub fn longest_offset(&self) -> Picos {
        let lead = self.hold.map_or(Picos::ZERO, |hold| hold.lead);
        lead.saturating_add(match self.offsets {
            Offsets::None => Picos::ZERO,
            Offsets::Staggered(step) => Picos(step.0.saturating_mul(u64::from(self.lanes.saturating_sub(1)))),
            Offsets::Uniform(window) | Offsets::Poisson(window) => window,
        })
    }
}

/// AllToAll dispatches.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// Number of ranks; lane r is rank r.
    pub ranks: u32,
    /// Ranks of a node, of which `ranks` is a multiple; nothing is sent within one.
    pub ranks_per_node: u32,
    /// Routed tokens. Dispatch d uses matrix `d mod len`.
    pub matrices: Arc<Vec<Routed>>,
    /// Bytes of one token.
    pub token_bytes: u32,
    /// Number of dispatches.
    pub count: Option<u64>,
    /// Start of each dispatch of one pass through `matrices`, after the pass's start.
    pub starts: Arc<Vec<Picos>>,
    /// Length of one pass.
    pub pass: Picos,
    /// Messages of all ranks, for each matrix.
    pub messages: Arc<Vec<u64>>,
    /// How what a pair carries in a dispatch is dealt to its QPs: token by token, or as one message that is cut over them.
    pub deal: Deal,
}

impl Dispatch {
    fn index(&self, dispatch: u64) -> usize {
        usize::try_from(dispatch % self.matrices.len() as u64).unwrap_or(0)
    }

    /// Start of a dispatch after the entry's start.
    #[must_use]
    pub fn start(&self, dispatch: u64) -> Picos {
        let pass = dispatch / self.matrices.len() as u64;
        Picos(self.pass.0.saturating_mul(pass)).saturating_add(self.starts[self.index(dispatch)])
    }

    /// Pairs of each rank: one with every rank of another node.
    #[must_use]
    pub fn pairs(&self) -> u32 {
        self.ranks - self.ranks_per_node
    }

    /// Receiving rank of rank `src`'s `pair`-th pair: the ranks of other nodes in rotation, of which each rank of a node
    /// begins with another.
    #[must_use]
    pub fn receiver(&self, src: u32, pair: u32) -> u32 {
        let (node, rank) = (src / self.ranks_per_node, src % self.ranks_per_node);
        let next = (node + 1) * self.ranks_per_node;
        (next + (pair + rank) % self.pairs()) % self.ranks
    }

    /// What QP `qp` of (`src`, `pair`) carries in `dispatch`: its place in the buffer, and its length; `None`: it sends
    /// nothing.
    fn message_of_qp(&self, dispatch: u64, src: u32, pair: u32, qp: u32) -> Option<(u64, u32)> {
        let tokens = self.tokens(dispatch, src, self.receiver(src, pair));
        if self.deal.split {
            let len = tokens * self.token_bytes;
            let (from, part) = self.deal.part(len, qp);
            (tokens > 0).then(|| (dispatch * u64::from(len) + u64::from(from), part))
        } else {
            let len = self.share_of_qp(tokens, qp);
            (qp < tokens).then(|| (dispatch * u64::from(len), len))
        }
    }

    /// Number of the dispatch to which packet `packet` of that QP belongs, counted from 0.
    fn number_of(&self, src: u32, pair: u32, qp: u32, pmtu: u32, packet: u64) -> Option<u64> {
        let of = |dispatch: u64| {
            let message = self.message_of_qp(dispatch, src, pair, qp);
            message.map_or(0, |(_, len)| packets(u64::from(len), pmtu))
        };
        let pass = self.matrices.len() as u64;
        let of_pass: u64 = (0..pass).map(of).sum();
        let passes = packet.checked_div(of_pass)?;
        let mut rest = packet % of_pass;
        let is_there = |dispatch: &u64| match rest.checked_sub(of(*dispatch)) {
            Some(after) => {
                rest = after;
                false
            }
            None => true,
        };
        (0..pass).find(is_there).map(|dispatch| passes * pass + dispatch)
    }

    fn tokens(&self, dispatch: u64, src: u32, dst: u32) -> u32 {
        self.matrices[self.index(dispatch)]
            .tokens
            .get(src as usize, dst as usize)
    }

    fn share_of_qp(&self, tokens: u32, qp: u32) -> u32 {
        let qps = self.deal.qps;
        (tokens / qps + u32::from(qp < tokens % qps)) * self.token_bytes
    }

    /// Messages of all ranks in `dispatch`.
    #[must_use]
    pub fn messages(&self, dispatch: u64) -> u64 {
        self.messages[self.index(dispatch)]
    }

    /// Every message of `dispatch` that rank `src` sends: pair, QP (the first one's, where it is cut over them) and bytes.
    pub fn messages_of(&self, dispatch: u64, src: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        (0..self.pairs()).flat_map(move |pair| {
            let tokens = self.tokens(dispatch, src, self.receiver(src, pair));
            let messages = if self.deal.split { 1 } else { self.deal.qps };
            (0..tokens.min(messages)).map(move |qp| {
                let bytes = if self.deal.split {
                    tokens * self.token_bytes
                } else {
                    self.share_of_qp(tokens, qp)
                };
                (pair, qp, bytes)
            })
        })
    }
}

impl Work {
    /// The sizes of its messages, where they follow from their numbers alone.
    #[must_use]
    pub const fn sizes(&self) -> Option<&Sizes> {
        match self {
            Work::Continuous { sizes, .. } => Some(sizes),
            Work::Rounds(rounds) => Some(&rounds.sizes),
            Work::Dispatch(_) | Work::Control { .. } => None,
        }
    }

    /// The group of messages that completes together, and how many messages it has: a round, a
    /// dispatch, or one transfer of several messages (key: pair and transfer).
    #[must_use]
    pub fn group(&self, pair: u32, deal: Deal, qp: u32, number: u32) -> Option<(u64, u64)> {
        let ordinal = deal.ordinal(qp, number);
        match self {
            Work::Continuous { sizes, .. } if sizes.per_transfer > 1 => Some((
                (u64::from(pair) << 40) | (ordinal / sizes.per_transfer),
                sizes.per_transfer,
            )),
            Work::Rounds(rounds) => Some((rounds.round_of(pair, ordinal), rounds.messages())),
            Work::Dispatch(dispatch) => Some((u64::from(number), dispatch.messages(u64::from(number)))),
            Work::Continuous { .. } | Work::Control { .. } => None,
        }
    }

    /// QP `qp`'s message `number`: its place in the buffer, and its length; `None`: that QP sends nothing then. `pair` is one
    /// of lane `lane`'s.
    #[must_use]
    pub fn message(&self, lane: u32, pair: u32, deal: Deal, qp: u32, number: u32) -> Option<(u64, u32)> {
        if let Work::Dispatch(dispatch) = self {
            return dispatch.message_of_qp(u64::from(number), lane, pair, qp);
        }
        let Some(sizes) = self.sizes() else {
            return Some((0, 0));
        };
        let ordinal = deal.ordinal(qp, number);
        let (from, len) = deal.part(sizes.of(ordinal), qp);
        let place = if deal.split {
            sizes.place_of(ordinal).wrapping_add(u64::from(from))
        } else {
            u64::from(number) * u64::from(len)
        };
        Some((place, len))
    }

    /// Whether messages wait for others to be received.
    #[must_use]
    pub const fn is_closed_loop(&self) -> bool {
        matches!(
            self,
            Work::Continuous {
                outstanding: Some(_),
                ..
            }
        )
    }

    /// Number of the message to which packet `packet` of QP `qp` of `pair` belongs, both counted from 0: what a stamp says,
    /// of frames that are too short for one.
    #[must_use]
    pub fn number_of(&self, pair: u32, deal: Deal, qp: u32, pmtu: u32, packet: u64) -> Option<u64> {
        match self {
            Work::Continuous { sizes, .. } | Work::Rounds(Rounds { sizes, .. }) => {
                Some(deal.number_of(sizes, pmtu, qp, packet))
            }
            Work::Dispatch(dispatch) => {
                dispatch.number_of(pair / dispatch.pairs(), pair % dispatch.pairs(), qp, pmtu, packet)
            }
            Work::Control { .. } => None,
        }
    }

    /// What a group is called in reports.
    #[must_use]
    pub fn group_name(&self) -> Option<&'static str> {
        match self {
            Work::Continuous { sizes, .. } => (sizes.per_transfer > 1).then_some("transfer"),
            Work::Rounds(_) => Some("round"),
            Work::Dispatch(_) => Some("dispatch"),
            Work::Control { .. } => None,
        }
    }
}
