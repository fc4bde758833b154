//! Anomalies on a page: what was seen, where, what it means and what to do next.

use maud::{Markup, html};

use super::{folded, shown};
use crate::units::shown::grouped;

/// Anomalies that stand on the page unfolded.
const OPEN: usize = 6;

/// One row.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Its kind.
    pub kind: String,
    /// Where: a place, or a configuration.
    pub at: String,
    /// How often, where it was counted.
    pub count: Option<u64>,
    /// What was seen.
    pub text: String,
    /// What it likely means; may be empty.
    pub means: String,
    /// What to do next; may be empty.
    pub next: String,
}

/// All of them; `none` is said where there is none.
#[must_use]
pub fn list(seen: &[Seen], none: &str) -> Markup {
    if seen.is_empty() {
        return html! { p { (none) } };
    }
    if seen.len() <= OPEN {
        return table(seen);
    }
    let (first, rest) = seen.split_at(OPEN);
    html! {
        (table(first))
        (folded(&format!("{} more", rest.len()), &table(rest)))
    }
}

fn table(seen: &[Seen]) -> Markup {
    let counted = seen.iter().any(|one| one.count.is_some());
    let inner = html! {
        thead {
            tr {
                th scope="col" { "Kind" } th scope="col" { "Where" }
                @if counted { th.n scope="col" { "How often" } }
                th scope="col" { "What was seen" }
            }
        }
        tbody {
            @for one in seen {
                tr {
                    th scope="row" { (shown::words(one.kind.as_str(), "no name")) }
                    td { (shown::words(one.at.as_str(), "the whole test")) }
                    @if counted { td.n { (one.count.map_or_else(|| shown::NOT_MEASURED.to_owned(), grouped)) } }
                    td.long {
                        (shown::words(one.text.as_str(), "not said"))
                        @for (what, text) in [("Likely: ", &one.means), ("Next: ", &one.next)] {
                            @if !text.is_empty() { span.under { (what) (text) } }
                        }
                    }
                }
            }
        }
    };
    shown::table("Anomalies", 4, &inner)
}
