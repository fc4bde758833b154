//! What the fabric counted: the truth that squall's readings are compared with, and that its
//! analyser never sees.
//!
//! Contract: plain numbers, times in picoseconds and sizes in bytes, in an order that follows from
//! the topology; two equal runs give equal counters.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::port::{CLASSES, Owner, Port, Tally};
use super::{Fabric, Frame};

/// Causes of loss.
pub const CAUSES: usize = 7;

/// Everything that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// When.
    pub time_ps: u64,
    /// Data frames that hosts sent.
    pub frames_sent: u64,
    /// Data frames that hosts received.
    pub frames_received: u64,
    /// Data frames lost, by cause.
    pub lost: Drops,
    /// Data frames that planted faults added.
    pub frames_duplicated: u64,
    /// Data frames inside.
    pub frames_inside: u64,
    /// The planted faults, in the testbed's order.
    pub faults: Vec<FaultCounters>,
    /// The hosts' NICs.
    pub hosts: Vec<PortCounters>,
    /// The switches.
    pub switches: Vec<SwitchCounters>,
}

/// Name of the file that holds them, beside a run's results.
pub const FILE_NAME: &str = "fabric.json";

impl Counters {
    /// As JSON text: indented, ending in a newline, the same for the same counters.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers, lists and names only: there is nothing that could not be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// A planted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCounters {
    /// Its place.
    pub at: String,
    /// Its key in the testbed.
    pub fault: Cow<'static, str>,
    /// Frames that it struck; of a link that is down, frames that it lost.
    pub frames: u64,
}

/// Frames lost, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Drops {
    /// The queue was at its dynamic threshold.
    pub threshold: u64,
    /// The shared buffer was full.
    pub buffer: u64,
    /// A lossless class had used up its headroom.
    pub headroom: u64,
    /// Nobody has the destination address, or no way leads there.
    pub no_route: u64,
    /// The link was down.
    pub link_down: u64,
    /// A planted fault dropped them.
    pub planted: u64,
    /// There was no memory to corrupt them in.
    pub no_memory: u64,
}

impl Drops {
    fn add(&mut self, counts: &[u64; CAUSES]) {
        let [threshold, buffer, headroom, no_route, link_down, planted, no_memory] = counts;
        self.threshold += threshold;
        self.buffer += buffer;
        self.headroom += headroom;
        self.no_route += no_route;
        self.link_down += link_down;
        self.planted += planted;
        self.no_memory += no_memory;
    }

    /// Over all causes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.threshold + self.buffer + self.headroom + self.no_route + self.link_down + self.planted + self.no_memory
    }
}

/// A switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchCounters {
    /// Its name.
    pub name: String,
    /// Buffer that is not reserved as headroom.
    pub shared_bytes: u64,
    /// Most of that in use.
    pub max_shared_bytes: u64,
    /// Most headroom in use.
    pub max_headroom_bytes: u64,
    /// Its ports.
    pub ports: Vec<PortCounters>,
}

/// A port of a switch, or a NIC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortCounters {
    /// Who is at the other end: a host or a switch.
    pub to: String,
    /// Bits per second.
    pub speed_bps: u64,
    /// Of a link between switches: different five-tuples that left here, up to 65,536.
    pub flows: Option<u64>,
    /// MAC control frames other than PFC that came in.
    pub control_ignored: u64,
    /// Classes in which anything was counted.
    pub classes: Vec<ClassCounters>,
}

/// A port's class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCounters {
    /// The class.
    pub class: u8,
    /// Data frames that came in here.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Data frames that left here.
    pub sent_frames: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Frames that this port's queue marked.
    pub marked_frames: u64,
    /// Frames lost: at their egress where a queue or the buffer was full, else where they came in.
    pub lost: Drops,
    /// Their bytes.
    pub lost_bytes: u64,
    /// Greatest depth of the queue that leads out here.
    pub max_depth_bytes: u64,
    /// Most bytes in the switch that had come in here.
    pub max_ingress_bytes: u64,
    /// PFC frames that paused this class, sent from here.
    pub xoff_sent: u64,
    /// PFC frames that resumed it, sent from here.
    pub xon_sent: u64,
    /// Time from an XOFF's leaving to the XON's, summed.
    pub pause_sent_ps: u64,
    /// PFC frames that paused this class, received.
    pub xoff_received: u64,
    /// PFC frames that resumed it, received.
    pub xon_received: u64,
    /// Time for which this port might not send the class.
    pub pause_received_ps: u64,
    /// True depth over time.
    pub depth: Option<DepthSeries>,
}

/// A queue's depth over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthSeries {
    /// Length of each window.
    pub window_ps: u64,
    /// Mean depth in each window but the last, from time 0 on.
    pub mean_bytes: Vec<u64>,
    /// Greatest depth in each window, from time 0 on.
    pub max_bytes: Vec<u64>,
}

impl<F: Frame> Fabric<F> {
    /// Everything that was counted up to now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut lost = Drops::default();
        for tally in self.ports.iter().flat_map(|port| &port.tally) {
            lost.add(&tally.dropped);
        }
        Counters {
            time_ps: self.now,
            frames_sent: self.frames_sent,
            frames_received: self.frames_received,
            lost,
            frames_duplicated: self.faults.copies,
            frames_inside: self.inside,
            faults: self.faults.counters(),
            hosts: self.ports.iter().take(self.hosts).map(|port| self.port(port)).collect(),
            switches: self
                .switches
                .iter()
                .map(|switch| SwitchCounters {
                    name: switch.name.clone(),
                    shared_bytes: switch.shared,
                    max_shared_bytes: switch.max_used,
                    max_headroom_bytes: switch.max_headroom,
                    ports: self
                        .ports
                        .iter()
                        .skip(switch.first_port as usize)
                        .take(switch.ports as usize)
                        .map(|port| self.port(port))
                        .collect(),
                })
                .collect(),
        }
    }

    fn port(&self, port: &Port) -> PortCounters {
        let to = match self.ports[port.peer as usize].owner {
            Owner::Host(host) => format!("host{host}"),
            Owner::Switch(switch) => self.switches[switch as usize].name.clone(),
        };
        PortCounters {
            to,
            speed_bps: port.rate().0,
            flows: port.flows.as_ref().map(|flows| flows.count()),
            control_ignored: port.control_ignored,
            classes: (0_u8..)
                .take(CLASSES)
                .filter_map(|class| self.class(port, class))
                .collect(),
        }
    }

    fn class(&self, port: &Port, class: u8) -> Option<ClassCounters> {
        let index = usize::from(class);
        let tally: &Tally = &port.tally[index];
        let bit = 1 << class;
        let mut lost = Drops::default();
        lost.add(&tally.dropped);
        let touched = tally.received_frames
            | tally.sent_frames
            | lost.total()
            | tally.xoff_sent
            | tally.xoff_received
            | tally.max_depth
            | u64::from(tally.xon_received > 0);
        if touched == 0 {
            return None;
        }
        let running = |active: u8, since: u64| if active & bit != 0 { self.now - since } else { 0 };
        let (window_ps, points) = port.queues[index].series.points();
        Some(ClassCounters {
            class,
            received_frames: tally.received_frames,
            received_bytes: tally.received_bytes,
            sent_frames: tally.sent_frames,
            sent_bytes: tally.sent_bytes,
            marked_frames: tally.marked,
            lost,
            lost_bytes: tally.dropped_bytes,
            max_depth_bytes: tally.max_depth,
            max_ingress_bytes: tally.max_ingress,
            xoff_sent: tally.xoff_sent,
            xon_sent: tally.xon_sent,
            pause_sent_ps: tally.holding + running(port.announced, port.announced_since[index]),
            xoff_received: tally.xoff_received,
            xon_received: tally.xon_received,
            pause_received_ps: tally.held + running(port.held, port.held_since[index]),
            depth: (!points.is_empty()).then(|| DepthSeries {
                window_ps,
                max_bytes: points.to_vec(),
                mean_bytes: port.queues[index].series.means(),
            }),
        })
    }
}
