//! A comparison for people: what got worse first, then what changed, then what got better.
//!
//! Contract: as in `report::terminal`: nothing that is not in the comparison, a function of it and of the view.

use super::model::{Answer, Became, Comparison, Estimate, Finding, Place};
use crate::report::grid;
use crate::report::terminal::View;
use crate::report::terminal::table::{Cell, Table, Tone, toned};
use crate::report::terminal::text::{harmless, wrap};
use crate::units::shown::{change, figure, range};

/// Places that are listed of what only one side has.
const LISTED: usize = 10;

/// The whole comparison, ending in a newline.
#[must_use]
pub fn render(comparison: &Comparison, view: View) -> String {
    let mut out = String::new();
    for warning in &comparison.warnings {
        out += &toned(&format!("WARNING: {}", harmless(warning)), Tone::Bad, view);
        out.push('\n');
    }
    if !comparison.warnings.is_empty() {
        out.push('\n');
    }
    out += &format!("A  {}\nB  {}\n", harmless(&comparison.a), harmless(&comparison.b));
    conditions(&mut out, comparison, view);
    asked(&mut out, comparison, view);
    for (title, tone, findings) in [
        ("Worse in B", Tone::Bad, &comparison.worse),
        ("Changed", Tone::Warning, &comparison.changed),
        ("Better in B", Tone::Good, &comparison.better),
        ("The same", Tone::Plain, &comparison.listed_same),
    ] {
        if !findings.is_empty() {
            out += &format!("\n{}\n", toned(title, Tone::Strong, view));
            table(&mut out, findings, tone, comparison, view);
        }
    }
    lone(&mut out, "Only in A", &comparison.only_a, view);
    lone(&mut out, "Only in B", &comparison.only_b, view);
    out.push('\n');
    out += &summary(comparison);
    out.push('\n');
    out += &basis(comparison);
    out
}

/// What was found, in a line.
#[must_use]
pub fn summary(comparison: &Comparison) -> String {
    let too_few = match comparison.too_few {
        0 => String::new(),
        count => format!(", {count} measured too seldom to tell"),
    };
    format!(
        "{} of {} figures are worse, {} changed, {} better, {} the same{too_few}; {} only in A, {} only in B",
        comparison.worse.len(),
        comparison.rules.compared,
        comparison.changed.len(),
        comparison.better.len(),
        comparison.same,
        comparison.only_a.len(),
        comparison.only_b.len()
    )
}

/// By what it was judged.
pub(super) fn basis(comparison: &Comparison) -> String {
    let rules = &comparison.rules;
    let mut out = String::new();
    if rules.single + comparison.too_few < rules.compared {
        out += &format!(
            "A difference counts beyond {} % of A, with {} % confidence for all {} tests together (Welch, Holm).\n",
            figure(rules.threshold_percent),
            figure(rules.confidence_percent),
            rules.tested
        );
    }
    if rules.single > 0 {
        out += &format!(
            "{} of the figures have one trial only: nobody knows how far they scatter by themselves, and what is beyond {} % \
             of A is listed. Several trials of each tell (--trials).\n",
            rules.single,
            figure(rules.single_threshold_percent)
        );
    }
    out
}

fn conditions(out: &mut String, comparison: &Comparison, view: View) {
    if comparison.conditions.is_empty() {
        return;
    }
    *out += &format!("\n{}\n", toned("Conditions that differ", Tone::Strong, view));
    for condition in &comparison.conditions {
        let said = |value: &Option<String>| harmless(value.as_deref().unwrap_or(dash(view)));
        let text = format!(
            "{}: {} in A, {} in B",
            condition.name,
            said(&condition.a),
            said(&condition.b)
        );
        *out += &format!("{}\n", wrap("  ", &text, view));
    }
}

fn dash(view: View) -> &'static str {
    if view.unicode { "–" } else { "-" }
}

fn table(out: &mut String, findings: &[Finding], tone: Tone, comparison: &Comparison, view: View) {
    let percent = format!(">{} % interval", figure(comparison.rules.confidence_percent));
    let mut table = Table::new(&[
        ("figure", 0),
        ("test", 0),
        ("configuration", 0),
        ("where", 5),
        (">A", 0),
        (">B", 0),
        (">change", 4),
        (">%", 0),
        (percent.as_str(), 3),
        (">p", 2),
    ]);
    for finding in findings {
        let at = &finding.at;
        let interval = finding.interval.map_or(String::new(), |interval| {
            range(interval.low, Some(interval.high), &at.unit)
        });
        table.row(vec![
            Cell::toned(at.figure.as_str(), tone),
            at.test.as_deref().unwrap_or("").into(),
            at.configuration.as_str().into(),
            at.place.strip_prefix("traffic/").unwrap_or(&at.place).into(),
            estimate(&finding.a, &at.unit, view).into(),
            estimate(&finding.b, &at.unit, view).into(),
            change(finding.difference, &at.unit).into(),
            finding
                .difference_percent
                .map_or_else(|| dash(view).to_owned(), signed)
                .into(),
            interval.into(),
            finding.p.map_or(String::new(), probability).into(),
        ]);
    }
    *out += &table.render(view);
}

/// Figures that are asked about and listed; the others are counted.
const ASKED: usize = 12;

/// The figures that the pattern asks about, whatever became of them.
fn asked(out: &mut String, comparison: &Comparison, view: View) {
    if comparison.asked.is_empty() {
        return;
    }
    *out += &format!("\n{}\n", toned("What is asked about", Tone::Strong, view));
    let mut table = Table::new(&[
        ("figure", 0),
        ("test", 0),
        ("configuration", 0),
        ("where", 5),
        (">A", 0),
        (">B", 0),
        (">%", 1),
        ("became", 0),
    ]);
    for answer in comparison.asked.iter().take(ASKED) {
        let at = &answer.finding.at;
        let tone = match answer.became {
            Became::Worse => Tone::Bad,
            Became::Changed => Tone::Warning,
            Became::Better => Tone::Good,
            Became::Same | Became::TooFew => Tone::Plain,
        };
        table.row(vec![
            at.figure.as_str().into(),
            at.test.as_deref().unwrap_or("").into(),
            at.configuration.as_str().into(),
            at.place.strip_prefix("traffic/").unwrap_or(&at.place).into(),
            estimate(&answer.finding.a, &at.unit, view).into(),
            estimate(&answer.finding.b, &at.unit, view).into(),
            percent(answer, view).into(),
            Cell::toned(answer.became.words(), tone),
        ]);
    }
    *out += &table.render(view);
    let more = comparison.asked.len().saturating_sub(ASKED);
    if more > 0 {
        *out += &format!("  and {more} more\n");
    }
}

fn percent(answer: &Answer, view: View) -> String {
    let percent = answer.finding.difference_percent;
    percent.map_or_else(|| dash(view).to_owned(), signed)
}

/// A mean and its interval.
fn estimate(estimate: &Estimate, unit: &str, view: View) -> String {
    let ci95 = estimate.ci95.filter(|of| of.high > of.low);
    grid::estimate(estimate.mean, ci95, unit, view.unicode)
}

fn signed(value: f64) -> String {
    let text = figure(value);
    if value > 0.0 { format!("+{text}") } else { text }
}

fn probability(p: f64) -> String {
    if p > 0.0 && p < 1e-4 {
        "<0.0001".to_owned()
    } else {
        figure(p)
    }
}

fn lone(out: &mut String, title: &str, places: &[Place], view: View) {
    if places.is_empty() {
        return;
    }
    *out += &format!("\n{}\n", toned(title, Tone::Strong, view));
    for at in places.iter().take(LISTED) {
        let parts = [
            at.test.as_deref().unwrap_or(""),
            &at.configuration,
            &at.place,
            &at.figure,
        ];
        let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        *out += &format!("  {}\n", harmless(&named.join(" ")));
    }
    if places.len() > LISTED {
        *out += &format!("  and {} more\n", places.len() - LISTED);
    }
}

/// What B is, in a line, for whoever asks only for the verdict.
#[must_use]
pub fn verdict(comparison: &Comparison) -> String {
    let plural = |count: usize| if count == 1 { "figure is" } else { "figures are" };
    let (worse, changed) = (comparison.worse.len(), comparison.changed.len());
    let kind = comparison.kind.name();
    match (worse, changed) {
        (_, 0) => format!("{worse} {} worse in the second {kind}", plural(worse)),
        (0, _) => format!("{changed} {} not what they were in the first {kind}", plural(changed)),
        _ => format!(
            "{worse} {} worse in the second {kind}, and {changed} not what they were",
            plural(worse)
        ),
    }
}
