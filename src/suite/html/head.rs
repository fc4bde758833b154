//! Which KPIs say most about a test.
//!
//! Contract: those that the test's file lists first, as far as they were measured; of a KPI that has a value in many configurations, the least and the greatest.
//!
//! Left out on purpose: a judgement of them.

use crate::suite::model::{Kpi, Test};

/// Rows of a test in the summary, at most: figures, of two configurations each.
const MOST: usize = 4;

/// One row of the summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Telling<'a> {
    /// The figure.
    pub kpi: &'a Kpi,
    /// Which it is of the configurations that have it: "least", "greatest", "all alike".
    pub rank: Option<&'static str>,
}

/// Whether two are the same figure, of whichever configuration.
pub(super) fn same(one: &Kpi, other: &Kpi) -> bool {
    (&one.name, &one.statistic, &one.unit, &one.place) == (&other.name, &other.statistic, &other.unit, &other.place)
}

/// The most telling KPIs of a test.
pub(super) fn of(test: &Test) -> Vec<Telling<'_>> {
    let measured: Vec<&Kpi> = test
        .kpis
        .iter()
        .filter(|kpi| kpi.mean.is_some_and(f64::is_finite))
        .collect();
    let mut chosen: Vec<&Kpi> = Vec::new();
    for kpi in measured.iter().copied() {
        if chosen.len() < MOST && !chosen.iter().any(|other| same(kpi, other)) {
            chosen.push(kpi);
        }
    }
    chosen.into_iter().flat_map(|kpi| ends(kpi, &measured)).collect()
}

/// Whether the summary has the figure of another place, too.
pub(super) fn is_of_several(all: &[Telling<'_>], kpi: &Kpi) -> bool {
    let other = |one: &Telling<'_>| {
        (&one.kpi.name, &one.kpi.statistic) == (&kpi.name, &kpi.statistic) && one.kpi.place != kpi.place
    };
    all.iter().any(other)
}

/// The least and the greatest of one figure over the configurations.
fn ends<'a>(kpi: &'a Kpi, measured: &[&'a Kpi]) -> Vec<Telling<'a>> {
    let mut all = measured.iter().copied().filter(|other| same(kpi, other));
    let Some(first) = all.next() else { return Vec::new() };
    let (mut least, mut greatest) = (first, first);
    for other in all {
        if other.mean < least.mean {
            least = other;
        }
        if other.mean > greatest.mean {
            greatest = other;
        }
    }
    let row = |kpi, rank| Telling { kpi, rank: Some(rank) };
    if least.mean == greatest.mean {
        let is_alone = measured.iter().filter(|other| same(kpi, other)).count() == 1;
        return vec![Telling {
            kpi: least,
            rank: (!is_alone).then_some("all alike"),
        }];
    }
    vec![row(least, "least"), row(greatest, "greatest")]
}

/// A configuration in a few words: what is varied, and its values.
pub(super) fn configuration(test: &Test, point: usize) -> String {
    let Some(point) = test.points.get(point) else {
        return "not in the list".to_owned();
    };
    let pairs = test.axes.iter().zip(&point.values);
    let said = pairs.filter_map(|(axis, value)| Some(format!("{} {}", axis.name, value.as_ref()?)));
    let said: Vec<String> = said.collect();
    if said.is_empty() {
        "the only one".to_owned()
    } else {
        said.join(", ")
    }
}
