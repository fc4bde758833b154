//! Values that several kinds share: workers, rates, precisions, times, message shapes.
//!
//! Contract: as in `yaml::read`: `None` for a value that is absent or was recorded as wrong.

use super::draft::{KV_CONFIGS, KvConfig};
use super::{Messages, Rate, Verb, Workers, keys, split};
use crate::units::{BitRate, Bytes, Picos, Share};
use crate::yaml::read::{Fields, Unit, parse_int};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{near, numbers};

/// Largest worker number: the default IPv4 prefix holds 131,070 hosts.
pub const MAX_WORKER: u32 = 65_535;

/// Longest time that a pattern may name, 30 days; sums of a few of them stay in 64 bits.
pub const MAX_TIME: Picos = Picos(720 * 3_600 * crate::units::PICOS_PER_SECOND);

/// Largest message: the DMA length of a RETH reaches 2^31 (IBTA Vol 1, 9.7.3).
pub const MAX_MESSAGE: Bytes = Bytes(1 << 31);

/// Most QPs of a pair of workers.
pub const MAX_QPS: u64 = 1 << 20;

/// Largest bytes of an entry or of a KV cache, 2^60: a month at 3 Tbps, and far from overflow.
pub const MAX_TOTAL: u128 = 1 << 60;

/// A time of at most [`MAX_TIME`].
pub fn time(fields: &Fields<'_>, key: &str) -> Option<Picos> {
    fields.unit(key, |time: &Picos| *time <= MAX_TIME)
}

/// A time above zero.
pub fn time_above_zero(fields: &Fields<'_>, key: &str) -> Option<Picos> {
    let time = time(fields, key)?;
    if time == Picos::ZERO {
        fields.bad(key, fields.place_of(key), "zero", None);
        return None;
    }
    Some(time)
}

/// A number within `1..=max` or `unlimited`, which is the inner `None`.
pub fn count(fields: &Fields<'_>, key: &str, max: u64) -> Option<Option<u64>> {
    let parse = |text: &str| match text {
        "unlimited" => Some(None),
        _ => parse_int(text).filter(|count| (1..=max).contains(count)).map(Some),
    };
    fields.parse(key, parse, |text| near::nearest(text, ["unlimited"]).map(str::to_owned))
}

/// A worker set.
pub fn workers(fields: &Fields<'_>, key: &str) -> Option<Workers> {
    numbers(fields, key, MAX_WORKER).map(Workers)
}

/// A number of workers `least..=65536`, which are the first ones, or a worker set of `least` or more.
pub fn first_workers_or_set(fields: &Fields<'_>, key: &str, least: u32) -> Option<Workers> {
    let number = fields.get(key)?.text().and_then(parse_int);
    let set = match number {
        Some(number) => {
            let Some(number) = u32::try_from(number).ok().filter(|number| *number <= MAX_WORKER + 1) else {
                fields.bad(key, fields.place_of(key), &format!("`{number}`"), None);
                return None;
            };
            Workers((0..number).collect())
        }
        None => workers(fields, key)?,
    };
    if u32::try_from(set.0.len()).is_ok_and(|len| len < least) {
        fields.bad(key, fields.place_of(key), &format!("{} workers", set.0.len()), None);
        return None;
    }
    Some(set)
}

/// The first worker that is not in `taken`.
pub fn first_free(taken: &Workers) -> u32 {
    let mut sorted = taken.0.clone();
    sorted.sort_unstable();
    let taken = sorted.iter().zip(0..).take_while(|(worker, index)| **worker == *index);
    u32::try_from(taken.count()).unwrap_or(u32::MAX)
}

/// Which forms of a rate a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateForms {
    /// All of them.
    Any,
    /// A share or a bit rate: a load.
    Load,
}

/// A rate.
pub fn rate(fields: &Fields<'_>, key: &str, forms: RateForms) -> Option<Rate> {
    let parse = |text: &str| {
        let rate = if text == "max" {
            Rate::Max
        } else if text.ends_with('%') {
            let share: Share = text.parse().ok()?;
            // Nothing is faster than the line, and nothing at all is no traffic; but as a load it is the
            // first of a series.
            let least = |share: &Share| share.0 > 0.0 || (forms == RateForms::Load && share.0 == 0.0);
            Rate::Share(Some(share).filter(|share| least(share) && share.0 <= 1.0)?)
        } else if let Ok(bits) = text.parse::<BitRate>() {
            Rate::Bits(bits)
        } else {
            Rate::Messages(per_second(text, 1e12)?)
        };
        let fits = forms == RateForms::Any || matches!(rate, Rate::Share(_) | Rate::Bits(_));
        fits.then_some(rate)
    };
    fields.parse(key, parse, near_rate)
}

/// `0.5` was meant as a share; `10gbps` as `10Gbps`.
fn near_rate(text: &str) -> Option<String> {
    match text.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Some(format!("{}%", share * 100.0)),
        _ => near::unit(text, BitRate::UNITS),
    }
}

/// `1000/s` as a number of at least one in 30 days, at most `max`.
pub fn per_second(text: &str, max: f64) -> Option<f64> {
    let number: f64 = text.strip_suffix("/s")?.trim().replace('_', "").parse().ok()?;
    // A period of more than [`MAX_TIME`] is none that a run could keep.
    (number * 86_400.0 * 30.0 >= 1.0 && number <= max).then_some(number)
}

/// Bytes of an element, by the format's name or as a number.
pub fn precision<T: TryFrom<u64>>(fields: &Fields<'_>, key: &str) -> Option<T> {
    const FORMATS: [(&str, u64); 5] = [("bf16", 2), ("fp16", 2), ("fp8", 1), ("int8", 1), ("fp32", 4)];
    let parse = |text: &str| {
        let lower = text.to_ascii_lowercase();
        let named = FORMATS.iter().find(|(name, _)| *name == lower).map(|(_, bytes)| *bytes);
        let bytes = named.or_else(|| parse_int(text).filter(|bytes| matches!(bytes, 1 | 2 | 4)))?;
        T::try_from(bytes).ok()
    };
    fields.parse(key, parse, |text| {
        near::nearest(text, FORMATS.iter().map(|(name, _)| *name)).map(str::to_owned)
    })
}

/// `verb`.
pub fn verb(fields: &Fields<'_>, default: Verb) -> Verb {
    let words = [
        ("put", Verb::Put),
        ("put-with-signal", Verb::PutWithSignal),
        ("send", Verb::Send),
        ("send-with-immediate", Verb::SendWithImmediate),
    ];
    fields.word("verb", &words).unwrap_or(default)
}

/// `verb`, `message`, `kv_cache` and `qps`; at least one of the sizes is needed.
pub fn messages(fields: &Fields<'_>) -> Messages {
    let message = message(fields);
    let cache = if fields.has("kv_cache") { kv_cache(fields) } else { None };
    if !fields.has("message") && !fields.has("kv_cache") {
        fields.missing("`message` or `kv_cache`: how much is transferred at a time");
    }
    let verb = verb(fields, Verb::PutWithSignal);
    if message == Some(Bytes(0)) && fields.has("kv_cache") {
        fields.wrong("message", "a KV cache cannot be cut into messages of 0 bytes");
    } else {
        empty(fields, message, verb);
    }
    let (size, transfer_bytes) = match (message.filter(|size| cache.is_none() || size.0 > 0), cache) {
        (Some(piece), Some(cache)) if cache > piece => (piece, Some(cache)),
        (_, Some(cache)) => {
            if cache > MAX_MESSAGE && !fields.has("message") {
                fields.wrong(
                    "kv_cache",
                    format!(
                        "`kv_cache` is {} bytes, more than one message can be; say with `message` into what pieces it is cut",
                        cache.0
                    ),
                );
            }
            (cache, None)
        }
        (Some(message), None) => (message, None),
        (None, None) => (Bytes(1), None),
    };
    over_qps(fields, verb, size, transfer_bytes)
}

/// `qps` and `split`, with messages of that shape.
pub fn over_qps(fields: &Fields<'_>, verb: Verb, size: Bytes, transfer_bytes: Option<Bytes>) -> Messages {
    let messages = Messages {
        verb,
        size,
        transfer_bytes,
        qps: fields.int("qps", 1..=MAX_QPS).unwrap_or(1),
        split: split::word(fields),
    };
    split::check(fields, &messages);
    messages
}

/// `message`.
pub fn message(fields: &Fields<'_>) -> Option<Bytes> {
    fields.unit("message", |size: &Bytes| *size <= MAX_MESSAGE)
}

/// A message of 0 bytes is a signal and nothing else; as a SEND it is shorter than Ethernet's shortest frame.
pub fn empty(fields: &Fields<'_>, size: Option<Bytes>, verb: Verb) {
    if size == Some(Bytes(0)) && verb == Verb::Send {
        fields.wrong(
            "message",
            "a `send` of 0 bytes is shorter than Ethernet's shortest frame; use `put-with-signal`, `put` or \
             `send-with-immediate`",
        );
    }
}

/// `kv_cache` in bytes.
fn kv_cache(fields: &Fields<'_>) -> Option<Bytes> {
    let node = fields.get("kv_cache")?;
    let names = || KV_CONFIGS.iter().map(|(name, _)| *name);
    let (config, context) = match &node.value {
        Value::Map(_) => kv_map(fields, node)?,
        _ => {
            let find = |text: &str| {
                KV_CONFIGS
                    .iter()
                    .find(|(name, _)| *name == text)
                    .map(|(_, config)| *config)
            };
            let near = |text: &str| near::nearest(text, names()).map(str::to_owned);
            (fields.parse("kv_cache", find, near)?, 4096)
        }
    };
    let bytes = config.bytes(context).filter(|bytes| u128::from(*bytes) <= MAX_TOTAL);
    if bytes.is_none() {
        fields.wrong("kv_cache", "`kv_cache` is larger than 2^60 bytes");
    }
    bytes.map(Bytes)
}

fn kv_map(outer: &Fields<'_>, node: &Node) -> Option<(KvConfig, u64)> {
    let fields = outer.reader().fields(node, "`kv_cache`", &[&keys::KV]);
    let context = fields.int("context", 1..=1 << 30);
    let context = if fields.has("context") { context? } else { 4096 };
    if fields.has("config") {
        for key in ["layers", "kv_heads", "head_dim", "precision"] {
            fields.refuse(key, "is given by `config` already; leave one out");
        }
        let config = fields.word("config", &KV_CONFIGS)?;
        return Some((config, context));
    }
    for key in ["layers", "kv_heads", "head_dim"] {
        fields.require(key);
    }
    let layers = fields.int("layers", 1..=10_000);
    let kv_heads = fields.int("kv_heads", 1..=65_536);
    let head_dim = fields.int("head_dim", 1..=65_536);
    let precision = precision(&fields, "precision");
    let config = KvConfig {
        layers: layers?,
        kv_heads: kv_heads?,
        head_dim: head_dim?,
        precision: if fields.has("precision") { precision? } else { 2 },
    };
    Some((config, context))
}
