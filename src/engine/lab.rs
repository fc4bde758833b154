//! The testbed's ports as DPDK has them: opened, sped, started.
//!
//! Contract: [`Lab::open`] takes every port of the testbed; [`Lab::start`] starts
//! them with the queues and buffers that a plan needs. The order is fixed because a plan needs the
//! ports' speeds, and starting needs the plan.
//!
//! Left out on purpose: traffic.

use crate::dpdk::{
    Departures, DeviceArg, Eal, EalConfig, Error, Hugepages, PoolConfig, Port, PortConfig, PortInfo, Rss, RxPool,
    StampSource, Started, Stopped, TxPool,
};
use crate::engine::stamps::{self, Stamping};
use crate::pattern::Entropy;
use crate::plan::{EntryPlan, LanePlan, Pace, Plan};
use crate::testbed::{self, Cores, Device, Pacing, PfcReaction, Testbed, Timestamps};
use crate::units::BitRate;
use crate::wire::template::{BUFFER_SLACK, OTHER_ROOM, filler};
use crate::wire::{ethernet, vlan};

/// Why a lab cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// DPDK said no.
    #[error(transparent)]
    Dpdk(#[from] Error),
    /// A port's times cannot rest on what the testbed says.
    #[error(transparent)]
    Stamps(#[from] stamps::Refused),
    /// A port's line rate is not known.
    #[error("port {0} does not say its link speed; give it one in the testbed: `speed: 100Gbps`")]
    Speed(String),
    /// A port's NIC sends frames at times of a clock that cannot be read.
    #[error("port {0}: its NIC's clock cannot be read, so it cannot be told when to send; say `pacing: software`")]
    NicClock(String),
    /// A port's MAC cannot be told to obey PFC.
    #[error(
        "port {port}: its driver {driver} cannot be told to obey PFC for the classes of this pattern; \
         say `pfc: software`, or set it up by the vendor's tools and say `pfc: ignore`"
    )]
    Pfc {
        /// The port.
        port: String,
        /// Its driver.
        driver: String,
    },
    /// A port has too few queues.
    #[error("port {port} has {has} {direction} queues, the testbed asks for {wants}; lower `{key}`")]
    Queues {
        /// The port.
        port: String,
        /// "transmit" or "receive".
        direction: &'static str,
        /// Queues that there are.
        has: u16,
        /// Queues asked for.
        wants: u16,
        /// The testbed's key.
        key: &'static str,
    },
}

/// Opened ports.
pub struct Lab {
    eal: Eal,
    ports: Vec<Port<Stopped>>,
    infos: Vec<PortInfo>,
    speeds: Vec<BitRate>,
}

/// Started ports with their buffers.
pub struct Running {
    /// DPDK.
    pub eal: Eal,
    /// The ports, in the testbed's order.
    pub ports: Vec<Port<Started>>,
    /// What they are.
    pub infos: Vec<PortInfo>,
    /// Transmit buffers, filled.
    pub tx_pool: TxPool,
    /// Receive buffers.
    pub rx_pool: RxPool,
    /// What they are filled with.
    pub clean: Vec<u8>,
    /// Which ports have a transmit queue more than the testbed says, for PTP probes.
    pub probe_queues: Vec<bool>,
    /// What each port's times are to rest on.
    pub stampings: Vec<Stamping>,
    /// Who makes each port obey PFC and PAUSE frames.
    pub reactions: Vec<Reaction>,
    /// Who sees to it that frames leave at their time.
    pub paced_by: Vec<PacedBy>,
}

/// Who sees to it that the frames of a port leave at their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacedBy {
    /// The TX loop, which hands them over then.
    Software,
    /// The NIC, which is given them ahead of their time.
    Nic,
    /// The reference fabric's NIC, which asks for them.
    Fabric,
}

/// Who makes a port obey the PFC and PAUSE frames that come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Nobody of ours.
    None,
    /// The TX loop obeys those that reach the RX loop.
    Software,
    /// The NIC, which was told to for these classes: bit n = priority n.
    Nic(u8),
    /// The reference fabric's NIC.
    Fabric,
}

/// What EAL is to open for a port; `None` for a host of the fabric.
#[must_use]
pub fn device_arg(device: &Device) -> Option<DeviceArg> {
    match device {
        Device::Vdev { args, .. } => Some(DeviceArg::Vdev(args.clone())),
        Device::Pci { args, .. } => Some(DeviceArg::Pci(args.clone())),
        Device::Fabric => None,
    }
}

/// The EAL configuration of a testbed.
#[must_use]
pub fn eal_config(testbed: &Testbed) -> EalConfig {
    EalConfig {
        hugepages: match testbed.eal.hugepages {
            testbed::Hugepages::Auto => Hugepages::Auto,
            testbed::Hugepages::Required => Hugepages::Required,
            testbed::Hugepages::None => Hugepages::None,
        },
        memory: testbed.eal.memory,
        file_prefix: testbed.eal.file_prefix.clone(),
        telemetry: testbed.eal.telemetry,
        devices: testbed
            .ports
            .iter()
            .filter_map(|port| device_arg(&port.device))
            .collect(),
        extra_args: testbed.eal.extra_args.clone(),
        ..EalConfig::default()
    }
}

impl Lab {
    /// Takes the ports of `testbed` from an EAL that was started with its devices.
    ///
    /// # Errors
    /// What DPDK says, and a port whose speed nobody knows.
    pub fn open(eal: Eal, testbed: &Testbed) -> Result<Lab, LabError> {
        let config = eal_config(testbed);
        let mut lab = Lab {
            eal,
            ports: Vec::new(),
            infos: Vec::new(),
            speeds: Vec::new(),
        };
        for (planned, device) in testbed.ports.iter().zip(&config.devices) {
            let port = Port::open(&lab.eal, &device.name())?;
            let info = port.info()?;
            // Some NICs do not know their link before they are started: then what they can do.
            let speed = match planned.speed {
                Some(speed) => Some(speed),
                None => port.link()?.speed.or_else(|| info.speeds.last().copied()),
            };
            lab.speeds
                .push(speed.ok_or_else(|| LabError::Speed(planned.name.clone()))?);
            lab.infos.push(info);
            lab.ports.push(port);
        }
        Ok(lab)
    }

    /// Line rates of the ports: the testbed's, else the link's.
    #[must_use]
    pub fn speeds(&self) -> &[BitRate] {
        &self.speeds
    }

    /// What the ports are.
    #[must_use]
    pub fn infos(&self) -> &[PortInfo] {
        &self.infos
    }

    /// Starts all ports.
    ///
    /// # Errors
    /// What DPDK says, and queues that a port does not have.
    pub fn start(self, testbed: &Testbed, plan: &Plan) -> Result<Running, LabError> {
        let frame_len = plan.max_frame_len().max(OTHER_ROOM);
        let clean = filler(frame_len + BUFFER_SLACK);
        let tx_pool = self.tx_pool(testbed, &clean)?;
        let rx_pool = self.rx_pool(testbed, frame_len)?;
        // IP packet, and what two tags take, which a NIC may count.
        let mtu = u16::try_from(frame_len - ethernet::LEN + 2 * vlan::LEN).ok();
        // A flow whose source port changes must stay on one receive queue for its order to be seen.
        let spray = |entry: &EntryPlan| matches!(entry.frame.entropy, Entropy::PerPacket | Entropy::PerMessage);
        let rss = if plan.entries.iter().any(spray) {
            Rss::L3
        } else {
            Rss::L3L4
        };
        let (mut ports, mut stampings, mut probe_queues) = (Vec::new(), Vec::new(), Vec::new());
        let (mut reactions, mut paced_by) = (Vec::new(), Vec::new());
        for (index, ((port, planned), info)) in self.ports.into_iter().zip(&testbed.ports).zip(&self.infos).enumerate()
        {
            let rx_queues = if planned.receive { planned.rx_queues } else { 1 };
            for (direction, has, wants, key) in [
                ("transmit", info.max_tx_queues, planned.tx_queues, "tx_queues"),
                ("receive", info.max_rx_queues, rx_queues, "rx_queues"),
            ] {
                if wants > has {
                    return Err(LabError::Queues {
                        port: planned.name.clone(),
                        direction,
                        has,
                        wants,
                        key,
                    });
                }
            }
            let probes = can_be_probed(planned.timestamps, &port, info) && planned.tx_queues < info.max_tx_queues;
            probe_queues.push(probes);
            let config = PortConfig {
                tx_queues: planned.tx_queues + u16::from(probes),
                rx_queues,
                tx_descriptors: planned.descriptors,
                rx_descriptors: planned.descriptors,
                mtu,
                rss: if rx_queues > 1 { rss } else { Rss::Off },
                promiscuous: planned.promiscuous,
                obey_pfc: match planned.pfc {
                    PfcReaction::Nic => classes_of(plan, index),
                    PfcReaction::Auto if !info.is_virtual() && !planned.loopback => classes_of(plan, index),
                    PfcReaction::Auto | PfcReaction::Software | PfcReaction::Ignore => 0,
                },
                rx_timestamp: stamps::wants_stamps(planned.timestamps),
                departures: departures(planned.pacing, info, plan, index),
            };
            let port = port.start(&config, Some(&rx_pool))?;
            reactions.push(reaction(planned, &config, port.effective().obeys_pfc, info)?);
            paced_by.push(pacer(planned, &config, &port)?);
            stampings.push(Stamping::of(planned.timestamps, &planned.name, &port)?);
            ports.push(port);
        }
        Ok(Running {
            eal: self.eal,
            ports,
            infos: self.infos,
            tx_pool,
            rx_pool,
            clean,
            reactions,
            paced_by,
            probe_queues,
            stampings,
        })
    }

    /// Buffers for every ring to be full, for the loops' batches, and for the caches of threads.
    fn tx_pool(&self, testbed: &Testbed, clean: &[u8]) -> Result<TxPool, Error> {
        let queues: u32 = testbed
            .ports
            .iter()
            .map(|p| u32::from(p.tx_queues) * (u32::from(p.descriptors) + 256))
            .sum();
        let data_room = u16::try_from(clean.len().next_multiple_of(64)).unwrap_or(u16::MAX);
        TxPool::new(&self.eal, &self.pool("tx", queues, data_room), clean)
    }

    fn rx_pool(&self, testbed: &Testbed, frame_len: usize) -> Result<RxPool, Error> {
        let queues: u32 = testbed
            .ports
            .iter()
            .map(|p| u32::from(p.rx_queues) * (u32::from(p.descriptors) + 256))
            .sum();
        // af_packet copies a whole ring frame into one buffer: it wants room for `framesz`.
        let ring_frame = testbed.ports.iter().filter_map(|port| match &port.device {
            Device::Vdev { args, .. } => args
                .split(',')
                .find_map(|arg| arg.strip_prefix("framesz="))?
                .parse()
                .ok(),
            Device::Pci { .. } | Device::Fabric => None,
        });
        let room = ring_frame.chain([frame_len + 64, 2048]).max().unwrap_or(2048);
        RxPool::new(
            &self.eal,
            &self.pool("rx", queues, u16::try_from(room).unwrap_or(u16::MAX - 128)),
        )
    }

    fn pool(&self, name: &str, queues: u32, data_room: u16) -> PoolConfig {
        let numa_node = self.infos.first().and_then(|info| info.numa_node);
        PoolConfig {
            name: name.to_owned(),
            frames: (queues + 1024).max(4096),
            data_room,
            numa_node,
        }
    }
}

/// Whether the NIC of a port is to send each frame at its time.
fn departures(wanted: Pacing, info: &PortInfo, plan: &Plan, port: usize) -> Departures {
    let mut lanes = plan.entries.iter().flat_map(|entry| &entry.lanes);
    let paced = |lane: &LanePlan| plan.workers[lane.worker as usize].port == port && lane.pace != Pace::Unlimited;
    match wanted {
        Pacing::Nic => Departures::Device,
        // What is sent as fast as the port takes it has no times to leave at.
        Pacing::Auto if info.send_on_timestamp && lanes.any(paced) => Departures::Device,
        Pacing::Auto | Pacing::Software => Departures::Off,
    }
}

/// Who paces a started port.
fn pacer(planned: &testbed::Port, config: &PortConfig, port: &Port<Started>) -> Result<PacedBy, LabError> {
    if config.departures != Departures::Device {
        return Ok(PacedBy::Software);
    }
    if port.device_clock().is_readable() {
        return Ok(PacedBy::Nic);
    }
    match planned.pacing {
        Pacing::Nic => Err(LabError::NicClock(planned.name.clone())),
        Pacing::Auto | Pacing::Software => Ok(PacedBy::Software),
    }
}

/// Classes of the messages that are sent from a port: bit n = priority n.
fn classes_of(plan: &Plan, port: usize) -> u8 {
    let sends = |entry: &&EntryPlan| {
        let mut lanes = entry
            .sending_lanes()
            .map(|lane| plan.workers[lane.worker as usize].port);
        !entry.pairs.is_empty() && lanes.any(|from| from == port)
    };
    plan.entries
        .iter()
        .filter(sends)
        .fold(0, |classes, entry| classes | 1 << entry.class)
}

/// Who makes a port obey PFC, its driver having agreed to do so for the classes in `agreed`.
fn reaction(planned: &testbed::Port, config: &PortConfig, agreed: u8, info: &PortInfo) -> Result<Reaction, LabError> {
    let whole = agreed == config.obey_pfc && agreed != 0;
    match planned.pfc {
        PfcReaction::Auto | PfcReaction::Nic if whole => Ok(Reaction::Nic(agreed)),
        PfcReaction::Nic if config.obey_pfc != 0 => Err(LabError::Pfc {
            port: planned.name.clone(),
            driver: info.driver.clone(),
        }),
        PfcReaction::Software => Ok(Reaction::Software),
        PfcReaction::Auto if planned.receive && !planned.loopback => Ok(Reaction::Software),
        PfcReaction::Auto | PfcReaction::Nic | PfcReaction::Ignore => Ok(Reaction::None),
    }
}

/// Whether the times at a port are to rest on PTP probes.
fn can_be_probed(wanted: Timestamps, port: &Port<Stopped>, info: &PortInfo) -> bool {
    let abilities = port.abilities();
    match wanted {
        Timestamps::PtpProbe => abilities.timesync,
        Timestamps::Auto => info.stamp_sources(&abilities).first() == Some(&StampSource::PtpProbe),
        Timestamps::Nic | Timestamps::Kernel | Timestamps::Software => false,
    }
}

/// Which cores run TX loops and which RX loops.
///
/// `auto` leaves the first core to everything else where there are more than two; two cores do one
/// each, and a single one both.
#[must_use]
pub fn cores(testbed: &Testbed) -> (Vec<usize>, Vec<usize>) {
    match &testbed.cores {
        Cores::Lists { tx, rx } => (tx.clone(), rx.clone()),
        Cores::Auto => {
            let allowed: Vec<usize> = core_affinity::get_core_ids()
                .unwrap_or_default()
                .into_iter()
                .map(|core| core.id)
                .collect();
            match allowed[..] {
                [] => (vec![0], vec![0]),
                [only] => (vec![only], vec![only]),
                [first, second] => (vec![first], vec![second]),
                [_, second, third, ..] => (vec![second], vec![third]),
            }
        }
    }
}
