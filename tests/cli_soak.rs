//! A sampled run from the command line: killed at any moment and gone on with, in simulated and in real
//! time; disturbed by a hook while traffic goes on.
//!
//! Witnesses: the file as the killed process left it, the wall clock of a script, `/proc`.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{Folder, Running, list, number, run, squall, wait_for};

/// One switch and one flap, and messages at random times: each seed has other figures.
const FABRIC: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
fabric:
  switch: {ecn: {kmin: 20KB, kmax: 60KB, pmax: 50%}}
";

const SIMULATED: &str = "
name: soak
duration: 100ms
sample: 1ms
frame: {ecn: ect0}
traffic:
  - {name: incast, kind: incast, senders: 3, message: 64KiB, rate: max, repeats: 900, jitter: 2us, interval: 100us}
  - {name: kv, kind: transfer, from: 4, to: 5, message: 16KiB, rate: 4Gbps}
";

const RING: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
ports:
  - {name: loop, device: net_ring0, speed: 1Gbps}
";

/// Slow enough for any machine.
const REAL: &str = "
name: soak
duration: 4s
sample: 100ms
traffic:
  - {name: kv, kind: transfer, from: 0, to: 1, message: 16KiB, rate: 5Mbps}
  - {name: other, kind: transfer, from: 1, to: 0, message: 4KiB, rate: 2Mbps}
";

fn folder(testbed: &str, pattern: &str, more: &str) -> Folder {
    let folder = Folder::new();
    folder.write("testbed.yaml", testbed);
    folder.write("soak.yaml", pattern);
    folder.write(
        "sweep.yaml",
        &format!("name: long\npattern: soak.yaml\ntestbed: testbed.yaml\n{more}"),
    );
    folder
}

fn sweep(folder: &Folder, out: &str) -> Command {
    squall(&[
        "sweep",
        &folder.text("sweep.yaml"),
        "--out",
        &folder.text(out),
        "--quiet",
    ])
}

fn script(folder: &Folder, name: &str, text: &str) {
    folder.write(name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(0o755)).expect("it was written");
}

const TRIAL: &str = "trials/point-0000/trial-0000";

/// The finished lines of a file: what stands before the last end of a line.
fn finished(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    text[..end].to_owned()
}

/// The samples of a file, every one of which must be whole JSON.
fn samples(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.ends_with('\n'), "{}", path.display());
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    assert_eq!(lines.next().expect("a header")["schema"], "squall.samples/1");
    lines.collect()
}

/// The same without what the machine says.
fn repeatable(path: &Path) -> Vec<Value> {
    let mut samples = samples(path);
    for sample in &mut samples {
        sample.as_object_mut().expect("an object").remove("process");
    }
    samples
}

fn sum(samples: &[Value], pointer: &str) -> u64 {
    samples.iter().map(|sample| number(sample, pointer)).sum()
}

#[test]
fn a_killed_sweep_in_simulated_time_comes_to_the_same_samples() {
    let folder = folder(FABRIC, SIMULATED, "trials: 2\nseed: 3\n");
    run(sweep(&folder, "whole")).expect(0);
    let of = |out: &str, trial: u32| folder.path(&format!("{out}/trials/point-0000/trial-{trial:04}/samples.jsonl"));
    for (trial, lines) in [(0, 10), (0, 17), (1, 24)] {
        let running = Running::start(sweep(&folder, "killed"));
        let file = of("killed", trial);
        wait_for("some samples", || finished(&file).lines().count() > lines);
        drop(running);
        let so_far = finished(&file);
        let whole = finished(&of("whole", trial));
        // What is there when it was killed is what will be there.
        assert!(
            so_far.lines().count() < whole.lines().count(),
            "killed too late to tell"
        );
        for (mine, theirs) in so_far.lines().zip(whole.lines()) {
            let before = |line: &str| line.split("\"process\"").next().unwrap_or_default().to_owned();
            assert_eq!(before(mine), before(theirs));
        }
    }
    run(sweep(&folder, "killed")).expect(0);
    for trial in 0..2 {
        let (killed, whole) = (repeatable(&of("killed", trial)), repeatable(&of("whole", trial)));
        assert_eq!(whole.iter().filter(|sample| sample["whole"] == true).count(), 100);
        assert_eq!(killed, whole);
    }
    assert_ne!(repeatable(&of("whole", 0)), repeatable(&of("whole", 1)));
}

#[test]
fn a_killed_sweep_in_real_time_goes_on_with_what_is_left() {
    let folder = folder(RING, REAL, "");
    let file = folder.path(&format!("out/{TRIAL}/samples.jsonl"));
    let running = Running::start(sweep(&folder, "out"));
    wait_for("some samples", || finished(&file).lines().count() > 10);
    drop(running);
    let first = finished(&file);
    // As if it had been killed in the middle of a line.
    std::fs::write(&file, format!("{first}{{\"index\":77,\"seg")).expect("writable");
    std::thread::sleep(Duration::from_millis(1200));
    // Killed again, in its second part.
    let running = Running::start(sweep(&folder, "out"));
    let so_far = first.lines().count();
    wait_for("more samples", || finished(&file).lines().count() > so_far + 5);
    drop(running);
    let second = finished(&file);
    assert!(second.starts_with(&first), "finished samples are gone");
    run(sweep(&folder, "out")).expect(0);
    let all = std::fs::read_to_string(&file).expect("it is there");
    assert!(all.starts_with(&second), "finished samples are gone");
    let samples = samples(&file);
    let indices: Vec<u64> = samples.iter().map(|sample| number(sample, "/index")).collect();
    assert_eq!(indices, (0..samples.len() as u64).collect::<Vec<_>>());
    // Three parts, one after another, which come to the duration together.
    let mut length = 0;
    for part in 0..3 {
        let own: Vec<&Value> = samples.iter().filter(|sample| sample["segment"] == part).collect();
        assert!(own.len() >= 5, "part {part} has {} samples", own.len());
        assert_eq!(number(own[0], "/from_ps"), 0);
        for pair in own.windows(2) {
            assert_eq!(pair[0]["to_ps"], pair[1]["from_ps"]);
        }
        length += own.iter().filter(|sample| sample["whole"] == true).count() * 100;
    }
    // A busy machine makes samples longer, and fewer.
    assert!((2000..=4100).contains(&length), "{length} ms in whole samples");
    let parts: Vec<u64> = samples.iter().map(|sample| number(sample, "/segment")).collect();
    assert!(parts.is_sorted(), "{parts:?}");
    // The break can be seen by the wall clock.
    let at = |sample: &Value| sample["process"]["at"].as_str().expect("a time").to_owned();
    let borders = samples.windows(2).find(|pair| pair[0]["segment"] != pair[1]["segment"]);
    let border = borders.expect("a border");
    let seconds = |text: &str| -> f64 {
        let clock = text.split('T').nth(1).expect("a time").trim_end_matches('Z');
        clock
            .split(':')
            .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a number"))
    };
    let gap = (seconds(&at(&border[1])) - seconds(&at(&border[0]))).rem_euclid(86_400.0);
    assert!(gap > 1.2, "{gap} s");
    let results: Value = serde_json::from_str(
        &std::fs::read_to_string(folder.path(&format!("out/{TRIAL}/results.json"))).expect("results"),
    )
    .expect("JSON");
    assert_eq!(number(&results, "/soak/segments"), 3);
    let whole = samples.iter().filter(|sample| sample["whole"] == true).count();
    assert_eq!(number(&results, "/soak/samples"), whole as u64);
    // All other figures are of the last part, and the results say so.
    let last: Vec<Value> = samples
        .iter()
        .filter(|sample| sample["segment"] == 2)
        .cloned()
        .collect();
    for entry in 0..2 {
        let sent = sum(&last, &format!("/traffic/{entry}/sent_frames"));
        assert_eq!(number(&results, &format!("/traffic/{entry}/packets/sent")), sent);
        let received = sum(&last, &format!("/traffic/{entry}/received/frames"));
        assert_eq!(
            number(&results, &format!("/traffic/{entry}/packets/received")),
            received
        );
    }
    let why = list(&results, "/run/nonconformities");
    assert!(
        why.iter().any(|line| line
            .as_str()
            .is_some_and(|line| line.contains("in 3 parts") || line.contains("of 3 parts"))),
        "{why:?}"
    );
    // And nothing is left to do.
    run(sweep(&folder, "out")).expect(0);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), all);
}

#[test]
fn samples_of_a_run_in_real_time_add_up_and_are_not_left_for_another() {
    let folder = folder(RING, REAL, "");
    let (pattern, testbed) = (folder.text("soak.yaml"), folder.text("testbed.yaml"));
    let results = folder.results(0, &[&pattern, "--testbed", &testbed, "--set", "duration=1s"]);
    let file = folder.path("out/samples.jsonl");
    let samples = samples(&file);
    assert!(samples.len() >= 4, "{}", samples.len());
    for (index, entry) in list(&results, "/traffic").iter().enumerate() {
        for (ours, theirs) in [
            ("sent_frames", "/packets/sent"),
            ("sent_messages", "/messages/sent"),
            ("received/frames", "/packets/received"),
            ("received/payload_bytes", "/payload_bytes/received"),
            ("received/messages", "/messages/completed"),
        ] {
            let sum = sum(&samples, &format!("/traffic/{index}/{ours}"));
            assert_eq!(sum, number(entry, theirs), "{ours}");
        }
    }
    let port = &list(&results, "/ports")[0];
    assert_eq!(sum(&samples, "/ports/0/tx/frames"), number(port, "/tx/frames"));
    assert_eq!(sum(&samples, "/ports/0/rx/frames"), number(port, "/rx/frames"));
    // A run that is not sampled has none.
    folder.results(
        0,
        &[
            &pattern,
            "--testbed",
            &testbed,
            "--set",
            "duration=100ms",
            "--set",
            "sample=null",
        ],
    );
    assert!(!file.exists());
}

#[test]
fn too_many_samples_are_refused() {
    let folder = folder(RING, REAL, "");
    let (pattern, testbed) = (folder.text("soak.yaml"), folder.text("testbed.yaml"));
    let refused = |sample: &str| {
        let set = format!("sample={sample}");
        run(squall(&["check", &pattern, "--testbed", &testbed, "--set", &set]))
            .expect(2)
            .stderr
    };
    let said = refused("1us");
    assert!(
        said.contains("would have 4000000 samples, and may have 100000"),
        "{said}"
    );
    for wrong in ["0", "100ns", "25h", "often"] {
        let said = refused(wrong);
        assert!(said.contains("allowed: 1 us to 24 h"), "{wrong}: {said}");
    }
}

#[test]
fn a_hook_disturbs_the_device_once_while_traffic_goes_on() {
    let folder = folder(RING, REAL, "hooks: {during: disturb, after: note}\n");
    let log = "echo \"$SQUALL_HOOK $SQUALL_TRIAL $(date -u +%s.%N)\" >> \"$HOOK_LOG\"";
    script(&folder, "disturb", &format!("{log}\nsleep 0.6\n{log}"));
    script(&folder, "note", &format!("{log}\necho '{{\"readings\": []}}'"));
    let mut command = sweep(&folder, "out");
    command.env("HOOK_LOG", folder.text("log"));
    run(command).expect(0);
    let log = std::fs::read_to_string(folder.path("log")).expect("it was written");
    let calls: Vec<Vec<&str>> = log.lines().map(|line| line.split(' ').collect()).collect();
    let names: Vec<&str> = calls.iter().map(|call| call[0]).collect();
    assert_eq!(names, ["during", "during", "after"]);
    let times: Vec<f64> = calls.iter().map(|call| call[2].parse().expect("a time")).collect();
    // Frames were received in samples that ended while it ran, before it and after it.
    let samples = samples(&folder.path(&format!("out/{TRIAL}/samples.jsonl")));
    let day = |time: f64| time.rem_euclid(86_400.0);
    let at = |sample: &Value| -> f64 {
        let text = sample["process"]["at"].as_str().expect("a time");
        let clock = text.split('T').nth(1).expect("a time").trim_end_matches('Z');
        clock
            .split(':')
            .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a number"))
    };
    let received = |from: f64, to: f64| -> u64 {
        let within = samples.iter().filter(|sample| (from..to).contains(&at(sample)));
        within.map(|sample| number(sample, "/traffic/0/received/frames")).sum()
    };
    let (begun, ended) = (day(times[0]), day(times[1]));
    assert!(
        received(0.0, begun) > 0 && received(begun, ended) > 0 && received(ended, 86_400.0) > 0,
        "{times:?}"
    );
    // At half time: 2 s of 4 s.
    let by_then = samples
        .iter()
        .filter(|sample| at(sample) < begun)
        .map(|sample| number(sample, "/to_ps"));
    let by_then = by_then.max().expect("samples before it");
    assert!(
        (1_700_000_000_000..3_000_000_000_000).contains(&by_then),
        "{by_then} ps"
    );
}

#[test]
fn a_hook_that_fails_in_the_middle_ends_the_sweep_and_one_without_a_middle_is_refused() {
    let real = folder(
        RING,
        REAL,
        "set: {duration: 600ms}\nhooks: {during: disturb, at: 10%}\n",
    );
    script(&real, "disturb", "echo 'no such port' >&2; exit 3");
    let said = run(sweep(&real, "out")).expect(3).stderr;
    assert!(said.contains("hook disturb (during) at point 0"), "{said}");
    assert!(said.contains("no such port"), "{said}");
    assert!(!real.path(&format!("out/{TRIAL}/results.json")).exists());
    let simulated = folder(FABRIC, SIMULATED, "hooks: {during: disturb}\n");
    script(&simulated, "disturb", "true");
    let said = run(sweep(&simulated, "out")).expect(2).stderr;
    assert!(said.contains("fabric.faults"), "{said}");
    let endless = REAL.replace("duration: 4s\n", "").replace("rate:", "count: 3, rate:");
    let endless = folder(RING, &endless, "hooks: {during: disturb}\n");
    script(&endless, "disturb", "true");
    let said = run(sweep(&endless, "out")).expect(2).stderr;
    assert!(said.contains("needs a `duration`"), "{said}");
    for (at, fits) in [("100%", false), ("0%", false), ("50%", true)] {
        let folder = folder(RING, REAL, &format!("hooks: {{during: disturb, at: {at}}}\n"));
        script(&folder, "disturb", "true");
        let mut command = sweep(&folder, "out");
        command.arg("--dry-run");
        run(command).expect(if fits { 0 } else { 2 });
    }
}

#[test]
fn the_shipped_soak_runs_and_its_flap_is_in_the_middle() {
    let folder = Folder::new();
    let results = folder.results(
        0,
        &[
            "soak",
            "--set",
            "testbed.eal={hugepages: none, telemetry: false, memory: 512MiB}",
        ],
    );
    let samples = samples(&folder.path("out/samples.jsonl"));
    assert_eq!(number(&results, "/soak/samples"), 24);
    // The link was down from 12 ms on: frames are missing in the thirteenth sample and in no other.
    let missing = |sample: &Value| -> u64 {
        let sent: u64 = (0..4)
            .map(|entry| number(sample, &format!("/traffic/{entry}/sent_frames")))
            .sum();
        let received: u64 = (0..4)
            .map(|entry| number(sample, &format!("/traffic/{entry}/received/frames")))
            .sum();
        sent.abs_diff(received)
    };
    let gaps: Vec<u64> = samples.iter().map(missing).collect();
    let most = gaps.iter().enumerate().max_by_key(|(_, gap)| **gap).expect("samples");
    assert_eq!(most.0, 12, "{gaps:?}");
    let outages: Vec<u64> = list(&results, "/traffic")
        .iter()
        .filter_map(|entry| entry["outage"]["length_ps"].as_u64())
        .collect();
    // The switches learnt of it after 100 us.
    assert!(outages.iter().all(|length| *length >= 100_000_000), "{outages:?}");
    assert!(!outages.is_empty());
    // It is over in far less than a minute, and what its memory did is nobody's trend.
    assert_eq!(results["soak"]["resident_memory_grows"], Value::Null);
}
