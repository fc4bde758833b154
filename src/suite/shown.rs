//! A suite for people on the terminal: a row a test, with what it answers below it.
//!
//! Contract: as in `report::terminal`: nothing that is not in the result.

use super::grids;
use super::model::{State, Suite};
use crate::report::answer::Standing;
use crate::report::grid::Line;
use crate::report::terminal::View;
use crate::report::terminal::table::{Tone, toned};
use crate::report::terminal::text::{harmless, wrap};
use crate::units::shown::grouped;

/// The whole summary, ending in a newline.
#[must_use]
pub fn summary(suite: &Suite, view: View) -> String {
    let mut out = format!("the draft's tests, profile {}, seed {}\n\n", suite.profile, suite.seed);
    for test in &suite.tests {
        let finished: usize = test.points.iter().map(|point| point.trials).sum();
        let all = test.points.len() * test.trials as usize;
        let (state, tone) = match test.state {
            State::Complete => ("complete".to_owned(), Tone::Good),
            State::Partial => (format!("partial, {finished} of {all} trials"), Tone::Bad),
            State::NotRun => ("not run".to_owned(), Tone::Bad),
        };
        let anomalies: u64 = test.anomalies.iter().map(|anomaly| anomaly.count).sum();
        let anomalies = match anomalies {
            0 if finished == 0 => String::new(),
            0 => ", no anomaly".to_owned(),
            1 => ", 1 anomaly".to_owned(),
            count => format!(", {} anomalies", grouped(count)),
        };
        let name = wrap("", &harmless(&format!("{} {}", test.id, test.title)), view);
        out += &format!(
            "{} {}{anomalies}\n",
            toned(&name, Tone::Strong, view),
            toned(&state, tone, view)
        );
        if let Some(why) = &test.why {
            out += &format!("{}\n", wrap("    ", &harmless(why), view));
        }
        for line in grids::answer(test) {
            out += &told(&line, view);
        }
    }
    let unmet: usize = suite.tests.iter().map(super::model::Test::unmet_in_all).sum();
    if unmet > 0 {
        out += &format!(
            "\n{}\n",
            toned(&format!("{unmet} expectations are not met"), Tone::Bad, view)
        );
    }
    let verdict = if suite.conforming {
        "Every test conforms to the draft.".to_owned()
    } else {
        format!("Not conforming: {}", suite.nonconformities.join(" "))
    };
    out += &format!("\n{}\n", toned(verdict.trim_end(), Tone::Faint, view));
    out
}

/// A line of an answer: the figure, its configuration, its value, and what that is held against.
fn told(line: &Line, view: View) -> String {
    let at = if line.at.is_empty() {
        String::new()
    } else {
        format!(" ({})", line.at)
    };
    let against = if line.against.is_empty() {
        String::new()
    } else {
        format!(", {}", line.against)
    };
    let text = format!("{}{at}: {}{against}", line.about, line.value);
    let text = wrap("    ", &harmless(&text), view);
    let tone = match line.standing {
        Standing::Good | Standing::Plain => Tone::Plain,
        Standing::Bad => Tone::Bad,
    };
    format!("{}\n", toned(&text, tone, view))
}
