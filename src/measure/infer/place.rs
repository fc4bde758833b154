//! Where something happened, as far as an outsider can tell: what all paths that it struck have in common, and
//! paths that it spared have not.
//!
//! Contract: a path leads from one of our ports to another, through the parts of the device on its way that the
//! testbed states: the two ports' links, their leaves, and what lies above those. Whatever is said of places accounts for every strike.
//! Of all such accounts the *shortest* is told (minimum description length): what has to be written down, in nats, to say which places
//! were struck, and which of the frames that these were given. A place strikes in one of two manners:
//!
//! * *Evenly*, each frame with the same chance: then strikes are written down at the price of a Poisson deviate.
//! * *By choice*: some of the flows that pass it and others not, which is written down flow by flow. So do links above a leaf, of which nobody sees
//!   which one a flow takes. Elsewhere it is what strikes every n-th frame and keeps in step with flows of one pace, and that costs extra.
//!
//! Each place costs its choice among all of them, and each beyond the first is unlikely by itself. Places that do nearly as well (within 6 nats: e to the
//! power of 6 times less likely) are named beside.
//!
//! Left out on purpose: names (`report`), and what happened.

use std::collections::BTreeMap;

use super::pfc;

/// Accounts that are longer by no more than this, in nats, are named beside the shortest.
const NEAR: f64 = 6.0;

/// A place that is struck beside others is unlikely by itself, in nats.
const FURTHER: f64 = 3.0;

/// So unlikely is it that what strikes every n-th frame keeps in step with the traffic, in nats.
const IN_STEP: f64 = 5.0;

/// How often a flow that is struck is so, in nats.
const OFTEN: f64 = 0.5;

/// A struck path for which no place accounts: more than any place costs.
const UNTOLD: f64 = 60.0;

/// Of so many parts, those that account for most, pairs are looked at.
const MOST_OF_PAIRS: usize = 64;

/// Rounds in which the rates of places whose ways cross are found.
const ROUNDS: usize = 24;

/// Places that are told.
const MOST: usize = 16;

/// What one path from port to port has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Port behind which it begins.
    pub sender: u16,
    /// Port at which it ends.
    pub arrival: u16,
    /// Frames that it was given.
    pub sent: u64,
    /// Frames of them that were struck.
    pub struck: u64,
}

/// A part of what lies between our ports, from the nearest to the furthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The link of this port.
    Port(u16),
    /// The switch that hosts are joined to, of this number.
    Leaf(u32),
    /// The links from this leaf to the switches above it.
    Uplinks(u32),
    /// What lies above the leaves.
    Above,
    /// The device, where nobody says what it is made of.
    Device,
}

/// Where something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// The nearest part that accounts for it.
    pub part: Part,
    /// Other parts that do as well.
    pub also: Vec<Part>,
    /// The paths that it accounts for, by index.
    pub paths: Vec<usize>,
    /// Frames struck on them.
    pub struck: u64,
    /// Frames that they were given.
    pub sent: u64,
}

impl Path {
    /// The parts on its way.
    #[must_use]
    pub fn parts(&self, places: &[pfc::Place]) -> Vec<Part> {
        let mut parts = vec![Part::Port(self.sender), Part::Port(self.arrival)];
        let leaf = |port: u16| places.get(usize::from(port)).map(|place| place.leaf);
        match leaf(self.sender).zip(leaf(self.arrival)) {
            None => parts.push(Part::Device),
            Some((from, to)) if from == to => parts.push(Part::Leaf(from)),
            Some((from, to)) => parts.extend([
                Part::Leaf(from),
                Part::Leaf(to),
                Part::Uplinks(from),
                Part::Uplinks(to),
                Part::Above,
            ]),
        }
        parts.sort_unstable();
        parts.dedup();
        parts
    }
}

/// Whether flows of which nobody sees where they go may spare it.
const fn is_one_of_many(part: Part) -> bool {
    matches!(part, Part::Uplinks(_) | Part::Above)
}

/// In which manner a place strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Evenly,
    ByChoice,
}

/// Places that are said to have been struck, by number, each in its manner.
type Account = Vec<(usize, Manner)>;

/// What is known, and the parts that struck paths pass.
struct Scene<'a> {
    paths: &'a [Path],
    parts: Vec<Part>,
    /// The paths through each part.
    through: Vec<Vec<usize>>,
    /// Frames struck on them.
    struck: Vec<u64>,
    /// Paths that were struck.
    hit: usize,
}

/// The logarithm of the number of ways to choose `some` of `all`.
#[expect(clippy::cast_precision_loss, reason = "numbers of flows")]
fn choices(all: usize, some: usize) -> f64 {
    (0..some.min(all - some))
        .map(|n| ((all - n) as f64 / (n + 1) as f64).ln())
        .sum()
}

/// What it takes to write down that `seen` strikes came where `due` were, in nats.
fn deviate(seen: f64, due: f64) -> f64 {
    if seen > 0.0 {
        seen * (seen / due.max(1e-9)).ln() - seen + due
    } else {
        due
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
impl Scene<'_> {
    fn of<'a>(paths: &'a [Path], places: &[pfc::Place]) -> Scene<'a> {
        let mut through: BTreeMap<Part, Vec<usize>> = BTreeMap::new();
        for (at, path) in paths.iter().enumerate() {
            for part in path.parts(places) {
                through.entry(part).or_default().push(at);
            }
        }
        let sum = |of: &[usize]| of.iter().map(|at| paths[*at].struck).sum::<u64>();
        through.retain(|_, of| sum(of) > 0);
        Scene {
            paths,
            struck: through.values().map(|of| sum(of)).collect(),
            parts: through.keys().copied().collect(),
            through: through.into_values().collect(),
            hit: paths.iter().filter(|path| path.struck > 0).count(),
        }
    }

    /// How often the places of `account` that strike evenly do so, where no other strikes by choice.
    fn rates(&self, account: &[(usize, Manner)], by: &BTreeMap<usize, u32>) -> Vec<f64> {
        let is_even = |at: usize| account[at].1 == Manner::Evenly;
        let chosen = (0..account.len())
            .filter(|at| !is_even(*at))
            .fold(0u32, |set, at| set | 1 << at);
        // Paths alike in what they pass are one.
        let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for (path, set) in by {
            if set & chosen == 0 {
                let (struck, sent) = sums.entry(*set).or_default();
                *struck += self.paths[*path].struck as f64;
                *sent += self.paths[*path].sent as f64;
            }
        }
        let rate = |at: usize, own: bool| {
            let mine = sums
                .iter()
                .filter(|(set, _)| **set == 1 << at || !own && *set >> at & 1 == 1);
            let (struck, sent) = mine.fold((0.0, 0.0), |sum, (_, one)| (sum.0 + one.0, sum.1 + one.1));
            (sent > 0.0 && is_even(at)).then_some(struck / sent)
        };
        // What passes no other place tells it best.
        let first = |at: usize| rate(at, true).or_else(|| rate(at, false)).unwrap_or(0.0);
        let mut rates: Vec<f64> = (0..account.len()).map(first).collect();
        if account.len() > 1 {
            for _ in 0..ROUNDS {
                let mut next = vec![(0.0, 0.0); rates.len()];
                for (set, (struck, sent)) in &sums {
                    let mine = || (0..rates.len()).filter(|at| set >> at & 1 == 1);
                    let all: f64 = mine().map(|at| rates[at]).sum();
                    for at in mine() {
                        next[at].0 += if all > 0.0 { struck * rates[at] / all } else { 0.0 };
                        next[at].1 += sent;
                    }
                }
                rates = next
                    .into_iter()
                    .map(|(struck, sent)| if sent > 0.0 { struck / sent } else { 0.0 })
                    .collect();
            }
        }
        rates
    }

    /// The paths that the places of `account` pass, each with which of them it passes, as bits.
    fn passed(&self, account: &[(usize, Manner)]) -> BTreeMap<usize, u32> {
        let mut by = BTreeMap::new();
        for (at, (part, _)) in account.iter().enumerate() {
            for path in &self.through[*part] {
                *by.entry(*path).or_insert(0) |= 1 << at;
            }
        }
        by
    }

    /// What it takes to write `account` down, and with it what was struck, in nats.
    fn length(&self, account: &[(usize, Manner)]) -> f64 {
        let by = self.passed(account);
        let rates = self.rates(account, &by);
        let mut length = (account.len() as f64) * (self.parts.len() as f64).ln()
            + FURTHER * (account.len().saturating_sub(1)) as f64;
        let mut told = 0;
        // Flows that may be chosen, and those that are, of each place that chooses.
        let mut chosen = vec![(0usize, 0usize); account.len()];
        for (path, set) in &by {
            let path = self.paths[*path];
            told += usize::from(path.struck > 0);
            let mine = || (0..account.len()).filter(|at| set >> at & 1 == 1);
            let due = path.sent as f64 * mine().map(|at| rates[at]).sum::<f64>();
            let evenly = deviate(path.struck as f64, due);
            let chooser = mine().find(|at| account[*at].1 == Manner::ByChoice);
            if let Some(at) = chooser {
                chosen[at].0 += 1;
                if path.struck > 0 && evenly > OFTEN + 1.0 {
                    chosen[at].1 += 1;
                    length += OFTEN;
                } else {
                    length += evenly;
                }
            } else {
                length += evenly;
            }
        }
        for ((part, manner), (all, some)) in account.iter().zip(chosen) {
            if *manner == Manner::ByChoice {
                length += choices(all, some) + ((all + 1) as f64).ln();
                if !is_one_of_many(self.parts[*part]) {
                    length += IN_STEP;
                }
            }
        }
        length + UNTOLD * (self.hit - told) as f64
    }

    /// The manners of `parts` in which they are written down shortest, and how long that is.
    fn best(&self, parts: &[usize]) -> (f64, Account) {
        let manners = [Manner::Evenly, Manner::ByChoice];
        let mut best = (f64::INFINITY, Account::new());
        for number in 0..1usize << parts.len() {
            let account: Account = parts
                .iter()
                .enumerate()
                .map(|(at, part)| (*part, manners[number >> at & 1]))
                .collect();
            let length = self.length(&account);
            if length + 1e-9 < best.0 {
                best = (length, account);
            }
        }
        best
    }

    /// Pairs of parts that account for every struck path.
    fn pairs(&self) -> impl Iterator<Item = [usize; 2]> + '_ {
        let mut able: Vec<usize> = (0..self.parts.len()).collect();
        able.sort_by_key(|part| std::cmp::Reverse(self.struck[*part]));
        able.truncate(MOST_OF_PAIRS);
        able.sort_unstable();
        let firsts = 0..able.len();
        let all = firsts.flat_map(move |at| {
            let rest: Vec<[usize; 2]> = able[at + 1..].iter().map(|other| [able[at], *other]).collect();
            rest
        });
        all.filter(|two| {
            let by = self.passed(&two.map(|part| (part, Manner::Evenly)));
            by.keys().filter(|path| self.paths[**path].struck > 0).count() == self.hit
        })
    }

    /// The shortest account.
    fn shortest(&self) -> (f64, Account) {
        let all = 0..self.parts.len();
        let shorter = |best: &mut (f64, Account), one: (f64, Account)| {
            if one.0 + 1e-9 < best.0 {
                *best = one;
            }
        };
        let mut best = (f64::INFINITY, Account::new());
        for part in all.clone() {
            shorter(&mut best, self.best(&[part]));
        }
        for two in self.pairs() {
            shorter(&mut best, self.best(&two));
        }
        // Further ones, one by one, as long as that is shorter.
        let mut more: (f64, Account) = (f64::INFINITY, Account::new());
        loop {
            let mut next = (f64::INFINITY, Account::new());
            for part in all.clone().filter(|part| more.1.iter().all(|(known, _)| known != part)) {
                for manner in [Manner::Evenly, Manner::ByChoice] {
                    let account: Account = more.1.iter().copied().chain([(part, manner)]).collect();
                    shorter(&mut next, (self.length(&account), account));
                }
            }
            if next.0 + 1e-9 >= more.0 || more.1.len() >= MOST {
                break;
            }
            more = next;
        }
        shorter(&mut best, more);
        best
    }
}

/// Tells where `paths` were struck, the place that accounts for most first.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
pub fn locate(paths: &[Path], places: &[pfc::Place]) -> Vec<Whereabouts> {
    let scene = Scene::of(paths, places);
    if scene.hit == 0 {
        return Vec::new();
    }
    let (length, account) = scene.shortest();
    let by = scene.passed(&account);
    // What passes two places is counted where more is struck.
    let even = scene.rates(&account, &by);
    let rate = |at: usize| {
        let sum = |own: bool| {
            let mine = by
                .iter()
                .filter(|(_, set)| **set == 1 << at || !own && **set >> at & 1 == 1);
            mine.fold((0, 0), |sum, (path, _)| {
                (sum.0 + paths[*path].struck, sum.1 + paths[*path].sent)
            })
        };
        let (struck, sent) = Some(sum(true))
            .filter(|(_, sent)| *sent > 0)
            .unwrap_or_else(|| sum(false));
        match account[at].1 {
            Manner::Evenly => even[at],
            Manner::ByChoice => struck as f64 / sent.max(1) as f64,
        }
    };
    let rates: Vec<f64> = (0..account.len()).map(rate).collect();
    let mut found: Vec<Whereabouts> = (0..account.len())
        .map(|at| {
            let part = scene.parts[account[at].0];
            let mine = |set: u32| {
                let able = (0..account.len()).filter(|other| set >> other & 1 == 1);
                able.max_by(|a, b| rates[*a].total_cmp(&rates[*b]).then(b.cmp(a))) == Some(at)
            };
            let mine = by.iter().filter(|(path, set)| paths[**path].struck > 0 && mine(**set));
            let mine: Vec<usize> = mine.map(|(path, _)| *path).collect();
            let mut parts: Vec<usize> = account.iter().map(|(part, _)| *part).collect();
            let is_near = |other: &usize| {
                parts[at] = *other;
                scene.best(&parts).0 <= length + NEAR
            };
            let others = 0..scene.parts.len();
            let known = |other: &usize| account.iter().any(|(part, _)| part == other);
            let mut also: Vec<usize> = if account.len() <= 2 {
                others.filter(|other| !known(other)).filter(is_near).collect()
            } else {
                Vec::new()
            };
            if let [_] = account.as_slice() {
                also.extend(
                    scene
                        .pairs()
                        .filter(|two| scene.best(two).0 <= length + NEAR - FURTHER)
                        .flatten()
                        .filter(|other| !known(other)),
                );
                also.sort_unstable();
                also.dedup();
            }
            Whereabouts {
                part,
                also: also.into_iter().map(|other| scene.parts[other]).collect(),
                struck: mine.iter().map(|at| paths[*at].struck).sum(),
                sent: mine.iter().map(|at| paths[*at].sent).sum(),
                paths: mine,
            }
        })
        .filter(|place| place.struck > 0)
        .collect();
    found.sort_by(|a, b| b.struck.cmp(&a.struck).then(a.part.cmp(&b.part)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(leaf: u32) -> pfc::Place {
        pfc::Place {
            leaf,
            pod: 0,
            uplink: None,
        }
    }

    fn path(sender: u16, arrival: u16, struck: u64) -> Path {
        Path {
            sender,
            arrival,
            sent: 1000,
            struck,
        }
    }

    fn parts(found: &[Whereabouts]) -> Vec<(Part, u64)> {
        found.iter().map(|one| (one.part, one.struck)).collect()
    }

    #[test]
    fn what_struck_paths_share_and_spared_ones_do_not() {
        let one = [place(0); 4];
        // host0's link: everything from and to it, and nothing else.
        let all: Vec<Path> = (0..4)
            .flat_map(|from| (0..4).filter(move |to| *to != from).map(move |to| (from, to)))
            .map(|(from, to)| path(from, to, if from == 0 || to == 0 { 10 } else { 0 }))
            .collect();
        assert_eq!(parts(&locate(&all, &one)), [(Part::Port(0), 60)]);
        // The switch: everything.
        let every: Vec<Path> = all.iter().map(|one| path(one.sender, one.arrival, 10)).collect();
        assert_eq!(parts(&locate(&every, &one)), [(Part::Leaf(0), 120)]);
        assert_eq!(parts(&locate(&every, &[])), [(Part::Device, 120)]);
        // Two links.
        let two: Vec<Path> = all
            .iter()
            .map(|one| {
                path(
                    one.sender,
                    one.arrival,
                    if one.sender == 1 || one.sender == 2 { 7 } else { 0 },
                )
            })
            .map(|one| {
                if one.arrival == 1 || one.arrival == 2 {
                    path(one.sender, one.arrival, 7)
                } else {
                    one
                }
            })
            .collect();
        let found = locate(&two, &one);
        assert_eq!(
            found.iter().map(|one| one.part).collect::<Vec<_>>(),
            [Part::Port(1), Part::Port(2)]
        );
        assert_eq!(found.iter().map(|one| one.struck).sum::<u64>(), 70);
        // A link that is worse than the switch that everything passes.
        let worse: Vec<Path> = all
            .iter()
            .map(|one| path(one.sender, one.arrival, one.struck * 10 + 5))
            .collect();
        let found = locate(&worse, &one);
        assert_eq!(
            found.iter().map(|one| one.part).collect::<Vec<_>>(),
            [Part::Port(0), Part::Leaf(0)]
        );
    }

    #[test]
    fn an_incast_tells_its_senders_apart_but_not_its_switch_from_its_receiver() {
        let one = [place(0); 5];
        let sender = [path(0, 4, 10), path(1, 4, 0), path(2, 4, 0), path(3, 4, 0)];
        assert_eq!(parts(&locate(&sender, &one)), [(Part::Port(0), 10)]);
        let all = sender.map(|one| path(one.sender, 4, 10));
        let found = locate(&all, &one);
        assert_eq!(parts(&found), [(Part::Port(4), 40)]);
        assert_eq!(found[0].also, [Part::Leaf(0)]);
    }

    #[test]
    fn some_of_what_crosses_a_leaf_is_its_uplinks() {
        let two = [0, 0, 1, 1, 2, 2].map(place);
        // All but two of what leaves or enters leaf 0: the others hash to another spine.
        let paths = [
            path(0, 2, 9),
            path(0, 4, 0),
            path(1, 3, 9),
            path(1, 5, 8),
            path(3, 1, 7),
            path(4, 0, 0),
            path(2, 4, 0),
            path(5, 3, 0),
            path(0, 1, 0),
        ];
        assert_eq!(parts(&locate(&paths, &two)), [(Part::Uplinks(0), 33)]);
    }

    #[test]
    fn what_all_struck_flows_of_a_port_have_in_common_is_the_port_even_where_it_spares_some() {
        let two = [0, 0, 1, 1].map(place);
        // Every second flow of host 0, and its way back; of host 1, who uses the same uplinks, none.
        let mut paths = Vec::new();
        for from in 0..4 {
            for to in (0..4).filter(|to| *to != from) {
                for flow in 0..8 {
                    let hit = (from == 0 || to == 0) && flow % 2 == 0;
                    paths.push(path(from, to, if hit { 10 } else { 0 }));
                }
            }
        }
        let found = locate(&paths, &two);
        assert_eq!(parts(&found), [(Part::Port(0), 6 * 4 * 10)]);
        // A link above the leaf strikes flows of both hosts.
        for path in &mut paths {
            let crosses = (path.sender < 2) != (path.arrival < 2);
            path.struck = if crosses {
                path.struck.max(u64::from(path.sender == 1 || path.arrival == 1) * 10)
            } else {
                0
            };
        }
        assert!(matches!(locate(&paths, &two)[0].part, Part::Uplinks(_) | Part::Above));
    }

    /// Everybody to everybody behind one switch, each flow struck as often as `struck` says.
    fn among(hosts: u16, struck: impl Fn(u16, u16) -> u64) -> Vec<Path> {
        let pairs = (0..hosts).flat_map(|from| (0..hosts).filter(move |to| *to != from).map(move |to| (from, to)));
        pairs.map(|(from, to)| path(from, to, struck(from, to))).collect()
    }

    #[test]
    fn what_keeps_in_step_with_some_flows_is_one_place() {
        let one = [place(0); 6];
        // A switch that strikes every 26th of the frames of 20 flows: two of them, and no two alike, it spares.
        let spared = |from: u16, to: u16| from == 2 && (to == 0 || to == 3);
        let counts = among(5, |from, to| {
            if spared(from, to) {
                0
            } else {
                8 + u64::from(5 * from + to) % 3 * 5
            }
        });
        assert_eq!(
            locate(&counts, &one[..5])
                .iter()
                .map(|one| one.part)
                .collect::<Vec<_>>(),
            [Part::Leaf(0)]
        );
        // Every 36th of 30 flows: always the same five.
        let always = [(0, 1), (1, 3), (2, 4), (3, 5), (5, 0)];
        let counts = among(6, |from, to| if always.contains(&(from, to)) { 36 } else { 0 });
        assert_eq!(parts(&locate(&counts, &one)), [(Part::Leaf(0), 180)]);
        // A link that strikes some of its flows often and others hardly.
        let counts = among(4, |from, to| match (from, to) {
            (3, 2) | (2, 3) => 18,
            (0, 3) => 16,
            (3, 0 | 1) => 2,
            _ => 0,
        });
        assert_eq!(parts(&locate(&counts, &one[..4])), [(Part::Port(3), 56)]);
    }

    #[test]
    fn a_link_and_a_spine_are_two_places() {
        // Host 3's frames, and of what crosses the leaves every second flow.
        let two = [0, 0, 1, 1].map(place);
        let mut paths = Vec::new();
        for one in among(4, |_, _| 0) {
            for flow in 0..4 {
                let crosses = (one.sender < 2) != (one.arrival < 2);
                let mine = if one.sender == 3 || one.arrival == 3 { 40 } else { 0 };
                let above = if crosses && flow % 2 == 0 { 9 } else { 0 };
                paths.push(path(one.sender, one.arrival, mine + above));
            }
        }
        let found = locate(&paths, &two);
        assert_eq!(
            found.iter().map(|one| one.part).collect::<Vec<_>>(),
            [Part::Port(3), Part::Uplinks(0)]
        );
        // Without host 3's, what crosses the leaves is host 2's.
        assert_eq!(found[1].also, [Part::Port(2), Part::Uplinks(1), Part::Above]);
    }

    #[test]
    fn nothing_struck_is_nowhere() {
        assert_eq!(locate(&[path(0, 1, 0)], &[]), []);
        assert_eq!(locate(&[], &[]), []);
    }
}
