//! `squall sweep` from the command line: many trials in one process, on the reference fabric and on a ring;
//! killed and gone on with; refused where it must be; its tables against arithmetic of the test's own.

mod support;

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{FABRIC, Folder, Running, list, number, run, squall, wait_for};

/// Messages that leave at random times: each seed gives other figures.
const PATTERN: &str = "
name: few
draft: \"8.1\"
frame: {ecn: ect0}
traffic:
  - {name: incast, kind: incast, senders: 2, message: 64KiB, rate: max, repeats: 8, jitter: 2us, interval: 100us}
";

/// Six points of four trials.
const SWEEP: &str = "
name: marks
pattern: few.yaml
testbed: fabric.yaml
vary:
  traffic.incast.senders: [2, 3, 4]
  testbed.fabric.switch.ecn.kmin, testbed.fabric.switch.ecn.kmax: [20KB, 60KB]
trials: 4
seed: 7
";

/// A folder with the files above; `more` goes at the end of the sweep.
fn folder(more: &str) -> Folder {
    let folder = Folder::new();
    folder.write("fabric.yaml", FABRIC);
    folder.write("few.yaml", PATTERN);
    folder.write("sweep.yaml", &format!("{SWEEP}{more}"));
    folder
}

/// An executable script.
fn script(folder: &Folder, name: &str, text: &str) {
    folder.write(name, text);
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(0o755)).expect("it was written");
}

fn sweep(folder: &Folder, out: &str, args: &[&str]) -> Command {
    let (file, out) = (folder.text("sweep.yaml"), folder.text(out));
    let mut command = squall(&["sweep", &file, "--out", &out]);
    command.args(args);
    command
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).expect("JSON")
}

/// Rows of a CSV file without quotes, by the header's names.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = text(path);
    let mut lines = text.lines().map(cells);
    let head = lines.next().expect("a header");
    lines
        .map(|line| {
            assert_eq!(line.len(), head.len());
            head.iter().cloned().zip(line).collect()
        })
        .collect()
}

/// Cells of a line of CSV (RFC 4180), none of which has a line break.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().expect("never empty").push(c),
        }
    }
    cells
}

/// The files at the top of a finished sweep and its charts, by name.
fn outcome(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for sub in ["", "plots"] {
        for item in std::fs::read_dir(folder.join(sub)).expect("the folder is there") {
            let path = item.expect("readable").path();
            let name = path.strip_prefix(folder).expect("below it").display().to_string();
            if path.is_file() && name != "journal.jsonl" {
                files.insert(name, text(&path));
            }
        }
    }
    files
}

/// Trials whose line in the journal is whole.
fn journaled(folder: &Path) -> HashSet<(u64, u64)> {
    let text = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let entries = whole.lines().skip(1).map(|line| {
        let entry: Value = serde_json::from_str(line).expect("a whole line is JSON");
        (number(&entry, "/point"), number(&entry, "/trial"))
    });
    entries.collect()
}

#[test]
fn tables_are_what_the_trials_come_to() {
    let folder = folder("hooks: {after: fabric}\nexpect: [lost == 0, \"device: Buffer_utilization < 90 %\"]\n");
    let ended = run(sweep(&folder, "out", &[])).expect(0);
    assert!(
        ended.stdout.contains("All 48 expectations are met."),
        "{}",
        ended.stdout
    );
    let out = folder.path("out");
    let trials = rows(&out.join("trials.csv"));
    assert_eq!(trials.len(), 24);
    let rate = "traffic/incast ECN_marking_rate [%]";
    for row in &trials {
        // printf 7/POINT/TRIAL | sha256sum: another implementation of the same rule.
        let seed = format!("printf 7/{}/{} | sha256sum | cut -c1-16", row["point"], row["trial"]);
        let output = Command::new("sh")
            .args(["-c", &seed])
            .output()
            .expect("sha256sum is there");
        let digest = String::from_utf8(output.stdout).expect("hexadecimal");
        let seed = u64::from_str_radix(digest.trim(), 16).expect("hexadecimal");
        assert_eq!(row["seed"], seed.to_string());
        let place = format!(
            "trials/point-{:0>4}/trial-{:0>4}/results.json",
            row["point"], row["trial"]
        );
        let results = json(&out.join(place));
        assert_eq!(results["run"]["seed"], seed);
        assert_eq!(
            results["traffic"][0]["parameters"]["pairs"].to_string(),
            row["traffic.incast.senders"]
        );
        let same = |value: &Value, text: &str| value.as_f64() == text.parse().ok();
        assert!(
            same(&results["traffic"][0]["ecn"]["marking_rate_percent"], &row[rate]),
            "{row:?}"
        );
        // What the fabric says of itself is what was read from outside.
        let device = list(&results, "/kpis")
            .iter()
            .filter(|kpi| kpi["where"] == "device/switch0");
        let of_device: Vec<&Value> = device.filter(|kpi| kpi["name"] == "ECN_marking_rate").collect();
        assert_eq!(of_device.len(), 1);
        assert!(
            same(&of_device[0]["value"], &row["device/switch0 ECN_marking_rate [%]"]),
            "{row:?}"
        );
        assert_eq!(row["device/switch0 dropped [frames]"], "0");
    }
    let points: HashSet<(String, String)> = trials
        .iter()
        .map(|row| {
            let (kmin, kmax) = ("testbed.fabric.switch.ecn.kmin", "testbed.fabric.switch.ecn.kmax");
            assert_eq!(row[kmin], row[kmax], "keys that change together");
            (row["traffic.incast.senders"].clone(), row[kmin].clone())
        })
        .collect();
    assert_eq!(points.len(), 6);
    // Mean and Student's t with 3 degrees of freedom (3.182) by hand.
    let summary = rows(&out.join("summary.csv"));
    for point in 0..6 {
        let values: Vec<f64> = trials
            .iter()
            .filter(|row| row["point"] == point.to_string())
            .map(|row| row[rate].parse().expect("a number"))
            .collect();
        let mean = values.iter().sum::<f64>() / 4.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0;
        let half = 3.182 * (variance / 4.0).sqrt();
        let found = summary.iter().find(|row| {
            row["point"] == point.to_string() && row["figure"] == "ECN_marking_rate" && row["where"] == "traffic/incast"
        });
        let found = found.expect("a row for each figure");
        let of = |key: &str| found[key].parse::<f64>().expect("a number");
        assert_eq!(found["unit"], "%");
        assert!((of("mean") - mean).abs() < 1e-9, "{found:?}");
        // No share is below zero.
        assert!(
            (of("ci95_low") - (mean - half).max(0.0)).abs() < 1e-3 * half.max(1e-9),
            "{found:?} {half}"
        );
        assert!(
            (of("ci95_high") - (mean + half).min(100.0)).abs() < 1e-3 * half.max(1e-9),
            "{found:?} {half}"
        );
        assert!(half > 0.0, "seeds differ, and so do the trials");
    }
    let summary = json(&out.join("summary.json"));
    assert_eq!(
        (&summary["complete"], &summary["schema"]),
        (&Value::from(true), &Value::from("squall.sweep/1"))
    );
    assert_eq!(list(&summary, "/points").len(), 6);
    assert_eq!(summary["sweep"]["draft"], "8.1", "the pattern's");
    assert!(
        summary["nonconformities"].to_string().contains("4 trials"),
        "{summary:#}"
    );
    assert!(!summary["nonconformities"].to_string().contains("One trial"));
    // docs/SWEEPS.md names every key.
    let document = include_str!("../docs/SWEEPS.md");
    for (row, part) in [
        ("", &summary),
        ("sweep", &summary["sweep"]),
        ("points[]", &summary["points"][0]),
        ("points[].figures[]", &summary["points"][0]["figures"][0]),
        ("expectations", &summary["expectations"]),
    ] {
        let about: String = document
            .lines()
            .filter(|line| line.starts_with(&format!("| `{row}")))
            .collect();
        for key in part.as_object().expect("an object").keys() {
            let said = about.contains(&format!("`{key}")) || key.ends_with("_sha256");
            assert!(said, "`{key}` of `{row}` is not described");
        }
    }
    // Charts are XML to others too.
    let names = [
        "marking-rate",
        "marking-curve",
        "KV_xfer_latency",
        "Fabric_Goodput",
        "latency-cdf",
    ];
    for name in names {
        let path = out.join(format!("plots/{name}.svg"));
        let check = "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])";
        let status = Command::new("python3").args(["-c", check]).arg(&path).status();
        assert!(status.expect("python3 is there").success(), "{}", path.display());
    }
    let curve = text(&out.join("plots/marking-curve.svg"));
    assert!(curve.contains("kmin/kmax=60KB") && curve.contains("read: "), "{curve}");
}

#[test]
fn a_killed_sweep_loses_nothing_runs_nothing_twice_and_ends_the_same() {
    let log = "echo \"$SQUALL_POINT $SQUALL_TRIAL\" >> \"$HOOK_LOG\"";
    let folder = folder("hooks: {before: note, after: fabric}\nexpect: lost == 1\n");
    script(&folder, "note", &format!("#!/bin/sh\n{log}\n"));
    let start = |out: &str| {
        let mut command = sweep(&folder, out, &["--quiet"]);
        command.env("HOOK_LOG", folder.text(&format!("{out}.log")));
        command
    };
    let whole = run(start("whole")).expect(1);
    let (log, out) = (folder.path("killed.log"), folder.path("killed"));
    std::fs::write(&log, "").expect("writable");
    // What was finished before each kill, and how many calls of the hook there were by then.
    let mut kills: Vec<(HashSet<(u64, u64)>, usize)> = Vec::new();
    let calls = || text(&log).lines().count();
    for round in 0_u64.. {
        let running = Running::start(start("killed"));
        let (before, wanted) = (journaled(&out).len(), 2 + usize::try_from(round % 4).expect("small"));
        if before + wanted >= 24 {
            let ended = running.wait().expect(1);
            assert_eq!(ended.stderr, whole.stderr);
            break;
        }
        wait_for("some trials", || journaled(&out).len() >= before + wanted);
        // At any moment of the next one.
        std::thread::sleep(Duration::from_millis(round * 7 % 40));
        drop(running);
        kills.push((journaled(&out), calls()));
        if round % 2 == 0 {
            // As if the kill had come in the middle of a line.
            let journal = out.join("journal.jsonl");
            std::fs::write(&journal, text(&journal) + "{\"point\":5,\"tri").expect("writable");
        }
    }
    assert!(kills.len() >= 4, "{}", kills.len());
    assert_eq!(outcome(&out), outcome(&folder.path("whole")));
    let calls: Vec<(u64, u64)> = text(&log)
        .lines()
        .map(|line| {
            let (point, trial) = line.split_once(' ').expect("two numbers");
            (point.parse().expect("a number"), trial.parse().expect("a number"))
        })
        .collect();
    for (finished, so_far) in &kills {
        let again: Vec<_> = calls[*so_far..]
            .iter()
            .filter(|trial| finished.contains(trial))
            .collect();
        assert!(again.is_empty(), "run again although finished: {again:?}");
    }
    // A kill costs at most the trial that was under way.
    assert!(calls.len() <= 24 + kills.len(), "{} calls", calls.len());
    assert_eq!(calls.iter().collect::<HashSet<_>>().len(), 24);
}

#[test]
fn results_without_their_line_are_taken_in_and_a_line_without_its_results_is_not_believed() {
    let folder = folder("");
    run(sweep(&folder, "out", &["--trials", "2"])).expect(0);
    let out = folder.path("out");
    let before = outcome(&out);
    let journal = out.join("journal.jsonl");
    let lines: Vec<String> = text(&journal).lines().map(str::to_owned).collect();
    // The last line lost, as by a kill between the results and the journal; another trial's file spoilt.
    std::fs::write(&journal, lines[..lines.len() - 1].join("\n") + "\n").expect("writable");
    let spoilt = out.join("trials/point-0001/trial-0000/results.json");
    std::fs::write(&spoilt, "{}").expect("writable");
    let last = out.join("trials/point-0005/trial-0001/results.json");
    let kept = text(&last);
    let ended = run(sweep(&folder, "out", &["--trials", "2"])).expect(0);
    assert!(
        ended.stderr.contains("11 of 12 trials are done already"),
        "{}",
        ended.stderr
    );
    assert_eq!(text(&last), kept, "it was not run again");
    assert!(text(&spoilt).len() > 100, "it was");
    assert_eq!(outcome(&out), before);
}

#[test]
fn more_trials_can_be_asked_for_later() {
    let folder = folder("");
    run(sweep(&folder, "out", &["--trials", "2"])).expect(0);
    let out = folder.path("out");
    let two = outcome(&out);
    let ended = run(sweep(&folder, "out", &["--trials", "3"])).expect(0);
    assert!(
        ended.stderr.contains("12 of 18 trials are done already"),
        "{}",
        ended.stderr
    );
    run(sweep(&folder, "whole", &["--trials", "3"])).expect(0);
    assert_eq!(outcome(&out), outcome(&folder.path("whole")));
    // And fewer: the others stay where they are.
    run(sweep(&folder, "out", &["--trials", "2"])).expect(0);
    assert_eq!(outcome(&out), two);
    // The files of a single run would be taken for the sweep's.
    let mut single = squall(&["run", "first-look", "--testbed", "null", "--out"]);
    single.arg(&out);
    let refused = run(single).expect(2);
    assert!(refused.stderr.contains("holds a sweep"), "{}", refused.stderr);
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_says_how_to_go_on() {
    let folder = folder("hooks: {before: pause}\n");
    script(&folder, "pause", "#!/bin/sh\nsleep 0.2\n");
    let mut running = Running::start(sweep(&folder, "out", &[]));
    let out = folder.path("out");
    wait_for("two trials", || journaled(&out).len() >= 2);
    running.signal("INT");
    assert!(running.is_running(), "it ends in order");
    let ended = running.wait().expect(1);
    let done = journaled(&out).len();
    assert!((2..24).contains(&done), "{done}");
    assert!(
        ended.stderr.contains(&format!(
            "{done} of 24 trials are done; the same command goes on with it"
        )),
        "{}",
        ended.stderr
    );
    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["complete"], false);
    assert_eq!(rows(&out.join("trials.csv")).len(), done);
    let ended = run(sweep(&folder, "out", &[])).expect(0);
    assert!(
        ended.stderr.contains(&format!("{done} of 24 trials are done already")),
        "{}",
        ended.stderr
    );
    assert_eq!(json(&out.join("summary.json"))["complete"], true);
}

#[test]
fn another_sweeps_folder_is_refused_and_restart_begins_anew() {
    let folder = folder("");
    let few = ["--trials", "1"];
    run(sweep(&folder, "out", &few)).expect(0);
    let out = folder.path("out");
    let first = text(&out.join("trials/point-0000/trial-0000/results.json"));
    for other in [
        &["--trials", "1", "--seed", "8"][..],
        &["--trials", "1", "--set", "icrc_check=none"],
    ] {
        let ended = run(sweep(&folder, "out", other)).expect(2);
        assert!(
            ended
                .stderr
                .contains("another sweep (marks), or another version of this one"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("--restart"), "{}", ended.stderr);
    }
    folder.write("few.yaml", &PATTERN.replace("64KiB", "32KiB"));
    run(sweep(&folder, "out", &few)).expect(2);
    run(sweep(&folder, "out", &["--trials", "1", "--restart"])).expect(0);
    assert_ne!(text(&out.join("trials/point-0000/trial-0000/results.json")), first);
    assert_eq!(journaled(&out).len(), 6);
    // A folder whose journal is gone is nobody's: nothing there is overwritten unasked.
    std::fs::remove_file(out.join("journal.jsonl")).expect("it is there");
    let ended = run(sweep(&folder, "out", &few)).expect(2);
    assert!(ended.stderr.contains("trials without a journal"), "{}", ended.stderr);
    // A damaged line that is not the last one is no torn line.
    run(sweep(&folder, "out", &["--trials", "1", "--restart"])).expect(0);
    let journal = out.join("journal.jsonl");
    std::fs::write(&journal, text(&journal).replacen("\"point\":2", "\"pint\":2", 1)).expect("writable");
    let ended = run(sweep(&folder, "out", &few)).expect(2);
    assert!(
        ended.stderr.contains("journal.jsonl, line 4: missing field `point`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = folder("hooks: {before: wait}\n");
    script(&folder, "wait", "#!/bin/sh\ntouch \"$SQUALL_OUT/waiting\"\nsleep 60\n");
    let first = Running::start(sweep(&folder, "out", &[]));
    let waiting = folder.path("out/trials/point-0000/trial-0000/waiting");
    wait_for("the first trial", || waiting.exists());
    let ended = run(sweep(&folder, "out", &[])).expect(3);
    assert!(
        ended.stderr.contains("another squall is at work in this folder"),
        "{}",
        ended.stderr
    );
    drop(first);
}

#[test]
fn expectations_decide_the_status_and_say_what_was_measured() {
    let folder = folder("expect:\n  - incast: ECN_marking_rate > 99 %\n  - Buffer_utilization < 50 %\n");
    let ended = run(sweep(&folder, "out", &["--trials", "1"])).expect(1);
    let head = "12 of 12 expectations not met:\n  point 0 (senders=2 kmin/kmax=20KB), trial 0: expected \
                `incast: ECN_marking_rate > 99 %`: ECN_marking_rate of traffic/incast is ";
    assert!(ended.stderr.contains(head), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("nothing in this run has the figure `Buffer_utilization`"),
        "{}",
        ended.stderr
    );
    let results = json(&folder.path("out/trials/point-0000/trial-0000/results.json"));
    assert_eq!(list(&results, "/expectations").len(), 2);
    assert_eq!(results["expectations"][0]["met"], false);
}

#[test]
fn a_pattern_s_expectations_judge_a_run() {
    let folder = folder("");
    let lines = "expect:\n  - lost == 0\n  - incast: KV_xfer_latency.p99 < 1 ps\n";
    let pattern = folder.write("strict.yaml", &format!("{PATTERN}{lines}"));
    let testbed = folder.text("fabric.yaml");
    let out = folder.text("out");
    let ended = run(squall(&["run", &pattern, "--testbed", &testbed, "--out", &out])).expect(1);
    assert!(
        ended.stderr.contains("1 of 2 expectations not met:"),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("expected `incast: KV_xfer_latency.p99 < 1 ps`: KV_xfer_latency.p99 of traffic/incast is ")
    );
    let results = folder.results_of("out");
    let met: Vec<&Value> = list(&results, "/expectations")
        .iter()
        .map(|line| &line["met"])
        .collect();
    assert_eq!(met, [true, false]);
    assert!(folder.path("out/latency-cdf.svg").exists());
    run(squall(&[
        "run",
        &pattern,
        "--testbed",
        &testbed,
        "--quiet",
        "--set",
        "expect=lost == 0",
    ]))
    .expect(0);
}

#[test]
fn run_varies_in_real_time_too() {
    let folder = Folder::new();
    let ring = folder.write(
        "ring.yaml",
        "eal: {hugepages: none, telemetry: false}\nports:\n  - {name: loop, device: net_ring0, speed: 40Gbps}\n",
    );
    let out = folder.text("out");
    let ended = run(squall(&[
        "run",
        "first-look",
        "--testbed",
        &ring,
        "--set",
        "traffic.0.repeats=2",
        "--vary",
        "traffic.0.senders=2,[1, 3, 4]",
        "--vary",
        "traffic.0.message=4KiB,64KiB",
        "--trials",
        "3",
        "--out",
        &out,
    ]))
    .expect(0);
    assert!(
        ended.stdout.starts_with("first-look: 4 points, 3 trials each"),
        "{}",
        ended.stdout
    );
    let trials = rows(&folder.path("out/trials.csv"));
    assert_eq!(trials.len(), 12);
    let head: Vec<&str> = trials.iter().map(|row| row["traffic.0.senders"].as_str()).collect();
    assert_eq!(head[..3], ["2", "2", "2"]);
    assert_eq!(head[6..9], ["[1, 3, 4]", "[1, 3, 4]", "[1, 3, 4]"]);
    for row in &trials {
        let lost = row.iter().filter(|(name, _)| name.ends_with(" lost [frames]"));
        assert!(
            lost.clone().count() > 0 && lost.clone().all(|(_, value)| value == "0"),
            "{row:?}"
        );
    }
    let summary = json(&folder.path("out/summary.json"));
    assert_eq!(summary["sweep"]["clock"], "tsc");
}

#[test]
fn mistakes_are_placed_where_they_are_made() {
    let folder = folder("expect: [\"incats: lost == 0\"]\n");
    let broken = SWEEP
        .replace("[2, 3, 4]", "[2, many]")
        .replace("[20KB, 60KB]", "[20KB, 60kb]");
    folder.write("sweep.yaml", &format!("{broken}expect: [\"incats: lost == 0\"]\n"));
    let ended = run(sweep(&folder, "out", &["--set", "traffic.incast.mesage=1KiB"])).expect(2);
    for part in [
        "mistakes",
        "sweep.yaml:6:31: `senders` is `many`",
        "sweep.yaml:7:74: `kmin` is `60kb`",
        "--set traffic.incast.mesage=1KiB: unknown key `mesage`",
    ] {
        assert!(ended.stderr.contains(part), "{part} is missing in {}", ended.stderr);
    }
    assert!(!folder.path("out").exists(), "nothing was begun");
    folder.write("sweep.yaml", &format!("{SWEEP}expect: [\"incats: lost == 0\"]\n"));
    let ended = run(sweep(&folder, "out", &[])).expect(2);
    let place =
        "there is no traffic entry `incats`; allowed: incast, ports, queues, run, device; did you mean `incast`?";
    assert!(
        ended.stderr.contains(place) && ended.stderr.contains("sweep.yaml:10:10"),
        "{}",
        ended.stderr
    );
    // What does not fit shows before the first trial, with its point.
    let wide = SWEEP
        .replace("[2, 3, 4]", "[2, 3000]")
        .replace("testbed: fabric.yaml", "testbed: ring.yaml");
    let wide = wide
        .lines()
        .filter(|line| !line.contains("kmin"))
        .collect::<Vec<_>>()
        .join("\n");
    folder.write(
        "ring.yaml",
        "ports:\n  - {device: net_ring0, speed: 40Gbps, workers: 4}\n",
    );
    folder.write("sweep.yaml", &wide);
    let ended = run(sweep(&folder, "out", &[])).expect(2);
    assert!(
        ended
            .stderr
            .contains("point 1 (senders=3000): the pattern does not fit the testbed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_dry_run_lists_the_points() {
    let folder = folder("");
    let file = folder.text("sweep.yaml");
    let ended = run(squall(&["sweep", &file, "--dry-run"])).expect(0);
    assert!(
        ended.stdout.contains("6 points, 4 trials each, seed 7"),
        "{}",
        ended.stdout
    );
    // Two, three and four senders, each twice: 8 rounds of 16 frames, four trials.
    let frames = (2 + 3 + 4) * 2 * 8 * 16 * 4;
    assert!(
        ended.stdout.contains(&format!("; {frames} frames, ")),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("     5  senders=4 kmin/kmax=60KB\n"),
        "{}",
        ended.stdout
    );
    let ended = run(squall(&["sweep", &file])).expect(2);
    assert!(ended.stderr.contains("--out DIR"), "{}", ended.stderr);
}

/// What squall itself names is what came with it: files of the same name in the current folder are the user's, and
/// meant where the user types their name.
#[test]
fn a_file_named_like_a_shipped_one_hides_it_from_nobody_but_who_types_it() {
    let folder = Folder::new();
    for name in ["switch", "ecn-incast", "first-look", "ecmp-entropy", "oversubscribed"] {
        folder.write(name, "no: such key\n");
    }
    let within = |args: &[&str]| {
        let mut command = squall(args);
        command.current_dir(folder.path(""));
        run(command)
    };
    // The shipped sweep's pattern and testbed, the suite's, and the testbed by default.
    folder.write("own.yaml", "traffic: [{kind: incast, senders: 2, message: 4KiB}]\n");
    within(&["check", "own.yaml"]).expect(0);
    within(&["sweep", "ecmp", "--dry-run", "--out", "out"]).expect(0);
    within(&["suite", "run", "8.1", "--profile", "quick", "--dry-run", "--out", "out"]).expect(0);
    // Typed names.
    let text = within(&["check", "own.yaml", "--testbed", "switch"]).expect(2).stderr;
    assert!(text.contains("switch:1:1"), "{text}");
    let text = within(&["check", "first-look"]).expect(2).stderr;
    assert!(text.contains("first-look:1:1"), "{text}");
}
