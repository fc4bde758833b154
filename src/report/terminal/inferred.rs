//! What was read from outside, for a person: the curve of marking over depth with the thresholds
//! read, and a line for each class that was paused.
//!
//! Contract: see the folder's. A few queues are drawn; all are in the file.

use super::text::{harmless, wrap};
use super::{View, float, line, picos};
use crate::report::model::{
    Bin, Estimate, Inferred, Marking, MarkingVerdict, Meter, PauseDirection, Pausing, Queue, Results, Threshold, Victim,
};
use crate::units::shown::{grouped, quantity, range};

/// Queues that are drawn: those with the most marked frames.
const DRAWN: usize = 2;

/// Lines of a curve.
const HEIGHT: usize = 6;

/// Columns of a curve, at most.
const WIDTH: usize = 64;

/// Room for the scale on the left.
const MARGIN: usize = 9;

/// The share of the curve's breadth at which the last threshold stands.
const BEYOND: f64 = 1.6;

/// A queue's marking that is worth showing, the better of two methods first.
fn shown(queue: &Queue) -> impl Iterator<Item = (&'static str, &Marking)> {
    let probe = queue.probe.as_ref().map(|probe| ("probe", &probe.marking));
    let delays = queue.ecn.as_ref().map(|marking| ("delays", marking));
    let worth = |(_, marking): &(&str, &Marking)| marking.marked > 0 || marking.verdict != MarkingVerdict::CannotTell;
    delays.into_iter().chain(probe).filter(worth)
}

/// Whether there is anything to say of marking.
pub(super) fn has_ecn(results: &Results) -> bool {
    results
        .inferred
        .queues
        .iter()
        .any(|queue| shown(queue).next().is_some() || queue.meter.is_some())
}

/// Curves and thresholds.
pub(super) fn ecn(out: &mut String, results: &Results, view: View) {
    let mut queues: Vec<&Queue> = results
        .inferred
        .queues
        .iter()
        .filter(|queue| shown(queue).next().is_some())
        .collect();
    // Stable: of equals the first port's comes first.
    queues.sort_by_key(|queue| std::cmp::Reverse(shown(queue).map(|(_, marking)| marking.marked).max()));
    let more = queues.len().saturating_sub(DRAWN);
    for queue in queues.into_iter().take(DRAWN) {
        for (method, marking) in shown(queue) {
            let head = format!("{} class {}", harmless(&queue.port), queue.class);
            one(out, &format!("  {head}, by {method}: "), marking, view);
        }
        if let (Some(first), true) = (
            shown(queue).find(|(_, marking)| !marking.curve.is_empty()),
            view.width > MARGIN + 16,
        ) {
            draw(out, first.1, view);
        }
        if let (Some(agree), Some(_)) = (queue.methods_agree, &queue.methods) {
            let text = if agree {
                "the two methods agree"
            } else {
                "the two methods DO NOT agree"
            };
            line(out, &format!("  {text}"));
        }
    }
    let meters = results
        .inferred
        .queues
        .iter()
        .filter_map(|queue| Some((queue, queue.meter.as_ref()?)));
    for (queue, meter) in meters.take(DRAWN) {
        metered(out, queue, meter, view);
    }
    if more > 0 {
        line(out, &format!("  {more} more queues are in the file"));
    }
    if let Some(until) = results.inferred.until_ps {
        let text = format!("of the frames that arrived before {}", picos(until));
        line(out, &wrap("  ", &text, view));
    }
}

fn bytes(estimate: &Estimate) -> String {
    estimate.said("bytes")
}

fn verdict(verdict: MarkingVerdict) -> Option<&'static str> {
    match verdict {
        MarkingVerdict::CannotTell => None,
        MarkingVerdict::Follows => Some("as configured"),
        MarkingVerdict::DoesNotFollow => Some("NOT as configured"),
        MarkingVerdict::MarksNothing => Some("marks nothing, NOT as configured"),
        MarkingVerdict::MarksEverything => Some("marks everything, NOT as configured"),
    }
}

/// A sentence as the beginning of a list.
fn reason(why_not: Option<&str>) -> Option<String> {
    why_not.map(|why| why.trim_end_matches('.').to_owned())
}

/// A token bucket in a line.
fn metered(out: &mut String, queue: &Queue, meter: &Meter, view: View) {
    let mut said = Vec::new();
    match (&meter.cbs_bytes, &meter.cir_bps) {
        (Some(cbs), Some(cir)) => {
            // No frame shows that it fills at all: only that it fills no faster.
            let cir = if cir.low > 0.0 {
                cir.said("bps")
            } else {
                format!("up to {}", quantity(cir.high.unwrap_or(cir.value), "bps"))
            };
            said.push(format!("a token bucket of CBS {}, CIR {cir}", bytes(cbs)));
        }
        _ => said.extend(reason(meter.why_not.as_deref())),
    }
    said.push(format!(
        "{} of {} frames marked",
        grouped(meter.marked),
        grouped(meter.frames)
    ));
    said.extend(verdict(meter.verdict).map(str::to_owned));
    let head = format!("  {} class {}, by volume: ", harmless(&queue.port), queue.class);
    line(out, &wrap(&head, &harmless(&said.join(", ")), view));
}

fn one(out: &mut String, head: &str, marking: &Marking, view: View) {
    let mut said = Vec::new();
    match (&marking.kmin_bytes, &marking.kmax_bytes, marking.step) {
        (Some(kmin), _, Some(true)) => said.push(format!("a step at {}", bytes(kmin))),
        // The reading does not tell them apart, and says so.
        (Some(kmin), Some(kmax), None) if marking.pmax.is_none() => {
            let from = quantity(kmin.low, "bytes");
            said.push(format!(
                "a step at {}, or a ramp up to there from {from} or more",
                bytes(kmax)
            ));
        }
        (Some(kmin), Some(kmax), _) => {
            said.push(format!("Kmin {}", bytes(kmin)));
            said.push(format!("Kmax {}", bytes(kmax)));
            said.extend(
                marking
                    .pmax
                    .map(|pmax| format!("Pmax {}", quantity(100.0 * pmax.value, "%"))),
            );
        }
        _ => said.extend(reason(marking.why_not.as_deref())),
    }
    said.extend(marking.at.map(|at| format!("at {at}")));
    said.push(format!(
        "{} of {} frames marked",
        grouped(marking.marked),
        grouped(marking.frames)
    ));
    if let Some(depth) = marking.onset.and_then(|onset| onset.depth_bytes) {
        // With a ramp, the first mark in time is at any depth above Kmin.
        said.push(format!(
            "the first in time saw a depth of {}",
            quantity(float(depth), "bytes")
        ));
    }
    said.extend(verdict(marking.verdict).map(str::to_owned));
    line(out, &wrap(head, &harmless(&said.join(", ")), view));
}

/// Share marked in each of `columns` of equal breadth up to `breadth` bytes; `None` where no frame was.
#[expect(clippy::cast_precision_loss, reason = "columns and depths for a picture")]
fn columns(curve: &[Bin], breadth: f64, columns: usize) -> Vec<Option<f64>> {
    let share = |bin: &Bin| bin.marked as f64 / bin.frames.max(1) as f64;
    (0..columns)
        .map(|column| {
            let (from, to) = (column as f64, column as f64 + 1.0);
            let scale = breadth / columns as f64;
            let inside = |bin: &&Bin| bin.from_bytes as f64 <= to * scale && bin.to_bytes as f64 + 1.0 >= from * scale;
            let (mut frames, mut marked) = (0.0, 0.0);
            for bin in curve.iter().filter(inside) {
                let overlap = (to * scale).min(bin.to_bytes as f64 + 1.0) - (from * scale).max(bin.from_bytes as f64);
                frames += overlap.max(0.0);
                marked += overlap.max(0.0) * share(bin);
            }
            (frames > 0.0).then(|| marked / frames)
        })
        .collect()
}

/// The curve, with marks where the thresholds are.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "columns and depths for a picture"
)]
fn draw(out: &mut String, marking: &Marking, view: View) {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = (view.width - MARGIN - 2).min(WIDTH);
    let deepest = marking
        .curve
        .last()
        .map_or(1, |bin| bin.to_bytes.saturating_add(1))
        .max(1) as f64;
    let breadth = marking
        .kmax_bytes
        .map_or(deepest, |kmax| (kmax.value * BEYOND).clamp(1.0, deepest));
    let shares = columns(&marking.curve, breadth, width);
    for row in (0..HEIGHT).rev() {
        let label = match row {
            _ if row + 1 == HEIGHT => "100 %",
            0 => "0 %",
            _ => "",
        };
        let cells: String = shares
            .iter()
            .map(|share| {
                let Some(share) = share else { return ' ' };
                let filled = share * HEIGHT as f64 - row as f64;
                if view.unicode {
                    let eighths = (filled * 8.0).round().clamp(0.0, 8.0) as usize;
                    // Frames that were not marked are seen, too: a line at the bottom.
                    if row == 0 && eighths == 0 {
                        '▁'
                    } else {
                        LEVELS[eighths]
                    }
                } else if filled >= 0.5 {
                    '#'
                } else if row == 0 {
                    '_'
                } else {
                    ' '
                }
            })
            .collect();
        let bar = if view.unicode { '▕' } else { '|' };
        line(out, format!("{label:>MARGIN$}{bar}{cells}").trim_end());
    }
    let mut marks = vec![' '; width];
    let mut names = String::new();
    let thresholds = match (marking.kmin_bytes, marking.kmax_bytes) {
        (Some(kmin), Some(_)) if marking.pmax.is_none() => vec![("Kmin = Kmax", kmin)],
        (Some(kmin), Some(kmax)) => vec![("Kmin", kmin), ("Kmax", kmax)],
        _ => Vec::new(),
    };
    for (name, threshold) in thresholds {
        let at = ((threshold.value / breadth * width as f64) as usize).min(width - 1);
        marks[at] = if view.unicode { '▲' } else { '^' };
        // Beside the mark, and never over the text before.
        let start = at.max(names.chars().count() + usize::from(!names.is_empty()));
        let start = start.min(width.saturating_sub(name.len()));
        while names.chars().count() < start {
            names.push(' ');
        }
        names.push_str(name);
    }
    if !names.is_empty() {
        let marks: String = marks.into_iter().collect();
        line(out, format!("{:MARGIN$} {marks}", "").trim_end());
        line(out, format!("{:MARGIN$} {names}", "").trim_end());
    }
    let right = quantity(breadth, "bytes");
    let space = width.saturating_sub(right.len() + 1);
    line(out, &format!("{:MARGIN$} 0{:space$}{right}", "", ""));
}

/// Whether there is anything to say of pauses, losses or victims.
pub(super) fn has_pauses(inferred: &Inferred) -> bool {
    !inferred.pfc.is_empty()
}

/// A line for each class and direction, and one for each victim.
pub(super) fn pauses(out: &mut String, inferred: &Inferred, view: View) {
    for direction in [PauseDirection::Received, PauseDirection::Sent] {
        for class in 0..8 {
            let mine = |one: &&Pausing| one.direction == direction && one.class == class;
            let all: Vec<&Pausing> = inferred.pfc.iter().filter(mine).collect();
            if !all.is_empty() {
                class_line(out, &all, direction, view);
            }
        }
    }
    if let Some(hops) = inferred.pause_propagation_hops.filter(|hops| *hops > 1) {
        line(out, &format!("  pauses came back over {hops} switches"));
    }
    let worth = |victim: &&Victim| !victim.congested && victim.during.frames + victim.held_ps.unwrap_or(0) > 0;
    for victim in inferred.victims.iter().filter(worth) {
        let mut said = Vec::new();
        if victim.during.frames > 0 {
            said.push(format!(
                "waits {} (p99 {}) while others are paused",
                picos(victim.during.mean_ps),
                picos(victim.during.p99_ps)
            ));
        }
        if victim.calm.frames > 0 {
            said.push(format!("{} otherwise", picos(victim.calm.mean_ps)));
        }
        if let Some(held) = victim.held_ps.filter(|held| *held > 0) {
            said.push(format!("its senders were held {}", picos(held)));
        }
        let head = format!("  {}: ", harmless(&victim.entry));
        line(out, &wrap(&head, &said.join(", "), view));
    }
}

/// `"once"`, `"12 times"`.
fn times(count: u64) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{} times", grouped(count))
    }
}

fn class_line(out: &mut String, all: &[&Pausing], direction: PauseDirection, view: View) {
    let sum = |of: fn(&Pausing) -> u64| all.iter().map(|one| of(one)).sum::<u64>();
    let (ports, class) = (all.len(), all.first().map_or(0, |one| one.class));
    let who = match (direction, ports) {
        (PauseDirection::Received, 1) => "1 port was asked to pause",
        (PauseDirection::Received, _) => "ports were asked to pause",
        (PauseDirection::Sent, 1) => "1 port asked for a pause",
        (PauseDirection::Sent, _) => "ports asked for a pause",
    };
    let who = if ports == 1 {
        who.to_owned()
    } else {
        format!("{ports} {who}")
    };
    let longest = all.iter().map(|one| one.longest_ps).max().unwrap_or(0);
    let mut said = vec![format!(
        "{who} {} for {} in all (longest {}; {} XOFF, {} XON)",
        times(sum(|one| one.pauses)),
        picos(sum(|one| one.paused_ps)),
        picos(longest),
        grouped(sum(|one| one.xoff_frames)),
        grouped(sum(|one| one.xon_frames)),
    )];
    for (name, of) in [
        ("XOFF", (|one| one.xoff) as fn(&Pausing) -> Option<Threshold>),
        ("XON", |one| one.xon),
    ] {
        let read: Vec<f64> = all
            .iter()
            .filter_map(|one| of(one))
            .map(|threshold| threshold.bytes.value)
            .collect();
        let least = read.iter().copied().fold(f64::INFINITY, f64::min);
        let most = read.iter().copied().fold(0.0, f64::max);
        if !read.is_empty() && (most - least).abs() < 1.0 {
            said.push(format!("{name} read at {}", quantity(least, "bytes")));
        } else if !read.is_empty() {
            said.push(format!("{name} read at {}", range(least, Some(most), "bytes")));
        }
    }
    line(out, &wrap(&format!("  class {class}: "), &said.join(", "), view));
}
