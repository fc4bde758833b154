//! What the device did to single frames, each kind by itself: how many, where, and what it most likely was.
//!
//! Contract: from what was seen outside, the plan, and the topology that the testbed states; nothing of the fabric's own
//! account. One anomaly for each kind and place, with the exact number of frames; the numbers of all places
//! of a kind add up to what the entries count.
//!
//! Left out on purpose: how losses are told apart (`measure::infer::cause`) and places found (`measure::infer::place`).

mod links;

use std::collections::{BTreeMap, BTreeSet};

use super::times;
use super::traffic::listens;
use crate::engine::outcome::Outcome;
use crate::measure::Recorder;
use crate::measure::infer::cause::Cause;
use crate::measure::infer::facts::{Facts, Flow};
use crate::measure::infer::pfc::Place;
use crate::measure::infer::place::{Part, Path, Whereabouts, locate};
use crate::measure::infer::{self, loss::Run};
use crate::measure::trace::Kind as Seen;
use crate::pattern::Entropy;
use crate::plan::{Plan, Worker};
use crate::report::anomaly::frames as count;
use crate::report::model::{Anomaly, AnomalyKind as Kind, LossCause, Port, TimeSource, Traffic};
use crate::units::Picos;

/// Of more flows than this, those between the same two ports are looked at together.
const FLOWS_TOLD_APART: usize = 4096;

/// What is looked at.
pub(super) struct Scene<'a> {
    pub(super) plan: &'a Plan,
    pub(super) outcome: &'a Outcome,
    pub(super) places: &'a [Place],
    pub(super) read: &'a infer::Inferred,
    pub(super) traffic: &'a [Traffic],
    pub(super) ports: &'a [Port],
    /// Classes that the testbed says are lossless, bit n for class n.
    pub(super) lossless: u8,
}

impl Scene<'_> {
    /// Whether the time that a frame waited is the network's: where a loop of ours stamps arrivals, a loop that the
    /// scheduler stops makes frames wait as well.
    fn tells_waits(&self) -> bool {
        let mut ports = self.outcome.ports.iter();
        ports.all(|port| times::of_port(self.outcome, port).rx != TimeSource::Software)
    }
}

/// Frames by flow.
type ByFlow = BTreeMap<u32, u64>;

/// Says what happened to frames on their way.
pub(super) fn find(scene: &Scene<'_>, found: &mut Vec<Anomaly>) {
    let Some(recorder) = &scene.outcome.received else {
        return;
    };
    let facts = Facts::of(scene.plan);
    let frames = Frames::of(scene, recorder, &facts);
    scene.losses(&facts, &frames, found);
    for (kind, struck) in [
        (Kind::Corrupted, &frames.corrupted),
        (Kind::Duplicated, &frames.copies),
        (Kind::Reordered, &frames.reordered),
    ] {
        for (place, number) in scene.located(&facts, struck, None) {
            let frames = count(number.struck);
            let way = scene.way(&facts, struck, None, &number);
            let doubt = scene.doubt(&number);
            let text = match kind {
                Kind::Corrupted => format!("{frames} {way} arrived with a wrong ICRC.{doubt}"),
                Kind::Duplicated => format!("{frames} {way} arrived that had arrived before.{doubt}"),
                _ => format!(
                    "{frames} {way} arrived after later ones of their flow, of {} sent there. Each of these flows has one \
                     five-tuple, so it should keep to one path.{doubt}",
                    number.sent
                ),
            };
            found.push(Anomaly::new(kind, place, text).of_frames(number.struck));
        }
    }
    scene.floods(recorder, &facts, &frames.missing, found);
    if scene.tells_waits() {
        scene.slow_links(&facts, found);
        scene.standstills(found);
        scene.unmarked(found);
    }
}

/// What happened to the frames of each flow.
struct Frames {
    corrupted: ByFlow,
    copies: ByFlow,
    reordered: ByFlow,
    /// Frames that did not come, in no form.
    missing: ByFlow,
}

impl Frames {
    fn of(scene: &Scene<'_>, recorder: &Recorder, facts: &Facts) -> Frames {
        let late = late(recorder);
        let mut frames = Frames {
            corrupted: recorder.corrupted().clone(),
            copies: ByFlow::new(),
            reordered: ByFlow::new(),
            missing: ByFlow::new(),
        };
        for (number, (flow, record)) in (0u32..).zip(facts.flows().iter().zip(recorder.flows())) {
            let (late, old) = late.get(&number).copied().unwrap_or_default();
            let reliable = scene.is_reliable(flow);
            let copies = if reliable {
                0
            } else {
                u64::from(record.duplicated) + old - late
            };
            let mut put = |into: fn(&mut Frames) -> &mut ByFlow, many: u64| {
                if many > 0 {
                    into(&mut frames).insert(number, many);
                }
            };
            put(|frames| &mut frames.copies, copies);
            let sprayed = scene
                .plan
                .entries
                .get(usize::from(flow.entry))
                .is_some_and(|entry| matches!(entry.frame.entropy, Entropy::PerPacket | Entropy::PerMessage));
            // Several ways are used on purpose, or a dead one was left for another: that is what it costs.
            if !(scene.is_far(flow) && sprayed) {
                let rerouted = scene.read.rerouted.get(&number).copied().unwrap_or(0);
                let all = u64::from(record.reordered) + late;
                put(|frames| &mut frames.reordered, all.saturating_sub(rerouted));
            }
            let sent = scene.outcome.flow_sent.get(number as usize).copied().unwrap_or(0);
            let bad = recorder.corrupted().get(&number).copied().unwrap_or(0);
            // What a responder dropped has arrived.
            let dropped = if reliable { u64::from(record.duplicated) } else { 0 };
            let missing = sent.saturating_sub(record.packets + late + dropped);
            let heard = scene
                .plan
                .entries
                .get(usize::from(flow.entry))
                .is_some_and(|entry| !entry.is_to_peer());
            if heard && listens(scene.plan, usize::from(flow.arrival)) {
                put(|frames| &mut frames.missing, missing.saturating_sub(bad));
            }
        }
        frames
    }
}

/// Of each flow, frames that came for the first time behind so many others that the recorder could not tell, and all that it
/// could not tell.
fn late(recorder: &Recorder) -> BTreeMap<u32, (u64, u64)> {
    let mut found: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    if recorder.entries().iter().all(|entry| entry.too_old == 0) {
        return found;
    }
    let seen = recorder.trace().observations();
    let mut had = BTreeSet::new();
    for one in seen {
        let copies = match one.kind {
            Seen::First => {
                had.insert((one.flow, one.seq));
                continue;
            }
            Seen::Copy => found.entry(one.flow).or_default(),
            Seen::Corrupted | Seen::Ballast => continue,
        };
        copies.1 += 1;
        copies.0 += u64::from(had.insert((one.flow, one.seq)));
    }
    for (number, (_, old)) in &mut found {
        let known = recorder
            .flows()
            .get(*number as usize)
            .map_or(0, |flow| u64::from(flow.duplicated));
        *old = old.saturating_sub(known);
    }
    found.retain(|_, (late, old)| *late > 0 || *old > 0);
    for (late, old) in found.values_mut() {
        *old = (*old).max(*late);
    }
    found
}

impl Scene<'_> {
    fn name(&self, port: u16) -> &str {
        self.plan.ports.get(usize::from(port)).map_or("?", |port| &port.name)
    }

    /// Whether what is lost of a flow is sent again.
    fn is_reliable(&self, flow: &Flow) -> bool {
        let entry = self.plan.entries.get(usize::from(flow.entry));
        entry.is_some_and(|entry| entry.transport.rc().is_some())
    }

    fn is_far(&self, flow: &Flow) -> bool {
        let leaf = |port: u16| self.places.get(usize::from(port)).map(|place| place.leaf);
        leaf(flow.sender).is_none() || leaf(flow.sender) != leaf(flow.arrival)
    }

    fn part(&self, part: Part) -> String {
        let one = self.places.iter().all(|place| place.uplink.is_none());
        match part {
            Part::Port(port) => format!("ports/{}", self.name(port)),
            Part::Leaf(_) if one => "switches/switch0".to_owned(),
            Part::Leaf(leaf) => format!("switches/leaf{leaf}"),
            Part::Uplinks(leaf) => format!("links/leaf{leaf}-spines"),
            Part::Above => "switches/spines".to_owned(),
            Part::Device => "dut".to_owned(),
        }
    }

    /// Where the frames of `struck` were struck; those that count are of `class`, where one is given.
    fn located(&self, facts: &Facts, struck: &ByFlow, class: Option<u8>) -> Vec<(String, Whereabouts)> {
        let (paths, _) = self.paths(facts, struck, class);
        self.located_of(&paths)
    }

    /// Where `paths` were struck, by name.
    fn located_of(&self, paths: &[Path]) -> Vec<(String, Whereabouts)> {
        if paths.iter().all(|path| path.struck == 0) {
            return Vec::new();
        }
        let found = locate(paths, self.places);
        let named = found.into_iter().map(|place| {
            let mut ends: Vec<(u16, u16)> = place
                .paths
                .iter()
                .map(|at| (paths[*at].sender, paths[*at].arrival))
                .collect();
            ends.dedup();
            let name = match ends.as_slice() {
                [(from, to)] if !place.also.is_empty() => format!("paths/{}-{}", self.name(*from), self.name(*to)),
                _ => self.part(place.part),
            };
            (name, place)
        });
        named.collect()
    }

    /// The paths of the flows, and whose they are: each flow's by itself, since flows of one path may go different ways; where there
    /// are very many flows, each path's.
    fn paths(&self, facts: &Facts, struck: &ByFlow, class: Option<u8>) -> (Vec<Path>, Vec<Vec<u32>>) {
        let single = facts.flows().len() <= FLOWS_TOLD_APART;
        let mut paths: BTreeMap<(u16, u16, u32), (Path, Vec<u32>)> = BTreeMap::new();
        for (number, flow) in (0u32..).zip(facts.flows()) {
            let sent = self.outcome.flow_sent.get(number as usize).copied().unwrap_or(0);
            if class.is_some_and(|class| class != flow.class)
                || !listens(self.plan, usize::from(flow.arrival))
                || sent == 0
            {
                continue;
            }
            let (sender, arrival) = (flow.sender, flow.arrival);
            let new = Path {
                sender,
                arrival,
                sent: 0,
                struck: 0,
            };
            let own = if single { number } else { 0 };
            let (path, flows) = paths.entry((sender, arrival, own)).or_insert((new, Vec::new()));
            path.sent += sent;
            path.struck += struck.get(&number).copied().unwrap_or(0);
            flows.push(number);
        }
        paths.into_values().unzip()
    }

    /// "from host0 to host2", as far as the struck paths have ends in common.
    fn way(&self, facts: &Facts, struck: &ByFlow, class: Option<u8>, place: &Whereabouts) -> String {
        let (paths, _) = self.paths(facts, struck, class);
        let paths: Vec<&Path> = place.paths.iter().filter_map(|at| paths.get(*at)).collect();
        let same = |of: fn(&Path) -> u16| {
            let mut all = paths.iter().map(|path| of(path));
            let first = all.next()?;
            all.all(|port| port == first).then_some(first)
        };
        match (same(|path| path.sender), same(|path| path.arrival)) {
            (Some(from), Some(to)) => format!("from {} to {}", self.name(from), self.name(to)),
            (Some(from), None) => format!("from {}", self.name(from)),
            (None, Some(to)) => format!("to {}", self.name(to)),
            (None, None) => match place.part {
                Part::Port(port) => format!("from and to {}", self.name(port)),
                _ => format!("of {} flows", paths.len()),
            },
        }
    }

    /// What else it may have been.
    fn doubt(&self, place: &Whereabouts) -> String {
        if place.also.is_empty() {
            return String::new();
        }
        let mut all = vec![self.part(place.part)];
        all.extend(place.also.iter().map(|part| self.part(*part)));
        format!(
            " What was sent does not tell for certain which it was: {}.",
            all.join(" or ")
        )
    }

    fn losses(&self, facts: &Facts, frames: &Frames, found: &mut Vec<Anomaly>) {
        let own = |loss: &LossCause| {
            matches!(
                loss,
                LossCause::NotTransmitted | LossCause::ReceiveMissed | LossCause::Undivided
            )
        };
        let causes = || self.traffic.iter().flat_map(|entry| &entry.packets.causes);
        let ours: u64 = causes().filter(|loss| own(&loss.cause)).map(|loss| loss.frames).sum();
        if ours > 0 {
            // Which of those that are missing were the device's nobody can say: only how many.
            for entry in self.traffic {
                let lost = entry
                    .packets
                    .causes
                    .iter()
                    .find(|loss| loss.cause == LossCause::LostInDut);
                if let Some(lost) = lost {
                    let text = format!(
                        "{} of {} sent did not arrive and were not lost by our own ports.",
                        count(lost.frames),
                        entry.packets.sent
                    );
                    let place = format!("traffic/{}", entry.name);
                    found.push(Anomaly::new(Kind::Loss, place, text).of_frames(lost.frames));
                }
            }
            return;
        }
        let mut by_cause: BTreeMap<(Cause, Option<u8>), ByFlow> = BTreeMap::new();
        let mut rest = frames.missing.clone();
        self.unresolved(facts, &mut rest, found);
        self.sent_again(facts, &mut rest, found);
        for (run, cause) in &self.read.runs {
            let Some(flow) = facts.flow(run.flow) else { continue };
            // No more than are missing: frames at the end of a run may have been the host's own.
            let Some(left) = rest.get_mut(&run.flow) else { continue };
            let number = u64::from(run.frames).min(*left);
            *left -= number;
            let class = (!matches!(cause, Cause::Unexplained | Cause::DeadPath)).then_some(flow.class);
            *by_cause
                .entry((*cause, class))
                .or_default()
                .entry(run.flow)
                .or_default() += number;
        }
        rest.retain(|_, number| *number > 0);
        let untold: u64 = rest.values().sum();
        for (flow, number) in rest {
            *by_cause
                .entry((Cause::Unexplained, None))
                .or_default()
                .entry(flow)
                .or_default() += number;
        }
        let messages: u64 = self.traffic.iter().filter_map(|entry| entry.messages.incomplete).sum();
        let messages = match messages {
            0 => String::new(),
            1 => " 1 message of the run did not wholly arrive.".to_owned(),
            many => format!(" {many} messages of the run did not wholly arrive."),
        };
        for ((cause, class), mut lost) in by_cause {
            lost.retain(|_, number| *number > 0);
            let places = match (cause, class) {
                (Cause::DeadPath, _) => self.dead(facts, &lost),
                (Cause::FullQueue | Cause::BehindPause, Some(class)) => self.queues(facts, &lost, class),
                _ => self.located(facts, &lost, class),
            };
            for (name, place) in places {
                let number = count(place.struck);
                let way = self.way(facts, &lost, class, &place);
                let doubt = self.doubt(&place);
                let sent = place.sent;
                let of = class.map_or_else(String::new, |class| format!(" of class {class}"));
                let (kind, mut text) = match cause {
                    Cause::Unexplained => (
                        Kind::Loss,
                        format!(
                            "{number} of {sent} sent {way} were lost, and neither a full queue nor a pause nor a dead path \
                             accounts for it.{doubt}{messages}"
                        ),
                    ),
                    Cause::FullQueue if class.is_some_and(|class| self.owes_pauses(facts, &lost, class)) => (
                        Kind::PfcMismatch,
                        format!(
                            "{number}{of} {way} were lost, of {sent} sent, when their queue was as deep as it ever came to be. The testbed says \
                             that this class is lossless, and senders of theirs were not asked to pause it.{messages}"
                        ),
                    ),
                    Cause::FullQueue => (
                        Kind::TailDrop,
                        format!(
                            "{number}{of} {way} were lost, of {sent} sent, when their queue was as deep as it ever came to be.{messages}"
                        ),
                    ),
                    Cause::BehindPause => (
                        Kind::LossBehindPause,
                        format!(
                            "{number}{of} {way} were lost, of {sent} sent, in a queue that the receiver's own port held by PFC; \
                             their senders were not paused.{messages}"
                        ),
                    ),
                    Cause::Headroom => (
                        Kind::HeadroomLoss,
                        format!(
                            "{number}{of} {way} were lost, of {sent} sent, while the device was pausing that class: what was on its \
                             way when it said so did not fit its headroom.{messages}"
                        ),
                    ),
                    Cause::DeadPath => (
                        Kind::LinkDisruption,
                        self.disruption(facts, &lost, &place) + &doubt + &messages,
                    ),
                };
                if cause == Cause::Unexplained && untold > 0 && self.read.beyond > 0 {
                    text.push_str(" Frames were no longer kept singly when some of them were lost.");
                }
                found.push(Anomaly::new(kind, name, text).of_frames(place.struck));
            }
        }
    }

    /// Whether the device should have paused a sender of `lost` frames of `class`, and did not: of what one switch lost, that sender, and of what
    /// others may have lost, anybody.
    fn owes_pauses(&self, facts: &Facts, lost: &ByFlow, class: u8) -> bool {
        let asked = |port: &Port| {
            port.pfc
                .received_per_class
                .map(|received| received[usize::from(class & 7)] > 0)
        };
        let is_spared = |flow: &Flow| {
            let sender = self.ports.get(usize::from(flow.sender));
            !self.is_far(flow) && sender.and_then(asked) == Some(false)
        };
        let mut senders = self.ports.iter().filter(|port| port.tx.frames > 0);
        self.lossless >> (class & 7) & 1 == 1
            && (lost.keys().filter_map(|flow| facts.flow(*flow)).any(is_spared)
                || senders.all(|port| asked(port) == Some(false)))
    }

    /// Losses of reliable connections: when a frame was lost is not known of one that was sent again, so neither is why.
    fn sent_again(&self, facts: &Facts, rest: &mut ByFlow, found: &mut Vec<Anomaly>) {
        let is_reliable = |flow: &u32| facts.flow(*flow).is_some_and(|flow| self.is_reliable(flow));
        let lost: ByFlow = rest
            .iter()
            .filter(|(flow, _)| is_reliable(flow))
            .map(|(flow, n)| (*flow, *n))
            .collect();
        rest.retain(|flow, _| !lost.contains_key(flow));
        for (name, place) in self.located(facts, &lost, None) {
            let text = format!(
                "{} of {} sent {} were lost, and sent again by their reliable connections.{}",
                count(place.struck),
                place.sent,
                self.way(facts, &lost, None, &place),
                self.doubt(&place)
            );
            found.push(Anomaly::new(Kind::Loss, name, text).of_frames(place.struck));
        }
    }

    /// The places that were dead: what was on its way only at other times says nothing of them.
    fn dead(&self, facts: &Facts, lost: &ByFlow) -> Vec<(String, Whereabouts)> {
        let (mut paths, flows) = self.paths(facts, lost, None);
        if !self.read.meanwhile.is_empty() {
            for (path, flows) in paths.iter_mut().zip(&flows) {
                let given = flows.iter().filter_map(|flow| self.read.meanwhile.get(flow)).sum();
                path.sent = path.struck.max(given);
            }
        }
        self.located_of(&paths)
    }

    /// Of `missing`, what was for workers whose link-layer address the device asked for: it had nowhere to send them.
    fn unresolved(&self, facts: &Facts, missing: &mut ByFlow, found: &mut Vec<Anomaly>) {
        let Some(recorder) = &self.outcome.received else { return };
        for (worker, requests) in recorder.asked().requests() {
            let answers = |worker: &Worker| self.plan.ports[worker.port].answer;
            if self.plan.workers.get(*worker as usize).is_none_or(answers) {
                continue;
            }
            let is_for = |flow: u32| facts.flow(flow).is_some_and(|flow| flow.receiver == *worker);
            let mut lost = 0;
            missing.retain(|flow, number| {
                let mine = is_for(*flow);
                lost += if mine { *number } else { 0 };
                !mine
            });
            let Some(behind) = self.plan.workers.get(*worker as usize).filter(|_| lost > 0) else {
                continue;
            };
            let name = self.plan.ports.get(behind.port).map_or("?", |port| &port.name);
            let text = format!(
                "{} to worker {worker} ({}, {}) did not arrive, and {} for its link-layer address came meanwhile.",
                count(lost),
                behind.ipv4,
                behind.ipv6,
                if *requests == 1 {
                    "1 request".to_owned()
                } else {
                    format!("{requests} requests")
                }
            );
            let place = format!("ports/{name}");
            found.push(Anomaly::new(Kind::AddressUnresolved, place, text).of_frames(lost));
        }
    }

    /// The queues in which the frames of `lost` found no room. A queue is that of a port and a class: what never left the leaf of
    /// its receiver was lost before that port, and so was what came from afar and has nothing else in common.
    fn queues(&self, facts: &Facts, lost: &ByFlow, class: u8) -> Vec<(String, Whereabouts)> {
        let is_near = |flow: u32| {
            facts
                .flow(flow)
                .is_some_and(|flow| self.places.is_empty() || !self.is_far(flow))
        };
        let (near, far): (ByFlow, ByFlow) = lost.iter().partition(|(flow, _)| is_near(**flow));
        let (paths, _) = self.paths(facts, lost, Some(class));
        let mut queues: BTreeMap<u16, u64> = BTreeMap::new();
        for (flow, number) in near {
            if let Some(flow) = facts.flow(flow) {
                *queues.entry(flow.arrival).or_default() += number;
            }
        }
        let mut elsewhere = Vec::new();
        for (name, place) in self.located(facts, &far, Some(class)) {
            let mut arrivals: Vec<u16> = place.paths.iter().map(|at| paths[*at].arrival).collect();
            arrivals.dedup();
            match (place.part, arrivals.as_slice()) {
                (Part::Port(port), [one]) if port == *one => *queues.entry(port).or_default() += place.struck,
                _ => elsewhere.push((name, place)),
            }
        }
        let queues = queues.into_iter().map(|(port, struck)| {
            let mine: Vec<usize> = (0..paths.len()).filter(|at| paths[*at].arrival == port).collect();
            let place = Whereabouts {
                part: Part::Port(port),
                also: Vec::new(),
                struck,
                sent: mine.iter().map(|at| paths[*at].sent).sum(),
                paths: mine,
            };
            (format!("queues/{}/{class}", self.name(port)), place)
        });
        queues.chain(elsewhere).collect()
    }

    /// What a dead path cost.
    fn disruption(&self, facts: &Facts, lost: &ByFlow, place: &Whereabouts) -> String {
        let (_, flows) = self.paths(facts, lost, None);
        let mine: BTreeSet<u32> = place
            .paths
            .iter()
            .filter_map(|at| flows.get(*at))
            .flatten()
            .copied()
            .collect();
        let runs = || {
            let dead = self.read.runs.iter().filter(|(_, cause)| *cause == Cause::DeadPath);
            dead.map(|(run, _)| run).filter(|run| mine.contains(&run.flow))
        };
        let began = runs().map(Run::began).min().unwrap_or(0);
        let restored = runs().map(Run::restored).collect::<Option<Vec<_>>>();
        let picos = |time: i64| Picos(time.max(0).unsigned_abs());
        let how_long = restored.and_then(|times| times.into_iter().max()).map_or_else(
            || "to the end of the run".to_owned(),
            |end| format!("until all were back {} later", picos(end - began)),
        );
        let hit: BTreeSet<u32> = runs().map(|run| run.flow).collect();
        let flows = if hit.len() == 1 {
            "1 flow".to_owned()
        } else {
            format!("{} flows", hit.len())
        };
        format!(
            "{flows} {} lost everything from {} on, {how_long}: {}. No queue was full in their way, and no class paused.",
            self.way(facts, lost, None, place),
            picos(began),
            count(place.struck)
        )
    }

    /// Frames for one port that came to others.
    fn floods(&self, recorder: &Recorder, facts: &Facts, missing: &ByFlow, found: &mut Vec<Anomaly>) {
        let mut bystanders: BTreeMap<usize, BTreeMap<u16, u64>> = BTreeMap::new();
        let mut of_receiver: BTreeMap<u16, BTreeMap<usize, u64>> = BTreeMap::new();
        for ((receiver, port), number) in recorder.strays() {
            *bystanders.entry(*port).or_default().entry(*receiver).or_default() += number;
            *of_receiver.entry(*receiver).or_default().entry(*port).or_default() += number;
        }
        let mut lost: BTreeMap<u16, u64> = BTreeMap::new();
        for (flow, number) in missing {
            if let Some(flow) = facts.flow(*flow) {
                *lost.entry(flow.arrival).or_default() += number;
            }
        }
        // A frame that goes astray comes to one other port, and not to its receiver's; what is flooded comes to all of them.
        let flooded = of_receiver.iter().filter(|(receiver, ports)| {
            ports.len() > 1 || ports.values().sum::<u64>() > lost.get(receiver).copied().unwrap_or(0)
        });
        let flooded: Vec<&str> = flooded.map(|(receiver, _)| self.name(*receiver)).collect();
        if flooded.is_empty() {
            return;
        }
        let all: u64 = recorder.strays().values().sum();
        let ports: Vec<&str> = bystanders
            .keys()
            .map(|port| self.plan.ports.get(*port).map_or("?", |port| port.name.as_str()))
            .collect();
        let text = format!(
            "{} for {} came to {} as well: the device floods them.",
            count(all),
            some(&flooded),
            some(&ports)
        );
        found.push(Anomaly::new(Kind::Flood, "dut", text).of_frames(all));
    }
}

/// "a, b and 7 more".
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    match names {
        [.., _] if names.len() > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN),
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}
