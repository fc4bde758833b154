//! The SONiC hook against a switch's command line: what the programs of five releases print, recorded with made-up
//! numbers (`tests/data/sonic`), behind a script that keeps what is configured.
//!
//! The recordings grow by what is written out here as expectation, from before the traffic to after it.

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{Folder, repository, run, squall, wait_for};

const RELEASES: [&str; 5] = ["202205", "202311", "202405", "202505", "202605"];

/// The programs that the hook may run on a switch.
const PROGRAMS: [&str; 15] = [
    "sudo",
    "ssh",
    "ecnconfig",
    "mmuconfig",
    "counterpoll",
    "pfc",
    "buffershow",
    "sonic-cfggen",
    "watermarkstat",
    "queuestat",
    "wredstat",
    "pfcstat",
    "pg-drop",
    "portstat",
    "config",
];

/// What is printed of the configuration.
const CONFIGURED: [&str; 4] = ["ecnconfig -l", "mmuconfig -l", "counterpoll show", "pfc show priority"];

struct Switch {
    folder: Folder,
    release: &'static str,
}

impl Switch {
    fn new(release: &'static str) -> Switch {
        let folder = Folder::new();
        let fake = repository().join("tests/data/sonic/switch");
        std::fs::create_dir_all(folder.path("bin")).expect("writable");
        for program in PROGRAMS {
            // Only releases from 202505 on have it.
            if program != "wredstat" || release >= "202505" {
                symlink(&fake, folder.path("bin").join(program)).expect("writable");
            }
        }
        let queues = json!({
            "Ethernet0|0-2": {"scheduler": "scheduler.0"},
            "Ethernet0|3": {"scheduler": "scheduler.1", "wred_profile": "AZURE_LOSSLESS"},
            "Ethernet4|3-4": {"scheduler": "scheduler.1", "wred_profile": "AZURE_LOSSLESS"},
        });
        folder.write("queues.json", &queues.to_string());
        Switch { folder, release }
    }

    fn on(&self, command: &mut Command) {
        let path = std::env::var("PATH").expect("there is one");
        command
            .env("PATH", format!("{}:{path}", self.folder.text("bin")))
            .env("HOME", self.folder.text(""))
            .env("SONIC", self.folder.text(""))
            .env("SONIC_DATA", repository().join("tests/data/sonic"))
            .env("SONIC_RELEASE", self.release);
    }

    fn command(&self, phase: &str, told: &[(&str, &str)]) -> Command {
        let mut command = Command::new(repository().join("hooks/sonic"));
        self.on(&mut command);
        let usual = [
            ("HOOK", phase),
            ("OUT", &self.folder.text("")),
            ("NEW_POINT", "1"),
            ("POINT", "0"),
            ("POINTS", "2"),
            ("TRIAL", "0"),
            ("TRIALS", "2"),
            ("DEVICE_PORTS", "Ethernet0 Ethernet4"),
            ("DEVICE_WAIT", "0"),
            ("ECN_KMIN_BYTES", "100000"),
            ("ECN_KMAX_BYTES", "500000"),
            ("ECN_PMAX_PERCENT", "20"),
            ("PFC_XOFF_BYTES", "60000"),
            ("PFC_XON_BYTES", "58000"),
        ];
        for (name, value) in usual.iter().chain(told) {
            command.env(format!("SQUALL_{name}"), value);
        }
        command
    }

    fn hook(&self, phase: &str, told: &[(&str, &str)]) -> Output {
        self.command(phase, told).output().expect("python3 is there")
    }

    /// A phase that ends well.
    fn runs(&self, phase: &str, told: &[(&str, &str)]) -> String {
        let output = self.hook(phase, told);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {phase}: {said}", self.release);
        String::from_utf8(output.stdout).expect("JSON")
    }

    /// Before and after a trial.
    fn trial(&self, told: &[(&str, &str)]) -> Value {
        self.runs("before", told);
        serde_json::from_str(&self.runs("after", told)).expect("JSON")
    }

    /// What the switch is configured with, in words.
    fn configured(&self) -> Vec<String> {
        let show = |command: &&str| {
            let mut words = command.split(' ');
            let mut program = Command::new(self.folder.path("bin").join(words.next().expect("a program")));
            self.on(program.args(words));
            let text = String::from_utf8(program.output().expect("it runs").stdout).expect("text");
            // An interval that is nowhere configured is the default afterwards, by its number.
            let text = text
                .replace("default (10000)", "10000")
                .replace("default (1000)", "1000");
            text.split_whitespace()
                .filter(|word| !word.starts_with("--"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        CONFIGURED.iter().map(show).collect()
    }

    fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path("log")).unwrap_or_default();
        log.lines()
            .filter(|line| !line.starts_with("sudo "))
            .map(str::to_owned)
            .collect()
    }
}

fn reading<'a>(device: &'a Value, place: &str) -> &'a Value {
    let readings = device["readings"].as_array().expect("a list");
    let found = readings.iter().find(|reading| reading["where"] == place);
    found.unwrap_or_else(|| panic!("{place} is missing in {device}"))
}

fn why<'a>(device: &'a Value, place: &str, what: &str) -> &'a str {
    let left = device["left_out"].as_array().expect("a list");
    let found = left.iter().find(|left| left["where"] == place && left["what"] == what);
    found.map_or_else(
        || panic!("{place} {what} is missing in {device}"),
        |left| left["why"].as_str().expect("text"),
    )
}

#[test]
fn each_release_is_set_read_and_left_as_it_was() {
    for release in RELEASES {
        let switch = Switch::new(release);
        let was = switch.configured();
        let told = [("DEVICE_PFC_PRIORITY", "5"), ("DEVICE_QUEUE", "3")];
        switch.runs("before", &told);
        let set = switch.configured();
        for color in ["green", "yellow", "red"] {
            for value in ["min_threshold 100000", "max_threshold 500000", "drop_probability 20"] {
                assert!(set[0].contains(&format!("{color}_{value}")), "{release}: {}", set[0]);
            }
        }
        assert!(
            set[2].contains("QUEUE_STAT 1000 enable") && set[2].contains("PG_DROP_STAT 1000 enable"),
            "{}",
            set[2]
        );
        assert!(
            set[3].ends_with("Ethernet0 3,4,5 Ethernet4 3,4,5"),
            "{release}: {}",
            set[3]
        );
        let device: Value = serde_json::from_str(&switch.runs("after", &told)).expect("JSON");
        let marks = (release >= "202505").then_some(2_500_000_000_u64);
        let mut port = json!({
            "where": "Ethernet0", "frames": 5_000_000_100_u64, "dropped_frames": 12, "buffer_watermark_bytes": 2_048_000,
            "crc_errors": 2, "pfc_sent_per_class": [0, 0, 0, 1234, 0, 0, 0, 0], "pfc_received_per_class": [0, 0, 0, 7, 0, 0, 0, 0],
        });
        // The programs of older releases do not print it.
        if release >= "202505" {
            port["post_fec_ber"] = json!(6.05e-14);
        }
        assert_eq!(reading(&device, "Ethernet0"), &port, "{release}");
        let mut queue = json!({
            "where": "Ethernet0 UC3", "frames": 5_000_000_000_u64, "dropped_frames": 12, "buffer_watermark_bytes": 2_048_000,
        });
        // Of the queue's own frames.
        match marks {
            Some(marks) => queue["ecn_marked_frames"] = json!(marks),
            None => assert_eq!(
                why(&device, "all ports", "ecn_marked_frames"),
                "this release has no wredstat; SONiC has it from 202505 on"
            ),
        }
        assert_eq!(reading(&device, "Ethernet0 UC3"), &queue, "{release}");
        let group = json!({"where": "Ethernet0 PG3", "buffer_watermark_bytes": 61_234, "dropped_frames": 5});
        assert_eq!(reading(&device, "Ethernet0 PG3"), &group, "{release}");
        assert_eq!(
            reading(&device, "Ethernet0 PG3 headroom")["buffer_watermark_bytes"],
            7770
        );
        assert_eq!(reading(&device, "Ethernet4")["frames"], 0);
        // Its size is in the state only: the buffers are of the dynamic model.
        let pool = json!({"where": "pool egress_lossless_pool", "buffer_watermark_bytes": 8_388_608, "buffer_bytes": 33_554_432});
        assert_eq!(reading(&device, "pool egress_lossless_pool"), &pool, "{release}");
        assert_eq!(
            reading(&device, "headroom pool ingress_lossless_pool")["buffer_watermark_bytes"],
            65_536
        );
        for share in ["cpu_percent", "memory_percent"] {
            let share = reading(&device, "the switch")[share].as_f64().expect("a number");
            assert!((0.0..=100.0).contains(&share), "{share}");
        }
        switch.runs("end", &[]);
        assert_eq!(switch.configured(), was, "{release}");
        assert!(!switch.folder.path(".squall-sonic.json").exists());
    }
}

#[test]
fn a_sweep_sets_each_point_reads_each_trial_over_ssh_and_restores_at_its_end() {
    let switch = Switch::new("202505");
    let was = switch.configured();
    let folder = &switch.folder;
    folder.write(
        "testbed.yaml",
        "
eal: {hugepages: none, telemetry: false, memory: 256MiB}
ports:
  - {name: sink, device: \"net_null0,no-rx=1\", speed: 10Gbps, receive: false}
configured: {ecn: {kmin: 100KB, kmax: 500KB, pmax: 5%}, pfc: {xoff: 40KB}}
",
    );
    folder.write(
        "few.yaml",
        "
frame: {ecn: ect0}
traffic:
  - {name: kv, kind: transfer, from: 0, to: 1, message: 64KiB, count: 10, rate: 1Gbps}
",
    );
    folder.write(
        "sweep.yaml",
        "
pattern: few.yaml
testbed: testbed.yaml
set: {device.host: admin@leaf1, device.ports: \"Ethernet0 Ethernet4\", device.wait: 0, device.buffer_profile: pg_static}
vary: {testbed.configured.pfc.xoff: [60KB, 90KB]}
trials: 2
hooks: {before: sonic, after: sonic}
",
    );
    let mut sweep = squall(&[
        "sweep",
        &folder.text("sweep.yaml"),
        "--out",
        &folder.text("out"),
        "--quiet",
    ]);
    switch.on(&mut sweep);
    run(sweep).expect(0);
    assert_eq!(switch.configured(), was);
    let log = switch.log();
    let of = |start: &str| log.iter().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    assert!(
        log.iter()
            .any(|line| line.starts_with("ssh -o BatchMode=yes -o ConnectTimeout=10 -- admin@leaf1 "))
    );
    // Each point's own, and at the end the one that was there before.
    let set = [
        "mmuconfig -p pg_static -s 60000",
        "mmuconfig -p pg_static -s 90000",
        "mmuconfig -p pg_static -s 40000",
    ];
    assert_eq!(of("mmuconfig -p"), set);
    // One call for all ports: before and after each of four trials.
    for program in ["queuestat", "wredstat", "pfcstat", "pg-drop"] {
        assert_eq!(of(program).len(), 8, "{program}");
    }
    let results =
        std::fs::read_to_string(folder.path("out/trials/point-0001/trial-0001/results.json")).expect("written");
    let results: Value = serde_json::from_str(&results).expect("JSON");
    let kpis = results["kpis"].as_array().expect("a list");
    let kpi = |place: &str, name: &str| {
        let found = kpis.iter().find(|kpi| kpi["where"] == place && kpi["name"] == name);
        found.and_then(|kpi| kpi["value"].as_f64())
    };
    assert_eq!(kpi("device/Ethernet0 UC3", "ECN_marking_rate"), Some(50.0));
    assert_eq!(
        kpi("device/Ethernet0", "ECN_marking_rate"),
        None,
        "other queues' frames are no part of it"
    );
    assert_eq!(
        kpi("device/pool egress_lossless_pool", "Buffer_utilization"),
        Some(25.0)
    );
    assert_eq!(kpi("device/Ethernet0", "PFC_frame_count"), Some(1234.0));
    // XON has no program that sets it, and what it is instead is told.
    let left = why(&results["device"], "buffer profile pg_static", "XON");
    assert_eq!(
        left,
        "it is 87712 (xon 0, xon_offset 2288): no program of SONiC sets it"
    );
}

#[test]
fn what_cannot_be_trusted_is_left_out_with_the_reason() {
    let queue = "^Ethernet0 *UC3 ";
    // What is done to the recording before and after the traffic, and what is left out why.
    let cases = [
        (
            format!("/{queue}/s/ 432100 /    N\\/A /"),
            String::new(),
            "Ethernet0 UC3",
            "frames",
            "it was N/A when the trial began, so what it counted since is not known",
        ),
        (
            String::new(),
            format!("/{queue}/s/5000432100/      4321/"),
            "Ethernet0",
            "frames",
            "UC3 Counter/pkts went back from 432100 to 4321: reset while the trial ran",
        ),
        // The whole port was: what else it counted is not known either.
        (
            String::new(),
            format!("/{queue}/s/5000432100/      4321/"),
            "Ethernet0 UC3",
            "ecn_marked_frames",
            "UC3 Counter/pkts went back from 432100 to 4321: reset while the trial ran",
        ),
        (
            String::new(),
            "s/ 1,254 /   N\\/A /".to_owned(),
            "Ethernet0",
            "pfc_sent_per_class",
            "class 3: it is N/A after the trial",
        ),
        (
            String::new(),
            "/^     Port *TxQ *Counter/i Ethernet0 Last cached time was 2026-01-02T03:04:05.678901".to_owned(),
            "Ethernet0 UC3",
            "frames",
            "it was cleared while the trial ran: it counts since 2026-01-02T03:04:05.678901, not the start",
        ),
        // The switch did not clear it.
        (
            "/^ *egress_lossless_pool/s/  *0$/   8388608/".to_owned(),
            String::new(),
            "pool egress_lossless_pool",
            "buffer_watermark_bytes",
            "it is 8388608, as before the trial: it was not cleared, or nothing came higher",
        ),
    ];
    for (before, after, place, what, reason) in cases {
        let switch = Switch::new("202505");
        switch.folder.write("edit-before", &before);
        switch.folder.write("edit-after", &after);
        let device = switch.trial(&[]);
        assert_eq!(why(&device, place, what), reason, "{device}");
        let readings = device["readings"].as_array().expect("a list");
        let given = readings.iter().find(|reading| reading["where"] == place);
        assert!(
            given.is_none_or(|reading| reading.get(what).is_none()),
            "{place} {what}"
        );
    }
    // A program that fails leaves out what it would have told, and nothing else.
    let switch = Switch::new("202505");
    switch
        .folder
        .write("fail", "portstat -e -r -s all\nwatermarkstat -t q_shared_uni\n");
    let device = switch.trial(&[]);
    assert_eq!(why(&device, "all ports", "crc_errors"), "portstat: no database");
    assert_eq!(
        why(&device, "all ports", "buffer_watermark_bytes"),
        "watermarkstat: no database"
    );
    assert_eq!(reading(&device, "Ethernet0")["frames"], 5_000_000_100_u64);
    // What was before the trial was not read.
    let switch = Switch::new("202505");
    switch.folder.write("traffic", "");
    let device: Value = serde_json::from_str(&switch.runs("after", &[])).expect("JSON");
    let reason = why(&device, "Ethernet0 UC3", "frames");
    assert!(
        reason.starts_with("there is no reading from before the trial"),
        "{reason}"
    );
}

#[test]
fn what_would_not_be_set_is_refused_and_nothing_is_changed() {
    let static_th = ("DEVICE_BUFFER_PROFILE", "pg_static");
    let dynamic = ("DEVICE_BUFFER_PROFILE", "pg_dynamic");
    let xoff = ("SET_TESTBED_CONFIGURED_PFC_XOFF", "60KB");
    let none = ("NEW_POINT", "1");
    for (release, told, what) in [
        (
            "202505",
            [("DEVICE_PORTS", "Ethernet0 Ethernet99"), none],
            "Ethernet99, and the switch has no such one; it has: Ethernet0, Ethernet4",
        ),
        (
            "202505",
            [xoff, none],
            "the sweep varies XOFF, and device.buffer_profile does not say which profile has it",
        ),
        (
            "202505",
            [("DEVICE_BUFFER_PROFILE", "pg_statik"), none],
            "device.buffer_profile is pg_statik, and the switch has no such one; it has: pg_dynamic, pg_static",
        ),
        (
            "202505",
            [dynamic, xoff],
            "buffer profile pg_dynamic has no static threshold",
        ),
        (
            "202505",
            [static_th, ("DEVICE_ALPHA", "-2")],
            "buffer profile pg_static has no dynamic threshold",
        ),
        (
            "202505",
            [dynamic, ("DEVICE_ALPHA", "9")],
            "device.alpha is 9; from -8 to 8 is allowed",
        ),
        (
            "202505",
            [static_th, ("PFC_XON_BYTES", "50000")],
            "the testbed says XON 50000, and buffer profile pg_static has 57712 with XOFF 60000",
        ),
        (
            "202505",
            [("SET_TESTBED_CONFIGURED_PFC_XON", "50KB"), none],
            "needs device.buffer_profile",
        ),
        (
            "202505",
            [("SET_TESTBED_CONFIGURED_METER_CBS", "50KB"), none],
            "the sweep varies configured.meter.cbs; SONiC has no such threshold",
        ),
        (
            "202205",
            [static_th, none],
            "mmuconfig of this release sets no static threshold (-s): SONiC has that from 202311 on",
        ),
        (
            "202505",
            [("DEVICE_WRED_PROFILE", "AZURE"), none],
            "device.wred_profile is AZURE, and the switch has no such one; it has: AZURE_LOSSLESS",
        ),
        (
            "202505",
            [("DEVICE_QUEUE", "1"), none],
            "queue 1 of Ethernet0 has WRED profile none, not AZURE_LOSSLESS",
        ),
        (
            "202505",
            [("DEVICE_PFC_PRIORITY", "8"), none],
            "device.pfc_priority is 8; from 0 to 7 is allowed",
        ),
        (
            "202505",
            [("ECN_PMAX_PERCENT", "2.5"), none],
            "the ECN probability pmax in percent is '2.5', which is no whole number",
        ),
        (
            "202505",
            [("DEVICE_PORTS", "Ethernet0;reboot"), none],
            "device.ports is 'Ethernet0;reboot', which is no name",
        ),
        ("202505", [("DEVICE_PORTS", ""), none], "device.ports names no port"),
        (
            "202505",
            [("DEVICE_SUDO", "reboot;"), none],
            "device.sudo is 'reboot;', which is no command",
        ),
        (
            "202505",
            [("DEVICE_HOST", "-oProxyCommand=reboot"), none],
            "which is no host",
        ),
    ] {
        let switch = Switch::new(release);
        let was = switch.configured();
        let output = switch.hook("before", &told);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(what),
            "{what} is missing in {said}"
        );
        assert_eq!(switch.configured(), was, "{what}");
    }
    // A profile that marks nothing, one whose queue is told by ecnconfig alone, and a program that does not do it.
    for (edit, fail, bound, what) in [
        (
            "s/ecn_all/ecn_none/",
            "",
            "on",
            "WRED profile AZURE_LOSSLESS has ecn ecn_none",
        ),
        (
            "",
            "sonic-cfggen -d --var-json QUEUE",
            "off",
            "(ecnconfig -q 3 says off)",
        ),
        (
            "",
            "ecnconfig -p AZURE_LOSSLESS -gdrop 20 -gmax 500000 -gmin 100000 -rdrop 20 -rmax 500000 -rmin 100000 -ydrop 20 -ymax 500000 -ymin 100000",
            "on",
            "ecnconfig: no database",
        ),
    ] {
        let switch = Switch::new("202505");
        switch.folder.write("edit-config", edit);
        switch.folder.write("fail", fail);
        switch.folder.write("bound", bound);
        let was = switch.configured();
        let output = switch.hook("before", &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(what),
            "{what} is missing in {said}"
        );
        assert_eq!(switch.configured(), was, "{what}");
    }
}

#[test]
fn a_dynamic_threshold_is_swept_by_its_alpha_and_colours_by_name() {
    let switch = Switch::new("202311");
    let was = switch.configured();
    let told = [
        ("DEVICE_BUFFER_PROFILE", "pg_dynamic"),
        ("DEVICE_ALPHA", "-2"),
        ("DEVICE_COLORS", "red"),
    ];
    switch.runs("before", &told);
    let set = switch.configured();
    assert!(set[1].contains("dynamic_th -2"), "{}", set[1]);
    assert!(
        set[0].contains("red_min_threshold 100000") && set[0].contains("green_min_threshold 1048576"),
        "{}",
        set[0]
    );
    switch.runs("end", &[]);
    assert_eq!(switch.configured(), was);
}

#[test]
fn a_switch_is_as_before_also_when_the_hook_is_killed() {
    let waits = [
        ("DEVICE_WAIT", "30"),
        ("DEVICE_PFC_PRIORITY", "5"),
        ("DEVICE_QUEUE", "3"),
    ];
    let set = |switch: &Switch| switch.configured()[3].ends_with("3,4,5");
    // Asked to end, it sets back what it set.
    let switch = Switch::new("202405");
    let was = switch.configured();
    let mut hook = switch
        .command("before", &[waits[1], waits[2], ("DEVICE_WAIT", "3")])
        .spawn()
        .expect("it starts");
    wait_for("the priority is set", || set(&switch));
    Command::new("kill")
        .args(["-TERM", &hook.id().to_string()])
        .status()
        .expect("it runs");
    assert!(!hook.wait().expect("it ends").success());
    assert_eq!(switch.configured(), was);
    // Killed with all that it started: the end does, or the next point of another sweep and its end.
    for next in ["end", "before"] {
        let switch = Switch::new("202405");
        let was = switch.configured();
        let mut command = switch.command("before", &waits);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut hook = command.spawn().expect("it starts");
        wait_for("the priority is set", || set(&switch));
        Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", hook.id())])
            .status()
            .expect("it runs");
        hook.wait().expect("it ends");
        assert_ne!(switch.configured(), was);
        if next == "before" {
            switch.runs("before", &[("ECN_KMIN_BYTES", "200000")]);
        }
        switch.runs("end", &[]);
        assert_eq!(switch.configured(), was, "{next}");
    }
    // What somebody else has set since stays.
    let switch = Switch::new("202405");
    switch.runs("before", &waits[1..]);
    let mut other = Command::new(switch.folder.path("bin/counterpoll"));
    switch.on(other.args(["queue", "interval", "5000"]));
    assert!(other.status().expect("it runs").success());
    switch.runs("end", &[]);
    assert!(switch.configured()[2].contains("QUEUE_STAT 5000 enable"));
    assert!(switch.configured()[3].ends_with("Ethernet0 3,4 Ethernet4 3,4"));
}

#[test]
fn a_port_that_is_flapped_is_up_again_and_forgotten() {
    let switch = Switch::new("202311");
    switch.runs("during", &[("DEVICE_FLAP", "Ethernet4"), ("DEVICE_FLAP_FOR", "0")]);
    let log = switch.log();
    let flaps: Vec<&String> = log.iter().filter(|line| line.starts_with("config ")).collect();
    assert_eq!(
        flaps,
        [
            "config interface shutdown Ethernet4",
            "config interface startup Ethernet4"
        ]
    );
    assert!(!switch.folder.path(".squall-sonic.json").exists());
    let output = switch.hook("during", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("device.flap names no port to shut down"));
}

/// A copy under another name is not told of the end: the last trial restores.
#[test]
fn the_last_trial_of_the_last_point_restores() {
    let switch = Switch::new("202605");
    let was = switch.configured();
    let last = [
        ("POINT", "1"),
        ("TRIAL", "1"),
        ("DEVICE_PFC_PRIORITY", "5"),
        ("DEVICE_QUEUE", "3"),
    ];
    switch.runs("before", &last);
    assert_ne!(switch.configured(), was);
    switch.runs("after", &last);
    assert_eq!(switch.configured(), was);
}

#[test]
fn the_fake_switch_is_executable() {
    let mode = std::fs::metadata(repository().join("tests/data/sonic/switch"))
        .expect("it is there")
        .permissions()
        .mode();
    assert_ne!(mode & 0o111, 0);
}
