//! What was run, and on what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Clock, DutId, TimeSource, Trend};

/// What was run, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The pattern's name.
    pub name: String,
    /// The pattern's file, as named on the command line.
    pub pattern: String,
    /// SHA-256 of that file, in hex.
    pub pattern_sha256: String,
    /// The testbed's file as named; none for the built-in one.
    pub testbed: Option<String>,
    /// SHA-256 of that file.
    pub testbed_sha256: Option<String>,
    /// `--set` arguments, in order.
    pub settings: Vec<String>,
    /// The question that the pattern asks, in its own words.
    #[serde(default)]
    pub question: Option<String>,
    /// The figures that answer it, the most important first, as `[where:] FIGURE[.STATISTIC]`.
    #[serde(default)]
    pub asks: Vec<String>,
    /// Seed of every random choice.
    pub seed: u64,
    /// The clock.
    pub clock: Clock,
    /// What departures and arrivals rest on.
    pub timestamps: TimeSources,
    /// Whether the run meets the draft's conditions for the test that it names.
    pub conforming: bool,
    /// Why not, a sentence each.
    pub nonconformities: Vec<String>,
    /// What is under test.
    pub dut: Dut,
    /// What the draft asks for and only people know.
    #[serde(default)]
    pub about: About,
    /// Bandwidth of a leaf's hosts over that of its uplinks, where the testbed says what they are.
    #[serde(default)]
    pub oversubscription: Option<f64>,
    /// Wall-clock time of the start, RFC 3339 in UTC.
    pub started_at: String,
    /// How long sending was planned to take, where the plan knows it.
    pub planned_duration_ps: Option<u64>,
    /// From the first departure to the last arrival, by the run's clock.
    pub measured_duration_ps: Option<u64>,
    /// By the wall clock, set-up and draining included.
    pub wall_duration_ps: u64,
    /// Whether the run ended before its plan did.
    pub interrupted: bool,
    /// By what.
    pub interrupted_by: Option<String>,
}

/// What the testbed file says of what cannot be seen from outside (`testbed::about` has the keys).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// The draft's System Configuration (its section 14).
    pub system: BTreeMap<String, String>,
    /// Its Workload Characterization.
    pub workload: BTreeMap<String, String>,
    /// Its Fabric Health Indicators (its Table 5).
    pub health: BTreeMap<String, String>,
}

impl From<&crate::testbed::about::About> for About {
    fn from(said: &crate::testbed::about::About) -> About {
        About {
            system: said.system.clone(),
            workload: said.workload.clone(),
            health: said.health.clone(),
        }
    }
}

/// What times rest on, one word for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSources {
    /// Departures.
    pub tx: TimeSource,
    /// Arrivals.
    pub rx: TimeSource,
}

/// The device under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dut {
    /// As in the draft's Table 1.
    pub id: DutId,
    /// What the testbed says about it (vendor, model, version, configuration).
    pub details: BTreeMap<String, String>,
}

impl Dut {
    /// The device under test as the testbed describes it. `dut: {id: DUT-S}` says which of the draft's
    /// it is; without that, `simulated` says what the reference fabric is; and without a fabric, tests
    /// 8.1 and 8.2 are of one switch and all others of a fabric, as the draft has it.
    #[must_use]
    pub fn new(details: &BTreeMap<String, String>, simulated: Option<DutId>, draft: Option<&str>) -> Dut {
        let by_id = details
            .get("id")
            .and_then(|id| DutId::ALL.iter().find(|known| known.name() == id));
        let by_test = if matches!(draft, Some("8.1" | "8.2")) {
            DutId::Switch
        } else {
            DutId::Fabric
        };
        Dut {
            id: by_id.copied().or(simulated).unwrap_or(by_test),
            details: details.clone(),
        }
    }
}

/// On what it was run. Nothing here names the host, a user or a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// squall's version.
    pub squall_version: String,
    /// Git revision that it was built from.
    pub squall_revision: Option<String>,
    /// Compiler.
    pub rustc: Option<String>,
    /// DPDK's version at run time.
    pub dpdk_version: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// CPU model.
    pub cpu_model: Option<String>,
    /// Logical CPUs online.
    pub cpus: Option<u32>,
    /// Frequency of the TSC.
    pub tsc_hz: Option<u64>,
    /// CPUs that TX loops and RX loops were pinned to.
    pub cores: Cores,
    /// The default hugepages; none where the kernel has none.
    pub hugepages: Option<Hugepages>,
    /// Poll mode drivers in use, sorted.
    pub drivers: Vec<String>,
    /// Resident memory of squall's process over the samples of a long run, without its warm-up.
    #[serde(default)]
    pub resident_memory: Option<Trend>,
}

/// CPUs by what ran on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cores {
    /// TX loops.
    pub tx: Vec<u32>,
    /// RX loops.
    pub rx: Vec<u32>,
}

/// Hugepages of the default size, when the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hugepages {
    /// Size of one.
    pub size_bytes: u64,
    /// Reserved.
    pub total: u64,
    /// Not in use.
    pub free: u64,
    /// Whether EAL was started with them.
    pub used: bool,
}
