//! Neighbours: who answers for which address, and who is where.
//!
//! Contract: plain state machines. The time is an argument, and so is every frame that came; what is to be sent is
//! written into the caller's buffer. Frames may be anything, and nothing in them is believed before it is checked.
//!
//! Left out on purpose: ports, threads, and traffic. `engine` moves the frames.

pub mod announce;
pub mod answer;
pub mod heard;
pub mod resolve;
mod write;

pub use announce::announcements;
pub use answer::{Answers, Responder};
pub use heard::{Heard, Says};
pub use resolve::Resolver;
