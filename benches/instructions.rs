//! How many instructions a frame costs on the way out and on the way in, by callgrind: a count that no other program on the
//! machine changes.
//!
//!     cargo bench --bench instructions             prints them
//!     cargo bench --bench instructions -- --check  fails where one is above its bound
//!
//! A path runs twice under `valgrind --tool=callgrind`, over some frames and over many more; the difference is that of the
//! frames. No port is in it: frames are written into buffers of ours, and analysed where they lie. Callgrind has no AVX-512, so
//! ICRCs are verified by the `crc32fast` crate there.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measuring program")]

use std::process::{Command, ExitCode};

use squall::dpdk::icrc_routine;
use squall::engine::craft::Crafter;
use squall::measure::Recorder;
use squall::pattern::IcrcCheck;
use squall::plan::Plan;
use squall::transport::schedule::{Clocking, Next, Schedule};
use squall::units::{BitRate, Picos};
use squall::wire::template::{BUFFER_SLACK, filler};

/// Frames of a burst.
const BURST: usize = 64;

/// Frames of the short run and of the long one.
const FRAMES: [usize; 2] = [20_000, 120_000];

/// A path: its name, and the instructions of a frame that it may cost at most. A bound is the
/// count at its writing and a tenth: compilers differ, and so do libraries. They are those of a build without link-time
/// optimisation, in 16 codegen units, as `scripts/test.sh` makes it: a release has fewer (100, 97, 576, 406, 628, 1187).
const PATHS: [(&str, f64); 6] = [
    ("burst: 1 QP", 130.0),
    ("burst: 256 QPs", 125.0),
    ("single: 256 QPs", 868.0),
    ("analysis: 256 QPs", 450.0),
    ("analysis: 256 QPs, frame by frame", 718.0),
    ("analysis: 256 QPs, every ICRC", 1320.0),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [run, path, frames] = &arguments[..]
        && run == "--run"
    {
        walk(path, frames.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    // `cargo test` runs bench targets too; only `cargo bench` asks for measuring.
    if !arguments.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let is_check = arguments.iter().any(|arg| arg == "--check");
    let mut worst = ExitCode::SUCCESS;
    let making = each("making: 256 QPs");
    for (path, bound) in PATHS {
        let each = each(path) - if path.starts_with("analysis") { making } else { 0.0 };
        let verdict = if each <= bound { "" } else { "  TOO MANY" };
        println!("{path:36} {each:7.1} instructions a frame, at most {bound:.0}{verdict}");
        if is_check && each > bound {
            worst = ExitCode::FAILURE;
        }
    }
    worst
}

/// Instructions of one more frame.
fn each(path: &str) -> f64 {
    let [short, long] = FRAMES.map(|frames| instructions(path, frames));
    (long - short) as f64 / (FRAMES[1] - FRAMES[0]) as f64
}

/// Instructions of this program over so many frames.
fn instructions(path: &str, frames: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--run", path, &frames.to_string()])
        .output()
        .expect("valgrind (apt-get install valgrind)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    collected.unwrap().1.trim().parse().unwrap()
}

fn plan(qps: u32) -> Plan {
    let text = format!(
        "duration: 1h\nframe: {{pmtu: 1024}}\ntraffic:\n\
         - {{kind: transfer, from: 0, to: 1, message: 16MiB, count: unlimited, qps: {qps}, rate: max}}\n"
    );
    let pattern = squall::pattern::parse("bench", &text, &[]).unwrap();
    let ports = "ports:\n- {device: 'net_null0,no-rx=1', speed: 400Gbps, workers: 2}\n";
    let testbed = squall::testbed::parse("bench", ports, &[]).unwrap();
    squall::plan::build(&pattern, &testbed, &[BitRate(400_000_000_000)]).unwrap()
}

/// Goes a path with so many frames.
fn walk(path: &str, frames: usize) {
    let (kind, rest) = path.split_once(": ").unwrap();
    let plan = plan(rest.split(' ').next().unwrap().parse().unwrap());
    let clean = filler(plan.max_frame_len() + BUFFER_SLACK);
    let is_analysis = matches!(kind, "analysis" | "making");
    let clocking = if is_analysis { Clocking::Exact } else { Clocking::Real };
    let mut schedule = Schedule::new(&plan, 0, clocking);
    let mut crafter = Crafter::new(&plan, &mut schedule, clean.clone());
    let mut buffers = vec![(clean, 0u64); BURST];
    if is_analysis {
        let rest = if kind == "making" { kind } else { rest };
        return analyse(&plan, rest, frames, schedule, crafter, buffers);
    }
    let mut made = 0;
    while made < frames {
        let now = Picos(1_000 + made as u64);
        if kind == "burst"
            && let Some(lane) = schedule.streak(now)
            && let Some(burst) = crafter.burst(&plan, 0, lane, now)
        {
            made += schedule.take_middles(&plan, lane, now, BURST, |flows, order| {
                let buffers = buffers.iter_mut().map(|(bytes, mark)| (&mut bytes[..], mark));
                burst.write(flows, order, buffers)
            });
        }
        let (bytes, mark) = &mut buffers[made % BURST];
        if let Next::Packet { lane, due, .. } = schedule.next(&plan, now) {
            crafter.write(&plan, &mut schedule, lane, &due, now, bytes, mark);
            made += 1;
        }
    }
}

/// Analyses frames that were made just before; `making` only makes them.
fn analyse(
    plan: &Plan,
    how: &str,
    frames: usize,
    mut schedule: Schedule,
    mut crafter: Crafter,
    mut buffers: Vec<(Vec<u8>, u64)>,
) {
    let check = if how.ends_with("ICRC") {
        IcrcCheck::All
    } else {
        IcrcCheck::None
    };
    let mut recorder = Recorder::new(plan, check);
    recorder.verify_by(icrc_routine());
    let mut made = 0;
    while made < frames {
        let mut lens = [0; BURST];
        for ((bytes, mark), len) in buffers.iter_mut().zip(&mut lens) {
            if let Next::Packet { at, lane, due } = schedule.next(plan, Picos::MAX) {
                *len = crafter.write(plan, &mut schedule, lane, &due, at, bytes, mark);
            }
        }
        made += BURST;
        let arrival = Picos(1_000_000 + made as u64 * 1_000_000);
        let frames = buffers
            .iter()
            .zip(lens)
            .map(|((bytes, _), len)| (&bytes[..len], arrival));
        if how == "making" {
            frames.for_each(|frame| _ = std::hint::black_box(frame));
        } else if how.ends_with("frame by frame") {
            frames.for_each(|(bytes, arrival)| _ = recorder.frame(0, bytes, arrival));
        } else {
            recorder.burst(0, frames, |_, _| ());
        }
    }
}
