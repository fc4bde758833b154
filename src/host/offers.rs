//! What the ports that were opened offer to a measurement: time stamps and flow control.
//!
//! Contract: what a driver says of itself, judged. A virtual device has neither, and that is as it
//! should be; of a NIC it is worth knowing why latencies are less certain than they could be.
//!
//! Left out on purpose: opening ports (`squall doctor` does it, when nothing stands in the way).

use super::Finding;
use crate::dpdk::{Abilities, PortInfo, StampSource};

/// What one port says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// DPDK's name of the port.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// It is a device in software.
    pub is_virtual: bool,
    /// What its frames' times can rest on, best first.
    pub sources: Vec<StampSource>,
    /// What the testbed wants them to rest on, if it says.
    pub wanted: Option<StampSource>,
    /// It sends at the time written into a frame.
    pub send_on_timestamp: bool,
    /// Its priority flow control can be asked for.
    pub priority_flow_control: bool,
}

impl Offer {
    /// That of a port, of which the testbed wants `wanted`.
    #[must_use]
    pub fn new(info: &PortInfo, abilities: &Abilities, wanted: Option<StampSource>) -> Offer {
        Offer {
            name: info.name.clone(),
            driver: info.driver.clone(),
            is_virtual: info.is_virtual(),
            sources: info.stamp_sources(abilities),
            wanted,
            send_on_timestamp: info.send_on_timestamp,
            priority_flow_control: abilities.priority_flow_control,
        }
    }
}

/// Two findings for each port.
#[must_use]
pub fn examine(offers: &[Offer]) -> Vec<Finding> {
    offers
        .iter()
        .flat_map(|offer| [timestamps(offer), flow_control(offer)])
        .collect()
}

/// What [`StampSource::Nic`] takes: a stamp is worth nothing where its clock cannot be read, as with ice.
const STAMPS_EVERY_FRAME: &str =
    "mlx5, or another driver with Rx TIMESTAMP (RTE_ETH_RX_OFFLOAD_TIMESTAMP) and a readable device clock";

fn timestamps(offer: &Offer) -> Finding {
    const CHECK: &str = "timestamps";
    let Offer { name, driver, .. } = offer;
    let wanted = offer.wanted;
    if let Some(wanted) = wanted.filter(|wanted| !offer.sources.contains(wanted)) {
        let can: Vec<&str> = offer.sources.iter().map(|source| source.name()).collect();
        return Finding::error(
            CHECK,
            format!(
                "the testbed wants `timestamps: {}` of {name} ({driver}), which has {}",
                wanted.name(),
                can.join(", ")
            ),
            "say `timestamps: auto` in the testbed, which takes the best that there is",
        );
    }
    let sending = if offer.send_on_timestamp {
        "it sends at the time that a frame says"
    } else {
        "departures are those of the software"
    };
    match wanted.or_else(|| offer.sources.first().copied()) {
        Some(StampSource::Nic) => Finding::good(CHECK, format!("{name} ({driver}) stamps every arrival; {sending}")),
        Some(StampSource::Kernel) => Finding::good(
            CHECK,
            format!("{name} ({driver}) has the kernel's arrival times; {sending}"),
        ),
        Some(StampSource::PtpProbe) => Finding::warning(
            CHECK,
            format!(
                "{name} ({driver}) stamps PTP frames only: probes give a class's delays, all other times are those of the loop"
            ),
            format!("for a stamp on every frame use {STAMPS_EVERY_FRAME}"),
        ),
        _ if offer.is_virtual || wanted.is_some() => Finding::good(
            CHECK,
            format!("{name} ({driver}) goes by the processor's clock, at the burst"),
        ),
        _ => Finding::warning(
            CHECK,
            format!("{name} ({driver}) stamps no arrivals: they are those of the loop"),
            format!("give it cores of its own (isolcpus=), or use {STAMPS_EVERY_FRAME}"),
        ),
    }
}

fn flow_control(offer: &Offer) -> Finding {
    const CHECK: &str = "pfc";
    let Offer { name, driver, .. } = offer;
    if offer.priority_flow_control {
        return Finding::good(CHECK, format!("{name} ({driver}) has priority flow control"));
    }
    if offer.is_virtual {
        let what = format!(
            "{name} ({driver}) has no MAC that would consume PFC frames: they reach the loops, which count them"
        );
        return Finding::good(CHECK, what);
    }
    Finding::warning(
        CHECK,
        format!("{name} ({driver}) does not tell of priority flow control: its MAC may consume PFC frames unseen"),
        "switch PFC off for its interface where it has one (mlnx_qos -i IFACE --pfc 0,0,0,0,0,0,0,0; lldptool), or look at \
         its own counters: squall run lists them as ports[].xstats",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::verdict;
    use super::*;

    fn nic() -> Offer {
        Offer {
            name: "0000:3b:00.0".to_owned(),
            driver: "mlx5_pci".to_owned(),
            is_virtual: false,
            sources: vec![StampSource::Nic, StampSource::PtpProbe, StampSource::Software],
            wanted: None,
            send_on_timestamp: true,
            priority_flow_control: true,
        }
    }

    #[test]
    fn a_nic_that_stamps_and_obeys_pfc_is_good() {
        let (level, text) = verdict(&examine(&[nic()]));
        assert_eq!(level, Level::Good);
        assert!(text.contains("stamps every arrival; it sends at the time"), "{text}");
    }

    #[test]
    fn what_a_nic_lacks_is_told() {
        let igb = Offer {
            sources: vec![StampSource::PtpProbe, StampSource::Software],
            send_on_timestamp: false,
            ..nic()
        };
        let (level, text) = verdict(&examine(std::slice::from_ref(&igb)));
        assert_eq!(level, Level::Warning);
        assert!(text.contains("PTP frames only"), "{text}");
        let plain = Offer {
            sources: vec![StampSource::Software],
            priority_flow_control: false,
            ..igb.clone()
        };
        let (_, text) = verdict(&examine(&[plain]));
        assert!(text.contains("stamps no arrivals") && text.contains("xstats"), "{text}");
        // What a testbed asks for in vain keeps a run from starting.
        let asked = Offer {
            wanted: Some(StampSource::Nic),
            ..igb.clone()
        };
        let (level, text) = verdict(&examine(&[asked]));
        assert_eq!(level, Level::Error);
        assert!(
            text.contains("`timestamps: nic`") && text.contains("which has ptp-probe, software"),
            "{text}"
        );
        let software = Offer {
            wanted: Some(StampSource::Software),
            ..igb
        };
        assert_eq!(verdict(&examine(&[software])).0, Level::Good);
    }

    #[test]
    fn a_virtual_device_is_as_it_should_be() {
        let ring = Offer {
            name: "net_ring0".to_owned(),
            driver: "net_ring".to_owned(),
            is_virtual: true,
            sources: vec![StampSource::Software],
            send_on_timestamp: false,
            priority_flow_control: false,
            ..nic()
        };
        assert_eq!(verdict(&examine(&[ring])).0, Level::Good);
    }
}
