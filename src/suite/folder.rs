//! A suite's folder: what was asked for, and a folder for each test, which is a sweep's.
//!
//! Contract: a folder belongs to one suite: the same profile, testbed, seed and changes; further tests may
//! join it. Nothing that is finished is run again, and nothing of it is lost.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::load::Asked;
use super::shipped::SHIPPED;
use super::types::{Profile, Test};
use super::{csv, html, model};
use crate::files;
use crate::report::{self, WriteError};
use crate::sweep::journal::{self, JournalError, Locked};

/// The schema of `suite.json`.
pub const SCHEMA: &str = "squall.suite-folder/1";

/// The file that says what was asked for.
pub const FILE_NAME: &str = "suite.json";

/// Largest one that is read.
const MAX_TEXT: u64 = 1 << 20;

/// What was asked for, as it stands in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// [`SCHEMA`].
    pub schema: String,
    /// The profile.
    pub profile: Profile,
    /// The tests, in the draft's order.
    pub tests: Vec<String>,
    /// The testbed of all of them; none where each has its own.
    pub testbed: Option<String>,
    /// The seed.
    pub seed: u64,
    /// Trials of each configuration, instead of the profile's.
    pub trials: Option<u32>,
    /// Changes.
    pub set: Vec<String>,
    /// The hook that sets the device.
    pub before: Option<String>,
    /// The hook that reads it.
    pub after: Option<String>,
    /// The hook that disturbs it.
    #[serde(default)]
    pub during: Option<String>,
    /// The hook that leaves it as it was, where it is named.
    #[serde(default)]
    pub end: Option<String>,
    /// How long a hook may take, where that is not the default.
    #[serde(default)]
    pub hook_timeout: Option<String>,
}

impl Stored {
    /// What is asked of each test.
    #[must_use]
    pub fn asked(&self) -> Asked {
        Asked {
            profile: self.profile,
            testbed: self.testbed.clone(),
            seed: self.seed,
            trials: self.trials,
            set: self.set.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            during: self.during.clone(),
            end: self.end.clone(),
            hook_timeout: self.hook_timeout.clone(),
        }
    }

    /// `tests` of a suite that is asked for like this.
    #[must_use]
    pub fn new(asked: &Asked, tests: Vec<String>) -> Stored {
        Stored {
            schema: SCHEMA.to_owned(),
            profile: asked.profile,
            tests,
            testbed: asked.testbed.clone(),
            seed: asked.seed,
            trials: asked.trials,
            set: asked.set.clone(),
            before: asked.before.clone(),
            after: asked.after.clone(),
            during: asked.during.clone(),
            end: asked.end.clone(),
            hook_timeout: asked.hook_timeout.clone(),
        }
    }
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is in use, or cannot be made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It holds no suite.
    #[error("{path}: {what}", path = path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It holds a sweep.
    #[error("{}: this folder holds a sweep, which a suite's files would be mixed with; choose another --out", .0.display())]
    Sweep(PathBuf),
    /// It holds another suite.
    #[error("{path}: this folder holds a suite with {what}; choose another --out, or begin anew with --restart", path = path.display())]
    Other {
        /// The folder.
        path: PathBuf,
        /// How it differs.
        what: String,
    },
}

/// A suite's folder, with nobody else in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What it is for.
    pub stored: Stored,
    locked: Locked,
}

impl Folder {
    /// Takes `path` for `asked`: makes it, or goes on with it; the tests that it has had stay in it.
    /// `restart` deletes them first.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(path: &Path, asked: Stored, restart: bool) -> Result<Folder, FolderError> {
        let locked = Locked::take(path)?;
        let file = path.join(FILE_NAME);
        let mut stored = asked;
        if file.exists() && !restart {
            let known = read(path)?;
            if let Some(what) = difference(&known, &stored) {
                return Err(FolderError::Other {
                    path: path.to_owned(),
                    what,
                });
            }
            let wanted = |id: &&str| known.tests.iter().chain(&stored.tests).any(|test| test == id);
            let all = SHIPPED.iter().map(|(id, _)| *id).filter(wanted);
            stored.tests = all.map(str::to_owned).collect();
        }
        if !file.exists() && path.join(journal::FILE_NAME).exists() {
            return Err(FolderError::Sweep(path.to_owned()));
        }
        if !file.exists() || restart {
            locked.clear_tables()?;
            for name in [model::FILE_NAME, csv::FILE_NAME, html::FILE_NAME] {
                let own = path.join(name);
                if let Err(error) = std::fs::remove_file(&own)
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(FolderError::Nothing {
                        path: own,
                        what: format!("cannot delete this file: {error}"),
                    });
                }
            }
        }
        if restart {
            for (id, _) in SHIPPED {
                let test = path.join(id);
                if let Err(error) = std::fs::remove_dir_all(&test)
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(FolderError::Nothing {
                        path: test,
                        what: format!("cannot delete this folder: {error}"),
                    });
                }
            }
        }
        let mut text = serde_json::to_string_pretty(&stored).unwrap_or_default();
        text.push('\n');
        report::write_file(path, FILE_NAME, text.as_bytes())?;
        Ok(Folder {
            path: path.to_owned(),
            stored,
            locked,
        })
    }

    /// Takes the suite that `path` holds.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn reopen(path: &Path) -> Result<Folder, FolderError> {
        // Before it is made: a wrong path is no new suite.
        let stored = read(path)?;
        Ok(Folder {
            path: path.to_owned(),
            stored,
            locked: Locked::take(path)?,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there, and not another in its place.
    ///
    /// # Errors
    /// [`JournalError::Gone`].
    pub fn check(&self) -> Result<(), FolderError> {
        Ok(self.locked.presence().check()?)
    }

    /// The folder of one test.
    #[must_use]
    pub fn of(&self, test: &Test) -> PathBuf {
        self.path.join(&test.id)
    }

    /// Writes a file of the folder in one step.
    ///
    /// # Errors
    /// [`FolderError::Write`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, FolderError> {
        self.check()?;
        Ok(report::write_file(&self.path, name, bytes)?)
    }
}

fn read(path: &Path) -> Result<Stored, FolderError> {
    let file = path.join(FILE_NAME);
    let wrong = |what: String| FolderError::Nothing {
        path: file.clone(),
        what,
    };
    let text = files::read(&file, MAX_TEXT).map_err(|error| wrong(format!("this is no suite's folder: {error}")))?;
    let stored: Stored = serde_json::from_slice(&text).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if stored.schema != SCHEMA {
        return Err(wrong(format!("its schema is {:?}, not {SCHEMA:?}", stored.schema)));
    }
    Ok(stored)
}

/// What the suite of several shards' folders asks for: all their tests.
///
/// # Errors
/// A folder without a suite, or suites that are not alike.
pub fn of_shards(folders: &[PathBuf]) -> Result<Stored, FolderError> {
    let mut all: Option<Stored> = None;
    for path in folders {
        let stored = read(path)?;
        match &mut all {
            None => all = Some(stored),
            Some(all) => {
                if let Some(what) = difference(all, &stored) {
                    return Err(FolderError::Other {
                        path: path.clone(),
                        what: what.replacen(", not", ", and another one", 1),
                    });
                }
                let more = stored.tests.into_iter().filter(|id| !all.tests.contains(id));
                let more: Vec<String> = more.collect();
                all.tests.extend(more);
            }
        }
    }
    let mut all = all.ok_or_else(|| FolderError::Nothing {
        path: PathBuf::new(),
        what: "there is no folder to merge".to_owned(),
    })?;
    let order = |id: &String| SHIPPED.iter().position(|(known, _)| known == id);
    all.tests.sort_by_key(order);
    Ok(all)
}

/// How what is asked for differs from what a folder holds, in words.
fn difference(known: &Stored, asked: &Stored) -> Option<String> {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let differs = [
        (
            "profile",
            known.profile.name().to_owned(),
            asked.profile.name().to_owned(),
        ),
        ("testbed", or(&known.testbed), or(&asked.testbed)),
        ("seed", known.seed.to_string(), asked.seed.to_string()),
        ("changes", known.set.join(" "), asked.set.join(" ")),
        ("before hook", or(&known.before), or(&asked.before)),
        ("after hook", or(&known.after), or(&asked.after)),
        ("during hook", or(&known.during), or(&asked.during)),
        ("end hook", or(&known.end), or(&asked.end)),
        ("hook timeout", or(&known.hook_timeout), or(&asked.hook_timeout)),
    ];
    let found = differs.into_iter().find(|(_, known, asked)| known != asked)?;
    Some(format!("{} {}, not {}", found.0, found.1, found.2))
}
