//! What a sweep has checked: each expectation at each point, over its trials, and what a search has found.

use super::gather::Gathered;
use super::types::Sweep;
use super::{search, shown};
use crate::report::checks::{Check, Ended, Group};

/// The checks of a sweep.
#[must_use]
pub fn checks(sweep: &Sweep, gathered: &Gathered) -> Group {
    let whole = Check {
        name: "every trial is finished".to_owned(),
        ended: if gathered.is_complete(sweep) {
            Ended::Met
        } else {
            Ended::Broken(shown::done(sweep, gathered))
        },
    };
    let lines = gathered.lines.iter().map(|((number, text), line)| Check {
        name: format!("{}: {text}", sweep.said(*number)),
        ended: match &line.first {
            None => Ended::Met,
            Some((trial, expected)) => Ended::Unmet(format!(
                "{} of {} trials, first trial {trial}: {expected}",
                line.unmet, line.trials
            )),
        },
    });
    let search = sweep.search.as_ref();
    let limits = search::found(sweep, gathered).into_iter().map(|found| {
        let said = search.map_or(String::new(), |search| found.said(sweep, search));
        Check {
            name: search.map_or(String::new(), |search| found.sentence(sweep, search)),
            ended: match (found.bracket, found.contradiction) {
                (Some(_), None) => Ended::Met,
                (Some(_), Some(_)) => Ended::Unmet(said),
                (None, _) => Ended::Broken(said),
            },
        }
    });
    let notes = gathered.anomalies.iter().map(|((number, kind), counted)| {
        let times = counted.count;
        format!("{kind} ({}, {times} times): {}", sweep.said(*number), counted.first)
    });
    Group {
        name: sweep.name.clone(),
        checks: std::iter::once(whole).chain(lines).chain(limits).collect(),
        notes: notes.collect(),
    }
}
