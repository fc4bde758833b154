//! DCQCN's reaction point against vectors of an independent model in rational arithmetic (tests/data/dcqcn), and against
//! closed forms written out here.

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/rp_vectors.rs"]
mod rp_vectors;

use serde_json::Value;
use squall::pattern::transport::Clamp;
use squall::transport::dcqcn::{Change, Cut, Parameters, ReactionPoint};
use squall::units::Picos;

const LINE: f64 = 100e9;

/// Ignores what happened.
fn quiet(_: Picos, _: Change, _: &ReactionPoint) {}

fn near(value: f64, right: f64) {
    assert!(
        (value - right).abs() <= 1e-9 * right.abs(),
        "{value} instead of {right}"
    );
}

#[test]
fn vectors_of_another_model_are_met() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/dcqcn/rp_vectors.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let off = rp_vectors::difference(vector).unwrap();
        assert!(off <= 1e-9, "{}: {off}", vector["name"]);
    }
    // A wrong rate, and a missing change, are seen.
    let mut wrong = vectors[0].clone();
    wrong["expect"][3]["rc_bps"] = 87.6e9.into();
    assert!(rp_vectors::difference(&wrong).unwrap() > 1e-4);
    wrong["expect"].as_array_mut().unwrap().pop();
    assert!(rp_vectors::difference(&wrong).is_err());
}

#[test]
fn alpha_decays_by_its_weight_each_idle_period() {
    let parameters = Parameters::paper(LINE);
    let mut point = ReactionPoint::new(&parameters);
    point.on_cnp(&parameters, Picos(0), quiet);
    point.advance(&parameters, Picos::from_micros(55 * 100), quiet);
    near(point.alpha(), (1.0 - 1.0 / 256.0_f64).powi(100));
}

#[test]
fn cnps_that_follow_each_other_halve_the_rate_from_an_alpha_of_one() {
    let parameters = Parameters {
        rpg_min_rate: 1.0,
        ..Parameters::paper(LINE)
    };
    let mut point = ReactionPoint::new(&parameters);
    for number in 0..8 {
        let now = Picos::from_micros(50 * number);
        point.advance(&parameters, now, quiet);
        point.on_cnp(&parameters, now, quiet);
    }
    near(point.rate(), LINE / 256.0);
}

#[test]
fn fast_recovery_halves_the_gap_and_additive_increase_follows_the_target() {
    let parameters = Parameters {
        rate_to_set_on_first_cnp: Some(LINE / 2.0),
        ..Parameters::paper(LINE)
    };
    let mut point = ReactionPoint::new(&parameters);
    point.on_cnp(&parameters, Picos(0), quiet);
    point.advance(&parameters, Picos::from_micros(55 * 5), quiet);
    let target = LINE / 2.0;
    near(point.rate(), target - target / 2.0 / 32.0);
    let gap = target - point.rate();
    point.advance(&parameters, Picos::from_micros(55 * 25), quiet);
    let (steps, step) = (20.0, parameters.rpg_ai_rate);
    near(
        point.rate(),
        target + steps * step - (step + (gap - step) / 2.0_f64.powi(20)),
    );
}

#[test]
fn hyper_increase_needs_both_stages_beyond_fast_recovery() {
    let parameters = Parameters {
        rate_to_set_on_first_cnp: Some(10e9),
        ..Parameters::paper(LINE)
    };
    let mut point = ReactionPoint::new(&parameters);
    point.on_cnp(&parameters, Picos(0), quiet);
    point.advance(&parameters, Picos::from_micros(55 * 7), quiet);
    let mut seen = Vec::new();
    for _ in 0..7 {
        point.on_sent(&parameters, Picos::from_micros(390), 10_000_000, |_, change, _| {
            seen.push(change);
        });
    }
    assert_eq!(point.stages(), (7, 7));
    // Stages are compared before they are counted: the seventh finds (7, 6).
    assert_eq!(seen[..6], [Change::AdditiveIncrease; 6]);
    assert_eq!(seen[6], Change::HyperIncrease);
}

#[test]
fn a_polled_cut_comes_at_the_end_of_its_period_and_leaves_at_least_its_share() {
    let parameters = Parameters::connectx(LINE);
    let mut point = ReactionPoint::new(&parameters);
    point.on_cnp(&parameters, Picos(0), quiet);
    near(point.rate(), LINE);
    let mut cuts = Vec::new();
    point.advance(&parameters, Picos::from_micros(20), |at, change, point| {
        if change == Change::Cut {
            cuts.push((at, point.rate()));
        }
    });
    // One CNP, one cut: alpha has been raised once and has then decayed for three periods.
    let g = 5.0 / 1024.0_f64;
    let alpha = ((1023.0 / 1024.0) * (1.0 - g) + g) * (1.0 - g).powi(3);
    let [(at, rate)] = cuts[..] else { panic!("{cuts:?}") };
    assert_eq!(at, Picos::from_micros(4));
    near(rate, LINE * (1.0 - alpha / 2.0));
    // The target is kept where no increase came between.
    near(point.target(), LINE);
}

#[test]
fn what_clamps_the_target_is_a_choice() {
    let at = |clamp| {
        let mut parameters = Parameters::connectx(LINE);
        if let Cut::Polled { clamp: of, .. } = &mut parameters.cut {
            *of = clamp;
        }
        let mut point = ReactionPoint::new(&parameters);
        for time in [0, 5, 400] {
            point.advance(&parameters, Picos::from_micros(time), quiet);
            point.on_cnp(&parameters, Picos::from_micros(time), quiet);
        }
        point.advance(&parameters, Picos::from_micros(405), quiet);
        point.target()
    };
    assert!(at(Clamp::Always) < LINE, "each cut sets it");
    // An increase by time came 300 us after the second cut.
    assert!(at(Clamp::AfterIncrease) < LINE);
    near(at(Clamp::AfterByteIncrease), LINE);
}
