//! What one round of the packet path costs on net_null: take 64 buffers, touch them, send them; and
//! receive and release 64. No frame is built, so this is the floor under `squall bench`.
//!
//!     cargo bench --bench burst
//!
//! Each figure is the best and the median of many short slices: other programs on the machine
//! slow the median down, rarely the best.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measuring program")]

use squall::dpdk::{
    BATCH, DeviceArg, Eal, EalConfig, Hugepages, PoolConfig, Port, PortConfig, RxBatch, RxPool, TxBatch, TxPool,
    TxQueue, tsc,
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
    let mut cycles: Vec<u64> = (0..SLICES)
        .map(|_| {
            let before = tsc();
            for _ in 0..ROUNDS {
                round();
            }
            tsc() - before
        })
        .collect();
    cycles.sort_unstable();
    let frames = (ROUNDS * BATCH) as f64;
    let say = |cycles: u64| {
        let nanos = cycles as f64 * 1e9 / eal.tsc_hz() as f64 / frames;
        format!("{nanos:5.2} ns/frame, {:5.1} Mpps", 1e3 / nanos)
    };
    println!("{what:48} best {}   median {}", say(cycles[0]), say(cycles[SLICES / 2]));
}
