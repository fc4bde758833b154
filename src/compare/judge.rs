//! Which figures differ, and whether that is better or worse.
//!
//! Contract: every figure of both sides is found or counted as the same; relative changes are of A, the base.

use std::collections::HashMap;

use super::conditions;
use super::load::{self, Figure, Side};
use super::model::{Answer, Became, Comparison, Estimate, Finding, Judged, Place, SCHEMA};
use super::stats::{self, Sample};
use crate::expect::Better;

/// By what is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Least relative change that counts, as a share: 0.02. None: [`Rules::THRESHOLD`], and
    /// [`Rules::SINGLE_THRESHOLD`] of single trials.
    pub threshold: Option<f64>,
    /// Confidence of the intervals, and that nothing at all was found by chance: 0.95.
    pub confidence: f64,
    /// Whether figures that are the same are listed too.
    pub all: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            threshold: None,
            confidence: 0.95,
            all: false,
        }
    }
}

impl Rules {
    /// Least relative change that counts where both sides have several trials.
    pub const THRESHOLD: f64 = 0.02;

    /// The same where one has a single trial: nobody knows by how much it would differ from the next one.
    pub const SINGLE_THRESHOLD: f64 = 0.10;

    fn several(&self) -> f64 {
        self.threshold.unwrap_or(Rules::THRESHOLD)
    }

    fn single(&self) -> f64 {
        self.threshold.unwrap_or(Rules::SINGLE_THRESHOLD)
    }
}

/// Two results without a figure in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NothingInCommon {
    /// A suite and a sweep, say.
    #[error("A is a {a} and B is a {b}; compare two of one kind", a = a.name(), b = b.name())]
    Kinds {
        /// A's kind.
        a: super::model::Kind,
        /// B's kind.
        b: super::model::Kind,
    },
    /// No figure of one is in the other.
    #[error(
        "A and B have no figure in common: they are of different tests, or of other configurations; compare results \
         of one pattern and of the same points"
    )]
    Figures,
}

/// Differences in these units count only from this amount on: below it, a relative change says nothing. Times are
/// 10 ns, rates a thousandth GB/s, shares a tenth of a percentage point, sizes a thousand bytes.
const FLOORS: &[(&str, f64)] = &[
    ("us", 0.01),
    ("ms", 1e-5),
    ("s", 1e-8),
    ("ns", 10.0),
    ("GB/s", 0.001),
    ("%", 0.1),
    ("ppm", 1.0),
    ("bytes", 1000.0),
    ("frames", COUNT),
    ("messages", COUNT),
    ("frames/s", COUNT),
    ("1", 0.001),
];

/// Counts differ by ten or more, unless one side has none at all in any trial.
const COUNT: f64 = 10.0;

/// The least difference of a figure that means anything.
fn floor(unit: &str, one_has_none: bool) -> f64 {
    let floor = FLOORS
        .iter()
        .find(|(known, _)| *known == unit)
        .map_or(0.0, |(_, floor)| *floor);
    if one_has_none && matches!(unit, "frames" | "messages") {
        // From none to some is a change of kind: a lossless switch that lost a frame is none.
        1.0
    } else {
        floor
    }
}

struct Pair<'a> {
    a: (&'a Figure, &'a Estimate),
    b: (&'a Figure, &'a Estimate),
    test: Option<stats::Welch>,
}

/// Compares B with A.
///
/// # Errors
/// [`NothingInCommon`].
pub fn compare(a: &Side, b: &Side, rules: &Rules) -> Result<Comparison, NothingInCommon> {
    if a.kind != b.kind {
        return Err(NothingInCommon::Kinds { a: a.kind, b: b.kind });
    }
    let (of_a, of_b) = (load::measured(a), load::measured(b));
    let mut left: HashMap<(&Place, usize), (&Figure, &Estimate)> = of_b
        .iter()
        .map(|(key, figure, estimate)| (*key, (*figure, *estimate)))
        .collect();
    let mut only_a = Vec::new();
    let mut pairs = Vec::new();
    for (key, figure, estimate) in &of_a {
        match left.remove(key) {
            None => only_a.push(figure.at.clone()),
            Some(other) => pairs.push(Pair {
                a: (figure, estimate),
                b: other,
                test: stats::welch(&sample(estimate), &sample(other.1), rules.confidence),
            }),
        }
    }
    if pairs.is_empty() {
        return Err(NothingInCommon::Figures);
    }
    // Where neither side has any spread, nothing is left to chance and nothing to correct.
    let by_chance = |pair: &Pair<'_>| pair.test.filter(|test| !test.constant).map(|test| test.p);
    let p: Vec<f64> = pairs.iter().filter_map(by_chance).collect();
    let mut corrected = stats::holm(&p).into_iter();
    let mut comparison = Comparison {
        schema: SCHEMA.to_owned(),
        kind: a.kind,
        a: a.file.clone(),
        b: b.file.clone(),
        warnings: conditions::warnings(a, b),
        conditions: conditions::differing(a, b),
        rules: Judged {
            threshold_percent: 100.0 * rules.several(),
            single_threshold_percent: 100.0 * rules.single(),
            confidence_percent: 100.0 * rules.confidence,
            compared: pairs.len(),
            tested: p.len(),
            single: pairs
                .iter()
                .filter(|pair| pair.test.is_none() && !too_few(pair))
                .count(),
        },
        asked: Vec::new(),
        worse: Vec::new(),
        changed: Vec::new(),
        better: Vec::new(),
        same: 0,
        too_few: 0,
        listed_same: Vec::new(),
        only_a,
        only_b: of_b
            .iter()
            .filter(|(key, ..)| left.contains_key(key))
            .map(|(_, figure, _)| figure.at.clone())
            .collect(),
    };
    for pair in &pairs {
        let p_corrected = match pair.test {
            Some(test) if test.constant => Some(test.p),
            Some(_) => corrected.next(),
            None => None,
        };
        let finding = finding(pair, p_corrected);
        let became = became(pair, &finding, rules);
        if pair.a.0.asked || pair.b.0.asked {
            comparison.asked.push(Answer {
                finding: finding.clone(),
                became,
            });
        }
        match became {
            Became::TooFew => comparison.too_few += 1,
            Became::Same => {
                comparison.same += 1;
                if rules.all {
                    comparison.listed_same.push(finding);
                }
            }
            Became::Changed => comparison.changed.push(finding),
            Became::Worse => comparison.worse.push(finding),
            Became::Better => comparison.better.push(finding),
        }
    }
    for list in [&mut comparison.worse, &mut comparison.changed, &mut comparison.better] {
        // The greatest change first; a change from nothing has no percentage and is the greatest.
        let size = |finding: &Finding| finding.difference_percent.map_or(f64::INFINITY, f64::abs);
        list.sort_by(|one, other| size(other).total_cmp(&size(one)));
    }
    Ok(comparison)
}

fn sample(estimate: &Estimate) -> Sample {
    Sample::of_ci95(estimate.trials, estimate.mean, estimate.ci95)
}

fn finding(pair: &Pair<'_>, p_corrected: Option<f64>) -> Finding {
    let (figure, a) = pair.a;
    let (_, b) = pair.b;
    let difference = b.mean - a.mean;
    Finding {
        at: figure.at.clone(),
        better: pair.b.0.better,
        a: *a,
        b: *b,
        difference,
        difference_percent: (a.mean != 0.0).then(|| 100.0 * difference / a.mean.abs()),
        interval: pair.test.map(|test| test.interval),
        p: pair.test.map(|test| test.p),
        p_corrected,
    }
}

/// Whether one trial of several measured it: how far it scatters is not known, though it could have been.
fn too_few(pair: &Pair<'_>) -> bool {
    [pair.a, pair.b]
        .iter()
        .any(|(figure, estimate)| estimate.trials == 1 && figure.of > 1)
}

/// What became of a figure, by the rules.
fn became(pair: &Pair<'_>, finding: &Finding, rules: &Rules) -> Became {
    if too_few(pair) {
        return Became::TooFew;
    }
    if !differs(pair, finding, rules) {
        return Became::Same;
    }
    let up = finding.difference > 0.0;
    match finding.better {
        Better::Neither => Became::Changed,
        Better::Lower if up => Became::Worse,
        Better::Higher if !up => Became::Worse,
        _ => Became::Better,
    }
}

fn differs(pair: &Pair<'_>, finding: &Finding, rules: &Rules) -> bool {
    let amount = finding.difference.abs();
    if amount == 0.0 || amount < floor(&finding.at.unit, pair.a.0.none || pair.b.0.none) {
        return false;
    }
    let threshold = if pair.test.is_some() {
        rules.several()
    } else {
        rules.single()
    };
    // Two single readings that may be the same value: nobody can tell them apart.
    let ends = pair.a.1.ci95.zip(pair.b.1.ci95);
    if pair.test.is_none() && ends.is_some_and(|(a, b)| a.overlaps(b)) {
        return false;
    }
    let great = amount > threshold * finding.a.mean.abs();
    let certain = finding.p_corrected.is_none_or(|p| p <= 1.0 - rules.confidence);
    great && certain
}
