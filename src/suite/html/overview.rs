//! What holds of all tests: the scorecard, system, workload, the summary, health, what is missing, the instrument.
//!
//! Contract: the answers first; then the draft's required elements (its Table 9), in its words.

use maud::{Markup, html};

use super::shown as own;
use crate::report::page::card::{self, Card};
use crate::report::page::items::{self, Thing};
use crate::report::page::{folded, folded_on_screen, grid, section, shown};
use crate::suite::grids;
use crate::suite::model::{FILE_NAME, Indicator, Item, Suite, Test};

/// A row a test: what it answers.
pub(super) fn scorecard(suite: &Suite) -> Markup {
    let charts: Vec<_> = suite.tests.iter().map(chart).collect();
    let cards: Vec<Card<'_>> = suite
        .tests
        .iter()
        .zip(&charts)
        .map(|(test, chart)| Card {
            number: test.id.clone(),
            title: test.title.clone(),
            href: Some(format!("#{}", super::anchor(test))),
            badges: badges(test),
            lines: grids::answer(test),
            none: test.why.clone().unwrap_or_default(),
            chart: chart.as_ref(),
            anomalies: (test.points.iter().any(|point| point.trials > 0)).then(|| {
                let mut kinds: Vec<(String, u64)> = Vec::new();
                for anomaly in &test.anomalies {
                    match kinds.iter_mut().find(|(kind, _)| *kind == anomaly.kind) {
                        Some((_, count)) => *count = count.saturating_add(anomaly.count),
                        None => kinds.push((anomaly.kind.clone(), anomaly.count)),
                    }
                }
                kinds
            }),
        })
        .collect();
    let body = html! {
        @if cards.is_empty() { p.none { (shown::NOT_MEASURED) } }
        @else { (card::scorecard("Test", &cards)) }
        p.under {
            "Means over the trials of a configuration with their 95 % confidence interval (Student's t), widened by what \
             the readings may be off; where a figure has several configurations, its first and its last. All of them: "
            a href="#summary" { "KPI Summary" } "."
        }
    };
    section("answers", "Answers", &body)
}

/// The file's first chart, else that of the first figure.
fn chart(test: &Test) -> Option<crate::plot::Chart> {
    let drawn = test.charts.first().map(|named| named.chart.clone());
    drawn.or_else(|| {
        let grid = grids::of(test);
        grid.chart(grid.measured().first().copied()?)
    })
}

fn badges(test: &Test) -> Markup {
    html! {
        " " (own::badge(test.state))
        @if !test.unmet.is_empty() { " " span.badge.bad { "! " (test.unmet_in_all()) " not met" } }
    }
}

fn thing(item: &Item) -> Thing<'_> {
    Thing {
        name: &item.name,
        value: item.value.as_deref(),
        source: item.source.as_deref(),
        key: item.key.as_deref(),
    }
}

fn things(items: &[Item]) -> Vec<Thing<'_>> {
    items.iter().map(thing).collect()
}

/// What was tested with what, and the keys for what nobody has said.
pub(super) fn system(suite: &Suite) -> Markup {
    let all: Vec<Thing<'_>> = (suite.system.iter().chain(&suite.workload))
        .chain(suite.health.iter().map(|indicator| &indicator.item))
        .map(thing)
        .collect();
    let body = html! {
        (items::unprovided(&all))
        (items::table("System Configuration", &things(&suite.system)))
    };
    section("system", "System Configuration", &body)
}

/// What stands for the inference workload.
pub(super) fn workload(suite: &Suite) -> Markup {
    section(
        "workload",
        "Workload Parameters",
        &items::table("Workload Parameters", &things(&suite.workload)),
    )
}

/// The most telling KPIs of each test, for each configuration.
pub(super) fn summary(suite: &Suite) -> Markup {
    let body = html! {
        p {
            "The KPIs that say most about each test, for each of its configurations; all of its KPIs are in the test's own \
             section."
        }
        @if suite.tests.is_empty() { p.none { (shown::NOT_MEASURED) } }
        @for test in &suite.tests {
            @let all = grids::of(test);
            @let columns: Vec<usize> = all.measured().into_iter().take(grids::TELLING).collect();
            @let label = format!("{} {}: {} configurations", test.id, test.title, test.points.len());
            (folded_on_screen(&label, &grid::table(&label, &all, &columns)))
        }
    };
    section("summary", "KPI Summary", &body)
}

/// The draft's Table 5: what was said, and behind a line all that is asked for.
pub(super) fn health(suite: &Suite) -> Markup {
    let is_said = |indicator: &&Indicator| {
        indicator
            .item
            .value
            .as_ref()
            .is_some_and(|value| !value.trim().is_empty())
    };
    let said: Vec<&Indicator> = suite.health.iter().filter(is_said).collect();
    let open: Vec<&Indicator> = suite.health.iter().filter(|one| !is_said(one)).collect();
    let body = html! {
        @if said.is_empty() { p.none { (shown::NOT_PROVIDED) } }
        @else { (indicators(&said)) }
        @if !open.is_empty() { (folded(&format!("{} indicators that nobody has provided", open.len()), &indicators(&open))) }
    };
    section("health", "Fabric Health Indicators", &body)
}

fn indicators(all: &[&Indicator]) -> Markup {
    let rows = html! {
        thead {
            tr {
                th scope="col" { "Indicator" } th scope="col" { "Threshold" } th scope="col" { "Value" }
                th scope="col" { "Said by" } th scope="col" { "Description" }
            }
        }
        tbody {
            @for indicator in all {
                tr {
                    th scope="row" { (shown::words(indicator.item.name.as_str(), "no name")) }
                    td { (shown::words(indicator.threshold.as_str(), "none")) }
                    td { (shown::words(indicator.item.value.as_deref(), shown::NOT_PROVIDED)) }
                    td.said { (items::source(&thing(&indicator.item))) }
                    td.long { (shown::words(indicator.description.as_str(), "none")) }
                }
            }
        }
    };
    shown::table("Fabric Health Indicators", 5, &rows)
}

/// The draft's other tests.
pub(super) fn absent(suite: &Suite) -> Markup {
    let rows = html! {
        thead { tr { th scope="col" { "Test" } th scope="col" { "Title" } th scope="col" { "Why it is not here" } } }
        tbody {
            @for absent in &suite.absent {
                tr {
                    th scope="row" { (shown::words(absent.id.as_str(), "no number")) }
                    td { (shown::words(absent.title.as_str(), "no title")) }
                    td.long { (shown::words(absent.reason.as_str(), "no reason given")) }
                }
            }
        }
    };
    let body = html! {
        @if suite.absent.is_empty() { p { "None: every test of the draft is in this report." } }
        @else { (folded(&format!("{} tests, and why", suite.absent.len()), &shown::table("Tests that are not here", 3, &rows))) }
    };
    section("absent", "Tests that are not here", &body)
}

/// What the figures rest on.
pub(super) fn instrument(suite: &Suite) -> Markup {
    let of = |text: &Option<String>| shown::words(text.as_deref(), shown::NOT_MEASURED);
    let rows = html! {
        thead {
            tr {
                th scope="col" { "Test" } th scope="col" { "Clock" } th scope="col" { "Departures" }
                th scope="col" { "Arrivals" } th scope="col" { "Pacing error" } th scope="col" { "Calibration" }
                th scope="col" { "Conformance" } th scope="col" { "Anomalies" }
            }
        }
        tbody {
            @for row in &suite.instrument.tests {
                @let test = suite.tests.iter().find(|test| test.id == row.id);
                tr {
                    th scope="row" { (shown::words(row.id.as_str(), "no number")) }
                    td { (of(&row.clock)) } td { (of(&row.departures)) } td { (of(&row.arrivals)) }
                    td { (of(&row.pacing)) } td { (of(&row.calibration)) }
                    td {
                        @match test {
                            Some(test) if test.conforming => "conforming",
                            Some(_) => "not conforming",
                            None => "unknown",
                        }
                    }
                    td {
                        @match test.map(|test| test.anomalies.as_slice()) {
                            None => "unknown",
                            Some([]) => "none",
                            Some(anomalies) => {
                                @for (index, anomaly) in anomalies.iter().enumerate() {
                                    @if index > 0 { ", " }
                                    (anomaly.kind) " × " (anomaly.count)
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    let body = html! {
        h3 { "Environment" }
        (items::table("Environment", &things(&suite.instrument.environment)))
        h3 { "Times, rates and trust" }
        @if suite.instrument.tests.is_empty() { p.none { (shown::NOT_MEASURED) } }
        @else { (shown::table("Times, rates and trust", 8, &rows)) }
    };
    section("instrument", "The instrument", &body)
}

/// Where programs find the same.
pub(super) fn appendix(suite: &Suite) -> Markup {
    let body = html! {
            p {
                "Everything on this page is in " code { (FILE_NAME) } " (schema " code { (suite.schema) } "), and every KPI \
                 of every configuration, with its least and greatest trial, in " code { "kpis.csv" } " (RFC 4180), beside \
                 this page."
            }
    };
    section("appendix", "Raw data", &body)
}
