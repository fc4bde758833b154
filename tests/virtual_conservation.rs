//! Conservation to the frame in virtual time: what was sent is received or lost for a named cause,
//! and squall's counts are those of the fabric. Over every shipped pattern, and random ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use squall::fabric::Counters;
use squall::report::model::AnomalyKind;
use squall::report::terminal::{View, brief};
use squall::report::{Results, answer};
use squall::{pattern, testbed};
use virtual_kit::random::{Case, any_case};
use virtual_kit::{Bench, ledger, sum};

/// Shipped testbeds with a fabric.
fn fabrics() -> Vec<&'static str> {
    let all = testbed::SHIPPED.iter().map(|(name, _)| *name);
    all.filter(|name| testbed::load(name, &[]).unwrap().testbed.fabric.is_some())
        .collect()
}

/// The testbed that a shipped pattern runs on by itself.
fn own_testbed(name: &str) -> String {
    let pattern = pattern::load(name, &[]).unwrap().pattern;
    pattern.testbed.unwrap_or_else(|| testbed::DEFAULT.to_owned())
}

/// The summary of a shipped pattern asks its question and answers it in its first five lines, and is short.
fn answered(name: &str, results: &Results) {
    let view = View {
        width: 100,
        colour: false,
        unicode: true,
    };
    let text = brief(results, &["more".to_owned()], view);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 40, "{name}: {} lines\n{text}", lines.len());
    let head = lines[..5].join("\n");
    let question: String = head.split('?').next().unwrap().split_whitespace().collect();
    let asked: String = results
        .run
        .question
        .as_deref()
        .unwrap()
        .trim_end_matches('?')
        .split_whitespace()
        .collect();
    assert!(question.ends_with(&asked), "{name}:\n{text}");
    let said = answer::of(results);
    assert!(!results.run.asks.is_empty() && !said.is_empty(), "{name}");
    assert!(head.contains(&said[0].about), "{name}:\n{text}");
    // No token bucket is there for `ecn-burst` to read: it runs on the kernel's switch.
    assert_eq!(
        said.iter().any(|one| one.text.contains("not measured")),
        name == "ecn-burst",
        "{name}:\n{text}"
    );
}

#[test]
fn every_shipped_pattern_on_every_shipped_fabric() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        // There is none that a fabric could not run.
        assert!(fabrics().len() >= 5 && pattern::SHIPPED.len() >= 21);
        for testbed in fabrics() {
            // What ends by time sends less over slower links.
            let speed = testbed::load(testbed, &[]).unwrap().testbed.fabric.unwrap().speed.0;
            let least = 5_000 * speed / 400_000_000_000;
            for (name, _) in pattern::SHIPPED {
                let loaded = pattern::load(name, &[]).unwrap().pattern;
                // Answers are frames of no entry: tests/virtual_rc.rs has the ledger of reliable connections.
                if loaded.traffic.iter().any(|entry| entry.transport.rc().is_some()) {
                    continue;
                }
                let (results, fabric) = bench.balanced(name, testbed, &[]);
                assert!(
                    fabric.frames_sent > least,
                    "{name} on {testbed}: {}",
                    fabric.frames_sent
                );
                if testbed == own_testbed(name) {
                    answered(name, &results);
                }
                let planned = sum(&results, |entry| entry.packets.unsent);
                assert_eq!((planned, results.run.interrupted), (0, false), "{name} on {testbed}");
                // Only those with a link that dies lose anything without PFC's being outrun.
                let lost = fabric.lost;
                assert_eq!(
                    lost.total(),
                    lost.link_down + lost.no_route + lost.threshold + lost.buffer,
                    "{name} on {testbed}"
                );
                assert!(
                    lost.link_down + lost.no_route == 0 || ["link-failure", "soak"].contains(&testbed),
                    "{name} on {testbed}: {lost:?}"
                );
            }
        }
    });
}

/// A ledger that balances whatever one writes into it would prove nothing.
#[test]
fn the_ledger_notices_every_number_that_is_one_off() {
    alone(Namespace::Ours, || {
        let pattern = "traffic:
- {name: to, kind: incast, senders: 4, message: 1MB, frame: {dscp: 26}}
- {name: from, kind: transfer, from: 4, to: 0, message: 64KB, count: 4, qps: 2}
- {name: storm, kind: pfc, from: 4, classes: 3, quanta: 1000, interval: 5us, count: 4}
";
        let testbed = "fabric:
  switch: {ecn: {kmin: 50KB}, pfc: {xoff: 50KB}}
  faults: [{at: host1, drop: {every: 100}}]
";
        let (results, fabric) = Bench::new().balanced(pattern, testbed, &[]);
        assert!(fabric.lost.planted == 2 && virtual_kit::marked(&fabric) > 0);
        let json = serde_json::to_value(&results).unwrap();
        let numbers = [
            "/traffic/0/packets/sent",
            "/traffic/0/packets/received",
            "/traffic/0/packets/lost",
            "/traffic/0/packets/planned",
            "/traffic/0/packets/unsent",
            "/traffic/0/packets/causes/0/frames",
            "/traffic/0/packets/unexplained",
            "/traffic/0/packets/duplicated",
            "/traffic/0/packets/too_late",
            "/traffic/0/packets/icrc_checked",
            "/traffic/0/packets/icrc_errors",
            "/traffic/0/packets/malformed",
            "/traffic/0/ecn/received/ect0",
            "/traffic/0/ecn/received/ce",
            "/traffic/1/flows/listed/0/sent",
            "/traffic/1/flows/listed/1/received",
            "/ports/0/tx/frames",
            "/ports/0/tx/bytes",
            "/ports/0/tx/unsent",
            "/ports/0/pfc/received_per_class/3",
            "/ports/0/pfc/received_per_class/5",
            "/ports/4/rx/frames",
            "/ports/4/rx/bytes",
            "/ports/4/rx/unknown",
            "/ports/4/rx/malformed",
            "/ports/4/rx/misdelivered",
            "/ports/4/rx/other",
            "/ports/4/pfc/sent_per_class/3",
            "/ports/4/pfc/pause_sent",
        ];
        for pointer in numbers {
            let mut changed = json.clone();
            let number = changed.pointer_mut(pointer).unwrap();
            *number = (number.as_u64().unwrap() + 1).into();
            let changed: Results = serde_json::from_value(changed).unwrap();
            assert!(ledger(&changed, &fabric).is_err(), "{pointer}");
        }
        type Change = fn(&mut Counters);
        let numbers: [(&str, Change); 6] = [
            ("sent", |fabric| fabric.frames_sent += 1),
            ("received", |fabric| fabric.frames_received += 1),
            ("sent and received", |fabric| {
                fabric.frames_sent += 1;
                fabric.frames_received += 1;
            }),
            ("sent and lost", |fabric| {
                fabric.frames_sent += 1;
                fabric.lost.buffer += 1;
            }),
            ("received, and lost no more", |fabric| {
                fabric.frames_received += 1;
                fabric.lost.planted -= 1;
            }),
            ("PFC frames", |fabric| fabric.hosts[0].classes[0].xon_received += 1),
        ];
        for (what, change) in numbers {
            let mut changed = fabric.clone();
            change(&mut changed);
            assert!(ledger(&results, &changed).is_err(), "{what}");
        }
    });
}

/// What no fabric, whatever its faults, can make squall say: these are squall's own failings, or
/// what nothing here does to frames.
const NEVER: &[AnomalyKind] = &[
    AnomalyKind::PortFailed,
    AnomalyKind::OwnLoss,
    AnomalyKind::Unaccounted,
    AnomalyKind::CountersDisagree,
    AnomalyKind::Misdelivered,
    AnomalyKind::UnknownFlow,
    AnomalyKind::Malformed,
    AnomalyKind::EcnBleached,
    AnomalyKind::EcnForged,
    AnomalyKind::Clock,
];

/// What must hold whatever was planted.
fn holds(testbed: &str, results: &Results, fabric: &Counters) -> Result<(), String> {
    ledger(results, fabric)?;
    let struck = |fault: &str| -> u64 {
        let of = fabric.faults.iter().filter(|planted| planted.fault == fault);
        of.map(|planted| planted.frames).sum()
    };
    let said = |kind: AnomalyKind| results.anomalies.iter().any(|anomaly| anomaly.kind == kind);
    let mut wrong = Vec::new();
    for kind in NEVER {
        if said(*kind) {
            wrong.push(format!("{kind}: {:?}", results.anomalies));
        }
    }
    // Only a pause without end keeps a host from sending, and a run from its end.
    let endless = testbed
        .lines()
        .any(|line| line.contains("stuck_pause") && !line.contains("to:"));
    let unsent = results.traffic.iter().any(|entry| entry.packets.unsent > 0);
    if results.run.interrupted != said(AnomalyKind::Interrupted)
        || unsent != said(AnomalyKind::Unsent)
        || unsent && !results.run.interrupted
        || results.run.interrupted && !endless
    {
        wrong.push(format!("{:?}, unsent: {unsent}", results.run.interrupted_by));
    }
    for (what, planted, counted) in [
        ("dropped", struck("drop"), fabric.lost.planted),
        (
            "lost on links that were down",
            struck("link_down"),
            fabric.lost.link_down,
        ),
        ("duplicated", struck("duplicate"), fabric.frames_duplicated),
        ("not copied", 0, fabric.lost.no_memory),
    ] {
        if planted != counted {
            wrong.push(format!("{what}: {planted} is not {counted}"));
        }
    }
    for (kind, planted) in [
        (AnomalyKind::Corrupted, struck("corrupt")),
        (AnomalyKind::Duplicated, struck("duplicate")),
    ] {
        if planted == 0 && said(kind) {
            wrong.push(format!("{kind}, which nothing did"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// In how many of the random runs something happened: what never does is not tested.
#[derive(Debug, Default)]
struct Happened {
    frames: u64,
    lost: u64,
    in_runs: std::collections::BTreeMap<String, u32>,
}

impl Happened {
    fn add(&mut self, results: &Results, fabric: &Counters) {
        self.frames += fabric.frames_sent;
        self.lost += fabric.lost.total();
        let lost = &fabric.lost;
        let pauses: u64 = fabric
            .hosts
            .iter()
            .flat_map(|nic| &nic.classes)
            .map(|class| class.xoff_received)
            .sum();
        let causes = [
            ("threshold", lost.threshold),
            ("buffer", lost.buffer),
            ("headroom", lost.headroom),
            ("no route", lost.no_route),
            ("inside at the end", fabric.frames_inside),
            ("marks", virtual_kit::marked(fabric)),
            ("pauses of hosts", pauses),
            ("several switches", fabric.switches.len() as u64 - 1),
            ("many hosts", fabric.hosts.len() as u64 / 17),
            (
                "late frames",
                sum(results, |entry| entry.packets.too_late.unwrap_or_default()),
            ),
            (
                "reordered frames",
                sum(results, |entry| entry.packets.reordered.unwrap_or_default()),
            ),
            ("unsent frames", sum(results, |entry| entry.packets.unsent)),
        ];
        let faults = fabric.faults.iter().map(|fault| (fault.fault.as_ref(), fault.frames));
        for (what, _) in causes.into_iter().chain(faults).filter(|(_, number)| *number > 0) {
            *self.in_runs.entry(what.to_owned()).or_default() += 1;
        }
        for entry in &results.traffic {
            *self.in_runs.entry(entry.kind.clone()).or_default() += 1;
        }
    }
}

#[test]
fn two_hundred_random_patterns_on_random_fabrics_with_random_faults() {
    alone(Namespace::Ours, || {
        let bench = std::cell::RefCell::new(Bench::new());
        let happened = std::cell::RefCell::new(Happened::default());
        // The same ones each time, so that a change is to blame for what it breaks. Others:
        // PROPTEST_CASES and SQUALL_TEST_SEED.
        let mut config = Config::default();
        if std::env::var("PROPTEST_CASES").is_err() {
            config.cases = 200;
        }
        config.failure_persistence = None;
        let seed: u8 = std::env::var("SQUALL_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
        let outcome = runner.run(&any_case(), |Case { pattern, testbed }| {
            let measured = bench.borrow_mut().try_run(&pattern, &testbed, &[]);
            let measured = measured.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let fabric = measured.fabric.unwrap();
            happened.borrow_mut().add(&measured.results, &fabric);
            holds(&testbed, &measured.results, &fabric).map_err(TestCaseError::fail)
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(why, case)) => panic!("{why}\n{case:?}"),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
        // They are not idle, and everything is among them.
        let happened = happened.into_inner();
        eprintln!("{happened:#?}");
        assert!(happened.frames > 100_000 && happened.lost > 1_000);
        for what in [
            "threshold",
            "buffer",
            "headroom",
            "no route",
            "inside at the end",
            "marks",
            "pauses of hosts",
            "several switches",
            "many hosts",
            "late frames",
            "reordered frames",
            "unsent frames",
            "drop",
            "duplicate",
            "reorder",
            "corrupt",
            "link_down",
            "transfer",
            "incast",
            "burst",
            "alltoall",
            "background",
            "pfc",
            "ecn-probe",
        ] {
            assert!(happened.in_runs.contains_key(what), "{what}: {happened:#?}");
        }
    });
}
