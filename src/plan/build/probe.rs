//! Placing an ECN probe: lanes that fill a queue, and one that holds it meanwhile.
//!
//! Contract: everything is in the queue before its release, by the plan; what a switch makes of it
//! when its own thresholds are lower than the filling is not the plan's to know.

use super::{Placed, PlanError, error, lane_per_pair, len, pace, pair_up, sending_time, wire_bits};
use crate::pattern::{EcnProbe, Entry};
use crate::plan::deal::Deal;
use crate::plan::feed::{Hold, Offsets, Rounds, Sizes, Work, XOFF};
use crate::plan::{LanePlan, Pace, Plan};
use crate::units::Picos;

/// How long an egress stays silent after it was told to, beyond what the plan can know: frames that
/// wait in the senders' ports, and loops that are late.
const PROBE_MARGIN: Picos = Picos::from_micros(50);

/// Bit times of a quantum (IEEE 802.1Q 36.1.3.3).
const QUANTUM_BITS: u64 = 512;

/// Places `probe`, whose frames are those of `entry`, in this class.
pub(super) fn place(plan: &Plan, entry: &Entry, class: u8, probe: &EcnProbe, errors: &mut Vec<PlanError>) -> Placed {
    let senders = len(&probe.senders.0);
    let pairs = pair_up(&probe.senders.0, &[probe.receiver], senders);
    let deal = Deal { qps: 1, split: false };
    let bits = wire_bits(entry, probe.verb, deal, u64::from(probe.message));
    let mut lanes = lane_per_pair(&pairs, |worker| pace(plan, worker, probe.rate, bits));
    let each = probe.frames / u64::from(senders);
    let mut rounds = Rounds {
        sizes: Sizes {
            message: probe.message,
            per_transfer: 1,
            last: probe.message,
        },
        rounds: probe.repeats,
        period: Picos::ZERO,
        per_round: each,
        extra: u32::try_from(probe.frames % u64::from(senders)).unwrap_or(0),
        lanes: senders,
        offsets: Offsets::None,
        seed: 0,
        hold: None,
    };
    let of_lane = |lane: usize| rounds.messages_of(u32::try_from(lane).unwrap_or(u32::MAX));
    let fill = sending_time(plan, &lanes, |lane| bits.saturating_mul(of_lane(lane)));
    let filled = probe.lead.saturating_add(fill);
    let release = probe
        .hold
        .unwrap_or_else(|| filled.saturating_add(Picos(fill.0 / 10)).saturating_add(PROBE_MARGIN));
    if release <= filled {
        errors.push(error(
            &entry.name,
            format!(
                "its {} frames take {filled} to be sent, but its queue is held for {release} only: the last of them would come \
                 while it drains",
                probe.frames
            ),
            "give it a longer `hold`, or fewer `frames`",
        ));
    }
    // The receiver's port and the switch's at the other end of the link have one rate.
    let line = plan.ports[plan.workers[probe.receiver as usize].port].speed;
    rounds.hold = Some(Hold {
        class,
        lead: probe.lead,
        // A quarter of the time that a pause lasts: a renewal may be late by the other three.
        renew: Picos(line.time_of(u64::from(XOFF) * QUANTUM_BITS).0 / 4),
        release,
    });
    let drain = line.time_of(bits.saturating_mul(probe.frames));
    rounds.period = release.saturating_add(drain).saturating_add(probe.gap);
    lanes.push(LanePlan {
        worker: probe.receiver,
        first_pair: senders,
        pairs: 0,
        pace: Pace::Unlimited,
    });
    Placed {
        verb: probe.verb,
        pairs,
        deal,
        lanes,
        work: Work::Rounds(rounds),
    }
}
