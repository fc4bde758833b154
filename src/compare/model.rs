//! What a comparison found, `"schema":"squall.compare/1"`.
//!
//! Contract: keys are snake_case, figures carry their unit beside them, and `null` means that there is none: no
//! interval and no p of single trials, no percentage of a base of 0.

use serde::{Deserialize, Serialize};

use crate::expect::Better;
use crate::report::model::Interval;

/// The schema that this version writes.
pub const SCHEMA: &str = "squall.compare/1";

/// A whole comparison: A is the base, B is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// What both are.
    pub kind: Kind,
    /// Where A was read.
    pub a: String,
    /// Where B was read.
    pub b: String,
    /// Why the two may not be comparable, a sentence each: other patterns, another profile, …
    pub warnings: Vec<String>,
    /// In which conditions they differ.
    pub conditions: Vec<Condition>,
    /// By what was judged.
    pub rules: Judged,
    /// The figures that the pattern asks about, or of a suite each test's first, whatever became of them.
    #[serde(default)]
    pub asked: Vec<Answer>,
    /// Figures that got worse, the greatest change first.
    pub worse: Vec<Finding>,
    /// Figures that changed and have no better direction.
    pub changed: Vec<Finding>,
    /// Figures that got better.
    pub better: Vec<Finding>,
    /// How many figures are the same, as far as can be told.
    pub same: usize,
    /// How many cannot be judged: of several trials, only one measured them on one side.
    pub too_few: usize,
    /// Those that are the same, where they were asked for.
    pub listed_same: Vec<Finding>,
    /// What only A has.
    pub only_a: Vec<Place>,
    /// What only B has.
    pub only_b: Vec<Place>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Two suites.
    Suite,
    /// Two sweeps.
    Sweep,
    /// Two runs.
    Run,
}

impl Kind {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Suite => "suite",
            Kind::Sweep => "sweep",
            Kind::Run => "run",
        }
    }
}

/// A condition in which the two differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Which.
    pub name: String,
    /// A's.
    pub a: Option<String>,
    /// B's.
    pub b: Option<String>,
}

/// The rules, as they were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Least relative change that counts, of figures with several trials on both sides.
    pub threshold_percent: f64,
    /// The same where one side has a single trial, and there is no confidence.
    pub single_threshold_percent: f64,
    /// Confidence of intervals, and of all findings together.
    pub confidence_percent: f64,
    /// Figures on both sides.
    pub compared: usize,
    /// Of them, those tested by Welch's test.
    pub tested: usize,
    /// Of them, those that had a single trial on one side.
    pub single: usize,
}

/// Where a figure is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The draft's test, of a suite.
    pub test: Option<String>,
    /// The configuration: what is varied, `senders=8 kmin=100KB`; empty where nothing is.
    pub configuration: String,
    /// What it is a figure of: `traffic/<name>`, `ports`, `run`, …
    #[serde(rename = "where")]
    pub place: String,
    /// The figure, with its statistic: `KV_xfer_latency.p99`.
    pub figure: String,
    /// Its unit.
    pub unit: String,
}

/// A figure of one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Trials behind it.
    pub trials: u64,
    /// Their mean.
    pub mean: f64,
    /// 95 % interval: that of the mean over trials (Student's t), widened by what the readings themselves may be off.
    pub ci95: Option<Interval>,
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// It got worse.
    Worse,
    /// It changed, and has no better direction.
    Changed,
    /// It got better.
    Better,
    /// It is the same, as far as can be told.
    Same,
    /// It was measured too seldom to tell.
    TooFew,
}

impl Became {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Became::Worse => "worse",
            Became::Changed => "changed",
            Became::Better => "better",
            Became::Same => "the same",
            Became::TooFew => "measured too seldom to tell",
        }
    }
}

/// A figure that is asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The figure.
    #[serde(flatten)]
    pub finding: Finding,
    /// What became of it.
    pub became: Became,
}

/// A figure of both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which figure.
    #[serde(flatten)]
    pub at: Place,
    /// Which way is better.
    pub better: Better,
    /// A's.
    pub a: Estimate,
    /// B's.
    pub b: Estimate,
    /// B − A.
    pub difference: f64,
    /// The same in percent of A; none where A is 0.
    pub difference_percent: Option<f64>,
    /// Confidence interval of the difference (Welch), at the rules' confidence; none with a single trial.
    pub interval: Option<Interval>,
    /// Welch's p, two-sided; none with a single trial. 0 or 1 where neither side has any spread.
    pub p: Option<f64>,
    /// The same after Holm's correction for all figures tested.
    pub p_corrected: Option<f64>,
}
