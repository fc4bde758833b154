//! Where something happened, as far as an outsider can tell: what all paths that it struck have in common, and
//! paths that it spared have not.
//!
//! Contract: a path leads from one of our ports to another, through the parts of the device on its way that the
//! testbed states: the two ports' links, their leaves, and what lies above those. Of ways above a leaf nobody
//! sees which one a flow takes, so what is spared there clears nothing. A part is *cleared* when more
//! strikes were due to its spared paths, at the rate of all of its paths, than chance withholds (by 3.5 standard deviations).
//! Of parts that account for the same strikes the one that fewest frames crossed is the likeliest: strikes came to all of what
//! it was given, and not by chance to a part of that. The others are named, too, unless that chance is less than e to the power of minus 6. So are
//! two parts likelier than one that accounts for the same, where that chance is less than e to the power of minus 10.
//!
//! Left out on purpose: names (`report`), and what happened.

use std::collections::{BTreeMap, BTreeSet};

use super::pfc;

/// A part whose paths are struck so many times as often as the others is a place of its own.
const HOT: f64 = 3.0;

/// Chance may make strikes fall on a part of what crosses a place at most so likely, as a logarithm.
const UNLIKELY: f64 = 6.0;

/// The same where two places are said to be struck and not one: there are many pairs.
const UNLIKELY_PAIR: f64 = 10.0;

/// Of so many parts, those that account for most, pairs are looked at.
const MOST_OF_PAIRS: usize = 64;

/// So many frames struck below a leaf's uplinks tell that it is not those.
const LEAST_INSIDE: u64 = 3;

/// So many places are unlikely to be struck at once, and from so many flows it is told how evenly.
const MANY: usize = 3;
const LEAST_IN_STEP: usize = 6;

/// So many struck paths through one port, and none that passes it by, are that port's.
const LEAST_IN_COMMON: usize = 8;

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

/// What all paths through one part have seen together.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    struck: u64,
    sent: u64,
    /// Given to paths that were spared.
    spared: u64,
    /// Paths that were struck.
    hit: u64,
    /// Strikes due to spared paths, at the rate of all, and to those that chance spares; and its variance.
    missed: f64,
    expected: f64,
    variance: f64,
}

#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
impl Sums {
    /// Of struck paths only.
    fn rate(&self) -> f64 {
        self.struck as f64 / self.sent.max(1) as f64
    }

    /// Frames that it was given.
    const fn given(&self) -> u64 {
        self.sent + self.spared
    }

    /// Whether chance hardly makes all strikes of this part fall on what `other` was given, which is a part of it.
    fn is_looser(&self, other: &Sums) -> bool {
        self.is_looser_by(other, UNLIKELY)
    }

    /// The same, with a chance of e to the power of minus `unlikely`.
    fn is_looser_by(&self, other: &Sums, unlikely: f64) -> bool {
        let times = self.given() as f64 / other.given().max(1) as f64;
        self.hit.min(self.struck) as f64 * times.ln() > unlikely
    }

    fn add(&mut self, path: &Path) {
        self.struck += path.struck;
        if path.struck > 0 {
            self.sent += path.sent;
            self.hit += 1;
        } else {
            self.spared += path.sent;
        }
    }

    /// What is due to `path`, when all of them are known.
    fn weigh(&mut self, path: &Path) {
        let due = path.sent as f64 * self.struck as f64 / (self.sent + self.spared).max(1) as f64;
        let chance = (-due).exp();
        self.expected += due * chance;
        self.variance += due * due * chance * (1.0 - chance);
        if path.struck == 0 {
            self.missed += due;
        }
    }

    /// Whether more was spared than chance spares.
    fn is_cleared(&self) -> bool {
        self.missed > self.expected + 3.5 * self.variance.sqrt() + 1.5
    }
}

/// Whether flows of which nobody sees where they go may spare it.
const fn is_one_of_many(part: Part) -> bool {
    matches!(part, Part::Uplinks(_) | Part::Above)
}

/// The one port that all struck paths have in common, of those of `live` that pass `part`, though as many pass it without that port: a
/// choice of ways above a leaf would have struck some of those. Frames of one pace may keep in step with what strikes
/// every n-th of them, so what a port spares does not clear it of this.
fn only_port(part: Part, live: &[usize], paths: &[Path], parts: &[Vec<Part>]) -> Option<Part> {
    let mut struck = live.iter().filter(|at| paths[**at].struck > 0);
    let first = paths[*struck.next()?];
    if struck.clone().count() + 1 < LEAST_IN_COMMON {
        return None;
    }
    let mut common = [first.sender, first.arrival].map(Part::Port).to_vec();
    common.retain(|port| struck.clone().all(|at| parts[*at].contains(port)));
    let [port] = common.as_slice() else { return None };
    let through = live.iter().filter(|at| parts[**at].contains(&part));
    let (with, without): (Vec<&usize>, Vec<&usize>) = through.partition(|at| parts[**at].contains(port));
    (without.len() >= with.len()).then_some(*port)
}

/// Of two parts that account together for all that `part` does, and that were given so much less between them that chance hardly makes all
/// strikes fall there, the one that accounts for more; the other is found in what it leaves.
fn one_of_two(
    part: Part,
    whole: &Sums,
    sums: &BTreeMap<Part, Sums>,
    live: &[usize],
    paths: &[Path],
    parts: &[Vec<Part>],
    may: &impl Fn(Part, &Sums) -> bool,
) -> Option<Part> {
    let mut able: Vec<(Part, &Sums)> = sums
        .iter()
        .filter(|(other, sum)| **other != part && may(**other, sum) && sum.given() < whole.given())
        .map(|(other, sum)| (*other, sum))
        .collect();
    able.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.struck));
    able.truncate(MOST_OF_PAIRS);
    let given = |one: Part, other: Part| {
        let mine = live
            .iter()
            .filter(|at| parts[**at].contains(&one) || parts[**at].contains(&other));
        mine.fold(Sums::default(), |mut sum, at| {
            sum.add(&paths[*at]);
            sum
        })
    };
    let mut best: Option<(u64, Part)> = None;
    for (at, (one, mine)) in able.iter().enumerate() {
        for (other, theirs) in &able[at + 1..] {
            if mine.struck + theirs.struck < whole.struck {
                continue;
            }
            let both = given(*one, *other);
            let accounts = live
                .iter()
                .filter(|at| paths[**at].struck > 0 && parts[**at].contains(&part));
            let accounts = accounts
                .into_iter()
                .all(|at| parts[*at].contains(one) || parts[*at].contains(other));
            let hits = whole.is_looser_by(&both, UNLIKELY_PAIR);
            if accounts && hits && best.is_none_or(|(given, _)| both.given() < given) {
                best = Some((both.given(), if mine.struck >= theirs.struck { *one } else { *other }));
            }
        }
    }
    best.map(|(_, part)| part)
}

/// The leaf of these uplinks, where all that it was given was struck as often: what crosses the uplinks from each of its ports, and what
/// stays below them. Frames of one pace may keep in step with what strikes every n-th of them, so single flows that it spares do not
/// clear it of this.
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
fn whole_leaf(part: Part, live: &[usize], paths: &[Path], parts: &[Vec<Part>], places: &[pfc::Place]) -> Option<Part> {
    let Part::Uplinks(leaf) = part else { return None };
    let mut groups: BTreeMap<Option<u16>, (u64, u64)> = BTreeMap::new();
    for at in live.iter().filter(|at| parts[**at].contains(&Part::Leaf(leaf))) {
        let path = paths[*at];
        let is_here = |port: u16| places.get(usize::from(port)).is_some_and(|place| place.leaf == leaf);
        let end = if is_here(path.sender) {
            path.sender
        } else {
            path.arrival
        };
        let key = parts[*at].contains(&part).then_some(end);
        let (struck, sent) = groups.entry(key).or_default();
        *struck += path.struck;
        *sent += path.sent;
    }
    let inside = groups.get(&None)?;
    let (struck, sent) = groups.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let is_alike = |(hit, given): &(u64, u64)| {
        let due = struck as f64 * *given as f64 / sent.max(1) as f64;
        (*hit as f64 - due).abs() <= 3.0 * due.sqrt() + 1.0
    };
    (inside.0 >= LEAST_INSIDE && groups.values().all(is_alike)).then_some(Part::Leaf(leaf))
}

/// Puts three places and more together, where one part accounts for all of them and flows were struck so evenly that something strikes every
/// n-th frame: then it is likelier to keep in step with some flows than that there are so many places.
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
fn in_step(found: Vec<Whereabouts>, paths: &[Path], parts: &[Vec<Part>]) -> Vec<Whereabouts> {
    let all: Vec<usize> = found.iter().flat_map(|one| one.paths.iter().copied()).collect();
    if found.len() < MANY || all.len() < LEAST_IN_STEP {
        return found;
    }
    let (struck, sent): (u64, u64) = all
        .iter()
        .fold((0, 0), |sum, at| (sum.0 + paths[*at].struck, sum.1 + paths[*at].sent));
    let spread = all.iter().map(|at| {
        let due = paths[*at].sent as f64 * struck as f64 / sent.max(1) as f64;
        (paths[*at].struck as f64 - due).powi(2) / due.max(1e-9)
    });
    let is_even = spread.sum::<f64>() < all.len() as f64 / 4.0;
    let common = |part: &&Part| !is_one_of_many(**part) && all.iter().all(|at| parts[*at].contains(part));
    let hub = all.first().and_then(|at| parts[*at].iter().find(common)).copied();
    match hub.filter(|_| is_even && struck * 2 <= sent) {
        Some(part) => vec![Whereabouts {
            part,
            also: found.iter().map(|one| one.part).filter(|one| *one != part).collect(),
            struck,
            sent,
            paths: all,
        }],
        None => found,
    }
}

/// Tells where `paths` were struck, the place that accounts for most first.
#[must_use]
pub fn locate(paths: &[Path], places: &[pfc::Place]) -> Vec<Whereabouts> {
    let parts: Vec<Vec<Part>> = paths.iter().map(|path| path.parts(places)).collect();
    let mut open: BTreeSet<usize> = (0..paths.len()).filter(|at| paths[*at].struck > 0).collect();
    let mut found = Vec::new();
    while !open.is_empty() {
        let mut sums: BTreeMap<Part, Sums> = BTreeMap::new();
        let live = || (0..paths.len()).filter(|at| paths[*at].struck == 0 || open.contains(at));
        for at in live() {
            for part in &parts[at] {
                sums.entry(*part).or_default().add(&paths[at]);
            }
        }
        for at in live() {
            for part in &parts[at] {
                sums.entry(*part).or_default().weigh(&paths[at]);
            }
        }
        let may = |part: Part, sum: &Sums| sum.struck > 0 && (is_one_of_many(part) || !sum.is_cleared());
        let all: u64 = open.iter().map(|at| paths[*at].struck).sum();
        let given: u64 = open.iter().map(|at| paths[*at].sent).sum();
        // A place that is struck far more often than what does not pass it.
        #[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
        let is_hot = |sum: &Sums| {
            let (struck, sent) = (all - sum.struck, given - sum.sent);
            let others = struck as f64 / sent.max(1) as f64;
            let due = others * sum.sent as f64;
            struck > 0 && sum.rate() >= HOT * others && sum.struck as f64 > due + 6.0 * due.sqrt() + 6.0
        };
        let hot = sums
            .iter()
            .filter(|(part, sum)| **part != Part::Above && may(**part, sum) && is_hot(sum));
        let hottest = hot.max_by(|a, b| a.1.rate().total_cmp(&b.1.rate()).then(b.0.cmp(a.0)));
        let best = hottest.map(|(part, sum)| (*part, sum.struck)).or_else(|| {
            let able = sums.iter().filter(|(part, sum)| may(**part, sum));
            let order = |sum: &Sums| (sum.struck, std::cmp::Reverse(sum.given()));
            able.max_by(|a, b| order(a.1).cmp(&order(b.1)).then(b.0.cmp(a.0)))
                .map(|(part, sum)| (*part, sum.struck))
        });
        let best = best.map(|(part, struck)| {
            let live: Vec<usize> = live().collect();
            if let Some(sum) = sums.get(&part)
                && let Some(one) = one_of_two(part, sum, &sums, &live, paths, &parts, &may)
            {
                let one = whole_leaf(one, &live, paths, &parts, places).unwrap_or(one);
                return (one, sums.get(&one).map_or(0, |sum| sum.struck));
            }
            if let Some(leaf) = whole_leaf(part, &live, paths, &parts, places) {
                return (leaf, sums.get(&leaf).map_or(struck, |sum| sum.struck));
            }
            let port = is_one_of_many(part)
                .then(|| only_port(part, &live, paths, &parts))
                .flatten();
            port.map_or((part, struck), |port| (port, all))
        });
        // There is always one: a struck path clears no part of itself, unless others do all of them.
        let (part, struck) = best.unwrap_or_else(|| {
            let most = open.iter().max_by_key(|at| paths[**at].struck);
            let part = most.and_then(|at| parts[*at].first()).copied().unwrap_or(Part::Device);
            (part, sums.get(&part).map_or(0, |sum| sum.struck))
        });
        let (mine, rest): (Vec<usize>, Vec<usize>) = open.iter().partition(|at| parts[**at].contains(&part));
        if mine.is_empty() {
            break;
        }
        let also = sums
            .iter()
            .filter(|(other, sum)| **other != part && sum.struck == struck && may(**other, sum))
            .filter(|(_, sum)| sums.get(&part).is_none_or(|mine| !sum.is_looser(mine)))
            .filter(|(other, _)| mine.iter().all(|at| parts[*at].contains(other)))
            .map(|(other, _)| *other)
            .collect();
        found.push(Whereabouts {
            part,
            also,
            struck: mine.iter().map(|at| paths[*at].struck).sum(),
            sent: mine.iter().map(|at| paths[*at].sent).sum(),
            paths: mine,
        });
        open = rest.into_iter().collect();
    }
    found.sort_by(|a, b| b.struck.cmp(&a.struck).then(a.part.cmp(&b.part)));
    in_step(found, paths, &parts)
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

    #[test]
    fn nothing_struck_is_nowhere() {
        assert_eq!(locate(&[path(0, 1, 0)], &[]), []);
        assert_eq!(locate(&[], &[]), []);
    }
}
