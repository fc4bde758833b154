//! When rates had settled: the summary's part.

use super::table::{Cell, Table};
use super::text::{harmless, wrap};
use super::{View, line, optional, picos};
use crate::report::model::{Convergence, Estimate};
use crate::units::shown::{figure, quantity};

/// The answer, the windows, the rates.
pub(super) fn convergence(out: &mut String, found: &Convergence, view: View) {
    let text = match (&found.time_ps, found.headline_window_ps) {
        (Some(time), Some(window)) => format!(
            "Rates of {} were within {} {} after {}, in windows of {}.",
            found.of,
            quantity(found.within_percent, "%"),
            spell(time),
            picos(found.at_ps),
            picos(window),
        ),
        _ => found.why_not.clone().unwrap_or_default(),
    };
    line(out, &wrap("  ", &text, view));
    let mut table = Table::new(&[
        (">window", 0),
        (">settled", 0),
        (">first inside", 2),
        (">last outside", 1),
        (">outside, steady", 0),
    ]);
    for window in &found.windows {
        table.row(vec![
            picos(window.size_ps).into(),
            optional(window.settled_ps.as_ref().map(spell), view),
            optional(window.first_inside_ps.map(picos), view),
            optional(window.last_outside_ps.map(picos), view),
            format!("{} of {}", window.steady_outside, window.steady).into(),
        ]);
    }
    out.push_str(&table.render(view));
    let mut table = Table::new(&[
        ("traffic", 0),
        (">steady rate", 0),
        (">share", 0),
        (">max-min share", 0),
    ]);
    for rate in &found.rates {
        table.row(vec![
            harmless(&rate.entry).into(),
            Cell::from(quantity(rate.steady_bps, "bps")),
            optional(rate.share_percent.map(|share| quantity(share, "%")), view),
            Cell::from(quantity(rate.max_min_bps, "bps")),
        ]);
    }
    out.push_str(&table.render(view));
    let index = |jfi: Option<f64>| jfi.map_or("-".to_owned(), figure);
    let text = format!(
        "Jain's index of the steady rates: {}; of each over its max-min share: {}.",
        index(found.jfi),
        index(found.jfi_max_min)
    );
    line(out, &wrap("  ", &text, view));
}

fn spell(time: &Estimate) -> String {
    let shown = |ps: f64| quantity(ps, "ps");
    let high = time.high.map_or(String::new(), |high| format!(" to {}", shown(high)));
    format!("{} ({}{high})", shown(time.value), shown(time.low))
}
