//! The text exposition format of Prometheus, version 0.0.4.

use super::State;
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

/// The counters as text.
pub fn of(state: &State) -> String {
    let mut labels = format!("{{pattern=\"{}\"", escaped(&state.pattern));
    if !state.point.is_empty() {
        labels += &format!(",point=\"{}\"", escaped(&state.point));
    }
    labels.push('}');
    let counts = state.before.plus(state.now);
    let mut out = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, value: String| {
        out += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels} {value}\n");
    };
    for (name, help, value) in [
        ("squall_tx_frames_total", "Frames sent.", counts.tx.0),
        ("squall_tx_bytes_total", "Bytes of the frames sent.", counts.tx.1),
        ("squall_rx_frames_total", "Frames received.", counts.rx.0),
        ("squall_rx_bytes_total", "Bytes of the frames received.", counts.rx.1),
        ("squall_ce_frames_total", "Frames received with CE.", counts.ce),
        (
            "squall_lost_frames_total",
            "Frames lost, of trials that have ended.",
            counts.lost,
        ),
        ("squall_trials_done_total", "Trials that have ended.", state.done),
    ] {
        tell(name, "counter", help, value.to_string());
    }
    tell(
        "squall_outstanding_frames",
        "gauge",
        "Frames sent and not received yet: under way, late or lost.",
        state.outstanding.to_string(),
    );
    tell(
        "squall_trials",
        "gauge",
        "Trials that are to be run.",
        state.trials.to_string(),
    );
    tell(
        "squall_run_elapsed_seconds",
        "gauge",
        "Time of the trial under way, by its own clock.",
        state.elapsed_seconds.to_string(),
    );
    if let Some(length) = state.length_seconds {
        tell(
            "squall_run_planned_seconds",
            "gauge",
            "How long sending is to take in the trial under way.",
            length.to_string(),
        );
    }
    out
}
