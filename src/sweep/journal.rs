//! Which trials are finished: one line of JSON for each, on the disk before the next one begins.
//!
//! Contract: whenever the process ends, by whatever signal, the journal holds every trial whose line was
//! written; a last line that was only begun is cut off when the journal is opened again. One process at a
//! time has it: the folder is locked while it does.
//!
//! Left out on purpose: the results themselves, which are in a file of their own for each trial.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::own_files;
use crate::files;

/// The schema of the journal.
pub const SCHEMA: &str = "squall.sweep-journal/1";

/// The file's name within a sweep's folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// Largest journal that is read: ten lines for each of the most runs of a sweep.
const MAX_TEXT: u64 = 256 << 20;

/// What the name of a journal begins with until it is whole.
pub(super) const UNFINISHED: &str = ".journal-";

/// The first line: whose journal this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// What makes the sweep the one that it is: see [`super::Ready::identity`].
    pub identity: String,
    /// The sweep's name.
    pub sweep: String,
    /// The version of squall that began it.
    pub squall: String,
    /// Points.
    pub points: usize,
    /// Trials of each that were asked for then.
    pub trials: u32,
}

/// One finished trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its point.
    pub point: usize,
    /// Its number.
    pub trial: u32,
    /// Its seed.
    pub seed: u64,
    /// Its results, from the sweep's folder.
    pub results: String,
    /// SHA-256 of that file.
    pub sha256: String,
}

/// The finished trials, by point and number.
pub type Done = BTreeMap<(usize, u32), Entry>;

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or the journal could not be read or written.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    File {
        /// What.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Another process works there.
    #[error("{}: another squall is at work in this folder; wait for it, or choose another --out", .0.display())]
    Busy(PathBuf),
    /// It was there, and is not any more.
    #[error(
        "{}: this folder, or the journal in it, was moved or deleted while squall was at work there: nothing more is run. \
         What is finished is in it still: with --out where it is now, the same command goes on",
        .0.display()
    )]
    Gone(PathBuf),
    /// It is the journal of another sweep.
    #[error(
        "{}: this folder holds {found}; choose another --out, or begin anew with --restart, which deletes its trials",
        folder.display()
    )]
    Other {
        /// The folder.
        folder: PathBuf,
        /// What it holds.
        found: String,
    },
    /// A line is not what was written.
    #[error("{}, line {line}: {what}; begin anew with --restart, which deletes the folder's trials", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// An open journal. Nobody else has it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    done: Done,
    header: Header,
    presence: Presence,
    _lock: Flock<File>,
}

/// What makes a file or folder the one that it is.
type Identity = (u64, u64);

fn identity(about: &Metadata) -> Identity {
    (about.dev(), about.ino())
}

/// Where a folder and its journal were when they were opened.
#[derive(Debug, Clone)]
pub struct Presence {
    folder: PathBuf,
    folder_is: Identity,
    journal_is: Option<Identity>,
}

impl Presence {
    /// Whether they are still there, and not others in their place.
    #[must_use]
    pub fn holds(&self) -> bool {
        let is = |path: &Path| std::fs::metadata(path).ok().map(|about| identity(&about));
        let journal = || {
            self.journal_is
                .is_none_or(|known| is(&self.folder.join(FILE_NAME)) == Some(known))
        };
        is(&self.folder) == Some(self.folder_is) && journal()
    }

    /// The same as an error.
    ///
    /// # Errors
    /// [`JournalError::Gone`].
    pub fn check(&self) -> Result<(), JournalError> {
        if self.holds() {
            return Ok(());
        }
        Err(JournalError::Gone(self.folder.clone()))
    }
}

/// The sweep's folder, with nobody else in it.
#[derive(Debug)]
pub struct Locked {
    folder: PathBuf,
    presence: Presence,
    lock: Flock<File>,
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::File { path, action, source }
}

impl Locked {
    /// Takes `folder`, which is made if need be.
    ///
    /// # Errors
    /// [`JournalError::Busy`] while another process has it; [`JournalError::File`].
    pub fn take(folder: &Path) -> Result<Locked, JournalError> {
        std::fs::create_dir_all(folder).map_err(failed(folder, "make this folder"))?;
        let handle = File::open(folder).map_err(failed(folder, "open this folder"))?;
        match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                let about = lock.metadata().map_err(failed(folder, "look at this folder"))?;
                let presence = Presence {
                    folder: folder.to_owned(),
                    folder_is: identity(&about),
                    journal_is: None,
                };
                Ok(Locked {
                    folder: folder.to_owned(),
                    presence,
                    lock,
                })
            }
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(JournalError::Busy(folder.to_owned())),
            Err((_, error)) => Err(failed(folder, "lock this folder")(error.into())),
        }
    }

    /// Where the folder was when it was taken.
    #[must_use]
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Deletes what follows from the trials, the journal, then the trials: a process that ends in between leaves a folder that says
    /// what it is.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn clear(&self) -> Result<(), JournalError> {
        let gone = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        };
        self.clear_tables()?;
        let journal = self.folder.join(FILE_NAME);
        std::fs::remove_file(&journal)
            .or_else(gone)
            .map_err(failed(&journal, "delete this file"))?;
        sync(&self.folder);
        let trials = self.folder.join("trials");
        std::fs::remove_dir_all(&trials)
            .or_else(gone)
            .map_err(failed(&trials, "delete this folder"))
    }

    /// Deletes what an earlier run or sweep has left beside its journal and its trials.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn clear_tables(&self) -> Result<(), JournalError> {
        own_files::clear(&self.folder).map_err(|(path, source)| failed(&path, "delete this file")(source))
    }

    /// Opens the journal of the sweep that `header` describes, or begins one.
    ///
    /// # Errors
    /// [`JournalError::Other`] when the folder holds another sweep, or trials without a journal;
    /// [`JournalError::Damaged`]; [`JournalError::File`].
    pub fn open(self, header: &Header) -> Result<Journal, JournalError> {
        let path = self.folder.join(FILE_NAME);
        if path.exists() {
            return self.go_on(header, path);
        }
        let other = |found: &str| JournalError::Other {
            folder: self.folder.clone(),
            found: found.to_owned(),
        };
        if self.folder.join("trials").exists() {
            return Err(other("trials without a journal"));
        }
        self.begin(header, path)
    }

    fn begin(self, header: &Header, path: PathBuf) -> Result<Journal, JournalError> {
        self.clear_tables()?;
        let file = write_whole(&self.folder, &path, &line(header))?;
        self.of(path, file, header.clone(), BTreeMap::new())
    }

    fn of(self, path: PathBuf, file: File, header: Header, done: Done) -> Result<Journal, JournalError> {
        let about = file.metadata().map_err(failed(&path, "look at"))?;
        let presence = Presence {
            journal_is: Some(identity(&about)),
            ..self.presence
        };
        Ok(Journal {
            path,
            file,
            done,
            header,
            presence,
            _lock: self.lock,
        })
    }

    fn go_on(self, header: &Header, path: PathBuf) -> Result<Journal, JournalError> {
        let text = files::read(&path, MAX_TEXT).map_err(failed(&path, "read"))?;
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(failed(&path, "open"))?;
        let (found, done, good) = read(&path, &text)?;
        let same = found.schema == header.schema && found.identity == header.identity;
        if !same && done.is_empty() && !self.has_results() {
            // Nothing is finished: a hook or a file was wrong, and is another one now.
            return self.begin(header, path);
        }
        if !same {
            return Err(JournalError::Other {
                folder: self.folder,
                found: format!(
                    "another sweep ({}), or another version of this one: a file, a hook or a flag is not what it was",
                    crate::yaml::shown(&found.sweep, 60)
                ),
            });
        }
        let length = u64::try_from(good).unwrap_or(u64::MAX);
        file.set_len(length)
            .and_then(|()| file.seek(SeekFrom::Start(length)))
            .and_then(|_| file.sync_all())
            .map_err(failed(&path, "cut off an unfinished line"))?;
        self.of(path, file, found, done)
    }

    /// Whether a trial has left its results.
    fn has_results(&self) -> bool {
        let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut trials = folders(&self.folder.join("trials")).flat_map(|point| folders(&point.path()));
        trials.any(|trial| trial.path().join(crate::report::FILE_NAME).exists())
    }
}

/// Whose journal `folder` has, and the trials that it says are finished. Nobody may be at work there.
///
/// # Errors
/// [`JournalError::File`] where there is none, [`JournalError::Busy`], [`JournalError::Damaged`].
pub fn look(folder: &Path) -> Result<(Header, Done), JournalError> {
    let path = folder.join(FILE_NAME);
    // A folder that is taken is made, and a wrong path is none of ours.
    std::fs::metadata(&path).map_err(failed(&path, "read"))?;
    let _locked = Locked::take(folder)?;
    let text = files::read(&path, MAX_TEXT).map_err(failed(&path, "read"))?;
    let (header, done, _) = read(&path, &text)?;
    Ok((header, done))
}

/// Writes a journal whole or not at all: one without its header would be nobody's.
fn write_whole(folder: &Path, path: &Path, text: &str) -> Result<File, JournalError> {
    let mut new = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed(folder, "make a file in this folder"))?;
    new.write_all(text.as_bytes())
        .and_then(|()| new.as_file().sync_all())
        .map_err(failed(path, "write"))?;
    let file = new.persist(path).map_err(|error| failed(path, "write")(error.error))?;
    sync(folder);
    Ok(file)
}

/// What a journal's text says, and how many of its bytes are good. The last line may be torn.
fn read(path: &Path, text: &[u8]) -> Result<(Header, Done, usize), JournalError> {
    let damaged = |line: usize, what: String| JournalError::Damaged {
        path: path.to_owned(),
        line,
        what,
    };
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().filter(|line| line.ends_with(b"\n"));
    let first = first.ok_or_else(|| damaged(1, "there is no header".to_owned()))?;
    let header: Header = serde_json::from_slice(first).map_err(|error| damaged(1, error.to_string()))?;
    let mut done = BTreeMap::new();
    let mut good = first.len();
    let mut lines = lines.zip(2..).peekable();
    while let Some((line, number)) = lines.next() {
        let entry = serde_json::from_slice::<Entry>(line);
        match entry {
            Ok(entry) if line.ends_with(b"\n") => {
                good += line.len();
                done.insert((entry.point, entry.trial), entry);
            }
            // Torn: the process, or the machine, ended while it was written.
            _ if lines.peek().is_none() => {}
            Ok(_) => return Err(damaged(number, "the line has no end".to_owned())),
            Err(error) => return Err(damaged(number, error.to_string())),
        }
    }
    Ok((header, done, good))
}

fn line(value: &impl Serialize) -> String {
    // Plain structures of text and numbers: there is nothing that could not be written.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Puts a folder's names on the disk. Some file systems cannot.
fn sync(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

impl Journal {
    /// The version of squall that began it.
    #[must_use]
    pub fn begun_by(&self) -> &str {
        &self.header.squall
    }

    /// Where it was when it was opened.
    #[must_use]
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Writes it anew where its folder is still there and it is not.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn restore(&self) -> Result<(), JournalError> {
        let folder = Presence {
            journal_is: None,
            ..self.presence.clone()
        };
        if !folder.holds() || self.path.exists() {
            return Ok(());
        }
        let entries = self.done.values().map(line);
        let text: String = std::iter::once(line(&self.header)).chain(entries).collect();
        write_whole(&folder.folder, &self.path, &text).map(|_| ())
    }

    /// The finished trials, by point and trial.
    #[must_use]
    pub fn done(&self) -> &Done {
        &self.done
    }

    /// Takes a trial for unfinished again; its line stays, and the next one of it counts.
    pub fn forget(&mut self, point: usize, trial: u32) {
        self.done.remove(&(point, trial));
    }

    /// Writes that a trial is finished. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn finished(&mut self, entry: Entry) -> Result<(), JournalError> {
        self.file
            .write_all(line(&entry).as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(failed(&self.path, "write"))?;
        self.done.insert((entry.point, entry.trial), entry);
        Ok(())
    }
}
