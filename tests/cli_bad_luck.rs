//! squall under bad luck: files that are none, folders that are used or vanish, disks that are full, signals.
//!
//! Contract: nothing is read without a bound, nothing that was finished is lost, and of an earlier run nothing
//! stands beside a new one.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::skip::{needs, needs_root, skip};
use support::{Ended, FABRIC, Folder, Running, run, squall, wait_for};

const PATTERN: &str = "
name: few
frame: {ecn: ect0}
traffic:
  - {name: incast, kind: incast, senders: 2, message: 64KiB, rate: max, repeats: 2, interval: 100us}
";

/// Goes on until it is told to end.
const ENDLESS: &str = "
name: endless
duration: 10min
traffic:
  - {name: kv, kind: background, from: 0, to: 1, load: 1Mbps, message: 4KiB}
";

const RING: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
ports:
  - {name: loop, device: net_ring0, speed: 10Gbps}
";

fn folder(sweep: &str) -> Folder {
    let folder = Folder::new();
    folder.write("fabric.yaml", FABRIC);
    folder.write("few.yaml", PATTERN);
    folder.write("ring.yaml", RING);
    folder.write("endless.yaml", ENDLESS);
    let head = "name: few\npattern: few.yaml\ntestbed: fabric.yaml\ntrials: 4\n";
    folder.write("sweep.yaml", &format!("{head}{sweep}"));
    folder
}

fn script(folder: &Folder, name: &str, text: &str) {
    folder.write(name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(0o755)).expect("it was written");
}

fn sweep(folder: &Folder, out: &str) -> Command {
    squall(&["sweep", &folder.text("sweep.yaml"), "--out", &folder.text(out)])
}

fn single(folder: &Folder, pattern: &str, testbed: &str, out: &str) -> Command {
    squall(&[
        "run",
        &folder.text(pattern),
        "--testbed",
        &folder.text(testbed),
        "--out",
        &folder.text(out),
    ])
}

fn names(path: &Path) -> Vec<String> {
    let items = std::fs::read_dir(path).expect("it is there");
    let mut names: Vec<String> = items
        .map(|item| item.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

fn says(ended: &Ended, what: &str) {
    assert!(ended.stderr.contains(what), "{what} is missing in\n{}", ended.stderr);
}

/// What is no file, each with what is said of it, and a file that nobody has the memory for.
fn no_files(folder: &Folder) -> Vec<(String, &'static str)> {
    let fifo = folder.text("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("coreutils").success());
    std::fs::create_dir_all(folder.path("empty")).expect("writable");
    let long = std::fs::File::create(folder.path("long")).expect("writable");
    long.set_len(1 << 40).expect("a sparse file");
    vec![
        ("/dev/zero".to_owned(), "this is a device, not a file"),
        (fifo, "this is a FIFO, not a file"),
        (folder.text("long"), "longer than"),
    ]
}

#[test]
fn what_is_no_file_is_refused_wherever_a_file_is_meant() {
    let folder = folder("");
    for (path, what) in no_files(&folder) {
        let (few, fabric) = (folder.text("few.yaml"), folder.text("fabric.yaml"));
        for args in [
            vec!["check", &path],
            vec!["check", &few, "--testbed", &path],
            vec!["run", &few, "--testbed", &path],
            vec!["sweep", &path, "--dry-run"],
            vec!["compare", &path, &path],
            vec![
                "run",
                &few,
                "--testbed",
                &fabric,
                "--set",
                &format!("testbed.calibration={path}"),
            ],
        ] {
            let ended = run(squall(&args)).expect(2);
            says(&ended, what);
            assert!(ended.stderr.contains(&path), "{args:?}: {}", ended.stderr);
        }
        // In the place of what squall wrote itself.
        for (inside, args) in [
            ("report.json", vec!["compare", "", ""]),
            ("summary.json", vec!["compare", "", ""]),
            ("results.json", vec!["compare", "", ""]),
            ("suite.json", vec!["suite", "report", ""]),
        ] {
            let place = folder.path("place");
            std::fs::create_dir_all(&place).expect("writable");
            std::os::unix::fs::symlink(&path, place.join(inside)).expect("writable");
            let place = folder.text("place");
            let args: Vec<&str> = args
                .iter()
                .map(|arg| if arg.is_empty() { place.as_str() } else { arg })
                .collect();
            says(&run(squall(&args)).expect(2), what);
            std::fs::remove_dir_all(place).expect("it is there");
        }
        std::fs::create_dir_all(folder.path("old")).expect("writable");
        std::os::unix::fs::symlink(&path, folder.path("old/journal.jsonl")).expect("writable");
        says(&run(sweep(&folder, "old")).expect(3), what);
        std::fs::remove_dir_all(folder.path("old")).expect("it is there");
        for name in ["fifo", "long"] {
            let _ = std::fs::remove_file(folder.path(name));
        }
        no_files(&folder);
    }
}

#[test]
fn a_pipe_that_is_handed_over_is_read() {
    let folder = folder("");
    let quoted = |args: &str| format!("'{}' {args}", env!("CARGO_BIN_EXE_squall"));
    let few = folder.text("few.yaml");
    let text = format!(
        "cat '{few}' | {} && {} <'{few}'",
        quoted("check /dev/stdin"),
        quoted("check /dev/stdin")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &text]);
    let ended = run(command).expect(0);
    assert_eq!(ended.stdout.matches("incast").count() % 2, 0);
    assert!(ended.stdout.contains("incast"), "{}", ended.stdout);
    // A capture may come through a FIFO.
    let capture = folder.text("few.pcap");
    let mut craft = squall(&["craft", &few, "-w", &capture, "--testbed"]);
    craft.arg(folder.path("fabric.yaml"));
    run(craft).expect(0);
    let fifo = folder.text("capture");
    let text = format!(
        "mkfifo '{fifo}' && {{ cat '{capture}' >'{fifo}' & {}; }}",
        quoted(&format!("decode '{fifo}' --strict"))
    );
    let mut command = Command::new("sh");
    command.args(["-c", &text]);
    run(command).expect(0);
}

#[test]
fn names_that_name_nothing_get_their_sentence() {
    let folder = folder("");
    let file = folder.text("few.yaml");
    let place = folder.text("");
    for (args, what) in [
        (vec!["check", ""], "the name of a pattern is missing here"),
        (
            vec!["check", "ecn-incast", "--testbed", ""],
            "the name of a testbed is missing here",
        ),
        (vec!["sweep", "", "--dry-run"], "the name of a sweep is missing here"),
        (
            vec!["check", &place],
            "this is a folder, not a pattern; name a file in it",
        ),
        (
            vec!["check", "ecn-incast", "--testbed", &place],
            "this is a folder, not a testbed; name a file in it",
        ),
        (
            vec!["run", "ecn-incast", "--out", &file],
            "this is a file, not a folder",
        ),
        (
            vec!["sweep", "ecn-incast", "--out", &file],
            "this is a file, not a folder",
        ),
        (
            vec!["suite", "run", "5.1", "--profile", "quick", "--out", &file],
            "this is a file, not a folder",
        ),
        (
            vec!["calibrate", "--out", &place],
            "this is a folder; name the file to write in it",
        ),
    ] {
        says(&run(squall(&args)).expect(2), what);
    }
}

#[test]
fn a_used_folder_holds_the_new_run_and_nothing_of_the_old_one() {
    let folder = folder("");
    run(single(&folder, "few.yaml", "fabric.yaml", "out")).expect(0);
    let out = folder.path("out");
    let before = names(&out);
    assert!(before.contains(&"fabric.json".to_owned()), "{before:?}");
    for name in [
        "notes.txt",
        "mine.svg",
        "samples.jsonl",
        "summary.csv",
        "marking-curve-old-3.svg",
    ] {
        std::fs::write(out.join(name), "old").expect("writable");
    }
    // One that is killed before it has results.
    let mut running = Running::start(single(&folder, "endless.yaml", "ring.yaml", "out"));
    wait_for("the old files to go", || !out.join("results.json").exists());
    assert!(running.is_running());
    // Meanwhile nobody else has the folder.
    says(
        &run(single(&folder, "few.yaml", "fabric.yaml", "out")).expect(3),
        "another squall is at work",
    );
    running.signal("KILL");
    drop(running);
    assert_eq!(names(&out), ["mine.svg", "notes.txt"]);
    // One that cannot begin.
    let mut missing = single(&folder, "endless.yaml", "ring.yaml", "out");
    missing.args(["--set", "testbed.ports.0.device=net_af_packet0,iface=nosuchport"]);
    assert_ne!(run(missing).code, Some(0));
    assert!(!out.join("results.json").exists());
    // And one without what the first had besides.
    run(single(&folder, "few.yaml", "fabric.yaml", "out")).expect(0);
    let mut expected = before.clone();
    expected.extend(["mine.svg".to_owned(), "notes.txt".to_owned()]);
    expected.sort();
    assert_eq!(names(&out), expected);
    // A sweep in a run's folder begins without the run's files; its own tables go with --restart.
    run(sweep(&folder, "out")).expect(0);
    for name in ["results.json", "fabric.json"] {
        assert!(!out.join(name).exists(), "{name}");
    }
    says(
        &run(single(&folder, "few.yaml", "fabric.yaml", "out")).expect(2),
        "this folder holds a sweep",
    );
    std::fs::create_dir_all(out.join("plots")).expect("writable");
    std::fs::write(out.join("plots/of-another-sweep.svg"), "old").expect("writable");
    let mut again = sweep(&folder, "out");
    again.args(["--restart", "--set", "testbed.fabric.switch.buffer=1"]);
    assert_ne!(run(again).code, Some(0));
    let mut again = sweep(&folder, "out");
    again.arg("--restart");
    run(again).expect(0);
    assert!(!out.join("plots/of-another-sweep.svg").exists());
    assert!(out.join("notes.txt").exists() && out.join("summary.json").exists());
    // A suite, a sweep and a run do not share one.
    let suite = squall(&[
        "suite",
        "run",
        "5.1",
        "--profile",
        "quick",
        "--out",
        &folder.text("out"),
    ]);
    says(&run(suite).expect(2), "this folder holds a sweep");
    std::fs::create_dir(folder.path("suite")).expect("writable");
    folder.write("suite/suite.json", "{}");
    says(&run(sweep(&folder, "suite")).expect(2), "this folder holds a suite");
    says(
        &run(single(&folder, "few.yaml", "fabric.yaml", "suite")).expect(2),
        "this folder holds a suite",
    );
}

/// A sweep whose hook waits in its second trial until it is let go.
fn waiting() -> (Folder, Running) {
    let folder = folder("hooks: {before: wait}\n");
    script(
        &folder,
        "wait",
        "[ $SQUALL_TRIAL = 0 ] || [ -e \"$HOME/go\" ] || { touch \"$HOME/waits\"; exec sleep 1000; }",
    );
    let mut command = sweep(&folder, "out");
    command.env("HOME", folder.path(""));
    let running = Running::start(command);
    wait_for("the second trial", || folder.path("waits").exists());
    folder.write("go", "");
    (folder, running)
}

#[test]
fn a_sweep_whose_folder_is_moved_stops_and_goes_on_where_it_is() {
    let (folder, running) = waiting();
    std::fs::rename(folder.path("out"), folder.path("moved")).expect("same file system");
    let ended = running.wait().expect(3);
    says(&ended, "this folder, or the journal in it, was moved or deleted");
    assert!(!folder.path("out").exists(), "it was made anew");
    let mut command = sweep(&folder, "moved");
    command.env("HOME", folder.path(""));
    says(&run(command).expect(0), "1 of 4 trials are done already");
}

#[test]
fn a_sweep_whose_folder_is_deleted_stops_and_makes_none() {
    let (folder, running) = waiting();
    std::fs::remove_dir_all(folder.path("out")).expect("it is there");
    let ended = running.wait().expect(3);
    says(&ended, "was moved or deleted");
    assert!(!folder.path("out").exists(), "it was made anew");
}

#[test]
fn a_sweep_whose_journal_is_deleted_stops_and_its_trials_count() {
    let (folder, running) = waiting();
    std::fs::remove_file(folder.path("out/journal.jsonl")).expect("it is there");
    running.wait().expect(3);
    let mut command = sweep(&folder, "out");
    command.env("HOME", folder.path(""));
    says(&run(command).expect(0), "1 of 4 trials are done already");
}

#[test]
fn what_was_finished_when_the_disk_was_full_counts_when_it_is_not() {
    if !needs_root("a small disk") || !needs(&["unshare", "mount"]) {
        return;
    }
    let folder = folder("");
    let disk = folder.text("disk");
    std::fs::create_dir(&disk).expect("writable");
    let squall = format!(
        "'{}' sweep '{}' --out '{disk}/out' --trials 30",
        env!("CARGO_BIN_EXE_squall"),
        folder.text("sweep.yaml")
    );
    let text = format!(
        "mount -t tmpfs -o size=400k tmpfs '{disk}' || exit 77
         {squall} >&2; echo \"first $?\"
         wc -l < '{disk}/out/journal.jsonl'
         mount -o remount,size=64m '{disk}'
         {squall}; echo \"then $?\""
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &text]);
    let ended = run(command);
    if ended.code == Some(77) {
        skip("no file system can be mounted here");
        return;
    }
    let ended = ended.expect(0);
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.starts_with("first 3\n"), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(ended.stdout.ends_with("then 0\n"), "{said}");
    let lines: usize = ended
        .stdout
        .lines()
        .nth(1)
        .and_then(|text| text.trim().parse().ok())
        .expect("a number");
    assert!(lines > 1, "{said}");
    let again = ended
        .stderr
        .lines()
        .find_map(|line| line.strip_suffix(" of 30 trials are done already"));
    let done: usize = again
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{said}"));
    assert!((lines - 1..30).contains(&done), "{done} done, {lines} lines\n{said}");
}

/// Starts an endless run, through a shell that does `first`, and waits until it sends.
fn endless(folder: &Folder, first: &str) -> Running {
    let text = format!(
        "{first} exec '{}' run '{}' --testbed '{}' --out '{}' --set sample=100ms",
        env!("CARGO_BIN_EXE_squall"),
        folder.text("endless.yaml"),
        folder.text("ring.yaml"),
        folder.text("out")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &text]);
    let running = Running::start(command);
    wait_for("the first sample", || folder.path("out/samples.jsonl").exists());
    running
}

#[test]
fn a_hangup_reports_like_a_polite_kill_unless_it_is_ignored() {
    for signal in ["HUP", "TERM"] {
        let folder = folder("");
        let running = endless(&folder, "");
        running.signal(signal);
        says(&running.wait().expect(1), "the run ended early: stopped by the user");
        let results: Value = folder.results_of("out");
        assert_eq!(results["run"]["interrupted"], true);
    }
    let folder = folder("");
    let mut running = endless(&folder, "trap '' HUP;");
    running.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert!(running.is_running(), "nohup means it");
    running.signal("TERM");
    running.wait().expect(1);
    folder.results_of("out");
}

#[test]
fn cells_that_a_spreadsheet_would_compute_are_text() {
    let folder = folder("vary: {device.note: [\"=1+1\", \"-3\", \"@x\"]}\nhooks: {before: nothing}\n");
    script(&folder, "nothing", "exit 0");
    let mut command = sweep(&folder, "out");
    command.args(["--trials", "1"]);
    run(command).expect(0);
    let table = |name: &str| std::fs::read_to_string(folder.path(name)).expect("it is there");
    for name in ["out/trials.csv", "out/summary.csv"] {
        let text = table(name);
        let cells: Vec<&str> = text.split([',', '\n']).collect();
        assert!(
            cells.contains(&"'=1+1") && cells.contains(&"-3") && cells.contains(&"'@x"),
            "{text}"
        );
        assert!(!cells.contains(&"=1+1") && !cells.contains(&"@x"), "{text}");
    }
}
