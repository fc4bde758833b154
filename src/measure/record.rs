//! What one core has counted: plain data, added up over cores at the end.
//!
//! Contract: every field says its unit; times are of the run's clock.
//!
//! Left out on purpose: rates and percentiles, which are the report's.

use super::group::{CompletionRecord, Group, Groups};
use super::pause::PauseMeter;
pub use super::pause::SentPause;
pub use super::times::{Times, coarse_histogram, histogram};
use crate::units::Picos;

/// What was received of one entry.
#[derive(Debug, Clone)]
pub struct EntryRecord {
    /// Packets received, each once, ICRC right or not checked.
    pub packets: u64,
    /// Payload bytes of them.
    pub payload_bytes: u64,
    /// Frames' bytes without FCS of them.
    pub frame_bytes: u64,
    /// Packets received again.
    pub duplicated: u64,
    /// Packets received after a later one of their QP (RFC 4737 section 3).
    pub reordered: u64,
    /// Packets older than the duplicate window: received late, or again.
    pub too_old: u64,
    /// Packets whose ICRC was computed.
    pub icrc_checked: u64,
    /// Packets whose ICRC was wrong: not among `packets`.
    pub icrc_errors: u64,
    /// Packets whose fields contradict each other or the plan: not among `packets`.
    pub malformed: u64,
    /// Packets that came to another port than planned (flooded): not among `packets`.
    pub misdelivered: u64,
    /// `packets`, and those that a responder dropped, by ECN codepoint: not-ECT, ECT(1), ECT(0), CE.
    pub ecn: [u64; 4],
    /// `packets` without a stamp.
    pub unstamped: u64,
    /// Packets that arrived before they left, by the clocks used.
    pub time_travel: u64,
    /// One-way delay of each stamped packet, ps.
    pub latency: Times,
    /// From one arrival to the next of the same pair, where arrivals are better than those of bursts.
    pub arrival_gaps: Times,
    /// Messages and groups received whole.
    pub whole: CompletionRecord,
    /// Earliest departure of a stamped packet.
    pub first_departure: Picos,
    /// Earliest arrival.
    pub first_arrival: Picos,
    /// Latest arrival.
    pub last_arrival: Picos,
    /// Groups under way.
    pub groups: Groups,
    /// Its first frame with CE.
    pub first_mark: Option<FirstMark>,
}

/// The first frame of an entry that arrived with CE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstMark {
    /// Its arrival.
    pub arrival: Picos,
    /// Its departure; `None` without a stamp.
    pub departure: Option<Picos>,
    /// It was the n-th frame of the entry to arrive, from 1.
    pub frame: u64,
    /// Its flow.
    pub flow: u32,
    /// Its sequence number.
    pub seq: u64,
}

impl Default for EntryRecord {
    fn default() -> Self {
        EntryRecord {
            packets: 0,
            payload_bytes: 0,
            frame_bytes: 0,
            duplicated: 0,
            reordered: 0,
            too_old: 0,
            icrc_checked: 0,
            icrc_errors: 0,
            malformed: 0,
            misdelivered: 0,
            ecn: [0; 4],
            unstamped: 0,
            time_travel: 0,
            latency: Times::settled(),
            arrival_gaps: Times::default(),
            whole: CompletionRecord::default(),
            first_departure: Picos::MAX,
            first_arrival: Picos::MAX,
            last_arrival: Picos::ZERO,
            groups: Groups::default(),
            first_mark: None,
        }
    }
}

impl EntryRecord {
    /// Takes in what another core has counted.
    pub fn merge(&mut self, other: EntryRecord) {
        self.first_mark = match (self.first_mark, other.first_mark) {
            // Over several cores nobody knows the count at that time: that of its own core stands.
            (Some(mine), Some(theirs)) => Some(if theirs.arrival < mine.arrival { theirs } else { mine }),
            (mine, theirs) => mine.or(theirs),
        };
        self.packets += other.packets;
        self.payload_bytes += other.payload_bytes;
        self.frame_bytes += other.frame_bytes;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.too_old += other.too_old;
        self.icrc_checked += other.icrc_checked;
        self.icrc_errors += other.icrc_errors;
        self.malformed += other.malformed;
        self.misdelivered += other.misdelivered;
        for (mine, theirs) in self.ecn.iter_mut().zip(other.ecn) {
            *mine += theirs;
        }
        self.unstamped += other.unstamped;
        self.time_travel += other.time_travel;
        self.latency.merge(&other.latency);
        self.arrival_gaps.merge(&other.arrival_gaps);
        self.whole.merge(&other.whole);
        self.first_departure = self.first_departure.min(other.first_departure);
        self.first_arrival = self.first_arrival.min(other.first_arrival);
        self.last_arrival = self.last_arrival.max(other.last_arrival);
        self.whole.bring_together(&mut self.groups, other.groups);
    }

    /// Takes in what was brought together elsewhere: groups under way, and what is complete.
    pub fn take_in(&mut self, open: Groups, complete: &CompletionRecord) {
        self.whole.bring_together(&mut self.groups, open);
        self.whole.merge(complete);
    }

    /// A message was received whole, or a part of it where it is cut over QPs.
    #[inline]
    pub fn message(&mut self, message: Group) {
        let whole = if message.expected > 1 {
            self.groups.add_part(message)
        } else {
            Some(message)
        };
        if let Some(whole) = whole {
            self.whole.message(&whole, &mut self.groups);
        }
    }
}

/// What was received of one pair of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairRecord {
    /// Payload bytes.
    pub payload_bytes: u64,
    /// Earliest departure of a stamped packet.
    pub first_departure: Picos,
    /// Earliest arrival.
    pub first_arrival: Picos,
    /// Latest arrival.
    pub last_arrival: Picos,
    /// Longest time without an arrival, between two.
    pub longest_gap: Picos,
    /// When that began.
    pub gap_began: Picos,
    /// Longest time without an arrival on one of its flows at whose end frames were missing.
    pub outage: Outage,
}

/// Time in which a flow's frames were lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outage {
    /// From the last arrival before to the first after it; zero: there was none.
    pub length: Picos,
    /// The first arrival after it.
    pub ended: Picos,
    /// The flow.
    pub flow: u32,
    /// Frames that were missing then. Some may have come later.
    pub missing: u64,
}

impl Default for PairRecord {
    fn default() -> Self {
        PairRecord {
            payload_bytes: 0,
            first_departure: Picos::MAX,
            first_arrival: Picos::MAX,
            last_arrival: Picos::ZERO,
            longest_gap: Picos::ZERO,
            gap_began: Picos::ZERO,
            outage: Outage::default(),
        }
    }
}

impl PairRecord {
    /// Takes in what another core has counted. Gaps between arrivals on different cores are not
    /// seen, so the longest is that of one core.
    pub fn merge(&mut self, other: &PairRecord) {
        if other.longest_gap > self.longest_gap {
            (self.longest_gap, self.gap_began) = (other.longest_gap, other.gap_began);
        }
        if other.outage.length > self.outage.length {
            self.outage = other.outage;
        }
        self.payload_bytes += other.payload_bytes;
        self.first_departure = self.first_departure.min(other.first_departure);
        self.first_arrival = self.first_arrival.min(other.first_arrival);
        self.last_arrival = self.last_arrival.max(other.last_arrival);
    }
}

/// Frames that came to a port and belong to no entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortRecord {
    /// All frames that the port gave us.
    pub frames: u64,
    /// Their bytes without FCS.
    pub bytes: u64,
    /// Frames of entries whose receiver is behind another port.
    pub misdelivered: u64,
    /// RoCEv2 frames to a QP that no entry has.
    pub unknown: u64,
    /// Frames to a QP of an entry that another run, or another host, has sent.
    pub strangers: u64,
    /// RoCEv2 frames that cannot be parsed.
    pub malformed: u64,
    /// CNPs.
    pub cnp: u64,
    /// ACKs, NAKs and CNPs for requesters of ours.
    pub answers: u64,
    /// READ requests for workers of ours.
    pub read_requests: u64,
    /// Both with a wrong ICRC: not heard.
    pub bad_answers: u64,
    /// Frames that are not RoCEv2.
    pub other: u64,
    /// PFC frames that name each class.
    pub pfc: [u64; 8],
    /// PFC frames.
    pub pfc_frames: u64,
    /// PAUSE frames.
    pub pause_frames: u64,
    /// How long PFC paused each class.
    pub paused: [PauseMeter; 8],
    /// How long PAUSE frames halted the port.
    pub halted: PauseMeter,
}

impl PortRecord {
    /// Takes in what another core has counted.
    pub fn merge(&mut self, other: &PortRecord) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.misdelivered += other.misdelivered;
        self.unknown += other.unknown;
        self.strangers += other.strangers;
        self.malformed += other.malformed;
        self.cnp += other.cnp;
        self.answers += other.answers;
        self.read_requests += other.read_requests;
        self.bad_answers += other.bad_answers;
        self.other += other.other;
        for (mine, theirs) in self.pfc.iter_mut().zip(other.pfc) {
            *mine += theirs;
        }
        self.pfc_frames += other.pfc_frames;
        self.pause_frames += other.pause_frames;
        for (mine, theirs) in self.paused.iter_mut().zip(&other.paused) {
            mine.merge(theirs);
        }
        self.halted.merge(&other.halted);
    }
}
