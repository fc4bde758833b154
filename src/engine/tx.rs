//! One port queue's sending: plan to mbufs, burst by burst.
//!
//! Contract: [`TxUnit::step`] does a bounded amount of work and returns. What the port does not
//! take stays in the batch, in order, and is tried first the next time; nothing new is made while
//! it waits. Every frame ends as sent, or as unsent when the run ends.
//!
//! Left out on purpose: threads, and deciding when a port is dead.

mod audit;
mod unsent;

use hdrhistogram::Histogram;

use crate::dpdk::{BATCH, TxBatch, TxPool, TxQueue};
use crate::engine::ahead::Ahead;
use crate::engine::announce::Announcer;
use crate::engine::batch::Batch;
use crate::engine::craft::Crafter;
use crate::engine::inject::{Injected, Injector, SmallFrame};
use crate::engine::obey::PauseTimers;
use crate::measure::clock::Line;
use crate::measure::pause::PAUSES;
use crate::measure::record::{Times, coarse_histogram};
use crate::measure::{GapRecord, Holds, PauseOrder, SenderGaps, SentPause};
use crate::plan::feed::{Rounds, Work};
use crate::plan::{EntryPlan, Plan};
use crate::transport::reliable::Reply;
use crate::transport::schedule::{Next, Schedule};
use crate::units::Picos;

pub use audit::Audit;
pub use unsent::Unsent;

/// What one queue has done, beyond what its lanes count.
#[derive(Debug, Clone, Default)]
pub struct TxStats {
    /// Frames that the port took.
    pub frames: u64,
    /// Their bytes without FCS.
    pub bytes: u64,
    /// Calls in which the port did not take all.
    pub refusals: u64,
    /// Times that the pool had no buffer.
    pub no_buffer: u64,
    /// PFC frames that name each class.
    pub pfc: [u64; 8],
    /// PAUSE frames.
    pub pause: u64,
    /// Frames that the NIC was to send at their time and was given none for, its clock being unknown;
    /// known at the end.
    pub untimed: u64,
    /// Frames that no plan foresaw; not among `frames` and `bytes`; known at the end.
    pub injected: Injected,
}

impl TxStats {
    /// Adds what another queue has done.
    pub fn add(&mut self, other: &TxStats) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.refusals += other.refusals;
        self.no_buffer += other.no_buffer;
        for (mine, theirs) in self.pfc.iter_mut().zip(other.pfc) {
            *mine += theirs;
        }
        self.pause += other.pause;
        self.untimed += other.untimed;
        self.injected.add(&other.injected);
    }
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Frames were sent.
    Sent(usize),
    /// Nothing is due.
    Idle,
    /// The port takes nothing.
    Refused,
    /// Nothing will ever be due again.
    Finished,
}

/// What became of asking for one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// It was sent.
    Sent,
    /// None is due before then; [`Picos::MAX`]: not before something else happens.
    Wait(Picos),
    /// There is no buffer to write it into.
    NoBuffer,
    /// The port did not take it.
    Refused,
    /// None will ever be due again.
    Done,
}

/// Buffers taken from the pool at once by a unit that is asked for single frames: there may be
/// hundreds of such units.
const PULL_BATCH: usize = 8;

/// The result of writing one frame.
enum Wrote {
    Frame,
    Nothing(Picos),
    Done,
}

/// One port queue that sends.
pub struct TxUnit<B: Batch = TxBatch> {
    /// Index of the port in the plan.
    pub port: usize,
    /// What it has done.
    pub stats: TxStats,
    /// Set aside for verification, when asked for.
    pub audit: Option<Audit>,
    /// How late frames were handed to the port, ps, for each entry; unpaced ones are never late.
    pub lateness: Vec<Times>,
    /// From the first request for a message to its last response, ps, for each entry whose messages are READs.
    pub reads: Vec<Times>,
    /// Gaps between departures, for each entry; unpaced senders have none.
    pub gaps: Vec<GapRecord>,
    /// Departures of each lane of the schedule.
    senders: Vec<SenderGaps>,
    /// For how long its classes were held.
    holds: Holds,
    /// From the time that a burst's frames bear as their departure to the port's having taken them, ps.
    pub spread: Histogram<u64>,
    /// Since when the port has taken nothing.
    pub refused_since: Option<Picos>,
    made_at: Picos,
    /// The first PFC frames made; see [`PAUSES`].
    pub pauses: Vec<SentPause>,
    queue: B::Queue,
    batch: B,
    schedule: Schedule,
    crafter: Crafter,
    /// What PFC and PAUSE frames hold back.
    held: PauseTimers,
    /// Where the NIC sends each frame at its time.
    ahead: Option<Ahead>,
    /// What goes out beside the plan, and before it.
    injector: Injector<B>,
    /// Tells the network where the port's workers are; one of its queues does.
    announcer: Option<Announcer>,
    finished: bool,
    /// Nothing new is made, whatever is asked for.
    stopped: bool,
}

impl TxUnit {
    /// A unit that sends the frames of `schedule` through `queue`. `clean` is the prefill of
    /// `pool`'s buffers.
    #[must_use]
    pub fn new(plan: &Plan, port: usize, queue: TxQueue, pool: &TxPool, schedule: Schedule, clean: Vec<u8>) -> TxUnit {
        let batch = || TxBatch::new(pool);
        TxUnit::of(plan, port, queue, batch, schedule, clean)
    }

    /// The same for the queue that announces its port's workers: once now, and then as often as `announcer` is to.
    #[must_use]
    pub fn with_announcer(mut self, mut announcer: Announcer) -> TxUnit {
        announcer.begin(&mut self.injector, &mut self.queue);
        self.announcer = Some(announcer);
        self
    }

    /// Announces the port's workers again where that is due.
    pub fn announce(&mut self, now: Picos) {
        if let Some(announcer) = &mut self.announcer {
            announcer.step(&mut self.injector, now);
        }
    }

    /// Sends what is due at `now`, at most one burst.
    #[inline]
    pub fn step(&mut self, plan: &Plan, now: Picos) -> Progress {
        if self.injector.ready() != 0 {
            let held = self.held.held(now);
            // A NIC that sends at given times sends these at once: 0 is past on every clock.
            self.injector.serve(&mut self.queue, held, usize::MAX, 0);
        }
        if self.batch.pending() > 0 {
            return self.send(now);
        }
        if self.finished {
            return Progress::Finished;
        }
        if self.batch.held() == 0 && self.batch.refill(BATCH) == 0 {
            self.stats.no_buffer += 1;
            return Progress::Idle;
        }
        let held = self.held.held(now);
        self.holds.see(held, now);
        self.schedule.pause(held);
        let limit = self.ahead.as_ref().map_or(now, |ahead| ahead.limit(now));
        let made = self.make(plan, limit);
        if made > 0 {
            self.made_at = now;
            return self.send(now);
        }
        if self.finished {
            Progress::Finished
        } else {
            Progress::Idle
        }
    }

    /// Writes the frames that are due into the batch, as many as it holds buffers for.
    #[inline]
    fn make(&mut self, plan: &Plan, now: Picos) -> usize {
        let held = self.batch.held();
        let mut made = 0;
        while made < held {
            made += self.make_middles(plan, now, made, held);
            if made == held {
                break;
            }
            match self.write_next(plan, now, made) {
                Wrote::Frame => made += 1,
                Wrote::Nothing(_) => break,
                Wrote::Done => {
                    self.finished = true;
                    break;
                }
            }
        }
        made
    }

    /// Writes Middle packets from frame `from` of the batch on, while there is nothing else to do.
    #[inline]
    fn make_middles(&mut self, plan: &Plan, now: Picos, from: usize, held: usize) -> usize {
        let Some(lane) = self.schedule.streak(now) else {
            return 0;
        };
        let entry = self.schedule.lanes()[lane].entry;
        let Some(burst) = self.crafter.burst(plan, entry, lane, now) else {
            return 0;
        };
        let (batch, len) = (&mut self.batch, burst.frame_len());
        let taken = self
            .schedule
            .take_middles(plan, lane, now, held - from, |flows, order| {
                burst.write(flows, order, batch.frames(from).map(|frame| (frame.bytes, frame.mark)))
            });
        // They are of one length.
        #[expect(clippy::cast_possible_truncation, reason = "a frame of at most 4200 bytes")]
        self.batch.set_lens(from, taken, len as u16);
        self.stats.bytes += (taken * len) as u64;
        if let Some(audit) = &mut self.audit {
            let batch = &mut self.batch;
            audit.see_burst(taken, |nth| batch.frame(from + nth).bytes[..len].to_vec());
        }
        taken
    }
}

impl<B: Batch> TxUnit<B> {
    /// A unit that sends the frames of `schedule` through `queue`, in batches whose buffers are filled with `clean`.
    #[must_use]
    pub fn of(
        plan: &Plan,
        port: usize,
        queue: B::Queue,
        batch: impl Fn() -> B,
        mut schedule: Schedule,
        clean: Vec<u8>,
    ) -> TxUnit<B> {
        let injector = Injector::new(batch(), clean.clone());
        let crafter = Crafter::new(plan, &mut schedule, clean);
        TxUnit {
            port,
            stats: TxStats::default(),
            audit: None,
            lateness: vec![Times::default(); plan.entries.len()],
            reads: vec![Times::default(); plan.entries.len()],
            gaps: vec![GapRecord::default(); plan.entries.len()],
            senders: vec![SenderGaps::default(); schedule.lanes().len()],
            holds: Holds::default(),
            spread: coarse_histogram(),
            refused_since: None,
            made_at: Picos::ZERO,
            pauses: Vec::new(),
            queue,
            batch: batch(),
            schedule,
            crafter,
            held: PauseTimers::default(),
            ahead: None,
            injector,
            announcer: None,
            finished: false,
            stopped: false,
        }
    }

    /// The same for a port that sends each frame at its time. Its schedule is one of
    /// [`Clocking::Ahead`](crate::transport::schedule::Clocking::Ahead) with [`LEAD`](crate::engine::ahead::LEAD).
    #[must_use]
    pub fn with_departures(mut self) -> TxUnit<B> {
        self.ahead = Some(Ahead::default());
        self
    }

    /// Queues a frame that no plan foresaw: it leaves before data, from the next [`TxUnit::step`] or [`TxUnit::pull`] on in
    /// which its class is not paused. Says whether there was room; there is none for more than
    /// [`ROOM`](crate::engine::inject::ROOM), and what is not taken is counted.
    pub fn inject(&mut self, frame: SmallFrame) -> bool {
        self.injector.push(frame)
    }

    /// From the arrival of a packet to the departure of its answer, ps, by entry, as far as there were any.
    #[must_use]
    pub fn turnarounds(&self) -> &[Times] {
        &self.injector.turnarounds
    }

    /// What answers has left in the last [`TxUnit::step`] had done so by `clock`, which is read if there is any.
    #[inline]
    pub fn answers_left(&mut self, clock: impl Fn() -> Picos) {
        if self.injector.has_answered() {
            self.injector.left_by(clock());
        }
    }

    /// What has become of such frames.
    #[must_use]
    pub fn injected(&self) -> Injected {
        Injected {
            left: self.injector.waiting() as u64,
            ..self.injector.stats
        }
    }

    /// Frames handed over without a time to a NIC that was to send them at theirs.
    #[must_use]
    pub fn untimed(&self) -> u64 {
        self.ahead.map_or(0, |ahead| ahead.untimed)
    }

    /// The relation that turns departures into the NIC's times from now on, where it sends each frame at its time.
    pub fn set_line(&mut self, line: Option<Line>) {
        if let Some(ahead) = &mut self.ahead {
            ahead.set_line(line);
        }
    }

    /// What takes its frames.
    #[inline]
    pub fn queue_mut(&mut self) -> &mut B::Queue {
        &mut self.queue
    }

    /// What it sends.
    pub fn schedule_mut(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    /// What it sends.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Whether it has sent all it ever will.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished && self.batch.pending() == 0
    }

    /// Frames made that the port has not taken.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.batch.pending()
    }

    /// A reply came at `now` for QP `flow` of a lane.
    pub fn on_reply(&mut self, plan: &Plan, lane: usize, flow: u32, reply: Reply, now: Picos) {
        if reply.is_for_holder() {
            // One that had finished sends what it is asked for.
            self.finished = self.stopped;
        }
        self.schedule.on_reply(plan, lane, flow, reply, now);
        if let Some(entry) = self.schedule.lanes().get(lane).map(|lane| lane.entry) {
            let times = &mut self.reads[entry];
            self.schedule.take_read_times(lane).for_each(|time| times.see(time.0));
        }
    }

    /// Obeys a PFC or PAUSE frame from the next [`TxUnit::step`] on. What is made already, less than a
    /// burst, is not called back.
    pub fn obey(&mut self, order: &PauseOrder) {
        self.held.obey(order);
    }

    /// Since when frames that are due have been held back without interruption.
    #[must_use]
    pub fn held_since(&self) -> Option<Picos> {
        self.held.since(self.schedule.held_classes())
    }

    /// When the frames that were sent last were made: their stamps say so.
    #[must_use]
    pub fn made_at(&self) -> Picos {
        self.made_at
    }

    /// Makes nothing new from now on.
    pub fn stop(&mut self) {
        self.finished = true;
        self.stopped = true;
    }

    /// Writes the next frame that is due into place `at` of the batch.
    #[inline(always)]
    fn write_next(&mut self, plan: &Plan, now: Picos, index: usize) -> Wrote {
        match self.schedule.next(plan, now) {
            Next::Packet { at, lane, due } => {
                let now = self.departure(index, at, now);
                let frame = self.batch.frame(index);
                let len = self
                    .crafter
                    .write(plan, &mut self.schedule, lane, &due, now, frame.bytes, frame.mark);
                if let Some(audit) = &mut self.audit {
                    audit.see(&frame.bytes[..len]);
                }
                self.stats.bytes += len as u64;
                #[expect(clippy::cast_possible_truncation, reason = "a frame of at most 4200 bytes")]
                self.batch.set_len(index, len as u16);
                let state = &self.schedule.lanes()[lane];
                if state.is_planned() {
                    self.lateness[state.entry].see(now.saturating_sub(self.schedule.planned()).0);
                    let held = self.holds.until(self.schedule.class(lane), now);
                    self.senders[lane].left(self.schedule.first_planned(), now, held, &mut self.gaps[state.entry]);
                }
                Wrote::Frame
            }
            Next::Control { at, entry, quanta } => {
                let now = self.departure(index, at, now);
                let frame = self.batch.frame(index);
                let len = self.crafter.write_control(entry, quanta, frame.bytes, frame.mark);
                self.stats.bytes += len as u64;
                #[expect(clippy::cast_possible_truncation, reason = "60 bytes")]
                self.batch.set_len(index, len as u16);
                self.count_control(plan, entry, |count| *count += 1);
                self.log_pause(plan, entry, quanta, now);
                Wrote::Frame
            }
            Next::Wait(until) => Wrote::Nothing(until),
            Next::Done => Wrote::Done,
        }
    }

    /// When frame `index` leaves, whose time is `at`: then, if the NIC sees to that, and else now.
    #[inline(always)]
    fn departure(&mut self, index: usize, at: Picos, now: Picos) -> Picos {
        let Some(ahead) = &mut self.ahead else { return now };
        let (leaves, ticks) = ahead.departure(at, now);
        self.batch.set_departure(index, ticks);
        leaves
    }

    /// For a port that asks for a frame whenever its wire is free: sends the one frame that is due
    /// at `now`, with that as its departure, and none of the classes in `paused` (bit n =
    /// priority n). A frame that no plan foresaw goes first.
    #[inline]
    pub fn pull(&mut self, plan: &Plan, now: Picos, paused: u8) -> Pull {
        if self.injector.ready() & !paused != 0 {
            return match self.injector.serve(&mut self.queue, paused, 1, now.0) {
                0 => Pull::NoBuffer,
                _ => {
                    self.injector.left_by(now);
                    Pull::Sent
                }
            };
        }
        self.holds.see(paused, now);
        self.schedule.pause(paused);
        if self.finished {
            return Pull::Done;
        }
        if self.batch.held() == 0 && self.batch.refill(PULL_BATCH) == 0 {
            self.stats.no_buffer += 1;
            return Pull::NoBuffer;
        }
        match self.write_next(plan, now, 0) {
            Wrote::Frame => {
                self.batch.set_departure(0, now.0);
                let sent = self.send(now);
                // Of a long queue its buffers have left the caches; other hosts take their turns first.
                self.batch.prefetch();
                match sent {
                    Progress::Sent(_) => Pull::Sent,
                    Progress::Idle | Progress::Refused | Progress::Finished => Pull::Refused,
                }
            }
            Wrote::Nothing(until) => Pull::Wait(until),
            Wrote::Done => {
                self.finished = true;
                Pull::Done
            }
        }
    }

    /// Notes a PFC frame: what it holds is not to be taken for the device's doing.
    #[cold]
    fn log_pause(&mut self, plan: &Plan, entry: usize, quanta: u16, now: Picos) {
        if let Some((false, classes)) = paused_by(&plan.entries[entry])
            && self.pauses.len() < PAUSES
        {
            self.pauses.push(SentPause {
                port: self.port,
                time: now,
                classes,
                quanta,
            });
        }
    }

    /// Changes the counts that a MAC control frame of `entry` is part of.
    #[cold]
    fn count_control(&mut self, plan: &Plan, entry: usize, change: impl Fn(&mut u64)) {
        let Some((pause, classes)) = paused_by(&plan.entries[entry]) else {
            return;
        };
        if pause {
            change(&mut self.stats.pause);
            return;
        }
        for (class, frames) in self.stats.pfc.iter_mut().enumerate() {
            if classes >> class & 1 == 1 {
                change(frames);
            }
        }
    }

    #[inline]
    fn send(&mut self, now: Picos) -> Progress {
        let sent = self.batch.send(&mut self.queue);
        self.stats.frames += sent as u64;
        if self.batch.pending() > 0 {
            self.stats.refusals += 1;
            if sent == 0 {
                self.refused_since.get_or_insert(now);
                return Progress::Refused;
            }
        }
        self.refused_since = None;
        Progress::Sent(sent)
    }

    /// Gaps between departures, for each entry, with the spans of what has left until now: for the end
    /// of a run.
    pub fn take_gaps(&mut self) -> Vec<GapRecord> {
        let mut gaps = std::mem::take(&mut self.gaps);
        for (sender, lane) in self.senders.iter().zip(self.schedule.lanes()) {
            if let Some(record) = gaps.get_mut(lane.entry) {
                sender.finish(record);
            }
        }
        gaps
    }
}

/// What the MAC control frames of `entry` pause: the whole link or classes (bit n = priority n).
fn paused_by(entry: &EntryPlan) -> Option<(bool, u8)> {
    match &entry.work {
        Work::Control { pause, classes, .. } => Some((*pause, *classes)),
        Work::Rounds(Rounds { hold: Some(hold), .. }) => Some((false, 1 << hold.class)),
        _ => None,
    }
}
