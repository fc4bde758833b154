//! A suite as one page for people: HTML that needs nothing but itself.
//!
//! Contract: a function of the suite: the same suite gives the same bytes. The page asks no network, runs no
//! program, and is read on paper, on a telephone, in the dark and by a screen reader. Every text of the
//! suite is hostile: `maud` escapes it. No cell is empty: what was not measured reads "not measured", what
//! nobody said "not provided". The order is the draft's (its section 14 and Table 9).
//!
//! Left out on purpose: figures that the suite does not hold; files.

mod chart;
mod head;
mod overview;
mod shown;
mod test;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::model::{State, Suite, Test};

/// The page's file within a suite's folder.
pub const FILE_NAME: &str = "report.html";

/// The page's looks.
const STYLE: &str = include_str!("style.css");

/// Nothing from anywhere but the page's own styles: whatever a text says, nothing is loaded or run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The draft that the report answers to.
const DRAFT: &str = "draft-calabria-bmwg-ai-fabric-inference-bench-01";

/// The whole page.
#[must_use]
pub fn render(suite: &Suite) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "squall " (suite.squall_version) };
                title { (title(suite)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the report" }
                header { (opening(suite)) }
                nav aria-labelledby="contents" { (contents(suite)) }
                main #main {
                    (overview::system(suite))
                    (overview::workload(suite))
                    (overview::summary(suite))
                    (overview::health(suite))
                    @for test in &suite.tests { (test::section(test)) }
                    (overview::absent(suite))
                    (overview::instrument(suite))
                    (overview::appendix(suite))
                }
            }
        }
    };
    page.into_string()
}

fn title(suite: &Suite) -> String {
    match &suite.testbed {
        Some(testbed) => format!("AI fabric benchmark: {testbed}"),
        None => "AI fabric benchmark: reference fabrics".to_owned(),
    }
}

fn opening(suite: &Suite) -> Markup {
    let count = |state| suite.tests.iter().filter(|test| test.state == state).count();
    let states = [State::Complete, State::Partial, State::NotRun].map(|state| (count(state), state));
    let counted: Vec<String> = states
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {}", shown::state(*state)))
        .collect();
    let unmet: usize = suite.tests.iter().map(Test::unmet_in_all).sum();
    html! {
        h1 { (title(suite)) }
        p.under { "The tests of " (DRAFT) " that squall " (suite.squall_version) " implements" }
        p.verdict {
            (shown::conforming(suite.conforming)) " "
            "Profile " strong { (suite.profile) } ", "
            @if counted.is_empty() { "no test" } @else { (counted.join(", ")) }
            ", seed " (suite.seed) ". "
            @if unmet == 1 { "One expectation is not met." }
            @else if unmet > 1 { (unmet) " expectations are not met." }
        }
        @if !suite.changes.is_empty() {
            p { "Not as the profile has it: " (suite.changes.join("; ")) "." }
        }
        @if !suite.conforming {
            @if suite.nonconformities.is_empty() {
                p { "Which tests do not meet the draft's conditions, and why, is said with each of them." }
            } @else {
                p { "What the draft asks for and this suite does not do:" }
                (shown::sentences(&suite.nonconformities))
            }
        }
    }
}

/// The anchor of a test.
fn anchor(test: &Test) -> String {
    let safe = test.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    "test-".chars().chain(safe).collect()
}

fn contents(suite: &Suite) -> Markup {
    html! {
        h2 #contents { "Contents" }
        ol.contents {
            li { a href="#system" { "System Configuration" } }
            li { a href="#workload" { "Workload Parameters" } }
            li { a href="#summary" { "KPI Summary" } }
            li { a href="#health" { "Fabric Health Indicators" } }
            @for test in &suite.tests {
                li {
                    a href={ "#" (anchor(test)) } { "Test " (test.id) ": " (test.title) }
                    " " (shown::badge(test.state))
                    @if !test.unmet.is_empty() { " " span.badge.bad { "! " (test.unmet_in_all()) " not met" } }
                }
            }
            li { a href="#absent" { "Tests that are not here" } }
            li { a href="#instrument" { "The instrument" } }
            li { a href="#appendix" { "Raw data" } }
        }
    }
}

#[cfg(test)]
mod tests;
