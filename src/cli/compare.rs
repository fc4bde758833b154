//! `squall compare`: what differs between two results beyond chance.

use std::path::{Path, PathBuf};

use super::told::Junit;
use super::{Failure, Outcome};
use crate::compare::{self, Rules, html, load, shown};
use crate::lab::run::check_name;
use crate::report::terminal::View;
use crate::report::{self, page};
use crate::suite::model as suite;
use crate::sweep::tables;

/// Compare two suites, sweeps or runs: what got worse first, then what changed, then what got better
///
/// A is the base, B is judged. Exit status: 0 nothing is worse or changed, 1 something is (see --fail-on), 2 the
/// input is wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base: a folder that squall suite, squall sweep or squall run wrote, or its report.json, summary.json or
    /// results.json
    a: PathBuf,

    /// What is compared with it: of the same kind
    b: PathBuf,

    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    junit: Junit,

    /// Folder for the comparison as a page (report.html) and for programs (comparison.json), made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// List the figures that are the same, too
    #[arg(long)]
    all: bool,

    /// Least change that counts, in percent of A; 2% by default, and 10% of figures with a single trial
    #[arg(long, value_name = "PERCENT", value_parser = threshold)]
    threshold: Option<f64>,

    /// Confidence of the intervals, and that nothing was found by chance among all figures
    #[arg(long, value_name = "PERCENT", default_value = "95%", value_parser = confidence)]
    confidence: f64,

    /// What ends with status 1
    #[arg(long, value_enum, default_value_t = FailOn::Changed)]
    fail_on: FailOn,
}

/// What ends with status 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// A figure that got worse
    Worse,
    /// That, or one that changed and has no better direction, such as a threshold
    Changed,
    /// Nothing
    Never,
}

fn percent(text: &str) -> Option<f64> {
    let number: f64 = text.trim().trim_end_matches('%').trim_end().parse().ok()?;
    number.is_finite().then_some(number / 100.0)
}

fn threshold(text: &str) -> Result<f64, String> {
    percent(text)
        .filter(|share| (0.0..=100.0).contains(share))
        .ok_or_else(|| "a percentage from 0% to 10000% is needed, such as 2%".to_owned())
}

fn confidence(text: &str) -> Result<f64, String> {
    percent(text)
        .filter(|share| (0.5..=0.999_999).contains(share))
        .ok_or_else(|| "a percentage from 50% to 99.9999% is needed, such as 95%".to_owned())
}

/// The comparison for programs, within its folder.
const FILE_NAME: &str = "comparison.json";

/// Whether a comparison may be written into `folder`: results that are there have a page of their own.
fn free(folder: &Path) -> Outcome {
    check_name(folder)?;
    let taken = [report::FILE_NAME, tables::SUMMARY, suite::FILE_NAME]
        .into_iter()
        .find(|name| folder.join(name).exists());
    taken.map_or(Ok(()), |name| {
        Err(Failure::Input(format!(
            "--out {}: this folder holds {name}, whose page the comparison's would replace; choose another",
            folder.display()
        )))
    })
}

/// Writes a comparison's files, and returns the path of its page.
fn keep(folder: &Path, json: &str, page: &str) -> Result<PathBuf, Failure> {
    let failed = |error: report::WriteError| Failure::Environment(error.to_string());
    report::write_file(folder, FILE_NAME, json.as_bytes()).map_err(failed)?;
    report::write_file(folder, page::FILE_NAME, page.as_bytes()).map_err(failed)
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Run`] when something is worse or changed, [`Failure::Input`].
pub fn run(args: &Args) -> Outcome {
    args.junit.end("squall compare", compared(args))
}

fn compared(args: &Args) -> Outcome {
    let read = |path: &Path| load::load(path).map_err(|error| Failure::Input(error.to_string()));
    args.out.as_deref().map_or(Ok(()), free)?;
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let rules = Rules {
        threshold: args.threshold,
        confidence: args.confidence,
        all: args.all,
    };
    let comparison = compare::compare(&a, &b, &rules).map_err(|error| Failure::Input(error.to_string()))?;
    let json = serde_json::to_string_pretty(&comparison).map_err(|error| Failure::Run(error.to_string()))?;
    let json = format!("{json}\n");
    let page = args
        .out
        .as_deref()
        .map(|folder| keep(folder, &json, &html::render(&comparison)))
        .transpose()?;
    let text = if args.json {
        json
    } else {
        shown::render(&comparison, View::of_stdout())
    };
    super::devices::print(&text)?;
    if let Some(page) = page {
        super::say(&format!("the page: {}", page.display()));
    }
    let (worse, changed) = match args.fail_on {
        FailOn::Worse => (true, false),
        FailOn::Changed => (true, true),
        FailOn::Never => (false, false),
    };
    let checks = comparison.checks(worse, changed);
    args.junit.tell(&checks)?;
    if checks.failed().next().is_some() {
        return Err(Failure::Run(shown::verdict(&comparison)));
    }
    Ok(())
}
