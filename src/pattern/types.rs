//! The pattern's types. Names are the draft's and the IBTA's; every duration and size is a unit
//! type. `docs/PATTERNS.md` describes each key.

use super::convergence::Convergence;
use super::transport::Transport;
use crate::expect::{Asked, Expectation};
use crate::units::{BitRate, Bytes, Picos, Psn, Qpn, Share};

/// A whole pattern file.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// `name`; the file's stem when the file does not say.
    pub name: String,
    /// `description`: the one question that this pattern asks.
    pub description: Option<String>,
    /// `draft`: the section of the draft whose test this is a shape of, as "8.1".
    pub draft: Option<String>,
    /// `testbed`: the one that it was made for, where the command names none.
    pub testbed: Option<String>,
    /// `seed` of every random choice; 1 when the file does not say.
    pub seed: u64,
    /// `duration`: no message begins after this time; those begun are finished.
    pub duration: Option<Picos>,
    /// `sample`: what happened is told apart in intervals of this length, for the trend of a long run.
    pub sample: Option<Picos>,
    /// `convergence`: when rates are looked at, and whose.
    pub convergence: Option<Convergence>,
    /// `icrc_check`: how many received frames have their ICRC verified.
    pub icrc_check: IcrcCheck,
    /// `traffic`: at least one entry, names distinct.
    pub traffic: Vec<Entry>,
    /// `expect`: what must hold of a run.
    pub expect: Vec<Expectation>,
    /// `asks`: the figures that answer the pattern's question, the most important first.
    pub asks: Vec<Asked>,
}

/// Which received frames have their ICRC verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcrcCheck {
    /// `all`: every frame.
    All,
    /// `1/N`: one frame in N (N ≥ 2).
    OneIn(u32),
    /// `none`.
    None,
}

/// One entry of `traffic`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `name`: distinct within the pattern; `<kind>-<index>` when the file does not say.
    pub name: String,
    /// When it begins.
    pub start: Start,
    /// `duration`: no message begins so long after the entry began; those begun are finished.
    pub duration: Option<Picos>,
    /// `frame`: header fields of every frame. Pattern-wide `frame` keys are merged in already.
    pub frame: FrameOptions,
    /// `priority`: the class in which the network has the entry's frames, 0…7; `None`: what the
    /// testbed's maps say.
    pub priority: Option<u8>,
    /// How the packets of its QPs are carried.
    pub transport: Transport,
    /// What it sends.
    pub kind: Kind,
}

/// When an entry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// `start: 5ms`, counted from the start of the run (default 0).
    At(Picos),
    /// `after: name` (index into [`Pattern::traffic`], always a smaller one) and `delay`
    /// (default 0) after the last frame of that entry has left.
    After {
        /// Index of the entry waited for.
        entry: usize,
        /// Pause between.
        delay: Picos,
    },
}

/// The traffic kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Point to point.
    Transfer(Transfer),
    /// Many senders, one receiver.
    Incast(Incast),
    /// Concurrent transfers arriving within a window.
    Burst(Burst),
    /// Expert-parallel dispatch.
    AllToAll(AllToAll),
    /// Constant load.
    Background(Background),
    /// PFC or PAUSE frames.
    Pfc(Pfc),
    /// A queue filled while PFC holds it, to read ECN marking by position.
    EcnProbe(EcnProbe),
}

impl Kind {
    /// The kind's name in YAML and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Transfer(_) => "transfer",
            Kind::Incast(_) => "incast",
            Kind::Burst(_) => "burst",
            Kind::AllToAll(_) => "alltoall",
            Kind::Background(_) => "background",
            Kind::Pfc(_) => "pfc",
            Kind::EcnProbe(_) => "ecn-probe",
        }
    }

    /// How its messages are carried; `None` of those that carry none.
    #[must_use]
    pub fn verb(&self) -> Option<Verb> {
        match self {
            Kind::Transfer(kind) => Some(kind.messages.verb),
            Kind::Incast(kind) => Some(kind.messages.verb),
            Kind::Burst(kind) => Some(kind.messages.verb),
            Kind::Background(kind) => Some(kind.messages.verb),
            Kind::AllToAll(kind) => Some(kind.verb),
            Kind::EcnProbe(kind) => Some(kind.verb),
            Kind::Pfc(_) => None,
        }
    }

    /// Whether it sends PFC or PAUSE frames, which can stop a network that others use.
    #[must_use]
    pub fn sends_pauses(&self) -> bool {
        matches!(self, Kind::Pfc(_) | Kind::EcnProbe(_))
    }
}

/// How a message is carried (IBTA Vol 1, 9.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `put`: RDMA WRITE.
    Put,
    /// `put-with-signal`: RDMA WRITE, immediate data in the last packet.
    PutWithSignal,
    /// `send`.
    Send,
    /// `send-with-immediate`.
    SendWithImmediate,
    /// `read`: RDMA READ. The receiver of the data asks the worker that holds them.
    Read,
}

/// A set of workers by number, in order and without repetition; numbers count from 0 over the
/// testbed's ports in order. YAML: `3`, `"0-7"`, `[0, 2, "4-6"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers(pub Vec<u32>);

/// Sending rate of one sender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// `max`: as fast as the port takes frames, without pacing.
    Max,
    /// `50%`: share of the sending port's line rate, counted on the wire.
    Share(Share),
    /// `100Gbps`, counted on the wire (preamble, FCS and gap included).
    Bits(BitRate),
    /// `1000/s`: messages per second.
    Messages(f64),
}

/// What every message-carrying kind says about its messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Messages {
    /// `verb`, default `put-with-signal`.
    pub verb: Verb,
    /// `message`, or the size that `kv_cache` gives: 0 bytes (a signal and nothing else) to 2 GiB. With `kv_cache` the whole
    /// cache is cut into messages of `message` bytes when both are given; then
    /// [`Messages::transfer_bytes`] is the cache.
    pub size: Bytes,
    /// Bytes of one whole transfer (a KV cache) when it is more than one message; its last
    /// message carries what remains.
    pub transfer_bytes: Option<Bytes>,
    /// `qps`: QPs for each pair of workers, 1 to 2^20; default 1.
    pub qps: u32,
    /// `split: qps`: each message is cut over all QPs of its pair, see [`super::split`]; default `none`: QPs take messages in
    /// turn.
    pub split: bool,
}

/// Point-to-point transfers from `from[i]` to `to[i]`. A shorter list is gone through again.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// `pairs`: how many pairs; default the length of the longer list, else 1.
    pub pairs: u32,
    /// `from`; default workers `0 .. pairs`.
    pub from: Workers,
    /// `to`; default workers `pairs .. 2·pairs`.
    pub to: Workers,
    /// Message shape.
    pub messages: Messages,
    /// `count`: messages (or whole transfers with `kv_cache` + `message`) for each pair; `None` is
    /// until `duration` ends.
    pub count: Option<u64>,
    /// `outstanding`: at most so many messages of a pair sent and not yet completely received.
    /// `None`: open loop.
    pub outstanding: Option<u32>,
    /// `rate` of each pair; default 100 % of line.
    pub rate: Rate,
}

/// M senders to one receiver, in rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Incast {
    /// `senders`: a number M (workers 0..M) or a worker set.
    pub senders: Workers,
    /// `receiver`; default the first worker that does not send.
    pub receiver: u32,
    /// Message shape.
    pub messages: Messages,
    /// `count`: messages from each sender in one round; default 1.
    pub count: u64,
    /// `start_mode` and its parameter.
    pub spread: Spread,
    /// `repeats`: number of rounds; default 1.
    pub repeats: u64,
    /// `gap`: from the planned end of one round's sending to the start of the next; or
    /// `interval`: from start to start.
    pub round: RoundSpacing,
    /// `rate` of each sender; default 100 % of line.
    pub rate: Rate,
}

/// How senders of one round are spread in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// `synchronised`: all at the same instant.
    Synchronised,
    /// `staggered`: sender i begins i × `stagger` later.
    Staggered(Picos),
    /// `jittered`: each begins at a random instant (uniform, seeded) within `jitter`.
    Jittered(Picos),
}

/// Time between rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundSpacing {
    /// `gap: 1ms` from planned end to start (default 0).
    Gap(Picos),
    /// `interval: 10ms` from start to start.
    Interval(Picos),
}

/// N concurrent transfers that arrive within a window, as bursts.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// `transfers`: N.
    pub transfers: u32,
    /// `from`: transfer i comes from `from[i mod len]`; default workers `0 .. transfers`.
    pub from: Workers,
    /// `to`: transfer i goes to `to[i mod len]`; default the first worker that does not send.
    pub to: Workers,
    /// Message shape; one transfer is one message (or one KV cache).
    pub messages: Messages,
    /// `window` and `arrival`.
    pub arrival: Arrival,
    /// `bursts`: how many; default 1.
    pub bursts: u64,
    /// `gap` or `interval` between bursts.
    pub round: RoundSpacing,
    /// `rate` of each transfer; default 100 % of line.
    pub rate: Rate,
}

/// When the transfers of one burst begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// `at-once`.
    AtOnce,
    /// `uniform` over `window`.
    Uniform(Picos),
    /// `poisson`: the first N arrivals of a Poisson process with mean gap `window / N`; the last of
    /// them may come after the window.
    Poisson(Picos),
}

/// Expert-parallel dispatch (draft 7.1, 7.2, Appendix D).
#[derive(Debug, Clone, PartialEq)]
pub struct AllToAll {
    /// `ranks`: a number N (workers 0..N) or a worker set; rank i is the i-th worker.
    pub ranks: Workers,
    /// `ranks_per_node`: ranks 0 … n−1 are on the first node, and so on; [`AllToAll::ranks`] is a multiple of it, of two nodes
    /// at least.
    pub ranks_per_node: u32,
    /// `model`: "M1" … "M4" when the shape came from the draft's Table 6.
    pub model: Option<String>,
    /// `experts`: E, expert e is held by rank e·N/E (contiguous blocks).
    pub experts: u32,
    /// `top_k`: k.
    pub top_k: u32,
    /// `hidden`: H_model, elements of a token.
    pub hidden: u32,
    /// `precision`: bytes of an element (1, 2 or 4).
    pub precision: u32,
    /// `batch`: B, tokens of each rank in one dispatch.
    pub batch: u32,
    /// `layers`: dispatches in one iteration.
    pub layers: u32,
    /// `iterations`: default 1; `None` is until `duration` ends.
    pub iterations: Option<u64>,
    /// `interval`: start to start of two dispatches; `None`: the next begins when the last frame
    /// of the previous has been planned.
    pub interval: Option<Picos>,
    /// `mode`.
    pub mode: DispatchMode,
    /// `routing` and its parameters.
    pub routing: Routing,
    /// `verb`, default `put-with-signal`.
    pub verb: Verb,
    /// `qps` of each ordered pair of ranks; default 24 (normal) or 8 (low-latency).
    pub qps: u32,
    /// `split: qps`: what a pair of ranks carries in a dispatch is one message, cut over its QPs; default `none`: its tokens
    /// are dealt to the QPs in turn, and each QP's are a message.
    pub split: bool,
    /// `rate` of each rank; default 100 % of line.
    pub rate: Rate,
}

/// Dispatch mode (draft Appendix D, Table 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchMode {
    /// `normal`: sizes follow the routing.
    Normal,
    /// `low-latency`: every pair carries `padded_tokens` tokens (default ⌈B·k/N⌉).
    LowLatency {
        /// `padded_tokens`, when given.
        padded_tokens: Option<u32>,
    },
}

/// Routing mode (draft Table 7).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Routing {
    /// `top-k`; `skew` is the Zipf exponent of expert popularity, 0 = uniform.
    TopK {
        /// Zipf exponent, 0 to 4.
        skew: f64,
    },
    /// `expert-choice`: every expert takes the same number of tokens.
    ExpertChoice {
        /// Zipf exponent of token popularity.
        skew: f64,
        /// `capacity_factor`: tokens per expert = factor · N·B·k/E; default 1.
        capacity_factor: f64,
    },
    /// `top-k-drop`: top-k, tokens beyond an expert's capacity are dropped.
    TopKDrop {
        /// Zipf exponent of expert popularity.
        skew: f64,
        /// `capacity_factor`; default 1.25.
        capacity_factor: f64,
    },
    /// `aux-loss`: near-uniform top-k.
    AuxLoss,
}

/// Constant load at a share of capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// `from`.
    pub from: Workers,
    /// `to`; background flow i goes from `from[i]` to `to[i mod len]`.
    pub to: Workers,
    /// `load`: rate of each sender; a share of its port's line rate or a bit rate.
    pub load: Rate,
    /// Message shape; default 64 KiB `put`.
    pub messages: Messages,
}

/// PFC (IEEE 802.1Qbb) or PAUSE (IEEE 802.3 Annex 31B) frames from one worker's port.
#[derive(Debug, Clone, PartialEq)]
pub struct Pfc {
    /// `from`: the worker whose port sends them.
    pub from: u32,
    /// `frame_type`: `pfc` or `pause`; with `pause`, `classes` is not allowed.
    pub pause: bool,
    /// `classes`: one bit for each priority 0…7.
    pub classes: u8,
    /// `quanta`: 0…65535, units of 512 bit times; 0 resumes.
    pub quanta: u16,
    /// `interval` between frames, or `rate: 1000/s` turned into it.
    pub interval: Picos,
    /// `count` of frames; `None` is until `duration` ends.
    pub count: Option<u64>,
}

/// An egress queue held by PFC from the receiver's port, filled with a known number of frames, and
/// released: frames come out in queue order, so a frame's place is the depth that it met.
#[derive(Debug, Clone, PartialEq)]
pub struct EcnProbe {
    /// `senders`: a number M (workers 0..M) or a worker set; at most `frames`.
    pub senders: Workers,
    /// `receiver`, whose port holds and releases; default the first worker that does not send.
    pub receiver: u32,
    /// `frames`: of all senders in one round.
    pub frames: u64,
    /// `message`: payload bytes of a frame, one message each, so that all frames are of one
    /// length; 1 to the PMTU (default).
    pub message: u32,
    /// `verb`, default `put`.
    pub verb: Verb,
    /// `lead`: from the XOFF to the first frame of a round; default 20 us.
    pub lead: Picos,
    /// `hold`: from the XOFF to the XON; `None`: the lead, the filling, and a margin.
    pub hold: Option<Picos>,
    /// `repeats`: number of rounds; default 1.
    pub repeats: u64,
    /// `gap`: from the planned end of one round's draining to the next XOFF; default 100 us.
    pub gap: Picos,
    /// `rate` of each sender; default 100 % of line.
    pub rate: Rate,
}

/// ECN codepoint (RFC 3168 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ecn {
    /// `not-ect` (00).
    NotEct,
    /// `ect1` (01).
    Ect1,
    /// `ect0` (10).
    Ect0,
    /// `ce` (11).
    Ce,
}

impl Ecn {
    /// The two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Ecn::NotEct => 0,
            Ecn::Ect1 => 1,
            Ecn::Ect0 => 2,
            Ecn::Ce => 3,
        }
    }
}

/// UDP source port entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entropy {
    /// `per-qp` (default): a hash of the QP, within 0xC000…0xFFFF.
    PerQp,
    /// `per-message`: another one for every message.
    PerMessage,
    /// `per-packet`: another one for every packet (spray).
    PerPacket,
    /// `fixed: PORT`: the same for all.
    Fixed(u16),
    /// `range: [LOW, HIGH]`: QP i uses LOW + i mod (HIGH − LOW + 1).
    Range(u16, u16),
}

/// Which packets ask for an acknowledgement (IBTA Vol 1, 9.2.2 "AckReq").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckReq {
    /// `last` (default): every Last and Only packet.
    Last,
    /// `never`.
    Never,
    /// `all`: every packet.
    All,
    /// `every: N`: every N-th packet of a message, and the last.
    Every(u32),
}

/// One of `vlan`: an 802.1Q tag, outermost first.
pub use crate::wire::vlan::Tag as VlanTag;

/// Header fields of every frame of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameOptions {
    /// `ip`: true for 6.
    pub ipv6: bool,
    /// `dscp`: 0…63; default 26.
    pub dscp: u8,
    /// `ecn`; default `ect0`.
    pub ecn: Ecn,
    /// `ttl` (hop limit): 1…255; default 64.
    pub ttl: u8,
    /// `vlan`: at most two tags.
    pub vlan: Vec<VlanTag>,
    /// `pmtu`: 256, 512, 1024, 2048 or 4096 (default).
    pub pmtu: u32,
    /// `pkey`; default 0xFFFF.
    pub pkey: u16,
    /// `migreq`; default true.
    pub migreq: bool,
    /// `first_psn`; default 0.
    pub first_psn: Psn,
    /// `first_qpn`: destination QPN of the entry's first flow; `None`: the next free one.
    pub first_qpn: Option<Qpn>,
    /// `va`: virtual address where each QP's region begins; default 0x0000_7f00_0000_0000.
    pub va: u64,
    /// `rkey`; default 0x1234.
    pub rkey: u32,
    /// `ack_req`.
    pub ack_req: AckReq,
    /// `source_port`.
    pub entropy: Entropy,
}

impl FrameOptions {
    /// PCP of the outermost tag.
    #[must_use]
    pub fn pcp(&self) -> Option<u8> {
        self.vlan.first().map(|tag| tag.pcp)
    }
}

impl Default for FrameOptions {
    fn default() -> Self {
        let keys = &super::keys::FRAME;
        FrameOptions {
            ipv6: keys.ip.default,
            dscp: keys.dscp.default,
            ecn: keys.ecn.default,
            ttl: keys.ttl.default,
            vlan: Vec::new(),
            pmtu: keys.pmtu.default,
            pkey: keys.pkey.default,
            migreq: keys.migreq.default,
            first_psn: Psn::new(keys.first_psn.default),
            first_qpn: None,
            va: keys.va.default,
            rkey: keys.rkey.default,
            ack_req: keys.ack_req.default,
            entropy: keys.source_port.default,
        }
    }
}
