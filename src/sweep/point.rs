//! Points and trials: their combinations, names and seeds.

use sha2::{Digest, Sha256};

use super::types::{Axis, Plot, Point, Setting};

/// Every combination of the axes' `values`, of which there are `count`; the last axis changes fastest.
pub(super) fn combinations(values: &[Vec<Setting>], count: usize) -> Vec<Point> {
    (0..count)
        .map(|number| {
            let mut rest = number;
            let mut point: Vec<Option<Setting>> = values
                .iter()
                .rev()
                .map(|values| {
                    let value = values.get(rest % values.len()).cloned();
                    rest /= values.len();
                    value
                })
                .collect();
            point.reverse();
            Point { values: point }
        })
        .collect()
}

/// The point as `key=value`, for messages.
#[must_use]
pub fn said(axes: &[Axis], point: &Point) -> String {
    let parts: Vec<String> = axes
        .iter()
        .zip(&point.values)
        .filter_map(|(axis, value)| Some(format!("{}={}", short(axes, axis), value.as_ref()?.value)))
        .collect();
    if parts.is_empty() {
        "as it is".to_owned()
    } else {
        parts.join(" ")
    }
}

/// An axis' name among `axes`: the last part of a key says enough, unless two of them end alike.
#[must_use]
pub fn short(axes: &[Axis], axis: &Axis) -> String {
    let name = axis.short();
    let alike = axes.iter().filter(|other| other.short() == name).count();
    if alike > 1 { axis.title() } else { name }
}

/// An axis' name in charts: the one for people, where it has one.
#[must_use]
pub fn shown(axes: &[Axis], axis: &Axis) -> String {
    axis.label.clone().unwrap_or_else(|| short(axes, axis))
}

/// Seed of a trial: the first eight bytes, big-endian, of the SHA-256 of `SEED/POINT/TRIAL` in decimal,
/// so that anyone can work it out, and no trial's seed depends on which were run before it.
#[must_use]
pub fn seed(sweep: u64, point: usize, trial: u32) -> u64 {
    let digest = Sha256::digest(format!("{sweep}/{point}/{trial}").as_bytes());
    digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// Folder of a trial below the sweep's, with `/` between its parts.
#[must_use]
pub fn folder(point: usize, trial: u32) -> String {
    format!("trials/point-{point:04}/trial-{trial:04}")
}

/// File name of a chart, without extension.
pub(super) fn file_name(plot: &Plot) -> &str {
    match plot {
        Plot::MarkingRate => "marking-rate",
        Plot::MarkingCurve => "marking-curve",
        Plot::LatencyCdf => "latency-cdf",
        Plot::Figure(figure) => &figure.name,
        Plot::Samples(samples) => &samples.name,
    }
}
