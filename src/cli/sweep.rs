//! `squall sweep`, and `squall run` of more than one trial: many trials, one folder, one summary.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::interrupt::Interrupt;
use super::metrics::MetricsArgs;
use super::run::Shown;
use super::run_folder::check_name;
use super::sweep_progress::SweepProgress;
use super::{Failure, Outcome, shipped};
use crate::metrics::Metrics;
use crate::plan::summary::Summary;
use crate::report::format::{self, Configuration, Format};
use crate::report::page;
use crate::report::terminal::View;
use crate::suite;
use crate::sweep::gather::{Gathered, gather};
use crate::sweep::run::{Ended, Runner, Seen, SweepError};
use crate::sweep::store::{Store, StoreError};
use crate::sweep::{self, Given, MAX_TRIALS, Ready, plots, point, shown, tables};
use crate::trial::{Measured, Session, Trial, TrialError, Watched};
use crate::units::{PICOS_PER_SECOND, Picos};
use crate::yaml::Diagnostics;

/// Run many trials of a pattern over many points, and go on where an earlier call ended
///
/// Exit status: 0 done, 1 a trial failed, the sweep was cut short or an `expect` line was not met, 2 the
/// input is wrong, 3 the environment or a hook is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sweep: a path, or the name of a shipped one
    #[arg(value_parser = shipped::SWEEP, hide_possible_values = true)]
    sweep: String,

    /// Testbed instead of the sweep's: a path, or the name of a shipped one
    #[arg(long, value_name = "FILE", value_parser = shipped::TESTBED, hide_possible_values = true)]
    testbed: Option<String>,

    /// Trials of each point, instead of the sweep's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TRIALS)))]
    trials: Option<u32>,

    /// Seed that the trials' seeds are derived from, instead of the sweep's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Change of the pattern or, with testbed. before it, of the testbed, at every point: as for run
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    #[command(flatten)]
    many: Many,
}

/// What all commands that run many trials take.
#[derive(Debug, clap::Args)]
pub struct Many {
    /// Folder for the results; one that holds a part of the same sweep is gone on with
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Begin anew: delete the trials that the folder holds
    #[arg(long, requires = "out")]
    pub restart: bool,

    /// Check everything and list the points; run nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Send through this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    pub i_own_this_interface: Vec<String>,

    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,

    /// How to print the results
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Shown,

    #[command(flatten)]
    pub metrics: MetricsArgs,
}

/// Runs the command.
///
/// # Errors
/// Each kind of [`Failure`], see the command's help.
pub fn run(args: &Args) -> Outcome {
    let given = Given {
        set: args.set.clone(),
        vary: Vec::new(),
        testbed: args.testbed.clone(),
        trials: args.trials,
        seed: args.seed,
        test: None,
    };
    if args.many.out.is_none() && !args.many.dry_run {
        return Err(Failure::Input(
            "a sweep keeps what it has measured: say where with --out DIR".to_owned(),
        ));
    }
    many(&sweep::load(&args.sweep, given)?, &args.many)
}

/// Trials one after another in this process.
pub(super) struct InProcess<'a> {
    /// Its DPDK.
    pub session: Session,
    /// Who is told of it.
    pub metrics: Option<&'a Metrics>,
    /// Who may end it.
    pub interrupt: &'a Interrupt,
}

impl Runner for InProcess<'_> {
    fn run(
        &mut self,
        trial: &Trial<'_>,
        stop: &AtomicBool,
        watch: &mut dyn FnMut(&Watched<'_>),
    ) -> Result<Measured, TrialError> {
        let (metrics, interrupt) = (self.metrics, self.interrupt);
        interrupt.starts();
        let measured = trial.run(&mut self.session, stop, |seen| {
            interrupt.started();
            if let Some(metrics) = metrics {
                metrics.seen(seen);
            }
            watch(seen);
        });
        interrupt.started();
        let measured = measured?;
        if let Some(metrics) = metrics {
            metrics.finished(&measured.results);
        }
        Ok(measured)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        use crate::sweep::journal::JournalError;
        match &error {
            StoreError::Journal(JournalError::Other { .. } | JournalError::Damaged { .. }) => {
                Failure::Input(error.to_string())
            }
            _ => Failure::Environment(error.to_string()),
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Failure {
        let text = error.to_string();
        match error {
            SweepError::Input(_) => Failure::Input(text),
            SweepError::Trial {
                source: TrialError::Input(_),
                ..
            } => Failure::Input(text),
            SweepError::Trial {
                source: TrialError::Stopped,
                ..
            }
            | SweepError::Early { .. } => Failure::Run(text),
            SweepError::Trial { .. } | SweepError::Hook(_) => Failure::Environment(text),
            SweepError::Store(error) => error.into(),
            SweepError::AndEnd { first, .. } => match Failure::from(*first) {
                Failure::Input(_) => Failure::Input(text),
                Failure::Run(_) => Failure::Run(text),
                _ => Failure::Environment(text),
            },
        }
    }
}

/// Runs a sweep, and says what came of it.
///
/// # Errors
/// Each kind of [`Failure`].
pub(super) fn many(ready: &Ready, args: &Many) -> Outcome {
    args.out.as_deref().map_or(Ok(()), check_name)?;
    let mut session = Session::new();
    let extent = check(ready, &args.i_own_this_interface, args.format.into(), &mut session)?;
    if args.dry_run {
        return super::devices::print(&points(ready, &extent));
    }
    let temporary;
    let folder = match &args.out {
        Some(folder) => folder.as_path(),
        None => {
            temporary = tempfile::tempdir()
                .map_err(|error| Failure::Environment(format!("cannot make a temporary folder: {error}")))?;
            temporary.path()
        }
    };
    if folder.join(suite::folder::FILE_NAME).exists() {
        return Err(Failure::Input(format!(
            "--out {}: this folder holds a suite, which a sweep's files would be mixed with; choose another",
            folder.display()
        )));
    }
    let mut store = Store::open(folder, ready, args.restart)?;
    let stop = Interrupt::catch("stopping; what is finished is kept. Once more ends at once")?;
    let all = ready.sweep.points.len() * ready.sweep.trials as usize;
    let mut progress = SweepProgress::new(all, store.count(), args.quiet);
    if store.count() > 0 {
        progress.say(&format!("{} of {all} trials are done already", store.count()));
    }
    if let Some(version) = store.begun_by_another() {
        let own = env!("CARGO_PKG_VERSION");
        progress.say(&format!(
            "note: squall {version} began this sweep, and squall {own} goes on with it"
        ));
    }
    let metrics = args.metrics.listen(&ready.sweep.name, all, store.count(), args.quiet)?;
    let mut runner = InProcess {
        session,
        metrics: metrics.as_ref(),
        interrupt: &stop,
    };
    let owned = &args.i_own_this_interface;
    let ended = sweep::run::run(ready, &mut runner, &mut store, owned, &stop, |seen| {
        let named = |number: usize| {
            let values = ready.sweep.points.get(number);
            values.map_or(String::new(), |values| point::said(&ready.sweep.axes, values))
        };
        match seen {
            Seen::Begins { point, trial, done } => {
                if let Some(metrics) = &metrics {
                    metrics.begins(&named(point));
                }
                progress.begins(&named(point), trial, done);
            }
            Seen::Under(watched) => progress.under(watched),
            Seen::PointDone { point, done } => progress.point_done(&named(point), done),
            Seen::Left(processes) => progress.lives_on(processes),
        }
    });
    progress.finish();
    let complete = matches!(ended, Ok(Ended::Complete));
    // What is finished is worth a summary, however the sweep ended.
    let summary = gather(&store, &ready.sweep).and_then(|gathered| {
        keep_summary(&store, ready, &gathered, complete)?;
        Ok(gathered)
    });
    let gathered = match (summary, &ended) {
        (Ok(gathered), _) => gathered,
        // The first reason is the one to be told.
        (Err(_), Err(_)) => return ended.map(|_| ()).map_err(Failure::from),
        (Err(error), Ok(_)) => return Err(error.into()),
    };
    if !args.quiet {
        let text = match Format::from(args.format) {
            Format::Text => shown::summary(&ready.sweep, &gathered, complete, false, View::of_stdout()),
            format => format::render(format, &configurations(ready, &store)?),
        };
        super::devices::print(&text)?;
        if let Some(folder) = &args.out {
            super::say(&format!(
                "results: {}; the page: {}",
                folder.display(),
                folder.join(page::FILE_NAME).display()
            ));
        }
    }
    if ended? == Ended::Stopped {
        return Err(Failure::Run(format!(
            "the sweep was stopped: {} of {all} trials are done; the same command goes on with it",
            store.count()
        )));
    }
    if gathered.unmet > 0 {
        let lines = shown::unmet_lines(&ready.sweep, &gathered).join("\n  ");
        return Err(Failure::Run(format!("{}:\n  {lines}", shown::unmet_head(&gathered))));
    }
    Ok(())
}

/// Writes everything that follows from a sweep's trials into its folder.
///
/// # Errors
/// What cannot be written.
pub(super) fn keep_summary(
    store: &Store,
    ready: &Ready,
    gathered: &Gathered,
    complete: bool,
) -> Result<(), StoreError> {
    let sweep = &ready.sweep;
    let text = shown::summary(sweep, gathered, complete, true, View::FILE);
    let contents = [
        tables::trials(sweep, gathered),
        tables::summary(sweep, gathered),
        tables::json(sweep, gathered, complete),
        text.into_bytes(),
    ];
    for (name, bytes) in tables::FILES.iter().zip(&contents) {
        store.write(name, bytes)?;
    }
    let page = sweep::html::render(sweep, gathered, complete);
    store.write(page::FILE_NAME, page.as_bytes())?;
    for (name, svg) in plots::draw(sweep, gathered) {
        store.write(&name, svg.as_bytes())?;
    }
    Ok(())
}

/// The finished trials by point, for tables of other tools.
fn configurations(ready: &Ready, store: &Store) -> Result<Vec<Configuration>, StoreError> {
    let sweep = &ready.sweep;
    let named = |values| match sweep.axes.len() {
        0 => String::new(),
        _ => point::said(&sweep.axes, values),
    };
    let mut all: Vec<Configuration> = sweep
        .points
        .iter()
        .map(|values| Configuration::new(named(values)))
        .collect();
    for trial in store.results() {
        let (entry, results) = trial?;
        if let Some(configuration) = all.get_mut(entry.point) {
            configuration.add(&results);
        }
    }
    Ok(all)
}

/// Looks at every point before the first trial: nobody wants to hear of the last one's mistake tomorrow.
///
/// # Errors
/// What is wrong with the input or the environment.
pub(super) fn check(ready: &Ready, owned: &[String], format: Format, session: &mut Session) -> Result<Extent, Failure> {
    let mut environment = None;
    let mut extent = Extent::default();
    ready.check(|number, inputs| {
        let trial = Trial {
            pattern: &inputs.pattern,
            pattern_name: &ready.sweep.pattern,
            testbed: &inputs.testbed,
            testbed_name: ready.testbed_name(),
            owned_interfaces: owned,
            calibration: None,
            earlier: None,
        };
        let kinds = inputs.pattern.pattern.traffic.iter().map(|entry| entry.kind.name());
        if let Err(text) = format.fits(kinds) {
            return Err(Diagnostics::unplaced(&format!("point {number}"), text));
        }
        let plan = trial.check().and_then(|plan| {
            session.expect(&inputs.testbed.testbed)?;
            Ok(plan)
        });
        match plan {
            Ok(plan) => {
                extent.add(plan.map(|plan| plan.summary()).as_ref(), ready.sweep.trials);
                Ok(())
            }
            Err(TrialError::Input(text)) => {
                let values = ready.sweep.points.get(number);
                let values = values.map_or(String::new(), |values| point::said(&ready.sweep.axes, values));
                Err(Diagnostics::unplaced(&format!("point {number} ({values})"), text))
            }
            Err(TrialError::Stopped) => Ok(()),
            Err(TrialError::Environment(text)) => {
                environment.get_or_insert(text);
                Ok(())
            }
        }
    })?;
    environment.map_or(Ok(extent), |text| Err(Failure::Environment(text)))
}

/// What all trials of a sweep come to by their plans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Frames; none where the line rate of a port is not known before it is opened.
    frames: Option<u64>,
    /// The sum of their lengths; none where one has no end, or as above.
    length: Option<Picos>,
}

impl Default for Extent {
    fn default() -> Extent {
        Extent {
            frames: Some(0),
            length: Some(Picos::ZERO),
        }
    }
}

impl Extent {
    fn add(&mut self, summary: Option<&Summary>, trials: u32) {
        let entries = |summary: &Summary| {
            summary
                .entries
                .iter()
                .map(|entry| entry.packets + entry.control)
                .sum::<u64>()
        };
        let frames = summary.map(|summary| entries(summary).saturating_mul(u64::from(trials)));
        let length = summary.and_then(|summary| summary.length);
        let length = length.map(|length| Picos(length.0.saturating_mul(u64::from(trials))));
        self.frames = self.frames.zip(frames).map(|(sum, one)| sum.saturating_add(one));
        self.length = self.length.zip(length).map(|(sum, one)| sum.saturating_add(one));
    }

    /// Frames, in words.
    pub(super) fn frames(&self) -> String {
        self.frames.map_or("not known".to_owned(), |frames| match frames {
            0..10_000 => frames.to_string(),
            10_000..10_000_000 => format!("{} thousand", frames / 1_000),
            _ => format!("{} million", frames / 1_000_000),
        })
    }

    /// Their length, in words.
    pub(super) fn length(&self) -> String {
        let Some(length) = self.length else {
            return "not known".to_owned();
        };
        let unit = if length < Picos(PICOS_PER_SECOND) {
            1_000
        } else {
            1_000_000_000
        };
        let whole = (length.nanos() + unit / 2) / unit * unit;
        humantime::format_duration(Duration::from_nanos(whole)).to_string()
    }
}

/// The points, a line each.
fn points(ready: &Ready, extent: &Extent) -> String {
    let sweep = &ready.sweep;
    let lines = sweep
        .points
        .iter()
        .enumerate()
        .map(|(number, values)| format!("{number:>6}  {}\n", point::said(&sweep.axes, values)));
    format!(
        "{}: {} points, {} trials each, seed {}; {} frames, {} of traffic in all\n\n{}",
        sweep.name,
        sweep.points.len(),
        sweep.trials,
        sweep.seed,
        extent.frames(),
        extent.length(),
        lines.collect::<String>()
    )
}
