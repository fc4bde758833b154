//! What a plan amounts to: the figures of `squall check` and of a run's time left.
//!
//! Contract: pure arithmetic over the plan, without unrolling it. Endless entries are counted up
//! to the end of their duration or the plan's, whichever is first.

use std::collections::BTreeMap;

use crate::pattern::Start;
use crate::plan::feed::{Rounds, Sizes, Work};
use crate::plan::segment::{CONTROL_FRAME_LEN, Position, packets};
use crate::plan::{EntryPlan, LanePlan, Pace, Plan};
use crate::units::{BitRate, PICOS_PER_SECOND, Picos, WIRE_OVERHEAD};

/// What one entry amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntrySummary {
    /// QPs.
    pub flows: u32,
    /// Messages.
    pub messages: u64,
    /// Frames.
    pub packets: u64,
    /// PFC frames beside them, which hold a probe's queue.
    pub control: u64,
    /// Payload bytes.
    pub payload_bytes: u64,
    /// Bytes on the wire: frames with preamble, FCS and gap.
    pub wire_bytes: u64,
    /// The same of each sender's last frame; `None` where that is not known.
    pub last_wire_bytes: Option<u64>,
    /// When it begins.
    pub start: Picos,
    /// How long it sends.
    pub length: Picos,
    /// Whether the figures are exact; an entry cut off by a duration is estimated by its rate.
    pub exact: bool,
}

impl EntrySummary {
    /// Whether it sends at `time`. One that would begin when the run has ended sends never.
    fn is_active(&self, time: Picos) -> bool {
        if self.packets == 0 && self.control == 0 {
            return false;
        }
        let end = self.start.saturating_add(self.length.max(Picos(1)));
        (self.start..end).contains(&time)
    }
}

/// What one port is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PortSummary {
    /// Frames' wire bits per second that lanes of this port are to send: the most at any one time, by
    /// the plan.
    pub offered_tx: u64,
    /// The same towards the workers behind this port, as far as the ports that send it carry it: the most at any
    /// one time.
    pub offered_rx: u64,
    /// When that is, for the first time.
    pub busiest_at: Picos,
    /// What lanes are to send towards the workers behind this port, carried or not: the most at any one time.
    pub wanted_rx: u64,
    /// What the ports that send here carry together, bit/s.
    pub carried_rx: u64,
    /// `offered_rx` over the port's line rate.
    pub oversubscription: f64,
    /// Wire bytes that leave here.
    pub tx_wire_bytes: u64,
    /// Workers behind it.
    pub workers: u32,
}

/// What a whole plan amounts to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// For each entry.
    pub entries: Vec<EntrySummary>,
    /// For each port.
    pub ports: Vec<PortSummary>,
    /// When the last entry ends; `None` when it has no end.
    pub length: Option<Picos>,
}

/// Wire bits per second that are to be sent at one time.
struct Offer {
    /// From each port, MAC control frames included.
    tx: Vec<u64>,
    /// From one port to another.
    ways: BTreeMap<(usize, usize), u64>,
}

impl Offer {
    fn new(ports: usize) -> Offer {
        Offer {
            tx: vec![0; ports],
            ways: BTreeMap::new(),
        }
    }

    fn add(&mut self, other: &Offer) {
        for (sum, one) in self.tx.iter_mut().zip(&other.tx) {
            *sum = sum.saturating_add(*one);
        }
        for (way, bits) in &other.ways {
            let sum = self.ways.entry(*way).or_default();
            *sum = sum.saturating_add(*bits);
        }
    }

    /// What is to arrive at each port, and what of it the senders' ports carry: those that have more to send than
    /// their line rate share it in proportion.
    fn arriving(&self, plan: &Plan) -> Vec<(u64, u64)> {
        let mut arriving = vec![(0u64, 0u64); plan.ports.len()];
        for (&(from, to), bits) in &self.ways {
            let (asked, speed) = (self.tx[from].max(1), plan.ports[from].speed.0);
            let share = u128::from(*bits) * u128::from(speed.min(asked)) / u128::from(asked);
            let (wanted, carried) = &mut arriving[to];
            *wanted = wanted.saturating_add(*bits);
            *carried = carried.saturating_add(u64::try_from(share).unwrap_or(u64::MAX));
        }
        arriving
    }
}

/// Packets, payload and wire bytes.
#[derive(Clone, Copy, Default)]
struct Volume {
    messages: u64,
    packets: u64,
    payload: u64,
    wire: u64,
}

impl Volume {
    fn message(entry: &EntryPlan, len: u32) -> Volume {
        let mut volume = Volume {
            messages: 1,
            payload: u64::from(len),
            ..Volume::default()
        };
        for (parts, len) in entry.deal().lengths(u64::from(len)) {
            let packets = packets(len, entry.frame.pmtu);
            let frames = entry.frame.message_frame_bytes(entry.verb, len);
            volume.packets += parts * packets;
            volume.wire += parts * (frames + packets * WIRE_OVERHEAD);
        }
        volume
    }

    fn times(self, n: u64) -> Volume {
        Volume {
            messages: self.messages.saturating_mul(n),
            packets: self.packets.saturating_mul(n),
            payload: self.payload.saturating_mul(n),
            wire: self.wire.saturating_mul(n),
        }
    }

    fn plus(self, other: Volume) -> Volume {
        Volume {
            messages: self.messages.saturating_add(other.messages),
            packets: self.packets.saturating_add(other.packets),
            payload: self.payload.saturating_add(other.payload),
            wire: self.wire.saturating_add(other.wire),
        }
    }
}

fn line(plan: &Plan, lane: &LanePlan) -> BitRate {
    plan.ports[plan.workers[lane.worker as usize].port].speed
}

fn rate(plan: &Plan, lane: &LanePlan) -> BitRate {
    match lane.pace {
        Pace::Unlimited => line(plan, lane),
        Pace::Wire(rate) => rate,
    }
}

/// Wire bits per second of a lane while it is active.
fn offered(plan: &Plan, entry: &EntryPlan, lane: &LanePlan) -> u64 {
    let rate = rate(plan, lane).0;
    match &entry.work {
        Work::Continuous {
            sizes,
            period: Some(period),
            ..
        } => {
            let bits = Volume::message(entry, sizes.message).wire * 8;
            let offered = u128::from(bits) * u128::from(PICOS_PER_SECOND) / u128::from(period.0.max(1));
            u64::try_from(offered).unwrap_or(u64::MAX).min(rate)
        }
        Work::Control { interval, .. } => control_rate(*interval),
        Work::Rounds(Rounds { hold: Some(hold), .. }) if lane.pairs == 0 => control_rate(hold.renew),
        _ => rate,
    }
}

/// Wire bits per second of a MAC control frame every `interval`.
fn control_rate(interval: Picos) -> u64 {
    let bits = (u64::from(CONTROL_FRAME_LEN) + WIRE_OVERHEAD) * 8;
    let offered = u128::from(bits) * u128::from(PICOS_PER_SECOND) / u128::from(interval.0.max(1));
    u64::try_from(offered).unwrap_or(u64::MAX)
}

/// Bytes on the wire of the last frame that a lane with messages sends, where it sends them all.
fn last_wire(entry: &EntryPlan) -> Option<u64> {
    let sizes = entry.work.sizes()?;
    let len = u64::from(sizes.of(sizes.per_transfer - 1));
    let (_, len) = entry.deal().lengths(len).into_iter().rfind(|(parts, _)| *parts > 0)?;
    let before = packets(len, entry.frame.pmtu).saturating_sub(1);
    let payload = len - before * u64::from(entry.frame.pmtu);
    let position = if before == 0 { Position::Only } else { Position::Last };
    let frame = entry
        .frame
        .frame_len(entry.verb, position, u32::try_from(payload).ok()?);
    Some(u64::from(frame) + WIRE_OVERHEAD)
}

/// Transfers of a lane in one round; none of the lane that holds the queue.
fn transfers_of(rounds: &Rounds, lane: &LanePlan) -> u64 {
    if lane.pairs == 0 {
        return 0;
    }
    rounds.messages_of(lane.first_pair) / rounds.sizes.per_transfer
}

/// What one whole transfer takes.
fn transfer_volume(entry: &EntryPlan, sizes: &Sizes) -> Volume {
    let last = Volume::message(entry, sizes.of(sizes.per_transfer - 1));
    Volume::message(entry, sizes.message)
        .times(sizes.per_transfer - 1)
        .plus(last)
}

/// What one lane sends when nothing cuts it off, and for how long; `None`: endless.
fn lane_volume(plan: &Plan, entry: &EntryPlan, index: u32) -> Option<(Volume, Picos)> {
    let lane = &entry.lanes[index as usize];
    match &entry.work {
        Work::Continuous {
            sizes, count, period, ..
        } => {
            let transfers = (*count)?;
            let volume = transfer_volume(entry, sizes).times(transfers);
            let sending = rate(plan, lane).time_of(volume.wire.saturating_mul(8));
            // The last message is sent when it is released.
            let last = Volume::message(entry, sizes.of(sizes.per_transfer - 1));
            let releasing = period.map_or(Picos::ZERO, |p| {
                let released = Picos(p.0.saturating_mul(volume.messages.saturating_sub(1)));
                released.saturating_add(rate(plan, lane).time_of(last.wire.saturating_mul(8)))
            });
            Some((volume, sending.max(releasing)))
        }
        Work::Rounds(rounds) => {
            let transfers = transfers_of(rounds, lane);
            let whole = transfer_volume(entry, &rounds.sizes);
            let one_round = whole.times(transfers);
            let sending = match rounds.hold {
                Some(hold) => hold.release,
                None => rounds
                    .longest_offset()
                    .saturating_add(rate(plan, lane).time_of(one_round.wire.saturating_mul(8))),
            };
            let length = Picos(rounds.period.0.saturating_mul(rounds.rounds.saturating_sub(1))).saturating_add(sending);
            Some((one_round.times(rounds.rounds), length))
        }
        Work::Dispatch(dispatch) => {
            let count = dispatch.count?;
            let pass = dispatch.matrices.len() as u64;
            let of = |d: u64| {
                dispatch
                    .messages_of(d, index)
                    .fold(Volume::default(), |sum, (_, _, len)| {
                        sum.plus(Volume::message(entry, len))
                    })
            };
            let sum = |until: u64| (0..until).map(of).fold(Volume::default(), Volume::plus);
            let volume = sum(pass.min(count))
                .times((count / pass).max(1))
                .plus(sum(if count < pass { 0 } else { count % pass }));
            Some((volume, dispatch.start(count)))
        }
        Work::Control { interval, count, .. } => {
            let count = (*count)?;
            let frame = u64::from(CONTROL_FRAME_LEN) + WIRE_OVERHEAD;
            let volume = Volume {
                messages: 0,
                packets: count,
                payload: 0,
                wire: count.saturating_mul(frame),
            };
            Some((volume, Picos(interval.0.saturating_mul(count))))
        }
    }
}

/// What a lane sends in `length`, by its rate.
fn lane_estimate(plan: &Plan, entry: &EntryPlan, index: u32, length: Picos) -> Volume {
    let lane = &entry.lanes[index as usize];
    let wire = u128::from(offered(plan, entry, lane)) * u128::from(length.0) / u128::from(PICOS_PER_SECOND) / 8;
    let wire = u64::try_from(wire).unwrap_or(u64::MAX);
    let unit = match &entry.work {
        Work::Continuous { sizes, .. } => Volume::message(entry, sizes.message),
        Work::Rounds(rounds) => {
            // Every round that begins in time is sent.
            let begun = length.0.div_ceil(rounds.period.0.max(1)).min(rounds.rounds);
            let transfers = begun * transfers_of(rounds, lane);
            return transfer_volume(entry, &rounds.sizes).times(transfers);
        }
        Work::Dispatch(dispatch) => {
            // Every dispatch that begins in time is sent.
            let (passes, rest) = (length.0 / dispatch.pass.0, length.0 % dispatch.pass.0);
            let of = |d: usize| {
                dispatch
                    .messages_of(d as u64, index)
                    .fold(Volume::default(), |sum, (_, _, len)| {
                        sum.plus(Volume::message(entry, len))
                    })
            };
            let sum = |until: usize| (0..until).map(of).fold(Volume::default(), Volume::plus);
            let begun = dispatch.starts.iter().filter(|start| start.0 < rest).count();
            return sum(dispatch.matrices.len()).times(passes).plus(sum(begun));
        }
        Work::Control { .. } => {
            let frame = u64::from(CONTROL_FRAME_LEN) + WIRE_OVERHEAD;
            return Volume {
                messages: 0,
                packets: wire / frame,
                payload: 0,
                wire,
            };
        }
    };
    unit.times(wire / unit.wire.max(1))
}

impl Plan {
    /// The first thing that an entry plans later than [`Picos::LONGEST`]: then no clock of ours can tell its time.
    pub(super) fn beyond_time(&self, entry: &EntryPlan) -> Option<&'static str> {
        let too_long = |time: Picos| time > Picos::LONGEST;
        if let Work::Rounds(rounds) = &entry.work {
            if too_long(rounds.longest_offset()) {
                return Some("the last of its senders begins a round");
            }
            if too_long(rounds.period) {
                return Some("its next round begins");
            }
        }
        // What a duration ends is as long as that.
        if entry.duration.or(self.duration).is_some() {
            return None;
        }
        let lanes = (0u32..).zip(&entry.lanes);
        let mut lengths = lanes.filter_map(|(index, _)| lane_volume(self, entry, index));
        lengths.any(|(_, length)| too_long(length)).then_some("it ends")
    }

    /// Sums up the plan.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut entries: Vec<EntrySummary> = Vec::new();
        let mut ports = vec![PortSummary::default(); self.ports.len()];
        for worker in &self.workers {
            ports[worker.port].workers += u32::from(!worker.peer);
        }
        let mut length = Some(Picos::ZERO);
        let mut offers: Vec<Offer> = Vec::new();
        for entry in &self.entries {
            let start = match entry.start {
                Start::At(time) => time,
                Start::After { entry, delay } => {
                    let before = &entries[entry];
                    before.start.saturating_add(before.length).saturating_add(delay)
                }
            };
            let (summary, offer) = self.entry_summary(entry, start, &mut ports);
            offers.push(offer);
            length = match (length, summary.length) {
                (_, Picos::MAX) | (None, _) => None,
                (Some(length), own) => Some(length.max(start.saturating_add(own))),
            };
            entries.push(summary);
        }
        for (port, carried) in ports.iter_mut().zip(self.carried_to()) {
            port.carried_rx = carried;
        }
        // It is greatest when some entry has just begun.
        for now in &entries {
            let active = entries
                .iter()
                .zip(&offers)
                .filter(|(entry, _)| entry.is_active(now.start));
            let mut together = Offer::new(self.ports.len());
            active.for_each(|(_, offer)| together.add(offer));
            for (port, tx) in ports.iter_mut().zip(&together.tx) {
                port.offered_tx = port.offered_tx.max(*tx);
            }
            for (port, (wanted, carried)) in ports.iter_mut().zip(together.arriving(self)) {
                port.wanted_rx = port.wanted_rx.max(wanted);
                if carried > port.offered_rx {
                    (port.offered_rx, port.busiest_at) = (carried, now.start);
                }
            }
        }
        for (port, plan) in ports.iter_mut().zip(&self.ports) {
            #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
            let ratio = port.offered_rx as f64 / plan.speed.0 as f64;
            port.oversubscription = ratio;
        }
        let length = match (length, self.duration) {
            (Some(length), Some(stop)) => Some(length.min(stop)),
            (length, stop) => length.or(stop),
        };
        Summary { entries, ports, length }
    }

    /// What an entry amounts to, and what it offers while it is active.
    fn entry_summary(&self, entry: &EntryPlan, start: Picos, ports: &mut [PortSummary]) -> (EntrySummary, Offer) {
        let until_stop = self.duration.map(|stop| stop.saturating_sub(start));
        let limit = match (entry.duration, until_stop) {
            (Some(own), Some(stop)) => Some(own.min(stop)),
            (own, stop) => own.or(stop),
        };
        let mut on_port = vec![(0u64, 0u64); self.ports.len()];
        let mut offer = Offer::new(self.ports.len());
        let mut summary = EntrySummary {
            flows: entry.flows(),
            start,
            // What a peer sends is its own business; it is listened to for as long as that.
            exact: !entry.is_requested_by_peer(),
            length: limit.filter(|_| entry.is_requested_by_peer()).unwrap_or(Picos::ZERO),
            ..EntrySummary::default()
        };
        for (index, lane) in (0u32..).zip(&entry.lanes) {
            let whole = lane_volume(self, entry, index);
            let (volume, length) = match (whole, limit) {
                (Some((volume, length)), None) => (volume, length),
                (Some((volume, length)), Some(limit)) if length <= limit => (volume, length),
                (_, Some(limit)) => {
                    summary.exact = false;
                    (lane_estimate(self, entry, index, limit), limit)
                }
                (None, None) => {
                    summary.exact = false;
                    (Volume::default(), Picos::MAX)
                }
            };
            summary.messages = summary.messages.saturating_add(volume.messages);
            summary.packets = summary.packets.saturating_add(volume.packets);
            summary.payload_bytes = summary.payload_bytes.saturating_add(volume.payload);
            summary.wire_bytes = summary.wire_bytes.saturating_add(volume.wire);
            if volume.messages > 0 {
                let sum = summary.last_wire_bytes.unwrap_or(0);
                summary.last_wire_bytes = last_wire(entry).map(|last| sum + last);
            }
            summary.length = summary.length.max(length);
            if let Work::Rounds(Rounds {
                hold: Some(hold),
                rounds,
                period,
                ..
            }) = &entry.work
                && lane.pairs == 0
            {
                let begun = limit.map_or(u64::MAX, |limit| limit.0.div_ceil(period.0.max(1)));
                summary.control = begun.min(*rounds).saturating_mul(hold.frames());
            }
            let sums = &mut on_port[self.workers[lane.worker as usize].port];
            if lane.pairs > 0 || entry.pairs.is_empty() {
                sums.0 = sums.0.saturating_add(rate(self, lane).0);
            }
            sums.1 = sums.1.saturating_add(volume.wire.saturating_mul(8));
            let port = self.workers[lane.worker as usize].port;
            let bits = offered(self, entry, lane);
            offer.tx[port] = offer.tx[port].saturating_add(bits);
            ports[port].tx_wire_bytes = ports[port].tx_wire_bytes.saturating_add(volume.wire);
            let pairs = &entry.pairs[lane.first_pair as usize..][..lane.pairs as usize];
            for pair in pairs.iter().filter(|pair| !self.is_with_peer(**pair)) {
                let way = offer.ways.entry((port, self.arrival_port(*pair))).or_default();
                *way = way.saturating_add(bits / u64::from(lane.pairs.max(1)));
            }
        }
        // Lanes that together ask for more than their port's line rate share it.
        for ((wanted, bits), port) in on_port.into_iter().zip(&self.ports) {
            if summary.exact && wanted > port.speed.0 {
                summary.length = summary.length.max(port.speed.time_of(bits));
            }
        }
        (summary, offer)
    }
}
