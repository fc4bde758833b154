//! The seven kinds of traffic, each read from its entry's map.
//!
//! Contract: a kind that comes out of here with nothing recorded is consistent in itself; a kind
//! with mistakes holds placeholders in their places.

use super::keys::{
    ALLTOALL, BACKGROUND, BURST, ECN_PROBE, FRAME_MAP, GAP, INCAST, INTERVAL, PFC, RATE, TRANSFER, VERB,
};
use super::values::{self, MAX_MESSAGE, MAX_TOTAL, first_free};
use super::{
    AllToAll, Arrival, Background, Burst, DispatchMode, Ecn, EcnProbe, FrameOptions, Incast, Kind, Messages, Pfc, Rate,
    RoundSpacing, Routing, Spread, Transfer, Workers,
};
use crate::units::{PICOS_PER_SECOND, Picos, Share};
use crate::yaml::form::or;
use crate::yaml::key::{Declared, Form, Section};
use crate::yaml::near;
use crate::yaml::read::{At, Fields};

/// A kind of traffic: its keys, the name of which is the kind's, and how an entry of it is read.
pub struct TrafficKind {
    /// The keys.
    pub section: &'static dyn Section,
    /// From an entry's map to the kind.
    pub read: fn(&Fields<'_>) -> Kind,
    /// What its figures are about.
    pub about: About,
}

/// What the traffic of a kind is about, for who reports on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Messages: how long each takes, and a flow's transfer.
    Messages,
    /// Rounds of messages between all ranks of a group.
    Dispatches,
    /// A load, for others to suffer from.
    Load,
    /// MAC control frames, which end at the next port.
    Pauses,
    /// A reading of marking thresholds.
    Probe,
}

/// What the traffic of the kind of this name is about; of a name that is not known, a load.
#[must_use]
pub fn about(kind: &str) -> About {
    let known = KINDS.iter().find(|known| known.section.name() == kind);
    known.map_or(About::Load, |known| known.about)
}

/// The kinds.
pub static KINDS: [TrafficKind; 7] = [
    TrafficKind {
        section: &TRANSFER,
        read: transfer,
        about: About::Messages,
    },
    TrafficKind {
        section: &INCAST,
        read: incast,
        about: About::Messages,
    },
    TrafficKind {
        section: &BURST,
        read: burst,
        about: About::Messages,
    },
    TrafficKind {
        section: &ALLTOALL,
        read: alltoall,
        about: About::Dispatches,
    },
    TrafficKind {
        section: &BACKGROUND,
        read: background,
        about: About::Load,
    },
    TrafficKind {
        section: &PFC,
        read: pfc,
        about: About::Pauses,
    },
    TrafficKind {
        section: &ECN_PROBE,
        read: ecn_probe,
        about: About::Probe,
    },
];

/// The name of a kind.
pub struct KindName;

impl Form<&'static TrafficKind> for KindName {
    fn allowed(&self) -> String {
        or(KINDS.iter().map(|kind| kind.section.name().to_owned()))
    }
    fn read(&self, at: At<'_, '_>) -> Option<&'static TrafficKind> {
        let names = KINDS.each_ref().map(|kind| kind.section.name());
        let find = |text: &str| KINDS.iter().find(|kind| kind.section.name() == text);
        at.parse(find, |text| near::nearest(text, names).map(str::to_owned))
    }
}

/// `kind: transfer`.
pub fn transfer(fields: &Fields<'_>) -> Kind {
    let keys = &TRANSFER;
    let (pairs, from, to) = (fields.get(&keys.pairs), fields.get(&keys.from), fields.get(&keys.to));
    let longest = [&from, &to].into_iter().flatten().map(len).max();
    let pairs = match (pairs, longest) {
        (Some(pairs), Some(longest)) if longest > pairs => {
            fields.wrong(
                &keys.pairs,
                format!("`pairs` is {pairs}, but a list of workers names {longest}; some would never be used"),
            );
            longest
        }
        (Some(pairs), _) => pairs,
        (None, longest) => longest.unwrap_or(1),
    };
    let empty = |key: &dyn Declared| fields.has(key) && fields.node(key).is_none();
    let sound = !(empty(&keys.pairs) || empty(&keys.from) || empty(&keys.to));
    let known = sound && from.is_some() == fields.has(&keys.from) && to.is_some() == fields.has(&keys.to);
    let from = from.unwrap_or_else(|| Workers((0..pairs).collect()));
    let to = to.unwrap_or_else(|| Workers((pairs..pairs.saturating_mul(2)).collect()));
    if known {
        no_self_transfer(fields, &keys.from, &keys.to, pairs, &from, &to);
        if to.0.iter().any(|worker| *worker > values::MAX_WORKER) {
            fields.wrong(
                &keys.pairs,
                "so many pairs need worker numbers above 65535; give `from` and `to`",
            );
        }
    }
    let transfer = Transfer {
        pairs,
        from,
        to,
        messages: values::messages(fields),
        count: fields.get(&keys.count),
        outstanding: fields.get(&keys.outstanding),
        rate: fields.get(&RATE),
    };
    let count = transfer.count.unwrap_or(0);
    total(fields, &keys.count, &transfer.messages, &[count, u64::from(pairs)]);
    Kind::Transfer(transfer)
}

/// `kind: incast`.
pub fn incast(fields: &Fields<'_>) -> Kind {
    let (senders, receiver) = many_to_one(fields);
    let incast = Incast {
        receiver,
        senders,
        messages: values::messages(fields),
        count: fields.get(&INCAST.count),
        spread: spread(fields),
        repeats: fields.get(&INCAST.repeats),
        round: round(fields, &INCAST.repeats),
        rate: fields.get(&RATE),
    };
    let factors = [incast.count, incast.repeats, count_of(&incast.senders)];
    total(fields, &INCAST.repeats, &incast.messages, &factors);
    Kind::Incast(incast)
}

/// `senders` and `receiver`.
fn many_to_one(fields: &Fields<'_>) -> (Workers, u32) {
    let senders = fields.get(&INCAST.senders);
    let receiver = fields.get(&INCAST.receiver);
    if let (Some(senders), Some(receiver)) = (&senders, receiver)
        && senders.0.contains(&receiver)
    {
        fields.wrong(
            &INCAST.receiver,
            format!("worker {receiver} is a sender and the receiver too"),
        );
    }
    let senders = senders.unwrap_or_else(|| Workers(vec![0]));
    let receiver = receiver.unwrap_or_else(|| first_free(&senders));
    (senders, receiver)
}

/// `start_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMode {
    /// All at once.
    Synchronised,
    /// One after the other.
    Staggered,
    /// At random.
    Jittered,
}

/// Its words.
pub const START_MODES: &[(&str, StartMode)] = &[
    ("synchronised", StartMode::Synchronised),
    ("staggered", StartMode::Staggered),
    ("jittered", StartMode::Jittered),
];

/// `start_mode`, or what its parameters imply.
fn spread(fields: &Fields<'_>) -> Spread {
    let (stagger_key, jitter_key) = (&INCAST.stagger, &INCAST.jitter);
    let named = fields.get(&INCAST.start_mode);
    fields.exclude(stagger_key, jitter_key);
    let stagger = fields.get(stagger_key);
    let jitter = fields.get(jitter_key);
    let mode = named.unwrap_or(match (fields.has(stagger_key), fields.has(jitter_key)) {
        (true, _) => StartMode::Staggered,
        (_, true) => StartMode::Jittered,
        _ => StartMode::Synchronised,
    });
    if named.is_some() && !(fields.has(stagger_key) && fields.has(jitter_key)) {
        if mode != StartMode::Staggered {
            fields.refuse(stagger_key, "goes with `start_mode: staggered` only");
        }
        if mode != StartMode::Jittered {
            fields.refuse(jitter_key, "goes with `start_mode: jittered` only");
        }
    }
    match mode {
        StartMode::Synchronised => Spread::Synchronised,
        StartMode::Staggered => {
            fields.require(stagger_key);
            Spread::Staggered(stagger.unwrap_or_default())
        }
        StartMode::Jittered => {
            fields.require(jitter_key);
            Spread::Jittered(jitter.unwrap_or_default())
        }
    }
}

/// `gap` or `interval`; `rounds` is the key that says how many rounds there are.
fn round(fields: &Fields<'_>, rounds: &dyn Declared) -> RoundSpacing {
    fields.exclude(&GAP, &INTERVAL);
    let gap = fields.get(&GAP);
    let interval = fields.get(&INTERVAL);
    if !fields.has(rounds) {
        let why = format!("means nothing with one round; say with `{}` how many", rounds.name());
        if fields.has(&GAP) {
            fields.refuse(&GAP, &why);
        } else {
            fields.refuse(&INTERVAL, &why);
        }
    }
    match interval {
        Some(interval) => RoundSpacing::Interval(interval),
        None => RoundSpacing::Gap(gap),
    }
}

/// `kind: burst`.
pub fn burst(fields: &Fields<'_>) -> Kind {
    let keys = &BURST;
    let (transfers, from, to) = (
        fields.get(&keys.transfers),
        fields.get(&keys.from),
        fields.get(&keys.to),
    );
    if let Some(transfers) = transfers {
        for (key, set) in [(&keys.from, &from), (&keys.to, &to)] {
            if let Some(set) = set
                && len(set) > transfers
            {
                let what = format!(
                    "`{}` names {} workers for {transfers} transfers; some would never be used",
                    key.name,
                    len(set)
                );
                fields.wrong(key, what);
            }
        }
    }
    let known = transfers.is_some() && from.is_some() == fields.has(&keys.from) && to.is_some() == fields.has(&keys.to);
    let transfers = transfers.unwrap_or(1);
    let from = from.unwrap_or_else(|| Workers((0..transfers).collect()));
    let to = to.unwrap_or_else(|| Workers(vec![first_free(&from)]));
    if known {
        no_self_transfer(fields, &keys.from, &keys.to, transfers, &from, &to);
    }
    let burst = Burst {
        transfers,
        from,
        to,
        messages: values::messages(fields),
        arrival: arrival(fields),
        bursts: fields.get(&keys.bursts),
        round: round(fields, &keys.bursts),
        rate: fields.get(&RATE),
    };
    total(
        fields,
        &keys.bursts,
        &burst.messages,
        &[burst.bursts, u64::from(transfers)],
    );
    Kind::Burst(burst)
}

/// `arrival`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// All at once.
    AtOnce,
    /// Evenly.
    Uniform,
    /// At random.
    Poisson,
}

/// Its words.
pub const SPACINGS: &[(&str, Spacing)] = &[
    ("at-once", Spacing::AtOnce),
    ("uniform", Spacing::Uniform),
    ("poisson", Spacing::Poisson),
];

fn arrival(fields: &Fields<'_>) -> Arrival {
    let window = fields.get(&BURST.window);
    let named = fields.get(&BURST.arrival);
    let implied = if fields.has(&BURST.window) {
        Spacing::Uniform
    } else {
        Spacing::AtOnce
    };
    let spacing = named.unwrap_or(implied);
    if spacing != Spacing::AtOnce {
        fields.require(&BURST.window);
    } else if named.is_some() {
        fields.refuse(&BURST.window, "means nothing with `arrival: at-once`");
    }
    let window = window.unwrap_or_default();
    match spacing {
        Spacing::AtOnce => Arrival::AtOnce,
        Spacing::Uniform => Arrival::Uniform(window),
        Spacing::Poisson => Arrival::Poisson(window),
    }
}

/// `kind: alltoall`.
pub fn alltoall(fields: &Fields<'_>) -> Kind {
    let keys = &ALLTOALL;
    let ranks = fields.get(&keys.ranks);
    let ranks_per_node = ranks_per_node(fields, ranks.as_ref());
    let shape = shape(fields);
    let low_latency = fields.get(&keys.mode);
    let padded_tokens = fields.get(&keys.padded_tokens);
    if fields.given(&keys.mode) == Some(false) || !fields.has(&keys.mode) {
        fields.refuse(&keys.padded_tokens, "goes with `mode: low-latency` only");
    }
    let alltoall = AllToAll {
        ranks: ranks.unwrap_or_else(|| Workers(vec![0, 1])),
        ranks_per_node,
        model: shape.model,
        experts: shape.experts.unwrap_or(1),
        top_k: shape.top_k.unwrap_or(1),
        hidden: shape.hidden.unwrap_or(1),
        precision: fields.get(&keys.precision),
        batch: keys.batch.get(fields, low_latency),
        layers: fields.get(&keys.layers),
        iterations: fields.get(&keys.iterations),
        interval: fields.get(&keys.interval),
        mode: if low_latency {
            DispatchMode::LowLatency { padded_tokens }
        } else {
            DispatchMode::Normal
        },
        routing: routing(fields),
        verb: fields.get(&VERB),
        qps: keys.qps.get(fields, low_latency),
        split: fields.get(&keys.split),
        rate: fields.get(&RATE),
    };
    sizes(fields, &alltoall);
    Kind::AllToAll(alltoall)
}

/// `ranks_per_node`: whole nodes, of which there are at least two.
fn ranks_per_node(fields: &Fields<'_>, ranks: Option<&Workers>) -> u32 {
    let key = &ALLTOALL.ranks_per_node;
    let each = fields.get(key);
    let Some(ranks) = ranks.map(len).filter(|_| each > 1) else {
        return 1;
    };
    if ranks % each != 0 {
        fields.wrong(key, format!("{ranks} ranks are no whole number of nodes of {each}"));
    } else if ranks == each {
        fields.wrong(
            key,
            format!("all {ranks} ranks are on one node: nothing would cross the network"),
        );
    } else {
        return each;
    }
    1
}

struct Shape {
    model: Option<String>,
    experts: Option<u32>,
    top_k: Option<u32>,
    hidden: Option<u32>,
}

fn shape(fields: &Fields<'_>) -> Shape {
    let keys = [&ALLTOALL.experts, &ALLTOALL.top_k, &ALLTOALL.hidden];
    let [experts, top_k, hidden] = keys.map(|key| fields.get(key));
    if fields.has(&ALLTOALL.model) {
        for key in keys {
            fields.refuse(key, "is given by `model` already; leave one out");
        }
        let model = fields.get(&ALLTOALL.model);
        return Shape {
            model: model.map(|model| model.name.to_owned()),
            experts: model.map(|model| model.experts),
            top_k: model.map(|model| model.top_k),
            hidden: model.map(|model| model.hidden),
        };
    }
    for key in keys {
        fields.require(key);
    }
    if let (Some(experts), Some(top_k)) = (experts, top_k)
        && top_k > experts
    {
        fields.wrong(
            &ALLTOALL.top_k,
            format!("a token cannot go to {top_k} of {experts} experts"),
        );
    }
    Shape {
        model: None,
        experts,
        top_k,
        hidden,
    }
}

/// `routing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chooser {
    /// Tokens choose.
    TopK,
    /// Experts choose.
    ExpertChoice,
    /// Tokens choose, and what is too much for an expert is dropped.
    TopKDrop,
    /// Tokens choose evenly.
    AuxLoss,
}

/// Its words.
pub const CHOOSERS: &[(&str, Chooser)] = &[
    ("top-k", Chooser::TopK),
    ("expert-choice", Chooser::ExpertChoice),
    ("top-k-drop", Chooser::TopKDrop),
    ("aux-loss", Chooser::AuxLoss),
];

fn routing(fields: &Fields<'_>) -> Routing {
    let keys = &ALLTOALL;
    let chooser = fields.get(&keys.routing);
    let skew = fields.get(&keys.skew);
    let capacity_factor = keys.capacity_factor.get(fields, chooser == Chooser::ExpertChoice);
    if chooser == Chooser::AuxLoss {
        fields.refuse(
            &keys.skew,
            "means nothing with `routing: aux-loss`, which evens popularity out",
        );
    }
    let readable = fields.given(&keys.routing).is_some() || !fields.has(&keys.routing);
    if matches!(chooser, Chooser::TopK | Chooser::AuxLoss) && readable {
        fields.refuse(
            &keys.capacity_factor,
            "goes with `routing: top-k-drop` or `expert-choice` only",
        );
    }
    match chooser {
        Chooser::TopK => Routing::TopK { skew },
        Chooser::ExpertChoice => Routing::ExpertChoice { skew, capacity_factor },
        Chooser::TopKDrop => Routing::TopKDrop { skew, capacity_factor },
        Chooser::AuxLoss => Routing::AuxLoss,
    }
}

/// What a pair of ranks can carry at most must be a message, and the whole must be countable.
fn sizes(fields: &Fields<'_>, a2a: &AllToAll) {
    let token = u128::from(a2a.hidden) * u128::from(a2a.precision);
    let tokens = match a2a.mode {
        DispatchMode::LowLatency {
            padded_tokens: Some(tokens),
        } => u128::from(tokens),
        _ => u128::from(a2a.batch) * u128::from(a2a.top_k),
    };
    let pair = tokens * token;
    if pair > u128::from(MAX_MESSAGE.0) {
        let padded = fields.has(&ALLTOALL.padded_tokens);
        fields.wrong(
            if padded {
                &ALLTOALL.padded_tokens as &dyn Declared
            } else {
                &ALLTOALL.batch
            },
            format!("a pair of ranks could have to carry {pair} bytes in a dispatch, more than the 2 GiB of a message"),
        );
    }
    let ranks = u128::from(count_of(&a2a.ranks));
    let dispatches = u128::from(a2a.layers) * u128::from(a2a.iterations.unwrap_or(0));
    let factors = [pair, ranks, ranks, dispatches];
    let total = factors.into_iter().try_fold(1u128, u128::checked_mul);
    if total.is_none_or(|total| total > MAX_TOTAL) {
        fields.wrong(
            &ALLTOALL.iterations,
            "the entry could have to carry more than 2^60 bytes",
        );
    }
}

/// `kind: background`.
pub fn background(fields: &Fields<'_>) -> Kind {
    let keys = &BACKGROUND;
    let (from, to) = (fields.get(&keys.from), fields.get(&keys.to));
    if let (Some(from), Some(to)) = (&from, &to) {
        if len(to) > len(from) {
            let what = format!(
                "`to` names {} workers for the {} flows of `from`; some would never be used",
                len(to),
                len(from)
            );
            fields.wrong(&keys.to, what);
        }
        no_self_transfer(fields, &keys.from, &keys.to, len(from), from, to);
    }
    let (verb, size) = (fields.get(&keys.verb), fields.get(&keys.message));
    values::empty(fields, Some(size), verb);
    Kind::Background(Background {
        from: from.unwrap_or_else(|| Workers(vec![0])),
        to: to.unwrap_or_else(|| Workers(vec![1])),
        load: fields.get(&keys.load).unwrap_or(Rate::Share(Share(1.0))),
        messages: values::over_qps(fields, verb, size, None),
    })
}

/// `kind: pfc`.
pub fn pfc(fields: &Fields<'_>) -> Kind {
    let keys = &PFC;
    let pause = fields.get(&keys.frame_type);
    if pause {
        fields.refuse(
            &keys.classes,
            "goes with `frame_type: pfc` only; PAUSE stops every class",
        );
    } else if fields.given(&keys.frame_type).is_some() || !fields.has(&keys.frame_type) {
        fields.require(&keys.classes);
    }
    let count = fields.get(&keys.count);
    fields.exclude(&keys.interval, &keys.rate);
    if !fields.has(&keys.interval) && !fields.has(&keys.rate) && count != Some(1) {
        fields.missing("`interval` or `rate`: how often a frame is sent");
    }
    let from_rate = fields.get(&keys.rate);
    let interval = fields.get(&keys.interval).or(from_rate);
    Kind::Pfc(Pfc {
        from: fields.get(&keys.from).unwrap_or(0),
        pause,
        classes: fields.get(&keys.classes).unwrap_or(0),
        quanta: fields.get(&keys.quanta),
        // A single frame has no spacing; any time above zero will do.
        interval: interval.unwrap_or(Picos::from_micros(1)),
        count,
    })
}

/// `kind: ecn-probe`; what its header fields settle is in [`probe_frame`].
pub fn ecn_probe(fields: &Fields<'_>) -> Kind {
    let keys = &ECN_PROBE;
    let (senders, receiver) = many_to_one(fields);
    let frames = fields.get(&keys.frames);
    if let Some(frames) = frames
        && frames < count_of(&senders)
    {
        let what = format!("{frames} frames for {} senders; some would never send", len(&senders));
        fields.wrong(&keys.frames, what);
    }
    Kind::EcnProbe(EcnProbe {
        senders,
        receiver,
        frames: frames.unwrap_or(1),
        message: fields.get(&keys.message).unwrap_or(0),
        verb: fields.get(&keys.verb),
        lead: fields.get(&keys.lead),
        hold: fields.get(&keys.hold),
        repeats: fields.get(&keys.repeats),
        gap: fields.get(&keys.gap),
        rate: fields.get(&RATE),
    })
}

/// What a probe's header fields say of it: its frames must carry a mark, and its messages must be
/// one packet each.
pub fn probe_frame(fields: &Fields<'_>, probe: &mut EcnProbe, frame: &FrameOptions) {
    if !matches!(frame.ecn, Ecn::Ect0 | Ecn::Ect1) {
        fields.wrong(
            &FRAME_MAP,
            "a probe reads marks, and only frames sent ECN-capable are marked: `ecn` must be ect0 or ect1",
        );
    }
    if probe.message > frame.pmtu {
        let what = format!(
            "a message of {} bytes is more than one packet of `pmtu` {}; a probe's frames are all of one length",
            probe.message, frame.pmtu
        );
        fields.wrong(&ECN_PROBE.message, what);
    }
    if !fields.has(&ECN_PROBE.message) {
        probe.message = frame.pmtu;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "10^3 to 10^15 picoseconds, both ends checked"
)]
pub fn interval_of(per_second: f64) -> Option<Picos> {
    (1e-3..=1e9)
        .contains(&per_second)
        .then(|| Picos((PICOS_PER_SECOND as f64 / per_second).round() as u64))
}

fn len(workers: &Workers) -> u32 {
    u32::try_from(workers.0.len()).unwrap_or(u32::MAX)
}

fn count_of(workers: &Workers) -> u64 {
    u64::from(len(workers))
}

/// No pair may consist of one worker; the first that does is reported.
fn no_self_transfer(
    fields: &Fields<'_>,
    from_key: &dyn Declared,
    to_key: &dyn Declared,
    pairs: u32,
    from: &Workers,
    to: &Workers,
) {
    let pair = from.0.iter().cycle().zip(to.0.iter().cycle());
    let to_itself = |(_, (from, to)): &(u32, (&u32, &u32))| from == to;
    if let Some((index, (worker, _))) = (0..pairs).zip(pair).find(to_itself) {
        let key = if fields.has(to_key) { to_key } else { from_key };
        fields.wrong(key, format!("pair {index} is worker {worker} sending to itself"));
    }
}

/// Bytes of the whole entry must be countable.
fn total(fields: &Fields<'_>, key: &dyn Declared, messages: &Messages, factors: &[u64]) {
    let one = u128::from(messages.transfer_bytes.unwrap_or(messages.size).0);
    let total = factors
        .iter()
        .try_fold(one, |total, factor| total.checked_mul(u128::from(*factor)));
    if total.is_none_or(|total| total > MAX_TOTAL) {
        fields.wrong(key, "the entry would carry more than 2^60 bytes");
    }
}
