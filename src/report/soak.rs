//! Trends over the samples of a long run (the draft's tests 13.1 to 13.3), and what of them is a growth.
//!
//! Contract: memory does not grow with the number of samples: a figure keeps at most [`POINTS`] points,
//! neighbours being averaged when there are more, and its extremes exactly. A figure is a function of the
//! samples alone; `docs/METHOD.md` defines each and says what a verdict is worth.
//!
//! Left out on purpose: where samples come from, and files (`samples`).

use std::time::{Duration, SystemTime};

use statrs::distribution::{ContinuousCDF, Normal};

use super::model::{Sample, SampleHeader, SampledReceived, Soak, Trend};
use crate::expect::known;
use crate::pattern::{About, about};

/// Points that a figure keeps.
pub const POINTS: usize = 1024;

/// Two-sided probability below which a trend is taken for one.
const SIGNIFICANT: f64 = 0.01;

/// What a growth must come to over the samples, in percent of the median.
const RELEVANT_PERCENT: f64 = 1.0;

/// A growth of resident memory below so many bytes is the allocator's.
const RELEVANT_BYTES: f64 = 1_048_576.0;

/// A growth of fewer buffers is a burst's.
const RELEVANT_BUFFERS: f64 = 32.0;

/// Wall-clock time that memory must be watched for: a process touches new memory for a while anyway.
const MEMORY_WATCH: Duration = Duration::from_secs(60);

const PICOS_PER_HOUR: f64 = 3.6e15;

/// One figure over time.
#[derive(Debug, Clone)]
struct Series {
    /// Time of the run and value, in order of time; each stands for `each` samples.
    points: Vec<(f64, f64)>,
    each: u64,
    /// Those that make no whole point yet: their number and their sums.
    pending: (u64, f64, f64),
    count: u64,
    first: f64,
    last: f64,
    min: f64,
    max: f64,
}

impl Series {
    fn new() -> Series {
        Series {
            points: Vec::with_capacity(POINTS),
            each: 1,
            pending: (0, 0.0, 0.0),
            count: 0,
            first: 0.0,
            last: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    fn see(&mut self, time: f64, value: f64) {
        if self.count == 0 {
            self.first = value;
        }
        self.last = value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.count += 1;
        let (count, times, values) = self.pending;
        self.pending = (count + 1, times + time, values + value);
        if self.pending.0 < self.each {
            return;
        }
        let (count, times, values) = std::mem::take(&mut self.pending);
        self.points.push((times / float(count), values / float(count)));
        if self.points.len() == POINTS {
            let halves = self.points.chunks(2);
            let halves: Vec<(f64, f64)> = halves
                .map(|pair| {
                    let (times, values) = pair
                        .iter()
                        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
                    (times / float(pair.len() as u64), values / float(pair.len() as u64))
                })
                .collect();
            self.points.clear();
            self.points.extend(halves);
            self.each *= 2;
        }
    }

    /// `name` and so on of the series; `least`: what a growth must come to in the figure's unit, where a
    /// growth is a sign of something.
    fn trend(&self, name: &str, unit: &str, place: &str, least: Option<f64>) -> Option<Trend> {
        if self.count == 0 {
            return None;
        }
        let mut values: Vec<f64> = self.points.iter().map(|(_, value)| *value).collect();
        if values.is_empty() {
            values.push(self.pending.2 / float(self.pending.0));
        }
        let median = median(&mut values);
        let slope = theil_sen(&self.points);
        let (s, p) = mann_kendall(&self.points);
        let span = self
            .points
            .last()
            .zip(self.points.first())
            .map(|(last, first)| last.0 - first.0);
        let grows = least.map(|least| {
            // Fitted, so that one odd sample at either end decides nothing.
            let growth = slope.zip(span).map_or(0.0, |(slope, span)| slope * span);
            let significant = s > 0 && p.is_some_and(|p| p < SIGNIFICANT);
            significant && growth > least && growth * 100.0 > RELEVANT_PERCENT * median.abs()
        });
        Some(Trend {
            name: name.to_owned(),
            unit: unit.to_owned(),
            place: place.to_owned(),
            samples: self.count,
            first: self.first,
            last: self.last,
            min: self.min,
            max: self.max,
            median,
            slope_per_hour: slope.map(|slope| slope * PICOS_PER_HOUR),
            mann_kendall_s: s,
            mann_kendall_p: p,
            variation_percent: (median > 0.0).then(|| 100.0 * (self.max - self.min) / median),
            grows,
        })
    }
}

/// The middle one, or the mean of the two in the middle; zero of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0.0,
        (Some(value), 1) => *value,
        (Some(upper), _) => f64::midpoint(values.get(middle.wrapping_sub(1)).copied().unwrap_or(*upper), *upper),
    }
}

/// Every pair of points, the earlier one first.
fn pairs(points: &[(f64, f64)]) -> impl Iterator<Item = (&(f64, f64), &(f64, f64))> {
    points
        .iter()
        .enumerate()
        .flat_map(|(index, first)| points.iter().skip(index + 1).map(move |second| (first, second)))
}

/// The median slope over all pairs of points (Theil 1950, Sen 1968), per unit of time.
fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let slopes = pairs(points).filter(|(first, second)| second.0 > first.0);
    let mut slopes: Vec<f64> = slopes
        .map(|(first, second)| (second.1 - first.1) / (second.0 - first.0))
        .collect();
    (!slopes.is_empty()).then(|| median(&mut slopes))
}

/// Mann–Kendall's S and its two-sided p by the normal approximation, with the correction for ties and for
/// continuity (Kendall 1975).
fn mann_kendall(points: &[(f64, f64)]) -> (i64, Option<f64>) {
    let s: i64 = pairs(points)
        .map(|(first, second)| match second.1.total_cmp(&first.1) {
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
        })
        .sum();
    if points.len() < 4 {
        return (s, None);
    }
    let spread = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let ties: f64 = values
        .chunk_by(|one, other| one.total_cmp(other).is_eq())
        .map(|equal| spread(float(equal.len() as u64)))
        .sum();
    let variance = (spread(float(points.len() as u64)) - ties) / 18.0;
    if variance <= 0.0 {
        // All are equal.
        return (s, Some(1.0));
    }
    #[expect(clippy::cast_precision_loss, reason = "at most half a million")]
    let distance = (s.unsigned_abs() as f64 - 1.0).max(0.0) / variance.sqrt();
    let p = Normal::new(0.0, 1.0).ok().map(|normal| 2.0 * normal.sf(distance));
    (s, p)
}

/// A figure of every sample.
#[derive(Debug, Clone)]
struct Figure {
    name: &'static str,
    unit: &'static str,
    place: String,
    /// What a growth must come to, where one is a sign of something wrong.
    least: Option<f64>,
    /// Whether it rests on times of arrival.
    timed: bool,
    read: Read,
    series: Series,
}

/// Where a figure stands in a sample.
#[derive(Debug, Clone, Copy)]
enum Read {
    Traffic(usize, fn(&SampledReceived) -> Option<f64>),
    TxUtilization(usize),
    RxUtilization(usize),
    PfcFrames(usize),
    Buffers,
}

impl Read {
    fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Read::Traffic(entry, of) => of(sample.traffic.get(entry)?.received.as_ref()?),
            Read::TxUtilization(port) => sample.ports.get(port)?.tx.utilization_percent,
            Read::RxUtilization(port) => sample.ports.get(port)?.rx?.utilization_percent,
            Read::PfcFrames(port) => sample.ports.get(port)?.pfc_frames.map(float),
            Read::Buffers => Some(float(sample.buffers_in_use)),
        }
    }
}

/// The trends of a run under way.
#[derive(Debug, Clone)]
pub struct Trends {
    interval_ps: u64,
    figures: Vec<Figure>,
    resident: Series,
    /// Wall-clock times of the first and the last sample in it.
    watched: Option<(SystemTime, SystemTime)>,
    samples: u64,
    /// As the plan has it.
    expected: Option<u64>,
    warm_up: u64,
    segments: u32,
    /// Time of the run before the segment under way.
    before: f64,
    segment_ps: u64,
    segment: u32,
}

/// The draft's name of the time of an entry's messages.
fn message_figure(kind: &str) -> &'static str {
    match about(kind) {
        About::Messages => known::KV_XFER_LATENCY.name,
        About::Dispatches | About::Load | About::Pauses | About::Probe => "message_latency",
    }
}

fn round_figure(kind: &str) -> &'static str {
    match about(kind) {
        About::Dispatches => known::EP_ALLTOALL_LATENCY.name,
        About::Messages | About::Load | About::Pauses | About::Probe => known::ROUND_TIME.name,
    }
}

/// In microseconds, as all times of reports.
fn micros(picos: u64) -> f64 {
    float(picos) / 1e6
}

impl Trends {
    /// No samples yet.
    #[must_use]
    pub fn new(header: &SampleHeader) -> Trends {
        let mut figures = Vec::new();
        let mut add = |name, unit, place: &str, least, timed, read| {
            figures.push(Figure {
                name,
                unit,
                place: place.to_owned(),
                least,
                timed,
                read,
                series: Series::new(),
            });
        };
        for (index, entry) in header.traffic.iter().enumerate() {
            let place = format!("traffic/{}", entry.name);
            let mut of =
                |name, unit, least, timed, read| add(name, unit, &place, least, timed, Read::Traffic(index, read));
            of(known::PACKET_LATENCY.name, "us", Some(0.0), true, |seen| {
                Some(micros(seen.packet_latency?.p99_ps))
            });
            of(message_figure(&entry.kind), "us", Some(0.0), true, |seen| {
                Some(micros(seen.message_latency?.p99_ps))
            });
            of(round_figure(&entry.kind), "us", Some(0.0), true, |seen| {
                Some(micros(seen.round_time?.p99_ps))
            });
            of(known::FABRIC_GOODPUT.name, "GB/s", None, false, |seen| {
                Some(float(seen.goodput_bps?) / 8e9)
            });
            of(known::ECN_MARKING_RATE.name, "%", None, false, |seen| seen.ce_percent);
        }
        for (index, port) in header.ports.iter().enumerate() {
            let place = format!("ports/{}", port.name);
            add(
                "Link_utilization_tx",
                "%",
                &place,
                None,
                false,
                Read::TxUtilization(index),
            );
            add(
                "Link_utilization_rx",
                "%",
                &place,
                None,
                false,
                Read::RxUtilization(index),
            );
            add(
                known::PFC_FRAME_COUNT.name,
                "frames",
                &place,
                None,
                false,
                Read::PfcFrames(index),
            );
        }
        add(
            "buffers_in_use",
            "buffers",
            "run",
            Some(RELEVANT_BUFFERS),
            false,
            Read::Buffers,
        );
        Trends {
            interval_ps: header.interval_ps,
            figures,
            resident: Series::new(),
            watched: None,
            samples: 0,
            expected: header
                .planned_duration_ps
                .map(|planned| planned / header.interval_ps.max(1)),
            warm_up: 0,
            segments: 0,
            before: 0.0,
            segment_ps: 0,
            segment: 0,
        }
    }

    /// Samples whose resident memory is left out: a tenth of the run, two at least; after a break, two
    /// again, since the memory is another process's.
    fn warms_up(&self, in_segment: u64) -> bool {
        let tenth = self.expected.map_or(2, |expected| expected.div_ceil(10)).max(2);
        in_segment < 2 || self.samples < tenth
    }

    /// One more sample, in order.
    pub fn see(&mut self, sample: &Sample) {
        if self.segments == 0 || sample.segment != self.segment {
            self.before += float(self.segment_ps);
            self.segments += 1;
            self.segment = sample.segment;
        }
        self.segment_ps = sample.to_ps;
        if !sample.whole {
            return;
        }
        let time = self.before + float(sample.to_ps);
        for figure in &mut self.figures {
            if let Some(value) = figure.read.of(sample) {
                figure.series.see(time, value);
            }
        }
        let in_segment = sample.to_ps.saturating_sub(1) / self.interval_ps.max(1);
        if self.warms_up(in_segment) {
            self.warm_up += 1;
        } else if let Some(bytes) = sample.process.resident_bytes {
            self.resident.see(time, float(bytes));
            if let Ok(at) = humantime::parse_rfc3339_weak(&sample.process.at) {
                self.watched = Some((self.watched.map_or(at, |(first, _)| first), at));
            }
        }
        self.samples += 1;
    }

    /// What the samples come to: their trends, and that of resident memory, in bytes. `untimed`: the
    /// places of entries whose times nobody may rely on.
    #[must_use]
    pub fn finish(&self, untimed: &[String]) -> (Soak, Option<Trend>) {
        let mut resident = self
            .resident
            .trend("resident_memory", "bytes", "run", Some(RELEVANT_BYTES));
        let watched = self.watched.and_then(|(first, last)| last.duration_since(first).ok());
        if let Some(trend) = &mut resident
            && watched.is_none_or(|watched| watched < MEMORY_WATCH)
        {
            trend.grows = None;
        }
        let known = |figure: &&Figure| !(figure.timed && untimed.contains(&figure.place));
        let soak = Soak {
            interval_ps: self.interval_ps,
            samples: self.samples,
            segments: self.segments,
            warm_up_samples: self.warm_up,
            resident_memory_grows: resident.as_ref().and_then(|trend| trend.grows),
            trends: self
                .figures
                .iter()
                .filter(known)
                .filter_map(|figure| {
                    figure
                        .series
                        .trend(figure.name, figure.unit, &figure.place, figure.least)
                })
                .collect(),
        };
        (soak, resident)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and times into figures of a report")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
