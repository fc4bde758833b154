//! Quantities with their units: newtypes that parse what people write ("400Gbps", "16MiB",
//! "100us") and print it back.
//!
//! Contract: a value that reached one of these types is in range; parsing never panics and its
//! error says what is allowed, without the name of the key or flag (the caller adds that once).
//! Decimal prefixes (`KB`, `MB`, `GB`) are powers of 1000, binary ones (`KiB`, …) of 1024.
//!
//! Left out on purpose: general arithmetic between units. Only what squall computes is here.

pub mod shown;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes that a frame takes on an Ethernet link beyond the frame without its FCS: preamble 7,
/// start delimiter 1, FCS 4, inter-packet gap 12 (IEEE 802.3 clauses 3.1.1 and 4.4.2).
pub const WIRE_OVERHEAD: u64 = 24;

/// Picoseconds in a second.
pub const PICOS_PER_SECOND: u64 = 1_000_000_000_000;

/// What was wrong with a quantity's text, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct UnitError {
    /// The text as typed.
    pub found: String,
    /// What is allowed, as the end of a sentence.
    pub expected: &'static str,
}

/// Splits `"16MiB"` into its number and its suffix. Underscores in numbers are allowed.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let number: f64 = digits.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, suffix.trim()))
}

/// `number × factor` as a whole number, or `None` out of range. Fractions below one unit are
/// rounded to the nearest.
fn scaled(number: f64, factor: u64) -> Option<u64> {
    // Exact for whole numbers: `1_000_000_007 B` must not pass through a rounded product.
    if number.fract() == 0.0 && number < 9_007_199_254_740_992.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, non-negative, below 2^53"
        )]
        return (number as u64).checked_mul(factor);
    }
    #[expect(clippy::cast_precision_loss, reason = "factors are at most 10^12")]
    let value = (number * factor as f64).round();
    #[expect(clippy::cast_precision_loss, reason = "a bound, compared only")]
    if !(0.0..u64::MAX as f64).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "range checked above"
    )]
    Some(value as u64)
}

/// A time or duration in picoseconds. Since the start of a run: 2^64 ps are 213 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Picos(pub u64);

impl Picos {
    /// No time at all.
    pub const ZERO: Picos = Picos(0);
    /// Later than everything.
    pub const MAX: Picos = Picos(u64::MAX);
    /// The longest time that anything may be said or come to take, 106 days: a sum of two stays in 64 bits.
    pub const LONGEST: Picos = Picos((1 << 63) - 1);

    /// A duration of `n` microseconds.
    #[must_use]
    pub const fn from_micros(n: u64) -> Picos {
        Picos(n * 1_000_000)
    }

    /// A duration of `n` nanoseconds.
    #[must_use]
    pub const fn from_nanos(n: u64) -> Picos {
        Picos(n * 1_000)
    }

    /// The duration in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for display and rates; 53 bits are enough")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / PICOS_PER_SECOND as f64
    }

    /// The duration in whole nanoseconds, rounded down.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0 / 1_000
    }

    /// `self + other`, stopping at [`Picos::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Picos) -> Picos {
        Picos(self.0.saturating_add(other.0))
    }

    /// `self − other`, stopping at zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Picos) -> Picos {
        Picos(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Add for Picos {
    type Output = Picos;
    fn add(self, other: Picos) -> Picos {
        Picos(self.0 + other.0)
    }
}

impl std::ops::Sub for Picos {
    type Output = Picos;
    fn sub(self, other: Picos) -> Picos {
        Picos(self.0 - other.0)
    }
}

impl FromStr for Picos {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parse = || {
            let (number, suffix) = split_number(text)?;
            let factor = match suffix {
                "ps" => 1,
                "ns" => 1_000,
                "us" | "µs" => 1_000_000,
                "ms" => 1_000_000_000,
                "s" => PICOS_PER_SECOND,
                "min" | "m" => 60 * PICOS_PER_SECOND,
                "h" => 3_600 * PICOS_PER_SECOND,
                "" if number == 0.0 => 1,
                _ => return None,
            };
            scaled(number, factor).map(Picos).filter(|time| *time <= Picos::LONGEST)
        };
        parse().ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: "a time of at most 106 days with its unit: ps, ns, us, ms, s, min or h (\"100us\")",
        })
    }
}

impl fmt::Display for Picos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(
            f,
            self.0,
            &[
                (PICOS_PER_SECOND, " s"),
                (1_000_000_000, " ms"),
                (1_000_000, " us"),
                (1_000, " ns"),
                (1, " ps"),
            ],
        )
    }
}

/// Prints `value` in the largest unit that it reaches, with at most three decimals.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, units: &[(u64, &str)]) -> fmt::Result {
    let (factor, suffix) = units
        .iter()
        .copied()
        .find(|(factor, _)| value >= *factor)
        .unwrap_or_else(|| units.last().copied().unwrap_or((1, "")));
    if value.is_multiple_of(factor) {
        return write!(f, "{}{}", value / factor, suffix);
    }
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let scaled = value as f64 / factor as f64;
    let text = format!("{scaled:.3}");
    write!(f, "{}{}", text.trim_end_matches('0').trim_end_matches('.'), suffix)
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parse = || {
            let (number, suffix) = split_number(text)?;
            let factor = match suffix {
                "" | "B" => 1,
                "KB" | "kB" => 1_000,
                "MB" => 1_000_000,
                "GB" => 1_000_000_000,
                "TB" => 1_000_000_000_000,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "TiB" => 1 << 40,
                _ => return None,
            };
            scaled(number, factor).map(Bytes)
        };
        parse().ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: "a number of bytes: B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (of 1024) (\"16MiB\")",
        })
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = [
            (1 << 40, " TiB"),
            (1 << 30, " GiB"),
            (1 << 20, " MiB"),
            (1 << 10, " KiB"),
        ];
        let exact =
            |&&(factor, _): &&(u64, &str)| self.0.is_multiple_of(factor) && (1..1024).contains(&(self.0 / factor));
        if let Some((factor, suffix)) = binary.iter().find(exact) {
            return write!(f, "{}{}", self.0 / factor, suffix);
        }
        write_scaled(
            f,
            self.0,
            &[
                (1_000_000_000_000, " TB"),
                (1_000_000_000, " GB"),
                (1_000_000, " MB"),
                (1_000, " KB"),
                (1, " B"),
            ],
        )
    }
}

/// Bits per second. Of a link it is the MAC rate; see [`BitRate::wire_time`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(pub u64);

impl BitRate {
    /// Bits a second.
    #[must_use]
    pub const fn bits_per_second(self) -> f64 {
        self.0 as f64
    }

    /// How long `frame_len` bytes (Ethernet header to the last byte before the FCS) occupy a link
    /// of this rate, with [`WIRE_OVERHEAD`]. Rounded to the nearest picosecond.
    #[must_use]
    pub fn wire_time(self, frame_len: u64) -> Picos {
        self.time_of((frame_len + WIRE_OVERHEAD) * 8)
    }

    /// How long `bits` take at this rate, rounded to the nearest picosecond.
    #[must_use]
    pub fn time_of(self, bits: u64) -> Picos {
        let rate = u128::from(self.0.max(1));
        let picos = (u128::from(bits) * u128::from(PICOS_PER_SECOND) + rate / 2) / rate;
        Picos(u64::try_from(picos).unwrap_or(u64::MAX))
    }
}

impl FromStr for BitRate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parse = || {
            let (number, suffix) = split_number(text)?;
            let factor = match suffix {
                "bps" | "bit/s" => 1,
                "kbps" | "Kbps" | "kbit/s" => 1_000,
                "Mbps" | "Mbit/s" => 1_000_000,
                "Gbps" | "Gbit/s" => 1_000_000_000,
                "Tbps" | "Tbit/s" => 1_000_000_000_000,
                _ => return None,
            };
            scaled(number, factor).filter(|rate| *rate > 0).map(BitRate)
        };
        parse().ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: "a bit rate above zero with its unit: bps, kbps, Mbps, Gbps or Tbps (\"400Gbps\")",
        })
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(
            f,
            self.0,
            &[
                (1_000_000_000_000, " Tbps"),
                (1_000_000_000, " Gbps"),
                (1_000_000, " Mbps"),
                (1_000, " kbps"),
                (1, " bps"),
            ],
        )
    }
}

/// A share of a whole: `0.25` is 25 %. Parses `"25%"` and `"0.25"`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parse = || {
            let (number, suffix) = split_number(text)?;
            match suffix {
                "%" => Some(Share(number / 100.0)),
                "" => Some(Share(number)),
                _ => None,
            }
        };
        parse().ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: "a share, as a percentage (\"25%\") or a fraction (\"0.25\")",
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0 * 100.0);
        write!(f, "{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A Packet Sequence Number: 24 bits, counting modulo 2^24 (IBTA Vol 1, 9.2.1 and 9.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Psn(u32);

/// The PSN of the packet whose sequence number, which never wraps, is `seq`: its low 24 bits.
#[expect(clippy::cast_possible_truncation, reason = "the low 24 bits are the PSN")]
#[must_use]
#[inline]
pub const fn psn_of(seq: u64) -> u32 {
    seq as u32 & (Psn::MODULUS - 1)
}

impl Psn {
    /// One more than the largest PSN.
    pub const MODULUS: u32 = 1 << 24;

    /// The low 24 bits of `value`.
    #[must_use]
    pub const fn new(value: u32) -> Psn {
        Psn(value & (Psn::MODULUS - 1))
    }

    /// The PSN's value, below 2^24.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// A Queue Pair Number: 24 bits (IBTA Vol 1, 9.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Qpn(u32);

impl Qpn {
    /// The largest QPN. 0 and 1 are reserved for management datagrams.
    pub const MAX: u32 = (1 << 24) - 1;

    /// `value` as a QPN, or `None` above 24 bits.
    #[must_use]
    pub const fn new(value: u32) -> Option<Qpn> {
        if value <= Qpn::MAX { Some(Qpn(value)) } else { None }
    }

    /// The QPN's value, below 2^24.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Qpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:06x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_parse_and_print() {
        assert_eq!("100us".parse(), Ok(Picos(100_000_000)));
        assert_eq!("1.5 ms".parse(), Ok(Picos(1_500_000_000)));
        assert_eq!("0".parse(), Ok(Picos::ZERO));
        assert!("100".parse::<Picos>().is_err());
        assert_eq!("9223372s".parse(), Ok(Picos(9_223_372_000_000_000_000)));
        assert!("9223373s".parse::<Picos>().is_err() && "2563h".parse::<Picos>().is_err());
        assert_eq!("16MiB".parse(), Ok(Bytes(16 << 20)));
        assert_eq!("16MB".parse(), Ok(Bytes(16_000_000)));
        assert_eq!("9007199254740991".parse(), Ok(Bytes(9_007_199_254_740_991)));
        assert!("-1".parse::<Bytes>().is_err());
        assert!("99999999TiB".parse::<Bytes>().is_err());
        assert_eq!("400Gbps".parse(), Ok(BitRate(400_000_000_000)));
        assert!("0Gbps".parse::<BitRate>().is_err());
        assert!("400GB".parse::<BitRate>().is_err());
        assert_eq!("25%".parse(), Ok(Share(0.25)));
        assert_eq!(Picos(1_500_000).to_string(), "1.5 us");
        assert_eq!(Bytes(16 << 20).to_string(), "16 MiB");
        assert_eq!(Bytes(16_000_000).to_string(), "16 MB");
        assert_eq!(BitRate(400_000_000_000).to_string(), "400 Gbps");
        assert_eq!(Share(0.015).to_string(), "1.5 %");
    }

    #[test]
    fn wire_time_counts_preamble_fcs_and_gap() {
        // 1250 - 24 bytes at 10 Gbps: 1250 bytes on the wire are exactly one microsecond.
        assert_eq!(BitRate(10_000_000_000).wire_time(1226), Picos::from_micros(1));
    }

    #[test]
    fn psn_counts_modulo_2_24() {
        assert_eq!(Psn::new(0x0100_0000), Psn::new(0));
        assert_eq!(Psn::new(0x01ff_ffff).value(), 0x00ff_ffff);
    }
}
