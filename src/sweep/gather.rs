//! What the finished trials come to: figures by column, means over the trials of a point.
//!
//! Contract: a function of the trials' results, read in order, one at a time; the same whether they were
//! made in one go or in many, and free of wall-clock times.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::search::{Search, Verdicts, found};
use super::store::{Store, StoreError};
use super::types::{FigureName, Point, Sweep};
use super::{DERIVED, derived, point};
use crate::expect::{Asked, Scope};
use crate::pattern;
use crate::report::figures::{self, Figure};
use crate::report::model::{
    self, Against, Budget, Configured, Environment, Expected, Interval, Queue, Results, Soak, TimeSources, Traffic,
};
use crate::report::{answer, checks, kpi, range, samples, stats};
use crate::units::Picos;

/// Where there are more ports than this, only what they come to together is in the tables.
const MAX_PORTS: usize = 8;

/// Most places of a device that have columns.
const MAX_DEVICE_PLACES: usize = 128;

/// Unmet expectations that are listed; all are counted.
const MAX_UNMET: usize = 100;

/// Everything that the tables and charts of a sweep are made of.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// The figures, in the order in which they first appear.
    pub columns: Vec<Column>,
    /// The trials, by point and number.
    pub rows: Vec<Row>,
    /// What was run, from the first trial.
    pub about: Option<About>,
    /// The values that derived figures can have, by name.
    pub ranges: BTreeMap<String, Interval>,
    /// Which goals of a search the trials met.
    pub verdicts: Verdicts,
    /// Expectations judged.
    pub judged: usize,
    /// Those not met.
    pub unmet: usize,
    /// The first of them, with point and trial.
    pub listed: Vec<(usize, u32, Expected)>,
    /// By point and line: how many trials met it, and the first that did not with what it measured.
    pub lines: BTreeMap<(usize, String), Line>,
    /// Anomalies by point and kind.
    pub anomalies: BTreeMap<(usize, String), Counted>,
    /// What hooks left out of the device's readings, by name and reason.
    pub left_out: BTreeMap<(String, String), Counted>,
    /// Why trials do not conform to the draft, each once.
    pub nonconformities: Vec<String>,
    /// Latency curves: by point and entry, for each percentile its sum over trials, and how many.
    pub latencies: BTreeMap<(usize, String), (Vec<f64>, u32)>,
    /// Marking over depth in the queue with the most marks, of the first finished trial of each point.
    pub curves: BTreeMap<usize, Queue>,
    /// What the testbed says is configured, of the first finished trial of each point.
    pub configured: BTreeMap<usize, Configured>,
    /// Line rate of each traffic entry's side with less of it, by point and place, in bits per second.
    pub line_rates: BTreeMap<(usize, String), u64>,
    /// What the samples of a sampled run come to, of the first finished trial of each point.
    pub soaks: BTreeMap<usize, Soak>,
    /// The samples of those trials.
    pub samples: BTreeMap<usize, PathBuf>,
    /// The greatest rate error of any entry of any trial that waited neither for pauses nor for its own
    /// port, in percent, without its sign.
    pub rate_error_percent: Option<f64>,
}

/// What a sweep's trials have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// SHA-256 of the pattern.
    pub pattern_sha256: String,
    /// SHA-256 of the testbed; none for the built-in one.
    pub testbed_sha256: Option<String>,
    /// The clock.
    pub clock: String,
    /// The question that the pattern asks, in its own words.
    pub question: Option<String>,
    /// The figures that answer it, the most important first.
    pub asks: Vec<String>,
    /// What is under test.
    pub dut: String,
    /// The draft's test, as "8.1".
    pub draft: Option<String>,
    /// What times rest on.
    pub timestamps: TimeSources,
    /// On what the first trial ran.
    pub environment: Environment,
    /// What was measured of the instrument itself.
    pub calibration: Option<Budget>,
    /// What the testbed file says of what nobody can see from outside.
    pub lab: model::About,
    /// What the testbed file says of the device under test.
    pub details: BTreeMap<String, String>,
    /// The testbed, in words.
    pub topology: Option<String>,
    /// Line rates of the ports, each once, in bits per second, the greatest last.
    pub speeds_bps: Vec<u64>,
    /// squall's version.
    pub squall_version: String,
    /// What was set in the first trial, its point's values and its seed among it.
    pub settings: Vec<String>,
}

/// What became of one line at one place, over the trials of a point.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// Trials in which it was judged.
    pub trials: u32,
    /// Those that did not meet it.
    pub unmet: u32,
    /// The first of them.
    pub first: Option<(u32, Expected)>,
}

/// Things of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How often.
    pub count: u64,
    /// Where the first of them was, and what was said of it.
    pub first: String,
}

/// One figure of one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: &'static str,
    /// Its unit.
    pub unit: String,
    /// Where.
    pub place: String,
}

impl Column {
    /// Name and statistic.
    #[must_use]
    pub fn title(&self) -> String {
        match self.statistic {
            "" => self.name.clone(),
            statistic => format!("{}.{statistic}", self.name),
        }
    }
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its point.
    pub point: usize,
    /// Its number.
    pub trial: u32,
    /// Its seed.
    pub seed: u64,
    /// Its figures, by column; shorter than the columns where later trials have more.
    pub values: Vec<Option<Measured>>,
}

/// A figure of one trial: its value, and how far the reading itself may be off where that is known.
pub type Measured = (f64, Option<Interval>);

/// A figure over the trials of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Trials that measured it.
    pub trials: usize,
    /// Their mean.
    pub mean: f64,
    /// 95 % interval: that of the mean over trials, widened by the readings' own; none for one trial whose
    /// reading has none.
    pub ci95: Option<Interval>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// Reads every finished trial of `sweep`.
///
/// # Errors
/// Results that cannot be read.
pub fn gather(store: &Store, sweep: &Sweep) -> Result<Gathered, StoreError> {
    let mut gathered = Gathered::default();
    let mut index: HashMap<Column, usize> = HashMap::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for trial in store.results() {
        let (entry, results) = trial?;
        let of_ports = results.ports.iter().map(|port| format!("ports/{}", port.name));
        let of_device = results.device.iter().flat_map(|device| &device.readings);
        let of_queues = results.inferred.queues.iter();
        // Of many ports single ones are left out anyhow, and their classes.
        let few = results.ports.len() <= MAX_PORTS;
        let of_classes = figures::of_classes(&results, |_, _| few);
        let classes: BTreeSet<&str> = of_classes.iter().map(|figure| figure.place.as_str()).collect();
        let singles = of_ports
            .chain(classes.into_iter().map(str::to_owned))
            .chain(of_device.map(|reading| format!("device/{}", reading.place)))
            .chain(of_queues.map(|queue| format!("queues/{}/{}", queue.port, queue.class)));
        for place in singles {
            *places.entry(place).or_default() += 1;
        }
        let mut values = Vec::with_capacity(gathered.columns.len());
        for figure in figures::of(&results).into_iter().chain(of_classes) {
            let Figure {
                name,
                statistic,
                unit,
                place,
                value,
                own,
            } = figure;
            let column = Column {
                name,
                statistic,
                unit,
                place,
            };
            let at = *index.entry(column).or_insert_with_key(|column| {
                gathered.columns.push(column.clone());
                gathered.columns.len() - 1
            });
            if values.len() <= at {
                values.resize(at + 1, None);
            }
            if let Some(cell) = values.get_mut(at) {
                *cell = value.map(|value| (value, own));
            }
        }
        gathered.rows.push(Row {
            point: entry.point,
            trial: entry.trial,
            seed: entry.seed,
            values,
        });
        if results.soak.is_some() && !gathered.samples.contains_key(&entry.point) {
            let file = store
                .folder()
                .join(point::folder(entry.point, entry.trial))
                .join(samples::FILE_NAME);
            gathered.samples.insert(entry.point, file);
        }
        if let Some(search) = &sweep.search {
            gathered
                .verdicts
                .insert(entry.point, entry.trial, search.verdict(&results));
        }
        gathered.take(entry.point, entry.trial, results);
    }
    // Of all that there is, before single ports and places are left out.
    derived::add(sweep, &mut gathered);
    gathered.leave_out(&places);
    if sweep.search.as_ref().is_some_and(Search::asks_expectations) {
        // They are what is searched for, and not what had to hold everywhere.
        (gathered.judged, gathered.unmet) = (0, 0);
        gathered.listed.clear();
        gathered.lines.clear();
    }
    Ok(gathered)
}

impl Gathered {
    fn take(&mut self, point: usize, trial: u32, results: Results) {
        let run = &results.run;
        self.about.get_or_insert_with(|| About {
            pattern_sha256: run.pattern_sha256.clone(),
            testbed_sha256: run.testbed_sha256.clone(),
            clock: run.clock.to_string(),
            question: run.question.clone(),
            asks: run.asks.clone(),
            dut: run.dut.id.to_string(),
            draft: results.traffic.first().and_then(|entry| entry.draft.clone()),
            timestamps: run.timestamps,
            environment: results.environment.clone(),
            calibration: results.calibration.clone(),
            lab: run.about.clone(),
            details: run.dut.details.clone(),
            topology: Some(topology(run)),
            speeds_bps: {
                let mut speeds: Vec<u64> = results.ports.iter().filter_map(|port| port.speed_bps).collect();
                speeds.sort_unstable();
                speeds.dedup();
                speeds
            },
            squall_version: results.environment.squall_version.clone(),
            settings: run.settings.clone(),
        });
        // What waited for a pause, or for its own port, says nothing of how evenly squall sends.
        let free = |entry: &&Traffic| results.paused(entry) == Picos::ZERO && !results.is_overbooked(entry);
        let errors =
            (results.traffic.iter().filter(free)).filter_map(|entry| entry.pacing.as_ref()?.rate_error_percent);
        self.rate_error_percent = errors.map(f64::abs).chain(self.rate_error_percent).reduce(f64::max);
        for text in &run.nonconformities {
            if !self.nonconformities.contains(text) {
                self.nonconformities.push(text.clone());
            }
        }
        for anomaly in &results.anomalies {
            let kind = (point, anomaly.kind.name().to_owned());
            let counted = self.anomalies.entry(kind).or_insert_with(|| Counted {
                count: 0,
                first: format!("{}: {}", anomaly.place, anomaly.text),
            });
            counted.count += 1;
        }
        for left in results.device.iter().flat_map(|device| &device.left_out) {
            let about = (left.what.clone(), left.why.clone());
            let counted = self.left_out.entry(about).or_insert_with(|| Counted {
                count: 0,
                first: left.place.clone(),
            });
            counted.count += 1;
        }
        // Of a background load nobody asks how long its messages take.
        for entry in results
            .traffic
            .iter()
            .filter(|entry| pattern::about(&entry.kind) != pattern::About::Load)
        {
            let Some(latency) = &entry.message_latency else {
                continue;
            };
            let sums = self.latencies.entry((point, entry.name.clone())).or_default();
            sums.0.resize(latency.percentiles.len(), 0.0);
            for (sum, value) in sums.0.iter_mut().zip(&latency.percentiles) {
                #[expect(clippy::cast_precision_loss, reason = "picoseconds into a chart")]
                let value = *value as f64;
                *sum += value;
            }
            sums.1 += 1;
        }
        if let Some(soak) = &results.soak {
            self.soaks.entry(point).or_insert_with(|| soak.clone());
        }
        self.configured.entry(point).or_insert(results.inferred.configured);
        for entry in &results.traffic {
            if let Some(bps) = answer::line_rate(&results, entry) {
                self.line_rates.entry((point, kpi::place_of(entry))).or_insert(bps);
            }
        }
        if let Some(queue) = figures::busiest_queue(&results) {
            self.curves.entry(point).or_insert_with(|| queue.clone());
        }
        for expected in &results.expectations {
            let line = self.lines.entry((point, checks::line_of(expected))).or_default();
            line.trials += 1;
            line.unmet += u32::from(!expected.met);
            if !expected.met && line.first.is_none() {
                line.first = Some((trial, expected.clone()));
            }
        }
        self.judged += results.expectations.len();
        for expected in results.expectations.into_iter().filter(|expected| !expected.met) {
            self.unmet += 1;
            if self.listed.len() < MAX_UNMET {
                self.listed.push((point, trial, expected));
            }
        }
    }

    /// Leaves out the columns of single ports and places where there are too many to be read, or that not
    /// every trial has: those come and go with what is varied. Of a port's classes those are left out in which nothing was paused in any
    /// trial.
    fn leave_out(&mut self, places: &BTreeMap<String, usize>) {
        let crowd = |folder: &str, most: usize| {
            let there = places
                .keys()
                .filter(|place| place.starts_with(folder) && !is_class(place));
            there.count() > most
        };
        let used: BTreeSet<String> = (0..)
            .zip(&self.columns)
            .filter(|(at, _)| {
                let mut values = self
                    .rows
                    .iter()
                    .filter_map(|row| row.values.get(*at).copied().flatten());
                values.any(|(value, _)| value != 0.0)
            })
            .map(|(_, column): (usize, _)| column.place.clone())
            .collect();
        let folders = [
            ("ports/", crowd("ports/", MAX_PORTS)),
            ("queues/", crowd("queues/", MAX_PORTS)),
            ("device/", crowd("device/", MAX_DEVICE_PLACES)),
        ];
        let kept = |column: &Column| {
            let place = column.place.as_str();
            let single = folders.iter().find(|(folder, _)| place.starts_with(folder));
            let unused = is_class(place) && !used.contains(place);
            single.is_none_or(|(_, crowded)| !crowded && !unused && places.get(place) == Some(&self.rows.len()))
        };
        let keep: Vec<bool> = self.columns.iter().map(kept).collect();
        let mut flags = keep.iter();
        self.columns.retain(|_| flags.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut flags = keep.iter();
            row.values.retain(|_| flags.next().copied().unwrap_or(true));
        }
    }

    /// A figure over the finished trials of `point`; `None` where none measured it.
    #[must_use]
    pub fn estimate(&self, point: usize, column: usize) -> Option<Estimate> {
        let rows = self.rows_of(point).iter();
        let measured: Vec<Measured> = rows
            .filter_map(|row| row.values.get(column).copied().flatten())
            .collect();
        let (mean, ci95) = stats::over_trials(&measured, self.range_of(self.columns.get(column)?))?;
        let values: Vec<f64> = measured.into_iter().map(|(value, _)| value).collect();
        Some(Estimate {
            trials: values.len(),
            mean,
            ci95,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// What a figure of `point` is held against: what is configured, or the line rate of all that it is a sum of.
    #[must_use]
    pub fn against(&self, point: usize, column: &Column) -> Option<Against> {
        let said = self.configured.get(&point);
        let configured = said.and_then(|said| Against::of_figure(&column.name, said));
        configured.or_else(|| {
            let is_whole = column.unit == "GB/s" && matches!(column.statistic, "" | "aggregate");
            let key = (point, column.place.clone());
            let bps = is_whole.then(|| self.line_rates.get(&key))?;
            bps.copied().map(Against::line_rate)
        })
    }

    /// The columns that the pattern asks about, in its order, each once.
    #[must_use]
    pub fn asked(&self) -> Vec<usize> {
        let asks = self.about.iter().flat_map(|about| &about.asks);
        let mut asked: Vec<usize> = Vec::new();
        for one in asks.filter_map(|text| Asked::parse(text, None).ok()) {
            let scope = one.scope.as_ref().map(ToString::to_string);
            for column in self.columns_of(scope.as_deref(), one.figure, one.statistic) {
                if !asked.contains(&column) {
                    asked.push(column);
                }
            }
        }
        asked
    }

    /// The values that a column's figure can have.
    fn range_of(&self, column: &Column) -> Interval {
        if column.place == DERIVED {
            return self.ranges.get(&column.name).copied().unwrap_or(range::ANY);
        }
        range::of(&column.name, &column.unit)
    }

    /// The columns of a figure at the places that `scope` means: as in `expect`; `derived` are those that
    /// follow from others.
    pub fn columns_of(&self, scope: Option<&str>, figure: &str, statistic: &str) -> impl Iterator<Item = usize> {
        let named = move |column: &Column| column.name == figure && column.statistic == statistic;
        // It was read from a file that was checked.
        let wanted = scope.and_then(|scope| Scope::parse(scope, None).ok());
        let there = |column: &Column| match scope {
            Some(DERIVED) => column.place == DERIVED,
            // A port's sum over its classes is its own; a class is meant only where it is named.
            _ if is_class(&column.place) => scope == Some(column.place.as_str()),
            _ => column.place != DERIVED && crate::report::in_scope(wanted.as_ref(), &column.place),
        };
        let found: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| named(column) && there(column))
            .map(|(index, _)| index)
            .collect();
        found.into_iter()
    }

    /// The columns of a figure at the single places whose names are like `pattern`, in which `*` stands
    /// for any text: `leaf* to spine*` of a device's readings.
    pub(super) fn columns_at(&self, figure: &FigureName, pattern: &str) -> impl Iterator<Item = usize> {
        let folder = match figure.scope.as_deref() {
            Some(scope @ ("device" | "ports" | "queues")) => format!("{scope}/"),
            _ => "traffic/".to_owned(),
        };
        let like = |column: &Column| {
            let place = column.place.strip_prefix(&folder);
            let place = place.filter(|_| !is_class(&column.place) || pattern.contains('/'));
            place.is_some_and(|place| derived::matches(pattern, place))
        };
        let named = |column: &Column| column.name == figure.figure && column.statistic == figure.statistic;
        let columns = self.columns.iter().enumerate();
        let found: Vec<usize> = columns
            .filter(|(_, column)| named(column) && like(column))
            .map(|(index, _)| index)
            .collect();
        found.into_iter()
    }

    /// A figure of one trial: at the first of its places that has it.
    pub(super) fn value(&self, row: usize, figure: &FigureName) -> Option<Measured> {
        let row = self.rows.get(row)?;
        self.columns_of(figure.scope.as_deref(), &figure.figure, &figure.statistic)
            .find_map(|column| row.values.get(column).copied().flatten())
    }

    /// Adds a column with its value in each row.
    pub(super) fn add_column(&mut self, column: Column, values: Vec<Option<Measured>>) {
        let at = self.columns.len();
        self.columns.push(column);
        for (row, value) in self.rows.iter_mut().zip(values) {
            row.values.resize(at + 1, None);
            if let Some(cell) = row.values.get_mut(at) {
                *cell = value;
            }
        }
    }

    /// The points that there is something to tell of: all, or those that a search came to.
    pub fn points<'s>(&self, sweep: &'s Sweep) -> impl Iterator<Item = (usize, &'s Point)> {
        let points = sweep.points.iter().enumerate();
        let came = |number: usize| sweep.search.is_none() || self.trials_of(number) > 0;
        points.filter(move |(number, _)| came(*number))
    }

    /// Whether every trial is finished, or a search has come to its end.
    #[must_use]
    pub fn is_complete(&self, sweep: &Sweep) -> bool {
        match sweep.search {
            Some(_) => found(sweep, self).iter().all(|found| found.bracket.is_some()),
            None => self.rows.len() == sweep.points.len() * sweep.trials as usize,
        }
    }

    /// Finished trials of a point.
    #[must_use]
    pub fn trials_of(&self, point: usize) -> usize {
        self.rows_of(point).len()
    }

    /// The trials of a point: rows are in order, so they stand together.
    fn rows_of(&self, point: usize) -> &[Row] {
        let first = self.rows.partition_point(|row| row.point < point);
        let end = self.rows.partition_point(|row| row.point <= point);
        self.rows.get(first..end).unwrap_or_default()
    }
}

/// Whether `place` is a class of a port: `ports/<name>/<class>`.
fn is_class(place: &str) -> bool {
    place.starts_with("ports/") && place.split('/').count() > 2
}

/// The testbed of a run, in words.
fn topology(run: &model::Run) -> String {
    let name = run.testbed.as_deref().unwrap_or(crate::testbed::DEFAULT);
    let file = std::path::Path::new(name).file_stem();
    let name = file.map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
    format!("testbed {name}")
}
