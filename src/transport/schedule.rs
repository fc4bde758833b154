//! The frames of one port queue in departure order.
//!
//! Contract: [`Schedule::next`] is given the time until which frames may leave and answers with
//! the next one, or when to ask again. Frames of one port never overlap on its wire; lanes take
//! their turns by their planned time. Nothing is allocated per frame.
//!
//! Left out on purpose: clocks. Real time, virtual time and capture files drive the same calls.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::pattern::Start;
use crate::plan::segment::CONTROL_FRAME_LEN;
use crate::plan::{EntryPlan, Plan};
use crate::transport::flow::TxFlow;
use crate::transport::lane::{Due, Lane, Ready, Sent};
use crate::transport::reliable::Reply;
use crate::units::{BitRate, Picos};

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This packet leaves at `at`.
    Packet {
        /// Departure.
        at: Picos,
        /// Index of its lane within the schedule.
        lane: usize,
        /// The packet.
        due: Due,
    },
    /// A PFC or PAUSE frame of this entry leaves at `at`.
    Control {
        /// Departure.
        at: Picos,
        /// Index of its entry.
        entry: usize,
        /// How long it pauses, in units of 512 bit times; 0 resumes.
        quanta: u16,
    },
    /// Nothing until then ([`Picos::MAX`]: until something else happens).
    Wait(Picos),
    /// Nothing any more.
    Done,
}

/// How a schedule treats time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clocking {
    /// Planned times are exact: captures and virtual time. Unpaced lanes are paced at line rate.
    Exact,
    /// The port asks for a frame when it is free, and the frame leaves at once: what is planned for
    /// an earlier time leaves then too. Unpaced lanes are paced at line rate.
    Pulled,
    /// A clock runs beside, and is looked at now and then. Unpaced lanes are held back by the port
    /// alone; the others make up for lost time by their [`Pacer`](crate::transport::pace::Pacer).
    Real,
    /// As [`Clocking::Real`], for a port that sends each frame at its time: frames are asked for ahead of
    /// it, and unpaced lanes are paced at line rate.
    Ahead {
        /// How far ahead at most.
        lead: Picos,
    },
}

/// A loop that comes by more seldom than this is late.
const LONGEST_TURN: Picos = Picos::from_micros(20);

/// How long it usually takes from one look at the clock to the next. Frames that were due in between
/// leave together: that is no delay, but the grain of the loop.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    looked: Picos,
    usual: Picos,
}

impl Turn {
    /// A look at the clock. A single long turn, as when the scheduler stops a loop, counts for little
    /// more than the longest of late; if they stay long, that is what they are. Turns also grow with the
    /// frames that a slow port is given in them: hence the limit.
    #[inline]
    fn look(&mut self, now: Picos) {
        if now > self.looked {
            let took = (now - self.looked).0.min(2 * self.usual.0 + Picos::from_micros(1).0);
            let usual = took.max(self.usual.0 - self.usual.0 / 64);
            self.usual = Picos(usual).min(LONGEST_TURN);
            self.looked = now;
        }
    }
}

/// Time, number of the key, lane. The number settles ties and tells void keys from the live one.
type Key = (Picos, u64, usize);

/// The frames of one port queue.
pub struct Schedule {
    lanes: Vec<Lane>,
    /// Number of the newest heap key of each lane, older keys being void; 0: asleep or finished.
    generations: Vec<u64>,
    /// Keys of the lanes that wait, but for the current one's.
    heap: BinaryHeap<Reverse<Key>>,
    /// Traffic class of each lane as a bit; 0 for MAC control frames, which nothing pauses.
    classes: Vec<u8>,
    /// Classes whose turn does not come: bit n = priority n.
    paused: u8,
    /// When the next MAC control frame is due, and its lane.
    control: (Picos, usize),
    /// Keys whose turn came while their class was paused.
    parked: Vec<Key>,
    /// The lane that was served last: mostly it is the next one too, and needs no heap.
    current: Option<Key>,
    ticks: u64,
    line: BitRate,
    clocking: Clocking,
    turn: Turn,
    port_free: Picos,
    /// When the last packet taken was to leave, by its lane's plan, and by what that had moved.
    planned: (Picos, Picos),
    /// Frame length and wire time last computed.
    wire_time: (u32, Picos),
    /// Lanes of each entry that have more to send; `None` where the entry has none here.
    open: Vec<Option<usize>>,
    /// First and last departure of each entry.
    departures: Vec<(Picos, Picos)>,
    finished: Vec<(usize, Picos)>,
}

impl Schedule {
    /// The schedule of all lanes of `port`.
    #[must_use]
    pub fn new(plan: &Plan, port: usize, clocking: Clocking) -> Schedule {
        Schedule::of_queue(plan, port, clocking, (0, 1))
    }

    /// The schedule of one of several queues of `port`: of every n-th of its lanes, for queue
    /// `(number, n)`. Each queue may use the whole line; that they do not together is the port's
    /// to see to.
    #[must_use]
    pub fn of_queue(plan: &Plan, port: usize, clocking: Clocking, queue: (usize, usize)) -> Schedule {
        let line = plan.ports[port].speed;
        let unlimited = (clocking != Clocking::Real).then_some(line);
        let real = matches!(clocking, Clocking::Real | Clocking::Ahead { .. });
        let mut classes = Vec::new();
        let mut lanes = Vec::new();
        let mut open = vec![None; plan.entries.len()];
        let mut on_port = 0;
        for (index, entry) in plan.entries.iter().enumerate() {
            for (number, lane) in (0u32..).zip(&entry.lanes) {
                // A capture has nobody at its other end.
                let answered = clocking != Clocking::Exact;
                let asked = answered && entry.verb.is_read();
                let is_here = |worker: u32| {
                    let worker = &plan.workers[worker as usize];
                    worker.port == port && !(asked && worker.peer)
                };
                let asker = if asked { entry.asker(lane) } else { lane.worker };
                if asked && is_here(lane.worker) {
                    if on_port % queue.1.max(1) == queue.0 {
                        classes.push(1 << entry.class);
                        lanes.push(Lane::serving(index, entry, number, line, plan.seed));
                    }
                    on_port += 1;
                }
                if !is_here(asker) {
                    continue;
                }
                if on_port % queue.1.max(1) == queue.0 {
                    let mut lane = Lane::new(index, entry, number, unlimited, real, plan.seed);
                    if answered {
                        lane = lane.with_answers(entry, line, plan.seed);
                    }
                    classes.push(if lane.is_control() { 0 } else { 1 << entry.class });
                    lanes.push(lane);
                    *open[index].get_or_insert(0) += 1;
                }
                on_port += 1;
            }
        }
        let mut schedule = Schedule {
            generations: vec![0; lanes.len()],
            lanes,
            heap: BinaryHeap::new(),
            classes,
            paused: 0,
            control: (Picos::MAX, 0),
            parked: Vec::new(),
            current: None,
            ticks: 0,
            line,
            clocking,
            turn: Turn::default(),
            port_free: Picos::ZERO,
            planned: (Picos::ZERO, Picos::ZERO),
            wire_time: (0, Picos::ZERO),
            departures: vec![(Picos::MAX, Picos::ZERO); plan.entries.len()],
            finished: Vec::new(),
            open,
        };
        for index in 0..plan.entries.len() {
            if let Start::At(time) = plan.entries[index].start {
                schedule.activate(plan, index, time);
            }
        }
        schedule
    }

    /// Starts the lanes of `entry` at `time`.
    pub fn activate(&mut self, plan: &Plan, entry: usize, time: Picos) {
        for lane in 0..self.lanes.len() {
            if self.lanes[lane].entry == entry && !self.lanes[lane].serves() {
                self.lanes[lane].begin(&plan.entries[entry], time, plan.duration);
                self.rekey(lane, time);
            }
        }
        self.look_for_control();
    }

    /// The QP that a [`Next::Packet`] named.
    pub fn flow_mut(&mut self, lane: usize, due: &Due) -> &mut TxFlow {
        self.lanes[lane].flow_mut(due.flow)
    }

    /// Says which classes are paused (IEEE 802.1Q 36.1.3.3): bit n = priority n. Their lanes lose
    /// their turns until they are not.
    pub fn pause(&mut self, classes: u8) {
        if classes == self.paused {
            return;
        }
        self.paused = classes;
        let (lanes, generations, heap) = (&self.classes, &self.generations, &mut self.heap);
        self.parked.retain(|key| {
            let stays = lanes[key.2] & classes != 0;
            if !stays && generations[key.2] == key.1 {
                heap.push(Reverse(*key));
            }
            stays
        });
    }

    /// The class of a lane as a bit: bit n = priority n.
    #[inline]
    #[must_use]
    pub fn class(&self, lane: usize) -> u8 {
        self.classes.get(lane).copied().unwrap_or(0)
    }

    /// Classes of the lanes that have lost their turn because they are paused: bit n = priority n.
    #[must_use]
    pub fn held_classes(&self) -> u8 {
        self.parked
            .iter()
            .fold(0, |classes, key| classes | self.classes[key.2] & self.paused)
    }

    /// When the last [`Next::Packet`] was to leave by its lane's plan. It may leave later: the loop was
    /// late, others went before, or its class was paused.
    #[must_use]
    pub fn planned(&self) -> Picos {
        self.planned.0
    }

    /// The same by the plan as it was in the beginning, before any delay was given up.
    #[must_use]
    pub fn first_planned(&self) -> Picos {
        self.planned.0.saturating_sub(self.planned.1)
    }

    /// All lanes.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// All lanes, to prepare their flows.
    pub fn lanes_mut(&mut self) -> &mut [Lane] {
        &mut self.lanes
    }

    /// Whether lanes of `entry` are here.
    #[must_use]
    pub fn has_entry(&self, entry: usize) -> bool {
        self.open.get(entry).is_some_and(Option::is_some)
    }

    /// Whether anything is left, asleep or awake.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.open.iter().flatten().any(|lanes| *lanes > 0)
    }

    /// Whether every lane that has more to send waits for answers without a time-out.
    #[must_use]
    pub fn waits_for_ever(&self) -> bool {
        let mut awake = (0..self.lanes.len())
            .filter(|lane| self.generations[*lane] != 0)
            .peekable();
        awake.peek().is_some() && awake.all(|lane| self.lanes[lane].waits_for_ever())
    }

    /// Entries that have sent all they had here since the last call, each with the time at which
    /// their last frame left.
    pub fn take_finished(&mut self) -> Vec<(usize, Picos)> {
        std::mem::take(&mut self.finished)
    }

    /// Whether [`Schedule::take_finished`] has something to tell.
    #[must_use]
    pub fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// A message was received whole: a lane that waited for it goes on at `now`.
    pub fn complete(&mut self, lane: usize, flow: u32, number: u32, now: Picos) {
        let Some(state) = self.lanes.get_mut(lane) else { return };
        state.complete(flow, number, now);
        // The last completions come after the lane has sent all it had.
        if self.generations[lane] != 0 {
            self.rekey(lane, now);
        }
    }

    /// A reply came at `now` for QP `flow` of a lane.
    pub fn on_reply(&mut self, plan: &Plan, lane: usize, flow: u32, reply: Reply, now: Picos) {
        let Some(state) = self.lanes.get_mut(lane) else { return };
        state.on_reply(&plan.entries[state.entry], flow, reply, now);
        // A lane that is done hears no more than what came late; one that serves wakes up.
        if self.generations[lane] != 0 || self.lanes[lane].serves() {
            self.rekey(lane, now);
        }
    }

    /// How long READs of a lane took; see [`Lane::take_read_times`].
    pub fn take_read_times(&mut self, lane: usize) -> impl Iterator<Item = Picos> + '_ {
        self.lanes.get_mut(lane).into_iter().flat_map(Lane::take_read_times)
    }

    /// The key of the lane whose turn it is, taken out of the heap; `None` when no lane waits.
    #[inline]
    fn turn(&mut self) -> Option<Key> {
        if let Some(current) = self.current
            && self.generations[current.2] == current.1
            && self.heap.peek().is_none_or(|Reverse(first)| current < *first)
        {
            return Some(current);
        }
        self.change_turns()
    }

    fn change_turns(&mut self) -> Option<Key> {
        let live = |schedule: &Schedule, key: &Key| schedule.generations[key.2] == key.1;
        if let Some(current) = self.current.take()
            && live(self, &current)
        {
            self.heap.push(Reverse(current));
        }
        while let Some(Reverse(key)) = self.heap.pop() {
            if live(self, &key) {
                self.current = Some(key);
                return self.current;
            }
        }
        None
    }

    /// The next frame that leaves at `limit` or before. `plan` is the one that the schedule was
    /// made of.
    #[inline]
    pub fn next(&mut self, plan: &Plan, limit: Picos) -> Next {
        self.turn.look(limit);
        loop {
            let Some((time, _, lane)) = self.turn() else {
                return if self.has_more() {
                    Next::Wait(Picos::MAX)
                } else {
                    Next::Done
                };
            };
            if time > limit {
                return Next::Wait(time);
            }
            if self.classes[lane] & self.paused != 0 {
                self.parked.extend(self.current.take());
                continue;
            }
            let entry = &plan.entries[self.lanes[lane].entry];
            match self.lanes[lane].ready(entry, time) {
                Ready::At(ready) if ready > time => self.rekey_current(lane, ready),
                Ready::At(ready) => {
                    let at = self.departure(lane, ready, limit);
                    if self.control.0 <= at.min(limit) {
                        return self.emit_control(plan, at, limit);
                    }
                    if at > limit {
                        return Next::Wait(at);
                    }
                    let pacer = self.lanes[lane].pacer();
                    self.planned = (pacer.time(), pacer.slips().1);
                    if let Some(next) = self.emit(plan.seed, entry, lane, at) {
                        return next;
                    }
                }
                Ready::Exhausted => {
                    self.generations[lane] = 0;
                    self.lane_finished(lane);
                }
                Ready::Asleep => self.generations[lane] = 0,
                Ready::Blocked(until) => {
                    self.lanes[lane].expire(time);
                    self.rekey_current(lane, until.max(Picos(time.0 + 1)));
                }
            }
        }
    }

    /// The lane whose Middle packets may leave one after the other at `limit`: it is unpaced, it has
    /// the turn, and no other lane wants it.
    #[inline]
    pub fn streak(&mut self, limit: Picos) -> Option<usize> {
        let (time, _, lane) = self.turn()?;
        if self.classes[lane] & self.paused != 0 {
            return None;
        }
        let alone = self.heap.peek().is_none_or(|Reverse(other)| other.0 > limit);
        (time <= limit && alone).then_some(lane)
    }

    /// Takes at most `most` of the Middle packets of [`Schedule::streak`]'s lane; see [`Lane::take_middles`].
    #[inline]
    pub fn take_middles(
        &mut self,
        plan: &Plan,
        lane: usize,
        limit: Picos,
        most: usize,
        write: impl FnOnce(&mut [TxFlow], &[u32]) -> usize,
    ) -> usize {
        let state = &mut self.lanes[lane];
        let entry = state.entry;
        let taken = state.take_middles(&plan.entries[entry], limit, most, write);
        if taken > 0 {
            self.departures[entry].1 = limit;
            self.rekey_current(lane, limit);
        }
        taken
    }

    /// When a frame of `lane` that may leave at `ready` does leave.
    #[inline]
    fn departure(&mut self, lane: usize, ready: Picos, limit: Picos) -> Picos {
        match self.clocking {
            Clocking::Exact => ready.max(self.port_free),
            Clocking::Pulled => limit,
            // An unpaced lane is held back by the port alone.
            Clocking::Real if !self.lanes[lane].is_paced() => limit,
            Clocking::Ahead { lead } => ready.max(self.port_free).max(limit.saturating_sub(lead)),
            Clocking::Real => ready.max(self.port_free).max(limit.saturating_sub(self.turn.usual)),
        }
    }

    /// The MAC control frame that is due, ahead of the frame that could leave at `at`: control frames
    /// do not wait behind data (IEEE 802.3 annex 31B.3), but a frame that is leaving is not cut short.
    #[cold]
    fn emit_control(&mut self, plan: &Plan, at: Picos, limit: Picos) -> Next {
        let (due, lane) = self.control;
        let at = match self.clocking {
            Clocking::Exact => due.max(self.port_free),
            Clocking::Pulled | Clocking::Real | Clocking::Ahead { .. } => at,
        };
        if at > limit {
            return Next::Wait(at);
        }
        let state = &mut self.lanes[lane];
        let entry = state.entry;
        let quanta = state.take_control(&plan.entries[entry], CONTROL_FRAME_LEN);
        let paced = state.is_planned();
        self.left(entry, at, paced.then_some(CONTROL_FRAME_LEN));
        self.rekey(lane, at);
        self.look_for_control();
        Next::Control { at, entry, quanta }
    }

    /// Finds out which MAC control frame is due next.
    fn look_for_control(&mut self) {
        let due = self.lanes.iter().map(Lane::control_due).zip(0..);
        self.control = due.min().unwrap_or((Picos::MAX, 0));
    }

    /// A frame of `entry` leaves at `at`; `len` when the port is busy with it, by the plan.
    #[inline]
    fn left(&mut self, entry: usize, at: Picos, len: Option<u32>) {
        let (first, last) = &mut self.departures[entry];
        *first = (*first).min(at);
        *last = at;
        let Some(len) = len else { return };
        if self.wire_time.0 != len {
            self.wire_time = (len, self.line.wire_time(u64::from(len)));
        }
        self.port_free = at + self.wire_time.1;
    }

    /// The frame of `lane` that leaves at `at`; `None` when its time was over before its turn came.
    #[inline]
    fn emit(&mut self, seed: u64, entry: &EntryPlan, lane: usize, at: Picos) -> Option<Next> {
        let state = &mut self.lanes[lane];
        let entry_index = state.entry;
        let Some(due) = state.take(entry, seed, at) else {
            // It looks again as of now: as of its planned time it would begin anew for ever.
            self.rekey_current(lane, at);
            return None;
        };
        let (time, paced) = (state.pacer().next(), state.is_planned());
        if !self.lanes[lane].asks() {
            self.left(entry_index, at, paced.then_some(due.frame_len));
        }
        self.rekey_current(lane, time);
        Some(Next::Packet { at, lane, due })
    }

    fn lane_finished(&mut self, lane: usize) {
        let entry = self.lanes[lane].entry;
        if let Some(open) = &mut self.open[entry] {
            *open -= 1;
            if *open == 0 {
                self.finished.push((entry, self.departures[entry].1));
            }
        }
    }

    /// Gives a lane, whichever, a new time.
    fn rekey(&mut self, lane: usize, time: Picos) {
        self.ticks += 1;
        self.generations[lane] = self.ticks;
        self.heap.push(Reverse((time, self.ticks, lane)));
    }

    /// Gives the current lane a new time. Equal times are served in the order of their keys, so
    /// lanes take turns.
    #[inline]
    fn rekey_current(&mut self, lane: usize, time: Picos) {
        self.ticks += 1;
        self.generations[lane] = self.ticks;
        self.current = Some((time, self.ticks, lane));
    }

    /// First and last departure of each entry; the first is [`Picos::MAX`] before there is one.
    #[must_use]
    pub fn departures(&self) -> &[(Picos, Picos)] {
        &self.departures
    }

    /// What the lanes of each entry have sent.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        let mut sent = vec![Sent::default(); self.open.len()];
        for lane in &self.lanes {
            sent[lane.entry].add(&lane.sent);
        }
        sent
    }
}

#[cfg(test)]
mod tests;
