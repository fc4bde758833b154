//! What the reference fabric costs for each frame and switch.
//!
//!     cargo bench --bench fabric
//!
//! Counts of instructions, which other programs on the machine do not change:
//! `valgrind --tool=callgrind` on the binary, with the arguments `--short` and a case's number.
//!
//! Frames are small boxes that are sent again, so that nothing but the fabric is measured.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::time::Instant;

use squall::fabric::{Event, Fabric, Frame};
use squall::testbed;
use squall::units::Picos;

struct Boxed(Box<[u8]>);

impl Frame for Boxed {
    fn head(&self) -> &[u8] {
        &self.0
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn mark_ce(&mut self) {
        if let Some(byte) = self.0.get_mut(15) {
            *byte |= 3;
        }
    }
    fn corrupt(self, _bit: u64) -> Option<Self> {
        Some(self)
    }
    fn copy(&self) -> Option<Self> {
        Some(Boxed(self.0.clone()))
    }
}

fn frame(from: u8, to: u8) -> Boxed {
    // Short, since not the memory behind the frames is measured.
    let mut bytes = vec![0; 314];
    bytes[..6].copy_from_slice(&[2, 0, 0, 0, 0, to]);
    bytes[12..16].copy_from_slice(&[0x08, 0, 0x45, 0x6a]);
    bytes[23] = 17;
    bytes[26..34].copy_from_slice(&[198, 18, 0, from, 198, 18, 0, to]);
    bytes[34..38].copy_from_slice(&[0xc0, from, 0x12, 0xb7]);
    Boxed(bytes.into())
}

/// Every host sends `count` frames to `to(host)` as fast as it may; hops of all frames.
fn run(yaml: &str, hosts: u8, count: u64, to: impl Fn(u8) -> u8) -> (f64, u64) {
    let text = format!("fabric: {yaml}\n");
    let config = testbed::parse("bench", &text, &[]).unwrap().fabric.unwrap();
    let mut fabric = Fabric::new(&config, usize::from(hosts), 1).unwrap();
    let mut spare: Vec<Vec<Boxed>> = Vec::new();
    let mut left = Vec::new();
    for host in 0..hosts {
        fabric.attach([2, 0, 0, 0, 0, host], usize::from(host));
        fabric.wake(usize::from(host), Picos::ZERO);
        // More than can be inside at once.
        spare.push((0..1200).map(|_| frame(host, to(host))).collect());
        left.push(if to(host) == host { 0 } else { count });
    }
    let mut starved = vec![false; usize::from(hosts)];
    let start = Instant::now();
    while let Some(event) = fabric.next(Picos::MAX) {
        match event {
            Event::Idle(host) => {
                if left[host] == 0 || fabric.paused(host) & 8 != 0 {
                    continue;
                }
                match spare[host].pop() {
                    Some(frame) => {
                        left[host] -= 1;
                        fabric.send(host, frame);
                    }
                    None => starved[host] = true,
                }
            }
            Event::Received { frame, .. } => {
                let from = usize::from(frame.0[29]);
                spare[from].push(frame);
                if std::mem::take(&mut starved[from]) {
                    fabric.wake(from, fabric.now());
                }
            }
            Event::Pause { .. } => {}
            Event::Quiet => break,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let switches = fabric.counters().switches;
    let ports = switches.iter().flat_map(|switch| &switch.ports);
    let hops: u64 = ports
        .flat_map(|port| &port.classes)
        .map(|class| class.sent_frames)
        .sum();
    (seconds, hops)
}

/// What it is called, the fabric, its hosts, and who sends to whom.
type Case = (&'static str, &'static str, u8, fn(u8) -> u8);

fn main() {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    let short = asked("--short");
    // `cargo test` runs bench targets too; only `cargo bench` asks for measuring.
    if !short && !asked("--bench") {
        return;
    }
    let count = if short { 10_000 } else { 100_000 };
    let leaf_spine = "{topology: leaf-spine, leaves: 4, spines: 4}";
    let slow = "{switch: {ecn: {kmin: 50KB}, pfc: {xoff: 50KB}}}";
    fn shift(host: u8) -> u8 {
        (host + 9) % 32
    }
    let cases: [Case; 4] = [
        ("one switch, each host to another", "{}", 32, shift),
        ("one switch, 31 hosts to one, marked and paused", slow, 32, |_| 31),
        ("one switch, 8 hosts to one, marked and paused", slow, 9, |_| 8),
        ("leaf-spine, each host to another", leaf_spine, 32, shift),
    ];
    let only = std::env::args().skip(1).find_map(|arg| arg.parse::<usize>().ok());
    for (index, (name, yaml, hosts, to)) in cases.into_iter().enumerate() {
        if only.is_some_and(|only| only != index) {
            continue;
        }
        // The best of some: other programs only slow it down.
        let times = if short { 1 } else { 5 };
        let runs = (0..times).map(|_| run(yaml, hosts, count, to));
        let (seconds, hops) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "for display")]
        let each = seconds * 1e9 / hops as f64;
        println!("{name}: {hops} frames and switches, {each:.0} ns each");
    }
}
