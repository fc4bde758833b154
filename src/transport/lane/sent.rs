//! What a lane has sent.
//!
//! Contract: plain sums.

/// What a lane has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames.
    pub packets: u64,
    /// Payload bytes.
    pub payload_bytes: u64,
    /// Frames' bytes without FCS.
    pub frame_bytes: u64,
    /// Messages whose last packet was sent.
    pub messages: u64,
    /// PFC frames sent beside the entry's packets, to hold a queue; those of `pfc` are its packets.
    pub control: u64,
    /// Messages given up by a closed loop after its timeout.
    pub timeouts: u64,
    /// Bytes of the last frame of its packets without FCS; of several lanes, of the last one of each.
    pub last_bytes: u64,
}

impl Sent {
    /// What was sent since `before`.
    #[must_use]
    pub fn since(&self, before: &Sent) -> Sent {
        Sent {
            packets: self.packets.saturating_sub(before.packets),
            payload_bytes: self.payload_bytes.saturating_sub(before.payload_bytes),
            frame_bytes: self.frame_bytes.saturating_sub(before.frame_bytes),
            messages: self.messages.saturating_sub(before.messages),
            control: self.control.saturating_sub(before.control),
            timeouts: self.timeouts.saturating_sub(before.timeouts),
            last_bytes: self.last_bytes,
        }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Sent) {
        self.packets += other.packets;
        self.payload_bytes += other.payload_bytes;
        self.frame_bytes += other.frame_bytes;
        self.messages += other.messages;
        self.control += other.control;
        self.timeouts += other.timeouts;
        self.last_bytes += other.last_bytes;
    }
}
