//! A sweep's folder: the results of each trial, the journal of those finished, and the files at the top.
//!
//! Contract: a file appears under its name only when it is complete and on the disk. A trial counts as
//! finished from the moment that its results are there; one that was finished when the process ended before
//! its line was in the journal is taken in when the folder is opened again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::journal::{self, Entry, Header, Journal, JournalError, Locked, Presence};
use super::{Inputs, Ready, inputs, point};
use crate::files;
use crate::report::model::Results;
use crate::report::samples::{self, Earlier, SamplesError};
use crate::report::{self, WriteError};

/// An open folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    journal: Journal,
}

/// Empties a folder; its samples may stay.
fn clear(folder: &Path, keep_samples: bool) -> std::io::Result<()> {
    if !keep_samples {
        return std::fs::remove_dir_all(folder);
    }
    for item in std::fs::read_dir(folder)? {
        let item = item?;
        if item.file_name() == samples::FILE_NAME {
            continue;
        }
        if item.file_type()?.is_dir() {
            std::fs::remove_dir_all(item.path())?;
        } else {
            std::fs::remove_file(item.path())?;
        }
    }
    Ok(())
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A trial's results.
    #[error(transparent)]
    Results(#[from] WriteError),
    /// Results that are not what they were.
    #[error(transparent)]
    Read(#[from] report::ReadError),
    /// A trial's samples.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// Another file.
    #[error("{path}: cannot write: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Store {
    /// Opens `folder` for the sweep, and takes in what was finished there; `restart` deletes that
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Journal`] when it is another sweep's, or in use.
    pub fn open(folder: &Path, ready: &Ready, restart: bool) -> Result<Store, StoreError> {
        let locked = Locked::take(folder)?;
        if restart {
            locked.clear()?;
        }
        let header = Header {
            schema: journal::SCHEMA.to_owned(),
            identity: ready.identity(),
            sweep: ready.sweep.name.clone(),
            squall: env!("CARGO_PKG_VERSION").to_owned(),
            points: ready.sweep.points.len(),
            trials: ready.sweep.trials,
        };
        let mut store = Store {
            folder: folder.to_owned(),
            journal: locked.open(&header)?,
        };
        store.tidy();
        store.look_through(ready)?;
        if let Some(inputs) = ready.inputs_of_folder() {
            store.write(inputs::FILE_NAME, &inputs.to_json())?;
        }
        Ok(store)
    }

    /// Deletes files that a process was writing when it was killed. Nobody else is here.
    fn tidy(&self) {
        for folder in ["", "plots", "hooks"] {
            let items = std::fs::read_dir(self.folder.join(folder)).into_iter().flatten();
            for item in items.flatten() {
                let name = item.file_name();
                let name = name.to_string_lossy();
                if name.starts_with(report::UNFINISHED) || name.starts_with(journal::UNFINISHED) {
                    // One that stays is only in the way of tidy eyes.
                    let _ = std::fs::remove_file(item.path());
                }
            }
        }
    }

    /// Holds the journal against the files: a trial without its file is not finished, a whole file
    /// without its line is.
    fn look_through(&mut self, ready: &Ready) -> Result<(), StoreError> {
        let sweep = &ready.sweep;
        let entries: Vec<Entry> = self.journal.done().values().cloned().collect();
        for entry in entries {
            let known = entry.point < sweep.points.len() && entry.trial < sweep.trials;
            if !known || self.sha256(&entry.results).as_ref() != Some(&entry.sha256) {
                self.journal.forget(entry.point, entry.trial);
            }
        }
        for point in 0..sweep.points.len() {
            for trial in 0..sweep.trials {
                if self.is_done(point, trial) {
                    continue;
                }
                let file = self.file(point, trial);
                if file.exists()
                    && let Ok(results) = report::read(&file)
                    && results.run.seed == point::seed(sweep.seed, point, trial)
                    && !results.run.interrupted
                {
                    self.finish(point, trial, results.run.seed)?;
                }
            }
        }
        Ok(())
    }

    fn relative(point: usize, trial: u32) -> String {
        format!("{}/{}", point::folder(point, trial), report::FILE_NAME)
    }

    fn file(&self, point: usize, trial: u32) -> PathBuf {
        self.folder.join(Store::relative(point, trial))
    }

    fn sha256(&self, relative: &str) -> Option<String> {
        // A journal is a file like any other: it names nothing outside of the folder.
        let inside = Path::new(relative)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        inside.then(|| Store::sha256_of(&self.folder.join(relative)))?
    }

    /// SHA-256 of a trial's results, as its journal has it; none where they cannot be read.
    #[must_use]
    pub fn sha256_of(results: &Path) -> Option<String> {
        let bytes = files::read(results, files::MAX_RESULTS).ok()?;
        let digest = Sha256::digest(&bytes);
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A trial is finished whose results were put into its folder.
    ///
    /// # Errors
    /// [`StoreError::Journal`].
    pub(crate) fn finish(&mut self, point: usize, trial: u32, seed: u64) -> Result<(), StoreError> {
        let results = Store::relative(point, trial);
        let sha256 = self.sha256(&results).unwrap_or_default();
        self.journal.finished(Entry {
            point,
            trial,
            seed,
            results,
            sha256,
        })?;
        Ok(())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder and its journal are still there, and not others in their place.
    ///
    /// # Errors
    /// [`JournalError::Gone`].
    pub fn check(&self) -> Result<(), StoreError> {
        Ok(self.presence().check()?)
    }

    /// Where they were when they were opened.
    #[must_use]
    pub fn presence(&self) -> &Presence {
        self.journal.presence()
    }

    /// Writes the journal anew where only it has vanished, so that what is finished stays so.
    pub fn restore(&self) {
        // Its absence is what is told already.
        let _ = self.journal.restore();
    }

    /// The samples that an unfinished trial has left, to be gone on with: they are of this trial, and some
    /// of its duration is left. In virtual time a trial is simulated again instead.
    #[must_use]
    pub fn earlier(&self, point: usize, trial: u32, inputs: &Inputs) -> Option<Earlier> {
        let (pattern, testbed) = (&inputs.pattern.pattern, &inputs.testbed.testbed);
        let (interval, duration) = (pattern.sample?, pattern.duration?);
        if testbed.fabric.is_some() {
            return None;
        }
        let path = self.folder.join(point::folder(point, trial)).join(samples::FILE_NAME);
        // What cannot be read is not gone on with.
        let earlier = Earlier::read(&path).ok()?;
        let header = &earlier.header;
        let same = header.seed == pattern.seed
            && header.interval_ps == interval.0
            && header.pattern_sha256 == inputs.pattern.source.sha256();
        (same && earlier.samples > 0 && earlier.done_ps < duration.0).then_some(earlier)
    }

    /// A trial's folder, made anew: what an unfinished one left there is gone, but for its samples where
    /// `samples` are to be gone on with.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn trial_folder(&self, point: usize, trial: u32, samples: bool) -> Result<PathBuf, StoreError> {
        self.check()?;
        let path = self.folder.join(point::folder(point, trial));
        let old = match clear(&path, samples) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let made = old
            .and_then(|()| std::fs::create_dir_all(&path))
            .and_then(|()| std::path::absolute(&path));
        made.map_err(|source| StoreError::File { path, source })
    }

    /// The version of squall that began the sweep, where that is another.
    #[must_use]
    pub fn begun_by_another(&self) -> Option<&str> {
        Some(self.journal.begun_by()).filter(|version| *version != env!("CARGO_PKG_VERSION"))
    }

    /// How many trials are finished.
    #[must_use]
    pub fn count(&self) -> usize {
        self.journal.done().len()
    }

    /// Whether a trial is finished.
    #[must_use]
    pub fn is_done(&self, point: usize, trial: u32) -> bool {
        self.journal.done().contains_key(&(point, trial))
    }

    /// Keeps the results of a finished trial. They are on the disk, and in the journal, when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`]; the trial counts as unfinished then.
    pub fn keep(&mut self, point: usize, trial: u32, results: &Results) -> Result<(), StoreError> {
        // Else the folder would be made anew.
        self.check()?;
        let file = self.file(point, trial);
        report::write(results, file.parent().unwrap_or(&self.folder))?;
        self.finish(point, trial, results.run.seed)
    }

    /// The finished trials in order, each with its results, read one by one.
    pub fn results(&self) -> impl Iterator<Item = Result<(&Entry, Results), StoreError>> {
        self.journal.done().values().map(|entry| {
            let results = report::read(&self.folder.join(&entry.results))?;
            Ok((entry, results))
        })
    }

    /// Writes a file of the folder, `/` between the parts of its name, in one step.
    ///
    /// # Errors
    /// [`StoreError::Results`]; an older file is then still what it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        self.check()?;
        let (folder, name) = match name.rsplit_once('/') {
            Some((folder, name)) => (self.folder.join(folder), name),
            None => (self.folder.clone(), name),
        };
        Ok(report::write_file(&folder, name, bytes)?)
    }

    /// Writes a program, and makes it one.
    ///
    /// # Errors
    /// As [`Store::write`], and [`StoreError::File`].
    pub fn write_program(&self, name: &str, text: &str) -> Result<PathBuf, StoreError> {
        let path = self.write(name, text.as_bytes())?;
        let mode = std::fs::Permissions::from_mode(0o755);
        let made = std::fs::set_permissions(&path, mode).and_then(|()| std::path::absolute(&path));
        made.map_err(|source| StoreError::File { path, source })
    }
}
