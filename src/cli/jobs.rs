//! `--jobs`, of all commands that run many trials.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::lab::Lab;
use crate::sweep::Ready;
use crate::sweep::run::why_not;
use crate::trial::Session;

/// The flag.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct JobsArgs {
    /// How many trials run side by side, in virtual time [default: as many as there are cores, but one]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl JobsArgs {
    fn jobs(self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or(cores.saturating_sub(1).max(1), NonZeroUsize::get)
    }

    /// A lab with so many jobs.
    pub(super) fn lab<'a>(self, session: Session, owned: &'a [String], stop: &'a AtomicBool) -> Lab<'a> {
        // This program, whatever has taken the place of its file since it was started.
        Lab::new(session, owned, stop, self.jobs(), PathBuf::from("/proc/self/exe"))
    }

    /// What is to be said where more than one was asked for, and cannot be had.
    pub(super) fn note<'a>(self, sweeps: impl IntoIterator<Item = &'a Ready>) -> Option<String> {
        let asked = self.jobs.filter(|jobs| jobs.get() > 1)?;
        let why = sweeps.into_iter().find_map(why_not)?;
        Some(format!("note: --jobs {asked}: not all trials run side by side: {why}"))
    }
}
