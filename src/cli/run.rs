//! `squall run`: the main job, from two files to a result.

use std::path::PathBuf;

use super::format::Shown;
use super::input::Input;
use super::interrupt::Interrupt;
use super::jobs::JobsArgs;
use super::many::{self, Many};
use super::metrics::MetricsArgs;
use super::progress::{Progress, ProgressSample};
use super::told::Told;
use super::{Failure, Outcome};
use crate::calibrate;
use crate::engine::outcome::Live;
use crate::lab;
use crate::lab::run::{Folder, FolderError};
use crate::report::checks::Checks;
use crate::report::format::{Configuration, Format};
use crate::report::{self, Results, terminal};
use crate::sweep::{self, Given, MAX_TRIALS};
use crate::testbed;
use crate::trial::Trial;
use crate::units::WIRE_OVERHEAD;

/// Send a pattern, receive it, and report what became of it
///
/// Exit status: 0 done, 1 the run failed, was cut short or did not meet an `expect` line of the
/// pattern, 2 the input is wrong, 3 the environment is.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,

    /// Run once for each of these values, YAML each: traffic.NAME.message=1MiB,16MiB; may be given more
    /// than once, and then every combination is run
    #[arg(long = "vary", value_name = "KEY=V1,V2,…")]
    vary: Vec<String>,

    /// Runs of each combination, each with a seed of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TRIALS)))]
    trials: Option<u32>,

    /// Folder for results.json, made if it is not there; of several runs, for all that squall sweep writes
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// With --vary or --trials: begin anew where the folder holds finished runs
    #[arg(long, requires = "out")]
    restart: bool,

    /// Send through this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    i_own_this_interface: Vec<String>,

    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,

    /// Print everything that was measured, not only the answer
    #[arg(long)]
    full: bool,

    /// How to print the results
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    format: Shown,

    #[command(flatten)]
    told: Told,

    #[command(flatten)]
    jobs: JobsArgs,

    #[command(flatten)]
    metrics: MetricsArgs,
}

/// Runs the command.
///
/// # Errors
/// Each kind of [`Failure`], see the command's help.
pub fn run(args: &Args) -> Outcome {
    let name = format!("squall run {}", args.input.pattern);
    args.told.junit.end(&name, trial(args))
}

fn trial(args: &Args) -> Outcome {
    if !args.vary.is_empty() || args.trials.is_some() {
        return several(args);
    }
    if args.restart {
        return Err(Failure::Input("--restart goes with --vary or --trials".to_owned()));
    }
    let (pattern, testbed) = args.input.load()?;
    let named = args.input.testbed_of(&pattern);
    let calibration = calibrate::file::of(&testbed).map_err(|error| Failure::Input(error.to_string()))?;
    let trial = Trial {
        pattern: &pattern,
        pattern_name: &args.input.pattern,
        testbed: &testbed,
        testbed_name: (named != testbed::DEFAULT).then_some(named),
        owned_interfaces: &args.i_own_this_interface,
        calibration: calibration.as_ref(),
        earlier: None,
    };
    trial.check()?;
    let format = Format::from(args.format);
    let kinds = pattern.pattern.traffic.iter().map(|entry| entry.kind.name());
    format.fits(kinds).map_err(Failure::Input)?;
    let metrics = args.metrics.listen(&pattern.pattern.name, 1, 0, args.quiet)?;
    if let Some(metrics) = &metrics {
        metrics.begins(0, "");
    }
    // Before anything is measured: a result that cannot be kept is not worth the run.
    let folder = args.out.as_deref().map(Folder::take).transpose()?;
    let stop = Interrupt::catch("stopping; once more ends at once, without a report")?;
    stop.starts();
    let mut progress: Option<Progress> = None;
    let mut sent_before = 0;
    let ran = lab::run::run(&trial, folder.as_ref(), &stop, |seen| {
        stop.started();
        if let Some(metrics) = &metrics {
            metrics.seen(0, seen);
        }
        if !args.quiet {
            progress
                .get_or_insert_with(|| Progress::new(seen.length))
                .update(&sample(&seen.live, seen.listens.then_some(sent_before)));
        }
        sent_before = seen.live.expected;
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    let (measured, lost) = ran?;
    let results = &measured.results;
    if let Some(metrics) = &metrics {
        metrics.finished(0, results);
    }
    // What nobody may be there to read any more comes after what is kept.
    let kept = folder.as_ref().map(|folder| folder.keep(&measured));
    if args.told.json {
        super::devices::print(&report::to_json(results))?;
    }
    args.told.junit.tell(&Checks::of_run(results))?;
    if !args.quiet && !args.told.json {
        let text = if format == Format::Text {
            summary(args, results)
        } else {
            let mut one = Configuration::new("");
            one.add(results);
            report::format::render(format, &[one])
        };
        super::devices::print(&text)?;
    }
    if let Some(path) = kept.transpose().map_err(|error| Failure::Run(error.to_string()))?
        && !args.quiet
    {
        super::say(&format!("results: {}", path.display()));
    }
    let mut failures = Vec::new();
    if let Some(error) = lost {
        failures.push(format!("samples could not be kept: {error}"));
    }
    if let Some(cause) = &results.run.interrupted_by {
        failures.push(format!("the run ended early: {cause}; what was measured is reported"));
    }
    let unmet: Vec<String> = results.unmet().map(|expected| format!("\n  {expected}")).collect();
    if !unmet.is_empty() {
        let all = results.expectations.len();
        failures.push(format!(
            "{} of {all} expectations not met:{}",
            unmet.len(),
            unmet.concat()
        ));
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Failure::Run(failures.join("\n")))
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        match error {
            FolderError::Busy(_) => Failure::Environment(error.to_string()),
            _ => Failure::Input(format!("--out {error}")),
        }
    }
}

/// The results as text: the answer and where the rest is, or everything.
fn summary(args: &Args, results: &Results) -> String {
    let view = terminal::View::of_stdout();
    if args.full {
        return terminal::render(results, view);
    }
    let kept = args.out.as_ref().map_or_else(
        || "a folder for all figures and pictures: --out DIR".to_owned(),
        |folder| format!("the page: {}", folder.join(report::page::FILE_NAME).display()),
    );
    terminal::brief(results, &[format!("everything here: --full; {kept}")], view)
}

/// Several runs are a sweep without a file.
fn several(args: &Args) -> Outcome {
    let given = Given {
        set: args.input.set.clone(),
        vary: args.vary.clone(),
        testbed: args.input.testbed.clone(),
        trials: args.trials,
        seed: args.input.seed,
        test: None,
    };
    let many = Many {
        out: args.out.clone(),
        restart: args.restart,
        dry_run: false,
        i_own_this_interface: args.i_own_this_interface.clone(),
        quiet: args.quiet,
        format: args.format,
        told: args.told.clone(),
        jobs: args.jobs,
        metrics: args.metrics.clone(),
    };
    many::run(&sweep::of_pattern(&args.input.pattern, given)?, &many)
}

/// `sent_before`: frames sent by the time of the sample before. What was sent since may still be
/// under way; the rest is lost, or very late.
fn sample(live: &Live, sent_before: Option<u64>) -> ProgressSample {
    ProgressSample {
        elapsed: live.elapsed,
        tx_frames: live.tx.0,
        tx_wire_bytes: live.tx.1 + live.tx.0 * WIRE_OVERHEAD,
        rx_frames: live.rx.0,
        rx_wire_bytes: live.rx.1 + live.rx.0 * WIRE_OVERHEAD,
        lost: sent_before.map(|sent| sent.saturating_sub(live.received)),
        ce: Some(live.ce),
        done: None,
    }
}
