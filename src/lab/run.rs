//! A single run and its folder: taken before anything is measured, empty of what earlier runs left in it.
//!
//! Contract: one run at a time has a folder. One that holds a sweep or a suite is refused; of an earlier run nothing of
//! squall's is left in it when this one begins, however this one ends.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::samples::{Keeper, SamplesError};
use crate::report::{self, WriteError, page};
use crate::sweep::journal::{self, JournalError, Locked};
use crate::sweep::own_files;
use crate::trial::{Measured, Session, Trial, TrialError, Watched};
use crate::{fabric, suite};

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is a file.
    #[error("{}: this is a file, not a folder; choose another name", .0.display())]
    File(PathBuf),
    /// It holds something else.
    #[error("{}: this folder holds {holds}, which {own} would be mixed with; choose another", path.display())]
    Holds {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        holds: &'static str,
        /// What would go into it.
        own: &'static str,
    },
    /// Another process has it.
    #[error("{0}")]
    Busy(JournalError),
    /// It cannot be made or locked.
    #[error("{}: {source}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: JournalError,
    },
    /// What an earlier run left cannot be deleted.
    #[error("{}: cannot delete {}, which an earlier run left: {source}", path.display(), file.display())]
    Left {
        /// The folder.
        path: PathBuf,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A run's folder, with nobody else in it.
pub struct Folder {
    path: PathBuf,
    _locked: Locked,
}

impl Folder {
    /// Takes `path`, which is made if need be.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn take(path: &Path) -> Result<Folder, FolderError> {
        check_name(path)?;
        for (file, holds) in [(journal::FILE_NAME, "a sweep"), (suite::folder::FILE_NAME, "a suite")] {
            refuse(path, file, holds, "a single run's files")?;
        }
        let locked = Locked::take(path).map_err(|error| match error {
            JournalError::Busy(_) => FolderError::Busy(error),
            source => FolderError::Locked {
                path: path.to_owned(),
                source,
            },
        })?;
        own_files::clear(path).map_err(|(file, source)| FolderError::Left {
            path: path.to_owned(),
            file,
            source,
        })?;
        Ok(Folder {
            path: path.to_owned(),
            _locked: locked,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all files of a run, and returns the path of its results.
    ///
    /// # Errors
    /// What cannot be written; the results are on standard output then.
    pub fn keep(&self, measured: &Measured) -> Result<PathBuf, WriteError> {
        let (results, counters) = (&measured.results, measured.fabric.as_ref());
        let path = report::write_or_print(results, &self.path, &mut std::io::stdout())?;
        for (name, svg) in report::plots::of_run(results) {
            report::write_file(&self.path, &name, svg.as_bytes())?;
        }
        report::write_file(&self.path, page::FILE_NAME, page::render(results).as_bytes())?;
        if let Some(counters) = counters {
            report::write_file(&self.path, fabric::FILE_NAME, counters.to_json().as_bytes())?;
        }
        if !measured.rates.is_empty() {
            let table = report::rates::table(results, &measured.rates);
            report::write_file(&self.path, report::rates::FILE_NAME, table.as_bytes())?;
            let chart = report::rates::chart(results, &measured.rates);
            report::write_file(&self.path, report::rates::CHART_NAME, chart.as_bytes())?;
        }
        Ok(path)
    }
}

/// Whether a folder can have this name.
///
/// # Errors
/// [`FolderError::File`].
pub fn check_name(path: &Path) -> Result<(), FolderError> {
    if path.exists() && !path.is_dir() {
        return Err(FolderError::File(path.to_owned()));
    }
    Ok(())
}

/// Refuses a folder that holds a `file`, which `holds` names; `own` is what would go into it.
///
/// # Errors
/// [`FolderError::Holds`].
pub fn refuse(path: &Path, file: &str, holds: &'static str, own: &'static str) -> Result<(), FolderError> {
    if !path.join(file).exists() {
        return Ok(());
    }
    Err(FolderError::Holds {
        path: path.to_owned(),
        holds,
        own,
    })
}

/// Runs a trial. Its samples go into `folder` as they come; one that cannot be kept ends the run.
///
/// # Errors
/// As [`Trial::run`]. Beside what was measured: why samples could not be kept.
pub fn run(
    trial: &Trial<'_>,
    folder: Option<&Folder>,
    stop: &AtomicBool,
    mut watch: impl FnMut(&Watched<'_>),
) -> Result<(Measured, Option<SamplesError>), TrialError> {
    let mut keeper = folder.map(|folder| Keeper::new(folder.path(), None));
    let measured = trial.run(&mut Session::new(), stop, |seen| {
        if let Some(kept) = seen.kept
            && let Some(keeper) = &mut keeper
            && !keeper.keep(kept)
        {
            stop.store(true, Ordering::Relaxed);
        }
        watch(seen);
    })?;
    let lost = keeper.and_then(|keeper| keeper.finish().err());
    Ok((measured, lost))
}
