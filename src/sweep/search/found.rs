//! What a search has found.

use serde_json::{Value, json};

use super::{Find, Goal, Search};
use crate::plot::Quantity;
use crate::report::grid::{Cell, Grid, Head, Row};
use crate::report::model::Interval;
use crate::sweep::gather::Gathered;
use crate::sweep::hook::plain;
use crate::sweep::point;
use crate::sweep::types::{Point, Sweep};

/// Where a goal's limit is: places among the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// The outermost value at which the goal holds; none: at no value of the grid.
    pub holds: Option<usize>,
    /// Its neighbour, at which it does not; none: it holds at the outermost value of the grid.
    pub fails: Option<usize>,
}

/// The limit of a goal in a group: with one value of each other axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'a> {
    /// The first point of the group.
    pub first: usize,
    /// The goal.
    pub goal: &'a Goal,
    /// Where the limit is; none before the search has come to its end.
    pub bracket: Option<Bracket>,
    /// Points of the group at which the goal holds although it does not at one that should be easier: that one, and this
    /// one. There is no single limit then.
    pub contradiction: Option<(usize, usize)>,
}

/// Everything that the search of `sweep` has found: by group, then by goal. Nothing for a sweep that searches nothing.
#[must_use]
pub fn found<'a>(sweep: &'a Sweep, gathered: &Gathered) -> Vec<Found<'a>> {
    let Some(search) = &sweep.search else { return Vec::new() };
    let groups = (0..sweep.points.len()).step_by(search.values.len());
    let each = groups.flat_map(|first| {
        search.goals.iter().enumerate().map(move |(number, goal)| {
            let bracket = gathered
                .verdicts
                .bracket(search, sweep.trials, first, number, goal)
                .ok();
            let holds = |point: usize| gathered.verdicts.holds(point, sweep.trials, number, goal);
            Found {
                first,
                goal,
                bracket,
                contradiction: contradiction(search, first, holds),
            }
        })
    });
    each.collect()
}

/// The first point of a group that holds beyond one that does not.
fn contradiction(search: &Search, first: usize, holds: impl Fn(usize) -> Option<bool>) -> Option<(usize, usize)> {
    let group = search.group_of(first);
    let mut points: Vec<usize> = group.collect();
    if search.find == Find::Least {
        points.reverse();
    }
    let mut known = points.into_iter().filter_map(|point| Some((point, holds(point)?)));
    let (fails, _) = known.find(|(_, holds)| !holds)?;
    let (beyond, _) = known.find(|(_, holds)| *holds)?;
    Some((fails, beyond))
}

/// What is searched for, in words: `greatest senders`.
#[must_use]
pub fn title(sweep: &Sweep, search: &Search) -> String {
    let axis = sweep
        .axes
        .last()
        .map_or(String::new(), |axis| point::shown(&sweep.axes, axis));
    format!("{} {axis}", search.find.name())
}

/// A value of the search in words, by its place in the group that begins at `first`.
#[must_use]
pub fn value(sweep: &Sweep, first: usize, place: usize) -> String {
    let point = sweep.points.get(first + place);
    let value = point.and_then(|point| point.values.last()?.as_ref());
    value.map_or(String::new(), |value| plain(&value.value))
}

/// The values of the other axes in the group that begins at `first`: none where there is no other.
#[must_use]
pub fn group(sweep: &Sweep, first: usize) -> Option<String> {
    let (axes, values) = (sweep.axes.split_last()?.1, &sweep.points.get(first)?.values);
    let values = values.split_last()?.1.to_vec();
    (!axes.is_empty()).then(|| point::said(axes, &Point { values }))
}

impl Found<'_> {
    /// What was found, as a sentence that begins with its group.
    #[must_use]
    pub fn sentence(&self, sweep: &Sweep, search: &Search) -> String {
        let group = group(sweep, self.first).map_or(String::new(), |group| format!("{group}: "));
        format!("{group}{}", self.said(sweep, search))
    }

    /// What was found, as a sentence without its group.
    #[must_use]
    pub fn said(&self, sweep: &Sweep, search: &Search) -> String {
        let value = |place: usize| value(sweep, self.first, place);
        let (name, last) = (&self.goal.name, search.values.len() - 1);
        let (easy, hard) = match search.find {
            Find::Greatest => (0, last),
            Find::Least => (last, 0),
        };
        let mut said = match self.bracket {
            None => format!("{name}: not found yet"),
            Some(Bracket { holds: None, .. }) => format!("{name}: not even at {}", value(easy)),
            Some(Bracket { fails: None, .. }) => {
                let beyond = match search.find {
                    Find::Greatest => "above",
                    Find::Least => "below",
                };
                format!("{name}: {}, and nothing {beyond} it was tried", value(hard))
            }
            Some(Bracket {
                holds: Some(holds),
                fails: Some(fails),
            }) => format!("{name}: {}, and no more at {}", value(holds), value(fails)),
        };
        if let Some((fails, beyond)) = self.contradiction {
            said += &format!(
                "; it holds at {} and not at {}: there is no single limit",
                value(beyond - self.first),
                value(fails - self.first)
            );
        }
        said
    }
}

/// What was found, a row for each group and a column for each goal. A value stands with its bracket.
#[must_use]
pub fn grid(sweep: &Sweep, gathered: &Gathered) -> Option<Grid> {
    let search = sweep.search.as_ref()?;
    let unit = match search.quantity {
        Quantity::Number => "1",
        Quantity::Bytes => "bytes",
        Quantity::Picos => "ps",
        Quantity::Rate => "bps",
        Quantity::Percent => "%",
    };
    let others = sweep.axes.split_last().map_or(&[][..], |(_, others)| others);
    let all = found(sweep, gathered);
    let row = |of_group: &[Found<'_>]| {
        let first = of_group.first().map_or(0, |found| found.first);
        let values = sweep.points.get(first).map_or(&[][..], |point| &point.values);
        Row {
            values: (values.iter().take(others.len()))
                .map(|value| value.as_ref().map(|value| plain(&value.value)))
                .collect(),
            trials: search.group_of(first).map(|point| gathered.trials_of(point)).sum(),
            cells: of_group.iter().map(|found| cell(found, search)).collect(),
        }
    };
    Some(Grid {
        axes: others.iter().map(|axis| point::shown(&sweep.axes, axis)).collect(),
        heads: (search.goals.iter())
            .map(|goal| Head {
                name: title(sweep, search),
                statistic: String::new(),
                place: goal.name.clone(),
                unit: unit.to_owned(),
            })
            .collect(),
        rows: all.chunks(search.goals.len()).map(row).collect(),
    })
}

fn cell(found: &Found<'_>, search: &Search) -> Option<Cell> {
    let Bracket { holds, fails } = found.bracket?;
    let value = |place: usize| search.values.get(place).copied();
    let mean = value(holds?)?;
    // Without a value at which it fails, nothing bounds the limit on that side.
    let other = fails.and_then(value).unwrap_or(match search.find {
        Find::Greatest => f64::INFINITY,
        Find::Least => f64::NEG_INFINITY,
    });
    Some(Cell {
        mean,
        ci95: Some(Interval {
            low: mean.min(other),
            high: mean.max(other),
        }),
        against: None,
    })
}

/// For programs: an object for each group and goal.
#[must_use]
pub fn json(sweep: &Sweep, gathered: &Gathered) -> Option<Value> {
    let search = sweep.search.as_ref()?;
    let keys = sweep.axes.last().map_or(&[][..], |axis| &axis.keys);
    let each = found(sweep, gathered).into_iter().map(|found| {
        let at = |place: Option<usize>| {
            place.map(|place| json!({"value": value(sweep, found.first, place), "point": found.first + place}))
        };
        json!({
            "keys": keys,
            "find": search.find.name(),
            "goal": found.goal.name,
            "at": group(sweep, found.first),
            "found": found.bracket.is_some(),
            "holds": at(found.bracket.and_then(|bracket| bracket.holds)),
            "fails": at(found.bracket.and_then(|bracket| bracket.fails)),
            "contradiction": found.contradiction.map(|(fails, holds)| json!({"fails": fails, "holds": holds})),
        })
    });
    Some(each.collect())
}
