//! A look at every point of a sweep before its first trial: nobody wants to hear of the last one's mistake tomorrow.

use std::time::Duration;

use crate::plan::summary::Summary;
use crate::report::format::Format;
use crate::sweep::Ready;
use crate::trial::{Session, Trial, TrialError};
use crate::units::{PICOS_PER_SECOND, Picos};
use crate::yaml::Diagnostics;

/// Why a sweep cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Mistakes, each where it stands or with its point.
    #[error(transparent)]
    Input(#[from] Diagnostics),
    /// What is wrong with the environment, at the first point that needs it.
    #[error("{0}")]
    Environment(String),
}

/// Loads and plans every point; what all trials come to. `session` learns of all devices.
///
/// # Errors
/// [`Unfit`]; also where `format` has no columns for what is sent.
pub fn examine(ready: &Ready, owned: &[String], format: Format, session: &mut Session) -> Result<Extent, Unfit> {
    let mut environment = None;
    let mut extent = Extent::default();
    ready.check(|number, inputs| {
        let trial = Trial {
            pattern: &inputs.pattern,
            pattern_name: &ready.sweep.pattern,
            testbed: &inputs.testbed,
            testbed_name: ready.testbed_name(),
            owned_interfaces: owned,
            calibration: None,
            earlier: None,
        };
        let kinds = inputs.pattern.pattern.traffic.iter().map(|entry| entry.kind.name());
        if let Err(text) = format.fits(kinds) {
            return Err(Diagnostics::unplaced(&format!("point {number}"), text));
        }
        let plan = trial.check().and_then(|plan| {
            session.expect(&inputs.testbed.testbed)?;
            Ok(plan)
        });
        match plan {
            Ok(plan) => {
                extent.add(plan.map(|plan| plan.summary()).as_ref(), ready.sweep.trials);
                Ok(())
            }
            Err(TrialError::Input(text)) => {
                let values = ready.said(number);
                Err(Diagnostics::unplaced(&format!("point {number} ({values})"), text))
            }
            Err(TrialError::Stopped) => Ok(()),
            Err(TrialError::Environment(text)) => {
                environment.get_or_insert(text);
                Ok(())
            }
        }
    })?;
    environment.map_or(Ok(extent), |text| Err(Unfit::Environment(text)))
}

/// What all trials of a sweep come to by their plans.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Frames; none where the line rate of a port is not known before it is opened.
    frames: Option<u64>,
    /// The sum of their lengths; none where one has no end, or as above.
    length: Option<Picos>,
}

impl Default for Extent {
    fn default() -> Extent {
        Extent {
            frames: Some(0),
            length: Some(Picos::ZERO),
        }
    }
}

impl Extent {
    fn add(&mut self, summary: Option<&Summary>, trials: u32) {
        let entries = |summary: &Summary| {
            summary
                .entries
                .iter()
                .map(|entry| entry.packets + entry.control)
                .sum::<u64>()
        };
        let frames = summary.map(|summary| entries(summary).saturating_mul(u64::from(trials)));
        let length = summary.and_then(|summary| summary.length);
        let length = length.map(|length| Picos(length.0.saturating_mul(u64::from(trials))));
        self.frames = self.frames.zip(frames).map(|(sum, one)| sum.saturating_add(one));
        self.length = self.length.zip(length).map(|(sum, one)| sum.saturating_add(one));
    }

    /// Frames, in words.
    #[must_use]
    pub fn frames(&self) -> String {
        self.frames.map_or("not known".to_owned(), |frames| match frames {
            0..10_000 => frames.to_string(),
            10_000..10_000_000 => format!("{} thousand", frames / 1_000),
            _ => format!("{} million", frames / 1_000_000),
        })
    }

    /// Their length, in words.
    #[must_use]
    pub fn length(&self) -> String {
        let Some(length) = self.length else {
            return "not known".to_owned();
        };
        let unit = if length < Picos(PICOS_PER_SECOND) {
            1_000
        } else {
            1_000_000_000
        };
        let whole = (length.nanos() + unit / 2) / unit * unit;
        humantime::format_duration(Duration::from_nanos(whole)).to_string()
    }
}
