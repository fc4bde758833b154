//! Next hops are asked for on the started ports, before anything else is sent.
//!
//! Contract: the calling thread does it, and gives the queues back. What comes meanwhile is answered, and nothing of it counts
//! for the run.
//!
//! Left out on purpose: who is asked, and what an answer is (`neighbour::resolve`).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::dpdk::{RxBatch, RxQueue, TscClock, TxBatch, TxQueue};
use crate::engine::inject::{Injector, Origin, SmallFrame};
use crate::engine::lab::Running;
use crate::neighbour::{Heard, Resolver, Responder};
use crate::plan::Plan;
use crate::plan::hop::Neighbour;
use crate::units::Picos;
use crate::wire::template::OTHER_ROOM;

/// Puts the next hops that `plan` needs into it: those of its ports' gateways, within `timeout`. `stop` ends it early.
///
/// # Errors
/// A sentence for each gateway that nobody has answered for.
pub fn next_hops(plan: &mut Plan, running: &mut Running, timeout: Picos, stop: &AtomicBool) -> Result<(), String> {
    let Some(resolver) = Resolver::new(plan, timeout) else {
        return Ok(());
    };
    let mut ports: Vec<(Vec<TxQueue>, Vec<RxQueue>)> = running
        .ports
        .iter_mut()
        .map(|port| (port.take_tx_queues(), port.take_rx_queues()))
        .collect();
    let found = ask(plan, resolver, running, &mut ports, stop);
    for (port, (tx, rx)) in running.ports.iter_mut().zip(ports) {
        port.give_queues_back(tx, rx);
    }
    for (port, neighbour) in found? {
        plan.ports[port].neighbours.push(neighbour);
    }
    Ok(())
}

fn ask(
    plan: &Plan,
    mut resolver: Resolver<'_>,
    running: &Running,
    ports: &mut [(Vec<TxQueue>, Vec<RxQueue>)],
    stop: &AtomicBool,
) -> Result<Vec<(usize, Neighbour)>, String> {
    let mut ways_out: Vec<Injector> = ports
        .iter()
        .map(|_| Injector::new(TxBatch::new(&running.tx_pool), running.clean.clone()))
        .collect();
    let mut responder = Responder::new(plan);
    let mut batch = RxBatch::new(&running.eal);
    let (mut scratch, mut out) = (Vec::new(), [0; OTHER_ROOM]);
    let clock = TscClock::new(crate::dpdk::tsc(), running.eal.tsc_hz());
    let send = |way_out: &mut Injector, frame: &[u8]| {
        // What has no room is asked again.
        let small = SmallFrame::new(frame, plan.classes.of_frame(frame), Origin::Neighbour);
        small.is_some_and(|frame| way_out.push(frame))
    };
    loop {
        let now = clock.now();
        if stop.load(Ordering::Relaxed) {
            // Nothing will be sent.
            return Ok(Vec::new());
        }
        if resolver.is_over(now) {
            break;
        }
        while let Some((port, len)) = resolver.next(now, &mut out) {
            send(&mut ways_out[port], &out[..len]);
        }
        for (port, (tx, rx)) in ports.iter_mut().enumerate() {
            if let Some(queue) = tx.first_mut().filter(|_| ways_out[port].ready() != 0) {
                ways_out[port].serve(queue, 0, usize::MAX, 0);
            }
            for queue in rx {
                batch.receive(queue);
                for frame in batch.iter() {
                    let bytes = frame.whole(&mut scratch);
                    let heard = Heard::parse(bytes);
                    resolver.heard(port, heard.as_ref());
                    if let (Some(heard), Some(responder)) = (&heard, &mut responder)
                        && let Some(len) = responder.answer(port, heard, now, &mut out)
                    {
                        send(&mut ways_out[port], &out[..len]);
                    }
                }
                batch.release();
            }
        }
        std::hint::spin_loop();
    }
    resolver.finish(clock.now()).map_err(|missing| {
        let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}
