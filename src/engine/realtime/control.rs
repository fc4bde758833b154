//! The thread that gives the orders while a run goes on, and that ends it.
//!
//! Contract: no core waits for it. It ends a run when all was sent and what came back has come back, when the caller asks for
//! that, or when a port fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use nix::errno::Errno;

use crate::dpdk::TscClock;
use crate::engine::core::{Command, CoreSample, CoreTask, Event, Snapshot};
use crate::engine::lab::Running;
use crate::engine::outcome::Live;
use crate::engine::sample::{Sampler, Told, Total};
use crate::engine::stamps::Watch;
use crate::measure::{SharedGroups, Tally};
use crate::pattern::Start;
use crate::plan::Plan;
use crate::transport::lane::Sent;
use crate::units::Picos;

use super::{buffers_out, stats_of};

/// A port that takes nothing for so long has failed; one that is paused for so long will not go on.
const PORT_TIMEOUT: Picos = Picos::from_micros(2_000_000);

/// Connections without a time-out wait so long for answers while nothing moves.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// After the last frame was sent, so long without any received ends the run.
const QUIET: Duration = Duration::from_millis(300);

/// So long does the calling thread listen to the cores at a time.
const LISTEN: Duration = Duration::from_millis(20);

/// A core that says nothing for so many times as long is not waited for: it is gone.
const PATIENCE: u32 = 10;

/// After an early stop, so long do ports have to take what is made already.
const LAST_CHANCE: Duration = Duration::from_millis(200);

/// Nothing, at the beginning of a run.
pub(super) fn blank(plan: &Plan) -> Total {
    Total {
        sent: vec![Sent::default(); plan.entries.len()],
        tx: vec![(0, 0); plan.ports.len()],
        ..Total::default()
    }
}

/// The thread that gives the orders.
pub(super) struct Control {
    pub(super) heard: Receiver<Event>,
    pub(super) commands: Vec<Sender<Command>>,
    /// For each entry: queues that are still sending it, and its last departure.
    pub(super) open: Vec<(usize, Picos)>,
    pub(super) snapshots: Vec<Snapshot>,
    /// Set when nothing is sent any more: probes see the traffic, not the silence after it.
    pub(super) sending_over: Arc<AtomicBool>,
    /// When each core last sent one.
    pub(super) heard_at: Vec<Instant>,
    /// Where the run is to be told apart in intervals.
    pub(super) sampler: Option<Sampler>,
    /// Groups of messages of which each core has seen a part by the last sample.
    pub(super) groups: SharedGroups,
    /// What cores have told of the sample that is over.
    pub(super) gathering: Vec<CoreSample>,
    /// Since when that has been asked of them, and whether they still sent then.
    pub(super) awaited: Option<bool>,
}

impl Control {
    fn order(&self, command: Command) {
        for core in &self.commands {
            // A core that is gone obeys nothing any more.
            let _ = core.send(command);
        }
    }

    /// Conducts the run and returns why it ended early, if it did.
    pub(super) fn conduct(
        &mut self,
        plan: &Plan,
        running: &Running,
        clock: &TscClock,
        watches: &mut [Watch],
        stop: &AtomicBool,
        watch: &mut impl FnMut(&Told),
    ) -> Result<Option<String>, String> {
        let mut failure = None;
        for _ in 0..self.commands.len() {
            if let Ok(Event::Ready(Err(error))) = self.heard.recv() {
                failure = Some(error);
            }
        }
        if let Some(error) = failure {
            self.order(Command::Quit);
            return Err(error);
        }
        let mut cause = None;
        let mut stopped_at: Option<Instant> = None;
        let mut quiet = (0, Instant::now());
        let mut moved = ((0, 0), Instant::now());
        let mut looked = Instant::now();
        let links: Vec<bool> = running
            .ports
            .iter()
            .map(|port| port.link().is_ok_and(|link| link.up))
            .collect();
        loop {
            self.listen(plan, clock);
            self.sample(plan, running, clock, watch);
            for other in &mut *watches {
                let line = other.look(clock);
                self.order(Command::Relate(other.port, line));
            }
            let live = self.live(plan, clock);
            if cause.is_none() && stopped_at.is_none() {
                cause = if stop.load(Ordering::Relaxed) {
                    Some("stopped by the user".to_owned())
                } else {
                    self.refusal(plan, clock)
                };
            }
            if moved.0 != (live.tx.0, live.rx.0) {
                moved = ((live.tx.0, live.rx.0), Instant::now());
            }
            let sent_all = self.snapshots.iter().all(|snapshot| snapshot.finished);
            let completed = |entry: usize| -> u64 {
                let of_core = |core: &Snapshot| {
                    if plan.entries[entry].is_to_peer() {
                        return core.sent.get(entry).map(|sent| sent.messages);
                    }
                    core.completed.get(entry).copied()
                };
                self.snapshots.iter().filter_map(of_core).sum()
            };
            let listens = sent_all && stopped_at.is_none() && plan.awaits_peers(clock.now(), completed);
            let waits = !sent_all && self.snapshots.iter().all(|snapshot| snapshot.waits);
            if waits && moved.1.elapsed() >= ANSWER_TIMEOUT {
                cause.get_or_insert_with(|| {
                    format!(
                        "for {} s nothing moved, and all that is left waits for acknowledgements: with `rc.timeout: 0` a                          lost packet is waited for for ever",
                        ANSWER_TIMEOUT.as_secs()
                    )
                });
            }
            if looked.elapsed() >= Duration::from_millis(200) {
                looked = Instant::now();
                watch(&Told::Live(live));
                cause = cause.or_else(|| lost_port(plan, running, &links));
            }
            if cause.is_some() && stopped_at.is_none() {
                stopped_at = Some(Instant::now());
                if let Some(sampler) = &mut self.sampler {
                    sampler.stop(clock.now());
                }
                self.order(Command::Stop);
            }
            if sent_all || stopped_at.is_some() {
                self.sending_over.store(true, Ordering::Relaxed);
            }
            let given_up = stopped_at.is_some_and(|since| since.elapsed() >= LAST_CHANCE);
            // Only what belongs to the plan: other hosts never fall silent.
            if live.received != quiet.0 || !(sent_all || given_up) || listens {
                quiet = (live.received, Instant::now());
            } else if self.is_silent_since(quiet.1) {
                watch(&Told::Live(live));
                self.order(Command::Quit);
                return Ok(cause);
            }
        }
    }

    /// Whether nothing has come since `since`, as far as every core has told: one that the scheduler
    /// holds up has frames waiting, and silence is not what it saw.
    fn is_silent_since(&self, since: Instant) -> bool {
        let told = self.heard_at.iter().all(|last| last.duration_since(since) >= QUIET);
        told || since.elapsed() >= QUIET * PATIENCE
    }

    /// Takes in what cores tell, for a short while.
    fn listen(&mut self, plan: &Plan, clock: &TscClock) {
        let mut wait = LISTEN;
        if let Some(sampler) = &self.sampler
            && self.awaited.is_none()
        {
            let left = sampler.due(true).saturating_sub(clock.now());
            wait = wait.min(Duration::from_nanos(left.nanos()));
        }
        let deadline = Instant::now() + wait;
        while let Ok(event) = self.heard.recv_deadline(deadline) {
            match event {
                Event::Ready(_) => {}
                Event::Snapshot(snapshot) => {
                    let task = snapshot.task;
                    self.snapshots[task] = snapshot;
                    self.heard_at[task] = Instant::now();
                }
                Event::Sampled(sample) => {
                    self.gathering.push(*sample);
                    if self.gathering.len() == self.commands.len() {
                        return;
                    }
                }
                Event::EntryFinished(entry, last) => self.entry_finished(plan, clock, entry, last),
            }
        }
    }

    /// Asks for a sample that is due, and hands out one that all cores have told their part of.
    fn sample(&mut self, plan: &Plan, running: &Running, clock: &TscClock, watch: &mut impl FnMut(&Told)) {
        let Some(sampler) = &mut self.sampler else { return };
        let sending = !self.snapshots.iter().all(|snapshot| snapshot.finished);
        match self.awaited {
            None if sampler.due(sending) <= clock.now() => {
                self.awaited = Some(sending);
                self.order(Command::Sample);
            }
            Some(sending) if self.gathering.len() == self.commands.len() => {
                self.awaited = None;
                let parts = std::mem::take(&mut self.gathering);
                let mut total = Total {
                    // What came after a core had told its part is in the next sample.
                    at: parts.iter().map(|part| part.at).max().unwrap_or_default(),
                    stats: stats_of(running),
                    buffers: buffers_out(running),
                    pause: parts.iter().map(|part| part.pause).max(),
                    ..blank(plan)
                };
                for part in parts {
                    self.groups.take(part.groups);
                    for (sum, one) in total.sent.iter_mut().zip(&part.sent) {
                        sum.add(one);
                    }
                    for (port, frames, bytes) in part.tx {
                        let (all_frames, all_bytes) = &mut total.tx[port];
                        *all_frames += frames;
                        *all_bytes += bytes;
                    }
                    match (&mut total.received, part.received) {
                        (Some(sum), Some(one)) => sum.add(&one),
                        (none, one) => *none = none.take().or(one),
                    }
                }
                if let Some(received) = &mut total.received {
                    self.groups.add_to(received);
                }
                watch(&Told::Sample(sampler.take(total, sending)));
            }
            _ => {}
        }
    }

    /// The sampler, and all groups that cores have handed over.
    pub(super) fn end(mut self) -> (Option<Sampler>, SharedGroups) {
        let late = self.heard.try_iter().filter_map(|event| match event {
            Event::Sampled(sample) => Some(*sample),
            _ => None,
        });
        for part in self.gathering.into_iter().chain(late) {
            self.groups.take(part.groups);
        }
        (self.sampler, self.groups)
    }

    /// What stands there before the run.
    pub(super) fn zero(&self, plan: &Plan, running: &Running, tasks: &[CoreTask]) -> Total {
        let recorder = tasks.iter().find_map(|task| task.recorder.as_ref());
        Total {
            received: recorder.map(|recorder| Tally::of(recorder, Picos::ZERO)),
            stats: stats_of(running),
            ..blank(plan)
        }
    }

    fn entry_finished(&mut self, plan: &Plan, clock: &TscClock, entry: usize, last: Picos) {
        let open = &mut self.open[entry];
        open.0 = open.0.saturating_sub(1);
        open.1 = open.1.max(last);
        let (0, end) = *open else { return };
        for (index, follower) in plan.entries.iter().enumerate() {
            if let Start::After { entry: awaited, delay } = follower.start
                && awaited == entry
            {
                // All cores must hear of it before it is time.
                let start = end.saturating_add(delay).max(clock.now() + Picos::from_micros(200));
                self.order(Command::Activate(index, start));
            }
        }
    }

    fn live(&self, plan: &Plan, clock: &TscClock) -> Live {
        let mut live = Live {
            elapsed: clock.now(),
            ..Live::default()
        };
        for snapshot in &self.snapshots {
            for (sent, entry) in snapshot.sent.iter().zip(&plan.entries) {
                live.tx.0 += sent.packets;
                live.tx.1 += sent.frame_bytes;
                // MAC control frames end at the next port.
                live.expected += if entry.pairs.is_empty() { 0 } else { sent.packets };
            }
            live.rx.0 += snapshot.rx.0;
            live.rx.1 += snapshot.rx.1;
            live.received += snapshot.received.iter().sum::<u64>();
            live.ce += snapshot.ce;
        }
        live
    }

    /// A port that has taken nothing for too long, or has been paused for so long.
    fn refusal(&self, plan: &Plan, clock: &TscClock) -> Option<String> {
        let now = clock.now();
        let held = self.snapshots.iter().filter_map(|snapshot| snapshot.held);
        if let Some((port, since)) = held.min_by_key(|(_, since)| *since)
            && now.saturating_sub(since) >= PORT_TIMEOUT
        {
            return Some(format!(
                "PFC has paused port {} without a break for {:.1} s",
                plan.ports[port].name,
                now.saturating_sub(since).seconds()
            ));
        }
        let stuck = self.snapshots.iter().filter_map(|snapshot| snapshot.refused);
        let (port, since) = stuck.min_by_key(|(_, since)| *since)?;
        let waited = now.saturating_sub(since);
        (waited >= PORT_TIMEOUT).then(|| {
            format!(
                "port {} has taken no frame for {:.1} s",
                plan.ports[port].name,
                waited.seconds()
            )
        })
    }
}

/// A port that has vanished or lost its link since the start.
fn lost_port(plan: &Plan, running: &Running, links: &[bool]) -> Option<String> {
    for (index, (port, planned)) in running.ports.iter().zip(&plan.ports).enumerate() {
        // Drivers of kernel interfaces do not say when theirs has gone, and such a port stays silent.
        let interface = running.infos[index].kernel_ifindex;
        let gone = interface.is_some_and(|interface| {
            // nix 0.31 has an empty name for an interface that is not there, where libc has an error.
            match nix::net::if_::if_indextoname(interface) {
                Ok(name) => name.is_empty(),
                Err(error) => matches!(error, Errno::ENODEV | Errno::ENXIO),
            }
        });
        if gone || port.is_removed() {
            return Some(format!("port {} has vanished", planned.name));
        }
        if links[index] && !port.link().is_ok_and(|link| link.up) {
            return Some(format!("port {} has lost its link", planned.name));
        }
    }
    None
}
