//! How fast queues really drained: links that carry less than their nominal rate.
//!
//! Contract: a queue that serves whenever it can sends at the rate of its link as long as a frame waits in it.
//! So while frames of a path wait, some link on their way carries its whole rate; it is no more than what arrives of all that
//! waits and may have to pass it. Where that is less than the nominal rate of every link on the way, whenever
//! frames waited, one of them is slower than it should be. Stretches that we held by PFC ourselves do not
//! count, nor, behind several switches, those in which another port was busy: pauses may have come from there.
//!
//! Left out on purpose: single standstills (`stall`), where it is (`place`).

use std::collections::BTreeMap;

use super::path::held;
use super::place::{Part, Path};
use super::queue::departure;
use super::spans::Spans;
use super::waits::Waits;
use super::{Evidence, Facts};
use crate::measure::trace::Trace;
use crate::units::{BitRate, WIRE_OVERHEAD};

/// Frames of which each waited, from which a rate is taken.
const FRAMES: usize = 32;

/// A frame waited when it did so for more than this many frames' time.
const WAITED: i64 = 4;

/// Stretches by which a link is judged, at least.
const LEAST_STRETCHES: usize = 4;

/// A link that carries less than this share of its nominal rate is slow.
const SLOW: f64 = 0.95;

/// Rates of one link, told by stretches, do not differ by more than this share.
const STEADY: f64 = 0.97;

/// Frames of a path that waited, and how fast they went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drained {
    /// The path; struck are frames that waited for a link that was too slow.
    pub path: Path,
    /// The greatest rate on the wire that any link on its way showed, bit/s.
    pub rate: f64,
    /// The nominal rate of that link, bit/s.
    pub nominal: f64,
    /// The greatest rate on the wire at which frames came over the last link meanwhile, bit/s.
    pub last: f64,
}

/// Wire bits that arrived by a time.
#[derive(Debug, Default)]
struct Running {
    times: Vec<i64>,
    bits: Vec<u64>,
}

impl Running {
    fn add(&mut self, time: i64, bits: u64) {
        let sum = self.bits.last().copied().unwrap_or(0) + bits;
        self.times.push(time);
        self.bits.push(sum);
    }

    /// Bits that arrived after `from` and not after `to`.
    fn between(&self, from: i64, to: i64) -> u64 {
        let until = |time: i64| {
            let at = self.times.partition_point(|one| *one <= time);
            at.checked_sub(1).map_or(0, |at| self.bits[at])
        };
        until(to).saturating_sub(until(from))
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates and times")]
fn rate(bits: u64, time: i64) -> f64 {
    bits as f64 * 1e12 / time.max(1) as f64
}

fn bits(len: u16) -> u64 {
    (u64::from(len) + WIRE_OVERHEAD) * 8
}

fn speed(evidence: &Evidence<'_>, port: u16) -> BitRate {
    evidence
        .plan
        .ports
        .get(usize::from(port))
        .map_or(BitRate(1), |port| port.speed)
}

/// The rate at which what waited came to `port`, where that is steady and less than the port's: its link's, in
/// truth. `None` where it is not told, or a queue further up may have made it.
#[must_use]
pub fn of_port(evidence: &Evidence<'_>, waits: &Waits, port: usize) -> Option<BitRate> {
    if evidence.places.windows(2).any(|two| two[0].leaf != two[1].leaf) {
        return None;
    }
    let number = u16::try_from(port).ok()?;
    let nominal = speed(evidence, number);
    let kept = held(evidence, port);
    // Arrivals of this port, in order, with bits, and whether each waited.
    let seen = evidence.trace.observations();
    let mut mine: Vec<(i64, u64, Option<i64>)> = Vec::new();
    for (index, one) in seen.iter().enumerate().filter(|(_, one)| one.port == number) {
        let own = nominal.wire_time(u64::from(one.len)).0.cast_signed();
        let waited = waits
            .get(index)
            .map(|wait| wait.waited)
            .filter(|waited| *waited > WAITED * own);
        mine.push((one.arrival.0.cast_signed(), bits(one.len), waited));
    }
    mine.sort_by_key(|(time, _, _)| *time);
    let mut rates: Vec<f64> = mine
        .chunks_exact(FRAMES)
        .filter(|chunk| {
            let busy = |two: &[(i64, u64, Option<i64>)]| two[1].2.is_some_and(|waited| two[1].0 - waited <= two[0].0);
            chunk.windows(2).all(busy)
        })
        .filter_map(|chunk| {
            let (from, to) = (chunk.first()?.0, chunk.last()?.0);
            let free = kept.iter().all(|spans| !spans.overlap(from, to));
            let sum: u64 = chunk.iter().skip(1).map(|(_, bits, _)| *bits).sum();
            (free && to > from).then(|| rate(sum, to - from))
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let (middle, most) = (*rates.get(rates.len() / 2)?, *rates.last()?);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let slow = rates.len() >= LEAST_STRETCHES && most < SLOW * nominal.0 as f64 && middle >= STEADY * most;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate above 0")]
    slow.then_some(BitRate(most.round() as u64))
}

/// The rate at which `port` sends, where that is steady whenever it sends without a break and less than `nominal`: its
/// link's, in truth. For a port that has more to send than that. Stretches in which it was `paused` say nothing of its link.
#[must_use]
pub fn of_sender(trace: &Trace, facts: &Facts, port: u16, nominal: BitRate, paused: &[Spans; 8]) -> Option<BitRate> {
    let seen = trace.observations().iter();
    let mine = seen.filter(|one| facts.flow(one.flow).is_some_and(|flow| flow.sender == port));
    let mut left: Vec<(i64, u64)> = mine.filter_map(|one| Some((departure(one)?, bits(one.len)))).collect();
    left.sort_unstable();
    left.dedup();
    let mut rates: Vec<f64> = left
        .chunks_exact(FRAMES)
        .filter_map(|chunk| {
            let (from, to) = (chunk.first()?.0, chunk.last()?.0);
            // From one departure to the next a link carries the former.
            let sum: u64 = chunk[..FRAMES - 1].iter().map(|(_, bits)| *bits).sum();
            let free = paused.iter().all(|spans| !spans.overlap(from, to));
            (free && to > from).then(|| rate(sum, to - from))
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let (middle, most) = (*rates.get(rates.len() / 2)?, *rates.last()?);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let slow = rates.len() >= LEAST_STRETCHES && most < SLOW * nominal.0 as f64 && middle >= STEADY * most;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate above 0")]
    slow.then_some(BitRate(most.round() as u64))
}

/// How fast frames went on each path of which enough waited.
#[must_use]
pub fn paths(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits) -> Vec<Drained> {
    let mut order: Vec<usize> = (0..evidence.trace.observations().len()).collect();
    let seen = evidence.trace.observations();
    order.sort_by_key(|index| seen[*index].arrival);
    let mut carried: BTreeMap<Part, Running> = BTreeMap::new();
    // Of each path, the arrivals of those that waited, in order.
    let mut waiting: BTreeMap<(u16, u16), Vec<(i64, i64)>> = BTreeMap::new();
    let parts_of = |sender: u16, arrival: u16| {
        let path = Path {
            sender,
            arrival,
            sent: 0,
            struck: 0,
        };
        path.parts(evidence.places)
    };
    let mut parts: BTreeMap<(u16, u16), Vec<Part>> = BTreeMap::new();
    for index in order {
        let one = &seen[index];
        let (time, bits) = (one.arrival.0.cast_signed(), bits(one.len));
        // Whatever comes takes its time on the last link.
        carried.entry(Part::Port(one.port)).or_default().add(time, bits);
        let Some((flow, wait)) = facts.flow(one.flow).zip(waits.get(index)) else {
            continue;
        };
        let own = speed(evidence, flow.arrival)
            .wire_time(u64::from(one.len))
            .0
            .cast_signed();
        let way = (flow.sender, flow.arrival);
        let waited = wait.waited > WAITED * own;
        // Since when the link has been busy without a break, as far as this frame tells; never, if it did not wait.
        let since = if waited { time - wait.waited } else { i64::MAX };
        waiting.entry(way).or_default().push((time, since));
        if waited {
            let all = parts.entry(way).or_insert_with(|| parts_of(way.0, way.1));
            for part in all.iter().filter(|part| matches!(part, Part::Uplinks(_))) {
                carried.entry(*part).or_default().add(time, bits);
            }
        }
    }
    let held: Vec<[Spans; 8]> = (0..evidence.plan.ports.len())
        .map(|port| held(evidence, port))
        .collect();
    waiting
        .into_iter()
        .filter_map(|(way, times)| {
            let mut best: Option<(f64, f64)> = None;
            let mut last = 0.0f64;
            let (mut stretches, mut waited) = (0, 0);
            let mut told = |from: i64, to: i64| {
                let ours = held.get(usize::from(way.1));
                if to <= from || ours.is_some_and(|classes| classes.iter().any(|spans| spans.overlap(from, to))) {
                    return;
                }
                let Some(all) = parts.get(&way) else { return };
                let far = all.iter().any(|part| matches!(part, Part::Uplinks(_)));
                let share = |part: Part, nominal: u64| {
                    let carried = carried.get(&part).map_or(0, |running| running.between(from, to));
                    #[expect(clippy::cast_precision_loss, reason = "a rate")]
                    let nominal = nominal as f64;
                    (rate(carried, to - from), nominal)
                };
                let of_port = |port: u16| share(Part::Port(port), speed(evidence, port).0);
                if far {
                    let busy = (0..evidence.plan.ports.len()).filter_map(|port| u16::try_from(port).ok());
                    if busy
                        .filter(|port| *port != way.1)
                        .map(of_port)
                        .any(|(rate, nominal)| rate >= 0.9 * nominal)
                    {
                        return;
                    }
                }
                let uplink = evidence.places.get(usize::from(way.1)).and_then(|place| place.uplink);
                let links = all.iter().filter_map(|part| match part {
                    Part::Uplinks(_) => Some(share(*part, uplink?.0)),
                    _ => None,
                });
                let links = links.chain([of_port(way.1)]);
                let most = links.max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
                stretches += 1;
                last = last.max(of_port(way.1).0);
                if let Some(most) = most
                    && best.is_none_or(|best| most.0 / most.1 > best.0 / best.1)
                {
                    best = Some(most);
                }
            };
            for chunk in times.chunk_by(|a, b| b.1 <= a.0) {
                waited += chunk.iter().filter(|(_, since)| *since != i64::MAX).count() as u64;
                for stretch in chunk.chunks_exact(FRAMES) {
                    if let (Some((from, _)), Some((to, _))) = (stretch.first(), stretch.last()) {
                        told(*from, *to);
                    }
                }
            }
            let (rate, nominal) = best.filter(|_| stretches >= LEAST_STRETCHES)?;
            let path = Path {
                sender: way.0,
                arrival: way.1,
                sent: waited,
                struck: if rate < SLOW * nominal { waited } else { 0 },
            };
            Some(Drained {
                path,
                rate,
                nominal,
                last,
            })
        })
        .collect()
}
