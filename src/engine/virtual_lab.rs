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
use crate::fabric::{Fabric, Frame};
use crate::plan::Plan;
use crate::plan::schedule::{Clocking, Schedule};
use crate::testbed;
use crate::units::WIRE_OVERHEAD;
use crate::wire::template::{BUFFER_SLACK, HEADER_ROOM, filler};

/// Hosts that one ethdev carries.
const HOSTS_PER_DEVICE: usize = 16;

/// Places in a ring: what is sent is taken off at once, what is received after a burst at the latest.
const RING: u32 = 128;

/// Buffers that units, rings and per-thread caches may hold beside those inside the fabric.
const BUFFERS_PER_HOST: u64 = 64 + RING as u64;

/// Buffers that a thread's cache may withhold.
const CACHES: u64 = 2048;

/// Buffers for frames that a fault copies.
const COPIES: u32 = 8191;

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
    let frame_len = plan.max_frame_len().max(HEADER_ROOM);
    let (tx_pool, clean) = pools.tx(eal, frame_len + BUFFER_SLACK, buffers(config, plan))?;
    let copies = pools.copies(eal, clean.len())?;
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
        clean,
        copies,
        config: config.clone(),
        hosts,
        seed: plan.seed,
    })
}

/// Buffers that frames of `plan` may fill at one time: as many as it has frames, or as fit into the
/// fabric.
fn buffers(config: &testbed::Fabric, plan: &Plan) -> u64 {
    let summary = plan.summary();
    let room = config
        .switch
        .buffer
        .0
        .saturating_mul(u64::from(config.topology.switches()));
    // MAC control frames end at the next port.
    let carried = plan.entries.iter().zip(&summary.entries);
    let carried = carried.filter(|(entry, _)| !entry.pairs.is_empty());
    let inside = carried.map(|(_, entry)| {
        let each = (entry.wire_bytes / entry.packets.max(1))
            .saturating_sub(WIRE_OVERHEAD)
            .max(60);
        let fit = room / each + 1;
        if entry.exact {
            return entry.packets.min(fit);
        }
        // One that ends by time finishes what each QP has begun.
        let message = entry.packets.div_ceil(entry.messages.max(1));
        let whole = entry
            .packets
            .saturating_add(message.saturating_mul(u64::from(entry.flows)));
        if entry.packets == 0 { fit } else { whole.min(fit) }
    });
    // Entries of short frames may fill it while others wait: the most of any, and a share for rest.
    let inside = inside.max().unwrap_or(0);
    inside + inside / 8 + plan.ports.len() as u64 * BUFFERS_PER_HOST + CACHES
}

impl Pools {
    /// A pool of at least `buffers` buffers, each prefilled with the same `len` bytes.
    fn tx(&mut self, eal: &Eal, len: usize, buffers: u64) -> Result<(TxPool, Vec<u8>), Error> {
        if let Some((pool, clean)) = &self.tx
            && clean.len() == len
            && u64::from(pool.frames()) >= buffers
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

    fn copies(&mut self, eal: &Eal, len: usize) -> Result<TxPool, Error> {
        if let Some(pool) = &self.copies
            && usize::from(pool.data_room()) >= len
        {
            return Ok(pool.clone());
        }
        let pool = TxPool::new(eal, &config("copies", COPIES, len), &[])?;
        Ok(self.copies.insert(pool).clone())
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
