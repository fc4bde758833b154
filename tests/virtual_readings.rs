//! Readings of switches that were set at random: how many exclude the truth by more than a frame.
//!
//! Contract: the truth is the testbed's own line. An interval is taken as it is reported, with nothing
//! added but one frame. Where there is no reading there is nothing to judge, and the share of those is
//! bounded as well, or silence would pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::cast_precision_loss, reason = "bytes that are compared with a frame's slack")]

mod alone;
mod virtual_kit;

use std::collections::BTreeMap;
use std::fmt::Write;

use alone::{Namespace, alone};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use squall::report::model::{AnomalyKind, Estimate, Marking, MarkingVerdict, PauseDirection, Results};
use virtual_kit::Bench;

/// A switch, what is sent through it, and what is true of it.
struct Setting {
    bed: String,
    pattern: String,
    /// Kmin, Kmax in bytes, Pmax as a share.
    ecn: Option<[f64; 3]>,
    at_dequeue: bool,
    /// XOFF and XON.
    pfc: [f64; 2],
    /// Bytes of the longest frame.
    frame: f64,
    /// A path was seen alone, so that thresholds by delays are to be had.
    lone: bool,
}

/// Between two values, each decade as likely.
fn log_uniform(draws: &mut Pcg64, low: f64, high: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes")]
    let value = (low * (high / low).powf(draws.random::<f64>())).round() as u64;
    value
}

fn pick<T: Copy>(draws: &mut Pcg64, of: &[T]) -> T {
    of[draws.random_range(0..of.len())]
}

/// A setting of one of five kinds, in turn: a ramp, a step, a published profile, pauses, a path never seen empty.
fn setting(seed: u64) -> Setting {
    let mut draws = Pcg64::seed_from_u64(0x5e77_1465 ^ (seed << 8));
    let draws = &mut draws;
    let kind = seed % 8;
    let mut gbps = pick(draws, &[100u64, 400]);
    let propagation = log_uniform(draws, 10.0, 2_000.0);
    let latency = log_uniform(draws, 200.0, 2_000.0);
    let pmtu = pick(draws, &[4096u64, 4096, 4096, 1024]);
    let senders = draws.random_range(2..=16u64);
    let word = pick(draws, &["enqueue", "enqueue", "dequeue"]);
    let forwarding = pick(draws, &["store-and-forward", "store-and-forward", "cut-through"]);
    let message = pick(draws, &[1u64 << 20, 2 << 20, 4 << 20, 4 << 20]) * pmtu / 4096;
    let repeats = draws.random_range(1..=3u64);
    let rounds = draws.random_range(1..=6u64);
    let (mut xoff, mut xon) = (3_000_000, 2_900_000);
    let mut ecn = None;
    let mut lone = true;
    match kind {
        0..=3 => {
            let kmin = log_uniform(draws, 20e3, 1.5e6);
            let kmax = kmin + draws.random_range(1..=5 * kmin);
            let pmax = pick(
                draws,
                &[1, 2, 5, 10, 20, 50, 80, 100, draws.clone().random_range(1..=100u64)],
            );
            ecn = Some((kmin, kmax, pmax));
        }
        4 => {
            let kmin = log_uniform(draws, 20e3, 1.5e6);
            ecn = Some((kmin, kmin, 100));
        }
        5 => {
            // DCQCN's and HPCC's published values; HPCC scales its own by the rate from 25 Gb/s.
            let (kmin, kmax, pmax, speed) = pick(
                draws,
                &[
                    (5_000, 200_000, 1, 100),
                    (5_000, 200_000, 1, 400),
                    (400_000, 1_600_000, 20, 100),
                    (400_000, 1_600_000, 20, 400),
                ],
            );
            gbps = speed;
            ecn = Some((kmin, kmax, pmax));
        }
        _ => {
            xoff = log_uniform(draws, 50e3, 3e6);
            xon = xoff - log_uniform(draws, (xoff as f64 / 50.0).max(1.0), xoff as f64 / 1.5);
            lone = kind == 6;
        }
    }
    let marks = ecn.map_or_else(
        || "none".to_owned(),
        |(kmin, kmax, pmax)| format!("{{kmin: {kmin}B, kmax: {kmax}B, pmax: {pmax}%, at: {word}}}"),
    );
    let bed = format!(
        "fabric:\n  topology: switch\n  speed: {gbps}Gbps\n  propagation: {propagation}ns\n  switch:\n    buffer: 256MB\n    \
         latency: {latency}ns\n    forwarding: {forwarding}\n    ecn: {marks}\n    pfc: {{classes: 3, xoff: {xoff}B, xon: \
         {xon}B, headroom: 2MB}}\n"
    );
    // Frames of the probe fill the queue somewhat beyond Kmax, as far as XOFF lets them.
    let deep = ecn.map_or(400_000, |(_, kmax, _)| kmax * 3 / 2 + 100_000);
    let frames = (deep / pmtu).clamp(senders, senders * (2_500_000 / pmtu));
    let head = format!(
        "seed: {}\nframe: {{ecn: ect0, dscp: 26, pmtu: {pmtu}}}\ntraffic:\n",
        seed * 7 + 1
    );
    let pattern = if kind == 7 {
        cold(draws, &head, senders, message, pmtu)
    } else {
        format!(
            "{head}  - {{name: alone, kind: incast, senders: {senders}, message: {pmtu}, stagger: 20us, repeats: 2, interval: \
             {wait}us}}\n  - {{name: incast, kind: incast, senders: {senders}, message: {message}, repeats: {repeats}, interval: {busy}us, \
             after: alone, delay: 50us}}\n  - {{name: probe, kind: ecn-probe, senders: {senders}, frames: {frames}, repeats: {rounds}, \
             after: incast, delay: {busy}us}}\n",
            wait = 20 * senders + 100,
            busy = senders * message * 8 * 12 / 10 / (gbps * 1000) + 100,
        )
    };
    Setting {
        bed,
        pattern,
        ecn: ecn.map(|(kmin, kmax, pmax)| [kmin as f64, kmax as f64, pmax as f64 / 100.0]),
        at_dequeue: word == "dequeue",
        pfc: [xoff as f64, xon as f64],
        frame: pmtu as f64 + 94.0,
        lone,
    }
}

/// Nothing is ever sent on an empty path: the receiver holds the class from before the first frame, or everything
/// begins at once, or a probe is all there is.
fn cold(draws: &mut Pcg64, head: &str, senders: u64, message: u64, pmtu: u64) -> String {
    match draws.random_range(0..4) {
        0 => format!(
            "{head}  - {{name: hold, kind: pfc, from: {senders}, classes: 3, interval: 20us, count: {holds}}}\n  - {{name: d, kind: \
             incast, senders: {senders}, message: {message}, repeats: 2, start: 10us, receiver: {senders}}}\n",
            holds = draws.random_range(3..12)
        ),
        1 => format!(
            "{head}  - {{name: hold, kind: pfc, from: 1, classes: 3, interval: 20us, count: {holds}}}\n  - {{name: d, kind: transfer, \
             from: 0, to: 1, message: {message}, count: 3, rate: {rate}%, start: {start}us}}\n",
            holds = draws.random_range(3..12),
            rate = draws.random_range(60..=100),
            start = draws.random_range(1..15)
        ),
        2 => format!(
            "{head}  - {{name: probe, kind: ecn-probe, senders: {senders}, frames: {frames}, repeats: 3}}\n",
            frames = senders * draws.random_range(100_000..4_000_000u64) / pmtu,
        ),
        _ => format!("{head}  - {{name: d, kind: incast, senders: {senders}, message: {message}, repeats: 1}}\n"),
    }
}

/// What was judged.
#[derive(Default)]
struct Tally {
    readings: BTreeMap<&'static str, [usize; 4]>,
    missed: Vec<String>,
    trusted: Vec<String>,
    alarms: Vec<String>,
    verdicts: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts a reading; whether it excludes the truth.
    fn judge(
        &mut self,
        what: &'static str,
        read: Option<Estimate>,
        truth: f64,
        slack: f64,
        text: &dyn Fn() -> String,
    ) -> bool {
        let counts = self.readings.entry(what).or_default();
        let Some(read) = read else {
            counts[3] += 1;
            return false;
        };
        counts[0] += 1;
        let holds = read.low - slack <= truth && read.high.is_none_or(|high| truth <= high + slack);
        counts[1] += usize::from(!holds);
        let wide = read.high.is_none_or(|high| high - read.low > 0.3 * truth + slack);
        counts[2] += usize::from(wide);
        if !holds {
            self.missed.push(format!("{what} {truth}: {read:?}; {}", text()));
        }
        !holds
    }

    fn marking(&mut self, method: [&'static str; 4], marking: &Marking, setting: &Setting, text: &dyn Fn() -> String) {
        let Some([kmin, kmax, pmax]) = setting.ecn else { return };
        let full = || format!("{} {}", text(), brief(marking));
        let mut out = self.judge(method[0], marking.kmin_bytes, kmin, setting.frame, &full);
        out |= self.judge(method[1], marking.kmax_bytes, kmax, setting.frame, &full);
        out |= self.judge(method[2], marking.pmax, pmax, 0.0, &full);
        let at = marking.at.map(|at| Estimate {
            value: f64::from(u8::from(at.to_string() == "dequeue")),
            low: f64::from(u8::from(at.to_string() == "dequeue")),
            high: Some(f64::from(u8::from(at.to_string() == "dequeue"))),
        });
        out |= self.judge(method[3], at, f64::from(u8::from(setting.at_dequeue)), 0.0, &full);
        let step = marking.step == Some(true) && kmax - kmin > setting.frame;
        if step {
            self.missed.push(format!("called a step: {}", full()));
        }
        if (out || step) && marking.verdict == MarkingVerdict::Follows {
            self.trusted.push(full());
        }
        if marking.marked > 0 {
            *self
                .verdicts
                .entry(format!("{} {:?}", method[0], marking.verdict))
                .or_default() += 1;
        }
    }

    fn run(&mut self, setting: &Setting, results: &Results, text: &dyn Fn() -> String) {
        for queue in &results.inferred.queues {
            if let Some(marking) = queue.ecn.as_ref().filter(|marking| setting.lone || marking.marked > 0) {
                self.marking(["Kmin", "Kmax", "Pmax", "at"], marking, setting, text);
            }
            if let Some(probe) = &queue.probe {
                let names = ["probe Kmin", "probe Kmax", "probe Pmax", "probe at"];
                self.marking(names, &probe.marking, setting, text);
            }
        }
        let received = |one: &&squall::report::model::Pausing| one.direction == PauseDirection::Received;
        let names = if setting.lone {
            ["XOFF", "XON"]
        } else {
            ["cold XOFF", "cold XON"]
        };
        for pausing in results.inferred.pfc.iter().filter(received) {
            for ((name, read), truth) in names.into_iter().zip([pausing.xoff, pausing.xon]).zip(setting.pfc) {
                let full = || format!("{} {}: {read:?}", text(), pausing.port);
                self.judge(name, read.map(|read| read.bytes), truth, setting.frame, &full);
            }
        }
        let wrong = [
            AnomalyKind::EcnMismatch,
            AnomalyKind::EcnMethodsDisagree,
            AnomalyKind::StuckPause,
        ];
        for anomaly in results.anomalies.iter().filter(|one| wrong.contains(&one.kind)) {
            self.alarms
                .push(format!("{:?} {} {}", anomaly.kind, anomaly.text, text()));
        }
    }

    fn report(&self) -> String {
        let mut out = "what: readings, outside, wide, none\n".to_owned();
        for (what, counts) in &self.readings {
            writeln!(out, "{what}: {counts:?}").unwrap();
        }
        writeln!(out, "{:#?}", self.verdicts).unwrap();
        for (what, list) in [
            ("missed", &self.missed),
            ("trusted", &self.trusted),
            ("alarms", &self.alarms),
        ] {
            writeln!(out, "{what}: {}", list.len()).unwrap();
            for line in list.iter().take(60) {
                writeln!(out, "  {line}").unwrap();
            }
        }
        let all: usize = self.readings.values().map(|counts| counts[0]).sum();
        writeln!(out, "{} of {all} readings exclude the truth", self.missed.len()).unwrap();
        out
    }
}

fn brief(marking: &Marking) -> String {
    format!(
        "[{:?} {:?} {:?} {:?} {} of {} to {} ±{}]",
        marking.verdict,
        marking.step,
        marking.at,
        marking.pmax,
        marking.marked,
        marking.frames,
        marking.deepest_bytes,
        marking.uncertainty_bytes
    )
}

fn tally(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut bench = Bench::new();
    let mut tally = Tally::default();
    for seed in seeds {
        let setting = setting(seed);
        let (results, _) = bench.run(&setting.pattern, &setting.bed, &[]);
        let line = setting.bed.replace('\n', " ");
        let text = || format!("seed {seed}: {line}");
        tally.run(&setting, &results, &text);
    }
    tally
}

/// Settings of each kind: at most one reading in two hundred excludes the truth, none that does is called as
/// configured, and most say something. `SQUALL_READINGS` says how many, `SQUALL_READINGS_SEED` from which seed on.
#[test]
fn readings_hold_the_truth() {
    alone(Namespace::Ours, || {
        let of = |key: &str, default: u64| std::env::var(key).map_or(default, |text| text.parse().unwrap());
        let (first, count) = (of("SQUALL_READINGS_SEED", 1), of("SQUALL_READINGS", 24));
        let tally = tally(first..first + count);
        let all: usize = tally.readings.values().map(|counts| counts[0]).sum();
        let text = tally.report();
        println!("{text}");
        assert!(tally.missed.len() * 200 <= all && all as u64 >= 6 * count, "{text}");
        assert!(tally.trusted.is_empty() && tally.alarms.is_empty(), "{text}");
    });
}

/// The class is held from before the first frame, so that no path is ever seen empty: XOFF is read with what is
/// not known of the delays, or not at all, and then there is a reason.
#[test]
fn xoff_of_a_path_never_seen_empty_is_not_a_figure_without_doubt() {
    const COLD: &str = "traffic:\n  - {name: hold, kind: pfc, from: 1, classes: 3, interval: 20us, count: 10}\n  - {name: d, \
                        kind: transfer, from: 0, to: 1, message: 1MiB, count: 6, rate: 100%, start: 10us, frame: {dscp: 26}}\n";
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (pattern, xoff) in [
            (COLD, 500_000u64),
            ("ecn-probe", 300_000),
            (COLD, 100_000),
            (COLD, 2_000_000),
        ] {
            let set = format!("testbed.fabric.switch.pfc.xoff={xoff}B");
            let (results, _) = bench.run(pattern, "switch", &[&set]);
            let received = |one: &&squall::report::model::Pausing| one.direction == PauseDirection::Received;
            let mut seen = 0;
            for pausing in results.inferred.pfc.iter().filter(received) {
                seen += 1;
                match pausing.xoff {
                    Some(read) => {
                        let (low, high) = (read.bytes.low, read.bytes.high.unwrap());
                        assert!(low <= xoff as f64 && xoff as f64 <= high, "{xoff}: {read:?}");
                        assert!(high - low > 1_000.0, "{xoff}: {read:?}");
                    }
                    None => assert!(pausing.why_not.as_ref().unwrap().contains("alone"), "{pausing:?}"),
                }
            }
            assert!(seen > 0, "{xoff}: nobody was paused");
        }
    });
}

/// When the queue that leads out at a port was first empty after `from`, by the fabric's own series, and how
/// long its windows are, ps: nothing stood in it for a whole window.
fn drained(port: &squall::fabric::counters::PortCounters, from: u64) -> (u64, u64) {
    let class = port.classes.iter().find(|class| class.class == 3).unwrap();
    let depth = class.depth.as_ref().unwrap();
    let window = depth.window_ps;
    let after = usize::try_from(from / window + 1).unwrap();
    let empty = depth.max_bytes.iter().skip(after).position(|bytes| *bytes == 0);
    let empty = empty.map_or(depth.max_bytes.len(), |at| at + after);
    (empty as u64 * window, window)
}

/// A queue that its receiver paused is over it when it is first empty, whatever comes through it later.
#[test]
fn recovery_ends_when_the_queue_is_first_empty() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (senders, to, probe) in [
            (4u64, 3_000u64, true),
            (4, 3_000, false),
            (2, 2_000, true),
            (8, 1_500, false),
        ] {
            let fault = format!(
                "testbed.fabric.faults=[{{at: host{senders}, stuck_pause: {{class: 3, from: 600us, to: {to}us}}}}]"
            );
            let all = ["alone", "incast", "probe"].map(|entry| format!("traffic.{entry}.senders={senders}"));
            let mut set: Vec<&str> = all.iter().map(String::as_str).collect();
            set.push(&fault);
            let text = "frame: {ecn: ect0, dscp: 26}\ntraffic:\n  - {name: alone, kind: incast, senders: 4, message: 4KiB, stagger: \
                        5us, repeats: 3, interval: 200us}\n  - {name: incast, kind: incast, senders: 4, message: 16MB, after: \
                        alone, delay: 50us}\n";
            let (results, fabric) = if probe {
                bench.run("ecn-incast", "switch", &set)
            } else {
                let set: Vec<&str> = set.into_iter().filter(|key| !key.contains("probe")).collect();
                bench.run(text, "switch", &set)
            };
            let port = &fabric.switches[0].ports[usize::try_from(senders).unwrap()];
            let (empty, window) = drained(port, to * 1_000_000);
            let truth = empty - to * 1_000_000;
            let queue = results
                .inferred
                .queues
                .iter()
                .find(|queue| queue.silence.is_some())
                .unwrap();
            let silence = queue.silence.unwrap();
            let context = format!("{senders} {to} {probe}: {truth} within {window}: {silence:?}");
            let (low, high) = (silence.recovery_low_ps.unwrap(), silence.recovery_high_ps.unwrap());
            assert!(
                truth.abs_diff(silence.recovery_ps.unwrap()) <= window + 1_000_000,
                "{context}"
            );
            assert!(low <= truth && truth <= high + window + 1_000_000, "{context}");
            assert!(
                silence.length_ps.abs_diff((to - 600) * 1_000_000) <= 2_000_000,
                "{context}"
            );
        }
    });
}

/// When a queue that traffic goes through all the time was first empty after `from`, at the earliest and at the
/// latest, ps, by the fabric's own series: what stood in it in a window would keep the link busy for longer than
/// the window, then it held no more at any time than when nothing was wrong.
fn settled(port: &squall::fabric::counters::PortCounters, calm: u64, from: u64) -> (u64, u64) {
    let class = port.classes.iter().find(|class| class.class == 3).unwrap();
    let depth = class.depth.as_ref().unwrap();
    let window = depth.window_ps;
    let at = |time: u64| usize::try_from(time / window).unwrap();
    let usual = *depth.max_bytes[..at(calm)].iter().max().unwrap();
    let busy = port.speed_bps / 8 * (window / 1_000) / 1_000_000_000;
    assert!(usual < busy, "{usual}");
    let first = |most: u64| {
        let after = depth.max_bytes.iter().skip(at(from) + 1);
        let found = after.into_iter().position(|bytes| *bytes <= most);
        found.map_or(depth.max_bytes.len(), |found| found + at(from) + 1) as u64
    };
    (first(busy) * window, (first(usual) + 1) * window)
}

/// Of a storm that we make ourselves only the queue recovers that it was made in, when that queue is empty;
/// bystanders' silences are none of it.
#[test]
fn a_storm_is_over_when_its_own_queue_is_empty() {
    const BEGINS: u64 = 500_000_000;
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        for (micros, load, duration) in [
            (500u64, 20, 3_500),
            (1_500, 20, 3_500),
            (500, 10, 3_500),
            (200, 15, 2_000),
        ] {
            let set = [
                format!("traffic.storm.duration={micros}us"),
                format!("traffic.to-the-stormy.load={load}%"),
                format!("duration={duration}us"),
            ];
            let set: Vec<&str> = set.iter().map(String::as_str).collect();
            let (results, fabric) = bench.run("pfc-spread", "leaf-spine", &set);
            let recovered: Vec<_> = results.kpis.iter().filter(|kpi| kpi.name == "Recovery_time").collect();
            assert_eq!(recovered.len(), 1, "{recovered:#?}");
            assert_eq!(recovered[0].place, "queues/host0/3");
            let mut queues = results.inferred.queues.iter();
            let held = queues.find(|queue| queue.port == "host0").unwrap().held.unwrap();
            // The last of its frames asks for the longest pause time again.
            assert!(held.length_ps >= micros * 1_000_000, "{held:?}");
            let over = held.began_ps + held.length_ps;
            let (earliest, latest) = settled(&fabric.switches[0].ports[0], BEGINS, over);
            let context = format!("{micros} {load}: {earliest} to {latest} less {over}: {held:?}");
            let (low, high) = (held.recovery_low_ps.unwrap(), held.recovery_high_ps.unwrap());
            let value = held.recovery_ps.unwrap();
            assert!(low <= value && value <= high, "{context}");
            assert!(over + low <= latest && earliest <= over + high, "{context}");
            // The figure itself is as near as the series can tell.
            let slack = 1_000_000;
            assert!(
                earliest <= over + value + slack && over + value <= latest + slack,
                "{context}"
            );
        }
    });
}
