//! The safe layer over DPDK, and the only place with `unsafe`.
//!
//! Contract: [`Eal`] starts DPDK once per process and lives as long as anything made from it.
//! A [`Port`] is [`Stopped`] or [`Started`]; only a started one hands out [`TxQueue`]s and
//! [`RxQueue`]s, each once, each to be used by one thread at a time. Frames live in [`TxBatch`]
//! and [`RxBatch`], which own their mbufs: what is not sent stays in the batch, what is dropped
//! goes back to its pool. No call on the packet path allocates, locks or logs.
//!
//! A port can also be made of rings ([`Eal::ring_port`]): then this process holds its [`FarEnd`]s too,
//! which take the frames that it sent and give it frames to receive, one at a time.
//!
//! Memory pools outlive every mbuf: a dropped pool is freed when nothing is left that could
//! hold one of its mbufs (`ledger`).
//!
//! Left out on purpose: traffic, pacing, threads and core pinning.

#![allow(unsafe_code)]

mod batch;
mod clock;
mod descriptors;
mod device_clock;
mod eal;
mod error;
mod hugepages;
mod icrc;
mod info;
mod ledger;
mod log;
mod mtu;
mod pfc;
mod pool;
mod port;
mod prefetch;
mod queue;
mod ring;
mod ring_port;
mod runtime_dir;
mod thread;
mod timesync;

pub use batch::{BATCH, RxBatch, RxFrame, TxBatch, TxFrame};
pub use clock::{TscClock, tsc, tsc_ordered};
pub use descriptors::close_on_exec;
pub use device_clock::{DeviceClock, kernel_nanos};
pub use eal::{DeviceArg, Eal, EalConfig, Hugepages, build_version, pmd_path, version};
pub use error::Error;
pub use hugepages::{HugepageSize, HugepageState, hugepages};
pub use icrc::{Routine, routine as icrc_routine};
pub use info::{Abilities, Link, PortInfo, PortStats, RxTimestamps, StampSource};
pub use pfc::{PfcCounters, pfc_counters};
pub use pool::{PoolConfig, RxPool, TxPool};
pub use port::{Departures, Effective, Port, PortConfig, Rss, Started, Stopped};
pub use prefetch::prefetch;
pub use queue::{RxQueue, TxQueue};
pub use ring::{FarEnd, RingFrame};
pub use thread::ThreadRegistration;
pub use timesync::Timesync;

/// What the functions of this module return.
pub type Result<T> = std::result::Result<T, Error>;
