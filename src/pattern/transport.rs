//! What a pattern says of an entry's transport.
//!
//! Contract: plain values, as the user typed them or as the defaults have it; nothing here depends on a port.

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
    /// How CE marks are told to the sender; `None`: not at all.
    pub cnp: Option<Cnp>,
    /// How the sender reacts to CNPs; `None`: not at all.
    pub dcqcn: Option<Dcqcn>,
}

impl Default for Rc {
    fn default() -> Rc {
        Rc {
            timeout: 14,
            retry_count: 7,
            rnr_retry: 7,
            window_packets: 1 << 23,
            window_messages: u32::MAX,
            ack_every: 1,
            ack_delay: Picos::ZERO,
            out_of_order: false,
            rnr_every: 0,
            rnr_timer: 12,
            ack_dscp: None,
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
}

impl Default for Cnp {
    fn default() -> Cnp {
        Cnp {
            interval: Picos::from_micros(50),
            scope: Scope::Qp,
            dscp: 48,
        }
    }
}

/// What CNPs share an interval (`min_time_between_cnps`; ConnectX's `ROCE_CC_CNP_MODERATION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Bytes from one increase by bytes to the next; 0: there is none.
    pub rpg_byte_reset: Option<Bytes>,
    /// Increases that belong to fast recovery.
    pub rpg_threshold: Option<u32>,
    /// Step of an additive increase.
    pub rpg_ai_rate: Option<BitRate>,
    /// Step of a hyper increase.
    pub rpg_hai_rate: Option<BitRate>,
    /// No cut goes below.
    pub rpg_min_rate: Option<BitRate>,
    /// The rate that the first CNP finds.
    pub rate_to_set_on_first_cnp: Option<BitRate>,
    /// The paper's g.
    pub g: Option<f64>,
    /// From one update of alpha to the next.
    pub dce_tcp_rtt: Option<Picos>,
    /// Alpha at the first CNP, as a share of one.
    pub initial_alpha: Option<f64>,
    /// CNPs lower the rate at the end of a monitor period of this length; 0: as they come.
    pub rate_reduce_monitor_period: Option<Picos>,
    /// A cut at the end of a monitor period leaves at least this share of the rate.
    pub rpg_min_dec_fac: Option<f64>,
    /// When such a cut sets the target to the rate.
    pub clamp: Option<Clamp>,
}

/// When a cut at the end of a monitor period sets the target rate to the current rate; else the target is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clamp {
    /// `clamp_tgt_rate`: always.
    Always,
    /// `clamp_tgt_rate_after_time_inc`: after an increase by time or by bytes.
    AfterIncrease,
    /// After an increase by bytes only.
    AfterByteIncrease,
}
