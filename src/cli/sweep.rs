//! `squall sweep`: a file that says which trials, and a folder for what they come to.

use super::many::{self, Many};
use super::{Failure, Outcome, shipped};
use crate::sweep::{self, Given, MAX_TRIALS};

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
    many::run(&sweep::load(&args.sweep, given)?, &args.many)
}
