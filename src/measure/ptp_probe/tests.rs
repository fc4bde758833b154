//! Clocks with planted offset, drift and steps, read by a slow bus; the delays that come out must be those
//! that went in, or there must be none.

use proptest::prelude::*;

use super::*;

/// A clock that shows `offset` at the run's zero and gains `ppm`.
#[derive(Debug, Clone, Copy)]
struct Planted {
    offset: u64,
    ppm: i64,
    /// From this run time (ps) on it shows so much more, ns.
    step: Option<(u64, i64)>,
}

impl Planted {
    fn at(&self, run: u64) -> u64 {
        let run = i128::from(run);
        let nanos = (run + run * i128::from(self.ppm) / 1_000_000) / 1000;
        let step = self
            .step
            .filter(|(at, _)| run >= i128::from(*at))
            .map_or(0, |(_, by)| by);
        let shown = i128::from(self.offset) + nanos + i128::from(step);
        u64::try_from(shown.rem_euclid(1 << 64)).unwrap()
    }
}

/// Readings and probes once a millisecond for a second. `jitter` (0 to 999) says where in its window of
/// 2 us a clock is really read; `delays` are planted, ns.
fn observe(from: Planted, to: Planted, delays: &[u64], jitter: &[u64]) -> (Vec<(Reading, Reading)>, Vec<Stamped>) {
    let read = |clock: Planted, at: u64, jitter: u64| Reading {
        before: at,
        nanos: clock.at(at + 2000 * jitter),
        after: at + 2_000_000,
    };
    (0..1000)
        .map(|index| {
            let at = 1_000_000_000 * (index as u64 + 1);
            let jitter = |n: usize| jitter[(2 * index + n) % jitter.len()];
            let readings = (read(from, at, jitter(0)), read(to, at + 3_000_000, jitter(1)));
            let departure = at + 10_000_000;
            let delay = delays[index % delays.len()];
            let probe = Stamped {
                at: departure,
                half: 0,
                sent: from.at(departure),
                received: to.at(departure + delay * 1000),
            };
            (readings, probe)
        })
        .unzip()
}

const JITTER: [u64; 11] = [500, 13, 998, 250, 777, 0, 999, 430, 610, 120, 888];

#[test]
fn planted_delays_come_out_whatever_the_offset_and_the_drift() {
    let delays = [812, 5_040, 1_300, 90_000];
    for (ppm, offset) in [(0, 0), (100, 7_000_000_123), (-100, u64::MAX - 400_000), (37, 1 << 63)] {
        let from = Planted {
            offset: 55,
            ppm: -20,
            step: None,
        };
        let to = Planted {
            offset,
            ppm,
            step: None,
        };
        let (readings, probes) = observe(from, to, &delays, &JITTER);
        let related = relate(&readings, &probes).unwrap();
        assert!(related.uncertainty < 300.0, "±{} ns", related.uncertainty);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let drift = (ppm + 20) as f64;
        assert!((related.drift_ppm() - drift).abs() < 1.0, "{} ppm", related.drift_ppm());
        for (probe, planted) in probes.iter().zip(delays.iter().cycle()) {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let off = (related.delay(probe) as f64 / 1000.0 - *planted as f64).abs();
            // A clock that gains 100 ppm also shows 9 ns more of a delay of 90 us.
            assert!(off <= related.uncertainty + 11.0, "{planted} ns came out {off} ns off");
        }
        // All are off by the same: differences are as good as the stamps.
        let [first, second] = [related.delay(&probes[0]), related.delay(&probes[1])];
        assert!((second - first).abs_diff(4_228_000) <= 3_000, "{first} {second}");
    }
}

#[test]
fn a_clock_that_was_set_or_changed_its_rate_gives_no_delay() {
    let honest = Planted {
        offset: 0,
        ppm: 0,
        step: None,
    };
    for by in [1_000_000, -1_000_000, 40_000] {
        let set = Planted {
            step: Some((500_000_000_000, by)),
            ..honest
        };
        let (readings, probes) = observe(honest, set, &[1000], &JITTER);
        assert_eq!(relate(&readings, &probes), Err(Unrelated::NoLine), "{by} ns");
    }
    let mad = Planted { ppm: 2000, ..honest };
    let (readings, probes) = observe(honest, mad, &[1000], &JITTER);
    assert_eq!(relate(&readings, &probes), Err(Unrelated::NoLine));
}

#[test]
fn one_reading_tells_no_drift() {
    let honest = Planted {
        offset: 0,
        ppm: 0,
        step: None,
    };
    let (readings, probes) = observe(honest, honest, &[1000], &JITTER);
    assert_eq!(relate(&readings[..1], &probes), Err(Unrelated::TooFew));
    assert_eq!(relate(&[], &probes), Err(Unrelated::TooFew));
}

#[test]
fn one_clock_needs_no_relation() {
    let probe = Stamped {
        at: 5,
        half: 0,
        sent: 100,
        received: 1_112,
    };
    assert_eq!(Related::SAME_CLOCK.delay(&probe), 1_012_000);
}

proptest! {
    /// What is stated is kept: the planted delay is never further off than the uncertainty, or the pair
    /// of clocks is refused.
    #[test]
    fn never_a_wrong_figure(
        offset in any::<u64>(),
        ppm in -200_i64..200,
        step in prop::option::of((1_000_000_000_u64..999_000_000_000, -2_000_000_i64..2_000_000)),
        delays in prop::collection::vec(0_u64..50_000, 1..20),
        jitter in prop::collection::vec(0_u64..1000, 1..40),
    ) {
        let from = Planted { offset: 1 << 40, ppm: 0, step: None };
        let to = Planted { offset, ppm, step };
        let (readings, probes) = observe(from, to, &delays, &jitter);
        if let Ok(related) = relate(&readings, &probes) {
            for (probe, planted) in probes.iter().zip(delays.iter().cycle()) {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let off = (related.delay(probe) as f64 / 1000.0 - *planted as f64).abs();
                let drifting = 2.0 + 50_000.0 * 200.0 / 1e6;
                prop_assert!(off <= related.uncertainty + drifting, "{planted} ns: {off} off, ±{}", related.uncertainty);
            }
        }
    }
}
