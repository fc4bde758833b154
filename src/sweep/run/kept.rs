//! What is done to every trial, however it is run: made ready before, judged and kept after.

use std::path::{Path, PathBuf};

use super::SweepError;
use crate::report::model::{Device, Results};
use crate::report::samples::Earlier;
use crate::sweep::store::{Store, StoreError};
use crate::sweep::{Inputs, Ready};
use crate::trial::Trial;
use crate::{calibrate, fabric, report};

/// A trial that is to be run.
pub(super) struct Next {
    pub point: usize,
    pub trial: u32,
    pub inputs: Inputs,
    /// Samples of before it was cut short.
    pub earlier: Option<Earlier>,
    /// Where its results go.
    pub folder: PathBuf,
    calibration: Option<report::model::Calibration>,
}

impl Next {
    /// Makes a trial ready.
    ///
    /// # Errors
    /// What of it cannot be read, and a folder that cannot be made.
    pub(super) fn new(ready: &Ready, store: &Store, point: usize, trial: u32) -> Result<Next, SweepError> {
        let inputs = ready.inputs(point, trial)?;
        let earlier = store.earlier(point, trial, &inputs);
        let folder = store.trial_folder(point, trial, earlier.is_some())?;
        let calibration = calibrate::file::of(&inputs.testbed).map_err(|error| {
            let source = crate::trial::TrialError::Input(error.to_string());
            SweepError::of_trial(ready, point, trial, source)
        })?;
        Ok(Next {
            point,
            trial,
            inputs,
            earlier,
            folder,
            calibration,
        })
    }

    /// As a trial is run.
    pub(super) fn trial<'a>(&'a self, ready: &'a Ready, owned: &'a [String]) -> Trial<'a> {
        Trial {
            pattern: &self.inputs.pattern,
            pattern_name: &ready.sweep.pattern,
            testbed: &self.inputs.testbed,
            testbed_name: ready.testbed_name(),
            owned_interfaces: owned,
            calibration: self.calibration.as_ref(),
            earlier: self.earlier.as_ref(),
        }
    }

    /// Keeps the results of a trial that was not cut short, and returns them as they were kept.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub(super) fn keep(
        &self,
        ready: &Ready,
        store: &mut Store,
        mut results: Results,
        counters: Option<&fabric::Counters>,
        device: Option<Device>,
    ) -> Result<Results, SweepError> {
        if let Some(device) = device {
            results.add_device(device);
        }
        let of_sweep = ready.sweep.expect.iter().map(|(_, expectation)| expectation);
        results.judge(self.inputs.pattern.pattern.expect.iter().chain(of_sweep));
        if let Some(counters) = counters {
            write(&self.folder, counters)?;
        }
        store.keep(self.point, self.trial, &results)?;
        Ok(results)
    }
}

fn write(folder: &Path, counters: &fabric::Counters) -> Result<(), StoreError> {
    report::write_file(folder, fabric::FILE_NAME, counters.to_json().as_bytes())?;
    Ok(())
}
