//! One QP's packets as plain state machines, without ports, threads or clocks.
//!
//! Contract: `now` and what was sent or received are arguments; rates and deadlines are answers.
//!
//! Left out on purpose so far: the reliable connection, and the way of a CNP from a received CE mark to the sender. No run
//! is paced by [`dcqcn`] yet.

pub mod dcqcn;
