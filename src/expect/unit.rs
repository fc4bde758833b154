//! Units of bounds and of figures, brought to one base each so that they can be compared.

use crate::yaml::near;

/// What kind of quantity a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Base: picoseconds.
    Time,
    /// Base: percent.
    Share,
    /// Base: bits per second.
    Rate,
    /// Base: bytes.
    Size,
    /// Base: one (frames, messages, …).
    Count,
    /// Base: per second.
    Frequency,
    /// Base: one; an index without a unit.
    Ratio,
}

impl Dimension {
    /// The unit that reports have for it.
    #[must_use]
    pub const fn of_reports(self) -> &'static str {
        match self {
            Dimension::Time => "us",
            Dimension::Share => "%",
            Dimension::Rate => "GB/s",
            Dimension::Size => "bytes",
            Dimension::Count => "frames",
            Dimension::Frequency => "frames/s",
            Dimension::Ratio => "1",
        }
    }

    /// Units of bounds, each with its worth in the base.
    #[must_use]
    pub const fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            Dimension::Time => &[
                ("ps", 1.0),
                ("ns", 1e3),
                ("us", 1e6),
                ("µs", 1e6),
                ("ms", 1e9),
                ("s", 1e12),
                ("min", 60e12),
                ("h", 3600e12),
            ],
            Dimension::Share => &[("%", 1.0), ("ppm", 1e-4)],
            Dimension::Rate => &[
                ("bps", 1.0),
                ("kbps", 1e3),
                ("Mbps", 1e6),
                ("Gbps", 1e9),
                ("Tbps", 1e12),
                ("KB/s", 8e3),
                ("MB/s", 8e6),
                ("GB/s", 8e9),
                ("TB/s", 8e12),
            ],
            Dimension::Size => &[
                ("B", 1.0),
                ("KB", 1e3),
                ("MB", 1e6),
                ("GB", 1e9),
                ("KiB", 1024.0),
                ("MiB", 1_048_576.0),
                ("GiB", 1_073_741_824.0),
            ],
            Dimension::Count => &[("frames", 1.0), ("messages", 1.0), ("", 1.0)],
            Dimension::Frequency => &[("/s", 1.0), ("frames/s", 1.0)],
            Dimension::Ratio => &[("", 1.0)],
        }
    }

    /// What is allowed as a bound, in words.
    #[must_use]
    pub const fn allowed(self) -> &'static str {
        match self {
            Dimension::Time => "a time in ps, ns, us, ms, s, min or h (`300 us`)",
            Dimension::Share => "a share in % or ppm (`2 %`)",
            Dimension::Rate => "a rate in bps … Tbps or KB/s … TB/s (`40 GB/s`)",
            Dimension::Size => "a size in B, KB, MB, GB, KiB, MiB or GiB (`500 KB`)",
            Dimension::Count => "a number (`0`)",
            Dimension::Frequency => "a number per second (`100 /s`)",
            Dimension::Ratio => "a number without a unit (`0.99`)",
        }
    }

    /// A bound's text in the base unit. Zero needs no unit.
    pub(super) fn parse(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+')))
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: f64 = number.replace('_', "").parse().ok()?;
        let unit = unit.trim();
        if number == 0.0 && unit.is_empty() {
            return Some(0.0);
        }
        let (_, worth) = self.units().iter().find(|(name, _)| *name == unit)?;
        let value = number * worth;
        value.is_finite().then_some(value)
    }

    /// A bound with its unit mended, if it is a slip.
    pub(super) fn suggest(self, text: &str) -> Option<String> {
        let units: Vec<&str> = self.units().iter().map(|(unit, _)| *unit).collect();
        if let Some(mended) = near::unit(text, &units) {
            return Some(mended);
        }
        let number: f64 = text.trim().parse().ok()?;
        match self {
            Dimension::Share => Some(format!("{number} %")),
            Dimension::Frequency => Some(format!("{number} /s")),
            _ => None,
        }
    }
}

/// A figure's value in the base of its dimension, from the unit that the results state.
#[must_use]
pub fn base(value: f64, unit: &str) -> f64 {
    value
        * match unit {
            "us" => 1e6,
            "GB/s" => 8e9,
            "ppm" => 1e-4,
            // "ps", "%", "bps", "bytes", "frames", "messages", "frames/s", "1"
            _ => 1.0,
        }
}
