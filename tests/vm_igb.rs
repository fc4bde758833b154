//! squall on a real PCI driver with hardware time stamps: DPDK's igb in a virtual machine with two emulated
//! Intel 82576 ports (scripts/vm-igb.sh). What results.json says is held against the NICs' own counters and
//! against what QEMU has captured between them.
//!
//! Needs QEMU 8.1 or later and packages from the distribution's mirror; says what it lacks elsewhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
mod turn;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::skip::skip;
use support::{
    Ended, Folder, Running, assert_accepted, assert_balanced, list, number, repository, run, squall, wait_for,
};
use turn::Turn;

/// A guest has booted and its job has run by then, on a slow and busy machine too.
const PATIENCE: Duration = Duration::from_secs(800);

/// Seconds that a guest's job may take, booting aside.
const JOB_SECONDS: &str = "150";

/// Two ports on a hub. A ring holds seconds of the traffic: however long the host leaves the guest alone,
/// nothing is lost. A frame of 4,200 bytes takes two places of it.
const TESTBED: &str = "isolated: true
eal: {memory: 384MiB}
ports:
  - {name: a, device: \"0000:01:00.0\", workers: 4, descriptors: 4096, timestamps: ptp-probe}
  - {name: b, device: \"0000:02:00.0\", workers: 1, descriptors: 4096, timestamps: ptp-probe}
";

/// Incasts of four senders, each two full frames of PMTU 4096 (an IP packet of 4,140 bytes and an MTU of
/// 4,200), for as long as `rounds` come every 25 ms.
fn incast(rounds: u32) -> String {
    format!(
        "frame: {{pmtu: 4096}}
traffic:
  - name: incast
    kind: incast
    senders: 4
    message: 8KiB
    repeats: {rounds}
    interval: 25ms
"
    )
}

/// A guest's turn, one at a time; `None`, with a line that says why, where there can be no guest.
fn guests_turn() -> Option<Turn> {
    let turn = turn::turn();
    let check = run(script(&["check"]));
    if check.code != Some(0) {
        skip(check.stdout.trim());
        return None;
    }
    Some(turn)
}

fn script(args: &[&str]) -> Command {
    let mut command = Command::new(repository().join("scripts/vm-igb.sh"));
    command.args(args);
    command
}

/// Boots a guest that runs `job`, with the pattern and the testbed beside it; what it leaves is in
/// `folder`/out.
fn guest(folder: &Folder, pattern: &str, job: &str, more: &[&str]) -> Ended {
    std::fs::create_dir_all(folder.path("job")).unwrap();
    folder.write("job/pattern.yaml", pattern);
    folder.write("job/testbed.yaml", TESTBED);
    folder.write("job/run", job);
    let (job, out) = (folder.text("job"), folder.text("out"));
    let mut args = vec![
        "run",
        "--binary",
        env!("CARGO_BIN_EXE_squall"),
        "--job",
        &job,
        "--out",
        &out,
    ];
    args.extend(["--timeout", JOB_SECONDS]);
    args.extend(more);
    let mut running = Running::start(script(&args));
    let begun = Instant::now();
    while running.is_running() {
        assert!(begun.elapsed() < PATIENCE, "the guest hangs: {:?}", running.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    running.wait()
}

/// The results of `squall run` in a guest.
fn measured(folder: &Folder, pattern: &str, more: &[&str]) -> Value {
    let job = "#!/bin/sh\nsquall run pattern.yaml --testbed testbed.yaml --full --out /out/results\n";
    let ended = guest(folder, pattern, job, more);
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}\n{}",
        ended.stderr,
        said(folder, "stderr"),
        said(folder, "stdout")
    );
    folder.results_of("out/results")
}

/// What the job has said.
fn said(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path("out").join(name)).unwrap_or_default()
}

/// The fields of the capture's PTP frames, by tshark: a line for each.
fn ptp_frames(capture: &str) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-r",
        capture,
        "-Y",
        "eth.type == 0x88f7",
        "-T",
        "fields",
        "-E",
        "separator=,",
    ]);
    for field in [
        "ptp.v2.messagetype",
        "ptp.v2.versionptp",
        "ptp.v2.domainnumber",
        "ptp.v2.messagelength",
        "ptp.v2.flags.twostep",
        "ptp.v2.sequenceid",
        "eth.dst",
    ] {
        tshark.args(["-e", field]);
    }
    let text = run(tshark).expect(0).stdout;
    text.lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

#[test]
fn an_incast_at_mtu_4200_arrives_whole_with_a_thousand_stamped_probes_beside_it() {
    let Some(_turn) = guests_turn() else { return };
    let folder = Folder::new();
    let capture = folder.text("hub.pcap");
    let results = measured(&folder, &incast(800), &["--capture", &capture]);

    // RoCEv2 through the driver: all that was planned was sent, and all of that received.
    assert_balanced(&results);
    let packets = &list(&results, "/traffic")[0]["packets"];
    let planned = 800 * 4 * 2;
    assert_eq!(
        (
            number(packets, "/sent"),
            number(packets, "/received"),
            number(packets, "/lost")
        ),
        (planned, planned, 0),
        "{packets}"
    );
    let ports = list(&results, "/ports");
    for port in ports {
        assert_eq!(port["driver"], "net_e1000_igb");
        assert_eq!(
            number(port, "/stats/imissed") + number(port, "/stats/ierrors"),
            0,
            "{port}"
        );
    }
    // The NICs count the same, and so does the hub.
    assert_eq!(number(&ports[0], "/stats/opackets"), number(&ports[0], "/tx/frames"));
    assert_eq!(number(&ports[1], "/stats/ipackets"), number(&ports[1], "/rx/frames"));
    let seen = assert_accepted(folder.path("hub.pcap").as_path(), &[]);
    let seen = (number(&seen, "/rocev2_frames"), number(&seen, "/icrc_ok"));
    assert_eq!(seen, (planned, planned));

    // At least a thousand probes with both stamps, each within its own window.
    let probes = list(&results, "/ptp_probes");
    let [probe] = &probes[..] else { panic!("{probes:?}") };
    assert_eq!(
        (&probe["from"], &probe["to"], &probe["source"]),
        (&"a".into(), &"b".into(), &"ptp-probe".into())
    );
    let count = |name: &str| number(probe, &format!("/{name}"));
    assert!(count("stamped") >= 1000, "{probe}");
    assert_eq!(
        count("outside") + count("no_departure") + count("no_arrival") + count("refused"),
        0,
        "{probe}"
    );
    assert_eq!(
        count("sent"),
        count("stamped") + count("late") + count("disturbed") + count("lost"),
        "{probe}"
    );
    let delay = &probe["delay"];
    assert_eq!(
        delay["source"],
        serde_json::json!({"tx": "ptp-probe", "rx": "ptp-probe"})
    );
    assert_eq!(number(delay, "/count"), count("stamped"));
    assert!(number(probe, "/uncertainty_ps") > 0, "{probe}");
    assert!(said(&folder, "stdout").contains("ptp-probe"));

    // What tshark makes of the probes: two-step Syncs of domain 127, numbered in order.
    let frames = ptp_frames(&capture);
    assert_eq!(frames.len() as u64, count("sent"));
    for (frame, sequence) in frames.iter().zip(1_u64..) {
        let [kind, version, domain, len, two_step, number, destination] = &frame[..] else {
            panic!("{frame:?}")
        };
        assert_eq!(
            u64::from_str_radix(kind.trim_start_matches("0x"), 16),
            Ok(0),
            "{frame:?}"
        );
        assert_eq!((version.as_str(), domain.as_str(), len.as_str()), ("2", "127", "44"));
        assert!(matches!(two_step.as_str(), "1" | "True"), "{frame:?}");
        assert_eq!(number.parse(), Ok(sequence % 65_536), "{frame:?}");
        assert_eq!(destination, "02:00:00:00:00:05", "the receiving worker's");
    }
}

#[test]
fn with_counted_instructions_the_path_takes_the_same_to_the_nanosecond_in_every_run() {
    let Some(_turn) = guests_turn() else { return };
    let runs = [(); 2].map(|()| {
        let folder = Folder::new();
        measured(&folder, &incast(60), &["--icount"])["ptp_probes"][0].clone()
    });
    for probe in &runs {
        // The hub hands a frame over in no time of the guest's: no probe takes longer than another, in a run
        // and from run to run. Stamps are whole nanoseconds.
        assert!(number(probe, "/stamped") >= 50, "{probe}");
        let spread = number(probe, "/delay/max") - number(probe, "/delay/min");
        assert!(spread < 1000, "{spread} ps apart: {probe}");
    }
    // How long that is depends on relating the two clocks by the quickest of the readings, which takes the same
    // instructions in every run. How many probes there are and how far the clocks' relation is certain differs.
    let [one, other] = &runs;
    for name in ["/delay/min", "/delay/max"] {
        let apart = number(one, name).abs_diff(number(other, name));
        assert!(apart < 1000, "{name} is {apart} ps apart: {runs:?}");
    }
    for probe in &runs {
        let (least, uncertainty) = (number(probe, "/delay/min"), number(probe, "/uncertainty_ps"));
        assert!(least <= uncertainty, "no time at all, within the uncertainty: {probe}");
    }
}

#[test]
fn probes_are_in_the_class_of_the_traffic_and_what_is_not_stamped_gives_no_delay() {
    let Some(_turn) = guests_turn() else { return };
    let folder = Folder::new();
    let capture = folder.text("hub.pcap");
    let pattern = incast(20).replace("pmtu: 4096", "pmtu: 4096, vlan: {vid: 100, pcp: 3}");
    let results = measured(&folder, &pattern, &["--capture", &capture]);
    assert_balanced(&results);
    let probe = &list(&results, "/ptp_probes")[0];
    assert_eq!((number(probe, "/vid"), number(probe, "/pcp")), (100, 3));
    // QEMU's model does not look behind tags: every probe that has come is without a stamp, and none is made up.
    assert!(number(probe, "/no_arrival") > 0, "{probe}");
    assert_eq!((number(probe, "/stamped"), &probe["delay"]), (0, &Value::Null));
    assert!(probe["why_not"].as_str().unwrap().contains("VLAN tag"), "{probe}");
    let mut tshark = Command::new("tshark");
    tshark.args(["-r", &capture, "-Y", "vlan.etype == 0x88f7", "-T", "fields"]);
    let text = run({
        tshark.args(["-e", "vlan.id", "-e", "vlan.priority"]);
        tshark
    })
    .expect(0)
    .stdout;
    assert_eq!(text.lines().count() as u64, number(probe, "/sent"));
    assert!(text.lines().all(|line| line == "100\t3"), "{text}");
}

#[test]
fn without_ptp_probes_the_ports_do_without_and_squall_tells_what_they_can() {
    let Some(_turn) = guests_turn() else { return };
    let folder = Folder::new();
    let job = "#!/bin/sh
sed -i 's/timestamps: ptp-probe/timestamps: software/' testbed.yaml
squall run pattern.yaml --testbed testbed.yaml --full --out /out/results || exit
sed -i 's/timestamps: software/timestamps: nic/' testbed.yaml
squall run pattern.yaml --testbed testbed.yaml --out /out/refused && exit 9
squall ports -a 0000:01:00.0
";
    let ended = guest(&folder, &incast(10), job, &[]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stderr, said(&folder, "stderr"));
    let results = folder.results_of("out/results");
    assert_balanced(&results);
    assert!(list(&results, "/ptp_probes").is_empty());
    let refusal = said(&folder, "stderr");
    assert!(
        refusal.contains("timestamps: nic: its driver does not stamp every frame") && refusal.contains("ptp-probe"),
        "{refusal}"
    );
    assert!(
        said(&folder, "stdout").contains("ptp-probe"),
        "{}",
        said(&folder, "stdout")
    );
}

#[test]
fn the_script_says_what_is_wrong() {
    let wrong = run(script(&["fly"]));
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("usage: scripts/vm-igb.sh"), "{}", wrong.stderr);
    let missing = run(script(&[
        "run", "--binary", "/nowhere", "--job", "/nowhere", "--out", "/nowhere",
    ]));
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.stderr.contains("there is no program \"/nowhere\""),
        "{}",
        missing.stderr
    );
    // The command under test is the one that guests run.
    run(squall(&["--version"])).expect(0);
}

/// Processes whose command line names `folder`: QEMU's and those that watch over it.
fn naming(folder: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}

#[test]
fn a_script_that_is_ended_takes_its_guest_with_it() {
    let Some(_turn) = guests_turn() else { return };
    for booted in [false, true] {
        let folder = Folder::new();
        for name in ["job", "tmp"] {
            std::fs::create_dir(folder.path(name)).unwrap();
        }
        folder.write("job/run", "#!/bin/sh\nsleep 600\n");
        let (job, out, tmp) = (folder.text("job"), folder.text("out"), folder.text("tmp"));
        let binary = env!("CARGO_BIN_EXE_squall");
        let mut command = script(&["run", "--binary", binary, "--job", &job, "--out", &out]);
        command.env("TMPDIR", &tmp);
        let script = Running::start(command);
        let files = || std::fs::read_dir(&tmp).unwrap().flatten().map(|entry| entry.path());
        wait_for("QEMU", || {
            naming(&tmp).iter().any(|line| line.starts_with("qemu-system"))
        });
        assert_eq!(files().count(), 1, "the guest's folder");
        if booted {
            wait_for("the job", || {
                let mut consoles = files().map(|folder| std::fs::read(folder.join("console")).unwrap_or_default());
                consoles.any(|console| String::from_utf8_lossy(&console).contains("init: the job begins"))
            });
        }
        script.signal("TERM");
        let ended = script.wait();
        assert!(
            ended.signal == Some(15) || ended.code == Some(143),
            "{:?} {:?}: {}",
            ended.code,
            ended.signal,
            ended.stderr
        );
        wait_for("QEMU's end", || naming(&tmp).is_empty());
        assert_eq!(files().count(), 0, "booted: {booted}");
    }
}
