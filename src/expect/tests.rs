//! Lines against what they mean, written out.

use super::*;

fn parsed(text: &str) -> Expectation {
    parse(text, Some(&["incast", "victim"])).unwrap_or_else(|finding| panic!("{text}: {finding:?}"))
}

#[test]
fn lines_say_what_they_mean() {
    use Comparison::{AtLeast, AtMost, Equal, Less, More, NotEqual};
    for (text, scope, figure, statistic, comparison, bound) in [
        ("lost == 0", None, "lost", "", Equal, 0.0),
        ("ECN_marking_rate < 2 %", None, "ECN_marking_rate", "", Less, 2.0),
        ("Packet_drop_rate<=5ppm", None, "Packet_drop_rate", "", AtMost, 5e-4),
        (
            "KV_xfer_latency.p99 < 300 us",
            None,
            "KV_xfer_latency",
            "p99",
            Less,
            3e8,
        ),
        (
            "victim: packet_latency.p99.9 < 0.5 ms",
            Some("victim"),
            "packet_latency",
            "p99-9",
            Less,
            5e8,
        ),
        (
            " incast : Fabric_Goodput >= 40 GB/s ",
            Some("incast"),
            "Fabric_Goodput",
            "",
            AtLeast,
            3.2e11,
        ),
        ("Fabric_Goodput > 320Gbps", None, "Fabric_Goodput", "", More, 3.2e11),
        ("JFI > 0.99", None, "JFI", "", More, 0.99),
        ("unexplained != -3", None, "unexplained", "", NotEqual, -3.0),
        (
            "PFC_frame_count.per_second < 1_000 /s",
            None,
            "PFC_frame_count",
            "per-second",
            Less,
            1000.0,
        ),
        (
            "device: Buffer_watermark < 1 MiB",
            Some("device"),
            "Buffer_watermark",
            "",
            Less,
            1_048_576.0,
        ),
        (
            "KV_xfer_latency.tail-spread == 0",
            None,
            "KV_xfer_latency",
            "tail-spread",
            Equal,
            0.0,
        ),
    ] {
        let found = parsed(text);
        let place = found.scope.as_ref().map(ToString::to_string);
        let is = (place.as_deref(), found.figure, found.statistic, found.comparison);
        assert_eq!(is, (scope, figure, statistic, comparison), "{text}");
        assert!(
            (found.bound - bound).abs() <= bound.abs() * 1e-12,
            "{text}: {}",
            found.bound
        );
        assert_eq!(found.text, text.trim());
    }
}

#[test]
fn wrong_lines_say_what_is_wrong_and_what_was_meant() {
    for (text, what, suggestion) in [
        ("lots == 0", "no figure is called `lots`", Some("lost")),
        ("ecn_marking_rate < 1 %", "no figure", Some("ECN_marking_rate")),
        ("lost = 0", "no comparison is written `=`", Some("==")),
        ("lost => 0", "no comparison", Some(">=")),
        ("lost", "has no comparison", None),
        ("== 0", "no figure is called ``", None),
        ("lost == ", "`` is no bound for `lost`", None),
        ("lost == many", "`many` is no bound", None),
        ("lost == 1e999", "is no bound", None),
        ("KV_xfer_latency.p99 < 300", "`300` is no bound", None),
        ("KV_xfer_latency.p99 < 300 US", "no bound", Some("300us")),
        ("ECN_marking_rate < 2", "no bound", Some("2 %")),
        ("KV_xfer_latency < 1 ms", "`KV_xfer_latency` needs a statistic", None),
        (
            "KV_xfer_latency.p98 < 1 ms",
            "no statistic `p98`",
            Some("KV_xfer_latency.p95"),
        ),
        ("lost.mean == 0", "`lost` has no statistic `mean`", Some("lost")),
        ("incats: lost == 0", "no traffic entry `incats`", Some("incast")),
    ] {
        let finding = parse(text, Some(&["incast", "victim"])).expect_err(text);
        assert!(finding.what.contains(what), "{text}: {}", finding.what);
        assert_eq!(finding.suggestion.as_deref(), suggestion, "{text}");
    }
    assert!(parse(&"x".repeat(300), None).is_err());
}

#[test]
fn without_places_any_place_will_do_until_it_is_checked() {
    let later = parse("nobody: lost == 0", None).expect("not checked yet");
    assert!(later.check_place(&["incast"]).is_err());
    assert!(later.check_place(&["nobody"]).is_ok());
    assert!(parsed("ports: PFC_frame_count == 0").check_place(&[]).is_ok());
}

#[test]
fn what_is_no_number_meets_nothing() {
    for (_, comparison) in Comparison::ALL {
        assert!(!comparison.holds(f64::NAN, 1.0), "{comparison:?}");
    }
}

#[test]
fn units_of_results_and_of_lines_have_the_same_base() {
    for (value, unit, line) in [
        (300.0, "us", "KV_xfer_latency.p99 == 300 us"),
        (40.0, "GB/s", "Fabric_Goodput == 40 GB/s"),
        (40.0, "GB/s", "Fabric_Goodput == 320 Gbps"),
        (2.0, "%", "ECN_marking_rate == 2 %"),
        (50.0, "ppm", "Packet_drop_rate == 50 ppm"),
        (7.0, "frames", "lost == 7 frames"),
        (7.0, "messages", "messages == 7"),
    ] {
        assert!((base(value, unit) - parsed(line).bound).abs() < 1e-9 * value, "{line}");
    }
}

/// A line about this place, with a figure that it has.
fn line_of(place: &str) -> String {
    let figure = match place.trim().split('/').next() {
        Some("queues") => "Disruption_loss",
        Some("ports" | "device") => "PFC_frame_count",
        _ => "lost",
    };
    format!("{place}: {figure} > 0")
}

#[test]
fn places_are_named_as_results_name_them() {
    let term = |text: &str| parsed(&line_of(text)).scope.expect("a place").0;
    let name = |name: &str| name.to_owned();
    assert_eq!(term("ports/host0/3"), [Term::Port(name("host0"), Some(3))]);
    assert_eq!(term("ports/host0"), [Term::Port(name("host0"), None)]);
    assert_eq!(term(" queues/host4/0 "), [Term::Queue(name("host4"), Some(0))]);
    assert_eq!(term("traffic/incast"), [Term::Entry(name("incast"))]);
    assert_eq!(term("device/leaf0 to spine1"), [Term::Device(name("leaf0 to spine1"))]);
    assert_eq!(
        term("ports/a/3 + ports/b/3"),
        [Term::Port(name("a"), Some(3)), Term::Port(name("b"), Some(3))]
    );
    for (text, what, suggestion) in [
        (
            "ports/host0/8: PFC_frame_count > 0",
            "`8` is no class of port `host0`",
            None,
        ),
        ("ports/host0/x: PFC_frame_count > 0", "`x` is no class", None),
        (
            "port/host0: PFC_frame_count > 0",
            "there is no place `port/host0`",
            Some("ports/host0"),
        ),
        ("ports/: PFC_frame_count > 0", "names nothing behind its `/`", None),
        (
            "ports/a + ports/b: Link_utilization.tx > 90 %",
            "is no sum of theirs",
            None,
        ),
        ("ports/a: JFI > 0.9", "`JFI` is no figure of `ports/a`", None),
        ("queues: KV_xfer_latency.p99 < 1 ms", "is no figure of `queues`", None),
        ("incast: PFC_storms == 0", "is no figure of `incast`", None),
        ("traffic/incats: lost == 0", "no traffic entry `incats`", Some("incast")),
    ] {
        let finding = parse(text, Some(&["incast", "victim"])).expect_err(text);
        assert!(finding.what.contains(what), "{text}: {}", finding.what);
        assert_eq!(finding.suggestion.as_deref(), suggestion, "{text}");
    }
}

#[test]
fn ports_and_queues_that_are_not_there_are_answered_with_the_nearest() {
    let ports = ["host0", "host1", "left"];
    let queues = ["queues/host1/3".to_owned(), "queues/left/4".to_owned()];
    let check = |place: &str| {
        let line = parsed(&line_of(place));
        let finding = line.check_ports(&ports, Some(&queues)).err()?;
        Some((finding.what, finding.suggestion.unwrap_or_default()))
    };
    for place in [
        "ports/left",
        "ports/left/7",
        "ports/*/3",
        "queues/host1",
        "queues/*/4",
        "incast",
        "ports",
    ] {
        assert_eq!(check(place), None, "{place}");
    }
    let wrong = |place: &str, near: &str| {
        let found = check(place).unwrap_or_else(|| panic!("{place} is there"));
        assert_eq!(found, (format!("there is no place `{place}`"), near.to_owned()));
    };
    wrong("ports/hots1/3", "ports/host1/3");
    wrong("queues/lfet/4", "queues/left/4");
    wrong("queues/host1/4", "queues/host1/3");
    // Nothing is sent to this port at all.
    wrong("queues/host0/3", "queues/host1/3");
    let (what, _) = check("ports/left + ports/nobody").expect("one is not there");
    assert_eq!(what, "there is no place `ports/nobody`");
}

#[test]
fn counts_and_whole_times_add_up_and_the_rest_does_not() {
    for (figure, statistic, adds) in [
        ("PFC_frame_count", "", true),
        ("PFC_frame_count", "per-second", true),
        ("PFC_pause_time", "", true),
        ("lost", "", true),
        ("Fabric_Goodput", "", true),
        ("KV_xfer_bandwidth", "per-port", false),
        ("KV_xfer_latency", "p99", false),
        ("ECN_marking_rate", "", false),
        ("PFC_XOFF", "", false),
        ("ECN_onset_frame", "", false),
    ] {
        let known = find(figure).expect("it is known");
        let measure = known.measure(Some(statistic)).expect("it has that");
        assert_eq!(known.adds_up(measure), adds, "{figure}.{statistic}");
    }
}
