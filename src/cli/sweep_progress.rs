//! The live view of a sweep: how many trials are done, which one is under way, how long the rest takes.
//!
//! Contract: a bar on standard error while it is a terminal; otherwise a line for each point that is done.
//! Time left is an estimate by the wall clock, from the trials of this process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress;
use crate::child::{self, Process};
use crate::trial::Watched;

/// Steps of the bar for each trial.
const STEPS: u64 = 100;

/// The view of one sweep.
#[derive(Debug)]
pub struct SweepProgress {
    bar: ProgressBar,
    quiet: bool,
    all: usize,
    /// Done before this process began.
    before: usize,
    done: usize,
    began: Instant,
    /// The trials under way, by their places: in words, and how far each is.
    under: BTreeMap<usize, (String, f64)>,
}

impl SweepProgress {
    /// A view of `all` trials, of which `done` are done already.
    #[must_use]
    pub fn new(all: usize, done: usize, quiet: bool) -> SweepProgress {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        };
        let bar = ProgressBar::with_draw_target(Some(all as u64 * STEPS), target);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent:>3} %\n{wide_msg}") {
            bar.set_style(style);
        }
        SweepProgress {
            bar,
            quiet,
            all,
            before: done,
            done,
            began: Instant::now(),
            under: BTreeMap::new(),
        }
    }

    /// `more` trials were done before this process began: time left is not told from them.
    pub fn skip(&mut self, more: usize) {
        self.before += more;
        self.done += more;
    }

    /// `done` trials are done, all of them before this process began.
    pub fn already(&mut self, done: usize) {
        self.before += done.saturating_sub(self.done);
        self.done = done;
        self.show();
    }

    /// Prints a line, above the bar where there is one.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| super::say(line));
        }
    }

    /// Tells of processes that hooks started and that could not be ended, also when nothing else is told.
    pub fn lives_on(&self, processes: &[Process]) {
        let line = format!(
            "note: what hooks started lives on and could not be killed: {}",
            child::named(processes)
        );
        self.bar.suspend(|| super::say(&line));
    }

    /// A trial begins at a place.
    pub fn begins(&mut self, place: usize, point: &str, trial: u32, done: usize) {
        self.done = done;
        self.under.insert(place, (format!("{point}, trial {trial}"), 0.0));
        self.show();
    }

    /// The trial at a place is under way.
    pub fn under(&mut self, place: usize, seen: &Watched<'_>) {
        let share = seen
            .length
            .map_or(0.0, |length| seen.live.elapsed.seconds() / length.seconds());
        if let Some((_, known)) = self.under.get_mut(&place) {
            *known = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        }
        self.show();
    }

    /// The trial at a place has ended.
    pub fn over(&mut self, place: usize) {
        self.under.remove(&place);
    }

    /// A point's trials are done.
    pub fn point_done(&mut self, point: &str, done: usize) {
        self.done = done;
        self.show();
        if self.bar.is_hidden() {
            self.say(&format!("{done}/{} trials done: {point}{}", self.all, self.left(0.0)));
        }
    }

    fn show(&self) {
        let share: f64 = self.under.values().map(|(_, share)| share).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a trial in steps"
        )]
        let part = (share * STEPS as f64) as u64;
        self.bar.set_position(self.done as u64 * STEPS + part);
        let trials: Vec<&str> = self.under.values().map(|(trial, _)| trial.as_str()).collect();
        self.bar.set_message(format!(
            "{}/{} trials | {}{}",
            self.done,
            self.all,
            trials.join("; "),
            self.left(share)
        ));
    }

    /// ` | 3 min left`, once there is something to tell it from.
    fn left(&self, share: f64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (own, rest) = (
            (self.done - self.before) as f64 + share,
            (self.all - self.done) as f64 - share,
        );
        if own < 0.05 || rest <= 0.0 {
            return String::new();
        }
        let left = self.began.elapsed().as_secs_f64() / own * rest;
        Duration::try_from_secs_f64(left).map_or(String::new(), |left| format!(" | {} left", progress::seconds(left)))
    }

    /// Takes the view away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
