//! Expectations against results whose figures are written out in `example`.

use super::example::{results, soak};
use crate::expect::{self, parse};
use crate::report::figures;
use crate::report::model::{Device, Expected, Reading, Results};

fn judged(results: &mut Results, lines: &[&str]) -> Vec<Expected> {
    let expectations: Vec<_> = lines.iter().map(|line| parse(line, None).unwrap()).collect();
    results.judge(&expectations);
    results.expectations.clone()
}

#[test]
fn a_line_is_held_against_every_place_that_it_is_about() {
    let mut results = results();
    let entries = results.traffic.len();
    let lost = results.traffic[0].packets.lost.unwrap();
    assert!(lost > 0, "the example loses frames");
    let found = judged(&mut results, &["lost == 0", "kv: lost == 0"]);
    assert_eq!(found.len(), entries + 1);
    let last = found.last().unwrap();
    assert_eq!((last.place.as_deref(), last.met), (Some("traffic/kv"), false));
    assert_eq!(
        last.to_string(),
        format!("expected `kv: lost == 0`: lost of traffic/kv is {lost} frames")
    );
    // An entry that nobody listens for.
    let blind = found.iter().find(|expected| expected.measured.is_none()).unwrap();
    assert!(!blind.met);
    assert!(blind.to_string().ends_with("was not measured"), "{blind}");
    assert_eq!(
        results.unmet().count(),
        found.iter().filter(|expected| !expected.met).count()
    );
}

#[test]
fn bounds_and_figures_meet_in_one_unit() {
    let mut results = results();
    let p99 = results.traffic[0].message_latency.as_ref().unwrap().p99;
    let above = format!("kv: KV_xfer_latency.p99 <= {p99} ps");
    let below = format!("kv: KV_xfer_latency.p99 < {p99} ps");
    let met: Vec<bool> = judged(&mut results, &[&above, &below]).iter().map(|e| e.met).collect();
    assert_eq!(met, [true, false]);
}

#[test]
fn what_nothing_has_is_unmet_and_says_so() {
    let mut results = results();
    let found = judged(&mut results, &["Buffer_utilization < 50 %", "run: anomalies == 0"]);
    assert!(!found[0].met);
    let text = found[0].to_string();
    assert!(
        text.ends_with("nothing in this run has the figure `Buffer_utilization`"),
        "{text}"
    );
    assert_eq!(found[1].measured, Some(results.anomalies.len() as f64));
}

#[test]
fn a_device_is_asked_by_name_or_when_nothing_else_has_the_figure() {
    let mut results = results();
    results.add_device(Device {
        hook: "test".to_owned(),
        about: None,
        readings: vec![Reading {
            place: "Ethernet0/3".to_owned(),
            buffer_bytes: Some(1000),
            buffer_watermark_bytes: Some(250),
            frames: Some(99),
            ecn_marked_frames: Some(33),
            dropped_frames: Some(1),
            pfc_sent_per_class: Some([0, 0, 0, 5, 0, 0, 0, 2]),
            pfc_received_per_class: None,
            cpu_percent: Some(12.5),
            post_fec_ber: Some(3e-15),
            ..Reading::default()
        }],
        left_out: Vec::new(),
    });
    let lines = [
        "Buffer_utilization == 25 %",
        "Buffer_watermark == 250 B",
        "device: ECN_marking_rate > 33.3 %",
        "device: PFC_frame_count == 7",
        "device: Packet_drop_rate == 10000 ppm",
        "device: Link_utilization > 0 %",
        "Switch_CPU < 30 %",
        "Post_FEC_BER < 0.000000000001",
        "kv: ECN_marking_rate > 0 %",
    ];
    let found = judged(&mut results, &lines);
    let places: Vec<_> = found.iter().map(|expected| expected.place.as_deref()).collect();
    let device = Some("device/Ethernet0/3");
    assert_eq!(
        places,
        [
            device,
            device,
            device,
            device,
            device,
            None,
            device,
            device,
            Some("traffic/kv")
        ]
    );
    let met: Vec<_> = found[..6].iter().map(|expected| expected.met).collect();
    assert_eq!(met, [true, true, true, true, true, false], "{found:#?}");
}

/// A line on the device is judged for the device: for each of its switches, or by the sum over places that are not part of another.
#[test]
fn a_device_is_judged_as_one() {
    let reading = |place: &str, frames: u64, marked: u64, watermark: u64| Reading {
        place: place.to_owned(),
        frames: Some(frames),
        ecn_marked_frames: Some(marked),
        dropped_frames: Some(0),
        buffer_watermark_bytes: Some(watermark),
        ..Reading::default()
    };
    let judge = |readings: Vec<Reading>, line: &str| {
        let mut results = results();
        results.add_device(Device {
            hook: "test".to_owned(),
            about: None,
            readings,
            left_out: Vec::new(),
        });
        let found = judged(&mut results, &[line]);
        let one = |expected: &Expected| {
            (
                expected.place.clone().unwrap_or_default(),
                expected.measured,
                expected.met,
            )
        };
        found.iter().map(one).collect::<Vec<_>>()
    };
    let name = |name: &str| name.to_owned();
    // One switch with its ports: the switch alone, though a port has marked nothing.
    let switch = || {
        vec![
            reading("leaf0", 100, 7, 900),
            reading("leaf0 to host0", 60, 7, 800),
            reading("leaf0 to host1", 40, 0, 10),
        ]
    };
    assert_eq!(
        judge(switch(), "device: marked > 0"),
        [(name("device/leaf0"), Some(7.0), true)]
    );
    assert_eq!(
        judge(switch(), "device: ECN_marking_rate > 5 %"),
        [(name("device/leaf0"), Some(7.0), true)]
    );
    assert_eq!(
        judge(switch(), "marked == 7"),
        [(name("device/leaf0"), Some(7.0), true)]
    );
    // Ports with queues, and nothing of the whole: the ports together. leaf10 is no part of leaf1.
    let ports = || {
        vec![
            reading("Ethernet1", 50, 5, 500),
            reading("Ethernet1/3", 50, 5, 400),
            reading("Ethernet10", 50, 0, 300),
        ]
    };
    assert_eq!(
        judge(ports(), "device: marked == 5"),
        [(name("device"), Some(5.0), true)]
    );
    // What does not add up holds for each.
    let each = judge(ports(), "device: Buffer_watermark < 400 B");
    assert_eq!(
        each,
        [
            (name("device/Ethernet1"), Some(500.0), false),
            (name("device/Ethernet10"), Some(300.0), true)
        ]
    );
    // One place by its name is that place.
    assert_eq!(
        judge(ports(), "device/Ethernet1/3: marked == 5"),
        [(name("device/Ethernet1/3"), Some(5.0), true)]
    );
}

#[test]
fn every_figure_of_a_result_can_be_expected() {
    let mut results = results();
    let nodes = ("ranks_per_node".to_owned(), 8.into());
    results.traffic[1].parameters.extend([nodes]);
    results.kpis = crate::report::kpi::of(&results);
    results.add_device(Device {
        hook: "test".to_owned(),
        about: None,
        readings: vec![Reading {
            buffer_bytes: Some(1),
            buffer_watermark_bytes: Some(1),
            frames: Some(1),
            ecn_marked_frames: Some(1),
            dropped_frames: Some(1),
            pfc_sent_per_class: Some([1; 8]),
            link_utilization_percent: Some(1.0),
            cpu_percent: Some(1.0),
            memory_percent: Some(1.0),
            post_fec_ber: Some(1e-15),
            crc_errors: Some(1),
            routing_flaps: Some(1),
            ..Reading::default()
        }],
        left_out: Vec::new(),
    });
    results.add_soak(soak(), None);
    let figures = figures::of(&results);
    for figure in &figures {
        let known = expect::find(&figure.name).unwrap_or_else(|| panic!("{}", figure.name));
        let measure = known.measure(Some(figure.statistic));
        assert!(
            measure.is_some(),
            "{} has no statistic {:?}",
            figure.name,
            figure.statistic
        );
    }
    for known in expect::known() {
        for measure in known.measures {
            let listed = figures
                .iter()
                .any(|figure| (figure.name.as_str(), figure.statistic) == (known.name, measure.statistic));
            assert!(listed, "no result has {}.{}", known.name, measure.statistic);
        }
    }
}

#[test]
fn ports_together_are_sums_or_the_busiest() {
    let results = results();
    let figures = figures::of(&results);
    let of = |place: &str, name: &str, statistic: &str| {
        let same =
            |figure: &&figures::Figure| figure.place == place && figure.name == name && figure.statistic == statistic;
        figures.iter().find(same).and_then(|figure| figure.value)
    };
    // Seven at each of two ports.
    assert_eq!(of("ports", "PFC_frame_count", ""), Some(14.0));
    assert_eq!(
        of("ports", "Link_utilization", "tx"),
        of("ports/p0", "Link_utilization", "tx")
    );
}

#[test]
fn a_class_a_port_and_sums_of_them_are_held_to_their_own_counts() {
    let mut results = results();
    for (port, (frames, paused)) in results.ports.iter_mut().zip([(7, 80), (5, 20)]) {
        port.pfc.received_per_class = Some([0, 0, 0, frames, 2, 0, 0, 0]);
        port.pfc.paused_ps_per_class = Some([0, 0, 0, paused * 1_000_000, 1_000_000, 0, 0, 0]);
    }
    results.kpis = crate::report::kpi::of(&results);
    let names: Vec<String> = results.ports[..2].iter().map(|port| port.name.clone()).collect();
    let (a, b) = (&names[0], &names[1]);
    let lines = [
        format!("ports/{a}/3: PFC_frame_count == 7"),
        format!("ports/{a}/0: PFC_frame_count == 0"),
        format!("ports/{a}: PFC_frame_count == 9"),
        format!("ports/{a}/3 + ports/{b}/3: PFC_frame_count == 12"),
        format!("ports/{a} + ports/{b}: PFC_frame_count == 16"),
        format!("ports/{a}/3 + ports/{b}/4: PFC_pause_time == 81 us"),
        format!("ports/{b}/4: PFC_pause_time == 1 us"),
    ];
    for line in &lines {
        let found = judged(&mut results, &[line]);
        assert_eq!(found.len(), 1, "{line}");
        assert!(found[0].met, "{}", found[0]);
    }
    // Of all ports, with any name; those that could not count leave the sum unknown.
    let all = judged(
        &mut results,
        &["ports/*/3: PFC_frame_count >= 12", "ports/*/4: PFC_pause_time >= 2 us"],
    );
    let counted = results.ports.iter().all(|port| port.pfc.received_per_class.is_some());
    assert_eq!(all[0].met, counted, "{}", all[0]);
    assert_eq!(all[0].place.as_deref(), Some("ports/*/3"));
    let none = judged(&mut results, &["ports/nobody/3: PFC_frame_count == 0"]);
    assert!(!none[0].met && none[0].place.is_none());
}
