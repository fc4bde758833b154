//! What a sweep was made of, kept in its folder: enough to tell what its trials are of without the files that it was
//! read from, which are on another machine, or have changed.
//!
//! Left out on purpose: the programs of hooks. Nothing is run of what is kept here.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Given, Ready};
use crate::files;
use crate::yaml::{Diagnostics, Source};

/// The schema of [`FILE_NAME`].
pub const SCHEMA: &str = "squall.sweep-inputs/1";

/// The file's name within a sweep's folder.
pub const FILE_NAME: &str = "inputs.json";

/// Largest one that is read: three texts of the greatest length, and room for what JSON adds.
const MAX_TEXT: u64 = 64 << 20;

/// The texts of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// [`SCHEMA`].
    pub schema: String,
    /// The sweep's file; of `squall run --vary`, nothing but the values of `--vary`.
    pub sweep: Source,
    /// The pattern as it was named.
    pub pattern_name: String,
    /// Its text.
    pub pattern: Source,
    /// The testbed's text.
    pub testbed: Source,
    /// What the command line said.
    pub given: Given,
    /// See [`Ready::identity`].
    pub identity: String,
}

/// Why a folder's sweep cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// Its file is not there, or is none.
    #[error("{}: cannot be read: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The texts are not what this version of squall reads.
    #[error(transparent)]
    Text(#[from] Diagnostics),
}

impl Inputs {
    /// Reads those of a folder.
    ///
    /// # Errors
    /// [`InputsError::File`].
    pub fn read(folder: &Path) -> Result<Inputs, InputsError> {
        let path = folder.join(FILE_NAME);
        let wrong = |what: String| InputsError::File {
            path: path.clone(),
            what,
        };
        let text = files::read(&path, MAX_TEXT).map_err(|error| wrong(error.to_string()))?;
        let inputs: Inputs = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if inputs.schema != SCHEMA {
            return Err(wrong(format!("its schema is {:?}, not {SCHEMA:?}", inputs.schema)));
        }
        Ok(inputs)
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// The sweep, to be read and not to be run.
    ///
    /// # Errors
    /// Texts that this version of squall does not take.
    pub fn ready(self) -> Result<Ready, Diagnostics> {
        Ready::kept(self)
    }
}
