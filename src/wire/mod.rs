//! Wire formats of everything that squall sends, receives or reads from a capture: one header a
//! file, and every file in one shape.
//!
//! A header's file holds its diagram, `LEN`, a plain value `Repr` with `parse`, `emit` and
//! `Display`, and its tests. The value has no derived field (checksums, the ICRC): those are
//! functions of the bytes around it. Names are short inside a module and used with the module's
//! name outside (`bth::Repr`).
//!
//! Contract:
//! * `parse` takes bytes that begin with the header, reads any bytes whatever without a panic,
//!   and answers a [`Malformed`] when they cannot be that header. It does not judge what is
//!   merely unusual; [`decode`] does.
//! * `emit` writes every byte of the header, the reserved ones too, and panics when the buffer is
//!   shorter than the header: it is the caller that made the buffer. A value wider than its field
//!   loses the bits that do not fit.
//! * All numbers are big-endian on the wire, but for the ICRC ([`icrc`]).
//!
//! Two readers stand on the headers: [`packet`] finds its way through a received frame without
//! copying, checksumming or allocating, for the receive loop; [`decode`] reads all of a frame and
//! names everything that is wrong with it, for people.
//!
//! Left out on purpose: RoCE v1, management datagrams, and whatever takes more than one frame to judge (PSN sequence, message
//! lengths), which is `measure`'s.

pub mod advance;
pub mod aeth;
pub mod arp;
pub mod atomicacketh;
pub mod atomiceth;
pub mod bth;
pub mod checksum;
pub mod class;
pub mod cnp;
pub mod decode;
pub mod deth;
pub mod ecn;
pub mod ethernet;
pub mod fcs;
pub mod feth;
pub mod icmp;
pub mod icmpv6;
pub mod icrc;
pub mod ieth;
pub mod immdt;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod opcode;
pub mod packet;
pub mod pause;
pub mod pfc;
pub mod ptp;
pub mod rdeth;
pub mod reth;
pub mod stamp;
pub mod template;
pub mod udp;
pub mod vlan;
pub mod xrceth;

mod bytes;
mod malformed;

pub use malformed::Malformed;
pub use opcode::Opcode;
pub use packet::{Frame, Packet};
