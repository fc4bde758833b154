//! A sweep: its trials, and what follows from them in its folder.

use super::Lab;
use crate::report::page;
use crate::report::terminal::View;
use crate::sweep::gather::{Gathered, gather};
use crate::sweep::run::{Ended, Seen, SweepError};
use crate::sweep::store::{Store, StoreError};
use crate::sweep::{self, Ready, plots, shown, tables};

/// What a sweep has come to.
pub struct Done {
    /// How it ended.
    pub ended: Result<Ended, SweepError>,
    /// The finished trials.
    pub gathered: Gathered,
}

/// Runs what is not finished, and writes the tables, charts and page of all that is, however the trials ended.
///
/// # Errors
/// Where what was finished cannot be read or written: why the trials ended, if they did before, else that.
pub fn run(
    ready: &Ready,
    store: &mut Store,
    lab: &mut Lab<'_>,
    watch: impl FnMut(Seen<'_>),
) -> Result<Done, SweepError> {
    let ended = lab.trials(ready, store, watch);
    match (summarise(ready, store), ended) {
        (Ok(gathered), ended) => Ok(Done { ended, gathered }),
        (Err(_), Err(first)) => Err(first),
        (Err(error), Ok(_)) => Err(error.into()),
    }
}

/// Writes everything that follows from a sweep's finished trials into its folder.
///
/// # Errors
/// What was finished cannot be read, or the folder cannot be written.
pub(super) fn summarise(ready: &Ready, store: &Store) -> Result<Gathered, StoreError> {
    let gathered = gather(store, &ready.sweep)?;
    keep_summary(store, ready, &gathered)?;
    Ok(gathered)
}

fn keep_summary(store: &Store, ready: &Ready, gathered: &Gathered) -> Result<(), StoreError> {
    let sweep = &ready.sweep;
    let complete = gathered.is_complete(sweep);
    let text = shown::summary(sweep, gathered, complete, true, View::FILE);
    let contents = [
        tables::trials(sweep, gathered),
        tables::summary(sweep, gathered),
        tables::json(sweep, gathered, complete),
        text.into_bytes(),
    ];
    for (name, bytes) in tables::FILES.iter().zip(&contents) {
        store.write(name, bytes)?;
    }
    let page = sweep::html::render(sweep, gathered, complete);
    store.write(page::FILE_NAME, page.as_bytes())?;
    for (name, svg) in plots::draw(sweep, gathered) {
        store.write(&name, svg.as_bytes())?;
    }
    Ok(())
}
