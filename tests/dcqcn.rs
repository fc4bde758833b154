//! DCQCN's reaction point against vectors of an independent model in rational arithmetic (tests/data/dcqcn), and against
//! closed forms written out here.

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/rp_vectors.rs"]
mod rp_vectors;

use serde_json::Value;
use squall::pattern::transport::{Choices, Dcqcn, HyperStep, Profile, Stage};
use squall::transport::dcqcn::{Change, Clamp, Cut, Parameters, ReactionPoint};
use squall::units::{BitRate, Bytes, Picos};

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
fn a_cut_begins_anew_with_the_bytes_whether_polled_or_at_once() {
    for parameters in [Parameters::paper(LINE), Parameters::connectx(LINE)] {
        let reset = u64::from(parameters.rpg_byte_reset);
        let mut point = ReactionPoint::new(&parameters);
        point.on_cnp(&parameters, Picos(0), quiet);
        point.advance(&parameters, Picos::from_micros(4), quiet);
        point.on_sent(&parameters, Picos::from_micros(5), reset - 1, quiet);
        point.on_cnp(&parameters, Picos::from_micros(6), quiet);
        point.advance(&parameters, Picos::from_micros(8), quiet);
        point.on_sent(&parameters, Picos::from_micros(9), 1, quiet);
        assert_eq!(point.stages().1, 0, "the bytes before the cut do not count");
        point.on_sent(&parameters, Picos::from_micros(10), reset - 1, quiet);
        assert_eq!(point.stages().1, 1);
    }
}

#[test]
fn what_clamps_the_target_is_a_choice() {
    let at = |clamp| {
        let parameters = Parameters {
            clamp,
            ..Parameters::connectx(LINE)
        };
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

/// What increases do, with the stages after each: `n` by time, 55 µs apart, then `n` by bytes.
fn increases(parameters: &Parameters, n: u64) -> Vec<(Change, (u32, u32), f64)> {
    let parameters = Parameters {
        rate_to_set_on_first_cnp: Some(1e9),
        ..*parameters
    };
    let mut point = ReactionPoint::new(&parameters);
    point.on_cnp(&parameters, Picos(0), quiet);
    let mut seen = Vec::new();
    let mut last = point.target();
    let mut note = |_, change, point: &ReactionPoint| {
        if change != Change::Alpha {
            seen.push((change, point.stages(), point.target() - last));
            last = point.target();
        }
    };
    point.advance(&parameters, Picos::from_micros(55 * n), &mut note);
    for _ in 0..n {
        point.on_sent(&parameters, Picos::from_micros(55 * n), 10_000_000, &mut note);
    }
    seen
}

#[test]
fn the_rule_of_the_stages_is_a_choice() {
    let first_of = |stage, change| {
        let parameters = Parameters {
            choices: Choices {
                stage,
                ..Choices::default()
            },
            ..Parameters::paper(LINE)
        };
        let seen = increases(&parameters, 7);
        seen.iter()
            .find(|(seen, ..)| *seen == change)
            .map(|(_, stages, _)| *stages)
    };
    // F is 5: the sixth increase is the first additive one where stages are compared before they are counted, the fifth
    // where they are compared after.
    let (additive, hyper) = (Change::AdditiveIncrease, Change::HyperIncrease);
    assert_eq!(first_of(Stage::Before, additive), Some((6, 0)));
    assert_eq!(first_of(Stage::Before, hyper), Some((7, 7)));
    assert_eq!(first_of(Stage::After, additive), Some((5, 0)));
    assert_eq!(first_of(Stage::After, hyper), Some((7, 5)));
    assert_eq!(first_of(Stage::AfterInclusive, additive), Some((6, 0)));
    assert_eq!(first_of(Stage::AfterInclusive, hyper), Some((7, 6)));
}

#[test]
fn a_hyper_step_counts_the_stages_of_its_phase_where_it_is_said_to() {
    let steps = |stage, hyper_step| -> Vec<f64> {
        let parameters = Parameters {
            choices: Choices {
                stage,
                hyper_step,
                ..Choices::default()
            },
            ..Parameters::paper(LINE)
        };
        let hyper = |(change, _, step): (Change, _, f64)| (change == Change::HyperIncrease).then_some(step / 400e6);
        increases(&parameters, 9).into_iter().filter_map(hyper).collect()
    };
    // R_HAI·(min − F + 1) from min = F on, counted first (ns3-rdma); R_HAI·(min − F) from min = F + 1 on (htsim).
    for (stage, right) in [
        (Stage::After, vec![1.0, 2.0, 3.0, 4.0, 5.0]),
        (Stage::AfterInclusive, vec![1.0, 2.0, 3.0, 4.0]),
        (Stage::Before, vec![1.0, 2.0, 3.0]),
    ] {
        let seen = steps(stage, HyperStep::Times);
        assert_eq!(seen.len(), right.len(), "{stage:?}");
        seen.iter().zip(&right).for_each(|(seen, right)| near(*seen, *right));
        let once = steps(stage, HyperStep::Once);
        assert_eq!(once.len(), right.len());
        once.iter().for_each(|step| near(*step, 1.0));
    }
}

#[test]
fn hyper_steps_follow_each_other_in_half_the_time_and_bytes_where_they_are_said_to() {
    let parameters = Parameters {
        rpg_threshold: 1,
        choices: Choices {
            stage: Stage::After,
            hyper_half: true,
            ..Choices::default()
        },
        rate_to_set_on_first_cnp: Some(1e9),
        ..Parameters::paper(LINE)
    };
    let mut point = ReactionPoint::new(&parameters);
    point.on_cnp(&parameters, Picos(0), quiet);
    let mut changes = Vec::new();
    // (1, 1) is hyper already; the next by bytes comes after half the bytes.
    point.advance(&parameters, Picos::from_micros(55), quiet);
    for _ in 0..4 {
        point.on_sent(&parameters, Picos::from_micros(60), 5_000_000, |_, change, point| {
            changes.push((change, point.stages()));
        });
    }
    let hyper = Change::HyperIncrease;
    assert_eq!(changes, [(hyper, (1, 1)), (hyper, (1, 2)), (hyper, (1, 3))]);
    // By time: the first hyper step at 110 µs is followed by the second a whole period later, then by halves.
    let mut times = Vec::new();
    point.advance(&parameters, Picos::from_micros(240), |at, change, _| {
        if change == hyper {
            times.push(at.0 / 100_000);
        }
    });
    assert_eq!(times, [1100, 1650, 1925, 2200]);
    // A cut ends it.
    point.on_cnp(&parameters, Picos::from_micros(240), quiet);
    let mut next = None;
    point.advance(&parameters, Picos::from_micros(295), |at, change, _| {
        if change != Change::Alpha {
            next = Some((at, change));
        }
    });
    assert_eq!(next, Some((Picos::from_micros(295), Change::AdditiveIncrease)));
}

#[test]
fn alpha_and_the_cut_come_in_the_order_that_is_said() {
    for (alpha_first, alpha) in [(false, 0.5), (true, 0.5 * 255.0 / 256.0 + 1.0 / 256.0)] {
        let parameters = Parameters {
            choices: Choices {
                alpha_first,
                ..Choices::default()
            },
            initial_alpha: 0.5,
            ..Parameters::paper(LINE)
        };
        let mut point = ReactionPoint::new(&parameters);
        point.on_cnp(&parameters, Picos(0), quiet);
        near(point.rate(), LINE * (1.0 - alpha / 2.0));
        near(point.alpha(), 0.5 * 255.0 / 256.0 + 1.0 / 256.0);
    }
}

#[test]
fn how_much_a_cut_takes_and_leaves_is_a_choice() {
    let rate = |settings: Dcqcn| {
        let parameters = Parameters::of(&settings, BitRate(100_000_000_000));
        let mut point = ReactionPoint::new(&parameters);
        point.on_cnp(&parameters, Picos(0), quiet);
        point.rate()
    };
    let of = |gd, percent: Option<f64>| {
        rate(Dcqcn {
            rpg_gd: gd,
            rpg_min_dec_fac: percent,
            ..Dcqcn::default()
        })
    };
    near(of(None, None), 50e9);
    near(of(Some(11), None), 50e9);
    near(of(Some(12), None), 75e9);
    near(of(Some(10), None), 100e6);
    near(of(Some(7), Some(0.3)), 30e9);
}

#[test]
fn the_target_obeys_its_limit_where_it_is_said_to_and_the_rate_always() {
    let top = |target_above_max| {
        let parameters = Parameters {
            rpg_ai_rate: 30e9,
            rpg_max_rate: 80e9,
            choices: Choices {
                target_above_max,
                ..Choices::default()
            },
            ..Parameters::paper(LINE)
        };
        let mut point = ReactionPoint::new(&parameters);
        point.on_cnp(&parameters, Picos(0), quiet);
        point.advance(&parameters, Picos::from_micros(55 * 60), quiet);
        (point.target(), point.rate())
    };
    near(top(false).0, 80e9);
    assert!(top(false).1 <= 80e9 && top(false).1 > 79.9e9);
    near(top(true).0, LINE + 55.0 * 30e9);
    near(top(true).1, 80e9);
}

#[test]
fn a_target_far_above_the_rate_falls_to_an_eighth_where_it_is_said_to() {
    // The second cut keeps the target of the line's rate: ten cuts leave the floor under it.
    let after = |target_drop| {
        let parameters = Parameters {
            clamp: Clamp::AfterByteIncrease,
            choices: Choices {
                target_drop,
                ..Choices::default()
            },
            ..Parameters::paper(LINE)
        };
        let mut point = ReactionPoint::new(&parameters);
        for time in 0..10 {
            point.on_cnp(&parameters, Picos::from_micros(time), quiet);
        }
        point.advance(&parameters, Picos::from_micros(9 + 55), quiet);
        (point.target(), point.rate())
    };
    near(after(false).0, LINE);
    near(after(true).0, LINE / 8.0);
    near(after(true).1, (LINE / 8.0 + 100e6) / 2.0);
}

#[test]
fn what_a_pattern_says_goes_before_its_profile() {
    let line = BitRate(100_000_000_000);
    for (profile, of) in [
        (Profile::Paper, Parameters::paper(LINE)),
        (Profile::ConnectX, Parameters::connectx(LINE)),
        (Profile::Hpcc, Parameters::hpcc(LINE)),
    ] {
        let settings = Dcqcn {
            profile,
            ..Dcqcn::default()
        };
        assert_eq!(Parameters::of(&settings, line), of);
    }
    let settings = Dcqcn {
        profile: Profile::ConnectX,
        rpg_byte_reset: Some(Bytes(32_767)),
        rate_reduce_monitor_period: Some(Picos(0)),
        clamp_tgt_rate_after_time_inc: Some(false),
        rpg_max_rate: Some(BitRate(400_000_000_000)),
        ..Dcqcn::default()
    };
    let parameters = Parameters::of(&settings, line);
    assert_eq!(parameters.rpg_byte_reset, 32_767);
    assert_eq!(parameters.cut, Cut::AtOnce);
    assert_eq!(parameters.clamp, Clamp::AfterByteIncrease);
    near(parameters.rpg_max_rate, LINE);
}

#[test]
fn a_reaction_point_is_small() {
    assert_eq!(size_of::<ReactionPoint>(), 56);
}
