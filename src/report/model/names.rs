//! The words that a result may hold, each list with the text of every word.

use serde::{Deserialize, Serialize};

/// An enumeration whose values are written as the given words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$item_doc])* #[serde(rename = $word)] $item,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$item,)*];

            /// Every value with its word.
            pub const WORDS: &'static [(&'static str, $name)] = &[$(($word, $name::$item),)*];

            /// The word in results.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$item => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// Which clock a run goes by.
    Clock {
        /// Simulated time: exact and repeatable.
        Virtual = "virtual",
        /// The processor's time stamp counter.
        Tsc = "tsc",
    }
}

words! {
    /// What a departure or arrival time rests on.
    TimeSource {
        /// The TSC when the frame's burst was handed to, or taken from, the port. Results before the
        /// other sources were there call it `tsc`.
        #[serde(alias = "tsc")]
        Software = "software",
        /// The kernel's clock when it had the frame (net_pcap).
        Kernel = "kernel",
        /// The NIC's own clock (hardware time stamp, or send on timestamp).
        Nic = "nic",
        /// The NIC's time stamps on PTP frames that were sent between the traffic's.
        PtpProbe = "ptp-probe",
        /// The reference fabric's simulated clock.
        Fabric = "fabric",
        /// Not the same on all ports; each port's entry says which.
        Mixed = "mixed",
    }
}

words! {
    /// The device under test, as in the draft's Table 1. squall has no RDMA transport of its own
    /// and never tests DUT-N.
    DutId {
        /// One switch.
        Switch = "DUT-S",
        /// A whole fabric, from NIC to NIC.
        Fabric = "DUT-F",
    }
}

words! {
    /// Why a frame that was sent is not among those received.
    LossCause {
        /// Our port took the frame and its counters say that it did not send it.
        NotTransmitted = "not-transmitted",
        /// It arrived, but our receiving port had no room for it.
        ReceiveMissed = "receive-missed",
        /// It left our port and did not reach its receiver's, by elimination of the other causes.
        LostInDut = "lost-in-dut",
        /// It arrived so far behind the newest of its flow that it may as well have been a copy.
        TooLate = "too-late",
        /// It arrived with a wrong ICRC.
        BadIcrc = "bad-icrc",
        /// It arrived and could not be decoded.
        Malformed = "malformed",
        /// Some by our own ports and some in the DUT: the port counters do not tell which entry's.
        Undivided = "undivided",
    }
}

impl LossCause {
    /// Whether the device under test is answerable for it. `Undivided` is not counted against it.
    #[must_use]
    pub const fn is_dut(self) -> bool {
        matches!(self, LossCause::LostInDut | LossCause::BadIcrc | LossCause::Malformed)
    }
}

words! {
    /// What a fairness index compares.
    FairnessOver {
        /// The senders of an incast.
        Senders = "senders",
        /// Pairs of workers.
        Pairs = "pairs",
        /// The ranks of an AllToAll.
        Ranks = "ranks",
        /// Flows (QPs).
        Flows = "flows",
    }
}

words! {
    /// Where a count of received PFC frames comes from.
    PfcSource {
        /// The port passed them on as frames.
        Frames = "frames",
        /// The driver's extended statistics.
        Xstats = "xstats",
    }
}

words! {
    /// Who saw to it that frames left at their time.
    PacedBy {
        /// squall's sending loop, which handed them over then.
        Software = "software",
        /// The NIC, which was given them ahead of their time (send on timestamp).
        Nic = "nic",
        /// The reference fabric's NIC.
        Fabric = "fabric",
    }
}

words! {
    /// Who made a port obey the PFC and PAUSE frames that came to it.
    PfcReaction {
        /// Nobody of ours.
        None = "none",
        /// squall's sending loop, class by class: no MAC does.
        Software = "software",
        /// The NIC, which was told to.
        Nic = "nic",
        /// The reference fabric's NIC.
        Fabric = "fabric",
    }
}

words! {
    /// When a switch looks at the depth of a queue to mark a frame.
    MarkAt {
        /// When the frame joins the queue.
        Enqueue = "enqueue",
        /// When it begins to leave.
        Dequeue = "dequeue",
    }
}

words! {
    /// Whether a switch marks as it is configured to.
    MarkingVerdict {
        /// It does.
        Follows = "follows",
        /// It marks by other thresholds.
        DoesNotFollow = "does-not-follow",
        /// It marks nothing where it should.
        MarksNothing = "marks-nothing",
        /// It marks everything where it should not.
        MarksEverything = "marks-everything",
        /// The frames do not tell, or nobody says what it should do.
        CannotTell = "cannot-tell",
    }
}

words! {
    /// Who asked whom to pause.
    PauseDirection {
        /// The device asked our port.
        Received = "received",
        /// Our port asked the device.
        Sent = "sent",
    }
}

words! {
    /// In which order flows are listed.
    FlowOrder {
        /// All of them, by number.
        Number = "number",
        /// Only some: most frames lost first, then most reordered, then by number.
        WorstFirst = "worst-first",
    }
}

words! {
    /// Which statistic a KPI's value is.
    Statistic {
        /// The figure itself.
        Value = "value",
        /// Mean.
        Mean = "mean",
        /// Median.
        P50 = "p50",
        /// 95th percentile.
        P95 = "p95",
        /// 99th percentile.
        P99 = "p99",
        /// 99.9th percentile.
        P999 = "p99-9",
        /// P99 − P50 (draft 5.2: tail latency spread).
        TailSpread = "tail-spread",
        /// All ports, pairs or ranks together.
        Aggregate = "aggregate",
        /// Aggregate divided by the number of ports.
        PerPort = "per-port",
        /// Sent by this port.
        Tx = "tx",
        /// Received by this port.
        Rx = "rx",
        /// For each second of the run.
        PerSecond = "per-second",
        /// The greatest.
        Max = "max",
    }
}

words! {
    /// Kinds of anomalies.
    AnomalyKind {
        /// The run was interrupted.
        Interrupted = "interrupted",
        /// A port failed or vanished.
        PortFailed = "port-failed",
        /// Planned frames that a port never took.
        Unsent = "unsent",
        /// Frames lost by our own ports, not by the DUT.
        OwnLoss = "own-loss",
        /// Sent is not received plus the named losses.
        Unaccounted = "unaccounted",
        /// A port's counters contradict our own.
        CountersDisagree = "counters-disagree",
        /// Frames arrived at a port that is not their receiver's.
        Misdelivered = "misdelivered",
        /// RoCEv2 frames that belong to no flow of the plan.
        UnknownFlow = "unknown-flow",
        /// Frames of another run, or of another host, to queue pairs of the plan.
        Strangers = "strangers",
        /// Frames that cannot be decoded.
        Malformed = "malformed",
        /// Frames with a wrong ICRC or FCS.
        Corrupted = "corrupted",
        /// Frames that arrived more than once.
        Duplicated = "duplicated",
        /// Frames that arrived after later ones of their flow, which kept to one path (RFC 4737 section 3).
        Reordered = "reordered",
        /// Frames lost where no full queue, no pause and no dead path accounts for it.
        Loss = "loss",
        /// Frames lost when their queue was as full as it ever came to be.
        TailDrop = "tail-drop",
        /// Frames of a class that was being paused, lost: the headroom did not hold what was still on its way.
        HeadroomLoss = "headroom-loss",
        /// Frames lost in a queue that a pause from behind it held.
        LossBehindPause = "loss-behind-pause",
        /// Frames to an address that the device asked for (ARP, neighbour discovery), lost: nobody answers.
        AddressUnresolved = "address-unresolved",
        /// Messages that were sent and did not wholly arrive.
        IncompleteMessages = "incomplete-messages",
        /// Queue pairs that ended in the error state: retries used up, or a NAK that ends them.
        QpError = "qp-error",
        /// ECN-capable frames that arrived as not ECN-capable.
        EcnBleached = "ecn-bleached",
        /// Frames sent not ECN-capable that arrived with another codepoint (RFC 3168 section 5).
        EcnForged = "ecn-forged",
        /// Marking does not follow the configured thresholds.
        EcnMismatch = "ecn-mismatch",
        /// Frames of a class that is said to be lossless, lost at a full queue, and no sender was paused.
        PfcMismatch = "pfc-mismatch",
        /// The probe and the delays do not give the same thresholds.
        EcnMethodsDisagree = "ecn-methods-disagree",
        /// A pause that was kept up without end.
        PauseStorm = "pause-storm",
        /// A pause with nothing in the device to account for it.
        StuckPause = "stuck-pause",
        /// Nothing arrived for a while although frames were overdue.
        Silence = "silence",
        /// A flow was cut off: a link or a path was dead.
        LinkDisruption = "link-disruption",
        /// A link carried less than its nominal rate while frames waited for it.
        SlowLink = "slow-link",
        /// Frames of flows for one port came to others, too: their destination address is not known to the device.
        Flood = "flood",
        /// Frames that left late, or slower than asked for.
        Pacing = "pacing",
        /// What grew from the first to the last sample of a long run.
        Growth = "growth",
        /// A clock that cannot be relied on.
        Clock = "clock",
        /// Anything else.
        Other = "other",
    }
}
