//! One run, from loaded files to results: safety checks, ports, plan, driver, report.
//!
//! Contract: [`Trial::run`] is everything that `squall run` does between loading and printing, and
//! prints nothing itself. Many trials may run one after another in one process through one
//! [`Session`]; each opens its ports anew. An error says which of the exit statuses it belongs to.
//!
//! Left out on purpose: files, signals, terminals; many trials (`sweep`).

mod lock;
mod safety;
mod segment;
mod session;
mod watching;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::engine::outcome::{Live, RateOfFlow};
use crate::engine::sample::Told;
use crate::engine::{lab, realtime, resolve, virtual_lab, virtual_time};
use crate::pattern::Entropy;
use crate::plan::{self, Plan, PlanError};
use crate::report::assemble::{Inputs, assemble};
use crate::report::model::{Calibration, Results};
use crate::report::samples::{Earlier, Kept};
use crate::testbed::Testbed;
use crate::units::{BitRate, Picos};
use crate::wire::stamp::Magic;
use crate::{fabric, pattern, report, testbed};
use watching::Watching;

pub use session::Session;

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum TrialError {
    /// The pattern or the testbed is wrong, or they do not go together.
    #[error("{0}")]
    Input(String),
    /// The environment is (DPDK, ports, memory, rights).
    #[error("{0}")]
    Environment(String),
    /// It was stopped before it began.
    #[error("stopped before the first frame was sent: nothing was measured")]
    Stopped,
}

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// What to send.
    pub pattern: &'a pattern::Loaded,
    /// The pattern as it was named, for the report.
    pub pattern_name: &'a str,
    /// Where.
    pub testbed: &'a testbed::Loaded,
    /// The testbed as it was named; `None` for the built-in one.
    pub testbed_name: Option<&'a str>,
    /// Kernel interfaces that may be used although they have an address or a route.
    pub owned_interfaces: &'a [String],
    /// What was measured of the instrument itself on this testbed, for the report.
    pub calibration: Option<&'a Calibration>,
    /// Samples of the same run from before it was cut short: it goes on with what is left of its duration.
    /// In virtual time a run is simulated anew from its start, and this does not count.
    pub earlier: Option<&'a Earlier>,
}

/// What a caller sees of a trial under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watched<'a> {
    /// A line of the run's samples, where this call is about one.
    pub kept: Option<Kept<'a>>,
    /// What was done so far.
    pub live: Live,
    /// How long sending is to take, where the plan knows it.
    pub length: Option<Picos>,
    /// Whether every port receives: then what is missing is lost.
    pub listens: bool,
    /// For how long the run had gone on before it was cut short; zero of one that was not.
    pub before: Picos,
}

/// What a trial comes to.
#[derive(Debug)]
pub struct Measured {
    /// What was measured, from outside the device under test.
    pub results: Results,
    /// What the reference fabric itself counted, where it was the device under test: to compare with,
    /// and not a source of any result.
    pub fabric: Option<fabric::Counters>,
    /// How congestion control changed the rates of QPs, by time; the first
    /// [`TRACE`](crate::transport::reliable::TRACE) changes of each sender.
    pub rates: Vec<RateOfFlow>,
}

impl Trial<'_> {
    /// Whether the trial could be run, as far as can be told without touching a port; and its plan, where the
    /// line rates of all ports are known.
    ///
    /// # Errors
    /// As [`Trial::run`].
    pub fn check(&self) -> Result<Option<Plan>, TrialError> {
        let testbed = &self.sized();
        check_fabric(testbed)?;
        safety::check_devices(&self.pattern.pattern, testbed, self.owned_interfaces)?;
        // Where the speeds are known, so is the plan.
        let Ok(speeds) = speeds(testbed) else { return Ok(None) };
        let plan = plan_of(self.pattern, testbed, &speeds)?;
        safety::check_blast(&plan, testbed)?;
        Ok(Some(plan))
    }

    /// Runs the trial. `stop` ends it early: what was measured by then is in the results, which say
    /// so ([`crate::report::model::Run::interrupted_by`]). `watch` is called before the first frame,
    /// then a few times a second.
    ///
    /// # Errors
    /// [`TrialError::Input`] for what does not go together or is not safe, [`TrialError::Environment`]
    /// for ports that cannot be had, [`TrialError::Stopped`] when `stop` came first; nothing was sent then.
    pub fn run(
        &self,
        session: &mut Session,
        stop: &AtomicBool,
        mut watch: impl FnMut(&Watched<'_>),
    ) -> Result<Measured, TrialError> {
        let testbed = &self.sized();
        check_carried(&self.pattern.pattern, testbed)?;
        let go_on = || match stop.load(Ordering::Relaxed) {
            true => Err(TrialError::Stopped),
            false => Ok(()),
        };
        self.check()?;
        go_on()?;
        let earlier = self.earlier.filter(|_| testbed.fabric.is_none());
        let rest = earlier.map(|earlier| pattern::Loaded {
            pattern: segment::rest(&self.pattern.pattern, Picos(earlier.done_ps)),
            source: self.pattern.source.clone(),
        });
        let loaded = rest.as_ref().unwrap_or(self.pattern);
        let pattern = &loaded.pattern;
        let started = SystemTime::now();
        let clock = Instant::now();
        let of_testbed = self.testbed.source.overrides.iter();
        let mut settings: Vec<String> = of_testbed.map(|set| format!("{}{set}", testbed::PREFIX)).collect();
        settings.extend_from_slice(&self.pattern.source.overrides);
        let mut inputs = Inputs {
            pattern,
            pattern_source: (self.pattern_name, self.pattern.source.sha256()),
            question: loaded.question(),
            testbed,
            testbed_source: self.testbed_name.map(|name| (name, self.testbed.source.sha256())),
            settings: &settings,
            started,
            took: Duration::ZERO,
            calibration: self.calibration,
        };
        let (mut plan, mut running, time) = if let Some(fabric) = &testbed.fabric {
            let plan = plan_of(loaded, testbed, &speeds(testbed)?)?;
            go_on()?;
            let running = Running::Fabric(session.start_fabric(testbed, fabric, &plan)?);
            (plan, running, report::model::Clock::Virtual)
        } else {
            safety::check_present(testbed, self.owned_interfaces)?;
            let lab = session.open(testbed)?;
            go_on()?;
            let mut plan = plan_of(loaded, testbed, lab.speeds())?;
            // On a real network another run may send to the same queue pairs, with the same seed. What a capture holds
            // was crafted, and keeps the word that the plan has of its seed.
            if !testbed.ports.iter().any(|port| port.device.replays()) {
                plan.magic = Magic::new(RandomState::new().hash_one((std::process::id(), started)));
            }
            go_on()?;
            safety::check_blast(&plan, testbed)?;
            safety::check_interfaces(&plan, testbed)?;
            let running = Running::Lab(lab.start(testbed, &plan).map_err(environment)?);
            (plan, running, report::model::Clock::Tsc)
        };
        go_on()?;
        if let Running::Lab(running) = &mut running {
            resolve::next_hops(&mut plan, running, testbed.resolve_timeout, stop).map_err(environment)?;
            go_on()?;
        }
        let mut watching = Watching::new(&inputs, &plan, time, earlier);
        watching.begins(&mut watch);
        let said = |told: &Told| watching.told(&plan, told, &mut watch);
        let outcome = match running {
            Running::Fabric(running) => {
                let core = lab::cores(testbed).0.first().copied().unwrap_or(0);
                virtual_time::run(&plan, running, pattern.icrc_check, core, stop, said)
            }
            Running::Lab(running) => realtime::run(&plan, testbed, running, pattern.icrc_check, stop, said),
        };
        let mut outcome = outcome.map_err(TrialError::Environment)?;
        inputs.took = clock.elapsed();
        let mut results = assemble(&inputs, &plan, &outcome);
        watching.finish(&mut results);
        results.judge(&pattern.expect);
        let mut rates = std::mem::take(&mut outcome.rates);
        rates.sort_by_key(|rate| (rate.change.at, rate.entry, rate.flow));
        Ok(Measured {
            results,
            fabric: outcome.fabric.take(),
            rates,
        })
    }

    /// The testbed with as many fabric hosts as the pattern wants.
    fn sized(&self) -> Testbed {
        self.testbed.testbed.sized(self.pattern.pattern.workers_needed())
    }
}

/// Ports that are started, and what is to run on them.
enum Running {
    Fabric(virtual_lab::Running),
    Lab(lab::Running),
}

/// Whether the fabric of a testbed, if it has one, can have as many hosts as there are ports.
///
/// # Errors
/// [`TrialError::Input`]: headroom that does not fit, a fault at a place that is not there.
pub fn check_fabric(testbed: &Testbed) -> Result<(), TrialError> {
    let Some(config) = &testbed.fabric else { return Ok(()) };
    fabric::check(config, testbed.ports.len()).map_err(|error| TrialError::Input(error.to_string()))
}

/// Whether packets of one QP may come to several receive queues.
fn sprays(entry: &pattern::Entry) -> bool {
    matches!(entry.frame.entropy, Entropy::PerPacket | Entropy::PerMessage)
}

/// Refuses what would be sent otherwise than the pattern says.
fn check_carried(pattern: &pattern::Pattern, testbed: &Testbed) -> Result<(), TrialError> {
    for entry in &pattern.traffic {
        let is_reliable = entry.transport.rc().is_some();
        if is_reliable && sprays(entry) && testbed.ports.iter().any(|port| port.rx_queues > 1) {
            return Err(TrialError::Input(format!(
                "entry `{}` asks for `transport: rc` over several receive queues with a source port that changes within a QP, \
                 which is read and planned, but which no run carries yet",
                entry.name
            )));
        }
    }
    Ok(())
}

fn environment(error: impl std::fmt::Display) -> TrialError {
    TrialError::Environment(error.to_string())
}

/// Line rates of a testbed's ports where DPDK is not asked.
///
/// # Errors
/// A port without `speed`.
pub fn speeds(testbed: &Testbed) -> Result<Vec<BitRate>, TrialError> {
    let missing: Vec<&str> = testbed
        .ports
        .iter()
        .filter(|port| port.speed.is_none())
        .map(|port| port.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(TrialError::Input(format!(
            "without opening ports their line rate is not known: give {} a `speed:` in the testbed",
            missing.join(", ")
        )));
    }
    Ok(testbed.ports.iter().filter_map(|port| port.speed).collect())
}

/// The plan of a pattern on a testbed whose ports have these line rates.
///
/// # Errors
/// [`TrialError::Input`] with everything that does not fit.
pub fn plan_of(pattern: &pattern::Loaded, testbed: &Testbed, speeds: &[BitRate]) -> Result<Plan, TrialError> {
    let plan = plan::build(&pattern.pattern, testbed, speeds).map_err(|errors| does_not_fit(&errors))?;
    check_expected(pattern, &plan)?;
    Ok(plan)
}

/// Whether the ports and queues that `expect` lines name are those of the plan.
fn check_expected(pattern: &pattern::Loaded, plan: &Plan) -> Result<(), TrialError> {
    let ports: Vec<&str> = plan.ports.iter().map(|port| port.name.as_str()).collect();
    let pairs = plan
        .entries
        .iter()
        .flat_map(|entry| entry.pairs.iter().map(|pair| (*pair, entry.class)));
    let queues: BTreeSet<String> = pairs
        .map(|(pair, class)| format!("queues/{}/{class}", plan.ports[plan.arrival_port(pair)].name))
        .collect();
    let queues: Vec<String> = queues.into_iter().collect();
    let lines = pattern.pattern.expect.iter();
    let wrong: Vec<String> = lines
        .filter_map(|line| {
            let finding = line.check_ports(&ports, Some(&queues)).err()?;
            let near = finding
                .suggestion
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let there = finding
                .allowed
                .map_or(String::new(), |there| format!(" (there are {there})"));
            Some(format!("`{}`: {}{near}{there}", line.text, finding.what))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(TrialError::Input(format!(
        "expect does not fit the testbed:\n  {}",
        wrong.join("\n  ")
    )))
}

fn does_not_fit(errors: &[PlanError]) -> TrialError {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    TrialError::Input(format!(
        "the pattern does not fit the testbed:\n  {}",
        lines.join("\n  ")
    ))
}
