//! The test double: a clock with a planted rate and planted steps, whose every stamp is known.

use proptest::prelude::*;

use super::*;

const MILLI: Time = 1_000_000_000;
const MICRO: Time = 1_000_000;

/// A wrong clock. `steps`: from this time on it is ahead by so much, ps.
struct Planted {
    hz: u64,
    ppm: i64,
    offset: u64,
    steps: Vec<(Time, Time)>,
}

impl Planted {
    /// What it shows at `time`.
    fn at(&self, time: Time) -> u64 {
        let stepped: Time = self.steps.iter().filter(|step| time >= step.0).map(|step| step.1).sum();
        let own = i128::from(time + stepped) * i128::from(1_000_000 + self.ppm) / 1_000_000;
        let ticks = own * i128::from(self.hz) / 1_000_000_000_000;
        self.offset.wrapping_add_signed(i64::try_from(ticks).unwrap())
    }

    /// A reading that took `width`, in which the clock was looked at after `part` percent of it.
    fn reading(&self, before: Time, width: Time, part: Time) -> Reading {
        Reading {
            before,
            ticks: self.at(before + width * part / 100),
            after: before + width,
        }
    }
}

/// A small generator of numbers: the schedule of readings is not what is tested.
fn scatter(seed: &mut u64, below: u64) -> Time {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    i64::try_from((*seed >> 16) % below).unwrap()
}

/// What became of a run of `length` with a reading about every `every`.
struct Run {
    /// Largest error of a time that was told, ps, and when the stamp was made.
    worst: (u64, Time),
    told: u64,
    relation: Relation,
}

/// Runs from 50 ms before zero. Stamps come all the time and are told by the line of the moment.
fn run(clock: &Planted, scale: Scale, length: Time, every: Time, mut seed: u64) -> Run {
    let mut relation = Relation::new(scale);
    let (mut worst, mut told) = ((0, 0), 0);
    let mut now = -50 * MILLI;
    while now < length {
        let width = 40_000 + scatter(&mut seed, 400_000);
        let part = scatter(&mut seed, 101);
        relation.read(clock.reading(now, width, part));
        let pause = every / 2 + scatter(&mut seed, every.unsigned_abs());
        if now >= 0
            && let Some(line) = relation.line()
        {
            for _ in 0..20 {
                let stamped = now + width + scatter(&mut seed, pause.unsigned_abs());
                let stamp = clock.at(stamped) / scale.ticks_per_unit;
                let time = line.time_of(stamp).expect("it is near");
                told += 1;
                worst = worst.max((time.abs_diff(stamped), stamped));
            }
        }
        now += width + pause;
    }
    relation.read(clock.reading(now, 100_000, 50));
    Run { worst, told, relation }
}

const NIC: Planted = Planted {
    hz: 1_000_000_000,
    ppm: 100,
    offset: 0xffff_ffff_ff00_0000,
    steps: Vec::new(),
};

#[test]
fn a_drift_of_100_ppm_is_followed() {
    let run = run(&NIC, Scale::DEVICE, 3_000 * MILLI, 20 * MILLI, 1);
    assert_eq!(run.relation.lost(), None);
    let summary = run.relation.summary().unwrap();
    assert!(run.told > 2_000 && summary.readings > 100, "{summary:?}");
    // Readings are 440 ns wide at most, and a tick is 1 ns: no more than that can be off by much.
    assert!(run.worst.0 <= 500_000, "{:?}", run.worst);
    assert!(
        run.worst.0 <= summary.uncertainty && summary.uncertainty < 2_000_000,
        "{summary:?}"
    );
    // 1.0001 ticks in each nanosecond.
    assert!((summary.tick_ps - 1000.0 / 1.0001).abs() < 0.002, "{summary:?}");
    assert_eq!(summary.drift_ppm, None);
}

#[test]
fn the_kernels_microseconds_are_followed() {
    let clock = Planted {
        offset: 1_793_000_000_000_000_000,
        ..NIC
    };
    let run = run(&clock, Scale::KERNEL_MICROS, 3_000 * MILLI, 20 * MILLI, 2);
    let summary = run.relation.summary().unwrap();
    assert_eq!(run.relation.lost(), None);
    // Half a microsecond is in the stamp itself.
    assert!((400_000..1_000_000).contains(&run.worst.0), "{:?}", run.worst);
    assert!(run.worst.0 <= summary.uncertainty, "{summary:?}");
    let drift = summary.drift_ppm.unwrap();
    assert!((drift - 100.0).abs() < 2.0, "{drift}");
}

#[test]
fn a_step_of_a_millisecond_ends_it() {
    for step in [MILLI, -MILLI] {
        let clock = Planted {
            steps: vec![(1_234 * MILLI, step)],
            ..NIC
        };
        let run = run(&clock, Scale::DEVICE, 3_000 * MILLI, 20 * MILLI, 3);
        let lost = run.relation.lost().expect("it was set");
        assert!(lost.by.abs_diff(step) < 2_000_000, "{lost:?}");
        assert!((1_234 * MILLI..1_300 * MILLI).contains(&lost.at), "{lost:?}");
        assert_eq!(run.relation.line(), None);
        // Only what was stamped between the step and the reading that found it was wrong.
        let between = (1_234 * MILLI..=lost.at).contains(&run.worst.1);
        assert!(between || run.worst.0 <= 500_000, "{:?}", run.worst);
    }
}

#[test]
fn a_clock_that_stands_still_or_runs_backwards_is_none() {
    let reading = |at: Time, ticks: u64| Reading {
        before: at,
        ticks,
        after: at + 1000,
    };
    for second in [500, 400] {
        let mut relation = Relation::new(Scale::DEVICE);
        relation.read(reading(0, 500));
        relation.read(reading(10 * MILLI, second));
        assert!(relation.lost().is_some());
        assert_eq!((relation.line(), relation.summary()), (None, None));
    }
}

#[test]
fn it_takes_two_readings_some_way_apart() {
    let mut relation = Relation::new(Scale::DEVICE);
    for at in 0..40 {
        assert_eq!(relation.line(), None);
        relation.read(NIC.reading(at * 100 * MICRO, 100_000, 50));
    }
    relation.read(NIC.reading(6 * MILLI, 100_000, 50));
    let line = relation.line().unwrap();
    // Far away nothing is believed.
    assert_eq!(line.time_of(NIC.at(7_000 * MILLI)), None);
    assert_eq!(line.time_of(NIC.offset - (1 << 40)), None);
    assert!(line.time_of(NIC.at(100 * MILLI)).is_some());
    // The further away, the less certain: the rate rests on 6 ms and 101 ns.
    assert!(line.uncertainty_at(7 * MILLI) < line.uncertainty_at(106 * MILLI));
    assert!(line.uncertainty_at(106 * MILLI) > 1_500_000);
}

proptest! {
    /// Never a wrong figure: whatever the rate, whatever steps there are, every time that was told is
    /// within what the relation says in the end, or the relation says that it was lost.
    #[test]
    fn right_or_refused(
        ppm in -500_i64..=500,
        hz in prop_oneof![Just(1_000_000_u64), Just(156_250_000), Just(1_000_000_000), Just(2_500_000_000)],
        offset: u64,
        steps in prop::collection::vec((0..900 * MILLI, prop_oneof![
            -2_000_000_i64..2_000_000, -2 * MILLI..2 * MILLI, -3_000 * MILLI..3_000 * MILLI]), 0..3),
        every in 2 * MILLI..60 * MILLI,
        seed: u64,
    ) {
        let clock = Planted { hz, ppm, offset, steps };
        // Two steps between readings that cancel out are what nobody can see.
        let apart = clock.steps.iter().all(|one| {
            clock.steps.iter().all(|other| one == other || one.0.abs_diff(other.0) > 200 * 1_000_000_000)
        });
        prop_assume!(apart);
        let run = run(&clock, Scale::DEVICE, 1_000 * MILLI, every, seed);
        if run.relation.lost().is_none() {
            let summary = run.relation.summary().unwrap();
            prop_assert!(run.worst.0 <= summary.uncertainty, "{:?} of {summary:?}", run.worst);
        }
    }
}
