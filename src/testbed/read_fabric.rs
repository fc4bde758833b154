//! From a tree to a [`Fabric`].
//!
//! Contract: as in `read`: the result counts only when nothing was recorded.

use super::keys::{
    CONFIGURED, ECN, FABRIC, FAULT, LINK_DOWN, LOSSLESS, METER, OFTEN, PAUSE_THRESHOLDS, PFC, REORDER, STUCK_PAUSE,
    SWITCH, TESTBED, THRESHOLDS,
};
use super::places::{self, Wanted};
use super::{
    Configured, EcnConfig, EcnThresholds, Fabric, Fault, FaultKind, Meter, Often, PfcConfig, PfcThresholds, Scheduler,
    Switch, Topology,
};
use crate::units::{BitRate, Bytes, Picos};
use crate::yaml::Finding;
use crate::yaml::key::{Declared, Key};
use crate::yaml::read::{Fields, MapOr, parse_int};

/// `outer`'s `fabric`.
pub fn fabric(outer: &Fields<'_>) -> Option<Fabric> {
    let fields = outer.map(&TESTBED.fabric)?;
    let speed = fields.get(&FABRIC.speed);
    let uplink_speed = fields.get(&FABRIC.uplink_speed).unwrap_or(speed);
    let hosts = fields.get(&FABRIC.hosts);
    let topology = topology(&fields, uplink_speed);
    let fabric = Fabric {
        topology,
        hosts,
        speed,
        propagation: fields.get(&FABRIC.propagation),
        switch: switch(&fields),
        faults: faults(&fields, &topology, hosts),
    };
    if let Some(hosts) = hosts
        && let Err(why) = places::fits(&fabric, hosts)
    {
        fields.wrong(&FABRIC.switch, why);
    }
    Some(fabric)
}

/// `topology`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiers {
    /// One switch.
    One,
    /// Leaves and spines.
    Two,
    /// Pods of those, and cores.
    Three,
}

fn topology(fields: &Fields<'_>, uplink_speed: BitRate) -> Topology {
    let keys = &FABRIC;
    match fields.get(&keys.topology) {
        Tiers::One => {
            let others: [&dyn Declared; 5] = [&keys.leaves, &keys.spines, &keys.pods, &keys.cores, &keys.uplink_speed];
            for key in others {
                fields.refuse(
                    key,
                    "means nothing in a topology of one switch; say `topology: leaf-spine` or `topology: clos`",
                );
            }
            Topology::Switch
        }
        Tiers::Two => {
            fields.refuse(&keys.pods, "belongs to `topology: clos`");
            fields.refuse(&keys.cores, "belongs to `topology: clos`");
            Topology::LeafSpine {
                leaves: fields.get(&keys.leaves),
                spines: fields.get(&keys.spines),
                uplink_speed,
            }
        }
        Tiers::Three => {
            let spines = fields.get(&keys.spines);
            let cores = fields.get(&keys.cores).unwrap_or(4.max(spines));
            if !cores.is_multiple_of(spines) {
                let up = cores.next_multiple_of(spines);
                fields.wrong(
                    &keys.cores,
                    format!("{cores} cores cannot be shared evenly by {spines} spines; {up} can"),
                );
            }
            Topology::Clos {
                pods: fields.get(&keys.pods),
                leaves: fields.get(&keys.leaves),
                spines,
                cores,
                uplink_speed,
            }
        }
    }
}

fn switch(outer: &Fields<'_>) -> Switch {
    let fields = outer.map_or_empty(&FABRIC.switch);
    Switch {
        buffer: fields.get(&SWITCH.buffer),
        alpha: fields.get(&SWITCH.alpha),
        latency: fields.get(&SWITCH.latency),
        forwarding: fields.get(&SWITCH.forwarding),
        scheduler: scheduler(&fields),
        ecn: unless_none(&fields, &SWITCH.ecn).map(|fields| EcnConfig {
            thresholds: ecn_thresholds(&fields),
            at: fields.get(&ECN.at),
            classes: fields.get(&ECN.classes),
        }),
        pfc: unless_none(&fields, &SWITCH.pfc).map(|fields| PfcConfig {
            thresholds: pfc_thresholds(&fields),
            headroom: fields.get(&PFC.headroom),
            classes: fields.get(&PFC.classes),
        }),
    }
}

/// A map, empty where the key is absent, or the word `none`, which is `None`.
fn unless_none<'r>(outer: &Fields<'r>, key: &Key<()>) -> Option<Fields<'r>> {
    match outer.map_or(key) {
        Some(MapOr::Map(fields)) => Some(fields),
        Some(MapOr::Value(())) => None,
        None => Some(outer.without(key)),
    }
}

fn scheduler(fields: &Fields<'_>) -> Scheduler {
    if !fields.get(&SWITCH.scheduler) {
        fields.refuse(&SWITCH.weights, "belongs to `scheduler: dwrr`");
        return Scheduler::Strict;
    }
    let mut weights = [1; 8];
    if let Some(items) = fields.list(&SWITCH.weights) {
        if items.len() != weights.len() {
            let found = format!("a list of {}", items.len());
            fields.bad(&SWITCH.weights, fields.place_of(&SWITCH.weights), &found, None);
        }
        for (weight, item) in weights.iter_mut().zip(items) {
            let number = item.text().and_then(parse_int).filter(|n| (1..=100).contains(n));
            match number.and_then(|number| u8::try_from(number).ok()) {
                Some(number) => *weight = number,
                None => fields.bad(&SWITCH.weights, item.place, "a list with something else in it", None),
            }
        }
    }
    Scheduler::Dwrr(weights)
}

fn ecn_thresholds(fields: &Fields<'_>) -> EcnThresholds {
    let keys = &THRESHOLDS;
    let kmin = fields.get(&keys.kmin);
    let kmax = fields.get(&keys.kmax).unwrap_or(kmin);
    let pmax = fields.get(&keys.pmax);
    if kmin > kmax {
        fields.wrong(
            if fields.has(&keys.kmin) {
                &keys.kmin as &dyn Declared
            } else {
                &keys.kmax
            },
            format!("`kmin` ({kmin}) is above `kmax` ({kmax})"),
        );
    }
    EcnThresholds { kmin, kmax, pmax }
}

fn pfc_thresholds(fields: &Fields<'_>) -> PfcThresholds {
    let keys = &PAUSE_THRESHOLDS;
    let xoff = fields.get(&keys.xoff);
    let xon = fields.get(&keys.xon).unwrap_or(Bytes(xoff.0 - xoff.0 / 30));
    if xon > xoff {
        fields.wrong(
            if fields.has(&keys.xon) {
                &keys.xon as &dyn Declared
            } else {
                &keys.xoff
            },
            format!("`xon` ({xon}) is above `xoff` ({xoff})"),
        );
    }
    PfcThresholds { xoff, xon }
}

/// `outer`'s `configured`: what a real switch is said to have.
pub fn configured(outer: &Fields<'_>) -> Configured {
    let Some(fields) = outer.map(&TESTBED.configured) else {
        return Configured::default();
    };
    outer.exclude(&TESTBED.configured, &TESTBED.fabric);
    let pfc = fields.map(&CONFIGURED.pfc);
    // Who knows the lossless classes need not know their thresholds.
    let pause = &PAUSE_THRESHOLDS;
    let thresholds = |pfc: &&Fields<'_>| pfc.has(&pause.xoff) || pfc.has(&pause.xon) || !pfc.has(&LOSSLESS.classes);
    if let Some(pfc) = pfc.as_ref().filter(thresholds) {
        pfc.require(&pause.xoff);
    }
    Configured {
        ecn: fields.map(&CONFIGURED.ecn).map(|ecn| {
            ecn.require(&THRESHOLDS.kmin);
            ecn_thresholds(&ecn)
        }),
        pfc: pfc.as_ref().filter(|pfc| thresholds(pfc)).map(pfc_thresholds),
        lossless: pfc.as_ref().and_then(|pfc| pfc.get(&LOSSLESS.classes)),
        meter: fields.map(&CONFIGURED.meter).and_then(|meter| {
            Some(Meter {
                cir: meter.get(&METER.cir)?,
                cbs: meter.get(&METER.cbs)?,
            })
        }),
    }
}

fn faults(outer: &Fields<'_>, topology: &Topology, hosts: Option<u32>) -> Vec<Fault> {
    let faults = outer.items(&FABRIC.faults, 0..=usize::MAX).iter().enumerate();
    faults
        .filter_map(|(index, node)| {
            let fields = outer.reader().fields(node, format!("fault {index}"), &[&FAULT]);
            fault(&fields, topology, hosts)
        })
        .collect()
}

/// A kind of fault: its key, and how it is read.
struct Striking {
    key: &'static dyn Declared,
    read: fn(&Fields<'_>) -> Option<FaultKind>,
}

/// The kinds.
static KINDS: [Striking; 9] = [
    Striking {
        key: &FAULT.drop,
        read: |fault| often(&fault.map(&FAULT.drop)?).map(FaultKind::Drop),
    },
    Striking {
        key: &FAULT.duplicate,
        read: |fault| often(&fault.map(&FAULT.duplicate)?).map(FaultKind::Duplicate),
    },
    Striking {
        key: &FAULT.reorder,
        read: |fault| {
            let fields = fault.map(&FAULT.reorder)?;
            let by = fields.get(&REORDER.by);
            often(&fields).map(|often| FaultKind::Reorder { often, by })
        },
    },
    Striking {
        key: &FAULT.corrupt,
        read: |fault| often(&fault.map(&FAULT.corrupt)?).map(FaultKind::Corrupt),
    },
    Striking {
        key: &FAULT.ecn_ignored,
        read: |fault| match fault.map_or(&FAULT.ecn_ignored)? {
            MapOr::Map(fields) => Some(FaultKind::EcnIgnored(Some(ecn_thresholds(&fields)))),
            MapOr::Value(()) => Some(FaultKind::EcnIgnored(None)),
        },
    },
    Striking {
        key: &FAULT.pfc_ignored,
        read: |fault| fault.get(&FAULT.pfc_ignored).map(FaultKind::PfcIgnored),
    },
    Striking {
        key: &FAULT.link_down,
        read: |fault| {
            let fields = fault.map(&FAULT.link_down)?;
            let (from, to) = span(&fields);
            let detect = fields.get(&LINK_DOWN.detect);
            Some(FaultKind::LinkDown { from, to, detect })
        },
    },
    Striking {
        key: &FAULT.stuck_pause,
        read: |fault| {
            let fields = fault.map(&FAULT.stuck_pause)?;
            let (from, to) = span(&fields);
            let class = fields.get(&STUCK_PAUSE.class);
            Some(FaultKind::StuckPause { class, from, to })
        },
    },
    Striking {
        key: &FAULT.speed,
        read: |fault| fault.get(&FAULT.speed).map(FaultKind::Speed),
    },
];

fn fault(fields: &Fields<'_>, topology: &Topology, hosts: Option<u32>) -> Option<Fault> {
    let mut there = KINDS.iter().filter(|kind| fields.has(kind.key));
    let Some(kind) = there.next() else {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.key.name()).collect();
        fields.missing(&format!("one of {}", names.join(", ")));
        return None;
    };
    for other in there {
        fields.exclude(kind.key, other.key);
    }
    let kind = (kind.read)(fields);
    let wanted = kind.map_or(Wanted::Either, |kind| kind.wanted());
    let at = fields.text(&FAULT.at).map(str::trim);
    if let Some(at) = at
        && let Err((why, suggestion)) = places::check(topology, hosts, at, wanted)
    {
        let finding = Finding::new(fields.place_of(&FAULT.at), why);
        fields.reader().report(finding.suggest(suggestion));
    }
    Some(Fault {
        at: at?.to_owned(),
        kind: kind?,
    })
}

fn often(fields: &Fields<'_>) -> Option<Often> {
    fields.exclude(&OFTEN.every, &OFTEN.probability);
    if !fields.has(&OFTEN.every) && !fields.has(&OFTEN.probability) {
        fields.missing("`every` or `probability`");
    }
    let every = fields.get(&OFTEN.every).map(Often::Every);
    every.or(fields.get(&OFTEN.probability).map(Often::Probability))
}

/// `from` and `to`, the latter of which may be left out for "without end".
fn span(fields: &Fields<'_>) -> (Picos, Picos) {
    let from = fields.get(&LINK_DOWN.from);
    let to = fields.get(&LINK_DOWN.to).unwrap_or(Picos::MAX);
    if to <= from {
        fields.wrong(
            &LINK_DOWN.to,
            format!("the fault ends at {to}, not after its begin at {from}"),
        );
    }
    (from, to)
}
