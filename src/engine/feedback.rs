//! What received frames mean to the lanes that wait for them: the way back from a recorder to a schedule, for both drivers.
//!
//! Contract: typed events; an event for a lane that is not here changes nothing.
//!
//! Left out on purpose: how events cross from core to core.

use std::collections::HashMap;

use crate::engine::answers;
use crate::engine::batch::Batch;
use crate::engine::inject::{Origin, SmallFrame};
use crate::engine::tx::TxUnit;
use crate::measure::answering::ToSend;
use crate::measure::{Completion, Recorder};
use crate::plan::Plan;
use crate::transport::reliable::Told;
use crate::units::Picos;

/// What a lane is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// A message of a closed loop was received whole.
    Completed(Completion),
    /// A QP of a reliable connection was answered.
    Answered(Told),
}

/// Lanes that wait for feedback, by entry, pair, and whether they answer READs: unit and lane, and the lane's first pair.
pub struct Waiting {
    lanes: HashMap<(u16, u32, bool), (usize, usize, u32)>,
}

impl Waiting {
    /// The lanes of `units` that wait.
    #[must_use]
    pub fn of<B: Batch>(plan: &Plan, units: &[TxUnit<B>]) -> Waiting {
        let mut lanes = HashMap::new();
        for (unit_index, unit) in units.iter().enumerate() {
            for (lane_index, lane) in unit.schedule().lanes().iter().enumerate() {
                let entry = &plan.entries[lane.entry];
                if lane.counts().is_none() && !entry.work.is_closed_loop() {
                    continue;
                }
                for pair in lane.pairs(entry) {
                    let key = (u16::try_from(lane.entry).unwrap_or(u16::MAX), pair, lane.serves());
                    lanes.insert(key, (unit_index, lane_index, lane.first_pair));
                }
            }
        }
        Waiting { lanes }
    }

    /// Whether nobody waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Tells the lane that waits for it, and says whose it is.
    pub fn tell<B: Batch>(
        &self,
        plan: &Plan,
        units: &mut [TxUnit<B>],
        feedback: Feedback,
        now: Picos,
    ) -> Option<usize> {
        let key = match &feedback {
            Feedback::Completed(completion) => (completion.entry, completion.pair, false),
            Feedback::Answered(told) => {
                let reads = plan.entries.get(usize::from(told.entry))?.verb.is_read();
                (told.entry, told.pair, reads && told.reply.is_for_holder())
            }
        };
        let (unit, lane, first_pair) = *self.lanes.get(&key)?;
        let own = &mut units[unit];
        match feedback {
            Feedback::Completed(completion) => {
                own.schedule_mut().complete(lane, completion.qp, completion.number, now);
            }
            Feedback::Answered(told) => {
                let flow = (told.pair - first_pair) * plan.entries[usize::from(told.entry)].qps + told.qp;
                own.on_reply(plan, lane, flow, told.reply, now);
            }
        }
        Some(unit)
    }
}

/// Takes what `recorder` has to tell lanes.
#[inline]
pub fn take(recorder: &mut Recorder, mut tell: impl FnMut(Feedback)) {
    recorder
        .take_completions()
        .for_each(|completion| tell(Feedback::Completed(completion)));
    if let Some(answering) = recorder.answering() {
        answering.take_replies().for_each(|told| tell(Feedback::Answered(told)));
    }
}

/// The frame that a responder owes, and the port from which it leaves; `None`: the plan has no such QP.
#[must_use]
pub fn answer(plan: &Plan, owed: &ToSend) -> Option<(usize, SmallFrame)> {
    let mut bytes = [0; answers::LONGEST];
    let len = answers::write(plan, owed, &mut bytes)?;
    let pair = plan
        .entries
        .get(usize::from(owed.entry))?
        .pairs
        .get(owed.pair as usize)?;
    let class = plan.classes.of_frame(&bytes[..len]);
    let mut frame = SmallFrame::new(&bytes[..len], class, Origin::Transport)?;
    if let Some(since) = owed.since {
        frame = frame.answering(owed.entry, since);
    }
    Some((answers::port(plan, owed, *pair), frame))
}
