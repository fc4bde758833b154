//! From a testbed's `fabric` to ports and switches.

use std::collections::VecDeque;

use super::event::Events;
use super::fault::Faults;
use super::flows::Flows;
use super::frames::{Frames, NONE};
use super::pause::Thresholds;
use super::port::{Owner, Port};
use super::random::{Dice, mix};
use super::route::{Routes, Uplink};
use super::switch::{Marking, Switch};
use super::{Fabric, Frame};
use crate::testbed::{self, Forwarding, MAX_HOSTS, MarkAt, Topology, places};
use crate::wire::class::Classes;

/// Why a fabric cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the testbed's `fabric` cannot have {hosts} hosts: {why}")]
pub struct FabricError {
    hosts: usize,
    why: String,
}

/// Whether `config` can have so many hosts.
///
/// # Errors
/// What does not fit that number of hosts: headroom beyond the buffer, a fault's place.
pub fn check(config: &testbed::Fabric, hosts: usize) -> Result<(), FabricError> {
    let error = |why: String| FabricError { hosts, why };
    let count = u32::try_from(hosts).unwrap_or(u32::MAX);
    if count == 0 || count > MAX_HOSTS {
        return Err(error(format!("1 to {MAX_HOSTS} are possible")));
    }
    places::fits(config, count).map_err(error)?;
    for (index, fault) in config.faults.iter().enumerate() {
        let wanted = fault.kind.wanted();
        places::check(&config.topology, Some(count), &fault.at, wanted)
            .map_err(|(why, _)| error(format!("fault {index}: {why}")))?;
    }
    Ok(())
}

impl<F: Frame> Fabric<F> {
    /// The fabric that `config` describes, with `hosts` hosts and no addresses yet.
    ///
    /// # Errors
    /// What does not fit that number of hosts: headroom beyond the buffer, a fault's place.
    pub fn new(config: &testbed::Fabric, hosts: usize, seed: u64) -> Result<Self, FabricError> {
        check(config, hosts)?;
        let count = u32::try_from(hosts).unwrap_or(u32::MAX);
        let (ports, switches, routes) = build(config, count, seed);
        let ecn = config.switch.ecn;
        let pfc = config.switch.pfc;
        let mut fabric = Fabric {
            now: 0,
            events: Events::new(ahead(config)),
            frames: Frames::new(),
            ports,
            switches,
            classes: Classes::default(),
            routes,
            macs: Vec::new(),
            near: Box::new([(u64::MAX, NONE); 256]),
            hosts,
            inside: 0,
            told: VecDeque::new(),
            scheduler: config.switch.scheduler,
            mark_at: ecn.map_or(MarkAt::Enqueue, |ecn| ecn.at),
            lossless: pfc.map_or(0, |pfc| pfc.classes),
            pfc: pfc.map_or(Thresholds::default(), |pfc| Thresholds {
                xoff: pfc.thresholds.xoff.0,
                xon: pfc.thresholds.xon.0,
                headroom: pfc.headroom.0,
            }),
            frames_sent: 0,
            frames_received: 0,
            faults: Faults::default(),
        };
        fabric.plant(config, seed);
        Ok(fabric)
    }
}

fn build(config: &testbed::Fabric, hosts: u32, seed: u64) -> (Vec<Port>, Vec<Switch>, Routes) {
    let topology = &config.topology;
    let counts = places::ports_of(topology, hosts);
    let mut first_port = hosts;
    let switches: Vec<Switch> = places::switches(topology)
        .into_iter()
        .zip(&counts)
        .zip(0_u64..)
        .map(|((place, &ports), index)| {
            let reserved = config.switch.pfc.map_or(0, |pfc| {
                u64::from(ports) * u64::from(pfc.classes.count_ones()) * pfc.headroom.0
            });
            let switch = Switch {
                name: place.name,
                tier: place.tier,
                first_port,
                ports,
                shared: config.switch.buffer.0 - reserved,
                used: 0,
                max_used: 0,
                headroom: 0,
                max_headroom: 0,
                alpha: fixed_point(config.switch.alpha),
                marking: config.switch.ecn.map(|ecn| Marking::new(&ecn.thresholds)),
                marked_classes: config.switch.ecn.map_or(0, |ecn| ecn.classes),
                lossy: 0,
                dice: Dice::new(seed, 1, index),
                faults: NONE,
                salt: mix(mix(seed ^ 2) ^ index),
            };
            first_port += ports;
            switch
        })
        .collect();

    let propagation = config.propagation.0;
    let mut ports: Vec<Option<Port>> = (0..first_port).map(|_| None).collect();
    let mut free: Vec<u32> = switches.iter().map(|switch| switch.first_port).collect();
    let mut take = |switch: u32| {
        let port = free[switch as usize];
        free[switch as usize] += 1;
        port
    };
    let mut routes = Routes::new(topology.leaves());
    for host in 0..hosts {
        let leaf = places::leaf_of(topology, hosts, host);
        let port = take(leaf);
        routes.hosts.push((leaf, port));
        ports[host as usize] = Some(Port::new(Owner::Host(host), port, config.speed, propagation));
        ports[port as usize] = Some(Port::new(Owner::Switch(leaf), host, config.speed, propagation));
    }
    let uplink_speed = match *topology {
        Topology::LeafSpine { uplink_speed, .. } | Topology::Clos { uplink_speed, .. } => uplink_speed,
        Topology::Switch => config.speed,
    };
    for (low, high) in places::links(topology) {
        let (low_port, high_port) = (take(low), take(high));
        for (owner, own, peer) in [(low, low_port, high_port), (high, high_port, low_port)] {
            let mut port = Port::new(Owner::Switch(owner), peer, uplink_speed, propagation);
            port.flows = Some(Box::new(Flows::new()));
            ports[own as usize] = Some(port);
        }
        routes.uplinks.push(Uplink {
            low,
            high,
            low_port,
            high_port,
            up: true,
        });
    }
    let tiers: Vec<u32> = switches.iter().map(|switch| switch.tier).collect();
    routes.compute(&tiers);
    // Each was made by the link that ends there.
    let mut ports: Vec<Port> = ports.into_iter().flatten().collect();
    for port in &mut ports {
        if matches!(port.owner, Owner::Switch(_)) {
            port.latency = config.switch.latency.0;
            port.cut_through = config.switch.forwarding == Forwarding::CutThrough;
        }
    }
    (ports, switches, routes)
}

/// How far ahead of their cause most events lie, doubled: a long frame's way over a link and
/// through a switch.
fn ahead(config: &testbed::Fabric) -> u64 {
    let wire = config.speed.wire_time(4200).0;
    2 * (wire + config.propagation.0 + config.switch.latency.0)
}

/// In 2^-16.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "testbeds allow 0.001 to 1024"
)]
fn fixed_point(alpha: f64) -> u64 {
    (alpha.clamp(0.0, 1024.0) * 65_536.0).round() as u64
}
