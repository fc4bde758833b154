//! One run as a page.
//!
//! Contract: the question and its answer first, then what must be known before it is believed, then the figures;
//! everything that the long form prints is there.

use maud::{Markup, html};

use super::anomalies::{self, Seen};
use super::card::{self, Card};
use super::items::{self, Thing};
use super::{chart, folded, folded_on_screen, section, sheet, shown};
use crate::plot::Chart;
use crate::report::answer;
use crate::report::grid::{self, Line};
use crate::report::model::{Kpi, Results, Traffic};
use crate::report::terminal::{self, View};
use crate::report::{FILE_NAME, plots};
use crate::testbed::about::{HEALTH, SYSTEM, WORKLOAD};
use crate::units::shown::{grouped, quantity};

/// Lines of the answer on the scorecard.
const LINES: usize = 8;

/// Columns of the long form.
const WIDTH: usize = 120;

/// The whole page.
#[must_use]
pub fn render(results: &Results) -> String {
    let run = &results.run;
    let charts = asked_first(results, plots::charts(results));
    let main = html! {
        (scorecard(results, charts.first().map(|(_, chart)| chart)))
        (section("anomalies", "Anomalies", &seen(results)))
        @if !results.expectations.is_empty() { (expectations(results)) }
        (section("traffic", "Traffic", &traffic(results)))
        @if !charts.is_empty() { (drawn(&charts)) }
        (section("kpis", "KPIs", &kpis(results)))
        (lab(results))
        (raw(results))
    };
    sheet(
        &format!("Run: {}", run.name),
        &results.environment.squall_version,
        &opening(results),
        &main,
    )
}

/// The charts, those of what the pattern asks about before the others: thresholds of marking before times.
fn asked_first(results: &Results, mut charts: Vec<(String, Chart)>) -> Vec<(String, Chart)> {
    let asks = &results.run.asks;
    let marking = asks.is_empty() || asks.iter().any(|ask| ask.contains("ECN_"));
    charts.sort_by_key(|(name, _)| name.starts_with("marking-curve") != marking);
    charts
}

fn opening(results: &Results) -> Markup {
    let run = &results.run;
    let duration = run.measured_duration_ps.map(|ps| quantity(float(ps), "ps"));
    html! {
        h1 { (shown::words(run.name.as_str(), "a run")) }
        @if let Some(question) = &run.question {
            @for part in question.split("\n\n").take(1) { p.question { (part) } }
        }
        p.verdict {
            @if run.interrupted { span.badge.bad { "! interrupted: " (run.interrupted_by.as_deref().unwrap_or("unknown cause")) } " " }
            (shown::conforming(run.conforming)) " "
            (run.dut.id.to_string()) ", " (run.clock) " clock, departures by " (run.timestamps.tx) ", arrivals by " (run.timestamps.rx)
            @if let Some(duration) = duration { ", " (duration) }
            ", seed " (run.seed) "."
        }
        @if !run.settings.is_empty() { p.under { "Set: " (run.settings.join(", ")) } }
        @if let Some(budget) = &results.calibration { p.under { (terminal::calibration_line(budget)) } }
        @if !run.nonconformities.is_empty() {
            (folded_on_screen("Why it does not conform to the draft", &shown::sentences(&run.nonconformities)))
        }
    }
}

fn scorecard(results: &Results, chart: Option<&Chart>) -> Markup {
    let run = &results.run;
    let mut kinds: Vec<(String, u64)> = Vec::new();
    for anomaly in &results.anomalies {
        let kind = anomaly.kind.name();
        match kinds.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind.to_owned(), 1)),
        }
    }
    let question = run.question.as_deref().unwrap_or(&run.name);
    let question = question.split("\n\n").next().unwrap_or_default();
    let lines: Vec<Line> = answer::of(results).into_iter().take(LINES).map(Line::from).collect();
    let card = Card {
        number: String::new(),
        title: question.to_owned(),
        href: None,
        badges: html! {},
        lines,
        none: String::new(),
        chart,
        anomalies: Some(kinds),
    };
    section("answers", "Answer", &card::scorecard("Question", &[card]))
}

fn seen(results: &Results) -> Markup {
    let seen: Vec<Seen> = results
        .anomalies
        .iter()
        .map(|anomaly| Seen {
            kind: anomaly.kind.name().to_owned(),
            at: anomaly.place.clone(),
            count: None,
            text: anomaly.text.clone(),
            means: anomaly.means.clone(),
            next: anomaly.next.clone(),
        })
        .collect();
    anomalies::list(&seen, "None was seen.")
}

fn expectations(results: &Results) -> Markup {
    let body = html! {
        ul.lines {
            @for expected in &results.expectations {
                @let (class, sign) = if expected.met { ("good", "✓ met: ") } else { ("bad", "✗ not met: ") };
                li.alone class=(class) { span.sign { (sign) } (expected.to_string()) }
            }
        }
    };
    section("expectations", "Expectations", &body)
}

fn counted(value: Option<u64>) -> Markup {
    shown::words(value.map(grouped).as_deref(), shown::NOT_MEASURED)
}

fn scaled(value: Option<u64>, unit: &str) -> Markup {
    shown::words(
        value.map(|value| quantity(float(value), unit)).as_deref(),
        shown::NOT_MEASURED,
    )
}

fn traffic(results: &Results) -> Markup {
    if results.traffic.is_empty() {
        return html! { p.none { (shown::NOT_MEASURED) } };
    }
    let p99 = |entry: &Traffic| terminal::main_time(entry).map(|(_, times)| times.p99);
    // What matters most stands first: a narrow screen shows the beginning of a row.
    let inner = html! {
        thead {
            tr {
                th scope="col" { "Entry" } th.n scope="col" { "Goodput" } th.n scope="col" { "P99" } th.n scope="col" { "Lost" }
                th.n scope="col" { "CE" } th.n scope="col" { "Reordered" } th.n scope="col" { "Frames" } th.n scope="col" { "Messages" }
                th scope="col" { "Kind" }
            }
        }
        tbody {
            @for entry in &results.traffic {
                tr {
                    th scope="row" { (shown::words(entry.name.as_str(), "no name")) }
                    td.n { (scaled(entry.goodput_bps, "bps")) }
                    td.n { (scaled(p99(entry), "ps")) }
                    td.n { (counted(entry.packets.lost)) }
                    td.n { (shown::words(entry.ecn.marking_rate_percent.map(|rate| quantity(rate, "%")).as_deref(), shown::NOT_MEASURED)) }
                    td.n { (counted(entry.packets.reordered)) }
                    td.n { (grouped(entry.packets.sent)) }
                    td.n { (grouped(entry.messages.sent)) }
                    td { (shown::words(entry.kind.as_str(), "not said")) }
                }
            }
        }
    };
    shown::table("Traffic", 9, &inner)
}

fn drawn(charts: &[(String, Chart)]) -> Markup {
    let (first, rest) = charts.split_at(1.min(charts.len()));
    let figures = |some: &[(String, Chart)]| html! { @for (name, one) in some { (chart::figure("chart", name, one)) } };
    let body = html! {
        (figures(first))
        @if !rest.is_empty() { (folded(&format!("{} more charts", rest.len()), &figures(rest))) }
    };
    section("charts", "Charts", &body)
}

fn kpis(results: &Results) -> Markup {
    let measured: Vec<&Kpi> = results.kpis.iter().filter(|kpi| kpi.value.is_some()).collect();
    if measured.is_empty() {
        return html! { p.none { (shown::NOT_MEASURED) } };
    }
    let inner = html! {
        thead { tr { th scope="col" { "KPI" } th scope="col" { "Of" } th.n scope="col" { "Value" } th scope="col" { "Definition" } } }
        tbody {
            @for kpi in &measured {
                @let statistic = kpi.statistic.to_string();
                tr {
                    th scope="row" { (shown::name(&kpi.name, if statistic == "value" { "" } else { &statistic })) }
                    td { (shown::words(kpi.place.as_str(), "not said")) }
                    td.n { (shown::words(kpi.value.map(|value| grid::estimate(value, kpi.ci95, &kpi.unit, true)).as_deref(), shown::NOT_MEASURED)) }
                    td.long { (shown::words(kpi.definition.as_str(), "not said")) }
                }
            }
        }
    };
    folded(
        &format!("{} figures by the draft's names", measured.len()),
        &shown::table("KPIs", 4, &inner),
    )
}

/// What is known of the lab, and the keys for what nobody has said.
fn lab(results: &Results) -> Markup {
    let run = &results.run;
    let about = &run.about;
    let asked = [
        ("system", SYSTEM, &about.system),
        ("workload", WORKLOAD, &about.workload),
        ("health", HEALTH, &about.health),
    ];
    let asked: Vec<(String, &str, Option<&str>)> = asked
        .into_iter()
        .flat_map(|(section, asked, said)| {
            asked.iter().map(move |one| {
                (
                    format!("{section}.{}", one.key),
                    one.title,
                    said.get(one.key).map(String::as_str),
                )
            })
        })
        .collect();
    let mut things: Vec<Thing<'_>> = asked
        .iter()
        .map(|(key, name, value)| Thing {
            name,
            value: *value,
            source: value.map(|_| "testbed"),
            key: Some(key),
        })
        .collect();
    let open = items::unprovided(&things);
    let environment = &results.environment;
    let drivers = environment.drivers.join(", ");
    let seen = [
        ("Pattern", Some(run.pattern.as_str())),
        ("Testbed", run.testbed.as_deref().or(Some(crate::testbed::DEFAULT))),
        ("squall", Some(environment.squall_version.as_str())),
        ("Revision", environment.squall_revision.as_deref()),
        ("DPDK", environment.dpdk_version.as_deref()),
        ("Kernel", environment.kernel.as_deref()),
        ("Processor", environment.cpu_model.as_deref()),
        ("Poll mode drivers", Some(drivers.as_str())),
    ];
    let of = |name, value, source| Thing {
        name,
        value,
        source: Some(source),
        key: None,
    };
    things.extend(
        run.dut
            .details
            .iter()
            .map(|(name, value)| of(name, Some(value), "testbed")),
    );
    things.extend(seen.into_iter().map(|(name, value)| of(name, value, "squall")));
    let body = html! {
        (open)
        (folded("What is known", &items::table("Lab", &things)))
    };
    section("lab", "Lab", &body)
}

/// The long form, and where programs find the same.
fn raw(results: &Results) -> Markup {
    let view = View {
        width: WIDTH,
        colour: false,
        unicode: true,
    };
    let long = html! { div.scroll tabindex="0" role="region" aria-label="The long form" { pre { (terminal::render(results, view)) } } };
    let body = html! {
        (folded("The long form, as --full prints it", &long))
        p { "Everything is in " code { (FILE_NAME) } " (schema " code { (results.schema) } "), beside this page." }
    };
    section("raw", "Raw data", &body)
}

#[expect(clippy::cast_precision_loss, reason = "counts and times into figures of four digits")]
fn float(value: u64) -> f64 {
    value as f64
}
