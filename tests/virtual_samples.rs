//! Samples of a run in virtual time: they add up to the run, begin and end where they must, are the same
//! every time, and change nothing of what is measured.
//!
//! The witness is the fabric's own account, which knows of no samples.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use squall::report::model::{Clock, Results, Sample, SampleHeader, SampledReceived, Traffic};
use virtual_kit::{Bench, sum};

/// Two to one behind a leaf-spine whose uplink flaps: marks, losses and duplicates in some samples only.
const TESTBED: &str = "
eal: {hugepages: none, telemetry: false, memory: 512MiB}
fabric:
  topology: leaf-spine
  hosts: auto
  leaves: 2
  spines: 2
  speed: 100Gbps
  uplink_speed: 100Gbps
  switch: {ecn: {kmin: 20KB, kmax: 60KB, pmax: 50%}, pfc: {classes: 3, xoff: 200KB, xon: 150KB}}
  faults:
    - {at: leaf0-spine1, link_down: {from: 1ms, to: 1.2ms, detect: 50us}}
    - {at: leaf1, duplicate: {probability: 1%}}
";

const PATTERN: &str = "
name: soak
duration: 2ms
frame: {ecn: ect0, dscp: 26}
traffic:
  - {name: kv, kind: transfer, from: 0-1, to: 4-5, message: 16KiB, qps: 2, rate: 30%}
  - {name: incast, kind: incast, senders: 0-2, receiver: 6, message: 64KiB, rate: max, repeats: 10, interval: 200us}
  - {name: dispatch, kind: alltoall, ranks: 0-3, model: M1, mode: low-latency, batch: 1, iterations: unlimited, interval: 100us, rate: 10%}
";

/// A run and the lines of its samples.
fn sampled(bench: &mut Bench, sample: &str) -> (Results, squall::fabric::Counters, SampleHeader, Vec<Sample>) {
    let (measured, header, samples) = bench.sampled(PATTERN, TESTBED, &[&format!("sample={sample}")]);
    let fabric = measured.fabric.expect("a fabric's counters");
    (measured.results, fabric, header.expect("a header"), samples)
}

fn received<'a>(samples: &'a [Sample], entry: usize) -> impl Iterator<Item = &'a SampledReceived> {
    let of = move |sample: &'a Sample| sample.traffic[entry].received.as_ref();
    samples.iter().filter_map(of)
}

/// The traffic of two runs is the same in every figure. Which frame of several hosts' was an entry's first
/// with CE is the exception: hosts' frames are taken in by bursts, and a sample ends those.
fn same_traffic(one: &Results, other: &Results) {
    let json = |entry: &Traffic| {
        let entry = Traffic {
            first_mark: None,
            ..entry.clone()
        };
        serde_json::to_value(entry).expect("JSON")
    };
    for (one, other) in one.traffic.iter().zip(&other.traffic) {
        let (left, right) = (json(one), json(other));
        for (key, value) in left.as_object().expect("an object") {
            assert!(
                *value == right[key],
                "{}: {key}: {value} is not {}",
                one.name,
                right[key]
            );
        }
    }
}

/// What all samples come to is what the run reports, figure by figure.
fn adds_up(results: &Results, samples: &[Sample]) {
    for (index, entry) in results.traffic.iter().enumerate() {
        let sent = |of: fn(&squall::report::model::SampledTraffic) -> u64| -> u64 {
            samples.iter().map(|sample| of(&sample.traffic[index])).sum()
        };
        let got = |of: fn(&SampledReceived) -> u64| -> u64 { received(samples, index).map(of).sum() };
        let own = |of: fn(&Traffic) -> Option<u64>| of(entry).expect("received");
        for (what, sum, whole) in [
            ("sent frames", sent(|one| one.sent_frames), entry.packets.sent),
            (
                "sent bytes",
                sent(|one| one.sent_payload_bytes),
                entry.payload_bytes.sent,
            ),
            ("sent messages", sent(|one| one.sent_messages), entry.messages.sent),
            ("frames", got(|one| one.frames), own(|entry| entry.packets.received)),
            (
                "duplicated",
                got(|one| one.duplicated),
                own(|entry| entry.packets.duplicated),
            ),
            (
                "reordered",
                got(|one| one.reordered),
                own(|entry| entry.packets.reordered),
            ),
            (
                "messages",
                got(|one| one.messages),
                own(|entry| entry.messages.completed),
            ),
            ("ce", got(|one| one.ce), own(|entry| Some(entry.ecn.received?.ce))),
            (
                "delays",
                got(|one| one.packet_latency.map_or(0, |times| times.count)),
                own(|entry| Some(entry.packet_latency.as_ref()?.count)),
            ),
            (
                "message times",
                got(|one| one.message_latency.map_or(0, |times| times.count)),
                own(|entry| Some(entry.message_latency.as_ref()?.count)),
            ),
        ] {
            assert_eq!(sum, whole, "{}: {what}", entry.name);
        }
        let rounds = got(|one| one.round_time.map_or(0, |times| times.count));
        if let Some(times) = entry.rounds.as_ref().and_then(|rounds| rounds.time.as_ref()) {
            assert_eq!(rounds, times.count, "{}: rounds", entry.name);
        }
        let longest = received(samples, index)
            .filter_map(|one| one.message_latency)
            .map(|times| times.max_ps)
            .max();
        let whole = entry.message_latency.as_ref().expect("messages").max;
        assert!(
            longest.expect("messages").abs_diff(whole) <= whole / 1000,
            "{}",
            entry.name
        );
    }
    for (index, port) in results.ports.iter().enumerate() {
        let of = |of: fn(&squall::report::model::SampledPort) -> u64| -> u64 {
            samples.iter().map(|sample| of(&sample.ports[index])).sum()
        };
        assert_eq!(of(|port| port.tx.frames), port.tx.frames, "{}", port.name);
        assert_eq!(of(|port| port.tx.bytes), port.tx.bytes, "{}", port.name);
        assert_eq!(
            of(|port| port.rx.map_or(0, |rx| rx.frames)),
            port.rx.frames,
            "{}",
            port.name
        );
        let paused: u64 = port.pfc.paused_ps_per_class.expect("frames pass").iter().sum();
        assert_eq!(of(|port| port.paused_ps.unwrap_or_default()), paused, "{}", port.name);
    }
}

#[test]
fn samples_add_up_to_the_run_and_to_what_the_fabric_counted() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let (results, fabric, header, samples) = sampled(&mut bench, "100us");
        adds_up(&results, &samples);
        // Some things happened, and not in every sample.
        let frames: u64 = samples
            .iter()
            .flat_map(|sample| &sample.traffic)
            .map(|entry| entry.sent_frames)
            .sum();
        assert_eq!(frames, fabric.frames_sent);
        let duplicated = received(&samples, 0).filter(|one| one.duplicated > 0).count();
        assert!((1..20).contains(&duplicated), "{duplicated}");
        assert!(sum(&results, |entry| entry.packets.lost.unwrap_or_default()) > 0);
        assert!(received(&samples, 1).any(|one| one.ce > 0));
        // Boundaries are multiples of the interval, to the picosecond; the last one is the run's end.
        assert_eq!((header.clock, header.interval_ps), (Clock::Virtual, 100_000_000));
        for (index, sample) in (0_u64..).zip(&samples) {
            assert_eq!((sample.index, sample.segment), (index, 0));
            assert_eq!(sample.from_ps, index * 100_000_000);
            let is_last = index + 1 == samples.len() as u64;
            assert_eq!(sample.last, is_last);
            if !is_last {
                assert_eq!(sample.to_ps, (index + 1) * 100_000_000);
            }
            assert_eq!(sample.whole, index < 20, "{index}");
        }
        let soak = results.soak.as_ref().expect("it was sampled");
        assert_eq!((soak.samples, soak.segments), (20, 1));
        let names: Vec<&str> = soak.trends.iter().map(|trend| trend.name.as_str()).collect();
        for wanted in [
            "KV_xfer_latency",
            "EP_alltoall_latency",
            "Fabric_Goodput",
            "Link_utilization_tx",
            "buffers_in_use",
        ] {
            assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
        }
    });
}

#[test]
fn the_same_run_has_the_same_samples_and_sampling_changes_nothing_that_is_measured() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let text = |samples: &[Sample]| -> String {
            let lines = samples.iter().map(|sample| {
                let mut line = serde_json::to_value(sample).expect("JSON");
                line.as_object_mut().expect("an object").remove("process");
                line.to_string()
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        let (first, _, header, samples) = sampled(&mut bench, "70us");
        let (second, _, again, others) = sampled(&mut bench, "70us");
        assert_eq!(header, again);
        assert_eq!(text(&samples), text(&others));
        assert_eq!(first.soak, second.soak);
        let (plain, _) = bench.run(PATTERN, TESTBED, &[]);
        assert!(plain.soak.is_none());
        same_traffic(&plain, &first);
        assert_eq!(plain.ports, first.ports);
        let kpis = |results: &Results| -> Vec<_> {
            let kpis = results.kpis.iter().filter(|kpi| kpi.name != "ECN_onset_frame");
            kpis.cloned().collect()
        };
        assert_eq!(kpis(&plain), kpis(&first));
        // Another interval cuts the same run.
        let (other, _, _, fine) = sampled(&mut bench, "7us");
        adds_up(&other, &fine);
        same_traffic(&plain, &other);
    });
}

#[test]
fn memory_stays_flat_however_many_samples_there_are() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        let resident = |samples: &[Sample], at: usize| samples[at].process.resident_bytes.expect("a process has some");
        // 2 ms in samples of 1 us: two thousand of them.
        let (results, _, _, samples) = sampled(&mut bench, "1us");
        assert!(samples.len() >= 2000, "{}", samples.len());
        let (early, late) = (resident(&samples, 400), resident(&samples, 1990));
        // The test itself keeps all samples, about 8 KiB each with their texts; nothing else may grow.
        let own = 1600 * 16 * 1024;
        assert!(late < early + own, "{early} {late}");
        assert_eq!(results.soak.expect("sampled").samples, 2000);
    });
}
