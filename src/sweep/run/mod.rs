//! The order of a sweep: each trial that is not finished, its hooks around it, its results kept as soon as they are
//! there; the hook that leaves the device as it was, at the end.
//!
//! Contract: a hook that was called before a trial is followed by the one of the end, whatever happens between,
//! but that the process is killed. What is in the folder when this returns, or when the process is killed, is whole; what was
//! finished is not run again. A trial that was cut short is not kept. Trials that run side by side come to the same results
//! as one after another.

mod in_order;
mod kept;
mod order;
mod side_by_side;

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::Ready;
use super::hook::{Call, Hook, HookError, When};
use super::store::{Store, StoreError};
use crate::child::{self, Process};
use crate::report::model::Results;
use crate::trial::{Measured, Session, Trial, TrialError, Watched};
use crate::yaml::Diagnostics;

pub use side_by_side::{Told, Workers, why_not};

/// How one trial after another is run. A sweep does not care.
pub trait Runner {
    /// Runs `trial`; see [`Trial::run`].
    ///
    /// # Errors
    /// As [`Trial::run`].
    fn run(
        &mut self,
        trial: &Trial<'_>,
        stop: &AtomicBool,
        watch: &mut dyn FnMut(&Watched<'_>),
    ) -> Result<Measured, TrialError>;
}

impl Runner for Session {
    fn run(
        &mut self,
        trial: &Trial<'_>,
        stop: &AtomicBool,
        watch: &mut dyn FnMut(&Watched<'_>),
    ) -> Result<Measured, TrialError> {
        trial.run(self, stop, watch)
    }
}

/// Who runs the trials.
pub enum By<'a> {
    /// One, trial after trial.
    One(&'a mut dyn Runner),
    /// Several, side by side: for a sweep of which [`why_not`] says nothing.
    Several(&'a mut dyn Workers),
}

/// What a caller sees of a sweep under way. `place` tells apart what runs side by side, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen<'a> {
    /// A trial begins: its point, its number, and how many are finished.
    Begins {
        /// Where it runs.
        place: usize,
        /// The point.
        point: usize,
        /// The trial.
        trial: u32,
        /// Finished before it.
        done: usize,
    },
    /// What it runs on starts in this process, and may not look at `stop` for long.
    Starts,
    /// It is under way.
    Under {
        /// Where.
        place: usize,
        /// What it has come to.
        watched: &'a Watched<'a>,
    },
    /// It has ended.
    Over {
        /// Where.
        place: usize,
        /// What was measured, if anything was.
        results: Option<&'a Results>,
    },
    /// A point's last trial is finished.
    PointDone {
        /// The point.
        point: usize,
        /// Finished trials of all points.
        done: usize,
    },
    /// What hooks started lives on and could not be ended.
    Left(&'a [Process]),
}

/// How a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every trial is finished.
    Complete,
    /// It was asked to stop.
    Stopped,
}

/// Why a sweep ended before it was done. What was finished is kept.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A point does not load: files are as they were when the sweep began, so this is found at the start.
    #[error(transparent)]
    Input(#[from] Diagnostics),
    /// A trial could not be run.
    #[error("point {point} ({values}), trial {trial}: {source}")]
    Trial {
        /// The point.
        point: usize,
        /// Its values.
        values: String,
        /// The trial.
        trial: u32,
        /// Why.
        source: TrialError,
    },
    /// A trial ended early by itself.
    #[error("point {point} ({values}), trial {trial} ended early: {cause}")]
    Early {
        /// The point.
        point: usize,
        /// Its values.
        values: String,
        /// The trial.
        trial: u32,
        /// Why.
        cause: String,
    },
    /// A hook failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The folder could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hook of the end failed, too.
    #[error("{first}\n{end}")]
    AndEnd {
        /// What ended the sweep.
        first: Box<SweepError>,
        /// Why the device may not be as it was.
        end: HookError,
    },
}

impl SweepError {
    /// A trial could not be run.
    fn of_trial(ready: &Ready, point: usize, trial: u32, source: TrialError) -> SweepError {
        SweepError::Trial {
            point,
            values: ready.said(point),
            trial,
            source,
        }
    }
}

/// The last trial that was begun.
struct Begun {
    point: usize,
    trial: u32,
    folder: PathBuf,
}

/// Runs every trial that is not finished. `owned`: kernel interfaces that may be used although they are in
/// use.
///
/// # Errors
/// [`SweepError`]; trials that were finished are kept.
pub fn run(
    ready: &Ready,
    by: By<'_>,
    store: &mut Store,
    owned: &[String],
    stop: &AtomicBool,
    mut watch: impl FnMut(Seen<'_>),
) -> Result<Ended, SweepError> {
    let end = placed(ready.end.as_ref(), store)?;
    let mut begun = None;
    let ended = match by {
        By::One(runner) => in_order::trials(ready, runner, store, owned, stop, &mut watch, &mut begun),
        By::Several(workers) => side_by_side::trials(ready, workers, store, stop, &mut watch),
    };
    let ended = meant(ended, store);
    let ended = match (end, begun) {
        (Some(end), Some(begun)) => at_end(ready, &end, &begun, store, ended),
        _ => ended,
    };
    // A hook may leave something to run beside its trials, but not beyond them.
    let left = child::end_all();
    if !left.is_empty() {
        watch(Seen::Left(&left));
    }
    ended
}

/// How a sweep ended, where what it was doing was ended with it.
fn meant(ended: Result<Ended, SweepError>, store: &Store) -> Result<Ended, SweepError> {
    let stopped = match &ended {
        Err(SweepError::Hook(error)) => error.is_stopped(),
        Err(SweepError::Trial { source, .. }) => *source == TrialError::Stopped,
        Ok(Ended::Stopped) => true,
        _ => false,
    };
    // By the user, or because the folder is gone.
    let ended = if stopped {
        store.check().map(|()| Ended::Stopped).map_err(SweepError::from)
    } else {
        ended
    };
    if let Err(SweepError::Store(_)) = &ended {
        store.restore();
    }
    ended
}

/// Calls the hook of the end. It is not ended by what ended the sweep: the device is to be as it was.
fn at_end(
    ready: &Ready,
    (hook, program): &Placed,
    begun: &Begun,
    store: &Store,
    ended: Result<Ended, SweepError>,
) -> Result<Ended, SweepError> {
    let Some(program) = program else { return ended };
    let inputs = ready.inputs(begun.point, begun.trial)?;
    let call = Call {
        when: When::End,
        sweep: &ready.sweep,
        point: begun.point,
        trial: begun.trial,
        new_point: false,
        inputs: &inputs,
        device: &ready.device_settings(begun.point),
        folder: &begun.folder,
    };
    // A shipped hook was in the folder, and is gone with it.
    let again = match hook {
        Hook::Shipped { text, .. } if !store.presence().holds() => elsewhere(text).ok(),
        _ => None,
    };
    let program = again.as_ref().map_or(program.as_path(), |file| file);
    match (ended, call.run(hook, program, &|| false)) {
        (ended, Ok(_)) => ended,
        (Ok(_), Err(end)) => Err(end.into()),
        (Err(first), Err(end)) => Err(SweepError::AndEnd {
            first: Box::new(first),
            end,
        }),
    }
}

/// A hook's text as a program outside of the sweep's folder, gone with what is returned.
fn elsewhere(text: &str) -> std::io::Result<tempfile::TempPath> {
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempfile()?;
    file.write_all(text.as_bytes())?;
    // Nobody may have it open for writing when it is started.
    Ok(file.into_temp_path())
}

/// A hook and the file to run; none for the one that is in this process.
type Placed = (Hook, Option<PathBuf>);

/// Puts a shipped hook where it can be run.
fn placed(hook: Option<&Hook>, store: &Store) -> Result<Option<Placed>, SweepError> {
    let Some(hook) = hook else { return Ok(None) };
    let program = match hook {
        Hook::Fabric => None,
        Hook::File { path, .. } => Some(path.clone()),
        Hook::Shipped { name, text } => Some(store.write_program(&format!("hooks/{name}"), text)?),
    };
    Ok(Some((hook.clone(), program)))
}
