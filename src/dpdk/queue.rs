//! The queues of a started port: handles that keep it running.
//!
//! Contract: a queue may move to another thread, and is used by one at a time (`&mut`, no `Clone`,
//! not `Sync`), which is what DPDK asks for.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::port::Running;

/// Sends frames. See [`super::TxBatch::send`].
pub struct TxQueue {
    pub(super) port: u16,
    pub(super) queue: u16,
    /// Whether departure times are written into the buffers.
    pub(super) timed: bool,
    _running: Arc<Running>,
    _not_sync: PhantomData<Cell<()>>,
}

/// Receives frames. See [`super::RxBatch::receive`].
pub struct RxQueue {
    pub(super) port: u16,
    pub(super) queue: u16,
    _running: Arc<Running>,
    _not_sync: PhantomData<Cell<()>>,
}

impl TxQueue {
    pub(super) fn new(running: &Arc<Running>, port: u16, queue: u16, timed: bool) -> TxQueue {
        TxQueue {
            port,
            queue,
            timed,
            _running: Arc::clone(running),
            _not_sync: PhantomData,
        }
    }

    /// DPDK's number of the port, and the queue's within it.
    #[must_use]
    pub fn id(&self) -> (u16, u16) {
        (self.port, self.queue)
    }
}

impl RxQueue {
    pub(super) fn new(running: &Arc<Running>, port: u16, queue: u16) -> RxQueue {
        RxQueue {
            port,
            queue,
            _running: Arc::clone(running),
            _not_sync: PhantomData,
        }
    }

    /// DPDK's number of the port, and the queue's within it.
    #[must_use]
    pub fn id(&self) -> (u16, u16) {
        (self.port, self.queue)
    }
}
