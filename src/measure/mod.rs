//! What came back: per-core recorders, merged only by snapshot.
//!
//! Contract: a [`Recorder`] belongs to one core and is given every frame with its arrival port and
//! time. It asks for no memory of a frame's own, trusts nothing in a frame, and every frame ends in exactly
//! one counter of received, duplicated, dropped by a responder, too old, bad, misdelivered, stranger, unknown or foreign.
//!
//! Left out on purpose: formatting, and knowledge of what was *not* sent (the engine's).

pub mod answering;
pub mod asked;
pub mod clock;
pub mod contention;
pub mod flow;
pub mod gaps;
pub mod group;
pub mod infer;
pub mod pause;
pub mod ptp_probe;
pub mod rates;
pub mod record;
pub mod recorder;
pub mod tally;
pub mod times;
pub mod trace;

pub use contention::contended;
pub use gaps::{GapRecord, Holds, SenderGaps};
pub use infer::infer;
pub use pause::{PauseLog, PauseOrder, SentPause};
pub use record::{EntryRecord, PairRecord, PortRecord};
pub use recorder::{Completion, Recorder};
pub use tally::{SharedGroups, Tally};
