//! squall against a switch that somebody else wrote and that counts for itself: nine af_packet ports
//! on a Linux bridge, set up by the very commands of testbeds/af-packet.yaml. What results.json says
//! must be what tcpdump, check_pcap.py, tc, nftables and the interfaces' own counters say.
//!
//! Needs a network namespace: root, or a kernel that gives one to any user; says what it lacks
//! elsewhere. A namespace has no name and lives as long as a process that ends with the test, however
//! the test ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
mod turn;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::skip::{is_root, needs, needs_namespace, needs_root};
use support::{Folder, Running, assert_accepted, assert_balanced, list, number, repository, run, squall, wait_for};
use turn::{Turn, turn};

/// A network namespace.
struct Lab {
    /// The process that keeps it: it ends when its standard input is closed.
    keeper: Child,
    user: bool,
    folder: Folder,
    _turn: Turn,
}

impl Lab {
    /// A namespace with the bridge of testbeds/af-packet.yaml, or `None` where there can be none.
    fn new() -> Option<Lab> {
        Lab::with(false)
    }

    /// The same for a test that captures. tcpdump gives up root, which a namespace of a mere user's
    /// does not let it do.
    fn with_capture() -> Option<Lab> {
        Lab::with(true)
    }

    fn with(capture: bool) -> Option<Lab> {
        let turn = turn();
        if !needs(&["unshare", "nsenter", "ip", "tc", "nft", "tcpdump"])
            || capture && !needs_root("capturing with tcpdump")
        {
            return None;
        }
        let flags = needs_namespace("nm", "mount -t sysfs none /sys")?;
        let mut keeper = Command::new("unshare");
        // A sysfs of its own shows the namespace's interfaces, as `ip netns exec` has it.
        keeper
            .arg(flags)
            .args(["sh", "-c", "mount -t sysfs none /sys && echo ready && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = keeper.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "it could be had a moment ago");
        let lab = Lab {
            keeper,
            user: !is_root(),
            folder: Folder::new(),
            _turn: turn,
        };
        lab.sh(&set_up());
        Some(lab)
    }

    /// `command`, in the namespace.
    fn inside(&self, command: &Command) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["-t", &self.keeper.id().to_string(), "-n", "-m"]);
        if self.user {
            enter.args(["-U", "--preserve-credentials"]);
        }
        enter.arg(command.get_program()).args(command.get_args());
        enter
    }

    #[track_caller]
    fn sh(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-ec", script]);
        run(self.inside(&command)).expect(0).stdout
    }

    /// The shipped testbed, but for memory from hugepages, which other tests may hold.
    fn testbed(&self) -> String {
        let shipped = std::fs::read_to_string(repository().join("testbeds/af-packet.yaml")).unwrap();
        self.folder.write(
            "bridge.yaml",
            &format!("{shipped}eal: {{hugepages: none, telemetry: false}}\n"),
        )
    }

    /// `squall run` of this pattern on the bridge, in the namespace.
    fn squall(&self, pattern: &str) -> Command {
        let pattern = self.folder.write("pattern.yaml", pattern);
        let (testbed, out) = (self.testbed(), self.folder.text("out"));
        self.inside(&squall(&[
            "run",
            &pattern,
            "--testbed",
            &testbed,
            "--out",
            &out,
            "--quiet",
        ]))
    }

    /// Runs it to its end.
    #[track_caller]
    fn results(&self, pattern: &str) -> Value {
        run(self.squall(pattern)).expect(0);
        self.folder.results_of("out")
    }

    /// The kernel's count of an interface: "rx" or "tx", "packets", "bytes", "dropped".
    fn kernel(&self, interface: &str, direction: &str, what: &str) -> u64 {
        let links: Value = serde_json::from_str(&self.sh(&format!("ip -s -j link show {interface}"))).unwrap();
        number(&links, &format!("/0/stats64/{direction}/{what}"))
    }

    /// Packets that an nftables counter has counted, by its comment.
    fn nft(&self, comment: &str) -> u64 {
        let rules: Value = serde_json::from_str(&self.sh("nft -j list ruleset")).unwrap();
        let rule = list(&rules, "/nftables")
            .iter()
            .find(|object| object.pointer("/rule/comment").is_some_and(|c| c == comment));
        let expressions = list(rule.unwrap(), "/rule/expr");
        let counter = expressions.iter().find_map(|expression| expression.get("counter"));
        number(counter.unwrap(), "/packets")
    }

    /// tcpdump on `interface`, listening.
    fn tcpdump(&self, interface: &str, more: &[&str]) -> Tcpdump<'_> {
        let mut command = Command::new("tcpdump");
        let file = self.folder.text("capture.pcap");
        // 64 MiB for what is not written yet; written as it comes; as the user that the test is.
        command.args([
            "-i", interface, "-w", &file, "-s", "0", "-B", "65536", "-U", "-n", "-Z", "root",
        ]);
        command.args(more).arg("udp port 4791");
        let mut running = Running::start(self.inside(&command));
        wait_for("tcpdump listening", || {
            let said = running.said().1;
            assert!(running.is_running(), "{said}");
            said.contains("listening on")
        });
        Tcpdump { lab: self, running }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The commands of testbeds/af-packet.yaml that make the bridge.
fn set_up() -> String {
    let text = std::fs::read_to_string(repository().join("testbeds/af-packet.yaml")).unwrap();
    let commands: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        // Making and entering the namespace, and the run itself, are ours to do.
        .filter(|line| !line.starts_with("ip netns") && !line.starts_with("alias") && !line.contains("squall run"))
        .collect();
    assert!(commands.len() >= 8, "{commands:?}");
    format!("ns() {{ \"$@\"; }}\n{}", commands.join("\n"))
}

struct Tcpdump<'a> {
    lab: &'a Lab,
    running: Running,
}

impl Tcpdump<'_> {
    /// Ends it, makes sure that it lost nothing, and returns what check_pcap.py says.
    #[track_caller]
    fn accepted(self) -> Value {
        // What has arrived may still be in its buffer.
        let file = self.lab.folder.path("capture.pcap");
        let mut size = 0;
        wait_for("the capture being written", || {
            let now = std::fs::metadata(&file).unwrap().len();
            std::thread::sleep(std::time::Duration::from_millis(300));
            std::mem::replace(&mut size, now) == now
        });
        self.running.signal("INT");
        let said = self.running.wait().expect(0).stderr;
        assert!(said.contains("\n0 packets dropped by kernel"), "{said}");
        assert_accepted(&file, &["--ackreq", "exact", "--strict"])
    }
}

/// Eight senders, 16 packets each and round: slow enough for the kernel's buffers on a busy machine.
const INCAST: &str = "
traffic:
  - {name: incast, kind: incast, senders: 8, receiver: 8, message: 64KiB, rate: 20Mbps, repeats: 60, interval: 40ms}
";
const SENT: u64 = 8 * 16 * 60;

/// What holds whatever the bridge does: each port's count of frames sent is the kernel's, the
/// receiver's count is the kernel's.
#[track_caller]
fn assert_ports_agree(lab: &Lab, results: &Value) {
    for (index, port) in list(results, "/ports").iter().enumerate() {
        let interface = format!("squall{index}");
        for (direction, ours) in [("tx", "/tx/frames"), ("rx", "/rx/frames")] {
            assert_eq!(
                number(port, ours),
                lab.kernel(&interface, direction, "packets"),
                "{direction} of {interface}: {port:#}"
            );
        }
        assert_eq!(
            number(port, "/tx/bytes"),
            lab.kernel(&interface, "tx", "bytes"),
            "{port:#}"
        );
        for (theirs, ours) in [("/stats/opackets", "/tx/frames"), ("/stats/ipackets", "/rx/frames")] {
            assert_eq!(number(port, theirs), number(port, ours), "{port:#}");
        }
    }
}

#[test]
fn what_eight_senders_send_arrives_and_everyone_counts_the_same() {
    let Some(lab) = Lab::with_capture() else { return };
    lab.sh("nft add table bridge count
         nft add chain bridge count forward '{ type filter hook forward priority 0; }'
         nft add rule bridge count forward oifname sw8 udp dport 4791 counter comment '\"roce\"'");
    let tcpdump = lab.tcpdump("br0", &[]);
    let results = lab.results(INCAST);
    let capture = tcpdump.accepted();
    assert_balanced(&results);
    let entry = &results["traffic"][0];
    let packets = &entry["packets"];
    assert_eq!(number(packets, "/sent"), SENT);
    assert_eq!(number(packets, "/received"), SENT);
    for none in [
        "unsent",
        "lost",
        "duplicated",
        "reordered",
        "icrc_errors",
        "malformed",
        "unexplained",
    ] {
        assert_eq!(packets[none], 0, "{none}: {packets:#}");
    }
    assert_eq!(entry["rounds"]["completed"], 60);
    // The bridge's own counter, and the capture: every frame, whole, in order, with a right ICRC.
    assert_eq!(lab.nft("roce"), SENT);
    assert_eq!(number(&capture, "/frames"), SENT);
    assert_eq!(number(&capture, "/icrc_ok"), SENT);
    assert_eq!(number(&capture, "/messages"), 8 * 60);
    assert_eq!(number(&capture, "/flow_count"), 8);
    assert_eq!(
        number(&capture, "/payload_bytes"),
        number(entry, "/payload_bytes/received")
    );
    assert_ports_agree(&lab, &results);
    // Beside the traffic: one announcement of each worker, flooded to the eight others.
    assert_eq!(lab.kernel("squall8", "rx", "packets"), SENT + 8);
    assert_eq!(results["ports"][8]["rx"]["other"], 8);
    for port in list(&results, "/ports") {
        assert_eq!(
            (&port["rx"]["unknown"], &port["rx"]["misdelivered"]),
            (&0.into(), &0.into()),
            "{port:#}"
        );
    }
    let kinds: Vec<&Value> = list(&results, "/anomalies")
        .iter()
        .map(|anomaly| &anomaly["kind"])
        .collect();
    assert!(kinds.iter().all(|kind| *kind == "pacing"), "{kinds:?}");
}

/// A token bucket of 40 Mbit/s and a queue of 60 kB on the way to the receiver, at 160 Mbit/s.
#[test]
fn what_a_full_queue_drops_is_what_is_lost() {
    let Some(lab) = Lab::new() else { return };
    lab.sh("tc qdisc add dev sw8 root tbf rate 40mbit burst 20kb limit 60kb");
    let results = lab.results(INCAST);
    assert_balanced(&results);
    let queues: Value = serde_json::from_str(&lab.sh("tc -s -j qdisc show dev sw8")).unwrap();
    let queue = list(&queues, "").iter().find(|queue| queue["kind"] == "tbf").unwrap();
    let dropped = number(queue, "/drops");
    assert!(dropped > SENT / 10, "{queue:#}");
    let packets = &results["traffic"][0]["packets"];
    assert_eq!(number(packets, "/sent"), SENT);
    assert_eq!(number(packets, "/lost"), dropped, "{packets:#}");
    assert_eq!(
        packets["causes"],
        serde_json::json!([{"cause": "lost-in-dut", "frames": dropped}])
    );
    for none in ["duplicated", "reordered", "icrc_errors", "malformed"] {
        assert_eq!(packets[none], 0, "{none}: {packets:#}");
    }
    // The queue let the eight announcements pass.
    assert_eq!(number(queue, "/packets"), SENT - dropped + 8);
    assert_ports_agree(&lab, &results);
    let of_flows: u64 = list(&results, "/traffic/0/flows/listed")
        .iter()
        .map(|flow| number(flow, "/lost"))
        .sum();
    assert_eq!(of_flows, dropped);
}

/// A switch that marks once a burst exceeds 2 MB/s by 30 kB.
#[test]
fn marks_of_the_bridge_are_the_marks_that_are_counted() {
    let Some(lab) = Lab::with_capture() else { return };
    lab.sh("nft add table bridge marks
         nft add chain bridge marks forward '{ type filter hook forward priority 0; }'
         nft add rule bridge marks forward oifname sw8 ether type ip limit rate over 2 mbytes/second burst 30 kbytes \
             ip ecn set ce counter comment '\"marked\"'");
    let tcpdump = lab.tcpdump("sw8", &["-Q", "out"]);
    let results = lab.results(INCAST);
    let capture = tcpdump.accepted();
    assert_balanced(&results);
    let marked = lab.nft("marked");
    assert!(marked > SENT / 10 && marked < SENT, "{marked}");
    let entry = &results["traffic"][0];
    assert_eq!(number(entry, "/ecn/received/ce"), marked);
    assert_eq!(number(entry, "/ecn/received/ect0"), SENT - marked);
    assert_eq!(entry["packets"]["lost"], 0);
    // The capture, behind the rule, has as many; marking has broken no checksum and no ICRC.
    let in_capture: u64 = list(&capture, "/flows")
        .iter()
        .filter_map(|flow| flow["ecn"].get("ce"))
        .map(|marks| marks.as_u64().unwrap())
        .sum();
    assert_eq!(in_capture, marked, "{:#}", capture["flows"][0]);
    assert_ports_agree(&lab, &results);
}

/// A cable is pulled while the run is under way: a sender's, then the receiver's.
#[test]
fn a_vanished_interface_ends_the_run_with_what_was_measured() {
    for (end, port) in [("sw3", "w3"), ("sw8", "w8")] {
        let Some(lab) = Lab::new() else { return };
        let long = INCAST.replace("repeats: 60", "repeats: 1000000");
        let mut running = Running::start(lab.squall(&long));
        wait_for("traffic at the receiver", || {
            assert!(running.is_running(), "{:?}", running.said());
            lab.kernel("squall8", "rx", "packets") > 1000
        });
        lab.sh(&format!("ip link del {end}"));
        let ended = running.wait().expect(1);
        assert!(ended.stderr.contains(port), "the cause is named: {}", ended.stderr);
        let results = lab.folder.results_of("out");
        assert_eq!(results["run"]["interrupted"], true);
        let cause = results["run"]["interrupted_by"].as_str().unwrap();
        assert_eq!(cause, format!("port {port} has vanished"));
        let packets = &results["traffic"][0]["packets"];
        assert!(number(packets, "/received") > 900, "{packets:#}");
        let causes: u64 = list(packets, "/causes")
            .iter()
            .map(|cause| number(cause, "/frames"))
            .sum();
        assert_eq!(
            number(packets, "/sent"),
            number(packets, "/received") + causes,
            "{packets:#}"
        );
        for none in ["duplicated", "reordered", "icrc_errors", "malformed", "unexplained"] {
            assert_eq!(packets[none], 0, "{none}: {packets:#}");
        }
    }
}
