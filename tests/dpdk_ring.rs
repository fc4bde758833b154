//! Ports made of rings, and their far ends: frames pass both ways unchanged and with their times, what
//! finds no room stays with whoever has it, and after any order of dropping every buffer is home and
//! nothing of a port is left.
//!
//! Each case has a process of its own (`alone`). No hugepages, no NIC. The witness for leaks is
//! exhaustion: DPDK has room for 32 ports and 2560 memory zones, and the memory is all but used up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

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
            // Opened again it is as if it were new, and works.
            let (_port, mut tx, mut rx) = start(eal, PORT, 16, rx_pool);
            let mut arrivals = RxBatch::new(eal);
            assert_eq!(arrivals.receive(&mut rx[2]), 0, "that was given to the port before");
            let frame = end_takes(&mut far[2]);
            far[2].give(frame, 4).unwrap();
            assert_eq!(arrivals.receive(&mut rx[2]), 1);
            send(&mut batch, &mut tx[2], 10);
            let last = std::iter::from_fn(|| far[2].take()).last().unwrap();
            assert_eq!(last.bytes(), bytes_of(10));
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

/// Pages of memory that this process uses (proc_pid_statm(5)).
fn resident_pages() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

fn end_takes(end: &mut FarEnd) -> RingFrame {
    end.take().unwrap()
}

#[test]
fn three_thousand_lives_leave_nothing_behind() {
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
        let mut resident = 0;
        for round in 0..3000 {
            let first = [First::FarEnds, First::Port, First::Queues][round % 3];
            live_and_die(&eal, &tx_pool, &rx_pool, first, round % 10 != 9);
            assert_eq!(tx_pool.available(), tx_pool.frames(), "round {round}");
            assert_eq!(eal.port_names(), [""; 0], "round {round}");
            if round == 299 {
                resident = resident_pages();
            }
        }
        // A hundred bytes of the C library's heap for each life would be 66 pages.
        let grown = resident_pages().saturating_sub(resident);
        assert!(grown < 60, "{grown} pages more after 2700 lives");
    });
}

#[test]
fn a_frame_can_be_looked_at_changed_and_copied() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let tx_pool = TxPool::new(&eal, &shape(255, 2048), &[]).unwrap();
        let copies = TxPool::new(&eal, &shape(3, 1500), &[0xa5; 1500]).unwrap();
        let small = TxPool::new(&eal, &shape(3, 100), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut far = eal.ring_port(PORT, 1, 64).unwrap().remove(0);
        let (_port, mut tx, mut rx) = start(&eal, PORT, 1, &rx_pool);
        let mut batch = TxBatch::new(&tx_pool);
        write(&mut batch, 5);
        *batch.frame(0).mark = 0x1234;
        assert_eq!(batch.send(&mut tx[0]), 1);
        let mut frame = far.take().unwrap();
        assert_eq!(*frame.mark_mut(), 0x1234);
        let original = bytes_of(5);
        assert!(
            frame.copy(&small).is_none(),
            "{} bytes in a buffer of 100",
            original.len()
        );

        let copy = frame.copy(&copies).unwrap();
        assert_eq!((copy.bytes(), copy.departure()), (&original[..], Some(departure_of(5))));
        frame.header_mut(14).fill(0xee);
        assert_eq!(frame.header_mut(14).len(), 14);
        assert_eq!(frame.header_mut(usize::MAX).len(), original.len());
        *frame.mark_mut() = 7;
        assert_eq!(frame.bytes()[..14], [0xee; 14]);
        assert_eq!(frame.bytes()[14..], original[14..]);
        assert_eq!(copy.bytes(), original, "a copy is a frame of its own");

        // Copies are frames like others; an empty pool gives none, and gets them back.
        let more: Vec<RingFrame> = std::iter::from_fn(|| copy.copy(&copies)).collect();
        assert_eq!((more.len(), copies.available()), (2, 0));
        drop(more);
        assert_eq!(copies.available(), 2);
        far.give(copy, 11).unwrap();
        far.give(frame, 12).unwrap();
        let mut arrivals = RxBatch::new(&eal);
        assert_eq!(arrivals.receive(&mut rx[0]), 2);
        let mut changed = original.clone();
        changed[..14].fill(0xee);
        let seen: Vec<_> = arrivals.iter().map(|a| (a.bytes().to_vec(), a.timestamp())).collect();
        assert_eq!(seen, [(original, Some(11)), (changed, Some(12))]);
        drop(arrivals);
        assert_eq!(copies.available(), 3);

        // The buffer comes back to its sender as the far end left it: header and mark.
        let held = batch.refill(BATCH);
        let marks: Vec<u64> = (0..held).map(|index| *batch.frame(index).mark).collect();
        let used = marks.iter().position(|&mark| mark == 7).unwrap();
        assert!(marks.iter().enumerate().all(|(at, &mark)| at == used || mark == 0));
        assert_eq!(batch.frame(used).bytes[..14], [0xee; 14]);
    });
}

#[test]
fn a_port_without_times_has_none_and_wrong_ports_are_refused() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let tx_pool = TxPool::new(&eal, &shape(255, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut far = eal.ring_port(PORT, 2, 64).unwrap();
        let refusal = |name: &str, queues, depth| eal.ring_port(name, queues, depth).unwrap_err().to_string();
        assert!(refusal(PORT, 1, 64).contains("open already"));
        for name in [
            "net_ring_",
            "net_null0",
            "ring",
            "net_ring_a,b",
            "net_ring_01234567890123456789",
        ] {
            assert!(refusal(name, 1, 64).contains("net_ring_ and letters"), "{name}");
        }
        for queues in [0, 17] {
            assert!(refusal("net_ring_x", queues, 64).contains("1 to 16"), "{queues}");
        }
        for depth in [0, (1 << 20) + 1, u32::MAX] {
            assert!(refusal("net_ring_x", 1, depth).contains("1 to 1048576"), "{depth}");
        }
        assert!(refusal("net_ring_x", 16, 1 << 20).contains("cannot make its rings"));
        // The longest name is kept whole.
        let longest = "net_ring_0123456789012345678";
        let ends = eal.ring_port(longest, 1, 1).unwrap();
        assert_eq!(eal.port_names(), [PORT, longest]);
        drop(ends);
        assert_eq!(eal.port_names(), [PORT]);

        // Fewer queues than there are far ends, and no departure times.
        let config = PortConfig::default();
        let mut port = Port::open(&eal, PORT).unwrap().start(&config, Some(&rx_pool)).unwrap();
        assert!(matches!(Port::open(&eal, PORT), Err(Error::PortInUse { .. })));
        let mut tx = port.take_tx_queues().remove(0);
        let mut batch = TxBatch::new(&tx_pool);
        send(&mut batch, &mut tx, 0);
        assert_eq!(far[0].take().unwrap().departure(), None);
        assert!(far[1].take().is_none());
        // A buffer that a timed frame has used says nothing of that later.
        drop((port, tx));
        let (timed, mut tx, rx) = start(&eal, PORT, 2, &rx_pool);
        for number in 0..200 {
            send(&mut batch, &mut tx[1], number);
            let frame = far[1].take().unwrap();
            assert_eq!(frame.departure(), Some(departure_of(number)));
        }
        drop((timed, tx, rx));
        let mut port = Port::open(&eal, PORT).unwrap().start(&config, Some(&rx_pool)).unwrap();
        let mut tx = port.take_tx_queues().remove(0);
        for number in 0..200 {
            send(&mut batch, &mut tx, number);
            assert_eq!(far[0].take().unwrap().departure(), None);
        }
    });
}

/// DPDK's table has 32 ports: as many as fit work beside each other, one more is refused, and there is
/// room again afterwards.
#[test]
fn as_many_ports_as_dpdk_has_room_for() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let tx_pool = TxPool::new(&eal, &shape(255, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        for _ in 0..3 {
            let mut far = Vec::new();
            let error = loop {
                match eal.ring_port(&format!("net_ring_h{}", far.len()), 2, 16) {
                    Ok(ends) => far.push(ends),
                    Err(error) => break error,
                }
            };
            assert_eq!(far.len(), 32, "{error}");
            let mut batch = TxBatch::new(&tx_pool);
            let mut arrivals = RxBatch::new(&eal);
            let mut ports: Vec<_> = (0..32)
                .map(|at| start(&eal, &format!("net_ring_h{at}"), 2, &rx_pool))
                .collect();
            for from in 0..32_usize {
                let to = (from + 5) % 32;
                send(&mut batch, &mut ports[from].1[1], 9);
                let frame = far[from][1].take().unwrap();
                far[to][0].give(frame, 3).unwrap();
                assert_eq!(arrivals.receive(&mut ports[to].2[0]), 1);
                assert_eq!(arrivals.iter().next().unwrap().bytes(), bytes_of(9));
            }
            // Those that are left are not disturbed by those that go.
            far.truncate(20);
            ports.truncate(10);
            assert_eq!(eal.port_names().len(), 10, "those whose port is not closed");
            ports.push(start(&eal, "net_ring_h19", 2, &rx_pool));
            for at in [9, 10] {
                send(&mut batch, &mut ports[at].1[1], 1);
            }
            assert_eq!(far[9][1].take().unwrap().bytes(), bytes_of(1));
            assert_eq!(far[19][1].take().unwrap().bytes(), bytes_of(1));
            assert!(matches!(
                eal.ring_port("net_ring_h15", 1, 1),
                Err(Error::PortInUse { .. })
            ));
            assert!(Port::open(&eal, "net_ring_h20").is_err());
        }
        assert_eq!(eal.port_names(), [""; 0]);
    });
}

#[test]
fn frames_keep_their_memory_whatever_goes_before_them() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut held = Vec::new();
        for round in 0..3 {
            let tx_pool = TxPool::new(&eal, &shape(1023, 2048), &[]).unwrap();
            let mut far = eal.ring_port(PORT, 1, 64).unwrap().remove(0);
            let (_port, mut tx, _rx) = start(&eal, PORT, 1, &rx_pool);
            let mut batch = TxBatch::new(&tx_pool);
            // Some pass through, some are taken and kept, some stay in the ring.
            for number in 0..20 {
                send(&mut batch, &mut tx[0], number);
                let frame = far.take().unwrap();
                far.give(frame, number).unwrap();
            }
            for number in 0..64 {
                send(&mut batch, &mut tx[0], number + round);
            }
            held.push((round, (0..32).map(|_| far.take().unwrap()).collect::<Vec<_>>()));
        }
        // Pools are kept for these frames only as long as there are some: then there is room again for
        // more of them than fit beside each other.
        drop(rx_pool);
        let check = |held: &[(u64, Vec<RingFrame>)]| {
            for (round, frames) in held {
                for (number, frame) in (*round..).zip(frames) {
                    assert_eq!(frame.bytes(), bytes_of(number));
                }
            }
        };
        check(&held);
        let last = held.split_off(2);
        held.clear();
        drop(TxPool::new(&eal, &shape(255, 2048), &[]).unwrap());
        check(&last);
        drop(last);
        for _ in 0..60 {
            drop(TxPool::new(&eal, &shape(4095, 2048), &[]).unwrap());
        }
        // A frame may even outlive EAL's last handle.
        let tx_pool = TxPool::new(&eal, &shape(255, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut far = eal.ring_port(PORT, 1, 64).unwrap().remove(0);
        let (port, mut tx, rx) = start(&eal, PORT, 1, &rx_pool);
        send(&mut TxBatch::new(&tx_pool), &mut tx[0], 77);
        let frame = far.take().unwrap();
        drop((port, tx, rx, far, tx_pool, rx_pool, eal));
        assert_eq!(frame.bytes(), bytes_of(77));
        drop(frame);
    });
}

#[test]
fn marks_of_a_pool_at_rest_can_be_changed() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let mut tx_pool = TxPool::new(&eal, &shape(1023, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut far = eal.ring_port(PORT, 1, 64).unwrap().remove(0);
        let (_port, mut tx, _rx) = start(&eal, PORT, 1, &rx_pool);
        let mut number = 0;
        let mut batch = TxBatch::new(&tx_pool);
        for _ in 0..1023 {
            write(&mut batch, 1);
            *batch.frame(0).mark += 1;
            assert_eq!(batch.send(&mut tx[0]), 1);
            drop(far.take());
        }
        let refused = |pool: &mut TxPool| pool.for_each_mark(|_| panic!("in use")).unwrap_err().to_string();
        assert!(refused(&mut tx_pool).contains("another handle or a batch"));
        drop(batch);
        let other = tx_pool.clone();
        assert!(refused(&mut tx_pool).contains("another handle or a batch"));
        drop(other);
        // Frames that are still on their way are not at home.
        let mut batch = TxBatch::new(&tx_pool);
        send(&mut batch, &mut tx[0], 3);
        send(&mut batch, &mut tx[0], 4);
        drop(batch);
        let frame = far.take().unwrap();
        assert!(refused(&mut tx_pool).contains("2 of them are not back"));
        drop((frame, far.take()));
        let mut sum = 0;
        tx_pool
            .for_each_mark(|mark| {
                number += 1;
                sum += *mark;
                *mark = 42;
            })
            .unwrap();
        assert_eq!((number, sum), (1023, 1023));
        let mut batch = TxBatch::new(&tx_pool);
        for index in 0..batch.refill(BATCH) {
            assert_eq!(*batch.frame(index).mark, 42);
        }
    });
}

/// Port and far end on threads of their own, each ring with one at each end.
#[test]
fn a_far_end_works_on_another_thread() {
    alone(Namespace::Ours, || {
        let eal = start_eal(64);
        let tx_pool = TxPool::new(&eal, &shape(2047, 2048), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
        let mut far = eal.ring_port(PORT, 1, 32).unwrap().remove(0);
        let (_port, mut tx, mut rx) = start(&eal, PORT, 1, &rx_pool);
        let count = 100_000_u64;
        let deadline = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut carried = 0;
                while carried < count && Instant::now() < deadline {
                    let Some(mut frame) = far.take() else {
                        std::thread::yield_now();
                        continue;
                    };
                    let arrival = frame.departure().unwrap() + 1;
                    while let Err(back) = far.give(frame, arrival) {
                        frame = back;
                        std::thread::yield_now();
                    }
                    carried += 1;
                }
            });
            let mut batch = TxBatch::new(&tx_pool);
            let mut arrivals = RxBatch::new(&eal);
            let (mut written, mut received) = (0, 0);
            while received < count && Instant::now() < deadline {
                if batch.pending() == 0 && written < count {
                    write(&mut batch, written);
                    written += 1;
                }
                batch.send(&mut tx[0]);
                if arrivals.receive(&mut rx[0]) == 0 {
                    std::thread::yield_now();
                }
                for arrival in arrivals.iter() {
                    assert_eq!(arrival.bytes(), bytes_of(received));
                    assert_eq!(arrival.timestamp(), Some(departure_of(received) + 1));
                    received += 1;
                }
            }
            assert_eq!(received, count);
        });
        assert_eq!(tx_pool.available(), tx_pool.frames());
    });
}
