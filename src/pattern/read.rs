//! From a tree to a [`Pattern`]: the pattern's own keys, its entries, and what must hold between
//! them.
//!
//! Left out on purpose: the kinds (`kinds`), header fields (`frame`), shared values (`values`).

use super::keys::{self, ENTRY, PATTERN};
use super::transport::Transport;
use super::transport::read::{self as transport, Said};
use super::{Entry, FrameOptions, IcrcCheck, Kind, Pattern, Rate, Start, frame, kinds};
use crate::expect;
use crate::units::{Picos, Qpn};
use crate::yaml::form::Quantity;
use crate::yaml::key::{Declared, Form, Section};
use crate::yaml::read::{At, Fields, Reader, parse_int};
use crate::yaml::tree::Node;
use crate::yaml::{Finding, Place, near, shown};

/// Each entry can name 65,536 workers twice: this bounds the memory that a short text can ask for.
const MAX_ENTRIES: usize = 256;

/// An entry and where it stands.
struct Placed {
    place: Place,
    /// `false` when the entry had no readable kind, so that what it sends is not known.
    known: bool,
    entry: Entry,
}

/// What the pattern says for every entry.
struct Wide<'a> {
    frame: &'a FrameOptions,
    transport: &'a Said,
    /// Whether it has an end.
    bounded: bool,
}

/// Reads a pattern; it counts only when `reader` recorded nothing. `stem` names it by default.
pub fn pattern(reader: &Reader, root: &Node, stem: &str) -> Pattern {
    let fields = reader.fields(root, "the pattern", &[&PATTERN]);
    let frame = frame::read(&fields, &FrameOptions::default());
    let duration = fields.get(&PATTERN.duration);
    let sample = sample(&fields, duration);
    let mut pattern = Pattern {
        name: fields.get(&PATTERN.name).unwrap_or_else(|| stem.to_owned()),
        description: fields.get(&PATTERN.description),
        draft: fields.get(&PATTERN.draft),
        testbed: fields.get(&PATTERN.testbed),
        seed: fields.get(&PATTERN.seed),
        duration,
        sample,
        convergence: super::convergence::read(&fields, duration),
        icrc_check: fields.get(&PATTERN.icrc_check),
        traffic: Vec::new(),
        expect: Vec::new(),
        asks: Vec::new(),
    };
    let wide = Wide {
        frame: &frame,
        transport: &Said::default().with(&fields),
        bounded: fields.has(&PATTERN.duration),
    };
    let placed = traffic(&fields, &wide);
    between(reader, &placed);
    if placed.iter().all(|placed| placed.known) {
        transport::of_pattern(&fields, placed.iter().map(|placed| &placed.entry.transport));
    }
    pattern.traffic = placed.into_iter().map(|placed| placed.entry).collect();
    leave_out_idle(&fields, &mut pattern.traffic);
    let names: Vec<&str> = pattern.traffic.iter().map(|entry| entry.name.as_str()).collect();
    let expect = expect::expectations(&fields, &PATTERN.expect, Some(&names));
    pattern.expect = expect.into_iter().map(|(_, expectation)| expectation).collect();
    // An entry that `--set` or a load of 0 % takes out is asked about in vain, and that is no mistake.
    pattern.asks = expect::asked(&fields, &PATTERN.asks, None);
    pattern
}

/// Takes out the entries whose load is 0 %: the unloaded one of a series of loads.
fn leave_out_idle(fields: &Fields<'_>, traffic: &mut Vec<Entry>) {
    let idle = |entry: &Entry| {
        let Kind::Background(background) = &entry.kind else {
            return false;
        };
        matches!(background.load, Rate::Share(share) if share.0 == 0.0)
    };
    while let Some(at) = traffic.iter().position(idle) {
        let name = traffic.remove(at).name;
        for entry in traffic.iter_mut() {
            if let Start::After { entry: awaited, .. } = &mut entry.start {
                if *awaited == at {
                    let what = format!("`{}` waits for `{name}`, whose load is 0 %: it never sends", entry.name);
                    fields.wrong(&PATTERN.traffic, what);
                }
                *awaited -= usize::from(*awaited > at);
            }
        }
    }
    if traffic.is_empty() && fields.reader().clean() {
        fields.wrong(&PATTERN.traffic, "no entry sends anything");
    }
}

/// Most samples of a run: a trend needs no more, and every one is a line of a file.
pub const MAX_SAMPLES: u64 = 100_000;

/// What a sampling interval may be.
pub const SAMPLE: Quantity<Picos> = Quantity::within(Picos::from_micros(1), Picos::from_micros(86_400_000_000));

fn sample(fields: &Fields<'_>, duration: Option<Picos>) -> Option<Picos> {
    let interval = fields.get(&PATTERN.sample)?;
    let samples = duration.map_or(0, |duration| duration.0.div_ceil(interval.0));
    if samples > MAX_SAMPLES {
        let what =
            format!("a run of this pattern's `duration` would have {samples} samples, and may have {MAX_SAMPLES}");
        fields.wrong(&PATTERN.sample, what);
        return None;
    }
    Some(interval)
}

/// How many ICRCs are verified.
pub struct IcrcShare;

impl Form<IcrcCheck> for IcrcShare {
    fn allowed(&self) -> String {
        "all, none or 1/N (`1/16`)".to_owned()
    }
    fn read(&self, at: At<'_, '_>) -> Option<IcrcCheck> {
        at.parse(icrc_check, near_icrc_check)
    }
    fn show(&self, check: &IcrcCheck) -> String {
        match check {
            IcrcCheck::All => "all".to_owned(),
            IcrcCheck::None => "none".to_owned(),
            IcrcCheck::OneIn(n) => format!("1/{n}"),
        }
    }
}

fn icrc_check(text: &str) -> Option<IcrcCheck> {
    match text {
        "all" => Some(IcrcCheck::All),
        "none" => Some(IcrcCheck::None),
        _ => {
            let (one, n) = text.split_once('/')?;
            let n = u32::try_from(parse_int(n)?).ok().filter(|n| *n >= 2)?;
            (one.trim() == "1").then_some(IcrcCheck::OneIn(n))
        }
    }
}

fn near_icrc_check(text: &str) -> Option<String> {
    match parse_int(text.strip_prefix("1/").unwrap_or(text)) {
        Some(0) => Some("none".to_owned()),
        Some(1) => Some("all".to_owned()),
        Some(n) => Some(format!("1/{n}")),
        None => near::nearest(text, ["all", "none"]).map(str::to_owned),
    }
}

/// The name by which an entry can be called in `--set`; see `yaml::set`.
pub fn label(list: &str, index: usize, node: &Node) -> Option<String> {
    let text = |key: &str| node.child(key).and_then(Node::text);
    if list != "traffic" {
        return None;
    }
    match text("name") {
        Some(name) => Some(name.to_owned()),
        None => text("kind").map(|kind| format!("{kind}-{index}")),
    }
}

fn traffic(fields: &Fields<'_>, wide: &Wide<'_>) -> Vec<Placed> {
    let items = fields.items(&PATTERN.traffic, 1..=MAX_ENTRIES);
    let mut placed: Vec<Placed> = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let next = entry(fields.reader(), node, index, &placed, wide);
        placed.push(next);
    }
    placed
}

fn entry(reader: &Reader, node: &Node, index: usize, earlier: &[Placed], wide: &Wide<'_>) -> Placed {
    let typed = node.child("kind").and_then(Node::text);
    let named = node.child("name").and_then(Node::text);
    let what = match (named, typed) {
        (Some(name), _) => format!("entry `{}`", shown(name, 64)),
        (None, Some(kind)) => format!("entry {index} ({})", shown(kind, 20)),
        (None, None) => format!("entry {index}"),
    };
    let kind = kinds::KINDS.iter().find(|kind| Some(kind.section.name()) == typed);
    let fields = match kind {
        Some(kind) => reader.fields(node, what, &[&ENTRY, kind.section]),
        // Without a kind, any kind's key may be right: what it is comes first.
        None => {
            let any: Vec<&dyn Section> = kinds::KINDS.iter().map(|kind| kind.section).collect();
            reader.fields_among(node, what, &[&ENTRY], &any)
        }
    };
    let kind = fields.get(&ENTRY.kind);
    let read = kind.map(|kind| (kind.read)(&fields));
    let known = read.is_some();
    let mut read = read.unwrap_or_else(placeholder);
    let frame = frame::read(&fields, wide.frame);
    if matches!(read, Kind::Pfc(_)) {
        fields.refuse(&ENTRY.frame, "means nothing to a PFC frame, which has no IP header");
        fields.refuse(
            &ENTRY.priority,
            "means nothing to a PFC frame, which waits in no class; `classes` says what it pauses",
        );
    }
    if let Kind::EcnProbe(probe) = &mut read {
        kinds::probe_frame(&fields, probe, &frame);
    }
    let transport = if known {
        transport::of_entry(&fields, wide.transport, &read, &frame)
    } else {
        Transport::Open
    };
    let entry = Entry {
        name: name(&fields, &read, index, earlier),
        start: start(&fields, earlier),
        duration: fields.get(&ENTRY.duration),
        frame,
        priority: fields.get(&ENTRY.priority),
        transport,
        kind: read,
    };
    if known
        && endless(&entry.kind)
        && !fields.has(&ENTRY.duration)
        && !wide.bounded
        && !bad_count(&fields, &entry.kind)
    {
        fields.missing("an end: a `duration`, of its own or of the pattern, or a count");
    }
    Placed {
        place: fields.place(),
        known,
        entry,
    }
}

/// What stands for a kind that could not be read; it is reported already.
fn placeholder() -> Kind {
    Kind::Pfc(super::Pfc {
        from: 0,
        pause: true,
        classes: 0,
        quanta: 0,
        interval: Picos::from_micros(1),
        count: Some(1),
    })
}

/// Whether the entry never ends by itself.
fn endless(kind: &Kind) -> bool {
    match kind {
        Kind::Transfer(transfer) => transfer.count.is_none(),
        Kind::AllToAll(alltoall) => alltoall.iterations.is_none(),
        Kind::Pfc(pfc) => pfc.count.is_none(),
        Kind::Background(_) => true,
        Kind::Incast(_) | Kind::Burst(_) | Kind::EcnProbe(_) => false,
    }
}

/// Whether the key that could have ended it is there and wrong, which is reported already.
fn bad_count(fields: &Fields<'_>, kind: &Kind) -> bool {
    let key: &dyn Declared = match kind {
        Kind::Transfer(_) => &keys::TRANSFER.count,
        Kind::Pfc(_) => &keys::PFC.count,
        Kind::AllToAll(_) => &keys::ALLTOALL.iterations,
        Kind::Background(_) | Kind::Incast(_) | Kind::Burst(_) | Kind::EcnProbe(_) => return false,
    };
    fields.has(key) && fields.node(key).and_then(Node::text) != Some("unlimited")
}

fn name(fields: &Fields<'_>, kind: &Kind, index: usize, earlier: &[Placed]) -> String {
    let name = fields
        .get(&ENTRY.name)
        .unwrap_or_else(|| format!("{}-{index}", kind.name()));
    if let Some(first) = earlier.iter().find(|placed| placed.entry.name == name) {
        let mut what = format!("two entries are named `{name}`");
        if let Place::Text { line, column } = first.place {
            what += &format!(", the first at {line}:{column}");
        }
        fields.wrong(&ENTRY.name, what);
    }
    name
}

fn start(fields: &Fields<'_>, earlier: &[Placed]) -> Start {
    fields.exclude(&ENTRY.start, &ENTRY.after);
    let at = fields.get(&ENTRY.start);
    let delay = fields.get(&ENTRY.delay);
    if !fields.has(&ENTRY.after) {
        fields.refuse(
            &ENTRY.delay,
            "goes with `after` only; `start` is a time from the start of the run",
        );
        return Start::At(at);
    }
    let named = |text: &str| earlier.iter().position(|placed| placed.entry.name == text);
    let near =
        |text: &str| near::nearest(text, earlier.iter().map(|placed| placed.entry.name.as_str())).map(str::to_owned);
    let after = fields.node(&ENTRY.after).map(|node| fields.at(&ENTRY.after, node));
    let Some(entry) = after.and_then(|at| at.parse(named, near)) else {
        return Start::At(at);
    };
    if let Some(before) = earlier.get(entry)
        && endless(&before.entry.kind)
        && before.entry.duration.is_none()
        && before.known
    {
        let what = format!(
            "`{}` has no end before the pattern's, so nothing can come after it; give it a `duration` or a count",
            before.entry.name
        );
        fields.wrong(&ENTRY.after, what);
    }
    Start::After { entry, delay }
}

/// What must hold between entries: QPNs are 24 bits (IBTA Vol 1, 9.2.1), 0 and 1 reserved, and a
/// destination QPN names one QP of the whole pattern.
fn between(reader: &Reader, placed: &[Placed]) {
    let all: u64 = placed.iter().map(|placed| queue_pairs(&placed.entry.kind)).sum();
    let limit = u64::from(Qpn::MAX) - 1;
    if all > limit {
        let place = placed
            .iter()
            .max_by_key(|placed| queue_pairs(&placed.entry.kind))
            .map_or(Place::START, |placed| placed.place);
        let what = format!("the pattern needs {all} QPs, but a QPN has 24 bits");
        reader.report(Finding::new(place, what).allowed(format!("{limit} QPs in all")));
        return;
    }
    let mut ranges: Vec<(u64, u64, &Placed)> = Vec::new();
    for entry in placed {
        let Some(first) = entry.entry.frame.first_qpn else {
            continue;
        };
        let (first, count) = (u64::from(first.value()), queue_pairs(&entry.entry.kind));
        let end = first + count;
        if end > u64::from(Qpn::MAX) + 1 {
            let what = format!("{count} QPs from `first_qpn` {first} on go beyond the largest QPN");
            let allowed = format!("2 to {}", u64::from(Qpn::MAX) + 1 - count);
            reader.report(Finding::new(entry.place, what).allowed(allowed));
        }
        if let Some((.., other)) = ranges.iter().find(|(low, high, _)| first < *high && *low < end) {
            let what = format!(
                "entries `{}` and `{}` share QPNs: their `first_qpn` are {first} and {}, and the latter has {} QPs",
                entry.entry.name,
                other.entry.name,
                other.entry.frame.first_qpn.map_or(0, Qpn::value),
                queue_pairs(&other.entry.kind)
            );
            reader.report(Finding::new(entry.place, what));
        }
        ranges.push((first, end, entry));
    }
}

/// QPs of an entry, at most.
fn queue_pairs(kind: &Kind) -> u64 {
    let len = |workers: &super::Workers| u64::try_from(workers.0.len()).unwrap_or(u64::MAX);
    match kind {
        Kind::Transfer(transfer) => u64::from(transfer.pairs) * u64::from(transfer.messages.qps),
        Kind::Incast(incast) => len(&incast.senders) * u64::from(incast.messages.qps),
        Kind::Burst(burst) => u64::from(burst.transfers) * u64::from(burst.messages.qps),
        Kind::AllToAll(alltoall) => {
            let ranks = len(&alltoall.ranks);
            ranks * ranks.saturating_sub(u64::from(alltoall.ranks_per_node)) * u64::from(alltoall.qps)
        }
        Kind::Background(background) => len(&background.from) * u64::from(background.messages.qps),
        Kind::Pfc(_) => 0,
        Kind::EcnProbe(probe) => len(&probe.senders),
    }
}
