//! A search: of the values that a key can have, the greatest or the least with which a trial still holds to its
//! goals, found by halving what is left of them.
//!
//! Contract: the values are a grid that is known before the first trial, so points have the numbers, seeds and
//! folders of any sweep's; a search only says which of them are run. What it asks for next follows from the verdicts
//! of finished trials alone: one that was cut short goes on where it was, and trials side by side come to the same
//! points. What is found is a bracket of two neighbours of the grid, and is true where the key has one limit; trials
//! that contradict that are told.
//!
//! Left out on purpose: running trials (`run`), and how a bracket is shown (`shown`, `html`).

mod found;
mod grid;

use crate::expect::Expectation;
use crate::plot::Quantity;
use crate::report::model::Results;
use crate::units::Share;
use crate::yaml::Place;

pub use found::{Bracket, Found, found, grid, group, json, title};
pub(super) use grid::values;

/// What a sweep searches for. Its key is the sweep's last axis, so that the values of a group stand together.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Which end of the values holds.
    pub find: Find,
    /// The values as numbers, in the unit of [`Search::quantity`], ascending.
    pub values: Vec<f64>,
    /// What they are.
    pub quantity: Quantity,
    /// What is to hold; at least one.
    pub goals: Vec<Goal>,
}

/// Which value is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// The greatest at which a goal holds.
    Greatest,
    /// The least.
    Least,
}

impl Find {
    /// The words for them.
    pub const WORDS: &'static [(&'static str, Find)] = &[("greatest", Find::Greatest), ("least", Find::Least)];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Find::WORDS.iter().find(|(_, find)| *find == self);
        found.map_or("", |(word, _)| word)
    }
}

/// What is to hold of a value's trials.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Its name.
    pub name: String,
    /// The lines, each with its place; none: every expectation of the trial.
    pub expect: Vec<(Place, Expectation)>,
    /// Share of a value's trials that may fail.
    pub exceed: Share,
}

/// Which goals a trial met, in their order.
pub type Verdict = Vec<bool>;

impl Search {
    /// Which goals `results` meet.
    #[must_use]
    pub fn verdict(&self, results: &Results) -> Verdict {
        let meets = |goal: &Goal| {
            if goal.expect.is_empty() {
                return results.unmet().next().is_none();
            }
            let lines = goal.expect.iter().map(|(_, expectation)| expectation);
            results.judged(lines).iter().all(|expected| expected.met)
        };
        self.goals.iter().map(meets).collect()
    }

    /// Whether expectations that are not met are what is searched for, and not a mistake.
    #[must_use]
    pub fn asks_expectations(&self) -> bool {
        self.goals.iter().any(|goal| goal.expect.is_empty())
    }

    /// The points of the group that `point` is of, by number.
    fn group_of(&self, point: usize) -> std::ops::Range<usize> {
        let each = self.values.len();
        let first = point / each * each;
        first..first + each
    }

    /// The most points that are run of one group: both ends, and then a half of what is left each time, for each goal.
    #[must_use]
    pub fn most_points(&self) -> usize {
        let halvings = usize::BITS - self.values.len().saturating_sub(2).leading_zeros();
        let each = (2 + halvings as usize).min(self.values.len());
        (each * self.goals.len()).min(self.values.len())
    }

    /// What a group's verdicts say of a goal: where its limit is, or which of the group's points is to be run next.
    /// `holds` says of a place among the values whether the goal holds there; none where that is not known yet.
    fn bracket(&self, holds: impl Fn(usize) -> Option<bool>) -> Result<Bracket, usize> {
        let last = self.values.len() - 1;
        // From the end that is easy to hold to the one that is hard.
        let place = |step: usize| match self.find {
            Find::Greatest => step,
            Find::Least => last - step,
        };
        let at = |step: usize| holds(place(step)).ok_or(place(step));
        let bracket = |holds: Option<usize>, fails: Option<usize>| Bracket {
            holds: holds.map(place),
            fails: fails.map(place),
        };
        if at(last)? {
            return Ok(bracket(Some(last), None));
        }
        if last == 0 || !at(0)? {
            return Ok(bracket(None, Some(0)));
        }
        let (mut low, mut high) = (0, last);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if at(middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(bracket(Some(low), Some(high)))
    }
}

/// Whether a goal holds at a point of which `fails` of `trials` trials fail it.
fn is_held(fails: usize, trials: usize, exceed: Share) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000 trials")]
    let share = fails as f64 / trials as f64;
    share <= exceed.0
}

/// The verdicts of finished trials, by point and trial.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(std::collections::BTreeMap<(usize, u32), Verdict>);

impl Verdicts {
    /// Takes in a trial's.
    pub fn insert(&mut self, point: usize, trial: u32, verdict: Verdict) {
        self.0.insert((point, trial), verdict);
    }

    /// Whether `goal` holds at a point; none before all its `trials` are finished.
    fn holds(&self, point: usize, trials: u32, number: usize, goal: &Goal) -> Option<bool> {
        let of_point = self.0.range((point, 0)..(point, trials));
        let met: Vec<bool> = of_point
            .map(|(_, verdict)| verdict.get(number) == Some(&true))
            .collect();
        let fails = met.iter().filter(|met| !**met).count();
        (met.len() == trials as usize).then(|| is_held(fails, met.len(), goal.exceed))
    }

    /// The limit of `goal` in the group whose first point is `first`, or the point that is to be run next.
    fn bracket(
        &self,
        search: &Search,
        trials: u32,
        first: usize,
        number: usize,
        goal: &Goal,
    ) -> Result<Bracket, usize> {
        let holds = |place: usize| self.holds(first + place, trials, number, goal);
        search.bracket(holds).map_err(|place| first + place)
    }

    /// The points that are to be run next, of `points` in all: one for each goal and group that has no bracket yet.
    #[must_use]
    pub fn wanted(&self, search: &Search, trials: u32, points: usize) -> Vec<usize> {
        let groups = (0..points).step_by(search.values.len());
        let each = groups.flat_map(|first| {
            let goals = search.goals.iter().enumerate();
            goals.filter_map(move |(number, goal)| self.bracket(search, trials, first, number, goal).err())
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(find: Find, count: usize, exceed: f64) -> Search {
        Search {
            find,
            values: (0..count)
                .map(|value| f64::from(u32::try_from(value).unwrap()))
                .collect(),
            quantity: Quantity::Number,
            goals: vec![Goal {
                name: "g".to_owned(),
                expect: Vec::new(),
                exceed: Share(exceed),
            }],
        }
    }

    /// Runs a search against a rule; the bracket, and how many points it took.
    fn run(search: &Search, trials: u32, met: impl Fn(usize, u32) -> bool) -> (Bracket, usize) {
        let mut verdicts = Verdicts::default();
        let mut points = 0;
        while let Some(point) = verdicts.wanted(search, trials, search.values.len()).pop() {
            points += 1;
            assert!(points <= search.most_points());
            for trial in 0..trials {
                verdicts.insert(point, trial, vec![met(point, trial)]);
            }
        }
        (
            verdicts.bracket(search, trials, 0, 0, &search.goals[0]).unwrap(),
            points,
        )
    }

    #[test]
    fn every_limit_of_every_grid_is_bracketed_by_its_neighbours() {
        for count in 1..70_usize {
            for limit in 0..=count {
                // The first `limit` values hold.
                let (bracket, _) = run(&search(Find::Greatest, count, 0.0), 1, |place, _| place < limit);
                let last = limit.checked_sub(1);
                assert_eq!((bracket.holds, bracket.fails), (last, (limit < count).then_some(limit)));
                let (bracket, _) = run(&search(Find::Least, count, 0.0), 2, |place, _| place >= limit);
                let first = (limit < count).then_some(limit);
                assert_eq!((bracket.holds, bracket.fails), (first, limit.checked_sub(1)));
            }
        }
        assert_eq!(search(Find::Least, 1000, 0.0).most_points(), 12);
    }

    #[test]
    fn a_share_of_the_trials_may_fail() {
        // One trial in four fails from value 3 on, three in four from 6 on.
        let met = |place: usize, trial: u32| {
            trial
                >= if place < 3 {
                    0
                } else if place < 6 {
                    1
                } else {
                    3
                }
        };
        for (exceed, holds) in [(0.0, 2), (0.24, 2), (0.25, 5), (0.75, 9)] {
            let (bracket, _) = run(&search(Find::Greatest, 10, exceed), 4, met);
            assert_eq!(bracket.holds, Some(holds), "{exceed}");
        }
    }
}
