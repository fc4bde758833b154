//! What recorders had counted at one moment of a run, and the difference of two such moments.
//!
//! Contract: a tally is cumulative and plain; taking one copies counters and histograms and changes
//! nothing. The difference of two tallies of the same recorders is what happened between them: over
//! successive ones it adds up to the whole.
//!
//! Left out on purpose: when tallies are taken (the engine's), rates and percentiles (the report's).

use hdrhistogram::Histogram;

use super::Recorder;
use super::group::{CompletionRecord, Groups};
use super::record::{EntryRecord, PortRecord, histogram};
use crate::units::Picos;

/// What was received of one entry.
#[derive(Debug, Clone)]
pub struct EntryTally {
    /// Packets, each once.
    pub packets: u64,
    /// Payload bytes of them.
    pub payload_bytes: u64,
    /// `packets` by ECN codepoint: not-ECT, ECT(1), ECT(0), CE.
    pub ecn: [u64; 4],
    /// Packets received again.
    pub duplicated: u64,
    /// Packets received after a later one of their QP.
    pub reordered: u64,
    /// Packets with a wrong ICRC.
    pub icrc_errors: u64,
    /// Messages received whole.
    pub messages: u64,
    /// One-way delay of each stamped packet, ps.
    pub latency: Histogram<u64>,
    /// First departure to arrival of the last packet, of each complete message, ps.
    pub message_latency: Histogram<u64>,
    /// First departure to last arrival of each complete group, ps.
    pub group_completion: Histogram<u64>,
}

impl From<&EntryRecord> for EntryTally {
    fn from(record: &EntryRecord) -> EntryTally {
        EntryTally {
            packets: record.packets,
            payload_bytes: record.payload_bytes,
            ecn: record.ecn,
            duplicated: record.duplicated,
            reordered: record.reordered,
            icrc_errors: record.icrc_errors,
            messages: record.whole.messages,
            latency: record.latency.histogram(),
            message_latency: record.whole.message_latency.histogram(),
            group_completion: record.whole.group_completion.histogram(),
        }
    }
}

impl EntryTally {
    fn add(&mut self, other: &EntryTally) {
        self.packets += other.packets;
        self.payload_bytes += other.payload_bytes;
        for (mine, theirs) in self.ecn.iter_mut().zip(other.ecn) {
            *mine += theirs;
        }
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.icrc_errors += other.icrc_errors;
        self.messages += other.messages;
        for (mine, theirs) in [
            (&mut self.latency, &other.latency),
            (&mut self.message_latency, &other.message_latency),
            (&mut self.group_completion, &other.group_completion),
        ] {
            // Both were made by `histogram`: each takes what the other holds.
            let _ = mine.add(theirs);
        }
    }

    fn since(&self, before: &EntryTally) -> EntryTally {
        let mut ecn = self.ecn;
        for (now, then) in ecn.iter_mut().zip(before.ecn) {
            *now = now.saturating_sub(then);
        }
        EntryTally {
            packets: self.packets.saturating_sub(before.packets),
            payload_bytes: self.payload_bytes.saturating_sub(before.payload_bytes),
            ecn,
            duplicated: self.duplicated.saturating_sub(before.duplicated),
            reordered: self.reordered.saturating_sub(before.reordered),
            icrc_errors: self.icrc_errors.saturating_sub(before.icrc_errors),
            messages: self.messages.saturating_sub(before.messages),
            latency: difference(&self.latency, &before.latency),
            message_latency: difference(&self.message_latency, &before.message_latency),
            group_completion: difference(&self.group_completion, &before.group_completion),
        }
    }
}

/// What `now` has more than `before`, of which it is a continuation.
fn difference(now: &Histogram<u64>, before: &Histogram<u64>) -> Histogram<u64> {
    let mut rest = now.clone();
    // Refused only where something was in `before` and is not in `now`: that is no continuation.
    if rest.subtract(before).is_err() {
        rest = histogram();
    }
    rest
}

/// What came to one port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortTally {
    /// Frames.
    pub frames: u64,
    /// Their bytes without FCS.
    pub bytes: u64,
    /// PFC frames, each once.
    pub pfc_frames: u64,
    /// PAUSE frames.
    pub pause_frames: u64,
    /// For how long PFC and PAUSE asked it to pause until then, all classes together.
    pub paused: Picos,
}

impl PortTally {
    fn new(record: &PortRecord, now: Picos) -> PortTally {
        let halted = record.halted.total(now);
        PortTally {
            frames: record.frames,
            bytes: record.bytes,
            pfc_frames: record.pfc_frames,
            pause_frames: record.pause_frames,
            paused: record
                .paused
                .iter()
                .fold(halted, |sum, meter| sum.saturating_add(meter.total(now))),
        }
    }

    fn add(&mut self, other: &PortTally) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.pfc_frames += other.pfc_frames;
        self.pause_frames += other.pause_frames;
        self.paused = self.paused.saturating_add(other.paused);
    }

    fn since(&self, before: &PortTally) -> PortTally {
        PortTally {
            frames: self.frames.saturating_sub(before.frames),
            bytes: self.bytes.saturating_sub(before.bytes),
            pfc_frames: self.pfc_frames.saturating_sub(before.pfc_frames),
            pause_frames: self.pause_frames.saturating_sub(before.pause_frames),
            paused: self.paused.saturating_sub(before.paused),
        }
    }
}

/// What all that is given to it has counted.
#[derive(Debug, Clone)]
pub struct Tally {
    /// For each entry.
    pub entries: Vec<EntryTally>,
    /// For each port.
    pub ports: Vec<PortTally>,
}

impl Tally {
    /// What `recorder` has counted by `now`.
    #[must_use]
    pub fn of(recorder: &Recorder, now: Picos) -> Tally {
        Tally {
            entries: recorder.entries().iter().map(EntryTally::from).collect(),
            ports: recorder
                .ports()
                .iter()
                .map(|record| PortTally::new(record, now))
                .collect(),
        }
    }

    /// Adds what another core has counted.
    pub fn add(&mut self, other: &Tally) {
        for (mine, theirs) in self.entries.iter_mut().zip(&other.entries) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.ports.iter_mut().zip(&other.ports) {
            mine.add(theirs);
        }
    }

    /// What happened since `before`.
    #[must_use]
    pub fn since(&self, before: &Tally) -> Tally {
        Tally {
            entries: self
                .entries
                .iter()
                .zip(&before.entries)
                .map(|(now, then)| now.since(then))
                .collect(),
            ports: self
                .ports
                .iter()
                .zip(&before.ports)
                .map(|(now, then)| now.since(then))
                .collect(),
        }
    }
}

/// Groups of messages, and messages cut over QPs, that several cores see parts of, brought together while a run goes on: what
/// is complete is counted, and what is not is bounded.
#[derive(Debug, Clone)]
pub struct SharedGroups {
    open: Vec<Groups>,
    /// What is complete, for each entry.
    complete: Vec<CompletionRecord>,
}

impl SharedGroups {
    /// None so far, of so many entries.
    #[must_use]
    pub fn new(entries: usize) -> SharedGroups {
        SharedGroups {
            open: vec![Groups::default(); entries],
            complete: vec![CompletionRecord::default(); entries],
        }
    }

    /// Takes in what one core has handed over.
    pub fn take(&mut self, handed_over: Vec<Groups>) {
        for ((open, complete), theirs) in self.open.iter_mut().zip(&mut self.complete).zip(handed_over) {
            complete.bring_together(open, theirs);
            open.trim();
        }
    }

    /// Adds the complete ones to what cores have completed by themselves.
    pub fn add_to(&self, tally: &mut Tally) {
        for (entry, complete) in tally.entries.iter_mut().zip(&self.complete) {
            entry.messages += complete.messages;
            // As above.
            let _ = entry.message_latency.add(complete.message_latency.histogram());
            let _ = entry.group_completion.add(complete.group_completion.histogram());
        }
    }

    /// Gives everything to the one record that all cores' records have been merged into.
    pub fn finish(self, records: &mut [EntryRecord]) {
        for (record, (open, complete)) in records.iter_mut().zip(self.open.into_iter().zip(self.complete)) {
            record.take_in(open, &complete);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::group::Group;

    fn record(latencies: &[u64]) -> EntryRecord {
        let mut record = EntryRecord::default();
        for latency in latencies {
            record.packets += 1;
            record.payload_bytes += 100;
            record.ecn[3] += 1;
            record.whole.message_latency.see(*latency);
        }
        record
    }

    #[test]
    fn differences_are_what_happened_between() {
        let all: Vec<u64> = (1..=300).map(|n| n * 1_000_000).collect();
        let cumulative: Vec<EntryTally> = [0, 100, 150, 300]
            .iter()
            .map(|end| EntryTally::from(&record(&all[..*end])))
            .collect();
        let mut sum = EntryTally::from(&EntryRecord::default());
        for pair in cumulative.windows(2) {
            let part = pair[1].since(&pair[0]);
            assert_eq!(part.packets, part.message_latency.len());
            sum.add(&part);
        }
        assert_eq!((sum.packets, sum.payload_bytes, sum.ecn[3]), (300, 30_000, 300));
        assert_eq!(sum.message_latency, cumulative[3].message_latency);
        // The second part holds 101 to 150 and nothing else, so its percentiles are those.
        let part = cumulative[2].since(&cumulative[1]);
        assert!(
            part.message_latency.min() >= 100_900_000,
            "{}",
            part.message_latency.min()
        );
        let max = part.message_latency.max();
        assert!((150_000_000..=150_150_000).contains(&max), "{max}");
    }

    #[test]
    fn groups_seen_by_two_cores_complete_while_the_run_goes_on_and_are_counted_once() {
        let part = |key: u64, arrival: u64| Group {
            key,
            expected: 2,
            done: 1,
            departure: Picos(10),
            untimed: false,
            arrival: Picos(arrival),
            signal: Picos(arrival),
            outer: None,
        };
        let (mut one, mut other) = (EntryRecord::default(), EntryRecord::default());
        one.groups.keep_all();
        other.groups.keep_all();
        let mut shared = SharedGroups::new(1);
        // Three rounds; the second core sees its half of each one sample later.
        for key in 0..3 {
            one.groups.add(part(key, 50));
            shared.take(vec![one.groups.hand_over()]);
            shared.take(vec![other.groups.hand_over()]);
            other.groups.add(part(key, 70));
        }
        let mut tally = Tally {
            entries: vec![EntryTally::from(&EntryRecord::default())],
            ports: Vec::new(),
        };
        shared.add_to(&mut tally);
        assert_eq!(tally.entries[0].group_completion.len(), 2);
        one.merge(other);
        shared.finish(std::slice::from_mut(&mut one));
        assert_eq!((one.whole.groups, one.groups.incomplete()), (3, 0));
        assert_eq!(one.whole.group_completion.greatest, 60);
    }
}
