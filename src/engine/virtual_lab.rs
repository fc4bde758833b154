//! The ports of a run against the reference fabric: ethdevs made of rings, one queue a host.
//!
//! Contract: a host of the fabric is one TX and one RX queue. An ethdev carries several hosts,
//! because DPDK has room for few ethdevs and a ring ethdev for many queues. Ports are made for a run
//! and gone after it; buffer pools may serve one run after another ([`Pools`]).
//!
//! Left out on purpose: the fabric behind the rings, and traffic.

use crate::dpdk::{
    Departures, Eal, Effective, Error, FarEnd, PoolConfig, Port, PortConfig, PortInfo, RxPool, Started, TxPool,
};
use crate::engine::rx::RxUnit;
use crate::engine::tx::TxUnit;
use crate::fabric::{Fabric, Frame, LONGEST_HOLD};
use crate::plan::feed::Work;
use crate::plan::summary::EntrySummary;
use crate::plan::{EntryPlan, Plan, segment};
use crate::testbed::{self, Fault, FaultKind, Topology};
use crate::transport::schedule::{Clocking, Schedule};
use crate::units::{BitRate, PICOS_PER_SECOND, Picos, WIRE_OVERHEAD};
use crate::wire::template::{BUFFER_SLACK, OTHER_ROOM, filler, forget_header};

/// Hosts that one ethdev carries.
const HOSTS_PER_DEVICE: usize = 16;

/// Places in a ring: what is sent is taken off at once, what is received after a burst at the latest.
const RING: u32 = 128;

/// Buffers that units, rings and per-thread caches may hold beside those inside the fabric.
const BUFFERS_PER_HOST: u64 = 64 + RING as u64;

/// Buffers that a thread's cache may withhold.
const CACHES: u64 = 2048;

/// Buffers that serve several runs, as long as they are large and many enough.
#[derive(Default)]
pub struct Pools {
    tx: Option<(TxPool, Vec<u8>)>,
    copies: Option<TxPool>,
    rx: Option<RxPool>,
}

/// Started ports with their far ends and buffers.
pub struct Running {
    /// DPDK.
    pub eal: Eal,
    devices: Vec<Port<Started>>,
    infos: Vec<(PortInfo, Effective)>,
    ends: Vec<FarEnd>,
    tx_pool: TxPool,
    rx_pool: RxPool,
    clean: Vec<u8>,
    /// Where copies of frames come from.
    pub copies: TxPool,
    config: testbed::Fabric,
    hosts: usize,
    seed: u64,
}

/// Makes and starts the ports of `plan`, one host a port.
///
/// # Errors
/// What DPDK says.
pub fn start(eal: &Eal, config: &testbed::Fabric, plan: &Plan, pools: &mut Pools) -> Result<Running, Error> {
    let hosts = plan.ports.len();
    let frame_len = plan.max_frame_len().max(OTHER_ROOM);
    let inside = inside(config, plan);
    let each = hosts as u64 * BUFFERS_PER_HOST + CACHES;
    let (tx_pool, clean) = pools.tx(eal, frame_len + BUFFER_SLACK, inside.saturating_add(each))?;
    let copying = |fault: &Fault| matches!(fault.kind, FaultKind::Duplicate(_) | FaultKind::Corrupt(_));
    let copied = if config.faults.iter().any(copying) { inside } else { 0 };
    let copies = pools.copies(eal, clean.len(), copied.saturating_add(each))?;
    let rx_pool = pools.rx(eal)?;
    let (mut devices, mut infos, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (number, first) in (0..hosts).step_by(HOSTS_PER_DEVICE).enumerate() {
        let queues = u16::try_from(HOSTS_PER_DEVICE.min(hosts - first)).unwrap_or(u16::MAX);
        let name = format!("net_ring_fabric{number}");
        ends.extend(eal.ring_port(&name, queues, RING)?);
        let port = Port::open(eal, &name)?;
        let info = port.info()?;
        let port_config = PortConfig {
            tx_queues: queues,
            rx_queues: queues,
            departures: Departures::Written,
            ..PortConfig::default()
        };
        let port = port.start(&port_config, Some(&rx_pool))?;
        infos.push((info, port.effective()));
        devices.push(port);
    }
    Ok(Running {
        eal: eal.clone(),
        devices,
        infos,
        ends,
        tx_pool,
        rx_pool,
        clean,
        copies,
        config: config.clone(),
        hosts,
        seed: plan.seed,
    })
}

/// Frames of `plan` that may be inside the fabric at one time: as many as it has, or as fit.
fn inside(config: &testbed::Fabric, plan: &Plan) -> u64 {
    let summary = plan.summary();
    // MAC control frames end at the next port.
    let carried = plan.entries.iter().zip(&summary.entries);
    let carried = carried.filter(|(entry, _)| !entry.pairs.is_empty());
    let mut kinds: Vec<(u64, u64)> = carried.map(|(entry, summary)| kind(entry, summary)).collect();
    // Most of them are there when the short ones are.
    kinds.sort_unstable();
    let mut room = room(config, plan.ports.len() as u64);
    let mut inside = 0u64;
    for (len, most) in kinds {
        let here = most.min(room / len + 1);
        inside = inside.saturating_add(here);
        room = room.saturating_sub(here.saturating_mul(len));
    }
    // Lengths are those of an average frame, and a full queue still takes shorter ones.
    inside.saturating_add(inside / 8)
}

/// Mean length of an entry's frames, and how many there are at most.
fn kind(entry: &EntryPlan, summary: &EntrySummary) -> (u64, u64) {
    let mut packets = summary.packets.div_ceil(summary.messages.max(1));
    let mut wire = summary.wire_bytes / summary.messages.max(1);
    if let Work::Continuous { sizes, .. } = &entry.work {
        // Its duration may be too short for one whole message, or have no end.
        let len = u64::from(sizes.message.max(sizes.last));
        (packets, wire) = (0, 0);
        for (parts, len) in entry.deal().lengths(len) {
            let each = segment::packets(len, entry.frame.pmtu);
            packets += parts * each;
            wire += parts * (entry.frame.message_frame_bytes(entry.verb, len) + each * WIRE_OVERHEAD);
        }
    }
    let len = (wire / packets.max(1)).saturating_sub(WIRE_OVERHEAD).max(60);
    let most = if summary.exact {
        summary.packets
    } else if summary.length == Picos::MAX {
        u64::MAX
    } else {
        // One that ends by time finishes what each QP has begun.
        let begun = packets.saturating_mul(u64::from(entry.flows()));
        summary.packets.saturating_add(begun)
    };
    (len, most)
}

/// Bytes that fit into the fabric: in buffers, on links and on the way through switches.
fn room(config: &testbed::Fabric, hosts: u64) -> u64 {
    let (uplinks, uplink_speed) = match config.topology {
        Topology::Switch => (0, config.speed),
        Topology::LeafSpine {
            leaves,
            spines,
            uplink_speed,
        } => (leaves * spines, uplink_speed),
        Topology::Clos {
            pods,
            leaves,
            spines,
            cores,
            uplink_speed,
        } => (pods * (leaves * spines + cores), uplink_speed),
    };
    // What arrives in so long, at both ends of a link.
    let way = config.propagation.saturating_add(config.switch.latency);
    let on = |links: u64, speed: BitRate, time: Picos| links.saturating_mul(2 * bytes_in(speed, time));
    let held = config
        .faults
        .iter()
        .any(|fault| matches!(fault.kind, FaultKind::Reorder { .. }));
    let switches = u64::from(config.topology.switches());
    [
        config.switch.buffer.0.saturating_mul(switches),
        on(hosts, config.speed, way),
        on(u64::from(uplinks), uplink_speed, way),
        if held {
            on(hosts, config.speed, Picos(LONGEST_HOLD))
        } else {
            0
        },
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// What a link carries in so long.
fn bytes_in(speed: BitRate, time: Picos) -> u64 {
    let bits = u128::from(speed.0) * u128::from(time.0) / u128::from(PICOS_PER_SECOND);
    u64::try_from(bits / 8).unwrap_or(u64::MAX / 4)
}

impl Pools {
    /// A pool of at least `buffers` buffers, each prefilled with the same `len` bytes.
    fn tx(&mut self, eal: &Eal, len: usize, buffers: u64) -> Result<(TxPool, Vec<u8>), Error> {
        if let Some((pool, clean)) = &mut self.tx
            && clean.len() == len
            && u64::from(pool.frames()) >= buffers
            // Identities of shapes are used again after 2^20 of them: a long series of runs gets there.
            && pool.for_each_mark(|mark| *mark = forget_header(*mark)).is_ok()
        {
            return Ok((pool.clone(), clean.clone()));
        }
        self.tx = None;
        let clean = filler(len);
        let pool = TxPool::new(
            eal,
            &config("tx", u32::try_from(buffers).unwrap_or(u32::MAX), len),
            &clean,
        )?;
        self.tx = Some((pool.clone(), clean.clone()));
        Ok((pool, clean))
    }

    /// A pool for frames that faults copy and for PFC frames that hosts receive.
    fn copies(&mut self, eal: &Eal, len: usize, buffers: u64) -> Result<TxPool, Error> {
        if let Some(pool) = &self.copies
            && usize::from(pool.data_room()) >= len
            && u64::from(pool.frames()) >= buffers
        {
            return Ok(pool.clone());
        }
        self.copies = None;
        let buffers = u32::try_from(buffers).unwrap_or(u32::MAX);
        let pool = TxPool::new(eal, &config("copies", buffers, len), &[])?;
        Ok(self.copies.insert(pool).clone())
    }

    /// Buffers that are not home: none, between runs.
    #[must_use]
    pub fn out(&self) -> u32 {
        let sending = self.tx.iter().map(|(pool, _)| pool);
        let pools = sending.chain(&self.copies);
        let tx: u32 = pools.map(|pool| pool.frames() - pool.available()).sum();
        let rx = self.rx.iter().map(|pool| pool.frames() - pool.available());
        tx + rx.sum::<u32>()
    }

    /// DPDK wants a pool for every receive queue; a ring's frames come in their senders' buffers.
    fn rx(&mut self, eal: &Eal) -> Result<RxPool, Error> {
        if let Some(pool) = &self.rx {
            return Ok(pool.clone());
        }
        let pool = RxPool::new(eal, &config("rx", 63, 2048))?;
        Ok(self.rx.insert(pool).clone())
    }
}

fn config(name: &str, frames: u32, len: usize) -> PoolConfig {
    PoolConfig {
        name: name.to_owned(),
        frames,
        data_room: u16::try_from(len.next_multiple_of(64)).unwrap_or(u16::MAX - 128),
        numa_node: None,
    }
}

impl Running {
    /// A fabric with as many hosts as there are ports.
    ///
    /// # Errors
    /// A configuration that cannot be built with so many hosts.
    pub fn fabric<F: Frame>(&self) -> Result<Fabric<F>, String> {
        Fabric::new(&self.config, self.hosts, self.seed).map_err(|error| error.to_string())
    }

    /// Packet buffers that are not in their pools.
    #[must_use]
    pub fn buffers_out(&self) -> u64 {
        let out = [&self.tx_pool, &self.copies].map(|pool| pool.frames().saturating_sub(pool.available()));
        let received = self.rx_pool.frames().saturating_sub(self.rx_pool.available());
        out.into_iter().chain([received]).map(u64::from).sum()
    }

    /// The queues of all hosts, in the plan's order, with what stands at their far ends.
    pub fn units(&mut self, plan: &Plan) -> (Vec<TxUnit>, Vec<RxUnit>, Vec<FarEnd>) {
        let (mut tx, mut rx) = (Vec::new(), Vec::new());
        for port in &mut self.devices {
            for queue in port.take_tx_queues() {
                let host = tx.len();
                let schedule = Schedule::new(plan, host, Clocking::Pulled);
                tx.push(TxUnit::new(
                    plan,
                    host,
                    queue,
                    &self.tx_pool,
                    schedule,
                    self.clean.clone(),
                ));
            }
            for queue in port.take_rx_queues() {
                rx.push(RxUnit::new(&self.eal, rx.len(), queue).with_arrivals());
            }
        }
        (tx, rx, std::mem::take(&mut self.ends))
    }

    /// The device that carries `host`.
    #[must_use]
    pub fn device_of(&self, host: usize) -> &(PortInfo, Effective) {
        &self.infos[host / HOSTS_PER_DEVICE]
    }
}
