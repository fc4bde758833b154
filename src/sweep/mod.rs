//! Many trials of one pattern: points, trials of each, and what they come to.
//!
//! Contract: a sweep's results are a function of its file, its pattern, its testbed and its seed (in
//! virtual time byte for byte); a finished trial is never lost and never run again, whenever and however
//! the process ends. How a trial is run is the caller's matter ([`run::Runner`]).
//!
//! Left out on purpose: flags, signals, the terminal's live view (`cli`).

pub mod checks;
mod derived;
pub mod gather;
pub mod hook;
pub mod html;
pub mod inputs;
pub mod journal;
pub mod keys;
mod load;
pub mod own_files;
pub mod plots;
pub mod point;
mod read;
pub mod run;
pub mod search;
pub mod series;
mod shard;
mod shipped;
pub mod shown;
pub mod store;
pub mod tables;
mod types;
mod value;

use serde::{Deserialize, Serialize};

use crate::yaml::read::Reader;
use crate::yaml::tree::Node;
use crate::yaml::{self, Diagnostics, Source};

pub use load::{DEVICE, Inputs, Ready};
pub use read::{DERIVED, MAX_RUNS, MAX_TRIALS};
pub use shard::Shard;
pub use shipped::SHIPPED;
pub use types::*;

/// What the command line says of a sweep, beside its file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// `--set`, in order.
    pub set: Vec<String>,
    /// `--vary`, in order: a sweep without a file.
    pub vary: Vec<String>,
    /// `--testbed`, instead of the file's.
    pub testbed: Option<String>,
    /// `--trials`, instead of the file's.
    pub trials: Option<u32>,
    /// `--seed`, instead of the file's.
    pub seed: Option<u64>,
    /// The draft's test that the sweep is, where a suite runs it: messages name it.
    pub test: Option<String>,
}

/// Loads the file `sweep`, or the shipped sweep of that name when there is no such file, with the
/// pattern, the testbed and the hooks that it names.
///
/// # Errors
/// Every mistake of the text, and files that are not there. What its keys and values mean is not known
/// before the points are loaded: see [`Ready::check`].
pub fn load(sweep: &str, given: Given) -> Result<Ready, Diagnostics> {
    let source = yaml::find(sweep, "sweep", SHIPPED, &[])?;
    Ready::new(of_source(&source, &given)?, source, given)
}

/// The sweep of a text, with what the command line says instead.
fn of_source(source: &Source, given: &Given) -> Result<Sweep, Diagnostics> {
    let mut sweep = parse_source(source)?;
    sweep.take(given);
    checked(source, |reader| read::check_size(reader, &sweep, yaml::Place::START))?;
    Ok(sweep)
}

/// The sweep of a pattern over the points of `given.vary`.
///
/// # Errors
/// As [`load()`].
pub fn of_pattern(pattern: &str, given: Given) -> Result<Ready, Diagnostics> {
    let source = Source {
        name: String::new(),
        text: String::new(),
        overrides: given.vary.clone(),
        shipped: false,
    };
    Ready::new(of_vary(pattern, &source, &given)?, source, given)?.with_seed_of_pattern()
}

/// The sweep that a command line is, without a file.
fn of_vary(pattern: &str, source: &Source, given: &Given) -> Result<Sweep, Diagnostics> {
    let as_vary = |errors: Diagnostics| errors.placed(|_, item| item.file = item.file.replacen("--set ", "--vary ", 1));
    let mut found = None;
    checked(source, |reader| {
        let (axes, points) = read::varied(reader, &given.vary);
        let stem = std::path::Path::new(pattern).file_stem();
        let mut sweep = Sweep {
            name: stem.map_or_else(|| pattern.to_owned(), |stem| stem.to_string_lossy().into_owned()),
            description: None,
            draft: None,
            pattern: pattern.to_owned(),
            testbed: None,
            set: Vec::new(),
            axes,
            points,
            trials: 1,
            seed: 1,
            hooks: Hooks::default(),
            expect: Vec::new(),
            plots: None,
            derived: Vec::new(),
            search: None,
        };
        sweep.take(given);
        read::check_size(reader, &sweep, yaml::Place::Override(0));
        found = Some(sweep);
    })
    .map_err(as_vary)?;
    found.ok_or_else(|| Diagnostics::unplaced(pattern, "there is nothing to vary"))
}

/// The sweep that `root` says, a part of the text of `source`; `stem` names it by default. `findings` are
/// those of the text.
///
/// # Errors
/// As [`load()`].
pub fn of_tree(source: Source, root: &Node, reader: Reader, stem: &str, given: Given) -> Result<Ready, Diagnostics> {
    let mut sweep = read::sweep(&reader, root, stem);
    sweep.take(&given);
    read::check_size(&reader, &sweep, root.place);
    if reader.clean() {
        Ready::new(sweep, source, given)
    } else {
        Err(source.diagnostics(reader.into_findings()))
    }
}

/// The figure that `text` names, which `sweep` may derive; a mistake is recorded at `place`.
pub fn figure(reader: &Reader, place: yaml::Place, text: &str, sweep: &Sweep) -> Option<FigureName> {
    read::figure_name(reader, place, text, &sweep.derived)
}

/// The axis of `sweep` that `text` names; a mistake is recorded at `place`.
pub fn axis(reader: &Reader, place: yaml::Place, text: &str, sweep: &Sweep) -> Option<usize> {
    read::axis_of(reader, place, text, &sweep.axes)
}

/// What `find` records, as diagnostics of `source`.
fn checked(source: &Source, find: impl FnOnce(&Reader)) -> Result<(), Diagnostics> {
    let reader = Reader::default();
    find(&reader);
    if reader.clean() {
        Ok(())
    } else {
        Err(source.diagnostics(reader.into_findings()))
    }
}

/// Parses the text of a sweep; `name` stands for the file in messages.
///
/// # Errors
/// As [`load()`].
pub fn parse(name: &str, text: &str) -> Result<Sweep, Diagnostics> {
    parse_source(&Source {
        name: name.to_owned(),
        text: text.to_owned(),
        overrides: Vec::new(),
        shipped: false,
    })
}

fn parse_source(source: &Source) -> Result<Sweep, Diagnostics> {
    let mut findings = Vec::new();
    let Some(root) = source.tree(|_, _, _| None, &mut findings) else {
        return Err(source.diagnostics(findings));
    };
    let reader = Reader::new(findings);
    let sweep = read::sweep(&reader, &root, &source.stem());
    if reader.clean() {
        Ok(sweep)
    } else {
        Err(source.diagnostics(reader.into_findings()))
    }
}
