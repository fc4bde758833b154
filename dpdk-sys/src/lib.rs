//! Raw bindings to the part of DPDK that squall uses.
//!
//! Contract: what `build.rs` lists and nothing else. DPDK's plain functions come straight from the
//! installed headers; its static-inline functions, every access to an mbuf's fields and the
//! structures that differ between releases go through `shim/shim.c`. `rte_mbuf`,
//! `rte_mempool` and `rte_ring` are opaque here; of an mbuf, `shim/layout.h` gives a few distances.
//!
//! Left out on purpose: decisions, and safety. `squall::dpdk` is the safe layer.

#![allow(non_camel_case_types, non_upper_case_globals, clippy::all, clippy::pedantic)]

/// A packet buffer. Only C knows its fields.
#[repr(C)]
pub struct rte_mbuf {
    _opaque: [u8; 0],
}

/// A pool of packet buffers. Only C knows its fields.
#[repr(C)]
pub struct rte_mempool {
    _opaque: [u8; 0],
}

/// A ring of pointers. Only C knows its fields.
#[repr(C)]
pub struct rte_ring {
    _opaque: [u8; 0],
}

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
