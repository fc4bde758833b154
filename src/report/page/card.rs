//! The scorecard: a row for each test or question, with its answer, a small chart and the count of anomalies.
//!
//! Contract: a row is a few lines high, whatever stands in it; on a narrow screen its parts stand below one another.

use maud::{Markup, PreEscaped, html};

use super::{chart, shown};
use crate::plot::{self, Chart};
use crate::report::answer::Standing;
use crate::report::grid::Line;
use crate::units::shown::grouped;

/// One row.
#[derive(Debug, Clone)]
pub struct Card<'a> {
    /// What stands before the title: a test's number; may be empty.
    pub number: String,
    /// The test or the question.
    pub title: String,
    /// Where on the page the rest of it is.
    pub href: Option<String>,
    /// Its state, in badges.
    pub badges: Markup,
    /// The answer, the most important line first.
    pub lines: Vec<Line>,
    /// What is said where there is no answer.
    pub none: String,
    /// What is drawn beside it.
    pub chart: Option<&'a Chart>,
    /// Kinds of anomaly, and how often each was seen; none where nobody looked.
    pub anomalies: Option<Vec<(String, u64)>>,
}

/// All rows under the head `of`: "Test", "Question".
#[must_use]
pub fn scorecard(of: &str, cards: &[Card<'_>]) -> Markup {
    let looked = cards.iter().any(|card| card.anomalies.is_some());
    html! {
        table.score {
            thead {
                tr {
                    th scope="col" { (of) } th scope="col" { "Answer" } th scope="col" { "Chart" }
                    @if looked { th scope="col" { "Anomalies" } }
                }
            }
            tbody { @for card in cards { (row(card, looked)) } }
        }
    }
}

fn row(card: &Card<'_>, looked: bool) -> Markup {
    let name = html! {
        @if !card.number.is_empty() { span.number { (card.number) } " " }
        (shown::words(card.title.as_str(), "no title"))
    };
    html! {
        tr {
            th scope="row" {
                @match &card.href {
                    Some(href) => a href=(href) { (name) },
                    None => (name),
                }
                span.states { (card.badges) }
            }
            td.answer {
                @if card.lines.is_empty() { (shown::words(card.none.as_str(), shown::NOT_MEASURED)) }
                @else { ul.lines { @for one in &card.lines { (line(one)) } } }
            }
            td.small {
                @match card.chart {
                    Some(chart) => (small(chart)),
                    None => span.none { "no chart" },
                }
            }
            @if looked { td.count { (anomalies(card.anomalies.as_deref())) } }
        }
    }
}

fn line(line: &Line) -> Markup {
    let (class, sign) = match line.standing {
        Standing::Good => ("good", "✓ "),
        Standing::Plain => ("plain", ""),
        Standing::Bad => ("bad", "✗ "),
    };
    html! {
        li class=(class) .whole[line.against.is_empty() && line.at.is_empty()] {
            span.about {
                (shown::words(line.about.as_str(), "answer"))
                @if !line.at.is_empty() { " " span.at { (line.at) } }
            }
            " "
            span.value .alone[line.against.is_empty()] {
                @if line.against.is_empty() { span.sign aria-hidden="true" { (sign) } }
                (shown::words(line.value.as_str(), shown::NOT_MEASURED))
            }
            @if !line.against.is_empty() {
                " " span.against { span.sign aria-hidden="true" { (sign) } (line.against) }
            }
        }
    }
}

/// The chart as a thumbnail, with its name for those who hear it.
fn small(chart: &Chart) -> Markup {
    let svg = plot::small(chart);
    let label = html! { (chart::label(chart)) }.into_string();
    match svg.strip_prefix("<svg ") {
        Some(rest) => {
            // The words are the cell's text, too.
            let rest = rest.replacen('>', &format!("><desc>{label}</desc>"), 1);
            html! { (PreEscaped(format!("<svg role=\"img\" aria-label=\"{label}\" {rest}"))) }
        }
        None => html! { span.none { "no chart" } },
    }
}

/// How many anomalies, and of which kinds.
fn anomalies(seen: Option<&[(String, u64)]>) -> Markup {
    let Some(seen) = seen else {
        return html! { span.none { "not looked for" } };
    };
    let all: u64 = seen.iter().map(|(_, count)| count).sum();
    html! {
        @if all == 0 { span.badge.good { span aria-hidden="true" { "✓ " } "none" } }
        @else {
            span.badge.half { span aria-hidden="true" { "! " } (grouped(all)) }
            span.under { (seen.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>().join(", ")) }
        }
    }
}
