//! In which conditions two results differ, and which of that makes them results of different things.

use super::load::{Side, Stated};
use super::model::Condition;

/// The conditions that are not the same, in A's order.
pub fn differing(a: &Side, b: &Side) -> Vec<Condition> {
    pairs(a, b)
        .map(|(one, other)| Condition {
            name: one.name.to_owned(),
            a: one.value.clone(),
            b: other.value.clone(),
        })
        .collect()
}

/// What a reader must be told first, a sentence each.
pub fn warnings(a: &Side, b: &Side) -> Vec<String> {
    let mut warnings: Vec<String> = pairs(a, b)
        .filter(|(one, _)| one.decisive)
        .map(|(one, other)| {
            let said = |value: &Option<String>| value.as_deref().unwrap_or("nothing").to_owned();
            match one.name {
                "pattern's SHA-256" => {
                    "these are results of different patterns: their texts are not the same".to_owned()
                }
                name => format!(
                    "these are results of different things: {name} is {} in A and {} in B",
                    said(&one.value),
                    said(&other.value)
                ),
            }
        })
        .collect();
    for (name, side) in [("A", a), ("B", b)] {
        warnings.extend(side.warnings.iter().map(|warning| format!("{name}: {warning}")));
    }
    warnings
}

fn pairs<'a>(a: &'a Side, b: &'a Side) -> impl Iterator<Item = (&'a Stated, &'a Stated)> {
    let pair = |one: &'a Stated| Some((one, b.conditions.iter().find(|other| other.name == one.name)?));
    a.conditions
        .iter()
        .filter_map(pair)
        .filter(|(one, other)| one.value != other.value)
}
