//! The text exposition format of Prometheus, version 0.0.4.

use super::{Counts, PointState, State, Under};
use crate::units::Picos;

/// Seconds of a time.
#[expect(clippy::cast_precision_loss, reason = "seconds for people and their charts")]
pub fn seconds(time: Picos) -> f64 {
    time.0 as f64 / 1e12
}

/// A label's value: backslash, quote and line end are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The counters as text: a line for each point under way.
pub fn of(state: &State) -> String {
    let labels = |point: &PointState| {
        let mut labels = format!("{{pattern=\"{}\"", escaped(&state.pattern));
        if !point.name.is_empty() {
            labels += &format!(",point=\"{}\"", escaped(&point.name));
        }
        labels + "}"
    };
    let mut out = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, values: Vec<(&PointState, String)>| {
        if values.is_empty() {
            return;
        }
        out += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (point, value) in values {
            out += &format!("{name}{} {value}\n", labels(point));
        }
    };
    let points = || state.points.iter();
    let mut count = |name: &str, help: &str, pick: fn(&Counts) -> u64| {
        let values = points().map(|point| (point, pick(&point.counts()).to_string()));
        tell(name, "counter", help, values.collect());
    };
    count("squall_tx_frames_total", "Frames sent.", |counts| counts.tx.0);
    count("squall_tx_bytes_total", "Bytes of the frames sent.", |counts| {
        counts.tx.1
    });
    count("squall_rx_frames_total", "Frames received.", |counts| counts.rx.0);
    count("squall_rx_bytes_total", "Bytes of the frames received.", |counts| {
        counts.rx.1
    });
    count("squall_ce_frames_total", "Frames received with CE.", |counts| counts.ce);
    let help = "Frames lost, of trials that have ended.";
    count("squall_lost_frames_total", help, |counts| counts.lost);
    // Of all points, under the label of the one that was begun last.
    let of_all = |value: u64| {
        points()
            .last()
            .map(|point| (point, value.to_string()))
            .into_iter()
            .collect()
    };
    let help = "Trials that have ended.";
    tell("squall_trials_done_total", "counter", help, of_all(state.done));
    let under = |pick: &dyn Fn(&Under) -> u64| {
        let values = points().map(|point| (point, point.under.values().map(pick).sum::<u64>().to_string()));
        values.collect()
    };
    tell(
        "squall_outstanding_frames",
        "gauge",
        "Frames sent and not received yet: under way, late or lost.",
        under(&|under| under.outstanding),
    );
    let help = "Trials that are to be run.";
    tell("squall_trials", "gauge", help, of_all(state.trials));
    // Of several trials of a point, that of the first place.
    let first = |point: &PointState| point.under.values().next().copied().unwrap_or_default();
    let elapsed = points().map(|point| (point, first(point).elapsed_seconds.to_string()));
    tell(
        "squall_run_elapsed_seconds",
        "gauge",
        "Time of the trial under way, by its own clock.",
        elapsed.collect(),
    );
    let planned = points().filter_map(|point| Some((point, first(point).length_seconds?.to_string())));
    tell(
        "squall_run_planned_seconds",
        "gauge",
        "How long sending is to take in the trial under way.",
        planned.collect(),
    );
    out
}
