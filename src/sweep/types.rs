//! A sweep as it was asked for. `docs/SWEEPS.md` describes each key.

use std::time::Duration;

use super::keys::HOOKS;
use super::search::Search;
use super::series::Sampled;
use super::{Given, point};
use crate::expect::Better;
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
    /// `derived`: figures that follow from others.
    pub derived: Vec<Derived>,
    /// `search`: not every point is run, but those that a limit is found with. Its key is the last axis.
    pub search: Option<Search>,
}

/// Keys that change together, all to the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The keys: of the pattern; of the testbed with `testbed.` before them; for hooks only, with
    /// `device.`.
    pub keys: Vec<String>,
    /// Its name for people (`labels`), where it has one.
    pub label: Option<String>,
}

impl Sweep {
    /// Takes what the command line says instead.
    pub(super) fn take(&mut self, given: &Given) {
        self.testbed = given.testbed.clone().or(self.testbed.take());
        self.trials = given.trials.unwrap_or(self.trials);
        self.seed = given.seed.unwrap_or(self.seed);
    }

    /// A point in words; empty where there is none of this number.
    #[must_use]
    pub fn said(&self, point: usize) -> String {
        let values = self.points.get(point);
        values.map_or(String::new(), |values| point::said(&self.axes, values))
    }

    /// How many points are run: all of them, or as many as a search may take.
    #[must_use]
    pub fn most_points(&self) -> usize {
        match &self.search {
            Some(search) => self.points.len() / search.values.len() * search.most_points(),
            None => self.points.len(),
        }
    }
}

impl Axis {
    /// Its name in tables: the keys, separated by commas.
    #[must_use]
    pub fn title(&self) -> String {
        self.keys.join(",")
    }

    /// Whether tables for people and charts leave it out: its label is empty, because another axis says in
    /// words what its values are.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.label.as_deref() == Some("")
    }

    /// Its name in charts: the one for people, else the last part of each key, each once.
    #[must_use]
    pub fn shown(&self) -> String {
        self.label.clone().unwrap_or_else(|| self.short())
    }

    /// Its name in a line of text: the last part of each key, each once.
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
    /// When the sweep ends; `None`: the one of `before` or `during`, where that is a shipped one.
    pub end: Option<String>,
    /// How long each may take.
    pub timeout: Duration,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            before: None,
            during: None,
            at: HOOKS.at.default,
            after: None,
            end: None,
            timeout: Duration::from_nanos(HOOKS.timeout.default.nanos()),
        }
    }
}

/// A figure by name, as a line of `expect` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureName {
    /// Where, if it says: a traffic entry, `ports`, `queues`, `run`, `device`, `derived`.
    pub scope: Option<String>,
    /// The figure.
    pub figure: String,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: String,
}

impl FigureName {
    /// Name and statistic.
    #[must_use]
    pub fn title(&self) -> String {
        match self.statistic.as_str() {
            "" => self.figure.clone(),
            statistic => format!("{}.{statistic}", self.figure),
        }
    }
}

impl std::fmt::Display for FigureName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{scope}: {}", self.title()),
            None => f.write_str(&self.title()),
        }
    }
}

/// A figure that follows from others, for each trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which way it gets better.
    pub better: Better,
    /// The formula as typed, over the names of `terms`.
    pub formula: String,
    /// What the names in the formula stand for.
    pub terms: Vec<(String, Term)>,
}

/// What a name in a formula stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// A figure of the same trial.
    Figure(FigureName),
    /// The value of an axis at the point: index into [`Sweep::axes`].
    Axis(usize),
    /// The mean of a figure over the trials of the point that has these values, and otherwise this
    /// point's.
    At(FigureName, Vec<(usize, String)>),
    /// A figure of many places of the same trial, taken together.
    Over {
        /// The figure.
        figure: FigureName,
        /// Which places, `*` standing for any text.
        of: String,
        /// How.
        take: Take,
    },
}

/// How figures of many places are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// Jain's fairness index.
    Jfi,
}

impl Take {
    /// The words for them.
    pub const WORDS: &'static [(&'static str, Take)] = &[
        ("max", Take::Max),
        ("min", Take::Min),
        ("mean", Take::Mean),
        ("sum", Take::Sum),
        ("jfi", Take::Jfi),
    ];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Take::WORDS.iter().find(|(_, take)| *take == self);
        found.map_or("", |(word, _)| word)
    }
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// `marking-rate`: ECN_marking_rate over what is varied.
    MarkingRate,
    /// `marking-curve`: marking probability over queue depth.
    MarkingCurve,
    /// `latency-cdf`: distribution of message latency.
    LatencyCdf,
    /// Any figure over any axis.
    Figure(Box<FigurePlot>),
    /// A figure of a sampled run over its time.
    Samples(SamplesPlot),
}

/// A figure of a sampled run over its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplesPlot {
    /// File name without extension.
    pub name: String,
    /// Its title, where it is not the figure's.
    pub title: Option<String>,
    /// The figure.
    pub figure: Sampled,
}

/// A figure over an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct FigurePlot {
    /// File name without extension.
    pub name: String,
    /// Its title, where it is not made of the figure and the axis.
    pub title: Option<String>,
    /// The figure.
    pub figure: FigureName,
    /// Index into [`Sweep::axes`]; `None`: the first one that is numeric.
    pub over: Option<usize>,
    /// Whether the horizontal and the vertical axis are logarithmic; `None`: as it suits the values.
    pub log: Option<(bool, bool)>,
    /// A second figure, by an axis on the right.
    pub right: Option<FigureName>,
    /// A figure whose value stands beside each point of the first.
    pub note: Option<FigureName>,
    /// Whether the line rate of the ports has a line.
    pub line_rate: bool,
    /// An axis that has a chart for each of its values.
    pub split: Option<usize>,
    /// What the values make.
    pub form: Form,
}

/// What the values of a chart make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Lines.
    Lines,
    /// A heatmap, with the values of this axis as rows.
    Heat(usize),
    /// A bar for each place that this text matches, `*` standing for any text.
    Places(String),
}

impl FigurePlot {
    /// Lines of a figure over the first numeric axis.
    #[must_use]
    pub fn new(name: &str, figure: FigureName) -> FigurePlot {
        FigurePlot {
            name: name.to_owned(),
            title: None,
            figure,
            over: None,
            log: None,
            right: None,
            note: None,
            line_rate: false,
            split: None,
            form: Form::Lines,
        }
    }
}
