//! A process that runs trials in virtual time for another: a trial a line, its results a line.
//!
//! Contract: it ends when nobody gives it work any more. The trial that is under way then ends early, so that a
//! worker outlives who started it by a moment at most.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam::channel::{Receiver, bounded};

use super::message::{Reply, Task, tell};
use crate::report::samples::Keeper;
use crate::trial::{Measured, Session, Trial, TrialError};
use crate::{pattern, testbed};

/// The argument that makes a program a worker. Its core and the number of workers follow.
pub const WORKER: &str = "work";

/// Runs the trials of `input` on one core of the machine and tells `output` of them, until `input` ends; one of
/// `workers` that do so.
///
/// # Errors
/// A core that is not there, and an `output` that nobody reads.
pub fn serve(core: usize, workers: u32, input: impl Read + Send + 'static, output: &mut impl Write) -> io::Result<()> {
    // All threads to come are this one's heirs.
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        return Err(io::Error::other(format!("cannot run on core {core}")));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut session = Session::beside(workers);
    for task in tasks(input, Arc::clone(&stop)) {
        let task = task?;
        let reply = match run(&task, &mut session, &stop, output) {
            Ok(measured) => Reply::Over(Box::new(measured.into())),
            Err(error) => Reply::Failed(error),
        };
        tell(output, &reply)?;
    }
    Ok(())
}

/// Reads tasks in a thread, which raises `stop` when there will be no more.
fn tasks(input: impl Read + Send + 'static, stop: Arc<AtomicBool>) -> Receiver<io::Result<Task>> {
    let (give, take) = bounded(1);
    std::thread::spawn(move || {
        for line in BufReader::new(input).lines() {
            let task = line.and_then(|line| serde_json::from_str(&line).map_err(io::Error::other));
            if give.send(task).is_err() {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    take
}

fn run(task: &Task, session: &mut Session, stop: &AtomicBool, output: &mut impl Write) -> Result<Measured, TrialError> {
    let input = |error: crate::yaml::Diagnostics| TrialError::Input(error.to_string());
    let pattern = pattern::of(task.pattern.clone()).map_err(input)?;
    let testbed = testbed::of(task.testbed.clone()).map_err(input)?;
    let trial = Trial {
        pattern: &pattern,
        pattern_name: &task.pattern_name,
        testbed: &testbed,
        testbed_name: task.testbed_name.as_deref(),
        owned_interfaces: &[],
        calibration: task.calibration.as_ref(),
        earlier: None,
    };
    let mut keeper = Keeper::new(&task.folder, None);
    let measured = trial.run(session, stop, |seen| {
        let kept = seen.kept.is_none_or(|kept| keeper.keep(kept));
        let under = Reply::Under {
            live: seen.live,
            length: seen.length,
            listens: seen.listens,
        };
        // Whoever is gone wants no results either; and what cannot be kept is not worth the time.
        if !kept || tell(output, &under).is_err() {
            stop.store(true, Ordering::Relaxed);
        }
    });
    keeper
        .finish()
        .map_err(|error| TrialError::Environment(error.to_string()))?;
    measured
}
