//! What a pattern says of an entry's transport: its types, their keys (`keys`) and their reader (`read`).
//!
//! Contract: plain values, as the user typed them or as the defaults have it; nothing here depends on a port.

pub mod keys;
pub(super) mod read;

use self::keys::{CNP, RC};
use crate::units::{BitRate, Bytes, Picos};

/// How the packets of an entry's QPs are carried.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Transport {
    /// Sent as planned; nothing is answered, nothing is sent again.
    #[default]
    Open,
    /// A reliable connection (IBTA Vol 1, 9.7).
    Rc(Box<Rc>),
}

impl Transport {
    /// The reliable connection's settings, where it is one.
    #[must_use]
    pub fn rc(&self) -> Option<&Rc> {
        match self {
            Transport::Open => None,
            Transport::Rc(rc) => Some(rc),
        }
    }
}

/// A reliable connection, both ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Rc {
    /// Local ACK timeout, 0 to 31: 4.096 µs · 2^t without progress; 0: never (IBTA 9.9.2.1.1).
    pub timeout: u8,
    /// Times that a request is sent again without progress before the QP ends, 0 to 7.
    pub retry_count: u8,
    /// The same after RNR NAKs; 7: for ever.
    pub rnr_retry: u8,
    /// Packets that may be without acknowledgement, 1 to 2^23 (IBTA 9.7.1: half of the PSN space).
    pub window_packets: u32,
    /// Messages that may be without acknowledgement, 1 or more.
    pub window_messages: u32,
    /// READs that a QP may have asked for and not received whole, 1 to 255 (verbs' `max_rd_atomic`).
    pub max_rd_atomic: u8,
    /// The responder acknowledges every n-th packet that asks for it, and those that end its waiting; 1 or more.
    pub ack_every: u32,
    /// An acknowledgement that is due by none of these rules leaves so long after the packet that asked for it.
    pub ack_delay: Picos,
    /// The responder places packets in whatever order they come: a gap makes no NAK.
    pub out_of_order: bool,
    /// The responder refuses one in so many SENDs and WRITEs with immediate as not ready; 0: none.
    pub rnr_every: u32,
    /// Its RNR NAK's timer code, 0 to 31 (IBTA table 45).
    pub rnr_timer: u8,
    /// DSCP of ACKs and NAKs; `None`: the data's.
    pub ack_dscp: Option<u8>,
    /// VLAN priority of ACKs and NAKs; `None`: the data's.
    pub ack_pcp: Option<u8>,
    /// How CE marks are told to the sender; `None`: not at all.
    pub cnp: Option<Cnp>,
    /// How the sender reacts to CNPs; `None`: not at all.
    pub dcqcn: Option<Dcqcn>,
}

impl Default for Rc {
    fn default() -> Rc {
        Rc {
            timeout: RC.timeout.default,
            retry_count: RC.retry_count.default,
            rnr_retry: RC.rnr_retry.default,
            window_packets: RC.window_packets.default,
            window_messages: u32::MAX,
            max_rd_atomic: RC.max_rd_atomic.default,
            ack_every: RC.ack_every.default,
            ack_delay: RC.ack_delay.default,
            out_of_order: RC.out_of_order.default,
            rnr_every: RC.rnr_every.default,
            rnr_timer: RC.rnr_timer.default,
            ack_dscp: None,
            ack_pcp: None,
            cnp: None,
            dcqcn: None,
        }
    }
}

/// The notification point: a data packet marked CE makes a CNP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cnp {
    /// At least so long from one CNP to the next within `scope`; 0: every mark makes one.
    pub interval: Picos,
    /// Whose CNPs the interval parts.
    pub scope: Scope,
    /// DSCP of CNPs.
    pub dscp: u8,
    /// VLAN priority of CNPs; `None`: the data's.
    pub pcp: Option<u8>,
    /// A mark that came within the interval makes a CNP at its end; else it makes none.
    pub at_end: bool,
}

impl Cnp {
    /// What a notification point is where the pattern does not say: the one that `profile` goes with.
    #[must_use]
    pub fn of(profile: Profile) -> Cnp {
        Cnp {
            interval: match profile {
                Profile::Paper => Picos::from_micros(50),
                Profile::ConnectX => Picos::from_micros(4),
                Profile::Hpcc => Picos::ZERO,
            },
            scope: CNP.scope.default,
            dscp: CNP.dscp.default,
            pcp: None,
            at_end: CNP.at_end.default,
        }
    }
}

impl Default for Cnp {
    fn default() -> Cnp {
        Cnp::of(Profile::Paper)
    }
}

/// What CNPs share an interval (`min_time_between_cnps`; ConnectX's `ROCE_CC_CNP_MODERATION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Those of one QP: the paper's.
    Qp,
    /// Those from one receiving worker to one sending worker.
    Address,
    /// Those that one port sends.
    Port,
}

/// Published sets of DCQCN's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Zhu et al., SIGCOMM 2015.
    #[default]
    Paper,
    /// ConnectX-4 and later, factory values.
    ConnectX,
    /// HPCC's model of DCQCN.
    Hpcc,
}

/// DCQCN's reaction point: a profile, and what differs from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dcqcn {
    /// The values to begin with.
    pub profile: Profile,
    /// From one increase by time to the next.
    pub rpg_time_reset: Option<Picos>,
    /// Bytes from one increase by bytes to the next, below 2^32; 0: there is none.
    pub rpg_byte_reset: Option<Bytes>,
    /// Increases that belong to fast recovery, 1 to [`keys::MAX_THRESHOLD`].
    pub rpg_threshold: Option<u32>,
    /// No increase goes above; `None`: the line's rate.
    pub rpg_max_rate: Option<BitRate>,
    /// Step of an additive increase.
    pub rpg_ai_rate: Option<BitRate>,
    /// Step of a hyper increase.
    pub rpg_hai_rate: Option<BitRate>,
    /// A cut takes 1024 α / 2^`rpg_gd` of the rate: half of α with 11.
    pub rpg_gd: Option<u8>,
    /// A cut leaves at least this share of the rate.
    pub rpg_min_dec_fac: Option<f64>,
    /// No cut goes below.
    pub rpg_min_rate: Option<BitRate>,
    /// The rate that the first CNP finds; `None`: the line's.
    pub rate_to_set_on_first_cnp: Option<BitRate>,
    /// The paper's g, 0 to 1.
    pub g: Option<f64>,
    /// From one update of α to the next.
    pub dce_tcp_rtt: Option<Picos>,
    /// α at the first CNP, 0 to 1.
    pub initial_alpha: Option<f64>,
    /// CNPs lower the rate at the end of a monitor period of this length; 0: as they come.
    pub rate_reduce_monitor_period: Option<Picos>,
    /// Every cut sets the target to the rate.
    pub clamp_tgt_rate: Option<bool>,
    /// A cut sets the target to the rate after an increase by time, too, not only after one by bytes.
    pub clamp_tgt_rate_after_time_inc: Option<bool>,
    /// Where implementations of the one algorithm differ.
    pub choices: Choices,
}

/// What implementations of DCQCN do one way or another; the defaults are the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    /// Where a CNP raises α and cuts at once: α first.
    pub alpha_first: bool,
    /// Which phase an increase belongs to.
    pub stage: Stage,
    /// How large a hyper step is.
    pub hyper_step: HyperStep,
    /// Hyper steps but the first follow each other in half the time and after half the bytes.
    pub hyper_half: bool,
    /// The target may rise above [`Dcqcn::rpg_max_rate`]; the rate may not.
    pub target_above_max: bool,
    /// The first increase after a cut takes a target of more than ten times the rate to an eighth: a rule of QCN.
    pub target_drop: bool,
}

/// Which phase an increase belongs to, by how many there were since the cut: by time T, by bytes B. F is `rpg_threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// Compared, then counted: fast recovery while max(T, B) < F, hyper from min(T, B) > F.
    #[default]
    Before,
    /// Counted, then compared: fast recovery while max(T, B) < F, hyper from min(T, B) ≥ F.
    After,
    /// Counted, then compared: fast recovery while max(T, B) ≤ F, hyper from min(T, B) > F.
    AfterInclusive,
}

/// How large a hyper step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HyperStep {
    /// `rpg_hai_rate`.
    #[default]
    Once,
    /// `rpg_hai_rate` times the number of stages that min(T, B) is within the hyper phase, the first counting one.
    Times,
}
