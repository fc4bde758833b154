//! Messages that are cut over all QPs of their pair (`split: qps`).
//!
//! Contract: pure arithmetic, as NCCL's `net_ib` transport has it with `NCCL_IB_SPLIT_DATA_ON_QPS=1`: parts are equal, rounded
//! up to [`ALIGNMENT`], so that the last ones may be shorter or empty.
//!
//! Left out on purpose: which QP sends when (see `transport::lane`).

use super::keys::{QPS, SPLIT};
use super::{Messages, Verb};
use crate::yaml::read::Fields;

/// Parts are multiples of so many bytes, but for the last one that has any.
pub const ALIGNMENT: u64 = 128;

/// Words for `split`.
pub(super) const WORDS: &[(&str, bool)] = &[("none", false), ("qps", true)];

/// Bytes of a part that is not the last of a message of `len` bytes.
const fn each(len: u64, parts: u64) -> u64 {
    len.div_ceil(parts).next_multiple_of(ALIGNMENT)
}

/// Where part `index` of a message of `len` bytes begins, and how long it is, when there are so many `parts`.
#[must_use]
pub const fn part(len: u64, parts: u64, index: u64) -> (u64, u64) {
    if parts <= 1 {
        return (0, len);
    }
    let each = each(len, parts);
    let from = each.saturating_mul(index);
    let from = if from < len { from } else { len };
    let rest = len - from;
    (from, if each < rest { each } else { rest })
}

/// The same parts as how many there are of which length: full ones, at most one shorter, empty ones.
#[must_use]
pub const fn lengths(len: u64, parts: u64) -> [(u64, u64); 3] {
    if parts <= 1 {
        return [(1, len), (0, 0), (0, 0)];
    }
    let each = each(len, parts);
    let full = match len.checked_div(each) {
        Some(full) => full,
        None => 0,
    };
    let rest = len - full * each;
    let shorter = if rest > 0 { 1 } else { 0 };
    [(full, each), (shorter, rest), (parts - full - shorter, 0)]
}

/// What does not go together with `split: qps` in an entry whose messages are known.
pub fn check(fields: &Fields<'_>, messages: &Messages) {
    if !messages.split {
        return;
    }
    // Whoever names one QP, as a sweep over `qps` does, may have it.
    if messages.qps == 1 && !fields.has(&QPS) {
        fields.wrong(&SPLIT, "`split: qps` cuts nothing with one QP; say with `qps` how many");
    }
    // A KV cache ends in a message of what remains.
    let last = messages
        .transfer_bytes
        .map(|total| total.0.saturating_sub(1) % messages.size.0.max(1) + 1);
    let lens = [Some(messages.size.0), last].into_iter().flatten();
    if let (Verb::Send, Some(len)) = (
        messages.verb,
        lens.filter(|len| *len > 0).find(|len| has_empty(*len, messages.qps)),
    ) {
        fields.wrong(
            &SPLIT,
            format!(
                "a message of {len} bytes has nothing for the last of {} QPs, and a `send` of 0 bytes is shorter than \
                 Ethernet's shortest frame; use `put-with-signal`, `put` or `send-with-immediate`, fewer `qps`, or a \
                 larger `message`",
                messages.qps
            ),
        );
    }
}

/// Whether nothing is left of a message of `len` bytes for the last of so many QPs.
#[must_use]
pub const fn has_empty(len: u64, qps: u32) -> bool {
    part(len, qps as u64, (qps as u64).saturating_sub(1)).1 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts written out from the rule: ceil(len / parts), up to the next multiple of 128, as long as there is something left.
    #[test]
    fn parts_are_equal_multiples_of_128_and_the_last_take_what_is_left() {
        for (len, parts, want) in [
            (1_048_576, 4, vec![262_144; 4]),
            (100_000, 4, vec![25_088, 25_088, 25_088, 24_736]),
            (300, 4, vec![128, 128, 44, 0]),
            (1, 3, vec![1, 0, 0]),
            (0, 2, vec![0, 0]),
            (384, 3, vec![128, 128, 128]),
            (1000, 1, vec![1000]),
            // 7 × 128 < 1000: the eighth has 104 bytes.
            (1000, 8, vec![128, 128, 128, 128, 128, 128, 128, 104]),
        ] {
            let found: Vec<u64> = (0..parts).map(|index| part(len, parts, index).1).collect();
            assert_eq!(found, want, "{len} over {parts}");
            let starts: Vec<u64> = (0..parts).map(|index| part(len, parts, index).0).collect();
            let before: Vec<u64> = (0..want.len()).map(|index| want[..index].iter().sum()).collect();
            assert_eq!(starts, before, "{len} over {parts}");
        }
    }

    #[test]
    fn lengths_count_the_parts() {
        for len in (0..2000).chain([65_536, 1 << 31, (1 << 31) - 1]) {
            for parts in [1, 2, 3, 4, 7, 8, 24, 100] {
                let mut one_by_one = std::collections::BTreeMap::<u64, u64>::new();
                for index in 0..parts {
                    *one_by_one.entry(part(len, parts, index).1).or_default() += 1;
                }
                let mut counted = std::collections::BTreeMap::<u64, u64>::new();
                for (count, len) in lengths(len, parts).into_iter().filter(|(count, _)| *count > 0) {
                    *counted.entry(len).or_default() += count;
                }
                assert_eq!(one_by_one, counted, "{len} over {parts}");
            }
        }
    }
}
