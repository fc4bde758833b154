//! What runs on one core: TX and RX loops in turn, until told to stop.
//!
//! Contract: nothing is shared with other cores; commands, completions and snapshots cross by
//! channel, and only the latter two of them by `try_send`. A turn of the loop is bounded.
//!
//! Left out on purpose: the order of a run (`realtime`).

use crossbeam::channel::{Receiver, Sender, TryRecvError};

use crate::dpdk::{BATCH, Eal, ThreadRegistration, TscClock};
use crate::engine::feedback::{self, Feedback, Waiting};
use crate::engine::inject::{Injected, Origin, SmallFrame};
use crate::engine::rx::RxUnit;
use crate::engine::tx::{Progress, TxUnit};
use crate::measure::clock::Line;
use crate::measure::group::Groups;
use crate::measure::{PauseOrder, Recorder, Tally};
use crate::neighbour::{Heard, Responder};
use crate::plan::Plan;
use crate::transport::lane::Sent;
use crate::units::Picos;
use crate::wire::template::OTHER_ROOM;

/// What a core is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Start the lanes of this entry at this time.
    Activate(usize, Picos),
    /// The relation that turns this port's stamps into times; `None`: they give none any more.
    Relate(usize, Option<Line>),
    /// Tell everything counted so far.
    Sample,
    /// Make no new frames.
    Stop,
    /// Leave the loop.
    Quit,
}

/// What a core tells.
#[derive(Debug)]
pub enum Event {
    /// It runs, or could not.
    Ready(Result<(), String>),
    /// All lanes of this entry on one of its queues are done; their last frame left then.
    EntryFinished(usize, Picos),
    /// Figures so far.
    Snapshot(Snapshot),
    /// Everything counted so far, as [`Command::Sample`] asks.
    Sampled(Box<CoreSample>),
}

/// Everything that a core has counted by one moment.
#[derive(Debug)]
pub struct CoreSample {
    /// The moment.
    pub at: Picos,
    /// What its lanes have made, for each entry.
    pub sent: Vec<Sent>,
    /// Frames that ports took, and their bytes: the port's index first, one for each queue.
    pub tx: Vec<(usize, u64, u64)>,
    /// What it has received; `None` on a core that only sends.
    pub received: Option<Tally>,
    /// Groups of messages that other cores see parts of, too.
    pub groups: Vec<Groups>,
    /// How long the loop stood still for it.
    pub pause: Picos,
}

/// A core's figures so far.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Which core: index into the run's tasks.
    pub task: usize,
    /// What its lanes have made, for each entry.
    pub sent: Vec<Sent>,
    /// Packets received, for each entry.
    pub received: Vec<u64>,
    /// Messages received whole, for each entry.
    pub completed: Vec<u64>,
    /// Packets with CE, over all entries.
    pub ce: u64,
    /// Frames received and their bytes, over all ports.
    pub rx: (u64, u64),
    /// Whether every queue has sent all it ever will.
    pub finished: bool,
    /// Whether every queue that has not waits for answers, without a time-out.
    pub waits: bool,
    /// A port that takes nothing, and since when.
    pub refused: Option<(usize, Picos)>,
    /// A port of which frames are held back by PFC or PAUSE, and since when.
    pub held: Option<(usize, Picos)>,
}

/// Where frames that no plan foresaw go out of a port.
pub enum Outlet {
    /// By this sending unit of the same core.
    Here(usize),
    /// By another core, which is told the port and the frame.
    There(Sender<(usize, SmallFrame)>),
    /// Nowhere: nothing is sent there.
    None,
}

/// One core's work.
pub struct CoreTask {
    /// Index among the run's tasks.
    pub index: usize,
    /// The CPU core.
    pub core: usize,
    /// Queues that send.
    pub tx: Vec<TxUnit>,
    /// Queues that receive.
    pub rx: Vec<RxUnit>,
    /// Where received frames are recorded; `None` on a core that only sends.
    pub recorder: Option<Recorder>,
    /// What it is told.
    pub commands: Receiver<Command>,
    /// What it tells.
    pub events: Sender<Event>,
    /// What came back for lanes, from receiving cores.
    pub heard: Receiver<Feedback>,
    /// To every sending core; empty where no lane waits for anything.
    pub feedback: Vec<Sender<Feedback>>,
    /// What PFC and PAUSE frames ask of ports, from receiving cores.
    pub orders: Receiver<PauseOrder>,
    /// To every core; empty where no port obeys in software.
    pub obeying: Vec<Sender<PauseOrder>>,
    /// For each port, where frames that no plan foresaw go out.
    pub outlets: Vec<Outlet>,
    /// Such frames from other cores, with their port.
    pub injections: Receiver<(usize, SmallFrame)>,
    /// Those for which there was no room on the way to the other core, for each port.
    pub refused: Vec<Injected>,
    /// Who answers for our workers; `None` where nobody is to.
    pub responder: Option<Responder>,
    /// Answers of this turn, with their port.
    pub replies: Vec<(usize, SmallFrame)>,
}

/// Turns between looks at the command channel.
const TURNS: u32 = 64;

/// Time between snapshots.
const SNAPSHOT_EVERY: Picos = Picos::from_micros(50_000);

impl CoreTask {
    /// Runs until [`Command::Quit`] and returns itself with everything measured.
    #[must_use]
    pub fn run(mut self, eal: &Eal, plan: &Plan, clock: &TscClock) -> CoreTask {
        let pinned = core_affinity::set_for_current(core_affinity::CoreId { id: self.core });
        let registered = ThreadRegistration::register(eal);
        let ready = match &registered {
            _ if !pinned => Err(format!(
                "cannot pin a thread to core {}: it is not one of this process's",
                self.core
            )),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let failed = ready.is_err();
        let _ = self.events.send(Event::Ready(ready));
        if failed {
            return self;
        }
        let lanes = Waiting::of(plan, &self.tx);
        let mut owed = Vec::new();
        let mut turns = 0u32;
        let mut published = Picos::ZERO;
        loop {
            let now = clock.now();
            let mut busy = false;
            if !self.obeying.is_empty() {
                self.hold();
            }
            self.take_injections();
            // Nothing leaves before the clock shows the start of the run.
            if now > Picos::ZERO {
                for unit in &mut self.tx {
                    let progress = unit.step(plan, now);
                    unit.answers_left(|| clock.now_ordered());
                    if let Progress::Sent(_) = progress {
                        busy = true;
                        // It grows, a few times in a run: nothing to refuse.
                        let _ = unit.spread.record(clock.now().saturating_sub(unit.made_at()).0);
                    }
                }
            }
            if let Some(recorder) = &mut self.recorder {
                for unit in &mut self.rx {
                    let got = unit.step(
                        recorder,
                        || clock.now_ordered(),
                        |port, now, heard| {
                            if let Some(responder) = &mut self.responder {
                                self.replies.extend(reply(plan, responder, port, now, heard));
                            }
                        },
                    );
                    busy |= got > 0;
                    // After a whole burst more may be waiting that came before this look.
                    if got < BATCH {
                        unit.looked(now);
                    }
                }
                for order in recorder.take_orders() {
                    for core in &self.obeying {
                        // A full channel loses it: a sender that pauses renews its order.
                        let _ = core.try_send(order);
                    }
                }
                if !self.feedback.is_empty() {
                    feedback::take(recorder, |told| {
                        for core in &self.feedback {
                            // A full channel loses it: the lane goes on after its timeout.
                            let _ = core.try_send(told);
                        }
                    });
                    recorder.on_deadline(now);
                    if let Some(answering) = recorder.answering() {
                        owed.extend(answering.take_answers());
                    }
                }
            }
            for owed in owed.drain(..) {
                if let Some((port, frame)) = feedback::answer(plan, &owed) {
                    self.inject(port, frame);
                }
            }
            if !self.replies.is_empty() {
                self.send_replies();
            }
            if !lanes.is_empty() {
                while let Ok(told) = self.heard.try_recv() {
                    lanes.tell(plan, &mut self.tx, told, clock.now());
                }
            }
            turns += 1;
            if turns >= TURNS {
                turns = 0;
                if self.obey(plan, clock) {
                    return self;
                }
                self.tx.iter_mut().for_each(|unit| unit.announce(now));
                self.tell_finished();
                if now.saturating_sub(published) >= SNAPSHOT_EVERY {
                    published = now;
                    // The listener is slow: the next snapshot has all of it.
                    let _ = self.events.try_send(Event::Snapshot(self.snapshot()));
                }
            }
            if !busy {
                std::hint::spin_loop();
            }
        }
    }

    /// The relation between times of `port`'s clock and of the run, from now on.
    pub fn relate(&mut self, port: usize, line: Option<Line>) {
        for unit in self.tx.iter_mut().filter(|unit| unit.port == port) {
            unit.set_line(line);
        }
        for unit in self.rx.iter_mut().filter(|unit| unit.port == port) {
            if let Some(stamps) = unit.stamps() {
                stamps.set_line(line);
            }
        }
    }

    /// Obeys what PFC and PAUSE frames have asked of the ports of this core.
    #[inline]
    fn hold(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            for unit in self.tx.iter_mut().filter(|unit| unit.port == order.port) {
                unit.obey(&order);
            }
        }
    }

    /// Takes over the frames that other cores want to have sent.
    #[inline]
    fn take_injections(&mut self) {
        while let Ok((port, frame)) = self.injections.try_recv() {
            // The one that the others know of: a port's first.
            if let Some(unit) = self.tx.iter_mut().find(|unit| unit.port == port) {
                unit.inject(frame);
            }
        }
    }

    /// Sends a frame that no plan foresaw out of `port`, by whichever core sends there. What has no room is counted.
    pub fn inject(&mut self, port: usize, frame: SmallFrame) {
        let is_taken = match self.outlets.get(port) {
            Some(Outlet::Here(unit)) => {
                // What it has no room for, it counts itself.
                self.tx[*unit].inject(frame);
                return;
            }
            Some(Outlet::There(core)) => core.try_send((port, frame)).is_ok(),
            Some(Outlet::None) | None => false,
        };
        if !is_taken && let Some(refused) = self.refused.get_mut(port) {
            refused.refused[frame.origin() as usize] += 1;
        }
    }

    /// Sends the answers of this turn on their way.
    #[cold]
    fn send_replies(&mut self) {
        let mut replies = std::mem::take(&mut self.replies);
        for (port, frame) in replies.drain(..) {
            self.inject(port, frame);
        }
        // Its memory stays.
        self.replies = replies;
    }

    /// Carries out what came in; true: leave.
    fn obey(&mut self, plan: &Plan, clock: &TscClock) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Activate(entry, time)) => {
                    for unit in &mut self.tx {
                        unit.schedule_mut().activate(plan, entry, time);
                    }
                }
                Ok(Command::Relate(port, line)) => self.relate(port, line),
                Ok(Command::Sample) => {
                    // Once in a sample: what it allocates and copies is not for a packet.
                    let mut sample = self.sample(clock.now());
                    sample.pause = clock.now().saturating_sub(sample.at);
                    let _ = self.events.send(Event::Sampled(Box::new(sample)));
                }
                Ok(Command::Stop) => self.tx.iter_mut().for_each(TxUnit::stop),
                Ok(Command::Quit) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    fn tell_finished(&mut self) {
        for unit in &mut self.tx {
            if unit.schedule().has_finished() {
                for (entry, last) in unit.schedule_mut().take_finished() {
                    let _ = self.events.send(Event::EntryFinished(entry, last));
                }
            }
        }
    }

    fn sample(&mut self, at: Picos) -> CoreSample {
        let mut sample = CoreSample {
            at,
            sent: Vec::new(),
            tx: Vec::new(),
            received: self.recorder.as_ref().map(|recorder| Tally::of(recorder, at)),
            groups: self.recorder.as_mut().map_or_else(Vec::new, Recorder::hand_over_groups),
            pause: Picos::ZERO,
        };
        for unit in &self.tx {
            let sent = unit.schedule().sent();
            sample.sent.resize(sent.len(), Sent::default());
            for (sum, one) in sample.sent.iter_mut().zip(&sent) {
                sum.add(one);
            }
            sample.tx.push((unit.port, unit.stats.frames, unit.stats.bytes));
        }
        sample
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            task: self.index,
            ..Snapshot::default()
        };
        for unit in &self.tx {
            let sent = unit.schedule().sent();
            snapshot.sent.resize(sent.len(), Sent::default());
            for (sum, one) in snapshot.sent.iter_mut().zip(&sent) {
                sum.add(one);
            }
            snapshot.refused = snapshot.refused.or(unit.refused_since.map(|since| (unit.port, since)));
            let held = unit.held_since().map(|since| (unit.port, since));
            snapshot.held = [snapshot.held, held]
                .into_iter()
                .flatten()
                .min_by_key(|(_, since)| *since);
        }
        snapshot.finished = self.tx.iter().all(TxUnit::is_finished);
        let mut unfinished = self.tx.iter().filter(|unit| !unit.is_finished());
        snapshot.waits = unfinished.all(|unit| unit.schedule().waits_for_ever());
        if let Some(recorder) = &self.recorder {
            snapshot.received = recorder.entries().iter().map(|entry| entry.packets).collect();
            snapshot.completed = recorder.entries().iter().map(|entry| entry.whole.messages).collect();
            snapshot.ce = recorder.entries().iter().map(|entry| entry.ecn[3]).sum();
            snapshot.rx = recorder
                .ports()
                .iter()
                .fold((0, 0), |(n, b), port| (n + port.frames, b + port.bytes));
        }
        snapshot
    }
}

/// The answer to what came to `port`.
#[cold]
fn reply(
    plan: &Plan,
    responder: &mut Responder,
    port: usize,
    now: Picos,
    heard: &Heard<'_>,
) -> Option<(usize, SmallFrame)> {
    let mut out = [0; OTHER_ROOM];
    let len = responder.answer(port, heard, now, &mut out)?;
    let frame = &out[..len];
    let class = plan.classes.of_frame(frame);
    Some((port, SmallFrame::new(frame, class, Origin::Neighbour)?))
}
