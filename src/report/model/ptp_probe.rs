//! PTP probes: one-way delays by the NICs' own stamps, beside the traffic.

use serde::{Deserialize, Serialize};

use super::{Distribution, TimeSource};

/// The probes from one port to another in one class of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PtpProbe {
    /// The sending port.
    pub from: String,
    /// The receiving port.
    pub to: String,
    /// VLAN of the outermost tag; none of untagged traffic.
    pub vid: Option<u16>,
    /// Priority of the outermost tag.
    pub pcp: Option<u8>,
    /// What the delays rest on.
    pub source: TimeSource,
    /// Probes handed to the sending port.
    pub sent: u64,
    /// Probes that it did not take.
    pub refused: u64,
    /// Probes that did not arrive.
    pub lost: u64,
    /// Probes that arrived after they had been given up.
    pub late: u64,
    /// Probes that the sending NIC did not stamp.
    pub no_departure: u64,
    /// Probes that the receiving NIC did not stamp.
    pub no_arrival: u64,
    /// Probes whose stamp may be that of another PTP frame.
    pub disturbed: u64,
    /// Probes with a stamp that does not lie between two readings of its clock.
    pub outside: u64,
    /// Probes with both stamps: those of the delays.
    pub stamped: u64,
    /// One-way delay.
    pub delay: Option<Distribution>,
    /// How far all delays may be off together: what relating the two clocks leaves open.
    pub uncertainty_ps: Option<u64>,
    /// How fast the receiver's clock gains on the sender's, in millionths.
    pub drift_ppm: Option<f64>,
    /// Why there is no delay.
    pub why_not: Option<String>,
}
