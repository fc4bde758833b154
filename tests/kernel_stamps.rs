//! Arrival times by the kernel's stamps (net_pcap), over a veth pair, beside tcpdump on the same
//! interface: the delays that are reported are those of tcpdump's stamps, within the uncertainty that is
//! reported.
//!
//! Each case has a process and a network namespace of its own (`alone`); it says what it lacks where it is skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod support;
mod turn;

use std::process::Command;

use serde_json::Value;

use alone::{Namespace, alone};
use support::skip::{needs, needs_root};
use support::{Folder, Running, number, run, squall, wait_for};

const FRAMES: u64 = 200;

/// 200 frames of 1 KiB, some 55 in a second: libpcap has room for 32 of them in the kernel, and a busy
/// machine looks away for long.
const PATTERN: &str = "
traffic:
  - {name: probe, kind: transfer, from: 0, to: 1, message: 1KiB, count: 200, rate: 500kbps}
";

/// A veth pair: af_packet sends at one end, net_pcap receives at the other.
fn testbed(timestamps: &str) -> String {
    format!(
        "eal: {{hugepages: none, telemetry: false}}
ports:
  - {{name: left, device: \"net_af_packet0,iface=left,blocksz=16384,framesz=8192,framecnt=512\", speed: 1Gbps, receive: false}}
  - {{name: right, device: \"net_pcap0,iface=right\", speed: 1Gbps, timestamps: {timestamps}}}
"
    )
}

fn make_veth() {
    let script = "ip link add left type veth peer name right && \
                  for end in left right; do ip link set $end addrgenmode none mtu 9000 arp off; done && \
                  ip link set left up && ip link set right up";
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
}

/// What a frame in a capture says: its arrival, ns since 1970, and its departure, ps since the run's zero.
fn stamps(capture: &[u8]) -> Vec<(u64, u64)> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    // The format of libpcap files with nanoseconds, written by this machine.
    assert_eq!(word(0), 0xa1b2_3c4d);
    let (mut at, mut found) = (24, Vec::new());
    while at + 16 <= capture.len() {
        let arrival = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4));
        let len = usize::try_from(word(at + 8)).unwrap();
        let frame = &capture[at + 16..at + 16 + len];
        // The stamp stands at the beginning of the payload, behind Ethernet, IPv4, UDP and BTH, in a First or an Only
        // the RETH, and where there is immediate data the ImmDt: docs/ARCHITECTURE.md, src/wire/stamp.rs.
        let place = match frame[42] {
            0x06 | 0x0a => 54 + 16,
            0x09 => 54 + 4,
            0x0b => 54 + 16 + 4,
            _ => 54,
        };
        let departure = frame[place + 16..place + 24].try_into().unwrap();
        found.push((arrival, u64::from_be_bytes(departure)));
        at += 16 + len;
    }
    found
}

#[test]
fn delays_by_the_kernels_stamps_are_those_of_tcpdumps() {
    if !needs(&["tcpdump"]) || !needs_root("capturing with tcpdump") {
        return;
    }
    alone(Namespace::Own, || {
        let _turn = turn::turn();
        make_veth();
        let folder = Folder::new();
        let capture = folder.path("right.pcap");
        let mut command = Command::new("tcpdump");
        command.args([
            "-i",
            "right",
            "-w",
            folder.text("right.pcap").as_str(),
            "-s",
            "256",
            "-U",
            "-n",
            "-Z",
            "root",
        ]);
        command.args(["--time-stamp-precision=nano", "udp port 4791"]);
        let mut tcpdump = Running::start(command);
        wait_for("tcpdump listening", || {
            let said = tcpdump.said().1;
            assert!(tcpdump.is_running(), "{said}");
            said.contains("listening on")
        });
        let (pattern, testbed) = (
            folder.write("pattern.yaml", PATTERN),
            folder.write("testbed.yaml", &testbed("auto")),
        );
        let out = folder.text("out");
        let shown = run(squall(&["run", &pattern, "--testbed", &testbed, "--out", &out]))
            .expect(0)
            .stdout;
        wait_for("the capture being written", || {
            std::fs::metadata(&capture).unwrap().len() >= 24 + FRAMES * (16 + 256)
        });
        tcpdump.signal("INT");
        tcpdump.wait().expect(0);
        let results = folder.results_of("out");
        let entry = &results["traffic"][0];
        assert_eq!(number(entry, "/packets/received"), FRAMES, "{:#}", entry["packets"]);

        // The source is named wherever a latency is.
        let source = serde_json::json!({"tx": "software", "rx": "kernel"});
        let port = &results["ports"][1];
        assert_eq!(
            (&port["timestamps"], &entry["packet_latency"]["source"]),
            (&source, &source)
        );
        assert_eq!(results["run"]["timestamps"], source);
        assert!(shown.contains("departures by software, arrivals by kernel"), "{shown}");
        assert_eq!(
            (&port["clock"]["refused"], &entry["times_refused"]),
            (&Value::Null, &Value::Null),
            "{port:#}"
        );
        assert_eq!(number(port, "/clock/stamped"), number(port, "/rx/frames"));
        assert_eq!((number(port, "/clock/late"), number(port, "/clock/unstamped")), (0, 0));
        assert!(number(port, "/clock/readings") > 10);
        let uncertainty = number(port, "/clock/uncertainty_ps");
        // Microseconds are the stamp's resolution.
        assert!(uncertainty >= 500_000, "{port:#}");
        assert!(number(entry, "/packet_latency/uncertainty_ps") > uncertainty);
        assert!(results["ports"][0]["tx_spread"]["p50_ps"].is_u64());

        let seen = stamps(&std::fs::read(&capture).unwrap());
        assert_eq!(seen.len() as u64, FRAMES);
        // The zero of the run is a constant in all of them; differences do not have it. Within a frame the
        // kernel stamps for each reader anew, some hundred nanoseconds apart.
        let mut delays: Vec<i64> = seen
            .iter()
            .map(|(arrival, departure)| ((arrival - seen[0].0) * 1_000).cast_signed() - departure.cast_signed())
            .collect();
        delays.sort_unstable();
        let above = |index: usize| (delays[index] - delays[0]).unsigned_abs();
        let reported = |name: &str| number(entry, &format!("/packet_latency/{name}"));
        for (name, theirs) in [
            ("p50", above(delays.len() / 2)),
            ("p95", above(delays.len() * 95 / 100)),
        ] {
            let ours = reported(name) - reported("min");
            let tolerance = 2 * uncertainty + 10_000_000 + reported(name) / 500;
            assert!(
                ours.abs_diff(theirs) <= tolerance,
                "{name}: {ours} above the least, tcpdump {theirs}: {:#}",
                entry["packet_latency"]
            );
        }
    });
}

#[test]
fn what_a_port_cannot_do_is_refused_with_what_it_can() {
    alone(Namespace::Own, || {
        make_veth();
        let folder = Folder::new();
        let pattern = folder.write("pattern.yaml", PATTERN);
        for (wanted, why) in [("nic", "its driver does not stamp every frame"), ("ptp-probe", "PTP")] {
            let testbed = folder.write("testbed.yaml", &testbed(wanted));
            let said = run(squall(&["run", &pattern, "--testbed", &testbed])).expect(3).stderr;
            assert!(
                said.contains(&format!("port right: timestamps: {wanted}: ")) && said.contains(why),
                "{said}"
            );
            assert!(said.contains("it can do kernel, software"), "{said}");
        }
        // By the software's clock the same frames have the same fate.
        let testbed = folder.write("testbed.yaml", &testbed("software"));
        let out = folder.text("out");
        run(squall(&[
            "run",
            &pattern,
            "--testbed",
            &testbed,
            "--out",
            &out,
            "--quiet",
        ]))
        .expect(0);
        let results = folder.results_of("out");
        let entry = &results["traffic"][0];
        assert_eq!(number(entry, "/packets/received"), FRAMES);
        assert_eq!(
            entry["packet_latency"]["source"],
            serde_json::json!({"tx": "software", "rx": "software"})
        );
        assert_eq!(results["ports"][1]["clock"], Value::Null);
        let spread = |port: usize, name: &str| number(&results, &format!("/ports/{port}/{name}/p99_ps"));
        assert_eq!(
            number(entry, "/packet_latency/uncertainty_ps"),
            spread(0, "tx_spread") + spread(1, "rx_spread")
        );
    });
}
