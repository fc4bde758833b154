//! A net_ring port loops to itself: what goes in comes out byte for byte, in order, and what does
//! not fit stays with the sender. EAL starts once per process, so this file is one test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use squall::dpdk::{BATCH, DeviceArg, Eal, EalConfig, Error, Port, PortConfig, RxBatch, TxBatch};
use squall::dpdk::{Hugepages, PoolConfig, RxPool, TxPool};
use squall::units::Bytes;

fn config(devices: &[&str]) -> EalConfig {
    EalConfig {
        hugepages: Hugepages::None,
        memory: Bytes(128 << 20),
        telemetry: false,
        devices: devices
            .iter()
            .map(|device| DeviceArg::Vdev((*device).to_owned()))
            .collect(),
        ..EalConfig::default()
    }
}

fn pool(frames: u32) -> PoolConfig {
    PoolConfig {
        name: "test".to_owned(),
        frames,
        data_room: 4400,
        numa_node: None,
    }
}

/// A frame of its own for each number: length and every byte differ.
fn frame(number: usize) -> Vec<u8> {
    let len = 60 + number * 61 % 4100;
    (0..len)
        .map(|at| u8::try_from((at * 7 + number * 13) % 251).unwrap())
        .collect()
}

#[test]
fn what_goes_in_comes_out() {
    let eal = Eal::init(&config(&["net_ring0"])).unwrap();
    assert!(matches!(Eal::init(&config(&[])), Err(Error::AlreadyStarted)));
    assert_eq!(eal.port_names(), ["net_ring0"]);
    let tx_pool = TxPool::new(&eal, &pool(4095), &[0xa5; 4400]).unwrap();
    let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();

    let stopped = Port::open(&eal, "net_ring0").unwrap();
    assert!(matches!(Port::open(&eal, "net_ring0"), Err(Error::PortInUse { .. })));
    assert!(matches!(Port::open(&eal, "net_ring7"), Err(Error::NoPort { .. })));
    let mut port = stopped.start(&PortConfig::default(), Some(&rx_pool)).unwrap();
    let mut tx = port.take_tx_queues().remove(0);
    let mut rx = port.take_rx_queues().remove(0);
    assert!(port.take_tx_queues().is_empty());

    // Fill the ring until it takes no more. It never took part of a frame, and none out of turn.
    let mut batch = TxBatch::new(&tx_pool);
    let mut written = 0;
    let mut accepted = 0;
    loop {
        batch.refill(BATCH);
        for index in batch.pending()..batch.held() {
            let bytes = frame(written);
            let slot = batch.frame(index);
            assert_eq!(*slot.mark, 0);
            assert!(
                slot.bytes.iter().all(|&byte| byte == 0xa5),
                "the prefill of a fresh buffer"
            );
            slot.bytes[..bytes.len()].copy_from_slice(&bytes);
            *slot.mark = 1;
            batch.set_len(index, u16::try_from(bytes.len()).unwrap());
            written += 1;
        }
        let sent = batch.send(&mut tx);
        accepted += sent;
        assert_eq!(batch.pending(), written - accepted);
        if sent == 0 {
            break;
        }
    }
    // The ring that the driver makes has 1024 places, of which one stays empty; the batch is full.
    assert_eq!(accepted, 1023);
    assert_eq!(batch.pending(), BATCH);

    let mut arrivals = RxBatch::new(&eal);
    let mut received = 0;
    while received < written {
        let got = arrivals.receive(&mut rx);
        assert_eq!(got, arrivals.len());
        for arrival in arrivals.iter() {
            assert_eq!(arrival.bytes(), frame(received), "frame {received}");
            assert!(arrival.is_whole());
            assert_eq!(arrival.timestamp(), None);
            received += 1;
        }
        // The ring has room again: the frames that were left go next.
        accepted += batch.send(&mut tx);
    }
    assert_eq!((received, accepted, batch.pending()), (1023 + BATCH, 1023 + BATCH, 0));
    assert_eq!(arrivals.receive(&mut rx), 0);

    let stats = port.stats().unwrap();
    assert_eq!((stats.tx_packets, stats.rx_packets), (1087, 1087));
    let xstats: std::collections::HashMap<String, u64> = port.xstats().unwrap().into_iter().collect();
    assert_eq!(xstats.get("rx_good_packets"), Some(&1087));
    assert_eq!(xstats.get("tx_good_packets"), Some(&1087));

    // Every buffer is back, and a used one keeps its bytes and its mark.
    drop(batch);
    assert_eq!(tx_pool.available(), tx_pool.frames());
    let mut batch = TxBatch::new(&tx_pool);
    assert_eq!(batch.refill(1), 1);
    let slot = batch.frame(0);
    assert_eq!(*slot.mark, 1);
    assert_ne!(slot.bytes[0..60], [0xa5; 60]);

    // The port runs while a queue lives, then can be started again.
    let Err(port) = port.stop() else {
        panic!("stopped while queues were in use")
    };
    drop((tx, rx));
    let Ok(stopped) = port.stop() else {
        panic!("did not stop although no queue is left")
    };
    drop(stopped);
    let again = Port::open(&eal, "net_ring0").unwrap();
    again.start(&PortConfig::default(), Some(&rx_pool)).unwrap();
}
