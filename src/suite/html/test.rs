//! The section of one test.
//!
//! Contract: what the draft's section 14 asks of each test (identifier, configuration tested, trials, every
//! KPI with its interval, anomalies). What is not met and the first chart stand open, the rest is folded.

use maud::{Markup, html};

use super::{anchor, shown as own};
use crate::report::grid::{Grid, Head};
use crate::report::page::anomalies::{self, Seen};
use crate::report::page::{chart, folded, folded_on_screen, grid, shown};
use crate::suite::grids;
use crate::suite::model::{Cell, Kpi, Remark, State, Table, Test};

/// All of a test.
pub(super) fn section(test: &Test) -> Markup {
    let id = anchor(test);
    let mut charts = test.charts.iter();
    let first = charts.next();
    html! {
        section.test aria-labelledby=(id) {
            h2 #(id) { span.number { "Test " (test.id) } " " (test.title) }
            p.states {
                (own::badge(test.state)) " " (shown::conforming(test.conforming))
                @if !test.unmet.is_empty() { " " span.badge.bad { "! expectations not met" } }
            }
            @if test.state != State::Complete || test.why.is_some() {
                p {
                    @if test.state == State::NotRun { "Why it was not run: " } @else { "Why it ended early: " }
                    (shown::words(test.why.as_deref(), "not said"))
                }
            }
            @if !test.unmet.is_empty() {
                h3 { "Expectations that are not met" }
                (shown::sentences(&test.unmet))
            }
            @if let Some(named) = first { (chart::figure(&id, &named.name, &named.chart)) }
            (folded_on_screen("Objective, procedure and conditions", &html! {
                (facts(test))
                @if !test.nonconformities.is_empty() {
                    h3 { "Why it does not conform" }
                    (shown::sentences(&test.nonconformities))
                }
                @if !test.remarks.is_empty() {
                    h3 { "Where the draft contradicts itself" }
                    (remarks(&test.remarks))
                }
            }))
            @if test.charts.len() > 1 {
                (folded(&format!("{} more charts", test.charts.len() - 1), &html! {
                    @for named in charts { (chart::figure(&id, &named.name, &named.chart)) }
                }))
            }
            @if !test.tables.is_empty() {
                (folded("Tables as the draft asks for them", &html! { @for table in &test.tables { (form(table)) } }))
            }
            (kpis(test))
            h3 { "Anomalies" }
            (anomalies(test))
        }
    }
}

fn facts(test: &Test) -> Markup {
    let of_points = || test.points.iter().map(|point| point.trials);
    let done = match (of_points().min(), of_points().max()) {
        (Some(least), Some(most)) if least == most => format!("{least}"),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => "0".to_owned(),
    };
    html! {
        dl.facts {
            div { dt { "Objective" } dd { (shown::words(test.objective.as_str(), "not said")) } }
            div { dt { "Procedure" } dd { (shown::words(test.procedure.as_str(), "not said")) } }
            div { dt { "Under test" } dd { (shown::words(test.dut.as_str(), "not said")) } }
            div {
                dt { "Varied" }
                dd {
                    @if test.axes.is_empty() { "nothing" }
                    @for (index, axis) in test.axes.iter().enumerate() {
                        @if index > 0 { ", " }
                        (axis.name)
                        @if !axis.keys.is_empty() { " (" code { (axis.keys.join(", ")) } ")" }
                    }
                }
            }
            div { dt { "Configurations" } dd { (test.points.len()) } }
            div {
                dt { "Trials" }
                dd { (done) " of " (test.trials) " of each configuration" }
            }
            div { dt { "Clock" } dd { (shown::words(test.clock.as_deref(), shown::NOT_MEASURED)) } }
        }
    }
}

/// A table in the draft's form.
fn form(table: &Table) -> Markup {
    // A column of words stands to the left, one of figures to the right.
    let is_words = |column: usize| {
        let cells = || table.rows.iter().filter_map(|row| row.get(column));
        cells().any(|cell| matches!(cell, Cell::Text(_)))
    };
    let inner = html! {
        thead {
            tr { @for (index, column) in table.columns.iter().enumerate() { th scope="col" .n[!is_words(index)] { (shown::words(column.name.as_str(), "no name")) } } }
        }
        tbody {
            @for row in &table.rows {
                tr { @for (index, column) in table.columns.iter().enumerate() { (own::cell(row.get(index), column)) } }
            }
        }
    };
    html! {
        h3 { (shown::words(table.title.as_str(), "Table")) }
        @if table.rows.is_empty() { p.none { (shown::NOT_MEASURED) } }
        @else { (shown::table(&table.title, table.columns.len(), &inner)) }
    }
}

/// All KPIs of all configurations, a table for each figure with its statistics.
fn kpis(test: &Test) -> Markup {
    if test.kpis.is_empty() {
        return html! { h3 { "KPIs" } p.none { (shown::NOT_MEASURED) } };
    }
    let grid = grids::of(test);
    let label = match test.points.len() {
        1 => "All KPIs".to_owned(),
        count => format!("All KPIs of all {count} configurations"),
    };
    folded(
        &label,
        &html! {
            @for columns in groups(&grid) {
                @if let Some(head) = columns.first().and_then(|column| grid.heads.get(*column)) { (group(test, &grid, head, &columns)) }
            }
        },
    )
}

/// Columns that are statistics of one figure, in the order of their first appearance.
fn groups(grid: &Grid) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let same =
        |one: &Head, other: &Head| (&one.name, &one.unit, &one.place) == (&other.name, &other.unit, &other.place);
    for (column, head) in grid.heads.iter().enumerate() {
        let known = groups.iter_mut().find(|group| {
            let first = group.first().and_then(|first| grid.heads.get(*first));
            first.is_some_and(|first| same(first, head))
        });
        match known {
            Some(group) => group.push(column),
            None => groups.push(vec![column]),
        }
    }
    groups
}

/// One figure: what it is, and its statistics over the configurations.
fn group(test: &Test, grid: &Grid, head: &Head, columns: &[usize]) -> Markup {
    let of = |kpi: &&Kpi| (&kpi.name, &kpi.unit, &kpi.place) == (&head.name, &head.unit, &head.place);
    let kpi = test.kpis.iter().find(of);
    html! {
        h3 { span.kpi { (shown::words(head.name.as_str(), "no name")) } " of " (shown::words(head.place.as_str(), "not said")) }
        p.under {
            (shown::words(kpi.map(|kpi| kpi.definition.as_str()), "no definition"))
            "; better: " (kpi.map_or("neither", |kpi| kpi.better.word()))
        }
        (grid::table(&head.name, grid, columns))
    }
}

fn remarks(remarks: &[Remark]) -> Markup {
    let inner = html! {
        thead {
            tr {
                th scope="col" { "About" } th scope="col" { "Inputs" }
                th scope="col" { "Formula, and what follows" } th scope="col" { "The draft prints" }
            }
        }
        tbody {
            @for remark in remarks {
                tr {
                    th scope="row" { (shown::words(remark.about.as_str(), "not said")) }
                    td.long { (shown::words(remark.inputs.as_str(), "not said")) }
                    td.long { (shown::words(remark.ours.as_str(), "not said")) }
                    td { (shown::words(remark.draft.as_str(), "not said")) }
                }
            }
        }
    };
    shown::table("Where the draft contradicts itself", 4, &inner)
}

fn anomalies(test: &Test) -> Markup {
    let grid = grids::of(test);
    let at = |point: Option<usize>| match point {
        None => "the whole test".to_owned(),
        Some(point) => {
            let said = grid.rows.get(point).map(|row| grid.at(row));
            said.filter(|said| !said.is_empty())
                .unwrap_or_else(|| "the only one".to_owned())
        }
    };
    let seen: Vec<Seen> = test
        .anomalies
        .iter()
        .map(|anomaly| Seen {
            kind: anomaly.kind.clone(),
            at: at(anomaly.point),
            count: Some(anomaly.count),
            text: anomaly.first.clone(),
            ..Seen::default()
        })
        .collect();
    let none = if test.state == State::NotRun {
        shown::NOT_MEASURED
    } else {
        "None was seen."
    };
    anomalies::list(&seen, none)
}
