//! What is left of a pattern when a run of it was cut short and goes on.
//!
//! Contract: an entry that was under way goes on at once, one that was yet to begin does so at its time,
//! and one that was over by its duration sends nothing more. An entry that ends by a count is sent again
//! from its first message, because nobody knows how far it had come.

use crate::pattern::{Pattern, Start};
use crate::units::Picos;

/// `pattern` without the first `done` of its time. For a pattern with a duration above that.
pub(super) fn rest(pattern: &Pattern, done: Picos) -> Pattern {
    let mut rest = pattern.clone();
    let left = rest.duration.map(|duration| duration.saturating_sub(done));
    rest.duration = left;
    for entry in &mut rest.traffic {
        let Start::At(start) = entry.start else { continue };
        entry.start = Start::At(start.saturating_sub(done));
        let gone = done.saturating_sub(start);
        if let Some(duration) = entry.duration.filter(|_| gone > Picos::ZERO) {
            if duration > gone {
                entry.duration = Some(duration.saturating_sub(gone));
            } else {
                // No message begins after the pattern's duration.
                entry.start = Start::At(left.unwrap_or(Picos::ZERO).saturating_add(Picos(1)));
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern;

    #[test]
    fn what_was_under_way_goes_on_and_what_was_over_stays_over() {
        let text = "
duration: 100ms
traffic:
  - {name: under-way, kind: background, from: 0-1, to: 2-3, load: 10%, message: 64KiB}
  - {name: over, kind: transfer, from: 0, to: 1, message: 64KiB, rate: 10%, duration: 30ms}
  - {name: yet-to-come, kind: transfer, from: 0, to: 1, message: 64KiB, rate: 10%, start: 60ms, duration: 20ms}
  - {name: half-done, kind: transfer, from: 0, to: 1, message: 64KiB, rate: 10%, start: 10ms, duration: 50ms}
";
        let loaded = pattern::parse("text", text, &[]).unwrap();
        let rest = rest(&loaded, Picos::from_micros(40_000));
        assert_eq!(rest.duration, Some(Picos::from_micros(60_000)));
        let at = |millis: u64| Start::At(Picos::from_micros(millis * 1000));
        let of = |name: &str| {
            let entry = rest.traffic.iter().find(|entry| entry.name == name).unwrap();
            (entry.start, entry.duration)
        };
        assert_eq!(of("under-way"), (at(0), None));
        assert_eq!(of("over").0, Start::At(Picos(60_000_000_001)));
        assert_eq!(of("yet-to-come"), (at(20), Some(Picos::from_micros(20_000))));
        assert_eq!(of("half-done"), (at(0), Some(Picos::from_micros(20_000))));
    }
}
