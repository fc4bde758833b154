//! What became of one traffic entry, as reported.
//!
//! Contract: see the folder's. Losses are attributed only as far as counters go.
//!
//! Left out on purpose: ports, and what is read from the frames' times (`measure::infer`).

use super::{Inputs, parameters, per_second, rate_within, times, wire_bits};
use crate::dpdk::pfc_counters;
use crate::engine::lab::Reaction;
use crate::engine::outcome::Outcome;
use crate::measure::answering::Answered;
use crate::measure::{EntryRecord, PairRecord, Recorder, contended};
use crate::pattern::Ecn as Codepoint;
use crate::plan::feed::Work;
use crate::plan::summary::{EntrySummary, Summary};
use crate::plan::{EntryPlan, Pace, Plan};
use crate::report::model::{
    Codepoints, Contended, Distribution, Ecn, Estimate, Fairness, FairnessOver, FirstMark, Flow, FlowOutage, Flows,
    Gap, LossCause, Messages, Observed, Pacing, Packets, Rounds, RoutedTokens, Traffic, Volume,
};
use crate::report::stats::{Basis, jain, of_times};
use crate::transport::lane::Sent;
use crate::units::Picos;

pub(super) fn traffic(
    inputs: &Inputs<'_>,
    plan: &Plan,
    summary: &Summary,
    outcome: &Outcome,
    index: usize,
    entry: &EntryPlan,
) -> Traffic {
    let basis = times::of_entry(plan, outcome, entry, inputs.calibration);
    let times_refused = times::refused(plan, outcome, entry);
    let planned = &summary.entries[index];
    let mut sent = taken(&outcome.made[index], &outcome.unsent[index]);
    let listening = entry.pairs.iter().all(|pair| listens(plan, plan.arrival_port(*pair))) && !entry.is_to_peer();
    let recorder = outcome
        .received
        .as_ref()
        .filter(|_| listening && !entry.pairs.is_empty());
    let record = recorder.map(|recorder| &recorder.entries()[index]);
    // Frames that arrived and that a responder did not take.
    let dropped = super::reliable::answered(index, entry, recorder, record, &sent);
    if let Some(record) = record.filter(|_| entry.is_from_peer()) {
        // What it sent and what did not arrive, only the peer knows.
        sent.packets = record.packets + dropped.dropped() + record.icrc_errors;
        sent.payload_bytes = record.payload_bytes;
        sent.frame_bytes = record.frame_bytes + dropped.dropped_bytes;
        sent.messages = record.whole.messages;
    }
    // What may be asked for times of arrival.
    let (timely, timely_record) = (
        recorder.filter(|_| times_refused.is_none()),
        record.filter(|_| times_refused.is_none()),
    );
    let (first_departure, last_departure) = outcome.departures[index];
    let sending = last_departure.saturating_sub(first_departure);
    let achieved = achieved(&sent, senders(outcome, entry), sending);
    let active = record
        .filter(|record| record.packets > 0)
        .map(|record| {
            let begins = match entry.is_from_peer() {
                true => record.first_arrival,
                false => first_departure.min(record.first_departure),
            };
            record.last_arrival.saturating_sub(begins)
        })
        .or((sending > Picos::ZERO).then_some(sending))
        .filter(|_| times_refused.is_none());
    let names = |ports: Vec<usize>| ports.into_iter().map(|port| plan.ports[port].name.clone()).collect();
    let own = Codepoints::default();
    let codepoints = match entry.frame.ecn {
        Codepoint::NotEct => Codepoints {
            not_ect: sent.packets,
            ..own
        },
        Codepoint::Ect1 => Codepoints {
            ect1: sent.packets,
            ..own
        },
        Codepoint::Ect0 => Codepoints {
            ect0: sent.packets,
            ..own
        },
        Codepoint::Ce => Codepoints {
            ce: sent.packets,
            ..own
        },
    };
    let seen = record.map(|record| {
        let [not_ect, ect1, ect0, ce] = record.ecn;
        Codepoints {
            not_ect,
            ect1,
            ect0,
            ce,
        }
    });
    let active_time = active.unwrap_or_default();
    let carries_messages = !entry.pairs.is_empty();
    Traffic {
        name: entry.name.clone(),
        kind: entry.kind.to_owned(),
        draft: inputs.pattern.draft.clone(),
        parameters: parameters::of(entry),
        tx_ports: names(ports_of(
            entry
                .sending_lanes()
                .map(|lane| plan.workers[lane.worker as usize].port),
        )),
        rx_ports: names(ports_of(entry.pairs.iter().map(|pair| plan.arrival_port(*pair)))),
        times_refused,
        active_ps: active.map(|active| active.0),
        messages: Messages {
            planned: planned.exact.then_some(planned.messages),
            sent: sent.messages,
            completed: record.map(|record| record.whole.messages),
            incomplete: record.map(|record| sent.messages.saturating_sub(record.whole.messages)),
            given_up: record.map(|record| record.groups.given_up()),
            untimed: record.map(|record| record.whole.untimed_messages()),
        },
        packets: packets(plan, outcome, index, entry, planned, &sent, (record, dropped)),
        payload_bytes: Volume::new(sent.payload_bytes, record.map(|record| record.payload_bytes)),
        frame_bytes: Volume::new(
            sent.frame_bytes,
            record.map(|record| record.frame_bytes + dropped.dropped_bytes),
        ),
        ecn: Ecn::new(
            match seen {
                // As for their number: what it sent is what came.
                Some(seen) if entry.is_from_peer() => seen,
                _ if carries_messages => codepoints,
                _ => own,
            },
            seen,
        ),
        goodput_bps: timely_record.and_then(|record| per_second(record.payload_bytes * 8, active_time)),
        tx_wire_rate_bps: achieved,
        rx_wire_rate_bps: timely_record
            .and_then(|record| per_second(wire_bits(record.packets, record.frame_bytes), active_time)),
        packet_latency: timely_record.and_then(|record| of_times(&record.latency, basis)),
        message_latency: timely_record.and_then(|record| of_times(&record.whole.message_latency, basis)),
        fct: timely_record.and_then(|record| fct(entry, record, basis)),
        rounds: record.and_then(|record| rounds(entry, record, basis, timely.is_some())),
        routing: routing(entry, outcome, index),
        jfi: timely.and_then(|recorder| fairness(plan, recorder, index, entry)),
        // Of all entries together: `contention`.
        contended: None,
        first_mark: timely_record
            .and_then(|record| record.first_mark)
            .map(|mark| FirstMark {
                arrival_ps: mark.arrival.0,
                departure_ps: mark.departure.map(|departure| departure.0),
                frame: mark.frame,
                flow: u64::from(mark.flow),
            }),
        longest_gap: timely.and_then(|recorder| longest_gap(pairs_of(plan, recorder, index))),
        outage: timely.and_then(|recorder| outage(pairs_of(plan, recorder, index))),
        cut_off_pairs: recorder.map(|recorder| cut_off_pairs(outcome, recorder, entry)),
        rc: super::reliable::of(
            &outcome.requesters[index],
            entry,
            record,
            &dropped,
            (
                // Requests come to the worker that holds the data.
                outcome
                    .received
                    .as_ref()
                    .and_then(|recorder| recorder.answered(index))
                    .filter(|_| !entry.is_from_peer()),
                timely_record.and_then(|_| of_times(&outcome.reads[index], basis)),
            ),
            timely_record.and_then(|_| of_times(&outcome.turnarounds[index], basis)),
        ),
        pacing: Some(Pacing {
            requested_bps: requested(entry, planned),
            achieved_bps: achieved,
            rate_error_percent: outcome.gaps[index]
                .rate_error()
                .filter(|_| !held_by_a_nic(plan, outcome, entry))
                .map(|share| 100.0 * share),
            held_ps: (outcome.gaps[index].gaps.count() > 0).then_some(outcome.gaps[index].held.0),
            gaps: of_times(&outcome.gaps[index].gaps, times::of_lateness(plan, outcome, entry)),
            arrival_gaps: timely_record
                .and_then(|record| of_times(&record.arrival_gaps, times::of_arrival_gaps(plan, outcome, entry))),
            planned_gap_ps: outcome.gaps[index].planned_gap(),
            most_together: Some(outcome.gaps[index].together).filter(|frames| *frames > 0),
            lateness: of_times(&outcome.lateness[index], times::of_lateness(plan, outcome, entry)),
            slips: outcome.slips[index].0,
        }),
        flows: flows(outcome, recorder, entry, timely.is_some()),
    }
}

/// Whether what comes to `port` is looked at.
pub(super) fn listens(plan: &Plan, port: usize) -> bool {
    plan.ports.get(port).is_some_and(|port| port.receive)
}

/// The records of an entry's pairs.
/// What each entry got while it contended with others, where its times can be trusted.
pub(super) fn contention(plan: &Plan, outcome: &Outcome, traffic: &mut [Traffic]) {
    let Some(recorder) = &outcome.received else { return };
    for (entry, found) in traffic.iter_mut().zip(contended(plan, recorder.trace())) {
        entry.contended = found.filter(|_| entry.times_refused.is_none()).map(|found| Contended {
            time_ps: found.time.0,
            spans: found.spans,
            frames: found.frames,
            wire_bps: Estimate {
                value: found.rate,
                low: found.bounds.0,
                high: Some(found.bounds.1),
            },
        });
    }
}

fn pairs_of<'a>(plan: &Plan, recorder: &'a Recorder, index: usize) -> &'a [PairRecord] {
    let before: usize = plan.entries[..index].iter().map(|entry| entry.pairs.len()).sum();
    &recorder.pairs()[before..][..plan.entries[index].pairs.len()]
}

fn longest_gap(pairs: &[PairRecord]) -> Option<Gap> {
    let longest = pairs.iter().max_by_key(|pair| pair.longest_gap)?;
    (longest.longest_gap > Picos::ZERO).then_some(Gap {
        length_ps: longest.longest_gap.0,
        began_ps: longest.gap_began.0,
    })
}

fn outage(pairs: &[PairRecord]) -> Option<FlowOutage> {
    let longest = pairs
        .iter()
        .map(|pair| pair.outage)
        .max_by_key(|outage| outage.length)?;
    (longest.length > Picos::ZERO).then_some(FlowOutage {
        length_ps: longest.length.0,
        ended_ps: longest.ended.0,
        flow: u64::from(longest.flow),
        frames: longest.missing,
    })
}

/// Pairs whose last frames are missing, in a number that chance does not make at the loss that the pair's
/// other frames had (for at least 1 %): e to the power of minus 20.
#[expect(clippy::cast_precision_loss, reason = "a ratio of numbers of frames")]
fn cut_off_pairs(outcome: &Outcome, recorder: &Recorder, entry: &EntryPlan) -> u64 {
    let first = u64::from(entry.frame.first_psn.value());
    let cut_off = |pair: usize| {
        let from = entry.first_flow as usize + pair * entry.qps as usize;
        let (mut sent, mut lost, mut last) = (0u64, 0u64, 0u64);
        for number in from..from + entry.qps as usize {
            let flow = &recorder.flows()[number];
            let missing = outcome.flow_packets[number].saturating_sub(flow.packets);
            sent += outcome.flow_packets[number];
            lost += missing;
            last += (first + outcome.flow_packets[number])
                .saturating_sub(flow.expected())
                .min(missing);
        }
        let ratio = (lost - last) as f64 / (sent - last).max(1) as f64;
        last as f64 * ratio.clamp(0.01, 0.99).ln() < -20.0
    };
    (0..entry.pairs.len()).filter(|pair| cut_off(*pair)).count() as u64
}

fn taken(made: &Sent, unsent: &Sent) -> Sent {
    Sent {
        packets: made.packets.saturating_sub(unsent.packets),
        payload_bytes: made.payload_bytes.saturating_sub(unsent.payload_bytes),
        frame_bytes: made.frame_bytes.saturating_sub(unsent.frame_bytes),
        messages: made.messages.saturating_sub(unsent.messages),
        control: made.control.saturating_sub(unsent.control),
        timeouts: made.timeouts,
        last_bytes: made.last_bytes,
    }
}

fn ports_of(ports: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut ports: Vec<usize> = ports.collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The wire rate that was planned, on average over the time in which the entry sends; `None` when
/// it asks for all it can get, or has no pace of its own.
fn requested(entry: &EntryPlan, planned: &EntrySummary) -> Option<u64> {
    let unlimited = entry.sending_lanes().any(|lane| lane.pace == Pace::Unlimited);
    let closed = entry.work.is_closed_loop();
    if unlimited || closed || planned.length == Picos::MAX {
        return None;
    }
    if !planned.exact && matches!(entry.work, Work::Continuous { period: None, .. }) {
        // It ends by time: how many frames that will be is an estimate, the rate is not.
        let rates = entry.sending_lanes().map(|lane| match lane.pace {
            Pace::Unlimited => 0,
            Pace::Wire(rate) => rate.0,
        });
        return Some(rates.fold(0, u64::saturating_add));
    }
    // Each sender's last frame begins one frame earlier than it ends.
    let lanes = entry.sending_lanes().count() as u64;
    let bits = planned.wire_bytes.saturating_mul(8);
    let last = match planned.last_wire_bytes {
        Some(last) => last.saturating_mul(8),
        None => bits / planned.packets.max(1) * lanes,
    };
    let slowest = entry.sending_lanes().filter_map(|lane| match lane.pace {
        Pace::Unlimited => None,
        Pace::Wire(rate) => Some(rate.time_of(last / lanes.max(1))),
    });
    let span = planned.length.saturating_sub(slowest.max().unwrap_or_default());
    per_second(bits.saturating_sub(last), span)
}

/// The wire rate of what an entry's `senders` have sent, from its first departure to its last: of all frames but each sender's last one, which
/// begins when that time ends.
fn achieved(sent: &Sent, senders: u64, sending: Picos) -> Option<u64> {
    let all = wire_bits(sent.packets, sent.frame_bytes);
    if sent.last_bytes == 0 {
        return rate_within((sent.packets, senders), all, sending);
    }
    per_second(all.saturating_sub(wire_bits(senders, sent.last_bytes)), sending)
}

/// Senders of an entry that have sent anything.
fn senders(outcome: &Outcome, entry: &EntryPlan) -> u64 {
    let qps = u64::from(entry.qps);
    let has_sent = |pair: u64| {
        let first = u64::from(entry.first_flow) + pair * qps;
        (first..first + qps).any(|flow| {
            let flow = usize::try_from(flow)
                .ok()
                .and_then(|flow| outcome.flow_packets.get(flow));
            flow.is_some_and(|packets| *packets > 0)
        })
    };
    let lanes = entry.sending_lanes().filter(|lane| {
        let pairs = u64::from(lane.first_pair)..u64::from(lane.first_pair) + u64::from(lane.pairs);
        pairs.into_iter().any(has_sent)
    });
    lanes.count() as u64
}

/// Whether a NIC held frames of the entry back by itself: then nobody knows for how long.
fn held_by_a_nic(plan: &Plan, outcome: &Outcome, entry: &EntryPlan) -> bool {
    let class = usize::from(entry.class);
    entry.sending_lanes().any(|lane| {
        let number = plan.workers[lane.worker as usize].port;
        let Some(port) = outcome
            .ports
            .get(number)
            .filter(|port| matches!(port.reaction, Reaction::Nic(_)))
        else {
            return false;
        };
        let told = pfc_counters(&port.info.driver, &port.xstats).received;
        let seen = outcome
            .received
            .as_ref()
            .and_then(|recorder| recorder.ports().get(number))
            .map(|seen| seen.pfc);
        let paused =
            |classes: Option<[u64; 8]>| classes.is_some_and(|classes| classes.get(class).is_some_and(|n| *n > 0));
        paused(told) || paused(seen)
    })
}

fn packets(
    plan: &Plan,
    outcome: &Outcome,
    index: usize,
    entry: &EntryPlan,
    planned: &EntrySummary,
    sent: &Sent,
    (record, dropped): (Option<&EntryRecord>, Answered),
) -> Packets {
    let wanted = planned.exact.then_some(planned.packets);
    let again = outcome.requesters[index].resent_packets;
    let unsent = match wanted {
        // What a stopped run did not come to is unsent as well.
        Some(wanted) => wanted.saturating_sub(sent.packets.saturating_sub(again)),
        None => outcome.unsent[index].packets,
    };
    let Some(record) = record else {
        return Packets::sent_only(wanted, unsent, sent.packets);
    };
    // Copies that came to other ports say nothing of those that did not come to the right one.
    let received = record.packets + dropped.dropped();
    let mut rest = sent.packets.saturating_sub(received);
    let mut losses = Vec::new();
    for (cause, frames) in [
        (LossCause::BadIcrc, record.icrc_errors),
        (LossCause::Malformed, record.malformed),
        (LossCause::TooLate, record.too_old),
    ] {
        // What is more than is missing were copies of frames that had arrived.
        let frames = frames.min(rest);
        losses.push((cause, frames));
        rest -= frames;
    }
    losses.extend(attribute(plan, outcome, entry, rest));
    let observed = Observed {
        duplicated: record.duplicated + dropped.copies,
        reordered: record.reordered,
        icrc_checked: record.icrc_checked,
        icrc_errors: record.icrc_errors,
        malformed: record.malformed,
        too_late: record.too_old,
    };
    Packets::balance(wanted, unsent, sent.packets, received, losses, observed)
}

/// Divides the frames that arrived nowhere between our ports and the DUT, by the ports' counters.
/// They count frames and not entries: with several entries on a port their part is not known.
fn attribute(plan: &Plan, outcome: &Outcome, entry: &EntryPlan, rest: u64) -> Vec<(LossCause, u64)> {
    if rest == 0 {
        return Vec::new();
    }
    let tx = ports_of(
        entry
            .sending_lanes()
            .map(|lane| plan.workers[lane.worker as usize].port),
    );
    let rx = ports_of(entry.pairs.iter().map(|pair| plan.arrival_port(*pair)));
    let stats = |port: &usize| outcome.ports[*port].stats.as_ref();
    let not_sent: u64 = tx
        .iter()
        .filter_map(|port| {
            let (accepted, _) = outcome.ports[*port].accepted();
            stats(port).map(|stats| accepted.saturating_sub(stats.tx_packets))
        })
        .sum();
    let missed: u64 = rx
        .iter()
        .filter_map(stats)
        .map(|stats| stats.rx_missed + stats.rx_no_buffer)
        .sum();
    if not_sent + missed == 0 {
        return vec![(LossCause::LostInDut, rest)];
    }
    let alone = plan.entries.len() == 1;
    if alone && not_sent + missed <= rest {
        return vec![
            (LossCause::NotTransmitted, not_sent),
            (LossCause::ReceiveMissed, missed),
            (LossCause::LostInDut, rest - not_sent - missed),
        ];
    }
    let ours = (not_sent + missed).min(rest);
    vec![(LossCause::Undivided, ours), (LossCause::LostInDut, rest - ours)]
}

fn fct(entry: &EntryPlan, record: &EntryRecord, basis: Basis) -> Option<Distribution> {
    // A transfer of several messages is a group; else each message is its own flow's transfer.
    let of_groups = matches!(&entry.work, Work::Continuous { sizes, .. } if sizes.per_transfer > 1);
    let times = if of_groups {
        &record.whole.group_completion
    } else {
        &record.whole.message_completion
    };
    of_times(times, basis)
}

fn rounds(entry: &EntryPlan, record: &EntryRecord, basis: Basis, timely: bool) -> Option<Rounds> {
    let (planned, bytes) = match &entry.work {
        Work::Rounds(rounds) => {
            let transfers = rounds.messages() / rounds.sizes.per_transfer;
            (Some(rounds.rounds), transfers * rounds.sizes.transfer_bytes())
        }
        Work::Dispatch(dispatch) => {
            let pass = dispatch.matrices.len() as u64;
            let bytes: u64 = (0..pass)
                .flat_map(|d| (0..dispatch.ranks).flat_map(move |rank| dispatch.messages_of(d, rank)))
                .map(|(_, _, len)| u64::from(len))
                .sum();
            (dispatch.count, bytes / pass)
        }
        Work::Continuous { .. } | Work::Control { .. } => return None,
    };
    let completed = record.whole.groups;
    Some(Rounds {
        planned,
        completed,
        payload_bytes: completed * bytes,
        time: of_times(&record.whole.group_completion, basis).filter(|_| timely),
        untimed: record.whole.untimed_groups(),
    })
}

fn routing(entry: &EntryPlan, outcome: &Outcome, index: usize) -> Option<RoutedTokens> {
    let Work::Dispatch(dispatch) = &entry.work else {
        return None;
    };
    let pass = dispatch.matrices.len() as u64;
    // Every rank's lane releases every dispatch; the furthest tells how many there were.
    let dispatches = outcome.released[index];
    let mut sum = RoutedTokens {
        sent: 0,
        local: 0,
        in_node: 0,
        dropped: 0,
        overflow: 0,
        padding: 0,
    };
    for (number, routed) in (0u64..).zip(dispatch.matrices.iter()) {
        let times = dispatches / pass + u64::from(number < dispatches % pass);
        let sent = routed.tokens.sent();
        sum.sent += sent * times;
        sum.local += (routed.tokens.total() - sent) * times;
        sum.in_node += routed.in_node * times;
        sum.dropped += routed.dropped * times;
        sum.overflow += routed.overflow * times;
        sum.padding += routed.padding * times;
    }
    Some(sum)
}

fn fairness(plan: &Plan, recorder: &Recorder, index: usize, entry: &EntryPlan) -> Option<Fairness> {
    let pairs = pairs_of(plan, recorder, index);
    // Goodput of each over its own time, from its first departure to its last arrival.
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let rate = |pairs: &[PairRecord]| {
        let bytes: u64 = pairs.iter().map(|pair| pair.payload_bytes).sum();
        let first = pairs
            .iter()
            .map(|pair| pair.first_departure.min(pair.first_arrival))
            .min()
            .unwrap_or_default();
        let last = pairs.iter().map(|pair| pair.last_arrival).max().unwrap_or_default();
        per_second(bytes * 8, last.saturating_sub(first)).unwrap_or(0) as f64
    };
    let (over, rates): (FairnessOver, Vec<f64>) = match &entry.work {
        Work::Dispatch(dispatch) => {
            let each = dispatch.pairs() as usize;
            (FairnessOver::Ranks, pairs.chunks(each).map(rate).collect())
        }
        _ if entry.pairs.len() == 1 => {
            // QPs of one pair take turns over the same time: their bytes are their shares.
            let flows = &recorder.flows()[entry.first_flow as usize..][..entry.flows() as usize];
            #[expect(clippy::cast_precision_loss, reason = "a ratio")]
            let shares = flows.iter().map(|flow| flow.bytes as f64);
            (FairnessOver::Flows, shares.collect())
        }
        _ => {
            let over = if entry.kind == "incast" {
                FairnessOver::Senders
            } else {
                FairnessOver::Pairs
            };
            (
                over,
                pairs.iter().map(|pair| rate(std::slice::from_ref(pair))).collect(),
            )
        }
    };
    let index = jain(&rates)?;
    Some(Fairness {
        over,
        count: rates.len() as u64,
        index,
    })
}

fn flows(outcome: &Outcome, recorder: Option<&Recorder>, entry: &EntryPlan, timely: bool) -> Flows {
    let range = entry.first_flow as usize..(entry.first_flow + entry.flows()) as usize;
    let all = range.map(|number| {
        let index = number as u64 - u64::from(entry.first_flow);
        let pair = entry.pairs[usize::try_from(index / u64::from(entry.qps)).unwrap_or(0)];
        let flow = recorder.map(|recorder| &recorder.flows()[number]);
        let sent = match flow {
            Some(flow) if entry.is_from_peer() => flow.packets,
            _ => outcome.flow_packets[number],
        };
        let latency = recorder
            .and_then(|recorder| recorder.flow_latency().get(number))
            .filter(|times| timely && times.count() > 0);
        Flow {
            number: number as u64,
            from: pair.src,
            to: pair.dst,
            qpn: entry.request_qpn(u32::try_from(index).unwrap_or(0)),
            messages_sent: match flow {
                Some(flow) if entry.is_from_peer() => u64::from(flow.messages),
                _ => outcome.flow_messages[number],
            },
            messages_completed: flow.map(|flow| u64::from(flow.messages)),
            sent,
            received: flow.map(|flow| flow.packets),
            lost: flow.map(|flow| sent.saturating_sub(flow.packets)),
            duplicated: flow.map(|flow| u64::from(flow.duplicated)),
            reordered: flow.map(|flow| u64::from(flow.reordered)),
            ce: flow.map(|flow| u64::from(flow.ce)),
            goodput_bps: flow.filter(|_| timely).and_then(|flow| {
                let span = flow.last_arrival.saturating_sub(flow.first_arrival);
                rate_within((flow.packets, 1), flow.bytes * 8, span)
            }),
            latency_p50_ps: latency.map(|times| times.at(0.5)),
            latency_max_ps: latency.map(|times| times.greatest),
        }
    });
    Flows::new(all.collect(), Flows::LISTED)
}
