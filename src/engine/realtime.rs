//! The real-time driver: the order of a run on real ports.
//!
//! Contract: everything measured is returned, however the run ends: when all was sent and what came
//! back has come back, when a caller asks to stop, or when a port fails, with the cause in
//! [`Outcome::interrupted`].
//!
//! Left out on purpose: formatting, files, signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use nix::errno::Errno;

use crate::dpdk::{PortStats, StampSource, TscClock, icrc_routine};
use crate::engine::ahead::LEAD;
use crate::engine::announce::Announcer;
use crate::engine::core::{Command, CoreSample, CoreTask, Event, Outlet, Snapshot};
use crate::engine::inject::{Injected, ROOM};
use crate::engine::lab::{PacedBy, Reaction, Running};
use crate::engine::outcome::{Clock, Live, Outcome, PortOutcome, PortSent, difference};
use crate::engine::ptp_probe::{self, Arrival};
use crate::engine::rx::RxUnit;
use crate::engine::sample::{Sampler, Told, Total};
use crate::engine::stamps::{PortClock, PortTimes, Reader, StampCounts, Watch};
use crate::engine::tx::TxUnit;
use crate::measure::clock::Scale;
use crate::measure::{Recorder, SharedGroups, Tally};
use crate::neighbour::{Answers, Responder};
use crate::pattern::{IcrcCheck, Start};
use crate::plan::Plan;
use crate::testbed::Testbed;
use crate::transport::lane::Sent;
use crate::transport::schedule::{Clocking, Schedule};
use crate::units::Picos;

/// A port that takes nothing for so long has failed; one that is paused for so long will not go on.
const PORT_TIMEOUT: Picos = Picos::from_micros(2_000_000);

/// Clocks beside the processor's are first read so long before the threads start: their rate is then
/// known to some millionths.
const WARM_UP: Duration = Duration::from_millis(100);

/// Time from the threads' start to the run's zero, in milliseconds.
const LEAD_MILLIS: u64 = 20;

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

/// Runs `plan` on `running`. `stop` ends it early; `watch` is called a few times a second.
///
/// # Errors
/// When a thread could not be set up: nothing was sent.
pub fn run(
    plan: &Plan,
    testbed: &Testbed,
    mut running: Running,
    icrc: IcrcCheck,
    stop: &AtomicBool,
    mut watch: impl FnMut(&Told),
) -> Result<Outcome, String> {
    let (mut tx_cores, mut rx_cores) = crate::engine::lab::cores(testbed);
    let receives = plan.ports.iter().any(|port| port.receive);
    if !receives {
        rx_cores.clear();
    }
    tx_cores.truncate(testbed.ports.iter().map(|port| usize::from(port.tx_queues)).sum());
    let receiving = testbed.ports.iter().filter(|port| port.receive);
    rx_cores.truncate(receiving.map(|port| usize::from(port.rx_queues)).sum());
    let stats_before: Vec<_> = running.ports.iter().map(|port| port.stats().ok()).collect();
    let xstats_before: Vec<_> = running
        .ports
        .iter()
        .map(|port| port.xstats().unwrap_or_default())
        .collect();
    let mut outcome = Outcome::new(plan, Clock::Tsc);
    let first_reading = Instant::now();
    let mut watches = watch_clocks(&mut running);
    let (prober, tell) = ptp_probe::prepare(plan, &mut running, &mut outcome.probes_missing).unzip();
    let (mut tasks, mut control) = prepare(plan, testbed, &mut running, icrc, &tx_cores, &rx_cores, tell.as_ref());
    if !watches.is_empty() {
        std::thread::sleep(WARM_UP.saturating_sub(first_reading.elapsed()));
    }
    if plan.sample.is_some() {
        let recorders = tasks.iter_mut().filter_map(|task| task.recorder.as_mut());
        recorders.for_each(Recorder::settle);
        let zero = control.zero(plan, &running, &tasks);
        control.sampler = Sampler::new(plan, zero);
    }
    let start = crate::dpdk::tsc() + running.eal.tsc_hz() * LEAD_MILLIS / 1000;
    let clock = TscClock::new(start, running.eal.tsc_hz());
    let eal = running.eal.clone();
    for watch in &mut watches {
        let line = watch.look(&clock);
        tasks.iter_mut().for_each(|task| task.relate(watch.port, line));
    }
    let sending_over = Arc::clone(&control.sending_over);
    let (interrupted, sampling, tasks, probed) = std::thread::scope(|scope| {
        let threads: Vec<_> = tasks
            .into_iter()
            .map(|task| {
                let (eal, clock) = (&eal, &clock);
                scope.spawn(move || task.run(eal, plan, clock))
            })
            .collect();
        let prober = prober.map(|prober| scope.spawn(|| prober.run(&clock, &sending_over)));
        let interrupted = control.conduct(plan, &running, &clock, &mut watches, stop, &mut watch);
        sending_over.store(true, Ordering::Relaxed);
        let tasks: Vec<Option<CoreTask>> = threads.into_iter().map(|thread| thread.join().ok()).collect();
        let probed = prober.and_then(|prober| prober.join().ok());
        // After the threads: what a core has handed over last is not lost with an unfinished sample.
        (interrupted, control.end(), tasks, probed)
    });
    let interrupted = interrupted?;
    let elapsed = clock.now();
    outcome.elapsed = elapsed;
    outcome.interrupted = interrupted;
    outcome.cores = (tx_cores, rx_cores);
    outcome.tsc_hz = running.eal.tsc_hz();
    outcome.hugepages = running.eal.uses_hugepages();
    let mut port_tx = vec![PortSent::default(); plan.ports.len()];
    let mut probes = vec![(0, 0); plan.ports.len()];
    let mut answers = vec![Answers::default(); plan.ports.len()];
    let mut times: Vec<PortTimes> = running
        .stampings
        .iter()
        .map(|stamping| PortTimes::new(stamping.source))
        .collect();
    let mut counts = vec![StampCounts::default(); plan.ports.len()];
    for task in tasks {
        let Some(mut task) = task else {
            outcome
                .interrupted
                .get_or_insert_with(|| "a loop's thread panicked; its figures are missing".to_owned());
            continue;
        };
        for unit in &mut task.tx {
            outcome.add_unit(plan, unit, &mut port_tx);
            // Histograms that resize themselves take any other of the same precision.
            let _ = times[unit.port].tx_spread.add(&unit.spread);
        }
        for unit in &mut task.rx {
            let _ = times[unit.port].rx_spread.add(&unit.spread);
            let port = unit.port;
            if let Some(stamps) = unit.stamps() {
                counts[port].add(&stamps.counts);
            }
        }
        let counts = task.responder.iter().flat_map(|responder| &responder.counts);
        for (sum, own) in answers.iter_mut().zip(counts) {
            sum.add(own);
        }
        for ((tx, _), refused) in port_tx.iter_mut().zip(&task.refused) {
            tx.injected.add(refused);
        }
        if let Some(recorder) = task.recorder {
            outcome.add_recorder(recorder);
        }
    }
    let (sampler, groups) = sampling;
    if let Some(recorder) = &mut outcome.received {
        recorder.finish_groups(groups);
    }
    if let Some(probed) = probed {
        for (sum, sent) in probes.iter_mut().zip(&probed.sent) {
            *sum = *sent;
        }
        outcome.probes = probed.paths;
    }
    for watch in watches {
        let port = watch.port;
        times[port].clock = Some(PortClock::new(&watch.finish(), counts[port]));
    }
    let mut times = times.into_iter();
    for (index, ((tx, unsent), port)) in port_tx.into_iter().zip(&running.ports).enumerate() {
        outcome.ports.push(PortOutcome {
            info: running.infos[index].clone(),
            reaction: running.reactions[index],
            paced_by: running.paced_by[index],
            effective: port.effective(),
            tx,
            unsent,
            probes: probes[index],
            answers: answers[index],
            stats: port
                .stats()
                .ok()
                .zip(stats_before[index])
                .map(|(now, before)| now.since(&before)),
            xstats: difference(port.xstats().unwrap_or_default(), &xstats_before[index]),
            times: times.next().unwrap_or_else(|| PortTimes::new(StampSource::Software)),
        });
    }
    if let Some(mut sampler) = sampler {
        let mut total = outcome.total(buffers_out(&running));
        total.stats = stats_of(&running);
        watch(&Told::Sample(sampler.finish(total)));
    }
    Ok(outcome)
}

/// Packet buffers that are not in their pools.
fn buffers_out(running: &Running) -> u64 {
    let sending = running.tx_pool.frames().saturating_sub(running.tx_pool.available());
    let receiving = running.rx_pool.frames().saturating_sub(running.rx_pool.available());
    u64::from(sending) + u64::from(receiving)
}

fn stats_of(running: &Running) -> Vec<Option<PortStats>> {
    running.ports.iter().map(|port| port.stats().ok()).collect()
}

/// Begins to look at every clock beside the processor's.
fn watch_clocks(running: &mut Running) -> Vec<Watch> {
    let mut watches = Vec::new();
    for (number, (port, stamping)) in running.ports.iter().zip(&mut running.stampings).enumerate() {
        let clock = stamping.clock.take().or_else(|| {
            // Nothing is stamped by it, but frames are sent by it.
            let mut clock = (running.paced_by[number] == PacedBy::Nic).then(|| port.device_clock())?;
            let reader: Reader = Box::new(move || clock.ticks());
            Some((Scale::DEVICE, reader))
        });
        watches.extend(clock.map(|(scale, reader)| Watch::new(number, scale, reader)));
    }
    watches
}

/// Makes the cores' tasks, and announces the workers' addresses on the way.
fn prepare(
    plan: &Plan,
    testbed: &Testbed,
    running: &mut Running,
    icrc: IcrcCheck,
    tx_cores: &[usize],
    rx_cores: &[usize],
    probes: Option<&Sender<Arrival>>,
) -> (Vec<CoreTask>, Control) {
    let mut cores: Vec<usize> = Vec::new();
    for core in tx_cores.iter().chain(rx_cores) {
        if !cores.contains(core) {
            cores.push(*core);
        }
    }
    let place = |core: usize| cores.iter().position(|other| *other == core).unwrap_or(0);
    let mut tx_units: Vec<Vec<TxUnit>> = cores.iter().map(|_| Vec::new()).collect();
    let mut rx_units: Vec<Vec<RxUnit>> = cores.iter().map(|_| Vec::new()).collect();
    let (mut next_tx, mut next_rx) = (0, 0);
    for (index, (port, planned)) in running.ports.iter_mut().zip(&testbed.ports).enumerate() {
        let queues = usize::from(planned.tx_queues);
        for (number, queue) in port.take_tx_queues().into_iter().enumerate() {
            let timed = running.paced_by[index] == PacedBy::Nic;
            let clocking = if timed {
                Clocking::Ahead { lead: LEAD }
            } else {
                Clocking::Real
            };
            let schedule = Schedule::of_queue(plan, index, clocking, (number, queues));
            let mut unit = TxUnit::new(plan, index, queue, &running.tx_pool, schedule, running.clean.clone());
            if timed {
                unit = unit.with_departures();
            }
            if number == 0 && planned.announce {
                let every = testbed.announce_interval;
                unit = unit.with_announcer(Announcer::new(plan, index, every));
            }
            tx_units[place(tx_cores[next_tx % tx_cores.len()])].push(unit);
            next_tx += 1;
        }
        for queue in port.take_rx_queues() {
            if planned.receive && !rx_cores.is_empty() {
                let mut unit = RxUnit::new(&running.eal, index, queue);
                if let Some(tell) = probes {
                    unit = unit.with_probes(tell.clone());
                }
                if running.stampings[index].source.is_of_frames() {
                    unit = unit.with_stamps();
                }
                rx_units[place(rx_cores[next_rx % rx_cores.len()])].push(unit);
                next_rx += 1;
            }
        }
    }
    let closed = |entry: &crate::plan::EntryPlan| entry.work.is_closed_loop() || entry.transport.rc().is_some();
    let (feedback, heard_back): (Vec<_>, Vec<_>) = cores.iter().map(|_| bounded(1 << 16)).unzip();
    let feedback = if plan.entries.iter().any(closed) {
        feedback
    } else {
        Vec::new()
    };
    let (orders, obeyed): (Vec<_>, Vec<_>) = cores.iter().map(|_| bounded(1 << 12)).unzip();
    let obeys = |port: &usize| running.reactions.get(*port) == Some(&Reaction::Software);
    let obeying: Vec<usize> = (0..plan.ports.len()).filter(obeys).collect();
    let orders = if obeying.is_empty() { Vec::new() } else { orders };
    let (injections, injected): (Vec<_>, Vec<_>) = cores.iter().map(|_| bounded(ROOM)).unzip();
    // The first queue of each port is its way out for what no plan foresaw.
    let way_out = |port: usize| {
        let owner = tx_units
            .iter()
            .position(|units| units.iter().any(|unit| unit.port == port))?;
        let unit = tx_units[owner].iter().position(|unit| unit.port == port)?;
        Some((owner, unit))
    };
    let ways_out: Vec<_> = (0..plan.ports.len()).map(way_out).collect();
    let (events, heard) = unbounded();
    let mut commands = Vec::new();
    let mut open = vec![0; plan.entries.len()];
    let mut tasks = Vec::new();
    let several = rx_units.iter().filter(|units| !units.is_empty()).count() > 1;
    let recorder = || {
        let mut recorder = Recorder::new(plan, icrc);
        recorder.verify_by(icrc_routine());
        if several {
            recorder.is_one_of_several();
        }
        obeying.iter().for_each(|port| recorder.obey(*port));
        for (port, stamping) in running.stampings.iter().enumerate() {
            if stamping.source.is_of_frames() {
                recorder.keep_gaps(port);
            }
        }
        recorder
    };
    for (index, ((core, tx), rx)) in cores.iter().zip(tx_units).zip(rx_units).enumerate() {
        for unit in &tx {
            for (entry, open) in open.iter_mut().enumerate() {
                *open += usize::from(unit.schedule().has_entry(entry));
            }
        }
        let (command, told) = unbounded();
        commands.push(command);
        tasks.push(CoreTask {
            index,
            core: *core,
            recorder: (!rx.is_empty()).then(recorder),
            tx,
            rx,
            commands: told,
            events: events.clone(),
            heard: heard_back[index].clone(),
            feedback: feedback.clone(),
            orders: obeyed[index].clone(),
            obeying: orders.clone(),
            outlets: ways_out
                .iter()
                .map(|way_out| match way_out {
                    Some((owner, unit)) if *owner == index => Outlet::Here(*unit),
                    Some((owner, _)) => Outlet::There(injections[*owner].clone()),
                    None => Outlet::None,
                })
                .collect(),
            injections: injected[index].clone(),
            refused: vec![Injected::default(); plan.ports.len()],
            responder: Responder::new(plan),
            replies: Vec::new(),
        });
    }
    let control = Control {
        heard,
        commands,
        open: open.into_iter().map(|units| (units, Picos::ZERO)).collect(),
        snapshots: vec![Snapshot::default(); cores.len()],
        sending_over: Arc::default(),
        sampler: None,
        groups: SharedGroups::new(plan.entries.len()),
        gathering: Vec::new(),
        awaited: None,
        heard_at: vec![Instant::now(); cores.len()],
    };
    (tasks, control)
}

/// Nothing, at the beginning of a run.
fn blank(plan: &Plan) -> Total {
    Total {
        sent: vec![Sent::default(); plan.entries.len()],
        tx: vec![(0, 0); plan.ports.len()],
        ..Total::default()
    }
}

/// The thread that gives the orders.
struct Control {
    heard: Receiver<Event>,
    commands: Vec<Sender<Command>>,
    /// For each entry: queues that are still sending it, and its last departure.
    open: Vec<(usize, Picos)>,
    snapshots: Vec<Snapshot>,
    /// Set when nothing is sent any more: probes see the traffic, not the silence after it.
    sending_over: Arc<AtomicBool>,
    /// When each core last sent one.
    heard_at: Vec<Instant>,
    /// Where the run is to be told apart in intervals.
    sampler: Option<Sampler>,
    /// Groups of messages of which each core has seen a part by the last sample.
    groups: SharedGroups,
    /// What cores have told of the sample that is over.
    gathering: Vec<CoreSample>,
    /// Since when that has been asked of them, and whether they still sent then.
    awaited: Option<bool>,
}

impl Control {
    fn order(&self, command: Command) {
        for core in &self.commands {
            // A core that is gone obeys nothing any more.
            let _ = core.send(command);
        }
    }

    /// Conducts the run and returns why it ended early, if it did.
    fn conduct(
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
                let of_core = |core: &Snapshot| core.completed.get(entry).copied();
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
    fn end(mut self) -> (Option<Sampler>, SharedGroups) {
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
    fn zero(&self, plan: &Plan, running: &Running, tasks: &[CoreTask]) -> Total {
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
