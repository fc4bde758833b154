//! What `squall check` remarks about a plan: nothing that is wrong, and all that may surprise.
//!
//! Contract: a line of text each, without a full stop.

use super::class_notes::disagreements;
use crate::pattern::Start;
use crate::plan::feed::{Hold, Rounds, Work};
use crate::plan::segment::Position;
use crate::plan::summary::{EntrySummary, Summary};
use crate::plan::{EntryPlan, Plan};
use crate::testbed::{Testbed, Topology};
use crate::units::Bytes;

/// The notes on `plan`, which was made for `testbed`.
pub(super) fn notes(plan: &Plan, summary: &Summary, testbed: &Testbed) -> Vec<String> {
    let overloaded = plan.ports.iter().zip(&summary.ports);
    let mut notes: Vec<String> = overloaded
        .filter(|(port, own)| own.offered_tx > port.speed.0)
        .map(|(port, _)| {
            format!(
                "port {} is asked to send more than its line rate: its workers share it",
                port.name
            )
        })
        .collect();
    notes.extend(plan.not_gathered(summary).into_iter().map(|port| {
        format!(
            "nothing queues up on the way to port {}: the ports that send there carry together no more than it does. Send \
             from more ports, or make that port slower",
            plan.ports[port].name
        )
    }));
    notes.extend(plan.hairpins().into_iter().map(|port| {
        format!(
            "workers behind port {} send to each other: most switches do not return a frame to where it came from. Spread \
             them with `workers:` in the testbed, say with `ranks_per_node` which ranks of an AllToAll are on one node, or \
             say `loopback: true`",
            plan.ports[port].name
        )
    }));
    notes.extend(plan.unknown_hops().into_iter().map(|(port, hop)| {
        format!(
            "frames of port {} go by or to {hop}, whose MAC address is asked for before the traffic; crafted ones \
             have 00:00:00:00:00:00 in its place",
            plan.ports[port].name
        )
    }));
    let classes = disagreements(plan, testbed).into_iter();
    notes.extend(classes.map(|found| format!("{}; {}", found.what, found.remedy)));
    for (entry, own) in plan.entries.iter().zip(&summary.entries) {
        if let Work::Rounds(rounds) = &entry.work
            && let Some(hold) = rounds.hold
        {
            of_probe(
                plan,
                testbed,
                &Probe {
                    entry,
                    rounds,
                    hold,
                    own,
                },
                &mut notes,
            );
        }
    }
    if summary.entries.iter().any(|entry| !entry.exact) {
        notes.push("~ is an estimate: the entry ends by time, not by count".to_owned());
    }
    notes
}

/// An entry that holds a queue.
struct Probe<'a> {
    entry: &'a EntryPlan,
    rounds: &'a Rounds,
    hold: Hold,
    own: &'a EntrySummary,
}

fn of_probe(plan: &Plan, testbed: &Testbed, probe: &Probe<'_>, notes: &mut Vec<String>) {
    let Probe {
        entry,
        rounds,
        hold,
        own,
    } = probe;
    let port_of = |worker: u32| plan.workers[worker as usize].port;
    let name = &entry.name;
    if let Some(holder) = entry.holder() {
        notes.push(format!(
            "{name} holds class {} with {} PFC frames from port {}, beside its frames",
            hold.class,
            own.control,
            plan.ports[port_of(holder)].name
        ));
    }
    let frame = u64::from(entry.frame.frame_len(entry.verb, Position::Only, rounds.sizes.message));
    let all = frame.saturating_mul(rounds.messages());
    if let Some(fabric) = &testbed.fabric
        && all > fabric.switch.buffer.0
    {
        notes.push(format!(
            "{name} fills a queue with {} at once, more than the switch's buffer of {}",
            Bytes(all),
            fabric.switch.buffer
        ));
    }
    // A lossy class is not paused by the switch.
    let lossy = testbed
        .fabric
        .as_ref()
        .is_some_and(|fabric| fabric.switch.pfc.is_none_or(|pfc| pfc.classes >> hold.class & 1 == 0));
    let xoff = testbed.configured().pfc.filter(|_| !lossy).map(|pfc| pfc.xoff);
    if let Some(xoff) = xoff {
        let mut of_port = vec![0u64; plan.ports.len()];
        for lane in entry.sending_lanes() {
            let bytes = frame.saturating_mul(rounds.messages_of(lane.first_pair));
            let port = port_of(lane.worker);
            of_port[port] = of_port[port].saturating_add(bytes);
        }
        let one_switch = testbed
            .fabric
            .as_ref()
            .is_none_or(|fabric| fabric.topology == Topology::Switch);
        let (most, from) = if one_switch {
            let most = of_port.iter().enumerate().max_by_key(|(_, bytes)| **bytes);
            most.map_or((0, String::new()), |(port, bytes)| {
                (*bytes, format!("from port {}", plan.ports[port].name))
            })
        } else {
            // At worst all of it comes to the last switch by one link.
            (all, "by one uplink (at worst)".to_owned())
        };
        if most > xoff.0 {
            notes.push(format!(
                "{name} puts {} into the held queue {from}, and the switch is said to pause what comes in there above {xoff}: \
                 the rest comes while the queue drains, and its place says nothing of depth. Take more senders or fewer \
                 frames, or raise the switch's XOFF threshold",
                Bytes(most)
            ));
        }
    }
    shared(plan, entry, *hold, notes);
}

/// Other entries whose frames may stand in the held queue: they go to the same port in the same
/// class, and none of the two waits for the other.
fn shared(plan: &Plan, entry: &EntryPlan, hold: Hold, notes: &mut Vec<String>) {
    // Straight, or through others.
    let waits = |one: &EntryPlan, other: &EntryPlan| {
        let mut start = one.start;
        while let Start::After { entry, .. } = start {
            if plan.entries[entry].name == other.name {
                return true;
            }
            start = plan.entries[entry].start;
        }
        false
    };
    let port = |entry: &EntryPlan| entry.pairs.first().map(|pair| plan.arrival_port(*pair));
    for other in &plan.entries {
        let same_queue = other.class == hold.class
            && other
                .pairs
                .iter()
                .any(|pair| Some(plan.arrival_port(*pair)) == port(entry));
        if other.name != entry.name && same_queue && !waits(other, entry) && !waits(entry, other) {
            notes.push(format!(
                "{} goes to the same port in the same class as {}: while both run, its frames stand in the held queue too",
                other.name, entry.name
            ));
        }
    }
}
