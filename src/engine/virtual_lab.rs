//! The hosts of a run against the reference fabric.
//!
//! Contract: a host of the fabric is a queue of an ethdev made of rings, which says what it is: an ethdev carries several
//! hosts, because DPDK has room for few ethdevs and a ring ethdev for many queues. Frames do not go through it: they are
//! written and read as on any port, and between that they are descriptors ([`crate::engine::carried`]).
//!
//! Left out on purpose: the fabric, and traffic.

use crate::dpdk::{Departures, Eal, Effective, Error, PoolConfig, Port, PortConfig, PortInfo, RxPool, Started};
use crate::engine::carried::{Carried, Desk, Slot};
use crate::engine::tx::TxUnit;
use crate::fabric::Fabric;
use crate::plan::Plan;
use crate::testbed;
use crate::transport::schedule::{Clocking, Schedule};
use crate::wire::template::{BUFFER_SLACK, OTHER_ROOM, filler};

/// Hosts that one ethdev carries.
const HOSTS_PER_DEVICE: usize = 16;

/// Places in a ring: nothing goes through it.
const RING: u32 = 1;

/// The hosts.
pub struct Running {
    /// DPDK.
    pub eal: Eal,
    infos: Vec<(PortInfo, Effective)>,
    config: testbed::Fabric,
    _devices: Vec<Port<Started>>,
    _rx_pool: RxPool,
}

/// Makes the hosts of `plan`, one a port.
///
/// # Errors
/// What DPDK says.
pub fn start(eal: &Eal, config: &testbed::Fabric, plan: &Plan) -> Result<Running, Error> {
    let hosts = plan.ports.len();
    // DPDK wants a pool for every receive queue.
    let rx_pool = RxPool::new(
        eal,
        &PoolConfig {
            name: "rx".to_owned(),
            frames: 63,
            data_room: 2048,
            numa_node: None,
        },
    )?;
    let (mut devices, mut infos) = (Vec::new(), Vec::new());
    for (number, first) in (0..hosts).step_by(HOSTS_PER_DEVICE).enumerate() {
        let queues = u16::try_from(HOSTS_PER_DEVICE.min(hosts - first)).unwrap_or(u16::MAX);
        let name = format!("net_ring_fabric{number}");
        let _ends = eal.ring_port(&name, queues, RING)?;
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
        infos,
        config: config.clone(),
        _devices: devices,
        _rx_pool: rx_pool,
    })
}

/// The fabric between the hosts of `plan`, which knows where its workers are.
///
/// # Errors
/// A configuration that cannot be built with so many hosts.
pub fn fabric(config: &testbed::Fabric, plan: &Plan) -> Result<Fabric<Carried>, String> {
    let mut fabric = Fabric::new(config, plan.ports.len(), plan.seed).map_err(|error| error.to_string())?;
    fabric.classify(plan.classes.clone());
    for worker in &plan.workers {
        fabric.attach(worker.mac, worker.port);
    }
    Ok(fabric)
}

/// What the hosts of `plan` send by.
#[must_use]
pub fn units(plan: &Plan) -> Vec<TxUnit<Desk>> {
    let clean = filler(plan.max_frame_len().max(OTHER_ROOM) + BUFFER_SLACK);
    let unit = |host| {
        let schedule = Schedule::new(plan, host, Clocking::Pulled);
        let slot = Slot::new(plan.classes.clone());
        TxUnit::of(plan, host, slot, Desk::new, schedule, clean.clone())
    };
    (0..plan.ports.len()).map(unit).collect()
}

impl Running {
    /// What the fabric is to be.
    #[must_use]
    pub fn config(&self) -> &testbed::Fabric {
        &self.config
    }

    /// The device that carries `host`.
    #[must_use]
    pub fn device_of(&self, host: usize) -> &(PortInfo, Effective) {
        &self.infos[host / HOSTS_PER_DEVICE]
    }
}
