//! Which packet of which QP leaves when, as plain state machines: one QP (`flow`), one sender (`lane`) and its pace (`pace`), one
//! port queue (`schedule`); DCQCN's reaction point (`dcqcn`).
//!
//! Contract: `now` and what was sent or received are arguments; packets, rates and deadlines are answers. No ports, threads
//! or clocks.
//!
//! Left out on purpose: header bytes (`wire`).

pub mod dcqcn;
pub mod flow;
pub mod lane;
pub mod pace;
pub mod schedule;
pub mod whole;
