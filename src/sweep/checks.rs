//! What a sweep has checked: each expectation at each point, over its trials, and what a search has found.

use super::gather::Gathered;
use super::types::Sweep;
use super::{point, search, shown};
use crate::report::checks::{Check, Ended, Group};

/// The checks of a sweep.
#[must_use]
pub fn checks(sweep: &Sweep, gathered: &Gathered) -> Group {
    let at = |number: usize| {
        let values = sweep.points.get(number);
        values.map_or(String::new(), |values| point::said(&sweep.axes, values))
    };
    let whole = Check {
        name: "every trial is finished".to_owned(),
        ended: if gathered.is_complete(sweep) {
            Ended::Met
        } else {
            Ended::Broken(shown::done(sweep, gathered))
        },
    };
    let lines = gathered.lines.iter().map(|((number, text), line)| Check {
        name: format!("{}: {text}", at(*number)),
        ended: match &line.first {
            None => Ended::Met,
            Some((trial, expected)) => Ended::Unmet(format!(
                "{} of {} trials, first trial {trial}: {expected}",
                line.unmet, line.trials
            )),
        },
    });
    let limits = search::found(sweep, gathered).into_iter().map(|found| {
        let group = search::group(sweep, found.first).map_or(String::new(), |group| format!("{group}: "));
        let said = sweep
            .search
            .as_ref()
            .map_or(String::new(), |search| found.said(sweep, search));
        Check {
            name: format!("{group}{said}"),
            ended: match (found.bracket, found.contradiction) {
                (Some(_), None) => Ended::Met,
                (Some(_), Some(_)) => Ended::Unmet(said),
                (None, _) => Ended::Broken(said),
            },
        }
    });
    let notes = gathered.anomalies.iter().map(|((number, kind), counted)| {
        let times = counted.count;
        format!("{kind} ({}, {times} times): {}", at(*number), counted.first)
    });
    Group {
        name: sweep.name.clone(),
        checks: std::iter::once(whole).chain(lines).chain(limits).collect(),
        notes: notes.collect(),
    }
}
