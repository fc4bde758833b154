//! How congestion control changed the rates of QPs: a table for other programs.
//!
//! Contract: a row for each change of a rate, in the order of time; `docs/RESULTS.md` describes the columns.
//!
//! Left out on purpose: changes of alpha alone, which happen once a microsecond.

use std::fmt::Write as _;

use super::model::Results;
use crate::engine::outcome::RateOfFlow;
use crate::transport::dcqcn::Change;

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
