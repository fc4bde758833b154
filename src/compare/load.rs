//! Reads one side of a comparison: a suite, a sweep or a run, as a file or the folder that holds it.
//!
//! Contract: what is read is believed only as far as it is possible: an interval around its mean, as many trials as
//! it takes. Everything else is refused with its place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::model::{Estimate, Kind, Place};
use crate::expect::{Asked, Better, better};
use crate::files;
use crate::report::model::{Interval, Results};
use crate::report::{self, figures};
use crate::suite::model::{self as suite, Suite};
use crate::sweep::tables;

/// The sweep's summary within its folder.
const SWEEP_FILE: &str = tables::SUMMARY;

/// One side.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The file that was read.
    pub file: String,
    /// What it is.
    pub kind: Kind,
    /// Its conditions, in a fixed order.
    pub conditions: Vec<Stated>,
    /// What a reader must know before trusting it, a sentence each.
    pub warnings: Vec<String>,
    /// Its figures, in the file's order.
    pub figures: Vec<Figure>,
}

/// A condition under which a result came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Which.
    pub name: &'static str,
    /// Its value; none: not said.
    pub value: Option<String>,
    /// Whether results that differ in it are of different things.
    pub decisive: bool,
}

/// A figure of one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Which.
    pub at: Place,
    /// Which way is better.
    pub better: Better,
    /// Its value; none where nobody measured it.
    pub value: Option<Estimate>,
    /// Whether all its trials are 0.
    pub none: bool,
    /// Finished trials of its configuration, whether they measured it or not.
    pub of: u64,
    /// Whether it answers the question that the pattern or the test asks.
    pub asked: bool,
}

/// Why a path holds nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder of something else.
    #[error("{path}: this folder holds no {}, {SWEEP_FILE} or {}; name the folder that `squall suite`, `squall sweep` \
             or `squall run` was given with --out", suite::FILE_NAME, report::FILE_NAME, path = path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// A file that is no JSON, or lacks something.
    #[error("{path}: not a result of squall: {source}. It may have been cut short: write it anew, or name another", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// Another schema.
    #[error("{path}: its schema is {found}; this version of squall compares {:?}, {:?} and {:?}", suite::SCHEMA, tables::SCHEMA, report::model::SCHEMA, path = path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its `schema`, in words.
        found: String,
    },
    /// A figure that cannot be.
    #[error("{path}: {at}: {what}; the file is damaged or was written by hand", path = path.display())]
    Impossible {
        /// The file.
        path: PathBuf,
        /// Which figure.
        at: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads `path`: a file, or the folder that holds it.
///
/// # Errors
/// [`LoadError`], each with the path.
pub fn load(path: &Path) -> Result<Side, LoadError> {
    let file = file_of(path)?;
    let json = |source| LoadError::Json {
        path: file.clone(),
        source,
    };
    let text = files::read_named(&file, files::MAX_RESULTS).map_err(|source| LoadError::File {
        path: file.clone(),
        source,
    })?;
    let value: Value = serde_json::from_slice(&text).map_err(json)?;
    let schema = value.get("schema").and_then(Value::as_str);
    let mut side = match schema {
        Some(suite::SCHEMA) => of_suite(&serde_json::from_value(value).map_err(json)?),
        Some(tables::SCHEMA) => of_sweep(serde_json::from_value(value).map_err(json)?),
        Some(report::model::SCHEMA) => of_run(&serde_json::from_value(value).map_err(json)?),
        other => {
            let found = other.map_or("not said".to_owned(), |found| format!("{found:?}"));
            return Err(LoadError::Schema { path: file, found });
        }
    };
    for figure in &side.figures {
        if let Some(what) = figure.value.as_ref().and_then(impossible) {
            let at = &figure.at;
            let at = [
                at.test.as_deref().unwrap_or(""),
                &at.configuration,
                &at.place,
                &at.figure,
            ];
            let named: Vec<&str> = at.into_iter().filter(|part| !part.is_empty()).collect();
            return Err(LoadError::Impossible {
                at: named.join(" "),
                what,
                path: file,
            });
        }
    }
    side.file = file.display().to_string();
    Ok(side)
}

fn file_of(path: &Path) -> Result<PathBuf, LoadError> {
    let about = std::fs::metadata(path).map_err(|source| LoadError::File {
        path: path.to_owned(),
        source,
    })?;
    if !about.is_dir() {
        return Ok(path.to_owned());
    }
    // A suite's folder holds sweeps, and a sweep's holds runs: the outermost is meant.
    [suite::FILE_NAME, SWEEP_FILE, report::FILE_NAME]
        .into_iter()
        .map(|name| path.join(name))
        .find(|file| file.exists())
        .ok_or_else(|| LoadError::Nothing { path: path.to_owned() })
}

/// What about a figure cannot be. JSON has no infinities: only an upper end may be open.
fn impossible(estimate: &Estimate) -> Option<String> {
    if estimate.trials == 0 {
        return Some("a mean of no trials".to_owned());
    }
    let interval = estimate.ci95?;
    let width = Some((interval.high - interval.low).abs()).filter(|width| width.is_finite());
    let slack = 1e-6 * width.unwrap_or(0.0) + 1e-9 * estimate.mean.abs();
    let within = interval.low <= estimate.mean + slack && estimate.mean <= interval.high + slack;
    (!within).then(|| {
        format!(
            "its mean {} is not within its confidence interval, {} to {}",
            estimate.mean, interval.low, interval.high
        )
    })
}

fn stated(name: &'static str, value: Option<impl ToString>, decisive: bool) -> Stated {
    Stated {
        name,
        value: value.map(|value| value.to_string()),
        decisive,
    }
}

fn of_suite(read: &Suite) -> Side {
    let mut side = Side {
        file: String::new(),
        kind: Kind::Suite,
        conditions: vec![
            stated("profile", Some(&read.profile), true),
            stated("testbed", read.testbed.as_ref(), false),
            stated("seed", Some(read.seed), false),
            stated(
                "changes",
                Some(read.changes.join("; ")).filter(|text| !text.is_empty()),
                false,
            ),
            stated("squall", Some(&read.squall_version), false),
        ],
        warnings: Vec::new(),
        figures: Vec::new(),
    };
    let list = |pick: fn(&suite::Test) -> Option<String>| {
        let said = read
            .tests
            .iter()
            .filter_map(|test| Some(format!("{}: {}", test.id, pick(test)?)));
        said.collect::<Vec<_>>().join(", ")
    };
    side.conditions
        .push(stated("tests", Some(list(|test| Some(test.dut.clone()))), false));
    side.conditions.push(stated(
        "trials",
        Some(list(|test| Some(test.trials.to_string()))),
        false,
    ));
    side.conditions
        .push(stated("clock", Some(list(|test| test.clock.clone())), true));
    for test in &read.tests {
        if test.state != suite::State::Complete {
            let how = if test.state == suite::State::NotRun {
                "was not run"
            } else {
                "is not complete"
            };
            let why = test.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
            side.warnings.push(format!("test {} {how}{why}", test.id));
        }
        for kpi in &test.kpis {
            let figure = match kpi.statistic.as_str() {
                "" => kpi.name.clone(),
                statistic => format!("{}.{statistic}", kpi.name),
            };
            let value = kpi.mean.map(|mean| Estimate {
                trials: kpi.trials as u64,
                mean,
                ci95: kpi.ci95,
            });
            side.figures.push(Figure {
                at: Place {
                    test: Some(test.id.clone()),
                    configuration: configuration(test, kpi.point),
                    place: kpi.place.clone(),
                    figure,
                    unit: kpi.unit.clone(),
                },
                better: kpi.better,
                none: kpi.min == Some(0.0) && kpi.max == Some(0.0),
                of: test.points.get(kpi.point).map_or(0, |point| point.trials as u64),
                // A test's file lists first what it is about.
                asked: test
                    .kpis
                    .first()
                    .is_some_and(|first| (&first.name, &first.statistic) == (&kpi.name, &kpi.statistic)),
                value,
            });
        }
    }
    side
}

/// The configuration of a test by what is varied.
fn configuration(test: &suite::Test, point: usize) -> String {
    let Some(point) = test.points.get(point) else {
        return format!("configuration {point}");
    };
    let pairs = test.axes.iter().zip(&point.values);
    let said = pairs.filter_map(|(axis, value)| Some(format!("{}={}", axis.name, value.as_ref()?)));
    said.collect::<Vec<_>>().join(", ")
}

/// `summary.json`, as far as it is compared.
#[derive(Deserialize)]
struct Summary {
    sweep: About,
    complete: bool,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct About {
    name: String,
    pattern: String,
    pattern_sha256: Option<String>,
    testbed: Option<String>,
    testbed_sha256: Option<String>,
    /// None in summaries of older versions.
    settings: Option<Vec<String>>,
    #[serde(default)]
    set: Vec<String>,
    keys: Vec<String>,
    trials: u32,
    seed: u64,
    clock: Option<String>,
    dut: Option<String>,
    #[serde(default)]
    squall_version: Option<String>,
    #[serde(default)]
    asks: Vec<String>,
}

#[derive(Deserialize)]
struct Point {
    values: serde_json::Map<String, Value>,
    trials: u64,
    figures: Vec<OfPoint>,
}

#[derive(Deserialize)]
struct OfPoint {
    #[serde(rename = "where")]
    place: String,
    figure: String,
    unit: String,
    trials: u64,
    mean: f64,
    ci95: Option<Interval>,
    min: f64,
    max: f64,
}

fn of_sweep(read: Summary) -> Side {
    let about = &read.sweep;
    let mut conditions = vec![
        stated("sweep", Some(&about.name), false),
        stated("pattern", Some(&about.pattern), false),
        stated("pattern's SHA-256", about.pattern_sha256.as_ref(), true),
        stated("testbed", about.testbed.as_ref(), false),
        stated("testbed's SHA-256", about.testbed_sha256.as_ref(), false),
    ];
    conditions.extend(settings(about.settings.as_ref().unwrap_or(&about.set)));
    conditions.extend([
        stated("varied", Some(about.keys.join(", ")), true),
        stated("trials", Some(about.trials), false),
        stated("seed", Some(about.seed), false),
        stated("clock", about.clock.as_ref(), true),
        stated("device under test", about.dut.as_ref(), true),
        stated("squall", about.squall_version.as_ref(), false),
    ]);
    let warnings = if read.complete {
        Vec::new()
    } else {
        vec!["the sweep is not complete".to_owned()]
    };
    let names = names(&about.keys, &read.points);
    let asks = asks(&about.asks);
    let mut figures = Vec::new();
    for point in read.points {
        let said = names.iter().filter_map(|(key, name)| {
            let value = point.values.get(*key)?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(format!("{name}={value}"))
        });
        let configuration = said.collect::<Vec<_>>().join(", ");
        figures.extend(point.figures.into_iter().map(|figure| Figure {
            asked: is_asked(&asks, &figure.figure, &figure.place),
            better: better(&figure.figure),
            at: Place {
                test: None,
                configuration: configuration.clone(),
                place: figure.place,
                figure: figure.figure,
                unit: figure.unit,
            },
            value: Some(Estimate {
                trials: figure.trials,
                mean: figure.mean,
                ci95: figure.ci95,
            }),
            none: figure.min == 0.0 && figure.max == 0.0,
            of: point.trials,
        }));
    }
    Side {
        file: String::new(),
        kind: Kind::Sweep,
        conditions,
        warnings,
        figures,
    }
}

/// The figures that a pattern asks about; a line that this version cannot read asks about nothing.
fn asks(lines: &[String]) -> Vec<Asked> {
    lines.iter().filter_map(|line| Asked::parse(line, None).ok()).collect()
}

/// Whether a figure with its statistic at a place is asked about.
fn is_asked(asks: &[Asked], title: &str, place: &str) -> bool {
    let (name, statistic) = title.split_once('.').unwrap_or((title, ""));
    let same = |one: &Asked| one.figure == name && one.statistic == statistic;
    asks.iter()
        .any(|one| same(one) && report::in_scope(one.scope.as_ref(), place))
}

/// The keys that tell points apart, each with a name: its last part, unless keys that vary by themselves end alike.
/// Keys that end alike and have one value at every point are one.
fn names<'a>(keys: &'a [String], points: &[Point]) -> Vec<(&'a str, &'a str)> {
    let last = |key: &'a str| key.rsplit('.').next().unwrap_or(key);
    let mut names: Vec<(&str, &str)> = Vec::new();
    for key in keys {
        let mut alike = keys.iter().filter(|other| last(other) == last(key));
        let together = alike.all(|other| {
            points
                .iter()
                .all(|point| point.values.get(other) == point.values.get(key))
        });
        let name = if together { last(key) } else { key.as_str() };
        if !names.iter().any(|(_, there)| *there == name) {
            names.push((key, name));
        }
    }
    names
}

/// What `--set` changed: of the testbed or the device, which may be just what is compared, and of the pattern.
fn settings(set: &[String]) -> [Stated; 2] {
    let set = set.iter().filter(|setting| !setting.starts_with("seed="));
    let of_testbed = |setting: &&String| setting.starts_with("testbed.") || setting.starts_with("device.");
    let join = |list: Vec<&String>| {
        let texts: Vec<&str> = list.into_iter().map(String::as_str).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    };
    let (testbed, pattern): (Vec<&String>, Vec<&String>) = set.partition(of_testbed);
    [
        stated("settings of the pattern", join(pattern), true),
        stated("settings of the testbed", join(testbed), false),
    ]
}

fn of_run(read: &Results) -> Side {
    let run = &read.run;
    let mut conditions = vec![
        stated("pattern", Some(&run.pattern), false),
        stated("pattern's SHA-256", Some(&run.pattern_sha256), true),
        stated("testbed", run.testbed.as_ref(), false),
        stated("testbed's SHA-256", run.testbed_sha256.as_ref(), false),
    ];
    conditions.extend(settings(&run.settings));
    conditions.extend([
        stated("seed", Some(run.seed), false),
        stated("clock", Some(run.clock), true),
        stated("device under test", Some(run.dut.id), true),
        stated("squall", Some(&read.environment.squall_version), false),
        stated("revision", read.environment.squall_revision.as_ref(), false),
    ]);
    let warnings = run
        .interrupted_by
        .iter()
        .map(|cause| format!("the run ended early: {cause}"));
    let classes = figures::of_classes(read, |port, class| figures::class_is_used(read, port, class));
    let asks = asks(&run.asks);
    let figures = figures::of(read).into_iter().chain(classes).map(|figure| Figure {
        asked: is_asked(&asks, &figure.title(), &figure.place),
        better: better(&figure.name),
        at: Place {
            test: None,
            configuration: String::new(),
            figure: figure.title(),
            place: figure.place,
            unit: figure.unit,
        },
        none: figure.value == Some(0.0),
        of: 1,
        value: figure.value.map(|mean| Estimate {
            trials: 1,
            mean,
            ci95: figure.own,
        }),
    });
    Side {
        file: String::new(),
        kind: Kind::Run,
        conditions,
        warnings: warnings.collect(),
        figures: figures.collect(),
    }
}

/// The figures that were measured, each under its place; of two of one place, which no file should have, by order.
pub(super) fn measured(side: &Side) -> Vec<((&Place, usize), &Figure, &Estimate)> {
    let mut seen: HashMap<&Place, usize> = HashMap::new();
    let measured = side
        .figures
        .iter()
        .filter_map(|figure| Some((figure, figure.value.as_ref()?)));
    measured
        .map(|(figure, estimate)| {
            let before = seen.entry(&figure.at).or_default();
            let key = (&figure.at, *before);
            *before += 1;
            (key, figure, estimate)
        })
        .collect()
}
