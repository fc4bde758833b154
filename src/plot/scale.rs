//! Axes: from values to pixels, which values have a tick, and how they are written.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

use super::Axis;
use crate::units::shown::{figure, quantity};

/// What kind of quantity an axis measures, and in which unit its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// A plain number.
    #[default]
    Number,
    /// Bytes.
    Bytes,
    /// Picoseconds.
    Picos,
    /// Bits per second.
    Rate,
    /// Percent.
    Percent,
}

impl Quantity {
    /// The quantity of a result's unit, and how many of the chart's own unit one of it is.
    #[must_use]
    pub fn of_unit(unit: &str) -> (Quantity, f64) {
        match unit {
            "us" => (Quantity::Picos, 1e6),
            "ps" => (Quantity::Picos, 1.0),
            "%" => (Quantity::Percent, 1.0),
            "bytes" => (Quantity::Bytes, 1.0),
            "GB/s" => (Quantity::Rate, 8e9),
            "bps" => (Quantity::Rate, 1.0),
            _ => (Quantity::Number, 1.0),
        }
    }

    /// A value with the prefix that suits it.
    #[must_use]
    pub fn say(self, value: f64) -> String {
        if value == 0.0 && self != Quantity::Percent {
            return "0".to_owned();
        }
        let unit = match self {
            Quantity::Number => return prefixed(value),
            Quantity::Bytes => "bytes",
            Quantity::Picos => "ps",
            Quantity::Rate => "bps",
            Quantity::Percent => "%",
        };
        quantity(value, unit)
    }
}

/// A plain number: thousands and more by their prefix, where there are more than four digits.
fn prefixed(value: f64) -> String {
    let steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
    match steps.iter().find(|(least, _)| value.abs() >= *least * 0.999_999) {
        // Thousands are counted from ten of them on.
        Some((1e4, prefix)) => format!("{}{prefix}", figure(value / 1e3)),
        Some((least, prefix)) => format!("{}{prefix}", figure(value / least)),
        None => figure(value),
    }
}

/// An axis with its ends and ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
    quantity: Quantity,
    names: Option<Vec<String>>,
    ticks: Vec<f64>,
}

/// Ends at least `least` apart around the same middle; no end below zero, or above `most`, that was not.
fn stretched(low: f64, high: f64, least: f64, most: Option<f64>) -> (f64, f64) {
    if high - low >= least {
        return (low, high);
    }
    let middle = low.midpoint(high) - least / 2.0;
    let bottom = if low >= 0.0 { middle.max(0.0) } else { middle };
    match most.filter(|most| high <= *most) {
        Some(most) if bottom + least > most => (low.min((most - least).max(0.0)), most),
        _ => (bottom, bottom + least),
    }
}

/// Ticks that a linear axis aims at.
const TICKS: f64 = 6.0;

impl Scale {
    /// The scale of `axis` for `values`. A logarithmic one needs a positive value, else it is linear.
    #[must_use]
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64> + Clone) -> Scale {
        Scale::spanning(axis, values, 0.0)
    }

    /// The same, no shorter than `least`: smaller differences are none. A logarithmic scale has no such length.
    #[must_use]
    pub fn spanning(axis: &Axis, values: impl Iterator<Item = f64> + Clone, least: f64) -> Scale {
        let log = axis.log && axis.names.is_none() && values.clone().any(|value| value.is_finite() && value > 0.0);
        let usable = values
            .chain(axis.within.map(|(low, _)| low))
            .chain(axis.within.map(|(_, high)| high))
            .filter(|value| value.is_finite() && (!log || *value > 0.0));
        let (low, high) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // An axis that has ends of its own is no closer to its data than they are.
        let (low, high) = if log || axis.names.is_some() || axis.within.is_some() {
            (low, high)
        } else {
            let most = (axis.quantity == Quantity::Percent).then_some(100.0);
            stretched(low, high, least, most)
        };
        let mut scale = Scale {
            low,
            high,
            log,
            quantity: axis.quantity,
            names: axis.names.clone(),
            ticks: Vec::new(),
        };
        if let Some(names) = &axis.names {
            #[expect(clippy::cast_precision_loss, reason = "a few names")]
            let count = names.len().max(1) as f64;
            (scale.low, scale.high) = (-0.5, count - 0.5);
            scale.ticks = (0_u32..).map(f64::from).take(names.len()).collect();
            return scale;
        }
        scale.widen(axis.within);
        scale.ticks = match &axis.ticks {
            Some(ticks) => ticks.clone(),
            None if log => scale.decades(),
            None => scale.round_ticks(),
        };
        let (low, high) = (scale.low, scale.high);
        scale.ticks.retain(|tick| (low..=high).contains(tick));
        scale
    }

    /// Makes room around the data, down to zero where that is near.
    fn widen(&mut self, within: Option<(f64, f64)>) {
        if self.log {
            let room = (self.high / self.low).powf(0.04).max(1.1);
            (self.low, self.high) = (self.low / room, self.high * room);
            return;
        }
        let (low, high) = (self.low, self.high);
        let span = if high > low { high - low } else { high.abs().max(1.0) };
        let fixed = |value: f64| within.is_some_and(|(low, high)| value == low || value == high);
        if low >= 0.0 && low < 0.5 * high || low == 0.0 {
            self.low = 0.0;
        } else if !fixed(low) {
            self.low = low - 0.06 * span;
        }
        if !fixed(high) {
            self.high = high + 0.06 * span;
        }
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn round_ticks(&self) -> Vec<f64> {
        let raw = (self.high - self.low) / TICKS;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= raw).unwrap_or(power);
        let first = (self.low / step).ceil();
        (0_u32..50)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|tick| *tick <= self.high)
            .collect()
    }

    /// Powers of ten, with 2 and 5 times them where there are few.
    fn decades(&self) -> Vec<f64> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let factors: &[f64] = if high - low < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let first = low.floor();
        let powers = (0_u32..700).map(|index| 10_f64.powf(first + f64::from(index)));
        powers
            .take_while(|power| *power <= self.high)
            .flat_map(|power| factors.iter().map(move |factor| factor * power))
            .collect()
    }

    /// Whether a value can be shown.
    #[must_use]
    pub fn shows(&self, value: f64) -> bool {
        value.is_finite() && (!self.log || value > 0.0)
    }

    /// Where bars stand: zero, or the end that is nearest to it.
    pub(super) fn base(&self) -> f64 {
        if self.log {
            self.low
        } else {
            0.0_f64.clamp(self.low, self.high)
        }
    }

    /// The names of an axis that has some.
    pub(super) fn names(&self) -> &[String] {
        self.names.as_deref().unwrap_or_default()
    }

    /// Whether a value lies between the ends.
    pub(super) fn holds(&self, value: f64) -> bool {
        self.shows(value) && (self.low..=self.high).contains(&value)
    }

    /// How far along the axis a value is, 0 to 1 within its ends.
    pub(super) fn share(&self, value: f64) -> f64 {
        let place = |value: f64| {
            if self.log {
                value.max(f64::MIN_POSITIVE).log10()
            } else {
                value
            }
        };
        let (low, high) = (place(self.low), place(self.high));
        if high > low {
            (place(value) - low) / (high - low)
        } else {
            0.5
        }
    }

    /// How a value is written on this axis.
    #[must_use]
    pub fn say(&self, value: f64) -> String {
        match &self.names {
            Some(names) => {
                let at = (0_u32..).zip(names).find(|(at, _)| f64::from(*at) == value);
                at.map_or(String::new(), |(_, name)| name.clone())
            }
            None => self.quantity.say(value),
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let span = f64::from(limit.1) - f64::from(limit.0);
        let pixel = f64::from(limit.0) + self.share(*value).clamp(-1.0, 2.0) * span;
        #[expect(clippy::cast_possible_truncation, reason = "a pixel of a chart, clamped above")]
        let pixel = pixel.round() as i32;
        pixel
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(value: &f64) -> String {
        figure(*value)
    }

    fn format_ext(&self, value: &f64) -> String {
        self.say(*value)
    }
}
