//! The report as a whole: what it writes, what it says, and that its documentation is complete.

mod docs;
pub(crate) mod example;
mod plots;
mod verdict;

use std::fs;
use std::path::Path;

use super::model::*;
use super::terminal::{View, brief, render};
use super::*;
use example::{TIMES, environment, incast, results, run};

/// A KPI's value.
fn kpi(results: &Results, name: &str, statistic: Statistic, place: &str) -> Option<f64> {
    let mut found = results
        .kpis
        .iter()
        .filter(|k| k.name == name && k.statistic == statistic && k.place == place);
    let kpi = found
        .next()
        .unwrap_or_else(|| panic!("no {name} {statistic} of {place}"));
    assert!(found.next().is_none(), "{name} {statistic} of {place} twice");
    kpi.value
}

fn anomalies(results: &Results, place: &str) -> Vec<AnomalyKind> {
    results
        .anomalies
        .iter()
        .filter(|anomaly| anomaly.place == place)
        .map(|anomaly| anomaly.kind)
        .collect()
}

fn with(entry: Traffic) -> Results {
    Results::new(
        run(),
        environment(),
        Vec::new(),
        vec![entry],
        Inferred::default(),
        None,
        Vec::new(),
    )
}

/// Compares with a checked-in text. `SQUALL_BLESS=1` writes it, for a person to read and commit.
fn snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("SQUALL_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(text == expected, "{name} differs; it is now:\n{text}");
}

#[test]
fn summaries_are_as_checked_in() {
    let results = results();
    snapshot(
        "summary-wide.txt",
        &render(
            &results,
            View {
                width: 120,
                colour: false,
                unicode: true,
            },
        ),
    );
    snapshot(
        "summary-narrow.txt",
        &render(
            &results,
            View {
                width: 60,
                colour: false,
                unicode: false,
            },
        ),
    );
    let coloured = render(
        &results,
        View {
            width: 80,
            colour: true,
            unicode: true,
        },
    );
    assert!(coloured.contains("\u{1b}["));
    for width in [50, 60, 80, 120] {
        let text = render(
            &results,
            View {
                width,
                colour: false,
                unicode: true,
            },
        );
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {line:?}");
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn answers_are_as_checked_in() {
    let rest = ["everything here: --full".to_owned()];
    for (name, width, unicode) in [("answer-wide.txt", 100, true), ("answer-narrow.txt", 60, false)] {
        let view = View {
            width,
            colour: false,
            unicode,
        };
        let text = brief(&results(), &rest, view);
        snapshot(name, &text);
        assert!(text.lines().count() <= 40);
        for line in text.lines() {
            assert!(line.chars().count() <= width && line == line.trim_end(), "{line:?}");
        }
    }
}

#[test]
fn the_answer_begins_with_what_was_asked_and_what_was_not_met() {
    let about = |results: &Results| -> Vec<String> {
        let said = answer::of(results);
        said.into_iter().map(|one| one.about).collect()
    };
    let mut asking = results();
    asking.run.asks = ["reordered", "kv: KV_xfer_latency.p99", "lost"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(
        about(&asking),
        ["reordered", "KV_xfer_latency p99", "loss", "goodput"].map(str::to_owned)
    );
    asking.judge(&[crate::expect::parse("lost == 0", None).unwrap()]);
    assert_eq!(about(&asking)[..2], ["expectations", "reordered"].map(str::to_owned));
    // A figure that this run does not have is said to be missing, and a line that is no figure is not shown.
    asking.run.asks = ["round_time.p50", "no such figure"].map(str::to_owned).to_vec();
    let mut bare = with(Traffic {
        rounds: None,
        ..incast()
    });
    bare.run.asks = asking.run.asks;
    let said = answer::of(&bare);
    assert_eq!(said[0].text, "not measured in this run");
    assert!(said.iter().all(|one| one.about != "no such figure"));
}

#[test]
fn hostile_names_reach_no_terminal() {
    let mut entry = incast();
    entry.name = "\u{1b}]0;owned\u{7}".to_owned();
    let mut results = with(entry);
    results.run.name = "\u{1b}[2J".to_owned();
    results.run.settings.push("\u{9b}31m".to_owned());
    let text = render(
        &results,
        View {
            width: 80,
            colour: false,
            unicode: true,
        },
    );
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn json_goes_round_and_is_the_same_every_time() {
    let results = results();
    let text = to_json(&results);
    assert_eq!(from_json(&text, "the text").unwrap(), results);
    assert_eq!(text, to_json(&example::results()));
    assert!(text.starts_with("{\n  \"schema\": \"squall.results/1\",\n  \"run\": {"));
    assert!(text.ends_with("}\n"));
}

#[test]
fn another_schema_and_other_files_are_refused_by_name() {
    let text = to_json(&results()).replace("squall.results/1", "squall.results/2");
    let error = from_json(&text, "old.json").unwrap_err().to_string();
    assert!(
        error.contains("old.json") && error.contains("results/2") && error.contains("results/1"),
        "{error}"
    );
    assert!(from_json("{}", "x").unwrap_err().to_string().contains("schema"));
    assert!(from_json("[1,", "x").is_err());
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/b");
    let path = write(&results(), &out).unwrap();
    assert_eq!(path, out.join("results.json"));
    assert_eq!(read(&path).unwrap(), results());
    fs::write(&path, "older").unwrap();
    write(&results(), &out).unwrap();
    assert_eq!(read(&path).unwrap(), results());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn results_that_cannot_be_filed_are_printed() {
    struct Broken;
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // A file where the folder should be: fails for root as well.
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("out");
    fs::write(&blocked, "a file").unwrap();
    let mut stdout = Vec::new();
    let error = write_or_print(&results(), &blocked, &mut stdout).unwrap_err();
    assert_eq!(String::from_utf8(stdout).unwrap(), to_json(&results()));
    let text = error.to_string();
    assert!(
        text.contains(&blocked.display().to_string()) && text.contains("standard output"),
        "{text}"
    );
    let error = write_or_print(&results(), &blocked, &mut Broken).unwrap_err();
    assert!(matches!(error, WriteError::Lost { .. }), "{error}");
    assert_eq!(fs::read_to_string(&blocked).unwrap(), "a file");
}

#[test]
fn frames_balance_and_what_does_not_is_said() {
    let balance = |received, losses: &[(LossCause, u64)]| {
        let mut entry = incast();
        entry.packets = Packets::balance(None, 0, 1_000, received, losses.iter().copied(), Observed::default());
        with(entry)
    };
    let unaccounted = |results: &Results| {
        let found = results
            .anomalies
            .iter()
            .find(|anomaly| anomaly.kind == AnomalyKind::Unaccounted);
        found.map(|anomaly| anomaly.text.clone())
    };
    let exact = balance(
        990,
        &[
            (LossCause::LostInDut, 4),
            (LossCause::Malformed, 0),
            (LossCause::LostInDut, 6),
        ],
    );
    assert_eq!(
        exact.traffic[0].packets.causes,
        [Loss {
            cause: LossCause::LostInDut,
            frames: 10
        }]
    );
    assert_eq!(
        (exact.traffic[0].packets.lost, exact.traffic[0].packets.unexplained),
        (Some(10), Some(0))
    );
    assert_eq!(unaccounted(&exact), None);

    let short = balance(990, &[(LossCause::BadIcrc, 4)]);
    assert_eq!(
        (short.traffic[0].packets.lost, short.traffic[0].packets.unexplained),
        (Some(10), Some(6))
    );
    let text = unaccounted(&short).unwrap();
    assert_eq!(
        text,
        "1000 sent are not 990 received plus 4 lost for named causes: 6 unexplained."
    );

    // More arrived than left, and causes on top of that.
    let over = balance(1_003, &[(LossCause::LostInDut, 2)]);
    assert_eq!(
        (over.traffic[0].packets.lost, over.traffic[0].packets.unexplained),
        (Some(0), Some(-5))
    );
    assert!(unaccounted(&over).unwrap().contains("-5 unexplained"));

    let extreme = Packets::balance(None, 0, u64::MAX, 0, [], Observed::default());
    assert_eq!(extreme.unexplained, Some(i64::MAX));
}

#[test]
fn kpis_follow_from_the_counts() {
    let results = results();
    let (kv, ep) = ("traffic/kv", "traffic/ep");
    assert_eq!(kpi(&results, "KV_xfer_latency", Statistic::P99, kv), Some(150.0));
    assert_eq!(
        kpi(&results, "KV_xfer_latency", Statistic::TailSpread, kv),
        Some(150.0 - 62.5)
    );
    assert_eq!(kpi(&results, "Fabric_FCT", Statistic::P50, kv), Some(500.0));
    // 93,068,401,777 bit/s are 11.6335502… GB/s, through one port.
    let bandwidth = kpi(&results, "KV_xfer_bandwidth", Statistic::PerPort, kv).unwrap();
    assert!((bandwidth - 11.633_550_222).abs() < 1e-9, "{bandwidth}");
    let rate = kpi(&results, "ECN_marking_rate", Statistic::Value, kv).unwrap();
    assert!((rate - 16_000.0 / 12_781.0).abs() < 1e-12);
    // 12 lost in the DUT, 3 corrupted, 19 − 15 unexplained, of 12,800.
    assert_eq!(
        kpi(&results, "Packet_drop_rate", Statistic::Value, kv),
        Some(19.0 * 1e6 / 12_800.0)
    );
    // 41,943,040 bytes in 800 dispatches of 675 us on average.
    let bandwidth = kpi(&results, "EP_alltoall_bandwidth", Statistic::Aggregate, ep).unwrap();
    assert!(
        (bandwidth - 41_943_040.0 / (800.0 * 675e-6) / 1e9).abs() < 1e-9,
        "{bandwidth}"
    );
    assert_eq!(kpi(&results, "EP_alltoall_latency", Statistic::P99, ep), Some(1_350.0));
    assert_eq!(
        kpi(&results, "ECN_marking_rate", Statistic::Value, ep),
        None,
        "sent as not ECN-capable"
    );
    assert_eq!(
        kpi(&results, "Packet_drop_rate", Statistic::Value, "traffic/noise"),
        None,
        "nobody listens"
    );
    assert_eq!(kpi(&results, "Link_utilization", Statistic::Tx, "ports/p0"), Some(95.0));
    assert_eq!(kpi(&results, "Link_utilization", Statistic::Rx, "ports/p0"), None);
    assert_eq!(
        kpi(&results, "PFC_frame_count", Statistic::Value, "ports/p1"),
        Some(7.0)
    );
    assert!(
        results
            .kpis
            .iter()
            .all(|kpi| kpi.dut == DutId::Switch && kpi.trials == 1)
    );
    // Of one trial there is the interval of the reading itself: of times, by what the instrument may be off.
    let times = results.traffic[0].message_latency.as_ref().unwrap();
    assert_eq!(times.uncertainty_ps, Some(1_250_000));
    for kpi in &results.kpis {
        let is_time = kpi.name == "KV_xfer_latency" || kpi.name == "Fabric_FCT";
        match (kpi.value, kpi.ci95) {
            (Some(value), Some(own)) => assert!(own.low <= value && value <= own.high, "{kpi:?}"),
            (value, own) => assert!(own.is_none() && !(is_time && value.is_some()), "{kpi:?}"),
        }
    }
    let mean = results.kpis.iter().find(|kpi| kpi.name == "KV_xfer_latency").unwrap();
    let half = mean.ci95.unwrap().high - mean.value.unwrap();
    assert!((half - 1.25).abs() < 1e-9, "{half} us");
    assert_eq!(results.kpis[0].test.as_deref(), Some("Test 8.1"));
}

#[test]
fn losses_of_our_own_ports_are_not_the_duts() {
    let mut entry = incast();
    let losses = [
        (LossCause::ReceiveMissed, 60),
        (LossCause::NotTransmitted, 30),
        (LossCause::LostInDut, 10),
    ];
    entry.packets = Packets::balance(None, 0, 1_000, 900, losses, Observed::default());
    let results = with(entry);
    assert_eq!(
        kpi(&results, "Packet_drop_rate", Statistic::Value, "traffic/kv"),
        Some(10_000.0)
    );
    let own = results
        .anomalies
        .iter()
        .find(|anomaly| anomaly.kind == AnomalyKind::OwnLoss)
        .unwrap();
    assert!(own.text.starts_with("90 frames"), "{}", own.text);
}

#[test]
fn trials_become_means_with_confidence() {
    let one = |goodput: u64| {
        let mut entry = incast();
        entry.goodput_bps = Some(goodput);
        entry.message_latency = None;
        with(entry).kpis
    };
    let trials = [one(80_000_000_000), one(88_000_000_000), one(96_000_000_000)];
    let trials: Vec<&[Kpi]> = trials.iter().map(Vec::as_slice).collect();
    let merged = kpi::over_trials(&trials);
    assert_eq!(merged.len(), trials[0].len());
    let bandwidth = merged.iter().find(|kpi| kpi.name == "Fabric_Goodput").unwrap();
    // 10, 11, 12 GB/s: s = 1, half width 4.303 / √3.
    let interval = bandwidth.ci95.unwrap();
    assert_eq!((bandwidth.value, bandwidth.trials), (Some(11.0), 3));
    assert!(
        (interval.high - 11.0 - 4.303 / 3.0_f64.sqrt()).abs() < 1e-3,
        "{interval:?}"
    );
    let unmeasured = merged.iter().find(|kpi| kpi.name == "KV_xfer_latency").unwrap();
    assert_eq!((unmeasured.value, unmeasured.trials, unmeasured.ci95), (None, 0, None));
}

#[test]
fn ecn_is_judged_by_what_was_sent() {
    let points = |not_ect, ect1, ect0, ce| Codepoints {
        not_ect,
        ect1,
        ect0,
        ce,
    };
    let judged = |sent, received| {
        let mut entry = incast();
        entry.ecn = Ecn::new(sent, Some(received));
        let results = with(entry);
        let kinds = anomalies(&results, "traffic/kv");
        (
            results.traffic[0].ecn.marking_rate_percent,
            kinds.contains(&AnomalyKind::EcnBleached),
            kinds.contains(&AnomalyKind::EcnForged),
        )
    };
    assert_eq!(
        judged(points(0, 0, 100, 0), points(0, 0, 75, 25)),
        (Some(25.0), false, false)
    );
    assert_eq!(
        judged(points(0, 0, 100, 0), points(50, 0, 50, 0)),
        (Some(0.0), true, false)
    );
    assert_eq!(
        judged(points(0, 0, 100, 0), points(0, 1, 99, 0)),
        (Some(0.0), false, true)
    );
    assert_eq!(judged(points(100, 0, 0, 0), points(99, 0, 0, 1)), (None, false, true));
    assert_eq!(judged(points(0, 0, 0, 100), points(0, 0, 0, 100)), (None, false, false));
    assert_eq!(judged(points(0, 0, 100, 0), points(0, 0, 0, 0)), (None, false, false));
}

#[test]
fn a_sender_that_was_paused_is_not_late() {
    // 80 of 100 Gb/s: 6,400 frames of 4,154 + 24 bytes took 2.674 ms, so 0.535 ms are missing.
    let told = |clock: Clock, paused_us: u64, offered: u64| {
        let mut entry = incast();
        entry.parameters.insert("class".to_owned(), 3.into());
        entry.tx_ports = vec!["host0".to_owned(), "host1".to_owned()];
        entry.packets.sent = 6_400;
        entry.frame_bytes.sent = 6_400 * 4_154;
        entry.pacing = Some(Pacing {
            requested_bps: Some(100_000_000_000),
            achieved_bps: Some(80_000_000_000),
            rate_error_percent: None,
            held_ps: None,
            lateness: None,
            gaps: None,
            arrival_gaps: None,
            planned_gap_ps: None,
            most_together: None,
            slips: 0,
        });
        let mut ports = results().ports;
        for (port, name) in ports.iter_mut().zip(["host0", "host1"]) {
            port.name = name.to_owned();
            port.pfc.paused_ps_per_class = Some([7_000_000_000, 0, 0, 0, 0, 0, 0, 0]);
            port.tx.offered_bps = Some(offered);
        }
        ports[1].pfc.paused_ps_per_class = Some([0, 0, 0, paused_us * 1_000_000, 0, 0, 0, 0]);
        let run = Run { clock, ..run() };
        let results = Results::new(
            run,
            environment(),
            ports,
            vec![entry],
            Inferred::default(),
            None,
            Vec::new(),
        );
        let of = results.anomalies.into_iter().filter(|a| a.kind == AnomalyKind::Pacing);
        of.map(|anomaly| anomaly.text).collect::<Vec<_>>()
    };
    let short = "Sent at 80.0 % of the rate asked for (80 Gbps of 100 Gbps)";
    let line = 100_000_000_000;
    assert_eq!(told(Clock::Virtual, 540, line), Vec::<String>::new());
    let pause = "PFC asked a sending port to pause for";
    assert_eq!(told(Clock::Virtual, 400, line), [format!("{short}: {pause} 400 us.")]);
    assert_eq!(told(Clock::Tsc, 540, line), [format!("{short}: {pause} 540 us.")]);
    assert_eq!(told(Clock::Virtual, 0, line), [format!("{short}.")]);
    let more = "its ports had more to send than their line rate";
    // In virtual time what a plan asks of a port beyond its rate is the plan's.
    assert_eq!(told(Clock::Virtual, 0, line + 1), Vec::<String>::new());
    assert_eq!(told(Clock::Tsc, 0, line + 1), [format!("{short}: {more}.")]);
    assert_eq!(
        told(Clock::Tsc, 1, 2 * line),
        [format!("{short}: {pause} 1 us, and {more}.")]
    );
}

#[test]
fn port_counters_are_held_against_our_own() {
    let mut port = results().ports[0].clone();
    let stats = PortStats {
        opackets: 12_799,
        imissed: 5,
        rx_nombuf: 1,
        oerrors: 1,
        ..PortStats::default()
    };
    port.stats = Some(stats);
    port.tx.unsent = 9;
    let with_port = Results::new(
        run(),
        environment(),
        vec![port],
        Vec::new(),
        Inferred::default(),
        None,
        Vec::new(),
    );
    use AnomalyKind::{CountersDisagree, OwnLoss, Unsent};
    assert_eq!(
        anomalies(&with_port, "ports/p0"),
        [Unsent, OwnLoss, OwnLoss, CountersDisagree]
    );
    assert_eq!(anomalies(&results(), "ports/p0"), []);
}

#[test]
fn many_flows_are_summed_up_and_the_worst_are_listed() {
    let flows = |limit| {
        let mut all: Vec<Flow> = (0..100)
            .map(|number| Flow {
                number,
                goodput_bps: Some(number),
                ..incast().flows.listed[0].clone()
            })
            .collect();
        all[70].lost = Some(5);
        all[20].lost = Some(9);
        all[3].reordered = Some(1);
        all.reverse();
        Flows::new(all, limit)
    };
    let some = flows(4);
    let numbers: Vec<u64> = some.listed.iter().map(|flow| flow.number).collect();
    assert_eq!(numbers, [20, 70, 3, 0]);
    assert_eq!((some.count, some.with_loss, some.with_reordering), (100, 2, 1));
    assert_eq!(
        (some.order, some.goodput_bps),
        (
            FlowOrder::WorstFirst,
            Some(Spread {
                min: 0,
                mean: 49.5,
                max: 99
            })
        )
    );
    let all = flows(100);
    assert_eq!((all.order, all.listed.len()), (FlowOrder::Number, 100));
    assert!(all.listed.is_sorted_by_key(|flow| flow.number));
}

#[test]
fn conformity_is_not_claimed_against_its_own_reasons() {
    assert!(!results().run.conforming);
    let clean = Run {
        nonconformities: Vec::new(),
        conforming: false,
        ..run()
    };
    assert!(
        Results::new(
            clean,
            environment(),
            Vec::new(),
            Vec::new(),
            Inferred::default(),
            None,
            Vec::new()
        )
        .run
        .conforming
    );
    assert_eq!(TIMES, run().timestamps);
}

/// What a rank hands over is counted in slots where slots are sent, and in tokens where tokens are: 128 of
/// either a dispatch from each of 16 ranks, 120 of them over the network.
#[test]
fn bus_bandwidth_counts_what_stays_at_home_as_what_is_sent() {
    let of = |local: u64, overflow: u64, padding: u64| {
        let mut entry = results().traffic[1].clone();
        entry.parameters.insert("ranks".to_owned(), 16.into());
        let sent = 8 * 16 * 120;
        entry.routing = Some(RoutedTokens {
            sent,
            local,
            in_node: 0,
            dropped: 0,
            overflow,
            padding,
        });
        let results = with(entry);
        let all = kpi(&results, "EP_alltoall_bandwidth", Statistic::Aggregate, "traffic/ep").unwrap();
        kpi(&results, "BusBW", Statistic::PerPort, "traffic/ep").unwrap() / (all / 16.0)
    };
    // Half of the slots are padding, and of the tokens few stay at home: what crosses the network is the same.
    for (local, overflow, padding) in [(507, 89, 7_928), (1_035, 4_109, 4_120)] {
        assert!((of(local, overflow, padding) - 1.0).abs() < 1e-9);
    }
    // 8 · 16 · 8 tokens at home, as even routing has them, without slots.
    assert!((of(1_024, 0, 0) - 1.0).abs() < 1e-9);
}
