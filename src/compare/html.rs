//! A comparison as one page for people.
//!
//! Contract: as of every page ([`crate::report::page`]): nothing that is not in the comparison. What is asked about
//! stands first, whatever became of it; then what got worse, what changed, what got better.

use maud::{Markup, html};

use super::model::{Answer, Became, Comparison, Estimate, Finding, Place};
use super::shown as said;
use crate::plot::{Axis, Chart, Point, Quantity, Series, Style};
use crate::report::answer::Standing;
use crate::report::grid::{self, Line};
use crate::report::page::card::{self, Card};
use crate::report::page::{self, folded, section, shown};
use crate::units::shown::{change, figure, range};

/// Figures of the scorecard, and configurations of each.
const FIGURES: usize = 20;
const LINES: usize = 4;

/// Findings that stand unfolded.
const OPEN: usize = 20;

/// The whole page.
#[must_use]
pub fn render(comparison: &Comparison) -> String {
    let main = html! {
        (scorecard(comparison))
        (findings("worse", "Worse in B", &comparison.worse))
        (findings("changed", "Changed", &comparison.changed))
        (findings("better", "Better in B", &comparison.better))
        (others(comparison))
        (conditions(comparison))
    };
    let title = format!("Comparison of two {}s", comparison.kind.name());
    page::sheet(&title, env!("CARGO_PKG_VERSION"), &opening(comparison, &title), &main)
}

fn opening(comparison: &Comparison, title: &str) -> Markup {
    html! {
        h1 { (title) }
        dl.facts {
            div { dt { "A, the base" } dd { (shown::words(comparison.a.as_str(), "not said")) } }
            div { dt { "B" } dd { (shown::words(comparison.b.as_str(), "not said")) } }
        }
        @for warning in &comparison.warnings { p.bad { "! " (warning) } }
        p.verdict {
            @if comparison.worse.is_empty() && comparison.changed.is_empty() { span.badge.good { span aria-hidden="true" { "✓ " } "nothing is worse" } }
            @else { span.badge.bad { "! " (said::verdict(comparison)) } }
            " " (said::summary(comparison)) "."
        }
    }
}

/// Answers of one figure of one test and place, in the order of their configurations.
fn groups(asked: &[Answer]) -> Vec<Vec<&Answer>> {
    let key = |answer: &Answer| {
        let at = &answer.finding.at;
        (at.test.clone(), at.figure.clone(), at.place.clone(), at.unit.clone())
    };
    let mut groups: Vec<Vec<&Answer>> = Vec::new();
    for answer in asked {
        let same = |group: &&mut Vec<&Answer>| group.first().is_some_and(|first| key(first) == key(answer));
        match groups.iter_mut().find(same) {
            Some(group) => group.push(answer),
            None => groups.push(vec![answer]),
        }
    }
    groups
}

fn scorecard(comparison: &Comparison) -> Markup {
    let groups = groups(&comparison.asked);
    let charts: Vec<_> = groups.iter().map(|group| chart(group)).collect();
    let cards: Vec<Card<'_>> = (groups.iter().zip(&charts))
        .filter_map(|(group, chart)| {
            let at = &group.first()?.finding.at;
            Some(Card {
                number: at.test.clone().unwrap_or_default(),
                title: format!("{} of {}", at.figure, at.place),
                href: None,
                badges: html! {},
                lines: lines(group),
                none: String::new(),
                chart: chart.as_ref(),
                anomalies: None,
            })
        })
        .collect();
    let body = html! {
        @if cards.is_empty() { p.none { "The pattern asks about no figure that both have." } }
        @else { (card::scorecard("Figure", cards.get(..FIGURES).unwrap_or(&cards))) }
        @if let Some(rest) = cards.get(FIGURES..).filter(|rest| !rest.is_empty()) {
            (folded(&format!("{} more figures", rest.len()), &card::scorecard("Figure", rest)))
        }
    };
    section("answers", "What is asked about", &body)
}

/// What changed first, then the rest.
fn lines(group: &[&Answer]) -> Vec<Line> {
    let rank = |answer: &&&Answer| match answer.became {
        Became::Worse => 0,
        Became::Changed => 1,
        Became::Better => 2,
        Became::Same | Became::TooFew => 3,
    };
    let mut sorted: Vec<&&Answer> = group.iter().collect();
    sorted.sort_by_key(rank);
    let line = |answer: &&Answer| {
        let finding = &answer.finding;
        let standing = match answer.became {
            Became::Worse => Standing::Bad,
            Became::Better => Standing::Good,
            Became::Changed | Became::Same | Became::TooFew => Standing::Plain,
        };
        let by = match answer.became {
            Became::Same | Became::TooFew => String::new(),
            _ => finding
                .difference_percent
                .map_or(String::new(), |percent| format!(" by {}", change(percent, "%"))),
        };
        Line {
            about: "B".to_owned(),
            at: finding.at.configuration.clone(),
            value: estimate(&finding.b, &finding.at.unit),
            against: format!(
                "{}{by}; A {}",
                answer.became.words(),
                estimate(&finding.a, &finding.at.unit)
            ),
            standing,
        }
    };
    sorted.into_iter().take(LINES).map(line).collect()
}

/// A and B side by side over the configurations.
fn chart(group: &[&Answer]) -> Option<Chart> {
    let unit = &group.first()?.finding.at.unit;
    let (quantity, worth) = Quantity::of_unit(unit);
    let series = |name: &str, look: usize, of: fn(&Finding) -> &Estimate| Series {
        name: name.to_owned(),
        points: (0_u32..)
            .zip(group)
            .map(|(at, answer)| Point::new(f64::from(at), of(&answer.finding).mean * worth))
            .collect(),
        style: Style::Bars,
        look,
        right: false,
    };
    let names = group.iter().map(|answer| answer.finding.at.configuration.clone());
    let figure = &group.first()?.finding.at.figure;
    Some(Chart {
        title: format!("{figure} in A and in B"),
        x: Axis {
            names: Some(names.collect()),
            ..Axis::new("configuration", Quantity::Number)
        },
        y: Axis::new(figure.as_str(), quantity),
        series: vec![
            series("A", 0, |finding| &finding.a),
            series("B", 1, |finding| &finding.b),
        ],
        ..Chart::default()
    })
}

fn estimate(estimate: &Estimate, unit: &str) -> String {
    let ci95 = estimate.ci95.filter(|of| of.high > of.low);
    grid::estimate(estimate.mean, ci95, unit, true)
}

fn findings(id: &str, title: &str, all: &[Finding]) -> Markup {
    if all.is_empty() {
        return html! {};
    }
    let body = html! {
        (table(title, all.get(..OPEN).unwrap_or(all)))
        @if let Some(rest) = all.get(OPEN..).filter(|rest| !rest.is_empty()) {
            (folded(&format!("{} more", rest.len()), &table(title, rest)))
        }
    };
    section(id, title, &body)
}

fn table(label: &str, all: &[Finding]) -> Markup {
    let inner = html! {
        thead {
            tr {
                th scope="col" { "Figure" } th scope="col" { "Where" } th scope="col" { "Configuration" }
                th.n scope="col" { "A" } th.n scope="col" { "B" } th.n scope="col" { "Change" } th.n scope="col" { "Interval" }
                th.n scope="col" { "p" }
            }
        }
        tbody {
            @for finding in all {
                @let at = &finding.at;
                tr {
                    th scope="row" {
                        @if let Some(test) = &at.test { span.number { (test) } " " }
                        (shown::words(at.figure.as_str(), "no name"))
                    }
                    td { (shown::words(at.place.as_str(), "not said")) }
                    td { (shown::words(at.configuration.as_str(), "the only one")) }
                    td.n { (estimate(&finding.a, &at.unit)) } td.n { (estimate(&finding.b, &at.unit)) }
                    td.n {
                        (change(finding.difference, &at.unit))
                        @if let Some(percent) = finding.difference_percent { " (" (change(percent, "%")) ")" }
                    }
                    td.n { (shown::words(finding.interval.map(|of| range(of.low, Some(of.high), &at.unit)).as_deref(), "one trial")) }
                    td.n { (shown::words(finding.p.map(figure).as_deref(), "one trial")) }
                }
            }
        }
    };
    shown::table(label, 8, &inner)
}

/// What only one side has, and what is the same.
fn others(comparison: &Comparison) -> Markup {
    let body = html! {
        p { (comparison.same) " figures are the same, as far as can be told." }
        @if !comparison.listed_same.is_empty() {
            (folded("Figures that are the same", &table("Figures that are the same", &comparison.listed_same)))
        }
        @for (title, places) in [("Only in A", &comparison.only_a), ("Only in B", &comparison.only_b)] {
            @if !places.is_empty() { (folded(&format!("{title}: {}", places.len()), &lone(places))) }
        }
    };
    section("others", "Other figures", &body)
}

fn lone(places: &[Place]) -> Markup {
    html! {
        ul.sentences {
            @for at in places {
                @let parts = [at.test.as_deref().unwrap_or(""), &at.configuration, &at.place, &at.figure];
                @let said = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
                li { (shown::words(said.as_str(), "no name")) }
            }
        }
    }
}

fn conditions(comparison: &Comparison) -> Markup {
    let rows = html! {
        thead { tr { th scope="col" { "Condition" } th scope="col" { "A" } th scope="col" { "B" } } }
        tbody {
            @for one in &comparison.conditions {
                tr {
                    th scope="row" { (shown::words(one.name.as_str(), "no name")) }
                    td { (shown::words(one.a.as_deref(), "not said")) } td { (shown::words(one.b.as_deref(), "not said")) }
                }
            }
        }
    };
    let body = html! {
        @if comparison.conditions.is_empty() { p { "No condition differs." } }
        @else { (shown::table("Conditions that differ", 3, &rows)) }
        @for line in said::basis(comparison).lines() { p.under { (line) } }
    };
    section("conditions", "Conditions and rules", &body)
}
