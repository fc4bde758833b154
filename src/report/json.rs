//! `results.json`: written whole or not at all, and never lost.
//!
//! Contract: the file appears under its name only when it is complete and on the disk. When it
//! cannot be written, [`write_or_print`] puts the results on standard output, and the error says so.
//!
//! Left out on purpose: any other format.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::model::{Results, SCHEMA};
use crate::files;

/// The file's name within a run's folder.
pub const FILE_NAME: &str = "results.json";

/// What a file's name begins with until it is whole.
pub const UNFINISHED: &str = ".unfinished-";

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder or file could not be written; the results are nowhere.
    #[error("{path}: cannot {action}: {source}. Choose another folder with --out, or make room there", path = path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// As [`WriteError::File`], but the results were printed instead.
    #[error("{0}. The results are not lost: they are on standard output")]
    Printed(Box<WriteError>),
    /// Standard output failed too.
    #[error("{file}. Standard output failed as well: {stdout}")]
    Lost {
        /// Why the file could not be written.
        file: Box<WriteError>,
        /// Why standard output could not.
        stdout: io::Error,
    },
}

/// Why a file is not a result.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not JSON of this schema.
    #[error("{place}: not a result of squall: {source}")]
    Json {
        /// The file, or "the text".
        place: String,
        /// What is wrong and where.
        source: serde_json::Error,
    },
    /// It is a result of another version.
    #[error("{place}: its schema is {found:?}; this version of squall reads {SCHEMA:?}")]
    Schema {
        /// The file, or "the text".
        place: String,
        /// Its `schema`.
        found: String,
    },
}

/// The results as JSON text: indented, ending in a newline, the same for the same results.
#[must_use]
pub fn to_json(results: &Results) -> String {
    match serde_json::to_string_pretty(results) {
        Ok(mut text) => {
            text.push('\n');
            text
        }
        // The model has string keys only and its numbers are checked: there is no such case. Were
        // there one, a file that says so is better than a run without a file.
        Err(error) => format!("{{\"schema\":{SCHEMA:?},\"error\":{:?}}}\n", error.to_string()),
    }
}

/// Reads results; `place` names the text in errors.
///
/// # Errors
/// Text that is not JSON, of another schema version, or without a field that this version needs.
pub fn from_json(text: &str, place: &str) -> Result<Results, ReadError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: String,
    }
    let json = |source| ReadError::Json {
        place: place.to_owned(),
        source,
    };
    let version: Version = serde_json::from_str(text).map_err(json)?;
    if version.schema != SCHEMA {
        return Err(ReadError::Schema {
            place: place.to_owned(),
            found: version.schema,
        });
    }
    serde_json::from_str(text).map_err(json)
}

/// Reads a results file.
///
/// # Errors
/// As [`from_json`], and when the file cannot be read.
pub fn read(path: &Path) -> Result<Results, ReadError> {
    let text = files::read_text(path, files::MAX_RESULTS).map_err(|source| ReadError::File {
        path: path.to_owned(),
        source,
    })?;
    from_json(&text, &path.display().to_string())
}

/// Writes `results` as [`FILE_NAME`] into `folder`, as [`write_file`] does.
///
/// # Errors
/// [`WriteError::File`]; an older file is then still what it was.
pub fn write(results: &Results, folder: &Path) -> Result<PathBuf, WriteError> {
    write_file(folder, FILE_NAME, to_json(results).as_bytes())
}

/// Writes a file into `folder`, which is made if need be, and returns its path. An older file is
/// replaced, in one step.
///
/// # Errors
/// [`WriteError::File`]; an older file is then still what it was.
pub fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, WriteError> {
    let path = folder.join(name);
    let failed = |at: &Path, action| {
        let path = at.to_owned();
        move |source| WriteError::File { path, action, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder, "make this folder"))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // Readable as any other file: the umask takes away what it takes from those.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder
        .tempfile_in(folder)
        .map_err(failed(folder, "make a file in this folder"))?;
    file.write_all(bytes).map_err(failed(&path, "write"))?;
    file.as_file().sync_all().map_err(failed(&path, "write"))?;
    file.persist(&path)
        .map_err(|error| failed(&path, "write")(error.error))?;
    // The new name is on the disk only when the folder is. Some file systems cannot do that for a
    // folder; the file itself is complete by now.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(path)
}

/// [`write()`], and if that fails prints the results on `stdout`.
///
/// # Errors
/// [`WriteError::Printed`] when they were printed, [`WriteError::Lost`] when not even that succeeded.
pub fn write_or_print(results: &Results, folder: &Path, stdout: &mut dyn Write) -> Result<PathBuf, WriteError> {
    write(results, folder).map_err(|error| {
        let file = Box::new(error);
        match stdout
            .write_all(to_json(results).as_bytes())
            .and_then(|()| stdout.flush())
        {
            Ok(()) => WriteError::Printed(file),
            Err(stdout) => WriteError::Lost { file, stdout },
        }
    })
}
