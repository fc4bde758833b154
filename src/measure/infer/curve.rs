//! Marks over depth: samples, and the curve of them.
//!
//! Contract: a sample is all frames that saw the same depth; samples are sorted by it. A bin's
//! interval is Wilson's score interval at 95 % (Wilson 1927), which stays within 0 and 1 and means
//! something for few frames, too.
//!
//! Left out on purpose: thresholds (`fit`).

/// Frames that saw one depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The depth in bytes.
    pub depth: u64,
    /// Frames.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
}

/// Sorts frames, each with its depth and whether it was marked, into samples.
#[must_use]
pub fn samples(frames: impl Iterator<Item = (u64, bool)>) -> Vec<Sample> {
    let mut all: Vec<(u64, bool)> = frames.collect();
    all.sort_unstable();
    let mut samples: Vec<Sample> = Vec::new();
    for (depth, marked) in all {
        match samples.last_mut() {
            Some(last) if last.depth == depth => {
                last.frames += 1;
                last.marked += u64::from(marked);
            }
            _ => samples.push(Sample {
                depth,
                frames: 1,
                marked: u64::from(marked),
            }),
        }
    }
    samples
}

/// A part of the curve: frames that saw a depth from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Least depth, bytes.
    pub from: u64,
    /// Greatest depth, bytes.
    pub to: u64,
    /// Frames.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
    /// 95 % interval of the share marked: lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % score interval for `hits` of `trials`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "numbers of frames")]
pub fn wilson(hits: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let share = hits.min(trials) as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Nobody is surer than sure; and at the ends rounding must not exclude what was seen.
    let low = if hits == 0 {
        0.0
    } else {
        ((centre - half) / scale).max(0.0)
    };
    let high = if hits >= trials {
        1.0
    } else {
        ((centre + half) / scale).min(1.0)
    };
    (low, high)
}

/// The curve in bins of equal width, those without frames left out: `most` of them up to the depth
/// `focus`, and an eighth as many beyond.
#[must_use]
pub fn curve(samples: &[Sample], most: u64, focus: u64) -> Vec<Bin> {
    let Some(deepest) = samples.last().map(|sample| sample.depth) else {
        return Vec::new();
    };
    let focus = focus.min(deepest);
    let fine = (focus / most.max(1)).saturating_add(1);
    // Where the wide ones begin: no bin is of both kinds.
    let edge = (focus / fine).saturating_add(1).saturating_mul(fine);
    let wide = (deepest.saturating_sub(edge) / most.div_ceil(8).max(1)).saturating_add(1);
    let mut bins: Vec<Bin> = Vec::new();
    for sample in samples {
        let (from, width) = if sample.depth < edge {
            (sample.depth / fine * fine, fine)
        } else {
            (edge + (sample.depth - edge) / wide * wide, wide)
        };
        match bins.last_mut() {
            Some(bin) if bin.from == from => {
                bin.frames += sample.frames;
                bin.marked += sample.marked;
            }
            _ => bins.push(Bin {
                from,
                to: from.saturating_add(width - 1),
                frames: sample.frames,
                marked: sample.marked,
                low: 0.0,
                high: 1.0,
            }),
        }
    }
    for bin in &mut bins {
        (bin.low, bin.high) = wilson(bin.marked, bin.frames);
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_printed_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29.
        for (hits, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(hits, trials);
            assert!((found.0 - low).abs() < 6e-5, "{hits}/{trials}: {found:?}");
            assert!((found.1 - high).abs() < 6e-5, "{hits}/{trials}: {found:?}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(wilson(7, 7).1, 1.0);
    }

    #[test]
    fn frames_are_counted_once_in_curve_and_samples() {
        let frames = (0..1000u64).map(|n| (n * 37 % 500 * 100, n % 3 == 0));
        let samples = samples(frames);
        assert!(samples.windows(2).all(|two| two[0].depth < two[1].depth));
        for focus in [0, 10_000, u64::MAX] {
            let bins = curve(&samples, 40, focus);
            assert!(bins.len() <= 46, "{}", bins.len());
            assert_eq!(bins.iter().map(|bin| bin.frames).sum::<u64>(), 1000);
            assert_eq!(bins.iter().map(|bin| bin.marked).sum::<u64>(), 334);
            assert!(bins.windows(2).all(|two| two[0].to < two[1].from));
        }
        let extreme = [Sample {
            depth: u64::MAX,
            frames: 1,
            marked: 1,
        }];
        assert_eq!(curve(&extreme, 0, 0).len(), 1);
        assert_eq!(curve(&extreme, 40, 7).len(), 1);
    }
}
