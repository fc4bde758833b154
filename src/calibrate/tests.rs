use super::*;

fn loaded(text: &str) -> testbed::Loaded {
    testbed::of(Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
        overrides: Vec::new(),
        shipped: false,
    })
    .expect("it is a testbed")
}

fn ways(text: &str) -> Vec<(u32, u32)> {
    let (placed, ways) = place(&loaded(text)).expect("there is a way");
    assert!(
        placed
            .testbed
            .ports
            .iter()
            .all(|port| port.workers != WorkerCount::Auto)
    );
    ways.into_iter().map(|way| (way.from, way.to)).collect()
}

#[test]
fn each_port_sends_to_the_next_that_receives_or_to_itself() {
    let pcap = |name: &str, more: &str| format!("- {{device: \"net_pcap{name},iface=e{name}\", speed: 1Gbps{more}}}\n");
    let two = format!("ports:\n{}{}", pcap("0", ", workers: 7"), pcap("1", ""));
    assert_eq!(ways(&two), [(0, 1), (1, 0)]);
    let one_way = format!("ports:\n{}{}", pcap("0", ", receive: false"), pcap("1", ""));
    assert_eq!(ways(&one_way), [(0, 1)]);
    let looped = format!(
        "ports:\n- {{device: net_ring0, speed: 1Gbps}}\n{}{}",
        pcap("0", ""),
        pcap("1", "")
    );
    assert_eq!(ways(&looped), [(0, 1), (2, 3), (3, 2)]);
    assert_eq!(ways("fabric: {}\n"), [(0, 1), (1, 0)]);
    let deaf = place(&loaded("ports:\n- {device: net_null0, speed: 1Gbps}\n"));
    assert!(matches!(deaf, Err(CalibrateError::NoWay(_))), "{deaf:?}");
}

#[test]
fn its_patterns_are_patterns() {
    let way = Way { from: 0, to: 1 };
    for size in SIZES {
        for rate in [
            Rate::PerSecond(SLOW),
            Rate::Wire(BitRate(1)),
            Rate::Share(0.001),
            Rate::Share(1.0),
        ] {
            for seconds in [None, Some(0.01), Some(600.0)] {
                let text = text(way, size, rate, seconds);
                if let Err(errors) = pattern::parse("calibrate", &text, &[]) {
                    panic!("{text}\n{errors}");
                }
            }
        }
    }
}

#[test]
fn a_budget_is_the_worst_of_its_parts() {
    let latency = |floor: u64, p99: u64, uncertainty: Option<u64>| CalibratedLatency {
        from: "a".to_owned(),
        to: "b".to_owned(),
        payload_bytes: 64,
        frame_bytes: 122,
        frames: 1000,
        source: crate::report::model::TimeSources {
            tx: crate::report::model::TimeSource::Software,
            rx: crate::report::model::TimeSource::Nic,
        },
        uncertainty_ps: uncertainty,
        floor_ps: floor,
        p50_ps: floor,
        p99_ps: p99,
        max_ps: p99,
        jitter_ps: p99 - floor,
    };
    let pacing = |error_ppm: f64| CalibratedPacing {
        percent: 10,
        payload_bytes: 64,
        requested_bps: 1,
        achieved_bps: 1,
        error_ppm,
        lateness_p50_ps: None,
        lateness_p99_ps: None,
    };
    let both = [latency(900, 1_000, Some(400)), latency(1_200, 1_350, Some(50))];
    let of = budget("now", "digest", &both, &[], &[pacing(3.0), pacing(-7.5)]);
    assert_eq!(
        (of.floor_ps, of.jitter_ps, of.uncertainty_ps, of.resolution_ps),
        (900, 150, Some(400), 400)
    );
    assert_eq!(of.pacing_error_ppm, Some(7.5));
    let of = budget(
        "now",
        "digest",
        &[latency(900, 1_000, None), latency(1_200, 1_350, Some(500))],
        &[],
        &[],
    );
    assert_eq!(
        (of.uncertainty_ps, of.resolution_ps, of.pacing_error_ppm),
        (None, 150, None)
    );
}
