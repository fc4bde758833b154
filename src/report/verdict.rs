//! Expectations held against a result.
//!
//! Contract: each line is judged at every place that it is about; what was not measured does not meet
//! it. The result is a function of the figures alone.

use super::figures::{self, Figure};
use super::model::{Expected, Results};
use crate::expect::{Expectation, base};

impl Results {
    /// Judges the result by `expectations`, in their order; earlier judgements are forgotten.
    pub fn judge<'e>(&mut self, expectations: impl IntoIterator<Item = &'e Expectation>) {
        let figures = figures::of(self);
        self.expectations = expectations
            .into_iter()
            .flat_map(|expectation| judged(expectation, &figures))
            .collect();
    }

    /// The lines that were not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Expected> {
        self.expectations.iter().filter(|expected| !expected.met)
    }
}

/// Whether a figure of this place is meant. Without a scope those that squall measures are; what a
/// device says of itself only where nothing else has the figure.
#[must_use]
pub fn in_scope(scope: Option<&str>, place: &str) -> bool {
    let within = |folder: &str| place.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    match scope {
        None => !within("device") && !within("ports") && !within("queues"),
        Some("device") => within("device"),
        Some(scope @ ("run" | "ports" | "queues")) if place == scope => true,
        Some(scope) => place.strip_prefix("traffic/") == Some(scope),
    }
}

fn judged(expectation: &Expectation, figures: &[Figure]) -> Vec<Expected> {
    let title = match expectation.statistic {
        "" => expectation.figure.to_owned(),
        statistic => format!("{}.{statistic}", expectation.figure),
    };
    let named = |figure: &&Figure| figure.name == expectation.figure && figure.statistic == expectation.statistic;
    let at = |scope: Option<&str>| -> Vec<&Figure> {
        let of_name = figures.iter().filter(named);
        of_name.filter(|figure| in_scope(scope, &figure.place)).collect()
    };
    let mut found = at(expectation.scope.as_deref());
    if found.is_empty() && expectation.scope.is_none() {
        found = at(Some("device"));
    }
    if found.is_empty() {
        return vec![Expected {
            text: expectation.text.clone(),
            met: false,
            figure: title,
            place: None,
            measured: None,
            unit: None,
        }];
    }
    found
        .into_iter()
        .map(|figure| {
            let value = figure.value.map(|value| base(value, &figure.unit));
            Expected {
                text: expectation.text.clone(),
                met: value.is_some_and(|value| expectation.comparison.holds(value, expectation.bound)),
                figure: title.clone(),
                place: Some(figure.place.clone()),
                measured: figure.value,
                unit: Some(figure.unit.clone()),
            }
        })
        .collect()
}
