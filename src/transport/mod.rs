//! Which packet of which QP leaves when, as plain state machines: one QP (`flow`), one sender (`lane`) and its pace (`pace`), one
//! port queue (`schedule`). A reliable connection adds the requester's and the responder's state (`requester`, `responder`), the
//! QPs of a lane that are such (`reliable`), DCQCN's reaction point (`dcqcn`), what peers' messages must be like (`assembly`), READs that wait to be answered (`reads`), and packets that came before their turn (`ahead`).
//!
//! Contract: `now` and what was sent or received are arguments; packets, rates and deadlines are answers. No ports, threads
//! or clocks.
//!
//! Left out on purpose: header bytes (`wire`).

pub mod ahead;
pub mod assembly;
pub mod dcqcn;
pub mod flow;
pub mod lane;
pub mod pace;
pub mod reads;
pub mod reliable;
pub mod requester;
pub mod responder;
pub mod schedule;
pub mod whole;
