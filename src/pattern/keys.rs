//! The keys of a pattern: one table for each kind of map, behind the checks, the suggestions and
//! `docs/PATTERNS.md` alike.
//!
//! Left out on purpose: how values are read; see `read`, `kinds`, `frame`.

use crate::yaml::read::{Key, Section, key};

/// What a time may be.
const TIME: &str = "a time in ps, ns, us, ms, s, min or h (`100us`), at most 720h";
/// What a set of workers may be.
const WORKERS: &str = "worker numbers 0 to 65535, each once: `3`, `0-7` or `[0, 2, 4-6]`";
/// What a rate may be.
const RATE: &str = "`max`, a share of line rate (`50%`), a bit rate (`100Gbps`) or messages per second (`1000/s`)";
/// The message keys' values, shared by the kinds that carry messages.
const VERB: &str = "put, put-with-signal, send or send-with-immediate";

/// A whole pattern.
pub const PATTERN: Section = Section {
    name: "pattern",
    keys: &[
        key("name", "one line of text", "the file's name", "name in reports"),
        key(
            "description",
            "text without control characters",
            "none",
            "the one question that the pattern asks",
        ),
        key(
            "draft",
            "a section number (`8.1`)",
            "none",
            "section of the draft whose test this is a shape of",
        ),
        key(
            "testbed",
            "a path, or the name of a shipped testbed",
            "the default testbed",
            "testbed that the pattern was made for, where the command names none",
        ),
        key("seed", "0 to 18446744073709551615", "1", "seed of every random choice"),
        key(
            "duration",
            TIME,
            "none",
            "no message begins after this time; those begun are finished",
        ),
        key(
            "sample",
            "a time from 1us to 24h; at most 100000 of them in the pattern's duration",
            "none",
            "the run goes on without a pause and is sampled at this interval: see [a long run](#a-long-run)",
        ),
        key(
            "icrc_check",
            "all, none or 1/N (`1/16`)",
            "all",
            "how many of the received frames have their ICRC verified",
        ),
        key(
            "frame",
            "a map of frame keys",
            "none",
            "header fields of every entry; an entry's own `frame` goes first",
        ),
        key("traffic", "a list of 1 to 256 entries", "required", "what is sent"),
        key(
            "expect",
            "a line or a list of lines (`lost == 0`)",
            "none",
            "what must hold; where it does not, the exit status is 1",
        ),
        key(
            "asks",
            "`[where:] FIGURE[.STATISTIC]`, or a list of them, as in `expect`",
            "what the entries' kinds are about",
            "the figures that answer the pattern's question, the most important first: they head the summary",
        ),
    ],
    inside: &[("frame", &FRAME)],
};

/// Keys of every entry.
pub const ENTRY: Section = Section {
    name: "entry",
    keys: &[
        key(
            "kind",
            "transfer, incast, burst, alltoall, background, pfc or ecn-probe",
            "required",
            "what the entry sends",
        ),
        key(
            "name",
            "letters, digits, `-` and `_`, up to 64, not only digits",
            "`<kind>-<index>`",
            "name in reports, in `after` and in `--set`",
        ),
        key("start", TIME, "0", "when the entry begins, from the start of the run"),
        key(
            "after",
            "name of an earlier entry",
            "none",
            "begin after that entry's last frame has left",
        ),
        key("delay", TIME, "0", "pause between the end of `after` and the beginning"),
        key(
            "duration",
            TIME,
            "the pattern's",
            "no message begins so long after the entry began; those begun are finished",
        ),
        key(
            "frame",
            "a map of frame keys",
            "the pattern's",
            "header fields of the entry's frames",
        ),
        key(
            "priority",
            "0 to 7",
            "what the testbed's `dscp_to_priority` and `pcp_to_priority` say",
            "class in which the network has the entry's frames, whatever their DSCP and PCP",
        ),
    ],
    inside: &[("frame", &FRAME)],
};

const MESSAGE: Key = key(
    "message",
    "0 bytes to 2 GiB (`64KiB`, `16MB`)",
    "the KV cache",
    "size of a message (0: a signal and nothing else), or of the pieces that a KV cache is cut into",
);
const KV_CACHE: Key = key(
    "kv_cache",
    "CFG-A, CFG-B, CFG-C, CFG-D or a map of layers, kv_heads, head_dim, context, precision",
    "none",
    "size of a transfer as a KV cache; above 2 GiB it needs `message`",
);
const VERB_KEY: Key = key("verb", VERB, "put-with-signal", "how a message is carried");
const QPS: Key = key("qps", "1 to 1048576", "1", "QPs of each pair of workers");
const SPLIT: Key = key(
    "split",
    "none or qps",
    "none",
    "qps: each message is cut over all QPs of its pair; none: QPs take messages in turn",
);
const RATE_KEY: Key = key("rate", RATE, "100%", "sending rate of each sender, counted on the wire");
const GAP: Key = key(
    "gap",
    TIME,
    "0",
    "from the planned end of one round to the start of the next",
);
const INTERVAL: Key = key(
    "interval",
    TIME,
    "none",
    "from the start of one round to the start of the next",
);

/// `kind: transfer`.
pub const TRANSFER: Section = Section {
    name: "transfer",
    keys: &[
        key(
            "pairs",
            "1 to 65536",
            "length of the longer list, else 1",
            "how many pairs; shorter lists are gone through again",
        ),
        key("from", WORKERS, "`pairs` workers from 0", "senders, one of each pair"),
        key("to", WORKERS, "the next `pairs` workers", "receivers, one of each pair"),
        MESSAGE,
        KV_CACHE,
        VERB_KEY,
        QPS,
        SPLIT,
        key(
            "count",
            "1 to 1000000000000, or unlimited",
            "unlimited",
            "messages (whole KV caches) of each pair; unlimited needs a `duration`",
        ),
        key(
            "outstanding",
            "1 to 1048576",
            "no limit",
            "messages of a pair sent and not yet completely received, at most",
        ),
        RATE_KEY,
    ],
    inside: &[("frame", &FRAME), ("kv_cache", &KV)],
};

/// `kind: incast`.
pub const INCAST: Section = Section {
    name: "incast",
    keys: &[
        key(
            "senders",
            "a number of workers 1 to 65536 (`8` is workers 0 to 7) or a set (`[8]`, `0-7`)",
            "required",
            "who sends",
        ),
        key(
            "receiver",
            "a worker number 0 to 65535",
            "the first worker that does not send",
            "who receives",
        ),
        MESSAGE,
        KV_CACHE,
        VERB_KEY,
        QPS,
        SPLIT,
        key(
            "count",
            "1 to 1000000000000",
            "1",
            "messages (whole KV caches) of each sender in a round",
        ),
        key(
            "start_mode",
            "synchronised, staggered or jittered",
            "what `stagger` or `jitter` says, else synchronised",
            "how the senders of a round begin",
        ),
        key("stagger", TIME, "none", "staggered: sender i begins i times this later"),
        key(
            "jitter",
            TIME,
            "none",
            "jittered: each sender begins at a random instant within this",
        ),
        key("repeats", "1 to 1000000000", "1", "rounds"),
        GAP,
        INTERVAL,
        RATE_KEY,
    ],
    inside: &[("frame", &FRAME), ("kv_cache", &KV)],
};

/// `kind: burst`.
pub const BURST: Section = Section {
    name: "burst",
    keys: &[
        key(
            "transfers",
            "1 to 65536",
            "required",
            "transfers in a burst, one message (or KV cache) each",
        ),
        key(
            "from",
            WORKERS,
            "`transfers` workers from 0",
            "senders, gone through again when fewer than `transfers`",
        ),
        key(
            "to",
            WORKERS,
            "the first worker that does not send",
            "receivers, gone through again",
        ),
        MESSAGE,
        KV_CACHE,
        VERB_KEY,
        QPS,
        SPLIT,
        key("window", TIME, "none", "time within which a burst's transfers begin"),
        key(
            "arrival",
            "at-once, uniform or poisson",
            "uniform with a `window`, else at-once",
            "how the transfers are spread over the window",
        ),
        key("bursts", "1 to 1000000000", "1", "how many bursts"),
        GAP,
        INTERVAL,
        RATE_KEY,
    ],
    inside: &[("frame", &FRAME), ("kv_cache", &KV)],
};

/// `kind: alltoall`.
pub const ALLTOALL: Section = Section {
    name: "alltoall",
    keys: &[
        key(
            "ranks",
            "a number of workers 2 to 65536 (`8` is workers 0 to 7) or a set of two or more",
            "required",
            "the expert-parallel group; rank i is its i-th worker",
        ),
        key(
            "model",
            "M1, M2, M3 or M4",
            "none",
            "`experts`, `top_k` and `hidden` from the draft's Table 6",
        ),
        key(
            "experts",
            "1 to 65536",
            "required without `model`",
            "experts; expert e is held by rank floor(e·ranks/experts)",
        ),
        key(
            "top_k",
            "1 to 1024, at most `experts`",
            "required without `model`",
            "experts of a token",
        ),
        key(
            "hidden",
            "1 to 1048576",
            "required without `model`",
            "elements of a token",
        ),
        key(
            "precision",
            "bf16, fp16, fp8, int8, fp32, or bytes: 1, 2, 4",
            "bf16",
            "bytes of an element",
        ),
        key(
            "batch",
            "1 to 1048576",
            "128; 8 with low-latency",
            "tokens of each rank in a dispatch",
        ),
        key("layers", "1 to 10000", "1", "dispatches in an iteration"),
        key(
            "iterations",
            "1 to 1000000000, or unlimited",
            "1",
            "iterations; unlimited needs a `duration`",
        ),
        key(
            "interval",
            TIME,
            "one after the other",
            "from the start of one dispatch to the start of the next",
        ),
        key(
            "mode",
            "normal or low-latency",
            "normal",
            "sizes follow the routing, or are all padded alike",
        ),
        key(
            "padded_tokens",
            "1 to 1048576",
            "batch·top_k/ranks, rounded up",
            "low-latency: tokens that every pair of ranks carries",
        ),
        key(
            "routing",
            "top-k, expert-choice, top-k-drop or aux-loss",
            "top-k",
            "who chooses which expert gets a token (draft, Table 7)",
        ),
        key(
            "skew",
            "0 to 4",
            "0",
            "Zipf exponent of popularity; 0 is uniform; not with aux-loss",
        ),
        key(
            "capacity_factor",
            "0.01 to 100",
            "1.25 with top-k-drop, 1 with expert-choice",
            "an expert's capacity over its even share",
        ),
        VERB_KEY,
        key(
            "qps",
            "1 to 1048576",
            "24; 8 with low-latency",
            "QPs of each ordered pair of ranks",
        ),
        key(
            "split",
            "none or qps",
            "none",
            "qps: what a pair of ranks carries in a dispatch is one message, cut over all its QPs; none: tokens are dealt to \
             QPs in turn",
        ),
        key("rate", RATE, "100%", "sending rate of each rank, counted on the wire"),
    ],
    inside: &[("frame", &FRAME)],
};

/// `kind: background`.
pub const BACKGROUND: Section = Section {
    name: "background",
    keys: &[
        key("from", WORKERS, "required", "senders, one flow each"),
        key(
            "to",
            WORKERS,
            "required",
            "receivers, gone through again when fewer than `from`",
        ),
        key(
            "load",
            "a share of line rate (`50%`) or a bit rate (`10Gbps`)",
            "required",
            "rate of each sender, counted on the wire; with `0%` the entry is left out",
        ),
        key("message", MESSAGE.allowed, "64 KiB", "size of a message"),
        key("verb", VERB, "put", "how a message is carried"),
        QPS,
        SPLIT,
    ],
    inside: &[("frame", &FRAME)],
};

/// `kind: pfc`.
pub const PFC: Section = Section {
    name: "pfc",
    keys: &[
        key(
            "from",
            "a worker number 0 to 65535",
            "required",
            "the worker whose port sends the frames",
        ),
        key(
            "frame_type",
            "pfc or pause",
            "pfc",
            "IEEE 802.1Qbb, or IEEE 802.3 Annex 31B",
        ),
        key(
            "classes",
            "priorities 0 to 7: `3`, `0-7` or `[3, 4]`",
            "required with pfc",
            "priorities that are paused",
        ),
        key(
            "quanta",
            "0 to 65535",
            "65535",
            "how long, in units of 512 bit times; 0 resumes",
        ),
        key("interval", TIME, "required, or `rate`", "from frame to frame"),
        key(
            "rate",
            "frames per second (`1000/s`), 1e-3 to 1e9",
            "required, or `interval`",
            "the same as `interval`, the other way round",
        ),
        key(
            "count",
            "1 to 1000000000000, or unlimited",
            "unlimited",
            "frames; unlimited needs a `duration`",
        ),
    ],
    inside: &[],
};

/// `kind: ecn-probe`.
pub const ECN_PROBE: Section = Section {
    name: "ecn-probe",
    keys: &[
        key(
            "senders",
            "a number of workers 1 to 65536 (`8` is workers 0 to 7) or a set (`[8]`, `0-7`)",
            "required",
            "who fills the queue; frames are dealt to them evenly",
        ),
        key(
            "receiver",
            "a worker number 0 to 65535",
            "the first worker that does not send",
            "who receives; its port holds the queue with PFC and releases it",
        ),
        key(
            "frames",
            "1 to 1000000, at least one for each sender",
            "required",
            "frames of all senders in a round: how deep the queue is filled",
        ),
        key(
            "message",
            "1 to 4096 bytes, at most the `pmtu`",
            "the `pmtu`",
            "payload of a frame; each is a message of its own, so all are of one length",
        ),
        key("verb", VERB, "put", "how a message is carried"),
        key("lead", TIME, "20us", "from the XOFF to a round's first frame"),
        key(
            "hold",
            TIME,
            "the lead, the filling, a tenth of it, and 50us",
            "from the XOFF to the XON",
        ),
        key("repeats", "1 to 1000000000", "1", "rounds"),
        key(
            "gap",
            TIME,
            "100us",
            "from the planned end of a round's draining to the next XOFF",
        ),
        RATE_KEY,
    ],
    inside: &[("frame", &FRAME)],
};

/// `frame`.
pub const FRAME: Section = Section {
    name: "frame",
    keys: &[
        key("ip", "4 or 6", "4", "IP version"),
        key("dscp", "0 to 63", "26", "differentiated services codepoint"),
        key("ecn", "not-ect, ect0, ect1 or ce", "ect0", "ECN codepoint (RFC 3168)"),
        key("ttl", "1 to 255", "64", "time to live, or hop limit"),
        key(
            "vlan",
            "a VLAN ID, a map of vid, pcp, dei, tpid, or a list of at most two of those, outermost first",
            "none",
            "802.1Q tags",
        ),
        key(
            "pmtu",
            "256, 512, 1024, 2048 or 4096",
            "4096",
            "payload bytes of a full packet",
        ),
        key("pkey", "0 to 65535", "0xFFFF", "partition key"),
        key("migreq", "true or false", "true", "migration state bit"),
        key("first_psn", "0 to 16777215", "0", "PSN of each QP's first packet"),
        key(
            "first_qpn",
            "2 to 16777215",
            "the next free one",
            "destination QPN of the entry's first QP; 0 and 1 are reserved",
        ),
        key(
            "va",
            "0 to 18446744073709551615",
            "0x00007f0000000000",
            "virtual address where each QP's region begins",
        ),
        key("rkey", "0 to 4294967295", "0x1234", "R_Key"),
        key(
            "ack_req",
            "last, never, all or a map of every",
            "last",
            "which packets ask for an acknowledgement; `every: N` is each N-th and the last",
        ),
        key(
            "source_port",
            "per-qp, per-message, per-packet, or a map of fixed or range",
            "per-qp",
            "entropy of the UDP source port; `fixed: PORT`, `range: [LOW, HIGH]`",
        ),
    ],
    inside: &[("vlan", &VLAN)],
};

/// One `vlan` tag.
pub const VLAN: Section = Section {
    name: "vlan",
    keys: &[
        key("vid", "0 to 4094", "required", "VLAN ID; 0 is a priority tag"),
        key("pcp", "0 to 7", "0", "priority"),
        key("dei", "true or false", "false", "drop eligible"),
        key("tpid", "0x8100, 0x88A8 or 0x9100", "0x8100", "tag protocol identifier"),
    ],
    inside: &[],
};

/// `ack_req` as a map.
pub const ACK_REQ: Section = Section {
    name: "ack_req",
    keys: &[key(
        "every",
        "1 to 4294967295",
        "required",
        "each N-th packet of a message asks, and the last",
    )],
    inside: &[],
};

/// `source_port` as a map.
pub const SOURCE_PORT: Section = Section {
    name: "source_port",
    keys: &[
        key(
            "fixed",
            "a port 0 to 65535",
            "one of the two",
            "the same for all packets",
        ),
        key(
            "range",
            "[LOW, HIGH], ports 0 to 65535",
            "one of the two",
            "QP i uses LOW + i mod (HIGH − LOW + 1)",
        ),
    ],
    inside: &[],
};

/// `kv_cache` as a map.
pub const KV: Section = Section {
    name: "kv_cache",
    keys: &[
        key(
            "config",
            "CFG-A, CFG-B, CFG-C or CFG-D",
            "none",
            "layers, heads, dimension and precision from the draft's Table 8",
        ),
        key(
            "layers",
            "1 to 10000",
            "required without `config`",
            "transformer layers, L",
        ),
        key(
            "kv_heads",
            "1 to 65536",
            "required without `config`",
            "KV attention heads, H_kv",
        ),
        key(
            "head_dim",
            "1 to 65536",
            "required without `config`",
            "dimension of a head, D",
        ),
        key("context", "1 to 1073741824", "4096", "context length in tokens, C"),
        key(
            "precision",
            "bf16, fp16, fp8, int8, fp32, or bytes: 1, 2, 4",
            "fp16",
            "bytes of an element, P_bytes",
        ),
    ],
    inside: &[],
};

/// Every table, for the documentation.
pub const SECTIONS: &[&Section] = &[
    &PATTERN,
    &ENTRY,
    &TRANSFER,
    &INCAST,
    &BURST,
    &ALLTOALL,
    &BACKGROUND,
    &PFC,
    &ECN_PROBE,
    &KV,
    &FRAME,
    &VLAN,
    &ACK_REQ,
    &SOURCE_PORT,
];
