//! Near misses: what was probably meant.
//!
//! Contract: a suggestion is one of the candidates, or nothing when none is close.

/// The candidate that `text` is probably a slip of: nearest by Damerau-Levenshtein distance, case
/// and `-`/`_` disregarded, at most a third of its length away (and at most three), or the only one
/// that `text` begins.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(text);
    // Distances are quadratic in length; no key is half as long as this.
    if folded.is_empty() || folded.len() > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    let mut begun = Vec::new();
    for candidate in candidates {
        let other = fold(candidate);
        let distance = strsim::damerau_levenshtein(&folded, &other);
        let limit = (folded.len().max(other.len()) / 3).clamp(1, 3);
        // One edit of a two-letter word makes any other two-letter word.
        if distance <= limit && distance < other.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if folded.len() >= 3 && other.starts_with(&folded) {
            begun.push(candidate);
        }
    }
    match (best, begun.as_slice()) {
        (Some((_, candidate)), _) => Some(candidate),
        (None, [only]) => Some(only),
        _ => None,
    }
}

fn fold(text: &str) -> String {
    let kept = text.chars().filter(|c| !matches!(c, '-' | '_' | ' ' | '(' | ')'));
    kept.flat_map(char::to_lowercase).collect()
}

/// `text`, a number with a mistyped unit, with the unit that was probably meant: the only one of
/// `units` that differs in nothing but case, else the nearest.
#[must_use]
pub fn unit(text: &str, units: &[&str]) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_')))?;
    let (number, typed) = text.split_at(end);
    let typed = typed.trim();
    if number.is_empty() || typed.is_empty() || units.contains(&typed) {
        return None;
    }
    let same: Vec<_> = units.iter().filter(|unit| unit.eq_ignore_ascii_case(typed)).collect();
    let unit = match same.as_slice() {
        [only] => **only,
        [] => nearest(typed, units.iter().copied())?,
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["message", "kv_cache", "qps", "interval", "iterations"];

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        for (typed, meant) in [
            ("mesage", Some("message")),
            ("kv-cache", Some("kv_cache")),
            ("KVCache", Some("kv_cache")),
            ("qp", Some("qps")),
            ("iter", Some("iterations")),
            ("int", Some("interval")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, KEYS), meant, "{typed}");
        }
        assert_eq!(nearest(&"message".repeat(1000), KEYS), None);
    }

    #[test]
    fn units_are_mended_without_guessing_between_two() {
        let rates = ["bps", "kbps", "Mbps", "Gbps", "Tbps"];
        assert_eq!(unit("400gbps", &rates).as_deref(), Some("400Gbps"));
        assert_eq!(unit("400GBps", &rates).as_deref(), Some("400Gbps"));
        assert_eq!(unit("400", &rates), None);
        assert_eq!(unit("16mib", &["B", "MB", "MiB"]).as_deref(), Some("16MiB"));
        assert_eq!(unit("1kb", &["KB", "kB"]), None);
    }
}
