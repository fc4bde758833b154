//! States and cells of a suite as its page shows them.

use maud::{Markup, html};

use crate::report::page::shown::{NOT_MEASURED, mean, words};
use crate::suite::model::{Cell, Column, State};

/// A cell of a table in the draft's form; `column` has the unit of its figures.
pub(super) fn cell(cell: Option<&Cell>, column: &Column) -> Markup {
    html! {
        @match cell {
            Some(Cell::Figure { mean: value, ci95 }) => td.n { (mean(Some(*value), *ci95, &column.unit)) }
            Some(Cell::Text(text)) => td { (words(text.as_str(), NOT_MEASURED)) }
            Some(Cell::Nothing(())) | None => td.n { (words(None, NOT_MEASURED)) }
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
