//! What of a result was measured, and what tells when and where it was.
//!
//! Contract: two trials in virtual time with the same inputs are alike in all that is left here, on whatever machine,
//! in whatever process and at whatever time they run.

use serde_json::Value;

use super::model::Results;

/// Keys of results and samples that tell of the process, the machine or the wall clock.
pub const OF_THE_PROCESS: [&str; 7] = [
    "at",
    "started_at",
    "wall_duration_ps",
    "process",
    "resident_bytes",
    "resident_memory",
    "environment",
];

/// Takes [`OF_THE_PROCESS`] out of results or samples, as JSON.
pub fn forget_the_process(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !OF_THE_PROCESS.contains(&key.as_str()));
            fields.values_mut().for_each(forget_the_process);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_the_process),
        _ => {}
    }
}

/// Whether two results measured the same.
#[must_use]
pub fn is_the_same(one: &Results, other: &Results) -> bool {
    let measured = |results: &Results| {
        let mut value = serde_json::to_value(results).ok()?;
        forget_the_process(&mut value);
        Some(value)
    };
    measured(one).is_some_and(|one| Some(one) == measured(other))
}
