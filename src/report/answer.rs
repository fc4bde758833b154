//! The answer to the question that a pattern asks: the figures that it asks about, then what every
//! run is asked (expectations, loss, goodput, fairness), in few lines.
//!
//! Contract: a function of the result alone; every figure in it stands in the result, and a reading
//! stands with its interval and with what is configured. What was not measured is said with the reason.
//!
//! Left out on purpose: how the lines are shown (`terminal`, the page).

mod marking;
mod pausing;
mod settling;

use super::figures::{self, Figure};
use super::model::{Results, Traffic};
use super::verdict::in_scope;
use crate::expect::Asked;
use crate::expect::known;
use crate::pattern::{About, about};
use crate::units::shown::{figure, quantity};

/// How a line stands to what is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Good,
    /// Neither.
    Plain,
    /// Not as it should be.
    Bad,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What it is about, in a word or two: `ECN`, `loss`, `KV_xfer_latency.p99`.
    pub about: String,
    /// What is said.
    pub text: String,
    /// How it stands.
    pub standing: Standing,
}

impl Said {
    fn new(about: impl Into<String>, text: impl Into<String>, standing: Standing) -> Said {
        Said {
            about: about.into(),
            text: text.into(),
            standing,
        }
    }
}

/// Places of one figure that a line names; more are in the result.
const PLACES: usize = 4;

/// Entries that a line on loss names.
const LOSERS: usize = 2;

/// The answer, the most important line first: what the pattern asks about, then what every run is asked.
#[must_use]
pub fn of(results: &Results) -> Vec<Said> {
    let asked: Vec<Asked> = results
        .run
        .asks
        .iter()
        .filter_map(|text| Asked::parse(text, None).ok())
        .collect();
    let measured = figures::of(results);
    let mut said: Vec<Said> = Vec::new();
    let mut add = |line: Option<Said>| {
        // Several figures of one reading are told in one line.
        if let Some(line) = line.filter(|line| !said.iter().any(|other| other.about == line.about)) {
            said.push(line);
        }
    };
    add(unmet(results));
    for one in &asked {
        add(of_figure(results, one, &asked, &measured));
    }
    if asked.is_empty() {
        add(marking::of(results));
        add(pausing::of(results));
    }
    add(loss(results));
    add(met(results));
    if asked.is_empty() {
        add(goodput(results));
    }
    add(unfairness(results));
    if !asked.is_empty() {
        add(goodput(results));
    }
    said
}

/// What a figure that is asked about comes to.
fn of_figure(results: &Results, one: &Asked, asked: &[Asked], measured: &[Figure]) -> Option<Said> {
    let told = match one.figure {
        name if name.starts_with("ECN_C") => marking::of_meter(results),
        name if name.starts_with("ECN_") && name != known::ECN_MARKING_RATE.name => marking::of(results),
        // A switch that pauses nobody has shown no threshold, and that is no answer to wait for.
        name if [known::PFC_XOFF.name, known::PFC_XON.name].contains(&name) => return pausing::of(results),
        name if name == known::LOST.name => loss(results),
        name if name == known::RATE_CONVERGENCE_TIME.name => settling::of(results),
        name if name == known::JFI.name => fairness(results),
        name if name == known::FABRIC_GOODPUT.name => goodput(results),
        _ => None,
    };
    told.or_else(|| Some(plain(one, asked, measured)))
}

/// A figure at each place that is asked about, all its statistics together, in the order in which they are asked.
fn plain(one: &Asked, asked: &[Asked], measured: &[Figure]) -> Said {
    let mut places: Vec<(&str, Vec<String>)> = Vec::new();
    let mine = || asked.iter().filter(|other| other.figure == one.figure);
    let alike = mine().all(|other| other.statistic == one.statistic);
    for asked in mine() {
        let of_name = |figure: &&Figure| figure.name == asked.figure && figure.statistic == asked.statistic;
        let meant = |figure: &&Figure| in_scope(asked.scope.as_ref(), &figure.place);
        for figure in measured.iter().filter(of_name).filter(meant) {
            let value = figure
                .value
                .map_or_else(|| "not measured".to_owned(), |value| quantity(value, &figure.unit));
            let value = if alike {
                value
            } else {
                format!("{} {value}", figure.statistic)
            };
            match places.iter_mut().find(|(place, _)| *place == figure.place) {
                Some((_, values)) => values.push(value),
                None => places.push((&figure.place, vec![value])),
            }
        }
    }
    let about = match one.statistic {
        "" => one.figure.to_owned(),
        statistic if alike => format!("{} {statistic}", one.figure),
        _ => one.figure.to_owned(),
    };
    let alone = places.len() == 1;
    let more = places.len().saturating_sub(PLACES);
    let mut parts: Vec<String> = places
        .iter()
        .take(PLACES)
        .map(|(place, values)| {
            let values = values.join(", ");
            let place = place.split_once('/').map_or(*place, |(_, name)| name);
            if alone { values } else { format!("{place} {values}") }
        })
        .collect();
    if parts.is_empty() {
        parts.push("not measured in this run".to_owned());
    }
    if more > 0 {
        parts.push(format!("{more} more in the file"));
    }
    let between = if alike { ", " } else { "; " };
    Said::new(about, parts.join(between), Standing::Plain)
}

/// Expectations that were not met.
fn unmet(results: &Results) -> Option<Said> {
    let unmet: Vec<String> = results.unmet().map(ToString::to_string).collect();
    let first = unmet.first()?;
    let all = results.expectations.len();
    let text = format!("{} of {all} not met: {first}", unmet.len());
    Some(Said::new("expectations", text, Standing::Bad))
}

/// Expectations, when all were met.
fn met(results: &Results) -> Option<Said> {
    let all = results.expectations.len();
    let good = all > 0 && results.unmet().next().is_none();
    good.then(|| Said::new("expectations", format!("all {all} met"), Standing::Good))
}

/// Entries whose frames somebody listens for.
fn heard(results: &Results) -> impl Iterator<Item = &Traffic> {
    results
        .traffic
        .iter()
        .filter(|entry| about(&entry.kind) != About::Pauses && entry.packets.received.is_some())
}

fn loss(results: &Results) -> Option<Said> {
    let sent: u64 = heard(results).map(|entry| entry.packets.sent).sum();
    heard(results).next()?;
    let lost = |entry: &Traffic| entry.packets.lost.unwrap_or(0);
    let all: u64 = heard(results).map(lost).sum();
    if all == 0 {
        let text = format!("none of {}", quantity(float(sent), "frames"));
        return Some(Said::new("loss", text, Standing::Good));
    }
    let mut by_entry: Vec<&Traffic> = heard(results).filter(|entry| lost(entry) > 0).collect();
    by_entry.sort_by_key(|entry| std::cmp::Reverse(lost(entry)));
    let mut parts: Vec<String> = by_entry
        .iter()
        .take(LOSERS)
        .map(|entry| {
            let of = format!(
                "{} {} of {}",
                entry.name,
                quantity(float(lost(entry)), "1"),
                quantity(float(entry.packets.sent), "1")
            );
            let cause = entry.packets.causes.first();
            cause.map_or(of.clone(), |first| format!("{of} ({})", first.cause))
        })
        .collect();
    let more = by_entry.len().saturating_sub(LOSERS);
    if more > 0 {
        parts.push(format!("{more} more below"));
    }
    let text = format!("{}: {}", quantity(float(all), "frames"), parts.join(", "));
    Some(Said::new("loss", text, Standing::Bad))
}

/// Line rate of the side with less of it, all its ports together.
pub(crate) fn line_rate(results: &Results, entry: &Traffic) -> Option<u64> {
    let side = |ports: &[String]| -> Option<u64> {
        let speeds = ports.iter().map(|name| {
            let port = results.ports.iter().find(|port| port.name == *name)?;
            port.speed_bps
        });
        speeds.sum::<Option<u64>>().filter(|sum| *sum > 0)
    };
    let (tx, rx) = (side(&entry.tx_ports), side(&entry.rx_ports));
    tx.zip(rx).map(|(tx, rx)| tx.min(rx)).or(tx).or(rx)
}

fn goodput(results: &Results) -> Option<Said> {
    let mut entries: Vec<(&Traffic, u64)> = heard(results)
        .filter(|entry| about(&entry.kind) != About::Probe)
        .filter_map(|entry| Some((entry, entry.goodput_bps?)))
        .collect();
    entries.sort_by_key(|(_, bps)| std::cmp::Reverse(*bps));
    let alone = entries.len() == 1;
    let more = entries.len().saturating_sub(PLACES);
    let mut parts: Vec<String> = entries
        .iter()
        .take(PLACES)
        .map(|(entry, bps)| {
            let of = line_rate(results, entry).map_or(String::new(), |line| {
                format!(
                    " ({} % of {})",
                    figure(100.0 * float(*bps) / float(line)),
                    quantity(float(line), "bps")
                )
            });
            let name = if alone {
                String::new()
            } else {
                format!("{} ", entry.name)
            };
            format!("{name}{}{of}", quantity(float(*bps), "bps"))
        })
        .collect();
    if more > 0 {
        parts.push(format!("{more} more below"));
    }
    (!parts.is_empty()).then(|| Said::new("goodput", parts.join(", "), Standing::Plain))
}

/// Below this index somebody got visibly less than the others: one of eight half of the others' share.
const FAIR: f64 = 0.98;

/// Fairness, where somebody got less than the others.
fn unfairness(results: &Results) -> Option<Said> {
    let fair = |entry: &Traffic| entry.jfi.is_none_or(|jfi| jfi.count < 2 || jfi.index >= FAIR);
    if heard(results).all(fair) {
        return None;
    }
    fairness(results)
}

/// The least fair entry, and who got least.
fn fairness(results: &Results) -> Option<Said> {
    let shared = heard(results).filter_map(|entry| Some((entry, entry.jfi.filter(|jfi| jfi.count > 1)?)));
    let (entry, jfi) = shared.min_by(|(_, one), (_, other)| one.index.total_cmp(&other.index))?;
    let mut text = format!(
        "{}: Jain index {} over {} {}",
        entry.name,
        figure(jfi.index),
        quantity(float(jfi.count), "1"),
        jfi.over
    );
    let listed = entry.flows.listed.iter();
    let least = listed
        .filter_map(|flow| Some((flow, flow.goodput_bps?)))
        .min_by_key(|(_, bps)| *bps);
    if let (Some((flow, bps)), Some(all), true) = (least, entry.flows.goodput_bps, jfi.index < FAIR) {
        text.push_str(&format!(
            "; least: worker {} to {}, {} of {} at most",
            flow.from,
            flow.to,
            quantity(float(bps), "bps"),
            quantity(float(all.max), "bps")
        ));
    }
    let standing = if jfi.index < FAIR {
        Standing::Bad
    } else {
        Standing::Good
    };
    Some(Said::new("fairness", text, standing))
}

#[expect(clippy::cast_precision_loss, reason = "counts and rates into figures of four digits")]
fn float(value: u64) -> f64 {
    value as f64
}
