//! The reaction point of DCQCN: one QP's rate as CNPs lower it and time and bytes raise it again.
//!
//! Contract: a plain state machine. `now` and the bytes sent are arguments; nothing here reads a clock or sets a timer.
//! What timers would have done until `now` is replayed when somebody asks ([`ReactionPoint::advance`]), so a QP whose
//! next frame is not due costs nothing.
//!
//! Sources: Zhu et al., "Congestion Control for Large-Scale RDMA Deployments", SIGCOMM 2015, section 3 (the event
//! form); NVIDIA's "DCQCN CC Parameters" (the names of parameters, the polled form, ConnectX's factory values).
//!
//! Left out on purpose: when a CNP is sent (the notification point), and what a rate means for a frame's departure.

use crate::pattern::transport::{Clamp, Dcqcn, Profile};
use crate::units::{BitRate, Picos};

/// What decides how a QP reacts. Rates in bits a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// The port's rate, and the rate of a QP that saw no CNP yet.
    pub line_rate: f64,
    /// `rpg_time_reset`: from one increase by time to the next.
    pub rpg_time_reset: Picos,
    /// `rpg_byte_reset`: bytes from one increase by bytes to the next; 0: there is none.
    pub rpg_byte_reset: u64,
    /// `rpg_threshold`: increases by time or by bytes that belong to fast recovery (F).
    pub rpg_threshold: u32,
    /// `rpg_ai_rate`: step of an additive increase.
    pub rpg_ai_rate: f64,
    /// `rpg_hai_rate`: step of a hyper increase.
    pub rpg_hai_rate: f64,
    /// `rpg_min_rate`: no cut goes below.
    pub rpg_min_rate: f64,
    /// `rate_to_set_on_first_cnp`: the rate that the first CNP finds; `None`: the line's.
    pub rate_to_set_on_first_cnp: Option<f64>,
    /// g of the paper: the weight of what is new in alpha. `dce_tcp_g` of a card is 1024 (1 − g).
    pub g: f64,
    /// `dce_tcp_rtt`: from one update of alpha to the next (K of the paper).
    pub dce_tcp_rtt: Picos,
    /// `initial_alpha_value`, as a share of one.
    pub initial_alpha: f64,
    /// When a CNP lowers the rate.
    pub cut: Cut,
}

/// When a CNP lowers the rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// As it comes: the paper's form. Every CNP restarts the timers and the counters, and the target becomes the rate.
    AtOnce,
    /// At the end of a monitor period in which one came: what cards and HPCC's model do.
    Polled {
        /// `rate_reduce_monitor_period`.
        period: Picos,
        /// `rpg_min_dec_fac`: a cut leaves at least this share of the rate.
        least_factor: f64,
        /// When the cut sets the target to the rate.
        clamp: Clamp,
    },
}

impl Cut {
    /// The same with what `settings` say.
    fn with(self, settings: &Dcqcn) -> Cut {
        let (period, least_factor, clamp) = match self {
            Cut::AtOnce => (Picos::ZERO, 0.0, Clamp::AfterIncrease),
            Cut::Polled {
                period,
                least_factor,
                clamp,
            } => (period, least_factor, clamp),
        };
        let period = settings.rate_reduce_monitor_period.unwrap_or(period);
        if period == Picos::ZERO {
            return Cut::AtOnce;
        }
        Cut::Polled {
            period,
            least_factor: settings.rpg_min_dec_fac.unwrap_or(least_factor),
            clamp: settings.clamp.unwrap_or(clamp),
        }
    }
}

impl Parameters {
    /// The parameters of a QP behind a port of `line` bits a second.
    #[must_use]
    pub fn of(settings: &Dcqcn, line: BitRate) -> Parameters {
        fn set<T>(to: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *to = value;
            }
        }
        let line = line.bits_per_second();
        let mut all = match settings.profile {
            Profile::Paper => Parameters::paper(line),
            Profile::ConnectX => Parameters::connectx(line),
            Profile::Hpcc => Parameters::hpcc(line),
        };
        let rate = |rate: Option<BitRate>| rate.map(BitRate::bits_per_second);
        set(&mut all.rpg_time_reset, settings.rpg_time_reset);
        set(&mut all.rpg_byte_reset, settings.rpg_byte_reset.map(|bytes| bytes.0));
        set(&mut all.rpg_threshold, settings.rpg_threshold);
        set(&mut all.rpg_ai_rate, rate(settings.rpg_ai_rate));
        set(&mut all.rpg_hai_rate, rate(settings.rpg_hai_rate));
        set(&mut all.rpg_min_rate, rate(settings.rpg_min_rate));
        set(
            &mut all.rate_to_set_on_first_cnp,
            rate(settings.rate_to_set_on_first_cnp).map(Some),
        );
        set(&mut all.g, settings.g);
        set(&mut all.dce_tcp_rtt, settings.dce_tcp_rtt);
        set(&mut all.initial_alpha, settings.initial_alpha);
        all.cut = all.cut.with(settings);
        all
    }

    /// The paper's values, for 40 Gb/s; `rpg_ai_rate` and `rpg_hai_rate` are said for that rate.
    #[must_use]
    pub fn paper(line_rate: f64) -> Parameters {
        Parameters {
            line_rate,
            rpg_time_reset: Picos::from_micros(55),
            rpg_byte_reset: 10_000_000,
            rpg_threshold: 5,
            rpg_ai_rate: 40e6,
            rpg_hai_rate: 400e6,
            rpg_min_rate: 100e6,
            rate_to_set_on_first_cnp: None,
            g: 1.0 / 256.0,
            dce_tcp_rtt: Picos::from_micros(55),
            initial_alpha: 1.0,
            cut: Cut::AtOnce,
        }
    }

    /// ConnectX's factory values, with `rpg_byte_reset` in units of 64 bytes.
    #[must_use]
    pub fn connectx(line_rate: f64) -> Parameters {
        Parameters {
            line_rate,
            rpg_time_reset: Picos::from_micros(300),
            rpg_byte_reset: 32_767 * 64,
            rpg_threshold: 1,
            rpg_ai_rate: 5e6,
            rpg_hai_rate: 50e6,
            rpg_min_rate: 1e6,
            rate_to_set_on_first_cnp: None,
            g: 5.0 / 1024.0,
            dce_tcp_rtt: Picos::from_micros(1),
            initial_alpha: 1023.0 / 1024.0,
            cut: Cut::Polled {
                period: Picos::from_micros(4),
                least_factor: 0.5,
                clamp: Clamp::AfterIncrease,
            },
        }
    }

    /// The values of HPCC's model for DCQCN: alpha each microsecond, no byte counter, steps scaled with the rate.
    #[must_use]
    pub fn hpcc(line_rate: f64) -> Parameters {
        Parameters {
            line_rate,
            rpg_time_reset: Picos::from_micros(300),
            rpg_byte_reset: 0,
            rpg_threshold: 1,
            rpg_ai_rate: 5e6 * line_rate / 25e9,
            rpg_hai_rate: 50e6 * line_rate / 25e9,
            rpg_min_rate: 100e6,
            rate_to_set_on_first_cnp: None,
            g: 1.0 / 256.0,
            dce_tcp_rtt: Picos::from_micros(1),
            initial_alpha: 1.0,
            cut: Cut::Polled {
                period: Picos::from_micros(4),
                least_factor: 0.0,
                clamp: Clamp::AfterIncrease,
            },
        }
    }
}

/// What happened to a QP's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A CNP lowered the rate.
    Cut,
    /// Alpha was updated.
    Alpha,
    /// The rate went half the way to its target.
    FastRecovery,
    /// The target rose by `rpg_ai_rate`.
    AdditiveIncrease,
    /// The target rose by `rpg_hai_rate`.
    HyperIncrease,
}

/// One QP's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReactionPoint {
    rate: f64,
    target: f64,
    alpha: f64,
    /// Increases by time and by bytes since the last cut.
    by_time: u32,
    by_bytes: u32,
    /// Bytes since the last increase by bytes.
    bytes: u64,
    /// Next ends of periods; [`Picos::MAX`] before the first CNP.
    alpha_due: Picos,
    increase_due: Picos,
    poll_due: Picos,
    /// A CNP came since the last update of alpha; since the last poll.
    seen_by_alpha: bool,
    seen_by_poll: bool,
}

impl ReactionPoint {
    /// A QP that may send at line rate: it saw no CNP.
    #[must_use]
    pub fn new(parameters: &Parameters) -> ReactionPoint {
        ReactionPoint {
            rate: parameters.line_rate,
            target: parameters.line_rate,
            alpha: parameters.initial_alpha,
            by_time: 0,
            by_bytes: 0,
            bytes: 0,
            alpha_due: Picos::MAX,
            increase_due: Picos::MAX,
            poll_due: Picos::MAX,
            seen_by_alpha: false,
            seen_by_poll: false,
        }
    }

    /// Current rate (R_C), bits a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Target rate (R_T), bits a second.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.target
    }

    /// Alpha, 0 to 1.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Increases by time and by bytes since the last cut (T and BC).
    #[must_use]
    pub fn stages(&self) -> (u32, u32) {
        (self.by_time, self.by_bytes)
    }

    /// Whether a CNP ever came: before the first one nothing limits the QP.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.alpha_due != Picos::MAX
    }

    /// Replays what the timers would have done up to and including `now`, and tells `seen` of each change.
    pub fn advance(
        &mut self,
        parameters: &Parameters,
        now: Picos,
        mut seen: impl FnMut(Picos, Change, &ReactionPoint),
    ) {
        loop {
            // Ties: alpha, then the cut, then the increase.
            let due = self.alpha_due.min(self.poll_due).min(self.increase_due);
            if due > now || due == Picos::MAX {
                return;
            }
            let change = if due == self.alpha_due {
                self.update_alpha(parameters);
                Some(Change::Alpha)
            } else if due == self.poll_due {
                self.poll(parameters)
            } else {
                self.by_time_due(parameters)
            };
            if let Some(change) = change {
                seen(due, change, self);
            }
        }
    }

    /// A CNP came at `now`, to which the state was advanced.
    pub fn on_cnp(&mut self, parameters: &Parameters, now: Picos, mut seen: impl FnMut(Picos, Change, &ReactionPoint)) {
        let first = !self.is_limited();
        if first {
            self.rate = parameters.rate_to_set_on_first_cnp.unwrap_or(parameters.line_rate);
            self.target = self.rate;
            self.bytes = 0;
        }
        match parameters.cut {
            Cut::AtOnce => {
                self.target = self.rate;
                self.rate = (self.rate * (1.0 - self.alpha / 2.0)).max(parameters.rpg_min_rate);
                self.alpha = (1.0 - parameters.g) * self.alpha + parameters.g;
                (self.by_time, self.by_bytes, self.bytes) = (0, 0, 0);
                self.alpha_due = now + parameters.dce_tcp_rtt;
                self.increase_due = now + parameters.rpg_time_reset;
                seen(now, Change::Cut, self);
            }
            Cut::Polled { period, .. } => {
                if first {
                    self.alpha_due = now + parameters.dce_tcp_rtt;
                    // A period's end is after the update of alpha of the same time.
                    self.poll_due = now + period;
                    self.increase_due = Picos::MAX;
                }
                self.seen_by_alpha = true;
                self.seen_by_poll = true;
            }
        }
    }

    /// `bytes` left at `now`, to which the state was advanced.
    pub fn on_sent(
        &mut self,
        parameters: &Parameters,
        now: Picos,
        bytes: u64,
        mut seen: impl FnMut(Picos, Change, &ReactionPoint),
    ) {
        if parameters.rpg_byte_reset == 0 || !self.is_limited() {
            return;
        }
        self.bytes += bytes;
        while self.bytes >= parameters.rpg_byte_reset {
            self.bytes -= parameters.rpg_byte_reset;
            let change = self.increase(parameters);
            self.by_bytes += 1;
            seen(now, change, self);
        }
    }

    /// When the state changes next without a CNP or a frame; [`Picos::MAX`]: never.
    #[must_use]
    pub fn deadline(&self) -> Picos {
        self.alpha_due.min(self.poll_due).min(self.increase_due)
    }

    fn update_alpha(&mut self, parameters: &Parameters) {
        self.alpha *= 1.0 - parameters.g;
        if std::mem::take(&mut self.seen_by_alpha) {
            self.alpha += parameters.g;
        }
        self.alpha_due = self.alpha_due + parameters.dce_tcp_rtt;
    }

    fn poll(&mut self, parameters: &Parameters) -> Option<Change> {
        let Cut::Polled {
            period,
            least_factor,
            clamp,
        } = parameters.cut
        else {
            self.poll_due = Picos::MAX;
            return None;
        };
        let now = self.poll_due;
        self.poll_due = now + period;
        if !std::mem::take(&mut self.seen_by_poll) {
            return None;
        }
        let clamps = match clamp {
            Clamp::Always => true,
            Clamp::AfterIncrease => self.by_time > 0 || self.by_bytes > 0,
            Clamp::AfterByteIncrease => self.by_bytes > 0,
        };
        if clamps {
            self.target = self.rate;
        }
        let factor = (1.0 - self.alpha / 2.0).max(least_factor);
        self.rate = (self.rate * factor).max(parameters.rpg_min_rate);
        (self.by_time, self.by_bytes) = (0, 0);
        self.increase_due = now + parameters.rpg_time_reset;
        Some(Change::Cut)
    }

    fn by_time_due(&mut self, parameters: &Parameters) -> Option<Change> {
        self.increase_due = self.increase_due + parameters.rpg_time_reset;
        let change = self.increase(parameters);
        self.by_time += 1;
        Some(change)
    }

    /// One step up. The stages are compared before they are counted.
    fn increase(&mut self, parameters: &Parameters) -> Change {
        let threshold = parameters.rpg_threshold;
        let without_bytes = parameters.rpg_byte_reset == 0;
        let (least, most) = if without_bytes {
            // The timer alone decides the phase: once additive, then always hyper.
            (self.by_time, self.by_time)
        } else {
            (self.by_time.min(self.by_bytes), self.by_time.max(self.by_bytes))
        };
        let change = if most < threshold {
            Change::FastRecovery
        } else if least > threshold {
            Change::HyperIncrease
        } else {
            Change::AdditiveIncrease
        };
        let step = match change {
            Change::HyperIncrease => parameters.rpg_hai_rate,
            Change::AdditiveIncrease => parameters.rpg_ai_rate,
            _ => 0.0,
        };
        self.target = (self.target + step).min(parameters.line_rate);
        self.rate = (self.rate + self.target) / 2.0;
        change
    }
}
