//! `--jobs`: trials side by side come to the same files as one after another; whoever dies loses nothing.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use squall::report::measured::forget_the_process;
use support::{FABRIC, Folder, Running, run, squall, wait_for};

const PATTERN: &str = "
name: few
sample: 200us
frame: {ecn: ect0}
traffic:
  - {name: incast, kind: incast, senders: 2, message: 64KiB, rate: max, repeats: 8, jitter: 2us, interval: 100us}
";

const SWEEP: &str = "
name: marks
pattern: few.yaml
testbed: fabric.yaml
vary:
  traffic.incast.senders: [2, 3, 4]
trials: 4
seed: 7
hooks: {after: fabric}
expect: lost == 0
";

/// The files of a sweep; `longer`: longer trials, to be interrupted.
fn folder(longer: bool) -> Folder {
    let folder = Folder::new();
    folder.write("fabric.yaml", FABRIC);
    folder.write(
        "few.yaml",
        &PATTERN.replace("repeats: 8", if longer { "repeats: 200" } else { "repeats: 8" }),
    );
    folder.write("sweep.yaml", SWEEP);
    folder
}

fn sweep(folder: &Folder, out: &str, jobs: u32) -> Command {
    let (file, out) = (folder.text("sweep.yaml"), folder.text(out));
    squall(&["sweep", &file, "--out", &out, "--jobs", &jobs.to_string()])
}

/// Every file below a folder, by its name; of results and samples what does not tell when or where they were made.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in std::fs::read_dir(&next).expect("the folder is there") {
            let path = item.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).expect("below it").display().to_string();
            let text = std::fs::read_to_string(&path).expect("text");
            let text = match path.file_name().and_then(|name| name.to_str()) {
                // In the order in which trials were finished, with their hashes.
                Some("journal.jsonl") => continue,
                Some("results.json") => what_was_measured(&text),
                Some("samples.jsonl") => {
                    let lines: Vec<String> = text.lines().map(what_was_measured).collect();
                    lines.join("\n")
                }
                _ => text,
            };
            found.insert(name, text);
        }
    }
    found
}

/// JSON without what tells when and where it was made.
fn what_was_measured(text: &str) -> String {
    let mut value: Value = serde_json::from_str(text).expect("JSON");
    forget_the_process(&mut value);
    value.to_string()
}

/// The workers of a process.
fn workers(of: u32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").expect("it is there").flatten();
    let pids = processes.filter_map(|item| item.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let mut fields = after.split(' ');
        fields.next() != Some("Z") && fields.next() == Some(&of.to_string())
    })
    .collect()
}

fn finished(out: &Path) -> usize {
    let text = std::fs::read_to_string(out.join("journal.jsonl")).unwrap_or_default();
    text.lines().count().saturating_sub(1)
}

#[test]
fn trials_side_by_side_come_to_the_same_files() {
    let folder = folder(false);
    let one = run(sweep(&folder, "one", 1)).expect(0);
    let three = run(sweep(&folder, "three", 3)).expect(0);
    assert_eq!(one.stdout, three.stdout);
    let (one, three) = (files(&folder.path("one")), files(&folder.path("three")));
    assert!(
        one.keys().any(|name| name.ends_with("fabric.json")) && one.keys().any(|name| name.ends_with("samples.jsonl"))
    );
    assert_same(&one, &three);
}

/// Whether two folders hold the same; says where they do not.
fn assert_same(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, text) in one {
        let (own, others) = (text.as_bytes(), other[name].as_bytes());
        let differ = own.iter().zip(others).position(|(own, other)| own != other);
        let differ = differ.or((own.len() != others.len()).then_some(own.len().min(others.len())));
        if let Some(at) = differ {
            let near = |bytes: &[u8]| {
                let near = &bytes[at.saturating_sub(100)..bytes.len().min(at + 60)];
                String::from_utf8_lossy(near).into_owned()
            };
            panic!("{name}:\n{}\n{}", near(own), near(others));
        }
    }
}

#[test]
fn whoever_is_killed_loses_only_what_was_under_way() {
    let folder = folder(true);
    let whole = run(sweep(&folder, "whole", 2)).expect(0);
    let out = folder.path("killed");
    // A worker dies: its trial is named, the others are kept, and the other workers end.
    let running = Running::start(sweep(&folder, "killed", 2));
    wait_for("some trials", || finished(&out) >= 2);
    let of = running.id();
    wait_for("two workers", || workers(of).len() == 2);
    kill("KILL", workers(of)[0]);
    let ended = running.wait().expect(3);
    assert!(
        ended.stderr.contains("the process that ran it ended: signal: 9"),
        "{}",
        ended.stderr
    );
    let kept = finished(&out);
    assert!((2..12).contains(&kept), "{kept}");
    // Ctrl-C goes to all of them, as a terminal sends it.
    let running = Running::start(sweep(&folder, "killed", 2));
    wait_for("one more", || finished(&out) > kept);
    let of = running.id();
    let all = workers(of);
    for pid in &all {
        kill("INT", *pid);
    }
    running.signal("INT");
    let ended = running.wait().expect(1);
    assert!(ended.stderr.contains("the sweep was stopped: "), "{}", ended.stderr);
    assert!(all.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()));
    let kept = finished(&out);
    // squall itself dies: its workers end by themselves.
    let running = Running::start(sweep(&folder, "killed", 2));
    wait_for("one more", || finished(&out) > kept);
    let all = workers(running.id());
    running.signal("KILL");
    running.wait();
    wait_for("the workers' end", || {
        all.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
    let ended = run(sweep(&folder, "killed", 2)).expect(0);
    assert_eq!(ended.stdout, whole.stdout);
    assert_same(&files(&out), &files(&folder.path("whole")));
}

fn kill(signal: &str, pid: i32) {
    let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    assert!(status.expect("kill is there").success());
}

#[test]
fn what_cannot_run_side_by_side_says_why_and_runs() {
    let folder = folder(false);
    folder.write(
        "sweep.yaml",
        &SWEEP.replace("hooks: {after: fabric}", "hooks: {before: /bin/true}"),
    );
    let ended = run(sweep(&folder, "out", 2)).expect(0);
    assert!(
        ended
            .stderr
            .contains("note: --jobs 2: not all trials run side by side: a hook sets or reads one device"),
        "{}",
        ended.stderr
    );
    let none = run(squall(&[
        "sweep",
        &folder.text("sweep.yaml"),
        "--out",
        &folder.text("other"),
        "--jobs",
        "0",
    ]));
    assert_eq!(none.code, Some(2), "{}", none.stderr);
}
