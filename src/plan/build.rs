//! Placing a pattern on a testbed.
//!
//! Contract: all that does not fit is reported together. What the pattern's loader has checked
//! (ranges, distinct names, forward references) is not checked again.
//!
//! Left out on purpose: DPDK. Line rates come in as an argument.

mod network;
mod peers;
mod probe;
mod workers;

use std::sync::Arc;

use crate::pattern::split::has_empty;
use crate::pattern::transport::Rc;
use crate::pattern::{
    AllToAll, Background, Burst, Entry, Incast, Kind, Messages, Pattern, Pfc, Rate, RoundSpacing, Transfer, Verb,
};
use crate::plan::deal::Deal;
use crate::plan::feed::{Dispatch, Offsets, Rounds, Sizes, Work};
use crate::plan::routing::Router;
use crate::plan::{EntryPlan, LanePlan, Pace, Pair, Plan, PortPlan, mix};
use crate::testbed::Testbed;
use crate::units::{BitRate, PICOS_PER_SECOND, Picos, Qpn, WIRE_OVERHEAD};
use crate::wire::class::{Classes, Rule};
use crate::wire::stamp::Magic;

/// Destination QPN of the first flow; 0 and 1 are reserved (IBTA Vol 1, 3.5.3), and a round number
/// is easy to find in a capture.
pub const FIRST_QPN: u32 = 0x100;

/// "SQL1": tells the magic word of a seed from what else is made of it.
const MAGIC: u64 = 0x5351_4c31;

/// At most so many dispatches are routed beforehand; a longer entry goes through them again.
const ROUTED_DISPATCHES: u64 = 128;

/// At most so many cells of token matrices are kept (4 bytes each).
const MATRIX_CELLS: u64 = 16 << 20;

/// Why a pattern does not fit a testbed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct PlanError {
    /// The traffic entry or port.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

fn error(place: &str, what: impl Into<String>, remedy: impl Into<String>) -> PlanError {
    PlanError {
        place: place.to_owned(),
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// Plans `pattern` on `testbed`; `speeds[i]` is the line rate of port i.
///
/// # Errors
/// Every way in which the pattern does not fit, at once.
pub fn build(pattern: &Pattern, testbed: &Testbed, speeds: &[BitRate]) -> Result<Plan, Vec<PlanError>> {
    let mut errors = Vec::new();
    let ports: Vec<PortPlan> = testbed
        .ports
        .iter()
        .zip(speeds)
        .map(|(port, speed)| PortPlan {
            name: port.name.clone(),
            speed: *speed,
            loopback: port.loopback,
            receive: port.receive,
            gateway_mac: port.gateway_mac,
            ipv4: port.ipv4,
            ipv6: port.ipv6,
            vlan: port.vlan,
            answer: port.answer,
            neighbours: Vec::new(),
        })
        .collect();
    let workers = workers::place(pattern, testbed, &mut errors);
    let mut plan = Plan {
        seed: pattern.seed,
        magic: Magic::new(mix(pattern.seed ^ MAGIC)),
        duration: pattern.duration,
        sample: pattern.sample,
        convergence: pattern.convergence,
        workers,
        ports,
        entries: Vec::new(),
        classes: Classes {
            maps: testbed.classes,
            rules: Vec::new(),
        },
    };
    let mut next_qpn = FIRST_QPN;
    let mut peers = peers::Peers::new(testbed);
    for (index, entry) in pattern.traffic.iter().enumerate() {
        if let Some(worker) = entry
            .kind
            .workers()
            .find(|worker| *worker as usize >= plan.workers.len())
        {
            errors.push(error(
                &entry.name,
                format!(
                    "names worker {worker}, the testbed has workers 0 to {}",
                    plan.workers.len().saturating_sub(1)
                ),
                "use fewer workers, or give a port of the testbed more (`workers:`)",
            ));
            continue;
        }
        let tagged = network::tagged(&plan, entry);
        let port_vlan = tagged.is_some();
        let mut entry = tagged.unwrap_or_else(|| entry.clone());
        let side = peers.side(&entry, pattern.duration.is_some(), &mut errors);
        if let Some(side) = &side {
            peers.adapt(side, &mut entry);
        }
        let mut placed = place_entry(&plan, index, &entry, &mut errors);
        placed.port_vlan = port_vlan;
        if let Some(side) = &side {
            let qps = peers.take(side, &entry, placed.flows(), &mut errors);
            peers::put(side, qps, &mut placed, &mut plan.classes, entry.priority);
        }
        placed.first_flow = plan.flows();
        if let Some(first) = entry.frame.first_qpn {
            next_qpn = first.value();
        }
        placed.first_qpn = next_qpn;
        if let Some(class) = entry.priority {
            plan.classes.rules.push(Rule {
                first_qpn: next_qpn,
                count: placed.flows(),
                class,
            });
        }
        next_qpn = next_qpn.saturating_add(placed.flows());
        if next_qpn > Qpn::MAX {
            errors.push(error(
                &entry.name,
                format!("its {} QPs do not fit below QPN 0xffffff", placed.flows()),
                "use fewer `qps` or pairs, or a lower `first_qpn`",
            ));
        }
        plan.entries.push(placed);
    }
    overlapping_qpns(&plan, &mut errors);
    network::check(&plan, &mut errors);
    if errors.is_empty() {
        beyond_time(&plan, &mut errors);
    }
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

/// What is planned later than any clock of ours can tell.
fn beyond_time(plan: &Plan, errors: &mut Vec<PlanError>) {
    for entry in &plan.entries {
        if let Some(what) = plan.beyond_time(entry) {
            errors.push(error(
                &entry.name,
                format!("{what} more than 106 days (2^63 ps) after it began, later than squall can tell"),
                "raise `rate`, shorten its times, lower its counts, or give it a `duration`",
            ));
        }
    }
    // Entries that follow one another add up.
    let summary = plan.summary();
    for (entry, own) in plan.entries.iter().zip(&summary.entries) {
        let end = own.start.saturating_add(own.length);
        let is_endless = own.length == Picos::MAX;
        if errors.is_empty() && (own.start > Picos::LONGEST || !is_endless && end > Picos::LONGEST) {
            errors.push(error(
                &entry.name,
                "it ends more than 106 days (2^63 ps) after the run began, later than squall can tell",
                "shorten it or what it comes `after`, or give them a `duration`",
            ));
        }
    }
}

/// Rates that are computed of a share or of messages per second are whole bits per second, and below this they would
/// not be the ones asked for.
const LEAST_COMPUTED: BitRate = BitRate(1000);

/// Whether the rate of an entry is computed.
fn has_computed_rate(kind: &Kind) -> bool {
    let rate = match kind {
        Kind::Transfer(transfer) => transfer.rate,
        Kind::Incast(incast) => incast.rate,
        Kind::Burst(burst) => burst.rate,
        Kind::AllToAll(alltoall) => alltoall.rate,
        Kind::Background(background) => background.load,
        Kind::EcnProbe(probe) => probe.rate,
        Kind::Pfc(_) => return false,
    };
    match rate {
        Rate::Share(share) => share.0 > 0.0,
        Rate::Messages(_) => true,
        Rate::Max | Rate::Bits(_) => false,
    }
}

fn overlapping_qpns(plan: &Plan, errors: &mut Vec<PlanError>) {
    let mut ranges: Vec<_> = plan
        .entries
        .iter()
        .filter(|entry| entry.flows() > 0)
        .map(|entry| {
            (
                entry.first_qpn,
                entry.first_qpn.saturating_add(entry.flows()),
                &entry.name,
            )
        })
        .collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        let ((_, end, first), (start, _, second)) = (&pair[0], &pair[1]);
        if start < end {
            errors.push(error(
                second,
                format!("its destination QPNs begin at {start:#x}, inside those of {first}"),
                format!("set `first_qpn` to {end:#x} or more, or leave it out"),
            ));
        }
    }
}

/// What `place_*` make of an entry's kind.
struct Placed {
    verb: Verb,
    pairs: Vec<Pair>,
    deal: Deal,
    lanes: Vec<LanePlan>,
    work: Work,
}

fn place_entry(plan: &Plan, index: usize, entry: &Entry, errors: &mut Vec<PlanError>) -> EntryPlan {
    let seed = mix(plan.seed ^ mix(index as u64));
    let class = entry
        .priority
        .unwrap_or_else(|| plan.classes.maps.of(entry.frame.pcp(), Some(entry.frame.dscp)));
    let placed = match &entry.kind {
        Kind::Transfer(transfer) => place_transfer(plan, transfer),
        Kind::Background(background) => place_background(plan, entry, background),
        Kind::Incast(incast) => place_incast(plan, entry, incast, seed),
        Kind::Burst(burst) => place_burst(plan, entry, burst, seed),
        Kind::AllToAll(alltoall) => place_alltoall(plan, entry, alltoall, seed, errors),
        Kind::Pfc(pfc) => place_pfc(pfc),
        Kind::EcnProbe(probe) => probe::place(plan, entry, class, probe, errors),
    };
    for lane in &placed.lanes {
        let port = &plan.ports[plan.workers[lane.worker as usize].port];
        if let Pace::Wire(rate) = lane.pace
            && rate > port.speed
        {
            errors.push(error(
                &entry.name,
                format!(
                    "worker {} is to send {rate}, its port {} has {}",
                    lane.worker, port.name, port.speed
                ),
                "lower `rate`, or give the port its real `speed:` in the testbed",
            ));
            break;
        }
    }
    let slowest = placed.lanes.iter().filter_map(|lane| match lane.pace {
        Pace::Wire(rate) => Some(rate),
        Pace::Unlimited => None,
    });
    let slowest = slowest.min().filter(|rate| *rate < LEAST_COMPUTED);
    if let (Some(slowest), true) = (slowest, has_computed_rate(&entry.kind)) {
        errors.push(error(
            &entry.name,
            format!("its rate comes to about {slowest}, and below {LEAST_COMPUTED} it would not be the one asked for"),
            "ask for more, or in bits per second, which is kept as it is said",
        ));
    }
    if placed.deal.split && entry.transport.rc().is_some() {
        errors.push(error(
            &entry.name,
            "`split: qps` cuts messages over QPs, and of reliable connections it is not known yet when such a message is done".to_owned(),
            "use `split: none`, or `transport: open`",
        ));
    }
    let pcp = |rc: &Rc| rc.ack_pcp.or(rc.cnp.and_then(|cnp| cnp.pcp));
    if entry.frame.vlan.is_empty() && entry.transport.rc().and_then(pcp).is_some() {
        errors.push(error(
            &entry.name,
            "`rc.ack_pcp` and `cnp.pcp` are priorities in a VLAN tag, and its frames have none".to_owned(),
            "give it a `frame.vlan`, or its port a `vlan`, or say `ack_dscp` and `cnp.dscp`",
        ));
    }
    EntryPlan {
        name: entry.name.clone(),
        kind: entry.kind.name(),
        start: entry.start,
        duration: entry.duration,
        frame: entry.frame.clone(),
        class,
        verb: placed.verb,
        pairs: placed.pairs,
        qps: placed.deal.qps,
        split: placed.deal.split,
        first_flow: 0,
        first_qpn: 0,
        lanes: placed.lanes,
        work: placed.work,
        transport: entry.transport.clone(),
        peer: None,
        port_vlan: false,
    }
}

const fn deal(messages: &Messages) -> Deal {
    Deal {
        qps: messages.qps,
        split: messages.split,
    }
}

fn sizes(messages: &Messages) -> Sizes {
    let message = messages.size.0;
    let narrow = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    match messages.transfer_bytes {
        Some(total) if total.0 > message => {
            let per_transfer = total.0.div_ceil(message);
            let last = total.0 - (per_transfer - 1) * message;
            Sizes {
                message: narrow(message),
                per_transfer,
                last: narrow(last),
            }
        }
        other => {
            let only = narrow(other.map_or(message, |total| total.0));
            Sizes {
                message: only,
                per_transfer: 1,
                last: only,
            }
        }
    }
}

/// Bits on the wire of one whole transfer.
fn transfer_bits(entry: &Entry, messages: &Messages, sizes: &Sizes) -> u64 {
    let one = |len: u32| wire_bits(entry, messages.verb, deal(messages), u64::from(len));
    (sizes.per_transfer - 1) * one(sizes.message)
        + one(if sizes.per_transfer > 1 {
            sizes.last
        } else {
            sizes.message
        })
}

/// Bits on the wire of a message of `len` bytes.
fn wire_bits(entry: &Entry, verb: Verb, deal: Deal, len: u64) -> u64 {
    let of_part = |len: u64| {
        let packets = crate::plan::segment::packets(len, entry.frame.pmtu);
        (entry.frame.message_frame_bytes(verb, len) + packets * WIRE_OVERHEAD) * 8
    };
    deal.lengths(len).iter().map(|(parts, len)| parts * of_part(*len)).sum()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate: 53 bits are enough, and it is positive"
)]
fn scale(rate: BitRate, share: f64) -> BitRate {
    BitRate(((rate.0 as f64 * share).round() as u64).max(1))
}

/// Pace of a lane of `worker`; messages per second become the wire rate that carries them.
fn pace(plan: &Plan, worker: u32, rate: Rate, message_bits: u64) -> Pace {
    let line = plan.ports[plan.workers[worker as usize].port].speed;
    match rate {
        Rate::Max => Pace::Unlimited,
        Rate::Share(share) => Pace::Wire(scale(line, share.0)),
        Rate::Bits(rate) => Pace::Wire(rate),
        Rate::Messages(per_second) => Pace::Wire(scale(BitRate(message_bits), per_second)),
    }
}

fn lane_per_pair(pairs: &[Pair], pace: impl Fn(u32) -> Pace) -> Vec<LanePlan> {
    (0u32..)
        .zip(pairs)
        .map(|(index, pair)| LanePlan {
            worker: pair.src,
            first_pair: index,
            pairs: 1,
            pace: pace(pair.src),
        })
        .collect()
}

fn len(workers: &[u32]) -> u32 {
    u32::try_from(workers.len()).unwrap_or(u32::MAX)
}

/// `n` pairs out of two lists; the shorter is gone through again.
fn pair_up(from: &[u32], to: &[u32], n: u32) -> Vec<Pair> {
    (0..n as usize)
        .map(|i| Pair {
            src: from[i % from.len()],
            dst: to[i % to.len()],
        })
        .collect()
}

fn place_transfer(plan: &Plan, transfer: &Transfer) -> Placed {
    let pairs = pair_up(&transfer.from.0, &transfer.to.0, transfer.pairs);
    let sizes = sizes(&transfer.messages);
    let (period, rate) = match transfer.rate {
        // Messages keep their own time and leave at line rate: that is what a message rate means.
        Rate::Messages(per_second) => (Some(period(per_second)), Rate::Share(crate::units::Share(1.0))),
        other => (None, other),
    };
    let lanes = lane_per_pair(&pairs, |worker| pace(plan, worker, rate, 0));
    let work = Work::Continuous {
        sizes,
        count: transfer.count,
        outstanding: transfer.outstanding,
        period,
    };
    Placed {
        verb: transfer.messages.verb,
        pairs,
        deal: deal(&transfer.messages),
        lanes,
        work,
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a period in picoseconds of a positive rate"
)]
fn period(per_second: f64) -> Picos {
    Picos(((PICOS_PER_SECOND as f64 / per_second).round() as u64).max(1))
}

fn place_background(plan: &Plan, entry: &Entry, background: &Background) -> Placed {
    let n = len(&background.from.0);
    let pairs = pair_up(&background.from.0, &background.to.0, n);
    let sizes = sizes(&background.messages);
    let bits = transfer_bits(entry, &background.messages, &sizes);
    let lanes = lane_per_pair(&pairs, |worker| pace(plan, worker, background.load, bits));
    let work = Work::Continuous {
        sizes,
        count: None,
        outstanding: None,
        period: None,
    };
    Placed {
        verb: background.messages.verb,
        pairs,
        deal: deal(&background.messages),
        lanes,
        work,
    }
}

/// How long the slowest lane takes for `bits(lane)` when lanes of one port share its line rate.
fn sending_time(plan: &Plan, lanes: &[LanePlan], bits: impl Fn(usize) -> u64) -> Picos {
    let line = |lane: &LanePlan| plan.ports[plan.workers[lane.worker as usize].port].speed;
    let rate = |lane: &LanePlan| match lane.pace {
        Pace::Unlimited => line(lane),
        Pace::Wire(rate) => rate,
    };
    let mut wanted = vec![0u64; plan.ports.len()];
    let mut total_bits = vec![0u64; plan.ports.len()];
    for (index, lane) in lanes.iter().enumerate() {
        let port = plan.workers[lane.worker as usize].port;
        wanted[port] = wanted[port].saturating_add(rate(lane).0);
        total_bits[port] = total_bits[port].saturating_add(bits(index));
    }
    let alone = lanes
        .iter()
        .enumerate()
        .map(|(index, lane)| rate(lane).time_of(bits(index)));
    let together = plan
        .ports
        .iter()
        .enumerate()
        .filter(|(port, plan)| wanted[*port] > plan.speed.0)
        .map(|(port, plan)| plan.speed.time_of(total_bits[port]));
    alone.chain(together).max().unwrap_or(Picos::ZERO)
}

struct RoundShape<'a> {
    messages: &'a Messages,
    sizes: Sizes,
    transfers_per_round: u64,
    rounds: u64,
    spacing: RoundSpacing,
    offsets: Offsets,
    seed: u64,
}

fn rounds(plan: &Plan, entry: &Entry, pairs: Vec<Pair>, lanes: Vec<LanePlan>, shape: &RoundShape<'_>) -> Placed {
    let bits = transfer_bits(entry, shape.messages, &shape.sizes).saturating_mul(shape.transfers_per_round);
    let mut rounds = Rounds {
        sizes: shape.sizes,
        rounds: shape.rounds,
        period: Picos::ZERO,
        per_round: shape.transfers_per_round * shape.sizes.per_transfer,
        extra: 0,
        lanes: u32::try_from(lanes.len()).unwrap_or(u32::MAX),
        offsets: shape.offsets,
        seed: shape.seed,
        hold: None,
    };
    rounds.period = match shape.spacing {
        RoundSpacing::Interval(interval) => interval,
        RoundSpacing::Gap(gap) => sending_time(plan, &lanes, |_| bits)
            .saturating_add(rounds.longest_offset())
            .saturating_add(gap),
    };
    Placed {
        verb: shape.messages.verb,
        pairs,
        deal: deal(shape.messages),
        lanes,
        work: Work::Rounds(rounds),
    }
}

fn place_incast(plan: &Plan, entry: &Entry, incast: &Incast, seed: u64) -> Placed {
    let pairs = pair_up(&incast.senders.0, &[incast.receiver], len(&incast.senders.0));
    let sizes = sizes(&incast.messages);
    let bits = transfer_bits(entry, &incast.messages, &sizes);
    let lanes = lane_per_pair(&pairs, |worker| pace(plan, worker, incast.rate, bits));
    let shape = RoundShape {
        messages: &incast.messages,
        sizes,
        transfers_per_round: incast.count,
        rounds: incast.repeats,
        spacing: incast.round,
        offsets: incast.spread.into(),
        seed,
    };
    rounds(plan, entry, pairs, lanes, &shape)
}

fn place_burst(plan: &Plan, entry: &Entry, burst: &Burst, seed: u64) -> Placed {
    let pairs = pair_up(&burst.from.0, &burst.to.0, burst.transfers);
    let sizes = sizes(&burst.messages);
    let bits = transfer_bits(entry, &burst.messages, &sizes);
    let lanes = lane_per_pair(&pairs, |worker| pace(plan, worker, burst.rate, bits));
    let shape = RoundShape {
        messages: &burst.messages,
        sizes,
        transfers_per_round: 1,
        rounds: burst.bursts,
        spacing: burst.round,
        offsets: burst.arrival.into(),
        seed,
    };
    rounds(plan, entry, pairs, lanes, &shape)
}

fn place_alltoall(plan: &Plan, entry: &Entry, alltoall: &AllToAll, seed: u64, errors: &mut Vec<PlanError>) -> Placed {
    let deal = Deal {
        qps: alltoall.qps,
        split: alltoall.split,
    };
    let workers = &alltoall.ranks.0;
    let ranks = len(workers);
    let count = alltoall
        .iterations
        .map(|n| n.saturating_mul(u64::from(alltoall.layers)));
    let cells = (u64::from(ranks) * u64::from(ranks)).max(1);
    let routed = count
        .unwrap_or(u64::MAX)
        .min(ROUTED_DISPATCHES)
        .min((MATRIX_CELLS / cells).max(1))
        .max(1);
    let router = Router::new(alltoall, seed);
    let matrices = Arc::new((0..routed).map(|dispatch| router.route(dispatch)).collect::<Vec<_>>());
    let token_bytes = alltoall.hidden.saturating_mul(alltoall.precision);
    let average_bits = u64::from(alltoall.batch) * u64::from(alltoall.top_k) * u64::from(token_bytes) * 8;
    let mut dispatch = Dispatch {
        ranks,
        ranks_per_node: alltoall.ranks_per_node,
        matrices,
        token_bytes,
        count,
        starts: Arc::default(),
        pass: Picos::ZERO,
        messages: Arc::default(),
        deal,
    };
    let each = dispatch.pairs();
    let lanes: Vec<LanePlan> = (0..ranks)
        .map(|rank| LanePlan {
            worker: workers[rank as usize],
            first_pair: rank * each,
            pairs: each,
            pace: pace(plan, workers[rank as usize], alltoall.rate, average_bits),
        })
        .collect();
    let pairs = (0..ranks)
        .flat_map(|src| (0..each).map(move |pair| (src, pair)))
        .map(|(src, pair)| Pair {
            src: workers[src as usize],
            dst: workers[dispatch.receiver(src, pair) as usize],
        })
        .collect();
    let mut starts = Vec::new();
    let mut messages = Vec::new();
    let mut time = Picos::ZERO;
    for d in 0..routed {
        starts.push(time);
        messages.push(
            (0..ranks)
                .map(|rank| dispatch.messages_of(d, rank).count() as u64)
                .sum(),
        );
        let length = alltoall.interval.unwrap_or_else(|| {
            sending_time(plan, &lanes, |rank| {
                let rank = u32::try_from(rank).unwrap_or(0);
                dispatch
                    .messages_of(d, rank)
                    .map(|(_, _, len)| wire_bits(entry, alltoall.verb, deal, u64::from(len)))
                    .sum()
            })
        });
        time = time.saturating_add(length);
    }
    if let (Verb::Send, Some(len)) = (alltoall.verb, short_of_parts(&dispatch)) {
        errors.push(error(
            &entry.name,
            format!(
                "a pair of ranks has {len} bytes in a dispatch, nothing of which is left for the last of {} QPs, and a `send` \
                 of 0 bytes is shorter than Ethernet's shortest frame",
                deal.qps
            ),
            "use `put-with-signal`, `put` or `send-with-immediate`, fewer `qps`, or `split: none`",
        ));
    }
    dispatch.starts = Arc::new(starts);
    dispatch.messages = Arc::new(messages);
    dispatch.pass = time.max(Picos(1));
    Placed {
        verb: alltoall.verb,
        pairs,
        deal,
        lanes,
        work: Work::Dispatch(dispatch),
    }
}

/// A message of a dispatch of which some QP has nothing, where messages are cut over them.
fn short_of_parts(dispatch: &Dispatch) -> Option<u32> {
    let all = (0..dispatch.matrices.len() as u64)
        .flat_map(|d| (0..dispatch.ranks).flat_map(move |rank| dispatch.messages_of(d, rank)));
    let mut short = all.filter(|(_, _, len)| dispatch.deal.split && has_empty(u64::from(*len), dispatch.deal.qps));
    short.next().map(|(_, _, len)| len)
}

fn place_pfc(pfc: &Pfc) -> Placed {
    let lane = LanePlan {
        worker: pfc.from,
        first_pair: 0,
        pairs: 0,
        pace: Pace::Unlimited,
    };
    let work = Work::Control {
        pause: pfc.pause,
        classes: pfc.classes,
        quanta: pfc.quanta,
        interval: pfc.interval,
        count: pfc.count,
    };
    Placed {
        verb: Verb::Put,
        pairs: Vec::new(),
        deal: Deal { qps: 0, split: false },
        lanes: vec![lane],
        work,
    }
}
