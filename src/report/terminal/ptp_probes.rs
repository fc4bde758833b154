//! The probes' part of the summary.

use super::table::Table;
use super::text::{harmless, wrap};
use super::{View, blemish, line, optional};
use crate::report::model::PtpProbe;
use crate::report::terminal::table::Tone;
use crate::units::Picos;
use crate::units::shown::grouped;

/// One line for each path, and why there are no delays where there are none.
pub(super) fn ptp_probes(out: &mut String, probes: &[PtpProbe], view: View) {
    let mut table = Table::new(&[
        ("from", 0),
        ("to", 0),
        ("class", 3),
        (">stamped", 0),
        (">lost", 2),
        (">min", 1),
        (">p50", 0),
        (">p99", 0),
        (">max", 1),
        (">+/-", 0),
        ("by", 2),
    ]);
    for probe in probes {
        let class = match (probe.vid, probe.pcp) {
            (Some(vid), Some(pcp)) => format!("vlan {vid} p {pcp}"),
            _ => "untagged".to_owned(),
        };
        let delay = |of: fn(&crate::report::model::Distribution) -> u64| {
            optional(probe.delay.as_ref().map(|delay| Picos(of(delay)).to_string()), view)
        };
        table.row(vec![
            harmless(&probe.from).into(),
            harmless(&probe.to).into(),
            class.into(),
            format!("{}/{}", grouped(probe.stamped), grouped(probe.sent)).into(),
            blemish(Some(probe.lost), Tone::Bad, view),
            delay(|delay| delay.min),
            delay(|delay| delay.p50),
            delay(|delay| delay.p99),
            delay(|delay| delay.max),
            optional(probe.uncertainty_ps.map(|ps| Picos(ps).to_string()), view),
            probe.source.name().into(),
        ]);
    }
    out.push_str(&table.render(view));
    for probe in probes {
        let path = format!("{} to {}", harmless(&probe.from), harmless(&probe.to));
        if let Some(why) = &probe.why_not {
            line(out, &wrap("  ", &format!("{path}: no delay: {why}"), view));
        }
        if probe.delay.as_ref().is_some_and(|delay| delay.below_resolution) {
            let text = format!("{path}: the median is less than relating the two clocks leaves open");
            line(out, &wrap("  ", &text, view));
        }
    }
}
