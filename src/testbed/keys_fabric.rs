//! The keys of `fabric` and `configured`: one table for each kind of map.

use crate::yaml::read::{Section, key};

const RATE: &str = "1 Gbps to 1.6 Tbps";
const COUNT: &str = "1 to 32";
const DEPTH: &str = "a number of bytes (`500KB`)";
const TIME: &str = "a time (`100us`)";
const CLASSES: &str = "classes 0 to 7, each once: `3`, `0-2` or `[0, 3-4]`";
const OFTEN_MAP: &str = "a map of every or probability";

/// `fabric`.
pub const FABRIC: Section = Section {
    name: "fabric",
    keys: &[
        key(
            "topology",
            "switch, leaf-spine or clos",
            "switch",
            "one switch; leaves that are each joined with all spines; pods of those below core switches",
        ),
        key(
            "hosts",
            "auto, or 1 to 512",
            "auto",
            "hosts, each with one NIC; auto takes as many as the pattern has workers",
        ),
        key("speed", RATE, "400 Gbps", "rate of each host's link"),
        key(
            "propagation",
            "up to 1 ms",
            "50 ns",
            "time from one end of each link to the other",
        ),
        key("leaves", COUNT, "4", "leaf switches; for clos, in each pod"),
        key("spines", COUNT, "2", "spine switches; for clos, in each pod"),
        key("pods", COUNT, "2", "pods of a clos"),
        key(
            "cores",
            COUNT,
            "4, or `spines` if that is more",
            "core switches of a clos, a multiple of `spines`: core c is joined with the (c mod spines)-th spine of each pod",
        ),
        key("uplink_speed", RATE, "`speed`", "rate of each link between switches"),
        key(
            "switch",
            "a map of switch keys",
            "see there",
            "what every switch is like",
        ),
        key("faults", "a list of faults", "none", "what is wrong, and where"),
    ],
    inside: &[("switch", &SWITCH)],
};

/// `fabric.switch`.
pub const SWITCH: Section = Section {
    name: "switch",
    keys: &[
        key(
            "buffer",
            "10 KB to 1 TiB",
            "128 MB",
            "bytes of frames that the switch holds, headroom included",
        ),
        key(
            "alpha",
            "0.001 to 1024",
            "8",
            "dynamic threshold: a queue without PFC may hold alpha × the free shared buffer",
        ),
        key(
            "latency",
            "up to 1 ms",
            "600 ns",
            "time from a frame's arrival to its egress queue",
        ),
        key(
            "forwarding",
            "store-and-forward or cut-through",
            "store-and-forward",
            "whether the latency counts from a frame's last bit or from its first",
        ),
        key(
            "scheduler",
            "strict or dwrr",
            "strict",
            "the highest class first, or shares by weight",
        ),
        key(
            "weights",
            "eight numbers from 1 to 100, class 0 first",
            "1 for each class",
            "weights of dwrr",
        ),
        key("ecn", "none, or a map of ecn keys", "a step at 500 KB", "marking"),
        key(
            "pfc",
            "none, or a map of pfc keys",
            "class 3",
            "pauses that the switch sends",
        ),
    ],
    inside: &[
        ("ecn", &ECN),
        ("ecn", &THRESHOLDS),
        ("pfc", &PFC),
        ("pfc", &PAUSE_THRESHOLDS),
    ],
};

/// Marking thresholds.
pub const THRESHOLDS: Section = Section {
    name: "ecn thresholds",
    keys: &[
        key("kmin", DEPTH, "500 KB", "up to this depth no frame is marked"),
        key(
            "kmax",
            DEPTH,
            "`kmin`",
            "above this depth each one is; `kmin` makes a step",
        ),
        key(
            "pmax",
            "a share above 0 (`10%`)",
            "100 %",
            "probability of a mark at `kmax`; between the two it rises in a line",
        ),
    ],
    inside: &[],
};

/// `fabric.switch.ecn`, beside the thresholds.
pub const ECN: Section = Section {
    name: "ecn",
    keys: &[
        key(
            "at",
            "enqueue or dequeue",
            "enqueue",
            "whether the depth that a frame finds decides, or the one that it leaves behind",
        ),
        key("classes", CLASSES, "0-7", "classes whose queues mark"),
    ],
    inside: &[],
};

/// Pause thresholds.
pub const PAUSE_THRESHOLDS: Section = Section {
    name: "pfc thresholds",
    keys: &[
        key(
            "xoff",
            DEPTH,
            "3 MB",
            "above this many bytes from one port and class the sender is paused",
        ),
        key(
            "xon",
            DEPTH,
            "`xoff` less a thirtieth",
            "at this many or fewer it is resumed",
        ),
    ],
    inside: &[],
};

/// `fabric.switch.pfc`, beside the thresholds.
pub const PFC: Section = Section {
    name: "pfc",
    keys: &[
        key(
            "headroom",
            DEPTH,
            "200 KB",
            "buffer kept for each port and class, for what still arrives after XOFF",
        ),
        key("classes", CLASSES, "3", "lossless classes"),
    ],
    inside: &[],
};

/// One of `fabric.faults`: a place and one kind.
pub const FAULT: Section = Section {
    name: "fault",
    keys: &[
        key(
            "at",
            "a link (`host0`, `leaf0-spine1`) or a switch (`leaf0`)",
            "required",
            "where; a link counts each direction by itself",
        ),
        key("drop", OFTEN_MAP, "none", "frames that vanish"),
        key("duplicate", OFTEN_MAP, "none", "frames that come twice"),
        key(
            "reorder",
            "a map of every or probability, and by",
            "none",
            "frames that are overtaken",
        ),
        key(
            "corrupt",
            OFTEN_MAP,
            "none",
            "frames with one bit flipped behind the BTH",
        ),
        key(
            "ecn_ignored",
            "none, or a map of kmin, kmax and pmax",
            "none",
            "a switch that marks by these thresholds, or not at all, whatever its `ecn` says",
        ),
        key(
            "link_down",
            "a map of from, to and detect",
            "none",
            "a link that carries nothing for a time",
        ),
        key(
            "stuck_pause",
            "a map of class, from and to",
            "none",
            "the end of the link that is named first pauses the other one without need",
        ),
        key(
            "speed",
            RATE,
            "none",
            "a link that came up at another rate than it should have, in both directions",
        ),
    ],
    inside: &[],
};

/// How often a fault strikes.
pub const OFTEN: Section = Section {
    name: "often",
    keys: &[
        key("every", "1 or more", "none", "every n-th frame that passes"),
        key(
            "probability",
            "a share (`0.1%`)",
            "none",
            "each frame with this probability",
        ),
    ],
    inside: &[],
};

/// `reorder` of a fault.
pub const REORDER: Section = Section {
    name: "reorder",
    keys: &[
        key("every", "1 or more", "none", "every n-th frame that passes"),
        key(
            "probability",
            "a share (`0.1%`)",
            "none",
            "each frame with this probability",
        ),
        key("by", "1 to 1000", "1", "later frames of its flow that overtake it"),
    ],
    inside: &[],
};

/// `link_down` of a fault.
pub const LINK_DOWN: Section = Section {
    name: "link_down",
    keys: &[
        key("from", TIME, "0", "when the link dies"),
        key("to", TIME, "never", "when it is back"),
        key("detect", TIME, "0", "how long the switches go on to use it"),
    ],
    inside: &[],
};

/// `stuck_pause` of a fault.
pub const STUCK_PAUSE: Section = Section {
    name: "stuck_pause",
    keys: &[
        key("class", "0 to 7", "3", "the class that is paused"),
        key("from", TIME, "0", "when it begins"),
        key("to", TIME, "never", "when it ends"),
    ],
    inside: &[],
};

/// `configured`.
pub const CONFIGURED: Section = Section {
    name: "configured",
    keys: &[
        key("ecn", "a map of kmin, kmax and pmax", "none", "marking thresholds"),
        key(
            "pfc",
            "a map of xoff, xon and classes",
            "none",
            "pause thresholds, and the lossless classes",
        ),
        key(
            "meter",
            "a map of cir and cbs",
            "none",
            "the token bucket by which the switch marks, where it does not mark by the depth of its queue",
        ),
    ],
    inside: &[],
};

/// `pfc` of `configured`, beside the thresholds.
pub const LOSSLESS: Section = Section {
    name: "configured pfc",
    keys: &[key("classes", CLASSES, "not said", "lossless classes")],
    inside: &[],
};

/// `meter` of `configured`.
pub const METER: Section = Section {
    name: "meter",
    keys: &[
        key(
            "cir",
            "a bit rate (`8Mbps`)",
            "required",
            "committed information rate, of IP packets: how fast the bucket fills (RFC 2697)",
        ),
        key(
            "cbs",
            DEPTH,
            "required",
            "committed burst size, of IP packets: what a full bucket lets pass unmarked",
        ),
    ],
    inside: &[],
};
