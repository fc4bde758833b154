//! A suite: its tests in order, each a sweep in a folder of its own, and the report of all that is finished.

use std::path::PathBuf;

use super::merge::MergeError;
use super::{Extent, Lab, Unfit, examine, merge, sweep};
use crate::report::format::Format;
use crate::suite::folder::{Folder, FolderError};
use crate::suite::model::{self, Suite};
use crate::suite::report::Done;
use crate::suite::{self, Test};
use crate::sweep::Ready;
use crate::sweep::gather::{Gathered, gather};
use crate::sweep::run::{self, Ended, SweepError};
use crate::sweep::store::{Store, StoreError};
use crate::trial::Session;
use crate::yaml::Diagnostics;

/// Why a test is not run on a testbed.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// The testbed lacks what the test is about.
    #[error("{0}")]
    Lacks(String),
    /// A point of it does not fit.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Looks at every point of every test before the first trial: for each test what its trials come to, or why it is
/// not run. `session` learns of all devices.
pub fn examine_all(tests: &[Test], owned: &[String], session: &mut Session) -> Vec<Result<Extent, NotRun>> {
    let one = |test: &Test| match &test.not_run {
        Some(why) => Err(NotRun::Lacks(why.clone())),
        None => Ok(examine(&test.ready, owned, Format::Text, session)?),
    };
    tests.iter().map(one).collect()
}

/// What a caller sees of a suite under way.
pub enum Seen<'a> {
    /// A test begins.
    Test {
        /// Which.
        test: &'a Test,
        /// Finished trials of the tests before it.
        before: usize,
        /// Finished trials of its own, of earlier calls.
        finished: usize,
    },
    /// What happens in its sweep.
    Trial(&'a Ready, run::Seen<'a>),
}

/// What is to be said of a test at the end.
#[derive(Debug)]
pub struct Ending {
    /// The test's number.
    pub test: String,
    /// What.
    pub why: Why,
}

/// Why a test is not as it should be.
#[derive(Debug)]
pub enum Why {
    /// It was not run.
    NotRun(NotRun),
    /// It ended before it was done.
    Ended(SweepError),
    /// It does not meet what it expects: how many lines.
    Unmet(String),
}

/// A suite that has ended, whole or not.
pub struct Ran {
    /// The tests, with what is finished of each.
    pub done: Vec<Done>,
    /// What is to be said of them.
    pub endings: Vec<Ending>,
}

/// Why a suite ended without a report.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// Its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A test's folder cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was finished of a test cannot be kept: neither would the next one's be.
    #[error("what is finished cannot be kept")]
    Lost(Vec<Ending>),
    /// The tests' shipped texts.
    #[error(transparent)]
    Text(#[from] Diagnostics),
}

/// Runs what is not finished of the tests, of which `examined` says which can be run.
///
/// # Errors
/// [`SuiteError`]; finished trials are in the folder all the same.
pub fn run(
    folder: &Folder,
    tests: &[Test],
    examined: Vec<Result<Extent, NotRun>>,
    lab: &mut Lab<'_>,
    mut watch: impl FnMut(Seen<'_>),
) -> Result<Ran, SuiteError> {
    let mut before = 0;
    let mut ran = Ran {
        done: Vec::new(),
        endings: Vec::new(),
    };
    for (test, found) in tests.iter().zip(examined) {
        let mut end = |why| {
            ran.endings.push(Ending {
                test: test.id.clone(),
                why,
            });
        };
        if let Err(why) = found {
            ran.done
                .push(done(folder, test, Gathered::default(), Some(why.to_string())));
            end(Why::NotRun(why));
            continue;
        }
        folder.check()?;
        let mut store = Store::open(&folder.of(test), &test.ready, false)?;
        watch(Seen::Test {
            test,
            before,
            finished: store.count(),
        });
        let outcome = sweep::run(&test.ready, &mut store, lab, |seen| {
            watch(Seen::Trial(&test.ready, seen));
        });
        before += store.count();
        let sweep::Done { ended, gathered } = match outcome {
            Ok(done) => done,
            Err(error) => {
                end(Why::Ended(error));
                return Err(SuiteError::Lost(ran.endings));
            }
        };
        let why = match &ended {
            Ok(Ended::Complete) => None,
            Ok(Ended::Stopped) => Some("it was stopped".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Err(error) = ended {
            end(Why::Ended(error));
        }
        if gathered.unmet > 0 {
            end(Why::Unmet(crate::sweep::shown::unmet_head(&gathered)));
        }
        ran.done.push(done(folder, test, gathered, why));
    }
    Ok(ran)
}

fn done(folder: &Folder, test: &Test, gathered: Gathered, why: Option<String>) -> Done {
    Done {
        test: suite::assemble::test(test, folder.stored.profile, &gathered, why),
        gathered,
    }
}

/// What is finished of the tests of a folder; nothing is run.
///
/// # Errors
/// Folders that cannot be read.
pub fn look(folder: &Folder, tests: &[Test]) -> Result<Vec<Done>, StoreError> {
    let one = |test: &Test| {
        let path = folder.of(test);
        let gathered = if path.exists() {
            gather(&Store::open(&path, &test.ready, false)?, &test.ready.sweep)?
        } else {
            Gathered::default()
        };
        Ok(done(folder, test, gathered, test.not_run.clone()))
    };
    tests.iter().map(one).collect()
}

/// Brings the trials of shards together: their folders' tests into those of `folder`.
///
/// # Errors
/// [`MergeError`].
pub fn merge(folder: &Folder, tests: &[Test], shards: &[PathBuf]) -> Result<Vec<Done>, MergeError> {
    let one = |test: &Test| {
        let of_test: Vec<PathBuf> = shards.iter().map(|shard| shard.join(&test.id)).collect();
        let gathered = merge::of_test(&test.ready, &of_test, &folder.of(test))?;
        Ok(done(folder, test, gathered, test.not_run.clone()))
    };
    tests.iter().map(one).collect()
}

/// Makes the report of tests and writes its files; returns it and where its page is.
///
/// # Errors
/// The folder cannot be written.
pub fn report(folder: &Folder, done: &[Done]) -> Result<(Suite, PathBuf), SuiteError> {
    let suite = suite::report::suite(&folder.stored, done)?;
    let mut json = serde_json::to_vec_pretty(&suite).unwrap_or_default();
    json.push(b'\n');
    folder.write(model::FILE_NAME, &json)?;
    folder.write(suite::csv::FILE_NAME, &suite::csv::kpis(&suite))?;
    let page = folder.write(suite::html::FILE_NAME, suite::html::render(&suite).as_bytes())?;
    Ok((suite, page))
}
