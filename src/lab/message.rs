//! What a worker and who gave it work say to each other: a line of JSON each.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::outcome::Live;
use crate::fabric::Counters;
use crate::report::model::{Calibration, Results};
use crate::trial::{Measured, TrialError};
use crate::units::Picos;
use crate::yaml::Source;

/// A trial to be run: its texts with all changes, so that files that change meanwhile change nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub pattern: Source,
    pub pattern_name: String,
    pub testbed: Source,
    pub testbed_name: Option<String>,
    pub calibration: Option<Calibration>,
    /// Where its samples go.
    pub folder: PathBuf,
}

/// What a worker tells of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Under {
        live: Live,
        length: Option<Picos>,
        listens: bool,
    },
    Over(Box<Over>),
    Failed(TrialError),
}

/// A [`Measured`], but for what no sweep keeps.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Over {
    results: Results,
    fabric: Option<Counters>,
}

impl From<Measured> for Over {
    fn from(measured: Measured) -> Over {
        Over {
            results: measured.results,
            fabric: measured.fabric,
        }
    }
}

impl From<Over> for Measured {
    fn from(over: Over) -> Measured {
        Measured {
            results: over.results,
            fabric: over.fabric,
            rates: Vec::new(),
        }
    }
}

/// Writes one of them, and its line's end.
///
/// # Errors
/// Nobody listens.
pub(super) fn tell(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what).map_err(io::Error::other)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}
