//! squall: a kernel-bypass RoCEv2 packet generator and analyser on DPDK.
//!
//! Data flows one way: `pattern` + `testbed` → `plan` → `engine` → `measure` → `report`.
//! `docs/ARCHITECTURE.md` is the map.

// Examples that `tests/` shares with unit tests name the crate as users do.
#[cfg(test)]
extern crate self as squall;

pub mod calibrate;
pub mod capture;
pub mod child;
pub mod cli;
pub mod compare;
pub mod devargs;
pub mod dpdk;
pub mod engine;
pub mod expect;
pub mod fabric;
pub mod files;
pub mod host;
pub mod lab;
pub mod measure;
pub mod metrics;
pub mod neighbour;
pub mod pattern;
pub mod plan;
pub mod plot;
pub mod report;
pub mod suite;
pub mod sweep;
pub mod testbed;
pub mod transport;
pub mod trial;
pub mod units;
pub mod wire;
pub mod yaml;
