//! One trial after another, with the hooks around each.

use std::sync::atomic::{AtomicBool, Ordering};

use super::kept::Next;
use super::order::{Order, Step};
use super::{Begun, Ended, Runner, Seen, SweepError, placed};
use crate::report::samples::{Earlier, Keeper};
use crate::sweep::hook::{self, Call, HookFailure, When};
use crate::sweep::store::{Store, StoreError};
use crate::sweep::types::Sweep;
use crate::sweep::{Inputs, Ready};
use crate::trial::{Measured, Watched};
use crate::units::Picos;

/// The one place there is.
const PLACE: usize = 0;

pub(super) fn trials(
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
    let mut order = Order::new(ready, store)?;
    let mut last = None;
    loop {
        // Nothing is under way here that could be waited for.
        let Step::Begin(point, trial) = order.next(store) else {
            return Ok(Ended::Complete);
        };
        if halt() {
            return Ok(Ended::Stopped);
        }
        let device = ready.device_settings(point);
        let new_point = last != Some(point);
        watch(Seen::Begins {
            place: PLACE,
            point,
            trial,
            done: store.count(),
        });
        let next = Next::new(ready, store, point, trial)?;
        *begun = Some(Begun {
            point,
            trial,
            folder: next.folder.clone(),
        });
        let call = |when| Call {
            when,
            sweep: &ready.sweep,
            point,
            trial,
            new_point,
            inputs: &next.inputs,
            device: &device,
            folder: &next.folder,
        };
        if let Some((hook, Some(program))) = &before {
            call(When::Before).run(hook, program, &halt)?;
        }
        let mut keeper = Keeper::new(&next.folder, next.earlier.as_ref());
        let mut middle = Middle::new(&ready.sweep, &next.inputs, next.earlier.as_ref());
        let disturb = || match &during {
            Some((hook, Some(program))) => call(When::During).run(hook, program, &halt).map(|_| ()),
            _ => Ok(()),
        };
        watch(Seen::Starts);
        let (ended, disturbed) = std::thread::scope(|scope| {
            let mut thread = None;
            let ended = runner.run(&next.trial(ready, owned), stop, &mut |seen| {
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
                watch(Seen::Under {
                    place: PLACE,
                    watched: seen,
                });
            });
            watch(Seen::Over {
                place: PLACE,
                results: ended.as_ref().ok().map(|measured| &measured.results),
            });
            (ended, thread.and_then(|thread| thread.join().ok()))
        });
        store.check()?;
        keeper.finish().map_err(StoreError::from)?;
        let measured = ended.map_err(|source| SweepError::of_trial(ready, point, trial, source))?;
        let Measured {
            results,
            fabric: counters,
            rates: _,
        } = measured;
        if let Some(cause) = &results.run.interrupted_by {
            if stop.load(Ordering::Relaxed) {
                return Ok(Ended::Stopped);
            }
            return Err(SweepError::Early {
                point,
                values: ready.said(point),
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
        let mut told = None;
        if let Some((hook, program)) = &after {
            let call = call(When::After);
            told = Some(match program {
                Some(program) => call.readings(hook, &call.run(hook, program, &halt)?)?,
                None => match &counters {
                    Some(counters) => hook::fabric::readings(counters),
                    None => return Err(call.error(hook, HookFailure::NoFabric).into()),
                },
            });
        }
        let results = next.keep(ready, store, results, counters.as_ref(), told)?;
        last = Some(point);
        if order.kept(point, trial, &results, store) {
            watch(Seen::PointDone {
                point,
                done: store.count(),
            });
        }
    }
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
