//! The file of a calibration: written beside a testbed, found again by the testbed's digest.
//!
//! Contract: a calibration is of one testbed, overrides included. One that the testbed names must be of
//! it; one that merely lies beside it and is of another is not looked at.
//!
//! Left out on purpose: measuring.

use std::path::{Path, PathBuf};

use crate::files;
use crate::report::model::{CALIBRATION_SCHEMA, Calibration};
use crate::report::provenance::sha256_hex;
use crate::testbed;

/// What a file beside `lab.yaml` is called: `lab.calibration.json`.
const SUFFIX: &str = ".calibration.json";

/// Largest file that is read.
const MAX_TEXT: u64 = 16 << 20;

/// Why the calibration that a testbed names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("calibration {path}: cannot be read: {source}; squall calibrate --testbed FILE --out {path} makes it")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no calibration.
    #[error("calibration {path}: this is no file of squall calibrate ({why}); make it anew")]
    Format {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// It is of another testbed.
    #[error(
        "calibration {path}: it is of another testbed, or of this one before it was changed; run squall calibrate on this one, \
         or take `calibration` out"
    )]
    Other {
        /// The file.
        path: String,
    },
}

/// By what a testbed is known: its text and overrides, `calibration` itself left out.
#[must_use]
pub fn digest(testbed: &testbed::Loaded) -> String {
    let source = &testbed.source;
    let lines = source.text.lines().filter(|line| !line.starts_with("calibration:"));
    let overrides = source
        .overrides
        .iter()
        .filter(|set| !set.trim_start().starts_with("calibration="));
    let mut text = String::new();
    for line in lines.chain(overrides.map(String::as_str)) {
        text.push_str(line);
        text.push('\n');
    }
    sha256_hex(text.as_bytes())
}

/// Where the calibration of a testbed goes when nobody says: beside its file; of a shipped one, into the
/// current folder.
#[must_use]
pub fn default_path(testbed: &testbed::Loaded) -> PathBuf {
    let path = Path::new(&testbed.source.name);
    let stem = testbed.source.stem();
    let name = format!("{stem}{SUFFIX}");
    match path.parent() {
        Some(folder) if path.is_file() => folder.join(name),
        _ => PathBuf::from(name),
    }
}

/// The calibration of a testbed: the one that it names, else the one beside it that is of it.
///
/// # Errors
/// What is wrong with the one that it names.
pub fn of(testbed: &testbed::Loaded) -> Result<Option<Calibration>, FileError> {
    let wanted = digest(testbed);
    if let Some(named) = &testbed.testbed.calibration {
        let folder = Path::new(&testbed.source.name).parent().unwrap_or(Path::new(""));
        let path = folder.join(named);
        let calibration = read(&path)?;
        if calibration.testbed_sha256 != wanted {
            return Err(FileError::Other {
                path: path.display().to_string(),
            });
        }
        return Ok(Some(calibration));
    }
    let found = read(&default_path(testbed)).ok();
    Ok(found.filter(|calibration| calibration.testbed_sha256 == wanted))
}

fn read(path: &Path) -> Result<Calibration, FileError> {
    let name = path.display().to_string();
    let failed = |source| FileError::Read {
        path: name.clone(),
        source,
    };
    let format = |why: String| FileError::Format {
        path: name.clone(),
        why,
    };
    let text = files::read_text(path, MAX_TEXT).map_err(failed)?;
    let calibration: Calibration = serde_json::from_str(&text).map_err(|error| format(error.to_string()))?;
    if calibration.schema != CALIBRATION_SCHEMA {
        return Err(format(format!("schema {:?}", calibration.schema)));
    }
    Ok(calibration)
}

/// The file's text.
#[must_use]
pub fn to_json(calibration: &Calibration) -> String {
    // The model has string keys only: there is no value that cannot be written.
    serde_json::to_string_pretty(calibration).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Source;

    fn loaded(text: &str, overrides: &[&str]) -> testbed::Loaded {
        testbed::of(Source {
            name: "lab.yaml".to_owned(),
            text: text.to_owned(),
            overrides: overrides.iter().map(|set| (*set).to_owned()).collect(),
            shipped: false,
        })
        .expect("it is a testbed")
    }

    #[test]
    fn a_testbed_is_known_by_all_but_its_calibration() {
        let plain = digest(&loaded("ports:\n- {device: net_ring0}\n", &[]));
        let named = loaded("calibration: x.json\nports:\n- {device: net_ring0}\n", &[]);
        assert_eq!(digest(&named), plain);
        assert_eq!(
            digest(&loaded("ports:\n- {device: net_ring0}\n", &["calibration=y.json"])),
            plain
        );
        assert_ne!(digest(&loaded("ports:\n- {device: net_ring1}\n", &[])), plain);
        assert_ne!(
            digest(&loaded("ports:\n- {device: net_ring0}\n", &["ports.0.speed=1Gbps"])),
            plain
        );
        assert_eq!(default_path(&named), Path::new("lab.calibration.json"));
    }

    #[test]
    fn a_named_file_that_is_not_there_is_an_error_and_one_beside_need_not_be() {
        assert!(of(&loaded("ports:\n- {device: net_ring0}\n", &[])).is_ok_and(|found| found.is_none()));
        let error = of(&loaded(
            "calibration: /nowhere/x.json\nports:\n- {device: net_ring0}\n",
            &[],
        ));
        assert!(matches!(error, Err(FileError::Read { .. })), "{error:?}");
    }
}
