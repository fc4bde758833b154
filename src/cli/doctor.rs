//! `squall doctor`: what stands in squall's way on this host, and the command that fixes it.

use std::fmt::Write;
use std::path::Path;

use super::class_notes::disagreements;
use super::devices::{DeviceFlags, print};
use super::{Failure, Outcome, ports, shipped};
use crate::dpdk::{self, DeviceArg, Eal, EalConfig, Hugepages, StampSource};
use crate::host::{self, Devlink, Finding, Interfaces, Level, Needs, Offer, PortNeed};
use crate::plan::summary::PortSummary;
use crate::testbed::{Testbed, Timestamps};
use crate::trial;
use crate::units::{BitRate, Bytes};

/// Look for what keeps squall from running well on this host
///
/// Exit status 3 when something does not work at all; warnings do not count.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    devices: DeviceFlags,
    /// Memory that packet buffers need, instead of the testbed's (512 MiB without one)
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    /// Pattern that is to be run: a path, or the name of a shipped one; its longest frame and what it asks of
    /// each port of the testbed are compared with the links
    #[arg(long, value_name = "PATTERN", requires = "testbed", value_parser = shipped::PATTERN, hide_possible_values = true)]
    pattern: Option<String>,
    /// Look at the host only; do not start the ports for a moment to see what they offer
    #[arg(long)]
    no_ports: bool,
    /// Take missing hugepages as an error
    #[arg(long)]
    require_hugepages: bool,
    /// Accept this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    i_own_this_interface: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Ethernet, IPv4, UDP, BTH, RETH, immediate, 4096 bytes of payload, ICRC (IBTA Vol 1, 9.2; Annex A17).
const LONGEST_FRAME: u32 = 14 + 20 + 8 + 12 + 16 + 4 + 4096 + 4;

/// Runs the command.
///
/// # Errors
/// [`Failure::Environment`] when a finding is an error, [`Failure::Input`] for a wrong testbed.
pub fn run(args: &Args) -> Outcome {
    let interfaces = Interfaces::of_this_host()
        .map_err(|error| Failure::Environment(format!("cannot list the network interfaces: {error}")))?;
    let wanted = args.devices.wanted()?;
    let asked = match &args.pattern {
        Some(pattern) => asked(pattern, wanted.testbed.as_ref())?,
        None => Asked {
            frame_len: LONGEST_FRAME,
            loads: Vec::new(),
            classes: Vec::new(),
        },
    };
    let needs = Needs {
        memory: args.memory.unwrap_or(wanted.eal.memory),
        hugepages: if args.require_hugepages {
            Hugepages::Required
        } else {
            wanted.eal.hugepages
        },
        devices: wanted.eal.devices.clone(),
        cores: wanted.cores,
        frame_len: asked.frame_len,
        owned_interfaces: args.i_own_this_interface.clone(),
        ports: port_needs(wanted.testbed.as_ref(), &wanted.eal, &asked.loads),
    };
    let root = Path::new("/");
    let mut findings = host::examine(root, &needs, &interfaces, &Devlink::of_this_host(root, &needs));
    findings.extend(asked.classes);
    let in_the_way = findings.iter().any(|finding| finding.level == Level::Error);
    if !args.no_ports && !in_the_way && !needs.devices.is_empty() {
        match offers(wanted.eal, wanted.testbed.as_ref()) {
            Ok(offers) => findings.extend(host::examine_offers(&offers)),
            Err(error) => findings.push(Finding {
                check: "ports",
                level: Level::Error,
                what: format!("DPDK does not open the ports: {error}"),
                fix: Some("squall ports, with the same flags, shows DPDK's own log".to_owned()),
            }),
        }
    }
    print(&if args.json { json(&findings) } else { text(&findings) })?;
    match findings.iter().filter(|finding| finding.level == Level::Error).count() {
        0 => Ok(()),
        1 => Err(Failure::Environment(
            "one thing does not work; see above how to fix it".to_owned(),
        )),
        count => Err(Failure::Environment(format!(
            "{count} things do not work; see above how to fix them"
        ))),
    }
}

/// What a pattern asks for.
struct Asked {
    frame_len: u32,
    /// By port: the most at any one time, either way.
    loads: Vec<BitRate>,
    /// Where its classes and the testbed's do not agree.
    classes: Vec<Finding>,
}

fn asked(pattern: &str, testbed: Option<&Testbed>) -> Result<Asked, Failure> {
    let pattern = crate::pattern::load(pattern, &[])?;
    let Some(testbed) = testbed else {
        return Err(Failure::Input("--pattern needs a --testbed".to_owned()));
    };
    let plan = trial::plan_of(&pattern, testbed, &trial::speeds(testbed)?)?;
    let classes = disagreements(&plan, testbed).into_iter().map(|found| Finding {
        check: "classes",
        level: Level::Warning,
        what: found.what,
        fix: Some(found.remedy),
    });
    let load = |port: &PortSummary| BitRate(port.offered_tx.max(port.offered_rx));
    Ok(Asked {
        frame_len: u32::try_from(plan.max_frame_len()).unwrap_or(u32::MAX),
        loads: plan.summary().ports.iter().map(load).collect(),
        classes: classes.collect(),
    })
}

/// What the testbed wants of its devices, which are the first of those named.
fn port_needs(testbed: Option<&Testbed>, eal: &EalConfig, loads: &[BitRate]) -> Vec<PortNeed> {
    let of_testbed = testbed.map_or(&[][..], |testbed| &testbed.ports);
    let need = |(at, device): (usize, &DeviceArg)| PortNeed {
        device: device.clone(),
        speed: of_testbed.get(at).and_then(|port| port.speed),
        load: loads.get(at).copied(),
    };
    eal.devices.iter().enumerate().map(need).collect()
}

/// Starts the ports for a moment, for many drivers know their clocks only then, and asks what they offer.
fn offers(wanted: EalConfig, testbed: Option<&Testbed>) -> dpdk::Result<Vec<Offer>> {
    // Those of the testbed come first, in its order; DPDK numbers them as its buses find them.
    let names: Vec<String> = wanted.devices.iter().map(DeviceArg::name).collect();
    let of_testbed = testbed.map_or(&[][..], |testbed| &testbed.ports);
    let asked = |name: &String| {
        let at = names.iter().position(|other| other == name)?;
        match of_testbed.get(at)?.timestamps {
            Timestamps::Auto => None,
            Timestamps::Nic => Some(StampSource::Nic),
            Timestamps::PtpProbe => Some(StampSource::PtpProbe),
            Timestamps::Kernel => Some(StampSource::Kernel),
            Timestamps::Software => Some(StampSource::Software),
        }
    };
    let eal = Eal::init(&EalConfig {
        // No traffic is sent, and nobody could connect to the telemetry in time.
        memory: ports::MEMORY,
        telemetry: false,
        ..wanted
    })?;
    let opened = eal.port_names();
    let pool = ports::pool(&eal, opened.len())?;
    let offer = |name: &String| {
        let port = ports::describe(&eal, name, Some(&pool))?;
        Ok(Offer::new(&port.info, &port.abilities, asked(name)))
    };
    opened.iter().map(offer).collect()
}

fn text(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:<8} {:<10} {}", finding.level, finding.check, finding.what);
        if let Some(fix) = &finding.fix {
            let _ = writeln!(text, "{:<8} {:<10} → {fix}", "", "");
        }
        text
    })
}

fn json(findings: &[Finding]) -> String {
    let list: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "check": finding.check,
                "level": finding.level.name(),
                "what": finding.what,
                "fix": finding.fix,
                // Its name in earlier versions.
                "mend": finding.fix,
            })
        })
        .collect();
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    format!(
        "{:#}\n",
        serde_json::json!({ "schema": "squall.doctor/1", "errors": errors, "findings": list })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_printed_with_what_mends_them() {
        let findings = [
            Finding {
                check: "cpu",
                level: Level::Good,
                what: "2 cores: 0, 1".to_owned(),
                fix: None,
            },
            Finding {
                check: "interface",
                level: Level::Error,
                what: "veth1 is down".to_owned(),
                fix: Some("ip link set veth1 up".to_owned()),
            },
        ];
        assert_eq!(
            text(&findings),
            "ok       cpu        2 cores: 0, 1\n\
             error    interface  veth1 is down\n                    → ip link set veth1 up\n"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&findings)).unwrap();
        assert_eq!(json["errors"], 1);
        assert_eq!(json["findings"][1]["fix"], "ip link set veth1 up");
        assert!(json["findings"][0]["fix"].is_null());
    }
}
