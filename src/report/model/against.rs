//! What a figure is held against: what the testbed says is configured, or the line rate.

use serde::{Deserialize, Serialize};

use super::{Configured, Interval};
use crate::expect::known;
use crate::report::answer::Standing;
use crate::units::shown::quantity;

/// The word for what the testbed says.
const CONFIGURED: &str = "configured";

/// The word for what the ports can carry.
const LINE_RATE: &str = "line rate";

/// What a figure is held against, in the figure's own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// What it is: `configured` or `line rate`.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// Figures that the testbed configures, and how they are read from it.
type Read = fn(&Configured) -> Option<f64>;
const READ: &[(&[&str], Read)] = &[
    (&[known::ECN_KMIN.name, known::ECN_PROBE_KMIN.name], |of| {
        of.kmin_bytes.map(float)
    }),
    (&[known::ECN_KMAX.name, known::ECN_PROBE_KMAX.name], |of| {
        of.kmax_bytes.map(float)
    }),
    (&[known::ECN_PMAX.name, known::ECN_PROBE_PMAX.name], |of| {
        of.pmax_percent
    }),
    (&[known::PFC_XOFF.name], |of| of.xoff_bytes.map(float)),
    (&[known::PFC_XON.name], |of| of.xon_bytes.map(float)),
    (&[known::ECN_CBS.name], |of| of.cbs_bytes.map(float)),
    (&[known::ECN_CIR.name], |of| of.cir_bps.map(|bps| float(bps) / 8e9)),
];

#[expect(clippy::cast_precision_loss, reason = "bytes and rates into figures")]
fn float(value: u64) -> f64 {
    value as f64
}

impl Against {
    /// What is configured.
    #[must_use]
    pub fn configured(value: f64) -> Against {
        Against {
            name: CONFIGURED.to_owned(),
            value,
        }
    }

    /// The line rate, of a figure in GB/s.
    #[must_use]
    pub fn line_rate(bps: u64) -> Against {
        Against {
            name: LINE_RATE.to_owned(),
            value: float(bps) / 8e9,
        }
    }

    /// What `said` says of a figure, where it does.
    #[must_use]
    pub fn of_figure(figure: &str, said: &Configured) -> Option<Against> {
        let (_, read) = READ.iter().find(|(names, _)| names.contains(&figure))?;
        read(said).map(Against::configured)
    }

    /// Whether it is what is configured.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.name == CONFIGURED
    }

    /// A figure held against it, in words, and how it stands to it.
    #[must_use]
    pub fn judged(&self, mean: f64, ci95: Option<Interval>, unit: &str) -> (String, Standing) {
        let told = quantity(self.value, unit);
        if !self.is_configured() {
            let share = quantity(100.0 * mean / self.value, "%");
            return (format!("{share} of {} ({told})", self.name), Standing::Plain);
        }
        match ci95 {
            None => (format!("{CONFIGURED}: {told}"), Standing::Plain),
            Some(of) if (of.low..=of.high).contains(&self.value) => {
                (format!("as {CONFIGURED} ({told})"), Standing::Good)
            }
            Some(_) => (format!("NOT as {CONFIGURED} ({told})"), Standing::Bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    #[test]
    fn a_figure_is_held_against_what_the_testbed_says() {
        let said = Configured {
            kmin_bytes: Some(100_000),
            cir_bps: Some(8_000_000_000),
            ..Configured::default()
        };
        let value = |figure| Against::of_figure(figure, &said).map(|against| against.value);
        assert_eq!(value("ECN_probe_Kmin"), Some(100_000.0));
        assert_eq!(value("ECN_CIR"), Some(1.0));
        assert_eq!((value("ECN_Kmax"), value("lost")), (None, None));
        for name in READ.iter().flat_map(|(names, _)| *names) {
            assert!(expect::find(name).is_some(), "{name}");
        }
        let rate = Against::line_rate(100_000_000_000);
        assert_eq!(rate.judged(11.25, None, "GB/s").0, "90 % of line rate (100 Gbps)");
    }
}
