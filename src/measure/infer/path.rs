//! Unloaded delays: how long a frame takes when nothing stands in its way.
//!
//! Contract: a path is what leads from one of our ports to another. Of a frame that found the last
//! link silent before it, nothing stood in the way there; a path is *known* when its least delay is
//! that of such a frame. The delay of the others is bounded by the order of arrivals: in a queue that
//! serves first what came first, none entered after one that follows it. Within those bounds the
//! least of the known delays is taken, and the bounds say how far that may be off.
//!
//! Left out on purpose: what frames waited in queues before the last link's, whenever none of a path
//! was alone there.

use super::Evidence;
use super::queue::Frame;
use crate::measure::pause::pause_time;
use crate::measure::trace::Observation;
use crate::plan::Plan;
use crate::units::BitRate;

/// The wire was silent when it was so for more than this part of the frame's own time on it beyond
/// that time: clocks round.
const SILENCE: i64 = 16;

/// Frames whose lengths differ by less than this many bytes say nothing of how many times they were
/// serialised whole.
const LEAST_SPREAD: u32 = 128;

/// A frame is serialised so often on its way where lengths do not tell: by its sender and by a
/// switch that stores and forwards.
const USUAL_HOPS: f64 = 2.0;

/// Nobody serialises more often.
const MOST_HOPS: f64 = 10.0;

/// What is known of one path, ps. Delays are less what is due to a frame's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Path {
    least: i64,
    /// Least of the frames that were alone.
    alone: Option<i64>,
    /// What it is taken to be.
    base: i64,
    /// How far that may be off.
    doubt: i64,
}

/// The paths to one port.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    speed: BitRate,
    /// Port of the sender, for each flow.
    senders: Vec<usize>,
    /// By port of the sender.
    paths: Vec<Option<Path>>,
    /// Time on the last link, ps, by length; 0 for lengths that did not occur.
    on_link: Vec<i64>,
    /// How often a frame is serialised on its way, in times on the last link.
    hops: f64,
}

/// The port behind which each flow's sender is.
fn senders(plan: &Plan) -> Vec<usize> {
    let mut senders = Vec::with_capacity(plan.flows() as usize);
    for entry in &plan.entries {
        for pair in &entry.pairs {
            let port = plan.workers.get(pair.src as usize).map_or(0, |worker| worker.port);
            senders.extend((0..entry.qps).map(|_| port));
        }
    }
    senders
}

/// Times in which we had asked what is behind `port` to pause `class`, as first and last ps.
fn held(evidence: &Evidence<'_>, port: usize) -> Vec<(u8, i64, i64)> {
    let Some(speed) = evidence.plan.ports.get(port).map(|port| port.speed) else {
        return Vec::new();
    };
    let picos = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    let spans = evidence.sent.iter().filter(|pause| pause.port == port);
    spans
        .map(|pause| {
            let end = pause.time.saturating_add(pause_time(pause.quanta, speed));
            (pause.classes, picos(pause.time.0), picos(end.0))
        })
        .collect()
}

impl Paths {
    /// What the frames that came to `port`, in the order of their arrival and each with its class,
    /// say of the paths to it.
    pub(super) fn learn(evidence: &Evidence<'_>, port: usize, frames: &[(u8, Frame)]) -> Paths {
        let plan = evidence.plan;
        let speed = plan.ports.get(port).map_or(BitRate(1), |port| port.speed);
        let longest = frames.iter().map(|(_, frame)| frame.len).max().unwrap_or(0);
        let mut paths = Paths {
            speed,
            senders: senders(plan),
            paths: vec![None; plan.ports.len()],
            on_link: vec![0; longest as usize + 1],
            hops: USUAL_HOPS,
        };
        for (_, frame) in frames {
            let place = &mut paths.on_link[frame.len as usize];
            if *place == 0 {
                *place = speed.wire_time(u64::from(frame.len)).0.cast_signed();
            }
        }
        let alone = paths.alone(frames, &held(evidence, port));
        paths.count_hops(evidence, frames, &alone);
        paths.least(evidence, frames, &alone);
        paths.judge(evidence, frames);
        paths
    }

    /// Time that a frame of this length takes on the last link, ps.
    pub(super) fn on_link(&self, len: u32) -> i64 {
        self.on_link.get(len as usize).copied().unwrap_or(0)
    }

    /// Time that a frame's length costs on all links together, ps.
    fn serialised(&self, len: u32) -> i64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a frame's time is far below 2^53 ps, and so is ten times that"
        )]
        let time = (self.hops * self.on_link(len) as f64).round() as i64;
        time
    }

    /// How long a frame of this flow and length takes, alone, ps.
    pub(super) fn unloaded(&self, flow: u32, len: u32) -> Option<i64> {
        let sender = self.senders.get(flow as usize)?;
        let path = self.paths.get(*sender)?.as_ref()?;
        Some(path.base + self.serialised(len))
    }

    /// How far depths may be off because of what is not known of the paths, bytes; `None`: of no path
    /// a frame was alone.
    pub(super) fn uncertainty(&self) -> Option<u64> {
        let known = self.paths.iter().flatten();
        let worst = known.map(|path| path.doubt).max()?;
        let bytes = i128::from(worst) * i128::from(self.speed.0) / 8_000_000_000_000;
        u64::try_from(bytes).ok()
    }

    /// Which frames found the wire silent.
    fn alone(&self, frames: &[(u8, Frame)], held: &[(u8, i64, i64)]) -> Vec<bool> {
        let mut last: Option<i64> = None;
        frames
            .iter()
            .map(|(class, frame)| {
                let own = self.on_link(frame.len);
                let silent = last.is_none_or(|last| frame.arrival - last > own + own / SILENCE);
                last = Some(frame.arrival);
                let free = frame.departure.is_some_and(|departure| {
                    !held.iter().any(|(classes, from, to)| {
                        classes >> class & 1 == 1 && departure <= *to && frame.arrival >= *from
                    })
                });
                silent && free
            })
            .collect()
    }

    /// A frame's path and delay.
    fn delay(&self, evidence: &Evidence<'_>, frame: &Frame) -> Option<(usize, i64)> {
        let seen: &Observation = evidence.trace.observations().get(frame.index as usize)?;
        let sender = self.senders.get(seen.flow as usize)?;
        Some((*sender, frame.arrival - frame.departure?))
    }

    /// Tells from frames of several lengths, each alone, how often a frame is serialised.
    fn count_hops(&mut self, evidence: &Evidence<'_>, frames: &[(u8, Frame)], alone: &[bool]) {
        // Of each path: length and least delay of its shortest and its longest frame.
        type Extremes = Option<((u32, i64), (u32, i64))>;
        let mut extremes: Vec<Extremes> = vec![None; self.paths.len()];
        for ((_, frame), _) in frames.iter().zip(alone).filter(|(_, alone)| **alone) {
            let Some((sender, delay)) = self.delay(evidence, frame) else {
                continue;
            };
            let Some(place) = extremes.get_mut(sender) else {
                continue;
            };
            let one = (frame.len, delay);
            let (short, long) = place.get_or_insert((one, one));
            if (one.0, one.1) < *short {
                *short = one;
            }
            if one.0 > long.0 || one.0 == long.0 && one.1 < long.1 {
                *long = one;
            }
        }
        let mut found: Vec<f64> = extremes
            .into_iter()
            .flatten()
            .filter(|(short, long)| long.0 >= short.0 + LEAST_SPREAD)
            .map(|(short, long)| {
                #[expect(clippy::cast_precision_loss, reason = "a ratio of times far below 2^53 ps")]
                let hops = (long.1 - short.1) as f64 / (self.on_link(long.0) - self.on_link(short.0)) as f64;
                hops
            })
            .collect();
        found.sort_by(f64::total_cmp);
        // The median: a path on which one of the two waited elsewhere does not decide.
        if let Some(hops) = found.get(found.len() / 2) {
            self.hops = hops.clamp(1.0, MOST_HOPS);
        }
    }

    /// Finds the least delay of each path.
    fn least(&mut self, evidence: &Evidence<'_>, frames: &[(u8, Frame)], alone: &[bool]) {
        for ((_, frame), alone) in frames.iter().zip(alone) {
            let Some((sender, delay)) = self.delay(evidence, frame) else {
                continue;
            };
            let rest = delay - self.serialised(frame.len);
            let Some(place) = self.paths.get_mut(sender) else {
                continue;
            };
            let path = place.get_or_insert(Path {
                least: rest,
                alone: None,
                base: rest,
                doubt: 0,
            });
            path.least = path.least.min(rest);
            if *alone {
                path.alone = Some(path.alone.map_or(rest, |least| least.min(rest)));
            }
        }
    }

    /// Decides what the base of each path is.
    fn judge(&mut self, evidence: &Evidence<'_>, frames: &[(u8, Frame)]) {
        let shortest = frames
            .iter()
            .map(|(_, frame)| self.on_link(frame.len))
            .min()
            .unwrap_or(0);
        let slack = shortest / SILENCE;
        let is_known = |path: &Path| path.alone.is_some_and(|alone| alone - path.least <= slack);
        let known = self.paths.iter().flatten().filter(|path| is_known(path));
        let Some(best) = known.map(|path| path.least).min() else {
            // Not one frame was alone: no depth can be told.
            self.paths.fill(None);
            return;
        };
        for path in self.paths.iter_mut().flatten() {
            path.base = path.least;
        }
        let bounds = self.bounds(evidence, frames, is_known);
        for (place, (low, high)) in self.paths.iter_mut().zip(bounds) {
            let Some(path) = place else { continue };
            if is_known(path) {
                continue;
            }
            let high = high.min(path.least);
            if low <= high {
                path.base = best.clamp(low, high);
                path.doubt = (path.base - low).max(high - path.base);
            } else {
                // What came first was not served first.
                path.doubt = (path.least - best).abs();
            }
            path.doubt = path.doubt.min((path.least - best).abs().max(shortest));
        }
    }

    /// The least and the greatest base of each path that the order of arrivals allows.
    fn bounds(
        &self,
        evidence: &Evidence<'_>,
        frames: &[(u8, Frame)],
        is_known: impl Fn(&Path) -> bool,
    ) -> Vec<(i64, i64)> {
        let mut bounds = vec![(i64::MIN, i64::MAX); self.paths.len()];
        // Departure, and what the length costs before the last link.
        let facts: Vec<Option<(u8, usize, i64)>> = frames
            .iter()
            .map(|(class, frame)| {
                let (sender, _) = self.delay(evidence, frame)?;
                let upstream = self.serialised(frame.len) - self.on_link(frame.len);
                Some((*class, sender, frame.departure? + upstream))
            })
            .collect();
        let base = |sender: usize| self.paths.get(sender).copied().flatten();
        let mut entered = [i64::MIN; 8];
        for (class, sender, start) in facts.iter().flatten() {
            let Some(path) = base(*sender) else { continue };
            let latest = &mut entered[usize::from(class & 7)];
            if is_known(&path) {
                *latest = (*latest).max(start + path.base);
            } else if *latest != i64::MIN {
                let low = &mut bounds[*sender].0;
                *low = (*low).max(*latest - start);
            }
        }
        let mut enters = [i64::MAX; 8];
        for (class, sender, start) in facts.iter().rev().flatten() {
            let Some(path) = base(*sender) else { continue };
            let earliest = &mut enters[usize::from(class & 7)];
            if is_known(&path) {
                *earliest = (*earliest).min(start + path.base);
            } else if *earliest != i64::MAX {
                let high = &mut bounds[*sender].1;
                *high = (*high).min(*earliest - start);
            }
        }
        bounds
    }
}
