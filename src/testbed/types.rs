//! The testbed's types. `docs/TESTBEDS.md` describes each key.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::about::About;
use super::{Configured, Fabric, Peer};
use crate::devargs;
use crate::units::{BitRate, Bytes, Picos};
use crate::wire::class::Maps;

/// A whole testbed file.
#[derive(Debug, Clone, PartialEq)]
pub struct Testbed {
    /// `name`; the file's stem when the file does not say.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `isolated`: nothing but the test hangs on this network (RFC 6815); PFC frames to a real
    /// device and line-rate blasts need it.
    pub isolated: bool,
    /// `eal`.
    pub eal: EalOptions,
    /// `cores`.
    pub cores: Cores,
    /// `addresses`.
    pub addresses: Addresses,
    /// `announce_interval`: ports that announce their workers do it again so often; zero: once, before the
    /// traffic.
    pub announce_interval: Picos,
    /// `resolve_timeout`: so long are gateways asked for before the traffic.
    pub resolve_timeout: Picos,
    /// `ports`: at least one, names distinct; none yet where a fabric has not been
    /// [sized](Testbed::sized).
    pub ports: Vec<Port>,
    /// `peers`: distinct names, workers and addresses; none with a fabric.
    pub peers: Vec<Peer>,
    /// `fabric`, in place of `ports`.
    pub fabric: Option<Fabric>,
    /// `dscp_to_priority`, `pcp_to_priority` and `trust`: by what the network puts frames into classes.
    pub classes: Maps,
    /// `configured`; [`Testbed::configured`] also knows the fabric's.
    pub said: Configured,
    /// `calibration`: file of `squall calibrate`, from the testbed's folder; `None`: the one beside it.
    pub calibration: Option<String>,
    /// `dut`: free text about the device under test, for the report.
    pub dut: BTreeMap<String, String>,
    /// `system`, `workload` and `health`: what the draft asks for and only people know.
    pub about: About,
}

/// `eal`: how DPDK's environment abstraction layer starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EalOptions {
    /// `hugepages`.
    pub hugepages: Hugepages,
    /// `memory`: bytes that EAL may take; default 512 MiB, with a fabric 2 GiB.
    pub memory: Bytes,
    /// `file_prefix`: `None` gives each process one of its own.
    pub file_prefix: Option<String>,
    /// `telemetry`: default true.
    pub telemetry: bool,
    /// `extra_args`: passed to EAL as they are.
    pub extra_args: Vec<String>,
}

/// Whether EAL uses hugepages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hugepages {
    /// `auto` (default): if enough of them are there and mounted.
    Auto,
    /// `required`.
    Required,
    /// `none`: `--no-huge`.
    None,
}

/// `cores`: which CPU cores run which loops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cores {
    /// `auto` (default): one TX core and one RX core where there are two, one for both otherwise.
    Auto,
    /// `tx: [2, 3]`, `rx: [4]`. A core in both lists runs both loops in turn.
    Lists {
        /// Cores of TX loops.
        tx: Vec<usize>,
        /// Cores of RX loops.
        rx: Vec<usize>,
    },
}

/// `addresses`: worker w has the w-th host address of each prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// `ipv4`: first address and prefix length; default 198.18.0.1/15 (RFC 2544 C.2.2).
    pub ipv4: (Ipv4Addr, u8),
    /// `ipv6`; default 2001:2::1/48 (RFC 5180 section 8).
    pub ipv6: (Ipv6Addr, u8),
}

/// One DPDK port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// `name`: distinct; default `port<index>`.
    pub name: String,
    /// `device`: what EAL is to open.
    pub device: Device,
    /// `speed`: line rate to plan and pace with; `None`: what the port's link says.
    pub speed: Option<BitRate>,
    /// `workers` behind this port.
    pub workers: WorkerCount,
    /// `mac` of the port's first worker (worker i: last three bytes + i); `None`:
    /// 02:00:00:00:00:00 + worker number + 1.
    pub mac: Option<[u8; 6]>,
    /// `gateway_mac`: destination MAC of every frame sent from here (a routed DUT); `None`: the
    /// receiving worker's, or that of the gateway, which is asked.
    pub gateway_mac: Option<[u8; 6]>,
    /// The IPv4 ones of `address` and `gateway`; `None`: `addresses` counts here.
    pub ipv4: Option<Network<Ipv4Addr>>,
    /// The IPv6 ones.
    pub ipv6: Option<Network<Ipv6Addr>>,
    /// `vlan`: of frames whose entry has no tags of its own.
    pub vlan: Option<u16>,
    /// `loopback`: frames sent here come back here (net_ring by name, a looped cable). Default
    /// true for net_ring, false otherwise.
    pub loopback: bool,
    /// `receive`: default true; false for net_null.
    pub receive: bool,
    /// `announce`: send a gratuitous ARP / unsolicited neighbour advertisement for each worker
    /// before the traffic, so that bridges learn. Default: true for af_packet, pcap, memif and
    /// PCI, false for net_null and net_ring.
    pub announce: bool,
    /// `answer`: whether ARP requests, neighbour solicitations and echo requests for the workers are answered. Default:
    /// where the port receives, as `announce`.
    pub answer: bool,
    /// `queues`: TX queues of this port; `None`: one.
    pub tx_queues: u16,
    /// `rx_queues`; default 1. More than one spreads by RSS.
    pub rx_queues: u16,
    /// `descriptors`: ring size asked for, both directions; default 1024.
    pub descriptors: u16,
    /// `promiscuous`: default true.
    pub promiscuous: bool,
    /// `pacing`.
    pub pacing: Pacing,
    /// `pfc`.
    pub pfc: PfcReaction,
    /// `timestamps`: default auto.
    pub timestamps: Timestamps,
}

/// A port's network: what is reached without a router, and by which router the rest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network<A> {
    /// Address of the port's first worker; the others follow, the gateway's left out.
    pub first: A,
    /// Length of the prefix.
    pub prefix: u8,
    /// The router.
    pub gateway: Option<A>,
}

/// An address as a number of so many bits, at the upper end of 128.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

impl<A: Copy + Into<IpAddr>> Network<A> {
    /// Whether `address`, of the same version, is on this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differs = bits(self.first.into()) ^ bits(address);
        differs.leading_zeros() >= u32::from(self.prefix)
    }
}

impl Network<Ipv4Addr> {
    /// The address of the port's worker `index`; `None` where the network has none left for it. The last one of a network
    /// is its broadcast address, unless it is as small as a point-to-point link (RFC 3021).
    #[must_use]
    pub fn address(&self, index: u32) -> Option<Ipv4Addr> {
        let at = |index: u32| u32::from(self.first).checked_add(index).map(Ipv4Addr::from);
        let skip = self
            .gateway
            .is_some_and(|gateway| gateway >= self.first && Some(gateway) <= at(index));
        let address = at(index.checked_add(u32::from(skip))?)?;
        let host = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        let is_broadcast = self.prefix < 31 && u32::from(address) & host == host;
        (self.contains(address.into()) && !is_broadcast).then_some(address)
    }
}

impl Network<Ipv6Addr> {
    /// The same for IPv6, which has no broadcast.
    #[must_use]
    pub fn address(&self, index: u32) -> Option<Ipv6Addr> {
        let at = |index: u32| {
            u128::from(self.first)
                .checked_add(u128::from(index))
                .map(Ipv6Addr::from)
        };
        let skip = self
            .gateway
            .is_some_and(|gateway| gateway >= self.first && Some(gateway) <= at(index));
        let address = at(index.checked_add(u32::from(skip))?)?;
        self.contains(address.into()).then_some(address)
    }
}

/// `pacing`: who sees to it that frames leave at their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// `auto` (default): the NIC where it can, else the loop.
    Auto,
    /// `software`: the loop.
    Software,
    /// `nic`: the NIC (SEND_ON_TIMESTAMP).
    Nic,
}

/// `pfc`: who makes a port obey the PFC and PAUSE frames that come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PfcReaction {
    /// `auto` (default): the NIC where its driver can be told to, else the loop; nobody where the port
    /// is looped back or does not receive.
    Auto,
    /// `nic`.
    Nic,
    /// `software`: the loop.
    Software,
    /// `ignore`: nobody.
    Ignore,
}

/// `timestamps`: what the times of a port's frames are to rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timestamps {
    /// `auto` (default): the best that the port has.
    #[default]
    Auto,
    /// `nic`: the NIC stamps every frame.
    Nic,
    /// `ptp-probe`: the NIC stamps PTP frames, which are sent between the traffic's.
    PtpProbe,
    /// `kernel`: the kernel stamps every frame.
    Kernel,
    /// `software`: the processor's clock at the burst.
    Software,
}

impl Timestamps {
    /// Every choice with its word.
    pub const WORDS: [(&'static str, Timestamps); 5] = [
        ("auto", Timestamps::Auto),
        ("nic", Timestamps::Nic),
        ("ptp-probe", Timestamps::PtpProbe),
        ("kernel", Timestamps::Kernel),
        ("software", Timestamps::Software),
    ];
}

/// How many workers stand behind a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerCount {
    /// `auto` (default): what the pattern asks for, shared evenly over the `auto` ports in
    /// contiguous blocks.
    Auto,
    /// A number, at least 1.
    Exactly(u32),
    /// `senders`: of what the pattern asks for, workers that only send; shared as above with other
    /// ports that take them.
    Senders,
    /// `receivers`: those that only receive.
    Receivers,
}

impl WorkerCount {
    /// The words.
    pub(super) const WORDS: [(&str, WorkerCount); 3] = [
        ("auto", WorkerCount::Auto),
        ("senders", WorkerCount::Senders),
        ("receivers", WorkerCount::Receivers),
    ];

    /// The number that is said; 0 where it is left to the pattern.
    #[must_use]
    pub fn number(self) -> u32 {
        if let WorkerCount::Exactly(number) = self {
            number
        } else {
            0
        }
    }

    /// Whether it is a role, by which workers are then placed on all ports.
    #[must_use]
    pub fn is_role(self) -> bool {
        matches!(self, WorkerCount::Senders | WorkerCount::Receivers)
    }
}

/// `device`: a vdev with its arguments, a PCI address, or a host of the fabric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// `net_null0,no-rx=1` and the like: passed to EAL as `--vdev`.
    Vdev {
        /// Driver: `net_null`, `net_ring`, `net_af_packet`, `net_pcap`, `net_memif`, …
        driver: String,
        /// The whole EAL device string, unit number included.
        args: String,
    },
    /// `0000:3b:00.0[,devargs]`: passed to EAL as `-a`.
    Pci {
        /// Address, canonical form.
        address: String,
        /// The whole EAL device string.
        args: String,
    },
    /// A host of the testbed's fabric.
    Fabric,
}

impl Device {
    /// Whether it receives from a capture file (net_pcap's `rx_pcap`), and not from a network.
    #[must_use]
    pub fn replays(&self) -> bool {
        let Device::Vdev { driver, args } = self else {
            return false;
        };
        driver == "net_pcap"
            && args
                .split(',')
                .any(|argument| argument.trim_start().starts_with("rx_pcap="))
    }

    /// The kernel interfaces that this device takes over or shares, by the names in its arguments.
    #[must_use]
    pub fn interfaces(&self) -> Vec<String> {
        match self {
            Device::Vdev { args, .. } => {
                let named = devargs::reach(args).interfaces;
                named.into_iter().map(|interface| interface.name).collect()
            }
            Device::Pci { .. } | Device::Fabric => Vec::new(),
        }
    }

    /// The name under which EAL knows the port: the part before the first comma. Empty for a host
    /// of the fabric, whose port EAL is not asked for.
    #[must_use]
    pub fn eal_name(&self) -> &str {
        match self {
            Device::Vdev { args, .. } | Device::Pci { args, .. } => args.split(',').next().unwrap_or(args),
            Device::Fabric => "",
        }
    }
}
