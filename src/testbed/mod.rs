//! What the lab is: DPDK ports, cores, placement of workers on ports, addresses, and the switch
//! under test.
//!
//! Contract: a [`Testbed`] that exists is consistent in itself. Loading reports every mistake at
//! once, each with file, line and column.
//!
//! Left out on purpose: traffic, and anything that needs DPDK to answer (link speed, offloads).

mod types;

pub use types::*;
