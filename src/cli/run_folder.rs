//! The folder of a single run: taken before anything is measured, empty of what earlier runs left in it.
//!
//! Contract: one run at a time has it. A folder that holds a sweep or a suite is refused; of an earlier run
//! nothing of squall's is left in it when this one begins, however this one ends.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::report::{self, WriteError, page};
use crate::sweep::journal::{self, JournalError, Locked};
use crate::sweep::own_files;
use crate::trial::Measured;
use crate::{fabric, suite};

/// A run's folder, with nobody else in it.
pub(super) struct RunFolder {
    path: PathBuf,
    _locked: Locked,
}

impl RunFolder {
    /// Takes `path`, which is made if need be.
    ///
    /// # Errors
    /// [`Failure::Input`] for what cannot be such a folder, [`Failure::Environment`] while another process has
    /// it.
    pub(super) fn take(path: &Path) -> Result<RunFolder, Failure> {
        let refused = |what: String| Failure::Input(format!("--out {}: {what}", path.display()));
        check_name(path)?;
        for (file, holds) in [(journal::FILE_NAME, "a sweep"), (suite::folder::FILE_NAME, "a suite")] {
            if path.join(file).exists() {
                return Err(refused(format!(
                    "this folder holds {holds}, which a single run's files would be mixed with; choose another"
                )));
            }
        }
        let locked = Locked::take(path).map_err(|error| match error {
            JournalError::Busy(_) => Failure::Environment(error.to_string()),
            JournalError::File { action, source, .. } => refused(format!("cannot {action}: {source}")),
            other => refused(other.to_string()),
        })?;
        own_files::clear(path).map_err(|(file, error)| {
            refused(format!(
                "cannot delete {}, which an earlier run left: {error}",
                file.display()
            ))
        })?;
        Ok(RunFolder {
            path: path.to_owned(),
            _locked: locked,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all files of a run, and returns the path of its results.
    ///
    /// # Errors
    /// [`Failure::Run`]; the results are on standard output then.
    pub(super) fn keep(&self, measured: &Measured) -> Result<PathBuf, Failure> {
        let (results, counters) = (&measured.results, measured.fabric.as_ref());
        let failed = |error: WriteError| Failure::Run(error.to_string());
        let path = report::write_or_print(results, &self.path, &mut std::io::stdout()).map_err(failed)?;
        for (name, svg) in report::plots::of_run(results) {
            report::write_file(&self.path, &name, svg.as_bytes()).map_err(failed)?;
        }
        report::write_file(&self.path, page::FILE_NAME, page::render(results).as_bytes()).map_err(failed)?;
        if let Some(counters) = counters {
            report::write_file(&self.path, fabric::FILE_NAME, counters.to_json().as_bytes()).map_err(failed)?;
        }
        if !measured.rates.is_empty() {
            let table = report::rates::table(results, &measured.rates);
            report::write_file(&self.path, report::rates::FILE_NAME, table.as_bytes()).map_err(failed)?;
            let chart = report::rates::chart(results, &measured.rates);
            report::write_file(&self.path, report::rates::CHART_NAME, chart.as_bytes()).map_err(failed)?;
        }
        Ok(path)
    }
}

/// Whether `--out` can name a folder.
///
/// # Errors
/// [`Failure::Input`].
pub(super) fn check_name(path: &Path) -> Result<(), Failure> {
    if path.exists() && !path.is_dir() {
        return Err(Failure::Input(format!(
            "--out {}: this is a file, not a folder; choose another name",
            path.display()
        )));
    }
    Ok(())
}
