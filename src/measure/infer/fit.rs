//! Kmin, Kmax and Pmax by maximum likelihood.
//!
//! Contract: marks are Bernoulli trials of which the probability depends on the depth alone: 0 up to
//! Kmin, Pmax·(depth − Kmin)/(Kmax − Kmin) up to Kmax, 1 beyond (the marking function of RFC 3168's
//! RED and of every switch's WRED). One frame in `STRAY`⁻¹ is granted any mark, so that a single
//! frame that was marked elsewhere does not decide. A step is a ramp without breadth. Intervals are by
//! profile likelihood over all ramps, steps among them: what the counts do not exclude is inside. So
//! where too few frames were seen below a step, Kmin is open below. Deterministic: no random start, no
//! clock.
//!
//! Left out on purpose: where depths come from, and what the switch should have done (`ecn`).

use super::Estimate;
use super::cells::{Cells, Trial};
use super::curve::Sample;

/// Share of frames that may be marked, or not, against all rules.
pub(super) const STRAY: f64 = 1e-4;

/// Log-likelihood may drop so far within an interval: half the 99.9 % point of χ² with two degrees of
/// freedom. One degree would be right for a regular parameter; ends of a ramp are not, and their
/// likelihood falls as that of an exponential, which two degrees describe.
pub const DROP: f64 = 6.908;

/// Where a step explains the marks, a ramp below it is looked for down to this Pmax: nobody publishes
/// less, and of a ramp without marks no number of frames would say that it is not there.
const LEAST_PMAX: f64 = 0.01;

/// A threshold is open above when so many times the greatest depth does not contradict the marks.
const OPEN: f64 = 8.0;

/// Places that are looked at in each direction from the best one.
const PLACES: u32 = 20;

/// Halvings between a place that holds and one that does not.
const HALVINGS: u32 = 9;

/// What the marks say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Up to this depth nothing is marked, bytes.
    pub kmin: Estimate,
    /// Beyond this depth everything is, bytes.
    pub kmax: Estimate,
    /// Share marked at `kmax`. `None` where a step explains the marks: it has no such place.
    pub pmax: Option<Estimate>,
    /// Whether marking sets in all at once. `None`: a step explains the marks, and so does a ramp.
    pub step: Option<bool>,
    /// Logarithm of the likelihood of the marks, were this so.
    pub log_likelihood: f64,
}

impl Fit {
    /// What two explanations that are both possible say together; the values are the likelier one's.
    fn or(self, other: Fit) -> Fit {
        let (first, second) = if other.log_likelihood > self.log_likelihood {
            (other, self)
        } else {
            (self, other)
        };
        let union = |a: Estimate, b: Estimate| Estimate {
            value: a.value,
            low: a.low.min(b.low),
            high: a.high.max(b.high),
        };
        Fit {
            kmin: union(first.kmin, second.kmin),
            kmax: union(first.kmax, second.kmax),
            pmax: first.pmax.zip(second.pmax).map(|(a, b)| union(a, b)),
            step: first.step.filter(|step| second.step == Some(*step)),
            log_likelihood: first.log_likelihood,
        }
    }

    /// The same, of depths that may be off by `bytes`.
    #[must_use]
    pub fn widened(self, bytes: f64) -> Fit {
        let widen = |one: Estimate| Estimate {
            value: one.value,
            low: (one.low - bytes).max(0.0),
            high: one.high + bytes,
        };
        Fit {
            kmin: widen(self.kmin),
            kmax: widen(self.kmax),
            ..self
        }
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
pub(super) fn granted(probability: f64) -> f64 {
    STRAY + (1.0 - 2.0 * STRAY) * probability
}

/// Log-likelihood of `marked` of `frames` at a probability.
pub(super) fn likelihood(frames: f64, marked: f64, probability: f64) -> f64 {
    let p = granted(probability);
    // Most groups of frames are of one kind, and logarithms are dear.
    let marks = if marked > 0.0 { marked * p.ln() } else { 0.0 };
    let others = frames - marked;
    marks + if others > 0.0 { others * (1.0 - p).ln() } else { 0.0 }
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

/// The best explanation of some samples.
pub struct Best {
    step: Step,
    ramps: Cells,
    /// The likeliest ramps, the best first.
    found: Vec<Trial>,
}

impl Best {
    /// Looks for it; `None` unless there are both marked and unmarked frames.
    #[must_use]
    pub fn of(samples: &[Sample]) -> Option<Best> {
        let frames: u64 = samples.iter().map(|sample| sample.frames).sum();
        let marked: u64 = samples.iter().map(|sample| sample.marked).sum();
        if marked == 0 || marked >= frames {
            return None;
        }
        let step = Step::of(samples)?;
        let ramps = Cells::of(samples, step.low);
        let found = ramps.search(step.low, step.high);
        Some(Best { step, ramps, found })
    }

    /// Logarithm of its likelihood.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        let ramp = self.found.first().map_or(f64::NEG_INFINITY, |ramp| ramp.log_likelihood);
        ramp.max(self.step.log_likelihood)
    }

    /// Its thresholds, with what else is less likely than `best` by no more than [`DROP`].
    #[must_use]
    pub fn fit(&self, best: f64) -> Fit {
        let holds = best - DROP;
        let step = &self.step;
        let stepped = step.log_likelihood >= holds;
        let floor = if stepped { LEAST_PMAX } else { 0.0 };
        let middle = if step.high.is_finite() {
            step.low.midpoint(step.high)
        } else {
            step.low
        };
        let value = self
            .found
            .first()
            .filter(|_| !stepped)
            .map_or((middle, middle), |ramp| (ramp.kmin, ramp.kmax));
        let profile = Profile {
            cells: &self.ramps,
            seeds: &self.found,
            edges: [step.low, step.high],
            floor,
            holds,
        };
        let (mut kmin, mut kmax) = (profile.kmin(value.0), profile.kmax(value.1));
        if stepped {
            for end in [&mut kmin, &mut kmax] {
                end.low = end.low.min(step.low);
                end.high = end.high.max(step.high);
            }
        }
        let narrow = step.high.is_finite() && kmax.high - kmin.low <= 2.0 * (step.high - step.low);
        Fit {
            kmin,
            kmax,
            pmax: self
                .found
                .first()
                .filter(|_| !stepped)
                .map(|ramp| profile.pmax(ramp.pmax)),
            step: match (stepped, narrow) {
                (false, _) => Some(false),
                (true, true) => Some(true),
                (true, false) => None,
            },
            log_likelihood: self.log_likelihood(),
        }
    }
}

/// What explanations say, each by another depth, as far as they are possible.
#[must_use]
pub fn fit<'a>(all: impl Iterator<Item = &'a Best> + Clone) -> Option<Fit> {
    let best = all.clone().map(Best::log_likelihood).fold(f64::NEG_INFINITY, f64::max);
    let possible = all.filter(|one| one.log_likelihood() >= best - DROP);
    possible.map(|one| one.fit(best)).reduce(Fit::or)
}

/// The step that contradicts the fewest frames.
struct Step {
    low: f64,
    high: f64,
    log_likelihood: f64,
}

impl Step {
    #[expect(clippy::cast_precision_loss, reason = "depths and numbers of frames")]
    fn of(samples: &[Sample]) -> Option<Step> {
        // A threshold at the n-th sample's depth: that one and those before it are below.
        let unmarked = |sample: &Sample| sample.frames - sample.marked.min(sample.frames);
        let mut wrong = Vec::with_capacity(samples.len());
        let (mut marked_below, mut unmarked_above) = (0u64, samples.iter().map(unmarked).sum::<u64>());
        for sample in samples {
            marked_below += sample.marked;
            unmarked_above -= unmarked(sample);
            wrong.push(marked_below + unmarked_above);
        }
        // Below the first sample everything may be marked; that is the case only if all are.
        let least = *wrong.iter().min()?;
        let first = wrong.iter().position(|count| *count == least)?;
        let last = wrong.iter().rposition(|count| *count == least)?;
        // Each further contradiction costs more than an interval may: the interval is of the best ones.
        let frames: u64 = samples.iter().map(|sample| sample.frames).sum();
        Some(Step {
            low: samples.get(first)?.depth as f64,
            high: samples.get(last + 1).map_or(f64::INFINITY, |next| next.depth as f64),
            log_likelihood: (1.0 - STRAY).ln() * (frames - least) as f64 + STRAY.ln() * least as f64,
        })
    }
}

/// How far each parameter can go, at the best of the others.
struct Profile<'a> {
    cells: &'a Cells,
    seeds: &'a [Trial],
    /// Where a step would be: the other end of a ramp may be there.
    edges: [f64; 2],
    floor: f64,
    /// Least log-likelihood that is not excluded.
    holds: f64,
}

impl Profile<'_> {
    fn kmin(&self, value: f64) -> Estimate {
        let holds = |at: f64| self.cells.given_kmin(at, self.seeds, self.edges, self.floor) >= self.holds;
        let top = self.cells.deepest();
        let low = reach(value, |share| value * (1.0 - share), &holds);
        let high = reach(value, |share| value + share * share * (top - value), &holds);
        Estimate {
            value,
            low: (low - self.cells.width(low)).clamp(0.0, value),
            high: (high + self.cells.width(high)).max(value),
        }
    }

    fn kmax(&self, value: f64) -> Estimate {
        let holds = |at: f64| self.cells.given_kmax(at, self.seeds, self.edges, self.floor) >= self.holds;
        let top = (OPEN * self.cells.deepest()).max(value);
        let low = reach(value, |share| value * (1.0 - share), &holds);
        let open = holds(top);
        let far = |share: f64| value * (top / value.max(1.0)).max(1.0).powf(share * share);
        let high = if open { f64::INFINITY } else { reach(value, far, &holds) };
        Estimate {
            value,
            low: (low - self.cells.width(low)).clamp(0.0, value),
            high: (high + self.cells.width(high)).max(value),
        }
    }

    fn pmax(&self, value: f64) -> Estimate {
        let holds = |at: f64| self.cells.given_pmax(at, self.seeds) >= self.holds;
        Estimate {
            value,
            low: reach(value, |share| value * (1.0 - share), &holds),
            high: reach(value, |share| value + share * share * (1.0 - value), &holds),
        }
    }
}

/// The furthest place that holds, and a little beyond, on the way that `at` goes as its argument goes
/// from 0, at `value`, to 1. There may be places between that do not.
fn reach(value: f64, at: impl Fn(f64) -> f64, holds: &impl Fn(f64) -> bool) -> f64 {
    let places = (1..=PLACES).rev().map(|n| f64::from(n) / f64::from(PLACES));
    let mut outside = None;
    let mut inside = 0.0;
    for share in places {
        if holds(at(share)) {
            inside = share;
            break;
        }
        outside = Some(share);
    }
    let Some(mut outside) = outside else { return at(1.0) };
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(inside, outside);
        if holds(at(middle)) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    if inside == 0.0 && !value.is_finite() {
        value
    } else {
        at(outside)
    }
}
