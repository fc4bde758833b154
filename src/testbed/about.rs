//! What only people know: the draft's System Configuration and Workload Characterization (its section 14)
//! and its Fabric Health Indicators (its Table 5). One table for each, behind the reader, the tables of
//! `docs/TESTBEDS.md` and the reports alike.
//!
//! Contract: what the testbed file does not say is not there, and a report says "not provided". Values are
//! quoted, never interpreted.
//!
//! Left out on purpose: what squall can see for itself (ports, drivers, clocks), which it says itself.

use std::collections::BTreeMap;

use super::keys::TESTBED;
use crate::yaml::form::Line;
use crate::yaml::key::{Declared, Form, Section};
use crate::yaml::read::Fields;

/// A value.
const VALUE: Line = Line::text(500);

/// One thing that the draft asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its key in the testbed file.
    pub key: &'static str,
    /// What it is called, in the draft's words.
    pub title: &'static str,
    /// The draft's threshold, in its words, where it has one.
    pub threshold: Option<&'static str>,
    /// What it means; in the draft's words where it says so.
    pub description: &'static str,
}

const fn asked(key: &'static str, title: &'static str, description: &'static str) -> Asked {
    Asked {
        key,
        title,
        threshold: None,
        description,
    }
}

const fn within(key: &'static str, title: &'static str, threshold: &'static str, description: &'static str) -> Asked {
    Asked {
        key,
        title,
        threshold: Some(threshold),
        description,
    }
}

/// The System Configuration report (draft section 14).
pub const SYSTEM: &[Asked] = &[
    asked(
        "model",
        "Model name",
        "the model whose inference the traffic stands for",
    ),
    asked("parameters", "Parameter count", "its number of parameters"),
    asked(
        "parallelism_prefill",
        "Parallelism strategy, prefill pool",
        "TP, DP, EP and PP of the prefill pool (`TP=8, DP=1, EP=1, PP=1`)",
    ),
    asked(
        "parallelism_decode",
        "Parallelism strategy, decode pool",
        "TP, DP, EP and PP of the decode pool",
    ),
    asked("xpyd", "xPyD ratio", "prefill nodes to decode nodes (`3P9D`)"),
    asked(
        "framework",
        "Inference serving framework",
        "the serving framework, name and version",
    ),
    asked(
        "kv_library",
        "KV cache transfer library",
        "the library that moves KV caches, name and version",
    ),
    asked("accelerator", "Accelerator type", "type of the accelerators"),
    asked("accelerators", "Accelerator count", "how many there are"),
    asked("nic", "NIC type", "type of the NICs"),
    asked("nic_firmware", "NIC firmware version", "their firmware"),
    asked("switch_asic", "Switch ASIC", "the ASIC of the switches"),
    asked("switch_software", "Switch software version", "their software"),
    asked(
        "topology",
        "Fabric topology",
        "the fabric's topology (`two-tier Clos, 4 leaves, 2 spines`)",
    ),
    asked(
        "link_speed",
        "Link speeds",
        "speed of hosts' links and of those between switches",
    ),
];

/// The Workload Characterization report (draft section 14).
pub const WORKLOAD: &[Asked] = &[
    asked(
        "prompt_length",
        "Prompt length distribution",
        "tokens of a prompt: mean, P50, P99, type of distribution",
    ),
    asked(
        "output_length",
        "Output length distribution",
        "tokens of an answer: mean, P50, P99, type of distribution",
    ),
    asked(
        "arrivals",
        "Request arrival rate and distribution",
        "requests a second, and how they come (`20/s, Poisson`)",
    ),
    asked(
        "concurrent_requests",
        "Number of concurrent requests",
        "requests under way at a time",
    ),
    asked(
        "prefix_sharing",
        "Prefix sharing percentage",
        "share of the prompt tokens that requests have in common",
    ),
];

/// The Fabric Health Indicators (draft section 4.4, Table 5).
pub const HEALTH: &[Asked] = &[
    within(
        "switch_cpu",
        "CPU Utilization (switch)",
        "< 30%",
        "Control plane CPU usage on switches under inference traffic load",
    ),
    within(
        "switch_memory",
        "Memory Usage (switch)",
        "< 70%",
        "TCAM, buffer, and control plane memory usage",
    ),
    within(
        "fec",
        "FEC Error Rate",
        "< 1e-12 post-FEC BER",
        "Forward Error Correction effectiveness on fabric links",
    ),
    within(
        "crc_errors",
        "CRC Error Count",
        "0",
        "Layer 2 CRC errors on any fabric link",
    ),
    within(
        "routing",
        "BGP/OSPF Stability",
        "0 flaps",
        "Routing protocol adjacency stability under inference load",
    ),
    within(
        "qp_state",
        "NIC QP State",
        "100% active",
        "All RDMA Queue Pairs in active state (no error/reset)",
    ),
    within(
        "pcie",
        "GPU-NIC PCIe BW",
        "> 90% of theoretical",
        "PCIe Gen5 x16 bandwidth utilization between GPU and NIC",
    ),
];

impl Declared for Asked {
    fn name(&self) -> &'static str {
        self.key
    }
    fn allowed(&self) -> String {
        Form::<String>::allowed(&VALUE)
    }
    fn default(&self) -> String {
        "not provided".to_owned()
    }
    fn doc(&self) -> &'static str {
        self.description
    }
}

/// What the draft asks for, as the keys of a map of this name.
pub struct Table(&'static str, &'static [Asked]);

impl Section for Table {
    fn name(&self) -> &'static str {
        self.0
    }
    fn keys(&'static self) -> Vec<&'static dyn Declared> {
        self.1.iter().map(|asked| asked as &dyn Declared).collect()
    }
}

/// `system`.
pub static SYSTEM_KEYS: Table = Table("system", SYSTEM);

/// `workload`.
pub static WORKLOAD_KEYS: Table = Table("workload", WORKLOAD);

/// `health`.
pub static HEALTH_KEYS: Table = Table("health", HEALTH);

/// All that the draft asks for.
pub const ASKED: [&[Asked]; 3] = [SYSTEM, WORKLOAD, HEALTH];

/// What the testbed file says of all that, by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// `system`, by the keys of [`SYSTEM`].
    pub system: BTreeMap<String, String>,
    /// `workload`, by the keys of [`WORKLOAD`].
    pub workload: BTreeMap<String, String>,
    /// `health`, by the keys of [`HEALTH`].
    pub health: BTreeMap<String, String>,
}

/// Reads the three maps of a testbed.
pub(super) fn read(outer: &Fields<'_>) -> About {
    About {
        system: map(outer, &TESTBED.system, SYSTEM),
        workload: map(outer, &TESTBED.workload, WORKLOAD),
        health: map(outer, &TESTBED.health, HEALTH),
    }
}

fn map(outer: &Fields<'_>, key: &dyn Declared, table: &'static [Asked]) -> BTreeMap<String, String> {
    let fields = outer.map_or_empty(key);
    let value = |asked: &Asked| VALUE.read(fields.at(asked, fields.node(asked)?));
    let said = table.iter().map(|asked| (asked.key.to_owned(), value(asked)));
    said.filter_map(|(key, value)| Some((key, value?))).collect()
}
