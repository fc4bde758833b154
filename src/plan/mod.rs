//! Pattern × testbed → what leaves which port, when.
//!
//! Contract: pure, seeded and deterministic. Nothing here reads a clock, touches a port or holds
//! packets: a plan of terabytes is a few numbers for each flow, and [`Schedule`](crate::transport::schedule::Schedule) unrolls
//! it one frame at a time, `now` being an argument.
//!
//! Left out on purpose: header bytes (`wire`), and what comes back (`measure`).

pub mod build;
pub mod deal;
pub mod feed;
pub mod hop;
pub mod peer;
pub mod routing;
pub mod segment;
pub mod summary;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::pattern::convergence::Convergence;
use crate::pattern::transport::Transport;
use crate::pattern::{FrameOptions, Start, Verb};
use crate::testbed::Network;
use crate::units::{BitRate, Picos};
use crate::wire::class::Classes;
use crate::wire::stamp::Magic;
pub use build::{PlanError, build};
use deal::Deal;
use feed::Work;
use hop::Neighbour;
use peer::PeerEnd;
use summary::Summary;

/// One endpoint: an address behind a port. Worker numbers count over the testbed's ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Index of its port in [`Plan::ports`].
    pub port: usize,
    /// Its MAC address.
    pub mac: [u8; 6],
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address.
    pub ipv6: Ipv6Addr,
    /// It is a peer and not squall's: the port is the one by which it is reached. A peer has one address; the other is
    /// unspecified.
    pub peer: bool,
}

impl Worker {
    /// Its address of one version.
    #[must_use]
    pub fn address(&self, ipv6: bool) -> IpAddr {
        if ipv6 { self.ipv6.into() } else { self.ipv4.into() }
    }
}

/// What the plan needs to know of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortPlan {
    /// The testbed's name for it.
    pub name: String,
    /// Line rate, MAC bits per second.
    pub speed: BitRate,
    /// Frames sent here come back here.
    pub loopback: bool,
    /// Frames are received here at all.
    pub receive: bool,
    /// Destination MAC of everything sent from here, where the testbed says it.
    pub gateway_mac: Option<[u8; 6]>,
    /// The port's IPv4 network, where it has one of its own.
    pub ipv4: Option<Network<Ipv4Addr>>,
    /// Its IPv6 network.
    pub ipv6: Option<Network<Ipv6Addr>>,
    /// The VLAN of frames whose entry has no tags of its own.
    pub vlan: Option<u16>,
    /// Whether requests for its workers' addresses are answered.
    pub answer: bool,
    /// Who is where on its networks, as far as it has been asked.
    pub neighbours: Vec<Neighbour>,
}

/// Sender and receiver, by worker number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The sending worker.
    pub src: u32,
    /// The receiving worker.
    pub dst: u32,
}

impl Pair {
    /// The way back.
    #[must_use]
    pub const fn back(self) -> Pair {
        Pair {
            src: self.dst,
            dst: self.src,
        }
    }
}

/// How fast one lane may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the port takes frames.
    Unlimited,
    /// This many bits per second on the wire, preamble, FCS and gap included.
    Wire(BitRate),
}

/// A lane is what one pace governs: the frames that one sender sends for one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanePlan {
    /// The sending worker.
    pub worker: u32,
    /// First of its pairs, index into [`EntryPlan::pairs`].
    pub first_pair: u32,
    /// Number of its pairs.
    pub pairs: u32,
    /// Its pace.
    pub pace: Pace,
}

/// One traffic entry, placed on workers.
#[derive(Debug, Clone)]
pub struct EntryPlan {
    /// The pattern's name for it.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// When it begins.
    pub start: Start,
    /// No message begins later than this after the entry began.
    pub duration: Option<Picos>,
    /// Header fields.
    pub frame: FrameOptions,
    /// Class in which the network has its frames; [`Plan::classes`] says the same of their bytes.
    pub class: u8,
    /// How its messages are carried.
    pub verb: Verb,
    /// Ordered pairs of workers; those of one lane stand together.
    pub pairs: Vec<Pair>,
    /// QPs of each pair.
    pub qps: u32,
    /// Each message is cut over all of them.
    pub split: bool,
    /// Number of the first flow; flow = `first_flow + pair · qps + qp`.
    pub first_flow: u32,
    /// Destination QPN of the first flow; the others follow.
    pub first_qpn: u32,
    /// Its lanes.
    pub lanes: Vec<LanePlan>,
    /// Its messages.
    pub work: Work,
    /// How the packets of its QPs are carried.
    pub transport: Transport,
    /// What is known of the peer at one of its ends; `None`: both are squall's.
    pub peer: Option<PeerEnd>,
    /// The VLAN of its one tag is the sending port's ([`Plan::tags`]).
    pub port_vlan: bool,
}

impl EntryPlan {
    /// The lanes that send what it counts: all but the one that holds a probe's queue.
    pub fn sending_lanes(&self) -> impl Iterator<Item = &LanePlan> {
        self.lanes.iter().filter(|lane| lane.pairs > 0 || self.pairs.is_empty())
    }

    /// The worker whose port holds a probe's queue.
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        let holds = |lane: &&LanePlan| lane.pairs == 0 && !self.pairs.is_empty();
        self.lanes.iter().find(holds).map(|lane| lane.worker)
    }

    /// The worker that asks for what a lane sends, where its messages are READs: the one that receives them.
    #[must_use]
    pub fn asker(&self, lane: &LanePlan) -> u32 {
        self.pairs
            .get(lane.first_pair as usize)
            .map_or(lane.worker, |pair| pair.dst)
    }

    /// How its messages are dealt to the QPs of a pair.
    #[must_use]
    pub const fn deal(&self) -> Deal {
        Deal {
            qps: self.qps,
            split: self.split,
        }
    }

    /// Number of its flows (QPs).
    #[must_use]
    pub fn flows(&self) -> u32 {
        u32::try_from(self.pairs.len()).unwrap_or(u32::MAX) * self.qps
    }
}

/// Everything that a run will send.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seed of every random choice.
    pub seed: u64,
    /// What the stamps of its frames begin with: of the seed, until a run on a real network draws its own.
    pub magic: Magic,
    /// No message begins after this time.
    pub duration: Option<Picos>,
    /// What happened is told apart in intervals of this length.
    pub sample: Option<Picos>,
    /// How long rates take to settle is asked.
    pub convergence: Option<Convergence>,
    /// All workers, by number.
    pub workers: Vec<Worker>,
    /// All ports, in the testbed's order.
    pub ports: Vec<PortPlan>,
    /// All entries, in the pattern's order.
    pub entries: Vec<EntryPlan>,
    /// In which class the network has which frames.
    pub classes: Classes,
}

impl Plan {
    /// Number of flows of all entries.
    #[must_use]
    pub fn flows(&self) -> u32 {
        self.entries.iter().map(EntryPlan::flows).sum()
    }

    /// Ports behind which sender and receiver of some pair both are, and from which nothing comes
    /// back by itself: a switch does not return a frame to where it came from.
    #[must_use]
    pub fn hairpins(&self) -> Vec<usize> {
        let pairs = self.entries.iter().flat_map(|entry| &entry.pairs);
        let port = |worker: u32| self.workers[worker as usize].port;
        let same = pairs
            .filter(|pair| port(pair.src) == port(pair.dst) && !self.is_with_peer(**pair))
            .map(|pair| port(pair.src));
        let mut ports: Vec<usize> = same
            .filter(|port| !self.ports[*port].loopback && self.ports[*port].receive)
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Ports that are to receive more than they carry, although the ports that send to them carry together
    /// no more than that: what waits, waits at the senders, and nothing queues up on the way.
    #[must_use]
    pub fn not_gathered(&self, summary: &Summary) -> Vec<usize> {
        let ports = self.ports.iter().zip(&summary.ports).enumerate();
        ports
            .filter(|(_, (port, own))| own.wanted_rx > port.speed.0 && own.carried_rx <= port.speed.0)
            .filter(|(_, (port, _))| !port.loopback)
            .map(|(index, _)| index)
            .collect()
    }

    /// What the ports that send to each port carry together, bit/s.
    fn carried_to(&self) -> Vec<u64> {
        let mut senders = vec![BTreeSet::new(); self.ports.len()];
        let pairs = self.entries.iter().flat_map(|entry| &entry.pairs);
        for pair in pairs.filter(|pair| !self.is_with_peer(**pair)) {
            senders[self.arrival_port(*pair)].insert(self.workers[pair.src as usize].port);
        }
        let together = |ports: &BTreeSet<usize>| {
            let speeds = ports.iter().map(|port| self.ports[*port].speed.0);
            speeds.fold(0, u64::saturating_add)
        };
        senders.iter().map(together).collect()
    }

    /// Whether one of a pair is a peer.
    #[must_use]
    pub fn is_with_peer(&self, pair: Pair) -> bool {
        self.workers[pair.src as usize].peer || self.workers[pair.dst as usize].peer
    }

    /// The port on which frames of `pair` are expected back; of a pair with a peer the one by which that is reached.
    #[must_use]
    pub fn arrival_port(&self, pair: Pair) -> usize {
        let sender = self.workers[pair.src as usize].port;
        if self.ports[sender].loopback {
            sender
        } else {
            self.workers[pair.dst as usize].port
        }
    }

    /// The largest frame that any entry sends, in bytes without FCS.
    #[must_use]
    pub fn max_frame_len(&self) -> usize {
        self.entries
            .iter()
            .map(|entry| entry.frame.max_frame_len())
            .max()
            .unwrap_or(60)
    }
}

/// A well-mixed 64-bit hash of `value` (the finaliser of SplitMix64): seeds and entropy ports.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
pub(crate) mod tests;
