//! What a trial must not do: disturb a network that others use, or send where frames are swallowed.
//!
//! Contract: each check says which port, why, and what to do.

use super::TrialError;
use crate::pattern::Pattern;
use crate::testbed::{Device, Testbed};
use crate::{host, plan};

/// Refuses to disturb a network that is in use (RFC 6815).
pub(super) fn check_devices(pattern: &Pattern, testbed: &Testbed, owned: &[String]) -> Result<(), TrialError> {
    let interfaces = host::Interfaces::of_this_host()
        .map_err(|error| TrialError::Environment(format!("cannot list the network interfaces: {error}")))?;
    for port in &testbed.ports {
        let Some(name) = port.device.kernel_interface() else {
            continue;
        };
        if owned.iter().any(|own| own == name) {
            continue;
        }
        if let Some(why) = host::in_use(std::path::Path::new("/"), name, &interfaces) {
            return Err(TrialError::Environment(format!(
                "port {}: the kernel uses interface {name} ({why}); free it, or say --i-own-this-interface {name}",
                port.name
            )));
        }
    }
    let sends_pauses = pattern.traffic.iter().any(|entry| entry.kind.sends_pauses());
    let real = testbed.ports.iter().find(|port| match &port.device {
        Device::Pci { .. } => true,
        Device::Fabric => false,
        Device::Vdev { driver, .. } => !matches!(driver.as_str(), "net_null" | "net_ring"),
    });
    if let (true, false, Some(port)) = (sends_pauses, testbed.isolated, real) {
        return Err(TrialError::Input(format!(
            "PFC and PAUSE frames can stop a network that others use, and port {} leads out of this process; if nothing but \
             the test hangs on it, say `isolated: true` in the testbed (RFC 6815)",
            port.name
        )));
    }
    Ok(())
}

/// Refuses kernel interfaces that would swallow the frames: down, or with too small an MTU.
pub(super) fn check_interfaces(plan: &plan::Plan, testbed: &Testbed) -> Result<(), TrialError> {
    // What the kernel calls MTU is the IP packet; tags are let through.
    let needed = plan.max_frame_len() - crate::wire::ethernet::LEN;
    for port in &testbed.ports {
        let Some(name) = port.device.kernel_interface() else {
            continue;
        };
        let read = |file: &str| std::fs::read_to_string(format!("/sys/class/net/{name}/{file}")).ok();
        let mtu = read("mtu").and_then(|text| text.trim().parse::<usize>().ok());
        if let Some(mtu) = mtu.filter(|mtu| *mtu < needed) {
            return Err(TrialError::Environment(format!(
                "port {}: interface {name} has MTU {mtu}, this pattern's frames need {needed}: ip link set {name} mtu {}",
                port.name,
                needed.next_multiple_of(100)
            )));
        }
        let flags = read("flags").and_then(|text| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok());
        if flags.is_some_and(|flags| flags & IFF_UP == 0) {
            return Err(TrialError::Environment(format!(
                "port {}: interface {name} is down: ip link set {name} up",
                port.name
            )));
        }
    }
    Ok(())
}

/// Bit of an interface that is up (netdevice(7)).
const IFF_UP: u32 = 1;

/// Refuses line-rate blasts into a network that may be in use (RFC 6815).
pub(super) fn check_blast(plan: &plan::Plan, testbed: &Testbed) -> Result<(), TrialError> {
    let summary = plan.summary();
    let ports = testbed.ports.iter().zip(&plan.ports).zip(&summary.ports);
    for ((port, planned), own) in ports {
        // 90 %: whoever shares the network has nothing left worth having.
        let blast = u128::from(own.offered_tx) * 10 >= u128::from(planned.speed.0) * 9;
        if !testbed.isolated && blast && matches!(port.device, Device::Pci { .. }) {
            return Err(TrialError::Input(format!(
                "port {} is to send {} of its {}; if nothing but the test hangs on that network, say `isolated: true` in the \
                 testbed (RFC 6815)",
                port.name,
                crate::units::BitRate(own.offered_tx),
                planned.speed
            )));
        }
    }
    Ok(())
}
