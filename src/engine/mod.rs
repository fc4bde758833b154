//! The loops that move frames: crafting, sending, receiving, and the drivers that run them.
//!
//! Contract: what to send next and what a received frame means are the state machines of `plan`
//! and `measure`; here are bursts, clocks, threads and the order of a run. Nothing on the packet
//! path locks, logs or asks the kernel, and no frame asks for memory of its own.
//!
//! Left out on purpose: formatting of results.

pub mod ahead;
pub mod announce;
pub mod answers;
pub mod batch;
pub mod bench;
pub mod burst;
pub mod carried;
pub mod core;
pub mod craft;
pub mod feedback;
pub mod inject;
pub mod lab;
pub mod obey;
pub mod outcome;
pub mod ptp_probe;
mod reads;
pub mod realtime;
pub mod resolve;
pub mod rx;
pub mod sample;
pub mod stamps;
pub mod tx;
pub mod unroll;
pub mod virtual_lab;
pub mod virtual_time;
