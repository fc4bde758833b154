//! Ports made of rings, and their far ends: frames pass both ways unchanged and with their times, what
//! finds no room stays with whoever has it, and after any order of dropping every buffer is home and
//! nothing of a port is left.
//!
//! Each case has a process of its own (`alone`). No hugepages, no NIC. The witness for leaks is
//! exhaustion: DPDK has room for 32 ports and 2560 memory zones, and the memory is all but used up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;

use std::collections::VecDeque;

use squall::dpdk::{
    BATCH, Departures, Eal, EalConfig, Error, FarEnd, Hugepages, PoolConfig, Port, PortConfig, RingFrame, RxBatch,
    RxPool, RxQueue, RxTimestamps, Started, TxBatch, TxPool, TxQueue,
};
use squall::units::Bytes;

use alone::{Namespace, alone};

const PORT: &str = "net_ring_host";

fn start_eal(mib: u64) -> Eal {
    Eal::init(&EalConfig {
        hugepages: Hugepages::None,
        memory: Bytes(mib << 20),
        telemetry: false,
        ..EalConfig::default()
    })
    .unwrap()
}

fn shape(frames: u32, data_room: u16) -> PoolConfig {
    PoolConfig {
        name: "test".to_owned(),
        frames,
        data_room,
        numa_node: None,
    }
}

fn queues(count: u16) -> PortConfig {
    PortConfig {
        tx_queues: count,
        rx_queues: count,
        departures: Departures::Written,
        ..PortConfig::default()
    }
}

fn start(eal: &Eal, name: &str, count: u16, rx_pool: &RxPool) -> (Port<Started>, Vec<TxQueue>, Vec<RxQueue>) {
    let mut port = Port::open(eal, name)
        .unwrap()
        .start(&queues(count), Some(rx_pool))
        .unwrap();
    let (tx, rx) = (port.take_tx_queues(), port.take_rx_queues());
    assert_eq!((tx.len(), rx.len()), (usize::from(count), usize::from(count)));
    (port, tx, rx)
}

/// A frame of its own for each number: every byte depends on it, and so does the length.
fn bytes_of(number: u64) -> Vec<u8> {
    let len = 60 + number * 61 % 1400;
    (0..len)
        .map(|at| u8::try_from((at * 7 + number * 13) % 251).unwrap())
        .collect()
}

fn departure_of(number: u64) -> u64 {
    number * 1_000_003 + (1 << 40)
}

/// Writes frame `number` behind those that are pending.
fn write(batch: &mut TxBatch, number: u64) {
    let index = batch.pending();
    assert!(batch.refill(index + 1) >= 1, "the pool is empty");
    let bytes = bytes_of(number);
    batch.frame(index).bytes[..bytes.len()].copy_from_slice(&bytes);
    batch.set_departure(index, departure_of(number));
    batch.set_len(index, u16::try_from(bytes.len()).unwrap());
}

/// Sends frame `number`, which the port must take.
fn send(batch: &mut TxBatch, queue: &mut TxQueue, number: u64) {
    write(batch, number);
    assert_eq!(batch.send(queue), 1, "frame {number}");
}

#[test]
fn frames_pass_both_ways_with_their_times() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let tx_pool = TxPool::new(&eal, &shape(1023, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut far = eal.ring_port(PORT, 16, 64).unwrap();
        assert_eq!(far.len(), 16);
        assert_eq!(eal.port_names(), [PORT]);
        let (port, mut tx, mut rx) = start(&eal, PORT, 16, &rx_pool);
        let info = port.info().unwrap();
        assert_eq!((info.driver.as_str(), info.name.as_str()), ("net_ring", PORT));
        assert_eq!(info.rx_timestamps, RxTimestamps::FarEnd);
        assert_eq!(port.effective().rx_timestamps, RxTimestamps::FarEnd);
        assert!(port.link().unwrap().up);

        let mut batch = TxBatch::new(&tx_pool);
        let mut arrivals = RxBatch::new(&eal);
        let mut number = 0;
        for _ in 0..200 {
            // From queue q to the receive queue 15 - q, through the far end.
            for queue in 0..16_u64 {
                let (from, to) = (usize::try_from(queue).unwrap(), usize::try_from(15 - queue).unwrap());
                assert!(far[from].take().is_none());
                send(&mut batch, &mut tx[from], number);
                assert!(
                    far.iter_mut()
                        .enumerate()
                        .all(|(at, end)| at == from || end.take().is_none())
                );
                let frame = far[from].take().unwrap();
                assert_eq!(
                    (frame.bytes(), frame.len()),
                    (&bytes_of(number)[..], bytes_of(number).len())
                );
                assert_eq!(frame.departure(), Some(departure_of(number)));
                let arrival = u64::MAX - number;
                far[to].give(frame, arrival).unwrap();
                assert_eq!(arrivals.receive(&mut rx[from]), 0);
                assert_eq!(arrivals.receive(&mut rx[to]), 1);
                let received = arrivals.iter().next().unwrap();
                assert_eq!(received.bytes(), bytes_of(number));
                assert_eq!(received.timestamp(), Some(arrival));
                number += 1;
            }
        }
        let stats = port.stats().unwrap();
        assert_eq!((stats.tx_packets, stats.rx_packets), (number, number));
        arrivals.release();
        drop(batch);
        assert_eq!(tx_pool.available(), tx_pool.frames());
    });
}

#[test]
fn what_finds_no_room_stays_with_its_owner() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let tx_pool = TxPool::new(&eal, &shape(1023, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        // Not a power of two: the ring has room for as many as were asked for, and no more.
        let mut far = eal.ring_port(PORT, 1, 100).unwrap().remove(0);
        let (port, mut tx, mut rx) = start(&eal, PORT, 1, &rx_pool);
        let (mut tx, mut rx) = (tx.remove(0), rx.remove(0));
        let mut batch = TxBatch::new(&tx_pool);
        let mut written = 0;
        let mut sent = 0;
        for _ in 0..3 {
            while batch.pending() < BATCH {
                write(&mut batch, written);
                written += 1;
            }
            sent += u64::try_from(batch.send(&mut tx)).unwrap();
        }
        assert_eq!((sent, batch.pending()), (100, BATCH));
        assert_eq!(batch.send(&mut tx), 0);
        assert_eq!(port.stats().unwrap().tx_packets, 100);

        // One place free, one frame more.
        let mut held = VecDeque::from([far.take().unwrap()]);
        assert_eq!(batch.send(&mut tx), 1);
        sent += 1;
        while sent < written {
            held.extend(std::iter::from_fn(|| far.take()));
            sent += u64::try_from(batch.send(&mut tx)).unwrap();
        }
        held.extend(std::iter::from_fn(|| far.take()));
        assert_eq!(u64::try_from(held.len()).unwrap(), written);

        // The other way: 100 find room, the next comes back as it was, with its departure time.
        let mut given = 0;
        while let Some(frame) = held.pop_front() {
            if let Err(frame) = far.give(frame, given) {
                held.push_front(frame);
                break;
            }
            given += 1;
        }
        assert_eq!(given, 100);
        assert_eq!(held[0].bytes(), bytes_of(100));
        assert_eq!(held[0].departure(), Some(departure_of(100)));
        let mut arrivals = RxBatch::new(&eal);
        let mut received = 0;
        while received < written {
            arrivals.receive(&mut rx);
            for arrival in arrivals.iter() {
                assert_eq!(arrival.bytes(), bytes_of(received));
                assert_eq!(arrival.timestamp(), Some(received));
                received += 1;
            }
            if let Some(frame) = held.pop_front() {
                far.give(frame, given).unwrap();
                given += 1;
            }
        }
        assert_eq!((received, arrivals.receive(&mut rx)), (written, 0));
        drop(batch);
        assert_eq!(tx_pool.available(), tx_pool.frames());
    });
}

/// Who is dropped first.
#[derive(Clone, Copy)]
enum First {
    FarEnds,
    Port,
    Queues,
}

/// One life of a port of 16 queues: frames in every ring in both directions, at the far end, and in a
/// batch; then everything is dropped in some order.
fn live_and_die(eal: &Eal, tx_pool: &TxPool, rx_pool: &RxPool, first: First, open: bool) {
    let mut far = eal.ring_port(PORT, 16, 64).unwrap();
    assert!(matches!(eal.ring_port(PORT, 1, 64), Err(Error::PortInUse { .. })));
    if !open {
        return;
    }
    let (port, mut tx, rx) = start(eal, PORT, 16, rx_pool);
    let mut batch = TxBatch::new(tx_pool);
    let mut held = Vec::new();
    for (queue, end) in tx.iter_mut().zip(&mut far) {
        for number in 0..8 {
            send(&mut batch, queue, number);
        }
        for arrival in [1, 2] {
            let frame = end_takes(end);
            end.give(frame, arrival).unwrap();
        }
        held.push(end_takes(end));
    }
    assert_eq!(
        tx_pool.frames() - tx_pool.available(),
        8 * 16 + u32::try_from(batch.held()).unwrap()
    );
    match first {
        First::FarEnds => {
            drop(far);
            // Nobody takes any more: the port sends until its ring is full, and no further.
            let mut more = 0;
            while {
                write(&mut batch, 0);
                batch.send(&mut tx[0]) == 1
            } {
                more += 1;
            }
            assert_eq!(more, 64 - 5);
            drop((port, tx, rx));
            assert!(Port::open(eal, PORT).is_err());
        }
        First::Port => {
            drop((port, tx, rx));
            // What was sent can still be taken, and what is given reaches nobody.
            let frame = end_takes(&mut far[3]);
            assert_eq!(frame.bytes(), bytes_of(3));
            far[3].give(frame, 3).unwrap();
        }
        First::Queues => {
            drop((tx, rx));
            let stopped = port.stop().ok().unwrap();
            // What came to nobody is there after a new start, as with any other port.
            let mut port = stopped.start(&queues(16), Some(rx_pool)).unwrap();
            let mut rx = port.take_rx_queues();
            let mut arrivals = RxBatch::new(eal);
            assert_eq!(arrivals.receive(&mut rx[7]), 2);
            assert_eq!(
                arrivals.iter().map(|a| a.timestamp().unwrap()).collect::<Vec<_>>(),
                [1, 2]
            );
        }
    }
    drop(held);
}

fn end_takes(end: &mut FarEnd) -> RingFrame {
    end.take().unwrap()
}

#[test]
fn three_hundred_lives_leave_nothing_behind() {
    alone(Namespace::Ours, || {
        let eal = start_eal(32);
        let tx_pool = TxPool::new(&eal, &shape(2047, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        live_and_die(&eal, &tx_pool, &rx_pool, First::Port, true);
        // The memory is used up but for a little more than what one life needs.
        let mut fillers = Vec::new();
        while let Ok(filler) = RxPool::new(&eal, &shape(255, 2048)) {
            fillers.push(filler);
        }
        fillers.pop();
        for round in 0..300 {
            let first = [First::FarEnds, First::Port, First::Queues][round % 3];
            live_and_die(&eal, &tx_pool, &rx_pool, first, round % 10 != 9);
            assert_eq!(tx_pool.available(), tx_pool.frames(), "round {round}");
            assert_eq!(eal.port_names(), [""; 0], "round {round}");
        }
    });
}
