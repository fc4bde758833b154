//! The section of one test.
//!
//! Contract: what the draft's section 14 asks of each test (identifier, configuration tested, trials, every
//! KPI with its interval, anomalies), with its charts and tables before the long lists.

use maud::{Markup, html};

use super::{anchor, chart, head, overview, shown};
use crate::suite::model::{Kpi, Remark, State, Table, Test};

/// All of a test.
pub(super) fn section(test: &Test) -> Markup {
    let id = anchor(test);
    html! {
        section.test aria-labelledby=(id) {
            h2 #(id) { span.number { "Test " (test.id) } " " (test.title) }
            p.states {
                (shown::badge(test.state)) " " (shown::conforming(test.conforming))
                @if !test.unmet.is_empty() { " " span.badge.bad { "! expectations not met" } }
            }
            (facts(test))
            @if !test.unmet.is_empty() {
                h3 { "Expectations that are not met" }
                (shown::sentences(&test.unmet))
            }
            @if !test.nonconformities.is_empty() {
                h3 { "Why it does not conform" }
                (shown::sentences(&test.nonconformities))
            }
            @if !test.charts.is_empty() {
                h3 { "Charts" }
                @for named in &test.charts { (chart::figure(&id, named)) }
            }
            @for table in &test.tables { (form(table)) }
            (kpis(test))
            @if !test.remarks.is_empty() {
                h3 { "Where the draft contradicts itself" }
                (remarks(&test.remarks))
            }
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
            @if test.state != State::Complete || test.why.is_some() {
                div {
                    dt { @if test.state == State::NotRun { "Why it was not run" } @else { "Why it ended early" } }
                    dd { (shown::words(test.why.as_deref(), "not said")) }
                }
            }
        }
    }
}

/// A table in the draft's form.
fn form(table: &Table) -> Markup {
    // A column of words stands to the left, one of figures to the right.
    let is_words = |column: usize| {
        let cells = || table.rows.iter().filter_map(|row| row.get(column));
        cells().any(|cell| matches!(cell, crate::suite::model::Cell::Text(_)))
    };
    let inner = html! {
        thead {
            tr { @for (index, column) in table.columns.iter().enumerate() { (shown::column(column, !is_words(index))) } }
        }
        tbody {
            @for row in &table.rows {
                tr { @for index in 0..table.columns.len() { (shown::cell(row.get(index))) } }
            }
        }
    };
    html! {
        h3 { (shown::words(table.title.as_str(), "Table")) }
        @if table.rows.is_empty() { p.none { (shown::NOT_MEASURED) } }
        @else { (shown::table(&table.title, table.columns.len(), &inner)) }
    }
}

/// The most telling KPIs, and all of them.
fn kpis(test: &Test) -> Markup {
    if test.kpis.is_empty() {
        return html! { h3 { "KPIs" } p.none { (shown::NOT_MEASURED) } };
    }
    let telling: Vec<(&Kpi, Option<&str>)> = head::of(test).iter().map(|row| (row.kpi, row.rank)).collect();
    html! {
        h3 { "KPIs" }
        @if test.points.len() <= 1 {
            (flat(test, &test.kpis.iter().map(|kpi| (kpi, None)).collect::<Vec<_>>(), "KPIs"))
        } @else {
            @if !telling.is_empty() { (flat(test, &telling, "KPIs that say most")) }
            details {
                summary { "All KPIs of all " (test.points.len()) " configurations" }
                @for group in groups(&test.kpis) { (pivot(test, &group)) }
            }
        }
    }
}

/// A row a KPI; where there are several configurations, what a KPI means stands with all of its values.
fn flat(test: &Test, rows: &[(&Kpi, Option<&str>)], label: &str) -> Markup {
    let varied = test.points.len() > 1;
    let inner = html! {
        thead {
            tr {
                th scope="col" { "KPI" }
                @if varied { th scope="col" { "Configuration" } }
                @if !varied { th scope="col" { "Of" } }
                th.n scope="col" { "Mean ± 95 % CI" } th scope="col" { "Unit" }
                th.n scope="col" { "Least trial" } th.n scope="col" { "Greatest" } th.n scope="col" { "Trials" }
                @if !varied { th scope="col" { "Better" } th scope="col" { "Definition" } }
            }
        }
        tbody {
            @for (kpi, rank) in rows {
                tr {
                    th scope="row" { (overview::name(&kpi.name, &kpi.statistic)) }
                    @if varied {
                        td.where { @if let Some(rank) = rank { (rank) ": " } (head::configuration(test, kpi.point)) }
                    }
                    @if !varied { td { (shown::words(kpi.place.as_str(), "not said")) } }
                    td.n { (shown::mean(kpi.mean, kpi.ci95)) }
                    td { (shown::own_unit(&kpi.unit)) }
                    td.n { (shown::maybe(kpi.min)) } td.n { (shown::maybe(kpi.max)) } td.n { (kpi.trials) }
                    @if !varied {
                        td { (kpi.better.word()) }
                        td.long { (shown::words(kpi.definition.as_str(), "not said")) }
                    }
                }
            }
        }
    };
    shown::table(label, 9, &inner)
}

/// KPIs that are statistics of one figure, in the order of their first appearance.
fn groups(kpis: &[Kpi]) -> Vec<Vec<&Kpi>> {
    let key = |kpi: &Kpi| (kpi.name.clone(), kpi.unit.clone(), kpi.place.clone());
    let mut places = std::collections::HashMap::new();
    let mut groups: Vec<Vec<&Kpi>> = Vec::new();
    for kpi in kpis {
        let at = *places.entry(key(kpi)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.push(kpi);
        }
    }
    groups
}

/// A row a configuration, a column a statistic.
fn pivot(test: &Test, group: &[&Kpi]) -> Markup {
    let mut statistics: Vec<&str> = Vec::new();
    for kpi in group {
        if !statistics.contains(&kpi.statistic.as_str()) {
            statistics.push(&kpi.statistic);
        }
    }
    let Some(first) = group.first() else { return html! {} };
    let mut points: Vec<usize> = group.iter().map(|kpi| kpi.point).collect();
    points.sort_unstable();
    points.dedup();
    let of = |point: usize, statistic: &str| {
        let mut found = group.iter().filter(|kpi| kpi.point == point);
        found.find(|kpi| kpi.statistic == statistic).copied()
    };
    let trials = |point: usize| {
        group
            .iter()
            .filter(|kpi| kpi.point == point)
            .map(|kpi| kpi.trials)
            .max()
            .unwrap_or(0)
    };
    let inner = html! {
        thead {
            tr {
                @if test.axes.is_empty() { th scope="col" { "Configuration" } }
                @for axis in &test.axes { th scope="col" { (shown::words(axis.name.as_str(), "no name")) } }
                @for statistic in &statistics { th.n scope="col" { (shown::words(*statistic, "value")) (shown::unit(&first.unit)) } }
                th.n scope="col" { "trials" }
            }
        }
        tbody {
            @for point in points {
                tr {
                    (configuration(test, point))
                    @for statistic in &statistics {
                        @let found = of(point, statistic);
                        td.n { (shown::mean(found.and_then(|kpi| kpi.mean), found.and_then(|kpi| kpi.ci95))) }
                    }
                    td.n { (trials(point)) }
                }
            }
        }
    };
    html! {
        h4 { span.kpi { (first.name) } " of " (first.place) }
        p.under { (shown::words(first.definition.as_str(), "no definition")) "; better: " (first.better.word()) }
        (shown::table(&first.name, test.axes.len() + statistics.len() + 1, &inner))
    }
}

/// A cell for each axis.
fn configuration(test: &Test, point: usize) -> Markup {
    let values = test.points.get(point).map_or(&[][..], |point| &point.values);
    html! {
        @if test.axes.is_empty() { th scope="row" { (head::configuration(test, point)) } }
        @for index in 0..test.axes.len() {
            @let value = values.get(index).and_then(Option::as_deref);
            @if index == 0 { th.n scope="row" { (shown::words(value, "as it is")) } }
            @else { td.n { (shown::words(value, "as it is")) } }
        }
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
    if test.anomalies.is_empty() {
        let text = if test.state == State::NotRun {
            shown::NOT_MEASURED
        } else {
            "None was seen."
        };
        return html! { p { (text) } };
    }
    let inner = html! {
        thead { tr { th scope="col" { "Kind" } th scope="col" { "Configuration" } th.n scope="col" { "How often" } th scope="col" { "The first of them" } } }
        tbody {
            @for anomaly in &test.anomalies {
                tr {
                    th scope="row" { (shown::words(anomaly.kind.as_str(), "no name")) }
                    td { @match anomaly.point {
                        Some(point) => (head::configuration(test, point)),
                        None => "the whole test",
                    } }
                    td.n { (crate::report::terminal::text::grouped(anomaly.count)) }
                    td { (shown::words(anomaly.first.as_str(), "not said")) }
                }
            }
        }
    };
    shown::table("Anomalies", 4, &inner)
}
