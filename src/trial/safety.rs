//! What a trial must not do: disturb a network that others use, or send where frames are swallowed.
//!
//! Contract: each check says which port, why, and what to do.

use std::path::Path;

use super::TrialError;
use crate::dpdk::DeviceArg;
use crate::engine::lab::device_arg;
use crate::host::{self, Interfaces, Refusal};
use crate::pattern::Pattern;
use crate::plan;
use crate::testbed::{Port, Testbed};
use crate::units::BitRate;

/// Where `/proc` and `/sys` are.
const ROOT: &str = "/";

/// The devices of a testbed and, where any of them leads out of this process, the interfaces of this host.
struct Devices<'a> {
    ports: Vec<(&'a Port, DeviceArg)>,
    all: Vec<DeviceArg>,
    interfaces: Interfaces,
}

impl Devices<'_> {
    fn of(testbed: &Testbed) -> Result<Devices<'_>, TrialError> {
        let ports = testbed.ports.iter();
        let ports: Vec<_> = ports
            .filter_map(|port| Some((port, device_arg(&port.device)?)))
            .collect();
        let all: Vec<DeviceArg> = ports.iter().map(|(_, device)| device.clone()).collect();
        let interfaces = if all.iter().any(host::leads_out) {
            interfaces()?
        } else {
            Interfaces::default()
        };
        Ok(Devices { ports, all, interfaces })
    }
}

pub(super) fn interfaces() -> Result<Interfaces, TrialError> {
    Interfaces::of_this_host()
        .map_err(|error| TrialError::Environment(format!("cannot list the network interfaces: {error}")))
}

/// Refuses to disturb a network that is in use (RFC 6815).
pub(super) fn check_devices(pattern: &Pattern, testbed: &Testbed, owned: &[String]) -> Result<(), TrialError> {
    let devices = Devices::of(testbed)?;
    let Devices { ports, all, interfaces } = &devices;
    for (index, (port, device)) in ports.iter().enumerate() {
        let refused = host::refusals(Path::new(ROOT), device, all, interfaces, owned);
        if let Some(refusal) = refused.iter().find(|refusal| !refusal.absent) {
            return Err(said(&port.name, device, refusal));
        }
        let own = host::interfaces_of(device, interfaces);
        for (other, of_other) in ports.iter().take(index) {
            if let Some(shared) = host::interfaces_of(of_other, interfaces)
                .iter()
                .find(|name| own.contains(name))
            {
                return Err(TrialError::Input(format!(
                    "ports {} and {} are both on interface {shared}: their frames would mix",
                    other.name, port.name
                )));
            }
        }
    }
    let sends_pauses = pattern.traffic.iter().any(|entry| entry.kind.sends_pauses());
    let real = ports.iter().find(|(_, device)| host::leads_out(device));
    if let (true, false, Some((port, _))) = (sends_pauses, testbed.isolated, real) {
        return Err(TrialError::Input(format!(
            "PFC and PAUSE frames can stop a network that others use, and port {} leads out of this process; if nothing but \
             the test hangs on it, say `isolated: true` in the testbed (RFC 6815)",
            port.name
        )));
    }
    Ok(())
}

/// Refuses devices of which an interface is not here, before anything is opened.
pub(super) fn check_present(testbed: &Testbed, owned: &[String]) -> Result<(), TrialError> {
    let Devices { ports, all, interfaces } = &Devices::of(testbed)?;
    for (port, device) in ports {
        let refused = host::refusals(Path::new(ROOT), device, all, interfaces, owned);
        if let Some(refusal) = refused.iter().find(|refusal| refusal.absent) {
            return Err(said(&port.name, device, refusal));
        }
    }
    Ok(())
}

fn said(port: &str, device: &DeviceArg, refusal: &Refusal) -> TrialError {
    TrialError::Environment(format!(
        "port {port}, device {}: {}; {}",
        device.name(),
        refusal.why,
        refusal.fix
    ))
}

/// Refuses kernel interfaces that would swallow the frames: down, or with too small an MTU.
pub(super) fn check_interfaces(plan: &plan::Plan, testbed: &Testbed) -> Result<(), TrialError> {
    // What the kernel calls MTU is the IP packet; tags are let through.
    let needed = plan.max_frame_len() - crate::wire::ethernet::LEN;
    let Devices { ports, interfaces, .. } = Devices::of(testbed)?;
    for (port, device) in &ports {
        for name in host::interfaces_of(device, &interfaces) {
            let Some((_, interface)) = interfaces.find(&name) else {
                continue;
            };
            if let Some(mtu) = interface.mtu.filter(|mtu| (*mtu as usize) < needed) {
                return Err(TrialError::Environment(format!(
                    "port {}: interface {name} has MTU {mtu}, this pattern's frames need {needed}: ip link set {name} mtu {}",
                    port.name,
                    needed.next_multiple_of(100)
                )));
            }
            if !interface.up {
                return Err(TrialError::Environment(format!(
                    "port {}: interface {name} is down: ip link set {name} up",
                    port.name
                )));
            }
        }
    }
    Ok(())
}

/// Refuses line-rate blasts into a network that may be in use (RFC 6815).
pub(super) fn check_blast(plan: &plan::Plan, testbed: &Testbed) -> Result<(), TrialError> {
    if testbed.isolated || testbed.fabric.is_some() {
        return Ok(());
    }
    let devices = Devices::of(testbed)?;
    let Devices { ports, all, interfaces } = &devices;
    let summary = plan.summary();
    for (((port, device), planned), own) in ports.iter().zip(&plan.ports).zip(&summary.ports) {
        // What the testbed says of the rate of a kernel interface, or its driver invents, the kernel knows better.
        let names = host::interfaces_of(device, interfaces);
        let told = names
            .iter()
            .filter_map(|name| host::link_speed(Path::new(ROOT), name, interfaces));
        let speed = told.fold(planned.speed, |speed, told| speed.min(BitRate(told)));
        // 90 %: whoever shares the network has nothing left worth having.
        let blast = u128::from(own.offered_tx) * 10 >= u128::from(speed.0) * 9;
        if blast && host::reaches_hardware(device, all, interfaces) {
            return Err(TrialError::Input(format!(
                "port {} is to send {} of its {speed}; if nothing but the test hangs on that network, say `isolated: true` \
                 in the testbed (RFC 6815)",
                port.name,
                BitRate(own.offered_tx),
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A testbed with this device.
    fn testbed(device: &str) -> Testbed {
        let text = format!("ports:\n  - {{device: \"{device}\", speed: 1Gbps}}\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.yaml");
        std::fs::write(&path, text).unwrap();
        crate::testbed::load(path.to_str().unwrap(), &[]).unwrap().testbed
    }

    #[test]
    fn the_loopback_is_refused_in_every_form() {
        let pattern = crate::pattern::load("first-look", &[]).unwrap().pattern;
        for device in [
            "net_af_packet0,iface=lo",
            "net_pcap0,iface=lo",
            "net_pcap0,rx_iface=lo,tx_iface=lo",
            "net_pcap0,rx_iface_in=lo",
            "net_af_xdp0,iface=lo",
            "net_tap0,iface=t0,remote=lo",
            "net_failsafe0,dev(net_af_packet0,iface=lo)",
            "net_bonding0,mode=0,slave=net_af_packet0,iface=lo",
        ] {
            let said = check_devices(&pattern, &testbed(device), &[]).unwrap_err();
            let TrialError::Environment(said) = said else {
                panic!("{device}: {said}")
            };
            assert!(said.contains("the kernel uses interface lo"), "{device}: {said}");
            assert!(said.ends_with("--i-own-this-interface lo"), "{device}: {said}");
        }
        let owned = ["lo".to_owned()];
        assert_eq!(
            check_devices(&pattern, &testbed("net_pcap0,rx_iface=lo,tx_iface=lo"), &owned),
            Ok(())
        );
    }
}
