//! Figures, tables and words as a page shows them.
//!
//! Contract: a figure stands in the scale that fits it, with its interval, as on the terminal. What is not there has
//! words.

use maud::{Markup, html};

use crate::report::grid;
use crate::report::model::Interval;

/// What stands where nothing was measured.
pub const NOT_MEASURED: &str = "not measured";

/// What stands where nobody has said.
pub const NOT_PROVIDED: &str = "not provided";

/// A figure with its interval in the scale that fits it, or the words for none.
#[must_use]
pub fn mean(mean: Option<f64>, ci95: Option<Interval>, unit: &str) -> Markup {
    html! {
        @match mean.filter(|mean| mean.is_finite()) {
            Some(mean) => (grid::estimate(mean, ci95, unit, true)),
            None => span.none { (NOT_MEASURED) }
        }
    }
}

/// A figure's name with its statistic.
#[must_use]
pub fn name(name: &str, statistic: &str) -> Markup {
    html! {
        span.kpi { (words(name, "no name")) }
        @if !statistic.trim().is_empty() { " " span.statistic { (statistic) } }
    }
}

/// A text, or the words for none.
#[must_use]
pub fn words<'a>(text: impl Into<Option<&'a str>>, none: &str) -> Markup {
    html! {
        @match text.into().filter(|text| !text.trim().is_empty()) {
            Some(text) => (text),
            None => span.none { (none) }
        }
    }
}

/// Whether the draft's conditions are met.
#[must_use]
pub fn conforming(yes: bool) -> Markup {
    html! {
        @if yes { span.badge.good { span aria-hidden="true" { "✓ " } "conforming" } }
        @else { span.badge.half { span aria-hidden="true" { "◐ " } "not conforming" } }
    }
}

/// Sentences, one below the other.
#[must_use]
pub fn sentences(all: &[String]) -> Markup {
    html! { ul.sentences { @for one in all { li { (words(one.as_str(), "no reason given")) } } } }
}

/// A table that scrolls by itself where the page is too narrow for it; wide ones by keys too.
#[must_use]
pub fn table(label: &str, columns: usize, inner: &Markup) -> Markup {
    html! {
        @if columns > 4 {
            div.scroll tabindex="0" role="region" aria-label=(label) { table { (inner) } }
        } @else {
            div.scroll { table { (inner) } }
        }
    }
}
