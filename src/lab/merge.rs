//! Shards of a sweep or of a suite, brought together: one folder that is as if one machine had run all of it.
//!
//! Contract: nothing is run, and the folders that are merged stay as they are. Trials of different sweeps are refused, and
//! so are two that say that they are the same trial and measured something else. What is missing is told, and can be run
//! in the merged folder.

use std::path::{Path, PathBuf};

use super::sweep::summarise;
use crate::report::{self, measured};
use crate::sweep::gather::Gathered;
use crate::sweep::inputs::{Inputs, InputsError};
use crate::sweep::journal::{self, Entry, Header, JournalError};
use crate::sweep::store::{Store, StoreError};
use crate::sweep::{Ready, point};
use crate::yaml::Diagnostics;

/// Why folders cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A folder is no sweep's, is in use, or cannot be read.
    #[error(transparent)]
    Folder(#[from] JournalError),
    /// What it is a sweep of cannot be read.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// Nor can its texts.
    #[error(transparent)]
    Text(#[from] Diagnostics),
    /// The merged folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Results that cannot be read.
    #[error(transparent)]
    Results(#[from] report::ReadError),
    /// Two folders are of different sweeps.
    #[error("{} and {} are of different sweeps: {what}", one.display(), other.display())]
    Different {
        /// The first folder.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
        /// How they differ.
        what: String,
    },
    /// Two folders have the same trial with different results.
    #[error(
        "{} and {} both have trial {trial} of point {point}, and not with the same results: leave one of them out",
        one.display(), other.display()
    )]
    Twice {
        /// The first folder.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
        /// The point.
        point: usize,
        /// The trial.
        trial: u32,
    },
    /// A file cannot be copied.
    #[error("{}: cannot be copied: {source}", path.display())]
    Copy {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A sweep that was merged.
pub struct Merged {
    /// The sweep.
    pub ready: Ready,
    /// All its finished trials.
    pub gathered: Gathered,
}

/// Merges the sweeps of `folders` into `out`.
///
/// # Errors
/// [`MergeError`].
pub fn sweeps(folders: &[PathBuf], out: &Path) -> Result<Merged, MergeError> {
    let shards = folders
        .iter()
        .map(|folder| Shard::look(folder))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = shards.first() else {
        return Err(Diagnostics::unplaced("merge", "there is no folder to merge").into());
    };
    for other in &shards {
        if (&other.header.schema, &other.header.identity) != (&first.header.schema, &first.header.identity) {
            return Err(MergeError::Different {
                one: first.folder.clone(),
                other: other.folder.clone(),
                what: difference(&first.header, &other.header),
            });
        }
    }
    let mut ready = Inputs::read(&first.folder)?.ready()?;
    // More trials may have been asked of some of them.
    let trials = shards.iter().map(|shard| shard.header.trials).max();
    ready.sweep.trials = trials.unwrap_or(ready.sweep.trials);
    let gathered = merge(&ready, &shards, out)?;
    Ok(Merged { ready, gathered })
}

/// Merges the folders of one test or sweep that is `ready` into `out`; those that are not there have nothing of it.
///
/// # Errors
/// [`MergeError`].
pub(super) fn of_test(ready: &Ready, folders: &[PathBuf], out: &Path) -> Result<Gathered, MergeError> {
    let there = folders.iter().filter(|folder| folder.join(journal::FILE_NAME).exists());
    let shards = there.map(|folder| Shard::look(folder)).collect::<Result<Vec<_>, _>>()?;
    let identity = ready.identity();
    if let Some(other) = shards.iter().find(|shard| shard.header.identity != identity) {
        return Err(MergeError::Different {
            one: out.to_owned(),
            other: other.folder.clone(),
            what: "a file, a hook or a flag is not what it was".to_owned(),
        });
    }
    merge(ready, &shards, out)
}

/// A folder that is merged.
struct Shard {
    folder: PathBuf,
    header: Header,
    done: Vec<Entry>,
}

impl Shard {
    fn look(folder: &Path) -> Result<Shard, MergeError> {
        let (header, done) = journal::look(folder)?;
        Ok(Shard {
            folder: folder.to_owned(),
            header,
            done: done.into_values().collect(),
        })
    }

    fn trial(&self, entry: &Entry) -> PathBuf {
        self.folder.join(point::folder(entry.point, entry.trial))
    }
}

/// How two sweeps differ, by what makes them what they are.
fn difference(one: &Header, other: &Header) -> String {
    let read = |header: &Header| serde_json::from_str::<serde_json::Map<_, _>>(&header.identity).unwrap_or_default();
    let (one, other) = (read(one), read(other));
    let keys = one.keys().chain(other.keys());
    let differs = keys.filter(|key| one.get(*key) != other.get(*key)).map(String::as_str);
    let mut differs: Vec<&str> = differs.collect();
    differs.sort_unstable();
    differs.dedup();
    format!("not the same {}", differs.join(", "))
}

fn merge(ready: &Ready, shards: &[Shard], out: &Path) -> Result<Gathered, MergeError> {
    let mut store = Store::open(out, ready, false)?;
    let mut from: std::collections::BTreeMap<(usize, u32), &Shard> = std::collections::BTreeMap::new();
    for shard in shards {
        for entry in &shard.done {
            let source = shard.trial(entry);
            let file = source.join(report::FILE_NAME);
            // What is not what its journal says is not finished.
            if Store::sha256_of(&file).as_ref() != Some(&entry.sha256) {
                continue;
            }
            let there = match from.get(&(entry.point, entry.trial)) {
                Some(earlier) => Some((earlier.folder.clone(), earlier.trial(entry))),
                None if store.is_done(entry.point, entry.trial) => {
                    Some((out.to_owned(), out.join(point::folder(entry.point, entry.trial))))
                }
                None => None,
            };
            if let Some((one, known)) = there {
                let known = report::read(&known.join(report::FILE_NAME))?;
                if !measured::is_the_same(&known, &report::read(&file)?) {
                    return Err(MergeError::Twice {
                        one,
                        other: shard.folder.clone(),
                        point: entry.point,
                        trial: entry.trial,
                    });
                }
                continue;
            }
            from.insert((entry.point, entry.trial), shard);
            copy(&source, &store.trial_folder(entry.point, entry.trial, false)?)?;
            store.finish(entry.point, entry.trial, entry.seed)?;
        }
    }
    Ok(summarise(ready, &store)?)
}

/// Copies a trial's files; its results last, so that it counts as finished only when all is there.
fn copy(from: &Path, to: &Path) -> Result<(), MergeError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| MergeError::Copy { path, source }
    };
    let mut names = Vec::new();
    for item in std::fs::read_dir(from).map_err(failed(from))? {
        let item = item.map_err(failed(from))?;
        if item.file_type().map_err(failed(&item.path()))?.is_file() {
            names.push(item.file_name());
        }
    }
    names.sort_by_key(|name| name == report::FILE_NAME);
    for name in names {
        let (source, target) = (from.join(&name), to.join(&name));
        std::fs::copy(&source, &target).map_err(failed(&source))?;
        std::fs::File::open(&target)
            .and_then(|file| file.sync_all())
            .map_err(failed(&target))?;
    }
    Ok(())
}
