//! Values that several kinds share: workers, rates, precisions, times, message shapes.
//!
//! Contract: as in `yaml::read`: `None` for a value that is absent or was recorded as wrong.

use std::fmt;

use super::draft::KvConfig;
use super::keys::{KV, KV_CACHE, MESSAGE, QPS, SPLIT, VERB};
use super::{Messages, Rate, Verb, Workers, split};
use crate::units::{BitRate, Bytes, Picos, Share};
use crate::yaml::form::{Int, Unit};
use crate::yaml::key::Form;
use crate::yaml::read::{At, Fields, MapOr, parse_int};
use crate::yaml::{Numbers, near};

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

/// How many pairs or transfers there may be.
pub const PAIRS: Int = Int(1, 65_536);

/// How many messages a count may name.
pub const COUNT: Int = Int(1, 1_000_000_000_000);

/// How many rounds there may be.
pub const ROUNDS: Int = Int(1, 1_000_000_000);

/// The message of background traffic.
pub const SMALL_MESSAGE: Bytes = Bytes(64 << 10);

/// A worker set.
pub struct WorkerSet;

impl Form<Workers> for WorkerSet {
    fn allowed(&self) -> String {
        Form::<Vec<u32>>::allowed(&Numbers(MAX_WORKER, "worker numbers"))
    }
    fn read(&self, at: At<'_, '_>) -> Option<Workers> {
        Numbers(MAX_WORKER, "worker numbers").read(at).map(Workers)
    }
}

/// A number of workers, which are the first ones, or a worker set; of this many at least.
pub struct FirstWorkers(pub u32);

impl Form<Workers> for FirstWorkers {
    fn allowed(&self) -> String {
        let least = self.0;
        let set = if least > 1 {
            format!(" of {least} or more")
        } else {
            String::new()
        };
        format!(
            "a number of workers {least} to {} (`8` is workers 0 to 7) or a set{set} (`[8]`, `0-7`)",
            MAX_WORKER + 1
        )
    }
    fn read(&self, at: At<'_, '_>) -> Option<Workers> {
        let set = match at.node.text().and_then(parse_int) {
            Some(number) => {
                let Some(number) = u32::try_from(number).ok().filter(|number| *number <= MAX_WORKER + 1) else {
                    at.bad(&format!("`{number}`"), None);
                    return None;
                };
                Workers((0..number).collect())
            }
            None => WorkerSet.read(at)?,
        };
        if u32::try_from(set.0.len()).is_ok_and(|len| len < self.0) {
            at.bad(&format!("{} workers", set.0.len()), None);
            return None;
        }
        Some(set)
    }
}

/// The first worker that is not in `taken`.
pub fn first_free(taken: &Workers) -> u32 {
    let mut sorted = taken.0.clone();
    sorted.sort_unstable();
    let taken = sorted.iter().zip(0..).take_while(|(worker, index)| **worker == *index);
    u32::try_from(taken.count()).unwrap_or(u32::MAX)
}

/// A rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateIn {
    /// In any form.
    Any,
    /// As a share or a bit rate: a load.
    Load,
}

impl Form<Rate> for RateIn {
    fn allowed(&self) -> String {
        let load = "a share of line rate (`50%`)";
        let bits = "a bit rate (`100Gbps`)";
        match self {
            RateIn::Any => format!("`max`, {load}, {bits} or messages per second (`1000/s`)"),
            RateIn::Load => format!("{load} or {bits}"),
        }
    }
    fn read(&self, at: At<'_, '_>) -> Option<Rate> {
        let is_load = *self == RateIn::Load;
        let parse = |text: &str| {
            let rate = if text == "max" {
                Rate::Max
            } else if text.ends_with('%') {
                let share: Share = text.parse().ok()?;
                // Nothing is faster than the line, and nothing at all is no traffic; but as a load it is the
                // first of a series.
                let least = |share: &Share| share.0 > 0.0 || (is_load && share.0 == 0.0);
                Rate::Share(Some(share).filter(|share| least(share) && share.0 <= 1.0)?)
            } else if let Ok(bits) = text.parse::<BitRate>() {
                Rate::Bits(bits)
            } else {
                Rate::Messages(per_second(text, 1e12)?)
            };
            (!is_load || matches!(rate, Rate::Share(_) | Rate::Bits(_))).then_some(rate)
        };
        at.parse(parse, near_rate)
    }
    fn show(&self, rate: &Rate) -> String {
        match rate {
            Rate::Max => "max".to_owned(),
            Rate::Share(share) => share.to_string(),
            Rate::Bits(bits) => bits.to_string(),
            Rate::Messages(number) => format!("{number}/s"),
        }
    }
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
pub struct Precision;

const FORMATS: [(&str, u64); 5] = [("bf16", 2), ("fp16", 2), ("fp8", 1), ("int8", 1), ("fp32", 4)];

impl<T: TryFrom<u64> + PartialEq + fmt::Display> Form<T> for Precision {
    fn allowed(&self) -> String {
        let names = FORMATS.map(|(name, _)| name);
        format!("{}, or bytes: 1, 2, 4", names.join(", "))
    }
    fn read(&self, at: At<'_, '_>) -> Option<T> {
        let parse = |text: &str| {
            let lower = text.to_ascii_lowercase();
            let named = FORMATS.iter().find(|(name, _)| *name == lower).map(|(_, bytes)| *bytes);
            let bytes = named.or_else(|| parse_int(text).filter(|bytes| matches!(bytes, 1 | 2 | 4)))?;
            T::try_from(bytes).ok()
        };
        at.parse(parse, |text| {
            near::nearest(text, FORMATS.map(|(name, _)| name)).map(str::to_owned)
        })
    }
    fn show(&self, bytes: &T) -> String {
        bytes.to_string()
    }
}

/// `verb`, `message`, `kv_cache` and `qps`; at least one of the sizes is needed.
pub fn messages(fields: &Fields<'_>) -> Messages {
    let message = fields.get(&MESSAGE);
    let cache = kv_cache(fields);
    if !fields.has(&MESSAGE) && !fields.has(&KV_CACHE) {
        fields.missing("`message` or `kv_cache`: how much is transferred at a time");
    }
    let verb = fields.get(&VERB);
    if message == Some(Bytes(0)) && fields.has(&KV_CACHE) {
        fields.wrong(&MESSAGE, "a KV cache cannot be cut into messages of 0 bytes");
    } else {
        empty(fields, message, verb);
    }
    let (size, transfer_bytes) = match (message.filter(|size| cache.is_none() || size.0 > 0), cache) {
        (Some(piece), Some(cache)) if cache > piece => (piece, Some(cache)),
        (_, Some(cache)) => {
            if cache > MAX_MESSAGE && !fields.has(&MESSAGE) {
                fields.wrong(
                    &KV_CACHE,
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
        qps: fields.get(&QPS),
        split: fields.get(&SPLIT),
    };
    split::check(fields, &messages);
    messages
}

/// A message of 0 bytes is a signal and nothing else; as a SEND it is shorter than Ethernet's shortest frame.
pub fn empty(fields: &Fields<'_>, size: Option<Bytes>, verb: Verb) {
    if size == Some(Bytes(0)) && verb == Verb::Send {
        fields.wrong(
            &MESSAGE,
            "a `send` of 0 bytes is shorter than Ethernet's shortest frame; use `put-with-signal`, `put` or \
             `send-with-immediate`",
        );
    }
}

/// `kv_cache` in bytes.
fn kv_cache(fields: &Fields<'_>) -> Option<Bytes> {
    let (config, context) = match fields.map_or(&KV_CACHE)? {
        MapOr::Map(map) => kv_map(&map)?,
        MapOr::Value(config) => (config, KV.context.default),
    };
    let bytes = config.bytes(context).filter(|bytes| u128::from(*bytes) <= MAX_TOTAL);
    if bytes.is_none() {
        fields.wrong(&KV_CACHE, "`kv_cache` is larger than 2^60 bytes");
    }
    bytes.map(Bytes)
}

fn kv_map(fields: &Fields<'_>) -> Option<(KvConfig, u64)> {
    let context = fields.get(&KV.context);
    let shape = [&KV.layers, &KV.kv_heads, &KV.head_dim];
    if fields.has(&KV.config) {
        let why = "is given by `config` already; leave one out";
        shape.iter().for_each(|key| fields.refuse(*key, why));
        fields.refuse(&KV.precision, why);
        return Some((fields.get(&KV.config)?, context));
    }
    shape.iter().for_each(|key| fields.require(*key));
    let [layers, kv_heads, head_dim] = shape.map(|key| fields.get(key));
    let precision = fields.get(&KV.precision);
    let config = KvConfig {
        layers: layers?,
        kv_heads: kv_heads?,
        head_dim: head_dim?,
        precision,
    };
    Some((config, context))
}
