//! A suite's result made by hand that has every form: complete, partial and not run, every kind of chart,
//! tables with and without figures, remarks, anomalies, things that nobody said or measured.
//!
//! Shared with the unit tests of `src/suite/`, which see the same types under the same name.

#![allow(dead_code, reason = "each test program uses a part of it")]

use squall::plot::{Axis as Across, Chart, Heat, Note, Point as At, Quantity, Reference, Series, Style};
use squall::report::model::Interval;
use squall::suite::model::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn item(name: &str, value: Option<&str>, source: Option<&str>, key: Option<&str>) -> Item {
    Item {
        name: text(name),
        value: value.map(text),
        source: source.map(text),
        key: key.map(text),
    }
}

fn indicator(name: &str, threshold: &str, key: &str, description: &str, value: Option<&str>) -> Indicator {
    Indicator {
        item: item(name, value, value.map(|_| "device"), value.is_none().then_some(key)),
        threshold: text(threshold),
        description: text(description),
    }
}

fn axis(name: &str, key: &str) -> Axis {
    Axis {
        name: text(name),
        keys: vec![text(key)],
    }
}

fn point(values: &[&str], trials: usize) -> Point {
    Point {
        values: values
            .iter()
            .map(|value| (!value.is_empty()).then(|| text(value)))
            .collect(),
        trials,
    }
}

/// A KPI with an interval of a hundredth to each side; not measured without a mean.
pub fn kpi(name: &str, statistic: &str, unit: &str, point: usize, trials: usize, mean: Option<f64>) -> Kpi {
    let around = |mean: f64| Interval {
        low: mean * 0.99,
        high: mean * 1.01,
    };
    Kpi {
        name: text(name),
        statistic: text(statistic),
        unit: text(unit),
        point,
        place: text("traffic/kv"),
        trials: if mean.is_some() { trials } else { 0 },
        mean,
        ci95: mean.filter(|_| trials > 1).map(around),
        min: mean.map(|mean| mean * 0.97),
        max: mean.map(|mean| mean * 1.03),
        against: None,
        better: if unit == "us" { Better::Lower } else { Better::Higher },
        definition: format!("what {name} means"),
    }
}

fn series(name: &str, look: usize, style: Style, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    Series {
        name: text(name),
        points: points.into_iter().map(|(x, y)| At::new(x, y)).collect(),
        style,
        look,
        right: false,
    }
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().copied().map(text).collect())
}

fn named(name: &str, chart: Chart) -> NamedChart {
    NamedChart {
        name: text(name),
        chart,
    }
}

fn figure(mean: f64) -> Cell {
    Cell::Figure {
        mean,
        ci95: Some(Interval {
            low: mean - 0.125,
            high: mean + 0.125,
        }),
    }
}

fn column(name: &str, unit: &str) -> Column {
    Column {
        name: text(name),
        unit: text(unit),
    }
}

/// A test of one configuration that is complete and has nothing to show.
pub fn bare(id: &str, title: &str) -> Test {
    Test {
        id: text(id),
        title: text(title),
        dut: text("DUT-F"),
        objective: text("To determine what the draft's objective says."),
        procedure: text("What was done, in a sentence.\nAnd in another."),
        state: State::Complete,
        why: None,
        trials: 20,
        clock: Some(text("virtual")),
        conforming: true,
        nonconformities: Vec::new(),
        axes: Vec::new(),
        points: vec![point(&[], 20)],
        kpis: Vec::new(),
        tables: Vec::new(),
        charts: Vec::new(),
        remarks: Vec::new(),
        anomalies: Vec::new(),
        unmet: Vec::new(),
        unmet_count: 0,
    }
}

const SIZES: [(&str, f64); 4] = [("64KB", 64e3), ("1MB", 1e6), ("16MB", 16e6), ("256MB", 256e6)];
const QPS: [f64; 3] = [1.0, 8.0, 128.0];

/// Lines over a logarithmic axis, a reference, a grid of configurations.
fn throughput() -> Test {
    let mut test = bare("5.1", "Point-to-Point KV Cache Transfer Throughput");
    test.axes = vec![
        axis("message size", "traffic.kv.message"),
        axis("concurrent QPs", "traffic.kv.qps"),
    ];
    test.points.clear();
    let mut lines = Vec::new();
    for (look, qps) in QPS.into_iter().enumerate() {
        let speed = |bytes: f64| 48.7 * bytes / (bytes + 900e3 / qps);
        for (name, bytes) in SIZES {
            let at = test.points.len();
            test.points.push(point(&[name, &format!("{qps}")], 20));
            let mean = Some(speed(bytes));
            test.kpis
                .push(kpi("KV_xfer_bandwidth", "aggregate", "GB/s", at, 20, mean));
            test.kpis
                .push(kpi("KV_xfer_latency", "p50", "us", at, 20, Some(bytes / 48.7e3)));
            test.kpis
                .push(kpi("KV_xfer_latency", "p99", "us", at, 20, Some(bytes / 41.2e3)));
            test.kpis.push(kpi("CPU_utilization", "", "%", at, 20, None));
        }
        let mut line = series(
            &format!("{qps} QPs"),
            look,
            Style::Marked,
            SIZES.map(|(_, b)| (b, speed(b))),
        );
        for point in &mut line.points {
            point.error = Some((point.y - 0.4, point.y + 0.4));
        }
        lines.push(line);
    }
    test.charts.push(named(
        "throughput",
        Chart {
            title: text("Throughput over message size"),
            subtitle: text("mean of 20 trials with its 95 % confidence interval"),
            x: Across {
                log: true,
                ticks: Some(SIZES.map(|(_, bytes)| bytes).to_vec()),
                ..Across::new("message size", Quantity::Bytes)
            },
            y: Across::new("throughput in GB/s", Quantity::Number),
            legend: text("concurrent QPs"),
            series: lines,
            references: vec![Reference {
                name: text("line rate: 50 GB/s"),
                value: 50.0,
            }],
            ..Chart::default()
        },
    ));
    test.tables.push(Table {
        title: text("Host overhead"),
        columns: vec![
            column("endpoint", ""),
            column("CPU utilization", "%"),
            column("remark", ""),
        ],
        rows: vec![
            vec![
                Cell::Text(text("prefill")),
                figure(12.5),
                Cell::Text(text("of one core")),
            ],
            vec![Cell::Text(text("decode")), Cell::Nothing(()), Cell::Nothing(())],
        ],
    });
    test
}

/// Distributions, which share their shares and not their times.
fn latency() -> Test {
    let mut test = bare("5.2", "KV Cache Transfer Latency");
    test.state = State::Partial;
    test.why = Some(text("Ctrl-C after 7 of 20 trials."));
    test.conforming = false;
    test.nonconformities = vec![text("7 trials of a configuration: the draft asks for 20 or more.")];
    test.axes = vec![axis("background load", "traffic.background.load")];
    test.points = vec![point(&["25%"], 7), point(&["90%"], 7), point(&[""], 6)];
    for (at, scale) in [1.0, 3.7, 1.0].into_iter().enumerate() {
        for (statistic, factor) in [("p50", 1.0), ("p99", 1.9), ("p99.9", 2.4), ("tail-spread", 0.9)] {
            let mean = Some(343.218 * scale * factor);
            test.kpis.push(kpi("KV_xfer_latency", statistic, "us", at, 7, mean));
        }
    }
    let curve = |name, look, scale: f64| {
        let points = (0..=20).map(|step| {
            let share = f64::from(step) * 5.0;
            (scale * 343e6 * (1.0 + share / 400.0 + (share / 100.0).powi(9)), share)
        });
        series(name, look, Style::Line, points)
    };
    test.charts.push(named(
        "latency",
        Chart {
            title: text("Message latency"),
            x: Across::new(
                "departure of the first bit to arrival of the last packet",
                Quantity::Picos,
            ),
            y: Across {
                within: Some((0.0, 100.0)),
                ..Across::new("share of the messages", Quantity::Percent)
            },
            series: vec![curve("25 % load", 0, 1.0), curve("90 % load", 1, 3.7)],
            ..Chart::default()
        },
    ));
    test.anomalies = vec![
        Anomaly {
            point: Some(1),
            kind: text("pacing-late"),
            count: 12_345,
            first: text("traffic/kv: Senders were so late that schedules were moved 12345 times."),
        },
        Anomaly {
            point: None,
            kind: text("clock-refused"),
            count: 1,
            first: String::new(),
        },
    ];
    test.unmet = vec![text("traffic.kv.latency.p99 <= 1ms: 2.41 ms at background load 90%")];
    test
}

/// Two vertical axes, and words at points.
fn scaling() -> Test {
    let mut test = bare("5.3", "Concurrent KV Cache Transfer Scaling");
    test.axes = vec![axis("concurrent pairs", "traffic.kv.pairs")];
    test.points.clear();
    let mut speeds = series("aggregate throughput", 0, Style::Marked, []);
    let mut times = series("P99 latency", 1, Style::Dashed, []);
    times.right = true;
    let mut notes = Vec::new();
    for step in 0..8 {
        let pairs = f64::from(1 << step);
        let (speed, time) = ((5.9 * pairs).min(49.2), 338.0 * (pairs / 8.0).max(1.0));
        let at = test.points.len();
        test.points.push(point(&[&format!("{pairs}")], 20));
        test.kpis
            .push(kpi("KV_xfer_bandwidth", "aggregate", "GB/s", at, 20, Some(speed)));
        test.kpis.push(kpi("KV_xfer_latency", "p99", "us", at, 20, Some(time)));
        test.kpis.push(kpi("JFI", "", "1", at, 20, Some(1.0)));
        speeds.points.push(At::new(pairs, speed));
        times.points.push(At::new(pairs, time * 1e6));
        notes.push(Note {
            x: pairs,
            y: speed,
            text: format!("JFI {:.3}", 1.0 - f64::from(step) / 500.0),
        });
    }
    test.charts.push(named(
        "scaling",
        Chart {
            title: text("Throughput and latency over concurrent pairs"),
            x: Across {
                log: true,
                ticks: Some(speeds.points.iter().map(|point| point.x).collect()),
                ..Across::new("concurrent pairs", Quantity::Number)
            },
            y: Across::new("aggregate throughput in GB/s", Quantity::Number),
            right: Some(Across::new("P99 latency", Quantity::Picos)),
            series: vec![speeds, times],
            notes,
            ..Chart::default()
        },
    ));
    test
}

/// Cells, one of which was not measured, and a place where the draft contradicts itself.
fn alltoall() -> Test {
    let mut test = bare("7.1", "AllToAll Dispatch Throughput");
    test.kpis = vec![
        kpi("EP_alltoall_bandwidth", "aggregate", "GB/s", 0, 20, Some(1_234.567)),
        kpi("EP_alltoall_latency", "p99", "us", 0, 1, Some(0.000_123_4)),
        kpi("Messages_sent", "", "1", 0, 20, Some(123_456_789.0)),
    ];
    let batches = ["16", "32", "64", "128", "256"];
    let row = |size: u32| {
        let speed = |batch: u32| Some(3.2 + 9.1 * f64::from(size) + 2.3 * f64::from(batch));
        (0..5)
            .map(|batch| if size == 3 && batch == 4 { None } else { speed(batch) })
            .collect()
    };
    test.charts.push(named(
        "alltoall",
        Chart {
            title: text("AllToAll throughput"),
            x: Across {
                names: names(&batches),
                ..Across::new("batch size", Quantity::Number)
            },
            y: Across {
                names: names(&["8", "16", "32", "64"]),
                ..Across::new("EP group size", Quantity::Number)
            },
            heat: Some(Heat {
                label: text("throughput in GB/s"),
                quantity: Quantity::Number,
                rows: (0..4).map(row).collect(),
            }),
            ..Chart::default()
        },
    ));
    test.remarks = vec![Remark {
        about: text("T_dispatch of M2"),
        inputs: text("B = 128, k = 4, H = 4096, P = 2, N = 16"),
        ours: text("B·k·H·P/N = 262,144 bytes"),
        draft: text("1.05 MB"),
    }];
    test
}

/// The links of a fabric, more than have room side by side.
fn balance() -> Test {
    let mut test = bare("9.3", "ECMP and Dynamic Load Balancing Under Inference Traffic");
    let links: Vec<String> = (0..20)
        .map(|link| format!("leaf{}:p{} to spine{}", link / 4, link % 4, link % 4))
        .collect();
    let heights = |look: usize| {
        (0..20_u32).map(move |link| {
            (
                f64::from(link),
                35.0 + f64::from(link * 37 % 60) / f64::from(1 + u8::try_from(look).unwrap_or(1)),
            )
        })
    };
    test.kpis = vec![kpi("JFI", "", "1", 0, 20, Some(0.8712))];
    test.charts.push(named(
        "links",
        Chart {
            title: text("Utilization of each link"),
            x: Across {
                names: Some(links),
                ..Across::new("link", Quantity::Number)
            },
            y: Across {
                within: Some((0.0, 100.0)),
                ..Across::new("utilization", Quantity::Percent)
            },
            series: vec![
                series("ECMP", 0, Style::Bars, heights(0)),
                series("flowlet", 1, Style::Bars, heights(1)),
            ],
            ..Chart::default()
        },
    ));
    test
}

/// The whole example.
pub fn example() -> Suite {
    let mut missing = bare("12.3", "Link Failure Convergence Impact on Serving");
    missing.state = State::NotRun;
    missing.why = Some(text("The testbed names no link that squall may fail."));
    missing.clock = None;
    missing.conforming = false;
    missing.points = vec![point(&[], 0)];
    Suite {
        schema: text(SCHEMA),
        squall_version: text("0.1.0"),
        profile: text("draft"),
        testbed: Some(text("lab-7")),
        seed: 42,
        changes: Vec::new(),
        conforming: false,
        nonconformities: vec![text("The DUT is a reference fabric in virtual time, not a device.")],
        system: vec![
            item(
                "Model name and parameter count",
                Some("example-70b, 70 × 10⁹"),
                Some("testbed"),
                Some("report.model"),
            ),
            item("NIC type and firmware version", None, None, Some("report.nic")),
            item(
                "Switch ASIC and software version",
                Some("asic-9, 1.2.3"),
                Some("device"),
                None,
            ),
            item("Link speeds", Some("400 Gbps"), Some("squall"), None),
            item("Fabric topology", None, None, None),
        ],
        workload: vec![
            item("Prompt length distribution", None, None, Some("report.prompt_length")),
            item("Number of concurrent requests", Some("128"), Some("squall"), None),
        ],
        health: vec![
            indicator(
                "CPU Utilization (switch)",
                "< 30%",
                "device.cpu",
                "Control plane CPU usage on switches",
                Some("12 %"),
            ),
            indicator(
                "CRC Error Count",
                "0",
                "device.crc",
                "Layer 2 CRC errors on any fabric link",
                None,
            ),
        ],
        tests: vec![throughput(), latency(), scaling(), alltoall(), balance(), missing],
        absent: vec![Absent {
            id: text("6.1"),
            title: text("End-to-End Disaggregated TTFT"),
            reason: text("It needs an inference engine: squall sends packets, not prompts."),
        }],
        instrument: Instrument {
            environment: vec![
                item("squall", Some("0.1.0 (abcdef0)"), Some("squall"), None),
                item("Kernel", None, None, None),
            ],
            tests: vec![
                OfTest {
                    id: text("5.1"),
                    clock: Some(text("virtual")),
                    departures: Some(text("exact: the fabric's clock")),
                    arrivals: Some(text("exact: the fabric's clock")),
                    pacing: Some(text("0 ppm")),
                    calibration: None,
                },
                OfTest {
                    id: text("5.2"),
                    clock: Some(text("virtual")),
                    departures: None,
                    arrivals: None,
                    pacing: None,
                    calibration: None,
                },
            ],
        },
    }
}
