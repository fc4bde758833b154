//! A sweep as it was asked for. `docs/SWEEPS.md` describes each key.

use std::time::Duration;

use crate::expect::Expectation;
use crate::units::Share;
use crate::yaml::Place;

/// A whole sweep file, or what the command line says instead of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// `name`; the file's stem when the file does not say.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `draft`; the pattern's where the file does not say.
    pub draft: Option<String>,
    /// `pattern`, as named.
    pub pattern: String,
    /// `testbed`, as named; `None`: the default.
    pub testbed: Option<String>,
    /// `set`: what holds for every point.
    pub set: Vec<Change>,
    /// What is varied: the columns of every table.
    pub axes: Vec<Axis>,
    /// The points, in order; at least one.
    pub points: Vec<Point>,
    /// `trials` of each point.
    pub trials: u32,
    /// `seed` that the trials' seeds are derived from.
    pub seed: u64,
    /// `hooks`.
    pub hooks: Hooks,
    /// `expect`, each with its place.
    pub expect: Vec<(Place, Expectation)>,
    /// `plots`; `None`: what the results are good for.
    pub plots: Option<Vec<Plot>>,
}

/// Keys that change together, all to the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The keys: of the pattern; of the testbed with `testbed.` before them; for hooks only, with
    /// `device.`.
    pub keys: Vec<String>,
}

impl Axis {
    /// Its name in tables: the keys, separated by commas.
    #[must_use]
    pub fn title(&self) -> String {
        self.keys.join(",")
    }

    /// Its name in charts: the last part of each key, each once.
    #[must_use]
    pub fn short(&self) -> String {
        let last = |key: &String| key.rsplit('.').next().unwrap_or(key).to_owned();
        // Keys that change together often end alike.
        let mut names: Vec<String> = self.keys.iter().map(last).collect();
        names.dedup();
        names.join("/")
    }
}

/// A value as YAML on one line, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: String,
    /// Its place, for messages.
    pub place: Place,
}

/// Keys and the value that all of them get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The keys.
    pub keys: Vec<String>,
    /// Their value.
    pub to: Setting,
}

/// One configuration: a value for each axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// In the order of [`Sweep::axes`]; `None` where the point leaves the key alone.
    pub values: Vec<Option<Setting>>,
}

/// What to run around each trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Hooks {
    /// Before it: the name, as typed.
    pub before: Option<String>,
    /// While it runs.
    pub during: Option<String>,
    /// When that is: a share of the pattern's duration.
    pub at: Share,
    /// After it.
    pub after: Option<String>,
    /// How long each may take.
    pub timeout: Duration,
}

/// How long a hook may take when nothing is said.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// When a hook runs during a trial and nothing is said: the draft's test 13.3 has it at half time.
pub const HALF_TIME: Share = Share(0.5);

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            before: None,
            during: None,
            at: HALF_TIME,
            after: None,
            timeout: TIMEOUT,
        }
    }
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plot {
    /// `marking-rate`: ECN_marking_rate over what is varied.
    MarkingRate,
    /// `marking-curve`: marking probability over queue depth.
    MarkingCurve,
    /// `latency-cdf`: distribution of message latency.
    LatencyCdf,
    /// Any figure over any axis.
    Figure(FigurePlot),
}

/// A figure over an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigurePlot {
    /// File name without extension.
    pub name: String,
    /// Place of the figure, as in `expect`.
    pub scope: Option<String>,
    /// Name of the figure.
    pub figure: &'static str,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: &'static str,
    /// Index into [`Sweep::axes`]; `None`: the first one that is numeric.
    pub over: Option<usize>,
    /// Whether the horizontal and the vertical axis are logarithmic; `None`: as it suits the values.
    pub log: Option<(bool, bool)>,
}
