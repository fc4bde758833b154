//! What CI services read: JUnit, JSON, annotations and exit statuses.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Ended, Folder, list, run, squall};

const TESTBED: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
fabric:
  switch: {ecn: {kmin: 20KB}}
  faults: [{at: host1, drop: {every: 100}}]
";

const PATTERN: &str = "
name: few
seed: 5
traffic:
  - {name: one, kind: transfer, message: 64KiB, count: 20}
expect: [lost == 0, 'ECN_marking_rate < 50 %']
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("lossy.yaml", TESTBED);
    folder.write(
        "clean.yaml",
        &TESTBED
            .lines()
            .filter(|line| !line.contains("faults"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    folder.write("few.yaml", PATTERN);
    folder.write(
        "sweep.yaml",
        "pattern: few.yaml\ntestbed: lossy.yaml\nvary: {traffic.one.count: [1, 40]}\ntrials: 2\n",
    );
    folder
}

/// Without the variables of the service that runs this test.
fn command(args: &[&str]) -> Command {
    let mut command = squall(args);
    command.env_remove("GITHUB_ACTIONS");
    command
}

fn read(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path(name)).expect(name)
}

/// Counts of a JUnit file as another program reads it: tests, failures, errors, skipped, and the names that failed.
fn junit(folder: &Folder, name: &str) -> (usize, usize, usize, usize, Vec<String>) {
    let text = read(folder, name);
    let program = "
import sys, json, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == 'testsuites', root.tag
cases = list(root.iter('testcase'))
for suite in root.iter('testsuite'):
    own = suite.findall('testcase')
    assert int(suite.get('tests')) == len(own)
    for attribute, tag in (('failures', 'failure'), ('errors', 'error'), ('disabled', 'skipped')):
        assert int(suite.get(attribute, 0)) == sum(case.find(tag) is not None for case in own), attribute
of = lambda tag: [case for case in cases if case.find(tag) is not None]
print(json.dumps([len(cases), len(of('failure')), len(of('error')), len(of('skipped')),
                  [case.get('name') for case in of('failure') + of('error')]]))
";
    let read = Command::new("python3")
        .args(["-c", program])
        .arg(folder.path(name))
        .output()
        .expect("python3 is there");
    assert!(
        read.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&read.stderr)
    );
    serde_json::from_slice(&read.stdout).expect("JSON")
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
}

#[test]
fn a_run_tells_what_it_checked() {
    let folder = folder();
    let (pattern, lossy, clean) = (
        folder.text("few.yaml"),
        folder.text("lossy.yaml"),
        folder.text("clean.yaml"),
    );
    let (good, bad) = (folder.text("good.xml"), folder.text("bad.xml"));
    let ended = run(command(&[
        "run",
        &pattern,
        "--testbed",
        &clean,
        "--json",
        "--junit",
        &good,
    ]))
    .expect(0);
    assert_eq!(json(&ended)["schema"], "squall.results/1");
    assert_eq!(junit(&folder, "good.xml"), (3, 0, 0, 0, vec![]));

    let mut on_github = command(&["run", &pattern, "--testbed", &lossy, "--quiet", "--junit", &bad]);
    on_github.env("GITHUB_ACTIONS", "true");
    let ended = run(on_github).expect(1);
    let (tests, failures, errors, skipped, names) = junit(&folder, "bad.xml");
    assert_eq!((tests, failures, errors, skipped), (3, 1, 0, 0));
    assert!(names[0].starts_with("lost == 0 (traffic/one)"), "{names:?}");
    assert!(ended.stdout.is_empty());
    let annotation = ended
        .stderr
        .lines()
        .find(|line| line.starts_with("::error title=few%3A lost == 0"));
    assert!(annotation.is_some_and(|line| line.contains("3")), "{}", ended.stderr);
    // What was seen besides is there, too.
    assert!(read(&folder, "bad.xml").contains("<system-out>"));

    // What cannot be run is an error in the file, and not a file that is missing.
    let ended = run(command(&[
        "run",
        &pattern,
        "--testbed",
        "nowhere.yaml",
        "--junit",
        &bad,
    ]))
    .expect(2);
    assert!(!ended.stderr.contains("::error"));
    assert_eq!(junit(&folder, "bad.xml").2, 1);
    run(command(&[
        "run",
        &pattern,
        "--testbed",
        &clean,
        "--junit",
        &folder.text("few.yaml/in-a-file.xml"),
    ]))
    .expect(3);
}

#[test]
fn a_sweep_a_suite_and_a_comparison_do_too() {
    let folder = folder();
    let (sweep, out, xml) = (folder.text("sweep.yaml"), folder.text("out"), folder.text("sweep.xml"));
    let ended = run(command(&["sweep", &sweep, "--out", &out, "--json", "--junit", &xml])).expect(1);
    assert_eq!(
        json(&ended),
        serde_json::from_str::<Value>(&read(&folder, "out/summary.json")).expect("JSON")
    );
    // Two lines at two points, and the sweep as a whole; of the 16 frames of one message none is lost.
    let (tests, failures, errors, _, names) = junit(&folder, "sweep.xml");
    assert_eq!((tests, failures, errors), (5, 1, 0), "{names:?}");
    assert!(
        names.iter().any(|name| name.starts_with("count=40: lost == 0")),
        "{names:?}"
    );

    let (suite, xml) = (folder.text("suite"), folder.text("suite.xml"));
    let tests = [
        "suite",
        "run",
        "13.1",
        "--profile",
        "quick",
        "--trials",
        "1",
        "--out",
        &suite,
        "--json",
        "--junit",
        &xml,
    ];
    let ended = run(command(&tests)).expect(0);
    assert_eq!(
        json(&ended),
        serde_json::from_str::<Value>(&read(&folder, "suite/report.json")).expect("JSON")
    );
    let (tests, failures, errors, _, _) = junit(&folder, "suite.xml");
    assert!(tests > 0 && failures + errors == 0);

    let other = folder.text("other");
    run(command(&[
        "sweep",
        &sweep,
        "--out",
        &other,
        "--quiet",
        "--set",
        "traffic.one.rate=10%",
    ]))
    .expect(1);
    let xml = folder.text("compare.xml");
    let ended = run(command(&["compare", &out, &other, "--json", "--junit", &xml])).expect(1);
    let said = json(&ended);
    let (_, failures, _, _, _) = junit(&folder, "compare.xml");
    assert_eq!(failures, list(&said, "/worse").len() + list(&said, "/changed").len());
    run(command(&[
        "compare",
        &out,
        &other,
        "--fail-on",
        "never",
        "--junit",
        &xml,
    ]))
    .expect(0);
    assert_eq!(junit(&folder, "compare.xml").1, 0);
}

#[test]
fn a_check_is_json_with_a_plan_or_with_every_mistake() {
    let folder = folder();
    let (pattern, testbed) = (folder.text("few.yaml"), folder.text("clean.yaml"));
    let plan = json(&run(command(&["check", &pattern, "--testbed", &testbed, "--json"])).expect(0));
    assert_eq!(plan["schema"], "squall.check/1");
    // 20 messages of 64 KiB in packets of 4096 bytes.
    assert_eq!(
        (&plan["traffic"][0]["messages"], &plan["traffic"][0]["frames"]),
        (&20.into(), &320.into())
    );
    assert_eq!(list(&plan, "/ports").len(), 2);
    let wrong = folder.write(
        "wrong.yaml",
        "traffic:\n  - {kind: transfer, mesage: 1KB}\n  - {kind: burts}\n",
    );
    let mistakes = json(&run(command(&["check", &wrong, "--testbed", &testbed, "--json"])).expect(2));
    let each = list(&mistakes, "/mistakes");
    assert!(
        each.len() >= 2 && each.iter().all(|one| one["line"].is_u64()),
        "{mistakes:#}"
    );
    assert!(each.iter().any(|one| one["suggestion"] == "message"), "{mistakes:#}");
}
