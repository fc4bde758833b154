//! From a tree to a [`Fabric`].
//!
//! Contract: as in `read`: the result counts only when nothing was recorded.

use super::{
    Configured, EcnConfig, EcnThresholds, Fabric, Fault, FaultKind, Forwarding, MarkAt, Meter, Often, PfcConfig,
    PfcThresholds, Scheduler, Switch, Topology, fabric::MAX_HOSTS, keys, places,
};
use crate::units::{BitRate, Bytes, Picos, Share};
use crate::yaml::read::{Fields, parse_int};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, near, numbers};

const ALL_CLASSES: u8 = 0xff;

/// Rates that a link may have.
fn rate(rate: &BitRate) -> bool {
    (1_000_000_000..=1_600_000_000_000).contains(&rate.0)
}

/// `outer`'s `fabric`.
pub fn fabric(outer: &Fields<'_>) -> Option<Fabric> {
    let node = outer.get("fabric")?;
    let fields = outer.reader().fields(node, "`fabric`", &[&keys::FABRIC]);
    let speed = fields.unit("speed", rate).unwrap_or(BitRate(400_000_000_000));
    let uplink_speed = fields.unit("uplink_speed", rate).unwrap_or(speed);
    let hosts = |text: &str| match text {
        "auto" => Some(None),
        _ => {
            let count = parse_int(text).and_then(|count| u32::try_from(count).ok());
            count.filter(|count| (1..=MAX_HOSTS).contains(count)).map(Some)
        }
    };
    let near_auto = |text: &str| near::nearest(text, ["auto"]).map(str::to_owned);
    let hosts = fields.parse("hosts", hosts, near_auto).flatten();
    let topology = topology(&fields, uplink_speed);
    let fabric = Fabric {
        topology,
        hosts,
        speed,
        propagation: fields
            .unit("propagation", |time: &Picos| *time <= Picos(1_000_000_000))
            .unwrap_or(Picos(50_000)),
        switch: switch(&fields),
        faults: faults(&fields, &topology, hosts),
    };
    if let Some(hosts) = hosts
        && let Err(why) = places::fits(&fabric, hosts)
    {
        fields.wrong("switch", why);
    }
    Some(fabric)
}

#[derive(Clone, Copy)]
enum Tiers {
    One,
    Two,
    Three,
}

fn topology(fields: &Fields<'_>, uplink_speed: BitRate) -> Topology {
    let words = [
        ("switch", Tiers::One),
        ("leaf-spine", Tiers::Two),
        ("clos", Tiers::Three),
    ];
    let tiers = fields.word("topology", &words).unwrap_or(Tiers::One);
    let refuse = |keys: &[&str], why: &str| {
        for key in keys {
            fields.refuse(key, why);
        }
    };
    let count = |key: &str, default: u32| fields.int(key, 1..=32).unwrap_or(default);
    match tiers {
        Tiers::One => {
            refuse(
                &["leaves", "spines", "pods", "cores", "uplink_speed"],
                "means nothing in a topology of one switch; say `topology: leaf-spine` or `topology: clos`",
            );
            Topology::Switch
        }
        Tiers::Two => {
            refuse(&["pods", "cores"], "belongs to `topology: clos`");
            Topology::LeafSpine {
                leaves: count("leaves", 4),
                spines: count("spines", 2),
                uplink_speed,
            }
        }
        Tiers::Three => {
            let spines = count("spines", 2);
            let cores = count("cores", 4.max(spines));
            if !cores.is_multiple_of(spines) {
                let up = cores.next_multiple_of(spines);
                fields.wrong(
                    "cores",
                    format!("{cores} cores cannot be shared evenly by {spines} spines; {up} can"),
                );
            }
            Topology::Clos {
                pods: count("pods", 2),
                leaves: count("leaves", 4),
                spines,
                cores,
                uplink_speed,
            }
        }
    }
}

fn switch(outer: &Fields<'_>) -> Switch {
    let mut switch = Switch {
        buffer: Bytes(128_000_000),
        alpha: 8.0,
        latency: Picos(600_000),
        forwarding: Forwarding::StoreAndForward,
        scheduler: Scheduler::Strict,
        ecn: Some(EcnConfig {
            thresholds: EcnThresholds {
                kmin: Bytes(500_000),
                kmax: Bytes(500_000),
                pmax: Share(1.0),
            },
            at: MarkAt::Enqueue,
            classes: ALL_CLASSES,
        }),
        pfc: Some(PfcConfig {
            thresholds: PfcThresholds {
                xoff: Bytes(3_000_000),
                xon: Bytes(2_900_000),
            },
            headroom: Bytes(200_000),
            classes: 1 << 3,
        }),
    };
    let Some(node) = outer.get("switch") else {
        return switch;
    };
    let fields = outer.reader().fields(node, "`switch`", &[&keys::SWITCH]);
    let buffer = |bytes: &Bytes| (10_000..=1 << 40).contains(&bytes.0);
    switch.buffer = fields.unit("buffer", buffer).unwrap_or(switch.buffer);
    switch.alpha = fields.number("alpha", 0.001..=1024.0).unwrap_or(switch.alpha);
    let latency = |time: &Picos| *time <= Picos(1_000_000_000);
    switch.latency = fields.unit("latency", latency).unwrap_or(switch.latency);
    let forwarding = [
        ("store-and-forward", Forwarding::StoreAndForward),
        ("cut-through", Forwarding::CutThrough),
    ];
    switch.forwarding = fields.word("forwarding", &forwarding).unwrap_or(switch.forwarding);
    switch.scheduler = scheduler(&fields);
    switch.ecn = ecn(&fields, switch.ecn);
    switch.pfc = pfc(&fields, switch.pfc);
    switch
}

fn scheduler(fields: &Fields<'_>) -> Scheduler {
    let words = [("strict", false), ("dwrr", true)];
    let dwrr = fields.word("scheduler", &words).unwrap_or(false);
    if !dwrr {
        fields.refuse("weights", "belongs to `scheduler: dwrr`");
        return Scheduler::Strict;
    }
    let mut weights = [1; 8];
    if let Some(items) = fields.list("weights") {
        if items.len() != weights.len() {
            let found = format!("a list of {}", items.len());
            fields.bad("weights", fields.place_of("weights"), &found, None);
        }
        for (weight, item) in weights.iter_mut().zip(items) {
            let number = item.text().and_then(parse_int).filter(|n| (1..=100).contains(n));
            match number.and_then(|number| u8::try_from(number).ok()) {
                Some(number) => *weight = number,
                None => fields.bad("weights", item.place, "a list with something else in it", None),
            }
        }
    }
    Scheduler::Dwrr(weights)
}

/// A map, or the word `none`, which is `None`.
fn map_or_none<'r>(outer: &Fields<'r>, key: &str) -> Option<Option<&'r Node>> {
    let node = outer.get(key)?;
    if matches!(node.value, Value::Map(_)) {
        return Some(Some(node));
    }
    outer.word(key, &[("none", ())]).map(|()| None)
}

fn classes(fields: &Fields<'_>) -> Option<u8> {
    let classes = numbers(fields, "classes", 7)?;
    Some(classes.into_iter().fold(0, |mask, class| mask | 1 << class))
}

fn ecn(outer: &Fields<'_>, default: Option<EcnConfig>) -> Option<EcnConfig> {
    let Some(typed) = map_or_none(outer, "ecn") else {
        return default;
    };
    let fields = outer.reader().fields(typed?, "`ecn`", &[&keys::THRESHOLDS, &keys::ECN]);
    let moments = [("enqueue", MarkAt::Enqueue), ("dequeue", MarkAt::Dequeue)];
    Some(EcnConfig {
        thresholds: ecn_thresholds(&fields),
        at: fields.word("at", &moments).unwrap_or(MarkAt::Enqueue),
        classes: classes(&fields).unwrap_or(ALL_CLASSES),
    })
}

fn depth(fields: &Fields<'_>, key: &str) -> Option<Bytes> {
    fields.unit(key, |bytes: &Bytes| bytes.0 <= 1 << 40)
}

fn ecn_thresholds(fields: &Fields<'_>) -> EcnThresholds {
    let kmin = depth(fields, "kmin").unwrap_or(Bytes(500_000));
    let kmax = depth(fields, "kmax").unwrap_or(kmin);
    let share = |share: &Share| share.0 > 0.0 && share.0 <= 1.0;
    let pmax = fields
        .parse("pmax", |text| text.parse().ok().filter(share), |_| None)
        .unwrap_or(Share(1.0));
    if kmin > kmax {
        fields.wrong(
            if fields.has("kmin") { "kmin" } else { "kmax" },
            format!("`kmin` ({kmin}) is above `kmax` ({kmax})"),
        );
    }
    EcnThresholds { kmin, kmax, pmax }
}

fn pfc(outer: &Fields<'_>, default: Option<PfcConfig>) -> Option<PfcConfig> {
    let Some(typed) = map_or_none(outer, "pfc") else {
        return default;
    };
    let fields = outer
        .reader()
        .fields(typed?, "`pfc`", &[&keys::PAUSE_THRESHOLDS, &keys::PFC]);
    Some(PfcConfig {
        thresholds: pfc_thresholds(&fields),
        headroom: depth(&fields, "headroom").unwrap_or(Bytes(200_000)),
        classes: classes(&fields).unwrap_or(1 << 3),
    })
}

fn pfc_thresholds(fields: &Fields<'_>) -> PfcThresholds {
    let xoff = depth(fields, "xoff").unwrap_or(Bytes(3_000_000));
    let xon = depth(fields, "xon").unwrap_or(Bytes(xoff.0 - xoff.0 / 30));
    if xon > xoff {
        fields.wrong(
            if fields.has("xon") { "xon" } else { "xoff" },
            format!("`xon` ({xon}) is above `xoff` ({xoff})"),
        );
    }
    PfcThresholds { xoff, xon }
}

/// `outer`'s `configured`: what a real switch is said to have.
pub fn configured(outer: &Fields<'_>) -> Configured {
    let Some(node) = outer.get("configured") else {
        return Configured::default();
    };
    outer.exclude("configured", "fabric");
    let fields = outer.reader().fields(node, "`configured`", &[&keys::CONFIGURED]);
    let reader = outer.reader();
    let pfc = fields
        .get("pfc")
        .map(|node| reader.fields(node, "`pfc`", &[&keys::PAUSE_THRESHOLDS, &keys::LOSSLESS]));
    // Who knows the lossless classes need not know their thresholds.
    let thresholds = |pfc: &&Fields<'_>| pfc.has("xoff") || pfc.has("xon") || !pfc.has("classes");
    if let Some(pfc) = pfc.as_ref().filter(thresholds) {
        pfc.require("xoff");
    }
    Configured {
        ecn: fields.get("ecn").map(|node| {
            let ecn = reader.fields(node, "`ecn`", &[&keys::THRESHOLDS]);
            ecn.require("kmin");
            ecn_thresholds(&ecn)
        }),
        pfc: pfc.as_ref().filter(|pfc| thresholds(pfc)).map(pfc_thresholds),
        lossless: pfc.as_ref().and_then(classes),
        meter: fields.get("meter").and_then(|node| {
            let meter = reader.fields(node, "`meter`", &[&keys::METER]);
            meter.require("cir");
            meter.require("cbs");
            let cir = meter.unit("cir", |rate: &BitRate| rate.0 > 0);
            Some(Meter {
                cir: cir?,
                cbs: depth(&meter, "cbs")?,
            })
        }),
    }
}

fn faults(outer: &Fields<'_>, topology: &Topology, hosts: Option<u32>) -> Vec<Fault> {
    let Some(node) = outer.get("faults") else {
        return Vec::new();
    };
    let Value::List(items) = &node.value else {
        outer.bad("faults", node.place, node.is_a(), None);
        return Vec::new();
    };
    items
        .iter()
        .enumerate()
        .filter_map(|(index, node)| {
            let fields = outer.reader().fields(node, format!("fault {index}"), &[&keys::FAULT]);
            fault(&fields, topology, hosts)
        })
        .collect()
}

const KINDS: [&str; 8] = [
    "drop",
    "duplicate",
    "reorder",
    "corrupt",
    "ecn_ignored",
    "link_down",
    "stuck_pause",
    "speed",
];

fn fault(fields: &Fields<'_>, topology: &Topology, hosts: Option<u32>) -> Option<Fault> {
    fields.require("at");
    let mut there = KINDS.into_iter().filter(|kind| fields.has(kind));
    let Some(name) = there.next() else {
        fields.missing(&format!("one of {}", KINDS.join(", ")));
        return None;
    };
    for other in there {
        fields.exclude(name, other);
    }
    let at = fields.text("at").map(str::trim);
    if let Some(at) = at
        && let Err((why, suggestion)) = places::check(topology, hosts, at, places::wanted(name))
    {
        let finding = Finding::new(fields.place_of("at"), why);
        fields.reader().report(finding.suggest(suggestion));
    }
    Some(Fault {
        at: at?.to_owned(),
        kind: kind(fields, name)?,
    })
}

fn kind(outer: &Fields<'_>, name: &str) -> Option<FaultKind> {
    if name == "ecn_ignored" {
        let node = map_or_none(outer, name)?;
        return Some(FaultKind::EcnIgnored(node.map(|node| {
            let fields = outer.reader().fields(node, "`ecn_ignored`", &[&keys::THRESHOLDS]);
            ecn_thresholds(&fields)
        })));
    }
    if name == "speed" {
        return outer.unit(name, rate).map(FaultKind::Speed);
    }
    let section = match name {
        "link_down" => &keys::LINK_DOWN,
        "stuck_pause" => &keys::STUCK_PAUSE,
        "reorder" => &keys::REORDER,
        _ => &keys::OFTEN,
    };
    let fields = outer.reader().fields(outer.get(name)?, format!("`{name}`"), &[section]);
    Some(match name {
        "link_down" => {
            let (from, to) = span(&fields);
            FaultKind::LinkDown {
                from,
                to,
                detect: fields.unit("detect", |_| true).unwrap_or(Picos::ZERO),
            }
        }
        "stuck_pause" => {
            let (from, to) = span(&fields);
            let class = fields.int("class", 0..=7).unwrap_or(3);
            FaultKind::StuckPause { class, from, to }
        }
        "reorder" => FaultKind::Reorder {
            often: often(&fields)?,
            by: fields.int("by", 1..=1000).unwrap_or(1),
        },
        "drop" => FaultKind::Drop(often(&fields)?),
        "duplicate" => FaultKind::Duplicate(often(&fields)?),
        _ => FaultKind::Corrupt(often(&fields)?),
    })
}

fn often(fields: &Fields<'_>) -> Option<Often> {
    fields.exclude("every", "probability");
    if !fields.has("every") && !fields.has("probability") {
        fields.missing("`every` or `probability`");
    }
    let every = fields.int("every", 1..=u64::MAX).map(Often::Every);
    let share = |share: &Share| (0.0..=1.0).contains(&share.0);
    let probability = fields
        .parse("probability", |text| text.parse().ok().filter(share), |_| None)
        .map(Often::Probability);
    every.or(probability)
}

/// `from` and `to`, the latter of which may be left out for "without end".
fn span(fields: &Fields<'_>) -> (Picos, Picos) {
    let from = fields.unit("from", |_| true).unwrap_or(Picos::ZERO);
    let to = fields.unit("to", |_| true).unwrap_or(Picos::MAX);
    if to <= from {
        fields.wrong("to", format!("the fault ends at {to}, not after its begin at {from}"));
    }
    (from, to)
}
