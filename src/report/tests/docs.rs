//! `docs/RESULTS.md` describes every field and every word, and nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::example::results;
use crate::report::model::*;

/// Objects that occur in several places and are described once.
const SHARED: [(&str, &[&str]); 11] = [
    (
        "distribution",
        &[
            "unit",
            "source",
            "uncertainty_ps",
            "below_resolution",
            "count",
            "min",
            "mean",
            "p50",
            "p95",
            "p99",
            "p99_9",
            "max",
            "percentiles",
        ],
    ),
    ("spread", &["min", "mean", "max"]),
    ("burst spread", &["bursts", "p50_ps", "p99_ps", "max_ps"]),
    ("times", &["tx", "rx"]),
    ("estimate", &["value", "low", "high"]),
    (
        "marking",
        &[
            "frames",
            "marked",
            "elsewhere",
            "deepest_bytes",
            "uncertainty_bytes",
            "onset",
            "at",
            "kmin_bytes",
            "kmax_bytes",
            "pmax",
            "step",
            "why_not",
            "verdict",
            "explanation",
            "curve",
        ],
    ),
    (
        "threshold",
        &[
            "bytes",
            "events",
            "min_bytes",
            "p50_bytes",
            "max_bytes",
            "uncertainty_bytes",
        ],
    ),
    (
        "trend",
        &[
            "name",
            "unit",
            "where",
            "samples",
            "first",
            "last",
            "min",
            "max",
            "median",
            "slope_per_hour",
            "mann_kendall_s",
            "mann_kendall_p",
            "variation_percent",
            "grows",
        ],
    ),
    ("sampled times", &["count", "p50_ps", "p99_ps", "max_ps"]),
    (
        "sampled rate",
        &["frames", "bytes", "wire_rate_bps", "utilization_percent"],
    ),
    ("waiting", &["frames", "mean_ps", "p99_ps", "max_ps"]),
];

/// Objects whose keys are data.
const MAPS: [&str; 6] = ["xstats", "parameters", "details", "system", "workload", "health"];

/// The paths of `value`'s fields: `a.b`, `list[].c`. Fields of shared objects go by their name.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let keys: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
            let shared = SHARED.iter().find(|(name, list)| {
                keys == list.iter().copied().collect() && !(*name == "times" && path.ends_with("cores"))
            });
            if let Some((name, _)) = shared.filter(|(name, _)| *name != path) {
                found.insert(path.to_owned());
                return paths(value, name, found);
            }
            for (key, field) in fields {
                let name = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                if MAPS.contains(&key.as_str()) {
                    found.insert(name);
                } else {
                    paths(field, &name, found);
                }
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                paths(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// The text of the first cell of each table row that is in backticks, by the heading above: what
/// stands there in backticks, or nothing.
fn described() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RESULTS.md");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        if line.starts_with('#') {
            heading = line.split('`').nth(1).unwrap_or_default().to_owned();
        } else if let Some(cell) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            found.entry(heading.clone()).or_default().push(cell.to_owned());
        }
    }
    found
}

#[test]
fn every_field_is_described_and_every_description_has_its_field() {
    let mut results = results();
    results.kpis[0].ci95 = Some(Interval { low: 1.0, high: 2.0 });
    results.add_device(Device {
        hook: "sonic".to_owned(),
        about: None,
        readings: vec![Reading::default()],
        left_out: vec![LeftOut {
            place: "Ethernet0".to_owned(),
            what: "frames".to_owned(),
            why: "its counters were reset while the trial ran".to_owned(),
        }],
    });
    results.add_soak(
        super::example::soak(),
        Some(super::example::trend("resident_memory", "bytes", "run")),
    );
    results.judge(&[crate::expect::parse("lost == 0", None).unwrap()]);
    let mut all = BTreeSet::new();
    let header = serde_json::to_value(super::example::sample_header()).unwrap();
    paths(&header, "samples' header", &mut all);
    let sample = serde_json::to_value(super::example::sample(0, 1, 1)).unwrap();
    paths(&sample, "sample", &mut all);
    paths(&serde_json::to_value(results).unwrap(), "", &mut all);
    // What is null or empty in one place has its fields in another.
    let within = |path: &String, other: &String| {
        other
            .strip_prefix(path.as_str())
            .is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let written: BTreeSet<String> = all
        .iter()
        .filter(|path| !all.iter().any(|other| within(path, other)))
        .cloned()
        .collect();
    let mut documented = BTreeSet::new();
    for (heading, rows) in described()
        .into_iter()
        .filter(|(heading, _)| !heading.starts_with(char::is_uppercase))
    {
        for row in rows {
            let path = if heading.is_empty() {
                row
            } else {
                format!("{heading}.{row}")
            };
            assert!(documented.insert(path.clone()), "{path} is described twice");
        }
    }
    let missing: Vec<_> = written.difference(&documented).collect();
    let surplus: Vec<_> = documented.difference(&written).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "not described: {missing:#?}\nnot a field: {surplus:#?}"
    );
}

#[test]
fn every_word_is_described() {
    fn words<T: Copy + ToString>(all: &[T]) -> Vec<String> {
        all.iter().map(T::to_string).collect()
    }
    let lists = [
        ("Clock", words(Clock::ALL)),
        ("TimeSource", words(TimeSource::ALL)),
        ("DutId", words(DutId::ALL)),
        ("LossCause", words(LossCause::ALL)),
        ("FairnessOver", words(FairnessOver::ALL)),
        ("PfcSource", words(PfcSource::ALL)),
        ("PacedBy", words(PacedBy::ALL)),
        ("PfcReaction", words(PfcReaction::ALL)),
        ("MarkAt", words(MarkAt::ALL)),
        ("MarkingVerdict", words(MarkingVerdict::ALL)),
        ("PauseDirection", words(PauseDirection::ALL)),
        ("FlowOrder", words(FlowOrder::ALL)),
        ("Statistic", words(Statistic::ALL)),
        ("AnomalyKind", words(AnomalyKind::ALL)),
    ];
    let documented: BTreeMap<_, _> = described()
        .into_iter()
        .filter(|(heading, _)| heading.starts_with(char::is_uppercase))
        .collect();
    assert_eq!(
        documented,
        lists
            .into_iter()
            .map(|(name, words)| (name.to_owned(), words))
            .collect()
    );
}

#[test]
fn words_are_written_as_they_are_named() {
    for kind in AnomalyKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), Value::from(kind.name()));
        assert!(kind.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    }
}
