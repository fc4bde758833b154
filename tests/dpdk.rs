//! The safe layer over DPDK against real drivers: what is sent arrives byte for byte, what is not
//! taken stays, counters agree with the other side's, and mistakes are refused with a reason.
//!
//! EAL starts once per process, so each case runs in a process of its own: this test binary, started
//! again for that one case. No hugepages, no NIC. Cases that need a network namespace make one, with
//! a user namespace where the tests do not run as root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod skip;

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use squall::dpdk::{
    BATCH, Departures, DeviceArg, Eal, EalConfig, Error, Hugepages, PoolConfig, Port, PortConfig, Rss, RxBatch, RxPool,
    RxQueue, RxTimestamps, Started, ThreadRegistration, TxBatch, TxPool, TxQueue,
};
use squall::units::Bytes;

use alone::{Namespace, alone, alone_to_the_end};

fn config(devices: &[&str]) -> EalConfig {
    EalConfig {
        hugepages: Hugepages::None,
        memory: Bytes(96 << 20),
        telemetry: false,
        devices: devices
            .iter()
            .map(|device| DeviceArg::Vdev((*device).to_owned()))
            .collect(),
        ..EalConfig::default()
    }
}

fn start_eal(devices: &[&str]) -> Eal {
    Eal::init(&config(devices)).unwrap()
}

fn pool(frames: u32) -> PoolConfig {
    PoolConfig {
        name: "test".to_owned(),
        frames,
        data_room: 8192,
        numa_node: None,
    }
}

fn start_port(eal: &Eal, name: &str, rx_pool: &RxPool, config: &PortConfig) -> (Port<Started>, TxQueue, RxQueue) {
    let mut port = Port::open(eal, name).unwrap().start(config, Some(rx_pool)).unwrap();
    let tx = port.take_tx_queues().remove(0);
    let rx = port.take_rx_queues().remove(0);
    (port, tx, rx)
}

/// A frame of its own for each number: length and every byte after the Ethernet header differ. The
/// EtherType is one for local experiments (IEEE 802), which no kernel answers.
fn frame(number: usize) -> Vec<u8> {
    let len = 60 + number * 61 % 4111;
    let mut bytes: Vec<u8> = (0..len)
        .map(|at| u8::try_from((at * 7 + number * 13) % 251).unwrap())
        .collect();
    bytes[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    bytes
}

fn write(batch: &mut TxBatch, index: usize, bytes: &[u8]) {
    batch.frame(index).bytes[..bytes.len()].copy_from_slice(bytes);
    batch.set_len(index, u16::try_from(bytes.len()).unwrap());
}

/// Sends frames `0..count` and returns how many the port took before `patience` was over.
fn send_frames(batch: &mut TxBatch, queue: &mut TxQueue, count: usize, patience: Duration) -> usize {
    let begun = Instant::now();
    let (mut written, mut sent) = (0, 0);
    while sent < count && begun.elapsed() < patience {
        batch.refill(BATCH.min(batch.pending() + count - written));
        for index in batch.pending()..batch.held() {
            write(batch, index, &frame(written));
            written += 1;
        }
        sent += batch.send(queue);
    }
    sent
}

#[test]
fn null_takes_everything_and_counts_it() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_null0,no-rx=1"]);
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let tx_pool = TxPool::new(&eal, &pool(1023), &[]).unwrap();
        let (port, mut tx, mut rx) = start_port(&eal, "net_null0", &rx_pool, &PortConfig::default());
        let info = port.info().unwrap();
        assert_eq!((info.driver.as_str(), info.bus.as_deref()), ("net_null", Some("vdev")));
        assert_eq!(info.rx_timestamps, RxTimestamps::None);
        assert!(!info.send_on_timestamp);
        assert!(!port.is_removed());
        assert!(port.link().unwrap().up);
        let mut batch = TxBatch::new(&tx_pool);
        let count = 10_000;
        assert_eq!(send_frames(&mut batch, &mut tx, count, Duration::from_secs(30)), count);
        let stats = port.stats().unwrap();
        let bytes: usize = (0..count).map(|number| frame(number).len()).sum();
        assert_eq!((stats.tx_packets, stats.rx_packets), (10_000, 0));
        // net_null counts no bytes in some releases; where it does, they must be ours.
        assert!(
            stats.tx_bytes == 0 || stats.tx_bytes == u64::try_from(bytes).unwrap(),
            "{}",
            stats.tx_bytes
        );
        assert_eq!(RxBatch::new(&eal).receive(&mut rx), 0);
        drop(batch);
        assert_eq!(tx_pool.available(), tx_pool.frames());
    });
}

#[test]
fn ring_gives_back_what_it_took() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_ring0"]);
        assert_eq!(eal.port_names(), ["net_ring0"]);
        let prefill = [0xa5; 8192];
        let tx_pool = TxPool::new(&eal, &pool(4095), &prefill).unwrap();
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let (port, mut tx, mut rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());

        // Until the ring takes no more. It never takes a frame out of turn.
        let mut batch = TxBatch::new(&tx_pool);
        let (mut written, mut sent) = (0, 0);
        loop {
            batch.refill(BATCH);
            for index in batch.pending()..batch.held() {
                let slot = batch.frame(index);
                assert_eq!(*slot.mark, 0);
                assert_eq!(slot.bytes, prefill, "a buffer that was not used before");
                *slot.mark = 1;
                write(&mut batch, index, &frame(written));
                written += 1;
            }
            let taken = batch.send(&mut tx);
            sent += taken;
            assert_eq!(batch.pending(), written - sent);
            if taken == 0 {
                break;
            }
        }
        // The driver's ring has 1024 places, of which one stays empty; the batch is full.
        assert_eq!((sent, batch.pending()), (1023, BATCH));

        let mut arrivals = RxBatch::new(&eal);
        let mut received = 0;
        while received < written {
            let got = arrivals.receive(&mut rx);
            assert_eq!((got, got), (arrivals.len(), arrivals.iter().len()));
            for arrival in arrivals.iter() {
                assert_eq!(arrival.bytes(), frame(received), "frame {received}");
                assert!(arrival.is_whole());
                assert_eq!(arrival.timestamp(), None);
                received += 1;
            }
            // There is room again: the frames that were left go next, in their turn.
            sent += batch.send(&mut tx);
        }
        assert_eq!((received, sent, batch.pending()), (1023 + BATCH, 1023 + BATCH, 0));
        assert_eq!(arrivals.receive(&mut rx), 0);

        let stats = port.stats().unwrap();
        let xstats: HashMap<String, u64> = port.xstats().unwrap().into_iter().collect();
        assert_eq!((stats.tx_packets, stats.rx_packets), (1087, 1087));
        assert_eq!((xstats["tx_good_packets"], xstats["rx_good_packets"]), (1087, 1087));

        // Every buffer is back, and a used one keeps its bytes and its mark.
        drop(batch);
        assert_eq!(tx_pool.available(), tx_pool.frames());
        let mut batch = TxBatch::new(&tx_pool);
        assert_eq!(batch.refill(1), 1);
        let slot = batch.frame(0);
        assert_eq!(*slot.mark, 1);
        assert_eq!(slot.bytes[..14], frame(0)[..14]);
        assert_eq!(slot.bytes[8000..], prefill[8000..]);
    });
}

#[test]
fn part_of_a_batch_can_be_sent() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_ring0"]);
        let tx_pool = TxPool::new(&eal, &pool(100), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let (_port, mut tx, mut rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());
        let mut batch = TxBatch::new(&tx_pool);
        let mut arrivals = RxBatch::new(&eal);
        let mut expected = 0;
        let mut written = 0;
        // Steps that do not divide the batch: it has to close its gaps up on the way.
        for step in (1..BATCH).cycle().take(500) {
            assert!(batch.refill(step) >= step);
            for index in 0..step {
                write(&mut batch, index, &frame(written));
                written += 1;
            }
            assert_eq!(batch.pending(), step);
            assert_eq!(batch.send(&mut tx), step);
            assert_eq!(batch.pending(), 0);
            assert_eq!(arrivals.receive(&mut rx), step);
            for arrival in arrivals.iter() {
                assert_eq!(arrival.bytes(), frame(expected));
                expected += 1;
            }
            arrivals.release();
        }
        // An empty pool gives what it has, then nothing; the batch's frames are not lost by that.
        let mut others: Vec<TxBatch> = (0..3).map(|_| TxBatch::new(&tx_pool)).collect();
        let taken: usize = others.iter_mut().map(|other| other.refill(BATCH)).sum();
        assert!(
            taken + batch.held() <= 100 && taken + batch.held() > 90,
            "{taken} and {}",
            batch.held()
        );
        others.clear();
        batch.refill(1);
        write(&mut batch, 0, &frame(0));
        assert_eq!(batch.discard_pending(), 1);
        drop(batch);
        assert_eq!(tx_pool.available(), 100);
    });
}

#[test]
fn threads_share_pools_and_not_queues() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_ring0"]);
        let tx_pool = TxPool::new(&eal, &pool(8191), &[]).unwrap();
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let (port, mut tx, mut rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());
        let count = 300_000_u64;
        let received = AtomicU64::new(0);
        let deadline = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _registration = ThreadRegistration::register(&eal).unwrap();
                let mut batch = TxBatch::new(&tx_pool);
                let mut next = 0_u64;
                while (next < count || batch.pending() > 0) && Instant::now() < deadline {
                    batch.refill(BATCH);
                    for index in batch.pending()..batch.held() {
                        if next < count {
                            write(&mut batch, index, &next.to_be_bytes());
                            next += 1;
                        }
                    }
                    if batch.send(&mut tx) == 0 {
                        std::thread::yield_now();
                    }
                }
            });
            scope.spawn(|| {
                let _registration = ThreadRegistration::register(&eal).unwrap();
                let mut batch = RxBatch::new(&eal);
                let mut next = 0_u64;
                while next < count && Instant::now() < deadline {
                    if batch.receive(&mut rx) == 0 {
                        std::thread::yield_now();
                    }
                    for arrival in batch.iter() {
                        assert_eq!(arrival.bytes(), next.to_be_bytes());
                        next += 1;
                    }
                }
                received.store(next, Ordering::Relaxed);
            });
        });
        assert_eq!(received.load(Ordering::Relaxed), count);
        assert_eq!(port.stats().unwrap().rx_packets, count);
        assert_eq!(tx_pool.available(), tx_pool.frames());
    });
}

#[test]
fn a_port_has_one_owner_and_runs_as_long_as_its_queues() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_ring0"]);
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let (port, tx, rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());
        assert!(matches!(Port::open(&eal, "net_ring0"), Err(Error::PortInUse { .. })));
        let Err(mut port) = port.stop() else {
            panic!("stopped while its queues were in use")
        };
        assert!(port.take_tx_queues().is_empty());
        drop(port);
        // Somebody else's claim would stop under the queues' feet.
        assert!(matches!(Port::open(&eal, "net_ring0"), Err(Error::PortInUse { .. })));
        drop((tx, rx));
        let (port, tx, rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());
        drop((tx, rx));
        let Ok(stopped) = port.stop() else {
            panic!("did not stop although no queue is left")
        };
        stopped
            .start(
                &PortConfig {
                    rx_queues: 0,
                    ..PortConfig::default()
                },
                None,
            )
            .unwrap();
    });
}

#[test]
fn pools_may_be_dropped_before_their_frames() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_ring0"]);
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let (port, mut tx, mut rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());
        // Far more memory than there is, unless pools that are not needed any more are freed.
        for _ in 0..5 {
            let tx_pool = TxPool::new(&eal, &pool(1023), &[]).unwrap();
            let mut batch = TxBatch::new(&tx_pool);
            drop(tx_pool);
            assert_eq!(send_frames(&mut batch, &mut tx, 100, Duration::from_secs(30)), 100);
            drop(batch);
            let mut arrivals = RxBatch::new(&eal);
            while arrivals.receive(&mut rx) > 0 {
                assert!(arrivals.iter().all(|arrival| arrival.bytes()[12..14] == [0x88, 0xb5]));
            }
        }
        // What lies in the ring when the port is closed is nobody's.
        let tx_pool = TxPool::new(&eal, &pool(1023), &[]).unwrap();
        assert_eq!(
            send_frames(&mut TxBatch::new(&tx_pool), &mut tx, 100, Duration::from_secs(30)),
            100
        );
        drop((tx_pool, port, tx, rx));
        for _ in 0..40 {
            TxPool::new(&eal, &pool(1023), &[]).unwrap();
        }
        let (_port, _tx, mut rx) = start_port(&eal, "net_ring0", &rx_pool, &PortConfig::default());
        assert_eq!(RxBatch::new(&eal).receive(&mut rx), 0);
    });
}

#[test]
fn eal_starts_once() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&[]);
        assert!(matches!(Eal::init(&config(&[])), Err(Error::AlreadyStarted)));
        drop(eal);
        assert!(matches!(Eal::init(&config(&[])), Err(Error::AlreadyStarted)));
    });
}

#[test]
fn eal_leaves_the_thread_where_it_was() {
    alone(Namespace::Ours, || {
        let allowed = || -> String {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            status
                .lines()
                .find(|line| line.starts_with("Cpus_allowed_list"))
                .unwrap()
                .to_owned()
        };
        let before = allowed();
        let eal = start_eal(&[]);
        assert_eq!(allowed(), before);
        // EAL's own thread has its lcore number already; that is no error.
        ThreadRegistration::register(&eal).unwrap();
        // /proc/cpuinfo's figure may be the present speed and not the TSC's: the order must be right.
        assert!(
            (500_000_000..10_000_000_000).contains(&eal.tsc_hz()),
            "{}",
            eal.tsc_hz()
        );
    });
}

#[test]
fn an_unknown_driver_is_named() {
    alone(Namespace::Ours, || {
        let error = Eal::init(&config(&["net_nonsense0"])).unwrap_err().to_string();
        assert!(error.contains("net_nonsense0") && error.contains("hint: "), "{error}");
    });
}

#[test]
fn a_missing_interface_is_named() {
    alone(Namespace::Ours, || {
        let error = Eal::init(&config(&["net_af_packet0,iface=nosuch0"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("net_af_packet0") && error.contains("hint: "), "{error}");
    });
}

/// DPDK up to 25.07 returns an error for a wrong argument; 25.11 ends the process.
#[test]
fn a_wrong_argument_is_told_and_prints_nothing() {
    let ended = alone_to_the_end(Namespace::Ours, || {
        let config = EalConfig {
            extra_args: vec!["--no-such-option".to_owned()],
            ..config(&[])
        };
        let error = Eal::init(&config).unwrap_err();
        eprintln!("squall: {error}");
    });
    if let Some((output, text)) = ended {
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}\n{text}", output.status);
        assert!(
            text.contains("squall: DPDK does not start: ") && text.contains("no-such-option"),
            "{text}"
        );
    }
}

#[test]
fn what_a_port_cannot_do_is_refused() {
    alone(Namespace::Ours, || {
        let eal = start_eal(&["net_null0"]);
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let refusal = |config: PortConfig, pool: Option<&RxPool>| {
            let Err(error) = Port::open(&eal, "net_null0").unwrap().start(&config, pool) else {
                panic!("{config:?}")
            };
            error.to_string()
        };
        let timed = PortConfig {
            departures: Departures::Device,
            ..PortConfig::default()
        };
        assert!(refusal(timed, Some(&rx_pool)).contains("SEND_ON_TIMESTAMP"));
        let wide = PortConfig {
            tx_queues: 60_000,
            ..PortConfig::default()
        };
        assert!(refusal(wide, Some(&rx_pool)).contains("tx_queues"));
        assert!(refusal(PortConfig::default(), None).contains("pool"));
        let error = Port::open(&eal, "net_null9").err().unwrap().to_string();
        assert!(error.contains("net_null9") && error.contains("net_null0"), "{error}");
        let error = TxPool::new(&eal, &pool(10_000_000), &[]).err().unwrap().to_string();
        assert!(error.contains("MiB"), "{error}");
        assert!(TxPool::new(&eal, &pool(63), &[0; 8193]).is_err());
        // After all that it still starts, with RSS and two queues.
        let config = PortConfig {
            rx_queues: 2,
            tx_queues: 2,
            rss: Rss::L3L4,
            ..PortConfig::default()
        };
        let mut port = Port::open(&eal, "net_null0")
            .unwrap()
            .start(&config, Some(&rx_pool))
            .unwrap();
        assert_eq!((port.take_tx_queues().len(), port.take_rx_queues().len()), (2, 2));
    });
}

#[test]
fn hugepages_work_where_there_are_some() {
    let Some(_held) = skip::needs_hugepages(96) else { return };
    alone(Namespace::Ours, || {
        let eal = Eal::init(&EalConfig {
            hugepages: Hugepages::Auto,
            ..config(&["net_null0"])
        })
        .unwrap();
        assert!(eal.uses_hugepages());
        let rx_pool = RxPool::new(&eal, &pool(255)).unwrap();
        let tx_pool = TxPool::new(&eal, &pool(1023), &[]).unwrap();
        let (port, mut tx, _rx) = start_port(&eal, "net_null0", &rx_pool, &PortConfig::default());
        send_frames(&mut TxBatch::new(&tx_pool), &mut tx, 1000, Duration::from_secs(30));
        assert_eq!(port.stats().unwrap().tx_packets, 1000);
    });
}

/// Two ends of a cable, 9000 bytes of MTU, on which the kernel itself says nothing.
fn make_veth() {
    let script = "ip link add left type veth peer name right && \
                  for end in left right; do ip link set $end addrgenmode none mtu 9000 arp off; done && \
                  ip link set left up && ip link set right up";
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
}

/// A counter that the kernel keeps of an interface.
fn kernel_counter(interface: &str, direction: &str, name: &str) -> u64 {
    let output = Command::new("ip")
        .args(["-s", "-j", "link", "show", interface])
        .output()
        .unwrap();
    let links: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    links[0]["stats64"][direction][name].as_u64().unwrap()
}

const AF_PACKET: &str = "blocksz=16384,framesz=8192,framecnt=512";

#[test]
fn af_packet_carries_frames_over_a_veth_pair() {
    alone(Namespace::Own, || {
        make_veth();
        let devices = [
            format!("net_af_packet0,iface=left,{AF_PACKET}"),
            format!("net_af_packet1,iface=right,{AF_PACKET}"),
        ];
        let eal = start_eal(&[&devices[0], &devices[1]]);
        let rx_pool = RxPool::new(&eal, &pool(1023)).unwrap();
        let tx_pool = TxPool::new(&eal, &pool(1023), &[]).unwrap();
        let config = PortConfig {
            mtu: Some(4200),
            ..PortConfig::default()
        };
        let (left, mut tx, left_rx) = start_port(&eal, "net_af_packet0", &rx_pool, &config);
        let (right, _right_tx, mut rx) = start_port(&eal, "net_af_packet1", &rx_pool, &config);
        assert_eq!(left.effective().mtu, None, "the driver keeps its own, and carries more");
        assert!(left.info().unwrap().kernel_ifindex.is_some());

        let mut arrivals = RxBatch::new(&eal);
        let mut batch = TxBatch::new(&tx_pool);
        let (mut written, mut sent, mut received) = (0, 0, 0);
        let count = 2_000;
        let begun = Instant::now();
        while received < count && begun.elapsed() < Duration::from_secs(30) {
            // A burst at a time: the receiving ring has 512 places.
            if sent == received && written < count {
                batch.refill(32);
                for index in batch.pending()..batch.held().min(batch.pending() + count - written) {
                    write(&mut batch, index, &frame(written));
                    written += 1;
                }
            }
            sent += batch.send(&mut tx);
            arrivals.receive(&mut rx);
            for arrival in arrivals.iter() {
                assert_eq!(arrival.bytes(), frame(received), "frame {received}");
                received += 1;
            }
        }
        assert_eq!((sent, received), (count, count));
        assert_eq!(
            (left.stats().unwrap().tx_packets, right.stats().unwrap().rx_packets),
            (2_000, 2_000)
        );
        assert_eq!(kernel_counter("left", "tx", "packets"), 2_000);
        assert_eq!(kernel_counter("right", "rx", "packets"), 2_000);
        let bytes: usize = (0..count).map(|number| frame(number).len()).sum();
        assert_eq!(kernel_counter("right", "rx", "bytes"), u64::try_from(bytes).unwrap());

        // Closed and opened again, it stands on the same interface.
        drop((batch, left, tx, left_rx));
        let (_left, mut tx, _left_rx) = start_port(&eal, "net_af_packet0", &rx_pool, &config);
        let mut batch = TxBatch::new(&tx_pool);
        assert_eq!(send_frames(&mut batch, &mut tx, 10, Duration::from_secs(30)), 10);
        assert_eq!(kernel_counter("right", "rx", "packets"), 2_010);
    });
}

#[test]
fn pcap_stamps_arrivals_and_chains_buffers() {
    alone(Namespace::Own, || {
        make_veth();
        let sender = format!("net_af_packet0,iface=left,{AF_PACKET}");
        let eal = start_eal(&[&sender, "net_pcap0,iface=right"]);
        let tx_pool = TxPool::new(&eal, &pool(1023), &[]).unwrap();
        let whole = RxPool::new(&eal, &pool(255)).unwrap();
        let (_left, mut tx, _rx) = start_port(&eal, "net_af_packet0", &whole, &PortConfig::default());
        // Buffers of less than a frame: the driver chains them.
        let small = PoolConfig {
            data_room: 1024,
            ..pool(4095)
        };
        let rx_pool = RxPool::new(&eal, &small).unwrap();
        let (right, _tx, mut rx) = start_port(&eal, "net_pcap0", &rx_pool, &PortConfig::default());
        assert_eq!(right.effective().rx_timestamps, RxTimestamps::KernelMicros);

        let micros = || {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_micros()
        };
        let before = micros();
        let mut batch = TxBatch::new(&tx_pool);
        assert_eq!(send_frames(&mut batch, &mut tx, 100, Duration::from_secs(30)), 100);
        let mut arrivals = RxBatch::new(&eal);
        let mut scratch = Vec::new();
        let (mut received, mut joined) = (0, 0);
        let begun = Instant::now();
        while received < 100 && begun.elapsed() < Duration::from_secs(30) {
            arrivals.receive(&mut rx);
            for arrival in arrivals.iter() {
                assert_eq!(arrival.whole(&mut scratch), frame(received));
                assert_eq!(arrival.len(), frame(received).len());
                joined += usize::from(!arrival.is_whole());
                let stamp = u128::from(arrival.timestamp().unwrap());
                assert!((before..=micros()).contains(&stamp), "{before} {stamp}");
                received += 1;
            }
        }
        assert_eq!(received, 100);
        assert!(joined > 10, "{joined} frames came in several segments");
    });
}
