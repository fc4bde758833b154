//! The result of a whole suite: its tests, what the draft's section 14 asks to be said of the lab, and what
//! the figures rest on.
//!
//! Contract: what nobody has said is none. What squall can see itself stands only where the testbed file
//! does not say it, and says that it is squall's.

use super::folder::Stored;
use super::model::{self, Indicator, Instrument, Item, OfTest, Suite};
use super::types::Profile;
use super::{ABSENT, absent};
use crate::expect::known;
use crate::report;
use crate::report::model::{About, Budget, TimeSource};
use crate::sweep::gather::{About as Facts, Gathered};
use crate::testbed;
use crate::testbed::about::{Asked, HEALTH, SYSTEM, WORKLOAD};
use crate::units::BitRate;
use crate::yaml::Diagnostics;

/// One test and what was gathered of it.
#[derive(Debug)]
pub struct Done {
    /// Its part of the result.
    pub test: model::Test,
    /// What its trials come to.
    pub gathered: Gathered,
}

/// The result of a suite.
///
/// # Errors
/// Only when the shipped list of other tests cannot be read.
pub fn suite(stored: &Stored, done: &[Done]) -> Result<Suite, Diagnostics> {
    // What the testbed file says holds for tests that could not be run, too.
    let lab = match &stored.testbed {
        Some(name) => About::from(&testbed::load(name, &[])?.testbed.about),
        None => About::default(),
    };
    let facts: Vec<(&str, &Facts)> = done
        .iter()
        .filter_map(|done| Some((done.test.id.as_str(), done.gathered.about.as_ref()?)))
        .collect();
    let mut nonconformities = Vec::new();
    if stored.profile == Profile::Quick {
        nonconformities.push("The profile is quick: each test says what it makes smaller.".to_owned());
    }
    if !facts.is_empty() && facts.iter().all(|(_, facts)| facts.clock == "virtual") {
        nonconformities.push("The device under test is squall's own reference fabric, in simulated time.".to_owned());
    }
    let tests: Vec<model::Test> = done.iter().map(|done| done.test.clone()).collect();
    Ok(Suite {
        schema: model::SCHEMA.to_owned(),
        squall_version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: stored.profile.name().to_owned(),
        testbed: stored.testbed.clone(),
        seed: stored.seed,
        changes: changes(stored),
        conforming: !tests.is_empty() && tests.iter().all(|test| test.conforming),
        nonconformities,
        system: system(done, &facts, &lab),
        workload: asked_for(WORKLOAD, "workload", &facts, &lab, |about| &about.workload),
        health: health(&facts, &lab, done),
        tests,
        absent: absent(ABSENT)?,
        instrument: instrument(done),
    })
}

/// What makes the tests others than those of the profile, and who sets and reads the device.
fn changes(stored: &Stored) -> Vec<String> {
    let hook = |name: &str, hook: &Option<String>| hook.as_ref().map(|hook| format!("{name} hook={hook}"));
    let trials = stored.trials.map(|trials| format!("trials={trials}"));
    let hooks = [
        trials,
        hook("before", &stored.before),
        hook("after", &stored.after),
        hook("during", &stored.during),
        hook("end", &stored.end),
    ];
    stored.set.iter().cloned().chain(hooks.into_iter().flatten()).collect()
}

/// A value of each test: one where all are the same, else each with the tests that have it.
fn same_or_each(values: &[(&str, String)]) -> Option<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (test, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        match groups.iter_mut().find(|(known, _)| known == value) {
            Some((_, tests)) => tests.push(test),
            None => groups.push((value, vec![test])),
        }
    }
    match groups.as_slice() {
        [] => None,
        [(value, _)] => Some((*value).to_owned()),
        many => {
            let each = many
                .iter()
                .map(|(value, tests)| format!("{value} (tests {})", tests.join(", ")));
            Some(each.collect::<Vec<_>>().join("; "))
        }
    }
}

/// What the testbed files say.
fn asked_for(
    asked: &[Asked],
    section: &str,
    facts: &[(&str, &Facts)],
    lab: &About,
    pick: impl Fn(&About) -> &std::collections::BTreeMap<String, String>,
) -> Vec<Item> {
    let item = |asked: &Asked| {
        let values: Vec<(&str, String)> = facts
            .iter()
            .filter_map(|(test, facts)| Some((*test, pick(&facts.lab).get(asked.key)?.clone())))
            .collect();
        let value = same_or_each(&values).or_else(|| pick(lab).get(asked.key).cloned());
        Item {
            name: asked.title.to_owned(),
            source: value.is_some().then(|| "testbed".to_owned()),
            value,
            key: Some(format!("{section}.{}", asked.key)),
        }
    };
    asked.iter().map(item).collect()
}

/// What made the traffic of a test: words of the draft's section 14.
fn generation(facts: &Facts, gathered: &Gathered) -> String {
    let how = if facts.clock == "virtual" {
        "simulated traffic: frames in simulated time through squall's reference fabric, no hardware"
    } else if gathered
        .nonconformities
        .iter()
        .any(|text| text == report::SOFTWARE_PORTS)
    {
        "software traffic generator: frames in real time through software ports of DPDK"
    } else {
        "hardware traffic generator (RT, section 3.4.1): NIC ports driven by DPDK"
    };
    format!("{how}, squall {}", env!("CARGO_PKG_VERSION"))
}

fn system(done: &[Done], facts: &[(&str, &Facts)], lab: &About) -> Vec<Item> {
    let mut items = asked_for(SYSTEM, "system", facts, lab, |about| &about.system);
    let seen = |key: &str, say: &dyn Fn(&Facts) -> String| {
        let values: Vec<(&str, String)> = facts.iter().map(|(test, facts)| (*test, say(facts))).collect();
        (key.to_owned(), same_or_each(&values))
    };
    let nic = |facts: &Facts| {
        if facts.clock == "virtual" {
            return "NICs simulated by squall's reference fabric".to_owned();
        }
        format!("driver {}", facts.environment.drivers.join(", "))
    };
    let speeds = |facts: &Facts| {
        let each = facts
            .speeds_bps
            .iter()
            .map(|bps| format!("{} at the ports", BitRate(*bps)));
        each.collect::<Vec<_>>().join(", ")
    };
    let fabric = |text: &'static str| {
        move |facts: &Facts| {
            if facts.clock == "virtual" {
                text.to_owned()
            } else {
                String::new()
            }
        }
    };
    let topology = |facts: &Facts| facts.topology.clone().unwrap_or_default();
    for (key, value) in [
        seen("system.nic", &nic),
        seen("system.link_speed", &speeds),
        seen("system.topology", &topology),
        seen("system.switch_asic", &fabric("squall's reference fabric")),
    ] {
        let item = items
            .iter_mut()
            .find(|item| item.key.as_ref() == Some(&key) && item.value.is_none());
        if let (Some(item), Some(value)) = (item, value) {
            (item.value, item.source) = (Some(value), Some("squall".to_owned()));
        }
    }
    for (name, value) in details(facts) {
        items.push(Item {
            name: format!("Device under test: {name}"),
            value: Some(value),
            source: Some("testbed".to_owned()),
            key: Some(format!("dut.{name}")),
        });
    }
    let said = |name: &str, value: String| Item {
        name: name.to_owned(),
        value: Some(value),
        source: Some("squall".to_owned()),
        key: None,
    };
    let generated: Vec<(&str, String)> = done
        .iter()
        .filter_map(|done| {
            let about = done.gathered.about.as_ref()?;
            Some((done.test.id.as_str(), generation(about, &done.gathered)))
        })
        .collect();
    let generated = same_or_each(&generated);
    items.push(Item {
        name: "Traffic generation mode".to_owned(),
        source: generated.is_some().then(|| "squall".to_owned()),
        value: generated,
        key: None,
    });
    items.push(said(
        "RDMA transport",
        "RoCEv2, RC request packets made raw; nobody acknowledges".to_owned(),
    ));
    items
}

/// What the testbed files say of the device, by key.
fn details(facts: &[(&str, &Facts)]) -> Vec<(String, String)> {
    let mut names: Vec<&String> = facts.iter().flat_map(|(_, facts)| facts.details.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let value = |name: &&String| {
        let values: Vec<(&str, String)> = facts
            .iter()
            .filter_map(|(test, facts)| Some((*test, facts.details.get(*name)?.clone())))
            .collect();
        Some(((*name).clone(), same_or_each(&values)?))
    };
    names.iter().filter_map(value).collect()
}

/// Indicators that a device hook can read, by the figure that it makes of them.
static READ: &[(&str, &str, &str)] = &[
    ("switch_cpu", known::SWITCH_CPU.name, "%"),
    ("switch_memory", known::SWITCH_MEMORY.name, "%"),
    ("fec", known::POST_FEC_BER.name, ""),
    ("crc_errors", known::CRC_ERRORS.name, "frames"),
    ("routing", known::ROUTING_FLAPS.name, "flaps"),
];

fn health(facts: &[(&str, &Facts)], lab: &About, done: &[Done]) -> Vec<Indicator> {
    let items = asked_for(HEALTH, "health", facts, lab, |about| &about.health);
    let indicator = |(asked, mut item): (&Asked, Item)| {
        let read = READ.iter().find(|(key, ..)| *key == asked.key);
        // What was measured goes before what somebody wrote down.
        if let Some((_, figure, unit)) = read
            && let Some(worst) = worst(done, figure)
        {
            item.value = Some(format!("{worst} {unit}").trim().to_owned());
            item.source = Some("device".to_owned());
        }
        if asked.key == "qp_state" && item.value.is_none() && !facts.is_empty() {
            item.value = Some("no QP state is kept: squall sends raw frames and opens no connection".to_owned());
            item.source = Some("squall".to_owned());
        }
        Indicator {
            item,
            threshold: asked.threshold.unwrap_or_default().to_owned(),
            description: asked.description.to_owned(),
        }
    };
    HEALTH.iter().zip(items).map(indicator).collect()
}

/// The greatest value of a figure of the device, over all tests.
fn worst(done: &[Done], figure: &str) -> Option<f64> {
    let of = |done: &Done| {
        let columns: Vec<usize> = done.gathered.columns_of(Some("device"), figure, "").collect();
        let cells = columns.into_iter().flat_map(|column| {
            let rows = done.gathered.rows.iter();
            rows.filter_map(move |row| row.values.get(column).copied().flatten().map(|(value, _)| value))
        });
        cells.reduce(f64::max)
    };
    done.iter().filter_map(of).reduce(f64::max)
}

fn instrument(done: &[Done]) -> Instrument {
    let facts: Vec<(&str, &Facts)> = done
        .iter()
        .filter_map(|done| Some((done.test.id.as_str(), done.gathered.about.as_ref()?)))
        .collect();
    let item = |name: &str, say: &dyn Fn(&Facts) -> String| {
        let values: Vec<(&str, String)> = facts.iter().map(|(test, facts)| (*test, say(facts))).collect();
        let value = same_or_each(&values);
        Item {
            name: name.to_owned(),
            source: value.is_some().then(|| "squall".to_owned()),
            value,
            key: None,
        }
    };
    let or = |text: &Option<String>| text.clone().unwrap_or_default();
    let environment = vec![
        item("squall", &|facts| {
            let of = &facts.environment;
            let revision = of
                .squall_revision
                .as_ref()
                .map_or(String::new(), |revision| format!(" ({revision})"));
            format!("{}{revision}", of.squall_version)
        }),
        item("DPDK", &|facts| or(&facts.environment.dpdk_version)),
        item("Kernel", &|facts| or(&facts.environment.kernel)),
        item("Processor", &|facts| or(&facts.environment.cpu_model)),
        item("Poll mode drivers", &|facts| facts.environment.drivers.join(", ")),
        item("Compiler", &|facts| or(&facts.environment.rustc)),
    ];
    let source = |source: TimeSource| source.to_string();
    let tests = done.iter().map(|done| {
        let about = done.gathered.about.as_ref();
        OfTest {
            id: done.test.id.clone(),
            clock: about.map(|about| about.clock.clone()),
            departures: about.map(|about| source(about.timestamps.tx)),
            arrivals: about.map(|about| source(about.timestamps.rx)),
            pacing: done
                .gathered
                .rate_error_percent
                .map(|error| format!("at most {error:.4} % off the planned rate, where no pause and no other traffic of the port held it up")),
            calibration: about.and_then(|about| about.calibration.as_ref()).map(budget),
        }
    });
    Instrument {
        environment,
        tests: tests.collect(),
    }
}

/// The instrument's error budget in a line.
fn budget(budget: &Budget) -> String {
    report::terminal::calibration_line(budget)
}
