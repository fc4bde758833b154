//! The long run's part of the summary.

use super::table::{Cell, Table, Tone};
use super::text::{harmless, wrap};
use super::{View, line, optional, picos};
use crate::report::model::{Soak, Trend};
use crate::units::shown::{change, figure, quantity};

/// One line for each figure of which there is something to say; the results have all.
pub(super) fn soak(out: &mut String, soak: &Soak, view: View) {
    let of = if soak.segments > 1 {
        format!(" in {} parts", soak.segments)
    } else {
        String::new()
    };
    let text = format!("{} samples of {}{of}", soak.samples, picos(soak.interval_ps));
    line(out, &wrap("  ", &text, view));
    let mut table = Table::new(&[
        ("figure", 0),
        ("of", 0),
        (">first", 1),
        (">last", 0),
        (">min", 3),
        (">median", 2),
        (">max", 1),
        (">variation", 1),
        (">an hour", 3),
        (">p", 2),
        ("", 0),
    ]);
    // Of ports, the one with the most of each; what never happened is no news.
    let most = |trend: &&Trend| {
        let others = soak.trends.iter().filter(|other| other.name == trend.name);
        let greatest = others.max_by(|one, other| one.median.total_cmp(&other.median));
        !trend.place.starts_with("ports/") || greatest.is_some_and(|other| other.place == trend.place)
    };
    let news = soak.trends.iter().filter(|trend| trend.max != 0.0 || trend.min != 0.0);
    let news = news.filter(most);
    for trend in news {
        let value = |value: f64| Cell::from(quantity(value, &trend.unit));
        table.row(vec![
            trend.name.as_str().into(),
            harmless(trend.place.rsplit('/').next().unwrap_or_default()).into(),
            value(trend.first),
            value(trend.last),
            value(trend.min),
            value(trend.median),
            value(trend.max),
            optional(trend.variation_percent.map(|percent| quantity(percent, "%")), view),
            optional(trend.slope_per_hour.map(|slope| change(slope, &trend.unit)), view),
            optional(trend.mann_kendall_p.map(figure), view),
            if trend.grows == Some(true) {
                Cell::toned("grows", Tone::Bad)
            } else {
                "".into()
            },
        ]);
    }
    out.push_str(&table.render(view));
    if soak.resident_memory_grows == Some(true) {
        line(
            out,
            &wrap("  ", "the resident memory of squall's own process grows", view),
        );
    }
}
