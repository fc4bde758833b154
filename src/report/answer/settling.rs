//! Rates that settle in a line: when, with the interval, by which windows; or why not.

use super::{Said, Standing};
use crate::expect::known;
use crate::report::model::Results;
use crate::units::shown::quantity;

/// None where the run was not asked.
pub(super) fn of(results: &Results) -> Option<Said> {
    let found = results.convergence.as_ref()?;
    let about = known::RATE_CONVERGENCE_TIME.name;
    let of = |ps: u64| quantity(super::float(ps), "ps");
    let (Some(time), Some(window)) = (found.time_ps, found.headline_window_ps) else {
        let why = found.why_not.as_deref().unwrap_or("not measured");
        return Some(Said::new(about, why, Standing::Bad));
    };
    let within = quantity(found.within_percent, "%");
    let text = format!(
        "{}; rates of {} within {within} in windows of {}",
        time.said("ps"),
        found.of,
        of(window)
    );
    Some(Said::new(about, text, Standing::Plain))
}
