//! The virtual-time driver: the order of a run against the reference fabric.
//!
//! Contract: one thread, no clock. The fabric owns the only queue of events; whenever the wire of a
//! host is free, that host's [`TxUnit`] is asked for one frame, which leaves then. Frames are written by the same unit and
//! read by the same recorder as on real ports; on their way they are descriptors ([`Carried`]). The same plan, testbed and
//! seed give the same outcome.
//!
//! Left out on purpose: what a switch does (`fabric`), and real time (`realtime`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::bounded;

use crate::dpdk::{StampSource, ThreadRegistration, icrc_routine};
use crate::engine::carried::{Carried, Desk, Reader, Spare};
use crate::engine::feedback::{self, Waiting};
use crate::engine::lab::{PacedBy, Reaction};
use crate::engine::outcome::{Clock, Live, Outcome, PortOutcome, PortSent};
use crate::engine::sample::{Sampler, Told, Total};
use crate::engine::stamps::PortTimes;
use crate::engine::tx::{Pull, TxUnit};
use crate::engine::virtual_lab::{self, Running};
use crate::fabric::{self, Event, Fabric};
use crate::measure::{Recorder, Tally};
use crate::neighbour::Answers;
use crate::pattern::{IcrcCheck, Start};
use crate::plan::Plan;
use crate::testbed;
use crate::transport::lane::Sent;
use crate::transport::reliable::Counts;
use crate::units::Picos;

/// So long without a frame that leaves or arrives, with none due either, and what is still in the
/// fabric will never come out.
const STUCK: Picos = Picos::from_micros(200_000);

/// So long does a run go on when the last frame has arrived: pauses end, counters settle.
const SETTLE: Picos = Picos::from_micros(1_000);

/// Frames for one host before they are taken in, where nothing waits for them.
const RX_BURST: usize = 32;

/// Events between two looks at the wall clock.
const LOOK_EVERY: u32 = 4096;

/// Wall-clock time between two calls of `watch`.
const WATCH_EVERY: Duration = Duration::from_millis(200);

/// Runs `plan` on `running`, whose ports lead into a fabric. `stop` ends it early; `watch` is called
/// a few times a second.
///
/// # Errors
/// When the thread could not be set up, or buffers ran out: the plan needs more than there are.
pub fn run(
    plan: &Plan,
    running: Running,
    icrc: IcrcCheck,
    core: usize,
    stop: &AtomicBool,
    mut watch: impl FnMut(&Told),
) -> Result<Outcome, String> {
    let (tell, told) = bounded(1);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
                return Err(format!(
                    "cannot pin a thread to core {core}: it is not one of this process's"
                ));
            }
            let _registered = ThreadRegistration::register(&running.eal).map_err(|error| error.to_string())?;
            drive(plan, &running, icrc, core, stop, |said| {
                let _ = match said {
                    // The listener is slow: the next figures have all of these.
                    Told::Live(_) => tell.try_send(said).is_ok(),
                    // A sample is not said twice: simulated time can wait.
                    Told::Sample(_) => tell.send(said).is_ok(),
                };
            })
        });
        for said in told {
            watch(&said);
        }
        thread.join().map_err(|_| "the virtual-time loop panicked".to_owned())?
    })
}

fn drive(
    plan: &Plan,
    running: &Running,
    icrc: IcrcCheck,
    core: usize,
    stop: &AtomicBool,
    mut watch: impl FnMut(Told),
) -> Result<Outcome, String> {
    let mut driver = Driver::new(plan, running.config(), icrc)?;
    if plan.sample.is_some() {
        driver.recorder.settle();
    }
    let mut sampler = plan.sample.and_then(|_| Sampler::new(plan, driver.total()));
    let interrupted = driver.conduct(sampler.as_mut(), stop, &mut watch)?;
    let mut outcome = Outcome::new(plan, Clock::Virtual);
    outcome.elapsed = driver.fabric.now();
    outcome.interrupted = interrupted;
    outcome.cores = (vec![core], vec![core]);
    outcome.tsc_hz = running.eal.tsc_hz();
    outcome.hugepages = running.eal.uses_hugepages();
    outcome.fabric = Some(driver.fabric.counters());
    let inside = driver.fabric.in_flight();
    let mut sent = vec![PortSent::default(); plan.ports.len()];
    for unit in &mut driver.tx {
        outcome.add_unit(plan, unit, &mut sent);
    }
    let recorder = driver.recorder;
    outcome.add_recorder(recorder);
    for (index, (tx, unsent)) in sent.into_iter().enumerate() {
        let device = running.device_of(index);
        outcome.ports.push(PortOutcome {
            info: device.0.clone(),
            reaction: Reaction::Fabric,
            paced_by: PacedBy::Fabric,
            effective: device.1,
            tx,
            unsent,
            probes: (0, 0),
            answers: Answers::default(),
            stats: None,
            xstats: Vec::new(),
            // Simulated time is exact: nothing is added.
            times: PortTimes::new(StampSource::Software),
        });
    }
    if let Some(mut sampler) = sampler {
        watch(Told::Sample(sampler.finish(outcome.total(inside))));
    }
    Ok(outcome)
}

/// Carries what `plan` sends, with no ports to be told of, and gives back what was received: for whoever counts instructions.
///
/// # Errors
/// A fabric that cannot have so many hosts, or a run that did not come to its end.
pub fn carry(plan: &Plan, config: &testbed::Fabric, icrc: IcrcCheck) -> Result<Recorder, String> {
    let mut driver = Driver::new(plan, config, icrc)?;
    let stuck = driver.conduct(None, &AtomicBool::new(false), &mut |_| ())?;
    stuck.map_or(Ok(driver.recorder), Err)
}

struct Driver<'a> {
    plan: &'a Plan,
    fabric: Fabric<Carried>,
    tx: Vec<TxUnit<Desk>>,
    recorder: Recorder,
    /// Frames that have come to each host and are not recorded, with their arrival.
    waiting: Vec<Vec<(Carried, Picos)>>,
    reader: Reader,
    spare: Spare,
    /// Lanes that wait for what comes back.
    lanes: Waiting,
    /// For each entry: hosts that still send it, and its last departure.
    open: Vec<(usize, Picos)>,
    /// Hosts that have sent all they ever will.
    finished: Vec<bool>,
    unfinished: usize,
    /// When something last happened that is not the fabric's own business, or is going to.
    active: Picos,
}

impl<'a> Driver<'a> {
    fn new(plan: &'a Plan, config: &testbed::Fabric, icrc: IcrcCheck) -> Result<Driver<'a>, String> {
        let fabric = virtual_lab::fabric(config, plan)?;
        let tx = virtual_lab::units(plan);
        let mut open = vec![(0, Picos::ZERO); plan.entries.len()];
        for unit in &tx {
            for (entry, open) in open.iter_mut().enumerate() {
                open.0 += usize::from(unit.schedule().has_entry(entry));
            }
        }
        let mut recorder = Recorder::new(plan, icrc);
        recorder.verify_by(icrc_routine());
        (0..plan.ports.len()).for_each(|port| recorder.keep_gaps(port));
        Ok(Driver {
            plan,
            fabric,
            recorder,
            waiting: tx.iter().map(|_| Vec::with_capacity(RX_BURST)).collect(),
            reader: Reader::new(RX_BURST),
            spare: Spare::default(),
            finished: vec![false; tx.len()],
            unfinished: tx.len(),
            lanes: Waiting::of(plan, &tx),
            tx,
            open,
            active: Picos::ZERO,
        })
    }

    /// Runs to the end, and says why it came early, if it did.
    fn conduct(
        &mut self,
        mut sampler: Option<&mut Sampler>,
        stop: &AtomicBool,
        watch: &mut impl FnMut(Told),
    ) -> Result<Option<String>, String> {
        for host in 0..self.tx.len() {
            self.fabric.wake(host, Picos::ZERO);
        }
        let mut cause = None;
        let mut until_look = 0u32;
        let mut looked = Instant::now();
        loop {
            let last = if self.unfinished == 0 && self.fabric.in_flight() == 0 {
                self.active.saturating_add(SETTLE)
            } else {
                self.active.saturating_add(STUCK)
            };
            // A sample has everything that happens up to its end, the end itself included.
            let active = self.unfinished > 0 || self.fabric.in_flight() > 0;
            let due = sampler.as_ref().map_or(Picos::MAX, |sampler| sampler.due(active));
            let owed = self
                .recorder
                .answering()
                .map_or(Picos::MAX, |answering| answering.deadline());
            if owed <= self.fabric.now() {
                self.recorder.on_deadline(self.fabric.now());
                self.answer();
                continue;
            }
            match self.fabric.next(last.min(due).min(owed)) {
                // Nothing moves until then.
                Some(Event::Quiet) if owed != Picos::MAX => self.fabric.wake(0, owed),
                None if owed <= last.min(due) => {}
                Some(Event::Idle(host)) => self.pull(host)?,
                Some(Event::Received { host, frame }) => {
                    self.active = self.active.max(self.fabric.now());
                    self.receive(host, frame);
                }
                Some(Event::Pause { host, classes, paused }) => {
                    let bytes = fabric::pause_frame(classes, paused);
                    self.receive(host, Carried::of(&bytes));
                }
                None if due <= last && self.fabric.now() >= due => {
                    (0..self.tx.len()).for_each(|host| self.take_in(host));
                    if let Some(sampler) = sampler.as_deref_mut() {
                        watch(Told::Sample(sampler.take(self.total(), self.unfinished > 0)));
                    }
                }
                Some(Event::Quiet) | None => break,
            }
            if until_look == 0 {
                until_look = LOOK_EVERY;
                if cause.is_none() && stop.load(Ordering::Relaxed) {
                    cause = Some("stopped by the user".to_owned());
                    if let Some(sampler) = sampler.as_deref_mut() {
                        sampler.stop(self.fabric.now());
                    }
                    self.tx.iter_mut().for_each(TxUnit::stop);
                    for host in 0..self.tx.len() {
                        self.finish(host);
                    }
                }
                if looked.elapsed() >= WATCH_EVERY {
                    looked = Instant::now();
                    watch(Told::Live(self.live()));
                }
            }
            until_look -= 1;
        }
        for host in 0..self.tx.len() {
            self.take_in(host);
        }
        watch(Told::Live(self.live()));
        Ok(cause.or_else(|| self.stuck()))
    }

    /// What keeps hosts from sending what is planned, when nothing happens any more.
    fn stuck(&self) -> Option<String> {
        let waiting: Vec<usize> = (0..self.tx.len()).filter(|host| !self.finished[*host]).collect();
        let first = *waiting.first()?;
        let paused = waiting.iter().filter(|host| self.fabric.paused(**host) != 0).count();
        Some(format!(
            "{} hosts, the first of them host{first}, had frames left to send when nothing had moved for {STUCK}; {paused} of \
             them are paused",
            waiting.len()
        ))
    }

    /// The wire of `host` is free.
    fn pull(&mut self, host: usize) -> Result<(), String> {
        let now = self.fabric.now();
        let unit = &mut self.tx[host];
        self.spare.lend(unit.queue_mut());
        match unit.pull(self.plan, now, self.fabric.paused(host)) {
            Pull::Sent => {
                let Some((frame, read)) = unit.queue_mut().take() else {
                    return Err(format!("host {host}: a frame that its NIC took is not there"));
                };
                self.active = self.active.max(now);
                self.fabric.send_as(host, frame, &read);
            }
            Pull::Wait(until) if until == Picos::MAX => {}
            Pull::Wait(until) => {
                self.active = self.active.max(until);
                self.fabric.wake(host, until);
            }
            Pull::Done => self.finish(host),
            Pull::NoBuffer | Pull::Refused => {
                return Err(format!(
                    "host {host}: its NIC takes no frame although each is taken from it at once"
                ));
            }
        }
        if self.tx[host].schedule().has_finished() {
            self.entries_finished(host);
        }
        Ok(())
    }

    fn finish(&mut self, host: usize) {
        if !std::mem::replace(&mut self.finished[host], true) {
            self.unfinished -= 1;
        }
    }

    /// Starts the entries that waited for what `host` was the last to send.
    fn entries_finished(&mut self, host: usize) {
        for (entry, last) in self.tx[host].schedule_mut().take_finished() {
            let open = &mut self.open[entry];
            open.0 = open.0.saturating_sub(1);
            open.1 = open.1.max(last);
            let (0, end) = *open else { continue };
            for (index, follower) in self.plan.entries.iter().enumerate() {
                if let Start::After { entry: awaited, delay } = follower.start
                    && awaited == entry
                {
                    let start = end.saturating_add(delay).max(self.fabric.now());
                    for other in 0..self.tx.len() {
                        if self.tx[other].schedule().has_entry(index) {
                            self.tx[other].schedule_mut().activate(self.plan, index, start);
                            self.fabric.wake(other, start);
                            self.active = self.active.max(start);
                        }
                    }
                }
            }
        }
    }

    #[inline]
    fn receive(&mut self, host: usize, frame: Carried) {
        let waiting = &mut self.waiting[host];
        waiting.push((frame, self.fabric.now()));
        if !self.lanes.is_empty() || waiting.len() >= RX_BURST {
            self.take_in(host);
        }
    }

    /// Records what has come to `host`, and lets closed loops go on.
    fn take_in(&mut self, host: usize) {
        let waiting = &mut self.waiting[host];
        if !waiting.is_empty() {
            self.reader.write(waiting);
            // In the reference fabric every host is known: nobody asks.
            self.recorder.burst(host, self.reader.read(waiting), |_, _| {});
            self.reader.clear(waiting);
            let spare = &mut self.spare;
            waiting.drain(..).for_each(|(frame, _)| spare.take_back(frame));
        }
        self.answer();
    }

    /// Sends what responders owe, and tells lanes what came back for them.
    fn answer(&mut self) {
        if self.lanes.is_empty() {
            return;
        }
        let (now, plan) = (self.fabric.now(), self.plan);
        if let Some(answering) = self.recorder.answering() {
            for owed in answering.take_answers() {
                if let Some((host, frame)) = feedback::answer(plan, &owed) {
                    self.tx[host].inject(frame);
                    self.fabric.wake(host, now);
                }
            }
        }
        let (lanes, tx, fabric) = (&self.lanes, &mut self.tx, &mut self.fabric);
        feedback::take(&mut self.recorder, |told| {
            if let Some(host) = lanes.tell(plan, tx, told, now) {
                fabric.wake(host, now);
            }
        });
    }

    /// Everything counted so far.
    fn total(&self) -> Total {
        let mut sent = vec![Sent::default(); self.plan.entries.len()];
        let mut requesters = vec![Counts::default(); self.plan.entries.len()];
        for unit in &self.tx {
            for (sum, one) in sent.iter_mut().zip(unit.schedule().sent()) {
                sum.add(&one);
            }
            for lane in unit.schedule().lanes() {
                if let Some(counts) = lane.counts() {
                    requesters[lane.entry].add(counts);
                }
            }
        }
        Total {
            at: self.fabric.now(),
            sent,
            requesters,
            tx: self
                .tx
                .iter()
                .map(|unit| (unit.stats.frames, unit.stats.bytes))
                .collect(),
            received: Some(Tally::of(&self.recorder, self.fabric.now())),
            stats: vec![None; self.tx.len()],
            buffers: self.fabric.in_flight(),
            pause: None,
        }
    }

    fn live(&self) -> Live {
        let mut live = Live {
            elapsed: self.fabric.now(),
            ..Live::default()
        };
        for unit in &self.tx {
            for (sent, entry) in unit.schedule().sent().iter().zip(&self.plan.entries) {
                live.tx.0 += sent.packets;
                live.tx.1 += sent.frame_bytes;
                // MAC control frames end at the next port.
                live.expected += if entry.pairs.is_empty() { 0 } else { sent.packets };
            }
        }
        for port in self.recorder.ports() {
            live.rx.0 += port.frames;
            live.rx.1 += port.bytes;
        }
        for entry in self.recorder.entries() {
            live.received += entry.packets;
            live.ce += entry.ecn[3];
        }
        live
    }
}
