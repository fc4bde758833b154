//! A marker that is a token bucket: how fast it fills, and what a full one lets pass unmarked.
//!
//! Contract: RFC 2697 without an excess burst, as a switch's marking meter has it. The bucket gains
//! CIR bytes a second up to CBS; a frame that finds its own bytes in it takes them out and passes
//! unmarked, one that does not is marked and takes nothing. Bytes are those of IP packets (RFC 2697,
//! section 2). For a rate that is supposed, the *need* of a frame follows from what passed unmarked
//! before it: what was taken out and has not come back, and its own bytes. Unmarked frames need CBS or
//! less, marked ones more; the rates under which both hold, and the sizes that they leave, are the
//! answer. The bucket is taken to be full when the first frame comes.
//!
//! Read only where the testbed says that the switch has a meter: marks that go by depth would be
//! misread. Left out on purpose: frames after the first loss. Whether a frame that was lost was marked
//! before, nobody saw.

use super::ecn::Verdict;
use super::queue::{Queue, departure};
use super::{Estimate, Evidence, Facts};
use crate::testbed::Meter;
use crate::units::{BitRate, Picos};

/// Ethernet header: no part of an IP packet.
const ETHERNET: u64 = 14;

/// One 802.1Q tag.
const TAG: u64 = 4;

/// Halvings of the range of rates: a bit a second of any link's.
const HALVINGS: u32 = 42;

/// Frames that are looked at: the first.
const FRAMES: usize = 1 << 16;

/// Sizes of the bucket that are tried for a configuration.
const SIZES: usize = 64;

/// Thresholds within this share of the configured ones are those: software stamps are late by more
/// than a NIC's.
const TOLERANCE: f64 = 0.05;

/// Bytes a picosecond of one bit a second.
const BYTES_A_PICOSECOND: f64 = 1.0 / 8.0e12;

/// What was read of one queue's meter.
#[derive(Debug, Clone, PartialEq)]
pub struct Metered {
    /// ECN-capable frames that it rests on: those before the first loss.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
    /// Frames left out, because others had been lost before.
    pub after_loss: u64,
    /// Committed burst size, bytes of IP packets.
    pub cbs: Option<Estimate>,
    /// Committed information rate, bits of IP packets a second.
    pub cir: Option<Estimate>,
    /// Why there are none.
    pub why_not: Option<String>,
    /// Whether they are the configured ones.
    pub verdict: Verdict,
    /// In words.
    pub explanation: String,
}

/// One frame: when it came to the meter, its bytes, whether it was marked.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    time: i64,
    bytes: f64,
    marked: bool,
}

/// What a rate leaves to the size of the bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    /// The greatest need of a frame that passes unmarked by it.
    low: f64,
    /// The least of one that is marked.
    high: f64,
    /// Frames whose marks contradict it.
    errors: usize,
}

/// Reads the meter of `queue`, whose first frame was lost at `onset`; `None` when the testbed says of
/// no meter.
#[must_use]
pub fn infer(evidence: &Evidence<'_>, facts: &Facts, queue: &Queue, onset: Option<Picos>) -> Option<Metered> {
    let said = evidence.configured.meter?;
    let seen = evidence.trace.observations();
    let (mut samples, mut after_loss, mut blind) = (Vec::new(), 0, 0);
    for frame in queue.frames.iter().take(FRAMES) {
        let Some(one) = seen.get(frame.index as usize) else {
            continue;
        };
        let flow = facts.flow(one.flow).filter(|_| one.kind.is_sound());
        let tags = flow.map_or(0, |flow| {
            let entry = evidence.plan.entries.get(usize::from(flow.entry));
            entry.map_or(0, |entry| entry.frame.vlan.len() as u64)
        });
        // The queue before the receiver delays arrivals: the meter stands before it.
        let time = departure(one).unwrap_or(frame.arrival);
        if onset.is_some_and(|onset| time >= onset.0.cast_signed()) {
            after_loss += 1;
            continue;
        }
        blind += u64::from(!flow.is_some_and(|flow| flow.capable));
        samples.push(Sample {
            time,
            bytes: f64::from(u32::from(one.len)) - bytes(ETHERNET + TAG * tags),
            marked: one.is_marked(),
        });
    }
    let mut read = Metered {
        frames: samples.len() as u64,
        marked: samples.iter().filter(|sample| sample.marked).count() as u64,
        after_loss,
        cbs: None,
        cir: None,
        why_not: None,
        verdict: Verdict::CannotTell,
        explanation: String::new(),
    };
    if blind > 0 {
        read.why_not = Some(format!(
            "{blind} frames of this queue were not sent ECN-capable, or are not ours: what they took out of the bucket \
             is not to be seen."
        ));
    } else {
        let most = evidence
            .plan
            .ports
            .get(queue.port)
            .map_or(BitRate(1), |port| port.speed);
        read.read(&samples, said, bytes(most.0) * BYTES_A_PICOSECOND);
    }
    if read.explanation.is_empty() {
        read.explanation = read.why_not.clone().unwrap_or_default();
    }
    Some(read)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of bursts and rates of links")]
const fn bytes(value: u64) -> f64 {
    value as f64
}

impl Metered {
    /// Fills in everything that `samples` say, for rates up to `most` bytes a picosecond.
    fn read(&mut self, samples: &[Sample], said: Meter, most: f64) {
        let (cbs, cir) = (bytes(said.cbs.0), bytes(said.cir.0));
        let longest = samples.iter().map(|sample| sample.bytes).fold(0.0, f64::max);
        let under_said = needs(samples, cir * BYTES_A_PICOSECOND);
        let deepest = under_said.iter().copied().fold(0.0, f64::max);
        if self.frames == 0 {
            self.why_not = Some("No frame arrived before the first was lost.".to_owned());
            return;
        }
        if self.marked == 0 {
            let text = format!(
                "Nothing is marked, though {:.0} bytes were out of the bucket at once at the configured CIR of {}; CBS is \
                 said to be {}.",
                deepest, said.cir, said.cbs.0
            );
            if deepest > cbs * (1.0 + TOLERANCE) + longest {
                self.verdict = Verdict::MarksNothing;
            }
            self.explanation.clone_from(&text);
            self.why_not = Some(text);
            return;
        }
        if self.marked == self.frames {
            let text = format!(
                "Everything is marked, from the first frame on; CBS is said to be {} bytes.",
                said.cbs.0
            );
            // Of a full bucket the first frame passes.
            if under_said.first().is_some_and(|first| *first <= cbs) {
                self.verdict = Verdict::MarksEverything;
            }
            self.explanation.clone_from(&text);
            self.why_not = Some(text);
            return;
        }
        let (best, range) = rates(samples, most);
        let [slowest, middle, fastest] = [range.0, best, range.1].map(|rate| bounds(samples, rate));
        let ends = [slowest, middle, fastest].map(|bounds| [bounds.low, bounds.high]);
        let ends = ends.as_flattened();
        let estimate = Estimate {
            value: f64::midpoint(middle.low, middle.high),
            low: ends.iter().copied().fold(f64::INFINITY, f64::min),
            high: ends.iter().copied().fold(0.0, f64::max),
        };
        let [low, value, high] = [range.0, best, range.1].map(|rate| rate / BYTES_A_PICOSECOND);
        let rate = Estimate { value, low, high };
        (self.cbs, self.cir) = (Some(estimate), Some(rate));
        let near = |read: Estimate, said: f64, slack: f64| {
            (read.low - slack..=read.high + slack).contains(&said) || (read.value - said).abs() <= TOLERANCE * said
        };
        // What late stamps make the best fit of a small bucket need not be the true one: the
        // configuration follows as well when it contradicts hardly more marks.
        let best = bounds(samples, best).errors;
        let under_said = contradictions(samples, &under_said, cbs - longest, cbs + longest);
        let follows = near(estimate, cbs, longest) && near(rate, cir, 0.0) || under_said <= best + 3 * best.isqrt() + 1;
        self.verdict = if follows {
            Verdict::Follows
        } else {
            Verdict::DoesNotFollow
        };
        self.explanation = format!(
            "Read: CBS {:.0} bytes ({:.0} to {:.0}), CIR {:.0} bit/s ({:.0} to {:.0}); configured: {}, {}.",
            estimate.value, estimate.low, estimate.high, rate.value, rate.low, rate.high, said.cbs.0, said.cir.0
        );
    }
}

/// What each frame needs to be in a full bucket, for it to pass, if that fills at `rate` bytes a
/// picosecond.
fn needs(samples: &[Sample], rate: f64) -> Vec<f64> {
    let mut out = 0.0_f64;
    let mut last: Option<i64> = None;
    let need = |sample: &Sample| {
        let before = last.unwrap_or(sample.time);
        #[expect(clippy::cast_precision_loss, reason = "a time between frames")]
        let passed = sample.time.saturating_sub(before).max(0) as f64;
        last = Some(before.max(sample.time));
        out = (out - rate * passed).max(0.0);
        let need = out + sample.bytes;
        if !sample.marked {
            out = need;
        }
        need
    };
    samples.iter().map(need).collect()
}

/// Whether `rate` is too low, when it contradicts the marks: an unmarked frame needs more than a marked
/// one before it did. Otherwise a marked one needs less than an unmarked one before it.
fn is_too_low(samples: &[Sample], rate: f64) -> bool {
    let (mut low, mut high) = ((0.0, 0), (f64::INFINITY, 0));
    for (at, (need, sample)) in needs(samples, rate).into_iter().zip(samples).enumerate() {
        if sample.marked && need < high.0 {
            high = (need, at);
        } else if !sample.marked && need > low.0 {
            low = (need, at);
        }
    }
    low.1 > high.1
}

/// The sizes of the bucket that contradict the fewest marks, if it fills at `rate` bytes a picosecond.
fn bounds(samples: &[Sample], rate: f64) -> Bounds {
    let mut needs: Vec<(f64, bool)> = needs(samples, rate)
        .into_iter()
        .zip(samples.iter().map(|sample| sample.marked))
        .collect();
    needs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Of an empty bucket nothing passes: what is unmarked contradicts it.
    let mut errors = needs.iter().filter(|(_, marked)| !marked).count();
    let mut best = Bounds {
        low: 0.0,
        high: needs.first().map_or(f64::INFINITY, |first| first.0),
        errors,
    };
    for (at, (need, marked)) in needs.iter().enumerate() {
        errors = if *marked { errors + 1 } else { errors - 1 };
        let next = needs.get(at + 1).map_or(f64::INFINITY, |next| next.0);
        // Frames of one need pass together.
        if next > *need && errors <= best.errors {
            let low = if errors < best.errors { *need } else { best.low };
            best = Bounds {
                low,
                high: next,
                errors,
            };
        }
    }
    best
}

/// The fewest marks that a bucket of a size from `low` to `high` contradicts, by the frames' needs.
fn contradictions(samples: &[Sample], needs: &[f64], low: f64, high: f64) -> usize {
    let of = |size: f64| {
        let wrong = |(need, sample): &(&f64, &Sample)| sample.marked == (**need <= size);
        needs.iter().zip(samples).filter(wrong).count()
    };
    let within = needs.iter().copied().filter(|need| (low..high).contains(need));
    // Between two needs all sizes are the same; there are few within a frame or two.
    within.chain([low]).take(SIZES).map(of).min().unwrap_or(0)
}

/// The rate that contradicts the fewest marks, and the range of those that do so by hardly more:
/// stamps that are late by chance make some contradictions, and vary by their root.
fn rates(samples: &[Sample], most: f64) -> (f64, (f64, f64)) {
    let mut best = (bounds(samples, 0.0).errors, 0.0);
    let (mut low, mut high) = (0.0, most);
    for _ in 0..HALVINGS {
        if best.0 == 0 {
            break;
        }
        let middle = f64::midpoint(low, high);
        best = min(best, (bounds(samples, middle).errors, middle));
        if is_too_low(samples, middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    let allowed = best.0 + 2 * best.0.isqrt();
    let holds = |rate: f64| bounds(samples, rate).errors <= allowed;
    // The last rate towards `outside` that holds.
    let edge = |mut outside: f64| {
        if holds(outside) {
            return outside;
        }
        let mut inside = best.1;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if holds(middle) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    };
    let range = (edge(0.0), edge(most));
    // Of several that are as good, the one in the middle.
    let middle = f64::midpoint(range.0, range.1);
    let middle = min(best, (bounds(samples, middle).errors, middle));
    (middle.1, range)
}

/// The one with fewer errors; of equals the second.
fn min(one: (usize, f64), other: (usize, f64)) -> (usize, f64) {
    if one.0 < other.0 { one } else { other }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: u64 = 4156;

    /// RFC 2697, section 3, with an excess burst of 0, in whole byte-picoseconds: what it marks of
    /// frames that come at `times` (ps).
    fn bucket(times: &[u64], cir_bytes: u64, cbs: u64) -> Vec<bool> {
        const SECOND: u128 = 1_000_000_000_000;
        let full = u128::from(cbs) * SECOND;
        let (mut tokens, mut last) = (full, times.first().copied().unwrap_or(0));
        times
            .iter()
            .map(|time| {
                tokens = full.min(tokens + u128::from(time - last) * u128::from(cir_bytes));
                last = *time;
                let cost = u128::from(FRAME) * SECOND;
                let marked = tokens < cost;
                if !marked {
                    tokens -= cost;
                }
                marked
            })
            .collect()
    }

    fn samples(times: &[u64], marks: &[bool]) -> Vec<Sample> {
        let one = |(time, marked): (&u64, &bool)| Sample {
            time: i64::try_from(*time).unwrap(),
            bytes: f64::from(u32::try_from(FRAME).unwrap()),
            marked: *marked,
        };
        times.iter().zip(marks).map(one).collect()
    }

    fn read(samples: &[Sample], cir: u64, cbs: u64) -> Metered {
        let mut read = Metered {
            frames: samples.len() as u64,
            marked: samples.iter().filter(|sample| sample.marked).count() as u64,
            after_loss: 0,
            cbs: None,
            cir: None,
            why_not: None,
            verdict: Verdict::CannotTell,
            explanation: String::new(),
        };
        let said = Meter {
            cir: BitRate(8 * cir),
            cbs: crate::units::Bytes(cbs),
        };
        // A link of 1 Gb/s.
        read.read(samples, said, 1e9 * BYTES_A_PICOSECOND);
        read
    }

    /// `frames` at 20 MB/s, some late by up to `jitter` (ps).
    fn burst(frames: u64, jitter: u64) -> Vec<u64> {
        let pace = FRAME * 50_000;
        let mut times: Vec<u64> = (0..frames)
            .map(|at| at * pace + (at * 7919) % 97 * jitter / 97)
            .collect();
        times.sort_unstable();
        times
    }

    proptest! {
        #[test]
        fn a_planted_bucket_is_read(
            cbs in 50_000u64..1_500_000,
            cir in prop_oneof![Just(1_000u64), Just(100_000), Just(1_000_000), Just(5_000_000)],
            jitter in prop_oneof![Just(0u64), Just(300_000_000)],
        ) {
            let times = burst(800, 0);
            let marks = bucket(&times, cir, cbs);
            prop_assume!(marks.contains(&true));
            let seen = burst(800, jitter);
            let read = read(&samples(&seen, &marks), cir, cbs);
            let (bucket, rate) = (read.cbs.unwrap(), read.cir.unwrap());
            let slack = bytes(FRAME) + 3e-4 * bytes(cir);
            prop_assert!((bucket.low - slack..=bucket.high + slack).contains(&bytes(cbs)), "{read:?}");
            prop_assert!((bucket.value - bytes(cbs)).abs() < 2.0 * slack + 0.01 * bytes(cbs), "{read:?}");
            prop_assert!((rate.low * 0.95..=rate.high * 1.05).contains(&bytes(8 * cir)), "{read:?}");
            prop_assert_eq!(read.verdict, Verdict::Follows, "{}", read.explanation);
        }

        #[test]
        fn another_bucket_than_the_configured_one_is_noticed(
            cbs in 100_000u64..1_000_000,
            factor in prop_oneof![0.2f64..0.85, 1.2f64..3.0],
        ) {
            let times = burst(800, 0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a test")]
            let planted = (bytes(cbs) * factor) as u64;
            let marks = bucket(&times, 10_000, planted);
            prop_assume!(marks.contains(&true));
            let read = read(&samples(&times, &marks), 10_000, cbs);
            prop_assert_eq!(read.verdict, Verdict::DoesNotFollow, "{}", read.explanation);
        }
    }

    #[test]
    fn a_bucket_that_fills_while_nothing_comes_is_followed() {
        // Three bursts of 100 frames, a second apart: 100 kB come back in between, of 300 kB.
        let times: Vec<u64> = (0..300)
            .map(|at| at / 100 * 1_000_000_000_000 + at % 100 * FRAME * 50_000)
            .collect();
        let marks = bucket(&times, 100_000, 300_000);
        assert!(marks.iter().any(|marked| *marked));
        let read = read(&samples(&times, &marks), 100_000, 300_000);
        assert_eq!(read.verdict, Verdict::Follows, "{}", read.explanation);
        let rate = read.cir.unwrap();
        assert!((rate.value / 8.0 - 100_000.0).abs() < 5_000.0, "{rate:?}");
    }

    #[test]
    fn nothing_marked_and_everything_marked_are_told() {
        let times = burst(300, 0);
        let nothing = read(&samples(&times, &[false; 300]), 10_000, 500_000);
        assert_eq!((nothing.verdict, nothing.cbs), (Verdict::MarksNothing, None));
        assert!(nothing.why_not.is_some());
        let everything = read(&samples(&times, &[true; 300]), 10_000, 500_000);
        assert_eq!((everything.verdict, everything.cbs), (Verdict::MarksEverything, None));
        // Too small a burst tells nothing.
        let small = read(&samples(&times[..100], &[false; 100]), 10_000, 500_000);
        assert_eq!(small.verdict, Verdict::CannotTell);
        assert_eq!(read(&[], 10_000, 500_000).verdict, Verdict::CannotTell);
    }
}
