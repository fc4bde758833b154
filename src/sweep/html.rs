//! A sweep as one page for people.
//!
//! Contract: as of every page ([`crate::report::page`]): nothing that is not in the sweep's files. The figures that
//! the pattern asks about stand first, for each configuration; the rest is folded.
//!
//! Left out on purpose: single trials, which `trials.csv` has.

use maud::{Markup, html};

use super::gather::Gathered;
use super::hook::plain;
use super::types::Sweep;
use super::{plots, point, search, shown as said, tables};
use crate::report::grid::{Cell, Grid, Head, Row};
use crate::report::page::anomalies::{self, Seen};
use crate::report::page::card::{self, Card};
use crate::report::page::{self, chart, folded, folded_on_screen, grid, section, shown};

/// Figures of the scorecard, and configurations of each.
const FIGURES: usize = 6;
const LINES: usize = 4;

/// Limits of a search that have a line in the scorecard.
const LIMITS: usize = 8;

/// Cells of the table of all figures; beyond it, the files have them.
const MOST_CELLS: usize = 6000;

/// The whole page. `complete`: whether every trial is finished.
#[must_use]
pub fn render(sweep: &Sweep, gathered: &Gathered, complete: bool) -> String {
    let about = gathered.about.as_ref();
    let asked = said::columns(sweep, gathered);
    let asked: Vec<usize> = asked.into_iter().map(|(column, _)| column).collect();
    let main = html! {
        (limits(sweep, gathered))
        (scorecard(sweep, gathered, &asked))
        (configurations(sweep, gathered, &asked))
        (charts(sweep, gathered))
        (section("anomalies", "Anomalies", &seen(sweep, gathered)))
        (everything(sweep, gathered))
        (conditions(sweep, gathered))
    };
    let version = about.map_or(env!("CARGO_PKG_VERSION"), |about| about.squall_version.as_str());
    page::sheet(
        &format!("Sweep: {}", sweep.name),
        version,
        &opening(sweep, gathered, complete),
        &main,
    )
}

fn opening(sweep: &Sweep, gathered: &Gathered, complete: bool) -> Markup {
    let about = gathered.about.as_ref();
    let question = sweep
        .description
        .as_deref()
        .or(about.and_then(|about| about.question.as_deref()));
    html! {
        h1 { (sweep.name) }
        @if let Some(question) = question { p.question { (question) } }
        p.verdict {
            @if complete { span.badge.good { span aria-hidden="true" { "✓ " } "complete" } }
            @else { span.badge.half { span aria-hidden="true" { "◐ " } "not complete: " (said::done(sweep, gathered)) } }
            " " (said::points(sweep, gathered)) ", " (sweep.trials) " trials each, seed " (sweep.seed)
            @if let Some(about) = about { ", " (about.clock) " clock, " (about.dut) }
            "."
            @if gathered.judged > 0 {
                " "
                @if gathered.unmet == 0 { span.badge.good { span aria-hidden="true" { "✓ " } "all " (gathered.judged) " expectations met" } }
                @else { span.badge.bad { "! " (said::unmet_head(gathered)) } }
            }
        }
        @if gathered.unmet > 0 { (folded_on_screen("Expectations that are not met", &shown::sentences(&said::unmet_lines(sweep, gathered)))) }
    }
}

/// A column as a grid's head.
fn head(gathered: &Gathered, column: usize) -> Option<Head> {
    let column = gathered.columns.get(column)?;
    Some(Head {
        name: column.name.clone(),
        statistic: column.statistic.to_owned(),
        place: column.place.clone(),
        unit: column.unit.clone(),
    })
}

/// Some columns over the points.
#[must_use]
pub fn grid_of(sweep: &Sweep, gathered: &Gathered, columns: &[usize]) -> Grid {
    let axes: Vec<_> = sweep
        .axes
        .iter()
        .enumerate()
        .filter(|(_, axis)| !axis.is_hidden())
        .collect();
    let row = |(number, point): (usize, &super::Point)| Row {
        values: axes
            .iter()
            .map(|(index, _)| Some(plain(&point.values.get(*index)?.as_ref()?.value)))
            .collect(),
        trials: gathered.trials_of(number),
        cells: columns
            .iter()
            .map(|column| {
                let found = gathered.estimate(number, *column)?;
                Some(Cell {
                    mean: found.mean,
                    ci95: found.ci95,
                    against: gathered.against(number, gathered.columns.get(*column)?),
                })
            })
            .collect(),
    };
    Grid {
        axes: axes.iter().map(|(_, axis)| point::shown(&sweep.axes, axis)).collect(),
        heads: columns.iter().filter_map(|column| head(gathered, *column)).collect(),
        rows: gathered.points(sweep).map(row).collect(),
    }
}

fn kinds(gathered: &Gathered) -> Vec<(String, u64)> {
    let mut kinds: Vec<(String, u64)> = Vec::new();
    for ((_, kind), counted) in &gathered.anomalies {
        match kinds.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count = count.saturating_add(counted.count),
            None => kinds.push((kind.clone(), counted.count)),
        }
    }
    kinds
}

/// What a search has found: a row for each goal.
fn limits(sweep: &Sweep, gathered: &Gathered) -> Markup {
    let (Some(search), Some(grid)) = (&sweep.search, search::grid(sweep, gathered)) else {
        return html! {};
    };
    let charts: Vec<_> = (0..grid.heads.len()).map(|column| grid.chart(column)).collect();
    let found = search::found(sweep, gathered);
    let cards = search
        .goals
        .iter()
        .zip(&charts)
        .enumerate()
        .map(|(column, (goal, chart))| Card {
            number: String::new(),
            title: format!("{}: {}", search::title(sweep, search), goal.name),
            href: None,
            badges: html! {},
            lines: grid.lines_of(column, LIMITS),
            none: found
                .iter()
                .find(|found| found.goal.name == goal.name)
                .map_or(String::new(), |found| found.said(sweep, search)),
            chart: chart.as_ref(),
            anomalies: None,
        });
    let cards: Vec<Card<'_>> = cards.collect();
    let told: Vec<String> = found.iter().map(|found| found.sentence(sweep, search)).collect();
    let body = html! {
        (card::scorecard("Limit", &cards))
        (folded("Every limit in words", &shown::sentences(&told)))
    };
    section("limits", "Limits", &body)
}

/// A row for each figure that the pattern asks about.
fn scorecard(sweep: &Sweep, gathered: &Gathered, asked: &[usize]) -> Markup {
    let grid = grid_of(sweep, gathered, asked);
    let columns: Vec<usize> = (0..grid.heads.len()).take(FIGURES).collect();
    let charts: Vec<_> = columns.iter().map(|column| grid.chart(*column)).collect();
    let cards: Vec<Card<'_>> = columns
        .iter()
        .zip(&charts)
        .filter_map(|(column, chart)| {
            let head = grid.heads.get(*column)?;
            Some(Card {
                number: String::new(),
                title: format!("{} of {}", head.title(), head.place),
                href: Some("#configurations".to_owned()),
                badges: html! {},
                lines: grid.lines_of(*column, LINES),
                none: String::new(),
                chart: chart.as_ref(),
                anomalies: Some(kinds(gathered)),
            })
        })
        .collect();
    let body = html! {
        @if cards.is_empty() { p.none { (shown::NOT_MEASURED) } }
        @else { (card::scorecard("Figure", &cards)) }
    };
    section("answers", "Answers", &body)
}

fn configurations(sweep: &Sweep, gathered: &Gathered, asked: &[usize]) -> Markup {
    let columns: Vec<usize> = (0..asked.len()).collect();
    let body = grid::table("Configurations", &grid_of(sweep, gathered, asked), &columns);
    section("configurations", "Configurations", &body)
}

fn charts(sweep: &Sweep, gathered: &Gathered) -> Markup {
    let all = plots::charts(sweep, gathered);
    let mut each = all.iter();
    let first = each.next();
    let body = html! {
        @match first {
            None => p.none { "nothing to draw" },
            Some((name, drawn)) => (chart::figure("chart", name, drawn)),
        }
        @if all.len() > 1 {
            (folded(&format!("{} more charts", all.len() - 1), &html! {
                @for (name, drawn) in each { (chart::figure("chart", name, drawn)) }
            }))
        }
    };
    section("charts", "Charts", &body)
}

fn seen(sweep: &Sweep, gathered: &Gathered) -> Markup {
    let seen: Vec<Seen> = gathered
        .anomalies
        .iter()
        .map(|((point, kind), counted)| Seen {
            kind: kind.clone(),
            at: sweep.said(*point),
            count: Some(counted.count),
            text: counted.first.clone(),
            ..Seen::default()
        })
        .collect();
    anomalies::list(
        &seen,
        if gathered.rows.is_empty() {
            shown::NOT_MEASURED
        } else {
            "None was seen."
        },
    )
}

/// Every figure of every configuration, as far as a page can hold them.
fn everything(sweep: &Sweep, gathered: &Gathered) -> Markup {
    let columns: Vec<usize> = (0..gathered.columns.len()).collect();
    let cells = columns.len() * sweep.points.len();
    let body = if cells > MOST_CELLS {
        html! { p { (columns.len()) " figures of " (sweep.points.len()) " configurations are in " code { "summary.csv" } "." } }
    } else {
        let all = grid_of(sweep, gathered, &columns);
        folded(
            &format!("{} figures", columns.len()),
            &html! {
                @for (column, head) in all.heads.iter().enumerate() {
                    h3 { (shown::name(&head.name, &head.statistic)) " of " (shown::words(head.place.as_str(), "not said")) }
                    (grid::table(&head.title(), &all, &[column]))
                }
            },
        )
    };
    section("figures", "All figures", &body)
}

/// What was run, and why it does not conform.
fn conditions(sweep: &Sweep, gathered: &Gathered) -> Markup {
    let about = gathered.about.as_ref();
    let body = html! {
        dl.facts {
            div { dt { "Pattern" } dd { (sweep.pattern) } }
            div { dt { "Testbed" } dd { (shown::words(sweep.testbed.as_deref(), crate::testbed::DEFAULT)) } }
            @if let Some(about) = about {
                div { dt { "Departures, arrivals" } dd { (about.timestamps.tx) ", " (about.timestamps.rx) } }
                @if !about.settings.is_empty() { div { dt { "Set in the first trial" } dd { (about.settings.join(", ")) } } }
                @for (name, value) in &about.details { div { dt { (name) } dd { (shown::words(value.as_str(), "not said")) } } }
            }
        }
        @let why = tables::nonconformities(sweep, gathered, tables::DRAFT_TRIALS);
        @if !why.is_empty() { (folded_on_screen("Why it does not conform to the draft", &shown::sentences(&why))) }
        p { "The same for programs: " code { (tables::FILES.join(", ")) } "; each trial's results are below " code { "trials/" } "." }
    };
    section("conditions", "Conditions", &body)
}
