//! The result model, `"schema":"squall.results/1"`: plain values with public fields, in the order in
//! which they are written.
//!
//! Contract: keys are snake_case and carry their unit (`_ps`, `_bps`, `_bytes`), except inside a
//! [`Distribution`], which states its unit once; words chosen from a list are kebab-case. Version 1
//! may gain fields and words; none changes its meaning or goes away without a new version.
//!
//! Left out on purpose: how the values come about (`measure`), and derived ones (`kpi`, `stats`).

mod against;
mod calibration;
mod convergence;
mod device;
mod expected;
mod inferred;
mod interval;
mod names;
mod port;
mod ptp_probe;
mod reliable;
mod run;
mod sample;
mod soak;
mod traffic;

use serde::{Deserialize, Serialize};

use crate::units::Picos;

pub use against::*;
pub use calibration::*;
pub use convergence::*;
pub use device::*;
pub use expected::*;
pub use inferred::*;
pub use interval::*;
pub use names::*;
pub use port::*;
pub use ptp_probe::*;
pub use reliable::{InError, Reads, Reliable, Requester, Responder};
pub use run::*;
pub use sample::*;
pub use soak::*;
pub use traffic::*;

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "squall.results/1";

/// Everything about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was run, and how.
    pub run: Run,
    /// On what.
    pub environment: Environment,
    /// Every port, in the testbed's order.
    pub ports: Vec<Port>,
    /// PTP probes beside the traffic, by path and class; empty where no ports stamp them.
    #[serde(default)]
    pub ptp_probes: Vec<PtpProbe>,
    /// Every traffic entry, in the pattern's order.
    pub traffic: Vec<Traffic>,
    /// The draft's KPIs, as far as they can be told from outside the DUT.
    pub kpis: Vec<Kpi>,
    /// What the DUT does, read from outside.
    #[serde(default)]
    pub inferred: Inferred,
    /// Whatever a reader must know before trusting the figures.
    pub anomalies: Vec<Anomaly>,
    /// What the instrument adds of its own on this testbed, where that was measured.
    #[serde(default)]
    pub calibration: Option<Budget>,
    /// What the device under test says of itself, through a hook.
    #[serde(default)]
    pub device: Option<Device>,
    /// When rates had settled, where the pattern asks.
    #[serde(default)]
    pub convergence: Option<Convergence>,
    /// What the samples of a long run come to, where it was sampled.
    #[serde(default)]
    pub soak: Option<Soak>,
    /// What became of the `expect` lines.
    #[serde(default)]
    pub expectations: Vec<Expected>,
}

impl Results {
    /// For how long PFC asked a port that sends `entry` to pause the entry's class, the longest of them.
    #[must_use]
    pub fn paused(&self, entry: &Traffic) -> Picos {
        let class = entry.parameters.get("class").and_then(serde_json::Value::as_u64);
        let class = class.and_then(|class| usize::try_from(class).ok());
        let paused = |port: &Port| -> Option<u64> { port.pfc.paused_ps_per_class?.get(class?).copied() };
        Picos(self.senders_of(entry).filter_map(paused).max().unwrap_or(0))
    }

    /// Whether a port that sends `entry` had more to send than its line rate.
    #[must_use]
    pub fn is_overbooked(&self, entry: &Traffic) -> bool {
        self.senders_of(entry).any(|port| port.tx.offered_bps > port.speed_bps)
    }

    fn senders_of<'a>(&'a self, entry: &'a Traffic) -> impl Iterator<Item = &'a Port> {
        self.ports.iter().filter(|port| entry.tx_ports.contains(&port.name))
    }

    /// Puts a run's results together: computes the KPIs and looks for contradictions, which follow
    /// those that the caller `found` itself.
    #[must_use]
    pub fn new(
        mut run: Run,
        environment: Environment,
        ports: Vec<Port>,
        traffic: Vec<Traffic>,
        inferred: Inferred,
        convergence: Option<Convergence>,
        found: Vec<Anomaly>,
    ) -> Results {
        run.conforming = run.nonconformities.is_empty();
        let mut results = Results {
            schema: SCHEMA.to_owned(),
            run,
            environment,
            ports,
            ptp_probes: Vec::new(),
            traffic,
            kpis: Vec::new(),
            inferred,
            anomalies: found,
            calibration: None,
            device: None,
            convergence,
            soak: None,
            expectations: Vec::new(),
        };
        results.kpis = super::kpi::of(&results);
        let detected = super::anomaly::detect(&results);
        results.anomalies.extend(detected);
        results
    }

    /// Adds what the samples of the run come to, the KPIs that follow from it, and what grew. `resident` is
    /// the trend of squall's own memory.
    pub fn add_soak(&mut self, soak: Soak, resident: Option<Trend>) {
        self.environment.resident_memory = resident;
        let grown = super::anomaly::growths(&soak);
        self.anomalies.extend(grown);
        self.soak = Some(soak);
    }

    /// Adds what the device says of itself, and the KPIs that follow from it.
    pub fn add_device(&mut self, device: Device) {
        let dut = self.run.dut.id;
        let test = self.kpis.first().and_then(|kpi| kpi.test.clone());
        let kpis = device
            .readings
            .iter()
            .flat_map(|reading| super::kpi::of_reading(reading, dut, test.as_deref()));
        self.kpis.extend(kpis);
        self.kpis
            .extend(super::kpi::of_device(&device.readings, dut, test.as_deref()));
        self.device = Some(device);
    }
}

/// One figure that the draft names (its section 4), or squall's own of the same kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kpi {
    /// Name as in the draft.
    pub name: String,
    /// Unit of `value` and `ci95`.
    pub unit: String,
    /// Which statistic of the figure.
    pub statistic: Statistic,
    /// The value; of several trials, their mean.
    pub value: Option<f64>,
    /// 95 % interval: the reading's own, where it has one; over several trials that of the mean (Student's t),
    /// widened at each end by the readings' own ([`stats::over_trials`](super::stats::over_trials)).
    pub ci95: Option<Interval>,
    /// Number of trials behind `value`.
    pub trials: u32,
    /// What was under test (draft Table 1).
    pub dut: DutId,
    /// The draft's test, as "Test 8.1".
    pub test: Option<String>,
    /// What it is a figure of: `run`, `ports/<name>` or `traffic/<name>`; `device/<where>` of what the
    /// device under test says itself.
    #[serde(rename = "where")]
    pub place: String,
    /// Short definition.
    pub definition: String,
}

/// Something that a reader must know before trusting the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Its kind.
    pub kind: AnomalyKind,
    /// What was seen, as a sentence.
    pub text: String,
    /// Where: `run`, `ports/<name>`, `traffic/<name>`, `queues/<port>/<class>`, `paths/<from>-<to>`,
    /// `switches/<name>`, `links/<leaf>-spines` or `dut`.
    #[serde(rename = "where")]
    pub place: String,
    /// Frames that it is about, where it is about frames.
    #[serde(default)]
    pub frames: Option<u64>,
    /// What it most likely means.
    #[serde(default)]
    pub means: String,
    /// What to look at next.
    #[serde(default)]
    pub next: String,
}

impl Anomaly {
    /// One of `kind` at `place`, with what such a thing most likely means and what to look at next.
    #[must_use]
    pub fn new(kind: AnomalyKind, place: impl Into<String>, text: impl Into<String>) -> Anomaly {
        let (means, next) = super::anomaly::advice::of(kind);
        Anomaly {
            kind,
            text: text.into(),
            place: place.into(),
            frames: None,
            means: means.to_owned(),
            next: next.to_owned(),
        }
    }

    /// The same, about so many frames.
    #[must_use]
    pub fn of_frames(self, frames: u64) -> Anomaly {
        Anomaly {
            frames: Some(frames),
            ..self
        }
    }
}
