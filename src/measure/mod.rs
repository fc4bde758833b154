//! What came back: per-core recorders, merged only by snapshot.
//!
//! Contract: a [`Recorder`] belongs to one core and is given every frame with its arrival port and
//! time. It allocates nothing per frame, trusts nothing in a frame, and every frame ends in exactly
//! one counter of received, duplicated, too old, bad, misdelivered, unknown or foreign.
//!
//! Left out on purpose: formatting, and knowledge of what was *not* sent (the engine's).

pub mod flow;
pub mod group;
pub mod record;
pub mod recorder;

pub use record::{EntryRecord, PairRecord, PortRecord};
pub use recorder::{Completion, Recorder};

/// Jain's fairness index, (Σx)² / (n·Σx²); `None` for no values or all zero (R. Jain, D. Chiu and
/// W. Hawe, DEC-TR-301).
#[must_use]
pub fn jain(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        n += 1.0;
        sum += value;
        squares += value * value;
    }
    (squares > 0.0).then(|| sum * sum / (n * squares))
}
