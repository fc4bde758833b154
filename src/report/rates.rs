//! How congestion control changed the rates of QPs: a table for other programs.
//!
//! Contract: a row for each change of a rate, in the order of time; `docs/RESULTS.md` describes the columns.
//!
//! Left out on purpose: changes of alpha alone, which happen once a microsecond.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::Results;
use crate::engine::outcome::RateOfFlow;
use crate::plot::{Axis, Chart, Point, Quantity, Series, Style, svg};
use crate::transport::dcqcn::Change;
use crate::units::Picos;

/// Name of the table's file in a run's folder.
pub const FILE_NAME: &str = "rates.csv";

/// The table as CSV. No field needs quotes: names of entries hold letters, digits, `-` and `_`.
#[must_use]
pub fn table(results: &Results, rates: &[RateOfFlow]) -> String {
    let mut table = String::from("t_ps,entry,flow,event,rate_bps,target_bps,alpha,by_time,by_bytes\n");
    for rate in rates {
        let entry = results.traffic.get(rate.entry).map_or("", |entry| &entry.name);
        let change = &rate.change;
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{},{entry},{},{},{:.3},{:.3},{:.12},{},{}",
            change.at.0,
            rate.flow,
            word(change.change),
            change.rate,
            change.target,
            change.alpha,
            change.stages.0,
            change.stages.1
        );
    }
    table
}

const fn word(change: Change) -> &'static str {
    match change {
        Change::Cut => "cut",
        Change::Alpha => "alpha",
        Change::FastRecovery => "fast-recovery",
        Change::AdditiveIncrease => "additive-increase",
        Change::HyperIncrease => "hyper-increase",
    }
}

/// Name of the chart's file in a run's folder.
pub const CHART_NAME: &str = "rates.svg";

/// QPs whose rates are drawn.
const MAX_FLOWS: usize = 8;

/// Points of a line at most: of more changes the chart shows each n-th.
const MAX_POINTS: usize = 2_000;

/// Current rate over time, as steps, of the first QPs that a CNP ever slowed down: a chart as SVG.
#[must_use]
pub fn chart(results: &Results, rates: &[RateOfFlow]) -> String {
    let flows: BTreeSet<(usize, u32)> = rates.iter().map(|rate| (rate.entry, rate.flow)).collect();
    let all = flows.len();
    let series = flows.iter().take(MAX_FLOWS).enumerate().map(|(look, (entry, flow))| {
        let own: Vec<&RateOfFlow> = rates
            .iter()
            .filter(|rate| (rate.entry, rate.flow) == (*entry, *flow))
            .collect();
        let every = own.len().div_ceil(MAX_POINTS).max(1);
        let mut points = Vec::new();
        let mut before: Option<f64> = None;
        for rate in own.iter().step_by(every) {
            let at = picos(rate.change.at);
            // The rate before holds until the change.
            points.extend(before.map(|before| Point::new(at, before)));
            points.push(Point::new(at, rate.change.rate));
            before = Some(rate.change.rate);
        }
        let name = results.traffic.get(*entry).map_or("?", |entry| &entry.name);
        Series {
            name: format!("{name}, QP {flow}"),
            points,
            style: Style::Line,
            look,
            right: false,
        }
    });
    svg(&Chart {
        title: "Rates under congestion control".to_owned(),
        subtitle: if all > MAX_FLOWS {
            format!("{MAX_FLOWS} of {all} QPs")
        } else {
            String::new()
        },
        x: Axis::new("time of the run", Quantity::Picos),
        y: Axis::new("current rate (R_C)", Quantity::Rate),
        legend: "QPs".to_owned(),
        series: series.collect(),
        ..Chart::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn picos(time: Picos) -> f64 {
    time.0 as f64
}
