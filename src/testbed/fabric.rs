//! `fabric:` the reference fabric that stands at the far end of the ports, and what a switch is
//! said to be configured with. `docs/FABRIC.md` states the fabric's rules.
//!
//! Contract: values are in range; what depends on the number of hosts (a place `host9`, the sum of
//! all headroom) is checked where that number is known.
//!
//! Left out on purpose: behaviour, which is `src/fabric`.

use super::{Device, Port, Testbed, WorkerCount};
use crate::units::{BitRate, Bytes, Picos, Share};

/// Most hosts of a fabric.
pub const MAX_HOSTS: u32 = 512;

/// The reference fabric.
#[derive(Debug, Clone, PartialEq)]
pub struct Fabric {
    /// `topology` with its numbers.
    pub topology: Topology,
    /// `hosts`; `None` (`auto`): as many as the pattern has workers.
    pub hosts: Option<u32>,
    /// `speed` of host links; default 400 Gb/s.
    pub speed: BitRate,
    /// `propagation` of every link, one way; default 50 ns.
    pub propagation: Picos,
    /// `switch`: what every switch is like.
    pub switch: Switch,
    /// `faults`, in the order written.
    pub faults: Vec<Fault>,
}

/// Which switches there are and how they are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// `switch`: one, `switch0`.
    Switch,
    /// `leaf-spine`: every leaf joined with every spine.
    LeafSpine {
        /// `leaves`.
        leaves: u32,
        /// `spines`.
        spines: u32,
        /// `uplink_speed`; default: the host links'.
        uplink_speed: BitRate,
    },
    /// `clos`: pods of leaves and spines, and cores above them. Core c is joined with the
    /// (c mod spines)-th spine of every pod.
    Clos {
        /// `pods`.
        pods: u32,
        /// `leaves` in each pod.
        leaves: u32,
        /// `spines` in each pod.
        spines: u32,
        /// `cores` in all, a multiple of `spines`.
        cores: u32,
        /// `uplink_speed` of every link between switches.
        uplink_speed: BitRate,
    },
}

impl Fabric {
    /// Bandwidth of a leaf's hosts over that of its uplinks, with `hosts` hosts shared out evenly; `None` where
    /// there are no uplinks.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio of rates")]
    pub fn oversubscription(&self, hosts: usize) -> Option<f64> {
        let (uplinks, uplink_speed) = match self.topology {
            Topology::Switch => return None,
            Topology::LeafSpine {
                spines, uplink_speed, ..
            }
            | Topology::Clos {
                spines, uplink_speed, ..
            } => (spines, uplink_speed),
        };
        let leaves = usize::try_from(self.topology.leaves()).unwrap_or(1).max(1);
        let hosts = hosts.div_ceil(leaves);
        let up = f64::from(uplinks) * uplink_speed.0 as f64;
        (up > 0.0).then(|| hosts as f64 * self.speed.0 as f64 / up)
    }
}

impl Topology {
    /// Switches of all tiers.
    #[must_use]
    pub fn switches(&self) -> u32 {
        match *self {
            Topology::Switch => 1,
            Topology::LeafSpine { leaves, spines, .. } => leaves + spines,
            Topology::Clos {
                pods,
                leaves,
                spines,
                cores,
                ..
            } => pods * (leaves + spines) + cores,
        }
    }

    /// Switches to which hosts are joined.
    #[must_use]
    pub fn leaves(&self) -> u32 {
        match *self {
            Topology::Switch => 1,
            Topology::LeafSpine { leaves, .. } => leaves,
            Topology::Clos { pods, leaves, .. } => pods * leaves,
        }
    }
}

/// What every switch of the fabric is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    /// `buffer`: bytes of frames that it holds; default 128 MB.
    pub buffer: Bytes,
    /// `alpha`: a lossy queue may hold alpha × the free shared buffer; default 8.
    pub alpha: f64,
    /// `latency` from a frame's arrival to its egress queue; default 600 ns.
    pub latency: Picos,
    /// `forwarding`; default store-and-forward.
    pub forwarding: Forwarding,
    /// `scheduler` and `weights`; default strict.
    pub scheduler: Scheduler,
    /// `ecn`; `None`: marks nothing.
    pub ecn: Option<EcnConfig>,
    /// `pfc`; `None`: sends no pause.
    pub pfc: Option<PfcConfig>,
}

/// `forwarding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// `store-and-forward`: the latency counts from a frame's last bit.
    StoreAndForward,
    /// `cut-through`: it counts from the first one, unless the frame goes on at a higher rate.
    CutThrough,
}

/// `scheduler`: which class's queue is served next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// `strict`: the highest class first.
    Strict,
    /// `dwrr`: deficit weighted round robin, by bytes, with a weight for each class.
    Dwrr([u8; 8]),
}

/// Marking thresholds of a queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EcnThresholds {
    /// `kmin`: up to this depth nothing is marked.
    pub kmin: Bytes,
    /// `kmax`: above this depth everything is.
    pub kmax: Bytes,
    /// `pmax`: share marked at `kmax`.
    pub pmax: Share,
}

/// `ecn`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EcnConfig {
    /// `kmin`, `kmax`, `pmax`; default 500 KB, `kmin`, 100 %.
    pub thresholds: EcnThresholds,
    /// `at`; default enqueue.
    pub at: MarkAt,
    /// `classes`, bit n for class n; default all.
    pub classes: u8,
}

/// When a queue's depth decides on a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkAt {
    /// `enqueue`: the depth that the frame finds.
    Enqueue,
    /// `dequeue`: the depth that it leaves behind.
    Dequeue,
}

/// Pause thresholds of an ingress port and class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PfcThresholds {
    /// `xoff`: above this many bytes the sender is paused.
    pub xoff: Bytes,
    /// `xon`: at this many or fewer it is resumed.
    pub xon: Bytes,
}

/// `pfc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PfcConfig {
    /// `xoff`, `xon`; default 3 MB, and 1/30 below `xoff`.
    pub thresholds: PfcThresholds,
    /// `headroom` for each ingress port and class, above `xoff`; default 200 KB.
    pub headroom: Bytes,
    /// `classes`, bit n for class n; default class 3.
    pub classes: u8,
}

/// One of `faults`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// `at`: a link (`host0`, `leaf0-spine1`) or a switch (`leaf0`).
    pub at: String,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Often {
    /// `every`: each n-th frame that passes the place.
    Every(u64),
    /// `probability`: each frame by itself.
    Probability(Share),
}

/// What is wrong at a fault's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// `drop`.
    Drop(Often),
    /// `duplicate`: the copy follows the frame at once.
    Duplicate(Often),
    /// `reorder`: the frame is held until `by` later frames of its flow have passed.
    Reorder {
        /// `every` or `probability`.
        often: Often,
        /// `by`.
        by: u32,
    },
    /// `corrupt`: one bit behind the BTH is flipped.
    Corrupt(Often),
    /// `ecn_ignored`: a switch that marks by these thresholds, or not at all, whatever `ecn` says.
    EcnIgnored(Option<EcnThresholds>),
    /// `pfc_ignored`: a switch that carries these classes, bit n for class n, as if `pfc` did not name them.
    PfcIgnored(u8),
    /// `link_down`.
    LinkDown {
        /// `from`.
        from: Picos,
        /// `to`.
        to: Picos,
        /// `detect`: how long routing goes on to use the link; default 0.
        detect: Picos,
    },
    /// `speed`: both ends of the link send at this rate, whatever the fabric's keys say.
    Speed(BitRate),
    /// `stuck_pause`: the first-named end of the link pauses the other without need.
    StuckPause {
        /// `class`.
        class: u8,
        /// `from`.
        from: Picos,
        /// `to`.
        to: Picos,
    },
}

/// What the switch under test is said to be configured with: the fabric's own configuration, or
/// the testbed's `configured`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Configured {
    /// ECN thresholds, where they are known.
    pub ecn: Option<EcnThresholds>,
    /// PFC thresholds, where they are known.
    pub pfc: Option<PfcThresholds>,
    /// Lossless classes, bit n for class n, where they are known.
    pub lossless: Option<u8>,
    /// The token bucket by which it marks, where it marks by one.
    pub meter: Option<Meter>,
}

/// A token bucket that decides which frames are marked (RFC 2697 without an excess burst, MEF 10.3
/// "bandwidth profile"): what finds less than its own size in the bucket is marked and takes
/// nothing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// Committed information rate: the bucket gains tokens at it.
    pub cir: BitRate,
    /// Committed burst size: so many bytes of IP packets are in a full bucket.
    pub cbs: Bytes,
}

impl Testbed {
    /// What the switch is said to be configured with.
    #[must_use]
    pub fn configured(&self) -> Configured {
        self.fabric.as_ref().map_or(self.said, |fabric| Configured {
            ecn: fabric.switch.ecn.map(|ecn| ecn.thresholds),
            pfc: fabric.switch.pfc.map(|pfc| pfc.thresholds),
            lossless: Some(fabric.switch.pfc.map_or(0, |pfc| pfc.classes)),
            meter: None,
        })
    }

    /// The testbed with a port for each host of its fabric, of which there are `workers` where it
    /// does not say. Without a fabric: as it is.
    #[must_use]
    pub fn sized(&self, workers: u32) -> Testbed {
        let mut sized = self.clone();
        if let Some(fabric) = &mut sized.fabric {
            let hosts = fabric.hosts.unwrap_or(workers).clamp(1, MAX_HOSTS);
            fabric.hosts = Some(hosts);
            sized.ports = (0..hosts).map(|host| host_port(host, fabric.speed)).collect();
        }
        sized
    }
}

/// The port of one fabric host.
fn host_port(host: u32, speed: BitRate) -> Port {
    Port {
        name: format!("host{host}"),
        device: Device::Fabric,
        speed: Some(speed),
        workers: WorkerCount::Exactly(1),
        mac: None,
        gateway_mac: None,
        ipv4: None,
        ipv6: None,
        vlan: None,
        loopback: false,
        receive: true,
        announce: false,
        answer: false,
        tx_queues: 1,
        rx_queues: 1,
        descriptors: 1024,
        promiscuous: true,
        pacing: super::Pacing::Auto,
        pfc: super::PfcReaction::Auto,
        timestamps: super::Timestamps::Auto,
    }
}
