//! Names and neighbours of a fabric's switches and links: what `at` of a fault may say, and what
//! `src/fabric` builds.
//!
//! Contract: switches are numbered leaves first, then spines, then cores; hosts are dealt to the
//! leaves in contiguous blocks.
//!
//! Left out on purpose: routing, which is the fabric's.

use super::keys::FAULT;
use super::{Fabric, FaultKind, Topology};
use crate::yaml::{near, shown};

/// A switch's or a host's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A host.
    Host(u32),
    /// A switch, by its place in [`switches`].
    Switch(u32),
}

/// Where a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the link from the end named first to the other one. A host link named by its host alone
    /// begins at the host.
    Link(End, End),
    /// In a switch.
    Switch(u32),
}

/// What kind of place a fault can be at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A link.
    Link,
    /// A switch.
    Switch,
    /// Either.
    Either,
}

impl FaultKind {
    /// The key that stands for it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            FaultKind::Drop(_) => FAULT.drop.name,
            FaultKind::Duplicate(_) => FAULT.duplicate.name,
            FaultKind::Reorder { .. } => FAULT.reorder.name,
            FaultKind::Corrupt(_) => FAULT.corrupt.name,
            FaultKind::EcnIgnored(_) => FAULT.ecn_ignored.name,
            FaultKind::PfcIgnored(_) => FAULT.pfc_ignored.name,
            FaultKind::LinkDown { .. } => FAULT.link_down.name,
            FaultKind::StuckPause { .. } => FAULT.stuck_pause.name,
            FaultKind::Speed(_) => FAULT.speed.name,
        }
    }

    /// Where it can be.
    #[must_use]
    pub const fn wanted(&self) -> Wanted {
        match self {
            FaultKind::EcnIgnored(_) | FaultKind::PfcIgnored(_) => Wanted::Switch,
            FaultKind::LinkDown { .. } | FaultKind::StuckPause { .. } | FaultKind::Speed(_) => Wanted::Link,
            FaultKind::Drop(_) | FaultKind::Duplicate(_) | FaultKind::Reorder { .. } | FaultKind::Corrupt(_) => {
                Wanted::Either
            }
        }
    }
}

/// A switch of the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchPlace {
    /// `leaf0`, `spine1`, `core2`, `switch0`.
    pub name: String,
    /// 0 for switches that hosts are joined to, 1 and 2 above them.
    pub tier: u32,
}

/// The topology's switches.
#[must_use]
pub fn switches(topology: &Topology) -> Vec<SwitchPlace> {
    let tier = |name: &'static str, tier: u32, count: u32| {
        (0..count).map(move |index| SwitchPlace {
            name: format!("{name}{index}"),
            tier,
        })
    };
    match *topology {
        Topology::Switch => tier("switch", 0, 1).collect(),
        Topology::LeafSpine { leaves, spines, .. } => tier("leaf", 0, leaves).chain(tier("spine", 1, spines)).collect(),
        Topology::Clos {
            pods,
            leaves,
            spines,
            cores,
            ..
        } => tier("leaf", 0, pods * leaves)
            .chain(tier("spine", 1, pods * spines))
            .chain(tier("core", 2, cores))
            .collect(),
    }
}

/// The links between switches: the lower one's number, then the upper one's, in the order of both.
#[must_use]
pub fn links(topology: &Topology) -> Vec<(u32, u32)> {
    match *topology {
        Topology::Switch => Vec::new(),
        Topology::LeafSpine { leaves, spines, .. } => (0..leaves)
            .flat_map(|leaf| (0..spines).map(move |spine| (leaf, leaves + spine)))
            .collect(),
        Topology::Clos {
            pods,
            leaves,
            spines,
            cores,
            ..
        } => {
            let first_spine = pods * leaves;
            let first_core = first_spine + pods * spines;
            let low = (0..first_spine).flat_map(|leaf| {
                let pod = leaf / leaves;
                (0..spines).map(move |spine| (leaf, first_spine + pod * spines + spine))
            });
            let high = (0..pods * spines).flat_map(|spine| {
                (0..cores)
                    .filter(move |core| core % spines == spine % spines)
                    .map(move |core| (first_spine + spine, first_core + core))
            });
            low.chain(high).collect()
        }
    }
}

/// The leaf that a host is joined to.
#[must_use]
pub fn leaf_of(topology: &Topology, hosts: u32, host: u32) -> u32 {
    host / hosts.div_ceil(topology.leaves()).max(1)
}

/// The place that `at` names. Where the number of hosts is not known yet, any host's is taken.
#[must_use]
pub fn find(topology: &Topology, hosts: Option<u32>, at: &str) -> Option<Place> {
    let switches = switches(topology);
    let end = |name: &str| {
        if let Some(digits) = name.strip_prefix("host") {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let host: u32 = digits.parse().ok().filter(|_| plain)?;
            return (host < hosts.unwrap_or(super::MAX_HOSTS)).then_some(End::Host(host));
        }
        let at = switches.iter().position(|switch| switch.name == name)?;
        u32::try_from(at).ok().map(End::Switch)
    };
    let leaf = |host: u32| hosts.map(|hosts| leaf_of(topology, hosts, host));
    match at.split_once('-') {
        None => match end(at)? {
            End::Switch(switch) => Some(Place::Switch(switch)),
            // Which leaf it is does not matter before the number of hosts is known.
            End::Host(host) => Some(Place::Link(End::Host(host), End::Switch(leaf(host).unwrap_or(0)))),
        },
        Some((one, other)) => {
            let (one, other) = (end(one)?, end(other)?);
            let joined = match (one, other) {
                (End::Host(host), End::Switch(switch)) | (End::Switch(switch), End::Host(host)) => {
                    switch < topology.leaves() && leaf(host).is_none_or(|leaf| leaf == switch)
                }
                (End::Switch(a), End::Switch(b)) => links(topology).contains(&(a.min(b), a.max(b))),
                (End::Host(_), End::Host(_)) => false,
            };
            joined.then_some(Place::Link(one, other))
        }
    }
}

/// Whether `at` names a place of the wanted kind.
///
/// # Errors
/// What is wrong with it, and what was probably meant.
pub fn check(
    topology: &Topology,
    hosts: Option<u32>,
    at: &str,
    wanted: Wanted,
) -> Result<(), (String, Option<String>)> {
    match (find(topology, hosts, at), wanted) {
        (Some(Place::Link(..)), Wanted::Link | Wanted::Either)
        | (Some(Place::Switch(_)), Wanted::Switch | Wanted::Either) => Ok(()),
        (Some(Place::Link(..)), Wanted::Switch) => {
            Err((format!("`at` is the link `{at}`; this fault is a switch's"), None))
        }
        (Some(Place::Switch(_)), Wanted::Link) => {
            Err((format!("`at` is the switch `{at}`; this fault is a link's"), None))
        }
        (None, _) => {
            let switches = switches(topology);
            let name = |index: u32| {
                let switch = usize::try_from(index).ok().and_then(|index| switches.get(index));
                switch.map_or("", |switch| switch.name.as_str())
            };
            let pairs = links(topology).into_iter().take(1000);
            let pairs: Vec<String> = pairs.map(|(a, b)| format!("{}-{}", name(a), name(b))).collect();
            let hosts_named = hosts.map_or_else(String::new, |hosts| format!(", host0 to host{}", hosts - 1));
            let last = |prefix: &str| switches.iter().rfind(|switch| switch.name.starts_with(prefix));
            let ranges: Vec<String> = ["switch", "leaf", "spine", "core"]
                .iter()
                .filter_map(|prefix| last(prefix).map(|last| (format!("{prefix}0"), last.name.clone())))
                .map(|(first, last)| {
                    if first == last {
                        first
                    } else {
                        format!("{first} to {last}")
                    }
                })
                .collect();
            let candidates = pairs.iter().map(String::as_str);
            let suggestion = near::nearest(at, candidates.chain(switches.iter().map(|switch| switch.name.as_str())));
            Err((
                format!(
                    "`at` is `{}`: this fabric has no such place ({}{hosts_named}, and a link is two of them joined, `leaf0-spine1`, or its host)",
                    shown(at, 60),
                    ranges.join(", ")
                ),
                suggestion.map(str::to_owned),
            ))
        }
    }
}

/// Ports of each switch, in the order of [`switches`].
#[must_use]
pub fn ports_of(topology: &Topology, hosts: u32) -> Vec<u32> {
    let mut ports = vec![0_u32; switches(topology).len()];
    let mut count = |switch: u32| {
        if let Some(ports) = usize::try_from(switch).ok().and_then(|switch| ports.get_mut(switch)) {
            *ports += 1;
        }
    };
    for host in 0..hosts {
        count(leaf_of(topology, hosts, host));
    }
    for (low, high) in links(topology) {
        count(low);
        count(high);
    }
    ports
}

/// Whether the fabric can be built for so many hosts.
///
/// # Errors
/// What does not fit, in words.
pub fn fits(fabric: &Fabric, hosts: u32) -> Result<(), String> {
    let Some(pfc) = &fabric.switch.pfc else {
        return Ok(());
    };
    let most = ports_of(&fabric.topology, hosts).into_iter().max().unwrap_or(0);
    let classes = pfc.classes.count_ones();
    let reserved = u64::from(most) * u64::from(classes) * pfc.headroom.0;
    if reserved >= fabric.switch.buffer.0 {
        return Err(format!(
            "headroom of {} for each of {most} ports and {classes} classes leaves nothing of the `buffer` of {}; make `pfc.headroom` \
             smaller or `buffer` larger",
            pfc.headroom, fabric.switch.buffer
        ));
    }
    Ok(())
}
