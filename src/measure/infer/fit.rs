//! Kmin, Kmax and Pmax by maximum likelihood.
//!
//! Contract: marks are Bernoulli trials of which the probability depends on the depth alone: 0 up to
//! Kmin, Pmax·(depth − Kmin)/(Kmax − Kmin) up to Kmax, 1 beyond (the marking function of RFC 3168's
//! RED and of every switch's WRED). One frame in [`STRAY`]⁻¹ is granted any mark, so that a single
//! frame that was marked elsewhere does not decide. Intervals are by profile likelihood. A ramp is
//! believed only when it explains the marks better than a step by more than its two further
//! parameters would by chance. Deterministic: no random start, no clock.
//!
//! Left out on purpose: where depths come from, and what the switch should have done (`ecn`).

use super::Estimate;
use super::curve::Sample;

/// Share of frames that may be marked, or not, against all rules.
const STRAY: f64 = 1e-4;

/// Log-likelihood may drop so far within a 95 % interval: half the 95 % point of χ² with two
/// degrees of freedom. One degree would be right for a regular parameter; ends of a ramp are not,
/// and their likelihood falls as that of an exponential, which two degrees describe.
const DROP: f64 = 2.996;

/// A ramp is fitted on at most so many groups of frames of similar depth.
const CELLS: usize = 384;

/// What the marks say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Up to this depth nothing is marked, bytes.
    pub kmin: Estimate,
    /// Beyond this depth everything is, bytes.
    pub kmax: Estimate,
    /// Share marked at `kmax`. `None` of a step: it has no such place.
    pub pmax: Option<Estimate>,
    /// Logarithm of the likelihood of the marks, were this so.
    pub log_likelihood: f64,
}

impl Fit {
    /// Whether marking sets in all at once.
    #[must_use]
    pub fn is_step(&self) -> bool {
        self.pmax.is_none()
    }
}

/// Marking probability at `depth`.
#[must_use]
pub fn probability(depth: f64, kmin: f64, kmax: f64, pmax: f64) -> f64 {
    if depth <= kmin {
        0.0
    } else if depth > kmax {
        1.0
    } else {
        pmax * (depth - kmin) / (kmax - kmin)
    }
}

/// The same, with the stray ones granted.
fn granted(probability: f64) -> f64 {
    STRAY + (1.0 - 2.0 * STRAY) * probability
}

/// Log-likelihood of `marked` of `frames` at a probability.
fn likelihood(frames: f64, marked: f64, probability: f64) -> f64 {
    let p = granted(probability);
    marked * p.ln() + (frames - marked) * (1.0 - p).ln()
}

/// Log-likelihood of samples under given thresholds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "depths and numbers of frames")]
pub fn log_likelihood(samples: &[Sample], kmin: f64, kmax: f64, pmax: f64) -> f64 {
    let one = |sample: &Sample| {
        let p = probability(sample.depth as f64, kmin, kmax, pmax);
        likelihood(sample.frames as f64, sample.marked as f64, p)
    };
    samples.iter().map(one).sum()
}

/// Reads the thresholds; `None` unless there are both marked and unmarked frames.
#[must_use]
pub fn fit(samples: &[Sample]) -> Option<Fit> {
    let frames: u64 = samples.iter().map(|sample| sample.frames).sum();
    let marked: u64 = samples.iter().map(|sample| sample.marked).sum();
    if marked == 0 || marked >= frames {
        return None;
    }
    let step = step(samples)?;
    let ramp = Ramp::new(samples).fit();
    Some(
        ramp.filter(|ramp| ramp.log_likelihood > step.log_likelihood + DROP)
            .unwrap_or(step),
    )
}

/// The step that contradicts the fewest frames.
#[expect(clippy::cast_precision_loss, reason = "depths and numbers of frames")]
fn step(samples: &[Sample]) -> Option<Fit> {
    // A threshold at the n-th sample's depth: that one and those before it are below.
    let all: u64 = samples
        .iter()
        .map(|sample| sample.frames - sample.marked.min(sample.frames))
        .sum();
    let mut wrong = Vec::with_capacity(samples.len());
    let (mut marked_below, mut unmarked_above) = (0u64, all);
    for sample in samples {
        marked_below += sample.marked;
        unmarked_above -= sample.frames - sample.marked.min(sample.frames);
        wrong.push(marked_below + unmarked_above);
    }
    // Below the first sample everything may be marked; that is the case only if all are.
    let least = *wrong.iter().min()?;
    let first = wrong.iter().position(|count| *count == least)?;
    let last = wrong.iter().rposition(|count| *count == least)?;
    // Each further contradiction costs more than an interval may: the interval is of the best ones.
    let low = samples.get(first)?.depth;
    let high = samples.get(last + 1).map_or(f64::INFINITY, |next| next.depth as f64);
    let low = low as f64;
    let value = if high.is_finite() { (low + high) / 2.0 } else { low };
    let threshold = Estimate { value, low, high };
    let frames: u64 = samples.iter().map(|sample| sample.frames).sum();
    let right = (1.0 - STRAY).ln() * (frames - least) as f64;
    Some(Fit {
        kmin: threshold,
        kmax: threshold,
        pmax: None,
        log_likelihood: right + STRAY.ln() * least as f64,
    })
}

/// Frames of similar depth.
#[derive(Debug, Clone, Copy)]
struct Cell {
    depth: f64,
    frames: f64,
    marked: f64,
}

/// Groups samples from `low` to `high` into cells of equal width; the others become one cell for each
/// depth that is far away, as two: below and above.
#[expect(clippy::cast_precision_loss, reason = "depths and numbers of frames")]
fn cells(samples: &[Sample], low: f64, high: f64) -> Vec<Cell> {
    let width = ((high - low) / CELLS as f64).max(1.0);
    let place = |depth: f64| ((depth - low) / width).floor().clamp(-1.0, CELLS as f64 + 1.0);
    let mut cells: Vec<Cell> = Vec::with_capacity(CELLS + 3);
    let mut last = f64::NEG_INFINITY;
    for sample in samples {
        let (depth, frames, marked) = (sample.depth as f64, sample.frames as f64, sample.marked as f64);
        let here = place(depth);
        match cells.last_mut() {
            Some(cell) if here == last => {
                // The mean depth stands for all.
                cell.depth += (depth - cell.depth) * frames / (cell.frames + frames);
                cell.frames += frames;
                cell.marked += marked;
            }
            _ => cells.push(Cell { depth, frames, marked }),
        }
        last = here;
    }
    cells
}

/// Thresholds under trial.
#[derive(Debug, Clone, Copy)]
struct Trial {
    kmin: f64,
    kmax: f64,
    pmax: f64,
    log_likelihood: f64,
}

struct Ramp<'a> {
    samples: &'a [Sample],
    cells: Vec<Cell>,
    deepest: f64,
    /// Uncertainty of a depth for being one of a cell.
    grain: f64,
}

impl<'a> Ramp<'a> {
    #[expect(clippy::cast_precision_loss, reason = "depths")]
    fn new(samples: &'a [Sample]) -> Ramp<'a> {
        let deepest = samples.last().map_or(0.0, |sample| sample.depth as f64);
        Ramp {
            samples,
            cells: cells(samples, 0.0, deepest),
            deepest,
            grain: deepest / CELLS as f64,
        }
    }

    /// The likelihood at given ends, with the best Pmax or a given one.
    fn at(&self, kmin: f64, kmax: f64, pmax: Option<f64>) -> Trial {
        let pmax = pmax.unwrap_or_else(|| self.best_pmax(kmin, kmax));
        let one = |cell: &Cell| {
            let p = probability(cell.depth, kmin, kmax, pmax);
            likelihood(cell.frames, cell.marked, p)
        };
        Trial {
            kmin,
            kmax,
            pmax,
            log_likelihood: self.cells.iter().map(one).sum(),
        }
    }

    /// The Pmax of the greatest likelihood between 0 and 1: the likelihood is concave in it, so its
    /// slope's zero is found by halving.
    fn best_pmax(&self, kmin: f64, kmax: f64) -> f64 {
        let from = self.cells.partition_point(|cell| cell.depth <= kmin);
        let to = self.cells.partition_point(|cell| cell.depth <= kmax).max(from);
        let between = &self.cells[from..to];
        let scale = (1.0 - 2.0 * STRAY) / (kmax - kmin).max(f64::MIN_POSITIVE);
        let slope = |pmax: f64| -> f64 {
            between
                .iter()
                .map(|cell| {
                    let x = scale * (cell.depth - kmin);
                    let p = STRAY + x * pmax;
                    x * (cell.marked / p - (cell.frames - cell.marked) / (1.0 - p))
                })
                .sum()
        };
        if between.is_empty() || slope(1.0) >= 0.0 {
            return 1.0;
        }
        let (mut low, mut high) = (0.0f64, 1.0f64);
        for _ in 0..22 {
            let middle = (low + high) / 2.0;
            if slope(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    }

    /// Climbs from `start` in ever smaller steps, along each end by itself and along both.
    fn climb(&self, start: Trial, mut step: f64, pmax: Option<f64>, fixed: Fixed) -> Trial {
        let mut best = start;
        let limit = (self.grain / 16.0).max(0.5);
        while step > limit {
            let mut moved = false;
            for (a, b) in [
                (1.0, 0.0),
                (-1.0, 0.0),
                (0.0, 1.0),
                (0.0, -1.0),
                (1.0, 1.0),
                (-1.0, -1.0),
            ] {
                if fixed == Fixed::Kmin && a != 0.0 || fixed == Fixed::Kmax && b != 0.0 {
                    continue;
                }
                let (kmin, kmax) = ((best.kmin + a * step).max(0.0), best.kmax + b * step);
                if kmax < kmin {
                    continue;
                }
                let next = self.at(kmin, kmax, pmax);
                if next.log_likelihood > best.log_likelihood + 1e-9 {
                    best = next;
                    moved = true;
                }
            }
            if !moved {
                step /= 2.0;
            }
        }
        best
    }

    /// The best over all, from a grid.
    fn search(&self, low: f64, high: f64) -> Option<Trial> {
        const STEPS: u32 = 20;
        let width = (high - low) / f64::from(STEPS);
        let mut starts: Vec<Trial> = Vec::new();
        for a in 0..=STEPS {
            for b in a + 1..=STEPS {
                starts.push(self.at(low + f64::from(a) * width, low + f64::from(b) * width, None));
            }
        }
        starts.sort_by(|a, b| b.log_likelihood.total_cmp(&a.log_likelihood));
        starts.truncate(4);
        let climbed = starts
            .into_iter()
            .map(|start| self.climb(start, width / 2.0, None, Fixed::Neither));
        climbed.max_by(|a, b| a.log_likelihood.total_cmp(&b.log_likelihood))
    }

    fn fit(mut self) -> Option<Fit> {
        if self.deepest <= 0.0 {
            return None;
        }
        let rough = self.search(0.0, self.deepest)?;
        // Look again, closer.
        let margin = ((rough.kmax - rough.kmin) / 2.0).max(self.grain * 4.0);
        let (low, high) = ((rough.kmin - margin).max(0.0), rough.kmax + margin);
        self.cells = cells(self.samples, low, high);
        self.grain = ((high - low) / CELLS as f64).max(1.0);
        let best = self.climb(
            self.at(rough.kmin, rough.kmax, None),
            margin / 4.0,
            None,
            Fixed::Neither,
        );
        let kmin = self.interval_of_end(best, Fixed::Kmin);
        let kmax = self.interval_of_end(best, Fixed::Kmax);
        let pmax = self.interval_of_pmax(best);
        Some(Fit {
            kmin,
            kmax,
            pmax: Some(pmax),
            log_likelihood: log_likelihood(self.samples, best.kmin, best.kmax, best.pmax),
        })
    }

    /// How far an end can go before the likelihood, at the best of everything else, has dropped too
    /// far.
    fn interval_of_end(&self, best: Trial, end: Fixed) -> Estimate {
        let value = if end == Fixed::Kmin { best.kmin } else { best.kmax };
        let holds = |at: f64, from: Trial| -> Option<Trial> {
            let (kmin, kmax) = match end {
                Fixed::Kmin => (at, from.kmax.max(at)),
                _ => (from.kmin.min(at), at),
            };
            let start = self.at(kmin, kmax, None);
            let width = (best.kmax - best.kmin).max(self.grain * 4.0);
            let found = self.climb(start, width / 4.0, None, end);
            (found.log_likelihood >= best.log_likelihood - DROP).then_some(found)
        };
        let bound = |sign: f64| -> f64 {
            let (mut inside, mut trial) = (value, best);
            let mut stride = (self.grain * 2.0).max((best.kmax - best.kmin) / 64.0);
            // Outwards until it no longer holds, then between.
            let mut outside = loop {
                let next = (inside + sign * stride).max(0.0);
                match holds(next, trial) {
                    Some(found) if next > 0.0 => (inside, trial) = (next, found),
                    Some(_) => return 0.0,
                    None => break next,
                }
                if next > self.deepest * 8.0 {
                    return f64::INFINITY;
                }
                stride *= 1.6;
            };
            for _ in 0..12 {
                let middle = (inside + outside) / 2.0;
                match holds(middle, trial) {
                    Some(found) => (inside, trial) = (middle, found),
                    None => outside = middle,
                }
            }
            (outside + sign * self.grain / 2.0).max(0.0)
        };
        Estimate {
            value,
            low: bound(-1.0),
            high: bound(1.0),
        }
    }

    fn interval_of_pmax(&self, best: Trial) -> Estimate {
        let width = (best.kmax - best.kmin).max(self.grain * 4.0);
        let holds = |pmax: f64| {
            let found = self.climb(
                self.at(best.kmin, best.kmax, Some(pmax)),
                width / 4.0,
                Some(pmax),
                Fixed::Neither,
            );
            found.log_likelihood >= best.log_likelihood - DROP
        };
        let bound = |end: f64| {
            if holds(end) {
                return end;
            }
            let (mut inside, mut outside) = (best.pmax, end);
            for _ in 0..12 {
                let middle = (inside + outside) / 2.0;
                if holds(middle) {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            outside
        };
        Estimate {
            value: best.pmax,
            low: bound(0.0),
            high: bound(1.0),
        }
    }
}

/// Which end of the ramp a climb leaves where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fixed {
    Neither,
    Kmin,
    Kmax,
}
