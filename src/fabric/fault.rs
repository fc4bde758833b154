//! Planted faults: what goes wrong, where, and how often it did.
//!
//! Contract: faults at one place act in the order written, each on what the ones before it let
//! pass. Where none is planted, a frame costs one comparison.
//!
//! Left out on purpose: `ecn_ignored` and `pfc_ignored`, which are another configuration of a switch.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::counters::FaultCounters;
use super::event::{What, small};
use super::frames::NONE;
use super::port::Owner;
use super::random::{Dice, of_two_to_the_32};
use super::switch::Cause;
use super::{Fabric, Frame};
use crate::testbed::{self, FaultKind, Often, places};
use crate::units::Picos;

/// How long `reorder` waits for later frames, in picoseconds.
pub const LONGEST_HOLD: u64 = 1_000_000_000;

/// What a fault does to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Drop,
    Duplicate,
    Corrupt,
    Reorder { by: u32 },
}

/// How often.
#[derive(Debug, Clone, Copy)]
enum Rhythm {
    Every(u64),
    /// Of 2^32.
    Chance(u64),
}

/// A frame that later ones are to overtake.
#[derive(Debug, Clone, Copy)]
struct Held {
    frame: u32,
    port: u32,
    flow: u64,
    left: u32,
    until: u64,
}

/// A fault that strikes frames.
#[derive(Debug)]
struct Striker {
    /// Its number in the testbed.
    fault: usize,
    act: Act,
    rhythm: Rhythm,
    dice: Dice,
    passed: u64,
    held: VecDeque<Held>,
    /// The next one at the same place, or [`NONE`].
    next: u32,
    on_link: bool,
}

/// A fault of a link with a beginning and an end.
#[derive(Debug, Clone, Copy)]
struct Span {
    fault: usize,
    /// The ports at both ends, the one named first before the other.
    ends: [u32; 2],
    from: u64,
    to: u64,
    what: Timed,
}

#[derive(Debug, Clone, Copy)]
enum Timed {
    Down { detect: u64 },
    Stuck { class: u8 },
}

/// All of them.
#[derive(Debug, Default)]
pub struct Faults {
    strikers: Vec<Striker>,
    spans: Vec<Span>,
    /// Place and key of each fault of the testbed.
    named: Vec<(String, &'static str)>,
    /// How often each struck.
    struck: Vec<u64>,
    /// Frames that `duplicate` made.
    pub copies: u64,
    /// Events still to come that only switch a fault.
    pub pending: usize,
    batch: Vec<u32>,
    passed: Vec<u32>,
}

impl Faults {
    /// How often each struck.
    pub fn counters(&self) -> Vec<FaultCounters> {
        let each = self.named.iter().zip(&self.struck);
        each.map(|((at, fault), &frames)| FaultCounters {
            at: at.clone(),
            fault: Cow::Borrowed(fault),
            frames,
        })
        .collect()
    }

    /// Adds a striker to the list that begins at `first`.
    fn plant(&mut self, first: &mut u32, striker: Striker) {
        let number = u32::try_from(self.strikers.len()).unwrap_or(NONE);
        let mut last = *first;
        if last == NONE {
            *first = number;
        }
        while let Some(there) = self.strikers.get_mut(last as usize) {
            last = there.next;
            if last == NONE {
                there.next = number;
            }
        }
        self.strikers.push(striker);
    }
}

fn act_of(kind: &FaultKind) -> Option<(Act, Often)> {
    match *kind {
        FaultKind::Drop(often) => Some((Act::Drop, often)),
        FaultKind::Duplicate(often) => Some((Act::Duplicate, often)),
        FaultKind::Corrupt(often) => Some((Act::Corrupt, often)),
        FaultKind::Reorder { often, by } => Some((Act::Reorder { by }, often)),
        FaultKind::EcnIgnored(_)
        | FaultKind::PfcIgnored(_)
        | FaultKind::LinkDown { .. }
        | FaultKind::StuckPause { .. }
        | FaultKind::Speed(_) => None,
    }
}

impl<F: Frame> Fabric<F> {
    /// Plants the faults of `config`, whose places have been checked.
    pub(super) fn plant(&mut self, config: &testbed::Fabric, seed: u64) {
        self.faults.struck = vec![0; config.faults.len()];
        let named = config.faults.iter().map(|fault| (fault.at.clone(), fault.kind.key()));
        self.faults.named = named.collect();
        let hosts = u32::try_from(self.hosts).ok();
        for (index, fault) in config.faults.iter().enumerate() {
            let ends = match places::find(&config.topology, hosts, &fault.at) {
                Some(places::Place::Link(one, other)) => match self.link(one, other) {
                    Some(ends) => ends,
                    None => continue,
                },
                Some(places::Place::Switch(switch)) => {
                    self.plant_in_switch(index, &fault.kind, switch, seed, config);
                    continue;
                }
                None => continue,
            };
            let mut span = |from: Picos, to: Picos, what| {
                self.faults.spans.push(Span {
                    fault: index,
                    ends,
                    from: from.0,
                    to: to.0,
                    what,
                });
            };
            match fault.kind {
                FaultKind::LinkDown { from, to, detect } => span(from, to, Timed::Down { detect: detect.0 }),
                FaultKind::StuckPause { class, from, to } => span(from, to, Timed::Stuck { class }),
                FaultKind::Speed(rate) => {
                    for port in ends {
                        self.ports[port as usize].set_rate(rate);
                    }
                }
                ref kind => {
                    for port in ends {
                        self.plant_on_port(index, kind, port, seed);
                    }
                }
            }
        }
        let spans = self.faults.spans.clone();
        for span in spans {
            let begin = match span.what {
                Timed::Down { detect } => span.from.saturating_add(detect),
                Timed::Stuck { .. } => span.from,
            };
            for time in [begin, span.to] {
                if begin < span.to && time < u64::MAX {
                    self.events.push(time, What::Fault, 0, 0);
                    self.faults.pending += 1;
                }
            }
            for port in span.ends {
                self.ports[port as usize].may_fail |= matches!(span.what, Timed::Down { .. });
            }
        }
    }

    fn striker(&self, fault: usize, kind: &FaultKind, place: u64, seed: u64, on_link: bool) -> Option<Striker> {
        let (act, often) = act_of(kind)?;
        Some(Striker {
            fault,
            act,
            rhythm: match often {
                Often::Every(every) => Rhythm::Every(every.max(1)),
                Often::Probability(share) => Rhythm::Chance(of_two_to_the_32(share.0)),
            },
            dice: Dice::new(seed, 3 + fault as u64, place),
            passed: 0,
            held: VecDeque::new(),
            next: NONE,
            on_link,
        })
    }

    fn plant_on_port(&mut self, fault: usize, kind: &FaultKind, port: u32, seed: u64) {
        if let Some(striker) = self.striker(fault, kind, u64::from(port), seed, true) {
            self.faults.plant(&mut self.ports[port as usize].faults, striker);
        }
    }

    fn plant_in_switch(&mut self, fault: usize, kind: &FaultKind, switch: u32, seed: u64, config: &testbed::Fabric) {
        let place = &mut self.switches[switch as usize];
        if let FaultKind::EcnIgnored(thresholds) = kind {
            place.marking = thresholds.as_ref().map(super::switch::Marking::new);
            place.marked_classes = config.switch.ecn.map_or(0xff, |ecn| ecn.classes);
            return;
        }
        if let FaultKind::PfcIgnored(classes) = kind {
            if let Some(pfc) = config.switch.pfc {
                let lossy = classes & pfc.classes & !place.lossy;
                place.lossy |= lossy;
                // For a class that is not lossless nothing is reserved.
                place.shared += u64::from(place.ports) * u64::from(lossy.count_ones()) * pfc.headroom.0;
            }
            return;
        }
        if let Some(striker) = self.striker(fault, kind, u64::from(switch) << 32, seed, false) {
            self.faults.plant(&mut self.switches[switch as usize].faults, striker);
        }
    }

    /// The ports of the link from one end to the other.
    fn link(&self, one: places::End, other: places::End) -> Option<[u32; 2]> {
        let owner = |end| match end {
            places::End::Host(host) => Owner::Host(host),
            places::End::Switch(switch) => Owner::Switch(switch),
        };
        let (one, other) = (owner(one), owner(other));
        let at = self
            .ports
            .iter()
            .position(|port| port.owner == one && self.ports[port.peer as usize].owner == other)?;
        Some([u32::try_from(at).ok()?, self.ports[at].peer])
    }

    /// A frame passes the faults from `first` on at `port`: on the link that it leaves by, or in
    /// the switch that it came into.
    #[cold]
    pub(super) fn strike(&mut self, first: u32, port: usize, frame: u32) {
        let mut batch = std::mem::take(&mut self.faults.batch);
        let mut passed = std::mem::take(&mut self.faults.passed);
        batch.clear();
        batch.push(frame);
        let mut at = first;
        let mut on_link = true;
        while let Some(striker) = self.faults.strikers.get(at as usize) {
            on_link = striker.on_link;
            let next = striker.next;
            passed.clear();
            for frame in batch.drain(..) {
                self.strike_one(at as usize, port, frame, &mut passed);
            }
            std::mem::swap(&mut batch, &mut passed);
            at = next;
        }
        for &frame in &batch {
            self.let_go(on_link, port, frame);
        }
        self.faults.batch = batch;
        self.faults.passed = passed;
    }

    fn let_go(&mut self, on_link: bool, port: usize, frame: u32) {
        if on_link {
            self.fly(port, frame, self.frames.meta(frame).len);
        } else {
            self.enters(port, frame);
        }
    }

    fn strike_one(&mut self, at: usize, port: usize, frame: u32, passed: &mut Vec<u32>) {
        let flow = self.frames.meta(frame).header.flow;
        let striker = &mut self.faults.strikers[at];
        striker.passed += 1;
        let hit = match striker.rhythm {
            Rhythm::Every(every) => striker.passed.is_multiple_of(every),
            Rhythm::Chance(of) => striker.dice.chance(of, 1 << 32),
        };
        let fault = striker.fault;
        match striker.act {
            Act::Reorder { by } => {
                if hit {
                    let until = self.now + LONGEST_HOLD;
                    striker.held.push_back(Held {
                        frame,
                        port: small(port),
                        flow,
                        left: by,
                        until,
                    });
                    self.events.push(until, What::Release, 0, small(at));
                } else {
                    passed.push(frame);
                    for held in striker.held.iter_mut().filter(|held| held.flow == flow) {
                        held.left -= 1;
                    }
                    passed.extend(striker.held.iter().filter(|held| held.left == 0).map(|held| held.frame));
                    striker.held.retain(|held| held.left > 0);
                }
            }
            _ if !hit => passed.push(frame),
            Act::Drop => self.lose(port, frame, Cause::Planted),
            Act::Duplicate => {
                passed.push(frame);
                let meta = *self.frames.meta(frame);
                let Some(copy) = self.frames.frame_mut(frame).and_then(|frame| frame.copy()) else {
                    return;
                };
                passed.push(self.frames.insert(copy, meta));
                self.inside += 1;
                self.faults.copies += 1;
            }
            Act::Corrupt => {
                let drawn = striker.dice.throw();
                if !self.corrupt(frame, drawn) {
                    self.lose(port, frame, Cause::NoMemory);
                    return;
                }
                passed.push(frame);
            }
        }
        if hit {
            self.faults.struck[fault] += 1;
        }
    }

    /// Flips a bit behind the headers; false when there was no memory for it.
    fn corrupt(&mut self, number: u32, drawn: u64) -> bool {
        let meta = self.frames.meta(number);
        let bits = u64::from(meta.len) * 8;
        let first = (u64::from(meta.header.payload) * 8).min(bits.saturating_sub(8));
        let Some(frame) = self.frames.take(number) else {
            return false;
        };
        match frame.corrupt(first + drawn % (bits - first).max(1)) {
            Some(frame) => {
                self.frames.put(number, frame);
                true
            }
            None => false,
        }
    }

    /// A held frame that nothing has overtaken goes on.
    pub(super) fn release(&mut self, striker: u32) {
        let Some(place) = self.faults.strikers.get_mut(striker as usize) else {
            return;
        };
        // In the order of their ends, since all are held equally long.
        let Some(held) = place.held.front().copied().filter(|held| held.until <= self.now) else {
            return;
        };
        place.held.pop_front();
        let (next, on_link) = (place.next, place.on_link);
        if next == NONE {
            self.let_go(on_link, held.port as usize, held.frame);
        } else {
            self.strike(next, held.port as usize, held.frame);
        }
    }

    /// Whether the link that `port` sends on is down at any moment from `from` to `to`. Counts the
    /// frame as struck, if it is one.
    #[cold]
    pub(super) fn fails(&mut self, port: usize, from: u64, to: u64, is_frame: bool) -> bool {
        let port = small(port);
        let down = |span: &&Span| {
            let here = span.ends.contains(&port) && matches!(span.what, Timed::Down { .. });
            here && span.from <= to && from < span.to
        };
        let Some(span) = self.faults.spans.iter().find(down) else {
            return false;
        };
        if is_frame {
            self.faults.struck[span.fault] += 1;
        }
        true
    }

    /// A fault begins or ends now.
    pub(super) fn switch_faults(&mut self) {
        self.faults.pending -= 1;
        let now = self.now;
        let mut rerouted = false;
        for link in &mut self.routes.uplinks {
            let dead = |span: &Span| match span.what {
                Timed::Down { detect } => {
                    span.ends.contains(&link.low_port) && span.from.saturating_add(detect) <= now && now < span.to
                }
                Timed::Stuck { .. } => false,
            };
            let up = !self.faults.spans.iter().any(dead);
            rerouted |= up != link.up;
            link.up = up;
        }
        if rerouted {
            let tiers: Vec<u32> = self.switches.iter().map(|switch| switch.tier).collect();
            self.routes.compute(&tiers);
        }
        let mut wanted: Vec<(usize, u8)> = Vec::new();
        for span in &self.faults.spans {
            if let Timed::Stuck { class } = span.what {
                let active = span.from <= now && now < span.to;
                let port = span.ends[0] as usize;
                match wanted.iter_mut().find(|(other, _)| *other == port) {
                    Some((_, mask)) => *mask |= u8::from(active) << class,
                    None => wanted.push((port, u8::from(active) << class)),
                }
            }
        }
        for (port, mask) in wanted {
            self.ports[port].stuck = mask;
            self.start(port);
        }
    }
}
