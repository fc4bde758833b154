use std::collections::BTreeMap;

use crate::testbed::{
    Addresses, Configured, Cores, Device, EalOptions, Hugepages, Pacing, PfcReaction, Port, Testbed, WorkerCount,
};
use crate::units::Bytes;

/// A testbed of so many ports, workers dealt to them as a pattern asks.
pub(crate) fn testbed(ports: usize) -> Testbed {
    let port = |index: usize| Port {
        name: format!("p{index}"),
        device: Device::Vdev {
            driver: "net_ring".into(),
            args: format!("net_ring{index}"),
        },
        speed: None,
        workers: WorkerCount::Auto,
        mac: None,
        gateway_mac: None,
        ipv4: None,
        ipv6: None,
        vlan: None,
        loopback: false,
        receive: true,
        announce: false,
        answer: false,
        tx_queues: 1,
        rx_queues: 1,
        descriptors: 1024,
        promiscuous: true,
        pacing: Pacing::Auto,
        pfc: PfcReaction::Auto,
        timestamps: crate::testbed::Timestamps::Auto,
    };
    Testbed {
        name: "t".into(),
        description: None,
        isolated: false,
        eal: EalOptions {
            hugepages: Hugepages::None,
            memory: Bytes(1 << 28),
            file_prefix: None,
            telemetry: false,
            extra_args: Vec::new(),
        },
        cores: Cores::Auto,
        addresses: Addresses {
            ipv4: ("198.18.0.1".parse().unwrap(), 15),
            ipv6: ("2001:2::1".parse().unwrap(), 48),
        },
        announce_interval: crate::units::Picos::ZERO,
        resolve_timeout: crate::units::Picos::ZERO,
        ports: (0..ports).map(port).collect(),
        peers: Vec::new(),
        fabric: None,
        classes: crate::wire::class::Maps::default(),
        said: Configured::default(),
        calibration: None,
        dut: BTreeMap::new(),
        about: crate::testbed::about::About::default(),
    }
}
