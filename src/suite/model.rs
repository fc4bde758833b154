//! The result of a suite, `"schema":"squall.suite/1"`: everything that its report shows and that two of
//! them are compared by.
//!
//! Contract: `report.json` is this and nothing else, and the HTML page, the CSV tables and `squall compare`
//! are made of this alone. Keys are snake_case; figures carry their unit beside them. It holds no wall-clock
//! time, so a suite that was stopped and resumed comes to the same bytes as one that was not (in virtual
//! time; where the clock is real, no two runs are alike).
//!
//! Left out on purpose: how the values come about (`gather`), and how they are shown (`html`, `csv`).

use serde::{Deserialize, Serialize};

pub use crate::expect::Better;
use crate::plot::Chart;
use crate::report::model::{Against, Interval};

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "squall.suite/1";

/// The result's file within a suite's folder.
pub const FILE_NAME: &str = "report.json";

/// Everything about one run of the suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// [`SCHEMA`].
    pub schema: String,
    /// squall's version.
    pub squall_version: String,
    /// The profile: `draft` or `quick`.
    pub profile: String,
    /// The testbed as named; none where each test has the reference fabric that it was made for.
    pub testbed: Option<String>,
    /// Seed that all others are derived from.
    pub seed: u64,
    /// What was changed of every test (`--set`), and the hooks of the device under test: `key=value`.
    #[serde(default)]
    pub changes: Vec<String>,
    /// Whether every test meets the draft's conditions.
    pub conforming: bool,
    /// Why not, where that holds of all tests, a sentence each.
    pub nonconformities: Vec<String>,
    /// The draft's System Configuration report (its section 14).
    pub system: Vec<Item>,
    /// The draft's Workload Characterization report (its section 14).
    pub workload: Vec<Item>,
    /// The draft's Fabric Health Indicators (its Table 5).
    pub health: Vec<Indicator>,
    /// The tests, in the draft's order.
    pub tests: Vec<Test>,
    /// The draft's other tests, and why they are not among them.
    pub absent: Vec<Absent>,
    /// The instrument: what times rest on, its own error, what must be known before trusting a figure.
    pub instrument: Instrument,
}

/// One row of a table of things to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What, in the draft's words.
    pub name: String,
    /// The value; none: nobody has said, "not provided".
    pub value: Option<String>,
    /// Who says so: `testbed`, `squall` (it can see it), or `device` (a hook read it).
    pub source: Option<String>,
    /// The key of the testbed file that it is asked for by, where it is.
    pub key: Option<String>,
}

/// One of the draft's Fabric Health Indicators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indicator {
    /// What, and who says so.
    #[serde(flatten)]
    pub item: Item,
    /// The draft's threshold, in its words.
    pub threshold: String,
    /// What it means, in the draft's words.
    pub description: String,
}

/// One test of the draft.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Its number: "8.1".
    pub id: String,
    /// Its title, in the draft's words.
    pub title: String,
    /// What was tested, as in the draft's Table 1: `DUT-S` or `DUT-F`.
    pub dut: String,
    /// What the test is for.
    pub objective: String,
    /// What was done.
    pub procedure: String,
    /// How far it is done.
    pub state: State,
    /// Why it was not run, or ended early.
    pub why: Option<String>,
    /// Trials of each configuration that were asked for.
    pub trials: u32,
    /// The clock: `virtual` or `tsc`.
    pub clock: Option<String>,
    /// Whether it meets the draft's conditions.
    pub conforming: bool,
    /// Why not, a sentence each.
    pub nonconformities: Vec<String>,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// The configurations.
    pub points: Vec<Point>,
    /// Every KPI of the draft that belongs to the test, of every configuration.
    pub kpis: Vec<Kpi>,
    /// Tables in the form that the draft asks for.
    pub tables: Vec<Table>,
    /// Charts in the form that the draft asks for.
    pub charts: Vec<NamedChart>,
    /// Where the draft contradicts itself: inputs, formula, both figures.
    pub remarks: Vec<Remark>,
    /// What a reader must know before trusting the figures: kinds of anomaly, with how often.
    pub anomalies: Vec<Anomaly>,
    /// Expectations that were not met: the first, a line each, and how many more.
    pub unmet: Vec<String>,
    /// How many were not met in all.
    #[serde(default)]
    pub unmet_count: usize,
}

impl Test {
    /// How many expectations were not met; of a report that does not say, as many as it lists.
    #[must_use]
    pub fn unmet_in_all(&self) -> usize {
        match self.unmet_count {
            0 => self.unmet.len(),
            count => count,
        }
    }
}

/// How far a test is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every trial is finished.
    Complete,
    /// Some are.
    Partial,
    /// None is.
    NotRun,
}

/// One axis of a test's configurations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Its name for people: "concurrent QPs".
    pub name: String,
    /// The keys that it changes.
    pub keys: Vec<String>,
}

/// One configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// A value for each axis, as text: "16MB"; none where the configuration leaves the key alone.
    pub values: Vec<Option<String>>,
    /// Finished trials.
    pub trials: usize,
}

/// One KPI of one configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kpi {
    /// Name as in the draft.
    pub name: String,
    /// Its statistic: `p99`, `tail-spread`; empty for a figure that is one number.
    pub statistic: String,
    /// Unit as in the draft.
    pub unit: String,
    /// The configuration: index into [`Test::points`].
    pub point: usize,
    /// What it is a figure of: `traffic/<name>`, `ports`, `queues`, `device/<where>`, `run`; `derived`.
    #[serde(rename = "where")]
    pub place: String,
    /// Trials behind it.
    pub trials: usize,
    /// Mean over the trials; none where none measured it.
    pub mean: Option<f64>,
    /// 95 % interval: that of the mean over trials (Student's t), widened by what the readings themselves may be off.
    pub ci95: Option<Interval>,
    /// The least of the trials.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
    /// What it is held against: what the testbed says is configured, or the line rate; none where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Which way is better.
    pub better: Better,
    /// Short definition; of a derived one, its formula.
    pub definition: String,
}

/// A table in the form that the draft asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The head: text, and unit where the column has one.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its unit; empty for text.
    pub unit: String,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A figure with its interval.
    Figure {
        /// The mean.
        mean: f64,
        /// Its interval.
        ci95: Option<Interval>,
    },
    /// Words.
    Text(String),
    /// Nothing was measured.
    Nothing(()),
}

/// A chart and its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedChart {
    /// Its name: letters, digits and `-`; unique within the test.
    pub name: String,
    /// The chart.
    pub chart: Chart,
}

/// Where the draft contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// About what: "T_dispatch of M2".
    pub about: String,
    /// What goes in: "B = 128, k = 4, …".
    pub inputs: String,
    /// The formula, and what follows from it.
    pub ours: String,
    /// What the draft prints.
    pub draft: String,
}

/// Anomalies of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The configuration; none: the whole test.
    pub point: Option<usize>,
    /// The kind, as in `results.json`.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// Where the first of them was, and what was said of it.
    #[serde(default)]
    pub first: String,
}

/// One of the draft's tests that is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Its number.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Why.
    pub reason: String,
}

/// What the figures rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// squall, DPDK, kernel, processor, drivers: what ran.
    pub environment: Vec<Item>,
    /// Of each test, what its times rest on, its pacing error, its calibration.
    pub tests: Vec<OfTest>,
}

/// The instrument in one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTest {
    /// The test's number.
    pub id: String,
    /// The clock.
    pub clock: Option<String>,
    /// What departures rest on.
    pub departures: Option<String>,
    /// What arrivals rest on.
    pub arrivals: Option<String>,
    /// The greatest rate error of any entry of any trial, in words.
    pub pacing: Option<String>,
    /// What `squall calibrate` measured, in words.
    pub calibration: Option<String>,
}
