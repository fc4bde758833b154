//! What each kind of anomaly most likely means, and what to look at next.
//!
//! Contract: one sentence or two each, for a reader who has the anomaly's text with its numbers before them.

use crate::report::model::AnomalyKind as Kind;

/// What an anomaly of this kind most likely means, and what to look at next.
pub(in crate::report) const fn of(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Interrupted => (
            "The figures are sound as far as they go: they are of a shorter run.",
            "Run it again to the end before comparing it with others.",
        ),
        Kind::PortFailed => (
            "The cable, the NIC or its driver let go, or the interface was taken away.",
            "Look at the port in `squall ports`, at the kernel's log, and at the other end of the cable.",
        ),
        Kind::Unsent => (
            "The port was slower than the plan, was paused, or the run ended before its queue was empty.",
            "Compare ports[].tx with the offered rate, and ports[].pfc with what paused it.",
        ),
        Kind::OwnLoss => (
            "This host, not the device under test, lost the frames.",
            "Give the port more RX cores, queues or descriptors, or lower the rate; `squall bench` says what a core does.",
        ),
        Kind::Unaccounted => (
            "Somebody else uses the same QP numbers, or a counter of a port does not count what it should.",
            "Look at ports[].stats against ports[].tx and ports[].rx, and for a second sender in the same network.",
        ),
        Kind::CountersDisagree => (
            "The driver counts other frames too, or misses some.",
            "Look at ports[].xstats, and believe the loops' own counts where the two differ.",
        ),
        Kind::Misdelivered => (
            "A switch sends frames to a port behind which their receiver is not, or a cable is in another port than the \
             testbed says.",
            "Compare the cabling with the testbed, and the device's MAC or route table with the workers' addresses.",
        ),
        Kind::Strangers => (
            "Another run, or what is left of one, sends into this network.",
            "Stop the other run; the source address of its frames says where it is.",
        ),
        Kind::UnknownFlow => (
            "Somebody else sends RoCEv2 into this network.",
            "Capture on the port: the source address says who it is.",
        ),
        Kind::Malformed => (
            "The device changed a header, or somebody else sends what is not RoCEv2 to its UDP port.",
            "Capture on the port and read the capture with `squall decode`.",
        ),
        Kind::Corrupted => (
            "A bit was flipped behind the header: a bad cable, transceiver or memory on the common way of these frames. A link's \
             FCS would have caught it on the wire, so what rewrites the FCS is suspect first.",
            "Look at the FCS and symbol error counters of the ports at that place, then exchange cable and transceiver.",
        ),
        Kind::Duplicated => (
            "Something on the common way of these frames sends them twice: a mirror session, a flooding or a replaying port.",
            "Look for mirror sessions, link-layer retries and loops at that place.",
        ),
        Kind::Reordered => (
            "The device spreads one flow over several ways or queues (packet spraying, flowlets, a LAG that hashes by packet), or \
             one of its pipelines overtakes another.",
            "Look at the load balancing of that place: hash fields, flowlet time-out, spraying. RC endpoints answer each with a NAK.",
        ),
        Kind::Loss => (
            "Something drops single frames whatever the load: a bad link, a failing memory, an access list or a policer.",
            "Look at the error, discard and ACL counters of that place, port by port.",
        ),
        Kind::TailDrop => (
            "The queue was full: more came in than went out for longer than its buffer lasts.",
            "Look at the queue's drop counter and watermark, its share of the buffer (alpha), and whether its class should be \
             lossless.",
        ),
        Kind::HeadroomLoss => (
            "The headroom behind XOFF is smaller than what is on its way when the pause is sent: too small for the cable's length, \
             the rate and the MTU.",
            "Look at the priority group's headroom watermark and drops, and at the configured cable length.",
        ),
        Kind::LossBehindPause => (
            "The receiver paused a class that the device does not carry lossless: its queue filled behind the pause.",
            "Look at which classes the receiver pauses and which the device treats as lossless: the two must be the same.",
        ),
        Kind::IncompleteMessages => (
            "Frames of these messages were lost, or the run ended before they had arrived.",
            "Look at traffic[].packets.causes of the entry.",
        ),
        Kind::AddressUnresolved => (
            "The device routes, or bridges by address, and does not know the workers' link-layer addresses: it drops what it cannot \
             send. The receiver's port has `answer: false`.",
            "Let the port answer, or give the device static neighbour entries for the workers.",
        ),
        Kind::QpError => (
            "What was sent, or what answers it, did not arrive for longer than the retries last, or the responder refused it.",
            "Look at what the network lost, at `rc.timeout` and `rc.retry_count`, and at the responder's log for a refusal.",
        ),
        Kind::EcnBleached => (
            "Something clears the ECN field: a tunnel, a remarking policy or an old router.",
            "Look for DSCP remarking that writes the whole ToS byte.",
        ),
        Kind::EcnForged => (
            "Something writes the ECN field against RFC 3168.",
            "Look for remarking policies on the way.",
        ),
        Kind::EcnMismatch => (
            "The profile is not bound to the queue of this class, is bound with other numbers, or the device does not obey it.",
            "Compare the device's WRED/ECN profile of this queue with what the testbed says.",
        ),
        Kind::PfcMismatch => (
            "PFC is off for this class on the ports where these frames came in, is bound to another priority, or the device does \
             not map their PCP or DSCP to it.",
            "Look at the device's lossless priority groups, at its map of PCP or DSCP to priorities, and at whether its ports count PFC frames \
             sent in this class.",
        ),
        Kind::EcnMethodsDisagree => (
            "One of the two readings is disturbed: by a clock, or by another queue on the way.",
            "Look at the clock's uncertainty, and repeat it with one switch.",
        ),
        Kind::PauseStorm => (
            "Something downstream does not take frames and keeps asking for silence.",
            "Look for a PFC watchdog, and for the port whose own RX pause counter stays at zero while it sends pauses.",
        ),
        Kind::StuckPause => (
            "The device pauses without congestion: its counter of that priority group is stuck, or somebody else's pause comes \
             through it.",
            "Look at the port's priority group occupancy and its PFC counters, sent and received.",
        ),
        Kind::Silence => (
            "The queue stood still: what is behind it paused the class, or its scheduler did not serve it.",
            "Look at the PFC frames that the device received at that place, and at its PFC watchdog.",
        ),
        Kind::LinkDisruption => (
            "A link or a path was dead, and came back or was routed around.",
            "Look at the link state log of that place, and at the time that routing took.",
        ),
        Kind::SlowLink => (
            "The link came up at a lower rate than it should have, or something shapes it.",
            "Look at the negotiated speed, the lanes and the shapers of that place.",
        ),
        Kind::Flood => (
            "The device does not know where these addresses are, so it sends their frames everywhere: its MAC entries aged out, or \
             were never learnt.",
            "Look at its MAC ageing time, and let squall announce addresses more often.",
        ),
        Kind::Pacing => (
            "The sender was held up: by its port, by this host's scheduler, or by pauses.",
            "Look at ports[].pfc, at the offered rate of the port, and at what else runs on the core.",
        ),
        Kind::Growth => (
            "Something accumulates: a queue, a leak, a table that never empties.",
            "Look at samples.jsonl for when it began.",
        ),
        Kind::Clock => (
            "Times that rest on this clock are not to be believed; counts are.",
            "Use hardware time stamps, or look at `squall doctor`.",
        ),
        Kind::Other => ("See the text.", "Look at the figures of the place that it names."),
    }
}
