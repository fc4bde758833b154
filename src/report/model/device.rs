//! What the device under test says of itself, through a device hook.

use serde::{Deserialize, Serialize};

/// The device's own counters over one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The hook that read them: its file's name, or `fabric` for the reference fabric's own.
    pub hook: String,
    /// What the hook says of the device, in free words.
    pub about: Option<String>,
    /// Its readings, in the hook's order.
    pub readings: Vec<Reading>,
    /// What it could not be trusted in, or does not tell, and why.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A reading that there is none of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The place, as in [`Reading::place`].
    #[serde(rename = "where")]
    pub place: String,
    /// The reading's name.
    pub what: String,
    /// Why there is none.
    pub why: String,
}

/// Counters of one place of the device. What it did not tell is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The place, in the device's words: a port, a queue, the whole switch.
    #[serde(rename = "where")]
    pub place: String,
    /// Buffer that there is.
    #[serde(default)]
    pub buffer_bytes: Option<u64>,
    /// Greatest fill of it.
    #[serde(default)]
    pub buffer_watermark_bytes: Option<u64>,
    /// Frames forwarded.
    #[serde(default)]
    pub frames: Option<u64>,
    /// Frames marked CE.
    #[serde(default)]
    pub ecn_marked_frames: Option<u64>,
    /// Frames dropped.
    #[serde(default)]
    pub dropped_frames: Option<u64>,
    /// PFC frames sent, by priority 0…7.
    #[serde(default)]
    pub pfc_sent_per_class: Option<[u64; 8]>,
    /// PFC frames received, by priority 0…7.
    #[serde(default)]
    pub pfc_received_per_class: Option<[u64; 8]>,
    /// Mean utilisation of the link in the sending direction.
    #[serde(default)]
    pub link_utilization_percent: Option<f64>,
    /// Utilisation of the control plane's processor (draft Table 5).
    #[serde(default)]
    pub cpu_percent: Option<f64>,
    /// Use of memory: the control plane's, or of the fullest table.
    #[serde(default)]
    pub memory_percent: Option<f64>,
    /// Bit error rate that is left after forward error correction.
    #[serde(default)]
    pub post_fec_ber: Option<f64>,
    /// Frames received with a wrong FCS.
    #[serde(default)]
    pub crc_errors: Option<u64>,
    /// Routing adjacencies that went down.
    #[serde(default)]
    pub routing_flaps: Option<u64>,
}
