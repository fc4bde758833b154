//! Several trials at a time, of a sweep in virtual time: each is a function of its inputs, so none sees another.
//!
//! Contract: results are kept as they come, whichever trial is first. What was under way when the sweep ends is not
//! kept, and is run again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::kept::Next;
use super::order::{Order, Step};
use super::{Ended, Seen, SweepError};
use crate::report::model::Results;
use crate::sweep::hook::{self, Hook};
use crate::sweep::store::Store;
use crate::sweep::{Inputs, Ready};
use crate::testbed::Cores;
use crate::trial::{Measured, Trial, TrialError, Watched};

/// Who runs trials side by side.
pub trait Workers {
    /// How many run at a time.
    fn places(&self) -> usize;

    /// Begins `trial` at a place that is free; its samples go into `folder`.
    ///
    /// # Errors
    /// A place that cannot begin.
    fn begin(&mut self, place: usize, trial: &Trial<'_>, folder: &Path) -> Result<(), TrialError>;

    /// What a trial tells next, and its place; none when nothing came for a moment.
    fn next(&mut self) -> Option<(usize, Told)>;

    /// Ends what is under way. Every place is free then.
    fn end(&mut self);
}

/// What a trial tells.
pub enum Told {
    /// It is under way.
    Under(Watched<'static>),
    /// It has ended.
    Over(Box<Result<Measured, TrialError>>),
}

/// Why the trials of a sweep run one after another; none where they may run side by side.
#[must_use]
pub fn why_not(ready: &Ready) -> Option<&'static str> {
    let hooks = [&ready.before, &ready.during, &ready.after, &ready.end];
    if hooks.into_iter().flatten().any(|hook| *hook != Hook::Fabric) {
        return Some("a hook sets or reads one device");
    }
    let of_point = |Inputs { testbed, .. }: Inputs| match (&testbed.testbed.fabric, &testbed.testbed.cores) {
        (None, _) => Some("real ports belong to one trial at a time"),
        (Some(_), Cores::Lists { .. }) => Some("the testbed's `cores` name one core for all trials"),
        (Some(_), Cores::Auto) => None,
    };
    (0..ready.sweep.points.len()).find_map(|point| ready.inputs(point, 0).ok().and_then(of_point))
}

pub(super) fn trials(
    ready: &Ready,
    workers: &mut dyn Workers,
    store: &mut Store,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Seen<'_>),
) -> Result<Ended, SweepError> {
    store.check()?;
    let presence = store.presence().clone();
    let mut order = Order::new(ready, store)?;
    let mut places: Vec<Option<Next>> = (0..workers.places()).map(|_| None).collect();
    let ended = loop {
        if stop.load(Ordering::Relaxed) || !presence.holds() {
            break Ok(Ended::Stopped);
        }
        if let Err(error) = fill(ready, workers, store, &mut places, &mut order, watch) {
            break Err(error);
        }
        if places.iter().all(Option::is_none) {
            break Ok(Ended::Complete);
        }
        match workers.next() {
            Some((place, Told::Under(watched))) => watch(Seen::Under {
                place,
                watched: &watched,
            }),
            Some((place, Told::Over(ended))) => {
                let Some(next) = places.get_mut(place).and_then(Option::take) else {
                    continue;
                };
                let results = ended.as_ref().as_ref().ok().map(|measured| &measured.results);
                watch(Seen::Over { place, results });
                let kept = match over(ready, store, &next, *ended) {
                    Ok(kept) => kept,
                    Err(error) => break Err(error),
                };
                if order.kept(next.point, next.trial, &kept, store) {
                    watch(Seen::PointDone {
                        point: next.point,
                        done: store.count(),
                    });
                }
            }
            None => {}
        }
    };
    workers.end();
    store.check()?;
    ended
}

/// Gives every free place a trial, as long as there are some to begin.
fn fill(
    ready: &Ready,
    workers: &mut dyn Workers,
    store: &Store,
    places: &mut [Option<Next>],
    order: &mut Order<'_>,
    watch: &mut dyn FnMut(Seen<'_>),
) -> Result<(), SweepError> {
    for (place, under) in places.iter_mut().enumerate().filter(|(_, under)| under.is_none()) {
        let Step::Begin(point, trial) = order.next(store) else {
            break;
        };
        watch(Seen::Begins {
            place,
            point,
            trial,
            done: store.count(),
        });
        let next = Next::new(ready, store, point, trial)?;
        workers
            .begin(place, &next.trial(ready, &[]), &next.folder)
            .map_err(|source| SweepError::of_trial(ready, point, trial, source))?;
        *under = Some(next);
    }
    Ok(())
}

/// Keeps what a trial has come to.
fn over(
    ready: &Ready,
    store: &mut Store,
    next: &Next,
    ended: Result<Measured, TrialError>,
) -> Result<Results, SweepError> {
    let (point, trial) = (next.point, next.trial);
    let measured = ended.map_err(|source| SweepError::of_trial(ready, point, trial, source))?;
    if let Some(cause) = &measured.results.run.interrupted_by {
        return Err(SweepError::Early {
            point,
            values: ready.said(point),
            trial,
            cause: cause.clone(),
        });
    }
    let counters = measured.fabric.as_ref();
    let device = ready.after.as_ref().and(counters).map(hook::fabric::readings);
    next.keep(ready, store, measured.results, counters, device)
}
