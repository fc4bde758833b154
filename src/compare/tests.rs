//! Suites made by hand: the rules at their edges, and what only one side has.

use super::load::{self, Side};
use super::model::{Comparison, Kind};
use super::{NothingInCommon, Rules, compare};
use crate::expect::Better;
use crate::report::model::Interval;
use crate::suite::model::*;

fn kpi(name: &str, unit: &str, better: Better, trials: usize, mean: f64, half: f64) -> Kpi {
    Kpi {
        name: name.to_owned(),
        statistic: String::new(),
        unit: unit.to_owned(),
        point: 0,
        place: "traffic/kv".to_owned(),
        trials,
        mean: Some(mean),
        ci95: (trials > 1).then_some(Interval {
            low: mean - half,
            high: mean + half,
        }),
        min: Some(mean - half),
        max: Some(mean + half),
        against: None,
        better,
        definition: String::new(),
    }
}

fn suite(kpis: Vec<Kpi>) -> Suite {
    let test = Test {
        id: "8.1".to_owned(),
        title: "ECN Marking Rate Under Incast".to_owned(),
        dut: "DUT-S".to_owned(),
        objective: String::new(),
        procedure: String::new(),
        state: State::Complete,
        why: None,
        trials: 20,
        clock: Some("virtual".to_owned()),
        conforming: true,
        nonconformities: Vec::new(),
        axes: vec![Axis {
            name: "senders".to_owned(),
            keys: vec!["traffic.incast.senders".to_owned()],
        }],
        points: vec![Point {
            values: vec![Some("8".to_owned())],
            trials: 20,
        }],
        kpis,
        tables: Vec::new(),
        charts: Vec::new(),
        remarks: Vec::new(),
        anomalies: Vec::new(),
        unmet: Vec::new(),
        unmet_count: 0,
    };
    Suite {
        schema: SCHEMA.to_owned(),
        squall_version: "0.1.0".to_owned(),
        profile: "draft".to_owned(),
        testbed: None,
        seed: 1,
        changes: Vec::new(),
        conforming: true,
        nonconformities: Vec::new(),
        system: Vec::new(),
        workload: Vec::new(),
        health: Vec::new(),
        tests: vec![test],
        absent: Vec::new(),
        instrument: Instrument {
            environment: Vec::new(),
            tests: Vec::new(),
        },
    }
}

/// Through a file, as any other suite.
fn read(suite: &Suite) -> Side {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), serde_json::to_vec(suite).unwrap()).unwrap();
    load::load(folder.path()).unwrap()
}

fn compared(a: Vec<Kpi>, b: Vec<Kpi>) -> Comparison {
    compare(&read(&suite(a)), &read(&suite(b)), &Rules::default()).unwrap()
}

/// What became of one figure: worse, changed, better, the same.
fn of_one(a: Kpi, b: Kpi) -> &'static str {
    let found = compared(vec![a], vec![b]);
    match (found.worse.len(), found.changed.len(), found.better.len(), found.same) {
        (1, 0, 0, 0) => "worse",
        (0, 1, 0, 0) => "changed",
        (0, 0, 1, 0) => "better",
        (0, 0, 0, 1) => "same",
        other => panic!("{other:?}"),
    }
}

#[test]
fn directions_decide_what_a_change_is() {
    let of = |better, from, to| {
        of_one(
            kpi("x", "us", better, 20, from, 0.1),
            kpi("x", "us", better, 20, to, 0.1),
        )
    };
    assert_eq!(of(Better::Lower, 100.0, 110.0), "worse");
    assert_eq!(of(Better::Lower, 110.0, 100.0), "better");
    assert_eq!(of(Better::Higher, 100.0, 110.0), "better");
    assert_eq!(of(Better::Higher, 110.0, 100.0), "worse");
    assert_eq!(of(Better::Neither, 110.0, 100.0), "changed");
}

#[test]
fn a_change_must_be_certain_great_and_worth_its_unit() {
    let lower = |trials, mean, half| kpi("x", "us", Better::Lower, trials, mean, half);
    // Certain, but 1 %.
    assert_eq!(of_one(lower(20, 100.0, 0.1), lower(20, 101.0, 0.1)), "same");
    // Great, but no more than chance.
    assert_eq!(of_one(lower(20, 100.0, 30.0), lower(20, 120.0, 30.0)), "same");
    // Both, but 5 ns.
    assert_eq!(of_one(lower(20, 0.010, 0.0), lower(20, 0.015, 0.0)), "same");
    assert_eq!(of_one(lower(20, 0.010, 0.0), lower(20, 0.025, 0.0)), "worse");
    // Constants differ by themselves, from two trials on.
    assert_eq!(of_one(lower(2, 100.0, 0.0), lower(2, 103.0, 0.0)), "worse");
    assert_eq!(of_one(lower(2, 100.0, 0.0), lower(2, 101.0, 0.0)), "same");
    // A few frames more or less are nothing; some instead of none are.
    let lost = |mean| kpi("lost", "frames", Better::Lower, 20, mean, 0.0);
    assert_eq!(of_one(lost(5.0), lost(9.0)), "same");
    assert_eq!(of_one(lost(5.0), lost(15.0)), "worse");
    assert_eq!(of_one(lost(0.0), lost(1.0)), "worse");
    assert_eq!(of_one(lost(1.0), lost(0.0)), "better");
    let share = |mean| kpi("ECN_marking_rate", "%", Better::Neither, 20, mean, 0.0);
    assert_eq!(of_one(share(0.01), share(0.05)), "same");
}

#[test]
fn many_figures_need_more_certainty_than_one() {
    // p = 0.018 (see `stats`) of one figure is enough; of a hundred it is what chance makes.
    let half = 2.093_024 / 20.0_f64.sqrt();
    let a = |name: usize| kpi(&format!("x{name}"), "us", Better::Lower, 20, 10.0, half);
    let b = |name: usize, mean: f64| kpi(&format!("x{name}"), "us", Better::Lower, 20, mean, 1.5 * half);
    assert_eq!(compared(vec![a(0)], vec![b(0, 11.0)]).worse.len(), 1);
    let many: Vec<Kpi> = (0..100).map(a).collect();
    let others: Vec<Kpi> = (0..100)
        .map(|name| b(name, if name == 7 { 11.0 } else { 10.0 }))
        .collect();
    let found = compared(many, others);
    assert_eq!((found.worse.len(), found.same), (0, 100));
    assert_eq!(found.rules.tested, 100);
}

#[test]
fn what_one_side_lacks_is_told_and_no_difference() {
    let lower = |name: &str, mean| kpi(name, "us", Better::Lower, 20, mean, 0.0);
    let mut unmeasured = lower("c", 1.0);
    unmeasured.mean = None;
    unmeasured.ci95 = None;
    let found = compared(
        vec![lower("a", 1.0), lower("b", 1.0), lower("c", 1.0)],
        vec![lower("b", 1.0), unmeasured, lower("d", 1.0)],
    );
    let names = |places: &[super::model::Place]| places.iter().map(|at| at.figure.clone()).collect::<Vec<_>>();
    assert_eq!(
        (names(&found.only_a), names(&found.only_b)),
        (vec!["a".to_owned(), "c".to_owned()], vec!["d".to_owned()])
    );
    assert_eq!((found.same, found.worse.len()), (1, 0));
    assert_eq!(found.only_a[0].configuration, "senders=8");
    let none = compare(
        &read(&suite(vec![lower("a", 1.0)])),
        &read(&suite(vec![lower("b", 1.0)])),
        &Rules::default(),
    );
    assert_eq!(none, Err(NothingInCommon::Figures));
}

#[test]
fn a_figure_that_one_trial_of_many_measured_cannot_be_judged() {
    let once = kpi("Recovery_time", "us", Better::Lower, 1, 12.0, 0.0);
    let found = compared(
        vec![once],
        vec![kpi("Recovery_time", "us", Better::Lower, 20, 50.0, 0.1)],
    );
    assert_eq!((found.worse.len(), found.same, found.too_few), (0, 0, 1));
}

#[test]
fn other_profiles_and_parts_of_suites_are_told_first() {
    let lower = || vec![kpi("a", "us", Better::Lower, 20, 1.0, 0.0)];
    let mut quick = suite(lower());
    quick.profile = "quick".to_owned();
    quick.tests[0].state = State::Partial;
    let found = compare(&read(&suite(lower())), &read(&quick), &Rules::default()).unwrap();
    assert_eq!(found.kind, Kind::Suite);
    assert_eq!(
        found.warnings,
        [
            "these are results of different things: profile is draft in A and quick in B",
            "B: test 8.1 is not complete"
        ]
    );
    let text = super::shown::render(&found, crate::report::terminal::View::FILE);
    assert!(text.starts_with("WARNING: "), "{text}");
    assert!(text.contains("profile: draft in A, quick in B"), "{text}");
}
