//! Parts of a page for people: HTML that needs nothing but itself.
//!
//! Contract: a page is a function of its result: the same result gives the same bytes. It asks no network, runs no
//! program, and is read on paper, on a telephone, in the dark and by a screen reader. Every text is hostile: `maud`
//! escapes it. No cell is empty: what was not measured reads "not measured", what nobody said "not provided". The
//! answer stands first; what is long is folded.
//!
//! Left out on purpose: figures that the result does not hold; files.

pub mod anomalies;
pub mod card;
pub mod chart;
pub mod grid;
pub mod items;
mod run;
pub mod shown;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use run::render;

/// A page's file within the folder of its result.
pub const FILE_NAME: &str = "report.html";

/// The page's looks.
const STYLE: &str = include_str!("style.css");

/// Nothing from anywhere but the page's own styles: whatever a text says, nothing is loaded or run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A whole page: `opening` is above everything, `main` is the report. `version`: the squall that wrote the result.
#[must_use]
pub fn sheet(title: &str, version: &str, opening: &Markup, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "squall " (version) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the report" }
                header { (opening) }
                main #main { (main) }
            }
        }
    };
    page.into_string()
}

/// A part of the page under its own head.
#[must_use]
pub fn section(id: &str, title: &str, body: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 #(id) { (title) }
            (body)
        }
    }
}

/// What is long, behind a line that says what it is.
#[must_use]
pub fn folded(summary: &str, body: &Markup) -> Markup {
    html! {
        details {
            summary { (summary) }
            (body)
        }
    }
}

/// The same, unfolded on paper.
#[must_use]
pub fn folded_on_screen(summary: &str, body: &Markup) -> Markup {
    html! {
        details.paper {
            summary { (summary) }
            (body)
        }
    }
}

/// `text` as an anchor.
#[must_use]
pub fn anchor(prefix: &str, text: &str) -> String {
    let safe = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    prefix.chars().chain(safe).collect()
}

#[cfg(test)]
mod tests;
