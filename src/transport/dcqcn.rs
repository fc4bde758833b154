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

use crate::pattern::transport::{Choices, Dcqcn, HyperStep, Profile, Stage};
use crate::units::{BitRate, Picos};

/// What decides how a QP reacts. Rates in bits a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// The port's rate, and the rate of a QP that saw no CNP yet.
    pub line_rate: f64,
    /// `rpg_time_reset`: from one increase by time to the next (T of the paper).
    pub rpg_time_reset: Picos,
    /// `rpg_byte_reset`: bytes from one increase by bytes to the next (B); 0: there is none.
    pub rpg_byte_reset: u32,
    /// `rpg_threshold`: increases by time or by bytes that belong to fast recovery (F), at most 1000.
    pub rpg_threshold: u32,
    /// `rpg_max_rate`: no increase goes above.
    pub rpg_max_rate: f64,
    /// `rpg_ai_rate`: step of an additive increase.
    pub rpg_ai_rate: f64,
    /// `rpg_hai_rate`: step of a hyper increase.
    pub rpg_hai_rate: f64,
    /// What a cut takes of the rate with an alpha of one: 1024 / 2^`rpg_gd`.
    pub cut_at_one: f64,
    /// `rpg_min_dec_fac`: a cut leaves at least this share of the rate.
    pub rpg_min_dec_fac: f64,
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
    /// When a cut sets the target to the rate.
    pub clamp: Clamp,
    /// Where implementations differ.
    pub choices: Choices,
}

/// When a CNP lowers the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As it comes: the paper's form. Every CNP restarts the timers and the counters.
    AtOnce,
    /// At the end of a monitor period in which one came: what cards and HPCC's model do. The period is
    /// `rate_reduce_monitor_period`, counted from the first CNP on.
    Polled(Picos),
}

/// When a cut sets the target rate to the current rate; else the target is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clamp {
    /// `clamp_tgt_rate`: always.
    Always,
    /// `clamp_tgt_rate_after_time_inc`: after an increase by time or by bytes.
    AfterIncrease,
    /// After an increase by bytes only.
    AfterByteIncrease,
}

impl Clamp {
    /// The same with what `settings` say.
    fn with(self, settings: &Dcqcn) -> Clamp {
        let always = settings.clamp_tgt_rate.unwrap_or(self == Clamp::Always);
        let after_time = settings
            .clamp_tgt_rate_after_time_inc
            .unwrap_or(self != Clamp::AfterByteIncrease);
        match (always, after_time) {
            (true, _) => Clamp::Always,
            (false, true) => Clamp::AfterIncrease,
            (false, false) => Clamp::AfterByteIncrease,
        }
    }
}

impl Parameters {
    /// The parameters of a QP behind a port of `line` bits a second.
    #[must_use]
    pub fn of(settings: &Dcqcn, line: BitRate) -> Parameters {
        let line = line.bits_per_second();
        let profile = match settings.profile {
            Profile::Paper => Parameters::paper(line),
            Profile::ConnectX => Parameters::connectx(line),
            Profile::Hpcc => Parameters::hpcc(line),
        };
        let rate = |said: Option<BitRate>, profile: f64| said.map_or(profile, BitRate::bits_per_second);
        let bytes = settings.rpg_byte_reset;
        Parameters {
            line_rate: line,
            rpg_time_reset: settings.rpg_time_reset.unwrap_or(profile.rpg_time_reset),
            rpg_byte_reset: bytes.map_or(profile.rpg_byte_reset, |bytes| {
                u32::try_from(bytes.0).unwrap_or(u32::MAX)
            }),
            rpg_threshold: settings.rpg_threshold.unwrap_or(profile.rpg_threshold),
            rpg_max_rate: rate(settings.rpg_max_rate, line).min(line),
            rpg_ai_rate: rate(settings.rpg_ai_rate, profile.rpg_ai_rate),
            rpg_hai_rate: rate(settings.rpg_hai_rate, profile.rpg_hai_rate),
            cut_at_one: settings
                .rpg_gd
                .map_or(profile.cut_at_one, |gd| 1024.0 / 2.0_f64.powi(i32::from(gd))),
            rpg_min_dec_fac: settings.rpg_min_dec_fac.unwrap_or(profile.rpg_min_dec_fac),
            rpg_min_rate: rate(settings.rpg_min_rate, profile.rpg_min_rate).min(line),
            rate_to_set_on_first_cnp: settings
                .rate_to_set_on_first_cnp
                .map(|first| first.bits_per_second().min(line)),
            g: settings.g.unwrap_or(profile.g),
            dce_tcp_rtt: settings.dce_tcp_rtt.unwrap_or(profile.dce_tcp_rtt),
            initial_alpha: settings.initial_alpha.unwrap_or(profile.initial_alpha),
            cut: match settings.rate_reduce_monitor_period {
                None => profile.cut,
                Some(Picos::ZERO) => Cut::AtOnce,
                Some(period) => Cut::Polled(period),
            },
            clamp: profile.clamp.with(settings),
            choices: settings.choices,
        }
    }

    /// The paper's values, for 40 Gb/s; `rpg_ai_rate` and `rpg_hai_rate` are said for that rate.
    #[must_use]
    pub fn paper(line_rate: f64) -> Parameters {
        Parameters {
            line_rate,
            rpg_time_reset: Picos::from_micros(55),
            rpg_byte_reset: 10_000_000,
            rpg_threshold: 5,
            rpg_max_rate: line_rate,
            rpg_ai_rate: 40e6,
            rpg_hai_rate: 400e6,
            cut_at_one: 0.5,
            rpg_min_dec_fac: 0.0,
            rpg_min_rate: 100e6,
            rate_to_set_on_first_cnp: None,
            g: 1.0 / 256.0,
            dce_tcp_rtt: Picos::from_micros(55),
            initial_alpha: 1.0,
            cut: Cut::AtOnce,
            clamp: Clamp::Always,
            choices: Choices::default(),
        }
    }

    /// ConnectX's factory values, with `rpg_byte_reset` in units of 64 bytes.
    #[must_use]
    pub fn connectx(line_rate: f64) -> Parameters {
        Parameters {
            rpg_time_reset: Picos::from_micros(300),
            rpg_byte_reset: 32_767 * 64,
            rpg_threshold: 1,
            rpg_ai_rate: 5e6,
            rpg_hai_rate: 50e6,
            rpg_min_dec_fac: 0.5,
            rpg_min_rate: 1e6,
            g: 5.0 / 1024.0,
            dce_tcp_rtt: Picos::from_micros(1),
            initial_alpha: 1023.0 / 1024.0,
            cut: Cut::Polled(Picos::from_micros(4)),
            clamp: Clamp::AfterIncrease,
            ..Parameters::paper(line_rate)
        }
    }

    /// The values of HPCC's model for DCQCN: alpha each microsecond, no byte counter, steps scaled with the rate.
    #[must_use]
    pub fn hpcc(line_rate: f64) -> Parameters {
        Parameters {
            rpg_time_reset: Picos::from_micros(300),
            rpg_byte_reset: 0,
            rpg_threshold: 1,
            rpg_ai_rate: 5e6 * line_rate / 25e9,
            rpg_hai_rate: 50e6 * line_rate / 25e9,
            dce_tcp_rtt: Picos::from_micros(1),
            cut: Cut::Polled(Picos::from_micros(4)),
            clamp: Clamp::AfterIncrease,
            ..Parameters::paper(line_rate)
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

/// One QP's rate: 56 bytes, as there is one for each of 65,536 QPs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReactionPoint {
    rate: f64,
    target: f64,
    alpha: f64,
    /// Next ends of periods; [`Picos::MAX`] before the first CNP.
    alpha_due: Picos,
    increase_due: Picos,
    poll_due: Picos,
    /// Bytes since the last increase by bytes.
    bytes: u32,
    /// Increases by time and by bytes since the last cut.
    by_time: Count,
    by_bytes: Count,
}

/// Increases since the last cut, up to 16,383, and two marks of who counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count(u16);

impl Count {
    /// By time: a CNP came since the last update of alpha. By bytes: one came since the last poll.
    const SEEN: u16 = 1 << 15;
    /// The last increase of this kind was a hyper increase.
    const HYPER: u16 = 1 << 14;

    fn stage(self) -> u32 {
        u32::from(self.0 & (Count::HYPER - 1))
    }

    fn up(&mut self) {
        // Far above any threshold: more would change nothing.
        if self.stage() < u32::from(Count::HYPER - 1) {
            self.0 += 1;
        }
    }

    fn is(self, mark: u16) -> bool {
        self.0 & mark != 0
    }

    fn set(&mut self, mark: u16, is: bool) {
        self.0 = if is { self.0 | mark } else { self.0 & !mark };
    }

    /// None since the cut; whether a CNP came is kept.
    fn restart(&mut self) {
        self.0 &= Count::SEEN;
    }

    /// Whether a CNP came since this was asked last.
    fn take_seen(&mut self) -> bool {
        let seen = self.is(Count::SEEN);
        self.set(Count::SEEN, false);
        seen
    }
}

impl ReactionPoint {
    /// A QP that may send at line rate: it saw no CNP.
    #[must_use]
    pub fn new(parameters: &Parameters) -> ReactionPoint {
        ReactionPoint {
            rate: parameters.line_rate,
            target: parameters.line_rate,
            alpha: parameters.initial_alpha,
            alpha_due: Picos::MAX,
            increase_due: Picos::MAX,
            poll_due: Picos::MAX,
            bytes: 0,
            by_time: Count::default(),
            by_bytes: Count::default(),
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

    /// Increases by time and by bytes since the last cut (T and BC), 16,383 at most.
    #[must_use]
    pub fn stages(&self) -> (u32, u32) {
        (self.by_time.stage(), self.by_bytes.stage())
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
            let due = self.deadline();
            if due > now || due == Picos::MAX {
                return;
            }
            let change = if due == self.alpha_due {
                self.update_alpha(parameters);
                Some(Change::Alpha)
            } else if due == self.poll_due {
                self.poll(parameters)
            } else {
                Some(self.by_time_due(parameters))
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
                let raised = (1.0 - parameters.g) * self.alpha + parameters.g;
                if parameters.choices.alpha_first {
                    self.alpha = raised;
                }
                self.cut(parameters, now);
                self.alpha = raised;
                self.alpha_due = now + parameters.dce_tcp_rtt;
                seen(now, Change::Cut, self);
            }
            Cut::Polled(period) => {
                if first {
                    self.alpha_due = now + parameters.dce_tcp_rtt;
                    // A period's end is after the update of alpha of the same time.
                    self.poll_due = now + period;
                    self.increase_due = Picos::MAX;
                }
                self.by_time.set(Count::SEEN, true);
                self.by_bytes.set(Count::SEEN, true);
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
        let mut all = u64::from(self.bytes) + bytes;
        loop {
            let half = parameters.choices.hyper_half && self.by_bytes.is(Count::HYPER);
            let reset = u64::from(parameters.rpg_byte_reset >> u32::from(half)).max(1);
            if all < reset {
                break;
            }
            all -= reset;
            let change = self.increase(parameters, |point| &mut point.by_bytes);
            seen(now, change, self);
        }
        // Less than `rpg_byte_reset`, which has 32 bits.
        self.bytes = u32::try_from(all).unwrap_or(u32::MAX);
    }

    /// When the state changes next without a CNP or a frame; [`Picos::MAX`]: never.
    #[must_use]
    pub fn deadline(&self) -> Picos {
        self.alpha_due.min(self.poll_due).min(self.increase_due)
    }

    fn update_alpha(&mut self, parameters: &Parameters) {
        self.alpha *= 1.0 - parameters.g;
        if self.by_time.take_seen() {
            self.alpha += parameters.g;
        }
        self.alpha_due = self.alpha_due + parameters.dce_tcp_rtt;
    }

    fn poll(&mut self, parameters: &Parameters) -> Option<Change> {
        let now = self.poll_due;
        let Cut::Polled(period) = parameters.cut else {
            self.poll_due = Picos::MAX;
            return None;
        };
        self.poll_due = now + period;
        if !self.by_bytes.take_seen() {
            return None;
        }
        self.cut(parameters, now);
        Some(Change::Cut)
    }

    /// Lowers the rate by what alpha says, and begins anew with the increases.
    fn cut(&mut self, parameters: &Parameters, now: Picos) {
        let (by_time, by_bytes) = self.stages();
        let clamps = match parameters.clamp {
            Clamp::Always => true,
            Clamp::AfterIncrease => by_time > 0 || by_bytes > 0,
            Clamp::AfterByteIncrease => by_bytes > 0,
        };
        if clamps {
            self.target = self.rate;
        }
        let factor = (1.0 - self.alpha * parameters.cut_at_one).max(parameters.rpg_min_dec_fac);
        self.rate = (self.rate * factor).max(parameters.rpg_min_rate);
        self.by_time.restart();
        self.by_bytes.restart();
        self.bytes = 0;
        self.increase_due = now + parameters.rpg_time_reset;
    }

    fn by_time_due(&mut self, parameters: &Parameters) -> Change {
        let again = self.by_time.is(Count::HYPER);
        let change = self.increase(parameters, |point| &mut point.by_time);
        let half = parameters.choices.hyper_half && again && change == Change::HyperIncrease;
        let period = (parameters.rpg_time_reset.0 >> u32::from(half)).max(1);
        self.increase_due = self.increase_due + Picos(period);
        change
    }

    /// One step up, which `of` counts.
    fn increase(&mut self, parameters: &Parameters, of: fn(&mut ReactionPoint) -> &mut Count) -> Change {
        let before = self.stages();
        of(self).up();
        let after = self.stages();
        let (by_time, by_bytes) = match parameters.choices.stage {
            Stage::Before => before,
            Stage::After | Stage::AfterInclusive => after,
        };
        // Without a byte counter the timer alone decides the phase.
        let by_bytes = if parameters.rpg_byte_reset == 0 {
            by_time
        } else {
            by_bytes
        };
        let (least, most) = (by_time.min(by_bytes), by_time.max(by_bytes));
        let threshold = parameters.rpg_threshold;
        let (fast, first_hyper) = match parameters.choices.stage {
            Stage::Before => (most < threshold, threshold + 1),
            Stage::After => (most < threshold, threshold),
            Stage::AfterInclusive => (most <= threshold, threshold + 1),
        };
        let (change, step) = if fast {
            (Change::FastRecovery, 0.0)
        } else if least < first_hyper {
            (Change::AdditiveIncrease, parameters.rpg_ai_rate)
        } else {
            let times = match parameters.choices.hyper_step {
                HyperStep::Once => 1,
                HyperStep::Times => least - first_hyper + 1,
            };
            (Change::HyperIncrease, parameters.rpg_hai_rate * f64::from(times))
        };
        of(self).set(Count::HYPER, change == Change::HyperIncrease);
        let first = after.0 == 1 || after.1 == 1;
        if parameters.choices.target_drop && first && self.target > 10.0 * self.rate {
            self.target /= 8.0;
        } else {
            self.target += step;
        }
        let max = parameters.rpg_max_rate;
        if !parameters.choices.target_above_max {
            self.target = self.target.min(max);
        }
        self.rate = ((self.rate + self.target) / 2.0).min(max);
        change
    }
}
