//! Expectations held against a result.
//!
//! Contract: each line is judged at every place that it is about; what was not measured does not meet
//! it. The result is a function of the figures alone.

use super::figures::{self, Figure};
use super::model::{Expected, Results};
use crate::expect::{self, Expectation, Scope, Term, base};

impl Results {
    /// Judges the result by `expectations`, in their order; earlier judgements are forgotten.
    pub fn judge<'e>(&mut self, expectations: impl IntoIterator<Item = &'e Expectation>) {
        self.expectations = self.judged(expectations);
    }

    /// How the result stands to `expectations`, in their order.
    #[must_use]
    pub fn judged<'e>(&self, expectations: impl IntoIterator<Item = &'e Expectation>) -> Vec<Expected> {
        let mut figures = figures::of(self);
        figures.extend(figures::of_classes(self, |_, _| true));
        expectations
            .into_iter()
            .flat_map(|expectation| judged(expectation, &figures))
            .collect()
    }

    /// The lines that were not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Expected> {
        self.expectations.iter().filter(|expected| !expected.met)
    }
}

/// Whether a figure of this place is meant. Without a scope those that squall measures are; what a
/// device says of itself only where nothing else has the figure.
#[must_use]
pub fn in_scope(scope: Option<&Scope>, place: &str) -> bool {
    let within = |folder: &str| place.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    match scope {
        None => place != "device" && !within("device") && !within("ports") && !within("queues"),
        Some(scope) => scope.0.iter().any(|term| term.holds(place)),
    }
}

fn judged(expectation: &Expectation, figures: &[Figure]) -> Vec<Expected> {
    let title = match expectation.statistic {
        "" => expectation.figure.to_owned(),
        statistic => format!("{}.{statistic}", expectation.figure),
    };
    let named = |figure: &&Figure| figure.name == expectation.figure && figure.statistic == expectation.statistic;
    let at = |scope: Option<&Scope>| -> Vec<&Figure> {
        let of_name = figures.iter().filter(named);
        of_name.filter(|figure| in_scope(scope, &figure.place)).collect()
    };
    let whole = Scope(vec![Term::Together("device".to_owned())]);
    let mut found = at(expectation.scope.as_ref());
    let mut scope = expectation.scope.as_ref();
    if found.is_empty() && scope.is_none() {
        scope = Some(&whole);
        found = at(scope);
    }
    let of_device = scope == Some(&whole);
    if of_device {
        found = outermost(&found);
    }
    let Some(first) = found.first() else {
        return vec![Expected {
            text: expectation.text.clone(),
            met: false,
            figure: title,
            place: None,
            measured: None,
            unit: None,
        }];
    };
    let held = |place: String, measured: Option<f64>, unit: &str| {
        let value = measured.map(|value| base(value, unit));
        Expected {
            text: expectation.text.clone(),
            met: value.is_some_and(|value| expectation.comparison.holds(value, expectation.bound)),
            figure: title.clone(),
            place: Some(place),
            measured,
            unit: Some(unit.to_owned()),
        }
    };
    if let Some(scope) = expectation.scope.as_ref().filter(|scope| is_sum(scope, expectation)) {
        // A sum with a part unknown is unknown.
        let all = scope
            .0
            .iter()
            .all(|term| found.iter().any(|figure| term.holds(&figure.place)));
        let sum: Option<f64> = found.iter().map(|figure| figure.value).sum();
        return vec![held(scope.to_string(), sum.filter(|_| all), &first.unit)];
    }
    // Of a device's places, none of which is part of another, counts add up to the device's.
    if of_device && found.len() > 1 && adds_up(expectation) {
        let sum: Option<f64> = found.iter().map(|figure| figure.value).sum();
        return vec![held(whole.to_string(), sum, &first.unit)];
    }
    let each = found.into_iter();
    each.map(|figure| held(figure.place.clone(), figure.value, &figure.unit))
        .collect()
}

/// The figures of places that are not part of another one's: of a switch, not of its ports; of a port, not of its queues. A part is
/// named by what it is part of, and more.
fn outermost<'a>(all: &[&'a Figure]) -> Vec<&'a Figure> {
    let part_of = |part: &str, whole: &str| {
        let rest = part.strip_prefix(whole);
        rest.is_some_and(|rest| rest.starts_with([' ', '/', ':']))
    };
    let is_part = |figure: &Figure| all.iter().any(|whole| part_of(&figure.place, &whole.place));
    all.iter().copied().filter(|figure| !is_part(figure)).collect()
}

/// Whether the figure's values at several places can be added up.
fn adds_up(expectation: &Expectation) -> bool {
    let known = expect::find(expectation.figure);
    let measure = known.and_then(|known| Some((known, known.measure(Some(expectation.statistic))?)));
    measure.is_some_and(|(known, measure)| known.adds_up(measure))
}

fn is_sum(scope: &Scope, expectation: &Expectation) -> bool {
    let known = expect::find(expectation.figure);
    let measure = known.and_then(|known| Some((known, known.measure(Some(expectation.statistic))?)));
    measure.is_some_and(|(known, measure)| scope.is_sum(known, measure))
}
