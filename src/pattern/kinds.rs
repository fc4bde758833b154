//! The seven kinds of traffic, each read from its entry's map.
//!
//! Contract: a kind that comes out of here with nothing recorded is consistent in itself; a kind
//! with mistakes holds placeholders in their places.

use super::draft::MODELS;
use super::values::{self, MAX_MESSAGE, MAX_TOTAL, RateForms, first_free};
use super::{
    AllToAll, Arrival, Background, Burst, DispatchMode, Ecn, EcnProbe, FrameOptions, Incast, Kind, Messages, Pfc, Rate,
    RoundSpacing, Routing, Spread, Transfer, Verb, Workers, split,
};
use crate::units::{Bytes, PICOS_PER_SECOND, Picos, Share};
use crate::yaml::numbers;
use crate::yaml::read::{Fields, parse_int};

const LINE: Rate = Rate::Share(Share(1.0));
const MAX_COUNT: u64 = 1_000_000_000_000;
const MAX_ROUNDS: u64 = 1_000_000_000;
const MAX_PAIRS: u64 = 65_536;
/// Four gigabytes of full frames: more than any switch holds.
const MAX_PROBE_FRAMES: u64 = 1_000_000;
/// The largest PMTU.
const MAX_PAYLOAD: u64 = 4096;

/// The kinds' names.
pub const NAMES: [&str; 7] = [
    "transfer",
    "incast",
    "burst",
    "alltoall",
    "background",
    "pfc",
    "ecn-probe",
];

/// `kind: transfer`.
pub fn transfer(fields: &Fields<'_>) -> Kind {
    let pairs: Option<u32> = fields.int("pairs", 1..=MAX_PAIRS);
    let from = values::workers(fields, "from");
    let to = values::workers(fields, "to");
    let longest = [&from, &to].into_iter().flatten().map(len).max();
    let pairs = match (pairs, longest) {
        (Some(pairs), Some(longest)) if longest > pairs => {
            fields.wrong(
                "pairs",
                format!("`pairs` is {pairs}, but a list of workers names {longest}; some would never be used"),
            );
            longest
        }
        (Some(pairs), _) => pairs,
        (None, longest) => longest.unwrap_or(1),
    };
    let sound = ["pairs", "from", "to"]
        .iter()
        .all(|key| !fields.has(key) || fields.get(key).is_some());
    let known = sound && from.is_some() == fields.has("from") && to.is_some() == fields.has("to");
    let from = from.unwrap_or_else(|| Workers((0..pairs).collect()));
    let to = to.unwrap_or_else(|| Workers((pairs..pairs.saturating_mul(2)).collect()));
    if known {
        no_self_transfer(fields, pairs, &from, &to);
        if to.0.iter().any(|worker| *worker > values::MAX_WORKER) {
            fields.wrong(
                "pairs",
                "so many pairs need worker numbers above 65535; give `from` and `to`",
            );
        }
    }
    let transfer = Transfer {
        pairs,
        from,
        to,
        messages: values::messages(fields),
        count: values::count(fields, "count", MAX_COUNT).flatten(),
        outstanding: fields.int("outstanding", 1..=values::MAX_QPS),
        rate: values::rate(fields, "rate", RateForms::Any).unwrap_or(LINE),
    };
    let count = transfer.count.unwrap_or(0);
    total(fields, "count", &transfer.messages, &[count, u64::from(pairs)]);
    Kind::Transfer(transfer)
}

/// `kind: incast`.
pub fn incast(fields: &Fields<'_>) -> Kind {
    let (senders, receiver) = many_to_one(fields);
    let incast = Incast {
        receiver,
        senders,
        messages: values::messages(fields),
        count: fields.int("count", 1..=MAX_COUNT).unwrap_or(1),
        spread: spread(fields),
        repeats: fields.int("repeats", 1..=MAX_ROUNDS).unwrap_or(1),
        round: round(fields, "repeats"),
        rate: values::rate(fields, "rate", RateForms::Any).unwrap_or(LINE),
    };
    let factors = [incast.count, incast.repeats, count_of(&incast.senders)];
    total(fields, "repeats", &incast.messages, &factors);
    Kind::Incast(incast)
}

/// `senders` and `receiver`.
fn many_to_one(fields: &Fields<'_>) -> (Workers, u32) {
    fields.require("senders");
    let senders = values::first_workers_or_set(fields, "senders", 1);
    let receiver = fields.int("receiver", 0..=u64::from(values::MAX_WORKER));
    if let (Some(senders), Some(receiver)) = (&senders, receiver)
        && senders.0.contains(&receiver)
    {
        fields.wrong(
            "receiver",
            format!("worker {receiver} is a sender and the receiver too"),
        );
    }
    let senders = senders.unwrap_or_else(|| Workers(vec![0]));
    let receiver = receiver.unwrap_or_else(|| first_free(&senders));
    (senders, receiver)
}

/// `start_mode`, or what its parameters imply.
fn spread(fields: &Fields<'_>) -> Spread {
    #[derive(Clone, Copy, PartialEq)]
    enum Mode {
        Synchronised,
        Staggered,
        Jittered,
    }
    let words = [
        ("synchronised", Mode::Synchronised),
        ("staggered", Mode::Staggered),
        ("jittered", Mode::Jittered),
    ];
    let named = fields.word("start_mode", &words);
    fields.exclude("stagger", "jitter");
    let stagger = values::time(fields, "stagger");
    let jitter = values::time(fields, "jitter");
    let mode = named.unwrap_or(match (fields.has("stagger"), fields.has("jitter")) {
        (true, _) => Mode::Staggered,
        (_, true) => Mode::Jittered,
        _ => Mode::Synchronised,
    });
    if named.is_some() && !(fields.has("stagger") && fields.has("jitter")) {
        if mode != Mode::Staggered {
            fields.refuse("stagger", "goes with `start_mode: staggered` only");
        }
        if mode != Mode::Jittered {
            fields.refuse("jitter", "goes with `start_mode: jittered` only");
        }
    }
    match mode {
        Mode::Synchronised => Spread::Synchronised,
        Mode::Staggered => {
            fields.require("stagger");
            Spread::Staggered(stagger.unwrap_or_default())
        }
        Mode::Jittered => {
            fields.require("jitter");
            Spread::Jittered(jitter.unwrap_or_default())
        }
    }
}

/// `gap` or `interval`; `rounds` is the key that says how many rounds there are.
fn round(fields: &Fields<'_>, rounds: &str) -> RoundSpacing {
    fields.exclude("gap", "interval");
    let gap = values::time(fields, "gap");
    let interval = values::time_above_zero(fields, "interval");
    let times = fields.has("gap") || fields.has("interval");
    if times && !fields.has(rounds) {
        let key = if fields.has("gap") { "gap" } else { "interval" };
        fields.refuse(
            key,
            &format!("means nothing with one round; say with `{rounds}` how many"),
        );
    }
    match interval {
        Some(interval) => RoundSpacing::Interval(interval),
        None => RoundSpacing::Gap(gap.unwrap_or_default()),
    }
}

/// `kind: burst`.
pub fn burst(fields: &Fields<'_>) -> Kind {
    fields.require("transfers");
    let transfers: Option<u32> = fields.int("transfers", 1..=MAX_PAIRS);
    let from = values::workers(fields, "from");
    let to = values::workers(fields, "to");
    if let Some(transfers) = transfers {
        for (key, set) in [("from", &from), ("to", &to)] {
            if let Some(set) = set
                && len(set) > transfers
            {
                let what = format!(
                    "`{key}` names {} workers for {transfers} transfers; some would never be used",
                    len(set)
                );
                fields.wrong(key, what);
            }
        }
    }
    let known = transfers.is_some() && from.is_some() == fields.has("from") && to.is_some() == fields.has("to");
    let transfers = transfers.unwrap_or(1);
    let from = from.unwrap_or_else(|| Workers((0..transfers).collect()));
    let to = to.unwrap_or_else(|| Workers(vec![first_free(&from)]));
    if known {
        no_self_transfer(fields, transfers, &from, &to);
    }
    let burst = Burst {
        transfers,
        from,
        to,
        messages: values::messages(fields),
        arrival: arrival(fields),
        bursts: fields.int("bursts", 1..=MAX_ROUNDS).unwrap_or(1),
        round: round(fields, "bursts"),
        rate: values::rate(fields, "rate", RateForms::Any).unwrap_or(LINE),
    };
    total(fields, "bursts", &burst.messages, &[burst.bursts, u64::from(transfers)]);
    Kind::Burst(burst)
}

fn arrival(fields: &Fields<'_>) -> Arrival {
    type Make = fn(Picos) -> Arrival;
    let words: [(&str, Make); 3] = [
        ("at-once", |_| Arrival::AtOnce),
        ("uniform", Arrival::Uniform),
        ("poisson", Arrival::Poisson),
    ];
    let window = values::time_above_zero(fields, "window");
    let named = fields.word("arrival", &words);
    let arrival = match named {
        Some(arrival) => arrival(window.unwrap_or_default()),
        None if fields.has("window") => Arrival::Uniform(window.unwrap_or_default()),
        None => Arrival::AtOnce,
    };
    if arrival == Arrival::AtOnce {
        if named.is_some() {
            fields.refuse("window", "means nothing with `arrival: at-once`");
        }
    } else {
        fields.require("window");
    }
    arrival
}

/// `kind: alltoall`.
pub fn alltoall(fields: &Fields<'_>) -> Kind {
    fields.require("ranks");
    let ranks = values::first_workers_or_set(fields, "ranks", 2);
    let shape = shape(fields);
    let low_latency = fields.word("mode", &[("normal", false), ("low-latency", true)]);
    let padded_tokens: Option<u32> = fields.int("padded_tokens", 1..=1 << 20);
    if low_latency == Some(false) || !fields.has("mode") {
        fields.refuse("padded_tokens", "goes with `mode: low-latency` only");
    }
    let low_latency = low_latency.unwrap_or(false);
    // Draft, Table 12: batches of 1 to 16 and 8 to 16 QPs against 128 to 512 and 24.
    let (batch, qps) = if low_latency { (8, 8) } else { (128, 24) };
    let alltoall = AllToAll {
        ranks: ranks.unwrap_or_else(|| Workers(vec![0, 1])),
        model: shape.model,
        experts: shape.experts.unwrap_or(1),
        top_k: shape.top_k.unwrap_or(1),
        hidden: shape.hidden.unwrap_or(1),
        precision: values::precision(fields, "precision").unwrap_or(2),
        batch: fields.int("batch", 1..=1 << 20).unwrap_or(batch),
        layers: fields.int("layers", 1..=10_000).unwrap_or(1),
        iterations: values::count(fields, "iterations", MAX_ROUNDS).unwrap_or(Some(1)),
        interval: values::time_above_zero(fields, "interval"),
        mode: if low_latency {
            DispatchMode::LowLatency { padded_tokens }
        } else {
            DispatchMode::Normal
        },
        routing: routing(fields),
        verb: values::verb(fields, Verb::PutWithSignal),
        qps: fields.int("qps", 1..=values::MAX_QPS).unwrap_or(qps),
        split: split::word(fields),
        rate: values::rate(fields, "rate", RateForms::Any).unwrap_or(LINE),
    };
    sizes(fields, &alltoall);
    Kind::AllToAll(alltoall)
}

struct Shape {
    model: Option<String>,
    experts: Option<u32>,
    top_k: Option<u32>,
    hidden: Option<u32>,
}

fn shape(fields: &Fields<'_>) -> Shape {
    let experts = fields.int("experts", 1..=65_536);
    let top_k = fields.int("top_k", 1..=1024);
    let hidden = fields.int("hidden", 1..=1_048_576);
    if fields.has("model") {
        for key in ["experts", "top_k", "hidden"] {
            fields.refuse(key, "is given by `model` already; leave one out");
        }
        let model = fields.word("model", &MODELS.map(|model| (model.name, model)));
        return Shape {
            model: model.map(|model| model.name.to_owned()),
            experts: model.map(|model| model.experts),
            top_k: model.map(|model| model.top_k),
            hidden: model.map(|model| model.hidden),
        };
    }
    for key in ["experts", "top_k", "hidden"] {
        fields.require(key);
    }
    if let (Some(experts), Some(top_k)) = (experts, top_k)
        && top_k > experts
    {
        fields.wrong("top_k", format!("a token cannot go to {top_k} of {experts} experts"));
    }
    Shape {
        model: None,
        experts,
        top_k,
        hidden,
    }
}

fn routing(fields: &Fields<'_>) -> Routing {
    #[derive(Clone, Copy, PartialEq)]
    enum Mode {
        TopK,
        ExpertChoice,
        TopKDrop,
        AuxLoss,
    }
    let words = [
        ("top-k", Mode::TopK),
        ("expert-choice", Mode::ExpertChoice),
        ("top-k-drop", Mode::TopKDrop),
        ("aux-loss", Mode::AuxLoss),
    ];
    let named = fields.word("routing", &words);
    let skew = fields.number("skew", 0.0..=4.0).unwrap_or(0.0);
    let capacity_factor = fields.number("capacity_factor", 0.01..=100.0);
    if named == Some(Mode::AuxLoss) {
        fields.refuse(
            "skew",
            "means nothing with `routing: aux-loss`, which evens popularity out",
        );
    }
    let named = if fields.has("routing") { named } else { Some(Mode::TopK) };
    if matches!(named, Some(Mode::TopK | Mode::AuxLoss)) {
        fields.refuse(
            "capacity_factor",
            "goes with `routing: top-k-drop` or `expert-choice` only",
        );
    }
    match named.unwrap_or(Mode::TopK) {
        Mode::TopK => Routing::TopK { skew },
        Mode::ExpertChoice => Routing::ExpertChoice {
            skew,
            capacity_factor: capacity_factor.unwrap_or(1.0),
        },
        Mode::TopKDrop => Routing::TopKDrop {
            skew,
            capacity_factor: capacity_factor.unwrap_or(1.25),
        },
        Mode::AuxLoss => Routing::AuxLoss,
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
        let key = if fields.has("padded_tokens") {
            "padded_tokens"
        } else {
            "batch"
        };
        fields.wrong(
            key,
            format!("a pair of ranks could have to carry {pair} bytes in a dispatch, more than the 2 GiB of a message"),
        );
    }
    let ranks = u128::from(count_of(&a2a.ranks));
    let dispatches = u128::from(a2a.layers) * u128::from(a2a.iterations.unwrap_or(0));
    let factors = [pair, ranks, ranks, dispatches];
    let total = factors.into_iter().try_fold(1u128, u128::checked_mul);
    if total.is_none_or(|total| total > MAX_TOTAL) {
        fields.wrong("iterations", "the entry could have to carry more than 2^60 bytes");
    }
}

/// `kind: background`.
pub fn background(fields: &Fields<'_>) -> Kind {
    for key in ["from", "to", "load"] {
        fields.require(key);
    }
    let from = values::workers(fields, "from");
    let to = values::workers(fields, "to");
    if let (Some(from), Some(to)) = (&from, &to) {
        if len(to) > len(from) {
            let what = format!(
                "`to` names {} workers for the {} flows of `from`; some would never be used",
                len(to),
                len(from)
            );
            fields.wrong("to", what);
        }
        no_self_transfer(fields, len(from), from, to);
    }
    let verb = values::verb(fields, Verb::Put);
    let size = values::message(fields);
    values::empty(fields, size, verb);
    Kind::Background(Background {
        from: from.unwrap_or_else(|| Workers(vec![0])),
        to: to.unwrap_or_else(|| Workers(vec![1])),
        load: values::rate(fields, "load", RateForms::Load).unwrap_or(LINE),
        messages: values::over_qps(fields, verb, size.unwrap_or(Bytes(64 << 10)), None),
    })
}

/// `kind: pfc`.
pub fn pfc(fields: &Fields<'_>) -> Kind {
    fields.require("from");
    let pause = fields.word("frame_type", &[("pfc", false), ("pause", true)]);
    if pause == Some(true) {
        fields.refuse("classes", "goes with `frame_type: pfc` only; PAUSE stops every class");
    } else if pause == Some(false) || !fields.has("frame_type") {
        fields.require("classes");
    }
    let classes = numbers(fields, "classes", 7).unwrap_or_default();
    let count = values::count(fields, "count", MAX_COUNT).flatten();
    fields.exclude("interval", "rate");
    if !fields.has("interval") && !fields.has("rate") && parse_count(fields) != Some(1) {
        fields.missing("`interval` or `rate`: how often a frame is sent");
    }
    let rate = |text: &str| values::per_second(text, 1e9).and_then(interval_of);
    let from_rate = fields.parse("rate", rate, |text| parse_int(text).map(|number| format!("{number}/s")));
    let interval = values::time_above_zero(fields, "interval").or(from_rate);
    Kind::Pfc(Pfc {
        from: fields.int("from", 0..=u64::from(values::MAX_WORKER)).unwrap_or(0),
        pause: pause.unwrap_or(false),
        classes: classes.iter().fold(0, |mask, class| mask | 1 << class),
        quanta: fields.int("quanta", 0..=65_535).unwrap_or(u16::MAX),
        // A single frame has no spacing; any time above zero will do.
        interval: interval.unwrap_or(Picos::from_micros(1)),
        count,
    })
}

/// `kind: ecn-probe`; what its header fields settle is in [`probe_frame`].
pub fn ecn_probe(fields: &Fields<'_>) -> Kind {
    fields.require("frames");
    let (senders, receiver) = many_to_one(fields);
    let frames: Option<u64> = fields.int("frames", 1..=MAX_PROBE_FRAMES);
    if let Some(frames) = frames
        && frames < count_of(&senders)
    {
        let what = format!("{frames} frames for {} senders; some would never send", len(&senders));
        fields.wrong("frames", what);
    }
    Kind::EcnProbe(EcnProbe {
        senders,
        receiver,
        frames: frames.unwrap_or(1),
        message: fields.int("message", 1..=MAX_PAYLOAD).unwrap_or(0),
        verb: values::verb(fields, Verb::Put),
        lead: values::time_above_zero(fields, "lead").unwrap_or(Picos::from_micros(20)),
        hold: values::time_above_zero(fields, "hold"),
        repeats: fields.int("repeats", 1..=MAX_ROUNDS).unwrap_or(1),
        gap: values::time(fields, "gap").unwrap_or(Picos::from_micros(100)),
        rate: values::rate(fields, "rate", RateForms::Any).unwrap_or(LINE),
    })
}

/// What a probe's header fields say of it: its frames must carry a mark, and its messages must be
/// one packet each.
pub fn probe_frame(fields: &Fields<'_>, probe: &mut EcnProbe, frame: &FrameOptions) {
    if !matches!(frame.ecn, Ecn::Ect0 | Ecn::Ect1) {
        fields.wrong(
            "frame",
            "a probe reads marks, and only frames sent ECN-capable are marked: `ecn` must be ect0 or ect1",
        );
    }
    if probe.message > frame.pmtu {
        let what = format!(
            "a message of {} bytes is more than one packet of `pmtu` {}; a probe's frames are all of one length",
            probe.message, frame.pmtu
        );
        fields.wrong("message", what);
    }
    if !fields.has("message") {
        probe.message = frame.pmtu;
    }
}

fn parse_count(fields: &Fields<'_>) -> Option<u64> {
    fields.get("count")?.text().and_then(parse_int)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "10^3 to 10^15 picoseconds, both ends checked"
)]
fn interval_of(per_second: f64) -> Option<Picos> {
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
fn no_self_transfer(fields: &Fields<'_>, pairs: u32, from: &Workers, to: &Workers) {
    let pair = from.0.iter().cycle().zip(to.0.iter().cycle());
    let to_itself = |(_, (from, to)): &(u32, (&u32, &u32))| from == to;
    if let Some((index, (worker, _))) = (0..pairs).zip(pair).find(to_itself) {
        let key = if fields.has("to") { "to" } else { "from" };
        fields.wrong(key, format!("pair {index} is worker {worker} sending to itself"));
    }
}

/// Bytes of the whole entry must be countable.
fn total(fields: &Fields<'_>, key: &str, messages: &Messages, factors: &[u64]) {
    let one = u128::from(messages.transfer_bytes.unwrap_or(messages.size).0);
    let total = factors
        .iter()
        .try_fold(one, |total, factor| total.checked_mul(u128::from(*factor)));
    if total.is_none_or(|total| total > MAX_TOTAL) {
        fields.wrong(key, "the entry would carry more than 2^60 bytes");
    }
}
