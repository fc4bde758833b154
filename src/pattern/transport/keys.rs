//! The keys of a transport, of a pattern and of its entries alike.
//!
//! Left out on purpose: what must hold between keys; see `read`.

use super::{HyperStep, Profile, Scope, Stage};
use crate::units::{BitRate, Bytes, Picos};
use crate::yaml::form::{Flag, Int, Map, Number, Quantity, WordOr, WordOrMap, Words};
use crate::yaml::key::{Absent, Key, keys};

/// Most increases that fast recovery may have.
pub const MAX_THRESHOLD: u64 = 1000;

/// No period of a transport is longer: timers of 32 bits of a microsecond end later, and runs before.
const PERIOD: Picos = Picos::from_micros(60_000_000);

const PERIOD_ABOVE_ZERO: Quantity<Picos> = Quantity::above_zero(PERIOD);
const RATE: Quantity<BitRate> = Quantity::<BitRate>::ANY;
const OF_PROFILE: &str = "the profile's";

/// `transport`.
pub const TRANSPORT: Key<bool> = Key {
    name: "transport",
    form: &Words(&[("open", false), ("rc", true)]),
    absent: Absent::Words("of an entry the pattern's; else open"),
    doc: "open: sent as planned, nothing is answered or sent again; rc: a reliable connection, see [TRANSPORT.md](TRANSPORT.md)",
};

/// `rc`.
pub const RC_MAP: Key<()> = Key {
    name: "rc",
    form: &Map(&[&RC]),
    absent: Absent::Words("of an entry the pattern's; else the defaults"),
    doc: "both ends of the reliable connections; an entry's own keys go before the pattern's",
};

/// `cnp`.
pub const CNP_MAP: Key<()> = Key {
    name: "cnp",
    form: &WordOrMap(&[("none", ())], &[&CNP]),
    absent: Absent::Words("of an entry the pattern's; else the defaults with `dcqcn`, and none without"),
    doc: "what a receiver makes of CE marks: the notification point",
};

/// `dcqcn`.
pub const DCQCN_MAP: Key<Option<Profile>> = Key {
    name: "dcqcn",
    form: &WordOrMap(
        &[
            ("none", None),
            ("paper", Some(Profile::Paper)),
            ("connectx", Some(Profile::ConnectX)),
            ("hpcc", Some(Profile::Hpcc)),
        ],
        &[&DCQCN],
    ),
    absent: Absent::Words("of an entry the pattern's; else none"),
    doc: "how a sender reacts to CNPs: the reaction point",
};

keys! {
    /// `rc`.
    pub RC: RcKeys = "rc" {
        timeout: u8, Int(0, 31), or 14,
            "local ACK timeout t: 4.096 us · 2^t without progress and the requests are sent again; 0: never (IBTA 9.9.2.1.1)";
        retry_count: u8, Int(0, 7), or 7, "how often without progress, before the QP is in error";
        rnr_retry: u8, Int(0, 7), or 7, "the same after RNR NAKs; 7: for ever";
        window_packets: u32, Int(1, 1 << 23), or 1 << 23,
            "packets sent and not acknowledged, at most; half of the PSN space is the most (IBTA 9.7.1)";
        window_messages: u32, Int(1, u32::MAX as u64), otherwise "no limit", "messages sent and not acknowledged, at most";
        max_rd_atomic: u8, Int(1, 255), or 16, "READs of a QP asked for and not received whole, at most";
        ack_every: u32, Int(1, 1 << 23), or 1, "the responder acknowledges each n-th of the packets that ask for it";
        ack_delay: Picos, Quantity::up_to(PERIOD), or Picos::ZERO,
            "with `ack_every` above 1: an acknowledgement that was asked for leaves at most so long after";
        out_of_order: bool, Flag, or false,
            "the responder places packets in the order in which they come, and answers a gap with no NAK: for networks that spray";
        rnr_every: u32, Int(0, u32::MAX as u64), or 0,
            "the responder is not ready for each n-th SEND or WRITE with immediate, and says so once; 0: always ready";
        rnr_timer: u8, Int(0, 31), or 12, "timer code of its RNR NAK: 0 is 655.36 ms, 12 is 0.64 ms (IBTA table 45)";
        ack_dscp: u8, Int(0, 63), otherwise "the data's", "DSCP of ACKs and NAKs";
        ack_pcp: u8, Int(0, 7), otherwise "the data's", "priority in the outermost VLAN tag of ACKs and NAKs; needs `frame.vlan`";
    }

    /// `cnp` as a map.
    pub CNP: CnpKeys = "cnp" {
        interval: Picos, Quantity::up_to(PERIOD), otherwise "50 us; with `dcqcn` its profile's: connectx 4 us, hpcc 0",
            "from one CNP to the next, at least; 0: each marked packet makes one";
        scope: Scope, Words(&[("qp", Scope::Qp), ("address", Scope::Address), ("port", Scope::Port)]), or Scope::Qp,
            "whose CNPs the interval parts: those of a QP (the paper), of a pair of workers, or of the whole port \
             (ConnectX: `min_time_between_cnps`)";
        dscp: u8, Int(0, 63), or 48, "DSCP of CNPs";
        pcp: u8, Int(0, 7), otherwise "the data's", "priority in the outermost VLAN tag of CNPs; needs `frame.vlan`";
        at_end: bool, Flag, or false,
            "a mark within the interval makes a CNP at its end (UEC's htsim); otherwise it makes none (the paper, ns-3)";
    }

    /// `dcqcn` as a map.
    pub DCQCN: DcqcnKeys = "dcqcn" {
        profile: Profile, Words(&[("paper", Profile::Paper), ("connectx", Profile::ConnectX), ("hpcc", Profile::Hpcc)]),
            otherwise "of an entry the pattern's; else paper", "the values of all other keys: [profiles](TRANSPORT.md#profiles)";
        rpg_time_reset: Picos, PERIOD_ABOVE_ZERO, otherwise OF_PROFILE, "T: from one increase by time to the next";
        rpg_byte_reset: Bytes, Quantity::up_to(Bytes(4_000_000_000)), otherwise OF_PROFILE,
            "B: from one increase by bytes to the next; 0: none. In bytes: a card's 32767 is read as bytes by NVIDIA's header, \
             as units of 64 bytes by others, and by the profile";
        rpg_threshold: u32, Int(1, MAX_THRESHOLD), otherwise OF_PROFILE, "F: increases that belong to fast recovery";
        rpg_max_rate: Option<BitRate>, WordOr("0", RATE), otherwise OF_PROFILE, "no increase goes above; 0: the line's rate";
        rpg_ai_rate: BitRate, RATE, otherwise OF_PROFILE, "step of an additive increase";
        rpg_hai_rate: BitRate, RATE, otherwise OF_PROFILE, "step of a hyper increase";
        rpg_gd: u8, Int(0, 20), otherwise OF_PROFILE, "a cut takes 1024 α / 2^gd of the rate: α/2 with 11";
        rpg_min_dec_fac: u8, Int(0, 100), otherwise OF_PROFILE, "a cut leaves at least so many percent of the rate";
        rpg_min_rate: BitRate, RATE, otherwise OF_PROFILE, "no cut goes below";
        rate_to_set_on_first_cnp: Option<BitRate>, WordOr("0", RATE), otherwise OF_PROFILE,
            "the rate that the first CNP finds; 0: the line's";
        dce_tcp_g: u16, Int(0, 1024), otherwise "`g`", "g as cards have it: 1024 (1 − g)";
        g: f64, Number(0.0, 1.0), otherwise OF_PROFILE, "g as the paper has it: the weight of what is new in α";
        dce_tcp_rtt: Picos, PERIOD_ABOVE_ZERO, otherwise OF_PROFILE, "K: from one update of α to the next";
        initial_alpha_value: u16, Int(0, 1024), otherwise OF_PROFILE, "α at the first CNP, in 1024ths";
        rate_reduce_monitor_period: Picos, Quantity::up_to(PERIOD), otherwise OF_PROFILE,
            "CNPs lower the rate at the end of such a period (cards, HPCC); 0: each as it comes (the paper, ns3-rdma, htsim)";
        clamp_tgt_rate: bool, Flag, otherwise OF_PROFILE,
            "every cut sets the target to the rate (the paper, htsim); otherwise only one after an increase by bytes does";
        clamp_tgt_rate_after_time_inc: bool, Flag, otherwise OF_PROFILE,
            "without `clamp_tgt_rate`: so does one after an increase by time (cards, HPCC)";
        alpha_first: bool, Flag, or false,
            "a CNP raises α, then cuts (ns3-rdma); otherwise it cuts, then raises α (the paper, htsim)";
        stage: Stage,
            Words(&[("before", Stage::Before), ("after", Stage::After), ("after-inclusive", Stage::AfterInclusive)]),
            or Stage::Before,
            "increases by time (T) and by bytes (B) are compared with F before they are counted, hyper from min(T, B) > F (the \
             paper, HPCC), or after: hyper from min(T, B) ≥ F (ns3-rdma), or fast recovery while max(T, B) ≤ F and hyper from \
             min(T, B) > F (htsim)";
        hyper_step: HyperStep, Words(&[("once", HyperStep::Once), ("times", HyperStep::Times)]), or HyperStep::Once,
            "a hyper step is `rpg_hai_rate` (HPCC), or so often that as min(T, B) is within the hyper phase (ns3-rdma, htsim)";
        hyper_half: bool, Flag, or false,
            "hyper steps but the first follow each other in half of T and B (ns3-rdma)";
        target_above_max: bool, Flag, or false,
            "the target may rise above the line's rate; the rate may not (ns3-rdma, htsim)";
        target_drop: bool, Flag, or false,
            "the first increase after a cut takes a target of more than ten times the rate to an eighth (ns3-rdma, from QCN)";
    }
}
