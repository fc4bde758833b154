//! What `fabric` and `configured` take and refuse, and what a testbed with a fabric becomes.

use squall::testbed::{
    self, Configured, Device, EcnConfig, EcnThresholds, Fabric, Fault, FaultKind, Forwarding, MarkAt, Meter, Often,
    PfcConfig, PfcThresholds, Scheduler, Switch, Testbed, Topology, WorkerCount,
};
use squall::units::{BitRate, Bytes, Picos, Share};

fn parse(text: &str) -> Result<Testbed, Vec<(String, String)>> {
    testbed::parse("t.yaml", text, &[]).map_err(|errors| {
        let item = |item: &squall::yaml::Diagnostic| {
            let place = item
                .position
                .map_or_else(String::new, |(line, column)| format!("{line}:{column}"));
            let what = match &item.suggestion {
                Some(suggestion) => format!("{} -> {suggestion}", item.what),
                None => item.what.clone(),
            };
            (place, what)
        };
        errors.items.iter().map(item).collect()
    })
}

fn fabric(yaml: &str) -> Fabric {
    match parse(&format!("fabric: {yaml}\n")) {
        Ok(testbed) => testbed.fabric.expect("a fabric"),
        Err(errors) => panic!("{errors:?}"),
    }
}

const GBPS: u64 = 1_000_000_000;

fn default_fabric() -> Fabric {
    Fabric {
        topology: Topology::Switch,
        hosts: None,
        speed: BitRate(400 * GBPS),
        propagation: Picos(50_000),
        switch: Switch {
            buffer: Bytes(128_000_000),
            alpha: 8.0,
            latency: Picos(600_000),
            forwarding: Forwarding::StoreAndForward,
            scheduler: Scheduler::Strict,
            ecn: Some(EcnConfig {
                thresholds: EcnThresholds {
                    kmin: Bytes(500_000),
                    kmax: Bytes(500_000),
                    pmax: Share(1.0),
                },
                at: MarkAt::Enqueue,
                classes: 0xff,
            }),
            pfc: Some(PfcConfig {
                thresholds: PfcThresholds {
                    xoff: Bytes(3_000_000),
                    xon: Bytes(2_900_000),
                },
                headroom: Bytes(200_000),
                classes: 0x08,
            }),
        },
        faults: Vec::new(),
    }
}

#[test]
fn an_empty_fabric_is_the_shipped_switch() {
    assert_eq!(fabric("{}"), default_fabric());
    let shipped = testbed::load("switch", &[]).expect("it loads");
    assert_eq!(shipped.testbed.fabric, Some(default_fabric()));
}

#[test]
fn every_key_ends_where_it_belongs() {
    let text = "{topology: clos, hosts: 24, pods: 3, leaves: 2, spines: 2, cores: 6, speed: 100Gbps, uplink_speed: 200Gbps,
      propagation: 1us, switch: {buffer: 32MB, alpha: 0.5, latency: 1us, forwarding: cut-through, scheduler: dwrr,
      weights: [1, 2, 3, 4, 5, 6, 7, 100], ecn: {kmin: 100KB, kmax: 200KB, pmax: 10%, at: dequeue, classes: [0, 3-4]},
      pfc: {classes: 3-4, xoff: 1MB, xon: 0.5MB, headroom: 50KB}},
      faults: [{at: host0, drop: {every: 3}}, {at: leaf5, duplicate: {probability: 1%}},
        {at: leaf0-spine1, reorder: {every: 9, by: 4}}, {at: spine5-core5, corrupt: {probability: 0.5}},
        {at: core0, ecn_ignored: none}, {at: spine0, ecn_ignored: {kmin: 1MB}}, {at: spine0, pfc_ignored: [3, 4]},
        {at: host23, link_down: {from: 1ms, to: 2ms, detect: 10us}}, {at: leaf5-host23, stuck_pause: {class: 4, from: 1us}}]}";
    let fault = |at: &str, kind| Fault { at: at.into(), kind };
    let expected = Fabric {
        topology: Topology::Clos {
            pods: 3,
            leaves: 2,
            spines: 2,
            cores: 6,
            uplink_speed: BitRate(200 * GBPS),
        },
        hosts: Some(24),
        speed: BitRate(100 * GBPS),
        propagation: Picos(1_000_000),
        switch: Switch {
            buffer: Bytes(32_000_000),
            alpha: 0.5,
            latency: Picos(1_000_000),
            forwarding: Forwarding::CutThrough,
            scheduler: Scheduler::Dwrr([1, 2, 3, 4, 5, 6, 7, 100]),
            ecn: Some(EcnConfig {
                thresholds: EcnThresholds {
                    kmin: Bytes(100_000),
                    kmax: Bytes(200_000),
                    pmax: Share(0.1),
                },
                at: MarkAt::Dequeue,
                classes: 0b1_1001,
            }),
            pfc: Some(PfcConfig {
                thresholds: PfcThresholds {
                    xoff: Bytes(1_000_000),
                    xon: Bytes(500_000),
                },
                headroom: Bytes(50_000),
                classes: 0b1_1000,
            }),
        },
        faults: vec![
            fault("host0", FaultKind::Drop(Often::Every(3))),
            fault("leaf5", FaultKind::Duplicate(Often::Probability(Share(0.01)))),
            fault(
                "leaf0-spine1",
                FaultKind::Reorder {
                    often: Often::Every(9),
                    by: 4,
                },
            ),
            fault("spine5-core5", FaultKind::Corrupt(Often::Probability(Share(0.5)))),
            fault("core0", FaultKind::EcnIgnored(None)),
            fault(
                "spine0",
                FaultKind::EcnIgnored(Some(EcnThresholds {
                    kmin: Bytes(1_000_000),
                    kmax: Bytes(1_000_000),
                    pmax: Share(1.0),
                })),
            ),
            fault("spine0", FaultKind::PfcIgnored(0b1_1000)),
            fault(
                "host23",
                FaultKind::LinkDown {
                    from: Picos(1_000_000_000),
                    to: Picos(2_000_000_000),
                    detect: Picos(10_000_000),
                },
            ),
            fault(
                "leaf5-host23",
                FaultKind::StuckPause {
                    class: 4,
                    from: Picos(1_000_000),
                    to: Picos::MAX,
                },
            ),
        ],
    };
    assert_eq!(fabric(text), expected);
}

#[test]
fn thresholds_follow_each_other() {
    let switch = |yaml: &str| fabric(&format!("{{switch: {yaml}}}")).switch;
    let ecn = |yaml: &str| switch(yaml).ecn.expect("marking").thresholds;
    let step = ecn("{ecn: {kmin: 1MB}}");
    assert_eq!((step.kmin, step.kmax), (Bytes(1_000_000), Bytes(1_000_000)));
    let slope = ecn("{ecn: {kmax: 1MB, pmax: 0.2}}");
    assert_eq!(
        (slope.kmin, slope.kmax, slope.pmax),
        (Bytes(500_000), Bytes(1_000_000), Share(0.2))
    );
    let pfc = switch("{pfc: {xoff: 30KB}}").pfc.expect("pauses").thresholds;
    assert_eq!((pfc.xoff, pfc.xon), (Bytes(30_000), Bytes(29_000)));
    let neither = switch("{ecn: none, pfc: none}");
    assert_eq!((neither.ecn, neither.pfc), (None, None));
}

#[test]
fn wrong_values_are_refused_where_they_stand() {
    for (yaml, place, expected) in [
        (
            "{topolgy: switch}",
            "1:10",
            "unknown key `topolgy` in `fabric` -> topology",
        ),
        ("{topology: clso}", "1:20", "`topology` is `clso` -> clos"),
        (
            "{leaves: 4}",
            "1:10",
            "`leaves` means nothing in a topology of one switch",
        ),
        (
            "{topology: leaf-spine, pods: 2}",
            "1:32",
            "`pods` belongs to `topology: clos`",
        ),
        (
            "{topology: clos, spines: 3, cores: 4}",
            "1:44",
            "4 cores cannot be shared evenly by 3 spines; 6 can",
        ),
        ("{topology: leaf-spine, leaves: 33}", "1:40", "`leaves` is `33`"),
        ("{hosts: atuo}", "1:17", "`hosts` is `atuo` -> auto"),
        ("{hosts: 513}", "1:17", "`hosts` is `513`"),
        ("{speed: 2Tbps}", "1:17", "`speed` is `2Tbps`"),
        ("{speed: 100Mbps}", "1:17", "`speed` is `100Mbps`"),
        ("{speed: 400}", "1:17", "`speed` is `400`"),
        ("{switch: {alpha: 0}}", "1:26", "`alpha` is `0`"),
        ("{switch: {buffer: 1KB}}", "1:27", "`buffer` is `1KB`"),
        (
            "{switch: {weights: [1, 1, 1, 1, 1, 1, 1, 1]}}",
            "1:19",
            "`weights` belongs to `scheduler: dwrr`",
        ),
        (
            "{switch: {scheduler: dwrr, weights: [1, 2]}}",
            "1:45",
            "`weights` is a list of 2",
        ),
        (
            "{switch: {scheduler: dwrr, weights: [1, 2, 3, 4, 0, 6, 7, 8]}}",
            "1:58",
            "`weights` is a list with something else in it",
        ),
        (
            "{switch: {ecn: {kmin: 2MB, kmax: 1MB}}}",
            "1:31",
            "`kmin` (2 MB) is above `kmax` (1 MB)",
        ),
        (
            "{switch: {ecn: {kmax: 100KB}}}",
            "1:31",
            "`kmin` (500 KB) is above `kmax` (100 KB)",
        ),
        ("{switch: {ecn: {pmax: 0}}}", "1:31", "`pmax` is `0`"),
        ("{switch: {ecn: {pmax: 120%}}}", "1:31", "`pmax` is `120%`"),
        ("{switch: {ecn: {classes: 8}}}", "1:34", "`classes` is `8`"),
        ("{switch: {ecn: {at: deqeue}}}", "1:29", "`at` is `deqeue` -> dequeue"),
        ("{switch: {ecn: non}}", "1:24", "`ecn` is `non` -> none"),
        (
            "{switch: {kmin: 1MB}}",
            "1:19",
            "unknown key `kmin` in `switch` -> ecn: {kmin: …}",
        ),
        (
            "{switch: {pfc: {xoff: 1MB, xon: 2MB}}}",
            "1:41",
            "`xon` (2 MB) is above `xoff` (1 MB)",
        ),
        (
            "{hosts: 8, switch: {buffer: 1MB}}",
            "1:28",
            "headroom of 200 KB for each of 8 ports and 1 classes leaves nothing of the `buffer` of 1 MB",
        ),
        (
            "{faults: [{at: host0}]}",
            "1:19",
            "fault 0 needs one of drop, duplicate",
        ),
        ("{faults: [{drop: {every: 2}}]}", "1:19", "fault 0 needs `at`"),
        (
            "{faults: [{at: host0, drop: {every: 2}, corrupt: {every: 2}}]}",
            "1:49",
            "exclude each other",
        ),
        (
            "{faults: [{at: host0, drop: {every: 2, probability: 1%}}]}",
            "1:48",
            "exclude each other",
        ),
        (
            "{faults: [{at: host0, drop: {}}]}",
            "1:37",
            "`drop` needs `every` or `probability`",
        ),
        ("{faults: [{at: host0, drop: {every: 0}}]}", "1:45", "`every` is `0`"),
        (
            "{faults: [{at: host0, drop: {probability: 2}}]}",
            "1:51",
            "`probability` is `2`",
        ),
        (
            "{faults: [{at: host0, link_down: {from: 2us, to: 1us}}]}",
            "1:58",
            "ends at 1 us, not after its begin at 2 us",
        ),
        (
            "{faults: [{at: host0, stuck_pause: {class: 8}}]}",
            "1:52",
            "`class` is `8`",
        ),
        (
            "{hosts: 4, faults: [{at: host4, drop: {every: 2}}]}",
            "1:34",
            "no such place (switch0, host0 to host3",
        ),
        ("{faults: [{at: leaf0, drop: {every: 2}}]}", "1:24", "no such place"),
        (
            "{faults: [{at: switch0, link_down: {from: 1us}}]}",
            "1:24",
            "`at` is the switch `switch0`; this fault is a link's",
        ),
        (
            "{faults: [{at: host0, pfc_ignored: 3}]}",
            "1:24",
            "`at` is the link `host0`; this fault is a switch's",
        ),
        (
            "{faults: [{at: host0, ecn_ignored: none}]}",
            "1:24",
            "`at` is the link `host0`; this fault is a switch's",
        ),
        (
            "{topology: leaf-spine, faults: [{at: leaf0-spin1, drop: {every: 2}}]}",
            "1:46",
            "-> leaf0-spine1",
        ),
        (
            "{topology: leaf-spine, faults: [{at: leaf0-leaf1, drop: {every: 2}}]}",
            "1:46",
            "no such place",
        ),
        (
            "{topology: clos, faults: [{at: leaf0-spine2, drop: {every: 2}}]}",
            "1:40",
            "no such place",
        ),
        (
            "{topology: leaf-spine, hosts: 8, faults: [{at: leaf1-host0, drop: {every: 2}}]}",
            "1:56",
            "no such place",
        ),
    ] {
        let errors = parse(&format!("fabric: {yaml}\n")).err().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{yaml}: {errors:?}");
        assert!(errors[0].1.contains(expected), "{yaml}: {errors:?}");
        assert_eq!(errors[0].0, place, "{yaml}: {errors:?}");
    }
}

#[test]
fn ports_or_a_fabric() {
    let errors = parse("ports: [{device: net_ring0}]\nfabric: {}\n").expect_err("both");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].1.contains("`ports` and `fabric` exclude each other"),
        "{errors:?}"
    );
    let errors = parse("name: x\n").expect_err("neither");
    assert!(errors[0].1.contains("needs `ports`"), "{errors:?}");
    let errors = parse("fabric: {}\nconfigured: {ecn: {kmin: 1}}\n").expect_err("both");
    assert!(
        errors[0].1.contains("`configured` and `fabric` exclude each other"),
        "{errors:?}"
    );
}

#[test]
fn a_sized_testbed_has_a_port_for_each_host() {
    let testbed = parse("fabric: {speed: 100Gbps}\n").expect("it is good");
    assert!(testbed.ports.is_empty());
    let sized = testbed.sized(33);
    assert_eq!(sized.ports.len(), 33);
    assert_eq!(sized.fabric.as_ref().and_then(|fabric| fabric.hosts), Some(33));
    for (index, port) in sized.ports.iter().enumerate() {
        assert_eq!(port.name, format!("host{index}"));
        assert_eq!((&port.device, port.speed), (&Device::Fabric, Some(BitRate(100 * GBPS))));
        assert_eq!(
            (port.workers, port.tx_queues, port.rx_queues),
            (WorkerCount::Exactly(1), 1, 1)
        );
        assert!(port.receive && !port.loopback && !port.announce);
        assert_eq!((port.mac, port.gateway_mac), (None, None));
    }
    // What the testbed says goes before what the pattern needs.
    let fixed = parse("fabric: {hosts: 4}\n").expect("it is good");
    assert_eq!(fixed.sized(33).ports.len(), 4);
    let plain = parse("ports: [{device: net_ring0}]\n").expect("it is good");
    assert_eq!(plain.sized(33), plain);
}

#[test]
fn thresholds_that_a_switch_is_said_to_have() {
    let configured = |text: &str| parse(text).expect("it is good").configured();
    let ecn = |kmin, kmax, pmax| EcnThresholds {
        kmin: Bytes(kmin),
        kmax: Bytes(kmax),
        pmax: Share(pmax),
    };
    let pfc = |xoff, xon| PfcThresholds {
        xoff: Bytes(xoff),
        xon: Bytes(xon),
    };
    assert_eq!(
        configured("fabric: {}\n"),
        Configured {
            ecn: Some(ecn(500_000, 500_000, 1.0)),
            pfc: Some(pfc(3_000_000, 2_900_000)),
            lossless: Some(1 << 3),
            meter: None,
        }
    );
    // What it ignores is not what it is configured with.
    assert_eq!(
        configured("fabric: {switch: {pfc: none}, faults: [{at: switch0, ecn_ignored: none}]}\n"),
        Configured {
            ecn: Some(ecn(500_000, 500_000, 1.0)),
            pfc: None,
            lossless: Some(0),
            meter: None,
        }
    );
    let real = "ports: [{device: net_ring0}]\n";
    assert_eq!(configured(real), Configured::default());
    assert_eq!(
        configured(&format!(
            "{real}configured: {{ecn: {{kmin: 1MB, kmax: 2MB, pmax: 5%}}, pfc: {{xoff: 100KB, xon: 90KB, classes: 3-4}}, \
             meter: {{cir: 8Mbps, cbs: 2MB}}}}\n"
        )),
        Configured {
            ecn: Some(ecn(1_000_000, 2_000_000, 0.05)),
            pfc: Some(pfc(100_000, 90_000)),
            lossless: Some(1 << 3 | 1 << 4),
            meter: Some(Meter {
                cir: BitRate(8_000_000),
                cbs: Bytes(2_000_000),
            }),
        }
    );
    // The lossless classes may be known without their thresholds.
    assert_eq!(
        configured(&format!("{real}configured: {{pfc: {{classes: 4}}}}\n")),
        Configured {
            lossless: Some(1 << 4),
            ..Configured::default()
        }
    );
    let errors = parse(&format!(
        "{real}configured: {{ecn: {{pmax: 5%}}, pfc: {{xon: 1}}, meter: {{cir: 0bps}}}}\n"
    ))
    .expect_err("half");
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn a_sweep_may_set_any_key() {
    let load = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let loaded = testbed::load("switch", &overrides).unwrap_or_else(|errors| panic!("{errors}"));
        loaded.testbed.fabric.expect("a fabric")
    };
    let fabric = load(&[
        "fabric.switch.pfc.xoff=10KB",
        "fabric.switch.pfc.xon=9KB",
        "fabric.speed=800Gbps",
    ]);
    let pfc = fabric.switch.pfc.expect("pauses").thresholds;
    assert_eq!((pfc.xoff, pfc.xon), (Bytes(10_000), Bytes(9_000)));
    assert_eq!(fabric.speed, BitRate(800 * GBPS));
    let fabric = load(&[
        "fabric.faults=[{at: host0, drop: {every: 5}}]",
        "fabric.switch.ecn=none",
    ]);
    assert_eq!((fabric.faults.len(), fabric.switch.ecn), (1, None));
}
