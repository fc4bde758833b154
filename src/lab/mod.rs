//! squall as a library: a run, a sweep and a suite as calls that tell what happens while they run, and can be stopped.
//!
//! Contract: nothing is printed here, and no signal is caught. What goes wrong is an error with its parts, not a
//! sentence: who calls decides how it is told. Whatever happens, what was finished is in the folder, with the tables
//! and pages that follow from it.
//!
//! Left out on purpose: flags, terminals, exit statuses (`cli`).

mod examine;
pub mod merge;
mod message;
pub mod run;
pub mod suite;
pub mod sweep;
mod worker;
mod workers;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::sweep::run::{By, Ended, Seen, SweepError, why_not};
use crate::sweep::store::Store;
use crate::sweep::{self as sweeps, Ready};
use crate::trial::Session;
use workers::Processes;

pub use examine::{Extent, Unfit, examine};
pub use worker::{WORKER, serve};

/// Where and how trials are run.
pub struct Lab<'a> {
    session: Session,
    owned: &'a [String],
    stop: &'a AtomicBool,
    jobs: usize,
    workers: Processes,
}

impl<'a> Lab<'a> {
    /// A lab that uses the DPDK of `session` for trials one after another. `owned`: kernel interfaces that may be used
    /// although they are in use. `stop` ends everything early. Up to `jobs` trials run side by side, where a sweep lets
    /// them: each in a process of `program`, which calls [`serve`] when its argument is [`WORKER`].
    #[must_use]
    pub fn new(session: Session, owned: &'a [String], stop: &'a AtomicBool, jobs: usize, program: PathBuf) -> Lab<'a> {
        Lab {
            session,
            owned,
            stop,
            jobs,
            workers: Processes::new(program, jobs),
        }
    }

    /// Runs the trials of a sweep that are not finished.
    fn trials(&mut self, ready: &Ready, store: &mut Store, watch: impl FnMut(Seen<'_>)) -> Result<Ended, SweepError> {
        let left = ready.trials().saturating_sub(store.count());
        let by = if self.jobs.min(left) > 1 && why_not(ready).is_none() {
            By::Several(&mut self.workers)
        } else {
            By::One(&mut self.session)
        };
        sweeps::run::run(ready, by, store, self.owned, self.stop, watch)
    }
}
