//! `squall calibrate`: its figures against the reference fabric's stated rules, its file found by the
//! testbed that it is of and by no other, and two ports back to back over a veth pair.
//!
//! What runs on this machine's own clock is not held to figures: only to what they must have to do with
//! one another.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod support;
mod turn;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use alone::{Namespace, alone};
use support::{Ended, Folder, list, number, repository, run, squall};

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn calibrate(testbed: &str, more: &[&str], code: i32) -> Ended {
    run(squall(&[&["calibrate", "--testbed", testbed], more].concat())).expect(code)
}

/// docs/FABRIC.md: a frame takes its wire time and the propagation on each of two links, and the latency
/// of the store-and-forward switch between them.
#[test]
fn of_the_fabric_it_is_what_the_fabrics_rules_say() {
    let folder = Folder::new();
    let testbed = folder.write(
        "lab.yaml",
        "fabric: {speed: 100Gbps, propagation: 20ns, switch: {latency: 700ns}}\neal: {hugepages: none, memory: 512MiB}\n",
    );
    let said = calibrate(&testbed, &["--sizes", "64,1024,4096"], 0);
    let found = read(&folder.path("lab.calibration.json"));
    assert_eq!(found["schema"], "squall.calibration/1");
    // Both ways, three sizes: headers are Ethernet 14, IPv4 20, UDP 8, BTH 12, RETH 16, ImmDt 4, ICRC 4.
    let latency = list(&found, "/latency");
    assert_eq!(latency.len(), 6);
    for one in latency {
        let frame = number(one, "/payload_bytes") + 14 + 20 + 8 + 12 + 16 + 4 + 4;
        assert_eq!(number(one, "/frame_bytes"), frame, "{one:#}");
        // Preamble, delimiter, FCS and gap are 24 bytes (IEEE 802.3), 80 ps a byte.
        let exact = 2 * (frame + 24) * 80 + 2 * 20_000 + 700_000;
        let near = |ps: u64| ps.abs_diff(exact) <= exact / 1000;
        assert!(
            near(number(one, "/floor_ps")) && near(number(one, "/max_ps")),
            "{exact}: {one:#}"
        );
        assert_eq!(number(one, "/uncertainty_ps"), 0);
        assert_eq!(one["source"], serde_json::json!({"tx": "fabric", "rx": "fabric"}));
    }
    for rate in list(&found, "/lossless") {
        assert_eq!(
            (number(rate, "/rate_bps"), &rate["too_high_bps"]),
            (100_000_000_000, &Value::Null)
        );
        let frames = 100_000_000_000 / (8 * (number(rate, "/frame_bytes") + 24));
        assert_eq!(number(rate, "/frames_per_second"), frames);
    }
    let pacing = list(&found, "/pacing");
    let percents: Vec<u64> = pacing.iter().map(|one| number(one, "/percent")).collect();
    assert_eq!(percents, [1, 10, 50, 90]);
    // Simulated senders are never late: to the rounding of a gap.
    assert!(
        pacing.iter().all(|one| one["error_ppm"].as_f64().unwrap().abs() < 20.0),
        "{pacing:#?}"
    );
    assert!(
        said.stdout.contains("highest rate without loss") && said.stdout.contains("100 Gbps"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_run_quotes_the_calibration_of_its_testbed_and_of_no_other() {
    let folder = Folder::new();
    let shipped = std::fs::read_to_string(repository().join("testbeds/ring.yaml")).unwrap();
    let text = format!("{shipped}eal: {{hugepages: none, telemetry: false}}\n");
    let testbed = folder.write("lab.yaml", &text);
    calibrate(&testbed, &["--sizes", "256", "--seconds", "0.05", "--quiet"], 0);
    let calibration = read(&folder.path("lab.calibration.json"));
    let budget = &calibration["budget"];
    assert_eq!(budget["floor_ps"], calibration["latency"][0]["floor_ps"]);
    assert!(number(budget, "/floor_ps") > 0);
    let greater = number(budget, "/jitter_ps").max(number(budget, "/uncertainty_ps"));
    assert_eq!(number(budget, "/resolution_ps"), greater);

    let pattern = folder.write(
        "pattern.yaml",
        "traffic:\n- {name: put, kind: transfer, from: 0, to: 1, message: 256B, count: 200, rate: 10Mbps}\n",
    );
    let results = |testbed: &str, more: &[&str]| {
        let out = folder.text("out");
        let args = ["run", &pattern, "--testbed", testbed, "--out", &out, "--full"];
        let said = run(squall(&[&args, more].concat())).expect(0).stdout;
        (folder.results_of("out"), said)
    };
    let (quoted, said) = results(&testbed, &[]);
    assert_eq!(&quoted["calibration"], budget);
    assert!(
        said.contains("calibrated 20") && said.contains("times told apart from"),
        "{said}"
    );
    // What is below the resolution is said to be, and nothing else.
    let delay = &quoted["traffic"][0]["packet_latency"];
    let resolution = number(delay, "/uncertainty_ps").max(number(budget, "/resolution_ps"));
    let below = number(delay, "/p50") < resolution;
    assert_eq!(delay["below_resolution"], below, "{delay:#}");
    assert_eq!(
        said.contains("put packet: the median is less") || said.contains("put packet, "),
        below,
        "{said}"
    );

    // Another testbed, by its text or by an override.
    assert_eq!(
        results(&testbed, &["--set", "testbed.ports.0.speed=20Gbps"]).0["calibration"],
        Value::Null
    );
    folder.write("lab.yaml", &text.replace("40Gbps", "30Gbps"));
    assert_eq!(results(&testbed, &[]).0["calibration"], Value::Null);
    // Named, it must be of it.
    let named = folder.write("other.yaml", &format!("calibration: lab.calibration.json\n{text}"));
    assert_eq!(&results(&named, &[]).0["calibration"], budget);
    let changed = format!(
        "calibration: lab.calibration.json\n{}",
        text.replace("40Gbps", "30Gbps")
    );
    let named = folder.write("other.yaml", &changed);
    let said = run(squall(&["run", &pattern, "--testbed", &named])).expect(2).stderr;
    assert!(said.contains("it is of another testbed"), "{said}");
    folder.write("lab.calibration.json", "{\"schema\": \"squall.results/1\"}");
    let said = run(squall(&["run", &pattern, "--testbed", &named])).expect(2).stderr;
    assert!(said.contains("this is no file of squall calibrate"), "{said}");
}

#[test]
fn what_cannot_be_calibrated_says_why() {
    let folder = Folder::new();
    let eal = "eal: {hugepages: none, telemetry: false}\n";
    let deaf = folder.write(
        "deaf.yaml",
        &format!("{eal}ports:\n- {{device: \"net_null0,no-rx=1\", speed: 1Gbps}}\n"),
    );
    let said = calibrate(&deaf, &[], 1).stderr;
    assert!(said.contains("no port receives what another sends"), "{said}");
    // Two loops that are said to be joined: nothing comes from one to the other.
    let apart = "ports:\n- {name: a, device: net_ring0, speed: 1Gbps, loopback: false}\n\
                 - {name: b, device: net_ring1, speed: 1Gbps, loopback: false}\n";
    let apart = folder.write("apart.yaml", &format!("{eal}{apart}"));
    let said = calibrate(&apart, &["--seconds", "0.05", "--sizes", "64"], 1).stderr;
    assert!(said.contains("nothing that port a sent came to port b"), "{said}");
    assert!(!folder.path("apart.calibration.json").exists());
    calibrate(&apart, &["--seconds", "0"], 2);
    calibrate(&apart, &["--sizes", "8"], 2);
}

#[test]
fn two_ports_back_to_back() {
    alone(Namespace::Own, || {
        let _turn = turn::turn();
        let script = "ip link add left type veth peer name right && \
                      for end in left right; do ip link set $end addrgenmode none mtu 1500 arp off; done && \
                      ip link set left up && ip link set right up";
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        let folder = Folder::new();
        let af_packet = |unit: u8, name: &str| {
            format!(
                "- {{name: {name}, device: \"net_af_packet{unit},iface={name},blocksz=16384,framesz=8192,framecnt=512\", \
                 speed: 100Mbps}}\n"
            )
        };
        let ports = format!("{}{}", af_packet(0, "left"), af_packet(1, "right"));
        let testbed = folder.write(
            "veth.yaml",
            &format!("eal: {{hugepages: none, telemetry: false}}\nports:\n{ports}"),
        );
        calibrate(&testbed, &["--sizes", "256,1024", "--seconds", "0.1"], 0);
        let found = read(&folder.path("veth.calibration.json"));
        let ways: Vec<(&str, &str)> = list(&found, "/latency")
            .iter()
            .map(|one| (one["from"].as_str().unwrap(), one["to"].as_str().unwrap()))
            .collect();
        assert_eq!(
            ways,
            [
                ("left", "right"),
                ("right", "left"),
                ("left", "right"),
                ("right", "left")
            ]
        );
        for one in list(&found, "/latency") {
            let times = ["floor_ps", "p50_ps", "p99_ps", "max_ps"].map(|name| number(one, &format!("/{name}")));
            assert!(times[0] > 0 && times.is_sorted(), "{one:#}");
            assert!(
                number(one, "/frames") > 0 && number(one, "/uncertainty_ps") > 0,
                "{one:#}"
            );
        }
        for rate in list(&found, "/lossless")
            .iter()
            .filter(|rate| !rate["rate_bps"].is_null())
        {
            assert!(number(rate, "/rate_bps") <= 100_000_000, "{rate:#}");
        }
    });
}
