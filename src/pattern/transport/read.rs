//! From the keys of a transport to a [`Transport`].
//!
//! Contract: a key that is absent leaves what the wider map (the pattern's, or the default) said.

use super::keys::{CNP, CNP_MAP, DCQCN, DCQCN_MAP, RC, RC_MAP, TRANSPORT};
use super::{Cnp, Dcqcn, Rc, Scope, Transport};
use crate::pattern::keys::VERB;
use crate::pattern::{AckReq, FrameOptions, Kind, Verb};
use crate::units::Picos;
use crate::yaml::key::Declared;
use crate::yaml::read::{Fields, MapOr};

/// The keys that mean nothing without `transport: rc`.
const OF_RC: [&dyn Declared; 3] = [&RC_MAP, &CNP_MAP, &DCQCN_MAP];

/// What a pattern, or an entry over it, says of the transport.
#[derive(Debug, Clone, Default)]
pub struct Said {
    reliable: bool,
    rc: Rc,
    cnp: SaidCnp,
    dcqcn: Option<Dcqcn>,
}

/// What is said of CNPs.
#[derive(Debug, Clone, Copy, Default)]
enum SaidCnp {
    /// Nothing.
    #[default]
    Unsaid,
    /// There are none.
    None,
    /// There are.
    Some {
        interval: Option<Picos>,
        scope: Option<Scope>,
        dscp: Option<u8>,
        pcp: Option<u8>,
        at_end: Option<bool>,
    },
}

impl Said {
    /// What the map `fields` says over `self`.
    pub fn with(&self, fields: &Fields<'_>) -> Said {
        let mut said = self.clone();
        fields.set(&TRANSPORT, &mut said.reliable);
        if let Some(map) = fields.map(&RC_MAP) {
            rc(&map, &mut said.rc);
        }
        match fields.map_or(&CNP_MAP) {
            Some(MapOr::Map(map)) => said.cnp = said.cnp.with(&map),
            Some(MapOr::Value(())) => said.cnp = SaidCnp::None,
            None => {}
        }
        match fields.map_or(&DCQCN_MAP) {
            Some(MapOr::Map(map)) => said.dcqcn = Some(dcqcn(&map, said.dcqcn.take())),
            Some(MapOr::Value(profile)) => said.dcqcn = profile.map(of_profile),
            None => {}
        }
        said
    }

    /// The transport that this is.
    fn resolved(self) -> Transport {
        if !self.reliable {
            return Transport::Open;
        }
        let default = Cnp::of(self.dcqcn.as_ref().map(|dcqcn| dcqcn.profile).unwrap_or_default());
        let cnp = match self.cnp {
            SaidCnp::Unsaid => self.dcqcn.as_ref().map(|_| default),
            SaidCnp::None => None,
            SaidCnp::Some {
                interval,
                scope,
                dscp,
                pcp,
                at_end,
            } => Some(Cnp {
                interval: interval.unwrap_or(default.interval),
                scope: scope.unwrap_or(default.scope),
                dscp: dscp.unwrap_or(default.dscp),
                pcp,
                at_end: at_end.unwrap_or(default.at_end),
            }),
        };
        Transport::Rc(Box::new(Rc {
            cnp,
            dcqcn: self.dcqcn,
            ..self.rc
        }))
    }
}

/// The transport of an entry that sends `kind`; `pattern` is what the pattern says.
pub fn of_entry(fields: &Fields<'_>, pattern: &Said, kind: &Kind, frame: &FrameOptions) -> Transport {
    if matches!(kind, Kind::Pfc(_)) {
        for key in [&TRANSPORT as &dyn Declared].into_iter().chain(OF_RC) {
            fields.refuse(key, "means nothing to a PFC frame, which no QP carries");
        }
        return Transport::Open;
    }
    let said = pattern.with(fields);
    if kind.verb() == Some(Verb::Read) {
        read(fields, kind, said.reliable);
    }
    // A wrong `transport` is told already; which of the two was meant is not known.
    let readable = !fields.has(&TRANSPORT) || fields.get(&TRANSPORT).is_some();
    if !said.reliable {
        if readable {
            refuse(fields, "goes with `transport: rc` only");
        }
        return Transport::Open;
    }
    if matches!(kind, Kind::EcnProbe(_)) {
        let what = "an `ecn-probe` counts places in a queue, so nothing of it may wait or come again: it needs `transport: open`";
        fields.wrong(&TRANSPORT, what);
    }
    if frame.ack_req == AckReq::Never {
        let what = "with `ack_req: never` nobody would acknowledge what a reliable connection sends: every QP would end in error";
        fields.wrong(&TRANSPORT, what);
    }
    said.resolved()
}

/// What must hold of an entry whose messages are RDMA READs.
fn read(fields: &Fields<'_>, kind: &Kind, reliable: bool) {
    if matches!(kind, Kind::AllToAll(_) | Kind::EcnProbe(_)) {
        let what = format!(
            "senders of `{}` send of their own accord: none of them is asked by a READ",
            kind.name()
        );
        fields.wrong(&VERB, &what);
    } else if !reliable {
        fields.wrong(
            &VERB,
            "a READ is answered, and `transport: open` has no answers: say `transport: rc`",
        );
    }
}

/// What must hold of a pattern whose entries have `transports`.
pub fn of_pattern<'a>(fields: &Fields<'_>, mut transports: impl Iterator<Item = &'a Transport>) {
    if !transports.any(|transport| transport.rc().is_some()) {
        refuse(
            fields,
            "means nothing here: no entry has `transport: rc`, of its own or of the pattern",
        );
    }
}

fn refuse(fields: &Fields<'_>, why: &str) {
    for key in OF_RC {
        fields.refuse(key, why);
    }
}

fn rc(fields: &Fields<'_>, rc: &mut Rc) {
    fields.set(&RC.timeout, &mut rc.timeout);
    fields.set(&RC.retry_count, &mut rc.retry_count);
    fields.set(&RC.rnr_retry, &mut rc.rnr_retry);
    fields.set(&RC.window_packets, &mut rc.window_packets);
    fields.set(&RC.window_messages, &mut rc.window_messages);
    fields.set(&RC.max_rd_atomic, &mut rc.max_rd_atomic);
    fields.set(&RC.ack_every, &mut rc.ack_every);
    fields.set(&RC.ack_delay, &mut rc.ack_delay);
    fields.set(&RC.out_of_order, &mut rc.out_of_order);
    fields.set(&RC.rnr_every, &mut rc.rnr_every);
    fields.set(&RC.rnr_timer, &mut rc.rnr_timer);
    rc.ack_dscp = fields.get(&RC.ack_dscp).or(rc.ack_dscp);
    rc.ack_pcp = fields.get(&RC.ack_pcp).or(rc.ack_pcp);
}

impl SaidCnp {
    fn with(self, fields: &Fields<'_>) -> SaidCnp {
        let (interval, scope, dscp, pcp, at_end) = match self {
            SaidCnp::Some {
                interval,
                scope,
                dscp,
                pcp,
                at_end,
            } => (interval, scope, dscp, pcp, at_end),
            SaidCnp::Unsaid | SaidCnp::None => (None, None, None, None, None),
        };
        SaidCnp::Some {
            interval: fields.get(&CNP.interval).or(interval),
            scope: fields.given(&CNP.scope).or(scope),
            dscp: fields.given(&CNP.dscp).or(dscp),
            pcp: fields.get(&CNP.pcp).or(pcp),
            at_end: fields.given(&CNP.at_end).or(at_end),
        }
    }
}

fn of_profile(profile: super::Profile) -> Dcqcn {
    Dcqcn {
        profile,
        ..Dcqcn::default()
    }
}

/// A map over what the wider one says; another profile leaves nothing of that.
fn dcqcn(fields: &Fields<'_>, wider: Option<Dcqcn>) -> Dcqcn {
    let wider = wider.unwrap_or_default();
    let mut all = match fields.get(&DCQCN.profile) {
        Some(profile) if profile != wider.profile => of_profile(profile),
        _ => wider,
    };
    fields.exclude(&DCQCN.dce_tcp_g, &DCQCN.g);
    let of_1024 = |value: u16| f64::from(value) / 1024.0;
    let g = fields
        .get(&DCQCN.g)
        .or(fields.get(&DCQCN.dce_tcp_g).map(|of_card| of_1024(1024 - of_card)));
    all.rpg_time_reset = fields.get(&DCQCN.rpg_time_reset).or(all.rpg_time_reset);
    all.rpg_byte_reset = fields.get(&DCQCN.rpg_byte_reset).or(all.rpg_byte_reset);
    all.rpg_threshold = fields.get(&DCQCN.rpg_threshold).or(all.rpg_threshold);
    fields.set(&DCQCN.rpg_max_rate, &mut all.rpg_max_rate);
    all.rpg_ai_rate = fields.get(&DCQCN.rpg_ai_rate).or(all.rpg_ai_rate);
    all.rpg_hai_rate = fields.get(&DCQCN.rpg_hai_rate).or(all.rpg_hai_rate);
    all.rpg_gd = fields.get(&DCQCN.rpg_gd).or(all.rpg_gd);
    let percent = fields.get(&DCQCN.rpg_min_dec_fac);
    all.rpg_min_dec_fac = percent
        .map(|percent| f64::from(percent) / 100.0)
        .or(all.rpg_min_dec_fac);
    all.rpg_min_rate = fields.get(&DCQCN.rpg_min_rate).or(all.rpg_min_rate);
    fields.set(&DCQCN.rate_to_set_on_first_cnp, &mut all.rate_to_set_on_first_cnp);
    all.g = g.or(all.g);
    all.dce_tcp_rtt = fields.get(&DCQCN.dce_tcp_rtt).or(all.dce_tcp_rtt);
    all.initial_alpha = fields
        .get(&DCQCN.initial_alpha_value)
        .map(of_1024)
        .or(all.initial_alpha);
    let period = fields.get(&DCQCN.rate_reduce_monitor_period);
    all.rate_reduce_monitor_period = period.or(all.rate_reduce_monitor_period);
    all.clamp_tgt_rate = fields.get(&DCQCN.clamp_tgt_rate).or(all.clamp_tgt_rate);
    let after_time = fields.get(&DCQCN.clamp_tgt_rate_after_time_inc);
    all.clamp_tgt_rate_after_time_inc = after_time.or(all.clamp_tgt_rate_after_time_inc);
    fields.set(&DCQCN.alpha_first, &mut all.choices.alpha_first);
    fields.set(&DCQCN.stage, &mut all.choices.stage);
    fields.set(&DCQCN.hyper_step, &mut all.choices.hyper_step);
    fields.set(&DCQCN.hyper_half, &mut all.choices.hyper_half);
    fields.set(&DCQCN.target_above_max, &mut all.choices.target_above_max);
    fields.set(&DCQCN.target_drop, &mut all.choices.target_drop);
    all
}
