//! Which way a frame goes: shortest paths that go up, then down; equal ones are chosen by a hash of
//! the five-tuple.
//!
//! Contract: a frame that came from above goes down only, so no path has a valley and no cycle of
//! buffers can wait for itself. A link that routing knows to be down is on no path.
//!
//! Left out on purpose: how switches would learn this; they know it at once.

use super::Fabric;
use super::frames::Meta;
use super::port::Owner;
use super::random::mix;

/// A link between two switches, by their ports.
#[derive(Debug, Clone, Copy)]
pub struct Uplink {
    pub low: u32,
    pub high: u32,
    pub low_port: u32,
    pub high_port: u32,
    pub up: bool,
}

/// Equal ways: a range of `Routes::ways`.
#[derive(Debug, Clone, Copy, Default)]
struct Ways {
    first: u32,
    count: u32,
    /// Whether they lead up.
    up: bool,
}

/// All ways.
#[derive(Debug, Default)]
pub struct Routes {
    pub uplinks: Vec<Uplink>,
    pub leaves: u32,
    /// Leaf of each host, and its port there.
    pub hosts: Vec<(u32, u32)>,
    /// For each switch and leaf.
    table: Vec<Ways>,
    ways: Vec<u32>,
}

impl Routes {
    /// No ways yet, to so many leaves.
    pub fn new(leaves: u32) -> Routes {
        Routes {
            leaves,
            ..Routes::default()
        }
    }

    /// Computes all ways over the links that are up; `tiers` are the switches'.
    pub fn compute(&mut self, tiers: &[u32]) {
        self.table.clear();
        self.ways.clear();
        let leaves = self.leaves as usize;
        self.table.resize(tiers.len() * leaves, Ways::default());
        // From the top tier down, so that a switch's upper neighbours are known before it.
        let mut order: Vec<usize> = (0..tiers.len()).collect();
        order.sort_by_key(|switch| std::cmp::Reverse(tiers[*switch]));
        let mut above: Vec<Vec<&Uplink>> = vec![Vec::new(); tiers.len()];
        let mut below: Vec<Vec<&Uplink>> = vec![Vec::new(); tiers.len()];
        for link in self.uplinks.iter().filter(|link| link.up) {
            above[link.low as usize].push(link);
            below[link.high as usize].push(link);
        }
        for leaf in 0..leaves {
            let mut down = vec![u32::MAX; tiers.len()];
            down[leaf] = 0;
            // From the bottom tier up: how far down to the leaf.
            for &switch in order.iter().rev() {
                for link in &below[switch] {
                    down[switch] = down[switch].min(down[link.low as usize].saturating_add(1));
                }
            }
            let mut distance = down.clone();
            for &switch in &order {
                let first = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
                let up = down[switch] == u32::MAX;
                if up {
                    let nearest = above[switch].iter().map(|link| distance[link.high as usize]).min();
                    let nearest = nearest.unwrap_or(u32::MAX);
                    if nearest < u32::MAX {
                        distance[switch] = nearest + 1;
                        let ways = above[switch]
                            .iter()
                            .filter(|link| distance[link.high as usize] == nearest);
                        self.ways.extend(ways.map(|link| link.low_port));
                    }
                } else if down[switch] > 0 {
                    let ways = below[switch]
                        .iter()
                        .filter(|link| down[link.low as usize].saturating_add(1) == down[switch]);
                    self.ways.extend(ways.map(|link| link.high_port));
                }
                self.table[switch * leaves + leaf] = Ways {
                    first,
                    count: u32::try_from(self.ways.len()).unwrap_or(u32::MAX) - first,
                    up,
                };
            }
        }
    }
}

impl<F> Fabric<F> {
    /// The egress port of a frame; `None`: nobody has its address, or no way leads there.
    #[inline]
    pub(super) fn route(&self, switch: usize, ingress: usize, meta: &Meta) -> Option<usize> {
        let &(leaf, port) = self.routes.hosts.get(meta.to as usize)?;
        if leaf as usize == switch {
            // Never back to where it came from (IEEE 802.1Q 8.6.1).
            return (port as usize != ingress).then_some(port as usize);
        }
        let ways = self.routes.table[switch * self.routes.leaves as usize + leaf as usize];
        if ways.up && self.is_from_above(switch, ingress) {
            return None;
        }
        let chosen = match ways.count {
            0 => return None,
            1 => 0,
            count => {
                let hash = mix(meta.header.tuple ^ self.switches[switch].salt) >> 32;
                (hash * u64::from(count)) >> 32
            }
        };
        let at = usize::try_from(u64::from(ways.first) + chosen).ok()?;
        self.routes.ways.get(at).map(|&port| port as usize)
    }

    fn is_from_above(&self, switch: usize, ingress: usize) -> bool {
        match self.ports[self.ports[ingress].peer as usize].owner {
            Owner::Switch(peer) => self.switches[peer as usize].tier > self.switches[switch].tier,
            Owner::Host(_) => false,
        }
    }
}
