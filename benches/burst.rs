//! What one round of the packet path costs on net_null: take 64 buffers, touch them, send them; and
//! receive and release 64. No frame is built, so this is the floor under `squall bench`. Then what one
//! frame costs that goes alone through a ring port and its far end, as all do in virtual time.
//!
//!     cargo bench --bench burst
//!
//! Each figure is the best and the median of many short slices: other programs on the machine
//! slow the median down, rarely the best.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measuring program")]

use std::collections::VecDeque;

use squall::dpdk::{
    BATCH, Departures, DeviceArg, Eal, EalConfig, Hugepages, PoolConfig, Port, PortConfig, RingFrame, RxBatch, RxPool,
    TxBatch, TxPool, TxQueue, tsc,
};
use squall::units::Bytes;

const SLICES: usize = 400;
const ROUNDS: usize = 4_000;

fn main() {
    // `cargo test` runs bench targets too; only `cargo bench` asks for measuring.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let config = EalConfig {
        hugepages: if std::env::var_os("NO_HUGE").is_some() {
            Hugepages::None
        } else {
            Hugepages::Auto
        },
        memory: Bytes(256 << 20),
        telemetry: false,
        devices: vec![
            DeviceArg::Vdev("net_null0,no-rx=1".to_owned()),
            DeviceArg::Vdev("net_null1,size=64".to_owned()),
        ],
        ..EalConfig::default()
    };
    let eal = Eal::init(&config).unwrap();
    println!("hugepages: {}, TSC {} Hz", eal.uses_hugepages(), eal.tsc_hz());
    let pool = |frames| PoolConfig {
        name: "bench".to_owned(),
        frames,
        data_room: 4352,
        numa_node: None,
    };
    let tx_pool = TxPool::new(&eal, &pool(16_383), &[0; 4352]).unwrap();
    let rx_pool = RxPool::new(&eal, &pool(16_383)).unwrap();
    let start = |name| {
        Port::open(&eal, name)
            .unwrap()
            .start(&PortConfig::default(), Some(&rx_pool))
            .unwrap()
    };
    let mut tx_port = start("net_null0");
    let mut rx_port = start("net_null1");
    let mut tx = tx_port.take_tx_queues().remove(0);
    let mut rx = rx_port.take_rx_queues().remove(0);

    let mut batch = TxBatch::new(&tx_pool);
    let header = [0x5a_u8; 128];
    measure(&eal, "tx, 64 B frames, nothing written", || {
        send(&mut batch, &mut tx, 64, |_, _| ());
    });
    measure(&eal, "tx, 64 B frames, 128 B written", || {
        send(&mut batch, &mut tx, 64, |bytes, _| {
            bytes[..128].copy_from_slice(&header);
        });
    });
    measure(&eal, "tx, 4170 B frames, 128 B written", || {
        send(&mut batch, &mut tx, 4170, |bytes, _| {
            bytes[..128].copy_from_slice(&header);
        });
    });
    measure(&eal, "tx, 4170 B frames, 128 B and the mark written", || {
        send(&mut batch, &mut tx, 4170, |bytes, mark| {
            bytes[..128].copy_from_slice(&header);
            *mark = mark.wrapping_add(1);
        });
    });
    let mut arrivals = RxBatch::new(&eal);
    let mut sum = 0_u64;
    measure(&eal, "rx, 64 B frames, first byte read", || {
        arrivals.receive(&mut rx);
        for frame in arrivals.iter() {
            sum += frame.bytes().first().map_or(0, |&byte| u64::from(byte));
        }
    });
    std::hint::black_box(sum);
    drop((batch, arrivals));
    ring_port(&eal, &tx_pool, &rx_pool);
}

/// One frame at a time through the far end of a ring port, all frames of the batch in turn.
fn ring_port(eal: &Eal, tx_pool: &TxPool, rx_pool: &RxPool) {
    let mut far = eal.ring_port("net_ring_bench", 1, 1024).unwrap().remove(0);
    let config = PortConfig {
        departures: Departures::Written,
        ..PortConfig::default()
    };
    let mut port = Port::open(eal, "net_ring_bench")
        .unwrap()
        .start(&config, Some(rx_pool))
        .unwrap();
    let mut tx = port.take_tx_queues().remove(0);
    let mut rx = port.take_rx_queues().remove(0);
    let mut batch = TxBatch::new(tx_pool);
    let mut arrivals = RxBatch::new(eal);
    let mut held: Vec<RingFrame> = Vec::with_capacity(BATCH);
    let mut clock = 0;

    measure(eal, "ring: a frame sent, taken, given, received", || {
        for _ in 0..BATCH {
            batch.refill(BATCH);
            batch.set_departure(0, clock);
            batch.set_len(0, 64);
            assert_eq!(batch.send(&mut tx), 1);
            let frame = far.take().unwrap();
            far.give(frame, clock).unwrap();
            assert_eq!(arrivals.receive(&mut rx), 1);
            clock += 1;
        }
    });
    measure_part(eal, "ring: of it, sent, the buffer at hand", || {
        batch.refill(BATCH);
        let sending = timed(|| {
            for _ in 0..BATCH {
                batch.set_departure(0, clock);
                batch.set_len(0, 64);
                assert_eq!(batch.send(&mut tx), 1);
            }
        });
        while let Some(frame) = far.take() {
            drop(frame);
        }
        sending
    });
    measure_part(eal, "ring: of it, given, received and released", || {
        send(&mut batch, &mut tx, 64, |_, _| ());
        held.extend(std::iter::from_fn(|| far.take()));
        timed(|| {
            for frame in held.drain(..) {
                far.give(frame, 1).unwrap();
                assert_eq!(arrivals.receive(&mut rx), 1);
            }
        })
    });
    for (what, taking_counts, giving_counts) in [
        ("ring: of it, taken and given", true, true),
        ("ring: of it, taken", true, false),
        ("ring: of it, given", false, true),
    ] {
        measure_part(eal, what, || {
            send(&mut batch, &mut tx, 64, |_, _| ());
            let taking = timed(|| {
                for _ in 0..BATCH {
                    held.push(far.take().unwrap());
                }
            });
            let giving = timed(|| {
                for frame in held.drain(..) {
                    far.give(frame, 1).unwrap();
                }
            });
            assert_eq!(arrivals.receive(&mut rx), BATCH);
            u64::from(taking_counts) * taking + u64::from(giving_counts) * giving
        });
    }
    measure_part(eal, "ring: a frame taken and dropped", || {
        send(&mut batch, &mut tx, 64, |_, _| ());
        timed(|| (0..BATCH).for_each(|_| drop(far.take().unwrap())))
    });
    drop((batch, arrivals, port, tx, rx, far));
    fabric(eal, tx_pool, rx_pool);
}

/// The same in the shape of a fabric: 96 queues in turn, and many frames on their way at a time.
fn fabric(eal: &Eal, tx_pool: &TxPool, rx_pool: &RxPool) {
    const UNDER_WAY: usize = 8192;
    let config = PortConfig {
        tx_queues: 16,
        rx_queues: 16,
        departures: Departures::Written,
        ..PortConfig::default()
    };
    let mut far = Vec::new();
    let mut ports = Vec::new();
    let (mut tx, mut rx, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    for name in ["a", "b", "c", "d", "e", "f"].map(|letter| format!("net_ring_{letter}")) {
        far.extend(eal.ring_port(&name, 16, 64).unwrap());
        let mut port = Port::open(eal, &name).unwrap().start(&config, Some(rx_pool)).unwrap();
        tx.extend(port.take_tx_queues());
        rx.extend(port.take_rx_queues());
        ports.push(port);
    }
    batches.extend(tx.iter().map(|_| TxBatch::new(tx_pool)));
    let mut arrivals = RxBatch::new(eal);
    let mut under_way = VecDeque::with_capacity(UNDER_WAY + 1);
    let mut at = 0;
    measure(eal, "ring: the same, 96 queues, 8192 frames under way", || {
        for _ in 0..BATCH {
            let batch = &mut batches[at];
            if batch.held() == 0 {
                batch.refill(16);
            }
            batch.set_departure(0, 1);
            batch.set_len(0, 64);
            assert_eq!(batch.send(&mut tx[at]), 1);
            under_way.push_back(far[at].take().unwrap());
            at = (at + 1) % far.len();
            if under_way.len() > UNDER_WAY {
                far[at].give(under_way.pop_front().unwrap(), 1).unwrap();
                assert_eq!(arrivals.receive(&mut rx[at]), 1);
            }
        }
    });
}

fn timed(work: impl FnOnce()) -> u64 {
    let before = tsc();
    work();
    tsc() - before
}

#[inline(always)]
fn send(batch: &mut TxBatch, queue: &mut TxQueue, len: u16, write: impl Fn(&mut [u8], &mut u64)) {
    batch.refill(BATCH);
    for index in batch.pending()..batch.held() {
        let frame = batch.frame(index);
        write(frame.bytes, frame.mark);
        batch.set_len(index, len);
    }
    assert_eq!(batch.send(queue), BATCH);
}

fn measure(eal: &Eal, what: &str, mut round: impl FnMut()) {
    report(eal, what, || timed(|| (0..ROUNDS).for_each(|_| round())));
}

/// For rounds that measure a part of themselves, and say how long it took.
fn measure_part(eal: &Eal, what: &str, mut round: impl FnMut() -> u64) {
    report(eal, what, || (0..ROUNDS).map(|_| round()).sum());
}

fn report(eal: &Eal, what: &str, slice: impl FnMut() -> u64) {
    let mut cycles: Vec<u64> = std::iter::repeat_with(slice).take(SLICES).collect();
    cycles.sort_unstable();
    let frames = (ROUNDS * BATCH) as f64;
    let say = |cycles: u64| {
        let nanos = cycles as f64 * 1e9 / eal.tsc_hz() as f64 / frames;
        format!("{nanos:5.2} ns/frame, {:5.1} Mpps", 1e3 / nanos)
    };
    println!("{what:48} best {}   median {}", say(cycles[0]), say(cycles[SLICES / 2]));
}
