//! The summary of a sweep for people: a row a point, the figures that matter with their confidence.
//!
//! Contract: as in `report::terminal`: nothing that is not in the files, and what was not measured is a dash.

use super::gather::{Estimate, Gathered};
use super::hook::plain;
use super::point;
use super::types::Sweep;
use crate::report::terminal::View;
use crate::report::terminal::table::{Cell, Table, Tone, toned};
use crate::report::terminal::text::{figure, harmless, interval};

/// What is shown, the most important first: figure, statistic, and a title that leaves room for others.
const SHOWN: &[(&str, &str, &str)] = &[
    ("ECN_marking_rate", "", "ECN [%]"),
    ("ECN_onset_depth", "", "onset [bytes]"),
    ("ECN_Kmin", "", "Kmin [bytes]"),
    ("ECN_CBS", "", "CBS [bytes]"),
    ("ECN_Kmax", "", "Kmax [bytes]"),
    ("ECN_probe_Kmin", "", "probe Kmin [bytes]"),
    ("PFC_XOFF", "", "XOFF [bytes]"),
    ("PFC_XON", "", "XON [bytes]"),
    ("PFC_pause_time", "", "paused [us]"),
    ("HOL_blocking_delay", "p99", "HOL p99 [us]"),
    ("Disruption_time", "", "disruption [us]"),
    ("Convergence_time", "", "convergence [us]"),
    ("KV_xfer_latency", "p99", "KV p99 [us]"),
    ("EP_alltoall_latency", "p99", "EP p99 [us]"),
    ("Fabric_Goodput", "", "goodput [GB/s]"),
    ("lost", "", "lost"),
    ("PFC_frame_count", "", "PFC frames"),
    ("ECN_Pmax", "", "Pmax [%]"),
    ("JFI", "", "JFI"),
    ("KV_xfer_latency", "p50", "KV p50 [us]"),
    ("Fabric_FCT", "p99", "FCT p99 [us]"),
    ("packet_latency", "p99", "frame p99 [us]"),
];

/// Unmet expectations that are listed.
const MAX_UNMET: usize = 20;

/// The whole summary, ending in a newline; `listed`: with a line for each expectation that was not met.
#[must_use]
pub fn summary(sweep: &Sweep, gathered: &Gathered, complete: bool, listed: bool, view: View) -> String {
    let mut out = String::new();
    let (points, done) = (sweep.points.len(), gathered.rows.len());
    let all = points * sweep.trials as usize;
    out += &toned(&harmless(&sweep.name), Tone::Strong, view);
    out += &format!(": {points} points, {} trials each, seed {}\n", sweep.trials, sweep.seed);
    if !complete {
        out += &toned(
            &format!("not complete: {done} of {all} trials are done"),
            Tone::Bad,
            view,
        );
        out.push('\n');
    }
    // A column of zeros says something only where there is no other of its figure.
    let zero = |column: &usize| {
        let mut estimates = (0..points).filter_map(|point| gathered.estimate(point, *column));
        estimates.all(|estimate| estimate.max == 0.0 && estimate.min == 0.0)
    };
    let columns: Vec<(usize, &str)> = SHOWN
        .iter()
        .flat_map(|(name, statistic, title)| {
            let found: Vec<usize> = gathered.columns_of(None, name, statistic).collect();
            let told: Vec<usize> = found.iter().copied().filter(|column| !zero(column)).collect();
            let silent = matches!(
                *name,
                "lost" | "PFC_frame_count" | "PFC_pause_time" | "HOL_blocking_delay"
            );
            let kept = match found.first() {
                Some(first) if told.is_empty() && !silent => vec![*first],
                _ => told,
            };
            kept.into_iter().map(move |column| (column, *title))
        })
        .collect();
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
        let place = gathered.columns.get(column)?.place.strip_prefix("traffic/");
        let place = place.filter(|_| places.len() > 1);
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
    for (number, point) in sweep.points.iter().enumerate() {
        let values = point.values.iter();
        let mut row: Vec<Cell> = values
            .map(|value| value.as_ref().map_or(String::new(), |value| plain(&value.value)).into())
            .collect();
        row.push(gathered.trials_of(number).to_string().into());
        row.extend(
            columns
                .iter()
                .map(|(column, _)| estimate(gathered.estimate(number, *column), view).into()),
        );
        table.row(row);
    }
    out.push('\n');
    out += &table.render(view);
    if sweep.trials > 1 {
        out += "\nMeans over the trials, with their 95 % interval: that over trials, widened by what each reading may be off.\n";
    }
    unmet(&mut out, sweep, gathered, listed, view);
    out
}

/// A mean and its interval.
fn estimate(found: Option<Estimate>, view: View) -> String {
    let Some(found) = found else {
        return if view.unicode { "–" } else { "-" }.to_owned();
    };
    match found.ci95 {
        Some(of) if of.high > of.low => {
            format!("{} {}", figure(found.mean), interval(found.mean, of, view.unicode))
        }
        _ => figure(found.mean),
    }
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
        .map(|(number, trial, expected)| {
            let values = sweep.points.get(*number);
            let values = values.map_or(String::new(), |values| point::said(&sweep.axes, values));
            format!("point {number} ({values}), trial {trial}: {expected}")
        })
        .collect();
    if gathered.unmet > lines.len() {
        lines.push(format!("and {} more", gathered.unmet - lines.len()));
    }
    lines
}
