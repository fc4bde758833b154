//! What the ends of an entry's reliable connections did, as reported.
//!
//! Contract: see the folder's. Left out on purpose: frames that were lost between them (`traffic`).

use crate::measure::answering::Answered;
use crate::measure::{EntryRecord, Recorder};
use crate::plan::EntryPlan;
use crate::report::model::{Distribution, InError, Reads, Reliable, Requester, Responder};
use crate::transport::lane::Sent;
use crate::transport::reliable::Counts;
use crate::transport::requester::Failure;

/// What the responders of entry `index` did; nothing, where its QPs are open.
///
/// Of frames too short for a stamp a copy looks like one that was sent again: what arrived beyond what was sent is copies.
pub(super) fn answered(
    index: usize,
    entry: &EntryPlan,
    recorder: Option<&Recorder>,
    record: Option<&EntryRecord>,
    sent: &Sent,
) -> Answered {
    let own = recorder.and_then(|recorder| recorder.answered(index)).copied();
    let mut answered = own.unwrap_or_default();
    let taken = record.map_or(0, |record| record.packets);
    // How often a peer has sent a packet nobody here knows.
    if own.is_some() && !entry.is_from_peer() {
        answered.copies += (taken + answered.dropped()).saturating_sub(sent.packets);
    }
    answered
}

/// What became of an entry's connections; none where its QPs are open.
pub(super) fn of(
    heard: &Counts,
    entry: &EntryPlan,
    record: Option<&EntryRecord>,
    answered: &Answered,
    (asked, read_time): (Option<&Answered>, Option<Distribution>),
    turnaround: Option<Distribution>,
) -> Option<Reliable> {
    entry.transport.rc()?;
    let missing = if entry.verb.is_read() {
        "READs are answered by their data, not by acknowledgements"
    } else if entry.is_to_peer() {
        "a peer answers"
    } else if record.is_none() {
        "nobody listens"
    } else {
        "no acknowledgement left at once, or times of arrival were refused"
    };
    let failures = Failure::ALL.iter().zip(heard.failed).filter(|(_, qps)| *qps > 0);
    Some(Reliable {
        requester: Requester {
            resent_frames: heard.resent_packets,
            resent_bytes: heard.resent_bytes,
            acknowledged_messages: heard.messages,
            acknowledged_bytes: heard.bytes,
            acks: heard.acks,
            naks: heard.naks,
            rnr_naks: heard.rnr_naks,
            error_naks: heard.errors,
            cnps: heard.cnps,
            rate_cuts: heard.cuts,
            timeouts: heard.timeouts,
            flushed_messages: heard.flushed,
            qps_in_error: failures
                .map(|(failure, qps)| InError {
                    reason: failure.name().to_owned(),
                    qps,
                })
                .collect(),
        },
        responder: record.map(|record| Responder {
            taken: record.packets,
            duplicates: answered.duplicates,
            out_of_sequence: answered.out_of_sequence,
            not_ready: answered.not_ready,
            invalid: answered.invalid,
            copies: answered.copies,
            acks: answered.acks,
            naks: answered.naks,
            rnr_naks: answered.rnr_naks,
            error_naks: answered.errors,
            cnps: answered.cnps,
        }),
        turnaround_missing: turnaround.is_none().then(|| missing.to_owned()),
        turnaround,
        reads: entry.verb.is_read().then(|| Reads {
            requests: heard.read_requests,
            requests_again: heard.read_requests_again,
            gaps: heard.gaps,
            requests_taken: asked.map(|asked| asked.requests),
            requests_duplicated: asked.map(|asked| asked.requests_again),
            requests_refused: asked.map(|asked| asked.requests_refused),
            time: read_time,
        }),
    })
}
