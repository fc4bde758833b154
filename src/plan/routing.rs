//! Token routing of expert-parallel dispatch: how many token copies each rank sends to each other
//! in one dispatch (draft 7.1, 7.2 and Table 7, Appendix D).
//!
//! Contract: pure, seeded, deterministic. Dispatches are independent of one another and of the
//! order in which they are asked for. Every token is really routed, to `top_k` distinct experts;
//! nothing is drawn from a closed formula of the result. Expert e is held by rank ⌊e·N/E⌋.
//!
//! * Which experts are popular is a property of the layer (`dispatch mod layers`): the same layer
//!   has the same hot experts in every iteration, as a trained model has.
//! * Choices of experts without skew are uniform; with skew s the i-th most popular expert has
//!   weight i^−s, and a token's experts are drawn one after another without replacement.
//! * Expert choice turns that round: each expert takes its quota of tokens, drawn without
//!   replacement by the popularity of tokens (a fresh one each dispatch).
//!
//! Left out on purpose: bytes, messages and times (the rest of `plan` makes them of this), and
//! merging copies of a token that go to the same rank: the draft's T_dispatch counts every copy.

mod sampler;

use rand_pcg::Pcg64Mcg;

use crate::pattern::{AllToAll, DispatchMode, Routing};
use sampler::{Popularity, Urn, shuffle};

/// Token copies from each rank to each, row by row of senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMatrix {
    ranks: usize,
    cells: Vec<u32>,
}

impl TokenMatrix {
    fn new(ranks: usize) -> TokenMatrix {
        TokenMatrix {
            ranks,
            cells: vec![0; ranks * ranks],
        }
    }

    /// N: the number of ranks.
    #[must_use]
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// Copies from `src` to `dst`; `src == dst` are those that stay and are not sent. Ranks
    /// beyond the matrix have none.
    #[must_use]
    pub fn get(&self, src: usize, dst: usize) -> u32 {
        self.row(src).get(dst).copied().unwrap_or(0)
    }

    /// What `src` has for each rank; empty beyond the matrix.
    #[must_use]
    pub fn row(&self, src: usize) -> &[u32] {
        if src >= self.ranks {
            return &[];
        }
        self.cells
            .get(src * self.ranks..(src + 1) * self.ranks)
            .unwrap_or_default()
    }

    /// Copies that go over the network: all but the diagonal.
    #[must_use]
    pub fn sent(&self) -> u64 {
        (0..self.ranks).map(|src| self.sent_by(src)).sum()
    }

    /// Copies that `src` sends over the network.
    #[must_use]
    pub fn sent_by(&self, src: usize) -> u64 {
        self.row(src)
            .iter()
            .enumerate()
            .filter(|(dst, _)| *dst != src)
            .map(|(_, n)| u64::from(*n))
            .sum()
    }

    /// Copies that `dst` receives over the network.
    #[must_use]
    pub fn received_by(&self, dst: usize) -> u64 {
        (0..self.ranks)
            .filter(|src| *src != dst)
            .map(|src| u64::from(self.get(src, dst)))
            .sum()
    }

    /// Every copy, the diagonal included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.cells.iter().copied().map(u64::from).sum()
    }

    /// Every cell with its sender and receiver.
    fn each(&mut self) -> impl Iterator<Item = (usize, usize, &mut u32)> {
        let ranks = self.ranks;
        let cells = self.cells.iter_mut().enumerate();
        cells.map(move |(at, cell)| (at / ranks, at % ranks, cell))
    }

    #[inline]
    fn add(&mut self, src: usize, dst: usize) {
        let cell = &mut self.cells[src * self.ranks + dst];
        *cell = cell.saturating_add(1);
    }
}

/// One dispatch, routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Token copies from rank to rank. In low-latency mode every pair of ranks on different nodes has the padded number.
    pub tokens: TokenMatrix,
    /// Copies for another rank of their node, over all ranks: they are not in [`Routed::tokens`], and nobody sends them.
    pub in_node: u64,
    /// `top-k-drop`: copies beyond their expert's capacity, over all ranks; else 0.
    pub dropped: u64,
    /// Low-latency mode: real copies beyond a pair's padded number (not sent), over all pairs;
    /// else 0.
    pub overflow: u64,
    /// Low-latency mode: copies sent that carry no real token, over all pairs; else 0.
    pub padding: u64,
}

impl Routed {
    /// Routes one dispatch. For many dispatches of the same shape keep a [`Router`].
    #[must_use]
    pub fn route(shape: &AllToAll, seed: u64, dispatch: u64) -> Routed {
        Router::new(shape, seed).route(dispatch)
    }
}

/// What a stream of random numbers is for: part of its seed, so that no two ever coincide.
#[derive(Clone, Copy)]
enum Stream {
    HotExperts = 1,
    HotTokens = 2,
    Rank = 3,
    Expert = 4,
}

/// Routes the dispatches of one entry; holds what they have in common.
#[derive(Debug, Clone)]
pub struct Router {
    seed: u64,
    ranks: usize,
    ranks_per_node: usize,
    experts: usize,
    top_k: usize,
    batch: usize,
    layers: u64,
    routing: Routing,
    padded: Option<u32>,
    /// Popularity of experts, or of tokens with expert choice.
    popularity: Popularity,
}

impl Router {
    /// A router for `shape`; `seed` is the pattern's. A shape of no ranks or no experts, which
    /// a loaded pattern cannot have, is treated as one of each; `top_k` is at most `experts`.
    #[must_use]
    pub fn new(shape: &AllToAll, seed: u64) -> Router {
        let ranks = shape.ranks.0.len().max(1);
        let experts = widen(shape.experts).max(1);
        let batch = widen(shape.batch);
        let top_k = widen(shape.top_k).min(experts);
        let popularity = match shape.routing {
            Routing::TopK { skew } | Routing::TopKDrop { skew, .. } => Popularity::zipf(experts, skew),
            Routing::ExpertChoice { skew, .. } => Popularity::zipf(ranks * batch, skew),
            Routing::AuxLoss => Popularity::zipf(experts, 0.0),
        };
        let padded = match shape.mode {
            DispatchMode::Normal => None,
            DispatchMode::LowLatency { padded_tokens } => Some(padded_tokens.unwrap_or_else(|| {
                // ⌈B·k/N⌉, what a uniform routing sends (draft Appendix D: "padded to max").
                u32::try_from((batch * top_k).div_ceil(ranks))
                    .unwrap_or(u32::MAX)
                    .max(1)
            })),
        };
        Router {
            seed,
            ranks,
            ranks_per_node: widen(shape.ranks_per_node).max(1),
            experts,
            top_k,
            batch,
            layers: u64::from(shape.layers.max(1)),
            routing: shape.routing,
            padded,
            popularity,
        }
    }

    /// Routes dispatch number `dispatch`, counted from 0 over layers and iterations.
    #[must_use]
    pub fn route(&self, dispatch: u64) -> Routed {
        let mut routed = Routed {
            tokens: TokenMatrix::new(self.ranks),
            in_node: 0,
            dropped: 0,
            overflow: 0,
            padding: 0,
        };
        match self.routing {
            Routing::TopK { .. } => self.top_k(dispatch, &mut routed.tokens),
            Routing::ExpertChoice { capacity_factor, .. } => {
                self.expert_choice(dispatch, capacity_factor, &mut routed.tokens);
            }
            Routing::TopKDrop { capacity_factor, .. } => self.top_k_drop(dispatch, capacity_factor, &mut routed),
            Routing::AuxLoss => self.balanced(dispatch, &mut routed.tokens),
        }
        let nodes = Nodes(self.ranks_per_node);
        nodes.keep(&mut routed);
        if let Some(padded) = self.padded {
            nodes.pad(&mut routed, padded);
        }
        routed
    }

    /// The rank that holds `expert`.
    fn home(&self, expert: usize) -> usize {
        expert * self.ranks / self.experts
    }

    fn rng(&self, stream: Stream, dispatch: u64, index: usize) -> Pcg64Mcg {
        let mut state = self.seed;
        for word in [stream as u64, dispatch, index as u64] {
            state = split_mix(state ^ split_mix(word));
        }
        Pcg64Mcg::new(u128::from(state) << 64 | u128::from(split_mix(state)))
    }

    /// The experts of `dispatch`'s layer, the most popular first.
    fn experts_by_popularity(&self, dispatch: u64) -> Vec<usize> {
        let mut experts: Vec<usize> = (0..self.experts).collect();
        shuffle(
            &mut experts,
            &mut self.rng(Stream::HotExperts, dispatch % self.layers, 0),
        );
        experts
    }

    /// Every token draws its experts.
    fn top_k(&self, dispatch: u64, tokens: &mut TokenMatrix) {
        let homes: Vec<usize> = self
            .experts_by_popularity(dispatch)
            .into_iter()
            .map(|e| self.home(e))
            .collect();
        let mut urn = Urn::new(&self.popularity);
        for src in 0..self.ranks {
            let mut rng = self.rng(Stream::Rank, dispatch, src);
            for _ in 0..self.batch {
                for _ in 0..self.top_k {
                    if let Some(item) = urn.draw(&mut rng) {
                        tokens.add(src, homes[item as usize]);
                    }
                }
                urn.refill();
            }
        }
    }

    /// [`Router::top_k`] with the same random numbers, but an expert that is full takes no more.
    fn top_k_drop(&self, dispatch: u64, factor: f64, routed: &mut Routed) {
        let experts = self.experts_by_popularity(dispatch);
        let homes: Vec<usize> = experts.iter().map(|e| self.home(*e)).collect();
        let capacity = self.assigned(factor).div_ceil(self.experts as u64);
        let mut load = vec![0_u64; self.experts];
        let mut urn = Urn::new(&self.popularity);
        self.token_by_token(dispatch, |src, rng| {
            for _ in 0..self.top_k {
                let Some(item) = urn.draw(rng) else { break };
                let item = item as usize;
                if load[item] < capacity {
                    load[item] += 1;
                    routed.tokens.add(src, homes[item]);
                } else {
                    routed.dropped += 1;
                }
            }
            urn.refill();
        });
    }

    /// Near-uniform top-k: each choice is the less loaded of two experts, which keeps the
    /// loads within a few tokens of one another without making them equal.
    fn balanced(&self, dispatch: u64, tokens: &mut TokenMatrix) {
        let mut load = vec![0_u64; self.experts];
        let mut urn = Urn::new(&self.popularity);
        self.token_by_token(dispatch, |src, rng| {
            for _ in 0..self.top_k {
                let (Some(first), Some(second)) = (urn.peek(rng), urn.peek(rng)) else {
                    break;
                };
                let item = if load[second as usize] < load[first as usize] {
                    second
                } else {
                    first
                };
                urn.take(item);
                load[item as usize] += 1;
                tokens.add(src, self.home(item as usize));
            }
            urn.refill();
        });
    }

    /// Calls `place` for the t-th token of every rank, then the next; each time another rank is
    /// first, so that filling up favours none.
    fn token_by_token(&self, dispatch: u64, mut place: impl FnMut(usize, &mut Pcg64Mcg)) {
        let mut rngs: Vec<Pcg64Mcg> = (0..self.ranks)
            .map(|src| self.rng(Stream::Rank, dispatch, src))
            .collect();
        for token in 0..self.batch {
            let first = token % self.ranks;
            for src in (first..self.ranks).chain(0..first) {
                place(src, &mut rngs[src]);
            }
        }
    }

    /// Every expert draws its tokens.
    fn expert_choice(&self, dispatch: u64, factor: f64, tokens: &mut TokenMatrix) {
        let pool = self.ranks * self.batch;
        if pool == 0 {
            return;
        }
        let mut senders: Vec<usize> = (0..pool).map(|token| token / self.batch).collect();
        shuffle(&mut senders, &mut self.rng(Stream::HotTokens, dispatch, 0));
        let assigned = self.assigned(factor);
        let experts = self.experts as u64;
        let mut urn = Urn::new(&self.popularity);
        for expert in 0..self.experts {
            // What does not divide is spread evenly over the experts, not heaped on the first.
            let e = expert as u64;
            let quota = share_end(assigned, e + 1, experts) - share_end(assigned, e, experts);
            let mut rng = self.rng(Stream::Expert, dispatch, expert);
            let dst = self.home(expert);
            for _ in 0..quota {
                // No token goes to the same expert twice: the quota ends with the pool.
                let Some(item) = urn.draw(&mut rng) else { break };
                tokens.add(senders[item as usize], dst);
            }
            urn.refill();
        }
    }

    /// `factor` · N·B·k, rounded: what all experts take together.
    fn assigned(&self, factor: f64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
        let assigned = factor * (self.ranks * self.batch * self.top_k) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; NaN is 0"
        )]
        {
            assigned.round() as u64
        }
    }
}

/// Where the first `parts` of `of` equal shares of `total` end.
fn share_end(total: u64, parts: u64, of: u64) -> u64 {
    u64::try_from(u128::from(total) * u128::from(parts) / u128::from(of)).unwrap_or(u64::MAX)
}

/// Which ranks are on one node: so many in order.
struct Nodes(usize);

impl Nodes {
    fn is_one(&self, src: usize, dst: usize) -> bool {
        src / self.0 == dst / self.0
    }

    /// Takes out what stays on its node and is not its rank's own.
    fn keep(&self, routed: &mut Routed) {
        for (src, dst, cell) in routed.tokens.each() {
            if src != dst && self.is_one(src, dst) {
                routed.in_node += u64::from(std::mem::take(cell));
            }
        }
    }

    /// Gives every pair of ranks on different nodes exactly `padded` tokens.
    fn pad(&self, routed: &mut Routed, padded: u32) {
        for (src, dst, cell) in routed.tokens.each() {
            if !self.is_one(src, dst) {
                routed.overflow += u64::from(cell.saturating_sub(padded));
                routed.padding += u64::from(padded.saturating_sub(*cell));
                *cell = padded;
            }
        }
    }
}

/// SplitMix64's step: a bijection that scatters neighbouring values (Steele, Lea, Flood 2014).
fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn widen(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small whole numbers, written as the definition reads"
)]
mod tests;
