//! ECN marking of one queue: curve, onset, thresholds, and whether they are the configured ones.
//!
//! Contract: only frames that were sent ECN-capable count. Marking at enqueue goes by the depth that
//! a frame finds, at dequeue by the depth that it leaves behind: both are fitted, and the one under
//! which the marks are likelier decides.
//!
//! Left out on purpose: the depths themselves (`queue`).

use super::curve::{Bin, Sample, curve, samples};
use super::fit::{Best, DROP, Fit, fit, log_likelihood, probability};
use super::queue::{Frame, Port, Queue, departure};
use super::{Evidence, Facts};
use crate::measure::trace::Kind;
use crate::testbed::EcnThresholds;
pub use crate::testbed::MarkAt;
use crate::units::Picos;

/// Fine bins of a curve.
const BINS: u64 = 48;

/// A curve is fine up to this many times Kmax.
const FOCUS: f64 = 2.0;

/// Thresholds within this share of the configured ones are not called others: devices round them.
const TOLERANCE: f64 = 0.03;

/// The configuration is refuted when the marks are less likely under it by this factor's logarithm.
const REFUTED: f64 = 12.0;

/// The first marked frame of a queue, in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onset {
    /// Its arrival.
    pub arrival: Picos,
    /// Its departure.
    pub departure: Option<Picos>,
    /// It was the n-th ECN-capable frame in this queue, from 1.
    pub frame: u64,
    /// Its flow.
    pub flow: u32,
    /// Depth by which it was marked, bytes: found, or left behind.
    pub depth: Option<u64>,
}

/// Whether a switch marks as it is configured to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Follows,
    /// It marks by other thresholds.
    DoesNotFollow,
    /// It marks nothing where it should.
    MarksNothing,
    /// It marks everything, where it should not.
    MarksEverything,
    /// The frames do not tell.
    CannotTell,
}

impl Verdict {
    /// Whether the switch is found to mark otherwise than it is configured to.
    #[must_use]
    pub const fn is_mismatch(self) -> bool {
        match self {
            Verdict::DoesNotFollow | Verdict::MarksNothing | Verdict::MarksEverything => true,
            Verdict::Follows | Verdict::CannotTell => false,
        }
    }
}

/// Most queues on a path, of a three-tier Clos: one of them holds this part of what stands in all.
const QUEUES: f64 = 5.0;

/// Fewer marks than are due by so many standard deviations is no chance.
const UNLIKELY: f64 = 5.0;

/// What was read of one queue's marking by one method.
#[derive(Debug, Clone, PartialEq)]
pub struct Marking {
    /// ECN-capable frames of which a depth is known.
    pub frames: u64,
    /// Of them, marked.
    pub marked: u64,
    /// ECN-capable frames left out: they waited elsewhere, at least in part, or another switch may have
    /// marked them.
    pub elsewhere: u64,
    /// Greatest depth that any of them saw, bytes.
    pub deepest: u64,
    /// How far depths may be off, bytes.
    pub uncertainty: u64,
    /// First marked frame.
    pub onset: Option<Onset>,
    /// When the switch looks; `None` when both explain the marks as well.
    pub at: Option<MarkAt>,
    /// Share marked over depth.
    pub curve: Vec<Bin>,
    /// Thresholds.
    pub fit: Option<Fit>,
    /// Why there are none.
    pub why_not: Option<String>,
    /// Whether they are the configured ones.
    pub verdict: Verdict,
    /// In words.
    pub explanation: String,
}

/// One frame that counts.
#[derive(Clone, Copy)]
struct Counted {
    frame: Frame,
    marked: bool,
    /// It came from another leaf: other switches may have marked it.
    far: bool,
}

/// Reads the marking of `queue`; `None` when no ECN-capable frame went through it.
#[must_use]
pub fn infer(evidence: &Evidence<'_>, facts: &Facts, port: &Port, queue: &Queue) -> Option<Marking> {
    let seen = evidence.trace.observations();
    let leaf = |port: usize| evidence.places.get(port).map(|place| place.leaf);
    let counted: Vec<Counted> = queue
        .frames
        .iter()
        .filter_map(|frame| {
            let one = seen.get(frame.index as usize)?;
            let flow = facts.flow(one.flow)?;
            // A probe is read by its own method: two methods on the same frames would agree by nature.
            let counts = one.kind == Kind::First && flow.capable && !flow.probe;
            counts.then_some(Counted {
                frame: *frame,
                marked: one.is_marked(),
                far: leaf(usize::from(flow.sender)) != leaf(queue.port),
            })
        })
        .collect();
    if counted.is_empty() {
        return None;
    }
    if port.paths.is_coarse() {
        return Some(coarse(&counted));
    }
    let all = counted.len();
    let marked = counted.iter().filter(|one| one.frame.elsewhere && one.marked).count();
    let here: Vec<Counted> = counted.into_iter().filter(|one| !one.frame.elsewhere).collect();
    let (mut marking, lacking) = read(evidence, queue, &here, all);
    if marked > 0 && marking.fit.is_none() && marking.marked == 0 {
        let why = format!(
            "{} frames that waited elsewhere, at least in part, are left out, {marked} of them marked: what is left does not tell.",
            marking.elsewhere
        );
        marking.why_not = Some(why);
    }
    let far = here.iter().filter(|one| one.far).count();
    if far == 0 || !marking.verdict.is_mismatch() {
        return Some(marking);
    }
    // What came from this leaf went through no queue but this one.
    let near: Vec<Counted> = here.into_iter().filter(|one| !one.far).collect();
    let (alone, _) = read(evidence, queue, &near, all);
    if alone.verdict != Verdict::CannotTell {
        return Some(alone);
    }
    if lacking {
        return Some(marking);
    }
    let marking = alone;
    let why = format!(
        "{far} frames came over several switches: in which of them they waited and were marked cannot be told from outside. \
         A test of one switch reads its thresholds (8.1)."
    );
    Some(Marking {
        fit: None,
        at: None,
        onset: None,
        why_not: Some(why.clone()),
        explanation: why,
        ..marking
    })
}

/// Whether fewer frames are marked than the configuration demands, by more than chance would have it,
/// though the bytes that they found stood in several queues. `slack`: bytes by which depths may be off.
#[expect(clippy::cast_precision_loss, reason = "depths and numbers of frames")]
fn lacks_marks(samples: &[Sample], configured: Option<EcnThresholds>, slack: u64) -> bool {
    let Some(said) = configured else { return false };
    let (kmin, kmax) = (
        QUEUES * (said.kmin.0 + slack) as f64,
        QUEUES * (said.kmax.0 + slack) as f64,
    );
    let (mut due, mut variance, mut marked) = (0.0, 1.0, 0.0);
    for sample in samples {
        let p = probability(sample.depth as f64, kmin, kmax, said.pmax.0);
        if p > 0.0 {
            let frames = sample.frames as f64;
            due += frames * p;
            variance += frames * p * (1.0 - p);
            marked += sample.marked as f64;
        }
    }
    marked < due - UNLIKELY * variance.sqrt()
}

/// What `counted` say, of `all` ECN-capable frames of the queue; and whether marks are lacking.
fn read(evidence: &Evidence<'_>, queue: &Queue, counted: &[Counted], all: usize) -> (Marking, bool) {
    let seen = evidence.trace.observations();
    let elsewhere = (all - counted.len()) as u64;
    // Both depths of the same frames, or likelihoods could not be compared.
    let both = |one: &&Counted| one.frame.found().is_some() && one.frame.left_with_ties().is_some();
    let counted: Vec<Counted> = counted.iter().filter(both).copied().collect();
    let found = samples(counted.iter().filter_map(|one| Some((one.frame.found()?, one.marked))));
    let left = samples(counted.iter().filter_map(|one| Some((one.frame.left()?, one.marked))));
    let tied = samples(
        counted
            .iter()
            .filter_map(|one| Some((one.frame.left_with_ties()?, one.marked))),
    );
    let longest = counted.iter().map(|one| u64::from(one.frame.len)).max().unwrap_or(0);
    let uncertainty = queue.uncertainty.unwrap_or(0);
    let reading = Reading::choose(&found, [&left, &tied], uncertainty);
    let onset = (1u64..)
        .zip(&counted)
        .find(|(_, one)| one.marked)
        .and_then(|(number, one)| {
            let first = seen.get(one.frame.index as usize)?;
            Some(Onset {
                arrival: first.arrival,
                departure: departure(first).map(|_| first.departure),
                frame: number,
                flow: first.flow,
                depth: match reading.at {
                    Some(MarkAt::Dequeue) if reading.with_ties => one.frame.left_with_ties(),
                    Some(MarkAt::Dequeue) => one.frame.left(),
                    _ => one.frame.found(),
                },
            })
        });
    let mut marking = reading.marking(queue.uncertainty.is_none());
    marking.onset = onset;
    marking.elsewhere = elsewhere;
    if counted.is_empty() {
        marking.why_not = Some("Whatever these frames waited, they waited elsewhere, not in this queue.".to_owned());
    }
    let (configured, slack) = (evidence.configured.ecn, longest + uncertainty);
    (marking.verdict, marking.explanation) = judge(&marking, &reading, configured, longest);
    (marking, lacks_marks(reading.samples, configured, slack))
}

/// What can be said when arrival times are those of bursts.
fn coarse(counted: &[Counted]) -> Marking {
    let why = "Frames are said to arrive closer together than the link carries them: their times are those of bursts, \
               and say nothing of depth.";
    Marking {
        frames: counted.len() as u64,
        marked: counted.iter().filter(|one| one.marked).count() as u64,
        why_not: Some(why.to_owned()),
        explanation: why.to_owned(),
        ..Reading::choose(&[], [&[], &[]], 0).marking(false)
    }
}

/// Samples by one of the depths, and what all say that explain the marks.
pub(super) struct Reading<'a> {
    pub(super) at: Option<MarkAt>,
    pub(super) samples: &'a [Sample],
    /// Those are of depths left behind, together with what entered as the frame began to leave.
    with_ties: bool,
    /// By other depths, where those explain the marks as well.
    others: Vec<&'a [Sample]>,
    pub(super) fit: Option<Fit>,
    /// How far depths may be off, bytes; in the intervals.
    uncertainty: u64,
}

impl<'a> Reading<'a> {
    /// Of the depths found and left behind, those that explain the marks better; all where the marks do
    /// not exclude them. Depths left behind are without and with what entered at that very moment.
    #[expect(clippy::cast_precision_loss, reason = "bytes in a queue")]
    pub(super) fn choose(found: &'a [Sample], left: [&'a [Sample]; 2], uncertainty: u64) -> Reading<'a> {
        let [left, tied] = left;
        // Mostly nothing does: then they are one.
        let tied = Some(tied).filter(|tied| *tied != left);
        let ways = [
            Some((MarkAt::Enqueue, false, found)),
            Some((MarkAt::Dequeue, false, left)),
            tied.map(|tied| (MarkAt::Dequeue, true, tied)),
        ];
        let ways = ways.into_iter().flatten();
        let bests: Vec<Option<Best>> = ways.clone().map(|(_, _, samples)| Best::of(samples)).collect();
        let likely = |best: &Option<Best>| best.as_ref().map_or(f64::NEG_INFINITY, Best::log_likelihood);
        let of = |wanted: MarkAt| {
            let all = ways.clone().zip(&bests).filter(|((at, ..), _)| *at == wanted);
            all.map(|(_, best)| likely(best)).fold(f64::NEG_INFINITY, f64::max)
        };
        let gain = of(MarkAt::Enqueue) - of(MarkAt::Dequeue);
        let at = match gain {
            gain if gain.is_finite() && gain > DROP => Some(MarkAt::Enqueue),
            gain if gain.is_finite() && gain < -DROP => Some(MarkAt::Dequeue),
            _ => None,
        };
        let best = bests.iter().map(likely).fold(f64::NEG_INFINITY, f64::max);
        // The first of those that are as likely, and what cannot be excluded beside it.
        let is_possible = |best_of: &Option<Best>| best == f64::NEG_INFINITY || likely(best_of) >= best - DROP;
        let mut possible: Vec<_> = ways
            .zip(&bests)
            .filter(|(_, best)| is_possible(best))
            .map(|(way, _)| way)
            .collect();
        let place = bests
            .iter()
            .filter(|one| is_possible(one))
            .position(|one| likely(one) >= best);
        let (_, with_ties, samples) = possible.remove(place.unwrap_or(0));
        let fit = fit(bests.iter().flatten()).map(|fit| fit.widened(uncertainty as f64));
        Reading {
            at,
            samples,
            with_ties,
            others: possible.into_iter().map(|(_, _, samples)| samples).collect(),
            fit,
            uncertainty,
        }
    }

    /// Log-likelihood of the marks under thresholds that may be off by `slack`.
    fn likeliest(&self, said: (f64, f64, f64), slack: f64) -> f64 {
        let one = |samples: &[Sample], shift: f64| {
            let end = |end: f64| (end + shift * slack).max(0.0);
            log_likelihood(samples, end(said.0), end(said.1), said.2)
        };
        let all = std::iter::once(self.samples).chain(self.others.iter().copied());
        all.flat_map(|samples| [-1.0, -0.5, 0.0, 0.5, 1.0].map(|shift| one(samples, shift)))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// The depth up to which the curve is of interest: somewhat beyond the last threshold.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a depth, not negative"
    )]
    fn focus(&self) -> u64 {
        self.fit.map_or(u64::MAX, |fit| (fit.kmax.value * FOCUS) as u64)
    }

    /// Everything but onset and verdict.
    pub(super) fn marking(&self, blind: bool) -> Marking {
        let frames = self.samples.iter().map(|sample| sample.frames).sum();
        let marked = self.samples.iter().map(|sample| sample.marked).sum();
        let why_not = if self.fit.is_some() {
            None
        } else if blind {
            Some("No frame was alone on its path: what of the delays is waiting cannot be told.".to_owned())
        } else if frames == 0 {
            Some("No frame carries a departure that can be believed.".to_owned())
        } else if marked == 0 {
            Some("No frame was marked.".to_owned())
        } else {
            Some("Every frame was marked.".to_owned())
        };
        Marking {
            frames,
            marked,
            elsewhere: 0,
            deepest: self.samples.last().map_or(0, |sample| sample.depth),
            uncertainty: self.uncertainty,
            onset: None,
            at: self.at,
            curve: curve(self.samples, BINS, self.focus()),
            fit: self.fit,
            why_not,
            verdict: Verdict::CannotTell,
            explanation: String::new(),
        }
    }
}

/// Compares what was read with the configuration; `frame` is the length of the longest frame.
///
/// *Follows* needs every configured value inside its interval, to a frame, the marks not less likely
/// under all of them together than an interval allows, and a reading that tells: Kmax passed, and a step
/// excluded where a ramp is configured.
#[expect(clippy::cast_precision_loss, reason = "depths")]
pub(super) fn judge(
    marking: &Marking,
    reading: &Reading<'_>,
    configured: Option<EcnThresholds>,
    frame: u64,
) -> (Verdict, String) {
    let Some(said) = configured else {
        return (
            Verdict::CannotTell,
            "No configuration is known to compare with.".to_owned(),
        );
    };
    if marking.frames == 0 {
        let why = marking.why_not.clone().unwrap_or_default();
        return (Verdict::CannotTell, why);
    }
    let (kmin, kmax, pmax) = (said.kmin.0 as f64, said.kmax.0 as f64, said.pmax.0);
    let (samples, frame) = (reading.samples, frame as f64);
    // Depths may be off by so much: the configuration gets the benefit of it.
    let likeliest = reading.likeliest((kmin, kmax, pmax), frame + reading.uncertainty as f64);
    let Some(fit) = marking.fit else {
        return unread(marking, samples, said, likeliest);
    };
    let share = |pmax: super::Estimate| format!(", Pmax {:.1} %", 100.0 * pmax.value);
    let read = format!(
        "Read: Kmin {:.0}, Kmax {:.0} bytes{}; configured: {}, {}, {}.",
        fit.kmin.value,
        fit.kmax.value,
        match (fit.pmax, fit.step) {
            (Some(pmax), _) => share(pmax),
            (None, Some(true)) => " (a step)".to_owned(),
            (None, _) => format!(", or a ramp from as low as {:.0} up to there", fit.kmin.low),
        },
        said.kmin.0,
        said.kmax.0,
        said.pmax
    );
    let inside = |read: super::Estimate, said: f64, slack: f64| (read.low - slack..=read.high + slack).contains(&said);
    let all_inside = inside(fit.kmin, kmin, frame)
        && inside(fit.kmax, kmax, frame)
        && fit.pmax.is_none_or(|read| inside(read, pmax, 0.0));
    let near =
        |read: super::Estimate, said: f64| inside(read, said, frame) || (read.value - said).abs() <= TOLERANCE * said;
    let all_near = near(fit.kmin, kmin)
        && near(fit.kmax, kmax)
        && fit
            .pmax
            .is_none_or(|read| inside(read, pmax, 0.0) || (read.value - pmax).abs() <= TOLERANCE);
    let ramp = kmax - kmin > frame;
    if all_inside && likeliest >= fit.log_likelihood - DROP {
        return if fit.kmax.high > marking.deepest as f64 + frame {
            let why = format!("{read} The queue did not come so deep that Kmax would show.");
            (Verdict::CannotTell, why)
        } else if ramp && fit.step != Some(false) {
            let why = format!("{read} Too few frames to tell a ramp from a step.");
            (Verdict::CannotTell, why)
        } else {
            (Verdict::Follows, read)
        };
    }
    if all_near || likeliest > fit.log_likelihood - REFUTED {
        (Verdict::CannotTell, format!("{read} Close, and not the same."))
    } else {
        (Verdict::DoesNotFollow, read)
    }
}

/// The verdict where nothing was marked, or everything.
fn unread(marking: &Marking, samples: &[Sample], said: EcnThresholds, likeliest: f64) -> (Verdict, String) {
    let deepest = marking.deepest;
    let shallowest = samples.first().map_or(0, |sample| sample.depth);
    let certain = log_likelihood(samples, f64::INFINITY, f64::INFINITY, 1.0);
    if marking.marked == 0 && likeliest < certain - REFUTED {
        let text = format!(
            "Nothing is marked, though frames saw up to {deepest} bytes and Kmin is said to be {}.",
            said.kmin.0
        );
        return (Verdict::MarksNothing, text);
    }
    if marking.marked == marking.frames && likeliest < marking_all(samples) - REFUTED {
        let text = format!(
            "Everything is marked, also frames that saw {shallowest} bytes where Kmin is said to be {}.",
            said.kmin.0
        );
        return (Verdict::MarksEverything, text);
    }
    let text = format!(
        "Depths from {shallowest} to {deepest} bytes do not tell: Kmin is said to be {}, Kmax {}.",
        said.kmin.0, said.kmax.0
    );
    (Verdict::CannotTell, text)
}

/// Likelihood of marks on everything, if everything were marked.
fn marking_all(samples: &[Sample]) -> f64 {
    log_likelihood(samples, -1.0, -1.0, 1.0)
}
