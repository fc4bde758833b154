//! `squall sweep`: a file that says which trials, and a folder for what they come to.

use std::path::PathBuf;

use super::many::{self, Many};
use super::told::Told;
use super::{Failure, Outcome, shipped};
use crate::sweep::{self, Given, MAX_TRIALS, Shard};

/// Run many trials of a pattern over many points, and go on where an earlier call ended
///
/// Exit status: 0 done, 1 a trial failed, the sweep was cut short or an `expect` line was not met, 2 the
/// input is wrong, 3 the environment or a hook is.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// Sweep: a path, or the name of a shipped one
    #[arg(value_parser = shipped::SWEEP, hide_possible_values = true, required = true)]
    sweep: Option<String>,

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

    /// Run one of N parts: every N-th trial, from number K on, counted from 0; `auto` takes K and N from a Slurm job
    /// array or GitLab's `parallel`, `auto/N` K from a Kubernetes indexed job
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,

    #[command(flatten)]
    many: Many,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring the folders of shards together into one, as if one machine had run the whole sweep
    ///
    /// Exit status: 0 every trial is there, 1 some are missing or an `expect` line was not met, 2 the folders are not of
    /// one sweep, 3 a folder cannot be read or written.
    Merge(Merge),
}

/// What is merged.
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// Folders of shards
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,

    /// Folder for all of it; one that holds a part of it is gone on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    #[command(flatten)]
    pub told: Told,

    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Runs the command.
///
/// # Errors
/// Each kind of [`Failure`], see the command's help.
pub fn run(args: &Args) -> Outcome {
    if let Some(Command::Merge(merge)) = &args.command {
        return merge.told.junit.end(
            "squall sweep merge",
            many::merge(&merge.folders, &merge.out, &merge.told, merge.quiet),
        );
    }
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
    let name = args.sweep.as_deref().unwrap_or_default();
    let ready = sweep::load(name, given).and_then(|mut ready| {
        args.shard.map_or(Ok(()), |shard| ready.share(shard))?;
        Ok(ready)
    });
    match ready {
        Ok(ready) => many::run(&ready, &args.many),
        Err(mistakes) => args
            .many
            .told
            .junit
            .end(&format!("squall sweep {name}"), Err(mistakes.into())),
    }
}
