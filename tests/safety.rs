//! What squall must not do to a network that others use, and what others must not do to its figures: interfaces that the
//! kernel uses are refused whatever the device is called, ports belong to one run at a time, frames of another run are
//! told from one's own, and no bridge forgets where the workers are.
//!
//! The cases with interfaces have a network namespace of their own and **not** a `/sys` of it: what squall knows of the
//! interfaces it must know from the kernel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod support;

use std::process::Command;

use serde_json::Value;
use squall::engine::unroll::Unroll;
use squall::measure::Recorder;
use squall::pattern::IcrcCheck;
use squall::plan::{self, Plan};
use squall::testbed;
use squall::units::{BitRate, Picos};

use alone::{Namespace, alone};
use support::{Folder, Running, list, number, run, squall, wait_for};

fn sh(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status().unwrap();
    assert!(status.success(), "{script}");
}

fn quiet_ipv6() {
    // The kernel sends frames of its own with it.
    sh("for i in all default; do
          [ ! -e /proc/sys/net/ipv6/conf/$i ] || echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6
        done");
}

const ONE_FRAME: &str = "traffic: [{name: one, kind: transfer, from: 0, to: 1, message: 64B, count: 1}]\n";

#[test]
fn interfaces_that_the_kernel_uses_are_refused_in_every_form() {
    alone(Namespace::Own, || {
        quiet_ipv6();
        sh("ip link set lo up
            ip link add free0 type veth peer name free1; ip link set free0 up; ip link set free1 up
            ip link add addr0 mtu 4300 type veth peer name addr1 mtu 4300; ip link set addr0 up; ip link set addr1 up; ip addr add 192.0.2.1/24 dev addr0
            ip link add rout0 type veth peer name rout1; ip link set rout0 up; ip link set rout1 up
            ip route add 203.0.113.0/24 dev rout0 table 77
            ip link add br0 type bridge; ip link set br0 up
            ip link add port0 mtu 4300 type veth peer name port1 mtu 4300; ip link set port0 master br0 up; ip link set port1 up
            ip link add lowr0 type veth peer name lowr1; ip link set lowr0 up
            ip link add over0 type vxlan id 7 dev lowr0 dstport 4789; ip link set over0 up
            ip link property add dev port0 altname a-much-longer-name-of-port0");
        let folder = Folder::new();
        let pattern = folder.write("pattern.yaml", ONE_FRAME);
        let refused = |device: &str, name: &str, meant: &str| {
            let text = format!(
                "eal: {{hugepages: none, telemetry: false}}\nports:\n  - {{device: \"{device}\", speed: 1Gbps, workers: 2, receive: false}}\n"
            );
            let testbed = folder.write("testbed.yaml", &text);
            let said = run(squall(&["run", &pattern, "--testbed", &testbed])).expect(3).stderr;
            assert!(
                said.contains(&format!("the kernel uses interface {name}")),
                "{device}: {said}"
            );
            assert!(said.contains(meant), "{device}: {said}");
            assert!(
                said.contains(&format!("--i-own-this-interface {name}")),
                "{device}: {said}"
            );
        };
        for (name, why) in [
            ("lo", "it has the address 127.0.0.1"),
            ("addr0", "it has the address 192.0.2.1"),
            ("rout0", "it carries a route to 203.0.113.0"),
            ("port0", "it is a port of br0"),
            ("br0", "port0 is a port of it"),
            ("lowr0", "over0 is on top of it"),
            ("over0", "it stands on lowr0"),
            ("a-much-longer-name-of-port0", "it is a port of br0"),
        ] {
            refused(&format!("net_af_packet0,iface={name}"), name, why);
        }
        for device in [
            "net_pcap0,iface=port0",
            "net_pcap0,rx_iface=free0,tx_iface=port0",
            "net_pcap0,rx_iface=port0,tx_iface=free0",
            "net_pcap0,rx_iface_in=port0,tx_pcap=out.pcap",
            "net_af_xdp0,iface=port0,start_queue=0",
            "net_tap0,iface=new0,remote=port0",
            "net_failsafe0,dev(net_af_packet0,iface=port0)",
            "net_failsafe0,mac=02:00:00:00:00:01,dev(net_failsafe1,dev(net_pcap0,rx_iface=free0,tx_iface=port0))",
            "net_bonding0,mode=1,slave=net_af_packet0,iface=port0",
            "net_vdev_netvsc0,iface=port0,force=1",
        ] {
            refused(device, "port0", "it is a port of br0");
        }
        // What cannot be told is refused too, by the device's name.
        for (device, name) in [
            (
                "net_failsafe0,exec(echo net_af_packet0\\\\,iface=port0)",
                "net_failsafe0",
            ),
            ("net_failsafe0,dev(net_af_packet0,iface=free0", "net_failsafe0"),
            ("net_bonding0,mode=1,slave=net_af_packet9", "net_bonding0"),
            ("net_vendor0,uplink=port0", "net_vendor0"),
        ] {
            let text = format!("ports:\n  - {{device: \"{device}\", speed: 1Gbps, workers: 2}}\n");
            let testbed = folder.write("testbed.yaml", &text);
            let said = run(squall(&["run", &pattern, "--testbed", &testbed])).expect(3).stderr;
            assert!(
                said.contains(&format!("--i-own-this-interface {name}")),
                "{device}: {said}"
            );
        }
        // The user's word is taken, by any of the interface's names.
        for (device, own) in [
            ("net_af_packet0,iface=addr0", "addr0"),
            ("net_af_packet0,iface=port0", "a-much-longer-name-of-port0"),
        ] {
            let text = format!(
                "eal: {{hugepages: none, telemetry: false}}\nports:\n  - {{device: \"{device},blocksz=16384,framesz=8192,framecnt=512\", speed: 1Gbps, workers: 2, receive: false}}\n"
            );
            let testbed = folder.write("testbed.yaml", &text);
            let args = [
                "run",
                &pattern,
                "--testbed",
                &testbed,
                "--quiet",
                "--i-own-this-interface",
                own,
            ];
            run(squall(&args)).expect(0);
        }
    });
}

#[test]
fn a_second_run_on_the_same_port_is_refused_with_the_firsts_pid() {
    alone(Namespace::Own, || {
        quiet_ipv6();
        sh(
            "ip link add one mtu 4300 type veth peer name two mtu 4300; ip link set one up; ip link set two up
            ip link property add dev one altname another",
        );
        let folder = Folder::new();
        let testbed = |name: &str, device: &str| {
            let text = format!(
                "eal: {{hugepages: none, telemetry: false}}\nports:\n  - {{device: \"{device}\", speed: 1Gbps, workers: 2, receive: false}}\n"
            );
            folder.write(name, &text)
        };
        let blocks = "blocksz=16384,framesz=8192,framecnt=512";
        let first = testbed("first.yaml", &format!("net_af_packet0,iface=one,{blocks}"));
        let long = folder.write(
            "long.yaml",
            "duration: 10min\ntraffic: [{kind: transfer, from: 0, to: 1, message: 64B, rate: 100/s}]\n",
        );
        let short = folder.write("short.yaml", ONE_FRAME);
        let sweep = folder.write(
            "sweep.yaml",
            &format!("pattern: {short}\ntestbed: {first}\ntrials: 1\nvary: {{traffic.one.count: [1, 2]}}\n"),
        );
        let holder = Running::start(squall(&["run", &long, "--testbed", &first, "--quiet"]));
        // The kernel lists packet sockets by namespace: a header, and a line for each.
        let sockets = || std::fs::read_to_string("/proc/net/packet").unwrap().lines().count();
        wait_for("the first run's socket", || sockets() > 1);
        let pid = format!("process {}", holder.id());
        for device in [
            format!("net_af_packet0,iface=one,{blocks}"),
            "net_pcap5,rx_iface=another,tx_iface=one".to_owned(),
            "net_failsafe0,dev(net_pcap0,iface=one)".to_owned(),
        ] {
            let second = testbed("second.yaml", &device);
            let said = run(squall(&["run", &short, "--testbed", &second])).expect(3).stderr;
            assert!(
                said.contains(&pid) && said.contains("interface one"),
                "{device}: {said}"
            );
        }
        let out = folder.text("sweep");
        let said = run(squall(&["sweep", &sweep, "--out", &out])).expect(3).stderr;
        assert!(said.contains(&pid), "{said}");
        holder.signal("KILL");
        holder.wait();
        // However it ended, what it held is free.
        run(squall(&["run", &short, "--testbed", &first, "--quiet"])).expect(0);
    });
}

/// A bridge with veth pairs `sq0` to `sq3`, each with its other end a port.
fn bridge(ageing_centiseconds: u32) {
    quiet_ipv6();
    sh(&format!(
        "ip link add br0 type bridge mcast_snooping 0 ageing_time {ageing_centiseconds}; ip link set br0 mtu 4300 up
         for i in 0 1 2 3; do
           ip link add sq$i mtu 4300 type veth peer name sw$i mtu 4300
           ip link set sw$i master br0 up; ip link set sq$i up
         done"
    ));
}

fn port(number: u32, keys: &str) -> String {
    format!(
        "  - {{name: p{number}, device: \"net_af_packet{number},iface=sq{number},blocksz=16384,framesz=8192,framecnt=512\", \
         speed: 1Gbps, workers: 1{keys}}}\n"
    )
}

fn anomalies<'a>(results: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = list(results, "/anomalies").iter();
    all.filter(|anomaly| anomaly["kind"] == kind).collect()
}

#[test]
fn another_runs_frames_are_strangers() {
    alone(Namespace::Own, || {
        bridge(30_000);
        let folder = Folder::new();
        let head = "eal: {hugepages: none, telemetry: false}\nports:\n";
        let own = folder.write("own.yaml", &format!("{head}{}{}", port(0, ""), port(1, "")));
        // The same pattern from elsewhere: same seed, addresses and queue pairs, and sent to the first one's receiver.
        let other = format!(
            "{head}{}{}",
            port(
                2,
                ", receive: false, mac: \"02:00:00:00:01:01\", gateway_mac: \"02:00:00:00:00:02\""
            ),
            port(3, ", receive: false, mac: \"02:00:00:00:01:02\"")
        );
        let other = folder.write("other.yaml", &other);
        let pattern = folder.write(
            "pattern.yaml",
            "duration: 6s\ntraffic: [{name: kv, kind: transfer, from: 0, to: 1, message: 2KiB, rate: 200/s}]\n",
        );
        let (first, second) = (folder.text("first"), folder.text("second"));
        let start = |testbed: &str, out: &str| {
            Running::start(squall(&[
                "run",
                &pattern,
                "--testbed",
                testbed,
                "--out",
                out,
                "--quiet",
            ]))
        };
        let both = (start(&own, &first), start(&other, &second));
        both.0.wait().expect(0);
        both.1.wait().expect(0);
        let (mine, theirs) = (folder.results_of("first"), folder.results_of("second"));
        let strangers = number(&mine, "/ports/1/rx/strangers");
        let sent = number(&theirs, "/ports/0/tx/frames");
        assert!(strangers > 0 && strangers <= sent, "{strangers} of {sent}");
        let entry = &mine["traffic"][0];
        let packets = |name: &str| number(entry, &format!("/packets/{name}"));
        assert_eq!(packets("received"), packets("sent"));
        assert_eq!(
            (packets("duplicated"), packets("lost"), packets("malformed")),
            (0, 0, 0)
        );
        let mut told = anomalies(&mine, "strangers");
        // Before the bridge has learnt, it floods to the sender too.
        told.retain(|anomaly| anomaly["where"] == "ports/p1");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["where"], "ports/p1");
        assert!(
            told[0]["text"]
                .as_str()
                .unwrap()
                .starts_with(&format!("{strangers} frames ")),
            "{told:?}"
        );
    });
}

#[test]
fn announcements_keep_a_bridge_from_forgetting_receivers() {
    alone(Namespace::Own, || {
        // It forgets after 3 s who has sent nothing.
        bridge(300);
        let folder = Folder::new();
        let pattern = folder.write(
            "pattern.yaml",
            "duration: 9s\ntraffic: [{kind: transfer, from: 0, to: 1, message: 2KiB, rate: 200/s}]\n",
        );
        let flooded = |interval: &str| {
            let text = format!(
                "eal: {{hugepages: none, telemetry: false}}\nannounce_interval: {interval}\nports:\n{}{}{}",
                port(0, ""),
                port(1, ""),
                port(2, "")
            );
            let testbed = folder.write("testbed.yaml", &text);
            let results = folder.results(0, &[&pattern, "--testbed", &testbed]);
            let packets = &results["traffic"][0]["packets"];
            assert_eq!(packets["received"], packets["sent"]);
            // What a port has sent is its entries' frames and its announcements.
            for port in 0..3 {
                assert_eq!(
                    number(&results, &format!("/ports/{port}/tx/frames")),
                    number(&results, &format!("/ports/{port}/stats/opackets"))
                );
            }
            assert!(number(&results, "/ports/1/tx/frames") >= if interval == "0" { 1 } else { 10 });
            let stray = number(&results, "/ports/2/rx/misdelivered");
            // One sentence, with the number, and none of the bystander's port.
            let told = anomalies(&results, "flood");
            assert_eq!(told.len(), usize::from(stray > 0), "{told:?}");
            assert_eq!(anomalies(&results, "misdelivered").len(), 0);
            for flood in told {
                assert_eq!((&flood["where"], number(flood, "/frames")), (&"dut".into(), stray));
            }
            stray
        };
        assert!(flooded("0") > 100);
        assert_eq!(flooded("300ms"), 0);
    });
}

#[test]
fn a_router_that_asks_and_gets_no_answer_is_told() {
    alone(Namespace::Own, || {
        quiet_ipv6();
        // A kernel that routes: from sw0 to where worker 1 is, whom it knows not.
        sh("ip link set lo up
            for i in 0 1; do
              ip link add sq$i mtu 4300 type veth peer name sw$i mtu 4300
              ip link set sq$i up; ip link set sw$i address 02:aa:00:00:00:0$i; ip link set sw$i up
              echo 0 > /proc/sys/net/ipv4/conf/sw$i/rp_filter
            done
            echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
            echo 1 > /proc/sys/net/ipv4/ip_forward
            ip addr add 198.18.200.1/15 dev sw1");
        let folder = Folder::new();
        let pattern = folder.write(
            "pattern.yaml",
            "duration: 3s\ntraffic: [{kind: transfer, from: 0, to: 1, message: 2KiB, rate: 200/s}]\n",
        );
        let text = format!(
            "eal: {{hugepages: none, telemetry: false}}\nports:\n{}{}",
            port(0, ", gateway_mac: \"02:aa:00:00:00:00\""),
            port(1, ", answer: false")
        );
        let testbed = folder.write("testbed.yaml", &text);
        let results = folder.results(0, &[&pattern, "--testbed", &testbed]);
        let lost = number(&results, "/traffic/0/packets/sent");
        assert!(lost > 100 && number(&results, "/traffic/0/packets/received") == 0);
        let told = anomalies(&results, "address-unresolved");
        assert_eq!(told.len(), 1, "{:?}", results["anomalies"]);
        assert_eq!(
            (&told[0]["where"], number(told[0], "/frames")),
            (&"ports/p1".into(), lost)
        );
        for other in ["loss", "link-disruption", "incomplete-messages"] {
            assert_eq!(anomalies(&results, other).len(), 0, "{other}");
        }
    });
}

fn plan_of(traffic: &str, seed: u64) -> Result<Plan, String> {
    let pattern =
        squall::pattern::parse("test", &format!("seed: {seed}\n{traffic}"), &[]).map_err(|error| error.to_string())?;
    let testbed = testbed::parse(
        "test",
        "ports: [{device: net_ring0}, {device: net_ring1, loopback: false}]\n",
        &[],
    )
    .unwrap();
    plan::build(&pattern, &testbed, &[BitRate(1_000_000_000); 2]).map_err(|errors| errors[0].to_string())
}

#[test]
fn a_recorder_tells_its_own_frames_from_anothers() {
    let traffic =
        "traffic: [{kind: transfer, from: 0, to: 1, message: 3KiB, count: 40, qps: 3}]\nframe: {pmtu: 1024}\n";
    let frames = |plan: &Plan| {
        let mut unroll = Unroll::new(plan);
        let mut frames = Vec::new();
        while let Some(frame) = unroll.next() {
            frames.push(frame.bytes.to_vec());
        }
        frames
    };
    let (own, other) = (plan_of(traffic, 1).unwrap(), plan_of(traffic, 2).unwrap());
    assert_ne!(own.magic, other.magic);
    assert_eq!(own.magic, plan_of(traffic, 1).unwrap().magic);
    let (mine, theirs) = (frames(&own), frames(&other));
    assert_eq!(mine.len(), 120);
    for check in [IcrcCheck::All, IcrcCheck::None] {
        let mut recorder = Recorder::new(&own, check);
        for (time, (mine, theirs)) in mine.iter().zip(&theirs).enumerate() {
            // The stranger first: nothing of it must count for the flow.
            recorder.frame(0, theirs, Picos(time as u64 * 1_000_000));
            // To whichever port it comes.
            recorder.frame(1, theirs, Picos(time as u64 * 1_000_000));
            recorder.frame(0, mine, Picos(time as u64 * 1_000_000 + 1));
        }
        // One of ours with a broken magic word is broken, and nobody's.
        let mut broken = mine[1].clone();
        let place = broken.windows(4).position(|word| word == own.magic.bytes()).unwrap();
        broken[place] ^= 0x10;
        recorder.frame(0, &broken, Picos(1));
        let (entry, ports) = (&recorder.entries()[0], recorder.ports());
        assert_eq!(
            (entry.packets, entry.duplicated, entry.reordered, entry.malformed),
            (120, 0, 0, 0)
        );
        assert_eq!((ports[0].strangers, ports[1].strangers), (120, 120));
        assert_eq!((ports[0].misdelivered, ports[1].misdelivered), (0, 0));
        assert_eq!(entry.icrc_errors, 1);
    }
}

#[test]
fn times_and_rates_out_of_range_are_mistakes_of_the_plan() {
    let entry = |keys: &str| format!("traffic: [{{kind: transfer, from: 0, to: 1, {keys}}}]\n");
    for (traffic, expected) in [
        // 2 GiB at 1 bps are 540 years.
        (entry("message: 2GiB, count: 1, rate: 1bps"), "it ends more than 106 days"),
        (entry("message: 64B, count: 1000000, rate: 0.001/s"), "it ends more than 106 days"),
        (entry("message: 64B, count: 2, rate: 1e-8/s"), "`rate` is `1e-8/s`"),
        (entry("message: 64B, count: 2, rate: 0.0000001%"), "comes to about 1 bps"),
        (
            "traffic: [{kind: incast, senders: [0], receiver: 1, message: 64B, rate: 0.00001/s, repeats: 2, interval: 1s}]\n".to_owned(),
            "below 1 kbps",
        ),
        (
            "traffic: [{kind: incast, senders: [0], receiver: 1, message: 64B, repeats: 1000, interval: 700h}]\n".to_owned(),
            "it ends more than 106 days",
        ),
        (
            "traffic:\n- {name: a, kind: transfer, from: 0, to: 1, message: 1GiB, count: 1, rate: 1kbps}\n\
             - {name: b, kind: transfer, from: 0, to: 1, message: 1GiB, count: 1, rate: 1kbps, after: a}\n"
                .to_owned(),
            "b: it ends more than 106 days",
        ),
        (entry("message: 64B, count: 1, start: 9223373s"), "`start` is `9223373s`"),
    ] {
        let Err(said) = plan_of(&traffic, 1) else { panic!("{traffic} was taken") };
        assert!(said.contains(expected), "{traffic}: {said}");
    }
    // What ends by its duration is as long as that.
    plan_of(&entry("message: 2GiB, count: 1, rate: 1bps, duration: 1s"), 1).unwrap();
    plan_of(&format!("duration: 1s\n{}", entry("message: 2GiB, rate: 1bps")), 1).unwrap();
}

#[test]
fn memory_that_no_machine_has_is_refused_in_a_sentence() {
    let folder = Folder::new();
    let pattern = folder.write("pattern.yaml", ONE_FRAME);
    let testbed = "eal: {hugepages: none, memory: 1TiB, telemetry: false}\nports: [{device: net_ring0, speed: 1Gbps, workers: 2}]\n";
    let testbed = folder.write("testbed.yaml", testbed);
    let said = run(squall(&["run", &pattern, "--testbed", &testbed]));
    // Some machine may have it.
    if said.stderr.is_empty() {
        return;
    }
    assert!(
        said.stderr.contains("1 TiB of memory are asked for") && said.stderr.contains("lower `eal.memory`"),
        "{}",
        said.stderr
    );
    said.expect(3);
}
