//! `squall compare` from the command line, on sweeps and runs in virtual time: other seeds differ in nothing, a
//! halved threshold is found as changed and a slow link as worse; what cannot be compared is refused.

mod support;

use serde_json::Value;
use support::{Ended, Folder, list, run, squall};

const ECN: &str = "
name: reduced
pattern: ecn-incast
testbed: switch
trials: 3
set:
  traffic.incast.jitter: 1us
  traffic.probe.repeats: 1
  traffic.alone.message: 200KB
  traffic.incast.message: 200KB
vary:
  traffic.alone.senders, traffic.incast.senders, traffic.probe.senders: [4, 8]
";

const UPLINKS: &str = "
name: uplinks
pattern: spread.yaml
testbed: leaf-spine
trials: 10
";

const SPREAD: &str = "
traffic:
  - {name: kv, kind: transfer, from: 0-7, to: 8-15, message: 64KiB, count: 64, qps: 64}
";

/// A folder with a sweep in it.
fn folder(sweep: &str) -> Folder {
    let folder = Folder::new();
    folder.write("sweep.yaml", sweep);
    folder.write("spread.yaml", SPREAD);
    folder
}

/// Runs the sweep of `folder` into its folder `out`.
fn sweep(folder: &Folder, out: &str, more: &[&str]) {
    let (file, out) = (folder.text("sweep.yaml"), folder.text(out));
    let args = [&["sweep", &file, "--out", &out, "--quiet"], more].concat();
    run(squall(&args)).expect(0);
}

fn compare(folder: &Folder, a: &str, b: &str, more: &[&str]) -> Ended {
    let (a, b) = (folder.text(a), folder.text(b));
    run(squall(&[&["compare", &a, &b], more].concat()))
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).expect("JSON")
}

fn named(findings: &[Value], figure: &str) -> usize {
    findings.iter().filter(|finding| finding["figure"] == figure).count()
}

#[test]
fn other_seeds_are_the_same_and_a_halved_threshold_is_found_as_changed() {
    let folder = folder(ECN);
    sweep(&folder, "a", &["--seed", "1"]);
    sweep(&folder, "b", &["--seed", "2"]);
    sweep(
        &folder,
        "half",
        &["--seed", "3", "--set", "testbed.fabric.switch.ecn.kmin=250KB"],
    );
    let same = compare(&folder, "a", "b", &["--json"]).expect(0);
    let found = json(&same);
    assert_eq!(found["schema"], "squall.compare/1");
    assert_eq!(
        (found["kind"].as_str(), found["warnings"].as_array().map(Vec::len)),
        (Some("sweep"), Some(0))
    );
    assert!(found["same"].as_u64().expect("a count") > 200, "{found:#}");
    let conditions: Vec<&str> = list(&found, "/conditions")
        .iter()
        .filter_map(|item| item["name"].as_str())
        .collect();
    assert_eq!(conditions, ["seed"]);

    let halved = compare(&folder, "a", "half", &["--json"]).expect(1);
    assert!(
        halved.stderr.contains("not what they were in the first sweep"),
        "{}",
        halved.stderr
    );
    let found = json(&halved);
    assert_eq!(list(&found, "/worse").len(), 0, "{found:#}");
    let changed = list(&found, "/changed");
    // At both points: by delays and by the probe. Kmin is open below: few frames came below it.
    assert_eq!(
        (named(changed, "ECN_Kmax"), named(changed, "ECN_probe_Kmax")),
        (2, 2),
        "{changed:#?}"
    );
    for finding in changed.iter().filter(|finding| finding["figure"] == "ECN_probe_Kmax") {
        let percent = finding["difference_percent"].as_f64().expect("a number");
        assert!((-51.0..-49.0).contains(&percent), "{finding:#}");
        assert_eq!(finding["better"], "neither");
    }
    let settings = list(&found, "/conditions")
        .iter()
        .find(|item| item["name"] == "settings of the testbed");
    assert_eq!(
        settings.expect("it is told")["b"],
        "testbed.fabric.switch.ecn.kmin=250KB"
    );
    // Nothing is worse, and that is all that was asked.
    compare(&folder, "a", "half", &["--fail-on", "worse"]).expect(0);
    compare(&folder, "a", "half", &["--fail-on", "never"]).expect(0);
    compare(&folder, "a", "half", &["--threshold", "400%"]).expect(0);
    let text = compare(&folder, "a", "half", &[]).expect(1).stdout;
    assert!(text.contains("\nChanged\n") && !text.contains("Worse"), "{text}");
    assert!(
        text.contains("senders=4") && !text.contains("traffic.alone.senders"),
        "{text}"
    );
    let all = compare(&folder, "a", "half", &["--all"]).expect(1).stdout;
    assert!(all.contains("\nThe same\n") && all.contains("JFI"), "{all}");

    // What the pattern asks about is told whatever became of it, on the terminal, in the file and on the page.
    assert!(same.stdout.contains("asked"), "{}", same.stdout);
    let asked = list(&found, "/asked");
    let of = |figure: &str| -> Vec<&str> {
        let named = asked.iter().filter(|one| one["figure"] == figure);
        named.filter_map(|one| one["became"].as_str()).collect()
    };
    assert_eq!(of("PFC_XOFF"), Vec::<&str>::new(), "nothing is paused: {asked:#?}");
    assert_eq!(of("ECN_probe_Kmin").len(), 2, "{asked:#?}");
    assert!(
        text.contains("What is asked about") && text.contains("ECN_probe_Kmin"),
        "{text}"
    );
    let out = folder.path("diff").display().to_string();
    compare(&folder, "a", "half", &["--out", &out]).expect(1);
    let page = std::fs::read_to_string(folder.path("diff/report.html")).expect("a page");
    assert!(page.contains("id=\"answers\"") && page.contains("ECN_probe_Kmin") && !page.contains("<script"));
    let kept = std::fs::read(folder.path("diff/comparison.json")).expect("a file");
    let kept: Value = serde_json::from_slice(&kept).expect("JSON");
    assert_eq!(kept["changed"], found["changed"]);
    // A sweep's folder has a page of its own.
    let sweeps = folder.path("a").display().to_string();
    let refused = compare(&folder, "a", "half", &["--out", &sweeps]).expect(2);
    assert!(refused.stderr.contains("summary.json"), "{}", refused.stderr);
    let page = std::fs::read_to_string(folder.path("a/report.html")).expect("a page");
    assert!(
        page.contains("id=\"answers\"") && page.contains("senders"),
        "the sweep's own"
    );
}

#[test]
fn a_link_at_half_speed_is_found_as_worse_and_named_first() {
    let folder = folder(UPLINKS);
    let even = "testbed.fabric.uplink_speed=400Gbps";
    let slow = "testbed.fabric.faults=[{at: leaf0-spine1, speed: 200Gbps}]";
    sweep(&folder, "a", &["--set", even, "--seed", "1"]);
    sweep(&folder, "b", &["--set", even, "--seed", "2"]);
    sweep(&folder, "slow", &["--set", even, "--set", slow, "--seed", "3"]);
    compare(&folder, "a", "b", &[]).expect(0);
    let text = compare(&folder, "a", "slow", &[]).expect(1).stdout;
    let section = |title: &str| {
        text.find(&format!("\n{title}\n"))
            .unwrap_or_else(|| panic!("{title} in {text}"))
    };
    assert!(section("Worse in B") < section("Changed"), "{text}");
    let found = json(&compare(&folder, "a", "slow", &["--json"]).expect(1));
    let worse = list(&found, "/worse");
    for figure in ["KV_xfer_latency.p99", "KV_xfer_bandwidth.aggregate", "JFI"] {
        assert_eq!(named(worse, figure), 1, "{figure} in {worse:#?}");
    }
    assert_eq!(list(&found, "/better").len(), 0);
    // The other way round it is an improvement.
    let found = json(&compare(&folder, "slow", "a", &["--json", "--fail-on", "worse"]).expect(0));
    assert_eq!(named(list(&found, "/better"), "KV_xfer_latency.p99"), 1);
}

#[test]
fn runs_are_judged_by_the_threshold_and_other_patterns_are_told_loudly() {
    let folder = folder(UPLINKS);
    folder.write("other.yaml", &SPREAD.replace("count: 64", "count: 32"));
    let single = |pattern: &str, out: &str| {
        let (pattern, out) = (folder.text(pattern), folder.text(out));
        run(squall(&[
            "run",
            &pattern,
            "--testbed",
            "leaf-spine",
            "--out",
            &out,
            "--quiet",
        ]))
        .expect(0);
    };
    single("spread.yaml", "a");
    single("spread.yaml", "again");
    single("other.yaml", "other");
    let text = compare(&folder, "a", "again", &[]).expect(0).stdout;
    assert!(text.contains("have one trial only"), "{text}");
    let text = compare(&folder, "a", "other", &["--fail-on", "never"]).expect(0).stdout;
    assert!(
        text.starts_with("WARNING: these are results of different patterns"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_compared_is_refused_with_its_place() {
    let folder = folder(ECN);
    sweep(&folder, "a", &["--trials", "2"]);
    let summary = std::fs::read_to_string(folder.path("a/summary.json")).expect("it was written");
    folder.write("cut.json", &summary[..summary.len() / 2]);
    folder.write(
        "nan.json",
        &summary.replacen("\"mean\": ", "\"mean\": NaN, \"was\": ", 1),
    );
    folder.write("other.json", "{\"schema\": \"squall.hook/1\"}");
    folder.write(
        "odd.json",
        &summary.replacen("\"low\": ", "\"low\": 1e300, \"was\": ", 1),
    );
    folder.write("text.json", "hello");
    std::fs::create_dir(folder.path("empty")).expect("writable");
    let trial = "a/trials/point-0000/trial-0000";
    for (a, b, what) in [
        ("a", "missing", "missing: No such file"),
        (
            "a",
            "empty",
            "this folder holds no report.json, summary.json or results.json",
        ),
        ("cut.json", "a", "It may have been cut short"),
        ("a", "nan.json", "expected value at line"),
        ("a", "text.json", "not a result of squall"),
        (
            "a",
            "other.json",
            "its schema is \"squall.hook/1\"; this version of squall compares \"squall.suite/1\"",
        ),
        ("a", "odd.json", "is not within its confidence interval"),
        ("a", trial, "A is a sweep and B is a run; compare two of one kind"),
    ] {
        let ended = compare(&folder, a, b, &[]).expect(2);
        assert!(ended.stderr.contains(what), "{what} is missing in {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
    let twice = ["--threshold=-2%"];
    assert!(
        compare(&folder, "a", "a", &twice)
            .expect(2)
            .stderr
            .contains("percentage")
    );
    compare(&folder, "a", "a/summary.json", &["--confidence", "99%"]).expect(0);
}
