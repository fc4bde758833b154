//! Figures, states and words as the page shows them.
//!
//! Contract: a figure has at most a few significant digits, its thousands apart; its interval has no more
//! decimals than it. What is not there has words.

use maud::{Markup, html};

use crate::report::model::Interval;
use crate::report::terminal::text;
use crate::suite::model::{Cell, Column, Item, State};

/// What stands where nothing was measured.
pub(super) const NOT_MEASURED: &str = "not measured";

/// What stands where nobody has said.
pub(super) const NOT_PROVIDED: &str = "not provided";

/// A figure as on the terminal, its thousands apart and with a true minus.
pub(super) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return NOT_MEASURED.to_owned();
    }
    let text = text::figure(short(value));
    let (sign, text) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |rest| ("\u{2212}", rest));
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(end);
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), text::grouped);
    match rest.strip_prefix('e').or(rest.split_once('e').map(|(_, power)| power)) {
        Some(power) => {
            let fraction = rest.split('e').next().unwrap_or_default();
            format!("{sign}{whole}{fraction} × 10^{}", power.replace('-', "\u{2212}"))
        }
        None => format!("{sign}{whole}{rest}"),
    }
}

/// A great number to its first five digits: those behind them are no figure of a mean.
fn short(value: f64) -> f64 {
    if value.abs() < 1e5 {
        return value;
    }
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Half of an interval around `mean`, with the decimals of the figure; the ends, where it is not around it.
pub(super) fn interval(mean: f64, interval: Interval) -> String {
    let (below, above) = (mean - interval.low, interval.high - mean);
    if !interval.high.is_finite() {
        return format!("{} or more", figure(interval.low));
    }
    let half = below.midpoint(above);
    if (below - above).abs() > 1e-6 * half.abs().max(mean.abs() * 1e-6) {
        return format!("{} to {}", figure(interval.low), figure(interval.high));
    }
    let shown = text::figure(mean);
    let decimals = shown.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let rounded = format!("{half:.decimals$}");
    let is_lost = shown.contains('e') || rounded.parse().is_ok_and(|rounded: f64| rounded == 0.0);
    // Where no decimal of the figure is left of it, the interval has its own digits.
    let half = if is_lost {
        figure(two_digits(half))
    } else {
        figure(rounded.parse().unwrap_or(half))
    };
    format!("± {half}")
}

fn two_digits(value: f64) -> f64 {
    // Far below the figure, more digits say nothing.
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// A figure with its interval, or the words for none.
pub(super) fn mean(mean: Option<f64>, ci95: Option<Interval>) -> Markup {
    html! {
        @match mean.filter(|mean| mean.is_finite()) {
            Some(mean) => {
                (figure(mean))
                @if let Some(ci95) = ci95 { " " span.ci { (interval(mean, ci95)) } }
            }
            None => span.none { (NOT_MEASURED) }
        }
    }
}

/// One end of the trials.
pub(super) fn maybe(value: Option<f64>) -> Markup {
    mean(value, None)
}

/// A text, or the words for none.
pub(super) fn words<'a>(text: impl Into<Option<&'a str>>, none: &str) -> Markup {
    html! {
        @match text.into().filter(|text| !text.trim().is_empty()) {
            Some(text) => (text),
            None => span.none { (none) }
        }
    }
}

/// A cell of a table in the draft's form.
pub(super) fn cell(cell: Option<&Cell>) -> Markup {
    html! {
        @match cell {
            Some(Cell::Figure { mean, ci95 }) => td.n { (self::mean(Some(*mean), *ci95)) }
            Some(Cell::Text(text)) => td { (words(text.as_str(), NOT_MEASURED)) }
            Some(Cell::Nothing(())) | None => td.n { (words(None, NOT_MEASURED)) }
        }
    }
}

/// The head of a column: its name and unit.
pub(super) fn column(column: &Column, numbers: bool) -> Markup {
    html! {
        th scope="col" .n[numbers] {
            (words(column.name.as_str(), "no name")) (unit(&column.unit))
        }
    }
}

/// A unit behind a name; "1" is none.
pub(super) fn unit(unit: &str) -> Markup {
    html! { @if !matches!(unit.trim(), "" | "1") { " " span.unit { "(" (unit) ")" } } }
}

/// A unit in a column of its own; "1" is none.
pub(super) fn own_unit(unit: &str) -> Markup {
    words(Some(unit).filter(|unit| unit.trim() != "1"), "none")
}

/// Who says so.
pub(super) fn source(item: &Item) -> Markup {
    html! {
        @match (item.source.as_deref(), item.key.as_deref()) {
            (Some("testbed"), Some(key)) => { "testbed file, " code { (key) } }
            (Some("testbed"), None) => { "testbed file" }
            (Some("squall"), _) => { "squall saw it" }
            (Some("device"), _) => { "read from the device" }
            (Some(other), _) if !other.trim().is_empty() => (other),
            (_, Some(key)) => { "testbed key " code { (key) } " asks for it" }
            _ => { "nobody" }
        }
    }
}

/// How far a test is done, in a sentence.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Complete => "complete",
        State::Partial => "partial",
        State::NotRun => "not run",
    }
}

/// The same with a sign, so that colour is not all that tells them apart.
pub(super) fn badge(state: State) -> Markup {
    let (sign, class) = match state {
        State::Complete => ("✓", "good"),
        State::Partial => ("◐", "half"),
        State::NotRun => ("○", "none"),
    };
    html! { span class={ "badge " (class) } { span aria-hidden="true" { (sign) " " } (self::state(state)) } }
}

/// Whether the draft's conditions are met.
pub(super) fn conforming(yes: bool) -> Markup {
    html! {
        @if yes { span.badge.good { span aria-hidden="true" { "✓ " } "conforming" } }
        @else { span.badge.half { span aria-hidden="true" { "◐ " } "not conforming" } }
    }
}

/// Sentences, one below the other.
pub(super) fn sentences(all: &[String]) -> Markup {
    html! { ul.sentences { @for one in all { li { (words(one.as_str(), "no reason given")) } } } }
}

/// A table that scrolls by itself where the page is too narrow for it; wide ones by keys too.
pub(super) fn table(label: &str, columns: usize, inner: &Markup) -> Markup {
    html! {
        @if columns > 4 {
            div.scroll tabindex="0" role="region" aria-label=(label) { table { (inner) } }
        } @else {
            div.scroll { table { (inner) } }
        }
    }
}
