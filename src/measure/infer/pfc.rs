//! PFC: for how long what was paused, by which thresholds, and whether there was a reason to.
//!
//! Contract: a sender's bytes are in the switch from when they entered their queue until they arrived.
//! The first XOFF after an XON left the switch when its counter of that port and class had just passed
//! XOFF, and an XON when it had just come down to XON: each reading is the bytes that were in the
//! switch then. A frame before a PFC frame on the link, or a switch that counts a frame from when it
//! arrives and not from when it is queued, shifts the former; how far at most is said. Behind several
//! switches nothing is read: nobody sees from outside which of them holds the bytes.
//!
//! Left out on purpose: PAUSE frames, of which only times are kept.

use super::queue::{Port, departure};
use super::spans::Spans;
use super::waits::Waits;
use super::{Estimate, Evidence, Facts};
use crate::measure::PauseLog;
use crate::measure::pause::{PauseMeter, pause_time};
use crate::measure::trace::Kind;
use crate::units::{BitRate, Picos};

/// Bytes of a PFC frame without its FCS.
const PFC_FRAME_LEN: u64 = 60;

/// Times that differ by less than this part of a PFC frame's are one: clocks round.
const TIE: i64 = 4;

/// A pause that was kept up without a break for so many of the longest pause times is a storm.
pub const STORM_PAUSES: u64 = 10;

/// A pause with nothing in the switch to account for it is out of order beyond this time, ps: 10 us
/// are many times what an XON needs.
pub const UNFOUNDED: Picos = Picos::from_micros(10);

/// Which way PFC frames went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the switch to our port, which is to pause.
    Received,
    /// From our port to the switch.
    Sent,
}

/// What was read of one threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Bytes in the switch at each event, sorted.
    pub readings: Vec<u64>,
    /// The threshold: what all events allow, if they agree; else their spread.
    pub threshold: Estimate,
    /// Bytes by which the switch may have counted more: frames on their way into the queue.
    pub uncertainty: u64,
}

impl Reading {
    /// The middle reading.
    #[must_use]
    pub fn median(&self) -> u64 {
        self.readings.get(self.readings.len() / 2).copied().unwrap_or(0)
    }
}

/// PFC of one class at one port, in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Pausing {
    /// Our port.
    pub port: usize,
    /// Class.
    pub class: u8,
    /// Which way the frames went.
    pub direction: Direction,
    /// Counts.
    pub meter: PauseMeter,
    /// Time paused.
    pub total: Picos,
    /// Longest pause.
    pub longest: Picos,
    /// Pauses that ran out without a frame.
    pub expired: u64,
    /// It lasted so long that it is a storm.
    pub storm: bool,
    /// Longest time of a pause in which nothing of what was paused was in the switch; `None` where
    /// that cannot be told.
    pub unfounded: Option<Picos>,
    /// XOFF threshold of the switch.
    pub xoff: Option<Reading>,
    /// XON threshold.
    pub xon: Option<Reading>,
    /// Why there is no threshold, or no XON.
    pub why_not: Option<String>,
}

/// A threshold is none when what is not known of the unloaded delays is more than this part of it.
const MOST_DOUBT: f64 = 0.25;

/// One frame of a sender, as the switch held it.
#[derive(Debug, Clone, Copy)]
struct Held {
    departure: i64,
    /// When it entered its queue, at the earliest and at the latest.
    earliest: i64,
    latest: i64,
    arrival: i64,
    len: u64,
    /// It was kept by something that keeps single frames, and not by a queue.
    stray: bool,
}

/// Bytes over time: how many had come by a time.
struct Running {
    times: Vec<i64>,
    bytes: Vec<u64>,
}

impl Running {
    fn new(mut events: Vec<(i64, u64)>) -> Running {
        events.sort_unstable();
        let mut sum = 0;
        let bytes = events.iter().map(|(_, len)| {
            sum += len;
            sum
        });
        let bytes = bytes.collect();
        Running {
            times: events.into_iter().map(|(time, _)| time).collect(),
            bytes,
        }
    }

    /// Bytes up to `time`, included, and the last frame's.
    fn until(&self, time: i64) -> (u64, u64) {
        let at = self.times.partition_point(|one| *one <= time);
        let sum = |at: usize| {
            at.checked_sub(1)
                .and_then(|at| self.bytes.get(at))
                .copied()
                .unwrap_or(0)
        };
        (sum(at), sum(at) - sum(at.saturating_sub(1)))
    }
}

/// All pausing that was seen, received before sent, by port and class.
#[must_use]
pub fn infer(evidence: &Evidence<'_>, facts: &Facts, waits: &Waits, ports: &[Port]) -> Vec<Pausing> {
    let mut found = Vec::new();
    let known = known(evidence, facts);
    for (port, record) in evidence.ports.iter().enumerate() {
        for (class, meter) in (0u8..8).zip(&record.paused) {
            if meter.xoff + meter.xon > 0 {
                let frames = frames_of(evidence, facts, waits, ports, port, class);
                found.push(received(evidence, facts, ports, (port, class), *meter, &known, &frames));
            }
        }
    }
    let mut sent: Vec<_> = evidence.sent.iter().collect();
    sent.sort_by_key(|pause| pause.time);
    for (port, plan) in evidence.plan.ports.iter().enumerate() {
        for class in 0..8u8 {
            let mut meter = PauseMeter::default();
            for pause in sent
                .iter()
                .filter(|one| one.port == port && one.classes >> class & 1 == 1)
            {
                meter.see(pause.time, pause_time(pause.quanta, plan.speed));
            }
            if meter.xoff + meter.xon > 0 {
                found.push(summary(evidence, port, class, Direction::Sent, meter));
            }
        }
    }
    found
}

fn speed(evidence: &Evidence<'_>, port: usize) -> BitRate {
    evidence.plan.ports.get(port).map_or(BitRate(1), |port| port.speed)
}

fn summary(evidence: &Evidence<'_>, port: usize, class: u8, direction: Direction, meter: PauseMeter) -> Pausing {
    let longest = meter.longest(evidence.end);
    let storm = Picos(
        pause_time(u16::MAX, speed(evidence, port))
            .0
            .saturating_mul(STORM_PAUSES),
    );
    Pausing {
        port,
        class,
        direction,
        meter,
        total: meter.total(evidence.end),
        longest,
        expired: meter.expired(evidence.end),
        storm: longest >= storm,
        unfounded: None,
        xoff: None,
        xon: None,
        why_not: None,
    }
}

fn received(
    evidence: &Evidence<'_>,
    facts: &Facts,
    ports: &[Port],
    (port, class): (usize, u8),
    meter: PauseMeter,
    known: &[Option<i64>],
    frames: &[Held],
) -> Pausing {
    let mut pausing = summary(evidence, port, class, Direction::Received, meter);
    if frames.is_empty() {
        pausing.why_not = Some("No frame was seen that left this port in this class.".to_owned());
        return pausing;
    }
    let events = evidence.received.pauses().iter();
    let mine: Vec<(Picos, u16)> = events
        .filter(|pause| usize::from(pause.port) == port && pause.classes >> class & 1 == 1)
        .map(|pause| (pause.time, pause.quanta[usize::from(class & 7)]))
        .collect();
    let spans = Spans::of_pauses(mine.iter().copied(), speed(evidence, port));
    if all_are_seen(evidence, facts, port, class) {
        pausing.unfounded = unfounded(judged_until(evidence, facts, port, class, known), &spans, frames);
    }
    if ports.iter().any(|port| port.paths.is_coarse()) {
        pausing.why_not = Some("Arrival times are those of bursts.".to_owned());
        return pausing;
    }
    let first = evidence.places.first();
    if evidence
        .places
        .iter()
        .any(|place| first.is_some_and(|first| place.leaf != first.leaf))
    {
        let why = "Behind several switches nobody sees which of them holds the bytes.";
        pausing.why_not = Some(why.to_owned());
        return pausing;
    }
    let link = ports.iter().find(|one| one.port == port);
    let (xoff, xon) = thresholds(evidence, port, &mine, frames, link);
    pausing.why_not = match (&xoff, &xon) {
        (Some(_), _) => None,
        (None, _) if mine.is_empty() => Some("The log was full before the first PFC frame of this class.".to_owned()),
        (None, _) => Some("No XOFF came while the frames that left before it were all seen.".to_owned()),
    };
    let doubtful = |one: &Reading| one.threshold.high - one.threshold.low > MOST_DOUBT * one.threshold.high;
    let blind = frames.iter().any(|frame| frame.latest > frame.earliest);
    for (name, read, place) in [("XOFF", xoff, &mut pausing.xoff), ("XON", xon, &mut pausing.xon)] {
        match read {
            Some(read) if blind && doubtful(&read) => {
                pausing.why_not = Some(format!(
                    "{name} is between {:.0} and {:.0} bytes: no frame was alone on its path, so that its unloaded delay is not \
                     known. A few frames sent alone before the others would tell it.",
                    read.threshold.low, read.threshold.high
                ));
            }
            read => *place = read,
        }
    }
    if let (Some(off), Some(on)) = (&pausing.xoff, &pausing.xon)
        && on.threshold.is_above(&off.threshold)
    {
        let why = "XON reads above XOFF: less lies between the two than a frame, and which is which cannot be told.";
        pausing.why_not = Some(why.to_owned());
        pausing.xon = None;
    }
    pausing
}

/// The frames that left `port` in `class` and arrived somewhere.
fn frames_of(
    evidence: &Evidence<'_>,
    facts: &Facts,
    waits: &Waits,
    ports: &[Port],
    port: usize,
    class: u8,
) -> Vec<Held> {
    let seen = evidence.trace.observations();
    let queues = ports
        .iter()
        .flat_map(|port| port.queues.iter().map(move |queue| (&port.paths, queue)))
        .filter(|(_, queue)| queue.class == class);
    queues
        .flat_map(|(paths, queue)| queue.frames.iter().map(move |frame| (paths, frame)))
        .filter_map(|(paths, frame)| {
            let one = seen.get(frame.index as usize).filter(|one| one.kind == Kind::First)?;
            facts.flow(one.flow).filter(|flow| usize::from(flow.sender) == port)?;
            let departure = departure(one)?;
            let own = paths.on_link(frame.len);
            let (least, most) = paths.bounds_of(facts, one.flow, frame.len)?;
            // Nothing arrives before it could: a stamp that says so is only rounded.
            let enter = |unloaded: i64| departure.saturating_add(unloaded).min(frame.arrival) - own;
            Some(Held {
                departure,
                earliest: enter(least),
                latest: enter(most),
                arrival: frame.arrival,
                len: u64::from(frame.len),
                stray: waits.get(frame.index as usize).is_some_and(|wait| wait.stray),
            })
        })
        .collect()
}

/// Whether everything that leaves `port` in `class` comes back to a port that receives.
fn all_are_seen(evidence: &Evidence<'_>, facts: &Facts, port: usize, class: u8) -> bool {
    let mine = |flow: &&super::facts::Flow| usize::from(flow.sender) == port && flow.class == class;
    let receives = |port: u16| {
        evidence
            .plan
            .ports
            .get(usize::from(port))
            .is_some_and(|port| port.receive)
    };
    evidence.received.beyond() == 0 && facts.flows().iter().filter(mine).all(|flow| receives(flow.arrival))
}

/// Of a trace that is not whole, for each flow of which frames are missing the last departure that is in it: what
/// left later may have arrived when frames were kept no longer. None of the others.
fn known(evidence: &Evidence<'_>, facts: &Facts) -> Vec<Option<i64>> {
    let mut seen = vec![(0u64, 0i64); facts.flows().len()];
    if evidence.trace.beyond() == 0 {
        return vec![None; seen.len()];
    }
    for one in evidence.trace.observations() {
        let place = seen.get_mut(one.flow as usize).filter(|_| one.kind == Kind::First);
        if let Some((frames, left)) = place {
            *frames += 1;
            *left = departure(one).map_or(*left, |time| time.max(*left));
        }
    }
    let known = |(number, (frames, left)): (usize, (u64, i64))| {
        let sent = evidence.flow_packets.get(number);
        sent.is_none_or(|sent| *sent > frames).then_some(left)
    };
    seen.into_iter().enumerate().map(known).collect()
}

/// Until when every frame of `class` that `port` had on its way is known.
fn judged_until(evidence: &Evidence<'_>, facts: &Facts, port: usize, class: u8, known: &[Option<i64>]) -> i64 {
    let last = evidence.end.min(evidence.trace.complete_until());
    let last = i64::try_from(last.0).unwrap_or(i64::MAX);
    let flows = facts.flows().iter().zip(known);
    flows
        .filter(|(flow, _)| usize::from(flow.sender) == port && flow.class == class)
        .filter_map(|(_, left)| *left)
        .fold(last, i64::min)
}

/// The longest stretch of a pause before `last` in which none of the frames was on its way, but for strays, which fill no queue; `None`
/// when all pauses are later.
fn unfounded(last: i64, spans: &Spans, frames: &[Held]) -> Option<Picos> {
    if spans.iter().next().is_some_and(|(from, _)| from >= last) {
        return None;
    }
    let queued = frames.iter().filter(|frame| !frame.stray);
    let mut ways: Vec<(i64, i64)> = queued.map(|frame| (frame.departure, frame.arrival)).collect();
    ways.sort_unstable();
    let mut longest = 0;
    let mut next = 0;
    let mut busy_until = i64::MIN;
    for (from, to) in spans.iter() {
        let to = to.min(last);
        let mut free_from = from;
        loop {
            free_from = free_from.max(busy_until);
            let upcoming = ways.get(next).copied();
            let free_to = upcoming.map_or(to, |(departure, _)| departure.min(to));
            longest = longest.max(free_to - free_from);
            match upcoming {
                Some((departure, arrival)) if departure < to => {
                    busy_until = busy_until.max(arrival);
                    next += 1;
                }
                _ => break,
            }
        }
    }
    Some(Picos(longest.max(0).unsigned_abs()))
}

/// For how long the frame before it on the link kept a PFC frame waiting that began to leave at `time`,
/// at most; `link` is what came to the port that received it.
fn behind(link: Option<&Port>, time: i64, tie: i64) -> i64 {
    let Some(link) = link else { return 0 };
    let last = |queue: &super::queue::Queue| {
        let at = queue.frames.partition_point(|frame| frame.arrival <= time + tie);
        at.checked_sub(1).and_then(|at| queue.frames.get(at)).copied()
    };
    let before = link.queues.iter().filter_map(last);
    let close = before.filter(|frame| frame.arrival >= time - tie);
    close.map(|frame| link.paths.on_link(frame.len)).max().unwrap_or(0)
}

/// What the events say of XOFF and XON.
fn thresholds(
    evidence: &Evidence<'_>,
    port: usize,
    events: &[(Picos, u16)],
    frames: &[Held],
    link: Option<&Port>,
) -> (Option<Reading>, Option<Reading>) {
    let speed = speed(evidence, port);
    let own = |len: u64| speed.wire_time(len).0.cast_signed();
    let pfc = own(PFC_FRAME_LEN);
    let running = |of: fn(&Held) -> i64| Running::new(frames.iter().map(|frame| (of(frame), frame.len)).collect());
    let (most, least) = (running(|frame| frame.earliest), running(|frame| frame.latest));
    let left = running(|frame| frame.arrival);
    // Had it been counted as soon as its last bit could be there.
    let sent = Running::new(
        frames
            .iter()
            .map(|frame| (frame.departure + own(frame.len), frame.len))
            .collect(),
    );
    let slowest = frames
        .iter()
        .map(|frame| frame.arrival - frame.departure)
        .max()
        .unwrap_or(0);
    let complete = i64::try_from(evidence.trace.complete_until().0).unwrap_or(i64::MAX);
    let mut meter: Option<(i64, bool)> = None;
    let (mut xoff, mut xon) = (Vec::new(), Vec::new());
    let mut ahead = 0;
    let tie = pfc / TIE;
    for (time, quanta) in events {
        let Ok(time) = i64::try_from(time.0) else { continue };
        let until = time.saturating_add(pause_time(*quanta, speed).0.cast_signed().max(0));
        let paused = meter.is_some_and(|(until, _)| until > time);
        let ended_by_xon = meter.is_none_or(|(_, resumed)| resumed);
        meter = Some((until, *quanta == 0));
        if time.saturating_add(slowest) > complete {
            break;
        }
        let at = time - pfc;
        // What the switch wanted to say it may have wanted before: a frame was in the way.
        let wanted = at - behind(link, at, tie);
        let (went, last_out) = left.until(at);
        let (came, _) = most.until(at);
        let held = came.saturating_sub(went);
        // Of a frame that left at this very moment nobody knows whether it counted still.
        let leaving = left.until(at + tie).0 - left.until(at - tie).0;
        if *quanta > 0 && !paused && ended_by_xon {
            let (surely, last_in) = least.until(wanted);
            xoff.push((
                held,
                surely.saturating_sub(last_in).saturating_sub(went),
                held + leaving,
            ));
            ahead = ahead.max(sent.until(at).0.saturating_sub(came));
        } else if *quanta == 0 && paused {
            let surely = least.until(wanted).0.saturating_sub(went);
            let more = went - left.until(wanted).0;
            xon.push((held, surely, held + more + last_out.max(leaving)));
        }
    }
    (reading(&xoff, ahead), reading(&xon, 0))
}

/// Puts events together, each with its reading and the thresholds that it allows.
#[expect(clippy::cast_precision_loss, reason = "bytes in a switch")]
fn reading(events: &[(u64, u64, u64)], uncertainty: u64) -> Option<Reading> {
    let low = events.iter().map(|(_, low, _)| *low).max()?;
    let high = events.iter().map(|(_, _, high)| *high).min()?;
    let mut readings: Vec<u64> = events.iter().map(|(held, _, _)| *held).collect();
    readings.sort_unstable();
    let middle = *readings.get(readings.len() / 2)?;
    let (low, high, value) = if low <= high {
        (low, high, (low as f64 + high as f64) / 2.0)
    } else {
        // They do not agree on one: something else moves them, and this is how far.
        (*readings.first()?, *readings.last()?, middle as f64)
    };
    Some(Reading {
        readings,
        threshold: Estimate {
            value,
            low: low as f64,
            high: high as f64,
        },
        uncertainty,
    })
}

/// Where a port is joined to the fabric, where the testbed tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its leaf.
    pub leaf: u32,
    /// Its leaf's pod.
    pub pod: u32,
    /// Rate of the links above its leaf; `None`: there are none.
    pub uplink: Option<BitRate>,
}

/// Over how many switches pauses came back from the deepest queue to the furthest paused sender: 1
/// within a leaf, 3 over a spine, 5 over a core. `None` without pauses or without places.
#[must_use]
pub fn propagation(evidence: &Evidence<'_>, ports: &[Port], pausing: &[Pausing]) -> Option<u32> {
    let received = || {
        pausing
            .iter()
            .filter(|one| one.direction == Direction::Received && one.meter.xoff > 0)
    };
    let classes: Vec<u8> = received().map(|one| one.class).collect();
    let depth = |queue: &super::queue::Queue| queue.frames.iter().filter_map(super::queue::Frame::found).max();
    let queues = ports.iter().flat_map(|port| &port.queues);
    let deepest = queues
        .filter(|queue| classes.contains(&queue.class))
        .filter_map(|queue| Some((depth(queue)?, queue.port)))
        .max()?;
    let from = evidence.places.get(deepest.1)?;
    received()
        .filter_map(|one| evidence.places.get(one.port))
        .map(|place| match place {
            place if place.leaf == from.leaf && place.pod == from.pod => 1,
            place if place.pod == from.pod => 3,
            _ => 5,
        })
        .max()
}

/// Times in which each class of each port was paused, by the log.
#[must_use]
pub fn paused_spans(evidence: &Evidence<'_>) -> Vec<[Spans; 8]> {
    (0..evidence.plan.ports.len())
        .map(|port| paused_of(evidence.received, port, speed(evidence, port)))
        .collect()
}

/// Times in which each class of `port` was paused, by the log.
#[must_use]
pub fn paused_of(log: &PauseLog, port: usize, speed: BitRate) -> [Spans; 8] {
    let log = log.pauses();
    let mine: Vec<_> = log.iter().filter(|pause| usize::from(pause.port) == port).collect();
    std::array::from_fn(|class| {
        let named = mine.iter().filter(|pause| pause.classes >> class & 1 == 1);
        Spans::of_pauses(named.map(|pause| (pause.time, pause.quanta[class])), speed)
    })
}
