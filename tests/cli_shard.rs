//! Shards of a sweep and of a suite: brought together they are what one machine would have come to.

mod support;

use std::path::Path;
use std::process::Command;

use support::{FABRIC, Folder, run, squall};

const PATTERN: &str = "
name: few
frame: {ecn: ect0}
traffic:
  - {name: incast, kind: incast, senders: 2, message: 64KiB, rate: max, repeats: 4, jitter: 2us, interval: 100us}
";

const SWEEP: &str = "
name: marks
pattern: few.yaml
testbed: fabric.yaml
vary: {traffic.incast.senders: [2, 3, 4]}
trials: 3
hooks: {after: fabric}
expect: lost == 0
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("fabric.yaml", FABRIC);
    folder.write("few.yaml", PATTERN);
    folder.write("sweep.yaml", SWEEP);
    folder
}

fn sweep(folder: &Folder, out: &str, more: &[&str]) -> Command {
    let (file, out) = (folder.text("sweep.yaml"), folder.text(out));
    squall(&[&["sweep", file.as_str(), "--out", out.as_str(), "--jobs", "1"], more].concat())
}

fn merge(folder: &Folder, what: &str, parts: &[&str], out: &str) -> Command {
    let (parts, out): (Vec<String>, String) = (parts.iter().map(|part| folder.text(part)).collect(), folder.text(out));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    squall(&[&[what, "merge", "--out", out.as_str()], parts.as_slice()].concat())
}

fn text(folder: &Folder, out: &str, name: &str) -> String {
    std::fs::read_to_string(folder.path(out).join(name)).expect(name)
}

fn trials(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for point in std::fs::read_dir(folder.join("trials")).expect("trials").flatten() {
        for trial in std::fs::read_dir(point.path()).expect("a point").flatten() {
            names.push(format!(
                "{}/{}",
                point.file_name().display(),
                trial.file_name().display()
            ));
        }
    }
    names
}

#[test]
fn shards_that_are_merged_are_one_run() {
    let folder = folder();
    run(sweep(&folder, "whole", &[])).expect(0);
    let mut of_shards = 0;
    for shard in ["0/4", "1/4", "2/4"] {
        let out = &shard[..1];
        let ended = run(sweep(&folder, out, &["--shard", shard])).expect(0);
        assert!(
            ended.stderr.contains(&format!("shard {shard} is complete")),
            "{}",
            ended.stderr
        );
        of_shards += trials(&folder.path(out)).len();
    }
    // The last one is told by the environment of a job array.
    let mut last = sweep(&folder, "3", &["--shard", "auto/4", "--quiet"]);
    last.env("JOB_COMPLETION_INDEX", "3");
    run(last).expect(0);
    of_shards += trials(&folder.path("3")).len();
    assert_eq!(of_shards, 9);

    // A shard is missing: what is there is told, and what is not.
    let ended = run(merge(&folder, "sweep", &["0", "2", "3"], "part")).expect(1);
    assert!(ended.stderr.contains("7 of 9 trials are done"), "{}", ended.stderr);
    // One of them was killed before its journal knew of a trial, ran again, and is given twice.
    std::fs::remove_dir_all(folder.path("0").join("trials/point-0001")).expect("removed");
    run(sweep(&folder, "0", &["--shard", "0/4", "--quiet"])).expect(0);
    run(merge(&folder, "sweep", &["0", "1", "0", "2", "3"], "all")).expect(0);
    // What was a part is whole with the rest, and by running the rest.
    run(merge(&folder, "sweep", &["1"], "part")).expect(0);
    run(sweep(&folder, "0", &["--quiet"])).expect(0);
    for out in ["all", "part", "0"] {
        for name in [
            "trials.csv",
            "summary.csv",
            "summary.json",
            "summary.txt",
            "report.html",
        ] {
            assert_eq!(text(&folder, out, name), text(&folder, "whole", name), "{out}/{name}");
        }
    }
}

#[test]
fn what_is_not_of_one_sweep_is_not_merged() {
    let folder = folder();
    run(sweep(&folder, "0", &["--shard", "0/2", "--quiet"])).expect(0);
    run(sweep(&folder, "other", &["--shard", "1/2", "--seed", "8", "--quiet"])).expect(0);
    let refused = |parts: &[&str]| run(merge(&folder, "sweep", parts, "all")).expect(2).stderr;
    let said = refused(&["0", "other"]);
    assert!(said.contains("different sweeps: not the same seed"), "{said}");
    assert!(refused(&["0", "nothing"]).contains("journal.jsonl"));
    assert!(!folder.path("nothing").exists() && !folder.path("all").exists());
    // The same trial, and something else measured.
    let copy = folder.path("copy");
    std::fs::create_dir(&copy).expect("made");
    for name in ["journal.jsonl", "inputs.json"] {
        std::fs::copy(folder.path("0").join(name), copy.join(name)).expect("copied");
    }
    let trial = "trials/point-0000/trial-0000";
    std::fs::create_dir_all(copy.join(trial)).expect("made");
    let changed = text(&folder, "0", &format!("{trial}/results.json")).replacen("\"sent\": ", "\"sent\": 1", 1);
    std::fs::write(copy.join(trial).join("results.json"), changed).expect("written");
    // It is not what its journal says: not finished, and as if it were not there.
    run(merge(&folder, "sweep", &["0", "copy"], "all")).expect(1);
    // With its journal brought up to date it is another measurement.
    std::fs::remove_file(copy.join("journal.jsonl")).expect("removed");
    let head = text(&folder, "0", "journal.jsonl")
        .lines()
        .next()
        .expect("a header")
        .to_owned();
    std::fs::write(copy.join("journal.jsonl"), head + "\n").expect("written");
    run(sweep(&folder, "copy", &["--shard", "0/9", "--quiet"])).expect(0);
    let said = refused(&["0", "copy"]);
    assert!(said.contains("both have trial 0 of point 0"), "{said}");
    for (shard, why) in [("2/2", "the last one is 1/2"), ("x", "K/N is needed")] {
        let ended = run(sweep(&folder, "no", &["--shard", shard])).expect(2);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[test]
fn a_suite_is_shared_out_and_merged_too() {
    let folder = Folder::new();
    let suite = |out: &str, more: &[&str]| {
        let out = folder.text(out);
        let all = [
            "suite",
            "run",
            "13.1",
            "--profile",
            "quick",
            "--trials",
            "2",
            "--out",
            out.as_str(),
            "--quiet",
        ];
        run(squall(&[&all, more].concat())).expect(0)
    };
    suite("whole", &[]);
    suite("0", &["--shard", "0/2"]);
    suite("1", &["--shard", "1/2"]);
    let ended = run(merge(&folder, "suite", &["0"], "part")).expect(1);
    assert!(
        ended.stderr.contains("trials of test 13.1 are missing"),
        "{}",
        ended.stderr
    );
    run(merge(&folder, "suite", &["0", "1"], "all")).expect(0);
    for name in ["kpis.csv", "13.1/summary.json", "13.1/trials.csv"] {
        assert_eq!(text(&folder, "all", name), text(&folder, "whole", name), "{name}");
    }
}
