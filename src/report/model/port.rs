//! What a port sent and received: by our own loops, and by its own counters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PacedBy, PfcReaction, PfcSource, TimeSources};

/// One port. Bytes are those of frames without their FCS; rates are *wire* rates, with preamble,
/// FCS and gap (24 bytes a frame).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Name in the testbed.
    pub name: String,
    /// Poll mode driver.
    pub driver: String,
    /// Device as EAL knows it.
    pub device: String,
    /// Line rate that planning and utilisation go by.
    pub speed_bps: Option<u64>,
    /// Workers behind it.
    pub workers: u32,
    /// What times rest on at this port.
    pub timestamps: TimeSources,
    /// The clock behind its stamps, where that is neither the processor's nor simulated.
    #[serde(default)]
    pub clock: Option<PortClock>,
    /// From the time that a burst's frames bear as their departure to the port's having taken them.
    #[serde(default)]
    pub tx_spread: Option<BurstSpread>,
    /// From the look before to the burst that brought frames: so much earlier may they have come.
    #[serde(default)]
    pub rx_spread: Option<BurstSpread>,
    /// Sent by our loops.
    pub tx: PortTx,
    /// Received by our loops.
    pub rx: PortRx,
    /// What it said to its neighbours, and what it knows of them.
    #[serde(default)]
    pub neighbours: PortNeighbours,
    /// The port's own counters (`rte_eth_stats`).
    pub stats: Option<PortStats>,
    /// The port's extended statistics, those that are not zero.
    pub xstats: BTreeMap<String, u64>,
    /// PFC (IEEE 802.1Qbb) and PAUSE frames.
    pub pfc: PortPfc,
}

/// A clock that is related to the run's by readings of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortClock {
    /// Readings that were used.
    pub readings: u64,
    /// Length of a tick; none when the clock was never related.
    pub tick_ps: Option<f64>,
    /// Its rate against its nominal one, by the TSC; none where it has no nominal one.
    pub drift_ppm: Option<f64>,
    /// How far times told by it may be off, resolution of the stamps included.
    pub uncertainty_ps: Option<u64>,
    /// Frames whose arrival is their stamp's.
    pub stamped: u64,
    /// Frames without a usable stamp.
    pub unstamped: u64,
    /// Stamps later than the burst that brought their frame.
    pub late: u64,
    /// Why no delay may rest on it.
    pub refused: Option<String>,
}

/// How far bursts spread the times of the frames in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurstSpread {
    /// Bursts.
    pub bursts: u64,
    /// Median.
    pub p50_ps: u64,
    /// 99th percentile.
    pub p99_ps: u64,
    /// Greatest.
    pub max_ps: u64,
}

/// Sent by our loops.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PortTx {
    /// Frames that the port took.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were due and that the port never took.
    pub unsent: u64,
    /// Wire rate that the plan asks of this port.
    pub offered_bps: Option<u64>,
    /// Wire rate of what it took, over the time in which it sent.
    pub achieved_bps: Option<u64>,
    /// Who saw to it that frames left at their time.
    #[serde(default)]
    pub paced_by: Option<PacedBy>,
    /// Frames that the NIC was to send at their time and was given none for: they left at once.
    #[serde(default)]
    pub untimed: u64,
}

/// Received by our loops.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PortRx {
    /// Frames of every kind.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames of our flows whose receiver is behind another port.
    pub misdelivered: u64,
    /// RoCEv2 frames that belong to no flow of the plan.
    pub unknown: u64,
    /// Frames to queue pairs of the plan that another run, or another host, has sent.
    #[serde(default)]
    pub strangers: u64,
    /// RoCEv2 frames that cannot be decoded.
    pub malformed: u64,
    /// Congestion notification packets (IBTA annex A17.9.3).
    #[serde(default)]
    pub cnp: u64,
    /// ACKs, NAKs and CNPs that reliable connections of ours took as their own (IBTA 9.7.5.2.1).
    #[serde(default)]
    pub answers: u64,
    /// The same with a wrong ICRC: not heard.
    #[serde(default)]
    pub bad_answers: u64,
    /// READ requests that connections behind the port took as their own.
    #[serde(default)]
    pub read_requests: u64,
    /// Frames that are not RoCEv2 (ARP, LLDP, …).
    pub other: u64,
    /// Wire rate, over the time in which frames arrived.
    pub achieved_bps: Option<u64>,
}

/// What a port said to its neighbours while the run lasted; the frames are among `tx.frames`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortNeighbours {
    /// Where the gateways were found, before the run.
    pub gateways: Vec<Gateway>,
    /// Announcements of workers.
    pub announcements: u64,
    /// Requests for link-layer addresses of workers behind this port (ARP, neighbour discovery), to whichever port they came.
    pub asked: u64,
    /// ARP replies.
    pub arp_replies: u64,
    /// Neighbour advertisements that answer a solicitation.
    pub advertisements: u64,
    /// Echo replies.
    pub echo_replies: u64,
    /// Requests that were not answered because too many came at once, or because there was no room on the way out.
    pub withheld: u64,
    /// Echo requests that were too long to be answered.
    pub too_long: u64,
}

/// A router that a port sends by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its IP address.
    pub address: String,
    /// In which VLAN it answered.
    pub vlan: Option<u16>,
    /// Its MAC address.
    pub mac: String,
}

/// `rte_eth_stats`, since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PortStats {
    /// Frames received.
    pub ipackets: u64,
    /// Frames sent.
    pub opackets: u64,
    /// Bytes received.
    pub ibytes: u64,
    /// Bytes sent.
    pub obytes: u64,
    /// Frames dropped by the port because nobody took them in time.
    pub imissed: u64,
    /// Frames received in error.
    pub ierrors: u64,
    /// Frames not sent because of an error.
    pub oerrors: u64,
    /// Receive buffers that could not be had.
    pub rx_nombuf: u64,
}

/// PFC and PAUSE frames, by priority 0…7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortPfc {
    /// PFC frames sent by our loops that name the class.
    pub sent_per_class: [u64; 8],
    /// PAUSE frames sent by our loops.
    pub pause_sent: u64,
    /// PFC frames received that name the class; none where the port cannot tell.
    pub received_per_class: Option<[u64; 8]>,
    /// PAUSE frames received.
    pub pause_received: Option<u64>,
    /// For how long each class was asked to pause; none where the port cannot tell.
    #[serde(default)]
    pub paused_ps_per_class: Option<[u64; 8]>,
    /// Where the counts of received frames come from.
    pub received_source: Option<PfcSource>,
    /// PFC frames that the MAC sent by itself and that name the class; none where the driver does not
    /// tell.
    #[serde(default)]
    pub mac_sent_per_class: Option<[u64; 8]>,
    /// Who made the port obey those that came.
    #[serde(default)]
    pub reaction: Option<PfcReaction>,
}
