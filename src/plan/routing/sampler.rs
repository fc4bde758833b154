//! Weighted drawing without replacement, fast enough for every token of a dispatch.
//!
//! Contract: [`Popularity`] holds fixed weights; [`Urn`] draws items one after another, each with
//! probability weight / (weight of what is still in the urn), exactly. A draw first asks an alias
//! table of all items (one random number, two loads) and keeps the answer if that item is still
//! in. Only after a refusal does it search a sum tree of the items that are left, which makes
//! the same distribution: p + P(refused)·p/left = p/left, when P(refused) = 1 − left. So the cost
//! is bounded however skewed the weights are, and the usual case does not touch the tree.
//!
//! Left out on purpose: changing weights.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

/// Children of a node of the sum tree: a cache line of sums and another.
const FANOUT: usize = 16;

/// The sum that Zipf weights are scaled to, nearly: fine enough that exponent 4 over 2^15 items
/// leaves the last of them a weight above 1.
const SCALE: f64 = 4_611_686_018_427_387_904.0; // 2^62

/// A random number and what is left of it: `(i, rest)` with `i` uniform below `n` and `rest`
/// uniform over 64 bits, given `i`. The bias is below n / 2^64.
#[inline]
pub(super) fn below(rng: &mut Pcg64Mcg, n: usize) -> (usize, u64) {
    let product = u128::from(rng.next_u64()) * (n as u128);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves; the upper one is below n"
    )]
    ((product >> 64) as usize, product as u64)
}

/// Shuffles `items` (Fisher–Yates). Our own, so that plans do not change with a crate's version.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut Pcg64Mcg) {
    for last in (1..items.len()).rev() {
        let (other, _) = below(rng, last + 1);
        items.swap(last, other);
    }
}

/// Fixed weights of `n` items, item 0 the most popular.
#[derive(Debug, Clone)]
pub(super) struct Popularity {
    weights: Vec<u64>,
    /// Of each column: keep the column's own item below this threshold, else take the alias.
    alias: Vec<(u64, u32)>,
    /// Levels of the sum tree with every item in, leaves first.
    tree: Vec<Vec<u64>>,
}

impl Popularity {
    /// Zipf: item i has a weight of (i + 1)^−`exponent`; 0 is uniform. At least one item.
    pub(super) fn zipf(items: usize, exponent: f64) -> Popularity {
        let items = items.max(1);
        let weights = if exponent == 0.0 {
            vec![1; items]
        } else {
            #[expect(clippy::cast_precision_loss, reason = "item numbers are far below 2^53")]
            let raw: Vec<f64> = (1..=items).map(|i| (i as f64).powf(-exponent)).collect();
            let total: f64 = raw.iter().sum();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "shares of 2^62 are positive and below 2^63"
            )]
            raw.iter().map(|w| ((w / total * SCALE) as u64).max(1)).collect()
        };
        Popularity {
            alias: alias_table(&weights),
            tree: sum_tree(&weights),
            weights,
        }
    }
}

/// Vose's construction of Walker's alias table, with thresholds as shares of 2^64.
fn alias_table(weights: &[u64]) -> Vec<(u64, u32)> {
    #[expect(clippy::cast_precision_loss, reason = "2^-53 of a probability")]
    let scaled = {
        let mean = weights.iter().map(|w| *w as f64).sum::<f64>() / weights.len() as f64;
        weights.iter().map(|w| *w as f64 / mean).collect::<Vec<f64>>()
    };
    let mut share = scaled;
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..share.len()).partition(|i| share[*i] < 1.0);
    // What neither list reaches through rounding keeps its own column whole.
    let mut table: Vec<(u64, u32)> = vec![(u64::MAX, 0); share.len()];
    while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 2^64 (saturating at its end), and an item number that fits an expert's"
        )]
        {
            table[poor] = ((share[poor] * 4.0 * SCALE) as u64, rich as u32);
        }
        share[rich] -= 1.0 - share[poor];
        if share[rich] < 1.0 {
            large.pop();
            small.push(rich);
        }
    }
    for (item, (threshold, alias)) in table.iter_mut().enumerate() {
        if *threshold == u64::MAX {
            *alias = u32::try_from(item).unwrap_or(u32::MAX);
        }
    }
    table
}

/// Sums of `weights` by sixteens, by sixteens of those, and so on up to one node.
fn sum_tree(weights: &[u64]) -> Vec<Vec<u64>> {
    let mut levels = vec![weights.to_vec()];
    while let Some(top) = levels.last().filter(|level| level.len() > 1) {
        levels.push(top.chunks(FANOUT).map(|chunk| chunk.iter().sum()).collect());
    }
    levels
}

/// Draws items of a [`Popularity`] without replacement, and puts them all back for the next use.
#[derive(Debug, Clone)]
pub(super) struct Urn<'a> {
    popularity: &'a Popularity,
    /// Sums of what is in, except that only the first `applied` of `out` are subtracted.
    tree: Vec<Vec<u64>>,
    /// Items drawn since the last refill.
    out: Vec<u32>,
    applied: usize,
    /// An item is out when its mark equals `round`: refilling takes no pass over all items.
    marks: Vec<u32>,
    round: u32,
}

impl<'a> Urn<'a> {
    pub(super) fn new(popularity: &'a Popularity) -> Urn<'a> {
        Urn {
            popularity,
            tree: popularity.tree.clone(),
            out: Vec::new(),
            applied: 0,
            marks: vec![0; popularity.weights.len()],
            round: 1,
        }
    }

    /// Puts every item back.
    pub(super) fn refill(&mut self) {
        for position in 0..self.applied {
            let item = self.out[position] as usize;
            let weight = self.popularity.weights[item];
            let mut index = item;
            for level in &mut self.tree {
                level[index] += weight;
                index /= FANOUT;
            }
        }
        self.applied = 0;
        self.out.clear();
        self.round = match self.round.checked_add(1) {
            Some(round) => round,
            None => {
                self.marks.fill(0);
                1
            }
        };
    }

    /// An item by its weight, left in the urn. Any that is out may come, too.
    #[inline]
    fn any(&self, rng: &mut Pcg64Mcg) -> u32 {
        let (column, rest) = below(rng, self.popularity.alias.len());
        let (threshold, alias) = self.popularity.alias[column];
        #[expect(
            clippy::cast_possible_truncation,
            reason = "item numbers fit u32, as in the alias table"
        )]
        let own = column as u32;
        if rest < threshold { own } else { alias }
    }

    /// An item that is in, by its weight among those; it stays in. `None` when the urn is empty.
    #[inline]
    pub(super) fn peek(&mut self, rng: &mut Pcg64Mcg) -> Option<u32> {
        let item = self.any(rng);
        if self.marks[item as usize] != self.round {
            return Some(item);
        }
        self.search(rng)
    }

    /// Takes `item` out; it must be in.
    #[inline]
    pub(super) fn take(&mut self, item: u32) {
        self.marks[item as usize] = self.round;
        self.out.push(item);
    }

    /// [`Urn::peek`] and [`Urn::take`].
    #[inline]
    pub(super) fn draw(&mut self, rng: &mut Pcg64Mcg) -> Option<u32> {
        let item = self.peek(rng)?;
        self.take(item);
        Some(item)
    }

    /// An item that is in, found by its place among the weights that are left.
    fn search(&mut self, rng: &mut Pcg64Mcg) -> Option<u32> {
        while let Some(&item) = self.out.get(self.applied) {
            let weight = self.popularity.weights[item as usize];
            let mut index = item as usize;
            for level in &mut self.tree {
                level[index] -= weight;
                index /= FANOUT;
            }
            self.applied += 1;
        }
        let left = *self.tree.last()?.first()?;
        if left == 0 {
            return None;
        }
        let mut place = {
            let product = u128::from(rng.next_u64()) * u128::from(left);
            (product >> 64) as u64
        };
        let mut node = 0;
        for level in self.tree.iter().rev().skip(1) {
            node *= FANOUT;
            while place >= level[node] {
                place -= level[node];
                node += 1;
            }
        }
        u32::try_from(node).ok()
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "small numbers into statistics")]
mod tests {
    use super::*;

    /// Inclusion probabilities of two draws without replacement, by the definition.
    fn inclusion_of_two(weights: &[f64]) -> Vec<f64> {
        let total: f64 = weights.iter().sum();
        let p: Vec<f64> = weights.iter().map(|w| w / total).collect();
        (0..p.len())
            .map(|i| {
                p[i] + (0..p.len())
                    .filter(|j| *j != i)
                    .map(|j| p[j] * p[i] / (1.0 - p[j]))
                    .sum::<f64>()
            })
            .collect()
    }

    #[test]
    fn two_draws_follow_the_definition_of_weighted_drawing_without_replacement() {
        for exponent in [0.0, 0.7, 1.0, 2.0, 4.0] {
            let items = 40;
            let popularity = Popularity::zipf(items, exponent);
            let mut urn = Urn::new(&popularity);
            let mut rng = Pcg64Mcg::new(7);
            let rounds = 200_000;
            let mut seen = vec![0_u32; items];
            for _ in 0..rounds {
                urn.refill();
                for _ in 0..2 {
                    seen[urn.draw(&mut rng).unwrap() as usize] += 1;
                }
            }
            let weights: Vec<f64> = (1..=items).map(|i| (i as f64).powf(-exponent)).collect();
            for (item, expected) in inclusion_of_two(&weights).into_iter().enumerate() {
                let mean = expected * f64::from(rounds);
                let deviation = (mean * (1.0 - expected)).sqrt();
                let off = (f64::from(seen[item]) - mean).abs();
                assert!(
                    off <= 5.0 * deviation + 3.0,
                    "exponent {exponent}, item {item}: {} for {mean}",
                    seen[item]
                );
            }
        }
    }

    #[test]
    fn an_urn_gives_each_item_once_and_is_full_again_after_a_refill() {
        for (items, exponent) in [(1, 1.0), (16, 0.0), (17, 4.0), (300, 4.0), (5000, 1.0)] {
            let popularity = Popularity::zipf(items, exponent);
            let mut urn = Urn::new(&popularity);
            let mut rng = Pcg64Mcg::new(99);
            for _ in 0..3 {
                let mut all: Vec<u32> = std::iter::from_fn(|| urn.draw(&mut rng)).collect();
                all.sort_unstable();
                assert!(all.iter().copied().eq(0..u32::try_from(items).unwrap()));
                urn.refill();
                assert_eq!(urn.tree, popularity.tree);
            }
        }
    }
}
