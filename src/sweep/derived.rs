//! Figures that follow from others: what a sweep's `derived` says, and its value in each trial.
//!
//! Contract: a derived figure is a function of the trial's own figures, of the point's values and of means
//! over other points' trials; where one of them was not measured, or the result is no finite number, it was
//! not measured either. The expression is read once, when the sweep is.
//!
//! Left out on purpose: what is worth deriving; the expression's own grammar, which is exmex's.

use exmex::{Express, FlatEx};

use super::gather::{Column, Gathered, Measured};
use super::hook::plain;
use super::keys::{DERIVED, SWEEP, TERM};
use super::read::{axis_of, figure_name};
use super::types::{Axis, Derived, Sweep, Take, Term};
use super::value;
use crate::report::model::Interval;
use crate::report::{range, stats};
use crate::yaml::read::{Fields, Reader};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, near, shown};

/// Most derived figures, and most names in a formula.
const MAX: usize = 64;

/// Terms whose intervals are followed through a formula.
const MAX_UNCERTAIN: usize = 8;

/// Reads `derived`; every mistake is recorded.
pub(super) fn derived(fields: &Fields<'_>, axes: &[Axis]) -> Vec<Derived> {
    let reader = fields.reader();
    let items = fields.list(&SWEEP.derived).unwrap_or_default();
    if items.len() > MAX {
        let place = fields.place_of(&SWEEP.derived);
        fields.bad(&SWEEP.derived, place, &format!("a list of {}", items.len()), None);
        return Vec::new();
    }
    let mut read: Vec<Derived> = Vec::new();
    for item in items {
        let Some(one) = one(reader, item, axes, &read) else {
            continue;
        };
        if read.iter().any(|other| other.name == one.name) {
            let what = format!("two derived figures are called `{}`", one.name);
            reader.report(Finding::new(item.place, what));
        }
        read.push(one);
    }
    read
}

fn one(reader: &Reader, node: &Node, axes: &[Axis], earlier: &[Derived]) -> Option<Derived> {
    let fields = reader.fields(node, "a derived figure", &[&DERIVED]);
    let terms = fields
        .node(&DERIVED.r#let)
        .map_or_else(Vec::new, |node| terms(reader, node, axes, earlier));
    let formula = fields.get(&DERIVED.formula);
    if let Some(formula) = &formula
        && let Err(what) = expression(formula, &terms)
    {
        fields.wrong(&DERIVED.formula, what);
    }
    Some(Derived {
        name: fields.get(&DERIVED.name)?,
        unit: fields.get(&DERIVED.unit).into_owned(),
        better: fields.get(&DERIVED.better),
        formula: formula?,
        terms,
    })
}

fn terms(reader: &Reader, node: &Node, axes: &[Axis], earlier: &[Derived]) -> Vec<(String, Term)> {
    let Value::Map(entries) = &node.value else {
        let finding = Finding::new(node.place, format!("`let` is {}", node.is_a()));
        reader.report(finding.allowed("a map of a name and a figure (`contended: \"kv: KV_xfer_latency.p99\"`)"));
        return Vec::new();
    };
    if entries.len() > MAX {
        reader.report(Finding::new(node.place, format!("a map of {} names", entries.len())));
        return Vec::new();
    }
    let mut read = Vec::new();
    for (name, node) in entries {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.text.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.text.chars().all(plain) {
            let what = format!("`{}` is no name", shown(&name.text, 60));
            reader.report(Finding::new(name.place, what).allowed("letters, digits and `_`, beginning with a letter"));
            continue;
        }
        let term = match &node.value {
            Value::Scalar(text) => figure_name(reader, node.place, text, earlier).map(Term::Figure),
            _ => term(reader, node, axes, earlier),
        };
        read.extend(term.map(|term| (name.text.clone(), term)));
    }
    read
}

fn term(reader: &Reader, node: &Node, axes: &[Axis], earlier: &[Derived]) -> Option<Term> {
    let fields = reader.fields(node, "a term", &[&TERM]);
    fields.exclude(&TERM.axis, &TERM.figure);
    fields.exclude(&TERM.at, &TERM.of);
    if let Some(text) = fields.text(&TERM.axis) {
        return axis_of(reader, fields.place_of(&TERM.axis), text, axes).map(Term::Axis);
    }
    fields.require(&TERM.figure);
    let figure = figure_name(
        reader,
        fields.place_of(&TERM.figure),
        fields.text(&TERM.figure)?,
        earlier,
    )?;
    if let Some(of) = fields.get(&TERM.of) {
        fields.require(&TERM.take);
        let take = fields.get(&TERM.take)?;
        return Some(Term::Over { figure, of, take });
    }
    let Some(at) = fields.node(&TERM.at) else {
        return Some(Term::Figure(figure));
    };
    let Value::Map(entries) = &at.value else {
        fields.bad(&TERM.at, at.place, at.is_a(), None);
        return None;
    };
    let values: Vec<(usize, String)> = entries
        .iter()
        .filter_map(|(name, node)| Some((axis_of(reader, name.place, &name.text, axes)?, plain(&node.to_string()))))
        .collect();
    Some(Term::At(figure, values))
}

/// The expression of a formula, whose names must all be known.
fn expression(formula: &str, terms: &[(String, Term)]) -> Result<FlatEx<f64>, String> {
    let read = exmex::parse::<f64>(formula).map_err(|error| format!("`formula` cannot be read: {error}"))?;
    for name in read.var_names() {
        if !terms.iter().any(|(known, _)| known == name) {
            let names: Vec<&str> = terms.iter().map(|(known, _)| known.as_str()).collect();
            let hint = near::nearest(name, names.iter().copied())
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            return Err(format!(
                "`{}` in the formula stands for nothing: it is not in `let`{hint}",
                shown(name, 60)
            ));
        }
    }
    Ok(read)
}

/// Adds a column for each derived figure, with its value in each trial.
pub(super) fn add(sweep: &Sweep, gathered: &mut Gathered) {
    for one in &sweep.derived {
        let Ok(expression) = expression(&one.formula, &one.terms) else {
            continue;
        };
        let names = expression.var_names();
        let values: Vec<Option<Measured>> = (0..gathered.rows.len())
            .map(|row| {
                let each = names.iter().map(|name| {
                    let (_, term) = one.terms.iter().find(|(known, _)| known == name)?;
                    of_term(sweep, gathered, row, term)
                });
                let each: Option<Vec<Measured>> = each.collect();
                evaluate(&each?, |values| expression.eval(values).ok())
            })
            .collect();
        gathered.ranges.insert(one.name.clone(), range_of(one));
        if values.iter().all(Option::is_none) {
            continue;
        }
        let column = Column {
            name: one.name.clone(),
            statistic: "",
            unit: one.unit.clone(),
            place: super::DERIVED.to_owned(),
        };
        gathered.add_column(column, values);
    }
}

/// A formula's value, and how far it may be off where its terms are: the least and the greatest value over the
/// ends of their intervals. That is exact of formulas which rise or fall with each term.
fn evaluate(terms: &[Measured], formula: impl Fn(&[f64]) -> Option<f64>) -> Option<Measured> {
    let mut values: Vec<f64> = terms.iter().map(|(value, _)| *value).collect();
    let value = formula(&values).filter(|value| value.is_finite())?;
    let uncertain: Vec<(usize, Interval)> = terms
        .iter()
        .enumerate()
        .filter_map(|(index, (_, own))| Some((index, (*own)?)))
        .take(MAX_UNCERTAIN)
        .collect();
    if uncertain.is_empty() {
        return Some((value, None));
    }
    let mut own = Interval::around(value, 0.0);
    for corner in 0..1_u32 << uncertain.len() {
        for (bit, (index, of)) in uncertain.iter().enumerate() {
            values[*index] = if corner >> bit & 1 == 0 { of.low } else { of.high };
        }
        // Of an end that nothing bounds there may be no value: then nothing bounds the result.
        let found = formula(&values).filter(|found| !found.is_nan());
        own.low = own.low.min(found.unwrap_or(f64::NEG_INFINITY));
        own.high = own.high.max(found.unwrap_or(f64::INFINITY));
    }
    // A file has no way to say that nothing bounds the lower end.
    Some((value, Some(own).filter(|own| own.low.is_finite())))
}

/// The values that a derived figure can have: those of its terms, where it is one of them; nothing negative,
/// where nothing is taken away from anything.
fn range_of(one: &Derived) -> Interval {
    let term = one.terms.iter().find(|(name, _)| *name == one.formula.trim());
    match term {
        Some((_, Term::Over { take: Take::Jfi, .. })) => return range::SHARE,
        Some((_, Term::Figure(figure) | Term::At(figure, _))) => return range::of(&figure.figure, &one.unit),
        _ => {}
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+*/^(). ".contains(c);
    let is_sum = one.formula.chars().all(plain);
    let words = one.formula.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_of_terms = words.all(|word| {
        let term = one.terms.iter().find(|(name, _)| name == word).map(|(_, term)| term);
        term.is_some_and(|term| match term {
            Term::Axis(_) => true,
            Term::Figure(figure) | Term::At(figure, _) | Term::Over { figure, .. } => {
                // Of another derived figure it is not asked here.
                range::of(&figure.figure, "").low >= 0.0
            }
        })
    });
    if is_sum && is_of_terms {
        range::NOT_NEGATIVE
    } else {
        range::ANY
    }
}

fn of_term(sweep: &Sweep, gathered: &Gathered, row: usize, term: &Term) -> Option<Measured> {
    let point = gathered.rows.get(row)?.point;
    match term {
        Term::Figure(figure) => gathered.value(row, figure),
        Term::Axis(axis) => number(sweep, point, *axis).map(|value| (value, None)),
        Term::At(figure, values) => {
            let own = |axis: usize| text(sweep, point, axis);
            let wanted = |axis: usize| {
                let said = values.iter().find(|(at, _)| *at == axis);
                said.map_or_else(|| own(axis), |(_, value)| Some(value.clone()))
            };
            // What a hidden axis has follows from those that are shown.
            let shown = |axis: &usize| sweep.axes.get(*axis).is_some_and(|axis| !axis.is_hidden());
            let same = |other: usize| {
                (0..sweep.axes.len())
                    .filter(shown)
                    .all(|axis| text(sweep, other, axis) == wanted(axis))
            };
            let other = (0..sweep.points.len()).find(|other| same(*other))?;
            let found: Vec<Measured> = (0..gathered.rows.len())
                .filter(|row| gathered.rows.get(*row).is_some_and(|row| row.point == other))
                .filter_map(|row| gathered.value(row, figure))
                .collect();
            over(&found, &|values| take_together(values, Take::Mean))
        }
        Term::Over { figure, of, take } => {
            let all: Vec<Measured> = gathered
                .columns_at(figure, of)
                .filter_map(|column| gathered.rows.get(row)?.values.get(column).copied().flatten())
                .collect();
            over(&all, &|values| take_together(values, *take))
        }
    }
}

/// What figures come to together, and how far that may be off where they are: by all lower and all upper ends.
/// A sum, a mean and an extreme rise with each of them.
fn over(all: &[Measured], together: &dyn Fn(&[f64]) -> Option<f64>) -> Option<Measured> {
    let each = |pick: &dyn Fn(&Measured) -> f64| -> Vec<f64> { all.iter().map(pick).collect() };
    let value = together(&each(&|(value, _)| *value))?;
    if all.iter().all(|(_, own)| own.is_none()) {
        return Some((value, None));
    }
    let low = together(&each(&|(value, own)| own.map_or(*value, |own| own.low)))?;
    let high = together(&each(&|(value, own)| own.map_or(*value, |own| own.high)))?;
    // A fairness index neither rises nor falls with its terms.
    let ordered = low <= value && value <= high;
    Some((value, ordered.then_some(Interval { low, high })))
}

fn text(sweep: &Sweep, point: usize, axis: usize) -> Option<String> {
    let value = sweep.points.get(point)?.values.get(axis)?.as_ref()?;
    Some(plain(&value.value))
}

fn number(sweep: &Sweep, point: usize, axis: usize) -> Option<f64> {
    let text = text(sweep, point, axis);
    let (_, values) = value::numbers(&[text.as_deref()])?;
    values.first().copied().flatten()
}

fn take_together(all: &[f64], take: Take) -> Option<f64> {
    if all.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of places")]
    let count = all.len() as f64;
    let sum: f64 = all.iter().sum();
    match take {
        Take::Max => all.iter().copied().reduce(f64::max),
        Take::Min => all.iter().copied().reduce(f64::min),
        Take::Mean => Some(sum / count),
        Take::Sum => Some(sum),
        Take::Jfi => stats::jain(all),
    }
}

/// Whether `text` is what `pattern` says, in which `*` stands for any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    (0..=text.len())
        .filter_map(|at| text.get(at..))
        .any(|tail| matches(rest, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("leaf* to spine*", "leaf0 to spine12"));
        assert!(matches("*", "") && matches("a*", "a") && matches("*b*", "abc"));
        assert!(!matches("leaf* to spine*", "spine0 to leaf1") && !matches("a", "ab"));
    }

    #[test]
    fn a_formula_is_as_uncertain_as_its_terms() {
        let own = |low: f64, high: f64| Some(Interval { low, high });
        let terms = [(10.0, own(9.0, 12.0)), (4.0, own(4.0, 5.0)), (2.0, None)];
        let (value, found) = evaluate(&terms, |v| Some(v[0] / v[1] * v[2])).unwrap();
        assert_eq!((value, found), (5.0, own(9.0 / 5.0 * 2.0, 12.0 / 4.0 * 2.0)));
        let open = [(10.0, own(9.0, f64::INFINITY))];
        assert_eq!(
            evaluate(&open, |v| Some(v[0] + 1.0)),
            Some((11.0, own(10.0, f64::INFINITY)))
        );
        assert_eq!(evaluate(&[(3.0, None)], |v| Some(v[0])), Some((3.0, None)));
        let all = [(1.0, own(0.0, 3.0)), (2.0, None)];
        assert_eq!(over(&all, &|v| take_together(v, Take::Sum)), Some((3.0, own(2.0, 5.0))));
        assert_eq!(over(&all, &|v| take_together(v, Take::Max)), Some((2.0, own(2.0, 3.0))));
    }

    #[test]
    fn figures_of_many_places_are_taken_together() {
        let all = [1.0, 2.0, 3.0];
        let of = |take| take_together(&all, take);
        assert_eq!(
            (of(Take::Max), of(Take::Min), of(Take::Mean), of(Take::Sum)),
            (Some(3.0), Some(1.0), Some(2.0), Some(6.0))
        );
        // (1 + 2 + 3)² / (3 · (1 + 4 + 9))
        assert_eq!(of(Take::Jfi), Some(36.0 / 42.0));
        assert_eq!(take_together(&[], Take::Max), None);
    }
}
