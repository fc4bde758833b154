//! `squall list`: what is shipped, each with the one question that it asks.

use serde_json::json;

use super::devices::print;
use super::{Failure, Outcome};
use crate::report::terminal::View;
use crate::report::terminal::table::{Tone, toned};
use crate::report::terminal::text::wrap;
use crate::{pattern, suite, sweep, testbed, yaml};

/// List what is shipped: patterns, sweeps, testbeds and the draft's tests, with the question that each asks
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these
    kind: Option<Kind>,

    /// Print a JSON object: for each kind a list of names and questions
    #[arg(long)]
    json: bool,
}

/// What there is to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// For squall run
    Patterns,
    /// For squall sweep
    Sweeps,
    /// For --testbed
    Testbeds,
    /// For squall suite run
    Tests,
}

/// Name and text of each shipped file of a kind.
type Shipped = &'static [(&'static str, &'static str)];

impl Kind {
    /// The kind, its name, how its files are used, and the files.
    const ALL: [(Kind, &str, &str, Shipped); 4] = [
        (Kind::Patterns, "patterns", "squall run PATTERN", pattern::SHIPPED),
        (Kind::Sweeps, "sweeps", "squall sweep SWEEP --out DIR", sweep::SHIPPED),
        (
            Kind::Testbeds,
            "testbeds",
            "squall run PATTERN --testbed TESTBED",
            testbed::SHIPPED,
        ),
        (Kind::Tests, "tests", "squall suite run TEST --out DIR", suite::SHIPPED),
    ];
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written to.
pub fn run(args: &Args) -> Outcome {
    let wanted = Kind::ALL
        .into_iter()
        .filter(|(kind, ..)| args.kind.is_none_or(|only| only == *kind));
    if args.json {
        let all: serde_json::Map<_, _> = wanted
            .map(|(_, name, _, items)| {
                let items: Vec<_> = items
                    .iter()
                    .map(|(name, text)| json!({"name": name, "question": yaml::question(text)}))
                    .collect();
                (name.to_owned(), json!(items))
            })
            .collect();
        let text = serde_json::to_string_pretty(&all).map_err(|error| Failure::Run(error.to_string()))?;
        return print(&format!("{text}\n"));
    }
    let view = View::of_stdout();
    let mut sections = Vec::new();
    for (_, name, used, items) in wanted {
        let widest = items.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = format!("{}  ({used})\n", toned(name, Tone::Strong, view));
        for (name, source) in items {
            let question = yaml::question(source).unwrap_or_default();
            text.push_str(wrap(&format!("  {name:widest$}  "), question, view).trim_end());
            text.push('\n');
        }
        sections.push(text);
    }
    print(&sections.join("\n"))
}
