//! The summary of a sweep for people: a row a point, the figures that matter with their confidence.
//!
//! Contract: as in `report::terminal`: nothing that is not in the files, and what was not measured is a dash.

use super::gather::{Estimate, Gathered};
use super::hook::plain;
use super::search;
use super::types::Sweep;
use crate::expect::known;
use crate::report::grid;
use crate::report::terminal::View;
use crate::report::terminal::table::{Cell, Table, Tone, toned};
use crate::report::terminal::text::{harmless, wrap};

/// What is shown, the most important first: figure, statistic, and a title that leaves room for others.
static SHOWN: &[(&str, &str, &str)] = &[
    (known::ECN_MARKING_RATE.name, "", "ECN"),
    (known::ECN_ONSET_DEPTH.name, "", "onset"),
    (known::ECN_KMIN.name, "", "Kmin"),
    (known::ECN_CBS.name, "", "CBS"),
    (known::ECN_KMAX.name, "", "Kmax"),
    (known::ECN_PROBE_KMIN.name, "", "probe Kmin"),
    (known::PFC_XOFF.name, "", "XOFF"),
    (known::PFC_XON.name, "", "XON"),
    (known::PFC_PAUSE_TIME.name, "", "paused"),
    (known::HOL_BLOCKING_DELAY.name, "p99", "HOL p99"),
    (known::DISRUPTION_TIME.name, "", "disruption"),
    (known::CONVERGENCE_TIME.name, "", "convergence"),
    (known::KV_XFER_LATENCY.name, "p99", "KV p99"),
    (known::EP_ALLTOALL_LATENCY.name, "p99", "EP p99"),
    (known::FABRIC_GOODPUT.name, "", "goodput"),
    ("lost", "", "lost"),
    (known::PFC_FRAME_COUNT.name, "", "PFC frames"),
    (known::ECN_PMAX.name, "", "Pmax"),
    (known::JFI.name, "", known::JFI.name),
    (known::KV_XFER_LATENCY.name, "p50", "KV p50"),
    (known::FABRIC_FCT.name, "p99", "FCT p99"),
    (known::PACKET_LATENCY.name, "p99", "frame p99"),
];

/// Figures of which a column of zeros says nothing.
static SILENT: &[&str] = &[
    known::LOST.name,
    known::PFC_FRAME_COUNT.name,
    known::PFC_PAUSE_TIME.name,
    known::HOL_BLOCKING_DELAY.name,
];

/// Unmet expectations that are listed.
const MAX_UNMET: usize = 20;

/// The whole summary, ending in a newline; `listed`: with a line for each expectation that was not met.
#[must_use]
pub fn summary(sweep: &Sweep, gathered: &Gathered, complete: bool, listed: bool, view: View) -> String {
    let mut out = String::new();
    out += &toned(&harmless(&sweep.name), Tone::Strong, view);
    out += &format!(
        ": {}, {} trials each, seed {}\n",
        points(sweep, gathered),
        sweep.trials,
        sweep.seed
    );
    let of_pattern = gathered.about.as_ref().and_then(|about| about.question.as_deref());
    let question = sweep.description.as_deref().or(of_pattern);
    if let Some(question) = question.and_then(|text| text.split("\n\n").next()) {
        out += &format!("{}\n", wrap("", &harmless(question), view));
    }
    if !complete {
        out += &toned(&format!("not complete: {}", done(sweep, gathered)), Tone::Bad, view);
        out.push('\n');
    }
    searched(&mut out, sweep, gathered, view);
    let columns = columns(sweep, gathered);
    if columns.is_empty() {
        return out;
    }
    // Entries are named where there is more than one.
    let mut places: Vec<&str> = columns
        .iter()
        .filter_map(|(column, _)| gathered.columns.get(*column)?.place.strip_prefix("traffic/"))
        .collect();
    places.sort_unstable();
    places.dedup();
    let title = |column: usize, title: &str| {
        let place = &gathered.columns.get(column)?.place;
        let single = |folder: &str| {
            let same = |(_, other): &&(usize, String)| *other == *title;
            place
                .strip_prefix(folder)
                .filter(|_| columns.iter().filter(same).count() > 1)
        };
        let entry = place.strip_prefix("traffic/").filter(|_| places.len() > 1);
        let place = entry.or_else(|| single("queues/")).or_else(|| single("ports/"));
        Some(format!(
            ">{}{title}",
            place.map_or(String::new(), |place| format!("{place} "))
        ))
    };
    let mut head: Vec<(String, u8)> = sweep
        .axes
        .iter()
        .map(|axis| (format!(">{}", axis.short()), 0))
        .chain([(">trials".to_owned(), 1)])
        .collect();
    head.extend(columns.iter().enumerate().map(|(rank, (column, short))| {
        let rank = u8::try_from(rank).unwrap_or(u8::MAX);
        let title = title(*column, short).unwrap_or_else(|| format!(">{short}"));
        (title, rank.saturating_add(2))
    }));
    let mut table = Table::new(&head);
    for (number, point) in gathered.points(sweep) {
        let values = point.values.iter();
        let mut row: Vec<Cell> = values
            .map(|value| value.as_ref().map_or(String::new(), |value| plain(&value.value)).into())
            .collect();
        row.push(gathered.trials_of(number).to_string().into());
        row.extend(columns.iter().map(|(column, _)| {
            let unit = gathered.columns.get(*column).map_or("1", |column| column.unit.as_str());
            estimate(gathered.estimate(number, *column), unit, view).into()
        }));
        table.row(row);
    }
    out.push('\n');
    out += &table.render(view);
    if sweep.trials > 1 {
        out += "\nMeans over the trials, with their 95 % interval: that over trials, widened by what each reading may be off.\n";
    }
    left_out(&mut out, gathered, view);
    unmet(&mut out, sweep, gathered, listed, view);
    out
}

/// How many points there are; of a search, how many it came to.
#[must_use]
pub fn points(sweep: &Sweep, gathered: &Gathered) -> String {
    let all = sweep.points.len();
    match sweep.search {
        Some(_) => format!("{} of {all} points", gathered.points(sweep).count()),
        None => format!("{all} points"),
    }
}

/// How far a sweep has come that is not complete.
#[must_use]
pub fn done(sweep: &Sweep, gathered: &Gathered) -> String {
    let (finished, all) = (gathered.rows.len(), sweep.most_points() * sweep.trials as usize);
    let most = if sweep.search.is_some() { "at most " } else { "" };
    format!("{finished} of {most}{all} trials are done")
}

/// What a search has found: a line for each goal and each point of what is varied besides.
fn searched(out: &mut String, sweep: &Sweep, gathered: &Gathered, view: View) {
    let Some(search) = &sweep.search else { return };
    *out += &format!("\n{}\n", toned(&search::title(sweep, search), Tone::Strong, view));
    for found in search::found(sweep, gathered) {
        *out += &format!("{}\n", wrap("  ", &harmless(&found.sentence(sweep, search)), view));
    }
}

/// What the device's hook did not trust, or does not tell.
fn left_out(out: &mut String, gathered: &Gathered, view: View) {
    for ((what, why), counted) in &gathered.left_out {
        let times = if counted.count == 1 {
            "once".to_owned()
        } else {
            format!("{} times", counted.count)
        };
        let text = format!(
            "The device's {what} was left out {times}, first at {}: {why}",
            counted.first
        );
        *out += &format!("\n{}\n", wrap("", &harmless(&text), view));
    }
}

/// The columns that are shown, the most important first, each with its title: what the pattern asks about, then what
/// says most of any sweep.
#[must_use]
pub fn columns(sweep: &Sweep, gathered: &Gathered) -> Vec<(usize, String)> {
    // A column of zeros says something only where there is no other of its figure.
    let zero = |column: &usize| {
        let mut estimates = (0..sweep.points.len()).filter_map(|point| gathered.estimate(point, *column));
        estimates.all(|estimate| estimate.max == 0.0 && estimate.min == 0.0)
    };
    let measured = |column: &usize| (0..sweep.points.len()).any(|point| gathered.estimate(point, *column).is_some());
    let told_of = |found: Vec<usize>, silent: bool| -> Vec<usize> {
        let told: Vec<usize> = found
            .iter()
            .copied()
            .filter(|column| measured(column) && !zero(column))
            .collect();
        match found.into_iter().find(measured) {
            Some(first) if told.is_empty() && !silent => vec![first],
            _ => told,
        }
    };
    let mut shown: Vec<(usize, String)> = Vec::new();
    let asked = gathered.asked();
    let mut begin = 0;
    while let Some(first) = asked.get(begin).and_then(|column| gathered.columns.get(*column)) {
        let same = |column: &&usize| {
            gathered
                .columns
                .get(**column)
                .is_some_and(|other| other.title() == first.title())
        };
        let places: Vec<usize> = asked.iter().skip(begin).take_while(same).copied().collect();
        begin += places.len().max(1);
        let title = title_of(&first.name, first.statistic);
        shown.extend(told_of(places, false).into_iter().map(|column| (column, title.clone())));
    }
    for (name, statistic, title) in SHOWN {
        let silent = SILENT.contains(name);
        for column in told_of(gathered.columns_of(None, name, statistic).collect(), silent) {
            if !shown.iter().any(|(known, _)| *known == column) {
                shown.push((column, (*title).to_owned()));
            }
        }
    }
    shown
}

/// A figure's name that leaves room for others, where there is one.
fn title_of(name: &str, statistic: &str) -> String {
    let known = SHOWN.iter().find(|(known, of, _)| *known == name && *of == statistic);
    known.map_or_else(
        || format!("{name} {statistic}").trim_end().to_owned(),
        |(_, _, title)| (*title).to_owned(),
    )
}

/// A mean and its interval.
fn estimate(found: Option<Estimate>, unit: &str, view: View) -> String {
    let Some(found) = found else {
        return if view.unicode { "–" } else { "-" }.to_owned();
    };
    let ci95 = found.ci95.filter(|of| of.high > of.low);
    grid::estimate(found.mean, ci95, unit, view.unicode)
}

fn unmet(out: &mut String, sweep: &Sweep, gathered: &Gathered, listed: bool, view: View) {
    if gathered.judged == 0 {
        return;
    }
    if gathered.unmet == 0 {
        let text = format!("\nAll {} expectations are met.\n", gathered.judged);
        *out += &toned(&text, Tone::Good, view);
        return;
    }
    *out += &format!("\n{}\n", unmet_head(gathered));
    if !listed {
        return;
    }
    for line in unmet_lines(sweep, gathered) {
        *out += &format!("  {}\n", harmless(&line));
    }
}

/// How many expectations were not met.
#[must_use]
pub fn unmet_head(gathered: &Gathered) -> String {
    format!("{} of {} expectations not met", gathered.unmet, gathered.judged)
}

/// The first expectations that were not met, a line each, and how many more there are.
#[must_use]
pub fn unmet_lines(sweep: &Sweep, gathered: &Gathered) -> Vec<String> {
    let listed = gathered.listed.iter().take(MAX_UNMET);
    let mut lines: Vec<String> = listed
        .map(|(number, trial, expected)| format!("point {number} ({}), trial {trial}: {expected}", sweep.said(*number)))
        .collect();
    if gathered.unmet > lines.len() {
        lines.push(format!("and {} more", gathered.unmet - lines.len()));
    }
    lines
}
