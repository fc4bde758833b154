//! Announcing the workers of a port, before any traffic and again and again while it runs.
//!
//! Contract: [`Announcer::step`] is called between bursts, now and then; it queues a few frames at a time, and none
//! while the way out has no room.
//!
//! Left out on purpose: what the frames say (`neighbour::announce`).

use crate::dpdk::TxQueue;
use crate::engine::inject::{Injector, Origin, SmallFrame};
use crate::neighbour::announcements;
use crate::plan::Plan;
use crate::units::Picos;

/// Frames that one call sends at most.
const AT_A_TIME: usize = 8;

/// The announcements of one port's workers.
pub struct Announcer {
    frames: Vec<SmallFrame>,
    /// Which frame is next.
    next: usize,
    /// When the next round begins, once the last one is over.
    due: Picos,
    /// From one round's end to the next one's begin; zero: there is one round.
    every: Picos,
}

impl Announcer {
    /// For the workers of `port`; a first round is due at once, others `every` so often.
    #[must_use]
    pub fn new(plan: &Plan, port: usize, every: Picos) -> Announcer {
        let small = |frame: Vec<u8>| SmallFrame::new(&frame, plan.classes.of_frame(&frame), Origin::Announcement);
        // All are shorter than a small frame may be.
        let frames = announcements(plan, port).into_iter().filter_map(small).collect();
        Announcer {
            frames,
            next: 0,
            due: Picos::ZERO,
            every,
        }
    }

    /// The whole first round, before the run's clock begins.
    pub fn begin(&mut self, way_out: &mut Injector, queue: &mut TxQueue) {
        for frame in &self.frames {
            if way_out.room() == 0 && way_out.serve(queue, 0, usize::MAX, 0) == 0 {
                // The port takes nothing: another round comes.
                break;
            }
            way_out.push(*frame);
        }
        while way_out.waiting() > 0 && way_out.serve(queue, 0, usize::MAX, 0) > 0 {}
        self.end_round(Picos::ZERO);
    }

    /// Queues what is due at `now`, or as much of it as has room.
    pub fn step(&mut self, way_out: &mut Injector, now: Picos) {
        if now < self.due {
            return;
        }
        for _ in 0..AT_A_TIME.min(way_out.room()) {
            let Some(frame) = self.frames.get(self.next) else {
                return self.end_round(now);
            };
            way_out.push(*frame);
            self.next += 1;
        }
    }

    fn end_round(&mut self, now: Picos) {
        self.next = 0;
        self.due = if self.every == Picos::ZERO {
            Picos::MAX
        } else {
            now.saturating_add(self.every)
        };
    }
}
