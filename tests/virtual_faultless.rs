//! Networks without a fault, drawn at random: what they lose is told as what it is, and nothing that names a fault is said.
//!
//! The witness is the fabric's own account of what it lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod anomaly_kit;
mod virtual_kit;

use std::fmt::Write as _;

use alone::{Namespace, alone};
use anomaly_kit::{Choices, said};
use squall::fabric::Counters;
use squall::report::model::{AnomalyKind as Kind, Results};
use virtual_kit::Bench;

/// A network and what is sent through it: rests between messages, bursts and full queues, but nothing broken.
struct Drawn {
    pattern: String,
    bed: String,
}

impl Drawn {
    fn any(number: u64) -> Drawn {
        let mut any = Choices(number << 16 | 0x5a);
        let any = &mut any;
        let (leaves, hosts) = any.of(&[(1, 5), (2, 4), (2, 6), (3, 6), (4, 8), (2, 8)]);
        let speed = any.of(&[400u64, 400, 100]);
        let topology = if leaves == 1 {
            "topology: switch".to_owned()
        } else {
            let (spines, uplink) = (any.of(&[1, 2, 2, 4]), any.of(&[speed / 4, speed / 2, speed, speed]));
            format!("topology: leaf-spine\n  leaves: {leaves}\n  spines: {spines}\n  uplink_speed: {uplink}Gbps")
        };
        let (xoff, headroom) = (any.of(&[50, 100, 400, 2000]), any.of(&[100, 200, 500]));
        let pfc = any.of(&["none", "on", "on"]);
        let lossless = pfc == "on";
        let pfc = if lossless {
            format!("{{xoff: {xoff}KB, headroom: {headroom}KB}}")
        } else {
            "none".to_owned()
        };
        let ports = hosts / leaves + 4;
        let shared = any.of(&[500, 1000, 2000, 4000, 16000]);
        let buffer = shared + if lossless { ports.max(leaves) * headroom } else { 0 };
        let ecn = any.of(&["none", "{kmin: 50KB, kmax: 200KB, pmax: 20%}", "{kmin: 400KB}"]);
        let alpha = any.of(&["0.5", "1", "8", "100"]);
        let bed = format!(
            "fabric:\n  {topology}\n  hosts: {hosts}\n  speed: {speed}Gbps\n  switch: {{buffer: {buffer}KB, alpha: {alpha}, ecn: {ecn}, pfc: {pfc}}}\n"
        );
        let mut pattern = format!("seed: {number}\ntraffic:\n");
        for entry in 0..1 + any.number(3) {
            let text = Drawn::entry(any, hosts, speed);
            let (dscp, pmtu) = (any.of(&[0, 0, 26]), any.of(&[1024, 4096, 4096]));
            writeln!(
                pattern,
                "- {{name: e{entry}, {text}, frame: {{dscp: {dscp}, pmtu: {pmtu}}}}}"
            )
            .unwrap();
        }
        Drawn { pattern, bed }
    }

    /// One entry: an incast with rests, bursts, transfers message by message, steady load, all to all.
    fn entry(any: &mut Choices, hosts: u64, speed: u64) -> String {
        let message = any.of(&[4u64, 16, 64, 256, 1000, 1000]) * 1000;
        let count = (3_000_000 / message).clamp(1, 200);
        let (from, away) = (any.number(hosts), 1 + any.number(hosts - 1));
        let to = (from + away) % hosts;
        let qps = any.of(&[1u32, 1, 2, 4]);
        let start = any.number(60);
        let rate = any.of(&["30%", "60%", "100%"]);
        match any.number(6) {
            0 | 1 => {
                let senders = 2 + any.number(hosts - 2);
                let repeats = 1 + any.number(4);
                let wait = message * 8 * senders / (speed * 1000) + any.of(&[10, 50, 200, 400]);
                format!(
                    "kind: incast, senders: {senders}, message: {message}, repeats: {repeats}, interval: {wait}us, qps: {qps}, start: {start}us"
                )
            }
            2 => {
                let pairs = 1 + any.number(hosts / 2);
                let each = any.of(&[5, 20, 50]) * speed * 1_000_000_000 / 100 / 8 / message + 1;
                format!(
                    "kind: transfer, pairs: {pairs}, message: {message}, count: {count}, rate: {each}/s, qps: {qps}, start: {start}us"
                )
            }
            3 => format!(
                "kind: transfer, from: {from}, to: {to}, message: {message}, count: {count}, rate: {rate}, qps: {qps}, start: {start}us"
            ),
            4 => {
                let pairs = 1 + any.number(hosts / 2);
                let (last, receivers) = (pairs - 1, hosts - 1);
                let (transfers, window) = (pairs.max(hosts - pairs) + any.number(10), any.of(&[5, 20, 100]));
                let (bursts, gap) = (1 + any.number(3), any.of(&[20, 100, 300]));
                let message = message.min(256_000);
                format!(
                    "kind: burst, transfers: {transfers}, from: 0-{last}, to: {pairs}-{receivers}, window: {window}us, bursts: {bursts}, gap: {gap}us, message: {message}, qps: {qps}, start: {start}us"
                )
            }
            _ => {
                let load = any.of(&[10, 40, 80]);
                let lasts = any.of(&[50, 150, 400]);
                format!(
                    "kind: background, from: {from}, to: {to}, load: {load}%, duration: {lasts}us, message: {message}, qps: {qps}, start: {start}us"
                )
            }
        }
    }
}

/// What is wrong with what was said of a run without a fault.
fn wrong(results: &Results, fabric: &Counters) -> Option<String> {
    let sum = |kind: Kind| -> u64 {
        let of = results.anomalies.iter().filter(|one| one.kind == kind);
        of.filter_map(|one| one.frames).sum()
    };
    let room = [Kind::TailDrop, Kind::HeadroomLoss];
    let told = room.map(sum);
    let truth = [fabric.lost.threshold + fabric.lost.buffer, fabric.lost.headroom];
    let stranger = results.anomalies.iter().find(|one| !room.contains(&one.kind));
    match stranger {
        Some(one) => Some(format!("{:?} at {}", one.kind, one.place)),
        None if told.iter().sum::<u64>() != truth.iter().sum::<u64>() => Some(format!("{told:?} of {truth:?}")),
        None => None,
    }
}

/// `SQUALL_FAULTLESS` says how many, `SQUALL_FAULTLESS_SEED` from which one on.
#[test]
fn a_network_without_a_fault_has_none() {
    alone(Namespace::Ours, || {
        let of = |key: &str, default: u64| std::env::var(key).map_or(default, |text| text.parse().unwrap());
        let (first, count) = (of("SQUALL_FAULTLESS_SEED", 0), of("SQUALL_FAULTLESS", 40));
        let mut bench = Bench::new();
        let (mut bad, mut lossy) = (Vec::new(), 0);
        for number in first..first + count {
            let drawn = Drawn::any(number);
            let (results, fabric) = bench.run(&drawn.pattern, &drawn.bed, &[]);
            lossy += u64::from(fabric.lost.total() > 0);
            if let Some(why) = wrong(&results, &fabric) {
                bad.push(format!(
                    "{number}: {why}: {:?}, lost {:?}\n{}{}",
                    said(&results),
                    fabric.lost,
                    drawn.bed,
                    drawn.pattern
                ));
            }
        }
        println!("{lossy} of {count} lost frames, {} are wrong", bad.len());
        assert!(bad.is_empty(), "{}", bad.join("\n"));
        assert!(lossy * 8 >= count, "{lossy}");
    });
}
