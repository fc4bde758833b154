//! What a command that runs many trials does while they run: the view, the metrics, the signals.

use super::interrupt::Interrupt;
use super::sweep_progress::SweepProgress;
use crate::metrics::Metrics;
use crate::sweep::run::Seen;

/// Everybody who is told of trials under way.
pub(super) struct Watching<'a> {
    /// The view.
    pub progress: SweepProgress,
    metrics: Option<Metrics>,
    interrupt: &'a Interrupt,
}

impl<'a> Watching<'a> {
    pub(super) fn new(progress: SweepProgress, metrics: Option<Metrics>, interrupt: &'a Interrupt) -> Watching<'a> {
        Watching {
            progress,
            metrics,
            interrupt,
        }
    }

    /// Tells them. `before` trials were done before those that are seen; `named` names a point.
    pub(super) fn see(&mut self, seen: &Seen<'_>, before: usize, named: impl Fn(usize) -> String) {
        match seen {
            Seen::Begins {
                place,
                point,
                trial,
                done,
            } => {
                if let Some(metrics) = &self.metrics {
                    metrics.begins(*place, &named(*point));
                }
                self.progress.begins(*place, &named(*point), *trial, before + done);
            }
            Seen::Starts => self.interrupt.starts(),
            Seen::Under { place, watched } => {
                self.interrupt.started();
                if let Some(metrics) = &self.metrics {
                    metrics.seen(*place, watched);
                }
                self.progress.under(*place, watched);
            }
            Seen::Over { place, results } => {
                self.interrupt.started();
                if let Some(metrics) = &self.metrics
                    && let Some(results) = results
                {
                    metrics.finished(*place, results);
                }
                self.progress.over(*place);
            }
            Seen::PointDone { point, done } => self.progress.point_done(&named(*point), before + done),
            Seen::Left(processes) => self.progress.lives_on(processes),
        }
    }

    pub(super) fn finish(&self) {
        self.progress.finish();
    }
}
