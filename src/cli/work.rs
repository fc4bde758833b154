//! `squall work`: a worker of another squall, which runs trials side by side. Nobody types it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{Failure, Outcome};
use crate::lab;

/// Run trials for another squall
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The core to run on
    core: usize,

    /// How many workers there are
    workers: u32,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Environment`].
pub fn run(args: &Args) -> Outcome {
    // Who started it decides when it ends.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|error| Failure::Environment(format!("cannot catch signals: {error}")))?;
    }
    lab::serve(args.core, args.workers, std::io::stdin(), &mut std::io::stdout().lock())
        .map_err(|error| Failure::Environment(format!("a worker cannot go on: {error}")))
}
