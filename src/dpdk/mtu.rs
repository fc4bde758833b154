//! Which MTU to configure: what the port's driver says about itself cannot always be believed.

use super::info::PortInfo;
use super::{Error, Result};

/// Ethernet header, two VLAN tags and FCS: what a driver may count on top of the MTU.
pub(super) const FRAME_OVERHEAD: u32 = 14 + 2 * 4 + 4;

/// The MTU to give `rte_eth_dev_configure`; 0 is the driver's own.
///
/// Software devices move whatever fits their buffers, and several would refuse an MTU above
/// 1500 (net_af_packet reports a `max_rx_pktlen` of 1518 and carries 4170-byte frames; net_memif is
/// alike): those that report too little get 0. A real NIC is taken at its word.
pub(super) fn configured_mtu(info: &PortInfo, wanted: Option<u16>) -> Result<u32> {
    let Some(mtu) = wanted else { return Ok(0) };
    // ethdev itself derives the overhead so (eth_dev_get_overhead_len).
    let overhead = match info.max_rx_frame.checked_sub(u32::from(info.max_mtu)) {
        Some(overhead) if info.max_mtu != u16::MAX => overhead,
        _ => 14 + 4,
    };
    let fits = mtu <= info.max_mtu && u32::from(mtu).saturating_add(overhead) <= info.max_rx_frame;
    if fits {
        return Ok(u32::from(mtu));
    }
    if info.is_virtual() {
        return Ok(0);
    }
    Err(Error::Unsupported {
        port: info.name.clone(),
        what: format!(
            "an MTU of {mtu} is more than the port's {}; use a smaller pmtu",
            info.max_mtu
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpdk_sys as sys;

    fn port(bus: &str, max_mtu: u16, max_rx_pktlen: u32) -> PortInfo {
        let raw = sys::squall_port_info {
            max_mtu,
            max_rx_pktlen,
            ..sys::squall_port_info::default()
        };
        PortInfo {
            bus: Some(bus.to_owned()),
            ..PortInfo::new("p", 0, &raw)
        }
    }

    #[test]
    fn af_packet_keeps_its_own() {
        assert_eq!(configured_mtu(&port("vdev", u16::MAX, 1518), Some(4170)).unwrap(), 0);
    }

    #[test]
    fn net_null_takes_it() {
        assert_eq!(
            configured_mtu(&port("vdev", u16::MAX, u32::MAX), Some(4170)).unwrap(),
            4170
        );
    }

    #[test]
    fn a_nic_is_believed() {
        let nic = port("pci", 9710, 9728);
        assert_eq!(configured_mtu(&nic, Some(9710)).unwrap(), 9710);
        assert!(
            configured_mtu(&nic, Some(9711))
                .unwrap_err()
                .to_string()
                .contains("9710")
        );
        assert_eq!(configured_mtu(&nic, None).unwrap(), 0);
    }
}
