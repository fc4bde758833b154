//! Unloaded delays: how long a frame takes when nothing stands in its way.
//!
//! Contract: a path is what leads from one of our ports to another. Of a frame that found the last
//! link silent before it, nothing stood in the way there; a path is *known* when its least delay is
//! that of such a frame. The delay of the others is bounded by the order of arrivals: in a queue that
//! serves first what came first, none entered after one that follows it. Within those bounds the
//! least of the known delays is taken, and the bounds say how far that may be off. Nothing is faster
//! than a frame's own time on the last link. Where no path at all is known, the delay lies between that
//! and the least that was seen: depths are then not told, but what bounds them is.
//!
//! Left out on purpose: what frames waited in queues before the last link's, whenever none of a path
//! was alone there.

use super::queue::departure;
use super::spans::Spans;
use super::{Evidence, Facts};
use crate::measure::trace::Observation;
use crate::units::BitRate;

/// The wire was silent when it was so for more than this part of the frame's own time on it beyond
/// that time: clocks round.
const SILENCE: i64 = 16;

/// Frames whose lengths differ by less than this many bytes say nothing of how many times they were
/// serialised whole.
const LEAST_SPREAD: u16 = 128;

/// A frame is serialised so often on its way where lengths do not tell: by its sender and by a
/// switch that stores and forwards.
const USUAL_HOPS: f64 = 2.0;

/// Frames that follow one another by less than their time on the link, by this part of it, cannot
/// both have the arrival time that they were given.
const BUNCHED: i64 = 4;

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
    /// By how much a frame may seem to have entered after one that it preceded.
    leeway: i64,
}

impl Path {
    fn is_known(&self, slack: i64) -> bool {
        self.alone.is_some_and(|alone| alone - self.least <= slack)
    }
}

/// The paths to one port.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    speed: BitRate,
    /// By port of the sender.
    paths: Vec<Option<Path>>,
    /// Time on the last link, ps, by length; 0 for lengths that did not occur.
    on_link: Vec<i64>,
    /// How often a frame is serialised on its way, in times on the last link.
    hops: f64,
    /// Frames that came sooner after another than the link can carry them.
    bunched: usize,
    frames: usize,
    /// Of no path a frame was alone.
    blind: bool,
}

/// A frame whose path and times are known.
struct Timed {
    class: u8,
    sender: usize,
    len: u16,
    departure: i64,
    arrival: i64,
}

fn timed(facts: &Facts, seen: &Observation) -> Option<Timed> {
    Some(Timed {
        class: seen.class & 7,
        sender: usize::from(facts.flow(seen.flow)?.sender),
        len: seen.len,
        departure: departure(seen)?,
        arrival: seen.arrival.0.cast_signed(),
    })
}

impl Paths {
    /// What the frames that came to `port` say of the paths to it; `frames` gives them in the order
    /// of their arrival, as often as it is asked. The last link's rate is the port's, unless it is `slow`.
    pub(super) fn learn<'a, I>(
        evidence: &Evidence<'_>,
        facts: &Facts,
        slow: Option<BitRate>,
        port: usize,
        frames: &impl Fn() -> I,
    ) -> Paths
    where
        I: DoubleEndedIterator<Item = (u32, &'a Observation)>,
    {
        let plan = evidence.plan;
        let speed = slow.unwrap_or_else(|| plan.ports.get(port).map_or(BitRate(1), |port| port.speed));
        let longest = frames().map(|(_, seen)| seen.len).max().unwrap_or(0);
        let mut paths = Paths {
            speed,
            paths: vec![None; plan.ports.len()],
            on_link: vec![0; usize::from(longest) + 1],
            hops: USUAL_HOPS,
            bunched: 0,
            frames: 0,
            blind: false,
        };
        for (_, seen) in frames() {
            let place = &mut paths.on_link[usize::from(seen.len)];
            if *place == 0 {
                *place = speed.wire_time(u64::from(seen.len)).0.cast_signed();
            }
        }
        let alone = paths.alone(frames(), facts, &held(evidence, port));
        paths.count_hops(&alone);
        paths.least(frames(), facts, &alone);
        let slack = paths
            .on_link
            .iter()
            .filter(|time| **time > 0)
            .min()
            .map_or(0, |time| time / SILENCE);
        paths.judge(frames, facts, slack);
        paths
    }

    /// Time that a frame of this length takes on the last link, ps.
    #[must_use]
    pub fn on_link(&self, len: u32) -> i64 {
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
    #[must_use]
    pub fn unloaded(&self, facts: &Facts, flow: u32, len: u32) -> Option<i64> {
        if self.blind {
            return None;
        }
        let sender = usize::from(facts.flow(flow)?.sender);
        let path = self.paths.get(sender)?.as_ref()?;
        Some(path.base + self.serialised(len))
    }

    /// The least and the greatest that it may be, ps, whether or not a frame was ever alone.
    pub(super) fn bounds_of(&self, facts: &Facts, flow: u32, len: u32) -> Option<(i64, i64)> {
        let sender = usize::from(facts.flow(flow)?.sender);
        let path = self.paths.get(sender)?.as_ref()?;
        let (low, high) = if self.blind {
            (self.nearest(), path.least)
        } else {
            let low = path.base.saturating_sub(path.doubt).max(self.nearest());
            (low, path.base.saturating_add(path.doubt).min(path.least.max(path.base)))
        };
        let own = self.serialised(len);
        Some((low.saturating_add(own), high.max(low).saturating_add(own)))
    }

    /// The least base that a path can have, ps: a frame takes its own time on the last link.
    fn nearest(&self) -> i64 {
        let longest = u32::try_from(self.on_link.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.on_link(longest) - self.serialised(longest)
    }

    /// How far unloaded delays may be off, ps.
    pub(super) fn doubt(&self) -> i64 {
        self.paths.iter().flatten().map(|path| path.doubt).max().unwrap_or(0)
    }

    /// By how much order may seem to be broken that is not, ps.
    pub(super) fn leeway(&self) -> i64 {
        self.paths.iter().flatten().map(|path| path.leeway).max().unwrap_or(0)
    }

    /// How far depths may be off because of what is not known of the paths, bytes; `None`: of no path
    /// a frame was alone.
    pub(super) fn uncertainty(&self) -> Option<u64> {
        if self.blind {
            return None;
        }
        self.paths.iter().flatten().next()?;
        let worst = self.doubt();
        let bytes = i128::from(worst) * i128::from(self.speed.0) / 8_000_000_000_000;
        u64::try_from(bytes).ok()
    }

    /// Whether arrival times are those of bursts of frames, and not of each: then nothing that rests on
    /// them can be told.
    #[must_use]
    pub fn is_coarse(&self) -> bool {
        self.bunched * 20 > self.frames
    }

    /// The frames that found the wire silent, and were not kept waiting by us.
    fn alone<'a>(
        &mut self,
        frames: impl Iterator<Item = (u32, &'a Observation)>,
        facts: &Facts,
        held: &[Spans; 8],
    ) -> Vec<Timed> {
        let mut last: Option<i64> = None;
        let mut alone = Vec::new();
        for (_, seen) in frames {
            let own = self.on_link(u32::from(seen.len));
            let arrival = seen.arrival.0.cast_signed();
            let silent = last.is_none_or(|last| arrival - last > own + own / SILENCE);
            self.frames += 1;
            self.bunched += usize::from(last.is_some_and(|last| arrival - last < own - own / BUNCHED));
            last = Some(arrival);
            if silent && let Some(one) = timed(facts, seen) {
                let kept = held[usize::from(one.class)].overlap(one.departure, arrival);
                if !kept {
                    alone.push(one);
                }
            }
        }
        alone
    }

    /// Tells from frames of several lengths, each alone, how often a frame is serialised.
    fn count_hops(&mut self, alone: &[Timed]) {
        // Of each path: length and least delay of its shortest and its longest frame.
        type Extremes = Option<((u16, i64), (u16, i64))>;
        let mut extremes: Vec<Extremes> = vec![None; self.paths.len()];
        for frame in alone {
            let Some(place) = extremes.get_mut(frame.sender) else {
                continue;
            };
            let one = (frame.len, frame.arrival - frame.departure);
            let (short, long) = place.get_or_insert((one, one));
            if one < *short {
                *short = one;
            }
            if one.0 > long.0 || one.0 == long.0 && one.1 < long.1 {
                *long = one;
            }
        }
        let mut found: Vec<f64> = extremes
            .into_iter()
            .flatten()
            .filter(|(short, long)| long.0 >= short.0.saturating_add(LEAST_SPREAD))
            .map(|(short, long)| {
                let time = self.on_link(u32::from(long.0)) - self.on_link(u32::from(short.0));
                #[expect(clippy::cast_precision_loss, reason = "a ratio of times far below 2^53 ps")]
                let hops = (long.1 - short.1) as f64 / time.max(1) as f64;
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
    fn least<'a>(&mut self, frames: impl Iterator<Item = (u32, &'a Observation)>, facts: &Facts, alone: &[Timed]) {
        for frame in frames.filter_map(|(_, seen)| timed(facts, seen)) {
            let rest = frame.arrival - frame.departure - self.serialised(u32::from(frame.len));
            let Some(place) = self.paths.get_mut(frame.sender) else {
                continue;
            };
            let path = place.get_or_insert(Path {
                least: rest,
                alone: None,
                base: rest,
                doubt: 0,
                leeway: 0,
            });
            path.least = path.least.min(rest);
        }
        for frame in alone {
            let rest = frame.arrival - frame.departure - self.serialised(u32::from(frame.len));
            if let Some(path) = self.paths.get_mut(frame.sender).and_then(Option::as_mut) {
                path.alone = Some(path.alone.map_or(rest, |least| least.min(rest)));
            }
        }
    }

    /// Decides what the base of each path is.
    fn judge<'a, I>(&mut self, frames: &impl Fn() -> I, facts: &Facts, slack: i64)
    where
        I: DoubleEndedIterator<Item = (u32, &'a Observation)>,
    {
        let nearest = self.nearest();
        let known = self.paths.iter().flatten().filter(|path| path.is_known(slack));
        let Some(best) = known.map(|path| path.least).min() else {
            // Not one frame was alone: no depth can be told.
            self.blind = true;
            return;
        };
        for path in self.paths.iter_mut().flatten() {
            path.base = path.least;
        }
        if self.paths.iter().flatten().all(|path| path.is_known(slack)) {
            return;
        }
        let lows = self.bounds(frames(), facts, slack, false);
        let highs = self.bounds(frames().rev(), facts, slack, true);
        for ((place, low), high) in self.paths.iter_mut().zip(lows).zip(highs) {
            let Some(path) = place else { continue };
            if path.is_known(slack) {
                continue;
            }
            let low = low.unwrap_or(i64::MIN).max(nearest.min(path.least));
            let high = high.unwrap_or(i64::MAX).min(path.least);
            if low <= high {
                path.base = best.clamp(low, high);
                path.doubt = path.base.saturating_sub(low).max(high - path.base);
                path.leeway = path.doubt;
            } else {
                // What came first was not served first: its order says nothing.
                let nearest = nearest.min(path.least);
                path.leeway = (path.least - best).abs().max(slack * SILENCE);
                path.base = best.clamp(nearest, path.least);
                path.doubt = (path.base - nearest).max(path.least - path.base);
            }
        }
    }

    /// The least (`reversed`: the greatest) base of each path that the order of arrivals allows.
    fn bounds<'a>(
        &self,
        frames: impl Iterator<Item = (u32, &'a Observation)>,
        facts: &Facts,
        slack: i64,
        reversed: bool,
    ) -> Vec<Option<i64>> {
        let mut bounds = vec![None; self.paths.len()];
        // The latest entry of a frame whose path is known, for each class (reversed: the earliest).
        let mut edge = [None; 8];
        let further = |old: Option<i64>, new: i64| {
            Some(match old {
                Some(old) if reversed => old.min(new),
                Some(old) => old.max(new),
                None => new,
            })
        };
        for frame in frames.filter_map(|(_, seen)| timed(facts, seen)) {
            let Some(path) = self.paths.get(frame.sender).copied().flatten() else {
                continue;
            };
            let len = u32::from(frame.len);
            // Entry into the queue is this plus the path's base.
            let start = frame.departure + self.serialised(len) - self.on_link(len);
            let edge = &mut edge[usize::from(frame.class)];
            if path.is_known(slack) {
                *edge = further(*edge, start + path.base);
            } else if let Some(edge) = edge {
                bounds[frame.sender] = further(bounds[frame.sender], *edge - start);
            }
        }
        bounds
    }
}

/// Times in which we had asked what is behind `port` to pause, for each class.
pub(super) fn held(evidence: &Evidence<'_>, port: usize) -> [Spans; 8] {
    let speed = evidence.plan.ports.get(port).map_or(BitRate(1), |port| port.speed);
    let sent: Vec<_> = evidence.sent.iter().filter(|pause| pause.port == port).collect();
    std::array::from_fn(|class| {
        let named = sent.iter().filter(|pause| pause.classes >> class & 1 == 1);
        Spans::of_pauses(named.map(|pause| (pause.time, pause.quanta)), speed)
    })
}
