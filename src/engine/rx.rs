//! One port queue's receiving.
//!
//! Contract: [`RxUnit::step`] takes at most one burst, hands every frame to the recorder and gives
//! the buffers back. A frame's arrival is its own time stamp where that is of the run's clock or of one
//! that is related to it, else the time of the burst.
//!
//! Left out on purpose: what frames mean.

use crossbeam::channel::Sender;
use hdrhistogram::Histogram;

use crate::dpdk::{Eal, RxBatch, RxFrame, RxQueue};
use crate::engine::ptp_probe::Arrival;
use crate::engine::stamps::Stamps;
use crate::measure::Recorder;
use crate::measure::record::coarse_histogram;
use crate::neighbour::Heard;
use crate::units::Picos;

/// One port queue that receives.
pub struct RxUnit {
    /// Index of the port in the plan.
    pub port: usize,
    queue: RxQueue,
    batch: RxBatch,
    /// For frames of several segments.
    scratch: Vec<u8>,
    /// What the frames' own stamps are to us.
    arrivals: Arrivals,
    /// Who is told of PTP frames; nobody, where none are sent.
    probes: Option<Sender<Arrival>>,
    /// From the look before to each burst with frames, ps.
    pub spread: Histogram<u64>,
    /// When the queue was last looked at, or shortly before.
    looked: Option<Picos>,
}

/// What the time stamps of received frames are to a unit.
enum Arrivals {
    /// Nothing.
    Burst,
    /// Arrivals on the run's clock.
    OfTheRun,
    /// Arrivals on a clock of their own.
    Related(Stamps),
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
            probes: None,
            arrivals: Arrivals::Burst,
            spread: coarse_histogram(),
            looked: None,
        }
    }

    /// The same for a port whose frames carry the time of their arrival on the run's clock.
    #[must_use]
    pub fn with_arrivals(mut self) -> RxUnit {
        self.arrivals = Arrivals::OfTheRun;
        self
    }

    /// The same for a port that PTP probes come to.
    #[must_use]
    pub fn with_probes(mut self, tell: Sender<Arrival>) -> RxUnit {
        self.probes = Some(tell);
        self
    }

    /// The same for a port whose frames carry the time of their arrival on another clock.
    #[must_use]
    pub fn with_stamps(mut self) -> RxUnit {
        self.arrivals = Arrivals::Related(Stamps::default());
        self
    }

    /// The stamps of that other clock.
    pub fn stamps(&mut self) -> Option<&mut Stamps> {
        match &mut self.arrivals {
            Arrivals::Related(stamps) => Some(stamps),
            Arrivals::Burst | Arrivals::OfTheRun => None,
        }
    }

    /// Says that the unit's last step began at `now` or later: what the next one brings has come since.
    #[inline]
    pub fn looked(&mut self, now: Picos) {
        self.looked = Some(now);
    }

    /// Records what has arrived; `clock` is read after the burst, and `hear` is told what frames say about neighbours, with
    /// their port and arrival. Returns the number of frames.
    #[inline]
    pub fn step(
        &mut self,
        recorder: &mut Recorder,
        clock: impl Fn() -> Picos,
        mut hear: impl FnMut(usize, Picos, &Heard<'_>),
    ) -> usize {
        let got = self.batch.receive(&mut self.queue);
        if got == 0 {
            return 0;
        }
        let arrival = clock();
        let (port, arrivals) = (self.port, &mut self.arrivals);
        let mut own = |frame: &RxFrame<'_>| match arrivals {
            Arrivals::Burst => arrival,
            Arrivals::OfTheRun => frame.timestamp().map_or(arrival, Picos),
            Arrivals::Related(stamps) => stamps.arrival(frame.timestamp(), arrival),
        };
        if self.probes.is_none() && self.batch.iter().all(|frame| frame.is_whole()) {
            let frames = self.batch.iter().map(|frame| (frame.bytes(), own(&frame)));
            recorder.burst(port, frames, |own, heard| hear(port, own, &heard));
        } else {
            for frame in self.batch.iter() {
                let own = own(&frame);
                let bytes = frame.whole(&mut self.scratch);
                if let Some(tell) = &self.probes
                    && let Some(probe) = Arrival::of(port, bytes, frame.ptp_flags())
                {
                    // A full channel loses it: more have come than anybody has sent.
                    let _ = tell.try_send(probe);
                }
                if let Some(heard) = recorder.frame(port, bytes, own) {
                    hear(port, own, &heard);
                }
            }
        }
        if let Some(looked) = self.looked {
            // It grows, a few times in a run: nothing to refuse.
            let _ = self.spread.record(arrival.saturating_sub(looked).0);
        }
        // Buffers go back at once: a full ring at the other end is a refusal there.
        self.batch.release();
        got
    }
}
