//! `squall suite`: every test of the draft that there is, run on the reference fabric; its KPIs against the
//! fabric's own counters and against arithmetic of the test's own; its page in a browser; killed and gone on
//! with; held against another run of the same switch and of one with a planted fault.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use squall::suite::model::{Cell, Kpi, State, Suite, Test};
use squall::suite::{Asked, Profile, SHIPPED};
use squall::sweep::Axis;
use support::{Folder, Running, run, squall, wait_for};

/// Every test of the list, in the draft's order.
const TESTS: [&str; 16] = [
    "5.1", "5.2", "5.3", "7.1", "7.2", "7.3", "7.4", "8.1", "8.2", "8.3", "8.4", "9.3", "12.1", "12.3", "13.1", "13.3",
];

/// The draft's KPIs that belong to DUT-S and DUT-F, and to DUT-N as far as a generator can see (its Tables 2 to 4),
/// with its units, and a test of which each must be measured.
const KPIS: &[(&str, &str, &str)] = &[
    ("ITL_fabric_p99", "ms", "7.2"),
    ("Fabric_Goodput", "GB/s", "5.1"),
    ("KV_xfer_latency", "us", "5.2"),
    ("KV_xfer_bandwidth", "GB/s", "5.1"),
    ("EP_alltoall_latency", "us", "7.1"),
    ("EP_alltoall_bandwidth", "GB/s", "7.1"),
    ("Fabric_FCT", "us", "5.3"),
    ("Buffer_utilization", "%", "8.1"),
    ("ECN_marking_rate", "%", "8.1"),
    ("PFC_frame_count", "frames", "8.2"),
    ("PFC_frame_count", "frames/s", "8.2"),
    ("Link_utilization", "%", "5.1"),
    ("Packet_drop_rate", "ppm", "12.3"),
];

fn asked(profile: Profile, testbed: Option<&str>) -> Asked {
    Asked {
        testbed: testbed.map(str::to_owned),
        ..Asked::new(profile)
    }
}

/// Runs `squall suite run` with `args` into `out` of `folder`.
fn suite(folder: &Folder, out: &str, args: &[&str]) -> Suite {
    let out = folder.text(out);
    let mut all = vec!["suite", "run", "--profile", "quick", "--quiet", "--out", &out];
    all.extend(args);
    run(squall(&all)).expect(0);
    read(Path::new(&out))
}

fn read(folder: &Path) -> Suite {
    let text = std::fs::read(folder.join("report.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn test<'a>(suite: &'a Suite, id: &str) -> &'a Test {
    suite.tests.iter().find(|test| test.id == id).unwrap()
}

/// The KPI at a point and place.
fn kpi<'a>(test: &'a Test, point: usize, place: &str, name: &str, statistic: &str) -> &'a Kpi {
    let is = |kpi: &&Kpi| (kpi.point, &*kpi.place, &*kpi.name, &*kpi.statistic) == (point, place, name, statistic);
    let found = test.kpis.iter().find(is);
    found.unwrap_or_else(|| panic!("{}: no {name}.{statistic} of {place} at point {point}", test.id))
}

/// A file of one trial.
fn of_trial(folder: &Folder, out: &str, id: &str, point: usize, file: &str) -> Value {
    let path = folder
        .path(out)
        .join(id)
        .join(format!("trials/point-{point:04}/trial-0000/{file}"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Sum of a counter over all classes of some ports.
fn over_classes(ports: &Value, key: &str) -> u64 {
    let ports = ports.as_array().unwrap().iter();
    let classes = ports.flat_map(|port| port["classes"].as_array().unwrap());
    classes.map(|class| class[key].as_u64().unwrap()).sum()
}

#[test]
fn every_test_of_the_list_is_there_in_both_profiles_and_on_real_ports() {
    let ids: Vec<&str> = SHIPPED.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, TESTS);
    for id in TESTS {
        let draft = squall::suite::test(id, &asked(Profile::Draft, None)).unwrap_or_else(|error| panic!("{error}"));
        let quick = squall::suite::test(id, &asked(Profile::Quick, None)).unwrap_or_else(|error| panic!("{error}"));
        // Every point of both loads, with its pattern and its testbed.
        for test in [&draft, &quick] {
            test.ready
                .check(|_, _| Ok(()))
                .unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        assert!(quick.reduced.len() > draft.reduced.len(), "{id}");
        // The draft's section 1.3: 50 of bursts; of a soak it asks for no second.
        let trials = match id {
            "8.2" => 50,
            "13.1" | "13.3" => 1,
            _ => 20,
        };
        assert_eq!(draft.ready.sweep.trials, trials, "{id}");
        assert_eq!(quick.draft_trials, trials as usize, "{id}");
        // A Linux bridge: no key of the fabric is left, and what nobody sets is not varied.
        let kernel = squall::suite::test(id, &asked(Profile::Quick, Some("kernel-switch")))
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        let keys = kernel.ready.sweep.axes.iter().flat_map(|axis| &axis.keys);
        assert!(
            keys.clone().all(|key| !key.starts_with("testbed.fabric")),
            "{id}: {:?}",
            keys.collect::<Vec<_>>()
        );
    }
    let hooked = Asked {
        before: Some("kernel-switch".to_owned()),
        after: Some("kernel-switch".to_owned()),
        hook_timeout: Some("5min".to_owned()),
        ..asked(Profile::Quick, Some("kernel-switch"))
    };
    let marks = squall::suite::test("8.1", &hooked).unwrap_or_else(|error| panic!("{error}"));
    let keys: Vec<String> = marks.ready.sweep.axes.iter().map(Axis::title).collect();
    assert_eq!(
        keys[1], "testbed.configured.meter.cbs",
        "a bridge marks by a token bucket, which the hook sets"
    );
    assert_eq!(marks.ready.sweep.hooks.timeout, Duration::from_mins(5));
}

/// The draft's own parameters, written out from its procedures.
#[test]
fn the_draft_profile_has_the_drafts_parameters() {
    let values = |id: &str, axis: &str| -> Vec<String> {
        let test = squall::suite::test(id, &asked(Profile::Draft, None)).unwrap_or_else(|error| panic!("{error}"));
        let sweep = &test.ready.sweep;
        let at = sweep
            .axes
            .iter()
            .position(|known| known.keys.iter().any(|key| key == axis))
            .unwrap();
        let mut found: Vec<String> = Vec::new();
        for point in &sweep.points {
            let value = point.values[at].as_ref().unwrap().value.clone();
            if !found.contains(&value) {
                found.push(value);
            }
        }
        found
    };
    assert_eq!(
        values("5.1", "traffic.put.message"),
        ["64KB", "256KB", "1MB", "4MB", "16MB", "64MB", "256MB", "1GB"]
    );
    assert_eq!(
        values("5.1", "traffic.put.qps"),
        ["1", "4", "8", "16", "32", "64", "128"]
    );
    assert_eq!(values("5.2", "traffic.put.message"), ["64KB", "1MB", "16MB", "256MB"]);
    assert_eq!(values("5.2", "traffic.load.load"), ["0%", "25%", "50%", "75%", "90%"]);
    assert_eq!(
        values("5.3", "traffic.kv.pairs"),
        ["1", "2", "4", "8", "16", "32", "64", "128"]
    );
    assert_eq!(values("7.1", "traffic.dispatch.model"), ["M1", "M2", "M3", "M4"]);
    assert_eq!(
        values("7.3", "traffic.dispatch.ranks"),
        ["8", "16", "32", "48", "64", "96"]
    );
    assert_eq!(values("7.4", "traffic.kv.rate"), ["50%", "75%"]);
    assert_eq!(values("8.1", "traffic.incast.senders"), ["2", "4", "8", "16", "32"]);
    assert_eq!(
        values("8.1", "testbed.fabric.switch.ecn.kmin"),
        ["100KB", "500KB", "1MB", "5MB"]
    );
    assert_eq!(values("8.2", "traffic.burst.transfers"), ["4", "8", "16", "32"]);
    assert_eq!(values("8.2", "traffic.burst.window"), ["100us", "1ms", "10ms"]);
    let xoff = values("8.2", "testbed.fabric.switch.pfc.xoff");
    assert_eq!(
        (xoff.first().unwrap().as_str(), xoff.last().unwrap().as_str()),
        ("10KB", "1MB")
    );
}

/// All of it, once: states, KPIs, units, counters, routed tokens, the page.
#[test]
fn the_whole_suite_on_the_reference_fabric() {
    let folder = Folder::new();
    let all = suite(&folder, "all", &["--trials", "2"]);
    let ids: Vec<&str> = all.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(ids, TESTS);
    for test in &all.tests {
        assert_eq!((test.state, &test.why), (State::Complete, &None), "{}", test.id);
        assert!(
            !test.charts.is_empty() && !test.tables.is_empty() && !test.kpis.is_empty(),
            "{}",
            test.id
        );
        assert!(
            !test.conforming && !test.nonconformities.is_empty(),
            "quick conforms to nothing: {}",
            test.id
        );
    }
    for (name, unit, id) in KPIS {
        let found = test(&all, id)
            .kpis
            .iter()
            .find(|kpi| kpi.name == *name && kpi.unit == *unit);
        let found = found.unwrap_or_else(|| panic!("test {id} has no {name} in {unit}"));
        assert!(found.mean.is_some(), "{name} of test {id} was not measured");
    }
    let absent: Vec<&str> = all.absent.iter().map(|test| test.id.as_str()).collect();
    let wanted = [
        "5.4", "6.1", "6.2", "6.3", "6.4", "9.1", "9.2", "9.4", "10.1", "10.2", "10.3", "10.4", "11.1", "11.2", "11.3",
        "12.2", "13.2",
    ];
    assert_eq!(absent, wanted);

    marks_and_pauses_are_the_fabrics(&folder, &all);
    arithmetic(&folder, &all);
    tokens_are_routed(&folder, &all);

    let page = std::fs::read_to_string(folder.path("all/report.html")).unwrap();
    if let Some(chromium) = browser::chromium() {
        browser::look(chromium, &page, |seen| browser::check_layout(&all, seen));
    }
}

/// Means over the trials of what the fabric's own counters say.
fn marks_and_pauses_are_the_fabrics(folder: &Folder, all: &Suite) {
    let counters = |id: &str, point: usize, trial: usize, file: &str| -> Value {
        let path = format!("{id}/trials/point-{point:04}/trial-{trial:04}/{file}");
        serde_json::from_slice(&std::fs::read(folder.path("all").join(path)).unwrap()).unwrap()
    };
    let marking = test(all, "8.1");
    for point in 0..marking.points.len() {
        // All entries are ECN-capable, and every mark is made by the one switch.
        let (mut marked, mut seen) = (0, 0);
        for trial in 0..2 {
            let fabric = counters("8.1", point, trial, "fabric.json");
            marked += over_classes(&fabric["switches"][0]["ports"], "marked_frames");
            let results = counters("8.1", point, trial, "results.json");
            let entries = results["traffic"].as_array().unwrap().iter();
            seen += entries
                .map(|entry| entry["ecn"]["received"]["ce"].as_u64().unwrap())
                .sum::<u64>();
        }
        assert_eq!(marked, seen, "point {point}");
        let rate = kpi(marking, point, "traffic/incast", "ECN_marking_rate", "")
            .mean
            .unwrap();
        assert!((0.0..=100.0).contains(&rate) && rate > 0.0);
        // The threshold is the planted one, within a frame.
        let planted: f64 = match marking.points[point].values[1].as_deref().unwrap() {
            "100KB" => 1e5,
            "500KB" => 5e5,
            "1MB" => 1e6,
            other => panic!("{other}"),
        };
        let read = kpi(marking, point, "queues", "ECN_probe_Kmin", "").mean.unwrap();
        assert!(
            (read - planted).abs() <= 4200.0,
            "point {point}: read {read}, planted {planted}"
        );
    }
    let bursts = test(all, "8.2");
    for point in 0..bursts.points.len() {
        let frames: Vec<f64> = (0..2)
            .map(|trial| {
                let hosts = counters("8.2", point, trial, "fabric.json")["hosts"].clone();
                (over_classes(&hosts, "xoff_received") + over_classes(&hosts, "xon_received")) as f64
            })
            .collect();
        let mean = (frames[0] + frames[1]) / 2.0;
        let found = kpi(bursts, point, "ports", "PFC_frame_count", "").mean.unwrap();
        assert!(close(found, mean), "point {point}: {found} against {mean}");
        // Side by side with them in the report: what the switch says that it sent.
        let title = "By the device's own counters";
        let table = bursts
            .tables
            .iter()
            .find(|table| table.title.starts_with(title))
            .unwrap();
        let column = table.columns.iter().position(|column| column.name == "PFC_frame_count");
        let Cell::Figure { mean: told, .. } = table.rows[point][column.unwrap()] else {
            panic!("point {point}: nothing in the device's table");
        };
        assert!(close(told, mean), "point {point}: {told} against {mean}");
    }
    // Losses, by the fabric's own count of all causes.
    let failures = test(all, "12.3");
    for point in 0..failures.points.len() {
        let rates: Vec<f64> = (0..2)
            .map(|trial| {
                let fabric = counters("12.3", point, trial, "fabric.json");
                let lost = fabric["lost"].as_object().unwrap().values();
                let lost: u64 = lost.map(|frames| frames.as_u64().unwrap()).sum();
                1e6 * lost as f64 / fabric["frames_sent"].as_u64().unwrap() as f64
            })
            .collect();
        let found = kpi(failures, point, "traffic/kv", "Packet_drop_rate", "").mean.unwrap();
        let mean = (rates[0] + rates[1]) / 2.0;
        assert!(close(found, mean), "point {point}: {found} against {mean}");
    }
}

/// Derived figures and rates, worked out once more.
fn arithmetic(folder: &Folder, all: &Suite) {
    // 400 Gb/s, 4096 bytes of payload in frames of at most 4194 on the wire with 24 more: below line rate and near it.
    for kpi in test(all, "5.1")
        .kpis
        .iter()
        .filter(|kpi| kpi.name == "KV_xfer_bandwidth")
    {
        let mean = kpi.mean.unwrap();
        assert!((48.0..50.0).contains(&mean), "{mean}");
    }
    // Definition (draft 5.2): P99 − P50 of the same trials.
    let latency = test(all, "5.2");
    let of = |statistic| {
        kpi(latency, 4, "traffic/put", "KV_xfer_latency", statistic)
            .mean
            .unwrap()
    };
    assert!(
        close(of("tail-spread"), of("p99") - of("p50")) || (of("tail-spread") - of("p99") + of("p50")).abs() < 1e-6
    );
    // Jain's index over the pairs, from the flows' own goodput: (Σx)² / (n·Σx²).
    let last = test(all, "5.3").points.len() - 1;
    let mean_of = |pick: &dyn Fn(&Value) -> f64| {
        let of = |trial: usize| {
            let path = format!("all/5.3/trials/point-{last:04}/trial-{trial:04}/results.json");
            pick(&serde_json::from_slice(&std::fs::read(folder.path(&path)).unwrap()).unwrap())
        };
        (of(0) + of(1)) / 2.0
    };
    let index = mean_of(&|results| results["traffic"][0]["jfi"]["index"].as_f64().unwrap());
    assert!(close(
        kpi(test(all, "5.3"), last, "traffic/kv", "JFI", "").mean.unwrap(),
        index
    ));
    // Draft 7.3: (EP=8 latency) / (EP=N latency) · (N/8), of the first trial.
    let wide = test(all, "7.3");
    let latency = |point| {
        kpi(wide, point, "traffic/dispatch", "EP_alltoall_latency", "mean")
            .mean
            .unwrap()
    };
    for (point, ranks) in [8.0, 16.0, 32.0, 48.0, 64.0, 96.0].into_iter().enumerate() {
        assert_eq!(
            wide.points[point].values[0].as_deref().unwrap().parse::<f64>().unwrap(),
            ranks
        );
        let found = kpi(wide, point, "derived", "scaling_efficiency", "");
        // The mean of ratios lies between those of the greatest and the least latency.
        let ends = [found.min.unwrap(), found.max.unwrap()];
        let expected = latency(0) / latency(point) * ranks / 8.0;
        assert!(
            ends[0] * 0.999 <= expected && expected <= ends[1] * 1.001,
            "{ends:?} {expected}"
        );
        // Between nodes, which are leaves: the frames that the fabric's uplinks carried, of all.
        let fabric = of_trial(folder, "all", "7.3", point, "fabric.json");
        let leaves = fabric["switches"].as_array().unwrap().iter();
        let leaves = leaves.filter(|switch| switch["name"].as_str().unwrap().starts_with("leaf"));
        let ports = leaves.flat_map(|switch| switch["ports"].as_array().unwrap());
        let up = ports.filter(|port| port["to"].as_str().unwrap().starts_with("spine"));
        let up = Value::Array(up.cloned().collect());
        let share = over_classes(&up, "sent_frames") as f64 / fabric["frames_sent"].as_f64().unwrap();
        let said = kpi(wide, point, "derived", "inter_node_fraction", "").mean.unwrap();
        assert!(
            (share - said).abs() < 0.01,
            "{ranks} ranks: {share} of the frames, {said} said"
        );
    }
    // BusBW: (n−1)/n of what a rank hands over, its own experts' tokens included, over the time of a dispatch.
    let results = of_trial(folder, "all", "7.1", 0, "results.json");
    let entry = &results["traffic"][0];
    let number = |pointer: &str| entry.pointer(pointer).and_then(Value::as_f64).unwrap();
    let ranks = number("/parameters/ranks");
    let tokens = (number("/routing/sent") + number("/routing/local")) / number("/parameters/dispatches");
    let seconds = number("/rounds/time/mean") / 1e12;
    let expected = tokens * number("/parameters/token_bytes") / ranks / seconds / 1e9 * (ranks - 1.0) / ranks;
    let kpis = results["kpis"].as_array().unwrap();
    let found = kpis.iter().find(|kpi| kpi["name"] == "BusBW").unwrap()["value"]
        .as_f64()
        .unwrap();
    assert!((found / expected - 1.0).abs() < 1e-3, "{found} against {expected}");
    // Two to one: eight hosts of a leaf, four uplinks, all of 400 Gb/s.
    assert_eq!(kpi(test(all, "9.3"), 0, "run", "Oversubscription", "").mean, Some(2.0));
}

/// Payloads follow from routed tokens (draft, Table 7).
fn tokens_are_routed(folder: &Folder, all: &Suite) {
    let modes = test(all, "7.2");
    let routing = |point: usize| modes.points[point].values[1].clone().unwrap();
    assert_eq!(
        [0, 1, 2, 3, 4].map(routing),
        ["top-k", "top-k", "expert-choice", "top-k-drop", "aux-loss"].map(str::to_owned)
    );
    let entry = |point: usize| of_trial(folder, "all", "7.2", point, "results.json")["traffic"][0].clone();
    let tokens = |point: usize, key: &str| entry(point)["routing"][key].as_u64().unwrap();
    // Top-k sends every copy; a capacity drops some and sends fewer; nothing else drops any.
    assert!(tokens(3, "dropped") > 0 && tokens(3, "sent") < tokens(1, "sent"));
    for point in [0, 1, 2, 4] {
        assert_eq!(tokens(point, "dropped"), 0, "point {point}");
    }
    // What is not sent is among the KPIs, for it makes a dispatch shorter.
    for (point, name, key) in [
        (3, "tokens_dropped", "dropped"),
        (6, "tokens_overflow", "overflow"),
        (6, "tokens_padding", "padding"),
    ] {
        let [first, second] = [0, 1].map(|trial| {
            let path = format!("all/7.2/trials/point-{point:04}/trial-{trial:04}/results.json");
            let results: Value = serde_json::from_slice(&std::fs::read(folder.path(&path)).unwrap()).unwrap();
            results["traffic"][0]["routing"][key].as_f64().unwrap()
        });
        let said = kpi(modes, point, "traffic/dispatch", name, "").mean.unwrap();
        assert!(said > 0.0 && close(said, (first + second) / 2.0), "{name}: {said}");
    }
    // 16 ranks of 64 tokens, top 2, 8 dispatches: every copy is sent or stays at home.
    assert_eq!(tokens(0, "sent") + tokens(0, "local"), 16 * 64 * 2 * 8);
    // The payload on the wire is the tokens' own: 7168 elements of 2 bytes.
    let payload = entry(0)["payload_bytes"]["sent"].as_u64().unwrap();
    assert_eq!(payload, tokens(0, "sent") * 7168 * 2);
    // Low-latency dispatch carries the same from every rank, whatever the routing.
    let sent = |point: usize| entry(point)["payload_bytes"]["sent"].as_u64().unwrap();
    assert_eq!(sent(5), sent(9));
    // The auxiliary loss evens out receivers; a skewed top-k does not: later.
    let skewed = kpi(modes, 1, "traffic/dispatch", "EP_alltoall_latency", "mean")
        .mean
        .unwrap();
    let even = kpi(modes, 4, "traffic/dispatch", "EP_alltoall_latency", "mean")
        .mean
        .unwrap();
    assert!(skewed > even, "a hot spot takes longer: {skewed} against {even}");
}

/// Killed twice, at whatever place, and resumed: the same report, to the byte.
#[test]
fn a_suite_that_was_killed_twice_has_the_same_report() {
    let folder = Folder::new();
    let args = ["7.4", "8.2", "13.3", "--trials", "2"];
    suite(&folder, "whole", &args);
    let out = folder.text("killed");
    let mut begin = vec!["suite", "run", "--profile", "quick", "--quiet", "--out", &out];
    begin.extend(args);
    let finished = || {
        let journals = ["7.4", "8.2"].map(|id| folder.path("killed").join(id).join("journal.jsonl"));
        let lines = journals.map(|journal| std::fs::read_to_string(journal).map_or(0, |text| text.lines().count()));
        lines.iter().sum::<usize>()
    };
    for (call, enough) in [(begin, 3), (vec!["suite", "resume", &out, "--quiet"], 12)] {
        let running = Running::start(squall(&call));
        wait_for("some finished trials", || finished() >= enough);
        running.signal("KILL");
        running.wait();
    }
    assert!(
        !folder.path("killed/report.json").exists(),
        "it was killed before its end"
    );
    run(squall(&["suite", "resume", &out, "--quiet"])).expect(0);
    for file in ["report.json", "kpis.csv", "report.html"] {
        let [whole, killed] = ["whole", "killed"].map(|out| std::fs::read(folder.path(out).join(file)).unwrap());
        assert!(whole == killed, "{file} differs");
    }
    // What is finished is not run again, and the report can be written anew from it.
    let before = std::fs::metadata(folder.path("killed/8.2/trials/point-0000/trial-0000/results.json")).unwrap();
    run(squall(&["suite", "report", &out, "--quiet"])).expect(0);
    run(squall(&["suite", "resume", &out, "--quiet"])).expect(0);
    let after = std::fs::metadata(folder.path("killed/8.2/trials/point-0000/trial-0000/results.json")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    assert_eq!(read(&folder.path("killed")), read(&folder.path("whole")));
}

/// Ctrl-C keeps what is finished, reports it, and says how to go on.
#[test]
fn a_suite_that_is_interrupted_reports_what_is_finished() {
    let folder = Folder::new();
    let out = folder.text("out");
    let running = Running::start(squall(&[
        "suite",
        "run",
        "8.1",
        "9.3",
        "--profile",
        "quick",
        "--out",
        &out,
    ]));
    let journal = folder.path("out/8.1/journal.jsonl");
    wait_for("a finished trial", || {
        std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 3)
    });
    running.signal("INT");
    let ended = running.wait().expect(1);
    assert!(ended.stderr.contains("squall suite resume"), "{}", ended.stderr);
    let report = read(&folder.path("out"));
    let states: Vec<State> = report.tests.iter().map(|test| test.state).collect();
    assert_eq!(states, [State::Partial, State::NotRun]);
    std::thread::sleep(Duration::from_millis(10));
    assert!(folder.path("out/report.html").exists());
}

/// The same switch with another seed, with its marking threshold halved, and with a slow uplink.
#[test]
fn compare_finds_what_was_planted_and_nothing_else() {
    let folder = Folder::new();
    let base = ["5.3", "5.2", "--trials", "5"];
    let with = |more: &[&'static str]| [&base[..], more].concat();
    suite(&folder, "one", &with(&["--seed", "1"]));
    suite(&folder, "other", &with(&["--seed", "2"]));
    suite(
        &folder,
        "marks",
        &with(&["--seed", "2", "--set", "testbed.fabric.switch.ecn.kmin=50KB"]),
    );
    let compare = |a: &str, b: &str, status: i32| {
        let ended = run(squall(&["compare", &folder.text(a), &folder.text(b), "--json"])).expect(status);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()
    };
    let same = compare("one", "other", 0);
    assert!(
        same["worse"].as_array().unwrap().is_empty() && same["changed"].as_array().unwrap().is_empty(),
        "{same}"
    );
    let marks = compare("one", "marks", 1);
    let slow = "testbed.fabric.faults=[{at: leaf0-spine1, speed: 200Gbps}]";
    suite(&folder, "fast", &["5.3", "--seed", "1"]);
    suite(&folder, "slow", &["5.3", "--seed", "2", "--set", slow]);
    let uplink = compare("fast", "slow", 1);
    let worse = uplink["worse"].as_array().unwrap();
    let named = |name: &str| {
        worse
            .iter()
            .any(|one| one["figure"].as_str().unwrap().starts_with(name))
    };
    assert!(named("KV_xfer_latency") && named("KV_xfer_bandwidth"), "{uplink}");
    let changed = marks["changed"].as_array().unwrap();
    assert!(
        changed
            .iter()
            .any(|one| one["figure"].as_str().unwrap().starts_with("ECN_")),
        "{marks}"
    );
}

/// One lab file, one folder: with a port that takes who sends and one that takes who receives, every
/// configuration of every test fits. What such a lab cannot show is said, and it is not said of one that can.
#[test]
fn one_lab_file_fits_every_test() {
    let folder = Folder::new();
    let dry = |testbed: &str| {
        let out = folder.text("out");
        let args = [
            "suite",
            "run",
            "--profile",
            "quick",
            "--testbed",
            testbed,
            "--during",
            "sonic",
            "--dry-run",
            "--out",
            &out,
        ];
        run(squall(&args)).expect(0).stdout
    };
    let text = dry("mlx5-2x400g");
    assert!(!text.contains("Left out") && !text.contains("is not run"), "{text}");
    let said = |text: &str| text.lines().filter(|line| line.contains("Nothing queues up")).count();
    assert_eq!(said(&text), 2, "tests 8.1 and 8.2: {text}");
    assert!(
        text.contains("test 8.1: Nothing queues up in the device on the way to port right"),
        "{text}"
    );

    let lab = folder.path("lab.yaml");
    let port = |name: &str, n: u32, workers: &str| {
        format!("- {{name: {name}, device: \"0000:3b:00.{n}\", speed: 400Gbps, workers: {workers}}}\n")
    };
    let ports = port("a", 0, "senders") + &port("b", 1, "senders") + &port("c", 2, "receivers");
    std::fs::write(&lab, format!("isolated: true\nports:\n{ports}")).unwrap();
    let text = dry(lab.to_str().unwrap());
    assert!(!text.contains("Left out") && !text.contains("is not run"), "{text}");
    assert_eq!(said(&text), 0, "{text}");
}

/// What does not load at some configurations only leaves those out; what a lab without hooks cannot show is said.
#[test]
fn what_does_not_fit_is_left_out_with_its_reason() {
    let folder = Folder::new();
    let dry = |args: &[&str], status: i32| {
        let out = folder.text("out");
        let mut all = vec!["suite", "run", "--profile", "quick", "--dry-run", "--out", &out];
        all.extend(args);
        let ended = run(squall(&all)).expect(status);
        ended.stdout + &ended.stderr
    };
    let four = [
        "--set",
        "traffic.alone.receiver=4",
        "--set",
        "traffic.incast.receiver=4",
    ];
    let hook = [
        "--testbed",
        "kernel-switch",
        "--before",
        "kernel-switch",
        "--set",
        "device.ports=sw4",
    ];
    let text = dry(&[&["8.1"], &four[..], &hook[..]].concat(), 0);
    assert!(
        text.contains("Left out, for it does not fit the testbed") && text.contains("is a sender and the receiver too"),
        "{text}"
    );
    let text = dry(&["8.1", "--set", "traffic.incast.senders=3"], 2);
    assert!(text.contains("test 8.1 varies `traffic.incast.senders` over"), "{text}");

    // XON of the testbed goes with its XOFF, not with those that the test varies.
    let port = |name: &str, n: u32, workers: &str| {
        format!("- {{name: {name}, device: \"0000:3b:00.{n}\", speed: 400Gbps, workers: {workers}}}\n")
    };
    let lab = |ports: &str, pfc: &str| {
        let path = folder.path("lab.yaml");
        std::fs::write(
            &path,
            format!("isolated: true\nconfigured: {{pfc: {pfc}}}\nports:\n{ports}"),
        )
        .unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ports = port("a", 0, "senders") + &port("b", 1, "receivers");
    for pfc in ["{xoff: 1MB, xon: 900KB}", "{xoff: 1MB}"] {
        let text = dry(&["8.2", "--testbed", &lab(&ports, pfc), "--before", "sonic"], 0);
        assert!(!text.contains("Left out"), "{text}");
    }

    let path = lab(&ports, "{xoff: 1MB}");
    let text = dry(&["9.3", "12.3", "13.3", "--testbed", &path], 1);
    for line in [
        "test 12.3: is not run: nothing takes a link down (--during HOOK)",
        "test 13.3: Nothing disturbed the device at half time",
        "test 9.3: Loads of links are not measured",
        "test 12.3: Load is a fixed share of the line rate",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let more = ["--during", "sonic", "--after", "sonic"];
    let text = dry(&[&["9.3", "12.3", "13.3", "--testbed", &path], &more[..]].concat(), 0);
    assert!(
        !text.contains("is not run") && !text.contains("Nothing disturbed") && !text.contains("not measured"),
        "{text}"
    );

    let path = lab(&(port("a", 0, "4") + &port("b", 1, "4")), "{xoff: 1MB}");
    let text = dry(&["7.1", "--testbed", &path], 0);
    assert!(
        text.contains("test 7.1: Workers behind one port send to each other (port a, b)"),
        "{text}"
    );
}

/// Where a test departs from the draft whatever its size, no profile conforms.
#[test]
fn departures_are_said_in_both_profiles() {
    for profile in [Profile::Draft, Profile::Quick] {
        for id in ["12.3", "13.1", "13.3"] {
            let test = squall::suite::test(id, &asked(profile, None)).unwrap_or_else(|error| panic!("{error}"));
            assert!(test.reduced.iter().any(|text| text.contains("SLO-bounded")), "{id}");
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let told = |args: &[&str], status: i32| run(squall(args)).expect(status).stderr;
    let folder = Folder::new();
    let out = folder.text("out");
    let with = |more: &[&'static str]| -> Vec<String> {
        let head = ["suite", "run", "--out"].map(str::to_owned).into_iter();
        head.chain([out.clone()])
            .chain(more.iter().map(|text| (*text).to_owned()))
            .collect()
    };
    let said = |more: &[&'static str], status: i32| {
        let args = with(more);
        told(&args.iter().map(String::as_str).collect::<Vec<_>>(), status)
    };
    let text = said(&["5.4"], 2);
    assert!(text.contains("It measures GPU memory"), "{text}");
    let text = said(&["8.11"], 2);
    assert!(
        text.contains("no test of this number") && text.contains("8.1"),
        "{text}"
    );
    let text = said(&["8.1", "--testbed", "swich"], 2);
    assert!(text.contains("did you mean `switch`?"), "{text}");
    let text = said(&["8.1", "--before", "sonic"], 2);
    assert!(text.contains("--testbed"), "{text}");
    let text = said(&["8.1", "--testbed", "kernel-switch", "--hook-timeout", "2h"], 2);
    assert!(text.contains("100 ms to 1 h"), "{text}");
    let text = said(&["8.1", "--set", "traffic.incast.sender=3"], 2);
    assert!(text.contains("did you mean `senders`?"), "{text}");
    assert!(!folder.path("out").exists(), "nothing is made for a mistake");
    let text = told(&["suite", "resume", &out], 2);
    assert!(text.contains("no suite's folder"), "{text}");
    let report = suite(&folder, "out", &["8.4", "--trials", "1"]);
    let row = |name: &str| {
        let item = report.system.iter().find(|item| item.name == name);
        item.and_then(|item| item.value.clone()).unwrap_or_default()
    };
    let (mode, nic) = (row("Traffic generation mode"), row("NIC type"));
    assert!(
        mode.starts_with("simulated traffic") && nic.contains("simulated"),
        "{mode}; {nic}"
    );
    let text = said(&["8.4", "--profile", "quick", "--trials", "1", "--seed", "2"], 2);
    assert!(text.contains("seed 1, not 2"), "{text}");
}
