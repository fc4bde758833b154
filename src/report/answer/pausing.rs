//! PFC in a line: XOFF and XON, read, with their intervals, against what is configured; or who paused whom.

use super::{Said, Standing};
use crate::report::model::{Estimate, PauseDirection, Pausing, Results, Threshold};
use crate::units::shown::quantity;

/// PFC of the class that was paused longest; none where nothing was.
pub(super) fn of(results: &Results) -> Option<Said> {
    let received = |one: &&Pausing| one.direction == PauseDirection::Received;
    let all = || results.inferred.pfc.iter().filter(received);
    let class = all().max_by_key(|one| one.paused_ps)?.class;
    let mine = || all().filter(|one| one.class == class);
    let about = format!("PFC class {class}");
    let said = &results.inferred.configured;
    let mut parts = Vec::new();
    let mut standing = Vec::new();
    for (name, of, configured) in [
        (
            "XOFF",
            (|one| one.xoff) as fn(&Pausing) -> Option<Threshold>,
            said.xoff_bytes,
        ),
        ("XON", |one| one.xon, said.xon_bytes),
    ] {
        let read: Vec<Estimate> = mine().filter_map(of).map(|threshold| threshold.bytes).collect();
        let Some(joint) = hull(&read) else { continue };
        let mut text = format!("{name} at {}", joint.said("bytes"));
        if let Some(configured) = configured {
            let inside =
                super::float(configured) >= joint.low && joint.high.is_none_or(|high| super::float(configured) <= high);
            let word = if inside { "as configured" } else { "NOT as configured" };
            text.push_str(&format!(", {word} ({})", quantity(super::float(configured), "bytes")));
            standing.push(if inside { Standing::Good } else { Standing::Bad });
        }
        parts.push(text);
    }
    if parts.is_empty() {
        let why = mine().find_map(|one| one.why_not.as_deref());
        let paused: u64 = mine().map(|one| one.paused_ps).sum();
        let ports = mine().count();
        let mut text = format!(
            "{ports} {} paused for {} in all",
            if ports == 1 { "port was" } else { "ports were" },
            quantity(super::float(paused), "ps")
        );
        if let Some(why) = why.filter(|_| said.xoff_bytes.is_some()) {
            text.push_str(&format!("; XOFF not read: {why}"));
        }
        parts.push(text);
    }
    let standing = standing
        .iter()
        .copied()
        .find(|one| *one == Standing::Bad)
        .or(standing.first().copied());
    Some(Said::new(about, parts.join("; "), standing.unwrap_or(Standing::Plain)))
}

/// From the least to the greatest of several ports' intervals; the value is the middle one's.
fn hull(read: &[Estimate]) -> Option<Estimate> {
    let mut values: Vec<f64> = read.iter().map(|one| one.value).collect();
    values.sort_by(f64::total_cmp);
    let low = read.iter().map(|one| one.low).fold(f64::INFINITY, f64::min);
    let high = read
        .iter()
        .map(|one| one.high)
        .try_fold(0.0_f64, |most, high| Some(most.max(high?)));
    Some(Estimate {
        value: *values.get(values.len() / 2)?,
        low,
        high,
    })
}
