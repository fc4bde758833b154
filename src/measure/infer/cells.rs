//! Frames of similar depth, and the likeliest ramp through them.
//!
//! Contract: cells are so narrow that the mean depth of one stands for all of its frames, and where
//! marking changes at once each depth is a cell of its own. Of given ends the best Pmax is exact: the
//! likelihood is concave in it. The ends are looked for from a grid, since there may be several that are
//! nearly as good: a step, and a ramp of few marks below it.
//!
//! Left out on purpose: how much less likely something may be (`fit`).

use super::curve::Sample;
use super::fit::{STRAY, likelihood, probability};

/// A cell is no broader than this part of its depth.
const BREADTH: f64 = 1.0 / 160.0;

/// Nor need it be narrower than this, bytes.
const GRAIN: f64 = 256.0;

/// Within this part of a depth where marking may change at once, each depth is a cell of its own.
const EXACT: f64 = 0.02;

/// Cells of one depth each, at most, on one side of such a depth.
const MOST_EXACT: usize = 96;

/// Places of each end in the grid.
const GRID: u32 = 18;

/// Starts from which is climbed.
const STARTS: usize = 6;

/// Thresholds under trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trial {
    pub kmin: f64,
    pub kmax: f64,
    pub pmax: f64,
    pub log_likelihood: f64,
}

/// Frames by depth.
pub(super) struct Cells {
    depth: Vec<f64>,
    frames: Vec<f64>,
    marked: Vec<f64>,
    /// Least and greatest depth.
    from: Vec<f64>,
    to: Vec<f64>,
    /// Log-likelihood of the cells before the n-th, if they are below Kmin.
    below: Vec<f64>,
    /// Of the n-th and those after it, if they are above Kmax.
    above: Vec<f64>,
    /// The deepest unmarked frame's depth.
    last_unmarked: f64,
    /// The shallowest marked frame's.
    first_marked: f64,
}

/// What is kept where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fixed {
    Neither,
    Kmin,
    Kmax,
}

impl Cells {
    #[expect(clippy::cast_precision_loss, reason = "depths and numbers of frames")]
    pub(super) fn of(samples: &[Sample], step: f64) -> Cells {
        let depth_of = |at: Option<&Sample>| at.map_or(0.0, |sample| sample.depth as f64);
        let last = samples.iter().rposition(|sample| sample.marked < sample.frames);
        let last_unmarked = depth_of(last.and_then(|at| samples.get(at)));
        let first_marked = depth_of(samples.iter().find(|sample| sample.marked > 0));
        let places = [last_unmarked, step].map(|depth| {
            let at = samples.partition_point(|sample| (sample.depth as f64) < depth);
            (at.saturating_sub(MOST_EXACT)..at + MOST_EXACT, depth)
        });
        let mut cells = Cells {
            depth: Vec::new(),
            frames: Vec::new(),
            marked: Vec::new(),
            from: Vec::new(),
            to: Vec::new(),
            below: vec![0.0],
            above: vec![0.0],
            last_unmarked,
            first_marked,
        };
        let mut open = false;
        for (at, sample) in samples.iter().enumerate() {
            let (depth, frames, marked) = (sample.depth as f64, sample.frames as f64, sample.marked as f64);
            let exact = places
                .iter()
                .any(|(near, place)| near.contains(&at) && (depth - place).abs() <= EXACT * place);
            let room = |from: f64| depth - from <= (BREADTH * from).max(GRAIN);
            if let (true, false, Some(last)) = (open, exact, cells.depth.len().checked_sub(1))
                && room(cells.from[last])
            {
                // The mean depth stands for all.
                cells.frames[last] += frames;
                cells.marked[last] += marked;
                cells.depth[last] += (depth - cells.depth[last]) * frames / cells.frames[last];
                cells.to[last] = depth;
            } else {
                cells.depth.push(depth);
                cells.frames.push(frames);
                cells.marked.push(marked);
                cells.from.push(depth);
                cells.to.push(depth);
            }
            open = !exact;
        }
        let both = || cells.frames.iter().zip(&cells.marked);
        let sums = |of: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
            let mut sum = 0.0;
            let first = std::iter::once(0.0);
            first
                .chain(of.map(|one| {
                    sum += one;
                    sum
                }))
                .collect()
        };
        let below = sums(&mut both().map(|(frames, marked)| likelihood(*frames, *marked, 0.0)));
        let mut above = sums(&mut both().rev().map(|(frames, marked)| likelihood(*frames, *marked, 1.0)));
        above.reverse();
        (cells.below, cells.above) = (below, above);
        cells
    }

    pub(super) fn deepest(&self) -> f64 {
        self.to.last().copied().unwrap_or(0.0)
    }

    /// By how much a depth may be off for being one of a cell.
    pub(super) fn width(&self, depth: f64) -> f64 {
        let at = self.from.partition_point(|from| *from <= depth);
        let one = |at: usize| {
            self.to
                .get(at)
                .zip(self.from.get(at))
                .map_or(0.0, |(to, from)| to - from)
        };
        one(at).max(at.checked_sub(1).map_or(0.0, one))
    }

    /// The cells between two ends.
    fn between(&self, kmin: f64, kmax: f64) -> (usize, usize) {
        let from = self.depth.partition_point(|depth| *depth <= kmin);
        let to = self.depth.partition_point(|depth| *depth <= kmax).max(from);
        (from, to)
    }

    /// The likelihood of given thresholds.
    fn given(&self, kmin: f64, kmax: f64, pmax: f64) -> Trial {
        let (from, to) = self.between(kmin, kmax);
        let ramp: f64 = (from..to)
            .map(|at| {
                let p = probability(self.depth[at], kmin, kmax, pmax);
                likelihood(self.frames[at], self.marked[at], p)
            })
            .sum();
        Trial {
            kmin,
            kmax,
            pmax,
            log_likelihood: self.below[from] + ramp + self.above[to],
        }
    }

    /// The same with the best Pmax from `floor` on.
    fn at(&self, kmin: f64, kmax: f64, floor: f64) -> Trial {
        self.given(kmin, kmax, self.best_pmax(kmin, kmax, floor))
    }

    /// The Pmax of the greatest likelihood between `floor` and 1: the zero of the likelihood's slope,
    /// which falls, by Newton's method within ever closer bounds.
    fn best_pmax(&self, kmin: f64, kmax: f64, floor: f64) -> f64 {
        let (from, to) = self.between(kmin, kmax);
        let breadth = (kmax - kmin).max(f64::MIN_POSITIVE);
        let scale = (1.0 - 2.0 * STRAY) / breadth;
        let slope = |pmax: f64| -> (f64, f64) {
            let (mut first, mut second) = (0.0, 0.0);
            for at in from..to {
                let x = scale * (self.depth[at] - kmin);
                let p = STRAY + x * pmax;
                let (marked, others) = (self.marked[at], self.frames[at] - self.marked[at]);
                let a = x / (1.0 - p);
                first -= others * a;
                second -= others * a * a;
                if marked > 0.0 {
                    let b = x / p;
                    first += marked * b;
                    second -= marked * b * b;
                }
            }
            (first, second)
        };
        if from == to || slope(1.0).0 >= 0.0 {
            return 1.0;
        }
        let (mut low, mut high) = (floor, 1.0f64);
        if slope(floor).0 <= 0.0 {
            return floor;
        }
        // As many marks as there are, were the ramp straight up to its middle.
        let (frames, marked) = (from..to).fold((0.0, 0.0), |(frames, marked), at| {
            (
                frames + self.frames[at] * scale * (self.depth[at] - kmin),
                marked + self.marked[at],
            )
        });
        let mut pmax = (marked / f64::max(frames, f64::MIN_POSITIVE)).clamp(low, high);
        for _ in 0..24 {
            let (first, second) = slope(pmax);
            if first > 0.0 {
                low = pmax;
            } else {
                high = pmax;
            }
            let next = pmax - first / second.min(-f64::MIN_POSITIVE);
            let next = if next > low && next < high {
                next
            } else {
                f64::midpoint(low, high)
            };
            if (next - pmax).abs() <= 1e-5 * pmax {
                return next;
            }
            pmax = next;
        }
        pmax
    }

    /// Climbs from `best` in ever smaller steps, along each end by itself and along both; `of` gives the
    /// likelihood.
    fn climb(&self, mut best: Trial, fixed: Fixed, of: &impl Fn(f64, f64) -> Trial) -> Trial {
        const WAYS: [(f64, f64); 6] = [
            (1.0, 0.0),
            (-1.0, 0.0),
            (0.0, 1.0),
            (0.0, -1.0),
            (1.0, 1.0),
            (-1.0, -1.0),
        ];
        let mut step = ((best.kmax - best.kmin) / 4.0).max(0.02 * best.kmax).max(GRAIN);
        let limit = (step / 2000.0).max(GRAIN / 8.0);
        while step > limit {
            let mut moved = false;
            for (a, b) in WAYS {
                if fixed == Fixed::Kmin && a != 0.0 || fixed == Fixed::Kmax && b != 0.0 {
                    continue;
                }
                let (kmin, kmax) = ((best.kmin + a * step).max(0.0), best.kmax + b * step);
                if kmax < kmin {
                    continue;
                }
                let next = of(kmin, kmax);
                if next.log_likelihood > best.log_likelihood + 1e-6 {
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

    /// Where an end may well be: even parts of the depths, close to where marking may change at once, and
    /// finer towards the shallow ones.
    fn places(&self, edges: [f64; 2]) -> Vec<f64> {
        let top = self.last_unmarked.max(edges[0]).max(1.0);
        let grid = f64::from(GRID);
        let mut places: Vec<f64> = (0..=GRID).map(|n| top * f64::from(n) / grid).collect();
        places.extend((1..8).map(|n| top / grid / f64::from(1 << n)));
        places.extend(edges.into_iter().filter(|edge| edge.is_finite()));
        places.extend([self.first_marked, self.last_unmarked, 1.15 * top, 1.5 * top, 3.0 * top]);
        places.sort_by(f64::total_cmp);
        places
    }

    /// The likeliest ramps, the best first.
    pub(super) fn search(&self, low: f64, high: f64) -> Vec<Trial> {
        let places = self.places([low, high]);
        let mut starts: Vec<Trial> = Vec::new();
        for kmin in &places {
            let beyond = places.iter().filter(|kmax| *kmax > kmin && **kmax >= self.first_marked);
            starts.extend(beyond.map(|kmax| self.at(*kmin, *kmax, 0.0)));
        }
        starts.sort_by(|a, b| b.log_likelihood.total_cmp(&a.log_likelihood));
        starts.truncate(STARTS);
        let mut found: Vec<Trial> = starts
            .into_iter()
            .map(|start| self.climb(start, Fixed::Neither, &|kmin, kmax| self.at(kmin, kmax, 0.0)))
            .collect();
        found.sort_by(|a, b| b.log_likelihood.total_cmp(&a.log_likelihood));
        found
    }

    /// The best log-likelihood with Kmin as it is said.
    pub(super) fn given_kmin(&self, kmin: f64, seeds: &[Trial], edges: [f64; 2], floor: f64) -> f64 {
        let places = self.places(edges);
        let others = seeds.iter().map(|seed| seed.kmax).chain(places);
        let tried = others
            .filter(|kmax| *kmax >= kmin)
            .map(|kmax| self.at(kmin, kmax, floor));
        self.best_of(tried, Fixed::Kmin, &|kmin, kmax| self.at(kmin, kmax, floor))
    }

    /// The same with Kmax.
    pub(super) fn given_kmax(&self, kmax: f64, seeds: &[Trial], edges: [f64; 2], floor: f64) -> f64 {
        let places = self.places(edges);
        let others = seeds.iter().map(|seed| seed.kmin).chain(places);
        let tried = others
            .filter(|kmin| *kmin <= kmax)
            .map(|kmin| self.at(kmin, kmax, floor));
        self.best_of(tried, Fixed::Kmax, &|kmin, kmax| self.at(kmin, kmax, floor))
    }

    /// The same with Pmax.
    pub(super) fn given_pmax(&self, pmax: f64, seeds: &[Trial]) -> f64 {
        let tried = seeds.iter().flat_map(|seed| {
            // A ramp of the same slope, and one of the same ends.
            let breadth = (seed.kmax - seed.kmin) * pmax / seed.pmax.max(f64::MIN_POSITIVE);
            [
                self.given(seed.kmin, seed.kmax, pmax),
                self.given(seed.kmin, seed.kmin + breadth, pmax),
                self.given((seed.kmax - breadth).max(0.0), seed.kmax, pmax),
            ]
        });
        self.best_of(tried, Fixed::Neither, &|kmin, kmax| self.given(kmin, kmax, pmax))
    }

    /// Climbs from the two best of those that were tried.
    fn best_of(&self, tried: impl Iterator<Item = Trial>, fixed: Fixed, of: &impl Fn(f64, f64) -> Trial) -> f64 {
        let mut tried: Vec<Trial> = tried.collect();
        tried.sort_by(|a, b| b.log_likelihood.total_cmp(&a.log_likelihood));
        tried.truncate(2);
        let climbed = tried
            .into_iter()
            .map(|start| self.climb(start, fixed, of).log_likelihood);
        climbed.fold(f64::NEG_INFINITY, f64::max)
    }
}
