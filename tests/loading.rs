//! Loading of patterns and testbeds as their user meets it: all mistakes at once, each at its
//! place; what is shipped loads; nothing makes it panic.

use std::collections::BTreeSet;
use std::path::Path;

use squall::pattern::{self, DispatchMode, Kind, Pattern, Rate};
use squall::testbed::{self, Testbed};
use squall::units::PICOS_PER_SECOND;
use squall::yaml::Diagnostics;
use squall::{plan, sweep};

/// Line, column and message of each mistake.
fn mistakes(errors: &Diagnostics) -> Vec<(usize, usize, String)> {
    let place = |position: Option<(usize, usize)>| position.unwrap_or((0, 0));
    let items = errors.items.iter();
    items
        .map(|item| {
            let (line, column) = place(item.position);
            let mut text = item.what.clone();
            if let Some(suggestion) = &item.suggestion {
                text += &format!(" -> {suggestion}");
            }
            (line, column, text)
        })
        .collect()
}

#[test]
fn ten_planted_mistakes_are_all_reported_where_they_stand() {
    let text = include_str!("data/ten-mistakes.yaml");
    let errors = pattern::parse("ten.yaml", text, &[]).expect_err("it is full of mistakes");
    let expected = [
        (3, 1, "unknown key `sed` in the pattern -> seed"),
        (4, 11, "`duration` is `100`"),
        (8, 5, "unknown key `mesage` in entry `kv` -> message"),
        (9, 14, "`message` is `3GiB`"),
        (10, 29, "`pmtu` is `1500`"),
        (12, 11, "`kind` is `incats` -> incast"),
        (16, 15, "worker 2 is a sender and the receiver too"),
        (17, 14, "`message` is `64kib` -> 64KiB"),
        (19, 5, "`stagger` and `jitter` exclude each other; leave one out"),
        (20, 12, "`after` is `kw` -> kv"),
    ];
    let expected: Vec<_> = expected
        .map(|(line, column, text)| (line, column, text.to_owned()))
        .to_vec();
    assert_eq!(mistakes(&errors), expected, "\n{errors}");
}

/// Names of the YAML files of a folder of the repository.
fn files(folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(path).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    yaml.map(|path| stem(&path)).collect()
}

fn names(shipped: &[(&str, &str)]) -> BTreeSet<String> {
    shipped.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_file_that_is_shipped_is_built_in_and_asks_its_question_first() {
    assert_eq!(files("patterns"), names(pattern::SHIPPED));
    assert_eq!(files("testbeds"), names(testbed::SHIPPED));
    assert_eq!(files("sweeps"), names(sweep::SHIPPED));
    for (name, text) in pattern::SHIPPED.iter().chain(sweep::SHIPPED) {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("# ") && first.ends_with('?'), "{name}: {first}");
    }
}

#[test]
fn every_shipped_pattern_and_testbed_loads() {
    for (name, _) in pattern::SHIPPED {
        let loaded = pattern::load(name, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(loaded.pattern.name, *name);
        assert!(loaded.pattern.workers_needed() >= 2, "{name}");
    }
    for (name, _) in testbed::SHIPPED {
        let loaded = testbed::load(name, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(loaded.testbed.name, *name);
    }
    assert!(testbed::load(testbed::DEFAULT, &[]).is_ok());
}

/// Every point of every shipped sweep, as (sweep, pattern, testbed with its hosts, number of trials).
fn points() -> Vec<(String, Pattern, Testbed, u32)> {
    let mut points = Vec::new();
    for (name, _) in sweep::SHIPPED {
        let ready = sweep::load(name, sweep::Given::default()).unwrap_or_else(|errors| panic!("{errors}"));
        for point in 0..ready.sweep.points.len() {
            let inputs = ready
                .inputs(point, 0)
                .unwrap_or_else(|errors| panic!("{name}: {errors}"));
            let pattern = inputs.pattern.pattern;
            let testbed = inputs.testbed.testbed.sized(pattern.workers_needed());
            points.push(((*name).to_owned(), pattern, testbed, ready.sweep.trials));
        }
    }
    points
}

#[test]
fn every_point_of_every_shipped_sweep_fits_its_testbed() {
    for (name, pattern, testbed, trials) in points() {
        let speeds: Vec<_> = testbed.ports.iter().map(|port| port.speed.expect("a host's")).collect();
        let plan = plan::build(&pattern, &testbed, &speeds);
        assert!(plan.is_ok(), "{name}: {plan:?}");
        // The draft's sections 8.1, 9.3 and 12.3 ask for 20 or more.
        assert!(trials >= 20, "{name}");
    }
    let number = |name: &str| points().iter().filter(|point| point.0 == name).count();
    assert_eq!((number("ecn-incast"), number("pfc-bursts")), (5 * 4, 4 * 3 * 6));
}

/// What the draft's tests 8.1 and 8.2 ask for must be possible in the switch: its queues reach the
/// threshold although it pauses, and its buffer holds all that it must take in before it does.
#[test]
fn the_sweeps_switches_allow_what_is_asked() {
    for (name, pattern, testbed, _) in points() {
        // A kernel's switch has what its lab gives it.
        let Some(fabric) = testbed.fabric else {
            assert_eq!(name, "ecn-burst");
            continue;
        };
        let pfc = fabric.switch.pfc.expect("class 3 is lossless").thresholds;
        let headroom = fabric.switch.pfc.map_or(0, |pfc| pfc.headroom.0) * testbed.ports.len() as u64;
        let senders = pattern.traffic.iter().filter_map(|entry| match &entry.kind {
            Kind::Incast(incast) => Some(incast.senders.0.len()),
            Kind::Burst(burst) => Some(burst.transfers as usize),
            _ => None,
        });
        let senders = senders.max().unwrap_or(1) as u64;
        if matches!(name.as_str(), "ecn-incast" | "pfc-bursts") {
            assert!(
                headroom + senders * pfc.xoff.0 <= fabric.switch.buffer.0,
                "{name}: {senders} senders"
            );
        }
        if name != "ecn-incast" {
            continue;
        }
        let kmin = fabric.switch.ecn.expect("it marks").thresholds;
        assert_eq!(kmin.kmin, kmin.kmax, "a step");
        assert!(
            senders * pfc.xoff.0 > kmin.kmin.0,
            "{senders} senders never fill {}",
            kmin.kmin
        );
        let probe = pattern.traffic.iter().find_map(|entry| match &entry.kind {
            Kind::EcnProbe(probe) => Some(probe),
            _ => None,
        });
        let probe = probe.expect("the report has both readings");
        // Frames of 4,170 bytes: RDMA WRITE Only of 4,096.
        assert!(probe.frames * 4170 > kmin.kmin.0 + 2 * 4170);
        assert!(
            probe.frames.div_ceil(senders) * 4170 <= pfc.xoff.0,
            "{senders} senders are paused"
        );
    }
}

/// Frames of a pattern, reckoned from its shape rather than from a plan: at most, and near enough.
fn frames(pattern: &Pattern) -> f64 {
    let seconds = |picos: u64| picos as f64 / PICOS_PER_SECOND as f64;
    let whole = pattern.duration.map(|duration| seconds(duration.0));
    let testbed = pattern
        .testbed
        .as_deref()
        .map(|name| testbed::load(name, &[]).expect("it loads").testbed);
    let fabric = testbed.and_then(|testbed| testbed.fabric);
    // Of the reference switch's ports, where the pattern is made for no other.
    let line = fabric.map_or(400e9, |fabric| fabric.speed.0 as f64);
    let entries = pattern.traffic.iter().map(|entry| {
        let pmtu = f64::from(entry.frame.pmtu);
        let time = entry.duration.map(|duration| seconds(duration.0)).or(whole);
        let packets = |messages: &pattern::Messages| {
            let bytes = messages.transfer_bytes.unwrap_or(messages.size).0;
            (bytes as f64 / pmtu).ceil()
        };
        let at = |rate: &Rate, senders: usize| match rate {
            Rate::Bits(bits) => bits.0 as f64 / (8.0 * pmtu) * time.expect("an end") * senders as f64,
            Rate::Share(share) => share.0 * line / (8.0 * pmtu) * time.expect("an end") * senders as f64,
            other => panic!("no bound from {other:?}"),
        };
        match &entry.kind {
            Kind::Transfer(transfer) => match transfer.count {
                Some(count) => packets(&transfer.messages) * count as f64 * f64::from(transfer.pairs),
                // A closed loop sends no more than its receivers' links carry.
                None if entry.transport.rc().is_some() => {
                    at(&transfer.rate, transfer.from.0.len().min(transfer.to.0.len()))
                }
                None => at(&transfer.rate, transfer.from.0.len()),
            },
            Kind::Incast(incast) => {
                packets(&incast.messages) * (incast.count * incast.repeats) as f64 * incast.senders.0.len() as f64
            }
            Kind::Burst(burst) => packets(&burst.messages) * burst.bursts as f64 * f64::from(burst.transfers),
            Kind::Background(background) => at(&background.load, background.from.0.len()),
            // PFC frames beside them are few.
            Kind::EcnProbe(probe) => (probe.frames * probe.repeats) as f64,
            Kind::Pfc(pfc) => time.expect("an end") / seconds(pfc.interval.0),
            Kind::AllToAll(alltoall) => {
                let ranks = alltoall.ranks.0.len() as f64;
                let even = f64::from(alltoall.batch) * f64::from(alltoall.top_k) / ranks;
                let tokens = match alltoall.mode {
                    DispatchMode::Normal => even,
                    DispatchMode::LowLatency { padded_tokens } => padded_tokens.map_or(even.ceil(), f64::from),
                };
                let bytes = tokens * f64::from(alltoall.hidden) * f64::from(alltoall.precision);
                let qps = f64::from(alltoall.qps);
                let dispatches = match (alltoall.iterations, alltoall.interval) {
                    (Some(iterations), _) => iterations as f64 * f64::from(alltoall.layers),
                    (None, Some(interval)) => time.expect("an end") / seconds(interval.0),
                    (None, None) => panic!("no bound"),
                };
                ranks * (ranks - f64::from(alltoall.ranks_per_node)) * qps * (bytes / qps / pmtu).ceil() * dispatches
            }
        }
    });
    entries.sum()
}

#[test]
fn a_capture_of_a_whole_shipped_pattern_stays_small() {
    for (name, _) in pattern::SHIPPED {
        let pattern = pattern::load(name, &[]).expect("it loads").pattern;
        let frames = frames(&pattern);
        assert!((1_000.0..75_000.0).contains(&frames), "{name}: {frames} frames");
    }
}

/// The `--set` values in a text's comments, quotes of the shell taken off.
fn overrides_in_comments(text: &str) -> Vec<String> {
    let comments: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('#')).collect();
    let joined = comments.join("\n");
    let value = |rest: &str| match rest.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next().unwrap_or_default().to_owned(),
        None => rest
            .split(|c: char| c.is_whitespace() || c == ',')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    joined.split("--set ").skip(1).map(value).collect()
}

#[test]
fn the_overrides_that_comments_recommend_are_good_ones() {
    let mut seen = 0;
    let kinds = pattern::SHIPPED.iter().map(|one| (one, true));
    for ((name, text), of_pattern) in kinds.chain(testbed::SHIPPED.iter().map(|one| (one, false))) {
        let overrides = overrides_in_comments(text);
        seen += overrides.len();
        let (of_testbed, overrides): (Vec<String>, Vec<String>) =
            overrides.into_iter().partition(|set| set.starts_with(testbed::PREFIX));
        if of_pattern && let Err(errors) = pattern::load(name, &overrides) {
            panic!("{name}: {errors}");
        }
        let named = text.split("`--testbed ").nth(1).and_then(|rest| rest.split('`').next());
        let name = if of_pattern { named.unwrap_or("switch") } else { *name };
        let of_testbed: Vec<String> = of_testbed
            .iter()
            .filter_map(|set| set.strip_prefix(testbed::PREFIX))
            .map(str::to_owned)
            .collect();
        if let Err(errors) = testbed::load(name, &of_testbed) {
            panic!("{name}: {errors}");
        }
    }
    assert!(seen > 30, "only {seen} found: is the comments' form another one now?");
}
