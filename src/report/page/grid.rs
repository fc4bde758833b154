//! Figures over configurations as a table: a row a configuration, a column a figure.

use maud::{Markup, html};

use super::shown;
use crate::report::grid::{Grid, Row};

/// The columns `shown` of a grid.
#[must_use]
pub fn table(label: &str, grid: &Grid, columns: &[usize]) -> Markup {
    let heads: Vec<_> = columns
        .iter()
        .filter_map(|column| Some((*column, grid.heads.get(*column)?)))
        .collect();
    if heads.is_empty() || grid.rows.is_empty() {
        return html! { p.none { (shown::NOT_MEASURED) } };
    }
    let several = |name: &str| {
        let mut places: Vec<&str> = heads
            .iter()
            .filter(|(_, head)| head.title() == name)
            .map(|(_, head)| head.place.as_str())
            .collect();
        places.dedup();
        places.len() > 1
    };
    let inner = html! {
        thead {
            tr {
                @if grid.axes.is_empty() { th scope="col" { "Configuration" } }
                @for axis in &grid.axes { th scope="col" { (shown::words(axis.as_str(), "no name")) } }
                @for (_, head) in &heads {
                    th.n scope="col" {
                        (shown::name(&head.name, &head.statistic))
                        @if several(&head.title()) { span.under { (head.place) } }
                    }
                }
                th.n scope="col" { "trials" }
            }
        }
        tbody {
            @for row in &grid.rows {
                tr {
                    (configuration(grid, row))
                    @for (column, head) in &heads {
                        @let cell = row.cells.get(*column).and_then(Option::as_ref);
                        td.n { (shown::mean(cell.map(|cell| cell.mean), cell.and_then(|cell| cell.ci95), &head.unit)) }
                    }
                    td.n { (row.trials) }
                }
            }
        }
    };
    shown::table(label, grid.axes.len().max(1) + heads.len() + 1, &inner)
}

/// A cell for each axis.
fn configuration(grid: &Grid, row: &Row) -> Markup {
    html! {
        @if grid.axes.is_empty() { th scope="row" { "the only one" } }
        @for index in 0..grid.axes.len() {
            @let value = row.values.get(index).and_then(Option::as_deref);
            @if index == 0 { th.n scope="row" { (shown::words(value, "as it is")) } }
            @else { td.n { (shown::words(value, "as it is")) } }
        }
    }
}
