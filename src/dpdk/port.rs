//! Ports, whose states are types: a [`Stopped`] port can be configured and started, a [`Started`]
//! one hands out its queues, and there is no way to send on a port that is not started.
//!
//! Contract: a port has one owner at a time. It runs until its [`Port`] and all of its queues are
//! dropped; then it is stopped and closed, and may be opened again as if it were new.
//!
//! What a driver does not offer is left off, or refused where a result would silently be another:
//! [`Effective`] says what a configuration resulted in.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use dpdk_sys as sys;

use super::device_clock::DeviceClock;
use super::eal::Eal;
use super::error::errno_text;
use super::info::{Abilities, Link, PortInfo, PortStats, RxTimestamps};
use super::ledger::Holder;
use super::mtu::{FRAME_OVERHEAD, configured_mtu};
use super::pfc;
use super::pool::RxPool;
use super::queue::{RxQueue, TxQueue};
use super::ring_port::Rings;
use super::timesync::Timesync;
use super::{Error, Result, log};

/// What a port is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortConfig {
    /// Transmit queues.
    pub tx_queues: u16,
    /// Receive queues; 0 on a port that only sends.
    pub rx_queues: u16,
    /// Ring size of each transmit queue; the driver's limits bend it.
    pub tx_descriptors: u16,
    /// Ring size of each receive queue; the driver's limits bend it.
    pub rx_descriptors: u16,
    /// Largest IP packet to be received; `None`: the driver's own. Software devices that would
    /// refuse it for form's sake keep their own.
    pub mtu: Option<u16>,
    /// How frames are spread over receive queues.
    pub rss: Rss,
    /// Receives frames for any MAC address.
    pub promiscuous: bool,
    /// Asks for arrival time stamps; where they are not offered, frames have none.
    pub rx_timestamp: bool,
    /// What becomes of departure times.
    pub departures: Departures,
    /// Classes of which the MAC is to obey PFC frames that it receives, bit n = priority n. Where the
    /// driver cannot be told, it is left as it is.
    pub obey_pfc: u8,
}

impl Default for PortConfig {
    fn default() -> PortConfig {
        PortConfig {
            tx_queues: 1,
            rx_queues: 1,
            tx_descriptors: 1024,
            rx_descriptors: 1024,
            mtu: None,
            rss: Rss::Off,
            promiscuous: true,
            rx_timestamp: true,
            departures: Departures::Off,
            obey_pfc: 0,
        }
    }
}

/// How received frames are spread over queues. Types that are not offered are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rss {
    /// All to the first queue.
    #[default]
    Off,
    /// By IP addresses.
    L3,
    /// By IP addresses and UDP ports.
    L3L4,
}

/// What becomes of the departure time of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Departures {
    /// It is not written; whoever sends paces.
    #[default]
    Off,
    /// The NIC sends at that time of its clock; refused where it cannot.
    Device,
    /// It is written into the frame's buffer, for whoever stands at the other end of a net_ring.
    Written,
}

/// What a [`PortConfig`] resulted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective {
    /// Ring size of each transmit queue.
    pub tx_descriptors: u16,
    /// Ring size of each receive queue.
    pub rx_descriptors: u16,
    /// Configured MTU; `None`: the driver's own.
    pub mtu: Option<u16>,
    /// Whether RSS is on.
    pub rss: bool,
    /// What the time stamps of received frames are.
    pub rx_timestamps: RxTimestamps,
    /// What becomes of departure times.
    pub departures: Departures,
    /// Classes of which the MAC was told to obey PFC frames: bit n = priority n.
    pub obeys_pfc: u8,
    /// Whether promiscuous mode could be switched on.
    pub promiscuous: bool,
}

/// State of a port that neither sends nor receives.
pub struct Stopped(());

/// State of a running port.
pub struct Started {
    running: Arc<Running>,
    tx: Vec<TxQueue>,
    rx: Vec<RxQueue>,
    effective: Effective,
}

/// One port. Its control calls are for one thread at a time.
pub struct Port<State> {
    open: Arc<Open>,
    state: State,
    _not_sync: PhantomData<Cell<()>>,
}

/// The claim on a port.
struct Open {
    eal: Eal,
    id: u16,
    name: String,
    /// From the first start on. A driver may keep buffers while its port is stopped (a net_ring keeps
    /// what was sent and not received), so only closing the port ends this.
    holder: OnceLock<Holder>,
    /// What a ring port is made of.
    rings: Option<Arc<Rings>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(rings) = &self.rings {
            // SAFETY: no queue is left, so the port is stopped; nobody else opens it before it is
            // released below.
            unsafe { rings.drain_arriving() };
        }
        if self.holder.get().is_some() {
            self.eal.close(self.id, &self.name);
        } else {
            self.eal.release(self.id);
        }
    }
}

/// A port that runs: what each queue keeps alive.
pub(super) struct Running {
    open: Arc<Open>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: the port was started, and no queue is left that could be in a burst.
        let (_code, _log) = log::capture(|| unsafe { sys::rte_eth_dev_stop(self.open.id) });
    }
}

impl Port<Stopped> {
    /// Takes the port that EAL calls `name`.
    ///
    /// # Errors
    /// [`Error::NoPort`] with the names that there are; [`Error::PortInUse`].
    pub fn open(eal: &Eal, name: &str) -> Result<Port<Stopped>> {
        let (id, rings) = eal.claim(name)?;
        let open = Arc::new(Open {
            eal: eal.clone(),
            id,
            name: name.to_owned(),
            holder: OnceLock::new(),
            rings,
        });
        Ok(Port {
            open,
            state: Stopped(()),
            _not_sync: PhantomData,
        })
    }

    /// Configures and starts the port. Receive queues fill themselves from `rx_pool`, which a port
    /// without any may leave out. Counters start at zero where the driver can reset them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the port cannot do it, [`Error::Port`] when the driver refuses.
    pub fn start(self, config: &PortConfig, rx_pool: Option<&RxPool>) -> Result<Port<Started>> {
        let info = self.info()?;
        let plan = Plan::new(&info, config, rx_pool)?;
        let id = self.open.id;
        self.open.holder.get_or_init(|| Holder::new(&self.open.eal));
        // SAFETY: the port exists and is stopped; `conf` is alive during the call.
        self.call("configure the port", || unsafe {
            sys::squall_port_configure(id, &raw const plan.conf)
        })?;

        let (mut rx_descriptors, mut tx_descriptors) = (config.rx_descriptors, config.tx_descriptors);
        self.call("fit the ring sizes", || {
            // SAFETY: the port is configured; both places are alive during the call.
            unsafe { sys::rte_eth_dev_adjust_nb_rx_tx_desc(id, &raw mut rx_descriptors, &raw mut tx_descriptors) }
        })?;
        let node = info.numa_node.and_then(|node| i32::try_from(node).ok()).unwrap_or(-1);
        if let Some(pool) = rx_pool {
            for queue in 0..config.rx_queues {
                let (offloads, pool) = (plan.conf.rx_offloads, pool.0.raw());
                // SAFETY: a configured, stopped port; the queue exists; the pool is not freed
                // before the port is closed, since `Open` is a holder.
                self.call("set up a receive queue", || unsafe {
                    sys::squall_rx_queue_setup(id, queue, rx_descriptors, node, offloads, pool)
                })?;
            }
        }
        for queue in 0..config.tx_queues {
            // SAFETY: a configured, stopped port; the queue exists.
            self.call("set up a transmit queue", || unsafe {
                sys::squall_tx_queue_setup(id, queue, tx_descriptors, node, plan.conf.tx_offloads)
            })?;
        }
        let mut obeys_pfc = pfc::obey_by_queue(id, config.tx_queues, config.obey_pfc);
        // SAFETY: configured, and every queue is set up.
        self.call("start the port", || unsafe { sys::rte_eth_dev_start(id) })?;
        let open = Arc::clone(&self.open);
        let running = Arc::new(Running { open });

        // Neither is offered by every driver, and a run without is a run: the counters are compared
        // by difference, and `Effective` tells about the other.
        let ((promiscuous, ()), _log) = log::capture(|| {
            // SAFETY: a started port.
            let promiscuous = config.promiscuous && unsafe { sys::rte_eth_promiscuous_enable(id) } == 0;
            // SAFETY: a started port.
            unsafe { sys::rte_eth_stats_reset(id) };
            // SAFETY: a started port.
            unsafe { sys::rte_eth_xstats_reset(id) };
            (promiscuous, ())
        });
        obeys_pfc |= pfc::obey(id, config.obey_pfc & !obeys_pfc);
        let timed = config.departures != Departures::Off;
        let state = Started {
            tx: (0..config.tx_queues)
                .map(|queue| TxQueue::new(&running, id, queue, timed))
                .collect(),
            rx: (0..config.rx_queues)
                .map(|queue| RxQueue::new(&running, id, queue))
                .collect(),
            running,
            effective: Effective {
                tx_descriptors,
                rx_descriptors,
                mtu: u16::try_from(plan.conf.mtu).ok().filter(|&mtu| mtu != 0),
                rss: plan.conf.rss_types != 0,
                rx_timestamps: plan.rx_timestamps,
                departures: config.departures,
                obeys_pfc,
                promiscuous,
            },
        };
        Ok(Port {
            open: self.open,
            state,
            _not_sync: PhantomData,
        })
    }
}

/// A [`PortConfig`] fitted to what the port offers.
struct Plan {
    conf: sys::squall_port_conf,
    rx_timestamps: RxTimestamps,
}

impl Plan {
    fn new(info: &PortInfo, config: &PortConfig, rx_pool: Option<&RxPool>) -> Result<Plan> {
        let unsupported = |what: String| Error::Unsupported {
            port: info.name.clone(),
            what,
        };
        if config.tx_queues > info.max_tx_queues {
            return Err(unsupported(format!(
                "{} tx_queues asked for, it has {}",
                config.tx_queues, info.max_tx_queues
            )));
        }
        if config.rx_queues > info.max_rx_queues {
            return Err(unsupported(format!(
                "{} rx_queues asked for, it has {}",
                config.rx_queues, info.max_rx_queues
            )));
        }
        let mut conf = sys::squall_port_conf {
            mtu: configured_mtu(info, config.mtu)?,
            rx_queues: config.rx_queues,
            tx_queues: config.tx_queues,
            ..sys::squall_port_conf::default()
        };
        if config.rx_queues > 0 {
            let Some(pool) = rx_pool else {
                return Err(unsupported("receive queues need a pool of buffers".to_owned()));
            };
            let frame = conf.mtu + FRAME_OVERHEAD;
            // SAFETY: a constant of the shim.
            let scatter = unsafe { sys::squall_rx_offload_scatter };
            if conf.mtu != 0 && frame > u32::from(pool.data_room()) {
                if info.rx_offloads & scatter == 0 && !info.is_virtual() {
                    let room = pool.data_room();
                    return Err(unsupported(format!(
                        "frames of {frame} bytes do not fit receive buffers of {room}"
                    )));
                }
                conf.rx_offloads |= scatter & info.rx_offloads;
            }
        }
        // SAFETY: a constant of the shim.
        let timestamp = unsafe { sys::squall_rx_offload_timestamp };
        if config.rx_timestamp && config.rx_queues > 0 {
            conf.rx_offloads |= timestamp & info.rx_offloads;
        }
        if config.departures == Departures::Device {
            if !info.send_on_timestamp {
                return Err(unsupported(
                    "it does not send on time stamps (SEND_ON_TIMESTAMP)".to_owned(),
                ));
            }
            // SAFETY: a constant of the shim.
            conf.tx_offloads |= unsafe { sys::squall_tx_offload_send_on_timestamp };
        }
        if config.rx_queues > 1 {
            // SAFETY: a constant of the shim.
            let l3 = unsafe { sys::squall_rss_l3 };
            // SAFETY: a constant of the shim.
            let l4 = unsafe { sys::squall_rss_l4_udp };
            conf.rss_types = info.rss_types
                & match config.rss {
                    Rss::Off => 0,
                    Rss::L3 => l3,
                    Rss::L3L4 => l3 | l4,
                };
        }
        let rx_timestamps = match info.rx_timestamps {
            RxTimestamps::DeviceClock if conf.rx_offloads & timestamp == 0 => RxTimestamps::None,
            other => other,
        };
        Ok(Plan { conf, rx_timestamps })
    }
}

impl Port<Started> {
    /// The transmit queues that have not been taken yet, in order.
    pub fn take_tx_queues(&mut self) -> Vec<TxQueue> {
        std::mem::take(&mut self.state.tx)
    }

    /// The last of the transmit queues that have not been taken yet.
    pub fn take_last_tx_queue(&mut self) -> Option<TxQueue> {
        self.state.tx.pop()
    }

    /// The receive queues that have not been taken yet, in order.
    pub fn take_rx_queues(&mut self) -> Vec<RxQueue> {
        std::mem::take(&mut self.state.rx)
    }

    /// Takes queues back that were taken from it, for others to take: in the order in which they were.
    pub fn give_queues_back(&mut self, tx: Vec<TxQueue>, rx: Vec<RxQueue>) {
        self.state.tx.splice(..0, tx);
        self.state.rx.splice(..0, rx);
    }

    /// Switches on the port's PTP time stamps. Its clock may start anew with that.
    ///
    /// # Errors
    /// [`Error::Port`] when the driver has none.
    pub fn timesync(&self) -> Result<Timesync> {
        Timesync::enable(self.open.id, &self.open.name, &self.state.running)
    }

    /// The clock behind this port's time stamps.
    #[must_use]
    pub fn device_clock(&self) -> DeviceClock {
        DeviceClock::new(self.open.id, &self.state.running)
    }

    /// What the configuration resulted in.
    #[must_use]
    pub fn effective(&self) -> Effective {
        self.state.effective
    }

    /// The stopped port, or this one unchanged while queues of it are in use elsewhere.
    ///
    /// # Errors
    /// The running port, when a queue that was taken has not been dropped yet.
    pub fn stop(self) -> std::result::Result<Port<Stopped>, Port<Started>> {
        let Port {
            open,
            state:
                Started {
                    running,
                    tx,
                    rx,
                    effective,
                },
            ..
        } = self;
        let held = tx.len() + rx.len() + 1;
        if Arc::strong_count(&running) > held {
            return Err(Port {
                open,
                state: Started {
                    running,
                    tx,
                    rx,
                    effective,
                },
                _not_sync: PhantomData,
            });
        }
        drop((tx, rx, running));
        Ok(Port {
            open,
            state: Stopped(()),
            _not_sync: PhantomData,
        })
    }
}

impl<State> Port<State> {
    /// EAL's name of the port.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.open.name
    }

    /// What the port is and offers.
    ///
    /// # Errors
    /// [`Error::Port`] when the driver does not answer.
    pub fn info(&self) -> Result<PortInfo> {
        let mut raw = sys::squall_port_info::default();
        // SAFETY: the port exists; the answer goes into our own variable.
        self.call("ask for its properties", || unsafe {
            sys::squall_port_info(self.open.id, &raw mut raw)
        })?;
        let mut info = PortInfo::new(&self.open.name, self.open.id, &raw);
        if self.open.rings.is_some() {
            info.rx_timestamps = RxTimestamps::FarEnd;
        }
        Ok(info)
    }

    /// What only asking the driver tells. Drivers answer in full only while the port is started.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let mut raw = sys::squall_port_abilities::default();
        // SAFETY: the port exists; the answer goes into our own variable. Drivers log refusals.
        let ((), _log) = log::capture(|| unsafe { sys::squall_port_abilities(self.open.id, &raw mut raw) });
        Abilities {
            timesync: raw.timesync != 0,
            device_clock: raw.read_clock != 0,
            flow_control: raw.flow_control != 0,
            priority_flow_control: raw.priority_flow_control != 0,
        }
    }

    /// The link's state, without waiting for it.
    ///
    /// # Errors
    /// [`Error::Port`] when the driver does not answer.
    pub fn link(&self) -> Result<Link> {
        let mut raw = sys::squall_link::default();
        // SAFETY: the port exists; the answer goes into our own variable.
        self.call("ask for its link", || unsafe {
            sys::squall_link_get(self.open.id, &raw mut raw)
        })?;
        Ok(Link::new(raw))
    }

    /// Whether the device has gone (pulled out, or its driver unbound).
    #[must_use]
    pub fn is_removed(&self) -> bool {
        // SAFETY: the port exists.
        unsafe { sys::rte_eth_dev_is_removed(self.open.id) == 1 }
    }

    /// The counters that every driver has.
    ///
    /// # Errors
    /// [`Error::Port`] when the driver does not answer.
    pub fn stats(&self) -> Result<PortStats> {
        let mut raw = sys::rte_eth_stats::default();
        // SAFETY: the port exists; the answer goes into our own variable.
        self.call("read its counters", || unsafe {
            sys::rte_eth_stats_get(self.open.id, &raw mut raw)
        })?;
        Ok(PortStats::new(&raw))
    }

    /// All counters of the driver, under its own names. The basic ones are among them.
    ///
    /// # Errors
    /// [`Error::Port`] when the driver does not answer.
    pub fn xstats(&self) -> Result<Vec<(String, u64)>> {
        let id = self.open.id;
        // The number of counters may change between calls (queues): then another round.
        loop {
            // SAFETY: without a buffer the call returns the number of names.
            let count = self.call("count its statistics", || unsafe {
                sys::rte_eth_xstats_get_names(id, std::ptr::null_mut(), 0)
            })?;
            let mut names = vec![sys::rte_eth_xstat_name::default(); usize::try_from(count).unwrap_or(0)];
            let mut values = vec![sys::rte_eth_xstat::default(); names.len()];
            // SAFETY: the buffer has `count` places.
            let named = self.call("name its statistics", || unsafe {
                sys::rte_eth_xstats_get_names(id, names.as_mut_ptr(), count)
            })?;
            // SAFETY: the buffer has `count` places.
            let valued = self.call("read its statistics", || unsafe {
                sys::rte_eth_xstats_get(id, values.as_mut_ptr(), count)
            })?;
            if named > count || valued > count {
                continue;
            }
            let text = |name: &sys::rte_eth_xstat_name| {
                let bytes: Vec<u8> = name
                    .name
                    .iter()
                    .take_while(|&&c| c != 0)
                    .map(|c| c.to_ne_bytes()[0])
                    .collect();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let value_of =
                |value: &sys::rte_eth_xstat| Some((text(names.get(usize::try_from(value.id).ok()?)?), value.value));
            return Ok(values
                .iter()
                .take(usize::try_from(valued).unwrap_or(0))
                .filter_map(value_of)
                .collect());
        }
    }

    /// Runs one of DPDK's control calls; a negative answer is an error with what was logged.
    fn call(&self, action: &'static str, call: impl FnOnce() -> i32) -> Result<u32> {
        let (code, log) = log::capture(call);
        u32::try_from(code).map_err(|_| Error::Port {
            port: self.open.name.clone(),
            action,
            reason: errno_text(code),
            log,
        })
    }
}
