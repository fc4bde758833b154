//! What is wrong with links and switches that strikes no single frame: links that are slower than they should be, ways on which everything
//! stood still, switches that do not mark.
//!
//! Contract: see the folder's.

use std::collections::BTreeSet;

use super::Scene;
use crate::engine::outcome::Clock;
use crate::measure::infer::drain;
use crate::measure::infer::ecn::Verdict;
use crate::measure::infer::facts::Facts;
use crate::measure::infer::pfc::paused_of;
use crate::measure::infer::place::{Part, Path, locate};
use crate::report::anomaly::frames as count;
use crate::report::model::{Anomaly, AnomalyKind as Kind, Traffic};
use crate::units::{BitRate, Picos};

/// The paths that say where frames were kept: one that comes from a port says nothing of the link towards it.
fn told<T>(mut all: Vec<T>, path: impl Fn(&T) -> Path) -> Vec<T> {
    let struck = all.iter().map(&path).filter(|path| path.struck > 0);
    let kept: BTreeSet<u16> = struck.map(|path| path.arrival).collect();
    all.retain(|one| path(one).struck > 0 || !kept.contains(&path(one).sender));
    all
}

impl Scene<'_> {
    /// Behind several switches, what stood still for a time.
    pub(super) fn standstills(&self, found: &mut Vec<Anomaly>) {
        for one in &self.read.standstills {
            let paths = told(one.paths.clone(), |path| *path);
            for place in locate(&paths, self.places) {
                let name = match place.part {
                    Part::Port(port) => format!("queues/{}/{}", self.name(port), one.class),
                    part => self.part(part),
                };
                let text = format!(
                    "Nothing of class {} came through for {} from {} on, although {} of {} were overdue, and no queue \
                     that others went through meanwhile accounts for it.{}",
                    one.class,
                    Picos((one.to - one.from).max(0).unsigned_abs()),
                    Picos(one.from.max(0).unsigned_abs()),
                    count(place.struck),
                    if place.paths.len() == 1 {
                        "1 flow".to_owned()
                    } else {
                        format!("{} flows", place.paths.len())
                    },
                    self.doubt(&place)
                );
                found.push(Anomaly::new(Kind::Silence, name, text));
            }
        }
    }

    /// Behind several switches, those that did not mark what they should have.
    pub(super) fn unmarked(&self, found: &mut Vec<Anomaly>) {
        // What the last queue of a way owes is said of that queue.
        let is_told = |port: u16| {
            let mine = self.read.queues.iter().filter(|queue| queue.port == usize::from(port));
            let verdicts = mine.filter_map(|queue| Some(queue.ecn.as_ref()?.verdict));
            verdicts.into_iter().any(Verdict::is_mismatch)
        };
        let paths: Vec<Path> = self
            .read
            .unmarked
            .iter()
            .copied()
            .filter(|path| !is_told(path.arrival))
            .collect();
        for place in locate(&paths, self.places) {
            // A switch has queues, and not a link.
            let mut switches: Vec<Part> = std::iter::once(place.part).chain(place.also.iter().copied()).collect();
            if let Part::Uplinks(leaf) = place.part {
                switches.extend([Part::Leaf(leaf), Part::Above]);
            }
            switches.retain(|part| matches!(part, Part::Leaf(_) | Part::Above | Part::Device));
            switches.dedup();
            let names: Vec<String> = switches.iter().map(|part| self.part(*part)).collect();
            let name = names.first().cloned().unwrap_or_else(|| self.part(place.part));
            let text = format!(
                "{} of {} came unmarked, of {} before and behind which more stood than Kmax in each queue of their way.{}",
                count(place.struck),
                match place.paths.len() {
                    1 => "1 flow".to_owned(),
                    flows => format!("{flows} flows"),
                },
                place.sent,
                if names.len() > 1 {
                    format!(
                        " What was sent does not tell for certain which it was: {}.",
                        names.join(" or ")
                    )
                } else {
                    String::new()
                }
            );
            found.push(Anomaly::new(Kind::EcnMismatch, name, text).of_frames(place.struck));
        }
    }

    /// Links that carry less than they should.
    pub(super) fn slow_links(&self, facts: &Facts, found: &mut Vec<Anomaly>) {
        let drained = told(self.read.drained.iter().collect(), |one| one.path);
        let paths: Vec<Path> = drained.iter().map(|one| one.path).collect();
        let mut said = BTreeSet::new();
        for place in locate(&paths, self.places) {
            let mine = || place.paths.iter().filter_map(|at| drained.get(*at));
            // A link, and not a switch, has a rate.
            let part = match place.part {
                Part::Leaf(_) | Part::Above => {
                    let link = place.also.iter().find(|part| matches!(part, Part::Uplinks(_)));
                    link.copied().unwrap_or(place.part)
                }
                part => part,
            };
            // Over the longest time the rate is told best.
            let longest = mine().max_by_key(|one| one.waited);
            let rates = longest.map_or(&[][..], |one| &one.rates);
            let here = rates.iter().find(|(of, _)| *of == part).map(|(_, rate)| *rate);
            let rate = here.unwrap_or_else(|| rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max));
            let nominal = match part {
                Part::Port(port) => self.plan.ports.get(usize::from(port)).map(|port| port.speed),
                _ => self.places.iter().find_map(|place| place.uplink),
            };
            let name = self.part(part);
            let text = format!(
                "While {} waited there, no more than {:.1} Gbit/s came through, where a link has {:.1} Gbit/s.{}",
                count(place.struck),
                rate / 1e9,
                nominal.map_or(0.0, in_gbit),
                self.doubt(&place)
            );
            found.push(Anomaly::new(Kind::SlowLink, name.clone(), text));
            said.insert(name);
        }
        if self.outcome.clock != Clock::Virtual {
            return;
        }
        // A sender whose link is slow sends less than it has to, without a break. No processor of ours is slow in virtual time.
        // One that waits for its own messages, or sends in rounds, has no rate that it has to keep.
        let short = |entry: &Traffic| {
            let pacing = entry.pacing.as_ref()?;
            let (requested, achieved) = pacing.requested_bps.zip(pacing.achieved_bps)?;
            #[expect(clippy::cast_precision_loss, reason = "a ratio of rates")]
            let short = (achieved as f64) < 0.97 * requested as f64;
            Some(short)
        };
        for (number, port) in (0u16..).zip(&self.plan.ports) {
            let name = self.part(Part::Port(number));
            let mine = self.traffic.iter().filter(|entry| entry.tx_ports.contains(&port.name));
            if said.contains(&name) || !mine.clone().any(|entry| short(entry).unwrap_or(false)) {
                continue;
            }
            let Some(recorder) = &self.outcome.received else {
                continue;
            };
            let paused = paused_of(recorder.pauses(), usize::from(number), port.speed);
            let Some(rate) = drain::of_sender(self.plan, recorder.trace(), facts, number, &paused) else {
                continue;
            };
            let text = format!(
                "{} never sent faster than {:.1} Gbit/s, however much it had to send; its link should have {:.1} Gbit/s.",
                port.name,
                in_gbit(rate),
                in_gbit(port.speed)
            );
            found.push(Anomaly::new(Kind::SlowLink, name, text));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn in_gbit(rate: BitRate) -> f64 {
    rate.0 as f64 / 1e9
}
