//! What the two ends of an entry's reliable connections did and said.

use serde::{Deserialize, Serialize};

use super::Distribution;

/// An entry's reliable connections (IBTA Vol 1, 9.7). Frames: `packets.sent` = `packets.received` + lost; `packets.received` =
/// those taken + those that the responder dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliable {
    /// The sending ends.
    pub requester: Requester,
    /// The receiving ends; none when they do not listen.
    pub responder: Option<Responder>,
    /// From the arrival of a packet to the departure of the acknowledgement that answers it at once.
    #[serde(default)]
    pub turnaround: Option<Distribution>,
    /// Why there is none.
    #[serde(default)]
    pub turnaround_missing: Option<String>,
    /// What was asked for; none of messages that are no READs.
    #[serde(default)]
    pub reads: Option<Reads>,
}

/// READs: requests go from the receivers of the data to those that hold them, and responses are the entry's packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reads {
    /// Requests sent.
    pub requests: u64,
    /// Those of them that asked again, for a whole message or the rest of one.
    pub requests_again: u64,
    /// Gaps in responses, for which was asked again at once.
    pub gaps: u64,
    /// Requests that were taken; none when nobody listens.
    pub requests_taken: Option<u64>,
    /// Those of them that came again.
    pub requests_duplicated: Option<u64>,
    /// Requests that came and were refused.
    pub requests_refused: Option<u64>,
    /// From the departure of a message's first request to the arrival of its last response.
    pub time: Option<Distribution>,
}

/// What requesters have sent again and heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Frames sent again.
    pub resent_frames: u64,
    /// Payload bytes of them.
    pub resent_bytes: u64,
    /// Messages acknowledged whole.
    pub acknowledged_messages: u64,
    /// Payload bytes of them.
    pub acknowledged_bytes: u64,
    /// ACKs heard.
    pub acks: u64,
    /// NAKs heard for a PSN sequence error.
    pub naks: u64,
    /// RNR NAKs heard.
    pub rnr_naks: u64,
    /// NAKs heard that end a QP.
    pub error_naks: u64,
    /// CNPs heard.
    pub cnps: u64,
    /// Times that a CNP lowered a rate.
    pub rate_cuts: u64,
    /// Local ACK timeouts.
    pub timeouts: u64,
    /// Messages of QPs in the error state that were not acknowledged.
    pub flushed_messages: u64,
    /// QPs in the error state, by reason; the draft's "NIC QP State".
    pub qps_in_error: Vec<InError>,
}

/// QPs that ended for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InError {
    /// The completion status, in words.
    pub reason: String,
    /// How many.
    pub qps: u64,
}

/// What responders have dropped and said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Responder {
    /// Frames taken, each once.
    pub taken: u64,
    /// Frames that came again after they were taken.
    pub duplicates: u64,
    /// Frames that came while others before them were missing.
    pub out_of_sequence: u64,
    /// Frames that the receiver was not ready for.
    pub not_ready: u64,
    /// Frames that could not follow the one before.
    pub invalid: u64,
    /// Of all these, further copies of one transmission, which the network made.
    pub copies: u64,
    /// ACKs sent.
    pub acks: u64,
    /// NAKs sent for a PSN sequence error.
    pub naks: u64,
    /// RNR NAKs sent.
    pub rnr_naks: u64,
    /// NAKs sent that end a QP.
    pub error_naks: u64,
    /// CNPs sent.
    pub cnps: u64,
}
