//! What each key of a testbed takes and refuses, at the edges; what a testbed becomes.

use squall::testbed::{
    self, Addresses, Configured, Cores, Device, EalOptions, Hugepages, Network, Pacing, PfcReaction, Port, Testbed,
    Timestamps, WorkerCount,
};
use squall::units::{BitRate, Bytes, Picos};
use squall::wire::class::{Maps, Trust};

/// A port `p` with `sets` (keys of the port; `/key=value` of the testbed).
fn load(sets: &[&str]) -> Result<Testbed, Vec<String>> {
    let path = |set: &&str| match set.strip_prefix('/') {
        Some(set) => set.to_owned(),
        None => format!("ports.p.{set}"),
    };
    let overrides: Vec<String> = sets.iter().map(path).collect();
    testbed::parse("lab.yaml", "ports: [{name: p, device: net_ring0}]\n", &overrides).map_err(|errors| {
        let text = |item: &squall::yaml::Diagnostic| match &item.suggestion {
            Some(suggestion) => format!("{} -> {suggestion}", item.what),
            None => item.what.clone(),
        };
        errors.items.iter().map(text).collect()
    })
}

#[test]
fn good_values_at_their_edges() {
    for sets in [
        &[
            "device=net_null0,no-rx=1",
            "speed=1bps",
            "workers=65536",
            "mac=02:00:00:00:00:01",
        ][..],
        &["device=3b:00.0", "tx_queues=1024", "rx_queues=1024", "descriptors=64"],
        &[
            "descriptors=32768",
            "gateway_mac=02-00-00-00-00-01",
            "loopback=false",
            "receive=false",
        ],
        &["/eal={hugepages: required, memory: 64MiB, file_prefix: a-b_c.d, telemetry: false}"],
        &["/eal={extra_args: [--log-level=8, -n, 4]}"],
        &["/ports=[{device: net_ring0, workers: senders}, {device: net_ring1, workers: receivers}]"],
        &["/ports=[{device: net_ring0, workers: senders}, {device: net_ring1}]"],
        &["/cores=auto"],
        &["/cores={tx: 2-3, rx: [3, 1023]}"],
        &["/addresses={ipv4: 10.0.0.1/24, ipv6: \"fd00::1/64\"}"],
        &["/dut={vendor: x, ports: 32}"],
        &["/isolated=true"],
        &["/announce_interval=0"],
        &["/announce_interval=10ms"],
        &["/announce_interval=24h"],
        &["/resolve_timeout=100ms"],
        &["/resolve_timeout=10min"],
        &[
            "device=\"net_af_packet0,iface=e\"",
            "address=20.1.1.2/31",
            "gateway=20.1.1.3",
            "vlan=4094",
        ],
        // A gateway may be outside the network: it is on the link all the same.
        &[
            "device=\"net_af_packet0,iface=e\"",
            "address=20.1.1.2/31",
            "gateway=20.1.1.1",
        ],
        &["address=[20.1.1.2/32, \"2001:db8::2/128\"]"],
        &[
            "address=[20.1.1.2/24]",
            "gateway=20.1.1.1",
            "gateway_mac=02:00:00:00:00:01",
            "receive=false",
        ],
        &[
            "device=\"net_af_packet0,iface=e\"",
            "/peers=[{worker: 1, address: 10.0.0.1, qps: [{qpn: 2}]}]",
        ],
        &[
            "device=\"net_af_packet0,iface=e\"",
            "/peers=[{name: a, worker: 65535, port: p, address: \"fd99::1\", mac: 02:00:00:00:00:01, pmtu: 256, \
             qps: [{qpn: 16777215, psn: 16777215, va: 0xffffffffffffffff, rkey: 0xffffffff}]}, \
             {worker: 0, address: 10.0.0.1, qps: [{qpn: 2}]}]",
            "/peers.a.pmtu=4096",
        ],
        &["/eal={extra_args: [\"-n4\", --iova-mode=va, --log-level, \"lib.eal:8\", --no-hpet]}"],
        &["/system={model: Llama-3 70B, parameters: 70.6e9, accelerators: 96}"],
        &["/workload={prefix_sharing: 30%}", "/health={crc_errors: 0, fec: 3e-15}"],
        &["/system.model=Qwen3"],
    ] {
        if let Err(errors) = load(sets) {
            panic!("{sets:?}: {errors:?}");
        }
    }
}

#[test]
fn wrong_values_are_refused_each_with_one_mistake() {
    for (sets, expected) in [
        (&["device=eth0"][..], "`device` is `eth0`"),
        (&["device=net_rign0"], "-> net_ring0"),
        (&["device=null"], "port `p` needs `device`"),
        (&["speed=400"], "`speed` is `400`"),
        (&["speed=400gbps"], "-> 400Gbps"),
        (&["workers=0"], "`workers` is `0`"),
        (&["workers=atuo"], "-> auto"),
        (&["workers=sender"], "-> senders"),
        (&["workers=senders"], "no port takes receivers"),
        (&["workers=receivers"], "no port takes senders"),
        (
            &["/ports=[{device: net_ring0, workers: senders}, {device: net_ring1}, {device: net_ring2, workers: 8}]"],
            "port `port2` has `workers: 8` while port `port0` takes",
        ),
        (&["mac=01:00:5e:00:00:01"], "`mac` is"),
        (&["rx_queues=0"], "`rx_queues` is `0`"),
        (&["descriptors=63"], "`descriptors` is `63`"),
        (&["promiscuous=on"], "-> true"),
        (&["pacing=hardware"], "`pacing` is `hardware`"),
        (&["pfc=softwear"], "-> software"),
        (&["pfc=software", "receive=false"], "the loop cannot obey"),
        (&["timestamps=nick"], "-> nic"),
        (&["queues=2"], "unknown key `queues` in port `p` -> tx_queues"),
        (&["memory=1GiB"], "unknown key `memory`"),
        (&["/memory=1GiB"], "-> eal: {memory: …}"),
        (
            &["/peers=[{worker: 1, address: 10.0.0.1, qps: [{qpn: 2}]}]"],
            "port `p`, by which it is to be reached, does not receive",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, port: q, address: 10.0.0.1, qps: [{qpn: 2}]}]",
            ],
            "there is no port `q`",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{address: 10.0.0.1, qps: [{qpn: 2}]}]",
            ],
            "needs `worker`",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, qps: [{qpn: 2}]}]",
            ],
            "needs `address`",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, address: 10.0.0.1}]",
            ],
            "needs `qps`",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, address: 10.0.0.1/24, qps: [{qpn: 2}]}]",
            ],
            "-> 10.0.0.1",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, address: 10.0.0.1, qps: [{qpn: 1}]}]",
            ],
            "`qpn` is `1`",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, address: 10.0.0.1, qps: [{psn: 1}]}]",
            ],
            "needs `qpn`",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, address: 10.0.0.1, json: a, qps: [{qpn: 2}]}]",
            ],
            "`json` and `qps` exclude each other",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, json: no-such-file.json}]",
            ],
            "no-such-file.json: No such file",
        ),
        (
            &[
                "device=\"net_af_packet0,iface=e\"",
                "/peers=[{worker: 1, address: 10.0.0.1, qps: [{qpn: 2}]}, {worker: 1, address: 10.0.0.2, qps: [{qpn: 2}]}]",
            ],
            "peer `peer0` stands for that worker",
        ),
        (&["/isolated=1"], "-> true"),
        (&["/system={modell: x}"], "unknown key `modell` in `system` -> model"),
        (&["/health={fecc: 0}"], "unknown key `fecc` in `health` -> fec"),
        (&["/prefix_sharing=30%"], "-> workload: {prefix_sharing: …}"),
        (&["/system={model: [a, b]}"], "`model` is a list"),
        (&["/system={model: \"a\\nb\"}"], "`model` is"),
        (&["/workload=heavy"], "`workload` is"),
        (&["/eal.memory=63MiB"], "`memory` is `63MiB`"),
        (&["/eal.memory=1"], "`memory` is `1`"),
        (&["/eal.file_prefix=../x"], "`file_prefix` is"),
        (&["/eal.hugepages=non"], "-> none"),
        (
            &["/eal.extra_args=[\"--vdev=net_null1\"]"],
            "has a key of its own -> ports",
        ),
        (&["/eal.extra_args=[[a]]"], "a list with a list in it"),
        // Whatever opens devices, places threads or makes another process, by any of its spellings.
        (
            &["/eal.extra_args=[\"--vdev\", \"net_af_packet9,iface=eth0\"]"],
            "has a key of its own -> ports",
        ),
        (
            &["/eal.extra_args=[\"--vde=net_af_packet9,iface=eth0\"]"],
            "`--vde` is not passed on",
        ),
        (
            &["/eal.extra_args=[\"-a0000:3b:00.0\"]"],
            "`-a` has a key of its own -> ports",
        ),
        (&["/eal.extra_args=[\"-c3\"]"], "`-c` has a key of its own -> cores"),
        (
            &["/eal.extra_args=[\"--proc-type=secondary\"]"],
            "`--proc-type` is not passed on",
        ),
        (
            &["/eal.extra_args=[\"--proc-ty=auto\"]"],
            "`--proc-ty` is not passed on",
        ),
        (&["/eal.extra_args=[\"--\"]"], "`--` is not passed on"),
        (&["/eal.extra_args=[\"--help\"]"], "`--help` is not passed on"),
        (&["/eal.extra_args=[word]"], "is not passed on"),
        (&["/eal.extra_args=[\"-n\"]"], "`-n` has no value"),
        (&["/eal.extra_args=[\"-n\", \"--vdev=net_null9\"]"], "`-n` has no value"),
        (&["/eal.extra_args=[\"--no-hpet=1\"]"], "`--no-hpet` takes no value"),
        (&["address=20.1.1.2"], "`address` is `20.1.1.2` -> 20.1.1.2/24"),
        (&["address=20.1.1.2/33"], "`address` is `20.1.1.2/33`"),
        (&["address=224.0.0.1/24"], "`address` is `224.0.0.1/24`"),
        (&["address=[20.1.1.2/24, 20.1.2.2/24]"], "two IPv4 addresses"),
        (&["address=[[20.1.1.2/24]]"], "`address` is a list"),
        (
            &["address=20.1.1.2/24", "gateway=20.1.1.1/24"],
            "`gateway` is `20.1.1.1/24` -> 20.1.1.1",
        ),
        (
            &["address=20.1.1.2/24", "gateway=20.1.1.2"],
            "the address of the port's first worker",
        ),
        (&["gateway=20.1.1.1"], "the port has no IPv4 `address`"),
        (
            &["address=20.1.1.2/24", "gateway=\"fd00::1\""],
            "the port has no IPv6 `address`",
        ),
        (
            &["address=20.1.1.2/24", "gateway=[20.1.1.1, 20.1.1.3]"],
            "the second IPv4 one",
        ),
        (
            &["address=20.1.1.2/24", "gateway=20.1.1.1", "receive=false"],
            "cannot hear where its gateway is",
        ),
        (&["vlan=0"], "`vlan` is `0`"),
        (&["vlan=4095"], "`vlan` is `4095`"),
        (
            &["/ports=[{device: net_ring0, vlan: 5}, {device: net_ring1}]"],
            "port `port1` has no `vlan` while port `port0` has one",
        ),
        (&["/resolve_timeout=0"], "`resolve_timeout` is `0`"),
        (&["/announce_interval=1ms"], "`announce_interval` is `1ms`"),
        (&["/announce_interval=25h"], "`announce_interval` is `25h`"),
        (&["/announce_interval=15"], "`announce_interval` is `15`"),
        (&["/cores=2"], "`cores` is `2`"),
        (&["/cores={tx: 2}"], "`cores` needs `rx`"),
        (&["/cores={tx: [2, 2], rx: 3}"], "with 2 in it twice"),
        (&["/cores={tx: 1024, rx: 3}"], "`tx` is `1024`"),
        (&["/addresses.ipv4=198.18.0.1"], "`ipv4` is"),
        (&["/addresses.ipv4=224.0.0.1/8"], "`ipv4` is"),
        (&["/addresses.ipv4=127.0.0.1/8"], "`ipv4` is"),
        (&["/addresses.ipv4=10.0.0.1/31"], "`ipv4` is"),
        (&["/addresses.ipv6=ff02::1/64"], "`ipv6` is"),
        (&["/addresses.ipv6=fd00::1/127"], "`ipv6` is"),
        (&["/ports=[]"], "a list of 0"),
        (&["/ports=null"], "the testbed needs `ports`"),
        (&["/dut=x"], "`dut` is a single value"),
        (&["/dut={a: [b]}"], "a map with a list in it"),
        (&["/dut={a: \"\\e[2J\"}"], "control characters"),
        (&["/description=\"\\e[2J\""], "`description` is"),
    ] {
        match load(sets) {
            Ok(testbed) => panic!("{sets:?} was taken: {testbed:?}"),
            Err(errors) => assert!(
                errors.len() == 1 && errors[0].contains(expected),
                "{sets:?}: {errors:?} instead of {expected:?}"
            ),
        }
    }
}

#[test]
fn a_device_and_an_interface_belong_to_one_port() {
    let text = "ports:\n\
                - {device: net_ring0}\n\
                - {device: net_ring0}\n\
                - {device: \"net_pcap0,iface=eth1\"}\n\
                - {name: port0, device: \"net_af_packet0,iface=eth1\"}\n";
    let errors = testbed::parse("lab.yaml", text, &[]).expect_err("three mistakes");
    let found: Vec<_> = errors
        .items
        .iter()
        .map(|item| (item.position, item.what.as_str()))
        .collect();
    let expected = [
        (
            Some((3, 12)),
            "the device `net_ring0` is opened by port `port0` already",
        ),
        (Some((5, 10)), "two ports are named `port0`, the first at 2:3"),
        (Some((5, 25)), "the interface `eth1` is opened by port `port2` already"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_key_ends_where_it_belongs() {
    let text = "
name: lab
description: every key
isolated: true
eal: {hugepages: none, memory: 1GiB, file_prefix: sq, telemetry: false, extra_args: [--log-level=8]}
cores: {tx: 2-3, rx: [4, 2]}
addresses: {ipv4: 10.1.0.9/16, ipv6: \"fd00::9/64\"}
announce_interval: 2s
resolve_timeout: 3s
ports:
  - {name: a, device: \"3b:00.1,dv_flow_en=0\", speed: 400Gbps, workers: 8, mac: \"02:00:00:00:00:01\",
     gateway_mac: \"02:00:00:00:00:02\", loopback: true, receive: false, announce: false, tx_queues: 2, rx_queues: 3,
     address: [10.2.0.9/24, \"fd01::9/64\"], gateway: \"fd01::1\", vlan: 7,
     descriptors: 512, promiscuous: false, pacing: nic, pfc: ignore,
     timestamps: kernel}
dscp_to_priority: {default: 2, 3: 3, 8-10: 0}
pcp_to_priority: sonic
trust: dscp
calibration: lab.json
dut: {vendor: v, asic: 7}
";
    let expected = Testbed {
        name: "lab".into(),
        description: Some("every key".into()),
        isolated: true,
        eal: EalOptions {
            hugepages: Hugepages::None,
            memory: Bytes(1 << 30),
            file_prefix: Some("sq".into()),
            telemetry: false,
            extra_args: vec!["--log-level=8".into()],
        },
        cores: Cores::Lists {
            tx: vec![2, 3],
            rx: vec![4, 2],
        },
        addresses: Addresses {
            ipv4: ([10, 1, 0, 9].into(), 16),
            ipv6: ([0xfd00, 0, 0, 0, 0, 0, 0, 9].into(), 64),
        },
        announce_interval: Picos(2_000_000_000_000),
        resolve_timeout: Picos(3_000_000_000_000),
        ports: vec![Port {
            name: "a".into(),
            device: Device::Pci {
                address: "0000:3b:00.1".into(),
                args: "0000:3b:00.1,dv_flow_en=0".into(),
            },
            speed: Some(BitRate(400_000_000_000)),
            workers: WorkerCount::Exactly(8),
            mac: Some([2, 0, 0, 0, 0, 1]),
            gateway_mac: Some([2, 0, 0, 0, 0, 2]),
            ipv4: Some(Network {
                first: [10, 2, 0, 9].into(),
                prefix: 24,
                gateway: None,
            }),
            ipv6: Some(Network {
                first: [0xfd01, 0, 0, 0, 0, 0, 0, 9].into(),
                prefix: 64,
                gateway: Some([0xfd01, 0, 0, 0, 0, 0, 0, 1].into()),
            }),
            vlan: Some(7),
            loopback: true,
            receive: false,
            announce: false,
            answer: false,
            tx_queues: 2,
            rx_queues: 3,
            descriptors: 512,
            promiscuous: false,
            pacing: Pacing::Nic,
            pfc: PfcReaction::Ignore,
            timestamps: Timestamps::Kernel,
        }],
        peers: Vec::new(),
        fabric: None,
        classes: Maps {
            dscp: std::array::from_fn(|dscp| match dscp {
                3 => 3,
                8..=10 => 0,
                _ => 2,
            }),
            pcp: [1, 0, 2, 3, 4, 5, 6, 7],
            trust: Trust::Dscp,
        },
        said: Configured::default(),
        calibration: Some("lab.json".into()),
        dut: [
            ("asic".to_owned(), "7".to_owned()),
            ("vendor".to_owned(), "v".to_owned()),
        ]
        .into(),
        about: testbed::about::About::default(),
    };
    let testbed = testbed::parse("x.yaml", text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(testbed, expected);
}

#[test]
fn defaults_follow_the_driver() {
    let port = |device: &str| {
        let mut testbed = load(&[&format!("device={device}")]).expect("it is good");
        let port = testbed.ports.remove(0);
        (port.loopback, port.receive, port.announce, port.answer)
    };
    assert_eq!(port("net_ring0"), (true, true, false, false));
    assert_eq!(port("net_null0,no-rx=1"), (false, false, false, false));
    assert_eq!(port("net_af_packet0,iface=e"), (false, true, true, true));
    assert_eq!(port("0000:3b:00.0"), (false, true, true, true));
    let testbed = load(&[]).expect("it is good");
    assert_eq!(
        (testbed.name.as_str(), testbed.isolated, testbed.cores),
        ("lab", false, Cores::Auto)
    );
    assert_eq!(testbed.addresses.ipv4, ([198, 18, 0, 1].into(), 15));
    let port = &testbed.ports[0];
    assert_eq!((port.speed, port.workers, port.mac), (None, WorkerCount::Auto, None));
    assert_eq!((port.pacing, port.pfc), (Pacing::Auto, PfcReaction::Auto));
    assert_eq!(
        (port.tx_queues, port.rx_queues, port.descriptors, port.promiscuous),
        (1, 1, 1024, true)
    );
}

#[test]
fn what_only_people_know_is_quoted_and_what_they_do_not_say_is_not_there() {
    let text = "ports: [{name: p, device: net_ring0}]\nsystem: {model: Llama-3 70B, accelerators: 96}\nhealth: {crc_errors: 0}\n";
    let about = testbed::parse("lab.yaml", text, &[]).expect("it is good").about;
    let pairs = |map: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
        map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    assert_eq!(
        pairs(&about.system),
        [("accelerators", "96"), ("model", "Llama-3 70B")].map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    assert_eq!(pairs(&about.workload), []);
    assert_eq!(pairs(&about.health), [("crc_errors".to_owned(), "0".to_owned())]);
}

#[test]
fn the_draft_s_lists_are_complete() {
    use squall::testbed::about::{HEALTH, SYSTEM, WORKLOAD};
    // Section 14 counts: ten things, of which five are of two parts; five of the workload. Table 5 has seven rows.
    assert_eq!((SYSTEM.len(), WORKLOAD.len(), HEALTH.len()), (15, 5, 7));
    let thresholds: Vec<&str> = HEALTH.iter().filter_map(|asked| asked.threshold).collect();
    assert_eq!(
        thresholds,
        [
            "< 30%",
            "< 70%",
            "< 1e-12 post-FEC BER",
            "0",
            "0 flaps",
            "100% active",
            "> 90% of theoretical"
        ]
    );
}

#[test]
fn numbers_among_roles_are_one_mistake() {
    let text = "ports: [{name: a, device: net_ring0, workers: senders}, {name: b, device: net_ring1, workers: 4}]\n";
    let errors = testbed::parse("lab.yaml", text, &[]).expect_err("b takes no role");
    let found: Vec<&str> = errors.items.iter().map(|item| item.what.as_str()).collect();
    assert!(found.len() == 1 && found[0].contains("`workers: 4`"), "{found:?}");
}

#[test]
fn a_map_of_priorities_has_a_name_or_says_what_each_code_point_is() {
    let read = |line: &str| {
        testbed::parse("x.yaml", &format!("ports: [{{device: net_ring0}}]\n{line}\n"), &[])
            .map(|testbed| testbed.classes)
            .map_err(|errors| errors.to_string())
    };
    let standard = Maps::default();
    assert_eq!(read(""), Ok(standard));
    assert_eq!(read("dscp_to_priority: standard"), Ok(standard));
    // SONiC's default: DSCP 3 and 4 lossless, 26 in class 1.
    let sonic = read("dscp_to_priority: sonic").expect("a name").dscp;
    assert_eq!(
        [3, 4, 5, 8, 26, 46, 48].map(|dscp: usize| sonic[dscp]),
        [3, 4, 2, 0, 1, 5, 6]
    );
    // What is not named is as in `standard`, or as `default` says.
    let own = read("dscp_to_priority: {3: 4, 62-63: 0}").expect("a map").dscp;
    assert_eq!([0, 3, 26, 61, 62, 63].map(|dscp: usize| own[dscp]), [0, 4, 3, 7, 0, 0]);
    let over = read("dscp_to_priority: {26: 3, default: sonic}").expect("a map").dscp;
    assert_eq!([3, 25, 26, 27].map(|dscp: usize| over[dscp]), [3, 1, 3, 1]);
    let pcp = read("pcp_to_priority: {0-3: 7}").expect("a map").pcp;
    assert_eq!(pcp, [7, 7, 7, 7, 4, 5, 6, 7]);
    for (line, said) in [
        ("dscp_to_priority: sonc", "did you mean `sonic`"),
        (
            "dscp_to_priority: {64: 3}",
            "`dscp_to_priority` is a map with `64` as a key",
        ),
        ("dscp_to_priority: {3: 8}", "`dscp_to_priority` is a map with `8` for 3"),
        (
            "dscp_to_priority: {0-7: 1, 5: 2}",
            "`dscp_to_priority` is a map with 5 in it twice",
        ),
        ("dscp_to_priority: {7-0: 1}", "did you mean `0-7`"),
        ("dscp_to_priority: {defalt: 1}", "did you mean `default`"),
        ("dscp_to_priority: {default: sonik}", "did you mean `sonic`"),
        ("dscp_to_priority: [1, 2]", "`dscp_to_priority` is a list"),
        (
            "pcp_to_priority: {8: 1}",
            "`pcp_to_priority` is a map with `8` as a key",
        ),
        ("trust: cos", "`trust` is `cos`"),
    ] {
        let errors = read(line).expect_err(line);
        assert!(errors.contains(said), "{line}: {errors}");
    }
}

proptest::proptest! {
    #[test]
    fn a_map_of_priorities_is_spelled_as_it_is_read(
        few in proptest::array::uniform32(0_u8..8),
        lone in proptest::collection::vec((0_usize..64, 0_u8..8), 0..4),
        pcp in proptest::array::uniform8(0_u8..8),
        base in 0_usize..3,
    ) {
        // Names, names with exceptions, and maps in which anything goes.
        let mut dscp: [u8; 64] = match base {
            0 => testbed::classes::DSCP_MAPS[0].1,
            1 => testbed::classes::DSCP_MAPS[1].1,
            _ => std::array::from_fn(|dscp| few[dscp / 2]),
        };
        for (at, priority) in lone {
            dscp[at] = priority;
        }
        let text = format!(
            "ports: [{{device: net_ring0}}]\ndscp_to_priority: {}\npcp_to_priority: {}\n",
            testbed::classes::dscp_map(&dscp),
            testbed::classes::pcp_map(&pcp)
        );
        let read = testbed::parse("x.yaml", &text, &[]).unwrap_or_else(|errors| panic!("{errors}")).classes;
        proptest::prop_assert_eq!((read.dscp, read.pcp), (dscp, pcp));
    }
}

#[test]
fn the_maps_with_a_name_are_spelled_by_it() {
    for (name, map) in testbed::classes::DSCP_MAPS {
        assert_eq!(testbed::classes::dscp_map(&map), name);
    }
    for (name, map) in testbed::classes::PCP_MAPS {
        assert_eq!(testbed::classes::pcp_map(&map), name);
    }
}
