//! What holds of all tests: system, workload, the summary, health, what is missing, the instrument.
//!
//! Contract: the draft's required elements (its Table 9), in its words.

use maud::{Markup, html};

use super::head;
use super::shown;
use crate::suite::model::{FILE_NAME, Item, Suite};

/// What was tested with what.
pub(super) fn system(suite: &Suite) -> Markup {
    html! {
        section aria-labelledby="system" {
            h2 #system { "System Configuration" }
            (items("System Configuration", &suite.system))
        }
    }
}

/// What stands for the inference workload.
pub(super) fn workload(suite: &Suite) -> Markup {
    html! {
        section aria-labelledby="workload" {
            h2 #workload { "Workload Parameters" }
            (items("Workload Parameters", &suite.workload))
        }
    }
}

/// A table of things to know.
fn items(label: &str, items: &[Item]) -> Markup {
    if items.is_empty() {
        return html! { p.none { (shown::NOT_PROVIDED) } };
    }
    let rows = html! {
        thead { tr { th scope="col" { "Parameter" } th scope="col" { "Value" } th scope="col" { "Said by" } } }
        tbody {
            @for item in items {
                tr {
                    th scope="row" { (shown::words(item.name.as_str(), "no name")) }
                    td { (shown::words(item.value.as_deref(), shown::NOT_PROVIDED)) }
                    td.said { (shown::source(item)) }
                }
            }
        }
    };
    shown::table(label, 3, &rows)
}

/// The most telling KPIs of each test.
pub(super) fn summary(suite: &Suite) -> Markup {
    let rows = html! {
        thead {
            tr {
                th scope="col" { "Test" } th scope="col" { "KPI" } th scope="col" { "Configuration" }
                th.n scope="col" { "Mean ± 95 % CI" } th scope="col" { "Unit" } th.n scope="col" { "Trials" }
            }
        }
        @for test in &suite.tests {
            @let telling = head::of(test);
            tbody {
                @if telling.is_empty() {
                    tr {
                        th scope="row" {
                            a href={ "#" (super::anchor(test)) } { (test.id) }
                            span.under { (test.title) }
                        }
                        td { "any" } td { "any" }
                        td.n { span.none { (shown::NOT_MEASURED) } }
                        td { "none" } td.n { "0" }
                    }
                }
                @for (index, row) in telling.iter().enumerate() {
                    tr {
                        @if index == 0 {
                            th scope="rowgroup" rowspan=(telling.len()) {
                                a href={ "#" (super::anchor(test)) } { (test.id) }
                                span.under { (test.title) }
                            }
                        }
                        td {
                            (name(&row.kpi.name, &row.kpi.statistic))
                            @if head::is_of_several(&telling, row.kpi) { " " span.none { "of " (row.kpi.place) } }
                        }
                        td.where {
                            @if let Some(rank) = row.rank { (rank) ": " }
                            @if row.rank == Some("all alike") { (test.points.len()) " configurations" }
                            @else { (head::configuration(test, row.kpi.point)) }
                        }
                        td.n { (shown::mean(row.kpi.mean, row.kpi.ci95)) }
                        td { (shown::own_unit(&row.kpi.unit)) }
                        td.n { (row.kpi.trials) }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby="summary" {
            h2 #summary { "KPI Summary" }
            p {
                "The KPIs that say most about each test. Where one has a value in several configurations, the least and \
                 the greatest stand here; all of them are in the test's own section. The interval is the 95 % confidence \
                 interval of the mean over the trials (Student's t); one trial has none."
            }
            @if suite.tests.is_empty() { p.none { (shown::NOT_MEASURED) } }
            @else { (shown::table("KPI Summary", 6, &rows)) }
        }
    }
}

/// A KPI's name with its statistic.
pub(super) fn name(name: &str, statistic: &str) -> Markup {
    html! {
        span.kpi { (shown::words(name, "no name")) }
        @if !statistic.trim().is_empty() { " " span.statistic { (statistic) } }
    }
}

/// The draft's Table 5.
pub(super) fn health(suite: &Suite) -> Markup {
    let rows = html! {
        thead {
            tr {
                th scope="col" { "Indicator" } th scope="col" { "Threshold" } th scope="col" { "Value" }
                th scope="col" { "Said by" } th scope="col" { "Description" }
            }
        }
        tbody {
            @for indicator in &suite.health {
                tr {
                    th scope="row" { (shown::words(indicator.item.name.as_str(), "no name")) }
                    td { (shown::words(indicator.threshold.as_str(), "none")) }
                    td { (shown::words(indicator.item.value.as_deref(), shown::NOT_PROVIDED)) }
                    td.said { (shown::source(&indicator.item)) }
                    td.long { (shown::words(indicator.description.as_str(), "none")) }
                }
            }
        }
    };
    html! {
        section aria-labelledby="health" {
            h2 #health { "Fabric Health Indicators" }
            @if suite.health.is_empty() { p.none { (shown::NOT_PROVIDED) } }
            @else { (shown::table("Fabric Health Indicators", 5, &rows)) }
        }
    }
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
    html! {
        section aria-labelledby="absent" {
            h2 #absent { "Tests that are not here" }
            @if suite.absent.is_empty() { p { "None: every test of the draft is in this report." } }
            @else { (shown::table("Tests that are not here", 3, &rows)) }
        }
    }
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
    html! {
        section aria-labelledby="instrument" {
            h2 #instrument { "The instrument" }
            h3 { "Environment" }
            (items("Environment", &suite.instrument.environment))
            h3 { "Times, rates and trust" }
            @if suite.instrument.tests.is_empty() { p.none { (shown::NOT_MEASURED) } }
            @else { (shown::table("Times, rates and trust", 8, &rows)) }
        }
    }
}

/// Where programs find the same.
pub(super) fn appendix(suite: &Suite) -> Markup {
    html! {
        section aria-labelledby="appendix" {
            h2 #appendix { "Raw data" }
            p {
                "Everything on this page is in " code { (FILE_NAME) } " (schema " code { (suite.schema) } "), and every KPI \
                 of every configuration, with its least and greatest trial, in " code { "kpis.csv" } " (RFC 4180), beside \
                 this page."
            }
        }
    }
}
