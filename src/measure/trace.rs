//! What was seen of single frames: the material of everything that is inferred.
//!
//! Contract: memory is bounded and taken at once. The first [`OBSERVATIONS`] frames are kept; what
//! came after is counted, and the trace says until when it is complete.
//!
//! Left out on purpose: meaning (`infer`).

use crate::units::Picos;

/// Frames that a trace keeps.
pub const OBSERVATIONS: usize = 1 << 20;

/// What an observed frame is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first copy of a frame of the plan.
    First,
    /// A further copy, or one too late to tell.
    Copy,
    /// Its ICRC is wrong: it took room in queues and on the link, and by its QP and PSN it is the frame
    /// that the plan has there. No more of it is believed.
    Corrupted,
    /// It took room in queues and on the link, and nothing else of it is believed: a contradictory stamp,
    /// another port's, nobody's.
    Ballast,
}

impl Kind {
    /// Whether what the frame says of itself is believed.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        matches!(self, Kind::First | Kind::Copy)
    }
}

/// One RoCEv2 frame that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Departure as its stamp says; [`Picos::MAX`] without a stamp.
    pub departure: Picos,
    /// Arrival.
    pub arrival: Picos,
    /// Its flow; [`Observation::NO_FLOW`] of one that no entry has.
    pub flow: u32,
    /// Low 32 bits of its sequence number.
    pub seq: u32,
    /// Arrival port.
    pub port: u16,
    /// Bytes from the Ethernet header to the last before the FCS.
    pub len: u16,
    /// Priority (IEEE 802.1Q), as the frame arrived.
    pub class: u8,
    /// ECN field as it arrived (RFC 3168 section 5): 3 is CE.
    pub ecn: u8,
    /// What it is to us.
    pub kind: Kind,
}

impl Observation {
    /// Stands for a flow where there is none.
    pub const NO_FLOW: u32 = u32::MAX;

    /// Whether it arrived with CE.
    #[must_use]
    pub const fn is_marked(&self) -> bool {
        self.ecn == 3
    }
}

/// The first frames that came to one core's ports, in the order in which it took them.
#[derive(Debug, Clone)]
pub struct Trace {
    kept: Vec<Observation>,
    most: usize,
    /// Frames beyond `most`.
    beyond: u64,
    /// It is complete up to here.
    until: Picos,
}

impl Default for Trace {
    fn default() -> Self {
        Trace::with_room_for(OBSERVATIONS)
    }
}

impl Trace {
    /// A trace of at most `most` frames.
    #[must_use]
    pub fn with_room_for(most: usize) -> Trace {
        Trace {
            kept: Vec::with_capacity(most),
            most,
            beyond: 0,
            until: Picos::MAX,
        }
    }

    /// Takes a frame in, if there is room.
    #[inline]
    pub fn push(&mut self, observation: Observation) {
        if self.kept.len() < self.most {
            self.kept.push(observation);
        } else {
            self.overflow(observation.arrival);
        }
    }

    #[cold]
    fn overflow(&mut self, arrival: Picos) {
        if self.beyond == 0 {
            self.until = arrival;
        }
        self.beyond += 1;
    }

    /// What was kept.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.kept
    }

    /// Frames that found no room.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// No frame that arrived before this time is missing; [`Picos::MAX`] when all were kept.
    #[must_use]
    pub fn complete_until(&self) -> Picos {
        self.until
    }

    /// Takes in what another core has kept. What arrived after the first of the two was full is of
    /// no use and goes.
    pub fn merge(&mut self, other: Trace) {
        self.until = self.until.min(other.until);
        self.beyond += other.beyond;
        let before = self.kept.len() + other.kept.len();
        self.kept.extend(other.kept);
        if self.until != Picos::MAX {
            let until = self.until;
            self.kept.retain(|seen| seen.arrival <= until);
            self.beyond += (before - self.kept.len()) as u64;
        }
    }

    /// Touches all of its memory, which the system otherwise gives page by page as frames come. For an
    /// empty one.
    pub fn settle(&mut self) {
        if self.kept.is_empty() {
            let nothing = Observation {
                departure: Picos::MAX,
                arrival: Picos::MAX,
                flow: Observation::NO_FLOW,
                seq: 0,
                port: u16::MAX,
                len: 0,
                class: 0,
                ecn: 0,
                kind: Kind::Ballast,
            };
            self.kept.resize(self.most, nothing);
            // Else nobody would ever look at it, and it might not be written at all.
            std::hint::black_box(&mut self.kept).clear();
        }
    }

    /// Empties it for another run; its memory stays.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.beyond = 0;
        self.until = Picos::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(arrival: u64) -> Observation {
        Observation {
            departure: Picos(1),
            arrival: Picos(arrival),
            flow: 0,
            seq: 0,
            port: 0,
            len: 100,
            class: 3,
            ecn: 2,
            kind: Kind::First,
        }
    }

    #[test]
    fn an_observation_is_half_a_cache_line() {
        assert_eq!(size_of::<Observation>(), 32);
    }

    #[test]
    fn a_full_trace_says_until_when_it_is_complete() {
        let mut trace = Trace::with_room_for(3);
        for arrival in [10, 20, 30, 40, 50] {
            trace.push(seen(arrival));
        }
        assert_eq!((trace.observations().len(), trace.beyond()), (3, 2));
        assert_eq!(trace.complete_until(), Picos(40));
        let mut other = Trace::with_room_for(9);
        for arrival in [15, 35, 45] {
            other.push(seen(arrival));
        }
        other.merge(trace);
        // 45 came when the first trace was full already.
        let arrivals: Vec<u64> = other.observations().iter().map(|seen| seen.arrival.0).collect();
        assert_eq!(arrivals, [15, 35, 10, 20, 30]);
        assert_eq!((other.beyond(), other.complete_until()), (3, Picos(40)));
    }
}
