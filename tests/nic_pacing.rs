//! Departures by a NIC: frames are handed over ahead of their time, each with its departure by the
//! NIC's own clock.
//!
//! The NIC is a ring port, whose far end shows the departures as they were written, and a clock with a
//! planted rate and offset, whose law is stated here: what the departures come to by that law must be
//! what the pattern asks for, to three ticks, however unevenly the loop comes by.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;

use alone::{Namespace, alone};
use squall::dpdk::{Departures, Eal, EalConfig, FarEnd, Hugepages, PoolConfig, Port, PortConfig, RxPool, TxPool};
use squall::engine::ahead::LEAD;
use squall::engine::inject::{Origin, ROOM, SmallFrame};
use squall::engine::tx::{Progress, Pull, TxUnit};
use squall::measure::clock::{Line, Reading, Relation, Scale};
use squall::plan::{self, Plan};
use squall::transport::schedule::{Clocking, Schedule};
use squall::units::{BitRate, Bytes, Picos};
use squall::wire::template::{BUFFER_SLACK, OTHER_ROOM, filler};
use squall::{pattern, testbed};

const LINE: BitRate = BitRate(100_000_000_000);

/// The planted clock: 1 GHz but 150 ppm fast, and long since started.
fn ticks(time: u64) -> u64 {
    77_000_000_000_000 + time / 1000 + time / 1000 * 150 / 1_000_000
}

/// What squall knows of it from readings every 20 ms, each taking 200 ns.
fn line() -> Line {
    let mut relation = Relation::new(Scale::DEVICE);
    for number in 0..10_u64 {
        let time = number * 20_000_000_000;
        let middle = i64::try_from(time).unwrap();
        relation.read(Reading {
            before: middle - 100_000,
            ticks: ticks(time),
            after: middle + 100_000,
        });
    }
    relation.line().unwrap()
}

fn plan() -> Plan {
    let pattern = pattern::parse(
        "p.yaml",
        "
traffic:
  - {name: t, kind: transfer, from: 0, to: 1, message: 1MiB, count: 8, rate: 10%}
",
        &[],
    );
    let testbed = testbed::parse("t.yaml", "ports: [{name: p, device: net_ring0, workers: 2}]\n", &[]);
    plan::build(&pattern.unwrap(), &testbed.unwrap(), &[LINE]).unwrap()
}

struct Nic {
    unit: TxUnit,
    end: FarEnd,
    plan: Plan,
    _port: Port<squall::dpdk::Started>,
}

fn nic(clocking: Clocking) -> Nic {
    let eal = Eal::init(&EalConfig {
        hugepages: Hugepages::None,
        memory: Bytes(128 << 20),
        telemetry: false,
        ..EalConfig::default()
    })
    .unwrap();
    let plan = plan();
    let clean = filler(plan.max_frame_len().max(OTHER_ROOM) + BUFFER_SLACK);
    let shape = |frames, data_room| PoolConfig {
        name: "test".to_owned(),
        frames,
        data_room,
        numa_node: None,
    };
    let room = u16::try_from(clean.len().next_multiple_of(64)).unwrap();
    let tx_pool = TxPool::new(&eal, &shape(2047, room), &clean).unwrap();
    let rx_pool = RxPool::new(&eal, &shape(63, 2048)).unwrap();
    let mut ends = eal.ring_port("net_ring_nic", 1, 1024).unwrap();
    let config = PortConfig {
        departures: Departures::Written,
        ..PortConfig::default()
    };
    let mut port = Port::open(&eal, "net_ring_nic")
        .unwrap()
        .start(&config, Some(&rx_pool))
        .unwrap();
    let queue = port.take_tx_queues().pop().unwrap();
    let schedule = Schedule::new(&plan, 0, clocking);
    let unit = TxUnit::new(&plan, 0, queue, &tx_pool, schedule, clean);
    Nic {
        unit,
        end: ends.pop().unwrap(),
        plan,
        _port: port,
    }
}

/// One that is given frames ahead of their time.
fn ahead() -> Nic {
    let nic = nic(Clocking::Ahead { lead: LEAD });
    Nic {
        unit: nic.unit.with_departures(),
        ..nic
    }
}

impl Nic {
    /// Steps at `now` until nothing more is handed over; returns the departures, in ticks.
    fn step(&mut self, now: Picos) -> Vec<u64> {
        let mut departures = Vec::new();
        while let Progress::Sent(_) = self.unit.step(&self.plan, now) {
            while let Some(frame) = self.end.take() {
                departures.push(frame.departure().unwrap());
            }
        }
        departures
    }
}

#[test]
fn departures_are_as_planned_however_the_loop_comes_by() {
    alone(Namespace::Ours, || {
        let mut nic = ahead();
        nic.unit.set_line(Some(line()));
        let mut departures = Vec::new();
        // Every 7 us, with an absence of 80 us now and then: less than frames are ahead.
        let (mut now, mut turn) = (Picos::ZERO, 0);
        while !nic.unit.is_finished() {
            let handed = nic.step(now);
            for departure in &handed {
                assert!(*departure + 3 >= ticks(now.0), "it is past already");
                assert!(*departure <= ticks(now.0 + LEAD.0) + 3, "so far ahead it was not to be");
            }
            departures.extend(handed);
            turn += 1;
            let step = if turn % 40 == 0 { 80 } else { 7 };
            now = now + Picos::from_micros(step);
        }
        // 8 messages of 256 packets. A tenth of 100 Gb/s is 0.8 ns a byte: 4096 of payload, 58 of headers
        // and ICRC, 24 of preamble, FCS and gap, 16 more for the RETH of the First, 4 for the immediate.
        assert_eq!(departures.len(), 8 * 256);
        let mut at = 0;
        for (number, departure) in departures.iter().enumerate() {
            let off = departure.abs_diff(ticks(at));
            // Readings are in whole ticks, 20 ms apart, and the last was 175 ms later.
            assert!(off <= 3, "frame {number} leaves {off} ticks from its time");
            let more = match number % 256 {
                0 => 16,
                255 => 4,
                _ => 0,
            };
            at += (4096 + 58 + 24 + more) * 800;
        }
        // Its gaps are of the departures by the NIC, and so is the lateness: none.
        assert_eq!(nic.unit.lateness[0].greatest, 0);
        let gaps = nic.unit.take_gaps();
        assert_eq!((gaps[0].together, gaps[0].rate_error()), (1, Some(0.0)));
        assert_eq!(nic.unit.untimed(), 0);
    });
}

#[test]
fn a_clock_that_is_lost_leaves_the_pacing_to_the_loop() {
    alone(Namespace::Ours, || {
        let mut nic = ahead();
        let (mut sent, mut now) = (0, Picos(1));
        // Never a line: nothing is handed over before its time, and what is says "at once".
        for _ in 0..1000 {
            let handed = nic.step(now);
            assert!(handed.iter().all(|departure| *departure == 0), "{handed:?}");
            sent += handed.len() as u64;
            // 4178 bytes at 10 Gb/s.
            assert!(sent <= now.0 / (4178 * 800) + 1, "{sent} frames by {now}");
            now = now + Picos::from_micros(1);
        }
        assert!(sent >= 290, "{sent}");
        assert_eq!(nic.unit.untimed(), sent);
    });
}

/// A frame that no plan foresaw, told by its last byte.
fn small(class: u8, number: u8) -> SmallFrame {
    let mut bytes = [0; 190];
    bytes[12..14].copy_from_slice(&[0x88, 0xb5]);
    bytes[189] = number;
    SmallFrame::new(&bytes, class, Origin::Transport).unwrap()
}

#[test]
fn what_no_plan_foresaw_leaves_before_data_and_waits_for_its_class() {
    alone(Namespace::Ours, || {
        let mut nic = nic(Clocking::Pulled);
        let mut left = Vec::new();
        let mut pull = |nic: &mut Nic, now: u64, paused: u8| {
            let pulled = nic.unit.pull(&nic.plan, Picos(now), paused);
            while let Some(frame) = nic.end.take() {
                let bytes = frame.bytes();
                let number = (bytes[12..14] == [0x88, 0xb5]).then(|| bytes[189]);
                left.push((frame.departure().unwrap(), number));
            }
            pulled
        };
        for (class, number) in [(3, 1), (0, 2), (5, 3)] {
            assert!(nic.unit.inject(small(class, number)));
        }
        // Class 3 may not, and neither may the traffic, which is of class 3 (DSCP 26); class 5 goes before class 0.
        for now in 0..2 {
            assert_eq!(pull(&mut nic, 1000 + now, 1 << 3), Pull::Sent);
        }
        assert!(matches!(pull(&mut nic, 1002, 1 << 3), Pull::Wait(_)));
        // Then what waited, and data behind it.
        assert_eq!(pull(&mut nic, 2000, 0), Pull::Sent);
        assert_eq!(pull(&mut nic, 3000, 0), Pull::Sent);
        assert_eq!(left, [(1000, Some(3)), (1001, Some(2)), (2000, Some(1)), (3000, None)]);
        // It is counted apart, and also when the plan is through.
        nic.unit.stop();
        assert!(nic.unit.inject(small(0, 4)));
        let one = nic.unit.injected();
        assert_eq!((one.of(Origin::Transport), one.bytes, one.left), (3, 3 * 190, 1));
        assert_eq!(nic.unit.pull(&nic.plan, Picos(4000), 0), Pull::Sent);
        assert_eq!(nic.unit.pull(&nic.plan, Picos(5000), 0), Pull::Done);
        assert_eq!((nic.unit.injected().sent(), nic.unit.stats.frames), (4, 1));
        // More than there is room for is not taken.
        let taken = (0..ROOM + 5).filter(|_| nic.unit.inject(small(1, 0))).count();
        assert_eq!(
            (taken, nic.unit.injected().refused[Origin::Transport as usize]),
            (ROOM, 5)
        );
    });
}
