//! A suite as one page for people.
//!
//! Contract: as of every page ([`crate::report::page`]): a function of the suite. The scorecard, a row a test,
//! stands first; the rest has the draft's order (its section 14 and Table 9).
//!
//! Left out on purpose: figures that the suite does not hold; files.

mod overview;
mod shown;
mod test;

use maud::{Markup, html};

use super::model::{State, Suite, Test};
use crate::report::page::{self, shown as parts};

pub use crate::report::page::FILE_NAME;

/// The draft that the report answers to.
const DRAFT: &str = "draft-calabria-bmwg-ai-fabric-inference-bench-01";

/// The whole page.
#[must_use]
pub fn render(suite: &Suite) -> String {
    let main = html! {
        (overview::scorecard(suite))
        (overview::system(suite))
        (overview::workload(suite))
        (overview::summary(suite))
        (overview::health(suite))
        @for test in &suite.tests { (test::section(test)) }
        (overview::absent(suite))
        (overview::instrument(suite))
        (overview::appendix(suite))
    };
    page::sheet(&title(suite), &suite.squall_version, &opening(suite), &main)
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
            (parts::conforming(suite.conforming)) " "
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
                p.under { "Which tests do not meet the draft's conditions, and why, is said with each of them." }
            } @else {
                (page::folded_on_screen("What the draft asks for and this suite does not do", &parts::sentences(&suite.nonconformities)))
            }
        }
    }
}

/// The anchor of a test.
fn anchor(test: &Test) -> String {
    page::anchor("test-", &test.id)
}

#[cfg(test)]
mod tests;
