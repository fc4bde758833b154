//! Frames that left late, or slower than asked for, and what held them back.
//!
//! Contract: a sender that PFC pauses is not a sender that fails. In virtual time, where nothing of
//! ours is ever late, a shortfall that pauses account for is not worth a word, nor one of a port that the plan
//! asks for more than its rate: the pauses themselves are in `ports[].pfc`, and what was asked for is beside what
//! was achieved. On real ports a sender that squall itself held kept its pace if it did so in the time that was
//! left; of a NIC that is paused nobody knows for how long it obeyed, and both are said.

use crate::report::model::{Anomaly, AnomalyKind as Kind, Clock, Results, Traffic};
use crate::units::Picos;
use crate::units::shown::rounded;

/// Achieved rates below this share of the requested one are worth a word.
const RATE_TOLERANCE: f64 = 0.99;

/// Says what there is to say of an entry's pacing.
pub(super) fn of_entry(results: &Results, entry: &Traffic, say: &mut dyn FnMut(Kind, String)) {
    // A reliable connection sends as its answers let it.
    let Some(pacing) = entry.pacing.as_ref().filter(|_| entry.rc.is_none()) else {
        return;
    };
    let paused = results.paused(entry);
    let simulated = results.run.clock == Clock::Virtual;
    let slow = |anomaly: &Anomaly| {
        let of = |port: &String| anomaly.place.strip_prefix("ports/") == Some(port);
        anomaly.kind == Kind::SlowLink && entry.tx_ports.iter().any(of)
    };
    if results.anomalies.iter().any(slow) {
        return;
    }
    // In virtual time a schedule is moved where a port has other traffic to send or is paused, as the plan or the network wants it.
    if pacing.slips > 0 && !simulated {
        let slips = pacing.slips;
        say(
            Kind::Pacing,
            format!("Senders were so late that schedules were moved {slips} times."),
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio of rates")]
    if let Some((requested, achieved)) = pacing
        .requested_bps
        .zip(pacing.achieved_bps)
        .filter(|(r, a)| (*a as f64) < *r as f64 * RATE_TOLERANCE)
    {
        let share = achieved as f64 / requested as f64;
        // So long was it sent, at the rate that was achieved.
        let sending = wire_bits(entry) / achieved as f64 * 1e12;
        let due_to_pauses = share + paused.0 as f64 / sending >= RATE_TOLERANCE;
        // What a sender did not owe to pauses is known where they were obeyed by squall: then it kept its pace.
        let kept = pacing.held_ps.is_some_and(|held| held > 0)
            && (pacing.rate_error_percent).is_some_and(|error| error >= 100.0 * (RATE_TOLERANCE - 1.0));
        if kept || simulated && (due_to_pauses || results.is_overbooked(entry)) {
            return;
        }
        let mut reasons = Vec::new();
        if paused > Picos::ZERO {
            reasons.push(format!("PFC asked a sending port to pause for {paused}"));
        }
        if results.is_overbooked(entry) {
            reasons.push("its ports had more to send than their line rate".to_owned());
        }
        let reasons = if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join(", and "))
        };
        let percent = 100.0 * share;
        say(
            Kind::Pacing,
            format!(
                "Sent at {percent:.1} % of the rate asked for ({} of {}){reasons}.",
                rate(achieved),
                rate(requested)
            ),
        );
    }
}

fn rate(bps: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "six digits of it")]
    let bps = bps as f64;
    rounded(bps, "bps", super::DIGITS)
}

/// Bits on the wire that an entry has sent.
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn wire_bits(entry: &Traffic) -> f64 {
    let overhead = entry.packets.sent.saturating_mul(crate::units::WIRE_OVERHEAD);
    8.0 * entry.frame_bytes.sent.saturating_add(overhead) as f64
}
