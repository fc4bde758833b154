//! What tests of anomalies share: faults with the names that they must get, and what is wrong with what was said of two of them.
//!
//! Contract: the truth is the fabric's own account of what it did.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fmt::Write as _;

use squall::fabric::Counters;
use squall::report::model::{Anomaly, AnomalyKind as Kind, Results};

/// Everybody to everybody, so that spared paths say where struck ones were struck.
pub fn everybody(hosts: u32, count: u32, rate: &str, qps: u32) -> String {
    let mut text = "frame: {dscp: 26}\ntraffic:\n".to_owned();
    for from in 0..hosts {
        for to in (0..hosts).filter(|to| *to != from) {
            writeln!(
                text,
                "- {{name: t{from}to{to}, kind: transfer, from: {from}, to: {to}, message: 4KiB, count: {count}, rate: {rate}, qps: {qps}}}"
            )
            .unwrap();
        }
    }
    text
}

/// Kind, place and number of each anomaly.
pub fn said(results: &Results) -> Vec<(Kind, &str, Option<u64>)> {
    let all = results.anomalies.iter();
    all.map(|one| (one.kind, one.place.as_str(), one.frames)).collect()
}

/// A fault, what it must be called, and where.
pub struct Planted<Text = &'static str> {
    pub fault: Text,
    pub kind: Kind,
    pub place: Text,
}

/// Frames that a fault struck and that an outsider can count.
pub fn truth<Text>(fabric: &Counters, index: usize, planted: &Planted<Text>) -> Option<u64> {
    match planted.kind {
        _ if strikes_nothing(planted) => None,
        // What a dead link costs is also what has no way left meanwhile.
        Kind::LinkDisruption => Some(fabric.faults[index].frames + fabric.lost.no_route),
        _ => Some(fabric.faults[index].frames),
    }
}

/// Whether frames are only kept back by it.
pub fn keeps_back<Text>(planted: &Planted<Text>) -> bool {
    matches!(planted.kind, Kind::SlowLink | Kind::Silence | Kind::StuckPause)
}

fn strikes_nothing<Text>(planted: &Planted<Text>) -> bool {
    keeps_back(planted) || planted.kind == Kind::EcnMismatch
}

/// What is wrong with what was said of two faults.
pub fn of_pair<Text: AsRef<str>>(pair: [&Planted<Text>; 2], results: &Results, fabric: &Counters) -> Option<String> {
    let truths = [0, 1].map(|index| truth(fabric, index, pair[index]));
    let named = |one: &Anomaly, place: &str| one.place == place || one.text.contains(place);
    let mut rest: Vec<&Anomaly> = results.anomalies.iter().collect();
    if pair[0].kind == pair[1].kind && truths[0].is_some() {
        // What of the one also passes the other nobody can tell: only how many there were, and nowhere else.
        rest.retain(|one| one.kind != pair[0].kind || !pair.iter().any(|planted| named(one, planted.place.as_ref())));
        let sum: u64 = results.anomalies.iter().filter_map(|one| one.frames).sum();
        let all: u64 = truths.iter().flatten().sum();
        let slack = match pair[0].kind {
            Kind::Reordered => all / 20,
            // What had no way left is in both.
            Kind::LinkDisruption => fabric.lost.no_route,
            _ => 0,
        };
        return (!rest.is_empty() || sum.abs_diff(all) > twice(truths, fabric) + slack)
            .then(|| format!("{sum} of {all}"));
    }
    for (planted, number) in pair.into_iter().zip(truths) {
        let mine = rest
            .iter()
            .position(|one| one.kind == planted.kind && named(one, planted.place.as_ref()));
        let Some(mine) = mine.map(|at| rest.swap_remove(at)) else {
            return Some(format!("{} is not named", planted.fault.as_ref()));
        };
        // A frame that no later one of its flow is there to overtake is late, and in order.
        let missed = if planted.kind == Kind::Reordered {
            number.unwrap_or(0) / 20
        } else {
            0
        };
        if let Some((number, seen)) = number.zip(mine.frames)
            && number.abs_diff(seen) > twice(truths, fabric) + missed
        {
            return Some(format!("{}: {seen} is not {number}", planted.fault.as_ref()));
        }
    }
    rest.first()
        .map(|one| format!("{:?} at {} is one too many", one.kind, one.place))
}

/// Frames that both of two faults may have struck: a copy that is lost is no copy.
fn twice(truths: [Option<u64>; 2], fabric: &Counters) -> u64 {
    match truths {
        [Some(one), Some(other)] => 4 + 3 * one * other / fabric.frames_sent,
        _ => 0,
    }
}

/// Choices, one after another, that follow from a number (SplitMix64).
pub struct Choices(pub u64);

impl Choices {
    pub fn number(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        mixed % below
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.number(all.len() as u64)).unwrap()]
    }
}
