//! The hook that is in this process: the reference fabric's own counters as a device's readings.
//!
//! Left out on purpose: configuring it. The testbed's keys do that.

use crate::fabric::Counters;
use crate::fabric::counters::PortCounters;
use crate::report::model::{Device, Reading};
use crate::units::WIRE_OVERHEAD;

/// One reading for each switch, then one for each of its ports.
#[must_use]
pub fn readings(counters: &Counters) -> Device {
    let mut readings = Vec::new();
    for switch in &counters.switches {
        let ports: Vec<Reading> = switch
            .ports
            .iter()
            .map(|port| of_port(&switch.name, port, counters.time_ps))
            .collect();
        let sum = |pick: fn(&Reading) -> Option<u64>| Some(ports.iter().filter_map(pick).sum());
        let classes = |pick: fn(&Reading) -> Option<[u64; 8]>| {
            let mut sums = [0; 8];
            for port in ports.iter().filter_map(pick) {
                sums.iter_mut().zip(port).for_each(|(sum, one)| *sum += one);
            }
            Some(sums)
        };
        readings.push(Reading {
            place: switch.name.clone(),
            buffer_bytes: Some(switch.shared_bytes),
            buffer_watermark_bytes: Some(switch.max_shared_bytes),
            frames: sum(|port| port.frames),
            ecn_marked_frames: sum(|port| port.ecn_marked_frames),
            dropped_frames: sum(|port| port.dropped_frames),
            pfc_sent_per_class: classes(|port| port.pfc_sent_per_class),
            pfc_received_per_class: classes(|port| port.pfc_received_per_class),
            ..Reading::default()
        });
        // A link between switches that carries nothing is what uneven load looks like.
        let told = |(port, reading): &(&PortCounters, Reading)| {
            port.flows.is_some() || reading.frames != Some(0) || reading.dropped_frames != Some(0)
        };
        let ports = switch.ports.iter().zip(ports).filter(told);
        readings.extend(ports.map(|(_, reading)| reading));
    }
    Device {
        hook: super::FABRIC.to_owned(),
        about: Some("the reference fabric; of a port, the watermark is that of its deepest queue".to_owned()),
        readings,
        left_out: Vec::new(),
    }
}

fn of_port(switch: &str, port: &PortCounters, time_ps: u64) -> Reading {
    let classes = &port.classes;
    let mut sent = [0; 8];
    let mut received = [0; 8];
    for class in classes {
        if let Some(sum) = sent.get_mut(usize::from(class.class)) {
            *sum += class.xoff_sent + class.xon_sent;
        }
        if let Some(sum) = received.get_mut(usize::from(class.class)) {
            *sum += class.xoff_received + class.xon_received;
        }
    }
    let frames: u64 = classes.iter().map(|class| class.sent_frames).sum();
    let bytes: u64 = classes.iter().map(|class| class.sent_bytes).sum();
    let bits = (bytes + frames * WIRE_OVERHEAD) * 8;
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let share: f64 = 100.0 * bits as f64 / (port.speed_bps as f64 * time_ps as f64 / 1e12);
    Reading {
        place: format!("{switch} to {}", port.to),
        buffer_bytes: None,
        buffer_watermark_bytes: classes.iter().map(|class| class.max_depth_bytes).max(),
        frames: Some(frames),
        ecn_marked_frames: Some(classes.iter().map(|class| class.marked_frames).sum()),
        dropped_frames: Some(classes.iter().map(|class| class.lost.total()).sum()),
        pfc_sent_per_class: Some(sent),
        pfc_received_per_class: Some(received),
        link_utilization_percent: share.is_finite().then_some(share),
        ..Reading::default()
    }
}
