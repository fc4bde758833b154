//! The order of a sweep: each trial that is not finished, its hooks around it, its results kept before the
//! next one begins; the hook that leaves the device as it was, at the end.
//!
//! Contract: a hook that was called before a trial is followed by the one of the end, whatever happens between,
//! but that the process is killed. What is in the folder when this returns, or when the process is killed, is whole; what was
//! finished is not run again. A trial that was cut short is not kept.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::hook::{self, Call, Hook, HookError, HookFailure, When};
use super::store::{Store, StoreError};
use super::types::Sweep;
use super::{Inputs, Ready, point};
use crate::child::{self, Process};
use crate::report::samples::{Earlier, Keeper};
use crate::trial::{Measured, Trial, TrialError, Watched};
use crate::units::Picos;
use crate::yaml::Diagnostics;
use crate::{calibrate, fabric, report};

/// How one trial is run. A sweep does not care.
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

/// What a caller sees of a sweep under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen<'a> {
    /// A trial begins: its point, its number, and how many are finished.
    Begins {
        /// The point.
        point: usize,
        /// The trial.
        trial: u32,
        /// Finished before it.
        done: usize,
    },
    /// It is under way.
    Under(&'a Watched<'a>),
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
/// [`SweepError`]; trials before it are kept.
pub fn run(
    ready: &Ready,
    runner: &mut dyn Runner,
    store: &mut Store,
    owned: &[String],
    stop: &AtomicBool,
    mut watch: impl FnMut(Seen<'_>),
) -> Result<Ended, SweepError> {
    let end = placed(ready.end.as_ref(), store)?;
    let mut begun = None;
    let ended = meant(trials(ready, runner, store, owned, stop, &mut watch, &mut begun), store);
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

fn trials(
    ready: &Ready,
    runner: &mut dyn Runner,
    store: &mut Store,
    owned: &[String],
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Seen<'_>),
    begun: &mut Option<Begun>,
) -> Result<Ended, SweepError> {
    store.check()?;
    let presence = store.presence().clone();
    let halt = || stop.load(Ordering::Relaxed) || !presence.holds();
    let before = placed(ready.before.as_ref(), store)?;
    let during = placed(ready.during.as_ref(), store)?;
    let after = placed(ready.after.as_ref(), store)?;
    for point in 0..ready.sweep.points.len() {
        let mut new_point = true;
        let mut ran = false;
        let device = ready.device_settings(point);
        for trial in 0..ready.sweep.trials {
            if store.is_done(point, trial) {
                continue;
            }
            if halt() {
                return Ok(Ended::Stopped);
            }
            watch(Seen::Begins {
                point,
                trial,
                done: store.count(),
            });
            let inputs = ready.inputs(point, trial)?;
            let earlier = store.earlier(point, trial, &inputs);
            let folder = store.trial_folder(point, trial, earlier.is_some())?;
            *begun = Some(Begun {
                point,
                trial,
                folder: folder.clone(),
            });
            let call = |when| Call {
                when,
                sweep: &ready.sweep,
                point,
                trial,
                new_point,
                inputs: &inputs,
                device: &device,
                folder: &folder,
            };
            if let Some((hook, Some(program))) = &before {
                call(When::Before).run(hook, program, &halt)?;
            }
            let mut keeper = Keeper::new(&folder, earlier.as_ref());
            let mut middle = Middle::new(&ready.sweep, &inputs, earlier.as_ref());
            let disturb = || match &during {
                Some((hook, Some(program))) => call(When::During).run(hook, program, &halt).map(|_| ()),
                _ => Ok(()),
            };
            let (ended, disturbed) = std::thread::scope(|scope| {
                let mut thread = None;
                let ended = one(ready, runner, &inputs, owned, earlier.as_ref(), stop, &mut |seen| {
                    if let Some(kept) = seen.kept
                        && !keeper.keep(kept)
                    {
                        // What cannot be kept is not worth another day.
                        stop.store(true, Ordering::Relaxed);
                    }
                    if !presence.holds() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if during.is_some() && middle.has_come(seen) {
                        thread = Some(scope.spawn(disturb));
                    }
                    watch(Seen::Under(seen));
                });
                (ended, thread.and_then(|thread| thread.join().ok()))
            });
            store.check()?;
            keeper.finish().map_err(StoreError::from)?;
            let measured = ended.map_err(|source| SweepError::Trial {
                point,
                values: said(ready, point),
                trial,
                source,
            })?;
            let Measured {
                mut results,
                fabric: counters,
                rates: _,
            } = measured;
            if let Some(cause) = &results.run.interrupted_by {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Ended::Stopped);
                }
                return Err(SweepError::Early {
                    point,
                    values: said(ready, point),
                    trial,
                    cause: cause.clone(),
                });
            }
            disturbed.unwrap_or(Ok(()))?;
            if let Some((hook, _)) = &during
                && !middle.over
            {
                return Err(call(When::During).error(hook, HookFailure::TooLate).into());
            }
            if let Some((hook, program)) = &after {
                let call = call(When::After);
                let device = match program {
                    Some(program) => call.readings(hook, &call.run(hook, program, &halt)?)?,
                    None => match &counters {
                        Some(counters) => hook::fabric::readings(counters),
                        None => return Err(call.error(hook, HookFailure::NoFabric).into()),
                    },
                };
                results.add_device(device);
            }
            let of_sweep = ready.sweep.expect.iter().map(|(_, expectation)| expectation);
            results.judge(inputs.pattern.pattern.expect.iter().chain(of_sweep));
            if let Some(counters) = &counters {
                report::write_file(&folder, fabric::FILE_NAME, counters.to_json().as_bytes())
                    .map_err(StoreError::from)?;
            }
            store.keep(point, trial, &results)?;
            (new_point, ran) = (false, true);
        }
        if ran {
            watch(Seen::PointDone {
                point,
                done: store.count(),
            });
        }
    }
    Ok(Ended::Complete)
}

fn said(ready: &Ready, point: usize) -> String {
    let values = ready.sweep.points.get(point);
    values.map_or(String::new(), |values| point::said(&ready.sweep.axes, values))
}

/// The time of a trial at which a hook runs.
struct Middle {
    time: Picos,
    /// Whether it is over: it comes once, and is not waited for where it was before a break.
    over: bool,
}

impl Middle {
    fn new(sweep: &Sweep, inputs: &Inputs, earlier: Option<&Earlier>) -> Middle {
        let duration = inputs.pattern.pattern.duration.unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share below 1 of a time, to the nearest some picoseconds"
        )]
        let time = Picos((duration.0 as f64 * sweep.hooks.at.0) as u64);
        Middle {
            time,
            over: earlier.is_some_and(|earlier| earlier.done_ps >= time.0),
        }
    }

    fn has_come(&mut self, seen: &Watched<'_>) -> bool {
        let comes = !self.over && seen.before.saturating_add(seen.live.elapsed) >= self.time;
        self.over |= comes;
        comes
    }
}

fn one(
    ready: &Ready,
    runner: &mut dyn Runner,
    inputs: &Inputs,
    owned: &[String],
    earlier: Option<&Earlier>,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(&Watched<'_>),
) -> Result<Measured, TrialError> {
    let calibration = calibrate::file::of(&inputs.testbed).map_err(|error| TrialError::Input(error.to_string()))?;
    let trial = Trial {
        pattern: &inputs.pattern,
        pattern_name: &ready.sweep.pattern,
        testbed: &inputs.testbed,
        testbed_name: ready.testbed_name(),
        owned_interfaces: owned,
        calibration: calibration.as_ref(),
        earlier,
    };
    runner.run(&trial, stop, watch)
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
