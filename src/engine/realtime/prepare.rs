//! What each core is to do, before anything runs: its queues, its recorder, its channels.
//!
//! Contract: nothing is sent but announcements of the workers' addresses.

use std::sync::Arc;
use std::time::Instant;

use crossbeam::channel::{Sender, bounded, unbounded};

use crate::dpdk::icrc_routine;
use crate::engine::ahead::LEAD;
use crate::engine::announce::Announcer;
use crate::engine::core::{CoreTask, Outlet, Snapshot};
use crate::engine::inject::{Injected, ROOM};
use crate::engine::lab::{PacedBy, Reaction, Running};
use crate::engine::ptp_probe::Arrival;
use crate::engine::rx::RxUnit;
use crate::engine::tx::TxUnit;
use crate::measure::{Recorder, SharedGroups};
use crate::neighbour::Responder;
use crate::pattern::IcrcCheck;
use crate::plan::Plan;
use crate::testbed::Testbed;
use crate::transport::schedule::{Clocking, Schedule};
use crate::units::Picos;

use super::control::Control;

/// Makes the cores' tasks, and announces the workers' addresses on the way.
pub(super) fn prepare(
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
