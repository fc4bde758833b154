//! The real-time driver: the order of a run on real ports.
//!
//! Contract: everything measured is returned, however the run ends: when all was sent and what came
//! back has come back, when a caller asks to stop, or when a port fails, with the cause in
//! [`Outcome::interrupted`].
//!
//! Left out on purpose: formatting, files, signals.

mod control;
mod prepare;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::dpdk::{PortStats, StampSource, TscClock};
use crate::engine::core::CoreTask;
use crate::engine::lab::{PacedBy, Running};
use crate::engine::outcome::{Clock, Outcome, PortOutcome, PortSent, difference};
use crate::engine::ptp_probe::{self};
use crate::engine::sample::{Sampler, Told};
use crate::engine::stamps::{PortClock, PortTimes, Reader, StampCounts, Watch};
use crate::measure::Recorder;
use crate::measure::clock::Scale;
use crate::neighbour::Answers;
use crate::pattern::IcrcCheck;
use crate::plan::Plan;
use crate::testbed::Testbed;

use prepare::prepare;

/// Clocks beside the processor's are first read so long before the threads start: their rate is then
/// known to some millionths.
const WARM_UP: Duration = Duration::from_millis(100);

/// Time from the threads' start to the run's zero, in milliseconds.
const LEAD_MILLIS: u64 = 20;

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
