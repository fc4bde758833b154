//! One port queue's receiving.
//!
//! Contract: [`RxUnit::step`] takes at most one burst, hands every frame to the recorder and gives
//! the buffers back. A frame's arrival is its own time stamp where the port has the run's clock,
//! else the time of the burst.
//!
//! Left out on purpose: what frames mean.

use crossbeam::channel::Sender;

use crate::dpdk::{Eal, RxBatch, RxQueue};
use crate::engine::ptp_probe::Arrival;
use crate::measure::Recorder;
use crate::units::Picos;

/// One port queue that receives.
pub struct RxUnit {
    /// Index of the port in the plan.
    pub port: usize,
    queue: RxQueue,
    batch: RxBatch,
    /// For frames of several segments.
    scratch: Vec<u8>,
    /// Frames carry their arrival on the run's clock.
    stamped: bool,
    /// Who is told of PTP frames; nobody, where none are sent.
    probes: Option<Sender<Arrival>>,
}

impl RxUnit {
    /// A unit that receives from `queue`.
    #[must_use]
    pub fn new(eal: &Eal, port: usize, queue: RxQueue) -> RxUnit {
        RxUnit {
            port,
            queue,
            batch: RxBatch::new(eal),
            scratch: Vec::new(),
            stamped: false,
            probes: None,
        }
    }

    /// The same for a port whose frames carry the time of their arrival on the run's clock.
    #[must_use]
    pub fn with_arrivals(mut self) -> RxUnit {
        self.stamped = true;
        self
    }

    /// The same for a port that PTP probes come to.
    #[must_use]
    pub fn with_probes(mut self, tell: Sender<Arrival>) -> RxUnit {
        self.probes = Some(tell);
        self
    }

    /// Records what has arrived; `clock` is read after the burst. Returns the number of frames.
    #[inline]
    pub fn step(&mut self, recorder: &mut Recorder, clock: impl Fn() -> Picos) -> usize {
        let got = self.batch.receive(&mut self.queue);
        if got == 0 {
            return 0;
        }
        let arrival = clock();
        for frame in self.batch.iter() {
            let own = frame.timestamp().filter(|_| self.stamped).map(Picos);
            let bytes = frame.whole(&mut self.scratch);
            if let Some(tell) = &self.probes
                && let Some(probe) = Arrival::of(self.port, bytes, frame.ptp_flags())
            {
                // A full channel loses it: more have come than anybody has sent.
                let _ = tell.try_send(probe);
            }
            recorder.frame(self.port, bytes, own.unwrap_or(arrival));
        }
        // Buffers go back at once: a full ring at the other end is a refusal there.
        self.batch.release();
        got
    }
}
