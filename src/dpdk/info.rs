//! What a port is, what it can do, and what it has counted: plain values.

use std::ffi::{CStr, c_char};

use dpdk_sys as sys;

use crate::units::BitRate;

/// What a port is and offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// DPDK's name of the port: `net_null0`, `0000:3b:00.0`.
    pub name: String,
    /// DPDK's number of the port, in this process.
    pub id: u16,
    /// Driver, as "net_null" or "mlx5_pci".
    pub driver: String,
    /// Bus, as "vdev" or "pci"; `None` when the driver does not say.
    pub bus: Option<String>,
    /// Kernel interface that the port shares or stands on: its index.
    pub kernel_ifindex: Option<u32>,
    /// MAC address.
    pub mac: [u8; 6],
    /// NUMA node.
    pub numa_node: Option<u32>,
    /// Speeds that the hardware can do, slowest first; empty when it does not say.
    pub speeds: Vec<BitRate>,
    /// Largest MTU, in bytes of IP packet. What virtual drivers say here is often a formality.
    pub max_mtu: u16,
    /// Smallest MTU.
    pub min_mtu: u16,
    /// Longest frame that the port says it receives, FCS counted by some drivers and not by others.
    pub max_rx_frame: u32,
    /// Receive queues at most.
    pub max_rx_queues: u16,
    /// Transmit queues at most.
    pub max_tx_queues: u16,
    /// Arrival time stamps on received frames.
    pub rx_timestamps: RxTimestamps,
    /// Sends each frame at the time written into it (SEND_ON_TIMESTAMP).
    pub send_on_timestamp: bool,
    /// RSS spreads by IP addresses.
    pub rss_l3: bool,
    /// RSS spreads by UDP ports too.
    pub rss_l4: bool,
    pub(super) rx_offloads: u64,
    pub(super) tx_offloads: u64,
    pub(super) rss_types: u64,
}

/// Who writes a received frame's time stamp, and in what unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RxTimestamps {
    /// Nobody.
    None,
    /// The NIC, in cycles of its own clock (RTE_ETH_RX_OFFLOAD_TIMESTAMP).
    DeviceClock,
    /// libpcap, in microseconds since 1970 of the kernel's clock. The net_pcap driver does so without
    /// offering the offload.
    KernelMicros,
    /// Whoever stands at the far end of a ring port, in whatever unit that has ([`super::FarEnd::give`]).
    /// The net_ring driver hands the buffers through as they are, and offers nothing.
    FarEnd,
}

/// What the times of a port's frames can rest on, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StampSource {
    /// The NIC stamps every frame that it receives.
    Nic,
    /// The kernel does.
    Kernel,
    /// The NIC stamps PTP frames (IEEE 1588), in both directions; all others go by software.
    PtpProbe,
    /// The processor's time stamp counter, at the burst.
    Software,
}

impl StampSource {
    /// Whether every frame has a stamp of its arrival, by another clock than the processor's.
    #[must_use]
    pub const fn is_of_frames(self) -> bool {
        matches!(self, StampSource::Nic | StampSource::Kernel)
    }

    /// The word for it, in testbeds and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            StampSource::Nic => "nic",
            StampSource::Kernel => "kernel",
            StampSource::PtpProbe => "ptp-probe",
            StampSource::Software => "software",
        }
    }
}

/// What only asking the driver tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// IEEE 1588 clock and time stamps on PTP frames.
    pub timesync: bool,
    /// The free-running clock behind time stamps can be read.
    pub device_clock: bool,
    /// 802.3x PAUSE settings can be read.
    pub flow_control: bool,
    /// 802.1Qbb priority flow control settings can be read.
    pub priority_flow_control: bool,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whether it is up.
    pub up: bool,
    /// Its speed; `None` when the driver does not know. Virtual drivers invent one.
    pub speed: Option<BitRate>,
}

/// The counters that every driver has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes received; with or without FCS, as the driver likes.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames dropped by the NIC because the receive queue was full.
    pub rx_missed: u64,
    /// Frames received with an error.
    pub rx_errors: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
    /// Receive buffers that could not be had.
    pub rx_no_buffer: u64,
}

/// Bits of RTE_ETH_LINK_SPEED_*: the speed of bit 1 and up, in Mb/s.
const SPEED_BITS: [u64; 17] = [
    10, 10, 100, 100, 1_000, 2_500, 5_000, 10_000, 20_000, 25_000, 40_000, 50_000, 56_000, 100_000, 200_000, 400_000,
    800_000,
];

fn speeds(bits: u32) -> Vec<BitRate> {
    let mut speeds: Vec<BitRate> = SPEED_BITS
        .iter()
        .zip(1_u32..)
        .filter(|&(_, bit)| bits >> bit & 1 == 1)
        .map(|(mbps, _)| BitRate(mbps * 1_000_000))
        .collect();
    speeds.dedup();
    speeds
}

/// A string that DPDK owns, copied.
fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null; DPDK's driver and bus names are static NUL-terminated strings.
    let text = unsafe { CStr::from_ptr(pointer) };
    Some(text.to_string_lossy().into_owned())
}

impl PortInfo {
    pub(super) fn new(name: &str, id: u16, raw: &sys::squall_port_info) -> PortInfo {
        let driver = text(raw.driver).unwrap_or_default();
        // SAFETY: a constant of the shim.
        let timestamp = unsafe { sys::squall_rx_offload_timestamp };
        // SAFETY: a constant of the shim.
        let send_on_timestamp = unsafe { sys::squall_tx_offload_send_on_timestamp };
        // SAFETY: a constant of the shim.
        let rss_l3 = unsafe { sys::squall_rss_l3 };
        // SAFETY: a constant of the shim.
        let rss_l4 = unsafe { sys::squall_rss_l4_udp };
        PortInfo {
            name: name.to_owned(),
            id,
            bus: text(raw.bus),
            kernel_ifindex: (raw.if_index != 0).then_some(raw.if_index),
            mac: raw.mac,
            numa_node: u32::try_from(raw.socket).ok(),
            speeds: speeds(raw.speed_capa),
            max_mtu: raw.max_mtu,
            min_mtu: raw.min_mtu,
            max_rx_frame: raw.max_rx_pktlen,
            max_rx_queues: raw.max_rx_queues,
            max_tx_queues: raw.max_tx_queues,
            rx_timestamps: if raw.rx_offloads & timestamp != 0 {
                RxTimestamps::DeviceClock
            } else if driver == "net_pcap" {
                RxTimestamps::KernelMicros
            } else {
                RxTimestamps::None
            },
            send_on_timestamp: raw.tx_offloads & send_on_timestamp != 0,
            rss_l3: raw.rss_types & rss_l3 != 0,
            rss_l4: raw.rss_types & rss_l4 != 0,
            rx_offloads: raw.rx_offloads,
            tx_offloads: raw.tx_offloads,
            rss_types: raw.rss_types,
            driver,
        }
    }

    /// What its frames' times can rest on, best first; software is always the last. A started port
    /// tells more of its clocks than a stopped one. Stamps of a clock that cannot be read are of no
    /// use: nobody knows what they mean.
    #[must_use]
    pub fn stamp_sources(&self, abilities: &Abilities) -> Vec<StampSource> {
        let nic = self.rx_timestamps == RxTimestamps::DeviceClock && abilities.device_clock;
        let kernel = self.rx_timestamps == RxTimestamps::KernelMicros;
        [
            (nic, StampSource::Nic),
            (kernel, StampSource::Kernel),
            (abilities.timesync, StampSource::PtpProbe),
            (true, StampSource::Software),
        ]
        .into_iter()
        .filter_map(|(has, source)| has.then_some(source))
        .collect()
    }

    /// Whether this is a software device, whose limits are a formality.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.bus.as_deref() == Some("vdev")
    }
}

impl Link {
    pub(super) fn new(raw: sys::squall_link) -> Link {
        let known = raw.mbps != 0 && raw.mbps != u32::MAX;
        Link {
            up: raw.up != 0,
            speed: known.then(|| BitRate(u64::from(raw.mbps) * 1_000_000)),
        }
    }
}

impl PortStats {
    /// What was counted since `before`.
    #[must_use]
    pub fn since(&self, before: &PortStats) -> PortStats {
        PortStats {
            rx_packets: self.rx_packets.wrapping_sub(before.rx_packets),
            tx_packets: self.tx_packets.wrapping_sub(before.tx_packets),
            rx_bytes: self.rx_bytes.wrapping_sub(before.rx_bytes),
            tx_bytes: self.tx_bytes.wrapping_sub(before.tx_bytes),
            rx_missed: self.rx_missed.wrapping_sub(before.rx_missed),
            rx_errors: self.rx_errors.wrapping_sub(before.rx_errors),
            tx_errors: self.tx_errors.wrapping_sub(before.tx_errors),
            rx_no_buffer: self.rx_no_buffer.wrapping_sub(before.rx_no_buffer),
        }
    }

    pub(super) fn new(raw: &sys::rte_eth_stats) -> PortStats {
        PortStats {
            rx_packets: raw.ipackets,
            tx_packets: raw.opackets,
            rx_bytes: raw.ibytes,
            tx_bytes: raw.obytes,
            rx_missed: raw.imissed,
            rx_errors: raw.ierrors,
            tx_errors: raw.oerrors,
            rx_no_buffer: raw.rx_nombuf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_bits_are_those_of_rte_ethdev_h() {
        // RTE_ETH_LINK_SPEED_10M_HD and _10M are bits 1 and 2; _400G is bit 16.
        assert_eq!(
            speeds(1 << 1 | 1 << 2 | 1 << 16),
            [BitRate(10_000_000), BitRate(400_000_000_000)]
        );
        assert_eq!(speeds(0), []);
        assert_eq!(speeds(1), []);
    }

    #[test]
    fn an_unknown_speed_is_none() {
        assert_eq!(
            Link::new(sys::squall_link { mbps: u32::MAX, up: 1 }),
            Link { up: true, speed: None }
        );
        assert_eq!(
            Link::new(sys::squall_link { mbps: 0, up: 0 }),
            Link { up: false, speed: None }
        );
    }
}
