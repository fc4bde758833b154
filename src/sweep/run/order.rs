//! Which trial is next.
//!
//! Contract: a function of what is finished and of what is under way. A plain sweep runs every trial, point by point; a
//! search the trials of the points that its verdicts ask for.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::model::Results;
use crate::sweep::Ready;
use crate::sweep::search::Verdicts;
use crate::sweep::store::{Store, StoreError};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin this trial of this point.
    Begin(usize, u32),
    /// What comes next is known when something that is under way has ended.
    Wait,
    /// Everything is finished.
    Done,
}

/// The order of one sweep's trials.
pub(super) struct Order<'a> {
    ready: &'a Ready,
    /// Trials that have begun and have not ended.
    under: BTreeSet<(usize, u32)>,
    /// Where every trial is run: how many of them, in order, have begun or were finished before.
    passed: usize,
    /// Trials that are not finished, of the points of which one was finished here.
    left: BTreeMap<usize, usize>,
    verdicts: Verdicts,
}

impl<'a> Order<'a> {
    /// The order of what `store` has not finished.
    ///
    /// # Errors
    /// A search whose finished trials cannot be read.
    pub(super) fn new(ready: &'a Ready, store: &Store) -> Result<Order<'a>, StoreError> {
        let mut verdicts = Verdicts::default();
        if let Some(search) = &ready.sweep.search {
            for trial in store.results() {
                let (entry, results) = trial?;
                verdicts.insert(entry.point, entry.trial, search.verdict(&results));
            }
        }
        Ok(Order {
            ready,
            under: BTreeSet::new(),
            passed: 0,
            left: BTreeMap::new(),
            verdicts,
        })
    }

    /// What is to be done next; a trial that is to begin counts as begun.
    pub(super) fn next(&mut self, store: &Store) -> Step {
        let sweep = &self.ready.sweep;
        let next = match &sweep.search {
            None => self.in_order(store),
            Some(search) => {
                let wanted = self.verdicts.wanted(search, sweep.trials, sweep.points.len());
                wanted.into_iter().find_map(|point| self.trial_of(point, store))
            }
        };
        match next {
            Some((point, trial)) => {
                self.under.insert((point, trial));
                Step::Begin(point, trial)
            }
            None if self.under.is_empty() => Step::Done,
            None => Step::Wait,
        }
    }

    /// A trial has ended, and its results are in the store. Whether it was the last one of its point.
    pub(super) fn kept(&mut self, point: usize, trial: u32, results: &Results, store: &Store) -> bool {
        self.under.remove(&(point, trial));
        if let Some(search) = &self.ready.sweep.search {
            self.verdicts.insert(point, trial, search.verdict(results));
        }
        let unfinished = || {
            (0..self.ready.sweep.trials)
                .filter(|trial| !store.is_done(point, *trial))
                .count()
        };
        let left = match self.left.get(&point) {
            Some(left) => left.saturating_sub(1),
            None => unfinished(),
        };
        self.left.insert(point, left);
        left == 0
    }

    /// The first of all trials that has not begun.
    fn in_order(&mut self, store: &Store) -> Option<(usize, u32)> {
        let trials = self.ready.sweep.trials as usize;
        let of = |number: usize| Some((number / trials, u32::try_from(number % trials).ok()?));
        while self.passed < self.ready.sweep.points.len() * trials {
            let (point, trial) = of(self.passed)?;
            self.passed += 1;
            let own = self.ready.shard().is_none_or(|shard| shard.has(self.passed - 1));
            if own && !store.is_done(point, trial) {
                return Some((point, trial));
            }
        }
        None
    }

    /// The first trial of a point that has not begun.
    fn trial_of(&self, point: usize, store: &Store) -> Option<(usize, u32)> {
        let mut trials = (0..self.ready.sweep.trials).map(|trial| (point, trial));
        trials.find(|(point, trial)| !store.is_done(*point, *trial) && !self.under.contains(&(*point, *trial)))
    }
}
