//! A switch that none of us wrote: the bridge of scripts/lab-netns.sh with the shipped sweep, testbed, pattern and
//! hook. What nftables and tc count, asked in their own JSON, is what squall counts; the token bucket that
//! nftables was given is what squall reads from outside.
//!
//! Needs root. Left out on purpose: how fast any of it is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
mod turn;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::skip::{needs, needs_namespace, needs_root};
use support::{Ended, Folder, Running, assert_balanced, list, number, repository, run, squall, wait_for};
use turn::{Turn, turn};

/// A lab, removed with everything in it.
struct Lab {
    name: String,
    folder: Folder,
    _turn: Turn,
}

/// `scripts/lab-netns.sh` with these arguments.
fn script(args: &[&str]) -> Ended {
    let mut command = Command::new(repository().join("scripts/lab-netns.sh"));
    command.args(args);
    run(command)
}

impl Lab {
    /// A lab made with `options`, or `None` where there can be none.
    fn up(options: &[&str]) -> Option<Lab> {
        let lab = Lab::named()?;
        lab.script(&[&["up"], options].concat()).expect(0);
        Some(lab)
    }

    /// One that is not there yet.
    fn named() -> Option<Lab> {
        let turn = turn();
        if !needs_root("a named network namespace") || !needs(&["ip", "tc", "nft"]) {
            return None;
        }
        needs_namespace("n", "true")?;
        Some(Lab {
            name: format!("squall-test-{}", std::process::id()),
            folder: Folder::new(),
            _turn: turn,
        })
    }

    fn script(&self, args: &[&str]) -> Ended {
        run(self.command(args))
    }

    /// The script with these arguments, about this lab.
    fn command(&self, args: &[&str]) -> Command {
        let (order, options) = args.split_first().unwrap();
        // A shell cannot take back a signal that was ignored when it began, as `nohup … &` has it.
        let mut command = Command::new("env");
        command
            .args(SIGNALS.map(|(signal, _)| format!("--default-signal={signal}")))
            .arg(repository().join("scripts/lab-netns.sh"))
            .args([*order, "--name", &self.name])
            .args(options);
        command
    }

    fn exists(&self) -> bool {
        Path::new("/run/netns").join(&self.name).exists()
    }

    /// The shipped testbed, but for memory from hugepages, which other tests may hold.
    fn testbed(&self) -> String {
        let shipped = std::fs::read_to_string(repository().join("testbeds/kernel-switch.yaml")).unwrap();
        let text = format!("{shipped}eal: {{hugepages: none, telemetry: false}}\n");
        self.folder.write("kernel-switch.yaml", &text)
    }

    /// squall with these arguments and the testbed, in the lab.
    fn squall(&self, args: &[&str]) -> Ended {
        let testbed = self.testbed();
        let command = squall(&[args, &["--testbed", &testbed]].concat());
        let mut inside = Command::new(repository().join("scripts/lab-netns.sh"));
        inside.args(["run", "--name", &self.name]);
        inside.arg(command.get_program()).args(command.get_args());
        run(inside)
    }

    /// One run of the shipped pattern.
    fn results(&self, out: &str) -> Value {
        self.squall(&["run", "ecn-burst", "--quiet", "--out", &self.folder.text(out)])
            .expect(0);
        self.folder.results_of(out)
    }

    /// A sweep with `text`, whose `after` is a hook that first leaves nftables' and tc's own JSON in the trial's folder.
    fn sweep(&self, text: &str, args: &[&str]) {
        let shipped = "after: kernel-switch}";
        assert!(text.contains(shipped));
        let file = self
            .folder
            .write("sweep.yaml", &text.replace(shipped, "after: ./witness}"));
        let hook = repository().join("hooks/kernel-switch");
        let witness = format!(
            "#!/bin/sh\nset -e\nnft -j list counters >\"$SQUALL_OUT/nft.json\"\n\
             tc -s -j qdisc show dev sw4 root >\"$SQUALL_OUT/tc.json\"\nexec '{}'\n",
            hook.display()
        );
        self.program("witness", &witness);
        let out = self.folder.text("out");
        self.squall(&[&["sweep", &file, "--out", &out], args].concat())
            .expect(0);
    }

    /// Writes a program into the lab's folder.
    fn program(&self, name: &str, text: &str) {
        let path = self.folder.write(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn trial(&self, point: usize, trial: usize) -> Trial {
        let folder = format!("out/trials/point-{point:04}/trial-{trial:04}");
        let json = |name: &str| {
            let path = self.folder.path(&folder).join(name);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            serde_json::from_str(&text).unwrap()
        };
        Trial {
            results: self.folder.results_of(&folder),
            nft: json("nft.json"),
            tc: json("tc.json"),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let ended = self.script(&["down"]);
        if !std::thread::panicking() {
            ended.expect(0);
        }
    }
}

/// A trial with the kernel's own account of it.
struct Trial {
    results: Value,
    nft: Value,
    tc: Value,
}

impl Trial {
    /// Packets of nftables' counter of this name.
    fn nft(&self, name: &str) -> u64 {
        let counter = list(&self.nft, "/nftables")
            .iter()
            .find(|object| object.pointer("/counter/name").is_some_and(|n| n == name));
        number(
            counter.unwrap_or_else(|| panic!("no {name} in {}", self.nft)),
            "/counter/packets",
        )
    }

    /// Packets that tbf dropped.
    fn dropped(&self) -> u64 {
        let queue = list(&self.tc, "").iter().find(|queue| queue["kind"] == "tbf");
        number(queue.unwrap_or_else(|| panic!("no tbf in {}", self.tc)), "/drops")
    }

    /// Marks and losses are those of the kernel, to the frame.
    #[track_caller]
    fn assert_counted(&self) {
        assert_balanced(&self.results);
        let entry = &self.results["traffic"][0];
        let (ce, lost) = (number(entry, "/ecn/received/ce"), number(entry, "/packets/lost"));
        assert_eq!(lost, self.dropped(), "{entry:#}");
        let lost_in_dut: u64 = list(entry, "/packets/causes")
            .iter()
            .filter(|cause| cause["cause"] == "lost-in-dut")
            .map(|cause| number(cause, "/frames"))
            .sum();
        assert_eq!(lost_in_dut, lost, "nothing was lost by the machine: {entry:#}");
        assert_eq!(number(entry, "/packets/received"), self.nft("out_sw4"));
        // What left the switch with CE; all that it marked, where it dropped none of them.
        assert_eq!(ce, self.nft("ce_sw4"), "{entry:#}");
        let marked = self.nft("marked_sw4");
        assert!(ce <= marked && marked <= ce + lost, "{ce} {marked} {lost}");
        // What the hook made of the same counters is in the results.
        let readings = list(&self.results, "/device/readings");
        assert_eq!(readings[0]["where"], "sw4");
        assert_eq!(number(&readings[0], "/frames"), self.nft("out_sw4"));
        assert_eq!(number(&readings[0], "/ecn_marked_frames"), ce);
        assert_eq!(number(&readings[0], "/dropped_frames"), lost);
        assert_eq!(readings[1]["where"], "sw4 meter");
        assert_eq!(number(&readings[1], "/ecn_marked_frames"), marked);
    }

    fn meter(&self) -> &Value {
        meter(&self.results)
    }
}

/// What was read of the token bucket before the receiver.
#[track_caller]
fn meter(results: &Value) -> &Value {
    let queue = list(results, "/inferred/queues")
        .iter()
        .find(|queue| queue["port"] == "w4");
    &queue.unwrap()["meter"]
}

fn cbs(meter: &Value) -> f64 {
    meter["cbs_bytes"]["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("no CBS was read: {meter:#}"))
}

/// Texts of the anomalies that marking is not as configured.
fn mismatches(results: &Value) -> Vec<&str> {
    list(results, "/anomalies")
        .iter()
        .filter(|anomaly| anomaly["kind"] == "ecn-mismatch")
        .map(|anomaly| anomaly["text"].as_str().unwrap())
        .collect()
}

/// The shipped sweep, one trial of each point.
#[test]
fn marks_and_losses_are_the_kernels_at_every_point() {
    let Some(lab) = Lab::up(&[]) else { return };
    let text = std::fs::read_to_string(repository().join("sweeps/ecn-burst.yaml")).unwrap();
    lab.sweep(&text, &["--trials", "1"]);
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(lab.folder.path("out/summary.json")).unwrap()).unwrap();
    let points = list(&summary, "/points");
    assert!(points.len() >= 20, "{}", points.len());
    let (mut lossy, mut clean) = (0, 0);
    for point in 0..points.len() {
        let trial = lab.trial(point, 0);
        trial.assert_counted();
        if trial.dropped() > 0 {
            lossy += 1;
        } else {
            clean += 1;
            assert_eq!(trial.nft("ce_sw4"), trial.nft("marked_sw4"));
        }
        assert!(trial.nft("marked_sw4") > 0);
        assert_eq!(mismatches(&trial.results), [""; 0], "point {point}");
    }
    // Every second point has a queue that overflows, unless the machine is too slow for a burst to be one.
    assert!(lossy >= 6 && clean >= points.len() / 2, "{lossy} {clean}");
}

/// A bucket that all but stands still, and one that fills by a third of itself while the burst lasts.
#[test]
fn the_burst_that_was_configured_is_read_back() {
    const TRIALS: usize = 20;
    let Some(lab) = Lab::up(&[]) else { return };
    let planted = [300_000.0, 1_200_000.0];
    let text = format!(
        "pattern: ecn-burst\ntestbed: kernel-switch\ntrials: {TRIALS}\nset: {{device.ports: sw4, traffic.burst.message: 1MiB}}\npoints:\n\
         \x20 - {{testbed.configured.meter: {{cir: 80kbps, cbs: 300000}}}}\n\
         \x20 - {{testbed.configured.meter: {{cir: 8Mbps, cbs: 1200000}}, traffic.burst.rate: 20Mbps}}\n\
         hooks: {{before: kernel-switch, after: kernel-switch}}\n"
    );
    lab.sweep(&text, &[]);
    for (point, planted) in planted.into_iter().enumerate() {
        let mut read: Vec<f64> = (0..TRIALS)
            .map(|trial| {
                let trial = lab.trial(point, trial);
                let entry = &trial.results["traffic"][0];
                assert_eq!(number(entry, "/ecn/received/ce"), trial.nft("marked_sw4"));
                assert_eq!(mismatches(&trial.results), [""; 0]);
                cbs(trial.meter())
            })
            .collect();
        read.sort_by(f64::total_cmp);
        let median = f64::midpoint(read[TRIALS / 2 - 1], read[TRIALS / 2]);
        assert!((median / planted - 1.0).abs() < 0.1, "{planted}: {read:?}");
    }
}

#[test]
fn a_threshold_changed_behind_squalls_back_is_noticed() {
    let Some(lab) = Lab::up(&["--cir", "80000", "--cbs", "500000"]) else {
        return;
    };
    let as_told = lab.results("told");
    assert_eq!(meter(&as_told)["verdict"], "follows", "{:#}", meter(&as_told));
    assert_eq!(mismatches(&as_told), [""; 0]);
    // Somebody halves it.
    lab.script(&["set", "--cir", "80000", "--cbs", "250000"]).expect(0);
    let halved = lab.results("halved");
    assert_eq!(meter(&halved)["verdict"], "does-not-follow");
    assert!((cbs(meter(&halved)) / 250_000.0 - 1.0).abs() < 0.1);
    let said = mismatches(&halved);
    assert!(
        said.len() == 1 && said[0].contains("token bucket") && said[0].contains("configured: 500000"),
        "{said:?}"
    );
    // Somebody switches it off.
    lab.script(&["set"]).expect(0);
    let off = lab.results("off");
    assert_eq!(number(&off["traffic"][0], "/ecn/received/ce"), 0);
    assert_eq!(meter(&off)["verdict"], "marks-nothing");
    assert_eq!(mismatches(&off).len(), 1);
    // And the counters that `status` prints are those of that run.
    let status: Value = serde_json::from_str(&lab.script(&["status"]).expect(0).stdout).unwrap();
    assert_eq!(
        number(&status, "/readings/0/frames"),
        number(&off["traffic"][0], "/packets/received")
    );
}

/// What of the host could be a lab's: its namespace, its interfaces, and rules. Counters are left out, and what
/// others make and remove meanwhile.
fn host(lab: &Lab) -> String {
    let mut all = Command::new("sh");
    all.args([
        "-ec",
        "{ ip netns list; ls /run/netns 2>/dev/null || true; } | grep -w -e \"$1\" || true
        ip -o link | grep -oE '^[0-9]+: (br0|sw[0-9]+|squall[0-9]+)[:@]' || true
        nft -s list ruleset",
        "sh",
        &lab.name,
    ]);
    run(all).expect(0).stdout
}

#[test]
fn nothing_is_left_of_a_lab() {
    let Some(lab) = Lab::named() else { return };
    // The first namespace of a host makes /run/netns, which stays.
    lab.script(&["up"]).expect(0);
    let with = host(&lab);
    lab.script(&["down"]).expect(0);
    let before = host(&lab);
    assert_ne!(with, before, "a lab that is there is seen");
    lab.script(&[
        "up", "--ports", "3", "--drain", "80mbit", "--limit", "300kb", "--cir", "80000", "--cbs", "500000",
    ])
    .expect(0);
    let twice = lab.script(&["up"]).expect(2);
    assert!(twice.stderr.contains("down --name"), "{}", twice.stderr);
    let ports = lab.script(&["run", "ip", "-br", "link"]).expect(0).stdout;
    assert!(ports.contains("sw2@squall2") && !ports.contains("sw3"), "{ports}");
    lab.script(&["down"]).expect(0);
    lab.script(&["down"]).expect(0);
    assert_eq!(host(&lab), before);
    // Half a lab is none: tc and nft refuse these when the bridge is there already.
    for wrong in [
        &["--drain", "fast"][..],
        &["--cir", "8000000", "--cbs", "1000000"],
        &["--only", "sw7"],
        &["--only", "sw1;reboot"],
    ] {
        let refused = lab.script(&[&["up"], wrong].concat());
        assert!(refused.code.is_some_and(|code| code != 0), "{wrong:?}");
        assert!(refused.stderr.contains("kernel-switch: "), "{}", refused.stderr);
        assert_eq!(host(&lab), before, "{wrong:?}");
    }
    for wrong in [
        &["up", "--name", "squall-test-none", "--ports", "1"][..],
        &["up", "--name", "a/b"],
        &["sideways"],
        &["set", "--name", "squall-test-none"],
        &["run", "--name", "squall-test-none", "true"],
    ] {
        assert_eq!(script(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(host(&lab), before);
}

/// The signals that a terminal, a session's end and `kill` send, and the exit status after each.
const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("HUP", 129), ("TERM", 143)];

#[test]
fn a_lab_that_is_interrupted_while_it_is_made_is_none() {
    let Some(lab) = Lab::named() else { return };
    for (signal, status) in SIGNALS {
        let up = Running::start(lab.command(&["up", "--ports", "64"]));
        wait_for("a namespace", || lab.exists());
        up.signal(signal);
        up.wait().expect(status);
        assert!(!lab.exists(), "after {signal}");
    }
}

#[test]
fn a_namespace_that_is_no_lab_stays() {
    let Some(lab) = Lab::named() else { return };
    let ip = |args: &[&str]| {
        let mut command = Command::new("ip");
        command.args(args);
        run(command).expect(0)
    };
    ip(&["netns", "add", &lab.name]);
    let empty = lab.script(&["down"]);
    ip(&["-n", &lab.name, "link", "add", "br0", "type", "bridge"]);
    let bridge = lab.script(&["down"]);
    let there = lab.exists();
    if there {
        ip(&["netns", "del", &lab.name]);
    }
    assert!(there);
    for refused in [empty, bridge] {
        let said = refused.expect(2).stderr;
        assert!(said.contains("no lab that this script has made"), "{said}");
    }
}

#[test]
fn a_hook_that_is_interrupted_leaves_no_file() {
    let Some(lab) = Lab::up(&["--ports", "2"]) else { return };
    let (asked, go) = (lab.folder.path("asked"), lab.folder.path("go"));
    // An nft that answers when it is told to.
    let nft = format!(
        "#!/bin/sh\n: >'{}'\nuntil [ -e '{}' ]; do sleep 0.01; done\n",
        asked.display(),
        go.display()
    );
    std::fs::create_dir(lab.folder.path("programs")).unwrap();
    lab.program("programs/nft", &nft);
    let scratch = lab.folder.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let files = || std::fs::read_dir(&scratch).unwrap().count();
    let path = format!("{}:{}", lab.folder.text("programs"), std::env::var("PATH").unwrap());
    for (signal, status) in SIGNALS {
        let mut hook = lab.command(&["run"]);
        hook.arg(repository().join("hooks/kernel-switch"));
        hook.env("PATH", &path).env("TMPDIR", &scratch);
        hook.env("SQUALL_HOOK", "after").env("SQUALL_DEVICE_PORTS", "sw1");
        let hook = Running::start(hook);
        wait_for("the hook's question", || asked.exists());
        assert_eq!(files(), 1, "what the hook notes");
        hook.signal(signal);
        std::fs::write(&go, "").unwrap();
        hook.wait().expect(status);
        assert_eq!(files(), 0, "after {signal}");
        for file in [&asked, &go] {
            std::fs::remove_file(file).unwrap();
        }
    }
}
