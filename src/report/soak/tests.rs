use super::*;
use crate::report::tests::example::{sample, sample_header};

/// A number in 0..1 that looks random and is the same every time.
fn noise(n: u64) -> f64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    float((x ^ (x >> 31)) >> 11) / float(1 << 53)
}

fn series(values: impl IntoIterator<Item = f64>) -> Series {
    let mut series = Series::new();
    for (index, value) in values.into_iter().enumerate() {
        series.see(float(index as u64 + 1) * PICOS_PER_HOUR / 4.0, value);
    }
    series
}

fn grows(values: impl IntoIterator<Item = f64>) -> bool {
    series(values).trend("", "", "", Some(0.0)).unwrap().grows.unwrap()
}

#[test]
fn a_growing_series_is_flagged_and_others_are_not() {
    // A day of quarters of an hour. 0.05 a sample are 4.8 on 100 in a day.
    assert!(grows((0..96).map(|n| 100.0 + 0.05 * float(n))));
    assert!(grows((0..96).map(|n| 100.0 + 0.05 * float(n) + 2.0 * noise(n))));
    assert!(!grows((0..96).map(|_| 100.0)));
    assert!(!grows((0..96).map(|n| 100.0 - 0.05 * float(n))));
    // It rises with certainty, and by less than a hundredth: nobody is hurt.
    assert!(!grows((0..96).map(|n| 100.0 + 0.005 * float(n))));
    // Too few samples to tell.
    assert!(!grows([100.0, 110.0, 120.0, 130.0]));
    assert!(grows([100.0, 110.0, 120.0, 130.0, 140.0, 150.0]));
    // One spike at the end, one step that comes back.
    assert!(!grows((0..96).map(|n| if n == 95 { 500.0 } else { 100.0 })));
    assert!(!grows((0..96).map(|n| if (40..50).contains(&n) {
        500.0
    } else {
        100.0
    })));
}

#[test]
fn noise_is_hardly_ever_a_growth() {
    // By the definition of p < 0.01, both ways: of a thousand flat series five would be, if their growth were
    // always of a relevant size.
    let flagged = (0..1000)
        .filter(|run| grows((0..24).map(|n| 100.0 + 30.0 * noise(run * 1000 + n))))
        .count();
    assert!(flagged <= 12, "{flagged}");
}

#[test]
fn mann_kendall_as_computed_by_hand() {
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        values
            .iter()
            .enumerate()
            .map(|(n, value)| (float(n as u64), *value))
            .collect()
    };
    // n = 10 all rising: S = 45, var = 10·9·25/18 = 125, z = 44/√125 = 3.935, p = 8.3e-5.
    let (s, p) = mann_kendall(&points(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]));
    assert_eq!(s, 45);
    assert!((p.unwrap() - 8.303e-5).abs() < 1e-7, "{p:?}");
    // Three ties, by hand: 23 pairs rise and 2 fall, so S = 21; var = (8·7·21 − 3·(2·1·9))/18 = 62.333,
    // z = 20/√62.333 = 2.5332, p = 0.0113 by a table of the normal distribution.
    let (s, p) = mann_kendall(&points(&[10.0, 22.0, 21.0, 30.0, 22.0, 30.0, 40.0, 40.0]));
    assert_eq!(s, 21);
    assert!((p.unwrap() - 0.0113).abs() < 2e-4, "{p:?}");
    let (s, p) = mann_kendall(&points(&[7.0; 20]));
    assert_eq!((s, p), (0, Some(1.0)));
    assert_eq!(mann_kendall(&points(&[1.0, 2.0])), (1, None));
}

#[test]
fn a_slope_does_not_mind_outliers() {
    let mut points: Vec<(f64, f64)> = (0..50).map(|n| (float(n), 3.0 * float(n) + 7.0)).collect();
    for outlier in [3, 17, 40] {
        points[outlier].1 = 1e6;
    }
    assert!((theil_sen(&points).unwrap() - 3.0).abs() < 1e-9);
    assert_eq!(theil_sen(&points[..1]), None);
}

#[test]
fn a_long_series_stays_small_and_keeps_its_extremes() {
    let all = 100_000u64;
    let many = series((0..all).map(|n| {
        if n == 777 {
            -5.0
        } else {
            100.0 + float(n) / float(all) * 20.0
        }
    }));
    assert!(many.points.len() < POINTS);
    assert_eq!(many.points.capacity(), POINTS);
    let trend = many.trend("figure", "us", "run", Some(0.0)).unwrap();
    assert_eq!((trend.samples, trend.first, trend.min), (all, 100.0, -5.0));
    assert!((trend.median - 110.0).abs() < 0.1, "{trend:?}");
    // 20 over 25,000 hours.
    assert!(
        (trend.slope_per_hour.unwrap() - 20.0 / 25_000.0).abs() < 1e-5,
        "{trend:?}"
    );
    assert_eq!(trend.grows, Some(true));
}

fn soak(of: impl Fn(u64) -> (u64, u64)) -> (Soak, Option<Trend>) {
    let mut trends = Trends::new(&sample_header());
    for index in 0..40 {
        let (p99, resident) = of(index);
        trends.see(&sample(index, p99, resident));
    }
    trends.finish(&[])
}

#[test]
fn planted_growths_of_latency_and_memory_are_named_and_a_warm_up_is_not_one() {
    const MIB: u64 = 1 << 20;
    // Memory that settles in the first tenth of the run.
    let (steady, resident) = soak(|n| (5_000_000, 100 * MIB + n.min(4) * 10 * MIB));
    assert_eq!(steady.resident_memory_grows, Some(false), "{resident:?}");
    assert_eq!(steady.warm_up_samples, 4);
    assert!(
        steady.trends.iter().all(|trend| trend.grows != Some(true)),
        "{steady:#?}"
    );
    // A quarter of a MiB a sample: 9 MiB in all.
    let (leaking, resident) = soak(|n| (5_000_000, 100 * MIB + n * MIB / 4));
    assert_eq!(leaking.resident_memory_grows, Some(true), "{resident:?}");
    // As certain, and too little for any allocator.
    let small = soak(|n| (5_000_000, MIB / 4 + n * 1024)).0;
    assert_eq!(small.resident_memory_grows, Some(false));
    // The same leak within a minute of the wall clock: a process that begins, for all one knows.
    let mut short = Trends::new(&sample_header());
    for index in 0..40 {
        let mut sample = sample(index, 5_000_000, 100 * MIB + index * MIB / 4);
        sample.process.at = format!("2026-01-01T00:00:{index:02}.000Z");
        short.see(&sample);
    }
    assert_eq!(short.finish(&[]).0.resident_memory_grows, None);
    let (slower, _) = soak(|n| (5_000_000 + n * 10_000, 100 * MIB));
    let grown: Vec<&str> = slower
        .trends
        .iter()
        .filter(|trend| trend.grows == Some(true))
        .map(|trend| trend.name.as_str())
        .collect();
    assert_eq!(grown, ["packet_latency", "KV_xfer_latency", "round_time"]);
    let trend = slower
        .trends
        .iter()
        .find(|trend| trend.name == "KV_xfer_latency")
        .unwrap();
    assert!(
        (trend.variation_percent.unwrap() - 100.0 * 0.39 / 5.195).abs() < 1e-9,
        "{trend:?}"
    );
    let found = crate::report::anomaly::growths(&slower);
    assert!(found.iter().all(|anomaly| anomaly.place == "traffic/kv"), "{found:?}");
}

#[test]
fn partial_samples_and_refused_times_make_no_trend() {
    let mut trends = Trends::new(&sample_header());
    for index in 0..10 {
        let mut sample = sample(index, 5_000_000, 1);
        sample.whole = index < 5;
        trends.see(&sample);
    }
    let (soak, _) = trends.finish(&["traffic/kv".to_owned()]);
    assert_eq!(soak.samples, 5);
    let names: Vec<&str> = soak.trends.iter().map(|trend| trend.name.as_str()).collect();
    assert!(!names.iter().any(|name| name.contains("latency")), "{names:?}");
    assert!(names.contains(&"Fabric_Goodput"));
}
