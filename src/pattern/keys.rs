//! The keys of a pattern, each declared once: readers, checks, suggestions and `docs/PATTERNS.md` follow.
//!
//! Left out on purpose: what must hold between keys; see `read`, `kinds`, `frame`.

use super::convergence::{RatesOf, Target};
use super::draft::{KV_CONFIGS, KvConfig, MODELS, Model};
use super::kinds::{KindName, TrafficKind};
use super::read::{IcrcShare, SAMPLE};
use super::transport::Profile;
use super::transport::keys::{CNP, CNP_MAP, DCQCN, DCQCN_MAP, RC, RC_MAP, TRANSPORT};
use super::values::{
    COUNT, FirstWorkers, MAX_MESSAGE, MAX_QPS, MAX_TIME, MAX_WORKER, PAIRS, Precision, ROUNDS, RateIn, SMALL_MESSAGE,
    WorkerSet, per_second,
};
use super::{AckReq, Ecn, Entropy, IcrcCheck, Rate, Verb, Workers, frame, kinds, split};
use crate::expect;
use crate::units::{Bytes, Picos, Psn, Qpn, Share};
use crate::yaml::Classes;
use crate::yaml::form::{
    Flag, Hex, Int, Line, Map, Number, OneOf, Parsed, Plain, Prose, Quantity, Tree, WordOr, WordOrMap, Words,
    not_only_digits,
};
use crate::yaml::key::{Absent, Key, KeyOr, Section, keys};
use crate::yaml::read::parse_int;

const TIME: Quantity<Picos> = Quantity::up_to(MAX_TIME);
const TIME_ABOVE_ZERO: Quantity<Picos> = Quantity::above_zero(MAX_TIME);
const VERBS: Words<Verb> = Words(&[
    ("put", Verb::Put),
    ("put-with-signal", Verb::PutWithSignal),
    ("send", Verb::Send),
    ("send-with-immediate", Verb::SendWithImmediate),
    ("read", Verb::Read),
]);

pub(super) const MESSAGE: Key<Bytes> = Key {
    name: "message",
    form: &Quantity::up_to(MAX_MESSAGE),
    absent: Absent::Words("the KV cache"),
    doc: "size of a message (0: a signal and nothing else), or of the pieces that a KV cache is cut into",
};
pub(super) const KV_CACHE: Key<KvConfig> = Key {
    name: "kv_cache",
    form: &WordOrMap(&KV_CONFIGS, &[&KV]),
    absent: Absent::Words("none"),
    doc: "size of a transfer as a KV cache; above 2 GiB it needs `message`",
};
pub(super) const VERB: KeyOr<Verb> = KeyOr {
    name: "verb",
    form: &VERBS,
    default: Verb::PutWithSignal,
    doc: "how a message is carried; `read` needs `transport: rc`, and `to` asks `from` for its data",
};
pub(super) const PUT: KeyOr<Verb> = KeyOr {
    default: Verb::Put,
    ..VERB
};
pub(super) const QPS: KeyOr<u32> = KeyOr {
    name: "qps",
    form: &Int(1, MAX_QPS),
    default: 1,
    doc: "QPs of each pair of workers",
};
pub(super) const SPLIT: KeyOr<bool> = KeyOr {
    name: "split",
    form: &Words(split::WORDS),
    default: false,
    doc: "qps: each message is cut over all QPs of its pair; none: QPs take messages in turn",
};
pub(super) const RATE: KeyOr<Rate> = KeyOr {
    name: "rate",
    form: &RateIn::Any,
    default: Rate::Share(Share(1.0)),
    doc: "sending rate of each sender, counted on the wire",
};
pub(super) const GAP: KeyOr<Picos> = KeyOr {
    name: "gap",
    form: &TIME,
    default: Picos::ZERO,
    doc: "from the planned end of one round to the start of the next",
};
pub(super) const INTERVAL: Key<Picos> = Key {
    name: "interval",
    form: &TIME_ABOVE_ZERO,
    absent: Absent::Words("none"),
    doc: "from the start of one round to the start of the next",
};
pub(super) const FRAME_MAP: Key<()> = Key {
    name: "frame",
    form: &Map(&[&FRAME]),
    absent: Absent::Words("the pattern's"),
    doc: "header fields of the entry's frames",
};

pub(super) const CONVERGENCE_MAP: Key<()> = Key {
    name: "convergence",
    form: &Map(&[&CONVERGENCE]),
    absent: Absent::Words("none"),
    doc: "how long rates take to settle after the load has changed: see [rates that settle](#rates-that-settle)",
};

keys! {
    /// A whole pattern.
    pub PATTERN: Pattern = "pattern" {
        name: String, Line::text(200), otherwise "the file's name", "name in reports";
        description: String, Prose, none, "the one question that the pattern asks";
        draft: String, Line(40, "a section number (`8.1`)"), none, "section of the draft whose test this is a shape of";
        testbed: String, Line(1000, "a path, or the name of a shipped testbed"), otherwise "the default testbed",
            "testbed that the pattern was made for, where the command names none";
        seed: u64, Int(0, u64::MAX), or 1, "seed of every random choice";
        duration: Picos, TIME_ABOVE_ZERO, none, "no message begins after this time; those begun are finished";
        sample: Picos, SAMPLE, none,
            "the run goes on without a pause and is sampled at this interval, 100000 times at most: see [a long run](#a-long-run)";
        convergence: Key<()> = CONVERGENCE_MAP;
        icrc_check: IcrcCheck, IcrcShare, or IcrcCheck::All, "how many of the received frames have their ICRC verified";
        frame: (), Map(&[&FRAME]), none, "header fields of every entry; an entry's own `frame` goes first";
        transport: Key<bool> = TRANSPORT;
        rc: Key<()> = RC_MAP;
        cnp: Key<()> = CNP_MAP;
        dcqcn: Key<Option<Profile>> = DCQCN_MAP;
        traffic: (), Tree("a list of 1 to 256 entries", &[]), required, "what is sent";
        expect: (), expect::LINES, none, "what must hold; where it does not, the exit status is 1";
        asks: (), expect::FIGURES, otherwise "what the entries' kinds are about",
            "the figures that answer the pattern's question, the most important first: they head the summary";
    }

    /// Keys of every entry.
    pub ENTRY: Entry = "entry" {
        kind: &'static TrafficKind, KindName, required, "what the entry sends";
        name: String, Plain { limit: 64, others: "-_", rule: Some(("not only digits", not_only_digits)) },
            otherwise "`<kind>-<index>`", "name in reports, in `after` and in `--set`";
        start: Picos, TIME, or Picos::ZERO, "when the entry begins, from the start of the run";
        after: (), Tree("name of an earlier entry", &[]), none, "begin after that entry's last frame has left";
        delay: Picos, TIME, or Picos::ZERO, "pause between the end of `after` and the beginning";
        duration: Picos, TIME_ABOVE_ZERO, otherwise "the pattern's",
            "no message begins so long after the entry began; those begun are finished";
        frame: Key<()> = FRAME_MAP;
        priority: u8, Int(0, 7), otherwise "what the testbed's `dscp_to_priority` and `pcp_to_priority` say",
            "class in which the network has the entry's frames, whatever their DSCP and PCP";
        transport: Key<bool> = TRANSPORT;
        rc: Key<()> = RC_MAP;
        cnp: Key<()> = CNP_MAP;
        dcqcn: Key<Option<Profile>> = DCQCN_MAP;
    }

    /// `kind: transfer`.
    pub TRANSFER: Transfer = "transfer" {
        pairs: u32, PAIRS, otherwise "length of the longer list, else 1",
            "how many pairs; shorter lists are gone through again";
        from: Workers, WorkerSet, otherwise "`pairs` workers from 0", "senders, one of each pair";
        to: Workers, WorkerSet, otherwise "the next `pairs` workers", "receivers, one of each pair";
        message: Key<Bytes> = MESSAGE;
        kv_cache: Key<KvConfig> = KV_CACHE;
        verb: KeyOr<Verb> = VERB;
        qps: KeyOr<u32> = QPS;
        split: KeyOr<bool> = SPLIT;
        count: Option<u64>, WordOr("unlimited", COUNT), or None,
            "messages (whole KV caches) of each pair; unlimited needs a `duration`";
        outstanding: u32, Int(1, MAX_QPS), otherwise "no limit",
            "messages of a pair sent and not yet completely received, at most";
        rate: KeyOr<Rate> = RATE;
    }

    /// `kind: incast`.
    pub INCAST: Incast = "incast" {
        senders: Workers, FirstWorkers(1), required, "who sends";
        receiver: u32, Int(0, MAX_WORKER as u64), otherwise "the first worker that does not send", "who receives";
        message: Key<Bytes> = MESSAGE;
        kv_cache: Key<KvConfig> = KV_CACHE;
        verb: KeyOr<Verb> = VERB;
        qps: KeyOr<u32> = QPS;
        split: KeyOr<bool> = SPLIT;
        count: u64, COUNT, or 1, "messages (whole KV caches) of each sender in a round";
        start_mode: kinds::StartMode, Words(kinds::START_MODES),
            otherwise "what `stagger` or `jitter` says, else synchronised", "how the senders of a round begin";
        stagger: Picos, TIME, none, "staggered: sender i begins i times this later";
        jitter: Picos, TIME, none, "jittered: each sender begins at a random instant within this";
        repeats: u64, ROUNDS, or 1, "rounds";
        gap: KeyOr<Picos> = GAP;
        interval: Key<Picos> = INTERVAL;
        rate: KeyOr<Rate> = RATE;
    }

    /// `kind: burst`.
    pub BURST: Burst = "burst" {
        transfers: u32, PAIRS, required, "transfers in a burst, one message (or KV cache) each";
        from: Workers, WorkerSet, otherwise "`transfers` workers from 0",
            "senders, gone through again when fewer than `transfers`";
        to: Workers, WorkerSet, otherwise "the first worker that does not send", "receivers, gone through again";
        message: Key<Bytes> = MESSAGE;
        kv_cache: Key<KvConfig> = KV_CACHE;
        verb: KeyOr<Verb> = VERB;
        qps: KeyOr<u32> = QPS;
        split: KeyOr<bool> = SPLIT;
        window: Picos, TIME_ABOVE_ZERO, none, "time within which a burst's transfers begin";
        arrival: kinds::Spacing, Words(kinds::SPACINGS), otherwise "uniform with a `window`, else at-once",
            "how the transfers are spread over the window";
        bursts: u64, ROUNDS, or 1, "how many bursts";
        gap: KeyOr<Picos> = GAP;
        interval: Key<Picos> = INTERVAL;
        rate: KeyOr<Rate> = RATE;
    }

    /// `kind: alltoall`.
    pub ALLTOALL: AllToAll = "alltoall" {
        ranks: Workers, FirstWorkers(2), required, "the expert-parallel group; rank i is its i-th worker";
        ranks_per_node: u32, Int(1, 65_536), or 1,
            "ranks of a node, in order: tokens for another rank of one's node take its own links (NVLink) and are not sent; \
             `ranks` must be a multiple, of more than one node";
        model: Model, Words(&MODELS), none, "`experts`, `top_k` and `hidden` from the draft's Table 6";
        experts: u32, Int(1, 65_536), otherwise "required without `model`",
            "experts; expert e is held by rank floor(e·ranks/experts)";
        top_k: u32, Int(1, 1024), otherwise "required without `model`", "experts of a token, at most `experts`";
        hidden: u32, Int(1, 1 << 20), otherwise "required without `model`", "elements of a token";
        precision: u32, Precision, or 2, "bytes of an element";
        // Draft, Table 12: batches of 1 to 16 and 8 to 16 QPs against 128 to 512 and 24.
        batch: u32, Int(1, 1 << 20), by (128, "low-latency", 8), "tokens of each rank in a dispatch";
        layers: u32, Int(1, 10_000), or 1, "dispatches in an iteration";
        iterations: Option<u64>, WordOr("unlimited", ROUNDS), or Some(1), "iterations; unlimited needs a `duration`";
        interval: Picos, TIME_ABOVE_ZERO, otherwise "one after the other",
            "from the start of one dispatch to the start of the next";
        mode: bool, Words(&[("normal", false), ("low-latency", true)]), or false,
            "sizes follow the routing, or are all padded alike";
        padded_tokens: u32, Int(1, 1 << 20), otherwise "batch·top_k/ranks, rounded up",
            "low-latency: tokens that every pair of ranks carries";
        routing: kinds::Chooser, Words(kinds::CHOOSERS), or kinds::Chooser::TopK,
            "who chooses which expert gets a token (draft, Table 7)";
        skew: f64, Number(0.0, 4.0), or 0.0, "Zipf exponent of popularity; 0 is uniform; not with aux-loss";
        capacity_factor: f64, Number(0.01, 100.0), by (1.25, "expert-choice", 1.0),
            "an expert's capacity over its even share; not with top-k and aux-loss";
        verb: KeyOr<Verb> = VERB;
        qps: u32, Int(1, MAX_QPS), by (24, "low-latency", 8), "QPs of each ordered pair of ranks";
        split: bool, Words(split::WORDS), or false,
            "qps: what a pair of ranks carries in a dispatch is one message, cut over all its QPs; none: tokens are dealt to \
             QPs in turn";
        rate: KeyOr<Rate> = RATE;
    }

    /// `kind: background`.
    pub BACKGROUND: Background = "background" {
        from: Workers, WorkerSet, required, "senders, one flow each";
        to: Workers, WorkerSet, required, "receivers, gone through again when fewer than `from`";
        load: Rate, RateIn::Load, required,
            "rate of each sender, counted on the wire; with `0%` the entry is left out";
        message: Bytes, Quantity::up_to(MAX_MESSAGE), or SMALL_MESSAGE, "size of a message";
        verb: KeyOr<Verb> = PUT;
        qps: KeyOr<u32> = QPS;
        split: KeyOr<bool> = SPLIT;
    }

    /// `kind: pfc`.
    pub PFC: Pfc = "pfc" {
        from: u32, Int(0, MAX_WORKER as u64), required, "the worker whose port sends the frames";
        frame_type: bool, Words(&[("pfc", false), ("pause", true)]), or false,
            "IEEE 802.1Qbb, or IEEE 802.3 Annex 31B";
        classes: u8, Classes, otherwise "required with pfc", "priorities that are paused";
        quanta: u16, Int(0, 65_535), or u16::MAX, "how long, in units of 512 bit times; 0 resumes";
        interval: Picos, TIME_ABOVE_ZERO, otherwise "required, or `rate`", "from frame to frame";
        rate: Picos, Parsed {
            allowed: "frames per second (`1000/s`), 1e-3 to 1e9",
            parse: |text| per_second(text, 1e9).and_then(kinds::interval_of),
            near: |text| parse_int(text).map(|number| format!("{number}/s")),
            show: |_| String::new(),
        }, otherwise "required, or `interval`", "the same as `interval`, the other way round";
        count: Option<u64>, WordOr("unlimited", COUNT), or None, "frames; unlimited needs a `duration`";
    }

    /// `kind: ecn-probe`.
    pub ECN_PROBE: EcnProbe = "ecn-probe" {
        senders: Workers, FirstWorkers(1), required, "who fills the queue; frames are dealt to them evenly";
        receiver: u32, Int(0, MAX_WORKER as u64), otherwise "the first worker that does not send",
            "who receives; its port holds the queue with PFC and releases it";
        // Four gigabytes of full frames: more than any switch holds.
        frames: u64, Int(1, 1_000_000), required,
            "frames of all senders in a round, at least one for each: how deep the queue is filled";
        message: u32, Int(1, 4096), otherwise "the `pmtu`",
            "payload bytes of a frame, at most the `pmtu`; each is a message of its own, so all are of one length";
        verb: KeyOr<Verb> = PUT;
        lead: Picos, TIME_ABOVE_ZERO, or Picos::from_micros(20), "from the XOFF to a round's first frame";
        hold: Picos, TIME_ABOVE_ZERO, otherwise "the lead, the filling, a tenth of it, and 50us", "from the XOFF to the XON";
        repeats: u64, ROUNDS, or 1, "rounds";
        gap: Picos, TIME, or Picos::from_micros(100), "from the planned end of a round's draining to the next XOFF";
        rate: KeyOr<Rate> = RATE;
    }

    /// `convergence`.
    pub CONVERGENCE: ConvergenceMap = "convergence" {
        at: Picos, TIME, required, "when the load changes, from the start of the run";
        steady: Picos, TIME_ABOVE_ZERO, otherwise "half way from `at` to the end", "from when on rates are taken as steady";
        of: RatesOf, Words(&[("entries", RatesOf::Entries), ("pairs", RatesOf::Pairs)]), or RatesOf::Entries,
            "whose rates: each entry's, or each pair's of workers";
        target: Target, Words(&[("steady", Target::Steady), ("fair", Target::Fair)]), or Target::Steady,
            "steady: each rate's own mean over the steady time; fair: an equal share of their sum";
        within: Share, Quantity::within(Share(0.0001), Share(1.0)), or Share(0.05), "how far from it a rate may be, as a share of it";
        window: Picos, TIME_ABOVE_ZERO, or Picos::from_micros(1_000),
            "the smallest window over which rates are taken; 5, 10 and 50 of it are looked at, too";
    }

    /// `frame`.
    pub FRAME: Frame = "frame" {
        ip: bool, Words(&[("4", false), ("6", true)]), or false, "IP version";
        dscp: u8, Int(0, 63), or 26, "differentiated services codepoint";
        ecn: Ecn, Words(&[("not-ect", Ecn::NotEct), ("ect0", Ecn::Ect0), ("ect1", Ecn::Ect1), ("ce", Ecn::Ce)]),
            or Ecn::Ect0, "ECN codepoint (RFC 3168)";
        ttl: u8, Int(1, 255), or 64, "time to live, or hop limit";
        vlan: (), Tree("a VLAN ID, a map of vid, pcp, dei, tpid, or a list of at most two of those, outermost first", &[&VLAN]),
            none, "802.1Q tags";
        pmtu: u32, Words(&[("256", 256), ("512", 512), ("1024", 1024), ("2048", 2048), ("4096", 4096)]), or 4096,
            "payload bytes of a full packet";
        pkey: u16, Hex(0, 0xffff), or 0xffff, "partition key";
        migreq: bool, Flag, or true, "migration state bit";
        first_psn: u32, Int(0, Psn::MODULUS as u64 - 1), or 0, "PSN of each QP's first packet";
        first_qpn: u32, Int(2, Qpn::MAX as u64), otherwise "the next free one",
            "destination QPN of the entry's first QP; 0 and 1 are reserved";
        va: u64, Hex(0, u64::MAX), or 0x7f00_0000_0000, "virtual address where each QP's region begins";
        rkey: u32, Hex(0, u32::MAX as u64), or 0x1234, "R_Key";
        ack_req: AckReq, WordOrMap(
            &[("last", AckReq::Last), ("never", AckReq::Never), ("all", AckReq::All)], &[&ACK_REQ],
        ), or AckReq::Last, "which packets ask for an acknowledgement; `every: N` is each N-th and the last";
        source_port: Entropy, frame::SourcePort, or Entropy::PerQp,
            "entropy of the UDP source port; `fixed: PORT`, `range: [LOW, HIGH]`";
    }

    /// One `vlan` tag.
    pub VLAN: Vlan = "vlan" {
        vid: u16, frame::VID, required, "VLAN ID; 0 is a priority tag";
        pcp: u8, Int(0, 7), or 0, "priority";
        dei: bool, Flag, or false, "drop eligible";
        tpid: u16, OneOf(&[0x8100, 0x88a8, 0x9100]), or 0x8100, "tag protocol identifier";
    }

    /// `ack_req` as a map.
    pub ACK_REQ: AckReqMap = "ack_req" {
        every: u32, Int(1, u32::MAX as u64), required, "each N-th packet of a message asks, and the last";
    }

    /// `source_port` as a map.
    pub SOURCE_PORT: SourcePortMap = "source_port" {
        fixed: u16, Int(0, 65_535), otherwise "one of the two", "the same for all packets";
        range: (), Tree("[LOW, HIGH], ports 0 to 65535", &[]), otherwise "one of the two",
            "QP i uses LOW + i mod (HIGH − LOW + 1)";
    }

    /// `kv_cache` as a map.
    pub KV: Kv = "kv_cache" {
        config: KvConfig, Words(&KV_CONFIGS), none, "layers, heads, dimension and precision from the draft's Table 8";
        layers: u64, Int(1, 10_000), otherwise "required without `config`", "transformer layers, L";
        kv_heads: u64, Int(1, 65_536), otherwise "required without `config`", "KV attention heads, H_kv";
        head_dim: u64, Int(1, 65_536), otherwise "required without `config`", "dimension of a head, D";
        context: u64, Int(1, 1 << 30), or 4096, "context length in tokens, C";
        precision: u64, Precision, or 2, "bytes of an element, P_bytes";
    }
}

/// Every table, for the documentation.
pub static SECTIONS: &[&dyn Section] = &[
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
    &CONVERGENCE,
    &FRAME,
    &VLAN,
    &ACK_REQ,
    &SOURCE_PORT,
    &RC,
    &CNP,
    &DCQCN,
];
