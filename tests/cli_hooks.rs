//! Device hooks: what they are told, what they may print, how they fail. `tests/sonic_hook.rs` has the one for SONiC.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Ended, Folder, Running, list, repository, run, squall, wait_for};

const FABRIC: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
fabric:
  switch: {ecn: {kmin: 20KB, kmax: 60KB, pmax: 50%}}
";

/// A port that counts nothing: what the device says comes from its hook alone.
const NULL: &str = "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
ports:
  - {name: sink, device: \"net_null0,no-rx=1\", speed: 10Gbps, receive: false}
configured:
  ecn: {kmin: 100KB, kmax: 500KB, pmax: 5%}
  pfc: {xoff: 40KB, xon: 30KB}
";

const PATTERN: &str = "
frame: {ecn: ect0}
traffic:
  - {name: kv, kind: transfer, from: 0, to: 1, message: 64KiB, count: 10, rate: 1Gbps}
";

fn folder(testbed: &str, sweep: &str) -> Folder {
    let folder = Folder::new();
    folder.write("testbed.yaml", testbed);
    folder.write("few.yaml", PATTERN);
    folder.write(
        "sweep.yaml",
        &format!("name: hooked\npattern: few.yaml\ntestbed: testbed.yaml\n{sweep}"),
    );
    folder
}

/// An executable shell script.
fn script(folder: &Folder, name: &str, text: &str) {
    folder.write(name, &format!("#!/bin/sh\n{text}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(name), mode).expect("it was written");
}

fn sweep(folder: &Folder) -> Command {
    squall(&[
        "sweep",
        &folder.text("sweep.yaml"),
        "--out",
        &folder.text("out"),
        "--quiet",
    ])
}

fn text(folder: &Folder, name: &str) -> String {
    let path = folder.path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn results(folder: &Folder, point: u32, trial: u32) -> Value {
    let name = format!("out/trials/point-{point:04}/trial-{trial:04}/results.json");
    serde_json::from_str(&text(folder, &name)).expect("JSON")
}

#[test]
fn a_hook_is_told_the_point_in_its_environment_and_as_json() {
    let folder = folder(
        FABRIC,
        "
set: {device.host: admin@leaf1, device.ports: \"Ethernet0 Ethernet4\"}
vary:
  traffic.kv.message: [64KiB, 128KiB]
  testbed.fabric.switch.ecn.kmax: [60KB, 80KB]
  device.alpha: [-3]
trials: 2
seed: 7
hooks: {before: tell, after: tell}
",
    );
    script(
        &folder,
        "tell",
        "name=\"$SQUALL_OUT/$SQUALL_HOOK\"
env | grep ^SQUALL_ | sort > \"$name.env\"
cat > \"$name.json\"
[ $SQUALL_HOOK = before ] || echo '{\"readings\": []}'",
    );
    run(sweep(&folder)).expect(0);
    let told = |name: &str| text(&folder, &format!("out/trials/{name}"));
    let environment = told("point-0003/trial-0001/before.env");
    for line in [
        "SQUALL_HOOK=before",
        "SQUALL_SWEEP=hooked",
        "SQUALL_POINT=3",
        "SQUALL_POINTS=4",
        "SQUALL_TRIAL=1",
        "SQUALL_TRIALS=2",
        "SQUALL_NEW_POINT=0",
        "SQUALL_SET_TRAFFIC_KV_MESSAGE=128KiB",
        "SQUALL_SET_TESTBED_FABRIC_SWITCH_ECN_KMAX=80KB",
        "SQUALL_DEVICE_HOST=admin@leaf1",
        "SQUALL_DEVICE_PORTS=Ethernet0 Ethernet4",
        "SQUALL_DEVICE_ALPHA=-3",
        "SQUALL_ECN_KMIN_BYTES=20000",
        "SQUALL_ECN_KMAX_BYTES=80000",
        "SQUALL_ECN_PMAX_PERCENT=50",
    ] {
        assert!(
            environment.lines().any(|found| found == line),
            "{line} is missing in\n{environment}"
        );
    }
    // The first of each point is to configure it.
    assert!(told("point-0003/trial-0000/before.env").contains("SQUALL_NEW_POINT=1"));
    assert!(told("point-0000/trial-0000/after.env").contains("SQUALL_HOOK=after"));
    let told: Value = serde_json::from_str(&told("point-0003/trial-0001/after.json")).expect("JSON");
    let seed = results(&folder, 3, 1)["run"]["seed"].clone();
    assert_eq!(
        told,
        json!({
            "schema": "squall.hook/1",
            "hook": "after",
            "sweep": "hooked",
            "point": {"index": 3, "of": 4, "new": false, "values": {
                "traffic.kv.message": "128KiB", "testbed.fabric.switch.ecn.kmax": "80KB", "device.alpha": "-3",
            }},
            "trial": {"index": 1, "of": 2, "seed": seed},
            "device": {"host": "admin@leaf1", "ports": "Ethernet0 Ethernet4", "alpha": "-3"},
            "configured": {"ecn_kmin_bytes": "20000", "ecn_kmax_bytes": "80000", "ecn_pmax_percent": "50",
                "pfc_xoff_bytes": "3000000", "pfc_xon_bytes": "2900000"},
            "out": told["out"],
        })
    );
    assert_eq!(results(&folder, 0, 0)["device"]["readings"], json!([]));
}

#[test]
fn what_a_device_says_lands_under_the_draft_s_names() {
    let folder = folder(NULL, "hooks: {after: read}\nexpect: [\"Buffer_utilization < 1 %\"]\n");
    // The sample that the template has in its comments.
    let template = std::fs::read_to_string(repository().join("hooks/template")).expect("it is shipped");
    let sample: Vec<&str> = template
        .lines()
        .filter_map(|line| line.strip_prefix("        #   "))
        .collect();
    script(&folder, "read", &format!("cat <<'JSON'\n{}\nJSON", sample.join("\n")));
    let ended = run(sweep(&folder)).expect(1);
    let line = "Buffer_utilization of device/port 1 is 1.525879 %";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    let results = results(&folder, 0, 0);
    let kpis: Vec<(&str, &str, f64)> = list(&results, "/kpis")
        .iter()
        .filter(|kpi| kpi["where"] == "device/port 1")
        .map(|kpi| {
            let text = |key: &str| kpi[key].as_str().expect("text");
            (text("name"), text("unit"), kpi["value"].as_f64().expect("a number"))
        })
        .collect();
    // The sample's figures: 512,000 of 32 MiB; 118,207 of 125,952; twelve frames of class 3.
    let expected = [
        ("Buffer_utilization", "%", 1.525_878_906_25),
        ("ECN_marking_rate", "%", 93.850_832_063_008_13),
        ("PFC_frame_count", "frames", 12.0),
        ("Packet_drop_rate", "ppm", 0.0),
        ("Link_utilization", "%", 99.2),
    ];
    for (found, wanted) in kpis.iter().zip(&expected) {
        assert_eq!((found.0, found.1), (wanted.0, wanted.1));
        assert!((found.2 - wanted.2).abs() < 1e-9, "{found:?}");
    }
    assert_eq!(kpis.len(), expected.len());
    assert_eq!(results["device"]["hook"], "read");
    assert_eq!(results["device"]["about"], "what switch, what software");
}

/// A port that lost both of its two frames beside one that lost none of a million: of the device as a whole that is
/// 2 of 1,000,002 frames, not the mean or the greatest of its ports.
#[test]
fn the_device_s_own_ratios_are_of_sums_over_its_readings() {
    let folder = folder(NULL, "hooks: {after: read}\n");
    script(
        &folder,
        "read",
        "echo '{\"readings\": [\
         {\"where\": \"port 1\", \"frames\": 2, \"dropped_frames\": 2, \"ecn_marked_frames\": 2}, \
         {\"where\": \"port 2\", \"frames\": 999998, \"dropped_frames\": 0, \"ecn_marked_frames\": 0}]}'",
    );
    run(sweep(&folder)).expect(0);
    let results = results(&folder, 0, 0);
    let of = |place: &str, name: &str| {
        let kpi = list(&results, "/kpis")
            .iter()
            .find(|kpi| kpi["where"] == place && kpi["name"] == name);
        kpi.and_then(|kpi| kpi["value"].as_f64()).expect("a number")
    };
    // `frames` are those sent: the lost ones are not among them.
    for (place, name, value) in [
        ("device/port 1", "Packet_drop_rate", 500_000.0),
        ("device/port 2", "Packet_drop_rate", 0.0),
        ("device", "Packet_drop_rate", 2e6 / 1_000_002.0),
        ("device/port 1", "ECN_marking_rate", 100.0),
        ("device", "ECN_marking_rate", 2e-4),
    ] {
        let found = of(place, name);
        assert!(
            (found - value).abs() < 1e-9,
            "{name} of {place} is {found}, not {value}"
        );
    }
}

/// Nobody who forgot to fill it in has invented counters in a report.
#[test]
fn the_template_as_it_is_reads_nothing() {
    let folder = folder(NULL, "hooks: {before: template, after: template}\n");
    run(sweep(&folder)).expect(0);
    assert_eq!(results(&folder, 0, 0)["device"]["readings"], json!([]));
}

/// A sweep with this hook after each trial, which fails.
fn fails(after: &str, more: &str) -> (Folder, Ended) {
    let sweep = format!("vary: {{traffic.kv.message: [64KiB]}}\nhooks: {{after: bad{more}}}\n");
    let folder = folder(NULL, &sweep);
    script(&folder, "bad", after);
    let begun = Instant::now();
    let ended = run(sweep_of(&folder)).expect(3);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let place = "hook bad (after) at point 0 (message=64KiB), trial 0: ";
    assert!(ended.stderr.contains(place), "{}", ended.stderr);
    // The trial is not finished: without its counters it is not what was asked for.
    let journal = text(&folder, "out/journal.jsonl");
    assert_eq!(journal.lines().count(), 1, "{journal}");
    (folder, ended)
}

fn sweep_of(folder: &Folder) -> Command {
    sweep(folder)
}

#[test]
fn hooks_that_fail_say_where_and_why() {
    for (after, what) in [
        (
            "echo 'no such switch' >&2; exit 3",
            "it ended with exit status: 3; its standard error:\n    no such switch",
        ),
        ("kill -9 $$", "it ended with signal: 9"),
        (
            "exit 0",
            "it printed nothing; with nothing to tell, print {\"readings\": []}",
        ),
        ("echo '{\"readings\": ['", "EOF while parsing a list"),
        (
            "echo '{\"readings\": [{\"where\": \"p\", \"frames\": -1}]}'",
            "invalid value: integer `-1`, expected u64",
        ),
        (
            "echo '{\"readings\": [{\"where\": \"p\", \"farmes\": 1}]}'",
            "unknown field `farmes`, expected one of `where`, `buffer_bytes`",
        ),
        ("echo '{\"readings\": [{\"frames\": 1}]}'", "missing field `where`"),
        (
            "echo '{\"readings\": [{\"where\": \"\"}]}'",
            "reading 0: `where` is no name",
        ),
        (
            "echo '{\"readings\": [{\"where\": \"p\"}, {\"where\": \"p\"}]}'",
            "reading 1: `where` is \"p\", as that of another reading",
        ),
        (
            "echo '{\"readings\": [{\"where\": \"p\", \"pfc_sent_per_class\": [1, 2]}]}'",
            "invalid length 2, expected an array of length 8",
        ),
        (
            "echo '{\"readings\": [{\"where\": \"p\", \"link_utilization_percent\": 1e300}]}'",
            "`link_utilization_percent` is no percentage",
        ),
        (
            "echo '{\"readings\": [{\"where\": \"p\", \"memory_percent\": -1}]}'",
            "`memory_percent` is no percentage",
        ),
        (
            "echo '{\"readings\": [{\"where\": \"p\", \"post_fec_ber\": 2}]}'",
            "`post_fec_ber` is no rate of bits from 0 to 1",
        ),
        ("printf '\\033[2J{'", "it began: \u{fffd}[2J{"),
        ("yes", "it printed more than 1048576 bytes"),
    ] {
        let (_, ended) = fails(after, "");
        assert!(
            ended.stderr.contains(what),
            "{after}: {what} is missing in {}",
            ended.stderr
        );
    }
}

#[test]
fn hooks_that_hang_are_ended_with_their_children() {
    for (after, what) in [
        (
            "echo waiting >&2; sleep 100",
            "it did not end within 0.5 s, and was killed; its standard error:\n    waiting",
        ),
        (
            "trap '' TERM INT; while :; do sleep 0.1; done",
            "it did not end within 0.5 s",
        ),
        (
            "echo '{\"readings\": []}'; sleep 100 &",
            "it ended and left a process behind that keeps its output open, which was killed",
        ),
        ("yes >&2", "it did not end within 0.5 s"),
        (
            "setsid sleep 100 & setsid sh -c 'setsid sleep 100 & sleep 100' & sleep 100",
            "it did not end within 0.5 s, and was killed",
        ),
        (
            "setsid sh -c 'trap \"\" TERM; sleep 100; sleep 100' >/dev/null 2>&1 & sleep 0.1; sleep 100",
            "it did not end within 0.5 s, and was killed",
        ),
        (
            "echo '{\"readings\": []}'; setsid sleep 100 &",
            "it ended and left a process behind that keeps its output open, which was killed",
        ),
    ] {
        // Each of its processes is known by a mark in its environment.
        let (folder, ended) = fails(after, ", timeout: 500ms");
        assert!(
            ended.stderr.contains(what),
            "{after}: {what} is missing in {}",
            ended.stderr
        );
        let left = marked(&folder);
        assert!(left.is_empty(), "{after}: {left:?} live on");
    }
}

/// Whatever ends a sweep, the device is left as it was: the hook of the end runs once, after all others.
#[test]
fn the_end_is_told_once_however_the_sweep_ends() {
    let told = "echo \"$SQUALL_HOOK $SQUALL_POINT $SQUALL_TRIAL\" >> \"$LOG\"; [ $SQUALL_HOOK != after ] || echo '{\"readings\": []}'";
    let log = |folder: &Folder, sweep: Command, status: i32| {
        let mut sweep = sweep;
        sweep.env("LOG", folder.text("log"));
        let ended = run(sweep).expect(status);
        let log = std::fs::read_to_string(folder.path("log")).unwrap_or_default();
        (ended, log.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let hooks =
        "vary: {traffic.kv.message: [64KiB, 128KiB]}\ntrials: 2\nhooks: {before: tell, after: tell, end: tell}\n";
    // Complete.
    let folder = folder(NULL, hooks);
    script(&folder, "tell", told);
    let (_, lines) = log(&folder, sweep(&folder), 0);
    assert_eq!(lines.len(), 9, "{lines:?}");
    assert_eq!(lines.last().expect("there are some"), "end 1 1");
    // Nothing is left to do: no hook is called.
    let (_, again) = log(&folder, sweep(&folder), 0);
    assert_eq!(again, lines);
    // One of one's own is told where it is named for it, and not else: it may not know what that is.
    let folder = self::folder(NULL, &hooks.replace(", end: tell", ""));
    script(&folder, "tell", told);
    let (_, lines) = log(&folder, sweep(&folder), 0);
    assert_eq!(lines.iter().filter(|line| line.starts_with("end")).count(), 0);
    // A hook fails: the first of the second point.
    let folder = self::folder(NULL, hooks);
    script(
        &folder,
        "tell",
        &format!("{told}; [ $SQUALL_HOOK$SQUALL_POINT != before1 ] || exit 3"),
    );
    let (ended, lines) = log(&folder, sweep(&folder), 3);
    assert_eq!(lines.last().expect("there are some"), "end 1 0");
    assert!(
        ended.stderr.contains("hook tell (before) at point 1"),
        "{}",
        ended.stderr
    );
    // So does the one of the end: both are told.
    let folder = self::folder(NULL, hooks);
    script(
        &folder,
        "tell",
        "[ $SQUALL_HOOK = before ] || echo is still shut >&2; exit 4",
    );
    let (ended, _) = log(&folder, sweep(&folder), 3);
    for part in [
        "hook tell (before) at point 0",
        "hook tell (end) at point 0",
        "is still shut",
    ] {
        assert!(ended.stderr.contains(part), "{part} is missing in {}", ended.stderr);
    }
}

#[test]
fn what_a_device_cannot_tell_is_in_the_results_with_the_reason() {
    let folder = folder(NULL, "hooks: {after: read}\n");
    let left = json!([{"where": "Ethernet0", "what": "frames", "why": "its counters were reset while the trial ran"}]);
    let printed = json!({"readings": [{"where": "Ethernet0", "dropped_frames": 3}], "left_out": left});
    script(&folder, "read", &format!("cat <<'JSON'\n{printed}\nJSON"));
    run(sweep(&folder)).expect(0);
    assert_eq!(results(&folder, 0, 0)["device"]["left_out"], left);
    let ended = fails(
        "echo '{\"readings\": [], \"left_out\": [{\"where\": \"p\", \"what\": \"\", \"why\": \"x\"}]}'",
        "",
    )
    .1;
    let what = "left_out 0: `where`, `what` and `why` are a line of text each";
    assert!(ended.stderr.contains(what), "{}", ended.stderr);
}

/// Processes of the hooks of a folder's sweep.
fn marked(folder: &Folder) -> Vec<String> {
    let mark = format!("SQUALL_OUT={}", folder.text("out"));
    std::fs::read_dir("/proc")
        .expect("Linux")
        .filter_map(|item| {
            let path = item.ok()?.path();
            let environment = std::fs::read(path.join("environ")).ok()?;
            let found = String::from_utf8_lossy(&environment).contains(&mark);
            found.then(|| path.display().to_string())
        })
        .collect()
}

#[test]
fn a_hook_inherits_its_standard_streams_and_no_other_descriptor() {
    // A packet socket and memory are open from the first trial on.
    let folder = folder(NULL, "trials: 2\nhooks: {before: look, after: look}\n");
    script(
        &folder,
        "look",
        "ls -l /proc/$$/fd > \"$SQUALL_OUT/$SQUALL_HOOK\"
echo '{\"readings\": []}'",
    );
    run(sweep(&folder)).expect(0);
    let own = folder.text("look");
    for name in [
        "trial-0000/before",
        "trial-0000/after",
        "trial-0001/before",
        "trial-0001/after",
    ] {
        let open = text(&folder, &format!("out/trials/point-0000/{name}"));
        let targets: Vec<&str> = open
            .lines()
            .filter_map(|line| Some(line.split_once(" -> ")?.1))
            .collect();
        // The shell itself has its script open, and what it writes.
        let made = folder.text(&format!("out/trials/point-0000/{name}"));
        let foreign: Vec<&&str> = targets
            .iter()
            .filter(|target| !target.starts_with("pipe:") && **target != own && **target != made)
            .collect();
        assert!(foreign.is_empty(), "{name}: {foreign:?}");
        assert_eq!(
            targets.iter().filter(|target| target.starts_with("pipe:")).count(),
            3,
            "{open}"
        );
    }
}

#[test]
fn what_hooks_leave_to_run_is_gone_when_the_sweep_ends() {
    let folder = folder(NULL, "trials: 2\nhooks: {before: monitor, after: look}\n");
    script(
        &folder,
        "monitor",
        "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >> \"$SQUALL_OUT/../pids\"",
    );
    // In between it is there: that is what it is for.
    script(
        &folder,
        "look",
        "for pid in $(cat \"$SQUALL_OUT/../pids\"); do kill -0 $pid || exit 1; done; echo '{\"readings\": []}'",
    );
    run(sweep(&folder)).expect(0);
    assert_eq!(text(&folder, "out/trials/point-0000/pids").lines().count(), 2);
    assert_eq!(marked(&folder), [""; 0]);
}

#[test]
fn ctrl_c_during_a_hook_acts_at_once_and_twice_leaves_nothing() {
    // Asked once, a hook has time to put things right.
    let folder = folder(FABRIC, "hooks: {before: slow}\n");
    script(
        &folder,
        "slow",
        "trap 'touch \"$SQUALL_OUT/../restored\"; exit 1' TERM
touch \"$SQUALL_OUT/../waits\"; while :; do sleep 0.05; done",
    );
    let point = folder.path("out/trials/point-0000");
    let running = Running::start(sweep(&folder));
    wait_for("the hook", || point.join("waits").exists());
    running.signal("INT");
    let ended = running.wait().expect(1);
    assert!(
        ended
            .stderr
            .contains("0 of 1 trials are done; the same command goes on"),
        "{}",
        ended.stderr
    );
    assert!(point.join("restored").exists());
    assert_eq!(marked(&folder), [""; 0]);
    // One that does not mind is killed by the second, in whatever session.
    let folder = self::folder(FABRIC, "hooks: {before: stubborn}\n");
    script(
        &folder,
        "stubborn",
        "trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' &
touch \"$SQUALL_OUT/../waits\"; while :; do sleep 0.05; done",
    );
    let point = folder.path("out/trials/point-0000");
    let running = Running::start(sweep(&folder));
    wait_for("the hook", || point.join("waits").exists());
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(700));
    running.signal("INT");
    running.wait().expect(130);
    assert_eq!(marked(&folder), [""; 0]);
}

#[test]
fn a_corrected_hook_takes_the_place_of_a_wrong_one_while_no_trial_is_done() {
    let folder = folder(NULL, "trials: 2\nhooks: {before: first}\n");
    script(&folder, "first", "exit 3");
    run(sweep(&folder)).expect(3);
    script(&folder, "first", "[ $SQUALL_TRIAL = 0 ] || exit 3");
    run(sweep(&folder)).expect(3);
    let kept = text(&folder, "out/trials/point-0000/trial-0000/results.json");
    // From here on there is something to lose.
    script(&folder, "first", "exit 0");
    let ended = run(sweep(&folder)).expect(2);
    assert!(ended.stderr.contains("--restart"), "{}", ended.stderr);
    assert_eq!(text(&folder, "out/trials/point-0000/trial-0000/results.json"), kept);
    let mut again = sweep(&folder);
    again.arg("--restart");
    run(again).expect(0);
}

#[test]
fn hooks_that_cannot_be_run_are_refused_before_the_first_trial() {
    let folder = folder(NULL, "hooks: {before: sonc, after: plain}\n");
    folder.write("plain", "#!/bin/sh\n");
    let ended = run(sweep(&folder)).expect(2);
    for part in [
        "sonc: there is no such file and no shipped hook of this name; allowed: an executable, or one of kernel-switch, \
         sonic, template, fabric; did you mean `sonic`?",
        "plain: the hook is not executable: chmod +x ",
    ] {
        assert!(ended.stderr.contains(part), "{part} is missing in {}", ended.stderr);
    }
    // A folder, a device, a FIFO, and nothing at all.
    std::fs::create_dir(folder.path("scripts")).expect("writable");
    let fifo = Command::new("mkfifo")
        .args(["-m", "755"])
        .arg(folder.path("fifo"))
        .status();
    assert!(fifo.expect("coreutils").success());
    for (name, what) in [
        (
            "scripts",
            "scripts: this is a folder, not a hook; name an executable file in it",
        ),
        ("./", "./: this is a folder, not a hook; name an executable file in it"),
        (
            "/dev/zero",
            "/dev/zero: the hook cannot be read: this is a device, not a file",
        ),
        ("fifo", "fifo: the hook cannot be read: this is a FIFO, not a file"),
        ("\"\"", "`before` is ``; allowed: a path"),
    ] {
        let text = format!("name: hooked\npattern: few.yaml\ntestbed: testbed.yaml\nhooks: {{before: {name}}}\n");
        folder.write("sweep.yaml", &text);
        let ended = run(sweep(&folder)).expect(2);
        assert!(ended.stderr.contains(what), "{what} is missing in {}", ended.stderr);
    }
    assert!(!folder.path("out").exists());
    // A device of which there is none, and a key for hooks without a hook.
    let folder = self::folder(NULL, "hooks: {after: fabric}\n");
    let ended = run(sweep(&folder)).expect(3);
    assert!(
        ended.stderr.contains("there is no reference fabric in this testbed"),
        "{}",
        ended.stderr
    );
    let folder = self::folder(NULL, "vary: {device.alpha: [1, 2]}\n");
    let ended = run(sweep(&folder)).expect(2);
    assert!(
        ended.stderr.contains("`device.alpha` is for hooks, and there is none"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_shipped_hooks_run_by_themselves_and_say_who_runs_them() {
    for name in ["kernel-switch", "sonic", "template"] {
        let path = repository().join("hooks").join(name);
        let output = Command::new(&path)
            .env_remove("SQUALL_HOOK")
            .output()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        let told = said.contains("squall sweep") || said.contains("device.ports");
        assert!(!output.status.success() && told, "{name}: {said}");
    }
}
