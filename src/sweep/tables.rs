//! The tables of a sweep: each trial, each point's means, and the summary as JSON.
//!
//! Contract: `trials.csv` and `summary.csv` have a header; units are in the header or in a column
//! of their own; what was not measured is empty. Numbers read back as the same numbers.

use serde_json::{Value, json};

use super::gather::{Estimate, Gathered, Row};
use super::hook::plain;
use super::search;
use super::types::Sweep;
use crate::report::csv::Table;

/// The schema of `summary.json`.
pub const SCHEMA: &str = "squall.sweep/1";

/// The summary for programs, within a sweep's folder.
pub const SUMMARY: &str = "summary.json";

/// The files at the top of a sweep's folder that follow from its trials.
pub const FILES: [&str; 4] = ["trials.csv", "summary.csv", SUMMARY, "summary.txt"];

/// A number that reads back as the same; empty for none, and where nothing bounds it.
fn number(value: Option<f64>) -> String {
    let value = value.filter(|value| value.is_finite());
    value.map_or(String::new(), |value| value.to_string())
}

/// The keys that are varied, one column each, and their values at a point.
fn keys(sweep: &Sweep) -> impl Iterator<Item = &String> {
    sweep.axes.iter().flat_map(|axis| &axis.keys)
}

fn values(sweep: &Sweep, point: usize) -> Vec<String> {
    let of_point = sweep.points.get(point).map_or(&[][..], |point| &point.values);
    let pairs = sweep.axes.iter().zip(of_point);
    let each = pairs.flat_map(|(axis, value)| {
        let text = value.as_ref().map_or(String::new(), |value| plain(&value.value));
        std::iter::repeat_n(text, axis.keys.len())
    });
    each.collect()
}

fn of_trial(row: &Row, column: usize) -> Option<f64> {
    row.values.get(column).copied().flatten().map(|(value, _)| value)
}

/// One row a trial: point, trial, seed, what is varied, then every figure with its unit in the header.
#[must_use]
pub fn trials(sweep: &Sweep, gathered: &Gathered) -> Vec<u8> {
    let mut table = Table::new();
    let fixed = ["point", "trial", "seed"].map(str::to_owned);
    let figures = gathered.columns.iter().map(|column| match column.unit.as_str() {
        "1" => format!("{} {}", column.place, column.title()),
        unit => format!("{} {} [{unit}]", column.place, column.title()),
    });
    table.row(fixed.into_iter().chain(keys(sweep).cloned()).chain(figures));
    for row in &gathered.rows {
        let fixed = [row.point.to_string(), row.trial.to_string(), row.seed.to_string()];
        let cells = (0..gathered.columns.len()).map(|column| number(of_trial(row, column)));
        table.row(fixed.into_iter().chain(values(sweep, row.point)).chain(cells));
    }
    table.into_bytes()
}

/// One row a point and figure: mean, 95 % confidence interval, least and greatest.
#[must_use]
pub fn summary(sweep: &Sweep, gathered: &Gathered) -> Vec<u8> {
    let mut table = Table::new();
    let head = [
        "where",
        "figure",
        "unit",
        "trials",
        "mean",
        "ci95_low",
        "ci95_high",
        "min",
        "max",
    ];
    let before = std::iter::once("point".to_owned()).chain(keys(sweep).cloned());
    table.row(before.chain(head.map(str::to_owned)));
    for point in 0..sweep.points.len() {
        for (index, column) in gathered.columns.iter().enumerate() {
            let Some(found) = gathered.estimate(point, index) else {
                continue;
            };
            let own = [
                column.place.clone(),
                column.title(),
                column.unit.clone(),
                found.trials.to_string(),
                number(Some(found.mean)),
                number(found.ci95.map(|interval| interval.low)),
                number(found.ci95.map(|interval| interval.high)),
                number(Some(found.min)),
                number(Some(found.max)),
            ];
            let before = std::iter::once(point.to_string()).chain(values(sweep, point));
            table.row(before.chain(own));
        }
    }
    table.into_bytes()
}

/// Fewest trials of a configuration, where a test does not say otherwise (draft 1.3, 5.1, 8.1; RFC 2544 section
/// 26).
pub const DRAFT_TRIALS: usize = 20;

/// Why the trials do not meet the draft's conditions, a sentence each; `wanted`: how many trials of a
/// configuration it asks for.
#[must_use]
pub fn nonconformities(sweep: &Sweep, gathered: &Gathered, wanted: usize) -> Vec<String> {
    let least = gathered
        .points(sweep)
        .map(|(point, _)| gathered.trials_of(point))
        .min()
        .unwrap_or(0);
    // A trial by itself is one of too few; here it is known how many there are.
    let of_trials = gathered.nonconformities.iter();
    let mut nonconformities: Vec<String> = of_trials
        .filter(|text| *text != crate::report::ONE_TRIAL)
        .cloned()
        .collect();
    if least < wanted {
        nonconformities.push(format!(
            "{least} trials of a configuration: the draft asks for {wanted} or more."
        ));
    }
    nonconformities
}

/// Everything, for programs. `complete`: whether every trial is finished.
#[must_use]
pub fn json(sweep: &Sweep, gathered: &Gathered, complete: bool) -> Vec<u8> {
    let about = gathered.about.as_ref();
    let points: Vec<Value> = gathered
        .points(sweep)
        .map(|(point, _)| self::point(sweep, gathered, point))
        .collect();
    let nonconformities = nonconformities(sweep, gathered, DRAFT_TRIALS);
    let listed: Vec<Value> = gathered
        .listed
        .iter()
        .map(|(point, trial, expected)| json!({"point": point, "trial": trial, "expected": expected}))
        .collect();
    let value = json!({
        "schema": SCHEMA,
        "sweep": {
            "name": sweep.name,
            "description": sweep.description,
            "draft": sweep.draft.as_ref().or(about.and_then(|about| about.draft.as_ref())),
            "pattern": sweep.pattern,
            "pattern_sha256": about.map(|about| &about.pattern_sha256),
            "testbed": sweep.testbed,
            "testbed_sha256": about.and_then(|about| about.testbed_sha256.as_ref()),
            "set": sweep.set.iter().map(|change| format!("{}={}", change.keys.join(","), change.to.value)).collect::<Vec<_>>(),
            "question": about.and_then(|about| about.question.as_ref()),
            "asks": about.map_or(&[][..], |about| &about.asks),
            "keys": keys(sweep).collect::<Vec<_>>(),
            "trials": sweep.trials,
            "seed": sweep.seed,
            "clock": about.map(|about| &about.clock),
            "dut": about.map(|about| &about.dut),
            "settings": about.map(|about| for_all(sweep, &about.settings)),
            "squall_version": about.map(|about| &about.squall_version),
        },
        "complete": complete,
        "nonconformities": nonconformities,
        "search": search::json(sweep, gathered),
        "points": points,
        "expectations": { "judged": gathered.judged, "unmet": gathered.unmet, "listed": listed },
    });
    let mut bytes = serde_json::to_vec_pretty(&value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Of what was set in a trial, what holds for all: the sweep's own changes, and those of the command line.
fn for_all<'a>(sweep: &Sweep, settings: &'a [String]) -> Vec<&'a String> {
    let varied = |key: &str| key == "seed" || keys(sweep).any(|known| known == key);
    let of_key = |setting: &&String| !varied(setting.split('=').next().unwrap_or_default());
    settings.iter().filter(of_key).collect()
}

fn point(sweep: &Sweep, gathered: &Gathered, point: usize) -> Value {
    let of_point: serde_json::Map<String, Value> = keys(sweep)
        .cloned()
        .zip(values(sweep, point).into_iter().map(Value::from))
        .collect();
    let figures: Vec<Value> = gathered
        .columns
        .iter()
        .enumerate()
        .filter_map(|(index, column)| {
            let found: Estimate = gathered.estimate(point, index)?;
            Some(json!({
                "where": column.place,
                "figure": column.title(),
                "unit": column.unit,
                "trials": found.trials,
                "mean": found.mean,
                "ci95": found.ci95,
                "min": found.min,
                "max": found.max,
            }))
        })
        .collect();
    let anomalies: serde_json::Map<String, Value> = gathered
        .anomalies
        .iter()
        .filter(|((of, _), _)| *of == point)
        .map(|((_, kind), counted)| (kind.clone(), Value::from(counted.count)))
        .collect();
    json!({
        "index": point,
        "values": of_point,
        "trials": gathered.trials_of(point),
        "figures": figures,
        "anomalies": anomalies,
    })
}
