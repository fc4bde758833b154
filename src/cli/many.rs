//! Many trials, one folder, one summary: what `squall sweep` and `squall run` of more than one trial have in common.

use std::path::{Path, PathBuf};

use super::format::Shown;
use super::interrupt::Interrupt;
use super::jobs::JobsArgs;
use super::metrics::MetricsArgs;
use super::sweep_progress::SweepProgress;
use super::told::Told;
use super::watching::Watching;
use super::{Failure, Outcome};
use crate::lab::merge::{MergeError, Merged};
use crate::lab::run::{check_name, refuse};
use crate::lab::{self, Extent, Unfit, examine};
use crate::report::checks::Checks;
use crate::report::format::{self, Configuration, Format};
use crate::report::page;
use crate::report::terminal::View;
use crate::suite;
use crate::sweep::gather::Gathered;
use crate::sweep::journal::JournalError;
use crate::sweep::run::{Ended, SweepError};
use crate::sweep::store::{Store, StoreError};
use crate::sweep::{Ready, Sweep, checks, point, shown, tables};
use crate::trial::{Session, TrialError};

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
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    pub(super) format: Shown,

    #[command(flatten)]
    pub told: Told,

    #[command(flatten)]
    pub jobs: JobsArgs,

    #[command(flatten)]
    pub metrics: MetricsArgs,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match &error {
            StoreError::Journal(JournalError::Other { .. } | JournalError::Damaged { .. }) => {
                Failure::Input(error.to_string())
            }
            _ => Failure::Environment(error.to_string()),
        }
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Failure {
        match error {
            MergeError::Store(error) => error.into(),
            MergeError::Copy { .. } | MergeError::Folder(JournalError::Busy(_)) => {
                Failure::Environment(error.to_string())
            }
            _ => Failure::Input(error.to_string()),
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

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Failure {
        match unfit {
            Unfit::Input(mistakes) => mistakes.into(),
            Unfit::Environment(text) => Failure::Environment(text),
        }
    }
}

/// Runs a sweep, and says what it has come to.
///
/// # Errors
/// Each kind of [`Failure`].
pub(super) fn run(ready: &Ready, args: &Many) -> Outcome {
    let name = format!("squall sweep {}", ready.sweep.name);
    args.told.junit.end(&name, trials(ready, args))
}

fn trials(ready: &Ready, args: &Many) -> Outcome {
    args.out.as_deref().map_or(Ok(()), check_name)?;
    let mut session = Session::new();
    let extent = examine(ready, &args.i_own_this_interface, args.format.into(), &mut session)?;
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
    refuse(folder, suite::folder::FILE_NAME, "a suite", "a sweep's files")?;
    let mut store = Store::open(folder, ready, args.restart)?;
    let stop = Interrupt::catch("stopping; what is finished is kept. Once more ends at once")?;
    // A folder may hold more than the shard that is run.
    let all = ready.trials().max(store.count());
    let progress = SweepProgress::new(all, store.count(), args.quiet);
    if store.count() > 0 {
        progress.say(&format!("{} of {all} trials are done already", store.count()));
    }
    if let Some(version) = store.begun_by_another() {
        let own = env!("CARGO_PKG_VERSION");
        progress.say(&format!(
            "note: squall {version} began this sweep, and squall {own} goes on with it"
        ));
    }
    if let Some(note) = args.jobs.note([ready]) {
        progress.say(&note);
    }
    let metrics = args.metrics.listen(&ready.sweep.name, all, store.count(), args.quiet)?;
    let mut watching = Watching::new(progress, metrics, &stop);
    let mut lab = args.jobs.lab(session, &args.i_own_this_interface, &stop);
    let done = lab::sweep::run(ready, &mut store, &mut lab, |seen| {
        watching.see(&seen, 0, |number| ready.said(number));
    });
    watching.finish();
    let done = done?;
    let lab::sweep::Done { ended, gathered } = done;
    let complete = gathered.is_complete(&ready.sweep);
    tell(&args.told, &ready.sweep, &gathered)?;
    if !args.quiet {
        if !args.told.json {
            let text = match Format::from(args.format) {
                Format::Text => shown::summary(&ready.sweep, &gathered, complete, false, View::of_stdout()),
                format => format::render(format, &configurations(ready, &store)?),
            };
            super::devices::print(&text)?;
        }
        if let Some(folder) = &args.out {
            super::say(&format!(
                "results: {}; the page: {}",
                folder.display(),
                folder.join(page::FILE_NAME).display()
            ));
        }
    }
    if ended? == Ended::Stopped {
        let done = shown::done(&ready.sweep, &gathered);
        return Err(Failure::Run(format!(
            "the sweep was stopped: {done}; the same command goes on with it"
        )));
    }
    if let Some(shard) = ready.shard().filter(|_| !args.quiet) {
        let done = shown::done(&ready.sweep, &gathered);
        super::say(&format!(
            "shard {shard} is complete: {done}; when all shards are: squall sweep merge DIR... --out DIR"
        ));
    }
    judge(ready, &gathered)
}

/// Tells programs what a sweep has come to.
fn tell(told: &Told, sweep: &Sweep, gathered: &Gathered) -> Outcome {
    if told.json {
        let json = tables::json(sweep, gathered, gathered.is_complete(sweep));
        super::devices::print(&String::from_utf8_lossy(&json))?;
    }
    told.junit.tell(&Checks {
        name: "squall sweep".to_owned(),
        groups: vec![checks::checks(sweep, gathered)],
    })
}

/// Brings shards together, and says what they have come to.
///
/// # Errors
/// Each kind of [`Failure`]; also where trials are missing.
pub(super) fn merge(folders: &[PathBuf], out: &Path, told: &Told, quiet: bool) -> Outcome {
    check_name(out)?;
    refuse(out, suite::folder::FILE_NAME, "a suite", "a sweep's files")?;
    let Merged { ready, gathered } = lab::merge::sweeps(folders, out)?;
    let complete = gathered.is_complete(&ready.sweep);
    tell(told, &ready.sweep, &gathered)?;
    if !quiet {
        if !told.json {
            let text = shown::summary(&ready.sweep, &gathered, complete, false, View::of_stdout());
            super::devices::print(&text)?;
        }
        super::say(&format!(
            "results: {}; the page: {}",
            out.display(),
            out.join(page::FILE_NAME).display()
        ));
    }
    if !complete {
        return Err(Failure::Run(format!(
            "{}: {}; run what is missing, as a shard or in this folder",
            out.display(),
            shown::done(&ready.sweep, &gathered)
        )));
    }
    judge(&ready, &gathered)
}

/// Fails where expectations are not met.
fn judge(ready: &Ready, gathered: &Gathered) -> Outcome {
    if gathered.unmet > 0 {
        let lines = shown::unmet_lines(&ready.sweep, gathered).join("\n  ");
        return Err(Failure::Run(format!("{}:\n  {lines}", shown::unmet_head(gathered))));
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

/// The points, a line each.
fn points(ready: &Ready, extent: &Extent) -> String {
    let sweep = &ready.sweep;
    let lines = sweep
        .points
        .iter()
        .enumerate()
        .map(|(number, values)| format!("{number:>6}  {}\n", point::said(&sweep.axes, values)));
    let searched = match sweep.search {
        Some(_) => format!(", at most {} of which are run", sweep.most_points()),
        None => String::new(),
    };
    format!(
        "{}: {} points{searched}, {} trials each, seed {}; {} frames, {} of traffic in all\n\n{}",
        sweep.name,
        sweep.points.len(),
        sweep.trials,
        sweep.seed,
        extent.frames(),
        extent.length(),
        lines.collect::<String>()
    )
}
